// slipway inspect FILE: what a model file is, without serving it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "local_models.hpp"
#include "settings_flags.hpp"
#include "source_options.hpp"

namespace slipway::cli {
namespace {

struct Wish {
  std::vector<std::string> files;
  std::string entry;
  SourceOptions source;
};

// "scikit-learn 1.9.1" -> "1.9.1"; null when the file doesn't tell.
json::Value version_in(const std::string& producer) {
  const std::size_t space = producer.rfind(' ');
  if (space == std::string::npos || space + 1 >= producer.size() || producer[space + 1] < '0' || producer[space + 1] > '9') return nullptr;
  return producer.substr(space + 1);
}

json::Array texts(const std::vector<std::string>& lines) { return {lines.begin(), lines.end()}; }

json::Value document(const Wish& wish, const importers::ImportAnswer& answer) {
  json::Value out = json::object({{"files", texts(wish.files)},
                                  {"format", answer.report.format},
                                  {"producer", answer.report.producer},
                                  {"version", version_in(answer.report.producer)},
                                  {"title", answer.report.title},
                                  {"servable", answer.ok},
                                  {"refusal", answer.ok ? json::Value() : json::Value(answer.refusal)},
                                  {"contents", texts(answer.report.contents)},
                                  {"objects", json::Array(answer.report.objects.begin(), answer.report.objects.end())},
                                  {"warnings", texts(answer.report.warnings)}});
  if (!answer.schema) return out;
  const json::Value schema = answer.schema->to_json();
  for (const auto& [key, value] : schema.as_object()) out.set(key, value);
  return out;
}

std::string shape_of(const Port& port) {
  if (port.any_rank) return "any shape";
  std::string out = port.optional ? "may be left out, [" : "[";
  for (std::size_t i = 0; i < port.shape.size(); ++i) {
    if (i > 0) out += ", ";
    out += port.shape[i] >= 0 ? std::to_string(port.shape[i]) : i == 0 ? "N" : "?";
  }
  return out + "]";
}

const char* type_name(FeatureType type) {
  switch (type) {
    case FeatureType::integer: return "integer";
    case FeatureType::boolean: return "boolean";
    case FeatureType::text: return "text";
    case FeatureType::document: return "JSON";
    default: return "number";
  }
}

void line(Console& console, const char* name, const std::string& value) {
  if (!value.empty()) console.print(fmt::format("{:<10} {}\n", name, printable(value)));
}

void list(Console& console, const char* name, const std::vector<std::string>& lines, std::size_t lines_max = 40) {
  for (std::size_t i = 0; i < lines.size() && i < lines_max; ++i) console.print(fmt::format("{:<10} {}\n", i == 0 ? name : "", printable(lines[i])));
  if (lines.size() > lines_max) console.print(fmt::format("{:<10} and {} more (--json has them all)\n", "", lines.size() - lines_max));
}

void print_schema(Console& console, const Schema& schema) {
  line(console, "kind", schema.kind);
  std::vector<std::string> lines;
  for (const Feature& feature : schema.features) {
    std::string text = fmt::format("{}: {}", feature.name, type_name(feature.type));
    if (feature.nullable) text += ", may be missing";
    if (!feature.categories.empty()) text += fmt::format(", {} known values", feature.categories.size());
    lines.push_back(std::move(text));
  }
  if (schema.features.empty()) {
    for (const Port& port : schema.inputs) lines.push_back(fmt::format("{}: {} {}", port.name, dtype_name(port.dtype), shape_of(port)));
  }
  list(console, "inputs", lines);
  lines.clear();
  for (const Port& port : schema.outputs) lines.push_back(fmt::format("{}: {} {}", port.name, dtype_name(port.dtype), shape_of(port)));
  list(console, "outputs", lines);
  std::string classes;
  for (const json::Value& value : schema.classes) classes += (classes.empty() ? "" : ", ") + (value.is_string() ? value.as_string() : value.dump());
  line(console, "classes", classes);
}

int print(Console& console, const Wish& wish, const importers::ImportAnswer& answer) {
  line(console, "format", answer.report.format);
  line(console, "made by", answer.report.producer);
  line(console, "title", answer.report.title);
  if (answer.schema) print_schema(console, *answer.schema);
  list(console, "contents", answer.report.contents);
  list(console, "warnings", answer.report.warnings);
  if (!answer.ok) {
    console.print(fmt::format("{:<10} {} no: {}\n", "servable", console.mark(Mark::bad, true), printable(answer.refusal)));
    return kFailed;
  }
  console.print(fmt::format("{:<10} {} yes\n", "servable", console.mark(Mark::good, true)));
  std::string words;
  for (const std::string& file : wish.files) words += (words.empty() ? "" : " ") + file;
  if (!wish.entry.empty()) words += " --entry " + wish.entry;
  words += wish.source.words();
  console.next("slipway predict " + words + " -i ROWS.json    or    slipway push " + words);
  return kOk;
}

Result<int> inspect(Console& console, const Wish& wish) {
  const Settings settings = TRY(settings_without_flags(console.environment()));
  const auto files = TRY(open_files(wish.source.with_files(wish.files), settings));
  const auto models = TRY(LocalModels::start(settings));
  const Imported imported = TRY(models->import(files, {.entry = wish.source.with_entry(wish.entry), .inspect_only = true}));
  if (!console.json) return print(console, wish, imported.answer);
  console.print_json(document(wish, imported.answer));
  return imported.answer.ok ? kOk : kFailed;
}

}  // namespace

Action declare_inspect(CLI::App& app, Console& console) {
  auto wish = std::make_shared<Wish>();
  app.add_option("FILE", wish->files, "model file; several in the order they apply; - is stdin")->required();
  app.add_option("--entry", wish->entry, "the model inside a dict or list, such as model; several with commas: scaler,model")->type_name("PATH");
  add_source_options(app, wish->source);
  add_json(app, console);
  return [wish](Console& c) {
    end_on_signals();
    auto code = inspect(c, *wish);
    return code.ok() ? *code : c.fail(code.error());
  };
}

}  // namespace slipway::cli
