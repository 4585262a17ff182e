// joblib before 0.10: large arrays are files of their own beside the pickle, which names them: NDArrayWrapper {filename, subclass} a
// plain .npy; ZNDArrayWrapper {filename, init_args, state} the bare bytes of the array as a zlib stream behind "ZF0x<length>".
#include <algorithm>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/compression.hpp"
#include "slipway/formats/pickle_reader.hpp"

namespace slipway::pickle {
namespace {

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.find_last_of("/\\");
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace

Result<const Sibling*> Reader::sibling(std::string_view file_name) {
  const std::string_view wanted = base_name(file_name);
  for (const Sibling& file : siblings_) {
    if (base_name(file.name) != wanted) continue;
    file.used = true;
    return &file;
  }
  return fail("an NDArrayWrapper of joblib 0.9 or older, whose array is in the file " + excerpt(wanted, 100) +
              " beside it: give that file too (slipway inspect model.pkl model.pkl_01.npy …), or load it where it was made and save it again");
}

Result<Array> Reader::sibling_array(std::string_view file_name) {
  const Sibling* file = TRY(sibling(file_name));
  auto array = numpy_.array_from_npy(file->bytes);
  if (!array) return Error(array.error()).within(file->name);
  return std::move(*array);
}

Result<Array> Reader::packed_sibling_array(std::string_view file_name, NodeId state) {
  const Sibling* file = TRY(sibling(file_name));
  const auto raw = compression::joblib_zfile(file->bytes);
  if (!raw) return Error(raw.error()).within(file->name);
  const std::string_view data = d_->own(TRY(compression::inflate(compression::Codec::zlib, *raw, {.bytes_max = limits_.array_bytes_max})));
  auto array = numpy_.array_with_data(state, data);
  if (!array) return Error(place(std::move(array).error())).within(file->name);
  return std::move(*array);
}

Status Reader::build_old_joblib_array(NodeId target, NodeId state) {
  if (d_->node(state).kind != Kind::dict) return fail("a joblib array's description is " + a(state));
  const Range entries = d_->node(state).range;
  auto value = [&](std::string_view key) -> NodeId {
    const auto at = d_->find_entry(entries, key);
    return at ? d_->child(entries, 2 * *at + 1) : kNone;
  };
  const NodeId file_name = value("filename");
  if (d_->node(file_name).kind != Kind::text) return fail("an NDArrayWrapper without a file name");
  TRY(count_array());
  const std::string name = d_->text_of(file_name);
  Array array = value("state") == kNone ? TRY(sibling_array(name)) : TRY(packed_sibling_array(name, value("state")));
  const NodeId type = value("subclass");
  if (d_->node(type).kind == Kind::global && d_->globals[d_->node(type).index].name != "ndarray") array.subclass = type;
  d_->joblib = true;
  d_->nodes[target].kind = Kind::array;
  d_->nodes[target].index = static_cast<std::uint32_t>(d_->arrays.size());
  d_->arrays.push_back(std::move(array));
  return ok();
}

}  // namespace slipway::pickle
