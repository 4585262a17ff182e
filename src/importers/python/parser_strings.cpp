// String literals: prefixes, escapes, adjacent ones joined, f-strings with their fields.
#include <charconv>

#include "slipway/importers/python/parser_impl.hpp"

namespace slipway::python {
namespace {

// A lone surrogate, which Python's strings may hold, becomes the three bytes it would have.
void append_utf8(std::string& out, std::uint32_t c) {
  const auto tail = [&](int shift) { out.push_back(static_cast<char>(0x80 | ((c >> shift) & 0x3F))); };
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (c >> 6)));
    tail(0);
  } else if (c < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | (c >> 12)));
    tail(6), tail(0);
  } else {
    out.push_back(static_cast<char>(0xF0 | (c >> 18)));
    tail(12), tail(6), tail(0);
  }
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

struct Literal {
  bool raw = false, bytes = false;
  std::string_view body;
};

Literal taken_apart(std::string_view token) {
  Literal out;
  std::size_t i = 0;
  for (; token[i] != '"' && token[i] != '\''; ++i) {
    out.raw |= (token[i] | 0x20) == 'r';
    out.bytes |= (token[i] | 0x20) == 'b';
  }
  const std::size_t quotes = token.size() - i >= 6 && token[i + 1] == token[i] && token[i + 2] == token[i] ? 3 : 1;
  out.body = token.substr(i + quotes, token.size() - i - 2 * quotes);
  return out;
}

}  // namespace

const Expr* Parser::strings() {
  Pieces pieces;
  pieces.place = place(peek());
  const Token& first = peek();
  bool is_fstring = false, first_bytes = false;
  if (first.kind == Tok::string && peek(1).kind != Tok::string && peek(1).kind != Tok::fstring_start) {  // the usual one: no copy
    const Literal literal = taken_apart(text(first));
    if (!literal.bytes && (literal.raw || literal.body.find('\\') == std::string_view::npos))
      return next(), expr(pieces.place, Text{literal.body, true});
  }
  for (bool any = false; is(Tok::string) || is(Tok::fstring_start); any = true) {
    const Token& token = peek();
    bool bytes = false;
    if (token.kind == Tok::fstring_start) {
      is_fstring = true;
      if (!fstring(pieces)) return nullptr;
    } else if (!plain_string(pieces, bytes)) {
      return nullptr;
    }
    if (any && bytes != first_bytes) return fail(token, "bytes and text stand side by side");
    first_bytes = bytes;
  }
  if (first_bytes) return expr(pieces.place, Bytes{storage_.add_text(pieces.pending)});
  if (!is_fstring) return expr(pieces.place, Text{storage_.add_text(pieces.pending), pieces.exact});
  if (!flush(pieces)) return nullptr;
  return expr(pieces.place, FString{storage_.add_list(pieces.items)});
}

bool Parser::plain_string(Pieces& pieces, bool& bytes) {
  const Token& token = next();
  const Literal literal = taken_apart(text(token));
  bytes = literal.bytes;
  return decode(literal.body, literal.raw, literal.bytes, token, pieces);
}

bool Parser::fstring(Pieces& pieces) {
  const Token& start = next();
  const bool raw = text(start).find_first_of("rR") != std::string_view::npos;
  if (!fstring_pieces(pieces, raw, Tok::fstring_end)) return false;
  next();
  return true;
}

bool Parser::fstring_pieces(Pieces& pieces, bool raw, Tok end) {
  while (!is(end)) {
    if (is(Tok::fstring_middle)) {
      const Token& middle = next();
      std::string_view body = text(middle);
      if (end == Tok::right_brace) {  // a format: no braces are doubled in it
        if (!decode(body, raw, false, middle, pieces)) return false;
        continue;
      }
      while (!body.empty()) {  // {{ is {, and }} is }; \N{ and its } are single
        std::size_t cut = 0;
        do cut = body.find_first_of("{}", cut);
        while (cut != std::string_view::npos && (cut + 1 == body.size() || body[cut + 1] != body[cut]) && ++cut);
        const bool doubled = cut != std::string_view::npos;
        if (!decode(body.substr(0, doubled ? cut + 1 : cut), raw, false, middle, pieces)) return false;
        body.remove_prefix(doubled ? cut + 2 : body.size());
      }
    } else if (is(Tok::left_brace)) {
      if (!field(pieces, raw)) return false;
    } else {
      unexpected("the end of the f-string");
      return false;
    }
  }
  return true;
}

// {value=!r:spec}
bool Parser::field(Pieces& pieces, bool raw) {
  const Nested nested(depth_);
  if (too_deep()) return false;
  const Token& open = next();
  Formatted node{value(), nullptr, 0};
  if (node.value == nullptr) return false;
  if (is(Tok::assign)) {  // its own text stands before it
    next();
    pieces.pending += std::string_view(storage_.source).substr(open.end, peek().begin - open.end);
    node.conversion = is(Tok::right_brace) ? 'r' : '\0';
  }
  if (take(Tok::exclamation)) {
    const std::string_view letter = text(peek());
    if (letter != "r" && letter != "s" && letter != "a") return unexpected("!r, !s or !a"), false;
    node.conversion = letter[0];
    next();
  }
  if (take(Tok::colon)) {
    Pieces spec;
    spec.place = place(peek());
    if (!fstring_pieces(spec, raw, Tok::right_brace) || !flush(spec)) return false;
    node.spec = expr(spec.place, FString{storage_.add_list(spec.items)});
    if (node.spec == nullptr) return false;
  }
  if (!expect(Tok::right_brace) || !flush(pieces)) return false;
  pieces.items.push_back(expr(place(open), node));
  return pieces.items.back() != nullptr;
}

bool Parser::flush(Pieces& pieces) {
  if (pieces.pending.empty()) return true;
  pieces.items.push_back(expr(pieces.place, Text{storage_.add_text(pieces.pending), pieces.exact}));
  pieces.pending.clear();
  pieces.exact = true;
  return pieces.items.back() != nullptr;
}

bool Parser::decode(std::string_view body, bool raw, bool bytes, const Token& at, Pieces& to) {
  if (bytes) {
    for (const char c : body) {
      if (static_cast<unsigned char>(c) >= 0x80) return fail(at, "bytes hold ASCII only"), false;
    }
  }
  if (raw) {
    to.pending += body;
    return true;
  }
  for (std::size_t i = 0; i < body.size();) {
    const std::size_t slash = std::min(body.find('\\', i), body.size());
    to.pending += body.substr(i, slash - i);
    i = slash + 1;
    if (slash < body.size() && !decode_escape(body, i, bytes, at, to)) return false;
  }
  return true;
}

// `i` is behind the backslash, and comes behind the escape.
bool Parser::decode_escape(std::string_view body, std::size_t& i, bool bytes, const Token& at, Pieces& to) {
  std::string& out = to.pending;
  if (i == body.size()) {  // an f-string's text before a brace
    out.push_back('\\');
    return true;
  }
  const char c = body[i++];
  switch (c) {
    case '\n': return true;
    case '\\':
    case '\'':
    case '"': out.push_back(c); return true;
    case 'a': out.push_back('\a'); return true;
    case 'b': out.push_back('\b'); return true;
    case 'f': out.push_back('\f'); return true;
    case 'n': out.push_back('\n'); return true;
    case 'r': out.push_back('\r'); return true;
    case 't': out.push_back('\t'); return true;
    case 'v': out.push_back('\v'); return true;
    case 'x': return decode_number(body, i, 2, bytes, at, out);
    default: break;
  }
  if (is_octal(c)) {
    std::uint32_t v = static_cast<std::uint32_t>(c - '0');
    for (int n = 1; n < 3 && i < body.size() && is_octal(body[i]); ++n) v = v * 8 + static_cast<std::uint32_t>(body[i++] - '0');
    if (bytes) {
      out.push_back(static_cast<char>(v & 0xFFU));
    } else {
      append_utf8(out, v);
    }
    return true;
  }
  if (!bytes && (c == 'u' || c == 'U')) return decode_number(body, i, c == 'u' ? 4 : 8, bytes, at, out);
  if (!bytes && c == 'N') {
    const std::size_t close = body.find('}', i);
    if (i >= body.size() || body[i] != '{' || close == std::string_view::npos) return fail(at, "a \\N escape is not complete"), false;
    append_utf8(out, 0xFFFD);
    to.exact = false;
    i = close + 1;
    return true;
  }
  out.push_back('\\');  // no escape
  out.push_back(c);
  return true;
}

bool Parser::decode_number(std::string_view body, std::size_t& i, std::size_t digits, bool bytes, const Token& at, std::string& out) {
  std::uint32_t v = 0;
  const std::string_view hex = body.substr(i, digits);
  const auto [end, failed] = std::from_chars(hex.data(), hex.data() + hex.size(), v, 16);
  if (hex.size() != digits || failed != std::errc() || end != hex.data() + digits || v > 0x10FFFF)
    return fail(at, "an escape of the string is not complete, or names no character"), false;
  i += digits;
  if (bytes) {
    out.push_back(static_cast<char>(v));
  } else {
    append_utf8(out, v);
  }
  return true;
}

}  // namespace slipway::python
