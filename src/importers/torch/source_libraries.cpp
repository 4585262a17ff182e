// What sources use of other libraries beside torch: math and numpy, and what is usual of those that build networks.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <numeric>

#include "slipway/importers/python/query.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"
#include "slipway/importers/torch/source_functions.hpp"
#include "slipway/importers/torch/source_kept.hpp"

namespace slipway::importers::torch {

using Kept = SourceHost::Kept;

Result<double> number(const Any& a, std::string_view who) {
  if (const auto* x = a.as<double>()) return *x;
  if (const auto* b = a.as<bool>()) return *b ? 1.0 : 0.0;
  if (const auto* d = a.as<Dim>(); d != nullptr && d->known()) return static_cast<double>(d->value);
  return neural::wrong(std::string(who) + ": a number that is known now is wanted, not " + type_name(a));
}

namespace {

// numpy's array of numbers, as a tensor.
Any array(Net& net, const Any& a) {
  if (a.as<TensorRef>() != nullptr) return a;
  auto made = call_operator(net, "tensor", {{a}, {}});
  return made.ok() ? *made : a;
}

// A dict, and dicts in it, as objects whose attributes are its entries.
Any bag_of(const Any& a) {  // NOLINT(misc-no-recursion): as deep as the source's dicts
  const auto* d = a.as<std::shared_ptr<Dict>>();
  if (d == nullptr) return a;
  auto o = std::make_shared<Object>();
  o->type = "settings";
  o->host = std::make_shared<Kept>(Kept{Kept::What::settings, {}, nullptr, nullptr, nullptr});
  for (const auto& [key, value] : (*d)->items) o->set(to_text(key), bag_of(value));
  return Any(o);
}

// What only tells people something, or asks the machine: a call of it is nothing to an answer. (What else `os` and `sys` do is refused by its name.)
bool is_about_logging(std::string_view path) {
  static constexpr std::string_view kRoots[] = {"logging",    "logger",     "loguru",    "warnings",  "wandb",       "tqdm",
                                                "time",       "gc",         "rich",      "pprint",    "pdb",         "ipdb",
                                                "os.path",    "os.environ", "os.getenv", "os.getcwd", "os.makedirs", "os.cpu_count",
                                                "sys.stdout", "sys.stderr", "sys.path",  "sys.argv",  "tensorboardX"};
  return std::ranges::any_of(kRoots, [&](std::string_view root) { return path == root || path.starts_with(std::string(root) + "."); });
}

// namedtuple("Out", ["logits", "hidden"]), namedtuple("Out", "logits hidden")
Result<Any> named_tuple(Evaluator& x, const Arguments& a) {
  if (a.positional.size() < 2) return neural::wrong("namedtuple: takes a name and the names of its fields");
  std::vector<std::string> names;
  if (const auto* text = a.positional[1].as<std::string>()) {
    std::string word;
    for (const char c : *text + " ") {
      if (c != ' ' && c != ',') {
        word += c;
      } else if (!word.empty()) {
        names.push_back(std::exchange(word, {}));
      }
    }
  } else {
    for (const Any& item : TRY(x.iterate(a.positional[1]))) names.push_back(to_text(item));
  }
  return function(to_text(a.positional[0]), [names](Evaluator&, const Arguments& given) -> Result<Any> {
    auto t = std::make_shared<Tuple>();
    t->names = names;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto keyword = std::ranges::find_if(given.keywords, [&](const auto& k) { return k.first == names[i]; });
      if (keyword == given.keywords.end() && i >= given.positional.size()) return neural::wrong("a named tuple needs a value for " + names[i]);
      t->items.push_back(keyword != given.keywords.end() ? keyword->second : given.positional[i]);
    }
    return Any(t);
  });
}

}  // namespace

bool SourceHost::is_foreign(const Any& a) const {
  const Kept* k = Kept::get(a);
  return k != nullptr && k->what == Kept::What::unknown && k->path.find("()") != std::string::npos;
}

std::optional<Any> SourceHost::foreign_number(Evaluator& e, const Any& a) {
  const auto size = constructing_ ? opaque_size(e, a, "") : std::nullopt;
  return size ? std::optional(Any(*size)) : std::nullopt;
}

Any SourceHost::foreign_list(const Any& a) { return unknown(Kept::get(a)->path + "[...]"); }

// Sizes of layers that other libraries would give, such as how many classes a table has.
Arguments SourceHost::counted(Evaluator& e, Arguments given) {
  for (Any& a : given.positional) {
    if (auto size = is_foreign(a) ? foreign_number(e, a) : std::nullopt) a = std::move(*size);
  }
  return given;
}

// In __init__ it may be a loss or a metric that no answer needs; where one does, it is refused there by its name.
Result<Any> SourceHost::call_foreign(const std::string& path) {
  if (is_about_logging(path)) return unknown(path + "()");
  static constexpr std::string_view kHelpers[] = {"torch.utils.", "torch.hub.", "torch.optim.", "torch.distributed.", "torch.distributions.",
                                                  "torch.load",   "torch.save", "torch.cuda.",  "torch.amp."};
  const bool helper = std::ranges::any_of(kHelpers, [&](std::string_view root) { return path.starts_with(root); });
  if (constructing_ && (helper || !path.starts_with("torch."))) {
    if (foreign_.size() < 20 && std::ranges::find(foreign_, path) == foreign_.end()) foreign_.push_back(path);
    return unknown(path + "()");
  }
  return neural::wrong(path + " is of a library that isn't read here; what the network needs of it must stand in the source");
}

// A size of something that nothing is known of, for the shapes of the weights to tell.
std::optional<Dim> SourceHost::opaque_size(Evaluator& e, const Any& a, std::string_view of) {
  const Kept* k = Kept::get(a);
  if (k == nullptr || k->what != Kept::What::unknown || (!k->path.starts_with(kOpaque) && k->path.find("()") == std::string::npos))
    return std::nullopt;
  const std::string path = (k->path.starts_with(kOpaque) ? k->path.substr(kOpaque.size()) : k->path) + (of.empty() ? "" : " " + std::string(of));
  if (const auto told = told_.find(path); told != told_.end()) return Dim(told->second);
  const auto known = opaque_sizes_.find(path);
  if (known != opaque_sizes_.end()) return known->second;
  const Dim d = e.net().untold();
  opaque_sizes_.emplace(path, d);
  return d;
}

Result<std::optional<Any>> SourceHost::opaque_attribute(Evaluator& e, const std::string& path, std::string_view name) {
  const Any self = unknown(path);
  static constexpr std::string_view kCounted[] = {"feat", "vocab", "class", "hidden", "count", "length"};
  const bool counted = std::ranges::any_of(kCounted, [&](std::string_view part) { return name.find(part) != std::string_view::npos; });
  if (name.size() == 1 || counted || name == "size" || name == "ndim" || name.starts_with("n_") || name.starts_with("num_") ||
      name.ends_with("_dim") || name.ends_with("_size"))
    return std::optional(Any(*opaque_size(e, unknown(path + "." + std::string(name)), "")));
  if (name == "prod")
    return std::optional(
        builtin_function(name, [this, self](Evaluator& x, const Arguments&) -> Result<Any> { return Any(*opaque_size(x, self, "prod")); }));
  if (name == "__getitem__") {
    return std::optional(builtin_function(name, [this, path](Evaluator& x, const Arguments& a) -> Result<Any> {
      const Any at = TRY(first(a, "an item"));
      const Any item = unknown(path + "[" + to_text(at) + "]");
      if (at.as<Dim>() != nullptr && path.ends_with("shape")) return Any(*opaque_size(x, item, ""));
      return item;
    }));
  }
  if (name.starts_with("__")) return std::optional<Any>();
  return std::optional(unknown(path + "." + std::string(name)));
}

Result<std::optional<Any>> SourceHost::in_mathematics(const std::string& path, std::string_view name) {
  const auto made = [&](auto f) { return std::optional(builtin_function(name, std::move(f))); };
  if (name == "pi") return std::optional(Any(std::numbers::pi));
  if (name == "e") return std::optional(Any(std::numbers::e));
  if (name == "inf" || name == "Inf") return std::optional(Any(HUGE_VAL));
  if (name == "nan") return std::optional(Any(std::nan("")));
  if (const auto type = dtype_named(name); type && path == "numpy") return std::optional(Any(TorchDType{*type}));
  if (name == "prod") {
    return made([this](Evaluator& x, const Arguments& a) -> Result<Any> {
      if (const auto size = opaque_size(x, TRY(first(a, "prod")), "prod")) return Any(*size);
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
      if (given.as<TensorRef>() != nullptr || items_of(given) != nullptr) return call_operator(x.net(), op, {{array(x.net(), given)}, {}});
      const auto* d = given.as<Dim>();
      if (d != nullptr && !d->known()) return call_operator(x.net(), op, {{tensor(x.net().cast(x.net().to_scalar(*d), DType::float32))}, {}});
      double v = f(TRY(number(given, op)));
      if (op == "log" && a.positional.size() > 1) v /= std::log(TRY(number(a.positional[1], op)));
      return Any(v);
    });
  }
  if (name == "floor" || name == "ceil" || name == "trunc") {
    return made([op = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
      const Any given = TRY(first(a, op));
      if (given.as<Dim>() != nullptr) return given;
      if (given.as<TensorRef>() != nullptr)  // math.ceil(x.size(2) / 2): a number of the request
        return call_operator(x.net(), "Int", {{TRY(call_operator(x.net(), op, {{given}, {}}))}, {}});
      const double v = TRY(number(given, op));
      return Any(static_cast<std::int64_t>(op == "floor" ? std::floor(v) : op == "ceil" ? std::ceil(v) : std::trunc(v)));
    });
  }
  if (name == "pow" || name == "power") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      if (a.positional.size() != 2) return neural::wrong("pow: takes two numbers");
      if (a.positional[0].as<TensorRef>() != nullptr || a.positional[1].as<TensorRef>() != nullptr) return call_operator(x.net(), "pow", a);
      return scalar_arithmetic(x.net(), "**", a.positional[0], a.positional[1]);
    });
  }
  // Of whole numbers: a list still, as it is sizes that networks keep in arrays.
  if (name == "array" || name == "asarray") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      const Any given = TRY(first(a, "array"));
      const std::vector<Any>* items = items_of(given);
      const bool fractions = items != nullptr && std::ranges::any_of(*items, [](const Any& i) { return i.as<double>() != nullptr; });
      return fractions ? array(x.net(), given) : given;
    });
  }
  if (path == "numpy" && name == "cumsum") {
    return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
      const Any given = TRY(first(a, "cumsum"));
      if (items_of(given) == nullptr) return call_operator(x.net(), "cumsum", {{array(x.net(), given), Any(0)}, {}});
      std::vector<Any> sums;
      for (const Any& item : *items_of(given)) sums.push_back(sums.empty() ? item : TRY(scalar_arithmetic(x.net(), "+", sums.back(), item)));
      return list(std::move(sums));
    });
  }
  if (path == "numpy" && (name == "append" || name == "transpose")) {
    return made([op = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
      const Any given = array(x.net(), TRY(first(a, op)));
      if (op == "append")
        return call_operator(x.net(), "cat", {{list({given, a.positional.size() > 1 ? array(x.net(), a.positional[1]) : list({})}), Any(0)}, {}});
      return a.positional.size() > 1 ? call_operator(x.net(), "permute", {{given, a.positional[1]}, {}})
                                     : call_operator(x.net(), "numpy_T", {{given}, {}});
    });
  }
  if (path == "numpy") {
    static constexpr std::string_view kSame[] = {"arange", "eye",      "zeros", "ones", "full",  "zeros_like", "ones_like",
                                                 "outer",  "matmul",   "stack", "abs",  "sign",  "maximum",    "minimum",
                                                 "clip",   "meshgrid", "tril",  "triu", "where", "concatenate"};
    if (name == "linspace") {
      return made([](Evaluator& x, const Arguments& a) -> Result<Any> {
        Arguments given = a;
        if (given.positional.size() == 2 && given.keywords.empty()) given.positional.emplace_back(50);
        for (auto& [key, value] : given.keywords) {
          if (key == "num") key = "steps";
        }
        return call_operator(x.net(), "linspace", given);
      });
    }
    if (std::ranges::find(kSame, name) != std::end(kSame)) {
      return made([op = std::string(name)](Evaluator& x, const Arguments& a) -> Result<Any> {
        Arguments given = a;
        for (auto& [key, value] : given.keywords) {
          if (key == "axis") key = "dim";
        }
        return call_operator(x.net(), op, given);
      });
    }
    if (name == "random") return std::optional(name_space("numpy.random"));
  }
  if (name == "gcd") {
    return made([](Evaluator&, const Arguments& a) -> Result<Any> {
      if (a.positional.size() != 2) return neural::wrong("gcd: takes two numbers");
      return Any(
          std::gcd(static_cast<std::int64_t>(TRY(number(a.positional[0], "gcd"))), static_cast<std::int64_t>(TRY(number(a.positional[1], "gcd")))));
    });
  }
  return std::optional(unknown(path + "." + std::string(name)));
}

// What networks of other people's making take from the libraries around torch.
Result<std::optional<Any>> SourceHost::in_library(Evaluator& e, const std::string& path, std::string_view name) {
  const auto made = [&](auto f) { return std::optional(builtin_function(name, std::move(f))); };
  if (path == "collections" && name == "namedtuple") return made(named_tuple);
  if (path == "numpy.random" || path == "random") {
    if (name == "random" || name == "rand" || name == "random_sample") {
      return made([path, op = std::string(name)](Evaluator&, const Arguments& a) -> Result<Any> {
        if (!a.positional.empty()) return neural::wrong(path + "." + op + " of many numbers is not supported");
        auto o = std::make_shared<Object>();
        o->type = kChance;
        return Any(o);
      });
    }
  }
  if (path == "time" && (name == "time" || name == "perf_counter")) return made([](Evaluator&, const Arguments&) -> Result<Any> { return Any(0.0); });
  if (path == "itertools" && (name == "product" || name == "chain")) {
    return made([product = name == "product"](Evaluator& x, const Arguments& a) -> Result<Any> {
      constexpr std::size_t kItemsMax = 100'000;
      std::vector<Any> out;
      if (!product) {
        for (const Any& each : a.positional) {
          for (Any& item : TRY(x.iterate(each))) out.push_back(std::move(item));
        }
        return list(std::move(out));
      }
      std::vector<std::vector<Any>> sides;
      for (const Any& each : a.positional) sides.push_back(TRY(x.iterate(each)));
      const std::size_t once = sides.size();
      for (const auto& [key, value] : a.keywords) {
        const double times = key == "repeat" ? TRY(number(value, "product")) : 1;
        for (std::size_t i = once; i < once * static_cast<std::size_t>(std::clamp(times, 1.0, 8.0)); ++i) sides.push_back(sides[i - once]);
      }
      std::vector<std::vector<Any>> rows{{}};
      for (const std::vector<Any>& side : sides) {
        std::vector<std::vector<Any>> longer;
        for (const std::vector<Any>& row : rows) {
          for (const Any& item : side) {
            if (longer.size() > kItemsMax) return neural::wrong("product: of too many items");
            longer.push_back(row);
            longer.back().push_back(item);
          }
        }
        rows = std::move(longer);
      }
      for (std::vector<Any>& row : rows) out.push_back(tuple(std::move(row)));
      return list(std::move(out));
    });
  }
  if (path == "inspect" && (name == "isfunction" || name == "ismethod" || name == "isclass")) {
    return made([classes = name == "isclass"](Evaluator&, const Arguments& a) -> Result<Any> {
      const Any of = TRY(first(a, "inspect"));
      return Any(classes ? is_class(of) : of.as<std::shared_ptr<Callable>>() != nullptr);
    });
  }
  if (path == "einops" && name == "layers") return std::optional(name_space("einops.layers"));
  if (path == "einops.layers" && name == "torch") return std::optional(name_space("einops.layers.torch"));
  if (path == "einops" && name == "einsum") {
    const py::Stmt* s = py::find_function(sources_.nn->tree, "_named_einsum");
    return std::optional(e.function_value(*s->as<py::FunctionDef>(), &sources_.nn->tree, nullptr, std::nullopt));
  }
  const bool function_of_einops = path == "einops" && (name == "rearrange" || name == "repeat" || name == "reduce");
  if (function_of_einops) {
    const py::Stmt* s = py::find_function(sources_.nn->tree, "_" + std::string(name));
    return std::optional(e.function_value(*s->as<py::FunctionDef>(), &sources_.nn->tree, nullptr, std::nullopt));
  }
  if (path == "einops.layers.torch" && (name == "Rearrange" || name == "Reduce")) {
    const py::Stmt* s = py::find_class(sources_.nn->tree, "_" + std::string(name));
    return std::optional(TRY(class_value(e, *sources_.nn, *s->as<py::ClassDef>())));
  }
  if (path == "omegaconf" && name == "OmegaConf") return std::optional(name_space("omegaconf.OmegaConf"));
  if (path == "omegaconf.OmegaConf" && (name == "create" || name == "structured"))
    return made([](Evaluator&, const Arguments& a) -> Result<Any> { return bag_of(TRY(first(a, "create"))); });
  // Bags of settings: attributes that are set.
  static constexpr std::string_view kBags[] = {"SimpleNamespace", "Namespace", "EasyDict", "AttrDict", "ConfigDict", "Box"};
  if (std::ranges::find(kBags, name) != std::end(kBags)) {
    return made([this](Evaluator& x, const Arguments& a) -> Result<Any> {
      auto o = std::make_shared<Object>();
      o->type = "settings";
      o->host = std::make_shared<Kept>(Kept{Kept::What::settings, {}, nullptr, nullptr, nullptr});
      for (const Any& given : a.positional) {
        for (const Any& key : TRY(x.iterate(given))) {
          const auto* d = given.as<std::shared_ptr<Dict>>();
          for (std::size_t i = 0; d != nullptr && i < (*d)->items.size(); ++i) {
            if (TRY(scalar_compare(x.net(), "==", (*d)->items[i].first, key))) o->set(to_text(key), bag_of((*d)->items[i].second));
          }
        }
      }
      for (const auto& [key, value] : a.keywords) o->set(key, value);
      return Any(o);
    });
  }
  if (path == "torchvision" && (name == "models" || name == "transforms")) return std::optional(name_space("torchvision." + std::string(name)));
  if (path.starts_with("torchvision.transforms")) {
    if (name == "functional" || name == "v2" || name == "InterpolationMode") return std::optional(name_space(path + "." + std::string(name)));
    if (path.ends_with(".InterpolationMode")) {
      std::string mode(name);
      std::ranges::transform(mode, mode.begin(), [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
      return std::optional(Any(mode));
    }
    static constexpr std::string_view kImages[] = {"resize", "center_crop", "normalize", "rgb_to_grayscale", "hflip", "vflip"};
    if (std::ranges::find(kImages, name) != std::end(kImages)) {
      const py::Stmt* s = py::find_function(sources_.nn->tree, "_image_" + std::string(name));
      return std::optional(e.function_value(*s->as<py::FunctionDef>(), &sources_.nn->tree, nullptr, std::nullopt));
    }
    if (name == "Resize" || name == "CenterCrop" || name == "Normalize") {
      const py::Stmt* s = py::find_class(sources_.nn->tree, "_Image" + std::string(name));
      return std::optional(TRY(class_value(e, *sources_.nn, *s->as<py::ClassDef>())));
    }
  }
  static constexpr std::string_view kParts[] = {"resnet", "vgg", "alexnet", "densenet", "mobilenet", "mobilenetv2", "efficientnet", "squeezenet"};
  if (path == "torchvision.models" && sources_.models && std::ranges::find(kParts, name) != std::end(kParts) &&
      py::find_function(sources_.models->tree, name) == nullptr)
    return std::optional(name_space(path + "." + std::string(name)));
  if (path.starts_with("torchvision.models") && sources_.models &&
      (name == "ResNet" || name == "BasicBlock" || name == "Bottleneck" || name == "VGG")) {
    const py::Stmt* s = py::find_class(sources_.models->tree, "_Own" + std::string(name));
    return std::optional(TRY(class_value(e, *sources_.models, *s->as<py::ClassDef>())));
  }
  if (path.starts_with("torchvision.models") && sources_.models && !name.starts_with('_')) {
    if (const py::Stmt* s = py::find_function(sources_.models->tree, name)) {
      const Any make = e.function_value(*s->as<py::FunctionDef>(), &sources_.models->tree, nullptr, std::nullopt);
      return made([make](Evaluator& x, const Arguments& a) {  // which weights it began with is nothing to those in the file
        Arguments given;
        for (const auto& k : a.keywords) {
          if (k.first != "weights" && k.first != "pretrained" && k.first != "progress") given.keywords.push_back(k);
        }
        return x.call(make, given);
      });
    }
  }
  if (name == "create_model" && (path == "timm" || path.starts_with("timm.")) && sources_.models) {
    const py::Stmt* s = py::find_function(sources_.models->tree, "_timm_create_model");
    return std::optional(e.function_value(*s->as<py::FunctionDef>(), &sources_.models->tree, nullptr, std::nullopt));
  }
  if (path.starts_with("timm.") || path == "timm" || path == "torchvision.ops") {
    if (name == "DropPath" || name == "StochasticDepth") {  // in training only
      const py::Stmt* s = py::find_class(sources_.nn->tree, "Identity");
      return std::optional(TRY(class_value(e, *sources_.nn, *s->as<py::ClassDef>())));
    }
    if (name == "trunc_normal_") return made([](Evaluator&, const Arguments& a) { return first(a, "trunc_normal_"); });
    if (name == "to_2tuple") {
      return made([](Evaluator&, const Arguments& a) -> Result<Any> {
        const Any given = TRY(first(a, "to_2tuple"));
        return items_of(given) != nullptr ? given : tuple({given, given});
      });
    }
  }
  return std::optional<Any>();
}

}  // namespace slipway::importers::torch
