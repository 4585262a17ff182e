// The server's own intake for the durability harness: two uploads, imported and made ready by Intake, then a deletion by it.
// The cells are replaced by a workshop that works at once and in this process; everything that touches the disk is the real thing.
//
//   intake_subject upload DATA             acknowledges on descriptor 3: "received VERSION SHA256", "ready VERSION SHA256",
//                                          "deleting VERSION" (asked for), "deleted VERSION"
//   intake_subject recover DATA ACKS       starts as the server does and says on descriptor 3 what is wrong
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <set>

#include "slipway/base/clock.hpp"
#include "slipway/base/encoding.hpp"
#include "slipway/base/log.hpp"
#include "slipway/os/memfd.hpp"
#include "slipway/platform/accounts/accounts.hpp"
#include "slipway/platform/models/intake.hpp"
#include "slipway/store/data_dir.hpp"

namespace {

using namespace slipway;

constexpr int kAckFd = 3;
constexpr std::string_view kOwner = "usr_00000000000000000000000000";
constexpr std::string_view kCanary = "CANARY-5f2b9c71-of-the-upload ";
constexpr std::size_t kSmall = 1000, kLarge = 150000;

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(kAckFd, text.data(), text.size()) < 0) std::perror("channel");
}

Error wrong(const std::string& what) { return Error(ErrorCode::internal, what); }

std::string content(std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text.append(kCanary);
  text.resize(bytes);
  return text;
}

class InProcessWorkshop final : public models::Workshop {
 public:
  void import(std::vector<models::OriginalFile> files, std::string, std::function<void(Result<models::Imported>)> done) override {
    done([&]() -> Result<models::Imported> {
      std::size_t size = 0;
      for (const models::OriginalFile& file : files) size += TRY(os::Mapping::read_only(file.bytes)).bytes().size();
      const std::string artifact = "artifact of " + std::to_string(size);
      models::Imported out;
      out.artifact = TRY(os::make_sealed("artifact", artifact));
      out.artifact_bytes = artifact.size();
      out.format = "test";
      out.schema = out.example = out.report = "{}";
      return out;
    }());
  }
  void check(const models::VersionRow&, std::function<Result<os::Fd>()> artifact, std::function<void(Result<std::string>)> done) override {
    auto opened = artifact();
    done(opened.ok() ? Result<std::string>("{}") : Result<std::string>(std::move(opened).error()));
  }
  void post(std::function<void()> work) override { work(); }
  void later(Millis, std::function<void()>) override {}  // this life ends first: the next start goes on
};

struct Server {
  store::DataDir data;
  std::unique_ptr<store::Database> database;
  std::unique_ptr<store::Keyring> keyring;
  std::unique_ptr<store::Blobs> blobs;
  std::unique_ptr<InProcessWorkshop> workshop;
  std::unique_ptr<models::Intake> intake;

  static Result<Server> open(const std::string& path) {
    store::DataDir data = TRY(store::DataDir::open(path));
    std::vector<store::Migration> migrations(store::store_migrations().begin(), store::store_migrations().end());
    for (const auto& more : {accounts::Accounts::migrations(), models::migrations()}) migrations.insert(migrations.end(), more.begin(), more.end());
    auto database = TRY(store::Database::open({.path = data.database(), .readers = 1, .backup_dir = data.backups()}, migrations));
    auto keyring = TRY(store::Keyring::open(*database, data.master_key(), system_clock()));
    auto blobs = TRY(store::open_local_blobs(data.blobs()));
    auto workshop = std::make_unique<InProcessWorkshop>();
    models::IntakeOptions options;
    options.free_bytes_min = 0;
    auto intake = std::make_unique<models::Intake>(*database, *keyring, *blobs, *workshop, system_clock(), options);
    return Server{std::move(data), std::move(database), std::move(keyring), std::move(blobs), std::move(workshop), std::move(intake)};
  }

  Status add_owner() {
    TRY(database->write([](store::Session& s) {
      return s.exec(
          "INSERT INTO users (id, email, name, password_hash, role, status, epoch, created_at, updated_at) VALUES (?, 'a@b', '', '', 'user', "
          "'active', 0, 0, 0)",
          {kOwner});
    }));
    return ok();
  }

  Result<models::VersionRow> process(const std::string& version_id) {
    Result<models::VersionRow> row = wrong("process() did not answer");
    intake->process(version_id, [&](Result<models::VersionRow> done) { row = std::move(done); });
    return row;
  }
};

Result<models::VersionRow> upload(Server& server, const std::string& text) {
  auto upload = TRY(server.intake->begin(kOwner, ""));
  TRY(upload->next_file("model.pkl"));
  for (std::size_t at = 0; at < text.size(); at += 20000) {
    if (at == 60000) TRY(upload->next_file("scaler.pkl"));  // the larger one is two files
    TRY(upload->write(as_bytes(text).subspan(at, std::min<std::size_t>(20000, text.size() - at))));
  }
  const models::VersionRow received = TRY(upload->finish({"model", "", {}, ""}));
  say("received " + received.id + " " + received.sha256);
  models::VersionRow row = TRY(server.process(received.id));
  // A disk that fails between the two puts the import off: what was received must be ready after the next start.
  if (row.status == models::state::kReady) say("ready " + row.id + " " + row.sha256);
  return row;
}

Status live(const std::string& path) {
  say("start");
  Server server = TRY(Server::open(path));
  TRY(server.add_owner());
  const models::VersionRow first = TRY(upload(server, content(kSmall)));
  TRY(upload(server, content(kLarge)));
  say("deleting " + first.id + " " + first.sha256);
  TRY(server.intake->remove(first.model_id));
  say("deleted " + first.id + " " + first.sha256);
  return ok();
}

Result<std::vector<models::VersionRow>> all_versions(Server& server) {
  return server.database->read([](store::Session& s) -> Result<std::vector<models::VersionRow>> {
    std::vector<models::VersionRow> versions;
    for (const store::Row& row : TRY(s.query("SELECT id FROM model_versions"))) versions.push_back(*TRY(models::find_version(s, row.text("id"))));
    return versions;
  });
}

Status check_version(Server& server, const models::VersionRow& version) {
  if (version.status != models::state::kReady) return wrong("half a model: " + version.id + " is " + version.status);
  const auto model = TRY(server.database->read([&](store::Session& s) { return models::find_model(s, version.model_id); }));
  if (!model || model->current_version != version.number) return wrong("ready, but not served: " + version.id);
  auto reader = TRY(server.intake->open_original(version));
  std::string text(reader.size(), '\0');
  TRY(reader.read(0, std::as_writable_bytes(std::span(text.data(), text.size()))));
  if (text != content(kSmall) && text != content(kLarge)) return wrong("another content: " + version.id);
  std::int64_t listed = 0;
  for (const models::FileRow& file : version.files) listed += file.size;
  if (version.files.size() != (text.size() > 60000 ? 2 : 1) || listed != version.size) return wrong("another list of files: " + version.id);
  const os::Fd artifact = TRY(server.intake->open_artifact(version));
  const os::Mapping bytes = TRY(os::Mapping::read_only(artifact));
  if (as_text(bytes.bytes()) != "artifact of " + std::to_string(text.size())) return wrong("another artifact: " + version.id);
  return ok();
}

Status check_acknowledged(const std::vector<models::VersionRow>& versions, const std::string& acks_path) {
  std::map<std::string, std::pair<std::string, std::string>> said;  // version → last word, digest
  std::ifstream acks(acks_path);
  for (std::string word, id, digest; acks >> word >> id >> digest;) said[id] = {word, digest};
  for (const auto& [id, last] : said) {
    const auto& [word, digest] = last;
    const auto version = std::find_if(versions.begin(), versions.end(), [&](const models::VersionRow& v) { return v.id == id; });
    const bool is_there = version != versions.end();
    if (word != "deleting" && word != "deleted" && !is_there) return wrong("lost: acknowledged " + id);
    if (word == "deleted" && is_there) return wrong("resurrected: deleted " + id);
    if (is_there && version->sha256 != digest) return wrong("another digest: " + id);
    if ((word == "ready" || word == "received") && version->status != models::state::kReady)
      return wrong("acknowledged, now " + version->status + ": " + id);
  }
  return ok();
}

Status recover(const std::string& path, const std::string& acks_path) {
  say("start");
  Server server = TRY(Server::open(path));
  const auto recovery = TRY(server.intake->recover());
  if (recovery.orphans > 0) return wrong(std::to_string(recovery.orphans) + " orphans");
  for (const std::string& id : recovery.to_process) TRY(server.process(id));
  const auto versions = TRY(all_versions(server));
  std::set<std::string> blobs;
  for (const auto& version : versions) {
    TRY(check_version(server, version));
    if (!version.file_blob.empty()) blobs.insert({version.file_blob, version.artifact_blob});
  }
  const auto stored = TRY(server.blobs->list());
  if (stored.size() != blobs.size()) return wrong(std::to_string(stored.size()) + " blobs stored, " + std::to_string(blobs.size()) + " known");
  const auto models = TRY(server.database->read([](store::Session& s) { return s.query("SELECT id FROM models"); }));
  if (models.size() != versions.size()) return wrong(std::to_string(models.size()) + " models of " + std::to_string(versions.size()) + " versions");
  TRY(check_acknowledged(versions, acks_path));
  return server.database->check();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  log::configure({.level = log::Level::error});
  Status status = Error(ErrorCode::internal, "usage: intake_subject upload DATA | intake_subject recover DATA ACKS");
  if (words.size() == 2 && words[0] == "upload") status = live(words[1]);
  if (words.size() == 3 && words[0] == "recover") status = recover(words[1], words[2]);
  if (status.ok()) return 0;
  if (!words.empty() && words[0] == "recover")
    say(status.error().detail() + " " + status.error().internal());
  else
    std::fprintf(stderr, "intake_subject: %s %s\n", status.error().detail().c_str(), status.error().internal().c_str());
  return 1;
}
