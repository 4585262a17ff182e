// A pattern is parsed to a tree, the tree becomes a program, and the program runs as a set of threads in order of preference, one
// character at a time (Pike's machine): the first thread to arrive is the match that backtracking would have found.
#include "slipway/ops/text/pattern.hpp"

#include <algorithm>

#include "slipway/ops/text/pattern_parser.hpp"

namespace slipway::ops::text {

using pattern::Node;
using pattern::Parser;
using pattern::refuse;
using pattern::Set;
using Kind = Node::Kind;

namespace {

constexpr std::size_t kProgramMax = 20'000;

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
