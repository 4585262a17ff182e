// Python source as data: a tree of plain values. Nothing of it is ever run.
//
// A node is a place and one of the structs below; `e.as<Call>()` is the struct or nullptr, `e.visit(overloaded)` matches all of them, and
// `e.kind()` is an enum for a switch. Nodes, lists and texts live in the arena of their Module: pointers, spans and views stay valid while
// it lives, also when it is moved. Immutable after parsing, so any thread may read. A tree of expressions is at most kTreeDepthMax deep
// and blocks nest at most kNestingMax deep, whatever the source: a walk may recurse.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace slipway::python {

inline constexpr int kNestingMax = 200;    // brackets in brackets, blocks in blocks
inline constexpr int kTreeDepthMax = 400;  // a.b.c.d and a + b + c + d lean to the left: one level a step

struct Place {
  std::uint32_t line = 0;    // from 1
  std::uint32_t column = 0;  // from 1, in bytes of UTF-8
};

struct Expr;
struct Stmt;
using Exprs = std::span<const Expr* const>;
using Block = std::span<const Stmt* const>;
using Names = std::span<const std::string_view>;

// ---- what expressions are made of

enum class Operator : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  remainder,
  power,
  matmul,
  shift_left,
  shift_right,
  bit_and,
  bit_or,
  bit_xor,
};
enum class UnaryOperator : std::uint8_t { plus, minus, invert, logical_not };
enum class Comparison : std::uint8_t { eq, ne, lt, le, gt, ge, is, is_not, in, not_in };

struct Keyword {  // name=value, or **value when the name is empty
  std::string_view name;
  const Expr* value;
};
struct Comparand {  // `< value`
  Comparison op;
  const Expr* value;
};
struct DictItem {  // key: value, or **value when key is null
  const Expr* key;
  const Expr* value;
};
struct Clause {  // for target in iterable if condition if condition
  const Expr* target;
  const Expr* iterable;
  Exprs conditions;
  bool is_async;
};
enum class ParameterKind : std::uint8_t { positional_only, normal, var_positional, keyword_only, var_keyword };
struct Parameter {  // in the order of the source; the bare `*` and `/` show in the kinds
  std::string_view name;
  const Expr* annotation;     // or null
  const Expr* default_value;  // or null
  ParameterKind kind;
  Place place;
};

// ---- expressions

struct None {};
struct Ellipsis {};
struct Bool {
  bool value;
};
struct Int {  // fits: value holds it; digits as written without underscores ("0x1f")
  std::int64_t value;
  std::string_view digits;
  bool fits;
};
struct Float {
  double value;
};
struct Imaginary {  // 2j
  double value;
};
struct Text {              // adjacent literals are one
  std::string_view value;  // UTF-8 (a lone surrogate of an escape as three bytes)
  bool exact;              // false: a \N{name}, which stands as U+FFFD
};
struct Bytes {
  std::string_view value;
};
struct Formatted {    // {value!r:spec}, only in the pieces of an FString
  const Expr* value;  //
  const Expr* spec;   // an FString, or null
  char conversion;    // 'r', 's', 'a' or 0
};
struct FString {
  Exprs pieces;  // Text and Formatted; two Texts never stand side by side
};
struct Name {
  std::string_view id;
};
struct Attribute {
  const Expr* object;
  std::string_view name;
};
struct Subscript {
  const Expr* object;
  const Expr* index;  // a Tuple of them for x[a, b:c]
};
struct Slice {  // only in a Subscript's index; each may be null
  const Expr* lower;
  const Expr* upper;
  const Expr* step;
};
struct Call {
  const Expr* callee;
  Exprs arguments;  // *x is a Starred
  std::span<const Keyword> keywords;
};
struct Unary {
  UnaryOperator op;
  const Expr* operand;
};
struct Binary {
  Operator op;
  const Expr* left;
  const Expr* right;
};
struct BoolOp {  // a or b or c: three operands
  bool is_or;
  Exprs operands;
};
struct Compare {  // first < second <= third
  const Expr* first;
  std::span<const Comparand> rest;
};
struct Conditional {  // then if test else otherwise
  const Expr* test;
  const Expr* then;
  const Expr* otherwise;
};
struct Lambda {
  std::span<const Parameter> parameters;
  const Expr* body;
};
struct Tuple {
  Exprs items;
};
struct List {
  Exprs items;
};
struct Set {
  Exprs items;
};
struct Dict {
  std::span<const DictItem> items;
};
enum class ComprehensionKind : std::uint8_t { list, set, dict, generator };
struct Comprehension {
  const Expr* element;  // the key of a dict's
  const Expr* value;    // of a dict's, null otherwise
  std::span<const Clause> clauses;
  ComprehensionKind kind;
};
struct Starred {  // *value in a display, call or target
  const Expr* value;
};
struct Walrus {  // (name := value)
  std::string_view name;
  const Expr* value;
};
struct Await {
  const Expr* value;
};
struct Yield {
  const Expr* value;  // or null
};
struct YieldFrom {
  const Expr* value;
};

struct Expr {
  using Node =
      std::variant<None, Ellipsis, Bool, Int, Float, Imaginary, Text, Bytes, Formatted, FString, Name, Attribute, Subscript, Slice, Call, Unary,
                   Binary, BoolOp, Compare, Conditional, Lambda, Tuple, List, Set, Dict, Comprehension, Starred, Walrus, Await, Yield, YieldFrom>;
  enum class Kind : std::uint8_t {  // the order of Node
    none,
    ellipsis,
    boolean,
    integer,
    floating,
    imaginary,
    text,
    bytes,
    formatted,
    fstring,
    name,
    attribute,
    subscript,
    slice,
    call,
    unary,
    binary,
    bool_op,
    compare,
    conditional,
    lambda,
    tuple,
    list,
    set,
    dict,
    comprehension,
    starred,
    walrus,
    await,
    yield,
    yield_from,
  };

  Place place;  // its first token, without brackets that only group
  std::uint16_t depth;
  Node node;

  Kind kind() const { return static_cast<Kind>(node.index()); }
  template <class T>
  const T* as() const {
    return std::get_if<T>(&node);
  }
  template <class T>
  bool is() const {
    return std::holds_alternative<T>(node);
  }
  bool is_name(std::string_view id) const {
    const auto* n = as<Name>();
    return n != nullptr && n->id == id;
  }
  template <class F>
  decltype(auto) visit(F&& f) const {
    return std::visit(std::forward<F>(f), node);
  }
};
static_assert(std::variant_size_v<Expr::Node> == static_cast<std::size_t>(Expr::Kind::yield_from) + 1);

// ---- what statements are made of

struct Arm {  // if test: body, and each elif
  const Expr* test;
  Block body;
};
struct Handler {     // except type as name: body
  const Expr* type;  // null: a bare except
  std::string_view name;
  Block body;
  Place place;
};
struct WithItem {
  const Expr* context;
  const Expr* target;  // or null
};
struct Alias {  // import name as other
  std::string_view name;
  std::string_view other;  // empty when there is none
};

// ---- statements

struct ExprStmt {  // docstrings too
  const Expr* value;
};
struct Assign {  // a = b = value: two targets
  Exprs targets;
  const Expr* value;
};
struct AugAssign {
  Operator op;
  const Expr* target;
  const Expr* value;
};
struct AnnAssign {
  const Expr* target;
  const Expr* annotation;
  const Expr* value;  // or null
};
struct Return {
  const Expr* value;  // or null
};
struct Raise {
  const Expr* exception;  // or null
  const Expr* cause;      // or null
};
struct Assert {
  const Expr* test;
  const Expr* message;  // or null
};
struct Delete {
  Exprs targets;
};
struct Pass {};
struct Break {};
struct Continue {};
struct Import {
  std::span<const Alias> names;
};
struct ImportFrom {
  std::string_view module;       // "a.b"; may be empty when level > 0
  std::span<const Alias> names;  // one named "*" for all
  std::uint32_t level;           // leading dots
};
struct Global {
  Names names;
};
struct Nonlocal {
  Names names;
};
struct If {  // elif is an arm, not an If in the else
  std::span<const Arm> arms;
  Block otherwise;
};
struct For {
  const Expr* target;
  const Expr* iterable;
  Block body;
  Block otherwise;
  bool is_async;
};
struct While {
  const Expr* test;
  Block body;
  Block otherwise;
};
struct Try {
  Block body;
  std::span<const Handler> handlers;
  Block otherwise;
  Block finally;
  bool is_star;  // except*
};
struct With {
  std::span<const WithItem> items;
  Block body;
  bool is_async;
};
struct FunctionDef {
  std::string_view name;
  std::span<const Parameter> parameters;
  const Expr* returns;  // or null
  Exprs decorators;
  Block body;
  bool is_async;
};
struct ClassDef {
  std::string_view name;
  Exprs bases;
  std::span<const Keyword> keywords;
  Exprs decorators;
  Block body;
};
// What stands here could not be read, and why. The rest of the file is there: whoever needs this statement says so to the person.
struct Unsupported {
  std::string_view reason;
  Place fault;  // where in the statement
};

struct Stmt {
  using Node = std::variant<ExprStmt, Assign, AugAssign, AnnAssign, Return, Raise, Assert, Delete, Pass, Break, Continue, Import, ImportFrom, Global,
                            Nonlocal, If, For, While, Try, With, FunctionDef, ClassDef, Unsupported>;
  enum class Kind : std::uint8_t {  // the order of Node
    expression,
    assign,
    aug_assign,
    ann_assign,
    return_,
    raise,
    assert_,
    delete_,
    pass,
    break_,
    continue_,
    import,
    import_from,
    global,
    nonlocal,
    if_,
    for_,
    while_,
    try_,
    with,
    function,
    class_,
    unsupported,
  };

  Place place;  // of a decorated class or function: `class`, `def` or `async`
  Node node;

  Kind kind() const { return static_cast<Kind>(node.index()); }
  template <class T>
  const T* as() const {
    return std::get_if<T>(&node);
  }
  template <class T>
  bool is() const {
    return std::holds_alternative<T>(node);
  }
  template <class F>
  decltype(auto) visit(F&& f) const {
    return std::visit(std::forward<F>(f), node);
  }
};
static_assert(std::variant_size_v<Stmt::Node> == static_cast<std::size_t>(Stmt::Kind::unsupported) + 1);

template <class... F>
struct Overloaded : F... {  // e.visit(Overloaded{[](const Call& c) {...}, [](const auto&) {...}})
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

// Calls f(const Expr&) for what stands directly in an expression, in the order of the source.
template <class F>
void for_each_child(const Expr& e, F&& f);

class Storage;  // the arena

class Module {
 public:
  explicit Module(std::unique_ptr<Storage> storage);
  Module(Module&&) noexcept;
  Module& operator=(Module&&) noexcept;
  ~Module();

  Block body() const;
  std::span<const Stmt* const> unsupported() const;   // every statement that couldn't be read, at any depth, in the order of the source
  std::string_view source() const;                    // UTF-8 with \n
  std::string_view line(std::uint32_t number) const;  // without its end; empty when there is none

 private:
  std::unique_ptr<Storage> storage_;
};

// ---- inline

template <class F>
void for_each_child(const Expr& e, F&& f) {
  const auto one = [&](const Expr* child) {
    if (child != nullptr) f(*child);
  };
  const auto all = [&](Exprs children) {
    for (const Expr* child : children) f(*child);
  };
  e.visit(Overloaded{
      [&](const Formatted& n) { one(n.value), one(n.spec); },
      [&](const FString& n) { all(n.pieces); },
      [&](const Attribute& n) { one(n.object); },
      [&](const Subscript& n) { one(n.object), one(n.index); },
      [&](const Slice& n) { one(n.lower), one(n.upper), one(n.step); },
      [&](const Call& n) {
        one(n.callee);
        all(n.arguments);
        for (const Keyword& k : n.keywords) one(k.value);
      },
      [&](const Unary& n) { one(n.operand); },
      [&](const Binary& n) { one(n.left), one(n.right); },
      [&](const BoolOp& n) { all(n.operands); },
      [&](const Compare& n) {
        one(n.first);
        for (const Comparand& c : n.rest) one(c.value);
      },
      [&](const Conditional& n) { one(n.then), one(n.test), one(n.otherwise); },
      [&](const Lambda& n) {
        for (const Parameter& p : n.parameters) one(p.default_value);
        one(n.body);
      },
      [&](const Tuple& n) { all(n.items); },
      [&](const List& n) { all(n.items); },
      [&](const Set& n) { all(n.items); },
      [&](const Dict& n) {
        for (const DictItem& i : n.items) one(i.key), one(i.value);
      },
      [&](const Comprehension& n) {
        one(n.element), one(n.value);
        for (const Clause& c : n.clauses) {
          one(c.target), one(c.iterable);
          all(c.conditions);
        }
      },
      [&](const Starred& n) { one(n.value); },
      [&](const Walrus& n) { one(n.value); },
      [&](const Await& n) { one(n.value); },
      [&](const Yield& n) { one(n.value); },
      [&](const YieldFrom& n) { one(n.value); },
      [](const auto&) {},  // a name or a literal
  });
}

}  // namespace slipway::python
