// Migrations: numbered SQL, applied in order when the database is opened, one transaction each. What was applied is kept with a
// checksum: an edited old migration and a database that is newer than the program are refused. Pure values; no thread rules.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/result.hpp"

namespace slipway::store {

class Database;
class Session;

// Numbers are unique over all slices; a slice exports its own list, the app hands in all of them together. A table that others refer
// to has the smaller number. What is published never changes: a correction is a new migration.
// sql: statements separated by ';' (one inside a string, a quoted name or a comment is fine; no triggers with bodies).
struct Migration {
  int number;
  std::string_view name;
  std::string_view sql;
};

std::span<const Migration> store_migrations();  // the store's own tables: keyring (numbers 1-9)

// Ascending copy; refuses duplicates and numbers < 1.
Result<std::vector<Migration>> ordered(std::span<const Migration> migrations);
std::string checksum_of(const Migration& migration);  // SHA-256 of the SQL, hex
std::vector<std::string_view> statements_of(std::string_view sql);

struct Applied {
  int number;
  std::string name;
  std::string checksum;
};

// Those still to apply, or why this program can't use this database (naming both versions and what to do).
Result<std::vector<Migration>> pending(std::span<const Migration> ordered, std::span<const Applied> applied);

}  // namespace slipway::store
