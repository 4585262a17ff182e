// The hidden subcommand: what this program does when it is started as the launcher of cells. No thread, no setting, no secret there.
#pragma once

namespace slipway::cli {

const char* launcher_command();
int run_launcher();

}  // namespace slipway::cli
