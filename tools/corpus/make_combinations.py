"""Every kind of estimator inside every kind of wrapper: what no script of one family tries. Labels are texts, booleans, negative and
far-apart integers in turn, chosen by the case's name. With boosting libraries installed, theirs too. Mostly a sweep:

    python make_combinations.py 1.9.1 OUT/1.9.1
    python make_combinations.py 1.9.1 tests/corpus/sklearn_combinations/1.9.1 kept
"""
import sys

import make_sklearn
from make_sklearn import *  # noqa: F401,F403

from sklearn import discriminant_analysis as discriminant
from sklearn import (calibration, ensemble, feature_selection, gaussian_process, linear_model, model_selection, multiclass, multioutput,
                     naive_bayes, neighbors, neural_network, semi_supervised, svm, tree)
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import MaxAbsScaler, PolynomialFeatures, QuantileTransformer

if VERSION < (1, 0):
    from sklearn.experimental import enable_hist_gradient_boosting  # noqa: F401
if VERSION >= (0, 24):
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401

BASE = "estimator" if VERSION >= (1, 2) else "base_estimator"


def data(classes, seed=90125, n=96, columns=5):
    rng = np.random.RandomState(seed)
    X = np.round(rng.normal(size=(n, columns)) * [1, 20, 0.3, 4, 1] + [0, 50, 1, -2, 0], 3)
    score = X[:, 0] + X[:, 1] / 15 - 2 * X[:, 2] + 0.2 * X[:, 3] * X[:, 4] + 0.4 * rng.normal(size=n)
    return X, np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1])), score


LABELS = {
    2: [np.array(["no", "yes"]), np.array([False, True]), np.array([-1, 1]), np.array([3, -20]), np.array([0, 1]), np.array([1.0, 2.0])],
    3: [np.array(["high", "low", u"m\u00edd"]), np.array([-7, 0, 12]), np.array([10, 2, 5]), np.array(["b", "a", "c"], dtype=object)],
}
TARGET = data(3)[2]
SEVERAL = np.column_stack([TARGET, TARGET ** 2 - data(3)[0][:, 1]])


def bases():
    log = "log_loss" if VERSION >= (1, 1) else "log"
    out = {
        "svc": lambda: svm.SVC(C=2.0, gamma=0.05), "svc_linear": lambda: svm.SVC(kernel="linear", C=0.2),
        "svc_ovo": lambda: svm.SVC(gamma=0.02, decision_function_shape="ovo"),
        "svc_proba": lambda: svm.SVC(gamma=0.05, probability=True, random_state=0), "nusvc": lambda: svm.NuSVC(nu=0.3, gamma=0.02),
        "linearsvc": lambda: make_pipeline(StandardScaler(), svm.LinearSVC(random_state=0)),
        "knn": lambda: neighbors.KNeighborsClassifier(4), "knn_distance": lambda: neighbors.KNeighborsClassifier(5, weights="distance", p=1),
        "radius": lambda: make_pipeline(StandardScaler(), neighbors.RadiusNeighborsClassifier(4.0, outlier_label="most_frequent")),
        "centroid": lambda: neighbors.NearestCentroid(),
        "gnb": lambda: naive_bayes.GaussianNB(), "bnb": lambda: make_pipeline(StandardScaler(), naive_bayes.BernoulliNB()),
        "mnb": lambda: make_pipeline(MinMaxScaler(), naive_bayes.MultinomialNB()),
        "mlp": lambda: make_pipeline(StandardScaler(), neural_network.MLPClassifier(hidden_layer_sizes=(5,), max_iter=60, random_state=0)),
        "lda": lambda: discriminant.LinearDiscriminantAnalysis(), "qda": lambda: discriminant.QuadraticDiscriminantAnalysis(reg_param=0.1),
        "logreg": lambda: LogisticRegression(max_iter=400, C=0.3), "ridgeclf": lambda: RidgeClassifier(),
        "sgd": lambda: make_pipeline(StandardScaler(), SGDClassifier(random_state=0, max_iter=40, tol=None)),
        "sgd_log": lambda: make_pipeline(StandardScaler(), SGDClassifier(loss=log, random_state=0, max_iter=40, tol=None)),
        "perceptron": lambda: make_pipeline(StandardScaler(), linear_model.Perceptron(random_state=0, max_iter=30, tol=None)),
        "tree": lambda: DecisionTreeClassifier(max_depth=4, random_state=0), "forest": lambda: RandomForestClassifier(5, max_depth=4, random_state=0),
        "gb": lambda: GradientBoostingClassifier(n_estimators=5, random_state=0), "hgb": lambda: ensemble.HistGradientBoostingClassifier(max_iter=4, min_samples_leaf=8),
        "ada": lambda: ensemble.AdaBoostClassifier(n_estimators=4, random_state=0),
        "gpc": lambda: make_pipeline(StandardScaler(), gaussian_process.GaussianProcessClassifier(random_state=0)),
        "labelprop": lambda: make_pipeline(StandardScaler(), semi_supervised.LabelSpreading(gamma=0.5)),
        "deep": lambda: Pipeline([("a", Pipeline([("b", Pipeline([("c", StandardScaler()), ("d", PCA(4))])), ("e", MinMaxScaler())])),
                                  ("f", Pipeline([("g", FeatureUnion([("h", PCA(2)), ("i", MaxAbsScaler())])),
                                                  ("j", Pipeline([("k", LogisticRegression())]))]))]),
        "search": lambda: model_selection.GridSearchCV(neighbors.KNeighborsClassifier(), {"n_neighbors": [2, 3]}, cv=2),
    }
    return out


def booster_bases():
    out = {}
    try:
        import xgboost as xgb
        out["xgb"] = lambda: xgb.XGBClassifier(n_estimators=4, max_depth=2, learning_rate=0.3)
        out["xgbrf"] = lambda: xgb.XGBRFClassifier(n_estimators=4, max_depth=3, random_state=1)
    except ImportError:
        pass
    try:
        import lightgbm as lgb
        out["lgbm"] = lambda: lgb.LGBMClassifier(n_estimators=4, num_leaves=5, min_child_samples=6, verbose=-1)
    except ImportError:
        pass
    try:
        import catboost as cat
        out["cat"] = lambda: cat.CatBoostClassifier(iterations=4, depth=3, verbose=0, allow_writing_files=False, random_seed=0)
    except ImportError:
        pass
    return out


def probable(make):
    return hasattr(make(), "predict_proba")


def other(k):
    return [lambda: LogisticRegression(max_iter=400), lambda: naive_bayes.GaussianNB(), lambda: DecisionTreeClassifier(max_depth=3, random_state=1)][k % 3]()


def wrappers():
    def wrap(cls, *args, **params):
        return lambda make: cls(make(), *args, **params)
    out = {
        "plain": lambda make: make(),
        "bagging": wrap(ensemble.BaggingClassifier, n_estimators=3, random_state=0),
        "bagging_some": wrap(ensemble.BaggingClassifier, n_estimators=3, max_features=0.6, max_samples=0.7, bootstrap_features=True, random_state=2),
        "calibrated": wrap(calibration.CalibratedClassifierCV, cv=2), "calibrated_isotonic": wrap(calibration.CalibratedClassifierCV, method="isotonic", cv=3),
        "ovr": wrap(multiclass.OneVsRestClassifier), "ovo": wrap(multiclass.OneVsOneClassifier),
        "codes": wrap(multiclass.OutputCodeClassifier, code_size=2.5, random_state=0),
        "self": wrap(semi_supervised.SelfTrainingClassifier, threshold=0.6, max_iter=2) if VERSION >= (0, 24) else None,
        "adaboost": lambda make: ensemble.AdaBoostClassifier(make(), n_estimators=3, random_state=0, **({"algorithm": "SAMME"} if VERSION < (1, 6) else {})),
        "adaboost_r": (lambda make: ensemble.AdaBoostClassifier(make(), n_estimators=3, random_state=0, algorithm="SAMME.R")) if VERSION < (1, 6) else None,
        "vote": lambda make: ensemble.VotingClassifier([("a", make()), ("b", other(0)), ("c", other(2))], weights=[2, 1, 1.5]),
        "vote_soft": lambda make: ensemble.VotingClassifier([("a", make()), ("b", other(1))], voting="soft"),
        "vote_flat": lambda make: make_pipeline(ensemble.VotingClassifier([("a", make()), ("b", other(1)), ("c", "drop")], voting="soft", flatten_transform=True),
                                                ),
        "stack": lambda make: ensemble.StackingClassifier([("a", make()), ("b", other(0))], cv=2),
        "stack_pass": lambda make: ensemble.StackingClassifier([("a", make()), ("b", other(2))], final_estimator=DecisionTreeClassifier(max_depth=3, random_state=0),
                                                               cv=2, passthrough=True),
        "stack_final": lambda make: ensemble.StackingClassifier([("a", other(0)), ("b", other(1))], final_estimator=make(), cv=2),
        "grid": lambda make: model_selection.GridSearchCV(make_pipeline(SimpleImputer(), make()), {"simpleimputer__strategy": ["mean", "median"]}, cv=2),
        "halving": (lambda make: model_selection.HalvingGridSearchCV(make_pipeline(SimpleImputer(), make()), {"simpleimputer__strategy": ["mean", "median"]},
                                                                     cv=2, random_state=0, min_resources=40)) if VERSION >= (0, 24) else None,
        "random_nested": lambda make: model_selection.RandomizedSearchCV(
            Pipeline([("s", StandardScaler()), ("m", calibration.CalibratedClassifierCV(make(), cv=2))]), {"s__with_mean": [True, False]}, n_iter=2, cv=2, random_state=0),
        "rfe": lambda make: model_selection.GridSearchCV(Pipeline([("r", feature_selection.RFE(LogisticRegression(max_iter=300))), ("m", make())]),
                                                         {"r__n_features_to_select": [2, 4]}, cv=2),
        "rfecv_model": lambda make: feature_selection.RFECV(make(), cv=2),
        "rfe_model": lambda make: model_selection.GridSearchCV(feature_selection.RFE(make()), {"n_features_to_select": [2, 3]}, cv=2),
        "from_model": lambda make: make_pipeline(feature_selection.SelectFromModel(make()), LogisticRegression(max_iter=300)),
        "poly": lambda make: Pipeline([("a", Pipeline([("p", PolynomialFeatures(2)), ("s", StandardScaler())])), ("k", feature_selection.SelectKBest(k=6)), ("m", make())]),
        "bag_of_pipes": lambda make: ensemble.BaggingClassifier(Pipeline([("q", QuantileTransformer(n_quantiles=20)), ("m", make())]), n_estimators=2, random_state=0),
        "deep3": lambda make: ensemble.VotingClassifier([("a", calibration.CalibratedClassifierCV(multiclass.OneVsRestClassifier(make()), cv=2)), ("b", other(0))], voting="soft"),
        "fixed": (lambda make: model_selection.FixedThresholdClassifier(make(), threshold=0.4)) if VERSION >= (1, 5) else None,
        "tuned": (lambda make: model_selection.TunedThresholdClassifierCV(make(), cv=2, thresholds=7)) if VERSION >= (1, 5) else None,
    }
    return {k: v for k, v in out.items() if v is not None}


BINARY_ONLY = ("fixed", "tuned")
ROWS = [ask(data(3)[0], seed=31, rows=9)]


def classifying(some, prefix=""):
    for b, make in sorted(some.items()):
        for w, wrapper in sorted(wrappers().items()):
            for classes in (2, 3):
                if classes == 3 and w in BINARY_ONLY:
                    continue
                name = "%s%s_%s_%d" % (prefix, w, b, classes)
                add(name, lambda make=make, wrapper=wrapper, classes=classes, name=name: one(make, wrapper, classes, name))


def one(make, wrapper, classes, name):
    X, y, _ = data(classes)
    kinds = LABELS[classes]
    labels = kinds[zlib.crc32(name.encode()) % len(kinds)]
    if classes == 2 and name.split("_")[0] in BINARY_ONLY:
        labels = LABELS[2][4]
    return Case(wrapper(make).fit(X, labels[y]), ROWS[0])


def several_outputs(some, prefix=""):
    X, y, _ = data(3)
    two = np.column_stack([(y > 0).astype(int), (X[:, 3] > -2).astype(int)])
    kinds = np.column_stack([np.array(["x", "y", "z"])[y], np.array(["on", "off"])[(X[:, 3] > -2).astype(int)]]).astype(object)
    numbers = np.column_stack([y * 5 - 3, (X[:, 3] > -2) * 2])
    tags = np.column_stack([y == 0, y > 0, X[:, 1] > 50]).astype(int)
    for b, make in sorted(some.items()):
        add(prefix + "multi_words_" + b, lambda make=make: Case(multioutput.MultiOutputClassifier(make()).fit(X, kinds), ROWS[0]))
        add(prefix + "multi_" + b, lambda make=make: Case(multioutput.MultiOutputClassifier(make()).fit(X, numbers), ROWS[0]))
        add(prefix + "chain_" + b, lambda make=make: Case(multioutput.ClassifierChain(make(), order=[1, 0]).fit(X, two), ROWS[0]))
        add(prefix + "chain_cv_" + b, lambda make=make: Case(multioutput.ClassifierChain(make(), cv=2, order=[1, 0]).fit(X, numbers), ROWS[0]))
        add(prefix + "tags_" + b, lambda make=make: Case(multiclass.OneVsRestClassifier(make()).fit(X, tags), ROWS[0]))
        add(prefix + "tags_grid_" + b, lambda make=make: Case(model_selection.GridSearchCV(
            Pipeline([("s", StandardScaler()), ("m", multiclass.OneVsRestClassifier(make()))]), {"s__with_std": [True, False]}, cv=2).fit(X, tags), ROWS[0]))


def regressors():
    return {
        "svr": lambda: svm.SVR(C=3, gamma=0.05), "nusvr": lambda: svm.NuSVR(gamma=0.05), "linsvr": lambda: make_pipeline(StandardScaler(), svm.LinearSVR(random_state=0)),
        "knnr": lambda: neighbors.KNeighborsRegressor(3, weights="distance"), "mlpr": lambda: make_pipeline(StandardScaler(), neural_network.MLPRegressor(hidden_layer_sizes=(4,), max_iter=60, random_state=0)),
        "gpr": lambda: gaussian_process.GaussianProcessRegressor(gaussian_process.kernels.RBF(5.0) + gaussian_process.kernels.WhiteKernel(0.5), optimizer=None),
        "huber": lambda: linear_model.HuberRegressor(max_iter=500), "bayes": lambda: linear_model.BayesianRidge(), "treer": lambda: DecisionTreeRegressor(max_depth=4, random_state=0),
        "gbr": lambda: GradientBoostingRegressor(n_estimators=5, random_state=0), "hgbr": lambda: ensemble.HistGradientBoostingRegressor(max_iter=4, min_samples_leaf=8),
        "adar": lambda: ensemble.AdaBoostRegressor(n_estimators=4, random_state=0), "theil": lambda: linear_model.TheilSenRegressor(random_state=0, max_subpopulation=50),
        "ransac": lambda: linear_model.RANSACRegressor(random_state=0), "isotone": lambda: make_pipeline(PCA(1), _isotonic()), "krr": lambda: _kernel_ridge(),
    }


def booster_regressors():
    out = {}
    try:
        import xgboost as xgb
        out["xgbr"] = lambda: xgb.XGBRegressor(n_estimators=4, max_depth=2)
    except ImportError:
        pass
    try:
        import lightgbm as lgb
        out["lgbmr"] = lambda: lgb.LGBMRegressor(n_estimators=4, num_leaves=5, min_child_samples=6, verbose=-1)
    except ImportError:
        pass
    try:
        import catboost as cat
        out["catr"] = lambda: cat.CatBoostRegressor(iterations=4, depth=3, verbose=0, allow_writing_files=False, random_seed=0)
    except ImportError:
        pass
    return out


def _isotonic():
    from sklearn.isotonic import IsotonicRegression
    return IsotonicRegression(out_of_bounds="clip")


def _kernel_ridge():
    from sklearn.kernel_ridge import KernelRidge
    return make_pipeline(StandardScaler(), KernelRidge(kernel="rbf", alpha=0.3))


def regressing(some, prefix=""):
    X = data(3)[0]
    positive = TARGET - TARGET.min() + 0.5

    def fit(model, y=TARGET):
        return Case(model.fit(X, y), ROWS[0])
    wraps = {
        "bag": lambda m: fit(ensemble.BaggingRegressor(m(), n_estimators=3, max_features=0.8, random_state=0)),
        "ada": lambda m: fit(ensemble.AdaBoostRegressor(m(), n_estimators=3, random_state=0)),
        "vote": lambda m: fit(ensemble.VotingRegressor([("a", m()), ("b", Ridge())], weights=[0.3, 2])),
        "stack": lambda m: fit(ensemble.StackingRegressor([("a", m()), ("b", Ridge())], cv=2)),
        "stack_final": lambda m: fit(ensemble.StackingRegressor([("a", Ridge()), ("b", DecisionTreeRegressor(max_depth=2, random_state=0))], final_estimator=m(), cv=2, passthrough=True)),
        "multi": lambda m: fit(multioutput.MultiOutputRegressor(m()), SEVERAL),
        "chain": lambda m: fit(multioutput.RegressorChain(m(), order=[1, 0]), SEVERAL),
        "chain_cv": lambda m: fit(multioutput.RegressorChain(m(), cv=2), SEVERAL),
        "log": lambda m: fit(TransformedTargetRegressor(make_pipeline(StandardScaler(), m()), func=np.log1p, inverse_func=np.expm1), positive),
        "scaled": lambda m: fit(TransformedTargetRegressor(m(), transformer=StandardScaler())),
        "scaled_several": lambda m: fit(TransformedTargetRegressor(multioutput.MultiOutputRegressor(m()), transformer=MinMaxScaler()), SEVERAL),
        "grid": lambda m: fit(model_selection.GridSearchCV(Pipeline([("s", StandardScaler()), ("m", TransformedTargetRegressor(m(), func=np.log, inverse_func=np.exp))]), {"s__with_mean": [True, False]}, cv=2), positive),
        "bagged_several": lambda m: fit(ensemble.BaggingRegressor(multioutput.MultiOutputRegressor(m()), n_estimators=2, random_state=0), SEVERAL),
        "rfecv": lambda m: fit(feature_selection.RFECV(m(), cv=2)),
        "from_model": lambda m: fit(make_pipeline(feature_selection.SelectFromModel(m()), Ridge())),
        "ransac": lambda m: fit(linear_model.RANSACRegressor(m(), random_state=0, min_samples=30)),
    }
    for b, make in sorted(some.items()):
        for w, wrap in sorted(wraps.items()):
            add("%sreg_%s_%s" % (prefix, w, b), lambda make=make, wrap=wrap: wrap(make))


def sparse_cases(boosters):
    """What the library holds as a sparse matrix: to XGBoost, what isn't stored is missing."""
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.feature_selection import SelectKBest, chi2
    from sklearn.preprocessing import KBinsDiscretizer

    X, y, _ = data(3)
    kinds = np.array(["red", "green", "blue", "grey"])[np.abs(X[:, 1].astype(int)) % 4]
    table = pd.DataFrame({"size": X[:, 0], "weight": np.round(X[:, 3]), "colour": kinds})
    asked = table.iloc[[3, 9, 20, 31, 44, 50]].reset_index(drop=True)
    asked.loc[1, "colour"] = "black"
    texts = ["%s %s %s" % (k, "big" if a > 0 else "small", " ".join(["very"] * int(abs(b)))) for k, a, b in zip(kinds, X[:, 0], X[:, 3])]
    bags = [{"colour": str(k), "weight": float(b)} for k, b in zip(kinds, table["weight"])]
    spread = ["" if i % 3 else t for i, t in enumerate(texts[:7])] + ["red very black"]

    def columns(**params):
        return ColumnTransformer([("n", StandardScaler(), ["size"]), ("w", "passthrough", ["weight"]),
                                  ("c", OneHotEncoder(handle_unknown="ignore"), ["colour"])], **params)

    def made(front, X, new):
        return lambda make: Case(make_pipeline(*(front() + [make()])).fit(X, y), new)
    some = {
        "columns_sparse": made(lambda: [columns(sparse_threshold=1.0)], table, asked),
        "columns_dense": made(lambda: [columns(sparse_threshold=0)], table, asked),
        "columns_scaled": made(lambda: [columns(sparse_threshold=1.0), StandardScaler(with_mean=False)], table, asked),
        "tfidf": made(lambda: [TfidfVectorizer()], texts, spread),
        "counts_chosen": made(lambda: [CountVectorizer(dtype=np.float64), SelectKBest(chi2, k=4), MaxAbsScaler()], texts, spread),
        "union": made(lambda: [FeatureUnion([("a", TfidfVectorizer()), ("b", CountVectorizer(analyzer="char", dtype=np.float64))])], texts, spread),
        "dicts": made(lambda: [DictVectorizer()], bags, bags[:6] + [{"weight": 0.0}, {"colour": "black"}]),
        "bins": made(lambda: [KBinsDiscretizer(4, encode="onehot")], X, ROWS[0]),
        "bagged": lambda make: Case(make_pipeline(TfidfVectorizer(), ensemble.BaggingClassifier(make(), n_estimators=2, max_features=0.6, random_state=0)).fit(texts, y), spread),
        "stacked": lambda make: Case(make_pipeline(TfidfVectorizer(), ensemble.StackingClassifier(
            [("a", naive_bayes.MultinomialNB()), ("b", LogisticRegression())], final_estimator=make(), passthrough=True, cv=2)).fit(texts, y), spread),
    }
    for b, make in sorted(boosters.items()):
        for w, wrap in sorted(some.items()):
            add("sparse_%s_%s" % (w, b), lambda make=make, wrap=wrap: wrap(make))
    nb = {"mnb": naive_bayes.MultinomialNB, "bnb": naive_bayes.BernoulliNB, "forest": lambda: RandomForestClassifier(4, max_depth=4, random_state=0),
          "mlp": lambda: neural_network.MLPClassifier(hidden_layer_sizes=(3,), max_iter=20, random_state=0),
          "gb": lambda: GradientBoostingClassifier(n_estimators=3, random_state=0)}
    for b, make in sorted(nb.items()):
        for w in ("columns_sparse", "tfidf", "counts_chosen", "union", "bagged"):
            if w != "columns_sparse" or b != "mnb":
                add("sparse_%s_%s" % (w, b), lambda make=make, wrap=some[w]: wrap(make))


KEPT = """
    sparse_columns_sparse_xgb sparse_columns_dense_xgb sparse_columns_scaled_xgb sparse_tfidf_xgb sparse_counts_chosen_xgb sparse_union_xgb
    sparse_dicts_xgb sparse_bins_xgb sparse_bagged_xgb sparse_stacked_xgb sparse_tfidf_lgbm sparse_columns_sparse_lgbm sparse_columns_sparse_cat
    sparse_tfidf_mnb sparse_counts_chosen_bnb sparse_union_forest sparse_bagged_mlp sparse_counts_chosen_gb sparse_columns_sparse_forest
    ovr_xgb_3 ovr_xgb_2 vote_soft_xgb_2 calibrated_lgbm_3 ovo_lgbm_3 codes_lgbm_3 bagging_some_lgbm_3 stack_xgb_2 calibrated_xgb_2
    reg_bag_xgbr reg_scaled_xgbr reg_scaled_several_xgbr reg_log_lgbmr reg_vote_catr reg_stack_catr reg_ada_lgbmr
    chain_lgbm tags_xgb deep3_lgbm_3""".split()


def flat_labels(model, X, ask=make_sklearn.classifier_answer):
    """CatBoost alone answers several classes as a column; the contract has a list."""
    out = ask(model, X)
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    if type(last).__module__.startswith("catboost"):
        labels = np.ravel(model.predict(X))  # some versions give whole numbers as floats
        out["label"] = nested(labels.astype(int) if labels.dtype.kind == "f" else labels)
    return out


make_sklearn.classifier_answer = flat_labels


def everything():
    some, theirs = bases(), booster_bases()
    sparse_cases(theirs)
    if theirs:
        classifying(theirs)
        several_outputs(theirs)
        regressing(booster_regressors())
        return
    classifying(some)
    several_outputs(some)
    regressing(regressors())


if __name__ == "__main__":
    make_sklearn.default_container = lambda name: "joblib:zlib" if zlib.crc32(name.encode()) % 2 else "pickle"
    chosen = KEPT if sys.argv[3:] == ["kept"] else sys.argv[3:]
    families = (everything,)
    if chosen:
        families += (lambda: CASES.__setitem__(slice(None), [c for c in CASES if c[0] in chosen]),)
    main(sys.argv[1], sys.argv[2], families=families)
