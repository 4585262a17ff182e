// The parser for Python 3 source as data. It is total: a statement that can't be read becomes `Unsupported` with its reason, and the rest
// of the file goes on behind it, since what matters may be elsewhere. Pure; the cost is linear in the source; nothing recurses deeper than
// kNestingMax allows.
//
// Not read, but reported by line: `match` and `type` statements, and what only Python 2 has (print statements and the like).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "slipway/base/result.hpp"
#include "slipway/importers/python/ast.hpp"

namespace slipway::python {

inline constexpr std::size_t kSourceBytesMax = 4ULL << 20;
inline constexpr std::size_t kNodesMax = 1'000'000;
inline constexpr std::size_t kUnsupportedMax = 1000;  // statements; a file with more is no Python

struct ParseOptions {
  bool ipython = false;  // of a notebook: lines with %, ! or ? are `pass` (notebook.hpp)
};

// Errors, all model_refused: too large, neither UTF-8 nor Latin-1 that says so, more nodes or unreadable statements than the bounds.
Result<Module> parse(std::string_view source, const ParseOptions& options = {});

// "line 3, column 9: <what>: `<the line, cut>`", for a fault in this module or for what an evaluator has to say about it.
std::string at_line(const Module& module, Place place, std::string_view what);

}  // namespace slipway::python
