// A Keras archive's parts: 4 bytes with the length of the configuration, the configuration, and the weights' HDF5 file. Whatever they say, what
// comes out has a graph that passes the check, or the refusal says why.
#include "slipway/base/encoding.hpp"
#include "slipway/graph/onnx_io.hpp"
#include "slipway/importers/keras/import.hpp"
#include "support.hpp"

namespace {

using namespace slipway;
using fuzz::check;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  const auto head = in.number<std::uint32_t>();
  const std::string_view version = (head >> 24U) % 2 == 0 ? "3.15.1" : "2.15.0";
  const std::string_view config = in.text(head & 0xFFFFFFU);
  const auto asset = [](const std::string&) { return std::optional<std::string>("cat\ndog\n"); };
  Report report;
  const auto artifact = importers::keras::import_parts(config, fuzz::bytes_of(in.rest()), version, asset, false, report);
  if (!artifact.ok()) {
    check(artifact.error().code() == ErrorCode::model_refused || artifact.error().code() == ErrorCode::invalid_json);
    return 0;
  }
  const Status checked = graph::check(artifact->model);
  if (!checked) check(checked.error().code() == ErrorCode::model_refused);
  return 0;
}
