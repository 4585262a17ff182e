// Random identifiers and secrets, from the kernel's generator.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace slipway {

std::string random_bytes(std::size_t n);
std::string new_id(std::string_view prefix);        // "mdl_" + 26 characters of Crockford base32 in lower case: 128 random bits
bool is_id(std::string_view text);                  // ^[a-z]{2,4}_[0-9a-hjkmnp-tv-z]{26}$: safe in paths, logs and SQL
std::string random_base62(std::size_t characters);  // unbiased

}  // namespace slipway
