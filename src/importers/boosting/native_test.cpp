// Files of boosting libraries' own formats that are cut off or bent: they are refused or read, but never crash and never run long.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "slipway/formats/document.hpp"
#include "slipway/importers/boosting/catboost_model.hpp"
#include "slipway/importers/boosting/lightgbm_model.hpp"
#include "slipway/importers/boosting/xgboost_model.hpp"
#include "slipway/importers/importer.hpp"

namespace slipway::importers::boosting {
namespace {

namespace fs = std::filesystem;

std::vector<std::pair<std::string, std::string>> native_files() {
  std::vector<std::pair<std::string, std::string>> out;
  const fs::path corpus = fs::path(SLIPWAY_SOURCE_DIR) / "tests/corpus/boosting";
  if (!fs::is_directory(corpus)) return out;
  for (const auto& entry : fs::recursive_directory_iterator(corpus)) {
    const std::string kind = entry.path().extension();
    if (entry.path().stem() != "model" || (kind != ".json" && kind != ".ubj" && kind != ".bin" && kind != ".txt" && kind != ".cbm")) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    out.emplace_back(entry.path().string(), std::move(bytes).str());
  }
  return out;
}

bool reads(const std::string& bytes) {
  const SourceFile file{"model", std::as_bytes(std::span(bytes))};
  return import_model({&file, 1}, {}).ok();
}

TEST(NativeFiles, AreRefusedWhereverTheyAreCutOff) {
  for (const auto& [name, bytes] : native_files()) {
    if (bytes.size() > 40'000) continue;
    ASSERT_TRUE(reads(bytes)) << name;
    const std::size_t step = std::max<std::size_t>(1, bytes.size() / 150);
    for (std::size_t cut = 0; cut < bytes.size(); cut += step) reads(bytes.substr(0, cut));
  }
}

TEST(NativeFiles, SurviveBentBytes) {
  std::mt19937 random(7);
  for (const auto& [name, bytes] : native_files()) {
    if (bytes.size() > 40'000) continue;
    for (int i = 0; i < 120; ++i) {
      std::string bent = bytes;
      for (int k = 0; k < 1 + i % 4; ++k) {
        const std::size_t at = random() % bent.size();
        bent[at] = static_cast<char>(i % 3 == 0 ? 0xFF : i % 3 == 1 ? random() & 0xFF : bent[at] ^ (1 << random() % 8));
      }
      reads(bent);
    }
  }
}

std::string lightgbm(const std::string& tree) {
  return "tree\nversion=v3\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\nobjective=regression\nfeature_names=a b\n"
         "feature_infos=[0:1] [0:1]\n\nTree=0\n" +
         tree + "\nend of trees\n";
}

TEST(LightGBM, RefusesTreesThatPointOutside) {
  const std::string good =
      "num_leaves=2\nnum_cat=0\nsplit_feature=1\nthreshold=0.5\ndecision_type=2\nleft_child=-1\nright_child=-2\nleaf_value=1 2\n";
  EXPECT_TRUE(reads(lightgbm(good)));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string bent = good;
    bent.replace(bent.find(from), from.size(), to);
    return lightgbm(bent);
  };
  EXPECT_FALSE(reads(with("left_child=-1", "left_child=-9")));
  EXPECT_FALSE(reads(with("left_child=-1", "left_child=0")));  // its own child
  EXPECT_FALSE(reads(with("left_child=-1", "left_child=9223372036854775807")));
  EXPECT_FALSE(reads(with("left_child=-1", "left_child=-9223372036854775808")));
  EXPECT_FALSE(reads(with("split_feature=1", "split_feature=2")));
  EXPECT_FALSE(reads(with("split_feature=1", "split_feature=-1")));
  EXPECT_FALSE(reads(with("threshold=0.5", "threshold=nan")));
  EXPECT_FALSE(reads(with("leaf_value=1 2", "leaf_value=1")));
  EXPECT_FALSE(reads(with("num_leaves=2", "num_leaves=999999999")));
  EXPECT_FALSE(reads(with("decision_type=2", "decision_type=1")));  // a categorical split without categories
  EXPECT_FALSE(reads(with("decision_type=2\n", "decision_type=1\ncat_boundaries=0 9\ncat_threshold=1\n")));
  EXPECT_FALSE(reads(with("leaf_value", "is_linear=1\nleaf_const=1 1\nnum_features=1 0\nleaf_features=7\nleaf_coeff=1\nleaf_value")));
}

TEST(Documents, AreBounded) {
  EXPECT_FALSE(document::read_json(std::string(100'000, '[')).ok());
  EXPECT_FALSE(document::read_ubjson(std::string(100'000, '[')).ok());
  EXPECT_FALSE(document::read_json(R"({"a": 1, "a": 2})").ok());
  EXPECT_FALSE(document::read_json("[1, 2").ok());
  EXPECT_FALSE(document::read_json("[1] 2").ok());
  using namespace std::string_literals;
  EXPECT_FALSE(document::read_ubjson("[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff"s).ok());  // a list of 2^63 numbers
  EXPECT_FALSE(document::read_ubjson("[$Z#l\x7f\xff\xff\xff"s).ok());                  // 2^31 values of no bytes
  EXPECT_FALSE(document::read_ubjson("SL\xff\xff\xff\xff\xff\xff\xff\xff"s).ok());
  const auto read = document::read_json(R"({"a": [1.5, NaN, -Infinity, true], "b": ["x", "é\ud83d\ude00"], "c": {"d": null}})");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->find("a")->numbers.size(), 4U);
  EXPECT_EQ(read->find("b")->texts[1], "é\xf0\x9f\x98\x80");
  EXPECT_NE(read->find({"c", "d"}), nullptr);
}

TEST(XGBoost, RefusesTreesThatPointOutside) {
  const auto model = [](const std::string& left, const std::string& feature, const std::string& target) {
    return R"({"learner": {"attributes": {}, "feature_names": [], "feature_types": [], "gradient_booster": {"model": {"gbtree_model_param":
      {"num_parallel_tree": "1", "num_trees": "1"}, "tree_info": [)" +
           target + R"(], "trees": [{"left_children": [)" + left + R"(, -1, -1], "right_children": [2, -1, -1], "split_indices": [)" + feature +
           R"(, 0, 0], "split_conditions": [0.5, 1, 2], "default_left": [0, 0, 0], "tree_param": {"size_leaf_vector": "0"}}]}, "name": "gbtree"},
      "learner_model_param": {"base_score": "5E-1", "num_class": "0", "num_feature": "2", "num_target": "1"},
      "objective": {"name": "reg:squarederror"}}, "version": [1, 7, 6]})";
  };
  EXPECT_TRUE(reads(model("1", "1", "0")));
  EXPECT_FALSE(reads(model("3", "1", "0")));
  EXPECT_FALSE(reads(model("0", "1", "0")));
  EXPECT_FALSE(reads(model("2", "1", "0")));
  EXPECT_FALSE(reads(model("1", "2", "0")));
  EXPECT_FALSE(reads(model("1", "-1", "0")));
  EXPECT_FALSE(reads(model("1", "1", "1")));
  EXPECT_FALSE(reads(model("1", "1", "1e300")));
}

}  // namespace
}  // namespace slipway::importers::boosting
