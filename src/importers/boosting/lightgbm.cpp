// LightGBM: trees in double with its rules for missing values and categories, then the objective's transform. pandas' categories make
// text or number columns out of their codes.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/boosting/common.hpp"
#include "slipway/importers/boosting/direct.hpp"
#include "slipway/importers/boosting/importances.hpp"
#include "slipway/importers/boosting/lightgbm_model.hpp"

namespace slipway::importers::boosting {
namespace {

struct Wrapper {
  bool classifier = false, bare = false;
  bool decides = false;  // it has a decision_function
  std::optional<Labels> labels;
  std::int64_t iterations = -1;  // -1: all
};

Error no(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

// Nodes of an Ensemble: branches, then leaves.
EnsembleNode node_of(const LgbTree& tree, std::size_t i) {
  const std::size_t branches = tree.feature.size();
  EnsembleNode n;
  n.leaf = i >= branches;
  if (n.leaf) return n;
  const auto child = [&](std::int64_t c) {
    return c >= 0 ? (c < static_cast<std::int64_t>(branches) ? c : -1) : ~c + static_cast<std::int64_t>(branches);
  };
  n.feature = tree.feature[i];
  n.left = child(tree.left[i]);
  n.right = child(tree.right[i]);
  n.threshold = tree.threshold[i];
  const std::int64_t decision = tree.decision[i], missing = decision >> 2 & 3;
  if ((decision & 1) != 0) {
    n.flags = kCategorical;  // NaN goes right whatever the kind of missing values
    const double set = tree.threshold[i];
    if (set >= 0 && set < static_cast<double>(tree.sets.size())) n.words = tree.sets[static_cast<std::size_t>(set)];
    return n;
  }
  n.flags = ((decision & 2) != 0 ? kDefaultLeft : 0) | (missing == 1 ? kZeroMissing : missing == 2 ? kNanMissing : 0);
  return n;
}

Status check_sets(const LgbTree& tree) {
  for (std::size_t i = 0; i < tree.feature.size(); ++i) {
    if ((tree.decision[i] & 1) != 0 && !(tree.threshold[i] >= 0 && tree.threshold[i] < static_cast<double>(tree.sets.size())))
      return no("damaged tree: node " + std::to_string(i) + " has categories outside the file");
  }
  return ok();
}

Result<Val> raw_scores(Lowering& to, const LgbModel& model, const Table& in, const Val& x, std::int64_t iterations) {
  const std::int64_t k = model.trees_per_iteration;
  if (k < 1 || k > 100'000) return no("it has " + std::to_string(k) + " trees an iteration");
  std::size_t used = model.trees.size();
  if (iterations > 0 && iterations < static_cast<std::int64_t>(used)) used = std::min(used, static_cast<std::size_t>(iterations * k));
  bool linear = false;
  for (std::size_t i = 0; i < used; ++i) linear = linear || !model.trees[i].linear.empty();
  Ensemble ensemble(model.features, k);
  if (linear) ensemble.keep_leaves_apart();
  for (std::size_t i = 0; i < used; ++i) {
    const LgbTree& tree = model.trees[i];
    TRY(check_sets(tree).within("tree " + std::to_string(i)));
    const std::size_t branches = tree.feature.size();
    const auto leaf = [&](std::size_t node) {
      const double* const value = &tree.leaf_value[node - branches];
      if (linear) ensemble.linear(tree.linear.empty() ? LinearLeaf{*value, {}, {}} : tree.linear[node - branches]);
      return std::span<const double>(value, 1);
    };
    const auto node = [&](std::size_t n) { return node_of(tree, n); };
    TRY(ensemble.add(branches + tree.leaf_value.size(), static_cast<std::int64_t>(i) % k, 1, node, leaf).within("tree " + std::to_string(i)));
  }
  if (linear) TRY(ensemble.check_linear());
  ensemble.hint(to.inputs, in);
  to.inputs.take_infinite(in);
  const std::vector<double> start(static_cast<std::size_t>(k), 0.0);
  if (ensemble.trees() == 0) return to.graph.repeat_row(x, to.graph.row(start));
  const Val sum = ensemble.emit(to.graph, x, start, {});
  if (!model.average) return sum;
  const auto rounds = static_cast<double>(used / static_cast<std::size_t>(k));
  return Builder::typed(to.graph.div(sum, to.graph.scalar(rounds)), DType::float64, k);
}

Val scaled_expit(Lowering& to, const LgbModel& model, const Val& x) {
  return expit(to.graph, model.sigmoid == 1 ? x : Builder::typed(to.graph.mul(x, to.graph.scalar(model.sigmoid)), DType::float64, x.columns));
}

// The objective's ConvertOutput.
Result<Val> converted(Lowering& to, const LgbModel& model, const Val& raw) {
  Builder& graph = to.graph;
  const std::string& o = model.objective;
  const std::int64_t k = raw.columns;
  if (o == "binary" || o == "multiclassova") return scaled_expit(to, model, raw);
  if (o == "cross_entropy" || o == "xentropy") return expit(graph, raw);
  if (o == "multiclass") return softmax(graph, raw);
  if (o == "poisson" || o == "gamma" || o == "tweedie") return graph.op("Exp", {raw});
  if (o == "cross_entropy_lambda" || o == "xentlambda") return graph.own("Log1p", {graph.op("Exp", {raw})}, DType::float64, k);
  if (model.sqrt) return Builder::typed(graph.mul(graph.op("Sign", {raw}), graph.mul(raw, raw)), DType::float64, k);
  static constexpr std::string_view kPlain[] = {"",     "none",     "custom", "regression", "regression_l1", "huber",
                                                "fair", "quantile", "mape",   "lambdarank", "rank_xendcg"};
  if (std::find(std::begin(kPlain), std::end(kPlain), o) == std::end(kPlain)) return no("the objective '" + o.substr(0, 60) + "' is not known here");
  return raw;
}

// --- columns of pandas categories ----------------------------------------------------------------------------------------------

// A categorical column's codes as the file lists them: "2:0:4:-1"; "none" where it has one value.
std::optional<std::int64_t> largest_code(const std::string& info) {
  std::int64_t largest = -1;
  if (info.empty() || info[0] == '[' || info == "none") return std::nullopt;
  for (std::size_t at = 0; at < info.size();) {
    const std::size_t end = std::min(info.find(':', at), info.size());
    std::int64_t code = 0;
    const auto read = std::from_chars(info.data() + at, info.data() + end, code);
    if (read.ec != std::errc()) return std::nullopt;
    largest = std::max(largest, code);
    at = end + 1;
  }
  return largest;
}

// Which column each list of pandas categories belongs to: the categorical ones in order, if they are as many.
Result<std::vector<std::size_t>> category_columns(const LgbModel& model, const json::Array& lists) {
  std::vector<std::size_t> out;
  std::vector<std::size_t> said, seen;
  for (std::size_t c = 0; c < model.infos.size(); ++c) {
    const bool named = std::find(model.categorical.begin(), model.categorical.end(), static_cast<std::int64_t>(c)) != model.categorical.end();
    if (named) said.push_back(c);
    if (largest_code(model.infos[c])) seen.push_back(c);
  }
  if (said.size() == lists.size()) return said;
  if (seen.size() == lists.size()) return seen;
  std::vector<std::size_t>& from = said.size() > seen.size() ? said : seen;
  for (const std::size_t c : from) {  // categorical columns that were numbers stand between: their codes don't fit
    if (out.size() == lists.size()) break;
    const auto n = lists[out.size()].is_array() ? static_cast<std::int64_t>(lists[out.size()].as_array().size()) : 0;
    if (largest_code(model.infos[c]).value_or(0) < n) out.push_back(c);
  }
  if (out.size() != lists.size()) return no("the file doesn't tell which columns its pandas categories belong to");
  return out;
}

Result<Val> coded_column(Lowering& to, const Column& column, const json::Value& list) {
  if (!list.is_array() || list.as_array().empty()) return no("a column's pandas categories are no list");
  const json::Array& items = list.as_array();
  std::vector<std::string> texts;
  std::vector<double> numbers;
  bool booleans = true;
  for (const json::Value& item : items) {
    if (item.is_string()) texts.push_back(item.as_string());
    if (item.is_number()) numbers.push_back(item.as_double());
    if (item.is_bool()) numbers.push_back(item.as_bool() ? 1 : 0);
    booleans = booleans && item.is_bool();
  }
  if (texts.size() == items.size()) return text_codes(to, column, texts, false);
  if (numbers.size() != items.size()) return no("a column's pandas categories mix texts and numbers, which is not supported yet");
  if (booleans) to.inputs.hint_boolean(column);
  return number_codes(to, column, numbers, false);
}

Result<Val> features_of(Lowering& to, const LgbModel& model, const Table& in) {
  if (in.free) return no("the file doesn't tell how many columns this step is given");
  if (static_cast<std::int64_t>(in.width()) != model.features)
    return no("it was fitted on " + std::to_string(model.features) + " columns but is given " + std::to_string(in.width()));
  if (!model.pandas_categories.is_array() || model.pandas_categories.as_array().empty()) return to.inputs.numbers(in);
  const json::Array& lists = model.pandas_categories.as_array();
  const auto columns = TRY(category_columns(model, lists));
  std::vector<Val> parts;
  std::size_t done = 0;
  const auto plain = [&](std::size_t end) -> Status {
    Table run;
    for (; done < end; ++done) run.columns.push_back(in.columns[done]);
    if (!run.columns.empty()) parts.push_back(TRY(to.inputs.numbers(run)));
    return ok();
  };
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] < done || columns[i] >= in.width()) return no("its pandas categories don't fit its columns");
    TRY(plain(columns[i]));
    parts.push_back(TRY(coded_column(to, in.columns[columns[i]], lists[i])));
    ++done;
  }
  TRY(plain(in.width()));
  return Builder::typed(to.graph.concat_columns(parts), DType::float64, model.features);
}

// --- answers -------------------------------------------------------------------------------------------------------------------

Result<Prediction> classify(Lowering& to, const Wrapper& wrapper, const Val& raw, const Val& value) {
  const std::int64_t classes = value.columns == 1 ? 2 : value.columns;
  Labels labels = wrapper.labels ? *wrapper.labels : numbered_labels(classes);
  if (static_cast<std::int64_t>(labels.count()) != classes)
    return no("it has " + std::to_string(labels.count()) + " labels for " + std::to_string(classes) + " classes");
  Prediction out = Prediction::from_probabilities(to.graph, std::move(labels), value.columns == 1 ? two_columns(to.graph, value) : value);
  if (wrapper.decides) out.scores = raw.columns == 1 ? flat(to.graph, raw) : raw;
  return out;
}

Result<Prediction> lower(Lowering& to, const LgbModel& model, const Table& in, const Wrapper& wrapper) {
  if (to.report.producer == "lightgbm" && !model.version.empty()) to.report.producer += " (model format " + model.version.substr(0, 10) + ")";
  const Val x = TRY(features_of(to, model, in));
  const Val raw = TRY(raw_scores(to, model, in, x, wrapper.iterations));
  const Val value = TRY(converted(to, model, raw));
  const bool classes = model.objective == "binary" || model.objective == "multiclass" || model.objective == "multiclassova";
  if (wrapper.classifier && (model.objective.empty() || model.objective == "custom" || model.objective == "none"))
    return no("a classifier with an objective of its own answers raw scores and no labels; serve its booster_ instead");
  if (wrapper.classifier || (wrapper.bare && classes)) return classify(to, wrapper, raw, value);
  return Prediction::regressor(value.columns == 1 ? flat(to.graph, value) : value);
}

// The second opinion on all this. nullopt: not evaluated directly.
Result<std::optional<sklearn::Answerer>> evaluated(LgbModel model, const Wrapper& wrapper) {
  const bool classes = model.objective == "binary" || model.objective == "multiclass" || model.objective == "multiclassova";
  LgbUse use;
  use.iterations = wrapper.iterations;
  use.decides = wrapper.decides;
  if (wrapper.classifier || (wrapper.bare && classes))
    use.labels = wrapper.labels ? *wrapper.labels : numbered_labels(model.trees_per_iteration == 1 ? 2 : model.trees_per_iteration);
  if (model.pandas_categories.is_array() && !model.pandas_categories.as_array().empty())
    use.category_columns = TRY(category_columns(model, model.pandas_categories.as_array()));
  return evaluate_lightgbm(std::move(model), std::move(use));
}

// --- pickled wrappers ----------------------------------------------------------------------------------------------------------

struct Pickled {
  LgbModel model;
  std::int64_t best = -1;
};

Result<Pickled> booster_of(const View& model) {
  const View booster = model.name() == "Booster" ? model : TRY(model.attribute("_Booster"));
  auto handle = booster.find("_handle");
  if (!handle || handle->is_none()) handle = booster.find("handle");
  if (!handle || handle->is_none()) return refuse(booster, "there is no booster in it (is it fitted?)");
  Pickled out;
  out.model = TRY(read_lightgbm(TRY(handle->text())).within(handle->path()));
  const double best = TRY(sklearn::number_or(booster, "best_iteration", -1));
  if (best >= 1 && best < 1e9) out.best = static_cast<std::int64_t>(best);
  return out;
}

// Of each feature how many splits it has, or what they gain; splits that gain nothing don't count.
Result<std::vector<double>> importances(const View& view) {
  const Pickled pickled = TRY(booster_of(view));
  const LgbModel& model = pickled.model;
  const std::string type = sklearn::text_or(view, "importance_type", "split");
  if (type != "split" && type != "gain") return refuse(view, "importances of the type '" + type.substr(0, 40) + "' are not read here");
  if (model.features < 0 || model.features > 10'000'000 || model.trees_per_iteration > 100'000) return no("it has too many features");
  std::size_t used = model.trees.size();
  if (pickled.best > 0) used = std::min(used, static_cast<std::size_t>(pickled.best * std::max<std::int64_t>(model.trees_per_iteration, 1)));
  std::vector<double> out(static_cast<std::size_t>(model.features), 0.0);
  for (std::size_t t = 0; t < used; ++t) {
    const LgbTree& tree = model.trees[t];
    if (tree.gain.size() != tree.feature.size()) return no("the file doesn't tell the gain of its splits");
    for (std::size_t i = 0; i < tree.feature.size(); ++i) {
      if (tree.feature[i] < 0 || tree.feature[i] >= model.features) return no("a tree tests a feature that isn't there");
      if (tree.gain[i] > 0) out[static_cast<std::size_t>(tree.feature[i])] += type == "split" ? 1 : tree.gain[i];
    }
  }
  return out;
}

// Columns of arrays are called Column_0, Column_1, …: then there are no names.
Width width_of(const LgbModel& model) {
  Width width;
  width.count = model.features;
  bool named = static_cast<std::int64_t>(model.names.size()) == model.features;
  bool numbered = named;
  for (std::size_t i = 0; numbered && i < model.names.size(); ++i) numbered = model.names[i] == "Column_" + std::to_string(i);
  if (named && !numbered) width.names = model.names;
  return width;
}
Result<Width> width(const View& model) { return width_of(TRY(booster_of(model)).model); }

Result<Wrapper> wrapper_of(const View& view, const Pickled& pickled, Wrapper wrapper) {
  wrapper.iterations = pickled.best;
  if (!wrapper.classifier) return wrapper;
  wrapper.decides = view.has("_fitted_with_feature_names");  // came with 4.7, as decision_function did
  const auto encoder = view.find("_le");
  if (encoder && encoder->is(Kind::object))
    wrapper.labels = TRY(read_labels(TRY(encoder->attribute("classes_"))));
  else if (sklearn::present(view, "_classes"))
    wrapper.labels = TRY(read_labels(*view.find("_classes")));
  return wrapper;
}

Result<Prediction> predict(Lowering& to, const View& view, const Table& in, const Wrapper& kind) {
  const Pickled pickled = TRY(booster_of(view));
  return lower(to, pickled.model, in, TRY(wrapper_of(view, pickled, kind))).within(view.path().empty() ? "the model" : view.path());
}
Result<Prediction> classifier(Lowering& to, const View& view, const Table& in) { return predict(to, view, in, {.classifier = true}); }
Result<Prediction> regressor(Lowering& to, const View& view, const Table& in) { return predict(to, view, in, {}); }
Result<Prediction> booster(Lowering& to, const View& view, const Table& in) { return predict(to, view, in, {.bare = true}); }

Result<std::optional<sklearn::Answerer>> evaluated_as(const View& view, const Wrapper& kind) {
  const Pickled pickled = TRY(booster_of(view));
  return evaluated(pickled.model, TRY(wrapper_of(view, pickled, kind)));
}
Result<std::optional<sklearn::Answerer>> direct_classifier(sklearn::Direct&, const View& view) { return evaluated_as(view, {.classifier = true}); }
Result<std::optional<sklearn::Answerer>> direct_regressor(sklearn::Direct&, const View& view) { return evaluated_as(view, {}); }
Result<std::optional<sklearn::Answerer>> direct_booster(sklearn::Direct&, const View& view) { return evaluated_as(view, {.bare = true}); }

constexpr sklearn::DirectConverter kDirect[] = {
    {"LGBMClassifier", nullptr, direct_classifier, "lightgbm"},
    {"LGBMRegressor", nullptr, direct_regressor, "lightgbm"},
    {"LGBMRanker", nullptr, direct_regressor, "lightgbm"},
    {"Booster", nullptr, direct_booster, "lightgbm"},
};

constexpr Converter kConverters[] = {
    {"LGBMClassifier", nullptr, classifier, "lightgbm", width},
    {"LGBMRegressor", nullptr, regressor, "lightgbm", width},
    {"LGBMRanker", nullptr, regressor, "lightgbm", width},
    {"Booster", nullptr, booster, "lightgbm", width},
};

}  // namespace

Result<Artifact> import_lightgbm(Bytes bytes, Report& report) {
  report.producer = "lightgbm";
  const LgbModel model = TRY(read_lightgbm(text_of(bytes)));
  report.title = "LightGBM booster";
  report.contents.push_back("model: " + std::to_string(model.trees.size()) + " trees, objective " + model.objective.substr(0, 60));
  Wrapper wrapper;
  wrapper.bare = true;
  return import_file(
      "LightGBM", width_of(model), report, [&](Lowering& to, const Table& in) { return lower(to, model, in, wrapper); },
      [&] { return evaluated(model, wrapper); });
}

Result<std::vector<double>> lightgbm_importances(const View& model) { return importances(model); }

}  // namespace slipway::importers::boosting

namespace slipway::importers::sklearn {
Family lightgbm_family() { return boosting::kConverters; }
std::span<const DirectConverter> direct_lightgbm() { return boosting::kDirect; }
}  // namespace slipway::importers::sklearn
