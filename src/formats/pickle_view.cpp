#include <algorithm>

#include "slipway/base/encoding.hpp"
#include "slipway/formats/pickle_document.hpp"

namespace slipway::pickle {
namespace {

constexpr std::size_t kPathMax = 300;  // longer paths stop growing: they are for people

std::string extended(const std::string& path, const std::string& step) { return path.size() > kPathMax ? path : path + step; }
std::string indexed(const std::string& path, std::size_t i) { return extended(path, "[" + std::to_string(i) + "]"); }

bool has_children(Kind kind) { return kind == Kind::list || kind == Kind::tuple || kind == Kind::set || kind == Kind::slice; }

std::string real_text(double v) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.10g", v);
  return buffer;
}

// The dict of a BUILD state that a look-up may search: the state itself, or the parts of (dict, slots).
struct StateDicts {
  NodeId dicts[2] = {kNoNode, kNoNode};
  bool matches = false;
};
StateDicts dicts_of(const Document::Impl& d, NodeId state) {
  const Node& n = d.node(state);
  if (n.kind == Kind::dict) return {{state, kNoNode}, true};
  if (n.kind != Kind::tuple || n.range.count != 2) return {};
  StateDicts found;
  for (std::size_t i = 0; i < 2; ++i) {
    const NodeId part = d.child(n.range, i);
    if (d.node(part).kind == Kind::dict) {
      found.dicts[i] = part;
    } else if (part != kNone) {
      return {};
    }
  }
  found.matches = found.dicts[0] != kNoNode || found.dicts[1] != kNoNode;
  return found;
}

// The last BUILD wins, and slots come after the dict, as Python would set them.
std::optional<NodeId> find_attribute(const Document::Impl& d, NodeId id, std::string_view name) {
  if (d.node(id).kind != Kind::object) return std::nullopt;
  const Range states = d.object(id).states;
  for (std::size_t i = states.count; i-- > 0;) {
    const StateDicts state = dicts_of(d, d.child(states, i));
    for (const NodeId dict : {state.dicts[1], state.dicts[0]}) {
      if (dict == kNoNode) continue;
      const Range entries = d.node(dict).range;
      if (const auto at = d.find_entry(entries, name)) return d.child(entries, 2 * *at + 1);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::none: return "None";
    case Kind::boolean: return "a boolean";
    case Kind::integer: return "an integer";
    case Kind::big_integer: return "a large integer";
    case Kind::real: return "a number";
    case Kind::text: return "a text";
    case Kind::bytes: return "bytes";
    case Kind::list: return "a list";
    case Kind::tuple: return "a tuple";
    case Kind::dict: return "a dict";
    case Kind::set: return "a set";
    case Kind::slice: return "a slice";
    case Kind::global: return "a class or function";
    case Kind::object: return "an object";
    case Kind::array: return "an array";
    case Kind::dtype: return "a numpy dtype";
    case Kind::persistent: return "a persistent id";
  }
  return "?";
}

Kind View::kind() const { return document_->impl().node(id_).kind; }
std::uint64_t View::offset() const { return document_->impl().node(id_).offset; }

std::string View::describe() const {
  const auto& d = document_->impl();
  const Node& n = d.node(id_);
  switch (n.kind) {
    case Kind::boolean: return n.integer != 0 ? "True" : "False";
    case Kind::integer: return "the integer " + std::to_string(n.integer);
    case Kind::real: return "the number " + real_text(n.real);
    case Kind::text: return "the text '" + excerpt(n.view().size() > 256 ? n.view().substr(0, 256) : n.view()) + "'";
    case Kind::bytes: return std::to_string(n.chars.size) + " bytes";
    case Kind::list:
    case Kind::tuple:
    case Kind::set: return std::string(kind_name(n.kind)) + " of " + std::to_string(n.range.count);
    case Kind::dict: return "a dict of " + std::to_string(n.range.count / 2);
    case Kind::global: return "the name " + excerpt(qualified_name(), 100);
    case Kind::object: {
      const std::string name = qualified_name();
      return name.empty() ? "an object made by a call" : "an object of " + excerpt(name, 100);
    }
    case Kind::array: return "an array of " + excerpt(dtype_text(), 40) + " " + shape_text(shape());
    // The opcode's name is what a person searches for.
    case Kind::persistent:
      return std::string("a persistent id (") + ((n.flags & kTextId) != 0 ? "PERSID" : "BINPERSID") + " at byte " + std::to_string(n.offset) +
             "), which only the program that wrote it can resolve";
    case Kind::dtype: return "the dtype " + excerpt(dtype_text(), 40);
    default: return std::string(kind_name(n.kind));
  }
}

std::string_view View::module() const {
  const Global* g = document_->impl().global_of(id_);
  return g == nullptr ? std::string_view() : g->module;
}

std::string_view View::name() const {
  const Global* g = document_->impl().global_of(id_);
  return g == nullptr ? std::string_view() : g->name;
}

std::string View::qualified_name() const {
  const Global* g = document_->impl().global_of(id_);
  return g == nullptr ? std::string() : std::string(g->module) + "." + std::string(g->name);
}

bool View::has(std::string_view attribute) const { return find_attribute(document_->impl(), id_, attribute).has_value(); }

std::optional<View> View::find(std::string_view attribute) const {
  const auto id = find_attribute(document_->impl(), id_, attribute);
  if (!id) return std::nullopt;
  return View(document_, *id, extended(path_, (path_.empty() ? "" : ".") + std::string(attribute)));
}

Result<View> View::attribute(std::string_view attribute_name) const {
  if (auto found = find(attribute_name)) return std::move(*found);
  const std::string what = is(Kind::object) && !name().empty() ? excerpt(name(), 60) : describe();
  const bool fitted = attribute_name.ends_with('_') && is(Kind::object);
  return Error(ErrorCode::model_refused,
               (path_.empty() ? "" : path_ + ": ") + what + " has no " + std::string(attribute_name) + (fitted ? " (is it fitted?)" : ""));
}

std::vector<std::string> View::attributes() const {
  const auto& d = document_->impl();
  std::vector<std::string> names;
  if (!is(Kind::object)) return names;
  const Range states = d.object(id_).states;
  for (std::size_t i = 0; i < states.count; ++i) {
    for (const NodeId dict : dicts_of(d, d.child(states, i)).dicts) {
      if (dict == kNoNode) continue;
      const Range entries = d.node(dict).range;
      for (std::size_t k = 0; k < entries.count; k += 2) {
        const NodeId key = d.child(entries, k);
        if (d.node(key).kind == Kind::text) names.push_back(d.text_of(key));
      }
    }
  }
  return names;
}

std::size_t View::arguments() const {
  const auto& d = document_->impl();
  return is(Kind::object) ? d.node(d.object(id_).arguments).range.count : 0;
}

std::optional<View> View::argument(std::size_t i) const {
  const auto& d = document_->impl();
  if (i >= arguments()) return std::nullopt;
  return View(document_, d.child(d.node(d.object(id_).arguments).range, i), extended(path_, "(" + std::to_string(i) + ")"));
}

std::optional<View> View::state() const {
  const auto& d = document_->impl();
  if (!is(Kind::object)) return std::nullopt;
  const Range states = d.object(id_).states;
  for (std::size_t i = states.count; i-- > 0;) {
    const NodeId state = d.child(states, i);
    if (!dicts_of(d, state).matches) return View(document_, state, extended(path_, ".state"));
  }
  return std::nullopt;
}

std::string_view View::raw() const { return is(Kind::bytes) || is(Kind::text) ? document_->impl().node(id_).view() : std::string_view(); }

std::optional<View> View::persistent_id() const {
  if (!is(Kind::persistent)) return std::nullopt;
  return View(document_, document_->impl().node(id_).index, extended(path_, ".id"));
}

std::optional<View> View::callable() const {
  if (!is(Kind::object)) return std::nullopt;
  return View(document_, document_->impl().object(id_).callable, extended(path_, ".__class__"));
}

std::size_t View::size() const {
  const auto& d = document_->impl();
  const Node& n = d.node(id_);
  if (has_children(n.kind)) return n.range.count;
  if (n.kind == Kind::object) return d.object(id_).items.count;
  if (n.kind == Kind::array) return d.array(id_).items.count;
  return 0;
}

View View::at(std::size_t i) const {
  const auto& d = document_->impl();
  const Node& n = d.node(id_);
  if (n.kind == Kind::array) return {document_, d.item(d.array(id_), i), indexed(path_, i)};
  const Range& range = n.kind == Kind::object ? d.object(id_).items : n.range;
  return {document_, d.child(range, i), indexed(path_, i)};
}

std::size_t View::entries() const { return document_->impl().entries_of(id_).count / 2; }

View View::key_at(std::size_t i) const {
  const auto& d = document_->impl();
  return {document_, d.child(d.entries_of(id_), 2 * i), extended(path_, ".keys()[" + std::to_string(i) + "]")};
}

View View::value_at(std::size_t i) const {
  const auto& d = document_->impl();
  const Range entries = d.entries_of(id_);
  const Node& key = d.node(d.child(entries, 2 * i));
  std::string step = "[" + std::to_string(i) + "]";
  if (key.kind == Kind::text) step = "['" + excerpt(key.view().size() > 256 ? key.view().substr(0, 256) : key.view()) + "']";
  if (key.kind == Kind::integer) step = "[" + std::to_string(key.integer) + "]";
  return {document_, d.child(entries, 2 * i + 1), extended(path_, step)};
}

std::optional<View> View::get(std::string_view key) const {
  const auto& d = document_->impl();
  const auto at = d.find_entry(d.entries_of(id_), key);
  if (!at) return std::nullopt;
  return value_at(*at);
}

}  // namespace slipway::pickle
