"""Whole models as data scientists write them: tables through a ColumnTransformer into a model, texts, searches, ensembles of pipelines.
Data of its own, seeded; every version from 0.22.2 to 1.9.1. All of them, then those that stand in the repository:

    python make_pipelines.py 1.9.1 OUT/1.9.1
    python make_pipelines.py 1.9.1 tests/corpus/sklearn_pipelines/1.9.1 kept
"""
import sys

from make_sklearn import *  # noqa: F401,F403

from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.decomposition import NMF, PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (AdaBoostClassifier, BaggingClassifier, BaggingRegressor, IsolationForest, StackingClassifier, StackingRegressor,
                              VotingClassifier, VotingRegressor)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import (RFE, RFECV, SelectFromModel, SelectKBest, SelectPercentile, VarianceThreshold, chi2, f_classif,
                                       f_regression)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import BayesianRidge, ElasticNetCV, HuberRegressor, LassoCV, LogisticRegressionCV
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, make_union
from sklearn.preprocessing import (Binarizer, KBinsDiscretizer, MaxAbsScaler, Normalizer, PolynomialFeatures, PowerTransformer,
                                   QuantileTransformer)
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR

if VERSION < (1, 0):
    from sklearn.experimental import enable_hist_gradient_boosting  # noqa: F401
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

CONTAINERS = ["pickle", "joblib", "pickle:2", "joblib:zlib", "pickle:4", "joblib:gzip", "joblib:lzma", "joblib:xz", "joblib:bz2",
              "joblib:protocol2"]
if sys.version_info >= (3, 8):
    CONTAINERS.append("pickle:5")
LOG = "log_loss" if VERSION >= (1, 1) else "log"
DENSE = {"sparse_output" if VERSION >= (1, 2) else "sparse": False}


def one_hot(**params):
    params.setdefault("handle_unknown", "ignore")
    return OneHotEncoder(**params)


# ---------------------------------------------------------------------------------------------- data

def flats(n=170, seed=40921):
    rng = np.random.RandomState(seed)
    area = np.round(rng.gamma(7, 11, n) + 18, 1)
    rooms = np.clip(np.round(area / 27 + rng.normal(size=n)), 1, 9)
    floor = rng.randint(-1, 14, n)
    year = rng.randint(1890, 2024, n).astype(float)
    quarter = rng.choice(["Altona", "Mitte", "Nord", u"S\u00fcd", "Harbour view", "Wandsbek"], n, p=[.3, .25, .2, .15, .06, .04])
    state = rng.choice(["poor", "fair", "good", "new"], n)
    heating = rng.choice(["gas", "oil", "district"], n).astype(object)
    lift = rng.rand(n) < 0.4
    price = area * (2100 + 300 * (quarter == "Altona") - 9 * floor + 150 * lift) * np.exp(0.15 * rng.normal(size=n))
    year[rng.rand(n) < 0.12] = np.nan
    heating[rng.rand(n) < 0.1] = np.nan
    table = pd.DataFrame({"area": area, "rooms": rooms, "floor": floor, "year": year, "quarter": quarter, "state": state, "heating": heating,
                          "lift": lift})
    return table, np.round(price, -2)


def contracts(n=260, seed=77003):
    rng = np.random.RandomState(seed)
    months = rng.randint(0, 73, n)
    monthly = np.round(rng.uniform(18, 119, n), 2)
    total = np.round(months * monthly * rng.uniform(0.95, 1.05, n), 2)
    kind = rng.choice(["Month-to-month", "One year", "Two year"], n, p=[.55, .25, .2])
    pay = rng.choice(["Electronic check", "Mailed check", "Bank transfer (automatic)", "Credit card"], n).astype(object)
    senior = rng.choice([0, 1], n, p=[.84, .16])
    calls = rng.poisson(1.3, n).astype(float)
    score = 1.2 * (kind == "Month-to-month") - 0.04 * months + 0.01 * monthly + 0.3 * calls + 0.8 * rng.normal(size=n)
    total[rng.rand(n) < 0.08] = np.nan
    calls[rng.rand(n) < 0.15] = np.nan
    pay[rng.rand(n) < 0.05] = np.nan
    table = pd.DataFrame({"months": months, "monthly": monthly, "total": total, "contract": kind, "pay": pay, "senior": senior, "calls": calls})
    return table, np.where(score > 0.2, "Yes", "No"), np.digitize(score, [-0.5, 0.9])


def sensors(n=210, columns=7, seed=5150):
    rng = np.random.RandomState(seed)
    mix = rng.normal(size=(columns, columns))
    X = np.round(rng.normal(size=(n, columns)).dot(mix) * rng.uniform(0.2, 40, columns) + rng.uniform(-9, 60, columns), 3)
    score = X.dot(rng.normal(size=columns) / X.std(axis=0)) + 0.6 * np.sin(X[:, 0]) + 0.3 * rng.normal(size=n)
    return X, score, np.digitize(score, np.quantile(score, [0.3, 0.6, 0.85]))


def mails(n=150, seed=313):
    rng = np.random.RandomState(seed)
    words = {"billing": "invoice refund payment charged twice card amount overdue receipt VAT".split(),
             "technical": "error crash login password reset server timeout screen doesn't update 404".split(),
             "sales": u"offer price upgrade licence demo caf\u00e9 trial quote team discount".split()}
    common = "the a please hello my I've is not with and for thanks you re: now".split()
    out, kinds = [], []
    for _ in range(n):
        kind = rng.choice(sorted(words))
        picked = [rng.choice(words[kind] if rng.rand() < 0.45 else common) for _ in range(rng.randint(3, 16))]
        out.append(" ".join(w.upper() if rng.rand() < 0.08 else w for w in picked) + str(rng.choice(["", ".", "!!", u" \u2014 thx", "\n"])))
        kinds.append(kind)
    return out, np.array(kinds)


FLATS, PRICE = flats()
CONTRACTS, CHURN, RISK = contracts()
SENSORS, READING, GRADE = sensors()
MAILS, TOPIC = mails()
GRADES = np.array(["A+", "B", "C", "fail"])[GRADE]
ALARM = GRADE >= 2
TAGS = np.array([[k == TOPIC[i] or len(MAILS[i]) % 7 == j for j, k in enumerate(["billing", "sales", "technical"])] for i in range(len(MAILS))]).astype(int)
NEW_FLATS = flats(14, 9)[0]
NEW_CONTRACTS = contracts(15, 10)[0]
NEW_MAILS = mails(9, 17)[0] + ["", "nothing known here", "refund refund REFUND", u"d\u00e9mo"]


def new_flats(unknown=True, gaps=True):
    asked = NEW_FLATS.copy()
    if unknown:
        asked.loc[2, "quarter"] = "Elsewhere"
        asked.loc[5, "heating"] = "wood"
    asked.loc[3, "area"] = 4000.5
    asked["year"] = asked["year"].where(asked["year"].notna(), 1950.0 if not gaps else np.nan)
    if not gaps:
        asked["heating"] = asked["heating"].where(asked["heating"].notna(), "gas")
    return asked


def new_contracts(unknown=True):
    asked = NEW_CONTRACTS.copy()
    if unknown:
        asked.loc[1, "contract"] = "Five year"
        asked.loc[4, "pay"] = "Cash"
    asked.loc[6, "monthly"] = 0.0
    return asked


def measured(model, y=None, rows=11, seed=8):
    y = READING if y is None else y
    return Case(model.fit(SENSORS, y), ask(SENSORS, seed=seed, rows=rows))


def gappy(model, y=None):
    y = READING if y is None else y
    return Case(model.fit(with_gaps(SENSORS, seed=21, share=0.1), y), with_gaps(ask(SENSORS, seed=4, rows=10), seed=22, share=0.15))


def sold(model, **asked):
    return Case(model.fit(FLATS, PRICE), new_flats(**asked))


def churned(model, y=None, unknown=True):
    return Case(model.fit(CONTRACTS, CHURN if y is None else y), new_contracts(unknown))


def sorted_mails(model, y=None):
    return Case(model.fit(MAILS, TOPIC if y is None else y), NEW_MAILS)


# ---------------------------------------------------------------------------------------------- tables

FLAT_NUMBERS, FLAT_WORDS = ["area", "rooms", "floor", "year"], ["quarter", "state", "heating"]
BILL_NUMBERS, BILL_WORDS = ["months", "monthly", "total", "calls"], ["contract", "pay"]
STATES = ["poor", "fair", "good", "new"]


def numbers(scale=None, **impute):
    impute.setdefault("strategy", "median")
    return Pipeline([("imputer", SimpleImputer(**impute)), ("scaler", scale if scale is not None else StandardScaler())])


def words(encode=None, **impute):
    impute.setdefault("strategy", "most_frequent")
    return Pipeline([("imputer", SimpleImputer(**impute)), ("onehot", encode if encode is not None else one_hot())])


def flat_columns(number=None, word=None, **params):
    return ColumnTransformer([("num", number if number is not None else numbers(), FLAT_NUMBERS),
                              ("cat", word if word is not None else words(), FLAT_WORDS)], **params)


def bill_columns(number=None, word=None, **params):
    return ColumnTransformer([("num", number if number is not None else numbers(), BILL_NUMBERS),
                              ("cat", word if word is not None else words(), BILL_WORDS)], **params)


def tables():
    add("flats_ridge", lambda: sold(Pipeline([("pre", flat_columns()), ("model", Ridge(alpha=3.0))])))
    add("flats_forest_indicator", lambda: sold(Pipeline([
        ("pre", flat_columns(numbers(strategy="mean", add_indicator=True), words(strategy="constant", fill_value="unknown"), remainder="passthrough")),
        ("rf", RandomForestRegressor(9, max_depth=6, random_state=3))])))
    add("flats_log_price", lambda: sold(TransformedTargetRegressor(
        Pipeline([("pre", flat_columns(numbers(PowerTransformer()))), ("en", ElasticNet(alpha=0.01))]), func=np.log1p, inverse_func=np.expm1)))
    add("flats_target_quantile", lambda: sold(TransformedTargetRegressor(
        make_pipeline(flat_columns(), KNeighborsRegressor(4)), transformer=QuantileTransformer(n_quantiles=40, output_distribution="normal"))))
    add("flats_ordinal_trees", lambda: sold(Pipeline([
        ("pre", ColumnTransformer([("state", OrdinalEncoder(categories=[STATES]), ["state"]),
                                   ("quarter", OrdinalEncoder(**({"handle_unknown": "use_encoded_value", "unknown_value": -1}
                                                                 if VERSION >= (0, 24) else {})), ["quarter"]),
                                   ("num", SimpleImputer(strategy="constant", fill_value=-999), FLAT_NUMBERS)])),
        ("gb", GradientBoostingRegressor(n_estimators=15, random_state=1))]), unknown=VERSION >= (0, 24)))
    add("flats_drop_first", lambda: sold(make_pipeline(
        make_column_transformer((StandardScaler(), ["area", "rooms"]), (one_hot(drop="first", handle_unknown="error", **DENSE), ["quarter", "state"]),
                                (Binarizer(threshold=0.5), ["floor"])), LinearRegression()), unknown=False))
    add("flats_drop_binary", lambda: sold(make_pipeline(
        ColumnTransformer([("lift", one_hot(drop="if_binary", handle_unknown="error"), ["lift", "state"]), ("n", RobustScaler(), ["area"])]),
        LassoCV(cv=3))), since=(0, 23))
    add("flats_rare", lambda: sold(make_pipeline(
        flat_columns(word=words(one_hot(min_frequency=0.2, handle_unknown="infrequent_if_exist"))), BayesianRidge())), since=(1, 1))
    add("flats_max_categories", lambda: sold(make_pipeline(
        flat_columns(word=words(one_hot(max_categories=3, handle_unknown="infrequent_if_exist", drop="first"))), HuberRegressor(max_iter=500))),
        since=(1, 1))
    add("flats_bins_poly", lambda: sold(make_pipeline(ColumnTransformer([
        ("bins", make_pipeline(SimpleImputer(), KBinsDiscretizer(5, encode="onehot", strategy="quantile")), ["year"]),
        ("poly", make_pipeline(StandardScaler(), PolynomialFeatures(3, include_bias=False)), ["area", "rooms"]),
        ("rest", "passthrough", ["floor", "lift"])], sparse_threshold=0), Ridge(0.5))))
    add("flats_selector", lambda: sold(make_pipeline(ColumnTransformer([
        ("n", make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include=np.number)),
        ("c", make_pipeline(SimpleImputer(strategy="most_frequent"), one_hot()), ["quarter", "state", "heating"])]),
        SVR(C=1e5)), unknown=True))
    add("flats_hgb_categories", lambda: sold(make_pipeline(
        ColumnTransformer([("c", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), ["quarter", "state"]),
                           ("n", "passthrough", FLAT_NUMBERS)]),
        HistGradientBoostingRegressor(max_iter=8, categorical_features=[0, 1], random_state=0))), since=(0, 24))
    add("flats_hgb_from_dtype", lambda: Case(
        HistGradientBoostingRegressor(max_iter=7, categorical_features="from_dtype", random_state=0).fit(
            FLATS[["area", "quarter", "year"]].astype({"quarter": "category"}), PRICE),
        NEW_FLATS[["area", "quarter", "year"]].astype({"quarter": pd.CategoricalDtype(sorted(set(FLATS["quarter"])))})), since=(1, 4))
    add("flats_stack", lambda: sold(StackingRegressor([
        ("lin", make_pipeline(flat_columns(), Ridge())),
        ("rf", make_pipeline(flat_columns(), RandomForestRegressor(6, max_depth=4, random_state=5))),
        ("knn", make_pipeline(flat_columns(), KNeighborsRegressor(5, weights="distance")))], final_estimator=LinearRegression(), cv=3)))
    add("flats_vote", lambda: sold(make_pipeline(flat_columns(), VotingRegressor([
        ("a", LinearRegression()), ("b", DecisionTreeRegressor(max_depth=4, random_state=0)), ("c", SVR(C=1e4))], weights=[1, 2, 0.5]))))
    add("flats_spline", lambda: sold(make_pipeline(ColumnTransformer([
        ("spline", _spline(n_knots=6, degree=3, extrapolation="linear"), ["area"]),
        ("season", _spline(n_knots=5, degree=2, extrapolation="constant"), ["floor"]), ("cat", one_hot(), ["quarter"])]), RidgeCV_())), since=(1, 0))
    add("flats_pandas_out", lambda: sold(make_pipeline(
        ColumnTransformer([("n", make_pipeline(SimpleImputer(), StandardScaler()), FLAT_NUMBERS), ("c", one_hot(**DENSE), ["quarter"])],
                          verbose_feature_names_out=False).set_output(transform="pandas"), RandomForestRegressor(5, random_state=1))), since=(1, 2))
    add("flats_target_encoder", lambda: sold(make_pipeline(
        ColumnTransformer([("te", _target_encoder(), ["quarter", "state"]), ("n", SimpleImputer(), FLAT_NUMBERS)]),
        GradientBoostingRegressor(n_estimators=12, random_state=0))), since=(1, 4))


def _spline(**params):
    from sklearn.preprocessing import SplineTransformer
    return SplineTransformer(**params)


def _target_encoder():
    from sklearn.preprocessing import TargetEncoder
    return TargetEncoder(random_state=0, cv=3)


def RidgeCV_():
    from sklearn.linear_model import RidgeCV
    return RidgeCV(alphas=[0.1, 1.0, 10.0])


def classifying_tables():
    add("churn_logreg", lambda: churned(Pipeline([("preprocessor", bill_columns()), ("classifier", LogisticRegression(max_iter=500))])))
    add("churn_forest", lambda: churned(Pipeline([
        ("pre", bill_columns(numbers(MinMaxScaler(), strategy="mean"), remainder="passthrough")), ("rf", RandomForestClassifier(11, max_depth=5, random_state=2))])))
    add("churn_search", lambda: churned(GridSearchCV(
        Pipeline([("pre", bill_columns()), ("clf", LogisticRegression(solver="liblinear"))]),
        {"pre__num__imputer__strategy": ["mean", "median"], "clf__C": [0.1, 1.0]}, cv=3)))
    add("churn_random_search", lambda: churned(RandomizedSearchCV(
        make_pipeline(bill_columns(), RandomForestClassifier(random_state=0)),
        {"randomforestclassifier__max_depth": [2, 3, 4], "randomforestclassifier__n_estimators": [5, 8]}, n_iter=3, cv=2, random_state=6)))
    add("churn_calibrated", lambda: churned(CalibratedClassifierCV(make_pipeline(bill_columns(), LinearSVC(random_state=0)), cv=3)), since=(1, 0))
    add("churn_calibrated_isotonic", lambda: churned(CalibratedClassifierCV(
        make_pipeline(bill_columns(), RandomForestClassifier(7, max_depth=3, random_state=0)), method="isotonic", cv=2), RISK), since=(1, 0))
    add("churn_vote", lambda: churned(VotingClassifier([
        ("lr", make_pipeline(bill_columns(), LogisticRegression(max_iter=300))),
        ("nb", make_pipeline(bill_columns(sparse_threshold=0), GaussianNB())),
        ("svc", make_pipeline(bill_columns(), SVC(probability=True, random_state=0) if VERSION < (1, 8) else LinearDiscriminantAnalysis()))
        if VERSION < (1, 8) else ("dt", make_pipeline(bill_columns(), DecisionTreeClassifier(max_depth=3, random_state=0)))], voting="soft")))
    add("churn_stack", lambda: churned(StackingClassifier([
        ("gb", make_pipeline(bill_columns(), GradientBoostingClassifier(n_estimators=8, random_state=0))),
        ("svc", make_pipeline(bill_columns(), SVC()))], final_estimator=LogisticRegression(), cv=3, passthrough=False), RISK))
    add("churn_knn_impute", lambda: churned(make_pipeline(
        bill_columns(make_pipeline(StandardScaler(), KNNImputer(n_neighbors=3))), MLPClassifier(hidden_layer_sizes=(8, 4), max_iter=150, random_state=0))))
    add("churn_kbest", lambda: churned(make_pipeline(bill_columns(numbers(MinMaxScaler())), SelectKBest(chi2, k=5), ExtraTreesClassifier(6, random_state=1))))
    add("churn_hgb", lambda: churned(make_pipeline(
        ColumnTransformer([("c", make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OrdinalEncoder()), BILL_WORDS),
                           ("n", "passthrough", BILL_NUMBERS)], remainder="drop"),
        HistGradientBoostingClassifier(max_iter=9, random_state=0)), RISK, unknown=False))
    add("churn_ordinal_gaps", lambda: churned(make_pipeline(
        ColumnTransformer([("c", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2), BILL_WORDS),
                           ("n", SimpleImputer(), BILL_NUMBERS)]), GradientBoostingClassifier(n_estimators=9, random_state=0)), RISK - 1), since=(1, 1))
    add("churn_iterative", lambda: churned(make_pipeline(
        bill_columns(IterativeImputer(random_state=0, max_iter=4)), StandardScaler(with_mean=False), SVC(kernel="poly", degree=2)), RISK * 5 - 5))
    add("churn_union", lambda: churned(make_pipeline(
        bill_columns(sparse_threshold=0), FeatureUnion([("pca", PCA(3)), ("best", SelectKBest(f_classif, k=4)), ("drop", "drop")],
                                                       transformer_weights={"pca": 2.0}), LogisticRegression(max_iter=500)), CHURN == "Yes"))
    add("churn_nested", lambda: churned(Pipeline([
        ("prepare", Pipeline([("columns", bill_columns(sparse_threshold=0)), ("reduce", Pipeline([("var", VarianceThreshold()), ("pca", PCA(4))]))])),
        ("model", Pipeline([("scale", MinMaxScaler()), ("knn", KNeighborsClassifier(6))]))])))
    add("churn_adaboost", lambda: churned(make_pipeline(bill_columns(), AdaBoostClassifier(n_estimators=6, random_state=0))))
    add("churn_bagging", lambda: churned(make_pipeline(bill_columns(), BaggingClassifier(LogisticRegression(), 4, max_features=0.7, random_state=0))))
    add("churn_outliers", lambda: Case(make_pipeline(bill_columns(), IsolationForest(n_estimators=12, random_state=0)).fit(CONTRACTS), new_contracts()))
    add("churn_prepare_only", lambda: Case(bill_columns(remainder="passthrough").fit(CONTRACTS), new_contracts()))
    add("churn_threshold", lambda: churned(_threshold(make_pipeline(bill_columns(), LogisticRegression(max_iter=300)))), since=(1, 5))
    add("churn_tuned_threshold", lambda: churned(_tuned(make_pipeline(bill_columns(), RandomForestClassifier(7, random_state=0)))), since=(1, 5))


def _threshold(model):
    from sklearn.model_selection import FixedThresholdClassifier
    return FixedThresholdClassifier(model, threshold=0.35, pos_label="Yes")


def _tuned(model):
    from sklearn.metrics import f1_score, make_scorer
    from sklearn.model_selection import TunedThresholdClassifierCV
    return TunedThresholdClassifierCV(model, scoring=make_scorer(f1_score, pos_label="Yes"), cv=2, random_state=0, thresholds=9)


# ---------------------------------------------------------------------------------------------- numbers

def arrays():
    add("sensors_pca_svc", lambda: measured(make_pipeline(StandardScaler(), PCA(n_components=0.9, svd_solver="full"), SVC(gamma="auto")), GRADES))
    add("sensors_whiten_svr", lambda: measured(make_pipeline(PCA(4, whiten=True), SVR(C=2.0))))
    add("sensors_poly_ridge", lambda: measured(make_pipeline(StandardScaler(), PolynomialFeatures(2, interaction_only=True), Ridge(2.0))))
    add("sensors_power", lambda: measured(make_pipeline(PowerTransformer(method="yeo-johnson"), LinearSVR(random_state=0, max_iter=3000))))
    add("sensors_quantile", lambda: measured(make_pipeline(QuantileTransformer(n_quantiles=50, output_distribution="uniform"), KNeighborsClassifier(5, p=1)), GRADE - 1))
    add("sensors_log", lambda: Case(make_pipeline(FunctionTransformer(np.log1p, validate=True), StandardScaler(), Ridge()).fit(np.abs(SENSORS), READING), np.abs(ask(SENSORS))))
    add("sensors_rfe", lambda: measured(Pipeline([("s", RobustScaler()), ("rfe", RFE(LogisticRegression(max_iter=300), n_features_to_select=4)),
                                                  ("m", LinearDiscriminantAnalysis())]), GRADES))
    add("sensors_rfecv_search", lambda: measured(GridSearchCV(RFECV(DecisionTreeClassifier(max_depth=3, random_state=0), cv=2), {"step": [1, 2]}, cv=2), ALARM))
    add("sensors_from_model", lambda: measured(make_pipeline(SelectFromModel(ExtraTreesRegressor(8, random_state=0), threshold="0.8*mean"),
                                                             GradientBoostingRegressor(n_estimators=10, random_state=0))))
    add("sensors_percentile_mlp", lambda: measured(make_pipeline(StandardScaler(), SelectPercentile(f_regression, percentile=60),
                                                                 MLPRegressor(hidden_layer_sizes=(6,), activation="tanh", max_iter=200, random_state=0))))
    add("sensors_impute_forest", lambda: gappy(make_pipeline(SimpleImputer(add_indicator=True), RandomForestClassifier(9, max_depth=5, random_state=0)), GRADES))
    add("sensors_indicator_union", lambda: gappy(make_pipeline(make_union(SimpleImputer(), MissingIndicator(features="all")), DecisionTreeRegressor(max_depth=5, random_state=0))))
    add("sensors_hgb_gaps", lambda: gappy(HistGradientBoostingClassifier(max_iter=8, random_state=0), GRADES))
    add("sensors_knn_impute", lambda: gappy(make_pipeline(KNNImputer(n_neighbors=4, weights="distance"), StandardScaler(), LogisticRegressionCV(Cs=3, cv=2, max_iter=500)), ALARM))
    add("sensors_multi_reg", lambda: measured(make_pipeline(StandardScaler(), MultiOutputRegressor(GradientBoostingRegressor(n_estimators=5, random_state=0))),
                                              np.column_stack([READING, SENSORS[:, 0] ** 2])))
    add("sensors_multi_clf", lambda: measured(make_pipeline(StandardScaler(), MultiOutputClassifier(LogisticRegression(max_iter=300))),
                                              np.column_stack([GRADE, GRADE % 2 * 3 - 1])))
    add("sensors_chain", lambda: measured(make_pipeline(StandardScaler(), ClassifierChain(LogisticRegression(max_iter=300), order=[1, 0])),
                                          np.column_stack([GRADE > 1, GRADE % 2]).astype(int)))
    add("sensors_ovo", lambda: measured(OneVsOneClassifier(make_pipeline(StandardScaler(), SVC(C=3))), GRADES))
    add("sensors_isolation", lambda: Case(Pipeline([("s", StandardScaler()), ("m", IsolationForest(n_estimators=15, contamination=0.1, random_state=0))]).fit(SENSORS), ask(SENSORS)))
    add("sensors_kmeans", lambda: Case(make_pipeline(MaxAbsScaler(), KMeans(4, n_init=3, random_state=0)).fit(SENSORS), ask(SENSORS)))
    add("sensors_cluster_features", lambda: measured(make_pipeline(StandardScaler(), FeatureUnion([
        ("k", KMeans(3, n_init=2, random_state=0)), ("n", Normalizer()), ("ny", Nystroem(n_components=6, random_state=0))]), Ridge())))
    add("sensors_gp", lambda: measured(make_pipeline(StandardScaler(), GaussianProcessRegressor(RBF(2.0) + WhiteKernel(0.1), optimizer=None, normalize_y=True)),
                                       rows=8), since=(0, 23))
    add("sensors_bagged_tree_search", lambda: measured(GridSearchCV(
        Pipeline([("scale", "passthrough"), ("m", BaggingRegressor(n_estimators=4, random_state=0))]),
        {"scale": [StandardScaler(), MinMaxScaler()], "m__n_estimators": [3, 5]}, cv=2)))
    add("sensors_search_refit_step", lambda: measured(GridSearchCV(
        Pipeline([("scale", StandardScaler()), ("clf", LogisticRegression())]),
        [{"clf": [SVC()], "clf__C": [1, 5]}, {"clf": [RandomForestClassifier(random_state=0)], "clf__n_estimators": [4]}], cv=2), GRADES))
    add("sensors_elastic_cv", lambda: measured(make_pipeline(PolynomialFeatures(2), StandardScaler(), ElasticNetCV(l1_ratio=[.5, .9], cv=3, max_iter=5000))))
    add("sensors_memory_pipeline", lambda: measured(Pipeline([("s", StandardScaler()), ("none", None if VERSION < (1, 0) else "passthrough"), ("m", LogisticRegression(max_iter=500))],
                                                             verbose=False), GRADE * 10))
    add("sensors_f32", lambda: Case(make_pipeline(MinMaxScaler(), ExtraTreesClassifier(7, max_depth=4, random_state=0)).fit(SENSORS, GRADES), ask(SENSORS)))
    add("sensors_sfs", lambda: measured(make_pipeline(_sequential(), KNeighborsRegressor(3))), since=(0, 24))


def _sequential():
    from sklearn.feature_selection import SequentialFeatureSelector
    return SequentialFeatureSelector(Ridge(), n_features_to_select=3, cv=2)


# ---------------------------------------------------------------------------------------------- texts and dicts

def texts():
    add("mails_logreg", lambda: sorted_mails(make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2), LogisticRegression(C=5, max_iter=500))))
    add("mails_nb", lambda: sorted_mails(Pipeline([("vect", CountVectorizer(stop_words="english")), ("tfidf", TfidfTransformer()), ("clf", MultinomialNB(alpha=0.1))])))
    add("mails_svc", lambda: sorted_mails(make_pipeline(TfidfVectorizer(sublinear_tf=True, max_df=0.5), LinearSVC(random_state=0))))
    add("mails_sgd_search", lambda: sorted_mails(GridSearchCV(
        Pipeline([("vect", CountVectorizer()), ("tfidf", TfidfTransformer()), ("clf", SGDClassifier(loss=LOG, random_state=42, max_iter=20, tol=None))]),
        {"vect__ngram_range": [(1, 1), (1, 2)], "tfidf__use_idf": (True, False)}, cv=2)))
    add("mails_svd", lambda: sorted_mails(make_pipeline(TfidfVectorizer(), TruncatedSVD(8, random_state=0), Normalizer(copy=False), SVC())))
    add("mails_nmf", lambda: sorted_mails(make_pipeline(TfidfVectorizer(max_features=40), NMF(3, init="nndsvd", random_state=0, max_iter=400), KNeighborsClassifier(3))))
    add("mails_chars", lambda: sorted_mails(make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), max_features=150), ComplementNB())))
    add("mails_hashing", lambda: sorted_mails(make_pipeline(HashingVectorizer(n_features=256, alternate_sign=False), BernoulliNB())))
    add("mails_union", lambda: sorted_mails(make_pipeline(FeatureUnion([("w", TfidfVectorizer()), ("c", CountVectorizer(analyzer="char", max_features=30))]),
                                                          SelectKBest(chi2, k=40), LogisticRegression(max_iter=500))))
    add("mails_calibrated", lambda: sorted_mails(CalibratedClassifierCV(make_pipeline(TfidfVectorizer(), LinearSVC(random_state=0)), cv=2)), since=(1, 0))
    add("mails_tags", lambda: sorted_mails(make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LogisticRegression(max_iter=300))), TAGS))
    add("mails_tags_svc", lambda: sorted_mails(Pipeline([("v", CountVectorizer(binary=True)), ("c", OneVsRestClassifier(LinearSVC(random_state=0)))]), TAGS))
    add("mails_forest", lambda: sorted_mails(make_pipeline(CountVectorizer(max_features=60), RandomForestClassifier(8, random_state=0))))
    add("mails_vote", lambda: sorted_mails(make_pipeline(TfidfVectorizer(), VotingClassifier([("a", MultinomialNB()), ("b", LogisticRegression()), ("c", SGDClassifier(random_state=0))]))))
    add("mails_table", lambda: text_table())
    add("dicts_logreg", lambda: dicts(Pipeline([("d", DictVectorizer()), ("m", LogisticRegression(max_iter=500))])))
    add("dicts_tree", lambda: dicts(make_pipeline(DictVectorizer(sparse=False), DecisionTreeClassifier(max_depth=4, random_state=0))))
    add("dicts_hasher", lambda: dicts(make_pipeline(FeatureHasher(n_features=64), SGDClassifier(random_state=0))))


def text_table():
    table = pd.DataFrame({"subject": MAILS, "length": [float(len(m)) for m in MAILS], "from": [["web", "app", "phone"][len(m) % 3] for m in MAILS]})
    asked = pd.DataFrame({"subject": NEW_MAILS, "length": [float(len(m)) for m in NEW_MAILS], "from": ["fax" if not m else "web" for m in NEW_MAILS]})
    model = make_pipeline(ColumnTransformer([("text", TfidfVectorizer(max_features=80), "subject"), ("n", StandardScaler(), ["length"]),
                                             ("c", one_hot(), ["from"])]), LogisticRegression(max_iter=500))
    return Case(model.fit(table, TOPIC), asked)


def dicts(model):
    rng = np.random.RandomState(12)

    def rows(n):
        return [{"city": str(rng.choice(["Oslo", "Rome", "Lima"])), "temp": float(np.round(rng.normal(15, 8), 1)), "wind=": int(rng.randint(0, 9))} for _ in range(n)]
    train = rows(90)
    y = np.array([("warm" if r["temp"] > 15 else "cold") + str(int(r["city"] == "Oslo")) for r in train])
    return Case(model.fit(train, y), rows(7) + [{"temp": 3.0}, {"city": "Paris", "temp": 99.5}])


PIPELINES = (tables, classifying_tables, arrays, texts)
KEPT = """
    flats_ridge flats_log_price flats_ordinal_trees flats_drop_first flats_rare flats_bins_poly flats_hgb_categories flats_hgb_from_dtype
    flats_stack flats_spline churn_logreg churn_search churn_calibrated churn_stack churn_union churn_nested churn_hgb churn_threshold
    sensors_pca_svc sensors_rfe sensors_search_refit_step sensors_cluster_features sensors_multi_clf sensors_indicator_union
    mails_nb mails_sgd_search mails_svd mails_union mails_tags mails_table dicts_logreg dicts_hasher""".split()

if __name__ == "__main__":
    import make_sklearn
    make_sklearn.default_container = lambda name: CONTAINERS[zlib.crc32(name.encode()) % len(CONTAINERS)]
    chosen = KEPT if sys.argv[3:] == ["kept"] else sys.argv[3:]
    if chosen:
        PIPELINES += (lambda: CASES.__setitem__(slice(None), [c for c in CASES if c[0] in chosen]),)
    main(sys.argv[1], sys.argv[2], families=PIPELINES)
