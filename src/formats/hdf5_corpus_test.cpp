// The HDF5 reader over tests/corpus/hdf5: every object of every file against what h5py read from it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/hdf5.hpp"
#include "slipway/formats/json_tree.hpp"

namespace slipway::hdf5 {
namespace {

namespace fs = std::filesystem;
const fs::path kCorpus = fs::path(SLIPWAY_SOURCE_DIR) / "tests" / "corpus" / "hdf5";

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

class Expectation {
 public:
  explicit Expectation(const std::string& text) : tree_(std::move(json_tree::Tree::parse(text)).value()) {}

  const json_tree::Tree& tree() const { return tree_; }
  std::vector<std::string> texts(const json_tree::Node& list) const {
    std::vector<std::string> out;
    for (std::uint32_t i = list.first; i != 0; i = tree_.at(i).next) out.emplace_back(tree_.at(i).text);
    return out;
  }
  std::string text(const json_tree::Node& object, std::string_view key) const { return std::string(tree_.find(object, key)->text); }

  void check(const Tensor& value, const json_tree::Node& expected) const {
    EXPECT_EQ(dtype_name(value.dtype()), text(expected, "dtype"));
    std::vector<std::string> shape;
    for (const auto n : value.shape()) shape.push_back(std::to_string(n));
    EXPECT_EQ(shape, texts(*tree_.find(expected, "shape")));
    const json_tree::Node& data = *tree_.find(expected, "data");
    if (value.dtype() == DType::string) {
      EXPECT_EQ(value.strings(), texts(data));
    } else if (data.text.starts_with("crc32:")) {
      EXPECT_EQ("crc32:" + std::to_string(crc32(as_text(value.bytes()))), data.text);
    } else {
      EXPECT_EQ(to_hex(value.bytes()), data.text);
    }
  }

 private:
  json_tree::Tree tree_;
};

void check_refusal(const Object& root, const std::string& path, const std::string& why) {
  const auto object = root.at(std::string_view(path).substr(1));
  std::string said;
  if (!object.ok()) {
    said = object.error().detail();
  } else {
    const auto data = object->tensor();
    ASSERT_FALSE(data.ok());
    said = data.error().detail();
  }
  EXPECT_NE(said.find(why), std::string::npos) << said;
  EXPECT_NE(said.find(path.substr(path.rfind('/') + 1)), std::string::npos) << said;
  EXPECT_NE(said.find("at byte "), std::string::npos) << said;
}

std::size_t check_file(const File& file, const std::string& expected_text) {
  const Expectation expected(expected_text);
  std::size_t values = 0;
  for (std::uint32_t i = expected.tree().root().first; i != 0; i = expected.tree().at(i).next) {
    const json_tree::Node& e = expected.tree().at(i);
    const std::string path(e.key);
    SCOPED_TRACE(path);
    if (const auto* why = expected.tree().find(e, "refused")) {
      check_refusal(file.root(), path, std::string(why->text));
      ++values;
      continue;
    }
    const auto object = file.root().at(std::string_view(path).substr(1));
    EXPECT_TRUE(object.ok()) << object.error().detail();
    if (!object.ok()) continue;
    const json_tree::Node& attributes = *expected.tree().find(e, "attributes");
    EXPECT_EQ(object->attributes().size(), attributes.count);
    for (std::uint32_t a = attributes.first; a != 0; a = expected.tree().at(a).next) {
      SCOPED_TRACE(expected.tree().at(a).key);
      const auto value = object->attribute(expected.tree().at(a).key);
      EXPECT_TRUE(value.ok()) << value.error().detail();
      if (value.ok()) expected.check(*value, expected.tree().at(a));
      ++values;
    }
    if (const auto* children = expected.tree().find(e, "children")) {
      EXPECT_TRUE(object->is_group());
      const auto names = object->children();
      EXPECT_EQ(std::vector<std::string>(names.begin(), names.end()), expected.texts(*children));
      continue;
    }
    EXPECT_TRUE(object->is_dataset());
    const auto value = object->tensor();
    EXPECT_TRUE(value.ok()) << value.error().detail();
    if (value.ok()) expected.check(*value, e);
    ++values;
  }
  return values;
}

class Hdf5Corpus : public testing::TestWithParam<std::string> {};

TEST_P(Hdf5Corpus, GivesWhatH5pyGives) {
  const std::string bytes = contents(kCorpus / (GetParam() + ".h5"));
  const auto file = File::open(as_bytes(bytes));
  ASSERT_TRUE(file.ok()) << file.error().detail();
  EXPECT_TRUE(looks_like_hdf5(as_bytes(bytes)));
  EXPECT_GT(check_file(*file, contents(kCorpus / (GetParam() + ".json"))), 0U);
}

// Numbers are the same whether they may stay in the file or not.
void check_in_place(const Object& copied, const Object& placed, std::set<std::string>& seen) {  // NOLINT(misc-no-recursion): once an object
  if (!seen.insert(copied.path()).second) return;
  for (const std::string_view name : copied.children()) {
    const auto a = copied.child(name);
    if (!a.ok()) continue;
    const auto b = placed.child(name);
    EXPECT_TRUE(b.ok()) << b.error().detail();
    if (a->is_group()) check_in_place(*a, *b, seen);
    const auto x = a->is_dataset() ? a->tensor() : Result<Tensor>(Tensor());
    if (!x.ok() || !a->is_dataset()) continue;
    const auto y = b->tensor();
    EXPECT_TRUE(y.ok()) << y.error().detail();
    EXPECT_EQ(as_text(x->bytes()), as_text(y->bytes())) << a->path();
    EXPECT_EQ(x->strings(), y->strings()) << a->path();
  }
}

TEST_P(Hdf5Corpus, TensorsAreTheSameInPlace) {
  const std::string bytes = contents(kCorpus / (GetParam() + ".h5"));
  const auto copied = File::open(as_bytes(bytes)), placed = File::open(as_bytes(bytes), {.tensors_in_place = true});
  ASSERT_TRUE(copied.ok() && placed.ok());
  std::set<std::string> seen;
  check_in_place(copied->root(), placed->root(), seen);
  EXPECT_FALSE(seen.empty());
}

std::vector<std::string> cases() {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(kCorpus)) {
    if (entry.path().extension() == ".h5") out.push_back(entry.path().stem().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

INSTANTIATE_TEST_SUITE_P(Files, Hdf5Corpus, testing::ValuesIn(cases()), [](const auto& test) { return test.param; });

TEST(Hdf5CorpusFiles, AreThere) { EXPECT_GE(cases().size(), 20U); }

// Other files than those that are kept: SLIPWAY_HDF5_FILES names a folder of x.h5 with x.json from tools/corpus/make_hdf5.py.
TEST(Hdf5CorpusFiles, GiveWhatH5pyGivesInAnyOtherFolderToo) {
  const char* folder = std::getenv("SLIPWAY_HDF5_FILES");
  if (folder == nullptr) GTEST_SKIP() << "SLIPWAY_HDF5_FILES is not set";
  std::size_t values = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".h5") continue;
    SCOPED_TRACE(entry.path().string());
    const std::string bytes = contents(entry.path());
    const auto file = File::open(as_bytes(bytes));
    EXPECT_TRUE(file.ok()) << file.error().detail();
    if (file.ok()) values += check_file(*file, contents(fs::path(entry.path()).replace_extension(".json")));
  }
  std::printf("%zu values\n", values);
  EXPECT_GT(values, 0U);
}

}  // namespace
}  // namespace slipway::hdf5
