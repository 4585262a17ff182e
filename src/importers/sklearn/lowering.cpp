#include "slipway/importers/sklearn/lowering.hpp"

#include <algorithm>
#include <charconv>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/custom_code.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr int kDepthMax = 24;  // of estimators inside estimators
constexpr std::size_t kWarningsMax = 20;

bool begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }
bool under(std::string_view module, std::string_view root) {
  return begins(module, root) && (module.size() == root.size() || module[root.size()] == '.');
}

// Libraries whose objects have a way to ONNX, and the way.
struct Recipe {
  std::string_view root, how;
};
constexpr Recipe kRecipes[] = {
    {"sklearn", "skl2onnx.to_onnx(model, X[:1])"},
    {"xgboost", "onnxmltools.convert_xgboost(model, initial_types=…)"},
    {"lightgbm", "onnxmltools.convert_lightgbm(model, initial_types=…)"},
    {"catboost", "model.save_model(\"model.onnx\", format=\"onnx\")"},
    {"imblearn", "without its resampling steps, by skl2onnx.to_onnx(model, X[:1])"},
    {"torch", "torch.onnx.export(model.eval(), x, \"model.onnx\", dynamo=True)"},
    {"keras", "model.export(\"model.onnx\", format=\"onnx\")"},
    {"tensorflow", "tf2onnx.convert.from_keras(model)"},
};

// "ColumnTransformer: OneHotEncoder: <place>: ..."; not again what stands there already.
Error named(Error error, std::string_view class_name) {
  if (begins(error.detail(), class_name)) return error;
  return std::move(error).within(class_name);
}

}  // namespace

Prediction Prediction::regressor(Val value) {
  Prediction p;
  p.kind = Kind::regressor;
  p.value = std::move(value);
  return p;
}

Prediction Prediction::from_probabilities(Builder& graph, Labels labels, const Val& probabilities) {
  Prediction p;
  p.kind = Kind::classifier;
  p.labels = std::move(labels);
  p.probabilities = probabilities;
  p.label = graph.argmax(probabilities);
  return p;
}

Prediction Prediction::clusterer(Val cluster) {
  Prediction p;
  p.kind = Kind::clusterer;
  p.cluster = std::move(cluster);
  return p;
}

Prediction Prediction::outlier_detector(Val inlier, Val score) {
  Prediction p;
  p.kind = Kind::outlier_detector;
  p.inlier = std::move(inlier);
  p.score = std::move(score);
  return p;
}

const Converter* find_converter(const View& model) {
  if (!model.is(Kind::object)) return nullptr;
  return find_converter(model.name(), model.module().substr(0, model.module().find('.')));
}

bool covered(const View& model) { return find_converter(model) != nullptr; }

Error not_covered(const View& model) {
  if (!model.is(Kind::object) && !model.is(Kind::global)) {
    return refuse(model, "here is " + model.describe() + ", a fitted estimator was expected");
  }
  if (const auto code = custom_code(model)) {
    return refuse(model, code->describe() + ": a model file is read as data here and its code never runs. " + recipe_for(*code));
  }
  const std::string name = model.qualified_name();
  if (model.is(Kind::global)) return refuse(model, "here is a reference to " + name + " itself, not a fitted object of it");
  for (const Recipe& recipe : kRecipes) {
    if (!under(model.module(), recipe.root)) continue;
    return refuse(model,
                  name + " is not covered yet. Export the model to ONNX where it was trained and upload that file: " + std::string(recipe.how));
  }
  const std::string_view module = model.module();
  if (under(module, "category_encoders"))
    return refuse(model,
                  name + " is not covered yet. Replace it by scikit-learn's OneHotEncoder, OrdinalEncoder or TargetEncoder, which are read here");
  const std::string library = module.empty() ? std::string() : " (of the library " + std::string(module.substr(0, module.find('.'))) + ")";
  return refuse(model, (name.empty() ? model.describe() : name) + library +
                           " is not a class that is read here; nothing in a model file is executed. "
                           "If it belongs to the model, replace it by a scikit-learn estimator or export the model to ONNX");
}

// What an object hands its calls on to: the last step, the best or the frozen estimator. nullopt: it answers itself.
std::optional<View> speaks_for(const View& model) {
  if (model.name() == "Pipeline") {
    const auto steps = model.find("steps");
    if (!steps || steps->size() == 0) return std::nullopt;
    const View last = steps->at(steps->size() - 1);
    if (last.size() < 2) return std::nullopt;
    return last.at(1);
  }
  if (model.name().ends_with("SearchCV")) return model.find("best_estimator_");
  if (model.name() == "FrozenEstimator") return model.find("estimator");
  return std::nullopt;
}

bool transforms(const View& model) {
  View at = model;
  for (int depth = 0; depth < kDepthMax; ++depth) {
    if (at.is_none() || at.is_text("passthrough")) return depth > 0;
    if (!covered(at)) return false;
    const auto next = speaks_for(at);
    if (!next) return find_converter(at)->transform != nullptr;
    at = *next;
  }
  return false;
}

bool predicts(const View& model) {
  View at = model;
  for (int depth = 0; depth < kDepthMax; ++depth) {
    if (!covered(at)) return false;
    const auto next = speaks_for(at);
    if (!next) return find_converter(at)->predict != nullptr;
    at = *next;
  }
  return false;
}

Result<const Converter*> Lowering::enter(const View& model) {
  if (!covered(model)) return not_covered(model);
  if (++depth_ > kDepthMax) return refuse(model, "estimators are nested more than " + std::to_string(kDepthMax) + " deep");
  return find_converter(model);
}

Result<Table> Lowering::transform(const View& model, const Table& in) {
  const Converter* converter = TRY(enter(model));
  if (converter->transform == nullptr) return refuse(model, std::string(model.name()) + " has no transform, but another step follows it");
  auto out = converter->transform(*this, model, in);
  --depth_;
  if (!out.ok()) return named(std::move(out).error(), model.name());
  if (const auto sparse = gives_sparse(model, in.sparse)) out->sparse = *sparse;
  return out;
}

Result<Prediction> Lowering::predict(const View& model, const Table& in) {
  const Converter* converter = TRY(enter(model));
  if (converter->predict == nullptr) return refuse(model, std::string(model.name()) + " is no predictor");
  auto out = converter->predict(*this, model, in);
  --depth_;
  if (!out.ok()) return named(std::move(out).error(), model.name());
  return out;
}

Version Lowering::version(const View& model) const {
  if (const auto text = model.find("_sklearn_version"); text && text->is(Kind::text)) {
    if (auto read = text->text(); read.ok()) return version_text(*read).value_or(version_);
  }
  return version_;
}

void Lowering::warn(std::string text) {
  auto& warnings = report.warnings;
  if (warnings.size() < kWarningsMax && std::find(warnings.begin(), warnings.end(), text) == warnings.end()) warnings.push_back(std::move(text));
}

std::optional<Version> version_text(std::string_view text) {
  Version v;
  const char* const end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, v.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, v.minor);
  if (minor.ec != std::errc() || v.major < 0 || v.minor < 0) return std::nullopt;
  return v;
}

Status expect_width(const View& model, const Table& in, std::int64_t width) {
  if (in.free) return refuse(model, "the file doesn't tell how many columns this step is given");
  if (static_cast<std::int64_t>(in.width()) == width) return ok();
  return refuse(model, std::string(model.name()) + " was fitted on " + std::to_string(width) + " columns but is given " + std::to_string(in.width()));
}

void label_by_scores(Builder& graph, Prediction& prediction, const Val& decision) {
  prediction.kind = Prediction::Kind::classifier;
  if (decision.columns == 1) {
    prediction.scores = flat(graph, decision);
    prediction.label = above(graph, *prediction.scores, 0);
  } else {
    prediction.scores = decision;
    prediction.label = graph.argmax(decision);
  }
}

}  // namespace slipway::importers::sklearn
