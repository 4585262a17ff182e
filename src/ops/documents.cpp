// Instances that are JSON: features of objects with free keys, by a vocabulary or hashed; sets of labels; keys of values of any kind.
#include <cmath>
#include <unordered_map>

#include "slipway/ops/kernel.hpp"
#include "slipway/ops/sparse.hpp"
#include "slipway/ops/text/analyzer.hpp"
#include "slipway/ops/text/hash.hpp"
#include "slipway/ops/text/json.hpp"

namespace slipway::ops {
namespace {

using text::Json;
using text::Member;
using Entries = std::vector<std::pair<std::int64_t, double>>;

// kind: "dict" (DictVectorizer), "hash_dict", "hash_pair", "hash_string" (FeatureHasher), "labels" (MultiLabelBinarizer).
class CountItems final : public Kernel {
 public:
  explicit CountItems(const Setup& setup)
      : kind_(setup.text("kind", "dict")),
        separator_(setup.text("separator", "=")),
        features_(setup.integer("features", 0)),
        signed_(setup.integer("signed", 0) != 0) {
    if (kind_ != "dict" && kind_ != "hash_dict" && kind_ != "hash_pair" && kind_ != "hash_string" && kind_ != "labels")
      throw std::invalid_argument("the kind of items is not known");
    if (kind_.starts_with("hash")) {
      if (features_ < 1 || features_ > 0x7fffffff) throw std::invalid_argument("features must be a positive number");
      return;
    }
    const In names = setup.needed(1);
    for (std::size_t i = 0; i < names.texts.size(); ++i) column_of_.emplace(names.texts[i], static_cast<std::int64_t>(i));
  }

  void compute(std::span<const In> in, Outs& out) const override {
    std::vector<SparseRow> rows;
    for (const std::string_view document : in[0].texts) {
      Entries entries;
      const Json row = text::parse_json(document);
      if (kind_ == "dict")
        dict(row, entries);
      else if (kind_ == "labels")
        labels(row, entries);
      else
        hashed(row, entries);
      rows.push_back(merged(std::move(entries), kind_ == "labels"));
    }
    write_rows(out, rows);
  }

 private:
  static const std::vector<Member>& members_of(const Json& row) {
    if (!row.is(Json::Kind::object)) throw std::invalid_argument("an instance must be an object of features");
    return row.members;
  }

  // Whether no later member has the same key.
  static bool counts(const std::vector<Member>& members, std::size_t i) {
    if (members.size() > kComparedMax) return true;
    for (std::size_t k = i + 1; k < members.size(); ++k) {
      if (members[k].name == members[i].name) return false;
    }
    return true;
  }

  void look_up(const std::string& name, double value, Entries& entries) const {
    if (const auto found = column_of_.find(name); found != column_of_.end()) entries.emplace_back(found->second, value);
  }

  void dict(const Json& row, Entries& entries) const {
    const auto& members = members_of(row);
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (!counts(members, i)) continue;
      const auto& [name, value] = members[i];
      if (value.is(Json::Kind::text)) {
        look_up(name + separator_ + value.text, 1, entries);
      } else if (value.is(Json::Kind::list)) {
        for (const Json& item : value.items) {
          if (!item.is(Json::Kind::text)) throw std::invalid_argument("the feature " + name + " holds a list that isn't of texts only");
          look_up(name + separator_ + item.text, 1, entries);
        }
      } else if (value.is(Json::Kind::object)) {
        throw std::invalid_argument("the feature " + name + " is an object, which is not supported");
      } else {
        look_up(name, value.is(Json::Kind::null) ? std::nan("") : value.number, entries);
      }
    }
  }

  void labels(const Json& row, Entries& entries) const {
    if (row.is(Json::Kind::text)) {  // a text is the set of its characters, as Python iterates it
      for (std::size_t i = 0; i < row.text.size();) {
        std::size_t end = i + 1;
        while (end < row.text.size() && (static_cast<unsigned char>(row.text[end]) & 0xC0U) == 0x80) ++end;
        look_up(text::key_of(std::string_view(row.text).substr(i, end - i)), 1, entries);
        i = end;
      }
      return;
    }
    if (!row.is(Json::Kind::list)) throw std::invalid_argument("an instance must be a list of labels");
    for (const Json& label : row.items) {
      if (label.is(Json::Kind::text))
        look_up(text::key_of(label.text), 1, entries);
      else if (label.is_number())
        look_up(text::key_of(label.number), 1, entries);
    }
  }

  void hash(const std::string& name, double value, Entries& entries) const {
    if (value == 0) return;
    const std::int32_t h = text::murmur3(name);
    entries.emplace_back(text::hashed_column(h, features_), signed_ && h < 0 ? -value : value);
  }

  void hash_pair(const std::string& name, const Json& value, Entries& entries) const {
    if (value.is(Json::Kind::text))
      hash(name + "=" + value.text, 1, entries);
    else if (value.is_number())
      hash(name, value.number, entries);
    else
      throw std::invalid_argument("the feature " + name + " is neither a number nor a text");
  }

  void hashed(const Json& row, Entries& entries) const {
    if (kind_ == "hash_dict") {
      const auto& members = members_of(row);
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (counts(members, i)) hash_pair(members[i].name, members[i].value, entries);
      }
      return;
    }
    if (!row.is(Json::Kind::list)) throw std::invalid_argument("an instance must be a list of features");
    for (const Json& item : row.items) {
      if (kind_ == "hash_string") {
        if (!item.is(Json::Kind::text)) throw std::invalid_argument("feature names must be texts");
        hash(item.text, 1, entries);
      } else {
        if (!item.is(Json::Kind::list) || item.items.size() != 2 || !item.items[0].is(Json::Kind::text))
          throw std::invalid_argument("a feature must be a pair of name and value");
        hash_pair(item.items[0].text, item.items[1], entries);
      }
    }
  }

  static constexpr std::size_t kComparedMax = 2000;
  std::string kind_, separator_;
  std::int64_t features_;
  bool signed_;
  std::unordered_map<std::string, std::int64_t, text::TextHash, std::equal_to<>> column_of_;
};

class DocumentKeys final : public Kernel {
 public:
  explicit DocumentKeys(const Setup& setup) : nan_apart_(setup.integer("nan_apart", 0) != 0) {}
  void compute(std::span<const In> in, Outs& out) const override {
    std::vector<std::string> keys;
    keys.reserve(in[0].texts.size());
    for (const std::string_view document : in[0].texts) {
      Json value = text::parse_json(document);
      // Of a table of one column the whole row may stand here: [value] or {name: value}.
      if (value.is(Json::Kind::list) && value.items.size() == 1) value = Json(value.items[0]);
      if (value.is(Json::Kind::object) && value.members.size() == 1) value = Json(value.members[0].value);
      if (value.is(Json::Kind::text))
        keys.push_back(text::key_of(value.text));
      else if (value.is(Json::Kind::null) || (value.is_number() && std::isnan(value.number) && !nan_apart_))
        keys.emplace_back(text::kNullKey);
      else if (value.is_number())
        keys.push_back(text::key_of(value.number));
      else
        throw std::invalid_argument("a category must be a text or a number");
    }
    out.texts(0, in[0].shape, keys);
  }

 private:
  bool nan_apart_;
};

}  // namespace

std::unique_ptr<Kernel> make_CountItems(const Setup& setup) { return std::make_unique<CountItems>(setup); }
std::unique_ptr<Kernel> make_DocumentKeys(const Setup& setup) { return std::make_unique<DocumentKeys>(setup); }

}  // namespace slipway::ops
