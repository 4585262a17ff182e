#include <algorithm>
#include <array>
#include <functional>

#include "slipway/platform/keys/key_format.hpp"
#include "slipway/platform/keys/routes.hpp"

namespace slipway::keys {
namespace {

// One answer for missing, malformed, unknown, revoked and expired: nothing is learnt from it.
Error no_credentials(std::string why) {
  return Error(ErrorCode::unauthenticated, "send a valid access token or API key: Authorization: Bearer ... or X-API-Key: ...")
      .because(std::move(why));
}

class CredentialGuard final : public http::Guard {
 public:
  CredentialGuard(const accounts::Accounts& accounts, const Keys& keys) : accounts_(accounts), keys_(keys) {}

  Result<http::PrincipalPtr> admit(const http::Request& request, const http::Access& access) override {
    const http::PrincipalPtr principal = TRY(identify(request));
    switch (access.kind()) {
      case http::Access::Kind::anyone:
      case http::Access::Kind::signed_in: return principal;
      case http::Access::Kind::scope:
        if (!principal->has_scope(access.scope_name())) return Error(ErrorCode::forbidden, "this key lacks the scope " + access.scope_name());
        return principal;
      case http::Access::Kind::admin:
        if (!principal->admin() || principal->kind != http::Principal::Kind::token)
          return Error(ErrorCode::forbidden, "only an administrator who is logged in may do this");
        return principal;
    }
    return no_credentials("unknown access");
  }

 private:
  Result<http::PrincipalPtr> identify(const http::Request& request) const {
    const auto bearer = request.header("Authorization");
    const auto header_key = request.header("X-API-Key");
    if (bearer && header_key) return no_credentials("two credentials");
    std::string_view credential;
    if (header_key) credential = *header_key;
    if (bearer) {
      constexpr std::string_view kScheme = "bearer ";
      if (bearer->size() <= kScheme.size() ||
          !std::equal(kScheme.begin(), kScheme.end(), bearer->begin(), [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); })) {
        return no_credentials("not a bearer credential");
      }
      credential = bearer->substr(kScheme.size());
    }
    if (credential.starts_with(kKeyPrefix)) return of_key(credential);
    if (header_key || credential.empty()) return no_credentials("none, or not a key");
    auto user = accounts_.authenticate(credential);
    if (!user.ok()) return no_credentials(user.error().internal());
    return http::PrincipalPtr(of_user(**user, http::Principal::Kind::token));
  }

  Result<http::PrincipalPtr> of_key(std::string_view text) const {
    const auto key = keys_.find(text);
    if (key == nullptr) return no_credentials("key");
    const auto user = accounts_.directory().find(key->user_id);
    if (user == nullptr || !user->active()) return no_credentials("the key's user");
    // Nearly all requests of a thread come with the same few keys. Holding both, an equal address means that nothing has changed.
    struct Known {
      std::shared_ptr<const ApiKey> key;
      std::shared_ptr<const accounts::User> user;
      http::PrincipalPtr principal;
    };
    thread_local std::array<Known, 64> known;
    Known& last = known[std::hash<std::string_view>{}(key->id) % known.size()];
    if (last.key != key || last.user != user) last = {key, user, of_key_and_user(*key, *user)};
    return last.principal;
  }

  static http::PrincipalPtr of_key_and_user(const ApiKey& key, const accounts::User& user) {
    auto principal = of_user(user, http::Principal::Kind::key);
    principal->key_id = key.id;
    principal->scopes = key.scopes;
    principal->models = key.models;
    return principal;
  }

  static std::shared_ptr<http::Principal> of_user(const accounts::User& user, http::Principal::Kind kind) {
    auto principal = std::make_shared<http::Principal>();
    principal->user_id = user.id;
    principal->email = user.email;
    principal->role = user.admin() ? http::Principal::Role::admin : http::Principal::Role::user;
    principal->kind = kind;
    return principal;
  }

  const accounts::Accounts& accounts_;
  const Keys& keys_;
};

}  // namespace

std::unique_ptr<http::Guard> make_guard(const accounts::Accounts& accounts, const Keys& keys) {
  return std::make_unique<CredentialGuard>(accounts, keys);
}

}  // namespace slipway::keys
