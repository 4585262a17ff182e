// PyTorch weights with the source of their class: a Python text and, from its first "PK\3\4" on, torch.save's archive. Whatever they say, what comes
// out has a graph that passes the check, or the refusal says why. The archive's own reader has a target of its own (torch_file): most
// mutations are the text's.
#include <cstring>
#include <string>

#include "slipway/base/encoding.hpp"
#include "slipway/graph/onnx_io.hpp"
#include "slipway/importers/torch/source.hpp"
#include "support.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most)
    __attribute__((weak));  // libFuzzer's; not in a replay

namespace {

using namespace slipway;
using fuzz::check;

constexpr std::size_t kImportBytesMax = 1 << 24;

std::size_t text_size(std::string_view input) { return std::min(input.find("PK\3\4"), input.size()); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  const std::string_view text = in.text(text_size(in.rest()));
  const importers::SourceFile weights{"model.pth", fuzz::bytes_of(in.rest())};
  const importers::SourceFile source{"net.py", fuzz::bytes_of(text)};
  importers::Options options;
  options.bytes_max = kImportBytesMax;
  Report report;
  const auto artifact = importers::torch::import_weights(weights, {&source, 1}, options, report);
  if (!artifact.ok()) {
    const std::string& why = artifact.error().detail();
    check(artifact.error().code() == ErrorCode::model_refused && is_valid_utf8(why) && !why.empty() && why.size() < 8000);
    return 0;
  }
  const Status checked = graph::check(artifact->model);
  if (!checked) check(checked.error().code() == ErrorCode::model_refused);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  constexpr unsigned kWholeEvery = 8;
  const std::size_t text = text_size({reinterpret_cast<const char*>(data), size});
  if (seed % kWholeEvery == 0 || text == size) return LLVMFuzzerMutate(data, size, most);
  const std::string archive(reinterpret_cast<const char*>(data) + text, size - text);
  const std::size_t changed = LLVMFuzzerMutate(data, text, most - archive.size());
  std::memcpy(data + changed, archive.data(), archive.size());
  return changed + archive.size();
}
