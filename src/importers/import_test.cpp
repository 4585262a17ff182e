// What an import says of a model: its schema, example, report; and how a model is found in a container. Numbers are tests/parity's matter.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "slipway/importers/detect.hpp"
#include "slipway/importers/importer.hpp"

namespace slipway::importers {
namespace {

std::string corpus(const std::string& path) {
  std::ifstream in(std::filesystem::path(SLIPWAY_SOURCE_DIR) / "tests/corpus/sklearn" / path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

Result<Artifact> import_bytes(const std::string& bytes, const std::string& entry = "") {
  const SourceFile file{"model", std::as_bytes(std::span(bytes))};
  Options options;
  options.entry = entry;
  return import_model({&file, 1}, options);
}

// A dict around objects of protocol 2: {name: object, ...}.
std::string dict_of(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string out = "\x80\x02}(";
  for (const auto& [name, pickled] : entries) {
    out += "X";
    out += static_cast<char>(name.size());
    out += std::string(3, '\0') + name + pickled.substr(2, pickled.size() - 3);
  }
  return out + "u.";
}

const Feature& feature(const Artifact& artifact, std::string_view name) {
  for (const Feature& f : artifact.schema.features) {
    if (f.name == name) return f;
  }
  throw std::runtime_error("no such feature");
}

TEST(Import, DescribesATableModelInItsUsersWords) {
  auto bytes = corpus("1.9.1/titanic_logreg/model.pkl");
  if (bytes.empty()) bytes = corpus("1.9.1/titanic_logreg/model.joblib");
  const auto artifact = import_bytes(bytes);
  ASSERT_TRUE(artifact.ok()) << artifact.error().detail();
  EXPECT_EQ(artifact->schema.kind, "classifier");
  EXPECT_TRUE(artifact->schema.named_features);
  EXPECT_EQ(feature(*artifact, "age").type, FeatureType::number);
  EXPECT_TRUE(feature(*artifact, "age").nullable);
  EXPECT_TRUE(feature(*artifact, "age").typical.has_value());
  EXPECT_EQ(feature(*artifact, "sex").type, FeatureType::text);
  EXPECT_EQ(feature(*artifact, "sex").categories.size(), 2U);
  EXPECT_FALSE(feature(*artifact, "sex").closed);
  EXPECT_TRUE(feature(*artifact, "pclass").input.empty());  // dropped by the ColumnTransformer
  EXPECT_NE(artifact->example.dump().find("\"sex\""), std::string::npos);
  EXPECT_EQ(artifact->report.producer, "scikit-learn 1.9.1");
}

TEST(Import, ClosesCategoriesWhoseUnknownValuesTheLibraryRefuses) {
  auto bytes = corpus("1.9.1/titanic_drop_first/model.pkl");
  if (bytes.empty()) bytes = corpus("1.9.1/titanic_drop_first/model.joblib");
  const auto artifact = import_bytes(bytes);
  ASSERT_TRUE(artifact.ok()) << artifact.error().detail();
  EXPECT_TRUE(feature(*artifact, "sex").closed);
  EXPECT_TRUE(feature(*artifact, "port").nullable);  // imputed before it is encoded
}

TEST(Import, RefusesMissingValuesWhereTheLibraryDoes) {
  const auto artifact = import_bytes(corpus("1.9.1/iris_pipeline/model.pkl"));
  ASSERT_TRUE(artifact.ok()) << artifact.error().detail();
  for (const Feature& f : artifact->schema.features) EXPECT_FALSE(f.nullable) << f.name;  // the scaler passes NaN on, the model refuses it
}

TEST(Import, FindsTheOnlyEstimatorInADict) {
  const std::string model = corpus("1.9.1/container_pickle_p2/model.pkl");
  const auto artifact = import_bytes(dict_of({{"model", model}}));
  ASSERT_TRUE(artifact.ok()) << artifact.error().detail();
  EXPECT_EQ(artifact->report.title, "Pipeline(StandardScaler, RandomForestClassifier)");
}

TEST(Import, AsksWhichOneWhenADictHasSeveral) {
  const std::string model = corpus("1.9.1/container_pickle_p2/model.pkl");
  const std::string both = dict_of({{"first", model}, {"second", model}});
  const auto refused = import_bytes(both);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().detail().find("--entry first"), std::string::npos) << refused.error().detail();
  EXPECT_TRUE(import_bytes(both, "second").ok());
  const auto step = import_bytes(both, "second.steps[0][1]");
  ASSERT_TRUE(step.ok()) << step.error().detail();
  EXPECT_EQ(step->schema.kind, "transformer");
  EXPECT_FALSE(import_bytes(both, "third").ok());
}

TEST(Import, NamesAnUncoveredClassWithTheWayOut) {
  const auto refused = import_bytes(
      "\x80\x02"
      "csklearn.manifold._t_sne\nTSNE\n)\x81}b.");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().detail().find("sklearn.manifold._t_sne.TSNE is not covered yet"), std::string::npos) << refused.error().detail();
  const auto custom = import_bytes(
      "\x80\x02"
      "c__main__\nMyModel\n)\x81}b.");
  ASSERT_FALSE(custom.ok());
  EXPECT_NE(custom.error().detail().find("__main__.MyModel is code"), std::string::npos) << custom.error().detail();
}

TEST(Import, SaysWhatAFileIsThatIsNoModelHere) {
  const auto kind = [](std::string_view s) { return detect(std::as_bytes(std::span(s))); };
  EXPECT_EQ(kind(""), FileKind::empty);
  EXPECT_EQ(kind("\x89HDF\r\n\x1a\n...."), FileKind::hdf5);
  EXPECT_EQ(kind("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), FileKind::git_lfs_pointer);
  EXPECT_EQ(kind("<!DOCTYPE html><html></html>"), FileKind::html);
  EXPECT_EQ(kind("import numpy as np\n"), FileKind::python);
  EXPECT_EQ(kind("a,b,c\n1,2,3\n"), FileKind::csv);
  EXPECT_EQ(kind("{\"learner\": {}}"), FileKind::xgboost);
}

TEST(Import, RefusesSeveralFilesHonestly) {
  const std::string bytes = "x";
  const SourceFile files[] = {{"a", std::as_bytes(std::span(bytes))}, {"b", std::as_bytes(std::span(bytes))}};
  const auto refused = import_model(files, {});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().detail().find("several files"), std::string::npos);
}

}  // namespace
}  // namespace slipway::importers
