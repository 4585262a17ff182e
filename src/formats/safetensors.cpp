#include "slipway/formats/safetensors.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/json_tree.hpp"

namespace slipway::safetensors {
namespace {

using json_tree::Kind;
using json_tree::Node;
using json_tree::Tree;

constexpr std::uint64_t kHeaderMax = 100'000'000;  // the format's own bound
constexpr std::size_t kTensorsMax = 200'000, kNameMax = 512, kMetadataMax = 1'000;

Error refused(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

std::uint64_t header_size(std::span<const std::byte> bytes) {
  std::uint64_t size = 0;
  for (std::size_t i = 8; i-- > 0;) size = size << 8 | static_cast<std::uint64_t>(bytes[i]);
  return size;
}

Result<DType> dtype_of(std::string_view name) {
  constexpr std::pair<std::string_view, DType> kKnown[] = {
      {"F32", DType::float32}, {"F64", DType::float64}, {"F16", DType::float16}, {"BF16", DType::bfloat16}, {"I64", DType::int64},
      {"I32", DType::int32},   {"I16", DType::int16},   {"I8", DType::int8},     {"U64", DType::uint64},    {"U32", DType::uint32},
      {"U16", DType::uint16},  {"U8", DType::uint8},    {"BOOL", DType::boolean}};
  for (const auto& [known, dtype] : kKnown) {
    if (known == name) return dtype;
  }
  if (name.starts_with("F8") || name.starts_with("F4") || name.starts_with("F6"))
    return refused("its dtype is " + excerpt(name) + ": quantized weights aren't served; save the model in F32, F16 or BF16");
  if (name.starts_with("C")) return refused("its dtype is " + excerpt(name) + ": complex numbers aren't served");
  return refused("its dtype is '" + excerpt(name) + "', which is none that is known");
}

std::optional<std::uint64_t> natural(const Node& node) {
  std::uint64_t value = 0;
  if (node.kind != Kind::number) return std::nullopt;
  const auto read = std::from_chars(node.text.data(), node.text.data() + node.text.size(), value);
  if (read.ec != std::errc() || read.ptr != node.text.data() + node.text.size()) return std::nullopt;
  return value;
}

struct Placed {
  std::uint64_t begin = 0, end = 0;
  std::string_view name;
  torch::TensorView tensor;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  Result<File> run() && {
    if (bytes_.size() < 8) return refused("the file is too short to be safetensors");
    const std::uint64_t size = header_size(bytes_);
    if (size > kHeaderMax) return refused("its header claims " + std::to_string(size) + " bytes, more than safetensors may have");
    if (size > bytes_.size() - 8)
      return refused("its header claims " + std::to_string(size) + " bytes, the file has " + std::to_string(bytes_.size() - 8) + ": is it complete?");
    const std::string_view header = as_text(bytes_.subspan(8, size));
    if (!header.starts_with('{')) return refused("its header doesn't begin with '{'");
    data_ = bytes_.subspan(8 + size);
    tree_ = TRY(Tree::parse(header, {.nodes_max = 4'000'000, .depth_max = 8}).within("its header"));
    out_.copies = std::make_unique<torch::CopyBudget>(torch::CopyBudget::of_file(bytes_.size()));
    for (std::uint32_t i = tree_.root().first; i != 0; i = tree_.at(i).next) {
      const Node& node = tree_.at(i);
      if (node.key == "__metadata__") {
        TRY(metadata(node));
      } else {
        if (placed_.size() >= kTensorsMax) return refused("more than " + std::to_string(kTensorsMax) + " tensors");
        if (node.key.empty() || node.key.size() > kNameMax) return refused("a tensor's name has " + std::to_string(node.key.size()) + " bytes");
        TRY(tensor(node).within("the tensor " + excerpt(node.key, 80)));
      }
    }
    TRY(in_order());
    return std::move(out_);
  }

 private:
  Status metadata(const Node& node) {
    if (node.kind != Kind::object || node.count > kMetadataMax) return refused("its __metadata__ is no small object");
    for (std::uint32_t i = node.first; i != 0; i = tree_.at(i).next) {
      if (tree_.at(i).kind != Kind::text) return refused("its __metadata__ has something else than texts");
      out_.metadata.emplace_back(tree_.at(i).key, tree_.at(i).text);
    }
    return ok();
  }

  Status tensor(const Node& node) {
    const Node *dtype = tree_.find(node, "dtype"), *shape = tree_.find(node, "shape"), *offsets = tree_.find(node, "data_offsets");
    if (dtype == nullptr || shape == nullptr || offsets == nullptr || dtype->kind != Kind::text || shape->kind != Kind::array ||
        offsets->kind != Kind::array || node.count != 3 || offsets->count != 2)
      return refused("it is no object of dtype, shape and data_offsets");
    if (shape->count > kRankMax)
      return refused("it has " + std::to_string(shape->count) + " dimensions; at most " + std::to_string(kRankMax) + " are read");
    Placed placed;
    placed.name = node.key;
    placed.tensor.dtype = TRY(dtype_of(dtype->text));
    for (std::uint32_t i = shape->first; i != 0; i = tree_.at(i).next) {
      const auto size = natural(tree_.at(i));
      if (!size || *size > INT64_MAX) return refused("its shape has something else than sizes");
      placed.tensor.sizes.push_back(static_cast<std::int64_t>(*size));
    }
    const auto begin = natural(tree_.at(offsets->first)), end = natural(tree_.at(tree_.at(offsets->first).next));
    if (!begin || !end || *begin > *end || *end > data_.size()) return refused("its bytes are not within the file");
    placed.begin = *begin;
    placed.end = *end;
    TRY(place(placed));
    placed_.push_back(std::move(placed));
    return ok();
  }

  Status place(Placed& placed) {
    torch::TensorView& t = placed.tensor;
    const auto count = element_count(t.sizes);
    const auto size = count ? checked_mul(*count, dtype_size(t.dtype)) : std::nullopt;
    if (!size || *size != placed.end - placed.begin)
      return refused("its shape is " + shape_text(t.sizes) + ", it has " + std::to_string(placed.end - placed.begin) + " bytes");
    t.strides.assign(t.sizes.size(), 1);
    for (std::size_t axis = t.sizes.size(); axis-- > 1;) t.strides[axis - 1] = *count == 0 ? 0 : t.strides[axis] * t.sizes[axis];
    t.storage = data_.subspan(placed.begin, placed.end - placed.begin);
    t.copies = out_.copies.get();
    t = TRY(torch::checked(std::move(t)));
    return ok();
  }

  Status in_order() {
    std::stable_sort(placed_.begin(), placed_.end(),
                     [](const Placed& a, const Placed& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
    std::uint64_t expected = 0;
    for (Placed& p : placed_) {
      const std::string name(p.name);
      if (p.begin != expected)
        return refused("the tensor " + excerpt(name, 80) + (p.begin < expected ? " overlaps another" : " has bytes before it that belong to none"));
      expected = p.end;
      TRY(out_.weights.add(name, std::move(p.tensor), bytes_.size()));
    }
    if (expected != data_.size()) return refused(std::to_string(data_.size() - expected) + " bytes behind its last tensor belong to none");
    if (placed_.empty()) return refused("the file has no tensors");
    out_.weights.drop_wrappers();
    return ok();
  }

  std::span<const std::byte> bytes_, data_;
  Tree tree_;
  std::vector<Placed> placed_;
  File out_;
};

}  // namespace

Result<File> read(std::span<const std::byte> bytes) { return Reader(bytes).run(); }

bool looks_like(std::span<const std::byte> bytes) { return bytes.size() > 9 && bytes[8] == std::byte{'{'} && header_size(bytes) <= kHeaderMax; }

}  // namespace slipway::safetensors
