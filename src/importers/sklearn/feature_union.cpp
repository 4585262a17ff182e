// FeatureUnion: every transformer is given all columns; the results stand side by side.
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

Result<Table> transform(Lowering& to, const View& model, const Table& in) {
  const View parts = TRY(model.attribute("transformer_list"));
  if ((!parts.is(Kind::list) && !parts.is(Kind::tuple)) || parts.size() > kPartsMax) return refuse(parts, "the transformers are " + parts.describe());
  const auto weights = model.find("transformer_weights");
  Table out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const View entry = parts.at(i);
    if (entry.size() != 2) return refuse(entry, "a transformer is no pair of name and transformer");
    const View transformer = entry.at(1);
    if (transformer.is_text("drop") || transformer.is_none()) continue;
    Table part = transformer.is_text("passthrough") ? in : TRY(to.transform(transformer, in));
    const auto weight = weights && !weights->is_none() && entry.at(0).is(Kind::text) ? weights->get(TRY(entry.at(0).text())) : std::nullopt;
    if (weight && !weight->is_none()) part = TRY(times(to, part, TRY(weight->number())));
    append(out, part);
  }
  if (out.columns.empty()) return refuse(model, "every transformer is dropped");
  return out;
}

constexpr Converter kConverters[] = {{"FeatureUnion", transform, nullptr}};

}  // namespace

Family feature_union_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
