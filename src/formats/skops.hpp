// .skops files (skops 0.3 and newer): a zip of schema.json, which is a tree of nodes with class names, and of .npy arrays. Read into the
// same Document as a pickle, so that importers see no difference. As there, nothing is imported, called or resolved, and nothing falls
// back to another loader. Offsets of its Views are places in schema.json.
#pragma once

#include "slipway/formats/pickle.hpp"

namespace slipway::skops {

// `bytes` must outlive the Document. Errors: model_refused with the place.
Result<pickle::Document> read(std::span<const std::byte> bytes, const pickle::Limits& limits = {});

}  // namespace slipway::skops
