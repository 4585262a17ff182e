#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "slipway/base/encoding.hpp"
#include "slipway/http/chunked.hpp"
#include "slipway/http/multipart.hpp"
#include "slipway/http/request_head.hpp"

namespace slipway::http {
namespace {

// The error's name, or "ok", of a whole head; parsed into `head`.
std::string read_head(std::string_view bytes, RequestHead& head, HeadLimits limits = {}) {
  HeadScan scan;
  auto found = find_head(bytes, scan, limits);
  if (!found) return std::string(error_name(found.error().code()));
  if (!*found) return "incomplete";
  const Status parsed = parse_head(bytes.substr(0, **found), limits, head);
  return parsed ? "ok" : std::string(error_name(parsed.error().code()));
}
std::string read_head(std::string_view bytes) {
  RequestHead head;
  return read_head(bytes, head);
}

TEST(RequestHead, ReadsLineAndHeaders) {
  RequestHead head;
  ASSERT_EQ(
      read_head("POST /api/x?a=1&b=%20 HTTP/1.1\r\nHost: h:1\r\nContent-Length:  12 \r\nX-Request-Id: abc\r\nExpect: 100-Continue\r\n\r\nrest", head),
      "ok");
  EXPECT_EQ(head.method, Method::post);
  EXPECT_EQ(head.path, "/api/x");
  EXPECT_EQ(head.query, "a=1&b=%20");
  EXPECT_EQ(head.content_length, 12u);
  EXPECT_EQ(head.request_id, "abc");
  EXPECT_TRUE(head.keep_alive && head.expect_continue && !head.chunked);
  ASSERT_EQ(head.fields.size(), 4u);
  EXPECT_EQ(head.fields[1].value, "12");
}

TEST(RequestHead, IsFoundHoweverItIsCut) {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    HeadScan scan;
    for (std::size_t n = step;; n = std::min(n + step, bytes.size())) {
      auto found = find_head(std::string_view(bytes).substr(0, n), scan, {});
      ASSERT_TRUE(found.ok());
      if (n < bytes.size()) {
        ASSERT_FALSE(*found) << n;
        continue;
      }
      ASSERT_EQ(**found, bytes.size());
      break;
    }
  }
}

// A long method in front of a short target was taken when the head came whole, and refused when its line came in two pieces.
TEST(RequestHead, HasOneBoundForItsLineHoweverItIsCut) {
  HeadLimits limits;
  limits.target_bytes_max = 64;
  const std::string bytes = std::string(140, 'M') + " / HTTP/1.1\r\nHost: h\r\n\r\n";
  for (const std::size_t first : {std::size_t{1}, std::size_t{150}, bytes.size()}) {
    HeadScan scan;
    auto found = find_head(std::string_view(bytes).substr(0, first), scan, limits);
    if (found.ok() && !*found) found = find_head(bytes, scan, limits);
    ASSERT_FALSE(found.ok()) << first;
    EXPECT_EQ(found.error().code(), ErrorCode::target_too_long) << first;
  }
}

TEST(RequestHead, KnowsWhatKeepsAConnection) {
  RequestHead head;
  ASSERT_EQ(read_head("GET / HTTP/1.0\r\n\r\n", head), "ok");
  EXPECT_FALSE(head.keep_alive);
  ASSERT_EQ(read_head("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", head), "ok");
  EXPECT_TRUE(head.keep_alive);
  ASSERT_EQ(read_head("GET / HTTP/1.1\r\nHost: h\r\nConnection: te, close\r\n\r\n", head), "ok");
  EXPECT_FALSE(head.keep_alive);
}

TEST(RequestHead, TakesAnAbsoluteTargetOfItsOwnHostOnly) {
  RequestHead head;
  ASSERT_EQ(read_head("GET http://Host:80/p?q HTTP/1.1\r\nHost: host:80\r\n\r\n", head), "ok");
  EXPECT_EQ(head.path, "/p");
  EXPECT_EQ(read_head("GET http://other/p HTTP/1.1\r\nHost: host\r\n\r\n"), "bad_request");
  EXPECT_EQ(read_head("GET ftp://host/p HTTP/1.1\r\nHost: host\r\n\r\n"), "bad_request");
}

TEST(RequestHead, RefusesWhatTwoReadersCouldUnderstandDifferently) {
  const std::string host = "Host: h\r\n";
  const std::vector<std::string> hostile = {
      "POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 3\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Content-Length: 3, 3\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Content-Length: +3\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Content-Length: 0x3\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Content-Length:\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding : chunked\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "A: b\r\n folded\r\n\r\n",
      "GET / HTTP/1.1\r\n folded: x\r\n" + host + "\r\n",
      "GET / HTTP/1.1\r\n" + host + "A b: c\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + ": c\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "no colon\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + "A: b\rc\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + std::string("A: b\0c\r\n\r\n", 10),
      "GET / HTTP/1.1\r\n" + host + "A: b\n\r\n",
      "GET / HTTP/1.1\n" + host + "\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host + host + "\r\n",
      "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
      "GET / HTTP/2.0\r\n" + host + "\r\n",
      "GET / HTTP/1.1 \r\n" + host + "\r\n",
      "GET  / HTTP/1.1\r\n" + host + "\r\n",
      "GET /a b HTTP/1.1\r\n" + host + "\r\n",
      "GET /\x80 HTTP/1.1\r\n" + host + "\r\n",
      "GET /a#b HTTP/1.1\r\n" + host + "\r\n",
      "GET /%2 HTTP/1.1\r\n" + host + "\r\n",
      "GET /?q=%zz HTTP/1.1\r\n" + host + "\r\n",
      "GET * HTTP/1.1\r\n" + host + "\r\n",
      "GET\r\n" + host + "\r\n",
      "G(T / HTTP/1.1\r\n" + host + "\r\n",
      "CONNECT h:443 HTTP/1.1\r\n" + host + "\r\n",
      "\r\nGET / HTTP/1.1\r\n" + host + "\r\n",
      "\x16\x03\x01\x02",
      "POST / HTTP/1.1\r\n" + host + "Expect: 200-maybe\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n",
  };
  for (const std::string& bytes : hostile) EXPECT_EQ(read_head(bytes), "bad_request") << excerpt(bytes, 120);
}

TEST(RequestHead, RefusesWhatIsLargerThanTheLimits) {
  RequestHead head;
  const HeadLimits limits{.header_bytes_max = 1024, .headers_max = 3, .target_bytes_max = 100};
  EXPECT_EQ(read_head("GET /" + std::string(200, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", head, limits), "target_too_long");
  EXPECT_EQ(read_head("GET /" + std::string(500, 'a'), head, limits), "target_too_long");
  EXPECT_EQ(read_head("GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(1024, 'a'), head, limits), "headers_too_large");
  EXPECT_EQ(read_head("GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(1024, 'a') + "\r\n\r\n", head, limits), "headers_too_large");
  EXPECT_EQ(read_head("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", head, limits), "headers_too_large");
  EXPECT_EQ(read_head("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n\r\n", head, limits), "ok");
}

// Feeds pieces of `step` bytes; the content, or "error". `left`: bytes behind the end.
std::string unchunk(std::string_view bytes, std::size_t step, std::size_t* left = nullptr) {
  ChunkedReader reader;
  std::string out;
  std::size_t at = 0;
  while (at < bytes.size()) {
    std::string_view piece = bytes.substr(at, step);
    at += piece.size();
    while (!piece.empty()) {
      auto got = reader.next(piece);
      if (!got) return "error";
      out += got->data;
      piece.remove_prefix(got->taken);
      if (got->done) {
        if (left != nullptr) *left = piece.size() + bytes.size() - at;
        return out;
      }
    }
  }
  return "incomplete";
}

TEST(Chunked, ReadsBodiesHoweverTheyAreCut) {
  const std::string bytes = "5\r\nhello\r\n00A;name=\"value\"\r\n0123456789\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\nGET";
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    std::size_t left = 0;
    EXPECT_EQ(unchunk(bytes, step, &left), "hello0123456789");
    EXPECT_EQ(left, 3u);
  }
}

TEST(Chunked, RefusesMalformedFraming) {
  for (const std::string bytes : {"x\r\n", "\r\n", "-1\r\n", "0x5\r\nhello\r\n", "5\nhello\r\n", "5\r\nhelloX\r\n", "5\r\nhello\n", "5 \r\nhello\r\n",
                                  " 5\r\nhello\r\n", "1234567890abcdef\r\n", "5\rhello", "5;a\nb\r\nhello\r\n", "0\r\nT: x\n\r\n",
                                  "0\r\n folded\r\n\r\n", "0\r\n: x\r\n\r\n", "0\r\nT: \x01\r\n\r\n"}) {
    EXPECT_EQ(unchunk(bytes, bytes.size()), "error") << excerpt(bytes);
    EXPECT_EQ(unchunk(bytes, 1), "error") << excerpt(bytes);
  }
  EXPECT_EQ(unchunk("1;" + std::string(300, 'a') + "\r\nx\r\n", 1000), "error");
  EXPECT_EQ(unchunk("0\r\nT: " + std::string(9000, 'a') + "\r\n\r\n", 10000), "error");
  std::string many;
  for (int i = 0; i < 200; ++i) many += "1;" + std::string(200, 'a') + "\r\nx\r\n";
  EXPECT_EQ(unchunk(many, many.size()), "error");  // each is short, all together are not
}

class Collector : public PartReceiver {
 public:
  Status part_begin(const Part& part) override {
    log += "[" + part.name + "|" + part.file_name + "|" + part.content_type + "]";
    return ok();
  }
  Status part_data(std::span<const std::byte> bytes) override {
    log += as_text(bytes);
    ++blocks;
    return ok();
  }
  Status part_end() override {
    log += "<end>";
    return ok();
  }
  std::string log;
  std::size_t blocks = 0;
};

const std::string kForm =
    "--bnd\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nIris\r\n"
    "--bnd\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".pkl\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    "\r\n--bn\r\n--bndX is not\r--bnd\r\n-\r\n\r\n"
    "--bnd\r\nContent-Disposition: form-data; name=empty; filename=\"\"\r\n\r\n\r\n"
    "--bnd--\r\nepilogue";

// The same without the line that looks like a boundary followed by text, which is refused.
std::string good_form() {
  std::string form = kForm;
  form.replace(form.find("--bndX is not"), 13, "--bn-X is not");
  return form;
}

std::string run_form(std::string_view form, std::size_t step, std::string_view type = "multipart/form-data; boundary=bnd") {
  Collector collector;
  auto reader = MultipartReader::make(type, collector);
  if (!reader) return std::string(error_name(reader.error().code()));
  for (std::size_t at = 0; at < form.size(); at += step) {
    const Status fed = reader->feed(as_bytes(form.substr(at, step)));
    if (!fed) return std::string(error_name(fed.error().code()));
  }
  const Status end = reader->end();
  return end ? collector.log : std::string(error_name(end.error().code()));
}

TEST(Multipart, ReadsPartsHoweverTheyAreCut) {
  const std::string form = good_form();
  const std::string expected =
      "[name||]Iris<end>[file|a \"b\".pkl|application/octet-stream]\r\n--bn\r\n--bn-X is not\r--bnd\r\n-\r\n<end>[empty||]<end>";
  for (std::size_t step = 1; step <= form.size(); ++step) ASSERT_EQ(run_form(form, step), expected) << step;
  for (std::size_t cut = 0; cut <= form.size(); ++cut) {
    Collector collector;
    auto reader = std::move(MultipartReader::make("Multipart/Form-Data; charset=x; boundary=\"bnd\"", collector)).value();
    ASSERT_TRUE(reader.feed(as_bytes(std::string_view(form).substr(0, cut))).ok());
    ASSERT_TRUE(reader.feed(as_bytes(std::string_view(form).substr(cut))).ok());
    ASSERT_TRUE(reader.end().ok());
    ASSERT_EQ(collector.log, expected) << cut;
  }
  EXPECT_EQ(run_form("preamble\r\n" + form, 7), expected);
}

TEST(Multipart, RefusesABodyThatEndsEarly) {
  const std::string form = good_form();
  const std::size_t closing = form.find("--bnd--");
  for (std::size_t n = 0; n < closing + 7; ++n) ASSERT_EQ(run_form(form.substr(0, n), 5), "bad_request") << n;
}

TEST(Multipart, RefusesBadBoundaries) {
  EXPECT_EQ(run_form(kForm, 10), "bad_request");
  EXPECT_EQ(run_form("", 1, "multipart/form-data"), "bad_request");
  EXPECT_EQ(run_form("", 1, "multipart/form-data; boundary="), "bad_request");
  EXPECT_EQ(run_form("", 1, "multipart/form-data; boundary=a; boundary=b"), "bad_request");
  EXPECT_EQ(run_form("", 1, "multipart/form-data; boundary=\"a\\\"b\""), "bad_request");
  EXPECT_EQ(run_form("", 1, "multipart/form-data; boundary=" + std::string(71, 'a')), "bad_request");
  EXPECT_EQ(run_form("", 1, "multipart/mixed; boundary=a"), "unsupported_media_type");
  EXPECT_EQ(run_form("", 1, "application/json"), "unsupported_media_type");
}

std::string with_headers(std::string_view headers, std::string_view content = "x") {
  return "--bnd\r\n" + std::string(headers) + "\r\n\r\n" + std::string(content) + "\r\n--bnd--";
}

TEST(Multipart, RefusesMalformedParts) {
  EXPECT_EQ(run_form(with_headers("Content-Type: a/b"), 9), "bad_request");
  EXPECT_EQ(run_form(with_headers("Content-Disposition: attachment; name=a"), 9), "bad_request");
  EXPECT_EQ(run_form(with_headers("Content-Disposition: form-data; name=\"a"), 9), "bad_request");
  EXPECT_EQ(run_form(with_headers("Content-Disposition: form-data; name=\"\xff\""), 9), "bad_request");
  EXPECT_EQ(run_form(with_headers(std::string("Content-Disposition: form-data; name=\"a\0\"", 41)), 9), "bad_request");
  EXPECT_EQ(run_form(with_headers("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64"), 9), "bad_request");
  EXPECT_EQ(run_form(with_headers("Content-Disposition: form-data; name=a\r\n folded"), 9), "bad_request");
  EXPECT_EQ(run_form(with_headers("X: " + std::string(9000, 'a')), 100), "bad_request");
  EXPECT_EQ(run_form("--bndx\r\n", 3), "bad_request");
  EXPECT_EQ(run_form("--bnd-x", 3), "bad_request");
  EXPECT_EQ(run_form(std::string(20000, 'p'), 1000), "bad_request");  // a preamble without end
  std::string many;
  for (int i = 0; i < 65; ++i) many += "--bnd\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n";
  EXPECT_EQ(run_form(many + "--bnd--", 1000), "bad_request");
}

TEST(Multipart, LimitsTextFieldsButNotFiles) {
  const std::string big(70'000, 'x');
  EXPECT_EQ(run_form(with_headers("Content-Disposition: form-data; name=a", big), 1000), "too_large");
  EXPECT_EQ(run_form(with_headers("Content-Disposition: form-data; name=a; filename=f", big), 1000), "[a|f|]" + big + "<end>");
}

TEST(Multipart, IsLinearInWhatLooksLikeABoundary) {
  std::string content;
  for (int i = 0; i < 20'000; ++i) content += "\r\n--" + std::string(60, '-');  // 1.3 MB of almost-boundaries
  const std::string type = "multipart/form-data; boundary=" + std::string(69, '-') + "x";
  const std::string boundary = "--" + std::string(69, '-') + "x";
  const std::string form = boundary + "\r\nContent-Disposition: form-data; name=a; filename=f\r\n\r\n" + content + "\r\n" + boundary + "--";
  EXPECT_EQ(run_form(form, 4096, type).size(), content.size() + std::string("[a|f|]<end>").size());
}

}  // namespace
}  // namespace slipway::http
