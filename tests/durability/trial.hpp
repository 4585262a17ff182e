// A trial: the subject runs in a fresh data directory, is disturbed, and then the recovery command says whether all promises hold.
// The subject is any command: {data} and {acks} in its words stand for the data directory and the file of acknowledgements.
#pragma once

#include <string>
#include <vector>

#include "tracer.hpp"

namespace durability {

struct Plan {
  std::string kind;                   // kill, power, inject, lint
  std::vector<std::string> subject;   // writes "start\n", then one line an acknowledgement, to descriptor 3
  std::vector<std::string> recovery;  // exits 0 when every promise of {acks} holds
  std::string canary;                 // bytes of the upload that must not be found in any file
  int points_max = 0;                 // sampled evenly beyond it; 0: all
  int share = 0, shares = 1;          // only every shares-th point, from the share-th on: one sweep as several tests
  int recovery_points = 0;            // kill: so many kills inside the recovery, after sampled kills of the subject
  int unheeded_syncs = 0;             // inject: failed syncs of a directory that the subject may go on after, at most
  bool expect_failure = false;        // the subject has a deliberate fault: it is a failure not to notice it
};

// Where trials live; removed at the end. In memory where that is enough (a killed process loses nothing there).
class Scratch {
 public:
  explicit Scratch(bool in_memory);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::vector<std::string> filled_in(const std::vector<std::string>& command, const std::string& data, const std::string& acks);
void write_file(const std::string& path, const std::string& content);
void fresh_directory(const std::string& path);
std::string lines_but_start(const std::string& acks);
std::string find_canary(const std::string& directory, const std::string& canary);  // the file it is in; empty: none

// Runs the recovery on `data` and returns what is wrong; empty: nothing.
std::string verdict(const Plan& plan, const std::string& data, const std::string& acks_path, const std::string& acks);

// Counts trials, prints the first failures, and makes the exit status.
class Tally {
 public:
  explicit Tally(const Plan& plan) : plan_(plan) {}
  void add(const std::string& what, const std::string& wrong);
  bool enough() const { return failures_ >= (plan_.expect_failure ? 1 : 5); }
  int finish() const;

 private:
  const Plan& plan_;
  int trials_ = 0;
  int failures_ = 0;
};

// Evenly spread over 1..count, at most points_max of them, the first and the last among them.
std::vector<int> points(int count, int points_max);
std::vector<int> points(int count, const Plan& plan);  // this share of them

inline constexpr int kSkipped = 77;  // ctest's SKIP_RETURN_CODE here
int skipped(const std::string& why);

int run_kill(const Plan& plan);
int run_power(const Plan& plan);
int run_inject(const Plan& plan);
int run_lint(const Plan& plan);

}  // namespace durability
