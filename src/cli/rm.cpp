// slipway rm MODEL: deletes a model with its versions, after asking for its name.
#include <CLI/CLI.hpp>

#include "client.hpp"
#include "command.hpp"

namespace slipway::cli {
namespace {

struct Wish {
  std::string model, url;
  bool yes = false;
};

Status remove(Console& console, const Wish& wish) {
  const auto client = TRY(connect(console, wish.url));
  const json::Value model = TRY(client->model(wish.model));
  const std::string id = model.string_or("id", "");
  const std::string name = model.string_or("name", "");
  if (!wish.yes) {
    const std::string entered =
        TRY(console.ask("This deletes " + printable(name) + " (" + printable(id) + ") and ends its endpoint. Type its name to go on:"));
    if (entered != name) return Error(ErrorCode::bad_request, "that is not its name; nothing was deleted");
  }
  TRY(client->remove("/api/models/" + escape_path(id)));
  if (console.json) console.print_json(json::object({{"id", id}, {"deleted", true}}));
  console.say(console.mark(Mark::good, false) + " deleted " + printable(name) + " (" + printable(id) + ")");
  return ok();
}

}  // namespace

Action declare_rm(CLI::App& app, Console& console) {
  auto wish = std::make_shared<Wish>();
  app.add_option("MODEL", wish->model, "id or exact name")->required();
  app.add_flag("-y,--yes", wish->yes, "don't ask");
  app.add_option("--url", wish->url, "server; else SLIPWAY_URL, else where you logged in")->type_name("URL");
  add_json(app, console);
  return [wish](Console& c) {
    end_on_signals();
    if (!wish->yes && !c.can_ask()) return c.usage("slipway rm: no terminal to ask on; --yes deletes without asking");
    const Status status = remove(c, *wish);
    return status.ok() ? kOk : c.fail(status.error());
  };
}

}  // namespace slipway::cli
