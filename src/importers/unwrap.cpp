#include "slipway/importers/unwrap.hpp"

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include "slipway/importers/blocks/refuse.hpp"
#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers {
namespace {

using pickle::Kind;
using pickle::View;

constexpr std::size_t kVisitsMax = 10'000, kListedMax = 20;
constexpr int kDepthMax = 8;

bool is_container(const View& v) {
  if (v.is(Kind::dict) || v.is(Kind::list) || v.is(Kind::tuple)) return true;
  if (v.is(Kind::array)) return v.is_object_array();
  // OrderedDict, defaultdict, sklearn.utils.Bunch: dict-like
  return v.is(Kind::object) && v.entries() > 0 && !sklearn::covered(v);
}

std::string key_text(const View& key) {
  if (key.is(Kind::text)) return key.text().ok() ? *key.text() : std::string("?");
  if (key.is(Kind::integer)) return std::to_string(key.integer().ok() ? *key.integer() : 0);
  return key.describe();
}

struct Candidate {
  View model;
  std::string entry;
};

// Estimators of any class, outermost only, in the order of the file.
std::vector<Candidate> candidates(const View& root) {
  struct Step {
    View v;
    std::string entry;
    int depth;
  };
  std::vector<Candidate> out;
  std::unordered_set<std::uint32_t> seen;
  std::vector<Step> todo{{root, "", 0}};
  for (std::size_t at = 0; at < todo.size() && seen.size() < kVisitsMax; ++at) {
    const Step step = todo[at];
    if (!seen.insert(step.v.id()).second) continue;
    if (is_container(step.v)) {
      if (step.depth >= kDepthMax) continue;
      for (std::size_t i = 0; i < step.v.size() && todo.size() < kVisitsMax; ++i) {
        todo.push_back({step.v.at(i), step.entry + "[" + std::to_string(i) + "]", step.depth + 1});
      }
      for (std::size_t i = 0; i < step.v.entries() && todo.size() < kVisitsMax; ++i) {
        todo.push_back({step.v.value_at(i), (step.entry.empty() ? "" : step.entry + ".") + key_text(step.v.key_at(i)), step.depth + 1});
      }
    } else if (step.v.is(Kind::object)) {
      out.push_back({step.v, step.entry});
    }
  }
  return out;
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

std::string listed(const std::vector<Candidate>& all) {
  std::string out;
  for (std::size_t i = 0; i < all.size() && i < kListedMax; ++i) {
    out += (i == 0 ? "" : ", ") + (all[i].entry.empty() ? std::string("(root)") : all[i].entry) + " (" + all[i].model.qualified_name() + ")";
  }
  return out;
}

Result<Found> by_entry(const View& root, const std::string& entry) {
  if (auto whole = child(root, entry)) return Found{std::move(*whole), {}};
  View at = root;
  for (const std::string& part : split(entry)) {
    auto next = child(at, part);
    if (!next)
      return Error(ErrorCode::model_refused, "the file has no entry '" + entry.substr(0, 100) + "': '" + part.substr(0, 100) + "' is not in " +
                                                 at.describe() + ". Inside are: " + listed(candidates(root)));
    at = *next;
  }
  return Found{at, {}};
}

}  // namespace

Result<Found> find_model(const View& root, const std::string& entry) {
  if (!entry.empty()) return by_entry(root, entry);
  if (!is_container(root)) return Found{root, {}};
  const auto all = candidates(root);
  std::vector<Candidate> servable, predictors;
  for (const Candidate& c : all) {
    if (!sklearn::covered(c.model)) continue;
    servable.push_back(c);
    if (sklearn::predicts(c.model)) predictors.push_back(c);
  }
  if (servable.size() == 1) {
    Found found{servable[0].model, {}};
    if (all.size() > 1) found.warnings.push_back("served is " + servable[0].entry + "; beside it are objects that are not served: " + listed(all));
    return found;
  }
  if (servable.empty() && all.size() == 1) return Found{all[0].model, {}};  // refused by name
  if (all.empty()) return refuse(root, "here is " + root.describe() + " without any estimator in it; save the fitted model itself");
  if (servable.empty()) return refuse(root, "none of the objects inside is an estimator that is read here: " + listed(all));
  std::string detail = "there are several estimators inside: " + listed(servable) + ". Choose one with --entry " + servable[0].entry +
                       "; if they belong together (a scaler and the model behind it), save them as one Pipeline";
  return refuse(root, detail);
}

}  // namespace slipway::importers
