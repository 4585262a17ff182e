// The JSON forms of a prediction request: see request_codec.hpp. Hot path: rows of a tabular model.
#include <algorithm>
#include <iterator>
#include <limits>

#include "slipway/base/encoding.hpp"
#include "slipway/tensor/codec_plan.hpp"
#include "slipway/tensor/json_tensors.hpp"

namespace slipway {
namespace {

using Kind = JsonScanner::Kind;

// Kept by each thread: what a request would otherwise allocate. Bounded by the largest model's features.
struct Scratch {
  std::string unescaped;
  std::vector<std::uint32_t> order;  // feature that stood at position k of the last object row: the next row's likely order
  std::vector<std::uint32_t> seen;   // by feature: `stamp` of the row it was last seen in
  std::uint32_t stamp = 0;
  std::uint64_t plan = 0;  // whose order it is

  void adapt(const CodecPlan& p) {
    if (plan == p.id) return;
    plan = p.id;
    order.resize(p.cells.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    seen.assign(p.cells.size(), 0);
    stamp = 0;
  }
  void next_stamp() {
    if (++stamp == 0) {
      std::fill(seen.begin(), seen.end(), 0);
      stamp = 1;
    }
  }
};

Scratch& scratch() {
  thread_local Scratch s;
  return s;
}

class Decoder {
 public:
  Decoder(const CodecPlan& plan, std::string_view body, const DecodeLimits& limits, std::span<const std::string_view> beside)
      : plan_(plan), limits_(limits), may_stand_beside_(beside), scratch_(scratch()), scanner_(body, scratch_.unescaped), tables_(plan, limits) {
    scratch_.adapt(plan);
  }

  Result<DecodedRequest> run();

 private:
  enum class By : std::uint8_t { index, name, column, table };  // how a cell is addressed in pointers
  static constexpr std::size_t kNoPosition = static_cast<std::size_t>(-1);

  bool document();
  bool member(std::string_view name);
  // tabular
  bool rows(bool objects_only);
  bool row(bool objects_only);
  bool row_array(const std::vector<std::uint32_t>* order);
  bool row_object();
  void missing_features();
  bool split();
  bool split_columns(std::vector<std::uint32_t>& order);
  bool split_data(const std::vector<std::uint32_t>* order);
  bool inputs();
  bool column(std::uint32_t feature);
  bool table(std::uint32_t input);
  bool next_row(std::size_t index);
  bool columns_complete();
  bool cell(std::uint32_t feature, std::size_t position);
  bool slow_cell(std::uint32_t feature, std::size_t position, Kind kind);
  // tensors
  bool tensor_instances();
  bool tensor_row(std::size_t index);
  bool tensor_inputs();

  bool wrong(std::string pointer, const std::string& what);  // reads the value that stands here: "<what>, got ..."
  bool problem(std::string pointer, std::string detail) {
    problems_.add(std::move(pointer), std::move(detail));
    return !problems_.full();
  }
  std::string root() const { return "#/" + std::string(root_); }
  std::string row_pointer() const { return root() + "/" + std::to_string(row_); }
  std::string cell_pointer(std::uint32_t feature, std::size_t position) const;

  const CodecPlan& plan_;
  const DecodeLimits& limits_;
  const std::span<const std::string_view> may_stand_beside_;
  std::vector<std::pair<std::string, std::string>> beside_;
  Scratch& scratch_;
  JsonScanner scanner_;
  Tables tables_;
  Problems problems_;
  std::optional<JsonTensors> tensors_;
  bool too_many_rows_ = false;
  std::string_view root_;  // the member being read: "instances"
  std::size_t row_ = 0;
  By by_ = By::index;
};

Result<DecodedRequest> Decoder::run() {
  if (!plan_.tabular()) tensors_.emplace(plan_, limits_, scanner_, problems_);
  if (document()) scanner_.at_end();
  if (!scanner_.ok()) return Error(ErrorCode::invalid_json, "the body is not valid JSON: " + scanner_.error());
  if (tables_.over() || (tensors_ && tensors_->over())) return too_large(limits_);
  if (too_many_rows_ || (tensors_ && tensors_->too_many_rows())) return too_many_rows(limits_).at(root(), "too many rows");
  if (!problems_.empty()) return problems_.error();
  auto request = tensors_ ? tensors_->finish() : std::optional(tables_.finish());
  if (!request) return problems_.error();
  request->form = root_;
  request->beside = std::move(beside_);
  return *std::move(request);
}

bool Decoder::document() {
  if (scanner_.peek() != Kind::object) { return scanner_.ok() && wrong("#", "the body must be an object with \"instances\""); }
  if (!scanner_.open('{')) return false;
  bool first = true;
  std::string_view name;
  while (scanner_.element(first, '}')) {
    if (!scanner_.key(name) || !member(name)) return false;
  }
  if (!scanner_.ok()) return false;
  if (root_.empty()) return problem("#", "the body has no \"instances\" (nor \"inputs\", \"dataframe_records\" or \"dataframe_split\")");
  return true;
}

bool Decoder::member(std::string_view name) {
  static constexpr std::string_view kForms[] = {"instances", "inputs", "dataframe_records", "dataframe_split"};
  const auto* form = std::find(std::begin(kForms), std::end(kForms), name);
  if (form == std::end(kForms) && std::find(may_stand_beside_.begin(), may_stand_beside_.end(), name) != may_stand_beside_.end()) {
    std::string kept(name);
    if (!scanner_.skip()) return false;
    beside_.emplace_back(std::move(kept), scanner_.skipped());
    return true;
  }
  if (form == std::end(kForms)) {
    if (!problem("#/" + pointer_escape(name), "the body has a member \"" + excerpt(name) + "\" that is not known here")) return false;
    return scanner_.skip();
  }
  if (!root_.empty()) {
    problem("#/" + std::string(*form), *form == root_ ? "\"" + std::string(root_) + "\" is there twice"
                                                      : "there is \"" + std::string(root_) + "\" already: a body has one of them");
    return scanner_.skip();
  }
  root_ = *form;
  if (root_ == "inputs") return plan_.tabular() ? inputs() : tensor_inputs();
  if (!plan_.tabular() && root_ != "dataframe_split") return tensor_instances();
  if (root_ == "dataframe_split") return split();
  return rows(root_ == "dataframe_records");
}

bool Decoder::wrong(std::string pointer, const std::string& what) {
  const std::string got = got_text(scanner_);
  return scanner_.ok() && problem(std::move(pointer), what + ", got " + got);
}

// --- rows of a table

bool Decoder::rows(bool objects_only) {
  if (scanner_.peek() != Kind::array) return scanner_.ok() && wrong(root(), std::string(root_) + " must be an array of rows");
  if (!scanner_.open('[')) return false;
  bool first = true;
  while (scanner_.element(first, ']')) {
    if (!row(objects_only)) return false;
    ++row_;
  }
  if (!scanner_.ok()) return false;
  return row_ > 0 || problem(root(), std::string(root_) + " has no rows");
}

bool Decoder::row(bool objects_only) {
  if (row_ == limits_.rows_max) {
    too_many_rows_ = true;
    return false;
  }
  if (!tables_.add_row()) return false;
  const Kind kind = scanner_.peek();
  if (kind == Kind::broken) return false;
  if (plan_.whole_rows()) {
    by_ = By::index;
    return cell(0, kNoPosition);
  }
  if (kind == Kind::object) return row_object();
  if (kind == Kind::array && !objects_only) return row_array(nullptr);
  if (plan_.cells.size() == 1 && !objects_only) {
    by_ = By::index;
    return cell(0, kNoPosition);
  }
  const std::string n = std::to_string(plan_.cells.size());
  return wrong(row_pointer(), objects_only ? "a record must be an object by feature name"
                                           : "a row must be an array of " + n + " values or an object by feature name");
}

bool Decoder::row_array(const std::vector<std::uint32_t>* order) {
  if (!scanner_.open('[')) return false;
  by_ = By::index;
  const std::size_t wanted = plan_.cells.size();
  std::size_t count = 0;
  bool first = true;
  while (scanner_.element(first, ']')) {
    if (count >= wanted) {
      if (!scanner_.skip()) return false;
    } else if (!cell(order == nullptr ? static_cast<std::uint32_t>(count) : (*order)[count], count)) {
      return false;
    }
    ++count;
  }
  if (!scanner_.ok()) return false;
  if (count == wanted) return true;
  return problem(row_pointer(), "the row must have " + std::to_string(wanted) + " values, got " + std::to_string(count));
}

bool Decoder::row_object() {
  if (!scanner_.open('{')) return false;
  by_ = By::name;
  scratch_.next_stamp();
  const std::size_t wanted = plan_.cells.size();
  std::size_t found = 0;
  std::size_t position = 0;
  bool first = true;
  for (; scanner_.element(first, '}'); ++position) {
    std::uint32_t feature = 0;
    if (position < wanted && plan_.cells[scratch_.order[position]].plain_name &&
        scanner_.key_is(plan_.schema.features[scratch_.order[position]].name)) {
      feature = scratch_.order[position];  // in the same order as the row before
    } else {
      std::string_view name;
      if (!scanner_.key(name)) return false;
      const auto known = plan_.feature(name);
      if (!known) {
        if (!problem(row_pointer() + "/" + pointer_escape(name), plan_.unknown_feature(name)) || !scanner_.skip()) return false;
        continue;
      }
      feature = *known;
      if (position < wanted) scratch_.order[position] = feature;
    }
    if (scratch_.seen[feature] == scratch_.stamp) {
      if (!problem(cell_pointer(feature, kNoPosition), plan_.schema.features[feature].name + " is there twice") || !scanner_.skip()) return false;
      continue;
    }
    scratch_.seen[feature] = scratch_.stamp;
    ++found;
    if (!cell(feature, kNoPosition)) return false;
  }
  if (!scanner_.ok()) return false;
  if (found < wanted) missing_features();
  return !problems_.full();
}

void Decoder::missing_features() {
  for (std::uint32_t i = 0; i < plan_.cells.size() && !problems_.full(); ++i) {
    if (scratch_.seen[i] == scratch_.stamp || plan_.cells[i].ignored) continue;
    const std::string& name = plan_.schema.features[i].name;
    problem(cell_pointer(i, kNoPosition), name + " is missing" + (plan_.cells[i].nullable ? "; send null where it is not known" : ""));
  }
}

std::string Decoder::cell_pointer(std::uint32_t feature, std::size_t position) const {
  const std::string name = pointer_escape(plan_.schema.features[feature].name);
  if (by_ == By::table) {
    const CellPlan& cell = plan_.cells[feature];
    return root() + "/" + pointer_escape(plan_.schema.inputs[cell.port].name) + "/" + std::to_string(row_) + "/" + std::to_string(cell.column);
  }
  if (by_ == By::column) return root() + "/" + name + "/" + std::to_string(row_);
  if (by_ == By::name) return row_pointer() + "/" + name;
  return position == kNoPosition ? row_pointer() : row_pointer() + "/" + std::to_string(position);
}

inline bool Decoder::cell(std::uint32_t feature, std::size_t position) {
  const CellPlan& plan = plan_.cells[feature];
  const Kind kind = scanner_.peek();
  if (kind != Kind::number || plan.dtype != DType::float64 || plan.closed || plan.type == FeatureType::boolean)
    return slow_cell(feature, position, kind);
  JsonScanner::Number n;
  if (!scanner_.number(n)) return false;
  if (n.too_large) return problem(cell_pointer(feature, position), put_number(plan_, feature, n, tables_, row_));
  std::memcpy(tables_.number_at(plan.port, row_, plan.column), &n.real, sizeof n.real);
  return true;
}

bool Decoder::slow_cell(std::uint32_t feature, std::size_t position, Kind kind) {
  if (plan_.cells[feature].ignored) return scanner_.skip();
  std::string wrong_way;
  if (plan_.cells[feature].type == FeatureType::document) {
    if (!scanner_.skip()) return false;
    wrong_way = put_document(plan_, feature, scanner_.skipped(), tables_, row_);
    return !tables_.over() && (wrong_way.empty() || problem(cell_pointer(feature, position), std::move(wrong_way)));
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (kind) {
    case Kind::broken: return false;
    case Kind::number: {
      JsonScanner::Number n;
      if (!scanner_.number(n)) return false;
      wrong_way = put_number(plan_, feature, n, tables_, row_);
      break;
    }
    case Kind::text: {
      std::string_view text;
      if (!scanner_.text(text)) return false;
      wrong_way = put_text(plan_, feature, text, tables_, row_);
      break;
    }
    case Kind::boolean: {
      bool value = false;
      if (!scanner_.boolean(value)) return false;
      wrong_way = put_boolean(plan_, feature, value, tables_, row_);
      break;
    }
    case Kind::null:
    case Kind::nan:
      if (!scanner_.word(kind)) return false;
      wrong_way = put_missing(plan_, feature, kind == Kind::null ? "null" : "NaN", tables_, row_);
      break;
    case Kind::plus_infinity:
    case Kind::minus_infinity:
      if (!scanner_.word(kind)) return false;
      wrong_way = put_real(plan_, feature, kind == Kind::plus_infinity ? kInfinity : -kInfinity, tables_, row_);
      break;
    case Kind::array:
    case Kind::object: {
      const std::string got = got_text(scanner_);
      if (!scanner_.ok()) return false;
      wrong_way = expected(plan_, feature, got);
      break;
    }
  }
  if (tables_.over()) return false;
  return wrong_way.empty() || problem(cell_pointer(feature, position), std::move(wrong_way));
}

// --- {"columns": [...], "data": [[...]]}: the members may stand in either order, so data that comes first is come back to

bool Decoder::split() {
  if (!plan_.tabular()) {
    problem(root(), "dataframe_split is for models with named columns; this one takes tensors: use \"instances\" or \"inputs\"");
    return false;
  }
  if (scanner_.peek() != Kind::object) return scanner_.ok() && wrong(root(), "dataframe_split must be an object with \"columns\" and \"data\"");
  std::vector<std::uint32_t> order;
  const char* data = nullptr;
  bool columns = false;
  bool first = true;
  std::string_view name;
  if (!scanner_.open('{')) return false;
  while (scanner_.element(first, '}')) {
    if (!scanner_.key(name)) return false;
    if (name == "columns" && !columns) {
      columns = true;
      if (!split_columns(order)) return false;
    } else if (name == "data" && data == nullptr) {
      if (scanner_.peek() == Kind::broken) return false;
      data = scanner_.position();
      if (!scanner_.skip()) return false;
    } else if (name == "index") {
      if (!scanner_.skip()) return false;
    } else {
      problem(root() + "/" + pointer_escape(name), "\"" + excerpt(name) + "\" is there twice or not known here");
      return false;
    }
  }
  if (!scanner_.ok()) return false;
  if (data == nullptr) return problem(root(), "dataframe_split has no \"data\"");
  if (!problems_.empty()) return false;  // the columns are wrong, so every row would be
  const char* const after = scanner_.position();
  scanner_.go_to(data);
  if (!split_data(columns ? &order : nullptr)) return false;
  scanner_.go_to(after);
  return true;
}

bool Decoder::split_columns(std::vector<std::uint32_t>& order) {
  const std::string pointer = root() + "/columns";
  if (scanner_.peek() != Kind::array) return scanner_.ok() && wrong(pointer, "columns must be an array of feature names");
  if (!scanner_.open('[')) return false;
  scratch_.next_stamp();
  by_ = By::name;
  bool first = true;
  std::size_t position = 0;
  for (; scanner_.element(first, ']'); ++position) {
    const std::string at = pointer + "/" + std::to_string(position);
    if (scanner_.peek() != Kind::text) {
      if (!scanner_.ok() || !wrong(at, "a column must be a feature's name")) return false;
      continue;
    }
    std::string_view name;
    if (!scanner_.text(name)) return false;
    const auto feature = plan_.feature(name);
    if (!feature) {
      if (!problem(at, plan_.unknown_feature(name))) return false;
    } else if (scratch_.seen[*feature] == scratch_.stamp) {
      if (!problem(at, plan_.schema.features[*feature].name + " is there twice")) return false;
    } else {
      scratch_.seen[*feature] = scratch_.stamp;
      order.push_back(*feature);
    }
  }
  if (!scanner_.ok()) return false;
  for (std::uint32_t i = 0; i < plan_.cells.size() && order.size() < plan_.cells.size(); ++i) {
    if (scratch_.seen[i] != scratch_.stamp && !plan_.cells[i].ignored && !problem(pointer, plan_.schema.features[i].name + " is missing"))
      return false;
  }
  return true;
}

bool Decoder::split_data(const std::vector<std::uint32_t>* order) {
  root_ = "dataframe_split/data";
  if (scanner_.peek() != Kind::array) return scanner_.ok() && wrong(root(), "data must be an array of rows");
  if (!scanner_.open('[')) return false;
  bool first = true;
  while (scanner_.element(first, ']')) {
    if (row_ == limits_.rows_max) {
      too_many_rows_ = true;
      return false;
    }
    if (!tables_.add_row()) return false;
    if (scanner_.peek() == Kind::array ? !row_array(order) : !scanner_.ok() || !wrong(row_pointer(), "a row must be an array")) return false;
    ++row_;
  }
  if (!scanner_.ok()) return false;
  return row_ > 0 || problem(root(), "data has no rows");
}

// --- {"inputs": {name: column or table}}

bool Decoder::inputs() {
  const Kind kind = scanner_.peek();
  if (kind == Kind::array && plan_.ports.size() == 1) return rows(false);  // one input: its table may stand without the name
  if (kind != Kind::object) return scanner_.ok() && wrong(root(), "inputs must be an object by input or feature name");
  if (!scanner_.open('{')) return false;
  scratch_.next_stamp();
  bool first = true;
  std::string_view name;
  while (scanner_.element(first, '}')) {
    if (!scanner_.key(name)) return false;
    const auto feature = plan_.feature(name);
    const auto input = plan_.input(name);
    if (!feature && !input) {
      if (!problem(root() + "/" + pointer_escape(name), plan_.unknown_feature(name)) || !scanner_.skip()) return false;
      continue;
    }
    const bool as_table = input && (!feature || plan_.ports[*input].width > 1);
    by_ = as_table ? By::table : By::column;
    if (as_table ? !table(*input) : !column(*feature)) return false;
  }
  return scanner_.ok() && columns_complete();
}

bool Decoder::next_row(std::size_t index) {
  row_ = index;
  if (index < tables_.rows()) return true;
  if (index == limits_.rows_max) {
    too_many_rows_ = true;
    return false;
  }
  return tables_.add_row();
}

bool Decoder::column(std::uint32_t feature) {
  const std::string& name = plan_.schema.features[feature].name;
  const std::string pointer = root() + "/" + pointer_escape(name);
  const bool twice = scratch_.seen[feature] == scratch_.stamp;
  if (twice) {
    problem(pointer, name + " is there twice");
    return false;
  }
  if (scanner_.peek() != Kind::array) return scanner_.ok() && wrong(pointer, name + " must be an array with one value a row") && false;
  const bool later = tables_.rows() > 0;
  const std::size_t wanted = tables_.rows();
  bool more = false;
  scratch_.seen[feature] = scratch_.stamp;
  if (!scanner_.open('[')) return false;
  std::size_t count = 0;
  for (bool first = true; scanner_.element(first, ']'); ++count) {
    more = later && count == wanted;
    if (more || !next_row(count)) break;
    if (scanner_.peek() == Kind::array && plan_.cells[feature].type != FeatureType::document) {  // [[1], [2]]: a column as a table of one column
      bool first_inside = true;
      if (!scanner_.open('[') || !scanner_.element(first_inside, ']') || !cell(feature, kNoPosition))
        return scanner_.ok() && problem(pointer, name + " holds an empty array") && false;
      if (scanner_.element(first_inside, ']')) return problem(pointer + "/" + std::to_string(count), name + " must have one value a row") && false;
    } else if (!cell(feature, kNoPosition)) {
      return false;
    }
  }
  if (!scanner_.ok() || too_many_rows_ || tables_.over()) return false;
  if (count == 0) return problem(pointer, name + " has no rows") && false;
  if (later && (more || count != wanted))
    return problem(pointer, name + " must have " + std::to_string(wanted) + " rows as the columns before it") && false;
  return true;
}

bool Decoder::table(std::uint32_t input) {
  const std::string pointer = root() + "/" + pointer_escape(plan_.schema.inputs[input].name);
  const PortPlan& port = plan_.ports[input];
  for (const std::uint32_t feature : port.features) {
    if (scratch_.seen[feature] == scratch_.stamp) return problem(pointer, plan_.schema.features[feature].name + " is there twice") && false;
    scratch_.seen[feature] = scratch_.stamp;
  }
  const std::string width = std::to_string(port.width);
  if (scanner_.peek() != Kind::array) return scanner_.ok() && wrong(pointer, "the input must be an array of rows of " + width + " values") && false;
  const bool later = tables_.rows() > 0;
  const std::size_t wanted = tables_.rows();
  bool more = false;
  std::size_t count = 0;
  if (!scanner_.open('[')) return false;
  for (bool first = true; scanner_.element(first, ']'); ++count) {
    more = later && count == wanted;
    if (more || !next_row(count)) break;
    const std::string at = pointer + "/" + std::to_string(count);
    if (scanner_.peek() != Kind::array) {
      if (port.width == 1 && plan_.schema.inputs[input].shape.size() == 1) {
        if (!cell(port.features[0], kNoPosition)) return false;
        continue;
      }
      return scanner_.ok() && wrong(at, "a row must be an array of " + width + " values") && false;
    }
    if (!scanner_.open('[')) return false;
    std::size_t column = 0;
    for (bool first_cell = true; scanner_.element(first_cell, ']'); ++column) {
      if (column < port.width ? !cell(port.features[column], kNoPosition) : !scanner_.skip()) return false;
    }
    if (!scanner_.ok()) return false;
    if (column != port.width && !problem(at, "the row must have " + width + " values, got " + std::to_string(column))) return false;
  }
  if (!scanner_.ok() || too_many_rows_ || tables_.over()) return false;
  if (count == 0) return problem(pointer, "the input has no rows") && false;
  if (later && (more || count != wanted))
    return problem(pointer, "the input must have " + std::to_string(wanted) + " rows as those before it") && false;
  return true;
}

bool Decoder::columns_complete() {
  for (std::uint32_t i = 0; i < plan_.cells.size(); ++i) {
    const std::string& name = plan_.schema.features[i].name;
    if (scratch_.seen[i] != scratch_.stamp && !plan_.cells[i].ignored && !problem(root() + "/" + pointer_escape(name), name + " is missing"))
      return false;
  }
  return true;
}

// --- tensors

bool Decoder::tensor_instances() {
  if (scanner_.peek() != Kind::array) return scanner_.ok() && wrong(root(), std::string(root_) + " must be an array");
  const char* const back = scanner_.position();
  bool first = true;
  if (!scanner_.open('[')) return false;
  if (!scanner_.element(first, ']')) return scanner_.ok() && problem(root(), std::string(root_) + " has no rows");
  const Kind kind = scanner_.peek();
  if (kind == Kind::broken) return false;
  if (kind != Kind::object) {
    if (!plan_.one_needed()) return problem(root(), "the model has several inputs: an instance must be an object by input name") && false;
    if (plan_.schema.inputs[0].shape.empty() && !plan_.schema.inputs[0].any_rank) {  // a model of one scalar: [v]
      if (!tensors_->whole(0, root() + "/0")) return false;
      return !scanner_.element(first, ']') ? scanner_.ok() : problem(root(), "the model takes one value") && false;
    }
    scanner_.go_to(back);
    return tensors_->whole(0, root());
  }
  std::size_t index = 0;
  do {
    if (index == limits_.rows_max) {
      too_many_rows_ = true;
      return false;
    }
    if (index == 1 && !plan_.schema.batched) return problem(root(), "the model takes one instance at a time") && false;
    if (!tensor_row(index++)) return false;
  } while (scanner_.element(first, ']'));
  return scanner_.ok();
}

bool Decoder::tensor_row(std::size_t index) {
  row_ = index;
  if (scanner_.peek() != Kind::object)
    return scanner_.ok() && wrong(row_pointer(), "an instance must be an object by input name as the one before it") && false;
  if (!scanner_.open('{')) return false;
  std::vector<bool> seen(plan_.ports.size());
  std::size_t found = 0;
  bool first = true;
  std::string_view name;
  while (scanner_.element(first, '}')) {
    if (!scanner_.key(name)) return false;
    const auto input = plan_.input(name);
    std::string pointer = row_pointer() + "/" + pointer_escape(name);
    if (!input || seen[*input]) return problem(std::move(pointer), input ? "the input is there twice" : plan_.unknown_input(name)) && false;
    seen[*input] = true;
    ++found;
    if (plan_.schema.batched ? !tensors_->row(*input, index, std::move(pointer)) : !tensors_->single(*input, std::move(pointer))) return false;
  }
  if (!scanner_.ok()) return false;
  if (found == seen.size()) return true;
  bool complete = true;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (!seen[i] && !plan_.schema.inputs[i].optional) problem(row_pointer(), "the input " + plan_.schema.inputs[i].name + " is missing");
    complete = complete && (seen[i] || plan_.schema.inputs[i].optional);
  }
  return complete;
}

bool Decoder::tensor_inputs() {
  if (scanner_.peek() == Kind::array && plan_.one_needed()) return tensors_->whole(0, root());
  if (scanner_.peek() != Kind::object) return scanner_.ok() && wrong(root(), "inputs must be an object by input name");
  if (!scanner_.open('{')) return false;
  bool first = true;
  std::string_view name;
  while (scanner_.element(first, '}')) {
    if (!scanner_.key(name)) return false;
    const auto input = plan_.input(name);
    std::string pointer = root() + "/" + pointer_escape(name);
    if (!input || tensors_->given(*input))
      return problem(std::move(pointer), input ? "the input is there twice" : plan_.unknown_input(name)) && false;
    if (!tensors_->whole(*input, std::move(pointer))) return false;
  }
  return scanner_.ok();
}

}  // namespace

Result<DecodedRequest> RequestCodec::decode_json(std::string_view body, const DecodeLimits& limits, std::span<const std::string_view> beside) const {
  return Decoder(*plan_, body, limits, beside).run();
}

}  // namespace slipway
