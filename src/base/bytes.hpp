// Bytes of a message on their way through the server: OwnedBytes while they arrive, SharedBytes once they have come. Neither writes what is
// written over anyway: no byte of a large body is touched but to receive it.
//
// OwnedBytes belong to one thread at a time. What SharedBytes stand for doesn't change any more, and lives as long as any part of it.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace slipway {

class SharedBytes {
 public:
  SharedBytes() = default;
  SharedBytes(const SharedBytes&) = default;
  SharedBytes& operator=(const SharedBytes&) = default;
  SharedBytes(SharedBytes&& other) noexcept  // nothing is left there: a view without its owner can't be
      : owner_(std::move(other.owner_)), text_(std::exchange(other.text_, {})), kept_(std::exchange(other.kept_, 0)) {}
  SharedBytes& operator=(SharedBytes&& other) noexcept {
    SharedBytes taken(std::move(other));
    owner_.swap(taken.owner_);
    text_ = taken.text_;
    kept_ = taken.kept_;
    return *this;
  }
  ~SharedBytes() = default;
  explicit SharedBytes(std::string text);
  // memory: from malloc, holds the text and capacity bytes in all
  static SharedBytes adopt(std::unique_ptr<char, decltype(&std::free)> memory, std::size_t capacity, std::string_view text);

  std::string_view text() const { return text_; }
  operator std::string_view() const { return text_; }  // NOLINT(google-explicit-constructor): it is a text, with an owner
  std::size_t size() const { return text_.size(); }
  bool empty() const { return text_.empty(); }
  SharedBytes part(std::size_t at, std::size_t size = std::string_view::npos) const;  // at <= size()
  std::size_t kept_bytes() const { return kept_; }                                    // memory that stays as long as this does

 private:
  std::shared_ptr<const void> owner_;
  std::string_view text_;
  std::size_t kept_ = 0;
};

class OwnedBytes {
 public:
  static constexpr std::size_t kAlignment = 16;  // malloc's

  OwnedBytes() = default;
  explicit OwnedBytes(std::string_view text) { append(text); }
  OwnedBytes(OwnedBytes&& other) noexcept { swap(other); }
  OwnedBytes& operator=(OwnedBytes&& other) noexcept {
    OwnedBytes(std::move(other)).swap(*this);
    return *this;
  }
  ~OwnedBytes() { std::free(memory_); }

  std::string_view text() const { return memory_ == nullptr ? std::string_view() : std::string_view(memory_ + lead_, size_); }
  operator std::string_view() const { return text(); }  // NOLINT(google-explicit-constructor): it is a text
  friend bool operator==(const OwnedBytes& a, std::string_view b) { return a.text() == b; }
  const char* data() const { return text().data(); }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  void align(std::size_t offset);  // of what should be aligned later; before the first byte, else without effect
  void reserve(std::size_t bytes) { (void)room(bytes > size_ ? bytes - size_ : 0); }
  // Memory behind the end, at least_bytes or more: uninitialised, and none of the text until grow() says how much of it was filled.
  std::span<char> room(std::size_t least_bytes);
  void grow(std::size_t bytes) { size_ += bytes; }
  void append(std::string_view text);
  SharedBytes share() &&;  // the memory goes along

 private:
  void swap(OwnedBytes& other) noexcept;

  char* memory_ = nullptr;  // the text begins at lead_
  std::size_t lead_ = 0, size_ = 0, capacity_ = 0;
};

}  // namespace slipway
