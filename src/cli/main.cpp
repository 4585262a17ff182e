// The program: the table of commands. A cell's launcher branches off before anything else exists.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "cell_launcher.hpp"
#include "command.hpp"

namespace slipway::cli {

const std::vector<Command>& commands() {
  static const std::vector<Command> table = {
      {"serve", "The platform", "run the server", declare_serve},
      {"doctor", "The platform", "check this machine and the data directory", declare_doctor},
      {"config", "The platform", "show the settings in force and where each came from", declare_config},
      {"user", "The platform", "add, list, disable and reset the users of a data directory", declare_user},
      {"inspect", "Model files, without a server", "what a model file is, what is inside, whether it can be served", declare_inspect},
      {"convert", "Model files, without a server", "write a model file as ONNX", declare_convert},
      {"predict", "Model files, without a server", "predict with a model file, or with a model of the server", declare_predict},
      {"login", "Talking to a server", "make an API key for this machine and keep it", declare_login},
      {"push", "Talking to a server", "upload a model file and make it an endpoint", declare_push},
      {"models", "Talking to a server", "list the models", declare_models, "ls"},
      {"jobs", "Talking to a server", "list and cancel the files that the server scores", declare_jobs},
      {"rm", "Talking to a server", "delete a model", declare_rm},
      {"keys", "Talking to a server", "list, make, revoke and rotate API keys", declare_keys},
      {"version", "About", "versions of the program and its parts", declare_version},
      {"completion", "About", "completion for bash, zsh or fish", declare_completion},
      {"help", "About", "help on a command, or on: environment, exit-codes, formats", declare_help},
      {"logs", "", "follow the server's log", declare_later},
      {"stats", "", "requests and latency of models", declare_later},
      {"migrate", "", "bring the database to this program's version", declare_later},
      {"backup", "", "write a backup of a data directory", declare_later},
      {"restore", "", "restore a backup", declare_later},
  };
  return table;
}

}  // namespace slipway::cli

int main(int argc, char** argv) {
  ::setenv("ORT_DISABLE_TELEMETRY", "1", 1);  // before anything of ONNX Runtime can run, here and in every child
  if (argc == 2 && std::string_view(argv[1]) == slipway::cli::launcher_command()) return slipway::cli::run_launcher();

  ::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of the write, seen below
  slipway::cli::Console console(slipway::process_environment());
  int code = slipway::cli::kFailed;
  try {
    code = slipway::cli::run(std::vector<std::string>(argv + 1, argv + argc), console);
  } catch (const std::exception& e) {
    code = console.fail(slipway::Error(slipway::ErrorCode::internal, std::string("an error nobody expected: ") + e.what()));
  }
  // A reader that has seen enough (`| head`) is fine; a full disk is not.
  if (std::fflush(stdout) != 0 && errno != EPIPE && code == slipway::cli::kOk) {
    code = console.fail(slipway::Error(slipway::ErrorCode::storage_full, "stdout can't be written to"));
  }
  return code;
}
