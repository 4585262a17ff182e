// Jupyter notebooks (.ipynb, nbformat 3 and 4): their Python code cells as one source, with the way back from its lines to the cells. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/result.hpp"

namespace slipway::python {

inline constexpr std::size_t kNotebookBytesMax = 64ULL << 20;  // pictures and tables of the outputs are most of it

struct CellLine {
  std::uint32_t cell = 0;  // from 1, among all cells as a person counts them
  std::uint32_t line = 0;  // from 1, in the cell
};

struct Notebook {
  std::string source;           // for parse() with ParseOptions::ipython
  std::vector<CellLine> lines;  // [n - 1]: where line n of the source stands

  CellLine at(std::uint32_t line) const { return line == 0 || line > lines.size() ? CellLine{} : lines[line - 1]; }
};

// Cells with another language's magic (%%bash, %%html, ...) are left out; of %%time and the like the first line is. Errors, model_refused:
// too large, no JSON, no notebook, another language than Python.
Result<Notebook> read_notebook(std::string_view json);

}  // namespace slipway::python
