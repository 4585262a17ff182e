#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "slipway/base/clock.hpp"
#include "slipway/base/encoding.hpp"
#include "slipway/base/ids.hpp"
#include "slipway/base/metrics.hpp"
#include "slipway/base/result.hpp"
#include "slipway/base/settings.hpp"

namespace slipway {
namespace {

using testing::HasSubstr;

Result<int> half(int n) {
  if (n % 2 != 0) return Error(ErrorCode::invalid_input, "odd");
  return n / 2;
}
Result<int> quarter(int n) { return TRY(half(TRY(half(n).within("first")))); }

TEST(Result, TryReturnsTheErrorWithItsContext) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(7).error().detail(), "first: odd");
  EXPECT_EQ(quarter(6).error().status(), 422);
}

TEST(Encoding, Base64UrlIsStrict) {
  const std::string raw("\x00\xff\xfe\x01", 4);
  EXPECT_EQ(*from_base64url(to_base64url(as_bytes(raw))), raw);
  EXPECT_FALSE(from_base64url("AA=="));
  EXPECT_FALSE(from_base64url("AA A"));
  EXPECT_FALSE(from_base64url("A+/A"));
}

TEST(Encoding, KnownChecksums) { EXPECT_EQ(crc32("123456789"), 0xCBF43926U); }

TEST(Encoding, PercentDecodingHappensOnce) {
  bool valid = false;
  EXPECT_EQ(percent_decode("a%252e%41", valid), "a%2eA");
  EXPECT_TRUE(valid);
  for (const char* text : {"%", "%4", "%zz", "a%f"}) {
    percent_decode(text, valid);
    EXPECT_FALSE(valid) << text;
  }
}

TEST(Encoding, ExcerptsAreShortPrintableAndCutAtACharacter) {
  EXPECT_EQ(excerpt("a\nb\x1b[0m"), "a?b?[0m");
  EXPECT_EQ(excerpt(std::string(39, 'x') + "\xC3\xA9\xC3\xA9"), std::string(39, 'x') + "\xE2\x80\xA6");
}

TEST(Ids, AreUniqueAndRecognised) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = new_id("mdl");
    EXPECT_TRUE(is_id(id)) << id;
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 1000U);
  for (const char* text : {"", "mdl_", "mdl_../../../../etc/passwd.....", "MDL_00000000000000000000000000", "mdl_0000000000000000000000000u"}) {
    EXPECT_FALSE(is_id(text)) << text;
  }
}

TEST(Clock, WritesRfc3339) { EXPECT_EQ(to_rfc3339(1'700'000'000'123), "2023-11-14T22:13:20.123Z"); }

TEST(Metrics, ExposesCountersAndHistograms) {
  Metrics metrics;
  metrics.counter("slipway_requests_total", "requests", "status=\"2xx\"").add(3);
  metrics.histogram("slipway_seconds", "time").observe(0.003);
  const std::string text = metrics.expose();
  EXPECT_THAT(text, HasSubstr("slipway_requests_total{status=\"2xx\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("slipway_seconds_bucket{le=\"0.005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("slipway_seconds_bucket{le=\"0.0025\"} 0\n"));
}

struct TomlFile {
  std::string path = "/tmp/slipway-settings-" + std::to_string(::getpid()) + ".toml";
  explicit TomlFile(const std::string& text) { std::ofstream(path) << text; }
  ~TomlFile() { ::unlink(path.c_str()); }
};

TEST(Settings, FlagsWinOverEnvironmentOverFileOverDefaults) {
  const TomlFile file("[server]\nio_threads = 1\nworker_threads = 7\nbody_bytes_max = \"1M\"\n");
  const auto s = load_settings(file.path, {{"SLIPWAY_SERVER_IO_THREADS", "2"}, {"SLIPWAY_LOG_LEVEL", "warn"}}, {{"log.level", "debug"}});
  ASSERT_TRUE(s.ok()) << s.error().detail();
  EXPECT_EQ(s->server_io_threads, 2);
  EXPECT_EQ(s->server_worker_threads, 7);
  EXPECT_EQ(s->server_body_bytes_max, 1 << 20);
  EXPECT_EQ(s->log_level, "debug");
  EXPECT_THAT(s->origins.at("server.worker_threads"), HasSubstr(".toml:3"));
}

TEST(Settings, AnUnknownKeyNamesLineAndNearestKey) {
  const TomlFile file("[server]\nlisten = \"127.0.0.1:1\"\nio_thread = 1\n");
  const auto s = load_settings(file.path, {}, {});
  ASSERT_FALSE(s.ok());
  EXPECT_THAT(s.error().detail(), HasSubstr("toml:3"));
  EXPECT_THAT(s.error().detail(), HasSubstr("did you mean \"server.io_threads\""));
}

TEST(Settings, AnUnknownVariableNamesTheNearest) {
  const auto s = load_settings(std::nullopt, {{"SLIPWAY_SERVER_LISTN", "x"}}, {});
  ASSERT_FALSE(s.ok());
  EXPECT_THAT(s.error().detail(), HasSubstr("SLIPWAY_SERVER_LISTEN"));
}

TEST(Settings, OutOfBoundsNamesTheBounds) {
  const auto s = load_settings(std::nullopt, {}, {{"server.io_threads", "100000"}});
  ASSERT_FALSE(s.ok());
  EXPECT_THAT(s.error().detail(), HasSubstr("between 0 and 256"));
}

TEST(Settings, TheExampleFileIsTheOneThatIsCommitted) {
  std::ifstream in(SLIPWAY_SOURCE_DIR "/config/slipway.toml.example");
  const std::string committed((std::istreambuf_iterator<char>(in)), {});
  EXPECT_EQ(committed, settings_example()) << "regenerate with: slipway config --example > config/slipway.toml.example";
}

}  // namespace
}  // namespace slipway
