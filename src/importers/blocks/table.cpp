#include "slipway/importers/blocks/table.hpp"

namespace slipway::importers {

Table table_of(const graph::Val& block) {
  Table table;
  const auto shared = std::make_shared<const graph::Val>(block);
  for (std::int64_t i = 0; i < block.columns; ++i) {
    Column column;
    column.block = shared;
    column.at = i;
    table.columns.push_back(std::move(column));
  }
  return table;
}

Table select(const Table& table, const std::vector<std::int64_t>& which) {
  Table out;
  out.sparse = table.sparse;
  out.columns.reserve(which.size());
  for (const std::int64_t i : which) out.columns.push_back(table.columns[static_cast<std::size_t>(i)]);
  return out;
}

void append(Table& to, const Table& more) {
  to.columns.insert(to.columns.end(), more.columns.begin(), more.columns.end());
  to.sparse = to.sparse || more.sparse;
}

}  // namespace slipway::importers
