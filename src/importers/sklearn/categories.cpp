#include "slipway/importers/sklearn/categories.hpp"

#include <cmath>

#include "slipway/importers/blocks/texts.hpp"
#include "slipway/ops/text/json.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::size_t kCategoriesMax = 2'000'000;

Status add_missing(Categories& out, const View& item) {
  if (out.missing >= 0) return refuse(item, "None and NaN are two categories here; a request can't tell them apart");
  out.missing = static_cast<std::int64_t>(out.text ? out.texts.size() : out.numbers.size());
  if (out.text)
    out.texts.emplace_back(kMissingText);
  else
    out.numbers.push_back(std::nan(""));
  return ok();
}

bool is_missing(const View& item) {
  if (item.is_none()) return true;
  if (!item.is(Kind::real)) return false;
  const auto value = item.number();
  return value.ok() && std::isnan(*value);
}

// Categories of any kind, by their keys.
Result<Categories> read_documents(const View& list) {
  Categories out;
  out.text = out.documents = true;
  bool none = false, nan = false;
  for (std::size_t i = 0; i < list.size(); ++i) (list.at(i).is_none() ? none : nan) |= is_missing(list.at(i));
  for (std::size_t i = 0; i < list.size(); ++i) {
    const View item = list.at(i);
    if (is_missing(item)) {
      out.texts.push_back(none && nan && !item.is_none() ? ops::text::kNanKey : ops::text::kNullKey);
      out.missing = static_cast<std::int64_t>(i);
    } else if (item.is(Kind::text)) {
      out.texts.push_back(ops::text::key_of(TRY(item.text())));
      out.shown.emplace_back(TRY(item.text()));
    } else {
      out.texts.push_back(ops::text::key_of(TRY(item.number())));
      out.shown.emplace_back(TRY(item.number()));
    }
  }
  return out;
}

Result<Categories> read_objects(const View& list) {
  Categories out;
  std::size_t nones = 0, nans = 0;
  bool any_text = false, any_other = false, all_boolean = true;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const View item = list.at(i);
    if (is_missing(item)) {
      ++(item.is_none() ? nones : nans);
      continue;
    }
    (item.is(Kind::text) ? any_text : any_other) = true;
    all_boolean = all_boolean && item.is(Kind::boolean);
  }
  if ((any_text && any_other) || (nones > 0 && nans > 0)) return read_documents(list);
  out.text = any_text || !any_other;
  out.boolean = any_other && all_boolean;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const View item = list.at(i);
    if (is_missing(item)) {
      TRY(add_missing(out, item));
    } else if (out.text) {
      out.texts.push_back(TRY(item.text()));
      out.shown.emplace_back(out.texts.back());
    } else {
      out.numbers.push_back(TRY(item.number()));
      out.shown.push_back(out.boolean ? json::Value(out.numbers.back() != 0) : json::Value(out.numbers.back()));
    }
  }
  return out;
}

}  // namespace

Result<Categories> read_category_list(const View& list) {
  if (!list.is(Kind::array) && !list.is(Kind::list)) return refuse(list, "the categories are " + list.describe());
  if (list.is(Kind::array) && list.shape().size() != 1) return refuse(list, "the categories are not one list");
  const std::string dtype = list.is(Kind::array) ? list.dtype_text() : "O";
  Categories out;
  if (dtype.find('U') != std::string::npos || dtype.find('S') != std::string::npos) {
    out.text = true;
    out.texts = TRY(list.texts());
    for (const auto& text : out.texts) out.shown.emplace_back(text);
    return out;
  }
  if (dtype == "O" || list.is(Kind::list) || list.is_object_array()) return read_objects(list);
  out.boolean = dtype.size() > 1 && dtype[1] == 'b';
  const bool whole = dtype.size() > 1 && (dtype[1] == 'i' || dtype[1] == 'u');
  for (const double v : TRY(list.doubles())) {
    if (std::isnan(v)) {
      TRY(add_missing(out, list));
      continue;
    }
    out.numbers.push_back(v);
    if (out.boolean)
      out.shown.emplace_back(v != 0);
    else if (whole && std::abs(v) < 9e15)
      out.shown.emplace_back(static_cast<std::int64_t>(v));
    else
      out.shown.emplace_back(v);
  }
  return out;
}

namespace {

// [N, K] of 0 and 1: which category each row has. The missing one's column stands last.
struct Hits {
  Val value;
  std::vector<std::size_t> order;  // columns -> categories
};

Hits number_hits(Builder& graph, const Val& x, const Categories& categories) {
  std::vector<double> plain;
  Hits hits;
  for (std::size_t i = 0; i < categories.numbers.size(); ++i) {
    if (static_cast<std::int64_t>(i) == categories.missing) continue;
    plain.push_back(categories.numbers[i]);
    hits.order.push_back(i);
  }
  std::vector<Val> parts;
  if (!plain.empty()) {
    const Val equal = Builder::typed(graph.op("Equal", {x, graph.row(plain)}), DType::boolean, static_cast<std::int64_t>(plain.size()));
    parts.push_back(graph.cast(equal, DType::float64));
  }
  if (categories.missing >= 0) {
    parts.push_back(graph.cast(graph.is_nan(x), DType::float64));
    hits.order.push_back(static_cast<std::size_t>(categories.missing));
  }
  hits.value = graph.concat_columns(parts);
  return hits;
}

Val coded_number(Builder& graph, const Val& x, const Categories& categories, const std::vector<double>& codes, double unknown) {
  const Hits hits = number_hits(graph, x, categories);
  const auto n = static_cast<std::int64_t>(hits.order.size());
  std::vector<double> weights, known(hits.order.size(), 1.0), lost;
  bool loses = false;  // a category whose code is NaN
  for (const std::size_t i : hits.order) {
    weights.push_back(std::isnan(codes[i]) ? 0.0 : codes[i]);
    lost.push_back(std::isnan(codes[i]) ? 1.0 : 0.0);
    loses = loses || std::isnan(codes[i]);
  }
  Val value = graph.matmul(hits.value, graph.constant(doubles({n, 1}, weights)), 1);
  auto any = [&](const std::vector<double>& which) {
    const Val sum = graph.matmul(hits.value, graph.constant(doubles({n, 1}, which)), 1);
    return Builder::typed(graph.op("Greater", {sum, graph.scalar(0.5)}), DType::boolean, 1);
  };
  if (loses) value = graph.where(any(lost), graph.scalar(std::nan("")), value);
  return Builder::typed(graph.where(any(known), value, graph.scalar(unknown)), DType::float64, 1);
}

}  // namespace

Result<std::vector<Categories>> read_categories(Lowering& to, const View& model, const Table& in) {
  const View lists = TRY(model.attribute("categories_"));
  if (!lists.is(Kind::list) && !lists.is(Kind::tuple) && !lists.is(Kind::array)) return refuse(lists, "the categories are " + lists.describe());
  TRY(expect_width(model, in, static_cast<std::int64_t>(lists.size())));
  std::vector<Categories> out;
  std::size_t total = 0;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    Categories c = TRY(read_category_list(lists.at(i)));
    if (c.count() == 0) return refuse(lists.at(i), "there is no category");
    if ((total += c.count()) > kCategoriesMax) return refuse(lists, "there are more than " + std::to_string(kCategoriesMax) + " categories");
    if (c.text && c.shown.empty() && !to.inputs.known_text(in.columns[i]) && in.columns[i].feature < 0) {  // only the missing one, of numbers
      c.text = false;
      c.numbers = {std::nan("")};
    }
    out.push_back(std::move(c));
  }
  return out;
}

bool announce(Lowering& to, const View&, const Column& column, const Categories& categories, bool refused, bool missing_is_unknown) {
  if (categories.boolean) to.inputs.hint_boolean(column);
  if (categories.missing < 0 && (refused || !missing_is_unknown)) {
    Table one;
    one.columns.push_back(column);
    to.inputs.refuse_missing(one);
  }
  if (!refused || categories.documents) to.inputs.hint_categories(column, categories.shown);
  if (!refused) return true;
  return !categories.documents && to.inputs.close(column, categories.shown);
}

Result<Val> category_texts(Lowering& to, const Column& column, const Categories& categories) {
  Table one;
  one.columns.push_back(column);
  if (!categories.documents) return to.inputs.texts(one);
  bool apart = false;
  for (const std::string& key : categories.texts) apart = apart || key == ops::text::kNanKey;
  return to.graph.own("DocumentKeys", {TRY(to.inputs.documents(one))}, DType::string, 1, {graph::attr("nan_apart", std::int64_t{apart})});
}

Result<Val> known(Lowering& to, const Column& column, std::size_t at, const Categories& categories, const Val& value) {
  const std::vector<double> ones(categories.count(), 1.0);
  const Val hit = to.graph.cast(TRY(coded(to, column, categories, ones, 0.0)), DType::boolean);
  const std::string what = "found an unknown category in column " + std::to_string(at) + " of the encoder";
  return to.graph.own("RequireKnown", {hit, value}, DType::float64, value.columns, {graph::attr("what", what)});
}

Result<Val> coded(Lowering& to, const Column& column, const Categories& categories, const std::vector<double>& codes, double unknown) {
  Table one;
  one.columns.push_back(column);
  if (categories.text) return look_up_number(to.graph, TRY(category_texts(to, column, categories)), categories.texts, codes, unknown);
  return coded_number(to.graph, TRY(to.inputs.numbers(one)), categories, codes, unknown);
}

Result<std::vector<Grouping>> read_grouping(const View& model, const std::vector<Categories>& categories) {
  std::vector<Grouping> out(categories.size());
  if (!TRY(flag_or(model, "_infrequent_enabled", false))) return out;
  const View infrequent = TRY(model.attribute("_infrequent_indices")), mappings = TRY(model.attribute("_default_to_infrequent_mappings"));
  if (infrequent.size() != out.size() || mappings.size() != out.size()) return refuse(model, "its groups of rare categories don't fit its columns");
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (infrequent.at(i).is_none() || mappings.at(i).is_none()) continue;
    const auto count = static_cast<std::int64_t>(categories[i].count());
    const auto rare = TRY(infrequent.at(i).integers());
    out[i].group_of = TRY(mappings.at(i).integers());
    if (rare.empty() || rare[0] < 0 || rare[0] >= count || static_cast<std::int64_t>(out[i].group_of.size()) != count) {
      return refuse(infrequent.at(i), "the group of rare categories doesn't fit the categories");
    }
    for (const auto g : out[i].group_of) {
      if (g < 0 || g >= count) return refuse(mappings.at(i), "the group of rare categories doesn't fit the categories");
    }
    out[i].infrequent = rare[0];
  }
  return out;
}

}  // namespace slipway::importers::sklearn
