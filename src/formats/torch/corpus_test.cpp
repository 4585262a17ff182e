// The readers over the files of tests/corpus/torch_files, which PyTorch wrote, against what PyTorch read back from them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "slipway/base/borrowed.hpp"
#include "slipway/base/encoding.hpp"
#include "slipway/formats/json_tree.hpp"
#include "slipway/formats/safetensors.hpp"
#include "slipway/formats/torch/export.hpp"
#include "slipway/formats/torch/script.hpp"
#include "slipway/formats/torch/state_dict.hpp"

namespace slipway::torch {
namespace {

namespace fs = std::filesystem;
using json_tree::Node;
using json_tree::Tree;
const fs::path kFolder = fs::path(SLIPWAY_SOURCE_DIR) / "tests" / "corpus" / "torch_files";

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

std::vector<const Node*> children(const Tree& tree, const Node& node) {
  std::vector<const Node*> out;
  for (std::uint32_t i = node.first; i != 0; i = tree.at(i).next) out.push_back(&tree.at(i));
  return out;
}

TEST(TorchTensor, IsTheFilesOwnBytesWhereTheseLast) {
  std::vector<float> storage(4096);
  for (std::size_t i = 0; i < storage.size(); ++i) storage[i] = static_cast<float>(i);
  const auto file = std::as_bytes(std::span(storage));
  TensorView whole;
  whole.dtype = DType::float32;
  whole.sizes = {2, 1024};
  whole.strides = {1024, 1};
  whole.storage = file;
  whole.offset = 1024;
  CopyBudget budget{100'000};
  whole.copies = &budget;
  const TensorView t = checked(whole).value();
  const auto copied = t.tensor().value();
  EXPECT_NE(copied.bytes().data(), file.data() + 4096);
  const auto placed = t.tensor(file).value();
  EXPECT_EQ(std::as_const(placed).bytes().data(), file.data() + 4096);
  EXPECT_EQ(budget.left, 100'000U - 2 * 8192);  // either is written somewhere
  EXPECT_EQ(as_text(std::as_const(copied).bytes()), as_text(std::as_const(placed).bytes()));
  EXPECT_NE(t.tensor(file.first(8192))->bytes().data(), file.data() + 4096);  // its end is not among what lasts
  const auto shifted = file.subspan(1);                                       // not aligned: copied, once
  TensorView odd = whole;
  odd.storage = shifted;
  odd.offset = 0;
  odd.sizes = {1024};
  odd.strides = {1};
  const Tensor one = checked(odd)->tensor(file).value(), other = one;
  EXPECT_FALSE(lies_within(as_text(one.bytes()), as_text(file)));
  EXPECT_EQ(one.bytes().data(), other.bytes().data());
  EXPECT_EQ(as_text(one.bytes()), as_text(shifted.first(4096)));
  TensorView turned = t;
  turned.strides = {1, 2};
  const auto gathered = checked(turned)->tensor(file).value();
  EXPECT_EQ(gathered.as_double(1), 1026.0);
  EXPECT_FALSE(lies_within(as_text(std::as_const(gathered).bytes()), as_text(file)));
}

// The case's answer: name -> [dtype, sizes, hex of its bytes].
void expect_tensors(const Tree& tree, const Node& answer, const StateDict& state, const std::string& where, std::string_view prefix = "") {
  const auto wanted = children(tree, answer);
  EXPECT_EQ(state.tensors().size(), wanted.size()) << where;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::string name = std::string(wanted[i]->key), place = where + " " + name;
    const TensorView* t = state.find(prefix.empty() ? name : name.substr(prefix.size()));
    ASSERT_NE(t, nullptr) << place;
    const auto parts = children(tree, *wanted[i]);
    EXPECT_EQ(t->dtype, *dtype_of_name(parts[0]->text)) << place;
    Shape sizes;
    for (const Node* size : children(tree, *parts[1])) sizes.push_back(std::stoll(std::string(size->text)));
    EXPECT_EQ(t->sizes, sizes) << place;
    const auto made = t->materialise();
    ASSERT_TRUE(made.ok()) << place << ": " << made.error().detail();
    EXPECT_EQ(to_hex(made->bytes), parts[2]->text) << place;
    if (t->count == 0) continue;
    EXPECT_EQ(made->owned.empty(), t->is_contiguous() && (!t->big_endian || dtype_size(t->dtype) == 1)) << place;
  }
}

// A script object's tensors by their paths: what state_dict() gives.
void script_tensors(const TensorPickle& pickle, const pickle::View& object, const std::string& path, StateDict& out) {
  for (const std::string& name : object.attributes()) {
    const auto value = object.find(name);
    const std::string below = path.empty() ? name : path + "." + name;
    if (TensorPickle::is_tensor(*value)) {
      const auto t = pickle.tensor(*value);
      ASSERT_TRUE(t.ok()) << t.error().detail();
      ASSERT_TRUE(out.add(below, *t, pickle.file_bytes()).ok());
    } else if (value->is(pickle::Kind::object) && value->module().starts_with("__torch__")) {
      script_tensors(pickle, *value, below, out);
    }
  }
}

void check_script(const std::string& bytes, const Tree& tree, const Node& answer, const std::string& where) {
  const auto archive = ScriptArchive::open(as_bytes(bytes));
  ASSERT_TRUE(archive.ok()) << where << ": " << archive.error().detail();
  const std::string type = archive->object.root().qualified_name();
  EXPECT_TRUE(type.starts_with("__torch__.")) << where << ": " << type;
  const CodeFile* code = archive->find(type.substr(0, type.rfind('.')));
  ASSERT_NE(code, nullptr) << where << ": " << type;
  EXPECT_NE(code->text.find("class " + type.substr(type.rfind('.') + 1) + "(Module)"), std::string_view::npos) << where;
  for (std::size_t i = 0; i < archive->constants.root().size(); ++i) {
    const auto constant = archive->constants.root().at(i);
    const auto tensor = archive->constants.tensor(constant);
    EXPECT_EQ(tensor.ok(), TensorPickle::is_tensor(constant)) << where << ": " << tensor.error().detail();
  }
  StateDict state;
  script_tensors(archive->object, archive->object.root(), "", state);
  expect_tensors(tree, answer, state, where);
}

void check_saved(const std::string& bytes, const Tree& tree, const Node& c, const std::string& where) {
  const bool plain = where.ends_with(".pkl");
  auto file = plain ? [&]() -> Result<File> { return File::of_pickle(TRY(pickle::read(as_bytes(bytes))), bytes.size()); }()
                    : File::open(as_bytes(bytes));
  if (tree.find(c, "refused") != nullptr) {
    const auto state = [&]() -> Result<StateDict> {
      const File read = TRY(std::move(file));
      return state_dict(read, TRY(choose_weights(read, "")));
    }();
    ASSERT_FALSE(state.ok()) << where;
    for (const Node* word : children(tree, *tree.find(c, "refused")))
      EXPECT_NE(state.error().detail().find(std::string(word->text)), std::string::npos) << where << ": " << state.error().detail();
    return;
  }
  ASSERT_TRUE(file.ok()) << where << ": " << file.error().detail();
  const std::string entry(tree.find(c, "entry")->text);
  const bool several = tree.find(c, "several") != nullptr;
  const auto chosen = choose_weights(*file, several ? entry : "");
  ASSERT_TRUE(chosen.ok()) << where << ": " << chosen.error().detail();
  EXPECT_EQ(chosen->entry, entry) << where;
  if (several) {
    const auto asked = choose_weights(*file, "");
    ASSERT_FALSE(asked.ok());
    for (const Node* name : children(tree, *tree.find(c, "several")))
      EXPECT_NE(asked.error().detail().find(std::string(name->text)), std::string::npos) << asked.error().detail();
  }
  auto state = state_dict(*file, *chosen);
  ASSERT_TRUE(state.ok()) << where << ": " << state.error().detail();
  const Node* prefix = tree.find(c, "prefix");
  if (prefix != nullptr) {
    EXPECT_EQ(state->common_prefix(), prefix->text) << where;
    state = state->without_prefix(prefix->text);
  }
  expect_tensors(tree, *tree.find(c, "tensors"), *state, where, prefix == nullptr ? "" : prefix->text);
  EXPECT_EQ(file->container == File::Container::legacy, where.ends_with("_legacy.pt")) << where;
  const Node* modules = tree.find(c, "modules");
  EXPECT_EQ(chosen->is_module, modules != nullptr) << where;
  if (modules == nullptr) return;
  const auto found = module_tree(*Module::of(chosen->view));
  ASSERT_TRUE(found.ok()) << where << ": " << found.error().detail();
  const auto wanted = children(tree, *modules);
  ASSERT_EQ(found->size(), wanted.size()) << where;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto parts = children(tree, *wanted[i]);
    EXPECT_EQ((*found)[i].path, parts[0]->text) << where;
    EXPECT_EQ((*found)[i].module.class_name(), parts[1]->text) << where;
  }
  const Module net = Module::of(chosen->view)->unwrapped();
  EXPECT_EQ(net.class_name(), "__main__.Net") << where;
  EXPECT_EQ(*net.attribute("width")->integer(), 3) << where;
  EXPECT_FALSE(net.is_torch_class());
  if (file->container != File::Container::legacy) return;
  const auto source = std::find_if(file->sources.begin(), file->sources.end(), [](const ClassSource& s) { return s.name == "__main__.Net"; });
  ASSERT_NE(source, file->sources.end()) << where;
  EXPECT_TRUE(source->text.starts_with("class Net(nn.Module):\n")) << source->text;
  EXPECT_NE(source->text.find("def forward(self, x):"), std::string::npos);
}

void check_case(const fs::path& folder, const Tree& tree, const Node& c) {
  const std::string file(tree.find(c, "file")->text), where = (folder.filename() / file).string();
  const std::string bytes = contents(folder / file);
  ASSERT_FALSE(bytes.empty()) << where;
  if (tree.find(c, "script") != nullptr) return check_script(bytes, tree, *tree.find(c, "tensors"), where);
  if (tree.find(c, "safetensors") != nullptr) {
    const auto read = safetensors::read(as_bytes(bytes));
    ASSERT_TRUE(read.ok()) << where << ": " << read.error().detail();
    EXPECT_EQ(read->metadata, (std::vector<std::pair<std::string, std::string>>{{"format", "pt"}}));
    return expect_tensors(tree, *tree.find(c, "tensors"), read->weights, where);
  }
  if (tree.find(c, "export") != nullptr) {
    const auto archive = ExportArchive::open(as_bytes(bytes));
    ASSERT_TRUE(archive.ok()) << where << ": " << archive.error().detail();
    EXPECT_NE(archive->program.find("graph_module"), std::string_view::npos);
    if (const Node* names = tree.find(c, "names")) {
      EXPECT_EQ(archive->weights.tensors().size(), names->count);
      for (const Node* name : children(tree, *names)) {
        ASSERT_NE(archive->weights.find(name->text), nullptr) << where << " " << name->text;
        EXPECT_TRUE(archive->weights.find(name->text)->materialise().ok());
      }
      return;
    }
    EXPECT_NE(archive->constants.find("lifted_tensor_0"), nullptr);
    return expect_tensors(tree, *tree.find(c, "tensors"), archive->weights, where);
  }
  check_saved(bytes, tree, c, where);
}

class TorchFiles : public testing::TestWithParam<const char*> {};

TEST_P(TorchFiles, AreReadAsPyTorchReadsThem) {
  const std::string text = contents(kFolder / GetParam() / "expected.json");
  const auto tree = Tree::parse(text);
  ASSERT_TRUE(tree.ok()) << tree.error().detail();
  ASSERT_GT(tree->root().count, 3U);
  for (const Node* c : children(*tree, tree->root())) check_case(kFolder / GetParam(), *tree, *c);
}
INSTANTIATE_TEST_SUITE_P(Versions, TorchFiles, testing::Values("1.4.0", "1.12.1", "2.15.0"));

// The same net traced, scripted and exported by torch 2.15 has the same weights.
TEST(TorchExport, HasTheWeightsOfTheSameNetScripted) {
  const std::string exported = contents(kFolder / "2.15.0" / "tab.pt2"), scripted = contents(kFolder / "2.15.0" / "tab_scripted.pt");
  const auto graph = ExportArchive::open(as_bytes(exported));
  const auto script = ScriptArchive::open(as_bytes(scripted));
  ASSERT_TRUE(graph.ok() && script.ok());
  StateDict state;
  script_tensors(script->object, script->object.root(), "", state);
  ASSERT_EQ(state.tensors().size(), graph->weights.tensors().size());
  for (const NamedTensor& t : state.tensors()) {
    const TensorView* other = graph->weights.find(t.name);
    ASSERT_NE(other, nullptr) << t.name;
    EXPECT_EQ(other->sizes, t.tensor.sizes);
    EXPECT_EQ(to_hex(other->materialise()->bytes), to_hex(t.tensor.materialise()->bytes)) << t.name;
  }
}

TEST(TorchScript, TakesOffTheMarksOfItsPickles) {
  const std::string bytes = contents(kFolder / "1.12.1" / "scripted.pt");
  const auto archive = ScriptArchive::open(as_bytes(bytes));
  ASSERT_TRUE(archive.ok()) << archive.error().detail();
  const auto sizes = archive->object.root().attribute("sizes"), names = archive->object.root().attribute("names");
  ASSERT_TRUE(sizes.ok() && names.ok());
  ASSERT_EQ(script_value(*sizes).size(), 3U) << script_value(*sizes).describe();
  EXPECT_EQ(*script_value(*sizes).at(2).integer(), 3);
  EXPECT_EQ(script_type(*names), "Dict[str, Tensor]");
  ASSERT_TRUE(script_value(*names).get("b").has_value());
  EXPECT_EQ(archive->object.tensor(*script_value(*names).get("b"))->tensor()->as_double(0), 3.0);
}

TEST(TorchScript, GivesTheConstantsOfTheCode) {
  const std::string bytes = contents(kFolder / "1.12.1" / "shifted.pt");
  const auto archive = ScriptArchive::open(as_bytes(bytes));
  ASSERT_TRUE(archive.ok()) << archive.error().detail();
  ASSERT_EQ(archive->constants.root().size(), 1U);
  const auto shift = archive->constants.tensor(archive->constants.root().at(0));
  ASSERT_TRUE(shift.ok()) << shift.error().detail();
  EXPECT_EQ(shift->sizes, (Shape{2}));
  EXPECT_EQ(shift->tensor()->as_double(0), 1.5);
  EXPECT_EQ(shift->tensor()->as_double(1), -1.5);
  EXPECT_NE(archive->code.at(0).text.find("CONSTANTS.c0"), std::string_view::npos) << archive->code.at(0).text;
}

}  // namespace
}  // namespace slipway::torch
