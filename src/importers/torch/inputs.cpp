#include "slipway/importers/torch/inputs.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "slipway/base/encoding.hpp"
#include "slipway/graph/rows.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/graph_schema.hpp"
#include "slipway/importers/torch/evaluator.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {
namespace {

using neural::Dim;
using neural::Dims;
using neural::Net;
using neural::Value;

constexpr std::int64_t kFree = -1;
constexpr std::size_t kTriesMax = 2'000;
constexpr std::size_t kWidths = 300;        // of an image whose height is known
constexpr std::size_t kSidesOfFailed = 30;  // where it is not even known that a size would help

struct Shape {
  DType dtype = DType::float32;
  std::vector<std::int64_t> dims;  // kFree: free
  bool flattened = false;          // of any rank: everything behind the rows becomes one dimension at once
};

struct Attempt {
  bool ok = false;
  std::string error;
  std::size_t progress = 0;  // nodes made before it failed
  bool no_rows = false, needs_sizes = false;
  bool one_row = false;         // the code squeezes the rows away
  std::size_t guesses = 0;      // sizes beside each other that nothing says are equal
  std::size_t output_rank = 0;  // the largest
  bool keeps_rows = false;      // every output begins with the rows of the inputs
  // Of input dimensions: (input, dimension, value); others stay open.
  std::vector<std::tuple<std::size_t, std::size_t, std::int64_t>> settled;
  std::vector<std::string> open;                                            // assumptions that no input dimension settles
  std::vector<std::pair<std::vector<std::size_t>, std::int64_t>> products;  // (input, value): all behind its rows together
  struct Sum {
    std::vector<std::pair<std::size_t, std::size_t>> places;  // (input, dimension)
    std::int64_t value = 0;
  };
  std::vector<Sum> sums;  // of dimensions that are joined: only a request tells how many are of which
};

std::string port_name(std::string_view name, std::string_view otherwise) {
  std::string out(name.empty() ? otherwise : name);
  std::ranges::replace(out, '.', '_');
  return out;
}

// Inputs of one try. The rows of all inputs are one symbol, unless they are told apart: sequences of different lengths, for what is no row.
std::vector<Value> make_inputs(Net& net, const std::vector<InputPort>& ports, const std::vector<Shape>& shapes, bool apart = false) {
  std::vector<Value> values;
  const Dim rows = net.symbol();
  net.set_rows(rows);
  for (std::size_t i = 0; i < ports.size(); ++i) {
    Dims dims;
    for (std::size_t d = 0; d < shapes[i].dims.size(); ++d)
      dims.push_back(shapes[i].dims[d] != kFree ? Dim(shapes[i].dims[d]) : d == 0 && (i == 0 || !apart) ? rows : net.symbol());
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

Attempt run(const Body& body, const std::vector<InputPort>& ports, const std::vector<Shape>& shapes, bool apart = false) {
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
  for (const neural::Assumption& assumed : net.assumptions()) {
    bool found = false;
    const auto solved = net.solve(assumed.dim, assumed.value);
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

// A try, then again with what it settled, until nothing new is settled.
Attempt settle(const Body& body, const std::vector<InputPort>& ports, std::vector<Shape>& shapes, std::size_t& tries, bool apart = false) {
  Attempt a;
  for (int round = 0; round < 12 && tries < kTriesMax; ++round) {
    ++tries;
    a = run(body, ports, shapes, apart);
    bool changed = false;
    for (const auto& [input, dim, value] : a.settled) {
      std::int64_t& d = shapes[input].dims[dim];
      if (d != kFree) continue;
      d = value;
      changed = true;
      if (dim == 0 && !apart) {  // the rows of all
        for (Shape& s : shapes) {
          if (!s.dims.empty()) s.dims[0] = value;
        }
      }
    }
    if (!changed) break;
  }
  return a;
}

// The usual inputs, the likeliest first.
std::vector<Shape> usual(const InputPort& port) {
  if (port.shape) return {{port.dtype.value_or(DType::float32), *port.shape}};
  std::vector<Shape> all;
  const bool floating = !port.dtype || is_floating(*port.dtype);
  const DType f = port.dtype.value_or(DType::float32);
  if (floating) {
    all.push_back({f, {kFree, kFree}});
    all.push_back({f, {kFree, kFree, kFree, kFree}});
    all.push_back({f, {kFree, kFree, kFree}});
  }
  if (!port.dtype || !floating) {
    const DType i = port.dtype.value_or(DType::int64);
    all.push_back({i, {kFree, kFree}});
    all.push_back({i, {kFree}});
    all.push_back({i, {kFree, kFree, kFree}});
  }
  if (floating) {
    all.push_back({f, {kFree}});
    all.push_back({f, {kFree, kFree, kFree, kFree, kFree}});
  }
  return all;
}

// Sides of images and lengths of sequences that networks are made for, then every other.
std::vector<std::int64_t> sizes_to_try() {
  std::vector<std::int64_t> sizes{224, 32,  28,  64,  96,  128, 256, 299, 227, 48,  16,  8,   100,
                                  150, 160, 180, 200, 240, 300, 320, 384, 416, 448, 480, 512, 640};
  for (const std::int64_t step : {8, 4, 2, 1}) {  // several may fit: rounder ones are likelier
    for (std::int64_t s = step; s <= 512; s += step) {
      if (std::ranges::find(sizes, s) == sizes.end()) sizes.push_back(s);
    }
  }
  return sizes;
}

// Free sides (dimensions 2 and up of images and volumes, 1 or 2 of sequences) set to one size. lengths_only: 1 of sequences, as their features are
// for the weights to tell, behind a loop over the steps.
bool set_sides(std::vector<Shape>& shapes, const Sides& sides, bool lengths_only = false) {
  bool any = false;
  for (Shape& s : shapes) {
    if (lengths_only) {
      const bool sequence = s.dims.size() == 3 && s.dims[1] == kFree && s.dims[2] == kFree;
      if (sequence) s.dims[1] = sides.width;
      any = any || sequence;
      continue;
    }
    for (std::size_t d = s.dims.size() >= 4 ? 2 : 1; d < s.dims.size(); ++d) {
      if (s.dims[d] != kFree) continue;
      s.dims[d] = d + 1 == s.dims.size() ? sides.width : sides.height;
      any = true;
    }
  }
  return any;
}

struct Choice {
  std::vector<Shape> shapes;
  Attempt attempt;
  bool apart = false;          // the first dimensions of the inputs are no rows, each of its own size
  std::vector<Shape> example;  // with sizes that fit, where several do and none is said to be meant
};

std::size_t rank_of(const Choice& c) {
  std::size_t all = 0;
  for (const Shape& s : c.shapes) all += s.dims.size();
  return all;
}

bool is_complete(const Attempt& a) { return a.ok && a.open.empty(); }

// Sides that were fixed for the sake of another one are free again: the width of a line of text, when its height has to be 32.
Choice freed(const Body& body, const std::vector<InputPort>& ports, const std::vector<Shape>& before, Choice c, std::size_t& tries) {
  for (std::size_t i = before.size(); i-- > 0;) {
    for (std::size_t d = before[i].dims.size(); d-- > 1;) {
      if (before[i].dims[d] != kFree || c.shapes[i].dims[d] == kFree) continue;
      Choice next = c;
      next.shapes[i].dims[d] = kFree;
      next.attempt = settle(body, ports, next.shapes, tries);
      if (is_complete(next.attempt) && next.attempt.no_rows == c.attempt.no_rows && next.attempt.keeps_rows == c.attempt.keeps_rows &&
          next.shapes[i].dims[d] == kFree)
        c = std::move(next);
    }
  }
  return c;
}

// A signal of 48 steps or of 50: where halving makes a layer take several lengths, and the source speaks of none, each of them is taken. (Of images
// the usual sides are likelier than what else fits.)
Choice loosened(const Body& body, const std::vector<InputPort>& ports, const std::vector<Shape>& before, Choice c, std::size_t& tries) {
  const auto with = [&](std::int64_t more) {
    std::vector<Shape> shapes = c.shapes;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      for (std::size_t d = 1; d < shapes[i].dims.size(); ++d) {
        const bool side = shapes[i].dims.size() < 4 ? d + 1 == shapes[i].dims.size() || d == 1 : d > 1;
        if (side && before[i].dims[d] == kFree && shapes[i].dims[d] != kFree)
          shapes[i].dims[d] = more == kFree ? kFree : shapes[i].dims[d] + more - 2;
      }
    }
    return shapes;
  };
  for (const std::int64_t more : {1, 3}) {
    std::vector<Shape> other = with(more);
    if (other[0].dims == c.shapes[0].dims) return c;
    const Attempt a = settle(body, ports, other, tries);
    if (!is_complete(a) || a.keeps_rows != c.attempt.keeps_rows || a.no_rows != c.attempt.no_rows) continue;
    std::vector<Shape> free = with(kFree);
    const Attempt open = run(body, ports, free);
    ++tries;
    if (!open.ok || open.no_rows != c.attempt.no_rows || open.keeps_rows != c.attempt.keeps_rows) return c;
    c.example = std::exchange(c.shapes, std::move(free));
    return c;
  }
  return c;
}

// Sizes that only fixed sides can make true.
std::optional<Choice> search_sides(const Body& body, const std::vector<InputPort>& ports, const std::vector<Shape>& shapes,
                                   std::span<const Sides> sides, std::size_t sides_max, std::size_t& tries) {
  std::optional<Choice> fixed_rows;
  std::vector<Sides> all(sides.begin(), sides.end());
  for (const std::int64_t size : sizes_to_try()) all.push_back({size, size});
  if (all.size() > sides_max) all.resize(sides_max);
  constexpr std::size_t kUsual = 26;
  const bool images = std::ranges::any_of(shapes, [](const Shape& s) { return s.dims.size() >= 4; });
  for (std::size_t at = 0; at < all.size(); ++at) {
    const Sides& size = all[at];
    const bool likely = at < sides.size() || (images && at < sides.size() + kUsual);
    if (tries >= kTriesMax) break;
    Choice c{shapes, {}};
    if (set_sides(c.shapes, size, true)) c.attempt = settle(body, ports, c.shapes, tries);
    if (!is_complete(c.attempt)) {
      c.shapes = shapes;
      if (!set_sides(c.shapes, size)) return std::nullopt;
      c.attempt = settle(body, ports, c.shapes, tries);
    }
    if (!is_complete(c.attempt)) continue;
    if (c.attempt.keeps_rows && !c.attempt.no_rows) {
      c = freed(body, ports, shapes, std::move(c), tries);
      return likely && shapes[0].dims.size() == 4 && shapes[0].dims[2] == kFree ? std::move(c) : loosened(body, ports, shapes, std::move(c), tries);
    }
    if (!fixed_rows) fixed_rows = std::move(c);
  }
  return fixed_rows ? std::optional(freed(body, ports, shapes, std::move(*fixed_rows), tries)) : std::nullopt;
}

// Rows of ids ([N]) are likelier than tables of them with a number of columns that nothing but the arithmetic asks for.
Choice fewer_dimensions(const Body& body, const std::vector<InputPort>& ports, Choice c, std::size_t& tries) {
  Choice flat = c;
  bool any = false;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    Shape& s = flat.shapes[i];
    if (ports[i].shape || is_floating(s.dtype) || s.dims.size() != 2) continue;
    // A class beside an image, not a table of them: [N, 1] comes out, where the table would give a rank more than that.
    const bool beside = std::ranges::any_of(c.shapes, [](const Shape& other) { return is_floating(other.dtype) && other.dims.size() >= 2; });
    any = any || c.shapes[i].dims[1] != kFree || (beside && c.attempt.output_rank > 2);
    s.dims = {kFree};
  }
  if (!any) return c;
  flat.attempt = settle(body, ports, flat.shapes, tries);
  return is_complete(flat.attempt) && !flat.attempt.no_rows && flat.attempt.keeps_rows && flat.attempt.output_rank <= c.attempt.output_rank ? flat
                                                                                                                                            : c;
}

// Inputs of one row each, for a network that squeezes it away: a bag [1, instances, ...].
std::optional<Choice> with_one_row(const Body& body, const std::vector<InputPort>& ports, const std::vector<std::vector<Shape>>& options,
                                   const std::vector<std::vector<std::size_t>>& order, std::span<const Sides> sides, std::size_t& tries) {
  for (const auto& pick : order) {
    if (tries >= kTriesMax) break;
    Choice c;
    for (std::size_t i = 0; i < ports.size(); ++i) {
      Shape shape = options[i][pick[i]];
      if (shape.dims.size() > 1 && shape.dims[0] == kFree) shape.dims[0] = 1;
      c.shapes.push_back(std::move(shape));
    }
    if (c.shapes[0].dims.size() < 3) continue;
    c.attempt = settle(body, ports, c.shapes, tries);
    if (c.attempt.ok && !c.attempt.open.empty()) {
      if (auto found = search_sides(body, ports, c.shapes, sides, kTriesMax, tries)) c = std::move(*found);
    }
    if (!is_complete(c.attempt) || c.attempt.no_rows || c.attempt.guesses > 0) continue;
    c.attempt.no_rows = true;
    c.attempt.error = "the network squeezes the first dimension away";
    return c;
  }
  return std::nullopt;
}

// Of three inputs and more there are too many combinations: one input after the other is given the shape that the network comes furthest with.
std::vector<std::size_t> one_by_one(const Body& body, const std::vector<InputPort>& ports, const std::vector<std::vector<Shape>>& options,
                                    std::size_t& tries) {
  // Fits, was evaluated to its end, how far or how well: by rows, sizes that nothing says are equal, dimensions.
  using Score = std::tuple<bool, bool, bool, std::int64_t, std::int64_t>;
  std::vector<std::size_t> best(ports.size(), 0);
  const auto score = [&](const std::vector<std::size_t>& pick) {
    std::vector<Shape> shapes;
    for (std::size_t i = 0; i < ports.size(); ++i) shapes.push_back(options[i][pick[i]]);
    const Attempt a = settle(body, ports, shapes, tries);
    if (!a.ok) return Score(false, false, false, static_cast<std::int64_t>(a.progress), 0);
    std::int64_t dimensions = 0;
    for (const Shape& s : shapes) dimensions += static_cast<std::int64_t>(s.dims.size());
    const bool by_rows = is_complete(a) && a.keeps_rows && !a.no_rows;
    return Score(by_rows && a.guesses == 0, true, by_rows, -static_cast<std::int64_t>(a.guesses), -dimensions);
  };
  Score reached = score(best);
  for (int round = 0; round < 4 && !std::get<0>(reached); ++round) {
    const Score before = reached;
    for (std::size_t i = 0; i < ports.size(); ++i) {
      for (std::size_t k = 0; k < options[i].size() && !std::get<0>(reached); ++k) {
        std::vector<std::size_t> next = best;
        next[i] = k;
        const Score s = next == best ? reached : score(next);
        if (s <= reached) continue;
        reached = s;
        best = std::move(next);
      }
    }
    if (reached == before) break;
  }
  return best;
}

Result<Choice> choose(const Body& body, const std::vector<InputPort>& ports, std::span<const Sides> sides, std::span<const std::int64_t> heights) {
  // Every combination of the usual shapes, the likeliest of all inputs first.
  std::vector<std::vector<Shape>> options;
  for (const InputPort& p : ports) options.push_back(usual(p));
  std::vector<std::vector<std::size_t>> order{std::vector<std::size_t>(ports.size(), 0)};
  for (std::size_t next = 0; next < order.size() && order.size() < 400; ++next) {
    for (std::size_t i = 0; i < ports.size(); ++i) {
      std::vector<std::size_t> more = order[next];
      if (++more[i] < options[i].size() && std::ranges::find(order, more) == order.end()) order.push_back(std::move(more));
    }
  }
  std::size_t tries = 0;
  if (ports.size() > 2) {
    constexpr std::size_t kLikeliest = 40;
    const std::vector<std::size_t> pick = one_by_one(body, ports, options, tries);
    if (order.size() > kLikeliest) order.insert(order.begin() + kLikeliest, pick);
  }
  std::optional<Choice> without_rows, open_sizes, guessed;
  std::optional<Choice> best_failure;
  bool one_row = false;
  const auto fail = [&](const Choice& c) {
    if (!best_failure || c.attempt.progress > best_failure->attempt.progress) best_failure = c;
  };
  for (const auto& pick : order) {
    if (tries >= kTriesMax) break;
    Choice c;
    for (std::size_t i = 0; i < ports.size(); ++i) c.shapes.push_back(options[i][pick[i]]);
    const std::vector<Shape> given = c.shapes;
    c.attempt = settle(body, ports, c.shapes, tries);
    one_row = one_row || c.attempt.one_row;
    if (ports.size() > 1 && is_complete(c.attempt) && !given[0].dims.empty() && given[0].dims[0] == kFree && c.shapes[0].dims[0] != kFree) {
      // The first dimension of one of them is no row: the states [layers, N, units] beside a sequence [N, length, features].
      Choice alone{given, {}, true};
      alone.attempt = settle(body, ports, alone.shapes, tries, true);
      if (is_complete(alone.attempt) && alone.shapes[0].dims[0] == kFree && !alone.attempt.no_rows) return alone;
    }
    if (is_complete(c.attempt)) {
      if (!c.attempt.no_rows && c.attempt.keeps_rows) {
        if (c.attempt.guesses == 0) return fewer_dimensions(body, ports, std::move(c), tries);
        if (!guessed || c.attempt.guesses < guessed->attempt.guesses) guessed = c;  // other shapes may fit better
        continue;
      }
      // A sequence or an image without rows, which layers take too; or rows that the code has as a number.
      // Of sequences first those with a batch, [length, batch, features], though requests can't be put together along it.
      const bool wider = without_rows && c.attempt.no_rows && without_rows->attempt.no_rows && rank_of(c) > rank_of(*without_rows) &&
                         c.attempt.guesses <= without_rows->attempt.guesses &&
                         std::ranges::equal(c.shapes, without_rows->shapes, {}, &Shape::dtype, &Shape::dtype) &&
                         std::ranges::all_of(c.shapes, [](const Shape& s) { return s.dims.size() <= 3; });
      if (!without_rows || wider || (without_rows->attempt.no_rows && !c.attempt.no_rows)) without_rows = c;
      continue;
    }
    const bool sizes_may_help = !c.attempt.open.empty() || (!c.attempt.ok && c.attempt.needs_sizes);
    if (sizes_may_help) {
      if (auto found = search_sides(body, ports, c.shapes, sides, c.attempt.ok || c.attempt.needs_sizes ? kTriesMax : kSidesOfFailed, tries)) {
        if (found->attempt.keeps_rows && !found->attempt.no_rows) return std::move(*found);
        if (!without_rows) without_rows = std::move(*found);
        continue;
      }
      for (const std::int64_t height : c.shapes[0].dims.size() == 4 ? heights : std::span<const std::int64_t>()) {
        std::vector<Shape> tall = c.shapes;
        if (tall[0].dims[2] != kFree || tall[0].dims[3] != kFree) break;
        tall[0].dims[2] = height;
        if (auto found = search_sides(body, ports, tall, {}, kWidths, tries); found && found->attempt.keeps_rows && !found->attempt.no_rows)
          return std::move(*found);
      }
      if (!open_sizes) open_sizes = c;
    }
    fail(c);
  }
  if (one_row) {
    if (auto found = with_one_row(body, ports, options, order, sides, tries)) return std::move(*found);
  }
  if (guessed) return fewer_dimensions(body, ports, std::move(*guessed), tries);
  if (without_rows) {
    if (best_failure) without_rows->attempt.error = best_failure->attempt.error;
    if (without_rows->attempt.no_rows && ports.size() > 1) {
      const Attempt a = run(body, ports, without_rows->shapes, true);
      without_rows->apart = is_complete(a) && a.settled.empty();
    }
    return std::move(*without_rows);
  }
  const Choice& c = open_sizes ? *open_sizes : *best_failure;
  std::string tried;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    tried += (i > 0 ? ", " : "") + ports[i].name + " " + std::string(dtype_name(c.shapes[i].dtype)) + " [";
    for (std::size_t d = 0; d < c.shapes[i].dims.size(); ++d)
      tried += (d > 0 ? ", " : "") + (c.shapes[i].dims[d] == kFree ? "?" : std::to_string(c.shapes[i].dims[d]));
    tried += "]";
  }
  if (c.attempt.ok) return neural::wrong("no size of the input fits: " + c.attempt.open[0] + " (with " + tried + ")");
  return neural::wrong(c.attempt.error + " (with " + tried + ")");
}

// The schema with sizes for what is free behind the rows, such that the network's own operators agree: of a request to show and to check by.
Schema example_schema(const Body& body, const std::vector<InputPort>& ports, const Choice& c, std::span<const Sides> sides, const Schema& schema) {
  static constexpr std::pair<std::int64_t, std::int64_t> kSides[] = {
      {96, 16}, {64, 8},  {224, 32},  {32, 4},  {28, 64}, {16, 10},
      {128, 2}, {48, 50}, {256, 128}, {8, 256}, {299, 1}, {512, 512}};  // of images, of sequences
  Schema out = schema;
  for (std::size_t i = 0; i < c.example.size() && i < out.inputs.size(); ++i) {
    for (std::size_t d = 1; d < c.example[i].dims.size() && c.example[i].dims.size() == out.inputs[i].shape.size(); ++d) {
      if (out.inputs[i].shape[d] < 0 && c.example[i].dims[d] != kFree) out.inputs[i].shape[d] = c.example[i].dims[d];
    }
  }
  if (!c.example.empty()) return out;
  std::vector<std::pair<std::int64_t, std::int64_t>> all(std::begin(kSides), std::end(kSides));
  if (c.apart) all.insert(all.begin(), {96, 1});  // rows that aren't the first dimension are as many as those that are
  if (!sides.empty() && ports[0].shape) all.insert(all.begin(), {sides[0].height, 16});  // images of a size that they are known to have
  for (const auto& [side, length] : all) {
    std::vector<Shape> shapes = c.shapes;
    bool any = false;
    for (Shape& s : shapes) {
      for (std::size_t d = s.dims.size() >= 4 ? 2 : 1; d < s.dims.size(); ++d) {
        any = any || s.dims[d] == kFree;
        if (s.dims[d] == kFree) s.dims[d] = s.dims.size() >= 4 ? side : length;
      }
    }
    if (!any) return out;
    for (const Attempt::Sum& sum : c.attempt.sums) {  // shared out evenly
      const auto parts = static_cast<std::int64_t>(sum.places.size());
      for (std::int64_t k = 0; k < parts; ++k) {
        const auto& [input, dim] = sum.places[static_cast<std::size_t>(k)];
        shapes[input].dims[dim] = sum.value / parts + (k < sum.value % parts ? 1 : 0);
      }
    }
    const Attempt a = run(body, ports, shapes, c.apart);
    if (!is_complete(a) || !a.settled.empty()) continue;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      for (std::size_t d = 1; d < shapes[i].dims.size() && shapes[i].dims.size() == out.inputs[i].shape.size(); ++d) {
        if (out.inputs[i].shape[d] < 0 && shapes[i].dims[d] != kFree) out.inputs[i].shape[d] = shapes[i].dims[d];
      }
    }
    return out;
  }
  return out;
}

// [N, F] as well as [N, C, H, W] when all that happens to the input first is that it is flattened: then any of them is taken.
void take_any_rank(const Body& body, const std::vector<InputPort>& ports, Choice& c) {
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (ports[i].shape || c.shapes[i].dims.size() != 2 || !is_floating(c.shapes[i].dtype) || c.shapes[i].dims[1] == kFree) continue;
    std::vector<Shape> wide = c.shapes;
    wide[i].dims = {kFree, kFree, kFree, kFree};
    const Attempt a = run(body, ports, wide);
    const bool flattens = a.ok &&
                          std::ranges::any_of(a.products, [&](const auto& p) { return p.first[0] == i && p.second == c.shapes[i].dims[1]; }) &&
                          std::ranges::none_of(a.settled, [&](const auto& s) { return std::get<0>(s) == i && std::get<1>(s) > 0; });
    c.shapes[i].flattened = flattens;
  }
}

}  // namespace

Status collect_outputs(Net& net, const Any& a, const std::string& name,
                       std::vector<OutputPort>& out) {  // NOLINT(misc-no-recursion): results are shallow
  if (const auto* t = a.as<TensorRef>()) {
    out.push_back({name, TRY((*t)->read(net))});
    return ok();
  }
  if (const std::vector<Any>* items = items_of(a)) {
    const auto* t = a.as<std::shared_ptr<Tuple>>();
    for (std::size_t i = 0; i < items->size(); ++i) {
      const bool named = t != nullptr && i < (*t)->names.size();
      TRY(collect_outputs(net, (*items)[i], named ? (*t)->names[i] : name + "_" + std::to_string(i), out));
    }
    return ok();
  }
  if (const auto* d = a.as<std::shared_ptr<Dict>>()) {
    for (const auto& [key, value] : (*d)->items) TRY(collect_outputs(net, value, to_text(key), out));
    return ok();
  }
  if (const auto* n = a.as<Dim>()) {
    out.push_back({name, net.to_scalar(*n)});
    return ok();
  }
  if (const auto* o = a.as<std::shared_ptr<Object>>()) {  // a dataclass of outputs
    for (const auto& [key, value] : (*o)->attributes) TRY(collect_outputs(net, value, key, out));
    return ok();
  }
  return ok();  // None and the like
}

Result<Artifact> build_network(const std::string& title, const std::vector<InputPort>& ports, const Body& body, Report& report,
                               std::span<const Sides> sides, std::span<const std::int64_t> heights) {
  if (ports.empty()) return neural::wrong("the network takes no tensor");
  Choice c = TRY(choose(body, ports, sides, heights));
  if (!c.apart) take_any_rank(body, ports, c);
  if (!c.attempt.error.empty()) report.warnings.push_back("requests can't have several rows: with a free number of rows, " + c.attempt.error);
  graph::Builder builder(title);
  Net net(builder);
  const std::vector<Value> inputs = make_inputs(net, ports, c.shapes, c.apart);
  std::vector<OutputPort> outputs = TRY(body(net, inputs));
  std::vector<std::string> names;
  for (const InputPort& p : ports) names.push_back(port_name(p.name, "input"));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string base = port_name(outputs[i].name, "output");
    std::string name = base;
    for (int n = 1; std::ranges::find(names, name) != names.end(); ++n) name = base + "_" + std::to_string(n);
    names.push_back(name);
    net.output(name, outputs[i].value);
  }
  Artifact a;
  a.model = builder.finish();
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (c.shapes[i].flattened)
      report.warnings.push_back("the input " + a.model.graph.inputs[i].name + " is flattened first: rows of " + std::to_string(c.shapes[i].dims[1]) +
                                " values in any shape");
  }
  TRY(describe_ports(a.model.graph, a.schema));
  a.schema.kind = "graph";
  if (c.attempt.no_rows || std::ranges::any_of(c.shapes, &Shape::flattened)) {
    a.schema.batched = false;
  } else if (a.schema.batched) {
    a.schema.rows_independent = graph::rows_are_independent(a.model);
    add_features(a.schema);
  }
  a.example = TRY(zero_example(a.model.graph, example_schema(body, ports, c, sides, a.schema)));
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (!c.shapes[i].flattened) continue;
    a.model.graph.inputs[i].has_shape = false;
    a.model.graph.inputs[i].shape.clear();
    a.schema.inputs[i].any_rank = true;
    a.schema.inputs[i].shape.clear();
  }
  report.contents.push_back(node_line(a.model.graph));
  report.contents.push_back(weight_line(a.model.graph));
  for (std::string& line : port_lines(a.schema)) report.contents.push_back(std::move(line));
  a.report = report;
  return a;
}

}  // namespace slipway::importers::torch
