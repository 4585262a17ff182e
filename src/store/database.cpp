#include "slipway/store/database.hpp"

#include <charconv>
#include <stdexcept>

namespace slipway::store {
namespace {

[[noreturn]] void wrong_column(std::string_view column, const char* what) { throw std::logic_error("column " + std::string(column) + " " + what); }

}  // namespace

const Value& Row::at(std::string_view column) const {
  for (std::size_t i = 0; i < columns_->size() && i < values_.size(); ++i)
    if ((*columns_)[i] == column) return values_[i];
  wrong_column(column, "is not in the answer");
}

const std::string& Row::text(std::string_view column) const {
  const auto* text = std::get_if<std::string>(&at(column).get());
  if (text == nullptr) wrong_column(column, "is no text");
  return *text;
}

std::int64_t Row::integer(std::string_view column) const {
  const Value& value = at(column);
  if (const auto* integer = std::get_if<std::int64_t>(&value.get())) return *integer;
  // An expression (count(*), max(x)) has no declared type: the backend gives it as text.
  if (const auto* text = std::get_if<std::string>(&value.get())) {
    std::int64_t parsed = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), parsed);
    if (error == std::errc() && end == text->data() + text->size()) return parsed;
  }
  wrong_column(column, "is no whole number");
}

double Row::number(std::string_view column) const {
  const Value& value = at(column);
  if (const auto* number = std::get_if<double>(&value.get())) return *number;
  if (const auto* integer = std::get_if<std::int64_t>(&value.get())) return static_cast<double>(*integer);
  if (const auto* text = std::get_if<std::string>(&value.get())) {
    double parsed = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), parsed);
    if (error == std::errc() && end == text->data() + text->size()) return parsed;
  }
  wrong_column(column, "is no number");
}

std::optional<std::string> Row::text_or_null(std::string_view column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

std::optional<std::int64_t> Row::integer_or_null(std::string_view column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

Result<std::optional<Row>> Session::query_one(std::string_view sql, const Params& params) {
  auto rows = TRY(query(sql, params));
  if (rows.empty()) return std::optional<Row>();
  return std::optional<Row>(std::move(rows.front()));
}

}  // namespace slipway::store
