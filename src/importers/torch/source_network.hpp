// Which class of a source the weights belong to, and with what arguments it was made: a class fits when the parameters that its __init__ makes
// have the names and the shapes of the weights. Arguments come from what the person gives, from the checkpoint, from calls of the class that
// stand in the source, from defaults; what is still missing is solved from the shapes. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "slipway/formats/torch/state_dict.hpp"
#include "slipway/importers/torch/source_host.hpp"

namespace slipway::importers::torch {

using Values = std::map<std::string, Any, std::less<>>;  // plain ones only: numbers, texts, lists of them

struct ClassArgument {
  enum class Kind : std::uint8_t { constant, expression, symbol, symbols } kind = Kind::constant;
  std::string name;                                 // empty: given by position
  Any constant;                                     //
  const py::Expr* expression = nullptr;             // evaluated among the names of `module`
  const py::Module* module = nullptr;               //
  std::vector<std::optional<std::int64_t>> solved;  // symbols: a list of integers
  bool has_default = false;
};

struct Recipe {
  std::string class_name;
  std::vector<ClassArgument> arguments;
  std::string from;                       // where the arguments are from, for people
  std::vector<std::string> open() const;  // arguments that nothing tells
};

struct NetworkWish {
  std::string class_name;  // empty: whichever fits
  Values arguments;        // --arg
  Values checkpoint;       // what the checkpoint says of itself
};

struct FoundNetwork {
  Recipe recipe;
  slipway::torch::StateDict weights;  // without a prefix that the class doesn't have
};
Result<FoundNetwork> find_network(const Sources& sources, const slipway::torch::StateDict& weights, const NetworkWish& wish);

// An instance as __init__ leaves it.
Result<Any> construct(Evaluator& e, SourceHost& host, const Recipe& recipe);

}  // namespace slipway::importers::torch
