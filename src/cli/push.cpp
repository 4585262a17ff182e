// slipway push FILE: a model file becomes an endpoint.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>

#include "client.hpp"
#include "command.hpp"
#include "slipway/base/clock.hpp"
#include "slipway/os/fd.hpp"
#include "source_options.hpp"

namespace slipway::cli {
namespace {

struct Wish {
  std::vector<std::string> files, tags;
  std::string name, description, entry, url;
  SourceOptions source;
};

std::string base_name(const std::string& path) { return path == "-" ? "stdin" : path.substr(path.rfind('/') + 1); }

// iris.joblib.gz -> iris
std::string stem(const std::string& path) {
  const std::string name = base_name(path);
  const std::size_t dot = name.find('.', 1);
  return name.substr(0, dot);
}

Status check_readable(const std::string& path) {
  if (path == "-") return ok();
  const os::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts{};
  if (!file || ::fstat(file.get(), &facts) != 0) return Error(ErrorCode::bad_request, path + " can't be read: " + std::strerror(errno));
  if (!S_ISREG(facts.st_mode)) return Error(ErrorCode::bad_request, path + " is not a regular file");
  return ok();
}

// "sending 12.3 MB of 40.0 MB, 8.1 MB/s, 0:04 left", then what the server does with it. A line a phase where there is no terminal.
class UploadTalk {
 public:
  explicit UploadTalk(Console& console) : console_(console), line_(console.shows_progress()), start_(system_clock().steady()) {}

  void operator()(Transferred now) {
    const bool complete = now.total > 0 && now.sent >= now.total;
    if (complete && !sent_) {
      sent_ = true;
      line_.clear();
      console_.say(fmt::format("sent {}; the server reads, lowers and checks it", human_bytes(now.sent)));
    }
    const Steady at = system_clock().steady();
    if (at - drawn_ < Millis(100)) return;
    drawn_ = at;
    const double seconds = std::chrono::duration<double>(at - start_).count();
    if (sent_) {
      line_.show("checking, " + human_seconds(seconds));
      return;
    }
    const double rate = seconds > 0 ? static_cast<double>(now.sent) / seconds : 0;
    std::string text = "sending " + human_bytes(now.sent);
    if (now.total > 0) text += " of " + human_bytes(now.total);
    text += ", " + human_bytes(static_cast<std::uint64_t>(rate)) + "/s";
    if (now.total > 0 && rate > 0) text += ", " + human_seconds(static_cast<double>(now.total - std::min(now.sent, now.total)) / rate) + " left";
    line_.show(text);
  }
  void end() { line_.clear(); }

 private:
  Console& console_;
  Progress line_;
  Steady start_, drawn_{};
  bool sent_ = false;
};

// A word that a shell takes as it is.
std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string curl_line(const json::Value& model, const std::string& endpoint) {
  const json::Value* example = model.find("example");
  const std::string body = example != nullptr && !example->is_null() ? example->dump() : R"({"instances": [...]})";
  return "curl -s " + shell_quoted(endpoint) + " -H \"Authorization: Bearer $SLIPWAY_KEY\" -H 'Content-Type: application/json' -d " +
         shell_quoted(body);
}

Status push(Console& console, const Wish& wish) {
  const std::vector<std::string> files = wish.source.with_files(wish.files);
  for (const std::string& path : files) TRY(check_readable(path));
  const auto client = TRY(connect(console, wish.url));
  std::vector<UploadPart> parts;
  parts.push_back({.name = "name", .text = wish.name.empty() ? stem(wish.files.back()) : wish.name, .path = {}, .file_name = {}});
  if (!wish.description.empty()) parts.push_back({.name = "description", .text = wish.description, .path = {}, .file_name = {}});
  if (!wish.tags.empty())
    parts.push_back({.name = "tags", .text = json::Value(json::Array(wish.tags.begin(), wish.tags.end())).dump(), .path = {}, .file_name = {}});
  if (const std::string entry = wish.source.with_entry(wish.entry); !entry.empty())
    parts.push_back({.name = "entry", .text = entry, .path = {}, .file_name = {}});
  // Last, so that the server knows the rest before the bytes begin.
  for (const std::string& path : files) parts.push_back({.name = "file", .text = {}, .path = path, .file_name = base_name(path)});

  UploadTalk talk(console);
  auto answer = client->upload("/api/models/upload?wait=true", parts, [&talk](Transferred now) { talk(now); });
  talk.end();
  const json::Value model = TRY(std::move(answer));
  if (console.json) {
    console.print_json(model);
    return ok();
  }
  std::string endpoint = model.string_or("endpoint_url", "");
  if (endpoint.starts_with('/')) endpoint = client->server().url + endpoint;
  const std::string status = model.string_or("status", "");
  if (console.quiet) {
    console.print(model.string_or("id", "") + "\n");
    return ok();
  }
  console.print(fmt::format("id        {}\nname      {}\nstatus    {} {}\nendpoint  {}\n", printable(model.string_or("id", "")),
                            printable(model.string_or("name", "")), console.mark(status == "ready" ? Mark::good : Mark::warning, true),
                            printable(status), printable(endpoint)));
  if (const std::string reason = model.string_or("reason", ""); !reason.empty()) console.say(printable(reason));  // put off, not ready yet
  console.say("");
  console.say(printable(curl_line(model, endpoint)));
  console.next("slipway predict " + printable(model.string_or("id", "")) + " -i ROWS.json");
  return ok();
}

}  // namespace

Action declare_push(CLI::App& app, Console& console) {
  auto wish = std::make_shared<Wish>();
  app.add_option("FILE", wish->files, "model file; several in the order they apply; - is stdin (with --name)")->required();
  app.add_option("--name", wish->name, "name of the model; else the file's")->type_name("NAME");
  app.add_option("--description", wish->description, "what it is for")->type_name("TEXT");
  app.add_option("--tag", wish->tags, "a tag; may be given several times")
      ->type_name("TAG")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--entry", wish->entry, "the model inside a dict or list, such as model; several with commas: scaler,model")->type_name("PATH");
  add_source_options(app, wish->source);
  app.add_option("--url", wish->url, "server; else SLIPWAY_URL, else where you logged in")->type_name("URL");
  app.add_flag("-q,--quiet", console.quiet, "print the id only");
  add_json(app, console);
  return [wish](Console& c) {
    end_on_signals();
    const auto from_stdin = std::count(wish->files.begin(), wish->files.end(), "-");
    if (from_stdin > 1) return c.usage("slipway push: stdin can be read once only");
    if (wish->files.back() == "-" && wish->name.empty()) return c.usage("slipway push: a file from stdin needs --name");
    const Status status = push(c, *wish);
    return status.ok() ? kOk : c.fail(status.error());
  };
}

}  // namespace slipway::cli
