// Table: the columns that flow from one step of a lowering to the next, as the library's matrix X would. A column is either a raw
// feature of the request, whose type is not known until something uses it as a number or as text, or a column of a value in the
// graph. Values, single-threaded.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "slipway/graph/builder.hpp"

namespace slipway::importers {

struct Column {
  std::int32_t feature = -1;                // raw feature; -1: column `at` of `block`
  std::shared_ptr<const graph::Val> block;  // float64 or string, [N, block->columns]
  std::int64_t at = 0;
  std::int32_t same_as = -1;               // the feature whose present values these are (an imputer changes missing ones only)
  std::vector<std::int32_t> missing_from;  // features whose missing value would still be missing here

  bool is_text() const { return feature < 0 && block->dtype == DType::string; }
};

struct Table {
  std::vector<Column> columns;
  std::optional<graph::Val> free;  // a table whose width the file doesn't tell: then there are no columns

  bool vector = false;  // the library's answer is a vector, not a table of one column
  // The library holds it as a sparse matrix: to XGBoost what such a matrix doesn't store is missing, not zero.
  bool sparse = false;

  std::size_t width() const { return columns.size(); }
};

// Columns 0..n-1 of a value that was made in the graph.
Table table_of(const graph::Val& block);
Table select(const Table& table, const std::vector<std::int64_t>& which);
void append(Table& to, const Table& more);  // one sparse part makes the whole sparse, as scipy's hstack does

}  // namespace slipway::importers
