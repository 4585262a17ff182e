#include "slipway/importers/sklearn/direct/check.hpp"

#include <cmath>
#include <map>
#include <stdexcept>

#include "slipway/importers/sklearn/direct/direct.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::size_t kRowsMax = 240;
constexpr std::size_t kCellsMax = 200'000;  // of the request and of each output: wide models try fewer rows

json::Value unchecked(const Direct& by) {
  json::Array classes(by.unchecked().begin(), by.unchecked().end());
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

using Expected = std::map<std::string, json::Array>;  // an output: its values row by row

void put(Expected& expected, const DirectAnswer& answer) {
  if (answer.label) expected["label"].push_back(*answer.label);
  if (!answer.probabilities.empty()) expected["probabilities"].push_back(numbers(answer.probabilities));
  if (!answer.scores.empty()) expected["scores"].push_back(answer.scalar_scores ? json::Value(answer.scores[0]) : numbers(answer.scores));
  if (!answer.prediction.empty())
    expected["prediction"].push_back(answer.scalar_prediction ? json::Value(answer.prediction[0]) : numbers(answer.prediction));
}

}  // namespace

Result<json::Value> make_check(std::span<const View> models, Version root, const Inputs& inputs, const Schema& schema) {
  Direct by(root);
  const View& model = models.back();
  std::vector<Step> before;
  for (const View& each : models.first(models.size() - 1)) {
    auto made = TRY(by.transform(each));
    if (!made) return unchecked(by);
    before.push_back(std::move(*made));
  }
  std::optional<Answerer> answerer;
  std::optional<Step> step;
  if (predicts(model))
    answerer = TRY(by.predict(model));
  else
    step = TRY(by.transform(model));
  if (!answerer && !step) return unchecked(by);

  std::size_t width = schema.features.size();
  for (const Port& port : schema.outputs) {
    if (port.name == "label" && port.shape.size() != 1) return unchecked(by);  // several labels a row
    if (port.shape.size() == 2 && port.shape[1] > 0) width = std::max(width, static_cast<std::size_t>(port.shape[1]));
  }
  if (width == 0 || width > kCellsMax) return unchecked(by);
  const auto rows = inputs.probes(schema, std::min(kRowsMax, kCellsMax / width));
  if (rows.empty()) return unchecked(by);
  Expected expected;
  std::vector<json::Array> asked;
  try {
    for (const json::Array& values : rows) {
      try {
        Row row = row_of(values);
        for (const Step& each : before) row = each(row);
        if (answerer)
          put(expected, (*answerer)(row));
        else
          expected["transformed"].emplace_back(cells((*step)(row)));
        asked.push_back(values);
      } catch (const RowRefused&) { continue; }
    }
  } catch (const std::out_of_range&) {  // the steps' widths don't fit each other
    return refuse(model, "its parts don't fit each other: one gives another number of columns than the next takes");
  }
  if (asked.empty()) return unchecked(by);
  json::Object outputs;
  for (auto& [name, all] : expected) outputs.emplace_back(name, std::move(all));
  return json::object({{"request", Inputs::body(schema, asked)}, {"expected", std::move(outputs)}});
}

}  // namespace slipway::importers::sklearn
