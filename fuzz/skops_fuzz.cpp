// Zip archives, .npy arrays and schema.json on the same bytes: no crash, and Views of what was read can be walked.
#include <cstdint>

#include "slipway/formats/json_tree.hpp"
#include "slipway/formats/npy.hpp"
#include "slipway/formats/skops.hpp"
#include "slipway/formats/zip.hpp"

namespace {

void walk(const slipway::pickle::View& view, int depth) {
  if (depth > 12) return;
  view.describe();
  (void)view.doubles();
  (void)view.texts();
  for (std::size_t i = 0; i < view.size() && i < 16; ++i) walk(view.at(i), depth + 1);
  for (std::size_t i = 0; i < view.entries() && i < 16; ++i) walk(view.value_at(i), depth + 1);
  for (const auto& name : view.attributes()) {
    if (const auto found = view.find(name)) walk(*found, depth + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  slipway::pickle::Limits limits;
  limits.array_bytes_max = 1 << 24;
  if (const auto document = slipway::skops::read(bytes, limits); document.ok()) walk(document->root(), 0);
  (void)slipway::npy::read_header(bytes);
  (void)slipway::json_tree::Tree::parse({reinterpret_cast<const char*>(data), size});
  return 0;
}
