// Which class of a source the weights belong to, and with what arguments it was made: a class fits when the parameters that its __init__ makes
// have the names and the shapes of the weights. Arguments come from what the person gives, from the checkpoint, from calls of the class that
// stand in the source, from defaults; what is still missing is solved from the shapes. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "slipway/formats/torch/state_dict.hpp"
#include "slipway/importers/torch/inputs.hpp"
#include "slipway/importers/torch/source_host.hpp"

namespace slipway::importers::torch {

using Values = std::map<std::string, Any, std::less<>>;  // plain ones only: numbers, texts, lists of them

struct ClassArgument {
  // opaque: something whose attributes and items nothing tells, either (an environment, a data set); config: see below; absent: not given, its
  // default holds.
  enum class Kind : std::uint8_t { constant, expression, symbol, symbols, opaque, config, absent } kind = Kind::constant;
  std::string name;                                 // empty: given by position
  Any constant;                                     //
  const py::Expr* expression = nullptr;             // evaluated among the names of `module`
  const py::Module* module = nullptr;               //
  std::vector<std::optional<std::int64_t>> solved;  // symbols: a list of integers
  std::size_t width = 1;                            // of `symbols`: how many make one item, [(10, 4), (7, 3)]
  bool has_default = false;
  bool in_sums = false;  // symbol: the shapes of weights have it, but don't settle it
  bool rounded = false;  // ... and nothing else beside it (rounded up to a multiple of 8)
  // An object of the source's configuration: of a class, or what `expression` gives, under the name of a variable; with some of its attributes or
  // entries set otherwise. Of neither: an object (or, as a mapping, a dict) of these fields alone.
  std::string type, variable;
  std::vector<ClassArgument> fields;  // constants and symbols
  bool mapping = false;
};

struct Recipe {
  std::string name;  // of a class, or of a function or a variable at the top of the source
  std::vector<ClassArgument> arguments;
  std::map<std::string, std::int64_t> told;  // sizes of opaque arguments, solved: "env.action_space.n"
  std::string from;                          // where the arguments are from, for people
  std::vector<std::string> open() const;     // arguments that nothing tells
};

struct NetworkWish {
  std::string class_name;  // empty: whichever fits; or a function or a variable that gives a network
  Values arguments;        // --arg
  Values checkpoint;       // what the checkpoint says of itself
};

struct FoundNetwork {
  Recipe recipe;
  slipway::torch::StateDict weights;  // without a prefix that the class doesn't have
};
Result<FoundNetwork> find_network(const Sources& sources, const slipway::torch::StateDict& weights, const NetworkWish& wish);

// The recipe with what the shapes of the weights tell, when it fits them exactly.
std::optional<Recipe> fitted(const Sources& sources, const slipway::torch::StateDict& weights, const Recipe& recipe);

// What a `config` argument is. Contents of fields that its class takes when it is made are given to it then; the others are set afterwards.
Result<Any> configuration(Evaluator& e, SourceHost& host, const ClassArgument& a, const std::vector<std::pair<std::string, Any>>& contents = {});

// Heights and widths of images that the arguments and the source speak of: Net(40, 90), Resize((32, 128)), IMG_SIZE = 48.
std::vector<Sides> sides_of(const Sources& sources, const Recipe& recipe);

// An instance as __init__ leaves it.
Result<Any> construct(Evaluator& e, SourceHost& host, const Recipe& recipe);

}  // namespace slipway::importers::torch
