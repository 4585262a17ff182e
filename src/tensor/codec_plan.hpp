// What the request decoders share: the schema prepared for look-ups (CodecPlan), the tensors under construction (Tables), the wrong places
// found so far (Problems), and the one way a value becomes a cell of a tensor. The plan is immutable; the rest belongs to one decoding.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "slipway/tensor/json_scanner.hpp"
#include "slipway/tensor/request_codec.hpp"

namespace slipway {

struct CellPlan {  // one feature
  std::uint32_t port = 0;
  std::uint32_t column = 0;  // of the port
  DType dtype = DType::float64;
  FeatureType type = FeatureType::number;
  bool nullable = false;
  bool infinite = false;
  bool closed = false;
  bool ignored = false;                        // of no input: whatever stands there is taken and dropped, and it may be absent
  bool plain_name = false;                     // its JSON form is itself between quotes
  std::unordered_set<std::string_view> texts;  // closed only
  std::unordered_set<double> numbers;
};

// What an optional input is where a request leaves it out.
Tensor without_elements(const Port& port);

struct PortPlan {
  std::size_t width = 1;  // elements a row; tabular only
  std::size_t element_size = 0;
  std::vector<std::uint32_t> features;  // by column; tabular only
};

struct CodecPlan {
  explicit CodecPlan(Schema s);
  CodecPlan(const CodecPlan&) = delete;
  CodecPlan& operator=(const CodecPlan&) = delete;

  bool whole_rows() const { return cells.size() == 1 && cells[0].type == FeatureType::document; }  // a row is one JSON value
  bool tabular() const { return !schema.features.empty(); }
  bool one_needed() const { return ports.size() == 1 || (ports.size() > 1 && schema.inputs[1].optional); }  // optional ones stand last
  std::optional<std::uint32_t> feature(std::string_view name) const;
  std::optional<std::uint32_t> input(std::string_view name) const;
  std::string unknown_feature(std::string_view name) const;  // a message with the nearest name
  std::string unknown_input(std::string_view name) const;

  const Schema schema;
  const std::uint64_t id;       // of this plan among all of the process: what a thread's scratch was learnt from
  std::vector<CellPlan> cells;  // by feature
  std::vector<PortPlan> ports;  // by input
  std::unordered_map<std::string_view, std::uint32_t> features_by_name, inputs_by_name;
};

class Problems {
 public:
  static constexpr std::size_t kMax = 20;
  bool full() const { return fields_.size() >= kMax; }
  bool empty() const { return fields_.empty(); }
  void add(std::string pointer, std::string detail) {
    if (!full()) fields_.push_back({std::move(pointer), std::move(detail)});
  }
  Error error() const;  // invalid_input; precondition: not empty

 private:
  std::vector<FieldError> fields_;
};

std::string pointer_escape(std::string_view part);  // RFC 6901

// The inputs as they fill up, row by row. Row r of port p stands at r * width(p).
class Tables {
 public:
  Tables(const CodecPlan& plan, const DecodeLimits& limits);

  // False: over limits.bytes_max, which over() then tells.
  bool add_row();
  bool add_text_bytes(std::size_t bytes) { return charge(bytes); }
  bool over() const { return over_; }
  std::size_t rows() const { return rows_; }

  std::byte* number_at(std::uint32_t port, std::size_t row, std::size_t column) {
    return data_[port].bytes.data() + (row * plan_.ports[port].width + column) * plan_.ports[port].element_size;
  }
  std::string& text_at(std::uint32_t port, std::size_t row, std::size_t column) { return data_[port].texts[row * plan_.ports[port].width + column]; }
  DecodedRequest finish();

 private:
  struct Data {
    std::vector<std::byte> bytes;
    std::vector<std::string> texts;
  };
  bool charge(std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ > bytes_max_) over_ = true;
    return !over_;
  }
  const CodecPlan& plan_;
  std::vector<Data> data_;
  std::size_t row_bytes_ = 0;
  std::size_t bytes_ = 0;
  std::size_t bytes_max_;
  std::size_t rows_ = 0;
  bool over_ = false;
};

Error too_large(const DecodeLimits& limits);
Error too_many_rows(const DecodeLimits& limits);

// Writes a number of a row into a tensor's element. Returns what was expected instead ("a whole number"), or nullptr.
const char* store_number(DType dtype, const JsonScanner::Number& n, std::byte* at);
const char* store_real(DType dtype, double value, std::byte* at);
void store_missing(DType dtype, std::byte* at);  // NaN; floating types only

// The same for a feature, with its own rules. Empty: stored. Else the whole message ("age must be a number, got the text \"abc\"").
std::string put_number(const CodecPlan& plan, std::uint32_t feature, const JsonScanner::Number& n, Tables& tables, std::size_t row);
std::string put_real(const CodecPlan& plan, std::uint32_t feature, double value, Tables& tables, std::size_t row);
std::string put_text(const CodecPlan& plan, std::uint32_t feature, std::string_view text, Tables& tables, std::size_t row);
std::string put_document(const CodecPlan& plan, std::uint32_t feature, std::string_view json, Tables& tables, std::size_t row);
std::string put_boolean(const CodecPlan& plan, std::uint32_t feature, bool value, Tables& tables, std::size_t row);
std::string put_missing(const CodecPlan& plan, std::uint32_t feature, std::string_view as_written, Tables& tables, std::size_t row);
std::string expected(const CodecPlan& plan, std::uint32_t feature, std::string_view got);  // "age must be a number, got " + got

}  // namespace slipway
