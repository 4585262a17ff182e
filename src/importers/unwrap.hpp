// What is inside a pickle: the root itself, or the objects in a dict, list or tuple, and the one that --entry names. Pure.
#pragma once

#include <string>
#include <vector>

#include "slipway/formats/pickle.hpp"
#include "slipway/graph/artifact.hpp"

namespace slipway::importers {

struct Part {
  enum class Kind {
    estimator,  // an object of a class that is read here
    decoder,    // a LabelEncoder
    names,      // a list, array or pandas Index of texts
    data,       // arrays, pandas objects: no model
    foreign,    // an object of another class
  } kind = Kind::foreign;
  pickle::View view;
  std::string entry;  // as --entry takes it; empty: the root
};

bool is_container(const pickle::View& view);
Part part_of(const pickle::View& view, std::string entry);
// The parts of a container, outermost only, in the order of the file; of anything else the root alone.
std::vector<Part> parts_of(const pickle::View& root);

// Errors: model_refused naming the part of the path that isn't there, and what is.
Result<Part> part_at(const pickle::View& root, const std::string& entry);

// "an array of <f8 [100, 4]", "a pandas DataFrame", "a list of 4 texts ('age', 'fare', …)"
std::string describe_value(const pickle::View& view);
std::vector<std::string> names_in(const pickle::View& view);  // of Kind::names

// A line and an object of the report for each part, and for the estimators inside them. `label`: the file, when there are several.
void list_parts(const std::vector<Part>& parts, const std::string& label, Report& report);
std::string listed(const std::vector<Part>& parts);  // "model (sklearn….SVC), scaler (…)"

}  // namespace slipway::importers
