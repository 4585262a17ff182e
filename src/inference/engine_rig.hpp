// What the tests of the engine share: small models with a known answer, an engine, and how to ask it.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "slipway/graph/artifact.hpp"
#include "slipway/graph/builder.hpp"
#include "slipway/inference/engine.hpp"
#include "slipway/os/loop.hpp"
#include "slipway/os/memfd.hpp"

namespace slipway::inference::engine_rig {

using namespace std::chrono_literals;

inline Steady in(Millis t) { return std::chrono::steady_clock::now() + t; }

#ifdef SLIPWAY_SANITIZED
inline constexpr bool kSandboxed = false;
#else
inline constexpr bool kSandboxed = true;
#endif

// ---- models

inline Port port(std::string name, DType dtype, std::vector<std::int64_t> shape) { return {std::move(name), dtype, std::move(shape)}; }

inline Schema table_schema(std::int64_t features) {
  Schema s;
  s.kind = "regressor";
  for (std::int64_t i = 0; i < features; ++i) {
    Feature f;
    f.name = "x" + std::to_string(i);
    f.input = "x";
    f.column = i;
    s.features.push_back(f);
  }
  s.inputs = {port("x", DType::float64, {-1, features})};
  s.outputs = {port("y", DType::float64, {-1, 1})};
  s.batched = s.rows_independent = true;
  return s;
}

inline Artifact artifact_of(graph::Model model, Schema schema) {
  Artifact a;
  a.model = std::move(model);
  a.schema = std::move(schema);
  a.example = json::object({});
  return a;
}

// y = sum of (i + 1) * x_i, plus `offset`.
inline Artifact linear(std::int64_t features, double offset = 0.5) {
  graph::Builder b("linear");
  auto x = b.input("x", DType::float64, features);
  std::vector<double> weights(static_cast<std::size_t>(features));
  std::iota(weights.begin(), weights.end(), 1.0);
  auto y = b.add(b.matmul(x, b.constant(doubles({features, 1}, weights)), 1), b.scalar(offset));
  b.output("y", y, {{-1, "N"}, {1, ""}});
  return artifact_of(b.finish(), table_schema(features));
}

inline graph::ValueInfo value(std::string name, DType dtype, std::vector<graph::Dim> shape) {
  graph::ValueInfo v;
  v.name = std::move(name);
  v.dtype = dtype;
  v.shape = std::move(shape);
  return v;
}

// y = x after x[0] turns of a Loop, for a good while: 2^62 turns when x[0] is large.
inline Artifact looping() {
  auto body = std::make_shared<graph::Graph>();
  body->name = "body";
  body->inputs = {value("i", DType::int64, {}), value("go", DType::boolean, {}), value("v", DType::int64, {{1, ""}})};
  body->outputs = {value("go_out", DType::boolean, {}), value("v_out", DType::int64, {{1, ""}})};
  body->nodes.push_back({"Identity", "", "keep", {"go"}, {"go_out"}, {}});
  body->nodes.push_back({"Add", "", "add", {"v", "v"}, {"v_out"}, {}});
  graph::Model m;
  m.opsets[""] = 18;
  m.graph.name = "looping";
  m.graph.inputs = {value("turns", DType::int64, {{1, ""}})};
  m.graph.outputs = {value("y", DType::int64, {{1, ""}})};
  Tensor yes(DType::boolean, {});
  yes.bytes()[0] = std::byte{1};
  m.graph.initializers = {{"yes", yes}, {"one", int64s({1}, std::vector<std::int64_t>{1})}, {"none", int64s({1}, std::vector<std::int64_t>{0})}};
  m.graph.nodes.push_back({"Squeeze", "", "scalar", {"turns", "none"}, {"turns0"}, {}});
  m.graph.nodes.push_back({"Loop", "", "loop", {"turns0", "yes", "one"}, {"y"}, {graph::attr("body", std::shared_ptr<const graph::Graph>(body))}});
  Schema s;
  s.kind = "graph";
  s.inputs = {port("turns", DType::int64, {1})};
  s.outputs = {port("y", DType::int64, {1})};
  return artifact_of(std::move(m), s);
}

// y = x, after as many turns of a Loop as the largest x of all rows says: rows that run together take as long as the slowest.
inline Artifact slow_rows() {
  auto body = std::make_shared<graph::Graph>();
  body->name = "body";
  body->inputs = {value("i", DType::int64, {}), value("go", DType::boolean, {}), value("v", DType::int64, {{-1, ""}, {1, ""}})};
  body->outputs = {value("go_out", DType::boolean, {}), value("v_out", DType::int64, {{-1, ""}, {1, ""}})};
  body->nodes.push_back({"Identity", "", "keep", {"go"}, {"go_out"}, {}});
  body->nodes.push_back({"Identity", "", "same", {"v"}, {"v_out"}, {}});
  graph::Model m;
  m.opsets[""] = 18;
  m.graph.name = "slow";
  m.graph.inputs = {value("x", DType::int64, {{-1, "N"}, {1, ""}})};
  m.graph.outputs = {value("y", DType::int64, {{-1, "N"}, {1, ""}})};
  Tensor yes(DType::boolean, {});
  yes.bytes()[0] = std::byte{1};
  m.graph.initializers = {{"yes", yes}};
  m.graph.nodes.push_back({"ReduceMax", "", "turns", {"x"}, {"turns"}, {graph::attr("keepdims", std::int64_t{0})}});
  m.graph.nodes.push_back({"Loop", "", "loop", {"turns", "yes", "x"}, {"y"}, {graph::attr("body", std::shared_ptr<const graph::Graph>(body))}});
  Schema s;
  s.kind = "graph";
  s.inputs = {port("x", DType::int64, {-1, 1})};
  s.outputs = {port("y", DType::int64, {-1, 1})};
  s.batched = s.rows_independent = true;
  return artifact_of(std::move(m), s);
}

// y = sum of n ones, by a tensor of n doubles.
inline Artifact hungry() {
  graph::Model m;
  m.opsets[""] = 18;
  m.graph.name = "hungry";
  m.graph.inputs = {value("n", DType::int64, {{1, ""}})};
  m.graph.outputs = {value("y", DType::float64, {})};
  m.graph.nodes.push_back({"ConstantOfShape", "", "many", {"n"}, {"ones"}, {graph::attr("value", doubles({1}, std::vector<double>{1.0}))}});
  m.graph.nodes.push_back({"ReduceSum", "", "sum", {"ones"}, {"y"}, {graph::attr("keepdims", std::int64_t{0})}});
  Schema s;
  s.kind = "graph";
  s.inputs = {port("n", DType::int64, {1})};
  s.outputs = {port("y", DType::float64, {})};
  return artifact_of(std::move(m), s);
}

// y = ones of the shape [n, m].
inline Artifact shaped() {
  graph::Model m;
  m.opsets[""] = 18;
  m.graph.name = "shaped";
  m.graph.inputs = {value("n", DType::int64, {{2, ""}})};
  m.graph.outputs = {value("y", DType::float64, {{-1, ""}, {-1, ""}})};
  m.graph.nodes.push_back({"ConstantOfShape", "", "many", {"n"}, {"y"}, {graph::attr("value", doubles({1}, std::vector<double>{1.0}))}});
  Schema s;
  s.kind = "graph";
  s.inputs = {port("n", DType::int64, {2})};
  s.outputs = {port("y", DType::float64, {-1, -1})};
  return artifact_of(std::move(m), s);
}

// y = the string itself.
inline Artifact echo_text() {
  graph::Model m;
  m.opsets[""] = 18;
  m.graph.name = "echo";
  m.graph.inputs = {value("t", DType::string, {{-1, "N"}, {2, ""}})};
  m.graph.outputs = {value("y", DType::string, {{-1, "N"}, {2, ""}})};
  m.graph.nodes.push_back({"Identity", "", "same", {"t"}, {"y"}, {}});
  Schema s;
  s.kind = "graph";
  s.inputs = {port("t", DType::string, {-1, 2})};
  s.outputs = {port("y", DType::string, {-1, 2})};
  s.batched = s.rows_independent = true;
  return artifact_of(std::move(m), s);
}

// ---- the engine and how to talk to it

struct Rig {
  os::Loops loops{2};
  Metrics metrics;
  EngineOptions options;
  std::unique_ptr<Engine> engine;

  Rig() {
    options.launcher_program = std::string(SLIPWAY_BINARY_DIR) + "/slipway_cell_test_launcher";
    options.loops = loops.all();
    options.model_memory_bytes = 256 << 20;
    loops.start();
  }
  ~Rig() { engine.reset(); }
  Engine& start() {
    auto started = Engine::start(options, metrics);
    EXPECT_TRUE(started.ok()) << (started.ok() ? "" : started.error().internal());
    engine = std::move(*started);
    return *engine;
  }
  std::shared_ptr<Model> deploy(const Artifact& artifact, std::string id = "m", bool verified = false) {
    ModelSpec spec;
    spec.id = std::move(id);
    spec.schema = std::make_shared<const Schema>(artifact.schema);
    auto bytes = write_artifact(artifact);
    EXPECT_TRUE(bytes.ok());
    spec.artifact_bytes = bytes->size();
    spec.verified = verified;
    spec.source = [bytes = *bytes] { return os::make_sealed("artifact", bytes); };
    return engine->deploy(std::move(spec));
  }
  using Answer = Result<std::vector<Tensor>>;
  struct From {
    std::uint64_t caller = 0;
    Priority priority = Priority::normal;
    CancellationPtr cancellation = nullptr;
  };
  std::future<Answer> ask(Model& model, std::vector<Tensor> inputs, Millis timeout = 20s, std::size_t loop = 0) {
    return ask(model, std::move(inputs), timeout, loop, From{});
  }
  std::future<Answer> ask(Model& model, std::vector<Tensor> inputs, Millis timeout, std::size_t loop, From from) {
    auto promise = std::make_shared<std::promise<Answer>>();
    auto future = promise->get_future();
    os::Loop& l = loops.at(loop);
    l.post([&model, &l, promise, inputs = std::move(inputs), deadline = in(timeout), from]() mutable {
      PredictJob job;
      job.caller = from.caller;
      job.priority = from.priority;
      job.cancellation = from.cancellation;
      job.rows = inputs.empty() ? 0 : inputs[0].rows();
      job.inputs = std::move(inputs);
      job.deadline = deadline;
      job.loop = &l;
      model.predict(std::move(job), [&l, promise](Answer a) {
        EXPECT_TRUE(l.is_current());
        promise->set_value(std::move(a));
      });
    });
    return future;
  }
};

inline Tensor row_of(std::int64_t features, double first) {
  std::vector<double> v(static_cast<std::size_t>(features));
  std::iota(v.begin(), v.end(), first);
  return doubles({1, features}, v);
}
inline double linear_answer(std::int64_t features, double first, double offset = 0.5) {
  double sum = offset;
  for (std::int64_t i = 0; i < features; ++i) sum += static_cast<double>(i + 1) * (first + static_cast<double>(i));
  return sum;
}
inline Tensor row(std::int64_t x) { return int64s({1, 1}, std::vector<std::int64_t>{x}); }
inline Tensor whole(std::int64_t n) { return int64s({1}, std::vector<std::int64_t>{n}); }

inline std::string status_line(pid_t pid, const std::string& key) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key)) return line.substr(key.size() + 1);
  }
  return "";
}

inline bool gone(pid_t pid) {
  for (int i = 0; i < 200; ++i) {
    const auto state = status_line(pid, "State");
    if (state.empty() || state.find('Z') != std::string::npos) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

inline constexpr std::int64_t kFiveMs = 5'000;  // turns of the looping model, about

inline double ms_since(Steady t) { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - t).count(); }

}  // namespace slipway::inference::engine_rig
