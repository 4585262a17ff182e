// One decision a pair of classes, as libsvm takes it, and the vote of the pairs.
#include <cmath>

#include "slipway/ops/kernel.hpp"

namespace slipway::ops {
namespace {

constexpr std::size_t kParallelWork = 1 << 16;
constexpr std::int64_t kClassesMax = 2000;

void for_rows(Outs& out, std::size_t rows, std::size_t work, const std::function<void(std::size_t)>& row) {
  if (rows > 1 && work > kParallelWork) {
    out.parallel(rows, row);
  } else {
    for (std::size_t r = 0; r < rows; ++r) row(r);
  }
}

// Kernel values [N, l] of support vectors that stand class by class, their coefficients [classes - 1, l], how many each class has,
// and an intercept a pair: [N, pairs]. Summed in libsvm's order.
class PairDecisions final : public Kernel {
 public:
  void compute(std::span<const In> in, Outs& out) const override {
    const In &values = in[0], &coef = in[1];
    const auto counts = in[2].ints();
    const auto intercepts = in[3].doubles();
    const std::size_t classes = counts.size(), pairs = classes * (classes - 1) / 2;
    if (classes < 2 || classes > kClassesMax || values.shape.size() != 2 || coef.shape.size() != 2)
      throw std::invalid_argument("the parts of the pairs don't fit");
    const auto l = static_cast<std::size_t>(values.shape[1]), rows = static_cast<std::size_t>(values.shape[0]);
    std::vector<std::size_t> start{0};
    for (const std::int64_t n : counts) {
      if (n < 0 || static_cast<std::size_t>(n) > l - start.back()) throw std::invalid_argument("the numbers of support vectors don't fit");
      start.push_back(start.back() + static_cast<std::size_t>(n));
    }
    if (start.back() != l || coef.shape[0] != static_cast<std::int64_t>(classes) - 1 || static_cast<std::size_t>(coef.shape[1]) != l ||
        intercepts.size() != pairs)
      throw std::invalid_argument("the coefficients don't fit the support vectors");
    const auto decisions = out.doubles(0, {values.shape[0], static_cast<std::int64_t>(pairs)});
    const double *k = values.doubles().data(), *c = coef.doubles().data();
    for_rows(out, rows, rows * l * classes, [&](std::size_t row) {
      const double* value = k + row * l;
      double* decision = decisions.data() + row * pairs;
      for (std::size_t i = 0, pair = 0; i < classes; ++i) {
        for (std::size_t j = i + 1; j < classes; ++j, ++pair) {
          double sum = 0;
          for (std::size_t v = start[i]; v < start[i + 1]; ++v) sum += c[(j - 1) * l + v] * value[v];
          for (std::size_t v = start[j]; v < start[j + 1]; ++v) sum += c[i * l + v] * value[v];
          decision[pair] = sum + intercepts[pair];
        }
      }
    });
  }
};

// Decisions [N, pairs], positive for the pair's first class: the class with most votes (the first of equals) [N], and scores
// [N, classes]: votes, with the sums of the decisions squeezed into (-1/3, 1/3) between them. A decision of 0 is a vote for the
// second class in the former and for the first in the latter, as in the library.
class PairVotes final : public Kernel {
 public:
  explicit PairVotes(std::size_t classes) : classes_(classes) {}

  void compute(std::span<const In> in, Outs& out) const override {
    const In& decisions = in[0];
    const std::size_t pairs = classes_ * (classes_ - 1) / 2;
    if (decisions.shape.size() != 2 || static_cast<std::size_t>(decisions.shape[1]) != pairs)
      throw std::invalid_argument("there must be one decision a pair of classes");
    const auto rows = static_cast<std::size_t>(decisions.shape[0]);
    const auto winner = out.ints(0, {decisions.shape[0]});
    const auto scores = out.doubles(1, {decisions.shape[0], static_cast<std::int64_t>(classes_)});
    const double* d = decisions.doubles().data();
    for (std::size_t row = 0; row < rows; ++row) winner[row] = vote(d + row * pairs, scores.data() + row * classes_);
  }

 private:
  std::int64_t vote(const double* decision, double* score) const {
    std::vector<std::int64_t> votes(classes_, 0), score_votes(classes_, 0);
    std::vector<double> sums(classes_, 0.0);
    for (std::size_t i = 0; i < classes_; ++i) {
      for (std::size_t j = i + 1; j < classes_; ++j, ++decision) {
        ++votes[*decision > 0 ? i : j];
        ++score_votes[*decision < 0 ? j : i];
        sums[i] += *decision;
        sums[j] -= *decision;
      }
    }
    std::size_t best = 0;
    for (std::size_t i = 0; i < classes_; ++i) {
      if (votes[i] > votes[best]) best = i;
      score[i] = static_cast<double>(score_votes[i]) + sums[i] / (3 * (std::abs(sums[i]) + 1));
    }
    return static_cast<std::int64_t>(best);
  }
  std::size_t classes_;
};

}  // namespace

std::unique_ptr<Kernel> make_PairDecisions(const Setup&) { return std::make_unique<PairDecisions>(); }
std::unique_ptr<Kernel> make_PairVotes(const Setup& setup) {
  const std::int64_t classes = setup.integer("classes", 0);
  if (classes < 2 || classes > kClassesMax) throw std::invalid_argument("the number of classes must be 2 to 2000");
  return std::make_unique<PairVotes>(static_cast<std::size_t>(classes));
}

}  // namespace slipway::ops
