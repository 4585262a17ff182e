// The arguments of an operation's call: tensors, numbers, constant arrays and options, by place or by name, of the call or (Keras 3) of
// the operation's configuration.
#pragma once

#include "slipway/importers/keras/layer.hpp"

namespace slipway::importers::keras {

class Arguments {
 public:
  using Names = std::initializer_list<std::string_view>;
  static constexpr std::int64_t kFree = -2;  // sizes(): null, a size that isn't known

  explicit Arguments(const Call& call);
  // The argument as the file has it; nullptr: not given, or null.
  const json::Value* value(std::size_t position, Names names) const;
  bool is_list(std::size_t position, Names names) const;
  // A tensor of the graph, or a constant made of a number or an array.
  Result<Value> tensor(std::size_t position, Names names) const;
  Result<std::vector<Value>> tensors(std::size_t position, Names names) const;  // a list of them, or all the call has
  Result<std::optional<std::int64_t>> integer(std::size_t position, Names names) const;
  Result<std::optional<double>> number(std::size_t position, Names names) const;
  Result<std::optional<bool>> boolean(std::size_t position, Names names) const;
  Result<std::optional<std::string>> text(std::size_t position, Names names) const;
  Result<std::optional<std::vector<std::int64_t>>> ints(std::size_t position, Names names) const;  // one, or a list
  Result<Dims> sizes(std::size_t position, Names names) const;                                     // a shape; tensors in it are sizes
  json::Value all() const;                                                                         // options by name, as a layer's configuration

 private:
  struct Given {
    const json::Value* json = nullptr;
    std::size_t first = 0;  // of the call's inputs: where its tensors begin
  };
  const Given* find(std::size_t position, Names names) const;
  Result<Value> of(const json::Value& v, std::size_t& next) const;

  const Call& call_;
  std::vector<Given> positional_;
  std::vector<std::pair<std::string_view, Given>> named_;
};

bool is_tensor(const json::Value& v);  // stands for a tensor of the graph

}  // namespace slipway::importers::keras
