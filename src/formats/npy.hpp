// .npy files (format 1.0 to 3.0): the header as a value, the data where it stands. Never executes: object arrays are refused. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "slipway/base/result.hpp"
#include "slipway/tensor/tensor.hpp"

namespace slipway::npy {

struct Header {
  std::string dtype;  // "<f8"; a record: empty, and `fields` holds them
  struct Field {
    std::string name, dtype;
    Shape shape;
  };
  std::vector<Field> fields;
  bool fortran_order = false;
  Shape shape;
  std::size_t data_offset = 0;
};

// Errors: model_refused with the place. Dimensions are not negative; whether the data fits them is the caller's to check.
Result<Header> read_header(std::span<const std::byte> bytes);

}  // namespace slipway::npy
