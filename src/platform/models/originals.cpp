#include "slipway/platform/models/originals.hpp"

#include <algorithm>
#include <cstring>

#include "slipway/base/encoding.hpp"

namespace slipway::models {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kNameMax = 100;  // of a ustar header

// Bytes of our own, or a stretch of the blob.
struct Piece {
  std::string text;
  std::uint64_t offset = 0, bytes = 0;  // of the blob, when there is no text
  std::uint64_t size() const { return text.empty() ? bytes : text.size(); }
};

class PiecesSource final : public http::BodySource {
 public:
  PiecesSource(store::SealedReader reader, std::vector<Piece> pieces) : reader_(std::move(reader)), pieces_(std::move(pieces)) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    while (at_ < pieces_.size() && done_ == pieces_[at_].size()) {
      ++at_;
      done_ = 0;
    }
    if (at_ == pieces_.size()) return std::size_t{0};
    const Piece& piece = pieces_[at_];
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size() - done_, into.size()));
    std::size_t got = wanted;
    if (piece.text.empty())
      got = TRY(reader_.read(piece.offset + done_, into.first(wanted)));
    else
      std::memcpy(into.data(), piece.text.data() + done_, wanted);
    done_ += got;
    return got;
  }

 private:
  store::SealedReader reader_;
  std::vector<Piece> pieces_;
  std::size_t at_ = 0;
  std::uint64_t done_ = 0;  // of the piece
};

void put_octal(std::string& block, std::size_t at, std::size_t digits, std::uint64_t value) {
  for (std::size_t i = digits; i-- > 0; value >>= 3) block[at + i] = static_cast<char>('0' + (value & 7));
}

// One header block: name, mode, size, time, type, checksum.
std::string header(const std::string& name, std::uint64_t size, std::int64_t seconds, char type) {
  std::string block(kBlock, '\0');
  std::copy_n(name.begin(), std::min(name.size(), kNameMax), block.begin());
  put_octal(block, 100, 7, 0644);
  put_octal(block, 108, 7, 0);
  put_octal(block, 116, 7, 0);
  if (size < (std::uint64_t{1} << 33)) {
    put_octal(block, 124, 11, size);
  } else {  // GNU's and POSIX' binary form
    block[124] = '\x80';
    for (std::size_t i = 0; i < 8; ++i) block[135 - i] = static_cast<char>(size >> (8 * i));
  }
  put_octal(block, 136, 11, static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 0)));
  std::memset(block.data() + 148, ' ', 8);
  block[156] = type;
  std::memcpy(block.data() + 257,
              "ustar\0"
              "00",
              8);
  std::uint64_t sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put_octal(block, 148, 6, sum);
  block[154] = '\0';
  return block;
}

std::string padding(std::uint64_t size) { return std::string(static_cast<std::size_t>((kBlock - size % kBlock) % kBlock), '\0'); }

// "27 path=…\n": the record's length counts itself.
std::string pax_record(const std::string& name) {
  const std::string body = " path=" + name + "\n";
  std::size_t length = body.size() + 1;
  while (std::to_string(length).size() + body.size() != length) length = std::to_string(length).size() + body.size();
  return std::to_string(length) + body;
}

std::vector<Piece> archive(const VersionRow& version) {
  std::vector<Piece> out;
  const std::int64_t seconds = version.created_at / 1000;
  std::uint64_t offset = 0;
  for (const FileRow& file : version.files) {
    std::string front;
    const bool ascii = std::all_of(file.name.begin(), file.name.end(), [](char c) { return c > 0; });
    if (file.name.size() > kNameMax || !ascii) {
      const std::string record = pax_record(file.name);
      front = header("PaxHeaders/" + file.sha256.substr(0, 16), record.size(), seconds, 'x') + record + padding(record.size());
    }
    const auto size = static_cast<std::uint64_t>(file.size);
    out.push_back({front + header(file.name, size, seconds, '0'), 0, 0});
    out.push_back({"", offset, size});
    if (std::string rest = padding(size); !rest.empty()) out.push_back({std::move(rest), 0, 0});
    offset += size;
  }
  out.push_back({std::string(2 * kBlock, '\0'), 0, 0});
  return out;
}

// Quoted-string of RFC 6266: only what every client reads the same way.
std::string attachment(const std::string& filename) {
  std::string safe;
  for (const char c : filename) safe += (c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '/') ? c : '_';
  return "attachment; filename=\"" + safe + "\"";
}

http::Response response_of(store::SealedReader reader, std::vector<Piece> pieces, const char* type, const std::string& name, const std::string& tag) {
  http::Response response = http::Response::make(200, type, "");
  std::uint64_t total = 0;
  for (const Piece& piece : pieces) total += piece.size();
  response.source_bytes = total;
  response.source = std::make_shared<PiecesSource>(std::move(reader), std::move(pieces));
  response.headers = {{"Content-Disposition", attachment(name)}, {"ETag", "\"" + tag + "\""}};
  return response;
}

std::string stem_of(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
}

}  // namespace

Result<http::Response> original_response(store::SealedReader reader, const VersionRow& version, const std::optional<std::string>& name) {
  constexpr const char* kBinary = "application/octet-stream";
  if (name) {
    std::uint64_t offset = 0;
    for (const FileRow& file : version.files) {
      const auto size = static_cast<std::uint64_t>(file.size);
      if (file.name == *name) return response_of(std::move(reader), {{"", offset, size}}, kBinary, file.name, file.sha256);
      offset += size;
    }
    if (!version.files.empty() || *name != version.filename) return Error(ErrorCode::not_found, "the model has no file of that name");
  }
  if (version.files.size() > 1)
    return response_of(std::move(reader), archive(version), "application/x-tar", stem_of(version.filename) + ".tar", version.sha256);
  const std::uint64_t size = reader.size();
  return response_of(std::move(reader), {{"", 0, size}}, kBinary, version.filename, version.sha256);
}

}  // namespace slipway::models
