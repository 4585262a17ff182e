#include "slipway/http/multipart.hpp"

#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "slipway/base/encoding.hpp"
#include "slipway/http/request_head.hpp"

namespace slipway::http {
namespace {

Error bad(std::string detail) { return {ErrorCode::bad_request, std::move(detail)}; }

bool is_boundary(std::string_view s) {  // RFC 2046 §5.1.1
  if (s.empty() || s.size() > 70 || s.back() == ' ') return false;
  for (const char c : s) {
    const bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
    if (!good) return false;
  }
  return true;
}

// The next `name=value` of a header's parameters; value a token or a quoted string. Advances; false: malformed.
bool next_parameter(std::string_view& rest, std::string& name, std::string& value) {
  rest = trim_blanks(rest);
  if (rest.empty() || rest[0] != ';') return false;
  rest = trim_blanks(rest.substr(1));
  const std::size_t equal = rest.find('=');
  if (equal == std::string_view::npos) return false;
  name.assign(rest.substr(0, equal));
  rest.remove_prefix(equal + 1);
  value.clear();
  if (rest.empty() || rest[0] != '"') {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    value.assign(trim_blanks(rest.substr(0, end)));
    rest.remove_prefix(end);
    return true;
  }
  std::size_t i = 1;
  for (; i < rest.size() && rest[i] != '"'; ++i) {
    // Browsers write a quote as %22; others escape it. A backslash before anything else is part of a Windows file name.
    if (rest[i] == '\\' && i + 1 < rest.size() && (rest[i + 1] == '"' || rest[i + 1] == '\\')) ++i;
    value += rest[i];
  }
  if (i >= rest.size()) return false;
  rest.remove_prefix(i + 1);
  return true;
}

}  // namespace

struct MultipartReader::Impl {
  Impl(std::string_view boundary, PartReceiver& r, MultipartLimits l) : delimiter("\r\n--" + std::string(boundary)), receiver(r), limits(l) {
    // Horspool's table: how far the window moves by its last byte. Content is then scanned at a fraction of a step a byte.
    skip.fill(static_cast<std::uint8_t>(delimiter.size()));
    for (std::size_t i = 0; i + 1 < delimiter.size(); ++i)
      skip[static_cast<unsigned char>(delimiter[i])] = static_cast<std::uint8_t>(delimiter.size() - 1 - i);
  }

  enum class State : std::uint8_t { preamble, after_delimiter, headers, content, epilogue };
  std::string delimiter;
  PartReceiver& receiver;
  MultipartLimits limits;
  std::array<std::uint8_t, 256> skip{};
  State state = State::preamble;
  std::string held = "\r\n";  // what can't be judged yet: a piece of a delimiter, of a header block. The first delimiter has no CR LF
  std::size_t parts = 0, text_bytes = 0, preamble_bytes = 0;
  Part part;
  bool failed = false;

  Status feed(std::string_view bytes);
  Status step(std::string_view& bytes, bool& progress);
  Status content(std::string_view& bytes, bool& progress);
  Status after_delimiter(std::string_view& bytes, bool& progress);
  Status headers(std::string_view& bytes, bool& progress);
  Status give(std::string_view bytes);
  Status begin_part(std::string_view block);
  Status read_header(std::string_view line);
  std::size_t search(std::string_view bytes) const;
};

// Where the delimiter stands, or where a delimiter may begin that the bytes' end cuts, or bytes.size().
std::size_t MultipartReader::Impl::search(std::string_view bytes) const {
  const std::size_t n = delimiter.size();
  std::size_t at = 0;
  while (at + n <= bytes.size()) {
    const char last = bytes[at + n - 1];
    if (last == delimiter[n - 1] && std::memcmp(bytes.data() + at, delimiter.data(), n) == 0) return at;
    at += skip[static_cast<unsigned char>(last)];
  }
  for (std::size_t from = bytes.size() < n ? 0 : bytes.size() - n + 1; from < bytes.size(); ++from) {
    if (std::memcmp(bytes.data() + from, delimiter.data(), bytes.size() - from) == 0) return from;
  }
  return bytes.size();
}

Status MultipartReader::Impl::give(std::string_view bytes) {
  if (bytes.empty()) return ok();
  if (state == State::preamble) {
    preamble_bytes += bytes.size();
    return preamble_bytes > limits.part_header_bytes_max ? Status(bad("The multipart body doesn't begin with its boundary.")) : ok();
  }
  if (!part.is_file) {
    text_bytes += bytes.size();
    if (text_bytes > limits.text_bytes_max) {
      return Error(ErrorCode::too_large, "A form field is longer than the limit.")
          .at(excerpt(part.name), "at most " + std::to_string(limits.text_bytes_max) + " bytes");
    }
  }
  return receiver.part_data(as_bytes(bytes));
}

// Preamble and content: everything up to the next delimiter.
Status MultipartReader::Impl::content(std::string_view& bytes, bool& progress) {
  if (!held.empty()) {
    // A piece of a possible delimiter is held: it is shorter than one, so this many more bytes decide.
    const std::size_t kept = held.size();
    held.append(bytes.substr(0, delimiter.size()));
    const std::size_t at = search(held);
    if (at + delimiter.size() <= held.size()) {
      TRY(give(std::string_view(held).substr(0, at)));
      const std::size_t taken = at + delimiter.size() - kept;  // the delimiter ends behind what was held: it wasn't whole there
      bytes.remove_prefix(taken);
    } else if (at >= kept) {
      held.resize(kept);  // nothing begins within what was held: it is content
      TRY(give(held));
      held.clear();
      return ok();
    } else {
      TRY(give(std::string_view(held).substr(0, at)));
      bytes.remove_prefix(held.size() - kept);
      held.erase(0, at);
      progress = !bytes.empty();
      return ok();
    }
  } else {
    const std::size_t at = search(bytes);
    TRY(give(bytes.substr(0, at)));
    bytes.remove_prefix(at);
    if (bytes.size() < delimiter.size()) {
      held.assign(bytes);
      bytes = {};
      progress = false;
      return ok();
    }
    bytes.remove_prefix(delimiter.size());
  }
  held.clear();
  if (state == State::content) TRY(receiver.part_end());
  state = State::after_delimiter;
  return ok();
}

// "--" ends the body; blanks and CR LF begin a part.
Status MultipartReader::Impl::after_delimiter(std::string_view& bytes, bool& progress) {
  while (!bytes.empty()) {
    const char c = bytes[0];
    bytes.remove_prefix(1);
    const char before = held.empty() ? '\0' : held[0];
    if (before == '-') {
      if (c != '-') return bad("A multipart boundary is followed by something else.");
      held.clear();
      state = State::epilogue;
      return ok();
    }
    if (before == '\r') {
      if (c != '\n') return bad("A multipart boundary is followed by something else.");
      held.clear();
      state = State::headers;
      return ok();
    }
    if (before == '\0' && c == '-') {
      held = "-";
    } else if (c == '\r') {
      held = "\r";
    } else if (c == ' ' || c == '\t') {
      if (++preamble_bytes > limits.part_header_bytes_max) return bad("A multipart boundary is followed by something else.");
    } else {
      return bad("A multipart boundary is followed by something else.");
    }
  }
  progress = false;
  return ok();
}

Status MultipartReader::Impl::headers(std::string_view& bytes, bool& progress) {
  while (!bytes.empty()) {
    const std::size_t line_end = bytes.find('\n');
    const std::size_t n = line_end == std::string_view::npos ? bytes.size() : line_end + 1;
    if (held.size() + n > limits.part_header_bytes_max) return bad("The headers of a part are larger than the limit.");
    held.append(bytes.substr(0, n));
    bytes.remove_prefix(n);
    const bool empty_line = held == "\r\n" || (held.size() >= 4 && held.compare(held.size() - 4, 4, "\r\n\r\n") == 0);
    if (line_end == std::string_view::npos || !empty_line) continue;
    const std::string block = std::exchange(held, std::string());
    state = State::content;
    return begin_part(block);
  }
  progress = false;
  return ok();
}

Status MultipartReader::Impl::begin_part(std::string_view block) {
  if (++parts > limits.parts_max) return bad("The form has more parts than the limit.");
  part = Part();
  text_bytes = 0;
  while (!block.empty()) {
    const std::size_t end = block.find("\r\n");
    if (end == std::string_view::npos) return bad("A header line of a part must end with CR LF.");
    if (end > 0) TRY(read_header(block.substr(0, end)));
    block.remove_prefix(end + 2);
  }
  if (part.name.empty()) return bad("A part has no name.");
  return receiver.part_begin(part);
}

Status MultipartReader::Impl::read_header(std::string_view line) {
  for (const char c : line) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return bad("A part's header has control characters.");
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || line[0] == ' ' || line[0] == '\t') return bad("A part's header is malformed.");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim_blanks(line.substr(colon + 1));
  if (equals_ignoring_case(name, "content-type")) {
    part.content_type.assign(value.substr(0, 255));
  } else if (equals_ignoring_case(name, "content-transfer-encoding")) {
    if (!equals_ignoring_case(value, "binary") && !equals_ignoring_case(value, "8bit") && !equals_ignoring_case(value, "7bit")) {
      return bad("A part has a transfer encoding; send it as it is.");
    }
  } else if (equals_ignoring_case(name, "content-disposition")) {
    std::string_view rest = value;
    if (!part.name.empty() || !equals_ignoring_case(rest.substr(0, std::min<std::size_t>(9, rest.size())), "form-data")) {
      return bad("A part's Content-Disposition must be form-data, once.");
    }
    rest.remove_prefix(9);
    std::string key, text;
    while (!(rest = trim_blanks(rest)).empty()) {
      if (!next_parameter(rest, key, text)) return bad("A part's Content-Disposition is malformed.");
      if (!is_valid_utf8(text)) return bad("A part's name is not UTF-8.");
      if (equals_ignoring_case(key, "name")) {
        part.name = text;
      } else if (equals_ignoring_case(key, "filename")) {
        part.file_name = text;
        part.is_file = true;
      }
    }
  }
  return ok();
}

Status MultipartReader::Impl::step(std::string_view& bytes, bool& progress) {
  switch (state) {
    case State::preamble:
    case State::content: return content(bytes, progress);
    case State::after_delimiter: return after_delimiter(bytes, progress);
    case State::headers: return headers(bytes, progress);
    case State::epilogue: bytes = {}; return ok();
  }
  return ok();
}

Status MultipartReader::Impl::feed(std::string_view bytes) {
  bool progress = true;
  while (progress && !bytes.empty()) {
    Status status = step(bytes, progress);
    if (!status) {
      failed = true;
      return status;
    }
  }
  return ok();
}

MultipartReader::MultipartReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MultipartReader::MultipartReader(MultipartReader&&) noexcept = default;
MultipartReader& MultipartReader::operator=(MultipartReader&&) noexcept = default;
MultipartReader::~MultipartReader() = default;

Result<MultipartReader> MultipartReader::make(std::string_view content_type, PartReceiver& receiver, MultipartLimits limits) {
  std::string_view rest = content_type.substr(std::min(content_type.find(';'), content_type.size()));
  if (!equals_ignoring_case(trim_blanks(content_type.substr(0, content_type.size() - rest.size())), "multipart/form-data")) {
    return Error(ErrorCode::unsupported_media_type, "The body must be multipart/form-data.");
  }
  std::optional<std::string> boundary;
  std::string key, value;
  while (!(rest = trim_blanks(rest)).empty()) {
    if (!next_parameter(rest, key, value)) return bad("The Content-Type is malformed.");
    if (!equals_ignoring_case(key, "boundary")) continue;
    if (boundary) return bad("The Content-Type has two boundaries.");
    boundary = value;
  }
  if (!boundary || !is_boundary(*boundary)) return bad("The Content-Type needs a boundary of 1 to 70 characters.");
  return MultipartReader(std::make_unique<Impl>(*boundary, receiver, limits));
}

Status MultipartReader::feed(std::span<const std::byte> bytes) {
  if (impl_->failed) return bad("The multipart body was refused before.");
  return impl_->feed(as_text(bytes));
}

Status MultipartReader::end() {
  if (impl_->failed || impl_->state != Impl::State::epilogue) return bad("The multipart body ends before its closing boundary.");
  return ok();
}

}  // namespace slipway::http
