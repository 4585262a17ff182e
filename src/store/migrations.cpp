#include "slipway/store/migrations.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "slipway/base/encoding.hpp"

namespace slipway::store {
namespace {

constexpr std::array kStoreMigrations = {
    Migration{1, "keyring", R"sql(
CREATE TABLE keyring (
  id TEXT NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'decrypt-only', 'destroyed')),
  wrapped TEXT NOT NULL,
  created_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX keyring_active ON keyring (owner) WHERE state = 'active';
)sql"},
};

Error database_refused(std::string detail) { return Error(ErrorCode::unavailable, std::move(detail)); }

// Past the quote, comment or single character at `i`. Unclosed ones end with the text; SQLite will say so.
std::size_t skip_token(std::string_view sql, std::size_t i) {
  const auto past = [&](std::string_view end, std::size_t from) {
    const std::size_t found = sql.find(end, from);
    return found == std::string_view::npos ? sql.size() : found + end.size();
  };
  if (sql[i] == '\'') return past("'", i + 1);  // '' is two strings in a row: the same to us
  if (sql[i] == '"') return past("\"", i + 1);
  if (sql.substr(i, 2) == "--") return past("\n", i + 2);
  if (sql.substr(i, 2) == "/*") return past("*/", i + 2);
  return i + 1;
}

bool says_nothing(std::string_view sql) {
  for (std::size_t i = 0; i < sql.size(); i = skip_token(sql, i)) {
    const bool is_comment = sql.substr(i, 2) == "--" || sql.substr(i, 2) == "/*";
    if (!is_comment && std::string_view(" \t\r\n").find(sql[i]) == std::string_view::npos) return false;
  }
  return true;
}

}  // namespace

std::span<const Migration> store_migrations() { return kStoreMigrations; }

Result<std::vector<Migration>> ordered(std::span<const Migration> migrations) {
  std::vector<Migration> list(migrations.begin(), migrations.end());
  std::sort(list.begin(), list.end(), [](const Migration& a, const Migration& b) { return a.number < b.number; });
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].number < 1) return Error(ErrorCode::internal, "a migration's number is less than 1");
    if (i > 0 && list[i].number == list[i - 1].number)
      return Error(ErrorCode::internal, "two migrations have the number " + std::to_string(list[i].number) + ": " + std::string(list[i - 1].name) +
                                            " and " + std::string(list[i].name));
  }
  return list;
}

std::string checksum_of(const Migration& migration) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(migration.sql.data(), migration.sql.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return to_hex(std::as_bytes(std::span(digest.data(), size)));
}

std::vector<std::string_view> statements_of(std::string_view sql) {
  std::vector<std::string_view> statements;
  std::size_t begin = 0;
  const auto add = [&](std::size_t end) {
    const std::string_view statement = sql.substr(begin, end - begin);
    if (!says_nothing(statement)) statements.push_back(statement);
  };
  for (std::size_t i = 0; i < sql.size(); i = skip_token(sql, i)) {
    if (sql[i] != ';') continue;
    add(i);
    begin = i + 1;
  }
  add(sql.size());
  return statements;
}

Result<std::vector<Migration>> pending(std::span<const Migration> ordered, std::span<const Applied> applied) {
  const auto known = [&](int number) { return std::find_if(ordered.begin(), ordered.end(), [&](const Migration& m) { return m.number == number; }); };
  for (const Applied& a : applied) {
    const auto migration = known(a.number);
    if (migration == ordered.end())
      return database_refused("this database has had migration " + std::to_string(a.number) + " (" + a.name +
                              "), the newest that this program knows is " + std::to_string(ordered.empty() ? 0 : ordered.back().number) +
                              ": start the newer slipway again, or put back the copy of the database that was made before the upgrade (in backups/)");
    if (checksum_of(*migration) != a.checksum)
      return database_refused("migration " + std::to_string(a.number) + " (" + a.name +
                              ") is not the one that this database was built with: start the slipway that built it");
  }
  std::vector<Migration> missing;
  for (const Migration& m : ordered) {
    const bool done = std::any_of(applied.begin(), applied.end(), [&](const Applied& a) { return a.number == m.number; });
    if (!done) missing.push_back(m);
  }
  return missing;
}

}  // namespace slipway::store
