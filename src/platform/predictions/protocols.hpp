// The prediction protocols that clients of other servers speak, each with its own shapes over the same Predictor. docs/protocols.md has a
// table of them. A model is named by its id, or by the name that the caller gave it.
#pragma once

#include <functional>
#include <string>

#include "slipway/platform/predictions/predictor.hpp"

namespace slipway::predictions {

using PredictorPtr = std::shared_ptr<const Predictor>;

struct ServerFacts {
  std::string version;
  std::function<bool()> ready;  // what /readyz says
};

// Open Inference Protocol (KServe v2) by REST, with Triton's extensions: binary tensors, classification, configuration, statistics, repository.
std::vector<http::Route> oip_routes(const PredictorPtr& predictor, const ServerFacts& facts);
// TensorFlow Serving's REST API and KServe's protocol v1.
std::vector<http::Route> v1_routes(const PredictorPtr& predictor);
// MLflow's scoring server and SageMaker's hosting contract: /ping, /invocations. default_model: what /invocations without a name means;
// empty: the caller's only model.
std::vector<http::Route> scoring_routes(const PredictorPtr& predictor, const ServerFacts& facts, const std::string& default_model);

// Shared by them: the caller's model by id or name and, when it is given, by the number of the version that is served.
Predictor::Found find_model(const Predictor& predictor, const http::Request& request, std::string_view model, std::string_view version = {});
Predictor::Found find_model(const Predictor& predictor, const http::Principal& who, std::string_view model, std::string_view version = {});
// To these clients whatever is wrong with a request is 400, and a model that can't answer yet is 503.
Error in_their_words(Error error);

// The routes of one protocol, as they are written down one after the other.
class ProtocolRoutes {
 public:
  using Begin = std::function<Status(http::Request&, const http::Responder&)>;  // answers now or later; or not, with an error
  using Extend = void (*)(json::Writer& problem, const Error& error);
  ProtocolRoutes(const PredictorPtr& predictor, std::string tag, Extend extend)
      : timeout_(predictor->options().timeout + Millis(1000)), tag_(std::move(tag)), extend_(extend) {}
  void add(http::Method method, std::string pattern, http::Access access, http::Body body, Begin begin, http::Doc doc);
  std::vector<http::Route> take() && { return std::move(routes_); }

 private:
  Millis timeout_;
  std::string tag_;
  Extend extend_;
  std::vector<http::Route> routes_;
};

http::Access open_probe();                                      // of health and server metadata
ProtocolRoutes::Begin names_of_models(PredictorPtr predictor);  // {"models": [...]}: those of the caller's that are served

std::string error_text(const Error& error);                        // the detail and its first field in one line
void add_error_member(json::Writer& problem, const Error& error);  // {"error": detail}: what clients of v1 and v2 look for

}  // namespace slipway::predictions
