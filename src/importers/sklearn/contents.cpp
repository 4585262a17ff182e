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

// The estimators directly inside, and a function that is code.
std::vector<View> inner(const View& model) {
  std::vector<View> out = inside(model);
  if (const auto function = model.find("func")) add_part(out, *function);
  return out;
}

// "Pipeline(StandardScaler, LogisticRegression)"; members that are alike are told once: "BaggingClassifier(10 x DecisionTreeClassifier)".
std::string title(const View& model, int depth) {
  const auto code = custom_code(model);
  std::string out = code ? code->name : std::string(model.name());
  const std::size_t own = out.size();
  std::string before;
  std::size_t alike = 0;
  const auto tell = [&] {
    if (alike == 0 || out.size() >= kTitleMax) return;
    out += (out.size() == own ? "(" : ", ") + (alike > 1 ? std::to_string(alike) + " x " : "") + before;
  };
  for (const View& part : depth < kTitleDepthMax ? inner(model) : std::vector<View>{}) {
    if (part.name().empty() && !custom_code(part)) continue;
    std::string name = title(part, depth + 1);
    if (name != before) {
      tell();
      before = std::move(name);
      alike = 0;
    }
    ++alike;
  }
  tell();
  if (out.size() != own) out += ")";
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
  if (!covered(model)) {
    const std::string_view module = model.module();
    // numpy's own functions in a FunctionTransformer and the like are no estimators
    if (module.substr(0, 5) == "numpy" || module.substr(0, 5) == "scipy") return {};
    if (is_decoder(model)) return "it decodes the answer of a classifier beside it";
    return excerpt(model.qualified_name(), 200) + (module.substr(0, 7) == "sklearn" ? " is not covered yet" : " is not read here");
  }
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
