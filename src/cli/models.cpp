// slipway models: what is on the server.
#include <CLI/CLI.hpp>

#include "client.hpp"
#include "command.hpp"

namespace slipway::cli {
namespace {

struct Wish {
  std::string model, url;
};

std::string size_of(const json::Value& model) {
  const std::int64_t bytes = model.int_or("size", -1);
  return bytes < 0 ? "" : human_bytes(static_cast<std::uint64_t>(bytes));
}

int show_one(Console& console, const json::Value& model) {
  if (console.json) {
    console.print_json(model);
  } else {
    console.print(printable(model.dump_pretty()) + "\n");
  }
  return kOk;
}

int show_all(Console& console, const json::Array& models) {
  if (console.json) {
    console.print_json(json::Value(models));
    return kOk;
  }
  if (console.quiet) {
    for (const json::Value& model : models) console.print(printable(model.string_or("id", "")) + "\n");
    return kOk;
  }
  if (models.empty()) {
    console.say("no models yet");
    console.next("slipway push MODEL.pkl");
    return kOk;
  }
  const auto in_memory = [](const json::Value& model) -> std::string {
    const json::Value* runtime = model.find("runtime");
    if (runtime == nullptr) return "";
    if (!runtime->string_or("quarantine", "").empty()) return "quarantined";
    const json::Value* loaded = runtime->find("loaded");
    if (loaded == nullptr || !loaded->is_bool() || !loaded->as_bool()) return "-";
    const std::int64_t waiting = runtime->int_or("waiting", 0);
    return human_bytes(static_cast<std::uint64_t>(runtime->int_or("resident_bytes", 0))) +
           (waiting > 0 ? ", " + std::to_string(waiting) + " wait" : "");
  };
  std::vector<std::vector<std::string>> rows;
  for (const json::Value& model : models) {
    rows.push_back({model.string_or("id", ""), model.string_or("name", ""), model.string_or("status", ""), model.string_or("format", ""),
                    size_of(model), in_memory(model), model.string_or("created_at", "").substr(0, 16)});
  }
  console.table({"ID", "NAME", "STATUS", "FORMAT", "SIZE", "IN MEMORY", "CREATED"}, rows);
  return kOk;
}

Result<int> models(Console& console, const Wish& wish) {
  const auto client = TRY(connect(console, wish.url));
  if (!wish.model.empty()) return show_one(console, TRY(client->model(wish.model)));
  return show_all(console, TRY(client->models()));
}

}  // namespace

Action declare_models(CLI::App& app, Console& console) {
  auto wish = std::make_shared<Wish>();
  app.add_option("MODEL", wish->model, "id or name: this one, with everything the server tells about it");
  app.add_option("--url", wish->url, "server; else SLIPWAY_URL, else where you logged in")->type_name("URL");
  app.add_flag("-q,--quiet", console.quiet, "print ids only");
  add_json(app, console);
  return [wish](Console& c) {
    end_on_signals();
    const auto code = models(c, *wish);
    return code.ok() ? *code : c.fail(code.error());
  };
}

}  // namespace slipway::cli
