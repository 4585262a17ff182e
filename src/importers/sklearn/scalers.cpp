// Scalers: one shift and one factor a column, in the library's order of operations. Missing values pass through them.
#include <limits>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

enum class Op { add, sub, mul, div };
struct Step {
  const char* attribute;
  Op op;
};

Val apply(Builder& graph, const Val& x, const Val& row, Op op) {
  switch (op) {
    case Op::add: return graph.add(x, row);
    case Op::sub: return graph.sub(x, row);
    case Op::mul: return graph.mul(x, row);
    case Op::div: return graph.div(x, row);
  }
  return x;
}

// The result's columns, each with the missing values of the column it is made of.
Table scaled_table(const Table& in, const Val& scaled) {
  if (in.free) {
    Table out;
    out.free = scaled;
    return out;
  }
  Table out = table_of(scaled);
  for (std::size_t i = 0; i < out.width(); ++i) out.columns[i].missing_from = in.columns[i].missing_from;
  return out;
}

void hint(Lowering& to, const Table& in, const std::vector<double>& typical) {
  for (std::size_t i = 0; i < in.width() && i < typical.size(); ++i) to.inputs.hint_typical(in.columns[i], typical[i]);
}

Result<Val> run(Lowering& to, const View& model, const Table& in, std::initializer_list<Step> steps) {
  Val x = TRY(to.inputs.numbers(in));
  const std::int64_t columns = x.columns;
  for (const Step& step : steps) {
    const auto row = TRY(vector(model, step.attribute));
    TRY(expect_width(model, in, static_cast<std::int64_t>(row.size())));
    x = Builder::typed(apply(to.graph, x, to.graph.row(row), step.op), DType::float64, columns);
  }
  return x;
}

// Columns divided by scale_. Of a sparse table the library multiplies what is stored.
Result<Table> divided(Lowering& to, const View& model, const Table& in) {
  auto sparse = to.inputs.sparse(in);
  if (!sparse) return scaled_table(in, TRY(run(to, model, in, {{"scale_", Op::div}})));
  auto factors = TRY(vector(model, "scale_"));
  TRY(expect_width(model, in, static_cast<std::int64_t>(factors.size())));
  for (double& f : factors) f = 1 / f;
  const Val of_column = to.graph.gather(to.graph.constant(doubles({static_cast<std::int64_t>(factors.size())}, factors)), sparse->columns, 0);
  sparse->values = Builder::typed(to.graph.mul(sparse->values, of_column), DType::float64, -1);
  return to.inputs.sparse_table(*sparse, static_cast<std::int64_t>(in.width()));
}

Result<Table> standard(Lowering& to, const View& model, const Table& in) {
  const bool mean = TRY(flag_or(model, "with_mean", true)), scale = TRY(flag_or(model, "with_std", true));
  if (present(model, "mean_")) hint(to, in, TRY(vector(model, "mean_")));
  const Step center{"mean_", Op::sub}, divide{"scale_", Op::div};
  if (mean && scale) return scaled_table(in, TRY(run(to, model, in, {center, divide})));
  if (mean) return scaled_table(in, TRY(run(to, model, in, {center})));
  if (scale) return divided(to, model, in);
  return scaled_table(in, TRY(to.inputs.numbers(in)));
}

Result<Table> robust(Lowering& to, const View& model, const Table& in) {
  const bool center = TRY(flag_or(model, "with_centering", true)), scale = TRY(flag_or(model, "with_scaling", true));
  if (present(model, "center_")) hint(to, in, TRY(vector(model, "center_")));
  const Step shift{"center_", Op::sub}, divide{"scale_", Op::div};
  if (center && scale) return scaled_table(in, TRY(run(to, model, in, {shift, divide})));
  if (center) return scaled_table(in, TRY(run(to, model, in, {shift})));
  if (scale) return divided(to, model, in);
  return scaled_table(in, TRY(to.inputs.numbers(in)));
}

Result<Table> min_max(Lowering& to, const View& model, const Table& in) {
  if (present(model, "data_min_") && present(model, "data_max_")) {
    const auto low = TRY(vector(model, "data_min_")), high = TRY(vector(model, "data_max_"));
    for (std::size_t i = 0; i < in.width() && i < low.size() && i < high.size(); ++i) {
      to.inputs.hint_range(in.columns[i], low[i], high[i]);
      to.inputs.hint_typical(in.columns[i], low[i] / 2 + high[i] / 2);
    }
  }
  Val x = TRY(run(to, model, in, {{"scale_", Op::mul}, {"min_", Op::add}}));
  if (TRY(flag_or(model, "clip", false))) {
    const auto range = TRY(vector(model, "feature_range"));
    if (range.size() != 2) return refuse(model, "feature_range is no pair");
    x = clip(to.graph, x, range[0], range[1]);
  }
  return scaled_table(in, x);
}

Result<Table> max_abs(Lowering& to, const View& model, const Table& in) {
  if (!TRY(flag_or(model, "clip", false))) return divided(to, model, in);
  return scaled_table(in, clip(to.graph, TRY(run(to, model, in, {{"scale_", Op::div}})), -1, 1));
}

// Rows divided by their norm; those of (almost) zero stay as they are.
Result<Table> normalize(Lowering& to, const View& model, const Table& in) {
  const std::string norm = text_or(model, "norm", "l2");
  const std::int64_t kind = norm == "l1" ? 1 : norm == "l2" ? 2 : norm == "max" ? 3 : 0;
  if (kind == 0) return refuse(model, "the norm '" + norm.substr(0, 40) + "' is not known");
  to.inputs.refuse_missing(in);
  Builder& g = to.graph;
  if (auto sparse = to.inputs.sparse(in)) {
    sparse->values = g.own("WeighTerms", {sparse->starts, sparse->columns, sparse->values}, DType::float64, -1,
                           {graph::attr("norm", kind), graph::attr("single", std::int64_t{sparse->single})});
    return to.inputs.sparse_table(*sparse, static_cast<std::int64_t>(in.width()));
  }
  const Val x = TRY(to.inputs.numbers(in));
  const bool with_sign = kind == 3 && !to.version(model).at_least(0, 23);  // once it was the largest number, not the largest size
  const Val size = kind == 2 ? g.mul(x, x) : with_sign ? x : g.op("Abs", {x});
  Val length = g.reduce(kind == 3 ? "ReduceMax" : "ReduceSum", size, 1, true);
  if (kind == 2) length = g.op("Sqrt", {length});
  const double least = to.version(model).at_least(1, 0) ? 10 * std::numeric_limits<double>::epsilon() : 0;
  const Val zero = least > 0 ? g.compare("Less", length, g.scalar(least)) : g.compare("Equal", length, g.scalar(0));
  const Val divisor = Builder::typed(g.where(zero, g.scalar(1), length), DType::float64, 1);
  return made_of(in, Builder::typed(g.div(x, divisor), DType::float64, x.columns));
}

constexpr Converter kConverters[] = {
    {"Normalizer", normalize, nullptr}, {"StandardScaler", standard, nullptr}, {"RobustScaler", robust, nullptr},
    {"MinMaxScaler", min_max, nullptr}, {"MaxAbsScaler", max_abs, nullptr},
};

}  // namespace

Family scalers_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
