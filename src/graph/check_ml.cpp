#include "slipway/graph/check_ml.hpp"

#include <algorithm>
#include <array>
#include <compare>

namespace slipway::graph {
namespace {

using Ints = std::vector<std::int64_t>;

constexpr std::int64_t kTargetsMax = 1LL << 20;  // columns of an answer: each row of a request makes them

Error refuse(std::string detail) { return {ErrorCode::model_refused, std::move(detail)}; }

template <class T>
const T* find(const Node& node, std::string_view name) {
  for (const Attribute& a : node.attributes) {
    if (a.name == name) return std::get_if<T>(&a.value);
  }
  return nullptr;
}

const Ints& ints(const Node& node, std::string_view name) {
  static const Ints kNone;
  const Ints* v = find<Ints>(node, name);
  return v == nullptr ? kNone : *v;
}

std::int64_t integer_or(const Node& node, std::string_view name, std::int64_t otherwise) {
  const auto* v = find<std::int64_t>(node, name);
  return v == nullptr ? otherwise : *v;
}

std::size_t strings_size(const Node& node, std::string_view name) {
  const auto* v = find<std::vector<std::string>>(node, name);
  return v == nullptr ? 0 : v->size();
}

// Of a list of numbers that is floats, or a tensor under the name with _as_tensor.
std::size_t floats_size(const Node& node, const std::string& name) {
  if (const auto* tensor = find<Tensor>(node, name + "_as_tensor")) return tensor->count();
  const auto* v = find<std::vector<float>>(node, name);
  return v == nullptr ? 0 : v->size();
}

Status same_length(std::string_view name, std::size_t size, std::size_t wanted, bool optional = false) {
  if (size == wanted || (optional && size == 0)) return ok();
  return refuse(std::string(name) + " has " + std::to_string(size) + " entries where " + std::to_string(wanted) + " belong");
}

Status in_range(std::string_view name, const Ints& values, std::int64_t end) {
  for (const std::int64_t v : values) {
    if (v < 0 || v >= end) return refuse(std::string(name) + " holds " + std::to_string(v) + ", outside 0.." + std::to_string(end - 1));
  }
  return ok();
}

Status features_in_range(std::string_view name, const Ints& values, std::optional<std::int64_t> columns) {
  constexpr std::int64_t kFeaturesMax = 1LL << 31;
  return in_range(name, values, columns.value_or(kFeaturesMax));
}

// --- TreeEnsembleRegressor, TreeEnsembleClassifier: nodes are named by (tree, node) pairs

class NamedTrees {
 public:
  explicit NamedTrees(const Node& node) : node_(node), trees_(ints(node, "nodes_treeids")), ids_(ints(node, "nodes_nodeids")) {}

  Status check(std::optional<std::int64_t> columns) {
    TRY(lengths());
    TRY(features_in_range("nodes_featureids", ints(node_, "nodes_featureids"), columns));
    TRY(index());
    TRY(link());
    return walk();
  }

  // Each (tree, node) of a leaf list is a node that is there.
  Status leaves(const std::string& prefix, std::int64_t targets) const {
    const Ints& trees = ints(node_, prefix + "_treeids");
    const Ints& ids = ints(node_, prefix + "_nodeids");
    const Ints& target = ints(node_, prefix + "_ids");
    TRY(same_length(prefix + "_nodeids", ids.size(), trees.size()));
    TRY(same_length(prefix + "_ids", target.size(), trees.size()));
    TRY(same_length(prefix + "_weights", floats_size(node_, prefix + "_weights"), trees.size()));
    TRY(in_range(prefix + "_ids", target, targets));
    for (std::size_t i = 0; i < trees.size(); ++i) {
      if (!at(trees[i], ids[i]))
        return refuse(prefix + "_nodeids names node " + std::to_string(ids[i]) + " of tree " + std::to_string(trees[i]) + ", which is not there");
    }
    return ok();
  }

 private:
  struct Entry {
    std::int64_t tree, id;
    std::size_t position;
    auto operator<=>(const Entry&) const = default;
  };

  Status lengths() const {
    const std::size_t n = ids_.size();
    if (n == 0) return refuse("it has no nodes");
    TRY(same_length("nodes_treeids", trees_.size(), n));
    TRY(same_length("nodes_featureids", ints(node_, "nodes_featureids").size(), n));
    TRY(same_length("nodes_truenodeids", ints(node_, "nodes_truenodeids").size(), n));
    TRY(same_length("nodes_falsenodeids", ints(node_, "nodes_falsenodeids").size(), n));
    TRY(same_length("nodes_modes", strings_size(node_, "nodes_modes"), n));
    TRY(same_length("nodes_values", floats_size(node_, "nodes_values"), n));
    TRY(same_length("nodes_hitrates", floats_size(node_, "nodes_hitrates"), n, true));
    return same_length("nodes_missing_value_tracks_true", ints(node_, "nodes_missing_value_tracks_true").size(), n, true);
  }

  Status index() {
    entries_.reserve(ids_.size());
    for (std::size_t i = 0; i < ids_.size(); ++i) entries_.push_back({trees_[i], ids_[i], i});
    std::sort(entries_.begin(), entries_.end());
    const auto twice =
        std::adjacent_find(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.tree == b.tree && a.id == b.id; });
    if (twice != entries_.end()) return refuse("node " + std::to_string(twice->id) + " of tree " + std::to_string(twice->tree) + " is there twice");
    return ok();
  }

  std::optional<std::size_t> at(std::int64_t tree, std::int64_t id) const {
    const auto it = std::lower_bound(entries_.begin(), entries_.end(), Entry{tree, id, 0});
    if (it == entries_.end() || it->tree != tree || it->id != id) return std::nullopt;
    return it->position;
  }

  Status link() {
    static constexpr std::string_view kModes[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "LEAF"};
    const auto& modes = *find<std::vector<std::string>>(node_, "nodes_modes");
    const Ints* sides[] = {&ints(node_, "nodes_truenodeids"), &ints(node_, "nodes_falsenodeids")};
    has_parent_.resize(ids_.size());
    children_.resize(ids_.size(), {kNone, kNone});
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      if (std::find(std::begin(kModes), std::end(kModes), modes[i]) == std::end(kModes)) return refuse("nodes_modes holds an unknown mode");
      if (modes[i] == "LEAF") continue;
      for (std::size_t side = 0; side < 2; ++side) {
        const auto child = at(trees_[i], (*sides[side])[i]);
        const std::string who = "node " + std::to_string((*sides[side])[i]) + " of tree " + std::to_string(trees_[i]);
        if (!child) return refuse(who + " is a child but is not there");
        if (has_parent_[*child]) return refuse(who + " is reached twice");
        has_parent_[*child] = true;
        children_[i][side] = *child;
      }
    }
    return ok();
  }

  // Every node has at most one parent; with one root a tree that reaches all of its nodes there is no cycle.
  Status walk() const {
    std::vector<std::size_t> stack;
    std::size_t reached = 0;
    for (std::size_t first = 0; first < entries_.size();) {
      const std::int64_t tree = entries_[first].tree;
      std::size_t roots = 0;
      std::size_t end = first;
      for (; end < entries_.size() && entries_[end].tree == tree; ++end) {
        if (has_parent_[entries_[end].position]) continue;
        ++roots;
        stack.push_back(entries_[end].position);
      }
      if (roots != 1) return refuse("tree " + std::to_string(tree) + " has " + std::to_string(roots) + " roots");
      first = end;
    }
    while (!stack.empty()) {
      const std::size_t at = stack.back();
      stack.pop_back();
      ++reached;
      for (const std::size_t child : children_[at]) {
        if (child != kNone) stack.push_back(child);
      }
    }
    return reached == ids_.size() ? ok() : Status(refuse("a tree has a cycle"));
  }

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  const Node& node_;
  const Ints& trees_;
  const Ints& ids_;
  std::vector<Entry> entries_;
  std::vector<bool> has_parent_;
  std::vector<std::array<std::size_t, 2>> children_;
};

Status check_tree_regressor(const Node& node, std::optional<std::int64_t> columns) {
  NamedTrees trees(node);
  TRY(trees.check(columns));
  const std::int64_t targets = integer_or(node, "n_targets", 1);
  if (targets < 1 || targets > kTargetsMax) return refuse("n_targets must be positive, and at most " + std::to_string(kTargetsMax));
  TRY(trees.leaves("target", targets));
  return same_length("base_values", floats_size(node, "base_values"), static_cast<std::size_t>(targets), true);
}

// Class labels stand in one of two attributes. Their count.
Result<std::int64_t> classes_of(const Node& node, std::string_view int_labels, std::string_view text_labels) {
  const std::size_t a = ints(node, int_labels).size();
  const std::size_t b = strings_size(node, text_labels);
  if ((a > 0) == (b > 0)) return refuse("it must have class labels of one kind");
  return static_cast<std::int64_t>(a + b);
}

Status check_tree_classifier(const Node& node, std::optional<std::int64_t> columns) {
  NamedTrees trees(node);
  TRY(trees.check(columns));
  const std::int64_t classes = TRY(classes_of(node, "classlabels_int64s", "classlabels_strings"));
  TRY(trees.leaves("class", classes));
  const std::size_t base = floats_size(node, "base_values");
  if (base > static_cast<std::size_t>(classes)) return refuse("base_values has more entries than there are classes");
  return ok();
}

// --- TreeEnsemble (ai.onnx.ml 5): nodes and leaves are numbered

class NumberedTrees {
 public:
  explicit NumberedTrees(const Node& node) : node_(node) {}

  Status check(std::optional<std::int64_t> columns) {
    const std::size_t n = ints(node_, "nodes_featureids").size();
    if (n == 0) return refuse("it has no nodes");
    for (const char* name : {"nodes_truenodeids", "nodes_falsenodeids", "nodes_trueleafs", "nodes_falseleafs"})
      TRY(same_length(name, ints(node_, name).size(), n));
    for (const char* name : {"nodes_splits", "nodes_modes"}) TRY(same_length(name, tensor_size(name), n));
    TRY(same_length("nodes_hitrates", tensor_size("nodes_hitrates"), n, true));
    TRY(same_length("nodes_missing_value_tracks_true", ints(node_, "nodes_missing_value_tracks_true").size(), n, true));
    TRY(features_in_range("nodes_featureids", ints(node_, "nodes_featureids"), columns));
    const Ints& targets = ints(node_, "leaf_targetids");
    const std::int64_t target_count = integer_or(node_, "n_targets", 1);
    if (targets.empty() || target_count < 1 || target_count > kTargetsMax) return refuse("it has no leaves, no targets or too many");
    TRY(same_length("leaf_weights", tensor_size("leaf_weights"), targets.size()));
    TRY(in_range("leaf_targetids", targets, target_count));
    TRY(modes());
    return walk(static_cast<std::int64_t>(n), static_cast<std::int64_t>(targets.size()));
  }

 private:
  std::size_t tensor_size(std::string_view name) const {
    const auto* t = find<Tensor>(node_, name);
    return t == nullptr ? 0 : t->count();
  }

  Status modes() const {
    constexpr std::uint8_t kMember = 6;
    const auto& modes = *find<Tensor>(node_, "nodes_modes");
    if (modes.dtype() != DType::uint8) return refuse("nodes_modes must be uint8");
    std::size_t members = 0;
    for (const std::uint8_t mode : modes.as<std::uint8_t>()) {
      if (mode > kMember) return refuse("nodes_modes holds an unknown mode");
      members += mode == kMember ? 1 : 0;
    }
    // Each such node takes the values up to the next NaN.
    std::size_t sets = 0;
    if (const auto* values = find<Tensor>(node_, "membership_values")) {
      for (std::size_t i = 0; i < values->count(); ++i) sets += values->as_double(i) != values->as_double(i) ? 1 : 0;
    }
    return sets == members ? ok()
                           : Status(refuse("membership_values has " + std::to_string(sets) + " sets for " + std::to_string(members) + " nodes"));
  }

  Status walk(std::int64_t nodes, std::int64_t leaves) const {
    const Ints& roots = ints(node_, "tree_roots");
    if (roots.empty()) return refuse("it has no trees");
    TRY(in_range("tree_roots", roots, nodes));
    const std::pair<const Ints&, const Ints&> sides[] = {{ints(node_, "nodes_truenodeids"), ints(node_, "nodes_trueleafs")},
                                                         {ints(node_, "nodes_falsenodeids"), ints(node_, "nodes_falseleafs")}};
    for (const auto& [ids, is_leaf] : sides) {
      for (std::size_t i = 0; i < ids.size(); ++i) {
        if (is_leaf[i] != 0 && is_leaf[i] != 1) return refuse("a leaf flag is neither 0 nor 1");
        if (ids[i] < 0 || ids[i] >= (is_leaf[i] != 0 ? leaves : nodes)) return refuse("node " + std::to_string(i) + " has a child that is not there");
      }
    }
    std::vector<bool> seen(static_cast<std::size_t>(nodes));
    std::vector<std::int64_t> stack;
    const auto visit = [&](std::int64_t id) {
      if (seen[static_cast<std::size_t>(id)]) return false;
      seen[static_cast<std::size_t>(id)] = true;
      stack.push_back(id);
      return true;
    };
    for (const std::int64_t root : roots) {
      if (!visit(root)) return refuse("node " + std::to_string(root) + " is the root of two trees, or of one and inside another");
    }
    while (!stack.empty()) {
      const auto at = static_cast<std::size_t>(stack.back());
      stack.pop_back();
      for (const auto& [ids, is_leaf] : sides) {
        if (is_leaf[at] == 0 && !visit(ids[at]))
          return refuse("node " + std::to_string(ids[at]) + " is reached twice: the trees have a cycle or share nodes");
      }
    }
    return ok();
  }

  const Node& node_;
};

// --- linear models, support vectors, tables

Status whole_rows(std::string_view name, std::size_t size, std::size_t rows, std::optional<std::int64_t> columns) {
  if (rows == 0 || size == 0 || size % rows != 0)
    return refuse(std::string(name) + " has " + std::to_string(size) + " entries, which is not a table of " + std::to_string(rows) + " rows");
  if (columns && size / rows != static_cast<std::size_t>(*columns)) {
    return refuse(std::string(name) + " is for " + std::to_string(size / rows) + " columns, the input has " + std::to_string(*columns));
  }
  return ok();
}

Status check_linear_regressor(const Node& node, std::optional<std::int64_t> columns) {
  const std::int64_t targets = integer_or(node, "targets", 1);
  if (targets < 1 || targets > kTargetsMax) return refuse("targets must be positive, and at most " + std::to_string(kTargetsMax));
  TRY(whole_rows("coefficients", floats_size(node, "coefficients"), static_cast<std::size_t>(targets), columns));
  return same_length("intercepts", floats_size(node, "intercepts"), static_cast<std::size_t>(targets), true);
}

Status check_linear_classifier(const Node& node, std::optional<std::int64_t> columns) {
  const auto classes = static_cast<std::size_t>(TRY(classes_of(node, "classlabels_ints", "classlabels_strings")));
  const std::size_t intercepts = floats_size(node, "intercepts");
  const std::size_t rows = intercepts > 0 ? intercepts : classes;
  if (rows != classes && !(classes == 2 && rows == 1))
    return refuse("intercepts has " + std::to_string(rows) + " entries for " + std::to_string(classes) + " classes");
  return whole_rows("coefficients", floats_size(node, "coefficients"), rows, columns);
}

Status check_kernel(const Node& node) {
  const std::size_t params = floats_size(node, "kernel_params");
  return params == 0 || params == 3 ? ok() : Status(refuse("kernel_params must be gamma, coef0 and degree"));
}

Status check_svm_regressor(const Node& node, std::optional<std::int64_t> columns) {
  const std::int64_t supports = integer_or(node, "n_supports", 0);
  if (supports < 0) return refuse("n_supports is negative");
  TRY(check_kernel(node));
  if (supports == 0) return whole_rows("coefficients", floats_size(node, "coefficients"), 1, columns);
  TRY(whole_rows("support_vectors", floats_size(node, "support_vectors"), static_cast<std::size_t>(supports), columns));
  TRY(same_length("coefficients", floats_size(node, "coefficients"), static_cast<std::size_t>(supports)));
  return same_length("rho", floats_size(node, "rho"), 1);
}

Status check_svm_classifier(const Node& node, std::optional<std::int64_t> columns) {
  const auto classes = static_cast<std::size_t>(TRY(classes_of(node, "classlabels_ints", "classlabels_strings")));
  TRY(check_kernel(node));
  const Ints& per_class = ints(node, "vectors_per_class");
  std::size_t supports = 0;
  for (const std::int64_t n : per_class) {
    if (n < 0 || n > (1LL << 31)) return refuse("vectors_per_class holds " + std::to_string(n));
    supports += static_cast<std::size_t>(n);
  }
  if (supports == 0) return whole_rows("coefficients", floats_size(node, "coefficients"), classes, columns);
  TRY(same_length("vectors_per_class", per_class.size(), classes));
  TRY(whole_rows("support_vectors", floats_size(node, "support_vectors"), supports, columns));
  TRY(same_length("coefficients", floats_size(node, "coefficients"), supports * (classes - 1)));
  const std::size_t pairs = classes * (classes - 1) / 2;
  TRY(same_length("rho", floats_size(node, "rho"), pairs));
  TRY(same_length("prob_a", floats_size(node, "prob_a"), pairs, true));
  return same_length("prob_b", floats_size(node, "prob_b"), floats_size(node, "prob_a"));
}

Status check_label_encoder(const Node& node) {
  const auto sizes = [&node](std::string_view prefix) {
    const std::string p(prefix);
    const auto* tensor = find<Tensor>(node, p + "_tensor");
    return std::array<std::size_t, 4>{strings_size(node, p + "_strings"), ints(node, p + "_int64s").size(), floats_size(node, p + "_floats"),
                                      tensor == nullptr ? 0 : tensor->count()};
  };
  const auto keys = sizes("keys"), values = sizes("values");
  const auto total = [](const std::array<std::size_t, 4>& a) { return a[0] + a[1] + a[2] + a[3]; };
  return same_length("values", total(values), total(keys));
}

Status check_scaler(const Node& node, std::optional<std::int64_t> columns) {
  const std::size_t offset = floats_size(node, "offset"), scale = floats_size(node, "scale");
  for (const std::size_t size : {offset, scale}) {
    if (size > 1 && columns && size != static_cast<std::size_t>(*columns)) return refuse("offset or scale is not one number for each column");
  }
  if (offset > 1 && scale > 1 && offset != scale) return refuse("offset and scale differ in length");
  return ok();
}

Status check_feature_vectorizer(const Node& node) { return same_length("inputdimensions", ints(node, "inputdimensions").size(), node.inputs.size()); }

}  // namespace

Status check_tfidf(const Node& node) {
  constexpr std::int64_t kColumnsMax = 1LL << 24;
  const Ints& counts = ints(node, "ngram_counts");
  const Ints& columns = ints(node, "ngram_indexes");
  const std::size_t pool = strings_size(node, "pool_strings") + ints(node, "pool_int64s").size();
  TRY(in_range("ngram_indexes", columns, kColumnsMax));
  TRY(in_range("ngram_counts", counts, static_cast<std::int64_t>(pool) + 1));
  if (!std::is_sorted(counts.begin(), counts.end())) return refuse("ngram_counts must not fall");
  TRY(same_length("weights", floats_size(node, "weights"), columns.size(), true));
  std::size_t grams = 0;  // counts[i] is where the (i+1)-grams begin in the pool
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::size_t end = i + 1 < counts.size() ? static_cast<std::size_t>(counts[i + 1]) : pool;
    const std::size_t words = end - static_cast<std::size_t>(counts[i]);
    if (words % (i + 1) != 0) return refuse("the pool of " + std::to_string(i + 1) + "-grams is not a whole number of them");
    grams += words / (i + 1);
  }
  return same_length("ngram_indexes", columns.size(), grams);
}

Status check_ml_node(const Node& node, std::optional<std::int64_t> columns) {
  if (node.op == "TreeEnsemble") return NumberedTrees(node).check(columns);
  if (node.op == "TreeEnsembleRegressor") return check_tree_regressor(node, columns);
  if (node.op == "TreeEnsembleClassifier") return check_tree_classifier(node, columns);
  if (node.op == "LinearRegressor") return check_linear_regressor(node, columns);
  if (node.op == "LinearClassifier") return check_linear_classifier(node, columns);
  if (node.op == "SVMRegressor") return check_svm_regressor(node, columns);
  if (node.op == "SVMClassifier") return check_svm_classifier(node, columns);
  if (node.op == "LabelEncoder") return check_label_encoder(node);
  if (node.op == "Scaler") return check_scaler(node, columns);
  if (node.op == "FeatureVectorizer") return check_feature_vectorizer(node);
  return ok();
}

}  // namespace slipway::graph
