#include "slipway/tensor/schema.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "slipway/base/encoding.hpp"

namespace slipway {
namespace {

constexpr std::size_t kNameBytesMax = 512;
constexpr std::size_t kFeaturesMax = 100'000;
constexpr std::size_t kPortsMax = 1'000;
constexpr std::size_t kCategoriesMax = 1'000'000;  // of all features together, and of the classes
constexpr std::size_t kCategoryBytesMax = 4'096;
constexpr std::int64_t kDimensionMax = 1LL << 40;

constexpr std::array<std::string_view, 5> kTypeNames = {"number", "integer", "boolean", "text", "document"};

Error broken(std::string detail) { return Error(ErrorCode::invalid_input, "schema: " + std::move(detail)); }

// --- writing

json::Value feature_json(const Feature& f) {
  json::Object o;
  o.emplace_back("name", f.name);
  o.emplace_back("type", kTypeNames[static_cast<std::size_t>(f.type)]);
  o.emplace_back("input", f.input);
  o.emplace_back("column", f.column);
  if (f.nullable) o.emplace_back("nullable", true);
  if (f.infinite) o.emplace_back("infinite", true);
  if (!f.categories.empty()) o.emplace_back("categories", json::Array(f.categories));
  if (f.closed) o.emplace_back("closed", true);
  const auto number = [&o](const char* key, const std::optional<double>& v) {
    if (v && std::isfinite(*v)) o.emplace_back(key, *v);
  };
  number("typical", f.typical);
  number("min", f.min);
  number("max", f.max);
  return o;
}

json::Value port_json(const Port& p) {
  json::Array shape(p.shape.begin(), p.shape.end());
  json::Object o{{"name", p.name}, {"dtype", dtype_name(p.dtype)}, {"shape", std::move(shape)}};
  if (p.any_rank) o.emplace_back("any_rank", true);
  if (p.optional) o.emplace_back("optional", true);
  return o;
}

// --- reading: every member is known, of the right kind and within its bounds

// Walks one object; unknown members are found because each known one is asked for and counted.
class Members {
 public:
  Members(const json::Value& object, std::string place) : object_(object), place_(std::move(place)) {}

  Status is_object() const { return object_.is_object() ? ok() : Status(broken(place_ + " must be an object")); }

  Status text(const char* key, std::string& into, bool required, std::size_t bytes_max = kNameBytesMax) {
    const json::Value* v = take(key);
    if (v == nullptr) return required ? Status(missing(key)) : ok();
    if (!v->is_string()) return wrong(key, "text");
    if (v->as_string().size() > bytes_max) return wrong(key, "at most " + std::to_string(bytes_max) + " bytes");
    if (!is_valid_utf8(v->as_string())) return wrong(key, "UTF-8");
    into = v->as_string();
    return ok();
  }

  Status flag(const char* key, bool& into) {
    const json::Value* v = take(key);
    if (v == nullptr) return ok();
    if (!v->is_bool()) return wrong(key, "true or false");
    into = v->as_bool();
    return ok();
  }

  Status whole(const char* key, std::int64_t& into) {
    const json::Value* v = take(key);
    if (v == nullptr) return missing(key);
    if (!v->is_int()) return wrong(key, "a whole number");
    into = v->as_int();
    return ok();
  }

  Status number(const char* key, std::optional<double>& into) {
    const json::Value* v = take(key);
    if (v == nullptr) return ok();
    if (!v->is_number()) return wrong(key, "a number");
    into = v->as_double();
    return ok();
  }

  // nullptr when absent
  Result<const json::Array*> array(const char* key, std::size_t max) {
    const json::Value* v = take(key);
    if (v == nullptr) return static_cast<const json::Array*>(nullptr);
    if (!v->is_array()) return wrong(key, "an array").error();
    if (v->as_array().size() > max) return wrong(key, "at most " + std::to_string(max) + " long").error();
    return &v->as_array();
  }

  Status done() const {
    if (taken_ == object_.as_object().size()) return ok();
    return broken(place_ + " has a member that is not known here");
  }

 private:
  const json::Value* take(const char* key) {
    const json::Value* v = object_.find(key);
    if (v != nullptr) ++taken_;
    return v;
  }
  Error missing(const char* key) const { return broken(place_ + "." + key + " is missing"); }
  Status wrong(const char* key, std::string what) const { return broken(place_ + "." + key + " must be " + std::move(what)); }

  const json::Value& object_;
  std::string place_;
  std::size_t taken_ = 0;
};

Status read_scalars(Members& m, const char* key, std::vector<json::Value>& into, std::size_t& budget, const std::string& place) {
  const json::Array* values = TRY(m.array(key, budget));
  if (values == nullptr) return ok();
  for (const json::Value& v : *values) {
    if (v.is_array() || v.is_object()) return broken(place + "." + key + " must hold plain values");
    if (v.is_string() && v.as_string().size() > kCategoryBytesMax) return broken(place + "." + key + " holds a text that is too long");
  }
  budget -= values->size();
  into = *values;
  return ok();
}

Result<Feature> read_feature(const json::Value& value, std::size_t index, std::size_t& budget) {
  const std::string place = "features[" + std::to_string(index) + "]";
  Members m(value, place);
  TRY(m.is_object());
  Feature f;
  std::string type;
  TRY(m.text("name", f.name, true));
  TRY(m.text("type", type, true));
  const auto found = std::find(kTypeNames.begin(), kTypeNames.end(), type);
  if (found == kTypeNames.end()) return broken(place + ".type is not known");
  f.type = static_cast<FeatureType>(found - kTypeNames.begin());
  TRY(m.text("input", f.input, true));
  TRY(m.whole("column", f.column));
  TRY(m.flag("nullable", f.nullable));
  TRY(m.flag("infinite", f.infinite));
  TRY(read_scalars(m, "categories", f.categories, budget, place));
  TRY(m.flag("closed", f.closed));
  TRY(m.number("typical", f.typical));
  TRY(m.number("min", f.min));
  TRY(m.number("max", f.max));
  TRY(m.done());
  return f;
}

Result<Port> read_port(const json::Value& value, const std::string& place) {
  Members m(value, place);
  TRY(m.is_object());
  Port p;
  std::string dtype;
  TRY(m.text("name", p.name, true));
  if (p.name.empty()) return broken(place + ".name is empty");
  TRY(m.text("dtype", dtype, true));
  const auto known = dtype_from_name(dtype);
  if (!known) return broken(place + ".dtype is not known");
  p.dtype = *known;
  TRY(m.flag("any_rank", p.any_rank));
  TRY(m.flag("optional", p.optional));
  const json::Array* shape = TRY(m.array("shape", kRankMax));
  if (shape == nullptr) return broken(place + ".shape is missing");
  for (const json::Value& d : *shape) {
    if (!d.is_int() || d.as_int() < -1 || d.as_int() > kDimensionMax) return broken(place + ".shape holds a dimension out of range");
    p.shape.push_back(d.as_int());
  }
  if (p.any_rank && !p.shape.empty()) return broken(place + " has a shape and any_rank");
  if (p.optional && std::ranges::find(p.shape, -1) == p.shape.end()) return broken(place + " is optional, but always has elements");
  TRY(m.done());
  return p;
}

Status read_ports(Members& m, const char* key, std::vector<Port>& into) {
  const json::Array* ports = TRY(m.array(key, kPortsMax));
  if (ports == nullptr) return broken(std::string(key) + " is missing");
  std::unordered_set<std::string_view> names;
  into.reserve(ports->size());
  for (std::size_t i = 0; i < ports->size(); ++i) {
    into.push_back(TRY(read_port((*ports)[i], std::string(key) + "[" + std::to_string(i) + "]")));
    if (!names.insert(into.back().name).second) return broken(std::string(key) + ": the name \"" + excerpt(into.back().name) + "\" is there twice");
  }
  return ok();
}

// --- what holds between the parts

Status check_optional(const Schema& s) {
  bool before = false;
  for (const Port& p : s.inputs) {
    if (before && !p.optional) return broken("input \"" + excerpt(p.name) + "\" stands behind one that is optional");
    before = p.optional;
  }
  if (!s.inputs.empty() && s.inputs[0].optional) return broken("every input is optional");
  if (std::ranges::any_of(s.outputs, &Port::optional)) return broken("an output is optional");
  if (before && s.rows_independent) return broken("rows_independent doesn't go with an optional input");
  return ok();
}

Status check_batched(const Schema& s) {
  const auto starts_with_rows = [](const Port& p) { return p.any_rank || (!p.shape.empty() && p.shape[0] == -1); };
  for (const Port& p : s.inputs) {
    if (!starts_with_rows(p)) return broken("input \"" + excerpt(p.name) + "\" has no row dimension although the model is batched");
  }
  for (const Port& p : s.outputs) {
    if (!starts_with_rows(p)) return broken("output \"" + excerpt(p.name) + "\" has no row dimension although the model is batched");
  }
  return ok();
}

Status check_type(const Feature& f, DType dtype) {
  const std::string who = "feature \"" + excerpt(f.name) + "\"";
  if ((f.type == FeatureType::text || f.type == FeatureType::document) != (dtype == DType::string))
    return broken(who + ": text goes with text inputs only");
  if (f.nullable && dtype != DType::string && !is_floating(dtype))
    return broken(who + " can't be nullable in an input of " + std::string(dtype_name(dtype)));
  if (f.infinite && !is_floating(dtype)) return broken(who + " can't be infinite in an input of " + std::string(dtype_name(dtype)));
  if (f.closed && f.categories.empty()) return broken(who + " is closed but has no categories");
  return ok();
}

// Each column of each input is exactly one feature: else a part of the input would silently be zero.
Status check_features(const Schema& s) {
  if (!s.batched) return broken("a model with features must be batched");
  std::unordered_map<std::string_view, std::vector<bool>> free_columns;
  std::unordered_map<std::string_view, const Port*> ports;
  std::size_t columns_left = 0;
  for (const Port& p : s.inputs) {
    const std::int64_t width = p.shape.size() == 2 ? p.shape[1] : 1;
    if (p.any_rank || p.shape.size() > 2 || width < 0 || width > static_cast<std::int64_t>(kFeaturesMax)) {
      return broken("input \"" + excerpt(p.name) + "\" is not a table of known width");
    }
    free_columns.emplace(p.name, std::vector<bool>(static_cast<std::size_t>(width), true));
    ports.emplace(p.name, &p);
    columns_left += static_cast<std::size_t>(width);
  }
  std::unordered_set<std::string_view> names;
  for (const Feature& f : s.features) {
    if (f.name.empty()) return broken("a feature has an empty name");
    if (!names.insert(f.name).second) return broken("the feature \"" + excerpt(f.name) + "\" is there twice");
    if (f.input.empty()) continue;  // nothing depends on it
    const auto columns = free_columns.find(f.input);
    if (columns == free_columns.end()) return broken("feature \"" + excerpt(f.name) + "\" is of an input that is not there");
    if (f.column < 0 || static_cast<std::size_t>(f.column) >= columns->second.size())
      return broken("feature \"" + excerpt(f.name) + "\": column out of range");
    if (!columns->second[static_cast<std::size_t>(f.column)])
      return broken("feature \"" + excerpt(f.name) + "\": its column is another feature's too");
    columns->second[static_cast<std::size_t>(f.column)] = false;
    --columns_left;
    TRY(check_type(f, ports.at(f.input)->dtype));
  }
  if (columns_left > 0) return broken(std::to_string(columns_left) + " columns of the inputs belong to no feature");
  return ok();
}

}  // namespace

json::Value Schema::to_json() const {
  json::Array features_json, inputs_json, outputs_json;
  for (const Feature& f : features) features_json.push_back(feature_json(f));
  for (const Port& p : inputs) inputs_json.push_back(port_json(p));
  for (const Port& p : outputs) outputs_json.push_back(port_json(p));
  return json::object({{"kind", kind},
                       {"features", std::move(features_json)},
                       {"inputs", std::move(inputs_json)},
                       {"outputs", std::move(outputs_json)},
                       {"named_features", named_features},
                       {"batched", batched},
                       {"rows_independent", rows_independent},
                       {"classes", json::Array(classes)}});
}

Result<Schema> Schema::from_json(const json::Value& value) {
  Members m(value, "the schema");
  TRY(m.is_object());
  Schema s;
  std::size_t budget = kCategoriesMax;
  TRY(m.text("kind", s.kind, true, 64));
  const json::Array* features = TRY(m.array("features", kFeaturesMax));
  if (features != nullptr) {
    s.features.reserve(features->size());
    for (std::size_t i = 0; i < features->size(); ++i) s.features.push_back(TRY(read_feature((*features)[i], i, budget)));
  }
  TRY(read_ports(m, "inputs", s.inputs));
  TRY(read_ports(m, "outputs", s.outputs));
  TRY(m.flag("named_features", s.named_features));
  TRY(m.flag("batched", s.batched));
  TRY(m.flag("rows_independent", s.rows_independent));
  TRY(read_scalars(m, "classes", s.classes, budget, "the schema"));
  TRY(m.done());
  if (s.outputs.empty()) return broken("there are no outputs");
  TRY(check_optional(s));
  if (s.rows_independent && !s.batched) return broken("rows_independent goes with batched only");
  if (s.batched) TRY(check_batched(s));
  if (!s.features.empty()) TRY(check_features(s));
  return s;
}

}  // namespace slipway
