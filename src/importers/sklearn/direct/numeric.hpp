// What the families of direct evaluation compute with. For direct/*.cpp only.
//
// Which answers are certain: a row is evaluated several times, each time with the last digits of every sum's terms changed
// (Disturbed). An answer that moves with them is not told apart by double precision, so that such a row proves nothing and is left
// out. Families add through Sum, or pass what they round through `rounded`; trees and tables of values compare exactly, and don't.
#pragma once

#include <span>
#include <vector>

#include "slipway/importers/sklearn/direct/direct.hpp"

namespace slipway::importers::sklearn {

using Numbers = std::vector<double>;

// While one lives, `rounded` changes what it is given by up to 1e-14 of it. One at a time, of one thread.
class Disturbed {
 public:
  explicit Disturbed(std::uint64_t seed);
  ~Disturbed();
  Disturbed(const Disturbed&) = delete;
  Disturbed& operator=(const Disturbed&) = delete;
};
double rounded(double x);
double rounded(double x, double size);  // the same, by 1e-14 of another size: where the library's own terms were larger

// x, or x as float32. What is computed of float32 numbers alone has no last digits in double that could differ.
inline double narrowed(double x, bool single) { return single ? static_cast<double>(static_cast<float>(x)) : x; }

class Sum {
 public:
  explicit Sum(double start = 0, bool single = false) : value_(start), single_(single) {}
  void add(double term) { value_ = single_ ? narrowed(value_ + term, true) : value_ + rounded(term); }
  double value() const { return value_; }

 private:
  double value_;
  bool single_;  // added in float32
};

double dot(std::span<const double> a, std::span<const double> b);
double squared_distance(std::span<const double> a, std::span<const double> b);
double expit(double x);
double logarithm(double x);  // -infinity of 0
Numbers softmax(Numbers x);
std::size_t first_largest(const Numbers& x);
std::size_t clear_largest(const Numbers& x);  // throws RowUnclear where another is as large but for rounding

Numbers numbers_of(const Row& row);
Row row_of(const Numbers& values);
double number_of(const json::Value& label);  // of a number or a boolean; NaN else
std::span<const double> row_at(const Matrix& m, std::size_t i);

// classes_, of the estimator, of its label binarizer or of what it hands its calls on to. nullopt: several outputs, or none.
std::optional<Labels> classes_of(const View& model);
bool all_single(std::span<const DirectAnswer> answers);
DirectAnswer of_probabilities(const Labels& labels, Numbers probabilities);
inline std::optional<Answerer> no_answer() { return std::nullopt; }
inline std::optional<Step> no_step() { return std::nullopt; }
std::optional<Step> by_numbers(std::function<Numbers(const Numbers&)> function);

}  // namespace slipway::importers::sklearn
