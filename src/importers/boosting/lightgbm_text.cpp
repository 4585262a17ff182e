// LightGBM's text: lines "name=value", a header and then a block a tree that begins with "Tree=i"; parameters and the pandas categories
// follow behind "end of trees".
#include <charconv>
#include <unordered_map>

#include "slipway/importers/boosting/lightgbm_model.hpp"

namespace slipway::importers::boosting {
namespace {

constexpr std::size_t kTreesMax = 1'000'000;

Error broken(const std::string& what) { return {ErrorCode::model_refused, "damaged LightGBM model: " + what}; }

using Fields = std::unordered_map<std::string_view, std::string_view>;

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  bool done() const { return rest_.empty(); }
  std::string_view next() {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
  }
  std::string_view peek() const { return Lines(*this).next(); }

 private:
  std::string_view rest_;
};

// Lines up to the next tree, or the end of trees.
Fields block(Lines& lines) {
  Fields fields;
  while (!lines.done()) {
    const std::string_view ahead = lines.peek();
    if (ahead.substr(0, 5) == "Tree=" || ahead.substr(0, 12) == "end of trees") break;
    const std::string_view line = lines.next();
    const std::size_t equals = line.find('=');
    fields[line.substr(0, equals)] = equals == std::string_view::npos ? std::string_view() : line.substr(equals + 1);
  }
  return fields;
}

std::string_view word(std::string_view& text) {
  const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
  const std::size_t end = std::min(text.find(' ', begin), text.size());
  const std::string_view out = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return out;
}

template <class T>
Result<T> number(std::string_view text, std::string_view name) {
  T value{};
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size())
    return broken(std::string(name) + " holds '" + std::string(text.substr(0, 40)) + "'");
  return value;
}

template <class T>
Result<std::vector<T>> numbers(const Fields& fields, std::string_view name) {
  std::vector<T> out;
  const auto found = fields.find(name);
  if (found == fields.end()) return out;
  std::string_view text = found->second;
  for (std::string_view w = word(text); !w.empty(); w = word(text)) out.push_back(TRY(number<T>(w, name)));
  return out;
}

Result<std::int64_t> whole(const Fields& fields, std::string_view name, std::int64_t otherwise) {
  const auto found = fields.find(name);
  if (found == fields.end() || found->second.empty()) return otherwise;
  const auto value = TRY(number<std::int64_t>(found->second, name));
  if (value < 0 || value > 1'000'000'000) return broken(std::string(name) + " is out of range");
  return value;
}

std::vector<std::string> words(const Fields& fields, std::string_view name) {
  std::vector<std::string> out;
  const auto found = fields.find(name);
  std::string_view text = found == fields.end() ? std::string_view() : found->second;
  for (std::string_view w = word(text); !w.empty(); w = word(text)) out.emplace_back(w);
  return out;
}

// The file's sets are of 32-bit words.
Status read_sets(const Fields& fields, LgbTree& tree) {
  const auto bounds = TRY(numbers<std::int64_t>(fields, "cat_boundaries"));
  const auto words = TRY(numbers<std::uint32_t>(fields, "cat_threshold"));
  for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
    if (bounds[i] < 0 || bounds[i + 1] < bounds[i] || bounds[i + 1] > static_cast<std::int64_t>(words.size()))
      return broken("a tree's categories don't fit their bounds");
    std::vector<std::int64_t> set;
    const auto first = static_cast<std::size_t>(bounds[i]), last = static_cast<std::size_t>(bounds[i + 1]);
    for (std::size_t w = first; w < last; w += 2) {
      const std::uint64_t high = w + 1 < last ? words[w + 1] : 0;
      set.push_back(static_cast<std::int64_t>(high << 32 | words[w]));
    }
    tree.sets.push_back(std::move(set));
  }
  return ok();
}

Status read_linear(const Fields& fields, LgbTree& tree) {
  const auto constants = TRY(numbers<double>(fields, "leaf_const"));
  const auto counts = TRY(numbers<std::int64_t>(fields, "num_features"));
  const auto features = TRY(numbers<std::int64_t>(fields, "leaf_features"));
  const auto coefficients = TRY(numbers<double>(fields, "leaf_coeff"));
  const std::size_t leaves = tree.leaf_value.size();
  if (constants.size() != leaves || counts.size() != leaves || features.size() != coefficients.size())
    return broken("linear leaves don't fit the leaves");
  std::size_t at = 0;
  for (std::size_t i = 0; i < leaves; ++i) {
    if (counts[i] < 0 || static_cast<std::size_t>(counts[i]) > features.size() - at) return broken("linear leaves don't fit their features");
    const auto end = at + static_cast<std::size_t>(counts[i]);
    LinearLeaf leaf;
    leaf.constant = constants[i];
    for (; at < end; ++at) {
      leaf.features.push_back(features[at]);
      leaf.coefficients.push_back(coefficients[at]);
    }
    tree.linear.push_back(std::move(leaf));
  }
  return ok();
}

Result<LgbTree> read_tree(const Fields& fields) {
  LgbTree tree;
  const std::int64_t leaves = TRY(whole(fields, "num_leaves", 1));
  tree.leaf_value = TRY(numbers<double>(fields, "leaf_value"));
  if (leaves < 1 || tree.leaf_value.size() < static_cast<std::size_t>(leaves)) return broken("a tree has fewer leaf values than leaves");
  tree.leaf_value.resize(static_cast<std::size_t>(leaves));
  const auto branches = static_cast<std::size_t>(leaves - 1);
  if (branches > 0) {
    tree.feature = TRY(numbers<std::int64_t>(fields, "split_feature"));
    tree.threshold = TRY(numbers<double>(fields, "threshold"));
    tree.left = TRY(numbers<std::int64_t>(fields, "left_child"));
    tree.right = TRY(numbers<std::int64_t>(fields, "right_child"));
    tree.decision = TRY(numbers<std::int64_t>(fields, "decision_type"));
    if (tree.decision.empty()) tree.decision.assign(branches, 0);
    for (const std::size_t n : {tree.feature.size(), tree.threshold.size(), tree.left.size(), tree.right.size(), tree.decision.size()}) {
      if (n != branches) return broken("a tree's lists have different lengths");
    }
    tree.gain = TRY(numbers<double>(fields, "split_gain"));
    if (!tree.gain.empty() && tree.gain.size() != branches) return broken("a tree's lists have different lengths");
    TRY(read_sets(fields, tree));
  }
  if (TRY(whole(fields, "is_linear", 0)) != 0) TRY(read_linear(fields, tree));
  return tree;
}

// "binary sigmoid:1", "multiclass num_class:3", "regression sqrt"
Status read_objective(std::string_view text, LgbModel& model) {
  model.objective = word(text);
  for (std::string_view w = word(text); !w.empty(); w = word(text)) {
    if (w == "sqrt") model.sqrt = true;
    if (w.substr(0, 8) == "sigmoid:") model.sigmoid = TRY(number<double>(w.substr(8), "sigmoid"));
  }
  return ok();
}

Status read_header(const Fields& fields, LgbModel& model) {
  const auto text = [&](std::string_view name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string_view() : found->second;
  };
  model.version = text("version");
  model.classes = TRY(whole(fields, "num_class", 1));
  model.trees_per_iteration = TRY(whole(fields, "num_tree_per_iteration", model.classes));
  if (fields.count("max_feature_idx") == 0) return broken("it has no max_feature_idx");
  model.features = TRY(whole(fields, "max_feature_idx", 0)) + 1;
  model.average = fields.count("average_output") != 0;
  model.names = words(fields, "feature_names");
  model.infos = words(fields, "feature_infos");
  return read_objective(text("objective"), model);
}

Status read_footer(Lines& lines, LgbModel& model) {
  constexpr std::string_view kPandas = "pandas_categorical:", kColumns = "[categorical_feature: ";
  while (!lines.done()) {
    std::string_view line = lines.next();
    if (line.substr(0, kPandas.size()) == kPandas) {
      auto read = json::parse(line.substr(kPandas.size()));
      if (!read.ok()) return broken("its pandas categories are no JSON");
      model.pandas_categories = std::move(*read);
    } else if (line.substr(0, kColumns.size()) == kColumns && line.back() == ']') {
      line = line.substr(kColumns.size(), line.size() - kColumns.size() - 1);
      while (!line.empty()) {
        const std::size_t comma = std::min(line.find(','), line.size());
        std::int64_t column = 0;  // may be names, which are looked for elsewhere
        const auto read = std::from_chars(line.data(), line.data() + comma, column);
        if (read.ec == std::errc()) model.categorical.push_back(column);
        line.remove_prefix(std::min(line.size(), comma + 1));
      }
    }
  }
  return ok();
}

}  // namespace

Result<LgbModel> read_lightgbm(std::string_view text) {
  Lines lines(text);
  LgbModel model;
  TRY(read_header(block(lines), model));
  while (!lines.done() && lines.peek().substr(0, 5) == "Tree=") {
    lines.next();
    if (model.trees.size() >= kTreesMax) return broken("it has more than " + std::to_string(kTreesMax) + " trees");
    model.trees.push_back(TRY(read_tree(block(lines)).within("tree " + std::to_string(model.trees.size()))));
  }
  TRY(read_footer(lines, model));
  return model;
}

}  // namespace slipway::importers::boosting
