#include "slipway/formats/document.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "slipway/formats/document_reader.hpp"

namespace slipway::document {

const Value* Value::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

const Value* Value::find(std::initializer_list<std::string_view> path) const {
  const Value* at = this;
  for (const std::string_view key : path) {
    at = at->find(key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

namespace {

constexpr std::size_t kMixedMax = 100'000;  // a list of mixed kinds is a node each

// False: the list is too long to mix kinds.
bool append(Value& list, Value item) {
  const bool number = item.kind == Value::Kind::number || item.kind == Value::Kind::boolean;
  if (number && list.items.empty() && list.texts.empty()) {
    list.numbers.push_back(item.number);
    return true;
  }
  if (item.kind == Value::Kind::text && list.items.empty() && list.numbers.empty()) {
    list.texts.push_back(std::move(item.text));
    return true;
  }
  if (list.size() > kMixedMax && item.kind != Value::Kind::object && item.kind != Value::Kind::list) return false;
  if (list.numbers.size() + list.texts.size() > kMixedMax) return false;
  const auto alone = [&list](Value::Kind kind) {
    list.items.emplace_back();
    list.items.back().kind = kind;
    return &list.items.back();
  };
  for (const double v : list.numbers) alone(Value::Kind::number)->number = v;
  for (std::string& t : list.texts) alone(Value::Kind::text)->text = std::move(t);
  list.numbers.clear();
  list.texts.clear();
  list.items.push_back(std::move(item));
  return true;
}

class Json : public Reader {
 public:
  using Reader::Reader;

  Result<Value> value(int depth) {
    blanks();
    if (done()) return broken("ends in the middle");
    const char c = peek();
    if (c == '{') return object(depth);
    if (c == '[') return list(depth);
    if (c == '"') return text_value();
    return word();
  }
  void blanks() {
    while (!done() && (peek() == ' ' || peek() == '\n' || peek() == '\t' || peek() == '\r')) skip(1);
  }

 private:
  Result<Value> text_value() {
    Value out;
    out.kind = Value::Kind::text;
    out.text = TRY(text());
    return out;
  }

  Result<Value> word() {
    static constexpr std::pair<std::string_view, double> kWords[] = {
        {"true", 1}, {"false", 0}, {"NaN", std::numeric_limits<double>::quiet_NaN()}, {"Infinity", HUGE_VAL}, {"-Infinity", -HUGE_VAL}};
    Value out;
    out.kind = Value::Kind::number;
    for (const auto& [name, number] : kWords) {
      if (!accept(name)) continue;
      if (name == "true" || name == "false") out.kind = Value::Kind::boolean;
      out.number = number;
      return out;
    }
    if (accept("null")) return Value{};
    const std::string_view rest = left();
    const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), out.number);
    if (read.ec == std::errc::invalid_argument || !(rest[0] == '-' || (rest[0] >= '0' && rest[0] <= '9'))) return broken("holds no value here");
    if (read.ec == std::errc::result_out_of_range) out.number = 0;  // XGBoost writes float32: only denormals of a wider type end here
    skip(static_cast<std::size_t>(read.ptr - rest.data()));
    return out;
  }

  // What nearly all of a model is: a finite number in a list of numbers.
  bool plain_number(Value& list) {
    blanks();
    if (done() || !list.texts.empty() || !list.items.empty() || !(peek() == '-' || (peek() >= '0' && peek() <= '9'))) return false;
    const std::string_view rest = left();
    double v = 0;
    const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), v);
    if (read.ec != std::errc()) return false;
    list.numbers.push_back(v);
    skip(static_cast<std::size_t>(read.ptr - rest.data()));
    return true;
  }

  Result<Value> list(int depth) {
    TRY(enter(depth));
    Value out;
    out.kind = Value::Kind::list;
    skip(1);
    blanks();
    if (accept("]")) return out;
    for (;;) {
      if (!plain_number(out)) {
        Value item = TRY(value(depth + 1));
        if (!append(out, std::move(item))) return broken("has a list of mixed kinds");
      }
      blanks();
      if (accept("]")) return out;
      if (!accept(",")) return broken("lacks a comma in a list");
    }
  }

  Result<Value> object(int depth) {
    TRY(enter(depth));
    Value out;
    out.kind = Value::Kind::object;
    skip(1);
    blanks();
    if (accept("}")) return out;
    for (;;) {
      blanks();
      std::string key = TRY(text());
      if (out.members.size() > kMembersMax) return broken("has an object of too many members");
      if (out.find(key) != nullptr) return broken("has a member twice");
      blanks();
      if (!accept(":")) return broken("lacks a colon");
      Value member = TRY(value(depth + 1));
      out.members.emplace_back(std::move(key), std::move(member));
      TRY(count());
      blanks();
      if (accept("}")) return out;
      if (!accept(",")) return broken("lacks a comma in an object");
    }
  }

  static void append_utf8(std::string& out, std::uint32_t c) {
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else if (c < 0x800) {
      out += {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
    } else if (c < 0x10000) {
      out += {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3F)), static_cast<char>(0x80 | (c & 0x3F))};
    } else {
      out += {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 0x3F)), static_cast<char>(0x80 | (c >> 6 & 0x3F)),
              static_cast<char>(0x80 | (c & 0x3F))};
    }
  }
  Result<std::uint32_t> hex4() {
    const std::string_view digits = left().substr(0, 4);
    std::uint32_t c = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), c, 16);
    if (read.ec != std::errc() || read.ptr != digits.data() + 4) return broken("has a bad escape");
    skip(4);
    return c;
  }
  Status escape(std::string& out) {
    if (done()) return broken("ends inside a text");
    const char c = peek();
    skip(1);
    static constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
    if (const auto at = kFrom.find(c); at != std::string_view::npos) {
      out += kTo[at];
      return ok();
    }
    if (c != 'u') return broken("has a bad escape");
    std::uint32_t code = TRY(hex4());
    if (code >= 0xD800 && code < 0xDC00 && accept("\\u")) {
      const std::uint32_t low = TRY(hex4());
      if (low < 0xDC00 || low > 0xDFFF) return broken("has a bad escape");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
    return ok();
  }
  Result<std::string> text() {
    if (!accept("\"")) return broken("lacks a text");
    std::string out;
    for (;;) {
      const std::size_t run = left().find_first_of("\"\\");
      if (run == std::string_view::npos) return broken("ends inside a text");
      out += left().substr(0, run);
      skip(run);
      if (accept("\"")) return out;
      skip(1);
      TRY(escape(out));
    }
  }
};

// UBJSON: a type letter, then what it says; integers are big-endian.
class Ubjson : public Reader {
 public:
  using Reader::Reader;

  Result<Value> value(int depth) {
    if (done()) return broken("ends in the middle");
    const char type = peek();
    skip(1);
    return of_type(type, depth);
  }

 private:
  static std::size_t width(char type) {
    switch (type) {
      case 'i':
      case 'U':
      case 'C': return 1;
      case 'I': return 2;
      case 'l':
      case 'd': return 4;
      case 'L':
      case 'D': return 8;
      default: return 0;
    }
  }

  static double decode(const char* at, char type) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < width(type); ++i) bits = bits << 8 | static_cast<unsigned char>(at[i]);
    switch (type) {
      case 'i': return static_cast<std::int8_t>(bits);
      case 'I': return static_cast<std::int16_t>(bits);
      case 'l': return static_cast<std::int32_t>(bits);
      case 'L': return static_cast<double>(static_cast<std::int64_t>(bits));
      case 'd': return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
      case 'D': return std::bit_cast<double>(bits);
      default: return static_cast<double>(bits);
    }
  }

  Result<double> number(char type) {
    const std::size_t size = width(type);
    if (size == 0) return broken("has a value of an unknown type");
    if (left().size() < size) return broken("ends in the middle");
    const double v = decode(left().data(), type);
    skip(size);
    return v;
  }

  Result<std::size_t> length() {
    if (done()) return broken("ends in the middle");
    const char type = peek();
    skip(1);
    if (type == 'd' || type == 'D' || type == 'C') return broken("has a length that is no integer");
    const double n = TRY(number(type));
    if (n < 0 || n > static_cast<double>(left().size())) return broken("has a length beyond its end");
    return static_cast<std::size_t>(n);
  }

  Result<std::string> text() {
    const std::size_t size = TRY(length());
    std::string out(left().substr(0, size));
    skip(size);
    return out;
  }

  Result<Value> of_type(char type, int depth) {
    Value out;
    switch (type) {
      case '{': return object(depth);
      case '[': return list(depth);
      case 'S':
        out.kind = Value::Kind::text;
        out.text = TRY(text());
        return out;
      case 'Z': return out;
      case 'T':
      case 'F':
        out.kind = Value::Kind::boolean;
        out.number = type == 'T' ? 1 : 0;
        return out;
      default:
        out.kind = Value::Kind::number;
        out.number = TRY(number(type));
        return out;
    }
  }

  struct Header {
    std::optional<char> type;
    std::optional<std::size_t> count;
  };
  Result<Header> header() {
    Header h;
    if (accept("$")) {
      if (done()) return broken("ends in the middle");
      h.type = peek();
      skip(1);
    }
    if (accept("#")) h.count = TRY(length());
    if (h.type && !h.count) return broken("has a typed list without a length");
    return h;
  }

  Result<Value> list(int depth) {
    TRY(enter(depth));
    Value out;
    out.kind = Value::Kind::list;
    const Header h = TRY(header());
    if (h.type && width(*h.type) != 0) {  // what nearly all of a model is
      const std::size_t size = width(*h.type);
      if (*h.count > left().size() / size) return broken("ends inside a list");
      out.numbers.reserve(*h.count);
      for (std::size_t i = 0; i < *h.count; ++i) out.numbers.push_back(decode(left().data() + i * size, *h.type));
      skip(*h.count * size);
      return out;
    }
    if (h.type && *h.type != 'S' && *h.type != '[' && *h.type != '{') return broken("has a list of an unknown type");  // no bytes each: no bound
    for (std::size_t i = 0; !h.count || i < *h.count; ++i) {
      if (!h.count && accept("]")) break;
      Value item = TRY(h.type ? of_type(*h.type, depth + 1) : value(depth + 1));
      if (!append(out, std::move(item))) return broken("has a list of mixed kinds");
    }
    return out;
  }

  Result<Value> object(int depth) {
    TRY(enter(depth));
    Value out;
    out.kind = Value::Kind::object;
    const Header h = TRY(header());
    if (h.type && width(*h.type) == 0 && *h.type != 'S' && *h.type != '[' && *h.type != '{') return broken("has an object of an unknown type");
    for (std::size_t i = 0; !h.count || i < *h.count; ++i) {
      if (!h.count && accept("}")) break;
      std::string key = TRY(text());
      if (out.members.size() > kMembersMax) return broken("has an object of too many members");
      if (out.find(key) != nullptr) return broken("has a member twice");
      Value member = TRY(h.type ? of_type(*h.type, depth + 1) : value(depth + 1));
      out.members.emplace_back(std::move(key), std::move(member));
      TRY(count());
    }
    return out;
  }
};

}  // namespace

Result<Value> read_json(std::string_view bytes, const Limits& limits) {
  Json reader(bytes, limits, "the JSON");
  Value out = TRY(reader.value(0));
  reader.blanks();
  if (!reader.done()) return reader.broken("goes on behind its end");
  return out;
}

Result<Value> read_ubjson(std::string_view bytes, const Limits& limits) {
  Ubjson reader(bytes, limits, "the UBJSON");
  Value out = TRY(reader.value(0));
  if (!reader.done()) return reader.broken("goes on behind its end");
  return out;
}

}  // namespace slipway::document
