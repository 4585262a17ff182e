#include "slipway/importers/boosting/catboost_columns.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "slipway/importers/blocks/trees.hpp"
#include "slipway/ops/city.hpp"

namespace slipway::importers::boosting {
namespace {

constexpr std::size_t kValuesMax = 64'000'000;                   // of statistics
constexpr std::int64_t kWholeMin = -1'000, kWholeMax = 100'000;  // categories that are looked for as whole numbers
constexpr std::size_t kShownMax = 1'000;

Error no(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

std::int32_t category_hash(std::string_view text) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(ops::city_hash(text))); }
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t kFactor = 0x4906ba494954cb65ULL;
  return kFactor * (a + kFactor * b);
}

class Columns {
 public:
  Columns(Lowering& to, const CatModel& model, const Table& in) : to_(to), graph_(to.graph), model_(model), in_(in) {}

  Result<CatColumns> make() {
    TRY(add_numbers());
    TRY(add_one_hots());
    TRY(add_statistics());
    if (parts_.empty()) return no("the model's answer doesn't depend on any of its inputs");
    out_.x = graph_.concat_columns(parts_);
    return std::move(out_);
  }

 private:
  Result<Table> column(std::int64_t at) const {
    if (at < 0 || static_cast<std::size_t>(at) >= in_.width())
      return no("it uses column " + std::to_string(at) + " of " + std::to_string(in_.width()));
    Table one;
    one.columns.push_back(in_.columns[static_cast<std::size_t>(at)]);
    return one;
  }

  void add_part(Val part) {
    width_ += part.columns;
    parts_.push_back(std::move(part));
  }

  Status add_numbers() {
    Table used;
    for (const CatFloat& f : model_.floats) {
      if (f.borders.empty()) continue;
      append(used, TRY(column(f.column)));
      float_at_[f.index] = width_ + static_cast<std::int64_t>(used.width()) - 1;
      for (const float border : f.borders) {
        if (std::isnan(border)) return no("a border is no number");
        out_.splits.push_back({float_at_[f.index], border, f.missing == CatFloat::Missing::high});
      }
      hint(f);
    }
    if (used.width() > 0) add_part(numbers_ = round_to_float(graph_, TRY(to_.inputs.numbers(used))));
    return ok();
  }
  void hint(const CatFloat& f) {
    const Column& column = in_.columns[static_cast<std::size_t>(f.column)];
    const auto [low, high] = std::minmax_element(f.borders.begin(), f.borders.end());
    to_.inputs.hint_range(column, *low, *high);
    to_.inputs.hint_typical(column, f.borders[f.borders.size() / 2]);
  }

  // --- categories ----------------------------------------------------------------------------------------------------------------

  const CatCategory* category(std::int64_t index) const {
    for (const CatCategory& c : model_.categories) {
      if (c.index == index) return &c;
    }
    return nullptr;
  }

  // Hashes of a feature's categories that the file holds: one-hot values, and statistics of this category alone.
  std::unordered_set<std::uint64_t> known_hashes(std::int64_t index) const {
    std::unordered_set<std::uint64_t> known;
    for (const CatOneHot& one : model_.one_hots) {
      if (one.category != index) continue;
      for (const std::int32_t v : one.values) known.insert(mix(0, static_cast<std::uint64_t>(static_cast<std::int64_t>(v))));
    }
    for (const CatTable& table : model_.tables) {
      const CatCombination& of = table.base.of;
      if (of.categories != std::vector<std::int32_t>{static_cast<std::int32_t>(index)} || !of.floats.empty() || !of.one_hots.empty()) continue;
      for (const auto& [hash, row] : table.hashes) known.insert(hash);
    }
    return known;
  }

  // The whole numbers among them; only texts' hashes are in the file, so that they have to be tried.
  std::vector<std::int64_t> whole_categories(const std::unordered_set<std::uint64_t>& known) {
    if (whole_.empty()) {
      for (std::int64_t v = kWholeMin; v <= kWholeMax; ++v) {
        whole_.emplace(mix(0, static_cast<std::uint64_t>(static_cast<std::int64_t>(category_hash(std::to_string(v))))), v);
      }
    }
    std::vector<std::int64_t> found;
    for (const std::uint64_t hash : known) {
      if (const auto at = whole_.find(hash); at != whole_.end()) found.push_back(at->second);
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  void show(const Column& column, std::int64_t index, const std::vector<std::int64_t>& whole) {
    std::vector<json::Value> shown;
    for (const std::int64_t v : whole) {
      if (shown.size() < kShownMax) shown.emplace_back(v);
    }
    for (const CatOneHot& one : model_.one_hots) {
      if (one.category != index || !whole.empty()) continue;
      for (const std::string& text : one.texts) {
        if (!text.empty()) shown.emplace_back(text);
      }
    }
    if (!shown.empty()) to_.inputs.hint_categories(column, std::move(shown));
  }

  // int64 [N, 1]; which of hash_parts_ it is.
  Result<std::int64_t> hash_of(std::int64_t index) {
    if (const auto found = hash_at_.find(index); found != hash_at_.end()) return found->second;
    const CatCategory* c = category(index);
    if (c == nullptr) return no("it uses a categorical feature " + std::to_string(index) + " that it doesn't have");
    const Table one = TRY(column(c->column));
    to_.inputs.refuse_missing(one);
    const auto known = known_hashes(index);
    const auto whole = whole_categories(known);
    const bool numeric = !whole.empty() && whole.size() * 2 >= known.size() && !to_.inputs.known_text(one.columns[0]);
    show(one.columns[0], index, numeric ? whole : std::vector<std::int64_t>{});
    Val text;
    if (numeric)
      text = graph_.cast(graph_.cast(TRY(to_.inputs.numbers(one)), DType::int64), DType::string);
    else
      text = TRY(to_.inputs.texts(one));
    hash_parts_.push_back(graph_.own("CategoryHash", {text}, DType::int64, 1));
    return hash_at_[index] = static_cast<std::int64_t>(hash_parts_.size()) - 1;
  }

  // 0 or 1 as int64 [N, 1]
  Result<Val> equals(std::int64_t index, std::int32_t value) {
    const Val& hash = hash_parts_[static_cast<std::size_t>(TRY(hash_of(index)))];
    return graph_.cast(Builder::typed(graph_.op("Equal", {hash, graph_.scalar_i64(value)}), DType::boolean, 1), DType::int64);
  }

  Status add_one_hots() {
    for (const CatOneHot& one : model_.one_hots) {
      if (one.values.empty()) continue;
      const Val& hash = hash_parts_[static_cast<std::size_t>(TRY(hash_of(one.category)))];
      std::vector<std::int64_t> row(one.values.begin(), one.values.end());
      const auto n = static_cast<std::int64_t>(row.size());
      for (std::int64_t i = 0; i < n; ++i) out_.splits.push_back({width_ + i, 0.5, false});
      const Val is = Builder::typed(graph_.op("Equal", {hash, graph_.constant(int64s({1, n}, row))}), DType::boolean, n);
      add_part(graph_.cast(is, DType::float64));
    }
    return ok();
  }

  // --- statistics ----------------------------------------------------------------------------------------------------------------

  Result<std::int64_t> above(std::int32_t feature, float border) {
    const auto at = float_at_.find(feature);
    if (at == float_at_.end()) return no("a statistic asks a feature that isn't there");
    const Val x = graph_.column(numbers_, at->second);
    Val is = Builder::typed(graph_.op("Greater", {x, graph_.scalar(border)}), DType::boolean, 1);
    for (const CatFloat& f : model_.floats) {
      if (f.index == feature && f.missing == CatFloat::Missing::high) is = Builder::typed(graph_.op("Or", {is, graph_.is_nan(x)}), DType::boolean, 1);
    }
    hash_parts_.push_back(graph_.cast(is, DType::int64));
    return static_cast<std::int64_t>(hash_parts_.size()) - 1;
  }

  // Parts of a combination, in the order they are hashed.
  Result<std::vector<std::int64_t>> parts_of(const CatCombination& of) {
    std::vector<std::int64_t> list;
    for (const std::int32_t index : of.categories) list.push_back(TRY(hash_of(index)));
    for (const auto& [feature, border] : of.floats) list.push_back(TRY(above(feature, border)));
    for (const auto& [feature, value] : of.one_hots) {
      Val is = TRY(equals(feature, value));
      hash_parts_.push_back(std::move(is));
      list.push_back(static_cast<std::int64_t>(hash_parts_.size()) - 1);
    }
    return list;
  }

  struct Stored {  // a table's hashes in order, and its combination's parts
    std::int64_t list_first = 0, list_last = 0, hash_first = 0, hash_last = 0;
    std::vector<std::uint32_t> rows;
  };
  Result<const Stored*> store(std::size_t table) {
    if (const auto found = stored_.find(table); found != stored_.end()) return &found->second;
    std::vector<std::pair<std::int64_t, std::uint32_t>> order;
    for (const auto& [hash, row] : model_.tables[table].hashes) order.emplace_back(static_cast<std::int64_t>(hash), row);
    std::sort(order.begin(), order.end());
    Stored s;
    const auto list = TRY(parts_of(model_.tables[table].base.of));
    s.list_first = static_cast<std::int64_t>(lists_.size());
    lists_.insert(lists_.end(), list.begin(), list.end());
    s.list_last = static_cast<std::int64_t>(lists_.size());
    s.hash_first = static_cast<std::int64_t>(hashes_.size());
    for (const auto& [hash, row] : order) {
      hashes_.push_back(hash);
      s.rows.push_back(row);
    }
    s.hash_last = static_cast<std::int64_t>(hashes_.size());
    return &stored_.emplace(table, std::move(s)).first->second;
  }

  static Result<double> value_of(const CatCtr& ctr, const CatTable& table, std::uint32_t row) {
    const auto take = [&](std::size_t width) -> Result<const std::int32_t*> {
      if (width == 0 || row >= table.blob.size() / width) return no("a statistic lies outside its table");
      return table.blob.data() + row * width;
    };
    switch (ctr.base.kind) {
      case CatStatistic::binarized_mean:
      case CatStatistic::float_mean: {
        const std::int32_t* of = TRY(take(2));
        return static_cast<double>(ctr.value(std::bit_cast<float>(of[0]), static_cast<float>(of[1])));
      }
      case CatStatistic::counter:
      case CatStatistic::frequency: return static_cast<double>(ctr.value(static_cast<float>(*TRY(take(1))), static_cast<float>(table.denominator)));
      case CatStatistic::buckets:
      case CatStatistic::borders: break;
    }
    const bool buckets = ctr.base.kind == CatStatistic::buckets;
    const std::int64_t classes = buckets || table.classes > 2 ? table.classes : 2, border = table.classes > 2 || buckets ? ctr.target_border : 0;
    if (classes < 1 || classes > 1'000'000 || border < 0 || border >= classes) return no("a statistic is of a class that isn't there");
    const std::int32_t* of = TRY(take(static_cast<std::size_t>(classes)));
    std::int64_t good = 0, total = 0;
    for (std::int64_t i = 0; i < classes; ++i) {
      total += of[i];
      if (buckets ? i == border : i > border) good += of[i];
    }
    return static_cast<double>(ctr.value(static_cast<float>(good), static_cast<float>(total)));
  }

  Status add_statistic(const CatCtr& ctr) {
    const auto found = std::find_if(model_.tables.begin(), model_.tables.end(), [&](const CatTable& t) { return t.base == ctr.base; });
    if (found == model_.tables.end()) return no("a statistic of categories has no table in the file");
    const Stored& stored = *TRY(store(static_cast<std::size_t>(found - model_.tables.begin())));
    if (values_.size() + stored.rows.size() > kValuesMax) return no("its statistics of categories are too many");
    features_.insert(features_.end(),
                     {stored.list_first, stored.list_last, stored.hash_first, stored.hash_last, static_cast<std::int64_t>(values_.size())});
    for (const std::uint32_t row : stored.rows) values_.push_back(TRY(value_of(ctr, *found, row)));
    const bool counts = ctr.base.kind == CatStatistic::counter || ctr.base.kind == CatStatistic::frequency;
    otherwise_.push_back(ctr.value(0, counts ? static_cast<float>(found->denominator) : 0));
    for (const float border : ctr.borders) out_.splits.push_back({width_ + static_cast<std::int64_t>(otherwise_.size()) - 1, border, false});
    return ok();
  }

  Status add_statistics() {
    if (model_.ctrs.empty()) return ok();
    for (const CatCtr& ctr : model_.ctrs) TRY(add_statistic(ctr));
    const auto n = static_cast<std::int64_t>(otherwise_.size());
    const auto vector = [&](const std::vector<double>& v) { return graph_.constant(doubles({static_cast<std::int64_t>(v.size())}, v)); };
    add_part(graph_.own("HashLookup",
                        {graph_.concat_columns(hash_parts_), graph_.constant(int64s({n, 5}, features_)), graph_.ints(lists_), graph_.ints(hashes_),
                         vector(values_), vector(otherwise_)},
                        DType::float64, n));
    return ok();
  }

  Lowering& to_;
  Builder& graph_;
  const CatModel& model_;
  const Table& in_;
  CatColumns out_;
  std::int64_t width_ = 0;
  std::vector<Val> parts_, hash_parts_;
  Val numbers_;
  std::unordered_map<std::int64_t, std::int64_t> float_at_, hash_at_;
  std::unordered_map<std::uint64_t, std::int64_t> whole_;
  std::unordered_map<std::size_t, Stored> stored_;
  std::vector<std::int64_t> features_, lists_, hashes_;
  std::vector<double> values_, otherwise_;
};

}  // namespace

Result<CatColumns> catboost_columns(Lowering& to, const CatModel& model, const Table& in) {
  if (in.free) return no("the file doesn't tell how many columns this step is given");
  return Columns(to, model, in).make();
}

}  // namespace slipway::importers::boosting
