#include "slipway/importers/blocks/inputs.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_set>

namespace slipway::importers {
namespace {

constexpr std::string_view kNumbers = "numbers";
constexpr std::string_view kTexts = "texts";

graph::ValueInfo table_input(std::string name, DType dtype, std::int64_t columns) {
  graph::ValueInfo info;
  info.name = std::move(name);
  info.dtype = dtype;
  info.shape = {graph::Dim{-1, "N"}, columns >= 0 ? graph::Dim{columns, ""} : graph::Dim{-1, "F"}};
  return info;
}

bool same(const json::Value& a, const json::Value& b) {
  if (a.is_number() && b.is_number()) return a.as_double() == b.as_double();
  return a.dump() == b.dump();
}

std::vector<std::int64_t> places(const Table& table, std::size_t begin, std::size_t end) {
  std::vector<std::int64_t> out;
  for (std::size_t i = begin; i < end; ++i) out.push_back(table.columns[i].at);
  return out;
}

// Whether a run of columns is its block, in order.
bool is_whole(const Table& table, std::size_t begin, std::size_t end) {
  if (table.columns[begin].block->columns != static_cast<std::int64_t>(end - begin)) return false;
  for (std::size_t i = begin; i < end; ++i) {
    if (table.columns[i].at != static_cast<std::int64_t>(i - begin)) return false;
  }
  return true;
}

}  // namespace

Inputs::Inputs(graph::Builder& graph, std::vector<std::string> names, std::int64_t count) : graph_(graph), named_(!names.empty()) {
  if (count < 0 && names.empty()) {
    free_ = graph::Val{std::string(kNumbers), DType::float64, -1};
    return;
  }
  const std::size_t n = names.empty() ? static_cast<std::size_t>(count) : names.size();
  infos_.resize(n);
  for (std::size_t i = 0; i < n; ++i) infos_[i].feature.name = names.empty() ? "x" + std::to_string(i) : std::move(names[i]);
}

Table Inputs::all() {
  Table table;
  table.free = free_;
  for (std::size_t i = 0; i < infos_.size(); ++i) {
    Column column;
    column.feature = column.same_as = static_cast<std::int32_t>(i);
    column.missing_from = {column.feature};
    table.columns.push_back(std::move(column));
  }
  return table;
}

Inputs::Info* Inputs::owner(const Column& column) { return column.same_as < 0 ? nullptr : &infos_[static_cast<std::size_t>(column.same_as)]; }

Status Inputs::settle(std::int32_t feature, Use use) {
  Info& info = infos_[static_cast<std::size_t>(feature)];
  if (info.use != Use::none && info.use != use) {
    return Error(ErrorCode::model_refused, "the column '" + info.feature.name + "' is used both as a number and as text, which is not supported yet");
  }
  info.use = use;
  return ok();
}

bool Inputs::known_text(const Column& column) const {
  if (column.feature < 0) return column.is_text();
  return infos_[static_cast<std::size_t>(column.feature)].use == Use::text;
}

// One stretch of columns with one origin: raw features, or one value of the graph.
Result<graph::Val> Inputs::run(const Table& table, std::size_t begin, std::size_t end, Use use) {
  const auto width = static_cast<std::int64_t>(end - begin);
  const DType dtype = use == Use::text ? DType::string : DType::float64;
  if (table.columns[begin].feature >= 0) {
    std::vector<std::int32_t> features;
    for (std::size_t i = begin; i < end; ++i) {
      features.push_back(table.columns[i].feature);
      TRY(settle(table.columns[i].feature, use));
    }
    const auto [at, fresh] = pick_of_.try_emplace({use, features}, picks_.size());
    if (fresh) picks_.push_back({"features/" + std::to_string(picks_.size()), use, std::move(features)});
    return graph::Val{picks_[at->second].name, dtype, width};
  }
  const graph::Val& block = *table.columns[begin].block;
  if (block.dtype != dtype) {
    return Error(ErrorCode::model_refused, use == Use::text ? "a step that works on text follows one that gives numbers"
                                                            : "a step that works on numbers follows one that gives text");
  }
  if (is_whole(table, begin, end)) return block;
  if (const Sparse* sparse = sparse_block(table.columns[begin])) return spread(narrowed(table, begin, end, *sparse), width, false);
  return graph_.columns(block, places(table, begin, end));
}

std::size_t Inputs::end_of_run(const Table& table, std::size_t begin) const {
  const Column& first = table.columns[begin];
  std::size_t end = begin + 1;
  const auto joins = [&](const Column& c) { return first.feature >= 0 ? c.feature >= 0 : c.feature < 0 && c.block->name == first.block->name; };
  while (end < table.columns.size() && joins(table.columns[end])) ++end;
  return end;
}

Result<graph::Val> Inputs::assemble(const Table& table, Use use) {
  if (table.free) {
    if (use == Use::text) return Error(ErrorCode::model_refused, "the file doesn't tell how many columns of text it takes");
    return *table.free;
  }
  if (table.columns.empty()) return Error(ErrorCode::model_refused, "a step is given no column at all");
  std::vector<graph::Val> parts;
  for (std::size_t begin = 0; begin < table.columns.size();) {
    const std::size_t end = end_of_run(table, begin);
    parts.push_back(TRY(run(table, begin, end, use)));
    begin = end;
  }
  graph::Val out = graph_.concat_columns(parts);
  out.columns = static_cast<std::int64_t>(table.columns.size());
  return out;
}

Result<graph::Val> Inputs::numbers(const Table& table) { return assemble(table, Use::number); }
Result<graph::Val> Inputs::texts(const Table& table) { return assemble(table, Use::text); }

Result<graph::Val> Inputs::documents(const Table& table) {
  for (const Column& column : table.columns) {
    if (column.feature < 0)
      return Error(ErrorCode::model_refused, "a step that takes JSON values of any kind follows one that gives numbers or texts");
    infos_[static_cast<std::size_t>(column.feature)].feature.type = FeatureType::document;
  }
  return assemble(table, Use::text);
}

graph::Val Inputs::spread(const Sparse& sparse, std::int64_t width, bool gaps) {
  return graph_.own("SparseToDense", {sparse.starts, sparse.columns, sparse.values}, DType::float64, width,
                    {graph::attr("columns", width), graph::attr("gaps", std::int64_t{gaps})});
}

Table Inputs::sparse_table(const Sparse& sparse, std::int64_t width) {
  const graph::Val dense = spread(sparse, width, false);
  sparse_.emplace(dense.name, sparse);
  Table table = table_of(dense);
  table.sparse = true;
  return table;
}

// Of a sparse block only the columns begin ... end of the table: its numbers need never be spread out in full.
Sparse Inputs::narrowed(const Table& table, std::size_t begin, std::size_t end, const Sparse& of) {
  const auto parts =
      graph_.op_n("SparseColumns", {of.starts, of.columns, of.values, graph_.ints(places(table, begin, end))}, 3, {}, graph::kOwnDomain);
  return {graph::Builder::typed(parts[0], DType::int64, -1), graph::Builder::typed(parts[1], DType::int64, -1),
          graph::Builder::typed(parts[2], DType::float64, -1), of.single};
}

const Sparse* Inputs::sparse_block(const Column& column) const {
  if (column.feature >= 0) return nullptr;
  const auto found = sparse_.find(column.block->name);
  return found == sparse_.end() ? nullptr : &found->second;
}

bool Inputs::holds_sparse(const Table& table) const {
  return std::any_of(table.columns.begin(), table.columns.end(), [&](const Column& c) { return sparse_block(c) != nullptr; });
}

std::optional<Sparse> Inputs::sparse(const Table& table) {
  if (table.columns.empty() || table.free) return std::nullopt;
  const Sparse* found = sparse_block(table.columns[0]);
  if (found == nullptr || end_of_run(table, 0) != table.width()) return std::nullopt;
  return is_whole(table, 0, table.width()) ? *found : narrowed(table, 0, table.width(), *found);
}

// Where the structure of a part isn't known here, zeros are what isn't stored: scipy drops them when it makes such a part sparse.
Result<graph::Val> Inputs::stored(const Table& table) {
  if (table.free) return numbers(table);
  if (table.columns.empty()) return Error(ErrorCode::model_refused, "a step is given no column at all");
  std::vector<graph::Val> parts;
  for (std::size_t begin = 0; begin < table.columns.size();) {
    const std::size_t end = end_of_run(table, begin);
    const auto width = static_cast<std::int64_t>(end - begin);
    if (const Sparse* sparse = sparse_block(table.columns[begin])) {
      parts.push_back(spread(is_whole(table, begin, end) ? *sparse : narrowed(table, begin, end, *sparse), width, true));
    } else {
      const graph::Val x = TRY(run(table, begin, end, Use::number));
      const graph::Val none = graph::Builder::typed(graph_.op("Equal", {x, graph_.scalar(0)}), DType::boolean, width);
      parts.push_back(graph::Builder::typed(graph_.where(none, graph_.scalar(std::nan("")), x), DType::float64, width));
    }
    begin = end;
  }
  graph::Val out = graph_.concat_columns(parts);
  out.columns = static_cast<std::int64_t>(table.columns.size());
  return out;
}

// The sum over the runs of columns. Of a sparse block every column takes part; those that the table leaves out have the weight 0.
Result<graph::Val> Inputs::product(const Table& table, const std::vector<double>& weights, std::int64_t columns) {
  const auto matrix = [&](std::vector<double> w, std::size_t rows) {
    return graph_.constant(doubles({static_cast<std::int64_t>(rows), columns}, w));
  };
  if (!holds_sparse(table)) return graph_.matmul(TRY(numbers(table)), matrix(weights, weights.size() / static_cast<std::size_t>(columns)), columns);
  const auto k = static_cast<std::size_t>(columns);
  std::optional<graph::Val> sum;
  Table dense;
  std::vector<double> dense_weights;
  for (std::size_t begin = 0; begin < table.width();) {
    const std::size_t end = end_of_run(table, begin);
    const Sparse* sparse = sparse_block(table.columns[begin]);
    if (sparse == nullptr) {
      dense.columns.insert(dense.columns.end(), table.columns.begin() + static_cast<std::ptrdiff_t>(begin),
                           table.columns.begin() + static_cast<std::ptrdiff_t>(end));
      dense_weights.insert(dense_weights.end(), weights.begin() + static_cast<std::ptrdiff_t>(begin * k),
                           weights.begin() + static_cast<std::ptrdiff_t>(end * k));
    } else {
      const auto width = static_cast<std::size_t>(table.columns[begin].block->columns);
      std::vector<double> w(width * k, 0.0);
      for (std::size_t i = begin; i < end; ++i) {
        for (std::size_t c = 0; c < k; ++c) w[static_cast<std::size_t>(table.columns[i].at) * k + c] += weights[i * k + c];
      }
      const graph::Val part =
          graph_.own("SparseMatMul", {sparse->starts, sparse->columns, sparse->values, matrix(std::move(w), width)}, DType::float64, columns);
      sum = sum ? graph_.add(*sum, part) : part;
    }
    begin = end;
  }
  if (!dense.columns.empty()) {
    const graph::Val part = graph_.matmul(TRY(numbers(dense)), matrix(std::move(dense_weights), dense.width()), columns);
    sum = sum ? graph_.add(*sum, part) : part;
  }
  return graph::Builder::typed(*sum, DType::float64, columns);
}

void Inputs::take_infinite(const Table& table) {
  for (const Column& column : table.columns) {
    if (column.feature >= 0) infos_[static_cast<std::size_t>(column.feature)].feature.infinite = true;
  }
}

void Inputs::refuse_missing(const Table& table) {
  for (const Column& column : table.columns) {
    for (const std::int32_t feature : column.missing_from) infos_[static_cast<std::size_t>(feature)].missing_refused = true;
  }
}

void Inputs::hint_typical(const Column& column, double typical) {
  Info* info = owner(column);
  if (info != nullptr && !info->feature.typical && std::isfinite(typical)) info->feature.typical = typical;
}

void Inputs::hint_range(const Column& column, double min, double max) {
  Info* info = owner(column);
  if (info == nullptr || info->has_range || !std::isfinite(min) || !std::isfinite(max) || min > max) return;
  info->has_range = true;
  info->feature.min = min;
  info->feature.max = max;
}

void Inputs::hint_boolean(const Column& column) {
  if (Info* info = owner(column)) info->feature.type = FeatureType::boolean;
}

void Inputs::hint_sample(const Column& column, json::Value sample) {
  Info* info = owner(column);
  if (info != nullptr && !info->sample) info->sample = std::move(sample);
}

void Inputs::hint_categories(const Column& column, std::vector<json::Value> categories) {
  Info* info = owner(column);
  if (info != nullptr && info->feature.categories.empty()) info->feature.categories = std::move(categories);
}

bool Inputs::close(const Column& column, const std::vector<json::Value>& categories) {
  Info* info = owner(column);
  if (info == nullptr) return false;
  Feature& feature = info->feature;
  if (feature.closed) {  // two encoders on one column: what both know
    std::erase_if(feature.categories, [&](const json::Value& known) {
      return std::none_of(categories.begin(), categories.end(), [&](const json::Value& c) { return same(c, known); });
    });
  } else {
    feature.categories = categories;
  }
  feature.closed = true;
  return true;
}

// Picks are what parts asked for: a choice of features. They become Gathers on the input, or the input itself.
void Inputs::add_picks(graph::Model& model, Use use, const std::string& input, std::int64_t width, const std::vector<std::int64_t>& at) const {
  std::unordered_set<std::string> used;
  for (const graph::Node& node : model.graph.nodes) used.insert(node.inputs.begin(), node.inputs.end());
  std::vector<graph::Node> front;
  for (const Pick& pick : picks_) {
    if (pick.use != use || used.count(pick.name) == 0) continue;
    std::vector<std::int64_t> which;
    for (const std::int32_t feature : pick.features) which.push_back(at[static_cast<std::size_t>(feature)]);
    bool whole = static_cast<std::int64_t>(which.size()) == width;
    for (std::size_t i = 0; whole && i < which.size(); ++i) whole = which[i] == static_cast<std::int64_t>(i);
    graph::Node node;
    node.name = pick.name;
    node.outputs = {pick.name};
    if (whole) {
      node.op = "Identity";
      node.inputs = {input};
    } else {
      const std::string indices = pick.name + "/which";
      model.graph.initializers.push_back({indices, int64s({static_cast<std::int64_t>(which.size())}, which)});
      node.op = "Gather";
      node.inputs = {input, indices};
      node.attributes.push_back(graph::attr("axis", std::int64_t{1}));
    }
    front.push_back(std::move(node));
  }
  model.graph.nodes.insert(model.graph.nodes.begin(), std::make_move_iterator(front.begin()), std::make_move_iterator(front.end()));
}

Status Inputs::finish(graph::Model& model, Schema& schema) const {
  schema.named_features = named_;
  if (free_) {
    model.graph.inputs.push_back(table_input(std::string(kNumbers), DType::float64, -1));
    schema.inputs.push_back({std::string(kNumbers), DType::float64, {-1, -1}});
    return ok();
  }
  std::int64_t widths[3] = {0, 0, 0};
  std::vector<std::int64_t> at(infos_.size(), -1);
  for (std::size_t i = 0; i < infos_.size(); ++i) {
    Feature feature = infos_[i].feature;
    const Use use = infos_[i].use;
    feature.nullable = use == Use::none || !infos_[i].missing_refused;
    if (use == Use::text && feature.type != FeatureType::document) feature.type = FeatureType::text;
    feature.infinite = feature.infinite && use == Use::number;  // a column of text has no infinities
    if (use != Use::none) {
      feature.input = use == Use::text ? kTexts : kNumbers;
      feature.column = at[i] = widths[static_cast<int>(use)]++;
    }
    schema.features.push_back(std::move(feature));
  }
  for (const Use use : {Use::number, Use::text}) {
    const std::int64_t width = widths[static_cast<int>(use)];
    if (width == 0) continue;
    const std::string name(use == Use::text ? kTexts : kNumbers);
    const DType dtype = use == Use::text ? DType::string : DType::float64;
    model.graph.inputs.push_back(table_input(name, dtype, width));
    schema.inputs.push_back({name, dtype, {-1, width}});
    add_picks(model, use, name, width, at);
  }
  if (schema.inputs.empty()) return Error(ErrorCode::model_refused, "the model's answer doesn't depend on any of its inputs");
  return ok();
}

json::Array Inputs::typical_row(const Schema& schema) const {
  json::Array row;
  for (std::size_t i = 0; i < schema.features.size(); ++i) {
    const Feature& feature = schema.features[i];
    if (feature.input.empty()) {
      row.emplace_back(nullptr);
    } else if (!feature.categories.empty()) {
      row.push_back(feature.categories.front());
    } else if (feature.type == FeatureType::text || feature.type == FeatureType::document) {
      row.push_back(infos_[i].sample.value_or(json::Value("text")));
    } else if (feature.type == FeatureType::boolean) {
      row.emplace_back(true);
    } else {
      row.emplace_back(feature.typical.value_or(feature.min && feature.max ? *feature.min / 2 + *feature.max / 2 : 0.0));
    }
  }
  return row;
}

json::Value Inputs::body(const Schema& schema, const std::vector<json::Array>& rows) {
  json::Array all;
  const bool one_text =
      schema.features.size() == 1 && (schema.features[0].type == FeatureType::text || schema.features[0].type == FeatureType::document);
  for (const json::Array& row : rows) {
    if (one_text) {  // a text or an object by itself is a row
      all.push_back(row[0]);
      continue;
    }
    if (!schema.named_features) {
      all.emplace_back(row);
      continue;
    }
    json::Object record;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!schema.features[i].input.empty()) record.emplace_back(schema.features[i].name, row[i]);
    }
    all.emplace_back(std::move(record));
  }
  return json::object({{schema.named_features && !one_text ? "dataframe_records" : "instances", std::move(all)}});
}

json::Value Inputs::example(const Schema& schema) const {
  if (free_) return json::object({{"instances", json::Array{json::Array{0.5, 1.5, 2.5}}}});
  return body(schema, {typical_row(schema)});
}

json::Array Inputs::probe_values(const Feature& feature, const Info& info) const {
  constexpr std::size_t kCategoriesTried = 24;
  json::Array out;
  if (feature.input.empty()) return out;
  for (std::size_t i = 0; i < feature.categories.size() && i < kCategoriesTried; ++i) out.push_back(feature.categories[i]);
  if (feature.nullable) out.emplace_back(nullptr);
  if (feature.type == FeatureType::document) return out;
  if (feature.type == FeatureType::text) {
    if (!feature.closed) out.emplace_back("a value that was never seen");
    return out;
  }
  if (feature.type == FeatureType::boolean) {
    out.emplace_back(true);
    out.emplace_back(false);
    return out;
  }
  if (feature.closed) return out;
  for (const double t : info.thresholds) {  // at, just below and just above: in double, and in float32 where a library rounds to it
    const auto single = static_cast<float>(t);
    for (const double near : {t, std::nextafter(t, -1e308), std::nextafter(t, 1e308), static_cast<double>(std::nextafter(single, -3e38F)),
                              static_cast<double>(std::nextafter(single, 3e38F))})
      out.emplace_back(near);
  }
  if (feature.min && feature.max) {
    const double span = *feature.max - *feature.min;
    for (const double x : {*feature.min, *feature.max, *feature.min - span, *feature.max + span, *feature.min + span / 4}) out.emplace_back(x);
  }
  const double typical = feature.typical.value_or(0);
  for (const double x : {typical, typical + 1, typical - 1, 0.0, 1e6 + typical}) out.emplace_back(x);
  return out;
}

std::vector<json::Array> Inputs::probes(const Schema& schema, std::size_t rows_max) const {
  std::vector<json::Array> rows;
  if (free_ || schema.features.size() != infos_.size()) return rows;
  const json::Array typical = typical_row(schema);
  rows.push_back(typical);
  std::vector<json::Array> values;
  std::size_t longest = 0;
  for (std::size_t i = 0; i < infos_.size(); ++i) {
    values.push_back(probe_values(schema.features[i], infos_[i]));
    longest = std::max(longest, values.back().size());
  }
  // Each feature in turn, in rounds, so that wide models try something of every feature; two thirds of the rows.
  for (std::size_t round = 0; round < longest; ++round) {
    for (std::size_t i = 0; i < values.size() && rows.size() < rows_max * 2 / 3; ++i) {
      if (round >= values[i].size()) continue;
      rows.push_back(typical);
      rows.back()[i] = values[i][round];
    }
  }
  std::uint64_t state = 0x9E3779B97F4A7C15ULL;  // the same mixtures for the same model
  for (std::size_t n = 0; longest > 0 && n < rows_max / 3; ++n) {
    rows.push_back(typical);
    for (std::size_t i = 0; i < values.size(); ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      if (!values[i].empty()) rows.back()[i] = values[i][(state >> 33) % values[i].size()];
    }
  }
  return rows;
}

void Inputs::hint_threshold(const Column& column, double threshold) {
  constexpr std::size_t kThresholdsMax = 16;
  Info* info = column.feature < 0 ? nullptr : owner(column);  // a computed column's thresholds say nothing of the feature
  if (info != nullptr && info->thresholds.size() < kThresholdsMax && std::isfinite(threshold)) info->thresholds.push_back(threshold);
}

}  // namespace slipway::importers
