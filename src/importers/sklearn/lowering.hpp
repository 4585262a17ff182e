// Lowering of scikit-learn estimators: what a converter is given and gives. A converter reads one class's fitted state by name and
// writes its arithmetic into the graph; it never decides anything about files, schemas or artifacts. See README.md beside this file
// for how to add one. One Lowering an import, single-threaded.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/formats/pickle.hpp"
#include "slipway/graph/artifact.hpp"
#include "slipway/graph/builder.hpp"
#include "slipway/importers/blocks/inputs.hpp"
#include "slipway/importers/blocks/labels.hpp"
#include "slipway/importers/blocks/refuse.hpp"
#include "slipway/importers/blocks/table.hpp"

namespace slipway::importers::sklearn {

using graph::Builder;
using graph::Val;
using pickle::Kind;
using pickle::View;

struct Version {
  int major = 0, minor = 0;
  bool at_least(int wanted_major, int wanted_minor) const { return major != wanted_major ? major > wanted_major : minor >= wanted_minor; }
};

// What a predictor answers. Every kind leaves the members of the others empty.
struct Prediction {
  enum class Kind : std::uint8_t { classifier, regressor, clusterer, outlier_detector, density } kind = Kind::regressor;
  std::optional<Labels> labels;      // classifier
  std::optional<Val> label;          // classifier: int64 [N], which of the labels
  std::optional<Val> probabilities;  // classifier, density: [N, classes]
  std::optional<Val> scores;         // classifier: decision_function: [N] for two classes, else [N, k]
  std::optional<Val> value;          // regressor: [N], or [N, columns]
  std::optional<Val> cluster;        // clusterer, density (a mixture's component): int64 [N]
  std::optional<Val> indicator;      // classifier of several labels a row: int64 [N, labels], 0 or 1; then `labels` are the columns
  std::optional<Val> inlier;         // outlier detector: int64 [N], 1 or -1
  std::optional<Val> score;          // outlier detector: decision_function [N]; density: score_samples [N]
  std::vector<Prediction> outputs;   // classifier with several outputs a row: one classifier each, and nothing else
  bool single = false;               // probabilities and value are float32 in the library, and what is computed of them alone too

  static Prediction regressor(Val value);
  static Prediction from_probabilities(Builder& graph, Labels labels, const Val& probabilities);  // label: the first largest
  static Prediction clusterer(Val cluster);
  static Prediction outlier_detector(Val inlier, Val score);
};

class Lowering;
using Transform = Result<Table> (*)(Lowering& to, const View& model, const Table& in);
using Predict = Result<Prediction> (*)(Lowering& to, const View& model, const Table& in);

// The features that a fitted object says it takes. count -1: it doesn't say.
struct Width {
  std::vector<std::string> names;
  std::int64_t count = -1;
};

struct Converter {
  std::string_view name;  // of the class
  Transform transform = nullptr;
  Predict predict = nullptr;
  std::string_view root = "sklearn";              // what its module begins with
  Result<Width> (*width)(const View&) = nullptr;  // where the state doesn't say it in scikit-learn's words
};

// The converter of a class, from the families that table.cpp lists; nullptr: not covered.
const Converter* find_converter(std::string_view class_name, std::string_view root = "sklearn");
const Converter* find_converter(const View& model);  // of an object of any library
std::size_t converter_count();

class Lowering {
 public:
  Lowering(Builder& builder, Inputs& features, Report& to_report, Version root_version)
      : graph(builder), inputs(features), report(to_report), version_(root_version) {}

  Builder& graph;
  Inputs& inputs;
  Report& report;

  // The dispatch, with depth bounded. Errors: model_refused naming the class, where it is, and what to do.
  Result<Table> transform(const View& model, const Table& in);
  Result<Prediction> predict(const View& model, const Table& in);

  Version version(const View& model) const;                       // of the library that trained it; the root's where it doesn't say
  void set_root_version(Version version) { version_ = version; }  // another file's objects follow
  void warn(std::string text);
  // A part's answer for a row depends on the other rows of the request: it must not be answered together with other requests.
  void rows_depend_on_each_other() { rows_independent_ = false; }
  bool rows_independent() const { return rows_independent_; }

 private:
  Result<const Converter*> enter(const View& model);
  Version version_;
  int depth_ = 0;
  bool rows_independent_ = true;
};

// Whether a fitted object ends in a predict() (looks through pipelines, search objects and frozen estimators).
bool predicts(const View& model);
// What an object hands its calls on to: the last step, the best or the frozen estimator. nullopt: it answers itself.
std::optional<View> speaks_for(const View& model);
// The fitted estimators directly inside: steps, members, the one that is wrapped.
std::vector<View> inside(const View& model);
// Whether its transform() can feed another estimator (looks through pipelines).
bool transforms(const View& model);
// Whether a pipeline's step lets a request's rows be: None, 'passthrough', imbalanced-learn's samplers.
bool does_nothing(const View& step);
// Whether a transformer's answer is a sparse matrix in the library, given one or not. nullopt: its parts say it.
std::optional<bool> gives_sparse(const View& model, bool given);
// Whether the object is of a class that a converter reads.
bool covered(const View& model);
// The refusal for a class that isn't: custom code, or a library class not covered yet, with the recipe that applies.
Error not_covered(const View& model);

// --- reading state -----------------------------------------------------------------------------------------------------------
struct Matrix {
  std::vector<double> data;
  std::int64_t rows = 0, columns = 0;
  int rank = 2;         // 1: it was a vector; 0: a number
  bool single = false;  // it was float32
  double at(std::int64_t r, std::int64_t c) const { return data[static_cast<std::size_t>(r * columns + c)]; }
};
Result<Matrix> matrix(const View& model, std::string_view name);  // a vector is one row; scipy's csr and csc are written out
Result<Matrix> matrix(const View& array);
Result<std::vector<double>> vector(const View& model, std::string_view name);  // a number is one element
Result<double> number_or(const View& model, std::string_view name, double otherwise);
Result<bool> flag_or(const View& model, std::string_view name, bool otherwise);
std::string text_or(const View& model, std::string_view name, std::string_view otherwise);
bool present(const View& model, std::string_view name);  // there, and not None
std::optional<Version> version_text(std::string_view text);

Result<Width> width_of(const View& model);
std::optional<View> names_array(const View& names);  // a pandas Index's array; anything else is itself

// Errors: model_refused when the table's width isn't what the state is made for.
Status expect_width(const View& model, const Table& in, std::int64_t width);
// Label index of two-class and many-class scores as the library's linear classifiers pick it; sets label and scores.
void label_by_scores(Builder& graph, Prediction& prediction, const Val& decision);

}  // namespace slipway::importers::sklearn
