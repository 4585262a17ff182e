// A TorchScript archive (torch.jit.save, 1.4 and later) as data: the object, the constants, the code as text. Nothing is executed. One thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/formats/torch/file.hpp"

namespace slipway::torch {

struct CodeFile {
  std::string module;     // "__torch__.torch.nn.modules.linear.___torch_mangle_451": a class in it is module + "." + its name
  std::string_view text;  // UTF-8
};

struct ScriptArchive {
  TensorPickle object;         // data.pkl: the root is an object of a class of the code, e.g. "__torch__.Net", its attributes are its state
  TensorPickle constants;      // constants.pkl: the root is a tuple; CONSTANTS.cN of the code is its item N
  std::vector<CodeFile> code;  // sorted by module
  Archive archive;             // what else is there: extra/...

  // `bytes` must outlive it. Errors: model_refused with the entry.
  static Result<ScriptArchive> open(std::span<const std::byte> bytes);
  const CodeFile* find(std::string_view module) const;  // null: none
};

// A value as its code sees it: torch.jit._pickle's marks are taken off (build_intlist([...]), restore_type_tag(value, type)).
pickle::View script_value(const pickle::View& node);
// The type that restore_type_tag gives: "List[Tensor]"; empty: none.
std::string script_type(const pickle::View& node);

}  // namespace slipway::torch
