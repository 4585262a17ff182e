// Zip archives that are read one way only, .npy headers, and JSON trees.
#include "slipway/formats/zip.hpp"

#include <gtest/gtest.h>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/json_tree.hpp"
#include "slipway/formats/npy.hpp"
#include "slipway/formats/skops.hpp"

namespace slipway {
namespace {

void put(std::string& out, std::uint64_t v, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(v >> (8 * i));
}

struct Packed {
  std::string name, content, local_name;
  std::uint16_t flags = 0, method = 0;
  std::uint32_t crc_off = 0;
};

std::string zip_of(const std::vector<Packed>& entries) {
  std::string out, directory;
  for (const Packed& e : entries) {
    const auto offset = out.size();
    const std::string& local = e.local_name.empty() ? e.name : e.local_name;
    const std::uint32_t crc = crc32(e.content) + e.crc_off;
    put(out, 0x04034b50, 4), put(out, 20, 2), put(out, e.flags, 2), put(out, e.method, 2), put(out, 0, 4), put(out, crc, 4);
    put(out, e.content.size(), 4), put(out, e.content.size(), 4), put(out, local.size(), 2), put(out, 0, 2);
    out += local + e.content;
    put(directory, 0x02014b50, 4), put(directory, 20, 2), put(directory, 20, 2), put(directory, e.flags, 2), put(directory, e.method, 2);
    put(directory, 0, 4), put(directory, crc, 4), put(directory, e.content.size(), 4), put(directory, e.content.size(), 4);
    put(directory, e.name.size(), 2), put(directory, 0, 2), put(directory, 0, 2), put(directory, 0, 2), put(directory, 0, 2), put(directory, 0, 4);
    put(directory, offset, 4);
    directory += e.name;
  }
  const auto at = out.size();
  out += directory;
  put(out, 0x06054b50, 4), put(out, 0, 4), put(out, entries.size(), 2), put(out, entries.size(), 2), put(out, directory.size(), 4), put(out, at, 4),
      put(out, 0, 2);
  return out;
}

std::string refusal(const std::string& bytes) {
  auto archive = zip::Archive::open(as_bytes(bytes));
  if (!archive.ok()) return archive.error().detail();
  for (const auto name : archive->names()) {
    const auto content = archive->read(name);
    if (!content.ok()) return content.error().detail();
  }
  return "";
}

TEST(Zip, GivesWhatIsInside) {
  const std::string bytes = zip_of({{"a.txt", "hello", ""}, {"d/b", "", ""}});
  auto archive = zip::Archive::open(as_bytes(bytes));
  ASSERT_TRUE(archive.ok()) << archive.error().detail();
  EXPECT_EQ(as_text(*archive->read("a.txt")), "hello");
  EXPECT_TRUE(archive->has("d/b"));
  EXPECT_FALSE(archive->read("c").ok());
}

TEST(Zip, RefusesEveryAmbiguity) {
  const std::string good = zip_of({{"a", "hello", ""}});
  EXPECT_NE(refusal(zip_of({{"a", "x", ""}, {"a", "y", ""}})).find("twice"), std::string::npos);
  EXPECT_NE(refusal(zip_of({{"a", "x", "b"}})).find("another name"), std::string::npos);
  EXPECT_NE(refusal(zip_of({{"a", "x", "", 1}})).find("encrypted"), std::string::npos);
  EXPECT_NE(refusal(zip_of({{"a", "x", "", 0, 99}})).find("method 99"), std::string::npos);
  EXPECT_NE(refusal(zip_of({{"a", "x", "", 0, 0, 1}})).find("CRC"), std::string::npos);
  EXPECT_NE(refusal(zip_of({{"../a", "x", ""}})).find("plain relative path"), std::string::npos);
  EXPECT_NE(refusal(zip_of({{"/a", "x", ""}})).find("plain relative path"), std::string::npos);
  EXPECT_NE(refusal(good + "more").find("end"), std::string::npos);
  EXPECT_FALSE(refusal("front" + good).empty());
  for (std::size_t cut = 0; cut < good.size(); ++cut) EXPECT_FALSE(refusal(good.substr(0, cut)).empty()) << cut;
  std::string flags = good;
  flags[6] = 8;  // in the local header only
  EXPECT_NE(refusal(flags).find("other flags"), std::string::npos);
}

TEST(Zip, NeverReadsPastBentBytes) {
  const std::string good = zip_of({{"a", "hello", ""}, {"b", "world", ""}});
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int bit : {0, 3, 7}) {
      std::string bent = good;
      bent[at] = static_cast<char>(bent[at] ^ (1 << bit));
      refusal(bent);
    }
  }
}

std::string npy_of(const std::string& header) {
  std::string out("\x93NUMPY\x01\x00", 8);
  put(out, header.size(), 2);
  return out + header;
}

TEST(Npy, ReadsHeaders) {
  const auto plain = npy::read_header(as_bytes(npy_of("{'descr': '<f8', 'fortran_order': True, 'shape': (3, 4), }   \n")));
  ASSERT_TRUE(plain.ok()) << plain.error().detail();
  EXPECT_EQ(plain->dtype, "<f8");
  EXPECT_TRUE(plain->fortran_order);
  EXPECT_EQ(plain->shape, (Shape{3, 4}));
  const auto record =
      npy::read_header(as_bytes(npy_of("{'descr': [('a', '<i8'), ('b', '<f4', (2,)), ('', '|V7')], 'fortran_order': False, 'shape': (5,), }\n")));
  ASSERT_TRUE(record.ok()) << record.error().detail();
  EXPECT_EQ(record->fields.size(), 3U);
  EXPECT_TRUE(npy::read_header(as_bytes(npy_of("{'descr': '<f8', 'fortran_order': False, 'shape': (), }\n"))).ok());
  for (const char* bad : {"", "{}", "{'descr': '<f8'}", "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", "__import__('os')",
                          "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,), }"}) {
    EXPECT_FALSE(npy::read_header(as_bytes(npy_of(bad))).ok()) << bad;
  }
}

TEST(JsonTree, ReadsDeepDocumentsAndRefusesDoubleKeys) {
  const auto tree = json_tree::Tree::parse(R"({"a": [1, {"b": "x\u00e9\ud83d\ude00"}], "c": null})");
  ASSERT_TRUE(tree.ok()) << tree.error().detail();
  EXPECT_EQ(tree->root().count, 2U);
  const auto* a = tree->find(tree->root(), "a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(tree->find(tree->at(tree->at(a->first).next), "b")->text, "xé😀");
  EXPECT_FALSE(json_tree::Tree::parse(R"({"a": 1, "a": 2})").ok());
  EXPECT_TRUE(json_tree::Tree::parse(std::string(1000, '[') + std::string(1000, ']')).ok());
  EXPECT_FALSE(json_tree::Tree::parse(std::string(100'000, '[')).ok());
  for (const char* bad : {"", "{", "[1,]", "{\"a\" 1}", "[1] 2", "\"a", "[1 2]", "\"\\ud800\"", "{,}", "]", "[}", "nul"})
    EXPECT_FALSE(json_tree::Tree::parse(bad).ok()) << bad;
}

TEST(Skops, RefusesWhatIsNoTree) {
  const auto read = [](const std::string& schema) {
    const std::string bytes = zip_of({{"schema.json", schema, ""}});
    const auto document = skops::read(as_bytes(bytes));
    return document.ok() ? std::string() : document.error().detail();
  };
  EXPECT_EQ(read(R"({"__class__":"str","__module__":"builtins","__loader__":"JsonNode","content":"\"x\""})"), "");
  EXPECT_NE(read(R"({"__class__":"str","__module__":"builtins","__loader__":"CachedNode","__id__":5})").find("CachedNode"), std::string::npos);
  EXPECT_NE(read("[]").find("node"), std::string::npos);
  EXPECT_NE(read(R"({"protocol": 9})").find("protocol 9"), std::string::npos);
  EXPECT_NE(read(R"({"__class__":"a","__module__":"b","__loader__":"NdArrayNode","type":"numpy","file":"../x"})").find("no entry"),
            std::string::npos);
  std::string deep;
  for (int i = 0; i < 900; ++i) deep += R"({"__class__":"list","__module__":"builtins","__loader__":"ListNode","content":[)";
  for (int i = 0; i < 900; ++i) deep += "]}";
  EXPECT_NE(read(deep).find("nested"), std::string::npos);
}

}  // namespace
}  // namespace slipway
