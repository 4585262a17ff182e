// The Boost.Asio side of a Loop, for the one library that speaks to sockets (src/http). Loop's own thread only.
#pragma once

#include <boost/asio/io_context.hpp>

#include "slipway/os/loop.hpp"

namespace slipway::os {

boost::asio::io_context& io_context(Loop& loop);

}  // namespace slipway::os
