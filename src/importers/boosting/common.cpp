#include "slipway/importers/boosting/common.hpp"

#include <cmath>

#include "slipway/importers/blocks/texts.hpp"
#include "slipway/importers/sklearn/direct/check.hpp"
#include "slipway/importers/sklearn/import.hpp"

namespace slipway::importers::boosting {

Labels numbered_labels(std::int64_t n) {
  Labels labels;
  std::vector<std::int64_t> values;
  for (std::int64_t i = 0; i < n; ++i) {
    values.push_back(i);
    labels.shown.emplace_back(i);
  }
  labels.values = int64s({n}, values);
  return labels;
}

Result<Labels> json_labels(const json::Value& list) {
  const Error mixed(ErrorCode::model_refused, "its classes are no list of texts or whole numbers");
  if (!list.is_array() || list.as_array().empty()) return mixed;
  const json::Array& items = list.as_array();
  Labels labels;
  labels.shown = items;
  const auto n = static_cast<std::int64_t>(items.size());
  const auto all = [&](auto&& is) { return std::all_of(items.begin(), items.end(), is); };
  if (all([](const json::Value& v) { return v.is_string(); })) {
    std::vector<std::string> texts;
    for (const json::Value& v : items) texts.push_back(v.as_string());
    labels.values = Tensor::of_strings({n}, std::move(texts));
  } else if (all([](const json::Value& v) { return v.is_int(); })) {
    std::vector<std::int64_t> values;
    for (const json::Value& v : items) values.push_back(v.as_int());
    labels.values = int64s({n}, values);
  } else if (all([](const json::Value& v) { return v.is_bool(); })) {
    std::vector<std::uint8_t> values;
    for (const json::Value& v : items) values.push_back(v.as_bool() ? 1 : 0);
    labels.values = Tensor::of<std::uint8_t>(DType::boolean, {n}, values);
  } else if (all([](const json::Value& v) { return v.is_number(); })) {
    std::vector<double> values;
    for (const json::Value& v : items) values.push_back(v.as_double());
    labels.values = doubles({n}, values);
  } else {
    return mixed;
  }
  return labels;
}

namespace {
void announce(Lowering& to, const Column& column, std::vector<json::Value> shown, bool closed) {
  if (closed)
    to.inputs.close(column, shown);
  else
    to.inputs.hint_categories(column, std::move(shown));
}
Table alone(const Column& column) {
  Table one;
  one.columns.push_back(column);
  return one;
}
}  // namespace

Result<Val> text_codes(Lowering& to, const Column& column, const std::vector<std::string>& categories, bool closed) {
  std::vector<double> codes;
  std::vector<json::Value> shown;
  for (const std::string& category : categories) {
    codes.push_back(static_cast<double>(codes.size()));
    shown.emplace_back(category);
  }
  announce(to, column, std::move(shown), closed);
  return look_up_number(to.graph, TRY(to.inputs.texts(alone(column))), categories, codes, std::nan(""));
}

Result<Val> number_codes(Lowering& to, const Column& column, const std::vector<double>& categories, bool closed) {
  std::vector<double> codes;
  std::vector<json::Value> shown;
  for (const double category : categories) {
    codes.push_back(static_cast<double>(codes.size()));
    const bool whole = category == std::floor(category) && std::abs(category) < 9e15;
    shown.push_back(whole ? json::Value(static_cast<std::int64_t>(category)) : json::Value(category));
  }
  announce(to, column, std::move(shown), closed);
  const auto n = static_cast<std::int64_t>(categories.size());
  const Val x = TRY(to.inputs.numbers(alone(column)));
  const Val hits = to.graph.cast(Builder::typed(to.graph.op("Equal", {x, to.graph.row(categories)}), DType::boolean, n), DType::float64);
  const Val code = to.graph.matmul(hits, to.graph.constant(doubles({n, 1}, codes)), 1);
  const Val any = to.graph.matmul(hits, to.graph.constant(doubles({n, 1}, std::vector<double>(categories.size(), 1.0))), 1);
  const Val known = Builder::typed(to.graph.op("Greater", {any, to.graph.scalar(0.5)}), DType::boolean, 1);
  return Builder::typed(to.graph.where(known, code, to.graph.scalar(std::nan(""))), DType::float64, 1);
}

Result<Artifact> import_file(std::string_view library, Width width, Report& report, const Lower& lower, const Evaluated& evaluated) {
  if (width.count < 1 || width.count > static_cast<std::int64_t>(kFeaturesMax))
    return Error(ErrorCode::model_refused, "it takes " + std::to_string(width.count) + " features");
  Builder builder{std::string(library)};
  Inputs inputs(builder, std::move(width.names), width.count);
  Lowering to(builder, inputs, report, {1, 9});
  const Prediction prediction = TRY(lower(to, inputs.all()));
  Artifact artifact = TRY(sklearn::artifact_of(builder, inputs, report, prediction));
  artifact.check = TRY(sklearn::make_check(TRY(evaluated()), library, inputs, artifact.schema));
  return artifact;
}

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::optional<std::string> library_title(const View& model) {
  if (!model.is(Kind::object)) return std::nullopt;
  const std::string_view root = model.module().substr(0, model.module().find('.'));
  if (root == "xgboost") return "XGBoost";
  if (root == "lightgbm") return "LightGBM";
  if (root == "catboost") return "CatBoost";
  return std::nullopt;
}

}  // namespace slipway::importers::boosting
