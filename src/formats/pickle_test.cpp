#include "slipway/formats/pickle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "slipway/base/encoding.hpp"

namespace slipway::pickle {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using namespace std::string_literals;

// Little-endian integers of a stream.
std::string le(std::uint64_t value, std::size_t bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}
std::string unicode(std::string_view text) { return "\x8c" + le(text.size(), 1) + std::string(text); }
std::string global(std::string_view module, std::string_view name) { return "c" + std::string(module) + "\n" + std::string(name) + "\n"; }
std::string bytes_of(std::string_view data) { return "B" + le(data.size(), 4) + std::string(data); }
std::string p4(const std::string& body) { return "\x80\x04" + body + "."; }
std::string dtype(std::string_view text, std::string_view order = "<") {
  return global("numpy", "dtype") + "(" + unicode(text) + "\x89\x88tR(K\x03" + unicode(order) + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"s;
}
std::string shape(std::initializer_list<int> dims) {
  std::string out = "(";
  for (const int d : dims) out += "J" + le(static_cast<std::uint32_t>(d), 4);
  return out + "t";
}
std::string array(const std::string& dims, const std::string& type, const std::string& data, bool fortran = false) {
  return global("numpy.core.multiarray", "_reconstruct") + global("numpy", "ndarray") + "K\x00\x85"s + bytes_of("b") + "\x87R(K\x01" + dims + type +
         (fortran ? "\x88" : "\x89") + data + "tb";
}
template <class T>
std::string raw(std::initializer_list<T> values) {
  return std::string(reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T));
}
std::string swapped(std::string data, std::size_t size) {
  for (std::size_t i = 0; i < data.size(); i += size) std::reverse(data.begin() + static_cast<long>(i), data.begin() + static_cast<long>(i + size));
  return data;
}

// Keeps the bytes, as a Document wants.
class Read {
 public:
  explicit Read(std::string stream, const Limits& limits = {}) : stream_(std::move(stream)), result_(read(as_bytes(stream_), limits)) {}
  bool ok() const { return result_.ok(); }
  std::string refusal() const { return result_.ok() ? "" : result_.error().detail(); }
  const Document& operator*() const { return result_.value(); }
  const Document* operator->() const { return &result_.value(); }
  View root() const {
    if (!result_.ok()) {
      ADD_FAILURE() << refusal();
      static const std::string kNothing = "N.";
      static const Document kEmpty = std::move(read(as_bytes(kNothing))).value();
      return kEmpty.root();
    }
    return result_.value().root();
  }

 private:
  std::string stream_;
  Result<Document> result_;
};
std::string refusal(const std::string& stream, const Limits& limits = {}) { return Read(stream, limits).refusal(); }

TEST(PickleReader, ReadsNumbersOfEveryOpcode) {
  const Read r(
      "(I7\nI-7\nI01\nI00\nL123L\nF1.5\nFnan\nF-inf\nJ\xfe\xff\xff\xffK\xffM\xff\xff\x8a\x01\x80\x8a\x00\x8b\x02\x00\x00\x00\x00\x01G?\xf8\x00\x00\x00\x00\x00\x00N\x88\x89l."s);
  const View root = r.root();
  ASSERT_EQ(root.size(), 18U);
  const std::vector<double> wanted = {7, -7, 1, 0, 123, 1.5, NAN, -INFINITY, -2, 255, 65535, -128, 0, 256, 1.5};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const double v = root.at(i).number().value();
    EXPECT_TRUE(v == wanted[i] || (std::isnan(v) && std::isnan(wanted[i]))) << i << ": " << v;
  }
  EXPECT_EQ(root.at(2).kind(), Kind::boolean);
  EXPECT_TRUE(root.at(14).is(Kind::real));
  EXPECT_TRUE(root.at(14 + 1).is_none());
  EXPECT_EQ(root.at(16).boolean().value(), true);
}

TEST(PickleReader, ReadsLargeIntegersAsNumbersOnly) {
  const Read r("(L18446744073709551616\n\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\xfft."s);
  EXPECT_EQ(r.root().at(0).number().value(), 0x1p64);
  EXPECT_EQ(r.root().at(1).number().value(), 0x1p64);
  EXPECT_EQ(r.root().at(2).number().value(), -0x1p64);
  EXPECT_THAT(r.root().at(1).integer().error().detail(), HasSubstr("[1]: an integer is expected, there is a large integer"));
}

TEST(PickleReader, ReadsTextsOfPython2And3) {
  const Read r(
      "(S'a\\n\\x41\\''\nS\"q\"\nU\x02\xe9zT\x01\x00\x00\x00tVgr\xfc\\u00dfe \\ud83d\\ude00 \\\\u\nX\x02\x00\x00\x00\xc3\xa9\x8c\x01y\x8d\x01\x00\x00\x00\x00\x00\x00\x00zt."s);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < r.root().size(); ++i) texts.push_back(r.root().at(i).text().value());
  EXPECT_THAT(texts, ElementsAre("a\nA'", "q", "\u00e9z", "t", "gr\u00fc\u00dfe \U0001F600 \\\\u", "\u00e9", "y", "z"));
  EXPECT_EQ(r.root().at(2).bytes().value(), "\xe9z");
  EXPECT_TRUE(r.root().at(2).is_text("\u00e9z"));
  EXPECT_FALSE(r.root().at(2).is_text("\xe9z"));
}

TEST(PickleReader, ReadsBytes) {
  const Read r(
      "(C\x01\xff"
      "B\x01\x00\x00\x00\xfe\x8e\x01\x00\x00\x00\x00\x00\x00\x00\xfd\x96\x01\x00\x00\x00\x00\x00\x00\x00\xfc\x98"s +
      global("_codecs", "encode") + "(V\\u00ff\xc3\nX\x06\x00\x00\x00latin1tR"s + global("__builtin__", "bytearray") + "(V\xe9\nU\x07latin-1tR" +
      global("__builtin__", "bytes") + ")Rt.");
  std::vector<std::string> found;
  for (std::size_t i = 0; i < r.root().size(); ++i) found.push_back(r.root().at(i).bytes().value());
  EXPECT_THAT(found, ElementsAre("\xff", "\xfe", "\xfd", "\xfc", "\xff\xc3", "\xe9", ""));
}

TEST(PickleReader, ReadsContainersAndTheMemo) {
  const Read r(
      p4("(]\x94(K\x01K\x02"
         "eh\x00"
         "a}(K\x05"s +
         unicode("v") +
         "uK\x09Ns\x8f(K\x01\x90(K\x01K\x02\x91)K\x01\x85K\x01K\x02\x86K\x01K\x02K\x03\x87(t"
         "K\x07"
         "20(K\x01"
         "1N0(0t"s));
  const View root = r.root();
  ASSERT_EQ(root.size(), 10U);
  const View list = root.at(0);
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list.at(2).id(), list.id());  // it holds itself
  EXPECT_EQ(list.at(2).at(2).at(1).path(), "[0][2][2][1]");
  EXPECT_EQ(root.at(1).entries(), 2U);
  EXPECT_EQ(root.at(1).key_at(0).integer().value(), 5);
  EXPECT_TRUE(root.at(1).value_at(0).is_text("v"));
  EXPECT_EQ(root.at(1).value_at(1).path(), "[1][9]");
  EXPECT_EQ(root.at(2).size(), 1U);
  EXPECT_EQ(root.at(3).size(), 2U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(root.at(4 + i).size(), i);
  EXPECT_EQ(root.at(8).size(), 0U);
}

TEST(PickleReader, ReadsTheMemoOfEveryOpcode) {
  const Read r(
      "(K\x01p0\n0K\x02q\x01"
      "0K\x03r\x02\x00\x00\x00"
      "0K\x04r\xff\xff\xff\xff"
      "0g0\nh\x01j\x02\x00\x00\x00j\xff\xff\xff\xfft."s);
  EXPECT_THAT(r.root().integers().value(), ElementsAre(1, 2, 3, 4));
}

TEST(PickleReader, MakesInertObjectsOfEveryCallingOpcode) {
  const std::string c = global("m", "C");
  const Read r("(" + c + "(K\x01tR" + c + "K\x01\x85\x81" + c + "K\x01\x85}" + unicode("k") + "K\x02s\x92(K\x01im\nC\n(" + c +
               "K\x01o\x8c\x01m\x8c\x01"
               "C\x93K\x01\x85RPid\nK\x07Qt.");
  const View root = r.root();
  ASSERT_EQ(root.size(), 8U);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(root.at(i).kind(), Kind::object) << i;
    EXPECT_EQ(root.at(i).qualified_name(), "m.C") << i;
    ASSERT_EQ(root.at(i).arguments(), 1U) << i;
    EXPECT_EQ(root.at(i).argument(0)->integer().value(), 1) << i;
  }
  EXPECT_EQ(root.at(2).attribute("k").value().integer().value(), 2);
  EXPECT_EQ(root.at(6).kind(), Kind::persistent);
  EXPECT_THAT(root.at(7).describe(), HasSubstr("BINPERSID"));
  EXPECT_THAT(r->globals(), ElementsAre("m.C"));
}

TEST(PickleReader, GivesStateAsAttributes) {
  const std::string c = global("m", "C") + ")\x81";
  const Read r(p4("(" + c + "}" + unicode("a") + "K\x01sb" + c + "}" + unicode("a") + "K\x01s}" + unicode("s") + "K\x02s\x86" + "b" + c + "N}" +
                  unicode("s") + "K\x03s\x86" + "b" + c + "K\x05" + "bt"));
  const View root = r.root();
  EXPECT_EQ(root.at(0).attribute("a").value().path(), "[0].a");
  EXPECT_THAT(root.at(0).attribute("coef_").error().detail(), HasSubstr("[0]: C has no coef_ (is it fitted?)"));
  EXPECT_THAT(root.at(1).attributes(), ElementsAre("a", "s"));
  EXPECT_EQ(root.at(1).find("s")->integer().value(), 2);
  EXPECT_EQ(root.at(2).find("s")->integer().value(), 3);
  EXPECT_FALSE(root.at(2).state().has_value());
  EXPECT_EQ(root.at(3).state()->integer().value(), 5);
}

TEST(PickleReader, RecordsItemsOfContainerSubclasses) {
  const Read r(p4("(" + global("collections", "OrderedDict") + ")R(" + unicode("a") + "K\x01" + unicode("b") + "K\x02u" + global("m", "List") +
                  ")\x81(K\x01K\x02" + "e" + global("collections", "OrderedDict") + "](](" + unicode("x") + "K\x05" + "ee\x85R" +
                  global("copy_reg", "_reconstructor") + "(" + global("sklearn.utils", "Bunch") + global("__builtin__", "dict") + "}" + unicode("y") +
                  "K\x06stRt"));
  const View root = r.root();
  EXPECT_EQ(root.at(0).get("b")->integer().value(), 2);
  EXPECT_EQ(root.at(0).entries(), 2U);
  EXPECT_EQ(root.at(1).size(), 2U);
  EXPECT_EQ(root.at(2).get("x")->integer().value(), 5);
  EXPECT_EQ(root.at(3).name(), "Bunch");
  EXPECT_EQ(root.at(3).get("y")->integer().value(), 6);
}

TEST(PickleReader, FindsTheLastOfEqualKeysInSmallAndLargeDicts) {
  for (const int n : {3, 300}) {
    std::string body = "}(";
    for (int i = 0; i < n; ++i) body += unicode("key" + std::to_string(i % (n - 1))) + "M" + le(static_cast<std::uint64_t>(i), 2);
    const Read r(p4(body + "u"));
    EXPECT_EQ(r.root().get("key0")->integer().value(), n - 1) << n;
    EXPECT_EQ(r.root().get("key1")->integer().value(), 1) << n;
    EXPECT_FALSE(r.root().get("key").has_value());
  }
}

TEST(PickleNumpy, ReadsArraysOfEveryOrder) {
  const std::string f8 = dtype("f8");
  const std::string data = raw({1.0, 2.0, 3.0, 4.0, 5.0, 6.0});
  const Read r(p4("(" + array(shape({2, 3}), f8, bytes_of(data)) + array(shape({2, 3}), f8, bytes_of(data), true) +
                  array(shape({2, 3}), dtype("f8", ">"), bytes_of(swapped(data, 8))) + array(shape({}), dtype("i4"), bytes_of(raw({7}))) +
                  array(shape({0, 3}), f8, bytes_of("")) + "t"));
  const View root = r.root();
  EXPECT_THAT(root.at(0).doubles().value(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(root.at(1).doubles().value(), ElementsAre(1, 3, 5, 2, 4, 6));
  EXPECT_THAT(root.at(2).doubles().value(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(root.at(2).tensor().value().as<double>(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(root.at(2).dtype_text(), ">f8");
  EXPECT_THAT(root.at(1).shape(), ElementsAre(2, 3));
  EXPECT_EQ(root.at(3).integer().value(), 7);
  EXPECT_EQ(root.at(4).tensor().value().count(), 0U);
}

TEST(PickleNumpy, ReadsTextAndObjectArrays) {
  const std::string u2 = global("numpy", "dtype") + "(" + unicode("U2") + "\x89\x88tR(K\x03" + unicode("<") + "NNNK\x08K\x04K\x08tb";
  const std::string o =
      global("numpy", "dtype") + "(" + unicode("O8") + "\x89\x88tR(K\x03" + unicode("|") + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb";
  const Read r(p4("(" + array(shape({2}), u2, bytes_of("a\0\0\0\xe9\0\0\0z\0\0\0\0\0\0\0"s)) +
                  array(shape({2, 2}), o, "](" + unicode("p") + unicode("q") + unicode("r") + unicode("s") + "e", true) +
                  array(shape({3}), o, "](" + unicode("p") + "NG?\xf8\x00\x00\x00\x00\x00\x00"s + "e") + "t"));
  const View root = r.root();
  EXPECT_THAT(root.at(0).texts().value(), ElementsAre("a\u00e9", "z"));
  EXPECT_EQ(root.at(0).dtype_text(), "<U2");
  EXPECT_THAT(root.at(1).texts().value(), ElementsAre("p", "r", "q", "s"));
  EXPECT_THAT(root.at(1).tensor().value().shape(), ElementsAre(2, 2));
  EXPECT_TRUE(root.at(1).at(1).is_text("r"));
  EXPECT_TRUE(root.at(2).is_object_array());
  EXPECT_THAT(root.at(2).texts().error().detail(), HasSubstr("[2]: texts are expected, one is None"));
}

TEST(PickleNumpy, ReadsFieldsOfRecords) {
  const std::string record = global("numpy", "dtype") + "(" + unicode("V16") + "\x89\x88tR(K\x03" + unicode("|") + "N(" + unicode("left") +
                             unicode("x") + "t}(" + unicode("left") + dtype("i4") + "K\x00\x86"s + unicode("x") + dtype("f8", ">") +
                             "K\x08\x86uK\x10K\x01K\x10tb";
  std::string data;
  for (int i = 0; i < 3; ++i) data += raw({i}) + "pad." + swapped(raw({i + 0.5}), 8);
  const Read r(p4(array(shape({3}), record, bytes_of(data))));
  EXPECT_EQ(r.root().dtype_text(), "[('left','<i4'),('x','>f8')]");
  EXPECT_THAT(r.root().field("left").value().as<std::int32_t>(), ElementsAre(0, 1, 2));
  EXPECT_THAT(r.root().field("x").value().as<double>(), ElementsAre(0.5, 1.5, 2.5));
  EXPECT_FALSE(r.root().has_field("y"));
  EXPECT_FALSE(r.root().field("y").ok());
  EXPECT_FALSE(r.root().tensor().ok());
}

TEST(PickleNumpy, ReadsScalars) {
  auto scalar = [](const std::string& type, const std::string& data) {
    return global("numpy._core.multiarray", "scalar") + type + bytes_of(data) + "\x86R";
  };
  const Read r(p4("(" + scalar(dtype("f8"), raw({2.5})) + scalar(dtype("f4", ">"), swapped(raw({1.5F}), 4)) + scalar(dtype("i1"), "\xff") +
                  scalar(dtype("u8"), raw({~0ULL})) + scalar(dtype("b1"), "\x01") + scalar(dtype("f2"), "\x00\x3c"s) +
                  scalar(dtype("U1"), "\xe9\0\0\0"s) + "t"));
  const View root = r.root();
  EXPECT_EQ(root.at(0).number().value(), 2.5);
  EXPECT_EQ(root.at(0).dtype_text(), "<f8");
  EXPECT_EQ(root.at(1).number().value(), 1.5);
  EXPECT_EQ(root.at(2).integer().value(), -1);
  EXPECT_EQ(root.at(3).number().value(), 0x1p64);
  EXPECT_FALSE(root.at(3).integer().ok());
  EXPECT_EQ(root.at(4).boolean().value(), true);
  EXPECT_EQ(root.at(5).number().value(), 1.0);
  EXPECT_TRUE(root.at(6).is_text("\u00e9"));
}

TEST(PickleNumpy, ReadsBuffersOfProtocol5) {
  auto buffer = [](const std::string& order, const std::string& rest = "t") {
    return global("numpy._core.numeric", "_frombuffer") + "(\x96" + le(24, 8) + raw<std::int32_t>({1, 2, 3, 4, 5, 6}) + dtype("i4") + shape({2, 3}) +
           unicode(order) + rest + "R";
  };
  const Read r("\x80\x05(" + buffer("C") + buffer("F") + buffer("K", "K\x01K\x00\x86t"s) + "t.");
  EXPECT_THAT(r.root().at(0).integers().value(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(r.root().at(1).integers().value(), ElementsAre(1, 3, 5, 2, 4, 6));
  EXPECT_THAT(r.root().at(2).integers().value(), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(r.root().at(2).shape(), ElementsAre(3, 2));
}

std::string wrapper(const std::string& dims, const std::string& order, const std::string& type, bool aligned) {
  return global("joblib.numpy_pickle", "NumpyArrayWrapper") + ")\x81}(" + unicode("subclass") + global("numpy", "ndarray") + unicode("shape") + dims +
         unicode("order") + unicode(order) + unicode("dtype") + type + unicode("allow_mmap") + "\x88" +
         (aligned ? unicode("numpy_array_alignment_bytes") + "K\x10" : "") + "ub";
}

TEST(PickleJoblib, ReadsRawArraysInTheStream) {
  const std::string numbers = raw({1.0, 2.0, 3.0, 4.0});
  const std::string objects = "\x80\x02" + array(shape({1}), dtype("O8"), "]" + unicode("deep") + "a") + ".";
  const Read r(p4("(" + wrapper(shape({4}), "C", dtype("f8"), false) + numbers + wrapper(shape({2, 2}), "F", dtype("f8"), true) + "\x03\xff\xff\xff" +
                  numbers + wrapper(shape({1}), "C", dtype("O8"), true) + objects + "\x95" + le(1'000'000, 8) + "K\x07t"));
  const View root = r.root();
  EXPECT_TRUE(r->is_joblib());
  EXPECT_THAT(root.at(0).doubles().value(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(root.at(1).doubles().value(), ElementsAre(1, 3, 2, 4));
  EXPECT_THAT(root.at(2).texts().value(), ElementsAre("deep"));
  EXPECT_EQ(root.at(3).integer().value(), 7);
}

TEST(PickleJoblib, RefusesWhatOldVersionsWroteIntoSeveralFiles) {
  const std::string state = "}X\x08" + std::string(3, '\0') + "filenameX\x05" + std::string(3, '\0') + "a.npys";
  EXPECT_THAT(refusal(p4(global("joblib.numpy_pickle", "NDArrayWrapper") + ")\x81" + state + "b")), HasSubstr("joblib 0.9 or older"));
}

TEST(PickleReader, NamesOpcodeAndOffsetInItsRefusals) {
  EXPECT_EQ(refusal("\x80\x04\x8d" + le(10'737'418'240, 8) + "twelve bytes"),
            "opcode BINUNICODE8 at byte 2: claims 10737418240 bytes, the file has 12 left");
  EXPECT_EQ(refusal("K\x01K\x02"
                    "a."),
            "opcode APPEND at byte 4: it adds to an integer, which takes no items");
  EXPECT_EQ(refusal("K\x01K\x02K\x03s."), "opcode SETITEM at byte 6: it sets entries of an integer, which has none");
  EXPECT_EQ(refusal("K\x01}b."), "opcode BUILD at byte 3: it gives a state to an integer, which takes none");
  EXPECT_EQ(refusal("."), "opcode STOP at byte 0: the stack is empty");
  EXPECT_EQ(refusal("K\x01(K\x02."), "opcode STOP at byte 5: values are left over on the stack");
  EXPECT_EQ(refusal("(K\x01R."), "opcode REDUCE at byte 3: the stack is empty");
  EXPECT_EQ(refusal("K\x01)R."), "opcode REDUCE at byte 3: a class or function is expected, there is an integer");
  EXPECT_EQ(refusal("t."), "opcode TUPLE at byte 0: no MARK before it");
  EXPECT_EQ(refusal("h\x05."), "opcode BINGET at byte 0: nothing is stored under 5");
  EXPECT_EQ(refusal("\x82\x01."), "opcode EXT1 at byte 0: the extension registry is not supported");
  EXPECT_THAT(refusal("\x97."), HasSubstr("opcode NEXT_BUFFER at byte 0: out-of-band buffers"));
  EXPECT_THAT(refusal("\x07"), HasSubstr("opcode 0x07 at byte 0"));
  EXPECT_THAT(refusal("\x80\x06N."), HasSubstr("protocol 6"));
  EXPECT_THAT(refusal("(K\x01"
                      "d."),
              HasSubstr("opcode DICT at byte 3: a key without a value"));
  EXPECT_THAT(refusal("]K\x01K\x02(\x90."), HasSubstr("ADDITEMS"));
}

TEST(PickleReader, RefusesTrailingBytesAndIncompleteFiles) {
  EXPECT_THAT(refusal("N.N."), HasSubstr("2 trailing bytes follow"));
  EXPECT_THAT(refusal("\x80\x04N"), HasSubstr("ends after 3 bytes, before the STOP opcode"));
  EXPECT_THAT(refusal(""), HasSubstr("empty"));
  EXPECT_THAT(refusal("cos\nsystem"), HasSubstr("the file ends within its argument"));
}

TEST(PickleReader, RefusesArraysThatLie) {
  const std::string f8 = dtype("f8");
  EXPECT_THAT(refusal(p4(array(shape({3}), f8, bytes_of(raw({1.0, 2.0}))))), HasSubstr("needs 24 bytes, 16 are there"));
  EXPECT_THAT(refusal(p4(array(shape({-1}), f8, bytes_of("")))), HasSubstr("negative dimension"));
  EXPECT_THAT(refusal(p4(array(shape({1 << 30, 1 << 30, 1 << 30}), f8, bytes_of("")))), HasSubstr("too large"));
  EXPECT_THAT(refusal(p4(array(shape({0, 1 << 30, 1 << 30}), f8, bytes_of("")))), HasSubstr("too large"));
  EXPECT_THAT(refusal(p4(array(shape({5}), dtype("S0"), bytes_of("")))), HasSubstr("no bytes"));
  EXPECT_THAT(refusal(p4(array(shape({1}), dtype("O8"), bytes_of("12345678")))), HasSubstr("no list"));
  EXPECT_THAT(refusal(p4(dtype("q9"))), HasSubstr("'q9' is not known"));
  EXPECT_THAT(refusal(p4(wrapper(shape({1 << 28}), "C", f8, false) + "few")), HasSubstr("claims 2147483648 bytes"));
}

TEST(PickleReader, KeepsUnknownNamesInert) {
  const Read r(p4(global("os", "system") + unicode("echo hello") + "\x85R"));
  EXPECT_EQ(r.root().qualified_name(), "os.system");
  EXPECT_EQ(r.root().describe(), "an object of os.system");
}

TEST(PickleReader, HoldsItsLimits) {
  EXPECT_THAT(refusal(std::string(20'000, '(') + "."), HasSubstr("nested deeper"));
  Limits few;
  few.opcodes_max = 10;
  EXPECT_THAT(refusal(std::string(20, 'N') + ".", few), HasSubstr("opcodes"));
  few = {};
  few.nodes_max = 10;
  EXPECT_THAT(refusal(std::string(20, ']') + ".", few), HasSubstr("objects"));
}

TEST(PickleReader, SurvivesDeepAndSharedStructures) {
  const Read deep("N" + std::string(200'000, '\x85') + ".");
  ASSERT_TRUE(deep.ok());
  EXPECT_FALSE(deep.root().doubles().ok());
  std::string dag = "K\x01\x85";
  for (int i = 0; i < 60; ++i) dag += "2\x86";
  const Read shared(dag + ".");
  ASSERT_TRUE(shared.ok());
  EXPECT_THAT(shared.root().doubles().error().detail(), HasSubstr("larger than the file"));
  EXPECT_THAT(shared.root().tensor().error().detail(), HasSubstr("larger than the file"));
  const Read cycle(
      "]q\x00h\x00"
      "a."s);
  EXPECT_FALSE(cycle.root().doubles().ok());
  EXPECT_FALSE(cycle.root().texts().ok());
}

// What a small file can ask for is told by its size, however well it packs: counts, not times.
TEST(PickleReader, HoldsASmallFileToItsSize) {
  const auto repeated = [](std::string_view part, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += part;
    return out;
  };
  const Limits packed{.packed_bytes = 20'000};
  const std::string dicts = "\x80\x02]" + repeated("}a", 1'100'000) + ".";
  EXPECT_NE(refusal(dicts, packed).find("more than 1000000 objects"), std::string::npos);
  EXPECT_NE(refusal(dicts).find("more than 1000000 objects"), std::string::npos);  // two bytes each: no model is of empty dicts
  EXPECT_NE(refusal("\x80\x02N" + repeated("N0", 4'100'000) + ".", packed).find("more than 8000000 opcodes"), std::string::npos);
  EXPECT_NE(refusal("\x80\x02(" + repeated("N", 4'100'000) + "t.").find("more than 4000000 values on the stack"), std::string::npos);
  EXPECT_NE(refusal("\x80\x04]" + repeated("\x94", 1'100'000) + ".").find("memo"), std::string::npos);
  std::string names = "\x80\x02](";
  for (int i = 0; i < 20'100; ++i) names += global("m", "n" + std::to_string(i));
  EXPECT_NE(refusal(names + "e.").find("different names"), std::string::npos);
  EXPECT_NE(refusal("\x80\x02" + global("m", "n") + "q\x00]("s + repeated("h\x00)R"s, 510'000) + "e.").find("more objects of classes"),
            std::string::npos);
}

TEST(PickleReader, TakesLongListsOfNumbersAndLargeVocabularies) {
  std::string numbers = "\x80\x02](";
  for (std::size_t i = 0; i < 3'000'000; ++i) numbers += "M" + le(i % 65536, 2);
  const Read list(numbers + "e.");
  ASSERT_TRUE(list.ok()) << list.refusal();
  EXPECT_EQ(list.root().at(2'999'999).integer().value(), 2'999'999 % 65536);
  std::string terms = "\x80\x04}(";
  for (std::size_t i = 0; i < 700'000; ++i) terms += unicode(std::to_string(100'000 + i)) + "\x94J" + le(i, 4);
  const Read vocabulary(terms + "u.", {.packed_bytes = terms.size() / 6});
  ASSERT_TRUE(vocabulary.ok()) << vocabulary.refusal();
  EXPECT_EQ(vocabulary.root().entries(), 700'000U);
}

TEST(PickleView, ReadsASharedArrayNotForEver) {
  std::string body = "]q\x00("s + array(shape({1000}), dtype("f8"), bytes_of(std::string(8000, '\0'))) + "q\x01"s;
  for (int i = 0; i < 50'000; ++i) body += "h\x01";
  const std::string stream = body + "e.";
  Limits limits;
  limits.values_max = 100'000;
  const Read r(stream, limits);
  EXPECT_THAT(r.root().doubles().error().detail(), HasSubstr("share so many parts"));
  std::size_t read = 0;
  while (read < r.root().size() && r.root().at(read).doubles().ok()) ++read;
  EXPECT_GT(read, 100U);
  EXPECT_LT(read, 3'000U);
}

TEST(PickleReader, EncodesASharedTextOnlyOnce) {
  const std::string text(100'000, 'x');
  std::string stream = "\x80\x02" + global("_codecs", "encode") +
                       "q\x00"
                       "0X"s +
                       le(text.size() + 2, 4) + text +
                       "\xc3\xa9q\x01"
                       "0U\x06latin1q\x02"
                       "0(";
  for (int i = 0; i < 10'000; ++i) stream += "h\x00h\x01h\x02\x86R"s;
  const Read r(stream + "l.");
  ASSERT_EQ(r.root().size(), 10'000U);
  EXPECT_EQ(r.root().at(0).id(), r.root().at(9'999).id());
  EXPECT_EQ(r.root().at(0).bytes().value().size(), text.size() + 1);
}

TEST(PickleView, GivesListsAsTensors) {
  const Read r(
      p4("(](](K\x01K\x02"
         "e](K\x03K\x04"
         "ee](K\x01G?\xf8\x00\x00\x00\x00\x00\x00"
         "e](\x88\x89"
         "e](](K\x01"
         "e](K\x02K\x03"
         "ee]("s +
         unicode("a") + unicode("b") + "e]t"));
  const View root = r.root();
  EXPECT_THAT(root.at(0).tensor().value().shape(), ElementsAre(2, 2));
  EXPECT_EQ(root.at(0).tensor().value().dtype(), DType::int64);
  EXPECT_EQ(root.at(1).tensor().value().dtype(), DType::float64);
  EXPECT_EQ(root.at(2).tensor().value().dtype(), DType::boolean);
  EXPECT_THAT(root.at(3).tensor().value().shape(), ElementsAre(3));
  EXPECT_THAT(root.at(4).tensor().value().strings(), ElementsAre("a", "b"));
  EXPECT_EQ(root.at(5).tensor().value().count(), 0U);
}

TEST(PickleView, DescribesInBoundedWords) {
  const Read r("X" + le(5000, 4) + std::string(5000, 'w') + ".");
  EXPECT_LT(r.root().describe().size(), 100U);
  const Read name(p4(global(std::string(500, 'm'), std::string(500, 'n')) + ")R"));
  EXPECT_LT(name.root().describe().size(), 200U);
  EXPECT_LT(name.root().attribute("x").error().detail().size(), 200U);
}

TEST(PickleDetection, KnowsPicklesByTheirBeginning) {
  EXPECT_TRUE(looks_like_pickle(as_bytes("\x80\x04N.")));
  EXPECT_TRUE(looks_like_pickle(as_bytes("csklearn\nC\n.")));
  EXPECT_TRUE(looks_like_pickle(as_bytes("(dp0\n.")));
  EXPECT_FALSE(looks_like_pickle(as_bytes("PK\x03\x04")));
  EXPECT_FALSE(looks_like_pickle(as_bytes("{\"a\": 1}")));
  EXPECT_FALSE(looks_like_pickle(as_bytes("")));
}

}  // namespace
}  // namespace slipway::pickle
