// Python source cut into tokens, with `indent` and `dedent` around blocks, as Python 3.13 does it. Total: what is no token becomes a token
// `error` with its fault, and the rest goes on. One pass without recursion; at most a few tokens a byte. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace slipway::python {

enum class Tok : std::uint8_t {
  end,
  newline,  // the end of a logical line
  indent,
  dedent,
  error,
  name,
  number,
  string,          // with prefix and quotes; no f-string
  fstring_start,   // f", rf"""
  fstring_middle,  // raw text; {{ and }} still double
  fstring_end,
#define OPERATOR(name, text) name,
#define KEYWORD(name, text) name,
#include "slipway/importers/python/tokens.def"
};

enum class Fault : std::uint8_t {
  none,
  illegal_character,
  backslash,
  open_string,
  open_bracket,
  wrong_bracket,
  bad_number,
  leading_zero,
  long_number,
  unicode_raw_string,
  old_not_equal,
  backquote,
  dedent,
  tabs,
  field_brace,
};
std::string_view fault_text(Fault fault);  // "the string is not closed"

struct Token {
  Tok kind = Tok::end;
  Fault fault = Fault::none;
  std::uint32_t begin = 0, end = 0;  // bytes of the source
  std::uint32_t line = 0, column = 0;
};

struct LexOptions {
  bool ipython = false;  // a notebook's: lines with %, ! or ? are `pass`
};

// `source`: valid UTF-8, lines end with \n, less than 2^31 bytes. The last token is `end`.
std::vector<Token> lex(std::string_view source, const LexOptions& options = {});

// What a token of this kind is called in a message: "')'", "the end of the line", "a name".
std::string_view token_name(Tok kind);

}  // namespace slipway::python
