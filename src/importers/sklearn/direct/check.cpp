#include "slipway/importers/sklearn/direct/check.hpp"

#include <cmath>
#include <map>
#include <stdexcept>

#include "slipway/importers/sklearn/direct/direct.hpp"
#include "slipway/importers/sklearn/direct/numeric.hpp"
#include "slipway/tensor/comparison.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::size_t kRowsMax = 240;
constexpr std::size_t kRowsMin = 8;
constexpr std::size_t kOperationsMax = 60'000'000;  // of one evaluation of all rows
constexpr std::size_t kCellsMax = 200'000;          // of the request and of each output: wide models try fewer rows

json::Value unchecked(const Direct& by, std::string_view name) {
  json::Array classes(by.unchecked().begin(), by.unchecked().end());
  if (classes.empty()) classes.emplace_back(std::string(name));
  return json::object({{"unchecked", std::move(classes)}});
}

Row row_of(const json::Array& values) {
  Row row;
  for (const json::Value& v : values) {
    Cell cell{std::nan(""), std::nullopt};
    if (v.is_string())
      cell.text = v.as_string();
    else if (v.is_bool())
      cell.number = v.as_bool() ? 1 : 0;
    else if (v.is_number())
      cell.number = v.as_double();
    row.push_back(std::move(cell));
  }
  return row;
}

json::Value numbers(const std::vector<double>& values) { return json::Array(values.begin(), values.end()); }

json::Value cells(const Row& row) {
  json::Array out;
  for (const Cell& cell : row) out.push_back(cell.text ? json::Value(*cell.text) : json::Value(cell.number));
  return out;
}

using Outputs = std::map<std::string, json::Value>;  // an output: its value for one row

Outputs named(const DirectAnswer& answer) {
  Outputs out;
  if (answer.label) out["label"] = *answer.label;
  if (!answer.indicator.empty()) out["label"] = json::Array(answer.indicator.begin(), answer.indicator.end());
  if (!answer.probabilities.empty()) out["probabilities"] = numbers(answer.probabilities);
  if (!answer.scores.empty()) out["scores"] = answer.scalar_scores ? json::Value(answer.scores[0]) : numbers(answer.scores);
  if (!answer.prediction.empty()) out["prediction"] = answer.scalar_prediction ? json::Value(answer.prediction[0]) : numbers(answer.prediction);
  if (answer.cluster) out["cluster"] = *answer.cluster;
  if (answer.score) out["score"] = *answer.score;
  json::Array labels;
  for (std::size_t i = 0; i < answer.outputs.size(); ++i) {
    const DirectAnswer& output = answer.outputs[i];
    if (output.label) labels.push_back(*output.label);
    if (!output.probabilities.empty()) out["probabilities_" + std::to_string(i)] = numbers(output.probabilities);
    if (!output.scores.empty()) out["scores_" + std::to_string(i)] = output.scalar_scores ? json::Value(output.scores[0]) : numbers(output.scores);
  }
  if (!labels.empty()) out["label"] = std::move(labels);
  return out;
}

// Whether two evaluations of a row agree to a tenth of what the graph's answer is held to.
bool same(const json::Value& a, const json::Value& b) {
  if (a.is_array() && b.is_array()) {
    const json::Array &x = a.as_array(), &y = b.as_array();
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), same);
  }
  if (!a.is_number() || a.is_int() || !b.is_number() || b.is_int()) return a.dump() == b.dump();
  const double x = a.as_double(), y = b.as_double();
  if (std::isnan(x) || std::isnan(y)) return std::isnan(x) && std::isnan(y);
  return x == y || std::abs(x - y) <= kRelativeTolerance / 10 * std::abs(x) || std::abs(x - y) <= kAbsoluteTolerance / 10;
}

class Evaluation {
 public:
  Evaluation() = default;
  explicit Evaluation(std::optional<Answerer> answerer) : answerer_(std::move(answerer)) {}
  // Errors: a part can't be read here. Not ready(): a part isn't evaluated directly.
  static Result<Evaluation> of(Direct& by, std::span<const View> models) {
    Evaluation out;
    const View& model = models.back();
    for (const View& each : models.first(models.size() - 1)) {
      auto made = TRY(by.transform(each));
      if (!made) return out;
      out.before_.push_back(std::move(*made));
      by.behind(undo_of(each));
    }
    if (predicts(model))
      out.answerer_ = TRY(by.predict(model));
    else
      out.step_ = TRY(by.transform(model));
    return out;
  }
  bool ready() const { return answerer_ || step_; }

  // Throws RowRefused and RowUnclear.
  Outputs answer(const json::Array& values) const {
    constexpr std::uint64_t kEvaluations = 3;
    const Outputs out = once(values);
    for (std::uint64_t seed = 1; seed <= kEvaluations; ++seed) {
      const Disturbed disturbed(seed);
      const Outputs again = once(values);
      const bool agrees = std::equal(out.begin(), out.end(), again.begin(), again.end(),
                                     [](const auto& a, const auto& b) { return a.first == b.first && same(a.second, b.second); });
      if (!agrees) throw RowUnclear();
    }
    return out;
  }

 private:
  Outputs once(const json::Array& values) const {
    Row row = row_of(values);
    for (const Step& each : before_) row = each(row);
    if (answerer_) return named((*answerer_)(row));
    Outputs out;
    out["transformed"] = cells((*step_)(row));
    return out;
  }

  std::vector<Step> before_;
  std::optional<Answerer> answerer_;
  std::optional<Step> step_;
};

// Rows that the model's parts named, where requests can hold them.
void add_rows(const Direct& by, const Schema& schema, std::size_t rows_max, std::vector<json::Array>& rows) {
  if (schema.features.size() == 1 && schema.features[0].type == FeatureType::text && !schema.features[0].closed) {
    for (std::size_t i = 0; i < by.texts().size() && i < rows_max; ++i) rows.push_back({by.texts()[i]});
  }
  for (const Feature& feature : schema.features) {
    if (feature.type != FeatureType::number || feature.closed) return;
  }
  std::size_t added = 0;
  for (const auto& row : by.rows()) {
    if (row.size() != schema.features.size() || ++added > rows_max) continue;
    rows.emplace_back(row.begin(), row.end());
  }
}

// Every output is there, in the shape that the graph gives it.
bool complete(const Outputs& outputs, const Schema& schema) {
  return std::all_of(schema.outputs.begin(), schema.outputs.end(), [&](const Port& port) {
    const auto found = outputs.find(port.name);
    if (found == outputs.end()) return false;
    if (port.shape.size() == 1) return !found->second.is_array();
    return found->second.is_array() && (port.shape[1] < 0 || found->second.as_array().size() == static_cast<std::size_t>(port.shape[1]));
  });
}

std::size_t rows_for(const Direct& by, const Schema& schema) {
  std::size_t width = schema.features.size();
  for (const Port& port : schema.outputs) {
    if (port.shape.size() == 2 && port.shape[1] > 0) width = std::max(width, static_cast<std::size_t>(port.shape[1]));
  }
  if (width == 0) return 0;
  return std::min({kRowsMax, kCellsMax / width, std::max(kRowsMin, kOperationsMax / (by.cost() + 1))});
}

// nullopt: there is no row that tells anything, or the answers have another shape than the graph's.
std::optional<json::Value> request_and_expected(const Evaluation& evaluation, const std::vector<json::Array>& rows, const Schema& schema) {
  std::map<std::string, json::Array> expected;
  std::vector<json::Array> asked;
  for (const json::Array& values : rows) {
    try {
      const Outputs outputs = evaluation.answer(values);
      if (!complete(outputs, schema)) return std::nullopt;
      for (const Port& port : schema.outputs) expected[port.name].push_back(outputs.at(port.name));
      asked.push_back(values);
    } catch (const RowRefused&) { continue; } catch (const RowUnclear&) {
      continue;
    }
  }
  if (asked.empty()) return std::nullopt;
  json::Object outputs;
  for (auto& [name, all] : expected) outputs.emplace_back(name, std::move(all));
  return json::object({{"request", Inputs::body(schema, asked)}, {"expected", std::move(outputs)}});
}

json::Value check_of(const Direct& by, std::string_view name, const Evaluation& evaluation, const Inputs& inputs, const Schema& schema) {
  const std::size_t rows_max = evaluation.ready() ? rows_for(by, schema) : 0;
  if (rows_max == 0) return unchecked(by, name);
  auto rows = inputs.probes(schema, rows_max);
  if (rows.empty()) return unchecked(by, name);
  add_rows(by, schema, rows_max / 3, rows);
  return request_and_expected(evaluation, rows, schema).value_or(unchecked(by, name));
}

}  // namespace

Result<json::Value> make_check(std::span<const View> models, Version root, const Inputs& inputs, const Schema& schema) {
  Direct by(root);
  const auto evaluation = Evaluation::of(by, models);
  if (!evaluation.ok()) return unchecked(by, models.back().name());  // state that only the lowering can read
  try {
    return check_of(by, models.back().name(), *evaluation, inputs, schema);
  } catch (const std::out_of_range&) {  // the steps' widths don't fit each other
    return refuse(models.back(), "its parts don't fit each other: one gives another number of columns than the next takes");
  }
}

Result<json::Value> make_check(std::optional<Answerer> answerer, std::string_view name, const Inputs& inputs, const Schema& schema) {
  const Direct by(Version{});
  try {
    return check_of(by, name, Evaluation(std::move(answerer)), inputs, schema);
  } catch (const std::out_of_range&) { return Error(ErrorCode::model_refused, "its parts don't fit each other"); }
}

}  // namespace slipway::importers::sklearn
