#include "slipway/http/response_head.hpp"

#include <charconv>
#include <ctime>

#include "slipway/http/request_head.hpp"

namespace slipway::http {
namespace {

std::string_view reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 507: return "Insufficient Storage";
    default: return status < 400 ? "OK" : "Error";
  }
}

// "Date: Tue, 24 Nov 2026 00:16:02 GMT\r\n", made once a second and thread. The coarse clock is read without a system call.
std::string_view date_line() {
  thread_local std::time_t second = 0;
  thread_local char text[48];
  thread_local std::size_t length = 0;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != second) {
    second = now.tv_sec;
    std::tm utc{};
    ::gmtime_r(&second, &utc);
    length = std::strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
  }
  return {text, length};
}

constexpr std::string_view kSecurity =
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";
// Data is never a page: nothing at all may be loaded from it.
constexpr std::string_view kDataPolicy = "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n";
constexpr std::string_view kPagePolicy =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'\r\n";

void append_number(std::string& out, std::uint64_t n) {
  char text[20];
  out.append(text, std::to_chars(text, text + sizeof text, n).ptr);
}

// A handler's value can't end the line: header injection stops here, whoever forgot to check.
void append_value(std::string& out, std::string_view value) {
  for (const char c : value) out += (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f ? ' ' : c;
}

void append_custom(std::string& out, const Response& response, bool& cache_control) {
  for (const auto& [name, value] : response.headers) {
    if (equals_ignoring_case(name, "cache-control")) cache_control = true;
    append_value(out, name);
    out += ": ";
    append_value(out, value);
    out += "\r\n";
  }
}

}  // namespace

bool may_have_body(int status) { return status >= 200 && status != 204 && status != 304; }

void append_response_head(std::string& out, const Response& response, std::string_view request_id, const ResponseFraming& framing) {
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::uint64_t>(response.status));
  out += ' ';
  out += reason(response.status);
  out += "\r\n";
  out += date_line();
  if (!response.content_type.empty()) {
    out += "Content-Type: ";
    append_value(out, response.content_type);
    out += "\r\n";
  }
  if (framing.content_length && may_have_body(response.status)) {
    out += "Content-Length: ";
    append_number(out, *framing.content_length);
    out += "\r\n";
  } else if (framing.chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  }
  out += "X-Request-Id: ";
  out += request_id;
  out += "\r\n";
  bool cache_control = false;
  append_custom(out, response, cache_control);
  if (!cache_control) out += "Cache-Control: no-store\r\n";
  out += kSecurity;
  out += response.content_type.starts_with("text/html") ? kPagePolicy : kDataPolicy;
  if (framing.close) {
    out += "Connection: close\r\n";
  } else if (framing.say_keep_alive) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
}

}  // namespace slipway::http
