// The entry of libslipway_ops.so: what onnxruntime's register_custom_ops_library(path) calls, in Python and elsewhere.
#include <onnxruntime_c_api.h>

#include "slipway/ops/ort/register.hpp"

extern "C" __attribute__((visibility("default"))) OrtStatus* ORT_API_CALL RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
  const OrtApi* api = base->GetApi(ORT_API_VERSION);
  return api == nullptr ? nullptr : slipway::ops::register_operators(*api, *options);
}
