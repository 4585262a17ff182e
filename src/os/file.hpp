// Files that must survive a crash, and small ones that are read whole. Functions are thread-safe.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/os/fd.hpp"

namespace slipway::os {

// storage_full for ENOSPC/EDQUOT/EFBIG, not_found for ENOENT, else system_error().
Error file_error(std::string_view what, int error_number);

Result<std::string> read_file(const std::string& path, std::size_t bytes_max);  // `too_large` beyond
// A new file that is wholly there, with its name on disk, or not there; `conflict` when the name is taken.
Status write_new_file(const std::string& path, std::string_view bytes, mode_t mode);
Status make_directory(const std::string& path, mode_t mode);               // parents too; fine when it is there
Result<std::vector<std::string>> list_directory(const std::string& path);  // names, without . and .., sorted
Result<std::uint64_t> free_bytes(const std::string& path);                 // of its file system, for this user
Status pwrite_all(int fd, std::span<const std::byte> bytes, std::uint64_t offset);

std::string parent_of(const std::string& path);  // "." of a bare name

// A failing fsync ends the process with a log line: Linux may have dropped the dirty pages, so that trying again would lie.
// What was not acknowledged is put right at the next start.
void sync_or_abort(int fd, std::string_view what);
Status sync_directory(const std::string& path);  // likewise; an error only when the directory can't be opened

}  // namespace slipway::os
