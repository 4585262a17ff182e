// Turns: how much of a loop's time each caller gets. Callers that all ask for much take turns, and so does one alone; all of the time is used. As
// soon as one is there that asks for little, the others share only a part of the time (kShare), so that the loop is free when it comes: who has
// used up its account is parked, its connections in order, and goes on as the account fills up again. Refusals weigh more the more of
// them follow each other: a client that takes no notice of them is answered more and more slowly, and doesn't burn the time of others.
//
// Turns is one loop's, its thread only; pure: `now` comes in. Company is all loops' together, any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>

#include "slipway/base/clock.hpp"

namespace slipway::http {

using CallerId = std::uint64_t;

// Who is there: several callers within the last second, and among them one that asks for little.
class Company {
 public:
  // light: the caller has used less than its part.
  void asks(CallerId caller, bool light, Steady now) {
    if (last_.load(std::memory_order_relaxed) != caller) {
      const CallerId before = last_.exchange(caller, std::memory_order_relaxed);
      if (before != caller && is_before(now, last_until_)) extend(several_until_, now);
    }
    extend(last_until_, now);
    if (light && several(now)) extend(light_until_, now);
  }
  bool several(Steady now) const { return is_before(now, several_until_); }
  bool has_light(Steady now) const { return is_before(now, light_until_); }

 private:
  static constexpr std::chrono::milliseconds kFor{1000}, kStep{50};  // written again only when it is worth it: all loops read it
  static bool is_before(Steady now, const std::atomic<Steady::rep>& until) {
    return now.time_since_epoch().count() < until.load(std::memory_order_relaxed);
  }
  static void extend(std::atomic<Steady::rep>& until, Steady now) {
    if (!is_before(now + kFor - kStep, until)) until.store((now + kFor).time_since_epoch().count(), std::memory_order_relaxed);
  }
  std::atomic<CallerId> last_{0};
  std::atomic<Steady::rep> last_until_{0}, several_until_{0}, light_until_{0};
};

template <class T>
class Turns {
 public:
  static constexpr double kShare = 0.5;            // of the loop's time, for all who ask for much together
  static constexpr double kLightShare = 0.2;       // who uses more than this asks for much
  static constexpr double kOverhead = 2;           // what a request costs a loop, by what is charged: reading and the model's answer are not
  static constexpr double kBurst_s = 0.001;        // what an account holds at most
  static constexpr double kDebt_s = 0.05;          // what one may owe at most
  static constexpr unsigned kRefusedInRowMax = 5;  // a refusal weighs up to 2^this of its time

  explicit Turns(double part = 1) : part_(part) {}  // of a core, that the loop's thread may have

  // A request of this caller has come. false: it has to wait for its turn: park() it.
  bool may_go(CallerId caller, Steady now, bool limited) {
    const auto at = accounts_.find(caller);
    if (at == accounts_.end()) return true;
    Account& account = at->second;
    if (!account.parked.empty()) return false;
    return !limited || refreshed(account, now) > 0;
  }

  void park(CallerId caller, T item) {
    Account& account = accounts_[caller];
    if (account.parked.empty()) order_.push_back(caller);
    account.parked.push_back(std::move(item));
    ++parked_;
  }

  // Whose turn it is: one of each caller after the other, of those who may go. nullopt: nobody now.
  std::optional<T> next(Steady now, bool limited) {
    for (std::size_t looked = order_.size(); looked > 0; --looked) {
      const CallerId caller = order_.front();
      order_.pop_front();
      Account& account = accounts_.at(caller);
      if (limited && refreshed(account, now) <= 0) {
        order_.push_back(caller);
        continue;
      }
      T item = std::move(account.parked.front());
      account.parked.pop_front();
      --parked_;
      if (!account.parked.empty()) order_.push_back(caller);
      return item;
    }
    return std::nullopt;
  }

  // It has not used up its account within the last second.
  bool is_light(CallerId caller, Steady now) const {
    const auto at = accounts_.find(caller);
    return at == accounts_.end() || now >= at->second.heavy_until;
  }

  // The caller's request took so much of the loop's time.
  void charge(CallerId caller, Steady::duration used, Steady now) {
    if (accounts_.size() >= forget_at_) forget(now);
    const auto [at, is_new] = accounts_.try_emplace(caller);
    Account& account = at->second;
    if (is_new) account.at = now;
    const double weight = account.refused_in_row == 0 ? 1 : static_cast<double>(1U << std::min(account.refused_in_row, kRefusedInRowMax));
    account.balance_s = std::max(-kDebt_s, refreshed(account, now) - std::chrono::duration<double>(used).count() * kOverhead * weight);
    if (account.balance_s > 0) return;
    if (now >= account.heavy_until) count_at_ = now;
    account.heavy_until = now + std::chrono::seconds(1);
  }

  // How the caller's request was answered.
  void answered(CallerId caller, bool refused) {
    const auto at = accounts_.find(caller);
    if (at == accounts_.end()) return;
    unsigned& in_row = at->second.refused_in_row;
    in_row = refused ? std::min(in_row + 1, kRefusedInRowMax) : in_row / 2;
  }

  // It won't want its turn any more.
  void forget(CallerId caller, const T& item) {
    const auto at = accounts_.find(caller);
    if (at == accounts_.end()) return;
    std::deque<T>& parked = at->second.parked;
    const auto found = std::find(parked.begin(), parked.end(), item);
    if (found == parked.end()) return;
    parked.erase(found);
    --parked_;
    if (parked.empty()) order_.erase(std::find(order_.begin(), order_.end(), caller));
  }

  std::size_t parked() const { return parked_; }

 private:
  struct Account {
    double balance_s = kBurst_s;
    Steady at{};  // when the balance was that
    Steady heavy_until{};
    unsigned refused_in_row = 0;
    std::deque<T> parked;
  };

  // Those who asked for much within the last second share; counted again when one comes, and now and then for those who left.
  std::size_t heavy(Steady now) {
    if (now < count_at_) return heavy_;
    heavy_ = 0;
    for (const auto& [caller, account] : accounts_) heavy_ += now < account.heavy_until ? 1 : 0;
    count_at_ = now + std::chrono::milliseconds(50);
    return heavy_;
  }

  double refreshed(Account& account, Steady now) {
    const double share = part_ * (now < account.heavy_until ? kShare / static_cast<double>(std::max<std::size_t>(1, heavy(now))) : kLightShare);
    const double passed_s = std::max(0.0, std::chrono::duration<double>(now - account.at).count());
    account.balance_s = std::min(kBurst_s, account.balance_s + passed_s * share);
    account.at = now;
    return account.balance_s;
  }

  void forget(Steady now) {
    std::erase_if(accounts_, [&](auto& entry) { return entry.second.parked.empty() && now - entry.second.at > std::chrono::seconds(1); });
    forget_at_ = std::max<std::size_t>(kAccountsMin, accounts_.size() * 2);
  }

  static constexpr std::size_t kAccountsMin = 256;
  double part_;
  std::unordered_map<CallerId, Account> accounts_;
  std::deque<CallerId> order_;  // callers that have parked ones
  std::size_t parked_ = 0, forget_at_ = kAccountsMin, heavy_ = 0;
  Steady count_at_{};  // when `heavy_` is to be counted again
};

}  // namespace slipway::http
