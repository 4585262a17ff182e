// What importers ask of a tree: the classes of a file, a name's dots, and an expression as short text for messages. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/importers/python/ast.hpp"

namespace slipway::python {

// Source text again, cut behind `bytes_max` ("…"): brackets only where they are needed, texts quoted, lambdas and comprehensions too.
std::string unparse(const Expr& e, std::size_t bytes_max = 120);

// "torch.nn.Module" of names with dots; nothing of any other expression.
std::optional<std::string> dotted_name(const Expr& e);

struct ClassInFile {
  const ClassDef* definition;
  const Stmt* statement;           // for its place
  std::vector<std::string> bases;  // dotted names; what else may stand there as unparse() has it
};

// Every class of a module, in the order of the source: at its top, and inside `if`, `try` and `with` there. Not those in functions or classes.
std::vector<ClassInFile> classes(const Module& module);
// The last one of this name, as it is what the name means in the end; or nullptr.
const Stmt* find_class(const Module& module, std::string_view name);
// As find_class, of a function.
const Stmt* find_function(const Module& module, std::string_view name);
// A method: the last function of this name in the body of the class.
const Stmt* find_method(const ClassDef& in, std::string_view name);

std::string_view text_of(Operator op);       // "+"
std::string_view text_of(UnaryOperator op);  // "not "
std::string_view text_of(Comparison op);     // "not in"

}  // namespace slipway::python
