// The parser's inside: recursive descent over the tokens, one file for statements, expressions and strings each. A function that fails
// has noted the fault, and gives null (or false); the statement around it becomes `Unsupported`.
#pragma once

#include <optional>

#include "slipway/importers/python/lexer.hpp"
#include "slipway/importers/python/parser.hpp"
#include "slipway/importers/python/storage.hpp"

namespace slipway::python {

class Parser {
 public:
  Parser(Storage& storage, std::vector<Token> tokens) : storage_(storage), tokens_(std::move(tokens)) {}

  void run();                                  // fills the storage
  bool too_much() const { return too_much_; }  // a bound was reached, and the rest is missing

 private:
  using Statements = std::vector<const Stmt*>;
  using Items = std::vector<const Expr*>;
  struct Failure {
    Place place;
    std::string message;
  };
  struct Nested {  // one level deeper while it lives
    explicit Nested(int& depth) : depth_(depth) { ++depth_; }
    ~Nested() { --depth_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;
    int& depth_;
  };

  // ---- tokens
  const Token& peek(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  Tok kind() const { return peek().kind; }
  bool is(Tok kind) const { return peek().kind == kind; }
  bool is_word(std::string_view word) const { return is(Tok::name) && text(peek()) == word; }
  const Token& next();
  bool take(Tok kind);    // when it is there
  bool expect(Tok kind);  // or fails
  std::string_view text(const Token& token) const { return std::string_view(storage_.source).substr(token.begin, token.end - token.begin); }
  static Place place(const Token& token) { return {token.line, token.column}; }

  // ---- failing
  std::nullptr_t fail(const Token& at, std::string message);
  std::nullptr_t fail(std::string message) { return fail(peek(), std::move(message)); }
  std::nullptr_t unexpected(std::string_view wanted);
  bool too_deep();  // and fails

  // ---- nodes
  template <class T>
  const Expr* expr(Place place, T node);
  template <class T>
  const Stmt* stmt(Place place, T node) {
    return storage_.add(Stmt{place, node});
  }

  // ---- statements
  void statements(Statements& out, std::size_t block_level);
  void statement(Statements& out);
  void recover(std::size_t start, std::size_t level, Statements& out);
  void skip_line_and_block(std::size_t start, std::size_t level);
  bool header_of_decorated_is_behind(std::size_t start) const;
  bool statement_line(Statements& out);
  const Stmt* simple();
  const Stmt* expression_statement();
  const Stmt* assignment(const Token& start, const Expr* first);
  const Stmt* annotated(const Token& start, const Expr* target);
  const Stmt* augmented(const Token& start, const Expr* target, Operator op);
  const Stmt* return_statement();
  const Stmt* raise_statement();
  const Stmt* assert_statement();
  const Stmt* delete_statement();
  const Stmt* import_statement();
  const Stmt* import_from();
  const Stmt* names_statement();
  const Stmt* compound(bool& is_compound);
  const Stmt* if_statement();
  const Stmt* for_statement(const Token& start, bool is_async);
  const Stmt* while_statement();
  const Stmt* try_statement();
  const Stmt* with_statement(const Token& start, bool is_async);
  const Stmt* function(const Token& start, bool is_async, Exprs decorators);
  const Stmt* class_statement(Exprs decorators);
  const Stmt* decorated();
  const Stmt* async_statement();
  bool with_items(std::vector<WithItem>& items);
  bool with_items_in_parens(std::vector<WithItem>& items);
  bool handler(std::vector<Handler>& handlers, bool& is_star);
  bool dotted_name(std::string_view& name);
  bool alias(std::vector<Alias>& names, bool dotted);
  bool parameters(std::vector<Parameter>& out, Tok closer, bool annotations);
  bool parameter(std::vector<Parameter>& out, ParameterKind kind, bool annotations);
  bool skip_type_parameters();
  bool otherwise(Block& block);
  std::optional<Block> suite();
  bool is_match_statement() const;
  bool is_old_statement() const;
  bool is_target(const Expr& e, bool nested = false);

  // ---- expressions
  const Expr* star_expressions();  // a, *b, c: a Tuple when there is a comma
  const Expr* value();             // star_expressions or yield
  const Expr* expression();        // a ternary or lambda
  const Expr* named_expression();  // or name := expression
  const Expr* star_or_named();
  const Expr* yield_expression();
  const Expr* lambda();
  const Expr* binary(int strength);
  const Expr* logical(int strength);
  const Expr* comparison();
  const Expr* unary();
  const Expr* power();
  const Expr* primary();
  const Expr* atom();
  const Expr* call(const Expr* callee, Place place);
  const Expr* subscript(const Expr* object, Place place);
  const Expr* slice();
  const Expr* paren();
  const Expr* list_display();
  const Expr* brace_display();
  const Expr* dict_rest(const Token& start, const Expr* key);
  const Expr* targets(Tok end);  // for and comprehensions: binary expressions with commas
  bool arguments(Items& arguments, std::vector<Keyword>& keywords, const Token& open);
  bool clauses(std::vector<Clause>& out);
  const Expr* comprehension(Place place, ComprehensionKind kind, const Expr* element, const Expr* value);
  bool begins_expression() const;
  const Expr* number();

  // ---- strings
  struct Pieces {  // of an f-string as it grows: text waits until a field or the end comes
    Place place;
    Items items;
    std::string pending;
    bool exact = true;
  };
  const Expr* strings();
  bool plain_string(Pieces& pieces, bool& bytes);
  bool fstring(Pieces& pieces);
  bool fstring_pieces(Pieces& pieces, bool raw, Tok end);
  bool field(Pieces& pieces, bool raw);
  bool flush(Pieces& pieces);
  bool decode(std::string_view body, bool raw, bool bytes, const Token& at, Pieces& to);
  bool decode_escape(std::string_view body, std::size_t& i, bool bytes, const Token& at, Pieces& to);
  bool decode_number(std::string_view body, std::size_t& i, std::size_t digits, bool bytes, const Token& at, std::string& out);

  Storage& storage_;
  const std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t level_ = 0;  // blocks open at at_
  int depth_ = 0;
  bool too_much_ = false;
  std::optional<Failure> failure_;
};

template <class T>
const Expr* Parser::expr(Place place, T node) {
  Expr e{place, 1, node};
  for_each_child(e, [&](const Expr& child) { e.depth = std::max<std::uint16_t>(e.depth, child.depth + 1); });
  if (e.depth > kTreeDepthMax) return fail("more than " + std::to_string(kTreeDepthMax) + " operations in a chain");
  return storage_.add(e);
}

}  // namespace slipway::python
