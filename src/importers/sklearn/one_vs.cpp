// Classifiers made of two-class ones: one against the rest, one against one, and output codes. Members know the numbers 0 and 1.
#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/inner.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

// A member where one class was all there was: y_ is that 0 or 1 (-1 in an output code).
Result<Prediction> constant(Lowering& to, const View& model, const Table& in) {
  const auto y = TRY(vector(model, "y_"));
  if (y.size() != 1) return refuse(model, "y_ has " + std::to_string(y.size()) + " numbers");
  const Val x = TRY(to.inputs.numbers(in));
  const auto rows = [&](std::vector<double> row) {
    return Builder::typed(to.graph.repeat_row(x, to.graph.row(row)), DType::float64, static_cast<std::int64_t>(row.size()));
  };
  Prediction p;
  p.kind = Prediction::Kind::classifier;
  p.labels = column_labels(2);
  p.scores = flat(to.graph, rows({y[0]}));
  p.probabilities = rows({1 - y[0], y[0]});
  p.label = above(to.graph, *p.scores, 0);
  return p;
}

struct Members {
  std::vector<View> views;
  std::vector<Prediction> answers;
  std::vector<Val> scores;  // [N, 1] each
  bool all_probabilities = true, all_scores = true;
};

Result<Members> ask(Lowering& to, const View& model, const Table& in) {
  Members out;
  out.views = TRY(members_of(model, "estimators_"));
  for (const View& view : out.views) {
    out.answers.push_back(TRY(to.predict(view, in)));
    const Prediction& p = out.answers.back();
    out.scores.push_back(TRY(binary_score(to, view, p)));
    out.all_probabilities = out.all_probabilities && p.probabilities && p.probabilities->columns >= 2;
    out.all_scores = out.all_scores && p.scores && p.kind == Prediction::Kind::classifier;
  }
  return out;
}

Val above_column(Builder& graph, const Val& score, double threshold) {  // [N, 1] -> int64 [N, 1]
  return Builder::typed(above(graph, score, threshold), DType::int64, 1);
}

// What float32 members say, added and divided in float32.
Val single_shares(Builder& graph, std::vector<Val> columns, bool multilabel) {
  if (columns.size() == 1) columns.insert(columns.begin(), single_value(graph, graph.sub(graph.scalar(1), columns.front()), 1));
  const Val y = graph.concat_columns(columns);
  if (multilabel) return y;
  return single_value(graph, graph.div(y, total(graph, columns, true)), y.columns);
}

// --- one against the rest ------------------------------------------------------------------------------------------------------
Val rest_probabilities(Lowering& to, const View& model, const Members& members, bool multilabel) {
  Builder& graph = to.graph;
  std::vector<Val> columns;
  for (const Prediction& p : members.answers) columns.push_back(graph.column(*p.probabilities, 1));
  if (all_single(members.answers)) return single_shares(graph, columns, multilabel);
  Val y = columns.size() == 1 ? two_columns(graph, columns.front()) : graph.concat_columns(columns);
  if (multilabel) return y;
  const Val sum = sum_columns(graph, y);
  if (!to.version(model).at_least(1, 9)) return Builder::typed(graph.div(y, sum), DType::float64, y.columns);
  const Val none = Builder::typed(graph.op("Equal", {sum, graph.scalar(0)}), DType::boolean, 1);
  return Builder::typed(graph.div(y, graph.where(none, graph.scalar(1), sum)), DType::float64, y.columns);
}

// Of equal scores the last wins, from 1.9 on the first.
Val rest_label(Lowering& to, const View& model, const Members& members, double threshold) {
  Builder& graph = to.graph;
  if (members.scores.size() == 1) return flat(graph, above_column(graph, members.scores.front(), threshold));
  const Val all = graph.concat_columns(members.scores);
  if (to.version(model).at_least(1, 9)) return graph.argmax(all);
  return Builder::typed(
      graph.op("ArgMax", {all},
               {graph::attr("axis", std::int64_t{1}), graph::attr("keepdims", std::int64_t{0}), graph::attr("select_last_index", std::int64_t{1})}),
      DType::int64, -1);
}

Result<Prediction> one_vs_rest(Lowering& to, const View& model, const Table& in) {
  const View binarizer = TRY(model.attribute("label_binarizer_"));
  Prediction p;
  p.kind = Prediction::Kind::classifier;
  p.labels = TRY(read_labels(TRY(binarizer.attribute("classes_"))));
  const bool multilabel = text_or(binarizer, "y_type_", "multiclass").starts_with("multilabel");
  const Members members = TRY(ask(to, model, in));
  const std::size_t wanted = !multilabel && p.labels->count() <= 2 ? 1 : p.labels->count();
  if (members.views.size() != wanted || (p.labels->count() < 2 && !multilabel))
    return refuse(model, std::to_string(members.views.size()) + " members don't fit " + std::to_string(p.labels->count()) + " classes");

  const double threshold = binary_threshold(members.views.front(), members.answers.front());
  if (multilabel) {
    std::vector<Val> columns;
    for (const Val& score : members.scores) columns.push_back(above_column(to.graph, score, threshold));
    p.indicator = to.graph.concat_columns(columns);
  } else {
    p.label = rest_label(to, model, members, threshold);
  }
  if (members.all_probabilities) p.probabilities = rest_probabilities(to, model, members, multilabel);
  p.single = all_single(members.answers);
  if (members.all_scores) {
    if (members.views.size() == 1)
      p.scores = *members.answers.front().scores;
    else
      p.scores = to.graph.concat_columns(members.scores);
  }
  return p;
}

// --- one against one -----------------------------------------------------------------------------------------------------------
// Votes, and between equal numbers of votes the sum of confidences, squeezed into less than a third.
Result<Val> pair_votes(Lowering& to, const Members& members, std::int64_t classes) {
  Builder& graph = to.graph;
  std::vector<std::vector<Val>> votes(static_cast<std::size_t>(classes)), confidences(static_cast<std::size_t>(classes));
  std::size_t k = 0;
  for (std::size_t i = 0; i < votes.size(); ++i) {
    for (std::size_t j = i + 1; j < votes.size(); ++j, ++k) {
      const Val answer = TRY(predicted_numbers(to, members.views[k], members.answers[k]));
      if (answer.columns != 1) return refuse(members.views[k], "it answers several numbers a row");
      const auto is = [&](double value) {
        return Builder::typed(graph.cast(is_equal(graph, answer, graph.scalar(value)), DType::float64), DType::float64, 1);
      };
      votes[i].push_back(is(0));
      votes[j].push_back(is(1));
      confidences[i].push_back(Builder::typed(graph.op("Neg", {members.scores[k]}), DType::float64, 1));
      confidences[j].push_back(members.scores[k]);
    }
  }
  std::vector<Val> vote_columns, confidence_columns;
  for (std::size_t c = 0; c < votes.size(); ++c) {
    vote_columns.push_back(total(graph, votes[c]));
    confidence_columns.push_back(total(graph, confidences[c]));
  }
  const Val sum = graph.concat_columns(confidence_columns);
  const Val squeezed = graph.div(sum, graph.mul(graph.scalar(3), graph.add(graph.op("Abs", {sum}), graph.scalar(1))));
  return Builder::typed(graph.add(graph.concat_columns(vote_columns), squeezed), DType::float64, classes);
}

Result<Prediction> one_vs_one(Lowering& to, const View& model, const Table& in) {
  Prediction p;
  p.kind = Prediction::Kind::classifier;
  p.labels = TRY(read_labels(TRY(model.attribute("classes_"))));
  const auto classes = static_cast<std::int64_t>(p.labels->count());
  if (present(model, "pairwise_indices_")) return refuse(model, "it was fitted on a precomputed kernel, which holds no features");
  const Members members = TRY(ask(to, model, in));
  if (classes < 2 || static_cast<std::int64_t>(members.views.size()) != classes * (classes - 1) / 2)
    return refuse(model, std::to_string(members.views.size()) + " members don't fit " + std::to_string(classes) + " classes");
  const Val y = TRY(pair_votes(to, members, classes));
  if (classes > 2) {
    p.scores = y;
    p.label = to.graph.argmax(y);
    return p;
  }
  p.scores = flat(to.graph, to.graph.column(y, 1));
  p.label = above(to.graph, *p.scores, to.version(model).at_least(1, 1) ? binary_threshold(members.views.front(), members.answers.front()) : 0);
  return p;
}

// --- output codes --------------------------------------------------------------------------------------------------------------
// The nearest row of the code book. |y - c|^2 = |y|^2 - 2 y.c + |c|^2; before 1.3 all of it is computed, and its root compared.
Result<Prediction> output_code(Lowering& to, const View& model, const Table& in) {
  Builder& graph = to.graph;
  Prediction p;
  p.kind = Prediction::Kind::classifier;
  p.labels = TRY(read_labels(TRY(model.attribute("classes_"))));
  if (!to.version(model).at_least(1, 0)) to.inputs.refuse_missing(in);
  const Members members = TRY(ask(to, model, in));
  const Matrix book = TRY(matrix(model, "code_book_"));
  if (book.rank != 2 || book.rows != static_cast<std::int64_t>(p.labels->count()) || book.columns != static_cast<std::int64_t>(members.views.size()))
    return refuse(model, "code_book_ doesn't fit its classes and members");
  std::vector<double> turned(book.data.size()), lengths(static_cast<std::size_t>(book.rows), 0.0);
  for (std::int64_t r = 0; r < book.rows; ++r) {
    for (std::int64_t c = 0; c < book.columns; ++c) {
      turned[static_cast<std::size_t>(c * book.rows + r)] = book.at(r, c);
      lengths[static_cast<std::size_t>(r)] += book.at(r, c) * book.at(r, c);
    }
  }
  const Val y = graph.concat_columns(members.scores);
  const Val dot = graph.matmul(y, graph.constant(doubles({book.columns, book.rows}, turned)), book.rows);
  Val distance = Builder::typed(graph.mul(graph.scalar(-2), dot), DType::float64, book.rows);
  if (to.version(model).at_least(1, 3)) {
    distance = Builder::typed(graph.add(distance, graph.row(lengths)), DType::float64, book.rows);
  } else {
    const Val whole = graph.add(graph.add(distance, sum_columns(graph, graph.mul(y, y))), graph.row(lengths));
    distance = Builder::typed(graph.op("Sqrt", {graph.op("Max", {whole, graph.scalar(0)})}), DType::float64, book.rows);
  }
  p.label = Builder::typed(graph.op("ArgMin", {distance}, {graph::attr("axis", std::int64_t{1}), graph::attr("keepdims", std::int64_t{0})}),
                           DType::int64, -1);
  return p;
}

constexpr Converter kConverters[] = {
    {"OneVsRestClassifier", nullptr, one_vs_rest},
    {"OneVsOneClassifier", nullptr, one_vs_one},
    {"OutputCodeClassifier", nullptr, output_code},
    {"_ConstantPredictor", nullptr, constant},
};

}  // namespace

Family one_vs_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
