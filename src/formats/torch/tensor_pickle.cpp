#include "slipway/formats/torch/tensor_pickle.hpp"

#include <algorithm>
#include <limits>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/torch/file.hpp"

namespace slipway::torch {
namespace {

using pickle::Kind;
using pickle::View;

constexpr std::size_t kKeyMax = 256;  // they are numbers
constexpr int kWrappersMax = 4;       // Parameter(Variable(tensor)) has two

Error refused(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }
Error at_node(const View& node, const std::string& what) {
  return refused((node.path().empty() ? std::string("the root") : node.path()) + ": " + what);
}

bool in_torch(const View& global) { return global.module() == "torch" || global.module().starts_with("torch."); }

Result<std::uint64_t> not_negative(const View& node, std::string_view what) {
  const auto value = node.integer();
  if (!value.ok() || !node.is(Kind::integer)) return refused(std::string(what) + " is " + node.describe());
  if (*value < 0) return refused(std::string(what) + " is negative");
  return static_cast<std::uint64_t>(*value);
}

// A tuple or list of integers; torch.Size((2, 3)) is one too.
Result<std::vector<std::int64_t>> integers(const View& given, std::string_view what) {
  View node = given;
  if (node.is(Kind::object) && node.name() == "Size" && node.arguments() == 1) node = *node.argument(0);
  if (!node.is(Kind::tuple) && !node.is(Kind::list)) return refused("its " + std::string(what) + " are " + node.describe());
  std::vector<std::int64_t> out;
  if (node.size() > 64) return refused("its " + std::string(what) + " are " + std::to_string(node.size()) + ": no tensor has so many dimensions");
  for (std::size_t i = 0; i < node.size(); ++i)
    out.push_back(static_cast<std::int64_t>(TRY(not_negative(node.at(i), "one of its " + std::string(what)))));
  return out;
}

// What stands where a tensor could, and can't be one here.
std::optional<std::string> why_not(std::string_view name) {
  if (name.find("qtensor") != name.npos) return "a quantized tensor: quantized weights aren't served; save the model before it is quantized";
  if (name.find("sparse") != name.npos) return "a sparse tensor: save it with to_dense()";
  if (name.find("nested") != name.npos) return "a nested tensor: save its parts, or to_padded_tensor(0)";
  if (name.find("meta_tensor") != name.npos) return "a tensor on the device 'meta': it was saved without its values";
  if (name.starts_with("Uninitialized")) return "a parameter of a lazy module that never saw an input: run the model once, then save it";
  return std::nullopt;
}

bool is_parameter_class(const View& global) {
  if (!in_torch(global)) return false;
  return global.name() == "Parameter" || global.name() == "Buffer" || global.name() == "Variable";
}

}  // namespace

Result<DType> dtype_of_storage(std::string_view type_name) {
  struct Known {
    std::string_view name, dtype;
  };
  constexpr Known kKnown[] = {{"FloatStorage", "float32"},
                              {"DoubleStorage", "float64"},
                              {"HalfStorage", "float16"},
                              {"BFloat16Storage", "bfloat16"},
                              {"LongStorage", "int64"},
                              {"IntStorage", "int32"},
                              {"ShortStorage", "int16"},
                              {"CharStorage", "int8"},
                              {"ByteStorage", "uint8"},
                              {"BoolStorage", "bool"},
                              {"UntypedStorage", "uint8"},
                              {"_UntypedStorage", "uint8"},
                              {"ComplexFloatStorage", "complex64"},
                              {"ComplexDoubleStorage", "complex128"},
                              {"QInt8Storage", "qint8"},
                              {"QUInt8Storage", "quint8"},
                              {"QInt32Storage", "qint32"},
                              {"QUInt4x2Storage", "quint4x2"},
                              {"QUInt2x4Storage", "quint2x4"}};
  const auto* found = std::find_if(std::begin(kKnown), std::end(kKnown), [&](const Known& k) { return k.name == type_name; });
  if (found == std::end(kKnown)) return refused("a storage of the type " + excerpt(type_name, 60) + ", which is none that is read");
  return dtype_of_name(found->dtype);
}

bool is_storage_id(const View& persistent) {
  const auto id = persistent.persistent_id();
  return id && id->is(Kind::tuple) && id->size() >= 1 && id->at(0).is_text("storage");
}

Result<StorageId> storage_id(const View& persistent) {
  if (!is_storage_id(persistent)) return refused("a storage is expected, there is " + persistent.describe());
  const View id = *persistent.persistent_id();
  if (id.size() != 5 && id.size() != 6) return refused("a storage of " + std::to_string(id.size()) + " parts; five or six are known");
  const View type = id.at(1), key = id.at(2);
  if (!type.is(Kind::global) || !in_torch(type)) return refused("a storage whose type is " + type.describe());
  StorageId out;
  out.dtype = TRY(dtype_of_storage(type.name()));
  if (key.raw().size() > kKeyMax) return refused("a storage whose key has " + std::to_string(key.raw().size()) + " bytes");
  out.untyped = type.name().ends_with("UntypedStorage");
  out.key = key.is(Kind::integer) ? std::to_string(TRY(key.integer())) : TRY(key.text());
  out.numel = TRY(not_negative(id.at(4), "the size of storage " + excerpt(out.key)));
  if (id.size() == 6 && !id.at(5).is_none()) {
    const View part = id.at(5);
    if (part.size() != 3) return refused("a part of storage " + excerpt(out.key) + " that is " + part.describe());
    const std::uint64_t offset = TRY(not_negative(part.at(1), "the place of a part of storage " + excerpt(out.key)));
    const std::uint64_t size = TRY(not_negative(part.at(2), "the size of a part of storage " + excerpt(out.key)));
    out.part = {offset, size};
  }
  return out;
}

Result<std::span<const std::byte>> Storages::find(const std::string& key) const {
  if (archive_ != nullptr) return archive_->read(folder_ + key);
  const auto found = stretches_.find(key);
  if (found == stretches_.end()) return refused("the file has no storage '" + excerpt(key, 60) + "'");
  return found->second;
}

// A call of one of torch's functions, or what stands for one.
struct TensorPickle::Call {
  View callable;
  std::vector<View> arguments;
};

TensorPickle::TensorPickle(pickle::Document document, Storages storages, std::uint64_t file_bytes)
    : document_(std::make_unique<pickle::Document>(std::move(document))),
      storages_(std::move(storages)),
      file_bytes_(file_bytes),
      copies_(std::make_unique<CopyBudget>(CopyBudget::of_file(file_bytes))),
      inner_(std::make_unique<std::map<std::uint32_t, std::unique_ptr<TensorPickle>>>()) {}

std::optional<TensorPickle::Call> TensorPickle::call_of(const View& node) {
  if (!node.is(Kind::object)) return std::nullopt;
  const auto callable = node.callable();
  if (!callable || !callable->is(Kind::global)) return std::nullopt;
  Call call{*callable, {}};
  for (std::size_t i = 0; i < std::min<std::size_t>(node.arguments(), 16); ++i) call.arguments.push_back(*node.argument(i));
  // _rebuild_from_type_v2(function, type, arguments, state): a tensor with attributes of its own.
  if (call.callable.name().starts_with("_rebuild_from_type") && in_torch(call.callable) && call.arguments.size() >= 3 &&
      call.arguments[0].is(Kind::global) && call.arguments[2].is(Kind::tuple)) {
    const View inner = call.arguments[2];
    Call made{call.arguments[0], {}};
    for (std::size_t i = 0; i < std::min<std::size_t>(inner.size(), 16); ++i) made.arguments.push_back(inner.at(i));
    return made;
  }
  return call;
}

bool TensorPickle::is_tensor(const View& node) {
  View at = node;
  for (int i = 0; i < kWrappersMax; ++i) {
    const auto call = call_of(at);
    if (!call || !in_torch(call->callable)) return false;
    const std::string_view name = call->callable.name();
    if (name.starts_with("_rebuild_") || name.starts_with("Uninitialized")) return true;
    if (!is_parameter_class(call->callable) || call->arguments.empty()) return false;
    at = call->arguments[0];
  }
  return false;
}

Result<TensorView> TensorPickle::tensor(const View& node) const {
  View at = node;
  bool is_parameter = false;
  for (int i = 0; i < kWrappersMax; ++i) {
    const auto call = call_of(at);
    if (!call || !in_torch(call->callable)) return at_node(node, "a tensor is expected, there is " + at.describe());
    const std::string_view name = call->callable.name();
    if (const auto reason = why_not(name)) return at_node(node, *reason);
    const bool wraps = is_parameter_class(call->callable) || name == "_rebuild_parameter" || name == "_rebuild_parameter_with_state";
    if (!wraps) {
      auto made = rebuilt(*call);
      if (!made.ok()) return at_node(node, made.error().detail());
      made->is_parameter = is_parameter;
      return made;
    }
    if (call->arguments.empty()) return at_node(node, "a parameter without its tensor");
    is_parameter = is_parameter || call->callable.name() != "Buffer";
    at = call->arguments[0];
  }
  return at_node(node, "a tensor wrapped too many times");
}

Result<TensorView> TensorPickle::rebuilt(const Call& call) const {
  const std::string_view name = call.callable.name();
  const bool third = name == "_rebuild_tensor_v3";
  if (name != "_rebuild_tensor" && name != "_rebuild_tensor_v2" && !third)
    return refused("a tensor made by " + excerpt(call.callable.qualified_name(), 80) + ", which isn't read");
  const auto& args = call.arguments;
  if (args.size() < (third ? 7U : 4U)) return refused("a tensor made of " + std::to_string(args.size()) + " arguments");
  // The bits that turn a tensor's values only when they are used: {'neg': True}.
  const std::size_t metadata = third ? 7 : 6;
  for (std::size_t i = 0; args.size() > metadata && i < args[metadata].entries(); ++i) {
    if (args[metadata].value_at(i).is(Kind::boolean) && TRY(args[metadata].value_at(i).boolean()))
      return refused("a tensor with " + args[metadata].key_at(i).describe() + " set: save it with resolve_neg().resolve_conj()");
  }
  std::optional<DType> dtype;
  if (third) {
    if (!args[6].is(Kind::global) || !in_torch(args[6])) return refused("a tensor whose dtype is " + args[6].describe());
    dtype = TRY(dtype_of_name(args[6].name()));
  }
  TensorView t;
  t.offset = TRY(not_negative(args[1], "its offset"));
  t.sizes = TRY(integers(args[2], "sizes"));
  t.strides = TRY(integers(args[3], "strides"));
  return placed(std::move(t), args[0], dtype);
}

Result<TensorView> TensorPickle::placed(TensorView t, const View& node, std::optional<DType> dtype) const {
  const auto [id, bytes] = TRY(storage(node));
  t.dtype = dtype.value_or(id.dtype);
  if (!dtype && id.untyped) return refused("a tensor over a storage without a dtype");
  t.storage = bytes;
  t.big_endian = storages_.big_endian();
  t.copies = copies_.get();
  return checked(std::move(t));
}

Result<std::pair<StorageId, std::span<const std::byte>>> TensorPickle::storage(const View& node) const {
  using Pair = std::pair<StorageId, std::span<const std::byte>>;
  // Python's own pickle writes a storage as a whole file of torch.save.
  if (node.is(Kind::object) && node.name() == "_load_from_bytes" && node.arguments() == 1) {
    const TensorPickle* file = TRY(inner_file(*node.argument(0)));
    if (!file->root().is(Kind::persistent)) return refused("a storage is expected, there is " + file->root().describe());
    return file->storage(file->root());
  }
  StorageId id = TRY(storage_id(node));
  std::span<const std::byte> bytes = TRY(storages_.find(id.key));
  const std::size_t width = dtype_size(id.dtype);
  const auto size = checked_mul(id.numel, width);
  if (!size || *size > bytes.size()) {
    return refused("storage " + excerpt(id.key, 60) + " should hold " + std::to_string(id.numel) + " elements of " + std::to_string(width) +
                   " bytes, it has " + std::to_string(bytes.size()) + " bytes");
  }
  bytes = bytes.first(*size);
  if (id.part) {
    const auto [offset, numel] = *id.part;
    if (offset > id.numel || numel > id.numel - offset) return refused("a part of storage " + excerpt(id.key, 60) + " that is not within it");
    bytes = bytes.subspan(offset * width, numel * width);
  }
  return Pair(std::move(id), bytes);
}

Result<const TensorPickle*> TensorPickle::inner_file(const View& node) const {
  const auto known = inner_->find(node.id());
  if (known != inner_->end()) return known->second.get();
  if (!node.is(Kind::bytes)) return refused("a storage is expected, there is " + node.describe());
  File file = TRY(File::open(as_bytes(node.raw())).within("a storage within the pickle"));
  auto inner = std::make_unique<TensorPickle>(std::move(file.pickle));
  return inner_->emplace(node.id(), std::move(inner)).first->second.get();
}

}  // namespace slipway::torch
