#include "slipway/inference/wire.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace slipway::inference::wire {

constexpr std::uint64_t kDataAlignment = 64;
constexpr std::uint64_t kHeadsAt = 8;  // a u32 count and a u32 zero come first

static Error broken(std::string_view why) {
  return Error(ErrorCode::model_crashed, "The model's process broke its protocol").because(std::string(why));
}

PayloadLayout layout(std::span<const std::uint64_t> data_bytes) {
  PayloadLayout l;
  std::uint64_t at = kHeadsAt + data_bytes.size() * sizeof(TensorHead);
  l.offsets.reserve(data_bytes.size());
  for (auto bytes : data_bytes) {
    at = (at + kDataAlignment - 1) / kDataAlignment * kDataAlignment;
    l.offsets.push_back(at);
    at += bytes;
  }
  l.total = at;
  return l;
}

std::uint64_t string_bytes(std::span<const std::string> values) {
  std::uint64_t total = values.size() * sizeof(std::uint32_t);
  for (const auto& v : values) total += v.size();
  return total;
}

void write_head(std::span<std::byte> payload, std::size_t index, std::size_t count, const TensorView& tensor, std::uint64_t offset,
                std::uint64_t bytes) {
  const std::uint32_t counts[2] = {static_cast<std::uint32_t>(count), 0};
  std::memcpy(payload.data(), counts, sizeof counts);
  TensorHead head{};
  head.dtype = static_cast<std::uint8_t>(tensor.dtype);
  head.rank = tensor.rank;
  head.offset = offset;
  head.bytes = bytes;
  std::copy(tensor.dims.begin(), tensor.dims.end(), head.dims);
  std::memcpy(payload.data() + kHeadsAt + index * sizeof head, &head, sizeof head);
}

void write_strings(std::span<std::byte> at, std::span<const std::string> values) {
  std::byte* lengths = at.data();
  std::byte* text = lengths + values.size() * sizeof(std::uint32_t);
  for (const auto& v : values) {
    const auto n = static_cast<std::uint32_t>(v.size());
    std::memcpy(lengths, &n, sizeof n);
    lengths += sizeof n;
    if (n > 0) std::memcpy(text, v.data(), n);
    text += n;
  }
}

static std::uint64_t data_bytes(const Tensor& t) { return t.dtype() == DType::string ? string_bytes(t.strings()) : t.bytes().size(); }

// On the path of every request: one pass, no vector.
std::uint64_t payload_bytes(std::span<const Tensor> tensors) {
  std::uint64_t at = kHeadsAt + tensors.size() * sizeof(TensorHead);
  for (const auto& t : tensors) at = (at + kDataAlignment - 1) / kDataAlignment * kDataAlignment + data_bytes(t);
  return at;
}

void write_payload(std::span<const Tensor> tensors, std::span<std::byte> payload) {
  std::uint64_t at = kHeadsAt + tensors.size() * sizeof(TensorHead);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& t = tensors[i];
    at = (at + kDataAlignment - 1) / kDataAlignment * kDataAlignment;
    const std::uint64_t bytes = data_bytes(t);
    TensorView view;
    view.dtype = t.dtype();
    view.rank = static_cast<std::uint8_t>(t.shape().size());
    std::copy(t.shape().begin(), t.shape().end(), view.dims.begin());
    write_head(payload, i, tensors.size(), view, at, bytes);
    if (t.dtype() == DType::string)
      write_strings(payload.subspan(at, bytes), t.strings());
    else if (bytes > 0)
      std::memcpy(payload.data() + at, t.bytes().data(), bytes);
    at += bytes;
  }
}

// begin: where the data of the tensors before it ends. In this order no byte is of two tensors: else a small payload could stand for
// tensors of any size.
static Result<TensorView> view_tensor(std::span<const std::byte> payload, std::size_t index, std::uint64_t begin) {
  TensorHead head;
  std::memcpy(&head, payload.data() + kHeadsAt + index * sizeof head, sizeof head);
  TensorView view;
  view.dtype = static_cast<DType>(head.dtype);
  view.rank = head.rank;
  const bool text = view.dtype == DType::string;
  const std::size_t size = dtype_size(view.dtype);
  if ((size == 0 && !text) || head.rank > kRankMax) return broken("tensor of an unknown type or rank");
  std::copy(head.dims, head.dims + kRankMax, view.dims.begin());
  const auto count = element_count(view.shape());
  if (!count) return broken("tensor of an impossible shape");
  view.count = *count;
  if (head.offset % kDataAlignment != 0 || head.offset > payload.size() || head.bytes > payload.size() - head.offset) {
    return broken("tensor outside of its payload");
  }
  if (head.offset < begin) return broken("tensor over another one");
  if (view.count > head.bytes / (text ? sizeof(std::uint32_t) : size) || (!text && view.count * size != head.bytes)) {
    return broken("tensor whose size isn't its shape's");
  }
  view.data = payload.subspan(head.offset, head.bytes);
  return view;
}

Result<std::vector<TensorView>> view_payload(std::span<const std::byte> payload) {
  if (payload.size() < kHeadsAt) return broken("payload too short");
  std::uint32_t count;
  std::memcpy(&count, payload.data(), sizeof count);
  if (count > kTensorsMax || count * sizeof(TensorHead) > payload.size() - kHeadsAt) return broken("payload too short for its tensors");
  std::vector<TensorView> views;
  views.reserve(count);
  std::uint64_t end = kHeadsAt + count * sizeof(TensorHead);
  for (std::uint32_t i = 0; i < count; ++i) {
    views.push_back(TRY(view_tensor(payload, i, end)));
    end = static_cast<std::uint64_t>(views.back().data.data() - payload.data()) + views.back().data.size();
  }
  return views;
}

Result<std::vector<std::string>> read_strings(const TensorView& tensor) {
  const std::byte* lengths = tensor.data.data();
  auto text = tensor.data.subspan(tensor.count * sizeof(std::uint32_t));  // view_tensor made sure that they fit
  std::vector<std::string> values;
  values.reserve(tensor.count);
  for (std::uint64_t i = 0; i < tensor.count; ++i) {
    std::uint32_t n;
    std::memcpy(&n, lengths + i * sizeof n, sizeof n);
    if (n > text.size()) return broken("string outside of its tensor");
    values.emplace_back(reinterpret_cast<const char*>(text.data()), n);
    text = text.subspan(n);
  }
  return values;
}

static Result<Tensor> copy_tensor(const TensorView& view) {
  Shape shape(view.shape().begin(), view.shape().end());
  if (view.dtype == DType::string) return Tensor::of_strings(std::move(shape), TRY(read_strings(view)));
  // Written once; view_tensor made sure that the size is the shape's. A copy, not a view: a cell could change what it has handed over.
  Tensor t = Tensor::adopt(view.dtype, std::move(shape), std::vector<std::byte>(view.data.begin(), view.data.end()));
  if (view.dtype == DType::boolean) {  // any other value than 0 and 1 is none of C++'s
    for (auto& b : t.bytes()) b = b == std::byte{0} ? std::byte{0} : std::byte{1};
  }
  return t;
}

Result<std::vector<Tensor>> read_payload(std::span<const std::byte> payload) {
  const auto views = TRY(view_payload(payload));
  std::vector<Tensor> tensors;
  tensors.reserve(views.size());
  for (const auto& v : views) tensors.push_back(TRY(copy_tensor(v)));
  return tensors;
}

}  // namespace slipway::inference::wire
