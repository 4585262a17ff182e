// LabelEncoder and LabelBinarizer as models of their own: one column of labels to their places among classes_.
#include <numeric>

#include "slipway/importers/sklearn/categories.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

struct Read {
  Categories classes;
  Val code;  // [N, 1]: the place; -1: none
};

Result<Read> read(Lowering& to, const View& model, const Table& in, bool refuse_unknown) {
  if (in.width() != 1) return refuse(model, std::string(model.name()) + " takes one column of labels but is given " + std::to_string(in.width()));
  const View list = TRY(model.attribute("classes_"));
  Read out;
  out.classes = TRY(read_category_list(list));
  if (out.classes.count() == 0) return refuse(list, "there is no class");
  const bool checked = announce(to, model, in.columns[0], out.classes, refuse_unknown, false);
  std::vector<double> places(out.classes.count());
  std::iota(places.begin(), places.end(), 0.0);
  out.code = TRY(coded(to, in.columns[0], out.classes, places, -1));
  if (!checked) out.code = TRY(known(to, in.columns[0], 0, out.classes, out.code));
  return out;
}

Result<Table> encode(Lowering& to, const View& model, const Table& in) {
  Table out = table_of(TRY(read(to, model, in, true)).code);
  out.vector = true;
  return out;
}

Result<Table> binarize(Lowering& to, const View& model, const Table& in) {
  if (text_or(model, "y_type_", "").starts_with("multilabel")) return refuse(model, "it was fitted on an indicator matrix, which is not supported");
  const Read labels = TRY(read(to, model, in, false));
  const double low = TRY(number_or(model, "neg_label", 0)), high = TRY(number_or(model, "pos_label", 1));
  std::vector<double> places(labels.classes.count());
  std::iota(places.begin(), places.end(), 0.0);
  if (places.size() == 2) places = {1};
  if (places.size() == 1 && labels.classes.count() == 1) places = {-2};  // of one class every answer is negative
  Builder& g = to.graph;
  const Val hit = g.compare("Equal", labels.code, g.row(places));
  return table_of(Builder::typed(g.where(hit, g.scalar(high), g.scalar(low)), DType::float64, static_cast<std::int64_t>(places.size())));
}

constexpr Converter kConverters[] = {
    {"LabelEncoder", encode, nullptr},
    {"LabelBinarizer", binarize, nullptr},
};

}  // namespace

Family labels_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
