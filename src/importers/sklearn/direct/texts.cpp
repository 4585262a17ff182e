// Counts of words and their weights, evaluated directly: for the tokens of the default pattern, on texts of ASCII only.
#include <algorithm>
#include <cmath>
#include <map>

#include "slipway/importers/sklearn/direct/numeric.hpp"

namespace slipway::importers::sklearn {
namespace {

using MadeStep = Result<std::optional<Step>>;

struct Words {
  std::map<std::string, std::size_t, std::less<>> place;
  bool lower = true, binary = false;
  std::size_t least = 1, most = 1;  // words of a term

  // Runs of two or more word characters.
  std::vector<std::string> tokens(const std::string& text) const {
    std::vector<std::string> out;
    std::string token;
    for (const char c : text + " ") {
      if (static_cast<unsigned char>(c) >= 0x80) throw RowUnclear();
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
      if (letter) {
        token += lower && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        continue;
      }
      if (token.size() >= 2) out.push_back(token);
      token.clear();
    }
    return out;
  }

  Numbers counts(const std::string& text) const {
    Numbers out(place.size(), 0.0);
    const auto words = tokens(text);
    for (std::size_t n = least; n <= most; ++n) {
      for (std::size_t i = 0; i + n <= words.size(); ++i) {
        std::string term = words[i];
        for (std::size_t k = 1; k < n; ++k) term += " " + words[i + k];
        const auto found = place.find(term);
        if (found != place.end()) out[found->second] = binary ? 1 : out[found->second] + 1;
      }
    }
    return out;
  }
};

bool is_plain(const View& model, const char* parameter) {
  const auto v = model.find(parameter);
  return !v || v->is_none();
}

// nullopt: another tokenizer than the default's.
Result<std::optional<Words>> words_of(const View& model) {
  const auto analyzer = model.find("analyzer"), input = model.find("input");
  const bool words = !analyzer || analyzer->is_text("word"), content = !input || input->is_text("content");
  const bool plain = is_plain(model, "tokenizer") && is_plain(model, "preprocessor") && is_plain(model, "strip_accents");
  if (!words || !content || !plain || text_or(model, "token_pattern", "") != R"((?u)\b\w\w+\b)") return std::optional<Words>{};
  Words out;
  out.lower = TRY(flag_or(model, "lowercase", true));
  out.binary = TRY(flag_or(model, "binary", false));
  if (const auto range = model.find("ngram_range")) {
    const auto pair = TRY(range->integers());
    if (pair.size() != 2 || pair[0] < 1 || pair[1] < pair[0] || pair[1] > 5) return std::optional<Words>{};
    out.least = static_cast<std::size_t>(pair[0]);
    out.most = static_cast<std::size_t>(pair[1]);
  }
  // Terms of one word that stopped aren't in the vocabulary; longer ones close up over them.
  if (out.most > 1 && present(model, "stop_words")) return std::optional<Words>{};
  const View vocabulary = TRY(model.attribute("vocabulary_"));
  for (std::size_t i = 0; i < vocabulary.entries(); ++i) {
    const auto at = TRY(vocabulary.value_at(i).integer());
    if (at < 0 || at >= static_cast<std::int64_t>(vocabulary.entries())) return std::optional<Words>{};
    out.place[TRY(vocabulary.key_at(i).text())] = static_cast<std::size_t>(at);
  }
  if (out.place.size() != vocabulary.entries() || out.place.empty()) return std::optional<Words>{};
  return std::optional(std::move(out));
}

// Texts of the vocabulary's own terms: alone, repeated, together, in capitals, between signs and words that were never seen.
void try_texts(Direct& by, const Words& words) {
  constexpr std::size_t kTermsMax = 40;
  std::vector<std::string> terms;
  const std::size_t step = std::max<std::size_t>(1, words.place.size() / kTermsMax);
  std::size_t n = 0;
  for (const auto& [term, at] : words.place) {
    if (n++ % step == 0 && std::all_of(term.begin(), term.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) terms.push_back(term);
  }
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const std::string &a = terms[i], &b = terms[(i * 7 + 3) % terms.size()], &c = terms[(i * 13 + 5) % terms.size()];
    std::string loud = b;
    for (char& letter : loud) letter = letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
    by.try_text(a);
    by.try_text(a + ", " + loud + "! (" + a + ") neverseenbefore " + c + "\t" + b + " " + c + ". x " + a);
  }
  by.try_text("");
}

struct Weights {
  Numbers idf;  // empty: none
  bool sublinear = false;
  std::string norm;  // "": none

  Numbers of(Numbers x) const {
    Sum sum;
    double largest = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (x[i] == 0) continue;
      if (sublinear) x[i] = 1 + std::log(x[i]);
      if (!idf.empty()) x[i] *= idf.at(i);
      sum.add(norm == "l2" ? x[i] * x[i] : std::abs(x[i]));
      largest = std::max(largest, std::abs(x[i]));
    }
    const double length = norm == "l2" ? std::sqrt(sum.value()) : norm == "l1" ? sum.value() : norm == "max" ? largest : 1;
    for (double& v : x) v = length == 0 ? v : v / length;
    return x;
  }
};

Result<Weights> weights_of(const View& model) {
  Weights out;
  if (TRY(flag_or(model, "use_idf", true)))
    out.idf = present(model, "idf_") ? TRY(vector(model, "idf_")) : TRY(vector(TRY(model.attribute("_idf_diag")), "data"));
  out.sublinear = TRY(flag_or(model, "sublinear_tf", false));
  if (std::count(out.idf.begin(), out.idf.end(), 0.0) > 0) return refuse(model, "a weight is zero");  // a zero would be stored
  const auto norm = model.find("norm");
  out.norm = !norm ? "l2" : norm->is_none() ? "" : text_or(model, "norm", "l2");
  return out;
}

bool in_double(const View& model) {
  const auto dtype = model.find("dtype");
  return !dtype || !dtype->is(Kind::global) || dtype->name() != "float32";
}

MadeStep counted(Direct& by, const View& model, std::optional<Weights> weights) {
  const auto words = TRY(words_of(model));
  if (!words || !in_double(model)) return no_step();
  if (weights && !weights->idf.empty() && weights->idf.size() != words->place.size()) return no_step();
  try_texts(by, *words);
  by.costs(words->place.size() * 20);
  return std::optional<Step>([words = *words, weights](const Row& row) {
    if (row.size() != 1 || !row[0].text) throw RowUnclear();
    Numbers counts = words.counts(*row[0].text);
    return row_of(weights ? weights->of(std::move(counts)) : counts);
  });
}

MadeStep count(Direct& by, const View& model) { return counted(by, model, std::nullopt); }
MadeStep count_and_weigh(Direct& by, const View& model) { return counted(by, model, TRY(weights_of(TRY(model.attribute("_tfidf"))))); }
MadeStep weigh(Direct&, const View& model) {
  const Weights weights = TRY(weights_of(model));
  return by_numbers([weights](Numbers x) { return weights.of(std::move(x)); });
}

constexpr DirectConverter kConverters[] = {
    {"CountVectorizer", count},
    {"TfidfVectorizer", count_and_weigh},
    {"TfidfTransformer", weigh},
};

}  // namespace

std::span<const DirectConverter> direct_texts() { return kConverters; }

}  // namespace slipway::importers::sklearn
