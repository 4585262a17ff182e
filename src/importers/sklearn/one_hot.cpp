// OneHotEncoder: a column of 0 and 1 for each category that is kept; rare ones may share a column, one may be dropped.
#include "slipway/importers/blocks/texts.hpp"
#include "slipway/importers/sklearn/categories.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

// One input column: where each category goes in the output, -1: nowhere.
struct Plan {
  std::vector<std::int64_t> place;
  std::int64_t unknown = -1;
  std::int64_t width = 0;
};

// A category index a column, -1: none is dropped there.
Result<std::vector<std::int64_t>> dropped_by(const View& model, const char* attribute, const std::vector<Categories>& categories) {
  const std::size_t columns = categories.size();
  std::vector<std::int64_t> out(columns, -1);
  if (!present(model, attribute)) return out;
  const View v = *model.find(attribute);
  if (v.is(Kind::array) && !v.is_object_array()) {
    const auto indices = TRY(v.integers());
    if (indices.size() != columns) return refuse(v, "it doesn't fit the columns");
    out = indices;
  } else {
    if (v.size() != columns) return refuse(v, "it doesn't fit the columns");
    for (std::size_t i = 0; i < columns; ++i) {
      if (!v.at(i).is_none()) out[i] = TRY(v.at(i).integer());
    }
  }
  for (std::size_t i = 0; i < columns; ++i) {
    const auto count = static_cast<std::int64_t>(categories[i].count());
    if (out[i] >= -1 && out[i] < count) continue;
    return refuse(
        v, "category " + std::to_string(out[i]) + " of column " + std::to_string(i) + " is to be dropped, but there are " + std::to_string(count));
  }
  return out;
}

Result<std::vector<std::int64_t>> dropped(const View& model, const std::vector<Categories>& categories) {
  const auto plain = TRY(dropped_by(model, "drop_idx_", categories));  // before 1.3 these count grouped categories
  if (!model.has("_drop_idx_after_grouping")) return plain;
  return dropped_by(model, "_drop_idx_after_grouping", categories);
}

Plan plan_of(const Categories& categories, const Grouping& grouping, std::int64_t drop, bool unknown_is_rare) {
  Plan plan;
  const auto n = static_cast<std::int64_t>(categories.count());
  std::int64_t groups = 0;
  auto group = [&](std::int64_t i) { return grouping.group_of.empty() ? i : grouping.group_of[static_cast<std::size_t>(i)]; };
  for (std::int64_t i = 0; i < n; ++i) groups = std::max(groups, group(i) + 1);
  auto placed = [&](std::int64_t g) { return drop < 0 || g < drop ? g : g == drop ? -1 : g - 1; };
  for (std::int64_t i = 0; i < n; ++i) plan.place.push_back(placed(group(i)));
  if (unknown_is_rare && grouping.infrequent >= 0) plan.unknown = placed(group(grouping.infrequent));
  plan.width = groups - (drop >= 0 && drop < groups ? 1 : 0);
  return plan;
}

Val one_hot_of_code(Builder& graph, const Val& code, std::int64_t width) {
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < width; ++i) places.push_back(i);
  const Val row = graph.constant(int64s({1, width}, places));
  return graph.cast(Builder::typed(graph.op("Equal", {code, row}), DType::boolean, width), DType::float64);
}

// Numbers without groups or a missing category: compared with the kept categories at once.
std::optional<std::vector<double>> kept_numbers(const Categories& categories, const Grouping& grouping, const Plan& plan) {
  if (categories.text || categories.missing >= 0 || !grouping.group_of.empty()) return std::nullopt;
  std::vector<double> kept;
  for (std::size_t i = 0; i < categories.numbers.size(); ++i) {
    if (plan.place[i] >= 0) kept.push_back(categories.numbers[i]);
  }
  return kept;
}

Result<Val> encode_column(Lowering& to, const Column& column, const Categories& categories, const Grouping& grouping, const Plan& plan) {
  Table one;
  one.columns.push_back(column);
  if (categories.text) {
    const Val code = look_up(to.graph, TRY(category_texts(to, column, categories)), categories.texts, plan.place, plan.unknown);
    return one_hot_of_code(to.graph, code, plan.width);
  }
  if (const auto kept = kept_numbers(categories, grouping, plan)) {
    const Val x = TRY(to.inputs.numbers(one));
    return to.graph.cast(Builder::typed(to.graph.op("Equal", {x, to.graph.row(*kept)}), DType::boolean, plan.width), DType::float64);
  }
  const std::vector<double> codes(plan.place.begin(), plan.place.end());
  const Val code = TRY(coded(to, column, categories, codes, static_cast<double>(plan.unknown)));
  return one_hot_of_code(to.graph, to.graph.cast(code, DType::int64), plan.width);
}

Result<Table> encode(Lowering& to, const View& model, const Table& in) {
  const auto categories = TRY(read_categories(to, model, in));
  const auto grouping = TRY(read_grouping(model, categories));
  const auto drop = TRY(dropped(model, categories));
  const std::string unknown = text_or(model, "handle_unknown", "error");
  const bool to_rare = unknown == "infrequent_if_exist" || unknown == "warn";
  std::vector<Val> parts;
  for (std::size_t i = 0; i < categories.size(); ++i) {
    const bool checked = announce(to, model, in.columns[i], categories[i], unknown == "error", to.version(model).at_least(0, 24));
    const Plan plan = plan_of(categories[i], grouping[i], drop[i], to_rare);
    if (plan.width == 0) continue;
    const Val part = TRY(encode_column(to, in.columns[i], categories[i], grouping[i], plan));
    parts.push_back(checked ? part : TRY(known(to, in.columns[i], i, categories[i], part)));
  }
  if (parts.empty()) return Table{};
  return table_of(to.graph.concat_columns(parts));
}

constexpr Converter kConverters[] = {{"OneHotEncoder", encode, nullptr}};

}  // namespace

Family one_hot_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
