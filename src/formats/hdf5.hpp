// HDF5 files, read without libhdf5 and without trust: bytes in, a tree of groups, datasets and attributes out. What Keras and h5py write:
// superblocks 0 to 3 (also behind a userblock), old and new groups, attributes wherever they stand, contiguous, compact and chunked data with
// deflate, shuffle and fletcher32, numbers in both byte orders, booleans, fixed and variable-length strings. Nothing recurses; time and
// memory are bounded by the file's size and by Limits. A file that is damaged anywhere in its tree is not opened; what is sound but not
// read here (compound values, other filters, links out of the file) is refused by name, and only when somebody asks for it.
//
// One thread at a time, also for const members: a File keeps what it has unpacked. `docs/formats/hdf5.md` has the list of what is read.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/result.hpp"
#include "slipway/tensor/tensor.hpp"

namespace slipway::hdf5 {

struct Limits {
  std::size_t objects_max = 200'000;   // groups, datasets, links and attributes together
  std::size_t bytes_max = 4ULL << 30;  // of all that is given as a copy
  bool verify_checksums = true;        // false for the fuzzer only, which can't guess them
  bool tensors_in_place = false;       // the file's bytes outlive its tensors, which may point there
};

bool looks_like_hdf5(std::span<const std::byte> bytes);  // the signature at 0, 512, 1024, ...

// Numbers of a dataset: row-major, little-endian, not aligned. A view into the file where it stands there just so, else into the File's
// memory: valid as long as the bytes and a File or an Object of them.
struct Array {
  DType dtype = DType::undefined;
  Shape shape;  // scalar: no dimensions; empty dataspace: [0]
  std::span<const std::byte> bytes;
};

struct Tree;  // what the readers share; for src/formats only

// A group, a dataset, or what is neither (a committed datatype). A handle: cheap to copy, keeps the tree alive.
// Every Result here refuses as model_refused and names the object's path and the byte.
class Object {
 public:
  bool is_group() const;
  bool is_dataset() const;
  std::string path() const;  // "/model_weights/dense"; the first one where several hard links lead here

  // Groups. Names are sorted by their bytes, and hold links of every kind; those that aren't hard are refused by child().
  std::vector<std::string_view> children() const;
  bool has(std::string_view name) const;
  Result<Object> child(std::string_view name) const;
  Result<Object> at(std::string_view path) const;  // "dense/kernel:0": from here, by hard links

  // Datasets.
  const Shape& shape() const;
  DType dtype() const;         // string for texts; undefined: something that isn't read
  Result<Array> read() const;  // numbers; unpacked once
  // Texts too. Numbers that stand just so in the file are a copy, or with Limits::tensors_in_place those bytes themselves.
  Result<Tensor> tensor() const;

  // Attributes of groups and datasets. Values are decoded when they are asked for.
  std::vector<std::string_view> attributes() const;
  bool has_attribute(std::string_view name) const;
  Result<Tensor> attribute(std::string_view name) const;
  Result<std::string> text(std::string_view name) const;                // an attribute that is one string
  Result<std::vector<std::string>> texts(std::string_view name) const;  // an attribute that is a list of strings

 private:
  friend class File;
  Object(std::shared_ptr<Tree> tree, std::uint32_t node) : tree_(std::move(tree)), node_(node) {}
  std::shared_ptr<Tree> tree_;
  std::uint32_t node_ = 0;
};

class File {
 public:
  // `bytes` must outlive the file and its objects. Errors: model_refused with the byte offset; of a file that was cut, how much is missing.
  static Result<File> open(std::span<const std::byte> bytes, const Limits& limits = {});
  Object root() const { return {tree_, 0}; }

 private:
  explicit File(std::shared_ptr<Tree> tree) : tree_(std::move(tree)) {}
  std::shared_ptr<Tree> tree_;
};

}  // namespace slipway::hdf5
