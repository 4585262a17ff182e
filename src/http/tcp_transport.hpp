// The Transport over a plain TCP socket. For server.cpp only: it shows Boost.Asio.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "slipway/http/transport.hpp"

namespace slipway::http {

std::unique_ptr<Transport> make_tcp_transport(boost::asio::ip::tcp::socket socket);

}  // namespace slipway::http
