// Every case of tests/corpus: a model file, a request and the library's own answer. The file is imported, the request decoded, the
// graph run by the real engine, and the answer must be the library's: numbers to 1e-9 relative, labels exactly.
// SLIPWAY_PARITY_DIR names another folder of cases (of the same layout) to run as well.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "slipway/graph/onnx_io.hpp"
#include "slipway/importers/importer.hpp"
#include "slipway/ops/ort/register.hpp"
#include "slipway/tensor/comparison.hpp"
#include "slipway/tensor/request_codec.hpp"

namespace slipway {
namespace {

namespace fs = std::filesystem;

// Cases that can't be answered, and why. They must be refused, or refuse the request.
struct Exception {
  std::string_view name, why;
  std::string_view before = "99";  // only of versions before this one
};
constexpr std::string_view kNoNames = "before 1.0 such a file doesn't hold the names of its features, which the request uses";
constexpr Exception kExceptions[] = {
    {"function_identity_table", "an identity over text and numbers: the file doesn't say which column is which, and one tensor can't hold both"},
    {"impute_indicator_strings", "the answer mixes text and booleans, which one tensor can't hold"},
    {"forest_table", kNoNames, "1."},
    {"linreg_table", kNoNames, "1."},
    {"onehot_bool_column", kNoNames, "1."},
    {"onehot_table", kNoNames, "1."},
    {"impute_table_strings", kNoNames, "1."},
    {"ordinal_table", kNoNames, "1."},
    {"impute_table", kNoNames, "1."},
    {"standard_table", kNoNames, "1."},
};

// The library computes these in float32, to a last bit that depends on its BLAS.
constexpr std::string_view kSinglePrecision[] = {"gboost_reg_init_linear", "gboost_init_logreg_multi", "xgb_softmax"};
double relative = kRelativeTolerance;  // of the case under test
double largest = 0;                    // relative difference seen in it

// Networks compute in float32 with sums in another order: differences are measured against the largest number of the answer.
constexpr double kNetworkTolerance = 1e-5;
bool network = false;  // the case under test is one

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

class Engine {
 public:
  Engine() {
    setenv("ORT_DISABLE_TELEMETRY", "1", 1);
    const std::string path = std::string(SLIPWAY_BINARY_DIR) + "/" + SLIPWAY_ORT_FILE;
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(dlerror());
    auto* base = reinterpret_cast<const OrtApiBase* (*)()>(dlsym(library, "OrtGetApiBase"))();
    Ort::InitApi(base->GetApi(ORT_API_VERSION));
    env_ = Ort::Env(ORT_LOGGING_LEVEL_ERROR, "parity");
  }

  std::vector<Tensor> run(const std::string& onnx, const Schema& schema, const std::vector<Tensor>& inputs) {
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    Ort::ThrowOnError(ops::register_operators(Ort::GetApi(), *static_cast<OrtSessionOptions*>(options)));
    Ort::Session session(env_, onnx.data(), onnx.size(), options);
    std::vector<const char*> in_names, out_names;
    for (const Port& p : schema.inputs) in_names.push_back(p.name.c_str());
    for (const Port& p : schema.outputs) out_names.push_back(p.name.c_str());
    std::vector<Ort::Value> values;
    for (const Tensor& t : inputs) values.push_back(to_value(t));
    std::vector<Tensor> out;
    for (auto& v : session.Run(Ort::RunOptions{}, in_names.data(), values.data(), values.size(), out_names.data(), out_names.size()))
      out.push_back(from_value(v));
    return out;
  }

 private:
  static Ort::Value to_value(const Tensor& t) {
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const auto type = static_cast<ONNXTensorElementDataType>(t.dtype());
    if (t.dtype() != DType::string) {
      return Ort::Value::CreateTensor(memory, const_cast<std::byte*>(t.bytes().data()), t.bytes().size(), t.shape().data(), t.shape().size(), type);
    }
    Ort::AllocatorWithDefaultOptions allocator;
    Ort::Value v = Ort::Value::CreateTensor(allocator, t.shape().data(), t.shape().size(), type);
    std::vector<const char*> texts;
    for (const auto& s : t.strings()) texts.push_back(s.c_str());
    v.FillStringTensor(texts.data(), texts.size());
    return v;
  }
  static Tensor from_value(Ort::Value& v) {
    const auto info = v.GetTensorTypeAndShapeInfo();
    const auto dtype = static_cast<DType>(info.GetElementType());
    if (dtype != DType::string) {
      Tensor t(dtype, info.GetShape());
      std::memcpy(t.bytes().data(), v.GetTensorRawData(), t.bytes().size());
      return t;
    }
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < info.GetElementCount(); ++i) texts.push_back(v.GetStringTensorElement(i));
    return Tensor::of_strings(info.GetShape(), std::move(texts));
  }
  Ort::Env env_{nullptr};
};

Engine& engine() {
  static Engine made;
  return made;
}

void flatten(const json::Value& v, std::vector<const json::Value*>& out) {
  if (!v.is_array()) {
    out.push_back(&v);
    return;
  }
  for (const auto& item : v.as_array()) flatten(item, out);
}

Shape shape_of(const json::Value& v) {
  Shape shape;
  for (const json::Value* at = &v; at->is_array(); at = &at->as_array().front()) {
    shape.push_back(static_cast<std::int64_t>(at->as_array().size()));
    if (at->as_array().empty()) break;
  }
  return shape;
}

double largest_of(const std::vector<const json::Value*>& values) {
  double most = 0;
  for (const json::Value* v : values) {
    if (v->is_number()) most = std::max(most, std::abs(v->as_double()));
  }
  return most;
}

// "" when equal. scale: what a network's difference is measured against.
std::string difference(const Tensor& got, std::size_t i, const json::Value& want, double scale) {
  double d = relative_difference(got, i, want);
  if (network && std::isfinite(d) && got.dtype() != DType::string && want.is_number() && scale > 0)
    d = std::abs(got.as_double(i) - want.as_double()) / scale;
  if (std::isfinite(d)) largest = std::max(largest, d);
  if (d <= (network ? kNetworkTolerance : relative)) return "";
  std::ostringstream out;
  out.precision(17);
  if (got.dtype() == DType::string)
    out << got.strings()[i];
  else
    out << got.as_double(i);
  out << " for " << want.dump();
  return out.str();
}

void compare(const std::string& name, const Tensor& got, const json::Value& want) {
  EXPECT_EQ(got.shape(), shape_of(want)) << name;
  std::vector<const json::Value*> wanted;
  flatten(want, wanted);
  ASSERT_EQ(got.count(), wanted.size()) << name;
  const double scale = network ? largest_of(wanted) : 0;
  int shown = 0;
  for (std::size_t i = 0; i < wanted.size() && shown < 5; ++i) {
    const std::string d = difference(got, i, *wanted[i], scale);
    if (d.empty()) continue;
    ++shown;
    ADD_FAILURE() << name << "[" << i << "]: " << d;
  }
}

struct Case {
  fs::path folder, model;
  std::string name;
};

// The files of a case and which objects in them: one model.*, or what files.json lists.
struct Given {
  std::vector<std::string> names, contents;
  importers::Options options;

  explicit Given(const Case& c) {
    if (c.model.filename() != "files.json") {
      add("model", c.model);
      return;
    }
    const auto list = json::parse(read_file(c.model));
    if (!list.ok() || list->find("files") == nullptr) throw std::runtime_error("files.json");
    options.entry = list->string_or("entry", "");
    for (const auto& name : list->find("files")->as_array()) add(name.as_string(), c.folder / name.as_string());
  }
  Result<Artifact> import() const {
    std::vector<importers::SourceFile> files;
    for (std::size_t i = 0; i < names.size(); ++i) files.push_back({names[i], std::as_bytes(std::span(contents[i]))});
    return importers::import_model(files, options);
  }

 private:
  void add(std::string name, const fs::path& path) {
    names.push_back(std::move(name));
    contents.push_back(read_file(path));
  }
};

void add_cases(const fs::path& root, const std::string& prefix, std::vector<Case>& out) {
  if (!fs::is_directory(root)) return;
  std::vector<fs::path> folders;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().filename() == "expected.json") folders.push_back(entry.path().parent_path());
  }
  std::sort(folders.begin(), folders.end());
  for (const auto& folder : folders) {
    for (const char* file : {"files.json", "model.pkl", "model.joblib", "model.skops", "model.onnx", "model.json", "model.ubj", "model.bin",
                             "model.txt", "model.cbm", "model.h5", "model.keras"}) {
      if (!fs::exists(folder / file)) continue;
      std::string name = prefix + fs::relative(folder, root).string();
      for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
      out.push_back({folder, folder / file, name});
      break;
    }
  }
}

std::vector<Case> cases() {
  std::vector<Case> out;
  const fs::path corpus = fs::path(SLIPWAY_SOURCE_DIR) / "tests/corpus";
  for (const auto& group : fs::directory_iterator(corpus)) {  // a folder a script that made them: tools/corpus/make_<group>.py
    const std::string name = group.path().filename();
    if (name != "hostile" && name != "onnx") add_cases(group.path(), name + "_", out);
  }
  if (const char* more = std::getenv("SLIPWAY_PARITY_DIR")) add_cases(more, "more_", out);
  return out;
}

class Parity : public testing::TestWithParam<Case> {};

// "skops_impute_table" is the case impute_table in another container.
std::string plain_name(const Case& c) {
  const std::string name = c.folder.filename().string();
  return name.starts_with("skops_") ? name.substr(6) : name;
}

const Exception* exception_of(const Case& c) {
  for (const Exception& e : kExceptions) {
    if (plain_name(c) == e.name && c.folder.parent_path().filename().string() < e.before) return &e;
  }
  return nullptr;
}

std::vector<Tensor> answer(const Artifact& artifact, const std::vector<Tensor>& inputs) {
  const auto onnx = graph::write_onnx(artifact.model);
  if (!onnx.ok()) throw std::runtime_error(onnx.error().detail());
  return engine().run(*onnx, artifact.schema, inputs);
}

TEST_P(Parity, AnswersAsTheLibraryDoes) {
  const Case& c = GetParam();
  const std::string body = read_file(c.folder / "input.json");
  const auto artifact = Given(c).import();
  const Exception* exception = exception_of(c);
  if (exception != nullptr && !artifact.ok()) GTEST_SKIP() << exception->why << ": " << artifact.error().detail();
  ASSERT_TRUE(artifact.ok()) << artifact.error().detail();

  const auto expected = json::parse(read_file(c.folder / "expected.json"));
  ASSERT_TRUE(expected.ok());
  EXPECT_EQ(artifact->schema.kind, expected->string_or("kind", ""));
  const auto request = decode_json(artifact->schema, body, {});
  if (exception != nullptr && !request.ok()) GTEST_SKIP() << exception->why;
  std::string wrong;
  if (!request.ok()) {
    for (const auto& field : request.error().fields()) wrong += "\n  " + field.pointer + ": " + field.detail;
  }
  ASSERT_TRUE(request.ok()) << request.error().detail() << wrong;

  relative = std::count(std::begin(kSinglePrecision), std::end(kSinglePrecision), plain_name(c)) != 0 ? 3e-7 : kRelativeTolerance;
  largest = 0;
  network = c.name.starts_with("torch_") || c.model.extension() == ".h5" || c.model.extension() == ".keras";
  const auto outputs = answer(*artifact, request->inputs);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string& name = artifact->schema.outputs[i].name;
    const json::Value* want = expected->find(name);
    ASSERT_NE(want, nullptr) << "the library has no " << name;
    compare(name, outputs[i], *want);
  }
  for (const auto& [name, value] : expected->as_object()) {
    const bool given = name == "kind" ||
                       std::any_of(artifact->schema.outputs.begin(), artifact->schema.outputs.end(), [&](const Port& p) { return p.name == name; });
    EXPECT_TRUE(given) << "the library answers " << name << " too";
  }
  RecordProperty("case", c.folder.string());  // with --gtest_output=json: what tools/corpus/exactness.py makes docs/exactness.md of
  std::ostringstream shown;
  shown << largest;
  RecordProperty("largest_relative_difference", shown.str());
}

// What `slipway convert` writes of forests and boosting: standard operators say the same.
TEST_P(Parity, AnswersTheSameOfStandardOperators) {
  const Case& c = GetParam();
  Given given(c);
  const auto served = given.import();
  const auto sums_trees = [](const graph::Node& node) { return node.op == "TreeSum"; };
  if (!served.ok() || std::none_of(served->model.graph.nodes.begin(), served->model.graph.nodes.end(), sums_trees)) return;
  given.options.operators = graph::Operators::standard;
  const auto standard = given.import();
  ASSERT_TRUE(standard.ok()) << standard.error().detail();
  if (std::any_of(standard->model.graph.nodes.begin(), standard->model.graph.nodes.end(), sums_trees))
    return;  // another library's: there is no other way
  const auto request = decode_json(served->schema, read_file(c.folder / "input.json"), {});
  if (!request.ok()) return;
  const auto ours = answer(*served, request->inputs), theirs = answer(*standard, request->inputs);
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    ASSERT_EQ(ours[i].shape(), theirs[i].shape());
    for (std::size_t k = 0; ours[i].dtype() == DType::float64 && k < ours[i].count(); ++k) {
      const double a = ours[i].as_double(k), b = theirs[i].as_double(k);
      EXPECT_TRUE((std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= 1e-12 * std::max(1.0, std::abs(a)))
          << served->schema.outputs[i].name << ": " << a << " and " << b;
    }
    if (ours[i].dtype() == DType::string) {
      EXPECT_TRUE(std::ranges::equal(ours[i].strings(), theirs[i].strings()));
    } else if (ours[i].dtype() != DType::float64) {
      EXPECT_TRUE(std::ranges::equal(ours[i].bytes(), theirs[i].bytes()));
    }
  }
}

TEST_P(Parity, AnswersItsOwnExample) {
  const Case& c = GetParam();
  const auto artifact = Given(c).import();
  if (!artifact.ok()) GTEST_SKIP() << artifact.error().detail();
  const auto request = decode_json(artifact->schema, artifact->example.dump(), {});
  ASSERT_TRUE(request.ok()) << artifact->example.dump() << ": " << request.error().detail();
  EXPECT_EQ(answer(*artifact, request->inputs).front().rows(), 1U);
}

Tensor row_of(const Tensor& t, std::size_t row) {
  Shape shape = t.shape();
  const std::size_t each = t.count() / t.rows();
  shape[0] = 1;
  if (t.dtype() == DType::string) {
    const auto begin = t.strings().begin() + static_cast<std::ptrdiff_t>(row * each);
    return Tensor::of_strings(shape, {begin, begin + static_cast<std::ptrdiff_t>(each)});
  }
  Tensor out(t.dtype(), shape);
  std::memcpy(out.bytes().data(), t.bytes().data() + row * each * dtype_size(t.dtype()), out.bytes().size());
  return out;
}

// What graph/rows.hpp and the Keras importer say: requests of several callers are run together only when none sees anything of another's.
TEST_P(Parity, AnswersARowOfANetworkAloneAsAmongOthers) {
  const Case& c = GetParam();
  network = c.name.starts_with("torch_") || c.name.starts_with("keras_");
  if (!network) return;
  const auto artifact = Given(c).import();
  if (!artifact.ok() || !artifact->schema.rows_independent) return;
  const auto request = decode_json(artifact->schema, read_file(c.folder / "input.json"), {});
  if (!request.ok() || request->inputs.front().rows() < 2) return;
  const auto together = answer(*artifact, request->inputs);
  for (const std::size_t row : {std::size_t{0}, request->inputs.front().rows() - 1}) {
    std::vector<Tensor> inputs;
    for (const Tensor& t : request->inputs) inputs.push_back(row_of(t, row));
    const auto alone = answer(*artifact, inputs);
    for (std::size_t i = 0; i < alone.size(); ++i) {
      ASSERT_EQ(together[i].rows(), request->inputs.front().rows());
      const Tensor among = row_of(together[i], row);
      ASSERT_EQ(alone[i].shape(), among.shape());
      if (among.dtype() == DType::string) {
        EXPECT_EQ(alone[i].strings(), among.strings());
        continue;
      }
      double scale = 1e-30;
      for (std::size_t k = 0; k < among.count(); ++k)
        scale = std::isfinite(among.as_double(k)) ? std::max(scale, std::abs(among.as_double(k))) : scale;
      for (std::size_t k = 0; k < among.count(); ++k) {
        const double a = alone[i].as_double(k), b = among.as_double(k);
        ASSERT_TRUE(a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= kNetworkTolerance * scale)
            << a << " alone, " << b << " among others";
      }
    }
  }
  RecordProperty("rows", "independent");
}

enum class Distortion { larger, reversed };

// The largest table of numbers in the graph, every number of it a little larger or in another order. False: there is none.
bool distort(graph::Model& model, Distortion how) {
  graph::Initializer* largest = nullptr;
  for (auto& each : model.graph.initializers) {
    if (each.tensor.dtype() == DType::float64 && (largest == nullptr || each.tensor.count() > largest->tensor.count())) largest = &each;
  }
  if (largest == nullptr || largest->tensor.count() == 0) return false;
  std::vector<double> values;
  for (std::size_t i = 0; i < largest->tensor.count(); ++i) {
    const double v = largest->tensor.as_double(i);
    values.push_back(how == Distortion::larger ? v + 0.001 * std::abs(v) + 1e-4 : v);
  }
  if (how == Distortion::reversed) std::reverse(values.begin(), values.end());
  std::memcpy(largest->tensor.bytes().data(), values.data(), values.size() * sizeof(double));
  return true;
}

// A wrong graph isn't certified. Labels alone tell nothing of a change that flips none, so that not every distortion is seen.
class Distorted : public testing::Environment {
 public:
  void count(bool is_caught) {
    ++all_;
    caught_ += is_caught ? 1 : 0;
  }
  void TearDown() override {
    constexpr std::size_t kMany = 1000;  // fewer may be of the kind that answers labels only
    if (all_ < kMany) return;
    EXPECT_GE(caught_ * 100, all_ * 95) << "certificates caught " << caught_ << " of " << all_ << " wrong graphs";
  }

 private:
  std::size_t all_ = 0, caught_ = 0;
};
auto* const distorted = dynamic_cast<Distorted*>(testing::AddGlobalTestEnvironment(new Distorted));

bool is_caught(const Artifact& artifact, const std::vector<Tensor>& inputs) {
  try {
    const auto compared = compare_outputs(artifact.schema, answer(artifact, inputs), *artifact.check.find("expected"));
    return !compared.ok() || compared->rows_over > 0;
  } catch (const std::exception&) { return true; }  // the engine refuses it
}

void distort_and_compare(const Artifact& artifact, const std::vector<Tensor>& inputs) {
  bool any = false, caught = false;
  for (const Distortion how : {Distortion::larger, Distortion::reversed}) {
    Artifact wrong = artifact;
    if (caught || !distort(wrong.model, how)) continue;
    any = true;
    caught = is_caught(wrong, inputs);
  }
  if (!any) return;
  distorted->count(caught);
  testing::Test::RecordProperty("distortion", caught ? "caught" : "missed");
}

// The certificate: the graph against the file's own parameters, at thresholds, bounds, categories and gaps.
TEST_P(Parity, AnswersAsItsFileEvaluatedDirectly) {
  const Case& c = GetParam();
  const std::string bytes = read_file(c.model);
  const importers::SourceFile file{"model", std::as_bytes(std::span(bytes))};
  const auto artifact = importers::import_model({&file, 1}, {});
  if (!artifact.ok()) GTEST_SKIP() << artifact.error().detail();
  const json::Value* asked = artifact->check.find("request");
  if (asked == nullptr) {
    RecordProperty("unchecked", artifact->check.dump());
    return;
  }
  const auto request = decode_json(artifact->schema, asked->dump(), {});
  std::string wrong;
  if (!request.ok()) {
    for (const auto& field : request.error().fields()) wrong += "\n  " + field.pointer + ": " + field.detail;
  }
  ASSERT_TRUE(request.ok()) << request.error().detail() << wrong;
  const auto compared = compare_outputs(artifact->schema, answer(*artifact, request->inputs), *artifact->check.find("expected"));
  ASSERT_TRUE(compared.ok()) << compared.error().detail();
  EXPECT_EQ(compared->rows_over, 0U) << compared->first << " of " << compared->rows << " rows; request " << asked->dump().substr(0, 2000);
  EXPECT_GT(compared->rows, 1U);
  RecordProperty("certified_rows", static_cast<int>(compared->rows));
  distort_and_compare(*artifact, request->inputs);
}

INSTANTIATE_TEST_SUITE_P(Corpus, Parity, testing::ValuesIn(cases()), [](const auto& of) { return of.param.name; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Parity);

}  // namespace
}  // namespace slipway
