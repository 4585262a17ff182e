// A whole life of uploads on src/store, for the durability harness: intent row → encrypt while receiving → fsync, link, fsync →
// import → ready → acknowledgement; then a deletion. `recover` sweeps up as a start does and checks every promise.
//
//   subject upload DATA [--fault NAME]     acknowledges on descriptor 3: "ready ID SHA256", "deleting ID" (asked for), "deleted ID"
//   subject recover DATA ACKS              says on descriptor 3 what is wrong
//
// Faults are deliberate bugs, each of which the harness must notice.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "slipway/base/clock.hpp"
#include "slipway/base/encoding.hpp"
#include "slipway/base/ids.hpp"
#include "slipway/base/log.hpp"
#include "slipway/os/file.hpp"
#include "slipway/store/data_dir.hpp"
#include "slipway/store/keyring.hpp"
#include "slipway/store/sealed.hpp"

namespace {

using namespace slipway;
using namespace slipway::store;

constexpr int kAckFd = 3;
constexpr std::string_view kOwner = "usr_owner";
constexpr std::string_view kCanary = "CANARY-5f2b9c71-of-the-upload ";
std::string fault;  // set once, by main

constexpr Migration kModels{50, "models", R"sql(
CREATE TABLE models (id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL, original_key TEXT NOT NULL, artifact_key TEXT, sha256 TEXT);
)sql"};

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(kAckFd, text.data(), text.size()) < 0) std::perror("channel");
}

// What a careless implementation of Blobs does: no fsync at all, or none of the directory.
class CarelessBlobs final : public Blobs {
 public:
  CarelessBlobs(std::unique_ptr<Blobs> inner, std::string directory) : inner_(std::move(inner)), directory_(std::move(directory)) {}
  Result<std::unique_ptr<BlobWriter>> create(std::string_view id) override {
    return std::unique_ptr<BlobWriter>(std::make_unique<Writer>(directory_ + "/" + std::string(id)));
  }
  Result<std::unique_ptr<BlobReader>> open(std::string_view id) override { return inner_->open(id); }
  Result<bool> remove(std::string_view id) override { return inner_->remove(id); }
  Result<std::vector<BlobInfo>> list() override { return inner_->list(); }
  Result<std::uint64_t> free_bytes() override { return inner_->free_bytes(); }

 private:
  class Writer final : public BlobWriter {
   public:
    explicit Writer(std::string path) : path_(std::move(path)), file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {}
    Status write(std::span<const std::byte> bytes) override {
      TRY(os::pwrite_all(file_.get(), bytes, at_));
      at_ += bytes.size();
      return ok();
    }
    Status commit() override {
      if (fault == "no-directory-fsync") os::sync_or_abort(file_.get(), "blob");
      return ok();
    }

   private:
    std::string path_;
    os::Fd file_;
    std::uint64_t at_ = 0;
  };
  std::unique_ptr<Blobs> inner_;
  std::string directory_;
};

struct Platform {
  DataDir data;
  std::unique_ptr<Database> database;
  std::unique_ptr<Keyring> keyring;
  std::unique_ptr<Blobs> blobs;

  static Result<Platform> open(const std::string& path) {
    DataDir data = TRY(DataDir::open(path));
    std::vector<Migration> migrations(store_migrations().begin(), store_migrations().end());
    migrations.push_back(kModels);
    auto database = TRY(Database::open({.path = data.database(), .readers = 1, .backup_dir = data.backups()}, migrations));
    auto keyring = TRY(Keyring::open(*database, data.master_key(), system_clock()));
    auto blobs = TRY(open_local_blobs(data.blobs()));
    if (fault == "no-fsync" || fault == "no-directory-fsync") blobs = std::make_unique<CarelessBlobs>(std::move(blobs), data.blobs());
    return Platform{std::move(data), std::move(database), std::move(keyring), std::move(blobs)};
  }

  Status row(std::string_view sql, const Params& params) {
    TRY(database->write([&](Session& s) { return s.exec(sql, params); }));
    return ok();
  }
};

// A model's two blobs have its id with another prefix.
std::string original_of(const std::string& id) { return "org" + id.substr(3); }
std::string artifact_of(const std::string& id) { return "art" + id.substr(3); }
KeyUse original_use(const std::string& blob) { return {kOwner, blob, "original"}; }
KeyUse artifact_use(const std::string& blob) { return {kOwner, blob, "artifact"}; }

std::string content(std::size_t bytes, char salt) {
  std::string text;
  while (text.size() < bytes) text.append(kCanary).push_back(salt);
  text.resize(bytes);
  return text;
}

Result<std::string> read_sealed(Blobs& blobs, const std::string& id, const SecretKey& key) {
  auto reader = TRY(SealedReader::open(blobs, id, key));
  std::string text(reader.size(), '\0');
  const std::size_t got = TRY(reader.read(0, std::as_writable_bytes(std::span(text.data(), text.size()))));
  if (got != text.size()) return Error(ErrorCode::internal, "short");
  return text;
}

Result<SealedInfo> write_sealed(Blobs& blobs, const std::string& id, const SecretKey& key, std::string_view text) {
  auto writer = TRY(SealedWriter::create(blobs, id, key));
  for (std::size_t at = 0; at < text.size(); at += 20000) TRY(writer.write(as_bytes(text.substr(at, 20000))));  // as it comes from a network
  return writer.finish();
}

// The import: idempotent, so that a start can do it again. The artifact stands for what a cell would have made.
Status import_model(Platform& p, const std::string& id, const std::string& text) {
  const std::string blob = artifact_of(id);
  TRY(p.blobs->remove(blob));
  const SecretKey key = SecretKey::random();
  const std::string wrapped = TRY(p.keyring->wrap_dek(key, artifact_use(blob)));
  TRY(p.row("UPDATE models SET artifact_key = ? WHERE id = ?", {wrapped, id}));
  TRY(write_sealed(*p.blobs, blob, key, "artifact of " + text.substr(0, 100)));
  return p.row("UPDATE models SET state = 'ready' WHERE id = ?", {id});
}

Status upload(Platform& p, const std::string& id, const std::string& text) {
  const std::string blob = original_of(id);
  const SecretKey key = SecretKey::random();
  const std::string wrapped = TRY(p.keyring->wrap_dek(key, original_use(blob)));
  if (fault == "clear-text") std::ofstream(p.data.path() + "/spool") << text;
  if (fault != "no-intent") TRY(p.row("INSERT INTO models (id, state, original_key) VALUES (?, 'receiving', ?)", {id, wrapped}));
  if (fault == "early-ready") TRY(p.row("UPDATE models SET state = 'ready' WHERE id = ?", {id}));
  const SealedInfo info = TRY(write_sealed(*p.blobs, blob, key, text));
  if (fault == "no-intent") TRY(p.row("INSERT INTO models (id, state, original_key) VALUES (?, 'receiving', ?)", {id, wrapped}));
  TRY(p.row("UPDATE models SET state = 'importing', sha256 = ? WHERE id = ?", {info.sha256, id}));
  TRY(import_model(p, id, text));
  say("ready " + id + " " + info.sha256);
  return ok();
}

// Invisible first; then the content, durably; then the row with the keys.
Status erase(Platform& p, const std::string& id) {
  if (fault == "early-unlink") TRY(p.blobs->remove(original_of(id)));
  TRY(p.row("UPDATE models SET state = 'deleting', original_key = '', artifact_key = '' WHERE id = ?", {id}));
  TRY(p.blobs->remove(artifact_of(id)));
  TRY(p.blobs->remove(original_of(id)));
  TRY(p.row("DELETE FROM models WHERE id = ?", {id}));
  return p.database->checkpoint();
}

Status live(const std::string& path) {
  say("start");
  Platform p = TRY(Platform::open(path));
  const std::string first = new_id("mdl");
  const std::string second = new_id("mdl");
  TRY(upload(p, first, content(1000, 'a')));
  TRY(upload(p, second, content(150000, 'b')));
  say("deleting " + first);
  TRY(erase(p, first));
  say("deleted " + first);
  return ok();
}

// What a start does with what it finds.
Status sweep(Platform& p) {
  const auto rows = TRY(p.database->read([](Session& s) { return s.query("SELECT id, state, original_key FROM models WHERE state <> 'ready'"); }));
  for (const Row& row : rows) {
    const std::string& id = row.text("id");
    if (row.text("state") != "importing") {
      TRY(erase(p, id));
      continue;
    }
    const SecretKey key = TRY(p.keyring->unwrap_dek(row.text("original_key"), original_use(original_of(id))));
    TRY(import_model(p, id, TRY(read_sealed(*p.blobs, original_of(id), key))));
  }
  return ok();
}

Status wrong(const std::string& what) { return Error(ErrorCode::internal, what); }

Status check_model(Platform& p, const Row& row, std::set<std::string>& expected) {
  const std::string& id = row.text("id");
  if (row.text("state") != "ready") return wrong("half a model: " + id + " is " + row.text("state"));
  const SecretKey original = TRY(p.keyring->unwrap_dek(row.text("original_key"), original_use(original_of(id))));
  const std::string text = TRY(read_sealed(*p.blobs, original_of(id), original));
  const bool is_first = text == content(1000, 'a');
  if (!is_first && text != content(150000, 'b')) return wrong("model " + id + " has another content");
  const SecretKey artifact = TRY(p.keyring->unwrap_dek(row.text("artifact_key"), artifact_use(artifact_of(id))));
  if (TRY(read_sealed(*p.blobs, artifact_of(id), artifact)) != "artifact of " + text.substr(0, 100))
    return wrong("artifact of " + id + " has another content");
  expected.insert({original_of(id), artifact_of(id)});
  return ok();
}

// No blob without a row, before the sweep: an intent row comes first and goes last.
Status check_no_orphans(Platform& p, const std::set<std::string>& known) {
  for (const BlobInfo& blob : TRY(p.blobs->list()))
    if (!known.contains(blob.id)) return wrong("orphan " + blob.id);
  return ok();
}

Status check_acknowledged(const std::map<std::string, std::string>& models, const std::string& acks_path) {
  std::map<std::string, std::string> said;  // id → last word
  std::map<std::string, std::string> digests;
  std::ifstream acks(acks_path);
  for (std::string word, id; acks >> word >> id; said[id] = word)
    if (word == "ready") acks >> digests[id];
  for (const auto& [id, word] : said) {
    const auto model = models.find(id);
    if (word == "ready" && model == models.end()) return wrong("lost: acknowledged " + id);
    if (word == "deleted" && model != models.end()) return wrong("resurrected: deleted " + id);
    if (model != models.end() && digests.contains(id) && model->second != digests[id]) return wrong("digest of " + id);
  }
  return ok();
}

Status recover(const std::string& path, const std::string& acks_path) {
  say("start");
  Platform p = TRY(Platform::open(path));
  std::set<std::string> known;
  for (const Row& row : TRY(p.database->read([](Session& s) { return s.query("SELECT id FROM models"); })))
    known.insert({original_of(row.text("id")), artifact_of(row.text("id"))});
  TRY(check_no_orphans(p, known));
  TRY(sweep(p));
  std::set<std::string> expected;
  std::map<std::string, std::string> models;
  for (const Row& row : TRY(p.database->read([](Session& s) { return s.query("SELECT * FROM models"); }))) {
    TRY(check_model(p, row, expected));
    models[row.text("id")] = row.text("sha256");
  }
  TRY(check_no_orphans(p, expected));
  TRY(check_acknowledged(models, acks_path));
  return p.database->check();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  log::configure({.level = log::Level::error});
  Status status = Error(ErrorCode::internal, "usage: subject upload DATA [--fault NAME] | subject recover DATA ACKS");
  if (words.size() == 4 && words[2] == "--fault") fault = words[3];
  if (words.size() >= 2 && words[0] == "upload") status = live(words[1]);
  if (words.size() == 3 && words[0] == "recover") status = recover(words[1], words[2]);
  if (status.ok()) return 0;
  if (!words.empty() && words[0] == "recover")
    say(status.error().detail() + " " + status.error().internal());
  else
    std::fprintf(stderr, "subject: %s %s\n", status.error().detail().c_str(), status.error().internal().c_str());
  return 1;
}
