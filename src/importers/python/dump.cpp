#include "slipway/importers/python/dump.hpp"

#include <array>
#include <bit>
#include <cstdio>

namespace slipway::python {
namespace {

constexpr std::array<std::string_view, 13> kOperators = {"add",    "subtract",   "multiply",    "divide",  "floor_divide", "remainder", "power",
                                                         "matmul", "shift_left", "shift_right", "bit_and", "bit_or",       "bit_xor"};
constexpr std::array<std::string_view, 4> kUnary = {"plus", "minus", "invert", "not"};
constexpr std::array<std::string_view, 10> kComparisons = {"eq", "ne", "lt", "le", "gt", "ge", "is", "is_not", "in", "not_in"};
constexpr std::array<std::string_view, 5> kParameters = {"positional_only", "normal", "var_positional", "keyword_only", "var_keyword"};
constexpr std::array<std::string_view, 4> kComprehensions = {"listcomp", "setcomp", "dictcomp", "generator"};

class Dump {
 public:
  std::string run(const Module& module) && {
    block(module.body());
    return std::move(out_);
  }

 private:
  template <class E, std::size_t N>
  static std::string_view name_of(const std::array<std::string_view, N>& names, E value) {
    return names[static_cast<std::size_t>(value)];
  }
  void word(std::string_view text) { (out_ += ' ') += text; }
  void word_or_dash(std::string_view text) { word(text.empty() ? "-" : text); }
  void place(Place p) { word(std::to_string(p.line) + ":" + std::to_string(p.column)); }
  void quoted(std::string_view text) {
    out_ += " \"";
    for (const char c : text) {
      if (c >= ' ' && c <= '~' && c != '"' && c != '\\') {
        out_.push_back(c);
      } else {
        std::array<char, 5> hex{};
        std::snprintf(hex.data(), hex.size(), "\\x%02x", static_cast<unsigned char>(c));
        out_ += hex.data();
      }
    }
    out_ += '"';
  }
  void number(double value) {
    std::array<char, 17> hex{};
    std::snprintf(hex.data(), hex.size(), "%016llx", static_cast<unsigned long long>(std::bit_cast<std::uint64_t>(value)));
    word(hex.data());
  }
  void begin(std::string_view kind) { (out_ += '(') += kind; }

  void one(const Expr* e) {
    out_ += ' ';
    if (e == nullptr) {
      out_ += '-';
    } else {
      expression(*e);
    }
  }
  void all(Exprs items) {
    out_ += " [";
    for (const Expr* e : items) one(e);
    out_ += ']';
  }
  void keywords(std::span<const Keyword> list) {
    out_ += " [";
    for (const Keyword& k : list) word(k.name.empty() ? "**" : k.name), one(k.value);
    out_ += ']';
  }
  void parameters(std::span<const Parameter> list) {
    out_ += " [";
    for (const Parameter& p : list) {
      word(name_of(kParameters, p.kind)), place(p.place), word(p.name);
      one(p.annotation), one(p.default_value);
    }
    out_ += ']';
  }

  void begin(std::string_view kind, const Expr& e) {
    begin(kind);
    place(e.place);
  }
  void pieces(const FString& f) {
    out_ += " [";
    for (const Expr* piece : f.pieces) {
      if (const auto* text = piece->as<Text>()) {
        quoted(text->value);
        if (!text->exact) out_ += '~';
        continue;
      }
      const auto* field = piece->as<Formatted>();
      out_ += " (formatted";
      one(field->value);
      word(field->conversion == 0 ? "-" : std::string(1, field->conversion));
      if (field->spec == nullptr) {
        word("-");
      } else {
        pieces(*field->spec->as<FString>());
      }
      out_ += ')';
    }
    out_ += ']';
  }

  void expression(const Expr& e) {
    e.visit(Overloaded{
        [&](const None&) { begin("none", e); },
        [&](const Ellipsis&) { begin("ellipsis", e); },
        [&](const Bool& n) { begin(n.value ? "true" : "false", e); },
        [&](const Int& n) { begin("int", e), word(n.fits ? std::to_string(n.value) : "big"); },
        [&](const Float& n) { begin("float", e), number(n.value); },
        [&](const Imaginary& n) { begin("imaginary", e), number(n.value); },
        [&](const Text& n) { begin(n.exact ? "text" : "text~", e), quoted(n.value); },
        [&](const Bytes& n) { begin("bytes", e), quoted(n.value); },
        [&](const Formatted&) { begin("formatted", e); },  // see pieces()
        [&](const FString& n) { begin("fstring", e), pieces(n); },
        [&](const Name& n) { begin("name", e), word(n.id); },
        [&](const Attribute& n) { begin("attribute", e), one(n.object), word(n.name); },
        [&](const Subscript& n) { begin("subscript", e), one(n.object), one(n.index); },
        [&](const Slice& n) { begin("slice", e), one(n.lower), one(n.upper), one(n.step); },
        [&](const Call& n) { begin("call", e), one(n.callee), all(n.arguments), keywords(n.keywords); },
        [&](const Unary& n) { begin("unary", e), word(name_of(kUnary, n.op)), one(n.operand); },
        [&](const Binary& n) { begin("binary", e), word(name_of(kOperators, n.op)), one(n.left), one(n.right); },
        [&](const BoolOp& n) { begin(n.is_or ? "or" : "and", e), all(n.operands); },
        [&](const Compare& n) {
          begin("compare", e), one(n.first);
          for (const Comparand& c : n.rest) word(name_of(kComparisons, c.op)), one(c.value);
        },
        [&](const Conditional& n) { begin("conditional", e), one(n.test), one(n.then), one(n.otherwise); },
        [&](const Lambda& n) { begin("lambda", e), parameters(n.parameters), one(n.body); },
        [&](const Tuple& n) { begin("tuple", e), all(n.items); },
        [&](const List& n) { begin("list", e), all(n.items); },
        [&](const Set& n) { begin("set", e), all(n.items); },
        [&](const Dict& n) {
          begin("dict", e);
          for (const DictItem& i : n.items) one(i.key), one(i.value);
        },
        [&](const Comprehension& n) {
          begin(name_of(kComprehensions, n.kind), e), one(n.element), one(n.value);
          for (const Clause& c : n.clauses) { word(c.is_async ? "async_for" : "for"), one(c.target), one(c.iterable), all(c.conditions); }
        },
        [&](const Starred& n) { begin("starred", e), one(n.value); },
        [&](const Walrus& n) { begin("walrus", e), word(n.name), one(n.value); },
        [&](const Await& n) { begin("await", e), one(n.value); },
        [&](const Yield& n) { begin("yield", e), one(n.value); },
        [&](const YieldFrom& n) { begin("yield_from", e), one(n.value); },
    });
    out_ += ')';
  }

  void line() { (out_ += '\n').append(2 * static_cast<std::size_t>(indent_), ' '); }
  void part(std::string_view kind) {  // a line inside a statement
    line();
    out_ += kind;
  }
  void block(Block statements) {
    ++indent_;
    for (const Stmt* s : statements) {
      line();
      statement(*s);
    }
    --indent_;
  }
  void part(std::string_view kind, Block statements) {
    if (statements.empty()) return;
    part(kind);
    block(statements);
  }
  void begin(std::string_view kind, const Stmt& s) {
    out_ += kind;
    place(s.place);
  }
  void aliases(std::span<const Alias> names) {
    for (const Alias& a : names) word(a.name), word_or_dash(a.other);
  }

  void statement(const Stmt& s) {
    s.visit(Overloaded{
        [&](const ExprStmt& n) { begin("expression", s), one(n.value); },
        [&](const Assign& n) { begin("assign", s), all(n.targets), one(n.value); },
        [&](const AugAssign& n) { begin("augment", s), word(name_of(kOperators, n.op)), one(n.target), one(n.value); },
        [&](const AnnAssign& n) { begin("annotate", s), one(n.target), one(n.annotation), one(n.value); },
        [&](const Return& n) { begin("return", s), one(n.value); },
        [&](const Raise& n) { begin("raise", s), one(n.exception), one(n.cause); },
        [&](const Assert& n) { begin("assert", s), one(n.test), one(n.message); },
        [&](const Delete& n) { begin("delete", s), all(n.targets); },
        [&](const Pass&) { begin("pass", s); },
        [&](const Break&) { begin("break", s); },
        [&](const Continue&) { begin("continue", s); },
        [&](const Import& n) { begin("import", s), aliases(n.names); },
        [&](const ImportFrom& n) { begin("from", s), word_or_dash(n.module), word(std::to_string(n.level)), aliases(n.names); },
        [&](const Global& n) { names("global", s, n.names); },
        [&](const Nonlocal& n) { names("nonlocal", s, n.names); },
        [&](const If& n) {
          begin("if", s);
          for (const Arm& a : n.arms) part("arm"), one(a.test), block(a.body);
          part("else", n.otherwise);
        },
        [&](const For& n) {
          begin(n.is_async ? "async_for" : "for", s), one(n.target), one(n.iterable), block(n.body);
          part("else", n.otherwise);
        },
        [&](const While& n) {
          begin("while", s), one(n.test), block(n.body);
          part("else", n.otherwise);
        },
        [&](const Try& n) {
          begin(n.is_star ? "try_star" : "try", s), block(n.body);
          for (const Handler& h : n.handlers) { part("except"), place(h.place), one(h.type), word_or_dash(h.name), block(h.body); }
          part("else", n.otherwise);
          part("finally", n.finally);
        },
        [&](const With& n) {
          begin(n.is_async ? "async_with" : "with", s);
          for (const WithItem& i : n.items) one(i.context), one(i.target);
          block(n.body);
        },
        [&](const FunctionDef& n) {
          begin(n.is_async ? "async_def" : "def", s), word(n.name), all(n.decorators), parameters(n.parameters), one(n.returns), block(n.body);
        },
        [&](const ClassDef& n) { begin("class", s), word(n.name), all(n.decorators), all(n.bases), keywords(n.keywords), block(n.body); },
        [&](const Unsupported&) { begin("unsupported", s); },
    });
  }
  void names(std::string_view kind, const Stmt& s, Names list) {
    begin(kind, s);
    for (const std::string_view name : list) word(name);
  }

  std::string out_;
  int indent_ = -1;
};

}  // namespace

std::string dump(const Module& module) { return Dump().run(module) + "\n"; }

}  // namespace slipway::python
