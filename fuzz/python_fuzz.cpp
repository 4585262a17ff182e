// Python source and notebooks: no crash, bounded trees, every place inside the source, and what unparse() writes of an expression that
// is all read can be read again. The first byte says which.
#include <cstdint>
#include <string>

#include "slipway/importers/python/dump.hpp"
#include "slipway/importers/python/notebook.hpp"
#include "slipway/importers/python/parser.hpp"
#include "slipway/importers/python/query.hpp"
#include "support.hpp"

using namespace slipway::python;

namespace {

void check_place(const Module& module, Place place) {
  slipway::fuzz::check(place.line >= 1 && place.column >= 1 && place.column <= module.line(place.line).size() + 1);
}

int depth_of(const Module& module, const Expr& e) {
  check_place(module, e.place);
  int deepest = 0;
  for_each_child(e, [&](const Expr& child) { deepest = std::max(deepest, depth_of(module, child)); });
  slipway::fuzz::check(deepest + 1 == e.depth && e.depth <= kTreeDepthMax);
  return deepest + 1;
}

void check_expression(const Module& module, const Expr& e) {
  depth_of(module, e);
  (void)unparse(e, 20);
  const std::string once = unparse(e, 1U << 20);
  const auto again = parse(once);
  if (!again.ok() || !again->unsupported().empty() || again->body().size() != 1) return;  // the brackets that it added may be one too many
  const auto* statement = again->body()[0]->as<ExprStmt>();
  if (statement != nullptr) slipway::fuzz::check(unparse(*statement->value, 1U << 20) == once);
}

void check_module(const Module& module) {
  (void)dump(module);
  for (const auto& found : classes(module)) slipway::fuzz::check(find_class(module, found.definition->name) != nullptr);
  for (const Stmt* s : module.unsupported()) {
    const auto* u = s->as<Unsupported>();
    slipway::fuzz::check(!u->reason.empty());
    check_place(module, u->fault);
    (void)at_line(module, u->fault, u->reason);
  }
  for (const Stmt* s : module.body()) {
    check_place(module, s->place);
    if (const auto* e = s->as<ExprStmt>()) check_expression(module, *e->value);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  slipway::fuzz::Input input(data, size);
  const bool notebook = !input.empty() && input.rest().front() == '{';
  if (notebook) {
    const auto read = read_notebook(input.rest());
    if (!read.ok()) return 0;
    if (const auto module = parse(read->source, {.ipython = true}); module.ok()) {
      for (const Stmt* s : module->body()) slipway::fuzz::check(read->at(s->place.line).cell != 0);
      check_module(*module);
    }
    return 0;
  }
  if (const auto module = parse(input.rest(), {.ipython = !input.empty() && input.rest().front() == '%'}); module.ok()) check_module(*module);
  return 0;
}
