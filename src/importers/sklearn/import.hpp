// From a fitted scikit-learn object to an artifact: the schema, the graph, an example. Pure.
#pragma once

#include "slipway/formats/pickle.hpp"
#include "slipway/graph/artifact.hpp"
#include "slipway/graph/builder.hpp"
#include "slipway/importers/blocks/inputs.hpp"

namespace slipway::importers::sklearn {

// Fills the producer, title and contents of the report also when it then refuses.
Result<Artifact> import_estimator(const pickle::View& model, Report& report);

// From what a predictor of another form answers.
struct Prediction;
Result<Artifact> artifact_of(graph::Builder& builder, Inputs& inputs, const Report& report, const Prediction& prediction);

// "Pipeline(StandardScaler, LogisticRegression)"
std::string title_of(const pickle::View& model);
// One line an estimator inside: "steps[0][1]: StandardScaler".
void list_contents(const pickle::View& model, std::vector<std::string>& lines);

}  // namespace slipway::importers::sklearn
