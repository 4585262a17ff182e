// Safetensors: no crash; the tensors that come out cover their bytes, each once.
#include <cstdint>

#include "slipway/formats/safetensors.hpp"
#include "support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  (void)safetensors::looks_like(bytes);
  const auto file = safetensors::read(bytes);
  if (!file.ok()) {
    fuzz::check(file.error().code() == ErrorCode::model_refused && file.error().detail().size() < 1000);
    return 0;
  }
  std::size_t covered = 0;
  for (const torch::NamedTensor& t : file->weights.tensors()) {
    covered += t.tensor.byte_size();
    fuzz::check(t.tensor.is_contiguous());
    const auto made = t.tensor.materialise();
    if (made.ok()) fuzz::check(made->bytes.size() == t.tensor.byte_size() && made->owned.empty());
  }
  fuzz::check(covered + 8 <= size);
  return 0;
}
