// ColumnTransformer: each transformer is given its own columns; the results stand side by side in the order of transformers_.
#include "slipway/importers/sklearn/column_transformer.hpp"

#include <algorithm>
#include <unordered_map>

#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

constexpr std::size_t kTransformersMax = 10'000;
using Indices = std::vector<std::int64_t>;

// How columns are named here: by position, or by the names the object was fitted with.
class Columns {
 public:
  Columns(Width width, std::int64_t count) : count_(count), names_(std::move(width.names)) {
    for (std::size_t i = 0; i < names_.size(); ++i) by_name_.emplace(names_[i], static_cast<std::int64_t>(i));
  }

  // A name, a number, a list or array of either, a mask, a slice of either, a pandas Index.
  Result<Indices> resolve(const View& spec) const {
    if (spec.is(Kind::text) || spec.is(Kind::integer)) return Indices{TRY(one(spec))};
    if (spec.is(Kind::slice)) return slice(spec);
    if (spec.is(Kind::object)) return resolve_object(spec);
    if (spec.is(Kind::array) && !spec.is_object_array()) return resolve_array(spec);
    if (spec.is(Kind::list) || spec.is(Kind::tuple) || spec.is(Kind::array)) return resolve_list(spec);
    return refuse(spec, "the columns are given by " + spec.describe());
  }

 private:
  Result<std::int64_t> number(const View& spec, std::int64_t i) const {
    if (i < -count_ || i >= count_) return refuse(spec, "column " + std::to_string(i) + " is named, but there are " + std::to_string(count_));
    return i < 0 ? i + count_ : i;
  }

  Result<std::int64_t> one(const View& spec) const {
    if (spec.is(Kind::integer)) return number(spec, TRY(spec.integer()));
    const std::string name = TRY(spec.text());
    const auto found = by_name_.find(name);
    if (found == by_name_.end())
      return refuse(spec, "the column '" + name.substr(0, 100) + "' is named, but not among the features it was fitted on");
    return found->second;
  }

  Result<Indices> mask(const View& spec, const std::vector<double>& bits) const {
    if (static_cast<std::int64_t>(bits.size()) != count_)
      return refuse(spec, "a mask of " + std::to_string(bits.size()) + " for " + std::to_string(count_) + " columns");
    Indices out;
    for (std::size_t i = 0; i < bits.size(); ++i) {
      if (bits[i] != 0) out.push_back(static_cast<std::int64_t>(i));
    }
    return out;
  }

  Result<Indices> resolve_array(const View& spec) const {
    const std::string dtype = spec.dtype_text();
    if (dtype.size() > 1 && dtype[1] == 'b') return mask(spec, TRY(spec.doubles()));
    Indices out;
    if (dtype.find('U') != std::string::npos || dtype.find('S') != std::string::npos) {
      for (const auto& name : TRY(spec.texts())) {
        const auto found = by_name_.find(name);
        if (found == by_name_.end())
          return refuse(spec, "the column '" + name.substr(0, 100) + "' is named, but not among the features it was fitted on");
        out.push_back(found->second);
      }
      return out;
    }
    for (const auto i : TRY(spec.integers())) out.push_back(TRY(number(spec, i)));
    return out;
  }

  Result<Indices> resolve_list(const View& spec) const {
    if (spec.size() > 0 && spec.at(0).is(Kind::boolean)) {
      std::vector<double> bits;
      for (std::size_t i = 0; i < spec.size(); ++i) bits.push_back(TRY(spec.at(i).number()));
      return mask(spec, bits);
    }
    Indices out;
    for (std::size_t i = 0; i < spec.size(); ++i) out.push_back(TRY(one(spec.at(i))));
    return out;
  }

  Result<Indices> resolve_object(const View& spec) const {
    if (const auto data = spec.find("data")) return resolve(*data);  // _RemainderColsList of 1.5 to 1.7
    if (const auto names = names_array(spec); names && names->id() != spec.id()) return resolve(*names);
    if (spec.size() > 0) return resolve_list(spec);  // a subclass of list
    return refuse(spec, "the columns are given by " + spec.describe());
  }

  // Python's slice of positions; of names, with the last one included.
  Result<Indices> slice(const View& spec) const {
    if (spec.size() != 3) return refuse(spec, "here is a slice without start, stop and step");
    const View start = spec.at(0), stop = spec.at(1), step = spec.at(2);
    const std::int64_t by = step.is_none() ? 1 : TRY(step.integer());
    if (by == 0) return refuse(spec, "a slice with step 0");
    std::int64_t from = by > 0 ? 0 : count_ - 1, to = by > 0 ? count_ : -1;
    auto position = [&](const View& v) -> Result<std::int64_t> {
      const std::int64_t i = TRY(v.integer());
      return std::clamp(i < 0 ? i + count_ : i, by > 0 ? std::int64_t{0} : std::int64_t{-1}, by > 0 ? count_ : count_ - 1);
    };
    if (!start.is_none()) from = start.is(Kind::text) ? TRY(one(start)) : TRY(position(start));
    if (!stop.is_none()) to = stop.is(Kind::text) ? TRY(one(stop)) + 1 : TRY(position(stop));
    Indices out;
    if (by > count_ || by < -count_) {
      if (by > 0 ? from < to : from > to) out.push_back(from);
      return out;
    }
    for (std::int64_t i = from; by > 0 ? i < to : i > to; i += by) out.push_back(i);
    return out;
  }

  std::int64_t count_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::int64_t> by_name_;
};

// Where the columns of entry i are told depends on the version: resolved to positions (1.0), resolved beside (before), or in the entry.
Result<Indices> columns_of(const View& model, const View& entry, std::size_t i, const Columns& columns) {
  const std::string name = entry.at(0).is(Kind::text) ? TRY(entry.at(0).text()) : std::string();
  if (const auto indices = model.find("_transformer_to_input_indices")) {
    if (const auto found = indices->get(name)) return columns.resolve(*found);
  }
  const auto resolved = model.find("_columns");
  if (name != "remainder" && resolved && i < resolved->size()) return columns.resolve(resolved->at(i));
  return columns.resolve(entry.at(2));
}

Result<Table> weighted(Lowering& to, const View& model, const View& name, Table table) {
  const auto weights = model.find("transformer_weights");
  if (!weights || weights->is_none() || !name.is(Kind::text)) return table;
  const auto weight = weights->get(TRY(name.text()));
  if (!weight || weight->is_none() || table.columns.empty()) return table;
  return times(to, table, TRY(weight->number()));
}

Result<Table> transform(Lowering& to, const View& model, const Table& in) {
  TRY(expect_width(model, in, TRY(width_of(model)).count));
  Table out;
  for (const Share& share : TRY(shares_of(model))) {
    Table part = select(in, share.columns);
    if (!share.transformer.is_text("passthrough")) part = TRY(to.transform(share.transformer, part));
    append(out, TRY(weighted(to, model, share.name, std::move(part))));
  }
  if (out.columns.empty()) return refuse(model, "every column is dropped");
  out.sparse = TRY(flag_or(model, "sparse_output_", false));
  return out;
}

constexpr Converter kConverters[] = {{"ColumnTransformer", transform, nullptr}};

}  // namespace

Result<std::vector<Share>> shares_of(const View& model) {
  const View entries = TRY(model.attribute("transformers_"));
  if ((!entries.is(Kind::list) && !entries.is(Kind::tuple)) || entries.size() > kTransformersMax)
    return refuse(entries, "the transformers are " + entries.describe());
  Width width = TRY(width_of(model));
  const std::int64_t count = width.count;
  const Columns columns(std::move(width), count);
  std::vector<Share> shares;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const View entry = entries.at(i);
    if (entry.size() != 3) return refuse(entry, "a transformer is no triple of name, transformer and columns");
    if (entry.at(1).is_text("drop")) continue;
    Indices which = TRY(columns_of(model, entry, i, columns));
    if (!which.empty()) shares.push_back({entry.at(0), entry.at(1), std::move(which)});
  }
  return shares;
}

Family column_transformer_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
