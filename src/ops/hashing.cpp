// CatBoost's categories: their hashes, and statistics that are kept by hash.
#include <algorithm>
#include <cstring>

#include "slipway/ops/city.hpp"
#include "slipway/ops/kernel.hpp"

namespace slipway::ops {
namespace {

void check(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

// CategoryHash(text): the low 32 bits of the text's CityHash64, as a signed number.
class CategoryHash final : public Kernel {
 public:
  void compute(std::span<const In> in, Outs& out) const override {
    const auto hashes = out.ints(0, in[0].shape);
    for (std::size_t i = 0; i < in[0].texts.size(); ++i) hashes[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(city_hash(in[0].texts[i])));
  }
};

// HashLookup(parts [N, P], features [F, 5], lists, hashes, values, otherwise [F]): for each feature (first and last of its parts in
// lists, first and last of its hashes, first of its values) the value behind the hash of its parts, else `otherwise`.
// A feature's hashes are in rising order.
class HashLookup final : public Kernel {
 public:
  explicit HashLookup(const Setup& setup) {
    const In features = setup.needed(1), lists = setup.needed(2), hashes = setup.needed(3), values = setup.needed(4), otherwise = setup.needed(5);
    check(features.shape.size() == 2 && features.shape[1] == 5 && features.shape[0] > 0, "features must be a table of five columns");
    check(otherwise.count() == static_cast<std::size_t>(features.shape[0]), "features need a value otherwise each");
    lists_.assign(lists.ints().begin(), lists.ints().end());
    hashes_.assign(hashes.ints().begin(), hashes.ints().end());
    values_.assign(values.doubles().begin(), values.doubles().end());
    otherwise_.assign(otherwise.doubles().begin(), otherwise.doubles().end());
    for (const std::int64_t part : lists_) {
      check(part >= 0 && part < 0x7FFFFFFF, "a part lies outside the table");
      parts_ = std::max(parts_, static_cast<std::size_t>(part) + 1);
    }
    const auto f = features.ints();
    for (std::size_t i = 0; i < f.size(); i += 5) add({f[i], f[i + 1], f[i + 2], f[i + 3], f[i + 4]});
  }

  void compute(std::span<const In> in, Outs& out) const override {
    const In& x = in[0];
    check(x.shape.size() == 2 && static_cast<std::size_t>(x.shape[1]) >= parts_, "the table has fewer columns than the lists name");
    const std::size_t rows = x.rows(), width = static_cast<std::size_t>(x.shape[1]), n = features_.size();
    const auto parts = x.ints();
    const auto result = out.doubles(0, {x.shape[0], static_cast<std::int64_t>(n)});
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t i = 0; i < n; ++i) result[r * n + i] = look_up(i, parts.data() + r * width);
    }
  }

 private:
  struct Feature {
    std::int64_t list_first, list_last, hash_first, hash_last, value_first;
  };

  void add(const Feature& f) {
    const auto inside = [](std::int64_t first, std::int64_t last, std::size_t size) {
      return first >= 0 && first <= last && last <= static_cast<std::int64_t>(size);
    };
    check(inside(f.list_first, f.list_last, lists_.size()), "a feature's parts lie outside the lists");
    check(inside(f.hash_first, f.hash_last, hashes_.size()), "a feature's hashes lie outside");
    check(f.value_first >= 0 && f.hash_last - f.hash_first <= static_cast<std::int64_t>(values_.size()) - f.value_first,
          "a feature's values lie outside");
    check(std::is_sorted(hashes_.begin() + f.hash_first, hashes_.begin() + f.hash_last), "a feature's hashes are not in order");
    features_.push_back(f);
  }

  double look_up(std::size_t i, const std::int64_t* parts) const {
    const Feature& f = features_[i];
    std::uint64_t hash = 0;
    for (std::int64_t k = f.list_first; k < f.list_last; ++k)
      hash = mix(hash, static_cast<std::uint64_t>(parts[lists_[static_cast<std::size_t>(k)]]));
    const auto first = hashes_.begin() + f.hash_first, last = hashes_.begin() + f.hash_last;
    const auto found = std::lower_bound(first, last, static_cast<std::int64_t>(hash));
    if (found == last || *found != static_cast<std::int64_t>(hash)) return otherwise_[i];
    return values_[static_cast<std::size_t>(f.value_first + (found - first))];
  }
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    constexpr std::uint64_t kFactor = 0x4906ba494954cb65ULL;
    return kFactor * (a + kFactor * b);
  }

  std::vector<std::int64_t> lists_, hashes_;
  std::vector<double> values_, otherwise_;
  std::vector<Feature> features_;
  std::size_t parts_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> make_CategoryHash(const Setup&) { return std::make_unique<CategoryHash>(); }
std::unique_ptr<Kernel> make_HashLookup(const Setup& setup) { return std::make_unique<HashLookup>(setup); }

}  // namespace slipway::ops
