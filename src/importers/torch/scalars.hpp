// Arithmetic and comparisons of what isn't a tensor: numbers (also sizes that a request brings), texts, lists. Inside importers/torch only.
#pragma once

#include <functional>
#include <span>

#include "slipway/importers/torch/value.hpp"

namespace slipway::importers::torch {

// The type of the object that [x] * batch_size is: nothing but joining its items is possible, which is x repeated. Attributes: item, times.
inline constexpr std::string_view kChance = "a number drawn by chance";  // of [0, 1)
inline constexpr std::string_view kRepeatedList = "a list of a length that only a request tells";
// op: "+", "-", "*", "/", "//", "%", "**". Errors: model_refused ("unsupported operand ...").
Result<Any> scalar_arithmetic(Net& net, std::string_view op, const Any& a, const Any& b);
// op: "==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not". Of a size that isn't known: it is none of 0 and 1 and larger than
// them (a batch of one is nothing special); anything else needs the size.
Result<bool> scalar_compare(Net& net, std::string_view op, const Any& a, const Any& b);
Result<bool> truth(Net& net, const Any& a);  // not of tensors
// "layer%d" % 3 and "layer{}".format(3): the text with what is given in the places for it.
std::string percent_format(const std::string& text, const std::vector<Any>& given);
std::string brace_format(const std::string& text, const std::vector<Any>& given, const std::vector<std::pair<std::string, Any>>& named);
// Whether a value may be put into `into`: lists that hold themselves, or are nested deeper than anything of a model, would never end.
Status may_hold(const void* into, const Any& value);
std::string to_text(const Any& a);               // str(a), as near as messages need it
const std::vector<Any>* items_of(const Any& a);  // of a list or a tuple
// range(end), range(start, end), range(start, end, step) as a list. `unknown`: the error for a bound that isn't known now.
Result<Any> range_of(std::span<const Any> bounds, const std::function<Error(Dim)>& unknown);

// What a loop of unknown length appended to a list stands there as one item: the tensor [steps, ...] of all of them. nullopt: an ordinary item.
Any as_steps(const Any& stacked);
std::optional<Any> steps_of(const Any& a);
Result<Dim> length_of_steps(Net& net, const Any& steps);

}  // namespace slipway::importers::torch
