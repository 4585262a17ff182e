#include "slipway/importers/boosting/common.hpp"
namespace slipway::importers::boosting {
Result<Artifact> import_catboost(Bytes, Report&) { return Error(ErrorCode::model_refused, "not yet"); }
}  // namespace slipway::importers::boosting
namespace slipway::importers::sklearn {
Family catboost_family() { return {}; }
}  // namespace slipway::importers::sklearn
