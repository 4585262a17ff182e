#include "slipway/importers/torch/inputs_attempt.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/torch/evaluator.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch::attempts {

using neural::Dim;
using neural::Dims;
using neural::Net;
using neural::Value;

namespace {

// What an assumption says of several dimensions of the inputs together: that they sum up to something.
std::optional<Attempt::Sum> sum_of(const Net& net, const std::vector<Value>& inputs, const neural::Assumption& assumed) {
  const auto form = net.linear(assumed.dim);
  if (!form || form->factors.size() < 2) return std::nullopt;
  Attempt::Sum sum{{}, assumed.value - form->constant};
  for (const auto& [symbol, factor] : form->factors) {
    Dim d;
    d.symbol = symbol;
    const std::size_t before = sum.places.size();
    for (std::size_t i = 0; i < inputs.size() && factor == 1 && sum.places.size() == before; ++i) {
      for (std::size_t k = 1; k < inputs[i].dims.size() && sum.places.size() == before; ++k) {
        if (inputs[i].dims[k] == d) sum.places.emplace_back(i, k);
      }
    }
    if (sum.places.size() == before) return std::nullopt;
  }
  return sum.value >= static_cast<std::int64_t>(sum.places.size()) ? std::optional(std::move(sum)) : std::nullopt;
}

// Two sizes that turned out to be the same.
bool unite(std::vector<Shape>& shapes, const Attempt::Place& p, const Attempt::Place& q, bool apart) {
  const std::int64_t x = shapes[p.first].dims[p.second], y = shapes[q.first].dims[q.second];
  if (x >= 0 || y >= 0) return false;
  const bool x_rows = is_rows(p.first, p.second, x, apart), y_rows = is_rows(q.first, q.second, y, apart);
  if ((x_rows && y_rows) || (x == y && x < kRows)) return false;
  std::int64_t as = kRows;
  if (!x_rows && !y_rows) {
    as = std::min(x, y);
    if (as == kFree) {
      as = kRows - 1;
      for (const Shape& s : shapes) {
        for (const std::int64_t d : s.dims) as = std::min(as, d - 1);
      }
    }
  }
  if (!x_rows) fix(shapes, p.first, p.second, as);
  if (!y_rows) fix(shapes, q.first, q.second, as);
  return true;
}

// Sizes of masks that would have to be two different ones: [N, 1, steps] for queries of any number.
std::vector<Attempt::Place> of_one(const std::vector<InputPort>& ports, const Attempt& a) {
  std::map<Attempt::Place, std::set<Attempt::Place>> with;
  for (const auto& [p, q] : a.equal) {
    with[p].insert(q);
    with[q].insert(p);
  }
  std::vector<Attempt::Place> out;
  for (const auto& [p, others] : with) {
    if (others.size() > 1 && p.second > 0 && ports[p.first].name.find("mask") != std::string::npos) out.push_back(p);
  }
  return out;
}

// Of two lengths that only a mask makes the same: its dimension for the queries is 1, for any number of them.
bool one_for_all(const std::vector<InputPort>& ports, std::vector<Shape>& shapes, const Attempt::Place& p, const Attempt::Place& q) {
  const auto is_mask = [&](std::size_t port) { return ports[port].name.find("mask") != std::string::npos; };
  if (is_mask(p.first) || is_mask(q.first)) return false;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    for (std::size_t d = 1; is_mask(i) && d + 1 < shapes[i].dims.size(); ++d) {
      std::int64_t& size = shapes[i].dims[d];
      if (size >= kRows || (size != shapes[p.first].dims[p.second] && size != shapes[q.first].dims[q.second])) continue;
      size = 1;
      return true;
    }
  }
  return false;
}

// Sizes of one input that are the same as each other and as nothing else, or that have to be 1: rarely what is meant.
std::size_t within_one(const std::vector<Shape>& shapes) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const auto ones = static_cast<std::size_t>(shapes[i].dims.empty() ? 0 : std::count(shapes[i].dims.begin() + 1, shapes[i].dims.end(), 1));
    found += ones > 1 ? ones - 1 : 0;
    for (std::size_t d = 1; d < shapes[i].dims.size(); ++d) {
      const std::int64_t size = shapes[i].dims[d];
      if (size >= kRows || std::ranges::find(shapes[i].dims.begin() + 1, shapes[i].dims.begin() + static_cast<std::ptrdiff_t>(d), size) ==
                               shapes[i].dims.begin() + static_cast<std::ptrdiff_t>(d))
        continue;
      bool elsewhere = false;
      for (std::size_t k = 0; k < shapes.size(); ++k)
        elsewhere = elsewhere || (k != i && std::ranges::find(shapes[k].dims, size) != shapes[k].dims.end());
      found += elsewhere ? 0 : 1;
    }
  }
  return found;
}

}  // namespace

std::string port_name(std::string_view name, std::string_view otherwise) {
  std::string out(name.empty() ? otherwise : name);
  std::ranges::replace(out, '.', '_');
  return out;
}

bool is_rows(std::size_t input, std::size_t dim, std::int64_t size, bool apart) {
  return size == kRows || (size == kFree && dim == 0 && (input == 0 || !apart));
}

std::vector<Value> make_inputs(Net& net, const std::vector<InputPort>& ports, const std::vector<Shape>& shapes, bool apart) {
  std::vector<Value> values;
  const Dim rows = net.symbol();
  net.set_rows(rows);
  std::map<std::int64_t, Dim> shared{{kRows, rows}};
  for (std::size_t i = 0; i < ports.size(); ++i) {
    Dims dims;
    for (std::size_t d = 0; d < shapes[i].dims.size(); ++d) {
      const std::int64_t size = shapes[i].dims[d];
      if (size >= 0) {
        dims.emplace_back(size);
      } else if (size == kFree) {
        dims.push_back(is_rows(i, d, size, apart) ? rows : net.symbol());
      } else {
        if (!shared.contains(size)) shared[size] = net.symbol();
        dims.push_back(shared[size]);
      }
    }
    const std::string name = port_name(ports[i].name, "input" + std::to_string(i));
    if (!shapes[i].flattened) {
      values.push_back(net.input(name, shapes[i].dtype, std::move(dims)));
      continue;
    }
    // The port itself has no shape; the graph sees [rows, features].
    Value whole = net.input(name, shapes[i].dtype, dims);
    values.push_back(net.op("Flatten", {whole}, shapes[i].dtype, dims, {graph::attr("axis", std::int64_t{1})}));
  }
  return values;
}

Attempt run(const Body& body, const std::vector<InputPort>& ports, const std::vector<Shape>& shapes, bool apart, bool halves) {
  Attempt a;
  graph::Builder builder("try");
  Net net(builder, true);
  const std::vector<Value> inputs = make_inputs(net, ports, shapes, apart);
  const auto outputs = body(net, inputs);
  a.ok = outputs.ok() && !outputs->empty();
  if (!outputs.ok()) a.error = outputs.error().detail();
  if (outputs.ok() && outputs->empty()) a.error = "it gives no tensor";
  a.keeps_rows =
      a.ok && std::ranges::all_of(*outputs, [&](const OutputPort& o) {
        return o.value.rank() == 0 || inputs.empty() || inputs[0].rank() == 0 || (!inputs[0].dims[0].known() && o.value.dims[0] == inputs[0].dims[0]);
      });
  if (a.ok) {
    for (const OutputPort& o : *outputs) a.output_rank = std::max(a.output_rank, o.value.rank());
  }
  a.needs_sizes = net.needed_sizes();
  a.no_rows = net.had_no_rows();
  a.one_row = net.wants_one_row();
  a.guesses = net.guesses();
  a.progress = builder.node_count();
  const auto place_of = [&](const Dim& dim) -> std::optional<Attempt::Place> {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      for (std::size_t d = 0; d < inputs[i].dims.size(); ++d) {
        if (!dim.known() && inputs[i].dims[d] == dim) return Attempt::Place{i, d};
      }
    }
    return std::nullopt;
  };
  for (const auto& [x, y] : net.equal()) {
    const auto p = place_of(x), q = place_of(y);
    if (p && q && !(x == y)) a.equal.emplace_back(*p, *q);
  }
  for (std::size_t i = 0; a.ok && i < outputs->size(); ++i) {
    const OutputPort& o = (*outputs)[i];
    a.outputs.push_back(o.name + " " + std::string(dtype_name(o.value.dtype())) + " " + std::to_string(o.value.rank()));
  }
  for (const neural::Assumption& assumed : net.assumptions()) {
    bool found = false;
    const auto solved = net.solve(assumed.dim, assumed.value, halves);
    for (std::size_t i = 0; i < inputs.size() && !found; ++i) {
      for (std::size_t d = 0; d < inputs[i].dims.size() && !found; ++d) {
        if (solved && inputs[i].dims[d] == solved->first && solved->second > 0) {
          a.settled.emplace_back(i, d, solved->second);
          found = true;
        }
      }
      if (!found && inputs[i].rank() > 2 && assumed.dim == net.product(std::span(inputs[i].dims).subspan(1)))
        a.products.push_back({{i}, assumed.value});
    }
    if (auto sum = found ? std::nullopt : sum_of(net, inputs, assumed)) {
      a.sums.push_back(std::move(*sum));
      found = true;
    }
    if (!found) a.open.push_back(assumed.why);
  }
  return a;
}

void fix(std::vector<Shape>& shapes, std::size_t input, std::size_t dim, std::int64_t value) {
  const std::int64_t was = shapes[input].dims[dim];
  shapes[input].dims[dim] = value;
  if (was >= kRows) return;
  for (Shape& s : shapes) std::ranges::replace(s.dims, was, value);
}

Attempt settle(const Body& body, const std::vector<InputPort>& ports, std::vector<Shape>& shapes, std::size_t& tries, bool apart, bool halves) {
  Attempt a;
  for (int round = 0; round < 12 && tries < kTriesMax; ++round) {
    ++tries;
    a = run(body, ports, shapes, apart, halves);
    bool changed = false;
    for (const auto& [input, dim, value] : a.settled) {
      const std::int64_t d = shapes[input].dims[dim];
      if (d >= 0) continue;
      const bool rows = is_rows(input, dim, d, apart);
      fix(shapes, input, dim, value);
      changed = true;
      if (!rows) continue;
      for (std::size_t i = 0; i < shapes.size(); ++i) {
        for (std::size_t k = 0; k < shapes[i].dims.size(); ++k) {
          if (is_rows(i, k, shapes[i].dims[k], apart)) shapes[i].dims[k] = value;
        }
      }
    }
    for (const Attempt::Place& one : of_one(ports, a)) {
      if (shapes[one.first].dims[one.second] != kFree) continue;
      shapes[one.first].dims[one.second] = 1;
      changed = true;
    }
    for (const auto& [p, q] : a.equal) changed = one_for_all(ports, shapes, p, q) || unite(shapes, p, q, apart) || changed;
    if (!changed) break;
  }
  for (const Shape& s : shapes) {  // as many of something as there are rows: then they aren't rows of a request
    for (std::size_t d = 1; d < s.dims.size(); ++d) a.mixed += s.dims[d] == kRows ? 1 : 0;
  }
  a.guesses += a.mixed + within_one(shapes);
  return a;
}

}  // namespace slipway::importers::torch::attempts
