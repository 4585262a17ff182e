// The arena of one Module: the source, its lines, and every node. The parser fills it, the Module keeps it.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory_resource>
#include <type_traits>

#include "slipway/importers/python/ast.hpp"

namespace slipway::python {

class Storage {
 public:
  explicit Storage(std::string text);
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  template <class T>
  const T* add(T node) {
    static_assert(std::is_trivially_destructible_v<T>);
    ++nodes_;
    return new (arena_.allocate(sizeof(T), alignof(T))) T(std::move(node));
  }
  template <class T>
  std::span<const T> add_list(const std::vector<T>& list) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (list.empty()) return {};
    T* const to = static_cast<T*>(arena_.allocate(list.size() * sizeof(T), alignof(T)));
    std::uninitialized_copy(list.begin(), list.end(), to);
    return {to, list.size()};
  }
  std::string_view add_text(std::string_view text) {
    if (text.empty()) return {};
    char* const to = static_cast<char*>(arena_.allocate(text.size(), 1));
    std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }
  std::size_t nodes() const { return nodes_; }
  std::string_view line(std::uint32_t number) const;

  const std::string source;
  Block body;
  std::vector<const Stmt*> unsupported;

 private:
  std::vector<std::uint32_t> line_starts_;
  std::pmr::monotonic_buffer_resource arena_;
  std::size_t nodes_ = 0;
};

}  // namespace slipway::python
