// slipway login URL: an API key for this machine, kept where the other commands find it.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "sign_in.hpp"
#include "slipway/base/clock.hpp"

namespace slipway::cli {
namespace {

constexpr std::int64_t kLifeMs = 90LL * 24 * 3600 * 1000;

struct Wish {
  std::string url;
  SignIn who;
  bool key_stdin = false;
};

std::string key_name() {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  return std::string("cli@") + (*host != '\0' ? host : "unknown");
}

// The key that an earlier login made for this machine, so that logging in again leaves no second one behind.
std::string earlier_key(const Environment& environment, const std::string& url) {
  Environment saved_only = environment;
  saved_only.erase("SLIPWAY_URL");
  saved_only.erase("SLIPWAY_KEY");
  const auto saved = find_credentials(saved_only, url);
  return saved.ok() ? saved->key_id : "";
}

Status make_key(Console& console, Client& client, const std::string& email) {
  const std::string expires_at = to_rfc3339(system_clock().unix_ms() + kLifeMs);
  const json::Value made = TRY(client.post("/api/keys", json::object({{"name", key_name()}, {"expires_at", expires_at}})));
  Credentials credentials{client.server().url, Secret(made.string_or("key", "")), email, made.string_or("id", ""), expires_at};
  if (credentials.key.empty()) return Error(ErrorCode::internal, "the server gave no key");
  const std::string earlier = earlier_key(console.environment(), credentials.url);
  TRY(save_credentials(console.environment(), credentials));
  if (!earlier.empty()) (void)client.remove("/api/keys/" + escape_path(earlier));
  console.say(console.mark(Mark::good, false) + " logged in to " + credentials.url + " as " + printable(email) + "; key " + key_name() + ", until " +
              expires_at.substr(0, 10));
  return ok();
}

Status store_key(Console& console, const std::string& url) {
  Credentials credentials;
  credentials.url = url;
  credentials.key = TRY(Console::secret_from_stdin());
  Client client(credentials);
  const auto tried = client.get("/api/models?limit=1");
  // Forbidden is fine: a key for predictions only is still a key.
  if (!tried.ok() && tried.error().code() != ErrorCode::forbidden) return tried.error();
  TRY(save_credentials(console.environment(), credentials));
  console.say(console.mark(Mark::good, false) + " key kept for " + url);
  return ok();
}

Status login(Console& console, const Wish& wish) {
  const std::string url = TRY(clean_url(wish.url));
  if (wish.key_stdin) {
    TRY(store_key(console, url));
  } else {
    TRY(with_session(console, url, wish.who, [&](Client& client, const std::string& email) { return make_key(console, client, email); }));
  }
  if (console.json) console.print_json(json::object({{"url", url}, {"credentials", TRY(credentials_path(console.environment()))}}));
  console.next("slipway push MODEL.pkl");
  return ok();
}

}  // namespace

Action declare_login(CLI::App& app, Console& console) {
  auto wish = std::make_shared<Wish>();
  app.add_option("URL", wish->url, "the server, such as http://127.0.0.1:8080")->required();
  declare_sign_in(app, wish->who);
  app.add_flag("--key-stdin", wish->key_stdin, "keep a key that you have: read from stdin");
  add_json(app, console);
  return [wish](Console& c) {
    end_on_signals();
    if (wish->key_stdin && wish->who.password_stdin) return c.usage("slipway login: --key-stdin and --password-stdin exclude each other");
    if (const auto url = clean_url(wish->url); !url.ok()) return c.usage("slipway login: " + url.error().detail());
    const Status status = login(c, *wish);
    return status.ok() ? kOk : c.fail(status.error());
  };
}

}  // namespace slipway::cli
