// OrdinalEncoder: the place of a value in its column's list of categories.
#include <cmath>

#include "slipway/importers/sklearn/categories.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

// The columns whose NaN category is answered by encoded_missing_value: the keys of _missing_indices. None is a category as any other.
Result<std::vector<bool>> missing_columns(const View& model, std::size_t columns) {
  std::vector<bool> out(columns, false);
  const auto indices = model.find("_missing_indices");
  for (std::size_t i = 0; indices && i < indices->entries(); ++i) {
    const std::int64_t column = TRY(indices->key_at(i).integer());
    if (column < 0 || column >= static_cast<std::int64_t>(columns)) return refuse(*indices, "it names column " + std::to_string(column));
    out[static_cast<std::size_t>(column)] = true;
  }
  return out;
}

std::vector<double> codes_of(const Categories& categories, const Grouping& grouping, std::optional<double> missing_code) {
  std::vector<double> codes;
  for (std::size_t i = 0; i < categories.count(); ++i)
    codes.push_back(static_cast<double>(grouping.group_of.empty() ? static_cast<std::int64_t>(i) : grouping.group_of[i]));
  if (categories.missing >= 0 && missing_code) codes[static_cast<std::size_t>(categories.missing)] = *missing_code;
  return codes;
}

Result<Table> encode(Lowering& to, const View& model, const Table& in) {
  const auto categories = TRY(read_categories(to, model, in));
  const auto grouping = TRY(read_grouping(model, categories));
  const bool closed = text_or(model, "handle_unknown", "error") != "use_encoded_value";
  const double unknown = closed ? 0 : TRY(number_or(model, "unknown_value", std::nan("")));
  const double missing = TRY(number_or(model, "encoded_missing_value", std::nan("")));
  const auto lost = TRY(missing_columns(model, categories.size()));
  std::vector<Val> parts;
  for (std::size_t i = 0; i < categories.size(); ++i) {
    const bool checked = announce(to, model, in.columns[i], categories[i], closed, to.version(model).at_least(1, 0));
    const Val code =
        TRY(coded(to, in.columns[i], categories[i], codes_of(categories[i], grouping[i], lost[i] ? std::optional(missing) : std::nullopt), unknown));
    parts.push_back(checked ? code : TRY(known(to, in.columns[i], i, categories[i], code)));
  }
  Table out = table_of(to.graph.concat_columns(parts));
  for (std::size_t i = 0; i < out.width(); ++i) {
    if (lost[i] && categories[i].missing >= 0 && std::isnan(missing)) out.columns[i].missing_from = in.columns[i].missing_from;
  }
  return out;
}

constexpr Converter kConverters[] = {{"OrdinalEncoder", encode, nullptr}};

}  // namespace

Family ordinal_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
