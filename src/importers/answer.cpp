#include "slipway/importers/answer.hpp"

#include <cstring>
#include <new>

#include "slipway/base/encoding.hpp"
#include "slipway/graph/artifact_pieces.hpp"

namespace slipway::importers {
namespace {

// "SLPWANS1" u32 header bytes (little endian), header, then the artifact to the end.
constexpr std::string_view kMagic = "SLPWANS1";
constexpr std::size_t kHeaderMax = 64ULL << 20;
constexpr std::size_t kRefusalMax = 4000;

Pieces frame(const json::Value& header, Pieces artifact = {}) {
  const std::string text = header.dump();
  std::string head(kMagic);
  const auto size = static_cast<std::uint32_t>(text.size());
  for (int shift = 0; shift < 32; shift += 8) head.push_back(static_cast<char>(size >> shift & 0xFF));
  head += text;
  Pieces out;
  out.add(head);
  out.add(std::move(artifact));
  return out;
}

Pieces refusal_frame(std::string detail, const Report& report) {
  // What quotes the file may be long and needn't be UTF-8; as JSON it must still be within what the server takes.
  if (detail.size() > kRefusalMax || !is_valid_utf8(detail)) detail = excerpt(detail, kRefusalMax - 3);  // and an ellipsis
  return frame(json::object({{"ok", false}, {"refusal", std::move(detail)}, {"report", report.to_json()}}));
}

Pieces inspection_frame(std::span<const SourceFile> files, const Options& options) {
  Inspection inspection = inspect(files, options);
  if (!inspection.schema) return refusal_frame(inspection.refusal, inspection.report);
  return frame(json::object({{"ok", true}, {"report", inspection.report.to_json()}, {"schema", inspection.schema->to_json()}}));
}

Pieces import_frame(std::span<const SourceFile> files, const Options& options) {
  Report report;
  auto artifact = import_model(files, options, report);
  if (!artifact.ok()) return refusal_frame(artifact.error().detail(), report);
  report = artifact->report;
  const json::Value header = json::object({{"ok", true}, {"report", report.to_json()}, {"schema", artifact->schema.to_json()}});
  auto pieces = artifact_pieces(std::move(*artifact));
  if (!pieces.ok()) return refusal_frame(pieces.error().detail(), report);
  return frame(header, std::move(*pieces));
}

Pieces answer(std::span<const SourceFile> files, Options options, bool inspect_only) {
  options.weights_in_place = true;  // the caller has the files until the answer is written
  try {
    return inspect_only ? inspection_frame(files, options) : import_frame(files, options);
  } catch (const std::bad_alloc&) { return refusal_frame("the file needs more memory to read than an import may use", {}); }
}

Error no_answer(std::string why) { return Error(ErrorCode::internal, "the import failed").because("import cell's answer: " + std::move(why)); }

}  // namespace

Status import_into(std::span<const SourceFile> files, const Options& options, bool inspect_only, const TextSink& out) {
  return answer(files, options, inspect_only).drain(out);
}

std::string import_to_bytes(std::span<const SourceFile> files, const Options& options, bool inspect_only) {
  return answer(files, options, inspect_only).text();
}

Result<ImportAnswer> parse_import_answer(std::span<const std::byte> bytes) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (all.size() < kMagic.size() + 4 || all.substr(0, kMagic.size()) != kMagic) return no_answer("no frame");
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) size |= static_cast<std::size_t>(static_cast<unsigned char>(all[kMagic.size() + i])) << (8 * i);
  const std::size_t start = kMagic.size() + 4;
  if (size > kHeaderMax || size > all.size() - start) return no_answer("the header is longer than the frame");
  auto header = json::parse(all.substr(start, size));
  if (!header.ok()) return no_answer("the header is no JSON");
  const json::Value* ok_value = header->find("ok");
  const json::Value* report = header->find("report");
  if (ok_value == nullptr || !ok_value->is_bool() || report == nullptr) return no_answer("the header lacks ok or report");

  ImportAnswer answer;
  answer.ok = ok_value->as_bool();
  auto read_report = Report::from_json(*report);
  if (!read_report.ok()) return no_answer("report: " + read_report.error().detail());
  answer.report = std::move(*read_report);
  const std::size_t rest = start + size;
  if (!answer.ok) {
    answer.refusal = header->string_or("refusal", "");
    if (answer.refusal.empty() || answer.refusal.size() > kRefusalMax || rest != all.size())
      return no_answer("a refusal without reason, or with bytes behind it");
    return answer;
  }
  const json::Value* schema = header->find("schema");
  if (schema == nullptr) return no_answer("no schema");
  auto read_schema = Schema::from_json(*schema);
  if (!read_schema.ok()) return no_answer("schema: " + read_schema.error().detail());
  answer.schema = std::move(*read_schema);
  answer.artifact = bytes.subspan(rest);
  return answer;
}

std::string options_to_json(const Options& options, bool inspect_only) {
  return json::object({{"entry", options.entry},
                       {"bytes_max", static_cast<std::int64_t>(options.bytes_max)},
                       {"standard_operators", options.operators == graph::Operators::standard},
                       {"inspect_only", inspect_only}})
      .dump();
}

Result<ImportCommand> options_from_json(std::string_view text) {
  const json::Value value = TRY(json::parse(text));
  ImportCommand command;
  command.options.entry = value.string_or("entry", "");
  const std::int64_t bytes_max = value.int_or("bytes_max", static_cast<std::int64_t>(command.options.bytes_max));
  if (bytes_max > 0) command.options.bytes_max = static_cast<std::size_t>(bytes_max);
  if (value.bool_or("standard_operators", false)) command.options.operators = graph::Operators::standard;
  command.inspect_only = value.bool_or("inspect_only", false);
  return command;
}

}  // namespace slipway::importers
