// Layers that make numbers of texts and of identifiers: by a vocabulary, or by a hash.
#include <algorithm>
#include <charconv>

#include "slipway/importers/blocks/neural/elementwise.hpp"
#include "slipway/importers/blocks/neural/shapes.hpp"
#include "slipway/importers/keras/layer.hpp"

namespace slipway::importers::keras {

using graph::attr;

namespace {

constexpr std::int64_t kTokensMax = 10'000'000;
constexpr const char* kOwn = "slipway";  // the domain of our own operators

// The words or numbers of a lookup as the file has them: from the configuration, or a text file of the archive.
Result<std::vector<std::string>> vocabulary_of(const Call& call) {
  std::vector<std::string> out;
  const json::Value* v = call.config.find("vocabulary");
  if (v != nullptr && v->is_object()) v = v->find("config");
  if (v != nullptr && v->is_object()) v = v->find("value");
  if (v != nullptr && v->is_array()) {
    for (const json::Value& item : v->as_array()) out.push_back(item.is_string() ? item.as_string() : item.dump());
    return out;
  }
  if (v != nullptr && v->is_string()) return refuse(call, "its vocabulary is a file outside of the model");
  for (const std::string_view name : {"vocabulary.txt", "_lookup_layer/vocabulary.txt"}) {
    const auto file = call.asset ? call.asset(name) : std::nullopt;
    if (!file) continue;
    for (std::size_t at = 0; at < file->size();) {
      const std::size_t end = std::min(file->find('\n', at), file->size());
      out.push_back(file->substr(at, end - at));
      at = end + 1;
    }
    return out;
  }
  return refuse(call, "the file doesn't hold its vocabulary (Keras 3 loses it in .h5 files): save the model as .keras");
}

// A vocabulary and where its words stand: behind the mask (where the answer is places) and those of unknown words.
struct Vocabulary {
  std::vector<std::string> words;   // without mask and unknown ones
  std::optional<std::string> mask;  // the token that stands for nothing
  std::string unknown_token;
  std::int64_t unknown = 1;  // how many places unknown ones share
  std::string mode;          // the output mode
  bool places = true;        // the answer is places, the mask's is 0
  std::int64_t before = 0;   // places in front of those of unknown ones
  std::int64_t first = 0;    // the first word's place
  std::int64_t tokens = 0;   // how many places there are
};

// A token of the configuration, which may be a number.
std::optional<std::string> token_of(const Call& call, std::string_view key) {
  const json::Value* v = call.config.find(key);
  if (v == nullptr || v->is_null()) return std::nullopt;
  return v->is_string() ? v->as_string() : v->dump();
}

Result<Vocabulary> read_vocabulary(const Call& call, std::optional<std::string> mask, std::string unknown_token) {
  Vocabulary v;
  v.words = TRY(vocabulary_of(call));
  v.mask = std::move(mask);
  v.unknown_token = std::move(unknown_token);
  v.unknown = TRY(int_of(call, "num_oov_indices", 1));
  v.mode = TRY(text_of(call, "output_mode", "int"));
  v.places = v.mode == "int";
  if (v.unknown < 0 || v.unknown > kTokensMax) return refuse(call, "\"num_oov_indices\" is out of bounds");
  // As get_vocabulary() gives it, it begins with the mask and the unknown token; as it was passed it doesn't.
  if (v.mask && !v.words.empty() && v.words[0] == *v.mask) v.words.erase(v.words.begin());
  const auto known =
      std::find_if(v.words.begin(), v.words.begin() + static_cast<std::ptrdiff_t>(std::min(v.words.size(), static_cast<std::size_t>(v.unknown))),
                   [&](const std::string& word) { return word != v.unknown_token; });
  v.words.erase(v.words.begin(), known);
  v.before = v.mask && v.places ? 1 : 0;
  v.first = v.before + v.unknown;
  v.tokens = v.first + static_cast<std::int64_t>(v.words.size());
  if (TRY(bool_of(call, "pad_to_max_tokens", false))) v.tokens = std::max(v.tokens, TRY(int_of(call, "max_tokens", v.tokens)));
  if (v.tokens > kTokensMax) return refuse(call, "has too many tokens");
  return v;
}

Result<std::vector<std::int64_t>> integers_of(const Call& call, const std::vector<std::string>& words) {
  std::vector<std::int64_t> out;
  for (const std::string& word : words) {
    std::int64_t n = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), n);
    if (error != std::errc() || end != word.data() + word.size())
      return refuse(call, "its vocabulary holds \"" + word.substr(0, 40) + "\", which is no integer");
    out.push_back(n);
  }
  return out;
}

// Texts, or integers as texts, in buckets by TensorFlow's hash; of 0 buckets the hash itself.
Result<Value> bucket_of(const Call& call, const Value& x, std::int64_t buckets) {
  std::vector<graph::Attribute> attributes{attr("buckets", buckets)};
  if (const json::Value* salt = call.config.find("salt"); salt != nullptr && !salt->is_null())
    attributes.push_back(attr("keys", TRY(ints_of(call, "salt", 2, 0))));
  const Value texts = x.dtype() == DType::string ? x : call.net.cast(call.net.cast(x, DType::int64), DType::string);
  return call.net.op("HashBucket", {texts}, DType::int64, x.dims, std::move(attributes), kOwn);
}

// Where an unknown one stands among the places of unknown ones.
Result<Value> unknown_place(const Call& call, const Value& x, const Vocabulary& v) {
  Net& net = call.net;
  const bool modulo = x.dtype() != DType::string && TRY(text_of(call, "oov_method", "floormod")) != "farmhash";
  const Value place = modulo ? net.op("Mod", {x, net.number(static_cast<double>(v.unknown), DType::int64)}, DType::int64, x.dims)
                             : TRY(bucket_of(call, x, v.unknown));
  return neural::add(net, place, net.number(static_cast<double>(v.before), DType::int64));
}

// From places back to words.
Result<std::vector<Tracked>> words_at(const Call& call, const Vocabulary& v, bool strings) {
  std::vector<std::int64_t> places;
  std::vector<std::string> words = v.words;
  for (std::size_t i = 0; i < words.size(); ++i) places.push_back(v.first + static_cast<std::int64_t>(i));
  if (v.mask) {
    words.push_back(*v.mask);
    places.push_back(0);
  }
  const Value x = call.net.cast(input(call), DType::int64);
  if (strings)
    return one(call.net.op("LabelEncoder", {x}, DType::string, x.dims,
                           {attr("keys_int64s", places), attr("values_strings", words), attr("default_string", v.unknown_token)}, "ai.onnx.ml"));
  const std::vector<std::int64_t> numbers = TRY(integers_of(call, words)), otherwise = TRY(integers_of(call, {v.unknown_token}));
  return one(call.net.op("LabelEncoder", {x}, DType::int64, x.dims,
                         {attr("keys_int64s", places), attr("values_int64s", numbers), attr("default_int64", otherwise[0])}, "ai.onnx.ml"));
}

}  // namespace

// StringLookup and IntegerLookup: place in the vocabulary behind mask and unknown ones.
Result<std::vector<Tracked>> lookup(const Call& call) {
  TRY(takes(call, 1));
  Net& net = call.net;
  const bool strings = call.class_name == "StringLookup";
  const Vocabulary v = TRY(read_vocabulary(call, token_of(call, "mask_token"), token_of(call, "oov_token").value_or(strings ? "[UNK]" : "-1")));
  if (TRY(bool_of(call, "invert", false))) return words_at(call, v, strings);
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < v.words.size(); ++i) places.push_back(v.first + static_cast<std::int64_t>(i));
  std::vector<std::string> keys = v.words;
  constexpr std::int64_t kNowhere = -1, kLeftOut = -2;  // places that no row of counts has
  if (v.mask) {
    keys.push_back(*v.mask);
    places.push_back(v.places ? 0 : kLeftOut);
  }
  const std::int64_t otherwise = v.unknown == 1 ? v.before : kNowhere;
  Value x = input(call), ids;
  if (strings) {
    if (x.dtype() != DType::string) return refuse(call, "its input must be texts: give keras.Input(dtype=\"string\")");
    ids = net.op("LabelEncoder", {x}, DType::int64, x.dims,
                 {attr("keys_strings", keys), attr("values_int64s", places), attr("default_int64", otherwise)}, "ai.onnx.ml");
  } else {
    x = net.cast(x, DType::int64);
    ids = net.op("LabelEncoder", {x}, DType::int64, x.dims,
                 {attr("keys_int64s", TRY(integers_of(call, keys))), attr("values_int64s", places), attr("default_int64", otherwise)}, "ai.onnx.ml");
  }
  if (v.unknown > 1) {
    const Value nowhere = TRY(neural::compare(net, "Equal", ids, net.number(kNowhere, DType::int64)));
    ids = TRY(neural::where(net, nowhere, TRY(unknown_place(call, x, v)), ids));
  }
  return one(TRY(encoded(call, ids, v.tokens, v.mode)));
}

// Texts to tokens to their places, or to counts of them.
Result<std::vector<Tracked>> text_vectorization(const Call& call) {
  TRY(takes(call, 1));
  Net& net = call.net;
  const Value& x = input(call);
  if (x.dtype() != DType::string) return refuse(call, "its input must be texts: give keras.Input(dtype=\"string\")");
  if (x.rank() < 1 || x.rank() > 2) return refuse(call, "an input of shape " + neural::dims_text(x.dims) + ": one text a row is wanted");
  const auto choice = [&](std::string_view key, std::string_view otherwise) -> Result<std::string> {
    const json::Value* v = call.config.find(key);
    if (v != nullptr && v->is_null()) return std::string("none");
    if (v != nullptr && !v->is_string())
      return refuse(call, "its \"" + std::string(key) +
                              "\" is a Python function, which is not in the file: use one of Keras' own, or prepare the texts "
                              "before they are sent");
    return text_of(call, key, std::string(otherwise));
  };
  const std::string standardize = TRY(choice("standardize", "lower_and_strip_punctuation")), split = TRY(choice("split", "whitespace"));
  const bool both = standardize == "lower_and_strip_punctuation";
  if (!both && standardize != "lower" && standardize != "strip_punctuation" && standardize != "none")
    return refuse(call, "the way to standardize \"" + standardize + "\" is not known");
  if (split != "whitespace" && split != "character" && split != "none") return refuse(call, "the way to split \"" + split + "\" is not known");
  if (TRY(bool_of(call, "ragged", false))) return refuse(call, "gives rows of different lengths (ragged=True): build it with ragged=False");
  std::vector<std::int64_t> widths;
  if (const json::Value* ngrams = call.config.find("ngrams"); ngrams != nullptr && !ngrams->is_null()) {
    const std::int64_t most = ngrams->is_int() ? ngrams->as_int() : 0;
    for (std::int64_t n = 1; n <= std::min<std::int64_t>(most, 1000); ++n) widths.push_back(n);
    if (ngrams->is_array()) {
      for (const json::Value& n : ngrams->as_array()) widths.push_back(n.is_int() ? n.as_int() : 0);
    }
    if (widths.empty() || widths.size() > 32 || *std::ranges::min_element(widths) < 1 || *std::ranges::max_element(widths) > 64)
      return refuse(call, "its \"ngrams\" are not known");
  }
  const Vocabulary v = TRY(read_vocabulary(call, "", "[UNK]"));
  if (v.unknown != 1) return refuse(call, "its \"num_oov_indices\" must be 1");
  if (split != "none" && x.rank() == 2) TRY(net.require(x.dims[1], 1, "TextVectorization: texts a row"));
  std::vector<graph::Attribute> attributes{attr("split", split), attr("lowercase", std::int64_t{both || standardize == "lower"}),
                                           attr("strip_punctuation", std::int64_t{both || standardize == "strip_punctuation"}),
                                           attr("first", v.first), attr("unknown", v.before)};
  if (!widths.empty()) attributes.push_back(attr("ngrams", widths));
  const Value words = net.constant(Tensor::of_strings({static_cast<std::int64_t>(v.words.size())}, v.words));
  if (v.places) {
    const std::int64_t length = TRY(int_of(call, "output_sequence_length", 0));
    if (length < 0 || length > (1 << 20)) return refuse(call, "its \"output_sequence_length\" is out of bounds");
    const bool columns = split == "none" && widths.empty();  // a token a column
    Dim steps = length > 0 ? Dim(length) : columns ? (x.rank() == 2 ? x.dims[1] : Dim(1)) : net.symbol();
    if (length == 0 && !columns && call.rows_mixed != nullptr) *call.rows_mixed = true;  // as long as the longest of all rows
    attributes.push_back(attr("length", length));
    const Value places = net.op("TokenPlaces", {x, words}, DType::int64, {x.dims[0], steps}, std::move(attributes), kOwn);
    return one(columns && x.rank() == 1 && length == 0 ? TRY(neural::squeeze(net, places, {-1})) : places);
  }
  const bool weighs = v.mode == "tf_idf" || v.mode == "tf-idf";
  if (v.mode != "multi_hot" && v.mode != "binary" && v.mode != "count" && !weighs)
    return refuse(call, "the output mode \"" + v.mode + "\" is not supported");
  attributes.push_back(attr("columns", v.tokens));
  attributes.push_back(attr("binary", std::int64_t{v.mode == "multi_hot" || v.mode == "binary"}));
  const Value counts =
      net.cast(net.op("TokenCounts", {x, words}, DType::float64, {x.dims[0], v.tokens}, std::move(attributes), kOwn), DType::float32);
  return one(weighs ? TRY(weighed(call, counts, v.tokens)) : counts);
}

// Texts and integers in buckets; bucket 0 is kept for the mask where there is one.
Result<std::vector<Tracked>> hashing(const Call& call) {
  TRY(takes(call, 1));
  Net& net = call.net;
  const Value& x = input(call);
  const std::int64_t bins = TRY(int_of(call, "num_bins"));
  if (bins < 1 || bins > kTokensMax) return refuse(call, "its \"num_bins\" is out of bounds");
  const auto mask = token_of(call, "mask_value");
  const bool masks = mask && bins > 1;
  Value ids = TRY(bucket_of(call, x, masks ? bins - 1 : bins));
  if (masks) {
    Value masked;
    if (x.dtype() == DType::string) {
      masked = net.cast(net.op("LabelEncoder", {x}, DType::int64, x.dims,
                               {attr("keys_strings", std::vector<std::string>{*mask}), attr("values_int64s", std::vector<std::int64_t>{1}),
                                attr("default_int64", std::int64_t{0})},
                               "ai.onnx.ml"),
                        DType::boolean);
    } else {
      masked = TRY(neural::compare(net, "Equal", x, net.number(TRY(number_of(call, "mask_value")), x.dtype())));
    }
    const Value moved = TRY(neural::add(net, ids, net.number(1, DType::int64)));
    ids = TRY(neural::where(net, masked, net.number(0, DType::int64), moved));
  }
  return one(TRY(encoded(call, ids, bins, TRY(text_of(call, "output_mode", "int")))));
}

// Several values as one, in buckets: each one's hash (a text's) or itself (an integer's) joined to those before it.
Result<std::vector<Tracked>> hashed_crossing(const Call& call) {
  Net& net = call.net;
  if (call.inputs.size() < 2) return refuse(call, "takes at least two inputs");
  const std::int64_t bins = TRY(int_of(call, "num_bins"));
  if (bins < 1 || bins > kTokensMax) return refuse(call, "its \"num_bins\" is out of bounds");
  constexpr std::int64_t kKey = 0xDECAFCAFFE;  // TensorFlow's own
  Value hash = net.constant(int64s({1}, std::span(&kKey, 1)));
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    const Value& x = call.inputs[i].value;
    if (x.rank() != call.inputs[0].value.rank()) return refuse(call, "its inputs must have one shape");
    const Value part = x.dtype() == DType::string ? net.op("HashBucket", {x}, DType::int64, x.dims, {attr("buckets", std::int64_t{0})}, kOwn)
                                                  : net.cast(x, DType::int64);
    const bool last = i + 1 == call.inputs.size();
    hash = net.op("JoinHashes", {hash, part}, DType::int64, x.dims, {attr("buckets", last ? bins : 0)}, kOwn);
  }
  return one(TRY(encoded(call, hash, bins, TRY(text_of(call, "output_mode", "int")))));
}

}  // namespace slipway::importers::keras
