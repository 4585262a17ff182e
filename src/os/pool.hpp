// Pool: a fixed number of threads for work that blocks (database, storage, passwords), with a bounded queue. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "slipway/os/task.hpp"

namespace slipway::os {

class Pool {
 public:
  Pool(unsigned threads, std::size_t capacity, std::string name = "pool");
  ~Pool();  // stop()

  bool submit(Task task);  // false, and the task is destroyed: the queue is full or the pool has stopped
  // For the next step of work that was admitted already (an upload's next block): not refused when the queue is full, and bounded by
  // what was admitted. false, and the task is destroyed: the pool has stopped.
  bool go_on(Task task);
  std::size_t waiting() const;
  void stop();  // runs what is queued, refuses more, joins. Not from a thread of the pool.

 private:
  void work();
  bool push(Task&& task, bool bounded);

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;
  std::size_t capacity_;
  bool stopping_ = false;
  std::string name_;
  std::vector<std::thread> threads_;
};

}  // namespace slipway::os
