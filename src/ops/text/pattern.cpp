// A pattern is parsed to a tree, the tree becomes a program, and the program runs as a set of threads in order of preference, one
// character at a time (Pike's machine): the first thread to arrive is the match that backtracking would have found.
#include "slipway/ops/text/pattern.hpp"

#include <algorithm>
#include <optional>

#include "slipway/ops/text/unicode.hpp"

namespace slipway::ops::text {
namespace {

constexpr std::size_t kProgramMax = 20'000;
constexpr int kNestingMax = 100, kRepeatMax = 1000;
constexpr char32_t kLast = 0x10FFFF;

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument("the pattern " + what); }

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

struct Step {
  enum class Op : std::uint8_t { set, split, jump, save, assertion, look, match } op;
  std::size_t a = 0, b = 0;  // split: first and second choice; jump: where; save: which; set, look: of sets
  Kind assertion = Kind::empty;
  bool behind = false, not_ = false;
};
using Op = Step::Op;

}  // namespace

struct Pattern::Program {
  std::vector<Step> steps;
  std::vector<Set> sets;
  std::vector<std::uint64_t> ascii;  // two words a set: which of the first 128 characters it holds
  std::size_t groups = 0;
  std::size_t runs_of_words = 0;  // not 0: the pattern means maximal runs of at least so many word characters
  bool ascii_words = false;

  bool holds(std::size_t set, char32_t c) const { return c < 128 ? (ascii[set * 2 + (c >> 6)] >> (c & 63) & 1) != 0 : sets[set].holds(c); }
  bool word_at(std::u32string_view text, std::size_t at) const { return at < text.size() && is_word(text[at]) && !(ascii_words && text[at] > 127); }
  bool boundary(std::u32string_view text, std::size_t at) const { return (at > 0 && word_at(text, at - 1)) != word_at(text, at); }

  std::size_t add(Step step) {
    if (steps.size() >= kProgramMax) refuse("is too large");
    steps.push_back(step);
    return steps.size() - 1;
  }
  std::size_t add_set(const Set& set) {
    for (char32_t word = 0; word < 2; ++word) {
      std::uint64_t bits = 0;
      for (char32_t c = 0; c < 64; ++c) bits |= static_cast<std::uint64_t>(set.holds(word * 64 + c)) << c;
      ascii.push_back(bits);
    }
    sets.push_back(set);
    return sets.size() - 1;
  }

  void write(const Node& node) {
    switch (node.kind) {
      case Kind::empty: return;
      case Kind::set: add({Op::set, add_set(node.set)}); return;
      case Kind::look: add({Op::look, add_set(node.set), 0, Kind::look, node.behind, node.not_}); return;
      case Kind::sequence:
        for (const Node& child : node.children) write(child);
        return;
      case Kind::group:
        if (node.group == 1) add({Op::save, 0});
        write(node.children[0]);
        if (node.group == 1) add({Op::save, 1});
        return;
      case Kind::choice: write_choice(node); return;
      case Kind::repeat: write_repeat(node); return;
      default: add({Op::assertion, 0, 0, node.kind}); return;
    }
  }

  void write_choice(const Node& node) {
    std::vector<std::size_t> ends;
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      const bool last = i + 1 == node.children.size();
      const std::size_t split = last ? 0 : add({Op::split});
      if (!last) steps[split].a = steps.size();
      write(node.children[i]);
      if (last) continue;
      ends.push_back(add({Op::jump}));
      steps[split].b = steps.size();
    }
    for (const std::size_t end : ends) steps[end].a = steps.size();
  }

  void write_repeat(const Node& node) {
    for (int i = 0; i < node.low; ++i) write(node.children[0]);
    const auto branch = [&](std::size_t split, std::size_t inside, std::size_t outside) {
      steps[split].a = node.lazy ? outside : inside;
      steps[split].b = node.lazy ? inside : outside;
    };
    if (node.high < 0) {
      const std::size_t split = add({Op::split});
      write(node.children[0]);
      add({Op::jump, split});
      branch(split, split + 1, steps.size());
      return;
    }
    std::vector<std::size_t> splits;
    for (int i = node.low; i < node.high; ++i) {
      splits.push_back(add({Op::split}));
      write(node.children[0]);
    }
    for (const std::size_t split : splits) branch(split, split + 1, steps.size());
  }
};

namespace {

struct Thread {
  std::size_t step = 0, start = 0, group_begin = 0, group_end = 0;
};
constexpr std::size_t kUnset = static_cast<std::size_t>(-1);

}  // namespace

namespace {

// One search after the other over one text.
template <class Program>
class Machine {
 public:
  Machine(const Program& program, std::u32string_view text, std::size_t steps_max)
      : p_(program), text_(text), left_(steps_max), stamp_of_(program.steps.size(), 0) {}

  // The first match that begins at `from` or later; `not_empty_at`: there it must hold a character.
  bool search(std::size_t from, std::size_t not_empty_at, Thread& match, std::size_t& end) {
    now_.clear();
    bool found = false;
    for (std::size_t at = from;; ++at) {
      if (!found) add(now_, Thread{0, at, kUnset, kUnset}, at, at == from);
      if (now_.empty() && found) break;
      next_.clear();
      ++stamp_;
      for (const Thread& t : now_) {
        const Step& step = p_.steps[t.step];
        if (step.op == Op::match) {
          if (at == t.start && at == not_empty_at) continue;
          match = t;
          end = at;
          found = true;
          break;  // what stands behind it is less preferred
        }
        if (at < text_.size() && p_.holds(step.a, text_[at])) {
          Thread onward = t;
          onward.step = t.step + 1;
          add(next_, onward, at + 1, false);
        }
      }
      std::swap(now_, next_);
      if (at >= text_.size()) break;
    }
    return found;
  }

 private:
  bool asserted(const Step& step, std::size_t at) const {
    const std::size_t n = text_.size();
    switch (step.assertion) {
      case Kind::begin: return at == 0;
      case Kind::begin_line: return at == 0 || text_[at - 1] == U'\n';
      case Kind::end: return at == n || (at + 1 == n && text_[at] == U'\n');
      case Kind::end_line: return at == n || text_[at] == U'\n';
      case Kind::text_end: return at == n;
      case Kind::boundary: return p_.boundary(text_, at);
      case Kind::no_boundary: return !p_.boundary(text_, at);
      default: return true;
    }
  }

  // Follows everything that takes no character, the preferred way first.
  void add(std::vector<Thread>& list, Thread first, std::size_t at, bool fresh) {
    if (fresh) ++stamp_;
    waiting_.assign(1, first);
    while (!waiting_.empty()) {
      Thread t = waiting_.back();
      waiting_.pop_back();
      if (stamp_of_[t.step] == stamp_) continue;
      stamp_of_[t.step] = stamp_;
      if (left_-- == 0) throw std::invalid_argument("a text is too long for the model's token pattern");
      const Step& step = p_.steps[t.step];
      switch (step.op) {
        case Op::set:
        case Op::match: list.push_back(t); break;
        case Op::jump:
          t.step = step.a;
          waiting_.push_back(t);
          break;
        case Op::split: {
          Thread second = t;
          second.step = step.b;
          t.step = step.a;
          waiting_.push_back(second);
          waiting_.push_back(t);
          break;
        }
        case Op::save:
          (step.a == 0 ? t.group_begin : t.group_end) = at;
          ++t.step;
          waiting_.push_back(t);
          break;
        case Op::assertion:
        case Op::look: {
          bool holds = false;
          if (step.op == Op::assertion) {
            holds = asserted(step, at);
          } else {
            const bool there = step.behind ? at > 0 : at < text_.size();
            holds = (there && p_.holds(step.a, text_[step.behind ? at - 1 : at])) != step.not_;
          }
          if (!holds) break;
          ++t.step;
          waiting_.push_back(t);
          break;
        }
      }
    }
  }

  const Program& p_;
  std::u32string_view text_;
  std::size_t left_;
  std::vector<Thread> now_, next_, waiting_;
  std::vector<std::uint32_t> stamp_of_;
  std::uint32_t stamp_ = 0;
};

}  // namespace

Pattern::Pattern(std::string_view utf8) {
  Parser parser(from_utf8(utf8));
  const Node tree = parser.parse();
  auto program = std::make_unique<Program>();
  program->groups = parser.groups();
  program->ascii_words = parser.flags_.ascii;
  program->write(tree);
  program->add({Op::match});
  std::string_view plain = utf8;
  if (plain.starts_with("(?u)")) plain.remove_prefix(4);
  if (plain == R"(\b\w\w+\b)" || plain == R"(\w\w+)") program->runs_of_words = 2;
  if (plain == R"(\b\w+\b)" || plain == R"(\w+)") program->runs_of_words = 1;
  program_ = std::move(program);
}

Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;

std::size_t Pattern::groups() const { return program_->groups; }

std::vector<Pattern::Span> Pattern::find_all(std::u32string_view text, std::size_t steps_max) const {
  std::vector<Span> out;
  if (program_->runs_of_words > 0) {
    for (std::size_t i = 0; i < text.size();) {
      if (!is_word(text[i])) {
        ++i;
        continue;
      }
      std::size_t end = i;
      while (end < text.size() && is_word(text[end])) ++end;
      if (end - i >= program_->runs_of_words) out.push_back({i, end});
      i = end;
    }
    return out;
  }
  Machine<Program> machine(*program_, text, steps_max);
  std::size_t from = 0, not_empty_at = kUnset;
  Thread match;
  std::size_t end = 0;
  while (from <= text.size() && machine.search(from, not_empty_at, match, end)) {
    if (program_->groups == 0)
      out.push_back({match.start, end});
    else if (match.group_begin == kUnset || match.group_end == kUnset)
      out.push_back({end, end});
    else
      out.push_back({match.group_begin, match.group_end});
    not_empty_at = end == match.start ? end : kUnset;
    from = end;
  }
  return out;
}

}  // namespace slipway::ops::text
