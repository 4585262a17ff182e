// Evaluates the Python subset that models are written in, over graph values instead of tensors: TorchScript's serialised code and a model's
// own source. It is no interpreter of Python: it has the nodes of the tree, numbers, texts, lists, objects with attributes, and the functions
// that a Host gives it; there is no import, no file, no attribute of a runtime. Loops are unrolled, calls inlined, both bounded; a decision
// on the values of a tensor evaluates both sides and chooses in the graph. One evaluation, one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/importers/python/ast.hpp"
#include "slipway/importers/torch/operators.hpp"
#include "slipway/importers/torch/value.hpp"

namespace slipway::importers::torch {

namespace py = slipway::python;
class Evaluator;
class CountedLoop;

// A namespace ("torch.nn.functional"), a class's instance, a module of a network.
struct Object {
  std::string type;                                     // "__torch__.Net", "Linear", "namespace torch.nn"
  std::vector<std::pair<std::string, Any>> attributes;  // in the order in which they were set
  std::shared_ptr<const void> host;                     // what the Host keeps with it

  const Any* find(std::string_view name) const;
  void set(std::string_view name, Any value);  // adds or replaces
};

struct Callable {
  std::string name;
  std::function<Result<Any>(Evaluator&, const Arguments&)> call;
  bool takes_nothing = false;  // of its arguments: they needn't be evaluated
};
inline Any function(std::string name, std::function<Result<Any>(Evaluator&, const Arguments&)> call) {
  return std::make_shared<Callable>(Callable{std::move(name), std::move(call)});
}

// Names of one function, and those around it.
struct Scope {
  std::map<std::string, Any, std::less<>> names;
  std::shared_ptr<Scope> outer;
};

// What a source's names mean, outside of its functions.
class Host {
 public:
  virtual ~Host() = default;
  // A name that no scope has: "torch", a class of the file, a builtin. nullopt: there is none.
  virtual Result<std::optional<Any>> global(Evaluator& e, const py::Module* module, std::string_view name) = 0;
  // An attribute that the object hasn't set itself: a method, what a namespace holds. nullopt: there is none.
  virtual Result<std::optional<Any>> attribute(Evaluator& e, const std::shared_ptr<Object>& object, std::string_view name) = 0;
  // Called when an attribute of an object is set; false: an ordinary attribute.
  virtual Result<bool> set_attribute(Evaluator&, const std::shared_ptr<Object>&, std::string_view, const Any&) { return false; }
  // Calls an object: a module's forward.
  virtual Result<Any> call(Evaluator& e, const std::shared_ptr<Object>& object, const Arguments& arguments) = 0;
  // What a module is called in messages: "net.py", "code/__torch__.net"; "": it isn't named, the place that called it is.
  virtual std::string module_name(const py::Module* module) const = 0;
  // An object is made, no tensor of a request is there yet: numbers that aren't known are arguments that nothing tells so far.
  virtual bool constructing() const { return false; }
  // What a call of an unknown library gave: nobody can decide by it.
  virtual bool is_foreign(const Any&) const { return false; }
  // The number that such a thing stands for where one is calculated with: a size that the weights tell. nullopt: it can't be one.
  virtual std::optional<Any> foreign_number(Evaluator&, const Any&) { return std::nullopt; }
  // What a comprehension over such a thing gives.
  virtual Any foreign_list(const Any& a) { return a; }
  // A method of a tensor by its Python name, where it isn't the operator of that name. nullopt: the operator is meant.
  virtual std::optional<Any> tensor_attribute(Evaluator&, const TensorRef&, std::string_view) { return std::nullopt; }
};

// range(n) with an n that only a request knows: an object of the bounds. nullptr: something else. item: what stands at a place, the number
// itself where it is None, a step of a tensor, several of these in a tuple.
Any range_of_sizes(Dim start, Dim end, Dim step, Any item = {});
const Object* range_of_sizes(const Any& a);
// What enumerate, zip, reversed and a loop go through where a tensor's first size is not known, or such a range; nullopt: something else.
Result<std::optional<Any>> range_over(Net& net, const Any& a);
Dim turns_of_range(const Object& range);  // the size that decides how many
bool is_gone(const Any& a);               // what a name is that a loop of an unknown number of turns gave first

class Evaluator {
 public:
  Evaluator(Net& net, Host& host) : net_(&net), host_(host) {}
  Net& net() { return *net_; }  // that nodes are written to now: in a loop the one inside

  // A function of the file with these arguments; `self` first where it is a method. `module` is for messages and for its names.
  Result<Any> call(const py::FunctionDef& f, const py::Module* module, const std::shared_ptr<Scope>& scope, const Arguments& arguments);
  Result<Any> call(const Any& callee, const Arguments& arguments);
  Result<Any> evaluate(const py::Expr& e, const std::shared_ptr<Scope>& scope, const py::Module* module);
  // Statements of a class's or module's body, where their names are wanted.
  Status run(py::Block block, const std::shared_ptr<Scope>& scope, const py::Module* module);
  Result<Any> attribute(const Any& of, std::string_view name);
  Result<Any> builtin(std::string_view name);    // a function of the language
  std::int64_t steps() const { return steps_; }  // statements and calls so far
  void bound(std::int64_t steps) { steps_max_ = steps; }
  void forget_place() { located_ = false; }  // of an error that was no one's
  Result<std::vector<Any>> iterate(const Any& a);
  Any function_value(const py::FunctionDef& f, const py::Module* module, std::shared_ptr<Scope> scope, std::optional<Any> self);

 private:
  enum class Flow : std::uint8_t { next, broken, continued, returned };
  struct Frame {
    std::shared_ptr<Scope> scope;
    const py::Module* module = nullptr;
    Any result;
    const py::Stmt* const* loop_end = nullptr;  // of the body of the loop that is running
  };
  Result<Flow> run(py::Block block, Frame& f);
  Result<Flow> run(const py::Stmt& s, Frame& f);
  Result<Flow> run_try(const py::Try& s, Frame& f);
  Result<Flow> run_if(const py::If& s, Frame& f, std::size_t arm, py::Block behind, bool& all);
  bool about_sizes(const py::Expr& test, Frame& f);
  Result<Flow> run_both(const py::If& s, Frame& f, std::size_t arm, const Any& condition, py::Block behind, bool& all);
  Result<Flow> run_for(const py::For& s, Frame& f);
  Result<Flow> run_body(py::Block body, Frame& f);  // of a loop, one turn
  Result<Flow> run_while(const py::While& s, Frame& f);
  Status counted(CountedLoop& loop, const Object& range);
  Status run_counted(const py::For& s, const Object& range, Frame& f);
  Result<Any> comprehend_counted(const py::Comprehension& c, const Object& range, Frame& f);
  Error gone(std::string_view id);
  friend class CountedLoop;
  Status assign(const py::Expr& target, const Any& value, Frame& f);
  Status assign_item(const Any& object, const py::Expr& index, const Any& value, Frame& f);
  Result<Any> eval(const py::Expr& e, Frame& f);
  Result<Any> eval_name(std::string_view id, Frame& f);
  Result<Any> eval_call(const py::Call& c, Frame& f);
  Result<Any> eval_binary(std::string_view op, const Any& a, const Any& b);
  Result<std::optional<Any>> binary_of_objects(std::string_view op, const Any& a, const Any& b, bool in_place);
  Result<Any> eval_compare(const py::Compare& c, Frame& f);
  Result<Any> eval_subscript(const Any& object, const py::Expr& index, Frame& f);
  Result<Any> eval_comprehension(const py::Comprehension& c, Frame& f);
  Status comprehend(const py::Comprehension& c, std::size_t clause, Frame& f, std::vector<Any>& keys, std::vector<Any>& values,
                    const Any* first);  // what the first clause goes through
  Result<Any> index_tensor(const TensorRef& t, const py::Expr& index, Frame& f);
  Result<Any> join(const Any& condition, const Any& yes, const Any& no, std::string_view name);
  Result<Any> method(const Any& object, std::string_view name);
  Result<Any> complex_method(const Any& object, std::string_view name);
  Result<std::optional<Any>> list_method(const Any& object, std::string_view name);
  Result<std::optional<Any>> dict_method(const std::shared_ptr<Dict>& dict, std::string_view name);
  Result<std::optional<Any>> text_method(const std::string& self, std::string_view name);
  bool undecided(const py::Expr& test, Frame& f);
  Result<bool> required(const py::Expr& test, Frame& f);
  Result<bool> decide(const Any& value);
  Status step();
  Error located(Error error, const py::Stmt& s, const py::Module* module);

  Net* net_;
  Host& host_;
  int depth_ = 0;
  std::int64_t steps_ = 0, steps_max_ = 5'000'000;  // statements and calls of one evaluation
  bool located_ = false;
  // The exception that Python itself would raise where evaluation failed: only such a one leads into an except clause. Empty: it failed for
  // something that isn't supported here, which the code must not be led astray by.
  std::string_view raised_;
};

}  // namespace slipway::importers::torch
