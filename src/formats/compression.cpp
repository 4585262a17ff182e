#include "slipway/formats/compression.hpp"

#include <bzlib.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>

#include <algorithm>
#include <memory>

#include "slipway/base/encoding.hpp"

namespace slipway::compression {
namespace {

constexpr std::size_t kStep = 256 * 1024;               // the least that an output grows by; else by half
constexpr std::size_t kRoomMax = 4ULL << 20;            // of one call of a decoder: the pace is watched between them
constexpr std::size_t kMembersMax = 10'000;             // of a joined gzip, bz2 or lz4 file
constexpr std::uint64_t kLzmaMemoryMax = 256ULL << 20;  // a dictionary larger than this belongs to no model file

Error refused(Codec codec, const std::string& what) { return {ErrorCode::model_refused, "the " + std::string(codec_name(codec)) + " data " + what}; }

std::size_t usual_ratio(Codec codec) {
  switch (codec) {
    case Codec::lz4: return 200;  // 255 is the most that its format can say
    case Codec::zlib:
    case Codec::gzip: return kDeflateRatioMax;
    default: return 1000;
  }
}

// What a decoder writes into: grows step by step, so that memory follows what is really there and not what is claimed.
class Output {
 public:
  Output(Codec codec, const Limits& limits)
      : codec_(codec), bytes_max_(limits.bytes_max), ratio_max_(limits.ratio_max == 0 ? usual_ratio(codec) : limits.ratio_max), pace_(ratio_max_) {}

  Result<std::span<char>> room() {
    if (used_ == data_.size()) {
      // One byte more tells an output of exactly the limit from a larger one.
      data_.resize(std::min(bytes_max_ + 1, used_ + std::clamp(used_ / 2, kStep, 1024 * kStep)));
    }
    return std::span<char>(data_).subspan(used_, std::min(kRoomMax, data_.size() - used_));
  }
  Status next_member() {
    if (++members_ >= kMembersMax) return refused(codec_, "consists of more than " + std::to_string(kMembersMax) + " parts");
    return ok();
  }
  Status wrote(std::size_t bytes, std::size_t read) {
    used_ += bytes;
    if (used_ > bytes_max_) return refused(codec_, "unpacks to more than " + std::to_string(bytes_max_) + " bytes");
    if (!pace_.plausible(bytes, read))
      return refused(codec_, "unpacks to more than " + std::to_string(ratio_max_) + " times its size around byte " + std::to_string(used_) +
                                 "; a model that is really so empty is read when it isn't compressed");
    return ok();
  }
  std::string take() && {
    data_.resize(used_);
    return std::move(data_);
  }

 private:
  Codec codec_;
  std::size_t bytes_max_, ratio_max_;
  std::string data_;
  Pace pace_;
  std::size_t used_ = 0;
  std::size_t members_ = 0;
};

template <class T>
T* mutable_bytes(std::span<const std::byte> bytes) {  // the libraries' inputs are not const, but they don't write
  return const_cast<T*>(reinterpret_cast<const T*>(bytes.data()));
}

template <class Count>
Count chunk(std::size_t bytes) {
  return static_cast<Count>(std::min<std::size_t>(bytes, 1U << 30));
}

Result<std::string> inflate_zlib(Codec codec, std::span<const std::byte> in, Output out) {
  z_stream z{};
  const auto end = [](z_stream* s) { inflateEnd(s); };
  if (inflateInit2(&z, codec == Codec::gzip ? 15 + 16 : 15) != Z_OK) return refused(codec, "can't be unpacked: no memory");
  const std::unique_ptr<z_stream, decltype(end)> guard(&z, end);
  while (true) {
    const std::span<char> room = TRY(out.room());
    z.next_in = mutable_bytes<Bytef>(in);
    z.avail_in = chunk<uInt>(in.size());
    z.next_out = reinterpret_cast<Bytef*>(room.data());
    z.avail_out = chunk<uInt>(room.size());
    const uInt offered_in = z.avail_in, offered_out = z.avail_out;
    const int state = ::inflate(&z, Z_NO_FLUSH);
    const std::size_t read = offered_in - z.avail_in, written = offered_out - z.avail_out;
    in = in.subspan(read);
    TRY(out.wrote(written, read));
    if (state == Z_STREAM_END) {
      if (in.empty()) return std::move(out).take();
      if (codec != Codec::gzip || detect(in) != Codec::gzip) return refused(codec, "is followed by " + std::to_string(in.size()) + " trailing bytes");
      TRY(out.next_member());
      inflateReset(&z);  // gzip files may be joined
    } else if (state != Z_OK && state != Z_BUF_ERROR) {
      return refused(codec, "is damaged");
    } else if (read == 0 && written == 0) {
      return refused(codec, "ends too early");
    }
  }
}

Result<std::string> inflate_bz2(std::span<const std::byte> in, Output out) {
  bz_stream b{};
  const auto end = [](bz_stream* s) { BZ2_bzDecompressEnd(s); };
  if (BZ2_bzDecompressInit(&b, 0, 0) != BZ_OK) return refused(Codec::bz2, "can't be unpacked: no memory");
  const std::unique_ptr<bz_stream, decltype(end)> guard(&b, end);
  while (true) {
    const std::span<char> room = TRY(out.room());
    b.next_in = mutable_bytes<char>(in);
    b.avail_in = chunk<unsigned>(in.size());
    b.next_out = room.data();
    b.avail_out = chunk<unsigned>(room.size());
    const unsigned offered_in = b.avail_in, offered_out = b.avail_out;
    const int state = BZ2_bzDecompress(&b);
    const std::size_t read = offered_in - b.avail_in, written = offered_out - b.avail_out;
    in = in.subspan(read);
    TRY(out.wrote(written, read));
    if (state == BZ_STREAM_END) {
      if (in.empty()) return std::move(out).take();
      if (detect(in) != Codec::bz2) return refused(Codec::bz2, "is followed by " + std::to_string(in.size()) + " trailing bytes");
      TRY(out.next_member());
      BZ2_bzDecompressEnd(&b);
      b = {};
      if (BZ2_bzDecompressInit(&b, 0, 0) != BZ_OK) return refused(Codec::bz2, "can't be unpacked: no memory");
    } else if (state != BZ_OK) {
      return refused(Codec::bz2, "is damaged");
    } else if (read == 0 && written == 0) {
      return refused(Codec::bz2, "ends too early");
    }
  }
}

Result<std::string> inflate_lzma(Codec codec, std::span<const std::byte> in, Output out) {
  lzma_stream z = LZMA_STREAM_INIT;
  const auto end = [](lzma_stream* s) { lzma_end(s); };
  const std::unique_ptr<lzma_stream, decltype(end)> guard(&z, end);
  const lzma_ret started = codec == Codec::xz ? lzma_stream_decoder(&z, kLzmaMemoryMax, LZMA_CONCATENATED) : lzma_alone_decoder(&z, kLzmaMemoryMax);
  if (started != LZMA_OK) return refused(codec, "can't be unpacked: no memory");
  z.next_in = mutable_bytes<std::uint8_t>(in);
  z.avail_in = in.size();
  while (true) {
    const std::span<char> room = TRY(out.room());
    z.next_out = reinterpret_cast<std::uint8_t*>(room.data());
    z.avail_out = room.size();
    const std::size_t before = z.avail_in;
    const lzma_ret state = lzma_code(&z, LZMA_FINISH);
    TRY(out.wrote(room.size() - z.avail_out, before - z.avail_in));
    if (state == LZMA_STREAM_END) {
      if (z.avail_in != 0) return refused(codec, "is followed by " + std::to_string(z.avail_in) + " trailing bytes");
      return std::move(out).take();
    }
    if (state == LZMA_BUF_ERROR) return refused(codec, "ends too early");
    if (state == LZMA_MEMLIMIT_ERROR) return refused(codec, "needs a dictionary of more than " + std::to_string(kLzmaMemoryMax) + " bytes");
    if (state != LZMA_OK) return refused(codec, "is damaged");
  }
}

Result<std::string> inflate_lz4(std::span<const std::byte> in, Output out) {
  LZ4F_dctx* context = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) != 0) return refused(Codec::lz4, "can't be unpacked: no memory");
  const auto end = [](LZ4F_dctx* c) { LZ4F_freeDecompressionContext(c); };
  const std::unique_ptr<LZ4F_dctx, decltype(end)> guard(context, end);
  while (true) {
    const std::span<char> room = TRY(out.room());
    std::size_t read = in.size(), written = room.size();
    const std::size_t hint = LZ4F_decompress(context, room.data(), &written, in.data(), &read, nullptr);
    if (LZ4F_isError(hint) != 0) return refused(Codec::lz4, "is damaged");
    in = in.subspan(read);
    TRY(out.wrote(written, read));
    if (hint == 0) {
      if (in.empty()) return std::move(out).take();
      if (detect(in) != Codec::lz4) return refused(Codec::lz4, "is followed by " + std::to_string(in.size()) + " trailing bytes");
      TRY(out.next_member());
    } else if (read == 0 && written == 0) {
      return refused(Codec::lz4, "ends too early");
    }
  }
}

// lzma-alone has no magic number: properties byte, dictionary size, size or -1; what lzma tools and Python write.
bool looks_like_lzma(std::string_view b) {
  if (b.size() < 14 || b[0] != 0x5d || b[1] != 0 || b[2] != 0) return false;
  const bool unknown_size = b.substr(5, 8) == std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff", 8);
  return unknown_size || (b[11] == 0 && b[12] == 0);
}

}  // namespace

Codec detect(std::span<const std::byte> bytes) {
  const std::string_view b = as_text(bytes.first(std::min<std::size_t>(bytes.size(), 16)));
  if (b.starts_with("\x1f\x8b")) return Codec::gzip;
  if (b.size() >= 10 && b.starts_with("BZh") && b[3] >= '1' && b[3] <= '9' &&
      (b.substr(4, 6) == "1AY&SY" || b.substr(4, 6) == "\x17\x72\x45\x38\x50\x90")) {
    return Codec::bz2;
  }
  if (b.starts_with(std::string_view("\xfd"
                                     "7zXZ\0",
                                     6)))
    return Codec::xz;
  if (b.starts_with("\x04\x22\x4d\x18")) return Codec::lz4;
  if (looks_like_lzma(b)) return Codec::lzma;
  // Only the headers that zlib itself writes by default: others are too much like text ("(S" begins pickles of protocol 0).
  for (const std::string_view header : {"\x78\x01", "\x78\x5e", "\x78\x9c", "\x78\xda"}) {
    if (b.starts_with(header)) return Codec::zlib;
  }
  return Codec::none;
}

std::string_view codec_name(Codec codec) {
  switch (codec) {
    case Codec::none: return "none";
    case Codec::zlib: return "zlib";
    case Codec::gzip: return "gzip";
    case Codec::bz2: return "bz2";
    case Codec::xz: return "xz";
    case Codec::lzma: return "lzma";
    case Codec::lz4: return "lz4";
  }
  return "?";
}

Result<std::string> inflate(Codec codec, std::span<const std::byte> bytes, const Limits& limits) {
  Output out(codec, limits);
  switch (codec) {
    case Codec::none:
      if (bytes.size() > limits.bytes_max) return refused(codec, "is more than " + std::to_string(limits.bytes_max) + " bytes");
      return std::string(as_text(bytes));
    case Codec::zlib:
    case Codec::gzip: return inflate_zlib(codec, bytes, std::move(out));
    case Codec::bz2: return inflate_bz2(bytes, std::move(out));
    case Codec::xz:
    case Codec::lzma: return inflate_lzma(codec, bytes, std::move(out));
    case Codec::lz4: return inflate_lz4(bytes, std::move(out));
  }
  return refused(codec, "is of no known kind");
}

Result<std::span<const std::byte>> joblib_zfile(std::span<const std::byte> bytes) {
  constexpr std::size_t kLengthField = 19, kPrefix = 2;
  const std::string_view text = as_text(bytes);
  if (!text.starts_with("ZF0x") || text.size() < kPrefix + kLengthField) return refused(Codec::zlib, "doesn't begin as a file of joblib 0.9");
  std::size_t digits = 2;
  while (digits < kLengthField && std::string_view("0123456789abcdefABCDEF").find(text[kPrefix + digits]) != std::string_view::npos) ++digits;
  std::size_t padded = digits;
  while (padded < kLengthField && text[kPrefix + padded] == ' ') ++padded;
  // Older ones wrote a field of 18; what follows is the stream's own first byte either way.
  for (const std::size_t field : {kLengthField, padded}) {
    if (field > padded) continue;
    if (text.size() > kPrefix + field && text[kPrefix + field] == 'x') return bytes.subspan(kPrefix + field);
  }
  return refused(Codec::zlib, "of joblib 0.9 has no zlib stream behind its length");
}

}  // namespace slipway::compression
