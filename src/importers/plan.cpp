#include "slipway/importers/plan.hpp"

#include <algorithm>
#include <cctype>
#include <numeric>

#include "slipway/base/encoding.hpp"
#include "slipway/importers/blocks/refuse.hpp"
#include "slipway/importers/sklearn/lowering.hpp"
#include "slipway/importers/unwrap.hpp"

namespace slipway::importers {
namespace {

using sklearn::Chain;
using sklearn::Link;

constexpr std::size_t kLinksMax = 32;       // estimators in one chain
constexpr std::size_t kPermutedMax = 5;     // more are taken in the given order only
constexpr std::size_t kSuggestionsMax = 6;  // in one refusal

Error refused(std::string detail) { return {ErrorCode::model_refused, std::move(detail)}; }

// What was chosen for the model, in the order it was given in.
struct Choice {
  std::vector<Link> links;
  std::vector<Link> decoders;
  std::vector<std::pair<std::string, pickle::View>> names;  // lists of column names, with what they are called
  bool explicit_order = false;                              // the person wrote the order down
};

std::string called(const Source& source, const std::string& entry, bool several) {
  if (!several) return entry;
  return entry.empty() ? source.name : source.name + ":" + entry;
}

Status add(Choice& choice, const Part& part, std::string label) {
  switch (part.kind) {
    case Part::Kind::decoder: choice.decoders.push_back({part.view, std::move(label)}); return ok();
    case Part::Kind::names: choice.names.emplace_back(std::move(label), part.view); return ok();
    case Part::Kind::data: return refuse(part.view, "here is " + describe_value(part.view) + ", which is data and no model");
    default: choice.links.push_back({part.view, std::move(label)}); return ok();  // foreign ones are refused by name later
  }
}

// --- one file with several objects -----------------------------------------------------------------------------------------

std::vector<Part> estimators_in(const std::vector<Part>& parts) {
  std::vector<Part> out;
  std::copy_if(parts.begin(), parts.end(), std::back_inserter(out), [](const Part& p) { return p.kind == Part::Kind::estimator; });
  return out;
}

std::string joined(std::span<const Link> links, const char* between) {
  std::string out;
  for (const Link& link : links) out += (out.empty() ? "" : between) + link.label;
  return out;
}

struct Order {
  std::vector<Link> links;
  int against = 0;
};

// Every order in which each link's output fits the next; those that the feature names speak least against come first.
std::vector<Order> orders_of(std::vector<Link> links) {
  std::vector<Order> out;
  if (links.size() > kPermutedMax) return out;
  std::vector<std::size_t> at(links.size());
  std::iota(at.begin(), at.end(), std::size_t{0});
  do {
    std::vector<Link> order;
    for (const std::size_t i : at) order.push_back(links[i]);
    const bool feeds = std::all_of(order.begin(), order.end() - 1, [](const Link& l) { return sklearn::transforms(l.model); });
    const bool ends =
        sklearn::predicts(order.back().model) || std::none_of(order.begin(), order.end(), [](const Link& l) { return sklearn::predicts(l.model); });
    if (!feeds || !ends) continue;
    if (const auto against = sklearn::check_order(order); against.ok()) out.push_back({std::move(order), *against});
  } while (std::next_permutation(at.begin(), at.end()));
  std::stable_sort(out.begin(), out.end(), [](const Order& a, const Order& b) { return a.against < b.against; });
  return out;
}

// Chains that a bundle's estimators could form: one predictor behind one or all of the transformers.
std::vector<std::string> suggested_chains(const std::vector<Part>& servable, const std::vector<Part>& decoders) {
  std::vector<Link> transformers, predictors;
  for (const Part& part : servable) (sklearn::predicts(part.view) ? predictors : transformers).push_back({part.view, part.entry});
  std::vector<std::string> out;
  const auto suggest = [&](std::vector<Link> links) {
    for (const Order& order : orders_of(std::move(links))) {
      std::string text = joined(order.links, ",");
      for (const Part& decoder : decoders) {
        if (sklearn::decodes(decoder.view, order.links.back().model)) {
          text += "," + decoder.entry;
          break;
        }
      }
      if (out.size() < kSuggestionsMax && std::find(out.begin(), out.end(), text) == out.end()) out.push_back(std::move(text));
    }
  };
  for (const Link& predictor : predictors) {
    std::vector<Link> all = transformers;
    all.push_back(predictor);
    if (transformers.size() > 1) suggest(all);
    for (const Link& transformer : transformers) suggest({transformer, predictor});
    if (transformers.empty() && !decoders.empty()) suggest({predictor});
  }
  return out;
}

std::string choices(const std::vector<Part>& servable, const std::vector<Part>& decoders, const std::string& prefix) {
  std::string out = ". Choose one with --entry " + prefix + servable.front().entry + " (over HTTP ?entry=" + prefix + servable.front().entry + ")";
  const auto chains = suggested_chains(servable, decoders);
  for (std::size_t i = 0; i < chains.size(); ++i) {
    std::string chain = chains[i];
    for (std::size_t at = chain.find(','); !prefix.empty() && at != std::string::npos; at = chain.find(',', at + prefix.size() + 1))
      chain.insert(at + 1, prefix);
    out += (i == 0 ? ", or let them follow one another: --entry " : ", or --entry ") + prefix + chain;
  }
  if (chains.empty()) out += "; several that follow one another are written with commas: --entry scaler,model";
  return out;
}

// "columns", "feature_names", "X_cols", …: not "classes", "target_names".
bool names_features(std::string key) {
  std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto holds = [&](const char* word) { return key.find(word) != std::string::npos; };
  return (holds("col") || holds("feature") || holds("input") || holds("predictors") || key == "x_names" || key == "names" || key == "x") &&
         !holds("class") && !holds("target") && !holds("label") && !holds("cat") && !holds("num") && !holds("drop") && !holds("output");
}

// A bundle's own list of column names, when there is just one that fits.
void add_names_beside(const std::vector<Part>& parts, Choice& choice, Report& report) {
  if (choice.links.empty() || !choice.names.empty()) return;
  const pickle::View& first = choice.links.front().model;
  if (!sklearn::feature_names_of(first).empty()) return;
  const std::int64_t wanted = sklearn::features_of(first);
  const Part* found = nullptr;
  for (const Part& part : parts) {
    if (part.kind != Part::Kind::names || !names_features(part.entry)) continue;
    if (static_cast<std::int64_t>(names_in(part.view).size()) != wanted) continue;
    if (found != nullptr) return;
    found = &part;
  }
  if (found == nullptr) return;
  choice.names.emplace_back(found->entry, found->view);
  report.warnings.push_back("the features are named by " + found->entry);
}

Status choose_in(const Source& source, bool several, Choice& choice, Report& report) {
  const pickle::View root = source.document->root();
  const std::string prefix = several ? source.name + ":" : std::string();
  if (!is_container(root) || part_of(root, "").kind == Part::Kind::names)
    return add(choice, part_of(root, ""), several ? source.name : std::string());
  const auto parts = parts_of(root);
  const auto servable = estimators_in(parts);
  std::vector<Part> decoders, foreign;
  for (const Part& part : parts) {
    if (part.kind == Part::Kind::decoder) decoders.push_back(part);
    if (part.kind == Part::Kind::foreign) foreign.push_back(part);
  }
  if (servable.empty() && decoders.size() == 1 && several) return add(choice, decoders[0], prefix + decoders[0].entry);
  if (servable.empty() && foreign.size() + decoders.size() == 1) {  // refused by name
    const Part& only = foreign.empty() ? decoders[0] : foreign[0];
    choice.links.push_back({only.view, several ? prefix + only.entry : std::string()});
    return ok();
  }
  if (servable.empty() && foreign.empty() && decoders.empty()) {
    return refuse(root, "here is " + root.describe() + " without any estimator in it (inside: " + listed(parts) + "); save the fitted model itself");
  }
  if (servable.empty() && foreign.empty())
    return refuse(root, "there are several label encoders inside: " + listed(decoders) + choices(decoders, {}, prefix));
  if (servable.empty()) return refuse(root, "none of the objects inside is an estimator that is read here: " + listed(parts));
  if (servable.size() > 1) { return refuse(root, "there are several estimators inside: " + listed(servable) + choices(servable, decoders, prefix)); }
  const bool decodable = std::any_of(decoders.begin(), decoders.end(), [&](const Part& d) { return sklearn::decodes(d.view, servable[0].view); });
  if (decodable) { return refuse(root, "there are a model and a LabelEncoder inside: " + listed(parts) + choices(servable, decoders, prefix)); }
  TRY(add(choice, servable[0], several ? prefix + servable[0].entry : std::string()));
  if (parts.size() > 1) {
    std::vector<Part> beside;
    std::copy_if(parts.begin(), parts.end(), std::back_inserter(beside),
                 [&](const Part& p) { return p.view.id() != servable[0].view.id() && p.kind != Part::Kind::names; });
    const std::string others = listed(beside);
    if (!others.starts_with("nothing"))
      report.warnings.push_back("served is " + prefix + servable[0].entry + "; beside it are objects that are not served: " + others);
  }
  if (!several) add_names_beside(parts, choice, report);
  return ok();
}

// --- --entry -----------------------------------------------------------------------------------------------------------------

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    std::string word = text.substr(start, end - start);
    while (!word.empty() && word.front() == ' ') word.erase(0, 1);
    while (!word.empty() && word.back() == ' ') word.pop_back();
    if (!word.empty()) out.push_back(std::move(word));
    start = end + 1;
  }
  return out;
}

// "model", "bundle.pkl:model", "scaler.pkl": in one file the path is enough, in several it must be there once only.
Result<std::pair<Part, std::string>> resolve(const std::vector<Source>& sources, const std::string& word) {
  const bool several = sources.size() > 1;
  for (const Source& source : sources) {
    if (!several) break;
    if (word == source.name) return std::pair(part_of(source.document->root(), ""), source.name);
    if (!word.starts_with(source.name + ":")) continue;
    const std::string path = word.substr(source.name.size() + 1);
    auto part = part_at(source.document->root(), path);
    if (!part.ok()) return Error(part.error()).within(source.name);
    return std::pair(std::move(*part), word);
  }
  std::optional<std::pair<Part, std::string>> found;
  Error first = refused("");
  for (const Source& source : sources) {
    auto part = part_at(source.document->root(), word);
    if (!part.ok()) {
      if (first.detail().empty()) first = several ? Error(part.error()).within(source.name) : part.error();
      continue;
    }
    if (found) return refused("'" + excerpt(word, 100) + "' is in several files; write which one: --entry " + source.name + ":" + excerpt(word, 100));
    found = std::pair(std::move(*part), called(source, word, several));
  }
  if (!found) return first;
  return std::move(*found);
}

Result<Choice> choose_by_entry(const std::vector<Source>& sources, const std::string& entry, Report& report) {
  Choice choice;
  choice.explicit_order = true;
  const auto whole = sources.size() == 1 ? part_at(sources[0].document->root(), entry) : Result<Part>(refused(""));
  const auto words = whole.ok() ? std::vector<std::string>{entry} : split_at_commas(entry);
  if (words.empty() || words.size() > kLinksMax) return refused("--entry names " + std::to_string(words.size()) + " objects");
  for (const std::string& word : words) {
    auto resolved = words.size() == 1 && whole.ok() ? Result<std::pair<Part, std::string>>(std::pair(*whole, word)) : resolve(sources, word);
    auto [part, label] = TRY(std::move(resolved));
    if (words.size() == 1 && sources.size() == 1) label.clear();  // alone: its place in the file says enough
    if (part.kind == Part::Kind::data && !is_container(part.view) && words.size() > 1)
      return refuse(part.view, "here is " + describe_value(part.view));
    if (part.kind == Part::Kind::data || (words.size() == 1 && part.kind != Part::Kind::estimator))
      choice.links.push_back({part.view, label});  // refused by name
    else
      TRY(add(choice, part, label));
  }
  if (sources.size() == 1) add_names_beside(parts_of(sources[0].document->root()), choice, report);
  return choice;
}

// --- order -------------------------------------------------------------------------------------------------------------------

std::string possibilities(const std::vector<Order>& orders, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < std::min({orders.size(), count, kSuggestionsMax}); ++i) out += (i == 0 ? "" : "; or ") + joined(orders[i].links, ", ");
  return out;
}

Status settle_order(Choice& choice, Report& report) {
  auto& links = choice.links;
  if (links.size() < 2) return ok();
  if (links.size() > kLinksMax)
    return refused("there are " + std::to_string(links.size()) + " estimators; at most " + std::to_string(kLinksMax) + " follow one another");
  for (const Link& link : links) {
    if (!sklearn::covered(link.model)) return Error(sklearn::not_covered(link.model)).within(link.label);
  }
  std::vector<Link> only_predict;
  for (const Link& link : links) {
    if (!sklearn::transforms(link.model)) only_predict.push_back(link);
  }
  if (only_predict.size() > 1) {
    return refused(joined(only_predict, " and ") + " both predict, and one can't feed the other: make a model of each, or choose one with --entry " +
                   only_predict.back().label);
  }
  const bool feeds = only_predict.empty() || only_predict[0].model.id() == links.back().model.id() || only_predict[0].label == links.back().label;
  const auto given = feeds ? sklearn::check_order(links)
                           : Result<int>(refused(only_predict.empty() ? "" : only_predict[0].label + " has no transform, so it must be the last"));
  if (given.ok() && *given == 0) return ok();
  const auto orders = orders_of(links);
  if (given.ok()) {  // possible, and the names speak against it
    if (!orders.empty() && orders.front().against < *given) {
      report.warnings.push_back("taken in the given order " + joined(links, ", ") + "; by the names of the features it could also be " +
                                possibilities(orders, 1));
    }
    return ok();
  }
  if (orders.empty()) { return refused("the steps don't fit one another in any order. As given: " + given.error().detail()); }
  std::size_t best = 1;
  while (best < orders.size() && orders[best].against == orders.front().against) ++best;
  if (best > 1 || choice.explicit_order) {
    return refused("the order " + joined(links, ", ") + " is not possible (" + given.error().detail() + "). Possible " + (best > 1 ? "are " : "is ") +
                   possibilities(orders, best) + ": give " + (best > 1 ? "the one that is meant" : "it so"));
  }
  report.warnings.push_back("taken in the order " + joined(orders.front().links, ", ") + ", the only one that fits; the order given, " +
                            joined(links, ", ") + ", is not possible: " + given.error().detail());
  links = orders.front().links;
  return ok();
}

}  // namespace

Result<Chain> plan_chain(const std::vector<Source>& sources, const std::string& entry, Report& report) {
  const bool several = sources.size() > 1;
  for (const Source& source : sources) list_parts(parts_of(source.document->root()), several ? source.name : std::string(), report);
  Choice choice;
  if (!entry.empty()) {
    choice = TRY(choose_by_entry(sources, entry, report));
  } else {
    for (const Source& source : sources) {
      const Status chosen = choose_in(source, several, choice, report);
      if (!chosen.ok()) return several ? Error(chosen.error()).within(source.name) : chosen.error();
    }
  }
  if (choice.links.empty() && choice.decoders.size() == 1 && choice.names.empty()) choice.links = std::exchange(choice.decoders, {});
  if (choice.links.empty()) {
    std::string what;
    for (const auto& [label, view] : choice.names) what += (what.empty() ? "" : ", ") + (label.empty() ? "" : label + " is ") + describe_value(view);
    if (what.empty()) what = "only label encoders";
    return refused("there is no model: here is " + what + ". Give it together with the model's file");
  }
  if (choice.decoders.size() > 1)
    return refused("there are several label encoders (" + joined(choice.decoders, ", ") +
                   "), but one answer: encoders of input columns belong into a Pipeline");
  if (choice.names.size() > 1) return refused("there are several lists of names: give only the one of the columns");
  TRY(settle_order(choice, report));
  Chain chain;
  chain.links = std::move(choice.links);
  if (!choice.decoders.empty()) chain.decoder = choice.decoders.front();
  if (!choice.names.empty()) chain.names = names_in(choice.names.front().second);
  return chain;
}

}  // namespace slipway::importers
