#include "slipway/importers/torch/inputs.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "slipway/base/encoding.hpp"
#include "slipway/graph/rows.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/graph_schema.hpp"
#include "slipway/importers/torch/evaluator.hpp"
#include "slipway/importers/torch/inputs_attempt.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {

using neural::Dim;
using neural::Dims;
using neural::Net;
using neural::Value;

using namespace attempts;

namespace {

constexpr std::size_t kWidths = 300;        // of an image whose height is known
constexpr std::size_t kSidesOfFailed = 30;  // where it is not even known that a size would help

// The usual inputs, the likeliest first. A mask is booleans, or ones and zeros that say the same.
std::vector<Shape> usual(const InputPort& port) {
  if (port.shape) return {{port.dtype.value_or(DType::float32), *port.shape}};
  if (!port.dtype && port.name.find("mask") != std::string::npos) {
    std::vector<Shape> all;
    for (const std::size_t rank : {2, 3, 4, 1}) {
      for (const DType type : {DType::boolean, DType::int64, DType::float32}) all.push_back({type, std::vector<std::int64_t>(rank, kFree)});
    }
    return all;
  }
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
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    Shape& s = shapes[i];
    const auto open = [&](std::size_t d) { return s.dims[d] < 0 && s.dims[d] != kRows; };
    if (lengths_only) {
      const bool sequence = s.dims.size() == 3 && open(1) && open(2);
      if (sequence) fix(shapes, i, 1, sides.width);
      any = any || sequence;
      continue;
    }
    for (std::size_t d = s.dims.size() >= 4 ? 2 : 1; d < s.dims.size(); ++d) {
      if (!open(d)) continue;
      const bool depth = d == 2 && s.dims.size() == 5 && sides.depth > 0;
      fix(shapes, i, d, depth ? sides.depth : d + 1 == s.dims.size() ? sides.width : sides.height);
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
  if (std::ranges::any_of(shapes, [](const Shape& s) { return s.dims.size() == 5; })) {  // frames of a video
    for (const std::int64_t side : {224, 112, 128, 256, 64, 32}) {
      for (const std::int64_t frames : {16, 8, 32, 4, 64, 10, 5, 30}) all.push_back({side, side, frames});
    }
  }
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
  Choice halved{shapes, {}};
  halved.attempt = settle(body, ports, halved.shapes, tries, false, true);
  if (is_complete(halved.attempt) && halved.attempt.keeps_rows && !halved.attempt.no_rows) return halved;
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
    // Users and items: a number for each pair of them, where tables would give several.
    const bool pairs = ports.size() > 1 && c.attempt.output_rank > 1 &&
                       std::ranges::all_of(c.shapes, [](const Shape& other) { return !is_floating(other.dtype) && other.dims.size() == 2; });
    any = any || pairs;
    any = any || c.shapes[i].dims[1] >= 0 || (beside && c.attempt.output_rank > 2);
    s.dims = {kFree};
  }
  if (!any) return c;
  flat.attempt = settle(body, ports, flat.shapes, tries);
  const bool sure = is_complete(flat.attempt) && flat.attempt.guesses <= c.attempt.guesses;
  return sure && !flat.attempt.no_rows && flat.attempt.keeps_rows && flat.attempt.output_rank <= c.attempt.output_rank ? flat : c;
}

// One input after the other as it comes furthest, while the others stay: where that leads. nullopt: of few inputs, for which all combinations are
// tried.
std::optional<std::vector<std::size_t>> climbed(const Body& body, const std::vector<InputPort>& ports, const std::vector<std::vector<Shape>>& options,
                                                std::size_t& tries) {
  constexpr std::size_t kFew = 2;
  constexpr int kRounds = 4;
  if (ports.size() <= kFew) return std::nullopt;
  // What works before what doesn't; then with fewer guesses, and of fewer dimensions; what doesn't: how far it comes.
  using Score = std::tuple<bool, bool, std::ptrdiff_t, std::ptrdiff_t>;
  const auto score = [&](const std::vector<std::size_t>& pick) -> Score {
    std::vector<Shape> shapes;
    for (std::size_t i = 0; i < ports.size(); ++i) shapes.push_back(options[i][pick[i]]);
    const Attempt a = settle(body, ports, shapes, tries);
    const bool works = is_complete(a);
    std::size_t dims = 0;
    for (const Shape& s : shapes) dims += s.dims.size();
    return {works, works && a.keeps_rows && !a.no_rows, works ? -static_cast<std::ptrdiff_t>(a.guesses) : 0,
            works ? -static_cast<std::ptrdiff_t>(dims) : static_cast<std::ptrdiff_t>(a.progress)};
  };
  const auto perfect = [](const Score& s) { return std::get<0>(s) && std::get<1>(s) && std::get<2>(s) == 0; };
  std::vector<std::size_t> pick(ports.size(), 0);
  Score best = score(pick);
  const auto better = [&](std::vector<std::size_t> next) {
    if (next == pick || tries > kTriesMax / 2) return;
    const Score s = score(next);
    if (s <= best) return;
    best = s;
    pick = std::move(next);
  };
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<std::size_t> before = pick;
    for (const Shape& all : options[0]) {  // those of one kind together: masks, states and actions
      std::vector<std::size_t> next = pick;
      for (std::size_t i = 0; i < ports.size(); ++i) {
        if (is_floating(options[i][pick[i]].dtype) != is_floating(all.dtype)) continue;
        const auto same = std::ranges::find_if(options[i], [&](const Shape& s) { return s.dtype == all.dtype && s.dims == all.dims; });
        if (same != options[i].end()) next[i] = static_cast<std::size_t>(same - options[i].begin());
      }
      better(std::move(next));
    }
    for (std::size_t i = 0; i < ports.size(); ++i) {
      for (std::size_t o = 0; o < options[i].size(); ++o) {
        std::vector<std::size_t> next = pick;
        next[i] = o;
        better(std::move(next));
      }
    }
    if (perfect(best)) break;
    if (pick != before) continue;
    // Two of a kind at once: masks, states and actions.
    for (std::size_t i = 0; i < ports.size() && !perfect(best); ++i) {
      for (std::size_t k = i + 1; k < ports.size() && !perfect(best); ++k) {
        for (std::size_t o = 0; o < options[i].size(); ++o) {
          const auto alike =
              std::ranges::find_if(options[k], [&](const Shape& s) { return s.dtype == options[i][o].dtype && s.dims == options[i][o].dims; });
          if (alike == options[k].end()) continue;
          std::vector<std::size_t> next = pick;
          next[i] = o;
          next[k] = static_cast<std::size_t>(alike - options[k].begin());
          better(std::move(next));
        }
      }
    }
    if (pick == before) break;
  }
  for (std::size_t i = 0; i < ports.size(); ++i) {  // likelier ones that come as far
    for (std::size_t o = 0; o < pick[i]; ++o) {
      std::vector<std::size_t> next = pick;
      next[i] = o;
      if (tries > kTriesMax / 2 || score(next) < best) continue;
      pick = std::move(next);
      break;
    }
  }
  return pick;
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
    if (!is_complete(c.attempt) || c.attempt.no_rows) continue;
    c.attempt.no_rows = true;
    c.attempt.error = "the network squeezes the first dimension away";
    return c;
  }
  return std::nullopt;
}

// A row of features alone, of as many as the weights want.
bool is_one_row(const std::vector<InputPort>& ports, const std::vector<Shape>& shapes) {
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (!ports[i].shape && is_floating(shapes[i].dtype) && shapes[i].dims.size() == 1 && shapes[i].dims[0] != kFree) return true;
  }
  return false;
}

// A network that takes images with any number of channels looks at the last dimension only. If it takes rows of features, too, they are meant: what
// looked like a sequence without rows in them (x.unsqueeze(1)) was none.
bool rows_are_meant(const Choice& c, const std::optional<Choice>& earlier) {
  if (!earlier || c.shapes.size() != 1 || c.shapes[0].dims.size() != 4 || c.shapes[0].dims[1] != kFree) return false;
  const Shape& rows = earlier->shapes[0];
  return earlier->attempt.keeps_rows && rows.dims.size() == 2 && rows.dims[0] == kFree && rows.dtype == c.shapes[0].dtype;
}

// ... or sequences of features: three dimensions, where they do.
std::optional<Choice> as_sequence(const Body& body, const std::vector<InputPort>& ports, const Choice& c, std::size_t& tries) {
  if (c.shapes.size() != 1 || ports[0].shape || c.shapes[0].dims.size() != 4 || c.shapes[0].dims[1] != kFree) return std::nullopt;
  Choice sequence{{{c.shapes[0].dtype, {kFree, kFree, kFree}}}, {}};
  sequence.attempt = settle(body, ports, sequence.shapes, tries);
  const Attempt& a = sequence.attempt;
  return is_complete(a) && !a.no_rows && a.keeps_rows && a.guesses <= c.attempt.guesses ? std::optional(std::move(sequence)) : std::nullopt;
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
  if (const auto ahead = climbed(body, ports, options, tries)) {  // of several inputs there are too many combinations
    std::erase(order, *ahead);
    order.insert(order.begin(), *ahead);
  }
  std::optional<Choice> without_rows, open_sizes, guessed, each_its_own, own_rows;
  std::size_t picks_left = 60;  // once one is found whose first dimensions are not the same
  std::optional<Choice> best_failure;
  bool one_row = false;
  const auto fail = [&](const Choice& c) {
    if (!best_failure || c.attempt.progress > best_failure->attempt.progress) best_failure = c;
  };
  for (const auto& pick : order) {
    if (tries >= kTriesMax || (own_rows && picks_left-- == 0)) break;
    Choice c;
    for (std::size_t i = 0; i < ports.size(); ++i) c.shapes.push_back(options[i][pick[i]]);
    const std::vector<Shape> given = c.shapes;
    c.attempt = settle(body, ports, c.shapes, tries);
    c.attempt.no_rows = c.attempt.no_rows || is_one_row(ports, c.shapes);
    one_row = one_row || c.attempt.one_row;
    const bool rows_fixed = is_complete(c.attempt) && !given[0].dims.empty() && given[0].dims[0] == kFree && c.shapes[0].dims[0] >= 0;
    const bool doubtful = c.attempt.guesses > 0 || c.attempt.no_rows || !c.attempt.keeps_rows;
    if (ports.size() > 1 && (rows_fixed || (is_complete(c.attempt) && doubtful))) {
      // The first dimension of one of them is no row: the states [layers, N, units] beside a sequence [N, length, features], lengths [N] beside
      // [length, N].
      Choice alone{given, {}, true};
      alone.attempt = settle(body, ports, alone.shapes, tries, true);
      const bool open = is_complete(alone.attempt) && alone.shapes[0].dims[0] < 0;
      if (rows_fixed && open && !alone.attempt.no_rows && !own_rows) own_rows = alone;
      bool differs = false;
      for (std::size_t i = 1; i < alone.shapes.size(); ++i)
        differs = differs || (!alone.shapes[i].dims.empty() && !is_rows(i, 0, alone.shapes[i].dims[0], true));
      const bool surer = alone.attempt.mixed == 0 && alone.attempt.guesses <= c.attempt.guesses - c.attempt.mixed;
      if (open && differs && surer && !each_its_own) each_its_own = std::move(alone);
    }
    if (is_complete(c.attempt)) {
      if (!c.attempt.no_rows && c.attempt.keeps_rows) {
        if (rows_are_meant(c, without_rows)) {
          without_rows->attempt.no_rows = false;
          return std::move(*without_rows);
        }
        if (auto sequence = as_sequence(body, ports, c, tries)) return std::move(*sequence);
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
    std::size_t its_tries = 0;
    if (auto found = with_one_row(body, ports, options, order, sides, its_tries)) return std::move(*found);
  }
  if (own_rows) return std::move(*own_rows);
  if (each_its_own) return std::move(*each_its_own);
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
      tried += (d > 0 ? ", " : "") + (c.shapes[i].dims[d] < 0 ? "?" : std::to_string(c.shapes[i].dims[d]));
    tried += "]";
  }
  if (c.attempt.ok) return neural::wrong("no size of the input fits: " + c.attempt.open[0] + " (with " + tried + ")");
  return neural::wrong(c.attempt.error + " (with " + tried + ")");
}

bool is_open(std::int64_t size) { return size < 0 && size != kRows; }

// Sizes of an example: of images, of sequences; the first dimension of inputs that have other rows than the first (0: left alone).
struct ExampleSizes {
  std::int64_t side = 0, length = 0, depth = 0, first = 0;
};
std::vector<Shape> with_sizes(const Choice& c, const ExampleSizes& sizes) {
  std::vector<Shape> shapes = c.shapes;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    std::vector<std::int64_t>& dims = shapes[i].dims;
    for (std::size_t d = dims.size() >= 4 ? 2 : 1; d < dims.size(); ++d) {
      if (is_open(dims[d])) dims[d] = dims.size() == 5 && d == 2 ? sizes.depth : dims.size() >= 4 ? sizes.side : sizes.length;
    }
    if (i > 0 && sizes.first > 0 && !dims.empty() && dims[0] == kFree) dims[0] = sizes.first;
  }
  for (const Attempt::Sum& sum : c.attempt.sums) {  // shared out evenly
    const auto parts = static_cast<std::int64_t>(sum.places.size());
    for (std::int64_t k = 0; k < parts; ++k) {
      const auto& [input, dim] = sum.places[static_cast<std::size_t>(k)];
      shapes[input].dims[dim] = sum.value / parts + (k < sum.value % parts ? 1 : 0);
    }
  }
  return shapes;
}

// The schema with sizes for what is free behind the rows, such that the network's own operators agree: of a request to show and to check by.
Schema example_schema(const Body& body, const std::vector<InputPort>& ports, const Choice& c, std::span<const Sides> sides, const Schema& schema) {
  static constexpr std::pair<std::int64_t, std::int64_t> kSides[] = {
      {96, 16}, {64, 8},  {224, 32},  {32, 4},  {28, 64}, {16, 10},
      {128, 2}, {48, 50}, {256, 128}, {8, 256}, {299, 1}, {512, 512}};  // of images, of sequences
  Schema out = schema;
  for (std::size_t i = 0; i < c.example.size() && i < out.inputs.size(); ++i) {
    for (std::size_t d = 1; d < c.example[i].dims.size() && c.example[i].dims.size() == out.inputs[i].shape.size(); ++d) {
      if (out.inputs[i].shape[d] < 0 && c.example[i].dims[d] > 0) out.inputs[i].shape[d] = c.example[i].dims[d];
    }
  }
  if (!c.example.empty()) return out;
  std::vector<std::pair<std::int64_t, std::int64_t>> all(std::begin(kSides), std::end(kSides));
  if (c.apart) all.insert(all.begin(), {96, 1});  // rows that aren't the first dimension are as many as those that are
  if (!sides.empty() && ports[0].shape) all.insert(all.begin(), {sides[0].height, 16});  // images of a size that they are known to have
  bool any = false, volumes = false;
  for (const Shape& s : c.shapes) {
    for (std::size_t d = s.dims.size() >= 4 ? 2 : 1; d < s.dims.size(); ++d) any = any || is_open(s.dims[d]);
    volumes = volumes || (s.dims.size() == 5 && is_open(s.dims[2]));
  }
  if (!any) return out;
  std::vector<ExampleSizes> tried;
  for (const auto& [side, length] : all) {
    for (const std::int64_t frames : {std::int64_t{16}, length}) {  // of a video
      if (volumes) tried.push_back({side, length, frames});
    }
    if (!c.apart) tried.push_back({side, length, side});
    for (std::int64_t first = 1; first < 5 && c.apart; ++first) tried.push_back({side, length, side, first});  // 2: from and to of edges
  }
  for (const ExampleSizes& sizes : tried) {
    const std::vector<Shape> shapes = with_sizes(c, sizes);
    const Attempt a = run(body, ports, shapes, c.apart);
    if (!is_complete(a) || !a.settled.empty()) continue;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      for (std::size_t d = 0; d < shapes[i].dims.size() && shapes[i].dims.size() == out.inputs[i].shape.size(); ++d) {
        if (out.inputs[i].shape[d] < 0 && shapes[i].dims[d] >= 0) out.inputs[i].shape[d] = shapes[i].dims[d];
      }
    }
    return out;
  }
  return out;
}

// [N, F] as well as [N, C, H, W] when all that happens to the input first is that it is flattened: then any of them is taken.
void take_any_rank(const Body& body, const std::vector<InputPort>& ports, Choice& c) {
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (ports[i].shape || c.shapes[i].dims.size() != 2 || !is_floating(c.shapes[i].dtype) || c.shapes[i].dims[1] < 0) continue;
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
  if (a.as<ComplexRef>() != nullptr) return neural::wrong(std::string(kComplexAnswer));
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

namespace {

// --- inputs that a request may leave out

// The network with some of its inputs given; the others are absent.
Body with_some(const Body& body, std::size_t all, std::vector<std::size_t> which) {
  return [&body, all, which = std::move(which)](Net& net, const std::vector<Value>& inputs) {
    std::vector<Value> every(all);
    for (std::size_t i = 0; i < which.size(); ++i) every[which[i]] = inputs[i];
    return body(net, every);
  };
}

bool is_used(const Body& body, const std::vector<InputPort>& ports, const std::vector<Shape>& shapes) {
  graph::Builder builder("try");
  Net net(builder, true);
  const std::vector<Value> inputs = make_inputs(net, ports, shapes);
  const auto outputs = body(net, inputs);
  for (std::size_t i = 0; outputs.ok() && i < outputs->size(); ++i) net.output("output" + std::to_string(i), (*outputs)[i].value);
  const graph::Model made = builder.finish();
  const std::string& name = inputs.back().val.name;
  return std::ranges::any_of(made.graph.nodes, [&](const graph::Node& n) { return std::ranges::find(n.inputs, name) != n.inputs.end(); });
}

// Of an input that is None by default: numbers of tokens and lengths are whole ones.
std::vector<Shape> usual_optional(const InputPort& port) {
  std::vector<Shape> all = usual(port);
  const bool whole = port.name.find("id") != std::string::npos || port.name.find("len") != std::string::npos;
  if (whole) std::ranges::stable_partition(all, [](const Shape& s) { return !is_floating(s.dtype); });
  return all;
}

// Those of the optional ports with which the network gives what it gives without them. Each doubles the graph.
std::vector<std::size_t> optional_inputs(const Body& body, const std::vector<InputPort>& ports, std::vector<std::size_t> needed, Choice& c) {
  constexpr std::size_t kOptionalMax = 2, kTriedMax = 6;
  std::vector<std::size_t> taken;
  std::size_t tries = 0, tried = 0;
  if (c.apart || c.attempt.no_rows) return taken;
  for (std::size_t k = 0; k < ports.size() && taken.size() < kOptionalMax; ++k) {
    if (!ports[k].optional || ++tried > kTriedMax) continue;
    std::vector<std::size_t> which = needed;
    which.push_back(k);
    std::vector<InputPort> some;
    for (const std::size_t i : which) some.push_back(ports[i]);
    const Body part = with_some(body, ports.size(), which);
    for (const Shape& shape : usual_optional(ports[k])) {
      Choice with{c.shapes, {}};
      with.shapes.push_back(shape);
      with.attempt = settle(part, some, with.shapes, tries);
      bool same = is_complete(with.attempt) && with.attempt.guesses <= c.attempt.guesses && with.attempt.outputs == c.attempt.outputs &&
                  with.attempt.keeps_rows && !with.attempt.no_rows && with.shapes.back().dims[0] == kFree;
      for (std::size_t i = 0; i < c.shapes.size() && same; ++i) {  // it says nothing new of the others
        for (std::size_t d = 0; d < c.shapes[i].dims.size(); ++d) same = same && (with.shapes[i].dims[d] < 0) == (c.shapes[i].dims[d] < 0);
      }
      if (!same || !is_used(part, some, with.shapes)) continue;
      c.shapes = std::move(with.shapes);
      needed = std::move(which);
      taken.push_back(k);
      break;
    }
  }
  return taken;
}

// The network as it is with an input and as it is without: the graph chooses by whether the input has elements. left: places of optional inputs
// in `inputs` that are still to be decided on.
Result<std::vector<OutputPort>> either_way(Net& net, const Body& body, const std::vector<Value>& inputs,
                                           std::span<const std::size_t> left) {  // NOLINT(misc-no-recursion): as many as optional inputs
  if (left.empty()) return body(net, inputs);
  const Value& input = inputs[left[0]];
  const Value count = net.op("Size", {input}, DType::int64, {});
  const Value given = net.op("Greater", {count, net.number(0, DType::int64)}, DType::boolean, {});
  std::vector<std::shared_ptr<const graph::Graph>> graphs;
  std::vector<OutputPort> outputs;
  std::vector<std::pair<DType, Dims>> types;
  for (const bool with : {true, false}) {
    graph::Builder builder = net.graph().inside();
    Net inside(builder, net);
    std::vector<Value> now = inputs;
    if (!with) now[left[0]] = Net::absent();
    outputs = TRY(either_way(inside, body, now, left.subspan(1)));
    types.clear();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      inside.output(builder.name() + "/result" + std::to_string(i), outputs[i].value);
      types.emplace_back(outputs[i].value.dtype(), inside.outside(outputs[i].value.dims));
    }
    TRY(inside.leave());
    auto graph = std::make_shared<graph::Graph>(builder.finish().graph);
    for (graph::ValueInfo& info : graph->outputs) {
      info.has_shape = false;
      info.shape.clear();
    }
    graphs.push_back(std::move(graph));
  }
  const std::vector<Value> made =
      net.op_n("If", {given}, std::move(types), {graph::attr("then_branch", graphs[0]), graph::attr("else_branch", graphs[1])});
  for (std::size_t i = 0; i < outputs.size(); ++i) outputs[i].value = made[i];
  return outputs;
}

}  // namespace

Result<Artifact> build_network(const std::string& title, const std::vector<InputPort>& all_ports, const Body& network, Report& report,
                               std::span<const Sides> sides, std::span<const std::int64_t> heights) {
  std::vector<std::size_t> which;
  std::vector<InputPort> ports;
  for (std::size_t i = 0; i < all_ports.size(); ++i) {
    if (all_ports[i].optional) continue;
    which.push_back(i);
    ports.push_back(all_ports[i]);
  }
  if (ports.empty()) return neural::wrong("the network takes no tensor");
  const Body needed = with_some(network, all_ports.size(), which);
  Choice c = TRY(choose(needed, ports, sides, heights));
  if (!c.apart) take_any_rank(needed, ports, c);
  const std::size_t count = ports.size();
  if (std::ranges::none_of(c.shapes, &Shape::flattened)) {
    for (const std::size_t k : optional_inputs(network, all_ports, which, c)) {
      which.push_back(k);
      ports.push_back(all_ports[k]);
    }
  }
  const Body body = with_some(network, all_ports.size(), which);
  if (!c.attempt.error.empty()) report.warnings.push_back("requests can't have several rows: with a free number of rows, " + c.attempt.error);
  graph::Builder builder(title);
  Net net(builder);
  const std::vector<Value> inputs = make_inputs(net, ports, c.shapes, c.apart);
  std::vector<std::size_t> optional;
  for (std::size_t i = count; i < ports.size(); ++i) optional.push_back(i);
  // An absent one among the inputs is absent for the network.
  std::vector<OutputPort> outputs = TRY(either_way(net, body, inputs, optional));
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
  for (std::size_t i = count; i < ports.size(); ++i) a.schema.inputs[i].optional = true;
  if (c.attempt.no_rows || std::ranges::any_of(c.shapes, &Shape::flattened)) {
    a.schema.batched = false;
  } else if (a.schema.batched) {
    a.schema.rows_independent = optional.empty() && graph::rows_are_independent(a.model);
    if (optional.empty()) add_features(a.schema);
  }
  c.shapes.resize(count);
  a.example = TRY(
      zero_example(a.model.graph, example_schema(needed, {ports.begin(), ports.begin() + static_cast<std::ptrdiff_t>(count)}, c, sides, a.schema)));
  for (std::size_t i = 0; i < count; ++i) {
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
