#include "slipway/importers/torch/source_network.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "slipway/base/encoding.hpp"
#include "slipway/importers/torch/scalars.hpp"
#include "slipway/importers/torch/source_recipes.hpp"

namespace slipway::importers::torch {
namespace {

namespace files = slipway::torch;

constexpr std::int64_t kStepsMax = 600'000;      // of the evaluator, in all tries with one candidate,
constexpr std::int64_t kStepsOfTry = 100'000;    // with one number tried,
constexpr std::int64_t kStepsOfAll = 2'500'000;  // and with all of them

// What the shapes settle, as it stands; with a switch or two set otherwise; with numbers tried out.
enum class Effort : std::uint8_t { direct, switched, searched };

Error refuse(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

using Kind = ClassArgument::Kind;
struct Unknown {
  std::size_t argument, item;  // item: of `symbols`, of a configuration's fields
};
using Unknowns = std::map<std::uint32_t, Unknown>;  // by symbol

ClassArgument& place(Recipe& r, const Unknown& u) {
  ClassArgument& a = r.arguments[u.argument];
  return a.kind == Kind::config ? a.fields[u.item] : a;
}

Result<Any> make(Evaluator& e, SourceHost& host, const Recipe& r, Unknowns* unknowns) {
  Arguments arguments;
  host.tell(r.told);
  host.look_everywhere(true);
  for (std::size_t i = 0; i < r.arguments.size(); ++i) {
    const ClassArgument& a = r.arguments[i];
    if (a.kind == Kind::absent) continue;
    Any value = a.constant;
    if (a.kind == Kind::expression) value = TRY(e.evaluate(*a.expression, nullptr, a.module));
    const auto symbol = [&](std::size_t item) -> Any {
      const ClassArgument& own = a.kind == Kind::config ? a.fields[item] : a;
      if (unknowns == nullptr && own.in_sums) return Any(e.net().untold());
      if (unknowns == nullptr) {  // to the forward an object that nothing can be done with
        auto o = std::make_shared<Object>();
        o->type = "the argument " + own.name + ", which nothing tells,";
        return Any(o);
      }
      const Dim d = e.net().symbol();
      (*unknowns)[d.symbol] = {i, item};
      return Any(d);
    };
    if (a.kind == Kind::symbol) {
      if (unknowns == nullptr && a.has_default) continue;
      value = symbol(0);
    }
    if (a.kind == Kind::opaque) value = host.opaque(a.name);
    if (a.kind == Kind::config) {
      std::vector<std::pair<std::string, Any>> contents;
      for (std::size_t k = 0; k < a.fields.size(); ++k) {
        const ClassArgument& field = a.fields[k];
        if (field.kind == Kind::absent) continue;
        if (field.kind == Kind::symbol && field.has_default && unknowns == nullptr) continue;  // as its default is
        contents.emplace_back(field.name, field.kind == Kind::symbol ? symbol(k) : field.constant);
      }
      value = TRY(configuration(e, host, a, contents));
    }
    if (a.kind == Kind::symbols) {
      std::vector<Any> items;
      for (std::size_t k = 0; k < a.solved.size(); ++k) items.push_back(a.solved[k] ? Any(*a.solved[k]) : symbol(k));
      if (a.width > 1) {
        std::vector<Any> rows;
        for (std::size_t k = 0; k + a.width <= items.size(); k += a.width) {
          const auto at = items.begin() + static_cast<std::ptrdiff_t>(k);
          rows.push_back(tuple({at, at + static_cast<std::ptrdiff_t>(a.width)}));
        }
        items = std::move(rows);
      }
      value = list(std::move(items));
    }
    if (a.name.empty()) {
      arguments.positional.push_back(std::move(value));
    } else {
      arguments.keywords.emplace_back(a.name, std::move(value));
    }
  }
  host.look_everywhere(false);
  const Any maker = TRY(host.find_name(e, r.name));
  if (maker.none()) return refuse("the source has no class " + r.name);
  Any made = SourceHost::is_instance_of_network(maker) ? maker : TRY(e.call(maker, arguments));
  if (!SourceHost::is_instance_of_network(made)) return refuse(r.name + " gives no network");
  return made;
}

// --- how well an instance fits

struct Fit {
  bool exact = false;
  bool made = false;              // __init__ went through
  std::size_t matching = 0;       // names of the right shape
  int wanted = 0;                 // the first size that is another one in the file: larger there, or smaller
  std::vector<Unknown> rounded;   // arguments in a size that several of their values would give, as halving does
  std::string why;                // it doesn't fit, or couldn't be made
  std::optional<Unknown> needed;  // the argument that has to be a number
  bool wants_object = false;      // an attribute of an argument is wanted
  bool wants_list = false;
  Recipe recipe;
};

std::string sizes_text(const Shape& sizes) {
  std::string out;
  for (const std::int64_t s : sizes) out += (out.empty() ? "" : "×") + std::to_string(s);
  return out.empty() ? "a number" : out;
}

bool is_extra(std::string_view name) { return name.ends_with("total_ops") || name.ends_with("total_params"); }  // of profilers

class Fitting {
 public:
  Fitting(const Sources& sources, const files::StateDict& weights, std::int64_t& steps) : sources_(sources), weights_(weights), steps_(steps) {}

  // With every unknown number solved that the shapes settle.
  Fit fit(Recipe recipe) {
    Fit f;
    for (int round = 0; round < 8; ++round) {
      f = once(std::move(recipe));
      recipe = f.recipe;
      if (!solved_something_) break;
    }
    return f.exact && !f.rounded.empty() ? settled(std::move(f)) : f;
  }

  bool exhausted() const { return steps_ > kStepsMax; }

  // And those tried out that __init__ needs before it makes anything: the one that it says it needs (a loop over it), else each with the
  // sizes that the weights have; a list where one is gone through.
  Fit search(const Recipe& recipe, int depth = 0) {  // NOLINT(misc-no-recursion): depth
    Fit best = fit(recipe);
    if (best.made && depth < 2 && (!best.exact || has_rounded(best.recipe))) return guessed_sizes(std::move(best), depth);
    if (best.exact || best.made || depth >= 4) return best;
    if (best.wants_object) {
      const Fit failed = best;
      for (std::size_t i = 0; i < failed.recipe.arguments.size(); ++i) {
        const ClassArgument& a = failed.recipe.arguments[i];
        if (a.kind != Kind::symbol || a.has_default) continue;
        Recipe next = failed.recipe;
        next.arguments[i].kind = Kind::opaque;
        Fit f = search(next, depth + 1);
        if (f.exact) return f;
        if (f.made && (!best.made || f.matching > best.matching)) best = std::move(f);
      }
      return best;
    }
    std::vector<Unknown> which;
    if (best.needed) {
      which.push_back(*best.needed);
    } else {
      for (std::size_t i = 0; i < best.recipe.arguments.size(); ++i) {
        if (best.recipe.arguments[i].kind == Kind::symbol && !best.recipe.arguments[i].has_default) which.push_back({i, 0});
      }
    }
    const Fit failed = best;
    for (const Unknown& i : which) {
      for (const ClassArgument& value : guesses(failed)) {
        if (exhausted()) return best;
        Recipe next = failed.recipe;
        ClassArgument& argument = place(next, i);
        const std::string name = argument.name;
        argument = value;
        argument.name = name;
        trying_ = true;
        Fit f = fit(next);
        trying_ = false;
        if (!f.exact && !f.made && f.why != failed.why) f = search(next, depth + 1);  // it came further
        if (f.exact) return f;
        if (f.made && (!best.made || f.matching > best.matching)) best = std::move(f);
      }
    }
    return best;
  }

 private:
  // The side of an image or the length of a signal that a layer behind convolutions was made for: the default where it gives that layer's size,
  // else the least that does. All of them alike: images are square.
  Fit settled(Fit open) {
    const Fit failed = open;
    Recipe by_default = failed.recipe;
    for (const Unknown& u : failed.rounded) place(by_default, u).kind = Kind::absent;
    if (Fit f = once(by_default); f.exact) return f;
    std::int64_t low = 1, high = std::int64_t{1} << 20;
    trying_ = true;
    while (low <= high && !exhausted()) {
      const std::int64_t side = (low + high) / 2;
      Recipe next = failed.recipe;
      for (const Unknown& u : failed.rounded) {
        place(next, u).kind = Kind::constant;
        place(next, u).constant = Any(side);
      }
      Fit f = once(std::move(next));
      if (f.exact) open = f;
      const bool larger = f.made ? f.wanted > 0 : true;  // of nothing no layer can be made
      if (larger) {
        low = side + 1;
      } else {
        high = side - 1;
      }
    }
    trying_ = false;
    return open;
  }

  static bool is_open(const Dim& d, const Unknowns& unknowns, const std::map<std::string, Dim>& opaque) {
    return unknowns.contains(d.symbol) || std::ranges::any_of(opaque, [&](const auto& o) { return o.second == d; });
  }

  static bool has_rounded(const Recipe& r) {
    return std::ranges::any_of(r.arguments, [](const ClassArgument& a) {
      return (a.kind == Kind::symbol && a.rounded) ||
             std::ranges::any_of(a.fields, [](const ClassArgument& f) { return f.kind == Kind::symbol && f.rounded; });
    });
  }

  // Numbers that the shapes have in a way that doesn't tell them (rounded up to a multiple of 8): the sizes that there are.
  Fit guessed_sizes(Fit best, int depth) {  // NOLINT(misc-no-recursion): depth
    const Fit failed = best;
    if (depth > 4 || failed.matching * 2 < weights_.tensors().size()) return best;  // another network's class
    const auto open = [](const ClassArgument& a) { return a.kind == Kind::symbol && !a.has_default && (!a.in_sums || a.rounded); };
    for (std::size_t i = 0; i < failed.recipe.arguments.size(); ++i) {
      const ClassArgument& a = failed.recipe.arguments[i];
      for (std::size_t k = 0; k < std::max<std::size_t>(1, a.fields.size()); ++k) {
        if (!open(a.kind == Kind::config && k < a.fields.size() ? a.fields[k] : a)) continue;
        for (const std::int64_t n : sizes_of_weights()) {
          if (exhausted()) return best;
          Recipe next = failed.recipe;
          ClassArgument& argument = place(next, {i, k});
          argument.kind = Kind::constant;
          argument.constant = Any(n);
          Fit f = fit(next);
          if (f.exact && !has_rounded(f.recipe)) return f;
          if (f.made && f.matching > failed.matching) f = guessed_sizes(std::move(f), depth + 1);
          if (f.exact) return f;
          if (f.made && f.matching > best.matching) best = std::move(f);
        }
      }
    }
    return best;
  }

  std::vector<std::int64_t> sizes_of_weights() const {
    std::vector<std::int64_t> numbers;
    for (const files::NamedTensor& t : weights_.tensors()) {
      for (const std::int64_t size : t.tensor.sizes) {
        if (numbers.size() < 24 && std::ranges::find(numbers, size) == numbers.end()) numbers.push_back(size);
      }
    }
    return numbers;
  }

  std::vector<ClassArgument> guesses(const Fit& failed) const {
    std::vector<ClassArgument> out;
    if (failed.wants_list) {
      for (std::size_t n = 1; n <= 8; ++n) {
        ClassArgument a;
        a.kind = Kind::symbols;
        a.solved.resize(n);
        out.push_back(std::move(a));
      }
      for (std::size_t n = 1; n <= 40; ++n) {  // of pairs: a table's columns with few values, embedded
        ClassArgument a;
        a.kind = Kind::symbols;
        a.width = 2;
        a.solved.resize(2 * n);
        out.push_back(std::move(a));
      }
      return out;
    }
    std::vector<std::int64_t> numbers{1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 9, 11, 13, 14, 15, 18, 20, 32, 48, 64};
    if (!failed.needed) {
      numbers = sizes_of_weights();
      for (const std::int64_t n : {1, 2, 3, 4}) {
        if (std::ranges::find(numbers, n) == numbers.end()) numbers.push_back(n);
      }
    }
    for (const std::int64_t n : numbers) {
      ClassArgument a;
      a.constant = Any(n);
      out.push_back(std::move(a));
    }
    return out;
  }

  Fit once(Recipe recipe) {
    solved_something_ = false;
    Fit f;
    graph::Builder builder("class");
    Net net(builder, true);
    SourceHost host(sources_);
    Evaluator e(net, host);
    if (trying_) e.bound(kStepsOfTry);
    Unknowns unknowns;
    const auto instance = make(e, host, recipe, &unknowns);
    steps_ += e.steps();
    f.recipe = std::move(recipe);
    if (!instance.ok()) {
      f.why = instance.error().detail();
      if (const auto needed = host.needed(); needed && unknowns.contains(needed->symbol)) f.needed = unknowns.at(needed->symbol);
      f.wants_list = f.why.find("a loop over int") != std::string::npos || f.why.find("an item of int") != std::string::npos ||
                     f.why.find("len: ") != std::string::npos;
      if (f.wants_list) f.needed.reset();
      f.wants_object = f.why.find("int has no attribute") != std::string::npos;
      return f;
    }
    f.made = true;
    const auto registered = host.registered(*instance);
    if (!registered.ok()) {
      f.why = registered.error().detail();
      return f;
    }
    compare(net, *registered, unknowns, host.opaque_sizes(), f);
    if (!f.exact && !host.foreign().empty())
      f.why += "; " + host.foreign().front() + " is of a library that isn't read here: what the network needs of it must stand in the source";
    return f;
  }

  void compare(Net& net, const std::vector<SourceHost::Registered>& registered, const Unknowns& unknowns, const std::map<std::string, Dim>& opaque,
               Fit& f) {
    std::set<std::string, std::less<>> names;
    std::size_t wrong = 0;
    std::vector<std::pair<Unknown, std::int64_t>> guesses;  // of quotients; good enough where nothing else tells
    const auto complain = [&](std::string what) {
      if (++wrong <= 3) f.why += (f.why.empty() ? "" : "; ") + std::move(what);
    };
    for (const SourceHost::Registered& r : registered) {
      names.insert(r.name);
      const files::TensorView* t = weights_.find(r.name);
      if (t == nullptr) {
        const bool may_be_absent = !r.parameter && r.attribute != "running_mean" && r.attribute != "running_var";
        if (!may_be_absent) complain("the file has no " + r.name);
        continue;
      }
      const auto value = r.cell->read(net);
      if (!value.ok()) continue;
      bool fits = value->rank() == t->sizes.size();
      for (std::size_t d = 0; d < t->sizes.size() && fits; ++d) {
        const Dim& dim = value->dims[d];
        if (dim.known()) {
          fits = dim.value == t->sizes[d];
          if (!fits && f.wanted == 0) f.wanted = t->sizes[d] > dim.value ? 1 : -1;
        } else if (const auto solved = net.solve(dim, t->sizes[d]); solved && solved->second >= 0 && is_open(solved->first, unknowns, opaque)) {
          if (unknowns.contains(solved->first.symbol)) take(unknowns.at(solved->first.symbol), solved->second, f.recipe);
          for (const auto& [path, symbol] : opaque) {
            if (symbol == solved->first && f.recipe.told.emplace(path, solved->second).second) solved_something_ = true;
          }
          const auto guess = net.solve(dim, t->sizes[d], true);
          if (guess && guess->second >= 0 && unknowns.contains(guess->first.symbol))
            guesses.emplace_back(unknowns.at(guess->first.symbol), guess->second);
        } else {
          const auto form = net.linear(dim);
          const bool sum = form && form->factors.size() > 1;  // of which only the whole is known
          std::vector<std::uint32_t> of = net.symbols_in(dim);
          std::erase_if(of, [&](std::uint32_t symbol) { return !unknowns.contains(symbol); });
          for (const std::uint32_t symbol : of) {
            const Unknown& u = unknowns.at(symbol);
            ClassArgument& a = place(f.recipe, u);
            a.in_sums = true;
            a.rounded = a.rounded || of.size() == 1;
            const bool known =
                std::ranges::any_of(f.rounded, [&](const Unknown& have) { return have.argument == u.argument && have.item == u.item; });
            if (!sum && !known && a.kind == Kind::symbol) f.rounded.push_back(u);
          }
        }
      }
      if (fits) {
        ++f.matching;
      } else {
        complain(r.name + " is " + sizes_text(t->sizes) + " in the file, " + neural::dims_text(value->dims) + " in the class");
      }
    }
    if (!solved_something_ && !guesses.empty()) take(guesses[0].first, guesses[0].second, f.recipe);
    for (const files::NamedTensor& t : weights_.tensors()) {
      if (!names.contains(t.name) && !is_extra(t.name)) complain("the class has no " + t.name);
    }
    if (wrong > 3) f.why += "; and " + std::to_string(wrong - 3) + " more";
    f.exact = wrong == 0 && !registered.empty() && !solved_something_;
  }

  void take(const Unknown& u, std::int64_t value, Recipe& recipe) {
    ClassArgument& a = place(recipe, u);
    if (a.kind == Kind::symbols && !a.solved[u.item]) {
      a.solved[u.item] = value;
      solved_something_ = true;
    } else if (a.kind == Kind::symbol) {
      a.kind = Kind::constant;
      a.constant = Any(value);
      solved_something_ = true;
    }
  }

  const Sources& sources_;
  const files::StateDict& weights_;
  std::int64_t& steps_;
  bool trying_ = false;  // numbers that may be any
  bool solved_something_ = false;
};

std::string listed(const std::vector<Candidate>& all) {
  std::string out;
  for (const Candidate& c : all) out += (out.empty() ? "" : ", ") + excerpt(c.name, 60);
  return out;
}

struct Best {
  std::vector<Fit> exact;
  std::optional<Fit> nearest;
};

// Recipes one after the other until one fits; true: it did.
bool try_recipes(Fitting& fitting, const std::vector<Recipe>& all, Effort effort, Best& best) {
  for (const Recipe& recipe : all) {
    if (effort != Effort::direct && fitting.exhausted()) return false;
    Fit f = effort == Effort::searched ? fitting.search(recipe) : fitting.fit(recipe);
    if (f.exact) {
      best.exact.push_back(std::move(f));
      return true;
    }
    // Of those that come as far: what could be made, and what didn't fail for want of something to ask for attributes.
    const auto rank = [](const Fit& x) { return std::tuple(x.matching, !x.wants_object); };
    if (!best.nearest || rank(f) > rank(*best.nearest)) best.nearest = std::move(f);
  }
  return false;
}

void try_candidate(const Sources& sources, const files::StateDict& weights, const NetworkWish& wish, const Candidate& c, Effort effort,
                   std::int64_t& of_all, Best& best) {
  std::int64_t steps = effort != Effort::direct && of_all > kStepsOfAll ? kStepsMax + 1 : 0;
  Fitting fitting(sources, weights, steps);
  struct Sum {
    std::int64_t &all, &own;
    ~Sum() { all += own; }
  } const sum{of_all, steps};
  const std::vector<Recipe> all = recipes(sources, c, wish);
  if (effort == Effort::switched) {
    for (const Recipe& recipe : all) {
      if (!fitting.exhausted() && try_recipes(fitting, switched(sources, c, recipe), effort, best)) return;
    }
    return;
  }
  if (try_recipes(fitting, all, effort, best)) return;
  for (const Recipe& recipe : all) {
    if (try_recipes(fitting, configured(sources, c, recipe, wish), effort, best)) return;
  }
  if (effort == Effort::direct) return;
  for (const Recipe& recipe : all) {
    if (try_recipes(fitting, switched(sources, c, recipe), effort, best)) return;
  }
}

}  // namespace

std::vector<std::string> Recipe::open() const {
  std::vector<std::string> out;
  for (const ClassArgument& a : arguments) {
    const bool left = std::ranges::any_of(a.solved, [](const auto& s) { return !s; });
    if ((a.kind == Kind::symbol && !a.has_default) || a.kind == Kind::opaque || (a.kind == Kind::symbols && left)) out.push_back(a.name);
  }
  return out;
}

std::optional<Recipe> fitted(const Sources& sources, const files::StateDict& weights, const Recipe& recipe) {
  std::int64_t steps = 0;
  Fitting fitting(sources, weights, steps);
  Fit f = fitting.fit(recipe);
  return f.exact ? std::optional(std::move(f.recipe)) : std::nullopt;
}

namespace {

void set_contents(const Any& configuration, const std::vector<std::pair<std::string, Any>>& contents) {
  for (const auto& [name, content] : contents) {
    if (const auto* o = configuration.as<std::shared_ptr<Object>>()) (*o)->set(name, content);
    if (const auto* d = configuration.as<std::shared_ptr<Dict>>()) set_item(**d, Any(name), content);
  }
}

}  // namespace

Result<Any> configuration(Evaluator& e, SourceHost& host, const ClassArgument& a, const std::vector<std::pair<std::string, Any>>& contents) {
  if (a.type.empty() && a.expression == nullptr) {
    Any made = std::make_shared<Dict>();
    if (!a.mapping) {
      auto o = std::make_shared<Object>();
      o->type = "the checkpoint";
      made = o;
    }
    set_contents(made, contents);
    return made;
  }
  host.look_everywhere(true);
  Any value = a.type.empty() ? TRY(e.evaluate(*a.expression, nullptr, a.module)) : TRY(host.find_class(e, a.type));
  if (!a.variable.empty()) {  // with what is done to it where it stands
    const Any named = TRY(host.find_name(e, a.variable));
    if (!named.none()) value = named;
  }
  std::vector<std::pair<std::string, Any>> later = contents;
  if (SourceHost::is_class(value)) {
    const std::vector<std::string> taken = SourceHost::taken_when_made(value);
    Arguments given;
    std::erase_if(later, [&](const auto& content) {
      if (std::ranges::find(taken, content.first) == taken.end()) return false;
      given.keywords.push_back(content);
      return true;
    });
    value = TRY(e.call(value, given));
  }
  host.look_everywhere(false);
  if (const auto* d = value.as<std::shared_ptr<Dict>>()) value = Any(std::make_shared<Dict>(**d));
  if (value.as<std::shared_ptr<Object>>() == nullptr && value.as<std::shared_ptr<Dict>>() == nullptr) return refuse("no configuration");
  set_contents(value, later);
  return value;
}

Result<Any> construct(Evaluator& e, SourceHost& host, const Recipe& recipe) { return make(e, host, recipe, nullptr); }

Result<FoundNetwork> find_network(const Sources& sources, const files::StateDict& weights, const NetworkWish& wish) {
  std::vector<Candidate> all = candidates(sources);
  if (all.empty()) return refuse("the source has no class that is derived from nn.Module and has a forward, and nothing else that makes a network");
  if (!wish.class_name.empty()) {
    const std::string known = listed(all);
    std::erase_if(all, [&](const Candidate& c) { return c.name != wish.class_name; });
    if (all.empty()) return refuse("the source has no network class " + excerpt(wish.class_name, 60) + "; it has " + known);
  }
  for (const auto& [name, value] : wish.arguments) {
    if (std::ranges::none_of(all, [&](const Candidate& c) { return c.signature.find(name) != nullptr || c.signature.keywords; }))
      return refuse("--arg " + excerpt(name, 60) + ": the constructor has no such argument");
  }
  std::vector<files::StateDict> forms{weights};
  if (const std::string prefix = weights.common_prefix(); !prefix.empty()) forms.push_back(weights.without_prefix(prefix));
  Best best;
  std::int64_t steps = 0;
  // Whatever fits as it stands before anything is tried out; each time classes that no other uses, those that others use, then variables and
  // functions.
  for (const Effort effort : {Effort::direct, Effort::switched, Effort::searched}) {
    steps = 0;
    for (const files::StateDict& form : forms) {
      for (const int turn : {0, 1, 2}) {
        best.exact.clear();
        for (const Candidate& c : all) {
          if ((c.what == Candidate::What::type ? c.used ? 1 : 0 : 2) != turn) continue;
          try_candidate(sources, form, wish, c, effort, steps, best);
          if (turn == 2 && !best.exact.empty()) break;  // several ways to the same network
        }
        if (best.exact.size() > 1) {
          std::string names;
          for (const Fit& f : best.exact) names += (names.empty() ? "" : ", ") + f.recipe.name;
          return refuse("the weights fit several classes of the source: " + names + "; choose one by --class");
        }
        if (best.exact.size() == 1) return FoundNetwork{std::move(best.exact[0].recipe), form};
      }
    }
  }
  const Fit& f = *best.nearest;
  const std::string who = f.recipe.name + " (arguments of " + f.recipe.from + ")";
  std::string help;
  for (const std::string& name : f.recipe.open()) help += (help.empty() ? "; say what it was made with: --arg " : " --arg ") + name + "=VALUE";
  if (!f.made) return refuse("no class of the source fits the weights " + weights.summary() + ": " + who + " can't be made: " + f.why + help);
  return refuse("no class of the source fits the weights " + weights.summary() + ": the nearest is " + who + ": " + f.why);
}

}  // namespace slipway::importers::torch
