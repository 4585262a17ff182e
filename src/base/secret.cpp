#include "slipway/base/secret.hpp"

#include <sodium.h>

namespace slipway {

void Secret::wipe() {
  // capacity, not size: a shortened string keeps its old tail.
  if (value_.capacity() > 0) {
    value_.resize(value_.capacity());
    sodium_memzero(value_.data(), value_.size());
    value_.clear();
  }
}

}  // namespace slipway
