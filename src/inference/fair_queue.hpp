// FairQueue: what waits for one model, in the order of its dispatch. By priority first; within a priority fair between callers by what
// their requests cost (start-time fair queueing: Goyal, Vin and Cheng 1996); of one caller in the order of arrival. A lower priority that
// was passed over `kPatience` times in a row is served once, so that it is slow under load and not starved. A caller that has asked for less than
// its part may have up to `kCredit_s` of it later: the few requests that it sends close together don't wait for each other's turns.
//
// A pure value: no clock, no lock. push and pop are logarithmic in the callers that wait.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "slipway/inference/priority.hpp"

namespace slipway::inference {

struct Ticket {
  std::uint64_t caller = 0;
  Priority priority = Priority::normal;
  double cost_s = 0;        // what it will probably take
  std::uint64_t bytes = 0;  // what it holds while it waits
  std::uint64_t rows = 0;
};

template <class T>
class FairQueue {
 public:
  static constexpr unsigned kPatience = 32;
  static constexpr double kCredit_s = 0.25;

  struct Entry {
    T value;
    Ticket ticket;
  };

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  double cost_s() const { return size_ == 0 ? 0 : cost_s_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t rows() const { return rows_; }

  void push(T value, const Ticket& ticket) {
    add(ticket);
    Class& in = of(ticket.priority);
    if (in.flows.size() > kIdleFlowsMax + 2 * in.order.size()) forget_idle(in);
    Flow& flow = in.flows[ticket.caller];
    if (flow.entries.empty()) {
      flow.start = std::max(flow.start, in.now - kCredit_s);
      in.order.emplace(flow.start, ticket.caller);
    }
    flow.cost_s += ticket.cost_s;
    flow.entries.push_back({std::move(value), ticket});
    ++in.size;
  }

  // Was dispatched before and came back undone: goes before all others, and is not charged again.
  void push_back_to_front(T value, const Ticket& ticket) {
    add(ticket);
    returned_.push_back({std::move(value), ticket});
  }

  // The next to be dispatched. Stays the next until pop() or another change.
  Entry& front() {
    if (!returned_.empty()) return returned_.front();
    Class& in = classes_[next_class()];
    return in.flows.at(in.order.begin()->second).entries.front();
  }

  Entry pop() {
    if (!returned_.empty()) {
      Entry entry = std::move(returned_.front());
      returned_.pop_front();
      remove(entry.ticket);
      return entry;
    }
    const std::size_t chosen = next_class();
    for (std::size_t c = chosen + 1; c < kPriorities; ++c) classes_[c].passed_over += classes_[c].size > 0 ? 1 : 0;
    Class& in = classes_[chosen];
    in.passed_over = 0;
    const auto [start, caller] = *in.order.begin();
    in.order.erase(in.order.begin());
    Flow& flow = in.flows.at(caller);
    Entry entry = std::move(flow.entries.front());
    flow.entries.pop_front();
    remove(entry.ticket);
    --in.size;
    flow.cost_s -= entry.ticket.cost_s;
    in.now = std::max(in.now, start);
    flow.start = start + entry.ticket.cost_s;
    if (!flow.entries.empty()) in.order.emplace(flow.start, caller);
    if (in.size == 0) forget(in);
    return entry;
  }

  // The run of a dispatched request took this much more (or less) than its ticket said: the caller's next turn comes later (or sooner).
  void correct(const Ticket& ticket, double more_s) {
    Class& in = of(ticket.priority);
    auto at = in.flows.find(ticket.caller);
    if (at == in.flows.end()) return;
    Flow& flow = at->second;
    const double start = std::max(in.now - kCredit_s, flow.start + more_s);
    if (!flow.entries.empty()) {
      in.order.erase({flow.start, ticket.caller});
      in.order.emplace(start, ticket.caller);
    }
    flow.start = start;
  }

  // Takes out the newest request of the caller that waits for most in the lowest priority that has any.
  std::optional<Entry> shed() { return displace({~std::uint64_t{0}, Priority::high, -1e300, 0}); }

  // The same, but only if it should rather give way than the one of `ticket`: its priority is lower, or its caller's waiting cost is higher even with
  // this one added to the other's.
  std::optional<Entry> displace(const Ticket& ticket) {
    const auto found = to_give_way(ticket);
    if (!found) return std::nullopt;
    Class& in = classes_[found->first];
    Flow& flow = in.flows.at(found->second);
    Entry entry = std::move(flow.entries.back());
    flow.entries.pop_back();
    dropped(in, found->second, flow, entry.ticket);
    return entry;
  }
  bool would_displace(const Ticket& ticket) const { return to_give_way(ticket).has_value(); }

  // sink(Entry&&) gets those for which pred(T&) holds.
  template <class Pred, class Sink>
  void take_if(Pred pred, Sink sink) {
    const auto sift = [&](std::deque<Entry>& entries, auto removed) {
      std::deque<Entry> kept;
      for (Entry& entry : entries) {
        if (!pred(entry.value)) {
          kept.push_back(std::move(entry));
          continue;
        }
        removed(entry.ticket);
        sink(std::move(entry));
      }
      entries.swap(kept);
    };
    sift(returned_, [&](const Ticket& t) { remove(t); });
    for (Class& in : classes_) {
      for (auto& [caller, flow] : in.flows) {
        if (flow.entries.empty()) continue;
        sift(flow.entries, [&](const Ticket& t) {
          remove(t);
          --in.size;
          flow.cost_s -= t.cost_s;
        });
        if (flow.entries.empty()) in.order.erase({flow.start, caller});
      }
      if (in.size == 0) forget(in);
    }
  }

 private:
  static constexpr std::size_t kIdleFlowsMax = 64;
  struct Flow {  // a caller's
    std::deque<Entry> entries;
    double start = -1e300;  // the virtual time at which its first entry's turn comes
    double cost_s = 0;
  };
  struct Class {
    std::unordered_map<std::uint64_t, Flow> flows;
    std::set<std::pair<double, std::uint64_t>> order;  // (start, caller) of flows with entries
    double now = 0;                                    // virtual time: the start of what was dispatched last
    std::size_t size = 0;
    unsigned passed_over = 0;
  };

  std::optional<std::pair<std::size_t, std::uint64_t>> to_give_way(const Ticket& ticket) const {  // the class, and whose newest
    for (std::size_t c = kPriorities; c-- > static_cast<std::size_t>(ticket.priority);) {
      const Class& in = classes_[c];
      if (in.size == 0) continue;
      auto heaviest = in.flows.end();
      double own_s = ticket.cost_s;
      for (auto at = in.flows.begin(); at != in.flows.end(); ++at) {
        if (at->first == ticket.caller) own_s += at->second.cost_s;
        if (!at->second.entries.empty() && (heaviest == in.flows.end() || at->second.cost_s > heaviest->second.cost_s)) heaviest = at;
      }
      const bool lower = c > static_cast<std::size_t>(ticket.priority);
      if (!lower && (heaviest->first == ticket.caller || heaviest->second.cost_s <= own_s)) return std::nullopt;
      return std::pair(c, heaviest->first);
    }
    return std::nullopt;
  }

  Class& of(Priority p) { return classes_[static_cast<std::size_t>(p)]; }

  std::size_t next_class() const {
    std::size_t first = kPriorities;
    for (std::size_t c = 0; c < kPriorities; ++c) {
      if (classes_[c].size == 0) continue;
      if (classes_[c].passed_over >= kPatience) return c;
      first = std::min(first, c);
    }
    return first;
  }

  void add(const Ticket& ticket) {
    ++size_;
    cost_s_ += ticket.cost_s;
    bytes_ += ticket.bytes;
    rows_ += ticket.rows;
  }
  void remove(const Ticket& ticket) {
    --size_;
    cost_s_ = size_ == 0 ? 0 : cost_s_ - ticket.cost_s;
    bytes_ -= ticket.bytes;
    rows_ -= ticket.rows;
  }
  void dropped(Class& in, std::uint64_t caller, Flow& flow, const Ticket& ticket) {
    remove(ticket);
    --in.size;
    flow.cost_s -= ticket.cost_s;
    if (flow.entries.empty()) in.order.erase({flow.start, caller});
    if (in.size == 0) forget(in);
  }
  static void forget_idle(Class& in) {
    std::erase_if(in.flows, [&in](const auto& f) { return f.second.entries.empty() && f.second.start <= in.now - kCredit_s; });
  }
  // Nobody waits: what callers had before doesn't count any more.
  static void forget(Class& in) {
    in.flows.clear();
    in.order.clear();
    in.now = 0;
    in.passed_over = 0;
  }

  std::array<Class, kPriorities> classes_;
  std::deque<Entry> returned_;
  std::size_t size_ = 0;
  double cost_s_ = 0;
  std::uint64_t bytes_ = 0, rows_ = 0;
};

}  // namespace slipway::inference
