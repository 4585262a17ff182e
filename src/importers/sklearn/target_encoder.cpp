// TargetEncoder: a category becomes the target's mean among its rows; of several classes, one a class.
#include "slipway/importers/sklearn/categories.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

Result<Table> encode(Lowering& to, const View& model, const Table& in) {
  const auto categories = TRY(read_categories(to, model, in));
  const View encodings = TRY(model.attribute("encodings_"));
  const auto means = TRY(vector(model, "target_mean_"));
  const std::size_t each = text_or(model, "target_type_", "continuous") == "multiclass" ? means.size() : 1;
  if (means.size() != each || each == 0 || encodings.size() != each * categories.size())
    return refuse(encodings, "the encodings don't fit the columns");
  std::vector<Val> parts;
  for (std::size_t i = 0; i < categories.size(); ++i) {
    announce(to, model, in.columns[i], categories[i], false, true);
    for (std::size_t c = 0; c < each; ++c) {
      const View list = encodings.at(i * each + c);
      const auto codes = TRY(list.doubles());
      if (codes.size() != categories[i].count()) return refuse(list, "there isn't one encoding a category");
      parts.push_back(TRY(coded(to, in.columns[i], categories[i], codes, means[c])));
    }
  }
  return table_of(to.graph.concat_columns(parts));
}

constexpr Converter kConverters[] = {{"TargetEncoder", encode, nullptr}};

}  // namespace

Family target_encoder_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
