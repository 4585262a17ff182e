// A module's structure as text, one statement a line, with places: what the tests and tools/python_syntax.py compare with CPython's own
// `ast`. Texts and numbers are written so that two readers can't differ in their spelling.
#pragma once

#include <string>

#include "slipway/importers/python/ast.hpp"

namespace slipway::python {

std::string dump(const Module& module);

}  // namespace slipway::python
