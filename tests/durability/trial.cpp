#include "trial.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace durability {
namespace fs = std::filesystem;

Scratch::Scratch(bool in_memory) {
  for (const char* parent : {in_memory ? "/dev/shm" : "/tmp", "/tmp"}) {
    std::string pattern = std::string(parent) + "/slipway-durability-XXXXXX";
    if (::mkdtemp(pattern.data()) != nullptr) {
      path_ = pattern;
      return;
    }
  }
  throw std::runtime_error("no directory for the trials");
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::vector<std::string> filled_in(const std::vector<std::string>& command, const std::string& data, const std::string& acks) {
  std::vector<std::string> words = command;
  for (std::string& word : words) {
    for (std::size_t at = 0; (at = word.find("{data}")) != std::string::npos;) word.replace(at, 6, data);
    for (std::size_t at = 0; (at = word.find("{acks}")) != std::string::npos;) word.replace(at, 6, acks);
  }
  return words;
}

void write_file(const std::string& path, const std::string& content) { std::ofstream(path, std::ios::binary | std::ios::trunc) << content; }

void fresh_directory(const std::string& path) {
  fs::remove_all(path);
  fs::create_directory(path);
}

std::string lines_but_start(const std::string& acks) {
  const std::size_t end = acks.find('\n');
  return end == std::string::npos ? "" : acks.substr(end + 1);
}

std::string find_canary(const std::string& directory, const std::string& canary) {
  if (canary.empty()) return "";
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    if (content.find(canary) != std::string::npos) return entry.path().string();
  }
  return "";
}

std::string verdict(const Plan& plan, const std::string& data, const std::string& acks_path, const std::string& acks) {
  if (const std::string file = find_canary(data, plan.canary); !file.empty()) return "clear text in " + file;
  write_file(acks_path, lines_but_start(acks));
  const Run recovery = run(filled_in(plan.recovery, data, acks_path));
  if (!recovery.exited_well()) return "after recovery: " + lines_but_start("\n" + recovery.acks) + " (" + recovery.ending() + ")";
  if (const std::string file = find_canary(data, plan.canary); !file.empty()) return "clear text in " + file + " after recovery";
  return "";
}

void Tally::add(const std::string& what, const std::string& wrong) {
  ++trials_;
  if (wrong.empty()) return;
  ++failures_;
  std::printf("%s: %s\n", what.c_str(), wrong.c_str());
}

int Tally::finish() const {
  std::printf("%s: %d trials, %d failures%s\n", plan_.kind.c_str(), trials_, failures_,
              plan_.expect_failure ? " (the subject has a deliberate fault)" : "");
  if (trials_ == 0) return 1;
  return (failures_ > 0) == plan_.expect_failure ? 0 : 1;
}

std::vector<int> points(int count, int points_max) {
  std::vector<int> chosen;
  if (points_max <= 0 || count <= points_max) {
    for (int i = 1; i <= count; ++i) chosen.push_back(i);
    return chosen;
  }
  for (int i = 0; i < points_max; ++i) chosen.push_back(1 + static_cast<int>(static_cast<long>(count - 1) * i / std::max(points_max - 1, 1)));
  return chosen;
}

std::vector<int> points(int count, const Plan& plan) {
  std::vector<int> ours;
  const std::vector<int> all = points(count, plan.points_max);
  for (std::size_t i = static_cast<std::size_t>(plan.share); i < all.size(); i += static_cast<std::size_t>(plan.shares)) ours.push_back(all[i]);
  return ours;
}

int skipped(const std::string& why) {
  std::printf("skipped: %s\n", why.c_str());
  return kSkipped;
}

}  // namespace durability
