// durability KIND [--points N] [--share I/N] [--recovery-points N] [--unheeded-syncs N] [--canary TEXT] [--expect-failure] -- SUBJECT... --
// RECOVERY...
//
// KIND is kill, power, inject or lint. Exit status: 0 all promises held, 1 not, 2 wrong usage, 77 not possible on this machine.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>

#include "trial.hpp"

namespace durability {
namespace {

// The words of the command line from `at` to the next "--" or the end; `at` is left behind it.
std::vector<std::string> words(const std::vector<std::string>& all, std::size_t& at) {
  std::vector<std::string> taken;
  while (at < all.size() && all[at] != "--") taken.push_back(all[at++]);
  if (at < all.size()) ++at;
  return taken;
}

bool read_options(const std::vector<std::string>& options, Plan& plan) {
  for (std::size_t i = 0; i < options.size(); ++i) {
    const std::string& name = options[i];
    if (name == "--expect-failure") {
      plan.expect_failure = true;
      continue;
    }
    if (i + 1 >= options.size()) return false;
    const std::string& value = options[++i];
    if (name == "--points")
      plan.points_max = std::atoi(value.c_str());
    else if (name == "--recovery-points")
      plan.recovery_points = std::atoi(value.c_str());
    else if (name == "--share") {
      if (std::sscanf(value.c_str(), "%d/%d", &plan.share, &plan.shares) != 2 || plan.share < 0 || plan.shares < 1) return false;
    } else if (name == "--unheeded-syncs")
      plan.unheeded_syncs = std::atoi(value.c_str());
    else if (name == "--canary")
      plan.canary = value;
    else
      return false;
  }
  return true;
}

int start(const std::vector<std::string>& all) {
  static const std::map<std::string, int (*)(const Plan&)> kinds = {
      {"kill", run_kill}, {"power", run_power}, {"inject", run_inject}, {"lint", run_lint}};
  Plan plan;
  std::size_t at = 0;
  if (!all.empty()) plan.kind = all[at++];
  const bool understood = kinds.contains(plan.kind) && read_options(words(all, at), plan);
  plan.subject = words(all, at);
  plan.recovery = words(all, at);
  if (!understood || plan.subject.empty() || (plan.recovery.empty() && plan.kind != "lint")) {
    std::fprintf(stderr,
                 "usage: durability kill|power|inject|lint [--points N] [--share I/N] [--recovery-points N] [--unheeded-syncs N] [--canary TEXT] "
                 "[--expect-failure] -- SUBJECT... -- RECOVERY...\n");
    return 2;
  }
  return kinds.at(plan.kind)(plan);
}

}  // namespace
}  // namespace durability

int main(int argc, char** argv) {
  try {
    return durability::start(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "durability: %s\n", error.what());
    return 1;
  }
}
