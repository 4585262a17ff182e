// The answer's JSON. Each number is formatted once: "outputs" copies the bytes that "predictions" has written.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "slipway/tensor/request_codec.hpp"

namespace slipway {
namespace {

constexpr std::size_t kReservedBytesMax = 4096;  // a small answer takes its memory once, a large one grows

struct Piece {
  std::size_t at, size;
};

template <class T>
void append_integer(std::string& out, T v) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr);
}

// The sub-tensor with the dimensions from `level` on, whose elements begin at `next`.
void append_nested(std::string& out, const Tensor& t, std::size_t level, std::size_t& next) {
  if (level == t.shape().size()) return append_element(out, t, next++);
  out += '[';
  for (std::int64_t i = 0; i < t.shape()[level]; ++i) {
    if (i > 0) out += ',';
    append_nested(out, t, level + 1, next);
  }
  out += ']';
}

bool is_by_row(std::span<const Tensor> outputs, std::size_t rows) {
  for (const Tensor& t : outputs) {
    if (t.shape().empty() || static_cast<std::size_t>(t.shape()[0]) != rows) return false;
  }
  return true;
}

void append_copy(std::string& out, Piece p) {
  const std::size_t end = out.size();
  out.resize(end + p.size);
  std::memcpy(out.data() + end, out.data() + p.at, p.size);  // of itself: append(out, ...) may not be given its own bytes when it grows
}

std::string_view name_of(const Schema& schema, std::size_t output) {
  return output < schema.outputs.size() ? std::string_view(schema.outputs[output].name) : std::string_view("output");
}

// One row's parts of the outputs: the value, or an object by name. part(i) appends output i's.
template <class Part>
void append_entry(std::string& out, const Schema& schema, std::size_t outputs, Part part) {
  const bool named = outputs != 1;
  if (named) out += '{';
  for (std::size_t i = 0; i < outputs; ++i) {
    if (i > 0) out += ',';
    if (named) {
      json::append_quoted(out, name_of(schema, i));
      out += ':';
    }
    part(i);
  }
  if (named) out += '}';
}

// Rows into `out`; where each row's part of each output stands, for who wants it again.
bool append_rows(std::string& out, const Schema& schema, std::span<const Tensor> outputs, std::size_t rows, std::vector<Piece>& pieces) {
  const bool by_row = is_by_row(outputs, rows);
  const std::size_t entries = by_row ? rows : 1;  // outputs without a row dimension: one entry that is all of them
  std::vector<std::size_t> next(outputs.size());
  out += '[';
  for (std::size_t row = 0; row < entries; ++row) {
    if (row > 0) out += ',';
    append_entry(out, schema, outputs.size(), [&](std::size_t i) {
      const std::size_t at = out.size();
      append_nested(out, outputs[i], by_row ? 1 : 0, next[i]);
      pieces.push_back({at, out.size() - at});
    });
  }
  out += ']';
  return by_row;
}

std::vector<Piece>& pieces_of_this_thread() {
  thread_local std::vector<Piece> pieces;  // by row, then output
  constexpr std::size_t kKept = 1 << 16;   // a thread doesn't keep the memory of its largest answer
  if (pieces.capacity() > kKept) pieces = {};
  pieces.clear();
  return pieces;
}

}  // namespace

void append_element(std::string& out, const Tensor& t, std::size_t i) {
  switch (t.dtype()) {
    case DType::float64: return json::append_double(out, t.as<double>()[i]);
    case DType::float32: return json::append_float(out, t.as<float>()[i]);
    case DType::float16:
    case DType::bfloat16: return json::append_float(out, static_cast<float>(t.as_double(i)));
    case DType::boolean: out += t.as<std::uint8_t>()[i] != 0 ? "true" : "false"; return;
    case DType::uint64: return append_integer(out, t.as<std::uint64_t>()[i]);
    case DType::string: {
      const std::string& s = t.strings()[i];
      if (s == kMissingText) {
        out += "null";
      } else {
        json::append_quoted(out, s);
      }
      return;
    }
    case DType::undefined: out += "null"; return;
    default: return append_integer(out, t.as_int(i));
  }
}

void append_prediction(std::string& out, const Schema& schema, std::span<const Tensor> outputs, std::size_t row) {
  append_entry(out, schema, outputs.size(), [&](std::size_t i) {
    std::size_t next = row * (outputs[i].count() / outputs[i].rows());
    append_nested(out, outputs[i], 1, next);
  });
}

void append_tensor(std::string& out, const Tensor& tensor) {
  std::size_t next = 0;
  append_nested(out, tensor, 0, next);
}

void append_predictions(std::string& out, const Schema& schema, std::span<const Tensor> outputs, std::size_t rows) {
  append_rows(out, schema, outputs, rows, pieces_of_this_thread());
}

void encode_response(std::string& out, const Schema& schema, std::span<const Tensor> outputs, std::size_t rows, const ResponseMeta& meta) {
  std::vector<Piece>& pieces = pieces_of_this_thread();
  std::size_t elements = 0;
  for (const Tensor& t : outputs) elements += t.count();
  out.reserve(out.size() + std::min(kReservedBytesMax, 192 + 48 * elements));  // each number stands there twice
  out += "{\"model_id\":";
  json::append_quoted(out, meta.model_id);
  out += ",\"version\":";
  append_integer(out, meta.version);
  out += ",\"predictions\":";
  const bool by_row = append_rows(out, schema, outputs, rows, pieces);
  const std::size_t entries = by_row ? rows : 1;
  out += ",\"outputs\":{";
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (i > 0) out += ',';
    json::append_quoted(out, name_of(schema, i));
    out += ':';
    if (by_row) out += '[';
    for (std::size_t row = 0; row < entries; ++row) {
      if (row > 0) out += ',';
      append_copy(out, pieces[row * outputs.size() + i]);
    }
    if (by_row) out += ']';
  }
  out += "},\"request_id\":";
  json::append_quoted(out, meta.request_id);
  out += '}';
}

}  // namespace slipway
