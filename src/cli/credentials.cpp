#include "credentials.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "slipway/base/encoding.hpp"
#include "slipway/base/json.hpp"
#include "slipway/os/file.hpp"

namespace slipway::cli {
namespace {

constexpr std::size_t kFileBytesMax = 64 << 10;

std::string text_of(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

Result<Credentials> read_saved(const std::string& path) {
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0) return Error(ErrorCode::not_found, "not logged in");
  if ((facts.st_mode & 077) != 0) return Error(ErrorCode::forbidden, path + " can be read by others; run: chmod 600 " + path);
  const std::string text = TRY(os::read_file(path, kFileBytesMax));
  const json::Value document = TRY(json::parse(text).within(path));
  Credentials saved;
  saved.url = document.string_or("url", "");
  saved.key = Secret(document.string_or("key", ""));
  saved.email = document.string_or("email", "");
  saved.key_id = document.string_or("key_id", "");
  saved.expires_at = document.string_or("expires_at", "");
  return saved;
}

std::string_view host_of(std::string_view url) {
  const std::size_t start = url.find("://");
  std::string_view rest = start == std::string_view::npos ? url : url.substr(start + 3);
  rest = rest.substr(0, rest.find('/'));
  if (rest.starts_with('[')) return rest.substr(1, rest.find(']') - 1);
  return rest.substr(0, rest.find(':'));
}

}  // namespace

Result<std::string> credentials_path(const Environment& environment) {
  std::string base = text_of(environment, "XDG_CONFIG_HOME");
  if (base.empty() || base.front() != '/') {  // the XDG specification: a relative path is to be ignored
    std::string home = text_of(environment, "HOME");
    if (home.empty()) {
      const passwd* entry = ::getpwuid(::getuid());
      if (entry == nullptr || entry->pw_dir == nullptr) return Error(ErrorCode::bad_request, "neither XDG_CONFIG_HOME nor HOME is set");
      home = entry->pw_dir;
    }
    base = home + "/.config";
  }
  return base + "/slipway/credentials.json";
}

Status save_credentials(const Environment& environment, const Credentials& credentials) {
  const std::string path = TRY(credentials_path(environment));
  TRY(os::make_directory(path.substr(0, path.rfind('/')), 0700));
  json::Value document = json::object({{"url", credentials.url}, {"key", credentials.key.reveal()}});
  if (!credentials.email.empty()) document.set("email", credentials.email);
  if (!credentials.key_id.empty()) document.set("key_id", credentials.key_id);
  if (!credentials.expires_at.empty()) document.set("expires_at", credentials.expires_at);

  const std::string fresh = path + "." + std::to_string(::getpid());
  ::unlink(fresh.c_str());
  TRY(os::write_new_file(fresh, document.dump_pretty() + "\n", 0600));
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    const int why = errno;
    ::unlink(fresh.c_str());
    return os::file_error("rename " + path, why);
  }
  return ok();
}

Result<Credentials> find_credentials(const Environment& environment, const std::string& url_flag) {
  const std::string wanted = !url_flag.empty() ? url_flag : text_of(environment, "SLIPWAY_URL");
  const std::string key = text_of(environment, "SLIPWAY_KEY");
  Credentials found;
  if (!wanted.empty()) found.url = TRY(clean_url(wanted));
  if (!found.url.empty() && !key.empty()) {
    found.key = Secret(key);
    return found;
  }
  auto saved = read_saved(TRY(credentials_path(environment)));
  if (!saved.ok() && saved.error().code() != ErrorCode::not_found) return std::move(saved).error();
  if (found.url.empty()) {
    if (!saved.ok()) { return Error(ErrorCode::unauthenticated, "not logged in: run `slipway login URL`, or set SLIPWAY_URL and SLIPWAY_KEY"); }
    found = std::move(*saved);
    if (!key.empty()) found.key = Secret(key);
    return found;
  }
  if (saved.ok() && saved->url == found.url) return saved;
  return Error(ErrorCode::unauthenticated, "there is no key for " + found.url + ": run `slipway login " + found.url + "`, or set SLIPWAY_KEY");
}

Result<std::string> clean_url(std::string_view url) {
  const bool plain = url.starts_with("http://");
  if (!plain && !url.starts_with("https://")) {
    return Error(ErrorCode::bad_request, "\"" + excerpt(url, 80) + "\" is not a server's URL: it starts with http:// or https://");
  }
  while (url.ends_with('/')) url.remove_suffix(1);
  const std::string_view rest = url.substr(std::min(url.size(), std::size_t{plain ? 7U : 8U}));
  if (rest.empty() || rest.front() == ':') return Error(ErrorCode::bad_request, "the URL names no host");
  if (rest.find_first_of(" \t\r\n?#\\") != std::string_view::npos)
    return Error(ErrorCode::bad_request, "the URL has characters that don't belong there");
  if (rest.substr(0, rest.find('/')).find('@') != std::string_view::npos)
    return Error(ErrorCode::bad_request, "no user or password in the URL: `slipway login` asks for them");
  return std::string(url);
}

bool is_loopback(std::string_view url) {
  const std::string_view host = host_of(url);
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

}  // namespace slipway::cli
