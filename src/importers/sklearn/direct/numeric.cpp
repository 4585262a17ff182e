#include "slipway/importers/sklearn/direct/numeric.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "slipway/importers/sklearn/inner.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr double kDisturbance = 1e-14;
thread_local std::uint64_t disturbance = 0;  // 0: none

double next() {  // in [-1, 1)
  disturbance ^= disturbance << 13;
  disturbance ^= disturbance >> 7;
  disturbance ^= disturbance << 17;
  return static_cast<double>(disturbance >> 11) * 0x1p-52 - 1;
}

}  // namespace

Disturbed::Disturbed(std::uint64_t seed) { disturbance = seed * 0x9E3779B97F4A7C15ULL | 1; }
Disturbed::~Disturbed() { disturbance = 0; }

double rounded(double x) { return rounded(x, x); }
double rounded(double x, double size) { return disturbance == 0 || !std::isfinite(size) ? x : x + kDisturbance * size * next(); }

double dot(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size()) throw std::out_of_range("widths differ");
  Sum sum;
  for (std::size_t i = 0; i < a.size(); ++i) sum.add(a[i] * b[i]);
  return sum.value();
}

double squared_distance(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size()) throw std::out_of_range("widths differ");
  Sum sum;
  for (std::size_t i = 0; i < a.size(); ++i) sum.add((a[i] - b[i]) * (a[i] - b[i]));
  return sum.value();
}

double expit(double x) { return 1 / (1 + std::exp(-x)); }
double logarithm(double x) { return x == 0 ? -std::numeric_limits<double>::infinity() : std::log(x); }

Numbers softmax(Numbers x) {
  const double largest = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (double& v : x) sum += v = std::exp(v - largest);
  for (double& v : x) v /= sum;
  return x;
}

std::size_t first_largest(const Numbers& x) { return static_cast<std::size_t>(std::max_element(x.begin(), x.end()) - x.begin()); }

std::size_t clear_largest(const Numbers& x) {
  const std::size_t best = first_largest(x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) || (i != best && std::abs(x[best] - x[i]) <= 1e-11 * std::max(std::abs(x[best]), std::abs(x[i])))) throw RowUnclear();
  }
  return best;
}

Numbers numbers_of(const Row& row) {
  Numbers out;
  out.reserve(row.size());
  for (const Cell& cell : row) out.push_back(cell.number);
  return out;
}

Row row_of(const Numbers& values) {
  Row out;
  out.reserve(values.size());
  for (const double v : values) out.push_back(Cell{v, std::nullopt});
  return out;
}

double number_of(const json::Value& label) {
  if (label.is_bool()) return label.as_bool() ? 1 : 0;
  return label.is_number() ? label.as_double() : std::nan("");
}

std::span<const double> row_at(const Matrix& m, std::size_t i) {
  return std::span(m.data).subspan(i * static_cast<std::size_t>(m.columns), static_cast<std::size_t>(m.columns));
}

// Of boosters' classifiers: LightGBM's attribute has another name, XGBoost since 1.6 knows only how many there are.
std::optional<Labels> classes_of_booster(const View& model) {
  constexpr double kMany = 100'000;
  const bool lightgbm = model.module().starts_with("lightgbm."), xgboost = model.module().starts_with("xgboost.");
  if (!lightgbm && !xgboost) return std::nullopt;
  auto classes = lightgbm ? model.find("_classes") : std::nullopt;
  if (const auto encoder = model.find("_le"); encoder && encoder->is(Kind::object)) classes = encoder->find("classes_");
  if (classes && !classes->is_none()) {
    auto labels = read_labels(*classes);
    return labels.ok() && labels->count() > 0 ? std::optional(std::move(*labels)) : std::nullopt;
  }
  const auto count = number_or(model, "n_classes_", 0);
  if (lightgbm || !count.ok() || !(*count >= 2 && *count <= kMany)) return std::nullopt;
  return column_labels(static_cast<std::int64_t>(*count));
}

std::optional<Labels> classes_of(const View& model) {
  std::optional<View> at = model;
  for (int depth = 0; at && at->is(Kind::object) && depth < 24; ++depth) {
    for (const char* binarizer : {"label_binarizer_", "_label_binarizer"}) {
      if (const auto inner = at->find(binarizer); inner && inner->is(Kind::object) && inner->has("classes_")) at = inner;
    }
    if (const auto classes = at->find("classes_"); classes && !classes->is_none()) {
      if (classes->is(Kind::list)) return std::nullopt;
      auto labels = read_labels(*classes);
      return labels.ok() && labels->count() > 0 ? std::optional(std::move(*labels)) : std::nullopt;
    }
    if (auto labels = classes_of_booster(*at)) return labels;
    at = speaks_for(*at);
  }
  return std::nullopt;
}

bool all_single(std::span<const DirectAnswer> answers) {
  return !answers.empty() && std::all_of(answers.begin(), answers.end(), [](const DirectAnswer& a) { return a.single; });
}

DirectAnswer of_probabilities(const Labels& labels, Numbers probabilities) {
  DirectAnswer answer;
  answer.label = labels.shown.at(clear_largest(probabilities));
  answer.probabilities = std::move(probabilities);
  return answer;
}

std::optional<Step> by_numbers(std::function<Numbers(const Numbers&)> function) {
  return Step([function = std::move(function)](const Row& row) { return row_of(function(numbers_of(row))); });
}

}  // namespace slipway::importers::sklearn
