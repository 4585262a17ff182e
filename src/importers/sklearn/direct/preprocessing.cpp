// Scalers, imputers and encoders, evaluated directly.
#include <algorithm>
#include <cmath>

#include "slipway/importers/sklearn/direct/direct.hpp"

namespace slipway::importers::sklearn {
namespace {

using Made = Result<std::optional<Step>>;

// One function of the value and its column, on numbers.
Made by_column(std::function<double(double, std::size_t)> function) {
  return std::optional<Step>([function = std::move(function)](const Row& row) {
    Row out(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) out[i] = Cell{function(row[i].number, i), std::nullopt};
    return out;
  });
}

// (x - shift) / scale, each where the object says so.
Made shifted(const View& model, const char* shift_name, const char* shift_flag, const char* scale_flag) {
  const bool shifts = TRY(flag_or(model, shift_flag, true)), scales = TRY(flag_or(model, scale_flag, true));
  std::vector<double> shift, scale;
  if (shifts) shift = TRY(vector(model, shift_name));
  if (scales) scale = TRY(vector(model, "scale_"));
  return by_column([shift, scale](double x, std::size_t i) {
    if (!shift.empty()) x -= shift.at(i);
    if (!scale.empty()) x /= scale.at(i);
    return x;
  });
}

Made standard(Direct&, const View& model) { return shifted(model, "mean_", "with_mean", "with_std"); }
Made robust(Direct&, const View& model) {
  if (TRY(flag_or(model, "unit_variance", false))) return shifted(model, "center_", "with_centering", "with_scaling");
  return shifted(model, "center_", "with_centering", "with_scaling");
}

double clipped(double x, double low, double high) { return std::isnan(x) ? x : std::clamp(x, low, high); }

Made min_max(Direct&, const View& model) {
  const auto scale = TRY(vector(model, "scale_")), min = TRY(vector(model, "min_"));
  const bool clip = TRY(flag_or(model, "clip", false));
  const auto range = clip ? TRY(vector(model, "feature_range")) : std::vector<double>{0, 1};
  if (range.size() != 2 || !(range[0] <= range[1])) return refuse(model, "feature_range is no pair");
  return by_column([=](double x, std::size_t i) {
    const double y = x * scale.at(i) + min.at(i);
    return clip ? clipped(y, range[0], range[1]) : y;
  });
}

Made max_abs(Direct&, const View& model) {
  const auto scale = TRY(vector(model, "scale_"));
  const bool clip = TRY(flag_or(model, "clip", false));
  return by_column([=](double x, std::size_t i) { return clip ? clipped(x / scale.at(i), -1, 1) : x / scale.at(i); });
}

Result<Cell> cell_of(const View& item) {
  if (item.is(Kind::text)) return Cell{std::nan(""), TRY(item.text())};
  if (item.is_none() || item.is(Kind::object) || item.is(Kind::global)) return Cell{std::nan(""), std::nullopt};
  return Cell{TRY(item.number()), std::nullopt};
}

Result<std::vector<Cell>> cells_of(const View& list) {
  std::vector<Cell> out;
  if (list.is(Kind::array) && !list.is_object_array()) {
    const std::string dtype = list.dtype_text();
    if (dtype.find_first_of("US") != std::string::npos) {
      for (auto& text : TRY(list.texts())) out.push_back({std::nan(""), std::move(text)});
    } else {
      for (const double d : TRY(list.doubles())) out.push_back({d, std::nullopt});
    }
    return out;
  }
  for (std::size_t i = 0; i < list.size(); ++i) out.push_back(TRY(cell_of(list.at(i))));
  return out;
}

// What stands for a missing value.
struct Marker {
  bool null = true;
  Cell value{std::nan(""), std::nullopt};
  bool marks(const Cell& cell) const {
    return null ? cell.missing() : value.text ? cell.text == value.text : !cell.text && cell.number == value.number;
  }
};

Result<Marker> marker_of(const View& model) {
  Marker out;
  if (const auto v = model.find("missing_values"); v) out.value = TRY(cell_of(*v));
  out.null = out.value.missing();
  return out;
}

// Which columns an indicator tells of.
Result<std::vector<std::int64_t>> indicated(const View& indicator) { return TRY(indicator.attribute("features_")).integers(); }

void add_marks(const Row& row, const Marker& marker, const std::vector<std::int64_t>& columns, Row& out) {
  for (const auto c : columns) out.push_back(Cell{marker.marks(row.at(static_cast<std::size_t>(c))) ? 1.0 : 0.0, std::nullopt});
}

Made simple_imputer(Direct& by, const View& model) {
  const Marker marker = TRY(marker_of(model));
  const auto statistics = TRY(cells_of(TRY(model.attribute("statistics_"))));
  const bool constant = text_or(model, "strategy", "mean") == "constant" && !by.version(model).at_least(1, 8);
  const bool keeps = constant || TRY(flag_or(model, "keep_empty_features", false));
  for (std::size_t i = 0; i < statistics.size() && !marker.null && !marker.value.text; ++i) {  // the mark itself, one column at a time
    std::vector<double> row;
    for (const Cell& s : statistics) row.push_back(s.number);
    row[i] = marker.value.number;
    by.try_row(std::move(row));
  }
  std::vector<std::int64_t> marks;
  if (TRY(flag_or(model, "add_indicator", false))) marks = TRY(indicated(TRY(model.attribute("indicator_"))));
  return std::optional<Step>([=](const Row& row) {
    Row out;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (keeps || !statistics.at(i).missing()) out.push_back(marker.marks(row[i]) ? statistics.at(i) : row[i]);
    }
    add_marks(row, marker, marks, out);
    return out;
  });
}

Made missing_indicator(Direct&, const View& model) {
  const Marker marker = TRY(marker_of(model));
  const auto marks = TRY(indicated(model));
  return std::optional<Step>([=](const Row& row) {
    Row out;
    add_marks(row, marker, marks, out);
    return out;
  });
}

// The categories of an encoder's columns; rare ones may stand together as one.
struct Encoding {
  std::vector<std::vector<Cell>> categories;
  std::vector<std::vector<std::int64_t>> group;  // of each category; empty: each for itself

  std::optional<std::size_t> find(const Cell& value, std::size_t column) const {
    const auto& list = categories.at(column);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Cell& c = list[i];
      if (value.missing() ? c.missing() : value.text ? c.text == value.text : !c.text && c.number == value.number) return i;
    }
    return std::nullopt;
  }
  std::size_t grouped(std::size_t category, std::size_t column) const {
    return group[column].empty() ? category : static_cast<std::size_t>(group[column].at(category));
  }
  std::size_t count(std::size_t column) const {
    if (group[column].empty()) return categories[column].size();
    return static_cast<std::size_t>(*std::max_element(group[column].begin(), group[column].end())) + 1;
  }
};

Result<Encoding> encoding_of(const View& model) {
  const View lists = TRY(model.attribute("categories_"));
  Encoding encoding;
  for (std::size_t i = 0; i < lists.size(); ++i) encoding.categories.push_back(TRY(cells_of(lists.at(i))));
  encoding.group.resize(encoding.categories.size());
  if (!TRY(flag_or(model, "_infrequent_enabled", false))) return encoding;
  const View groups = TRY(model.attribute("_default_to_infrequent_mappings"));
  for (std::size_t i = 0; i < groups.size() && i < encoding.group.size(); ++i) {
    if (groups.at(i).is_none()) continue;
    encoding.group[i] = TRY(groups.at(i).integers());
    const auto fits = encoding.group[i].size() == encoding.categories[i].size() && !encoding.group[i].empty();
    if (!fits || *std::min_element(encoding.group[i].begin(), encoding.group[i].end()) < 0)
      return refuse(groups.at(i), "the groups of rare categories don't fit the categories");
  }
  return encoding;
}

Made one_hot(Direct&, const View& model) {
  const Encoding encoding = TRY(encoding_of(model));
  std::vector<std::int64_t> drop(encoding.categories.size(), -1);
  auto indices = model.find("_drop_idx_after_grouping");
  if (!indices) indices = model.find("drop_idx_");
  if (indices && !indices->is_none()) {
    if (indices->size() != drop.size() && indices->shape() != Shape{static_cast<std::int64_t>(drop.size())})
      return refuse(*indices, "drop_idx_ doesn't fit the columns");
    for (std::size_t i = 0; i < drop.size(); ++i) {
      if (indices->is_object_array()) {
        if (!indices->at(i).is_none()) drop[i] = TRY(indices->at(i).integer());
      } else {
        drop[i] = TRY(indices->integers()).at(i);
      }
    }
  }
  const std::string unknown = text_or(model, "handle_unknown", "error");
  return std::optional<Step>([=](const Row& row) {
    Row out;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto found = encoding.find(row[i], i);
      if (!found && unknown == "error") throw RowRefused();
      std::optional<std::size_t> group;
      if (found) group = encoding.grouped(*found, i);
      if (!found && unknown != "ignore" && !encoding.group[i].empty()) group = encoding.count(i) - 1;  // among the rare ones
      for (std::size_t c = 0; c < encoding.count(i); ++c) {
        if (static_cast<std::int64_t>(c) != drop[i]) out.push_back(Cell{group == c ? 1.0 : 0.0, std::nullopt});
      }
    }
    return out;
  });
}

// Columns among whose categories is NaN (None is a category like others).
Result<std::vector<bool>> with_missing(const View& model, std::size_t columns) {
  std::vector<bool> out(columns, false);
  const auto listed = model.find("_missing_indices");
  for (std::size_t i = 0; listed && i < listed->entries(); ++i) {
    const auto at = TRY(listed->key_at(i).integer());
    if (at >= 0 && at < static_cast<std::int64_t>(columns)) out[static_cast<std::size_t>(at)] = true;
  }
  return out;
}

Made ordinal(Direct&, const View& model) {
  const Encoding encoding = TRY(encoding_of(model));
  const auto nan = TRY(with_missing(model, encoding.categories.size()));
  const bool given = text_or(model, "handle_unknown", "error") == "use_encoded_value";
  const double unknown = given ? TRY(number_or(model, "unknown_value", std::nan(""))) : std::nan("");
  const double missing = TRY(number_or(model, "encoded_missing_value", std::nan("")));
  return std::optional<Step>([=](const Row& row) {
    Row out;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto found = encoding.find(row[i], i);
      if (!found && !given) throw RowRefused();
      const double code = !found ? unknown : row[i].missing() && nan[i] ? missing : static_cast<double>(encoding.grouped(*found, i));
      out.push_back(Cell{code, std::nullopt});
    }
    return out;
  });
}

constexpr DirectConverter kConverters[] = {
    {"StandardScaler", standard},      {"RobustScaler", robust},   {"MinMaxScaler", min_max},   {"MaxAbsScaler", max_abs},
    {"SimpleImputer", simple_imputer}, {"OneHotEncoder", one_hot}, {"OrdinalEncoder", ordinal}, {"MissingIndicator", missing_indicator},
};

}  // namespace

Direct::Undo undo_of(const View& step) {
  const std::string_view name = step.name();
  const auto row = [&](bool wanted, const char* attribute) {
    auto read = wanted && present(step, attribute) ? vector(step, attribute) : std::vector<double>{};
    return read.ok() ? std::move(*read) : std::vector<double>{};
  };
  if (name == "SimpleImputer" || (name == "FunctionTransformer" && !present(step, "func"))) return [](std::vector<double>&) {};
  const bool scales = name == "StandardScaler" || name == "RobustScaler" || name == "MaxAbsScaler", to_range = name == "MinMaxScaler";
  if (!scales && !to_range) return std::nullopt;
  const auto scale = row(true, "scale_"), shift = row(true, name == "StandardScaler" ? "mean_" : name == "RobustScaler" ? "center_" : "min_");
  return [=](std::vector<double>& x) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double factor = i < scale.size() ? scale[i] : 1, offset = i < shift.size() ? shift[i] : 0;
      x[i] = to_range ? (x[i] - offset) / factor : x[i] * factor + offset;
    }
  };
}

std::span<const DirectConverter> direct_preprocessing() { return kConverters; }

}  // namespace slipway::importers::sklearn
