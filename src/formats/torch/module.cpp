#include "slipway/formats/torch/module.hpp"

#include <algorithm>

#include "slipway/base/encoding.hpp"

namespace slipway::torch {
namespace {

using pickle::Kind;
using pickle::View;

constexpr std::size_t kModulesMax = 50'000, kDepthMax = 64, kNameMax = 512, kPathsMax = 16ULL << 20;
constexpr std::size_t kMembersMax = 1'000'000, kFleetingMax = 1'000;

Error refused(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

// What nn.Module keeps for itself.
constexpr std::string_view kOwn[] = {"_modules", "_parameters",           "_buffers", "_non_persistent_buffers_set", "_backend",
                                     "_version", "_is_full_backward_hook"};

}  // namespace

std::optional<Module> Module::of(const View& node) {
  if (!node.is(Kind::object) || !node.has("_modules") || !node.has("_parameters")) return std::nullopt;
  return Module(node);
}

Module::Named Module::members(std::string_view attribute) const {
  Named out;
  const auto members = view_.find(attribute);
  for (std::size_t i = 0; members && i < members->entries(); ++i) {
    const View key = members->key_at(i), value = members->value_at(i);
    if (!key.is(Kind::text) || key.raw().size() > kNameMax || value.is_none()) continue;
    if (auto name = key.text(); name.ok()) out.emplace_back(std::move(*name), value);
  }
  return out;
}

std::size_t Module::members() const {
  std::size_t sum = 0;
  for (const char* name : {"_modules", "_parameters", "_buffers"}) {
    if (const auto found = view_.find(name)) sum += found->entries();
  }
  return sum;
}

bool Module::is_persistent(std::string_view buffer) const {
  const auto fleeting = view_.find("_non_persistent_buffers_set");
  for (std::size_t i = 0; fleeting && i < std::min(fleeting->size(), kFleetingMax); ++i) {
    if (fleeting->at(i).is_text(buffer)) return false;
  }
  return true;
}

std::vector<std::string> Module::attributes() const {
  std::vector<std::string> out = view_.attributes();
  std::erase_if(out, [](const std::string& name) {
    return std::find(std::begin(kOwn), std::end(kOwn), name) != std::end(kOwn) || (name.starts_with("_") && name.find("_hook") != name.npos);
  });
  return out;
}

Module Module::unwrapped() const {
  Module at = *this;
  for (std::size_t i = 0; i < kDepthMax; ++i) {
    const std::string_view name = at.view_.name();
    const bool parallel = name == "DataParallel" || name == "DistributedDataParallel";
    if (!parallel && name != "OptimizedModule") return at;
    const auto inside = at.view_.find("_modules");
    const auto inner = inside ? inside->get(parallel ? "module" : "_orig_mod") : std::nullopt;
    auto module = inner ? of(*inner) : std::nullopt;
    if (!module) return at;
    at = std::move(*module);
  }
  return at;
}

Result<std::vector<Submodule>> module_tree(const Module& root) {
  struct Step {
    Submodule at;
    std::size_t depth;
  };
  std::vector<Submodule> out;
  std::vector<Step> open = {{{"", root}, 0}};
  std::size_t text = 0, members = 0;
  while (!open.empty()) {
    const Step step = std::move(open.back());
    open.pop_back();
    if (step.depth > kDepthMax)
      return refused("its modules are nested deeper than " + std::to_string(kDepthMax) + ", at " + excerpt(step.at.path, 80));
    if ((members += step.at.module.members()) > kMembersMax) return refused("its modules have more than " + std::to_string(kMembersMax) + " members");
    auto children = step.at.module.modules();
    if (out.size() + open.size() + children.size() >= kModulesMax) return refused("it has more than " + std::to_string(kModulesMax) + " modules");
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      auto module = Module::of(child->second);
      if (!module) {
        return refused("the module " + excerpt(step.at.path + (step.at.path.empty() ? "" : ".") + child->first, 80) + " is " +
                       child->second.describe());
      }
      std::string path = step.at.path + (step.at.path.empty() ? "" : ".") + child->first;
      if ((text += path.size()) > kPathsMax) return refused("the names of its modules are longer than those of any network");
      open.push_back({{std::move(path), std::move(*module)}, step.depth + 1});
    }
    out.push_back(step.at);
  }
  return out;
}

}  // namespace slipway::torch
