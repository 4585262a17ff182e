#include "slipway/importers/python/ast.hpp"

#include "slipway/importers/python/storage.hpp"

namespace slipway::python {

Storage::Storage(std::string text) : source(std::move(text)) {
  line_starts_.push_back(0);
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\n') line_starts_.push_back(static_cast<std::uint32_t>(i + 1));
  }
}

std::string_view Storage::line(std::uint32_t number) const {
  if (number == 0 || number > line_starts_.size()) return {};
  const std::string_view from = std::string_view(source).substr(line_starts_[number - 1]);
  return from.substr(0, from.find('\n'));
}

Module::Module(std::unique_ptr<Storage> storage) : storage_(std::move(storage)) {}
Module::Module(Module&&) noexcept = default;
Module& Module::operator=(Module&&) noexcept = default;
Module::~Module() = default;

Block Module::body() const { return storage_->body; }
std::span<const Stmt* const> Module::unsupported() const { return storage_->unsupported; }
std::string_view Module::source() const { return storage_->source; }
std::string_view Module::line(std::uint32_t number) const { return storage_->line(number); }

}  // namespace slipway::python
