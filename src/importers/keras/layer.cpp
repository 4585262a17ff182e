#include "slipway/importers/keras/layer.hpp"

#include <cmath>

namespace slipway::importers::keras {

Error refuse(const Call& call, std::string_view what) {
  std::string detail = "layer " + call.name + " (" + call.class_name + "): ";
  detail += what;
  return {ErrorCode::model_refused, std::move(detail)};
}

const Value& input(const Call& call) { return call.inputs[0].value; }

Status takes(const Call& call, std::size_t inputs) {
  if (call.inputs.size() == inputs) return ok();
  return refuse(call, "takes " + std::to_string(inputs) + " inputs, the file gives it " + std::to_string(call.inputs.size()));
}

Status holds(const Call& call, std::size_t least, std::size_t most) {
  if (call.weights.size() >= least && call.weights.size() <= most) return ok();
  const std::string wanted = least == most ? std::to_string(least) : std::to_string(least) + " to " + std::to_string(most);
  return refuse(call, "has " + wanted + " weights, the file holds " + std::to_string(call.weights.size()));
}

namespace {
std::string quoted(std::string_view key) { return "\"" + std::string(key) + "\""; }
}  // namespace

Result<std::int64_t> int_of(const Call& call, std::string_view key, std::optional<std::int64_t> otherwise) {
  const json::Value* v = call.config.find(key);
  if (v == nullptr || v->is_null()) {
    if (otherwise) return *otherwise;
    return refuse(call, "its configuration has no " + quoted(key));
  }
  if (v->is_int()) return v->as_int();
  if (v->is_number() && v->as_double() == std::floor(v->as_double()) && std::abs(v->as_double()) < 1e15)
    return static_cast<std::int64_t>(v->as_double());
  return refuse(call, quoted(key) + " must be an integer");
}

Result<double> number_of(const Call& call, std::string_view key, std::optional<double> otherwise) {
  const json::Value* v = call.config.find(key);
  if (v == nullptr || v->is_null()) {
    if (otherwise) return *otherwise;
    return refuse(call, "its configuration has no " + quoted(key));
  }
  // Keras 3 writes a constant array as an object with its value.
  if (v->is_object()) {
    if (const json::Value* config = v->find("config"); config != nullptr) {
      if (const json::Value* inner = config->find("value"); inner != nullptr && inner->is_number()) return inner->as_double();
    }
  }
  if (!v->is_number()) return refuse(call, quoted(key) + " must be a number");
  return v->as_double();
}

Result<bool> bool_of(const Call& call, std::string_view key, bool otherwise) {
  const json::Value* v = call.config.find(key);
  if (v == nullptr || v->is_null()) return otherwise;
  if (v->is_bool()) return v->as_bool();
  if (v->is_int() && (v->as_int() == 0 || v->as_int() == 1)) return v->as_int() == 1;
  return refuse(call, quoted(key) + " must be true or false");
}

Result<std::string> text_of(const Call& call, std::string_view key, std::string otherwise) {
  const json::Value* v = call.config.find(key);
  if (v == nullptr || v->is_null()) return otherwise;
  if (!v->is_string()) return refuse(call, quoted(key) + " must be a text");
  return v->as_string();
}

Result<std::vector<std::int64_t>> ints_of(const Call& call, std::string_view key, std::size_t count, std::int64_t otherwise) {
  const json::Value* v = call.config.find(key);
  if (v == nullptr || v->is_null()) return std::vector<std::int64_t>(count, otherwise);
  if (v->is_int()) return std::vector<std::int64_t>(count, v->as_int());
  std::vector<std::int64_t> out;
  if (v->is_array()) {
    for (const json::Value& item : v->as_array()) {
      if (item.is_int()) out.push_back(item.as_int());
    }
    if (out.size() == count && out.size() == v->as_array().size()) return out;
  }
  return refuse(call, quoted(key) + " must be " + std::to_string(count) + " integers");
}

std::size_t spatial_of(const Call& call) {
  const std::size_t at = call.class_name.find_first_of("123");
  return at == std::string::npos ? 0 : static_cast<std::size_t>(call.class_name[at] - '0');
}

Result<Value> engine_layout(const Call& call, const Value& x) { return channels_last(call) ? call.layouts.first(x) : Result<Value>(x); }

Result<Value> to_engine(const Call& call) {
  const Value& x = input(call);
  if (x.rank() != spatial_of(call) + 2) return refuse(call, "an input of shape " + neural::dims_text(x.dims));
  return engine_layout(call, x);
}

Result<Value> from_engine(const Call& call, const Value& y) { return channels_last(call) ? call.layouts.last(y) : Result<Value>(y); }

std::optional<Value> bias_of(const Call& call, bool used, std::size_t at) {
  return used ? std::optional(call.net.weight(call.weights[at])) : std::nullopt;
}

Result<Value> in_engine_layout(const Call& call, const Value& x, Result<Value> (*f)(const Call&, const Value&)) {
  if (const auto first = call.layouts.twin(x)) return call.layouts.last(TRY(f(call, *first)));
  return f(call, x);
}

const LayerKind* find_layer(std::string_view class_name) {
  static constexpr LayerKind kKinds[] = {
#define SLIPWAY_KERAS_LAYER(name, function, mask) {name, function, mask},
#include "slipway/importers/keras/layers.def"
#undef SLIPWAY_KERAS_LAYER
  };
  for (const LayerKind& kind : kKinds) {
    if (kind.class_name == class_name) return &kind;
  }
  return nullptr;
}

}  // namespace slipway::importers::keras
