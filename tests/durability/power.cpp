// Power cut: the subject works on an ext4 file system in an image file. At a system call it is stopped, the image is copied (that is
// what had reached the disk), and the recovery runs on the copy. The journal is committed only when something asks for it.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>

#include "trial.hpp"

namespace durability {
namespace {

constexpr off_t kImageBytes = 16 << 20;

bool did(const std::vector<std::string>& command) { return run(command).exited_well(); }

std::string tool(const char* name) {
  for (const char* directory : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"})
    if (::access((std::string(directory) + name).c_str(), X_OK) == 0) return std::string(directory) + name;
  return "";
}

// Only the parts that hold data: the image is mostly holes.
void copy_sparse(const std::string& from, const std::string& to) {
  const int in = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  const int out = ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (in < 0 || out < 0 || ::ftruncate(out, kImageBytes) != 0) throw std::runtime_error("the image can't be copied");
  static std::array<char, 1 << 18> buffer;
  for (off_t at = 0; (at = ::lseek(in, at, SEEK_DATA)) >= 0;) {
    const off_t end = ::lseek(in, at, SEEK_HOLE);
    while (at < end) {
      const ssize_t got = ::pread(in, buffer.data(), std::min<std::size_t>(buffer.size(), static_cast<std::size_t>(end - at)), at);
      if (got <= 0 || ::pwrite(out, buffer.data(), static_cast<std::size_t>(got), at) != got) throw std::runtime_error("the image can't be copied");
      at += got;
    }
  }
  ::close(in);
  ::close(out);
}

class Mounted {
 public:
  Mounted(const std::string& image, const std::string& at) : at_(at) {
    ::mkdir(at.c_str(), 0700);
    good_ = did({tool("mount"), "-t", "ext4", "-o", "loop,commit=300,noatime", image, at});
  }
  ~Mounted() {
    if (!good_) return;
    // A loop device can be busy for a moment after its user was killed.
    for (int i = 0; i < 200 && ::umount2(at_.c_str(), 0) != 0 && errno == EBUSY; ++i) ::usleep(5000);
  }
  Mounted(const Mounted&) = delete;
  bool good() const { return good_; }

 private:
  std::string at_;
  bool good_;
};

class Laboratory {
 public:
  Laboratory() : scratch_(true) {}

  std::string unfit() {
    if (!can_trace()) return "ptrace is not permitted here";
    if (tool("mount").empty() || tool("mkfs.ext4").empty()) return "mount or mkfs.ext4 is missing";
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return "mounting is not permitted here";
    if (::truncate(make(blank_).c_str(), kImageBytes) != 0 ||
        !did({tool("mkfs.ext4"), "-q", "-F", "-b", "1024", "-J", "size=1", "-E", "lazy_itable_init=0,lazy_journal_init=0", blank_}))
      return "no file system can be made";
    const Mounted mounted(blank_, mount_);
    return mounted.good() ? "" : "loop devices can't be mounted here";
  }

  // One run on a fresh image; `at` 0: undisturbed, and the image after it.
  Run cut(const Plan& plan, int at) {
    copy_sparse(blank_, live_);
    const Mounted mounted(live_, mount_);
    if (!mounted.good()) throw std::runtime_error("mount failed");
    ::mkdir(data_.c_str(), 0700);
    const int directory = ::open(mount_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ::syncfs(directory);
    ::close(directory);
    Run run = trace(filled_in(plan.subject, data_, acks_), {[&](const Call& call) {
                                                              if (call.index != at) return Decision{};
                                                              copy_sparse(live_, cut_);
                                                              return Decision{Decision::kill};
                                                            },
                                                            nullptr});
    if (at == 0) copy_sparse(live_, cut_);
    return run;
  }

  std::string judge(const Plan& plan, const std::string& acks) {
    const Mounted mounted(cut_, mount_);
    if (!mounted.good()) return "the file system can't be mounted after the cut";
    return verdict(plan, data_, acks_, acks);
  }

 private:
  static const std::string& make(const std::string& path) {
    ::close(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    return path;
  }

  Scratch scratch_;
  std::string blank_ = scratch_.path() + "/blank.img", live_ = scratch_.path() + "/live.img", cut_ = scratch_.path() + "/cut.img";
  std::string mount_ = scratch_.path() + "/mnt", data_ = mount_ + "/data", acks_ = scratch_.path() + "/acks";
};

}  // namespace

int run_power(const Plan& plan) {
  Laboratory laboratory;
  if (const std::string why = laboratory.unfit(); !why.empty()) return skipped(why);
  Tally tally(plan);
  const Run whole = laboratory.cut(plan, 0);
  tally.add("cut after the end", whole.exited_well() ? laboratory.judge(plan, whole.acks) : "the subject failed: " + whole.ending());
  for (const int at : points(whole.calls, plan)) {
    if (tally.enough()) break;
    const Run cut = laboratory.cut(plan, at);
    tally.add("power cut at call " + std::to_string(at) + " of " + std::to_string(whole.calls), laboratory.judge(plan, cut.acks));
  }
  return tally.finish();
}

}  // namespace durability
