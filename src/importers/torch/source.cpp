#include "slipway/importers/torch/source.hpp"

#include <algorithm>
#include <charconv>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/safetensors.hpp"
#include "slipway/formats/torch/file.hpp"
#include "slipway/importers/detect.hpp"
#include "slipway/importers/foreign.hpp"
#include "slipway/importers/python/notebook.hpp"
#include "slipway/importers/python/query.hpp"
#include "slipway/importers/torch/architectures.hpp"
#include "slipway/importers/torch/inputs.hpp"
#include "slipway/importers/torch/source_network.hpp"

namespace slipway::importers::torch {
namespace {

namespace files = slipway::torch;

Error refuse(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

// --- what the person wishes: "model_state_dict;class=Net;arg.hidden=64"

struct Wish {
  std::string entry;
  NetworkWish network;
};

Any value_of_text(std::string_view text) {
  if (text == "True" || text == "true") return Any(true);
  if (text == "False" || text == "false") return Any(false);
  if (text == "None") return {};
  std::int64_t i = 0;
  const char* end = text.data() + text.size();
  if (const auto r = std::from_chars(text.data(), end, i); r.ec == std::errc() && r.ptr == end) return Any(i);
  double d = 0;
  if (const auto r = std::from_chars(text.data(), end, d); r.ec == std::errc() && r.ptr == end) return Any(d);
  if (text.find(',') == std::string_view::npos) return Any(std::string(text));
  std::vector<Any> items;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    if (comma > at) items.push_back(value_of_text(text.substr(at, comma - at)));
    at = comma + 1;
  }
  return list(std::move(items));
}

Result<Wish> wish_of(const std::string& entry) {
  Wish w;
  for (std::size_t at = 0; at <= entry.size();) {
    const std::size_t end = std::min(entry.find(';', at), entry.size());
    const std::string part = entry.substr(at, end - at);
    at = end + 1;
    if (part.starts_with("class=")) {
      w.network.class_name = part.substr(6);
    } else if (part.starts_with("arg.")) {
      const std::size_t equals = part.find('=');
      if (equals == std::string::npos || equals == 4) return refuse("--arg takes NAME=VALUE");
      w.network.arguments[part.substr(4, equals - 4)] = value_of_text(std::string_view(part).substr(equals + 1));
    } else if (!part.empty()) {
      w.entry = part;
    }
  }
  return w;
}

// --- what a checkpoint says of the network beside its weights

std::optional<Any> plain_value(const pickle::View& v, int depth = 0) {  // NOLINT(misc-no-recursion): depth
  constexpr std::size_t kItemsMax = 2'000;
  if (v.is(pickle::Kind::boolean)) {
    if (const auto b = v.boolean(); b.ok()) return Any(*b);
  } else if (v.is(pickle::Kind::integer)) {
    if (const auto i = v.integer(); i.ok()) return Any(*i);
  } else if (v.is(pickle::Kind::real)) {
    if (const auto d = v.number(); d.ok()) return Any(*d);
  } else if (v.is(pickle::Kind::text)) {
    if (const auto s = v.text(); s.ok() && s->size() < 1000) return Any(*s);
  } else if ((v.is(pickle::Kind::list) || v.is(pickle::Kind::tuple)) && v.size() > 0 && v.size() <= kItemsMax && depth < 4) {
    std::vector<Any> items;
    for (std::size_t i = 0; i < v.size(); ++i) {
      auto item = plain_value(v.at(i), depth + 1);
      if (!item) return std::nullopt;
      items.push_back(std::move(*item));
    }
    return list(std::move(items));
  }
  return std::nullopt;
}

void plain_values(const pickle::View& v, int depth, Values& out) {  // NOLINT(misc-no-recursion): depth
  constexpr std::size_t kEntriesMax = 500;
  if (depth > 2) return;
  const auto take = [&](const std::string& name, const pickle::View& value) {
    if (auto plain = plain_value(value)) {
      out.try_emplace(name, std::move(*plain));
    } else if (name != "_metadata" &&  // of state_dict: versions of layers
               (value.is(pickle::Kind::dict) || value.is(pickle::Kind::object)) && !files::TensorPickle::is_tensor(value) &&
               !name.starts_with("optim")) {
      plain_values(value, depth + 1, out);
    }
  };
  for (std::size_t i = 0; i < std::min(v.entries(), kEntriesMax); ++i) {
    if (!v.key_at(i).is(pickle::Kind::text)) continue;
    if (const auto key = v.key_at(i).text(); key.ok()) take(*key, v.value_at(i));
  }
  if (!v.is(pickle::Kind::object) || files::Module::of(v)) return;  // argparse.Namespace
  for (const auto& name : v.attributes()) {
    if (const auto value = v.find(name)) take(std::string(name), *value);
  }
}

// --- the network

// An argument that is None by default: a tensor that an answer may depend on. Not what training compares answers with.
bool may_be_given(std::string_view name, std::string_view type) {
  static constexpr std::string_view kOfTraining[] = {"target", "label", "loss", "reward", "y", "y_true", "ground_truth", "gt"};
  const bool tensor = type.empty() || type.find("Tensor") != std::string_view::npos || type.find("Any") != std::string_view::npos;
  return tensor && type.find("Tuple") == std::string_view::npos && type.find("List") == std::string_view::npos &&
         std::ranges::none_of(kOfTraining, [&](std::string_view t) { return name == t || (t.size() > 3 && name.find(t) != std::string_view::npos); });
}

Result<std::vector<InputPort>> inputs_of(const py::FunctionDef& forward) {
  std::vector<InputPort> ports;
  for (std::size_t i = 1; i < forward.parameters.size(); ++i) {
    const py::Parameter& p = forward.parameters[i];
    if (p.kind == py::ParameterKind::var_positional || p.kind == py::ParameterKind::var_keyword || p.kind == py::ParameterKind::keyword_only) break;
    const std::string type = p.annotation == nullptr ? "" : py::unparse(*p.annotation);
    if (p.default_value != nullptr) {
      if (p.default_value->is<py::None>() && may_be_given(p.name, type)) ports.push_back({std::string(p.name), {}, {}, true});
      continue;
    }
    std::optional<DType> dtype;
    if (type.ends_with("LongTensor")) dtype = DType::int64;
    if (type.ends_with("FloatTensor")) dtype = DType::float32;
    ports.push_back({std::string(p.name), dtype, std::nullopt});
  }
  if (std::ranges::all_of(ports, &InputPort::optional)) return refuse("forward takes no tensor without a default");
  return ports;
}

// A tensor of __init__ whose values nothing tells, also in a loop or on one side of a decision.
bool is_random(const graph::Graph& g) {  // NOLINT(misc-no-recursion): as deep as loops and decisions are nested
  return std::ranges::any_of(g.nodes, [](const graph::Node& node) {
    return node.op == "RandomNormal" || std::ranges::any_of(node.attributes, [](const graph::Attribute& a) {
             const auto* inner = std::get_if<std::shared_ptr<const graph::Graph>>(&a.value);
             return inner != nullptr && is_random(**inner);
           });
  });
}

class Network {
 public:
  // lasting: bytes that weights may be views of
  // side: of the images that an architecture of torchvision is made for; 0: a source, which says itself what it takes
  Network(const Sources& sources, FoundNetwork found, std::span<const std::byte> lasting, std::int64_t side = 0)
      : sources_(sources), found_(std::move(found)), lasting_(lasting), side_(side) {}

  Result<Artifact> build(Report& report) {
    const std::vector<InputPort> ports = side_ > 0 ? images() : TRY(ports_of());
    for (const InputPort& p : ports) optional_.push_back(p.optional ? p.name : std::string());
    const std::vector<Sides> sides = side_ > 0 ? std::vector<Sides>{{side_, side_}} : sides_of(sources_, found_.recipe);
    auto artifact = build_network(
        found_.recipe.name, ports, [this](Net& net, const std::vector<Value>& inputs) { return body(net, inputs); }, report, sides, heights());
    if (!artifact.ok()) {
      std::string help;
      for (const std::string& name : found_.recipe.open())
        help += (help.empty() ? "; say what the network was made with: --arg " : " --arg ") + name + "=VALUE";
      return refuse(artifact.error().detail() + help);
    }
    if (is_random(artifact->model.graph))
      return refuse("the network calculates with a random tensor of its __init__ that is not among the weights: register it as a buffer");
    return artifact;
  }

 private:
  // Kernels [k, 1] of convolutions: as high as what they go over, where they gather the channels of a recording.
  std::vector<std::int64_t> heights() const {
    std::vector<std::int64_t> out;
    for (const files::NamedTensor& t : found_.weights.tensors()) {
      const auto& s = t.tensor.sizes;
      if (s.size() == 4 && s[2] > 1 && s[3] == 1 && out.size() < 3 && std::ranges::find(out, s[2]) == out.end()) out.push_back(s[2]);
    }
    return out;
  }
  static std::vector<InputPort> images() {
    InputPort port;
    port.name = "input";
    port.dtype = DType::float32;
    port.shape = std::vector<std::int64_t>{-1, 3, -1, -1};
    return {std::move(port)};
  }
  Result<std::vector<InputPort>> ports_of() {
    graph::Builder builder("class");
    Net net(builder, true);
    SourceHost host(sources_);
    Evaluator e(net, host);
    const Any type = TRY(SourceHost::class_of(e, host, TRY(construct(e, host, found_.recipe))));
    const py::Module* module = nullptr;
    const py::FunctionDef* forward = SourceHost::find_method(type, "__call__", &module);
    if (forward == nullptr) forward = SourceHost::find_method(type, "forward", &module);
    if (forward == nullptr) return refuse(found_.recipe.name + " has no forward");
    return inputs_of(*forward);
  }

  Result<std::vector<OutputPort>> body(Net& net, const std::vector<Value>& inputs) {
    SourceHost host(sources_);
    Evaluator e(net, host);
    const Any network = TRY(construct(e, host, found_.recipe));
    for (const SourceHost::Registered& r : TRY(host.registered(network))) {
      if (const files::TensorView* t = found_.weights.find(r.name)) TRY(r.cell->write(net, TRY(weight(net, r, *t))));
    }
    host.finish_construction();
    Arguments arguments;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (i < optional_.size() && !optional_[i].empty()) {
        if (!is_absent(inputs[i])) arguments.keywords.emplace_back(optional_[i], tensor(inputs[i]));
      } else {
        arguments.positional.push_back(tensor(inputs[i]));
      }
    }
    const Any result = TRY(e.call(network, arguments));
    std::vector<OutputPort> out;
    TRY(collect_outputs(net, result, "output", out));
    if (net.asked_untold()) return refuse("the network calculates with a size that neither its source nor the shapes of its weights tell");
    return out;
  }

  // As load_state_dict does: in the number type that the class gives its parameter.
  Result<Value> weight(Net& net, const SourceHost::Registered& r, const files::TensorView& t) {
    neural::SharedTensor& content = contents_[r.name];
    if (!content) content = std::make_shared<const Tensor>(TRY(t.tensor(lasting_)));
    const DType declared = TRY(r.cell->read(net)).dtype();
    const Value v = net.weight(content);
    return v.dtype() == declared ? v : net.cast(v, declared);
  }

  const Sources& sources_;
  FoundNetwork found_;
  std::span<const std::byte> lasting_;
  std::int64_t side_;
  std::map<std::string, neural::SharedTensor> contents_;  // read once for all tries
  std::vector<std::string> optional_;                     // by input: how an optional one is called
};

// --- a pickled nn.Sequential of torch's own layers: the pickle has all that they calculate with

class PickledNetwork {
 public:
  PickledNetwork(const Sources& none, const files::Module& root, const files::StateDict& weights) : none_(none), root_(root), weights_(weights) {}

  Result<Artifact> build(Report& report) {
    return build_network(
        "Sequential", {{"input", std::nullopt, std::nullopt}}, [this](Net& net, const std::vector<Value>& inputs) { return body(net, inputs); },
        report);
  }

 private:
  Result<std::vector<OutputPort>> body(Net& net, const std::vector<Value>& inputs) {
    SourceHost host(none_);
    Evaluator e(net, host);
    const Any network = TRY(restored(net, host, e, root_, "", 0));
    host.finish_construction();
    const Any result = TRY(e.call(network, {{tensor(inputs[0])}, {}}));
    std::vector<OutputPort> out;
    TRY(collect_outputs(net, result, "output", out));
    return out;
  }

  Result<Any> restored(Net& net, SourceHost& host, Evaluator& e, const files::Module& m, const std::string& path,
                       int depth) {  // NOLINT(misc-no-recursion)
    if (depth > 50) return refuse("modules nested more than 50 deep");
    const std::string name = m.class_name();
    if (!m.is_torch_class()) return refuse((path.empty() ? "the network" : path) + " is of the class " + excerpt(name, 80));
    std::vector<std::pair<std::string, Any>> attributes;
    for (const std::string& key : m.attributes()) {
      const auto value = m.find(key);
      if (!value) continue;
      if (value->is_none()) attributes.emplace_back(key, Any());
      if (auto plain = plain_value(*value)) attributes.emplace_back(key, std::move(*plain));
    }
    const auto add = [&](const std::string& key) -> Status {
      const std::string full = path.empty() ? key : path + "." + key;
      const files::TensorView* t = weights_.find(full);
      if (t == nullptr) return ok();
      neural::SharedTensor& content = contents_[full];
      if (!content) content = std::make_shared<const Tensor>(TRY(t->tensor()));
      attributes.emplace_back(key, tensor(net.weight(content)));
      return ok();
    };
    for (const auto& [key, value] : m.parameters()) TRY(add(key));
    for (const auto& [key, value] : m.buffers()) TRY(add(key));
    for (const auto& [key, value] : m.modules()) {
      const auto child = files::Module::of(value);
      if (!child) return refuse(path + "." + key + " is no module");
      attributes.emplace_back(key, TRY(restored(net, host, e, *child, path.empty() ? key : path + "." + key, depth + 1)));
    }
    return host.restored(e, name.substr(name.rfind('.') + 1), std::move(attributes));
  }

  const Sources& none_;
  const files::Module& root_;
  const files::StateDict& weights_;
  std::map<std::string, neural::SharedTensor> contents_;
};

// Sequential at the top, and torch's own all the way down.
bool is_plain_sequential(const files::Module& root) {
  if (!root.is_torch_class() || !root.class_name().ends_with(".Sequential")) return false;
  const auto tree = files::module_tree(root);
  return tree.ok() && std::ranges::all_of(*tree, [](const files::Submodule& s) { return s.module.is_torch_class(); });
}

// --- the files

struct Weights {
  std::optional<files::File> file;
  std::optional<safetensors::File> tensors;
  files::StateDict dict;
  Values said;
  std::string pickled_class;  // "Net"
  std::optional<files::Module> module;
};

Result<Weights> open_weights(std::span<const std::byte> bytes, const std::string& entry, Report& report) {
  Weights w;
  if (detect(bytes) == FileKind::safetensors) {
    report.format = "safetensors weights";
    w.tensors = TRY(safetensors::read(bytes));
    w.dict = w.tensors->weights;
    return w;
  }
  w.file = TRY(files::File::open(bytes));
  TRY(refuse_hostile_names(w.file->pickle.document()));
  report.format = w.file->container == files::File::Container::legacy ? "PyTorch weights (before 1.6)" : "PyTorch weights";
  const files::WeightsAt at = TRY(files::choose_weights(*w.file, entry));
  w.dict = TRY(files::state_dict(*w.file, at));
  plain_values(w.file->pickle.root(), 0, w.said);
  if (at.is_module) {
    const auto module = files::Module::of(at.view);
    const std::string name = module ? module->unwrapped().class_name() : std::string();
    w.pickled_class = name.substr(name.rfind('.') + 1);
    if (module) {
      w.module = module->unwrapped();
      for (const std::string& attribute : module->unwrapped().attributes()) {
        const auto value = module->unwrapped().find(attribute);
        if (auto plain = value ? plain_value(*value) : std::nullopt) w.said.try_emplace(attribute, std::move(*plain));
      }
    }
  }
  return w;
}

Error refuse_alone(const Weights& w) {
  const std::string what =
      w.pickled_class.empty() ? "these are the weights of a network" : "this is a pickled network of the class " + excerpt(w.pickled_class, 60);
  return refuse(
      what + ", without what it calculates: " + w.dict.summary() +
      ". Add the source that defines its class (--source net.py, or the .py or .ipynb file as a second file of the upload), or export it where "
      "the class is at hand: model.load_state_dict(torch.load(\"model.pth\")); model.eval(); "
      "torch.jit.save(torch.jit.trace(model, example_input), \"model.pt\")");
}

}  // namespace

bool is_source(const SourceFile& file) {
  const FileKind kind = detect(file.bytes);
  if (kind == FileKind::python) return true;
  if (file.name.ends_with(".py")) return kind == FileKind::unknown || kind == FileKind::csv;
  return kind == FileKind::json && as_text(file.bytes).find("\"cells\"") != std::string_view::npos;
}

namespace {

// Texts of the sources; `kept` are those that stand in no file.
Result<std::vector<std::pair<std::string, std::string_view>>> texts_of(std::span<const SourceFile> sources, std::vector<std::string>& kept) {
  std::vector<std::pair<std::string, std::string_view>> texts;
  kept.reserve(sources.size() + 1);
  for (const SourceFile& s : sources) {
    if (detect(s.bytes) == FileKind::json) {
      auto notebook = python::read_notebook(as_text(s.bytes));
      if (!notebook.ok()) return Error(notebook.error()).within(s.name);
      kept.push_back(std::move(notebook->source));
      texts.emplace_back(s.name.ends_with(".ipynb") ? s.name : s.name + ".ipynb", kept.back());
    } else {
      texts.emplace_back(s.name, as_text(s.bytes));
    }
  }
  return texts;
}

// Of several networks in a file the only one that the wished class fits: a generator beside its discriminator. Empty: there is no such one.
Result<std::string> fitting_entry(const SourceFile& weights, std::span<const SourceFile> sources, const NetworkWish& wish) {
  constexpr std::size_t kEntriesMax = 8;
  const FileKind kind = detect(weights.bytes);
  if (kind == FileKind::safetensors) return std::string();
  const auto file = files::File::open(weights.bytes);
  if (!file.ok()) return std::string();
  const std::vector<files::WeightsAt> all = files::weights_in(*file);
  if (all.size() < 2 || all.size() > kEntriesMax) return std::string();
  std::vector<std::string> kept;
  const Sources read = TRY(read_sources(TRY(texts_of(sources, kept))));
  std::string found;
  for (const files::WeightsAt& at : all) {
    const auto dict = files::state_dict(*file, at);
    if (!dict.ok() || !find_network(read, *dict, wish).ok()) continue;
    if (!found.empty()) return std::string();
    found = at.entry;
  }
  return found;
}

}  // namespace

Result<Artifact> import_weights(const SourceFile& weights, std::span<const SourceFile> sources, const Options& options, Report& report) {
  report.producer = "PyTorch";
  Wish wish = TRY(wish_of(options.entry));
  if (wish.entry.empty() && !sources.empty()) wish.entry = TRY(fitting_entry(weights, sources, wish.network));
  const Weights w = TRY(open_weights(weights.bytes, wish.entry, report));
  report.title = excerpt(w.pickled_class, 80);
  std::vector<std::string> kept;  // texts that the trees point into while they are parsed
  std::vector<std::pair<std::string, std::string_view>> texts = TRY(texts_of(sources, kept));
  if (texts.empty() && w.file) {  // torch.save before 1.6 put the classes beside their pickle
    std::string all;
    for (const files::ClassSource& s : w.file->sources) {
      if (!s.name.starts_with("torch.")) all += s.text + "\n";
    }
    if (!all.empty()) {
      kept.push_back(
          "import math\nimport numpy as np\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nfrom torch.nn import *\n" + all);
      texts.emplace_back("the source in the file", kept.back());
    }
  }
  if (texts.empty() && w.module && is_plain_sequential(*w.module)) {
    const Sources none = TRY(read_sources({}));
    return PickledNetwork(none, *w.module, w.dict).build(report);
  }
  if (texts.empty()) {
    const Sources none = TRY(read_sources({}));
    auto known = find_architecture(none, w.dict);
    if (!known) return refuse_alone(w);
    report.title = known->found.recipe.name;
    report.contents.push_back("recognised by the names and shapes of its weights: torchvision's " + known->found.recipe.name);
    report.warnings.push_back(
        "images must come as the network was trained with them; torchvision's own weights take RGB of 0..1, less the mean [0.485, 0.456, 0.406], "
        "divided by [0.229, 0.224, 0.225]");
    Network network(none, std::move(known->found), options.weights_in_place ? weights.bytes : std::span<const std::byte>(), known->side);
    return network.build(report);
  }
  const Sources read = TRY(read_sources(texts));
  wish.network.checkpoint = w.said;
  if (wish.network.class_name.empty() && !w.pickled_class.empty()) {
    for (const auto& file : read.files) {
      if (python::find_class(file->tree, w.pickled_class) != nullptr) wish.network.class_name = w.pickled_class;
    }
  }
  FoundNetwork found = TRY(find_network(read, w.dict, wish.network));
  report.title = found.recipe.name;
  report.contents.push_back(excerpt(found.recipe.name, 80) + ", made with the arguments of " + excerpt(found.recipe.from, 80));
  Network network(read, std::move(found), options.weights_in_place ? weights.bytes : std::span<const std::byte>());
  return network.build(report);
}

}  // namespace slipway::importers::torch
