// SIGKILL at the entry of every system call.
#include <filesystem>

#include "trial.hpp"

namespace durability {
namespace {

Observer kill_at(int index) {
  return {[index](const Call& call) { return Decision{call.index == index ? Decision::kill : Decision::go}; }, nullptr};
}

// Kills the recovery too, here and there, before it may run to its end.
void kill_recovery(const Plan& plan, const std::string& data, const std::string& acks_path, const std::string& acks, const std::string& what,
                   Tally& tally) {
  const std::string saved = data + ".saved";
  std::filesystem::remove_all(saved);
  std::filesystem::copy(data, saved, std::filesystem::copy_options::recursive);
  write_file(acks_path, lines_but_start(acks));
  const auto recovery = filled_in(plan.recovery, data, acks_path);
  const int calls = trace(recovery, {}).calls;
  for (const int at : points(calls, plan.recovery_points)) {
    if (tally.enough()) return;
    std::filesystem::remove_all(data);
    std::filesystem::copy(saved, data, std::filesystem::copy_options::recursive);
    trace(recovery, kill_at(at));
    tally.add(what + ", recovery killed at call " + std::to_string(at) + " of " + std::to_string(calls), verdict(plan, data, acks_path, acks));
  }
}

}  // namespace

int run_kill(const Plan& plan) {
  if (!can_trace()) return skipped("ptrace is not permitted here");
  const Scratch scratch(true);
  const std::string data = scratch.path() + "/data";
  const std::string acks_path = scratch.path() + "/acks";
  const auto subject = filled_in(plan.subject, data, acks_path);
  Tally tally(plan);

  fresh_directory(data);
  const Run whole = trace(subject, {});
  tally.add("undisturbed", whole.exited_well() ? verdict(plan, data, acks_path, whole.acks) : "the subject failed: " + whole.ending());
  const auto chosen = points(whole.calls, plan);
  int done = 0;
  for (const int at : chosen) {
    if (tally.enough()) break;
    fresh_directory(data);
    const Run cut = trace(subject, kill_at(at));
    const std::string what = "killed at call " + std::to_string(at) + " of " + std::to_string(whole.calls);
    if (plan.recovery_points > 0 && ++done % 40 == 0)
      kill_recovery(plan, data, acks_path, cut.acks, what, tally);
    else
      tally.add(what, verdict(plan, data, acks_path, cut.acks));
  }
  return tally.finish();
}

}  // namespace durability
