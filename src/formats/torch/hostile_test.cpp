// Files that PyTorch would not write: cut off, bent, or claiming more than there is. Every one is refused by words, none crashes.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/safetensors.hpp"
#include "slipway/formats/torch/export.hpp"
#include "slipway/formats/torch/script.hpp"
#include "slipway/formats/torch/state_dict.hpp"

namespace slipway::torch {
namespace {

namespace fs = std::filesystem;

std::string corpus(const std::string& name) {
  std::ifstream file(fs::path(SLIPWAY_SOURCE_DIR) / "tests" / "corpus" / "torch_files" / name, std::ios::binary);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

void put(std::string& out, std::uint64_t v, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(v >> (8 * i));
}

std::string zip_of(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string out, directory;
  for (const auto& [name, content] : entries) {
    const auto offset = out.size();
    std::string common;
    put(common, 0, 2), put(common, 0, 2), put(common, 0, 4), put(common, crc32(content), 4), put(common, content.size(), 4);
    put(common, content.size(), 4), put(common, name.size(), 2), put(common, 0, 2);
    put(out, 0x04034b50, 4), put(out, 20, 2);
    out += common + name + content;
    put(directory, 0x02014b50, 4), put(directory, 20, 2), put(directory, 20, 2);
    directory += common;
    put(directory, 0, 2), put(directory, 0, 2), put(directory, 0, 2), put(directory, 0, 4), put(directory, offset, 4);
    directory += name;
  }
  const auto at = out.size();
  out += directory;
  put(out, 0x06054b50, 4), put(out, 0, 4), put(out, entries.size(), 2), put(out, entries.size(), 2), put(out, directory.size(), 4);
  put(out, at, 4), put(out, 0, 2);
  return out;
}

std::string text(std::string_view s) {
  std::string out = "X";
  put(out, s.size(), 4);
  return out + std::string(s);
}
std::string integer(std::int64_t v) {
  std::string out = "\x8a\x08";
  put(out, static_cast<std::uint64_t>(v), 8);
  return out;
}
std::string tuple(const std::vector<std::int64_t>& values) {
  std::string out = "(";
  for (const auto v : values) out += integer(v);
  return out + "t";
}

struct Made {
  std::string type = "FloatStorage", key = "0";
  std::int64_t numel = 4, offset = 0;
  std::vector<std::int64_t> sizes = {4}, strides = {1};
  std::string storage = std::string(16, '\0'), function = "_rebuild_tensor_v2", more;
};
std::string tensor_pickle(const Made& m) {
  return "ctorch._utils\n" + m.function + "\n((" + text("storage") + "ctorch\n" + m.type + "\n" + text(m.key) + text("cpu") + integer(m.numel) +
         "tQ" + integer(m.offset) + tuple(m.sizes) + tuple(m.strides) + "\x89}" + m.more + "tR";
}
std::string state_pickle(const Made& m) { return "\x80\x02}" + text("weight") + tensor_pickle(m) + "s."; }
std::string file_of(const Made& m) { return zip_of({{"m/data.pkl", state_pickle(m)}, {"m/data/0", m.storage}, {"m/version", "3\n"}}); }

// What is said of a file, whatever it is; "" when all its tensors can be read.
std::string refusal(const std::string& bytes) {
  const auto read = [&]() -> Status {
    const File file = TRY(File::open(as_bytes(bytes)));
    for (const WeightsAt& at : weights_in(file)) {
      const StateDict state = TRY(state_dict(file, at));
      for (const NamedTensor& t : state.tensors()) TRY(t.tensor.materialise());
    }
    TRY(choose_weights(file, ""));
    return ok();
  }();
  if (read.ok()) return "";
  EXPECT_EQ(read.error().code(), ErrorCode::model_refused);
  return read.error().detail();
}
std::string refusal(const Made& m) { return refusal(file_of(m)); }
bool says(const std::string& refusal, std::string_view words) { return refusal.find(words) != std::string::npos; }

TEST(TorchHostile, AMadeFileIsReadWhenNothingIsWrongWithIt) {
  EXPECT_EQ(refusal(Made{}), "");
  EXPECT_EQ(refusal(Made{.sizes = {2, 2}, .strides = {1, 2}}), "");
  EXPECT_EQ(refusal(Made{.sizes = {0, 1LL << 40}, .strides = {1, 1}}), "");
  EXPECT_EQ(refusal(Made{.numel = 1, .sizes = {1000}, .strides = {0}}), "");
}

TEST(TorchHostile, NoElementLiesOutsideItsStorage) {
  EXPECT_TRUE(says(refusal(Made{.offset = 1}), "its storage has 4"));
  EXPECT_TRUE(says(refusal(Made{.sizes = {5}}), "its storage has 4"));
  EXPECT_TRUE(says(refusal(Made{.sizes = {2, 2}, .strides = {3, 1}}), "its storage has 4"));
  EXPECT_TRUE(says(refusal(Made{.numel = 5}), "should hold 5 elements"));
  EXPECT_TRUE(says(refusal(Made{.numel = std::int64_t{1} << 62}), "should hold"));
  EXPECT_TRUE(says(refusal(Made{.numel = -1}), "negative"));
  EXPECT_TRUE(says(refusal(Made{.offset = -1}), "negative"));
  EXPECT_TRUE(says(refusal(Made{.sizes = {-1}}), "negative"));
  EXPECT_TRUE(says(refusal(Made{.strides = {-1}}), "negative"));
  EXPECT_TRUE(says(refusal(Made{.sizes = {4}, .strides = {1, 1}}), "strides"));
  EXPECT_TRUE(says(refusal(Made{.sizes = {3}, .strides = {INT64_MAX}}), "its storage has 4"));
  EXPECT_TRUE(says(refusal(Made{.offset = INT64_MAX, .sizes = {3}, .strides = {INT64_MAX / 2 + 2}}), "further than can be counted"));
  EXPECT_TRUE(says(refusal(Made{.sizes = {1LL << 32, 1LL << 32}, .strides = {0, 0}}), "can be counted"));
  EXPECT_TRUE(says(refusal(Made{.sizes = std::vector<std::int64_t>(9, 1), .strides = std::vector<std::int64_t>(9, 1)}), "dimensions"));
}

TEST(TorchHostile, AStrideOfNothingMakesNoTerabyte) {
  EXPECT_TRUE(says(refusal(Made{.sizes = {1LL << 38}, .strides = {0}}), "than a file of this size can hold"));
  std::string many = "\x80\x02}(" + text("first") + tensor_pickle({.sizes = {1 << 22}, .strides = {0}}) + "q\1";
  for (int i = 0; i < 50; ++i) many += text("w" + std::to_string(i)) + "h\1";
  EXPECT_TRUE(says(refusal(zip_of({{"m/data.pkl", many + "u."}, {"m/data/0", std::string(16, '\0')}})), "than a file of this size can hold"));
}

TEST(TorchHostile, NamesWhatIsNotServed) {
  EXPECT_TRUE(says(refusal(Made{.type = "ComplexFloatStorage"}), "complex"));
  EXPECT_TRUE(says(refusal(Made{.type = "QInt8Storage"}), "quantized"));
  EXPECT_TRUE(says(refusal(Made{.type = "EvilStorage"}), "EvilStorage"));
  EXPECT_TRUE(says(refusal(Made{.function = "_rebuild_qtensor"}), "quantized"));
  EXPECT_TRUE(says(refusal(Made{.function = "_rebuild_sparse_tensor"}), "to_dense"));
  EXPECT_TRUE(says(refusal(Made{.function = "_rebuild_meta_tensor_no_storage"}), "meta"));
  EXPECT_TRUE(says(refusal(Made{.function = "_rebuild_evil"}), "torch._utils._rebuild_evil"));
  EXPECT_TRUE(says(refusal(Made{.more = "}" + text("neg") + "\x88s"}), "resolve_neg"));
  EXPECT_TRUE(says(refusal(Made{.function = "_rebuild_tensor_v3", .more = "ctorch\nfloat8_e4m3fn\n"}), "float8_e4m3fn"));
  EXPECT_TRUE(says(refusal(Made{.type = "BoolStorage", .storage = std::string("\1\0\2\1", 4)}), "neither 0 nor 1"));
}

TEST(TorchHostile, AStorageIsAnEntryOfTheArchiveAndNothingElse) {
  EXPECT_TRUE(says(refusal(Made{.key = "../../x"}), "no entry"));
  EXPECT_TRUE(says(refusal(Made{.key = "1"}), "no entry"));
  EXPECT_TRUE(says(refusal(Made{.key = std::string(300, 'a')}), "300 bytes"));
  const std::string pickle = state_pickle({});
  EXPECT_TRUE(says(refusal(zip_of({{"m/data.pkl", pickle}, {"../../x", "y"}})), "plain relative path"));
  EXPECT_TRUE(says(refusal(zip_of({{"m/data.pkl", pickle}, {"m/data/0", "y"}, {"m/data/0", "y"}})), "twice"));
  EXPECT_TRUE(says(refusal(zip_of({{"m/data.pkl", pickle}, {"m/data/0", std::string(16, '\0')}, {"m/byteorder", "middle"}})), "middle"));
  EXPECT_TRUE(says(refusal(zip_of({{"m/other", "y"}})), "data.pkl"));
  EXPECT_TRUE(says(refusal("\x80\x02}" + text("a") + "Ns."), "zip")) << "no container at all";
}

TEST(TorchHostile, ModulesThatGoInCirclesAreRefused) {
  const std::string cycle =
      "\x80\x02"
      "c__main__\nNet\n)\x81q\1}(" +
      text("_parameters") + "}" + text("_buffers") + "}" + text("_modules") + "}" + text("a") + "h\1su" + "b.";
  EXPECT_TRUE(says(refusal(zip_of({{"m/data.pkl", cycle}})), "nested deeper"));
  const std::string none =
      "\x80\x02"
      "c__main__\nNet\n)\x81}(" +
      text("_parameters") + "}" + text("_modules") + "}" + text("a") + "K\1su" + "b.";
  EXPECT_TRUE(says(refusal(zip_of({{"m/data.pkl", none}})), "the module a is the integer 1"));
}

// Every cut is refused, except where nothing but what PyTorch ignores is lost, which no container here has.
TEST(TorchHostile, EveryCutIsRefused) {
  for (const char* name : {"1.12.1/protocol4.pt", "1.12.1/state_dict_legacy.pt", "1.4.0/state_dict.pt"}) {
    const std::string good = corpus(name);
    ASSERT_EQ(refusal(good), "") << name;
    for (std::size_t size = 0; size < good.size(); ++size) ASSERT_NE(refusal(good.substr(0, size)), "") << name << " cut at " << size;
    EXPECT_NE(refusal(good + "x"), "") << name;
  }
}

TEST(TorchHostile, BentBitsNeverCrash) {
  for (const char* name : {"1.12.1/protocol4.pt", "1.12.1/state_dict_legacy.pt", "1.4.0/module_legacy.pt", "1.12.1/plain.pkl"}) {
    const std::string good = corpus(name);
    for (std::size_t at = 0; at < good.size(); at += good.size() > 8000 ? 7 : 1) {
      std::string bent = good;
      bent[at] = static_cast<char>(bent[at] ^ (1 << (at % 8)));
      refusal(bent);
    }
  }
  for (const char* name : {"2.15.0/tab.pt2", "1.12.1/old_export.pt2", "1.12.1/scripted.pt"}) {
    const std::string good = corpus(name);
    for (std::size_t at = 0; at < good.size(); at += 5) {
      std::string bent = good;
      bent[at] = static_cast<char>(bent[at] ^ (1 << (at % 8)));
      (void)ExportArchive::open(as_bytes(bent));
      (void)ScriptArchive::open(as_bytes(bent));
    }
  }
}

TEST(TorchHostile, AnExportDescribesNothingOutsideItsEntries) {
  const auto refused = [](const std::string& meta) {
    const std::string config = R"({"config": {"w": {"path_name": "weight_0", "is_param": true, "use_pickle": false, "tensor_meta": )" + meta + "}}}";
    const std::string bytes = zip_of(
        {{"m/models/model.json", "{}"}, {"m/data/weights/weight_0", std::string(16, '\0')}, {"m/data/weights/model_weights_config.json", config}});
    const auto archive = ExportArchive::open(as_bytes(bytes));
    return archive.ok() ? std::string() : archive.error().detail();
  };
  const auto meta = [](std::string_view dtype, std::string_view sizes, std::string_view strides, std::string_view offset) {
    return R"({"dtype": )" + std::string(dtype) + R"(, "sizes": [)" + std::string(sizes) + R"(], "strides": [)" + std::string(strides) +
           R"(], "storage_offset": {"as_int": )" + std::string(offset) + R"(}, "layout": 7})";
  };
  EXPECT_EQ(refused(meta("7", R"({"as_int": 4})", R"({"as_int": 1})", "0")), "");
  EXPECT_TRUE(says(refused(meta("7", R"({"as_int": 5})", R"({"as_int": 1})", "0")), "its storage has 4"));
  EXPECT_TRUE(says(refused(meta("7", R"({"as_int": 4})", R"({"as_int": 1})", "-1")), "storage_offset"));
  EXPECT_TRUE(says(refused(meta("7", R"({"as_int": 4})", R"({"as_int": 1})", "99999999999999999999")), "storage_offset"));
  EXPECT_TRUE(says(refused(meta("10", R"({"as_int": 1})", R"({"as_int": 1})", "0")), "complex"));
  EXPECT_TRUE(says(refused(meta("7", R"({"as_expr": 4})", R"({"as_int": 1})", "0")), "sizes"));
}

std::string safe(const std::string& header, const std::string& data, std::optional<std::uint64_t> claimed = {}) {
  std::string out;
  put(out, claimed.value_or(header.size()), 8);
  return out + header + data;
}
std::string safe_refusal(const std::string& bytes) {
  const auto read = safetensors::read(as_bytes(bytes));
  if (!read.ok()) return read.error().detail();
  for (const NamedTensor& t : read->weights.tensors()) {
    const auto made = t.tensor.materialise();
    if (!made.ok()) return made.error().detail();
  }
  return "";
}

TEST(Safetensors, AreReadOneWayOnly) {
  const std::string one = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", eight(8, '\0');
  EXPECT_EQ(safe_refusal(safe(one, eight)), "");
  EXPECT_EQ(safe_refusal(safe(one + "   ", eight)), "") << "headers are padded by spaces";
  EXPECT_TRUE(says(safe_refusal(safe(one, eight, std::uint64_t{1} << 63)), "9223372036854775808"));
  EXPECT_TRUE(says(safe_refusal(safe(one, eight, 90'000'000)), "complete"));
  EXPECT_TRUE(says(safe_refusal(safe(one, eight + "x")), "belong to none"));
  EXPECT_TRUE(says(safe_refusal(safe(one, "")), "not within the file"));
  const auto two = [](const std::string& a, const std::string& b) {
    return R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[)" + a + R"(]},"b":{"dtype":"F32","shape":[2],"data_offsets":[)" + b + "]}}";
  };
  const std::string data(24, '\0');
  EXPECT_EQ(safe_refusal(safe(two("8,16", "0,8"), data.substr(8))), "");
  EXPECT_TRUE(says(safe_refusal(safe(two("0,8", "4,12"), data.substr(12))), "overlaps"));
  EXPECT_TRUE(says(safe_refusal(safe(two("0,8", "0,8"), eight)), "overlaps"));
  EXPECT_TRUE(says(safe_refusal(safe(two("0,8", "16,24"), data)), "belong to none"));
  EXPECT_TRUE(says(safe_refusal(safe(two("8,0", "0,8"), data)), "not within the file"));
  EXPECT_TRUE(says(safe_refusal(safe(two("0,7", "8,16"), data)), "has 7 bytes"));
  EXPECT_TRUE(says(
      safe_refusal(safe(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", eight)),
      "twice"));
  const auto typed = [&](const std::string& dtype, const std::string& shape) {
    return safe_refusal(safe(R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":[0,8]}})", eight));
  };
  EXPECT_TRUE(says(typed("F8_E4M3", "[8]"), "quantized"));
  EXPECT_TRUE(says(typed("C64", "[1]"), "complex"));
  EXPECT_TRUE(says(typed("X", "[1]"), "none that is known"));
  EXPECT_TRUE(says(typed("F32", "[-2]"), "sizes"));
  EXPECT_TRUE(says(typed("F32", "[2.0]"), "sizes"));
  EXPECT_TRUE(says(typed("F32", "[9223372036854775807, 9223372036854775807]"), "shape"));
  EXPECT_TRUE(says(typed("F32", "[18446744073709551615]"), "sizes"));
  EXPECT_TRUE(says(safe_refusal(safe("{}", "")), "no tensors"));
  EXPECT_TRUE(says(safe_refusal(safe(std::string(5000, '['), "")), "'{'"));
}

TEST(Safetensors, EveryCutIsRefusedAndBentBitsNeverCrash) {
  const std::string good = corpus("1.12.1/dtypes.safetensors");
  ASSERT_EQ(safe_refusal(good), "");
  for (std::size_t size = 0; size < good.size(); ++size) ASSERT_NE(safe_refusal(good.substr(0, size)), "") << size;
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bent = good;
    bent[at] = static_cast<char>(bent[at] ^ (1 << (at % 8)));
    safe_refusal(bent);
  }
}

}  // namespace
}  // namespace slipway::torch
