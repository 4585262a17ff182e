#include "slipway/platform/jobs/output.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "slipway/base/encoding.hpp"
#include "slipway/base/json.hpp"

namespace slipway::jobs {
namespace {

void append_cell(std::string& out, std::string_view text) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

// As in the prediction's JSON, but null is an empty cell and a text stands without quotes where it can.
void append_csv_element(std::string& out, const Tensor& t, std::size_t i) {
  if (t.dtype() == DType::string) {
    if (t.strings()[i] != kMissingText) append_cell(out, t.strings()[i]);
    return;
  }
  if (is_floating(t.dtype()) && !std::isfinite(t.as_double(i))) return;
  append_element(out, t, i);
}

std::string name_of(const Schema& schema, std::size_t output) {
  return output < schema.outputs.size() ? schema.outputs[output].name : "output" + std::to_string(output);
}

std::string class_text(const json::Value& value) { return value.is_string() ? value.as_string() : value.dump(); }

// One name for each element of a row: probabilities_setosa where the columns are the classes, else name_0, name_1, name_0_0.
void append_names(const Schema& schema, const std::string& name, const Shape& row, std::vector<std::string>& out) {
  const std::size_t width = element_count(row).value_or(0);
  if (width == 1) {
    out.push_back(name);
    return;
  }
  const bool by_class = row.size() == 1 && width == schema.classes.size();
  for (std::size_t i = 0; i < width; ++i) {
    std::string suffix;
    std::size_t rest = i;
    for (std::size_t d = row.size(); d-- > 0;) {
      suffix = "_" + std::to_string(rest % static_cast<std::size_t>(row[d])) + suffix;
      rest /= static_cast<std::size_t>(row[d]);
    }
    out.push_back(name + (by_class ? "_" + class_text(schema.classes[i]) : suffix));
  }
}

void append_nan(std::string& out, DType dtype, std::size_t count) {
  const double wide = std::numeric_limits<double>::quiet_NaN();
  const float narrow = std::numeric_limits<float>::quiet_NaN();
  const std::uint16_t half = 0x7E00;
  for (std::size_t i = 0; i < count; ++i) {
    if (dtype == DType::float64) out.append(reinterpret_cast<const char*>(&wide), sizeof wide);
    if (dtype == DType::float32) out.append(reinterpret_cast<const char*>(&narrow), sizeof narrow);
    if (dtype == DType::float16) out.append(reinterpret_cast<const char*>(&half), sizeof half);
  }
}

Error other_shape(const Record& record) {
  return {ErrorCode::invalid_input, "the model's answers have another shape from line " + std::to_string(record.line) +
                                        " on; only JSON lines can hold them: ask for format=ndjson"};
}

}  // namespace

Status check_output(const Schema& schema, Format format, bool with_empty_rows) {
  if (format != Format::npy) return ok();
  const auto refuse = [](const char* why) { return Error(ErrorCode::bad_request, "the result can't be an npy file").at("format", why); };
  if (schema.outputs.size() != 1) return refuse("npy holds one output, and the model has several; take ndjson or csv");
  const DType dtype = schema.outputs[0].dtype;
  if (!has_npy_type(dtype)) return refuse("npy holds numbers, and the model gives something else; take ndjson or csv");
  if (with_empty_rows && !is_floating(dtype)) return refuse("with on_error=skip the numbers must be floating: whole ones have no NaN; take ndjson");
  return ok();
}

Format natural_output(const Schema& schema, Format input, bool with_empty_rows) {
  return check_output(schema, input, with_empty_rows).ok() ? input : Format::ndjson;
}

OutputWriter::OutputWriter(const Schema& schema, OutputOptions options, std::string csv_header, const std::string& shape)
    : schema_(schema), options_(options), csv_header_(std::move(csv_header)), input_cells_(cells_in(csv_header_)) {
  const auto saved = json::parse(shape);
  if (!saved.ok() || !saved->is_array()) return;
  begun_ = true;
  for (const json::Value& column : saved->as_array()) {
    Columns c;
    c.dtype = static_cast<DType>(column.int_or("dtype", 0));
    if (const json::Value* row = column.find("row"); row != nullptr && row->is_array()) {
      for (const json::Value& d : row->as_array()) c.row.push_back(d.is_int() ? d.as_int() : 0);
    }
    c.width = element_count(c.row).value_or(0);
    columns_.push_back(std::move(c));
  }
}

std::string OutputWriter::shape() const {
  if (!begun_) return "";
  json::Array out;
  for (const Columns& c : columns_)
    out.push_back(json::object({{"dtype", static_cast<int>(c.dtype)}, {"row", json::Array(c.row.begin(), c.row.end())}}));
  return json::Value(std::move(out)).dump();
}

void OutputWriter::append_header(std::string& out) const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < columns_.size(); ++i) append_names(schema_, name_of(schema_, i), columns_[i].row, names);
  if (options_.include_input) out += csv_header_;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0 || options_.include_input) out += ',';
    append_cell(out, names[i]);
  }
  out += '\n';
}

// An input that can't be told apart into as many cells as its header has would shift the columns: its cells stay empty.
void OutputWriter::append_input(const Chunk& chunk, std::size_t i, bool answered, std::string& out) const {
  if (!options_.include_input) return;
  if (answered || cells_in(chunk.record(i)) == input_cells_)
    out += chunk.record(i);
  else
    out.append(input_cells_ - 1, ',');
  out += ',';
}

Status OutputWriter::begin(std::span<const Tensor> outputs, std::size_t count, std::string& out) {
  for (const Tensor& t : outputs) {
    Columns c;
    c.dtype = t.dtype();
    const bool by_row = !t.shape().empty() && t.rows() == count;
    c.row.assign(t.shape().begin() + (by_row ? 1 : 0), t.shape().end());
    c.width = element_count(c.row).value_or(0);
    columns_.push_back(std::move(c));
  }
  begun_ = true;
  if (options_.format == Format::csv) append_header(out);
  for (std::size_t i = 0; i < waiting_.records.size(); ++i) append_empty(waiting_, i, out);
  waiting_ = {};
  return ok();
}

Status OutputWriter::rows(std::span<const Tensor> outputs, const Chunk& chunk, std::size_t from, std::size_t count, std::string& out) {
  const bool by_row = std::all_of(outputs.begin(), outputs.end(), [&](const Tensor& t) { return !t.shape().empty() && t.rows() == count; });
  if (!by_row && count != 1) return Error(ErrorCode::invalid_input, "the model doesn't answer row by row: it can be asked by single requests only");
  if (!begun_) TRY(begin(outputs, count, out));
  if (options_.format != Format::ndjson) {
    if (outputs.size() != columns_.size()) return other_shape(chunk.records[from]);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].count() != columns_[i].width * count || outputs[i].dtype() != columns_[i].dtype) return other_shape(chunk.records[from]);
    }
  }
  if (options_.format == Format::npy) {
    out += as_text(outputs[0].bytes());
    return ok();
  }
  for (std::size_t row = 0; row < count; ++row) {
    if (options_.format == Format::ndjson && by_row) {
      append_prediction(out, schema_, outputs, row);
    } else if (options_.format == Format::ndjson) {
      std::string whole;
      append_predictions(whole, schema_, outputs, 1);
      out += std::string_view(whole).substr(1, whole.size() - 2);
    } else {
      append_input(chunk, from + row, true, out);
      bool first = true;
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        for (std::size_t e = 0; e < columns_[i].width; ++e) {
          if (!std::exchange(first, false)) out += ',';
          append_csv_element(out, outputs[i], row * columns_[i].width + e);
        }
      }
    }
    out += '\n';
  }
  return ok();
}

void OutputWriter::append_empty(const Chunk& chunk, std::size_t i, std::string& out) const {
  if (options_.format == Format::npy) return append_nan(out, columns_[0].dtype, columns_[0].width);
  if (options_.format == Format::ndjson) {
    out += "null\n";
    return;
  }
  append_input(chunk, i, false, out);
  std::size_t width = 0;
  for (const Columns& c : columns_) width += c.width;
  // A line that is wholly empty would be no row to most readers.
  if (width == 1 && !options_.include_input) out += "\"\"";
  if (width > 1) out.append(width - 1, ',');
  out += '\n';
}

void OutputWriter::wrong(const Chunk& chunk, std::size_t i, std::string& out) {
  if (begun_) return append_empty(chunk, i, out);
  const std::string_view record = chunk.record(i);
  waiting_.records.push_back({waiting_.text.size(), record.size(), chunk.records[i].line});
  waiting_.text += record;
}

std::string output_head(Format format, const std::string& shape, std::int64_t rows) {
  if (format != Format::npy) return "";
  const auto saved = json::parse(shape);
  if (!saved.ok() || !saved->is_array() || saved->as_array().size() != 1) return "";
  const json::Value& column = saved->as_array()[0];
  Shape whole{rows};
  if (const json::Value* row = column.find("row"); row != nullptr && row->is_array()) {
    for (const json::Value& d : row->as_array()) whole.push_back(d.is_int() ? d.as_int() : 0);
  }
  return npy_head(static_cast<DType>(column.int_or("dtype", 0)), whole);
}

}  // namespace slipway::jobs
