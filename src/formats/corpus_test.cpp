// The reader over the files of tests/corpus: those that real libraries wrote, and those that mean harm.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unordered_set>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/compression.hpp"
#include "slipway/formats/pickle.hpp"

namespace slipway::pickle {
namespace {

namespace fs = std::filesystem;
const fs::path kCorpus = fs::path(SLIPWAY_SOURCE_DIR) / "tests" / "corpus";

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> found;
  if (!fs::exists(folder)) return found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const auto extension = entry.path().extension();
    if (extension == ".pkl" || extension == ".joblib") found.push_back(entry.path());
  }
  return found;
}

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

Result<std::string> unpacked(std::string packed) {
  const auto codec = compression::detect(as_bytes(packed));
  if (codec == compression::Codec::none) return packed;
  compression::Limits limits;
  limits.bytes_max = 256ULL << 20;
  return compression::inflate(codec, as_bytes(packed), limits);
}

struct Seen {
  std::size_t nodes = 0, arrays = 0;
};
// Everything once, up to a number: describes each node, and takes the arrays out.
Seen visit_everything(const Document& document) {
  Seen seen;
  std::unordered_set<std::uint32_t> known;
  std::vector<View> open = {document.root()};
  while (!open.empty() && seen.nodes < 300'000) {
    const View view = std::move(open.back());
    open.pop_back();
    if (!known.insert(view.id()).second) continue;
    ++seen.nodes;
    EXPECT_LT(view.describe().size(), 300U);
    if (view.is(Kind::array) && !view.is_object_array()) {
      ++seen.arrays;
      if (view.dtype_text().starts_with("[")) {
        EXPECT_FALSE(view.tensor().ok());
      } else {
        const auto tensor = view.tensor();
        EXPECT_TRUE(tensor.ok() || view.dtype_text().starts_with("<c")) << tensor.error().detail();
      }
    }
    for (std::size_t i = 0; i < view.size() && i < 10'000; ++i) open.push_back(view.at(i));
    for (std::size_t i = 0; i < view.entries() && i < 10'000; ++i) open.push_back(view.key_at(i)), open.push_back(view.value_at(i));
    for (std::size_t i = 0; i < view.arguments(); ++i) open.push_back(*view.argument(i));
    for (const std::string& name : view.attributes()) open.push_back(*view.find(name));
    if (const auto state = view.state()) open.push_back(*state);
  }
  return seen;
}

TEST(PickleCorpus, ReadsEveryFileThatScikitLearnWrote) {
  const auto files = files_below(kCorpus / "sklearn");
  if (files.empty()) GTEST_SKIP() << "no corpus";
  for (const fs::path& path : files) {
    SCOPED_TRACE(path.lexically_relative(kCorpus).string());
    const auto stream = unpacked(contents(path));
    ASSERT_TRUE(stream.ok()) << stream.error().detail();
    const auto document = read(as_bytes(*stream));
    ASSERT_TRUE(document.ok()) << document.error().detail();
    EXPECT_TRUE(looks_like_pickle(as_bytes(*stream)));
    EXPECT_GT(visit_everything(*document).nodes, 3U);
  }
}

// What Python prints for the same file, in each container: protocols 0-5, joblib with each codec, cloudpickle.
TEST(PickleCorpus, GivesTheValuesThatPythonGivesInEveryContainer) {
  std::size_t containers = 0;
  for (const fs::path& path : files_below(kCorpus / "sklearn" / "1.9.1")) {
    const std::string name = path.parent_path().filename().string();
    if (!name.starts_with("container_") || name.ends_with("_table")) continue;
    SCOPED_TRACE(name);
    ++containers;
    const auto stream = unpacked(contents(path));
    ASSERT_TRUE(stream.ok());
    const auto document = read(as_bytes(*stream));
    ASSERT_TRUE(document.ok());
    const auto steps = document->root().attribute("steps");
    ASSERT_TRUE(steps.ok() && steps->size() == 2);
    const View scaler = steps->at(0).at(1), forest = steps->at(1).at(1);
    EXPECT_EQ(scaler.name(), "StandardScaler");
    const auto mean = scaler.attribute("mean_").value().doubles().value();
    ASSERT_EQ(mean.size(), 4U);
    EXPECT_EQ(mean[0], 5.843333333333335);
    EXPECT_EQ(mean[2], 3.7580000000000027);
    EXPECT_EQ(scaler.attribute("n_samples_seen_").value().number().value(), 150.0);
    EXPECT_EQ(forest.attribute("classes_").value().texts().value(), (std::vector<std::string>{"setosa", "versicolor", "vir\u00adginica \u00e9"}));
    const View tree = forest.attribute("estimators_").value().at(0).attribute("tree_").value();
    const auto nodes = tree.attribute("nodes").value();
    EXPECT_EQ(nodes.path(), "steps[1][1].estimators_[0].tree_.nodes");
    EXPECT_EQ(static_cast<std::size_t>(tree.attribute("node_count").value().integer().value()), nodes.field("left_child").value().count());
    EXPECT_EQ(nodes.field("left_child").value().as_int(0), 1);
    EXPECT_TRUE(nodes.has_field("missing_go_to_left"));
    EXPECT_FALSE(document->globals().empty());
  }
  EXPECT_GE(containers, 12U);
}

TEST(PickleCorpus, RefusesHarmfulFilesOrReadsThemInertlyInBoundedTimeAndMemory) {
  const auto files = files_below(kCorpus / "hostile");
  if (files.empty()) GTEST_SKIP() << "no corpus";
  for (const fs::path& path : files) {
    SCOPED_TRACE(path.filename().string());
    const std::clock_t begin = std::clock();  // of this process: other work on the machine doesn't count
    const std::string file = contents(path);
    if (const auto stream = unpacked(file); stream.ok()) {
      const bool packed = stream->size() != file.size();
      if (const auto document = read(as_bytes(*stream), {.packed_bytes = packed ? file.size() : 0}); document.ok()) {
        // A DAG is no reason to visit it 2^60 times, and nothing in it runs.
        EXPECT_LE(visit_everything(*document).nodes, stream->size() + 4);
      } else {
        EXPECT_FALSE(document.error().detail().empty());
        EXPECT_LT(document.error().detail().size(), 1000U);
      }
    }
    const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
#ifdef SLIPWAY_SANITIZED
    EXPECT_LT(took, 20.0);
#else
    EXPECT_LT(took, 1.0);
#endif
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
#ifndef SLIPWAY_SANITIZED
  EXPECT_LT(usage.ru_maxrss / 1024, 1500);  // MB: the limit of unpacking, which may be held twice while it grows
#endif
}

}  // namespace
}  // namespace slipway::pickle
