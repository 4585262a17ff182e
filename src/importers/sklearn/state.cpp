// Reading fitted state: arrays with their shapes, parameters with their defaults, and how many features an object takes.
#include <algorithm>

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr int kDepthMax = 24;
constexpr std::size_t kFeaturesMax = 1'000'000;

Result<std::vector<std::string>> names_of(const View& model) {
  for (const char* attribute : {"feature_names_in_", "_feature_names_in", "_df_columns"}) {
    if (!present(model, attribute)) continue;
    const auto names = names_array(*model.find(attribute));
    if (!names || !(names->is(Kind::array) || names->is(Kind::list))) continue;
    auto texts = names->texts();
    if (texts.ok()) return std::move(texts).value();  // columns named by numbers have no names
  }
  return std::vector<std::string>{};
}

// The number of features as the oldest versions leave it only in the shape of what was fitted.
Result<std::int64_t> count_of(const View& model) {
  if (model.name().substr(0, 3) == "RFE" && present(model, "support_")) {
    const View support = *model.find("support_");
    if (support.is(Kind::array) && support.shape().size() == 1) return support.shape()[0];
  }
  for (const char* attribute : {"n_features_in_", "n_features_", "_n_features", "n_features", "n_input_features_"}) {
    if (!present(model, attribute)) continue;
    const auto count = model.find(attribute)->integer();
    if (count.ok()) return *count;
  }
  if (model.has("tree_")) {
    const auto features = TRY(model.attribute("tree_")).argument(0);
    if (features && features->is(Kind::integer)) return features->integer();
  }
  for (const char* attribute : {"coef_", "statistics_", "scale_", "mean_", "center_", "min_", "var_", "scores_", "variances_", "lambdas_",
                                "quantiles_", "K_fit_rows_", "support_vectors_", "components_"}) {
    if (!present(model, attribute)) continue;
    const View v = *model.find(attribute);
    if (v.is(Kind::array) && !v.shape().empty()) return v.shape().back();
    if (const auto shape = v.is(Kind::object) ? v.find("_shape") : std::nullopt) {  // sparse
      const auto sizes = shape->integers();
      if (sizes.ok() && sizes->size() == 2) return (*sizes)[1];
    }
  }
  if (const auto weights = model.find("random_weights_"); weights && weights->is(Kind::array) && !weights->shape().empty())
    return weights->shape()[0];
  if (const auto lists = model.find("bin_edges_")) return static_cast<std::int64_t>(lists->size());
  if (const auto diagonal = model.find("_idf_diag"); diagonal && diagonal->is(Kind::object)) {  // TfidfTransformer before 1.5
    if (const auto data = diagonal->find("data"); data && data->is(Kind::array) && !data->shape().empty()) return data->shape().back();
  }
  if (const auto categories = model.find("categories_")) return static_cast<std::int64_t>(categories->size());
  return std::int64_t{-1};
}

// What is fitted on texts: one column of them.
bool takes_texts(const View& model) {
  const std::string_view name = model.name();
  return name == "CountVectorizer" || name == "TfidfVectorizer" || name == "HashingVectorizer";
}

}  // namespace

// A pandas Index: _new_Index(Index, {"data": array, "name": None}).
std::optional<View> names_array(const View& names) {
  if (!names.is(Kind::object)) return names;
  if (names.arguments() < 2) return std::nullopt;
  const auto details = names.argument(1);
  return details ? details->get("data") : std::nullopt;
}

bool present(const View& model, std::string_view name) {
  const auto found = model.find(name);
  return found && !found->is_none();
}

Result<Matrix> matrix(const View& model, std::string_view name) {
  const View v = TRY(model.attribute(name));
  if (v.is(Kind::object))
    return refuse(v, "here is " + v.describe() + "; a dense array was expected (sparse coefficients: call densify() before saving)");
  Matrix m;
  m.data = TRY(v.doubles());
  const Shape shape = v.is(Kind::array) ? v.shape() : Shape{static_cast<std::int64_t>(m.data.size())};
  if (shape.size() > 2) return refuse(v, "an array of " + std::to_string(shape.size()) + " dimensions stands where at most 2 were expected");
  m.rank = v.is(Kind::real) || v.is(Kind::integer) ? 0 : static_cast<int>(shape.size());
  m.rows = shape.size() == 2 ? shape[0] : 1;
  m.columns = shape.empty() ? 1 : shape.back();
  if (m.rows < 0 || m.columns < 0 || m.rows * m.columns != static_cast<std::int64_t>(m.data.size()))
    return refuse(v, "the array's shape and data disagree");
  return m;
}

Result<std::vector<double>> vector(const View& model, std::string_view name) {
  const View v = TRY(model.attribute(name));
  if (v.is(Kind::real) || v.is(Kind::integer) || v.is(Kind::boolean)) return std::vector<double>{TRY(v.number())};
  return v.doubles();
}

Result<double> number_or(const View& model, std::string_view name, double otherwise) {
  const auto found = model.find(name);
  return found && !found->is_none() ? found->number() : Result<double>(otherwise);
}

Result<bool> flag_or(const View& model, std::string_view name, bool otherwise) {
  const auto found = model.find(name);
  return found && !found->is_none() ? found->boolean() : Result<bool>(otherwise);
}

std::string text_or(const View& model, std::string_view name, std::string_view otherwise) {
  if (const auto found = model.find(name); found && found->is(Kind::text)) {
    if (auto text = found->text(); text.ok()) return std::move(text).value();
  }
  return std::string(otherwise);
}

Result<Width> width_of(const View& model) {
  View at = model;
  for (int depth = 0; depth < kDepthMax && at.is(Kind::object); ++depth) {
    Width width;
    if (takes_texts(at)) return Width{{"text"}, 1};
    if (at.name() == "DictVectorizer" || at.name() == "FeatureHasher" || at.name() == "MultiLabelBinarizer") return Width{{"document"}, 1};
    if (at.name() == "LabelEncoder" || at.name() == "LabelBinarizer") return Width{{"label"}, 1};
    width.names = TRY(names_of(at));
    width.count = width.names.empty() ? TRY(count_of(at)) : static_cast<std::int64_t>(width.names.size());
    if (width.count > static_cast<std::int64_t>(kFeaturesMax)) return refuse(at, "it takes more than " + std::to_string(kFeaturesMax) + " features");
    if (width.count >= 0) return width;
    if (at.name() == "SelectFromModel") {  // as its estimator, before it told itself
      auto inside = at.find("estimator_");
      if (!inside) inside = at.find("estimator");
      if (!inside || !inside->is(Kind::object)) break;
      at = *inside;
      continue;
    }
    if (at.name().substr(0, 8) == "AdaBoost" && present(at, "estimators_") && at.find("estimators_")->size() > 0) {
      at = at.find("estimators_")->at(0);
      continue;
    }
    if (at.name() == "IterativeImputer" && present(at, "initial_imputer_")) {
      at = *at.find("initial_imputer_");
      continue;
    }
    if (at.name() == "FeatureUnion") {  // every part is given the same
      const View parts = TRY(at.attribute("transformer_list"));
      std::optional<View> part;
      for (std::size_t i = 0; i < parts.size() && !part; ++i) {
        if (parts.at(i).size() >= 2 && parts.at(i).at(1).is(Kind::object)) part = parts.at(i).at(1);
      }
      if (!part) break;
      at = *part;
      continue;
    }
    if (at.name() != "Pipeline") break;
    // The first step that tells; steps before it that don't (identities of old versions) keep the width.
    const View steps = TRY(at.attribute("steps"));
    std::optional<View> next;
    for (std::size_t i = 0; i < steps.size() && !next; ++i) {
      const View step = steps.at(i);
      if (step.size() < 2 || !step.at(1).is(Kind::object)) continue;
      const View inner = step.at(1);
      if (inner.name() == "Pipeline" || inner.name() == "FeatureUnion" || inner.name() == "IterativeImputer" || inner.name() == "SelectFromModel" ||
          takes_texts(inner) || inner.name() == "DictVectorizer" || inner.name() == "FeatureHasher" || TRY(count_of(inner)) >= 0 ||
          !TRY(names_of(inner)).empty())
        next = inner;
      else if (inner.name() != "FunctionTransformer" && inner.name() != "StandardScaler" && inner.name() != "RobustScaler")
        break;
    }
    if (!next) break;
    at = *next;
  }
  return Width{};
}

}  // namespace slipway::importers::sklearn
