// A whole import, as its cell does it: detect, open, lower, check, answer. Whatever the file, the server can read the answer; an artifact
// that comes out has a graph that passes the check, and a schema that takes its own example.
#include "slipway/base/encoding.hpp"
#include "slipway/graph/artifact.hpp"
#include "slipway/graph/onnx_io.hpp"
#include "slipway/importers/answer.hpp"
#include "slipway/tensor/request_codec.hpp"
#include "support.hpp"

namespace {

using namespace slipway;
using fuzz::check;

void check_artifact(std::span<const std::byte> bytes) {
  const auto view = view_artifact(bytes);
  check(view.ok());
  const auto model = graph::read_onnx(view->onnx);
  check(model.ok() && graph::check(*model).ok());
  const std::string example = view->example.dump();
  const auto taken = decode_json(view->schema, example, {});
  // A tensor model with free dimensions may have no example that fits: there an empty object stands.
  check(taken.ok() || view->schema.features.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const importers::SourceFile file{"model", {reinterpret_cast<const std::byte*>(data), size}};
  importers::Options options;
  options.bytes_max = 1 << 22;
  const std::string bytes = importers::import_to_bytes({&file, 1}, options, false);
  const auto answer = importers::parse_import_answer(as_bytes(bytes));
  check(answer.ok());
  check(is_valid_utf8(answer->refusal));
  if (answer->ok) check_artifact(answer->artifact);
  return 0;
}
