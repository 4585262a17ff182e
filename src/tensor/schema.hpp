// Schema: what a model takes and gives, in the words its users use. Validation, messages, OpenAPI, examples, snippets and the
// test form are all derived from it; nothing is described twice. A value.
//
// A model is either *tabular* (features not empty: a row is an object by feature name or an array in feature order; each feature
// is one column of one graph input) or a *tensor* model (features empty: inputs are fed by name).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "slipway/base/json.hpp"
#include "slipway/tensor/tensor.hpp"

namespace slipway {

enum class FeatureType : std::uint8_t {
  number,
  integer,
  boolean,
  text,
  document  // any JSON value, which reaches the graph as its JSON text: an object with free keys, a list, or a number or a text as it comes
};

struct Feature {
  std::string name;
  FeatureType type = FeatureType::number;
  std::string input;  // graph input it is a column of; empty: nothing depends on this column, any value or none is taken
  std::int64_t column = 0;
  bool nullable = false;                // a missing value (null, NaN) is meaningful to the model; else it is refused naming the field
  bool infinite = false;                // infinities are values to the model; else they are refused naming the field, as scikit-learn does
  std::vector<json::Value> categories;  // known values, empty: not known; not a restriction unless `closed`
  bool closed = false;                  // a value outside `categories` is an error in the library too (handle_unknown='error')
  std::optional<double> typical;        // for examples and the form
  std::optional<double> min, max;       // typical range, a hint only
};

struct Port {  // a graph input or output
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;  // -1: free; dimension 0 is the rows when `batched`
  bool any_rank = false;            // the file doesn't say how many dimensions; shape is then empty
  bool optional = false;            // an input that a request may leave out: the graph is then given a tensor without elements
};

struct Schema {
  std::string kind;               // classifier, regressor, clusterer, outlier_detector, transformer, density, graph
  std::vector<Feature> features;  // tabular only
  std::vector<Port> inputs;
  std::vector<Port> outputs;
  bool named_features = false;       // the file names its features (feature_names_in_); else they are x0, x1, ...
  bool batched = false;              // dimension 0 of every input and output is the row
  bool rows_independent = false;     // row i of the outputs depends on row i of the inputs only: requests may be run together
  std::vector<json::Value> classes;  // classifiers: the order of the columns of probabilities / scores

  json::Value to_json() const;
  static Result<Schema> from_json(const json::Value& value);  // strict: used on what a cell sent
};

}  // namespace slipway
