#include "slipway/base/form.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "slipway/base/encoding.hpp"

namespace slipway {

Result<Form> Form::parse(std::string_view body) {
  json::Value document = TRY(json::parse(body));
  if (!document.is_object()) return Error(ErrorCode::invalid_input, "the body must be a JSON object").at("#", "must be an object");
  return Form(std::move(document));
}

const json::Value* Form::take(std::string_view name) {
  known_.emplace_back(name);
  const json::Value* value = document_.find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool Form::has(std::string_view name) const {
  const json::Value* value = document_.find(name);
  return value != nullptr && !value->is_null();
}

void Form::wrong(std::string_view name, std::string why) { errors_.push_back({"#/" + std::string(name), std::move(why)}); }

std::optional<std::string> Form::text(std::string_view name, std::size_t bytes_max) {
  const json::Value* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    wrong(name, "must be a text");
    return std::nullopt;
  }
  if (value->as_string().size() > bytes_max) {
    wrong(name, "must have at most " + std::to_string(bytes_max) + " bytes");
    return std::nullopt;
  }
  if (value->as_string().find('\0') != std::string::npos) {
    wrong(name, "must not hold a NUL character");
    return std::nullopt;
  }
  return value->as_string();
}

std::string Form::required_text(std::string_view name, std::size_t bytes_max) {
  const std::size_t before = errors_.size();
  auto value = text(name, bytes_max);
  if (!value && errors_.size() == before) wrong(name, "is required");
  return value.value_or("");
}

std::optional<std::vector<std::string>> Form::texts(std::string_view name, std::size_t count_max, std::size_t bytes_max) {
  const json::Value* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array() || value->as_array().size() > count_max) {
    wrong(name, "must be an array of at most " + std::to_string(count_max) + " texts");
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (std::size_t i = 0; i < value->as_array().size(); ++i) {
    const json::Value& item = value->as_array()[i];
    if (!item.is_string() || item.as_string().size() > bytes_max || item.as_string().find('\0') != std::string::npos) {
      wrong(std::string(name) + "/" + std::to_string(i), "must be a text of at most " + std::to_string(bytes_max) + " bytes");
      continue;
    }
    out.push_back(item.as_string());
  }
  return out;
}

std::optional<std::int64_t> Form::time_ms(std::string_view name) {
  const auto written = text(name, 64);
  if (!written) return std::nullopt;
  const auto ms = from_rfc3339(*written);
  if (!ms) wrong(name, "must be a time such as 2027-01-31T00:00:00Z");
  return ms;
}

Status Form::finish() {
  for (const auto& [name, value] : document_.as_object()) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const auto near = nearest(name, known_);
    wrong(excerpt(name), "is not known here" + (near ? "; did you mean \"" + *near + "\"?" : std::string()));
    if (errors_.size() >= 20) break;
  }
  if (errors_.empty()) return ok();
  Error error(ErrorCode::invalid_input, "the request doesn't fit what is expected");
  for (FieldError& field : errors_) error.add(std::move(field.pointer), std::move(field.detail));
  return error;
}

namespace {
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t n) {
  int value = 0;
  if (at + n > text.size()) return std::nullopt;
  const auto [end, problem] = std::from_chars(text.data() + at, text.data() + at + n, value);
  if (problem != std::errc{} || end != text.data() + at + n || text[at] == '-') return std::nullopt;
  return value;
}
}  // namespace

std::optional<std::int64_t> from_rfc3339(std::string_view text) {
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2), hour = digits(text, 11, 2),
             minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != 't' && text[10] != ' ') || text[13] != ':' || text[16] != ':' || *month < 1 || *month > 12 || *day < 1 ||
      *day > 31 || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  std::size_t at = 19;
  std::int64_t millis = 0;
  if (at < text.size() && text[at] == '.') {
    std::int64_t scale = 100;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10) millis += (text[at] - '0') * scale;
  }
  std::int64_t offset_minutes = 0;
  const std::string_view zone = text.substr(at);
  if (zone != "Z" && zone != "z") {
    const auto oh = digits(zone, 1, 2), om = digits(zone, 4, 2);
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' || !oh || !om) return std::nullopt;
    offset_minutes = (*oh * 60 + *om) * (zone[0] == '-' ? -1 : 1);
  }
  std::tm parts{};
  parts.tm_year = *year - 1900;
  parts.tm_mon = *month - 1;
  parts.tm_mday = *day;
  parts.tm_hour = *hour;
  parts.tm_min = *minute;
  parts.tm_sec = *second;
  return (static_cast<std::int64_t>(timegm(&parts)) - offset_minutes * 60) * 1000 + millis;
}

}  // namespace slipway
