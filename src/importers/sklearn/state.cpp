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
  for (const char* attribute : {"n_features_in_", "n_features_", "_n_features", "n_features"}) {
    if (!present(model, attribute)) continue;
    const auto count = model.find(attribute)->integer();
    if (count.ok()) return *count;
  }
  for (const char* attribute : {"coef_", "statistics_", "scale_", "mean_", "center_", "min_", "var_"}) {
    if (!present(model, attribute)) continue;
    const View v = *model.find(attribute);
    if (v.is(Kind::array) && !v.shape().empty()) return v.shape().back();
  }
  if (const auto categories = model.find("categories_")) return static_cast<std::int64_t>(categories->size());
  return std::int64_t{-1};
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
    width.names = TRY(names_of(at));
    width.count = width.names.empty() ? TRY(count_of(at)) : static_cast<std::int64_t>(width.names.size());
    if (width.count > static_cast<std::int64_t>(kFeaturesMax)) return refuse(at, "it takes more than " + std::to_string(kFeaturesMax) + " features");
    if (width.count >= 0) return width;
    if (at.name() != "Pipeline") break;
    // The first step that tells; steps before it that don't (identities of old versions) keep the width.
    const View steps = TRY(at.attribute("steps"));
    std::optional<View> next;
    for (std::size_t i = 0; i < steps.size() && !next; ++i) {
      const View step = steps.at(i);
      if (step.size() < 2 || !step.at(1).is(Kind::object)) continue;
      const View inner = step.at(1);
      if (inner.name() == "Pipeline" || TRY(count_of(inner)) >= 0 || !TRY(names_of(inner)).empty())
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
