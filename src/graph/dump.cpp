// A model as text that is the same for the same model: for goldens, and for people who look at what an importer has built.
#include <cmath>

#include "slipway/base/encoding.hpp"
#include "slipway/base/json.hpp"
#include "slipway/graph/onnx_io.hpp"

namespace slipway::graph {
namespace {

constexpr std::size_t kShownElements = 8;
constexpr std::size_t kShownText = 60;

class Dumper {
 public:
  explicit Dumper(std::string& out) : out_(out) {}

  void model(const Model& m) {
    out_ += "ir " + std::to_string(m.ir_version) + "\n";
    opsets(m.opsets);
    graph(m.graph, 0);
    for (const Function& f : m.functions) function(f);
    for (const auto& [key, value] : m.metadata) out_ += "metadata " + text(key) + " = " + text(value) + "\n";
  }

 private:
  static std::string text(std::string_view s) {
    std::string out;
    json::append_quoted(out, excerpt(s, kShownText));
    return out;
  }
  static std::string number(double v) {
    if (std::isnan(v)) return "nan";
    if (std::isinf(v)) return v > 0 ? "inf" : "-inf";
    std::string out;
    json::append_double(out, v);
    return out;
  }
  void indent(int depth) { out_.append(static_cast<std::size_t>(depth) * 2, ' '); }

  void opsets(const std::map<std::string, std::int64_t>& all) {
    for (const auto& [domain, version] : all)
      out_ += "opset " + (domain.empty() ? std::string("ai.onnx") : domain) + " " + std::to_string(version) + "\n";
  }

  // Type, shape, the first elements, and a checksum of all of them.
  std::string tensor(const Tensor& t) {
    std::string out(dtype_name(t.dtype()));
    out += shape_text(t.shape()) + " {";
    std::uint32_t sum = crc32(as_text(t.bytes()));
    for (const std::string& s : t.strings()) sum = sum * 31 + crc32(s);
    for (std::size_t i = 0; i < std::min(t.count(), kShownElements); ++i) {
      if (i > 0) out += ", ";
      out += t.dtype() == DType::string ? text(t.strings()[i]) : is_floating(t.dtype()) ? number(t.as_double(i)) : std::to_string(t.as_int(i));
    }
    if (t.count() > kShownElements) out += ", ... crc " + std::to_string(sum);
    return out + "}";
  }

  template <class T, class Show>
  void list(const std::vector<T>& values, Show show) {
    out_ += '[';
    for (std::size_t i = 0; i < std::min(values.size(), kShownElements); ++i) out_ += (i > 0 ? ", " : "") + show(values[i]);
    if (values.size() > kShownElements) out_ += ", ... " + std::to_string(values.size()) + " in all";
    out_ += ']';
  }

  void value(const AttributeValue& v, int depth) {
    if (const auto* i = std::get_if<std::int64_t>(&v)) out_ += std::to_string(*i);
    if (const auto* f = std::get_if<float>(&v)) out_ += number(static_cast<double>(*f));
    if (const auto* s = std::get_if<std::string>(&v)) out_ += text(*s);
    if (const auto* t = std::get_if<Tensor>(&v)) out_ += tensor(*t);
    if (const auto* is = std::get_if<std::vector<std::int64_t>>(&v)) list(*is, [](std::int64_t i) { return std::to_string(i); });
    if (const auto* fs = std::get_if<std::vector<float>>(&v)) list(*fs, [](float f) { return number(static_cast<double>(f)); });
    if (const auto* ss = std::get_if<std::vector<std::string>>(&v)) list(*ss, [](const std::string& s) { return text(s); });
    if (const auto* ts = std::get_if<std::vector<Tensor>>(&v)) list(*ts, [this](const Tensor& t) { return tensor(t); });
    if (const auto* g = std::get_if<std::shared_ptr<const Graph>>(&v)) subgraph(*g, depth);
    if (const auto* gs = std::get_if<std::vector<std::shared_ptr<const Graph>>>(&v)) {
      for (const auto& g : *gs) subgraph(g, depth);
    }
  }

  void subgraph(const std::shared_ptr<const Graph>& g, int depth) {
    out_ += "{\n";
    if (g) graph(*g, depth + 1);
    indent(depth);
    out_ += '}';
  }

  void node(const Node& n, int depth) {
    indent(depth);
    for (std::size_t i = 0; i < n.outputs.size(); ++i) out_ += (i > 0 ? ", " : "") + (n.outputs[i].empty() ? "_" : n.outputs[i]);
    out_ += " = " + (n.domain.empty() ? "" : n.domain + ".") + n.op + "(";
    for (std::size_t i = 0; i < n.inputs.size(); ++i) out_ += (i > 0 ? ", " : "") + (n.inputs[i].empty() ? "_" : n.inputs[i]);
    out_ += ')';
    for (const Attribute& a : n.attributes) {
      out_ += " " + a.name + "=";
      if (!a.ref.empty()) {
        out_ += "@" + a.ref;
      } else {
        value(a.value, depth);
      }
    }
    out_ += '\n';
  }

  void info(const char* what, const ValueInfo& v, int depth) {
    indent(depth);
    out_ += std::string(what) + " " + v.name + " ";
    if (v.kind == ValueInfo::Kind::sequence_of_maps) out_ += "sequence(map)";
    if (v.kind == ValueInfo::Kind::other) out_ += "(not a tensor)";
    if (v.kind == ValueInfo::Kind::tensor) {
      out_ += dtype_name(v.dtype);
      if (v.has_shape) {
        out_ += '[';
        for (std::size_t i = 0; i < v.shape.size(); ++i) {
          const Dim& d = v.shape[i];
          out_ += (i > 0 ? ", " : "") + (d.known() ? std::to_string(d.value) : d.param.empty() ? std::string("?") : d.param);
        }
        out_ += ']';
      }
    }
    out_ += '\n';
  }

  void graph(const Graph& g, int depth) {
    indent(depth);
    out_ += "graph " + g.name + "\n";
    for (const ValueInfo& v : g.inputs) info("in", v, depth);
    for (const Initializer& i : g.initializers) {
      indent(depth);
      out_ += "const " + i.name + " " + tensor(i.tensor) + "\n";
    }
    for (const Node& n : g.nodes) node(n, depth);
    for (const ValueInfo& v : g.outputs) info("out", v, depth);
  }

  void function(const Function& f) {
    out_ += "function " + f.domain + "." + f.name + "(";
    for (std::size_t i = 0; i < f.inputs.size(); ++i) out_ += (i > 0 ? ", " : "") + f.inputs[i];
    out_ += ")\n";
    opsets(f.opsets);
    for (const Node& n : f.nodes) node(n, 1);
  }

  std::string& out_;
};

}  // namespace

std::string dump(const Model& model) {
  std::string out;
  Dumper(out).model(model);
  return out;
}

}  // namespace slipway::graph
