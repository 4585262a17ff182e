// What a forked cell does with its life. Each function enters the sandbox first, then serves, then leaves by _exit; none returns.
#pragma once

#include <string_view>
#include <vector>

#include "slipway/inference/cell/launcher.hpp"
#include "slipway/inference/wire.hpp"
#include "slipway/os/fd.hpp"

namespace slipway::inference {

[[noreturn]] void model_cell(const wire::ForkModel& order, std::vector<os::Fd> fds);
[[noreturn]] void import_cell(const wire::ForkImport& order, std::vector<os::Fd> fds, ImportFunction import);

}  // namespace slipway::inference
