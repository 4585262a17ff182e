#include <charconv>
#include <cstdlib>

#include "slipway/importers/python/parser_impl.hpp"

namespace slipway::python {
namespace {

struct BinaryOperator {
  Operator op;
  int strength;  // the larger binds closer
};

constexpr int kOr = 1, kAnd = 2, kNot = 3;
constexpr int kBitOr = 1;

std::optional<BinaryOperator> binary_operator(Tok kind) {
  switch (kind) {
    case Tok::bar: return BinaryOperator{Operator::bit_or, kBitOr};
    case Tok::caret: return BinaryOperator{Operator::bit_xor, 2};
    case Tok::ampersand: return BinaryOperator{Operator::bit_and, 3};
    case Tok::shift_left: return BinaryOperator{Operator::shift_left, 4};
    case Tok::shift_right: return BinaryOperator{Operator::shift_right, 4};
    case Tok::plus: return BinaryOperator{Operator::add, 5};
    case Tok::minus: return BinaryOperator{Operator::subtract, 5};
    case Tok::times: return BinaryOperator{Operator::multiply, 6};
    case Tok::divide: return BinaryOperator{Operator::divide, 6};
    case Tok::floor_divide: return BinaryOperator{Operator::floor_divide, 6};
    case Tok::remainder: return BinaryOperator{Operator::remainder, 6};
    case Tok::at: return BinaryOperator{Operator::matmul, 6};
    default: return std::nullopt;
  }
}

std::optional<Comparison> simple_comparison(Tok kind) {
  switch (kind) {
    case Tok::equal: return Comparison::eq;
    case Tok::not_equal: return Comparison::ne;
    case Tok::less: return Comparison::lt;
    case Tok::less_equal: return Comparison::le;
    case Tok::greater: return Comparison::gt;
    case Tok::greater_equal: return Comparison::ge;
    case Tok::kw_in: return Comparison::in;
    case Tok::kw_is: return Comparison::is;
    default: return std::nullopt;
  }
}

}  // namespace

bool Parser::begins_expression() const {
  switch (kind()) {
    case Tok::name:
    case Tok::number:
    case Tok::string:
    case Tok::fstring_start:
    case Tok::left_paren:
    case Tok::left_bracket:
    case Tok::left_brace:
    case Tok::ellipsis:
    case Tok::plus:
    case Tok::minus:
    case Tok::tilde:
    case Tok::times:
    case Tok::kw_not:
    case Tok::kw_lambda:
    case Tok::kw_await:
    case Tok::kw_none:
    case Tok::kw_true:
    case Tok::kw_false: return true;
    default: return false;
  }
}

const Expr* Parser::value() { return is(Tok::kw_yield) ? yield_expression() : star_expressions(); }

const Expr* Parser::star_expressions() {
  const Place start = place(peek());
  const Expr* first = star_or_named();
  if (first == nullptr || !is(Tok::comma)) return first;
  Items items{first};
  while (take(Tok::comma) && begins_expression()) {
    items.push_back(star_or_named());
    if (items.back() == nullptr) return nullptr;
  }
  return expr(start, Tuple{storage_.add_list(items)});
}

const Expr* Parser::star_or_named() {
  if (!is(Tok::times)) return named_expression();
  const Nested nested(depth_);
  if (too_deep()) return nullptr;
  const Token& star = next();
  const Expr* inner = binary(kBitOr);
  return inner == nullptr ? nullptr : expr(place(star), Starred{inner});
}

const Expr* Parser::named_expression() {
  if (is(Tok::name) && peek(1).kind == Tok::walrus) {
    const Token& name = next();
    next();
    const Expr* inner = expression();
    return inner == nullptr ? nullptr : expr(place(name), Walrus{text(name), inner});
  }
  return expression();
}

const Expr* Parser::yield_expression() {
  const Place start = place(next());
  if (take(Tok::kw_from)) {
    const Expr* inner = expression();
    return inner == nullptr ? nullptr : expr(start, YieldFrom{inner});
  }
  if (!begins_expression()) return expr(start, Yield{nullptr});
  const Expr* inner = star_expressions();
  return inner == nullptr ? nullptr : expr(start, Yield{inner});
}

const Expr* Parser::expression() {
  const Nested nested(depth_);
  if (too_deep()) return nullptr;
  if (is(Tok::kw_lambda)) return lambda();
  const Place start = place(peek());
  const Expr* then = logical(kOr);
  if (then == nullptr || !take(Tok::kw_if)) return then;
  const Expr* test = logical(kOr);
  if (test == nullptr || !expect(Tok::kw_else)) return nullptr;
  const Expr* otherwise = expression();
  return otherwise == nullptr ? nullptr : expr(start, Conditional{test, then, otherwise});
}

const Expr* Parser::lambda() {
  const Place start = place(next());
  std::vector<Parameter> list;
  if (!parameters(list, Tok::colon, false)) return nullptr;
  next();
  const Expr* body = expression();
  return body == nullptr ? nullptr : expr(start, Lambda{storage_.add_list(list), body});
}

const Expr* Parser::logical(int strength) {  // or, and, not
  if (strength == kNot) {
    if (!is(Tok::kw_not)) return comparison();
    const Nested nested(depth_);
    if (too_deep()) return nullptr;
    const Place start = place(next());
    const Expr* operand = logical(kNot);
    return operand == nullptr ? nullptr : expr(start, Unary{UnaryOperator::logical_not, operand});
  }
  const Tok word = strength == kOr ? Tok::kw_or : Tok::kw_and;
  const Place start = place(peek());
  const Expr* first = logical(strength + 1);
  if (first == nullptr || !is(word)) return first;
  Items operands{first};
  while (take(word)) {
    operands.push_back(logical(strength + 1));
    if (operands.back() == nullptr) return nullptr;
  }
  return expr(start, BoolOp{strength == kOr, storage_.add_list(operands)});
}

const Expr* Parser::comparison() {
  const Place start = place(peek());
  const Expr* first = binary(kBitOr);
  if (first == nullptr) return nullptr;
  std::vector<Comparand> rest;
  while (true) {
    std::optional<Comparison> op = simple_comparison(kind());
    if (op) {
      next();
      if (*op == Comparison::is && take(Tok::kw_not)) op = Comparison::is_not;
    } else if (is(Tok::kw_not) && peek(1).kind == Tok::kw_in) {
      next(), next();
      op = Comparison::not_in;
    } else {
      break;
    }
    const Expr* operand = binary(kBitOr);
    if (operand == nullptr) return nullptr;
    rest.push_back({*op, operand});
  }
  return rest.empty() ? first : expr(start, Compare{first, storage_.add_list(rest)});
}

const Expr* Parser::binary(int strength) {
  const Place start = place(peek());
  const Expr* left = unary();
  while (left != nullptr) {
    const auto op = binary_operator(kind());
    if (!op || op->strength < strength) return left;
    next();
    const Expr* right = binary(op->strength + 1);  // at most one call for each strength
    if (right == nullptr) return nullptr;
    left = expr(start, Binary{op->op, left, right});
  }
  return nullptr;
}

const Expr* Parser::unary() {
  if (!is(Tok::plus) && !is(Tok::minus) && !is(Tok::tilde)) return power();
  const Nested nested(depth_);
  if (too_deep()) return nullptr;
  const Token& sign = next();
  const Expr* operand = unary();
  if (operand == nullptr) return nullptr;
  const UnaryOperator op = sign.kind == Tok::plus ? UnaryOperator::plus : sign.kind == Tok::minus ? UnaryOperator::minus : UnaryOperator::invert;
  return expr(place(sign), Unary{op, operand});
}

const Expr* Parser::power() {
  const Place start = place(peek());
  const bool awaited = take(Tok::kw_await);
  const Expr* base = primary();
  if (base != nullptr && awaited) base = expr(start, Await{base});
  if (base == nullptr || !take(Tok::power)) return base;
  const Nested nested(depth_);
  if (too_deep()) return nullptr;
  const Expr* exponent = unary();
  return exponent == nullptr ? nullptr : expr(start, Binary{Operator::power, base, exponent});
}

const Expr* Parser::primary() {
  const Place start = place(peek());
  const Expr* e = atom();
  while (e != nullptr) {
    if (take(Tok::dot)) {
      if (!is(Tok::name)) return unexpected("a name");
      e = expr(start, Attribute{e, text(next())});
    } else if (is(Tok::left_paren)) {
      e = call(e, start);
    } else if (is(Tok::left_bracket)) {
      e = subscript(e, start);
    } else {
      return e;
    }
  }
  return nullptr;
}

const Expr* Parser::call(const Expr* callee, Place start) {
  Items positional;
  std::vector<Keyword> keywords;
  const Token& open = next();
  if (!arguments(positional, keywords, open)) return nullptr;
  return expr(start, Call{callee, storage_.add_list(positional), storage_.add_list(keywords)});
}

// Behind the open bracket, to behind the closing one.
bool Parser::arguments(Items& positional, std::vector<Keyword>& keywords, const Token& open) {
  while (!take(Tok::right_paren)) {
    if (is(Tok::times)) {
      const Token& star = next();
      const Expr* inner = expression();
      positional.push_back(inner == nullptr ? nullptr : expr(place(star), Starred{inner}));
      if (positional.back() == nullptr) return false;
    } else if (take(Tok::power)) {
      keywords.push_back({{}, expression()});
      if (keywords.back().value == nullptr) return false;
    } else if (is(Tok::name) && peek(1).kind == Tok::assign) {
      const std::string_view name = text(next());
      next();
      keywords.push_back({name, expression()});
      if (keywords.back().value == nullptr) return false;
    } else {
      const Token& start = peek();
      const Expr* item = named_expression();
      if (item != nullptr && (is(Tok::kw_for) || is(Tok::kw_async))) {
        const bool alone = positional.empty() && keywords.empty();
        item = comprehension(place(open), ComprehensionKind::generator, item, nullptr);
        if (item != nullptr && (!alone || !is(Tok::right_paren))) item = fail(start, "a generator beside other arguments needs brackets of its own");
      }
      if (item == nullptr) return false;
      if (!keywords.empty()) {
        fail(start, "a positional argument stands behind a keyword argument");
        return false;
      }
      positional.push_back(item);
    }
    if (!is(Tok::right_paren) && !expect(Tok::comma)) return false;
  }
  return true;
}

const Expr* Parser::subscript(const Expr* object, Place start) {
  next();
  const Place first = place(peek());
  const Expr* index = slice();
  if (index != nullptr && is(Tok::comma)) {
    Items items{index};
    while (take(Tok::comma) && !is(Tok::right_bracket)) {
      items.push_back(slice());
      if (items.back() == nullptr) return nullptr;
    }
    index = expr(first, Tuple{storage_.add_list(items)});
  } else if (index != nullptr && index->is<Starred>()) {
    const Items items{index};
    index = expr(first, Tuple{storage_.add_list(items)});
  }
  if (index == nullptr || !expect(Tok::right_bracket)) return nullptr;
  return expr(start, Subscript{object, index});
}

const Expr* Parser::slice() {
  const Place start = place(peek());
  if (is(Tok::times)) return star_or_named();
  const Expr* bounds[3] = {nullptr, nullptr, nullptr};
  const auto bound = [&](const Expr*& to) {
    if (is(Tok::colon) || is(Tok::comma) || is(Tok::right_bracket)) return true;
    to = named_expression();
    return to != nullptr;
  };
  if (is(Tok::comma) || is(Tok::right_bracket)) return unexpected("an index");
  if (!bound(bounds[0])) return nullptr;
  if (!take(Tok::colon)) return bounds[0];
  if (!bound(bounds[1])) return nullptr;
  if (take(Tok::colon) && !bound(bounds[2])) return nullptr;
  return expr(start, Slice{bounds[0], bounds[1], bounds[2]});
}

const Expr* Parser::atom() {
  const Token& token = peek();
  switch (token.kind) {
    case Tok::name: return next(), expr(place(token), Name{text(token)});
    case Tok::number: return number();
    case Tok::string:
    case Tok::fstring_start: return strings();
    case Tok::kw_none: return next(), expr(place(token), None{});
    case Tok::kw_true: return next(), expr(place(token), Bool{true});
    case Tok::kw_false: return next(), expr(place(token), Bool{false});
    case Tok::ellipsis: return next(), expr(place(token), Ellipsis{});
    case Tok::left_paren: return paren();
    case Tok::left_bracket: return list_display();
    case Tok::left_brace: return brace_display();
    default: return unexpected("an expression");
  }
}

const Expr* Parser::paren() {
  const Token& open = next();
  if (take(Tok::right_paren)) return expr(place(open), Tuple{});
  if (is(Tok::kw_yield)) {
    const Expr* inner = yield_expression();
    return inner != nullptr && expect(Tok::right_paren) ? inner : nullptr;
  }
  const Expr* first = star_or_named();
  if (first == nullptr) return nullptr;
  if (is(Tok::kw_for) || is(Tok::kw_async)) {
    const Expr* generator = comprehension(place(open), ComprehensionKind::generator, first, nullptr);
    return generator != nullptr && expect(Tok::right_paren) ? generator : nullptr;
  }
  if (!is(Tok::comma)) {
    if (!expect(Tok::right_paren)) return nullptr;
    if (first->is<Starred>()) return fail(open, "a * stands alone in brackets");
    return first;
  }
  Items items{first};
  while (take(Tok::comma) && !is(Tok::right_paren)) {
    items.push_back(star_or_named());
    if (items.back() == nullptr) return nullptr;
  }
  return expect(Tok::right_paren) ? expr(place(open), Tuple{storage_.add_list(items)}) : nullptr;
}

const Expr* Parser::list_display() {
  const Token& open = next();
  Items items;
  while (!take(Tok::right_bracket)) {
    items.push_back(star_or_named());
    if (items.back() == nullptr) return nullptr;
    if (items.size() == 1 && (is(Tok::kw_for) || is(Tok::kw_async))) {
      const Expr* list = comprehension(place(open), ComprehensionKind::list, items[0], nullptr);
      return list != nullptr && expect(Tok::right_bracket) ? list : nullptr;
    }
    if (!is(Tok::right_bracket) && !expect(Tok::comma)) return nullptr;
  }
  return expr(place(open), List{storage_.add_list(items)});
}

const Expr* Parser::brace_display() {
  const Token& open = next();
  if (take(Tok::right_brace)) return expr(place(open), Dict{});
  if (is(Tok::power)) return dict_rest(open, nullptr);
  const Expr* first = star_or_named();
  if (first == nullptr) return nullptr;
  if (is(Tok::colon)) return dict_rest(open, first);
  if (is(Tok::kw_for) || is(Tok::kw_async)) {
    const Expr* set = comprehension(place(open), ComprehensionKind::set, first, nullptr);
    return set != nullptr && expect(Tok::right_brace) ? set : nullptr;
  }
  Items items{first};
  while (!is(Tok::right_brace)) {
    if (!expect(Tok::comma)) return nullptr;
    if (is(Tok::right_brace)) break;
    items.push_back(star_or_named());
    if (items.back() == nullptr) return nullptr;
  }
  next();
  return expr(place(open), Set{storage_.add_list(items)});
}

// At the `:` behind the first key, or at the first `**`.
const Expr* Parser::dict_rest(const Token& open, const Expr* key) {
  const Nested nested(depth_);
  if (too_deep()) return nullptr;
  std::vector<DictItem> items;
  while (true) {
    DictItem item{key, nullptr};
    if (key == nullptr) {
      if (!expect(Tok::power)) return nullptr;
      item.value = binary(kBitOr);
    } else {
      if (!expect(Tok::colon)) return nullptr;
      item.value = expression();
    }
    if (item.value == nullptr) return nullptr;
    if (items.empty() && key != nullptr && (is(Tok::kw_for) || is(Tok::kw_async))) {
      const Expr* dict = comprehension(place(open), ComprehensionKind::dict, key, item.value);
      return dict != nullptr && expect(Tok::right_brace) ? dict : nullptr;
    }
    items.push_back(item);
    if (take(Tok::right_brace)) break;
    if (!expect(Tok::comma)) return nullptr;
    if (take(Tok::right_brace)) break;
    key = nullptr;
    if (!is(Tok::power)) {
      key = expression();
      if (key == nullptr) return nullptr;
    }
  }
  return expr(place(open), Dict{storage_.add_list(items)});
}

const Expr* Parser::comprehension(Place start, ComprehensionKind kind, const Expr* element, const Expr* value) {
  const Nested nested(depth_);
  std::vector<Clause> list;
  if (too_deep() || !clauses(list)) return nullptr;
  return expr(start, Comprehension{element, value, storage_.add_list(list), kind});
}

bool Parser::clauses(std::vector<Clause>& out) {
  while (is(Tok::kw_for) || is(Tok::kw_async)) {
    Clause clause{};
    clause.is_async = take(Tok::kw_async);
    if (!expect(Tok::kw_for)) return false;
    clause.target = targets(Tok::kw_in);
    if (clause.target == nullptr || !expect(Tok::kw_in)) return false;
    clause.iterable = logical(kOr);
    if (clause.iterable == nullptr) return false;
    Items conditions;
    while (take(Tok::kw_if)) {
      conditions.push_back(logical(kOr));
      if (conditions.back() == nullptr) return false;
    }
    clause.conditions = storage_.add_list(conditions);
    out.push_back(clause);
  }
  return true;
}

const Expr* Parser::targets(Tok end) {
  const Token& start = peek();
  Items items;
  bool comma = false;
  while (items.empty() || (comma = take(Tok::comma))) {
    if (!items.empty() && (is(end) || !begins_expression())) break;
    items.push_back(is(Tok::times) ? star_or_named() : binary(kBitOr));
    if (items.back() == nullptr) return nullptr;
  }
  const Expr* target = items.size() == 1 && !comma ? items[0] : expr(place(start), Tuple{storage_.add_list(items)});
  if (target != nullptr && !is_target(*target)) return nullptr;
  return target;
}

const Expr* Parser::number() {
  const Token& token = next();
  std::string digits(text(token));
  std::erase(digits, '_');
  const char last = static_cast<char>(digits.back() | 0x20);
  const bool based = digits.size() > 1 && digits[0] == '0' &&
                     (digits[1] == 'x' || digits[1] == 'X' || digits[1] == 'o' || digits[1] == 'O' || digits[1] == 'b' || digits[1] == 'B');
  if (!based && (last == 'j' || digits.find_first_of(".eE") != std::string::npos)) {
    double v = 0;
    const std::errc failed = std::from_chars(digits.data(), digits.data() + digits.size(), v).ec;
    if (failed == std::errc::result_out_of_range) v = std::strtod(digits.c_str(), nullptr);  // inf or 0, as in Python
    return last == 'j' ? expr(place(token), Imaginary{v}) : expr(place(token), Float{v});
  }
  const int base = !based ? 10 : (digits[1] | 0x20) == 'x' ? 16 : (digits[1] | 0x20) == 'o' ? 8 : 2;
  Int node{0, digits.size() == token.end - token.begin ? text(token) : storage_.add_text(digits), false};
  const char* const begin = digits.data() + (based ? 2 : 0);
  const char* const end = digits.data() + digits.size();
  const auto [stopped, failed] = std::from_chars(begin, end, node.value, base);
  node.fits = failed == std::errc() && stopped == end;
  if (!node.fits) node.value = 0;
  return expr(place(token), node);
}

}  // namespace slipway::python
