// slipway keys: API keys. A key may list keys; making, rotating and revoking them takes the account's password.
#include <CLI/CLI.hpp>

#include "client.hpp"
#include "command.hpp"
#include "sign_in.hpp"
#include "slipway/base/clock.hpp"

namespace slipway::cli {
namespace {

constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;

struct Wish {
  std::string url, name, id;
  std::vector<std::string> scopes, models;
  std::int64_t days = 0;
  SignIn who;
};

std::string day_of(const json::Value& key, const char* member, const char* otherwise) {
  const std::string text = key.string_or(member, "");
  return text.empty() ? otherwise : text.substr(0, 10);
}

std::string joined(const json::Value* list) {
  std::string out;
  if (list == nullptr || !list->is_array()) return out;
  for (const json::Value& item : list->as_array()) out += (out.empty() ? "" : " ") + (item.is_string() ? item.as_string() : item.dump());
  return out;
}

Status list(Console& console, const Wish& wish) {
  const auto client = TRY(connect(console, wish.url));
  const json::Value answer = TRY(client->get("/api/keys"));
  const json::Value* items = answer.find("items");
  if (items == nullptr || !items->is_array()) return Error(ErrorCode::internal, "the server's answer has no keys");
  if (console.json) {
    console.print_json(*items);
    return ok();
  }
  std::vector<std::vector<std::string>> rows;
  for (const json::Value& key : items->as_array()) {
    rows.push_back({key.string_or("id", ""), key.string_or("name", ""), key.string_or("prefix", "") + "...", joined(key.find("scopes")),
                    day_of(key, "expires_at", "never"), day_of(key, "last_used_at", "never")});
  }
  console.table({"ID", "NAME", "KEY", "SCOPES", "ENDS", "LAST USED"}, rows);
  return ok();
}

// The account that is logged in here is the one that is meant, unless --email says otherwise.
Status signed_in(Console& console, const Wish& wish, const std::function<Status(Client&)>& work) {
  Environment no_key = console.environment();
  std::string url = wish.url;
  const auto saved = find_credentials(no_key, wish.url);
  if (saved.ok()) {
    url = saved->url;
  } else if (url.empty()) {
    url = console.variable("SLIPWAY_URL");
    if (url.empty()) return saved.error();
  }
  SignIn who = wish.who;
  if (who.email.empty() && saved.ok()) who.email = saved->email;
  if (!who.email.empty() && !who.password_stdin && console.can_ask()) console.say("as " + printable(who.email));
  return with_session(console, TRY(clean_url(url)), who, [&](Client& client, const std::string&) { return work(client); });
}

// The key's text alone on stdout: `slipway keys new ci > key.txt`.
void show_new(Console& console, const json::Value& key) {
  if (console.json) {
    console.print_json(key);
    return;
  }
  console.say(console.mark(Mark::good, false) + " " + printable(key.string_or("name", "")) + " (" + printable(key.string_or("id", "")) +
              "); its text is shown this once:");
  console.print(printable(key.string_or("key", "")) + "\n");
}

Status make(Console& console, const Wish& wish) {
  json::Value body = json::object({{"name", wish.name}});
  if (!wish.scopes.empty()) body.set("scopes", json::Array(wish.scopes.begin(), wish.scopes.end()));
  if (!wish.models.empty()) body.set("models", json::Array(wish.models.begin(), wish.models.end()));
  if (wish.days > 0) body.set("expires_at", to_rfc3339(system_clock().unix_ms() + wish.days * kDayMs));
  return signed_in(console, wish, [&](Client& client) -> Status {
    show_new(console, TRY(client.post("/api/keys", body)));
    return ok();
  });
}

Status rotate(Console& console, const Wish& wish) {
  return signed_in(console, wish, [&](Client& client) -> Status {
    show_new(console, TRY(client.post("/api/keys/" + escape_path(wish.id) + "/rotate", json::Value(json::Object()))));
    return ok();
  });
}

Status revoke(Console& console, const Wish& wish) {
  return signed_in(console, wish, [&](Client& client) -> Status {
    TRY(client.remove("/api/keys/" + escape_path(wish.id)));
    if (console.json) console.print_json(json::object({{"id", wish.id}, {"revoked", true}}));
    console.say(console.mark(Mark::good, false) + " revoked " + printable(wish.id));
    return ok();
  });
}

}  // namespace

Action declare_keys(CLI::App& app, Console& console) {
  auto wish = std::make_shared<Wish>();
  app.add_option("--url", wish->url, "server; else SLIPWAY_URL, else where you logged in")->type_name("URL");
  add_json(app, console);
  const auto add = [&app](const char* name, const char* sentence) {
    CLI::App* sub = app.add_subcommand(name, sentence);
    sub->fallthrough();
    return sub;
  };
  const auto* listing = add("list", "the keys");
  CLI::App* making = add("new", "make a key");
  making->add_option("NAME", wish->name, "what it is for")->required();
  making->add_option("--scope", wish->scopes, "predict, models:read, models:write, keys:read; may be given several times; else all of them")
      ->type_name("SCOPE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  making->add_option("--model", wish->models, "id of a model it is limited to; may be given several times")
      ->type_name("ID")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  making->add_option("--days", wish->days, "days until it ends; else never")->type_name("N")->check(CLI::Range(1, 3650));
  CLI::App* revoking = add("revoke", "end a key at once");
  revoking->add_option("ID", wish->id, "the key's id, key_...")->required();
  CLI::App* rotating = add("rotate", "give a key a new text; the old one ends at once");
  rotating->add_option("ID", wish->id, "the key's id, key_...")->required();
  for (CLI::App* sub : {making, revoking, rotating}) declare_sign_in(*sub, wish->who);
  const auto* master = add("rotate-master", "not there yet: wrap all keys of a data directory by a new master key");
  (void)listing;

  return [wish, making, revoking, rotating, master](Console& c) {
    end_on_signals();
    if (master->parsed()) return c.fail(Error(ErrorCode::not_implemented, "slipway keys rotate-master is not there yet"));
    const Status status = making->parsed()     ? make(c, *wish)
                          : revoking->parsed() ? revoke(c, *wish)
                          : rotating->parsed() ? rotate(c, *wish)
                                               : list(c, *wish);
    return status.ok() ? kOk : c.fail(status.error());
  };
}

}  // namespace slipway::cli
