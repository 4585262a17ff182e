// Every file of tests/corpus/hostile that an import must refuse is refused, in bounded time, with a message that helps; none runs.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "slipway/graph/artifact.hpp"
#include "slipway/importers/answer.hpp"

namespace slipway::importers {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

std::string lower(std::string s) {
  std::transform(s.begin(), s.end(), s.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return s;
}

fs::path corpus() { return fs::path(SLIPWAY_SOURCE_DIR) / "tests/corpus/hostile"; }

struct Hostile {
  std::string file, stage, marker;
  std::vector<std::vector<std::string>> must_mention;
};

std::vector<Hostile> hostile_files() {
  std::vector<Hostile> out;
  const auto manifest = json::parse(read_file(corpus() / "manifest.json"));
  if (!manifest.ok() || !manifest->is_array()) return out;
  for (const auto& entry : manifest->as_array()) {
    Hostile h{entry.string_or("file", ""), entry.string_or("stage", ""), entry.string_or("marker", ""), {}};
    if (const json::Value* mentions = entry.find("must_mention"); mentions != nullptr && mentions->is_array()) {
      for (const auto& m : mentions->as_array()) {
        std::vector<std::string> any;
        if (m.is_string()) any.push_back(m.as_string());
        if (m.is_array()) {
          for (const auto& one : m.as_array()) any.push_back(one.as_string());
        }
        h.must_mention.push_back(std::move(any));
      }
    }
    out.push_back(std::move(h));
  }
  return out;
}

class HostileFile : public testing::TestWithParam<Hostile> {};

TEST_P(HostileFile, IsRefusedWithAMessageThatHelps) {
  const Hostile& h = GetParam();
  const std::string bytes = read_file(corpus() / h.file);
  const SourceFile file{h.file, std::as_bytes(std::span(bytes))};
  const auto start = std::chrono::steady_clock::now();
  Options options;
  options.bytes_max = 256ULL << 20;
  const auto artifact = import_model({&file, 1}, options);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  if (!h.marker.empty()) { EXPECT_FALSE(fs::exists(h.marker)); }
  if (h.stage != "import") return;  // legal, and stopped when it runs
  ASSERT_FALSE(artifact.ok()) << artifact->report.title;
  EXPECT_EQ(artifact.error().code(), ErrorCode::model_refused);
  const std::string detail = lower(artifact.error().detail());
  EXPECT_LT(detail.size(), 4000U);
  for (const auto& any : h.must_mention) {
    const bool mentioned = std::any_of(any.begin(), any.end(), [&](const std::string& m) { return detail.find(lower(m)) != std::string::npos; });
    std::string wanted;
    for (const auto& m : any) wanted += m + " | ";
    EXPECT_TRUE(mentioned) << "'" << artifact.error().detail() << "' lacks " << wanted;
  }
}

INSTANTIATE_TEST_SUITE_P(Corpus, HostileFile, testing::ValuesIn(hostile_files()), [](const auto& info) {
  std::string name = info.param.file;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
});
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(HostileFile);

TEST(ImportAnswer, CarriesARefusal) {
  const std::string bytes = "no model at all";
  const SourceFile file{"x", std::as_bytes(std::span(bytes))};
  const std::string frame = import_to_bytes({&file, 1}, {}, false);
  const auto answer = parse_import_answer(std::as_bytes(std::span(frame)));
  ASSERT_TRUE(answer.ok()) << answer.error().internal();
  EXPECT_FALSE(answer->ok);
  EXPECT_NE(answer->refusal.find("unknown format"), std::string::npos) << answer->refusal;
}

TEST(ImportAnswer, CarriesAnArtifactThatReadsBack) {
  const std::string bytes = read_file(fs::path(SLIPWAY_SOURCE_DIR) / "tests/corpus/sklearn/1.9.1/iris_pipeline/model.pkl");
  const SourceFile file{"model.pkl", std::as_bytes(std::span(bytes))};
  const std::string frame = import_to_bytes({&file, 1}, {}, false);
  const auto answer = parse_import_answer(std::as_bytes(std::span(frame)));
  ASSERT_TRUE(answer.ok()) << answer.error().internal();
  ASSERT_TRUE(answer->ok) << answer->refusal;
  EXPECT_EQ(answer->report.title, "Pipeline(StandardScaler, LogisticRegression)");
  EXPECT_EQ(answer->report.producer, "scikit-learn 1.9.1");
  const auto view = view_artifact(answer->artifact);
  ASSERT_TRUE(view.ok()) << view.error().detail();
  EXPECT_EQ(view->schema.features.size(), 4U);
  EXPECT_EQ(view->schema.classes.size(), 3U);
}

TEST(ImportAnswer, RefusesDamagedFrames) {
  const std::string bytes = "no model";
  const SourceFile file{"x", std::as_bytes(std::span(bytes))};
  const std::string frame = import_to_bytes({&file, 1}, {}, false);
  for (std::size_t cut = 0; cut < frame.size(); ++cut) { EXPECT_FALSE(parse_import_answer(std::as_bytes(std::span(frame).first(cut))).ok()) << cut; }
  for (std::size_t at = 0; at < 12; ++at) {
    std::string bent = frame;
    bent[at] = static_cast<char>(bent[at] ^ 0x80);
    EXPECT_FALSE(parse_import_answer(std::as_bytes(std::span(bent))).ok()) << at;
  }
  const std::string longer = frame + "x";
  EXPECT_FALSE(parse_import_answer(std::as_bytes(std::span(longer))).ok());
}

}  // namespace
}  // namespace slipway::importers
