// CatBoost: trees over answers of splits on numbers, one-hot categories and statistics of categories (by the hashes of their texts).
#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/blocks/ensemble.hpp"
#include "slipway/importers/blocks/trees.hpp"
#include "slipway/importers/boosting/catboost_columns.hpp"
#include "slipway/importers/boosting/common.hpp"
#include "slipway/importers/boosting/direct.hpp"

namespace slipway::importers::boosting {
namespace {

constexpr int kDepthMax = 24;

Error no(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

struct Wrapper {
  enum class Kind : std::uint8_t { any, classifier, regressor, ranker } kind = Kind::any;
  std::string loss;  // what the wrapper was made with; "": the model says
};

EnsembleNode node_of(const CatSplit& split, std::int64_t left, std::int64_t right) {
  EnsembleNode n;
  n.feature = split.column;
  n.threshold = split.threshold;
  n.flags = kNanMissing | (split.missing_right ? 0 : kDefaultLeft);
  n.left = left;
  n.right = right;
  return n;
}

// A symmetric tree asks one split a level; the answers are the bits of the leaf's number. Node 2^level - 1 + (answers so far).
Status add_symmetric(Ensemble& ensemble, const CatModel& model, std::span<const CatSplit> splits) {
  const auto outputs = static_cast<std::size_t>(model.outputs);
  std::size_t split = 0, leaf = 0;
  for (std::size_t i = 0; i < model.sizes.size(); ++i) {
    const std::int32_t depth = model.sizes[i];
    if (depth < 0 || depth > kDepthMax || static_cast<std::size_t>(depth) > splits.size() - split)
      return no("tree " + std::to_string(i) + " is damaged");
    const std::size_t leaves = std::size_t{1} << depth;
    if (leaves > (model.leaves.size() - leaf) / outputs) return no("tree " + std::to_string(i) + " has more leaves than the file has values");
    const std::size_t inner = leaves - 1;
    const auto node = [&](std::size_t n) {
      EnsembleNode out;
      out.leaf = n >= inner;
      if (out.leaf) return out;
      const auto level = static_cast<std::size_t>(std::bit_width(n + 1) - 1);
      const std::size_t answers = n + 1 - (std::size_t{1} << level), first = (std::size_t{2} << level) - 1;
      return node_of(splits[split + level], static_cast<std::int64_t>(first + answers),
                     static_cast<std::int64_t>(first + answers + (std::size_t{1} << level)));
    };
    const auto value = [&](std::size_t n) { return std::span<const double>(model.leaves.data() + leaf + (n - inner) * outputs, outputs); };
    TRY(ensemble.add(inner + leaves, outputs == 1 ? 0 : -1, 1, node, value).within("tree " + std::to_string(i)));
    split += static_cast<std::size_t>(depth);
    leaf += leaves * outputs;
  }
  return ok();
}

// Other trees: a node tells how far its children stand behind it; at a step of 0 the walk ends in the node's own leaf, which is node
// size + n here.
Status add_plain(Ensemble& ensemble, const CatModel& model, std::span<const CatSplit> splits) {
  const auto outputs = static_cast<std::size_t>(model.outputs);
  if (model.steps.size() != splits.size() || model.leaf_of.size() != splits.size()) return no("its trees' lists have different lengths");
  std::size_t start = 0;
  for (std::size_t i = 0; i < model.sizes.size(); ++i) {
    const auto size = static_cast<std::size_t>(std::max(0, model.sizes[i]));
    if (size > splits.size() - start) return no("tree " + std::to_string(i) + " is damaged");
    for (std::size_t n = 0; n < size; ++n) {
      const auto [left, right] = model.steps[start + n];
      const std::uint32_t leaf = model.leaf_of[start + n];
      const bool ends = left == 0 || right == 0;
      if (n + std::max(left, right) >= size) return no("tree " + std::to_string(i) + " has a child outside it");
      if (ends && (model.leaves.size() < outputs || leaf > model.leaves.size() - outputs))
        return no("tree " + std::to_string(i) + " has a leaf without values");
    }
    const auto node = [&](std::size_t n) {
      EnsembleNode out;
      out.leaf = n >= size || model.steps[start + n] == std::pair<std::uint16_t, std::uint16_t>{0, 0};
      if (out.leaf) return out;
      const auto [left, right] = model.steps[start + n];
      const auto child = [&](std::uint16_t step) { return static_cast<std::int64_t>(step == 0 ? size + n : n + step); };
      return node_of(splits[start + n], child(left), child(right));
    };
    const auto value = [&](std::size_t n) { return std::span<const double>(model.leaves.data() + model.leaf_of[start + n % size], outputs); };
    TRY(ensemble.add(2 * size, outputs == 1 ? 0 : -1, 1, node, value).within("tree " + std::to_string(i)));
    start += size;
  }
  return ok();
}

Result<Val> raw_scores(Lowering& to, const CatModel& model, const Table& in) {
  if (model.texts > 0) return no("it uses features of texts or embeddings, which are not read here; train it without them");
  const CatColumns columns = TRY(catboost_columns(to, model, in));
  const bool plain = !model.steps.empty();
  std::vector<CatSplit> splits;
  for (std::size_t i = 0; i < model.splits.size(); ++i) {
    const std::int32_t s = model.splits[i];
    const bool unused = plain && i < model.steps.size() && model.steps[i] == std::pair<std::uint16_t, std::uint16_t>{0, 0};
    if (unused) {
      splits.emplace_back();
      continue;
    }
    if (s < 0 || static_cast<std::size_t>(s) >= columns.splits.size())
      return no("a tree asks for split " + std::to_string(s) + " of " + std::to_string(columns.splits.size()));
    splits.push_back(columns.splits[static_cast<std::size_t>(s)]);
  }
  Ensemble ensemble(columns.x.columns, model.outputs, model.outputs);
  TRY(plain ? add_plain(ensemble, model, splits) : add_symmetric(ensemble, model, splits));
  const std::vector<double> start(static_cast<std::size_t>(model.outputs), 0.0);
  const Val sum = ensemble.trees() == 0 ? to.graph.repeat_row(columns.x, to.graph.row(start)) : ensemble.emit(to.graph, columns.x, start, {});
  const Val scaled = model.scale == 1 ? sum : to.graph.mul(sum, to.graph.scalar(model.scale));
  return Builder::typed(to.graph.add(scaled, to.graph.row(model.bias)), DType::float64, model.outputs);
}

// --- answers -------------------------------------------------------------------------------------------------------------------

json::Value info(const CatModel& model, std::string_view name) {
  const auto found = model.info.find(name);
  if (found == model.info.end()) return {};
  auto read = json::parse(found->second);
  return read.ok() ? std::move(*read) : json::Value();
}

const json::Value* path(const json::Value& from, std::initializer_list<std::string_view> names) {
  const json::Value* at = &from;
  for (const std::string_view name : names) {
    at = at->find(name);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string loss_of(const CatModel& model) {
  const json::Value params = info(model, "params");
  const json::Value* type = path(params, {"loss_function", "type"});
  return type != nullptr && type->is_string() ? type->as_string() : std::string();
}

// Whole numbers that stand there as 1.0 are 1, unless the labels are said to be fractions.
json::Value tidy(json::Value list, bool fractions) {
  if (!list.is_array()) return list;
  for (json::Value& v : list.as_array()) {
    if (!fractions && v.is_number() && !v.is_int() && v.as_double() == std::floor(v.as_double()) && std::abs(v.as_double()) < 9e15)
      v = json::Value(static_cast<std::int64_t>(v.as_double()));
  }
  return list;
}

// Before files told what kind their labels are, numbers stood among the names as texts. Nothing: they are no numbers.
std::optional<json::Value> numbers_as_texts(const json::Value& params) {
  const json::Value* names = params.find("class_names");
  if (params.find("class_label_type") != nullptr || names == nullptr || !names->is_array()) return std::nullopt;
  json::Array out;
  for (const json::Value& name : names->as_array()) {
    if (!name.is_string()) return std::nullopt;
    double v = 0;
    const std::string& text = name.as_string();
    const auto read = std::from_chars(text.data(), text.data() + text.size(), v);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
    out.emplace_back(v);
  }
  return json::Value(std::move(out));
}

Result<Labels> labels_of(const CatModel& model, std::int64_t classes) {
  const auto usable = [&](const json::Value* list) {
    return list != nullptr && list->is_array() && static_cast<std::int64_t>(list->as_array().size()) == classes;
  };
  for (const char* name : {"class_params", "multiclass_params"}) {
    const json::Value params = info(model, name);
    if (!params.is_object()) continue;
    const bool fractions = params.string_or("class_label_type", "") == "Float";
    if (const auto numbers = numbers_as_texts(params); numbers && usable(&*numbers)) return json_labels(tidy(*numbers, false));
    for (const char* list : {"class_names", "class_to_label"}) {
      if (const json::Value* found = params.find(list); usable(found)) return json_labels(tidy(*found, fractions));
    }
  }
  const json::Value params = info(model, "params");
  if (const json::Value* found = path(params, {"data_processing_options", "class_names"}); usable(found)) return json_labels(tidy(*found, false));
  return numbered_labels(classes);
}

// The raw score above which the second class is the answer.
double border_of(const CatModel& model) {
  const auto found = model.info.find("binclass_probability_threshold");
  if (found == model.info.end()) return 0;
  const double p = std::strtod(found->second.c_str(), nullptr);
  return p > 0 && p < 1 ? std::log(p / (1 - p)) : 0;
}

Result<Prediction> classify(Lowering& to, const CatModel& model, const std::string& loss, const Val& raw) {
  Builder& graph = to.graph;
  Prediction out;
  out.kind = Prediction::Kind::classifier;
  if (model.outputs == 1) {
    out.labels = TRY(labels_of(model, 2));
    out.label = above(graph, flat(graph, raw), border_of(model));
    out.probabilities = graph.concat_columns({expit(graph, Builder::typed(graph.op("Neg", {raw}), DType::float64, 1)), expit(graph, raw)});
    return out;
  }
  out.labels = TRY(labels_of(model, model.outputs));
  if (loss == "MultiLogloss" || loss == "MultiCrossEntropy") {
    out.labels = numbered_labels(model.outputs);
    out.probabilities = expit(graph, raw);
    out.indicator = graph.cast(Builder::typed(graph.op("Greater", {raw, graph.scalar(0)}), DType::boolean, model.outputs), DType::int64);
    return out;
  }
  out.probabilities = loss == "MultiClassOneVsAll" ? expit(graph, raw) : softmax(graph, raw);
  out.label = graph.argmax(raw);
  return out;
}

// From 0.24.4 on a regressor answers what its loss is of. Old files tell their version by a revision only.
bool raises_by_default(const CatModel& model) {
  constexpr std::int64_t kFirstRevision = 7'400'000;  // 0.24 was made of 7167579, 0.24.4 of 7720317
  const auto found = model.info.find("catboost_version_info");
  if (found == model.info.end()) return true;
  constexpr std::string_view kSaid = "Last Changed Rev: ";
  const std::string& text = found->second;
  const std::size_t at = text.find(kSaid);
  if (at == std::string::npos) return true;
  std::int64_t revision = kFirstRevision;
  std::from_chars(text.data() + at + kSaid.size(), text.data() + text.size(), revision);
  return revision >= kFirstRevision;
}

bool begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

Result<Prediction> lower(Lowering& to, const CatModel& model, const Table& in, const Wrapper& wrapper) {
  const std::string loss = loss_of(model);
  const Val raw = TRY(raw_scores(to, model, in));
  static constexpr std::string_view kClassifiers[] = {"Logloss",      "CrossEntropy",      "MultiClass", "MultiClassOneVsAll",
                                                      "MultiLogloss", "MultiCrossEntropy", "Focal"};
  const bool classes = std::find(std::begin(kClassifiers), std::end(kClassifiers), loss) != std::end(kClassifiers);
  if (wrapper.kind == Wrapper::Kind::classifier || (wrapper.kind == Wrapper::Kind::any && classes)) return classify(to, model, loss, raw);
  const std::string said = wrapper.kind == Wrapper::Kind::any ? loss : wrapper.loss;
  Val value = raw;
  if (wrapper.kind != Wrapper::Kind::ranker && (begins(said, "Poisson") || begins(said, "Tweedie"))) {
    value = to.graph.op("Exp", {raw});
  } else if (wrapper.kind == Wrapper::Kind::regressor && said == "RMSEWithUncertainty" && model.outputs == 2) {
    const Val twice = to.graph.mul(to.graph.column(raw, 1), to.graph.scalar(2));
    value = to.graph.concat_columns({to.graph.column(raw, 0), Builder::typed(to.graph.op("Exp", {twice}), DType::float64, 1)});
  }
  return Prediction::regressor(model.outputs == 1 ? flat(to.graph, value) : value);
}

// The second opinion on all this. nullopt: not evaluated directly.
Result<std::optional<sklearn::Answerer>> evaluated(CatModel model, const Wrapper& wrapper) {
  const std::string loss = loss_of(model);
  const bool two = loss == "Logloss" || loss == "CrossEntropy" || loss == "Focal", many = loss == "MultiClass" || loss == "MultiClassOneVsAll";
  const std::string said = wrapper.kind == Wrapper::Kind::any ? loss : wrapper.loss;
  if (loss.substr(0, 10) == "MultiLoglo" || loss.substr(0, 10) == "MultiCross" || said == "RMSEWithUncertainty")
    return std::optional<sklearn::Answerer>{};
  CatUse use;
  if (wrapper.kind == Wrapper::Kind::classifier || (wrapper.kind == Wrapper::Kind::any && (two || many)))
    use.labels = TRY(labels_of(model, model.outputs == 1 ? 2 : model.outputs));
  use.one_vs_all = loss == "MultiClassOneVsAll";
  use.exponential = wrapper.kind != Wrapper::Kind::ranker && (begins(said, "Poisson") || begins(said, "Tweedie"));
  use.border = border_of(model);
  return evaluate_catboost(std::move(model), std::move(use));
}

Width width_of(const CatModel& model) {
  Width width;
  const auto feature = [&](std::int64_t column, const std::string& name) {
    if (column < 0 || column >= static_cast<std::int64_t>(kFeaturesMax)) return;
    if (width.count <= column) {
      width.count = column + 1;
      width.names.resize(static_cast<std::size_t>(width.count));
    }
    width.names[static_cast<std::size_t>(column)] = name;
  };
  for (const CatFloat& f : model.floats) feature(f.column, f.name);
  for (const CatCategory& c : model.categories) feature(c.column, c.name);
  bool named = false, whole = true;  // columns of arrays have their numbers for names, or none
  for (std::size_t i = 0; i < width.names.size(); ++i) {
    named = named || (!width.names[i].empty() && width.names[i] != std::to_string(i));
    whole = whole && !width.names[i].empty();
  }
  if (!named || !whole) width.names.clear();
  return width;
}

Result<CatModel> model_of(const View& view) {
  const auto bytes = view.find("__model");
  if (!bytes || bytes->is_none()) return refuse(view, "there is no model in it (is it fitted?)");
  return read_catboost(TRY(bytes->bytes())).within(bytes->path());
}
Result<Width> width(const View& view) { return width_of(TRY(model_of(view))); }

Wrapper wrapper_of(const View& view, const CatModel& model, Wrapper::Kind kind) {
  Wrapper wrapper;
  wrapper.kind = kind;
  if (kind == Wrapper::Kind::any) {
    const std::string loss = loss_of(model);
    if (begins(loss, "Poisson") || begins(loss, "Tweedie")) wrapper.kind = Wrapper::Kind::ranker;  // CatBoost itself answers the raw score
    return wrapper;
  }
  for (const char* name : {"loss_function", "objective"}) {
    if (wrapper.loss.empty()) wrapper.loss = sklearn::text_or(view, name, "");
  }
  if (!raises_by_default(model)) wrapper.loss.clear();
  return wrapper;
}

Result<Prediction> predict(Lowering& to, const View& view, const Table& in, Wrapper::Kind kind) {
  const CatModel model = TRY(model_of(view));
  return lower(to, model, in, wrapper_of(view, model, kind)).within(view.path().empty() ? "the model" : view.path());
}
Result<Prediction> classifier(Lowering& to, const View& view, const Table& in) { return predict(to, view, in, Wrapper::Kind::classifier); }
Result<Prediction> regressor(Lowering& to, const View& view, const Table& in) { return predict(to, view, in, Wrapper::Kind::regressor); }
Result<Prediction> ranker(Lowering& to, const View& view, const Table& in) { return predict(to, view, in, Wrapper::Kind::ranker); }
Result<Prediction> any(Lowering& to, const View& view, const Table& in) { return predict(to, view, in, Wrapper::Kind::any); }

using Direct = Result<std::optional<sklearn::Answerer>>;
Direct evaluated_as(const View& view, Wrapper::Kind kind) {
  const CatModel model = TRY(model_of(view));
  return evaluated(model, wrapper_of(view, model, kind));
}
Direct direct_classifier(sklearn::Direct&, const View& view) { return evaluated_as(view, Wrapper::Kind::classifier); }
Direct direct_regressor(sklearn::Direct&, const View& view) { return evaluated_as(view, Wrapper::Kind::regressor); }
Direct direct_ranker(sklearn::Direct&, const View& view) { return evaluated_as(view, Wrapper::Kind::ranker); }
Direct direct_any(sklearn::Direct&, const View& view) { return evaluated_as(view, Wrapper::Kind::any); }

constexpr sklearn::DirectConverter kDirect[] = {
    {"CatBoostClassifier", nullptr, direct_classifier, "catboost"},
    {"CatBoostRegressor", nullptr, direct_regressor, "catboost"},
    {"CatBoostRanker", nullptr, direct_ranker, "catboost"},
    {"CatBoost", nullptr, direct_any, "catboost"},
};

constexpr Converter kConverters[] = {
    {"CatBoostClassifier", nullptr, classifier, "catboost", width},
    {"CatBoostRegressor", nullptr, regressor, "catboost", width},
    {"CatBoostRanker", nullptr, ranker, "catboost", width},
    {"CatBoost", nullptr, any, "catboost", width},
};

}  // namespace

Result<Artifact> import_catboost(Bytes bytes, Report& report) {
  report.producer = "catboost";
  const CatModel model = TRY(read_catboost(text_of(bytes)));
  report.title = "CatBoost model";
  report.contents.push_back("model: " + std::to_string(model.sizes.size()) + " trees, loss " + loss_of(model).substr(0, 60));
  return import_file(
      "CatBoost", width_of(model), report, [&](Lowering& to, const Table& in) { return lower(to, model, in, {}); },
      [&] { return evaluated(model, {}); });
}

}  // namespace slipway::importers::boosting

namespace slipway::importers::sklearn {
Family catboost_family() { return boosting::kConverters; }
std::span<const DirectConverter> direct_catboost() { return boosting::kDirect; }
}  // namespace slipway::importers::sklearn
