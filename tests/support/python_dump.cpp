// slipway_python_dump: paths on standard input, one a line; on standard output for each the size of an answer and the answer: the dump of
// what the parser read, or "error: ...". With --why, the reasons of what is unsupported too. For tools/python_syntax.py.
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include "slipway/importers/python/dump.hpp"
#include "slipway/importers/python/parser.hpp"

int main(int argc, char** argv) {
  const bool why = argc > 1 && std::strcmp(argv[1], "--why") == 0;
  for (std::string path; std::getline(std::cin, path);) {
    std::ifstream file(path, std::ios::binary);
    const std::string source{std::istreambuf_iterator<char>(file), {}};
    const auto module = slipway::python::parse(source);
    std::string out = module.ok() ? slipway::python::dump(*module) : "error: " + module.error().detail();
    if (why && module.ok()) {
      out.clear();
      for (const auto* s : module->unsupported()) {
        const auto* u = s->as<slipway::python::Unsupported>();
        out += path + ": " + slipway::python::at_line(*module, u->fault, u->reason) + "\n";
      }
    }
    if (!why) std::cout << out.size() << "\n";
    std::cout << out << std::flush;
  }
  return 0;
}
