// What a fitted object is, for people and scripts: title, lines and data of the report. Pure.
#pragma once

#include "slipway/formats/pickle.hpp"
#include "slipway/graph/artifact.hpp"

namespace slipway::importers::sklearn {

// "Pipeline(StandardScaler, LogisticRegression)"
std::string title_of(const pickle::View& model);

// Adds a line and an object for the estimator and each one inside. `entry` is how --entry names it; empty: the file's own object.
void list_contents(const pickle::View& model, const std::string& entry, Report& report);

// Why this object can't be served, as far as can be told without lowering it; empty: nothing is known against it.
std::string why_not(const pickle::View& model);

}  // namespace slipway::importers::sklearn
