// Sparse tables in the graph: three values (int64 starts [rows + 1], int64 columns [entries], float64 values [entries]), the columns of a
// row ascending and each once. What kernels that make and take them share.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "slipway/ops/kernel.hpp"

namespace slipway::ops {

struct SparseView {
  std::span<const std::int64_t> starts, columns;
  std::span<const double> values;

  std::size_t rows() const { return starts.size() - 1; }
  std::pair<std::size_t, std::size_t> row(std::size_t i) const {
    return {static_cast<std::size_t>(starts[i]), static_cast<std::size_t>(starts[i + 1])};
  }
};
// Throws std::invalid_argument unless the three fit together.
SparseView sparse_view(const In& starts, const In& columns, const In& values);
void check_columns(const SparseView& x, std::size_t width);  // every column below width

struct SparseRow {
  std::vector<std::int64_t> columns;
  std::vector<double> values;
};
// Entries in any order to a row; equal columns are summed. binary: whatever is there counts 1.
SparseRow merged(std::vector<std::pair<std::int64_t, double>> entries, bool binary);
void write_rows(Outs& out, const std::vector<SparseRow>& rows);  // as outputs 0 to 2

// Calls `each` for 0 ... n-1, on several threads where there are many more than `block`. `each` must not throw.
void in_blocks(Outs& out, std::size_t n, std::size_t block, const std::function<void(std::size_t)>& each);

}  // namespace slipway::ops
