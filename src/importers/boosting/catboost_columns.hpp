// The columns that CatBoost's trees ask: numbers, one-hot answers and statistics of categories. For catboost.cpp only.
#pragma once

#include "slipway/importers/boosting/catboost_model.hpp"
#include "slipway/importers/boosting/common.hpp"

namespace slipway::importers::boosting {

struct CatSplit {  // right where column > threshold
  std::int64_t column = 0;
  double threshold = 0;
  bool missing_right = false;
};

struct CatColumns {
  Val x;                         // [N, columns]
  std::vector<CatSplit> splits;  // in the file's numbering: borders of numbers, one-hot values, borders of statistics
};

// Errors: model_refused.
Result<CatColumns> catboost_columns(Lowering& to, const CatModel& model, const Table& in);

}  // namespace slipway::importers::boosting
