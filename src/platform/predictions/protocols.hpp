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
// Runs begun(request, responder), and sends its error if it has one.
http::Handler starting(std::function<Status(http::Request&, const http::Responder&)> begun);
std::string error_text(const Error& error);                        // the detail and its first field in one line
void add_error_member(json::Writer& problem, const Error& error);  // {"error": detail}: what clients of v1 and v2 look for

}  // namespace slipway::predictions
