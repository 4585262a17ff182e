// The pickle reader, and every question that a View answers about what came out of it.
#include <cstdint>
#include <cstdlib>
#include <unordered_set>
#include <vector>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/pickle.hpp"

namespace {

using slipway::pickle::Kind;
using slipway::pickle::View;

constexpr std::size_t kNodesMax = 500;  // bulk questions are asked of so many nodes

void check(bool holds) {
  if (!holds) std::abort();
}

void ask_for_values(const View& view) {
  check(view.describe().size() < 400);
  (void)view.number();
  (void)view.integer();
  (void)view.boolean();
  (void)view.text();
  (void)view.bytes();
  (void)view.is_text("latin1");
  (void)view.state();
  (void)view.qualified_name();
  (void)view.get("coef_");
  (void)view.attribute("coef_");
  check(view.dtype_text().size() < 8192);
  const auto tensor = view.tensor();
  if (tensor.ok()) {
    const auto count = slipway::element_count(tensor->shape());
    check(count && *count == tensor->count());
    check(tensor->dtype() != slipway::DType::string || tensor->strings().size() == *count);
    if (view.is(Kind::array)) check(tensor->shape() == view.shape() || view.is_object_array());
  }
  const auto doubles = view.doubles();
  if (doubles.ok() && tensor.ok()) check(doubles->size() == tensor->count() || tensor->dtype() == slipway::DType::string);
  (void)view.integers();
  (void)view.texts();
  (void)view.has_field("left_child");
  (void)view.field("left_child");
}

void visit(const View& root) {
  std::unordered_set<std::uint32_t> known;
  std::vector<View> open = {root};
  while (!open.empty() && known.size() < kNodesMax) {
    const View view = std::move(open.back());
    open.pop_back();
    if (!known.insert(view.id()).second) continue;
    check(view.path().size() < 4096);
    ask_for_values(view);
    for (std::size_t i = 0; i < view.size() && i < 100; ++i) open.push_back(view.at(i));
    for (std::size_t i = 0; i < view.entries() && i < 100; ++i) {
      open.push_back(view.key_at(i));
      open.push_back(view.value_at(i));
      if (view.key_at(i).is(Kind::text) && view.key_at(i).text().ok()) check(view.get(view.key_at(i).text().value()).has_value());
    }
    for (std::size_t i = 0; i < view.arguments(); ++i) open.push_back(*view.argument(i));
    for (const std::string& name : view.attributes()) {
      if (auto found = view.find(name)) open.push_back(*found);
    }
    if (const auto state = view.state()) open.push_back(*state);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  (void)slipway::pickle::looks_like_pickle(bytes);
  slipway::pickle::Limits limits;
  limits.array_bytes_max = 1 << 24;
  limits.values_max = 100'000;
  const auto document = slipway::pickle::read(bytes, limits);
  if (!document.ok()) {
    check(document.error().code() == slipway::ErrorCode::model_refused && document.error().detail().size() < 1000);
    return 0;
  }
  (void)document->globals();
  visit(document->root());
  return 0;
}
