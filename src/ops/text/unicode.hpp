// Characters as Python's `str` and `re` know them, from tables of one Unicode version (unicode_tables.inc). Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace slipway::ops::text {

bool is_alphanumeric(char32_t c);  // str.isalnum; what `\w` means, with '_' added
bool is_decimal(char32_t c);       // `\d`
bool is_space(char32_t c);         // str.isspace; `\s`
inline bool is_word(char32_t c) { return c == U'_' || is_alphanumeric(c); }

std::u32string from_utf8(std::string_view bytes);  // what isn't UTF-8 becomes U+FFFD, a byte each
void append_utf8(std::string& out, char32_t c);

void lower(std::u32string& text);  // str.lower, with its final sigma and dotted capital I
std::u32string nfkd(std::u32string_view text);
void strip_accents_unicode(std::u32string& text);
void strip_accents_ascii(std::u32string& text);

std::span<const std::string_view> english_stop_words();

}  // namespace slipway::ops::text
