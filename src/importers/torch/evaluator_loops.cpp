// A loop over a size that only a request knows: the engine's Loop. What a turn changes (names, tensors written in place, lists that grow by one
// tensor) is found by evaluating one turn that is thrown away; then the body is evaluated with those as inputs of a graph inside.
#include <algorithm>
#include <memory>
#include <set>

#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/python/parser.hpp"
#include "slipway/importers/torch/evaluator.hpp"
#include "slipway/importers/torch/evaluator_reach.hpp"
#include "slipway/importers/torch/operator_call.hpp"
#include "slipway/importers/torch/scalars.hpp"

namespace slipway::importers::torch {

namespace {

constexpr std::string_view kRange = "range of sizes", kSteps = "steps of a loop", kGone = "a name of a loop";

Any object_of(std::string_view type, std::vector<std::pair<std::string, Any>> attributes) {
  auto o = std::make_shared<Object>();
  o->type = type;
  o->attributes = std::move(attributes);
  return o;
}
const Object* object_of_type(const Any& a, std::string_view type) {
  const auto* o = a.as<std::shared_ptr<Object>>();
  return o != nullptr && (*o)->type == type ? o->get() : nullptr;
}

constexpr int kDepthMax = 20;  // of lists and tuples that hold what a loop changes

bool is_number(const Any& a) { return a.as<Dim>() != nullptr || a.as<double>() != nullptr || a.as<TensorRef>() != nullptr; }

// Numbers and tensors of a value, in order; `what` names it in messages.
Status leaves_of(const Any& a, std::string_view what, std::vector<Any>& out, int depth = 0) {  // NOLINT(misc-no-recursion): kDepthMax
  if (is_number(a)) {
    out.push_back(a);
    return ok();
  }
  const std::vector<Any>* items = items_of(a);
  if (items == nullptr || depth > kDepthMax)
    return neural::wrong(std::string(what) + " is " + type_name(a) + ", which a loop over a size that only a request knows can't carry");
  for (const Any& item : *items) TRY(leaves_of(item, what, out, depth + 1));
  return ok();
}

// The value again, with other leaves.
Any with_leaves(const Any& a, std::span<const Any>& leaves) {  // NOLINT(misc-no-recursion): as deep as leaves_of went
  if (is_number(a)) {
    const Any leaf = leaves.front();
    leaves = leaves.subspan(1);
    return leaf;
  }
  std::vector<Any> items;
  for (const Any& item : *items_of(a)) items.push_back(with_leaves(item, leaves));
  if (a.as<std::shared_ptr<List>>() != nullptr) return list(std::move(items));
  auto t = std::make_shared<Tuple>(**a.as<std::shared_ptr<Tuple>>());
  t->items = std::move(items);
  return Any(t);
}

}  // namespace

Any range_of_sizes(Dim start, Dim end, Dim step, Any item) {
  return object_of(kRange, {{"start", Any(start)}, {"end", Any(end)}, {"step", Any(step)}, {"item", std::move(item)}});
}
Result<std::optional<Any>> range_over(Net& net, const Any& a) {
  if (range_of_sizes(a) != nullptr) return std::optional(a);
  const auto* t = a.as<TensorRef>();
  if (t == nullptr) return std::optional<Any>();
  const Value v = TRY((*t)->read(net));
  if (v.rank() == 0 || v.dims[0].known()) return std::optional<Any>();
  return std::optional(range_of_sizes(0, v.dims[0], 1, a));
}

namespace {

Result<Any> item_at(Net& net, const Any& pattern, Dim at) {  // NOLINT(misc-no-recursion): as deep as zip and enumerate are nested
  if (pattern.as<TensorRef>() != nullptr) return call_operator(net, "select", {{pattern, Any(0), Any(at)}, {}});
  const auto* t = pattern.as<std::shared_ptr<Tuple>>();
  if (t == nullptr) return Any(at);
  std::vector<Any> items;
  for (const Any& each : (*t)->items) items.push_back(TRY(item_at(net, each, at)));
  return tuple(std::move(items));
}

}  // namespace

const Object* range_of_sizes(const Any& a) { return object_of_type(a, kRange); }

Any as_steps(const Any& stacked) { return object_of(kSteps, {{"all", stacked}}); }
std::optional<Any> steps_of(const Any& a) {
  const Object* o = object_of_type(a, kSteps);
  const Any* all = o == nullptr ? nullptr : o->find("all");
  return all == nullptr ? std::nullopt : std::optional(*all);
}
Result<Dim> length_of_steps(Net& net, const Any& steps) {
  const auto* t = steps.as<TensorRef>();
  if (t == nullptr) return neural::wrong("the length of a list that grows in a loop");
  return TRY((*t)->read(net)).dims.at(0);
}

bool is_gone(const Any& a) { return object_of_type(a, kGone) != nullptr; }

// One loop: what it carries from turn to turn.
class CountedLoop {
 public:
  using Turn = std::function<Result<bool>()>;  // the body; false: the loop is left in the middle
  CountedLoop(Evaluator& e, const py::Expr& target, Turn body, const Object& range, Evaluator::Frame& f)
      : e_(e), net_(e.net()), target_(target), body_(std::move(body)), range_(range), f_(f) {}

  Status run() {
    names_ = f_.scope->names;
    Status all_read = ok();
    std::set<const TensorCell*> known;
    const auto note = [&](const Any& a) {
      if (const auto* t = a.as<TensorRef>()) {
        // As it is now: a view that is read again in the loop would be a value of that graph.
        if (const auto now = (*t)->read(net_); !now.ok()) all_read = now.error();
        const TensorRef memory = TensorCell::memory_of(*t);
        if (known.insert(memory.get()).second) cells_.push_back({memory, memory->content(), memory->version()});
      }
      if (const auto* l = a.as<std::shared_ptr<List>>()) lists_.push_back({*l, (*l)->items, {}});
      if (const auto* d = a.as<std::shared_ptr<Dict>>()) dicts_.emplace_back(*d, **d);
      if (const auto* o = a.as<std::shared_ptr<Object>>()) objects_.emplace_back(*o, (*o)->attributes);
    };
    Reach reach(note);
    for (const Scope* scope = f_.scope.get(); scope != nullptr; scope = scope->outer.get()) {
      for (const auto& [name, value] : scope->names) reach.from(value);
    }
    TRY(std::move(all_read));
    TRY(find_what_changes());
    constexpr int kRoundsMax = 4;  // of sizes and types that turn out to change from turn to turn
    for (int round = 0; round < kRoundsMax; ++round) {
      if (TRY(build())) return ok();
    }
    return neural::wrong("a loop over a size that only a request knows: what it carries changes its shape from turn to turn");
  }

 private:
  struct Cell {
    TensorRef cell;
    Value before;
    std::int64_t version = 0;
  };
  struct Growing {
    std::shared_ptr<List> list;
    std::vector<Any> before;
    std::string name;  // of one that is made anew each turn (l = l + [x]); else the same list grows
  };
  struct State {
    Value first;  // before the loop
    Dims dims;    // of every turn; an open size is one of its own
  };

  void restore() {
    f_.scope->names = names_;
    for (const Cell& c : cells_) {
      if (c.cell->version() != c.version) c.cell->replace(c.before);
    }
    for (const Growing& l : lists_) l.list->items = l.before;
    for (const auto& [object, attributes] : objects_) object->attributes = attributes;
    for (const auto& [dict, before] : dicts_) *dict = before;
  }

  // One turn with things as they are before the loop.
  Status find_what_changes() {
    graph::Builder builder = net_.graph().inside();
    Net inside(builder, net_);
    const Value count = inside.input(builder.name() + "/count", DType::int64, {});
    Status done = turn(inside, count);
    if (done.ok()) done = note_changes();
    restore();
    for (Cell& c : cells_) c.version = c.cell->version();
    TRY(inside.leave());
    return done;
  }

  Status note_changes() {
    for (const auto& [name, value] : names_) {
      const auto now = f_.scope->names.find(name);
      if (now == f_.scope->names.end() || same(now->second, value) || is_gone(value)) continue;
      const auto* was = value.as<std::shared_ptr<List>>();
      const auto* is = now->second.as<std::shared_ptr<List>>();
      if (was != nullptr && is != nullptr && grew((*is)->items, before_of(*was))) {
        growing_.push_back({*was, before_of(*was), name});
      } else {
        carried_.emplace_back(name, value);
      }
    }
    for (const auto& [name, value] : f_.scope->names) {
      if (!names_.contains(name)) made_.push_back(name);
    }
    for (const auto& [object, attributes] : objects_) {
      if (!keeps_attributes(*object, attributes)) return neural::wrong("an attribute is set in a loop over a size that only a request knows");
    }
    for (const auto& [dict, before] : dicts_) {
      const bool equal = std::ranges::equal(dict->items, before.items, [](const auto& a, const auto& b) { return same(a.second, b.second); });
      if (!equal) return neural::wrong("a dict is changed in a loop over a size that only a request knows");
    }
    for (const Cell& c : cells_) {
      if (c.cell->version() != c.version) written_.push_back(c);
    }
    for (const Growing& l : lists_) {
      const bool equal = l.list->items.size() == l.before.size() && std::ranges::equal(l.list->items, l.before, same);
      if (equal || std::ranges::find(growing_, l.list, &Growing::list) != growing_.end()) continue;
      if (!grew(l.list->items, l.before))
        return neural::wrong("a list is changed in a loop over a size that only a request knows, other than by one tensor each turn");
      growing_.push_back(l);
    }
    return ok();
  }
  static bool grew(const std::vector<Any>& now, const std::vector<Any>& before) {
    return now.size() == before.size() + 1 && std::equal(before.begin(), before.end(), now.begin(), same) && now.back().as<TensorRef>() != nullptr;
  }
  const std::vector<Any>& before_of(const std::shared_ptr<List>& list) const { return std::ranges::find(lists_, list, &Growing::list)->before; }

  Status turn(Net& inside, const Value& count) {
    e_.net_ = &inside;
    const auto number = [&](std::string_view name) { return *range_.find(name)->as<Dim>(); };
    const Dim at = inside.add(number("start"), inside.mul(inside.from_scalar(count), number("step")));
    const auto item = item_at(inside, *range_.find("item"), at);
    Status done = item.ok() ? e_.assign(target_, *item, f_) : Status(item.error());
    if (done.ok()) {
      const auto whole = body_();
      if (!whole.ok()) {
        done = whole.error();
      } else if (!*whole) {
        done = neural::wrong("a loop over a size that only a request knows is left in the middle");
      }
    }
    e_.net_ = &net_;
    return done;
  }

  // Of what is carried: tensors and numbers, all of them tensors in the graph.
  Result<std::vector<Value>> values(Net& net, const std::vector<std::pair<std::string, Any>>& named, const std::vector<Value>& written) {
    std::vector<Value> out;
    for (const auto& [name, value] : named) {
      std::vector<Any> leaves;
      TRY(leaves_of(value, name, leaves));
      for (const Any& leaf : leaves) out.push_back(TRY(value_of(net, leaf, name)));
    }
    out.insert(out.end(), written.begin(), written.end());
    return out;
  }
  // ... and back: numbers are numbers again.
  std::vector<Any> anys(Net& net, const std::vector<Value>& values) {
    std::vector<Any> out;
    std::size_t at = 0;
    for (const auto& [name, value] : carried_) {
      std::vector<Any> before, after;
      if (!leaves_of(value, name, before).ok()) continue;
      for (const Any& leaf : before) {
        after.push_back(leaf.as<Dim>() != nullptr ? Any(net.from_scalar(values[at])) : tensor(values[at]));
        ++at;
      }
      std::span<const Any> leaves(after);
      out.push_back(with_leaves(value, leaves));
    }
    return out;
  }
  void set(Net& net, const std::vector<Value>& now) {
    const std::vector<Any> named = anys(net, now);
    for (std::size_t i = 0; i < carried_.size(); ++i) f_.scope->names[carried_[i].first] = named[i];
    for (std::size_t i = 0; i < written_.size(); ++i) written_[i].cell->replace(now[now.size() - written_.size() + i]);
  }

  // false: what is carried has other sizes or another type after a turn, which states_ knows now.
  Result<bool> build() {
    std::vector<Value> first;
    for (const Cell& c : written_) first.push_back(c.before);
    first = TRY(values(net_, carried_, first));
    if (states_.empty()) {
      for (const Value& v : first) states_.push_back({v, v.dims});
    }
    graph::Builder builder = net_.graph().inside();
    Net inside(builder, net_);
    const auto port = [&](const char* what, std::size_t i) { return builder.name() + "/" + what + std::to_string(i); };
    const Value count = inside.input(port("count", 0), DType::int64, {}), go = inside.input(port("go", 0), DType::boolean, {});
    std::vector<Value> before;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      Dims dims = states_[i].dims;
      for (Dim& d : dims) {
        if (d.is(kOpen)) d = inside.symbol();
      }
      before.push_back(inside.input(port("state", i), states_[i].first.dtype(), std::move(dims)));
    }
    set(inside, before);
    for (const Growing& g : growing_) g.list->items = {object_of("a list that grows in this loop", {})};
    const Status done = turn(inside, count);
    auto results = done.ok() ? after(inside) : Result<Results>(done.error());
    restore();
    for (Cell& c : cells_) c.version = c.cell->version();
    TRY(inside.leave());
    if (!results.ok()) return results.error();
    for (std::size_t i = 0; i < states_.size(); ++i) {
      if (!TRY(keeps(states_[i], before[i], results->state[i]))) return false;
    }
    inside.output(port("on", 0), go);
    std::vector<std::pair<DType, Dims>> outputs;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      inside.output(port("next", i), results->state[i]);
      Dims dims = states_[i].dims;
      for (Dim& d : dims) {
        if (d.is(kOpen)) d = net_.symbol();
      }
      outputs.emplace_back(states_[i].first.dtype(), std::move(dims));
    }
    const Dim turns = TRY(length());
    for (std::size_t i = 0; i < results->steps.size(); ++i) {
      inside.output(port("step", i), results->steps[i]);
      Dims dims{turns};
      for (const Dim& d : inside.outside(results->steps[i].dims)) dims.push_back(d);
      outputs.emplace_back(results->steps[i].dtype(), std::move(dims));
    }
    auto graph = std::make_shared<graph::Graph>(builder.finish().graph);
    for (auto* infos : {&graph->inputs, &graph->outputs}) {
      for (graph::ValueInfo& info : *infos) {
        info.has_shape = info.shape.empty();  // sizes of a state may change from turn to turn
        info.shape.clear();
      }
    }
    std::vector<Value> inputs{net_.to_scalar(turns), net_.number(1, DType::boolean)};
    for (const State& s : states_) inputs.push_back(s.first);
    const std::vector<Value> made =
        net_.op_n("Loop", inputs, std::move(outputs), {graph::attr("body", std::shared_ptr<const graph::Graph>(std::move(graph)))});
    set(net_, {made.begin(), made.begin() + static_cast<std::ptrdiff_t>(states_.size())});
    for (std::size_t i = 0; i < growing_.size(); ++i) {
      growing_[i].list->items = growing_[i].before;
      growing_[i].list->items.push_back(as_steps(tensor(made[states_.size() + i])));
    }
    for (const std::string& name : made_) f_.scope->names[name] = object_of(kGone, {});
    return true;
  }

  struct Results {
    std::vector<Value> state, steps;
  };
  Result<Results> after(Net& inside) {
    std::vector<std::pair<std::string, Any>> named;
    for (const auto& [name, value] : carried_) {
      const Any now = f_.scope->names[name];
      std::vector<Any> was, is;
      TRY(leaves_of(value, name, was));
      TRY(leaves_of(now, name, is));
      if (was.size() != is.size()) return neural::wrong(name + " has more parts after a turn of the loop than before");
      named.emplace_back(name, now);
    }
    std::vector<Value> written;
    for (const Cell& c : written_) written.push_back(c.cell->content());
    Results r;
    r.state = TRY(values(inside, named, written));
    for (const Growing& g : growing_) {
      const auto* anew = g.name.empty() ? nullptr : f_.scope->names[g.name].as<std::shared_ptr<List>>();
      const std::vector<Any>& items = anew != nullptr ? (*anew)->items : g.list->items;
      if (items.size() != 2 || items[1].as<TensorRef>() == nullptr) return neural::wrong("a list doesn't grow by one tensor each turn of the loop");
      r.steps.push_back(TRY((*items[1].as<TensorRef>())->read(inside)));
    }
    return r;
  }

  Result<bool> keeps(State& state, const Value& before, const Value& after) {
    if (before.rank() != after.rank())
      return neural::wrong("a loop over a size that only a request knows changes the shape of what it carries: " + neural::dims_text(before.dims) +
                           " becomes " + neural::dims_text(after.dims));
    bool kept = true;
    if (before.dtype() != after.dtype()) {
      state.first = net_.cast(state.first, after.dtype());
      kept = false;
    }
    for (std::size_t i = 0; i < before.rank(); ++i) {
      if (before.dims[i] == after.dims[i] || state.dims[i].is(kOpen)) continue;
      state.dims[i] = kOpen;
      kept = false;
    }
    return kept;
  }

  Result<Dim> length() {
    const auto number = [&](std::string_view name) { return *range_.find(name)->as<Dim>(); };
    const Dim start = number("start"), end = number("end"), step = number("step");
    if (!step.known() || step.value == 0) return neural::wrong("a loop with a step that only a request knows");
    const Dim span = step.value > 0 ? net_.sub(end, start) : net_.sub(start, end);
    const std::int64_t stride = step.value > 0 ? step.value : -step.value;
    return stride == 1 ? span : net_.floor_div(net_.add(span, stride - 1), stride);
  }

  static constexpr std::int64_t kOpen = -2;

  Evaluator& e_;
  Net& net_;
  const py::Expr& target_;
  Turn body_;
  const Object& range_;
  Evaluator::Frame& f_;
  std::map<std::string, Any, std::less<>> names_;  // before the loop
  std::vector<Cell> cells_, written_;              // all that it may write, and what it does
  std::vector<Growing> lists_, growing_;
  std::vector<std::pair<std::shared_ptr<Object>, std::vector<std::pair<std::string, Any>>>> objects_;
  std::vector<std::pair<std::shared_ptr<Dict>, Dict>> dicts_;
  std::vector<std::string> made_;  // names that the first turn gives
  std::vector<std::pair<std::string, Any>> carried_;
  std::vector<State> states_;
};

Dim turns_of_range(const Object& range) {
  const Dim* end = range.find("end")->as<Dim>();
  const Dim* start = range.find("start")->as<Dim>();
  return end->known() ? *start : *end;
}

// A loop that can't be one of the engine's may be unrolled, with a number of turns that is known.
Status Evaluator::counted(CountedLoop& loop, const Object& range) {
  const bool was_located = located_;
  auto done = loop.run();
  if (done.ok()) return done;
  if (!done.ok() && done.error().detail().find("loop") != std::string::npos) (void)net().needs(turns_of_range(range), {});
  located_ = located_ || was_located;
  return done;
}

Status Evaluator::run_counted(const py::For& s, const Object& range, Frame& f) {
  CountedLoop loop(
      *this, *s.target,
      [&]() -> Result<bool> {
        const Flow flow = TRY(run_body(s.body, f));
        return flow == Flow::next || flow == Flow::continued;
      },
      range, f);
  return counted(loop, range);
}

// [element for target in range(n)]: a list that grows by one tensor each turn.
Result<Any> Evaluator::comprehend_counted(const py::Comprehension& c, const Object& range, Frame& f) {
  const std::string made = " the list";
  f.scope->names[made] = list({});
  CountedLoop loop(
      *this, *c.clauses[0].target,
      [&]() -> Result<bool> {
        const Any item = TRY(eval(*c.element, f));
        (*f.scope->names[made].as<std::shared_ptr<List>>())->items.push_back(item);
        return true;
      },
      range, f);
  TRY(counted(loop, range));
  return f.scope->names[made];
}

Error Evaluator::gone(std::string_view id) {
  return net().needs(net().symbol(), "what " + std::string(id) + " is after a loop over a size that only a request knows");
}

}  // namespace slipway::importers::torch
