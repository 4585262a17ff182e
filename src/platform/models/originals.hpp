// The original of a version as a response: its one file, one of several by name, or all of them as a tar archive (POSIX ustar, with pax
// headers for long names), made while it is sent. Pure but for the reader.
#pragma once

#include <optional>
#include <string>

#include "slipway/http/route.hpp"
#include "slipway/platform/models/rows.hpp"
#include "slipway/store/sealed.hpp"

namespace slipway::models {

// `name`: one of the version's files. Errors: not_found when there is none of that name.
Result<http::Response> original_response(store::SealedReader reader, const VersionRow& version, const std::optional<std::string>& name);

}  // namespace slipway::models
