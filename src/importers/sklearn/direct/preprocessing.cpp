// Scalers, imputers and encoders, evaluated directly.
#include <algorithm>
#include <cmath>

#include "slipway/importers/sklearn/direct/direct.hpp"

namespace slipway::importers::sklearn {
namespace {

using Made = Result<std::optional<Step>>;
Made none() { return std::optional<Step>{}; }

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

Made identity(Direct&, const View& model) {
  if (present(model, "func")) return none();
  return std::optional<Step>([](const Row& row) { return row; });
}

Result<Cell> cell_of(const View& item) {
  if (item.is(Kind::text)) return Cell{std::nan(""), TRY(item.text())};
  if (item.is_none()) return Cell{std::nan(""), std::nullopt};
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

// Only the plain case: missing values are NaN or None, and no indicator columns.
Made simple_imputer(Direct&, const View& model) {
  const auto marker = model.find("missing_values");
  const bool null = !marker || marker->is_none() || (marker->is(Kind::real) && std::isnan(TRY(marker->number())));
  if (!null || TRY(flag_or(model, "add_indicator", false))) return none();
  const auto statistics = TRY(cells_of(TRY(model.attribute("statistics_"))));
  if (std::any_of(statistics.begin(), statistics.end(), [](const Cell& c) { return c.missing(); })) return none();
  return std::optional<Step>([statistics](const Row& row) {
    Row out = row;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (out[i].missing()) out[i] = statistics.at(i);
    }
    return out;
  });
}

struct Encoding {
  std::vector<std::vector<Cell>> categories;
  std::optional<std::size_t> find(const Cell& value, std::size_t column) const {
    const auto& list = categories.at(column);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Cell& c = list[i];
      if (value.missing() ? c.missing() : value.text ? c.text == value.text : !c.text && c.number == value.number) return i;
    }
    return std::nullopt;
  }
};

Result<std::optional<Encoding>> encoding_of(const View& model) {
  if (TRY(flag_or(model, "_infrequent_enabled", false))) return std::optional<Encoding>{};
  const View lists = TRY(model.attribute("categories_"));
  Encoding encoding;
  for (std::size_t i = 0; i < lists.size(); ++i) encoding.categories.push_back(TRY(cells_of(lists.at(i))));
  return std::optional(std::move(encoding));
}

Made one_hot(Direct&, const View& model) {
  const auto encoding = TRY(encoding_of(model));
  if (!encoding) return none();
  std::vector<std::int64_t> drop(encoding->categories.size(), -1);
  if (const auto indices = model.find("drop_idx_"); indices && !indices->is_none()) {
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
  const bool closed = text_or(model, "handle_unknown", "error") == "error";
  return std::optional<Step>([encoding = *encoding, drop, closed](const Row& row) {
    Row out;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto found = encoding.find(row[i], i);
      if (!found && closed) throw RowRefused();
      for (std::size_t c = 0; c < encoding.categories[i].size(); ++c) {
        if (static_cast<std::int64_t>(c) != drop[i]) out.push_back(Cell{found == c ? 1.0 : 0.0, std::nullopt});
      }
    }
    return out;
  });
}

Made ordinal(Direct&, const View& model) {
  const auto encoding = TRY(encoding_of(model));
  if (!encoding || present(model, "_missing_indices")) return none();
  const bool given = text_or(model, "handle_unknown", "error") == "use_encoded_value";
  const double unknown = given ? TRY(number_or(model, "unknown_value", std::nan(""))) : std::nan("");
  return std::optional<Step>([encoding = *encoding, unknown, given](const Row& row) {
    Row out;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto found = encoding.find(row[i], i);
      if (!found && !given) throw RowRefused();
      out.push_back(Cell{found ? static_cast<double>(*found) : unknown, std::nullopt});
    }
    return out;
  });
}

constexpr DirectConverter kConverters[] = {
    {"StandardScaler", standard},      {"RobustScaler", robust},          {"MinMaxScaler", min_max},  {"MaxAbsScaler", max_abs},
    {"FunctionTransformer", identity}, {"SimpleImputer", simple_imputer}, {"OneHotEncoder", one_hot}, {"OrdinalEncoder", ordinal},
};

}  // namespace

Direct::Undo undo_of(const View& step) {
  const std::string_view name = step.name();
  const auto row = [&](bool wanted, const char* attribute) {
    auto read = wanted && present(step, attribute) ? vector(step, attribute) : std::vector<double>{};
    return read.ok() ? std::move(*read) : std::vector<double>{};
  };
  if (name == "SimpleImputer" || name == "FunctionTransformer") return [](std::vector<double>&) {};
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
