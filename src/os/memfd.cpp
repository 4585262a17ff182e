#include "slipway/os/memfd.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace slipway::os {

constexpr int kContentSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

Result<Fd> make_memfd(std::string_view name, std::size_t bytes) {
  const std::string label(name.substr(0, 200));
  int fd = ::memfd_create(label.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create(label.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);  // kernels before 6.3
  if (fd < 0) return system_error("memfd_create");
  Fd owned(fd);
  if (bytes > 0 && ::ftruncate(fd, static_cast<off_t>(bytes)) != 0) return system_error("ftruncate of a memfd");
  return owned;
}

Status seal(const Fd& memfd) {
  if (::fcntl(memfd.get(), F_ADD_SEALS, kContentSeals | F_SEAL_SEAL) != 0) return system_error("F_ADD_SEALS");
  return ok();
}

bool is_sealed(const Fd& memfd) {
  int seals = ::fcntl(memfd.get(), F_GET_SEALS);
  return seals >= 0 && (seals & kContentSeals) == kContentSeals;
}

Result<std::size_t> size_of(const Fd& fd) {
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0) return system_error("fstat");
  return static_cast<std::size_t>(st.st_size);
}

Status write_all(const Fd& fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd.get(), bytes.data(), std::min<std::size_t>(bytes.size(), 1u << 30));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return system_error("write");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return ok();
}

Result<Fd> make_sealed(std::string_view name, std::span<const std::byte> bytes) {
  Fd fd = TRY(make_memfd(name));
  TRY(write_all(fd, bytes));
  TRY(seal(fd));
  return fd;
}

Result<Fd> make_sealed(std::string_view name, std::string_view bytes) { return make_sealed(name, std::as_bytes(std::span(bytes))); }

Mapping::Mapping(Mapping&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr && size_ > 0) ::munmap(data_, size_);
}

Result<Mapping> Mapping::read_only(const Fd& fd, bool sealed_only) {
  if (sealed_only && !is_sealed(fd)) return Error(ErrorCode::internal, "An unsealed file was passed").because("memfd is not sealed");
  const std::size_t size = TRY(size_of(fd));
  if (size == 0) return Mapping();
  void* p = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (p == MAP_FAILED) return system_error("mmap of a memfd");
  return Mapping(static_cast<std::byte*>(p), size);
}

Result<Mapping> Mapping::shared(const Fd& fd, std::size_t bytes) {
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) return Error(ErrorCode::internal, "A shared memory can shrink").because("F_SEAL_SHRINK is not set");
  const std::size_t size = TRY(size_of(fd));
  if (size < bytes || bytes == 0) return Error(ErrorCode::internal, "A shared memory is too small").because("memfd smaller than its mapping");
  void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (p == MAP_FAILED) return system_error("mmap of shared memory");
  return Mapping(static_cast<std::byte*>(p), bytes);
}

}  // namespace slipway::os
