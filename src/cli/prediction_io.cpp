#include "prediction_io.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "slipway/base/encoding.hpp"
#include "slipway/os/fd.hpp"

namespace slipway::cli {
namespace {

bool has_suffix(const std::string& path, std::string_view suffix) { return path.size() > suffix.size() && path.ends_with(suffix); }

Result<std::string> read_whole(const std::string& path, std::size_t bytes_max) {
  const os::Fd file(path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Error(ErrorCode::bad_request, path + " can't be read: " + std::strerror(errno));
  std::string text;
  std::string buffer(1 << 16, '\0');
  for (;;) {
    const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error(ErrorCode::bad_request, path + " can't be read: " + std::strerror(errno));
    if (n == 0) return text;
    text.append(buffer, 0, static_cast<std::size_t>(n));
    if (text.size() > bytes_max) return Error(ErrorCode::too_large, path + " is larger than " + std::to_string(bytes_max) + " bytes");
  }
}

InputForm form_of(const std::string& path, std::string_view body) {
  if (has_suffix(path, ".json")) return InputForm::json;
  if (has_suffix(path, ".csv")) return InputForm::csv;
  if (has_suffix(path, ".npy") || body.starts_with("\x93NUMPY")) return InputForm::npy;
  const std::size_t first = body.find_first_not_of(" \t\r\n");
  const char c = first == std::string_view::npos ? '\0' : body[first];
  return c == '{' || c == '[' ? InputForm::json : InputForm::csv;
}

std::string csv_cell(const json::Value& value) {
  if (value.is_null()) return "";
  if (value.is_bool()) return value.as_bool() ? "true" : "false";
  if (!value.is_string()) return value.dump();
  const std::string& text = value.as_string();
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

// The leaves of a nested array with the names of their columns. json::parse has bounded the depth.
void columns_of(const json::Value& value, const std::string& name, std::vector<std::pair<std::string, const json::Value*>>& out) {
  if (!value.is_array()) {
    out.emplace_back(name, &value);
    return;
  }
  for (std::size_t i = 0; i < value.as_array().size(); ++i) columns_of(value.as_array()[i], name + "_" + std::to_string(i), out);
}

Status shape_of(const json::Value& value, std::vector<std::size_t>& shape) {
  for (const json::Value* at = &value; at->is_array(); at = &at->as_array().front()) {
    shape.push_back(at->as_array().size());
    if (at->as_array().empty()) break;
  }
  return ok();
}

// Row-major; refuses ragged arrays and anything but numbers and null.
Status flatten(const json::Value& value, const std::vector<std::size_t>& shape, std::size_t depth, std::vector<double>& doubles,
               std::vector<std::int64_t>& whole, bool& integers) {
  if (depth == shape.size()) {
    if (!value.is_number() && !value.is_null() && !value.is_bool())
      return Error(ErrorCode::bad_request, "the output isn't made of numbers; .npy can't hold it, .csv and .json can");
    integers = integers && value.is_int();
    whole.push_back(value.is_int() ? value.as_int() : 0);
    doubles.push_back(value.is_null()   ? std::numeric_limits<double>::quiet_NaN()
                      : value.is_bool() ? (value.as_bool() ? 1.0 : 0.0)
                                        : value.as_double());
    return ok();
  }
  if (!value.is_array() || value.as_array().size() != shape[depth])
    return Error(ErrorCode::bad_request, "the output is no regular array; .npy can't hold it");
  for (const json::Value& item : value.as_array()) TRY(flatten(item, shape, depth + 1, doubles, whole, integers));
  return ok();
}

Result<const json::Value*> choose_output(const json::Value& outputs, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& [key, tensor] : outputs.as_object()) {
    if (key == name || (name.empty() && outputs.as_object().size() == 1)) return &tensor;
    names.push_back(key);
  }
  return Error(ErrorCode::bad_request, (name.empty() ? "a .npy file holds one output; choose it by --output: "
                                                     : "there is no output \"" + excerpt(name) + "\"; there are: ") +
                                           fmt::format("{}", fmt::join(names, ", ")));
}

Status write_to(Console& console, const std::string& path, std::string_view bytes) {
  if (path.empty() || path == "-") {
    console.print(bytes);
    return ok();
  }
  const os::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file) return Error(ErrorCode::bad_request, path + " can't be written: " + std::strerror(errno));
  while (!bytes.empty()) {
    const ssize_t n = ::write(file.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error(ErrorCode::storage_full, path + " can't be written: " + std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return ok();
}

}  // namespace

std::string_view PredictionInput::media_type() const {
  switch (form) {
    case InputForm::csv: return "text/csv";
    case InputForm::npy: return "application/x-npy";
    default: return "application/json";
  }
}

Result<PredictionInput> read_input(const std::string& path, std::size_t bytes_max) {
  PredictionInput input;
  input.body = TRY(read_whole(path, bytes_max));
  if (input.body.empty()) return Error(ErrorCode::bad_request, (path == "-" ? "stdin" : path) + std::string(" is empty"));
  input.form = form_of(path, input.body);
  if (input.form == InputForm::json) {
    const std::size_t first = input.body.find_first_not_of(" \t\r\n");
    if (first != std::string::npos && input.body[first] == '[') input.body = "{\"instances\": " + input.body + "}";
  }
  return input;
}

Status check_output_path(const std::string& path) {
  if (path.empty() || path == "-") return ok();
  if (has_suffix(path, ".json") || has_suffix(path, ".csv") || has_suffix(path, ".npy")) return ok();
  return Error(ErrorCode::bad_request, path + ": the answer is written as .json, .csv or .npy; choose one by the suffix");
}

Result<std::string> outputs_to_csv(const json::Value& outputs) {
  std::vector<std::pair<std::string, const json::Array*>> tensors;
  std::size_t rows = 0;
  for (const auto& [name, tensor] : outputs.as_object()) {
    if (!tensor.is_array()) return Error(ErrorCode::bad_request, "output " + name + " has no rows; .csv can't hold it, .json can");
    if (!tensors.empty() && tensor.as_array().size() != rows)
      return Error(ErrorCode::bad_request, "the outputs have different numbers of rows; .csv can't hold them, .json can");
    rows = tensor.as_array().size();
    tensors.emplace_back(name, &tensor.as_array());
  }
  std::string out;
  std::size_t width = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    std::vector<std::pair<std::string, const json::Value*>> row;
    for (const auto& [name, tensor] : tensors) columns_of((*tensor)[r], name, row);
    if (r == 0) {
      width = row.size();
      for (std::size_t i = 0; i < row.size(); ++i) out += (i == 0 ? "" : ",") + csv_cell(json::Value(row[i].first));
      out += "\n";
    }
    if (row.size() != width) return Error(ErrorCode::bad_request, "the rows have different lengths; .csv can't hold them, .json can");
    for (std::size_t i = 0; i < row.size(); ++i) out += (i == 0 ? "" : ",") + csv_cell(*row[i].second);
    out += "\n";
  }
  return out;
}

Result<std::string> output_to_npy(const json::Value& tensor) {
  std::vector<std::size_t> shape;
  TRY(shape_of(tensor, shape));
  std::vector<double> doubles;
  std::vector<std::int64_t> whole;
  bool integers = true;
  TRY(flatten(tensor, shape, 0, doubles, whole, integers));
  std::string dims;
  for (const std::size_t n : shape) dims += std::to_string(n) + ",";
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", integers ? "<i8" : "<f8", dims);
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(header.size() & 0xFF);
  out += static_cast<char>(header.size() >> 8);
  out += header;
  out += integers ? as_text(std::as_bytes(std::span(whole))) : as_text(std::as_bytes(std::span(doubles)));
  return out;
}

Status write_answer(Console& console, const std::string& answer, const std::string& path, const std::string& output) {
  const bool csv = has_suffix(path, ".csv");
  const bool npy = has_suffix(path, ".npy");
  if (!csv && !npy) return write_to(console, path, answer.ends_with('\n') ? answer : answer + "\n");
  const json::Value document = TRY(json::parse(answer));
  const json::Value* outputs = document.find("outputs");
  if (outputs == nullptr || !outputs->is_object()) return Error(ErrorCode::internal, "the answer has no outputs");
  if (npy) return write_to(console, path, TRY(output_to_npy(*TRY(choose_output(*outputs, output)))));
  if (output.empty()) return write_to(console, path, TRY(outputs_to_csv(*outputs)));
  const json::Value* one = TRY(choose_output(*outputs, output));
  return write_to(console, path, TRY(outputs_to_csv(json::object({{output, *one}}))));
}

}  // namespace slipway::cli
