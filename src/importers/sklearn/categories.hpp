// The category lists of encoders, one a column, and how a column is compared with them. For sklearn/*.cpp only.
#pragma once

#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {

struct Categories {
  bool text = false, boolean = false;
  bool documents = false;          // texts and numbers mixed, or both None and NaN: `text`, each category by its key (ops/text/json.hpp)
  std::vector<std::string> texts;  // text: one a category; the missing one's is kMissingText
  std::vector<double> numbers;     // else; the missing one's is NaN
  std::int64_t missing = -1;       // which category is None or NaN
  std::vector<json::Value> shown;  // without the missing one

  std::size_t count() const { return text ? texts.size() : numbers.size(); }
};

// categories_, checked against the table's width. Errors: model_refused for lists that mix texts and numbers.
Result<std::vector<Categories>> read_categories(Lowering& to, const View& model, const Table& in);

// Tells the inputs what the column's values are; `refused`: an unknown category is an error in the library.
// Missing values are refused where they are no category and `missing_is_unknown` is false or unknown ones are refused.
// The result tells whether requests are checked for it; else `known` has to guard.
bool announce(Lowering& to, const View& model, const Column& column, const Categories& categories, bool refused, bool missing_is_unknown);

// `value`, where the column's value is a category; an error that names the column otherwise.
Result<Val> known(Lowering& to, const Column& column, std::size_t at, const Categories& categories, const Val& value);
// [N, 1] string: what stands among categories.texts.
Result<Val> category_texts(Lowering& to, const Column& column, const Categories& categories);
Result<Categories> read_category_list(const View& list);

// [N, 1] float64: codes[category], or `unknown`. Codes are small integers or NaN.
Result<Val> coded(Lowering& to, const Column& column, const Categories& categories, const std::vector<double>& codes, double unknown);

// Index lists of grouped rare categories (from 1.1): per column None or an array. Empty: none is grouped.
struct Grouping {
  std::vector<std::int64_t> group_of;  // category -> its place after grouping; empty: as it is
  std::int64_t infrequent = -1;        // a category of the group; -1: there is no group
};
Result<std::vector<Grouping>> read_grouping(const View& model, const std::vector<Categories>& categories);

}  // namespace slipway::importers::sklearn
