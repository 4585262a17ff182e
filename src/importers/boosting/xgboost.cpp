// XGBoost: boosters as the library itself evaluates them: features rounded to float32, leaves summed in float32 in its order, and its
// transforms in float32. The scikit-learn wrappers add labels, the missing value and the best iteration.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "slipway/formats/document.hpp"
#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/blocks/ensemble.hpp"
#include "slipway/importers/boosting/common.hpp"
#include "slipway/importers/boosting/direct.hpp"
#include "slipway/importers/boosting/importances.hpp"
#include "slipway/importers/boosting/xgboost_model.hpp"

namespace slipway::importers::boosting {
namespace {

constexpr int kNewestTested[] = {3, 4};

// What the wrapper knows and the booster doesn't.
struct Wrapper {
  enum class Kind : std::uint8_t { booster, regressor, classifier } kind = Kind::booster;
  double missing = std::nan("");
  std::optional<Labels> labels;
  std::int64_t classes = 0;      // n_classes_; 0: it doesn't say
  std::int64_t iterations = -1;  // -1: all
};

enum class Link : std::uint8_t { none, sigmoid, exponent, step, softmax, pick };

struct Objective {
  std::string_view name;
  Link link;
  Link base;  // how base_score becomes a margin: sigmoid (its inverse), exponent (log), none
};
constexpr Objective kObjectives[] = {
    {"binary:logistic", Link::sigmoid, Link::sigmoid},
    {"reg:logistic", Link::sigmoid, Link::sigmoid},
    {"binary:logitraw", Link::none, Link::sigmoid},
    {"binary:hinge", Link::step, Link::none},
    {"count:poisson", Link::exponent, Link::exponent},
    {"reg:gamma", Link::exponent, Link::exponent},
    {"reg:tweedie", Link::exponent, Link::exponent},
    {"survival:cox", Link::exponent, Link::exponent},
    {"survival:aft", Link::exponent, Link::exponent},
    {"multi:softprob", Link::softmax, Link::none},
    {"multi:softmax", Link::pick, Link::none},
    {"reg:linear", Link::none, Link::none},
    {"reg:squarederror", Link::none, Link::none},
    {"reg:squaredlogerror", Link::none, Link::none},
    {"reg:pseudohubererror", Link::none, Link::none},
    {"reg:absoluteerror", Link::none, Link::none},
    {"reg:quantileerror", Link::none, Link::none},
    {"reg:expectileerror", Link::none, Link::none},
    {"rank:pairwise", Link::none, Link::none},
    {"rank:ndcg", Link::none, Link::none},
    {"rank:map", Link::none, Link::none},
};

Error no(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

Result<Objective> objective_of(const XgbModel& model) {
  std::string_view name = model.objective;
  constexpr std::string_view kGpu = "gpu:";  // old names of the same objectives
  if (name.substr(0, kGpu.size()) == kGpu) name.remove_prefix(kGpu.size());
  for (const Objective& o : kObjectives) {
    if (o.name == name) return o;
  }
  return no("the objective '" + model.objective.substr(0, 60) + "' is not known here; export the model to ONNX or use a built-in objective");
}

// base_score as margins, one a group. Before 1.0 the file held the margin itself.
Result<std::vector<float>> start_of(const XgbModel& model, Link base) {
  const auto groups = static_cast<std::size_t>(model.groups());
  if (model.base_score.size() != 1 && model.base_score.size() != groups)
    return no("base_score has " + std::to_string(model.base_score.size()) + " values for " + std::to_string(groups) + " outputs");
  std::vector<float> start;
  for (std::size_t i = 0; i < groups; ++i) {
    const float b = model.base_score.size() == 1 ? model.base_score[0] : model.base_score[i];
    float margin = b;
    const bool raw = model.objective == "binary:logitraw" && model.at_least(1, 3);
    if (model.major > 0 && base == Link::sigmoid && !raw) margin = -std::log(1.0F / b - 1.0F);
    if (model.major > 0 && base == Link::exponent) margin = std::log(b);
    if (!std::isfinite(margin)) return no("its base_score " + std::to_string(b) + " is out of range for the objective " + model.objective);
    start.push_back(margin);
  }
  return start;
}

std::size_t trees_used(const XgbModel& model, std::int64_t iterations) {
  const std::size_t all = model.trees.size();
  if (iterations < 0) return all;
  const auto n = static_cast<std::size_t>(iterations);
  if (!model.iteration_trees.empty()) {
    if (n >= model.iteration_trees.size()) return all;
    return std::min(all, static_cast<std::size_t>(std::max<std::int64_t>(0, model.iteration_trees[n])));
  }
  const auto layer = static_cast<std::size_t>(model.parallel_trees * model.groups());
  return n > all / layer ? all : n * layer;
}

// Categories of the file go right, of an Ensemble left: children change places.
EnsembleNode node_of(const XgbTree& tree, std::size_t i) {
  EnsembleNode n;
  n.leaf = tree.left[i] < 0;
  if (n.leaf) return n;
  n.feature = tree.feature[i];
  n.left = tree.left[i];
  n.right = tree.right[i];
  bool default_left = tree.default_left[i] != 0;
  if (!tree.set_of.empty() && tree.set_of[i] >= 0) {
    n.flags = kCategorical | kNegativeOutside;
    n.words = tree.sets[static_cast<std::size_t>(tree.set_of[i])];
    std::swap(n.left, n.right);
    default_left = !default_left;
  } else {
    n.threshold = tree.split[i];
  }
  n.flags |= kNanMissing | (default_left ? kDefaultLeft : 0);
  return n;
}

// Before 1.3 a row's trees were summed before base_score was added (dart's: before 1.4).
bool base_last(const XgbModel& model) { return !model.at_least(1, model.booster == "dart" ? 4 : 3); }
// The wrappers' in-place prediction of dart adds each tree to base_score, and takes base_score away again before it weighs the tree.
bool rebases(const XgbModel& model, const Wrapper& wrapper) {
  return model.booster == "dart" && wrapper.kind != Wrapper::Kind::booster && model.at_least(1, 4);
}

Result<Val> tree_margin(Lowering& to, const XgbModel& model, const Table& in, const Val& x, const std::vector<float>& start, const Wrapper& wrapper) {
  const std::int64_t groups = model.groups();
  const std::int64_t width = model.trees.empty() ? 1 : model.trees.front().width;
  if (width != 1 && width != groups) return no("its leaves have " + std::to_string(width) + " values for " + std::to_string(groups) + " outputs");
  if (model.tree_group.size() < model.trees.size()) return no("it doesn't tell which output each tree is for");
  if (!model.tree_weight.empty() && model.tree_weight.size() < model.trees.size()) return no("it has fewer weights than trees");
  Ensemble ensemble(model.features, groups, width);
  for (std::size_t i = 0; i < trees_used(model, wrapper.iterations); ++i) {
    const XgbTree& tree = model.trees[i];
    if (tree.width != width) return no("its trees have leaves of different widths");
    std::vector<double> values;
    const auto leaf = [&](std::size_t node) {
      values.assign(1, tree.split[node]);
      const float* const row =
          width > 1 ? tree.vectors.data() + static_cast<std::size_t>(tree.split[node]) * static_cast<std::size_t>(width) : nullptr;
      if (row != nullptr) values.assign(row, row + width);
      return std::span<const double>(values);
    };
    const double weight = model.tree_weight.empty() ? 1 : model.tree_weight[i];
    const auto node = [&](std::size_t n) { return node_of(tree, n); };
    TRY(ensemble.add(tree.size(), width > 1 ? -1 : model.tree_group[i], weight, node, leaf).within("tree " + std::to_string(i)));
  }
  ensemble.hint(to.inputs, in);
  const std::vector<double> begin(start.begin(), start.end());
  if (ensemble.trees() == 0) return to.graph.repeat_row(x, to.graph.row(begin));
  return ensemble.emit(to.graph, x, begin,
                       {.strict = true, .single = true, .last = base_last(model), .rebase = rebases(model, wrapper), .narrow = true});
}

Result<Val> linear_margin(Lowering& to, const XgbModel& model, const Val& x, const std::vector<float>& start) {
  const auto groups = static_cast<std::size_t>(model.groups()), features = static_cast<std::size_t>(model.features);
  if (model.linear.size() != (features + 1) * groups)
    return no("it has " + std::to_string(model.linear.size()) + " weights for " + std::to_string(features) + " features");
  const std::vector<double> weights(model.linear.begin(), model.linear.end() - static_cast<std::ptrdiff_t>(groups));
  std::vector<double> begin;
  // Linear boosters add the first of several base scores to every output.
  for (std::size_t g = 0; g < groups; ++g) begin.push_back(model.linear[features * groups + g] + start[0]);
  const auto k = static_cast<std::int64_t>(groups);
  return to.graph.own("SingleLinear", {x, to.graph.constant(doubles({model.features, k}, weights)), to.graph.constant(doubles({k}, begin))},
                      DType::float64, k);
}

// [N, features] as float32 in double, categories as their codes, missing as NaN.
Result<Val> features_of(Lowering& to, const XgbModel& model, const Table& in, double missing) {
  if (in.free) return no("the file doesn't tell how many columns this step is given");
  if (static_cast<std::int64_t>(in.width()) != model.features)
    return no("it was fitted on " + std::to_string(model.features) + " columns but is given " + std::to_string(in.width()));
  std::vector<Val> parts;
  Table run;
  const auto flush = [&]() -> Status {
    if (!run.columns.empty()) parts.push_back(TRY(in.sparse ? to.inputs.stored(run) : to.inputs.numbers(run)));
    run.columns.clear();
    return ok();
  };
  for (std::size_t i = 0; i < in.width(); ++i) {
    const bool known = i < model.categories.size() && model.categories[i].known();
    if (!known) {
      run.columns.push_back(in.columns[i]);
      continue;
    }
    TRY(flush());
    const XgbCategories& c = model.categories[i];
    parts.push_back(c.texts.empty() ? TRY(number_codes(to, in.columns[i], c.numbers, true)) : TRY(text_codes(to, in.columns[i], c.texts, true)));
  }
  TRY(flush());
  if (parts.empty()) return no("it takes no feature");
  const Val single = to.graph.cast(to.graph.concat_columns(parts), DType::float32);
  const Val x = Builder::typed(to.graph.cast(single, DType::float64), DType::float64, model.features);
  if (std::isnan(missing)) return x;
  const Val is = Builder::typed(to.graph.op("Equal", {x, to.graph.scalar(static_cast<float>(missing))}), DType::boolean, x.columns);
  return Builder::typed(to.graph.where(is, to.graph.scalar(std::nan("")), x), DType::float64, x.columns);
}

Val link(Lowering& to, const XgbModel& model, const Val& margin, Link by) {
  const auto function = [&](const char* name) {
    return to.graph.own("SingleLink", {margin}, DType::float64, margin.columns, {graph::attr("function", std::string(name))});
  };
  switch (by) {
    case Link::sigmoid: return function(model.at_least(1, 6) ? "sigmoid" : "sigmoid_open");
    case Link::exponent: return function("exp");
    case Link::softmax: return function("softmax");
    case Link::step: {
      const Val is = Builder::typed(to.graph.op("Greater", {margin, to.graph.scalar(0)}), DType::boolean, margin.columns);
      return to.graph.cast(is, DType::float64);
    }
    case Link::pick: return to.graph.cast(to.graph.argmax(margin), DType::float64);
    case Link::none: break;
  }
  return margin;
}

// [1 - p, p] with the difference in float32.
Val two_singles(Lowering& to, const Val& p) {
  const Val rest =
      to.graph.cast(to.graph.cast(Builder::typed(to.graph.sub(to.graph.scalar(1), p), DType::float64, 1), DType::float32), DType::float64);
  return to.graph.concat_columns({Builder::typed(rest, DType::float64, 1), p});
}

Result<Labels> labels_of(const Wrapper& wrapper, std::int64_t classes) {
  if (!wrapper.labels) return numbered_labels(classes);
  if (static_cast<std::int64_t>(wrapper.labels->count()) != classes)
    return no("it has " + std::to_string(wrapper.labels->count()) + " labels for " + std::to_string(classes) + " classes");
  return *wrapper.labels;
}

Result<Prediction> one_score(Lowering& to, const XgbModel& model, const Objective& objective, const Wrapper& wrapper, const Val& margin) {
  const Val p = link(to, model, margin, objective.link);
  Prediction out;
  out.kind = Prediction::Kind::classifier;
  out.labels = TRY(labels_of(wrapper, 2));
  out.label = above(to.graph, flat(to.graph, p), 0.5);
  out.probabilities = two_singles(to, p);
  return out;
}

Result<Prediction> classify(Lowering& to, const XgbModel& model, const Objective& objective, const Wrapper& wrapper, const Val& margin) {
  const std::int64_t groups = model.groups();
  if (groups == 1) return one_score(to, model, objective, wrapper, margin);
  Prediction out;
  if (model.classes > 1) {
    const Val p = link(to, model, margin, Link::softmax);
    out = Prediction::from_probabilities(to.graph, TRY(labels_of(wrapper, groups)), p);
    if (objective.link == Link::pick) out.label = to.graph.argmax(margin);
    return out;
  }
  out.kind = Prediction::Kind::classifier;  // several labels a row
  out.labels = numbered_labels(groups);
  out.probabilities = link(to, model, margin, objective.link);
  const Val is = Builder::typed(to.graph.op("Greater", {*out.probabilities, to.graph.scalar(0.5)}), DType::boolean, groups);
  out.indicator = to.graph.cast(is, DType::int64);
  return out;
}

bool classifies(const XgbModel& model, const Wrapper& wrapper) {
  const bool classes = model.objective == "binary:logistic" || model.classes > 1;
  return wrapper.kind == Wrapper::Kind::classifier ||
         (wrapper.kind == Wrapper::Kind::booster && classes && (model.groups() == 1 || model.classes > 1));
}

// The second opinion on all this. nullopt: not evaluated directly.
Result<std::optional<sklearn::Answerer>> evaluated(XgbModel model, const Wrapper& wrapper) {
  XgbUse use;
  use.classifies = classifies(model, wrapper);
  use.missing = wrapper.missing;
  use.bases = TRY(start_of(model, TRY(objective_of(model)).base));
  use.trees = trees_used(model, wrapper.iterations);
  use.base_last = base_last(model);
  const std::int64_t classes = model.classes > 1 ? model.classes : 2;
  if (use.classifies && (model.groups() == 1 || model.classes > 1)) use.labels = TRY(labels_of(wrapper, classes));
  return evaluate_xgboost(std::move(model), std::move(use));
}

void tell_version(Lowering& to, const XgbModel& model) {
  const std::string version = model.major == 0 ? std::string("0.x") : std::to_string(model.major) + "." + std::to_string(model.minor);
  if (to.report.producer == "xgboost") to.report.producer += " " + version;
  if (model.at_least(kNewestTested[0], kNewestTested[1] + 1))
    to.warn("written by XGBoost " + version + ", newer than the newest version tested (3.4): check its answers");
}

void tell_categories(Lowering& to, const XgbModel& model) {
  bool codes = false;
  for (std::size_t i = 0; i < model.types.size(); ++i) {
    codes = codes || (model.types[i] == "c" && (i >= model.categories.size() || !model.categories[i].known()));
  }
  if (codes) to.warn("the file doesn't hold the categories of its categorical columns: requests give their codes (0, 1, …)");
}

Result<Prediction> lower(Lowering& to, const XgbModel& model, const Table& in, const Wrapper& wrapper) {
  tell_version(to, model);
  tell_categories(to, model);
  const Objective objective = TRY(objective_of(model));
  if (model.groups() > 100'000) return no("it has " + std::to_string(model.groups()) + " outputs");
  const Val x = TRY(features_of(to, model, in, wrapper.missing));
  const auto start = TRY(start_of(model, objective.base));
  const Val margin = model.booster == "gblinear" ? TRY(linear_margin(to, model, x, start)) : TRY(tree_margin(to, model, in, x, start, wrapper));
  const auto single = [](Prediction p) {
    p.single = true;
    return p;
  };
  if (classifies(model, wrapper)) return single(TRY(classify(to, model, objective, wrapper, margin)));
  const Val value = link(to, model, margin, objective.link);
  return single(Prediction::regressor(model.groups() == 1 ? flat(to.graph, value) : value));
}

// --- pickled wrappers ----------------------------------------------------------------------------------------------------------

Result<XgbModel> booster_of(const View& model) {
  const bool bare = model.name() == "Booster";
  const View booster = bare ? model : TRY(model.attribute("_Booster"));
  const auto handle = booster.find("handle");
  if (!handle || handle->is_none()) return refuse(booster, "there is no booster in it (is it fitted?)");
  XgbModel read = TRY(read_xgboost(TRY(handle->bytes())).within(handle->path()));
  if (const auto names = booster.find("feature_names"); names && !names->is_none()) read.names = TRY(names->texts());
  return read;
}

// Of each feature the gain of its splits (or their number), in float32 as the library adds them.
Result<std::vector<double>> importances(const View& view) {
  const XgbModel model = TRY(booster_of(view));
  const std::string type = sklearn::text_or(view, "importance_type", "gain");
  if (model.booster == "gblinear" || (type != "gain" && type != "total_gain" && type != "weight"))
    return refuse(view, "importances of the type '" + type.substr(0, 40) + "' of " + model.booster + " are not read here");
  if (model.features < 0 || model.features > 10'000'000) return no("it has too many features");
  std::vector<float> gain(static_cast<std::size_t>(model.features), 0.0F), count(gain.size(), 0.0F);
  for (const XgbTree& tree : model.trees) {
    if (tree.gain.size() != tree.size() && type != "weight") return no("the file doesn't tell the gain of its splits");
    for (std::size_t i = 0; i < tree.size(); ++i) {
      if (tree.left[i] < 0) continue;
      if (tree.feature[i] < 0 || tree.feature[i] >= model.features) return no("a tree tests a feature that isn't there");
      count[static_cast<std::size_t>(tree.feature[i])] += 1;
      if (type != "weight") gain[static_cast<std::size_t>(tree.feature[i])] += tree.gain[i];
    }
  }
  std::vector<float> scores = type == "weight" ? count : gain;
  for (std::size_t f = 0; type == "gain" && f < scores.size(); ++f) scores[f] /= std::max(count[f], 1.0F);
  float total = 0;
  for (const float s : scores) total += s;
  std::vector<double> out;
  for (const float s : scores) out.push_back(static_cast<double>(total == 0 ? s : s / total));
  return out;
}

Width width_of(const XgbModel& model) {
  Width width;
  width.count = model.features;
  if (static_cast<std::int64_t>(model.names.size()) == model.features) width.names = model.names;
  return width;
}

Result<Width> width(const View& model) { return width_of(TRY(booster_of(model))); }

std::int64_t best_iteration(const XgbModel& model) {
  const auto found = model.attributes.find("best_iteration");
  if (found == model.attributes.end()) return -1;
  std::int64_t best = -1;
  const std::string& text = found->second;
  std::from_chars(text.data(), text.data() + text.size(), best);
  return best < 0 || best > 1'000'000'000 ? -1 : best;
}

// From 1.4 on the booster's attribute decides; before, what early stopping left in the wrapper, counted in trees of one output.
Result<std::int64_t> iterations_of(const View& wrapper, const XgbModel& model) {
  if (model.at_least(1, 4)) {
    const std::int64_t best = best_iteration(model);
    return best < 0 ? -1 : best + 1;
  }
  const double limit = TRY(sklearn::number_or(wrapper, "best_ntree_limit", 0));
  if (!(limit >= 1 && limit < 1e9)) return std::int64_t{-1};
  return static_cast<std::int64_t>(limit) / model.parallel_trees;
}

Result<Wrapper> wrapper_of(const View& view, const XgbModel& model, Wrapper::Kind kind) {
  Wrapper wrapper;
  wrapper.kind = kind;
  wrapper.missing = TRY(sklearn::number_or(view, "missing", std::nan("")));
  wrapper.iterations = TRY(iterations_of(view, model));
  if (kind != Wrapper::Kind::classifier) return wrapper;
  if (const auto encoder = view.find("_le"); encoder && encoder->is(Kind::object))
    wrapper.labels = TRY(read_labels(TRY(encoder->attribute("classes_"))));
  return wrapper;
}

Result<Prediction> predict(Lowering& to, const View& view, const Table& in, Wrapper::Kind kind) {
  const XgbModel model = TRY(booster_of(view));
  const Wrapper wrapper = TRY(wrapper_of(view, model, kind));
  return lower(to, model, in, wrapper).within(view.path().empty() ? "the model" : view.path());
}
Result<Prediction> classifier(Lowering& to, const View& view, const Table& in) { return predict(to, view, in, Wrapper::Kind::classifier); }
Result<Prediction> regressor(Lowering& to, const View& view, const Table& in) { return predict(to, view, in, Wrapper::Kind::regressor); }
Result<Prediction> booster(Lowering& to, const View& view, const Table& in) {
  const XgbModel model = TRY(booster_of(view));
  return lower(to, model, in, Wrapper{}).within(view.path().empty() ? "the model" : view.path());
}

Result<std::optional<sklearn::Answerer>> evaluated_as(const View& view, Wrapper::Kind kind) {
  const XgbModel model = TRY(booster_of(view));
  return evaluated(model, kind == Wrapper::Kind::booster ? Wrapper{} : TRY(wrapper_of(view, model, kind)));
}
Result<std::optional<sklearn::Answerer>> direct_classifier(sklearn::Direct&, const View& view) {
  return evaluated_as(view, Wrapper::Kind::classifier);
}
Result<std::optional<sklearn::Answerer>> direct_regressor(sklearn::Direct&, const View& view) { return evaluated_as(view, Wrapper::Kind::regressor); }
Result<std::optional<sklearn::Answerer>> direct_booster(sklearn::Direct&, const View& view) { return evaluated_as(view, Wrapper::Kind::booster); }

constexpr sklearn::DirectConverter kDirect[] = {
    {"XGBClassifier", nullptr, direct_classifier, "xgboost"}, {"XGBRFClassifier", nullptr, direct_classifier, "xgboost"},
    {"XGBRegressor", nullptr, direct_regressor, "xgboost"},   {"XGBRFRegressor", nullptr, direct_regressor, "xgboost"},
    {"XGBRanker", nullptr, direct_regressor, "xgboost"},      {"Booster", nullptr, direct_booster, "xgboost"},
};

constexpr Converter kConverters[] = {
    {"XGBClassifier", nullptr, classifier, "xgboost", width}, {"XGBRFClassifier", nullptr, classifier, "xgboost", width},
    {"XGBRegressor", nullptr, regressor, "xgboost", width},   {"XGBRFRegressor", nullptr, regressor, "xgboost", width},
    {"XGBRanker", nullptr, regressor, "xgboost", width},      {"Booster", nullptr, booster, "xgboost", width},
};

std::string word(const document::Value& in, std::string_view name) {
  const document::Value* found = in.find(name);
  return found != nullptr ? found->text : std::string();
}

Result<Labels> labels_in(const document::Value& list) {
  json::Array items;
  for (const std::string& text : list.texts) items.emplace_back(text);
  for (const double v : list.numbers) {
    const bool whole = v == std::floor(v) && std::abs(v) < 9e15;
    items.push_back(whole ? json::Value(static_cast<std::int64_t>(v)) : json::Value(v));
  }
  return json_labels(json::Value(std::move(items)));
}

// A file that the wrapper saved carries what it knew, until 2.0 its parameters too: JSON with Python's NaN.
Result<Wrapper> wrapper_in_file(const XgbModel& model) {
  Wrapper wrapper;
  const auto found = model.attributes.find("scikit_learn");
  if (found == model.attributes.end()) return wrapper;
  const auto meta = document::read_json(found->second);
  if (!meta.ok() || !meta->is_object()) return wrapper;
  const bool classifier = word(*meta, "_estimator_type") == "classifier" || word(*meta, "type").find("Classifier") != std::string::npos;
  wrapper.kind = classifier ? Wrapper::Kind::classifier : Wrapper::Kind::regressor;
  if (const std::int64_t best = best_iteration(model); best >= 0 && model.at_least(1, 4)) wrapper.iterations = best + 1;
  const document::Value* missing = meta->find("missing");
  if (missing != nullptr && missing->kind == document::Value::Kind::number) wrapper.missing = missing->number;
  const document::Value* classes = meta->find({"_le", "classes_"});
  if (classifier && classes != nullptr && classes->size() > 0) wrapper.labels = TRY(labels_in(*classes));
  return wrapper;
}

}  // namespace

Result<Artifact> import_xgboost(Bytes bytes, Report& report) {
  report.producer = "xgboost";
  const XgbModel model = TRY(read_xgboost(text_of(bytes)));
  report.title = "XGBoost " + model.booster;
  report.contents.push_back("model: " + std::to_string(model.trees.size()) + " trees, objective " + model.objective.substr(0, 60));
  const Wrapper wrapper = TRY(wrapper_in_file(model));
  return import_file(
      "XGBoost", width_of(model), report, [&](Lowering& to, const Table& in) { return lower(to, model, in, wrapper); },
      [&] { return evaluated(model, wrapper); });
}

Result<std::vector<double>> xgboost_importances(const View& model) { return importances(model); }

}  // namespace slipway::importers::boosting

namespace slipway::importers::sklearn {
Family xgboost_family() { return boosting::kConverters; }
std::span<const DirectConverter> direct_xgboost() { return boosting::kDirect; }
}  // namespace slipway::importers::sklearn
