#include "slipway/importers/python/notebook.hpp"

#include <algorithm>
#include <array>

#include "slipway/base/encoding.hpp"
#include "slipway/base/json.hpp"
#include "slipway/importers/python/parser.hpp"

namespace slipway::python {
namespace {

// Cell magics whose cell is Python that runs here and now.
constexpr std::array<std::string_view, 8> kTransparent = {"%%time",   "%%timeit",  "%%capture", "%%prun",
                                                          "%%python", "%%python3", "%%memit",   "%%snakeviz"};

Error refused(std::string detail) { return {ErrorCode::model_refused, std::move(detail)}; }

std::string text_of(const json::Value* source) {  // a text, or its lines with their ends
  if (source == nullptr) return {};
  if (source->is_string()) return source->as_string();
  std::string out;
  if (source->is_array()) {
    for (const json::Value& line : source->as_array()) {
      if (line.is_string()) out += line.as_string();
    }
  }
  return out;
}

std::string language_of(const json::Value& notebook) {
  const json::Value* metadata = notebook.find("metadata");
  if (metadata == nullptr) return {};
  for (const auto& [part, key] : {std::pair("language_info", "name"), std::pair("kernelspec", "language")}) {
    const json::Value* found = metadata->find(part);
    if (found != nullptr && !found->string_or(key, "").empty()) return found->string_or(key, "");
  }
  return {};
}

bool is_other_language(std::string_view cell) {
  const std::size_t from = cell.find_first_not_of(" \t\n");
  if (from == std::string_view::npos || !cell.substr(from).starts_with("%%")) return false;
  const std::string_view magic = cell.substr(from, cell.find_first_of(" \t\n", from) - from);
  return std::find(kTransparent.begin(), kTransparent.end(), magic) == kTransparent.end();
}

void add_cell(Notebook& out, std::string_view text, std::uint32_t cell) {
  for (std::uint32_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view one = text.substr(0, end);
    if (one.ends_with('\r')) one.remove_suffix(1);
    for (const char c : one) out.source.push_back(c == '\r' ? ' ' : c);  // a lone one would be a line that nobody counted
    out.source.push_back('\n');
    out.lines.push_back({cell, line});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void add_cells(Notebook& out, const json::Value* cells, std::uint32_t& number) {
  if (cells == nullptr || !cells->is_array()) return;
  for (const json::Value& cell : cells->as_array()) {
    ++number;
    if (cell.string_or("cell_type", "") != "code") continue;
    const std::string text = text_of(cell.find("source") != nullptr ? cell.find("source") : cell.find("input"));
    if (!is_other_language(text)) add_cell(out, text, number);
  }
}

}  // namespace

Result<Notebook> read_notebook(std::string_view text) {
  if (text.size() > kNotebookBytesMax)
    return refused("the notebook has " + std::to_string(text.size()) + " bytes; at most " + std::to_string(kNotebookBytesMax) + " are read");
  auto parsed = json::parse(text);
  if (!parsed.ok()) return std::move(parsed).error().within("the notebook").as(ErrorCode::model_refused);
  const json::Value& notebook = *parsed;
  const json::Value* sheets = notebook.find("worksheets");  // nbformat 3
  if (notebook.find("cells") == nullptr && sheets == nullptr) return refused("the file is no notebook: it has no cells");
  const std::string language = language_of(notebook);
  if (!language.empty() && !std::string_view(language).starts_with("python") && language != "ipython")
    return refused("the notebook is written in " + excerpt(language) + "; only Python is read");
  Notebook out;
  std::uint32_t number = 0;
  add_cells(out, notebook.find("cells"), number);
  if (sheets != nullptr && sheets->is_array()) {
    for (const json::Value& sheet : sheets->as_array()) add_cells(out, sheet.find("cells"), number);
  }
  if (out.source.size() > kSourceBytesMax) return refused("the notebook has more than " + std::to_string(kSourceBytesMax) + " bytes of code");
  return out;
}

}  // namespace slipway::python
