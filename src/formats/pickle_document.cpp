#include "slipway/formats/pickle_document.hpp"

#include <algorithm>
#include <cstring>
#include <set>

namespace slipway::pickle {
namespace {

constexpr std::size_t kScanMax = 16;         // entries that a look-up scans
constexpr std::size_t kIndexedKeyMax = 256;  // longer keys are not in the index: comparing them could cost more than the file

bool before(std::string_view a, std::string_view b) { return a.size() != b.size() ? a.size() < b.size() : a < b; }

}  // namespace

// Doubles the stretch where it stands at the pool's end, else moves it there: amortised linear.
void Document::Impl::append(Range& range, std::span<const NodeId> ids) {
  const auto n = static_cast<std::uint32_t>(ids.size());
  if (n == 0) return;
  if (range.capacity - range.count < n) {
    const bool at_end = range.begin + range.capacity == pool.size();
    const std::uint32_t wanted = range.count == 0 ? n : std::max(range.count * 2, range.count + n);
    if (!at_end) {
      const auto begin = static_cast<std::uint32_t>(pool.size());
      pool.resize(pool.size() + wanted, kNone);
      std::copy_n(pool.begin() + range.begin, range.count, pool.begin() + begin);
      range.begin = begin;
    } else {
      pool.resize(range.begin + std::size_t{wanted}, kNone);
    }
    range.capacity = wanted;
  }
  std::copy(ids.begin(), ids.end(), pool.begin() + range.begin + range.count);
  range.count += n;
}

std::size_t Document::Impl::element(const Array& array, std::size_t i) const {
  if (array.strides.empty()) return i;
  std::size_t at = 0;
  for (std::size_t axis = array.shape.size(); axis-- > 0;) {
    const auto size = static_cast<std::size_t>(array.shape[axis]);
    at += i % size * static_cast<std::size_t>(array.strides[axis]);
    i /= size;
  }
  return at;
}

const Global* Document::Impl::global_of(NodeId id) const {
  if (nodes[id].kind == Kind::global) return &globals[nodes[id].index];
  if (nodes[id].kind == Kind::array) {
    const NodeId subclass = array(id).subclass;
    return subclass == kNoNode ? nullptr : global_of(subclass);
  }
  if (nodes[id].kind != Kind::object) return nullptr;
  const NodeId callable = object(id).callable;
  return nodes[callable].kind == Kind::global ? &globals[nodes[callable].index] : nullptr;
}

Range Document::Impl::entries_of(NodeId id) const {
  if (nodes[id].kind == Kind::dict) return nodes[id].range;
  if (nodes[id].kind == Kind::object) return object(id).entries;
  return {};
}

bool Document::Impl::text_is(NodeId id, std::string_view value) const {
  const Node& n = nodes[id];
  if (n.kind != Kind::text) return false;
  if (n.view() == value) {
    if ((n.flags & kLatin1) == 0) return true;
    return std::all_of(value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  }
  if ((n.flags & kLatin1) == 0 || n.chars.size >= value.size()) return false;
  return latin1_to_utf8(n.view()) == value;
}

std::string Document::Impl::text_of(NodeId id) const {
  const Node& n = nodes[id];
  return (n.flags & kLatin1) != 0 ? latin1_to_utf8(n.view()) : std::string(n.view());
}

std::optional<std::size_t> Document::Impl::find_entry(const Range& entries, std::string_view key) const {
  const std::size_t n = entries.count / 2;
  auto key_node = [&](std::size_t i) { return child(entries, 2 * i); };
  if (n <= kScanMax || key.size() > kIndexedKeyMax) {
    for (std::size_t i = n; i-- > 0;) {
      if (text_is(key_node(i), key)) return i;
    }
    return std::nullopt;
  }
  // A stretch may be indexed while shorter (a snapshot of it): then its index is made anew.
  auto& sorted = sorted_keys[entries.begin];
  auto text_at = [&](std::uint32_t i) { return nodes[key_node(i)].view(); };
  if (sorted.empty() || sorted[0] != n) {
    sorted.assign(1, static_cast<std::uint32_t>(n));  // [0]: what it covers
    for (std::uint32_t i = 0; i < n; ++i) {
      const Node& k = nodes[key_node(i)];
      if (k.kind == Kind::text && k.chars.size <= kIndexedKeyMax) sorted.push_back(i);
    }
    std::stable_sort(sorted.begin() + 1, sorted.end(), [&](auto a, auto b) { return before(text_at(a), text_at(b)); });
  }
  auto it = std::upper_bound(sorted.begin() + 1, sorted.end(), key, [&](auto k, auto i) { return before(k, text_at(i)); });
  if (it == sorted.begin() + 1) return std::nullopt;
  return text_at(*--it) == key ? std::optional<std::size_t>(*it) : std::nullopt;
}

std::string latin1_to_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x80) {
      out.push_back(c);
    } else {
      out.push_back(static_cast<char>(0xC0 | (u >> 6)));
      out.push_back(static_cast<char>(0x80 | (u & 0x3F)));
    }
  }
  return out;
}

std::optional<std::string> utf8_to_latin1(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto u = static_cast<unsigned char>(text[i]);
    if (u < 0x80) {
      out.push_back(text[i]);
      continue;
    }
    if ((u != 0xC2 && u != 0xC3) || i + 1 == text.size()) return std::nullopt;
    const auto next = static_cast<unsigned char>(text[++i]);
    if ((next & 0xC0) != 0x80) return std::nullopt;
    out.push_back(static_cast<char>((u & 3) << 6 | (next & 0x3F)));
  }
  return out;
}

void append_utf8(std::string& out, std::uint32_t c) {
  auto tail = [&](int shift) { out.push_back(static_cast<char>(0x80 | (c >> shift & 0x3F))); };
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xC0 | c >> 6));
    tail(0);
  } else if (c < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | c >> 12));
    tail(6), tail(0);
  } else {
    out.push_back(static_cast<char>(0xF0 | (c >> 18 & 7)));
    tail(12), tail(6), tail(0);
  }
}

std::optional<std::string> utf32_to_utf8(std::span<const std::byte> characters, bool big_endian) {
  std::string out;
  std::size_t kept = 0;
  for (std::size_t i = 0; i + 4 <= characters.size(); i += 4) {
    std::uint32_t c = 0;
    std::memcpy(&c, characters.data() + i, 4);
    if (big_endian) c = __builtin_bswap32(c);
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return std::nullopt;
    append_utf8(out, c);
    if (c != 0) kept = out.size();
  }
  out.resize(kept);
  return out;
}

Document::Document(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Document::~Document() = default;
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;

View Document::root() const { return {this, impl_->root, ""}; }
int Document::protocol() const { return impl_->protocol; }
bool Document::is_joblib() const { return impl_->joblib; }

std::vector<View> Document::persistents() const {
  std::vector<View> out;
  for (std::size_t i = 0; i < impl_->nodes.size(); ++i) {
    if (impl_->nodes[i].kind == Kind::persistent) out.push_back(View(this, static_cast<NodeId>(i), ""));
  }
  return out;
}

std::vector<std::string> Document::globals() const {
  std::set<std::string> names;
  for (const Global& g : impl_->globals) names.insert(std::string(g.module) + "." + std::string(g.name));
  return {names.begin(), names.end()};
}

}  // namespace slipway::pickle
