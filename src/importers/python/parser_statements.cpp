#include "slipway/importers/python/parser_impl.hpp"

namespace slipway::python {
namespace {

std::optional<Operator> augmented_operator(Tok kind) {
  switch (kind) {
    case Tok::plus_assign: return Operator::add;
    case Tok::minus_assign: return Operator::subtract;
    case Tok::times_assign: return Operator::multiply;
    case Tok::divide_assign: return Operator::divide;
    case Tok::floor_divide_assign: return Operator::floor_divide;
    case Tok::remainder_assign: return Operator::remainder;
    case Tok::power_assign: return Operator::power;
    case Tok::matmul_assign: return Operator::matmul;
    case Tok::shift_left_assign: return Operator::shift_left;
    case Tok::shift_right_assign: return Operator::shift_right;
    case Tok::and_assign: return Operator::bit_and;
    case Tok::or_assign: return Operator::bit_or;
    case Tok::xor_assign: return Operator::bit_xor;
    default: return std::nullopt;
  }
}

bool continues_compound(Tok kind) { return kind == Tok::kw_elif || kind == Tok::kw_else || kind == Tok::kw_except || kind == Tok::kw_finally; }

}  // namespace

// ---- lines, blocks, and going on behind what can't be read

void Parser::statements(Statements& out, std::size_t level) {
  while (!is(Tok::end) && !too_much_) {
    if (is(Tok::dedent)) {
      if (level_ <= level && level > 0) return;
      next();
      continue;
    }
    statement(out);
  }
}

void Parser::statement(Statements& out) {
  const std::size_t start = at_, level = level_;
  const std::size_t complaints = storage_.unsupported.size();
  failure_.reset();
  if (storage_.nodes() > kNodesMax) {
    too_much_ = true;
  } else if (!statement_line(out)) {
    storage_.unsupported.resize(complaints);  // those in it go with it
    recover(start, level, out);
  }
}

void Parser::recover(std::size_t start, std::size_t level, Statements& out) {
  if (!failure_) unexpected("a statement");
  const Failure failure = *failure_;
  const bool decorated = tokens_[start].kind == Tok::at && !header_of_decorated_is_behind(start);
  const auto* added = stmt(place(tokens_[start]), Unsupported{storage_.add_text(failure.message), failure.place});
  out.push_back(added);
  storage_.unsupported.push_back(added);
  if (storage_.unsupported.size() > kUnsupportedMax) too_much_ = true;
  skip_line_and_block(start, level);
  if (decorated) {  // what is decorated goes with its decorators
    while (is(Tok::at)) skip_line_and_block(at_, level);
    if (is(Tok::kw_def) || is(Tok::kw_class) || is(Tok::kw_async)) skip_line_and_block(at_, level);
  }
  while (continues_compound(kind())) skip_line_and_block(at_, level);
  failure_.reset();
}

bool Parser::header_of_decorated_is_behind(std::size_t start) const {
  for (std::size_t i = start; i < at_; ++i) {
    if (tokens_[i].kind == Tok::kw_def || tokens_[i].kind == Tok::kw_class) return true;
  }
  return false;
}

// To behind the logical line that is read since `start`, and behind the block that belongs to it, if it has one.
void Parser::skip_line_and_block(std::size_t start, std::size_t level) {
  const bool next_begins = at_ > start && level_ == level && (tokens_[at_ - 1].kind == Tok::newline || tokens_[at_ - 1].kind == Tok::dedent);
  if (!next_begins) {
    while (!is(Tok::end) && !(level_ == level && (is(Tok::newline) || is(Tok::indent) || is(Tok::dedent)))) next();
    take(Tok::newline);
  }
  if (!is(Tok::indent)) return;
  next();
  while (!is(Tok::end) && level_ > level) next();
}

bool Parser::statement_line(Statements& out) {
  if (is(Tok::indent)) {
    fail("the line is indented, and nothing before it begins a block");
    return false;
  }
  bool is_compound = false;
  if (const Stmt* s = compound(is_compound); is_compound) {
    if (s != nullptr) out.push_back(s);
    return s != nullptr;
  }
  do {
    const Stmt* s = simple();
    if (s == nullptr) return false;
    if (!is(Tok::semicolon) && !is(Tok::newline) && !is(Tok::end)) {
      unexpected("the end of the statement");
      return false;
    }
    out.push_back(s);
  } while (take(Tok::semicolon) && !is(Tok::newline) && !is(Tok::end));
  take(Tok::newline);
  return true;
}

std::optional<Block> Parser::suite() {
  const Nested nested(depth_);
  if (!expect(Tok::colon)) return std::nullopt;
  Statements body;
  if (!take(Tok::newline)) {
    if (too_deep()) return std::nullopt;
    bool is_compound = false;
    if (compound(is_compound); is_compound) {
      fail("a statement with a block of its own stands behind a colon");
      return std::nullopt;
    }
    if (!statement_line(body)) return std::nullopt;
    return storage_.add_list(body);
  }
  if (!is(Tok::indent)) {
    unexpected("an indented block");
    return std::nullopt;
  }
  if (too_deep()) return std::nullopt;
  next();
  statements(body, level_);
  take(Tok::dedent);
  return storage_.add_list(body);
}

// ---- simple statements

const Stmt* Parser::simple() {
  const Token& start = peek();
  switch (start.kind) {
    case Tok::kw_pass: return next(), stmt(place(start), Pass{});
    case Tok::kw_break: return next(), stmt(place(start), Break{});
    case Tok::kw_continue: return next(), stmt(place(start), Continue{});
    case Tok::kw_return: return return_statement();
    case Tok::kw_raise: return raise_statement();
    case Tok::kw_assert: return assert_statement();
    case Tok::kw_del: return delete_statement();
    case Tok::kw_import: return import_statement();
    case Tok::kw_from: return import_from();
    case Tok::kw_global:
    case Tok::kw_nonlocal: return names_statement();
    default: return expression_statement();
  }
}

// `print "x"`, `print >>file, x` and `exec code`.
bool Parser::is_old_statement() const {
  const Token& after = peek(1);
  if (is_word("print") && after.kind == Tok::shift_right) return true;
  if (!is_word("print") && !is_word("exec")) return false;
  return after.kind == Tok::string || after.kind == Tok::name || after.kind == Tok::number || after.kind == Tok::fstring_start ||
         after.kind == Tok::left_brace || after.kind == Tok::kw_none || after.kind == Tok::kw_true || after.kind == Tok::kw_false;
}

const Stmt* Parser::expression_statement() {
  const Token& start = peek();
  if (is_old_statement()) return fail("`" + std::string(text(start)) + "` as a statement: this is Python 2, only Python 3 is read");
  if (is_word("type") && peek(1).kind == Tok::name) return fail("a `type` statement is not supported");
  const Expr* first = value();
  if (first == nullptr) return nullptr;
  if (is(Tok::assign)) return assignment(start, first);
  if (is(Tok::colon)) return annotated(start, first);
  if (const auto op = augmented_operator(kind())) return augmented(start, first, *op);
  return stmt(place(start), ExprStmt{first});
}

bool Parser::is_target(const Expr& e, bool nested) {
  const auto all = [&](Exprs items) {
    for (const Expr* item : items) {
      if (!is_target(*item, true)) return false;
    }
    return true;
  };
  if (e.is<Name>() || e.is<Attribute>() || e.is<Subscript>()) return true;
  if (const auto* tuple = e.as<Tuple>()) return all(tuple->items);
  if (const auto* list = e.as<List>()) return all(list->items);
  if (const auto* starred = e.as<Starred>(); starred != nullptr && nested) return is_target(*starred->value, true);
  if (!failure_) failure_ = Failure{e.place, "this can't be assigned to"};
  return false;
}

const Stmt* Parser::assignment(const Token& start, const Expr* first) {
  Items targets;
  const Expr* last = first;
  while (take(Tok::assign)) {
    if (!is_target(*last)) return nullptr;
    targets.push_back(last);
    last = value();
    if (last == nullptr) return nullptr;
  }
  return stmt(place(start), Assign{storage_.add_list(targets), last});
}

const Stmt* Parser::annotated(const Token& start, const Expr* target) {
  if (!target->is<Name>() && !target->is<Attribute>() && !target->is<Subscript>()) return unexpected("the end of the statement");
  next();
  const Expr* annotation = expression();
  if (annotation == nullptr) return nullptr;
  const Expr* assigned = nullptr;
  if (take(Tok::assign)) {
    assigned = value();
    if (assigned == nullptr) return nullptr;
  }
  return stmt(place(start), AnnAssign{target, annotation, assigned});
}

const Stmt* Parser::augmented(const Token& start, const Expr* target, Operator op) {
  if (!target->is<Name>() && !target->is<Attribute>() && !target->is<Subscript>()) return fail(start, "this can't be assigned to");
  next();
  const Expr* right = value();
  return right == nullptr ? nullptr : stmt(place(start), AugAssign{op, target, right});
}

const Stmt* Parser::return_statement() {
  const Token& start = next();
  const Expr* returned = nullptr;
  if (!is(Tok::newline) && !is(Tok::semicolon) && !is(Tok::end)) {
    returned = star_expressions();
    if (returned == nullptr) return nullptr;
  }
  return stmt(place(start), Return{returned});
}

const Stmt* Parser::raise_statement() {
  const Token& start = next();
  Raise node{};
  if (!is(Tok::newline) && !is(Tok::semicolon) && !is(Tok::end)) {
    node.exception = expression();
    if (node.exception == nullptr) return nullptr;
    if (is(Tok::comma)) return fail("`raise` with a comma: this is Python 2, only Python 3 is read");
    if (take(Tok::kw_from)) {
      node.cause = expression();
      if (node.cause == nullptr) return nullptr;
    }
  }
  return stmt(place(start), node);
}

const Stmt* Parser::assert_statement() {
  const Token& start = next();
  Assert node{expression(), nullptr};
  if (node.test == nullptr) return nullptr;
  if (take(Tok::comma)) {
    node.message = expression();
    if (node.message == nullptr) return nullptr;
  }
  return stmt(place(start), node);
}

const Stmt* Parser::delete_statement() {
  const Token& start = next();
  Items list;
  do {
    if (!list.empty() && !begins_expression()) break;
    const Expr* target = primary();
    if (target == nullptr || !is_target(*target)) return nullptr;
    list.push_back(target);
  } while (take(Tok::comma));
  return stmt(place(start), Delete{storage_.add_list(list)});
}

bool Parser::dotted_name(std::string_view& name) {
  const Token& first = peek();
  if (!expect(Tok::name)) return false;
  const Token* last = &first;
  std::string joined(text(first));
  while (take(Tok::dot)) {
    last = &peek();
    if (!expect(Tok::name)) return false;
    joined += '.';
    joined += text(*last);
  }
  name = joined.size() == last->end - first.begin ? std::string_view(storage_.source).substr(first.begin, joined.size())
                                                  : storage_.add_text(joined);  // "a . b"
  return true;
}

bool Parser::alias(std::vector<Alias>& names, bool dotted) {
  Alias added;
  if (dotted) {
    if (!dotted_name(added.name)) return false;
  } else {
    added.name = text(peek());
    if (!expect(Tok::name)) return false;
  }
  if (take(Tok::kw_as)) {
    added.other = text(peek());
    if (!expect(Tok::name)) return false;
  }
  names.push_back(added);
  return true;
}

const Stmt* Parser::import_statement() {
  const Token& start = next();
  std::vector<Alias> names;
  do {
    if (!alias(names, true)) return nullptr;
  } while (take(Tok::comma));
  return stmt(place(start), Import{storage_.add_list(names)});
}

const Stmt* Parser::import_from() {
  const Token& start = next();
  ImportFrom node{};
  while (is(Tok::dot) || is(Tok::ellipsis)) node.level += next().kind == Tok::dot ? 1 : 3;
  if ((node.level == 0 || !is(Tok::kw_import)) && !dotted_name(node.module)) return nullptr;
  if (!expect(Tok::kw_import)) return nullptr;
  std::vector<Alias> names;
  if (is(Tok::times)) {
    names.push_back({text(next()), {}});
  } else {
    const bool brackets = take(Tok::left_paren);
    do {
      if (brackets && !names.empty() && is(Tok::right_paren)) break;
      if (!alias(names, false)) return nullptr;
    } while (take(Tok::comma));
    if (brackets && !expect(Tok::right_paren)) return nullptr;
  }
  node.names = storage_.add_list(names);
  return stmt(place(start), node);
}

const Stmt* Parser::names_statement() {
  const Token& start = next();
  std::vector<std::string_view> names;
  do {
    names.push_back(text(peek()));
    if (!expect(Tok::name)) return nullptr;
  } while (take(Tok::comma));
  const Names list = storage_.add_list(names);
  return start.kind == Tok::kw_global ? stmt(place(start), Global{list}) : stmt(place(start), Nonlocal{list});
}

// ---- statements with blocks

const Stmt* Parser::compound(bool& is_compound) {
  is_compound = true;
  const Token& start = peek();
  switch (start.kind) {
    case Tok::kw_if: return if_statement();
    case Tok::kw_for: return for_statement(start, false);
    case Tok::kw_while: return while_statement();
    case Tok::kw_try: return try_statement();
    case Tok::kw_with: return with_statement(start, false);
    case Tok::kw_def: return function(start, false, {});
    case Tok::kw_class: return class_statement({});
    case Tok::at: return decorated();
    case Tok::kw_async: return async_statement();
    default: break;
  }
  if (is_match_statement()) return fail("a `match` statement is not supported");
  is_compound = false;
  return nullptr;
}

// `match` is a name elsewhere: a statement is what ends in a colon and has a block that begins with `case`.
bool Parser::is_match_statement() const {
  if (!is_word("match")) return false;
  std::size_t i = at_ + 1;
  while (tokens_[i].kind != Tok::newline && tokens_[i].kind != Tok::end) ++i;
  return i + 2 < tokens_.size() && i > at_ + 2 && tokens_[i - 1].kind == Tok::colon && tokens_[i + 1].kind == Tok::indent &&
         tokens_[i + 2].kind == Tok::name && text(tokens_[i + 2]) == "case";
}

bool Parser::otherwise(Block& block) {
  if (!take(Tok::kw_else)) return true;
  const auto body = suite();
  if (body) block = *body;
  return body.has_value();
}

const Stmt* Parser::if_statement() {
  const Token& start = peek();
  std::vector<Arm> arms;
  Block rest;
  while (arms.empty() || is(Tok::kw_elif)) {
    next();
    const Expr* test = named_expression();
    if (test == nullptr) return nullptr;
    const auto body = suite();
    if (!body) return nullptr;
    arms.push_back({test, *body});
  }
  if (!otherwise(rest)) return nullptr;
  return stmt(place(start), If{storage_.add_list(arms), rest});
}

const Stmt* Parser::for_statement(const Token& start, bool is_async) {
  next();
  For node{};
  node.is_async = is_async;
  node.target = targets(Tok::kw_in);
  if (node.target == nullptr || !expect(Tok::kw_in)) return nullptr;
  node.iterable = star_expressions();
  if (node.iterable == nullptr) return nullptr;
  const auto body = suite();
  if (!body || !otherwise(node.otherwise)) return nullptr;
  node.body = *body;
  return stmt(place(start), node);
}

const Stmt* Parser::while_statement() {
  const Token& start = next();
  While node{};
  node.test = named_expression();
  if (node.test == nullptr) return nullptr;
  const auto body = suite();
  if (!body || !otherwise(node.otherwise)) return nullptr;
  node.body = *body;
  return stmt(place(start), node);
}

const Stmt* Parser::try_statement() {
  const Token& start = next();
  Try node{};
  const auto body = suite();
  if (!body) return nullptr;
  node.body = *body;
  std::vector<Handler> handlers;
  while (is(Tok::kw_except)) {
    if (!handler(handlers, node.is_star)) return nullptr;
  }
  node.handlers = storage_.add_list(handlers);
  if (!handlers.empty() && !otherwise(node.otherwise)) return nullptr;
  if (take(Tok::kw_finally)) {
    const auto last = suite();
    if (!last) return nullptr;
    node.finally = *last;
  } else if (handlers.empty()) {
    return unexpected("'except' or 'finally'");
  }
  return stmt(place(start), node);
}

bool Parser::handler(std::vector<Handler>& handlers, bool& is_star) {
  Handler added{};
  added.place = place(next());
  if (take(Tok::times)) is_star = true;
  if (!is(Tok::colon)) {
    added.type = expression();
    if (added.type == nullptr) return false;
    if (is(Tok::comma)) {
      fail("`except` with a comma: this is Python 2, only Python 3 is read");
      return false;
    }
    if (take(Tok::kw_as)) {
      added.name = text(peek());
      if (!expect(Tok::name)) return false;
    }
  }
  const auto body = suite();
  if (!body) return false;
  added.body = *body;
  handlers.push_back(added);
  return true;
}

const Stmt* Parser::with_statement(const Token& start, bool is_async) {
  next();
  std::vector<WithItem> items;
  if (!with_items(items)) return nullptr;
  const auto body = suite();
  return body ? stmt(place(start), With{storage_.add_list(items), *body, is_async}) : nullptr;
}

bool Parser::with_items(std::vector<WithItem>& items) {
  if (is(Tok::left_paren)) {  // `with (a as b, c):` or an expression in brackets: the colon behind them tells
    const std::size_t before = at_;
    if (with_items_in_parens(items)) return true;
    at_ = before;
    items.clear();
    failure_.reset();
  }
  do {
    WithItem item{expression(), nullptr};
    if (item.context == nullptr) return false;
    if (take(Tok::kw_as)) {
      item.target = primary();
      if (item.target == nullptr || !is_target(*item.target)) return false;
    }
    items.push_back(item);
  } while (take(Tok::comma));
  return true;
}

bool Parser::with_items_in_parens(std::vector<WithItem>& items) {
  next();
  do {
    if (!items.empty() && is(Tok::right_paren)) break;
    WithItem item{expression(), nullptr};
    if (item.context == nullptr) return false;
    if (take(Tok::kw_as)) {
      item.target = primary();
      if (item.target == nullptr || !is_target(*item.target)) return false;
    }
    items.push_back(item);
  } while (take(Tok::comma));
  return take(Tok::right_paren) && is(Tok::colon);
}

const Stmt* Parser::async_statement() {
  const Token& start = next();
  if (is(Tok::kw_def)) return function(start, true, {});
  if (is(Tok::kw_for)) return for_statement(start, true);
  if (is(Tok::kw_with)) return with_statement(start, true);
  return unexpected("'def', 'for' or 'with'");
}

const Stmt* Parser::decorated() {
  Items decorators;
  while (take(Tok::at)) {
    decorators.push_back(named_expression());
    if (decorators.back() == nullptr || !expect(Tok::newline)) return nullptr;
  }
  const Exprs list = storage_.add_list(decorators);
  const Token& start = peek();
  if (is(Tok::kw_class)) return class_statement(list);
  const bool is_async = take(Tok::kw_async);
  if (!is(Tok::kw_def)) return unexpected("a class or function behind its decorators");
  return function(start, is_async, list);
}

// `[T, *Ts]` behind a name: for type checkers only.
bool Parser::skip_type_parameters() {
  if (!take(Tok::left_bracket)) return true;
  for (int open = 1; open > 0;) {
    if (is(Tok::newline) || is(Tok::end) || is(Tok::error)) {
      unexpected("']'");
      return false;
    }
    const Tok kind = next().kind;
    open += kind == Tok::left_bracket ? 1 : kind == Tok::right_bracket ? -1 : 0;
  }
  return true;
}

const Stmt* Parser::function(const Token& start, bool is_async, Exprs decorators) {
  next();
  FunctionDef node{};
  node.is_async = is_async;
  node.decorators = decorators;
  node.name = text(peek());
  if (!expect(Tok::name) || !skip_type_parameters() || !expect(Tok::left_paren)) return nullptr;
  std::vector<Parameter> list;
  if (!parameters(list, Tok::right_paren, true)) return nullptr;
  next();
  node.parameters = storage_.add_list(list);
  if (take(Tok::arrow)) {
    node.returns = expression();
    if (node.returns == nullptr) return nullptr;
  }
  const auto body = suite();
  if (!body) return nullptr;
  node.body = *body;
  return stmt(place(start), node);
}

// To the closer, which is left.
bool Parser::parameters(std::vector<Parameter>& out, Tok closer, bool annotations) {
  bool keyword_only = false, slash = false;
  while (!is(closer)) {
    const Token& start = peek();
    if (!out.empty() && out.back().kind == ParameterKind::var_keyword) {
      fail("a parameter stands behind **" + std::string(out.back().name));
      return false;
    }
    if (take(Tok::divide)) {
      if (slash || keyword_only || out.empty()) return fail(start, "a / stands where no parameters can end"), false;
      slash = true;
      for (Parameter& p : out) p.kind = ParameterKind::positional_only;
    } else if (take(Tok::times)) {
      if (keyword_only) return fail(start, "there are two * among the parameters"), false;
      keyword_only = true;
      if (is(Tok::comma)) {
        if (peek(1).kind == closer || peek(1).kind == Tok::power) return fail(start, "no parameter stands behind *"), false;
      } else if (!parameter(out, ParameterKind::var_positional, annotations)) {
        return false;
      }
    } else if (take(Tok::power)) {
      if (!parameter(out, ParameterKind::var_keyword, annotations)) return false;
    } else if (!parameter(out, keyword_only ? ParameterKind::keyword_only : ParameterKind::normal, annotations)) {
      return false;
    }
    if (!is(closer) && !expect(Tok::comma)) return false;
  }
  return true;
}

bool Parser::parameter(std::vector<Parameter>& out, ParameterKind kind, bool annotations) {
  if (annotations && is(Tok::left_paren)) {
    fail("a parameter in brackets: this is Python 2, only Python 3 is read");
    return false;
  }
  Parameter added{text(peek()), nullptr, nullptr, kind, place(peek())};
  if (!expect(Tok::name)) return false;
  if (annotations && take(Tok::colon)) {
    added.annotation = kind == ParameterKind::var_positional ? star_or_named() : expression();
    if (added.annotation == nullptr) return false;
  }
  const bool takes_default = kind != ParameterKind::var_positional && kind != ParameterKind::var_keyword;
  if (takes_default && take(Tok::assign)) {
    added.default_value = expression();
    if (added.default_value == nullptr) return false;
  } else if (kind == ParameterKind::normal && !out.empty() && out.back().default_value != nullptr) {
    if (!failure_) failure_ = Failure{added.place, "a parameter without a default stands behind one with a default"};
    return false;
  }
  out.push_back(added);
  return true;
}

const Stmt* Parser::class_statement(Exprs decorators) {
  const Token& start = next();
  ClassDef node{};
  node.decorators = decorators;
  node.name = text(peek());
  if (!expect(Tok::name) || !skip_type_parameters()) return nullptr;
  if (is(Tok::left_paren)) {
    const Token& open = next();
    Items bases;
    std::vector<Keyword> keywords;
    if (!arguments(bases, keywords, open)) return nullptr;
    node.bases = storage_.add_list(bases);
    node.keywords = storage_.add_list(keywords);
  }
  const auto body = suite();
  if (!body) return nullptr;
  node.body = *body;
  return stmt(place(start), node);
}

}  // namespace slipway::python
