// HDF5 files: the whole tree, every attribute and every dataset of what opens, within bounds that follow from the input's size. Checksums
// are not verified here: nothing behind one would ever be reached.
#include <cstdint>

#include "slipway/formats/hdf5.hpp"
#include "support.hpp"

namespace {

using slipway::fuzz::check;
using slipway::hdf5::Object;

constexpr std::size_t kObjectsMax = 2'000;

void check_refusal(const slipway::Error& error) {
  check(error.code() == slipway::ErrorCode::model_refused && !error.detail().empty() && error.detail().size() < 1500);
}

void ask(const Object& object, std::size_t file_bytes) {
  check(!object.path().empty());
  for (const auto name : object.attributes()) {
    check(object.has_attribute(name));
    const auto value = object.attribute(name);
    if (!value.ok()) {
      check_refusal(value.error());
    } else {
      check(value->count() <= file_bytes);
    }
    (void)object.text(name);
    (void)object.texts(name);
  }
  if (!object.is_dataset()) return;
  const auto array = object.read();
  if (array.ok()) {
    const auto count = slipway::element_count(array->shape);
    check(count && array->bytes.size() == *count * slipway::dtype_size(array->dtype));
    std::uint8_t sum = 0;
    for (const auto b : array->bytes) sum = static_cast<std::uint8_t>(sum + std::to_integer<std::uint8_t>(b));
    volatile std::uint8_t read = sum;  // every byte is touched
    (void)read;
  } else {
    check_refusal(array.error());
  }
  const auto tensor = object.tensor();
  if (tensor.ok()) check(tensor->shape() == object.shape() && tensor->dtype() == object.dtype());
  if (!tensor.ok()) check_refusal(tensor.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  (void)slipway::hdf5::looks_like_hdf5(bytes);
  const slipway::hdf5::Limits limits{.objects_max = 20'000, .bytes_max = 64 << 20, .verify_checksums = false};
  const auto file = slipway::hdf5::File::open(bytes, limits);
  if (!file.ok()) {
    check_refusal(file.error());
    return 0;
  }
  std::vector<Object> open = {file->root()};  // a tree: groups have one name each
  for (std::size_t i = 0; i < open.size() && i < kObjectsMax; ++i) {
    const Object object = open[i];
    ask(object, size);
    for (const auto name : object.children()) {
      check(object.has(name));
      const auto child = object.child(name);
      if (child.ok()) {
        open.push_back(*child);
      } else {
        check_refusal(child.error());
      }
    }
  }
  return 0;
}
