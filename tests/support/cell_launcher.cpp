// slipway_cell_test_launcher: a launcher for the engine's tests. Its import function does what the options say, good and bad.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "slipway/inference/cell/launcher.hpp"

static slipway::Status misbehave(const std::vector<slipway::inference::ImportInput>& files, std::string_view options, const slipway::TextSink& out) {
  auto is = [&](std::string_view what) { return options.find(what) != std::string_view::npos; };
  if (is("abort")) std::abort();
  if (is("throw")) throw std::runtime_error("as asked");
  if (is("spin")) {
    for (volatile unsigned i = 0;;) i = i + 1;
  }
  if (is("hog")) {
    std::vector<std::string> all;
    for (;;) all.emplace_back(16 << 20, 'x');
  }
  if (is("open")) return out(std::to_string(::open("/etc/passwd", O_RDONLY)));
  if (is("socket")) return out(std::to_string(::socket(AF_INET, SOCK_STREAM, 0)));
  std::string answer;
  for (const auto& f : files) answer += f.name + "=" + std::string(reinterpret_cast<const char*>(f.bytes.data()), f.bytes.size()) + ";";
  return out(answer);
}

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], slipway::inference::kLauncherCommand) == 0) return slipway::inference::launcher_main(misbehave);
  return 2;
}
