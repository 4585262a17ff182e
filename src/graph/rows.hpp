// Whether the rows of a graph are independent of each other: then requests that wait together can be run together.
//
// The graph is walked once, with what is known of each value: whether it is the same for all requests, or belongs to the rows, and then where
// in it each row's part stands. An operator that mixes rows, or that this file doesn't know, makes the answer `false`: it errs on that side only.
#pragma once

#include "slipway/graph/graph.hpp"

namespace slipway::graph {

// Every input's and output's dimension 0 is the number of rows. True: row i of every output depends on row i of the inputs alone, whatever the
// values, and has the same shape beyond dimension 0 however many rows there are. The graph must have passed check().
bool rows_are_independent(const Model& model);

}  // namespace slipway::graph
