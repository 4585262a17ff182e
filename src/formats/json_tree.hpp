// A JSON document as flat nodes with their offsets, for documents of other programs: deeper and larger than json::parse allows, and a
// place for every message. Duplicate keys are refused. Nothing recurses. Values; texts are views into the input or into `owned`.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/result.hpp"

namespace slipway::json_tree {

struct Limits {
  std::size_t nodes_max = 10'000'000;
  std::size_t depth_max = 2'000;
};

enum class Kind : std::uint8_t { null, boolean, number, text, array, object };

struct Node {
  Kind kind = Kind::null;
  bool boolean = false;
  std::uint32_t next = 0;    // the following sibling; 0: none
  std::uint32_t first = 0;   // array, object: the first child; 0: none
  std::uint32_t count = 0;   // array, object
  std::uint64_t offset = 0;  // in the input
  std::string_view key;      // of a member
  std::string_view text;     // text (unescaped), or a number as written
};

class Tree {
 public:
  static Result<Tree> parse(std::string_view text, const Limits& limits = {});
  const Node& root() const { return nodes_[1]; }
  const Node& at(std::uint32_t i) const { return nodes_[i]; }
  const Node* find(const Node& object, std::string_view key) const;  // null: none, or no object
  std::uint32_t index(const Node& node) const { return static_cast<std::uint32_t>(&node - nodes_.data()); }

 private:
  friend class Parser;
  std::vector<Node> nodes_;
  std::deque<std::string> owned_;
};

}  // namespace slipway::json_tree
