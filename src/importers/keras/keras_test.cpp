// What is refused, and how: numbers are tests/parity's matter. The parts of a good archive, with its configuration changed.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "slipway/formats/zip.hpp"
#include "slipway/graph/onnx_io.hpp"
#include "slipway/importers/keras/import.hpp"

namespace slipway::importers::keras {
namespace {

struct Parts {
  std::string config, weights;

  explicit Parts(const std::string& name) {
    std::ifstream in(std::filesystem::path(SLIPWAY_SOURCE_DIR) / "tests/corpus/keras/3.15.1" / (name + "_keras") / "model.keras", std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    const std::string file = std::move(bytes).str();
    auto archive = zip::Archive::open(std::as_bytes(std::span(file)), {});
    if (!archive.ok()) throw std::runtime_error(archive.error().detail());
    const auto text = [&](std::string_view part) {
      const auto read = archive->read(part);
      if (!read.ok()) throw std::runtime_error(read.error().detail());
      return std::string(reinterpret_cast<const char*>(read->data()), read->size());
    };
    config = text("config.json");
    weights = text("model.weights.h5");
  }
  Parts& replace(std::string_view from, std::string_view to) {
    const std::size_t at = config.find(from);
    if (at == std::string::npos) throw std::runtime_error("the configuration has no " + std::string(from));
    config.replace(at, from.size(), to);
    return *this;
  }
  Result<Artifact> import() const {
    Report report;
    return import_parts(config, std::as_bytes(std::span(weights)), "3.15.1", {}, false, report);
  }
  std::string refusal() const {
    const auto artifact = import();
    if (artifact.ok()) return "(served)";
    EXPECT_EQ(artifact.error().code(), ErrorCode::model_refused);
    return artifact.error().detail();
  }
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(KerasRefusals, PythonCodeIsNamedWithTheWayOut) {
  const std::string lambda = Parts("dense_flatten_first").replace("\"class_name\": \"Flatten\"", "\"class_name\": \"Lambda\"").refusal();
  EXPECT_TRUE(has(lambda, "layer flatten (Lambda) is Python code") && has(lambda, "model.export(")) << lambda;
  const std::string own = Parts("dense_flatten_first").replace("\"class_name\": \"Flatten\"", "\"class_name\": \"Doubled\"").refusal();
  EXPECT_TRUE(has(own, "layer flatten (Doubled)") && has(own, "its code is not in the file")) << own;
  const std::string text = Parts("dense_flatten_first").replace("\"class_name\": \"Flatten\"", "\"class_name\": \"RandomCrop\"").refusal();
  EXPECT_TRUE(has(text, "layer flatten (RandomCrop) is not supported")) << text;
}

TEST(KerasRefusals, QuantizedLayersAreNamed) {
  const std::string plain = R"("name": "dense", "trainable": true, "dtype": {"module": "keras", "class_name": ")";
  const std::string why = Parts("dense_flatten_first").replace(plain + "DTypePolicy", plain + "QuantizedDTypePolicy").refusal();
  EXPECT_TRUE(has(why, "is quantized")) << why;
}

TEST(KerasRefusals, TextsThatPythonFunctionsPrepare) {
  const std::string why =
      Parts("text_int").replace("\"standardize\": \"lower_and_strip_punctuation\"", "\"standardize\": {\"class_name\": \"function\"}").refusal();
  EXPECT_TRUE(has(why, "(TextVectorization): its \"standardize\" is a Python function")) << why;
  const std::string lost = Parts("text_int").refusal();  // the parts alone, without the archive's text files
  EXPECT_TRUE(has(lost, "doesn't hold its vocabulary")) << lost;
}

TEST(KerasRefusals, StateFromRequestToRequest) {
  const std::string why = Parts("lstm_backwards_sequences").replace("\"stateful\": false", "\"stateful\": true").refusal();
  EXPECT_TRUE(has(why, "(LSTM): keeps its state from one request to the next")) << why;
}

TEST(KerasRefusals, WeightsThatDoNotFitNameTheirLayer) {
  const std::string shape = Parts("dense_flatten_first").replace("\"batch_shape\": [null, 4, 3]", "\"batch_shape\": [null, 4, 4]").refusal();
  EXPECT_TRUE(has(shape, "layer dense")) << shape;
  const std::string missing = Parts("dense_flatten_first").replace("\"class_name\": \"Flatten\"", "\"class_name\": \"Dense\"").refusal();
  EXPECT_TRUE(has(missing, "(Dense)")) << missing;
  const std::string more = Parts("dense_flatten_first").replace("\"use_bias\": true", "\"use_bias\": false").refusal();
  EXPECT_TRUE(has(more, "layer dense (Dense): has 1 weights, the file holds 2")) << more;
}

TEST(KerasRefusals, ShapesThatNoTensorHas) {
  for (const char* size : {"2147483648", "-3", "0", "1.5", "\"4\"", "9223372036854775807"}) {
    const std::string why =
        Parts("dense_flatten_first").replace("\"batch_shape\": [null, 4, 3]", "\"batch_shape\": [null, 4, " + std::string(size) + "]").refusal();
    EXPECT_NE(why, "(served)") << size;
  }
}

TEST(KerasRefusals, ModelsThatTurnInCirclesOrNestWithoutEnd) {
  Parts circle("layer_called_on_itself");
  circle.replace("\"keras_history\": [\"in0\", 0, 0]", "\"keras_history\": [\"dense\", 2, 0]");
  EXPECT_TRUE(has(circle.refusal(), "nothing makes the output")) << circle.refusal();
  Parts deep("dense_flatten_first");
  deep.config = R"({"class_name": "Dense", "config": {"units": 1, "name": "d"}})";
  for (int i = 0; i < 30; ++i)
    deep.config = R"({"class_name": "Sequential", "config": {"name": "s", "build_input_shape": [null, 2], "layers": [)" + deep.config + "]}}";
  EXPECT_TRUE(has(deep.refusal(), "deep")) << deep.refusal();
}

TEST(KerasRefusals, MoreLayersThanAnyModelHas) {
  Parts many("dense_flatten_first");
  std::string layers;
  for (int i = 0; i < 30'000; ++i) layers += (i > 0 ? "," : "") + std::string(R"({"class_name":"ReLU","config":{"name":"r"}})");
  many.config = R"({"class_name": "Sequential", "config": {"name": "s", "build_input_shape": [null, 2], "layers": [)" + layers + "]}}";
  EXPECT_TRUE(has(many.refusal(), "more than 20000 layers")) << many.refusal();
}

TEST(KerasRefusals, TwoLayersOfOneName) {
  const std::string why =
      Parts("several_outputs").replace("\"name\": \"klass\", \"inbound_nodes\"", "\"name\": \"price\", \"inbound_nodes\"").refusal();
  EXPECT_TRUE(has(why, "two layers have the name")) << why;
}

TEST(KerasRefusals, WeightsAlone) {
  Parts p("dense_flatten_first");
  Report report;
  const auto artifact = import_h5(std::as_bytes(std::span(p.weights)), {}, report);
  ASSERT_FALSE(artifact.ok());
  EXPECT_TRUE(has(artifact.error().detail(), "weights only")) << artifact.error().detail();
}

// Every value of the configuration replaced by others, one at a time; what is inside a value before the value itself, which moves it.
void places(json::Value& v, std::vector<json::Value*>& out) {
  if (v.is_array()) {
    for (json::Value& item : v.as_array()) places(item, out);
  } else if (v.is_object()) {
    for (auto& [name, item] : v.as_object()) places(item, out);
  }
  out.push_back(&v);
}

class KerasMutations : public testing::TestWithParam<const char*> {};

TEST_P(KerasMutations, AreServedOrRefused) {
  const Parts good(GetParam());
  const auto parsed = json::parse(good.config);
  ASSERT_TRUE(parsed.ok() && good.import().ok());
  json::Value config = *parsed;
  std::vector<json::Value*> all;
  places(config, all);
  const json::Value others[] = {nullptr, -1, 1LL << 40, 1e300, "x", true, json::Array{}, json::Array{json::Array{"a", 0, 0}}, json::Object{}};
  Parts changed = good;
  for (json::Value* place : all) {
    const json::Value before = *place;
    for (const json::Value& other : others) {
      *place = other;
      changed.config = config.dump();
      const auto artifact = changed.import();
      if (!artifact.ok()) {
        EXPECT_EQ(artifact.error().code(), ErrorCode::model_refused)
            << artifact.error().detail() << " of " << before.dump() << " as " << other.dump();
      }
    }
    *place = before;
  }
}
INSTANTIATE_TEST_SUITE_P(All, KerasMutations,
                         testing::Values("dense_flatten_first", "conv2d_transpose_output", "masked_average", "mha_causal", "image_resizing_crop",
                                         "convlstm2d_same", "lookups_by_hash", "lstm_masked_by_steps", "ops_split_at"),
                         [](const auto& of) { return std::string(of.param); });

}  // namespace
}  // namespace slipway::importers::keras
