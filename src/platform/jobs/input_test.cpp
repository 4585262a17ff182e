#include "slipway/platform/jobs/input.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "slipway/platform/jobs/output.hpp"

namespace slipway::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class InputTest : public testing::Test {
 protected:
  Cutter cutter(Format format, std::string input) {
    text = std::move(input);
    return Cutter(
        format,
        [this](std::uint64_t offset, std::span<std::byte> into) -> Result<std::size_t> {
          const std::size_t n = std::min(into.size(), text.size() - static_cast<std::size_t>(offset));
          std::memcpy(into.data(), text.data() + offset, n);
          return n;
        },
        text.size());
  }
  // Every row of it, asked for `rows` at a time; "line:text".
  static std::vector<std::string> all(Cutter& cutter, std::size_t rows) {
    std::vector<std::string> out;
    for (;;) {
      const auto chunk = cutter.next(rows, 1 << 20);
      if (!chunk.ok()) {
        out.push_back(chunk.error().detail());
        return out;
      }
      if (chunk->records.empty()) return out;
      EXPECT_LE(chunk->records.size(), rows);
      for (std::size_t i = 0; i < chunk->records.size(); ++i)
        out.push_back(std::to_string(chunk->records[i].line) + ":" + std::string(chunk->record(i)));
    }
  }
  std::string text;
};

Schema schema() {
  Schema s;
  s.kind = "classifier";
  s.features = {{.name = "a", .input = "X", .column = 0}, {.name = "b", .input = "X", .column = 1}};
  s.inputs = {{.name = "X", .dtype = DType::float64, .shape = {-1, 2}}};
  s.outputs = {{.name = "label", .dtype = DType::string, .shape = {-1}}, {.name = "probabilities", .dtype = DType::float64, .shape = {-1, 2}}};
  s.batched = s.rows_independent = true;
  s.classes = {json::Value("no"), json::Value("yes, sir")};
  return s;
}

TEST_F(InputTest, CsvIsCutAtLineEndsOutsideQuotes) {
  for (const std::size_t rows : {1, 2, 100}) {
    Cutter c = cutter(Format::csv,
                      "\xEF\xBB\xBF"
                      "a,b\r\n1,2\r\n\r\n3,\"x\r\ny\"\n4,\"say \"\"hi\"\"\"\r5,5\" pipe\n\n6,7");
    ASSERT_TRUE(c.begin().ok());
    EXPECT_EQ(c.header(), "a,b");
    EXPECT_THAT(all(c, rows), ElementsAre("2:1,2", "4:3,\"x\r\ny\"", "6:4,\"say \"\"hi\"\"\"", "7:5,5\" pipe", "9:6,7"));
  }
}

TEST_F(InputTest, WhatLooksLikeALineEndAtTheEndOfABlockIsLookedAtAgain) {
  // The reads are 256 KiB: a CR is the last byte of the first one, an LF the first of the second.
  const std::string filler(256 * 1024 - 5, '1');
  Cutter c = cutter(Format::csv, "a,b\n" + filler + "\r\n2,3\r\n");
  ASSERT_TRUE(c.begin().ok());
  EXPECT_THAT(all(c, 10), ElementsAre("2:" + filler, "3:2,3"));
}

TEST_F(InputTest, AQuoteThatIsNeverClosedIsNotReadIntoMemoryForEver) {
  Cutter c = cutter(Format::csv, "a,b\n1,\"" + std::string(3 * kRecordBytesMax, 'x'));
  ASSERT_TRUE(c.begin().ok());
  EXPECT_THAT(all(c, 10), ElementsAre(HasSubstr("line 2 has more than 4194304 bytes; is a quote not closed?")));
}

TEST_F(InputTest, JsonLinesAreLinesAndBlankOnesAreNoRows) {
  Cutter c = cutter(Format::ndjson, "[1,2]\r\n\n  \n{\"a\":1}\n[3,4]");
  ASSERT_TRUE(c.begin().ok());
  EXPECT_THAT(all(c, 2), ElementsAre("1:[1,2]", "4:{\"a\":1}", "5:[3,4]"));
}

TEST_F(InputTest, ReadingGoesOnWhereAChunkEnded) {
  Cutter c = cutter(Format::csv, "a,b\n1,\"x\ny\"\n2,2\n3,3\n");
  ASSERT_TRUE(c.begin().ok());
  const Chunk first = c.next(1, 100).value();
  Cutter again = cutter(Format::csv, text);
  ASSERT_TRUE(again.begin().ok());
  again.go_to(first.end_at, first.next_line);
  EXPECT_THAT(all(again, 10), ElementsAre("4:2,2", "5:3,3"));
}

TEST_F(InputTest, NpyIsCutByRowsAndItsShapeMustFitItsSize) {
  const std::vector<double> values = {1, 2, 3, 4, 5, 6};
  const std::string data(reinterpret_cast<const char*>(values.data()), 48);
  Cutter c = cutter(Format::npy, npy_head(DType::float64, {3, 2}) + data);
  ASSERT_TRUE(c.begin().ok());
  EXPECT_EQ(c.rows_total(), 3);
  const Chunk two = c.next(2, 1 << 20).value();
  EXPECT_EQ(two.records.size(), 2U);
  const RequestCodec codec(schema());
  const ChunkDecoder decoder(codec, Format::npy, c, {});
  const auto decoded = decoder.decode(two, 1, 2);
  ASSERT_TRUE(decoded.ok());
  EXPECT_THAT(decoded->inputs[0].as<double>(), ElementsAre(3, 4));
  EXPECT_EQ(c.next(2, 1 << 20).value().records.size(), 1U);
  EXPECT_TRUE(c.next(2, 1 << 20).value().records.empty());
  EXPECT_FALSE(cutter(Format::npy, npy_head(DType::float64, {4, 2}) + data).begin().ok());
  EXPECT_FALSE(cutter(Format::npy, npy_head(DType::float64, {}) + data.substr(0, 8)).begin().ok());
  std::string fortran = npy_head(DType::float64, {3, 2}) + data;
  fortran.replace(fortran.find("False"), 5, "True ");
  EXPECT_THAT(cutter(Format::npy, fortran).begin().error().detail(), HasSubstr("Fortran"));
}

TEST_F(InputTest, AWrongRowIsNamedByItsLineAndField) {
  const RequestCodec codec(schema());
  Cutter c = cutter(Format::csv, "b,a\n1,2\n\n3,wide\n4\n");
  ASSERT_TRUE(c.begin().ok());
  const ChunkDecoder csv(codec, Format::csv, c, {});
  ASSERT_TRUE(csv.check_head().ok());
  const Chunk chunk = c.next(10, 1 << 20).value();
  EXPECT_FALSE(csv.decode(chunk, 0, 3).ok());
  EXPECT_THAT(csv.decode(chunk, 0, 1)->inputs[0].as<double>(), ElementsAre(2, 1));
  EXPECT_EQ(csv.decode(chunk, 1, 2).error().fields()[0].pointer, "line 4, a");
  EXPECT_EQ(csv.decode(chunk, 2, 3).error().fields()[0].pointer, "line 5");

  Cutter l = cutter(Format::ndjson, "[1,2]\n{\"a\":1,\"b\":\"x\"}\n[1,2],[3,4]\n[1,2]],\"x\":[[1]\n");
  ASSERT_TRUE(l.begin().ok());
  const ChunkDecoder lines(codec, Format::ndjson, l, {});
  const Chunk rows = l.next(10, 1 << 20).value();
  EXPECT_TRUE(lines.decode(rows, 0, 1).ok());
  EXPECT_EQ(lines.decode(rows, 1, 2).error().fields()[0].pointer, "line 2, b");
  EXPECT_THAT(lines.decode(rows, 2, 3).error().detail(), HasSubstr("line 3: "));  // one line is one row, whatever is written on it
  EXPECT_THAT(lines.decode(rows, 3, 4).error().detail(), HasSubstr("line 4: "));
}

TEST_F(InputTest, AHeaderThatDoesNotFitIsToldApartFromRowsThatDoNot) {
  const RequestCodec codec(schema());
  Cutter c = cutter(Format::csv, "a,c\n1,2\n");
  ASSERT_TRUE(c.begin().ok());
  EXPECT_FALSE(ChunkDecoder(codec, Format::csv, c, {}).check_head().ok());
}

class OutputTest : public InputTest {
 protected:
  void SetUp() override {
    Cutter c = cutter(Format::csv, "a,b\nx,\"1,1\"\n2,2\n3\n");
    ASSERT_TRUE(c.begin().ok());
    chunk = c.next(10, 1 << 20).value();
    const std::vector<double> p = {0.25, 0.75, 1, 1e-7};
    outputs = {Tensor::of_strings({2}, {"yes, sir", std::string(kMissingText)}), doubles({2, 2}, p)};
  }
  const Schema s = schema();
  Chunk chunk;
  std::vector<Tensor> outputs;
};

TEST_F(OutputTest, CsvHasAColumnAValueAndWrongRowsAreEmpty) {
  OutputWriter writer(s, {Format::csv, true}, "a,b", "");
  std::string out;
  writer.wrong(chunk, 0, out);
  EXPECT_EQ(out, "");  // how many columns there are is not known yet
  ASSERT_TRUE(writer.rows(outputs, chunk, 0, 2, out).ok());
  writer.wrong(chunk, 2, out);
  EXPECT_EQ(out,
            "a,b,label,probabilities_no,\"probabilities_yes, sir\"\n"
            "x,\"1,1\",,,\n"
            "x,\"1,1\",\"yes, sir\",0.25,0.75\n"
            "2,2,,1.0,1e-07\n"
            ",,,,\n");
}

TEST_F(OutputTest, AJobThatGoesOnWritesNoSecondHeader) {
  OutputWriter writer(s, {Format::csv, false}, "", "");
  std::string out;
  ASSERT_TRUE(writer.rows(outputs, chunk, 0, 2, out).ok());
  OutputWriter again(s, {Format::csv, false}, "", writer.shape());
  out.clear();
  again.wrong(chunk, 0, out);
  EXPECT_EQ(out, ",,\n");
  const std::vector<Tensor> other = {Tensor::of_strings({1}, {"no"}), doubles({1, 3}, std::vector<double>{1, 2, 3})};
  EXPECT_FALSE(again.rows(other, chunk, 0, 1, out).ok());
}

TEST_F(OutputTest, JsonLinesAreThePredictionsAndNpyItsElements) {
  OutputWriter lines(s, {Format::ndjson, false}, "", "");
  std::string out;
  ASSERT_TRUE(lines.rows(outputs, chunk, 0, 2, out).ok());
  lines.wrong(chunk, 2, out);
  EXPECT_EQ(out, "{\"label\":\"yes, sir\",\"probabilities\":[0.25,0.75]}\n{\"label\":null,\"probabilities\":[1.0,1e-07]}\nnull\n");
  EXPECT_EQ(natural_output(s, Format::npy, false), Format::ndjson);
  Schema one = s;
  one.outputs.erase(one.outputs.begin());
  EXPECT_EQ(natural_output(one, Format::npy, true), Format::npy);
  one.outputs[0].dtype = DType::int64;
  EXPECT_EQ(natural_output(one, Format::npy, true), Format::ndjson);
  OutputWriter npy(one, {Format::npy, false}, "", "");
  out.clear();
  ASSERT_TRUE(npy.rows(std::span(outputs).subspan(1), chunk, 0, 2, out).ok());
  npy.wrong(chunk, 2, out);
  EXPECT_EQ(out.size(), 6 * sizeof(double));
  const NpyHead head = read_npy_head(output_head(Format::npy, npy.shape(), 3)).value();
  EXPECT_EQ(head.shape, (Shape{3, 2}));
  EXPECT_EQ(head.dtype, DType::float64);
}

}  // namespace
}  // namespace slipway::jobs
