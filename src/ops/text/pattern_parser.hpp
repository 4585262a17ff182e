// The syntax of Python's `re` as a tree. For pattern.cpp only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/ops/text/unicode.hpp"

namespace slipway::ops::text::pattern {

inline constexpr int kNestingMax = 100, kRepeatMax = 1000;
inline constexpr char32_t kLast = 0x10FFFF;

[[noreturn]] inline void refuse(const std::string& what) { throw std::invalid_argument("the pattern " + what); }

enum Class : std::uint8_t { kWord = 1, kNotWord = 2, kDigit = 4, kNotDigit = 8, kSpace = 16, kNotSpace = 32 };

struct Flags {
  bool ascii = false, any_line = false, each_line = false, ignore_case = false;
};

struct Set {
  struct Range {
    char32_t first, last;
  };
  std::vector<Range> ranges;
  std::uint8_t classes = 0;
  bool negated = false, ascii = false;

  bool in_class(char32_t c) const {
    const bool outside = ascii && c > 127;
    const auto is = [&](std::uint8_t yes, std::uint8_t no, bool (*test)(char32_t)) {
      if ((classes & (yes | no)) == 0) return false;
      const bool inside = !outside && test(c);
      return ((classes & yes) != 0 && inside) || ((classes & no) != 0 && !inside);
    };
    return is(kWord, kNotWord, is_word) || is(kDigit, kNotDigit, is_decimal) || is(kSpace, kNotSpace, is_space_of(ascii));
  }
  bool holds(char32_t c) const {
    bool inside = std::any_of(ranges.begin(), ranges.end(), [c](const Range& r) { return c >= r.first && c <= r.last; });
    inside = inside || (classes != 0 && in_class(c));
    return inside != negated;
  }

 private:
  static bool (*is_space_of(bool ascii_only))(char32_t) {
    // In ASCII mode the separators 28 to 31 are no white space.
    return ascii_only ? [](char32_t c) { return c == U' ' || (c >= 9 && c <= 13); } : is_space;
  }
};

struct Node {
  enum class Kind : std::uint8_t {
    empty,
    set,
    sequence,
    choice,
    repeat,
    group,
    begin,
    end,
    end_line,
    begin_line,
    boundary,
    no_boundary,
    text_end,
    look
  } kind;
  Set set{};                     // set, look
  std::vector<Node> children{};  // sequence, choice, repeat, group
  int low = 0, high = -1;        // repeat; high -1: no limit
  bool lazy = false;
  std::size_t group = 0;              // 0: not captured
  bool behind = false, not_ = false;  // look

  bool may_be_empty() const {
    switch (kind) {
      case Kind::set: return false;
      case Kind::sequence: return std::all_of(children.begin(), children.end(), [](const Node& n) { return n.may_be_empty(); });
      case Kind::choice: return std::any_of(children.begin(), children.end(), [](const Node& n) { return n.may_be_empty(); });
      case Kind::repeat: return low == 0 || children[0].may_be_empty();
      case Kind::group: return children[0].may_be_empty();
      default: return true;
    }
  }
};
using Kind = Node::Kind;

class Parser {
 public:
  explicit Parser(std::u32string text) : text_(std::move(text)) {}

  Node parse() {
    flags();
    Node whole = choice();
    if (at_ < text_.size()) refuse("has a ')' too many");
    return whole;
  }
  std::size_t groups() const { return groups_; }
  Flags flags_{};

 private:
  bool more() const { return at_ < text_.size(); }
  char32_t peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : 0; }
  bool take(char32_t c) {
    if (!more() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::u32string_view s) {
    if (std::u32string_view(text_).substr(at_, s.size()) != s) return false;
    at_ += s.size();
    return true;
  }
  char32_t next() {
    if (!more()) refuse("ends too early");
    return text_[at_++];
  }

  // (?u), (?aim) ... at the beginning.
  void flags() {
    while (peek() == U'(' && peek(1) == U'?' && std::u32string_view(U"aiLmsux").find(peek(2)) != std::u32string_view::npos) {
      std::size_t end = at_ + 2;
      while (end < text_.size() && text_[end] != U')' && text_[end] != U':' && text_[end] != U'-') ++end;
      if (end >= text_.size() || text_[end] != U')') refuse("has flags for a part of it, which are not read here");
      for (std::size_t i = at_ + 2; i < end; ++i) {
        switch (text_[i]) {
          case U'u': break;
          case U'a': flags_.ascii = true; break;
          case U's': flags_.any_line = true; break;
          case U'm': flags_.each_line = true; break;
          case U'i': flags_.ignore_case = true; break;
          default: refuse("has a flag that is not read here: x or L");
        }
      }
      at_ = end + 1;
    }
  }

  Node choice() {
    if (++nesting_ > kNestingMax) refuse("is nested too deeply");
    Node out{Kind::choice};
    out.children.push_back(sequence());
    while (take(U'|')) out.children.push_back(sequence());
    --nesting_;
    return out.children.size() == 1 ? std::move(out.children[0]) : out;
  }

  Node sequence() {
    Node out{Kind::sequence};
    while (more() && peek() != U'|' && peek() != U')') {
      Node one = atom();
      out.children.push_back(repeated(std::move(one)));
    }
    return out;
  }

  std::optional<int> number() {
    if (!is_decimal(peek()) || peek() > 127) return std::nullopt;
    int n = 0;
    while (peek() >= U'0' && peek() <= U'9') {
      n = n * 10 + static_cast<int>(next() - U'0');
      if (n > kRepeatMax) refuse("repeats something more than " + std::to_string(kRepeatMax) + " times");
    }
    return n;
  }

  // {m}, {m,}, {,n}, {m,n}; anything else is the brace itself.
  bool braces(int& low, int& high) {
    const std::size_t back = at_;
    if (!take(U'{')) return false;
    const auto first = number();
    bool comma = false;
    std::optional<int> second;
    if (take(U',')) {
      comma = true;
      second = number();
    }
    if (!take(U'}') || (!first && !comma)) {
      at_ = back;
      return false;
    }
    low = first.value_or(0);
    high = comma ? second.value_or(-1) : low;
    if (high >= 0 && high < low) refuse("has a repeat whose bounds are the wrong way round");
    return true;
  }

  Node repeated(Node one) {
    int low = 0, high = -1;
    if (take(U'*')) {
    } else if (take(U'+')) {
      low = 1;
    } else if (take(U'?')) {
      high = 1;
    } else if (!braces(low, high)) {
      return one;
    }
    Node out{Kind::repeat};
    out.low = low;
    out.high = high;
    out.lazy = take(U'?');
    if (!out.lazy && peek() == U'+') refuse("has a possessive repeat, which is not read here");
    if (peek() == U'*' || peek() == U'+' || peek() == U'?') refuse("repeats a repeat");
    if (one.may_be_empty() && high != 1) refuse("repeats something that may be empty, which is not read here");
    out.children.push_back(std::move(one));
    return out;
  }

  Node one_of(Set set) {
    set.ascii = flags_.ascii;
    if (flags_.ignore_case) add_other_case(set);
    Node out{Kind::set};
    out.set = std::move(set);
    return out;
  }
  Node literal(char32_t c) { return one_of(Set{{{c, c}}}); }

  // Case is ignored for ASCII letters and the four others that Python equates with them.
  static void add_other_case(Set& set) {
    const auto ranges = set.ranges;
    for (const Set::Range& r : ranges) {
      if (r.last > 127) refuse("ignores the case of letters beyond ASCII, which is not read here");
      for (char32_t c = r.first; c <= r.last; ++c) {
        const char32_t low = c >= U'A' && c <= U'Z' ? c + 32 : c;
        if (low < U'a' || low > U'z') continue;
        set.ranges.push_back({low, low});
        set.ranges.push_back({low - 32, low - 32});
        if (set.ascii) continue;
        if (low == U'i') set.ranges.push_back({0x130, 0x131});
        if (low == U's') set.ranges.push_back({0x17F, 0x17F});
        if (low == U'k') set.ranges.push_back({0x212A, 0x212A});
      }
    }
  }

  Node atom() {
    const char32_t c = next();
    switch (c) {
      case U'.': {
        Set any{{{0, kLast}}};
        if (!flags_.any_line) any = Set{{{U'\n', U'\n'}}, 0, true};
        Node out{Kind::set};
        out.set = std::move(any);
        return out;
      }
      case U'^': return Node{flags_.each_line ? Kind::begin_line : Kind::begin};
      case U'$': return Node{flags_.each_line ? Kind::end_line : Kind::end};
      case U'[': return one_of(bracket());
      case U'(': return group();
      case U'\\': return escape();
      case U'*':
      case U'+':
      case U'?': refuse("repeats nothing");
      default: return literal(c);
    }
  }

  Node group() {
    Node out{Kind::group};
    if (!take(U'?')) {
      out.group = ++groups_;
    } else if (take(U"#")) {
      while (next() != U')') {}
      return Node{Kind::empty};
    } else if (take(U"P<")) {
      while (next() != U'>') {}
      out.group = ++groups_;
    } else if (take(U"=") || take(U"!") || take(U"<=") || take(U"<!")) {
      return look(text_[at_ - 1] == U'!', text_[at_ - 2] == U'<');
    } else if (!take(U":")) {
      refuse("has a group of a kind that is not read here: only (...), (?:...), (?P<name>...), (?=.), (?!.), (?<=.) and (?<!.) are");
    }
    out.children.push_back(choice());
    if (!take(U')')) refuse("lacks a ')'");
    return out;
  }

  // Look-around of one character, or ahead of the end: of alternatives any may hold, or none.
  Node look(bool negated, bool behind) {
    Node inside = choice();
    if (!take(U')')) refuse("lacks a ')'");
    Node out{negated ? Kind::sequence : Kind::choice};
    if (inside.kind != Kind::choice) {
      out.children.push_back(look_at(std::move(inside), negated, behind));
      return out;
    }
    for (Node& one : inside.children) out.children.push_back(look_at(std::move(one), negated, behind));
    return out;
  }

  static Node look_at(Node one, bool negated, bool behind) {
    while (one.kind == Kind::sequence && one.children.size() == 1) one = Node(one.children[0]);
    const bool at_end = one.kind == Kind::end || one.kind == Kind::text_end || one.kind == Kind::end_line;
    if (at_end && !negated && !behind) return one;
    if (one.kind != Kind::set) refuse("looks around at more than one character, which is not read here");
    Node out{Kind::look};
    out.set = std::move(one.set);
    out.behind = behind;
    out.not_ = negated;
    return out;
  }

  static std::optional<std::uint8_t> class_of(char32_t c) {
    switch (c) {
      case U'w': return kWord;
      case U'W': return kNotWord;
      case U'd': return kDigit;
      case U'D': return kNotDigit;
      case U's': return kSpace;
      case U'S': return kNotSpace;
      default: return std::nullopt;
    }
  }

  char32_t hexadecimal(int digits) {
    char32_t value = 0;
    for (int i = 0; i < digits; ++i) {
      const char32_t c = next();
      const int digit = c >= U'0' && c <= U'9'   ? static_cast<int>(c - U'0')
                        : c >= U'a' && c <= U'f' ? static_cast<int>(c - U'a') + 10
                        : c >= U'A' && c <= U'F' ? static_cast<int>(c - U'A') + 10
                                                 : -1;
      if (digit < 0) refuse("has a bad \\x or \\u");
      value = value << 4 | static_cast<char32_t>(digit);
    }
    if (value > kLast) refuse("has a bad \\U");
    return value;
  }

  // The character that an escape stands for, inside and outside of brackets alike.
  char32_t escaped(char32_t c) {
    switch (c) {
      case U'n': return U'\n';
      case U't': return U'\t';
      case U'r': return U'\r';
      case U'f': return U'\f';
      case U'v': return U'\v';
      case U'a': return U'\a';
      case U'x': return hexadecimal(2);
      case U'u': return hexadecimal(4);
      case U'U': return hexadecimal(8);
      case U'0':
        if (is_decimal(peek())) refuse("has an octal escape, which is not read here");
        return 0;
      default: break;
    }
    if (c >= U'1' && c <= U'9') refuse("refers back to a group, which is not read here");
    if (c < 128 && is_alphanumeric(c)) refuse("has an escape that is not read here: \\" + std::string(1, static_cast<char>(c)));
    return c;
  }

  Node escape() {
    const char32_t c = next();
    if (c == U'b') return Node{Kind::boundary};
    if (c == U'B') return Node{Kind::no_boundary};
    if (c == U'A') return Node{Kind::begin};
    if (c == U'Z') return Node{Kind::text_end};
    if (const auto known = class_of(c)) {
      Node out{Kind::set};
      out.set.classes = *known;
      out.set.ascii = flags_.ascii;
      return out;
    }
    return literal(escaped(c));
  }

  Set bracket() {
    Set set;
    set.negated = take(U'^');
    for (bool first = true; first || peek() != U']'; first = false) {
      char32_t c = next();
      if (c == U'\\') {
        const char32_t e = next();
        if (const auto known = class_of(e)) {
          set.classes |= *known;
          continue;
        }
        c = e == U'b' ? U'\b' : escaped(e);
      }
      char32_t last = c;
      if (peek() == U'-' && peek(1) != U']' && at_ + 1 < text_.size()) {
        ++at_;
        last = next();
        if (last == U'\\') {
          const char32_t e = next();
          if (class_of(e)) refuse("has a bad range");
          last = e == U'b' ? U'\b' : escaped(e);
        }
        if (last < c) refuse("has a bad range");
      }
      set.ranges.push_back({c, last});
      if (!more()) refuse("lacks a ']'");
    }
    ++at_;
    return set;
  }

  std::u32string text_;
  std::size_t at_ = 0, groups_ = 0;
  int nesting_ = 0;
};

}  // namespace slipway::ops::text::pattern
