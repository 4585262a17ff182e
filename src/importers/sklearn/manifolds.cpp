// Isomap and LocallyLinearEmbedding: new rows placed by their neighbours. And estimators that can't place new rows at all.
#include "slipway/importers/sklearn/manifolds.hpp"

#include <cmath>
#include <limits>

#include "slipway/importers/blocks/arithmetic.hpp"
#include "slipway/importers/sklearn/neighbors.hpp"
#include "slipway/importers/sklearn/table.hpp"

namespace slipway::importers::sklearn {
namespace {

Result<Table> isomap(Lowering& to, const View& model, const Table& in) {
  const View search = TRY(model.attribute("nbrs_")), projection = TRY(model.attribute("kernel_pca_"));
  const Neighborhood rows = TRY(read_neighborhood(to, search));
  const Matrix ways = TRY(matrix(model, "dist_matrix_"));
  if (ways.rows != rows.rows.rows || ways.columns != rows.rows.rows) return refuse(model, "dist_matrix_ doesn't fit its rows");
  Builder& g = to.graph;
  const Val between = g.constant(doubles({ways.rows, ways.columns}, ways.data));
  Val shortest;
  if (!model.has("n_neighbors") || present(model, "n_neighbors")) {
    const auto k = TRY(TRY(search.attribute("n_neighbors")).integer());
    const Nearest found = TRY(nearest(to, search, rows, in, k));
    shortest = g.own("ShortestWays", {found.distances, between, found.indices}, DType::float64, ways.columns);
  } else {
    const double radius = TRY(TRY(search.attribute("radius")).number());
    const Val d = TRY(distances_to(to, search, rows, in));
    const Val outside = g.scalar(std::numeric_limits<double>::infinity());
    const Val near = Builder::typed(g.where(g.compare("LessOrEqual", d, g.scalar(radius)), d, outside), DType::float64, ways.rows);
    shortest = g.own("ShortestWays", {near, between}, DType::float64, ways.columns);
  }
  const Val k = Builder::typed(g.mul(g.mul(shortest, shortest), g.scalar(-0.5)), DType::float64, ways.columns);
  return table_of(TRY(of_kernel(to, projection, k)));
}

Result<Table> locally_linear(Lowering& to, const View& model, const Table& in) {
  const View search = TRY(model.attribute("nbrs_"));
  const Neighborhood rows = TRY(read_neighborhood(to, search));
  const Matrix embedding = TRY(matrix(model, "embedding_"));
  if (embedding.rows != rows.rows.rows || embedding.columns == 0) return refuse(model, "embedding_ doesn't fit its rows");
  const auto k = TRY(TRY(model.attribute("n_neighbors")).integer());
  const double regularisation = TRY(number_or(model, "reg", 1e-3));
  const Nearest found = TRY(nearest(to, search, rows, in, k));
  Builder& g = to.graph;
  const Val x = TRY(to.inputs.numbers(in));
  const Val weights =
      g.own("Barycenter", {x, g.constant(doubles({rows.rows.rows, rows.rows.columns}, rows.rows.data)), g.scalar(regularisation), found.indices},
            DType::float64, k);
  const Val places = g.gather(g.constant(doubles({embedding.rows, embedding.columns}, embedding.data)), found.indices, 0);  // [N, k, components]
  const Val each = Builder::typed(g.op("Unsqueeze", {weights, g.ints({2})}), DType::float64, -1);
  return table_of(Builder::typed(g.reduce("ReduceSum", g.mul(places, each), 1, false), DType::float64, embedding.columns));
}

// Estimators of the library that answer for the rows they were fitted on only.
Result<Table> only_fits(Lowering&, const View& model, const Table&) {
  const std::string_view name = model.name();
  std::string advice = "To name the cluster of new rows, serve a classifier that was trained on its labels_";
  if (name == "NearestNeighbors" || name == "KDTree" || name == "BallTree")
    advice = "Serve KNeighborsClassifier, KNeighborsRegressor or KNeighborsTransformer instead";
  else if (name == "TSNE" || name == "MDS" || name == "ClassicalMDS" || name == "SpectralEmbedding")
    advice = "Isomap, LocallyLinearEmbedding, KernelPCA and PCA place new rows";
  return refuse(model, std::string(name) + " has no predict and no transform for new rows. " + advice);
}

constexpr Converter kConverters[] = {
    {"Isomap", isomap, nullptr},
    {"LocallyLinearEmbedding", locally_linear, nullptr},
    {"NearestNeighbors", only_fits, nullptr},
    {"TSNE", only_fits, nullptr},
    {"MDS", only_fits, nullptr},
    {"ClassicalMDS", only_fits, nullptr},
    {"SpectralEmbedding", only_fits, nullptr},
    {"DBSCAN", only_fits, nullptr},
    {"HDBSCAN", only_fits, nullptr},
    {"OPTICS", only_fits, nullptr},
    {"AgglomerativeClustering", only_fits, nullptr},
    {"SpectralClustering", only_fits, nullptr},
    {"SpectralBiclustering", only_fits, nullptr},
    {"SpectralCoclustering", only_fits, nullptr},
};

}  // namespace

Family manifolds_family() { return kConverters; }

}  // namespace slipway::importers::sklearn
