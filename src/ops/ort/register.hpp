// Hands the operators of the domain "slipway" to ONNX Runtime.
#pragma once

struct OrtApi;
struct OrtStatus;
struct OrtSessionOptions;

namespace slipway::ops {

// Every session made with these options knows the operators. The domain lives as long as the process. nullptr: done.
OrtStatus* register_operators(const OrtApi& api, OrtSessionOptions& options);

}  // namespace slipway::ops
