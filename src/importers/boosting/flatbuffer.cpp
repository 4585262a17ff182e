#include "slipway/importers/boosting/flatbuffer.hpp"

namespace slipway::importers::boosting {
namespace {

template <class T>
std::optional<T> read(std::string_view bytes, std::size_t at) {
  if (at > bytes.size() || bytes.size() - at < sizeof(T)) return std::nullopt;
  T v;
  std::memcpy(&v, bytes.data() + at, sizeof v);
  return v;
}

// An offset counts from where it stands.
std::optional<std::size_t> target(std::string_view bytes, std::size_t at) {
  const auto offset = read<std::uint32_t>(bytes, at);
  if (!offset || *offset > bytes.size() - at) return std::nullopt;
  return at + *offset;
}

std::string_view text_at(std::string_view bytes, std::size_t at) {
  const auto size = read<std::uint32_t>(bytes, at);
  if (!size || *size > bytes.size() - at - 4) return {};
  return bytes.substr(at + 4, *size);
}

}  // namespace

std::optional<FlatTable> FlatTable::root(std::string_view bytes) {
  const auto position = target(bytes, 0);
  return position ? at(bytes, *position) : std::nullopt;
}

std::optional<FlatTable> FlatTable::at(std::string_view bytes, std::size_t position) {
  const auto back = read<std::int32_t>(bytes, position);
  if (!back) return std::nullopt;
  const std::int64_t vtable = static_cast<std::int64_t>(position) - *back;
  if (vtable < 0) return std::nullopt;
  const auto size = read<std::uint16_t>(bytes, static_cast<std::size_t>(vtable));
  if (!size || *size < 4 || *size > bytes.size() - static_cast<std::size_t>(vtable)) return std::nullopt;
  return FlatTable(bytes, position, static_cast<std::size_t>(vtable), (*size - 4U) / 2);
}

std::optional<std::size_t> FlatTable::place(std::size_t field, std::size_t size) const {
  if (field >= fields_) return std::nullopt;
  const auto offset = read<std::uint16_t>(bytes_, vtable_ + 4 + 2 * field);
  if (!offset || *offset == 0 || *offset > bytes_.size() - position_ || bytes_.size() - position_ - *offset < size) return std::nullopt;
  return position_ + *offset;
}

std::optional<std::size_t> FlatTable::follow(std::size_t field) const {
  const auto position = place(field, 4);
  return position ? target(bytes_, *position) : std::nullopt;
}

std::optional<FlatTable> FlatTable::table(std::size_t field) const {
  const auto position = follow(field);
  return position ? at(bytes_, *position) : std::nullopt;
}

std::string_view FlatTable::text(std::size_t field) const {
  const auto position = follow(field);
  return position ? text_at(bytes_, *position) : std::string_view();
}

FlatVector FlatTable::vector(std::size_t field, std::size_t size) const {
  const auto position = follow(field);
  if (!position) return {};
  const auto count = read<std::uint32_t>(bytes_, *position);
  if (!count || *count > (bytes_.size() - *position - 4) / size) return {};
  return {bytes_, *position + 4, *count, size};
}

std::optional<FlatTable> FlatVector::table(std::size_t i) const {
  const auto position = target(bytes_, first_ + i * size_);
  return position ? FlatTable::at(bytes_, *position) : std::nullopt;
}

std::string_view FlatVector::text(std::size_t i) const {
  const auto position = target(bytes_, first_ + i * size_);
  return position ? text_at(bytes_, *position) : std::string_view();
}

}  // namespace slipway::importers::boosting
