#include "slipway/ops/search_tree.hpp"

#include <limits>

#include "slipway/ops/neighbors.hpp"

namespace slipway::ops {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double exponent_of(const std::string& metric, double given) {
  if (metric == "euclidean") return 2;
  if (metric == "manhattan") return 1;
  if (metric == "chebyshev") return kInfinity;
  return given;
}

// A row within the bounds has distance 0 to them.
double outside(double low, double high, double x) {
  const double below = low - x, above = x - high;
  return 0.5 * ((below + std::abs(below)) + (above + std::abs(above)));
}

}  // namespace

SearchTree::SearchTree(const Setup& setup, std::size_t metric_at)
    : rows_(kept_rows(setup.needed(1), "the rows")),
      metric_(metric_of(setup, std::max<std::size_t>(rows_.columns, 1), metric_at)),
      ball_(setup.text("tree", "kd") == "ball"),
      p_(exponent_of(setup.text("metric", "euclidean"), metric_.p())) {
  const In order = setup.needed(2), nodes = setup.needed(3), radii = setup.needed(4);
  const KeptRows bounds = kept_rows(setup.needed(5), "the bounds");
  bounds_ = bounds.data;
  radii_.assign(radii.doubles().begin(), radii.doubles().end());
  if (nodes.shape.size() != 2 || nodes.shape[1] != 3 || nodes.shape[0] < 1)
    throw std::invalid_argument("the nodes must be a matrix of three columns");
  const std::size_t n = nodes.rows();
  if (radii_.size() != n || bounds.rows != (ball_ ? n : 2 * n) || bounds.columns != rows_.columns || order.count() != rows_.rows)
    throw std::invalid_argument("the parts of the tree don't fit each other");
  for (const std::int64_t i : order.ints()) {
    if (i < 0 || static_cast<std::size_t>(i) >= rows_.rows) throw std::invalid_argument("the tree names a row that isn't there");
    order_.push_back(static_cast<std::size_t>(i));
  }
  for (std::size_t i = 0; i < n; ++i) {
    const Node node{nodes.ints()[3 * i], nodes.ints()[3 * i + 1], nodes.ints()[3 * i + 2] != 0};
    if (node.first < 0 || node.last < node.first || static_cast<std::size_t>(node.last) > rows_.rows)
      throw std::invalid_argument("a node holds rows that aren't there");
    if (!node.leaf && 2 * i + 2 >= n) throw std::invalid_argument("a node's children aren't there");
    nodes_.push_back(node);
  }
}

double SearchTree::least_reduced(std::size_t node, const double* x) const {
  const std::size_t n = rows_.columns;
  if (ball_) return metric_.to_reduced(std::max(0.0, metric_.distance(x, low(node)) - radii_[node]));
  const double* lows = low(node);
  const double* highs = high(node);
  double sum = 0;
  if (p_ == 2) {
    for (std::size_t i = 0; i < n; ++i) {
      const double d = outside(lows[i], highs[i], x[i]);
      sum += d * d;
    }
  } else if (p_ == 1) {
    for (std::size_t i = 0; i < n; ++i) sum += outside(lows[i], highs[i], x[i]);
  } else if (p_ == kInfinity) {
    for (std::size_t i = 0; i < n; ++i) sum = std::fmax(sum, outside(lows[i], highs[i], x[i]));
  } else {
    for (std::size_t i = 0; i < n; ++i) sum += std::pow(outside(lows[i], highs[i], x[i]), p_);
  }
  return sum;
}

SearchTree::Bounds SearchTree::bounds(std::size_t node, const double* x) const {
  const std::size_t n = rows_.columns;
  if (ball_) {
    const double to_centre = metric_.distance(x, low(node));
    return {std::fmax(0, to_centre - radii_[node]), to_centre + radii_[node]};
  }
  Bounds b{0, 0};
  for (std::size_t i = 0; i < n; ++i) {
    const double below = std::abs(low(node)[i] - x[i]), above = std::abs(x[i] - high(node)[i]);
    const double near = outside(low(node)[i], high(node)[i], x[i]), far = std::fmax(below, above);
    if (p_ == kInfinity) {
      b.least = std::fmax(b.least, near);
      b.most = std::fmax(b.most, far);
    } else {
      b.least += std::pow(near, p_);
      b.most += std::pow(far, p_);
    }
  }
  if (p_ != kInfinity) b = {std::pow(b.least, 1 / p_), std::pow(b.most, 1 / p_)};
  return b;
}

namespace {

// The k nearest rows by the library's own walk, so that ties fall as they do there.
class NearestInTree final : public Kernel {
 public:
  explicit NearestInTree(const Setup& setup) : tree_(setup, 6), k_(setup.integer("k", 1)) {
    if (k_ < 1 || static_cast<std::size_t>(k_) > tree_.rows().rows) throw std::invalid_argument("there are not so many rows as neighbours");
  }

  void compute(std::span<const In> in, Outs& out) const override {
    const Rows x = rows_of(in[0], "the first input");
    expect_columns(x, tree_.rows().columns);
    const auto distances = out.doubles(0, {in[0].shape[0], k_});
    const auto indices = out.ints(1, {in[0].shape[0], k_});
    const auto k = static_cast<std::size_t>(k_);
    over_rows(out, x.rows, work(), [&](std::size_t first, std::size_t last) {
      NearestHeap heap(k);
      std::vector<std::size_t> order;
      for (std::size_t r = first; r < last; ++r) {
        heap.clear();
        visit(0, x.row(r), tree_.least_reduced(0, x.row(r)), heap);
        heap.sorted(distances.data() + r * k, indices.data() + r * k, order);
        for (std::size_t i = 0; i < k; ++i) distances[r * k + i] = tree_.metric().full(distances[r * k + i]);
      }
    });
  }

 private:
  std::size_t work() const {  // a guess: some leaves
    return std::min(tree_.rows().rows, std::size_t{200} + 10 * static_cast<std::size_t>(k_)) * tree_.rows().columns;
  }

  // Depth is bounded by the numbering of children.
  void visit(std::size_t node, const double* x, double least_here, NearestHeap& heap) const {
    if (least_here > heap.largest()) return;
    if (tree_.node(node).leaf) {
      for (std::int64_t i = tree_.node(node).first; i < tree_.node(node).last; ++i) {
        const std::size_t row = tree_.row_at(i);
        heap.push(tree_.metric().reduced(x, tree_.rows().row(row)), static_cast<std::int64_t>(row));
      }
      return;
    }
    const std::size_t left = 2 * node + 1, right = left + 1;
    const double to_left = tree_.least_reduced(left, x), to_right = tree_.least_reduced(right, x);
    if (to_left <= to_right) {
      visit(left, x, to_left, heap);
      visit(right, x, to_right, heap);
    } else {
      visit(right, x, to_right, heap);
      visit(left, x, to_left, heap);
    }
  }

  SearchTree tree_;
  std::int64_t k_;
};

}  // namespace

std::unique_ptr<Kernel> make_NearestInTree(const Setup& setup) { return std::make_unique<NearestInTree>(setup); }

}  // namespace slipway::ops
