// Reading fitted state: arrays with their shapes, parameters with their defaults, and how many features an object takes.
#include <algorithm>

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::size_t kFeaturesMax = 1'000'000;
constexpr int kDepthMax = 24;  // of estimators inside estimators

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

// The columns of a dense or sparse matrix; -1: it is none.
std::int64_t columns_of(const View& v) {
  if (v.is(Kind::array)) return v.shape().size() == 2 ? v.shape()[1] : -1;
  const auto shape = v.is(Kind::object) ? v.find("_shape") : std::nullopt;
  if (!shape) return -1;
  const auto sizes = shape->integers();
  return sizes.ok() && sizes->size() == 2 && (*sizes)[1] >= 0 ? (*sizes)[1] : -1;
}

// The number of features by what was kept of the rows fitted on, or by centres and components.
std::int64_t count_of_rows(const View& model) {
  for (const char* attribute : {"_fit_X", "cluster_centers_", "subcluster_centers_", "means_", "components_", "X_", "X_fit_", "dictionary"}) {
    if (!present(model, attribute)) continue;
    if (const std::int64_t columns = columns_of(*model.find(attribute)); columns >= 0) return columns;
  }
  if (const auto tree = model.find("tree_"); tree && tree->is(Kind::object)) {  // a density's
    const auto state = tree->state();
    if (state && state->is(Kind::tuple) && state->size() > 0) return columns_of(state->at(0));
  }
  if (const auto search = model.find("nbrs_"); search && search->is(Kind::object) && search->find("_fit_X"))
    return columns_of(*search->find("_fit_X"));
  const auto grouped = model.find("labels_");
  if (model.name() == "FeatureAgglomeration" && grouped && grouped->is(Kind::array) && grouped->shape().size() == 1) return grouped->shape()[0];
  const auto location = model.find("location_");
  return location && location->is(Kind::array) && location->shape().size() == 1 ? location->shape()[0] : -1;
}

bool is_sparse(const View& v) {
  if (!v.is(Kind::object) || v.module().substr(0, 12) != "scipy.sparse") return false;
  const std::string_view name = v.name();
  return name == "csr_matrix" || name == "csr_array" || name == "csc_matrix" || name == "csc_array";
}

// The number of features as the oldest versions leave it only in the shape of what was fitted.
Result<std::int64_t> count_of(const View& model, int depth = 0) {
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
  for (const char* attribute : {"x_mean_", "coef_",      "statistics_",       "scale_",     "mean_",       "center_",          "min_",
                                "var_",    "theta_",     "feature_log_prob_", "centroids_", "means_",      "X_fit_",           "X_train_",
                                "scores_", "variances_", "lambdas_",          "quantiles_", "K_fit_rows_", "support_vectors_", "components_"}) {
    if (!present(model, attribute)) continue;
    const View v = *model.find(attribute);
    if (v.is(Kind::array) && !v.shape().empty() && v.shape().back() > 0) return v.shape().back();
    if (is_sparse(v) && v.has("_shape")) {
      const View shape = *v.find("_shape");
      if (shape.size() == 0) continue;
      if (const auto width = shape.at(shape.size() - 1).integer(); width.ok()) return *width;
    }
  }
  if (const auto weights = model.find("random_weights_"); weights && weights->is(Kind::array) && !weights->shape().empty())
    return weights->shape()[0];
  if (const auto lists = model.find("bin_edges_")) return static_cast<std::int64_t>(lists->size());
  if (const auto diagonal = model.find("_idf_diag"); diagonal && diagonal->is(Kind::object)) {  // TfidfTransformer before 1.5
    if (const auto data = diagonal->find("data"); data && data->is(Kind::array) && !data->shape().empty()) return data->shape().back();
  }
  if (const auto fitted = model.find("shape_fit_"); fitted && fitted->is(Kind::tuple) && fitted->size() == 2) {  // of libsvm's models
    if (const auto width = fitted->at(1).integer(); width.ok()) return *width;
  }
  if (const auto layers = model.find("coefs_"); layers && layers->is(Kind::list) && layers->size() > 0) {  // of networks
    const View first = layers->at(0);
    if (first.is(Kind::array) && first.shape().size() == 2) return first.shape()[0];
  }
  if (present(model, "X_thresholds_") || present(model, "_necessary_X_")) return std::int64_t{1};
  if (const auto categories = model.find("categories_")) return static_cast<std::int64_t>(categories->size());
  for (const char* attribute : {"base_estimator_", "estimator_"}) {  // what an estimator was wrapped around
    const auto inner = model.find(attribute);
    if (inner && inner->is(Kind::object) && depth < kDepthMax) return count_of(*inner, depth + 1);
  }
  if (const auto members = model.find("estimators_");
      members && (members->is(Kind::list) || members->is(Kind::tuple)) && members->size() > 0 && depth < kDepthMax) {
    if (members->at(0).is(Kind::object)) return count_of(members->at(0), depth + 1);
  }
  return count_of_rows(model);
}

// scipy's compressed rows or columns: {_shape, data, indices, indptr}. Written out in full, bounded by what the file holds.
Result<Matrix> sparse_matrix(const View& v) {
  const bool by_rows = v.name().substr(0, 3) == "csr";
  const View shape = TRY(v.attribute(v.has("_shape") ? "_shape" : "shape"));
  if (shape.size() != 1 && shape.size() != 2) return refuse(shape, "a sparse array's shape must be rows and columns");
  Matrix m;
  m.rows = shape.size() == 1 ? 1 : TRY(shape.at(0).integer());
  m.columns = TRY(shape.at(shape.size() - 1).integer());
  m.rank = m.rows == 1 ? 1 : 2;  // a vector made sparse becomes one row, and answers as a vector
  const auto values = TRY(TRY(v.attribute("data")).doubles());
  const auto indices = TRY(TRY(v.attribute("indices")).integers()), starts = TRY(TRY(v.attribute("indptr")).integers());
  const std::int64_t lines = by_rows ? m.rows : m.columns, width = by_rows ? m.columns : m.rows;
  constexpr std::int64_t kDenseMin = 4'000'000, kDenseFactor = 256;
  const auto held = static_cast<std::int64_t>(values.size());
  if (m.rows < 0 || m.columns < 0 || m.rows > INT32_MAX || m.columns > INT32_MAX || m.rows * m.columns > kDenseMin + kDenseFactor * held)
    return refuse(v, "this sparse array is too large to write out: " + std::to_string(m.rows) + " x " + std::to_string(m.columns));
  if (values.size() != indices.size() || static_cast<std::int64_t>(starts.size()) != lines + 1)
    return refuse(v, "damaged sparse array: its lists differ in length");
  m.data.assign(static_cast<std::size_t>(m.rows * m.columns), 0.0);
  for (std::int64_t line = 0; line < lines; ++line) {
    const std::int64_t begin = starts[static_cast<std::size_t>(line)], end = starts[static_cast<std::size_t>(line) + 1];
    if (begin < 0 || end < begin || end > held) return refuse(v, "damaged sparse array: line " + std::to_string(line) + " is out of range");
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t at = indices[static_cast<std::size_t>(i)];
      if (at < 0 || at >= width) return refuse(v, "damaged sparse array: an index is out of range");
      m.data[static_cast<std::size_t>(by_rows ? line * m.columns + at : at * m.columns + line)] += values[static_cast<std::size_t>(i)];
    }
  }
  return m;
}

// What is fitted on texts, objects or labels takes one column of them.
std::optional<Width> single_input(const View& model) {
  struct Single {
    std::string_view name, input;
  };
  constexpr Single kSingle[] = {{"CountVectorizer", "text"},    {"TfidfVectorizer", "text"},   {"HashingVectorizer", "text"},
                                {"DictVectorizer", "document"}, {"FeatureHasher", "document"}, {"MultiLabelBinarizer", "document"},
                                {"LabelEncoder", "label"},      {"LabelBinarizer", "label"}};
  for (const Single& single : kSingle) {
    if (model.name() == single.name) return Width{{std::string(single.input)}, 1};
  }
  return std::nullopt;
}

}  // namespace

// A pandas Index: _new_Index(Index, {"data": array, "name": None}).
std::optional<View> names_array(const View& names) {
  if (!names.is(Kind::object)) return names;
  if (names.arguments() < 2) return std::nullopt;
  const auto details = names.argument(1);
  auto data = details ? details->get("data") : std::nullopt;
  if (!data || !data->is(Kind::object)) return data;
  // pandas 3 keeps texts in an array class of its own, whose state is (dtype, array).
  const auto state = data->state();
  for (std::size_t i = 0; state && i < state->size(); ++i) {
    if (state->at(i).is(Kind::array)) return state->at(i);
  }
  return data;
}

bool present(const View& model, std::string_view name) {
  const auto found = model.find(name);
  return found && !found->is_none();
}

Result<Matrix> matrix(const View& model, std::string_view name) { return matrix(TRY(model.attribute(name))); }

Result<Matrix> matrix(const View& v) {
  if (is_sparse(v)) return sparse_matrix(v);
  if (v.is(Kind::object)) return refuse(v, "here is " + v.describe() + "; an array was expected");
  Matrix m;
  m.data = TRY(v.doubles());
  const Shape shape = v.is(Kind::array) ? v.shape() : Shape{static_cast<std::int64_t>(m.data.size())};
  if (shape.size() > 2) return refuse(v, "an array of " + std::to_string(shape.size()) + " dimensions stands where at most 2 were expected");
  m.rank = v.is(Kind::real) || v.is(Kind::integer) ? 0 : static_cast<int>(shape.size());
  m.single = v.is(Kind::array) && v.dtype_text().find("f4") != std::string::npos;
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

namespace {

// The first step that tells; steps before it that don't (identities of old versions) keep the width.
Result<std::optional<View>> telling_step(const View& pipeline) {
  const View steps = TRY(pipeline.attribute("steps"));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const View step = steps.at(i);
    if (step.size() < 2 || !step.at(1).is(Kind::object)) continue;
    const View inner = step.at(1);
    const Converter* converter = find_converter(inner);
    if (inner.name() == "Pipeline" || single_input(inner) || (converter != nullptr && converter->width != nullptr) || TRY(count_of(inner)) >= 0 ||
        !TRY(names_of(inner)).empty() || !inside(inner).empty())
      return std::optional(inner);
    if (inner.name() != "FunctionTransformer" && inner.name() != "StandardScaler" && inner.name() != "RobustScaler") break;
  }
  return std::optional<View>{};
}

}  // namespace

// Wrappers of versions that leave it to the estimators inside: the first of them that tells.
Result<Width> width_of(const View& model) {
  constexpr int kAskedMax = 1'000;
  std::vector<View> todo{model};
  for (int asked = 0; !todo.empty() && asked < kAskedMax; ++asked) {
    const View at = todo.back();
    todo.pop_back();
    if (!at.is(Kind::object)) continue;
    Width width;
    if (auto single = single_input(at)) return std::move(*single);
    if (const Converter* converter = find_converter(at); converter != nullptr && converter->width != nullptr) {
      width = TRY(converter->width(at));
    } else {
      width.names = TRY(names_of(at));
      width.count = width.names.empty() ? TRY(count_of(at)) : static_cast<std::int64_t>(width.names.size());
    }
    if (width.count > static_cast<std::int64_t>(kFeaturesMax)) return refuse(at, "it takes more than " + std::to_string(kFeaturesMax) + " features");
    if (width.count >= 0) return width;
    if (at.name() == "ColumnTransformer") continue;  // what is inside takes a choice of its columns
    if (at.name() == "Pipeline") {
      if (const auto step = TRY(telling_step(at))) todo.push_back(*step);
      continue;
    }
    const auto parts = inside(at);
    todo.insert(todo.end(), parts.rbegin(), parts.rend());
  }
  return Width{};
}

}  // namespace slipway::importers::sklearn
