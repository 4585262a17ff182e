// An XGBoost model as a value, from any of the forms it is saved in. Readers are pure and check nothing but what they need to read;
// the trees' structure is checked when they become an Ensemble.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/result.hpp"

namespace slipway::importers::boosting {

struct XgbTree {
  std::vector<std::int32_t> left, right, feature;  // left < 0: a leaf
  std::vector<float> split;                        // threshold, or a leaf's value
  std::vector<std::uint8_t> default_left;
  std::vector<std::vector<std::int64_t>> sets;  // bits of categories that go right
  std::vector<std::int32_t> set_of;             // empty: no node is categorical; -1: this one isn't
  std::vector<float> vectors;                   // leaves of several outputs: `vector_of` counts them
  std::vector<float> gain;                      // of each branch; empty: the file doesn't say
  std::int64_t width = 1;

  std::size_t size() const { return left.size(); }
};

// The categories that a column was trained on (from 3.1): codes are their places.
struct XgbCategories {
  std::vector<std::string> texts;
  std::vector<double> numbers;
  bool known() const { return !texts.empty() || !numbers.empty(); }
};

struct XgbModel {
  int major = 0, minor = 0;  // 0: before 1.0
  std::string booster, objective;
  std::vector<float> base_score;
  std::int64_t features = 0, classes = 0, targets = 1, parallel_trees = 1;
  std::vector<XgbTree> trees;
  std::vector<std::int64_t> tree_group;
  std::vector<float> tree_weight;             // dart
  std::vector<std::int64_t> iteration_trees;  // from 2.0: where each iteration's trees begin
  std::vector<float> linear;                  // gblinear: [features + 1, groups], the last row is the bias
  std::vector<std::string> names, types;
  std::vector<XgbCategories> categories;
  std::map<std::string, std::string> attributes;

  bool at_least(int wanted_major, int wanted_minor) const { return major != wanted_major ? major > wanted_major : minor >= wanted_minor; }
  std::int64_t groups() const { return classes > 1 ? classes : targets; }
};

// Any form: a pickled handle or a file. Errors: model_refused.
Result<XgbModel> read_xgboost(std::string_view bytes);
bool looks_like_old_xgboost(std::string_view bytes);  // a file of 0.90 and older, which has no magic

Result<XgbModel> read_xgboost_document(std::string_view bytes, bool ubjson);  // .json, .ubj and pickles from 1.3 on
Result<XgbModel> read_xgboost_binary(std::string_view bytes);                 // the binary of before 1.0, and "binf"

}  // namespace slipway::importers::boosting
