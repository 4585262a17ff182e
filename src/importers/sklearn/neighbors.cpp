// Classifiers and regressors by neighbours: of the k nearest rows, or of all within a radius.
#include "slipway/importers/sklearn/neighbors.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/blocks/dense.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::int64_t kVotesMax = 20'000'000;  // rows times classes

// The training rows' classes: one or several outputs.
struct Targets {
  std::vector<Labels> labels;                      // an output
  std::vector<std::vector<std::int64_t>> indices;  // which of them, a row
  bool several = false;
};

Result<Targets> read_targets(const View& model, std::int64_t rows) {
  Targets out;
  const View classes = TRY(model.attribute("classes_")), y = TRY(model.attribute("_y"));
  out.several = TRY(flag_or(model, "outputs_2d_", false));
  if (out.several) {
    for (std::size_t i = 0; i < classes.size(); ++i) out.labels.push_back(TRY(read_labels(classes.at(i))));
  } else {
    out.labels.push_back(TRY(read_labels(classes)));
  }
  const auto all = TRY(y.integers());
  const std::size_t outputs = out.labels.size();
  if (outputs == 0 || all.size() != static_cast<std::size_t>(rows) * outputs) return refuse(y, "it holds no class for every row");
  out.indices.resize(outputs);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] < 0 || all[i] >= static_cast<std::int64_t>(out.labels[i % outputs].count()))
      return refuse(y, "it names class " + std::to_string(all[i]));
    out.indices[i % outputs].push_back(all[i]);
  }
  return out;
}

Prediction of_outputs(std::vector<Prediction> outputs, bool several) {
  if (!several) return std::move(outputs[0]);
  Prediction p;
  p.kind = Prediction::Kind::classifier;
  p.outputs = std::move(outputs);
  return p;
}

// [N, k] of classes and weights -> [N, classes]: the sum of the weights of each class.
Val votes(Builder& g, const Val& classes, std::int64_t count, const std::optional<Val>& weights) {
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 0; i < count; ++i) numbers.push_back(i);
  const Val each = g.constant(int64s({1, 1, count}, numbers));
  const Val asked = Builder::typed(g.op("Unsqueeze", {classes, g.ints({2})}), DType::int64, -1);
  Val hits = g.cast(g.compare("Equal", asked, each), DType::float64);  // [N, k, classes]
  if (weights) hits = g.mul(hits, Builder::typed(g.op("Unsqueeze", {*weights, g.ints({2})}), DType::float64, -1));
  return Builder::typed(g.reduce("ReduceSum", hits, 1, false), DType::float64, count);
}

Val shares(Builder& g, const Val& sums) { return Builder::typed(g.div(sums, sum_columns(g, sums)), DType::float64, sums.columns); }

Result<std::int64_t> neighbors_asked(const View& model) { return TRY(model.attribute("n_neighbors")).integer(); }

Result<Prediction> classifier(Lowering& to, const View& model, const Table& in) {
  const Neighborhood rows = TRY(read_neighborhood(to, model));
  const Targets targets = TRY(read_targets(model, rows.rows.rows));
  const Weights kind = TRY(read_weights(model));
  const Nearest found = TRY(nearest(to, model, rows, in, TRY(neighbors_asked(model))));
  Builder& g = to.graph;
  std::optional<Val> weights;
  if (kind == Weights::by_distance) weights = weights_by_distance(g, found.distances);
  std::vector<Prediction> outputs;
  for (std::size_t i = 0; i < targets.labels.size(); ++i) {
    const Val classes = Builder::typed(g.gather(g.ints(targets.indices[i]), found.indices, 0), DType::int64, found.indices.columns);
    const Val sums = votes(g, classes, static_cast<std::int64_t>(targets.labels[i].count()), weights);
    Prediction p = Prediction::from_probabilities(g, targets.labels[i], shares(g, sums));
    p.label = g.argmax(sums);
    outputs.push_back(std::move(p));
  }
  return of_outputs(std::move(outputs), targets.several);
}

// The training rows' values. rank 1: one output, answered as a vector.
Result<Matrix> read_values(const View& model, std::int64_t rows) {
  Matrix y = TRY(matrix(model, "_y"));
  if (y.rank < 2) {
    y.rows = y.columns;
    y.columns = 1;
  }
  if (y.rows != rows || y.columns == 0) return refuse(model, "_y holds no value for every row");
  return y;
}

Prediction of_values(Builder& g, const Val& values, const Matrix& y) {
  return Prediction::regressor(y.rank < 2 ? flat(g, values) : Builder::typed(values, DType::float64, y.columns));
}

Result<Prediction> regressor(Lowering& to, const View& model, const Table& in) {
  const Neighborhood rows = TRY(read_neighborhood(to, model));
  const Matrix y = TRY(read_values(model, rows.rows.rows));
  const Weights kind = TRY(read_weights(model));
  const Nearest found = TRY(nearest(to, model, rows, in, TRY(neighbors_asked(model))));
  Builder& g = to.graph;
  const Val values = g.gather(g.constant(doubles({y.rows, y.columns}, y.data)), found.indices, 0);  // [N, k, outputs]
  if (kind == Weights::uniform) {
    const Val sum = Builder::typed(g.reduce("ReduceSum", values, 1, false), DType::float64, y.columns);
    return of_values(g, g.div(sum, g.scalar(static_cast<double>(found.indices.columns))), y);
  }
  const Val weights = weights_by_distance(g, found.distances);
  const Val each = Builder::typed(g.op("Unsqueeze", {weights, g.ints({2})}), DType::float64, -1);
  const Val sum = Builder::typed(g.reduce("ReduceSum", g.mul(values, each), 1, false), DType::float64, y.columns);
  return of_values(g, g.div(sum, sum_columns(g, weights)), y);
}

// --- within a radius

struct Within {
  Val sums, weights, counts;  // [N, columns], [N, 1], int64 [N, 1]
};

// The same where the distances are given.
Result<Within> within_given(Lowering& to, const View& model, const Neighborhood& rows, const Table& in, const Matrix& values, bool needed) {
  if (needed) return refuse(model, "without outlier_label a row that has no neighbours is an error, which is not covered over precomputed distances");
  Builder& g = to.graph;
  const Val d = TRY(precomputed_distances(to, rows, in));
  const Val near = g.compare("LessOrEqual", d, g.scalar(TRY(TRY(model.attribute("radius")).number())));
  const Val hits = g.cast(near, DType::float64);
  Val weights = hits;
  if (TRY(read_weights(model)) == Weights::by_distance) {
    const Val apart = Builder::typed(g.where(near, d, g.scalar(std::numeric_limits<double>::infinity())), DType::float64, rows.rows.rows);
    weights = weights_by_distance(g, g.op("Abs", {apart}));
  }
  const Val sums = g.matmul(weights, g.constant(doubles({values.rows, values.columns}, values.data)), values.columns);
  return Within{sums, sum_columns(g, weights), g.cast(sum_columns(g, hits), DType::int64)};
}

Result<Within> within_radius(Lowering& to, const View& model, const Neighborhood& rows, const Table& in, const Matrix& values, bool needed) {
  TRY(expect_width(model, in, rows.rows.columns));
  if (rows.metric.name != "nan_euclidean") to.inputs.refuse_missing(in);
  if (rows.precomputed) return within_given(to, model, rows, in, values, needed);
  const double radius = TRY(TRY(model.attribute("radius")).number());
  const Weights kind = TRY(read_weights(model));
  Builder& g = to.graph;
  const Val x = TRY(to.inputs.numbers(in));
  const std::vector<Val> inputs = with_metric(g,
                                              {x, g.constant(doubles({rows.rows.rows, rows.rows.columns}, rows.rows.data)), g.scalar(radius),
                                               g.constant(doubles({values.rows, values.columns}, values.data))},
                                              rows.metric);
  const auto found = g.op_n("WithinRadius", inputs, 3,
                            {graph::attr("metric", rows.metric.name), graph::attr("form", rows.form),
                             graph::attr("weights", std::string(kind == Weights::uniform ? "uniform" : "distance")),
                             graph::attr("full", std::int64_t{rows.compares_full ? 1 : 0}), graph::attr("needed", std::int64_t{needed ? 1 : 0})},
                            graph::kOwnDomain);
  return Within{Builder::typed(found[0], DType::float64, values.columns), g.reshape(Builder::typed(found[1], DType::float64, -1), {-1, 1}, 1),
                g.reshape(Builder::typed(found[2], DType::int64, -1), {-1, 1}, 1)};
}

// The labels with one more behind them, which isn't counted as a class.
Result<Labels> with_outlier(const Labels& labels, const View& label) {
  Labels out = labels;
  const auto n = static_cast<std::int64_t>(labels.count());
  switch (labels.values.dtype()) {
    case DType::string: {
      std::vector<std::string> texts(labels.values.strings().begin(), labels.values.strings().end());
      texts.push_back(TRY(label.text()));
      out.values = Tensor::of_strings({n + 1}, std::move(texts));
      return out;
    }
    case DType::int64: {
      std::vector<std::int64_t> numbers;
      for (std::int64_t i = 0; i < n; ++i) numbers.push_back(labels.values.as_int(static_cast<std::size_t>(i)));
      numbers.push_back(TRY(label.integer()));
      out.values = int64s({n + 1}, numbers);
      return out;
    }
    case DType::float64: {
      std::vector<double> numbers;
      for (std::int64_t i = 0; i < n; ++i) numbers.push_back(labels.values.as_double(static_cast<std::size_t>(i)));
      numbers.push_back(TRY(label.number()));
      out.values = doubles({n + 1}, numbers);
      return out;
    }
    default: {
      std::vector<std::uint8_t> flags;
      for (std::int64_t i = 0; i < n; ++i) flags.push_back(labels.values.as_int(static_cast<std::size_t>(i)) != 0 ? 1 : 0);
      flags.push_back(TRY(label.boolean()) ? 1 : 0);
      out.values = Tensor::of<std::uint8_t>(DType::boolean, {n + 1}, flags);
      return out;
    }
  }
}

bool same_label(const Labels& extended, std::size_t class_index) {
  const std::size_t last = extended.count();
  if (extended.values.dtype() == DType::string) return extended.values.strings()[class_index] == extended.values.strings()[last];
  return extended.values.as_double(class_index) == extended.values.as_double(last);
}

struct Outlier {
  Labels labels;            // with the outlier's label as the last value
  std::int64_t index = -1;  // of the class that it is; -1: none of them
};

Result<std::optional<Outlier>> read_outlier(const View& model, const Labels& labels, std::size_t output) {
  const auto given = model.find("outlier_label_");
  if (!given || given->is_none()) return std::optional<Outlier>();
  View label = *given;
  if (given->is(Kind::list) || given->is(Kind::tuple) || (given->is(Kind::array) && !given->shape().empty())) {
    if (output >= given->size() && !given->is(Kind::array))
      return refuse(*given, "there is no label of outliers for output " + std::to_string(output));
    if (given->is(Kind::array)) return refuse(*given, "labels of outliers as an array are not covered yet; give a list");
    label = given->at(output);
  }
  Outlier out{TRY(with_outlier(labels, label)), -1};
  for (std::size_t i = 0; i < labels.count(); ++i) {
    if (same_label(out.labels, i)) out.index = static_cast<std::int64_t>(i);
  }
  return std::optional<Outlier>(std::move(out));
}

Result<Prediction> radius_output(Lowering& to, const Labels& labels, const std::optional<Outlier>& outlier, const Val& sums, const Val& counts) {
  Builder& g = to.graph;
  const auto classes = static_cast<std::int64_t>(labels.count());
  const Val none = Builder::typed(g.op("Equal", {counts, g.scalar_i64(0)}), DType::boolean, 1);
  Val votes = sums;
  if (outlier && outlier->index >= 0) {
    std::vector<double> row(static_cast<std::size_t>(classes), 0.0);
    row[static_cast<std::size_t>(outlier->index)] = 1;
    votes = Builder::typed(g.where(none, g.row(row), sums), DType::float64, classes);
  }
  const Val total = sum_columns(g, votes);
  const Val nothing = g.compare("Equal", total, g.scalar(0));
  const Val safe = Builder::typed(g.where(nothing, g.scalar(1), total), DType::float64, 1);
  Prediction p = Prediction::from_probabilities(g, outlier ? outlier->labels : labels, Builder::typed(g.div(votes, safe), DType::float64, classes));
  if (outlier) {
    const Val all_zero = g.reshape(nothing, {-1}, -1);
    p.label = Builder::typed(g.where(all_zero, g.scalar_i64(classes), *p.label), DType::int64, -1);
  }
  return p;
}

Result<Prediction> radius_classifier(Lowering& to, const View& model, const Table& in) {
  const Neighborhood rows = TRY(read_neighborhood(to, model));
  const Targets targets = TRY(read_targets(model, rows.rows.rows));
  std::vector<std::optional<Outlier>> outliers;
  Matrix hits;
  hits.rows = rows.rows.rows;
  for (std::size_t i = 0; i < targets.labels.size(); ++i) {
    outliers.push_back(TRY(read_outlier(model, targets.labels[i], i)));
    hits.columns += static_cast<std::int64_t>(targets.labels[i].count());
  }
  if (hits.columns > kVotesMax / hits.rows) return refuse(model, "there are too many rows and classes");
  hits.data.assign(static_cast<std::size_t>(hits.rows * hits.columns), 0.0);
  std::int64_t first = 0;
  for (std::size_t o = 0; o < targets.labels.size(); ++o) {
    for (std::int64_t r = 0; r < hits.rows; ++r)
      hits.data[static_cast<std::size_t>(r * hits.columns + first + targets.indices[o][static_cast<std::size_t>(r)])] = 1;
    first += static_cast<std::int64_t>(targets.labels[o].count());
  }
  const Within found = TRY(within_radius(to, model, rows, in, hits, !outliers[0]));
  std::vector<Prediction> outputs;
  first = 0;
  for (std::size_t o = 0; o < targets.labels.size(); ++o) {
    std::vector<std::int64_t> columns;
    for (std::size_t c = 0; c < targets.labels[o].count(); ++c) columns.push_back(first++);
    outputs.push_back(TRY(radius_output(to, targets.labels[o], outliers[o], to.graph.columns(found.sums, columns), found.counts)));
  }
  return of_outputs(std::move(outputs), targets.several);
}

Result<Prediction> radius_regressor(Lowering& to, const View& model, const Table& in) {
  const Neighborhood rows = TRY(read_neighborhood(to, model));
  const Matrix y = TRY(read_values(model, rows.rows.rows));
  const Within found = TRY(within_radius(to, model, rows, in, y, false));
  Builder& g = to.graph;
  const Val none = Builder::typed(g.op("Equal", {found.counts, g.scalar_i64(0)}), DType::boolean, 1);
  // Rows without neighbours: no number; of integers, what the library's conversion of that gives.
  const View values = TRY(model.attribute("_y"));
  const std::string dtype = values.is(Kind::array) ? values.dtype_text() : "<f8";
  const bool integers = dtype.find('i') != std::string::npos;
  const double empty = integers ? static_cast<double>(std::numeric_limits<std::int64_t>::min()) : std::nan("");
  return of_values(g, Builder::typed(g.where(none, g.scalar(empty), g.div(found.sums, found.weights)), DType::float64, y.columns), y);
}

constexpr Converter kConverters[] = {
    {"KNeighborsClassifier", nullptr, classifier},
    {"KNeighborsRegressor", nullptr, regressor},
    {"RadiusNeighborsClassifier", nullptr, radius_classifier},
    {"RadiusNeighborsRegressor", nullptr, radius_regressor},
};

}  // namespace

Family neighbors_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
