// A file scored by a job of the server: sent, waited for, fetched, with a bar for each on a terminal. Ctrl-C cancels the job.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "client.hpp"
#include "console.hpp"

namespace slipway::cli {

inline constexpr std::uint64_t kJobFromBytes = 8ULL << 20;

struct ScoringWish {
  std::string input, out;  // out: empty or "-" is stdout
  bool skip_wrong = false, include_input = false;
};

std::string_view job_media_type(const std::string& path);  // by the suffix: .csv, .ndjson, .jsonl, .npy; empty: a job doesn't take it
bool is_large(const std::string& path);                    // a regular file that is better sent as a job
Status check_job_output(const std::string& path);

// The exit code: kOk, or 130 when it was interrupted.
Result<int> score(Console& console, Client& client, const std::string& model_id, const ScoringWish& wish);

}  // namespace slipway::cli
