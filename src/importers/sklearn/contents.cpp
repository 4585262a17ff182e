#include "slipway/importers/sklearn/contents.hpp"

#include <algorithm>

#include "slipway/base/encoding.hpp"
#include "slipway/importers/custom_code.hpp"
#include "slipway/importers/sklearn/import.hpp"
#include "slipway/importers/sklearn/lowering.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr int kTitleDepthMax = 4, kWhyDepthMax = 8;
constexpr std::size_t kTitleMax = 300, kContentsMax = 100, kInnerMax = 100, kWhyMax = 400;

void add_part(std::vector<View>& out, const View& v) {
  if (v.is(Kind::object) && out.size() < kInnerMax) out.push_back(v);
}

// The estimators directly inside: of steps, transformers or other named lists, or wrapped ones. Not a forest's trees.
std::vector<View> inner(const View& model) {
  std::vector<View> out;
  for (const char* list : {"steps", "transformers_", "transformer_list"}) {
    const auto named = model.find(list);
    if (!named || !(named->is(Kind::list) || named->is(Kind::tuple))) continue;
    for (std::size_t i = 0; i < named->size() && i < kInnerMax; ++i) {
      const View entry = named->at(i);
      if (entry.size() >= 2) add_part(out, entry.at(1));
    }
    if (!out.empty()) return out;
  }
  for (const char* wrapped : {"best_estimator_", "final_estimator_", "regressor_", "estimator_", "func"}) {
    if (std::string_view(wrapped) == "estimator_" && model.has("estimators_")) continue;  // an ensemble's pattern for its members
    if (const auto found = model.find(wrapped)) add_part(out, *found);
    if (!out.empty() && std::string_view(wrapped) == "best_estimator_") return out;
  }
  return out;
}

std::string title(const View& model, int depth) {
  const auto code = custom_code(model);
  std::string out = code ? code->name : std::string(model.name());
  const auto parts = depth < kTitleDepthMax ? inner(model) : std::vector<View>{};
  std::size_t shown = 0;
  for (std::size_t i = 0; i < parts.size() && out.size() < kTitleMax; ++i) {
    if (parts[i].name().empty() && !custom_code(parts[i])) continue;
    out += (shown++ == 0 ? "(" : ", ") + title(parts[i], depth + 1);
  }
  if (shown != 0) out += ")";
  return out;
}

std::int64_t length_of(const View& v) {
  if (v.is(Kind::array)) return v.shape().empty() ? 1 : v.shape()[0];
  return static_cast<std::int64_t>(v.size());
}

struct Fact {
  const char *member, *one, *many;
  std::int64_t count;
};

// Numbers that tell one fitted object from another.
std::vector<Fact> facts_of(const View& model) {
  std::vector<Fact> out;
  if (!model.is(Kind::object)) return out;
  if (const auto width = width_of(model); width.ok() && width->count >= 0) out.push_back({"features", "feature", "features", width->count});
  const auto add_length = [&](const char* attribute, const char* member, const char* one, const char* many) {
    const auto found = model.find(attribute);
    if (found && (found->is(Kind::array) || found->is(Kind::list))) out.push_back({member, one, many, length_of(*found)});
  };
  add_length("classes_", "classes", "class", "classes");
  add_length("cluster_centers_", "clusters", "cluster", "clusters");
  if (const auto trees = model.find("estimators_"); trees && (trees->is(Kind::array) || trees->is(Kind::list)) && trees->size() > 0) {
    const bool of_trees = trees->at(0).name().find("Tree") != std::string_view::npos;
    out.push_back({of_trees ? "trees" : "estimators", of_trees ? "tree" : "estimator", of_trees ? "trees" : "estimators",
                   static_cast<std::int64_t>(trees->size())});
  }
  if (const auto tree = model.find("tree_"); tree && tree->find("node_count")) {
    if (const auto nodes = tree->find("node_count")->integer(); nodes.ok()) out.push_back({"nodes", "node", "nodes", *nodes});
  }
  if (const auto vocabulary = model.find("vocabulary_"); vocabulary && vocabulary->entries() > 0)
    out.push_back({"terms", "term", "terms", static_cast<std::int64_t>(vocabulary->entries())});
  return out;
}

std::string class_of(const View& model) {
  if (const auto code = custom_code(model)) return (code->module.empty() ? std::string() : code->module + ".") + code->name;
  return model.qualified_name();
}

void list(const View& model, const std::string& entry, std::size_t root_path, Report& report, int depth) {
  if (report.contents.size() >= kContentsMax) return;
  std::string path = model.path().substr(std::min(root_path, model.path().size()));
  if (entry.empty() && path.starts_with('.')) path.erase(0, 1);
  path = entry + (!entry.empty() && !path.empty() && path[0] != '.' && path[0] != '[' ? "." : "") + path;
  const std::string why = why_not(model);
  json::Value object = json::object({{"path", path}, {"class", excerpt(class_of(model), 200)}});
  std::string line = (path.empty() ? std::string("model") : path) + ": " + excerpt(class_of(model), 200);
  for (const Fact& fact : facts_of(model)) {
    object.set(fact.member, fact.count);
    line += ", " + std::to_string(fact.count) + " " + (fact.count == 1 ? fact.one : fact.many);
  }
  if (const std::string version = text_or(model, "_sklearn_version", ""); !version.empty()) object.set("version", excerpt(version, 40));
  object.set("servable", why.empty());
  if (!why.empty()) {
    object.set("why", why);
    if (depth == 0 || inner(model).empty()) line += " (not served: " + why + ")";
  }
  report.contents.push_back(std::move(line));
  report.objects.push_back(std::move(object));
  if (depth >= kTitleDepthMax) return;
  for (const View& part : inner(model)) list(part, entry, root_path, report, depth + 1);
}

std::string why_not(const View& model, int depth) {
  if (const auto code = custom_code(model)) return code->describe();
  const std::string_view module = model.module();
  if (module.substr(0, 7) != "sklearn") {
    // numpy's own functions in a FunctionTransformer and the like are no estimators
    return module.substr(0, 5) == "numpy" || module.substr(0, 5) == "scipy" ? "" : excerpt(model.qualified_name(), 200) + " is not read here";
  }
  if (!covered(model) && is_decoder(model)) return "it decodes the answer of a classifier beside it";
  if (!covered(model)) return excerpt(model.qualified_name(), 200) + " is not covered yet";
  if (depth >= kWhyDepthMax) return {};
  for (const View& part : inner(model)) {
    const std::string why = why_not(part, depth + 1);
    if (!why.empty()) return why.size() > kWhyMax || why.find(" inside at ") != why.npos ? why : why + " inside at " + part.path();
  }
  return {};
}

}  // namespace

std::string title_of(const View& model) { return title(model, 0); }
void list_contents(const View& model, const std::string& entry, Report& report) { list(model, entry, model.path().size(), report, 0); }
std::string why_not(const View& model) { return why_not(model, 0); }

}  // namespace slipway::importers::sklearn
