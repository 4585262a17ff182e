#include "slipway/platform/accounts/passwords.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <condition_variable>
#include <utility>

#include "slipway/base/encoding.hpp"

namespace slipway::accounts {
namespace {

std::condition_variable g_turn_over;  // shared by all instances: waiting is rare and short

constexpr unsigned kWaitingMax = 16;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Long passwords that are long only by repetition or sequence, and the best-known phrases: what a guesser tries first.
bool is_trivial(const std::string& password) {
  static constexpr std::array<std::string_view, 14> kKnown = {
      "passwordpassword", "password12345678", "123456789012345",           "1234567890123456",      "qwertyuiopasdfghjkl",
      "qwertyuiop123456", "abcdefghijklmnop", "correcthorsebatterystaple", "letmeinletmeinletmein", "administrator123",
      "slipwayslipway",   "iloveyouiloveyou", "changemechangeme",          "adminadminadmin"};
  if (std::find(kKnown.begin(), kKnown.end(), password) != kKnown.end()) return true;
  std::array<bool, 256> seen{};
  std::size_t distinct = 0;
  std::size_t steps = 0;  // neighbours that go up or down by one: "abcdef", "98765"
  for (std::size_t i = 0; i < password.size(); ++i) {
    const auto c = static_cast<unsigned char>(password[i]);
    if (!std::exchange(seen[c], true)) ++distinct;
    if (i > 0 && std::abs(static_cast<int>(c) - static_cast<unsigned char>(password[i - 1])) == 1) ++steps;
  }
  return distinct < 5 || steps + 3 >= password.size();
}

}  // namespace

Status check_password_policy(std::string_view password, std::size_t characters_min, std::string_view email) {
  const auto refuse = [](std::string why) { return Error(ErrorCode::invalid_input, "the password can't be used").at("#/password", std::move(why)); };
  if (!is_valid_utf8(password)) return refuse("must be UTF-8 text");
  if (characters(password) < characters_min)
    return refuse("must have at least " + std::to_string(characters_min) + " characters; any will do, spaces too");
  if (password.size() > kPasswordBytesMax) return refuse("must have at most " + std::to_string(kPasswordBytesMax) + " bytes");
  const std::string lowered = lower(password);
  if (is_trivial(lowered)) return refuse("is one of those that are tried first; take a phrase of your own");
  const std::string address = lower(email);
  const std::string local = address.substr(0, address.find('@'));
  if (lowered == address || (local.size() >= 4 && lowered.find(local) != std::string::npos && lowered.size() < local.size() + 8)) {
    return refuse("is too close to the e-mail address");
  }
  return ok();
}

// One of `parallel_max` seats; the others wait, and beyond kWaitingMax are turned away.
class Passwords::Turn {
 public:
  static Result<Turn> take(Passwords& owner) {
    std::unique_lock lock(owner.mutex_);
    if (owner.waiting_ >= kWaitingMax) return Error(ErrorCode::overloaded, "too many logins at once; try again in a moment").retry_after(2);
    ++owner.waiting_;
    g_turn_over.wait(lock, [&] { return owner.running_ < owner.parallel_max_; });
    --owner.waiting_;
    ++owner.running_;
    return Turn(&owner);
  }
  Turn(Turn&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (owner_ == nullptr) return;
    {
      const std::lock_guard lock(owner_->mutex_);
      --owner_->running_;
    }
    g_turn_over.notify_all();
  }

 private:
  explicit Turn(Passwords* owner) : owner_(owner) {}
  Passwords* owner_;
};

namespace {
Result<std::string> compute(std::string_view password, const PasswordCost& cost) {
  std::string out(crypto_pwhash_STRBYTES, '\0');
  if (crypto_pwhash_str_alg(out.data(), password.data(), password.size(), cost.passes, cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return Error(ErrorCode::overloaded, "no memory to check a password now").retry_after(5);
  }
  out.resize(out.find('\0'));
  return out;
}
}  // namespace

Passwords::Passwords(PasswordCost cost, unsigned parallel_max) : cost_(cost), parallel_max_(std::max(1U, parallel_max)) {}

Result<std::string> Passwords::hash(std::string_view password) {
  const Turn turn = TRY(Turn::take(*this));
  return compute(password, cost_);
}

Result<bool> Passwords::verify(std::string_view password, const std::string& hash) {
  const Turn turn = TRY(Turn::take(*this));
  if (!hash.empty()) return crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
  std::string dummy;
  {
    const std::lock_guard lock(mutex_);
    dummy = dummy_;
  }
  if (dummy.empty()) {  // made once, on the first unknown user: the same cost as a comparison
    dummy = TRY(compute("nobody's password", cost_));
    const std::lock_guard lock(mutex_);
    dummy_ = dummy;
    return false;
  }
  volatile int spent = crypto_pwhash_str_verify(dummy.c_str(), password.data(), password.size());  // for its time alone
  static_cast<void>(spent);
  return false;
}

bool Passwords::needs_rehash(const std::string& hash) const {
  return crypto_pwhash_str_needs_rehash(hash.c_str(), cost_.passes, cost_.memory_bytes) != 0;
}

}  // namespace slipway::accounts
