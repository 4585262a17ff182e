// What can be called: every method with who may call it, as functions of a message's bytes. Nothing of grpc++ is needed here.
// Immutable once made; functions may be called by any thread and never block. Answers come exactly once, on the caller's thread, the call's loop or
// the engine's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "slipway/http/route.hpp"
#include "slipway/platform/predictions/protocols.hpp"
#include "slipway/platform/rpc/status.hpp"

namespace google::protobuf {
class MessageLite;
}

namespace slipway::rpc {

struct Call {
  http::Request request;            // the metadata as headers; its principal is set unless anyone may call
  os::Loop* loop = nullptr;         // one of the engine's
  Steady deadline = Steady::max();  // the client's
};
using CallPtr = std::shared_ptr<const Call>;

struct Answer {
  std::shared_ptr<const google::protobuf::MessageLite> message;
  Trailers trailers;
};
using Reply = std::function<void(Result<Answer>)>;

struct Method {
  http::Access access;
  std::size_t bytes_max = 0;  // of a message
  std::function<void(const CallPtr& call, std::string_view message, Reply reply)> run;
  bool streams = false;  // any number of messages; an answer each: also of a refusal, which is then no error of the call
};

using Methods = std::map<std::string, Method, std::less<>>;  // by path: "/inference.GRPCInferenceService/ModelInfer"
Methods methods(const predictions::PredictorPtr& predictor, const predictions::ServerFacts& facts);

}  // namespace slipway::rpc
