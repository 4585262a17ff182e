#include "slipway/importers/torch/operators.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/evaluator.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {
namespace {

struct Parameter {
  std::string name;
  std::optional<Any> otherwise;
};
struct Entry {
  const Operator* op = nullptr;
  std::vector<Parameter> parameters;
  bool variadic = false;  // the last parameter takes all that are left, as a list
};

Any literal(std::string_view text) {
  if (text == "None") return None{};
  if (text == "True") return true;
  if (text == "False") return false;
  if (text == "[]") return list({});
  if (text.starts_with('"')) return std::string(text.substr(1, text.size() - 2));
  if (text.find_first_of(".e") != std::string_view::npos) {
    double d = 0;
    std::from_chars(text.data(), text.data() + text.size(), d);
    return d;
  }
  std::int64_t i = 0;
  std::from_chars(text.data(), text.data() + text.size(), i);
  return i;
}

Entry parsed(const Operator& op) {
  Entry e;
  e.op = &op;
  std::string_view rest = op.signature;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(", ");
    std::string_view part = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 2);
    if (part.starts_with('*')) {
      e.variadic = true;
      part = part.substr(1);
    }
    const std::size_t equals = part.find('=');
    Parameter p;
    p.name = part.substr(0, equals);
    if (equals != std::string_view::npos) p.otherwise = literal(part.substr(equals + 1));
    e.parameters.push_back(std::move(p));
  }
  return e;
}

using Table = std::unordered_map<std::string_view, Entry>;

Table table_of(std::initializer_list<std::span<const Operator>> parts) {
  Table t;
  for (const auto part : parts) {
    for (const Operator& op : part) t.emplace(op.name, parsed(op));
  }
  return t;
}

const Table& tensor_table() {
  static const Table table =
      table_of({elementwise_operators(), shape_operators(), layer_operators(), reduction_operators(), creation_operators(), index_operators(),
                resize_operators(), recurrent_operators(), embedding_operators(), window_operators(), matrix_operators(), order_operators()});
  return table;
}
const Table& scalar_table() {
  static const Table table = table_of({scalar_operators()});
  return table;
}

bool same_parameter(std::string_view given, std::string_view name) {
  return given == name || (given == "input" && name == "self") || (given == "self" && name == "input") || (given == "axis" && name == "dim") ||
         (given == "keepdims" && name == "keepdim") || (given == "unbiased" && name == "correction") ||
         (given == "split_size" && name == "split_size_or_sections");
}

Result<std::vector<Any>> bind(const Entry& entry, std::string_view name, const Arguments& arguments) {
  const auto wrong = [&](std::string what) { return neural::wrong(std::string(name) + ": " + std::move(what)); };
  const std::size_t count = entry.parameters.size();
  std::vector<std::optional<Any>> slots(count);
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
    if (entry.variadic && i + 1 >= count) {
      if (i + 1 == count) slots[i] = list({});
      (*slots[count - 1]->as<std::shared_ptr<List>>())->items.push_back(arguments.positional[i]);
    } else if (i < count) {
      slots[i] = arguments.positional[i];
    } else {
      return wrong("takes " + std::to_string(count) + " arguments, " + std::to_string(arguments.positional.size()) + " are given");
    }
  }
  for (const auto& [key, value] : arguments.keywords) {
    const auto it = std::ranges::find_if(entry.parameters, [&](const Parameter& p) { return same_parameter(key, p.name); });
    if (it != entry.parameters.end()) {
      slots[static_cast<std::size_t>(it - entry.parameters.begin())] = value;
      continue;
    }
    // What says where and how a tensor is kept changes no result.
    constexpr std::string_view kIgnored[] = {"device", "layout", "pin_memory", "requires_grad", "memory_format", "non_blocking",
                                             "copy",   "out",    "implicit",   "generator",     "inplace",       "antialias"};
    if (std::ranges::find(kIgnored, key) != std::end(kIgnored) && (key != "out" || value.none()) && (key != "antialias" || value.none())) continue;
    return wrong("has no argument \"" + key + "\"");
  }
  std::vector<Any> bound;
  for (std::size_t i = 0; i < count; ++i) {
    if (slots[i]) {
      bound.push_back(std::move(*slots[i]));
    } else if (entry.parameters[i].otherwise) {
      bound.push_back(*entry.parameters[i].otherwise);
    } else if (entry.variadic && i + 1 == count) {
      bound.push_back(list({}));
    } else {
      return wrong("the argument \"" + entry.parameters[i].name + "\" is missing");
    }
  }
  return bound;
}

bool has_tensor(const Any& a) {
  if (a.as<TensorRef>() != nullptr) return true;
  const std::vector<Any>* items = items_of(a);
  return items != nullptr && std::ranges::any_of(*items, has_tensor);
}

bool has_tensor(const Arguments& a) {
  return std::ranges::any_of(a.positional, [](const Any& x) { return has_tensor(x); }) ||
         std::ranges::any_of(a.keywords, [](const auto& x) { return has_tensor(x.second); });
}

// add_ is add whose result is written to the first argument.
std::optional<std::string_view> base_of_in_place(std::string_view name) {
  if (name.size() < 2 || !name.ends_with('_') || name.ends_with("__")) return std::nullopt;
  const std::string_view base = name.substr(0, name.size() - 1);
  return tensor_table().contains(base) ? std::optional(base) : std::nullopt;
}

Result<Any> run(Net& net, const Entry& entry, std::string_view name, const Arguments& arguments) {
  OpCall call{net, name, TRY(bind(entry, name, arguments))};
  auto result = entry.op->function(call);
  if (!result.ok() && !result.error().detail().starts_with(std::string(name) + ":")) return Error(result.error()).within(std::string(name));
  return result;
}

Result<Any> run_in_place(Net& net, std::string_view base, std::string_view name, const Arguments& arguments) {
  const Any result = TRY(run(net, tensor_table().at(base), base, arguments));
  const TensorRef* target = arguments.positional.empty() ? nullptr : arguments.positional[0].as<TensorRef>();
  if (target == nullptr) {
    for (const auto& [key, value] : arguments.keywords) {
      if (key == "self" || key == "input") target = value.as<TensorRef>();
    }
  }
  const TensorRef* made = result.as<TensorRef>();
  if (target == nullptr || made == nullptr) return neural::wrong(std::string(name) + ": its first argument must be a tensor");
  if (*target == *made) return result;
  const Value now = TRY((*target)->read(net));
  Value next = net.cast(TRY((*made)->read(net)), now.dtype());
  // Metadata changes (squeeze_, t_, ...) give another shape; arithmetic keeps it.
  TRY((*target)->write(net, std::move(next)));
  return Any(*target);
}

}  // namespace

std::string_view aten_operator(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> kOthers[] = {{"adaptive_max_pool1d", "aten_adaptive_max_pool1d"},
                                                                              {"adaptive_max_pool2d", "aten_adaptive_max_pool2d"},
                                                                              {"adaptive_max_pool3d", "aten_adaptive_max_pool3d"}};
  for (const auto& [written, meant] : kOthers) {
    if (written == name) return meant;
  }
  return name;
}

bool is_operator(std::string_view name) {
  return tensor_table().contains(name) || scalar_table().contains(name) || base_of_in_place(name).has_value();
}

namespace {

// Sizes calculated with numbers that stand as tensors without dimensions: numbers again.
std::optional<Arguments> without_constants(const Arguments& arguments) {
  bool size = false, constant = false;
  Arguments out = arguments;
  const auto plain = [&](Any& a) {
    if (a.as<Dim>() != nullptr) size = true;
    const auto* t = a.as<TensorRef>();
    if (t == nullptr) return true;
    const auto number = (*t)->constant_integer();
    if (!number) return false;
    a = Any(*number);
    constant = true;
    return true;
  };
  for (Any& a : out.positional) {
    if (!plain(a)) return std::nullopt;
  }
  for (auto& [key, a] : out.keywords) {
    if (!plain(a)) return std::nullopt;
  }
  return size && constant ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace

Arguments sizes_in_a_list(Arguments given) {
  const auto end = std::ranges::find_if(given.positional, [](const Any& a) { return a.as<Dim>() == nullptr; });
  if (end == given.positional.begin()) return given;
  std::vector<Any> sizes(given.positional.begin(), end);
  given.positional.erase(given.positional.begin(), end);
  given.positional.insert(given.positional.begin(), list(std::move(sizes)));
  return given;
}

Result<Any> call_operator(Net& net, std::string_view name, const Arguments& arguments) {
  // relu(x, inplace=True): x itself is another one afterwards.
  const auto in_place = std::ranges::find(arguments.keywords, "inplace", &std::pair<std::string, Any>::first);
  if (in_place != arguments.keywords.end() && in_place->second.as<bool>() != nullptr && *in_place->second.as<bool>()) {
    if (tensor_table().contains(name)) return run_in_place(net, name, name, arguments);
  }
  if (const auto scalar = scalar_table().find(name); scalar != scalar_table().end() && tensor_table().contains(name)) {
    if (const auto numbers = without_constants(arguments)) return run(net, scalar->second, name, *numbers);
  }
  if (!has_tensor(arguments)) {
    const auto scalar = scalar_table().find(name);
    if (scalar != scalar_table().end()) return run(net, scalar->second, name, arguments);
  }
  // Lists of tensors are joined and repeated, not added.
  const bool of_list = !arguments.positional.empty() && arguments.positional[0].as<std::shared_ptr<List>>() != nullptr;
  if (of_list && (name == "add" || name == "add_" || name == "mul" || name == "slice" || name == "copy" || name == "any" || name == "all")) {
    if (const auto scalar = scalar_table().find(name); scalar != scalar_table().end()) return run(net, scalar->second, name, arguments);
  }
  const auto it = tensor_table().find(name);
  if (it != tensor_table().end()) return run(net, it->second, name, arguments);
  if (const auto base = base_of_in_place(name)) return run_in_place(net, *base, name, arguments);
  const auto scalar = scalar_table().find(name);  // of lists of tensors: len, append, ...
  if (scalar != scalar_table().end()) return run(net, scalar->second, name, arguments);
  return neural::wrong("the operator " + std::string(name) + " is not supported");
}

// --- reading arguments

std::optional<DType> dtype_of_code(std::int64_t code) {
  switch (code) {
    case 0: return DType::uint8;
    case 1: return DType::int8;
    case 2: return DType::int16;
    case 3: return DType::int32;
    case 4: return DType::int64;
    case 5: return DType::float16;
    case 6: return DType::float32;
    case 7: return DType::float64;
    case 11: return DType::boolean;
    case 15: return DType::bfloat16;
    default: return std::nullopt;
  }
}

Result<Value> value_of(Net& net, const Any& a, std::string_view who) {
  if (const auto* t = a.as<TensorRef>()) return (*t)->read(net);
  if (const auto* b = a.as<bool>()) return net.number(*b ? 1 : 0, DType::boolean);
  if (const auto* d = a.as<Dim>()) {
    if (!d->known()) return net.to_scalar(*d);
    const std::int64_t v = d->value;
    return net.constant(int64s({}, std::span(&v, 1)));
  }
  if (const auto* x = a.as<double>()) return net.number(*x, DType::float64);
  return neural::wrong(std::string(who) + ": a tensor or a number is wanted, not " + type_name(a));
}

Result<Value> OpCall::tensor(std::size_t i) const { return value_of(net, args[i], name); }

Result<std::optional<Value>> OpCall::maybe_tensor(std::size_t i) const {
  if (!given(i)) return std::optional<Value>();
  return std::optional(TRY(tensor(i)));
}

Result<TensorRef> OpCall::cell(std::size_t i) const {
  if (const auto* t = args[i].as<TensorRef>()) return *t;
  return std::make_shared<TensorCell>(TRY(tensor(i)));
}

namespace {

Result<Dim> size_of(const OpCall& call, const Any& a) {
  if (const auto* d = a.as<Dim>()) return *d;
  if (const auto* b = a.as<bool>()) return Dim(*b ? 1 : 0);
  if (const auto* x = a.as<double>(); x != nullptr && *x == std::floor(*x) && std::abs(*x) < 1e15) return Dim(static_cast<std::int64_t>(*x));
  if (const auto* t = a.as<TensorRef>()) {
    const Value v = TRY((*t)->read(call.net));
    if (is_floating(v.dtype())) return call.wrong("an integer is wanted, not a tensor of floating numbers");
    return call.net.from_scalar(v);
  }
  return call.wrong("an integer is wanted, not " + type_name(a));
}

Result<std::int64_t> integer_of(const OpCall& call, const Any& a) {
  const Dim d = TRY(size_of(call, a));
  if (!d.known()) return call.net.needs(d, std::string(call.name) + ": needs a number that depends on the input's size");
  return d.value;
}

}  // namespace

std::vector<Any> OpCall::items(std::size_t i) const {
  const std::vector<Any>* several = items_of(args[i]);
  return several != nullptr ? *several : std::vector<Any>{args[i]};
}

Result<std::vector<Value>> OpCall::tensors(std::size_t i) const {
  const std::vector<Any>* items = items_of(args[i]);
  if (items == nullptr) return wrong("a list of tensors is wanted, not " + type_name(args[i]));
  std::vector<Value> out;
  for (const Any& a : *items) out.push_back(TRY(value_of(net, a, name)));
  return out;
}

Result<std::int64_t> OpCall::integer(std::size_t i) const { return integer_of(*this, args[i]); }
Result<Dim> OpCall::size(std::size_t i) const { return size_of(*this, args[i]); }

Result<double> OpCall::number(std::size_t i) const {
  const Any& a = args[i];
  if (const auto* x = a.as<double>()) return *x;
  if (const auto* b = a.as<bool>()) return *b ? 1.0 : 0.0;
  if (const auto* d = a.as<Dim>(); d != nullptr && d->known()) return static_cast<double>(d->value);
  if (const auto* t = a.as<TensorRef>()) {
    const Value v = TRY((*t)->read(net));
    if (v.constant() && v.content->count() == 1) return v.content->as_double(0);
  }
  if (const auto* s = a.as<std::string>()) {
    if (*s == "inf") return HUGE_VAL;
    if (*s == "-inf") return -HUGE_VAL;
  }
  return wrong("a number that is known now is wanted, not " + type_name(a));
}

Result<bool> OpCall::flag(std::size_t i) const {
  const Any& a = args[i];
  if (a.none()) return false;
  if (const auto* b = a.as<bool>()) return *b;
  if (const auto* d = a.as<Dim>(); d != nullptr && d->known()) return d->value != 0;
  return wrong("True or False is wanted, not " + type_name(a));
}

Result<std::string> OpCall::text(std::size_t i) const {
  if (const auto* s = args[i].as<std::string>()) return *s;
  return wrong("a text is wanted, not " + type_name(args[i]));
}

Result<std::vector<std::int64_t>> OpCall::integers(std::size_t i) const {
  std::vector<std::int64_t> out;
  const std::vector<Any>* items = items_of(args[i]);
  if (items == nullptr) {
    out.push_back(TRY(integer(i)));
    return out;
  }
  for (const Any& a : *items) out.push_back(TRY(integer_of(*this, a)));
  return out;
}

Result<std::vector<std::int64_t>> OpCall::integers(std::size_t i, std::size_t count) const {
  std::vector<std::int64_t> out = TRY(integers(i));
  if (out.size() == 1) out.assign(count, out[0]);
  if (out.size() != count) return wrong(std::to_string(count) + " numbers are wanted, not " + std::to_string(out.size()));
  return out;
}

Result<Dims> OpCall::sizes(std::size_t i) const {
  Dims out;
  const std::vector<Any>* items = items_of(args[i]);
  if (items == nullptr) {
    out.push_back(TRY(size(i)));
    return out;
  }
  // view(2, 3) and view([2, 3]) and view((2, 3),) are the same.
  if (items->size() == 1 && items_of((*items)[0]) != nullptr) items = items_of((*items)[0]);
  for (const Any& a : *items) out.push_back(TRY(size_of(*this, a)));
  return out;
}

Result<DType> OpCall::dtype(std::size_t i, DType otherwise) const {
  if (!given(i)) return otherwise;
  if (const auto* d = args[i].as<TorchDType>()) return d->dtype;
  if (const auto* d = args[i].as<Dim>(); d != nullptr && d->known()) {
    if (const auto known = dtype_of_code(d->value)) return *known;
    return wrong("the number type " + std::to_string(d->value) + " is not supported");
  }
  if (const auto* f = args[i].as<std::shared_ptr<Callable>>()) {  // dtype=float
    if ((*f)->name == "float") return DType::float32;
    if ((*f)->name == "int") return DType::int64;
    if ((*f)->name == "bool") return DType::boolean;
  }
  return wrong("a type is wanted, not " + type_name(args[i]));
}

}  // namespace slipway::importers::torch
