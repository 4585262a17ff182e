// LocalModels: model files without a server. What is untrusted happens in cells all the same: an import cell reads the files, a model
// cell runs the graph; this process sees the small JSON sections and sealed memory. Single-threaded towards its user.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "slipway/base/result.hpp"
#include "slipway/base/settings.hpp"
#include "slipway/graph/artifact.hpp"
#include "slipway/importers/answer.hpp"
#include "slipway/inference/engine.hpp"
#include "slipway/os/memfd.hpp"
#include "slipway/tensor/request_codec.hpp"

namespace slipway::cli {

struct LocalFile {
  std::string path;  // "-": stdin
  std::string name;  // what the importer is told
  os::Fd memfd;      // sealed
};

// Copies files into sealed memory. Errors tell the path and why.
Result<std::vector<LocalFile>> open_files(const std::vector<std::string>& paths, const Settings& settings);

// An import cell's answer; `answer` points into `bytes`.
struct Imported {
  os::Fd memfd;
  os::Mapping bytes;
  importers::ImportAnswer answer;
};

class LocalModels {
 public:
  static Result<std::unique_ptr<LocalModels>> start(const Settings& settings);
  virtual ~LocalModels() = default;

  struct Wish {
    std::string entry;
    bool inspect_only = false;        // no artifact is made
    bool standard_operators = false;  // where they can say it
  };
  // A refusal is part of the answer, not an Error.
  virtual Result<Imported> import(const std::vector<LocalFile>& files, const Wish& wish) = 0;
  // One request in a model cell of its own: the JSON of POST /api/predict.
  virtual Result<std::string> predict(const Imported& model, const std::string& name, const DecodedRequest& request) = 0;
};

// The refusal as an Error, or the artifact's sections.
Result<ArtifactView> artifact_of(const Imported& imported);

}  // namespace slipway::cli
