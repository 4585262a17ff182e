#include "slipway/formats/skops.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <map>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/json_tree.hpp"
#include "slipway/formats/pickle_document.hpp"
#include "slipway/formats/zip.hpp"

namespace slipway::skops {
namespace {

using json_tree::Tree;
using JsonNode = json_tree::Node;
using JsonKind = json_tree::Kind;
using pickle::Array;
using pickle::Document;
using pickle::Kind;
using pickle::kNone;
using pickle::kNoNode;
using pickle::Node;
using pickle::NodeId;

constexpr std::size_t kSchemaMax = 96ULL << 20;
constexpr std::size_t kValuesFree = 500'000, kBytesPerValue = 12;  // values that a schema may have, beyond them one a byte of the file
constexpr std::size_t kNameMax = 512;
constexpr std::size_t kDepthMax = 200;  // of nodes in nodes: each level is one call here
constexpr int kProtocolMax = 2;

class Reader {
 public:
  Reader(std::span<const std::byte> input, const pickle::Limits& limits)
      : limits_(limits), d_(std::make_unique<Document::Impl>()), numpy_(*d_, limits_) {
    d_->input = input;
  }

  Result<std::unique_ptr<Document::Impl>> run() && {
    archive_ = TRY(zip::Archive::open(d_->input, {.entries_max = 200'000, .bytes_max = limits_.array_bytes_max}));
    if (archive_.size_of("schema.json") > kSchemaMax)
      return Error(ErrorCode::model_refused, "schema.json has more than " + std::to_string(kSchemaMax) + " bytes");
    schema_text_ = as_text(TRY(archive_.read("schema.json")));
    tree_ = TRY(Tree::parse(schema_text_, {.nodes_max = std::max(kValuesFree, std::min(d_->input.size(), schema_text_.size() / kBytesPerValue))})
                    .within("schema.json"));
    start();
    TRY(check_protocol());
    d_->root = TRY(node(tree_.root()));
    // Views point into what the archive has unpacked, and keys into what the tree has: both go along.
    d_->kept.push_back(std::make_shared<zip::Archive>(std::move(archive_)));
    d_->kept.push_back(std::make_shared<Tree>(std::move(tree_)));
    return std::move(d_);
  }

 private:
  void start() {
    const auto shared = [&](Kind kind, std::int64_t value) {
      Node n;
      n.kind = kind;
      n.integer = value;
      d_->nodes.push_back(n);
    };
    d_->values_max = limits_.values_max + 16 * (d_->input.size() + schema_text_.size());
    shared(Kind::none, 0);
    shared(Kind::boolean, 1);
    shared(Kind::boolean, 0);
    Node empty;
    empty.kind = Kind::tuple;
    d_->nodes.push_back(empty);
    d_->dtypes.emplace_back();
  }

  Status check_protocol() const {
    const JsonNode* protocol = tree_.find(tree_.root(), "protocol");
    if (protocol == nullptr) return ok();
    const auto number = integer_of(*protocol);
    if (!number || *number < 0) return fail(*protocol, "the protocol is no number");
    if (*number > kProtocolMax)
      return fail(*protocol,
                  "it is written in protocol " + std::to_string(*number) + " of skops; the newest read here is " + std::to_string(kProtocolMax));
    return ok();
  }

  static Error fail(const JsonNode& at, std::string_view what) {
    return {ErrorCode::model_refused, "schema.json at byte " + std::to_string(at.offset) + ": " + std::string(what)};
  }

  static std::optional<std::int64_t> integer_of(const JsonNode& n) {
    std::int64_t v = 0;
    if (n.kind != JsonKind::number) return std::nullopt;
    const auto [end, failed] = std::from_chars(n.text.data(), n.text.data() + n.text.size(), v);
    return failed == std::errc() && end == n.text.data() + n.text.size() ? std::optional(v) : std::nullopt;
  }

  Result<const JsonNode*> member(const JsonNode& of, std::string_view key, JsonKind kind) const {
    const JsonNode* found = tree_.find(of, key);
    if (found == nullptr || found->kind != kind) return fail(of, "a node without its " + std::string(key));
    return found;
  }
  Result<std::string_view> text(const JsonNode& of, std::string_view key) const { return TRY(member(of, key, JsonKind::text))->text; }

  Result<NodeId> add(Node node, const JsonNode& at) {
    if (d_->nodes.size() >= limits_.nodes_max) return fail(at, "more than " + std::to_string(limits_.nodes_max) + " objects");
    node.offset = at.offset;
    d_->nodes.push_back(node);
    return static_cast<NodeId>(d_->nodes.size() - 1);
  }
  Result<NodeId> add_text(std::string_view chars, const JsonNode& at) {
    Node n;
    n.kind = Kind::text;
    n.chars = {chars.data(), chars.size()};
    return add(n, at);
  }
  Result<NodeId> add_children(Kind kind, const std::vector<NodeId>& children, const JsonNode& at) {
    Node n;
    n.kind = kind;
    n.range = {};
    d_->append(n.range, children);
    return add(n, at);
  }
  Result<NodeId> add_array(Array array, const JsonNode& at) {
    Node n;
    n.kind = Kind::array;
    n.index = static_cast<std::uint32_t>(d_->arrays.size());
    d_->arrays.push_back(std::move(array));
    return add(n, at);
  }

  Result<NodeId> global(std::string_view module, std::string_view name, const JsonNode& at) {
    if (module.empty() || name.empty() || module.size() > kNameMax || name.size() > kNameMax)
      return fail(at, "a class or function without a proper name");
    const auto [found, fresh] = globals_.try_emplace({module, name}, static_cast<std::uint32_t>(d_->globals.size()));
    if (fresh) d_->globals.push_back({module, name, pickle::Role::other});
    Node n;
    n.kind = Kind::global;
    n.index = found->second;
    return add(n, at);
  }

  // An object of module.name, with constructor arguments and a state.
  Result<NodeId> object(std::string_view module, std::string_view name, NodeId arguments, NodeId state, const JsonNode& at) {
    pickle::Object object;
    object.callable = TRY(global(module, name, at));
    object.arguments = arguments;
    if (state != kNoNode && state != kNone) d_->append(object.states, std::span(&state, 1));
    Node n;
    n.kind = Kind::object;
    n.index = static_cast<std::uint32_t>(d_->objects.size());
    d_->objects.push_back(object);
    return add(n, at);
  }

  // --- nodes -------------------------------------------------------------------------------------------------------------------

  Result<NodeId> node(const JsonNode& json) {
    if (json.kind != JsonKind::object) return fail(json, "a node is expected, there is another value");
    if (++depth_ > kDepthMax) return fail(json, "objects are nested deeper than " + std::to_string(kDepthMax));
    const std::string_view loader = TRY(text(json, "__loader__"));
    const JsonNode* id = tree_.find(json, "__id__");
    NodeId made = kNone;
    if (loader == "CachedNode") {
      const auto found = id == nullptr ? cached_.end() : cached_.find(id->text);
      if (found == cached_.end()) return fail(json, "a CachedNode names an object that isn't there before it");
      made = found->second;
    } else {
      made = TRY(make(json, loader));
      if (id != nullptr) cached_.insert_or_assign(id->text, made);
    }
    --depth_;
    return made;
  }

  Result<NodeId> make(const JsonNode& json, std::string_view loader) {
    const std::string_view name = TRY(text(json, "__class__")), module = TRY(text(json, "__module__"));
    if (loader == "JsonNode") return json_value(*TRY(member(json, "content", JsonKind::text)));
    if (loader == "DictNode") return dict(json);
    if (loader == "DefaultDictNode" || loader == "_DictWithDeprecatedKeysNode") {
      return node(*TRY(member(*TRY(member(json, "content", JsonKind::object)), "main", JsonKind::object)));
    }
    if (loader == "ListNode") return children(Kind::list, json);
    if (loader == "TupleNode") return children(Kind::tuple, json);
    if (loader == "SetNode") return children(Kind::set, json);
    if (loader == "NdArrayNode") return ndarray(json, name, module);
    if (loader == "SparseMatrixNode") return sparse_matrix(json, name, module);
    if (loader == "TypeNode") return global(module, name, json);
    if (loader == "FunctionNode") return function(json, name, module);
    if (loader == "DTypeNode") return dtype(json);
    if (loader == "SliceNode") return slice(json);
    if (loader == "BytesNode" || loader == "BytearrayNode") return file_bytes(json);
    if (loader == "MethodNode") return method(json, name, module);
    const JsonNode* content = tree_.find(json, "content");
    if (loader == "PartialNode") return partial(json);
    if (loader == "ConstructorFromReduceNode") {
      const NodeId arguments = content == nullptr ? pickle::kEmptyTuple : TRY(node(*content));
      return object(module, name, d_->node(arguments).kind == Kind::tuple ? arguments : pickle::kEmptyTuple, kNoNode, json);
    }
    NodeId arguments = pickle::kEmptyTuple;
    if (const JsonNode* reduce = tree_.find(json, "__reduce__")) {  // TreeNode, LossNode, QuantileForestNode
      arguments = TRY(node(*TRY(member(*reduce, "args", JsonKind::object))));
      if (d_->node(arguments).kind != Kind::tuple) return fail(*reduce, "constructor arguments that are no tuple");
    }
    // ObjectNode, and nodes whose content is of no use here: generators of random numbers, masked arrays, what later versions add.
    const bool is_state = content != nullptr && content->kind == JsonKind::object && tree_.find(*content, "__loader__") != nullptr;
    return object(module, name, arguments, is_state ? TRY(node(*content)) : kNoNode, json);
  }

  // content is a JSON text of its own: a scalar.
  Result<NodeId> json_value(const JsonNode& content) {
    auto parsed = Tree::parse(content.text, {.nodes_max = 4, .depth_max = 1});
    if (!parsed.ok()) return fail(content, parsed.error().detail());
    const JsonNode& value = parsed->root();
    switch (value.kind) {
      case JsonKind::null: return kNone;
      case JsonKind::boolean: return value.boolean ? pickle::kTrue : pickle::kFalse;
      case JsonKind::text: return add_text(d_->own(std::string(value.text)), content);
      case JsonKind::number: return number(d_->own(std::string(value.text)), content);
      default: return fail(content, "a JsonNode with more than one value");
    }
  }

  Result<NodeId> number(std::string_view text, const JsonNode& at) {
    Node n;
    const char *begin = text.data(), *end = text.data() + text.size();
    if (const auto [stop, failed] = std::from_chars(begin, end, n.integer); stop == end && failed == std::errc()) {
      n.kind = Kind::integer;
      return add(n, at);
    }
    if (text.find_first_not_of("-0123456789") == text.npos && !text.empty() && text != "-") {
      n.kind = Kind::big_integer;
      n.flags = pickle::kDecimal;
      n.chars = {text.data(), text.size()};
      return add(n, at);
    }
    n.kind = Kind::real;
    if (text == "NaN") {
      n.real = std::numeric_limits<double>::quiet_NaN();
    } else if (text == "Infinity" || text == "-Infinity") {
      n.real = text[0] == '-' ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    } else {
      double v = 0;
      const auto [stop, failed] = std::from_chars(begin, end, v);
      if (stop != end || (failed != std::errc() && failed != std::errc::result_out_of_range)) return fail(at, "a number that is none");
      n.real = v;
    }
    return add(n, at);
  }

  Result<NodeId> children(Kind kind, const JsonNode& json) {
    const JsonNode& content = *TRY(member(json, "content", JsonKind::array));
    std::vector<NodeId> items;
    for (std::uint32_t i = content.first; i != 0; i = tree_.at(i).next) items.push_back(TRY(node(tree_.at(i))));
    return add_children(kind, items, json);
  }

  // Keys are texts in JSON; key_types says what they were.
  Result<NodeId> dict(const JsonNode& json) {
    const JsonNode& content = *TRY(member(json, "content", JsonKind::object));
    const JsonNode* types = nullptr;
    if (const JsonNode* key_types = tree_.find(json, "key_types")) types = tree_.find(*key_types, "content");
    std::uint32_t type = types != nullptr && types->kind == JsonKind::array ? types->first : 0;
    std::vector<NodeId> pairs;
    for (std::uint32_t i = content.first; i != 0; i = tree_.at(i).next) {
      const JsonNode& value = tree_.at(i);
      const JsonNode* said = type == 0 ? nullptr : tree_.find(tree_.at(type), "__class__");
      pairs.push_back(TRY(key(value, said != nullptr && said->kind == JsonKind::text ? said->text : "str")));
      pairs.push_back(TRY(node(value)));
      if (type != 0) type = tree_.at(type).next;
    }
    return add_children(Kind::dict, pairs, json);
  }

  Result<NodeId> key(const JsonNode& value, std::string_view type) {
    if (type == "NoneType") return kNone;
    if (type == "bool" || type == "bool_") return value.key == "true" || value.key == "True" ? pickle::kTrue : pickle::kFalse;
    const bool whole = type.starts_with("int") || type.starts_with("uint");
    if (!whole && !type.starts_with("float")) return add_text(value.key, value);
    const NodeId made = TRY(number(value.key, value));
    if (whole && d_->node(made).kind == Kind::real) return fail(value, "a key that is no whole number");
    return made;
  }

  // --- arrays ------------------------------------------------------------------------------------------------------------------

  Result<Array> file_array(const JsonNode& json) {
    const std::string_view file = TRY(text(json, "file"));
    auto array = numpy_.array_from_npy(TRY(archive_.read(file)));
    if (!array.ok()) return Error(array.error()).within(file);
    return std::move(*array);
  }

  Result<NodeId> ndarray(const JsonNode& json, std::string_view name, std::string_view module) {
    const std::string_view type = TRY(text(json, "type"));
    if (type == "json") return object_array(json);
    if (type != "numpy") return fail(json, "an array of the unknown type '" + excerpt(type) + "'");
    Array array = TRY(file_array(json));
    const bool plain = name == "ndarray";
    if (!plain && array.shape.empty() && array.count == 1) {  // numpy.float64 and its like
      Node n = TRY(numpy_.scalar(array.dtype, as_text(array.data)));
      return add(n, json);
    }
    if (!plain) array.subclass = TRY(global(module, name, json));
    return add_array(std::move(array), json);
  }

  Result<NodeId> object_array(const JsonNode& json) {
    const NodeId shape_node = TRY(node(*TRY(member(json, "shape", JsonKind::object))));
    Array array;
    array.shape = TRY(numpy_.shape_from(shape_node));
    array.dtype = TRY(numpy_.dtype_from_text("O8"));
    const std::size_t size = TRY(numpy_.data_size(array.dtype, array.shape)) / 8;
    std::vector<NodeId> items;
    TRY(flat_items(*TRY(member(json, "content", JsonKind::array)), array.shape, 0, items));
    if (items.size() != size)
      return fail(json, "an array of shape " + shape_text(array.shape) + " with " + std::to_string(items.size()) + " objects");
    array.count = size;
    d_->append(array.items, items);
    return add_array(std::move(array), json);
  }

  // The first axis is an array of nodes, each further one a ListNode.
  Status flat_items(const JsonNode& content, const Shape& shape, std::size_t axis, std::vector<NodeId>& items) {
    for (std::uint32_t i = content.first; i != 0; i = tree_.at(i).next) {
      const JsonNode& item = tree_.at(i);
      if (axis + 1 >= shape.size()) {
        items.push_back(TRY(node(item)));
        continue;
      }
      const JsonNode* loader = tree_.find(item, "__loader__");
      if (loader == nullptr || loader->text != "ListNode") return fail(item, "an array with fewer dimensions than its shape");
      const JsonNode& inner = *TRY(member(item, "content", JsonKind::array));
      if (static_cast<std::int64_t>(inner.count) != shape[axis + 1]) return fail(item, "an array that disagrees with its shape");
      TRY(flat_items(inner, shape, axis + 1, items));
    }
    return ok();
  }

  // scipy's own archive: data, indices, indptr, shape (and format) of a compressed matrix.
  Result<NodeId> sparse_matrix(const JsonNode& json, std::string_view name, std::string_view module) {
    const std::string_view file = TRY(text(json, "file"));
    auto opened = zip::Archive::open(TRY(archive_.read(file)), {.entries_max = 64, .bytes_max = limits_.array_bytes_max});
    if (!opened.ok()) return Error(opened.error()).within(file);
    const auto inner = std::make_shared<zip::Archive>(std::move(*opened));
    d_->kept.push_back(inner);
    std::vector<NodeId> state;
    for (const std::string_view member_name : inner->names()) {
      const std::string_view stem = member_name.substr(0, member_name.rfind('.'));
      if (stem == "format" || stem == "_is_array") continue;
      auto array = numpy_.array_from_npy(TRY(inner->read(member_name)));
      if (!array.ok()) return Error(array.error()).within(file);
      const NodeId value = TRY(add_array(std::move(*array), json));
      state.push_back(TRY(add_text(stem == "shape" ? std::string_view("_shape") : d_->own(std::string(stem)), json)));
      state.push_back(value);
    }
    return object(module, name, pickle::kEmptyTuple, TRY(add_children(Kind::dict, state, json)), json);
  }

  Result<NodeId> dtype(const JsonNode& json) {
    const NodeId array = TRY(node(*TRY(member(json, "content", JsonKind::object))));
    if (d_->node(array).kind != Kind::array) return fail(json, "a dtype without its array");
    Node n;
    n.kind = Kind::dtype;
    n.index = d_->array(array).dtype;
    return add(n, json);
  }

  // --- the rest ----------------------------------------------------------------------------------------------------------------

  Result<NodeId> function(const JsonNode& json, std::string_view name, std::string_view module) {
    const JsonNode* content = tree_.find(json, "content");  // protocol 0
    if (content == nullptr || content->kind != JsonKind::object) return global(module, name, json);
    return global(TRY(text(*content, "module_path")), TRY(text(*content, "function")), json);
  }

  Result<NodeId> slice(const JsonNode& json) {
    const JsonNode& content = *TRY(member(json, "content", JsonKind::object));
    std::vector<NodeId> parts;
    for (const char* part : {"start", "stop", "step"}) {
      const JsonNode* value = tree_.find(content, part);
      if (value == nullptr) return fail(json, "a slice without its " + std::string(part));
      if (value->kind == JsonKind::null) {
        parts.push_back(kNone);
      } else if (value->kind == JsonKind::number) {
        parts.push_back(TRY(number(value->text, *value)));
      } else if (value->kind == JsonKind::text) {
        parts.push_back(TRY(add_text(value->text, *value)));
      } else {
        parts.push_back(TRY(node(*value)));
      }
    }
    return add_children(Kind::slice, parts, json);
  }

  Result<NodeId> file_bytes(const JsonNode& json) {
    const std::string_view raw = as_text(TRY(archive_.read(TRY(text(json, "file")))));
    Node n;
    n.kind = Kind::bytes;
    n.chars = {raw.data(), raw.size()};
    return add(n, json);
  }

  // A method bound to an object: inert, and named for refusals.
  Result<NodeId> method(const JsonNode& json, std::string_view name, std::string_view module) {
    const JsonNode& content = *TRY(member(json, "content", JsonKind::object));
    const std::string qualified = std::string(name) + "." + std::string(TRY(text(content, "func")));
    const NodeId owner = TRY(node(*TRY(member(content, "obj", JsonKind::object))));
    return object(module, d_->own(qualified), TRY(add_children(Kind::tuple, {owner}, json)), kNoNode, json);
  }

  Result<NodeId> partial(const JsonNode& json) {
    const JsonNode& content = *TRY(member(json, "content", JsonKind::object));
    std::vector<NodeId> arguments;
    for (const char* part : {"func", "args", "kwds"}) arguments.push_back(TRY(node(*TRY(member(content, part, JsonKind::object)))));
    return object("functools", "partial", TRY(add_children(Kind::tuple, arguments, json)), kNoNode, json);
  }

  const pickle::Limits limits_;
  std::unique_ptr<Document::Impl> d_;
  pickle::NumpyValues numpy_;
  zip::Archive archive_;
  std::string_view schema_text_;
  Tree tree_;
  std::map<std::pair<std::string_view, std::string_view>, std::uint32_t> globals_;
  std::map<std::string_view, NodeId> cached_;
  std::size_t depth_ = 0;
};

}  // namespace

Result<Document> read(std::span<const std::byte> bytes, const pickle::Limits& limits) { return Document(TRY(Reader(bytes, limits).run())); }

}  // namespace slipway::skops
