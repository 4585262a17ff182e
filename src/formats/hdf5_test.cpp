// HDF5 files that were cut, damaged or made to do harm.
#include "slipway/formats/hdf5.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <ctime>
#include <fstream>
#include <random>
#include <sstream>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/hdf5_source.hpp"

namespace slipway::hdf5 {
namespace {

using namespace std::string_literals;

#ifdef SLIPWAY_SANITIZED
constexpr double kSlow = 20;
#else
constexpr double kSlow = 1;
#endif

std::string contents(const std::string& name) {
  std::ifstream file(SLIPWAY_SOURCE_DIR "/tests/corpus/hdf5/" + name + ".h5", std::ios::binary);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

// The first refusal of opening the file or of anything in it; empty: there is none.
std::string refusal(const std::string& bytes, const Limits& limits = {}) {
  const auto file = File::open(as_bytes(bytes), limits);
  if (!file.ok()) return file.error().detail();
  std::string first;
  const auto note = [&](const auto& result) {
    if (!result.ok() && first.empty()) first = result.error().detail();
  };
  std::vector<Object> open = {file->root()};
  for (std::size_t i = 0; i < open.size(); ++i) {
    const Object object = open[i];
    for (const auto name : object.attributes()) note(object.attribute(name));
    if (object.is_dataset()) note(object.tensor());
    for (const auto name : object.children()) {
      auto child = object.child(name);
      note(child);
      if (child.ok()) open.push_back(*child);
    }
  }
  return first;
}

void put(std::string& bytes, std::size_t at, std::uint64_t value, unsigned width) {
  for (unsigned i = 0; i < width; ++i) bytes.at(at + i) = static_cast<char>(value >> (8 * i));
}

std::uint64_t get(const std::string& bytes, std::size_t at, unsigned width) {
  std::uint64_t v = 0;
  for (unsigned i = width; i-- > 0;) v = v << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return v;
}

std::size_t find(const std::string& bytes, const std::string& what, std::size_t from = 0) {
  const std::size_t at = bytes.find(what, from);
  EXPECT_NE(at, std::string::npos) << what;
  return at;
}

bool says(const std::string& message, const std::string& what) { return message.find(what) != std::string::npos; }

TEST(Hdf5Checksum, IsBobJenkinsHashAsHisOwnExamplesHaveIt) {
  EXPECT_EQ(lookup3(""), 0xdeadbeefU);
  EXPECT_EQ(lookup3("Four score and seven years ago"), 0x17770551U);
}

TEST(Hdf5, SaysHowManyBytesOfACutFileAreMissing) {
  for (const std::string name : {"compact_earliest", "compact_latest", "attributes_latest", "userblock_latest"}) {
    const std::string good = contents(name);
    ASSERT_EQ(refusal(good), "") << name;
    for (std::size_t cut = 0; cut < good.size(); ++cut) {
      const std::string message = refusal(good.substr(0, cut));
      ASSERT_NE(message, "") << name << " cut at " << cut;
      const std::size_t superblock = name == "userblock_latest" ? 512 : 0;
      if (cut < superblock + 96) continue;
      EXPECT_TRUE(says(message, std::to_string(good.size() - cut) + " are missing")) << message;
    }
  }
}

TEST(Hdf5, RefusesWhatIsNoHdf5File) {
  EXPECT_TRUE(says(refusal(""), "no HDF5 file"));
  EXPECT_TRUE(says(refusal(std::string(5000, 'x')), "no HDF5 file"));
  EXPECT_FALSE(looks_like_hdf5(as_bytes("PK\3\4")));
  EXPECT_TRUE(looks_like_hdf5(as_bytes(std::string(2048, ' ') + contents("compact_latest"))));
}

TEST(Hdf5, ReadsBehindAUserblockThatWasPutBeforeItLater) {
  EXPECT_EQ(refusal(std::string(1024, '#') + contents("kinds_earliest")), "");
  EXPECT_EQ(refusal(std::string(512, '#') + contents("chunked_v110")), "");
}

TEST(Hdf5, NoticesEveryFlippedByteThatAChecksumCovers) {
  std::string bytes = contents("compact_latest");
  put(bytes, 12, get(bytes, 12, 1) ^ 0x10, 1);
  EXPECT_TRUE(says(refusal(bytes), "checksum"));
  bytes = contents("compact_latest");
  const std::size_t header = find(bytes, "OHDR");
  put(bytes, header + 30, get(bytes, header + 30, 1) ^ 1, 1);
  EXPECT_TRUE(says(refusal(bytes), "checksum"));
  bytes = contents("wide_latest");
  const std::size_t block = find(bytes, "FHDB");
  put(bytes, block + 40, get(bytes, block + 40, 1) ^ 1, 1);
  EXPECT_TRUE(says(refusal(bytes), "checksum"));
}

TEST(Hdf5, RefusesAGroupThatIsItsOwnAncestor) {
  std::string bytes = contents("kinds_earliest");
  const std::uint64_t root = get(bytes, 64, 8);
  const std::size_t symbols = find(bytes, "SNOD");
  put(bytes, symbols + 8 + 8, root, 8);
  EXPECT_TRUE(says(refusal(bytes), "reached by two names"));
}

TEST(Hdf5, RefusesABTreeThatLeadsToItselfOrToOneNodeTwice) {
  const std::string good = contents("wide_earliest");
  std::size_t tree = 0;
  do tree = find(good, "TREE", tree + 1);
  while (get(good, tree + 6, 2) < 2);
  std::string bytes = good;
  put(bytes, tree + 24 + 8, tree, 8);
  EXPECT_NE(refusal(bytes), "");
  bytes = good;
  put(bytes, tree + 24 + 24, get(good, tree + 24 + 8, 8), 8);
  EXPECT_TRUE(says(refusal(bytes), "reached twice"));
  bytes = good;
  put(bytes, tree + 5, 1, 1);
  put(bytes, tree + 24 + 8, tree, 8);
  EXPECT_TRUE(says(refusal(bytes), "reached twice") || says(refusal(bytes), "another type or level")) << refusal(bytes);
}

TEST(Hdf5, RefusesPlacesBeyondTheFile) {
  const std::string good = contents("kinds_earliest");
  const std::size_t symbols = find(good, "SNOD");
  std::string bytes = good;
  put(bytes, symbols + 8, 1ULL << 40, 8);
  EXPECT_TRUE(says(refusal(bytes), "beyond its heap"));
  bytes = good;
  put(bytes, symbols + 8 + 8, 1ULL << 40, 8);
  EXPECT_TRUE(says(refusal(bytes), "beyond the file's end"));
  bytes = good;
  put(bytes, find(good, "HEAP") + 8, ~0ULL - 7, 8);
  EXPECT_TRUE(says(refusal(bytes), "beyond the file's end"));
  bytes = good;
  put(bytes, find(good, "GCOL") + 8, 1ULL << 50, 8);
  EXPECT_TRUE(says(refusal(bytes), "more than are left"));
}

TEST(Hdf5, RefusesADatatypeWithoutBytesAndAnAttributeOfFourGigabytes) {
  const std::string good = contents("attributes_earliest");
  const std::size_t type = find(good, "floats\0\0"s) + 8, space = type + 24;
  ASSERT_EQ(get(good, type + 4, 4), 8U);
  ASSERT_EQ(get(good, space + 8, 8), 5U);
  std::string bytes = good;
  put(bytes, type + 4, 0, 4);
  EXPECT_TRUE(says(refusal(bytes), "elements have no bytes"));
  bytes = good;
  put(bytes, space + 8, 1ULL << 29, 8);
  put(bytes, space + 16, 1ULL << 29, 8);
  EXPECT_TRUE(says(refusal(bytes), "[536870912] elements in 40 bytes")) << refusal(bytes);
}

TEST(Hdf5, RefusesChunksAndDatasetsOfAbsurdSizes) {
  const Limits unchecked{.verify_checksums = false};
  const std::string good = contents("compact_earliest");
  std::string bytes = good;  // version 1 dataspace of one dimension: 3
  const std::size_t space = find(good, "\1\1\1\0\0\0\0\0\3"s);
  put(bytes, space + 8, 1ULL << 60, 8);
  put(bytes, space + 16, 1ULL << 60, 8);
  EXPECT_TRUE(says(refusal(bytes), "more bytes than there can be") || says(refusal(bytes), "of which")) << refusal(bytes);

  const std::string chunked = contents("chunked_v110");
  const std::size_t layout = find(chunked, "\4\2\0\3\1\3\4\4"s);  // version 4, chunked, 3 dimensions of 1 byte: 3, 4, and 4 bytes
  bytes = chunked;
  put(bytes, layout + 5, 0, 1);
  EXPECT_TRUE(says(refusal(bytes, unchecked), "absurd size")) << refusal(bytes, unchecked);
  bytes = chunked;
  put(bytes, layout + 4, 9, 1);
  EXPECT_TRUE(says(refusal(bytes, unchecked), "written in 9 bytes each"));
  bytes = chunked;
  put(bytes, layout + 7, 8, 1);
  EXPECT_TRUE(says(refusal(bytes, unchecked), "don't fit"));
}

TEST(Hdf5, RefusesADeflateBombWithoutUnpackingIt) {
  const std::string bytes = contents("hostile/bomb");
  ASSERT_LT(bytes.size(), 100'000U);
  const std::clock_t begin = std::clock();
  EXPECT_TRUE(says(refusal(bytes), "it would make the file unpack to more than")) << refusal(bytes);
  EXPECT_LT(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, kSlow);
}

TEST(Hdf5, RefusesASmallFileThatNamesOneLongTextAgainAndAgain) {
  EXPECT_TRUE(says(refusal(contents("hostile/echo")), "it would make the file unpack to more than"));
}

TEST(Hdf5, GivesAViewIntoTheFileWhereNumbersStandThereAsTheyAre) {
  const std::string bytes = contents("kinds_earliest");
  const auto file = File::open(as_bytes(bytes));
  ASSERT_TRUE(file.ok());
  const auto inside = [&](const Array& a) {
    const auto* at = reinterpret_cast<const char*>(a.bytes.data());
    return at >= bytes.data() && at + a.bytes.size() <= bytes.data() + bytes.size();
  };
  const auto little = file->root().at("little/f4").value(), big = file->root().at("big/f4").value();
  EXPECT_TRUE(inside(little.read().value()));
  EXPECT_FALSE(inside(big.read().value()));
  EXPECT_EQ(as_text(little.read()->bytes), as_text(big.read()->bytes));
  EXPECT_EQ(big.read()->bytes.data(), big.read()->bytes.data());  // made once
}

TEST(Hdf5, NamesThePathOfWhatItRefuses) {
  const std::string bytes = contents("other");
  const auto file = File::open(as_bytes(bytes));
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(says(file->root().child("outside").error().detail(), "another file, which is not opened"));
  EXPECT_TRUE(says(file->root().at("lzf").value().read().error().detail(), "/lzf: the HDF5 file at byte "));
  EXPECT_TRUE(says(file->root().at("compound/x").error().detail(), "/compound: "));
  EXPECT_TRUE(says(file->root().attribute("model_config").error().detail(), "it has no attribute 'model_config'"));
  EXPECT_FALSE(file->root().read().ok());
  EXPECT_EQ(file->root().at("lzf")->path(), "/lzf");
}

TEST(Hdf5, RefusesMoreObjectsThanItsLimit) { EXPECT_TRUE(says(refusal(contents("wide_latest"), {.objects_max = 100}), "more than 100 groups")); }

TEST(Hdf5, NeitherCrashesNorTakesLongNorMuchMemoryWhateverBitsAreFlipped) {
  std::mt19937 random(20260725);
  std::size_t refused = 0, all = 0;
  const std::clock_t begin = std::clock();
  for (const std::string name : {"compact_earliest", "compact_latest", "attributes_earliest", "attributes_latest", "kinds_earliest", "kinds_v108",
                                 "edited_earliest", "edited_latest", "bfloat", "other", "newest", "userblock"}) {
    const std::string good = contents(name);
    for (int i = 0; i < 1000; ++i, ++all) {
      std::string bytes = good;
      for (unsigned flips = 1 + random() % 4; flips > 0; --flips) {
        const std::size_t at = random() % bytes.size();
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
      }
      refused += refusal(bytes, {.verify_checksums = i % 2 == 0}).empty() ? 0 : 1;
    }
  }
  const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  EXPECT_LT(took, 20 * kSlow);
  EXPECT_GT(refused, all / 10);
#ifndef SLIPWAY_SANITIZED
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  EXPECT_LT(usage.ru_maxrss / 1024, 300);  // MB; each test is a process of its own under ctest
#endif
  RecordProperty("refused", static_cast<int>(refused));
  std::printf("%zu of %zu refused, %.2f s\n", refused, all, took);
}

}  // namespace
}  // namespace slipway::hdf5
