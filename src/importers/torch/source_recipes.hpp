// Ways in which the network of a source may have been made: its classes, functions that return one, names that hold one; and for each of
// them the arguments that the person, the checkpoint, calls in the source and defaults tell, with the unknown left as symbols. Pure.
// Inside importers/torch only.
#pragma once

#include <string>
#include <vector>

#include "slipway/importers/torch/source_network.hpp"

namespace slipway::importers::torch {

// The parameters of __init__ without self, or of a function.
struct Signature {
  std::vector<const py::Parameter*> parameters;
  bool variadic = false, keywords = false;
  const py::Parameter* find(std::string_view name) const;
};

struct Candidate {
  enum class What : std::uint8_t { type, variable, function } what = What::type;
  std::string name;
  bool used = false;  // by another class
  Signature signature;
};
// Networks first by class, then what else makes one.
std::vector<Candidate> candidates(const Sources& sources);

// The likeliest first.
std::vector<Recipe> recipes(const Sources& sources, const Candidate& c, const NetworkWish& wish);
// A recipe with its switches (True and False, texts that the source compares or looks up) set otherwise: one, then two at a time.
std::vector<Recipe> switched(const Sources& sources, const Candidate& c, const Recipe& recipe);
// With objects of the source's configuration classes, dicts and the checkpoint's own values for arguments that are used as such.
std::vector<Recipe> configured(const Sources& sources, const Candidate& c, const Recipe& recipe, const NetworkWish& wish);

}  // namespace slipway::importers::torch
