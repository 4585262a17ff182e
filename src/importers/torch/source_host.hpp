// What the names in a model's own source mean: its classes and functions, torch and torch.nn (whose modules are a text of the same subset,
// nn_modules.cpp), a few functions of math, numpy and the language. Classes are instantiated as Python does it, by evaluating __init__; a
// tensor that __init__ makes by chance (torch.randn, nn.Linear's weights) is a node "RandomNormal" of its shape until the weights of the file
// take its place. One evaluation, one thread.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "slipway/importers/torch/evaluator.hpp"

namespace slipway::importers::torch {

// A source file, parsed, with the names of its top.
struct SourceModule {
  std::string name;  // "net.py": for messages
  std::string stem;  // "net": what others import it by
  py::Module tree;
  std::map<std::string, std::string, std::less<>> imports;        // name: "torch.nn", "math.sqrt"
  std::vector<std::string> stars;                                 // from x import *
  std::map<std::string, const py::Expr*, std::less<>> constants;  // NAME = expression at the top, the last one
  struct Arm {
    const py::If* of;
    std::size_t arm;  // as many as there are: the else
  };
  struct Guarded {  // an assignment at the top that stands in arms of decisions
    const py::Expr* value;
    std::vector<Arm> arms;
  };
  std::map<std::string, std::vector<Guarded>, std::less<>> guarded;          // of names that such a one gives a value: all of theirs
  std::map<std::string, const py::Expr*, std::less<>> loose;                 // the same inside of functions, and their parameters' defaults
  std::map<std::string, const py::Expr*, std::less<>> defaults;              // of parameters of functions
  std::map<std::string, std::vector<const py::Stmt*>, std::less<>> changes;  // what is done to a name behind its assignment
  struct Part {                                                              // one of the names that a call gives values to: x, y = split(...)
    const py::Expr* of;
    std::size_t item;
    bool top;
  };
  std::map<std::string, Part, std::less<>> parts;
  std::map<std::string, const py::Expr*, std::less<>> command_line;  // defaults of add_argument("--name", default=...); null: a switch, off
  SourceModule(std::string file, py::Module parsed);
};

// What all evaluations of one import share. Immutable.
struct Sources {
  std::vector<std::unique_ptr<SourceModule>> files;  // the person's
  std::unique_ptr<SourceModule> nn;                  // torch.nn's modules, our text
  std::unique_ptr<SourceModule> models;              // torchvision.models, our text; where a source speaks of them, or there is none
};
Result<Sources> read_sources(const std::vector<std::pair<std::string, std::string_view>>& files);

class SourceHost final : public Host {
 public:
  struct Class;
  struct Registered {
    std::string name;  // "fc1.weight"
    std::shared_ptr<Object> owner;
    std::string attribute;
    TensorRef cell;
    bool parameter = true, persistent = true;
  };

  explicit SourceHost(const Sources& sources) : sources_(sources) {}

  // A class of the person's files, by name; or nothing.
  Result<Any> find_class(Evaluator& e, std::string_view name);
  // What a name at the top of the person's files means: a class, a function, a variable; or nothing.
  Result<Any> find_name(Evaluator& e, std::string_view name);
  static bool is_class(const Any& a);
  // Names of what a class takes when an object of it is made: arguments of its __init__, fields of a dataclass.
  static std::vector<std::string> taken_when_made(const Any& of_class, bool needed_only = false);
  static bool is_instance_of_network(const Any& a);
  static Result<Any> class_of(Evaluator& e, SourceHost& host, const Any& instance);
  // Attributes that an object has, its class's constants among them.
  std::vector<std::string> field_names(const Any& object) const;
  // An object that nothing is known of: its sizes (`x.shape[0]`, `x.n`, `np.prod(x.shape)`) are symbols.
  Any opaque(const std::string& path) { return unknown(std::string(kOpaque) + path); }
  const std::map<std::string, Dim>& opaque_sizes() const { return opaque_sizes_; }
  void tell(std::map<std::string, std::int64_t> sizes) { told_ = std::move(sizes); }
  // What __init__ called of libraries that aren't read.
  const std::vector<std::string>& foreign() const { return foreign_; }
  bool constructing() const override { return constructing_; }
  bool is_foreign(const Any& a) const override;
  std::optional<Any> foreign_number(Evaluator& e, const Any& a) override;
  Any foreign_list(const Any& a) override;
  // Module, and what is derived from it.
  static bool is_network(const Any& of_class);
  static const py::FunctionDef* find_method(const Any& of_class, std::string_view name, const py::Module** module);
  // Parameters and buffers below an instance, by the names that state_dict gives them.
  Result<std::vector<Registered>> registered(const Any& instance);

  // A module of torch's own with these attributes, without its __init__: as a pickle has it.
  Result<Any> restored(Evaluator& e, const std::string& class_name, std::vector<std::pair<std::string, Any>> attributes);

  // Names that nothing else has are looked for in functions and on the command line: for the arguments of a call that stands in a function.
  void look_everywhere(bool yes) { everywhere_ = yes; }
  // __init__ is over: what is random from now on is random in every answer.
  void finish_construction() { constructing_ = false; }
  // The last number that the code needed and that isn't known.
  const std::optional<Dim>& needed() const { return needed_; }

  Result<std::optional<Any>> global(Evaluator& e, const py::Module* module, std::string_view name) override;
  Result<std::optional<Any>> attribute(Evaluator& e, const std::shared_ptr<Object>& object, std::string_view name) override;
  Result<Any> call(Evaluator& e, const std::shared_ptr<Object>& object, const Arguments& arguments) override;
  std::optional<Any> tensor_attribute(Evaluator& e, const TensorRef& tensor, std::string_view name) override;
  std::string module_name(const py::Module* module) const override;

  struct Kept;  // what a Host keeps with its objects

 private:
  Result<Any> class_value(Evaluator& e, const SourceModule& module, const py::ClassDef& definition);
  Result<Any> instantiate(Evaluator& e, const std::shared_ptr<Class>& c, const Arguments& arguments);
  Result<Any> save_hyperparameters(Evaluator& e, const std::shared_ptr<Object>& self, const Arguments& given);
  Result<std::optional<Any>> apply_of(Evaluator& e, const std::shared_ptr<Class>& c);
  static Status defaults_of(Evaluator& e, const Class& c, const py::FunctionDef& f, Scope& scope);
  Result<Any> fill_fields(Evaluator& e, const std::shared_ptr<Class>& c, const std::shared_ptr<Object>& object, const Arguments& arguments);
  Result<std::optional<Any>> look_up(Evaluator& e, const std::shared_ptr<Object>& self, const std::shared_ptr<Class>& of,
                                     const std::shared_ptr<Class>& after, std::string_view name);
  Result<std::optional<Any>> module_method(Evaluator& e, const std::shared_ptr<Object>& self, std::string_view name);
  Result<std::optional<Any>> builtin(Evaluator& e, std::string_view name);
  Result<std::optional<Any>> in_torch(Evaluator& e, const std::string& path, std::string_view name);
  Result<std::optional<Any>> in_path(Evaluator& e, const std::string& path, std::string_view name);
  Result<std::optional<Any>> in_mathematics(const std::string& path, std::string_view name);
  Result<std::optional<Any>> in_library(Evaluator& e, const std::string& path, std::string_view name);
  Result<std::optional<Any>> opaque_attribute(Evaluator& e, const std::string& path, std::string_view name);
  std::optional<Dim> opaque_size(Evaluator& e, const Any& a, std::string_view of);
  Result<Any> call_foreign(const std::string& path);
  Status apply_changes(Evaluator& e, const SourceModule& module, std::string_view name, Any& value);
  Result<Any> path_value(Evaluator& e, const std::string& path);
  const py::Expr& chosen(Evaluator& e, const SourceModule& module, const std::string& name, const py::Expr& last);
  std::optional<bool> holds(Evaluator& e, const SourceModule& module, const std::vector<SourceModule::Arm>& arms);
  Result<std::optional<Any>> lookup(Evaluator& e, const SourceModule& module, std::string_view name);
  Result<Any> constant(Evaluator& e, const SourceModule& module, std::string_view name, const py::Expr& expr);
  Result<bool> is_instance(const Any& value, const Any& type);
  Result<Any> copy(Evaluator& e, const Any& value, std::map<const void*, Any>& done);
  Result<Any> parameter(Evaluator& e, const Arguments& arguments);
  Result<Any> random(Evaluator& e, const Dims& dims);
  Arguments counted(Evaluator& e, Arguments given);
  std::vector<std::pair<std::string, Any>> children(const std::shared_ptr<Object>& o);
  Status register_below(const std::shared_ptr<Object>& o, const std::string& prefix, std::vector<Registered>& out, int depth);
  Any name_space(std::string path);
  Any unknown(std::string path);

  const Sources& sources_;
  bool constructing_ = true, everywhere_ = false;
  int resolving_ = 0;
  std::optional<Dim> needed_;
  static constexpr std::string_view kOpaque = "the argument ";
  std::map<std::string, Dim> opaque_sizes_;  // "env.action_space.n"
  std::map<std::string, std::int64_t> told_;
  std::vector<std::string> foreign_;
  int lazy_layers_ = 0;
  std::set<std::string> choosing_;                // names whose assignments are being chosen from
  std::map<const Object*, Arguments> made_with_;  // networks of the person's classes
  std::map<const py::ClassDef*, Any> classes_;
  std::map<std::string, Any, std::less<>> constants_;              // evaluated: "0 NAME"
  std::unordered_map<const TensorCell*, TensorRef> parameters_;    // cells that nn.Parameter made
  std::map<std::pair<const Object*, std::string>, bool> buffers_;  // by owner: persistent
};

}  // namespace slipway::importers::torch
