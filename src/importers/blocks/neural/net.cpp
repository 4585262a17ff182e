#include "slipway/importers/blocks/neural/net.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace slipway::importers::neural {

using graph::attr;
using graph::Attribute;
using graph::Val;

Error wrong(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

std::string dims_text(const Dims& dims) {
  std::string out = "[";
  for (const Dim& d : dims) {
    if (out.size() > 1) out += ", ";
    out += d.known() ? std::to_string(d.value) : "?";
  }
  return out + "]";
}

std::int64_t normal_axis(std::int64_t axis, std::size_t rank) {
  const auto n = static_cast<std::int64_t>(rank);
  if (axis < 0) axis += n;
  return axis >= 0 && axis < n ? axis : -1;
}

Result<std::size_t> axis_of(std::int64_t axis, std::size_t rank, std::string_view who) {
  const std::int64_t a = normal_axis(axis, rank);
  if (a < 0) return wrong(std::string(who) + ": there is no dimension " + std::to_string(axis) + " in " + std::to_string(rank));
  return static_cast<std::size_t>(a);
}

namespace {

std::vector<graph::Dim> to_graph(const Dims& dims) {
  std::vector<graph::Dim> out;
  for (const Dim& d : dims) out.push_back(d.known() ? graph::Dim{d.value, {}} : graph::Dim{-1, "d" + std::to_string(d.symbol)});
  return out;
}

bool is_half(DType d) { return d == DType::float16 || d == DType::bfloat16; }

std::optional<std::int64_t> known_product(std::int64_t a, std::int64_t b) {
  std::int64_t p = 0;
  if (__builtin_mul_overflow(a, b, &p)) return std::nullopt;
  return p;
}

}  // namespace

Net::Net(graph::Builder& graph, Net& around)
    : graph_(graph),
      dry_(around.dry_),
      around_(&around),
      symbols_around_(around.symbols_.size()),
      symbols_(around.symbols_),
      by_key_(around.by_key_),
      products_(around.products_),
      rows_(around.rows_) {}

Dim Net::outside(Dim d) {
  if (d.known() || d.symbol <= symbols_around_) return d;
  const Symbol& s = symbols_[d.symbol - 1];
  const bool of_known = !s.atoms.empty() && std::ranges::all_of(s.atoms, [&](std::uint32_t a) { return a <= symbols_around_; });
  return of_known ? around_->intern(s.factor, s.atoms) : around_->symbol();
}

Dims Net::outside(const Dims& dims) {
  Dims out;
  for (const Dim& d : dims) out.push_back(outside(d));
  return out;
}

Status Net::leave() {
  around_->needed_sizes_ = around_->needed_sizes_ || needed_sizes_;
  around_->no_rows_ = around_->no_rows_ || no_rows_;
  around_->guesses_ += std::exchange(guesses_, 0);
  for (const auto& [a, b] : std::exchange(equal_, {})) around_->equal_.emplace_back(outside(a), outside(b));
  for (const Assumption& a : std::exchange(assumptions_, {})) {
    const std::size_t known = around_->symbols_.size();
    const Dim there = outside(a.dim);
    // A size that only the graph inside has is what it is: nobody outside could choose it.
    if (there.known() || there.symbol <= known) TRY(around_->require(there, a.value, a.why));
  }
  return ok();
}

Value Net::input(const std::string& name, DType dtype, Dims dims) {
  Value v;
  v.val = graph_.input(name, dtype, to_graph(dims));
  v.dims = std::move(dims);
  register_dims(v.val.name, v.dims);
  return v;
}

void Net::output(const std::string& name, const Value& v) { graph_.output(name, use(v), to_graph(v.dims)); }

Value Net::constant(Tensor t) { return constant(std::make_shared<const Tensor>(std::move(t))); }

Value Net::constant(SharedTensor t) {
  Value v;
  v.val.dtype = t->dtype();
  v.dims.assign(t->shape().begin(), t->shape().end());
  v.content = std::move(t);
  return v;
}

Value Net::number(double v, DType dtype) {
  switch (dtype) {
    case DType::float64: return constant(doubles({}, std::span(&v, 1)));
    case DType::int64: {
      const auto i = static_cast<std::int64_t>(v);
      return constant(int64s({}, std::span(&i, 1)));
    }
    case DType::int32: {
      const auto i = static_cast<std::int32_t>(v);
      return constant(Tensor::of<std::int32_t>(DType::int32, {}, std::span(&i, 1)));
    }
    case DType::boolean: {
      const auto b = static_cast<std::uint8_t>(v != 0);
      return constant(Tensor::of<std::uint8_t>(DType::boolean, {}, std::span(&b, 1)));
    }
    case DType::float32: {
      const auto f = static_cast<float>(v);
      return constant(Tensor::of<float>(DType::float32, {}, std::span(&f, 1)));
    }
    default: return cast(number(v, DType::float32), dtype);
  }
}

Value Net::ints(std::span<const std::int64_t> values) { return constant(int64s({static_cast<std::int64_t>(values.size())}, values)); }

Value Net::weight(SharedTensor t) { return widened(constant(std::move(t))); }

Value Net::widened(const Value& v) { return is_half(v.dtype()) ? cast(v, DType::float32) : v; }

Val Net::use(const Value& v) {
  if (!v.constant()) return v.val;
  if (around_ != nullptr) return around_->use(v);
  if (dry_) {
    Val nothing;
    nothing.name = "constant";
    nothing.dtype = v.dtype();
    return nothing;
  }
  const auto known = used_.find(v.content.get());
  if (known != used_.end()) return known->second.second;
  const Val in_graph = graph_.constant(*v.content);
  used_.emplace(v.content.get(), std::pair(v.content, in_graph));
  return in_graph;
}

namespace {

// The engine has these in single precision only: a network in double is calculated so there.
bool single_only(std::string_view type) {
  static constexpr std::string_view kTypes[] = {"Conv",
                                                "ConvTranspose",
                                                "AveragePool",
                                                "GlobalAveragePool",
                                                "GlobalMaxPool",
                                                "LpPool",
                                                "LSTM",
                                                "GRU",
                                                "RNN",
                                                "LRN",
                                                "InstanceNormalization",
                                                "LeakyRelu",
                                                "PRelu",
                                                "Elu",
                                                "Celu",
                                                "Selu",
                                                "HardSigmoid",
                                                "Softplus",
                                                "Softsign",
                                                "Mish",
                                                "Erf",
                                                "Resize",
                                                "GridSample",
                                                "ThresholdedRelu"};
  return std::ranges::find(kTypes, type) != std::end(kTypes);
}

}  // namespace

std::vector<Value> Net::op_n(std::string_view type, const std::vector<Value>& inputs, std::vector<std::pair<DType, Dims>> outputs,
                             std::vector<Attribute> attributes, std::string_view domain) {
  const auto is_double = [](const Value& v) { return v.dtype() == DType::float64 && (v.constant() || !v.val.name.empty()); };
  if (single_only(type) && std::ranges::any_of(inputs, is_double)) {
    std::vector<Value> narrow = inputs;
    for (Value& v : narrow) v = is_double(v) ? cast(v, DType::float32) : v;
    for (auto& [dtype, dims] : outputs) dtype = is_floating(dtype) ? DType::float32 : dtype;
    std::vector<Value> results = op_n(type, narrow, std::move(outputs), std::move(attributes), domain);
    for (Value& v : results) v = is_floating(v.dtype()) ? cast(v, DType::float64) : v;
    return results;
  }
  std::vector<Val> vals;
  for (const Value& v : inputs) vals.push_back(use(v));
  std::vector<Val> made = graph_.op_n(type, vals, outputs.size(), std::move(attributes), domain);
  std::vector<Value> results;
  for (std::size_t i = 0; i < made.size(); ++i) {
    Value v;
    v.val = std::move(made[i]);
    v.val.dtype = outputs[i].first;
    v.val.columns = -1;
    v.dims = std::move(outputs[i].second);
    register_dims(v.val.name, v.dims);
    results.push_back(std::move(v));
  }
  return results;
}

Value Net::op(std::string_view type, const std::vector<Value>& inputs, DType dtype, Dims dims, std::vector<Attribute> attributes,
              std::string_view domain) {
  return std::move(op_n(type, inputs, {{dtype, std::move(dims)}}, std::move(attributes), domain)[0]);
}

Value Net::cast(const Value& v, DType to) {
  if (v.dtype() == to) return v;
  return op("Cast", {v}, to, v.dims, {attr("to", static_cast<std::int64_t>(to))});
}

// --- sizes

void Net::register_dims(const std::string& tensor, const Dims& dims) {
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i].known()) continue;
    Symbol& s = symbols_[dims[i].symbol - 1];
    if (!s.tensor.empty()) continue;
    s.tensor = tensor;
    s.axis = static_cast<std::int64_t>(i);
  }
}

Dim Net::symbol() {
  symbols_.emplace_back();
  Dim d;
  d.symbol = static_cast<std::uint32_t>(symbols_.size());
  return d;
}

Dim Net::untold() {
  const Dim d = symbol();
  symbols_[d.symbol - 1].untold = true;
  return d;
}

bool Net::is_untold(Dim d) const {
  if (d.known()) return false;
  const Symbol& s = symbols_[d.symbol - 1];
  return s.untold || std::ranges::any_of(s.atoms, [&](std::uint32_t atom) { return symbols_[atom - 1].untold; });
}

Dim Net::atom(const std::string& key) {
  const auto known = by_key_.find(key);
  Dim d;
  if (known != by_key_.end()) {
    d.symbol = known->second;
    return d;
  }
  d = symbol();
  by_key_.emplace(key, d.symbol);
  return d;
}

void Net::expand(Dim d, std::int64_t& factor, std::vector<std::uint32_t>& atoms) const {
  if (d.known()) {
    factor = known_product(factor, d.value).value_or(std::numeric_limits<std::int64_t>::max());
    return;
  }
  const Symbol& s = symbols_[d.symbol - 1];
  if (s.atoms.empty()) {
    atoms.push_back(d.symbol);
  } else {
    factor = known_product(factor, s.factor).value_or(std::numeric_limits<std::int64_t>::max());
    atoms.insert(atoms.end(), s.atoms.begin(), s.atoms.end());
  }
}

Dim Net::intern(std::int64_t factor, std::vector<std::uint32_t> atoms) {
  if (factor == 0 || atoms.empty()) return atoms.empty() ? Dim(factor) : Dim(0);
  std::ranges::sort(atoms);
  Dim d;
  if (factor == 1 && atoms.size() == 1) {
    d.symbol = atoms[0];
    return d;
  }
  const auto key = std::pair(factor, atoms);
  const auto known = products_.find(key);
  if (known != products_.end()) {
    d.symbol = known->second;
    return d;
  }
  d = symbol();
  symbols_[d.symbol - 1].factor = factor;
  symbols_[d.symbol - 1].atoms = std::move(atoms);
  products_.emplace(key, d.symbol);
  return d;
}

Dim Net::mul(Dim a, Dim b) {
  std::int64_t factor = 1;
  std::vector<std::uint32_t> atoms;
  expand(a, factor, atoms);
  expand(b, factor, atoms);
  return intern(factor, std::move(atoms));
}

Dim Net::product(std::span<const Dim> dims) {
  Dim p = 1;
  for (const Dim& d : dims) p = mul(p, d);
  return p;
}

std::optional<Dim> Net::quotient(Dim a, Dim b) {
  std::int64_t fa = 1, fb = 1;
  std::vector<std::uint32_t> aa, ab;
  expand(a, fa, aa);
  expand(b, fb, ab);
  if (fb == 0 || fa % fb != 0) return std::nullopt;
  for (const std::uint32_t atom : ab) {
    const auto it = std::ranges::find(aa, atom);
    if (it == aa.end()) return std::nullopt;
    aa.erase(it);
  }
  return intern(fa / fb, std::move(aa));
}

namespace {
std::string dim_key(Dim d) { return d.known() ? std::to_string(d.value) : "#" + std::to_string(d.symbol); }
}  // namespace

Dim Net::derived(const std::string& key, Dim of) {
  const Dim d = atom(key + " " + dim_key(of));
  Symbol& s = symbols_[d.symbol - 1];
  s.of = Symbol::Of::formula;
  s.left = of;
  s.untold = is_untold(of);
  return d;
}

Dim Net::combine(std::string_view op, const std::string& key, Dim a, Dim b, Symbol::Of of) {
  const Dim d = atom(key + " " + dim_key(a) + " " + dim_key(b));
  symbols_[d.symbol - 1].of = of;
  symbols_[d.symbol - 1].left = a;
  symbols_[d.symbol - 1].right = b;
  symbols_[d.symbol - 1].untold = is_untold(a) || is_untold(b);
  if (!symbols_[d.symbol - 1].value.name.empty()) return d;
  const Val result = graph_.op(op, {run_time(a), run_time(b)});
  symbols_[d.symbol - 1].value = result;
  return d;
}

Dim Net::add(Dim a, Dim b) {
  std::int64_t sum = 0;
  if (a.known() && b.known() && !__builtin_add_overflow(a.value, b.value, &sum)) return sum;
  if (a.is(0)) return b;
  if (b.is(0)) return a;
  return combine("Add", "add", a, b, Symbol::Of::sum);
}

Dim Net::sub(Dim a, Dim b) {
  std::int64_t difference = 0;
  if (a.known() && b.known() && !__builtin_sub_overflow(a.value, b.value, &difference)) return difference;
  if (a == b) return 0;
  if (b.is(0)) return a;
  return combine("Sub", "sub", a, b, Symbol::Of::difference);
}

Dim Net::floor_div(Dim a, Dim b) {
  if (a.known() && b.known() && b.value != 0) {
    std::int64_t q = a.value / b.value;
    if (a.value % b.value != 0 && (a.value < 0) != (b.value < 0)) --q;
    return q;
  }
  if (const auto q = quotient(a, b)) return *q;
  return combine("Div", "div", a, b, Symbol::Of::quotient);  // of sizes: no negative ones, so that truncation is the floor
}

Dim Net::max(Dim a, Dim b) {
  if (a.known() && b.known()) return std::max(a.value, b.value);
  if (a == b) return a;
  return combine("Max", "max", a, b);
}

Val Net::run_time(Dim d) {
  if (d.known()) return graph_.ints({d.value});
  {
    const Symbol& s = symbols_[d.symbol - 1];
    if (!s.value.name.empty()) return s.value;
    if (!s.tensor.empty()) {
      Val of;
      of.name = s.tensor;
      const Val v = graph_.op("Shape", {of}, {attr("start", s.axis), attr("end", s.axis + 1)});
      symbols_[d.symbol - 1].value = graph::Builder::typed(v, DType::int64, -1);
      return symbols_[d.symbol - 1].value;
    }
  }
  // A product that no tensor has as a dimension (yet). Its atoms do have a place: nothing makes one without.
  const Symbol s = symbols_[d.symbol - 1];
  Val p = graph_.ints({s.factor});
  for (const std::uint32_t atom : s.atoms) {
    Dim a;
    a.symbol = atom;
    p = graph_.op("Mul", {p, run_time(a)});
  }
  symbols_[d.symbol - 1].value = graph::Builder::typed(p, DType::int64, -1);
  return symbols_[d.symbol - 1].value;
}

Dim Net::from_scalar(const Value& v) {
  if (v.constant() && v.content->count() == 1) return v.content->as_int(0);
  const Value wide = cast(v, DType::int64);
  const Dim d = atom("value " + wide.val.name);
  if (symbols_[d.symbol - 1].value.name.empty()) {
    const Val one = graph_.op("Reshape", {use(wide), graph_.ints({1})});
    symbols_[d.symbol - 1].value = graph::Builder::typed(one, DType::int64, -1);
  }
  return d;
}

Value Net::to_scalar(Dim d) {
  if (d.known()) return number(static_cast<double>(d.value), DType::int64);
  asked_untold_ = asked_untold_ || is_untold(d);
  Value v;
  v.val = graph_.op("Squeeze", {run_time(d), graph_.ints({0})});
  v.val.dtype = DType::int64;
  return v;
}

Value Net::to_list(std::span<const Dim> dims) {
  if (std::ranges::all_of(dims, &Dim::known)) {
    std::vector<std::int64_t> values;
    for (const Dim& d : dims) values.push_back(d.value);
    return ints(values);
  }
  asked_untold_ = asked_untold_ || std::ranges::any_of(dims, [&](const Dim& d) { return is_untold(d); });
  std::vector<Val> parts;
  for (std::size_t i = 0; i < dims.size();) {
    std::vector<std::int64_t> run;
    for (; i < dims.size() && dims[i].known(); ++i) run.push_back(dims[i].value);
    if (!run.empty()) parts.push_back(graph_.ints(run));
    for (; i < dims.size() && !dims[i].known(); ++i) parts.push_back(run_time(dims[i]));
  }
  Value v;
  v.val = parts.size() == 1 ? parts[0] : graph_.op("Concat", parts, {attr("axis", std::int64_t{0})});
  v.val.dtype = DType::int64;
  v.dims = {static_cast<std::int64_t>(dims.size())};
  return v;
}

std::optional<Net::Linear> Net::linear(Dim d) const {
  constexpr int kStepsMax = 1'000;  // x + x, doubled again and again, has as many terms as one likes
  Linear out;
  const auto accumulate = [](std::int64_t& sum, std::int64_t term) { return !__builtin_add_overflow(sum, term, &sum); };
  std::vector<std::pair<Dim, std::int64_t>> open{{d, 1}};  // what is still to be added, and how often
  for (int step = 0; !open.empty(); ++step) {
    if (step > kStepsMax) return std::nullopt;
    const auto [term, times] = open.back();
    open.pop_back();
    std::int64_t factor = times;
    std::vector<std::uint32_t> atoms;
    expand(term, factor, atoms);
    if (factor == std::numeric_limits<std::int64_t>::max() || factor == std::numeric_limits<std::int64_t>::min()) return std::nullopt;
    if (atoms.empty()) {
      if (!accumulate(out.constant, factor)) return std::nullopt;
      continue;
    }
    if (atoms.size() > 1) return std::nullopt;
    const Symbol& s = symbols_[atoms[0] - 1];
    if (s.of == Symbol::Of::sum || s.of == Symbol::Of::difference) {
      open.emplace_back(s.left, factor);
      open.emplace_back(s.right, s.of == Symbol::Of::sum ? factor : -factor);
    } else if (!accumulate(out.factors[atoms[0]], factor)) {
      return std::nullopt;
    }
  }
  std::erase_if(out.factors, [](const auto& f) { return f.second == 0; });
  return out;
}

std::vector<std::uint32_t> Net::symbols_in(Dim d) const {
  constexpr std::size_t kSymbolsMax = 1'000;
  std::vector<std::uint32_t> out;
  std::vector<Dim> open{d};
  const auto add = [&](std::uint32_t symbol) {
    if (std::ranges::find(out, symbol) != out.end() || out.size() >= kSymbolsMax) return;
    out.push_back(symbol);
    const Symbol& s = symbols_[symbol - 1];
    if (s.of != Symbol::Of::nothing) open.insert(open.end(), {s.left, s.right});
  };
  while (!open.empty()) {
    const Dim next = open.back();
    open.pop_back();
    if (next.known()) continue;
    const Symbol& s = symbols_[next.symbol - 1];
    if (s.atoms.empty()) add(next.symbol);
    for (const std::uint32_t atom : s.atoms) add(atom);
  }
  return out;
}

std::optional<std::pair<Dim, std::int64_t>> Net::solve(Dim d, std::int64_t value, bool guess) const {
  constexpr int kQuotientsMax = 20;
  for (int depth = 0; depth < kQuotientsMax; ++depth) {
    const auto form = linear(d);
    if (!form || form->factors.size() != 1) return std::nullopt;
    const auto [symbol, factor] = *form->factors.begin();
    std::int64_t rest = 0;
    if (__builtin_sub_overflow(value, form->constant, &rest) || rest == std::numeric_limits<std::int64_t>::min() || rest % factor != 0)
      return std::nullopt;
    value = rest / factor;
    const Symbol& s = symbols_[symbol - 1];
    if (!guess || s.of != Symbol::Of::quotient || !s.right.is(2)) {
      d.symbol = symbol;
      return std::pair(d, value);
    }
    d = s.left;
    const auto whole = known_product(value, s.right.value);
    if (!whole) return std::nullopt;
    value = *whole;
  }
  return std::nullopt;
}

Error Net::needs(Dim dim, std::string why) {
  needed_sizes_ = needed_sizes_ || !dim.known();
  return wrong(std::move(why));
}

Status Net::same(Dim a, Dim b, const std::string& why) {
  if (a == b) return ok();
  if (b.known()) return require(a, b.value, why);
  if (a.known()) return require(b, a.value, why);
  equal_.emplace_back(a, b);
  return ok();
}

Status Net::require(Dim dim, std::int64_t value, const std::string& why) {
  if (dim.known()) {
    if (dim.value == value) return ok();
    return wrong(why + ": the size is " + std::to_string(dim.value) + ", it must be " + std::to_string(value));
  }
  for (const Assumption& a : assumptions_) {
    if (!(a.dim == dim)) continue;
    if (a.value == value) return ok();
    return wrong(why + ": the size must be " + std::to_string(value) + ", but " + a.why + " wants " + std::to_string(a.value));
  }
  assumptions_.push_back({dim, value, why});
  return ok();
}

}  // namespace slipway::importers::neural
