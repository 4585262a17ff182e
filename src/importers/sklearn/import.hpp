// From fitted scikit-learn objects to an artifact: the schema, the graph, an example. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "slipway/formats/pickle.hpp"
#include "slipway/graph/artifact.hpp"
#include "slipway/graph/builder.hpp"
#include "slipway/importers/blocks/inputs.hpp"

namespace slipway::importers::sklearn {

// One estimator of a chain. `label` names it in messages and in the report (its file, or its path in a container); empty: it is alone.
struct Link {
  pickle::View model;
  std::string label;
};

// From what a predictor of another form answers.
struct Prediction;
Result<Artifact> artifact_of(graph::Builder& builder, Inputs& inputs, const Report& report, const Prediction& prediction);

// Estimators one behind the other: each one's output feeds the next.
struct Chain {
  std::vector<Link> links;         // at least one
  std::optional<Link> decoder;     // a LabelEncoder whose classes_ replace the labels 0..k-1
  std::vector<std::string> names;  // of the features; empty: as the first link says
};

// Fills the producer, title and contents of the report also when it then refuses.
Result<Artifact> import_chain(const Chain& chain, Report& report, graph::Operators operators);

// Whether each link's output fits the next one. All but the last are lowered (into nothing), the last one's width is compared.
// Gives how many links have feature names that speak against this order. Errors: model_refused with both widths.
Result<int> check_order(std::span<const Link> links);

// LabelEncoder: of scikit-learn, fitted. Whether a classifier's classes are what it encoded to.
bool is_decoder(const pickle::View& model);
bool decodes(const pickle::View& encoder, const pickle::View& classifier);

// How many features the object says it takes; -1: it doesn't say. And their names, where it knows them.
std::int64_t features_of(const pickle::View& model);
std::vector<std::string> feature_names_of(const pickle::View& model);

}  // namespace slipway::importers::sklearn
