#include "slipway/importers/foreign.hpp"

#include <algorithm>
#include <unordered_set>

namespace slipway::importers {
namespace {

using pickle::Kind;
using pickle::View;

constexpr std::size_t kVisitsMax = 2'000'000;
constexpr std::size_t kPathMax = 400;
constexpr std::size_t kOthersMax = 600;  // bytes

// Modules that give a file nothing but power over the machine that loads it.
constexpr std::string_view kModules[] = {"os",
                                         "posix",
                                         "nt",
                                         "subprocess",
                                         "_posixsubprocess",
                                         "commands",
                                         "popen2",
                                         "pty",
                                         "socket",
                                         "_socket",
                                         "ssl",
                                         "http",
                                         "urllib",
                                         "urllib2",
                                         "requests",
                                         "ftplib",
                                         "smtplib",
                                         "imaplib",
                                         "telnetlib",
                                         "shutil",
                                         "sys",
                                         "importlib",
                                         "imp",
                                         "runpy",
                                         "code",
                                         "codeop",
                                         "pdb",
                                         "bdb",
                                         "cProfile",
                                         "profile",
                                         "timeit",
                                         "trace",
                                         "marshal",
                                         "ctypes",
                                         "_ctypes",
                                         "cffi",
                                         "webbrowser",
                                         "pip",
                                         "ensurepip",
                                         "venv",
                                         "asyncio",
                                         "multiprocessing",
                                         "concurrent",
                                         "threading",
                                         "_thread",
                                         "signal",
                                         "resource",
                                         "tempfile",
                                         "pathlib",
                                         "glob",
                                         "fileinput",
                                         "zipfile",
                                         "tarfile",
                                         "sqlite3",
                                         "pkgutil",
                                         "zipimport",
                                         "site",
                                         "idlelib",
                                         "lib2to3",
                                         "distutils",
                                         "setuptools",
                                         "pydoc",
                                         "doctest",
                                         "unittest",
                                         "uuid",
                                         "_pyrepl",
                                         "_osx_support",
                                         "_aix_support",
                                         "logging.config",
                                         "linecache",
                                         "shelve",
                                         "dbm",
                                         "mailcap",
                                         "platform",
                                         "cgitb",
                                         "wsgiref",
                                         "xmlrpc",
                                         "socketserver",
                                         "mmap",
                                         "fcntl",
                                         "readline",
                                         "rlcompleter",
                                         "xdrlib",
                                         "aifc",
                                         "tkinter",
                                         "turtle",
                                         "curses",
                                         "nturl2path",
                                         "mimetypes",
                                         "netrc",
                                         "nntplib",
                                         "poplib",
                                         "py_compile",
                                         "compileall",
                                         "zipapp",
                                         "crypt",
                                         "gc",
                                         "faulthandler",
                                         "tracemalloc",
                                         "torch.hub",
                                         "torch.utils._config_module",
                                         "torch._dynamo",
                                         "torch.distributed.rpc",
                                         "torch.fx.experimental",
                                         "torch.utils.collect_env",
                                         "numpy.testing",
                                         "numpy.f2py",
                                         "numpy.distutils"};
constexpr std::string_view kBuiltins[] = {"eval",   "exec", "execfile", "compile", "__import__", "open", "input", "breakpoint", "globals",
                                          "locals", "vars", "file",     "reload",  "apply",      "exit", "quit",  "help"};

// Functions of familiar libraries that read files or memory.
constexpr std::string_view kFunctions[] = {"numpy.memmap",
                                           "numpy.core.memmap.memmap",
                                           "numpy._core.memmap.memmap",
                                           "numpy.load",
                                           "numpy.fromfile",
                                           "numpy.lib.npyio.load",
                                           "joblib.load",
                                           "pickle.load",
                                           "pickle.loads",
                                           "_pickle.load",
                                           "_pickle.loads",
                                           "dill.load",
                                           "dill.loads",
                                           "dill._dill.load",
                                           "dill._dill.loads",
                                           "cloudpickle.load",
                                           "cloudpickle.loads",
                                           "cloudpickle.cloudpickle.load",
                                           "cloudpickle.cloudpickle.loads",
                                           "skops.io.load",
                                           "io.open",
                                           "io.open_code",
                                           "io.FileIO",
                                           "_io.open",
                                           "_io.open_code",
                                           "_io.FileIO",
                                           "torch.load",
                                           "torch.serialization.load",
                                           "numpy.savetxt",
                                           "numpy.save",
                                           "pandas.read_csv",
                                           "pandas.eval",
                                           "pandas.core.computation.eval.eval",
                                           "joblib.numpy_pickle.load",
                                           "pandas.read_pickle",
                                           "pandas.io.pickle.read_pickle"};

bool under(std::string_view module, std::string_view root) {
  return module.substr(0, root.size()) == root && (module.size() == root.size() || module[root.size()] == '.');
}

bool hostile(std::string_view module, std::string_view name) {
  if (std::any_of(std::begin(kModules), std::end(kModules), [&](auto root) { return under(module, root); })) return true;
  if (module != "builtins" && module != "__builtin__" && module != "__builtins__") return false;
  const std::string_view first = name.substr(0, name.find('.'));
  return std::find(std::begin(kBuiltins), std::end(kBuiltins), first) != std::end(kBuiltins);
}

// Roots of what honest model files name; the rest is listed beside a hostile name, since attacks are made of several.
bool familiar(const std::string& qualified) {
  static constexpr std::string_view kRoots[] = {"sklearn", "numpy",    "scipy",   "joblib",  "pandas",   "collections",
                                                "copyreg", "copy_reg", "_codecs", "xgboost", "lightgbm", "catboost"};
  return std::any_of(std::begin(kRoots), std::end(kRoots), [&](auto root) { return under(qualified, root); });
}

bool hostile(const std::string& qualified) {
  if (std::find(std::begin(kFunctions), std::end(kFunctions), qualified) != std::end(kFunctions)) return true;
  for (std::size_t dot = qualified.find('.'); dot != std::string::npos; dot = qualified.find('.', dot + 1)) {
    if (hostile(std::string_view(qualified).substr(0, dot), std::string_view(qualified).substr(dot + 1))) return true;
  }
  return false;
}

void push_children(const View& v, std::vector<View>& todo) {
  if (v.path().size() > kPathMax) return;
  for (std::size_t i = 0; i < v.size(); ++i) todo.push_back(v.at(i));
  for (std::size_t i = 0; i < v.entries(); ++i) {
    todo.push_back(v.key_at(i));
    todo.push_back(v.value_at(i));
  }
  if (!v.is(Kind::object)) return;
  for (std::size_t i = 0; i < v.arguments(); ++i) {
    if (auto argument = v.argument(i)) todo.push_back(std::move(*argument));
  }
  if (auto state = v.state()) todo.push_back(std::move(*state));
  for (const std::string& name : v.attributes()) {
    if (auto attribute = v.find(name)) todo.push_back(std::move(*attribute));
  }
}

// The first object or reference of the name that is reachable from the root.
std::optional<View> find_named(const View& root, const std::string& qualified) {
  std::unordered_set<std::uint32_t> seen;
  std::vector<View> todo{root};
  while (!todo.empty() && seen.size() < kVisitsMax) {
    View v = std::move(todo.back());
    todo.pop_back();
    if (!seen.insert(v.id()).second) continue;
    if ((v.is(Kind::object) || v.is(Kind::global)) && v.qualified_name() == qualified) return v;
    push_children(v, todo);
  }
  return std::nullopt;
}

}  // namespace

Status refuse_hostile_names(const pickle::Document& document) {
  for (const std::string& name : document.globals()) {
    if (!hostile(name)) continue;
    std::string where = "the file";
    if (const auto found = find_named(document.root(), name)) {
      where = (found->path().empty() ? std::string("the file") : found->path()) + " (at byte " + std::to_string(found->offset()) + ")";
    }
    std::string others;
    for (const std::string& other : document.globals()) {
      if (other != name && !familiar(other) && others.size() < kOthersMax) others += (others.empty() ? "" : ", ") + other;
    }
    if (!others.empty()) others = " (beside " + others + ")";
    return Error(ErrorCode::model_refused, where + " names " + name + others +
                                               ", which a loader would run; no model needs it. Nothing of it was run. "
                                               "Don't load this file elsewhere");
  }
  return ok();
}

}  // namespace slipway::importers
