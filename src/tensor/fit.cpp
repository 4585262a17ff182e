#include "slipway/tensor/fit.hpp"

#include <cmath>

#include "slipway/base/encoding.hpp"

namespace slipway {
namespace {

JsonScanner::Number number_of(const Tensor& t, std::size_t i) {
  JsonScanner::Number n;
  n.real = t.as_double(i);
  if (!is_floating(t.dtype())) {
    n.is_whole = true;
    n.whole = t.as_int(i);
    n.is_natural = n.whole >= 0;
    n.natural = static_cast<std::uint64_t>(n.whole);
  }
  return n;
}

bool is_special(const Tensor& t, std::size_t i) { return is_floating(t.dtype()) && !std::isfinite(t.as_double(i)); }

std::string element_pointer(const std::string& root, const Tensor& t, std::size_t i) {
  std::string out;
  for (std::size_t d = t.shape().size(); d-- > 0;) {
    const auto size = static_cast<std::size_t>(t.shape()[d]);
    out = "/" + std::to_string(i % size) + out;
    i /= size;
  }
  return root + out;
}

// Element i of a tensor becomes a feature's value in a row. Empty, or what is wrong with it.
std::string put_element(const CodecPlan& plan, std::uint32_t feature, const Tensor& t, std::size_t i, Tables& tables, std::size_t row) {
  if (t.dtype() == DType::string) {
    return plan.cells[feature].type == FeatureType::document ? put_document(plan, feature, t.strings()[i], tables, row)
                                                             : put_text(plan, feature, t.strings()[i], tables, row);
  }
  if (t.dtype() == DType::boolean) return put_boolean(plan, feature, t.as<std::uint8_t>()[i] != 0, tables, row);
  return is_special(t, i) ? put_real(plan, feature, t.as_double(i), tables, row) : put_number(plan, feature, number_of(t, i), tables, row);
}

// ---- tabular models

struct Source {  // where a feature's values stand
  const Tensor* tensor = nullptr;
  const std::string* root = nullptr;
  std::size_t column = 0, width = 1;
};

Result<DecodedRequest> fill_table(const CodecPlan& plan, const std::vector<Source>& sources, std::size_t rows, const DecodeLimits& limits) {
  if (rows == 0) return Error(ErrorCode::invalid_input, "the array has no rows");
  if (rows > limits.rows_max) return too_many_rows(limits);
  Tables tables(plan, limits);
  Problems problems;
  for (std::size_t row = 0; row < rows && !problems.full(); ++row) {
    if (!tables.add_row()) return too_large(limits);
    for (std::uint32_t feature = 0; feature < sources.size() && !problems.full(); ++feature) {
      const Source& from = sources[feature];
      if (from.tensor == nullptr) continue;
      const std::size_t i = row * from.width + from.column;
      std::string wrong = put_element(plan, feature, *from.tensor, i, tables, row);
      if (!wrong.empty()) problems.add(element_pointer(*from.root, *from.tensor, i), std::move(wrong));
    }
  }
  if (tables.over()) return too_large(limits);
  if (!problems.empty()) return problems.error();
  return tables.finish();
}

Result<DecodedRequest> fit_table(const CodecPlan& plan, const Tensor& t, const std::string& root, const DecodeLimits& limits) {
  const std::size_t features = plan.cells.size();
  const bool one_column = features == 1 && t.shape().size() == 1;
  if (!one_column && (t.shape().size() != 2 || t.shape()[1] != static_cast<std::int64_t>(features))) {
    return Error(ErrorCode::invalid_input, "the array must have the shape [rows, " + std::to_string(features) + "], got " + shape_text(t.shape()));
  }
  std::vector<Source> sources;
  for (std::size_t c = 0; c < features; ++c) sources.push_back({&t, &root, c, features});
  return fill_table(plan, sources, t.rows(), limits);
}

class Columns {
 public:
  Columns(const CodecPlan& plan, const std::vector<NamedTensor>& tensors) : plan_(plan), tensors_(tensors), sources_(plan.cells.size()) {}

  Result<DecodedRequest> fit(const DecodeLimits& limits) {
    roots_.reserve(tensors_.size());
    for (const NamedTensor& t : tensors_) TRY(place(t));
    for (std::size_t f = 0; f < sources_.size(); ++f) {
      if (sources_[f].tensor == nullptr && !plan_.cells[f].ignored)
        return Error(ErrorCode::invalid_input, "the feature " + plan_.schema.features[f].name + " is missing").at("#/inputs", "a feature is missing");
    }
    return fill_table(plan_, sources_, *rows_, limits);
  }

 private:
  Status place(const NamedTensor& t) {
    const std::string& root = roots_.emplace_back("#/inputs/" + pointer_escape(t.name));
    const auto port = plan_.input(t.name);
    const auto feature = plan_.feature(t.name);
    if (!port && !feature) {
      const std::string why = plan_.unknown_input(t.name);
      return Error(ErrorCode::invalid_input, why).at(root, why);
    }
    const std::size_t width = port ? plan_.ports[*port].width : 1;
    const Shape& shape = t.tensor.shape();
    const bool fits = (shape.size() == 2 && shape[1] == static_cast<std::int64_t>(width)) || (shape.size() == 1 && width == 1);
    if (!fits) {
      const std::string why = t.name + " must have the shape [rows, " + std::to_string(width) + "], got " + shape_text(shape);
      return Error(ErrorCode::invalid_input, why).at(root, why);
    }
    if (!rows_) rows_ = t.tensor.rows();
    if (*rows_ != t.tensor.rows()) {
      return Error(ErrorCode::invalid_input, "the inputs must have the same number of rows: " + t.name + " has " + std::to_string(t.tensor.rows()) +
                                                 ", others have " + std::to_string(*rows_))
          .at(root, "has another number of rows");
    }
    for (std::size_t c = 0; c < width; ++c) {
      Source& source = sources_[port ? plan_.ports[*port].features[c] : *feature];
      if (source.tensor != nullptr) return Error(ErrorCode::invalid_input, t.name + " is given twice").at(root, "is given twice");
      source = {&t.tensor, &root, c, width};
    }
    return ok();
  }

  const CodecPlan& plan_;
  const std::vector<NamedTensor>& tensors_;
  std::vector<Source> sources_;
  std::vector<std::string> roots_;
  std::optional<std::size_t> rows_;
};

// ---- tensor models

Result<Tensor> converted(const Port& port, Tensor t, const std::string& root) {
  if (t.dtype() == port.dtype) return t;
  if (port.dtype == DType::string) return Error(ErrorCode::invalid_input, port.name + " takes text, got numbers").at(root, "takes text");
  if (t.dtype() == DType::string) return Error(ErrorCode::invalid_input, port.name + " takes numbers, got text").at(root, "takes numbers");
  Tensor out(port.dtype, t.shape());
  Problems problems;
  for (std::size_t i = 0; i < t.count() && !problems.full(); ++i) {
    std::byte* const at = out.bytes().data() + i * dtype_size(port.dtype);
    const char* wanted = is_special(t, i) ? store_real(port.dtype, t.as_double(i), at) : store_number(port.dtype, number_of(t, i), at);
    if (wanted != nullptr) problems.add(element_pointer(root, t, i), port.name + " must hold " + wanted + " here");
  }
  if (!problems.empty()) return problems.error();
  return out;
}

Result<Tensor> fit_port(const CodecPlan& plan, const Port& port, Tensor t, const std::string& root, const DecodeLimits& limits) {
  bool fits = port.any_rank || port.shape.size() == t.shape().size();
  for (std::size_t d = 0; fits && d < port.shape.size(); ++d) fits = port.shape[d] < 0 || port.shape[d] == t.shape()[d];
  const auto refuse = [&root](std::string why) { return Error(ErrorCode::invalid_input, why).at(root, why); };
  if (!fits) return refuse(port.name + " must have the shape " + shape_text(port.shape) + ", got " + shape_text(t.shape()));
  if (t.count() == 0) return refuse(port.name + " is empty");
  if (plan.schema.batched && t.shape().empty()) return refuse(port.name + " must have rows, got a single value");
  if (plan.schema.batched && t.rows() > limits.rows_max) return too_many_rows(limits);
  const auto bytes = checked_mul(t.count(), dtype_size(port.dtype));
  if (!bytes || *bytes > limits.bytes_max) return too_large(limits);
  return converted(port, std::move(t), root);
}

}  // namespace

Result<DecodedRequest> fit_array(const CodecPlan& plan, Tensor array, const DecodeLimits& limits) {
  static const std::string kRoot = "#";
  if (plan.tabular()) return fit_table(plan, array, kRoot, limits);
  if (!plan.one_needed())
    return Error(ErrorCode::invalid_input, "npy is for models with one input; this one has " + std::to_string(plan.ports.size()));
  DecodedRequest out;
  out.rows = array.rows();
  out.inputs.push_back(TRY(fit_port(plan, plan.schema.inputs[0], std::move(array), kRoot, limits)));
  for (std::size_t p = 1; p < plan.schema.inputs.size(); ++p) out.inputs.push_back(without_elements(plan.schema.inputs[p]));
  return out;
}

Result<DecodedRequest> fit_named(const CodecPlan& plan, std::vector<NamedTensor> tensors, const DecodeLimits& limits) {
  if (tensors.empty()) return Error(ErrorCode::invalid_input, "there are no inputs").at("#/inputs", "there are none");
  if (plan.tabular()) {
    const bool whole = tensors.size() == 1 && !plan.input(tensors[0].name) && !plan.feature(tensors[0].name);
    if (whole) return fit_table(plan, tensors[0].tensor, "#/inputs/" + pointer_escape(tensors[0].name), limits);
    return Columns(plan, tensors).fit(limits);
  }
  DecodedRequest out;
  out.inputs.resize(plan.ports.size());
  std::vector<bool> given(plan.ports.size());
  std::optional<std::size_t> rows;
  for (NamedTensor& t : tensors) {
    const std::string root = "#/inputs/" + pointer_escape(t.name);
    const auto port = plan.input(t.name);
    if (!port) {
      const std::string why = plan.unknown_input(t.name);
      return Error(ErrorCode::invalid_input, why).at(root, why);
    }
    if (given[*port]) return Error(ErrorCode::invalid_input, t.name + " is given twice").at(root, "is given twice");
    given[*port] = true;
    if (!rows) rows = t.tensor.rows();
    if (plan.schema.batched && *rows != t.tensor.rows())
      return Error(ErrorCode::invalid_input, "the inputs must have the same number of rows").at(root, "has another number of rows");
    out.inputs[*port] = TRY(fit_port(plan, plan.schema.inputs[*port], std::move(t.tensor), root, limits));
  }
  for (std::size_t p = 0; p < given.size(); ++p) {
    if (given[p]) continue;
    if (plan.schema.inputs[p].optional) {
      out.inputs[p] = without_elements(plan.schema.inputs[p]);
    } else {
      return Error(ErrorCode::invalid_input, "the input " + plan.schema.inputs[p].name + " is missing").at("#/inputs", "an input is missing");
    }
  }
  out.rows = plan.schema.batched ? *rows : 1;
  return out;
}

Result<DecodedRequest> RequestCodec::decode_tensors(std::vector<NamedTensor> tensors, const DecodeLimits& limits) const {
  return fit_named(*plan_, std::move(tensors), limits);
}

}  // namespace slipway
