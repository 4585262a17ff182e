#include "slipway/ops/sparse.hpp"

#include <algorithm>
#include <limits>

namespace slipway::ops {

SparseView sparse_view(const In& starts, const In& columns, const In& values) {
  SparseView out{starts.ints(), columns.ints(), values.doubles()};
  const auto entries = static_cast<std::int64_t>(out.columns.size());
  bool good = !out.starts.empty() && out.values.size() == out.columns.size() && out.starts.front() == 0 && out.starts.back() == entries;
  for (std::size_t i = 1; good && i < out.starts.size(); ++i) good = out.starts[i] >= out.starts[i - 1] && out.starts[i] <= entries;
  if (!good) throw std::invalid_argument("the parts of a sparse table don't fit together");
  return out;
}

void check_columns(const SparseView& x, std::size_t width) {
  for (const std::int64_t c : x.columns) {
    if (c < 0 || static_cast<std::size_t>(c) >= width) throw std::invalid_argument("a sparse table has a column beyond " + std::to_string(width));
  }
}

SparseRow merged(std::vector<std::pair<std::int64_t, double>> entries, bool binary) {
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  SparseRow row;
  for (const auto& [column, value] : entries) {
    if (row.columns.empty() || row.columns.back() != column) {
      row.columns.push_back(column);
      row.values.push_back(binary ? 1.0 : value);
    } else if (!binary) {
      row.values.back() += value;
    }
  }
  return row;
}

void write_rows(Outs& out, const std::vector<SparseRow>& rows) {
  const auto starts = out.ints(0, {static_cast<std::int64_t>(rows.size()) + 1});
  starts[0] = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) starts[i + 1] = starts[i] + static_cast<std::int64_t>(rows[i].columns.size());
  const auto columns = out.ints(1, {starts.back()});
  const auto values = out.doubles(2, {starts.back()});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy(rows[i].columns.begin(), rows[i].columns.end(), columns.begin() + starts[i]);
    std::copy(rows[i].values.begin(), rows[i].values.end(), values.begin() + starts[i]);
  }
}

void in_blocks(Outs& out, std::size_t n, std::size_t block, const std::function<void(std::size_t)>& each) {
  if (n < 2 * block) {
    for (std::size_t i = 0; i < n; ++i) each(i);
    return;
  }
  out.parallel((n + block - 1) / block, [&](std::size_t b) {
    for (std::size_t i = b * block; i < std::min(n, (b + 1) * block); ++i) each(i);
  });
}

namespace {

class SparseToDense final : public Kernel {
 public:
  explicit SparseToDense(const Setup& setup) : columns_(setup.integer("columns", 0)), gaps_(setup.integer("gaps", 0) != 0) {
    if (columns_ < 1 || columns_ > 0x7fffffff) throw std::invalid_argument("columns must be a positive number");
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const SparseView x = sparse_view(in[0], in[1], in[2]);
    const auto width = static_cast<std::size_t>(columns_);
    check_columns(x, width);
    const auto y = out.doubles(0, {static_cast<std::int64_t>(x.rows()), columns_});
    std::fill(y.begin(), y.end(), gaps_ ? std::numeric_limits<double>::quiet_NaN() : 0.0);
    for (std::size_t r = 0; r < x.rows(); ++r) {
      const auto [begin, end] = x.row(r);
      for (std::size_t i = begin; i < end; ++i) y[r * width + static_cast<std::size_t>(x.columns[i])] = x.values[i];
    }
  }

 private:
  std::int64_t columns_;
  bool gaps_;  // what isn't stored is missing, not zero
};

// SparseColumns(x, which [k]): column i of the result is column which[i] of x.
class SparseColumns final : public Kernel {
 public:
  explicit SparseColumns(const Setup& setup) {
    const auto which = setup.needed(3).ints();
    for (std::size_t i = 0; i < which.size(); ++i) {
      if (which[i] < 0) throw std::invalid_argument("a column is negative");
      places_.emplace_back(which[i], static_cast<std::int64_t>(i));
    }
    std::sort(places_.begin(), places_.end());
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const SparseView x = sparse_view(in[0], in[1], in[2]);
    std::vector<SparseRow> rows(x.rows());
    in_blocks(out, x.rows(), 64, [&](std::size_t r) {
      std::vector<std::pair<std::int64_t, double>> entries;
      const auto [begin, end] = x.row(r);
      for (std::size_t i = begin; i < end; ++i) {
        auto at = std::lower_bound(places_.begin(), places_.end(), std::pair(x.columns[i], std::int64_t{0}));
        for (; at != places_.end() && at->first == x.columns[i]; ++at) entries.emplace_back(at->second, x.values[i]);
      }
      rows[r] = merged(std::move(entries), false);
    });
    write_rows(out, rows);
  }

 private:
  std::vector<std::pair<std::int64_t, std::int64_t>> places_;  // column of x, column of the result
};

class DenseToSparse final : public Kernel {
 public:
  void compute(std::span<const In> in, Outs& out) const override {
    const auto x = in[0].doubles();
    const std::size_t width = in[0].columns();
    std::vector<SparseRow> rows(in[0].rows());
    for (std::size_t r = 0; r < rows.size(); ++r) {
      for (std::size_t c = 0; c < width; ++c) {
        if (x[r * width + c] == 0) continue;
        rows[r].columns.push_back(static_cast<std::int64_t>(c));
        rows[r].values.push_back(x[r * width + c]);
      }
    }
    write_rows(out, rows);
  }
};

class SparseMatMul final : public Kernel {
 public:
  void compute(std::span<const In> in, Outs& out) const override {
    const SparseView x = sparse_view(in[0], in[1], in[2]);
    if (in[3].shape.size() != 2) throw std::invalid_argument("the weights must be a matrix");
    check_columns(x, in[3].rows());
    const auto w = in[3].doubles();
    const auto width = static_cast<std::size_t>(in[3].shape[1]);
    const auto y = out.doubles(0, {static_cast<std::int64_t>(x.rows()), in[3].shape[1]});
    in_blocks(out, x.rows(), 64, [&](std::size_t r) {
      double* const row = y.data() + r * width;
      std::fill(row, row + width, 0.0);
      const auto [begin, end] = x.row(r);
      for (std::size_t i = begin; i < end; ++i) {
        const double* const weights = w.data() + static_cast<std::size_t>(x.columns[i]) * width;
        for (std::size_t k = 0; k < width; ++k) row[k] += x.values[i] * weights[k];
      }
    });
  }
};

}  // namespace

std::unique_ptr<Kernel> make_SparseToDense(const Setup& setup) { return std::make_unique<SparseToDense>(setup); }
std::unique_ptr<Kernel> make_SparseColumns(const Setup& setup) { return std::make_unique<SparseColumns>(setup); }
std::unique_ptr<Kernel> make_DenseToSparse(const Setup&) { return std::make_unique<DenseToSparse>(); }
std::unique_ptr<Kernel> make_SparseMatMul(const Setup&) { return std::make_unique<SparseMatMul>(); }

}  // namespace slipway::ops
