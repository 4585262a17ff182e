// Anonymous memory as a descriptor: how files, artifacts and rings cross to cells. A *sealed* one can change neither size nor
// content any more, so that what was checked is what is used. Functions are thread-safe; a Mapping is a value that owns its pages.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "slipway/os/fd.hpp"

namespace slipway::os {

Result<Fd> make_memfd(std::string_view name, std::size_t bytes = 0);  // sealable, not executable, close-on-exec
Status seal(const Fd& memfd);                                         // size and content fixed; fails while mapped writable
bool is_sealed(const Fd& memfd);
Result<std::size_t> size_of(const Fd& fd);
Status write_all(const Fd& fd, std::span<const std::byte> bytes);  // at the file position
Result<Fd> make_sealed(std::string_view name, std::span<const std::byte> bytes);
Result<Fd> make_sealed(std::string_view name, std::string_view bytes);

class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();
  // Of a whole memfd. read_only asks for a sealed one only where `sealed_only`: else a peer could shrink it under the reader.
  static Result<Mapping> read_only(const Fd& fd, bool sealed_only = true);
  static Result<Mapping> shared(const Fd& fd, std::size_t bytes);  // read and write; the descriptor must hold `bytes`, F_SEAL_SHRINK set

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::span<std::byte> writable() { return {data_, size_}; }
  bool empty() const { return size_ == 0; }

 private:
  Mapping(std::byte* data, std::size_t size) : data_(data), size_(size) {}
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace slipway::os
