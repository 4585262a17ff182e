// SecretKey: 32 bytes in memory of their own, between guard pages, locked (never swapped), not in core dumps, wiped at the end.
// Move-only value; reading from several threads is fine.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace slipway::store {

class SecretKey {
 public:
  static constexpr std::size_t kBytes = 32;

  static SecretKey random();
  static SecretKey zero();  // to be filled through writable()
  static SecretKey copy_of(std::span<const std::byte, kBytes> bytes);

  std::span<const std::byte, kBytes> bytes() const { return std::span<const std::byte, kBytes>(data_.get(), kBytes); }
  std::span<std::byte, kBytes> writable() { return std::span<std::byte, kBytes>(data_.get(), kBytes); }
  const unsigned char* raw() const { return reinterpret_cast<const unsigned char*>(data_.get()); }

 private:
  struct Free {
    void operator()(std::byte* data) const;
  };
  SecretKey();
  std::unique_ptr<std::byte, Free> data_;
};

}  // namespace slipway::store
