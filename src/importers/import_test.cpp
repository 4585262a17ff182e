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
  EXPECT_NE(refused.error().detail().find("TSNE has no predict and no transform for new rows"), std::string::npos) << refused.error().detail();
  const auto custom = import_bytes(
      "\x80\x02"
      "c__main__\nMyModel\n)\x81}b.");
  ASSERT_FALSE(custom.ok());
  EXPECT_NE(custom.error().detail().find("__main__.MyModel, a class of the script"), std::string::npos) << custom.error().detail();
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
  using namespace std::string_view_literals;
  EXPECT_EQ(kind("\x1c\0\0\0TFL3\x14\0\x20\0"sv), FileKind::tflite);
  EXPECT_EQ(kind("GGUF\3\0\0\0"sv), FileKind::gguf);
  EXPECT_EQ(kind("<?xml version=\"1.0\"?>\n<PMML version=\"4.4\" xmlns=\"http://www.dmg.org/PMML-4_4\"></PMML>"), FileKind::pmml);
  EXPECT_EQ(kind("\x08\4\x12\3\x0a\1x\xa2\x1f\2\x08\1"sv), FileKind::core_ml);  // a neural network, 500
  EXPECT_EQ(kind("\x08\1\x12\4\x0a\2\x0a\0"sv), FileKind::saved_model);
  EXPECT_EQ(kind("\x18\0\0\0\0\0\0\0{\"__metadata__\":{}}       "sv), FileKind::safetensors);
  EXPECT_EQ(kind("PK\3\4 cut off archive/data.pkl"sv), FileKind::torch);
  EXPECT_EQ(kind("PK\3\4 cut off archive/constants.pkl"sv), FileKind::torch_script);
}

std::string tar_of(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string out;
  for (const auto& [name, content] : entries) {
    std::string header(512, '\0');
    char size[12];
    std::snprintf(size, sizeof size, "%011zo", content.size());
    header.replace(0, name.size(), name);
    header.replace(124, 11, size, 11);
    header.replace(257, 5, "ustar");
    out += header + content + std::string((512 - content.size() % 512) % 512, '\0');
  }
  return out + std::string(1024, '\0');
}

TEST(Import, SaysWhatAnArchiveHolds) {
  const auto kind = [](std::string_view s) { return detect(std::as_bytes(std::span(s))); };
  EXPECT_EQ(kind(tar_of({{"sys_info", "x"}, {"pickle", "x"}, {"storages", "x"}, {"tensors", "x"}})), FileKind::torch_tar);
  EXPECT_EQ(kind(tar_of({{"m/variables/variables.index", "x"}, {"m/saved_model.pb", "x"}})), FileKind::saved_model);
  EXPECT_EQ(kind(tar_of({{"model.pkl", std::string(700, 'x')}})), FileKind::tar);
  const auto torch_file = [](const std::string& name) {
    std::ifstream in(std::filesystem::path(SLIPWAY_SOURCE_DIR) / "tests/corpus/torch_files" / name, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return std::move(out).str();
  };
  EXPECT_EQ(kind(torch_file("1.12.1/state_dict.pt")), FileKind::torch);
  EXPECT_EQ(kind(torch_file("1.12.1/state_dict_legacy.pt")), FileKind::torch_legacy);
  EXPECT_EQ(kind(torch_file("1.4.0/protocol4_legacy.pt")), FileKind::torch_legacy);
  EXPECT_EQ(kind(torch_file("1.12.1/scripted.pt")), FileKind::torch_script);
  EXPECT_EQ(kind(torch_file("2.15.0/tab_scripted.pt")), FileKind::torch_script);
  EXPECT_EQ(kind(torch_file("2.15.0/tab.pt2")), FileKind::torch_export);
  EXPECT_EQ(kind(torch_file("1.12.1/old_export.pt2")), FileKind::torch_export);
  EXPECT_EQ(kind(torch_file("1.12.1/dtypes.safetensors")), FileKind::safetensors);
  for (int k = 0; k <= static_cast<int>(FileKind::unknown); ++k) EXPECT_FALSE(kind_title(static_cast<FileKind>(k)).empty());
  EXPECT_NE(refuse_kind(FileKind::tflite).detail().find(".keras"), std::string::npos);
}

std::string container(const std::string& path) {
  std::ifstream in(std::filesystem::path(SLIPWAY_SOURCE_DIR) / "tests/corpus/containers/1.9.1" / path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

Result<Artifact> import_files(const std::vector<std::pair<std::string, std::string>>& named, const std::string& entry = "",
                              Report* report = nullptr) {
  std::vector<SourceFile> files;
  for (const auto& [name, bytes] : named) files.push_back({name, std::as_bytes(std::span(bytes))});
  Report scratch;
  Options options;
  options.entry = entry;
  return import_model(files, options, report != nullptr ? *report : scratch);
}

TEST(ImportFiles, TakesTheOnlyOrderThatFitsAndSaysSo) {
  const std::string scaler = container("files_scaler_model/scaler.pkl"), model = container("files_scaler_model/model.pkl");
  const auto given = import_files({{"scaler.pkl", scaler}, {"model.pkl", model}});
  ASSERT_TRUE(given.ok()) << given.error().detail();
  EXPECT_EQ(given->report.title, "StandardScaler → LogisticRegression");
  EXPECT_TRUE(given->report.warnings.empty());
  const auto turned = import_files({{"model.pkl", model}, {"scaler.pkl", scaler}});
  ASSERT_TRUE(turned.ok()) << turned.error().detail();
  ASSERT_EQ(turned->report.warnings.size(), 1U);
  EXPECT_NE(turned->report.warnings[0].find("scaler.pkl, model.pkl"), std::string::npos) << turned->report.warnings[0];
}

TEST(ImportFiles, ListsTheOrdersWhenSeveralFit) {
  const std::string model = container("files_scaler_model/model.pkl"), first = container("files_only_transformers/first.pkl"),
                    second = container("files_only_transformers/second.pkl");
  const auto refused = import_files({{"model.pkl", model}, {"second.pkl", second}, {"first.pkl", first}});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().detail().find("first.pkl, second.pkl, model.pkl"), std::string::npos) << refused.error().detail();
  EXPECT_NE(refused.error().detail().find("second.pkl, first.pkl, model.pkl"), std::string::npos) << refused.error().detail();
}

TEST(ImportFiles, TellsWidthsThatDoNotFit) {
  const std::string encoder = container("files_one_hot_changes_width/encoder.pkl"), model = container("files_scaler_model/model.pkl");
  const auto refused = import_files({{"encoder.pkl", encoder}, {"model.pkl", model}});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().detail().find("LogisticRegression takes 4 columns, but encoder.pkl gives 5"), std::string::npos)
      << refused.error().detail();
}

TEST(ImportFiles, RefusesTwoModelsAndWhatIsNoModel) {
  const std::string model = container("files_scaler_model/model.pkl"), tree = container("files_one_hot_changes_width/model.pkl");
  const auto two = import_files({{"a.pkl", model}, {"b.pkl", tree}});
  ASSERT_FALSE(two.ok());
  EXPECT_NE(two.error().detail().find("both predict"), std::string::npos) << two.error().detail();
  const auto source = import_files({{"model.pkl", model}, {"net.py", "import torch\n"}});
  ASSERT_FALSE(source.ok());
  EXPECT_NE(source.error().detail().find("net.py"), std::string::npos) << source.error().detail();
}

TEST(ImportFiles, ALabelEncoderMustFitTheAnswer) {
  const std::string encoder = container("files_decoded_and_named/encoder.pkl"), forest = container("files_index_of_columns/model.pkl");
  const auto refused = import_files({{"model.pkl", forest}, {"encoder.pkl", encoder}});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().detail().find("encoder.pkl: "), std::string::npos) << refused.error().detail();
  EXPECT_NE(refused.error().detail().find("LabelEncoder"), std::string::npos) << refused.error().detail();
}

TEST(ImportFiles, SuggestsTheChainInADictAndListsWhatIsInside) {
  const std::string bundle = container("dict_chained/bundle.pkl");
  Report report;
  const auto refused = import_files({{"bundle.pkl", bundle}}, "", &report);
  ASSERT_FALSE(refused.ok());
  for (const char* part : {"--entry model", "?entry=model", "--entry scaler,model"})
    EXPECT_NE(refused.error().detail().find(part), std::string::npos) << refused.error().detail();
  ASSERT_EQ(report.objects.size(), 3U);
  EXPECT_EQ(report.objects[0].string_or("path", ""), "model");
  EXPECT_EQ(report.objects[0].int_or("features", 0), 4);
  EXPECT_EQ(report.objects[0].int_or("classes", 0), 3);
  EXPECT_TRUE(report.objects[1].bool_or("servable", false));
  const auto wrong = import_files({{"bundle.pkl", bundle}}, "model,scaler");
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.error().detail().find("scaler, model"), std::string::npos) << wrong.error().detail();
  EXPECT_FALSE(import_files({{"bundle.pkl", bundle}}, "columns").ok());
}

TEST(ImportFiles, ArraysOfOldJoblibAreFoundByName) {
  const std::string folder = "../0.22.2/joblib09_files/";
  std::vector<std::pair<std::string, std::string>> files{{"model.pkl", container(folder + "model.pkl")}};
  const auto alone = import_files(files);
  ASSERT_FALSE(alone.ok());
  EXPECT_NE(alone.error().detail().find("model.pkl_01.npy"), std::string::npos) << alone.error().detail();
  for (int i = 1; i <= 7; ++i) {
    const std::string name = "model.pkl_0" + std::to_string(i) + ".npy";
    files.emplace_back(name, container(folder + name));
  }
  const auto whole = import_files(files);
  EXPECT_TRUE(whole.ok()) << whole.error().detail();
  files.emplace_back("other.npy", files.back().second);
  EXPECT_FALSE(import_files(files).ok());
}

}  // namespace
}  // namespace slipway::importers
