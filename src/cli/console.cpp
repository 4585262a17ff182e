#include "console.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "slipway/base/encoding.hpp"

namespace slipway::cli {
namespace {

constexpr std::size_t kSecretBytesMax = 64 << 10;

// Set while the echo is off. A plain object of static life, because a signal handler has to reach it.
termios saved_terminal;
volatile sig_atomic_t echo_is_off = 0;

void on_signal(int number) {
  if (echo_is_off != 0) ::tcsetattr(STDIN_FILENO, TCSANOW, &saved_terminal);
  ::_exit(128 + number);
}

void write_error(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

// Characters that a terminal shows, near enough: code points.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool is_dangerous(char32_t c) {
  if (c < 0x20) return c != '\n' && c != '\t';
  return (c >= 0x7F && c <= 0x9F) || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

// The code point at text[at] and its length; length 0 where the bytes are no UTF-8.
std::pair<char32_t, std::size_t> code_point(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (length == 0 || at + length > text.size() || !is_valid_utf8(text.substr(at, length))) return {0, 0};
  char32_t c = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) c = (c << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
  return {c, length};
}

Result<std::string> read_line() {
  std::string line;
  if (!std::getline(std::cin, line)) return Error(ErrorCode::bad_request, "nothing was entered");
  return line;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto [c, length] = code_point(text, at);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++at;
      continue;
    }
    if (is_dangerous(c)) {
      out += fmt::format("\\u{{{:x}}}", static_cast<std::uint32_t>(c));
    } else {
      out.append(text.substr(at, length));
    }
    at += length;
  }
  return out;
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string human_seconds(double seconds) {
  const auto whole = std::lround(std::clamp(seconds, 0.0, 360'000.0));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

json::Value problem_of(const Error& error) {
  // The client keeps the server's own document there: it knows more (request_id) than can be rebuilt.
  if (error.internal().starts_with('{')) {
    if (auto own = json::parse(error.internal()); own.ok() && own->find("status") != nullptr) return *own;
  }
  std::string name(error_name(error.code()));
  std::replace(name.begin(), name.end(), '_', '-');
  json::Value problem =
      json::object({{"type", "/errors/" + name}, {"title", error_title(error.code())}, {"status", error.status()}, {"detail", error.detail()}});
  json::Array fields;
  for (const FieldError& field : error.fields()) fields.push_back(json::object({{"pointer", field.pointer}, {"detail", field.detail}}));
  if (!fields.empty()) problem.set("errors", std::move(fields));
  return problem;
}

void end_on_signals() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

Console::Console(Environment environment) : environment_(std::move(environment)) {}

std::string Console::variable(std::string_view name) const {
  const auto found = environment_.find(name);
  return found == environment_.end() ? std::string() : found->second;
}

bool Console::coloured(bool on_stdout) const {
  return !no_color && variable("NO_COLOR").empty() && variable("TERM") != "dumb" && ::isatty(on_stdout ? STDOUT_FILENO : STDERR_FILENO) == 1;
}

void Console::print(std::string_view data) { std::fwrite(data.data(), 1, data.size(), stdout); }

void Console::print_json(const json::Value& document) {
  print(::isatty(STDOUT_FILENO) == 1 ? document.dump_pretty() : document.dump());
  print("\n");
}

void Console::say(std::string_view line) {
  if (quiet || json) return;
  write_error(std::string(line) + "\n");
}

void Console::next(std::string_view command) { say("next: " + std::string(command)); }

void Console::warn(std::string_view line) {
  if (json) return;
  write_error(mark(Mark::warning, false) + " " + printable(line) + "\n");
}

std::string Console::mark(Mark mark, bool on_stdout) const {
  static constexpr const char* kSigns[] = {"✓", "!", "✗"};
  static constexpr const char* kColours[] = {"32", "33", "31"};
  const auto i = static_cast<std::size_t>(mark);
  return coloured(on_stdout) ? fmt::format("\x1b[{}m{}\x1b[0m", kColours[i], kSigns[i]) : kSigns[i];
}

std::string Console::strong(std::string_view text, bool on_stdout) const {
  return coloured(on_stdout) ? fmt::format("\x1b[1m{}\x1b[0m", text) : std::string(text);
}

void Console::table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> cells;
  cells.push_back(head);
  for (const auto& row : rows) {
    cells.emplace_back();
    for (const auto& cell : row) cells.back().push_back(printable(cell));
  }
  std::vector<std::size_t> widths(head.size(), 0);
  for (const auto& row : cells) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  for (std::size_t r = 0; r < cells.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < cells[r].size(); ++i) {
      line += cells[r][i];
      if (i + 1 < cells[r].size()) line.append(widths[i] - width(cells[r][i]) + 2, ' ');
    }
    print((r == 0 ? strong(line, true) : line) + "\n");
  }
}

int Console::fail(const Error& error) {
  if (json) {
    write_error(problem_of(error).dump() + "\n");
    return kFailed;
  }
  const std::string& text = error.detail().empty() ? std::string(error_title(error.code())) : error.detail();
  std::string out = mark(Mark::bad, false) + " " + printable(text) + "\n";
  for (const FieldError& field : error.fields()) out += "    " + printable(field.pointer) + ": " + printable(field.detail) + "\n";
  if (error.retry_after_s()) out += fmt::format("    try again in {} s\n", *error.retry_after_s());
  write_error(out);
  return kFailed;
}

int Console::usage(std::string_view message) {
  if (json) {
    write_error(problem_of(Error(ErrorCode::bad_request, std::string(message))).dump() + "\n");
  } else {
    write_error("slipway: " + printable(message) + "\n");
  }
  return kUsage;
}

bool Console::can_ask() const { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1; }

bool Console::shows_progress() const { return !quiet && !json && ::isatty(STDERR_FILENO) == 1 && variable("TERM") != "dumb"; }

Result<std::string> Console::ask(std::string_view question) {
  write_error(std::string(question) + " ");
  return read_line();
}

Result<Secret> Console::ask_secret(std::string_view question) {
  if (::tcgetattr(STDIN_FILENO, &saved_terminal) != 0) return Error(ErrorCode::bad_request, "a secret can only be asked for on a terminal");
  termios silent = saved_terminal;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  // Silent before the question is there: whoever answers at once is neither echoed nor flushed away.
  echo_is_off = 1;
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  write_error(std::string(question) + " ");
  auto line = read_line();
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved_terminal);
  echo_is_off = 0;
  write_error("\n");
  return Secret(TRY(std::move(line)));
}

Result<Secret> Console::secret_from_stdin() {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error(ErrorCode::bad_request, "stdin can't be read");
    if (n == 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > kSecretBytesMax) return Error(ErrorCode::bad_request, "what came on stdin is too long for a secret");
  }
  ::explicit_bzero(buffer, sizeof buffer);
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) return Error(ErrorCode::bad_request, "nothing came on stdin");
  return Secret(std::move(text));
}

void Progress::show(const std::string& line) {
  if (!visible_) return;
  winsize size{};
  const std::size_t columns = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  std::string text = line;
  while (width(text) >= columns && !text.empty()) {
    do { text.pop_back(); } while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80);
  }
  write_error("\r" + text + "\x1b[K");
  drawn_ = true;
}

void Progress::clear() {
  if (drawn_) write_error("\r\x1b[K");
  drawn_ = false;
}

}  // namespace slipway::cli
