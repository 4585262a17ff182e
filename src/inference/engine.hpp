// Engine: runs models and imports in cells, for the server. Nothing of ONNX Runtime or of a model file is touched in this process.
//
// predict() may be called by every Loop's thread; callbacks of predictions run on the Loop that was given, callbacks of imports and loads
// on the engine's own thread (they must be short: post elsewhere). One thread, the fleet's, changes the state of cells; a model's queue
// is under the model's own lock. Destroying the engine ends all cells and answers everything that waits with `unavailable`; the Loops
// must still run then.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "slipway/base/cancellation.hpp"
#include "slipway/base/clock.hpp"
#include "slipway/base/metrics.hpp"
#include "slipway/base/result.hpp"
#include "slipway/inference/priority.hpp"
#include "slipway/inference/residence.hpp"
#include "slipway/os/fd.hpp"
#include "slipway/os/sandbox.hpp"
#include "slipway/tensor/schema.hpp"
#include "slipway/tensor/tensor.hpp"

namespace slipway::os {
class Loop;
}

namespace slipway::inference {

struct EngineOptions {
  std::string launcher_program;                   // empty: this program. Run as `<program> cell-launcher`
  std::vector<os::Loop*> loops;                   // every Loop that predictions may come from
  std::uint64_t memory_bytes = 0;                 // budget of all loaded models' resident memory; 0: half of the machine's
  std::uint64_t model_memory_bytes = 4ull << 30;  // what one model's process may have
  unsigned threads = 0;                           // of a model; 0: by its size
  unsigned cells = 0;                             // of a model, at most; 0: by its threads and the cores
  unsigned queue_max = 1024;                      // requests that wait for one model
  std::uint64_t queue_bytes_max = 256ull << 20;   // that these may hold
  unsigned imports_max = 2;                       // imports under way; more wait
  unsigned restarts_max = 3;                      // crashes within restart_window, then the model rests for cool_down
  Millis restart_window{60'000};
  Millis cool_down{60'000};
  Millis start_timeout{60'000};  // for a cell to load its model
  Millis run_grace{200};         // a run is ended at its deadline, but not before it had this long
};

struct ImportFile {
  std::string name;
  os::Fd memfd;  // sealed
};

struct ImportJob {
  std::vector<ImportFile> files;
  std::string options_json;
  std::uint64_t memory_bytes = 4ull << 30;
  std::uint64_t answer_bytes_max = 4ull << 30;
  Steady deadline;
};

struct ModelSpec {
  std::string id;  // version id: for logs and metrics only
  std::shared_ptr<const Schema> schema;
  std::function<Result<os::Fd>()> source;  // the artifact in a sealed memfd; called on a worker thread at each cold start
  std::uint64_t artifact_bytes = 0;
  Residence residence = Residence::on_demand;
  Millis batch_window{0};  // see Model::gather
  bool verified = false;   // our own importer's graph, checked and sealed: the cell needn't check it again
};

struct PredictJob {
  std::vector<Tensor> inputs;  // in the schema's order, checked against it
  std::uint64_t rows = 1;
  Steady deadline;
  os::Loop* loop = nullptr;  // one of EngineOptions.loops
  std::uint64_t caller = 0;  // who asks: what waits is shared fairly between callers
  Priority priority = Priority::normal;
  CancellationPtr cancellation;  // of whoever asks; null: they stay
};

using PredictCallback = std::function<void(Result<std::vector<Tensor>>)>;  // outputs in the schema's order

struct Tally {  // since the model was deployed
  std::uint64_t count = 0, ns = 0;
};

struct ModelStats {
  bool loaded = false;
  unsigned cells = 0;
  unsigned lanes = 0;  // runs at the same time, in all of them
  std::uint64_t resident_bytes = 0;
  std::uint64_t cold_starts = 0;
  std::uint64_t crashes = 0;
  std::uint64_t waiting = 0;  // in the queue
  std::uint64_t running = 0;  // handed to the cell
  double cold_start_ms = 0;   // the last one
  std::string quarantine;     // why the model rests; empty: it doesn't
  pid_t pid = 0;              // of its first cell; 0: none
  bool overloaded = false;    // more comes than can be done: only a short queue is let in
  Tally succeeded, failed;    // requests, from their arrival to their answer
  Tally queued, computed;     // of those that a cell answered: before the run, and their share of it
  std::uint64_t rows = 0;
  double runs = 0;
  Steady last_used{};
};

class Model {
 public:
  virtual ~Model() = default;
  // Never blocks, never throws; the callback is called exactly once, maybe before predict returns. Errors: overloaded (queue full, or not to
  // be done by the deadline), deadline_exceeded, model_crashed, unavailable (quarantined, cannot be loaded, the engine ends, cancelled),
  // invalid_input (the graph refused the values).
  virtual void predict(PredictJob job, PredictCallback done) = 0;
  // Before a request is read whose reading takes a while: whether predict would refuse it, however little it asked for. Never blocks. Error:
  // overloaded.
  virtual Status turned_away(std::uint64_t caller [[maybe_unused]], Priority priority [[maybe_unused]]) { return ok(); }
  virtual void load(std::function<void(Status)> done) = 0;  // loads it now if it isn't: for upload checks and warm-up; done on the engine's thread
  virtual void unload() = 0;                                // frees its memory if it has no work; the next request loads it again
  virtual void keep(Residence residence) = 0;               // from now on
  // A free cell waits up to `window` from the arrival of what waits longest, so that more rows run together: not longer than half of any
  // request's time, and not for one of low priority. Models whose rows are not independent are not affected. 0: nothing waits for others.
  virtual void gather(Millis window) = 0;
  virtual ModelStats stats() const = 0;
  // Another version has taken its place: its cells end as soon as nothing is left to do. Who had found it a moment before and asks now is
  // still answered, so that none is lost at a promotion.
  virtual void retire() = 0;
};

struct EngineStats {
  std::uint64_t models = 0, loaded = 0;
  std::uint64_t resident_bytes = 0, budget_bytes = 0;
  std::uint64_t launcher_restarts = 0;
  pid_t launcher_pid = 0;
};

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> start(const EngineOptions& options, Metrics& metrics);
  virtual ~Engine() = default;

  // The answer is a sealed memfd with what the import function returned. Errors: model_refused (it crashed, took too long, or needs too
  // much memory), unavailable. The bytes are hostile: the reader checks them.
  virtual void import_model(ImportJob job, std::function<void(Result<os::Fd>)> done) = 0;
  virtual std::shared_ptr<Model> deploy(ModelSpec spec) = 0;
  virtual EngineStats stats() const = 0;
  virtual os::SandboxReport sandbox() const = 0;  // what the launcher found possible at its start
};

}  // namespace slipway::inference
