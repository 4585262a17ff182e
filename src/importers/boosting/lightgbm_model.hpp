// A LightGBM model as a value, from its text form (what its pickles hold, too).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/json.hpp"
#include "slipway/base/result.hpp"
#include "slipway/importers/blocks/ensemble.hpp"

namespace slipway::importers::boosting {

struct LgbTree {  // of k leaves: k - 1 branches; a child c < 0 is leaf ~c
  std::vector<std::int64_t> feature, decision, left, right;
  std::vector<double> threshold, leaf_value;
  std::vector<double> gain;                     // of each branch; empty: the file doesn't say
  std::vector<std::vector<std::int64_t>> sets;  // bits of categories that go left; a categorical branch's threshold is its set
  std::vector<LinearLeaf> linear;               // empty: constant leaves
};

struct LgbModel {
  std::string version, objective;  // "v4", "binary"; objective empty: the user's own
  double sigmoid = 1;
  bool sqrt = false, average = false;
  std::int64_t classes = 1, trees_per_iteration = 1, features = 0;
  std::vector<std::string> names, infos;  // infos: "[0.1:7]", "none", "3:1:0" of a categorical column
  std::vector<std::int64_t> categorical;  // columns, as the parameters say; may be empty all the same
  std::vector<LgbTree> trees;
  json::Value pandas_categories;  // a list for each column of pandas categories; null: none
};

// Errors: model_refused. Structure of trees is checked when they become an Ensemble.
Result<LgbModel> read_lightgbm(std::string_view text);

}  // namespace slipway::importers::boosting
