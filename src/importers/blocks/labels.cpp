#include "slipway/importers/blocks/labels.hpp"

#include "slipway/importers/blocks/refuse.hpp"

namespace slipway::importers {
namespace {

constexpr std::size_t kClassesMax = 100'000;

enum class Family { integers, reals, booleans, texts, mixed };

Family family_of(const pickle::View& v) {
  switch (v.kind()) {
    case pickle::Kind::boolean: return Family::booleans;
    case pickle::Kind::integer: return Family::integers;
    case pickle::Kind::real: return Family::reals;
    case pickle::Kind::text: return Family::texts;
    default: return Family::mixed;
  }
}

Family family_of_array(const pickle::View& classes) {
  const std::string dtype = classes.is(pickle::Kind::array) ? classes.dtype_text() : "O";
  if (dtype.find_first_of("OUS") == std::string::npos && dtype.size() > 1) {
    const char kind = dtype[1];
    return kind == 'f' ? Family::reals : kind == 'b' ? Family::booleans : kind == 'i' || kind == 'u' ? Family::integers : Family::mixed;
  }
  if (dtype.find('U') != std::string::npos || dtype.find('S') != std::string::npos) return Family::texts;
  if (classes.size() == 0) return Family::mixed;
  const Family first = family_of(classes.at(0));
  for (std::size_t i = 1; i < classes.size(); ++i) {
    if (family_of(classes.at(i)) != first) return Family::mixed;
  }
  return first;
}

}  // namespace

graph::Val Labels::pick(graph::Builder& graph, const graph::Val& index) const {
  return graph::Builder::typed(graph.gather(graph.constant(values), index, 0), values.dtype(), -1);
}

Result<Labels> read_labels(const pickle::View& classes) {
  if (!classes.is(pickle::Kind::array) && !classes.is(pickle::Kind::list)) {
    return refuse(classes, "the classes are " + classes.describe() + ", an array was expected");
  }
  if (classes.is(pickle::Kind::array) && classes.shape().size() != 1) return refuse(classes, "the classes are not one list");
  Labels labels;
  switch (family_of_array(classes)) {
    case Family::texts: {
      auto texts = TRY(classes.texts());
      for (const auto& text : texts) labels.shown.emplace_back(text);
      const auto n = static_cast<std::int64_t>(texts.size());
      labels.values = Tensor::of_strings({n}, std::move(texts));
      break;
    }
    case Family::integers: {
      const auto values = TRY(classes.integers());
      for (const auto v : values) labels.shown.emplace_back(v);
      labels.values = int64s({static_cast<std::int64_t>(values.size())}, values);
      break;
    }
    case Family::booleans: {
      const auto values = TRY(classes.doubles());
      std::vector<std::uint8_t> bytes;
      for (const double v : values) {
        labels.shown.emplace_back(v != 0);
        bytes.push_back(v != 0 ? 1 : 0);
      }
      labels.values = Tensor::of<std::uint8_t>(DType::boolean, {static_cast<std::int64_t>(bytes.size())}, bytes);
      break;
    }
    case Family::reals: {
      const auto values = TRY(classes.doubles());
      for (const double v : values) labels.shown.emplace_back(v);
      labels.values = doubles({static_cast<std::int64_t>(values.size())}, values);
      break;
    }
    case Family::mixed: return refuse(classes, "the classes are of mixed kinds, which is not supported");
  }
  if (labels.count() == 0 || labels.count() > kClassesMax) return refuse(classes, "there are " + std::to_string(labels.count()) + " classes");
  return labels;
}

}  // namespace slipway::importers
