// Numbers of numbers, as numpy computes them: what a selection depends on must round as it did there. Pure.
#pragma once

#include <span>
#include <vector>

namespace slipway::importers {

double pairwise_sum(std::span<const double> values);  // numpy.sum of one contiguous row
double mean(std::span<const double> values);
double median(std::vector<double> values);                      // NaN if one is
double percentile(std::vector<double> values, double percent);  // linear between neighbours
// Indices in ascending order of their values, equals in order, NaN last.
std::vector<std::size_t> stable_order(std::span<const double> values);

}  // namespace slipway::importers
