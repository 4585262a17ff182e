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

Table made_of(const Table& in, const Val& block) {
  if (in.free) {
    Table out;
    out.free = block;
    return out;
  }
  Table out = table_of(block);
  for (std::size_t i = 0; i < out.width() && i < in.width(); ++i) out.columns[i].missing_from = in.columns[i].missing_from;
  return out;
}

Result<Table> times(Lowering& to, const Table& table, double weight) {
  if (table.columns.empty() && !table.free) return table;
  const Val factor = to.graph.scalar(weight);
  if (auto sparse = to.inputs.sparse(table)) {
    sparse->values = to.graph.mul(sparse->values, factor);
    return to.inputs.sparse_table(*sparse, static_cast<std::int64_t>(table.width()));
  }
  const Val x = TRY(to.inputs.numbers(table));
  if (table.sparse && weight == 0 && !table.free) {  // scipy keeps the zeros that this makes
    const auto parts = to.graph.op_n("DenseToSparse", {x}, 3, {}, graph::kOwnDomain);
    const Val values = to.graph.mul(Builder::typed(parts[2], DType::float64, -1), factor);
    const Sparse zeros{Builder::typed(parts[0], DType::int64, -1), Builder::typed(parts[1], DType::int64, -1),
                       Builder::typed(values, DType::float64, -1)};
    return to.inputs.sparse_table(zeros, static_cast<std::int64_t>(table.width()));
  }
  Table out = made_of(table, Builder::typed(to.graph.mul(x, factor), DType::float64, x.columns));
  out.sparse = table.sparse;
  return out;
}

std::size_t converter_count() { return table().size(); }

}  // namespace slipway::importers::sklearn
