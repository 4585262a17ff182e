#include "slipway/http/tcp_transport.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>

namespace slipway::http {
namespace {

class TcpTransport final : public Transport {
 public:
  explicit TcpTransport(boost::asio::ip::tcp::socket socket) : socket_(std::move(socket)) {
    boost::system::error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  }

  void read(std::span<char> into, std::shared_ptr<TransportUser> user) override {
    socket_.async_read_some(boost::asio::buffer(into.data(), into.size()),
                            [user = std::move(user)](const boost::system::error_code& error, std::size_t n) {
                              const bool end = error == boost::asio::error::eof;
                              user->on_read(n, end, error && !end);
                            });
  }

  void write(Buffers buffers, std::shared_ptr<TransportUser> user) override {
    const std::array<boost::asio::const_buffer, 2> parts = {boost::asio::buffer(buffers[0].data(), buffers[0].size()),
                                                            boost::asio::buffer(buffers[1].data(), buffers[1].size())};
    socket_.async_write_some(
        parts, [user = std::move(user)](const boost::system::error_code& error, std::size_t n) { user->on_written(n, static_cast<bool>(error)); });
  }

  // Directly, without a turn of the loop: most answers fit into the socket's buffer.
  std::size_t try_write(Buffers buffers) override {
    ssize_t n = 0;
    if (buffers[1].empty()) {
      n = ::send(socket_.native_handle(), buffers[0].data(), buffers[0].size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
      std::array<iovec, 2> parts = {iovec{const_cast<char*>(buffers[0].data()), buffers[0].size()},
                                    iovec{const_cast<char*>(buffers[1].data()), buffers[1].size()}};
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = parts.size();
      n = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }

  void half_close() override {
    boost::system::error_code ignored;
    socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
  }

  void close() override {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

 private:
  boost::asio::ip::tcp::socket socket_;
};

}  // namespace

std::unique_ptr<Transport> make_tcp_transport(boost::asio::ip::tcp::socket socket) { return std::make_unique<TcpTransport>(std::move(socket)); }

}  // namespace slipway::http
