// Histogram gradient boosting and isolation forests, evaluated directly.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "slipway/importers/sklearn/direct/numeric.hpp"
#include "slipway/importers/sklearn/trees.hpp"

namespace slipway::importers::sklearn {
namespace {

using Made = Result<std::optional<Answerer>>;
constexpr std::size_t kNodesMax = 3'000'000;

// --- histogram gradient boosting

using Codes = std::array<bool, 256>;

struct HistNode {
  double value = 0, threshold = 0;
  std::size_t feature = 0, left = 0, right = 0;
  bool leaf = false, missing_left = false, categorical = false;
  std::size_t set = 0;
};

struct HistTree {
  std::vector<HistNode> nodes;
  std::vector<Codes> sets;  // codes that go left
};

Result<HistTree> hist_tree(const View& predictor, std::size_t width) {
  HistTree tree;
  const View table = TRY(predictor.attribute("nodes"));
  const auto column = [&](const char* name) -> Result<Numbers> {
    const Tensor t = TRY(table.field(name));
    Numbers out;
    for (std::size_t i = 0; i < t.count(); ++i) out.push_back(t.as_double(i));
    return out;
  };
  const Numbers value = TRY(column("value")), leaf = TRY(column("is_leaf")), left = TRY(column("left")), right = TRY(column("right"));
  const Numbers feature = TRY(column("feature_idx")), missing = TRY(column("missing_go_to_left"));
  const Numbers threshold = TRY(column(table.has_field("num_threshold") ? "num_threshold" : "threshold"));
  Numbers categorical(value.size(), 0.0), set(value.size(), 0.0);
  if (table.has_field("is_categorical")) {
    categorical = TRY(column("is_categorical"));
    set = TRY(column("bitset_idx"));
  }
  for (std::size_t i = 0; i < value.size(); ++i) {
    HistNode node{value[i], threshold[i], 0, 0, 0, leaf[i] != 0, missing[i] != 0, categorical[i] != 0, 0};
    if (!node.leaf) {
      node.feature = static_cast<std::size_t>(feature[i]);
      node.left = static_cast<std::size_t>(left[i]);
      node.right = static_cast<std::size_t>(right[i]);
      node.set = static_cast<std::size_t>(set[i]);
      const auto n = value.size();
      if (node.feature >= width || node.left <= i || node.right <= i || node.left >= n || node.right >= n)
        return refuse(table, "damaged tree: node " + std::to_string(i));
    }
    tree.nodes.push_back(node);
  }
  if (const auto words = predictor.find("raw_left_cat_bitsets"); words && words->is(Kind::array)) {
    const auto bits = TRY(words->integers());
    tree.sets.resize(bits.size() / 8);
    for (std::size_t i = 0; i < tree.sets.size() * 256; ++i) tree.sets[i / 256][i % 256] = (bits[i / 32] >> (i % 32) & 1) != 0;
  }
  for (const HistNode& node : tree.nodes) {
    if (!node.leaf && node.categorical && node.set >= tree.sets.size()) return refuse(table, "damaged tree: a set of categories isn't there");
  }
  return tree;
}

struct Histogram {
  std::vector<HistTree> trees;  // iteration by iteration
  Numbers baseline;
  std::optional<Step> encoder;  // of the categorical columns, which come first then
  std::vector<bool> categorical;
  std::vector<std::optional<Codes>> known;  // of a column in the trees' order

  Row ordered(const Row& row) const {
    if (!encoder) return row;
    Row chosen, rest;
    for (std::size_t i = 0; i < row.size(); ++i) (categorical.at(i) ? chosen : rest).push_back(row[i]);
    if (!chosen.empty()) chosen = (*encoder)(chosen);
    chosen.insert(chosen.end(), rest.begin(), rest.end());
    return chosen;
  }

  bool goes_left(const HistTree& tree, const HistNode& node, double x) const {
    if (!node.categorical) return std::isnan(x) ? node.missing_left : x <= node.threshold;
    if (std::isnan(x)) return node.missing_left;
    if (!(x >= 0 && x < 256)) throw RowUnclear();  // versions differ in what is no code at all
    const auto code = static_cast<std::size_t>(x);
    return known[node.feature] && !(*known[node.feature])[code] ? node.missing_left : tree.sets[node.set][code];
  }

  Numbers raw(const Row& given) const {
    const Numbers x = numbers_of(ordered(given));
    Numbers sums = baseline;
    for (std::size_t t = 0; t < trees.size(); ++t) {
      const HistNode* node = &trees[t].nodes.front();
      while (!node->leaf) node = &trees[t].nodes[goes_left(trees[t], *node, x.at(node->feature)) ? node->left : node->right];
      sums[t % sums.size()] += node->value;
    }
    return sums;
  }
};

// What the columns mean: codes by an encoder of the model's own (from 1.4 on), or as they are given.
Result<bool> read_columns(Direct& by, const View& model, Histogram& h, std::size_t width) {
  h.known.resize(width);
  h.categorical.assign(width, false);
  if (!present(model, "is_categorical_")) return true;
  const auto mask = TRY(vector(model, "is_categorical_"));
  if (mask.size() != width) return false;
  for (std::size_t i = 0; i < width; ++i) h.categorical[i] = mask[i] != 0;
  if (present(model, "_preprocessor")) {
    const View parts = TRY(TRY(model.attribute("_preprocessor")).attribute("transformers_"));
    if (parts.size() < 1 || parts.at(0).size() < 2) return false;
    h.encoder = TRY(by.transform(parts.at(0).at(1)));
    return h.encoder.has_value();
  }
  if (std::none_of(mask.begin(), mask.end(), [](double v) { return v != 0; })) return true;
  const View lists = TRY(TRY(model.attribute("_bin_mapper")).attribute("bin_thresholds_"));
  if (lists.size() != width) return false;
  for (std::size_t i = 0; i < width; ++i) {
    if (!h.categorical[i]) continue;
    Codes codes{};
    for (const double code : TRY(lists.at(i).doubles())) {
      if (code >= 0 && code < 256) codes[static_cast<std::size_t>(code)] = true;
    }
    h.known[i] = codes;
  }
  return true;
}

Result<std::optional<Histogram>> histogram_of(Direct& by, const View& model) {
  Histogram h;
  const auto width = TRY(width_of(model));
  h.baseline = TRY(vector(model, "_baseline_prediction"));
  if (width.count < 1 || h.baseline.empty()) return std::optional<Histogram>{};
  if (!TRY(read_columns(by, model, h, static_cast<std::size_t>(width.count)))) return std::optional<Histogram>{};
  const View iterations = TRY(model.attribute("_predictors"));
  std::size_t nodes = 0;
  for (std::size_t i = 0; i < iterations.size(); ++i) {
    const View trees = iterations.at(i);
    if (trees.size() != h.baseline.size()) return refuse(trees, "it hasn't a tree a score");
    for (std::size_t k = 0; k < trees.size(); ++k) {
      h.trees.push_back(TRY(hist_tree(trees.at(k), static_cast<std::size_t>(width.count))));
      if ((nodes += h.trees.back().nodes.size()) > kNodesMax || h.trees.back().nodes.empty()) return std::optional<Histogram>{};
    }
  }
  by.costs(h.trees.size() * 10);
  return std::optional(std::move(h));
}

Made hist_classifier(Direct& by, const View& model) {
  const auto labels = classes_of(model);
  const auto h = TRY(histogram_of(by, model));
  if (!labels || !h || labels->count() < 2 || h->baseline.size() != (labels->count() == 2 ? 1 : labels->count())) return no_answer();
  return std::optional<Answerer>([h = *h, labels = *labels](const Row& row) {
    DirectAnswer answer;
    answer.scores = h.raw(row);
    answer.scalar_scores = answer.scores.size() == 1;
    const double p = expit(answer.scores[0]);
    answer.probabilities = answer.scalar_scores ? Numbers{1 - p, p} : softmax(answer.scores);
    answer.label = labels.shown[clear_largest(answer.probabilities)];
    return answer;
  });
}

Made hist_regressor(Direct& by, const View& model) {
  const auto h = TRY(histogram_of(by, model));
  const std::string loss = text_or(model, "loss", "");
  if (!h || h->baseline.size() != 1 || loss.empty()) return no_answer();
  const bool logarithmic = loss == "poisson" || loss == "gamma";
  return std::optional<Answerer>([h = *h, logarithmic](const Row& row) {
    DirectAnswer answer;
    const double raw = h.raw(row)[0];
    answer.prediction = {logarithmic ? std::exp(raw) : raw};
    return answer;
  });
}

// --- isolation forests

// The mean length of a search in a random tree of n rows.
double usual_depth(double n) { return n <= 1 ? 0 : n == 2 ? 1 : 2 * (std::log(n - 1) + std::numbers::egamma) - 2 * (n - 1) / n; }

struct Isolation {
  TreeNodes tree;
  Numbers rows;                        // training rows in each node
  std::vector<std::int64_t> features;  // which columns the tree sees; empty: all

  double depth(const Numbers& x) const {
    std::size_t node = 0;
    double steps = 0;
    for (; !tree.leaf(node); ++steps) {
      const auto own = static_cast<std::size_t>(tree.feature[node]);
      const double value = static_cast<float>(x.at(features.empty() ? own : static_cast<std::size_t>(features.at(own))));
      const bool left = std::isnan(value) ? !tree.missing_left.empty() && tree.missing_left[node] != 0 : value <= tree.threshold[node];
      node = static_cast<std::size_t>(left ? tree.left[node] : tree.right[node]);
    }
    return steps + usual_depth(rows[node]);
  }
};

Made isolation_forest(Direct& by, const View& model) {
  const auto width = TRY(width_of(model));
  if (width.count < 1) return no_answer();
  const View members = TRY(model.attribute("estimators_")), choices = TRY(model.attribute("estimators_features_"));
  if (choices.size() != members.size()) return refuse(choices, "there isn't a choice of features a tree");
  std::vector<Isolation> forest;
  std::size_t nodes = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    Isolation one;
    one.features = TRY(choices.at(i).integers());
    if (one.features.empty() || *std::min_element(one.features.begin(), one.features.end()) < 0) return no_answer();
    const View tree = TRY(members.at(i).attribute("tree_"));
    one.tree = TRY(read_tree(tree, static_cast<std::int64_t>(one.features.size())));
    const Tensor rows = TRY(TRY(tree.attribute("nodes")).field("n_node_samples"));
    for (std::size_t n = 0; n < rows.count(); ++n) one.rows.push_back(rows.as_double(n));
    if (one.rows.size() != one.tree.size()) return refuse(tree, "its lists of nodes differ in length");
    if ((nodes += one.tree.size()) > kNodesMax) return no_answer();
    forest.push_back(std::move(one));
  }
  const bool underlined = model.has("_max_samples");
  const double usual = usual_depth(TRY(number_or(model, underlined ? "_max_samples" : "max_samples_", 0))) * static_cast<double>(forest.size());
  const double offset = TRY(TRY(model.attribute("offset_")).number());
  by.costs(forest.size() * 20);
  return std::optional<Answerer>([forest, usual, offset](const Row& row) {
    const Numbers x = numbers_of(row);
    Sum depth;
    for (const Isolation& one : forest) depth.add(one.depth(x));
    DirectAnswer answer;
    answer.score = -std::pow(2, usual == 0 ? -1 : -depth.value() / usual) - offset;
    if (std::abs(*answer.score) < 1e-15) throw RowUnclear();  // offset_ is often a training row's own score
    answer.label = json::Value(std::int64_t{*answer.score < 0 ? -1 : 1});
    return answer;
  });
}

constexpr DirectConverter kConverters[] = {
    {"HistGradientBoostingClassifier", nullptr, hist_classifier},
    {"HistGradientBoostingRegressor", nullptr, hist_regressor},
    {"IsolationForest", nullptr, isolation_forest},
};

}  // namespace

std::span<const DirectConverter> direct_boosted() { return kConverters; }

}  // namespace slipway::importers::sklearn
