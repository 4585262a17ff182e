// Words that the contract promises and that are not there yet: an honest line, and exit code 1.
#include <CLI/CLI.hpp>

#include "command.hpp"

namespace slipway::cli {

Action declare_later(CLI::App& app, Console& console) {
  app.allow_extras();
  add_json(app, console);
  const std::string name = app.get_name();
  return [name](Console& c) { return c.fail(Error(ErrorCode::not_implemented, name + " is not there yet")); };
}

}  // namespace slipway::cli
