#include "slipway/formats/torch/tensor.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "slipway/base/encoding.hpp"
#include "slipway/tensor/in_place.hpp"

namespace slipway::torch {
namespace {

Error refused(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

Status charge(const TensorView& t) {
  if (t.copies == nullptr) return ok();
  if (t.byte_size() > t.copies->left) return refused("its tensors come to more bytes than a file of this size can hold");
  t.copies->left -= t.byte_size();
  return ok();
}

void swap_bytes(std::vector<std::byte>& bytes, std::size_t width) {
  for (std::size_t at = 0; at + width <= bytes.size(); at += width) {
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.begin() + static_cast<std::ptrdiff_t>(at + width));
  }
}

// Row by row of the last axis, counting up the axes before it. Every index is within the storage: checked() saw to it.
void gather(const TensorView& t, std::byte* out) {
  const std::size_t width = dtype_size(t.dtype);
  const std::size_t rank = t.sizes.size();
  const auto row = rank == 0 ? std::size_t{1} : static_cast<std::size_t>(t.sizes[rank - 1]);
  const auto step = rank == 0 ? std::size_t{0} : static_cast<std::size_t>(t.strides[rank - 1]) * width;
  std::vector<std::int64_t> index(rank, 0);
  for (std::size_t done = 0; done < t.count; done += row) {
    std::uint64_t at = t.offset;
    for (std::size_t axis = 0; axis + 1 < rank; ++axis) at += static_cast<std::uint64_t>(index[axis] * t.strides[axis]);
    const std::byte* from = t.storage.data() + at * width;
    if (step == width) {
      std::memcpy(out, from, row * width);
      out += row * width;
    } else {
      for (std::size_t i = 0; i < row; ++i, from += step, out += width) std::memcpy(out, from, width);
    }
    for (std::size_t axis = rank < 2 ? 0 : rank - 1; axis-- > 0;) {
      if (++index[axis] < t.sizes[axis]) break;
      index[axis] = 0;
    }
  }
}

}  // namespace

bool TensorView::is_contiguous() const {
  if (count == 0) return true;
  std::int64_t expected = 1;
  for (std::size_t axis = sizes.size(); axis-- > 0;) {
    if (sizes[axis] == 1) continue;  // its stride is never walked
    if (strides[axis] != expected) return false;
    expected *= sizes[axis];
  }
  return true;
}

Result<Contiguous> TensorView::materialise() const {
  Contiguous out;
  const std::size_t width = dtype_size(dtype);
  if (count == 0) return out;
  if (is_contiguous() && (!big_endian || width == 1)) {
    out.bytes = storage.subspan(offset * width, byte_size());
  } else {
    TRY(charge(*this));
    out.owned.resize(byte_size());
    gather(*this, out.owned.data());
    if (big_endian) swap_bytes(out.owned, width);
    out.bytes = out.owned;
  }
  if (dtype == DType::boolean && std::any_of(out.bytes.begin(), out.bytes.end(), [](std::byte b) { return b > std::byte{1}; }))
    return refused("a tensor of booleans holds a byte that is neither 0 nor 1");
  return out;
}

Result<Tensor> TensorView::tensor(std::span<const std::byte> lasting) const {
  Contiguous made = TRY(materialise());
  if (made.owned.empty()) {
    TRY(charge(*this));  // also where nothing is copied here: somebody writes them
    return tensor_in_place(dtype, sizes, as_text(made.bytes), as_text(lasting));
  }
  return Tensor::adopt(dtype, sizes, std::move(made.owned));
}

Result<TensorView> checked(TensorView t) {
  const std::size_t width = dtype_size(t.dtype);
  if (width == 0) return refused("a tensor without a dtype");
  if (t.sizes.size() > kRankMax)
    return refused("a tensor with " + std::to_string(t.sizes.size()) + " dimensions; at most " + std::to_string(kRankMax) + " are read");
  if (t.strides.size() != t.sizes.size())
    return refused("a tensor with " + std::to_string(t.sizes.size()) + " sizes, but " + std::to_string(t.strides.size()) + " strides");
  if (std::any_of(t.sizes.begin(), t.sizes.end(), [](auto v) { return v < 0; })) return refused("a tensor with a negative size");
  if (std::any_of(t.strides.begin(), t.strides.end(), [](auto v) { return v < 0; })) return refused("a tensor with a negative stride");
  const auto count = element_count(t.sizes);
  if (!count || !checked_mul(*count, width)) return refused("a tensor of " + shape_text(t.sizes) + " has more elements than can be counted");
  t.count = *count;
  t.storage = t.storage.first(t.storage.size() / width * width);
  if (t.count == 0) return t;
  std::uint64_t last = t.offset;
  for (std::size_t axis = 0; axis < t.sizes.size(); ++axis) {
    const auto reach = checked_mul(static_cast<std::size_t>(t.sizes[axis] - 1), static_cast<std::size_t>(t.strides[axis]));
    const auto sum = reach ? checked_add(last, *reach) : std::nullopt;
    if (!sum) return refused("a tensor of " + shape_text(t.sizes) + " whose strides reach further than can be counted");
    last = *sum;
  }
  if (last >= t.storage.size() / width) {
    return refused("a tensor of " + shape_text(t.sizes) + " at " + std::to_string(t.offset) + " needs " + std::to_string(last) +
                   " elements and one more, its storage has " + std::to_string(t.storage.size() / width));
  }
  return t;
}

Result<DType> dtype_of_name(std::string_view name) {
  struct Known {
    std::string_view name;
    DType dtype;
  };
  constexpr Known kKnown[] = {{"float32", DType::float32}, {"float", DType::float32}, {"float64", DType::float64},   {"double", DType::float64},
                              {"float16", DType::float16}, {"half", DType::float16},  {"bfloat16", DType::bfloat16}, {"int64", DType::int64},
                              {"long", DType::int64},      {"int32", DType::int32},   {"int", DType::int32},         {"int16", DType::int16},
                              {"short", DType::int16},     {"int8", DType::int8},     {"uint8", DType::uint8},       {"uint16", DType::uint16},
                              {"uint32", DType::uint32},   {"uint64", DType::uint64}, {"bool", DType::boolean}};
  const auto* found = std::find_if(std::begin(kKnown), std::end(kKnown), [&](const Known& k) { return k.name == name; });
  if (found != std::end(kKnown)) return found->dtype;
  const bool complex = name.starts_with("complex") || name.starts_with("cfloat") || name.starts_with("cdouble") || name.starts_with("chalf");
  const bool quantized = name.starts_with("q") || name.starts_with("float8") || name.starts_with("float4");
  return refused("a tensor of torch." + excerpt(name, 40) +
                 (complex     ? ": complex numbers aren't served"
                  : quantized ? ": quantized weights aren't served; save the model in float32, float16 or bfloat16"
                              : ", which is no dtype that is read"));
}

}  // namespace slipway::torch
