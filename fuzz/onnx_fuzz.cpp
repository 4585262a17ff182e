// An ONNX file: read, checked, described, written. What passes the check can be written and read again, and is the same model.
#include <string>

#include "slipway/graph/onnx_io.hpp"
#include "support.hpp"

namespace {

using namespace slipway;
using fuzz::check;

// Writing completes what the format wants or the engine infers: a nameless graph gets a name, a subgraph's sequence loses its type.
bool is_same(const std::string& before, const std::string& after) {
  if (before.find("(not a tensor)") != std::string::npos || before.find("sequence(map)") != std::string::npos) return true;
  std::string named = before;
  for (std::size_t at = 0; (at = named.find("graph \n", at)) != std::string::npos;) named.replace(at, 7, "graph graph\n");
  return after == before || after == named;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto model = graph::read_onnx({reinterpret_cast<const std::byte*>(data), size});
  if (!model.ok()) {
    check(model.error().code() == ErrorCode::model_refused && model.error().detail().size() < 8192);
    return 0;
  }
  const std::string text = graph::dump(*model);
  const Status checked = graph::check(*model);
  if (!checked) check(checked.error().code() == ErrorCode::model_refused && checked.error().detail().size() < 8192);
  const auto written = graph::write_onnx(*model);
  if (!written.ok() || !checked) return 0;
  const auto again = graph::read_onnx(fuzz::bytes_of(*written));
  check(again.ok() && graph::check(*again).ok() && is_same(text, graph::dump(*again)));
  return 0;
}
