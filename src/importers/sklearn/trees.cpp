// Decision trees and forests of them. X is rounded to float32 as the library does; leaves are looked up in double.
#include "slipway/importers/sklearn/trees.hpp"

#include <algorithm>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::int64_t kWidthMax = 100'000;  // outputs x classes of a leaf

Result<std::vector<std::int64_t>> column(const View& nodes, std::string_view name) {
  const Tensor t = TRY(nodes.field(name));
  std::vector<std::int64_t> out(t.count());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = t.as_int(i);
  return out;
}

Status read_nodes(const View& nodes, TreeNodes& tree) {
  if (!nodes.is(Kind::array) || !nodes.has_field("left_child"))
    return refuse(nodes, "here is " + nodes.describe() + ", a table of tree nodes was expected");
  tree.left = TRY(column(nodes, "left_child"));
  tree.right = TRY(column(nodes, "right_child"));
  tree.feature = TRY(column(nodes, "feature"));
  const Tensor threshold = TRY(nodes.field("threshold"));
  tree.threshold.resize(threshold.count());
  for (std::size_t i = 0; i < tree.threshold.size(); ++i) tree.threshold[i] = threshold.as_double(i);
  if (nodes.has_field("missing_go_to_left")) {
    const Tensor missing = TRY(nodes.field("missing_go_to_left"));
    tree.missing_left.resize(missing.count());
    for (std::size_t i = 0; i < tree.missing_left.size(); ++i) tree.missing_left[i] = missing.as_int(i) != 0 ? 1 : 0;
  }
  return ok();
}

// Counts of classes (before 1.4) become fractions, as predict_proba has them; fractions stay as they are.
void normalise(TreeNodes& tree, std::int64_t classes) {
  const auto width = static_cast<std::size_t>(classes);
  for (std::size_t row = 0; row < tree.values.size(); row += width) {
    double sum = 0;
    for (std::size_t c = 0; c < width; ++c) sum += tree.values[row + c];
    if (sum == 0) continue;
    for (std::size_t c = 0; c < width; ++c) tree.values[row + c] /= sum;
  }
}

// Whether the library takes missing values here: by version and splitter, and never with monotonic constraints.
bool takes_missing(Version version, const View& model, bool forest) {
  if (present(model, "monotonic_cst")) return false;
  const std::string_view name = model.name();
  const bool random = name.substr(0, 9) == "ExtraTree" || text_or(model, "splitter", "best") == "random";
  if (random && !version.at_least(1, 6)) return false;
  if (forest && !version.at_least(1, 4)) return false;
  if (!version.at_least(1, 3)) return false;
  const std::string criterion = text_or(model, "criterion", "gini");
  return criterion != "absolute_error" && criterion != "mae";
}

// What Tree was made with: Tree(n_features, n_classes of each output, n_outputs).
struct Frame {
  std::int64_t features = 0, outputs = 0, classes_max = 0;
};
Result<Frame> read_frame(const View& tree) {
  const auto features = tree.argument(0), classes = tree.argument(1), outputs = tree.argument(2);
  if (!features || !classes || !outputs) return refuse(tree, "damaged tree: it isn't made of n_features, n_classes and n_outputs");
  Frame frame{TRY(features->integer()), TRY(outputs->integer()), 0};
  if (!classes->is(Kind::array)) return refuse(*classes, "damaged tree: n_classes is " + classes->describe());
  const auto counts = TRY(classes->integers());
  if (frame.outputs < 1 || static_cast<std::int64_t>(counts.size()) != frame.outputs)
    return refuse(*classes, "damaged tree: n_classes doesn't fit n_outputs");
  frame.classes_max = *std::max_element(counts.begin(), counts.end());
  if (frame.classes_max < 1 || *std::min_element(counts.begin(), counts.end()) < 1)
    return refuse(*classes, "damaged tree: an output without classes");
  return frame;
}

void hint_ranges(Lowering& to, const Table& in, const std::vector<TreeNodes>& trees) {
  std::vector<std::vector<double>> thresholds(in.width());
  constexpr std::size_t kSamples = 101;
  for (const TreeNodes& tree : trees) {
    for (std::size_t node = 0; node < tree.size(); ++node) {
      if (tree.leaf(node) || tree.feature[node] < 0 || tree.feature[node] >= static_cast<std::int64_t>(in.width())) continue;
      auto& of_feature = thresholds[static_cast<std::size_t>(tree.feature[node])];
      if (of_feature.size() < kSamples) of_feature.push_back(tree.threshold[node]);
    }
  }
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    auto& t = thresholds[i];
    if (t.empty()) continue;
    std::sort(t.begin(), t.end());
    for (std::size_t k = 0; k < t.size(); k += 1 + t.size() / 16) to.inputs.hint_threshold(in.columns[i], t[k]);
    to.inputs.hint_range(in.columns[i], t.front(), t.back());
    to.inputs.hint_typical(in.columns[i], t[t.size() / 2]);
  }
}

// classes_ of each output: one list, or a list of lists where there are several.
Result<std::vector<Labels>> labels_of_outputs(const View& model) {
  const View classes = TRY(model.attribute("classes_"));
  const auto outputs = static_cast<std::int64_t>(TRY(number_or(model, "n_outputs_", 1)));
  std::vector<Labels> out;
  if (outputs == 1) {
    out.push_back(TRY(read_labels(classes)));
    return out;
  }
  if (!classes.is(Kind::list) || static_cast<std::int64_t>(classes.size()) != outputs || outputs > kWidthMax)
    return refuse(model, "n_outputs_ and classes_ don't fit");
  for (std::size_t i = 0; i < classes.size(); ++i) out.push_back(TRY(read_labels(classes.at(i))));
  return out;
}

Result<std::vector<TreeNodes>> classifier_trees(Lowering& to, const View& model, const std::vector<View>& trees, std::int64_t features,
                                                std::int64_t outputs, std::int64_t classes) {
  std::vector<TreeNodes> out;
  const bool counts = !to.version(model).at_least(1, 4);
  std::size_t nodes = 0;
  for (const View& tree : trees) {
    TreeNodes read = TRY(read_tree(tree, features));
    if (read.width != outputs * classes)
      return refuse(tree, "its leaves have " + std::to_string(read.width) + " values for " + std::to_string(outputs) + " outputs of up to " +
                              std::to_string(classes) + " classes");
    if (counts) normalise(read, classes);
    if ((nodes += read.size()) > kTreeNodesMax) return refuse(model, "the forest is larger than " + std::to_string(kTreeNodesMax) + " nodes");
    out.push_back(std::move(read));
  }
  return out;
}

// The mean over the trees: [N, outputs x the most classes that an output has].
Val mean_of_leaves(Builder& graph, const Val& x, const std::vector<TreeNodes>& trees) {
  const Val sum = sum_of_leaves(graph, x, trees, Compared::floats);
  if (trees.size() == 1) return sum;
  return Builder::typed(graph.div(sum, graph.scalar(static_cast<double>(trees.size()))), DType::float64, sum.columns);
}

Result<Prediction> classify(Lowering& to, const View& model, const Table& in, const std::vector<View>& trees, bool forest) {
  std::vector<Labels> labels = TRY(labels_of_outputs(model));
  std::int64_t classes = 0;
  for (const Labels& of_output : labels) classes = std::max(classes, static_cast<std::int64_t>(of_output.count()));
  const std::int64_t features = TRY(check_tree_input(to, model, in, forest));
  auto read = TRY(classifier_trees(to, model, trees, features, static_cast<std::int64_t>(labels.size()), classes));
  hint_ranges(to, in, read);
  const Val x = TRY(tree_input(to, in, read));
  const Val probabilities = mean_of_leaves(to.graph, x, read);
  if (labels.size() == 1) return Prediction::from_probabilities(to.graph, std::move(labels.front()), probabilities);
  Prediction out;
  out.kind = Prediction::Kind::classifier;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::vector<std::int64_t> which;
    for (std::size_t c = 0; c < labels[i].count(); ++c) which.push_back(static_cast<std::int64_t>(i) * classes + static_cast<std::int64_t>(c));
    out.outputs.push_back(Prediction::from_probabilities(to.graph, std::move(labels[i]), to.graph.columns(probabilities, which)));
  }
  return out;
}

Result<Prediction> regress(Lowering& to, const View& model, const Table& in, const std::vector<View>& trees, bool forest) {
  const std::int64_t features = TRY(check_tree_input(to, model, in, forest));
  std::vector<TreeNodes> read;
  std::size_t nodes = 0;
  for (const View& tree : trees) {
    read.push_back(TRY(read_tree(tree, features)));
    if (read.back().width != read.front().width) return refuse(tree, "its leaves have another width than the first tree's");
    if ((nodes += read.back().size()) > kTreeNodesMax) return refuse(model, "the forest is larger than " + std::to_string(kTreeNodesMax) + " nodes");
  }
  hint_ranges(to, in, read);
  const Val x = TRY(tree_input(to, in, read));
  const std::int64_t width = read.front().width;
  const Val count = to.graph.scalar(static_cast<double>(read.size()));
  if (width == 1) {
    const Val sum = flat(to.graph, sum_of_trees(to.graph, x, read, 1, Compared::floats));
    return Prediction::regressor(read.size() == 1 ? sum : Builder::typed(to.graph.div(sum, count), DType::float64, -1));
  }
  const Val sum = sum_of_leaves(to.graph, x, read, Compared::floats);
  return Prediction::regressor(read.size() == 1 ? sum : Builder::typed(to.graph.div(sum, count), DType::float64, width));
}

Result<std::vector<View>> own_tree(const View& model) { return std::vector<View>{TRY(model.attribute("tree_"))}; }

Result<std::vector<View>> forest_trees(const View& model, std::string_view kind) {
  const View estimators = TRY(model.attribute("estimators_"));
  if (!estimators.is(Kind::list) || estimators.size() == 0)
    return refuse(estimators, "here is " + estimators.describe() + ", a list of trees was expected");
  std::vector<View> trees;
  for (std::size_t i = 0; i < estimators.size(); ++i) {
    const View member = estimators.at(i);
    if (!member.is(Kind::object) || !covered(member) || !member.name().ends_with(kind))
      return refuse(member, "here is " + member.describe() + ", a tree was expected");
    trees.push_back(TRY(member.attribute("tree_")));
  }
  return trees;
}

Result<Prediction> tree_classifier(Lowering& to, const View& model, const Table& in) { return classify(to, model, in, TRY(own_tree(model)), false); }
Result<Prediction> tree_regressor(Lowering& to, const View& model, const Table& in) { return regress(to, model, in, TRY(own_tree(model)), false); }
Result<Prediction> forest_classifier(Lowering& to, const View& model, const Table& in) {
  return classify(to, model, in, TRY(forest_trees(model, "TreeClassifier")), true);
}
Result<Prediction> forest_regressor(Lowering& to, const View& model, const Table& in) {
  return regress(to, model, in, TRY(forest_trees(model, "TreeRegressor")), true);
}

constexpr Converter kConverters[] = {
    {"DecisionTreeClassifier", nullptr, tree_classifier},
    {"DecisionTreeRegressor", nullptr, tree_regressor},
    {"ExtraTreeClassifier", nullptr, tree_classifier},
    {"ExtraTreeRegressor", nullptr, tree_regressor},
    {"RandomForestClassifier", nullptr, forest_classifier},
    {"RandomForestRegressor", nullptr, forest_regressor},
    {"ExtraTreesClassifier", nullptr, forest_classifier},
    {"ExtraTreesRegressor", nullptr, forest_regressor},
    {"BalancedRandomForestClassifier", nullptr, forest_classifier, "imblearn"},
};

}  // namespace

Result<TreeNodes> read_tree(const View& tree, std::int64_t n_features) {
  if (!tree.is(Kind::object) || tree.name() != "Tree") return refuse(tree, "here is " + tree.describe() + ", a tree was expected");
  TreeNodes out;
  const Frame frame = TRY(read_frame(tree));
  if (frame.features != n_features)
    return refuse(tree, "it is of " + std::to_string(frame.features) + " features, " + std::to_string(n_features) + " were expected");
  TRY(read_nodes(TRY(tree.attribute("nodes")), out));
  const View values = TRY(tree.attribute("values"));
  out.values = TRY(values.doubles());
  const std::size_t n = out.size();
  if (TRY(number_or(tree, "node_count", static_cast<double>(n))) != static_cast<double>(n))
    return refuse(tree, "damaged tree: node_count isn't the number of its nodes");
  if (!values.is(Kind::array) || values.shape() != Shape{static_cast<std::int64_t>(n), frame.outputs, frame.classes_max}) {
    return refuse(values, "damaged tree: the values' shape isn't nodes, outputs and classes");
  }
  const bool same =
      out.right.size() == n && out.feature.size() == n && out.threshold.size() == n && (out.missing_left.empty() || out.missing_left.size() == n);
  if (n == 0 || !same) return refuse(tree, "damaged tree: its lists of nodes differ in length");
  if (out.values.empty() || out.values.size() % n != 0 || static_cast<std::int64_t>(out.values.size() / n) > kWidthMax) {
    return refuse(values, "damaged tree: " + std::to_string(out.values.size()) + " values for " + std::to_string(n) + " nodes");
  }
  out.width = static_cast<std::int64_t>(out.values.size() / n);
  TRY(check_tree(out, n_features).within(tree.path().empty() ? "the tree" : tree.path()));
  return out;
}

Result<std::int64_t> check_tree_input(Lowering& to, const View& model, const Table& in, bool forest) {
  const Width width = TRY(width_of(model));
  if (width.count >= 0) TRY(expect_width(model, in, width.count));
  if (in.free) return refuse(model, "the file doesn't tell how many features it takes");
  if (!takes_missing(to.version(model), model, forest)) to.inputs.refuse_missing(in);
  return static_cast<std::int64_t>(in.width());
}

// Of a sparse table only the columns that some tree asks for are spread out, and the trees are renumbered to them.
Result<Val> tree_input(Lowering& to, const Table& in, std::vector<TreeNodes>& trees) {
  if (!to.inputs.holds_sparse(in)) return round_to_float(to.graph, TRY(to.inputs.numbers(in)));
  std::vector<std::int64_t> place(in.width(), -1), used;
  for (TreeNodes& tree : trees) {
    for (std::size_t node = 0; node < tree.size(); ++node) {
      if (tree.leaf(node) || tree.feature[node] < 0 || tree.feature[node] >= static_cast<std::int64_t>(in.width())) continue;  // never reached
      std::int64_t& at = place[static_cast<std::size_t>(tree.feature[node])];
      if (at < 0) {
        at = static_cast<std::int64_t>(used.size());
        used.push_back(tree.feature[node]);
      }
      tree.feature[node] = at;
    }
  }
  if (used.empty()) used.push_back(0);
  return round_to_float(to.graph, TRY(to.inputs.numbers(select(in, used))));
}

Family trees_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
