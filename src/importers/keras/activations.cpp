// Activation functions by their names in configurations, and the layers that are one.
#include <algorithm>
#include <cmath>

#include "slipway/importers/blocks/neural/activation.hpp"
#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/reduction.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/layer.hpp"

namespace slipway::importers::keras {

namespace {

// max(x - t, 0). t is made of the k largest elements that are above it: of one it is that less 1, of several Keras takes the sum of their
// running sums where the paper has the last of them, and so do we.
Result<Value> sparsemax(Net& net, const Value& x, std::int64_t given) {
  const auto axis = static_cast<std::int64_t>(TRY(neural::axis_of(given, x.rank(), "sparsemax")));
  const Dim n = x.dims[static_cast<std::size_t>(axis)];
  const Value sorted = TRY(neural::top_k(net, x, n, axis, true, true))[0];
  Dims line(x.rank(), Dim(1));
  line[static_cast<std::size_t>(axis)] = n;
  const Value rank = TRY(neural::reshape(net, net.cast(neural::range(net, 1, net.add(n, 1), 1), x.dtype()), line));
  const Value reach = TRY(neural::shifted(net, TRY(neural::mul(net, rank, sorted)), 1));
  const Value running = TRY(neural::cumulative_sum(net, sorted, axis));
  const Value above = net.cast(TRY(neural::compare(net, "Greater", reach, running)), x.dtype());
  const Value sum = TRY(neural::reduce(net, "ReduceSum", TRY(neural::mul(net, running, above)), {axis}, true));
  const Value count = TRY(neural::reduce(net, "ReduceSum", above, {axis}, true));
  return neural::relu(net, TRY(neural::sub(net, x, TRY(neural::divide(net, TRY(neural::shifted(net, sum, -1)), count)))));
}

// relu with its three parameters: f(x) = min(x, max) for x >= threshold, slope (x - threshold) below.
Result<Value> general_relu(Net& net, const Value& x, std::optional<double> max, double slope, double threshold) {
  if (threshold == 0 && slope == 0) return max ? neural::clamp(net, x, 0.0, *max) : neural::relu(net, x);
  if (threshold == 0) {
    const Value leaky = neural::leaky_relu(net, x, slope);
    return max ? neural::clamp(net, leaky, std::nullopt, *max) : leaky;
  }
  const Value above = TRY(neural::compare(net, "GreaterOrEqual", x, net.number(threshold, x.dtype())));
  const Value low = TRY(neural::scaled(net, TRY(neural::shifted(net, x, -threshold)), slope));
  return neural::where(net, above, max ? neural::clamp(net, x, std::nullopt, *max) : x, low);
}

double parameter(const json::Value* config, std::string_view key, double otherwise) {
  return config == nullptr ? otherwise : config->double_or(key, otherwise);
}

// name: lower case with underscores, as functions are called.
Result<Value> by_name(const Call& call, const Value& x, std::string_view name, const json::Value* config) {
  Net& net = call.net;
  if (name == "linear") return x;
  if (name == "relu") return neural::relu(net, x);
  if (name == "sigmoid") return neural::sigmoid(net, x);
  if (name == "tanh") return neural::tanh(net, x);
  if (name == "softmax") return neural::softmax(net, x, config == nullptr ? -1 : config->int_or("axis", -1));
  if (name == "log_softmax") return neural::log_softmax(net, x, config == nullptr ? -1 : config->int_or("axis", -1));
  if (name == "hard_sigmoid")  // Keras 3 changed the formula
    return call.dialect.major >= 3 ? neural::hard_sigmoid(net, x, 1.0 / 6, 0.5) : neural::hard_sigmoid(net, x, 0.2, 0.5);
  if (name == "elu") return neural::elu(net, x, parameter(config, "alpha", 1));
  if (name == "celu") return neural::celu(net, x, parameter(config, "alpha", 1));
  if (name == "selu") return neural::selu(net, x);
  if (name == "gelu") return neural::gelu(net, x, config != nullptr && config->bool_or("approximate", false));
  if (name == "silu" || name == "swish") return neural::silu(net, x);
  if (name == "hard_silu" || name == "hard_swish") return neural::hard_swish(net, x);
  if (name == "softplus") return neural::softplus(net, x);
  if (name == "softsign") return neural::softsign(net, x);
  if (name == "exponential") return neural::unary(net, "Exp", x);
  if (name == "relu6") return neural::clamp(net, x, 0.0, 6.0);
  if (name == "leaky_relu") return neural::leaky_relu(net, x, parameter(config, "negative_slope", parameter(config, "alpha", 0.2)));
  if (name == "mish") return neural::mish(net, x);
  if (name == "log_sigmoid") return neural::log_sigmoid(net, x);
  if (name == "glu") return neural::glu(net, x, config == nullptr ? -1 : config->int_or("axis", -1));
  if (name == "hard_tanh") return neural::clamp(net, x, -1.0, 1.0);
  if (name == "tanh_shrink") return neural::sub(net, x, neural::tanh(net, x));
  if (name == "threshold") return neural::threshold(net, x, parameter(config, "threshold", 0), parameter(config, "default_value", 0));
  // 0 below -1, x above 1, a parabola between them.
  if (name == "sparse_plus") {
    const Value up = TRY(neural::shifted(net, x, 1));
    const Value middle = TRY(neural::scaled(net, TRY(neural::mul(net, up, up)), 0.25));
    const Value low = TRY(neural::compare(net, "LessOrEqual", x, net.number(-1, x.dtype())));
    const Value high = TRY(neural::compare(net, "GreaterOrEqual", x, net.number(1, x.dtype())));
    return neural::where(net, low, net.number(0, x.dtype()), TRY(neural::where(net, high, x, middle)));
  }
  if (name == "sparse_sigmoid") return neural::clamp(net, TRY(neural::scaled(net, TRY(neural::shifted(net, x, 1)), 0.5)), 0.0, 1.0);
  if (name == "squareplus") {  // (x + sqrt(x^2 + 4)) / 2
    const Value root = neural::unary(net, "Sqrt", TRY(neural::shifted(net, TRY(neural::mul(net, x, x)), 4)));
    return neural::scaled(net, TRY(neural::add(net, x, root)), 0.5);
  }
  if (name == "hard_shrink" || name == "soft_shrink") {
    const double limit = parameter(config, "threshold", 0.5);
    const Value size = neural::unary(net, "Abs", x);
    const Value outside = TRY(neural::compare(net, "Greater", size, net.number(limit, x.dtype())));
    Value kept = x;
    if (name == "soft_shrink") kept = TRY(neural::sub(net, x, TRY(neural::scaled(net, neural::unary(net, "Sign", x), limit))));
    return neural::where(net, outside, kept, net.number(0, x.dtype()));
  }
  if (name == "sparsemax") return sparsemax(net, x, config == nullptr ? -1 : config->int_or("axis", -1));
  return refuse(call, "the activation \"" + std::string(name) + "\" is not known: it is code that is not in the file");
}

// "LeakyReLU" as "leaky_relu": the classes and functions of activations have the same meanings.
std::string function_name(std::string_view class_name) {
  if (class_name == "ReLU") return "relu";
  if (class_name == "LeakyReLU") return "leaky_relu";
  if (class_name == "ELU") return "elu";
  if (class_name == "Softmax") return "softmax";
  return std::string(class_name);
}

}  // namespace

Result<Value> activate(const Call& call, const Value& x, const json::Value& activation) {
  if (activation.is_null()) return x;
  if (activation.is_string()) return by_name(call, x, activation.as_string(), nullptr);
  if (!activation.is_object()) return refuse(call, "\"activation\" must be a name");
  const json::Value* config = activation.find("config");
  const std::string class_name = activation.string_or("class_name", "");
  // A function by its name: {"class_name": "function", "config": "relu6"}.
  if (config != nullptr && config->is_string()) return by_name(call, x, config->as_string(), nullptr);
  if (find_layer(class_name) != nullptr && config != nullptr && config->is_object()) {
    Call inner{call.net, call.layouts, call.dialect, class_name, call.name, *config, {}, {Tracked{x, std::nullopt}}, {""}};
    return TRY(find_layer(class_name)->lower(inner)).at(0).value;
  }
  return by_name(call, x, function_name(class_name), config);
}

Result<Value> activation_named(const Call& call, const Value& x, std::string_view name, const json::Value* config) {
  return by_name(call, x, name, config);
}

namespace {

// Over the channels or element by element: in whatever layout the input is. `axis` of a softmax moves with the layout.
Result<Value> activation_in(const Call& call, const Value& x) {
  const json::Value* activation = call.config.find("activation");
  return activation == nullptr ? Result<Value>(x) : activate(call, x, *activation);
}

bool is_elementwise(const json::Value* activation) {
  if (activation == nullptr || activation->is_null()) return true;
  const std::string name = activation->is_string() ? activation->as_string() : activation->string_or("class_name", "");
  return name != "softmax" && name != "log_softmax" && name != "glu" && name != "sparsemax" && name != "Softmax" && activation->is_string();
}

}  // namespace

Result<std::vector<Tracked>> activation(const Call& call) {
  TRY(takes(call, 1));
  if (is_elementwise(call.config.find("activation"))) return one(TRY(in_engine_layout(call, input(call), activation_in)));
  return one(TRY(activation_in(call, input(call))));
}

Result<std::vector<Tracked>> relu_layer(const Call& call) {
  TRY(takes(call, 1));
  return one(TRY(in_engine_layout(call, input(call), [](const Call& c, const Value& x) -> Result<Value> {
    const json::Value* max = c.config.find("max_value");
    const std::optional<double> limit = max == nullptr || max->is_null() ? std::nullopt : std::optional(TRY(number_of(c, "max_value")));
    return general_relu(c.net, x, limit, TRY(number_of(c, "negative_slope", 0)), TRY(number_of(c, "threshold", 0)));
  })));
}

Result<std::vector<Tracked>> leaky_relu_layer(const Call& call) {
  TRY(takes(call, 1));
  return one(TRY(in_engine_layout(call, input(call), [](const Call& c, const Value& x) -> Result<Value> {
    const double slope = TRY(number_of(c, "negative_slope", TRY(number_of(c, "alpha", 0.3))));
    return neural::leaky_relu(c.net, x, slope);
  })));
}

Result<std::vector<Tracked>> elu_layer(const Call& call) {
  TRY(takes(call, 1));
  return one(TRY(in_engine_layout(
      call, input(call), [](const Call& c, const Value& x) -> Result<Value> { return neural::elu(c.net, x, TRY(number_of(c, "alpha", 1))); })));
}

Result<std::vector<Tracked>> thresholded_relu_layer(const Call& call) {
  TRY(takes(call, 1));
  return one(TRY(in_engine_layout(call, input(call), [](const Call& c, const Value& x) -> Result<Value> {
    return neural::threshold(c.net, x, TRY(number_of(c, "theta", 1)), 0);
  })));
}

Result<std::vector<Tracked>> prelu_layer(const Call& call) {
  TRY(takes(call, 1));
  TRY(holds(call, 1, 1));
  return one(TRY(neural::prelu(call.net, input(call), call.net.weight(call.weights[0]))));
}

Result<std::vector<Tracked>> softmax_layer(const Call& call) {
  if (call.inputs.empty() || call.inputs.size() > 2) return refuse(call, "takes a tensor and a mask");
  Net& net = call.net;
  Value x = input(call);
  if (call.inputs.size() == 2) {  // where the mask is false: as good as minus infinity
    const Value hidden = net.cast(neural::unary(net, "Not", net.cast(call.inputs[1].value, DType::boolean)), x.dtype());
    x = TRY(neural::add(net, x, TRY(neural::scaled(net, hidden, -3.4028234663852886e38 / 2))));
  }
  const json::Value* axis = call.config.find("axis");
  if (axis != nullptr && axis->is_array()) {
    std::vector<std::int64_t> axes;
    for (const json::Value& a : axis->as_array()) axes.push_back(a.is_int() ? neural::normal_axis(a.as_int(), x.rank()) : -1);
    if (axes.empty() || std::ranges::find(axes, -1) != axes.end()) return refuse(call, "\"axis\" must be dimensions of its input");
    if (axes.size() == 1) return one(TRY(neural::softmax(net, x, axes[0])));
    return one(neural::unary(net, "Exp", TRY(neural::sub(net, x, TRY(neural::reduce(net, "ReduceLogSumExp", x, axes, true))))));
  }
  return one(TRY(neural::softmax(net, x, TRY(int_of(call, "axis", -1)))));
}

Result<std::vector<Tracked>> identity(const Call& call) {
  if (call.inputs.empty()) return refuse(call, "has no input");
  return one(input(call));
}

}  // namespace slipway::importers::keras
