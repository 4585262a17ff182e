// Artifact: the one form every model file is lowered to: graph, schema, example, report. docs/formats/artifact.md is its layout.
// Made by an import cell, sealed by the server, read by a model cell. The server reads only the small JSON sections.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/graph/graph.hpp"
#include "slipway/tensor/schema.hpp"

namespace slipway {

// What an import found, for people: `slipway inspect`, GET /api/models/:id, the refusal page.
struct Report {
  std::string format;                 // "scikit-learn pickle", "joblib", "onnx", ...
  std::string producer;               // "scikit-learn 1.9.1"
  std::string title;                  // "Pipeline(StandardScaler, LogisticRegression)"
  std::vector<std::string> contents;  // what is inside, one line each, with the object path
  std::vector<std::string> warnings;
  // How the graph's answers compare with the file's own parameters: {"rows", "largest_difference", "label_flips", "tolerance"} or
  // {"unchecked": [class...]}; null before the check.
  json::Value certificate;
  std::vector<json::Value> objects;  // the same as data, one an object inside: {"path", "class", "servable", "why", "features", ...}
  json::Value to_json() const;
  static Result<Report> from_json(const json::Value& value);
};

struct Artifact {
  graph::Model model;
  Schema schema;
  json::Value example;  // a body for POST /api/predict/:modelId that the model answers
  Report report;
  // What the graph must answer before it is served: {"request": a body, "expected": {output: nested values}}, evaluated from the
  // file's own parameters without the graph; or {"unchecked": [class...]}. null: of a format that is no estimator's.
  json::Value check;
};

// Bytes of an artifact; the graph section is a complete ONNX file (`slipway convert` writes just that one).
Result<std::string> write_artifact(const Artifact& artifact);

// The sections without parsing the graph: what the server and the engine need. Spans point into `bytes`. Strict on framing.
struct ArtifactView {
  Schema schema;
  json::Value example;
  Report report;
  json::Value check;
  std::span<const std::byte> onnx;
};
Result<ArtifactView> view_artifact(std::span<const std::byte> bytes);

}  // namespace slipway
