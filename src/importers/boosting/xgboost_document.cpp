// XGBoost's JSON and UBJSON: {"learner": …, "version": …}; a pickle wraps it as {"Config": …, "Model": …}.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "slipway/formats/document.hpp"
#include "slipway/importers/boosting/xgboost_model.hpp"

namespace slipway::importers::boosting {
namespace {

using document::Value;

constexpr std::size_t kCategoriesMax = 1 << 24;  // XGBoost's own bound

Error broken(const std::string& what) { return {ErrorCode::model_refused, "damaged XGBoost model: " + what}; }

Result<const Value*> part(const Value& in, std::string_view name) {
  const Value* found = in.find(name);
  if (found == nullptr) return broken("it has no " + std::string(name));
  return found;
}

// Parameters are numbers in texts: "3", "5E-1".
Result<double> number_of(std::string_view text) {
  double v = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), v);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return broken("'" + std::string(text.substr(0, 40)) + "' is no number");
  return v;
}
Result<std::int64_t> count_or(const Value& in, std::string_view name, std::int64_t otherwise) {
  const Value* found = in.find(name);
  if (found == nullptr) return otherwise;
  const double v = found->kind == Value::Kind::text ? TRY(number_of(found->text)) : found->number;
  if (!(v >= 0 && v < 1e9) || v != std::floor(v)) return broken(std::string(name) + " is out of range");
  return static_cast<std::int64_t>(v);
}
std::string text_of(const Value* v) { return v != nullptr ? v->text : std::string(); }

// "5E-1", or from 3.1 on "[1E0,2E0]".
Result<std::vector<float>> base_scores(std::string_view text) {
  std::vector<float> out;
  if (!text.empty() && text.front() == '[') text = text.substr(1, text.size() - (text.back() == ']' ? 2 : 1));
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    out.push_back(static_cast<float>(TRY(number_of(text.substr(0, comma)))));
    text.remove_prefix(std::min(text.size(), comma + 1));
  }
  if (out.empty()) return broken("it has no base_score");
  return out;
}

Result<std::vector<std::int32_t>> whole(const Value& tree, std::string_view name) {
  const Value& list = *TRY(part(tree, name));
  std::vector<std::int32_t> out;
  out.reserve(list.numbers.size());
  for (const double v : list.numbers) {
    if (!(v >= -2147483648.0 && v <= 2147483647.0)) return broken(std::string(name) + " is out of range");
    out.push_back(static_cast<std::int32_t>(v));
  }
  return out;
}
std::vector<float> floats(const Value& list) {
  std::vector<float> out;
  out.reserve(list.numbers.size());
  for (const double v : list.numbers) out.push_back(static_cast<float>(v));
  return out;
}

Status read_categories(const Value& json, XgbTree& tree) {
  const Value* const nodes = json.find("categories_nodes");
  if (nodes == nullptr || nodes->numbers.empty()) return ok();
  const auto at = TRY(whole(json, "categories_nodes")), begin = TRY(whole(json, "categories_segments")), size = TRY(whole(json, "categories_sizes")),
             list = TRY(whole(json, "categories"));
  if (begin.size() != at.size() || size.size() != at.size()) return broken("a tree's categories don't fit its nodes");
  tree.set_of.assign(tree.size(), -1);
  for (std::size_t i = 0; i < at.size(); ++i) {
    const auto n = static_cast<std::int64_t>(list.size());
    if (at[i] < 0 || static_cast<std::size_t>(at[i]) >= tree.size() || begin[i] < 0 || size[i] < 0 || begin[i] > n || size[i] > n - begin[i])
      return broken("a tree's categories don't fit its nodes");
    std::vector<std::int64_t> words;
    for (std::int32_t k = begin[i]; k < begin[i] + size[i]; ++k) {
      const std::int32_t category = list[static_cast<std::size_t>(k)];
      if (category < 0 || static_cast<std::size_t>(category) >= kCategoriesMax) return broken("a category is out of range");
      const auto word = static_cast<std::size_t>(category) / 64;
      if (words.size() <= word) words.resize(word + 1);
      words[word] = static_cast<std::int64_t>(static_cast<std::uint64_t>(words[word]) | std::uint64_t{1} << (category % 64));
    }
    tree.set_of[static_cast<std::size_t>(at[i])] = static_cast<std::int32_t>(tree.sets.size());
    tree.sets.push_back(std::move(words));
  }
  return ok();
}

// Nodes of type 1 are categorical, also where their list of categories is empty.
Status read_split_types(const Value& json, XgbTree& tree) {
  const Value* types = json.find("split_type");
  if (types == nullptr) return ok();
  bool any = false;
  for (const double v : types->numbers) any = any || v != 0;
  if (!any) {
    tree.set_of.clear();
    return ok();
  }
  if (types->numbers.size() != tree.size()) return broken("a tree's split types don't fit its nodes");
  tree.set_of.resize(tree.size(), -1);
  for (std::size_t i = 0; i < tree.size(); ++i) {
    if (types->numbers[i] == 0) tree.set_of[i] = -1;
    if (types->numbers[i] == 0 || tree.set_of[i] >= 0 || tree.left[i] < 0) continue;
    tree.set_of[i] = static_cast<std::int32_t>(tree.sets.size());
    tree.sets.emplace_back();
  }
  return ok();
}

// Leaves of several outputs: until 3.1 a node's own row of base_weights, later leaf_weights by the leaf's right child.
Status read_vectors(const Value& json, XgbTree& tree) {
  const auto width = static_cast<std::size_t>(tree.width);
  const std::vector<float> weights = floats(*TRY(part(json, "base_weights")));
  const Value* of_leaves = json.find("leaf_weights");
  const std::vector<float> leaves = of_leaves != nullptr ? floats(*of_leaves) : std::vector<float>{};
  if (weights.size() / width < tree.size()) return broken("a tree's leaves don't fit its nodes");
  for (std::size_t i = 0; i < tree.size(); ++i) {
    if (tree.left[i] >= 0) {
      tree.split[i] = tree.split[i];
      continue;
    }
    const bool by_leaf = !leaves.empty();
    const auto row = by_leaf ? static_cast<std::int64_t>(tree.right[i]) : static_cast<std::int64_t>(i);
    const std::vector<float>& from = by_leaf ? leaves : weights;
    if (row < 0 || static_cast<std::size_t>(row) >= from.size() / width) return broken("a tree's leaves don't fit its nodes");
    tree.split[i] = static_cast<float>(tree.vectors.size() / width);
    const auto first = from.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(row) * width);
    tree.vectors.insert(tree.vectors.end(), first, first + static_cast<std::ptrdiff_t>(width));
  }
  return ok();
}

Result<XgbTree> read_tree(const Value& json) {
  XgbTree tree;
  tree.left = TRY(whole(json, "left_children"));
  tree.right = TRY(whole(json, "right_children"));
  tree.feature = TRY(whole(json, "split_indices"));
  tree.split = floats(*TRY(part(json, "split_conditions")));
  for (const double v : (*TRY(part(json, "default_left"))).numbers) tree.default_left.push_back(v != 0 ? 1 : 0);
  const std::size_t n = tree.size();
  if (tree.right.size() != n || tree.feature.size() != n || tree.split.size() != n || tree.default_left.size() != n)
    return broken("a tree's lists have different lengths");
  if (const Value* gain = json.find("loss_changes")) tree.gain = floats(*gain);
  if (!tree.gain.empty() && tree.gain.size() != n) return broken("a tree's lists have different lengths");
  TRY(read_categories(json, tree));
  TRY(read_split_types(json, tree));
  if (const Value* param = json.find("tree_param")) tree.width = std::max<std::int64_t>(1, TRY(count_or(*param, "size_leaf_vector", 1)));
  if (tree.width > 1) TRY(read_vectors(json, tree));
  return tree;
}

Result<XgbCategories> read_column_categories(const Value& json, bool counts_characters) {
  XgbCategories out;
  const Value* offsets = json.find("offsets");
  const Value* values = json.find("values");
  if (values == nullptr) return out;
  if (offsets == nullptr) {
    out.numbers = values->numbers;
    return out;
  }
  std::string all;
  for (const double v : values->numbers) all += static_cast<char>(v >= -128 && v <= 255 ? static_cast<int>(v) & 0xFF : 0);
  const bool ascii = std::all_of(all.begin(), all.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (!ascii && counts_characters)
    return broken("XGBoost 3.1 to 3.3 cut categories with letters beyond ASCII off when they save them; save the model by a newer version");
  for (std::size_t i = 0; i + 1 < offsets->numbers.size(); ++i) {
    const double begin = offsets->numbers[i], end = offsets->numbers[i + 1];
    if (!(begin >= 0 && begin <= end && end <= static_cast<double>(all.size()))) return broken("its categories lie outside their text");
    out.texts.push_back(all.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
  }
  return out;
}

// dart holds its trees one level deeper (until 3.3).
Status read_booster(const Value& json, XgbModel& model) {
  model.booster = text_of(json.find("name"));
  if (model.booster == "gblinear") {
    model.linear = floats(*TRY(part(*TRY(part(json, "model")), "weights")));
    return ok();
  }
  if (model.booster != "gbtree" && model.booster != "dart") return broken("its booster is '" + model.booster.substr(0, 40) + "'");
  const Value* weights = json.find("weight_drop");
  const Value* const inner = json.find("gbtree");
  const Value& trees_of = *TRY(part(inner != nullptr ? *inner : json, "model"));
  if (weights == nullptr) weights = trees_of.find("weight_drop");
  if (weights != nullptr) model.tree_weight = floats(*weights);
  for (const Value& tree : TRY(part(trees_of, "trees"))->items) {
    model.trees.push_back(TRY(read_tree(tree).within("tree " + std::to_string(model.trees.size()))));
  }
  for (const double group : TRY(part(trees_of, "tree_info"))->numbers) model.tree_group.push_back(static_cast<std::int64_t>(group));
  if (const Value* at = trees_of.find("iteration_indptr")) {
    for (const double v : at->numbers) model.iteration_trees.push_back(static_cast<std::int64_t>(v));
  }
  if (const Value* param = trees_of.find("gbtree_model_param")) {
    model.parallel_trees = std::max<std::int64_t>(1, TRY(count_or(*param, "num_parallel_tree", 1)));
  }
  if (const Value* enc = trees_of.find({"cats", "enc"})) {
    for (const Value& column : enc->items)
      model.categories.push_back(TRY(read_column_categories(column, model.major == 3 && model.minor >= 1 && model.minor <= 3)));
  }
  return ok();
}

Status read_learner(const Value& learner, XgbModel& model) {
  const Value& param = *TRY(part(learner, "learner_model_param"));
  model.base_score = TRY(base_scores(text_of(param.find("base_score"))));
  model.features = TRY(count_or(param, "num_feature", 0));
  model.classes = TRY(count_or(param, "num_class", 0));
  model.targets = std::max<std::int64_t>(1, TRY(count_or(param, "num_target", 1)));
  if (const Value* objective = learner.find("objective")) model.objective = text_of(objective->find("name"));
  if (const Value* attributes = learner.find("attributes")) {
    for (const auto& [name, value] : attributes->members) model.attributes[name] = value.text;
  }
  if (const Value* names = learner.find("feature_names")) model.names = names->texts;
  if (const Value* types = learner.find("feature_types")) model.types = types->texts;
  return read_booster(*TRY(part(learner, "gradient_booster")), model);
}

}  // namespace

Result<XgbModel> read_xgboost_document(std::string_view bytes, bool ubjson) {
  const Value root = TRY(ubjson ? document::read_ubjson(bytes) : document::read_json(bytes));
  const Value* at = root.find("Model");
  if (at == nullptr) at = &root;
  const Value* learner = at->find("learner");
  if (learner == nullptr) return broken("it has no learner");
  XgbModel model;
  model.major = 1;
  if (const Value* version = at->find("version"); version != nullptr && version->numbers.size() >= 2) {
    model.major = static_cast<int>(std::clamp(version->numbers[0], 1.0, 1e6));
    model.minor = static_cast<int>(std::clamp(version->numbers[1], 0.0, 1e6));
  }
  TRY(read_learner(*learner, model));
  // 1.4 and 1.5 say how many trees a round has in the configuration only.
  const Value* config = root.find({"Config", "learner", "gradient_booster"});
  if (config != nullptr && config->find("gbtree") != nullptr) config = config->find("gbtree");
  if (config != nullptr && model.parallel_trees == 1) {
    if (const Value* param = config->find("gbtree_train_param"))
      model.parallel_trees = std::max<std::int64_t>(1, TRY(count_or(*param, "num_parallel_tree", 1)));
  }
  return model;
}

}  // namespace slipway::importers::boosting
