#include "slipway/http/route.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "slipway/base/encoding.hpp"
#include "slipway/base/log.hpp"
#include "slipway/http/request_parts.hpp"

namespace slipway::http {
namespace {

constexpr std::array<std::string_view, 8> kMethods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", ""};

class FunctionTarget final : public Responder::Target {
 public:
  explicit FunctionTarget(std::function<void(Result<Response>)> receiver) : receiver_(std::move(receiver)) {}
  ~FunctionTarget() override { drop(); }
  void answer(Result<Response> result) override { receiver_(std::move(result)); }

 private:
  std::function<void(Result<Response>)> receiver_;
};

std::string decode_query(std::string_view raw) {
  std::string text(raw);
  std::replace(text.begin(), text.end(), '+', ' ');
  bool valid = true;
  return text.find('%') == std::string::npos ? text : percent_decode(text, valid);
}

}  // namespace

std::string_view method_name(Method method) { return kMethods[static_cast<std::size_t>(method)]; }

Method method_from(std::string_view name) {
  for (std::size_t i = 0; i + 1 < kMethods.size(); ++i) {
    if (kMethods[i] == name) return static_cast<Method>(i);
  }
  return Method::other;
}

bool Principal::has_scope(std::string_view scope) const {
  return kind == Kind::token || std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

bool Principal::may_use(std::string_view model_id) const {
  return models.empty() || std::find(models.begin(), models.end(), model_id) != models.end();
}

Request RequestParts::make(const RequestHead& head, std::string_view head_bytes, std::string_view request_id,
                           std::shared_ptr<const std::string> peer) {
  Request r;
  r.block_ = std::make_unique_for_overwrite<char[]>(head_bytes.size() + request_id.size());
  char* const base = r.block_.get();
  std::memcpy(base, head_bytes.data(), head_bytes.size());
  if (!request_id.empty()) std::memcpy(base + head_bytes.size(), request_id.data(), request_id.size());
  const auto moved = [&](std::string_view v) {
    return v.empty() ? std::string_view() : std::string_view(base + (v.data() - head_bytes.data()), v.size());
  };
  r.method_ = head.method;
  r.path_ = moved(head.path);
  r.query_ = moved(head.query);
  r.request_id_ = {base + head_bytes.size(), request_id.size()};
  r.headers_.reserve(head.fields.size());
  for (const HeaderView& f : head.fields) r.headers_.push_back({moved(f.name), moved(f.value)});
  r.peer_ = std::move(peer);
  return r;
}

Request Request::make(Method method, std::string_view target, std::vector<std::pair<std::string, std::string>> headers, std::string_view body) {
  std::string bytes(target);
  std::vector<std::pair<std::size_t, std::size_t>> at;
  for (const auto& [name, value] : headers) {
    at.emplace_back(bytes.size(), bytes.size() + name.size());
    bytes += name + value;
  }
  const std::string_view all = bytes;
  RequestHead head;
  head.method = method;
  head.path = all.substr(0, std::min(target.find('?'), target.size()));
  if (head.path.size() < target.size()) head.query = all.substr(head.path.size() + 1, target.size() - head.path.size() - 1);
  for (std::size_t i = 0; i < headers.size(); ++i) {
    head.fields.push_back({all.substr(at[i].first, headers[i].first.size()), all.substr(at[i].second, headers[i].second.size())});
  }
  Request r = RequestParts::make(head, all, "test", std::make_shared<const std::string>("127.0.0.1"));
  r.body = OwnedBytes(body);
  return r;
}

std::string_view Request::param(std::string_view name) const {
  for (const auto& [key, value] : params_) {
    if (key == name) return value;
  }
  return {};
}

void Request::set_param(std::string_view name, std::string value) {
  for (auto& [key, old] : params_) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  params_.emplace_back(name, std::move(value));
}

std::optional<std::string> Request::query(std::string_view name) const {
  std::string_view rest = query_;
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    const std::size_t equal = pair.find('=');
    if (decode_query(pair.substr(0, equal)) == name) {
      return equal == std::string_view::npos ? std::string() : decode_query(pair.substr(equal + 1));
    }
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return std::nullopt;
}

std::optional<std::string_view> Request::header(std::string_view name) const {
  for (const HeaderView& h : headers_) {
    if (equals_ignoring_case(h.name, name)) return h.value;
  }
  return std::nullopt;
}

std::string_view Request::content_type() const {
  const std::string_view value = header("content-type").value_or(std::string_view());
  return trim_blanks(value.substr(0, value.find(';')));
}

void Responder::Target::drop() noexcept {
  if (answered_.exchange(true)) return;
  try {
    answer(Error(ErrorCode::internal, "The request was not answered.").because("a responder was dropped without an answer"));
  } catch (const std::exception& e) { log::error("http.drop_failed", {{"what", e.what()}}); }
}

Responder Responder::to(std::function<void(Result<Response>)> receiver) { return Responder(std::make_shared<FunctionTarget>(std::move(receiver))); }

void Responder::send(Result<Response> result) const {
  if (target_ == nullptr || target_->answered_.exchange(true)) return;
  target_->answer(std::move(result));
}

}  // namespace slipway::http
