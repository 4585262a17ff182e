// Regular expressions in the syntax of Python's `re`, over Unicode text, matched without backtracking: a match costs at most the
// text's length times the pattern's size. What isn't regular in them (back references, general look-around, possessive repeats) is
// refused by name. A Pattern is immutable: any number of threads may match with it.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::ops::text {

class Pattern {
 public:
  // Throws std::invalid_argument: what of the syntax is wrong or not read here.
  explicit Pattern(std::string_view utf8);
  ~Pattern();
  Pattern(Pattern&&) noexcept;

  std::size_t groups() const;

  struct Span {
    std::size_t begin = 0, end = 0;
  };
  // re.findall: the matches, or of a pattern with one group what that holds (empty where it took no part).
  // Throws std::invalid_argument when the text takes more than steps_max steps: some patterns look ahead of every character.
  std::vector<Span> find_all(std::u32string_view text, std::size_t steps_max) const;

 private:
  struct Program;
  std::unique_ptr<const Program> program_;
};

}  // namespace slipway::ops::text
