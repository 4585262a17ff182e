#include "slipway/importers/keras/arguments.hpp"

#include <algorithm>

namespace slipway::importers::keras {

bool is_tensor(const json::Value& v) { return v.is_object() && v.string_or("class_name", "") == "__keras_tensor__"; }

namespace {

std::size_t tensors_in(const json::Value& v) {  // NOLINT(misc-no-recursion): documents are at most json::kDepthMax deep
  if (is_tensor(v)) return 1;
  std::size_t n = 0;
  if (v.is_array()) {
    for (const json::Value& item : v.as_array()) n += tensors_in(item);
  } else if (v.is_object()) {
    for (const auto& [name, item] : v.as_object()) n += tensors_in(item);
  }
  return n;
}

// A nested list of numbers: its shape and its elements. false: it is none.
bool elements(const json::Value& v, std::size_t depth, Shape& shape, std::vector<double>& out) {  // NOLINT(misc-no-recursion): depth is bounded
  if (v.is_number() || v.is_bool()) {
    if (depth != shape.size()) return false;
    out.push_back(v.is_bool() ? (v.as_bool() ? 1 : 0) : v.as_double());
    return true;
  }
  if (!v.is_array() || v.as_array().empty() || depth >= kRankMax) return false;
  const auto size = static_cast<std::int64_t>(v.as_array().size());
  if (depth == shape.size()) {
    if (!out.empty()) return false;
    shape.push_back(size);
  }
  if (shape[depth] != size) return false;
  return std::ranges::all_of(v.as_array(), [&](const json::Value& item) { return elements(item, depth + 1, shape, out); });
}

bool all_integers(const json::Value& v) {  // NOLINT(misc-no-recursion): depth is bounded
  return v.is_array() ? std::ranges::all_of(v.as_array(), all_integers) : v.is_int();
}

}  // namespace

Arguments::Arguments(const Call& call) : call_(call) {
  std::size_t next = 0;
  if (call.arguments == nullptr) return;
  if (const json::Value* args = call.arguments->find("args"); args != nullptr && args->is_array()) {
    for (const json::Value& v : args->as_array()) {
      positional_.push_back({&v, next});
      next += tensors_in(v);
    }
  }
  if (const json::Value* kwargs = call.arguments->find("kwargs"); kwargs != nullptr && kwargs->is_object()) {
    for (const auto& [name, v] : kwargs->as_object()) {
      named_.emplace_back(name, Given{&v, next});
      next += tensors_in(v);
    }
  }
  if (!call.config.is_object()) return;
  for (const auto& [name, v] : call.config.as_object()) {
    if (name != "name" && name != "dtype") named_.emplace_back(name, Given{&v, next});
  }
  // TensorFlow's functions stand in a layer, whose own type it is there.
  if (const json::Value* dtype = call.config.find("dtype"); dtype != nullptr && call.config.find("trainable") == nullptr)
    named_.emplace_back("dtype", Given{dtype, next});
}

const Arguments::Given* Arguments::find(std::size_t position, Names names) const {
  for (const auto& [name, given] : named_) {
    if (std::ranges::find(names, name) != names.end() && !given.json->is_null()) return &given;
  }
  if (position < positional_.size() && !positional_[position].json->is_null()) return &positional_[position];
  return nullptr;
}

const json::Value* Arguments::value(std::size_t position, Names names) const {
  const Given* given = find(position, names);
  return given == nullptr ? nullptr : given->json;
}

bool Arguments::is_list(std::size_t position, Names names) const {
  const json::Value* v = value(position, names);
  return v != nullptr && v->is_array();
}

Result<Value> Arguments::of(const json::Value& v, std::size_t& next) const {
  if (is_tensor(v)) {
    if (next >= call_.inputs.size()) return refuse(call_, "an argument names a tensor that isn't there");
    return call_.inputs[next++].value;
  }
  const json::Value* data = &v;
  std::string dtype;
  if (v.is_object()) {  // {"class_name": "__numpy__", "config": {"value": [...], "dtype": "float32"}}
    const json::Value* config = v.find("config");
    data = config == nullptr ? nullptr : config->find("value");
    if (data == nullptr) return refuse(call_, "an argument is of a kind that is not known");
    dtype = config->string_or("dtype", "float32");
  }
  Shape shape;
  std::vector<double> numbers;
  if (!elements(*data, 0, shape, numbers)) return refuse(call_, "an argument must be a tensor or numbers");
  const DType type = dtype.empty() ? (all_integers(*data) ? DType::int64 : DType::float32) : dtype_from_name(dtype).value_or(DType::float32);
  if (is_floating(type)) {
    const std::vector<float> single(numbers.begin(), numbers.end());
    return call_.net.cast(call_.net.constant(Tensor::of<float>(DType::float32, shape, std::span<const float>(single))), type);
  }
  std::vector<std::int64_t> whole;
  for (const double n : numbers) {
    if (!(n > -9e15 && n < 9e15)) return refuse(call_, "an argument's number is too large");
    whole.push_back(static_cast<std::int64_t>(n));
  }
  return call_.net.cast(call_.net.constant(Tensor::of<std::int64_t>(DType::int64, shape, std::span<const std::int64_t>(whole))), type);
}

Result<Value> Arguments::tensor(std::size_t position, Names names) const {
  const Given* given = find(position, names);
  if (given == nullptr) return refuse(call_, "the file doesn't hold its argument " + std::to_string(position + 1));
  std::size_t next = given->first;
  return of(*given->json, next);
}

Result<std::vector<Value>> Arguments::tensors(std::size_t position, Names names) const {
  const Given* given = find(position, names);
  std::vector<Value> out;
  if (given != nullptr && given->json->is_array()) {
    std::size_t next = given->first;
    for (const json::Value& v : given->json->as_array()) out.push_back(TRY(of(v, next)));
    return out;
  }
  for (const Tracked& t : call_.inputs) out.push_back(t.value);
  return out;
}

Result<std::optional<std::int64_t>> Arguments::integer(std::size_t position, Names names) const {
  const json::Value* v = value(position, names);
  if (v != nullptr && v->is_array() && v->as_array().size() == 1) v = v->as_array().data();
  if (v == nullptr) return std::optional<std::int64_t>();
  if (!v->is_int()) return refuse(call_, "\"" + std::string(*names.begin()) + "\" must be an integer");
  return std::optional(v->as_int());
}

Result<std::optional<double>> Arguments::number(std::size_t position, Names names) const {
  const json::Value* v = value(position, names);
  if (v == nullptr) return std::optional<double>();
  if (!v->is_number()) return refuse(call_, "\"" + std::string(*names.begin()) + "\" must be a number");
  return std::optional(v->as_double());
}

Result<std::optional<bool>> Arguments::boolean(std::size_t position, Names names) const {
  const json::Value* v = value(position, names);
  if (v == nullptr) return std::optional<bool>();
  if (!v->is_bool()) return refuse(call_, "\"" + std::string(*names.begin()) + "\" must be true or false");
  return std::optional(v->as_bool());
}

Result<std::optional<std::string>> Arguments::text(std::size_t position, Names names) const {
  const json::Value* v = value(position, names);
  if (v == nullptr) return std::optional<std::string>();
  if (!v->is_string()) return refuse(call_, "\"" + std::string(*names.begin()) + "\" must be a text");
  return std::optional(v->as_string());
}

Result<std::optional<std::vector<std::int64_t>>> Arguments::ints(std::size_t position, Names names) const {
  const json::Value* v = value(position, names);
  if (v == nullptr) return std::optional<std::vector<std::int64_t>>();
  std::vector<std::int64_t> out;
  const json::Array single{*v};
  for (const json::Value& item : v->is_array() ? v->as_array() : single) {
    if (!item.is_int()) return refuse(call_, "\"" + std::string(*names.begin()) + "\" must be integers");
    out.push_back(item.as_int());
  }
  return std::optional(std::move(out));
}

Result<Dims> Arguments::sizes(std::size_t position, Names names) const {
  const Given* given = find(position, names);
  if (given == nullptr) return refuse(call_, "it has no \"" + std::string(*names.begin()) + "\"");
  Dims out;
  std::size_t next = given->first;
  const json::Array single{*given->json};
  for (const json::Value& v : given->json->is_array() ? given->json->as_array() : single) {
    if (v.is_null()) {
      out.emplace_back(kFree);
    } else if (v.is_int() && v.as_int() >= -1 && v.as_int() < (1LL << 31)) {
      out.emplace_back(v.as_int());
    } else if (is_tensor(v)) {
      out.push_back(call_.net.from_scalar(TRY(of(v, next))));
    } else {
      return refuse(call_, "\"" + std::string(*names.begin()) + "\" must be sizes");
    }
  }
  return out;
}

json::Value Arguments::all() const {
  json::Object out;
  for (const auto& [name, given] : named_) {
    if (tensors_in(*given.json) == 0 && std::ranges::none_of(out, [&](const json::Member& m) { return m.first == name; }))
      out.emplace_back(name, *given.json);
  }
  return out;
}

}  // namespace slipway::importers::keras
