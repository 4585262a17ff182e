#include "slipway/http/request_head.hpp"

#include <array>
#include <cstring>

#include "slipway/base/encoding.hpp"

namespace slipway::http {
namespace {

// RFC 9110 §5.6.2.
constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> t{};
  for (unsigned c = '0'; c <= '9'; ++c) t[c] = true;
  for (unsigned c = 'a'; c <= 'z'; ++c) t[c] = t[c - 32] = true;
  for (const char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) t[static_cast<unsigned char>(c)] = true;
  return t;
}
constexpr auto kToken = make_token_table();
bool is_token(char c) { return kToken[static_cast<unsigned char>(c)]; }
bool is_token(std::string_view s) {
  for (const char c : s) {
    if (!is_token(c)) return false;
  }
  return !s.empty();
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

Error bad(std::string detail) { return {ErrorCode::bad_request, std::move(detail)}; }

bool is_visible(std::string_view s) {
  for (const char c : s) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f) return false;
  }
  return true;
}

bool is_field_value(std::string_view s) {
  for (const char c : s) {
    const auto u = static_cast<unsigned char>(c);
    if ((u < 0x20 && u != '\t') || u == 0x7f) return false;
  }
  return true;
}

bool valid_percent(std::string_view s) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f'); };
  for (std::size_t i = s.find('%'); i != std::string_view::npos; i = s.find('%', i + 3)) {
    if (i + 2 >= s.size() || !hex(s[i + 1]) || !hex(s[i + 2])) return false;
  }
  return true;
}

Status split_path(std::string_view rest, RequestHead& head) {
  const std::size_t mark = rest.find('?');
  head.path = rest.substr(0, mark);
  head.query = mark == std::string_view::npos ? std::string_view() : rest.substr(mark + 1);
  if (rest.find('#') != std::string_view::npos) return bad("The request's target has a fragment.");
  if (!valid_percent(rest)) return bad("The request's target has an incomplete percent encoding.");
  return ok();
}

// The authority of an absolute target, to be compared with Host; empty for the other forms.
Result<std::string_view> parse_target(std::string_view target, RequestHead& head) {
  if (!is_visible(target) || target.empty()) return bad("The request's target has characters that a URL can't have.");
  if (target[0] == '/') {
    TRY(split_path(target, head));
    return std::string_view();
  }
  if (target == "*" && head.method == Method::options) {
    head.asterisk = true;
    head.path = target;
    return std::string_view();
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const std::size_t slash = rest.find('/');
    if (slash == 0 || slash == std::string_view::npos) break;
    TRY(split_path(rest.substr(slash), head));
    return rest.substr(0, slash);
  }
  return bad("The request's target must be a path.");
}

Status parse_line(std::string_view line, const HeadLimits& limits, RequestHead& head, std::string_view& authority) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return bad("The request line must be METHOD TARGET HTTP/1.1.");
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method)) return bad("The request's method is not a word.");
  head.method = method_from(method);
  if (target.size() > limits.target_bytes_max) return Error(ErrorCode::target_too_long, "The request's target is longer than the limit.");
  if (version == "HTTP/1.0") {
    head.http_1_0 = true;
    head.keep_alive = false;
  } else if (version != "HTTP/1.1") {
    return bad("Only HTTP/1.1 and HTTP/1.0 are spoken here.");
  }
  authority = TRY(parse_target(target, head));
  return ok();
}

Status parse_length(std::string_view value, RequestHead& head) {
  if (value.empty() || value.size() > 18) return bad("Content-Length is not a size.");
  std::uint64_t n = 0;
  for (const char c : value) {
    if (c < '0' || c > '9') return bad("Content-Length is not a size.");
    n = n * 10 + static_cast<std::uint64_t>(c - '0');
  }
  head.content_length = n;
  return ok();
}

void parse_connection(std::string_view value, RequestHead& head) {
  while (!value.empty()) {
    const std::size_t comma = value.find(',');
    const std::string_view option = trim_blanks(value.substr(0, comma));
    if (equals_ignoring_case(option, "close")) {
      head.keep_alive = false;
    } else if (head.http_1_0 && equals_ignoring_case(option, "keep-alive")) {
      head.keep_alive = true;
    }
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
  }
}

// Counts of the fields that may be there once only.
struct Seen {
  int host = 0, length = 0, encoding = 0, type = 0, expect = 0;
  std::string_view host_value;
};

Status note_field(const HeaderView& f, RequestHead& head, Seen& seen) {
  switch (f.name.size()) {
    case 4:
      if (equals_ignoring_case(f.name, "host")) {
        ++seen.host;
        seen.host_value = f.value;
      }
      break;
    case 6:
      if (equals_ignoring_case(f.name, "expect")) {
        ++seen.expect;
        if (!equals_ignoring_case(f.value, "100-continue")) return bad("The only expectation known here is 100-continue.");
        head.expect_continue = true;
      }
      break;
    case 10:
      if (equals_ignoring_case(f.name, "connection")) parse_connection(f.value, head);
      break;
    case 12:
      if (equals_ignoring_case(f.name, "content-type")) {
        ++seen.type;
        head.content_type = f.value;
      } else if (equals_ignoring_case(f.name, "x-request-id")) {
        head.request_id = f.value;
      }
      break;
    case 14:
      if (equals_ignoring_case(f.name, "content-length")) {
        ++seen.length;
        TRY(parse_length(f.value, head));
      }
      break;
    case 16:
      if (equals_ignoring_case(f.name, "content-encoding") && !equals_ignoring_case(f.value, "identity")) {
        head.content_encoding = head.content_encoding.empty() ? f.value : std::string_view("several");
      }
      break;
    case 17:
      if (equals_ignoring_case(f.name, "transfer-encoding")) {
        ++seen.encoding;
        if (!equals_ignoring_case(f.value, "chunked")) return bad("The only transfer encoding taken here is chunked.");
        head.chunked = true;
      }
      break;
    default: break;
  }
  return ok();
}

Status check_fields(const RequestHead& head, const Seen& seen, std::string_view authority) {
  if (seen.length > 1) return bad("Content-Length is there more than once.");
  if (seen.encoding > 1) return bad("Transfer-Encoding is there more than once.");
  if (seen.length > 0 && seen.encoding > 0) return bad("Content-Length and Transfer-Encoding exclude each other.");
  if (seen.encoding > 0 && head.http_1_0) return bad("HTTP/1.0 has no transfer encodings.");
  if (seen.type > 1) return bad("Content-Type is there more than once.");
  if (seen.host > 1 || (seen.host == 0 && !head.http_1_0)) return bad("There must be exactly one Host header.");
  if (!is_visible(seen.host_value) || seen.host_value.find_first_of("/\\?#@,\"<>") != std::string_view::npos)
    return bad("The Host header is not a host.");
  if (!authority.empty() && !equals_ignoring_case(authority, seen.host_value)) return bad("The request's target and its Host header differ.");
  return ok();
}

Result<HeaderView> parse_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') return bad("Folded header lines are not taken.");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return bad("A header line has no colon.");
  const HeaderView field{line.substr(0, colon), trim_blanks(line.substr(colon + 1))};
  if (!is_token(field.name)) return bad("A header's name is not a word.");
  if (!is_field_value(field.value)) return bad("The header '" + excerpt(field.name) + "' has control characters.");
  return field;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string_view trim_blanks(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

Result<std::optional<std::size_t>> find_head(std::string_view bytes, HeadScan& scan, const HeadLimits& limits) {
  if (!scan.begun && !bytes.empty()) {
    if (!is_token(bytes[0])) return bad("This is not an HTTP request.");
    scan.begun = true;
  }
  // With the method and the version; the same bound whether the line comes whole or piece by piece.
  const std::size_t line_bytes_max = limits.target_bytes_max + 64;
  while (scan.seen < bytes.size()) {
    const void* const found = std::memchr(bytes.data() + scan.seen, '\n', bytes.size() - scan.seen);
    if (found == nullptr) {
      scan.seen = bytes.size();
      break;
    }
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
    if (at == 0 || bytes[at - 1] != '\r') return bad("Lines must end with CR LF.");
    scan.seen = at + 1;
    if (scan.line == 0 && scan.seen > line_bytes_max) break;
    if (at == scan.line + 1) {
      if (at + 1 > limits.header_bytes_max) break;
      return std::optional(at + 1);
    }
    scan.line = at + 1;
  }
  if (scan.line == 0 && scan.seen > line_bytes_max) { return Error(ErrorCode::target_too_long, "The request's target is longer than the limit."); }
  if (scan.seen > limits.header_bytes_max || scan.seen != bytes.size()) {
    return Error(ErrorCode::headers_too_large, "The request's headers are larger than the limit.");
  }
  return std::optional<std::size_t>();
}

Status parse_head(std::string_view bytes, const HeadLimits& limits, RequestHead& head) {
  std::vector<HeaderView> fields = std::move(head.fields);
  fields.clear();
  head = RequestHead();
  head.fields = std::move(fields);

  std::string_view authority;
  Seen seen;
  bool first = true;
  while (true) {
    const std::size_t end = bytes.find("\r\n");
    if (end == std::string_view::npos) return bad("The request's headers are cut.");
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end + 2);
    if (first) {
      TRY(parse_line(line, limits, head, authority));
      first = false;
    } else if (line.empty()) {
      break;
    } else {
      if (head.fields.size() == limits.headers_max) return Error(ErrorCode::headers_too_large, "There are more headers than the limit.");
      head.fields.push_back(TRY(parse_field(line)));
      TRY(note_field(head.fields.back(), head, seen));
    }
  }
  return check_fields(head, seen, authority);
}

}  // namespace slipway::http
