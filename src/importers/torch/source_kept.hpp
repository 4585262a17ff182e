// What SourceHost keeps with its objects. Inside importers/torch only.
#pragma once

#include "slipway/importers/torch/source_host.hpp"

namespace slipway::importers::torch {

struct SourceHost::Class {
  std::string name;
  const SourceModule* module = nullptr;
  const py::ClassDef* definition = nullptr;
  std::vector<std::shared_ptr<Class>> order;  // itself, then its bases in the order in which attributes are looked for
  bool network = false;                       // nn.Module is among them
  bool fields = false;                        // a dataclass or a named tuple: its annotations are its arguments
};

struct SourceHost::Kept {
  enum class What : std::uint8_t { name_space, unknown, type, instance, super, command_line, settings } what = What::name_space;
  std::string path;                      // of a namespace, or of something that isn't known
  std::shared_ptr<Class> of;             // type and instance: the class; super: where the search begins behind
  std::shared_ptr<Object> self;          // super
  const SourceModule* module = nullptr;  // command_line

  static const Kept* get(const std::shared_ptr<Object>& o) { return static_cast<const Kept*>(o->host.get()); }
  static const Kept* get(const Any& a) {
    const auto* o = a.as<std::shared_ptr<Object>>();
    return o == nullptr ? nullptr : get(*o);
  }
  static bool is_network(const Any& a) {
    const Kept* k = get(a);
    return k != nullptr && k->what == What::instance && k->of->network;
  }
};

}  // namespace slipway::importers::torch
