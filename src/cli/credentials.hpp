// Credentials: which server, and the key for it. SLIPWAY_URL and SLIPWAY_KEY win over what `slipway login` saved. Values.
#pragma once

#include <string>
#include <string_view>

#include "slipway/base/result.hpp"
#include "slipway/base/secret.hpp"
#include "slipway/base/settings.hpp"

namespace slipway::cli {

struct Credentials {
  std::string url;  // without a slash at the end
  Secret key;
  std::string email;  // who logged in; empty when a key was stored
  std::string key_id;
  std::string expires_at;  // RFC 3339; empty: not known
};

// $XDG_CONFIG_HOME/slipway/credentials.json, or below ~/.config.
Result<std::string> credentials_path(const Environment& environment);
Status save_credentials(const Environment& environment, const Credentials& credentials);  // mode 0600, replaced in one step

// For a client command: flag > environment > saved. The saved key is only ever given to the server it was saved for.
Result<Credentials> find_credentials(const Environment& environment, const std::string& url_flag);

// "http(s)://host[:port]", without a path's last slash; refuses other schemes, and user:password@ in it.
Result<std::string> clean_url(std::string_view url);
bool is_loopback(std::string_view url);

}  // namespace slipway::cli
