// The head of a request: however it arrives, it is found at the same place or refused with the same word; what is taken has one meaning.
#include "slipway/http/request_head.hpp"
#include "support.hpp"

namespace {

using namespace slipway;
using fuzz::check;

struct Found {
  bool refused = false;
  std::optional<std::size_t> size;
};

Found found_in(std::string_view bytes, http::HeadScan& scan, const http::HeadLimits& limits) {
  const auto found = http::find_head(bytes, scan, limits);
  if (!found.ok()) return {true, {}};
  return {false, *found};
}

Found found_piecewise(std::string_view bytes, std::uint32_t seed, const http::HeadLimits& limits) {
  http::HeadScan scan;
  fuzz::Cuts cuts(seed);
  std::string_view rest = bytes;
  Found found;
  while (!rest.empty() && !found.refused && !found.size) {
    cuts.next(rest);
    found = found_in(bytes.substr(0, bytes.size() - rest.size()), scan, limits);
  }
  return found;
}

void check_head(const http::RequestHead& head, std::string_view bytes, const http::HeadLimits& limits) {
  check(head.fields.size() <= limits.headers_max);
  for (const http::HeaderView& f : head.fields) {
    check(!f.name.empty() && fuzz::within(f.name, bytes) && fuzz::within(f.value, bytes));
    check(f.value.find_first_of("\r\n\0", 0, 3) == std::string_view::npos);
    check(f.name.find_first_of(" \t\r\n:") == std::string_view::npos);
    check(f.value == http::trim_blanks(f.value));
  }
  check(fuzz::within(head.path, bytes) && fuzz::within(head.query, bytes) && !head.path.empty());
  check(head.asterisk ? head.path == "*" : head.path[0] == '/');
  check(head.path.size() + head.query.size() <= limits.target_bytes_max);
  check(head.path.find('?') == std::string_view::npos);
  check(!(head.chunked && head.content_length > 0) && !(head.chunked && head.http_1_0));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto seed = input.number<std::uint32_t>();
  const std::string_view bytes = input.rest();
  http::HeadLimits limits;
  if ((seed & 1U) != 0) limits = {.header_bytes_max = 256, .headers_max = 4, .target_bytes_max = 64};

  http::HeadScan scan;
  const Found whole = found_in(bytes, scan, limits);
  const Found pieces = found_piecewise(bytes, seed, limits);
  check(whole.refused == pieces.refused && whole.size == pieces.size);  // in pieces another word may come first, but the verdict is the same
  if (!whole.size) return 0;
  check(*whole.size <= bytes.size() && *whole.size <= limits.header_bytes_max);
  const std::string_view head_bytes = bytes.substr(0, *whole.size);
  http::RequestHead head;
  if (!http::parse_head(head_bytes, limits, head)) return 0;
  check_head(head, head_bytes, limits);
  return 0;
}
