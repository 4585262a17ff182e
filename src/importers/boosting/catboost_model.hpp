// A CatBoost model as a value, from its binary form (.cbm, and what its pickles hold).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/result.hpp"

namespace slipway::importers::boosting {

struct CatFloat {
  std::int64_t index = -1, column = -1;
  std::string name;
  std::vector<float> borders;
  enum class Missing : std::uint8_t { as_is, low, high } missing = Missing::as_is;
};
struct CatCategory {
  std::int64_t index = -1, column = -1;
  std::string name;
};
struct CatOneHot {
  std::int64_t category = -1;  // index of the categorical feature
  std::vector<std::int32_t> values;
  std::vector<std::string> texts;
};

// What a statistic is of: categories together, and answers of splits.
struct CatCombination {
  std::vector<std::int32_t> categories;
  std::vector<std::pair<std::int32_t, float>> floats;
  std::vector<std::pair<std::int32_t, std::int32_t>> one_hots;
  bool operator==(const CatCombination&) const = default;
};
enum class CatStatistic : std::uint8_t { borders, buckets, binarized_mean, float_mean, counter, frequency };
struct CatBase {
  CatCombination of;
  CatStatistic kind = CatStatistic::borders;
  std::int32_t classifier = 0;
  bool operator==(const CatBase&) const = default;
};
struct CatCtr {
  CatBase base;
  std::int64_t target_border = 0;
  float prior = 0, prior_count = 1, shift = 0, scale = 1;
  std::vector<float> borders;

  float value(float good, float total) const { return ((good + prior) / (total + prior_count) + shift) * scale; }
};
struct CatTable {  // of a base: what the training data held for each hash
  CatBase base;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> hashes;  // hash -> row of the blob
  std::vector<std::int32_t> blob;                               // whole numbers, or a float's bits and a count
  std::int64_t denominator = 0, classes = 0;
};

struct CatModel {
  std::int64_t outputs = 1;
  std::vector<CatFloat> floats;
  std::vector<CatCategory> categories;
  std::vector<CatOneHot> one_hots;
  std::vector<CatCtr> ctrs;
  std::vector<CatTable> tables;
  std::vector<std::int32_t> splits, sizes;
  std::vector<std::pair<std::uint16_t, std::uint16_t>> steps;  // not symmetric trees: how far the next node is, left and right
  std::vector<std::uint32_t> leaf_of;                          // where a node's values begin
  std::vector<double> leaves, bias;
  double scale = 1;
  std::size_t texts = 0;  // features of texts or embeddings that trees use
  std::map<std::string, std::string, std::less<>> info;
};

// Errors: model_refused.
Result<CatModel> read_catboost(std::string_view bytes);

}  // namespace slipway::importers::boosting
