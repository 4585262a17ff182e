#include "slipway/importers/sklearn/table.hpp"

#include <unordered_map>

namespace slipway::importers::sklearn {
namespace {

std::string key(std::string_view class_name, std::string_view root) { return std::string(root) + "." + std::string(class_name); }

std::unordered_map<std::string, const Converter*> make_table() {
  std::unordered_map<std::string, const Converter*> table;
#define SLIPWAY_SKLEARN_FAMILY(family) \
  for (const Converter& c : family##_family()) table.emplace(key(c.name, c.root), &c);
#include "slipway/importers/sklearn/families.def"
#undef SLIPWAY_SKLEARN_FAMILY
  return table;
}

const std::unordered_map<std::string, const Converter*>& table() {
  static const auto made = make_table();
  return made;
}

}  // namespace

const Converter* find_converter(std::string_view class_name, std::string_view root) {
  const auto found = table().find(key(class_name, root));
  return found == table().end() ? nullptr : found->second;
}

std::size_t converter_count() { return table().size(); }

}  // namespace slipway::importers::sklearn
