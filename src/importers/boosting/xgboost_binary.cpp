// XGBoost's first format: structs as they stood in memory, little endian. Written until 0.90 without a magic, until 3.0 behind "binf",
// and in pickles of 1.0 to 1.2 behind "CONFIG-offset:" with a JSON of the configuration at the end.
#include <cmath>
#include <cstring>

#include "slipway/importers/boosting/xgboost_model.hpp"

namespace slipway::importers::boosting {
namespace {

constexpr std::string_view kMagic = "binf", kConfig = "CONFIG-offset:";
constexpr std::size_t kLearnerBytes = 136, kTreesBytes = 160, kTreeBytes = 148, kNodeBytes = 20, kStatBytes = 16, kLinearBytes = 136;
constexpr std::size_t kTextMax = 1 << 20;

Error broken(const std::string& what) { return {ErrorCode::model_refused, "damaged XGBoost model (binary): " + what}; }

class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  std::size_t left() const { return bytes_.size() - at_; }
  Result<std::string_view> take(std::size_t n) {
    if (n > left()) return broken("it ends at byte " + std::to_string(bytes_.size()));
    const auto out = bytes_.substr(at_, n);
    at_ += n;
    return out;
  }
  template <class T>
  static T at(std::string_view block, std::size_t offset) {
    T v;
    std::memcpy(&v, block.data() + offset, sizeof v);
    return v;
  }
  Result<std::size_t> count() {
    const auto n = at<std::uint64_t>(TRY(take(8)), 0);
    if (n > left()) return broken("a length reaches beyond its end");
    return static_cast<std::size_t>(n);
  }
  Result<std::string> text() {
    const std::size_t n = TRY(count());
    if (n > kTextMax) return broken("a text is too long");
    return std::string(TRY(take(n)));
  }
  Result<std::vector<float>> floats() {
    const std::size_t n = TRY(count());
    if (n > left() / 4) return broken("a length reaches beyond its end");
    const std::string_view block = TRY(take(4 * n));
    std::vector<float> out(n);
    if (n > 0) std::memcpy(out.data(), block.data(), 4 * n);
    return out;
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

Result<XgbTree> read_tree(Bytes& in, int major) {
  const std::string_view head = TRY(in.take(kTreeBytes));
  const auto nodes = Bytes::at<std::int32_t>(head, 4), leaf_vector = Bytes::at<std::int32_t>(head, 20);
  if (nodes <= 0 || static_cast<std::size_t>(nodes) > in.left() / (kNodeBytes + kStatBytes)) return broken("a tree is larger than the file");
  const auto n = static_cast<std::size_t>(nodes);
  const std::string_view block = TRY(in.take(n * kNodeBytes));
  XgbTree tree;
  for (std::size_t i = 0; i < n; ++i) {
    const std::string_view node = block.substr(i * kNodeBytes, kNodeBytes);
    const auto split = Bytes::at<std::uint32_t>(node, 12);
    tree.left.push_back(Bytes::at<std::int32_t>(node, 4));
    tree.right.push_back(Bytes::at<std::int32_t>(node, 8));
    tree.feature.push_back(static_cast<std::int32_t>(split & 0x7FFFFFFFU));
    tree.default_left.push_back(split >> 31 != 0 ? 1 : 0);
    tree.split.push_back(Bytes::at<float>(node, 16));
  }
  const std::string_view stats = TRY(in.take(n * kStatBytes));
  for (std::size_t i = 0; i < n; ++i) tree.gain.push_back(Bytes::at<float>(stats, i * kStatBytes));
  if (leaf_vector > 1) return broken("leaves of several outputs are not known in this format");
  if (leaf_vector == 1 && major < 2) TRY(in.floats());  // later one value is what every leaf has
  return tree;
}

Status read_trees(Bytes& in, XgbModel& model, bool dart) {
  const std::string_view head = TRY(in.take(kTreesBytes));
  const auto trees = Bytes::at<std::int32_t>(head, 0);
  if (trees < 0 || static_cast<std::size_t>(trees) > in.left() / kTreeBytes) return broken("it has more trees than bytes");
  for (std::int32_t i = 0; i < trees; ++i) model.trees.push_back(TRY(read_tree(in, model.major).within("tree " + std::to_string(i))));
  const std::string_view groups = TRY(in.take(4 * static_cast<std::size_t>(trees)));
  for (std::size_t i = 0; i < static_cast<std::size_t>(trees); ++i) model.tree_group.push_back(Bytes::at<std::int32_t>(groups, 4 * i));
  if (dart && trees > 0) model.tree_weight = TRY(in.floats());
  return ok();
}

// Key and value pairs, and what other parts a trainer left there.
Status read_attributes(Bytes& in, XgbModel& model) {
  const std::size_t n = TRY(in.count());
  if (n > in.left() / 16) return broken("it has more attributes than bytes");
  for (std::size_t i = 0; i < n; ++i) {
    std::string name = TRY(in.text());
    model.attributes[std::move(name)] = TRY(in.text());
  }
  return ok();
}

}  // namespace

bool looks_like_old_xgboost(std::string_view bytes) {
  if (bytes.size() < kLearnerBytes + 24) return false;
  const auto features = Bytes::at<std::uint32_t>(bytes, 4), flags = Bytes::at<std::uint32_t>(bytes, 12),
             metrics = Bytes::at<std::uint32_t>(bytes, 16);
  const auto classes = Bytes::at<std::int32_t>(bytes, 8);
  if (!std::isfinite(Bytes::at<float>(bytes, 0)) || features > 100'000'000 || classes < 0 || classes > 1'000'000 || flags > 1 || metrics > 1)
    return false;
  for (std::size_t i = 40; i < kLearnerBytes; ++i) {
    if (bytes[i] != 0) return false;
  }
  if (Bytes::at<std::uint64_t>(bytes, kLearnerBytes) > 64) return false;
  const std::string_view name = bytes.substr(kLearnerBytes + 8, 5);
  for (const std::string_view known : {"reg:", "binar", "multi", "rank:", "count", "survi", "gpu:"}) {
    if (name.substr(0, known.size()) == known) return true;
  }
  return false;
}

Result<XgbModel> read_xgboost_binary(std::string_view bytes) {
  if (bytes.substr(0, kConfig.size()) == kConfig) {
    if (bytes.size() < kConfig.size() + 8) return broken("it ends behind its magic");
    const auto end = Bytes::at<std::int64_t>(bytes, kConfig.size());
    bytes.remove_prefix(kConfig.size() + 8);
    if (end >= 0 && static_cast<std::uint64_t>(end) < bytes.size()) bytes = bytes.substr(0, static_cast<std::size_t>(end));
  }
  if (bytes.substr(0, kMagic.size()) == kMagic) bytes.remove_prefix(kMagic.size());
  Bytes in(bytes);
  const std::string_view head = TRY(in.take(kLearnerBytes));
  XgbModel model;
  model.base_score = {Bytes::at<float>(head, 0)};
  model.features = Bytes::at<std::uint32_t>(head, 4);
  model.classes = Bytes::at<std::int32_t>(head, 8);
  model.major = static_cast<int>(Bytes::at<std::uint32_t>(head, 20) & 0xFFFF);
  model.minor = static_cast<int>(Bytes::at<std::uint32_t>(head, 24) & 0xFFFF);
  if (model.at_least(1, 6)) model.targets = std::max<std::int64_t>(1, Bytes::at<std::uint32_t>(head, 28));
  if (model.features > 100'000'000 || model.classes < 0 || model.classes > 1'000'000 || model.targets > 1'000'000)
    return broken("its numbers of features, classes and targets are out of range");
  model.objective = TRY(in.text());
  model.booster = TRY(in.text());
  if (model.booster == "gblinear") {
    TRY(in.take(kLinearBytes));
    model.linear = TRY(in.floats());
  } else if (model.booster == "gbtree" || model.booster == "dart") {
    TRY(read_trees(in, model, model.booster == "dart"));
  } else {
    return broken("its booster is '" + model.booster.substr(0, 40) + "'");
  }
  if (Bytes::at<std::int32_t>(head, 12) != 0) TRY(read_attributes(in, model));
  return model;
}

Result<XgbModel> read_xgboost(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.substr(0, 4) == kMagic || bytes.substr(0, kConfig.size()) == kConfig) return read_xgboost_binary(bytes);
  if (bytes.substr(0, 2) == "{L"sv || bytes.substr(0, 2) == "{U"sv || bytes.substr(0, 2) == "{i"sv || bytes.substr(0, 2) == "{#"sv)
    return read_xgboost_document(bytes, true);
  if (!bytes.empty() && (bytes[0] == '{' || bytes[0] == ' ' || bytes[0] == '\n')) return read_xgboost_document(bytes, false);
  return read_xgboost_binary(bytes);
}

}  // namespace slipway::importers::boosting
