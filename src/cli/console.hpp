// Console: how the program speaks. Data goes to stdout, talk to stderr; nothing is asked without a terminal; nothing is coloured that a
// person doesn't look at. Text that comes from files and servers is made harmless for a terminal first. Single-threaded.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "slipway/base/json.hpp"
#include "slipway/base/result.hpp"
#include "slipway/base/secret.hpp"
#include "slipway/base/settings.hpp"

namespace slipway::cli {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;  // the thing asked for failed
inline constexpr int kUsage = 2;   // it was asked for wrongly

enum class Mark { good, warning, bad };

class Console {
 public:
  explicit Console(Environment environment);

  bool json = false;      // --json: one document on stdout, errors as a problem document on stderr
  bool quiet = false;     // --quiet: no talk but errors
  bool no_color = false;  // --no-color

  const Environment& environment() const { return environment_; }
  std::string variable(std::string_view name) const;  // empty: not set

  void print(std::string_view data);                                                                    // stdout, as it is
  void print_json(const json::Value& document);                                                         // stdout; pretty on a terminal
  void say(std::string_view line);                                                                      // stderr, unless quiet or json
  void next(std::string_view command);                                                                  // stderr: what one would do now
  void warn(std::string_view line);                                                                     // stderr
  void table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows);  // stdout
  std::string mark(Mark mark, bool on_stdout) const;                                                    // "✓", coloured for that stream
  std::string strong(std::string_view text, bool on_stdout) const;

  int fail(const Error& error);         // stderr; kFailed
  int usage(std::string_view message);  // stderr; kUsage

  bool can_ask() const;         // stdin and stderr are a terminal
  bool shows_progress() const;  // stderr is one, and nobody asked for silence
  Result<std::string> ask(std::string_view question);
  Result<Secret> ask_secret(std::string_view question);
  static Result<Secret> secret_from_stdin();  // all of it, without the last line end

 private:
  bool coloured(bool on_stdout) const;
  Environment environment_;
};

// One line on a terminal that is drawn over itself; draws nothing elsewhere. Ends its line when it is destroyed.
class Progress {
 public:
  explicit Progress(bool visible) : visible_(visible) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void show(const std::string& line);
  void clear();

 private:
  bool visible_;
  bool drawn_ = false;
};

// Control characters, invalid UTF-8 and direction overrides become visible marks: a model file must not write to the terminal.
std::string printable(std::string_view text);
std::string human_bytes(std::uint64_t bytes);  // "12.3 MB"
std::string human_seconds(double seconds);     // "1:05"

// The problem document (RFC 9457) of an error; the server's own when the error came from there.
json::Value problem_of(const Error& error);

// SIGINT and SIGTERM end the program with 130 and 143, and give the terminal its echo back. Not for `serve`, which drains.
void end_on_signals();

}  // namespace slipway::cli
