// What the readers of document.cpp share: a place in the bytes and the bounds. For document.cpp only.
#pragma once

#include <algorithm>

#include "slipway/formats/document.hpp"

namespace slipway::document {

inline constexpr std::size_t kNodesFree = 300'000, kNodeBytesMin = 16;  // beyond the free ones, a node has its name or its numbers
inline constexpr std::size_t kMembersMax = 2'000;                       // of one object: looked up one by one

class Reader {
 public:
  Reader(std::string_view bytes, const Limits& limits, std::string_view name)
      : bytes_(bytes), limits_(limits), nodes_max_(std::min(limits.nodes_max, std::max(kNodesFree, bytes.size() / kNodeBytesMin))), name_(name) {}

  bool done() const { return at_ >= bytes_.size(); }
  Error broken(std::string_view what) const {
    return {ErrorCode::model_refused, std::string(name_) + " " + std::string(what) + " (at byte " + std::to_string(at_) + ")"};
  }

 protected:
  char peek() const { return bytes_[at_]; }
  std::string_view left() const { return bytes_.substr(at_); }
  void skip(std::size_t n) { at_ += std::min(n, bytes_.size() - at_); }
  bool accept(std::string_view word) {
    if (bytes_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  Status count() {
    if (++nodes_ > nodes_max_) return broken("has too many parts");
    return ok();
  }
  Status enter(int depth) {
    if (depth > limits_.depth_max) return broken("is nested too deep");
    return count();
  }

 private:
  std::string_view bytes_;
  const Limits& limits_;
  std::size_t nodes_max_;
  std::string_view name_;
  std::size_t at_ = 0, nodes_ = 0;
};

}  // namespace slipway::document
