// How many cores this process may use: what it is bound to (affinity), and no more than its cgroup's CPU quota pays for. Asked once, at the start.
#pragma once

#include <optional>
#include <string>

namespace slipway::os {

unsigned usable_cores();  // 1 at least

// The smallest quota of the own cgroup and its ancestors, in cores (0.5: half of one); nullopt: none. Version 2 (cpu.max) and version 1
// (cpu.cfs_quota_us), wherever /proc/self/mountinfo says that they are mounted. root: of the file system; for tests.
std::optional<double> cpu_quota(const std::string& root = "");

}  // namespace slipway::os
