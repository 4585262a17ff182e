// Trying a network with inputs of given shapes: what its own operators make of them, and what they settle. inputs.cpp chooses by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "slipway/importers/torch/inputs.hpp"

namespace slipway::importers::torch::attempts {

// Sizes of inputs that aren't known: free, as many as there are rows, or the same as every other with the same (smaller) number.
constexpr std::int64_t kFree = -1, kRows = -2;
constexpr std::size_t kTriesMax = 2'000;

struct Shape {
  DType dtype = DType::float32;
  std::vector<std::int64_t> dims;  // kFree: free
  bool flattened = false;          // of any rank: everything behind the rows becomes one dimension at once
};

struct Attempt {
  bool ok = false;
  std::string error;
  std::size_t progress = 0;  // nodes made before it failed
  bool no_rows = false, needs_sizes = false;
  bool one_row = false;                               // the code squeezes the rows away
  std::size_t mixed = 0;                              // dimensions that are as many as there are rows, of the guesses
  std::size_t guesses = 0;                            // sizes beside each other that nothing says are equal
  std::size_t output_rank = 0;                        // the largest
  bool keeps_rows = false;                            // every output begins with the rows of the inputs
  using Place = std::pair<std::size_t, std::size_t>;  // (input, dimension)
  std::vector<std::pair<Place, Place>> equal;         // that must be the same, and aren't yet
  std::vector<std::string> outputs;                   // names and types, for a comparison
  // Of input dimensions: (input, dimension, value); others stay open.
  std::vector<std::tuple<std::size_t, std::size_t, std::int64_t>> settled;
  std::vector<std::string> open;                                            // assumptions that no input dimension settles
  std::vector<std::pair<std::vector<std::size_t>, std::int64_t>> products;  // (input, value): all behind its rows together
  struct Sum {
    std::vector<std::pair<std::size_t, std::size_t>> places;  // (input, dimension)
    std::int64_t value = 0;
  };
  std::vector<Sum> sums;  // of dimensions that are joined: only a request tells how many are of which
};

std::string port_name(std::string_view name, std::string_view otherwise);

bool is_rows(std::size_t input, std::size_t dim, std::int64_t size, bool apart);

// Inputs of one try. The rows of all inputs are one symbol, unless they are told apart: sequences of different lengths, for what is no row.
std::vector<neural::Value> make_inputs(neural::Net& net, const std::vector<InputPort>& ports, const std::vector<Shape>& shapes, bool apart = false);

// halves: half of a size tells the size, though that of one more would be the same.
Attempt run(const Body& body, const std::vector<InputPort>& ports, const std::vector<Shape>& shapes, bool apart = false, bool halves = false);

// A size that turned out to be `value`, and every one that is the same.
void fix(std::vector<Shape>& shapes, std::size_t input, std::size_t dim, std::int64_t value);

// A try, then again with what it settled, until nothing new is settled.
Attempt settle(const Body& body, const std::vector<InputPort>& ports, std::vector<Shape>& shapes, std::size_t& tries, bool apart = false,
               bool halves = false);

}  // namespace slipway::importers::torch::attempts
