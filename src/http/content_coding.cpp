#include "slipway/http/content_coding.hpp"

#include <zlib.h>

#include <algorithm>
#include <memory>

#include "slipway/http/request_head.hpp"

namespace slipway::http {
namespace {

constexpr int kWindow = 15;

Error damaged(const char* what) { return Error(ErrorCode::bad_request, std::string("The compressed body ") + what); }

// bits: zlib's windowBits, which choose the wrapper: +16 gzip, plain zlib, negative none.
Result<OwnedBytes> inflated(std::string_view body, int bits, std::uint64_t bytes_max) {
  z_stream stream{};
  if (inflateInit2(&stream, bits) != Z_OK) return Error(ErrorCode::unavailable, "There is no memory to decompress the body");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, &inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());  // a buffered body is far below 4 GiB
  OwnedBytes out;
  for (;;) {
    const std::size_t have = out.size();
    out.reserve(std::min<std::uint64_t>(bytes_max + 1, std::max<std::size_t>(have * 2, body.size() * 4 + 1024)));
    const std::span<char> room = out.room(0);
    stream.next_out = reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = static_cast<uInt>(room.size());
    const int code = ::inflate(&stream, Z_NO_FLUSH);
    out.grow(room.size() - stream.avail_out);
    if (out.size() > bytes_max) return Error(ErrorCode::too_large, "The body is larger than the limit of " + std::to_string(bytes_max) + " bytes.");
    if (code == Z_STREAM_END) break;
    if (code != Z_OK && code != Z_BUF_ERROR) return damaged("can't be decompressed");
    if (stream.avail_in == 0 && stream.avail_out > 0) return damaged("is cut short");
  }
  if (stream.avail_in > 0) return damaged("goes on behind its end");
  return out;
}

}  // namespace

std::optional<Coding> coding_of(std::string_view content_encoding) {
  if (equals_ignoring_case(content_encoding, "gzip") || equals_ignoring_case(content_encoding, "x-gzip")) return Coding::gzip;
  if (equals_ignoring_case(content_encoding, "deflate")) return Coding::deflate;
  return std::nullopt;
}

Result<OwnedBytes> decompressed(std::string_view body, Coding coding, std::uint64_t bytes_max) {
  if (coding == Coding::gzip) return inflated(body, kWindow + 16, bytes_max);
  // "deflate" is zlib's format; some clients send the bare stream, which doesn't begin with zlib's two bytes.
  const bool wrapped = body.size() >= 2 && (static_cast<unsigned char>(body[0]) & 0x0FU) == 8 &&
                       (static_cast<unsigned char>(body[0]) * 256U + static_cast<unsigned char>(body[1])) % 31 == 0;
  return inflated(body, wrapped ? kWindow : -kWindow, bytes_max);
}

}  // namespace slipway::http
