// Task: a callable of no arguments that is owned once: it may capture what can't be copied. Small ones need no allocation.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace slipway::os {

class Task {
 public:
  Task() = default;
  template <class F>
    requires(!std::is_same_v<std::decay_t<F>, Task> && std::is_invocable_v<std::decay_t<F>&>)
  Task(F&& f) {  // NOLINT(google-explicit-constructor)
    using Held = std::decay_t<F>;
    if constexpr (fits<Held>()) {
      ::new (static_cast<void*>(space_)) Held(std::forward<F>(f));
      static constexpr Operations kInline = {[](void* p) { (*static_cast<Held*>(p))(); },
                                             [](void* from, void* to) {
                                               ::new (to) Held(std::move(*static_cast<Held*>(from)));
                                               static_cast<Held*>(from)->~Held();
                                             },
                                             [](void* p) { static_cast<Held*>(p)->~Held(); }};
      operations_ = &kInline;
    } else {
      ::new (static_cast<void*>(space_)) Held*(new Held(std::forward<F>(f)));
      static constexpr Operations kHeap = {[](void* p) { (**static_cast<Held**>(p))(); },
                                           [](void* from, void* to) { ::new (to) Held*(*static_cast<Held**>(from)); },
                                           [](void* p) { delete *static_cast<Held**>(p); }};
      operations_ = &kHeap;
    }
  }
  Task(Task&& other) noexcept { take(other); }
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() { reset(); }

  explicit operator bool() const { return operations_ != nullptr; }
  void operator()() { operations_->run(space_); }  // precondition: not empty

 private:
  static constexpr std::size_t kSpace = 48;
  struct Operations {
    void (*run)(void*);
    void (*move)(void* from, void* to);
    void (*destroy)(void*);
  };
  template <class Held>
  static constexpr bool fits() {
    return sizeof(Held) <= kSpace && alignof(Held) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<Held>;
  }
  void take(Task& other) {
    if (other.operations_ == nullptr) return;
    other.operations_->move(other.space_, space_);
    operations_ = std::exchange(other.operations_, nullptr);
  }
  void reset() {
    if (operations_ != nullptr) std::exchange(operations_, nullptr)->destroy(space_);
  }

  alignas(std::max_align_t) std::byte space_[kSpace];
  const Operations* operations_ = nullptr;
};

}  // namespace slipway::os
