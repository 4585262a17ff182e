// The server's own jobs for the durability harness: a file of rows is received, scored and kept, then another is removed while it is there.
// The model's process is replaced by an echo in this process; everything that touches the disk is the real thing.
//
//   jobs_subject upload DATA             acknowledges on descriptor 3: "queued JOB" (received whole), "done JOB", "removing JOB" (asked for),
//                                        "removed JOB"
//   jobs_subject recover DATA ACKS       starts as the server does, lets every job end, and says on descriptor 3 what is wrong
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "slipway/base/clock.hpp"
#include "slipway/base/encoding.hpp"
#include "slipway/base/log.hpp"
#include "slipway/platform/accounts/accounts.hpp"
#include "slipway/platform/jobs/jobs.hpp"
#include "slipway/platform/jobs/rows.hpp"
#include "slipway/platform/limits/limiter.hpp"
#include "slipway/platform/models/registry.hpp"
#include "slipway/store/data_dir.hpp"

namespace {

using namespace slipway;

constexpr int kAckFd = 3;
constexpr std::string_view kOwner = "usr_00000000000000000000000000";
constexpr std::string_view kModel = "mdl_00000000000000000000000000";
constexpr std::string_view kSchema =
    R"({"kind":"graph","inputs":[{"name":"text","dtype":"string","shape":[-1,1]}],"outputs":[{"name":"same","dtype":"string","shape":[-1,1]}],)"
    R"("batched":true,"rows_independent":true})";
constexpr int kRows = 700;

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(kAckFd, text.data(), text.size()) < 0) std::perror("channel");
}

Error wrong(const std::string& what) { return Error(ErrorCode::internal, what); }

// JSON lines that are their own result.
std::string content() {
  std::string text;
  for (int i = 0; i < kRows; ++i) text += "[\"CANARY-5f2b9c71-of-row-" + std::to_string(i) + "\"]\n";
  return text;
}

class Echo final : public inference::Model {
 public:
  void predict(inference::PredictJob job, inference::PredictCallback done) override { done(std::move(job.inputs)); }
  void load(std::function<void(Status)> done) override { done(ok()); }
  void unload() override {}
  void keep(inference::Residence) override {}
  void gather(Millis) override {}
  inference::ModelStats stats() const override { return {}; }
  void retire() override {}
};

class EchoEngine final : public inference::Engine {
 public:
  void import_model(inference::ImportJob, std::function<void(Result<os::Fd>)>) override {}
  std::shared_ptr<inference::Model> deploy(inference::ModelSpec) override { return std::make_shared<Echo>(); }
  inference::EngineStats stats() const override { return {}; }
  os::SandboxReport sandbox() const override { return {}; }
};

class NoWorkshop final : public models::Workshop {
  void import(std::vector<models::OriginalFile>, std::string, std::function<void(Result<models::Imported>)>) override {}
  void check(const models::VersionRow&, std::function<Result<os::Fd>()>, std::function<void(Result<std::string>)>) override {}
  void post(std::function<void()> work) override { work(); }
  void later(Millis, std::function<void()>) override {}
};

Status add_model(store::Session& s) {
  TRY(
      s.exec("INSERT INTO users (id, email, name, password_hash, role, status, epoch, created_at, updated_at) VALUES (?, 'a@b', '', '', 'user', "
             "'active', 0, 0, 0)",
             {kOwner}));
  TRY(
      s.exec("INSERT INTO models (id, owner_id, name, description, tags, current_version, created_at, updated_at) VALUES (?, ?, 'echo', '', '[]', 1, "
             "0, 0)",
             {kModel, kOwner}));
  TRY(s.exec(
      "INSERT INTO model_versions (id, model_id, owner_id, number, status, attempts, filename, file_blob, file_dek, artifact_blob, artifact_dek, "
      "sha256, artifact_sha256, size, artifact_size, format, schema_json, example_json, report_json, reason, created_at, updated_at) "
      "VALUES ('ver_1', ?, ?, 1, 'ready', 0, 'f', '', '', '', '', '', '', 0, 0, 'test', ?, '{}', '{}', '', 0, 0)",
      {kModel, kOwner, kSchema}));
  return ok();
}

struct Server {
  os::Loops loops{1};
  Metrics metrics;
  limits::Limiter limiter{limits::Quotas{}, system_clock(), metrics};
  EchoEngine engine;
  NoWorkshop workshop;
  std::optional<store::DataDir> data;
  std::unique_ptr<store::Database> database;
  std::unique_ptr<store::Keyring> keyring;
  std::unique_ptr<store::Blobs> blobs;
  std::unique_ptr<models::Intake> intake;
  std::unique_ptr<models::Registry> registry;
  std::unique_ptr<jobs::Jobs> jobs;

  ~Server() {
    if (jobs) jobs->stop();
    loops.stop();
    loops.join();
  }

  Status open(const std::string& path) {
    data.emplace(TRY(store::DataDir::open(path)));
    std::vector<store::Migration> migrations(store::store_migrations().begin(), store::store_migrations().end());
    for (const auto& more : {accounts::Accounts::migrations(), models::migrations(), jobs::migrations()})
      migrations.insert(migrations.end(), more.begin(), more.end());
    database = TRY(store::Database::open({.path = data->database(), .readers = 1, .backup_dir = data->backups()}, migrations));
    keyring = TRY(store::Keyring::open(*database, data->master_key(), system_clock()));
    blobs = TRY(store::open_local_blobs(data->blobs()));
    models::IntakeOptions intake_options;
    intake_options.free_bytes_min = 0;
    intake = std::make_unique<models::Intake>(*database, *keyring, *blobs, workshop, system_clock(), intake_options);
    TRY(database->write([](store::Session& s) -> Status {
      const auto there = TRY(models::find_model(s, kModel));
      return there ? ok() : add_model(s);
    }));
    registry = std::make_unique<models::Registry>(*database, *intake, engine, system_clock());
    jobs::Options options;
    options.free_bytes_min = 0;
    options.part_time = Millis(0);  // a part of the result each chunk: there is much to lose
    options.running_max = 1;
    jobs = std::make_unique<jobs::Jobs>(jobs::Jobs::Parts{*database, *keyring, *blobs, *registry, loops.at(0), metrics, system_clock(), limiter},
                                        options);
    const auto recovery = TRY(intake->recover(TRY(jobs->recover())));
    if (recovery.orphans > 0) return wrong(std::to_string(recovery.orphans) + " orphans");
    TRY(registry->start());
    loops.start();
    return jobs->start();
  }

  Result<jobs::JobRow> row(const std::string& id) const {
    auto found = TRY(database->read([&](store::Session& s) { return jobs::find_job(s, id); }));
    if (!found) return wrong("lost: " + id);
    return std::move(*found);
  }

  Result<jobs::JobRow> until_over(const std::string& id) const {
    for (int i = 0; i < 1000; ++i) {
      jobs::JobRow job = TRY(row(id));
      if (jobs::is_over(job.status) && jobs->live(id) == nullptr) return job;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return wrong("never over: " + id);
  }

  Result<jobs::JobRow> submit() {
    http::Principal who;
    who.user_id = kOwner;
    auto upload = TRY(jobs->begin(who, *registry->find(kModel), {jobs::Format::ndjson, jobs::Format::ndjson, false, false}));
    const std::string text = content();
    for (std::size_t at = 0; at < text.size(); at += 10'000) TRY(upload->write(as_bytes(std::string_view(text).substr(at, 10'000))));
    return upload->finish();
  }
};

Status live(const std::string& path) {
  say("start");
  Server server;
  TRY(server.open(path));
  const jobs::JobRow first = TRY(server.submit());
  say("queued " + first.id);
  const jobs::JobRow done = TRY(server.until_over(first.id));
  if (done.status == jobs::state::kDone) say("done " + first.id);
  const jobs::JobRow second = TRY(server.submit());
  say("queued " + second.id);
  const jobs::JobRow over = TRY(server.until_over(second.id));
  say("removing " + second.id);
  TRY(server.jobs->end(over));
  say("removed " + second.id);
  return ok();
}

Status check_result(Server& server, const jobs::JobRow& job, std::set<std::string>& blobs) {
  if (job.status != jobs::state::kDone) return wrong(job.id + " is " + job.status + " " + job.error);
  if (job.rows_done != kRows || !job.input_blob.empty()) return wrong("half a job: " + job.id);
  std::string text;
  for (const jobs::PartRow& part : TRY(server.jobs->result_parts(job))) {
    blobs.insert(part.blob);
    auto reader = TRY(server.jobs->open_part(job, part));
    std::string bytes(reader.size(), '\0');
    TRY(reader.read(0, std::as_writable_bytes(std::span(bytes.data(), bytes.size()))));
    text += bytes;
  }
  if (text != content()) return wrong("another result: " + job.id + ", " + std::to_string(text.size()) + " bytes");
  if (static_cast<std::int64_t>(text.size()) != job.result_size) return wrong("another size: " + job.id);
  return ok();
}

Status recover(const std::string& path, const std::string& acks_path) {
  say("start");
  Server server;
  TRY(server.open(path));
  std::map<std::string, std::string> said;
  std::ifstream acks(acks_path);
  for (std::string word, id; acks >> word >> id;) said[id] = word;
  std::set<std::string> there, blobs;
  for (const store::Row& row : TRY(server.database->read([](store::Session& s) { return s.query("SELECT id FROM jobs"); }))) {
    const std::string id = row.text("id");
    there.insert(id);
    TRY(check_result(server, TRY(server.until_over(id)), blobs));
  }
  for (const auto& [id, word] : said) {
    if ((word == "queued" || word == "done") && !there.contains(id)) return wrong("lost: acknowledged " + id);
    if (word == "removed" && there.contains(id)) return wrong("resurrected: removed " + id);
  }
  const auto stored = TRY(server.blobs->list());
  if (stored.size() != blobs.size()) return wrong(std::to_string(stored.size()) + " blobs stored, " + std::to_string(blobs.size()) + " known");
  return server.database->check();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  log::configure({.level = log::Level::error});
  Status status = Error(ErrorCode::internal, "usage: jobs_subject upload DATA | jobs_subject recover DATA ACKS");
  if (words.size() == 2 && words[0] == "upload") status = live(words[1]);
  if (words.size() == 3 && words[0] == "recover") status = recover(words[1], words[2]);
  if (status.ok()) return 0;
  if (!words.empty() && words[0] == "recover")
    say(status.error().detail() + " " + status.error().internal());
  else
    std::fprintf(stderr, "jobs_subject: %s %s\n", status.error().detail().c_str(), status.error().internal().c_str());
  return 1;
}
