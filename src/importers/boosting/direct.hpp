// Direct evaluation of boosting libraries' models, for the certificate (sklearn/direct/direct.hpp): trees walked node by node as the
// file tells them, and the libraries' transforms. nullopt: a model of a kind that isn't evaluated twice. For boosting/*.cpp only.
#pragma once

#include "slipway/importers/boosting/catboost_model.hpp"
#include "slipway/importers/boosting/lightgbm_model.hpp"
#include "slipway/importers/boosting/xgboost_model.hpp"
#include "slipway/importers/sklearn/direct/direct.hpp"

namespace slipway::importers::boosting {

struct XgbUse {
  bool classifies = false;
  double missing = 0;        // NaN: none but NaN
  std::vector<float> bases;  // one a group
  std::size_t trees = 0;     // how many are used
  bool base_last = false;
  Labels labels;
};
std::optional<sklearn::Answerer> evaluate_xgboost(XgbModel model, XgbUse use);

struct LgbUse {
  std::optional<Labels> labels;               // of a classifier
  bool decides = false;                       // it has a decision_function: the raw scores
  std::int64_t iterations = -1;               // -1: all
  std::vector<std::size_t> category_columns;  // of each list of pandas categories
};
std::optional<sklearn::Answerer> evaluate_lightgbm(LgbModel model, LgbUse use);

struct CatUse {
  std::optional<Labels> labels;  // of a classifier
  bool one_vs_all = false, exponential = false;
  double border = 0;  // of the raw score of two classes
};
std::optional<sklearn::Answerer> evaluate_catboost(CatModel model, CatUse use);

}  // namespace slipway::importers::boosting
