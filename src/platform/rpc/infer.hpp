// ModelInfer, alone or as one message of a stream: from a message's bytes to the answer.
#pragma once

#include "slipway/platform/rpc/methods.hpp"

namespace slipway::rpc {

// As one call: a refusal is the call's error.
void infer(const predictions::PredictorPtr& predictor, const CallPtr& call, std::string_view message, Reply reply);
// As one of a stream (Triton's wrapper): a refusal is an answer with error_message and the request's id.
void infer_in_stream(const predictions::PredictorPtr& predictor, const CallPtr& call, std::string_view message, Reply reply);

}  // namespace slipway::rpc
