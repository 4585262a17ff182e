#include "slipway/importers/python/query.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace slipway::python {
namespace {

// How close an expression binds; a smaller one inside a larger one needs brackets.
enum Strength : int {
  kTuple,
  kWalrus,
  kLambda,
  kTernary,
  kOr,
  kAnd,
  kNot,
  kCompare,
  kBitOr,
  kBitXor,
  kBitAnd,
  kShift,
  kSum,
  kTerm,
  kUnary,
  kPower,
  kAwait,
  kAtom
};

int strength(Operator op) {
  switch (op) {
    case Operator::bit_or: return kBitOr;
    case Operator::bit_xor: return kBitXor;
    case Operator::bit_and: return kBitAnd;
    case Operator::shift_left:
    case Operator::shift_right: return kShift;
    case Operator::add:
    case Operator::subtract: return kSum;
    case Operator::power: return kPower;
    default: return kTerm;
  }
}

int strength(const Expr& e) {
  switch (e.kind()) {
    case Expr::Kind::tuple: return e.as<Tuple>()->items.empty() ? kAtom : kTuple;
    case Expr::Kind::starred:
    case Expr::Kind::yield:
    case Expr::Kind::yield_from: return kTuple;
    case Expr::Kind::walrus: return kWalrus;
    case Expr::Kind::lambda: return kLambda;
    case Expr::Kind::conditional: return kTernary;
    case Expr::Kind::bool_op: return e.as<BoolOp>()->is_or ? kOr : kAnd;
    case Expr::Kind::compare: return kCompare;
    case Expr::Kind::binary: return strength(e.as<Binary>()->op);
    case Expr::Kind::unary: return e.as<Unary>()->op == UnaryOperator::logical_not ? kNot : kUnary;
    case Expr::Kind::await: return kAwait;
    default: return kAtom;
  }
}

class Unparser {
 public:
  explicit Unparser(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  std::string run(const Expr& e) && {
    put(e, kTuple);
    if (out_.size() <= bytes_max_) return std::move(out_);
    std::size_t end = bytes_max_;
    while (end > 0 && (static_cast<unsigned char>(out_[end]) & 0xC0U) == 0x80) --end;
    return out_.substr(0, end) + "…";
  }

 private:
  bool full() const { return out_.size() > bytes_max_; }  // what follows would be cut

  void put(std::string_view text) {
    if (!full()) out_ += text;
  }
  void put(const Expr& e, int least) {
    if (full()) return;
    const bool brackets = strength(e) < least;
    if (brackets) out_ += '(';
    body(e);
    if (brackets) out_ += ')';
  }
  void list(Exprs items) {
    bool first = true;
    for (const Expr* item : items) {
      if (full()) return;
      if (!first) put(", ");
      first = false;
      item->is<Starred>() ? body(*item) : put(*item, kWalrus);
    }
  }
  void comma(bool& first) {
    if (!first) put(", ");
    first = false;
  }

  void quoted(std::string_view text, bool all_ascii) {
    put("'");
    escaped(text, all_ascii, false);
    put("'");
  }
  void escaped(std::string_view text, bool all_ascii, bool in_fstring) {
    constexpr std::string_view kHex = "0123456789abcdef";
    for (const char c : text) {
      if (full()) return;
      const auto byte = static_cast<unsigned char>(c);
      if (c == '\n') {
        out_ += "\\n";
      } else if (c == '\'' || c == '\\') {
        out_ += '\\', out_ += c;
      } else if (in_fstring && (c == '{' || c == '}')) {
        out_ += c, out_ += c;
      } else if (byte < 0x20 || byte == 0x7F || (all_ascii && byte >= 0x80)) {
        out_ += "\\x", out_ += kHex[byte >> 4], out_ += kHex[byte & 15];
      } else {
        out_ += c;
      }
    }
  }
  void number(double v) {
    if (std::isinf(v)) return put("1e999");
    std::array<char, 32> buffer{};
    const auto [end, failed] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), v);
    const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    put(text);
    if (text.find_first_of(".e") == std::string_view::npos) put(".0");
  }

  void fstring(const FString& f) {
    put("f'");
    pieces(f);
    put("'");
  }
  void pieces(const FString& f) {
    for (const Expr* piece : f.pieces) {
      if (full()) return;
      if (const auto* text = piece->as<Text>()) {
        escaped(text->value, false, true);
        continue;
      }
      const auto* field = piece->as<Formatted>();
      put("{");
      const std::size_t begin = out_.size();
      put(*field->value, kTernary);
      if (out_.size() > begin && out_[begin] == '{') out_.insert(begin, 1, ' ');  // {{ would be a brace
      if (field->conversion != 0) put("!"), put(std::string_view(&field->conversion, 1));
      if (field->spec != nullptr) put(":"), pieces(*field->spec->as<FString>());
      put("}");
    }
  }

  void call(const Call& n) {
    put(*n.callee, kAtom);
    put("(");
    list(n.arguments);
    bool first = n.arguments.empty();
    for (const Keyword& k : n.keywords) {
      if (full()) return;
      comma(first);
      put(k.name.empty() ? "**" : k.name);
      if (!k.name.empty()) put("=");
      put(*k.value, kLambda);
    }
    put(")");
  }

  void index(const Expr& e) {
    const auto* tuple = e.as<Tuple>();
    if (tuple == nullptr || tuple->items.empty()) return put(e, kWalrus);
    list(tuple->items);
    if (tuple->items.size() == 1) put(",");
  }

  void slice(const Slice& n) {
    if (n.lower != nullptr) put(*n.lower, kLambda);
    put(":");
    if (n.upper != nullptr) put(*n.upper, kLambda);
    if (n.step != nullptr) put(":"), put(*n.step, kLambda);
  }

  void lambda(const Lambda& n) {
    put("lambda");
    bool first = true, star = false;
    for (std::size_t i = 0; i < n.parameters.size() && !full(); ++i) {
      const Parameter& p = n.parameters[i];
      put(first ? " " : ", ");
      first = false;
      if (p.kind == ParameterKind::keyword_only && !star) put("*, ");
      star |= p.kind == ParameterKind::keyword_only || p.kind == ParameterKind::var_positional;
      put(p.kind == ParameterKind::var_positional ? "*" : p.kind == ParameterKind::var_keyword ? "**" : "");
      put(p.name);
      if (p.default_value != nullptr) put("="), put(*p.default_value, kLambda);
      const bool last_of_these = i + 1 == n.parameters.size() || n.parameters[i + 1].kind != ParameterKind::positional_only;
      if (p.kind == ParameterKind::positional_only && last_of_these) put(", /");
    }
    put(": ");
    put(*n.body, kLambda);
  }

  void comprehension(const Comprehension& n) {
    const bool square = n.kind == ComprehensionKind::list, round = n.kind == ComprehensionKind::generator;
    put(square ? "[" : round ? "(" : "{");
    put(*n.element, kWalrus);
    if (n.value != nullptr) put(": "), put(*n.value, kLambda);
    for (const Clause& c : n.clauses) {
      if (full()) return;
      put(c.is_async ? " async for " : " for ");
      put(*c.target, kTuple);
      put(" in ");
      put(*c.iterable, kOr);
      for (const Expr* condition : c.conditions) put(" if "), put(*condition, kOr);
    }
    put(square ? "]" : round ? ")" : "}");
  }

  void compare(const Compare& n) {
    put(*n.first, kBitOr);
    for (const Comparand& c : n.rest) {
      if (full()) return;
      put(" "), put(text_of(c.op)), put(" ");
      put(*c.value, kBitOr);
    }
  }

  void bool_op(const BoolOp& n) {
    bool first = true;
    for (const Expr* operand : n.operands) {
      if (full()) return;
      if (!first) put(n.is_or ? " or " : " and ");
      first = false;
      put(*operand, n.is_or ? kAnd : kNot);
    }
  }

  void binary(const Binary& n) {
    const int own = strength(n.op);
    const bool power = n.op == Operator::power;
    put(*n.left, power ? kAwait : own);
    if (power) {
      put("**");
    } else {
      put(" "), put(text_of(n.op)), put(" ");
    }
    put(*n.right, power ? kUnary : own + 1);
  }

  void dict(const Dict& n) {
    put("{");
    bool first = true;
    for (const DictItem& item : n.items) {
      if (full()) return;
      comma(first);
      if (item.key != nullptr) put(*item.key, kLambda);
      put(item.key != nullptr ? ": " : "**");
      put(*item.value, item.key != nullptr ? kLambda : kBitOr);
    }
    put("}");
  }

  void attribute(const Attribute& n) {
    const bool number = n.object->is<Int>();  // 1.real is no attribute
    if (number) put("(");
    put(*n.object, kAtom);
    put(number ? ")." : ".");
    put(n.name);
  }

  void body(const Expr& e) {
    e.visit(Overloaded{
        [&](const None&) { put("None"); },
        [&](const Ellipsis&) { put("..."); },
        [&](const Bool& n) { put(n.value ? "True" : "False"); },
        [&](const Int& n) { put(n.digits); },
        [&](const Float& n) { number(n.value); },
        [&](const Imaginary& n) { number(n.value), put("j"); },
        [&](const Text& n) { quoted(n.value, false); },
        [&](const Bytes& n) { put("b"), quoted(n.value, true); },
        [&](const Formatted& n) { put(*n.value, kTuple); },
        [&](const FString& n) { fstring(n); },
        [&](const Name& n) { put(n.id); },
        [&](const Attribute& n) { attribute(n); },
        [&](const Subscript& n) { put(*n.object, kAtom), put("["), index(*n.index), put("]"); },
        [&](const Slice& n) { slice(n); },
        [&](const Call& n) { call(n); },
        [&](const Unary& n) { put(text_of(n.op)), put(*n.operand, n.op == UnaryOperator::logical_not ? kNot : kUnary); },
        [&](const Binary& n) { binary(n); },
        [&](const BoolOp& n) { bool_op(n); },
        [&](const Compare& n) { compare(n); },
        [&](const Conditional& n) { put(*n.then, kOr), put(" if "), put(*n.test, kOr), put(" else "), put(*n.otherwise, kTernary); },
        [&](const Lambda& n) { lambda(n); },
        [&](const Tuple& n) {
          if (n.items.empty()) return put("()");
          list(n.items);
          if (n.items.size() == 1) put(",");
        },
        [&](const List& n) { put("["), list(n.items), put("]"); },
        [&](const Set& n) { put("{"), list(n.items), put("}"); },
        [&](const Dict& n) { dict(n); },
        [&](const Comprehension& n) { comprehension(n); },
        [&](const Starred& n) { put("*"), put(*n.value, kBitOr); },
        [&](const Walrus& n) { put(n.name), put(" := "), put(*n.value, kLambda); },
        [&](const Await& n) { put("await "), put(*n.value, kAtom); },
        [&](const Yield& n) {
          put(n.value == nullptr ? "yield" : "yield ");
          if (n.value != nullptr) put(*n.value, kTuple);
        },
        [&](const YieldFrom& n) { put("yield from "), put(*n.value, kLambda); },
    });
  }

  const std::size_t bytes_max_;
  std::string out_;
};

// Calls f for each statement that a module's own code runs on its way from top to bottom: inside ifs, tries and withs, not in loops.
template <class F>
void for_each_at_top(Block block, F&& f) {
  for (const Stmt* s : block) {
    f(*s);
    if (const auto* n = s->as<If>()) {
      for (const Arm& arm : n->arms) for_each_at_top(arm.body, f);
      for_each_at_top(n->otherwise, f);
    } else if (const auto* t = s->as<Try>()) {
      for_each_at_top(t->body, f);
      for (const Handler& h : t->handlers) for_each_at_top(h.body, f);
      for_each_at_top(t->otherwise, f);
      for_each_at_top(t->finally, f);
    } else if (const auto* w = s->as<With>()) {
      for_each_at_top(w->body, f);
    }
  }
}

template <class T>
const Stmt* last_named(Block block, std::string_view name) {
  const Stmt* found = nullptr;
  for_each_at_top(block, [&](const Stmt& s) {
    if (const auto* n = s.as<T>(); n != nullptr && n->name == name) found = &s;
  });
  return found;
}

}  // namespace

std::string_view text_of(Operator op) {
  constexpr std::array<std::string_view, 13> kTexts = {"+", "-", "*", "/", "//", "%", "**", "@", "<<", ">>", "&", "|", "^"};
  return kTexts[static_cast<std::size_t>(op)];
}
std::string_view text_of(UnaryOperator op) {
  constexpr std::array<std::string_view, 4> kTexts = {"+", "-", "~", "not "};
  return kTexts[static_cast<std::size_t>(op)];
}
std::string_view text_of(Comparison op) {
  constexpr std::array<std::string_view, 10> kTexts = {"==", "!=", "<", "<=", ">", ">=", "is", "is not", "in", "not in"};
  return kTexts[static_cast<std::size_t>(op)];
}

std::string unparse(const Expr& e, std::size_t bytes_max) { return Unparser(bytes_max).run(e); }

std::optional<std::string> dotted_name(const Expr& e) {
  std::vector<std::string_view> parts;
  const Expr* at = &e;
  for (const auto* n = at->as<Attribute>(); n != nullptr; n = at->as<Attribute>()) {
    parts.push_back(n->name);
    at = n->object;
  }
  const auto* first = at->as<Name>();
  if (first == nullptr) return std::nullopt;
  std::string out(first->id);
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) (out += '.') += *part;
  return out;
}

std::vector<ClassInFile> classes(const Module& module) {
  std::vector<ClassInFile> out;
  for_each_at_top(module.body(), [&](const Stmt& s) {
    const auto* definition = s.as<ClassDef>();
    if (definition == nullptr) return;
    ClassInFile found{definition, &s, {}};
    for (const Expr* base : definition->bases) {
      auto name = dotted_name(*base);
      found.bases.push_back(name ? std::move(*name) : unparse(*base));
    }
    out.push_back(std::move(found));
  });
  return out;
}

const Stmt* find_class(const Module& module, std::string_view name) { return last_named<ClassDef>(module.body(), name); }
const Stmt* find_function(const Module& module, std::string_view name) { return last_named<FunctionDef>(module.body(), name); }
const Stmt* find_method(const ClassDef& in, std::string_view name) { return last_named<FunctionDef>(in.body, name); }

}  // namespace slipway::python
