// PolynomialFeatures and SplineTransformer: more columns out of each.
#include <algorithm>
#include <cmath>

#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

using graph::attr;

constexpr std::size_t kTermsMax = 500'000;

struct Degrees {
  std::int64_t least = 0, most = 2;
};
Result<Degrees> degrees(const View& model) {
  const auto v = model.find("degree");
  if (!v || v->is_none()) return Degrees{};
  Degrees out;
  if (v->is(Kind::integer)) {
    out.most = TRY(v->integer());
  } else {
    const auto pair = TRY(v->integers());
    if (pair.size() != 2) return refuse(*v, "the degree is no pair");
    out = {pair[0], pair[1]};
  }
  if (out.least < 0 || out.most < out.least || out.most > 100) return refuse(*v, "the degree must be from 0 to 100");
  return out;
}

// The terms of one degree: each is a column times a term of the degree below whose columns don't come before it.
struct Level {
  std::vector<std::int64_t> column, rest;  // of each term
  std::vector<std::size_t> first_from;     // column -> the first term that begins with it or a later one
};

Level next_level(const Level& below, std::size_t width, bool interaction_only) {
  Level out;
  for (std::size_t c = 0; c < width; ++c) {
    out.first_from.push_back(out.column.size());
    const std::size_t begin = interaction_only ? below.first_from[c + 1] : below.first_from[c];
    for (std::size_t t = begin; t < below.column.size(); ++t) {
      out.column.push_back(static_cast<std::int64_t>(c));
      out.rest.push_back(static_cast<std::int64_t>(t));
    }
    if (out.column.size() > kTermsMax) break;
  }
  out.first_from.resize(width + 1, out.column.size());
  return out;
}

Result<Table> polynomial(Lowering& to, const View& model, const Table& in) {
  const Degrees degree = TRY(degrees(model));
  const bool interaction_only = TRY(flag_or(model, "interaction_only", false)), bias = TRY(flag_or(model, "include_bias", true));
  const Width width = TRY(width_of(model));
  if (in.free || in.columns.empty()) return refuse(model, "the file doesn't tell how many columns this step is given");
  if (width.count >= 0) TRY(expect_width(model, in, width.count));
  to.inputs.refuse_missing(in);
  const Val x = TRY(to.inputs.numbers(in));
  std::vector<Val> parts;
  Builder& g = to.graph;
  if (bias) parts.push_back(Builder::typed(g.repeat_row(x, g.row(std::vector<double>{1.0})), DType::float64, 1));
  Level level;
  for (std::size_t c = 0; c < in.width(); ++c) level.column.push_back(static_cast<std::int64_t>(c));
  for (std::size_t c = 0; c <= in.width(); ++c) level.first_from.push_back(c);
  Val value = x;
  std::size_t terms = 0;
  for (std::int64_t d = 1; d <= degree.most; ++d) {
    if (d > 1) {
      level = next_level(level, in.width(), interaction_only);
      if (level.column.empty()) break;
      value = Builder::typed(g.mul(g.columns(value, level.rest), g.columns(x, level.column)), DType::float64,
                             static_cast<std::int64_t>(level.column.size()));
    }
    if ((terms += level.column.size()) > kTermsMax) return refuse(model, "it makes more than " + std::to_string(kTermsMax) + " columns");
    if (d >= degree.least) parts.push_back(value);
  }
  if (parts.empty()) return refuse(model, "it makes no column at all");
  const Val out = g.concat_columns(parts);
  const double said = TRY(number_or(model, "n_output_features_", static_cast<double>(out.columns)));
  if (said != static_cast<double>(out.columns)) return refuse(model, "it says to make another number of columns than its degree gives");
  return table_of(out);
}

// Knots as one matrix [knots, columns].
Result<Matrix> knots_of(const View& splines, std::int64_t degree) {
  Matrix out;
  std::vector<std::vector<double>> columns;
  for (std::size_t i = 0; i < splines.size(); ++i) {
    View spline = splines.at(i);
    if (const auto state = spline.state(); state && state->size() > 0) spline = state->at(0);  // scipy from 1.18 on
    columns.push_back(TRY(vector(spline, spline.has("_t") ? "_t" : "t")));
    if (columns.back().size() != columns.front().size()) return refuse(spline, "the splines have different numbers of knots");
    if (!std::all_of(columns.back().begin(), columns.back().end(), [](double t) { return std::isfinite(t); }))
      return refuse(spline, "a knot is not finite");
    if (TRY(number_or(spline, "k", static_cast<double>(degree))) != static_cast<double>(degree))
      return refuse(spline, "a spline is of another degree");
  }
  out.columns = static_cast<std::int64_t>(columns.size());
  out.rows = static_cast<std::int64_t>(columns.front().size());
  for (std::int64_t r = 0; r < out.rows; ++r) {
    for (const auto& column : columns) out.data.push_back(column[static_cast<std::size_t>(r)]);
  }
  return out;
}

Result<Table> spline(Lowering& to, const View& model, const Table& in) {
  const View splines = TRY(model.attribute("bsplines_"));
  if (splines.size() == 0) return refuse(splines, "there is no spline");
  TRY(expect_width(model, in, static_cast<std::int64_t>(splines.size())));
  const double degree = TRY(number_or(model, "degree", 3));
  if (!(degree >= 0 && degree <= 50) || degree != std::floor(degree)) return refuse(model, "the degree must be from 0 to 50");
  const auto k = static_cast<std::int64_t>(degree);
  const Matrix knots = TRY(knots_of(splines, k));
  const std::string beyond = text_or(model, "extrapolation", "constant");
  for (const char* known : {"error", "constant", "linear", "continue", "periodic", ""}) {
    if (beyond == known) break;
    if (*known == '\0') return refuse(model, "the extrapolation '" + beyond.substr(0, 40) + "' is not known");
  }
  const std::int64_t each = knots.rows - k - 1 - (beyond == "periodic" ? k : 0);
  if (knots.rows < 2 * k + 2 || each < 1) return refuse(model, "there are too few knots");
  const bool zeros = text_or(model, "handle_missing", "error") == "zeros";
  if (!zeros) to.inputs.refuse_missing(in);
  for (std::int64_t i = 0; i < knots.columns; ++i) {
    const double low = knots.at(k, i), high = knots.at(knots.rows - k - 1, i);
    to.inputs.hint_range(in.columns[static_cast<std::size_t>(i)], low, high);
    to.inputs.hint_typical(in.columns[static_cast<std::size_t>(i)], low / 2 + high / 2);
  }
  const Val x = TRY(to.inputs.numbers(in));
  const Val basis = to.graph.own("SplineBasis", {x, to.graph.constant(doubles({knots.rows, knots.columns}, knots.data))}, DType::float64,
                                 each * knots.columns, {attr("degree", k), attr("extrapolation", beyond), attr("zeros", std::int64_t{zeros})});
  if (TRY(flag_or(model, "include_bias", true))) return table_of(basis);
  std::vector<std::int64_t> kept;
  for (std::int64_t i = 0; i < each * knots.columns; ++i) {
    if ((i + 1) % each != 0) kept.push_back(i);
  }
  if (kept.empty()) return refuse(model, "it makes no column at all");
  return table_of(to.graph.columns(basis, kept));
}

// Each image becomes several rows, so that rows of the answer are not those of the request.
Result<Table> patches(Lowering&, const View& model, const Table&) {
  return refuse(model, "PatchExtractor gives several rows a request row, which a prediction can't; cut the images up before the request");
}

constexpr Converter kConverters[] = {
    {"PatchExtractor", patches, nullptr},
    {"PolynomialFeatures", polynomial, nullptr},
    {"SplineTransformer", spline, nullptr},
};

}  // namespace

Family expansions_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
