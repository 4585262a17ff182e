#include "slipway/importers/torch/exported.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <unordered_map>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/json_tree.hpp"
#include "slipway/formats/torch/export.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/inputs.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {
namespace {

namespace files = slipway::torch;
using json_tree::Kind;
using json_tree::Node;
using json_tree::Tree;

constexpr int kGraphsMax = 20;  // inside each other

Error refuse(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

// Of what PyTorch's operators calculate with: uint16 is stored only.
std::optional<DType> dtype_of_schema(std::int64_t number) {
  const auto d = files::dtype_of_number(number);
  return d.ok() && *d != DType::uint16 ? std::optional(*d) : std::nullopt;
}

// A program as JSON, with the weights beside it. Outlives every try.
class Program {
 public:
  Program(Tree tree, const files::ExportArchive& archive, std::span<const std::byte> lasting)
      : tree_(std::move(tree)), archive_(archive), lasting_(lasting) {}

  const Node* member(const Node* of, std::string_view key) const { return of == nullptr ? nullptr : tree_.find(*of, key); }
  const Node* member(const Node* of, std::string_view a, std::string_view b) const { return member(member(of, a), b); }
  std::vector<const Node*> items(const Node* array) const {
    std::vector<const Node*> out;
    if (array == nullptr || (array->kind != Kind::array && array->kind != Kind::object)) return out;
    for (std::uint32_t i = array->first; i != 0; i = tree_.at(i).next) out.push_back(&tree_.at(i));
    return out;
  }
  static std::string text(const Node* n) { return n == nullptr || n->kind != Kind::text ? std::string() : std::string(n->text); }
  static std::optional<std::int64_t> integer(const Node* n) {
    std::int64_t v = 0;
    if (n == nullptr || n->kind != Kind::number) return std::nullopt;
    const auto [end, error] = std::from_chars(n->text.data(), n->text.data() + n->text.size(), v);
    return error == std::errc() && end == n->text.data() + n->text.size() ? std::optional(v) : std::nullopt;
  }
  static std::optional<double> number(const Node* n) {
    if (n == nullptr) return std::nullopt;
    if (n->kind == Kind::text) {  // JSON has no infinities
      if (n->text == "Infinity") return HUGE_VAL;
      if (n->text == "-Infinity") return -HUGE_VAL;
      if (n->text == "NaN") return std::nan("");
    }
    double v = 0;
    if (n->kind != Kind::number) return std::nullopt;
    const auto [end, error] = std::from_chars(n->text.data(), n->text.data() + n->text.size(), v);
    return error == std::errc() && end == n->text.data() + n->text.size() ? std::optional(v) : std::nullopt;
  }
  const Node* root() const { return &tree_.root(); }
  const Node* graph() const { return member(member(root(), "graph_module"), "graph"); }
  const Node* signature() const { return member(member(root(), "graph_module"), "signature"); }

  Result<neural::SharedTensor> weight(const std::string& name) {
    auto& known = tensors_[name];
    if (!known) {
      const files::TensorView* t = archive_.weights.find(name);
      if (t == nullptr) t = archive_.constants.find(name);
      if (t == nullptr) return refuse("the archive has no weights named " + excerpt(name, 80));
      known = std::make_shared<const Tensor>(TRY(t->tensor(lasting_)));
    }
    return known;
  }

 private:
  Tree tree_;
  const files::ExportArchive& archive_;
  std::span<const std::byte> lasting_;  // bytes that weights may be views of
  std::map<std::string, neural::SharedTensor> tensors_;
};

class Run {
 public:
  Run(Program& program, Net& net) : program_(program), net_(net) {}
  using Names = std::unordered_map<std::string, Any>;

  Status graph(const Node* g, Names& names, std::vector<Any>& outputs, int depth) {  // NOLINT(misc-no-recursion): kGraphsMax
    if (depth > kGraphsMax) return refuse("graphs are nested more than " + std::to_string(kGraphsMax) + " deep");
    for (const Node* node : program_.items(program_.member(g, "nodes"))) {
      const Status done = run(node, names, depth);
      if (!done.ok()) {
        if (placed_) return done;
        placed_ = true;
        return Error(done.error()).within("node " + excerpt(Program::text(program_.member(node, "name")), 60));
      }
    }
    for (const Node* o : program_.items(program_.member(g, "outputs"))) outputs.push_back(TRY(argument(o, names)));
    return ok();
  }

  // {"as_tensor": {"name": "x"}} and its like: an object of one member.
  Result<Any> argument(const Node* a, const Names& names) {  // NOLINT(misc-no-recursion): as deep as the document
    const std::vector<const Node*> members = program_.items(a);
    if (a == nullptr || a->kind != Kind::object || members.empty()) return refuse("an argument that is not known");
    const Node* m = members[0];
    const std::string_view kind = m->key;
    if (kind == "as_tensor" || kind == "as_name" || kind == "as_sym_int" || kind == "as_sym_bool" || kind == "as_sym_float" ||
        kind == "as_optional_tensor") {
      if (m->kind == Kind::text) return named(std::string(m->text), names);
      if (const Node* name = program_.member(m, "name")) return named(Program::text(name), names);
      return argument(m, names);
    }
    if (kind == "as_none") return Any();
    if (kind == "as_int") {
      if (const auto i = Program::integer(m)) return Any(*i);
    }
    if (kind == "as_float") {
      if (const auto x = Program::number(m)) return Any(*x);
    }
    if (kind == "as_bool" && m->kind == Kind::boolean) return Any(m->boolean);
    if (kind == "as_string") return Any(Program::text(m));
    if (kind == "as_scalar_type") {
      const std::int64_t number = Program::integer(m).value_or(-1);
      if (number == 10 || number == 11) return Any(TorchDType{.dtype = DType::float32, .complex = true});
      const auto d = dtype_of_schema(number);
      if (!d) return refuse("a number type that is not supported");
      return Any(TorchDType{*d});
    }
    if (kind == "as_device" || kind == "as_memory_format" || kind == "as_layout") return Any();
    if (kind == "as_ints" || kind == "as_floats" || kind == "as_bools" || kind == "as_strings" || kind == "as_tensors" || kind == "as_sym_ints" ||
        kind == "as_optional_tensors" || kind == "as_sym_floats" || kind == "as_sym_bools") {
      std::vector<Any> items;
      for (const Node* item : program_.items(m)) {
        if (item->kind == Kind::number) {
          const auto i = Program::integer(item);
          items.push_back(i && kind != "as_floats" ? Any(*i) : Any(Program::number(item).value_or(0)));
        } else if (item->kind == Kind::boolean) {
          items.emplace_back(item->boolean);
        } else if (item->kind == Kind::text) {
          items.emplace_back(std::string(item->text));
        } else if (const Node* name = program_.member(item, "name"); name != nullptr && kind == "as_tensors") {
          items.push_back(TRY(named(Program::text(name), names)));
        } else {
          items.push_back(TRY(argument(item, names)));
        }
      }
      return list(std::move(items));
    }
    return refuse("an argument of the kind " + std::string(kind) + " is not supported");
  }

 private:
  static Result<Any> named(const std::string& name, const Names& names) {
    const auto it = names.find(name);
    if (it == names.end()) return refuse("the value " + excerpt(name, 60) + " is used before it is made");
    return it->second;
  }

  // torch.ops.aten.conv2d.default, _operator.floordiv, torch.ops.higher_order.cond
  Status run(const Node* node, Names& names, int depth) {  // NOLINT(misc-no-recursion): kGraphsMax
    const std::string target = Program::text(program_.member(node, "target"));
    const auto inputs = program_.items(program_.member(node, "inputs"));
    Any result;
    if (target.starts_with("torch.ops.higher_order.")) {
      result = TRY(higher_order(target.substr(23), inputs, names, depth));
    } else {
      std::string op = target;
      if (op.starts_with("torch.ops.")) {
        if (op.starts_with("torch.ops.quantized")) op = "torch.ops.aten.quantize_per_tensor";  // refused by name
        if (!op.starts_with("torch.ops.aten."))
          return refuse("the operator " + excerpt(op, 80) + " belongs to a library of its own and is not supported");
        op = op.substr(15);
        op = op.substr(0, op.find('.'));
      } else {
        op = op.substr(op.rfind('.') + 1);
        if (op == "getitem") op = "__getitem__";
      }
      Arguments arguments;
      bool by_place = true;
      for (const Node* input : inputs) {
        const std::string name = Program::text(program_.member(input, "name"));
        const Node* arg = program_.member(input, "arg");
        // The list is in the order of the signature; arguments for keywords only come last and are marked.
        by_place = by_place && Program::integer(program_.member(input, "kind")).value_or(1) != 2;
        if (by_place) {
          arguments.positional.push_back(TRY(argument(arg, names)));
        } else {
          arguments.keywords.emplace_back(name, TRY(argument(arg, names)));
        }
      }
      result = TRY(call_operator(net_, aten_operator(op), arguments));
    }
    return store(program_.items(program_.member(node, "outputs")), result, names);
  }

  Result<Any> higher_order(const std::string& op, const std::vector<const Node*>& inputs, const Names& names,
                           int depth) {  // NOLINT(misc-no-recursion)
    std::vector<const Node*> graphs;
    std::vector<Any> values;
    for (const Node* input : inputs) {
      const Node* arg = program_.member(input, "arg");
      if (const Node* g = program_.member(arg, "as_graph", "graph")) {
        graphs.push_back(g);
      } else {
        values.push_back(TRY(argument(arg, names)));
      }
    }
    if (op == "wrap_with_set_grad_enabled" && graphs.size() == 1 && !values.empty()) {
      values.erase(values.begin());
      return inside(graphs[0], values, depth);
    }
    if (op == "wrap_with_autocast" && graphs.size() == 1) {
      std::erase_if(values, [](const Any& a) { return a.as<TensorRef>() == nullptr; });
      return inside(graphs[0], values, depth);
    }
    if (op == "cond" && graphs.size() == 2 && !values.empty()) {
      std::vector<Any> operands(values.begin() + 1, values.end());
      if (operands.size() == 1 && items_of(operands[0]) != nullptr) operands = *items_of(operands[0]);
      const Any yes = TRY(inside(graphs[0], operands, depth)), no = TRY(inside(graphs[1], operands, depth));
      const std::vector<Any>*a = items_of(yes), *b = items_of(no);
      if (a == nullptr || b == nullptr || a->size() != b->size()) return refuse("cond: its sides give different things");
      const Value condition = TRY(value_of(net_, values[0], "cond"));
      std::vector<Any> out;
      for (std::size_t i = 0; i < a->size(); ++i)
        out.push_back(tensor(TRY(neural::where(net_, condition, TRY(value_of(net_, (*a)[i], "cond")), TRY(value_of(net_, (*b)[i], "cond"))))));
      return list(std::move(out));
    }
    return refuse("the control flow " + excerpt(op, 60) + " is not supported");
  }

  Result<Any> inside(const Node* g, const std::vector<Any>& given, int depth) {  // NOLINT(misc-no-recursion): kGraphsMax
    Names names;
    const auto inputs = program_.items(program_.member(g, "inputs"));
    if (inputs.size() != given.size())
      return refuse("a graph inside is given " + std::to_string(given.size()) + " values, it takes " + std::to_string(inputs.size()));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Node* name = program_.member(inputs[i], "as_tensor", "name");
      if (name == nullptr) name = program_.member(inputs[i], "as_sym_int", "as_name");
      names[Program::text(name)] = given[i];
    }
    std::vector<Any> outputs;
    TRY(graph(g, names, outputs, depth + 1));
    return list(std::move(outputs));
  }

  Status store(const std::vector<const Node*>& outputs, const Any& result, Names& names) {
    const auto name_of = [&](const Node* o) -> std::string {
      for (const auto& [kind, key] : {std::pair("as_tensor", "name"), std::pair("as_sym_int", "as_name"), std::pair("as_sym_bool", "as_name"),
                                      std::pair("as_sym_float", "as_name")}) {
        if (const Node* n = program_.member(o, kind, key)) return Program::text(n);
      }
      return {};
    };
    if (outputs.empty()) return ok();
    if (outputs.size() == 1) {
      const Node* many = program_.member(outputs[0], "as_tensors");
      if (many == nullptr) many = program_.member(outputs[0], "as_optional_tensors");
      const std::vector<Any>* items = items_of(result);
      if (many != nullptr && items != nullptr) {
        const auto parts = program_.items(many);
        for (std::size_t i = 0; i < parts.size() && i < items->size(); ++i) names[Program::text(program_.member(parts[i], "name"))] = (*items)[i];
        return ok();
      }
      const std::string name = name_of(outputs[0]);
      // One output of an operator that has several: the first.
      if (!name.empty())
        names[name] = items != nullptr && !items->empty() && program_.member(outputs[0], "as_tensor") != nullptr ? (*items)[0] : result;
      return ok();
    }
    const std::vector<Any>* items = items_of(result);
    if (items == nullptr) return refuse("an operator gives one value where the file expects " + std::to_string(outputs.size()));
    for (std::size_t i = 0; i < outputs.size() && i < items->size(); ++i) {
      const std::string name = name_of(outputs[i]);
      if (!name.empty()) names[name] = (*items)[i];
    }
    return ok();
  }

  Program& program_;
  Net& net_;
  bool placed_ = false;
};

struct Input {
  enum class Kind : std::uint8_t { weight, user, number } kind = Kind::user;
  std::string name;    // in the graph
  std::string weight;  // in the weights
  Any number;
};

Result<std::vector<Input>> inputs_of(const Program& program) {
  std::vector<Input> out;
  for (const Node* spec : program.items(program.member(program.signature(), "input_specs"))) {
    const auto members = program.items(spec);
    if (members.empty()) return refuse("the graph's signature is not known");
    const Node* m = members[0];
    Input in;
    if (m->key == "user_input") {
      const Node* arg = program.member(m, "arg");
      in.name = Program::text(program.member(arg, "as_tensor", "name"));
      if (in.name.empty()) {  // a number that was baked in, or None
        in.kind = Input::Kind::number;
      }
    } else if (m->key == "parameter" || m->key == "buffer" || m->key == "tensor_constant") {
      in.kind = Input::Kind::weight;
      in.name = Program::text(program.member(m, "arg", "name"));
      in.weight = Program::text(program.member(m, std::string(m->key) + "_name"));
    } else if (m->key == "constant_input") {
      in.kind = Input::Kind::number;
    } else {
      return refuse("the graph takes an input of the kind " + excerpt(m->key, 40) + ", which is not supported");
    }
    out.push_back(std::move(in));
  }
  return out;
}

// The shape the exporter wrote down: a symbol is a size that may be any.
Result<InputPort> port_of(const Program& program, const Input& in) {
  InputPort port;
  port.name = in.name;
  const Node* meta = program.member(program.member(program.graph(), "tensor_values"), in.name);
  if (meta == nullptr) return refuse("the file doesn't say which shape the input " + excerpt(in.name, 60) + " has");
  port.dtype = dtype_of_schema(Program::integer(program.member(meta, "dtype")).value_or(-1));
  if (!port.dtype) return refuse("the input " + excerpt(in.name, 60) + " is of a type that is not supported");
  if (*port.dtype == DType::float16 || *port.dtype == DType::bfloat16) port.dtype = DType::float32;
  std::vector<std::int64_t> shape;
  for (const Node* size : program.items(program.member(meta, "sizes")))
    shape.push_back(Program::integer(program.member(size, "as_int")).value_or(-1));
  port.shape = std::move(shape);
  return port;
}

}  // namespace

Result<Artifact> import_export(std::span<const std::byte> bytes, const Options& options, Report& report) {
  report.format = "torch.export";
  const files::ExportArchive archive = TRY(files::ExportArchive::open(bytes));
  Program program(TRY(Tree::parse(archive.program)), archive, options.weights_in_place ? bytes : std::span<const std::byte>());
  const std::string version = Program::text(program.member(program.root(), "torch_version"));
  report.producer = "PyTorch" + (version.empty() ? std::string() : " " + excerpt(version, 40));
  report.title = "exported program";
  if (program.graph() == nullptr) return refuse("the archive's program has no graph");
  const std::vector<Input> inputs = TRY(inputs_of(program));
  std::vector<InputPort> ports;
  for (const Input& in : inputs) {
    if (in.kind == Input::Kind::user) ports.push_back(TRY(port_of(program, in)));
  }
  // Buffers that the graph gives back changed are its outputs too: only what the user gets counts.
  std::vector<bool> wanted;
  for (const Node* spec : program.items(program.member(program.signature(), "output_specs"))) {
    const auto members = program.items(spec);
    wanted.push_back(!members.empty() && members[0]->key == "user_output");
  }
  const Body body = [&](Net& net, const std::vector<Value>& given) -> Result<std::vector<OutputPort>> {
    Run run(program, net);
    Run::Names names;
    std::size_t next = 0;
    for (const Input& in : inputs) {
      if (in.kind == Input::Kind::weight) names[in.name] = tensor(net.weight(TRY(program.weight(in.weight))));
      if (in.kind == Input::Kind::user) names[in.name] = tensor(given[next++]);
    }
    std::vector<Any> results;
    TRY(run.graph(program.graph(), names, results, 0));
    std::vector<OutputPort> out;
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (i < wanted.size() && !wanted[i]) continue;
      const auto* t = results[i].as<TensorRef>();
      if (t != nullptr) out.push_back({"output", TRY((*t)->read(net))});
      if (is_complex(results[i])) return refuse(std::string(kComplexAnswer));
    }
    if (out.size() > 1) {
      for (std::size_t i = 0; i < out.size(); ++i) out[i].name = "output_" + std::to_string(i);
    }
    return out;
  };
  return build_network(report.title, ports, body, report);
}

}  // namespace slipway::importers::torch
