// The server over a real port, asked by grpc++'s own client; the models' side is the test's.
#include "slipway/platform/rpc/server.hpp"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <gtest/gtest.h>
#include <health.grpc.pb.h>
#include <inference.grpc.pb.h>

#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "slipway/base/log.hpp"
#include "slipway/os/loop.hpp"
#include "slipway/platform/accounts/accounts.hpp"
#include "slipway/platform/rpc/methods.hpp"
#include "slipway/store/test_dir.hpp"

namespace slipway::rpc {
namespace {

namespace pb = ::inference;
using testing::HasSubstr;

constexpr std::string_view kOwner = "usr_00000000000000000000000000";
constexpr std::size_t kMessageMax = 1 << 20;
constexpr const char* kSchema =
    R"({"kind":"graph","inputs":[{"name":"numbers","dtype":"float64","shape":[-1,2]}],)"
    R"("outputs":[{"name":"sum","dtype":"float64","shape":[-1]},{"name":"text","dtype":"string","shape":[-1]}],"batched":true,"rows_independent":true})";

bool soon(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return condition();
}

// Answers with the rows' sums; or keeps what it is asked until the test lets go.
class TestModel final : public inference::Model {
 public:
  struct Kept {
    inference::PredictJob job;
    inference::PredictCallback done;
  };
  static std::vector<Tensor> answer(const inference::PredictJob& job) {
    const auto values = job.inputs[0].as<double>();
    const auto rows = static_cast<std::int64_t>(job.rows);
    Tensor sums(DType::float64, {rows});
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < job.rows; ++i) {
      sums.as<double>()[i] = values[2 * i] + values[2 * i + 1];
      texts.push_back("row " + std::to_string(i));
    }
    return {sums, Tensor::of_strings({rows}, texts)};
  }
  void predict(inference::PredictJob job, inference::PredictCallback done) override {
    EXPECT_TRUE(job.loop->is_current());
    const std::lock_guard lock(mutex);
    ++asked;
    if (refusal) return done(*refusal);
    if (keeps) {
      kept.push_back({std::move(job), std::move(done)});
      changed.notify_all();
      return;
    }
    done(answer(job));
  }
  void load(std::function<void(Status)> done) override {
    ++loads;
    done(ok());
  }
  void unload() override { ++unloads; }
  void keep(inference::Residence) override {}
  void gather(Millis) override {}
  inference::ModelStats stats() const override {
    inference::ModelStats out;
    out.loaded = true;
    out.resident_bytes = 7;
    out.succeeded = {3, 4};
    out.rows = 5;
    return out;
  }
  void retire() override {}

  std::vector<Kept> wait_for(std::size_t n) {  // takes them
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return kept.size() >= n; }));
    return std::exchange(kept, {});
  }
  static void let_go(Kept& one) {
    const auto shared = std::make_shared<Kept>(std::move(one));
    shared->job.loop->post([shared] { shared->done(answer(shared->job)); });
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Kept> kept;
  bool keeps = false;
  std::optional<Error> refusal;
  std::atomic<int> asked{0}, loads{0}, unloads{0};
};

class TestEngine final : public inference::Engine {
 public:
  void import_model(inference::ImportJob, std::function<void(Result<os::Fd>)>) override {}
  std::shared_ptr<inference::Model> deploy(inference::ModelSpec) override { return model; }
  inference::EngineStats stats() const override { return {}; }
  os::SandboxReport sandbox() const override { return {}; }
  std::shared_ptr<TestModel> model = std::make_shared<TestModel>();
};

class NoWorkshop final : public models::Workshop {
  void import(std::vector<models::OriginalFile>, std::string, std::function<void(Result<models::Imported>)>) override {}
  void check(const models::VersionRow&, std::function<Result<os::Fd>()>, std::function<void(Result<std::string>)>) override {}
  void post(std::function<void()> work) override { work(); }
  void later(Millis, std::function<void()>) override {}
};

// "Bearer owner" may do everything, "Bearer reader" may predict.
class TestGuard final : public http::Guard {
 public:
  Result<http::PrincipalPtr> admit(const http::Request& request, const http::Access& access) override {
    const auto credential = request.header("authorization").value_or("");
    if (revoked || (credential != "Bearer owner" && credential != "Bearer reader")) return Error(ErrorCode::unauthenticated, "send a key");
    http::Principal who;
    who.user_id = kOwner;
    if (credential == "Bearer reader") {
      who.kind = http::Principal::Kind::key;
      who.key_id = "key_1";
      who.scopes = {"predict"};
      if (!who.has_scope(access.scope_name())) return Error(ErrorCode::forbidden, "this key lacks the scope " + access.scope_name());
    }
    return http::PrincipalPtr(std::make_shared<const http::Principal>(std::move(who)));
  }
  std::atomic<bool> revoked{false};
};

class RpcServer : public testing::Test {
 protected:
  void SetUp() override {
    log::configure({.level = log::Level::error});
    std::vector<store::Migration> migrations(store::store_migrations().begin(), store::store_migrations().end());
    for (const auto& more : {accounts::Accounts::migrations(), models::migrations()}) migrations.insert(migrations.end(), more.begin(), more.end());
    database = store::Database::open({.path = dir / "test.db", .readers = 1}, migrations).value();
    keyring = store::Keyring::open(*database, dir / "master.key", system_clock()).value();
    ASSERT_TRUE(database->write([](store::Session& s) -> Status { return fill(s); }).ok());
    loops.start();
    registry = std::make_unique<models::Registry>(*database, intake(), engine, system_clock());
    ASSERT_TRUE(registry->start().ok());
    predictor = std::make_shared<const predictions::Predictor>(
        *registry, limiter, metrics,
        predictions::Options{.body_bytes_max = kMessageMax, .rows_max = 1000, .timeout = Millis(30'000), .answer_bytes_max = 15'000});
    server = start("127.0.0.1:0").value();
    stub = pb::GRPCInferenceService::NewStub(channel());
  }
  void TearDown() override {
    server.reset();
    loops.stop();
    loops.join();
  }

  static Status fill(store::Session& s) {
    TRY(
        s.exec("INSERT INTO users (id, email, name, password_hash, role, status, epoch, created_at, updated_at) "
               "VALUES (?, 'a@b', '', '', 'user', 'active', 0, 0, 0)",
               {kOwner}));
    TRY(
        s.exec("INSERT INTO models (id, owner_id, name, description, tags, current_version, created_at, updated_at) VALUES ('mdl_1', ?, 'sums', '', "
               "'[]', 1, 0, 0)",
               {kOwner}));
    TRY(s.exec(
        "INSERT INTO model_versions (id, model_id, owner_id, number, status, attempts, filename, file_blob, file_dek, artifact_blob, artifact_dek, "
        "sha256, artifact_sha256, size, artifact_size, format, schema_json, example_json, report_json, reason, created_at, updated_at) "
        "VALUES ('ver_1', 'mdl_1', ?, 1, 'ready', 0, 'f', '', '', '', '', '', '', 0, 0, 'test', ?, '{}', '{}', '', 0, 0)",
        {kOwner, std::string_view(kSchema)}));
    return ok();
  }
  models::Intake& intake() {
    blobs = store::make_memory_blobs();
    intake_ = std::make_unique<models::Intake>(*database, *keyring, *blobs, workshop, system_clock(), models::IntakeOptions{});
    return *intake_;
  }
  Result<std::unique_ptr<Server>> start(const std::string& listen, Millis idle = Millis(300'000)) {
    return Server::start({.listen = listen, .message_bytes_max = kMessageMax, .handshake_timeout = idle, .idle_timeout = idle}, predictor,
                         {.version = "test", .ready = [] { return true; }}, guard, loops.all(), metrics);
  }
  std::shared_ptr<grpc::Channel> channel() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    return grpc::CreateCustomChannel(server->address(), grpc::InsecureChannelCredentials(), arguments);
  }

  struct Context : grpc::ClientContext {
    explicit Context(const char* who = "owner") {
      if (who != nullptr) AddMetadata("authorization", std::string("Bearer ") + who);
      set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    }
    std::string trailer(const char* name) const {
      const auto found = GetServerTrailingMetadata().find(name);
      return found == GetServerTrailingMetadata().end() ? "" : std::string(found->second.data(), found->second.size());
    }
  };
  static pb::ModelInferRequest request(double a, double b, bool raw = true) {
    pb::ModelInferRequest out;
    out.set_model_name("sums");
    out.set_id("7");
    auto& input = *out.add_inputs();
    input.set_name("numbers");
    input.set_datatype("FP64");
    input.add_shape(1);
    input.add_shape(2);
    const double values[] = {a, b};
    if (raw)
      out.add_raw_input_contents(reinterpret_cast<const char*>(values), sizeof values);
    else
      for (const double v : values) input.mutable_contents()->add_fp64_contents(v);
    return out;
  }
  grpc::Status infer(const pb::ModelInferRequest& asked, pb::ModelInferResponse* answer = nullptr, const char* who = "owner") {
    Context context(who);
    pb::ModelInferResponse unused;
    return stub->ModelInfer(&context, asked, answer != nullptr ? answer : &unused);
  }
  static double sum_of(const pb::ModelInferResponse& answer) {
    double out = 0;
    if (answer.raw_output_contents_size() > 0) std::memcpy(&out, answer.raw_output_contents(0).data(), sizeof out);
    return out;
  }

  store::TestDir dir;
  Metrics metrics;
  limits::Limiter limiter{limits::Quotas{}, system_clock(), metrics};
  os::Loops loops{2};
  TestEngine engine;
  NoWorkshop workshop;
  TestGuard guard;
  std::unique_ptr<store::Database> database;
  std::unique_ptr<store::Keyring> keyring;
  std::unique_ptr<store::Blobs> blobs;
  std::unique_ptr<models::Intake> intake_;
  std::unique_ptr<models::Registry> registry;
  predictions::PredictorPtr predictor;
  std::unique_ptr<Server> server;
  std::unique_ptr<pb::GRPCInferenceService::Stub> stub;
};

TEST_F(RpcServer, AnswersRawWithRawAndContentsWithContents) {
  pb::ModelInferResponse answer;
  ASSERT_TRUE(infer(request(1, 2), &answer).ok());
  EXPECT_EQ(answer.model_name(), "sums");
  EXPECT_EQ(answer.model_version(), "1");
  EXPECT_EQ(answer.id(), "7");
  ASSERT_EQ(answer.outputs_size(), 2);
  EXPECT_EQ(answer.outputs(0).datatype(), "FP64");
  EXPECT_EQ(sum_of(answer), 3);
  EXPECT_EQ(answer.raw_output_contents(1), std::string("\x05\0\0\0row 0", 9));
  answer.Clear();
  ASSERT_TRUE(infer(request(1.5, 2, false), &answer).ok());
  EXPECT_EQ(answer.raw_output_contents_size(), 0);
  EXPECT_EQ(answer.outputs(0).contents().fp64_contents(0), 3.5);
  EXPECT_EQ(answer.outputs(1).contents().bytes_contents(0), "row 0");
}

TEST_F(RpcServer, ChosenOutputsAndVersions) {
  pb::ModelInferRequest asked = request(1, 2);
  asked.add_outputs()->set_name("text");
  asked.set_model_version("1");
  pb::ModelInferResponse answer;
  ASSERT_TRUE(infer(asked, &answer).ok());
  ASSERT_EQ(answer.outputs_size(), 1);
  EXPECT_EQ(answer.outputs(0).name(), "text");
  asked.add_outputs()->set_name("nothing");
  EXPECT_EQ(infer(asked).error_code(), grpc::INVALID_ARGUMENT);
  asked.mutable_outputs()->RemoveLast();
  asked.set_model_version("2");
  EXPECT_EQ(infer(asked).error_code(), grpc::NOT_FOUND);
}

TEST_F(RpcServer, RefusalsHaveTheirCodesAndNameTheField) {
  pb::ModelInferRequest asked = request(1, 2);
  EXPECT_EQ(infer(asked, nullptr, nullptr).error_code(), grpc::UNAUTHENTICATED);
  EXPECT_EQ(infer(asked, nullptr, "somebody").error_code(), grpc::UNAUTHENTICATED);
  asked.set_model_name("nothing");
  EXPECT_EQ(infer(asked).error_code(), grpc::NOT_FOUND);
  asked = request(1, 2);
  asked.mutable_inputs(0)->set_shape(1, 3);
  const grpc::Status wrong = infer(asked);
  EXPECT_EQ(wrong.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(wrong.error_message(), HasSubstr("#/inputs/0"));
  EXPECT_EQ(engine.model->asked, 0);
}

TEST_F(RpcServer, WhatTheEngineRefusesIsToldWithRetryAfter) {
  engine.model->refusal = Error(ErrorCode::overloaded, "the queue is full").retry_after(3);
  Context context;
  pb::ModelInferResponse answer;
  const grpc::Status status = stub->ModelInfer(&context, request(1, 2), &answer);
  EXPECT_EQ(status.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "the queue is full");
  EXPECT_EQ(context.trailer("retry-after"), "3");
}

TEST_F(RpcServer, TheClientsDeadlineIsTheEngines) {
  engine.model->keeps = true;
  std::thread caller([this] {
    Context context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(300));
    pb::ModelInferResponse answer;
    EXPECT_EQ(stub->ModelInfer(&context, request(1, 2), &answer).error_code(), grpc::DEADLINE_EXCEEDED);
  });
  auto kept = engine.model->wait_for(1);
  EXPECT_LE(kept.at(0).job.deadline, system_clock().steady() + Millis(300));
  caller.join();
  TestModel::let_go(kept[0]);  // too late: nobody is there, nothing breaks
  engine.model->keeps = false;
  EXPECT_TRUE(infer(request(1, 2)).ok());
}

TEST_F(RpcServer, ACancelledCallNeedsNoAnswer) {
  engine.model->keeps = true;
  Context context;
  std::thread caller([&] {
    pb::ModelInferResponse answer;
    EXPECT_EQ(stub->ModelInfer(&context, request(1, 2), &answer).error_code(), grpc::CANCELLED);
  });
  auto kept = engine.model->wait_for(1);
  ASSERT_NE(kept[0].job.cancellation, nullptr);
  EXPECT_FALSE(kept[0].job.cancellation->cancelled());
  context.TryCancel();
  caller.join();
  EXPECT_TRUE(soon([&] { return kept[0].job.cancellation->cancelled(); })) << "the model's queue is told";
  server->drain(Millis(20'000));
  TestModel::let_go(kept[0]);
}

TEST_F(RpcServer, ACancelledStreamCancelsWhatItHasAsked) {
  engine.model->keeps = true;
  Context context;
  auto stream = stub->ModelStreamInfer(&context);
  ASSERT_TRUE(stream->Write(request(1, 2)));
  ASSERT_TRUE(stream->Write(request(3, 4)));
  auto kept = engine.model->wait_for(2);
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::CANCELLED);
  for (auto& one : kept) EXPECT_TRUE(soon([&] { return one.job.cancellation->cancelled(); }));
  for (auto& one : kept) TestModel::let_go(one);
}

TEST_F(RpcServer, AnAnswerHasALimitAndSaysHowLargeItIs) {
  pb::ModelInferRequest asked = request(1, 2);
  asked.mutable_inputs(0)->set_shape(0, 1000);
  asked.set_raw_input_contents(0, std::string(16'000, '\0'));
  const grpc::Status status = infer(asked);
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("2000 values of 18890 bytes"));
  EXPECT_THAT(status.error_message(), HasSubstr("15000 bytes (predictions.answer_bytes_max)"));
  auto* const only = asked.add_outputs();
  only->set_name("sum");
  EXPECT_TRUE(infer(asked).ok()) << "the part that is asked for is small enough";
}

TEST_F(RpcServer, ServerAndHealthAreOpenModelsAreNot) {
  {
    Context context(nullptr);
    pb::ServerMetadataResponse answer;
    ASSERT_TRUE(stub->ServerMetadata(&context, {}, &answer).ok());
    EXPECT_EQ(answer.name(), "slipway");
    EXPECT_EQ(answer.version(), "test");
  }
  {
    Context context(nullptr);
    pb::ServerReadyResponse answer;
    ASSERT_TRUE(stub->ServerReady(&context, {}, &answer).ok());
    EXPECT_TRUE(answer.ready());
  }
  {
    Context context(nullptr);
    grpc::health::v1::HealthCheckResponse answer;
    ASSERT_TRUE(grpc::health::v1::Health::NewStub(channel())->Check(&context, {}, &answer).ok());
    EXPECT_EQ(answer.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  }
  {
    Context context(nullptr);
    pb::RepositoryIndexResponse answer;
    EXPECT_EQ(stub->RepositoryIndex(&context, {}, &answer).error_code(), grpc::UNAUTHENTICATED);
  }
}

// A new open method must be added here on purpose.
TEST_F(RpcServer, NoOtherMethodAnswersWithoutCredentials) {
  const std::set<std::string> open = {"/inference.GRPCInferenceService/ServerLive", "/inference.GRPCInferenceService/ServerReady",
                                      "/inference.GRPCInferenceService/ServerMetadata", "/grpc.health.v1.Health/Check"};
  const Methods all = methods(predictor, {.version = "test", .ready = [] { return true; }});
  EXPECT_GE(all.size(), 16U);
  const auto to = channel();
  for (const auto& [path, method] : all) {
    for (const char* who : {static_cast<const char*>(nullptr), "somebody"}) {
      Context context(who);
      grpc::ByteBuffer empty(nullptr, 0), answer;
      const grpc::internal::RpcMethod name(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
      const grpc::Status status = grpc::internal::BlockingUnaryCall(to.get(), name, &context, empty, &answer);
      EXPECT_EQ(status.error_code(), open.contains(path) ? grpc::OK : grpc::UNAUTHENTICATED) << path << " " << status.error_message();
    }
  }
}

TEST_F(RpcServer, WhatIsNotThereIsUnimplemented) {
  Context context;
  grpc::ByteBuffer empty(nullptr, 0), answer;
  const grpc::internal::RpcMethod name("/inference.GRPCInferenceService/TraceSetting", grpc::internal::RpcMethod::NORMAL_RPC);
  EXPECT_EQ(grpc::internal::BlockingUnaryCall(channel().get(), name, &context, empty, &answer).error_code(), grpc::UNIMPLEMENTED);
}

TEST_F(RpcServer, AnOutputIsWrittenOnce) {
  pb::ModelInferRequest asked = request(1, 2);
  for (int i = 0; i < 3; ++i) asked.add_outputs()->set_name("text");
  EXPECT_EQ(infer(asked).error_code(), grpc::INVALID_ARGUMENT);
}

TEST_F(RpcServer, TellsOfItsModels) {
  pb::ModelConfigRequest asked;
  asked.set_name("mdl_1");
  Context c1, c2, c3, c4;
  pb::ModelConfigResponse config;
  ASSERT_TRUE(stub->ModelConfig(&c1, asked, &config).ok());
  EXPECT_EQ(config.config().max_batch_size(), 1000);
  EXPECT_EQ(config.config().input(0).data_type(), pb::TYPE_FP64);
  EXPECT_EQ(config.config().input(0).dims_size(), 1);
  EXPECT_EQ(config.config().output(1).data_type(), pb::TYPE_STRING);
  EXPECT_TRUE(config.config().has_dynamic_batching());
  pb::ModelMetadataRequest name;
  name.set_name("sums");
  pb::ModelMetadataResponse metadata;
  ASSERT_TRUE(stub->ModelMetadata(&c2, name, &metadata).ok());
  EXPECT_EQ(metadata.inputs(0).shape(0), -1);
  EXPECT_EQ(metadata.outputs(1).datatype(), "BYTES");
  pb::ModelStatisticsResponse statistics;
  ASSERT_TRUE(stub->ModelStatistics(&c3, {}, &statistics).ok());
  ASSERT_EQ(statistics.model_stats_size(), 1);
  EXPECT_EQ(statistics.model_stats(0).inference_count(), 5U);
  EXPECT_EQ(statistics.model_stats(0).inference_stats().success().count(), 3U);
  pb::RepositoryIndexResponse index;
  ASSERT_TRUE(stub->RepositoryIndex(&c4, {}, &index).ok());
  EXPECT_EQ(index.models(0).name(), "sums");
  EXPECT_EQ(index.models(0).state(), "READY");
}

TEST_F(RpcServer, LoadAndUnloadInBothLayouts) {
  pb::RepositoryModelRequest triton, kserve;
  triton.set_repository_or_model_name("a repository");
  triton.set_model_name("sums");
  kserve.set_repository_or_model_name("sums");
  for (const auto& asked : {triton, kserve}) {
    Context c1, c2;
    pb::RepositoryModelResponse answer;
    ASSERT_TRUE(stub->RepositoryModelLoad(&c1, asked, &answer).ok());
    EXPECT_EQ(answer.model_name(), "sums");
    EXPECT_TRUE(answer.done());
    ASSERT_TRUE(stub->RepositoryModelUnload(&c2, asked, &answer).ok());
  }
  EXPECT_EQ(engine.model->loads, 2);
  EXPECT_EQ(engine.model->unloads, 2);
  Context reader("reader");
  pb::RepositoryModelResponse answer;
  EXPECT_EQ(stub->RepositoryModelLoad(&reader, triton, &answer).error_code(), grpc::PERMISSION_DENIED);
}

TEST_F(RpcServer, AStreamAnswersInOrderAndGoesOnAfterARefusal) {
  engine.model->keeps = true;
  Context context;
  const auto stream = stub->ModelStreamInfer(&context);
  pb::ModelInferRequest wrong = request(0, 0);
  wrong.set_model_name("nothing");
  wrong.set_id("wrong");
  ASSERT_TRUE(stream->Write(request(1, 1)));
  ASSERT_TRUE(stream->Write(wrong));
  ASSERT_TRUE(stream->Write(request(2, 2)));
  ASSERT_TRUE(stream->WritesDone());
  auto kept = engine.model->wait_for(2);
  std::sort(kept.begin(), kept.end(),
            [](const auto& a, const auto& b) { return a.job.inputs[0].template as<double>()[0] > b.job.inputs[0].template as<double>()[0]; });
  for (auto& one : kept) TestModel::let_go(one);  // the last one first
  pb::ModelStreamInferResponse answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.error_message(), "");
  EXPECT_EQ(sum_of(answer.infer_response()), 2);
  EXPECT_TRUE(answer.infer_response().parameters().at("triton_final_response").bool_param());
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_THAT(answer.error_message(), HasSubstr("no such model"));
  EXPECT_EQ(answer.infer_response().id(), "wrong");
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(sum_of(answer.infer_response()), 4);
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(RpcServer, AStreamIsReadNoFurtherThanItIsAnswered) {
  constexpr int kAll = 100;
  engine.model->keeps = true;
  Context context;
  const auto stream = stub->ModelStreamInfer(&context);
  std::thread writer([&] {
    for (int i = 0; i < kAll; ++i) stream->Write(request(i, 0));
    stream->WritesDone();
  });
  auto kept = engine.model->wait_for(32);
  EXPECT_EQ(engine.model->asked, 32);
  {
    const std::lock_guard lock(engine.model->mutex);
    engine.model->keeps = false;
  }
  for (auto& one : kept) TestModel::let_go(one);
  pb::ModelStreamInferResponse answer;
  int read = 0;
  for (; stream->Read(&answer); ++read) EXPECT_EQ(sum_of(answer.infer_response()), read);
  writer.join();
  EXPECT_EQ(read, kAll);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(RpcServer, AStreamEndsWithTheRightToIt) {
  Context context;
  const auto stream = stub->ModelStreamInfer(&context);
  pb::ModelStreamInferResponse answer;
  ASSERT_TRUE(stream->Write(request(1, 1)));
  ASSERT_TRUE(stream->Read(&answer));
  guard.revoked = true;
  ASSERT_TRUE(stream->Write(request(1, 1)));
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_EQ(stream->Finish().error_code(), grpc::UNAUTHENTICATED);
  EXPECT_EQ(engine.model->asked, 1);
}

TEST_F(RpcServer, DrainFinishesWhatRunsAndEndsIdleStreams) {
  Context idle_context;
  const auto idle = stub->ModelStreamInfer(&idle_context);
  pb::ModelStreamInferResponse answer;
  ASSERT_TRUE(idle->Write(request(1, 1)));
  ASSERT_TRUE(idle->Read(&answer));
  engine.model->keeps = true;
  std::thread caller([this] { EXPECT_TRUE(infer(request(1, 2)).ok()); });
  auto kept = engine.model->wait_for(1);
  std::thread drain([this] { server->drain(Millis(20'000)); });
  EXPECT_FALSE(idle->Read(&answer));
  EXPECT_EQ(idle->Finish().error_code(), grpc::UNAVAILABLE);
  TestModel::let_go(kept[0]);
  caller.join();
  drain.join();
  EXPECT_EQ(infer(request(1, 2)).error_code(), grpc::UNAVAILABLE);
}

TEST_F(RpcServer, DrainCutsWhatLastsTooLong) {
  engine.model->keeps = true;
  std::thread caller([this] { EXPECT_FALSE(infer(request(1, 2)).ok()); });
  auto kept = engine.model->wait_for(1);
  server->drain(Millis(50));
  caller.join();
  TestModel::let_go(kept[0]);
}

TEST_F(RpcServer, WhoSendsNothingHoldsNoPlaceForEver) {
  server = start("127.0.0.1:0", Millis(500)).value();
  const auto to = channel();
  engine.model->keeps = true;
  stub = pb::GRPCInferenceService::NewStub(to);
  std::thread caller([this] { EXPECT_TRUE(infer(request(1, 2)).ok()); });  // this one waits for its answer, which is another thing
  auto kept = engine.model->wait_for(1);
  for (const char* path : {"ModelInfer", "ModelStreamInfer", "ServerLive"}) {
    Context context;
    const std::string whole = std::string("/inference.GRPCInferenceService/") + path;
    const grpc::internal::RpcMethod name(whole.c_str(), grpc::internal::RpcMethod::BIDI_STREAMING);
    const std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> call(
        grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(to.get(), name, &context));
    grpc::ByteBuffer answer;
    EXPECT_FALSE(call->Read(&answer));
    const grpc::Status status = call->Finish();
    EXPECT_EQ(status.error_code(), grpc::DEADLINE_EXCEEDED) << path;
    EXPECT_THAT(status.error_message(), HasSubstr("no message came for 500 ms"));
  }
  TestModel::let_go(kept[0]);
  caller.join();
}

TEST_F(RpcServer, CompressedMessagesAreTakenBombsAreNot) {
  for (const auto coding : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    Context context;
    context.set_compression_algorithm(coding);
    pb::ModelInferRequest asked = request(1, 2);
    asked.mutable_inputs(0)->mutable_parameters()->insert({std::string(1000, 'a'), {}});
    pb::ModelInferResponse answer;
    ASSERT_TRUE(stub->ModelInfer(&context, asked, &answer).ok());
    EXPECT_EQ(sum_of(answer), 3);
    Context bomb_context;
    bomb_context.set_compression_algorithm(coding);
    asked.set_raw_input_contents(0, std::string(100 * kMessageMax, 'a'));
    const grpc::Status bomb = stub->ModelInfer(&bomb_context, asked, &answer);
    EXPECT_EQ(bomb.error_code(), grpc::INVALID_ARGUMENT) << bomb.error_message();
  }
}

TEST_F(RpcServer, MessagesHaveALimit) {
  pb::ModelInferRequest asked = request(1, 2);
  asked.set_raw_input_contents(0, std::string(kMessageMax + 1, 'a'));
  EXPECT_EQ(infer(asked).error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(infer(request(1, 2)).ok());
}

TEST_F(RpcServer, APortIsNotShared) {
  const auto second = start(server->address());
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().detail(), HasSubstr(server->address()));
  for (const char* wrong : {"", "8081", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "a.name:1"})
    EXPECT_EQ(start(wrong).error().code(), ErrorCode::bad_request) << wrong;
}

}  // namespace
}  // namespace slipway::rpc
