// An artifact as it leaves an import cell: its weights go from where they are into the answer.
#pragma once

#include "slipway/base/pieces.hpp"
#include "slipway/graph/artifact.hpp"

namespace slipway {

// The bytes of write_artifact. The pieces keep the graph's weights; of an artifact that was moved here they are the last to do so.
Result<Pieces> artifact_pieces(Artifact artifact);

}  // namespace slipway
