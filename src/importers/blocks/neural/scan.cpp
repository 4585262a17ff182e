#include "slipway/importers/blocks/neural/scan.hpp"

#include <algorithm>

namespace slipway::importers::neural {

using graph::attr;

namespace {

// Sizes of the surrounding net in the body's and back: the same symbol there is one symbol here.
class Sizes {
 public:
  explicit Sizes(Net& body) : body_(body) {}
  Dims inside(std::span<const Dim> outside) {
    Dims out;
    for (const Dim& d : outside) {
      if (d.known()) {
        out.push_back(d);
        continue;
      }
      const auto known = std::ranges::find(pairs_, d, &std::pair<Dim, Dim>::first);
      if (known != pairs_.end()) {
        out.push_back(known->second);
      } else {
        out.push_back(body_.symbol());
        pairs_.emplace_back(d, out.back());
      }
    }
    return out;
  }
  Dims outside(Net& net, const Dims& inside) const {
    Dims out;
    for (const Dim& d : inside) {
      const auto known = std::ranges::find(pairs_, d, &std::pair<Dim, Dim>::second);
      out.push_back(d.known() ? d : known == pairs_.end() ? net.symbol() : known->first);
    }
    return out;
  }

 private:
  Net& body_;
  std::vector<std::pair<Dim, Dim>> pairs_;
};

}  // namespace

Result<Scanned> scan(Net& net, const std::vector<Value>& state, const std::vector<Value>& sequences, bool reversed, const StepFunction& step) {
  if (sequences.empty() || std::ranges::any_of(sequences, [](const Value& v) { return v.rank() == 0; })) return wrong("a scan of no steps");
  graph::Builder builder = net.graph().inside();
  Net body(builder, net.dry());
  Sizes sizes(body);
  const auto port = [&](const char* what, std::size_t i) { return builder.name() + "/" + what + std::to_string(i); };
  std::vector<Value> before, x;
  for (std::size_t i = 0; i < state.size(); ++i) before.push_back(body.input(port("state", i), state[i].dtype(), sizes.inside(state[i].dims)));
  for (std::size_t i = 0; i < sequences.size(); ++i)
    x.push_back(body.input(port("x", i), sequences[i].dtype(), sizes.inside(std::span(sequences[i].dims).subspan(1))));
  const Step made = TRY(step(body, before, x));
  if (made.state.size() != state.size()) return wrong("a scan whose state changes its size");
  std::vector<std::pair<DType, Dims>> outputs;
  for (std::size_t i = 0; i < made.state.size(); ++i) {
    body.output(port("next", i), made.state[i]);
    outputs.emplace_back(state[i].dtype(), state[i].dims);
  }
  for (std::size_t i = 0; i < made.outputs.size(); ++i) {
    body.output(port("y", i), made.outputs[i]);
    Dims dims{sequences[0].dims[0]};
    const Dims rest = sizes.outside(net, made.outputs[i].dims);
    dims.insert(dims.end(), rest.begin(), rest.end());
    outputs.emplace_back(made.outputs[i].dtype(), std::move(dims));
  }
  auto graph = std::make_shared<graph::Graph>(builder.finish().graph);
  for (auto* infos : {&graph->inputs, &graph->outputs}) {
    for (graph::ValueInfo& info : *infos) {
      for (graph::Dim& d : info.shape) d.param.clear();  // a name of a size here would be another's there
    }
  }
  std::vector<graph::Attribute> attributes{attr("body", std::shared_ptr<const graph::Graph>(std::move(graph))),
                                           attr("num_scan_inputs", static_cast<std::int64_t>(sequences.size()))};
  if (reversed) {
    attributes.push_back(attr("scan_input_directions", std::vector<std::int64_t>(sequences.size(), 1)));
    if (!made.outputs.empty()) attributes.push_back(attr("scan_output_directions", std::vector<std::int64_t>(made.outputs.size(), 1)));
  }
  std::vector<Value> inputs = state;
  inputs.insert(inputs.end(), sequences.begin(), sequences.end());
  std::vector<Value> results = net.op_n("Scan", inputs, std::move(outputs), std::move(attributes));
  Scanned s;
  s.state.assign(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(state.size()));
  s.outputs.assign(results.begin() + static_cast<std::ptrdiff_t>(state.size()), results.end());
  return s;
}

}  // namespace slipway::importers::neural
