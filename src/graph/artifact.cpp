#include "slipway/graph/artifact.hpp"

#include <algorithm>
#include <array>

#include "slipway/base/encoding.hpp"
#include "slipway/graph/artifact_pieces.hpp"
#include "slipway/graph/onnx_io.hpp"

namespace slipway {
namespace {

// The layout: docs/formats/artifact.md.
constexpr std::string_view kMagic{"SLIPWAY\2", 8};
constexpr std::size_t kSections = 5;  // schema, example, report, check, onnx
constexpr std::size_t kOnnx = kSections - 1;
constexpr std::size_t kHeaderBytes = kMagic.size() + kSections * 16;
constexpr std::size_t kOnnxAlignment = 64;
constexpr std::array<std::size_t, kOnnx> kJsonBytesMax = {64ULL << 20, 64ULL << 20, 16ULL << 20, 16ULL << 20};

constexpr std::size_t kReportTextMax = 16'384;
constexpr std::size_t kReportLinesMax = 100'000;
constexpr std::size_t kObjectMembersMax = 32;

Error broken(std::string detail) { return Error(ErrorCode::model_refused, "the artifact is damaged: " + std::move(detail)); }

std::size_t aligned(std::size_t offset) { return (offset + kOnnxAlignment - 1) / kOnnxAlignment * kOnnxAlignment; }

void put_u64(std::string& out, std::uint64_t v) {
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(v >> shift);
}

std::uint64_t get_u64(std::string_view at) {
  std::uint64_t v = 0;
  for (int i = 7; i >= 0; --i) v = v << 8 | static_cast<unsigned char>(at[static_cast<std::size_t>(i)]);
  return v;
}

// The one place where each section stands, given the sizes: the writer puts it there, the reader wants it there.
std::array<std::size_t, kSections> offsets_of(const std::array<std::size_t, kSections>& sizes) {
  std::array<std::size_t, kSections> at{};
  at[0] = kHeaderBytes;
  at[1] = at[0] + sizes[0];
  at[2] = at[1] + sizes[1];
  at[3] = at[2] + sizes[2];
  at[kOnnx] = aligned(at[3] + sizes[3]);
  return at;
}

// Texts of a report quote the file, which may be long and needn't be UTF-8: what is written is what can be read.
std::string shown(const std::string& text) {
  return text.size() <= kReportTextMax && is_valid_utf8(text) ? text : excerpt(text, kReportTextMax - 3);  // and an ellipsis
}

json::Array shown(const std::vector<std::string>& lines) {
  json::Array out;
  for (std::size_t i = 0; i < std::min(lines.size(), kReportLinesMax); ++i) out.emplace_back(shown(lines[i]));
  return out;
}

json::Array shown(const std::vector<json::Value>& objects) {
  json::Array out;
  for (std::size_t i = 0; i < std::min(objects.size(), kReportLinesMax); ++i) {
    json::Value object = objects[i];
    for (auto& [key, value] : object.as_object()) {
      if (value.is_string()) value = shown(value.as_string());
    }
    out.push_back(std::move(object));
  }
  return out;
}

Status read_text(const json::Value& v, std::string& into) {
  if (!v.is_string() || v.as_string().size() > kReportTextMax) return broken("a text of the report");
  into = v.as_string();
  return ok();
}

Status read_lines(const json::Value& v, std::vector<std::string>& into) {
  if (!v.is_array() || v.as_array().size() > kReportLinesMax) return broken("a list of the report");
  for (const json::Value& line : v.as_array()) TRY(read_text(line, into.emplace_back()));
  return ok();
}

// Objects are flat: texts, whole numbers and booleans under short names.
Status read_objects(const json::Value& v, std::vector<json::Value>& into) {
  if (!v.is_array() || v.as_array().size() > kReportLinesMax) return broken("the report's objects");
  for (const json::Value& object : v.as_array()) {
    if (!object.is_object() || object.as_object().size() > kObjectMembersMax) return broken("an object of the report");
    for (const auto& [key, value] : object.as_object()) {
      std::string text;
      if (key.size() > 64 || !(value.is_bool() || value.is_int() || read_text(value, text).ok())) return broken("an object of the report");
    }
    into.push_back(object);
  }
  return ok();
}

}  // namespace

json::Value Report::to_json() const {
  json::Value out = json::object({{"format", shown(format)},
                                  {"producer", shown(producer)},
                                  {"title", shown(title)},
                                  {"contents", shown(contents)},
                                  {"warnings", shown(warnings)},
                                  {"objects", shown(objects)}});
  if (!certificate.is_null()) out.set("certificate", certificate);
  return out;
}

Result<Report> Report::from_json(const json::Value& value) {
  if (!value.is_object()) return broken("the report is no object");
  Report r;
  for (const auto& [key, v] : value.as_object()) {
    if (key == "format") {
      TRY(read_text(v, r.format));
    } else if (key == "producer") {
      TRY(read_text(v, r.producer));
    } else if (key == "title") {
      TRY(read_text(v, r.title));
    } else if (key == "contents") {
      TRY(read_lines(v, r.contents));
    } else if (key == "certificate") {
      r.certificate = v;
    } else if (key == "warnings") {
      TRY(read_lines(v, r.warnings));
    } else if (key == "objects") {
      TRY(read_objects(v, r.objects));
    } else {
      return broken("the report has an unknown member");
    }
  }
  return r;
}

Result<Pieces> artifact_pieces(Artifact artifact) {
  const std::array<std::string, kOnnx> texts = {artifact.schema.to_json().dump(), artifact.example.dump(), artifact.report.to_json().dump(),
                                                artifact.check.dump()};
  Pieces onnx = TRY(graph::onnx_pieces(std::move(artifact.model)));
  std::array<std::size_t, kSections> sizes{};
  for (std::size_t i = 0; i < kOnnx; ++i) sizes[i] = texts[i].size();
  sizes[kOnnx] = onnx.size();
  for (std::size_t i = 0; i < kJsonBytesMax.size(); ++i) {
    if (sizes[i] > kJsonBytesMax[i]) return Error(ErrorCode::model_refused, "the model's description is too large (features, categories or example)");
  }
  const auto at = offsets_of(sizes);
  std::string head(kMagic);
  for (std::size_t i = 0; i < kSections; ++i) {
    put_u64(head, at[i]);
    put_u64(head, sizes[i]);
  }
  for (const std::string& text : texts) head += text;
  head.resize(at[kOnnx], '\0');
  Pieces out;
  out.add(head);
  out.add(std::move(onnx));
  return out;
}

Result<std::string> write_artifact(const Artifact& artifact) { return TRY(artifact_pieces(artifact)).text(); }

Result<ArtifactView> view_artifact(std::span<const std::byte> bytes) {
  const std::string_view text = as_text(bytes);
  if (text.size() < kHeaderBytes || !text.starts_with(kMagic)) return broken("it doesn't begin as one");
  std::array<std::size_t, kSections> at{}, sizes{};
  for (std::size_t i = 0; i < kSections; ++i) {
    at[i] = get_u64(text.substr(kMagic.size() + i * 16, 8));
    sizes[i] = get_u64(text.substr(kMagic.size() + i * 16 + 8, 8));
    if (sizes[i] > text.size()) return broken("a section is longer than the file");
  }
  for (std::size_t i = 0; i < kJsonBytesMax.size(); ++i) {
    if (sizes[i] > kJsonBytesMax[i]) return broken("a section is too long");
  }
  if (offsets_of(sizes) != at || at[kOnnx] + sizes[kOnnx] != text.size()) return broken("its sections are not where they belong");
  for (std::size_t i = at[3] + sizes[3]; i < at[kOnnx]; ++i) {
    if (text[i] != '\0') return broken("there are bytes between its sections");
  }
  ArtifactView view;
  view.schema = TRY(Schema::from_json(TRY(json::parse(text.substr(at[0], sizes[0])))));
  view.example = TRY(json::parse(text.substr(at[1], sizes[1])));
  view.report = TRY(Report::from_json(TRY(json::parse(text.substr(at[2], sizes[2])))));
  view.check = TRY(json::parse(text.substr(at[3], sizes[3])));
  view.onnx = bytes.subspan(at[kOnnx]);
  return view;
}

}  // namespace slipway
