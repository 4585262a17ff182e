#include "slipway/store/secret_key.hpp"

#include <sodium.h>

#include <cstring>
#include <new>

namespace slipway::store {

void SecretKey::Free::operator()(std::byte* data) const { sodium_free(data); }

SecretKey::SecretKey() {
  // sodium_malloc: guard pages around it, locked and left out of dumps as far as the limits allow, wiped when freed.
  if (sodium_init() < 0) throw std::bad_alloc();
  data_.reset(static_cast<std::byte*>(sodium_malloc(kBytes)));
  if (!data_) throw std::bad_alloc();
}

SecretKey SecretKey::random() {
  SecretKey key;
  randombytes_buf(key.data_.get(), kBytes);
  return key;
}

SecretKey SecretKey::zero() {
  SecretKey key;
  std::memset(key.data_.get(), 0, kBytes);
  return key;
}

SecretKey SecretKey::copy_of(std::span<const std::byte, kBytes> bytes) {
  SecretKey key;
  std::memcpy(key.data_.get(), bytes.data(), kBytes);
  return key;
}

}  // namespace slipway::store
