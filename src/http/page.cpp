#include "slipway/http/page.hpp"

#include <charconv>

#include "slipway/base/encoding.hpp"

namespace slipway::http {
namespace {

bool read_number(const char* begin, const char* end, std::int64_t& out) {
  const auto [stop, problem] = std::from_chars(begin, end, out);
  return problem == std::errc{} && stop == end;
}

}  // namespace

Result<Page> read_page(const Request& request) {
  Page page;
  if (const auto text = request.query("limit")) {
    if (!read_number(text->data(), text->data() + text->size(), page.limit) || page.limit < 1 || page.limit > kPageMax)
      return Error(ErrorCode::bad_request, "the page can't be given").at("limit", "must be a whole number from 1 to 200");
  }
  if (const auto cursor = request.query("cursor")) {
    const auto text = from_base64url(*cursor);
    const std::size_t colon = text ? text->find(':') : std::string::npos;
    if (colon == std::string::npos || !read_number(text->data(), text->data() + colon, page.after_created_at))
      return Error(ErrorCode::bad_request, "the cursor is not one of ours").at("cursor", "take it from `next` of the page before");
    page.after_id = text->substr(colon + 1);
  }
  return page;
}

std::string cursor_of(std::int64_t created_at, std::string_view id) {
  const std::string text = std::to_string(created_at) + ":" + std::string(id);
  return to_base64url(as_bytes(text));
}

}  // namespace slipway::http
