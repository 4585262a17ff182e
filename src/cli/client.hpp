// Client: a server's REST interface, through libcurl. An answer that is not 2xx is an Error made from its problem document; the document
// itself is kept in Error::internal(), for --json. Blocking, single-threaded.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "console.hpp"
#include "credentials.hpp"

namespace slipway::cli {

struct UploadPart {
  std::string name;       // of the field
  std::string text;       // its content, when there is no file
  std::string path;       // streamed from the disk; "-": stdin
  std::string file_name;  // what the server is told
};

struct Transferred {
  std::uint64_t sent = 0, total = 0;  // bytes; total 0: not known
};

class Client {
 public:
  explicit Client(Credentials server);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // A body of JSON, or null for 204. `path` starts with /api.
  Result<json::Value> get(const std::string& path);
  Result<json::Value> post(const std::string& path, const json::Value& body);
  Result<json::Value> remove(const std::string& path);
  Result<std::string> post_raw(const std::string& path, std::string_view content_type, std::string_view body);
  Result<json::Value> upload(const std::string& path, const std::vector<UploadPart>& parts, const std::function<void(Transferred)>& progress);

  // A file as the body, streamed from the disk. progress: false ends it.
  Result<json::Value> send_file(const std::string& path, std::string_view content_type, const std::string& file,
                                const std::function<bool(Transferred)>& progress);
  // A body piece by piece, from this byte on. receive: false ends it. `unavailable`: it broke off, and may go on from where it is.
  Status fetch(const std::string& path, std::uint64_t from, const std::function<bool(std::string_view)>& receive);

  Result<json::Array> items(const std::string& path);  // of all pages of a list; path has a query
  // All models (cursor pages are followed), or the one that MODEL, an id or an exact name, means.
  Result<json::Array> models();
  Result<json::Value> model(const std::string& id_or_name);

  void use_token(Secret token) { server_.key = std::move(token); }
  const Credentials& server() const { return server_; }

 private:
  struct Request;
  Result<std::string> perform(Request& request);
  Result<json::Value> perform_json(Request& request);
  Credentials server_;
  void* curl_ = nullptr;
};

std::string escape_path(std::string_view text);  // one part of a path or a query value
// Credentials for a client command, and a warning when the key would travel in the clear.
Result<std::unique_ptr<Client>> connect(Console& console, const std::string& url_flag);

}  // namespace slipway::cli
