#include "slipway/base/bytes.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace slipway {

SharedBytes::SharedBytes(std::string text) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  text_ = *owner;
  kept_ = owner->capacity();
  owner_ = std::move(owner);
}

SharedBytes SharedBytes::adopt(std::unique_ptr<char, decltype(&std::free)> memory, std::size_t capacity, std::string_view text) {
  SharedBytes out;
  out.text_ = text;
  out.kept_ = capacity;
  out.owner_ = std::shared_ptr<char>(std::move(memory));
  return out;
}

SharedBytes SharedBytes::part(std::size_t at, std::size_t size) const {
  SharedBytes out = *this;
  out.text_ = text_.substr(at, size);
  return out;
}

void OwnedBytes::align(std::size_t offset) {
  if (memory_ == nullptr) lead_ = (kAlignment - offset % kAlignment) % kAlignment;
}

std::span<char> OwnedBytes::room(std::size_t least_bytes) {
  if (capacity_ - size_ < least_bytes) {
    std::size_t wanted = 0;
    if (__builtin_add_overflow(size_ + lead_, least_bytes, &wanted)) throw std::bad_alloc();
    char* const grown = static_cast<char*>(std::realloc(memory_, wanted));  // a large one moves without a copy
    if (grown == nullptr) throw std::bad_alloc();
    memory_ = grown;
    capacity_ = wanted - lead_;
  }
  if (memory_ == nullptr) return {};
  return {memory_ + lead_ + size_, capacity_ - size_};
}

void OwnedBytes::append(std::string_view text) {
  if (text.empty()) return;
  const std::size_t least = capacity_ - size_ >= text.size() ? text.size() : std::max(text.size(), size_);  // twice as much: constant cost a byte
  std::memcpy(room(least).data(), text.data(), text.size());
  size_ += text.size();
}

SharedBytes OwnedBytes::share() && {
  const std::string_view whole = text();
  const std::size_t kept = lead_ + capacity_;
  size_ = lead_ = capacity_ = 0;
  return SharedBytes::adopt({std::exchange(memory_, nullptr), &std::free}, kept, whole);
}

void OwnedBytes::swap(OwnedBytes& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(lead_, other.lead_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
}

}  // namespace slipway
