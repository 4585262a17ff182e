// Every file of tests/corpus/hostile that an import must refuse is refused, in bounded time, with a message that helps; none runs.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "slipway/base/encoding.hpp"
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

INSTANTIATE_TEST_SUITE_P(Corpus, HostileFile, testing::ValuesIn(hostile_files()), [](const auto& file) {
  std::string name = file.param.file;
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

// The cell's way, with weights where they stand in the file, gives what an artifact with weights of its own is written as.
TEST(ImportAnswer, IsTheSameFromWeightsInPlace) {
  const fs::path corpus = fs::path(SLIPWAY_SOURCE_DIR) / "tests/corpus";
  for (const char* path : {"torch_files/2.15.0/tab.pt2", "torch_files/2.15.0/tab_scripted.pt", "torch_files/2.15.0/gru_traced.pt",
                           "sklearn/1.9.1/iris_pipeline/model.pkl"}) {
    const std::string bytes = read_file(corpus / path);
    const SourceFile file{"model", std::as_bytes(std::span(bytes))};
    const auto artifact = import_model({&file, 1}, {});
    ASSERT_TRUE(artifact.ok()) << path << ": " << artifact.error().detail();
    std::string frame;
    const auto append = [&](std::string_view piece) {
      frame += piece;
      return ok();
    };
    ASSERT_TRUE(import_into({&file, 1}, {}, false, append).ok());
    EXPECT_TRUE(frame == import_to_bytes({&file, 1}, {}, false)) << path;
    const auto answer = parse_import_answer(std::as_bytes(std::span(frame)));
    ASSERT_TRUE(answer.ok() && answer->ok) << path;
    EXPECT_TRUE(as_text(answer->artifact) == write_artifact(*artifact).value()) << path;
  }
}

TEST(ImportAnswer, SaysWhenItCouldNotBeWritten) {
  const std::string bytes = "no model at all";
  const SourceFile file{"x", std::as_bytes(std::span(bytes))};
  const auto full = [](std::string_view) -> Status { return Error(ErrorCode::internal, "full"); };
  EXPECT_FALSE(import_into({&file, 1}, {}, false, full).ok());
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

// A dict of objects of unknown classes: the refusal lists its keys.
std::string dict_of_strangers(const std::vector<std::string>& keys) {
  std::string out = "\x80\x02}(";
  for (const std::string& key : keys) {
    out += "X";
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(key.size() >> shift);
    out += key + "cstrange\nThing\n)\x81";
  }
  return out + "u.";
}

// A refusal was cut at 4000 bytes inside a character; as JSON it was then longer than the server takes, which made of it an error of its own.
TEST(ImportAnswer, CutsALongRefusalAtACharacter) {
  for (std::size_t pad = 0; pad < 3; ++pad) {
    std::string key(pad, 'a');
    for (int i = 0; i < 2000; ++i) key += "\xE2\x82\xAC";
    const std::string bytes = dict_of_strangers({key, key + "b"});
    const SourceFile file{"x", std::as_bytes(std::span(bytes))};
    const std::string frame = import_to_bytes({&file, 1}, {}, false);
    const auto answer = parse_import_answer(std::as_bytes(std::span(frame)));
    ASSERT_TRUE(answer.ok()) << answer.error().internal();
    EXPECT_NE(answer->refusal.find("none of the objects inside"), std::string::npos) << answer->refusal;
  }
}

// A key of 20,000 characters beside the model went into a warning of the report, and a good model failed with the server's own error.
TEST(ImportAnswer, HoldsWarningsThatTheServerTakes) {
  const std::string model = read_file(fs::path(SLIPWAY_SOURCE_DIR) / "tests/corpus/sklearn/1.9.1/container_pickle_p2/model.pkl");
  ASSERT_FALSE(model.empty());
  std::string bytes = dict_of_strangers({std::string(20'000, 'k')});
  bytes.resize(bytes.size() - 2);
  bytes += "X" + std::string("\1\0\0\0m", 5) + model.substr(2, model.size() - 3) + "u.";
  const SourceFile file{"x", std::as_bytes(std::span(bytes))};
  const std::string frame = import_to_bytes({&file, 1}, {}, false);
  const auto answer = parse_import_answer(std::as_bytes(std::span(frame)));
  ASSERT_TRUE(answer.ok()) << answer.error().internal();
  ASSERT_TRUE(answer->ok) << answer->refusal;
  ASSERT_FALSE(answer->report.warnings.empty());
  EXPECT_NE(answer->report.warnings[0].find("served is m"), std::string::npos) << answer->report.warnings[0];
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
