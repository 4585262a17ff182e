#include "slipway/importers/unwrap.hpp"

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include "slipway/base/encoding.hpp"
#include "slipway/importers/blocks/refuse.hpp"
#include "slipway/importers/custom_code.hpp"
#include "slipway/importers/sklearn/contents.hpp"
#include "slipway/importers/sklearn/import.hpp"
#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers {
namespace {

using pickle::Kind;
using pickle::View;

constexpr std::size_t kVisitsMax = 10'000, kListedMax = 20, kNamesMax = 1'000'000, kLinesMax = 200;
constexpr int kDepthMax = 8;

std::string key_text(const View& key) {
  if (key.is(Kind::text)) return key.text().ok() ? *key.text() : std::string("?");
  if (key.is(Kind::integer)) return std::to_string(key.integer().ok() ? *key.integer() : 0);
  return key.describe();
}

std::optional<View> child(const View& v, std::string_view name) {
  if (auto entry = v.get(name)) return entry;
  for (std::size_t i = 0; i < v.entries(); ++i) {
    if (key_text(v.key_at(i)) == name) return v.value_at(i);
  }
  if (v.is(Kind::object)) {
    if (auto attribute = v.find(name)) return attribute;
  }
  std::size_t index = 0;
  const auto read = std::from_chars(name.data(), name.data() + name.size(), index);
  if (read.ec == std::errc() && read.ptr == name.data() + name.size() && index < v.size()) return v.at(index);
  // a named step: (name, estimator)
  for (const char* list : {"steps", "transformers_"}) {
    const auto steps = v.is(Kind::object) ? v.find(list) : std::nullopt;
    for (std::size_t i = 0; steps && i < steps->size(); ++i) {
      if (steps->at(i).size() >= 2 && steps->at(i).at(0).is_text(name)) return steps->at(i).at(1);
    }
  }
  return std::nullopt;
}

// "model", "models[0]", "best.pipeline"
std::vector<std::string> split(const std::string& entry) {
  std::vector<std::string> parts(1);
  for (const char c : entry) {
    if (c == '.' || c == '[') {
      if (!parts.back().empty()) parts.emplace_back();
    } else if (c != ']' && c != '\'' && c != '"') {
      parts.back() += c;
    }
  }
  if (parts.back().empty()) parts.pop_back();
  return parts;
}

bool is_pandas(const View& v) { return v.is(Kind::object) && v.module().substr(0, 6) == "pandas"; }

bool is_text_array(const View& v) {
  if (!v.is(Kind::array) || v.shape().size() != 1 || v.shape()[0] == 0) return false;
  const std::string dtype = v.dtype_text();
  return !v.is_object_array() && (dtype.find('U') != std::string::npos || dtype.find('S') != std::string::npos) && dtype[0] != '[';
}

bool all_texts(const View& v) {
  if (v.size() == 0 || v.size() > kNamesMax) return false;
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (!v.at(i).is(Kind::text)) return false;
  }
  return true;
}

// A list of texts; a pandas Index holds an array of them.
std::optional<View> names_view(const View& v) {
  if (is_text_array(v)) return v;
  if (v.is(Kind::list) || v.is(Kind::tuple) || (v.is(Kind::array) && v.is_object_array() && v.shape().size() == 1)) {
    return all_texts(v) ? std::optional(v) : std::nullopt;
  }
  if (is_pandas(v)) {
    const auto data = sklearn::names_array(v);
    return data && data->id() != v.id() ? names_view(*data) : std::nullopt;
  }
  return std::nullopt;
}

std::string class_shown(const View& v) {
  if (const auto code = custom_code(v)) return code->describe();
  return v.is(Kind::object) ? excerpt(v.qualified_name(), 120) : describe_value(v);
}

}  // namespace

bool is_container(const View& v) {
  if (v.is(Kind::dict) || v.is(Kind::list) || v.is(Kind::tuple)) return true;
  if (v.is(Kind::array)) return v.is_object_array();
  // OrderedDict, defaultdict, sklearn.utils.Bunch: dict-like
  return v.is(Kind::object) && v.entries() > 0 && !sklearn::covered(v);
}

Part part_of(const View& v, std::string entry) {
  Part::Kind kind = Part::Kind::foreign;
  if (sklearn::is_decoder(v))
    kind = Part::Kind::decoder;
  else if (sklearn::covered(v))
    kind = Part::Kind::estimator;
  else if (names_view(v))
    kind = Part::Kind::names;
  else if (!v.is(Kind::object) || is_pandas(v) || v.module().substr(0, 12) == "scipy.sparse")
    kind = Part::Kind::data;
  return {kind, v, std::move(entry)};
}

std::vector<Part> parts_of(const View& root) {
  struct Step {
    View v;
    std::string entry;
    int depth;
  };
  std::vector<Part> out;
  std::unordered_set<std::uint32_t> seen;
  std::vector<Step> todo{{root, "", 0}};
  for (std::size_t at = 0; at < todo.size() && seen.size() < kVisitsMax; ++at) {
    const Step step = todo[at];
    if (!seen.insert(step.v.id()).second) continue;
    Part part = part_of(step.v, step.entry);
    if (!is_container(step.v) || part.kind == Part::Kind::names || step.depth >= kDepthMax) {
      out.push_back(std::move(part));
      continue;
    }
    for (std::size_t i = 0; i < step.v.size() && todo.size() < kVisitsMax; ++i) {
      todo.push_back({step.v.at(i), step.entry + "[" + std::to_string(i) + "]", step.depth + 1});
    }
    for (std::size_t i = 0; i < step.v.entries() && todo.size() < kVisitsMax; ++i) {
      todo.push_back({step.v.value_at(i), (step.entry.empty() ? "" : step.entry + ".") + key_text(step.v.key_at(i)), step.depth + 1});
    }
  }
  return out;
}

std::string listed(const std::vector<Part>& all) {
  std::string out;
  std::size_t shown = 0;
  for (const Part& part : all) {
    if (part.kind == Part::Kind::data && !is_pandas(part.view) && !part.view.is(Kind::array)) continue;  // numbers and texts are no news
    if (shown == kListedMax) return out + ", …";
    out += (shown++ == 0 ? "" : ", ") + (part.entry.empty() ? std::string("(root)") : excerpt(part.entry, 80)) + " (" + class_shown(part.view) + ")";
  }
  return out.empty() ? "nothing but plain values" : out;
}

Result<Part> part_at(const View& root, const std::string& entry) {
  if (auto whole = child(root, entry)) return part_of(*whole, entry);
  View at = root;
  for (const std::string& name : split(entry)) {
    auto next = child(at, name);
    if (!next)
      return Error(ErrorCode::model_refused, "the file has no entry '" + excerpt(entry, 100) + "': '" + excerpt(name, 100) + "' is not in " +
                                                 at.describe() + ". Inside are: " + listed(parts_of(root)));
    at = *next;
  }
  return part_of(at, entry);
}

std::vector<std::string> names_in(const View& v) {
  const auto names = names_view(v);
  auto texts = names ? names->texts() : Result<std::vector<std::string>>(std::vector<std::string>{});
  return texts.ok() ? std::move(texts).value() : std::vector<std::string>{};
}

std::string describe_value(const View& v) {
  if (is_pandas(v)) {
    const bool index = v.module().find("index") != std::string_view::npos;
    return "a pandas " + (index && v.name() == "_new_Index" ? std::string("Index") : excerpt(v.name(), 40));
  }
  if (const auto names = names_in(v); !names.empty()) {
    std::string out = std::string(v.is(Kind::list)    ? "a list"
                                  : v.is(Kind::tuple) ? "a tuple"
                                                      : "an array") +
                      " of " + std::to_string(names.size()) + (names.size() == 1 ? " text (" : " texts (");
    for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 3); ++i) out += (i == 0 ? "'" : ", '") + excerpt(names[i], 30) + "'";
    return out + (names.size() > 3 ? ", …)" : ")");
  }
  return v.describe();
}

void list_parts(const std::vector<Part>& parts, const std::string& label, Report& report) {
  for (const Part& part : parts) {
    if (report.contents.size() >= kLinesMax) return;
    const std::string entry = label + (label.empty() || part.entry.empty() ? "" : ":") + part.entry;
    if (part.view.is(Kind::object) && !is_pandas(part.view)) {
      sklearn::list_contents(part.view, entry, report);
      continue;
    }
    const std::string what = describe_value(part.view);
    report.contents.push_back((entry.empty() ? "the file" : entry) + ": " + what);
    report.objects.push_back(json::object({{"path", entry}, {"class", what}, {"servable", false}}));
  }
}

}  // namespace slipway::importers
