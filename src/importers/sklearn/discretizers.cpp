// KBinsDiscretizer, Binarizer, QuantileTransformer, PowerTransformer: each column by itself, by a table or a formula of one parameter.
#include <algorithm>
#include <cmath>

#include "slipway/importers/blocks/trees.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

using graph::attr;

bool is_single(const View& model) {
  const auto dtype = model.find("dtype");
  return dtype && dtype->is(Kind::global) && dtype->name() == "float32";
}

// The inner edges of each column. Before 1.1 a number a little below an edge counted as on it, and the last bin was cut to.
Result<Table> bins(Lowering& to, const View& model, const Table& in) {
  const View lists = TRY(model.attribute("bin_edges_"));
  TRY(expect_width(model, in, static_cast<std::int64_t>(lists.size())));
  std::vector<double> edges;
  std::vector<std::int64_t> counts, n_bins;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const auto column = TRY(lists.at(i).doubles());
    if (column.size() < 2 || !std::is_sorted(column.begin(), column.end())) return refuse(lists.at(i), "the edges of bins are not in order");
    edges.insert(edges.end(), column.begin() + 1, column.end() - 1);
    counts.push_back(static_cast<std::int64_t>(column.size()) - 2);
    n_bins.push_back(static_cast<std::int64_t>(column.size()) - 1);
    to.inputs.hint_typical(in.columns[i], column[column.size() / 2]);
    if (std::isfinite(column.front()) && std::isfinite(column.back())) to.inputs.hint_range(in.columns[i], column.front(), column.back());
  }
  to.inputs.refuse_missing(in);
  Val x = TRY(to.inputs.numbers(in));
  if (is_single(model)) x = round_to_float(to.graph, x);
  if (!to.version(model).at_least(1, 1)) {
    const Val slack = to.graph.add(to.graph.scalar(1e-8), to.graph.mul(to.graph.scalar(1e-5), to.graph.op("Abs", {x})));
    x = to.graph.add(x, slack);
  }
  const auto width = static_cast<std::int64_t>(in.width());
  const Val code = to.graph.own("Digitize", {x, to.graph.constant(doubles({static_cast<std::int64_t>(edges.size())}, edges))}, DType::float64, width,
                                {attr("counts", counts)});
  const std::string encode = text_or(model, "encode", "onehot");
  if (encode == "ordinal") return table_of(code);
  if (encode != "onehot" && encode != "onehot-dense") return refuse(model, "encode='" + encode.substr(0, 40) + "' is not known");
  std::vector<std::int64_t> column_of;
  std::vector<double> bin_of;
  for (std::size_t i = 0; i < n_bins.size(); ++i) {
    for (std::int64_t b = 0; b < n_bins[i]; ++b) {
      column_of.push_back(static_cast<std::int64_t>(i));
      bin_of.push_back(static_cast<double>(b));
    }
  }
  const Val hit = to.graph.compare("Equal", to.graph.columns(code, column_of), to.graph.row(bin_of));
  return table_of(Builder::typed(to.graph.cast(hit, DType::float64), DType::float64, static_cast<std::int64_t>(bin_of.size())));
}

Result<Table> binarize(Lowering& to, const View& model, const Table& in) {
  to.inputs.refuse_missing(in);
  const Val x = TRY(to.inputs.numbers(in));
  const Val above = to.graph.compare("Greater", x, to.graph.scalar(TRY(number_or(model, "threshold", 0))));
  return made_of(in, Builder::typed(to.graph.cast(above, DType::float64), DType::float64, x.columns));
}

Result<Table> quantiles(Lowering& to, const View& model, const Table& in) {
  const Matrix table = TRY(matrix(model, "quantiles_"));
  const auto references = TRY(vector(model, "references_"));
  TRY(expect_width(model, in, table.columns));
  if (table.rank != 2 || table.rows < 1 || table.rows != static_cast<std::int64_t>(references.size()))
    return refuse(model, "its quantiles don't fit its references");
  const std::string distribution = text_or(model, "output_distribution", "uniform");
  if (distribution != "uniform" && distribution != "normal")
    return refuse(model, "the distribution '" + distribution.substr(0, 40) + "' is not known");
  for (std::size_t i = 0; i < in.width(); ++i) {
    to.inputs.hint_range(in.columns[i], table.at(0, static_cast<std::int64_t>(i)), table.at(table.rows - 1, static_cast<std::int64_t>(i)));
    to.inputs.hint_typical(in.columns[i], table.at(table.rows / 2, static_cast<std::int64_t>(i)));
  }
  const Val x = TRY(to.inputs.numbers(in));
  return made_of(
      in, to.graph.own("QuantileTransform",
                       {x, to.graph.constant(doubles({table.rows, table.columns}, table.data)), to.graph.constant(doubles({table.rows}, references))},
                       DType::float64, table.columns, {attr("normal", std::int64_t{distribution == "normal"})}));
}

Result<Table> power(Lowering& to, const View& model, const Table& in) {
  const auto lambdas = TRY(vector(model, "lambdas_"));
  TRY(expect_width(model, in, static_cast<std::int64_t>(lambdas.size())));
  const std::string method = text_or(model, "method", "yeo-johnson");
  if (method != "yeo-johnson" && method != "box-cox") return refuse(model, "the method '" + method.substr(0, 40) + "' is not known");
  const auto width = static_cast<std::int64_t>(in.width());
  Val x = TRY(to.inputs.numbers(in));
  if (method == "yeo-johnson") {
    x = to.graph.own("YeoJohnson", {x, to.graph.row(lambdas)}, DType::float64, width,
                     {attr("stable", std::int64_t{to.version(model).at_least(1, 8)})});
  } else {
    for (const Column& column : in.columns) to.inputs.hint_typical(column, 1);
    x = to.graph.own(
        "RequireAbove", {x, to.graph.scalar(0)}, DType::float64, width,
        {attr("strict", std::int64_t{1}), attr("what", std::string("the Box-Cox transformation can only be applied to strictly positive values"))});
    x = to.graph.own("BoxCox", {x, to.graph.row(lambdas)}, DType::float64, width);
  }
  const Table out = made_of(in, x);
  if (!TRY(flag_or(model, "standardize", true))) return out;
  return to.transform(TRY(model.attribute("_scaler")), out);
}

constexpr Converter kConverters[] = {
    {"KBinsDiscretizer", bins, nullptr},
    {"Binarizer", binarize, nullptr},
    {"QuantileTransformer", quantiles, nullptr},
    {"PowerTransformer", power, nullptr},
};

}  // namespace

Family discretizers_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
