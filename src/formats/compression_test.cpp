#include "slipway/formats/compression.hpp"

#include <bzlib.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>

#include "slipway/base/encoding.hpp"

namespace slipway::compression {
namespace {

using ::testing::HasSubstr;

std::string deflated(std::string_view text, bool gzip) {
  z_stream z{};
  deflateInit2(&z, 6, Z_DEFLATED, gzip ? 31 : 15, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::string packed(Codec codec, std::string_view text) {
  std::string out(text.size() * 2 + 4096, '\0');
  std::size_t used = 0;
  switch (codec) {
    case Codec::none: return std::string(text);
    case Codec::zlib: return deflated(text, false);
    case Codec::gzip: return deflated(text, true);
    case Codec::bz2: {
      auto size = static_cast<unsigned>(out.size());
      BZ2_bzBuffToBuffCompress(out.data(), &size, const_cast<char*>(text.data()), static_cast<unsigned>(text.size()), 9, 0, 0);
      used = size;
      break;
    }
    case Codec::xz:
      lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, nullptr, reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                              reinterpret_cast<std::uint8_t*>(out.data()), &used, out.size());
      break;
    case Codec::lzma: {
      lzma_stream z = LZMA_STREAM_INIT;
      lzma_options_lzma options;
      lzma_lzma_preset(&options, 6);
      EXPECT_EQ(lzma_alone_encoder(&z, &options), LZMA_OK);
      z.next_in = reinterpret_cast<const std::uint8_t*>(text.data());
      z.avail_in = text.size();
      z.next_out = reinterpret_cast<std::uint8_t*>(out.data());
      z.avail_out = out.size();
      EXPECT_EQ(lzma_code(&z, LZMA_FINISH), LZMA_STREAM_END);
      used = z.total_out;
      lzma_end(&z);
      break;
    }
    case Codec::lz4: used = LZ4F_compressFrame(out.data(), out.size(), text.data(), text.size(), nullptr); break;
  }
  out.resize(used);
  return out;
}

constexpr Codec kCodecs[] = {Codec::zlib, Codec::gzip, Codec::bz2, Codec::xz, Codec::lzma, Codec::lz4};

std::string sample(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 1;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>("abcd"[state >> 30]);
  }
  return text;
}

TEST(Compression, UnpacksEachCodecThatItDetects) {
  for (const std::size_t size : {0U, 1U, 1'000U, 600'000U}) {
    const std::string text = sample(size);
    for (const Codec codec : kCodecs) {
      SCOPED_TRACE(std::string(codec_name(codec)) + " of " + std::to_string(size));
      const std::string bytes = packed(codec, text);
      EXPECT_EQ(detect(as_bytes(bytes)), codec);
      const auto out = inflate(codec, as_bytes(bytes), {});
      ASSERT_TRUE(out.ok()) << out.error().detail();
      EXPECT_EQ(*out, text);
    }
  }
}

TEST(Compression, RefusesDamagedCutAndTrailingBytes) {
  const std::string text = sample(10'000);
  for (const Codec codec : kCodecs) {
    SCOPED_TRACE(codec_name(codec));
    const std::string bytes = packed(codec, text);
    const auto followed = inflate(codec, as_bytes(bytes + "tail"), {});
    ASSERT_FALSE(followed.ok());
    if (codec != Codec::xz) {  // there it is a next stream, damaged
      EXPECT_THAT(followed.error().detail(), HasSubstr("followed by 4 trailing bytes"));
    }
    EXPECT_FALSE(inflate(codec, as_bytes(std::string_view(bytes).substr(0, bytes.size() / 2)), {}).ok());
    EXPECT_FALSE(inflate(codec, as_bytes(std::string_view(bytes).substr(0, 3)), {}).ok());
    std::string damaged = bytes;
    for (std::size_t i = damaged.size() / 2; i < damaged.size() / 2 + 8; ++i) damaged[i] = static_cast<char>(damaged[i] ^ 0x5A);
    const auto out = inflate(codec, as_bytes(damaged), {});
    if (codec == Codec::lzma || codec == Codec::lz4) {
      EXPECT_TRUE(!out.ok() || *out != text);  // neither needs a checksum
    } else {
      EXPECT_FALSE(out.ok());
    }
  }
}

TEST(Compression, StopsAtItsLimits) {
  const std::string zeros(68 << 20, '\0');
  for (const Codec codec : kCodecs) {
    SCOPED_TRACE(codec_name(codec));
    const std::string bytes = packed(codec, std::string_view(zeros).substr(0, 1 << 20));
    Limits limits;
    limits.bytes_max = (1 << 20) - 1;
    EXPECT_THAT(inflate(codec, as_bytes(bytes), limits).error().detail(), HasSubstr("more than 1048575 bytes"));
    limits.bytes_max = 1 << 20;
    EXPECT_TRUE(inflate(codec, as_bytes(bytes), limits).ok());
  }
  // Whatever stands before it, a bomb is told where it begins; every codec has its own measure.
  std::string noise;
  std::uint64_t state = 1;
  for (int i = 0; i < 300'000; ++i) noise += static_cast<char>((state = state * 6364136223846793005ULL + 1442695040888963407ULL) >> 56);
  for (const Codec codec : {Codec::zlib, Codec::lz4})
    EXPECT_THAT(inflate(codec, as_bytes(packed(codec, noise + zeros)), {}).error().detail(), HasSubstr("times its size"));
  // One number in a thousand that isn't zero is a model.
  std::string sparse(40 << 20, '\0');
  for (std::size_t i = 0; i < sparse.size(); i += 8000) sparse.replace(i, 7, std::string_view(noise).substr(i % 200'000, 7));
  for (const Codec codec : {Codec::zlib, Codec::gzip, Codec::lz4}) EXPECT_TRUE(inflate(codec, as_bytes(packed(codec, sparse)), {}).ok());
  const std::string bomb = packed(Codec::zlib, zeros);
  Limits limits;
  limits.ratio_max = 100;
  EXPECT_THAT(inflate(Codec::zlib, as_bytes(bomb), limits).error().detail(), HasSubstr("100 times its size"));
}

TEST(Compression, JoinsGzipMembers) {
  const auto out = inflate(Codec::gzip, as_bytes(packed(Codec::gzip, "one ") + packed(Codec::gzip, "two")), {});
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(*out, "one two");
  std::string many;
  const std::string empty = packed(Codec::gzip, "");
  for (int i = 0; i < 20'000; ++i) many += empty;
  EXPECT_THAT(inflate(Codec::gzip, as_bytes(many), {}).error().detail(), HasSubstr("parts"));
}

TEST(Compression, SeesNoCodecInPicklesAndOtherFiles) {
  for (const std::string_view text : {"\x80\x04N.", "(S'a'\n.", "(dp0\n.", "PK\x03\x04", "csklearn\n", "", "x", "]", "BZh9 is a nice name"}) {
    EXPECT_EQ(detect(as_bytes(text)), Codec::none) << text;
  }
}

}  // namespace
}  // namespace slipway::compression
