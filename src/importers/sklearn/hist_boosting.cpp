// Histogram gradient boosting: features stay in double precision, missing values have their way, and a split on a categorical feature
// sends a set of its codes to the left. Such a split is lowered to a column of its own, 0 for left and 1 for right, looked up by code.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <tuple>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/inner.hpp"
#include "slipway/importers/sklearn/table.hpp"
#include "slipway/importers/sklearn/trees.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::int64_t kCodes = 256;  // a code is a byte
constexpr std::size_t kBitsetWords = 8;
constexpr std::size_t kLookUpMax = 30'000'000;  // cells of all tables of categorical splits

using Bits = std::array<std::uint32_t, kBitsetWords>;
bool holds(const Bits& bits, std::int64_t code) { return (bits[static_cast<std::size_t>(code / 32)] >> (code % 32) & 1) != 0; }

// The categorical features' known codes, and the splits on them.
struct Categorical {
  struct Split {
    Bits left;
    bool missing_left;
    bool operator<(const Split& other) const { return std::tie(left, missing_left) < std::tie(other.left, other.missing_left); }
  };
  std::vector<std::int64_t> known;  // ascending
  std::map<Split, std::int64_t> splits;
  std::int64_t first_column = 0;
};
using CategoricalFeatures = std::map<std::int64_t, Categorical>;  // by feature

struct Split {  // of a node, before the columns of categorical splits are known
  std::size_t tree, node;
  std::int64_t feature, column;
};

// --- reading -------------------------------------------------------------------------------------------------------------------
Result<std::vector<double>> field(const View& nodes, std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    if (!nodes.has_field(name)) continue;
    const Tensor t = TRY(nodes.field(name));
    std::vector<double> out(t.count());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = t.as_double(i);
    return out;
  }
  return refuse(nodes, "damaged tree: its nodes have no " + std::string(*names.begin()));
}

Result<std::vector<Bits>> bitsets_of(const View& predictor) {
  std::vector<Bits> out;
  const auto array = predictor.find("raw_left_cat_bitsets");
  if (!array || !array->is(Kind::array)) return out;
  const auto words = TRY(array->integers());
  if (words.size() % kBitsetWords != 0) return refuse(*array, "damaged tree: a set of categories isn't 256 bits");
  out.resize(words.size() / kBitsetWords);
  for (std::size_t i = 0; i < words.size(); ++i) out[i / kBitsetWords][i % kBitsetWords] = static_cast<std::uint32_t>(words[i]);
  return out;
}

class Reader {
 public:
  Reader(std::int64_t features, CategoricalFeatures& categorical) : features_(features), categorical_(categorical) {}

  Status add(const View& predictor) {
    if (!predictor.is(Kind::object) || predictor.name() != "TreePredictor")
      return refuse(predictor, "here is " + predictor.describe() + ", a tree was expected");
    const View nodes = TRY(predictor.attribute("nodes"));
    if (!nodes.is(Kind::array)) return refuse(nodes, "here is " + nodes.describe() + ", a table of tree nodes was expected");
    TreeNodes tree;
    tree.values = TRY(field(nodes, {"value"}));
    const auto left = TRY(field(nodes, {"left"})), right = TRY(field(nodes, {"right"})), leaf = TRY(field(nodes, {"is_leaf"}));
    const auto feature = TRY(field(nodes, {"feature_idx"})), missing = TRY(field(nodes, {"missing_go_to_left"}));
    tree.threshold = TRY(field(nodes, {"num_threshold", "threshold"}));
    std::vector<double> categorical(tree.values.size(), 0.0), bitset(tree.values.size(), 0.0);
    if (nodes.has_field("is_categorical")) {
      categorical = TRY(field(nodes, {"is_categorical"}));
      bitset = TRY(field(nodes, {"bitset_idx"}));
    }
    const auto sets = TRY(bitsets_of(predictor));
    for (std::size_t i = 0; i < tree.values.size(); ++i) {
      const bool is_leaf = leaf[i] != 0;
      tree.left.push_back(is_leaf ? -1 : static_cast<std::int64_t>(left[i]));
      tree.right.push_back(is_leaf ? -1 : static_cast<std::int64_t>(right[i]));
      tree.feature.push_back(is_leaf ? 0 : static_cast<std::int64_t>(feature[i]));
      tree.missing_left.push_back(missing[i] != 0 ? 1 : 0);
      if (is_leaf && !std::isfinite(tree.values[i])) return refuse(nodes, "damaged tree: a leaf's value is not finite");
      if (is_leaf || categorical[i] == 0) continue;
      tree.threshold[i] = 0.5;
      TRY(add_split(nodes, i, tree, sets, static_cast<std::size_t>(bitset[i])));
    }
    TRY(check_tree(tree, features_).within(nodes.path()));
    if ((count_ += tree.size()) > kTreeNodesMax) return refuse(nodes, "there are more than " + std::to_string(kTreeNodesMax) + " nodes");
    trees.push_back(std::move(tree));
    return ok();
  }

  // Once all trees are read: the columns of categorical splits, behind those of the features.
  Result<std::int64_t> place_splits(const View& model) {
    std::int64_t next = features_;
    std::size_t cells = 0;
    for (auto& [feature, c] : categorical_) {
      c.first_column = next;
      next += static_cast<std::int64_t>(c.splits.size());
      cells += c.splits.size() * (c.known.size() + 1);
    }
    if (cells > kLookUpMax) return refuse(model, "its splits on categories are too many");
    for (const Split& split : splits_) { trees[split.tree].feature[split.node] = categorical_.at(split.feature).first_column + split.column; }
    return next;
  }

  std::vector<TreeNodes> trees;

 private:
  Status add_split(const View& nodes, std::size_t node, const TreeNodes& tree, const std::vector<Bits>& sets, std::size_t set) {
    const auto found = categorical_.find(tree.feature[node]);
    if (set >= sets.size() || found == categorical_.end())
      return refuse(nodes, "damaged tree: node " + std::to_string(node) + " tests categories that aren't there");
    Categorical& feature = found->second;
    const auto column = static_cast<std::int64_t>(feature.splits.size());
    const auto at = feature.splits.try_emplace({sets[set], tree.missing_left[node] != 0}, column).first;
    splits_.push_back({trees.size(), node, found->first, at->second});
    return ok();
  }

  std::int64_t features_;
  CategoricalFeatures& categorical_;
  std::vector<Split> splits_;
  std::size_t count_ = 0;
};

// --- features ------------------------------------------------------------------------------------------------------------------
std::vector<std::int64_t> where_set(const std::vector<double>& mask, bool set) {
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    if ((mask[i] != 0) == set) out.push_back(static_cast<std::int64_t>(i));
  }
  return out;
}

Result<std::vector<double>> mask_of(const View& model, std::string_view attribute, std::size_t width) {
  if (!present(model, attribute)) return std::vector<double>{};
  auto mask = TRY(vector(model, attribute));
  if (mask.size() != width)
    return refuse(model, std::string(attribute) + " has " + std::to_string(mask.size()) + " entries for " + std::to_string(width) + " features");
  return mask;
}

struct Features {
  Table columns;  // in the order that the trees number them
  CategoricalFeatures categorical;
  bool encoded = false;  // categories are codes by an encoder of the library's own: unknown ones are missing already
};

// Since 1.4 an encoder turns categories into codes; its columns come first.
Result<Features> encoded_features(Lowering& to, const View& model, const Table& in, const std::vector<double>& mask) {
  const View preprocessor = TRY(model.attribute("_preprocessor"));
  const View transformers = TRY(preprocessor.attribute("transformers_"));
  const bool pair = transformers.size() >= 1 && transformers.at(0).size() >= 2;
  if (!pair || !transformers.at(0).at(1).is(Kind::object) || transformers.at(0).at(1).name() != "OrdinalEncoder")
    return refuse(transformers, "an OrdinalEncoder was expected first");
  const View encoder = transformers.at(0).at(1);
  const View categories = TRY(encoder.attribute("categories_"));
  Features out;
  out.encoded = true;
  const auto chosen = where_set(mask, true);
  if (chosen.size() != categories.size()) return refuse(categories, "there isn't a list of categories a categorical feature");
  if (!chosen.empty()) out.columns = TRY(to.transform(encoder, select(in, chosen)));
  for (std::size_t i = 0; i < categories.size(); ++i) {
    Categorical& feature = out.categorical[static_cast<std::int64_t>(i)];
    const View values = categories.at(i);
    const std::int64_t count = values.is(Kind::array) && values.shape().size() == 1 ? values.shape()[0] : static_cast<std::int64_t>(values.size());
    for (std::int64_t code = 0; code < std::min(kCodes, count); ++code) feature.known.push_back(code);
  }
  append(out.columns, select(in, where_set(mask, false)));
  return out;
}

// Before: a categorical feature is its codes. What a bin mapper knows of them are all codes seen in training.
Result<Features> coded_features(Lowering& to, const View& model, const Table& in, const std::vector<double>& mask) {
  Features out;
  out.columns = in;
  const auto chosen = where_set(mask, true);
  if (chosen.empty()) return out;
  const View mapper = TRY(model.attribute("_bin_mapper"));
  const View thresholds = TRY(mapper.attribute("bin_thresholds_"));
  if (thresholds.size() != in.width()) return refuse(thresholds, "bin_thresholds_ doesn't fit the features");
  for (const std::int64_t f : chosen) {
    Categorical& feature = out.categorical[f];
    std::vector<json::Value> shown;
    for (const double code : TRY(thresholds.at(static_cast<std::size_t>(f)).doubles())) {
      if (!(code >= 0 && code < static_cast<double>(kCodes))) return refuse(thresholds, "a category is no code below 256");
      feature.known.push_back(static_cast<std::int64_t>(code));
      shown.emplace_back(static_cast<std::int64_t>(code));
    }
    std::sort(feature.known.begin(), feature.known.end());
    to.inputs.hint_categories(in.columns[static_cast<std::size_t>(f)], std::move(shown));
  }
  return out;
}

Result<Features> features_of(Lowering& to, const View& model, const Table& in) {
  const Width width = TRY(width_of(model));
  if (width.count >= 0) TRY(expect_width(model, in, width.count));
  if (in.free) return refuse(model, "the file doesn't tell how many features it takes");
  const auto mask = TRY(mask_of(model, "is_categorical_", in.width()));
  return present(model, "_preprocessor") ? encoded_features(to, model, in, mask) : coded_features(to, model, in, mask);
}

// The row of a feature's table that a value looks up: its place among the known codes, or the last row for a missing or unknown
// one. A code is a byte: larger numbers wrap around, as do negative ones before 1.3 (later they are missing).
Val code_row(Lowering& to, const View& model, const Val& column, const Categorical& feature, bool encoded) {
  Builder& graph = to.graph;
  const auto unknown = static_cast<std::int64_t>(feature.known.size());
  std::vector<std::int64_t> row_of(static_cast<std::size_t>(kCodes) + 1, unknown);
  for (std::size_t i = 0; i < feature.known.size(); ++i) row_of[static_cast<std::size_t>(feature.known[i])] = static_cast<std::int64_t>(i);
  const auto is = [&](const char* op, const Val& a, double b) { return Builder::typed(graph.op(op, {a, graph.scalar(b)}), DType::boolean, 1); };
  const Val huge = is("GreaterOrEqual", graph.op("Abs", {column}), 2147483648.0);
  const Val missing = encoded || to.version(model).at_least(1, 3)
                          ? Builder::typed(graph.op("Or", {graph.is_nan(column), is("Less", column, 0)}), DType::boolean, 1)
                          : graph.is_nan(column);
  const Val safe = graph.where(graph.is_nan(column), graph.scalar(0), graph.where(huge, graph.scalar(0), column));
  const Val byte = graph.op("Mod", {graph.cast(safe, DType::int64), graph.scalar_i64(kCodes)});
  const Val code = graph.where(missing, graph.scalar_i64(kCodes), Builder::typed(byte, DType::int64, 1));
  return graph.reshape(graph.gather(graph.ints(row_of), code, 0), {-1}, -1);
}

Val split_columns(Builder& graph, const Val& row, const Categorical& feature) {
  const std::size_t width = feature.splits.size();
  std::vector<double> table((feature.known.size() + 1) * width);
  for (const auto& [split, column] : feature.splits) {
    for (std::size_t i = 0; i < feature.known.size(); ++i)
      table[i * width + static_cast<std::size_t>(column)] = holds(split.left, feature.known[i]) ? 0 : 1;
    table[feature.known.size() * width + static_cast<std::size_t>(column)] = split.missing_left ? 0 : 1;
  }
  const auto columns = static_cast<std::int64_t>(width);
  const Val constant = graph.constant(doubles({static_cast<std::int64_t>(feature.known.size() + 1), columns}, table));
  return Builder::typed(graph.gather(constant, row, 0), DType::float64, columns);
}

void hint_ranges(Lowering& to, const Table& columns, const std::vector<TreeNodes>& trees) {
  std::vector<std::vector<double>> thresholds(columns.width());
  for (const TreeNodes& tree : trees) {
    for (std::size_t i = 0; i < tree.size(); ++i) {
      if (tree.leaf(i) || tree.feature[i] >= static_cast<std::int64_t>(columns.width()) || !std::isfinite(tree.threshold[i])) continue;
      auto& of_feature = thresholds[static_cast<std::size_t>(tree.feature[i])];
      if (of_feature.size() < 101) of_feature.push_back(tree.threshold[i]);
    }
  }
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    auto& t = thresholds[i];
    if (t.empty()) continue;
    std::sort(t.begin(), t.end());
    to.inputs.hint_range(columns.columns[i], t.front(), t.back());
    to.inputs.hint_typical(columns.columns[i], t[t.size() / 2]);
  }
}

// --- scores --------------------------------------------------------------------------------------------------------------------
// A list of predictors an iteration, one a score.
Status read_iterations(const View& model, std::int64_t scores, Reader& reader) {
  const View iterations = TRY(model.attribute("_predictors"));
  if (!iterations.is(Kind::list)) return refuse(iterations, "here is " + iterations.describe() + ", a list of iterations was expected");
  for (std::size_t i = 0; i < iterations.size(); ++i) {
    const View trees = iterations.at(i);
    if (!trees.is(Kind::list) || static_cast<std::int64_t>(trees.size()) != scores)
      return refuse(trees, "it has not " + std::to_string(scores) + " trees");
    for (std::size_t k = 0; k < trees.size(); ++k) TRY(reader.add(trees.at(k)));
  }
  return ok();
}

// The baseline is added first, as the library does: it goes into the leaves of the first trees.
Result<Val> raw_scores(Lowering& to, const View& model, const Table& in, std::int64_t scores) {
  Builder& graph = to.graph;
  Features features = TRY(features_of(to, model, in));
  const auto width = static_cast<std::int64_t>(features.columns.width());
  Reader reader(width, features.categorical);
  TRY(read_iterations(model, scores, reader));
  const auto baseline = TRY(vector(model, "_baseline_prediction"));
  if (static_cast<std::int64_t>(baseline.size()) != scores) return refuse(model, "_baseline_prediction doesn't fit the number of scores");
  to.inputs.take_infinite(features.columns);
  const Val x = TRY(to.inputs.numbers(features.columns));
  hint_ranges(to, features.columns, reader.trees);
  TRY(reader.place_splits(model));
  if (reader.trees.empty()) return Builder::typed(graph.repeat_row(x, graph.row(baseline)), DType::float64, scores);
  for (std::size_t k = 0; k < baseline.size(); ++k) {
    for (double& value : reader.trees[k].values) value += baseline[k];
  }
  std::vector<Val> parts{x};
  for (const auto& [f, feature] : features.categorical) {
    if (!feature.splits.empty()) parts.push_back(split_columns(graph, code_row(to, model, graph.column(x, f), feature, features.encoded), feature));
  }
  return sum_of_trees(graph, graph.concat_columns(parts), reader.trees, scores, Compared::doubles);
}

Result<Prediction> classifier(Lowering& to, const View& model, const Table& in) {
  Labels labels = TRY(read_labels(TRY(model.attribute("classes_"))));
  const auto classes = static_cast<std::int64_t>(labels.count());
  if (classes < 2) return refuse(model, "it knows one class only");
  const Val raw = TRY(raw_scores(to, model, in, classes == 2 ? 1 : classes));
  const bool by_scores = to.version(model).at_least(1, 5);
  if (classes > 2) {
    Prediction p = Prediction::from_probabilities(to.graph, std::move(labels), softmax(to.graph, raw));
    p.scores = raw;
    if (by_scores) p.label = to.graph.argmax(raw);
    return p;
  }
  Prediction p = Prediction::from_probabilities(to.graph, std::move(labels), two_columns(to.graph, expit(to.graph, raw)));
  p.scores = flat(to.graph, raw);
  if (by_scores) p.label = above(to.graph, *p.scores, 0);
  return p;
}

Result<Prediction> regressor(Lowering& to, const View& model, const Table& in) {
  const Val raw = flat(to.graph, TRY(raw_scores(to, model, in, 1)));
  const std::string loss = text_or(model, "loss", "squared_error");
  if (const auto own = model.find("loss"); own && own->is(Kind::object)) return refuse(*own, "a loss of the user's own is not supported");
  for (const char* identity : {"squared_error", "least_squares", "absolute_error", "least_absolute_deviation", "quantile"}) {
    if (loss == identity) return Prediction::regressor(raw);
  }
  if (loss != "poisson" && loss != "gamma") return refuse(model, "the loss '" + loss.substr(0, 40) + "' is not known");
  return Prediction::regressor(Builder::typed(to.graph.op("Exp", {raw}), DType::float64, -1));
}

constexpr Converter kConverters[] = {
    {"HistGradientBoostingClassifier", nullptr, classifier},
    {"HistGradientBoostingRegressor", nullptr, regressor},
};

}  // namespace

Family hist_boosting_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
