#include "slipway/importers/python/lexer.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace slipway::python {
namespace {

struct Spelling {
  std::string_view text;
  Tok kind;
};

constexpr std::array kOperators = {
#define OPERATOR(name, text) Spelling{text, Tok::name},
#include "slipway/importers/python/tokens.def"
};
constexpr std::array kKeywords = {
#define KEYWORD(name, text) Spelling{text, Tok::name},
#include "slipway/importers/python/tokens.def"
};

constexpr int kRestartsMax = 4;  // a string that is open to the end of the file is looked for again from the next line, so often

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80; }
bool continues_name(char c) { return starts_name(c) || is_digit(c); }
bool is_quote(char c) { return c == '"' || c == '\''; }

// Characters that no name has, though they are not ASCII: signs, spaces and the quotes of text processors. Python knows by the whole
// Unicode tables; what is missed here is a name that no program can have.
bool is_sign(std::string_view bytes) {
  const auto b = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U; };
  std::uint32_t c = 0;
  if (b(0) < 0xE0) {
    c = ((b(0) & 0x1FU) << 6) | (b(1) & 0x3FU);
  } else if (b(0) < 0xF0) {
    c = ((b(0) & 0x0FU) << 12) | ((b(1) & 0x3FU) << 6) | (b(2) & 0x3FU);
  } else {
    return b(0) == 0xF0 && b(1) == 0x9F;  // pictures
  }
  return (c >= 0x80 && c < 0xC0 && c != 0xAA && c != 0xB5 && c != 0xB7 && c != 0xBA) || c == 0xD7 || c == 0xF7 ||
         (c >= 0x2000 && c <= 0x206F && c != 0x203F && c != 0x2040 && c != 0x2054) || (c >= 0x20A0 && c <= 0x20CF) || (c >= 0x2190 && c <= 0x2BFF) ||
         (c >= 0x3000 && c <= 0x3004) || (c >= 0x3008 && c <= 0x3020) || (c >= 0xE000 && c <= 0xF8FF) || c == 0xFEFF ||
         (c >= 0xFF00 && c <= 0xFF0F) || c >= 0xFFF0;
}

Tok keyword(std::string_view word) {
  if (word.size() < 2 || word.size() > 8) return Tok::name;
  for (const Spelling& k : kKeywords) {
    if (k.text[0] == word[0] && k.text == word) return k.kind;
  }
  return Tok::name;
}

// Only a statement begins with it. In brackets, at the start of a line, it says that a bracket was forgotten.
bool begins_statement(Tok kind) {
  switch (kind) {
    case Tok::kw_class:
    case Tok::kw_def:
    case Tok::kw_return:
    case Tok::kw_import:
    case Tok::kw_raise:
    case Tok::kw_while:
    case Tok::kw_try:
    case Tok::kw_with:
    case Tok::kw_del:
    case Tok::kw_pass:
    case Tok::kw_assert:
    case Tok::kw_global:
    case Tok::kw_nonlocal:
    case Tok::kw_break:
    case Tok::kw_continue: return true;
    default: return false;
  }
}

class Lexer {
 public:
  Lexer(std::string_view source, const LexOptions& options) : source_(source), options_(options) { tokens_.reserve(source.size() / 4 + 16); }

  std::vector<Token> run() && {
    while (true) {
      if (in_text()) {
        fstring_text();
        continue;
      }
      if (line_begins_ && brackets_.empty()) {
        line_begins_ = false;
        indentation();
        continue;
      }
      if (!step()) break;
    }
    close_brackets();
    end_line();
    for (; indents_.size() > 1; indents_.pop_back()) add(Tok::dedent, at_, at_);
    add(Tok::end, at_, at_);
    return std::move(tokens_);
  }

 private:
  struct Bracket {
    char open;
    std::uint32_t begin, line, column;
  };
  // Inside an f-string: its text, the expression of a field, the field's format.
  enum class ModeKind : std::uint8_t { text, field, spec };
  struct Mode {
    ModeKind kind;
    char quote;
    bool triple, raw;
    std::size_t brackets;  // that were open when it began; of a field with its own
  };
  struct Indent {
    std::uint32_t column, column_of_ones;  // a tab goes to the next eighth column, or counts one: both must agree
  };

  char peek(std::size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }
  bool at_end() const { return at_ >= source_.size(); }
  bool in_text() const { return !modes_.empty() && modes_.back().kind != ModeKind::field; }
  bool in_field_itself() const { return !modes_.empty() && modes_.back().kind == ModeKind::field && brackets_.size() == modes_.back().brackets; }
  bool triple_at(std::size_t i) const { return i + 2 < source_.size() && source_[i + 1] == source_[i] && source_[i + 2] == source_[i]; }

  void add(Tok kind, std::size_t begin, std::size_t end, Fault fault = Fault::none) {
    tokens_.push_back({kind, fault, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), line_,
                       static_cast<std::uint32_t>(begin - std::min(begin, line_start_) + 1)});
  }
  void fail(Fault fault, std::size_t begin, std::size_t end) {
    if (!tokens_.empty() && tokens_.back().kind == Tok::error) return;  // one says enough
    add(Tok::error, begin, end, fault);
  }
  void next_line() {  // behind a line feed
    ++line_;
    line_start_ = at_;
  }
  void end_line() {
    if (!tokens_.empty() && tokens_.back().kind != Tok::newline && tokens_.back().kind != Tok::indent && tokens_.back().kind != Tok::dedent)
      add(Tok::newline, at_, at_);
  }
  void skip_to_line_end() { at_ = std::min(source_.find('\n', at_), source_.size()); }

  void close_brackets() {
    if (brackets_.empty() && modes_.empty()) return;
    if (!brackets_.empty()) {
      const Bracket& open = brackets_.back();
      tokens_.push_back({Tok::error, Fault::open_bracket, open.begin, open.begin + 1, open.line, open.column});
    }
    brackets_.clear();
    modes_.clear();
  }

  // The beginning of a logical line. Lines that hold nothing leave no token.
  void indentation() {
    Indent here{0, 0};
    for (;; ++at_) {
      const char c = peek();
      if (c == ' ') {
        ++here.column, ++here.column_of_ones;
      } else if (c == '\t') {
        here.column = (here.column / 8 + 1) * 8, ++here.column_of_ones;
      } else if (c == '\f') {
        here = {0, 0};
      } else {
        break;
      }
    }
    if (at_end() || peek() == '\n' || peek() == '#') return;  // step() goes over it, and leaves no newline
    Fault fault = Fault::none;
    if (here.column > indents_.back().column) {
      if (here.column_of_ones <= indents_.back().column_of_ones) fault = Fault::tabs;
      indents_.push_back(here);
      add(Tok::indent, at_, at_);
    } else {
      while (here.column < indents_.back().column) {
        indents_.pop_back();
        add(Tok::dedent, at_, at_);
      }
      if (here.column != indents_.back().column) {
        fault = Fault::dedent;
      } else if (here.column_of_ones != indents_.back().column_of_ones) {
        fault = Fault::tabs;
      }
    }
    if (fault != Fault::none) add(Tok::error, at_, at_, fault);
    if (options_.ipython && is_magic()) magic();
  }

  bool is_magic() const {
    if (peek() == '%' || peek() == '!' || peek() == '?') return true;
    std::string_view line = source_.substr(at_);
    line = line.substr(0, line.find('\n'));
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
    return line.ends_with('?') && line.find_first_of("#'\"") == std::string_view::npos;  // help: name?
  }
  void magic() {
    const std::size_t begin = at_;
    while (true) {
      skip_to_line_end();
      if (at_end() || source_[at_ - 1] != '\\') break;
      ++at_;
      next_line();
    }
    tokens_.push_back({Tok::kw_pass, Fault::none, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(at_), line_, 1});
  }

  bool step() {  // false at the end
    while (peek() == ' ' || peek() == '\t' || peek() == '\f') ++at_;
    if (at_end()) return false;
    const char c = peek();
    if (c == '#') {
      skip_to_line_end();
    } else if (c == '\n') {
      line_feed();
    } else if (c == '\\') {
      backslash();
    } else if (starts_name(c)) {
      name();
    } else if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
      number();
    } else if (is_quote(c)) {
      string(at_);
    } else {
      operator_or_bracket();
    }
    return true;
  }

  void line_feed() {
    if (brackets_.empty()) end_line();
    ++at_;
    next_line();
    line_begins_ = true;
  }

  void backslash() {
    if (peek(1) == '\n' && at_ + 2 < source_.size()) {
      at_ += 2;
      next_line();
    } else {
      fail(Fault::backslash, at_, at_ + 1);
      ++at_;
    }
  }

  bool at_sign() const { return static_cast<unsigned char>(peek()) >= 0xC0 && is_sign(source_.substr(at_, 4)); }

  void name() {
    const std::size_t begin = at_;
    if (at_sign()) {
      do ++at_;
      while ((static_cast<unsigned char>(peek()) & 0xC0U) == 0x80);
      fail(Fault::illegal_character, begin, at_);
      return;
    }
    while (!at_end() && continues_name(peek()) && !at_sign()) ++at_;
    const std::string_view word = source_.substr(begin, at_ - begin);
    if (is_quote(peek()) && word.size() <= 2 && is_prefix(word)) {
      string(begin);
      return;
    }
    const Tok kind = keyword(word);
    if (line_begins_ && begins_statement(kind)) {  // in brackets, or line_begins_ would be false
      const std::size_t line_start = line_start_;
      close_brackets();
      end_line();
      at_ = line_start;
      return;
    }
    add(kind, begin, at_);
    line_begins_ = false;
  }

  static bool is_prefix(std::string_view word) {
    std::string low;
    for (const char c : word) low.push_back(static_cast<char>(c | 0x20));
    return low == "r" || low == "b" || low == "u" || low == "f" || low == "br" || low == "rb" || low == "fr" || low == "rf" || low == "ur";
  }

  void string(std::size_t begin) {  // at the opening quote
    line_begins_ = false;
    bool raw = false, field = false, old = false;
    for (std::size_t i = begin; i < at_; ++i) {
      raw |= (source_[i] | 0x20) == 'r';
      field |= (source_[i] | 0x20) == 'f';
      old |= (source_[i] | 0x20) == 'u' && at_ - begin == 2;
    }
    const char quote = peek();
    const bool triple = triple_at(at_);
    const std::uint32_t line = line_;
    const std::size_t line_start = line_start_;
    const auto put = [&](Tok kind, Fault fault) {
      tokens_.push_back({kind, fault, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(at_), line,
                         static_cast<std::uint32_t>(begin - line_start + 1)});
    };
    at_ += triple ? 3 : 1;
    if (field) {
      put(Tok::fstring_start, Fault::none);
      modes_.push_back({ModeKind::text, quote, triple, raw, brackets_.size()});
      return;
    }
    while (!at_end()) {
      const char c = peek();
      if (c == '\\' && at_ + 1 < source_.size()) {
        ++at_;
      } else if (c == '\n' && !triple) {
        break;
      } else if (c == quote && (!triple || triple_at(at_))) {
        at_ += triple ? 3 : 1;
        put(old ? Tok::error : Tok::string, old ? Fault::unicode_raw_string : Fault::none);
        return;
      }
      if (peek() == '\n') {
        ++at_;
        next_line();
      } else {
        ++at_;
      }
    }
    put(Tok::error, Fault::open_string);
    if (at_end()) go_on_behind(line, begin);
  }

  // A string was open to the end of the file: what follows its first line may be whole nevertheless.
  void go_on_behind(std::uint32_t line, std::size_t begin) {
    if (++restarts_ > kRestartsMax) return;
    line_ = line;
    line_start_ = std::min(source_.rfind('\n', begin) + 1, begin);
    at_ = begin;
    skip_to_line_end();
    brackets_.clear();
    modes_.clear();
  }

  // The text of an f-string, or the format of a field, to what ends it.
  void fstring_text() {
    const Mode mode = modes_.back();
    const bool spec = mode.kind == ModeKind::spec;
    const std::size_t begin = at_, line_start = line_start_;
    const std::uint32_t line = line_;
    const auto put_middle = [&] {
      if (at_ != begin)
        tokens_.push_back({Tok::fstring_middle, Fault::none, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(at_), line,
                           static_cast<std::uint32_t>(begin - line_start + 1)});
    };
    bool named = false;  // in \N{...}
    while (!at_end()) {
      const char c = peek();
      if (c == mode.quote && (!mode.triple || triple_at(at_))) {
        put_middle();
        if (spec) fail(Fault::field_brace, at_, at_ + 1);
        close_fstring(true);
        return;
      }
      if (c == '\n' && !mode.triple) {
        put_middle();
        fail(Fault::open_string, begin, at_);
        close_fstring(false);
        return;
      }
      if (c == '{' && !named) {
        if (peek(1) == '{' && !spec) {
          at_ += 2;
          continue;
        }
        put_middle();
        open_field();
        return;
      }
      if (c == '}' && !named) {
        if (peek(1) == '}' && !spec) {
          at_ += 2;
          continue;
        }
        put_middle();
        close_brace_in_text(spec);
        return;
      }
      if (c == '}') named = false;
      if (c == '\\' && at_ + 1 < source_.size()) {
        const char escaped = peek(1);
        if (escaped == '{' || escaped == '}') {
          ++at_;  // the brace speaks for itself
          continue;
        }
        if (escaped == 'N' && !mode.raw && peek(2) == '{') {
          named = true;
          at_ += 3;
          continue;
        }
        ++at_;
      }
      if (peek() == '\n') {
        ++at_;
        next_line();
      } else {
        ++at_;
      }
    }
    put_middle();
    tokens_.push_back({Tok::error, Fault::open_string, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(at_), line,
                       static_cast<std::uint32_t>(begin - line_start + 1)});
    modes_.clear();
    brackets_.clear();
    go_on_behind(line, begin);
  }

  void open_field() {
    add(Tok::left_brace, at_, at_ + 1);
    brackets_.push_back({'{', static_cast<std::uint32_t>(at_), line_, static_cast<std::uint32_t>(at_ - line_start_ + 1)});
    const Mode text = modes_.back();
    modes_.push_back({ModeKind::field, text.quote, text.triple, text.raw, brackets_.size()});
    ++at_;
  }
  void close_field() {
    add(Tok::right_brace, at_, at_ + 1);
    brackets_.pop_back();
    modes_.pop_back();
    ++at_;
  }
  void close_brace_in_text(bool spec) {
    if (spec) {
      modes_.pop_back();  // the format; its field follows
      close_field();
    } else {
      fail(Fault::field_brace, at_, at_ + 1);
      ++at_;
    }
  }
  void close_fstring(bool at_quote) {  // the innermost text, and what is open in it
    while (modes_.back().kind != ModeKind::text) modes_.pop_back();
    const Mode text = modes_.back();
    modes_.pop_back();
    brackets_.resize(text.brackets);
    if (!at_quote) return;
    const std::size_t size = text.triple ? 3 : 1;
    add(Tok::fstring_end, at_, at_ + size);
    at_ += size;
  }

  // Digits of a base with single underscores between them; false when there is none, or an underscore too much.
  template <class F>
  bool digits(F is_one) {
    if (!is_one(peek())) return false;
    while (true) {
      while (is_one(peek())) ++at_;
      if (peek() != '_') return true;
      ++at_;
      if (!is_one(peek())) return false;
    }
  }

  void number() {
    line_begins_ = false;
    const std::size_t begin = at_;
    Fault fault = number_body(begin);
    if (fault == Fault::none && continues_name(peek())) {
      const std::size_t end = at_;
      while (!at_end() && continues_name(peek())) ++at_;
      const std::string_view word = source_.substr(end, at_ - end);
      const Tok kind = keyword(word);
      const bool joined = kind == Tok::kw_and || kind == Tok::kw_else || kind == Tok::kw_for || kind == Tok::kw_if || kind == Tok::kw_in ||
                          kind == Tok::kw_is || kind == Tok::kw_not || kind == Tok::kw_or;
      if (joined) {
        at_ = end;  // 1if x else y
      } else {
        fault = word == "L" || word == "l" ? Fault::long_number : Fault::bad_number;
      }
    }
    if (fault == Fault::none) {
      add(Tok::number, begin, at_);
    } else {
      while (!at_end() && continues_name(peek())) ++at_;
      fail(fault, begin, at_);
    }
  }

  Fault number_body(std::size_t begin) {
    const char base = static_cast<char>(peek(1) | 0x20);
    if (peek() == '0' && (base == 'x' || base == 'o' || base == 'b')) {
      at_ += peek(2) == '_' ? 3 : 2;
      const bool good = base == 'x'   ? digits(is_hex)
                        : base == 'o' ? digits([](char c) { return c >= '0' && c <= '7'; })
                                      : digits([](char c) { return c == '0' || c == '1'; });
      return good ? Fault::none : Fault::bad_number;
    }
    bool whole = true;
    if (is_digit(peek()) && !digits(is_digit)) return Fault::bad_number;
    const std::string_view integer = source_.substr(begin, at_ - begin);
    if (peek() == '.') {
      whole = false;
      ++at_;
      if (is_digit(peek()) && !digits(is_digit)) return Fault::bad_number;
    }
    if ((peek() | 0x20) == 'e' && (is_digit(peek(1)) || ((peek(1) == '+' || peek(1) == '-') && is_digit(peek(2))))) {
      whole = false;
      at_ += is_digit(peek(1)) ? 1 : 2;
      if (is_digit(peek()) && !digits(is_digit)) return Fault::bad_number;
    }
    if ((peek() | 0x20) == 'j') {
      whole = false;
      ++at_;
    }
    if (whole && integer.size() > 1 && integer[0] == '0' && integer.find_first_not_of("0_") != std::string_view::npos) return Fault::leading_zero;
    return Fault::none;
  }

  void operator_or_bracket() {
    line_begins_ = false;
    const char c = peek();
    if (in_field_itself()) {
      if (c == '}') {
        close_field();
        return;
      }
      if (c == ':') {
        add(Tok::colon, at_, at_ + 1);
        ++at_;
        const Mode field = modes_.back();
        modes_.push_back({ModeKind::spec, field.quote, field.triple, field.raw, brackets_.size()});
        return;
      }
    }
    if (c == '<' && peek(1) == '>') {
      fail(Fault::old_not_equal, at_, at_ + 2);
      at_ += 2;
      return;
    }
    const std::string_view rest = source_.substr(at_, 3);
    for (const Spelling& op : kOperators) {
      if (!rest.starts_with(op.text)) continue;
      if (c == '(' || c == '[' || c == '{') {
        brackets_.push_back({c, static_cast<std::uint32_t>(at_), line_, static_cast<std::uint32_t>(at_ - line_start_ + 1)});
      } else if (c == ')' || c == ']' || c == '}') {
        if (!close(c)) {
          fail(Fault::wrong_bracket, at_, at_ + 1);
          ++at_;
          return;
        }
      }
      add(op.kind, at_, at_ + op.text.size());
      at_ += op.text.size();
      return;
    }
    fail(c == '`' ? Fault::backquote : Fault::illegal_character, at_, at_ + 1);
    ++at_;
  }

  bool close(char c) {
    const char open = c == ')' ? '(' : c == ']' ? '[' : '{';
    if (brackets_.empty() || brackets_.back().open != open || in_field_itself()) return false;
    brackets_.pop_back();
    return true;
  }

  const std::string_view source_;
  const LexOptions options_;
  std::vector<Token> tokens_;
  std::vector<Bracket> brackets_;
  std::vector<Mode> modes_;
  std::vector<Indent> indents_{{0, 0}};
  std::size_t at_ = 0, line_start_ = 0;
  std::uint32_t line_ = 1;
  int restarts_ = 0;
  bool line_begins_ = true;
};

}  // namespace

std::vector<Token> lex(std::string_view source, const LexOptions& options) { return Lexer(source, options).run(); }

std::string_view fault_text(Fault fault) {
  switch (fault) {
    case Fault::none: return "";
    case Fault::illegal_character: return "this character is no part of Python";
    case Fault::backslash: return "a backslash stands here that doesn't end the line";
    case Fault::open_string: return "the string is not closed";
    case Fault::open_bracket: return "the bracket is not closed";
    case Fault::wrong_bracket: return "this closing bracket matches no open one";
    case Fault::bad_number: return "the number can't be read";
    case Fault::leading_zero: return "a number begins with 0: Python 2's octal numbers are not read, it is 0o in Python 3";
    case Fault::long_number: return "a number ends in L: this is Python 2, only Python 3 is read";
    case Fault::unicode_raw_string: return "a ur\"\" string: this is Python 2, only Python 3 is read";
    case Fault::old_not_equal: return "the operator <>: this is Python 2, only Python 3 is read";
    case Fault::backquote: return "backquotes: this is Python 2, only Python 3 is read";
    case Fault::dedent: return "the indentation matches no block around it";
    case Fault::tabs: return "tabs and spaces are mixed in the indentation";
    case Fault::field_brace: return "a brace of the f-string has no partner";
  }
  return "";
}

std::string_view token_name(Tok kind) {
  switch (kind) {
    case Tok::end: return "the end of the file";
    case Tok::newline: return "the end of the line";
    case Tok::indent: return "an indented line";
    case Tok::dedent: return "the end of the block";
    case Tok::error: return "an error";
    case Tok::name: return "a name";
    case Tok::number: return "a number";
    case Tok::string: return "a string";
    case Tok::fstring_start:
    case Tok::fstring_middle:
    case Tok::fstring_end: return "an f-string";
#define OPERATOR(name, text) \
  case Tok::name: return "'" text "'";
#define KEYWORD(name, text) \
  case Tok::name: return "'" text "'";
#include "slipway/importers/python/tokens.def"
  }
  return "";
}

}  // namespace slipway::python
