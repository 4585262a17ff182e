// slipway jobs: files that the server scores.
#include <CLI/CLI.hpp>

#include "client.hpp"
#include "command.hpp"

namespace slipway::cli {
namespace {

struct Wish {
  std::vector<std::string> words;
  std::string url;
};

int show_all(Console& console, const json::Array& jobs) {
  if (console.json) {
    console.print_json(json::Value(jobs));
    return kOk;
  }
  if (jobs.empty()) {
    console.say("no jobs");
    console.next("slipway predict MODEL -i BIG.csv -o OUT.csv --job");
    return kOk;
  }
  std::vector<std::vector<std::string>> rows;
  for (const json::Value& job : jobs) {
    const auto total = static_cast<double>(job.int_or("bytes_total", 0));
    const int percent = total > 0 ? static_cast<int>(static_cast<double>(job.int_or("bytes_done", 0)) / total * 100) : 0;
    rows.push_back({job.string_or("id", ""), job.string_or("model_id", ""), job.string_or("status", ""), std::to_string(percent) + "%",
                    std::to_string(job.int_or("rows_done", 0)), std::to_string(job.int_or("rows_failed", 0)),
                    job.string_or("created_at", "").substr(0, 16)});
  }
  console.table({"ID", "MODEL", "STATUS", "DONE", "ROWS", "WRONG", "CREATED"}, rows);
  return kOk;
}

Result<int> jobs(Console& console, const Wish& wish) {
  const auto client = TRY(connect(console, wish.url));
  if (wish.words.empty()) return show_all(console, TRY(client->items("/api/jobs?limit=100")));
  const bool cancels = wish.words.front() == "cancel" && wish.words.size() == 2;
  if (wish.words.size() != 1 && !cancels) return console.usage("slipway jobs: give one JOB, or cancel JOB");
  const std::string path = "/api/jobs/" + escape_path(wish.words.back());
  const json::Value answer = TRY(cancels ? client->remove(path) : client->get(path));
  if (console.json)
    console.print_json(answer);
  else if (cancels)
    console.say(printable(wish.words.back() + " is " + answer.string_or("outcome", "")));
  else
    console.print(printable(answer.dump_pretty()) + "\n");
  return kOk;
}

}  // namespace

Action declare_jobs(CLI::App& app, Console& console) {
  auto wish = std::make_shared<Wish>();
  app.add_option("JOB", wish->words, "id: this one, with everything the server tells about it; or: cancel ID")->expected(0, 2);
  app.add_option("--url", wish->url, "server; else SLIPWAY_URL, else where you logged in")->type_name("URL");
  add_json(app, console);
  return [wish](Console& c) {
    end_on_signals();
    const auto code = jobs(c, *wish);
    return code.ok() ? *code : c.fail(code.error());
  };
}

}  // namespace slipway::cli
