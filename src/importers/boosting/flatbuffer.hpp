// FlatBuffers as untrusted bytes: tables and vectors whose every offset is checked. A cursor is valid as long as the bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace slipway::importers::boosting {

class FlatVector;

class FlatTable {
 public:
  static std::optional<FlatTable> root(std::string_view bytes);
  static std::optional<FlatTable> at(std::string_view bytes, std::size_t position);

  // The field's value, or `otherwise` where it is absent or damaged.
  template <class T>
  T scalar(std::size_t field, T otherwise) const {
    const auto position = place(field, sizeof(T));
    if (!position) return otherwise;
    T v;
    std::memcpy(&v, bytes_.data() + *position, sizeof v);
    return v;
  }
  std::optional<FlatTable> table(std::size_t field) const;
  std::string_view text(std::size_t field) const;  // "" where absent
  // Elements of `size` bytes; empty where absent or damaged.
  FlatVector vector(std::size_t field, std::size_t size) const;
  template <class T>
  std::vector<T> values(std::size_t field) const;

 private:
  FlatTable(std::string_view bytes, std::size_t position, std::size_t vtable, std::size_t fields)
      : bytes_(bytes), position_(position), vtable_(vtable), fields_(fields) {}
  std::optional<std::size_t> place(std::size_t field, std::size_t size) const;
  std::optional<std::size_t> follow(std::size_t field) const;

  std::string_view bytes_;
  std::size_t position_, vtable_, fields_;
};

class FlatVector {
 public:
  FlatVector() = default;
  FlatVector(std::string_view bytes, std::size_t first, std::size_t count, std::size_t size)
      : bytes_(bytes), first_(first), count_(count), size_(size) {}
  std::size_t size() const { return count_; }
  const char* data() const { return bytes_.data() + first_; }
  std::optional<FlatTable> table(std::size_t i) const;  // of a vector of tables
  std::string_view text(std::size_t i) const;           // of a vector of texts

 private:
  std::string_view bytes_;
  std::size_t first_ = 0, count_ = 0, size_ = 1;
};

template <class T>
std::vector<T> FlatTable::values(std::size_t field) const {
  const FlatVector from = vector(field, sizeof(T));
  std::vector<T> out(from.size());
  if (!out.empty()) std::memcpy(out.data(), from.data(), out.size() * sizeof(T));
  return out;
}

}  // namespace slipway::importers::boosting
