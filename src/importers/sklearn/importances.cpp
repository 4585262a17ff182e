#include "slipway/importers/sklearn/importances.hpp"

#include <cmath>

#include "slipway/importers/blocks/statistics.hpp"
#include "slipway/importers/boosting/importances.hpp"
#include "slipway/importers/sklearn/trees.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr int kDepthMax = 8;
using Numbers = std::vector<double>;

// The impurity that each feature's splits took away, weighted by samples. What read_tree checks holds: indices are in range.
Result<Numbers> of_tree(const View& tree, bool normalised) {
  const auto said = tree.argument(0);
  if (!said) return refuse(tree, "damaged tree: it isn't made of n_features, n_classes and n_outputs");
  const std::int64_t features = TRY(said->integer());
  const TreeNodes nodes = TRY(read_tree(tree, features));
  const View table = TRY(tree.attribute("nodes"));
  const Tensor impurity = TRY(table.field("impurity")), weight = TRY(table.field("weighted_n_node_samples"));
  if (impurity.count() != nodes.size() || weight.count() != nodes.size()) return refuse(table, "damaged tree: its lists of nodes differ in length");
  if (features < 0 || features > 1'000'000) return refuse(tree, "damaged tree: it has too many features");
  Numbers out(static_cast<std::size_t>(features), 0.0);
  const auto weighted = [&](std::int64_t i) {
    return weight.as_double(static_cast<std::size_t>(i)) * impurity.as_double(static_cast<std::size_t>(i));
  };
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes.leaf(i)) continue;
    out[static_cast<std::size_t>(nodes.feature[i])] += weighted(static_cast<std::int64_t>(i)) - weighted(nodes.left[i]) - weighted(nodes.right[i]);
  }
  for (double& v : out) v /= weight.as_double(0);
  if (!normalised) return out;
  const double sum = pairwise_sum(out);
  if (sum > 0) {
    for (double& v : out) v /= sum;
  }
  return out;
}

Result<Numbers> average(const View& model, const std::vector<View>& trees, bool normalised) {
  Numbers sum;
  std::size_t count = 0, width = 0;
  for (const View& tree : trees) {
    const Numbers one = TRY(of_tree(tree, normalised));
    width = one.size();
    const View nodes = TRY(tree.attribute("nodes"));
    if (!nodes.field_shape().empty() && nodes.field_shape()[0] <= 1) continue;
    if (sum.empty()) sum.assign(one.size(), 0.0);
    if (sum.size() != one.size()) return refuse(model, "its trees differ in their number of features");
    for (std::size_t i = 0; i < one.size(); ++i) sum[i] += one[i];
    ++count;
  }
  if (count == 0) return Numbers(width, 0.0);
  for (double& v : sum) v /= static_cast<double>(count);
  const double total = pairwise_sum(sum);
  for (double& v : sum) v /= total;
  return sum;
}

Result<std::vector<View>> trees_of(const View& members) {
  std::vector<View> out;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const View member = members.at(i);
    if (!member.is(Kind::object)) return refuse(member, "here is " + member.describe() + ", a tree was expected");
    out.push_back(TRY(member.attribute("tree_")));
  }
  return out;
}

Result<Numbers> feature_importances(const View& model, int depth);

Result<Numbers> of_adaboost(const View& model, int depth) {
  const View members = TRY(model.attribute("estimators_"));
  const auto weights = TRY(vector(model, "estimator_weights_"));
  Numbers sum;
  for (std::size_t i = 0; i < members.size() && i < weights.size(); ++i) {
    const Numbers one = TRY(feature_importances(members.at(i), depth + 1));
    if (sum.empty()) sum.assign(one.size(), 0.0);
    if (sum.size() != one.size()) return refuse(model, "its members differ in their number of features");
    for (std::size_t k = 0; k < one.size(); ++k) sum[k] += weights[i] * one[k];
  }
  const double norm = pairwise_sum(weights);
  for (double& v : sum) v /= norm;
  return sum;
}

Result<Numbers> feature_importances(const View& model, int depth) {
  if (depth > kDepthMax) return refuse(model, "estimators are nested too deeply");
  const std::string_view name = model.is(Kind::object) ? model.name() : std::string_view();
  if (name.substr(0, 8) != "AdaBoost" && !covered(model)) return not_covered(model);
  if (model.module().starts_with("xgboost.")) return boosting::xgboost_importances(model);
  if (model.module().starts_with("lightgbm.")) return boosting::lightgbm_importances(model);
  if (model.has("feature_importances_")) return vector(model, "feature_importances_");
  if (name.substr(0, 8) == "AdaBoost") return of_adaboost(model, depth);
  if (model.has("tree_")) return of_tree(TRY(model.attribute("tree_")), true);
  const auto members = model.find("estimators_");
  const bool boosting = name.substr(0, 16) == "GradientBoosting";
  if (members && (boosting || name.find("Trees") != std::string_view::npos || name.find("Forest") != std::string_view::npos))
    return average(model, TRY(trees_of(*members)), !boosting);
  return refuse(model, std::string(name) + " has no coef_ or feature_importances_");
}

// coef_ of support vector machines with a linear kernel: one row a pair of classes.
Result<Matrix> linear_kernel_coef(const View& model) {
  const Matrix vectors = TRY(matrix(model, "support_vectors_"));
  const Matrix dual = TRY(matrix(model, model.has("_dual_coef_") ? "_dual_coef_" : "dual_coef_"));
  if (dual.columns != vectors.rows) return refuse(model, "its dual coefficients don't fit its support vectors");
  std::vector<std::int64_t> count{vectors.rows};
  if (dual.rows > 1) {
    const char* name = model.has("_n_support") ? "_n_support" : "n_support_";
    count = TRY(TRY(model.attribute(name)).integers());
    if (static_cast<std::int64_t>(count.size()) != dual.rows + 1) return refuse(model, "its counts of support vectors don't fit its classes");
  }
  std::vector<std::int64_t> begin{0};
  for (const auto n : count) {
    if (n < 0 || n > vectors.rows) return refuse(model, "its counts of support vectors don't fit");
    begin.push_back(begin.back() + n);
  }
  if (begin.back() != vectors.rows) return refuse(model, "its counts of support vectors don't fit");
  Matrix out;
  out.columns = vectors.columns;
  const auto add = [&](std::int64_t row, std::size_t of_class) {
    for (std::int64_t s = begin[of_class]; s < begin[of_class + 1]; ++s) {
      for (std::int64_t c = 0; c < vectors.columns; ++c)
        out.data[out.data.size() - static_cast<std::size_t>(vectors.columns - c)] += dual.at(row, s) * vectors.at(s, c);
    }
  };
  const auto classes = static_cast<std::size_t>(dual.rows == 1 ? 1 : dual.rows + 1);
  for (std::size_t i = 0; i < classes; ++i) {
    for (std::size_t j = i + 1; j < std::max<std::size_t>(classes, 2); ++j) {
      out.data.resize(out.data.size() + static_cast<std::size_t>(vectors.columns), 0.0);
      ++out.rows;
      add(static_cast<std::int64_t>(classes == 1 ? 0 : j - 1), i);
      if (classes > 1) add(static_cast<std::int64_t>(i), j);
    }
  }
  return out;
}

Numbers normed(const Matrix& coef, double order) {
  Numbers out(static_cast<std::size_t>(coef.columns), 0.0);
  for (std::int64_t c = 0; c < coef.columns; ++c) {
    double& sum = out[static_cast<std::size_t>(c)];
    for (std::int64_t r = 0; r < coef.rows; ++r) {
      const double v = std::abs(coef.at(r, c));
      if (coef.rank < 2)
        sum = v;
      else if (std::isinf(order))
        sum = r == 0 ? v : order > 0 ? std::max(sum, v) : std::min(sum, v);
      else
        sum += order == 1 ? v : order == 2 ? v * v : order == 0 ? (v != 0 ? 1.0 : 0.0) : std::pow(v, order);
    }
    if (coef.rank < 2 || std::isinf(order) || order == 1 || order == 0) continue;
    sum = order == 2 ? std::sqrt(sum) : std::pow(sum, 1 / order);
  }
  return out;
}

bool has_coef(const View& model) { return present(model, "coef_") || (model.has("support_vectors_") && text_or(model, "kernel", "") == "linear"); }

Result<Numbers> coefficients(const View& model, double order) {
  if (present(model, "coef_")) return normed(TRY(matrix(model, "coef_")), order);
  return normed(TRY(linear_kernel_coef(model)), order);
}

// "named_steps.model.coef_": all but the last part.
Result<View> walk(const View& from, const std::string& path, std::string& last) {
  View at = from;
  std::size_t begin = 0;
  for (int depth = 0; depth < kDepthMax; ++depth) {
    const std::size_t end = path.find('.', begin);
    const std::string part = path.substr(begin, end - begin);
    if (end == std::string::npos) {
      last = part;
      return at;
    }
    begin = end + 1;
    if (part == "named_steps") {
      const std::size_t stop = path.find('.', begin);
      const std::string name = path.substr(begin, stop - begin);
      const View steps = TRY(at.attribute("steps"));
      std::optional<View> found;
      for (std::size_t i = 0; i < steps.size(); ++i) {
        if (steps.at(i).size() == 2 && steps.at(i).at(0).is_text(name)) found = steps.at(i).at(1);
      }
      if (!found || stop == std::string::npos) return refuse(from, "importance_getter '" + path.substr(0, 100) + "' can't be followed");
      at = *found;
      begin = stop + 1;
    } else {
      at = TRY(at.attribute(part));
    }
  }
  return refuse(from, "importance_getter '" + path.substr(0, 100) + "' can't be followed");
}

}  // namespace

Result<std::vector<double>> importances(const View& estimator, const std::string& getter, double norm_order) {
  std::string what = "auto";
  const View at = getter == "auto" ? estimator : TRY(walk(estimator, getter, what));
  if (!at.is(Kind::object)) return refuse(at, "here is " + at.describe() + ", a fitted estimator was expected");
  if (what == "coef_" || (what == "auto" && has_coef(at))) return coefficients(at, norm_order);
  if (what == "auto" || what == "feature_importances_") return feature_importances(at, 0);
  return normed(TRY(matrix(at, what)), norm_order);
}

}  // namespace slipway::importers::sklearn
