// GLOBAL, REDUCE, NEWOBJ, BUILD: inert objects, but for the constructors of plain values (bytes, set, numpy's) and joblib's
// arrays, whose raw bytes stand in the stream.
#include <algorithm>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/pickle_reader.hpp"

namespace slipway::pickle {
namespace {

constexpr std::size_t kNameMax = 512;
constexpr std::size_t kWrapperEntriesMax = 16;  // real ones have 5 or 6
constexpr std::size_t kGlobalsMax = 20'000;
constexpr std::size_t kObjectsFree = 500'000, kObjectBytesMin = 12;  // a class, arguments, a state
constexpr std::size_t kArrayBytesMin = 20;                           // no pickler writes an array in fewer

Role role_of(std::string_view module, std::string_view name) {
  auto in = [&](std::initializer_list<std::string_view> modules) { return std::find(modules.begin(), modules.end(), module) != modules.end(); };
  if (in({"numpy.core.multiarray", "numpy._core.multiarray"})) {
    return name == "_reconstruct" ? Role::np_reconstruct : name == "scalar" ? Role::np_scalar : Role::other;
  }
  if (in({"numpy.core.numeric", "numpy._core.numeric"}) && name == "_frombuffer") return Role::np_frombuffer;
  if (module == "numpy" && name == "dtype") return Role::np_dtype;
  if (module == "_codecs" && name == "encode") return Role::codecs_encode;
  if (in({"joblib.numpy_pickle", "sklearn.externals.joblib.numpy_pickle", "joblib.numpy_pickle_compat",
          "sklearn.externals.joblib.numpy_pickle_compat"})) {
    if (name == "NumpyArrayWrapper") return Role::joblib_wrapper;
    if (name == "NDArrayWrapper" || name == "ZNDArrayWrapper") return Role::joblib_old_wrapper;
  }
  if (in({"dill._dill", "dill.dill"})) {
    return name == "_get_attr"        ? Role::dill_get_attr
           : name == "_import_module" ? Role::dill_import_module
           : name == "_create_array"  ? Role::dill_create_array
                                      : Role::other;
  }
  if (in({"copy_reg", "copyreg"})) { return name == "_reconstructor" ? Role::reconstructor : name == "__newobj__" ? Role::newobj : Role::other; }
  if (in({"__builtin__", "builtins"})) {
    if (name == "bytearray") return Role::bytearray;
    if (name == "bytes") return Role::bytes;
    if (name == "set" || name == "frozenset") return Role::set;
    if (name == "slice" || name == "xrange") return name == "slice" ? Role::slice : Role::other;
    if (name == "dict") return Role::dict;
    if (name == "list") return Role::list;
  }
  if (in({"collections"}) && (name == "OrderedDict" || name == "Counter")) return Role::dict;
  return Role::other;
}

}  // namespace

Status Reader::call(Op op) {
  switch (op) {
    case Op::GLOBAL: {
      const std::string_view module = TRY(line());
      return push_global(module, TRY(line()));
    }
    case Op::STACK_GLOBAL: {
      const NodeId name = TRY(pop()), module = TRY(pop());
      if (d_->node(name).kind != Kind::text || d_->node(module).kind != Kind::text) return fail("its module and name are no texts");
      return push_global(d_->node(module).view(), d_->node(name).view());
    }
    case Op::REDUCE:
    case Op::NEWOBJ: {
      const NodeId arguments = TRY(pop()), callable = TRY(pop());
      return make(callable, arguments, op == Op::REDUCE);
    }
    case Op::NEWOBJ_EX: {
      const NodeId keywords = TRY(pop()), arguments = TRY(pop()), callable = TRY(pop());
      if (d_->node(keywords).kind != Kind::dict) return fail("its keyword arguments are " + a(keywords));
      TRY(make(callable, arguments, false));
      // Keyword arguments are looked up like state: __init__ would have set them.
      const NodeId made = TRY(top());
      if (d_->node(keywords).range.count == 0 || d_->node(made).kind != Kind::object) return ok();
      return append_to(d_->objects[d_->node(made).index].states, {&keywords, 1});
    }
    case Op::INST: {
      const std::string_view module = TRY(line());
      const std::string_view name = TRY(line());
      const NodeId arguments = TRY(add_children(Kind::tuple, TRY(since_mark())));
      drop_mark();
      TRY(push_global(module, name));
      return make(TRY(pop()), arguments, true);
    }
    case Op::OBJ: {
      const auto items = TRY(since_mark());
      if (items.empty()) return fail("the class is missing");
      const NodeId callable = items[0];
      const NodeId arguments = TRY(add_children(Kind::tuple, items.subspan(1)));
      drop_mark();
      return make(callable, arguments, true);
    }
    case Op::BUILD: return build();
    default: {  // PERSID, BINPERSID
      Node n;
      n.kind = Kind::persistent;
      n.flags = op == Op::PERSID ? kTextId : 0;
      n.index = op == Op::PERSID ? TRY(add_chars(Kind::text, TRY(line()), kLatin1)) : TRY(pop());
      return push(TRY(add(n)));
    }
  }
}

Status Reader::push_global(std::string_view module, std::string_view name) {
  if (module.empty() || name.empty()) return fail("a name is missing");
  if (module.size() > kNameMax || name.size() > kNameMax) return fail("a name of more than " + std::to_string(kNameMax) + " bytes");
  if (!is_valid_utf8(module) || !is_valid_utf8(name)) return fail("a name that is no text");
  const auto [at, is_new] = global_index_.try_emplace({module, name}, static_cast<std::uint32_t>(d_->globals.size()));
  if (d_->globals.size() >= kGlobalsMax) return fail("more than " + std::to_string(kGlobalsMax) + " different names of classes and functions");
  if (is_new) d_->globals.push_back({module, name, role_of(module, name)});
  Node n;
  n.kind = Kind::global;
  n.index = at->second;
  return push(TRY(add(n)));
}

// PyTorch before 1.6 wrote a class as the persistent id ('module', class, file, source), and called that.
NodeId Reader::class_of(NodeId callable) const {
  if (d_->node(callable).kind != Kind::persistent) return callable;
  const Node& id = d_->node(d_->node(callable).index);
  if (id.kind != Kind::tuple || id.range.count != 4 || !d_->text_is(d_->child(id.range, 0), "module")) return callable;
  const NodeId named = d_->child(id.range, 1);
  return d_->node(named).kind == Kind::global ? named : callable;
}

Status Reader::make(NodeId callable, NodeId arguments, bool is_reduce) {
  callable = class_of(callable);
  const Kind kind = d_->node(callable).kind;
  if (kind != Kind::global && kind != Kind::object) return fail("a class or function is expected, there is " + a(callable));
  if (d_->node(arguments).kind != Kind::tuple) return fail("its arguments are " + a(arguments) + ", not a tuple");
  if (kind == Kind::global) {
    const Role role = d_->globals[d_->node(callable).index].role;
    if (is_reduce) {
      if (const auto known = TRY(known_call(role, arguments))) return push(*known);
    }
  }
  return push(TRY(make_object(callable, arguments)));
}

Result<NodeId> Reader::make_object(NodeId callable, NodeId arguments) {
  if (d_->objects.size() >= std::max(kObjectsFree, input_.size() / kObjectBytesMin)) return fail("more objects of classes than the file can hold");
  Object object;
  object.callable = callable;
  object.arguments = arguments;
  TRY(items_from_arguments(object, arguments));
  Node n;
  n.kind = Kind::object;
  n.index = static_cast<std::uint32_t>(d_->objects.size());
  const NodeId id = TRY(add(n));
  d_->objects.push_back(object);
  return id;
}

// OrderedDict([[k, v], ...]) of Python 2, Counter({...}): their entries.
Status Reader::items_from_arguments(Object& object, NodeId arguments) {
  const Node& callable = d_->node(object.callable);
  const Range args = d_->node(arguments).range;
  if (callable.kind != Kind::global || d_->globals[callable.index].role != Role::dict || args.count != 1) return ok();
  const Node& given = d_->node(d_->child(args, 0));
  if (given.kind == Kind::dict) {
    object.entries = given.range;
    object.entries.capacity = object.entries.count;  // a snapshot: it must not grow into what is the dict's
  }
  if (given.kind != Kind::list) return ok();
  if (!d_->may_copy(given.range.count)) return fail("dictionaries that are larger than the file");
  std::vector<NodeId> pairs;
  for (std::size_t i = 0; i < given.range.count; ++i) {
    const Node& pair = d_->node(d_->child(given.range, i));
    if ((pair.kind != Kind::list && pair.kind != Kind::tuple) || pair.range.count != 2) return ok();
    pairs.push_back(d_->child(pair.range, 0));
    pairs.push_back(d_->child(pair.range, 1));
  }
  return append_to(object.entries, pairs);
}

// The constructors of plain values. nullopt: an object like any other.
Result<std::optional<NodeId>> Reader::known_call(Role role, NodeId arguments) {
  const Range args = d_->node(arguments).range;
  switch (role) {
    case Role::codecs_encode: return encoded(arguments);
    case Role::bytes:
    case Role::bytearray: {
      if (args.count == 0) return std::optional(TRY(add_chars(Kind::bytes, {})));
      if (args.count == 1 && d_->node(d_->child(args, 0)).kind == Kind::bytes) return std::optional(d_->child(args, 0));
      return encoded(arguments);
    }
    case Role::set: return make_set(arguments);
    case Role::slice: {
      if (args.count != 3) return std::optional<NodeId>();
      Node n;
      n.kind = Kind::slice;
      n.range = args;
      return std::optional(TRY(add(n)));
    }
    case Role::reconstructor: return reconstructed(arguments);
    case Role::newobj: {
      if (args.count == 0) return std::optional<NodeId>();
      const NodeId callable = d_->child(args, 0);
      if (d_->node(callable).kind != Kind::global) return std::optional<NodeId>();
      Node rest;
      rest.kind = Kind::tuple;
      rest.range = {args.begin + 1, args.count - 1, args.count - 1};
      return std::optional(TRY(make_object(callable, TRY(add(rest)))));
    }
    case Role::dill_get_attr: return dill_attribute(arguments);
    case Role::dill_create_array: return dill_array(arguments);
    case Role::np_dtype: return make_dtype(arguments);
    case Role::np_scalar: return make_scalar(arguments);
    case Role::np_frombuffer: {
      auto array = numpy_.array_from_buffer(arguments);
      if (!array) return place(std::move(array).error());
      return std::optional(TRY(add_array(std::move(*array))));
    }
    default: return std::optional<NodeId>();
  }
}

// _codecs.encode(text, 'latin1') is how protocols 0-2 write bytes. One result per text, however often it is asked for.
Result<std::optional<NodeId>> Reader::encoded(NodeId arguments) {
  const Range args = d_->node(arguments).range;
  if (args.count != 2) return std::optional<NodeId>();
  const NodeId source = d_->child(args, 0), codec = d_->child(args, 1);
  if (d_->node(source).kind != Kind::text) return std::optional<NodeId>();
  if (!d_->text_is(codec, "latin1") && !d_->text_is(codec, "latin-1")) return std::optional<NodeId>();
  if (d_->node(source).index != 0) return std::optional(d_->node(source).index);
  const Node text = d_->node(source);
  NodeId made = kNone;
  if ((text.flags & kLatin1) != 0 || std::all_of(text.view().begin(), text.view().end(), [](char c) { return c >= 0; })) {
    made = TRY(add_chars(Kind::bytes, text.view()));
  } else {
    auto bytes = utf8_to_latin1(text.view());
    if (!bytes) return fail("a text that is said to be bytes has characters above U+00FF");
    made = TRY(add_chars(Kind::bytes, d_->own(std::move(*bytes))));
  }
  d_->nodes[source].index = made;
  return std::optional(made);
}

Result<std::optional<NodeId>> Reader::make_dtype(NodeId arguments) {
  const Range args = d_->node(arguments).range;
  if (args.count == 0 || d_->node(d_->child(args, 0)).kind != Kind::text) return std::optional<NodeId>();
  auto dtype = numpy_.dtype_from_text(d_->node(d_->child(args, 0)).view());
  if (!dtype) return place(std::move(dtype).error());
  Node n;
  n.kind = Kind::dtype;
  n.index = *dtype;
  return std::optional(TRY(add(n)));
}

Result<std::optional<NodeId>> Reader::make_scalar(NodeId arguments) {
  const Range args = d_->node(arguments).range;
  if (args.count != 2) return fail("a numpy scalar with " + std::to_string(args.count) + " arguments");
  const Node& dtype = d_->node(d_->child(args, 0));
  const Node& data = d_->node(d_->child(args, 1));
  if (dtype.kind != Kind::dtype) return std::optional<NodeId>();
  if (d_->dtypes[dtype.index].kind == 'O') return std::optional(d_->child(args, 1));
  if (data.kind != Kind::bytes && !(data.kind == Kind::text && (data.flags & kLatin1) != 0)) return fail("a numpy scalar's data is no bytes");
  TRY(count_array());
  auto made = numpy_.scalar(dtype.index, data.view());
  if (!made) return place(std::move(made).error());
  return std::optional(TRY(add(*made)));
}

Result<std::optional<NodeId>> Reader::make_set(NodeId arguments) {
  const Range args = d_->node(arguments).range;
  Node n;
  n.kind = Kind::set;
  n.range = {};
  if (args.count == 1) {
    const Node& given = d_->node(d_->child(args, 0));
    if (given.kind != Kind::list && given.kind != Kind::tuple && given.kind != Kind::set) return std::optional<NodeId>();
    n.range = given.range;
    n.range.capacity = n.range.count;
  } else if (args.count != 0) {
    return std::optional<NodeId>();
  }
  return std::optional(TRY(add(n)));
}

// dill's way to write a name: _get_attr(_import_module("numpy.core.multiarray"), "_reconstruct").
Result<std::optional<NodeId>> Reader::dill_attribute(NodeId arguments) {
  const Range args = d_->node(arguments).range;
  if (args.count != 2) return std::optional<NodeId>();
  const Node& module = d_->node(d_->child(args, 0));
  const Node& name = d_->node(d_->child(args, 1));
  if (module.kind != Kind::object || name.kind != Kind::text) return std::optional<NodeId>();
  const Object& call = d_->objects[module.index];
  const Node& callable = d_->node(call.callable);
  if (callable.kind != Kind::global || d_->globals[callable.index].role != Role::dill_import_module) return std::optional<NodeId>();
  const Range path = d_->node(call.arguments).range;
  if (path.count != 1 || d_->node(d_->child(path, 0)).kind != Kind::text) return std::optional<NodeId>();
  std::string_view from = d_->node(d_->child(path, 0)).view();
  if (from == "numpy.core._multiarray_umath" || from == "numpy._core._multiarray_umath") from = "numpy.core.multiarray";
  TRY(push_global(from, name.view()));
  return std::optional(TRY(pop()));
}

// dill's _create_array(constructor, its arguments, state[, attributes]): what _reconstruct and BUILD are elsewhere.
Result<std::optional<NodeId>> Reader::dill_array(NodeId arguments) {
  const Range args = d_->node(arguments).range;
  if (args.count < 3 || args.count > 4) return std::optional<NodeId>();
  const Node& constructor = d_->node(d_->child(args, 0));
  if (constructor.kind != Kind::global || d_->node(d_->child(args, 1)).kind != Kind::tuple) return std::optional<NodeId>();
  const Role role = d_->globals[constructor.index].role;
  if (role == Role::np_frombuffer) return known_call(role, d_->child(args, 1));
  if (role != Role::np_reconstruct) return std::optional<NodeId>();
  auto array = numpy_.array_from_state(d_->child(args, 2));
  if (!array) return place(std::move(array).error());
  if (!array->has_value()) return std::optional<NodeId>();
  return std::optional(TRY(add_array(std::move(**array))));
}

// copy_reg._reconstructor(class, base, base's value) of protocols 0 and 1.
Result<std::optional<NodeId>> Reader::reconstructed(NodeId arguments) {
  const Range args = d_->node(arguments).range;
  if (args.count != 3) return std::optional<NodeId>();
  const NodeId callable = d_->child(args, 0), value = d_->child(args, 2);
  if (d_->node(callable).kind != Kind::global) return std::optional<NodeId>();
  const NodeId id = TRY(make_object(callable, kEmptyTuple));
  Object& object = d_->objects[d_->node(id).index];
  const Node& content = d_->node(value);
  if (content.kind == Kind::dict) object.entries = content.range;
  if (content.kind == Kind::list || content.kind == Kind::tuple) object.items = content.range;
  object.entries.capacity = object.entries.count;
  object.items.capacity = object.items.count;
  return std::optional(id);
}

Status Reader::count_array() {
  if (d_->arrays.size() > input_.size() / kArrayBytesMin + 64) return fail("more arrays than the file can hold");
  return ok();
}

Result<NodeId> Reader::add_array(Array array) {
  TRY(count_array());
  Node n;
  n.kind = Kind::array;
  n.index = static_cast<std::uint32_t>(d_->arrays.size());
  const NodeId id = TRY(add(n));
  d_->arrays.push_back(std::move(array));
  return id;
}

// APPEND(S) and ADDITEMS.
Status Reader::extend(NodeId target, std::span<const NodeId> items) {
  Node& n = d_->nodes[target];
  const Kind fits = static_cast<Op>(opcode_) == Op::ADDITEMS ? Kind::set : Kind::list;
  if (n.kind == fits) return append_to(n.range, items);
  if (n.kind == Kind::object) return append_to(d_->objects[n.index].items, items);
  return fail("it adds to " + a(target) + ", which takes no items");
}

Status Reader::set_items(NodeId target, std::span<const NodeId> items) {
  if (items.size() % 2 != 0) return fail("a key without a value");
  Node& n = d_->nodes[target];
  if (n.kind == Kind::dict) return append_to(n.range, items);
  if (n.kind == Kind::object) return append_to(d_->objects[n.index].entries, items);
  return fail("it sets entries of " + a(target) + ", which has none");
}

Status Reader::build() {
  const NodeId state = TRY(pop());
  const NodeId target = TRY(top());
  const Kind kind = d_->node(target).kind;
  if (kind == Kind::object) return build_object(target, state);
  if (kind == Kind::dtype) {
    auto dtype = numpy_.dtype_with_state(d_->node(target).index, state);
    if (!dtype) return place(std::move(dtype).error());
    d_->nodes[target].index = *dtype;
    return ok();
  }
  return fail("it gives a state to " + a(target) + ", which takes none");
}

Status Reader::build_object(NodeId target, NodeId state) {
  const std::uint32_t index = d_->node(target).index;
  const NodeId callable = d_->objects[index].callable;
  const Role role = d_->node(callable).kind == Kind::global ? d_->globals[d_->node(callable).index].role : Role::other;
  if (role == Role::joblib_wrapper) return build_joblib_array(target, state);
  if (role == Role::joblib_old_wrapper) return build_old_joblib_array(target, state);
  if (role == Role::np_reconstruct) {
    auto array = numpy_.array_from_state(state);
    if (!array) return place(std::move(array).error());
    if (array->has_value()) {
      TRY(count_array());
      const Range args = d_->node(d_->objects[index].arguments).range;
      const NodeId type = args.count == 0 ? kNone : d_->child(args, 0);
      if (d_->node(type).kind == Kind::global && d_->globals[d_->node(type).index].name != "ndarray") (*array)->subclass = type;
      d_->nodes[target].kind = Kind::array;
      d_->nodes[target].index = static_cast<std::uint32_t>(d_->arrays.size());
      d_->arrays.push_back(std::move(**array));
      return ok();
    }
  }
  Range& states = d_->objects[index].states;
  if (states.count >= kBuildsMax) return fail("more than " + std::to_string(kBuildsMax) + " states for one object");
  return append_to(states, {&state, 1});
}

// joblib.numpy_pickle.NumpyArrayWrapper{subclass, shape, order, dtype, allow_mmap[, numpy_array_alignment_bytes]}: the array's
// bytes stand in the stream right here.
Status Reader::build_joblib_array(NodeId target, NodeId state) {
  if (context_->nested) return fail("a joblib array within a joblib array of objects");
  if (d_->node(state).kind != Kind::dict) return fail("a joblib array's description is " + a(state));
  const Range entries = d_->node(state).range;
  if (entries.count > 2 * kWrapperEntriesMax) return fail("a joblib array's description has " + std::to_string(entries.count / 2) + " entries");
  auto value = [&](std::string_view key) -> NodeId {
    const auto at = d_->find_entry(entries, key);
    return at ? d_->child(entries, 2 * *at + 1) : kNone;
  };
  const NodeId dtype = value("dtype");
  if (d_->node(dtype).kind != Kind::dtype) return fail("a joblib array's dtype is " + a(dtype));
  d_->joblib = true;
  TRY(count_array());
  if (d_->dtypes[d_->node(dtype).index].has_object) {
    const std::uint8_t opcode = opcode_;
    const std::size_t offset = opcode_offset_;
    const NodeId nested = TRY(joblib_objects());
    opcode_ = opcode;
    opcode_offset_ = offset;
    if (d_->node(nested).kind != Kind::array) return fail("a joblib array of objects holds " + a(nested));
    // The same array under two ids, were it not for its offset: the nested root has no other reference.
    d_->nodes[target].kind = Kind::array;
    d_->nodes[target].index = d_->node(nested).index;
    return ok();
  }
  Array array = TRY(joblib_numbers(entries, d_->node(dtype).index));
  const NodeId type = value("subclass");
  if (d_->node(type).kind == Kind::global && d_->globals[d_->node(type).index].name != "ndarray") array.subclass = type;
  d_->nodes[target].kind = Kind::array;
  d_->nodes[target].index = static_cast<std::uint32_t>(d_->arrays.size());
  d_->arrays.push_back(std::move(array));
  return ok();
}

Result<NodeId> Reader::joblib_objects() {
  Context nested;
  nested.nested = true;
  return run_context(nested);
}

Result<Array> Reader::joblib_numbers(const Range& state, std::uint32_t dtype) {
  auto value = [&](std::string_view key) -> NodeId {
    const auto at = d_->find_entry(state, key);
    return at ? d_->child(state, 2 * *at + 1) : kNone;
  };
  if (d_->dtypes[dtype].base != 0) return fail("a joblib array with a subarray dtype");
  auto shape = numpy_.shape_from(value("shape"));
  if (!shape) return place(std::move(shape).error());
  const auto size = numpy_.data_size(dtype, *shape);
  if (!size) return place(size.error());
  // Since joblib 1.2 a length byte and so many 0xFF align the data.
  if (value("numpy_array_alignment_bytes") != kNone) TRY(counted(1));
  Array array;
  array.dtype = dtype;
  const std::uint32_t itemsize = d_->dtypes[dtype].itemsize;
  array.count = itemsize == 0 ? 0 : *size / itemsize;
  array.data = as_bytes(TRY(take(*size)));
  array.shape = std::move(*shape);
  if (d_->text_is(value("order"), "F")) array.strides = NumpyValues::fortran_strides(array.shape);
  return array;
}

}  // namespace slipway::pickle
