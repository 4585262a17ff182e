#include "slipway/http/push.hpp"

namespace slipway::http {

void PushBody::wake(std::unique_lock<std::mutex> lock) {
  if (!wake_ || std::exchange(woken_, true)) return;
  const auto call = wake_;
  lock.unlock();
  call();
}

bool PushBody::push(std::string_view bytes) {
  std::unique_lock lock(mutex_);
  if (gone_ || ended_) return false;
  if (waiting_.size() + bytes.size() > waiting_bytes_max_) {
    gone_ = true;
    wake(std::move(lock));
    return false;
  }
  waiting_ += bytes;
  wake(std::move(lock));
  return true;
}

void PushBody::end() {
  std::unique_lock lock(mutex_);
  ended_ = true;
  wake(std::move(lock));
}

bool PushBody::gone() const {
  const std::lock_guard lock(mutex_);
  return gone_;
}

void PushBody::attach(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
  woken_ = true;  // until the first take()
}

PushBody::Taken PushBody::take() {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  return {std::exchange(waiting_, {}), ended_, gone_};
}

void PushBody::abandon() {
  const std::lock_guard lock(mutex_);
  gone_ = true;
  waiting_ = {};
  wake_ = nullptr;
}

}  // namespace slipway::http
