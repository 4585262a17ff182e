#include "slipway/os/cores.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

namespace slipway::os {
namespace {

struct Hierarchy {          // one that knows of CPU quotas
  std::string mount, root;  // where it is mounted, and which of its cgroups that shows
  bool unified = false;     // version 2
};

bool lists(const std::string& words, const std::string& wanted) {
  std::istringstream in(words);
  for (std::string word; std::getline(in, word, ',');) {
    if (word == wanted) return true;
  }
  return false;
}

std::vector<Hierarchy> hierarchies(const std::string& root) {
  std::vector<Hierarchy> out;
  std::ifstream in(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {  // id parent major:minor root mount options [more...] - type source super-options
    std::istringstream words(line);
    std::string skipped, type, options;
    Hierarchy h;
    words >> skipped >> skipped >> skipped >> h.root >> h.mount;
    while (words >> skipped && skipped != "-") {}
    words >> type >> skipped >> options;
    h.unified = type == "cgroup2";
    if (h.unified || (type == "cgroup" && lists(options, "cpu"))) out.push_back(std::move(h));
  }
  return out;
}

// The own cgroup of the hierarchy: "/a/b".
std::string own_path(const std::string& root, bool unified) {
  std::ifstream in(root + "/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {  // id:controllers:path
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (unified ? line.substr(0, first) == "0" && controllers.empty() : lists(controllers, "cpu")) return line.substr(second + 1);
  }
  return "/";
}

std::optional<double> quota_of(const std::string& group, bool unified) {
  double quota = 0, period = 0;
  if (unified) {
    std::ifstream in(group + "/cpu.max");  // "max 100000" or "150000 100000"
    if (!(in >> quota >> period)) return std::nullopt;
  } else {
    std::ifstream amount(group + "/cpu.cfs_quota_us"), of(group + "/cpu.cfs_period_us");  // -1: none
    if (!(amount >> quota) || !(of >> period)) return std::nullopt;
  }
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

}  // namespace

std::optional<double> cpu_quota(const std::string& root) {
  std::optional<double> least;
  for (const Hierarchy& h : hierarchies(root)) {
    std::string path = own_path(root, h.unified);
    // In a container the mount may show a part of the tree only, and the path be told from the host's root.
    if (h.root != "/" && path.starts_with(h.root)) path.erase(0, h.root.size());
    while (path.ends_with('/')) path.pop_back();
    for (;;) {
      const auto quota = quota_of(root + h.mount + path, h.unified);
      if (quota && (!least || *quota < *least)) least = quota;
      if (path.empty()) break;
      path.erase(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
    }
  }
  return least;
}

unsigned usable_cores() {
  unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) cores = static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
  if (const auto quota = cpu_quota()) cores = std::min(cores, static_cast<unsigned>(std::max(1.0, std::ceil(std::min(*quota, 4096.0)))));
  return cores;
}

}  // namespace slipway::os
