// POST /api/models/:id/jobs and /api/jobs: files that are scored row by row. Handlers run on the pool; listeners to events hold no thread.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <future>

#include "slipway/http/page.hpp"
#include "slipway/http/push.hpp"
#include "slipway/platform/jobs/jobs.hpp"
#include "slipway/platform/jobs/output.hpp"

namespace slipway::jobs {
namespace {

std::optional<Format> format_of_type(std::string_view type) {
  std::string lower(type);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (lower == "text/csv") return Format::csv;
  if (lower == "application/x-ndjson" || lower == "application/ndjson" || lower == "application/jsonl") return Format::ndjson;
  if (lower == "application/x-npy") return Format::npy;
  return std::nullopt;
}

Result<bool> read_flag(const http::Request& request, const char* name) {
  const auto text = request.query(name);
  if (!text || *text == "false") return false;
  if (*text == "true") return true;
  return Error(ErrorCode::bad_request, "the job can't be made so").at(name, "is true or false");
}

// ?format=, else the first of ours that Accept names, else what the input is where the model's answers can be that.
Result<Format> wanted_format(const http::Request& request, const Schema& schema, const Wish& wish) {
  if (const auto name = request.query("format")) {
    const auto format = format_from(*name);
    if (!format) return Error(ErrorCode::bad_request, "the format is not known").at("format", "is csv, ndjson or npy");
    return *format;
  }
  std::string_view accept = request.header("accept").value_or("");
  while (!accept.empty()) {
    const std::size_t comma = std::min(accept.find(','), accept.size());
    std::string_view one = accept.substr(0, std::min(accept.find(';'), comma));
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (const auto format = format_of_type(one)) return *format;
    accept.remove_prefix(std::min(comma + 1, accept.size()));
  }
  return natural_output(schema, wish.input, wish.skip_wrong);
}

Result<Wish> read_wish(const http::Request& request, const Schema& schema) {
  Wish wish;
  const auto input = format_of_type(request.content_type());
  if (!input) return Error(ErrorCode::unsupported_media_type, "a job takes text/csv, application/x-ndjson or application/x-npy");
  wish.input = *input;
  const std::string on_error = request.query("on_error").value_or("fail");
  if (on_error != "fail" && on_error != "skip") return Error(ErrorCode::bad_request, "the job can't be made so").at("on_error", "is fail or skip");
  wish.skip_wrong = on_error == "skip";
  wish.include_input = TRY(read_flag(request, "include_input"));
  wish.result = TRY(wanted_format(request, schema, wish));
  TRY(check_output(schema, wish.result, wish.skip_wrong));
  if (wish.include_input && (wish.input != Format::csv || wish.result != Format::csv))
    return Error(ErrorCode::bad_request, "the input's columns are repeated from CSV into CSV only").at("include_input", "needs CSV both ways");
  if (wish.input == Format::csv && schema.features.empty())
    return Error(ErrorCode::invalid_input, "CSV is for models with named columns; this one takes tensors: send JSON lines or npy");
  return wish;
}

class JobSink final : public http::BodySink {
 public:
  JobSink(Jobs& jobs, std::unique_ptr<Upload> upload, limits::GrantPtr grant) : jobs_(jobs), grant_(std::move(grant)), upload_(std::move(upload)) {}
  Status write(std::span<const std::byte> bytes) override { return upload_->write(bytes); }
  void finish(http::Responder responder) override {
    auto job = upload_->finish();
    if (!job.ok()) return responder.send(job.error());
    responder.send(http::Response::json(jobs_.describe(*job).dump(), 201).with("Location", "/api/jobs/" + job->id));
  }

 private:
  Jobs& jobs_;
  const limits::GrantPtr grant_;  // a request, as long as the upload lasts
  std::unique_ptr<Upload> upload_;
};

// To make a job is one request; its rows and bytes are charged as they are scored.
Result<limits::GrantPtr> count_request(Jobs& jobs, const http::Request& request, const std::string& model_id) {
  constexpr Millis kLease{600'000};
  const http::Principal& who = *request.principal;
  const auto grant = TRY(jobs.limiter().admit({who.user_id, who.limited_as(), model_id}, 0));
  if (grant == nullptr) return grant;
  const auto settled = std::make_shared<std::promise<Status>>();
  auto future = settled->get_future();
  jobs.limiter().settle(grant, 0, kLease, request.loop, [settled](Status status) { settled->set_value(std::move(status)); });
  TRY(future.get());  // a few milliseconds, and only when limits are shared: the store answers or is given up
  return grant;
}

Result<std::unique_ptr<http::BodySink>> create(Jobs& jobs, models::Registry& registry, http::Request& request) {
  const auto model = TRY(registry.visible(*request.principal, request.param("id")));
  if (!model->served()) return Error(ErrorCode::model_not_ready, "the model is " + model->status + "; it can be asked when it is ready");
  const Wish wish = TRY(read_wish(request, model->codec->schema()));
  auto grant = TRY(count_request(jobs, request, model->model_id));
  auto upload = TRY(jobs.begin(*request.principal, *model, wish));
  return std::unique_ptr<http::BodySink>(std::make_unique<JobSink>(jobs, std::move(upload), std::move(grant)));
}

Result<http::Response> list(Jobs& jobs, http::Request& request) {
  const http::Principal& who = *request.principal;
  JobQuery query;
  query.page = TRY(http::read_page(request));
  const std::int64_t limit = query.page.limit++;  // one more tells whether there is a next page
  if (!(who.admin() && request.query("all") == "true")) query.owner_id = who.user_id;
  query.model_id = request.query("model_id").value_or("");
  query.status = request.query("status").value_or("");
  auto rows = TRY(jobs.database().read([&](store::Session& s) { return list_jobs(s, query); }));
  json::Value next;
  if (static_cast<std::int64_t>(rows.size()) > limit) {
    rows.pop_back();
    next = http::cursor_of(rows.back().created_at, rows.back().id);
  }
  json::Array items;
  for (const JobRow& row : rows) {
    if (!who.may_use(row.model_id)) continue;
    const LivePtr now = jobs.live(row.id);
    items.push_back(jobs.describe(now && !is_over(row.status) ? now->row() : row));
  }
  return http::Response::json(json::object({{"items", std::move(items)}, {"next", next}}).dump());
}

Result<http::Response> details(Jobs& jobs, http::Request& request) {
  return http::Response::json(jobs.describe(TRY(jobs.find(*request.principal, request.param("id")))).dump());
}

Result<http::Response> events(Jobs& jobs, http::Request& request) {
  const JobRow job = TRY(jobs.find(*request.principal, request.param("id")));
  if (request.header("last-event-id") == kEndEventId) return http::Response::empty();  // a browser asks again and again unless it is told
  http::Response response = http::Response::make(200, "text/event-stream", "");
  response.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  const LivePtr live = jobs.live(job.id);
  if (live == nullptr)
    response.body = event_text(TRY(jobs.find(*request.principal, job.id)), -1, jobs.options().retention_ms);
  else
    response.push = TRY(jobs.feed().listen(live));
  return response;
}

Result<http::Response> end(Jobs& jobs, http::Request& request) {
  const JobRow job = TRY(jobs.find(*request.principal, request.param("id")));
  const bool cancelled = TRY(jobs.end(job)) == Jobs::Ended::cancelled;
  return http::Response::json(json::object({{"id", job.id}, {"outcome", cancelled ? "cancelled" : "removed"}}).dump());
}

// ---- the result, whole or a range of it

class ResultSource final : public http::BodySource {
 public:
  ResultSource(const Jobs& jobs, JobRow job, std::string head, std::vector<PartRow> parts, std::uint64_t from, std::uint64_t bytes)
      : jobs_(jobs), job_(std::move(job)), head_(std::move(head)), parts_(std::move(parts)), at_(from), left_(bytes) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    if (left_ == 0) return std::size_t{0};
    std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_));
    std::size_t got = 0;
    if (at_ < head_.size()) {
      got = std::min(wanted, head_.size() - static_cast<std::size_t>(at_));
      std::memcpy(into.data(), head_.data() + at_, got);
    } else {
      std::uint64_t begin = head_.size();
      std::size_t i = 0;
      while (i < parts_.size() && at_ >= begin + static_cast<std::uint64_t>(parts_[i].bytes)) begin += static_cast<std::uint64_t>(parts_[i++].bytes);
      if (i == parts_.size()) return Error(ErrorCode::internal, "the result is shorter than its rows say");
      if (!reader_ || opened_ != i) reader_ = TRY(jobs_.open_part(job_, parts_[i]));
      opened_ = i;
      wanted = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, begin + static_cast<std::uint64_t>(parts_[i].bytes) - at_));
      got = TRY(reader_->read(at_ - begin, into.first(wanted)));
    }
    at_ += got;
    left_ -= got;
    return got;
  }

 private:
  const Jobs& jobs_;
  const JobRow job_;
  const std::string head_;
  const std::vector<PartRow> parts_;
  std::optional<store::SealedReader> reader_;
  std::size_t opened_ = 0;
  std::uint64_t at_, left_;
};

struct Range {
  std::uint64_t from = 0, bytes = 0;
};
enum class RangeKind { whole, part, outside };

bool read_number(std::string_view text, std::uint64_t& out) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  return !text.empty() && problem == std::errc{} && end == text.data() + text.size();
}

// One range of bytes (RFC 9110, 14.2). Several, another unit and nonsense are not served as ranges: the whole is.
RangeKind read_range(std::string_view text, std::uint64_t size, Range& out) {
  if (!text.starts_with("bytes=") || text.find(',') != std::string_view::npos) return RangeKind::whole;
  text.remove_prefix(6);
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return RangeKind::whole;
  std::uint64_t from = 0;
  std::uint64_t last = size == 0 ? 0 : size - 1;
  if (dash == 0) {
    if (!read_number(text.substr(1), last)) return RangeKind::whole;
    if (last == 0 || size == 0) return RangeKind::outside;
    out = {size - std::min(last, size), std::min(last, size)};
    return RangeKind::part;
  }
  if (!read_number(text.substr(0, dash), from)) return RangeKind::whole;
  if (dash + 1 < text.size() && !read_number(text.substr(dash + 1), last)) return RangeKind::whole;
  if (last < from && dash + 1 < text.size()) return RangeKind::whole;
  if (from >= size) return RangeKind::outside;
  out = {from, std::min(last, size - 1) - from + 1};
  return RangeKind::part;
}

http::Response outside(std::uint64_t size) {
  const json::Value body = json::object({{"type", "/errors/range-not-satisfiable"},
                                         {"title", "The range is not in the result"},
                                         {"status", 416},
                                         {"detail", "the result has " + std::to_string(size) + " bytes"}});
  return http::Response::make(416, "application/problem+json", body.dump()).with("Content-Range", "bytes */" + std::to_string(size));
}

Result<http::Response> result(Jobs& jobs, http::Request& request) {
  const JobRow job = TRY(jobs.find(*request.principal, request.param("id")));
  if (job.status != state::kDone) return Error(ErrorCode::conflict, "the job is " + job.status + "; there is a result when it is done");
  const Format format = format_from(job.result_format).value_or(Format::csv);
  std::string head = output_head(format, job.shape, job.rows_done);
  const std::uint64_t size = head.size() + static_cast<std::uint64_t>(job.result_size);
  const std::string tag = "\"" + job.id + "\"";  // a result is never changed
  if (request.header("if-none-match") == tag) return http::Response::empty(304).with("ETag", tag);
  Range range{0, size};
  RangeKind kind = RangeKind::whole;
  const auto if_range = request.header("if-range");
  if (const auto wanted = request.header("range"); wanted && (!if_range || *if_range == tag)) kind = read_range(*wanted, size, range);
  if (kind == RangeKind::outside) return outside(size);
  http::Response response = http::Response::make(kind == RangeKind::part ? 206 : 200, media_type(format), "");
  response.source_bytes = range.bytes;
  response.source = std::make_shared<ResultSource>(jobs, job, std::move(head), TRY(jobs.result_parts(job)), range.from, range.bytes);
  response.headers = {
      {"ETag", tag}, {"Accept-Ranges", "bytes"}, {"Content-Disposition", "attachment; filename=\"" + job.id + "." + job.result_format + "\""}};
  if (kind == RangeKind::part)
    response.headers.emplace_back(
        "Content-Range", "bytes " + std::to_string(range.from) + "-" + std::to_string(range.from + range.bytes - 1) + "/" + std::to_string(size));
  return response;
}

const std::string kExample =
    R"({"id":"job_01hf3k","model_id":"mdl_01hf3k","version":1,"status":"running","input_format":"csv","result_format":"csv","on_error":"fail","include_input":false,"rows_done":120000,"rows_failed":0,"rows_total":null,"bytes_done":4194304,"bytes_total":9437184,"row_errors":[],"created_at":"2026-11-24T10:00:00.000Z","started_at":"2026-11-24T10:00:01.000Z","ended_at":null,"expires_at":null})";

http::Route& add_create(http::RouteList& routes, Jobs& jobs, models::Registry& registry) {
  const std::vector<std::string> types = {"text/csv", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-npy"};
  return routes.add(
      http::Method::post, "/api/models/:id/jobs", http::Access::scope("predict"), http::Body::streamed(jobs.options().input_bytes_max, types),
      http::into_sink([&jobs, &registry](http::Request& request) { return create(jobs, registry, request); }),
      {.id = "createJob",
       .summary = "Score a file",
       .description = "CSV with a header line, JSON lines (each a row: an array, or an object by feature name) or an npy array. The file is taken "
                      "whole, then scored with the lowest priority by the version that is served now.",
       .query = {{"format", "of the result: csv, ndjson or npy; else by Accept, else as the input",
                  R"({"type":"string","enum":["csv","ndjson","npy"]})"},
                 {"on_error", "fail: a wrong row ends the job; skip: its result is empty", R"({"type":"string","enum":["fail","skip"]})"},
                 {"include_input", "the input's columns before the answers (CSV)", R"({"type":"boolean"})"}},
       .request_schema = R"({"type":"string","format":"binary"})",
       .responses = {{201, "the job, on disk and queued", kExample}},
       .errors = {ErrorCode::bad_request, ErrorCode::invalid_input, ErrorCode::model_not_ready, ErrorCode::rate_limited, ErrorCode::too_large,
                  ErrorCode::storage_full}});
}

}  // namespace

std::vector<http::Route> routes(Jobs& jobs, models::Registry& registry) {
  using http::Access;
  using http::Body;
  using http::Method;
  http::RouteList routes("jobs");
  add_create(routes, jobs, registry).timeout = Millis(24 * 3'600'000);  // a slow line may take its time; the rate has a bound of its own
  routes.add(Method::get, "/api/jobs", Access::scope("predict"), Body::none(), http::on_pool(jobs, list),
             {.id = "listJobs",
              .summary = "Jobs, newest first",
              .query = {{"limit", "1 to 200", R"({"type":"integer"})"},
                        {"cursor", "`next` of the page before"},
                        {"model_id", "of this model only"},
                        {"status", "queued, running, done, failed or cancelled"},
                        {"all", "true: of everybody (administrators)", R"({"type":"boolean"})"}},
              .responses = {{200, "a page", R"({"items":[)" + kExample + R"(],"next":null})"}},
              .errors = {ErrorCode::bad_request}});
  routes.add(Method::get, "/api/jobs/:id", Access::scope("predict"), Body::none(), http::on_pool(jobs, details),
             {.id = "getJob", .summary = "How far a job is", .responses = {{200, "the job", kExample}}});
  routes.add(Method::get, "/api/jobs/:id/events", Access::scope("predict"), Body::none(), http::on_pool(jobs, events),
             {.id = "jobEvents",
              .summary = "A job's progress as server-sent events",
              .description = "`progress` with the job whenever it has moved, `end` when it is over; then the stream ends. Comments keep it alive. "
                             "After a broken connection ask again: the first event says how far it is.",
              .responses = {{200, "events", "", "text/event-stream", R"({"type":"string"})"}, {204, "the end was heard before (Last-Event-ID: end)"}},
              .errors = {ErrorCode::overloaded, ErrorCode::rate_limited}});
  routes.add(Method::get, "/api/jobs/:id/result", Access::scope("predict"), Body::none(), http::on_pool(jobs, result),
             {.id = "jobResult",
              .summary = "A job's result",
              .description = "With Range (and If-Range) a download goes on where it broke off.",
              .responses = {{200, "the whole", "", "application/octet-stream", R"({"type":"string","format":"binary"})"},
                            {206, "the range that was asked for", "", "application/octet-stream", R"({"type":"string","format":"binary"})"},
                            {416, "the range is not in it", "", "application/problem+json", R"({"type":"object"})"}},
              .errors = {ErrorCode::conflict}});
  routes.add(
      Method::del, "/api/jobs/:id", Access::scope("predict"), Body::none(), http::on_pool(jobs, end),
      {.id = "endJob",
       .summary = "Cancel a job, or remove one that is over",
       .description = "A job that waits or runs is cancelled (`outcome` cancelled): it stays in the list, its bytes go. One that is done, failed "
                      "or cancelled is removed with its result (`outcome` removed).",
       .responses = {{200, "what was done", R"({"id":"job_01hf3k","outcome":"cancelled"})"}}});
  return std::move(routes).take();
}

}  // namespace slipway::jobs
