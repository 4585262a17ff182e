"""Neighbours, clusters, mixtures, decompositions and manifolds: the corpus of these families, with the library's own answers.

    python make_sklearn_neighbors.py 1.9.1 tests/corpus/sklearn_neighbors/1.9.1
"""
import os
import sys

import make_sklearn
from make_sklearn import *  # noqa: F401,F403
from make_sklearn import IRIS, WINE, CANCER, DIABETES, FLOWERS, TUMOURS, VERSION, Case, add, ask, fitted, main, scaled, several_targets, with_gaps

import numpy as np
import scipy.sparse
from sklearn.cluster import AffinityPropagation, Birch, FeatureAgglomeration, KMeans, MeanShift, MiniBatchKMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import (PCA, DictionaryLearning, FactorAnalysis, FastICA, IncrementalPCA, KernelPCA,
                                   LatentDirichletAllocation, MiniBatchDictionaryLearning, MiniBatchSparsePCA, NMF, SparseCoder,
                                   SparsePCA, TruncatedSVD)
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import Isomap, LocallyLinearEmbedding
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import (KernelDensity, KNeighborsClassifier, KNeighborsRegressor, KNeighborsTransformer, LocalOutlierFactor,
                               NeighborhoodComponentsAnalysis, RadiusNeighborsClassifier, RadiusNeighborsRegressor,
                               RadiusNeighborsTransformer)
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

# The committed corpus has every case of the newest version only; SLIPWAY_FULL_CORPUS makes all of any version, to check with.
make_sklearn.FULL_VERSIONS = {VERSION} if os.environ.get("SLIPWAY_FULL_CORPUS") else {(1, 9)}
FEW = slice(0, 150, 3)
SMALL_IRIS = (IRIS[0][FEW], IRIS[1][FEW])
SMALL_WORDS = (IRIS[0][FEW], FLOWERS[FEW])
SMALL_WINE = (scaled(WINE)[0][::5], WINE[1][::5])
SMALL_CANCER = (scaled(CANCER)[0][::11], TUMOURS[::11])
SMALL_SUGAR = (np.round(scaled(DIABETES)[0][::9], 4), DIABETES[1][::9])
rng = np.random.RandomState(5)
WIDE = (np.round(rng.normal(size=(40, 18)) + 3, 3), rng.randint(0, 3, 40))
BITS = ((rng.rand(50, 9) < 0.5).astype(float), rng.randint(0, 2, 50))
PLACES = (np.round(np.column_stack([rng.uniform(-1.5, 1.5, 60), rng.uniform(-3, 3, 60)]), 4), rng.randint(0, 3, 60))
COUNTS = rng.poisson(1.5, (40, 12)).astype(float)
TWO = np.column_stack([SMALL_WINE[1], SMALL_WINE[1] % 2 * 10])
WORDS_TWO = np.column_stack([SMALL_WORDS[1], SMALL_WORDS[1][::-1]])


def within(X, seed=1, rows=10):
    """Rows near the data and rows of it, for radii."""
    return ask(X, seed=seed, rows=rows, wild=False)


def of(model, data, request=None):
    X, y = data
    fit = model.fit(X, y) if y is not None else model.fit(X)
    return Case(fit, ask(X) if request is None else request)


def own_rows(X, rows=6):
    """Rows that are in the data: distances of zero."""
    return np.vstack([X[3:3 + rows], ask(X, rows=6)])


def knn():
    for name, data in (("iris", SMALL_WORDS), ("wine", SMALL_WINE), ("wide", WIDE)):
        X, y = data
        for weights in ("uniform", "distance"):
            for algorithm in ("auto", "brute", "kd_tree", "ball_tree"):
                add("knn_%s_%s_%s" % (name, weights, algorithm), lambda X=X, y=y, w=weights, a=algorithm: of(
                    KNeighborsClassifier(weights=w, algorithm=a), (X, y), own_rows(X)), full=name == "wide")
    X, y = SMALL_CANCER
    for p in (1, 1.5, 3, np.inf):
        for algorithm in ("brute", "kd_tree"):
            add("knn_p%s_%s" % (str(p).replace(".", "_"), algorithm), lambda p=p, a=algorithm: of(
                KNeighborsClassifier(p=p, algorithm=a, n_neighbors=3, weights="distance"), SMALL_CANCER), full=True)
    V = np.var(X, axis=0) + 0.1
    VI = np.linalg.inv(np.cov(X.T) + 0.1 * np.eye(X.shape[1]))
    w = np.arange(1, X.shape[1] + 1) / 3.0
    for metric, params, algorithms in (
            ("manhattan", None, ("brute", "kd_tree")), ("chebyshev", None, ("brute", "ball_tree")), ("cosine", None, ("brute",)),
            ("correlation", None, ("brute",)), ("canberra", None, ("brute", "ball_tree")), ("braycurtis", None, ("brute", "ball_tree")),
            ("sqeuclidean", None, ("brute",)), ("l1", None, ("brute", "ball_tree")), ("l2", None, ("brute", "kd_tree")),
            ("cityblock", None, ("brute", "kd_tree")), ("seuclidean", {"V": V}, ("brute", "ball_tree")),
            ("mahalanobis", {"VI": VI}, ("brute", "ball_tree")), ("minkowski", {"p": 4}, ("brute", "ball_tree")), ("hamming", None, ("brute", "ball_tree"))):
        for algorithm in algorithms:
            if metric == "hamming" and algorithm == "brute" and np.__version__ >= "2":
                continue  # all are equally far, and numpy 2 tells them apart by the processor
            add("knn_%s_%s" % (metric, algorithm), lambda m=metric, q=params, a=algorithm: of(
                KNeighborsRegressor(metric=m, metric_params=q, algorithm=a, weights="uniform" if m == "hamming" else "distance"),
                (SMALL_CANCER[0], np.arange(len(SMALL_CANCER[0])) ** 1.5), ask(SMALL_CANCER[0], wild=m not in ("cosine", "correlation"))), full=True)
    for algorithm in ("brute", "ball_tree"):
        add("knn_minkowski_w_" + algorithm, lambda a=algorithm: of(KNeighborsRegressor(
            metric="minkowski", p=3, metric_params={"w": w}, algorithm=a), (SMALL_CANCER[0], np.arange(len(SMALL_CANCER[0])) ** 1.5)), full=True, since=(1, 2))
        add("knn_wminkowski_" + algorithm, lambda a=algorithm: of(KNeighborsRegressor(
            metric="wminkowski", p=3, metric_params={"w": w}, algorithm=a), (SMALL_CANCER[0], np.arange(len(SMALL_CANCER[0])) ** 1.5)), full=True, until=(0, 24))
        add("knn_haversine_" + algorithm, lambda a=algorithm: of(KNeighborsClassifier(metric="haversine", algorithm=a, weights="distance"), PLACES,
                                                                 PLACES[0][:12] + 0.01), full=True)
    for metric in ("jaccard", "matching", "dice", "kulsinski", "rogerstanimoto", "russellrao", "sokalmichener", "sokalsneath", "yule"):
        old = metric in ("matching", "kulsinski") or (metric == "sokalmichener" and VERSION >= (1, 8))
        for algorithm in ("brute", "ball_tree"):
            if algorithm == "brute" and np.__version__ >= "2":
                continue  # many are equally far, and numpy 2 tells them apart by the processor
            if (metric == "yule" and (algorithm != "brute" or VERSION < (0, 24))) or (old and VERSION >= (1, 0)):
                continue
            add("knn_%s_%s" % (metric, algorithm), lambda m=metric, a=algorithm: of(KNeighborsRegressor(
                metric=m, algorithm=a, n_neighbors=3, weights="distance"), (BITS[0], np.arange(50) * 1.0), BITS[0][:9] if m != "dice" else BITS[0][20:29]), full=True)
    add("knn_two_outputs", lambda: of(KNeighborsClassifier(weights="distance"), (SMALL_WINE[0], TWO), own_rows(SMALL_WINE[0])))
    add("knn_two_outputs_words", lambda: of(KNeighborsClassifier(algorithm="brute"), (SMALL_WORDS[0], WORDS_TWO)), full=True)
    add("knn_column", lambda: of(KNeighborsClassifier(), (SMALL_WINE[0], SMALL_WINE[1][:, None])), full=True)
    add("knn_one_feature", lambda: of(KNeighborsClassifier(weights="distance"), (SMALL_WINE[0][:, [2]], SMALL_WINE[1] == 1)), full=True)
    add("knn_f32", lambda: of(KNeighborsClassifier(algorithm="brute", weights="distance"),
                              (SMALL_CANCER[0].astype("f4"), SMALL_CANCER[1]), ask(SMALL_CANCER[0])), full=True)
    add("knn_negative_labels", lambda: of(KNeighborsClassifier(3), (SMALL_IRIS[0], SMALL_IRIS[1] * 5 - 7)), full=True)
    add("knn_pipeline", lambda: of(make_pipeline(StandardScaler(), KNeighborsClassifier()), SMALL_WORDS))
    add("knn_one_class", lambda: of(KNeighborsClassifier(), (SMALL_IRIS[0], np.ones(50, dtype=int))), full=True)
    add("knn_reg", lambda: of(KNeighborsRegressor(), SMALL_SUGAR))
    add("knn_reg_distance", lambda: of(KNeighborsRegressor(7, weights="distance"), SMALL_SUGAR, own_rows(SMALL_SUGAR[0])))
    add("knn_reg_multi", lambda: of(KNeighborsRegressor(weights="distance", algorithm="brute"), (
        SMALL_SUGAR[0], np.column_stack([SMALL_SUGAR[1], SMALL_SUGAR[1] ** 0.5])), own_rows(SMALL_SUGAR[0])))
    add("knn_reg_column", lambda: of(KNeighborsRegressor(), (SMALL_SUGAR[0], SMALL_SUGAR[1][:, None])), full=True)
    add("knn_reg_wide", lambda: of(KNeighborsRegressor(weights="distance"), (WIDE[0], WIDE[0][:, 0] * 2), own_rows(WIDE[0])))
    add("knn_reg_many", lambda: of(KNeighborsRegressor(40), SMALL_SUGAR), full=True)
    add("knn_precomputed", lambda: of(KNeighborsClassifier(metric="precomputed"), (
        np.abs(SMALL_WINE[0][:30, :1] - SMALL_WINE[0][:30, :1].T), SMALL_WINE[1][:30]), np.abs(rng.normal(size=(8, 30)))), full=True)
    gaps, asked = with_gaps(SMALL_CANCER[0]), with_gaps(ask(SMALL_CANCER[0]), seed=8)
    add("knn_missing", lambda: of(KNeighborsClassifier(metric="nan_euclidean", weights="distance"), (gaps, SMALL_CANCER[1]), asked), full=True, since=(1, 6))
    add("knn_graph_before", lambda: of(make_pipeline(KNeighborsTransformer(n_neighbors=6), KNeighborsClassifier(4, metric="precomputed", weights="distance")),
                                       SMALL_WINE, own_rows(SMALL_WINE[0])), full=True)
    add("radius_graph_before", lambda: of(make_pipeline(RadiusNeighborsTransformer(radius=3), RadiusNeighborsClassifier(
        2.5, metric="precomputed", weights="distance", outlier_label=1)), SMALL_WINE, own_rows(SMALL_WINE[0])), full=True)
    add("knn_sparse_rows", lambda: of(KNeighborsClassifier(weights="distance"), (scipy.sparse.csr_matrix(SMALL_WINE[0]), SMALL_WINE[1]), own_rows(SMALL_WINE[0])), full=True)
    add("knn_metric_object", lambda: of(KNeighborsClassifier(metric=metric_object("minkowski", p=3), algorithm="ball_tree"), SMALL_WINE), full=True, since=(1, 5))


def metric_object(*args, **params):
    from sklearn.metrics import DistanceMetric
    return DistanceMetric.get_metric(*args, **params)


def radius():
    for algorithm in ("auto", "brute"):
        for weights in ("uniform", "distance"):
            add("radius_%s_%s" % (weights, algorithm), lambda w=weights, a=algorithm: of(
                RadiusNeighborsClassifier(1.1, weights=w, algorithm=a, outlier_label="setosa"), SMALL_WORDS, own_rows(SMALL_WORDS[0])))
            add("radius_reg_%s_%s" % (weights, algorithm), lambda w=weights, a=algorithm: of(
                RadiusNeighborsRegressor(2.5, weights=w, algorithm=a), SMALL_SUGAR, own_rows(SMALL_SUGAR[0])))
    add("radius_frequent", lambda: of(RadiusNeighborsClassifier(0.9, outlier_label="most_frequent"), SMALL_WINE), full=True)
    add("radius_new_label", lambda: of(RadiusNeighborsClassifier(1.5, outlier_label=-7), SMALL_WINE), full=True)
    add("radius_no_label", lambda: of(RadiusNeighborsClassifier(6), SMALL_WINE, SMALL_WINE[0][:9] + 0.01), full=True)
    add("radius_two_outputs", lambda: of(RadiusNeighborsClassifier(1.5, outlier_label=[1, 10], weights="distance"), (SMALL_WINE[0], TWO)), full=True)
    add("radius_manhattan", lambda: of(RadiusNeighborsClassifier(3, p=1, outlier_label=0, algorithm="brute"), SMALL_WINE, own_rows(SMALL_WINE[0])), full=True)
    add("radius_reg_int", lambda: of(RadiusNeighborsRegressor(0.8), (SMALL_IRIS[0], SMALL_IRIS[1])), full=True)
    add("radius_reg_multi", lambda: of(RadiusNeighborsRegressor(2.5), (SMALL_SUGAR[0], np.column_stack([SMALL_SUGAR[1], SMALL_SUGAR[1] ** 0.5]))), full=True)


def neighbor_models():
    for mode in ("distance", "connectivity"):
        for algorithm in ("auto", "brute"):
            add("knn_graph_%s_%s" % (mode, algorithm), lambda m=mode, a=algorithm: of(
                KNeighborsTransformer(mode=m, n_neighbors=3, algorithm=a), (SMALL_WINE[0][:20], None)), full=a_brute(algorithm))
        add("radius_graph_" + mode, lambda m=mode: of(RadiusNeighborsTransformer(mode=m, radius=2.0), (SMALL_WINE[0][:20], None), within(SMALL_WINE[0])))
    for params in ({}, {"n_neighbors": 5, "contamination": 0.1}, {"algorithm": "brute", "metric": "manhattan"}, {"algorithm": "brute"}, {"p": 3, "n_neighbors": 200}):
        add("lof_" + "_".join(str(v) for v in params.values()).replace(".", "_"), lambda q=params: of(
            LocalOutlierFactor(novelty=True, **q), (SMALL_WINE[0], None)), full=bool(params))
    for kernel in ("gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine"):
        for width in (0.4, 2.0):
            add("kde_%s_%s" % (kernel, str(width).replace(".", "_")), lambda k=kernel, h=width: of(
                KernelDensity(kernel=k, bandwidth=h), (SMALL_IRIS[0], None), own_rows(SMALL_IRIS[0])), full=True)
    add("kde", lambda: of(KernelDensity(), (SMALL_SUGAR[0], None)))
    add("kde_manhattan", lambda: of(KernelDensity(metric="manhattan", bandwidth=0.7), (SMALL_WINE[0], None)), full=True)
    add("kde_ball", lambda: of(KernelDensity(algorithm="ball_tree", leaf_size=5), (SMALL_WINE[0], None)), full=True)
    add("kde_depth", lambda: of(KernelDensity(breadth_first=False, leaf_size=5), (SMALL_WINE[0], None)), full=True)
    add("kde_rtol", lambda: of(KernelDensity(rtol=1e-3, leaf_size=5), (SMALL_WINE[0], None)), full=True)
    add("kde_atol_depth", lambda: of(KernelDensity(atol=1e-5, leaf_size=5, breadth_first=False), (SMALL_WINE[0], None)), full=True)
    add("kde_haversine", lambda: of(KernelDensity(metric="haversine", bandwidth=0.2, algorithm="ball_tree"), (PLACES[0], None), PLACES[0][:9] + 0.01), full=True)
    add("kde_minkowski", lambda: of(KernelDensity(metric="minkowski", metric_params={"p": 3}), (SMALL_WINE[0], None)), full=True)
    add("kde_weights", lambda: Case(KernelDensity(leaf_size=8).fit(SMALL_WINE[0], sample_weight=np.arange(1, len(SMALL_WINE[0]) + 1) * 1.0), ask(SMALL_WINE[0])), full=True)
    add("kde_scott", lambda: of(KernelDensity(bandwidth="scott"), (SMALL_WINE[0], None)), full=True, since=(1, 2))
    for kernel in ("rbf", "knn"):
        some = SMALL_IRIS[1].copy()
        some[::2] = -1
        add("label_propagation_" + kernel, lambda k=kernel, y=some: of(LabelPropagation(kernel=k, max_iter=2000), (SMALL_IRIS[0], y), within(SMALL_IRIS[0])))
        add("label_spreading_" + kernel, lambda k=kernel, y=some: of(LabelSpreading(kernel=k, alpha=0.3), (SMALL_IRIS[0], y)))
    add("nca", lambda: of(NeighborhoodComponentsAnalysis(2, random_state=0, max_iter=20), SMALL_WINE))
    add("nca_knn", lambda: of(make_pipeline(NeighborhoodComponentsAnalysis(random_state=0, max_iter=20), KNeighborsClassifier()), SMALL_WINE), full=True)


def a_brute(algorithm):
    return algorithm == "brute"


def knn_imputers():
    gaps = with_gaps(scaled(CANCER)[0][::6])
    asked = with_gaps(ask(scaled(CANCER)[0], rows=12), seed=8, share=0.3)
    asked[3] = np.nan
    for weights in ("uniform", "distance"):
        add("knn_impute_" + weights, lambda w=weights: Case(KNNImputer(weights=w, n_neighbors=4).fit(gaps), asked))
    add("knn_impute_indicator", lambda: Case(KNNImputer(add_indicator=True).fit(gaps), asked))
    empty = gaps.copy()
    empty[:, 2] = np.nan
    add("knn_impute_empty_column", lambda: Case(KNNImputer(n_neighbors=2).fit(empty), asked), full=True)
    add("knn_impute_keep_empty", lambda: Case(KNNImputer(n_neighbors=2, keep_empty_features=True).fit(empty), asked), full=True, since=(1, 2))
    marked = np.where(np.isnan(gaps), -1.0, gaps + 10)
    add("knn_impute_marker", lambda: Case(KNNImputer(missing_values=-1, n_neighbors=3).fit(marked), np.where(np.isnan(asked), -1.0, asked)), full=True)
    add("knn_impute_many", lambda: Case(KNNImputer(n_neighbors=500).fit(gaps), asked), full=True)
    sparse_rows = with_gaps(scaled(CANCER)[0][:30, :3], share=0.6)
    few = with_gaps(scaled(CANCER)[0][40:60, :3], share=0.6, seed=4)
    add("knn_impute_sparse", lambda: Case(KNNImputer(n_neighbors=20).fit(sparse_rows), few), full=True)
    add("knn_impute_sparse_distance", lambda: Case(KNNImputer(n_neighbors=20, weights="distance").fit(sparse_rows), few), full=True)
    add("knn_impute_pipeline", lambda: Case(make_pipeline(KNNImputer(), StandardScaler(), LogisticRegression()).fit(gaps, TUMOURS[::6]), asked))


def clusters():
    X = SMALL_WINE[0]
    add("kmeans", lambda: of(KMeans(4, random_state=0, n_init=2), (X, None), own_rows(X)))
    add("kmeans_iris", lambda: of(KMeans(3, random_state=0, n_init=1, algorithm="elkan"), (IRIS[0], None), own_rows(IRIS[0])), full=True)
    add("kmeans_one", lambda: of(KMeans(1, random_state=0, n_init=1), (X, None)), full=True)
    add("kmeans_before", lambda: of(make_pipeline(StandardScaler(), KMeans(4, random_state=0, n_init=2), LogisticRegression()), SMALL_WORDS))
    add("minibatch_kmeans", lambda: of(MiniBatchKMeans(4, random_state=0, n_init=2), (X, None)))
    add("affinity", lambda: of(AffinityPropagation(**({"random_state": 0} if VERSION >= (0, 23) else {})), (X[:40], None)))
    add("mean_shift", lambda: of(MeanShift(bandwidth=2.5), (X, None), own_rows(X)))
    add("birch", lambda: of(Birch(n_clusters=3, threshold=1.5), (X, None), own_rows(X)))
    add("birch_none", lambda: of(Birch(n_clusters=None, threshold=2), (X, None)), full=True)
    add("birch_before", lambda: of(make_pipeline(Birch(n_clusters=3, threshold=2), LogisticRegression()), SMALL_WINE), full=True)
    if VERSION >= (1, 1):
        from sklearn.cluster import BisectingKMeans
        add("bisecting", lambda: of(BisectingKMeans(6, random_state=0), (X, None), own_rows(X)))
        add("bisecting_largest", lambda: of(BisectingKMeans(5, random_state=1, bisecting_strategy="largest_cluster"), (IRIS[0], None)), full=True)
        add("bisecting_before", lambda: of(make_pipeline(BisectingKMeans(4, random_state=0), LogisticRegression()), SMALL_WINE), full=True)
    for function in (np.mean, np.median, np.max, np.min, np.sum, np.std, np.var, np.prod):
        add("agglomerate_" + function.__name__, lambda f=function: of(FeatureAgglomeration(4, pooling_func=f), (WIDE[0], None)), full=function is not np.mean)


def mixtures():
    X = SMALL_WINE[0]
    for shape in ("full", "tied", "diag", "spherical"):
        add("gmm_" + shape, lambda s=shape: of(GaussianMixture(3, covariance_type=s, random_state=0, reg_covar=1e-2), (X, None)))
        for prior in ("dirichlet_process", "dirichlet_distribution"):
            add("bgmm_%s_%s" % (shape, prior), lambda s=shape, p=prior: of(BayesianGaussianMixture(
                n_components=3, covariance_type=s, weight_concentration_prior_type=p, random_state=0, reg_covar=1e-2, max_iter=30), (X, None)), full=True)
    add("gmm_iris", lambda: of(GaussianMixture(2, random_state=0), (IRIS[0], None), own_rows(IRIS[0])), full=True)
    add("gmm_one", lambda: of(GaussianMixture(random_state=0), (IRIS[0][:, :1], None)), full=True)
    add("envelope", lambda: of(EllipticEnvelope(random_state=0), (X, None)))
    add("envelope_part", lambda: of(EllipticEnvelope(random_state=0, contamination=0.2, support_fraction=0.9, assume_centered=False), (IRIS[0], None), own_rows(IRIS[0])), full=True)
    add("envelope_no_precision", lambda: of(EllipticEnvelope(random_state=0, store_precision=False), (X, None)), full=True)


def decompositions():
    X = WINE[0][::3]
    add("pca", lambda: of(PCA(3), (X, None)))
    add("pca_whiten", lambda: of(PCA(whiten=True), (X, None)), full=True)
    add("pca_share", lambda: of(PCA(0.95, svd_solver="full"), (X, None)), full=True)
    add("pca_logistic", lambda: of(make_pipeline(StandardScaler(), PCA(2), LogisticRegression()), WINE))
    add("ipca", lambda: of(IncrementalPCA(3, batch_size=20), (X, None)))
    add("ipca_whiten", lambda: of(IncrementalPCA(3, batch_size=20, whiten=True), (X, None)), full=True)
    add("svd", lambda: of(TruncatedSVD(3, random_state=0), (X, None)))
    for kernel in ("linear", "poly", "rbf", "sigmoid", "cosine"):
        add("kpca_" + kernel, lambda k=kernel: of(KernelPCA(3, kernel=k, gamma=0.1 if k != "sigmoid" else 0.01, degree=2), (SMALL_WINE[0], None), within(SMALL_WINE[0])), full=kernel != "rbf")
    add("kpca_default_gamma", lambda: of(KernelPCA(3, kernel="rbf"), (SMALL_WINE[0], None)), full=True)
    add("kpca_laplacian", lambda: of(KernelPCA(3, kernel="laplacian"), (SMALL_WINE[0], None)), full=True, until=(1, 1))
    add("factor_analysis", lambda: of(FactorAnalysis(2, random_state=0), (X, None)))
    add("ica", lambda: of(FastICA(3, random_state=0, max_iter=1000, tol=0.01), (scaled(WINE)[0], None)))
    add("ica_no_whiten", lambda: of(FastICA(whiten=False, random_state=0, max_iter=1000, tol=0.1), (scaled(WINE)[0], None)), full=True)
    add("sparse_pca", lambda: of(SparsePCA(3, random_state=0, max_iter=20), (SMALL_WINE[0], None)))
    add("sparse_pca_alpha", lambda: of(SparsePCA(3, random_state=0, max_iter=20, ridge_alpha=0.5, alpha=0.3), (SMALL_WINE[0], None)), full=True)
    add("minibatch_sparse_pca", lambda: of(MiniBatchSparsePCA(3, random_state=0), (SMALL_WINE[0], None)), full=True)
    add("rbm", lambda: of(BernoulliRBM(4, random_state=0, n_iter=5), (BITS[0], None), BITS[0][:8]))
    add("isomap", lambda: of(Isomap(n_neighbors=6, n_components=3), (SMALL_WINE[0], None), own_rows(SMALL_WINE[0])))
    add("isomap_brute", lambda: of(Isomap(neighbors_algorithm="brute"), (SMALL_WINE[0], None)), full=True)
    add("isomap_radius", lambda: of(Isomap(n_neighbors=None, radius=4.0), (SMALL_WINE[0], None), within(SMALL_WINE[0])), full=True, since=(1, 1))
    add("isomap_manhattan", lambda: of(Isomap(metric="manhattan", n_neighbors=8), (SMALL_WINE[0], None)), full=True)
    for method in ("standard", "ltsa", "modified"):
        add("lle_" + method, lambda m=method: of(LocallyLinearEmbedding(n_neighbors=8, method=m, random_state=0, eigen_solver="dense"), (SMALL_WINE[0], None)), full=method != "standard")


def codings():
    X = np.round(SMALL_WINE[0], 3)
    atoms = np.random.RandomState(3).normal(size=(9, 7))
    atoms /= np.sqrt((atoms ** 2).sum(axis=1))[:, None]
    for algorithm in ("omp", "lars", "lasso_lars", "lasso_cd", "threshold"):
        for params in ({}, {"transform_alpha": 0.3, "transform_n_nonzero_coefs": 4}, {"split_sign": True, "transform_alpha": 0.05, "transform_n_nonzero_coefs": 5}):
            if algorithm in ("omp", "lars") and "transform_alpha" in params:
                params = {k: v for k, v in params.items() if k != "transform_alpha"}
            name = "coder_%s_%d" % (algorithm, len(params) + (3 if "split_sign" in params else 0))
            add(name, lambda a=algorithm, q=params: Case(SparseCoder(atoms, transform_algorithm=a, **q).fit(X), ask(X, wild=False)), full=True)
            add(name + "_wild", lambda a=algorithm, q=params: Case(SparseCoder(atoms, transform_algorithm=a, **q).fit(X), ask(X) / 100), full=True)
        if algorithm not in ("omp", "lars"):
            add("coder_%s_positive" % algorithm, lambda a=algorithm: Case(SparseCoder(
                atoms, transform_algorithm=a, transform_alpha=0.1, positive_code=True).fit(X), ask(X, wild=False)), full=True)
    short = {"max_iter": 5} if VERSION >= (1, 1) else {"n_iter": 5}
    add("dictionary", lambda: of(DictionaryLearning(5, random_state=0, max_iter=5), (X, None)))
    add("dictionary_lasso", lambda: of(DictionaryLearning(5, random_state=0, max_iter=5, alpha=0.4, transform_algorithm="lasso_lars"), (X, None)), full=True)
    add("dictionary_cd", lambda: of(DictionaryLearning(8, random_state=0, max_iter=5, alpha=0.4, fit_algorithm="cd", transform_algorithm="lasso_cd", transform_alpha=0.2), (X, None)), full=True)
    add("dictionary_threshold", lambda: of(DictionaryLearning(5, random_state=0, max_iter=5, transform_algorithm="threshold", split_sign=True), (X, None)), full=True)
    add("minibatch_dictionary", lambda: of(MiniBatchDictionaryLearning(6, random_state=0, transform_algorithm="lars", **short), (X, None)))

    plus = WINE[0][::3]
    asked = np.abs(ask(plus))
    add("nmf", lambda: Case(NMF(3, random_state=0, init="nndsvda", max_iter=300).fit(plus), asked))
    add("nmf_tight", lambda: Case(NMF(4, random_state=0, init="random", max_iter=500, tol=1e-7).fit(plus), asked), full=True)
    add("nmf_near", lambda: Case(NMF(3, random_state=0, init="nndsvd").fit(COUNTS), COUNTS[:9]), full=True)
    new = {"alpha_W": 0.01, "alpha_H": 0.1, "l1_ratio": 0.3} if VERSION >= (1, 0) else {"alpha": 0.2, "l1_ratio": 0.3}
    add("nmf_penalties", lambda: Case(NMF(3, random_state=0, init="random", **new).fit(COUNTS), COUNTS[:9]), full=True)
    add("nmf_old_penalties", lambda: Case(NMF(3, random_state=0, init="random", alpha=0.2, l1_ratio=0.7).fit(COUNTS), COUNTS[:9]), full=True, until=(1, 1))
    for loss in ("frobenius", "kullback-leibler", "itakura-saito", 0.5, 1.5, 3.0):
        name = "nmf_mu_" + str(loss).replace(".", "_").replace("-", "_")
        add(name, lambda b=loss: Case(NMF(3, random_state=0, init="random", solver="mu", beta_loss=b, max_iter=100).fit(COUNTS + 0.1), COUNTS[:9] + 0.1), full=True)
        if VERSION >= (1, 1):
            from sklearn.decomposition import MiniBatchNMF
            add(name + "_batches", lambda b=loss: Case(MiniBatchNMF(3, random_state=0, init="random", beta_loss=b, max_iter=30, batch_size=16).fit(COUNTS + 0.1), COUNTS[:9] + 0.1), full=True)
    add("nmf_mu_penalties", lambda: Case(NMF(3, random_state=0, init="random", solver="mu", **new).fit(COUNTS), COUNTS[:9]), full=True)
    add("nmf_before", lambda: Case(make_pipeline(NMF(3, random_state=0, init="random"), LogisticRegression()).fit(plus, WINE[1][::3]), asked), full=True)
    for method in ("batch", "online"):
        add("lda_" + method, lambda m=method: Case(LatentDirichletAllocation(4, random_state=0, learning_method=m, max_iter=4).fit(COUNTS), COUNTS[:9]))
    add("lda_params", lambda: Case(LatentDirichletAllocation(3, random_state=0, max_iter=4, doc_topic_prior=0.7, topic_word_prior=0.2, mean_change_tol=1e-6,
                                                             max_doc_update_iter=30).fit(COUNTS), np.vstack([COUNTS[:5], np.zeros((1, 12)), COUNTS[5:7] * 100 + 0.5])), full=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], families=(knn, radius, neighbor_models, knn_imputers, clusters, mixtures, decompositions, codings))
