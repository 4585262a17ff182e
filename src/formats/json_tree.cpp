#include "slipway/formats/json_tree.hpp"

#include <algorithm>
#include <unordered_set>

#include "slipway/base/encoding.hpp"

namespace slipway::json_tree {
namespace {

constexpr std::size_t kBytesPerNode = 12;  // of large documents: growing a table of millions of nodes would need it thrice

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  const int tail = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  constexpr std::uint32_t kLead[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(kLead[tail] | c >> (6 * tail));
  for (int i = tail; i-- > 0;) out += static_cast<char>(0x80 | (c >> (6 * i) & 0x3F));
}

}  // namespace

class Parser {
 public:
  Parser(std::string_view text, const Limits& limits) : text_(text), limits_(limits) { tree_.nodes_.emplace_back(); }

  Result<Tree> run() && {
    tree_.nodes_.reserve(std::min(limits_.nodes_max, text_.size() / kBytesPerNode) + 2);  // room isn't memory until it is written
    std::uint32_t last = 0;                                                               // sibling before
    std::string_view key;
    for (;;) {
      // One value; then close what ends here.
      const std::uint32_t made = TRY(value(key, last));
      key = {};
      last = made;
      const Node& node = tree_.nodes_[made];
      if (node.kind == Kind::array || node.kind == Kind::object) {
        const char close = node.kind == Kind::array ? ']' : '}';
        skip();
        if (!take(close)) {
          if (open_.size() >= limits_.depth_max) return fail("is nested deeper than " + std::to_string(limits_.depth_max));
          open_.push_back(made);
          keys_.emplace_back();
          last = 0;
          if (node.kind == Kind::object) key = TRY(member_key());
          continue;
        }
      }
      for (;;) {
        skip();
        if (open_.empty()) {
          if (at_ != text_.size()) return fail("goes on behind its end");
          return std::move(tree_);
        }
        Node& parent = tree_.nodes_[open_.back()];
        if (take(',')) {
          if (parent.kind == Kind::object) {
            skip();
            key = TRY(member_key());
          }
          break;
        }
        if (!take(parent.kind == Kind::array ? ']' : '}')) return fail("lacks a comma or an end");
        if (parent.kind == Kind::object) TRY(check_keys(parent));
        last = open_.back();
        open_.pop_back();
        keys_.pop_back();
      }
    }
  }

 private:
  Error fail(std::string what) const { return {ErrorCode::model_refused, "the JSON text at byte " + std::to_string(at_) + " " + std::move(what)}; }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) ++at_;
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view w) {
    if (text_.substr(at_, w.size()) != w) return false;
    at_ += w.size();
    return true;
  }

  // Hashes first: a vocabulary has millions of keys, and a set of them costs more than all the rest.
  Status check_keys(const Node& object) {
    auto& hashes = keys_.back();
    std::sort(hashes.begin(), hashes.end());
    if (std::adjacent_find(hashes.begin(), hashes.end()) == hashes.end()) return ok();
    std::unordered_set<std::string_view> keys;
    for (std::uint32_t i = object.first; i != 0; i = tree_.nodes_[i].next) {
      const std::string_view key = tree_.nodes_[i].key;
      if (!keys.insert(key).second) return fail("ends an object that has the key '" + excerpt(key) + "' twice");
    }
    return ok();
  }

  Result<std::string_view> member_key() {
    skip();
    if (at_ >= text_.size() || text_[at_] != '"') return fail("lacks a key");
    const std::string_view key = TRY(quoted());
    keys_.back().push_back(std::hash<std::string_view>{}(key));
    skip();
    if (!take(':')) return fail("lacks a colon");
    return key;
  }

  Result<std::uint32_t> value(std::string_view key, std::uint32_t before) {
    skip();
    if (tree_.nodes_.size() > limits_.nodes_max) return fail("has more than " + std::to_string(limits_.nodes_max) + " values");
    Node node;
    node.offset = at_;
    node.key = key;
    if (at_ >= text_.size()) return fail("ends too early");
    const char c = text_[at_];
    if (c == '{' || c == '[') {
      ++at_;
      node.kind = c == '{' ? Kind::object : Kind::array;
    } else if (c == '"') {
      node.kind = Kind::text;
      node.text = TRY(quoted());
    } else if (word("null")) {
      node.kind = Kind::null;
    } else if (word("true") || word("false")) {
      node.kind = Kind::boolean;
      node.boolean = c == 't';
    } else {
      node.kind = Kind::number;
      const std::size_t begin = at_;
      while (at_ < text_.size() && std::string_view("+-.0123456789eE").find(text_[at_]) != std::string_view::npos) ++at_;
      node.text = text_.substr(begin, at_ - begin);
      // Python's json writes these, too.
      if (node.text.empty() || node.text == "-") {
        if (!word("NaN") && !word("Infinity")) return fail("has something that is no value");
        node.text = text_.substr(begin, at_ - begin);
      }
    }
    const auto index = static_cast<std::uint32_t>(tree_.nodes_.size());
    tree_.nodes_.push_back(node);
    if (!open_.empty()) {
      Node& parent = tree_.nodes_[open_.back()];
      ++parent.count;
      if (before == 0)
        parent.first = index;
      else
        tree_.nodes_[before].next = index;
    }
    return index;
  }

  Result<std::string_view> quoted() {
    const std::size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\') {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) return fail("has a control character in a text");
      ++at_;
    }
    if (at_ < text_.size() && text_[at_] == '"') {
      const std::string_view plain = text_.substr(begin, at_++ - begin);
      return plain;
    }
    std::string out(text_.substr(begin, at_ - begin));
    while (at_ < text_.size() && text_[at_] != '"') {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) return fail("has a control character in a text");
      if (text_[at_] != '\\') {
        out += text_[at_++];
        continue;
      }
      ++at_;
      TRY(escape(out));
    }
    if (!take('"')) return fail("ends within a text");
    return std::string_view(tree_.owned_.emplace_back(std::move(out)));
  }

  Result<std::uint32_t> hex4() {
    if (text_.size() - at_ < 4) return fail("ends within a text");
    std::uint32_t v = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = text_[at_++];
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (digit < 0) return fail("has a damaged escape");
      v = v << 4 | static_cast<std::uint32_t>(digit);
    }
    return v;
  }

  Status escape(std::string& out) {
    if (at_ >= text_.size()) return fail("ends within a text");
    const char c = text_[at_++];
    constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
    if (const std::size_t i = kFrom.find(c); i != kFrom.npos) {
      out += kTo[i];
      return ok();
    }
    if (c != 'u') return fail("has an unknown escape");
    std::uint32_t v = TRY(hex4());
    if (v >= 0xD800 && v < 0xDC00) {
      if (!word("\\u")) return fail("has half a character");
      const std::uint32_t low = TRY(hex4());
      if (low < 0xDC00 || low > 0xDFFF) return fail("has half a character");
      v = 0x10000 + ((v - 0xD800) << 10) + (low - 0xDC00);
    } else if (v >= 0xDC00 && v < 0xE000) {
      return fail("has half a character");
    }
    append_utf8(out, v);
    return ok();
  }

  std::string_view text_;
  const Limits& limits_;
  Tree tree_;
  std::size_t at_ = 0;
  std::vector<std::uint32_t> open_;
  std::vector<std::vector<std::size_t>> keys_;  // hashes, of the objects that are open
};

Result<Tree> Tree::parse(std::string_view text, const Limits& limits) {
  if (!is_valid_utf8(text)) return Error(ErrorCode::model_refused, "the JSON text is no UTF-8");
  return Parser(text, limits).run();
}

const Node* Tree::find(const Node& object, std::string_view key) const {
  if (object.kind != Kind::object) return nullptr;
  for (std::uint32_t i = object.first; i != 0; i = nodes_[i].next) {
    if (nodes_[i].key == key) return &nodes_[i];
  }
  return nullptr;
}

}  // namespace slipway::json_tree
