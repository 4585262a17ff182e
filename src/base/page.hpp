// A page of a list that is ordered newest first: so many, behind that place in the order. A value.
#pragma once

#include <cstdint>
#include <string>

namespace slipway {

struct Page {
  std::int64_t limit = 50;
  std::int64_t after_created_at = 0;
  std::string after_id;  // empty: from the newest on
};

}  // namespace slipway
