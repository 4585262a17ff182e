// Kernel density estimates: the logarithm of the mean of a kernel over all rows.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "slipway/ops/search_tree.hpp"

namespace slipway::ops {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kNothing = -std::numeric_limits<double>::infinity();

enum class Shape { gaussian, tophat, epanechnikov, exponential, linear, cosine };

Shape shape_of(const std::string& name) {
  constexpr std::pair<std::string_view, Shape> kShapes[] = {
      {"gaussian", Shape::gaussian},       {"tophat", Shape::tophat}, {"epanechnikov", Shape::epanechnikov},
      {"exponential", Shape::exponential}, {"linear", Shape::linear}, {"cosine", Shape::cosine}};
  for (const auto& [known, shape] : kShapes) {
    if (known == name) return shape;
  }
  throw std::invalid_argument("there is no kernel '" + name + "'");
}

double log_volume(double n) { return 0.5 * n * std::log(kPi) - std::lgamma(0.5 * n + 1); }  // of the unit ball in n dimensions
double log_surface(double n) { return std::log(2 * kPi) + log_volume(n - 1); }              // of the unit sphere around it

// The logarithm of one over the kernel's integral, for bandwidth h in d dimensions.
double log_norm(Shape shape, double h, std::size_t dimensions) {
  const auto d = static_cast<double>(dimensions);
  double factor = 0;
  switch (shape) {
    case Shape::gaussian: factor = 0.5 * d * std::log(2 * kPi); break;
    case Shape::tophat: factor = log_volume(d); break;
    case Shape::epanechnikov: factor = log_volume(d) + std::log(2 / (d + 2)); break;
    case Shape::exponential: factor = log_surface(d - 1) + std::lgamma(d); break;
    case Shape::linear: factor = log_volume(d) - std::log(d + 1); break;
    case Shape::cosine: {
      double sum = 0, term = 2 / kPi;
      for (std::size_t k = 1; k < dimensions + 1; k += 2) {
        sum += term;
        term *= -(d - static_cast<double>(k)) * (d - static_cast<double>(k) - 1) * (2 / kPi) * (2 / kPi);
      }
      factor = std::log(sum) + log_surface(d - 1);
      break;
    }
  }
  return -factor - d * std::log(h);
}

double log_kernel(Shape shape, double distance, double h) {
  switch (shape) {
    case Shape::gaussian: return -0.5 * (distance * distance) / (h * h);
    case Shape::tophat: return distance < h ? 0 : kNothing;
    case Shape::epanechnikov: return distance < h ? std::log(1 - (distance * distance) / (h * h)) : kNothing;
    case Shape::exponential: return -distance / h;
    case Shape::linear: return distance < h ? std::log(1 - distance / h) : kNothing;
    case Shape::cosine: return distance < h ? std::log(std::cos(0.5 * kPi * distance / h)) : kNothing;
  }
  return kNothing;
}

double log_of_sum(double a, double b) {
  const double most = std::fmax(a, b);
  return most == kNothing ? kNothing : most + std::log(std::exp(a - most) + std::exp(b - most));
}
double log_of_difference(double a, double b) { return a <= b ? kNothing : a + std::log(1 - std::exp(b - a)); }

// Nodes of the tree, the nearest first: the library's heap, whose order among equals (and whose flaw in popping) decides rounding.
class NodeHeap {
 public:
  struct Item {
    double distance;
    std::size_t node;
  };
  bool empty() const { return items_.empty(); }
  void push(Item item) {
    items_.push_back(item);
    for (std::size_t at = items_.size() - 1; at > 0;) {
      const std::size_t parent = (at - 1) / 2;
      if (items_[parent].distance <= items_[at].distance) break;
      std::swap(items_[parent], items_[at]);
      at = parent;
    }
  }
  Item pop() {
    const Item top = items_.front();
    items_.front() = items_.back();
    items_.pop_back();
    const std::size_t n = items_.size();
    for (std::size_t at = 0; at < n;) {
      const std::size_t left = 2 * at + 1, right = left + 1;
      if (left >= n) break;
      const std::size_t next = right < n && !(items_[left].distance <= items_[right].distance) ? right : left;
      if (!(items_[next].distance <= items_[at].distance)) break;
      std::swap(items_[next], items_[at]);
      at = next;
    }
    return top;
  }

 private:
  std::vector<Item> items_;
};

// Inputs: x; the tree's five; 6 numbers: bandwidth, and the absolute (times the sum of weights) and relative tolerance; 7 weights of the
// rows (or none); the metric's. Gives [N]. Bounds of the density are narrowed node by node as the library does it: where densities are
// tiny, the rounding of that walk is part of its answer.
class LogDensity final : public Kernel {
 public:
  explicit LogDensity(const Setup& setup)
      : tree_(setup, 8), shape_(shape_of(setup.text("kernel", "gaussian"))), breadth_first_(setup.integer("breadth_first", 1) != 0) {
    const In numbers = setup.needed(6), weights = setup.constant(7);
    if (numbers.count() != 3 || !(numbers.doubles()[0] > 0)) throw std::invalid_argument("the bandwidth must be positive");
    h_ = numbers.doubles()[0];
    log_absolute_ = std::log(numbers.doubles()[1]);
    log_relative_ = std::log(numbers.doubles()[2]);
    total_ = static_cast<double>(tree_.rows().rows);
    if (weights.present) {
      if (weights.count() != tree_.rows().rows) throw std::invalid_argument("there must be one weight a row");
      weights_.assign(weights.doubles().begin(), weights.doubles().end());
      total_ = 0;
      for (const double w : weights_) total_ += w;
    }
    norm_ = log_norm(shape_, h_, tree_.rows().columns);
    for (std::size_t i = 0; i < tree_.nodes(); ++i) log_counts_.push_back(std::log(weight_of(i)));
  }
  void compute(std::span<const In> in, Outs& out) const override {
    const Rows x = rows_of(in[0], "the first input");
    expect_columns(x, tree_.rows().columns);
    const auto y = out.doubles(0, {in[0].shape[0]});
    over_rows(out, x.rows, tree_.rows().rows * (tree_.rows().columns + 20), [&](std::size_t first, std::size_t last) {
      std::vector<Local> locals(tree_.nodes());
      for (std::size_t r = first; r < last; ++r) {
        Global global = breadth_first_ ? by_breadth(x.row(r), locals) : by_depth(x.row(r));
        y[r] = log_of_sum(global.least, global.spread - std::log(2.0)) + norm_ - std::log(total_);
      }
    });
  }

 private:
  struct Local {
    double least = kNothing, spread = 0;
  };
  using Global = Local;

  double weight_of(std::size_t node) const {
    if (weights_.empty()) return tree_.node(node).count();
    double sum = 0;
    for (std::int64_t i = tree_.node(node).first; i < tree_.node(node).last; ++i) sum += weights_[tree_.row_at(i)];
    return sum;
  }
  double kernel(double distance) const { return log_kernel(shape_, distance, h_); }
  bool within(double spread, double least) const { return norm_ + spread <= log_of_sum(log_absolute_, log_relative_ + norm_ + least); }
  bool settled(std::size_t node, const Local& local) const {
    return norm_ + local.spread - log_counts_[node] + std::log(total_) <= log_of_sum(log_absolute_, log_relative_ + norm_ + local.least);
  }
  void count_leaf(std::size_t node, const double* x, const Local& local, Global& global) const {
    global.least = log_of_difference(global.least, local.least);
    global.spread = log_of_difference(global.spread, local.spread);
    for (std::int64_t i = tree_.node(node).first; i < tree_.node(node).last; ++i) {
      const std::size_t row = tree_.row_at(i);
      const double weight = weights_.empty() ? 0 : std::log(weights_[row]);
      global.least = log_of_sum(global.least, kernel(tree_.metric().distance(x, tree_.rows().row(row))) + weight);
    }
  }

  Global by_breadth(const double* x, std::vector<Local>& locals) const {
    NodeHeap heap;
    const SearchTree::Bounds root = tree_.bounds(0, x);
    heap.push({root.least, 0});
    Global global;
    global.least = std::log(total_) + kernel(root.most);
    global.spread = log_of_difference(std::log(total_) + kernel(root.least), global.least);
    locals[0] = global;
    while (!heap.empty()) {
      const std::size_t node = heap.pop().node;
      const Local local = locals[node];
      if (settled(node, local)) continue;
      if (within(global.spread, global.least)) break;
      if (tree_.node(node).leaf) {
        count_leaf(node, x, local, global);
        continue;
      }
      const std::size_t children[] = {2 * node + 1, 2 * node + 2};
      SearchTree::Bounds bounds[2];
      for (const int c : {0, 1}) {
        bounds[c] = tree_.bounds(children[c], x);
        locals[children[c]] = {log_counts_[children[c]] + kernel(bounds[c].most), log_counts_[children[c]] + kernel(bounds[c].least)};
      }
      global.least = log_of_difference(global.least, local.least);
      for (const std::size_t c : children) global.least = log_of_sum(global.least, locals[c].least);
      global.spread = log_of_difference(global.spread, local.spread);
      for (const std::size_t c : children) global.spread = log_of_sum(global.spread, locals[c].spread);
      for (const int c : {0, 1}) heap.push({bounds[c].least, children[c]});
    }
    return global;
  }

  Global by_depth(const double* x) const {
    const SearchTree::Bounds root = tree_.bounds(0, x);
    Global global;
    global.least = std::log(total_) + kernel(root.most);
    global.spread = log_of_difference(std::log(total_) + kernel(root.least), global.least);
    descend(0, x, global, global);
    return global;
  }
  // Depth is bounded by the numbering of children.
  void descend(std::size_t node, const double* x, const Local local, Global& global) const {
    if (settled(node, local) || within(global.spread, global.least)) return;
    if (tree_.node(node).leaf) return count_leaf(node, x, local, global);
    const std::size_t children[] = {2 * node + 1, 2 * node + 2};
    Local below[2];
    for (const int c : {0, 1}) {
      const SearchTree::Bounds bounds = tree_.bounds(children[c], x);
      below[c].least = log_counts_[children[c]] + kernel(bounds.most);
      below[c].spread = log_of_difference(log_counts_[children[c]] + kernel(bounds.least), below[c].least);
    }
    global.least = log_of_difference(global.least, local.least);
    for (const Local& l : below) global.least = log_of_sum(global.least, l.least);
    global.spread = log_of_difference(global.spread, local.spread);
    for (const Local& l : below) global.spread = log_of_sum(global.spread, l.spread);
    for (const int c : {0, 1}) descend(children[c], x, below[c], global);
  }

  SearchTree tree_;
  Shape shape_;
  bool breadth_first_;
  double h_ = 1, log_absolute_ = kNothing, log_relative_ = kNothing, total_ = 0, norm_ = 0;
  std::vector<double> weights_, log_counts_;
};

}  // namespace

std::unique_ptr<Kernel> make_LogDensity(const Setup& setup) { return std::make_unique<LogDensity>(setup); }

}  // namespace slipway::ops
