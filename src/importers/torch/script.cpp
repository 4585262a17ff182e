#include "slipway/importers/torch/script.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/torch/script.hpp"
#include "slipway/importers/foreign.hpp"
#include "slipway/importers/python/parser.hpp"
#include "slipway/importers/python/query.hpp"
#include "slipway/importers/torch/evaluator.hpp"
#include "slipway/importers/torch/inputs.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {
namespace {

namespace files = slipway::torch;

Error refuse(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

// The archive and its code, parsed where it is needed. Outlives every try.
class Code {
 public:
  explicit Code(const files::ScriptArchive& archive) : archive_(archive) {}

  struct Class {
    const py::ClassDef* definition = nullptr;
    const py::Module* module = nullptr;
  };
  // "__torch__.torch.nn.modules.linear.Linear": the module and the name behind its last dot.
  Result<std::optional<Class>> find_class(const std::string& qualified) {
    const std::size_t dot = qualified.rfind('.');
    if (dot == std::string::npos) return std::optional<Class>();
    const py::Module* module = TRY(parsed(qualified.substr(0, dot)));
    if (module == nullptr) return std::optional<Class>();
    const py::Stmt* s = py::find_class(*module, std::string_view(qualified).substr(dot + 1));
    if (s == nullptr) return std::optional<Class>();
    return std::optional(Class{s->as<py::ClassDef>(), module});
  }
  Result<std::optional<std::pair<const py::FunctionDef*, const py::Module*>>> find_function(const std::string& qualified) {
    const std::size_t dot = qualified.rfind('.');
    const py::Module* module = dot == std::string::npos ? nullptr : TRY(parsed(qualified.substr(0, dot)));
    const py::Stmt* s = module == nullptr ? nullptr : py::find_function(*module, std::string_view(qualified).substr(dot + 1));
    if (s == nullptr) return std::optional<std::pair<const py::FunctionDef*, const py::Module*>>();
    return std::optional(std::pair(s->as<py::FunctionDef>(), module));
  }
  bool is_prefix(const std::string& path) const {
    return std::ranges::any_of(archive_.code, [&](const files::CodeFile& f) { return f.module == path || f.module.starts_with(path + "."); });
  }
  std::string name_of(const py::Module* module) const {
    const auto at = std::ranges::find_if(modules_, [module](const auto& m) { return m.second.get() == module; });
    return "code/" + (at == modules_.end() ? std::string() : at->first);
  }
  const files::ScriptArchive& archive() const { return archive_; }

 private:
  Result<const py::Module*> parsed(const std::string& name) {
    const auto known = modules_.find(name);
    if (known != modules_.end()) return known->second.get();
    const files::CodeFile* file = archive_.find(name);
    if (file == nullptr) return nullptr;
    auto module = std::make_unique<py::Module>(TRY(py::parse(file->text)));
    return modules_.emplace(name, std::move(module)).first->second.get();
  }
  const files::ScriptArchive& archive_;
  std::unordered_map<std::string, std::unique_ptr<py::Module>> modules_;
};

struct Placed {  // a namespace object: its path
  std::string path;
};

class ScriptHost final : public Host {
 public:
  ScriptHost(Code& code, Net& net) : code_(code), net_(net) {}

  Result<Any> root(const pickle::View& view) { return value(view, code_.archive().object); }

  Result<std::optional<Any>> global(Evaluator&, const py::Module*, std::string_view name) override {
    if (name == "torch" || name == "ops" || name == "__torch__" || name == "CONSTANTS" || name == "aten" || name == "prim")
      return std::optional(name_space(std::string(name)));
    if (name == "annotate" || name == "unchecked_cast") {
      return std::optional(function(std::string(name), [](Evaluator&, const Arguments& a) -> Result<Any> {
        if (a.positional.size() != 2) return neural::wrong("takes a type and a value");
        return a.positional[1];
      }));
    }
    if (name == "uninitialized") return std::optional(function("uninitialized", [](Evaluator&, const Arguments&) -> Result<Any> { return Any(); }));
    if (name == "getattr") {
      return std::optional(function("getattr", [](Evaluator& e, const Arguments& a) -> Result<Any> {
        const auto* attribute = a.positional.size() < 2 ? nullptr : a.positional[1].as<std::string>();
        if (attribute == nullptr) return neural::wrong("getattr: takes an object and a name");
        return e.attribute(a.positional[0], *attribute);
      }));
    }
    static constexpr std::pair<std::string_view, std::string_view> kBuiltins[] = {
        {"int", "Int"}, {"float", "Float"}, {"bool", "Bool"}, {"len", "len"}, {"list", "list"}, {"max", "max"}, {"min", "min"}, {"abs", "abs"}};
    for (const auto& [python, op] : kBuiltins) {
      if (python == name) return std::optional(operator_function(std::string(op)));
    }
    if (name == "str")
      return std::optional(
          function("str", [](Evaluator&, const Arguments& a) -> Result<Any> { return Any(a.positional.empty() ? "" : to_text(a.positional[0])); }));
    if (name == "range") return std::optional(function("range", range));
    if (name == "print") return std::optional(function("print", [](Evaluator&, const Arguments&) -> Result<Any> { return Any(); }));
    if (name == "isinstance") return std::optional(function("isinstance", [](Evaluator&, const Arguments&) -> Result<Any> { return Any(true); }));
    if (name == "inf") return std::optional(Any(HUGE_VAL));
    if (name == "nan") return std::optional(Any(std::nan("")));
    for (const std::string_view type : {"Tensor", "List", "Optional", "Dict", "Tuple", "Any", "number", "NoneType", "Final", "Device", "Union"}) {
      if (type == name) return std::optional(function(std::string(name), [](Evaluator&, const Arguments&) -> Result<Any> { return Any(); }));
    }
    return std::optional<Any>();
  }

  Result<std::optional<Any>> attribute(Evaluator& e, const std::shared_ptr<Object>& object, std::string_view name) override {
    if (object->type == "namespace") return in_name_space(e, static_cast<const Placed*>(object->host.get())->path, name);
    const auto known = views_.find(object.get());
    if (known != views_.end()) {
      const auto [view, pickle] = known->second;
      if (const auto found = view.find(name)) {
        const Any v = TRY(value(*found, *pickle));
        object->set(name, v);
        return std::optional(v);
      }
    }
    const auto definition = TRY(code_.find_class(object->type));
    if (!definition) return std::optional<Any>();
    if (const py::Stmt* method = py::find_method(*definition->definition, name)) {
      return std::optional(e.function_value(*method->as<py::FunctionDef>(), definition->module, nullptr, Any(object)));
    }
    for (const py::Stmt* s : definition->definition->body) {  // in_features : Final[int] = 7
      const auto* n = s->as<py::AnnAssign>();
      if (n != nullptr && n->value != nullptr && n->target->is_name(name))
        return std::optional(TRY(e.evaluate(*n->value, nullptr, definition->module)));
    }
    return std::optional<Any>();
  }

  Result<Any> call(Evaluator& e, const std::shared_ptr<Object>& object, const Arguments& arguments) override {
    return e.call(TRY(e.attribute(Any(object), "forward")), arguments);
  }

  std::string module_name(const py::Module* module) const override { return code_.name_of(module); }

 private:
  static Any name_space(std::string path) {
    auto o = std::make_shared<Object>();
    o->type = "namespace";
    o->host = std::make_shared<Placed>(Placed{std::move(path)});
    return o;
  }
  static Any operator_function(std::string name) {
    return function(name, [name](Evaluator& e, const Arguments& a) { return call_operator(e.net(), aten_operator(name), a); });
  }
  static Result<Any> range(Evaluator&, const Arguments& a) {
    const bool sizes = a.positional.size() <= 3 && std::ranges::all_of(a.positional, [](const Any& b) { return b.as<Dim>() != nullptr; });
    if (sizes && std::ranges::any_of(a.positional, [](const Any& b) { return !b.as<Dim>()->known(); })) {
      const auto bound = [&](std::size_t i) { return *a.positional[i].as<Dim>(); };
      const bool from_zero = a.positional.size() == 1;
      return range_of_sizes(from_zero ? Dim(0) : bound(0), bound(from_zero ? 0 : 1), a.positional.size() < 3 ? Dim(1) : bound(2));
    }
    return range_of(a.positional, [](Dim) { return neural::wrong("a loop over a size that only a request knows is not supported"); });
  }

  Result<std::optional<Any>> in_name_space(Evaluator& e, const std::string& path, std::string_view name) {
    if (path == "CONSTANTS") {
      std::size_t n = 0;
      const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), n);
      const pickle::View root = code_.archive().constants.root();
      if (!name.starts_with('c') || error != std::errc() || n >= root.size()) return std::optional<Any>();
      return std::optional(TRY(value(root.at(n), code_.archive().constants)));
    }
    if (path == "torch") {
      if (name == "device") return std::optional(function("device", [](Evaluator&, const Arguments&) -> Result<Any> { return Any(); }));
      if (name == "ops") return std::optional(name_space("ops"));
      return std::optional(operator_function(std::string(name)));
    }
    if (path == "ops") return std::optional(name_space("ops." + std::string(name)));
    if (path.starts_with("ops.")) {
      if (path.starts_with("ops.quantized")) return std::optional(TRY(call_operator(e.net(), "quantize_per_tensor", {})));  // refused by name
      if (path != "ops.prim" && path != "ops.aten")
        return neural::wrong("the operator " + path.substr(4) + "::" + std::string(name) + " belongs to a library of its own and is not supported");
      return std::optional(operator_function(name == "max" ? "prim_max" : name == "min" ? "prim_min" : std::string(name)));
    }
    if (path == "__torch__" || path.starts_with("__torch__.")) {
      const std::string deeper = path + "." + std::string(name);
      // Whether a mask happens to be the causal one is asked to be faster only: without the answer it is used as any other.
      if (deeper == "__torch__.torch.nn.modules.transformer._detect_is_causal_mask") {
        return std::optional(function("_detect_is_causal_mask", [](Evaluator&, const Arguments& a) -> Result<Any> {
          const auto* told = a.positional.size() > 1 ? a.positional[1].as<bool>() : nullptr;
          return Any(told != nullptr && *told);
        }));
      }
      if (const auto f = TRY(code_.find_function(deeper))) { return std::optional(e.function_value(*f->first, f->second, nullptr, std::nullopt)); }
      if (const auto c = TRY(code_.find_class(deeper))) return std::optional(constructor(deeper, *c));
      if (code_.is_prefix(deeper)) return std::optional(name_space(deeper));
    }
    return std::optional<Any>();
  }

  // Named tuples and small classes of TorchScript.
  Any constructor(const std::string& name, const Code::Class& c) {
    return function(name, [this, name, c](Evaluator& e, const Arguments& a) -> Result<Any> {
      const bool named_tuple = std::ranges::any_of(c.definition->bases, [](const py::Expr* b) { return b->is_name("NamedTuple"); });
      if (named_tuple) {
        auto t = std::make_shared<Tuple>();
        for (const py::Stmt* s : c.definition->body) {
          const auto* n = s->as<py::AnnAssign>();
          if (n == nullptr || !n->target->is<py::Name>()) continue;
          t->names.emplace_back(n->target->as<py::Name>()->id);
        }
        t->items = a.positional;
        return Any(t);
      }
      auto object = std::make_shared<Object>();
      object->type = name;
      if (const py::Stmt* init = py::find_method(*c.definition, "__init__")) {
        Arguments with_self = a;
        with_self.positional.insert(with_self.positional.begin(), Any(object));
        TRY(e.call(*init->as<py::FunctionDef>(), c.module, nullptr, with_self));
      }
      return Any(object);
    });
  }

  // What the archive holds, as values; the same object where it holds the same.
  Result<Any> value(const pickle::View& marked, const files::TensorPickle& pickle) {  // NOLINT(misc-no-recursion): bounded below
    const pickle::View v = files::script_value(marked);
    if (files::TensorPickle::is_tensor(v)) {
      auto& known = tensors_[{&pickle, v.id()}];
      if (!known) {
        const files::TensorView t = TRY(pickle.tensor(v));
        known = std::make_shared<TensorCell>(net_.weight(TRY(content(v, pickle, t))));
      }
      return Any(known);
    }
    switch (v.kind()) {
      case pickle::Kind::none: return Any();
      case pickle::Kind::boolean: return Any(TRY(v.boolean()));
      case pickle::Kind::integer: return Any(TRY(v.integer()));
      case pickle::Kind::real: return Any(TRY(v.number()));
      case pickle::Kind::text: return Any(TRY(v.text()));
      case pickle::Kind::list:
      case pickle::Kind::tuple: {
        if (++nesting_ > 50 || v.size() > 100'000) return refuse(v.path() + ": too large a list");
        std::vector<Any> items;
        for (std::size_t i = 0; i < v.size(); ++i) items.push_back(TRY(value(v.at(i), pickle)));
        --nesting_;
        return v.is(pickle::Kind::list) ? list(std::move(items)) : tuple(std::move(items));
      }
      case pickle::Kind::dict: {
        if (++nesting_ > 50 || v.entries() > 100'000) return refuse(v.path() + ": too large a dict");
        auto d = std::make_shared<Dict>();
        for (std::size_t i = 0; i < v.entries(); ++i) d->items.emplace_back(TRY(value(v.key_at(i), pickle)), TRY(value(v.value_at(i), pickle)));
        --nesting_;
        return Any(d);
      }
      case pickle::Kind::object: {
        if (v.qualified_name() == "torch.device") return Any();
        auto& known = objects_[{&pickle, v.id()}];
        if (!known) {
          known = std::make_shared<Object>();
          known->type = v.qualified_name();
          views_.emplace(known.get(), std::pair(v, &pickle));
        }
        return Any(known);
      }
      default: return refuse(v.path() + " is " + v.describe() + ", which is no part of a network");
    }
  }

 public:
  // Tensors of the archive by their place: read once for all tries.
  using Contents = std::map<std::pair<const files::TensorPickle*, std::uint32_t>, neural::SharedTensor>;
  void share(Contents* contents, std::span<const std::byte> lasting) {  // lasting: bytes that weights may be views of
    contents_ = contents;
    lasting_ = lasting;
  }

 private:
  Result<neural::SharedTensor> content(const pickle::View& v, const files::TensorPickle& pickle, const files::TensorView& t) {
    auto& shared = (*contents_)[{&pickle, v.id()}];
    if (!shared) shared = std::make_shared<const Tensor>(TRY(t.tensor(lasting_)));
    return shared;
  }

  Code& code_;
  Net& net_;
  Contents* contents_ = nullptr;
  std::span<const std::byte> lasting_;
  int nesting_ = 0;
  std::map<std::pair<const files::TensorPickle*, std::uint32_t>, TensorRef> tensors_;
  std::map<std::pair<const files::TensorPickle*, std::uint32_t>, std::shared_ptr<Object>> objects_;
  std::unordered_map<const Object*, std::pair<pickle::View, const files::TensorPickle*>> views_;
};

// "Tuple[Tensor, Tensor]": 2; anything else: 0.
std::size_t tensors_of_tuple(std::string_view type) {
  if (!type.starts_with("Tuple[") || !type.ends_with("]")) return 0;
  type = type.substr(6, type.size() - 7);
  std::size_t count = 0;
  for (;; ++count) {
    const std::size_t comma = type.find(", ");
    if (type.substr(0, comma) != "Tensor") return 0;
    if (comma == std::string_view::npos) return count + 1;
    type = type.substr(comma + 2);
  }
}

// What forward takes: tensors, and tuples of them (states of recurrent layers), each part of which is an input of its own.
struct Inputs {
  std::vector<InputPort> ports;
  std::vector<std::size_t> parts;  // an argument each: 0 is a tensor, else a tuple of so many
};
Result<Inputs> inputs_of(const py::FunctionDef& forward) {
  Inputs in;
  for (std::size_t i = 1; i < forward.parameters.size(); ++i) {
    const py::Parameter& p = forward.parameters[i];
    const std::string type = p.annotation == nullptr ? "Tensor" : py::unparse(*p.annotation);
    if (type == "Tensor") {
      in.ports.push_back({std::string(p.name), std::nullopt, std::nullopt});
      in.parts.push_back(0);
    } else if (const std::size_t parts = tensors_of_tuple(type); parts > 0) {
      for (std::size_t k = 0; k < parts; ++k) in.ports.push_back({std::string(p.name) + "_" + std::to_string(k), std::nullopt, std::nullopt});
      in.parts.push_back(parts);
    } else if (p.default_value == nullptr && !type.starts_with("Optional")) {
      return refuse("forward takes " + std::string(p.name) + " as " + type + ": only tensors are served");
    } else {
      break;  // what has a default or may be None is left to it, and so is what follows
    }
  }
  return in;
}

}  // namespace

Result<Artifact> import_script(std::span<const std::byte> bytes, const Options& options, Report& report) {
  report.format = "TorchScript";
  const files::ScriptArchive archive = TRY(files::ScriptArchive::open(bytes));
  TRY(refuse_hostile_names(archive.object.document()));
  TRY(refuse_hostile_names(archive.constants.document()));
  Code code(archive);
  const pickle::View root = archive.object.root();
  const std::string name = root.qualified_name();
  report.producer = "PyTorch";
  report.title = excerpt(name.substr(name.rfind('.') + 1), 80);
  const auto definition = TRY(code.find_class(name));
  if (!definition) return refuse("the archive's object is of the class " + excerpt(name) + ", which its code doesn't have");
  const py::Stmt* forward = py::find_method(*definition->definition, "forward");
  if (forward == nullptr) return refuse("the class " + excerpt(name) + " has no forward");
  const py::FunctionDef& f = *forward->as<py::FunctionDef>();
  const Inputs inputs_taken = TRY(inputs_of(f));
  const std::span<const std::byte> lasting = options.weights_in_place ? bytes : std::span<const std::byte>();
  ScriptHost::Contents contents;
  const Body body = [&](Net& net, const std::vector<Value>& inputs) -> Result<std::vector<OutputPort>> {
    ScriptHost host(code, net);
    host.share(&contents, lasting);
    Evaluator e(net, host);
    Arguments arguments;
    arguments.positional.push_back(TRY(host.root(root)));
    std::size_t next = 0;
    for (const std::size_t parts : inputs_taken.parts) {
      std::vector<Any> items;
      for (std::size_t k = 0; k < parts; ++k) items.push_back(tensor(inputs[next++]));
      arguments.positional.push_back(parts > 0 ? tuple(std::move(items)) : tensor(inputs[next++]));
    }
    for (std::size_t i = arguments.positional.size(); i < f.parameters.size(); ++i) {
      if (f.parameters[i].default_value == nullptr) arguments.positional.emplace_back();
    }
    const Any result = TRY(e.call(f, definition->module, nullptr, arguments));
    std::vector<OutputPort> out;
    TRY(collect_outputs(net, result, "output", out));
    return out;
  };
  return build_network(report.title, inputs_taken.ports, body, report);
}

}  // namespace slipway::importers::torch
