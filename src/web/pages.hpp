// The embedded pages as texts. Static storage: views of them never dangle.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "slipway/base/result.hpp"

namespace slipway::web {

extern const std::string_view kStyle;        // /assets/style.css
extern const std::string_view kOrigin;       // /assets/origin.js: writes this server's address into the examples
extern const std::string_view kStartScript;  // /assets/start.js

std::string landing_page();
std::string start_page();
std::string errors_page();               // every error, with links
std::string error_page(ErrorCode code);  // what it means and what to do

// A whole document: head, header, `main`, footer. Title and main are HTML already.
std::string document(std::string_view title, std::string_view main, std::string_view scripts = {});
std::string escape(std::string_view text);
std::string_view remedy(ErrorCode code);  // what a caller can do about it: HTML

}  // namespace slipway::web
