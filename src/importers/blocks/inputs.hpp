// Inputs: the features of a request and what the model's parts turn out to want of them. Parts ask for columns as numbers or as
// text; that settles each feature's type. At the end the features become columns of at most two graph inputs, `numbers` (float64)
// and `texts` (string), and the Schema tells which. One Inputs a lowering, single-threaded.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "slipway/base/json.hpp"
#include "slipway/graph/builder.hpp"
#include "slipway/importers/blocks/table.hpp"
#include "slipway/tensor/schema.hpp"

namespace slipway::importers {

// A block that is there as a sparse table too (ops/sparse.hpp): texts make wide ones, and a product needn't spread them out.
struct Sparse {
  graph::Val starts, columns, values;
  bool single = false;  // the library holds these in float32
};

class Inputs {
 public:
  // names empty: the features are called x0, x1, ... count < 0: the file doesn't say how many there are.
  Inputs(graph::Builder& graph, std::vector<std::string> names, std::int64_t count);

  Table all();                                       // every feature, in order
  Result<graph::Val> numbers(const Table& table);    // [N, width] float64
  Result<graph::Val> texts(const Table& table);      // [N, width] string
  Result<graph::Val> documents(const Table& table);  // texts, each the JSON of any value: of raw features only
  bool known_text(const Column& column) const;       // text already, by another part's use

  // A table whose block is `sparse`, spread out where somebody wants its numbers.
  Table sparse_table(const Sparse& sparse, std::int64_t width);
  bool holds_sparse(const Table& table) const;       // whether some of its columns are of such a block
  std::optional<Sparse> sparse(const Table& table);  // where the table is columns of one such block
  Result<graph::Val> stored(const Table& table);     // numbers(table), NaN where a sparse matrix stores nothing
  // numbers(table) @ weights; weights: [width, columns] in row order. Sparse blocks stay sparse.
  Result<graph::Val> product(const Table& table, const std::vector<double>& weights, std::int64_t columns);

  // A missing value that would arrive in these columns is refused by the library here.
  void refuse_missing(const Table& table);
  // Infinite values are meaningful to the library here; elsewhere it refuses them, and so does the schema.
  void take_infinite(const Table& table);

  // What the model knows of a column's values. Ignored where the column isn't a feature's own values.
  void hint_typical(const Column& column, double typical);
  void hint_range(const Column& column, double min, double max);
  void hint_boolean(const Column& column);
  void hint_sample(const Column& column, json::Value sample);  // for the example row only
  void hint_categories(const Column& column, std::vector<json::Value> categories);
  // A value at which the model's answer changes: the certificate tries it and its neighbours.
  void hint_threshold(const Column& column, double threshold);
  // A value outside is an error in the library. False: the column isn't a feature's own, so a request can't be checked.
  bool close(const Column& column, const std::vector<json::Value>& categories);

  // Adds the graph inputs to the finished model, and fills features, inputs and named_features of the schema.
  Status finish(graph::Model& model, Schema& schema) const;
  // A row of typical values, as POST /api/predict/:modelId takes it.
  json::Value example(const Schema& schema) const;
  // Rows worth trying, one value a feature: the typical row with each feature in turn at its thresholds, bounds, categories, an
  // unknown category where one is taken and a missing value where one is taken; then mixtures. The same rows for the same model.
  std::vector<json::Array> probes(const Schema& schema, std::size_t rows_max) const;
  // A request of such rows, as POST /api/predict/:modelId takes it.
  static json::Value body(const Schema& schema, const std::vector<json::Array>& rows);

 private:
  enum class Use : std::uint8_t { none, number, text };
  struct Info {
    Feature feature;
    Use use = Use::none;
    bool missing_refused = false;
    bool has_range = false;
    std::optional<json::Value> sample;
    std::vector<double> thresholds;
  };
  json::Array typical_row(const Schema& schema) const;  // one value a feature
  json::Array probe_values(const Feature& feature, const Info& info) const;
  struct Pick {
    std::string name;
    Use use;
    std::vector<std::int32_t> features;
  };
  Info* owner(const Column& column);
  Result<graph::Val> assemble(const Table& table, Use use);
  Result<graph::Val> run(const Table& table, std::size_t begin, std::size_t end, Use use);
  Sparse narrowed(const Table& table, std::size_t begin, std::size_t end, const Sparse& of);
  graph::Val spread(const Sparse& sparse, std::int64_t width, bool gaps);
  std::size_t end_of_run(const Table& table, std::size_t begin) const;
  const Sparse* sparse_block(const Column& column) const;
  Status settle(std::int32_t feature, Use use);
  void add_picks(graph::Model& model, Use use, const std::string& input, std::int64_t width, const std::vector<std::int64_t>& at) const;

  graph::Builder& graph_;
  std::vector<Info> infos_;
  bool named_ = false;
  std::optional<graph::Val> free_;
  std::vector<Pick> picks_;
  std::map<std::pair<Use, std::vector<std::int32_t>>, std::size_t> pick_of_;
  std::map<std::string, Sparse> sparse_;  // by the name of the block
};

}  // namespace slipway::importers
