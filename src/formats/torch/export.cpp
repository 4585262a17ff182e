#include "slipway/formats/torch/export.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/json_tree.hpp"

namespace slipway::torch {
namespace {

using json_tree::Kind;
using json_tree::Node;
using json_tree::Tree;

constexpr std::size_t kConfigMax = 64ULL << 20;

Error refused(std::string what) { return {ErrorCode::model_refused, std::move(what)}; }

}  // namespace

Result<DType> dtype_of_number(std::int64_t number) {
  switch (number) {
    case 1: return DType::uint8;
    case 2: return DType::int8;
    case 3: return DType::int16;
    case 4: return DType::int32;
    case 5: return DType::int64;
    case 6: return DType::float16;
    case 7: return DType::float32;
    case 8: return DType::float64;
    case 9:
    case 10:
    case 11: return refused("complex numbers aren't served");
    case 12: return DType::boolean;
    case 13: return DType::bfloat16;
    case 28: return DType::uint16;
    case 29:
    case 30:
    case 31:
    case 32: return refused("8-bit floats aren't served; save the model in float32, float16 or bfloat16");
    default: return refused("its dtype has the number " + std::to_string(number) + ", which is none that is known");
  }
}

namespace {

std::optional<std::int64_t> integer(const Node* node) {
  std::int64_t value = 0;
  if (node == nullptr || node->kind != Kind::number) return std::nullopt;
  const auto read = std::from_chars(node->text.data(), node->text.data() + node->text.size(), value);
  return read.ec == std::errc() && read.ptr == node->text.data() + node->text.size() ? std::optional(value) : std::nullopt;
}

}  // namespace

class ExportReader {
 public:
  explicit ExportReader(ExportArchive& out) : out_(out), archive_(out.archive) {}

  Status run() {
    out_.copies_ = std::make_unique<CopyBudget>(CopyBudget::of_file(archive_.bytes));
    constexpr std::string_view kOld = "serialized_exported_program.json";
    out_.is_old_layout = archive_.has(kOld);
    if (out_.is_old_layout) {
      out_.program = TRY(archive_.text(kOld));
      TRY(saved("serialized_state_dict.pt", out_.weights));
      return saved("serialized_constants.pt", out_.constants);
    }
    const std::string model = TRY(model_name());
    out_.program = TRY(archive_.text("models/" + model + ".json"));
    TRY(tensors("weights", model, out_.weights));
    return tensors("constants", model, out_.constants);
  }

 private:
  Result<std::string> model_name() const {
    std::vector<std::string> models;
    for (const std::string_view name : archive_.names()) {
      if (name.starts_with("models/") && name.ends_with(".json")) models.emplace_back(name.substr(7, name.size() - 12));
    }
    if (models.empty()) return refused("the archive has no models/model.json: torch.export.save didn't write it");
    if (models.size() == 1) return models.front();
    std::string all;
    for (std::size_t i = 0; i < std::min<std::size_t>(models.size(), 20); ++i) all += (i == 0 ? "" : ", ") + excerpt(models[i], 60);
    return refused("the archive has several models (" + all + "): export the one to be served by itself");
  }

  // data/<part>/: tensors as raw entries that a JSON file describes, or one file of torch.save.
  Status tensors(const std::string& part, const std::string& model, StateDict& into) {
    const std::string folder = "data/" + part + "/";
    for (const std::string& entry : {folder + model + "_" + part + "_config.json", folder + model + "_model_" + part + "_config.json"}) {
      if (archive_.has(entry)) return described(folder, entry, into).within(entry);
    }
    return saved(folder + model + ".pt", into);
  }

  Status saved(const std::string& entry, StateDict& into) {
    if (!archive_.has(entry)) return ok();
    const std::string_view bytes = TRY(archive_.text(entry));
    if (bytes.empty()) return ok();
    return add_saved(as_bytes(bytes), into).within(entry);
  }

  Status add_saved(std::span<const std::byte> bytes, StateDict& into) {
    auto file = std::make_unique<File>(TRY(File::open(bytes)));
    const pickle::View root = file->pickle.root();
    for (std::size_t i = 0; i < root.entries(); ++i) {
      const pickle::View value = root.value_at(i);
      if (!TensorPickle::is_tensor(value) || root.key_at(i).raw().size() > 512) continue;
      TRY(into.add(TRY(root.key_at(i).text()), TRY(file->pickle.tensor(value)), archive_.bytes));
    }
    out_.files_.push_back(std::move(file));
    return ok();
  }

  Status described(const std::string& folder, const std::string& entry, StateDict& into) {
    const std::string_view text = TRY(archive_.text(entry));
    if (text.size() > kConfigMax) return refused("it has more than " + std::to_string(kConfigMax) + " bytes");
    const Tree tree = TRY(Tree::parse(text, {.nodes_max = 8'000'000, .depth_max = 32}));
    const Node* config = tree.find(tree.root(), "config");
    if (config == nullptr || config->kind != Kind::object) return refused("it has no config");
    for (std::uint32_t i = config->first; i != 0; i = tree.at(i).next) {
      const Node& node = tree.at(i);
      if (node.key.size() > 512) return refused("a tensor's name has " + std::to_string(node.key.size()) + " bytes");
      TRY(tensor(tree, node, folder, into).within("the tensor " + excerpt(node.key, 80)));
    }
    return ok();
  }

  Status tensor(const Tree& tree, const Node& node, const std::string& folder, StateDict& into) {
    const Node *path = tree.find(node, "path_name"), *meta = tree.find(node, "tensor_meta"), *pickled = tree.find(node, "use_pickle");
    if (path == nullptr || path->kind != Kind::text) return refused("it has no path_name");
    if (meta == nullptr || meta->kind != Kind::object) return ok();  // an object of a class of its own
    if (pickled != nullptr && pickled->boolean) return refused("it is of a class of its own (use_pickle), which isn't read");
    const Node* layout = tree.find(*meta, "layout");
    if (layout != nullptr && integer(layout) != 7) return refused("it is no dense tensor: save it with to_dense()");
    TensorView t;
    t.dtype = TRY(dtype_of_number(integer(tree.find(*meta, "dtype")).value_or(-1)));
    t.sizes = TRY(numbers(tree, *meta, "sizes"));
    t.strides = TRY(numbers(tree, *meta, "strides"));
    const Node* offset = tree.find(*meta, "storage_offset");
    const auto at = integer(offset == nullptr ? nullptr : tree.find(*offset, "as_int"));
    if (!at || *at < 0) return refused("its storage_offset is no number");
    t.offset = static_cast<std::uint64_t>(*at);
    const std::string entry = archive_.folder + folder + std::string(path->text);
    t.storage = TRY(archive_.zip->read(entry));
    t.big_endian = archive_.big_endian;
    t.copies = out_.copies_.get();
    const Node* parameter = tree.find(node, "is_param");
    t.is_parameter = parameter != nullptr && parameter->boolean;
    return into.add(std::string(node.key), TRY(checked(std::move(t))), archive_.bytes);
  }

  static Result<Shape> numbers(const Tree& tree, const Node& meta, std::string_view key) {
    const Node* list = tree.find(meta, key);
    if (list == nullptr || list->kind != Kind::array || list->count > 64) return refused("its " + std::string(key) + " are missing");
    Shape out;
    for (std::uint32_t i = list->first; i != 0; i = tree.at(i).next) {
      const auto value = integer(tree.find(tree.at(i), "as_int"));
      if (!value) return refused("its " + std::string(key) + " are no numbers");
      out.push_back(*value);
    }
    return out;
  }

  ExportArchive& out_;
  const Archive& archive_;
};

Result<ExportArchive> ExportArchive::open(std::span<const std::byte> bytes) {
  ExportArchive out;
  out.archive = TRY(Archive::open(bytes));
  TRY(ExportReader(out).run());
  return out;
}

}  // namespace slipway::torch
