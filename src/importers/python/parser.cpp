#include "slipway/importers/python/parser.hpp"

#include "slipway/base/encoding.hpp"
#include "slipway/importers/python/parser_impl.hpp"

namespace slipway::python {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kExcerptMax = 100;

std::string with_line_feeds(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out.push_back(text[i]);
    } else if (i + 1 == text.size() || text[i + 1] != '\n') {
      out.push_back('\n');
    }
  }
  return out;
}

// "# -*- coding: latin-1 -*-" in one of the first two lines.
bool says_latin_1(std::string_view text) {
  for (int i = 0; i < 2; ++i) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    std::size_t found = line.starts_with('#') ? line.find("coding") : std::string_view::npos;
    while (found != std::string_view::npos && line.substr(found + 6, 1) != ":" && line.substr(found + 6, 1) != "=")
      found = line.find("coding", found + 1);
    if (found != std::string_view::npos) {
      std::string name;
      for (const char c : line.substr(found + 7)) {
        if (c == ' ' && name.empty()) continue;
        if (c == ' ' || c == '\t') break;
        name.push_back(c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c);
      }
      return name == "latin-1" || name == "latin1" || name == "iso-8859-1" || name == "iso8859-1";
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

std::string from_latin_1(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out.push_back(c);
    } else {
      out.push_back(static_cast<char>(0xC0 | (byte >> 6)));
      out.push_back(static_cast<char>(0x80 | (byte & 0x3F)));
    }
  }
  return out;
}

Error refused(std::string detail) { return {ErrorCode::model_refused, std::move(detail)}; }

Result<std::string> prepared(std::string_view source) {
  if (source.size() > kSourceBytesMax)
    return refused("the source has " + std::to_string(source.size()) + " bytes; at most " + std::to_string(kSourceBytesMax) + " are read");
  if (source.starts_with(kByteOrderMark)) source.remove_prefix(kByteOrderMark.size());
  std::string text = with_line_feeds(source);
  if (is_valid_utf8(text)) return text;
  if (says_latin_1(text)) return from_latin_1(text);
  std::size_t line = 1;
  for (std::string_view rest = text; !rest.empty(); ++line) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (!is_valid_utf8(rest.substr(0, end))) break;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return refused("line " + std::to_string(line) + " of the source is not UTF-8");
}

}  // namespace

std::string at_line(const Module& module, Place place, std::string_view what) {
  std::string out = "line " + std::to_string(place.line) + ", column " + std::to_string(place.column) + ": " + std::string(what);
  std::string_view line = module.line(place.line);
  const std::size_t column = std::min<std::size_t>(place.column == 0 ? 0 : place.column - 1, line.size());
  if (column > kExcerptMax / 2 && line.size() > kExcerptMax) {
    std::size_t from = column - kExcerptMax / 2;
    while (from < line.size() && (static_cast<unsigned char>(line[from]) & 0xC0U) == 0x80) ++from;
    line.remove_prefix(from);
  }
  line.remove_prefix(std::min(line.find_first_not_of(" \t\f"), line.size()));
  return line.empty() ? out : out + ": `" + excerpt(line, kExcerptMax) + "`";
}

Result<Module> parse(std::string_view source, const ParseOptions& options) {
  auto storage = std::make_unique<Storage>(TRY(prepared(source)));
  Parser parser(*storage, lex(storage->source, {.ipython = options.ipython}));
  parser.run();
  const bool too_much = parser.too_much();
  if (storage->unsupported.size() > kUnsupportedMax) {
    const Stmt& first = *storage->unsupported.front();
    const Module module(std::move(storage));
    const auto& why = *first.as<Unsupported>();
    return refused("this is no Python 3 source: more than " + std::to_string(kUnsupportedMax) + " statements can't be read, the first at " +
                   at_line(module, why.fault, why.reason));
  }
  if (too_much) return refused("the source has more than " + std::to_string(kNodesMax) + " nodes");
  return Module(std::move(storage));
}

// ---- what all of the parser's files use

const Token& Parser::next() {
  const Token& token = tokens_[at_];
  if (token.kind == Tok::indent) ++level_;
  if (token.kind == Tok::dedent && level_ > 0) --level_;
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool Parser::take(Tok kind) {
  if (!is(kind)) return false;
  next();
  return true;
}

bool Parser::expect(Tok kind) {
  if (take(kind)) return true;
  unexpected(token_name(kind));
  return false;
}

std::nullptr_t Parser::fail(const Token& at, std::string message) {
  if (!failure_) failure_ = Failure{place(at), std::move(message)};
  return nullptr;
}

std::nullptr_t Parser::unexpected(std::string_view wanted) {
  const Token& token = peek();
  if (token.kind == Tok::error) return fail(token, std::string(fault_text(token.fault)));
  return fail(token, "expected " + std::string(wanted) + ", found " + std::string(token_name(token.kind)));
}

bool Parser::too_deep() {
  if (depth_ <= kNestingMax) return false;
  fail("more than " + std::to_string(kNestingMax) + " levels of nesting");
  return true;
}

void Parser::run() {
  Statements body;
  statements(body, 0);
  storage_.body = storage_.add_list(body);
}

}  // namespace slipway::python
