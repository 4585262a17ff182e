// Router: which route a request is for. Built once from the declarations, then immutable: any thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "slipway/http/route.hpp"

namespace slipway::http {

class Router {
 public:
  // Errors (bugs of ours, told at start): two routes for the same method and path, parameters of different names at the same place,
  // a malformed pattern, a repeated operation id, a streamed body without a sink (and the other way round), an example that isn't JSON.
  static Result<Router> build(std::vector<Route> routes);

  static constexpr std::size_t kParamsMax = 8;
  struct Match {
    enum class Outcome : std::uint8_t { found, no_path, no_method, options } outcome = Outcome::no_path;
    const Route* route = nullptr;  // found; a HEAD request finds the GET route
    std::size_t index = 0;         // of the route in routes()
    std::string_view allow;        // "GET, HEAD, OPTIONS": for no_method and options
    std::size_t params = 0;
    std::array<std::pair<std::string_view, std::string_view>, kParamsMax> param;  // name, raw value (not decoded yet)
  };
  // path: as sent, without the query. A literal segment is matched byte by byte; it goes before a parameter.
  Match match(Method method, std::string_view path) const;

  const std::vector<Route>& routes() const { return *routes_; }

 private:
  struct Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
    std::unique_ptr<Node> parameter;
    std::string parameter_name;
    std::map<std::string, std::unique_ptr<Node>, std::less<>> verbs;  // of ":model:predict"; their parameter has the name above
    std::unique_ptr<Node> rest;
    std::string rest_name;
    std::map<Method, std::size_t> methods;
    std::string allow;
  };
  Status add(std::size_t index);
  static const Node* find(const Node& node, std::string_view path, Match& match);
  static void finish(Node& node);

  std::unique_ptr<std::vector<Route>> routes_;
  std::unique_ptr<Node> root_;
};

// A parameter's raw text, decoded once. false: an invalid encoding, or not [A-Za-z0-9._-]{1,128}, or "." or "..".
bool decode_param(std::string_view raw, std::string& out);

}  // namespace slipway::http
