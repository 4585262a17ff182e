// What a cell's answer holds: tensor views over hostile bytes, and the launcher's messages. Nothing points outside; what is read can be
// written again and is the same.
#include <vector>

#include "slipway/inference/wire.hpp"
#include "support.hpp"

namespace {

using namespace slipway;
using namespace slipway::inference;
using fuzz::check;

void check_view(const wire::TensorView& view, std::string_view payload) {
  check(view.rank <= kRankMax);
  const auto count = element_count(view.shape());
  check(count && *count == view.count);
  const std::string_view data(reinterpret_cast<const char*>(view.data.data()), view.data.size());
  check(fuzz::within(data, payload));
  if (view.dtype == DType::string) {
    const auto texts = wire::read_strings(view);
    if (texts.ok()) check(texts->size() == view.count);
  } else {
    check(view.data.size() == view.count * dtype_size(view.dtype));
  }
}

bool same(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && a.strings() == b.strings() &&
         std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin(), b.bytes().end());
}

void check_round_trip(const std::vector<Tensor>& tensors) {
  std::vector<std::byte> payload(wire::payload_bytes(tensors));
  wire::write_payload(tensors, payload);
  const auto again = wire::read_payload(payload);
  check(again.ok() && again->size() == tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) check(same((*again)[i], tensors[i]));
}

template <class T>
void read_message(std::string_view bytes) {
  T message;
  (void)wire::read_message(bytes, message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  read_message<wire::Hello>(payload);
  read_message<wire::Forked>(payload);
  read_message<wire::Exited>(payload);
  read_message<wire::NotForked>(payload);

  const auto views = wire::view_payload(fuzz::bytes_of(payload));
  const auto tensors = wire::read_payload(fuzz::bytes_of(payload));
  if (!views.ok()) {
    check(!tensors.ok() && views.error().code() == ErrorCode::model_crashed);
    return 0;
  }
  check(views->size() <= wire::kTensorsMax);
  std::size_t bytes = 0;
  for (const wire::TensorView& view : *views) {
    check_view(view, payload);
    bytes += view.data.size();
  }
  check(bytes <= payload.size());  // no byte is of two tensors
  if (tensors.ok()) check_round_trip(*tensors);
  return 0;
}
