// slipway user: the accounts of a data directory, with or without a server running on it.
#include <CLI/CLI.hpp>

#include "command.hpp"
#include "settings_flags.hpp"
#include "sign_in.hpp"
#include "slipway/app/app.hpp"
#include "slipway/base/log.hpp"

namespace slipway::cli {
namespace {

struct Wish {
  std::shared_ptr<SettingsFlags> flags;
  std::string email;
  bool admin = false, password_stdin = false;
  std::optional<std::string> limits;
};

Status list(Console& console, const Settings& settings) {
  const auto users = TRY(app::user_list(settings));
  if (console.json) {
    json::Array all;
    for (const auto& u : users)
      all.push_back(json::object({{"id", u.id}, {"email", u.email}, {"role", u.role}, {"status", u.status}, {"created_at", u.created_at}}));
    console.print_json(json::Value(std::move(all)));
    return ok();
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& u : users) rows.push_back({u.email, u.role, u.status, u.created_at.substr(0, 16), u.id});
  console.table({"EMAIL", "ROLE", "STATUS", "CREATED", "ID"}, rows);
  return ok();
}

void done(Console& console, const Wish& wish, const char* what) {
  if (console.json) console.print_json(json::object({{"email", wish.email}, {"done", what}}));
  console.say(console.mark(Mark::good, false) + " " + what + " " + printable(wish.email));
}

Status add(Console& console, const Wish& wish, const Settings& settings) {
  const Secret password = TRY(get_password(console, wish.password_stdin, true, "Password for " + printable(wish.email) + ":"));
  TRY(app::user_add(settings, wish.email, password, wish.admin));
  done(console, wish, wish.admin ? "added administrator" : "added");
  console.next("slipway login http://" + settings.server_listen + " --email " + printable(wish.email));
  return ok();
}

Status reset(Console& console, const Wish& wish, const Settings& settings) {
  const Secret password = TRY(get_password(console, wish.password_stdin, true, "New password for " + printable(wish.email) + ":"));
  TRY(app::user_reset(settings, wish.email, password));
  done(console, wish, "new password set, sessions ended:");
  return ok();
}

Status disable(Console& console, const Wish& wish, const Settings& settings) {
  TRY(app::user_disable(settings, wish.email));
  done(console, wish, "disabled");
  return ok();
}

Status limits(Console& console, const Wish& wish, const Settings& settings) {
  const json::Value now = TRY(app::user_limits(settings, wish.email, wish.limits));
  if (console.json)
    console.print_json(json::object({{"email", wish.email}, {"limits", now}}));
  else
    console.say(printable(wish.email) + ": " + (now.as_object().empty() ? "limits as the settings say (limits.user)" : now.dump()));
  return ok();
}

}  // namespace

Action declare_user(CLI::App& app, Console& console) {
  auto wish = std::make_shared<Wish>();
  wish->flags = SettingsFlags::declare(app, SettingsFlags::Which::place);
  add_json(app, console);
  const auto sub = [&](const char* name, const char* sentence, bool takes_email) {
    CLI::App* word = app.add_subcommand(name, sentence);
    word->fallthrough();
    if (takes_email) word->add_option("EMAIL", wish->email, "the account")->required();
    return word;
  };
  CLI::App* adding = sub("add", "make an account", true);
  adding->add_flag("--admin", wish->admin, "an administrator");
  sub("list", "the accounts", false);
  const CLI::App* disabling = sub("disable", "end an account's sessions and keys, and let nobody in", true);
  CLI::App* resetting = sub("reset", "set a new password and end all sessions", true);
  CLI::App* limiting = sub("limits", "show or set what an account may use", true);
  limiting->add_option("--set", wish->limits, "such as \"requests=600/min:100, rows=1M/h, concurrent=8\"; none: as the settings say");
  for (CLI::App* word : {adding, resetting}) word->add_flag("--password-stdin", wish->password_stdin, "read the password from stdin");

  return [wish, adding, disabling, resetting, limiting](Console& c) {
    end_on_signals();
    log::configure({log::Level::error, log::Format::text});  // the exit code and one line say what was done
    if (!adding->parsed() && !disabling->parsed() && !resetting->parsed() && !limiting->parsed() && !adding->get_parent()->got_subcommand("list")) {
      return c.usage("slipway user: add, list, disable, reset or limits?\nslipway user --help tells how it is used");
    }
    const auto settings = wish->flags->load(c.environment());
    if (!settings.ok()) return c.usage("slipway user: " + settings.error().detail());
    if ((adding->parsed() || resetting->parsed()) && !wish->password_stdin && !c.can_ask()) {
      return c.usage("slipway user: no terminal to ask for the password on: give it by --password-stdin");
    }
    const Status status = adding->parsed()      ? add(c, *wish, *settings)
                          : resetting->parsed() ? reset(c, *wish, *settings)
                          : disabling->parsed() ? disable(c, *wish, *settings)
                          : limiting->parsed()  ? limits(c, *wish, *settings)
                                                : list(c, *settings);
    return status.ok() ? kOk : c.fail(status.error());
  };
}

}  // namespace slipway::cli
