// Registry: the models as people and the request path see them. Rows in the database; what predictions need is in memory, sharded, so
// that a request takes no lock that all requests share. Functions that change something block (database): call them on a pool.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "slipway/http/route.hpp"
#include "slipway/inference/engine.hpp"
#include "slipway/platform/limits/book.hpp"
#include "slipway/platform/models/intake.hpp"
#include "slipway/platform/models/rows.hpp"
#include "slipway/tensor/request_codec.hpp"

namespace slipway::models {

// What a prediction needs of a model. Immutable; replaced as a whole when another version is promoted.
struct Deployment {
  std::string model_id, name, owner_id, status;  // status: of the version that stands for the model
  std::int64_t version = 0;
  std::shared_ptr<const RequestCodec> codec;  // null unless a version is served
  std::shared_ptr<inference::Model> model;
  Millis batch_window{0};
  bool served() const { return model != nullptr; }
};

class Registry {
 public:
  Registry(store::Database& database, Intake& intake, inference::Engine& engine, const Clock& clock);

  Status start();  // every model into memory; nothing is loaded yet
  void set_base_url(std::string url) { base_url_ = std::move(url); }

  std::shared_ptr<const Deployment> find(std::string_view model_id) const;  // null: there is no such model
  // The model when it exists and is this principal's to see (owner or administrator), else not_found.
  Result<std::shared_ptr<const Deployment>> visible(const http::Principal& who, std::string_view model_id) const;
  // The same by id, or by the name that this principal's own model has: other protocols' clients know models by name. Errors: not_found;
  // conflict when several of theirs have the name.
  Result<std::shared_ptr<const Deployment>> resolve(const http::Principal& who, std::string_view id_or_name) const;
  // All that this principal may see and has as its own, by name.
  std::vector<std::shared_ptr<const Deployment>> own(const http::Principal& who) const;

  // A version that needn't be the one that is served: work that began on it ends on it. Its model is the caller's to retire unless it is
  // the one that find() gives. Blocks. Errors: not_found, model_not_ready.
  Result<std::shared_ptr<const Deployment>> of_version(std::string_view model_id, std::int64_t number);
  // What hears of every model that was removed, after its rows are gone. Set before the first removal.
  void on_removed(std::function<Status(std::string_view model_id)> listener) { removed_ = std::move(listener); }

  Status refresh(std::string_view model_id);  // memory follows the rows: after an upload, a promotion, a deletion
  Status remove(std::string_view model_id);
  Status promote(std::string_view model_id, std::int64_t number);

  Result<json::Value> describe(std::string_view model_id) const;  // details
  json::Value describe(const ModelRow& model, const std::optional<VersionRow>& face, bool details) const;
  json::Value describe_version(const VersionRow& version) const;

  store::Database& database() const { return database_; }
  Intake& intake() const { return intake_; }
  const Clock& clock() const { return clock_; }

 private:
  static constexpr std::size_t kShards = 16;
  struct Shard {
    mutable std::shared_mutex mutex;
    std::unordered_map<std::string, std::shared_ptr<const Deployment>> deployments;
  };
  struct Names {  // by owner and name; rarely written
    mutable std::shared_mutex mutex;
    std::map<std::pair<std::string, std::string>, std::set<std::string>> ids;
  };
  void rename(const Deployment* before, const Deployment* after);
  Shard& shard(std::string_view model_id) const { return shards_[std::hash<std::string_view>{}(model_id) % kShards]; }
  Result<std::shared_ptr<const Deployment>> deployment_of(const ModelRow& model, const std::optional<VersionRow>& face);
  void load_before_it_replaces(const Deployment& next) const;
  void put(std::string_view model_id, std::shared_ptr<const Deployment> deployment);  // null removes

  store::Database& database_;
  Intake& intake_;
  inference::Engine& engine_;
  const Clock& clock_;
  std::string base_url_;
  std::function<Status(std::string_view)> removed_;
  mutable std::array<Shard, kShards> shards_;
  Names names_;
};

std::vector<http::Route> routes(Registry& registry, limits::Book& book);  // list, details, edit, delete, download, versions
std::vector<http::Route> upload_routes(Registry& registry, std::uint64_t upload_bytes_max);

}  // namespace slipway::models
