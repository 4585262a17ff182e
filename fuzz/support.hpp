// What the fuzz targets share: a condition that must hold, and an input taken apart piece by piece. Each target is one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

namespace slipway::fuzz {

inline void check(bool holds) {
  if (!holds) std::abort();
}

// The input from its front. Short inputs give zeros and empty texts: every input means something.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : text_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return text_.empty(); }
  std::string_view rest() const { return text_; }
  std::uint8_t byte() { return number<std::uint8_t>(); }
  std::string_view text(std::size_t bytes) {
    const std::string_view out = text_.substr(0, bytes);
    text_.remove_prefix(out.size());
    return out;
  }
  std::string_view line() {  // to the next line feed, which is dropped
    const std::string_view out = text(std::min(text_.find('\n'), text_.size()));
    if (!text_.empty()) text_.remove_prefix(1);
    return out;
  }
  template <class T>
  T number() {
    T value{};
    const std::string_view from = text(sizeof value);
    if (!from.empty()) std::memcpy(&value, from.data(), from.size());
    return value;
  }

 private:
  std::string_view text_;
};

// Cuts a text into pieces of 1 to 64 bytes as a seed says: readers that are fed piece by piece must not care.
class Cuts {
 public:
  explicit Cuts(std::uint32_t seed) : state_(seed | 1U) {}
  std::string_view next(std::string_view& rest) {
    state_ = state_ * 1664525U + 1013904223U;
    const std::string_view piece = rest.substr(0, 1 + (state_ >> 24) % ((state_ & 0x10000U) != 0 ? 64 : 3));
    rest.remove_prefix(piece.size());
    return piece;
  }

 private:
  std::uint32_t state_;
};

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
inline bool within(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace slipway::fuzz
