#include "slipway/os/cores.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace slipway::os {
namespace {

// A file system that says what the test wants it to.
class FakeRoot {
 public:
  FakeRoot() {
    std::string pattern = (std::filesystem::temp_directory_path() / "slipway-cores-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~FakeRoot() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;
  FakeRoot& file(const std::string& name, const std::string& content) {
    std::filesystem::create_directories(std::filesystem::path(path_ + name).parent_path());
    std::ofstream(path_ + name) << content;
    return *this;
  }
  std::optional<double> quota() const { return cpu_quota(path_); }

 private:
  std::string path_;
};

constexpr const char* kUnified =
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

TEST(Cores, AreLimitedByTheQuotaOfTheOwnCgroup) {
  FakeRoot root;
  root.file("/proc/self/mountinfo", kUnified).file("/proc/self/cgroup", "0::/system.slice/slipway.service\n");
  EXPECT_EQ(root.quota(), std::nullopt) << "no file: no quota";
  root.file("/sys/fs/cgroup/system.slice/slipway.service/cpu.max", "max 100000\n");
  EXPECT_EQ(root.quota(), std::nullopt);
  root.file("/sys/fs/cgroup/system.slice/slipway.service/cpu.max", "150000 100000\n");
  EXPECT_EQ(root.quota(), 1.5);
}

TEST(Cores, AreLimitedByTheSmallestQuotaOfTheAncestors) {
  FakeRoot root;
  root.file("/proc/self/mountinfo", kUnified)
      .file("/proc/self/cgroup", "0::/pods/a/b\n")
      .file("/sys/fs/cgroup/pods/a/b/cpu.max", "400000 100000\n")
      .file("/sys/fs/cgroup/pods/a/cpu.max", "max 100000\n")
      .file("/sys/fs/cgroup/pods/cpu.max", "50000 100000\n");
  EXPECT_EQ(root.quota(), 0.5);
}

TEST(Cores, KnowTheQuotasOfAContainerWithAndWithoutANamespaceOfItsOwn) {
  FakeRoot own;
  own.file("/proc/self/mountinfo", kUnified).file("/proc/self/cgroup", "0::/\n").file("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(own.quota(), 2);
  FakeRoot hosts;
  hosts.file("/proc/self/mountinfo", "30 22 0:26 /docker/f00 /sys/fs/cgroup ro - cgroup2 cgroup rw\n")
      .file("/proc/self/cgroup", "0::/docker/f00\n")
      .file("/sys/fs/cgroup/cpu.max", "300000 100000\n");
  EXPECT_EQ(hosts.quota(), 3);
}

TEST(Cores, KnowTheQuotasOfVersionOneAndOfBothTogether) {
  FakeRoot root;
  root.file("/proc/self/mountinfo",
            "31 25 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
            "33 25 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
            "34 25 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n")
      .file("/proc/self/cgroup", "5:cpuset:/other\n4:cpu,cpuacct:/jail\n0::/jail2\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/jail/cpu.cfs_quota_us", "-1\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/jail/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(root.quota(), std::nullopt);
  root.file("/sys/fs/cgroup/cpu,cpuacct/jail/cpu.cfs_quota_us", "250000\n");
  EXPECT_EQ(root.quota(), 2.5);
  root.file("/sys/fs/cgroup/unified/jail2/cpu.max", "100000 100000\n");
  EXPECT_EQ(root.quota(), 1);
}

TEST(Cores, AreThereWhateverTheSystemSays) {
  FakeRoot nothing;
  EXPECT_EQ(nothing.quota(), std::nullopt);
  FakeRoot nonsense;
  nonsense.file("/proc/self/mountinfo", std::string(kUnified) + "garbage\n-\n").file("/proc/self/cgroup", "::\n0\n");
  nonsense.file("/sys/fs/cgroup/cpu.max", "0 0\n");
  EXPECT_EQ(nonsense.quota(), std::nullopt);
  EXPECT_GE(usable_cores(), 1u);
}

}  // namespace
}  // namespace slipway::os
