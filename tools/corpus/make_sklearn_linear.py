"""Linear models, support vector machines, naive Bayes, discriminants, PLS, perceptrons, kernel methods, Gaussian processes, dummies.

    python make_sklearn_linear.py 1.9.1 tests/corpus/sklearn_linear/1.9.1 [all]

Makes the cases of CORE, or all of them (about 500 a version).
"""
import itertools
import sys

import make_sklearn
from make_sklearn import *
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process import kernels as gp
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_ridge import KernelRidge
from sklearn import linear_model
from sklearn.linear_model import *
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import NearestCentroid
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC, NuSVR, OneClassSVM


try:
    from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression, PLSSVD
except ImportError:  # 0.24 needs an older scipy for these
    PLSRegression = None


def plain_answer(model, X):
    """As make_sklearn's, where a probability may be refused, and where X must be one list."""
    if isinstance(model, IsotonicRegression):
        return {"kind": "regressor", "prediction": nested(model.predict(np.asarray(X, dtype=float)[:, 0]))}
    if isinstance(model, GaussianProcessClassifier) and model.multi_class == "one_vs_one" and model.n_classes_ > 2:
        return {"kind": "classifier", "label": nested(model.predict(X))}
    return usual_answer(model, X)


usual_answer, make_sklearn.answer = make_sklearn.answer, plain_answer

SMALL = slice(0, None, 5)
iris, wine, cancer = [(scaled(d)[0][SMALL], d[1][SMALL]) for d in (IRIS, WINE, CANCER)]
flowers = (iris[0], FLOWERS[SMALL])
tumours = (cancer[0], TUMOURS[SMALL])
flags = (cancer[0], cancer[1].astype(bool))
gaps = (wine[0], np.array([-7, 2, 30000])[wine[1]])
raw_wine = (WINE[0][SMALL], WINE[1][SMALL])
diabetes = (scaled(DIABETES)[0][::8], DIABETES[1][::8].astype(float))
raw_diabetes = (DIABETES[0][::8], DIABETES[1][::8].astype(float))
targets = (diabetes[0], several_targets()[1][::8])
column = (diabetes[0], diabetes[1][:, None])
one_feature = (diabetes[0][:, [2]], diabetes[1])
single = (iris[0].astype("f4"), iris[1])
marks = (wine[0], np.column_stack([wine[1] == 0, wine[1] == 2, wine[0][:, 0] > 0.2]).astype(int))
two_marks = (wine[0], marks[1][:, :2])
rng = np.random.RandomState(4)
digits = datasets.load_digits()
many = (digits.data[:150, 10:40:3] / 16.0, digits.target[:150])
counts = (rng.poisson(2.0, (60, 7)) * (1 + (np.arange(60)[:, None] % 3 == np.arange(7) % 3)), np.arange(60) % 3)
categories = (np.column_stack([rng.randint(k, size=80) for k in (2, 3, 5, 1)]), rng.randint(3, size=80))
weights = np.where(np.arange(len(iris[0])) % 4 == 0, 3.0, 0.5)


def weighted(model, data, rows=8):
    return Case(model.fit(data[0], data[1], sample_weight=weights[:len(data[0])]), ask(data[0], rows=rows))


def framed(model, data):
    table = pd.DataFrame(data[0], columns=["f%d %s" % (i, "ä") for i in range(data[0].shape[1])])
    return Case(model.fit(table, data[1]), pd.DataFrame(ask(data[0], rows=6), columns=table.columns))


def sparsified(model, data):
    return Case(model.fit(*data).sparsify(), ask(data[0], rows=6))


# ---------------------------------------------------------------------------------------------- linear

def linear():
    fit = fitted
    add("ransac", lambda: fit(RANSACRegressor(random_state=0), diabetes))
    add("ransac_multi", lambda: fit(RANSACRegressor(random_state=0), targets))
    add("ransac_ridge", lambda: fit(RANSACRegressor(Ridge(), min_samples=20, random_state=0), diabetes))
    add("sgd_one_class", lambda: fit(linear_model.SGDOneClassSVM(nu=0.3, random_state=0), iris), since=(1, 0))
    for name, model in (
            ("lars", Lars(n_nonzero_coefs=3)), ("lars_cv", LarsCV(cv=3)), ("lasso_lars", LassoLars(alpha=0.1)),
            ("lasso_lars_cv", LassoLarsCV(cv=3)), ("lasso_lars_ic", LassoLarsIC()), ("lasso_cv", LassoCV(cv=3, n_alphas=5) if VERSION < (1, 9) else LassoCV(cv=3, alphas=5)),
            ("elastic_cv", ElasticNetCV(cv=3, l1_ratio=[0.2, 0.8])), ("omp", OrthogonalMatchingPursuit(n_nonzero_coefs=2)),
            ("omp_cv", OrthogonalMatchingPursuitCV(cv=3)), ("bayesian", BayesianRidge()), ("ard", ARDRegression()),
            ("huber", HuberRegressor(max_iter=500)), ("theil_sen", TheilSenRegressor(random_state=0, max_subpopulation=200)),
            ("ridge_cv", RidgeCV()), ("linear_svr", LinearSVR(random_state=0, max_iter=5000)), ("linear_svr_no", LinearSVR(fit_intercept=False, random_state=0, loss="squared_epsilon_insensitive", dual=False))):
        add(name, lambda model=model: fit(model, diabetes))
    if VERSION < (1, 8):
        add("pa_reg", lambda: fit(PassiveAggressiveRegressor(random_state=0), diabetes))
    for name, model in (("multitask_lasso", MultiTaskLasso(alpha=0.1)), ("multitask_lasso_cv", MultiTaskLassoCV(cv=3)),
                        ("multitask_elastic", MultiTaskElasticNet(alpha=0.1)), ("multitask_elastic_cv", MultiTaskElasticNetCV(cv=3)),
                        ("lars_multi", Lars()), ("lasso_lars_multi", LassoLars(alpha=0.1)), ("omp_multi", OrthogonalMatchingPursuit()),
                        ("ridge_cv_multi", RidgeCV()), ("elastic_multi", ElasticNet(alpha=0.1))):
        add(name, lambda model=model: fit(model, targets))
    for name, model in (("lars_column", Lars()), ("lasso_column", Lasso()), ("ridge_column", Ridge()), ("omp_column", OrthogonalMatchingPursuit()),
                        ("multitask_column", MultiTaskLasso()), ("ridge_cv_column", RidgeCV())):
        add(name, lambda model=model: fit(model, column))
    if VERSION >= (0, 23):
        positive = (diabetes[0], diabetes[1] / 100)
        add("poisson", lambda: fit(linear_model.PoissonRegressor(alpha=0.1), positive, wild=False))
        add("gamma", lambda: fit(linear_model.GammaRegressor(alpha=0.5), positive, wild=False))
        for power, link in itertools.product((0, 1, 1.5, 2, 3), ("auto", "log", "identity")):
            if link == "identity" and power:
                continue
            add("tweedie_%s_%s" % (str(power).replace(".", "_"), link), lambda power=power, link=link: fit(
                linear_model.TweedieRegressor(power=power, link=link, alpha=0.3), positive, wild=False))
    if VERSION >= (1, 0):
        add("quantile", lambda: fit(linear_model.QuantileRegressor(quantile=0.7, alpha=0.1, solver="highs" if VERSION >= (1, 1) else "interior-point"), diabetes))
    add("lasso_sparse", lambda: sparsified(SGDRegressor(penalty="l1", random_state=0), diabetes))
    add("sgd_sparse", lambda: sparsified(SGDClassifier(penalty="l1", alpha=0.02, random_state=0), flowers))
    add("logreg_sparse", lambda: sparsified(LogisticRegression(C=0.1), tumours))
    add("linear_svc_sparse", lambda: sparsified(LinearSVC(C=0.02, random_state=0), wine))
    add("perceptron_sparse", lambda: sparsified(Perceptron(penalty="l1", random_state=0), cancer))
    for name, data in (("multi", flowers), ("binary", flags), ("gaps", gaps)):
        add("perceptron_" + name, lambda data=data: fit(Perceptron(random_state=0), data))
        add("linear_svc_" + name, lambda data=data: fit(LinearSVC(random_state=0), data))
        if VERSION < (1, 8):
            add("pa_" + name, lambda data=data: fit(PassiveAggressiveClassifier(random_state=0), data))
        add("ridge_clf_cv_" + name, lambda data=data: fit(RidgeClassifierCV(), data))
        for loss in ("hinge", "modified_huber", "squared_hinge", "perceptron", "huber", "epsilon_insensitive"):
            add("sgd_%s_%s" % (loss, name), lambda data=data, loss=loss: fit(SGDClassifier(loss=loss, random_state=0), data))
    add("linear_svc_crammer", lambda: fit(LinearSVC(multi_class="crammer_singer", random_state=0), flowers))
    add("linear_svc_crammer_binary", lambda: fit(LinearSVC(multi_class="crammer_singer", random_state=0), tumours))
    add("ridge_clf_labels", lambda: fit(RidgeClassifier(), marks), since=(1, 0))
    add("ridge_clf_two_labels", lambda: fit(RidgeClassifier(), two_marks), since=(1, 0))
    add("ridge_clf_cv_labels", lambda: fit(RidgeClassifierCV(), marks), since=(1, 0))
    add("ridge_clf_cv_labels_old", lambda: fit(RidgeClassifierCV(), marks), until=(0, 24))
    solvers = ["lbfgs", "liblinear", "newton-cg", "sag", "saga"] + (["newton-cholesky"] if VERSION >= (1, 2) else [])
    for solver, kind, (what, data) in itertools.product(solvers, ("auto", "ovr", "multinomial"), (("multi", flowers), ("binary", tumours))):
        if solver == "liblinear" and (kind == "multinomial" or (what == "multi" and VERSION >= (1, 8))):
            continue
        if VERSION >= (1, 7) and kind != "auto" or solver == "newton-cholesky" and kind == "multinomial":
            continue
        params = dict(multi_class=kind) if VERSION < (1, 5) else {}
        name = "%s_%s_%s" % (solver.replace("-", "_"), kind, what)
        add("lr_" + name, lambda solver=solver, params=params, data=data: fit(
            LogisticRegression(solver=solver, max_iter=300, random_state=0, tol=1e-3, **params), data))
        extra = dict(use_legacy_attributes=False) if VERSION >= (1, 8) else {}
        if solver in ("lbfgs", "liblinear", "newton-cholesky"):
            add("lrcv_" + name, lambda solver=solver, params=params, data=data, extra=extra: fit(
                LogisticRegressionCV(solver=solver, Cs=[0.1, 1], cv=3, max_iter=300, random_state=0, **dict(params, **extra)), data))


# ---------------------------------------------------------------------------------------------- support vectors

def machines():
    fit = fitted
    sets = (("multi", flowers), ("binary", tumours), ("flags", flags), ("gaps", gaps), ("many", many))
    for (what, data), kernel in itertools.product(sets, ("linear", "poly", "rbf", "sigmoid")):
        name = "%s_%s" % (kernel, what)
        add("svc_" + name, lambda data=data, kernel=kernel: fit(SVC(kernel=kernel), data))
        if what in ("multi", "binary", "many"):
            add("svc_proba_" + name, lambda data=data, kernel=kernel: fit(SVC(kernel=kernel, probability=True, random_state=0), data))
            add("svc_ovo_" + name, lambda data=data, kernel=kernel: fit(SVC(kernel=kernel, decision_function_shape="ovo"), data))
            add("svc_ties_" + name, lambda data=data, kernel=kernel: fit(SVC(kernel=kernel, break_ties=True), data))
            add("nusvc_" + name, lambda data=data, kernel=kernel: fit(NuSVC(kernel=kernel, nu=0.2), data))
    add("svc_raw", lambda: fit(SVC(), raw_wine))
    add("svc_f32", lambda: fit(SVC(), single))
    add("svc_params", lambda: fit(SVC(kernel="poly", degree=2, gamma=0.3, coef0=1.5, C=4, class_weight="balanced"), flowers))
    add("svc_auto", lambda: fit(SVC(gamma="auto", probability=True, random_state=1), gaps))
    add("svc_sigmoid_params", lambda: fit(SVC(kernel="sigmoid", gamma=0.05, coef0=-0.4), flowers))
    add("nusvc_proba", lambda: fit(NuSVC(probability=True, nu=0.3, random_state=0), flowers))
    add("nusvc_proba_binary", lambda: fit(NuSVC(probability=True, nu=0.3, random_state=0), tumours))
    add("svc_one_feature", lambda: fit(SVC(), (iris[0][:, [2]], iris[1])))
    add("svc_weighted", lambda: weighted(SVC(), iris))
    add("svc_table", lambda: framed(SVC(probability=True, random_state=0), flowers), since=(1, 0))
    sparse = scipy.sparse.csr_matrix(np.where(np.abs(iris[0]) < 0.7, 0, iris[0]))
    add("svc_sparse", lambda: Case(SVC().fit(sparse, iris[1]), ask(iris[0])))
    add("svc_sparse_poly", lambda: Case(SVC(kernel="poly", coef0=1, probability=True, random_state=0).fit(sparse, FLOWERS[SMALL]), ask(iris[0])))
    add("svr_sparse", lambda: Case(SVR(kernel="rbf").fit(sparse, iris[0][:, 0]), ask(iris[0])))
    gram = lambda X, Y: X.dot(Y.T)
    add("svc_precomputed", lambda: Case(SVC(kernel="precomputed").fit(gram(iris[0], iris[0]), iris[1]), gram(ask(iris[0], rows=6), iris[0])))
    add("svr_precomputed", lambda: Case(SVR(kernel="precomputed").fit(gram(diabetes[0], diabetes[0]), diabetes[1]), gram(ask(diabetes[0], rows=6), diabetes[0])))
    for kernel in ("linear", "poly", "rbf", "sigmoid"):
        add("svr_" + kernel, lambda kernel=kernel: fit(SVR(kernel=kernel, C=10), diabetes))
        add("nusvr_" + kernel, lambda kernel=kernel: fit(NuSVR(kernel=kernel, C=10, nu=0.4), diabetes))
        add("one_class_" + kernel, lambda kernel=kernel: fit(OneClassSVM(kernel=kernel, nu=0.3), iris))
    add("svr_nothing", lambda: fit(SVR(epsilon=1e6), diabetes))
    add("svr_one_feature", lambda: fit(SVR(kernel="poly", degree=1, gamma=2.0), one_feature))


# ---------------------------------------------------------------------------------------------- naive Bayes

def bayes():
    fit = fitted
    for name, data in (("multi", flowers), ("binary", flags), ("raw", raw_wine), ("one_class", (iris[0], np.full(30, 5))), ("f32", single), ("many", many)):
        add("gaussian_nb_" + name, lambda data=data: fit(GaussianNB(), data))
    add("gaussian_nb_priors", lambda: fit(GaussianNB(priors=[0.1, 0.7, 0.2], var_smoothing=1e-3), flowers))
    add("gaussian_nb_weighted", lambda: weighted(GaussianNB(), iris))
    add("gaussian_nb_partial", lambda: Case(GaussianNB().partial_fit(iris[0][::2], iris[1][::2], classes=[0, 1, 2, 9]).partial_fit(*iris), ask(iris[0])))
    words = np.array(["a", "b", "\u00e9"])[counts[1]]
    for name, model in (("multinomial_nb", MultinomialNB), ("complement_nb", ComplementNB), ("bernoulli_nb", BernoulliNB)):
        asked = lambda: np.vstack([counts[0][:8], counts[0][:2] * 100, np.zeros((1, 7), dtype=int)]).astype(float)
        add(name, lambda model=model, asked=asked: Case(model().fit(*counts), asked()))
        add(name + "_alpha", lambda model=model, asked=asked: Case(model(alpha=0.1, fit_prior=False).fit(counts[0], words), asked()))
        add(name + "_prior", lambda model=model, asked=asked: Case(model(class_prior=[0.5, 0.2, 0.3]).fit(counts[0], words), asked()))
        add(name + "_binary", lambda model=model, asked=asked: Case(model().fit(counts[0], counts[1] == 1), asked()))
        add(name + "_one", lambda model=model, asked=asked: Case(model().fit(counts[0], np.full(60, 2)), asked()), since=(1, 0))
    add("complement_nb_norm", lambda: Case(ComplementNB(norm=True).fit(*counts), counts[0][:8].astype(float)))
    add("bernoulli_nb_threshold", lambda: fit(BernoulliNB(binarize=0.3), flowers))
    add("bernoulli_nb_none", lambda: Case(BernoulliNB(binarize=None).fit((counts[0] > 2).astype(int), counts[1]), np.round(np.abs(ask(counts[0] / 10.0)), 3)))
    ask_categories = categories[0][:12].astype(float)
    add("categorical_nb", lambda: Case(CategoricalNB().fit(*categories), ask_categories))
    add("categorical_nb_alpha", lambda: Case(CategoricalNB(alpha=0.2, fit_prior=False).fit(categories[0], words[categories[1]]), ask_categories + 0.0))
    add("categorical_nb_fractions", lambda: Case(CategoricalNB().fit(*categories), np.minimum(ask_categories + 0.6, [1.9, 2.9, 4.9, 0.9])))
    add("categorical_nb_min", lambda: Case(CategoricalNB(min_categories=7).fit(*categories), np.minimum(ask_categories + 3, 6)), since=(0, 24))


# ---------------------------------------------------------------------------------------------- discriminants

def discriminants():
    fit = fitted
    for solver, (what, data) in itertools.product(("svd", "lsqr", "eigen"), (("multi", flowers), ("binary", flags), ("gaps", gaps), ("many", many))):
        add("lda_%s_%s" % (solver, what), lambda solver=solver, data=data: fit(LinearDiscriminantAnalysis(solver=solver, shrinkage=None if solver == "svd" else 0.1), data))
    add("lda_priors", lambda: fit(LinearDiscriminantAnalysis(priors=[0.6, 0.3, 0.1], n_components=1), flowers))
    add("lda_auto", lambda: fit(LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"), raw_wine))
    add("lda_raw", lambda: fit(LinearDiscriminantAnalysis(), raw_wine))
    for solver, n in itertools.product(("svd", "eigen"), (None, 1)):
        add("lda_step_%s_%s" % (solver, n), lambda solver=solver, n=n: fit(make_pipeline(
            LinearDiscriminantAnalysis(solver=solver, n_components=n), LogisticRegression()), flowers))
    add("lda_step_last", lambda: Case(Pipeline([("lda", LinearDiscriminantAnalysis()), ("scale", StandardScaler())]).fit(*wine), ask(wine[0])))
    for name, data in (("multi", flowers), ("binary", flags), ("gaps", gaps)):
        add("qda_" + name, lambda data=data: fit(QuadraticDiscriminantAnalysis(), data))
        add("qda_reg_" + name, lambda data=data: fit(QuadraticDiscriminantAnalysis(reg_param=0.4, store_covariance=True), data))
    add("qda_priors", lambda: fit(QuadraticDiscriminantAnalysis(priors=[0.1, 0.2, 0.7]), flowers))
    add("qda_raw", lambda: fit(QuadraticDiscriminantAnalysis(), (WINE[0], WINE[1])))
    if VERSION >= (1, 8):
        add("qda_eigen", lambda: fit(QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=0.3), flowers))
        add("qda_eigen_auto", lambda: fit(QuadraticDiscriminantAnalysis(solver="eigen", shrinkage="auto"), flags))
    for name, data in (("multi", flowers), ("binary", flags), ("gaps", gaps), ("many", many)):
        for metric in ("euclidean", "manhattan"):
            add("centroid_%s_%s" % (metric, name), lambda data=data, metric=metric: fit(NearestCentroid(metric=metric), data))
        add("centroid_shrunk_" + name, lambda data=data: fit(NearestCentroid(shrink_threshold=0.4), data))
    if VERSION < (1, 3):
        for metric in ("cosine", "chebyshev", "canberra", "braycurtis", "correlation", "cityblock", "l1", "l2", "sqeuclidean", "minkowski"):
            add("centroid_" + metric, lambda metric=metric: fit(NearestCentroid(metric=metric), flowers))
    if VERSION >= (1, 6):
        for metric, priors in itertools.product(("euclidean", "manhattan"), ("empirical", [0.2, 0.7, 0.1])):
            add("centroid_priors_%s_%s" % (metric, priors if priors == "empirical" else "given"), lambda metric=metric, priors=priors: fit(
                NearestCentroid(metric=metric, priors=priors), gaps))
        flat = (np.column_stack([iris[0], np.full(30, 2.0)]), iris[1])
        add("centroid_flat_column", lambda: fit(NearestCentroid(priors="empirical"), flat))


# ---------------------------------------------------------------------------------------------- PLS

def least_squares():
    if PLSRegression is None:
        return
    fit = fitted
    for scale, (what, data), n in itertools.product((True, False), (("one", diabetes), ("column", column), ("three", targets)), (1, 3)):
        add("pls_%s_%s_%d" % ("scaled" if scale else "raw", what, n), lambda scale=scale, data=data, n=n: fit(PLSRegression(n_components=n, scale=scale), data))
    add("pls_raw_units", lambda: fit(PLSRegression(), (raw_diabetes[0], targets[1])))
    for name, make in (("canonical", PLSCanonical), ("cca", CCA)):
        add(name, lambda make=make: fit(make(n_components=2), targets))
        add(name + "_raw", lambda make=make: fit(make(n_components=1, scale=False), targets))
    add("canonical_svd", lambda: fit(PLSCanonical(n_components=2, algorithm="svd"), targets))
    add("pls_svd", lambda: fit(PLSSVD(n_components=2), targets))
    add("pls_svd_raw", lambda: fit(PLSSVD(n_components=1, scale=False), targets))
    for name, make in (("pls", PLSRegression), ("canonical", PLSCanonical), ("cca", CCA), ("pls_svd", PLSSVD)):
        def step(make=make):
            model = Pipeline([("p", make(n_components=2)), ("s", StandardScaler())])
            model.steps[0][1].fit(*targets)
            model.steps[1][1].fit(model.steps[0][1].transform(targets[0]))
            return Case(model, ask(targets[0]))
        add("step_" + name, step)


# ---------------------------------------------------------------------------------------------- networks

def networks():
    def fit(model, data, **params):
        return fitted(model(hidden_layer_sizes=(6, 5), max_iter=60, random_state=0, **params), data)
    for activation in ("identity", "logistic", "tanh", "relu"):
        for what, data in (("multi", flowers), ("binary", tumours), ("labels", marks)):
            add("mlp_%s_%s" % (activation, what), lambda activation=activation, data=data: fit(MLPClassifier, data, activation=activation))
        for what, data in (("reg", diabetes), ("reg_multi", targets)):
            add("mlp_%s_%s" % (activation, what), lambda activation=activation, data=data: fit(MLPRegressor, data, activation=activation))
    add("mlp_flags", lambda: fit(MLPClassifier, flags))
    add("mlp_gaps", lambda: fit(MLPClassifier, gaps, solver="lbfgs"))
    add("mlp_raw", lambda: fit(MLPClassifier, raw_wine, solver="sgd"))
    add("mlp_f32", lambda: fit(MLPClassifier, single))
    add("mlp_none", lambda: fitted(MLPClassifier(hidden_layer_sizes=(), max_iter=50, random_state=0), flowers))
    add("mlp_column", lambda: fit(MLPRegressor, column))
    add("mlp_one_label", lambda: fit(MLPClassifier, (wine[0], marks[1][:, [0]])))
    if VERSION >= (1, 7):
        add("mlp_poisson", lambda: fitted(MLPRegressor(hidden_layer_sizes=(4,), loss="poisson", max_iter=50, random_state=0), (diabetes[0], diabetes[1] / 100), wild=False))


# ---------------------------------------------------------------------------------------------- kernels

def kernel_methods():
    fit = fitted
    positive = (np.round(np.abs(diabetes[0]) + 0.1, 3), diabetes[1])

    def ask_positive():
        return np.abs(ask(positive[0]))
    for kernel in ("linear", "polynomial", "poly", "rbf", "laplacian", "sigmoid", "cosine"):
        add("ridge_kernel_" + kernel, lambda kernel=kernel: fit(KernelRidge(kernel=kernel, alpha=0.5), diabetes))
        add("ridge_kernel_params_" + kernel, lambda kernel=kernel: fit(KernelRidge(kernel=kernel, gamma=0.07, degree=2, coef0=0.4), targets))
    add("ridge_kernel_chi2", lambda: Case(KernelRidge(kernel="chi2", gamma=0.4).fit(*positive), ask_positive()))
    add("ridge_kernel_additive_chi2", lambda: Case(KernelRidge(kernel="additive_chi2").fit(*positive), ask_positive()))
    gram = lambda X, Y: X.dot(Y.T)
    add("ridge_kernel_precomputed", lambda: Case(KernelRidge(kernel="precomputed").fit(gram(diabetes[0], diabetes[0]), diabetes[1]), gram(ask(diabetes[0], rows=6), diabetes[0])))
    add("ridge_kernel_sparse", lambda: Case(KernelRidge(kernel="rbf").fit(scipy.sparse.csr_matrix(diabetes[0]), diabetes[1]), ask(diabetes[0])))
    add("ridge_kernel_column", lambda: fit(KernelRidge(kernel="rbf"), column))
    x = np.round(np.linspace(-3, 4, 25), 2)
    y = np.round(np.cumsum(np.abs(np.sin(x))) + np.cos(5 * x), 3)
    for bounds, increasing in itertools.product(("nan", "clip"), (True, False, "auto")):
        add("isotonic_%s_%s" % (bounds, increasing), lambda bounds=bounds, increasing=increasing: Case(
            IsotonicRegression(out_of_bounds=bounds, increasing=increasing).fit(x, y), np.array([[-9.0], [-3], [-2.13], [0.117], [x[7]], [x[9]], [3.9], [4], [4.001], [1e9]])))
    add("isotonic_raise", lambda: Case(IsotonicRegression(out_of_bounds="raise", y_min=1, y_max=8).fit(x, y), np.array([[-3.0], [0.3], [4.0]])))
    add("isotonic_f32", lambda: Case(IsotonicRegression(out_of_bounds="clip").fit(x.astype("f4"), y.astype("f4")), np.array([[-9.0], [-2.13], [0.117], [x[7]], [3.97], [5.0]])), since=(1, 8))  # its last bit is scipy's
    add("isotonic_one", lambda: Case(IsotonicRegression().fit([2.0], [5.0]), np.array([[2.0], [7.0]])))
    add("isotonic_flat", lambda: Case(IsotonicRegression().fit([2.0, 3.0], [5.0, 4.0]), np.array([[2.0], [2.7], [3.0], [7.0]])))


def processes():
    fit = fitted
    d = diabetes[0].shape[1]
    kernels = {
        "none": None, "rbf": gp.RBF(2.0), "ard": gp.RBF([1.0 + i for i in range(d)]), "matern05": gp.Matern(3.0, nu=0.5), "matern15": gp.Matern(3.0),
        "matern25": gp.Matern([2.0] * d, nu=2.5), "matern_inf": gp.Matern(2.0, nu=np.inf) if VERSION >= (0, 24) else gp.RBF(1.5), "matern07": gp.Matern(3.0, nu=0.7), "matern42": gp.Matern(2.0, nu=4.2),
        "rational": gp.RationalQuadratic(2.0, 0.7), "dot": gp.DotProduct(0.6),
        "sum": gp.ConstantKernel(3.0) * gp.RBF(2.0) + gp.WhiteKernel(0.3), "poly": gp.DotProduct(1.0) ** 2, "mixed": 2.0 * gp.RBF(3.0) + gp.DotProduct() * gp.Matern(4.0) + 1.5,
        "pairwise_poly": gp.PairwiseKernel(gamma=0.2, metric="poly", pairwise_kernels_kwargs={"degree": 2}),
        "pairwise_rbf": gp.PairwiseKernel(gamma=0.3, metric="rbf"), "pairwise_laplacian": gp.PairwiseKernel(gamma=0.3, metric="laplacian"),
        "pairwise_cosine": gp.PairwiseKernel(metric="cosine"), "pairwise_linear": gp.PairwiseKernel(metric="linear"),
        "pairwise_sigmoid": gp.PairwiseKernel(gamma=0.01, metric="sigmoid")}
    for name, kernel in sorted(kernels.items()):
        add("gpr_" + name, lambda kernel=kernel: fit(GaussianProcessRegressor(kernel, alpha=1.0, optimizer=None), diabetes))
        if VERSION >= (0, 23) or name in ("rbf", "sum"):
            add("gpr_norm_" + name, lambda kernel=kernel: fit(GaussianProcessRegressor(kernel, alpha=0.5, normalize_y=True, optimizer=None), targets))
        if name in ("ard", "matern25"):
            kernel = None
        two, three = (cancer[0][:, :6], cancer[1]), (wine[0][:, :6], FLOWERS[:len(wine[0])][np.argsort(wine[1], kind="mergesort")])
        add("gpc_" + name, lambda kernel=kernel: fit(GaussianProcessClassifier(kernel, optimizer=None), (cancer[0][::3], TUMOURS[SMALL][::3])))
        add("gpc_multi_" + name, lambda kernel=kernel: fit(GaussianProcessClassifier(kernel, optimizer=None), flowers))
    add("gpr_periodic", lambda: fit(GaussianProcessRegressor(gp.ExpSineSquared(1.3, 2.7), alpha=1.0, optimizer=None), one_feature))
    add("gpr_periodic_sum", lambda: fit(GaussianProcessRegressor(gp.ExpSineSquared(0.8, 1.7) * gp.RBF(2.0) + gp.WhiteKernel(0.1), alpha=1.0), one_feature))
    add("gpr_fitted", lambda: fit(GaussianProcessRegressor(gp.ConstantKernel(1.0) * gp.RBF(1.0) + gp.WhiteKernel(), normalize_y=True, random_state=0), diabetes))
    add("gpr_column", lambda: fit(GaussianProcessRegressor(gp.RBF(2.0), alpha=1.0, optimizer=None), column))
    add("gpr_alphas", lambda: fit(GaussianProcessRegressor(gp.RBF(2.0), alpha=np.linspace(0.1, 2, len(diabetes[0])), optimizer=None), diabetes))
    add("gpr_one_feature", lambda: fit(GaussianProcessRegressor(gp.Matern(1.0, nu=1.1), alpha=1.0, optimizer=None), one_feature))
    for kind in ("one_vs_rest", "one_vs_one"):
        add("gpc_fitted_" + kind, lambda kind=kind: fit(GaussianProcessClassifier(gp.RBF(1.0) * 2.0, multi_class=kind, random_state=0), gaps))
        add("gpc_%s" % kind, lambda kind=kind: fit(GaussianProcessClassifier(multi_class=kind, optimizer=None), (many[0][:60], many[1][:60] % 4)))
    add("gpc_flags", lambda: fit(GaussianProcessClassifier(optimizer=None), (flags[0][::2], flags[1][::2])))


# ---------------------------------------------------------------------------------------------- dummies

def dummies():
    outputs = (iris[0], np.column_stack([iris[1], iris[1] % 2 + 5, np.full(30, 3)]))
    words = (iris[0], np.column_stack([flowers[1], np.array(["x", "yy"])[iris[1] % 2]]))
    for strategy in ("most_frequent", "prior", "stratified", "uniform", "constant"):
        for what, data, constant in (("multi", flowers, flowers[1][3]), ("binary", flags, True), ("gaps", gaps, 30000), ("outputs", outputs, [1, 6, 3]), ("words", words, [flowers[1][0], "yy"])):
            extra = dict(constant=constant) if strategy == "constant" else {}
            add("dummy_%s_%s" % (strategy, what), lambda strategy=strategy, data=data, extra=extra: fitted(
                DummyClassifier(strategy=strategy, random_state=42, **extra), data, rows=20))
    for strategy in ("mean", "median", "quantile", "constant"):
        for what, data, constant in (("reg", diabetes, 4.5), ("reg_multi", targets, [1.0, 2.5, -3.0])):
            extra = dict(constant=constant) if strategy == "constant" else dict(quantile=0.3) if strategy == "quantile" else {}
            add("dummy_%s_%s" % (strategy, what), lambda strategy=strategy, data=data, extra=extra: fitted(DummyRegressor(strategy=strategy, **extra), data))


CORE = set("""
ransac sgd_one_class lars_multi omp_column tweedie_1_5_auto tweedie_2_log lasso_sparse sgd_sparse ridge_clf_labels ridge_clf_cv_labels_old linear_svc_crammer
perceptron_multi lrcv_lbfgs_auto_multi lr_newton_cholesky_auto_multi svc_rbf_multi svc_proba_poly_binary svc_proba_rbf_many svc_ovo_sigmoid_many svc_ties_linear_multi
nusvc_proba_binary svc_sparse_poly svc_precomputed svr_nothing nusvr_rbf one_class_rbf gaussian_nb_multi gaussian_nb_f32 gaussian_nb_partial multinomial_nb
complement_nb_norm bernoulli_nb_threshold categorical_nb_fractions lda_svd_multi lda_eigen_binary lda_step_svd_1 lda_step_eigen_None qda_reg_gaps qda_eigen
centroid_manhattan_multi centroid_shrunk_gaps centroid_priors_euclidean_given centroid_cosine centroid_braycurtis pls_scaled_one_3 pls_raw_three_1 pls_raw_units
cca pls_svd step_canonical mlp_logistic_multi mlp_tanh_binary mlp_relu_labels mlp_identity_reg_multi mlp_poisson ridge_kernel_laplacian ridge_kernel_cosine
ridge_kernel_chi2 ridge_kernel_additive_chi2 ridge_kernel_precomputed ridge_kernel_params_polynomial isotonic_clip_auto isotonic_nan_False isotonic_raise
isotonic_f32 isotonic_one gpr_sum gpr_norm_mixed gpr_matern07 gpr_periodic_sum gpr_norm_pairwise_poly gpr_column gpc_rbf gpc_multi_sum gpc_fitted_one_vs_one
dummy_stratified_outputs dummy_uniform_multi dummy_constant_words dummy_prior_binary dummy_quantile_reg_multi
""".split())


def chosen(family):
    def add_chosen():
        family()
        make_sklearn.CASES[:] = [c for c in make_sklearn.CASES if c[0] in CORE]
    return family if sys.argv[3:] == ["all"] else add_chosen


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], families=map(chosen, (linear, machines, bayes, discriminants, least_squares, networks, kernel_methods, processes, dummies)))
