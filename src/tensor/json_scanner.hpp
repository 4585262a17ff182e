// JsonScanner: a strict pull scanner over one JSON text (RFC 8259 plus the bare words NaN, Infinity and -Infinity of the contract).
// One pass, no allocation for plain content, no padding wanted: request bodies are small, and half of the work is telling what is wrong.
// The first syntax error sticks: every later call returns false / Kind::broken. One scanner, one thread.
//
// Why not simdjson here: its number parser can't tell 1e400 from a syntax error, its skipping doesn't check what it skips, and for bodies
// of a few hundred bytes its first stage costs more than it saves. The codec's test compares this scanner with it on mutated documents.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace slipway {

class JsonScanner {
 public:
  enum class Kind : std::uint8_t { null, boolean, number, text, array, object, nan, plus_infinity, minus_infinity, broken };

  struct Number {
    double real = 0;            // correctly rounded
    std::int64_t whole = 0;     // the value when is_whole
    std::uint64_t natural = 0;  // the value when is_natural (also above int64)
    bool is_whole = false;
    bool is_natural = false;
    bool too_large = false;  // beyond the doubles: 1e400
  };

  JsonScanner(std::string_view text, std::string& scratch) : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), scratch_(scratch) {}

  Kind peek();           // what the next value is; consumes white space only
  bool stands(char c) {  // whether c is next after white space; never an error
    white();
    return ok() && at_ != end_ && *at_ == c;
  }
  bool number(Number& out);          // each of these: peek() said so
  bool text(std::string_view& out);  // valid until the next text(): points into the document or the scratch
  bool word(Kind kind);              // null, nan, infinities
  bool boolean(bool& out);

  // Containers: if (open('[')) while (element(first, ']')) { one value }. After the loop: ok().
  bool open(char bracket);
  bool element(bool& first, char closing);
  bool key(std::string_view& out);      // "name" and its colon
  bool key_is(std::string_view plain);  // consumes `"plain":` if it stands here; `plain` needs no escapes

  bool skip();                                                                                 // one value of any kind, checked
  std::string_view skipped() const { return {last_, static_cast<std::size_t>(at_ - last_)}; }  // the text of what skip() passed
  bool at_end();                                                                               // nothing but white space follows; else a syntax error

  bool ok() const { return error_ == nullptr; }
  std::string error() const;  // "line 1, column 7: ..."
  const char* position() const { return at_; }
  void go_to(const char* position) { at_ = position; }  // back to a place where a value stood

 private:
  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
  void white() {
    while (at_ != end_ && is_space(*at_)) ++at_;
  }
  bool fail(const char* what);
  bool literal(std::string_view word);
  bool escaped_text(const char* from, std::string_view& out);
  bool escape();
  bool hex4(std::uint32_t& out);
  bool slow_number(const char* from, std::int64_t leading_exponent, Number& out);

  const char* begin_;
  const char* at_;
  const char* end_;
  const char* last_ = nullptr;
  std::string& scratch_;
  const char* error_ = nullptr;
  const char* error_at_ = nullptr;
};

}  // namespace slipway
