// The two untrusted steps of an import, in cells: reading the file, and running the artifact's own example. Thread-safe.
#pragma once

#include "slipway/base/settings.hpp"
#include "slipway/inference/engine.hpp"
#include "slipway/os/loop.hpp"
#include "slipway/os/pool.hpp"
#include "slipway/platform/models/intake.hpp"
#include "slipway/tensor/request_codec.hpp"

namespace slipway::app {

class CellWorkshop final : public models::Workshop {
 public:
  CellWorkshop(const Settings& settings, inference::Engine& engine, os::Loop& loop, os::Pool& pool)
      : settings_(settings), engine_(engine), loop_(loop), pool_(pool) {}

  void import(std::vector<models::OriginalFile> files, std::string entry, std::function<void(Result<models::Imported>)> done) override;
  void check(const models::VersionRow& version, std::function<Result<os::Fd>()> artifact, std::function<void(Result<std::string>)> done) override;
  void post(std::function<void()> work) override { pool_.go_on(std::move(work)); }
  void later(Millis delay, std::function<void()> work) override;

 private:
  struct Check;
  // Runs a request on the model under check; an error ends the check.
  void ask(const std::shared_ptr<Check>& check, DecodedRequest request, std::string_view when_refused,
           std::function<void(std::vector<Tensor>)> answered);
  void certify(const std::shared_ptr<Check>& check);

  const Settings& settings_;
  inference::Engine& engine_;
  os::Loop& loop_;  // where the example's answer arrives
  os::Pool& pool_;
};

}  // namespace slipway::app
