// SimpleImputer and MissingIndicator, for numbers and for text. Columns whose statistic is missing are dropped as the library does.
#include <algorithm>
#include <cmath>

#include "slipway/importers/blocks/texts.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

// The value that stands for a missing one: NaN or None (the request's null), a number, or a text.
struct Marker {
  bool null = false;
  std::optional<double> number;
  std::optional<std::string> text;
};

Result<Marker> read_marker(const View& model) {
  const auto v = model.find("missing_values");
  Marker marker;
  if (!v || v->is_none()) {
    marker.null = true;
  } else if (v->is(Kind::text)) {
    marker.text = TRY(v->text());
  } else if (v->is(Kind::object) || v->is(Kind::global)) {  // pandas.NA
    marker.null = true;
  } else {
    marker.number = TRY(v->number());
    marker.null = std::isnan(*marker.number);
  }
  return marker;
}

// A statistic of one column: a number, a text, or missing.
struct Statistic {
  std::optional<double> number;
  std::optional<std::string> text;
  bool missing() const { return !text && (!number || std::isnan(*number)); }
};

Result<std::vector<Statistic>> read_statistics(const View& model) {
  const View v = TRY(model.attribute("statistics_"));
  if (!v.is(Kind::array) && !v.is(Kind::list)) return refuse(v, "the statistics are " + v.describe());
  std::vector<Statistic> out;
  const std::string dtype = v.is(Kind::array) ? v.dtype_text() : "O";
  if (dtype.find('U') != std::string::npos || dtype.find('S') != std::string::npos) {
    for (auto& text : TRY(v.texts())) out.push_back({std::nullopt, std::move(text)});
    return out;
  }
  if (v.is(Kind::array) && !v.is_object_array()) {
    for (const double d : TRY(v.doubles())) out.push_back({d, std::nullopt});
    return out;
  }
  for (std::size_t i = 0; i < v.size(); ++i) {
    const View item = v.at(i);
    Statistic s;
    if (item.is(Kind::text))
      s.text = TRY(item.text());
    else if (!item.is_none() && !item.is(Kind::object) && !item.is(Kind::global))
      s.number = TRY(item.number());
    out.push_back(std::move(s));
  }
  return out;
}

// Columns of one kind are treated together and then put back in order.
struct Group {
  bool text = false;
  std::vector<std::int64_t> columns;
};

struct Kinds {
  std::vector<bool> text;
  Group group(bool want_text, const std::vector<std::int64_t>& which) const {
    Group g;
    g.text = want_text;
    for (const auto i : which) {
      if (text[static_cast<std::size_t>(i)] == want_text) g.columns.push_back(i);
    }
    return g;
  }
};

// What a column is follows from what would be filled in; a column that nothing is filled into is as the others are.
Kinds kinds_of(Lowering& to, const Table& in, const std::vector<Statistic>& statistics) {
  bool any_text = false, any_number = false;
  for (const auto& s : statistics) {
    any_text = any_text || s.text;
    any_number = any_number || (!s.text && !s.missing());
  }
  Kinds kinds;
  for (std::size_t i = 0; i < statistics.size(); ++i) {
    kinds.text.push_back(statistics[i].text || to.inputs.known_text(in.columns[i]) || (statistics[i].missing() && any_text && !any_number));
  }
  return kinds;
}

Result<Val> missing_mask(Lowering& to, const Table& in, const Group& group, const Marker& marker) {
  const Table part = select(in, group.columns);
  Builder& g = to.graph;
  if (group.text) {
    const Val x = TRY(to.inputs.texts(part));
    // A marker that no text equals: a NUL would be one, but no request can hold it as a value either.
    return equals_text(g, x, marker.text ? *marker.text : marker.null ? std::string(kMissingText) : std::string(kMissingText) + "never");
  }
  const Val x = TRY(to.inputs.numbers(part));
  if (marker.null) return g.is_nan(x);
  if (marker.number) return Builder::typed(g.op("Equal", {x, g.scalar(*marker.number)}), DType::boolean, x.columns);
  return Builder::typed(g.op("And", {g.is_nan(x), g.op("Not", {g.is_nan(x)})}), DType::boolean, x.columns);  // never
}

Result<Val> filled(Lowering& to, const Table& in, const Group& group, const Marker& marker, const std::vector<Statistic>& statistics) {
  const Val mask = TRY(missing_mask(to, in, group, marker));
  const Table part = select(in, group.columns);
  const auto width = static_cast<std::int64_t>(group.columns.size());
  if (group.text) {
    std::vector<std::string> fill;
    for (const auto i : group.columns) {
      const Statistic& s = statistics[static_cast<std::size_t>(i)];
      fill.push_back(s.text ? *s.text : std::string(kMissingText));
    }
    const Val x = TRY(to.inputs.texts(part));
    return Builder::typed(to.graph.where(mask, constant_texts(to.graph, std::move(fill)), x), DType::string, width);
  }
  std::vector<double> fill;
  for (const auto i : group.columns) fill.push_back(statistics[static_cast<std::size_t>(i)].number.value_or(std::nan("")));
  const Val x = TRY(to.inputs.numbers(part));
  return Builder::typed(to.graph.where(mask, to.graph.row(fill), x), DType::float64, width);
}

void place(Table& out, const std::vector<std::int64_t>& positions, const Val& block) {
  const Table made = table_of(block);
  for (std::size_t i = 0; i < positions.size(); ++i) out.columns[static_cast<std::size_t>(positions[i])] = made.columns[i];
}

// Positions of the group's columns in `order`.
std::vector<std::int64_t> positions_in(const std::vector<std::int64_t>& order, const Kinds& kinds, bool text) {
  std::vector<std::int64_t> at;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (kinds.text[static_cast<std::size_t>(order[i])] == text) at.push_back(static_cast<std::int64_t>(i));
  }
  return at;
}

Result<Table> mask_table(Lowering& to, const Table& in, const std::vector<std::int64_t>& which, const Kinds& kinds, const Marker& marker) {
  Table out;
  out.columns.resize(which.size());
  for (const bool text : {false, true}) {
    const Group group = kinds.group(text, which);
    if (group.columns.empty()) continue;
    place(out, positions_in(which, kinds, text), to.graph.cast(TRY(missing_mask(to, in, group, marker)), DType::float64));
  }
  return out;
}

Result<std::vector<std::int64_t>> indicator_features(const View& indicator, std::size_t width) {
  const View v = TRY(indicator.attribute("features_"));
  auto which = TRY(v.integers());
  for (const auto i : which) {
    if (i < 0 || i >= static_cast<std::int64_t>(width)) return refuse(v, "it names column " + std::to_string(i) + " of " + std::to_string(width));
  }
  return which;
}

void hint(Lowering& to, const Table& in, const std::vector<Statistic>& statistics) {
  for (std::size_t i = 0; i < statistics.size(); ++i) {
    if (statistics[i].number) to.inputs.hint_typical(in.columns[i], *statistics[i].number);
    if (statistics[i].text) to.inputs.hint_sample(in.columns[i], *statistics[i].text);
  }
}

Result<std::vector<std::int64_t>> kept_columns(Lowering& to, const View& model, const std::vector<Statistic>& statistics) {
  const bool keep_empty = TRY(flag_or(model, "keep_empty_features", false));
  const bool keeps_all = keep_empty || (text_or(model, "strategy", "mean") == "constant" && !to.version(model).at_least(1, 8));
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < statistics.size(); ++i) {
    if (keeps_all || !statistics[i].missing()) kept.push_back(static_cast<std::int64_t>(i));
  }
  return kept;
}

Result<Table> impute(Lowering& to, const View& model, const Table& in) {
  const std::string strategy = text_or(model, "strategy", "(a function)");  // from 1.5 on a function may be one; its results are in the state
  if (strategy != "mean" && strategy != "median" && strategy != "most_frequent" && strategy != "constant" && strategy != "(a function)") {
    return refuse(model, "the strategy '" + strategy.substr(0, 40) + "' is not known");
  }
  const auto statistics = TRY(read_statistics(model));
  TRY(expect_width(model, in, static_cast<std::int64_t>(statistics.size())));
  const Marker marker = TRY(read_marker(model));
  const Kinds kinds = kinds_of(to, in, statistics);
  const auto kept = TRY(kept_columns(to, model, statistics));
  const bool arithmetic = strategy == "mean" || strategy == "median";
  if (arithmetic && std::any_of(statistics.begin(), statistics.end(), [](const Statistic& s) { return s.text.has_value(); })) {
    return refuse(model, "a text is said to be the " + strategy + " of a column");
  }
  hint(to, in, statistics);
  if (!marker.null) to.inputs.refuse_missing(in);

  Table out;
  out.columns.resize(kept.size());
  for (const bool text : {false, true}) {
    const Group group = kinds.group(text, kept);
    if (!group.columns.empty()) place(out, positions_in(kept, kinds, text), TRY(filled(to, in, group, marker, statistics)));
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (marker.null) out.columns[i].same_as = in.columns[static_cast<std::size_t>(kept[i])].same_as;
  }
  if (TRY(flag_or(model, "add_indicator", false))) {
    const View indicator = TRY(model.attribute("indicator_"));
    const auto which = TRY(indicator_features(indicator, in.width()));
    if (!which.empty()) append(out, TRY(mask_table(to, in, which, kinds, marker)));
  }
  return out;
}

Result<Table> indicate(Lowering& to, const View& model, const Table& in) {
  const double n = TRY(number_or(model, "_n_features", static_cast<double>(in.width())));
  TRY(expect_width(model, in, static_cast<std::int64_t>(n)));
  const Marker marker = TRY(read_marker(model));
  const auto which = TRY(indicator_features(model, in.width()));
  Kinds kinds;
  for (const Column& column : in.columns) kinds.text.push_back(to.inputs.known_text(column) || marker.text.has_value());
  const bool only_seen = text_or(model, "features", "missing-only") == "missing-only" && TRY(flag_or(model, "error_on_new", true));
  if (!marker.null) {
    to.inputs.refuse_missing(in);
  } else if (only_seen) {
    std::vector<bool> seen(in.width(), false);
    for (const auto i : which) seen[static_cast<std::size_t>(i)] = true;
    for (std::size_t i = 0; i < in.width(); ++i) {
      if (!seen[i]) to.inputs.refuse_missing(select(in, {static_cast<std::int64_t>(i)}));
    }
  }
  return mask_table(to, in, which, kinds, marker);
}

constexpr Converter kConverters[] = {
    {"SimpleImputer", impute, nullptr},
    {"MissingIndicator", indicate, nullptr},
};

}  // namespace

Family imputers_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
