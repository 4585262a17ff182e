// Every container of PyTorch on the same bytes: torch.save's archive and its older format, a plain pickle, TorchScript, torch.export. No crash,
// and every tensor that comes out lies within the bytes.
#include <cstdint>

#include "slipway/formats/torch/export.hpp"
#include "slipway/formats/torch/script.hpp"
#include "slipway/formats/torch/state_dict.hpp"
#include "support.hpp"

namespace {

using namespace slipway;

void materialise(const torch::TensorView& t) {
  const auto count = element_count(t.sizes);
  fuzz::check(count && *count == t.count && t.strides.size() == t.sizes.size());
  if (t.byte_size() > (1 << 20)) return;
  const auto made = t.materialise();
  if (made.ok()) fuzz::check(made->bytes.size() == t.byte_size());
}

void read(const torch::File& file) {
  std::size_t budget = 20;
  for (const torch::WeightsAt& at : torch::weights_in(file)) {
    if (budget-- == 0) break;
    const auto state = torch::state_dict(file, at);
    if (!state.ok()) {
      fuzz::check(state.error().code() == ErrorCode::model_refused && state.error().detail().size() < 2000);
      continue;
    }
    for (std::size_t i = 0; i < std::min<std::size_t>(state->tensors().size(), 50); ++i) materialise(state->tensors()[i].tensor);
    (void)state->summary();
    (void)state->without_prefix(state->common_prefix());
    if (const auto module = torch::Module::of(at.view)) {
      (void)module->attributes();
      (void)torch::module_tree(*module);
    }
  }
  const auto chosen = torch::choose_weights(file, "model_state_dict");
  fuzz::check(chosen.ok() || chosen.error().detail().size() < 8000);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  if (const auto file = torch::File::open(bytes); file.ok()) {
    read(*file);
  } else {
    fuzz::check(file.error().code() == ErrorCode::model_refused && file.error().detail().size() < 2000);
  }
  if (auto document = pickle::read(bytes); document.ok()) read(torch::File::of_pickle(std::move(document).value(), size));
  if (const auto script = torch::ScriptArchive::open(bytes); script.ok()) {
    for (const std::string& name : script->object.root().attributes()) {
      const auto value = torch::script_value(*script->object.root().find(name));
      (void)torch::script_type(value);
      if (const auto t = script->object.tensor(value); t.ok()) materialise(*t);
    }
    for (std::size_t i = 0; i < std::min<std::size_t>(script->constants.root().size(), 50); ++i) {
      if (const auto t = script->constants.tensor(script->constants.root().at(i)); t.ok()) materialise(*t);
    }
  }
  if (const auto graph = torch::ExportArchive::open(bytes); graph.ok()) {
    for (const torch::NamedTensor& t : graph->weights.tensors()) materialise(t.tensor);
    for (const torch::NamedTensor& t : graph->constants.tensors()) materialise(t.tensor);
  }
  return 0;
}
