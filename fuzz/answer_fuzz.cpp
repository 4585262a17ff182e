// What the server reads of an import cell: the answer's frame, the artifact's sections, and the command that goes the other way.
#include "slipway/graph/artifact.hpp"
#include "slipway/importers/answer.hpp"
#include "support.hpp"

namespace {

using namespace slipway;
using fuzz::check;

void check_schema(const Schema& schema) {
  const auto again = Schema::from_json(schema.to_json());
  check(again.ok() && again->to_json().dump() == schema.to_json().dump());
}

void check_report(const Report& report) {
  const auto again = Report::from_json(report.to_json());
  check(again.ok() && again->to_json().dump() == report.to_json().dump());
}

void check_artifact(std::string_view bytes) {
  const auto view = view_artifact(fuzz::bytes_of(bytes));
  if (!view.ok()) return;
  check(fuzz::within({reinterpret_cast<const char*>(view->onnx.data()), view->onnx.size()}, bytes));
  check_schema(view->schema);
  check_report(view->report);
  check(json::parse(view->example.dump()).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_artifact(bytes);
  (void)importers::options_from_json(bytes);
  const auto answer = importers::parse_import_answer(fuzz::bytes_of(bytes));
  if (!answer.ok()) {
    check(answer.error().code() == ErrorCode::internal);
    return 0;
  }
  check_report(answer->report);
  check(answer->ok == answer->schema.has_value() && answer->ok == answer->refusal.empty());
  if (!answer->ok) check(answer->artifact.empty());
  if (answer->schema) check_schema(*answer->schema);
  check_artifact({reinterpret_cast<const char*>(answer->artifact.data()), answer->artifact.size()});
  return 0;
}
