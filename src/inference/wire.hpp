// What crosses between the server, its launcher and its cells: the launcher's messages, and tensors as the payload of a ring slot.
// view_payload is safe on hostile bytes that change while they are read: each header is read once. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/result.hpp"
#include "slipway/os/ring.hpp"
#include "slipway/os/sandbox.hpp"
#include "slipway/tensor/tensor.hpp"

namespace slipway::inference::wire {

// ---- tensors

inline constexpr std::uint32_t kTensorsMax = 1024;

struct TensorView {
  DType dtype = DType::undefined;
  std::uint8_t rank = 0;
  std::array<std::int64_t, kRankMax> dims{};
  std::uint64_t count = 0;
  std::span<const std::byte> data;  // strings: count lengths (u32), then the characters
  std::span<const std::int64_t> shape() const { return {dims.data(), rank}; }
};

struct TensorHead {  // as it stands in the payload, 8-byte aligned
  std::uint8_t dtype;
  std::uint8_t rank;
  std::uint16_t zero16;
  std::uint32_t zero32;
  std::uint64_t offset;  // from the start of the payload, a multiple of 64
  std::uint64_t bytes;
  std::int64_t dims[kRankMax];
};

// Where n tensors with these data sizes stand. heads first, then each tensor's data.
struct PayloadLayout {
  std::vector<std::uint64_t> offsets;
  std::uint64_t total = 0;
};
PayloadLayout layout(std::span<const std::uint64_t> data_bytes);
std::uint64_t string_bytes(std::span<const std::string> values);
void write_head(std::span<std::byte> payload, std::size_t index, std::size_t count, const TensorView& tensor, std::uint64_t offset,
                std::uint64_t bytes);
void write_strings(std::span<std::byte> at, std::span<const std::string> values);

std::uint64_t payload_bytes(std::span<const Tensor> tensors);
void write_payload(std::span<const Tensor> tensors, std::span<std::byte> payload);  // payload.size() is payload_bytes()

Result<std::vector<TensorView>> view_payload(std::span<const std::byte> payload);
Result<std::vector<std::string>> read_strings(const TensorView& tensor);
Result<std::vector<Tensor>> read_payload(std::span<const std::byte> payload);

// ---- the launcher's messages: fixed structures, the first word is the kind

enum class Kind : std::uint32_t { warm = 1, model = 2, import = 3, hello = 16, forked = 17, exited = 18, not_forked = 19 };

struct Warm {  // open ONNX Runtime now: models are there
  Kind kind = Kind::warm;
};
struct ForkModel {  // descriptors: ring, artifact, the fleet's eventfd, one eventfd a Loop
  Kind kind = Kind::model;
  std::uint32_t threads = 1;
  std::uint64_t id = 0;
  std::uint64_t memory_bytes = 0;
  std::uint32_t verified = 0;
  std::uint32_t lanes = 1;  // runs at the same time, each on `threads` threads
  os::RingShape ring;
};
struct ForkImport {  // descriptors: answer, names (JSON: {"files": [...], "options": "..."}), one a file
  Kind kind = Kind::import;
  std::uint32_t cpu_seconds = 0;
  std::uint64_t id = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t answer_bytes_max = 0;
};
struct Hello {
  Kind kind = Kind::hello;
  std::int32_t landlock = 0;
  std::uint8_t seccomp = 0, namespaces = 0, other_user = 0, no_write_exec = 0, relaxed = 0, zero[3]{};
};
struct Forked {  // descriptor: the cell's pidfd
  Kind kind = Kind::forked;
  std::int32_t pid = 0;
  std::uint64_t id = 0;
};
struct Exited {
  Kind kind = Kind::exited;
  std::int32_t wait_status = 0;
  std::uint64_t id = 0;
};
struct NotForked {
  Kind kind = Kind::not_forked;
  std::int32_t error_number = 0;
  std::uint64_t id = 0;
};

template <class T>
std::string_view bytes_of(const T& message) {
  return {reinterpret_cast<const char*>(&message), sizeof message};
}
template <class T>
bool read_message(std::string_view bytes, T& message) {
  const Kind kind = message.kind;
  if (bytes.size() != sizeof message) return false;
  std::memcpy(static_cast<void*>(&message), bytes.data(), sizeof message);
  return message.kind == kind;
}

}  // namespace slipway::inference::wire
