#include "slipway/tensor/json_tensors.hpp"

#include <limits>

#include "slipway/base/encoding.hpp"

namespace slipway {

using Kind = JsonScanner::Kind;

std::string got_text(JsonScanner& scanner) {
  const Kind kind = scanner.peek();
  std::string_view text;
  if (kind == Kind::text) return scanner.text(text) ? "the text \"" + excerpt(text) + "\"" : std::string();
  if (!scanner.skip()) return {};
  std::string raw = excerpt(scanner.skipped());
  if (kind == Kind::number) return "the number " + raw;
  if (kind == Kind::array) return "the array " + raw;
  if (kind == Kind::object) return "the object " + raw;
  return raw;
}

JsonTensors::JsonTensors(const CodecPlan& plan, const DecodeLimits& limits, JsonScanner& scanner, Problems& problems)
    : plan_(plan), limits_(limits), scanner_(scanner), problems_(problems), fills_(plan.ports.size()) {}

bool JsonTensors::charge(std::size_t bytes) {
  bytes_ += bytes;
  over_ = over_ || bytes_ > limits_.bytes_max;
  return !over_;
}

std::size_t JsonTensors::brackets() {
  const char* const back = scanner_.position();
  std::size_t count = 0;
  while (count <= kRankMax && scanner_.stands('[') && scanner_.open('[')) ++count;
  scanner_.go_to(back);
  return count;
}

bool JsonTensors::start(std::uint32_t input, std::size_t rank) {
  const Port& port = plan_.schema.inputs[input];
  Fill& fill = fills_[input];
  input_ = input;
  if (fill.given) return true;
  fill.given = true;
  fill.rank = rank;
  for (std::size_t i = 0; i < rank; ++i) fill.dims[i] = i < port.shape.size() ? port.shape[i] : -1;
  return true;
}

bool JsonTensors::whole(std::uint32_t input, std::string pointer) {
  const Port& port = plan_.schema.inputs[input];
  pointer_ = std::move(pointer);
  std::size_t rank = port.shape.size();
  if (port.any_rank) rank = brackets();
  if (!scanner_.ok()) return false;
  if (rank > kRankMax) {
    problems_.add(pointer_, port.name + " has more than " + std::to_string(kRankMax) + " dimensions");
    return false;
  }
  first_level_ = 0;
  start(input, rank);
  return nested(0);
}

bool JsonTensors::row(std::uint32_t input, std::size_t row, std::string pointer) {
  const Port& port = plan_.schema.inputs[input];
  pointer_ = std::move(pointer);
  std::size_t rank = fills_[input].given ? fills_[input].rank : port.shape.size();
  if (port.any_rank && !fills_[input].given) rank = brackets() + 1;
  if (!scanner_.ok()) return false;
  if (rank > kRankMax || rank == 0) {
    problems_.add(pointer_, port.name + " can't be given row by row");
    return false;
  }
  first_level_ = 1;
  start(input, rank);
  fills_[input].dims[0] = static_cast<std::int64_t>(row) + 1;
  return nested(1);
}

bool JsonTensors::single(std::uint32_t input, std::string pointer) {
  const Port& port = plan_.schema.inputs[input];
  const bool may_drop = !port.any_rank && !port.shape.empty() && (port.shape[0] == 1 || port.shape[0] == -1);
  if (may_drop && brackets() + 1 == port.shape.size()) return row(input, 0, std::move(pointer));
  return scanner_.ok() && whole(input, std::move(pointer));
}

bool JsonTensors::nested(std::size_t level) {
  Fill& fill = fills_[input_];
  if (level == fill.rank) return scalar();
  if (scanner_.peek() != Kind::array) {
    if (!scanner_.ok()) return false;
    wrong("an array", level);
    return false;  // the shape is wrong: what follows can't be placed
  }
  if (!scanner_.open('[')) return false;
  std::int64_t count = 0;
  bool first = true;
  while (scanner_.element(first, ']')) {
    index_[level] = count;
    if (level == 0 && plan_.schema.batched && static_cast<std::size_t>(count) == limits_.rows_max) {
      too_many_rows_ = true;
      return false;
    }
    if (!nested(level + 1)) return false;
    ++count;
  }
  return scanner_.ok() && close_level(level, count);
}

bool JsonTensors::close_level(std::size_t level, std::int64_t count) {
  Fill& fill = fills_[input_];
  const Port& port = plan_.schema.inputs[input_];
  const std::int64_t wanted = fill.dims[level];
  if (wanted < 0 && count > 0) {
    fill.dims[level] = count;
    return true;
  }
  if (wanted == count && count > 0) return true;
  std::string detail = port.name;
  if (count == 0) {
    detail += level == 0 && plan_.schema.batched ? " has no rows" : " has an empty array here";
  } else if (level < port.shape.size() && port.shape[level] >= 0) {
    detail += " must have " + std::to_string(wanted) + " values here (its shape is " + shape_text(port.shape) + "), got " + std::to_string(count);
  } else {
    detail += " is ragged: " + std::to_string(wanted) + " values in the arrays before, " + std::to_string(count) + " here";
  }
  problems_.add(here(level), std::move(detail));
  return false;
}

bool JsonTensors::wrong(const std::string& wanted, std::size_t level) {
  std::string at = here(level);
  const std::string got = got_text(scanner_);
  if (!scanner_.ok()) return false;
  problems_.add(std::move(at), plan_.schema.inputs[input_].name + " must hold " + wanted + " here, got " + got);
  return !problems_.full();
}

bool JsonTensors::scalar() {
  const DType dtype = plan_.schema.inputs[input_].dtype;
  Fill& fill = fills_[input_];
  const std::size_t level = fill.rank;
  const Kind kind = scanner_.peek();
  if (kind == Kind::broken) return false;
  if (dtype == DType::string) {
    if (kind != Kind::text) return wrong("a text", level);
    std::string_view text;
    if (!scanner_.text(text) || !charge(sizeof(std::string) + text.size())) return false;
    fill.texts.emplace_back(text);
    return true;
  }
  const std::size_t size = plan_.ports[input_].element_size;
  if (!charge(size)) return false;
  fill.bytes.resize(fill.bytes.size() + size);
  std::byte* const at = fill.bytes.data() + fill.bytes.size() - size;
  if (kind == Kind::number) {
    JsonScanner::Number n;
    const char* const back = scanner_.position();
    if (!scanner_.number(n)) return false;
    const char* const wanted = store_number(dtype, n, at);
    if (wanted == nullptr) return true;
    scanner_.go_to(back);
    return wrong(wanted, level);
  }
  if (kind == Kind::boolean && dtype == DType::boolean) {
    bool value = false;
    if (!scanner_.boolean(value)) return false;
    *at = static_cast<std::byte>(value);
    return true;
  }
  const char* const kind_wanted = dtype == DType::boolean ? "true or false" : is_floating(dtype) ? "a number" : "a whole number";
  if (!is_floating(dtype) || kind == Kind::text || kind == Kind::boolean || kind == Kind::array || kind == Kind::object)
    return wrong(kind_wanted, level);
  if (!scanner_.word(kind)) return false;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (kind == Kind::null || kind == Kind::nan) {
    store_missing(dtype, at);
  } else {
    store_real(dtype, kind == Kind::plus_infinity ? kInfinity : -kInfinity, at);
  }
  return true;
}

// The pointer to the array or value at `levels` indices into the tensor; those of levels above it are being read now.
std::string JsonTensors::here(std::size_t levels) const {
  std::string out = pointer_;
  for (std::size_t i = first_level_; i < levels && i < fills_[input_].rank; ++i) out += "/" + std::to_string(index_[i]);
  return out;
}

std::optional<DecodedRequest> JsonTensors::finish() {
  DecodedRequest out;
  std::optional<std::int64_t> rows;
  std::string_view rows_of;  // the input that they were counted in
  for (std::uint32_t i = 0; i < fills_.size(); ++i) {
    const Port& port = plan_.schema.inputs[i];
    Fill& fill = fills_[i];
    if (!fill.given && port.optional) {
      out.inputs.push_back(without_elements(port));
      continue;
    }
    if (!fill.given) {
      problems_.add("#", "the input " + port.name + " is missing");
      continue;
    }
    if (fill.rank > 0 && !rows) {
      rows = fill.dims[0];
      rows_of = port.name;
    }
    if (plan_.schema.batched && fill.rank == 0) {
      problems_.add("#", "the input " + port.name + " must have rows, got a single value");
      continue;
    }
    if (plan_.schema.batched && fill.dims[0] != *rows) {
      problems_.add("#", "the inputs must have the same number of rows: " + std::string(rows_of) + " has " + std::to_string(*rows) + ", " +
                             port.name + " has " + std::to_string(fill.dims[0]));
      continue;
    }
    Shape shape(fill.dims.begin(), fill.dims.begin() + static_cast<std::ptrdiff_t>(fill.rank));
    const std::size_t count = element_count(shape).value_or(0);
    if (count != (port.dtype == DType::string ? fill.texts.size() : fill.bytes.size() / plan_.ports[i].element_size)) {
      problems_.add("#", "the input " + port.name + " doesn't fill its shape " + shape_text(shape));
      continue;
    }
    out.inputs.push_back(port.dtype == DType::string ? Tensor::of_strings(std::move(shape), std::move(fill.texts))
                                                     : Tensor::adopt(port.dtype, std::move(shape), std::move(fill.bytes)));
  }
  if (!problems_.empty()) return std::nullopt;
  out.rows = static_cast<std::size_t>(rows.value_or(1));
  return out;
}

}  // namespace slipway
