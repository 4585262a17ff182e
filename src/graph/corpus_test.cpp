// Real ONNX files of tests/corpus/onnx pass, and are the same model after they have been written again.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "graph/onnx.pb.h"  // generated
#include "slipway/base/encoding.hpp"
#include "slipway/graph/onnx_io.hpp"

namespace slipway::graph {
namespace {

TEST(OnnxCorpus, PassesAndSurvivesTheRoundTrip) {
  const std::filesystem::path root = std::filesystem::path(SLIPWAY_SOURCE_DIR) / "tests/corpus/onnx";
  if (!std::filesystem::exists(root)) GTEST_SKIP() << "no corpus";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    std::ifstream in(entry.path() / "model.onnx", std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const auto model = read_onnx(as_bytes(bytes));
    ASSERT_TRUE(model.ok()) << entry.path() << ": " << model.error().detail();
    const Status checked = check(*model);
    EXPECT_TRUE(checked.ok()) << entry.path() << ": " << checked.error().detail();
    ++files;
    const auto is_zip_map = [](const ValueInfo& v) { return v.kind != ValueInfo::Kind::tensor; };
    if (std::any_of(model->graph.outputs.begin(), model->graph.outputs.end(), is_zip_map)) {
      EXPECT_FALSE(write_onnx(*model).ok()) << entry.path();  // the importer takes it out first
      continue;
    }
    const std::string written = write_onnx(*model).value();
    onnx::ModelProto by_protobuf;
    ASSERT_TRUE(by_protobuf.ParseFromString(written)) << entry.path();
    EXPECT_TRUE(by_protobuf.SerializeAsString() == written) << entry.path();
    const auto again = read_onnx(as_bytes(written));
    ASSERT_TRUE(again.ok()) << entry.path() << ": " << again.error().detail();
    EXPECT_EQ(dump(*again), dump(*model)) << entry.path();
  }
  EXPECT_GT(files, 20);
}

}  // namespace
}  // namespace slipway::graph
