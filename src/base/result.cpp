#include "slipway/base/result.hpp"

#include <array>

namespace slipway {
namespace {

struct ErrorFacts {
  std::string_view name;
  int status;
  std::string_view title;
};

constexpr std::array kFacts = {
#define SLIPWAY_ERROR(name, status, title) ErrorFacts{#name, status, title},
#include "slipway/base/errors.def"
#undef SLIPWAY_ERROR
};

const ErrorFacts& facts(ErrorCode code) { return kFacts[static_cast<std::size_t>(code)]; }

}  // namespace

std::string_view error_name(ErrorCode code) { return facts(code).name; }
std::string_view error_title(ErrorCode code) { return facts(code).title; }
int error_status(ErrorCode code) { return facts(code).status; }

std::optional<ErrorCode> error_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kFacts.size(); ++i) {
    if (kFacts[i].name == name) return static_cast<ErrorCode>(i);
  }
  return std::nullopt;
}

Error&& Error::at(std::string pointer, std::string detail) && {
  fields_.push_back({std::move(pointer), std::move(detail)});
  return std::move(*this);
}

Error&& Error::because(std::string internal) && {
  internal_ = std::move(internal);
  return std::move(*this);
}

Error&& Error::retry_after(std::uint32_t seconds) && {
  retry_after_s_ = seconds;
  return std::move(*this);
}

Error&& Error::within(std::string_view place) && {
  detail_ = std::string(place) + ": " + detail_;
  return std::move(*this);
}

}  // namespace slipway
