// slipway_load: an open-loop load generator for one route over HTTP/1.1, with any number of classes of traffic in one run. JSON on stdout.
//
//   slipway_load PORT PATH SECONDS CLASS...
//   CLASS: name=polite,key=KEY,body=FILE,type=application/json,connections=8,rate=500,arrivals=poisson
//
// rate above zero: open loop. Requests are due at times that don't depend on answers (arrivals=constant or poisson), and latency counts
// from when one was due: a request that waits because all connections are busy is late by that wait, too, so that a slow answer is not
// hidden by the requests that it kept from being sent (coordinated omission). rate=0: a flood; each connection asks again as soon as it
// has its answer, whatever the answer says. pipeline=N (with rate=0): so many requests at once on each connection.
// One thread. Ends SECONDS after its start and at most three seconds for outstanding answers later; what has no answer then is `unanswered`.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

constexpr std::chrono::seconds kPatience{3};       // for answers after the end
constexpr std::chrono::milliseconds kWarmup{500};  // answers of what was due before it are not counted
constexpr std::chrono::microseconds kSpin{200};    // nearer than this to the next due time the generator doesn't sleep: epoll counts in milliseconds
constexpr std::size_t kSamplesMax = 20'000'000;

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "slipway_load: %s\n", why.c_str());
  std::exit(2);
}

double milliseconds(Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

struct Sample {  // milliseconds
  float from_due, from_sent;
};

struct Sent {
  Time due, at;
  bool counted;
};

struct Class;

struct Connection {
  Class* of = nullptr;
  int fd = -1;
  bool polled = false, writable_wanted = false;
  std::deque<Sent> outstanding;
  std::string in, out;  // out: what didn't go at once
};

struct Class {
  std::string name, key, body, type = "application/json", arrivals = "constant", request;
  std::size_t connections = 1, pipeline = 1;
  double rate = 0;

  std::vector<std::unique_ptr<Connection>> all;
  std::vector<Connection*> free;  // the one that was used last is used first
  std::deque<Time> late;          // due, and no connection is free
  Time next_due{};
  std::mt19937_64 random{7};

  std::uint64_t due = 0, sent = 0, unanswered = 0, unsent = 0, broken = 0, connect_failures = 0, refused_without_retry_after = 0;
  std::map<int, std::uint64_t> statuses;
  std::vector<Sample> accepted, refused, failed;  // 2xx; 429 and 503; the rest
  double generator_lag_max_ms = 0;                // how late the generator itself was with what it could have sent

  Clock::duration gap() {
    const double mean = 1e9 / rate;
    const double ns = arrivals == "poisson" ? std::exponential_distribution<double>(1 / mean)(random) : mean;
    return std::chrono::nanoseconds(static_cast<std::int64_t>(ns));
  }
};

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("can't read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

template <class T>
T number(const std::string& name, const std::string& text) {
  T value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size() || value < T{0}) fail(name + " is no number: " + text);
  return value;
}

Class parse_class(const std::string& text, const std::string& path) {
  Class c;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t equal = part.find('=');
    if (equal == std::string::npos) fail("a class is written NAME=VALUE,...: " + part);
    const std::string name = part.substr(0, equal), value = part.substr(equal + 1);
    if (name == "name")
      c.name = value;
    else if (name == "key")
      c.key = value;
    else if (name == "body")
      c.body = read_file(value);
    else if (name == "type")
      c.type = value;
    else if (name == "connections")
      c.connections = number<std::size_t>(name, value);
    else if (name == "pipeline")
      c.pipeline = number<std::size_t>(name, value);
    else if (name == "rate")
      c.rate = number<double>(name, value);
    else if (name == "arrivals" && (value == "constant" || value == "poisson"))
      c.arrivals = value;
    else
      fail("unknown: " + part);
  }
  if (c.connections == 0 || c.pipeline == 0 || (c.rate > 0 && c.pipeline > 1))
    fail("connections and pipeline are above 0; pipeline goes with rate=0");
  c.request = "POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + c.key + "\r\nContent-Type: " + c.type +
              "\r\nContent-Length: " + std::to_string(c.body.size()) + "\r\n\r\n" + c.body;
  return c;
}

class Generator {
 public:
  Generator(std::uint16_t port, std::deque<Class> classes, double seconds)
      : port_(port), classes_(std::move(classes)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    ::prctl(PR_SET_TIMERSLACK, 1);
    for (Class& c : classes_) {
      for (std::size_t i = 0; i < c.connections; ++i) {
        c.all.push_back(std::make_unique<Connection>());
        c.all.back()->of = &c;
        if (!open(*c.all.back())) fail("can't connect to port " + std::to_string(port_));
      }
      for (auto& connection : c.all) c.free.push_back(connection.get());
    }
    begin_ = Clock::now();
    end_ = begin_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    for (Class& c : classes_) c.next_due = begin_ + (c.rate > 0 ? c.gap() : Clock::duration(0));
  }

  void run() {
    for (Class& c : classes_) {
      if (c.rate > 0) continue;
      c.free.clear();
      for (auto& connection : c.all) flood(*connection);
    }
    for (Time now = begin_; now < end_; now = Clock::now()) {
      for (Class& c : classes_) send_due(c, now);
      poll(timeout_ms(now));
    }
    for (Class& c : classes_) c.unsent = c.late.size();
    const Time over = end_ + kPatience;
    while (Clock::now() < over && outstanding() > 0) poll(10);
    for (Class& c : classes_) {
      for (auto& connection : c.all) c.unanswered += connection->outstanding.size();
    }
  }

  void report() {
    std::printf("{");
    for (std::size_t i = 0; i < classes_.size(); ++i) report(classes_[i], i == 0 ? "" : ",");
    std::printf("}\n");
  }

 private:
  bool open(Connection& c) {
    c.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port_);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (c.fd < 0 || ::connect(c.fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      ++c.of->connect_failures;
      if (c.fd >= 0) ::close(c.fd);
      c.fd = -1;
      return false;
    }
    const int on = 1;
    ::setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::fcntl(c.fd, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &c;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
    c.writable_wanted = false;
    return true;
  }

  void send_due(Class& c, Time now) {
    if (c.rate <= 0) return;
    for (; c.next_due <= now && c.next_due < end_; c.next_due += c.gap()) {
      ++c.due;
      if (c.late.empty() && !c.free.empty()) {
        c.generator_lag_max_ms = std::max(c.generator_lag_max_ms, milliseconds(Clock::now() - c.next_due));
        send(take_free(c), c.next_due);
      } else {
        c.late.push_back(c.next_due);
      }
    }
  }

  static Connection& take_free(Class& c) {
    Connection& connection = *c.free.back();
    c.free.pop_back();
    return connection;
  }

  void flood(Connection& c) {
    while (c.outstanding.size() < c.of->pipeline && Clock::now() < end_) {
      ++c.of->due;
      send(c, Clock::now());
      if (c.fd < 0) return;
    }
  }

  void send(Connection& c, Time due) {
    if (c.fd < 0 && !open(c)) {  // was closed by the server, and can't be opened again
      ++c.of->broken;
      c.of->free.insert(c.of->free.begin(), &c);
      return;
    }
    ++c.of->sent;
    c.outstanding.push_back({due, Clock::now(), due >= begin_ + kWarmup});
    c.out += c.of->request;
    flush(c);
  }

  void flush(Connection& c) {
    while (!c.out.empty()) {
      const ssize_t n = ::send(c.fd, c.out.data(), c.out.size(), MSG_NOSIGNAL);
      if (n <= 0) break;
      c.out.erase(0, static_cast<std::size_t>(n));
    }
    const bool wanted = !c.out.empty();
    if (wanted == c.writable_wanted) return;
    c.writable_wanted = wanted;
    epoll_event event{};
    event.events = EPOLLIN | (wanted ? EPOLLOUT : 0U);
    event.data.ptr = &c;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
  }

  int timeout_ms(Time now) const {
    Time next = std::min(end_, now + std::chrono::milliseconds(50));
    for (const Class& c : classes_) {
      if (c.rate > 0) next = std::min(next, c.next_due);
    }
    const auto left = next - now - kSpin;
    return left <= Clock::duration(0) ? 0 : static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(left).count());
  }

  void poll(int timeout) {
    epoll_event events[256];
    const int n = ::epoll_wait(epoll_, events, 256, timeout);
    for (int i = 0; i < n; ++i) {
      Connection& c = *static_cast<Connection*>(events[i].data.ptr);
      if (c.fd < 0) continue;
      if ((events[i].events & EPOLLOUT) != 0) flush(c);
      if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive(c);
    }
  }

  void receive(Connection& c) {
    char block[65536];
    bool gone = false;
    for (;;) {
      const ssize_t n = ::recv(c.fd, block, sizeof block, 0);
      if (n > 0) c.in.append(block, static_cast<std::size_t>(n));
      if (n == static_cast<ssize_t>(sizeof block)) continue;
      gone = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
      break;
    }
    const Time now = Clock::now();
    bool closes = false;
    while (!c.outstanding.empty() && answer(c, now, closes)) {}
    if (gone || closes) lose(c);
    if (c.of->rate <= 0) return flood(c);
    if (!c.outstanding.empty() || c.out.size() > 0) return;
    if (std::find(c.of->free.begin(), c.of->free.end(), &c) == c.of->free.end()) c.of->free.push_back(&c);
    while (!c.of->late.empty() && !c.of->free.empty()) {
      const Time due = c.of->late.front();
      c.of->late.pop_front();
      send(take_free(*c.of), due);
    }
  }

  void lose(Connection& c) {
    c.of->broken += c.outstanding.size();
    c.outstanding.clear();
    c.in.clear();
    c.out.clear();
    ::close(c.fd);
    c.fd = -1;
  }

  // The answer at the front of what came; false: not whole yet.
  bool answer(Connection& c, Time now, bool& closes) {
    const std::size_t head_end = c.in.find("\r\n\r\n");
    if (head_end == std::string::npos) return false;
    const std::string_view head = std::string_view(c.in).substr(0, head_end + 2);
    const std::size_t length_at = head.find("\r\nContent-Length: ");
    const std::size_t length = length_at == std::string_view::npos ? 0 : std::strtoull(head.data() + length_at + 18, nullptr, 10);
    if (c.in.size() < head_end + 4 + length) return false;
    const int status = std::atoi(c.in.c_str() + 9);
    const bool retry_after = head.find("\r\nRetry-After: ") != std::string_view::npos;
    closes = closes || head.find("\r\nConnection: close") != std::string_view::npos;
    const Sent sent = c.outstanding.front();
    c.outstanding.pop_front();
    if (sent.counted) {
      Class& k = *c.of;
      ++k.statuses[status];
      const bool is_refused = status == 429 || status == 503;
      if (is_refused && !retry_after) ++k.refused_without_retry_after;
      auto& samples = status / 100 == 2 ? k.accepted : is_refused ? k.refused : k.failed;
      if (samples.size() < kSamplesMax)
        samples.push_back({static_cast<float>(milliseconds(now - sent.due)), static_cast<float>(milliseconds(now - sent.at))});
    }
    c.in.erase(0, head_end + 4 + length);
    return true;
  }

  std::size_t outstanding() const {
    std::size_t n = 0;
    for (const Class& c : classes_) {
      for (const auto& connection : c.all) n += connection->outstanding.size();
    }
    return n;
  }

  void report(const char* name, std::vector<Sample>& samples) const {
    const double counted_s = std::chrono::duration<double>(end_ - begin_ - kWarmup).count();
    std::printf(",\"%s\":{\"count\":%zu,\"per_second\":%.1f", name, samples.size(), static_cast<double>(samples.size()) / counted_s);
    for (const auto& [title, member] : {std::pair{"ms", &Sample::from_due}, std::pair{"ms_from_sent", &Sample::from_sent}}) {
      std::vector<float> values;
      values.reserve(samples.size());
      for (const Sample& s : samples) values.push_back(s.*member);
      std::sort(values.begin(), values.end());
      std::printf(",\"%s\":{", title);
      const char* comma = "";
      for (const auto& [label, share] : {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1.0}}) {
        if (values.empty()) break;
        const auto at = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
        std::printf("%s\"%s\":%.3f", comma, label, static_cast<double>(values[std::max<std::size_t>(at, 1) - 1]));
        comma = ",";
      }
      std::printf("}");
    }
    std::printf("}");
  }

  void report(Class& c, const char* comma) const {
    std::printf("%s\"%s\":{\"due\":%llu,\"sent\":%llu,\"unsent\":%llu,\"unanswered\":%llu,\"broken\":%llu,\"connect_failures\":%llu,", comma,
                c.name.c_str(), static_cast<unsigned long long>(c.due), static_cast<unsigned long long>(c.sent),
                static_cast<unsigned long long>(c.unsent), static_cast<unsigned long long>(c.unanswered), static_cast<unsigned long long>(c.broken),
                static_cast<unsigned long long>(c.connect_failures));
    std::printf("\"refused_without_retry_after\":%llu,\"generator_lag_max_ms\":%.3f,\"statuses\":{",
                static_cast<unsigned long long>(c.refused_without_retry_after), c.generator_lag_max_ms);
    const char* between = "";
    for (const auto& [status, n] : c.statuses) {
      std::printf("%s\"%d\":%llu", between, status, static_cast<unsigned long long>(n));
      between = ",";
    }
    std::printf("}");
    report("accepted", c.accepted);
    report("refused", c.refused);
    report("failed", c.failed);
    std::printf("}");
  }

  std::uint16_t port_;
  std::deque<Class> classes_;
  int epoll_;
  Time begin_{}, end_{};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr,
                 "usage: slipway_load PORT PATH SECONDS name=NAME,key=KEY,body=FILE[,type=T][,connections=N][,rate=R][,arrivals=poisson] ...\n");
    return 2;
  }
  std::deque<Class> classes;
  for (int i = 4; i < argc; ++i) classes.push_back(parse_class(argv[i], argv[2]));
  const double seconds = number<double>("SECONDS", argv[3]);
  if (seconds < 1 || seconds > 600) fail("SECONDS is from 1 to 600");
  Generator generator(number<std::uint16_t>("PORT", argv[1]), std::move(classes), seconds);
  generator.run();
  generator.report();
}
