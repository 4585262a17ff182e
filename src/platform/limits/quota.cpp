#include "slipway/platform/limits/quota.hpp"

#include <algorithm>
#include <charconv>

namespace slipway::limits {
namespace {

constexpr std::int64_t kAmountMax = 1'000'000'000'000'000;  // exact in a double, with room
constexpr std::int64_t kSecond = 1'000'000'000;

struct Period {
  std::string_view name, brief;
  std::int64_t ns;
};
constexpr std::array<Period, 4> kPeriods = {
    {{"second", "s", kSecond}, {"minute", "min", 60 * kSecond}, {"hour", "h", 3600 * kSecond}, {"day", "d", 86'400 * kSecond}}};

const Period* period_named(std::string_view name) {
  const auto found = std::find_if(kPeriods.begin(), kPeriods.end(), [&](const Period& p) { return p.name == name || p.brief == name; });
  return found == kPeriods.end() ? nullptr : &*found;
}

std::string_view period_name(std::int64_t window_ns) {
  const auto found = std::find_if(kPeriods.begin(), kPeriods.end(), [&](const Period& p) { return p.ns == window_ns; });
  return found == kPeriods.end() ? std::string_view() : found->name;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<Quantity> quantity_named(std::string_view name) {
  for (std::size_t i = 0; i < kQuantities; ++i) {
    if (quantity_name(static_cast<Quantity>(i)) == name) return static_cast<Quantity>(i);
  }
  return std::nullopt;
}

// A whole number, with K, M or G as a setting's bytes have them when it counts bytes, else as thousands.
std::optional<std::int64_t> amount_of(std::string_view text, bool bytes) {
  std::int64_t scale = 1;
  const std::int64_t step = bytes ? 1024 : 1000;
  for (const char suffix : {'K', 'M', 'G'}) {
    scale *= step;
    if (text.ends_with(suffix)) {
      text.remove_suffix(1);
      break;
    }
    if (suffix == 'G') scale = 1;
  }
  std::int64_t out = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (problem != std::errc{} || end != text.data() + text.size() || out < 0 || out > kAmountMax / scale) return std::nullopt;
  return out * scale;
}

Error bad_text(std::string_view word, const std::string& why) {
  return {ErrorCode::bad_request, "the limit \"" + std::string(word.substr(0, 60)) + "\" " + why};
}

// "600/min:100"; without a burst as much as the window's amount may come at once.
Result<Rate> rate_of(std::string_view word, std::string_view text, bool bytes) {
  const auto wrong = [&] { return bad_text(word, "is not understood: write AMOUNT/PERIOD or AMOUNT/PERIOD:BURST, such as 600/min:100"); };
  Rate out;
  if (text == "0") return out;
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return wrong();
  const std::string_view rest = text.substr(slash + 1);
  const std::size_t colon = std::min(rest.find(':'), rest.size());
  const Period* period = period_named(rest.substr(0, colon));
  const auto amount = amount_of(text.substr(0, slash), bytes);
  const auto burst = colon < rest.size() ? amount_of(rest.substr(colon + 1), bytes) : amount;
  if (period == nullptr || !amount || !burst || (*amount > 0 && *burst == 0)) return wrong();
  if (*amount == 0) return out;
  return Rate{*amount, period->ns, *burst};
}

std::optional<std::int64_t> whole(const json::Value* value, std::int64_t least) {
  if (value == nullptr || !value->is_int() || value->as_int() < least || value->as_int() > kAmountMax) return std::nullopt;
  return value->as_int();
}

Result<Rate> rate_from_json(const json::Value& value, const std::string& at) {
  const auto refuse = [&](const std::string& where, const char* why) {
    return Error(ErrorCode::invalid_input, "the limits can't be set").at(where, why);
  };
  if (value.is_int() && value.as_int() == 0) return Rate{};
  if (!value.is_object()) return refuse(at, R"(must be {"amount":600,"per":"minute","burst":100}, or 0 for no limit)");
  for (const auto& [name, member] : value.as_object()) {
    if (name != "amount" && name != "per" && name != "burst") return refuse(at, "has amount, per and burst, nothing else");
  }
  const auto amount = whole(value.find("amount"), 1);
  if (!amount) return refuse(at + "/amount", "must be a whole number above 0");
  const json::Value* per = value.find("per");
  const Period* period = per == nullptr || !per->is_string() ? nullptr : period_named(per->as_string());
  if (period == nullptr) return refuse(at + "/per", "must be second, minute, hour or day");
  std::optional<std::int64_t> burst = amount;
  if (const json::Value* given = value.find("burst"); given != nullptr && !given->is_null()) burst = whole(given, 1);
  if (!burst) return refuse(at + "/burst", "must be a whole number above 0");
  return Rate{*amount, period->ns, *burst};
}

}  // namespace

std::string_view subject_name(Subject subject) {
  constexpr std::array<std::string_view, kSubjects> kNames = {"user", "key", "model", "key-on-model"};
  return kNames[static_cast<std::size_t>(subject)];
}

std::string_view quantity_name(Quantity quantity) {
  constexpr std::array<std::string_view, kQuantities> kNames = {"requests", "rows", "bytes", "concurrent"};
  return kNames[static_cast<std::size_t>(quantity)];
}

bool Quota::says_nothing() const {
  return !concurrent && std::none_of(rates.begin(), rates.end(), [](const auto& rate) { return rate.has_value(); });
}

bool Quota::limits() const {
  return concurrent.value_or(0) > 0 || std::any_of(rates.begin(), rates.end(), [](const auto& rate) { return rate && rate->amount > 0; });
}

Quota Quota::over(const Quota& otherwise) const {
  Quota out = *this;
  for (std::size_t i = 0; i < kRates; ++i) {
    if (!out.rates[i]) out.rates[i] = otherwise.rates[i];
  }
  if (!out.concurrent) out.concurrent = otherwise.concurrent;
  return out;
}

Result<Quota> quota_from_text(std::string_view text) {
  Quota out;
  text = trimmed(text);
  if (text == "none") return out;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view word = trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t equals = std::min(word.find('='), word.size());
    const auto quantity = quantity_named(word.substr(0, equals));
    if (!quantity || equals == word.size()) return bad_text(word, "is not one of requests=, rows=, bytes=, concurrent=");
    const std::string_view value = word.substr(equals + 1);
    if (*quantity == Quantity::concurrent) {
      out.concurrent = amount_of(value, false);
      if (!out.concurrent) return bad_text(word, "needs a whole number");
    } else {
      out.rates[static_cast<std::size_t>(*quantity)] = TRY(rate_of(word, value, *quantity == Quantity::bytes));
    }
  }
  return out;
}

Result<Quota> quota_from_json(const json::Value& value, const std::string& at) {
  const auto refuse = [](const std::string& where, const char* why) {
    return Error(ErrorCode::invalid_input, "the limits can't be set").at(where, why);
  };
  if (!value.is_object()) return refuse(at, "must be an object with requests, rows, bytes and concurrent");
  Quota out;
  for (const auto& [name, member] : value.as_object()) {
    const auto quantity = quantity_named(name);
    if (!quantity) return refuse(at, "has requests, rows, bytes and concurrent, nothing else");
    if (member.is_null()) continue;
    if (*quantity == Quantity::concurrent) {
      out.concurrent = whole(&member, 0);
      if (!out.concurrent) return refuse(at + "/concurrent", "must be a whole number; 0: no limit");
    } else {
      out.rates[static_cast<std::size_t>(*quantity)] = TRY(rate_from_json(member, at + "/" + name));
    }
  }
  return out;
}

json::Value to_json(const Quota& quota) {
  json::Value out = json::object({});
  for (std::size_t i = 0; i < kRates; ++i) {
    const auto& rate = quota.rates[i];
    if (!rate) continue;
    const std::string name(quantity_name(static_cast<Quantity>(i)));
    if (rate->amount == 0) {
      out.set(name, 0);
    } else {
      out.set(name, json::object({{"amount", rate->amount}, {"per", period_name(rate->window_ns)}, {"burst", rate->burst}}));
    }
  }
  if (quota.concurrent) out.set("concurrent", *quota.concurrent);
  return out;
}

}  // namespace slipway::limits
