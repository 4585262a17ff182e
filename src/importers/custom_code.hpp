// Code inside a model file: functions and classes that a pickler wrote by value (cloudpickle, dill) or by the name of the user's own
// module. Nothing of it is decoded; it is told from library classes so that a refusal can say what to do. Pure.
#pragma once

#include <optional>
#include <string>

#include "slipway/formats/pickle.hpp"

namespace slipway::importers {

struct CustomCode {
  enum class Kind { function, lambda, class_, object } kind = Kind::function;  // object: an instance of such a class
  std::string name;                                                            // "clean", "MyScaler"; of a lambda "<lambda>"
  std::string module;  // where it was defined, as far as the file tells: "__main__", "" (the file carries the code itself)
  std::string where;   // "script.py, line 12" as the file tells, or empty

  std::string describe() const;  // "__main__.clean, a function of the script that saved the file"
};

// nullopt: no custom code. A name of a well-known library is none, covered or not.
std::optional<CustomCode> custom_code(const pickle::View& view);

// What to do instead, for a function that a transformer calls, or for a class.
std::string recipe_for(const CustomCode& code);

}  // namespace slipway::importers
