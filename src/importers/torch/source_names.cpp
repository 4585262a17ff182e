// The names that a source can use without defining them: imports, builtins, torch, math, numpy.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numbers>

#include "slipway/importers/python/parser.hpp"
#include "slipway/importers/python/query.hpp"
#include "slipway/importers/torch/nn_modules.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"
#include "slipway/importers/torch/source_kept.hpp"

namespace slipway::importers::torch {
namespace {

using Kept = SourceHost::Kept;

// --- the names at the top of a file

class Names {
 public:
  explicit Names(SourceModule& m) : m_(m) {}
  void block(py::Block b, bool top) {  // NOLINT(misc-no-recursion): blocks nest at most py::kNestingMax deep
    for (const py::Stmt* s : b) statement(*s, top);
  }

 private:
  void statement(const py::Stmt& s, bool top) {  // NOLINT(misc-no-recursion)
    s.visit(py::Overloaded{[&](const py::Import& n) { imported(n); }, [&](const py::ImportFrom& n) { imported(n); },
                           [&](const py::Assign& n) {
                             for (const py::Expr* target : n.targets) assigned(*target, *n.value, top);
                             search(*n.value);
                           },
                           [&](const py::AnnAssign& n) {
                             if (n.value != nullptr) assigned(*n.target, *n.value, top);
                           },
                           [&](const py::ExprStmt& n) { search(*n.value); },
                           [&](const py::If& n) {
                             for (const py::Arm& arm : n.arms) block(arm.body, top);
                             block(n.otherwise, top);
                           },
                           [&](const py::Try& n) {
                             block(n.body, top);
                             for (const py::Handler& h : n.handlers) block(h.body, false);
                             block(n.finally, top);
                           },
                           [&](const py::With& n) { block(n.body, top); }, [&](const py::For& n) { block(n.body, top); },
                           [&](const py::While& n) { block(n.body, top); },
                           [&](const py::FunctionDef& n) {
                             for (const py::Parameter& p : n.parameters) {
                               if (p.default_value != nullptr) m_.loose.try_emplace(std::string(p.name), p.default_value);
                             }
                             block(n.body, false);
                           },
                           [](const auto&) {}});
  }
  void imported(const py::Import& n) {
    for (const py::Alias& a : n.names) {
      const std::string first(a.name.substr(0, a.name.find('.')));
      if (a.other.empty()) m_.imports[first] = first;
      if (!a.other.empty()) m_.imports[std::string(a.other)] = a.name;
    }
  }
  void imported(const py::ImportFrom& n) {
    for (const py::Alias& a : n.names) {
      if (a.name == "*") {
        m_.stars.emplace_back(n.module);
      } else {
        const std::string path = n.module.empty() ? std::string(a.name) : std::string(n.module) + "." + std::string(a.name);
        m_.imports[std::string(a.other.empty() ? a.name : a.other)] = path;
      }
    }
  }
  void assigned(const py::Expr& target, const py::Expr& value, bool top) {
    auto& names = top ? m_.constants : m_.loose;
    if (const auto* n = target.as<py::Name>()) names[std::string(n->id)] = &value;
    const auto* targets = target.as<py::Tuple>();
    const auto* values = value.as<py::Tuple>();
    if (targets == nullptr) return;
    for (std::size_t i = 0; i < targets->items.size(); ++i) {
      if (values != nullptr && values->items.size() == targets->items.size()) {
        assigned(*targets->items[i], *values->items[i], top);
      } else if (const auto* c = value.as<py::Call>(); c != nullptr && i == 0) {
        const auto* callee = c->callee->as<py::Attribute>();
        if (callee != nullptr && callee->name == "parse_known_args") assigned(*targets->items[0], value, top);
      }
    }
  }
  // parser.add_argument("--hidden", "-n", type=int, default=64)
  void search(const py::Expr& e) {
    const auto* c = e.as<py::Call>();
    const auto* callee = c == nullptr ? nullptr : c->callee->as<py::Attribute>();
    if (callee == nullptr || callee->name != "add_argument" || c->arguments.empty()) return;
    std::string name;
    const py::Expr* otherwise = nullptr;
    for (const py::Expr* a : c->arguments) {
      const auto* text = a->as<py::Text>();
      if (text != nullptr && (name.empty() || (text->value.starts_with("--") && !name.starts_with("--")))) name = text->value;
    }
    for (const py::Keyword& k : c->keywords) {
      if (k.name == "default") otherwise = k.value;
      if (const auto* text = k.value->as<py::Text>(); text != nullptr && k.name == "dest") name = text->value;
    }
    while (name.starts_with('-')) name.erase(0, 1);
    std::ranges::replace(name, '-', '_');
    if (otherwise != nullptr && !name.empty()) m_.command_line[name] = otherwise;
  }
  SourceModule& m_;
};

std::string last_of(std::string_view path) { return std::string(path.substr(path.rfind('.') + 1)); }

Any builtin_function(std::string_view name, std::function<Result<Any>(Evaluator&, const Arguments&)> f) {
  return function(std::string(name), std::move(f));
}

Result<Any> first(const Arguments& a, std::string_view who) {
  if (!a.positional.empty()) return a.positional[0];
  return neural::wrong(std::string(who) + ": an argument is missing");
}

Result<double> number(const Any& a, std::string_view who) {
  if (const auto* x = a.as<double>()) return *x;
  if (const auto* b = a.as<bool>()) return *b ? 1.0 : 0.0;
  if (const auto* d = a.as<Dim>(); d != nullptr && d->known()) return static_cast<double>(d->value);
  return neural::wrong(std::string(who) + ": a number that is known now is wanted, not " + type_name(a));
}

std::optional<DType> dtype_named(std::string_view name) {
  static constexpr std::pair<std::string_view, DType> kTypes[] = {
      {"float32", DType::float32}, {"float", DType::float32}, {"float64", DType::float64},   {"double", DType::float64},
      {"float16", DType::float16}, {"half", DType::float16},  {"bfloat16", DType::bfloat16}, {"int64", DType::int64},
      {"long", DType::int64},      {"int32", DType::int32},   {"int", DType::int32},         {"int16", DType::int16},
      {"short", DType::int16},     {"int8", DType::int8},     {"uint8", DType::uint8},       {"bool", DType::boolean}};
  for (const auto& [key, type] : kTypes) {
    if (key == name) return type;
  }
  return std::nullopt;
}

// F.relu(x, True): in place or not is nothing to the result.
bool is_activation(std::string_view name) {
  static constexpr std::string_view kNames[] = {"relu", "relu6", "leaky_relu", "elu",         "selu",     "celu",
                                                "silu", "mish",  "hardswish",  "hardsigmoid", "hardtanh", "threshold"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

Any operator_function(std::string name) {
  return function(name, [name](Evaluator& e, const Arguments& given) {
    if (!is_activation(name) || given.positional.size() < 2 || given.positional.back().as<bool>() == nullptr)
      return call_operator(e.net(), name, given);
    Arguments without = given;
    without.positional.pop_back();
    return call_operator(e.net(), name, without);
  });
}

Result<Dims> dims_of(const Arguments& a, std::string_view who) {
  Dims dims;
  std::vector<Any> all = a.positional;
  for (const auto& [key, value] : a.keywords) {
    if (key == "size") all.push_back(value);
  }
  const auto add = [&](const Any& x) -> Status {
    if (const auto* d = x.as<Dim>()) {
      dims.push_back(*d);
      return ok();
    }
    return neural::wrong(std::string(who) + ": a size must be an integer, not " + type_name(x));
  };
  for (const Any& x : all) {
    if (const std::vector<Any>* items = items_of(x)) {
      for (const Any& item : *items) TRY(add(item));
    } else if (x.as<Dim>() != nullptr) {
      TRY(add(x));
    }
  }
  return dims;
}

}  // namespace

SourceModule::SourceModule(std::string file, py::Module parsed) : name(std::move(file)), tree(std::move(parsed)) {
  stem = name.substr(name.rfind('/') + 1);
  stem = stem.substr(0, stem.find('.'));
  Names(*this).block(tree.body(), true);
}

Result<Sources> read_sources(const std::vector<std::pair<std::string, std::string_view>>& files) {
  Sources out;
  for (const auto& [name, text] : files) {
    auto tree = py::parse(text, {.ipython = name.find(".ipynb") != std::string::npos});
    if (!tree.ok()) return Error(tree.error()).within(name);
    out.files.push_back(std::make_unique<SourceModule>(name, std::move(*tree)));
  }
  out.nn = std::make_unique<SourceModule>("torch.nn", TRY(py::parse(nn_modules_text())));
  return out;
}

// --- names

Result<std::optional<Any>> SourceHost::global(Evaluator& e, const py::Module* module, std::string_view name) {
  const SourceModule* at = module == &sources_.nn->tree ? sources_.nn.get() : nullptr;
  for (const auto& file : sources_.files) {
    if (&file->tree == module) at = file.get();
  }
  if (at != nullptr) {
    if (auto found = TRY(lookup(e, *at, name))) return found;
  }
  if (at == sources_.nn.get()) {
    if (name == "Parameter") return std::optional(builtin_function(name, [this](Evaluator& x, const Arguments& a) { return parameter(x, a); }));
    if (name == "_random") {
      return std::optional(
          builtin_function(name, [this](Evaluator& x, const Arguments& a) -> Result<Any> { return random(x, TRY(dims_of(a, "a layer"))); }));
    }
    if (name == "_no_rows") {
      return std::optional(builtin_function(name, [](Evaluator& x, const Arguments&) -> Result<Any> {
        x.net().note_no_rows();
        return Any();
      }));
    }
    if (name == "_clone") {
      return std::optional(builtin_function(name, [this](Evaluator& x, const Arguments& a) -> Result<Any> {
        std::map<const void*, Any> done;
        return copy(x, TRY(first(a, "copy")), done);
      }));
    }
  }
  return builtin(e, name);
}

Result<std::optional<Any>> SourceHost::lookup(Evaluator& e, const SourceModule& module, std::string_view name) {
  if (const py::Stmt* s = py::find_class(module.tree, name)) return std::optional(TRY(class_value(e, module, *s->as<py::ClassDef>())));
  if (const py::Stmt* s = py::find_function(module.tree, name))
    return std::optional(e.function_value(*s->as<py::FunctionDef>(), &module.tree, nullptr, std::nullopt));
  if (const auto found = module.constants.find(name); found != module.constants.end())
    return std::optional(TRY(constant(e, module, name, *found->second)));
  if (const auto found = module.imports.find(name); found != module.imports.end()) return std::optional(TRY(path_value(e, found->second)));
  for (const std::string& star : module.stars) {
    if (&module == sources_.nn.get() || ++resolving_ > 50) break;
    auto found = TRY(in_path(e, star, name));
    --resolving_;
    const Kept* kept = found ? Kept::get(*found) : nullptr;
    if (found && (kept == nullptr || kept->what != Kept::What::unknown)) return found;
  }
  if (everywhere_) {
    if (const auto found = module.loose.find(name); found != module.loose.end()) return std::optional(TRY(constant(e, module, name, *found->second)));
  }
  return std::optional<Any>();
}

Result<Any> SourceHost::constant(Evaluator& e, const SourceModule& module, std::string_view name, const py::Expr& expr) {
  if (const auto* c = expr.as<py::Call>()) {
    const auto* callee = c->callee->as<py::Attribute>();
    if (callee != nullptr && (callee->name == "parse_args" || callee->name == "parse_known_args")) {
      auto o = std::make_shared<Object>();
      o->type = "the command line";
      o->host = std::make_shared<Kept>(Kept{Kept::What::command_line, {}, nullptr, nullptr, &module});
      return Any(o);
    }
  }
  const std::string key = module.stem + " " + std::string(name) + " " + std::to_string(reinterpret_cast<std::uintptr_t>(&expr));
  const auto known = constants_.find(key);
  if (known != constants_.end()) return known->second;
  if (++resolving_ > 50) return neural::wrong("the value of " + std::string(name) + " depends on itself");
  Any value = TRY(e.evaluate(expr, nullptr, &module.tree));
  --resolving_;
  constants_[key] = value;
  return value;
}

Result<Any> SourceHost::path_value(Evaluator& e, const std::string& path) {
  static constexpr std::string_view kSpaces[] = {"torch", "math", "numpy", "typing", "collections", "copy", "functools"};
  if (std::ranges::find(kSpaces, path) != std::end(kSpaces) || path.starts_with("torch.")) {
    const std::size_t dot = path.rfind('.');
    if (dot == std::string::npos) return name_space(path);
    if (auto found = TRY(in_path(e, path.substr(0, dot), std::string_view(path).substr(dot + 1)))) return *found;
    return neural::wrong(path + " is not supported");
  }
  const std::size_t dot = path.rfind('.');
  if (dot != std::string::npos) {
    if (auto found = TRY(in_path(e, path.substr(0, dot), std::string_view(path).substr(dot + 1)))) return *found;
  }
  for (const auto& file : sources_.files) {
    if (file->stem == last_of(path)) return name_space(path);
  }
  return unknown(path);
}

Result<std::optional<Any>> SourceHost::in_path(Evaluator& e, const std::string& path, std::string_view name) {
  if (path == "torch" || path.starts_with("torch.")) return in_torch(e, path, name);
  const auto made = [&](auto f) { return std::optional(builtin_function(name, std::move(f))); };
  if (path == "math" || path == "numpy") {
    if (name == "pi") return std::optional(Any(std::numbers::pi));
    if (name == "e") return std::optional(Any(std::numbers::e));
    if (name == "inf" || name == "Inf") return std::optional(Any(HUGE_VAL));
    if (name == "nan") return std::optional(Any(std::nan("")));
    if (const auto type = dtype_named(name); type && path == "numpy") return std::optional(Any(TorchDType{*type}));
    if (name == "prod") {
      return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
        Any p(1);
        for (const Any& item : TRY(x.iterate(TRY(first(a, "prod"))))) p = TRY(scalar_arithmetic(x.net(), "*", p, item));
        return p;
      });
    }
    using Plain = double (*)(double);
    static constexpr std::pair<std::string_view, Plain> kPlain[] = {
        {"sqrt", [](double v) { return std::sqrt(v); }},   {"log", [](double v) { return std::log(v); }},
        {"exp", [](double v) { return std::exp(v); }},     {"log2", [](double v) { return std::log2(v); }},
        {"log10", [](double v) { return std::log10(v); }}, {"sin", [](double v) { return std::sin(v); }},
        {"cos", [](double v) { return std::cos(v); }},     {"tanh", [](double v) { return std::tanh(v); }},
        {"fabs", [](double v) { return std::fabs(v); }}};
    for (const auto& [key, f] : kPlain) {
      if (key != name) continue;
      return made([f = f, op = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
        const Any given = TRY(first(a, op));
        const auto* d = given.as<Dim>();
        if (d != nullptr && !d->known()) return call_operator(x.net(), op, {{tensor(x.net().cast(x.net().to_scalar(*d), DType::float32))}, {}});
        double v = f(TRY(number(given, op)));
        if (op == "log" && a.positional.size() > 1) v /= std::log(TRY(number(a.positional[1], op)));
        return Any(v);
      });
    }
    if (name == "floor" || name == "ceil" || name == "trunc") {
      return made([op = std::string(name)](Evaluator&, const Arguments& a) -> Result<Any> {
        const Any given = TRY(first(a, op));
        if (given.as<Dim>() != nullptr) return given;
        const double v = TRY(number(given, op));
        return Any(static_cast<std::int64_t>(op == "floor" ? std::floor(v) : op == "ceil" ? std::ceil(v) : std::trunc(v)));
      });
    }
    if (name == "pow" || name == "power") {
      return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
        if (a.positional.size() != 2) return neural::wrong("pow: takes two numbers");
        return scalar_arithmetic(x.net(), "**", a.positional[0], a.positional[1]);
      });
    }
    if (name == "array" || name == "asarray") return made([](Evaluator&, const Arguments& a) { return first(a, "array"); });
    return std::optional(unknown(path + "." + std::string(name)));
  }
  if (path == "copy" && (name == "deepcopy" || name == "copy")) {
    return made([this](Evaluator& x, const Arguments& a) -> Result<Any> {
      std::map<const void*, Any> done;
      return copy(x, TRY(first(a, "deepcopy")), done);
    });
  }
  if (path == "collections" && name == "OrderedDict") return builtin(e, "dict");
  if (path == "functools" && name == "partial") {
    return made([](Evaluator&, const Arguments& a) -> Result<Any> {
      const Any callee = TRY(first(a, "partial"));
      return function("partial", [callee, a](Evaluator& x, const Arguments& more) {
        Arguments all = a;
        all.positional.erase(all.positional.begin());
        all.positional.insert(all.positional.end(), more.positional.begin(), more.positional.end());
        for (const auto& k : more.keywords) {
          const auto known = std::ranges::find_if(all.keywords, [&](const auto& have) { return have.first == k.first; });
          if (known != all.keywords.end()) {
            known->second = k.second;
          } else {
            all.keywords.push_back(k);
          }
        }
        return x.call(callee, all);
      });
    });
  }
  for (const auto& file : sources_.files) {
    if (file->stem != last_of(path)) continue;
    if (auto found = TRY(lookup(e, *file, name))) return found;
  }
  for (const auto& file : sources_.files) {  // package.net, with net.py given
    if (file->stem == name) return std::optional(name_space(path + "." + std::string(name)));
  }
  return std::optional(unknown(path + "." + std::string(name)));
}

Result<std::optional<Any>> SourceHost::in_torch(Evaluator& e, const std::string& path, std::string_view name) {
  const auto made = [&](auto f) { return std::optional(builtin_function(name, std::move(f))); };
  const auto ignored = [](Evaluator&, const Arguments& a) -> Result<Any> { return a.positional.empty() ? Any() : a.positional[0]; };
  if (path == "torch.nn" || path.starts_with("torch.nn.modules") || path == "torch.nn.parameter") {
    if (name == "functional" || name == "init" || name == "utils" || name == "modules" || name == "parameter")
      return std::optional(name_space("torch.nn." + std::string(name)));
    if (name == "Parameter") return made([this](Evaluator& x, const Arguments& a) { return parameter(x, a); });
    if (name == "parallel") return std::optional(name_space("torch.nn.utils"));
    if (name == "DataParallel") return made(ignored);
    if (name.starts_with('_')) return std::optional<Any>();
    if (const py::Stmt* s = py::find_class(sources_.nn->tree, name)) return std::optional(TRY(class_value(e, *sources_.nn, *s->as<py::ClassDef>())));
    if (name.ends_with("Loss")) {  // in __init__ as self.criterion: no part of an answer
      const py::Stmt* s = py::find_class(sources_.nn->tree, "Identity");
      return std::optional(TRY(class_value(e, *sources_.nn, *s->as<py::ClassDef>())));
    }
    if (path.starts_with("torch.nn.modules") && name[0] >= 'a' && name[0] <= 'z') return std::optional(name_space("torch.nn.modules"));
    return std::optional(unknown("torch.nn." + std::string(name)));
  }
  if (path == "torch.nn.functional") {
    static constexpr std::pair<std::string_view, std::string_view> kOthers[] = {
        {"dropout", "functional_dropout"},       {"dropout1d", "functional_dropout"},
        {"dropout2d", "functional_dropout"},     {"dropout3d", "functional_dropout"},
        {"alpha_dropout", "functional_dropout"}, {"feature_alpha_dropout", "functional_dropout"},
        {"batch_norm", "functional_batch_norm"}, {"instance_norm", "functional_instance_norm"},
        {"embedding", "functional_embedding"},   {"upsample", "interpolate"},
        {"upsample_bilinear", "interpolate"},    {"unfold", ""}};
    for (const auto& [python, op] : kOthers) {
      if (python == name) return op.empty() ? std::optional<Any>() : std::optional(operator_function(std::string(op)));
    }
    if (is_operator(name)) return std::optional(operator_function(std::string(name)));
    return std::optional(unknown("torch.nn.functional." + std::string(name)));
  }
  if (path == "torch.nn.init") return made(ignored);
  if (path == "torch.nn.utils") {
    if (name == "clip_grad_norm_" || name == "clip_grad_value_") return made(ignored);
    if (name == "rnn" || name == "parametrizations") return std::optional(name_space("torch.nn.utils." + std::string(name)));
    return std::optional(unknown("torch.nn.utils." + std::string(name)));
  }
  if (path == "torch.cuda" || path == "torch.backends" || path.starts_with("torch.backends.")) {
    if (name == "mps" || name == "cudnn" || name == "amp") return std::optional(name_space("torch.backends." + std::string(name)));
    return made([](Evaluator&, const Arguments&) -> Result<Any> { return Any(false); });
  }
  if (path != "torch") return std::optional(unknown(path + "." + std::string(name)));

  static constexpr std::string_view kSpaces[] = {"nn", "cuda", "backends"};
  if (std::ranges::find(kSpaces, name) != std::end(kSpaces)) return std::optional(name_space("torch." + std::string(name)));
  if (const auto type = dtype_named(name)) return std::optional(Any(TorchDType{*type}));
  if (name == "pi") return std::optional(Any(std::numbers::pi));
  if (name == "inf") return std::optional(Any(HUGE_VAL));
  if (name == "nan") return std::optional(Any(std::nan("")));
  if (name == "device" || name == "strided" || name == "channels_last" || name == "contiguous_format" || name == "Generator")
    return made([](Evaluator&, const Arguments&) -> Result<Any> { return Any(); });
  static constexpr std::string_view kIgnored[] = {"manual_seed",
                                                  "no_grad",
                                                  "enable_grad",
                                                  "inference_mode",
                                                  "set_grad_enabled",
                                                  "set_num_threads",
                                                  "compile",
                                                  "set_default_dtype",
                                                  "set_float32_matmul_precision",
                                                  "from_numpy",
                                                  "Size",
                                                  "autocast"};
  if (std::ranges::find(kIgnored, name) != std::end(kIgnored)) return made(ignored);
  if (name == "is_tensor")
    return made([](Evaluator&, const Arguments& a) -> Result<Any> { return Any(TRY(first(a, "is_tensor")).as<TensorRef>() != nullptr); });
  if (name == "is_grad_enabled") return made([](Evaluator&, const Arguments&) -> Result<Any> { return Any(false); });
  if (name == "finfo" || name == "iinfo") {
    return made([](Evaluator&, const Arguments&) -> Result<Any> {
      auto o = std::make_shared<Object>();
      o->type = "finfo";
      o->set("min", Any(static_cast<double>(std::numeric_limits<float>::lowest())));
      o->set("max", Any(static_cast<double>(std::numeric_limits<float>::max())));
      o->set("eps", Any(static_cast<double>(std::numeric_limits<float>::epsilon())));
      o->set("tiny", Any(static_cast<double>(std::numeric_limits<float>::min())));
      return Any(o);
    });
  }
  static constexpr std::string_view kRandom[] = {"randn", "rand", "randint", "normal", "empty", "randperm"};
  if (constructing_ && std::ranges::find(kRandom, name) != std::end(kRandom)) {
    return made([this, name = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
      Arguments sizes = a;
      if (name == "randint" || name == "normal") {
        std::erase_if(sizes.positional, [](const Any& v) { return items_of(v) == nullptr; });
      }
      return random(x, TRY(dims_of(sizes, name)));
    });
  }
  if (constructing_ && (name == "randn_like" || name == "rand_like" || name == "empty_like")) {
    return made([this](Evaluator& x, const Arguments& a) -> Result<Any> {
      const Any like = TRY(first(a, "randn_like"));
      if (like.as<TensorRef>() == nullptr) return neural::wrong("randn_like: takes a tensor");
      return random(x, TRY((*like.as<TensorRef>())->read(x.net())).dims);
    });
  }
  if (name == "Tensor" || name == "FloatTensor" || name == "LongTensor" || name == "IntTensor" || name == "BoolTensor" || name == "DoubleTensor") {
    const DType type = name == "LongTensor"   ? DType::int64
                       : name == "IntTensor"  ? DType::int32
                       : name == "BoolTensor" ? DType::boolean
                                              : DType::float32;
    return made([this, type](Evaluator& x, const Arguments& a) -> Result<Any> {
      if (a.positional.size() == 1 && a.positional[0].as<Dim>() == nullptr)
        return call_operator(x.net(), "tensor", {{a.positional[0]}, {{"dtype", Any(TorchDType{type})}}});
      return random(x, TRY(dims_of(a, "Tensor")));
    });
  }
  if (is_operator(name)) return std::optional(operator_function(std::string(name)));
  return std::optional(unknown("torch." + std::string(name)));
}

// --- the language's own

Result<bool> SourceHost::is_instance(const Any& value, const Any& type) {  // NOLINT(misc-no-recursion): tuples of types
  if (const std::vector<Any>* items = items_of(type)) {
    for (const Any& t : *items) {
      if (TRY(is_instance(value, t))) return true;
    }
    return false;
  }
  if (const Kept* kept = Kept::get(type); kept != nullptr && kept->what == Kept::What::type) {
    const Kept* of = Kept::get(value);
    return of != nullptr && of->what == Kept::What::instance &&
           std::ranges::any_of(of->of->order, [&](const auto& c) { return c->definition == kept->of->definition; });
  }
  if (const Kept* kept = Kept::get(type); kept != nullptr && kept->what == Kept::What::unknown) {
    const std::string last = last_of(kept->path);
    if (last == "Iterable" || last == "Sequence") return items_of(value) != nullptr;
    return false;
  }
  const auto* c = type.as<std::shared_ptr<Callable>>();
  if (c == nullptr) return neural::wrong("isinstance: of " + type_name(type));
  const std::string& name = (*c)->name;
  if (name == "int") return value.as<Dim>() != nullptr || value.as<bool>() != nullptr;
  if (name == "float") return value.as<double>() != nullptr;
  if (name == "bool") return value.as<bool>() != nullptr;
  if (name == "str") return value.as<std::string>() != nullptr;
  if (name == "list" || name == "List") return value.as<std::shared_ptr<List>>() != nullptr;
  if (name == "tuple" || name == "Tuple" || name == "Size") return value.as<std::shared_ptr<Tuple>>() != nullptr;
  if (name == "dict" || name == "Dict") return value.as<std::shared_ptr<Dict>>() != nullptr;
  if (name == "Tensor" || name == "Parameter") return value.as<TensorRef>() != nullptr;
  return false;
}

Result<std::optional<Any>> SourceHost::builtin(Evaluator&, std::string_view name) {
  const auto made = [&](auto f) { return std::optional(builtin_function(name, std::move(f))); };
  static constexpr std::pair<std::string_view, std::string_view> kOperators[] = {{"max", "max"}, {"min", "min"}, {"abs", "abs"}, {"bool", "Bool"}};
  if (name == "max" || name == "min" || name == "sum" || name == "all" || name == "any") {
    return made([op = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
      const std::vector<Any> items = a.positional.size() == 1 || op == "sum" ? TRY(x.iterate(TRY(first(a, op)))) : a.positional;
      if (op == "all" || op == "any") {
        for (const Any& item : items) {
          if (TRY(truth(x.net(), item)) == (op == "any")) return Any(op == "any");
        }
        return Any(op == "all");
      }
      if (items.empty() && op != "sum") return neural::wrong(op + "() of nothing");
      Any best = op == "sum" ? (a.positional.size() > 1 ? a.positional[1] : Any(0)) : items[0];
      for (std::size_t i = op == "sum" ? 0 : 1; i < items.size(); ++i) {
        if (op == "sum") {
          const bool tensors = best.as<TensorRef>() != nullptr || items[i].as<TensorRef>() != nullptr;
          best = tensors ? TRY(call_operator(x.net(), "add", {{best, items[i]}, {}})) : TRY(scalar_arithmetic(x.net(), "+", best, items[i]));
          continue;
        }
        const auto* p = best.as<Dim>();
        const auto* q = items[i].as<Dim>();
        if (p != nullptr && q != nullptr && (!p->known() || !q->known())) {
          best = op == "max" ? Any(x.net().max(*p, *q)) : Any(x.net().sub(x.net().add(*p, *q), x.net().max(*p, *q)));
        } else if (TRY(scalar_compare(x.net(), op == "max" ? ">" : "<", items[i], best))) {
          best = items[i];
        }
      }
      return best;
    });
  }
  for (const auto& [python, op] : kOperators) {
    if (python == name)
      return std::optional(
          function(std::string(name), [op = std::string(op)](Evaluator& x, const Arguments& a) { return call_operator(x.net(), op, a); }));
  }
  if (name == "int" || name == "float") {
    return made([op = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
      const Any given = TRY(first(a, op));
      if (const auto* s = given.as<std::string>()) {
        if (*s == "inf" || *s == "-inf") return Any(*s == "inf" ? HUGE_VAL : -HUGE_VAL);
        double v = 0;
        const auto [end, error] = std::from_chars(s->data(), s->data() + s->size(), v);
        if (error != std::errc() || end != s->data() + s->size()) return neural::wrong(op + " of \"" + *s + "\"");
        return op == "float" ? Any(v) : Any(static_cast<std::int64_t>(v));
      }
      if (op == "int" && given.as<double>() != nullptr) {
        if (!(std::abs(*given.as<double>()) < 9e15)) return neural::wrong("int of a number that is none");
        return Any(static_cast<std::int64_t>(*given.as<double>()));
      }
      if (op == "int" && given.as<Dim>() != nullptr) return given;
      return call_operator(x.net(), op == "int" ? "Int" : "Float", a);
    });
  }
  if (name == "len") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      const Any of = TRY(first(a, "len"));
      if (of.as<std::shared_ptr<Object>>() != nullptr) return x.call(TRY(x.attribute(of, "__len__")), {});
      if (const auto* s = of.as<std::string>()) return Any(static_cast<std::int64_t>(s->size()));
      if (const auto* d = of.as<std::shared_ptr<Dict>>()) return Any(static_cast<std::int64_t>((*d)->items.size()));
      if (const std::vector<Any>* items = items_of(of)) return Any(static_cast<std::int64_t>(items->size()));
      return call_operator(x.net(), "len", a);
    });
  }
  if (name == "range") {
    return made([this](Evaluator&, const Arguments& a) -> Result<Any> {
      return range_of(a.positional, [this](Dim size) {
        needed_ = size;
        return neural::wrong(constructing_ ? "a loop over a number that isn't known"
                                           : "a loop over a size that only a request knows is not supported");
      });
    });
  }
  if (name == "list" || name == "tuple" || name == "set" || name == "iter" || name == "sorted" || name == "reversed") {
    return made([op = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
      std::vector<Any> items = a.positional.empty() ? std::vector<Any>() : TRY(x.iterate(a.positional[0]));
      if (op == "reversed") std::ranges::reverse(items);
      if (op == "sorted") {
        for (std::size_t i = 1; i < items.size(); ++i) {
          for (std::size_t j = i; j > 0 && TRY(scalar_compare(x.net(), "<", items[j], items[j - 1])); --j) std::swap(items[j], items[j - 1]);
        }
      }
      return op == "tuple" ? tuple(std::move(items)) : list(std::move(items));
    });
  }
  if (name == "dict") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      auto d = std::make_shared<Dict>();
      if (!a.positional.empty()) {
        if (const auto* other = a.positional[0].as<std::shared_ptr<Dict>>()) {
          d->items = (*other)->items;
        } else {
          for (const Any& item : TRY(x.iterate(a.positional[0]))) {
            const std::vector<Any>* pair = items_of(item);
            if (pair == nullptr || pair->size() != 2) return neural::wrong("dict: of pairs");
            d->items.emplace_back((*pair)[0], (*pair)[1]);
          }
        }
      }
      for (const auto& [key, value] : a.keywords) d->items.emplace_back(Any(key), value);
      return Any(d);
    });
  }
  if (name == "enumerate") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      std::vector<Any> out;
      Any start = a.positional.size() > 1 ? a.positional[1] : Any(0);
      for (const auto& [key, value] : a.keywords) start = value;
      for (const Any& item : TRY(x.iterate(TRY(first(a, "enumerate"))))) {
        out.push_back(tuple({start, item}));
        start = TRY(scalar_arithmetic(x.net(), "+", start, Any(1)));
      }
      return list(std::move(out));
    });
  }
  if (name == "zip") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      std::vector<std::vector<Any>> all;
      for (const Any& p : a.positional) all.push_back(TRY(x.iterate(p)));
      std::vector<Any> out;
      for (std::size_t i = 0; !all.empty() && std::ranges::all_of(all, [i](const auto& l) { return i < l.size(); }); ++i) {
        std::vector<Any> row;
        for (const auto& l : all) row.push_back(l[i]);
        out.push_back(tuple(std::move(row)));
      }
      return list(std::move(out));
    });
  }
  if (name == "map" || name == "filter") {
    return made([op = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
      if (a.positional.size() != 2) return neural::wrong(op + ": takes a function and a list");
      std::vector<Any> out;
      for (const Any& item : TRY(x.iterate(a.positional[1]))) {
        Any result = TRY(x.call(a.positional[0], {{item}, {}}));
        if (op == "map") out.push_back(std::move(result));
        if (op == "filter" && TRY(truth(x.net(), result))) out.push_back(item);
      }
      return list(std::move(out));
    });
  }
  if (name == "next") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      const std::vector<Any> items = TRY(x.iterate(TRY(first(a, "next"))));
      if (!items.empty()) return items[0];
      return a.positional.size() > 1 ? Result<Any>(a.positional[1]) : neural::wrong("next() of nothing");
    });
  }
  if (name == "isinstance") {
    return made([this](Evaluator&, const Arguments& a) -> Result<Any> {
      if (a.positional.size() != 2) return neural::wrong("isinstance: takes an object and a type");
      return Any(TRY(is_instance(a.positional[0], a.positional[1])));
    });
  }
  if (name == "hasattr" || name == "getattr") {
    return made([this, op = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
      const auto* key = a.positional.size() < 2 ? nullptr : a.positional[1].as<std::string>();
      if (key == nullptr) return neural::wrong(op + ": takes an object and a name");
      const auto* o = a.positional[0].as<std::shared_ptr<Object>>();
      if (o == nullptr) return op == "getattr" ? x.attribute(a.positional[0], *key) : Result<Any>(Any(true));
      std::optional<Any> found;
      if (const Any* own = (*o)->find(*key)) found = *own;
      if (!found) found = TRY(attribute(x, *o, *key));
      const Kept* kept = found ? Kept::get(*found) : nullptr;
      if (kept != nullptr && kept->what == Kept::What::unknown && kept->path.starts_with("torch.")) found = std::nullopt;
      if (op == "hasattr") return Any(found.has_value());
      if (found) return *found;
      if (a.positional.size() > 2) return a.positional[2];
      return neural::wrong((*o)->type + " has no attribute " + *key);
    });
  }
  if (name == "setattr") {
    return made([](Evaluator&, const Arguments& a) -> Result<Any> {
      const auto* o = a.positional.size() != 3 ? nullptr : a.positional[0].as<std::shared_ptr<Object>>();
      if (o == nullptr || a.positional[1].as<std::string>() == nullptr) return neural::wrong("setattr: takes an object, a name and a value");
      (*o)->set(*a.positional[1].as<std::string>(), a.positional[2]);
      return Any();
    });
  }
  if (name == "type") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      const Any of = TRY(first(a, "type"));
      if (of.as<std::shared_ptr<Object>>() != nullptr) return x.attribute(of, "__class__");
      const std::string text = type_name(of);
      return function(text, [text](Evaluator&, const Arguments&) -> Result<Any> { return neural::wrong(text + " by its type"); });
    });
  }
  if (name == "str" || name == "repr" || name == "format")
    return made([](Evaluator&, const Arguments& a) -> Result<Any> { return Any(a.positional.empty() ? "" : to_text(a.positional[0])); });
  if (name == "round") {
    return made([](Evaluator&, const Arguments& a) -> Result<Any> {
      const Any of = TRY(first(a, "round"));
      if (of.as<Dim>() != nullptr) return of;
      const double v = TRY(number(of, "round"));
      if (a.positional.size() == 1) return Any(static_cast<std::int64_t>(std::nearbyint(v)));
      const double scale = std::pow(10.0, TRY(number(a.positional[1], "round")));
      return Any(std::nearbyint(v * scale) / scale);
    });
  }
  if (name == "pow") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      if (a.positional.size() != 2) return neural::wrong("pow: takes two numbers");
      if (a.positional[0].as<TensorRef>() != nullptr) return call_operator(x.net(), "pow", a);
      return scalar_arithmetic(x.net(), "**", a.positional[0], a.positional[1]);
    });
  }
  if (name == "divmod") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      if (a.positional.size() != 2) return neural::wrong("divmod: takes two numbers");
      return tuple({TRY(scalar_arithmetic(x.net(), "//", a.positional[0], a.positional[1])),
                    TRY(scalar_arithmetic(x.net(), "%", a.positional[0], a.positional[1]))});
    });
  }
  if (name == "callable") {
    return made([](Evaluator&, const Arguments& a) -> Result<Any> {
      const Any of = TRY(first(a, "callable"));
      return Any(of.as<std::shared_ptr<Callable>>() != nullptr || of.as<std::shared_ptr<Object>>() != nullptr);
    });
  }
  if (name == "print" || name == "vars" || name == "super") return made([](Evaluator&, const Arguments&) -> Result<Any> { return Any(); });
  if (name == "object" || name == "NotImplemented" || name == "Exception") return std::optional(unknown(std::string(name)));
  if (name == "__name__") return std::optional(Any("__main__"));
  if (name == "slice") {
    return made([](Evaluator&, const Arguments& a) -> Result<Any> { return tuple(a.positional); });
  }
  return std::optional<Any>();
}

}  // namespace slipway::importers::torch
