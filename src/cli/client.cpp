#include "client.hpp"

#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "slipway/base/clock.hpp"
#include "slipway/base/encoding.hpp"
#include "slipway/base/ids.hpp"

namespace slipway::cli {
namespace {

constexpr std::size_t kAnswerBytesMax = 1ULL << 30;
constexpr long kConnectTimeoutMs = 10'000;
constexpr long kTimeoutMs = 600'000;  // uploads excepted: they take as long as they take

struct SlistDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct MimeDeleter {
  void operator()(curl_mime* mime) const { curl_mime_free(mime); }
};

std::size_t take_answer(char* data, std::size_t, std::size_t n, void* to) {
  auto& body = *static_cast<std::string*>(to);
  if (body.size() + n > kAnswerBytesMax) return 0;
  body.append(data, n);
  return n;
}

std::size_t read_stdin(char* to, std::size_t size, std::size_t n, void*) {
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, to, size * n);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return CURL_READFUNC_ABORT;
  }
}

// A body that the caller takes piece by piece; what isn't the body asked for (a problem) is kept as an answer.
struct Receiving {
  CURL* curl = nullptr;
  std::string* answer = nullptr;
  const std::function<bool(std::string_view)>* receive = nullptr;
  long wanted_status = 200;
};

std::size_t take_piece(char* data, std::size_t, std::size_t n, void* to) {
  const auto& receiving = *static_cast<Receiving*>(to);
  long status = 0;
  curl_easy_getinfo(receiving.curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != receiving.wanted_status) return take_answer(data, 1, n, receiving.answer);
  return (*receiving.receive)(std::string_view(data, n)) ? n : 0;
}

std::size_t read_file(char* to, std::size_t size, std::size_t n, void* file) { return std::fread(to, size, n, static_cast<std::FILE*>(file)); }

int on_file_progress(void* to, curl_off_t, curl_off_t, curl_off_t total, curl_off_t sent) {
  const auto& progress = *static_cast<const std::function<bool(Transferred)>*>(to);
  return progress({static_cast<std::uint64_t>(sent), static_cast<std::uint64_t>(total)}) ? 0 : 1;
}

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

int on_progress(void* to, curl_off_t, curl_off_t, curl_off_t total, curl_off_t sent) {
  (*static_cast<const std::function<void(Transferred)>*>(to))({static_cast<std::uint64_t>(sent), static_cast<std::uint64_t>(total)});
  return 0;
}

Error transport_error(CURLcode code, const std::string& url, const char* detail) {
  std::string text = "no answer from " + url + ": " + (*detail != '\0' ? detail : curl_easy_strerror(code));
  if (code == CURLE_COULDNT_CONNECT) text += ". Is the server running? (slipway serve)";
  if (code == CURLE_PEER_FAILED_VERIFICATION) text += ". Its certificate isn't trusted on this machine";
  return Error(code == CURLE_OPERATION_TIMEDOUT ? ErrorCode::deadline_exceeded : ErrorCode::unavailable, std::move(text));
}

ErrorCode code_of_status(long status) {
  switch (status) {
    case 401: return ErrorCode::unauthenticated;
    case 403: return ErrorCode::forbidden;
    case 404: return ErrorCode::not_found;
    case 409: return ErrorCode::conflict;
    case 413: return ErrorCode::too_large;
    case 422: return ErrorCode::invalid_input;
    case 429: return ErrorCode::rate_limited;
    case 503: return ErrorCode::unavailable;
    case 504: return ErrorCode::deadline_exceeded;
    default: return status >= 500 ? ErrorCode::internal : ErrorCode::bad_request;
  }
}

// "/errors/model-refused" -> model_refused
std::optional<ErrorCode> code_of_type(std::string type) {
  type.erase(0, type.rfind('/') + 1);
  for (char& c : type) c = c == '-' ? '_' : c;
  return error_from_name(type);
}

Error problem_error(long status, const std::string& body, const std::string& url) {
  auto parsed = json::parse(body);
  if (!parsed.ok() || !parsed->is_object() || parsed->find("status") == nullptr) {
    return Error(code_of_status(status), fmt::format("{} answered {} without saying why; is it a slipway server?", url, status));
  }
  const json::Value& problem = *parsed;
  std::string detail = problem.string_or("detail", "");
  if (detail.empty()) detail = problem.string_or("title", "the server refused");
  if (status == 401) detail += ". Log in again: slipway login " + url;
  const std::string id = problem.string_or("request_id", "");
  if (status >= 500 && !id.empty()) detail += " (request " + id + ")";
  Error error(code_of_type(problem.string_or("type", "")).value_or(code_of_status(status)), std::move(detail));
  if (const json::Value* fields = problem.find("errors"); fields != nullptr && fields->is_array()) {
    for (const json::Value& field : fields->as_array()) error.add(field.string_or("pointer", ""), field.string_or("detail", ""));
  }
  return std::move(error).because(body);
}

}  // namespace

struct Client::Request {
  std::string method, path;
  std::string_view content_type, body;
  bool has_body = false;
  curl_mime* mime = nullptr;
  const std::function<void(Transferred)>* progress = nullptr;
  std::FILE* file = nullptr;  // instead of a body
  std::uint64_t file_bytes = 0;
  const std::function<bool(Transferred)>* file_progress = nullptr;
  const std::function<bool(std::string_view)>* receive = nullptr;  // the body goes there
  std::uint64_t from = 0;
};

Client::Client(Credentials server) : server_(std::move(server)) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  curl_ = curl_easy_init();
}

Client::~Client() { curl_easy_cleanup(curl_); }

Result<std::string> Client::perform(Request& request) {
  auto* curl = static_cast<CURL*>(curl_);
  if (curl == nullptr) return Error(ErrorCode::internal, "libcurl could not be started");
  const std::string url = server_.url + request.path;
  std::string answer;
  char problem[CURL_ERROR_SIZE] = "";
  curl_slist* list = curl_slist_append(nullptr, "Accept: application/json, application/problem+json");
  if (!server_.key.empty()) list = curl_slist_append(list, ("Authorization: Bearer " + std::string(server_.key.reveal())).c_str());
  if (request.has_body || request.file != nullptr) list = curl_slist_append(list, ("Content-Type: " + std::string(request.content_type)).c_str());
  list = curl_slist_append(list, "Expect:");
  const std::unique_ptr<curl_slist, SlistDeleter> headers(list);

  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);  // the key goes to the named server only
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "slipway/" SLIPWAY_VERSION);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  if (is_loopback(server_.url)) curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  Receiving receiving{curl, &answer, request.receive, request.from > 0 ? 206L : 200L};
  if (request.receive != nullptr) {
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_piece);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &receiving);
    if (request.from > 0) curl_easy_setopt(curl, CURLOPT_RANGE, (std::to_string(request.from) + "-").c_str());
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);  // bytes a second, over so many seconds: it has broken off
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
  } else if (request.file != nullptr) {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.file_bytes));
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_file);
    curl_easy_setopt(curl, CURLOPT_READDATA, request.file);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_file_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, request.file_progress);
  } else if (request.mime != nullptr) {
    curl_easy_setopt(curl, CURLOPT_MIMEPOST, request.mime);
  } else {
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, kTimeoutMs);
    if (request.has_body) {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  if (request.progress != nullptr) {
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, request.progress);
  }

  const CURLcode code = curl_easy_perform(curl);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  // A server that refuses early may close before all was sent: its answer says more than the broken pipe.
  if (code != CURLE_OK && (status < 400 || answer.empty())) return transport_error(code, server_.url, problem);
  if (status >= 300 && status < 400) {
    char* target = nullptr;
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &target);
    return Error(ErrorCode::bad_request,
                 server_.url + " sends on to " + std::string(target != nullptr ? target : "another place") + "; log in there instead");
  }
  if (status < 200 || status >= 300) return problem_error(status, answer, server_.url);
  return answer;
}

Result<json::Value> Client::perform_json(Request& request) {
  const std::string body = TRY(perform(request));
  if (body.empty()) return json::Value();
  auto parsed = json::parse(body);
  if (!parsed.ok()) return Error(ErrorCode::bad_request, server_.url + " answers, but not as a slipway server would");
  return parsed;
}

Result<json::Value> Client::get(const std::string& path) {
  Request request{.method = "GET", .path = path};
  return perform_json(request);
}

Result<json::Value> Client::remove(const std::string& path) {
  Request request{.method = "DELETE", .path = path};
  return perform_json(request);
}

Result<json::Value> Client::post(const std::string& path, const json::Value& body) {
  const std::string text = body.dump();
  Request request{.method = "POST", .path = path, .content_type = "application/json", .body = text, .has_body = true};
  return perform_json(request);
}

Result<std::string> Client::post_raw(const std::string& path, std::string_view content_type, std::string_view body) {
  Request request{.method = "POST", .path = path, .content_type = content_type, .body = body, .has_body = true};
  return perform(request);
}

Result<json::Value> Client::upload(const std::string& path, const std::vector<UploadPart>& parts, const std::function<void(Transferred)>& progress) {
  auto* curl = static_cast<CURL*>(curl_);
  const std::unique_ptr<curl_mime, MimeDeleter> mime(curl_mime_init(curl));
  for (const UploadPart& part : parts) {
    curl_mimepart* field = curl_mime_addpart(mime.get());
    curl_mime_name(field, part.name.c_str());
    if (part.path.empty()) {
      curl_mime_data(field, part.text.data(), part.text.size());
      continue;
    }
    CURLcode code = CURLE_OK;
    if (part.path == "-") {
      code = curl_mime_data_cb(field, -1, read_stdin, nullptr, nullptr, nullptr);
    } else {
      code = curl_mime_filedata(field, part.path.c_str());
    }
    if (code != CURLE_OK) return Error(ErrorCode::bad_request, part.path + " can't be read");
    curl_mime_filename(field, part.file_name.c_str());
    curl_mime_type(field, "application/octet-stream");
  }
  Request request{.method = "POST", .path = path, .mime = mime.get(), .progress = &progress};
  auto result = perform_json(request);
  curl_easy_setopt(curl, CURLOPT_MIMEPOST, nullptr);
  return result;
}

Result<json::Value> Client::send_file(const std::string& path, std::string_view content_type, const std::string& file,
                                      const std::function<bool(Transferred)>& progress) {
  const std::unique_ptr<std::FILE, FileCloser> opened(std::fopen(file.c_str(), "rbe"));
  struct stat facts{};
  if (!opened || ::fstat(::fileno(opened.get()), &facts) != 0) return Error(ErrorCode::bad_request, file + " can't be read: " + std::strerror(errno));
  if (!S_ISREG(facts.st_mode)) return Error(ErrorCode::bad_request, file + " is not a regular file");
  Request request{.method = "POST", .path = path, .content_type = content_type, .file = opened.get(), .file_progress = &progress};
  request.file_bytes = static_cast<std::uint64_t>(facts.st_size);
  return perform_json(request);
}

Status Client::fetch(const std::string& path, std::uint64_t from, const std::function<bool(std::string_view)>& receive) {
  Request request{.method = "GET", .path = path, .receive = &receive, .from = from};
  TRY(perform(request));
  return ok();
}

Result<json::Array> Client::models() { return items("/api/models?limit=100"); }

Result<json::Array> Client::items(const std::string& path) {
  json::Array all;
  std::string cursor;
  for (;;) {
    const json::Value page = TRY(get(path + (cursor.empty() ? "" : "&cursor=" + escape_path(cursor))));
    const json::Value* items = page.find("items");
    if (items == nullptr || !items->is_array()) return Error(ErrorCode::bad_request, server_.url + " answers, but not as a slipway server would");
    all.insert(all.end(), items->as_array().begin(), items->as_array().end());
    std::string next = page.string_or("next", "");
    if (next.empty() || next == cursor) return all;
    cursor = std::move(next);
  }
}

Result<json::Value> Client::model(const std::string& id_or_name) {
  if (is_id(id_or_name)) return get("/api/models/" + id_or_name);
  json::Array found;
  std::vector<std::string> names;
  for (json::Value& model : TRY(models())) {
    names.push_back(model.string_or("name", ""));
    if (names.back() == id_or_name) found.push_back(std::move(model));
  }
  if (found.size() == 1) return std::move(found.front());
  if (found.size() > 1) {
    std::string text = fmt::format("{} models are named \"{}\"; give the id:", found.size(), excerpt(id_or_name, 80));
    for (const json::Value& model : found) text += "\n    " + model.string_or("id", "");
    return Error(ErrorCode::conflict, text);
  }
  std::string text = "there is no model named \"" + excerpt(id_or_name, 80) + "\" on " + server_.url;
  if (const auto near = nearest(id_or_name, names)) text += "; did you mean \"" + *near + "\"?";
  return Error(ErrorCode::not_found, text);
}

std::string escape_path(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Result<std::unique_ptr<Client>> connect(Console& console, const std::string& url_flag) {
  Credentials server = TRY(find_credentials(console.environment(), url_flag));
  if (server.key.reveal().find_first_of("\r\n") != std::string_view::npos) return Error(ErrorCode::bad_request, "the key has a line break in it");
  if (server.url.starts_with("http://") && !is_loopback(server.url)) console.warn("the key travels unencrypted to " + server.url + "; use https://");
  const std::string now = to_rfc3339(system_clock().unix_ms());
  if (!server.expires_at.empty() && server.expires_at < now)
    console.warn("the key ended on " + server.expires_at.substr(0, 10) + "; log in again: slipway login " + server.url);
  return std::make_unique<Client>(std::move(server));
}

}  // namespace slipway::cli
