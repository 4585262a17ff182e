// CatBoost's binary: "CBM1", a length, a FlatBuffers TModelCore, then the parts that it names: tables of categories' statistics.
#include "slipway/importers/boosting/catboost_model.hpp"

#include <cstring>

#include "slipway/importers/boosting/flatbuffer.hpp"

namespace slipway::importers::boosting {
namespace {

constexpr std::string_view kMagic = "CBM1", kTables = "static_provider_v1";
constexpr std::size_t kBucketBytes = 12;  // a hash and a row
constexpr std::size_t kListMax = 1'000'000;

Error broken(const std::string& what) { return {ErrorCode::model_refused, "damaged CatBoost model: " + what}; }

template <class Read>
Status each(const FlatTable& in, std::size_t field, const char* name, Read&& read) {
  const FlatVector list = in.vector(field, 4);
  if (list.size() > kListMax) return broken(std::string("there are too many ") + name);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto item = list.table(i);
    if (!item) return broken(std::string("one of its ") + name + " lies outside the file");
    TRY(read(*item));
  }
  return ok();
}

template <class A, class B>
std::vector<std::pair<A, B>> pairs(const FlatTable& in, std::size_t field) {
  const FlatVector list = in.vector(field, sizeof(A) + sizeof(B));
  std::vector<std::pair<A, B>> out(list.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::memcpy(&out[i].first, list.data() + i * (sizeof(A) + sizeof(B)), sizeof(A));
    std::memcpy(&out[i].second, list.data() + i * (sizeof(A) + sizeof(B)) + sizeof(A), sizeof(B));
  }
  return out;
}

Result<CatBase> read_base(const std::optional<FlatTable>& in) {
  if (!in) return broken("a statistic doesn't tell what it is of");
  CatBase base;
  if (const auto of = in->table(0)) {
    base.of.categories = of->values<std::int32_t>(0);
    base.of.floats = pairs<std::int32_t, float>(*of, 1);
    base.of.one_hots = pairs<std::int32_t, std::int32_t>(*of, 2);
  }
  const auto kind = in->scalar<std::int8_t>(1, 0);
  if (kind < 0 || kind > 5) return broken("a statistic is of an unknown kind");
  base.kind = static_cast<CatStatistic>(kind);
  base.classifier = in->scalar<std::int32_t>(2, 0);
  return base;
}

Status read_float(const FlatTable& in, CatModel& model) {
  CatFloat f;
  f.index = in.scalar<std::int32_t>(1, -1);
  f.column = in.scalar<std::int32_t>(2, -1);
  f.borders = in.values<float>(3);
  f.name = in.text(4);
  const auto missing = in.scalar<std::int8_t>(5, 0);
  if (missing < 0 || missing > 2) return broken("a feature treats missing values in an unknown way");
  f.missing = static_cast<CatFloat::Missing>(missing);
  model.floats.push_back(std::move(f));
  return ok();
}

Status read_ctr(const FlatTable& in, CatModel& model) {
  const auto of = in.table(0);
  if (!of) return broken("a statistic is missing");
  CatCtr ctr;
  ctr.base = TRY(read_base(of->table(0)));
  ctr.target_border = of->scalar<std::int32_t>(1, 0);
  ctr.prior = of->scalar<float>(2, 0);
  ctr.prior_count = of->scalar<float>(3, 1);
  ctr.shift = of->scalar<float>(4, 0);
  ctr.scale = of->scalar<float>(5, 1);
  ctr.borders = in.values<float>(1);
  model.ctrs.push_back(std::move(ctr));
  return ok();
}

Status read_features(const FlatTable& trees, CatModel& model) {
  TRY(each(trees, 4, "categorical features", [&](const FlatTable& in) -> Status {
    model.categories.push_back({in.scalar<std::int32_t>(0, -1), in.scalar<std::int32_t>(1, -1), std::string(in.text(2))});
    return ok();
  }));
  TRY(each(trees, 5, "features", [&](const FlatTable& in) { return read_float(in, model); }));
  TRY(each(trees, 6, "one-hot features", [&](const FlatTable& in) -> Status {
    CatOneHot one{in.scalar<std::int32_t>(0, -1), in.values<std::int32_t>(1), {}};
    const FlatVector texts = in.vector(2, 4);
    for (std::size_t i = 0; i < texts.size(); ++i) one.texts.emplace_back(texts.text(i));
    model.one_hots.push_back(std::move(one));
    return ok();
  }));
  return each(trees, 7, "statistics", [&](const FlatTable& in) { return read_ctr(in, model); });
}

// Trees were called oblivious before there were others.
Status read_trees(const FlatTable& trees, CatModel& model) {
  model.outputs = trees.scalar<std::int32_t>(0, 1);
  if (model.outputs < 1 || model.outputs > 100'000) return broken("it has " + std::to_string(model.outputs) + " outputs");
  model.splits = trees.values<std::int32_t>(1);
  model.sizes = trees.values<std::int32_t>(2);
  TRY(read_features(trees, model));
  model.leaves = trees.values<double>(8);
  model.steps = pairs<std::uint16_t, std::uint16_t>(trees, 10);
  model.leaf_of = trees.values<std::uint32_t>(11);
  model.texts = trees.vector(13, 4).size();
  model.scale = trees.scalar<double>(14, 1);
  model.bias = trees.values<double>(16);
  if (model.bias.empty()) model.bias.assign(static_cast<std::size_t>(model.outputs), trees.scalar<double>(15, 0));
  if (model.bias.size() == 1) model.bias.resize(static_cast<std::size_t>(model.outputs), model.bias[0]);
  if (model.bias.size() != static_cast<std::size_t>(model.outputs)) return broken("its bias doesn't fit its outputs");
  return ok();
}

Result<CatTable> read_table(std::string_view bytes) {
  const auto in = FlatTable::root(bytes);
  if (!in) return broken("a table of statistics lies outside the file");
  CatTable table;
  table.base = TRY(read_base(in->table(0)));
  const FlatVector buckets = in->vector(1, 1), blob = in->vector(2, 1);
  for (std::size_t at = 0; at + kBucketBytes <= buckets.size(); at += kBucketBytes) {
    std::uint64_t hash = 0;
    std::uint32_t row = 0;
    std::memcpy(&hash, buckets.data() + at, 8);
    std::memcpy(&row, buckets.data() + at + 8, 4);
    if (hash != ~std::uint64_t{0}) table.hashes.emplace_back(hash, row);
  }
  table.blob.resize(blob.size() / 4);
  if (!table.blob.empty()) std::memcpy(table.blob.data(), blob.data(), table.blob.size() * 4);
  table.denominator = in->scalar<std::int32_t>(3, 0);
  table.classes = in->scalar<std::int32_t>(4, 0);
  return table;
}

Status read_tables(std::string_view rest, CatModel& model) {
  const auto number = [&rest]() -> std::optional<std::size_t> {
    std::uint32_t n = 0;
    if (rest.size() < 4) return std::nullopt;
    std::memcpy(&n, rest.data(), 4);
    rest.remove_prefix(4);
    return n;
  };
  const auto count = number();
  if (!count || *count > rest.size() / 4) return broken("its tables of statistics are cut off");
  for (std::size_t i = 0; i < *count; ++i) {
    const auto size = number();
    if (!size || *size > rest.size()) return broken("its tables of statistics are cut off");
    model.tables.push_back(TRY(read_table(rest.substr(0, *size))));
    rest.remove_prefix(*size);
  }
  return ok();
}

}  // namespace

Result<CatModel> read_catboost(std::string_view bytes) {
  if (bytes.size() < 8 || bytes.substr(0, 4) != kMagic) return broken("it doesn't begin with CBM1");
  std::uint32_t size = 0;
  std::memcpy(&size, bytes.data() + 4, 4);
  bytes.remove_prefix(8);
  if (size > bytes.size()) return broken("it is cut off");
  const auto core = FlatTable::root(bytes.substr(0, size));
  if (!core) return broken("its first table lies outside the file");
  CatModel model;
  const auto trees = core->table(1);
  if (!trees) return broken("it has no trees");
  TRY(read_trees(*trees, model));
  TRY(each(*core, 2, "remarks", [&](const FlatTable& in) -> Status {
    model.info[std::string(in.text(0))] = in.text(1);
    return ok();
  }));
  const FlatVector parts = core->vector(3, 4);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i == 0 && parts.text(i) == kTables)
      TRY(read_tables(bytes.substr(size), model));
    else
      return broken("it has a part '" + std::string(parts.text(i).substr(0, 60)) + "', which is not read here");
  }
  return model;
}

}  // namespace slipway::importers::boosting
