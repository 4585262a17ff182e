"""Estimators made of estimators, histogram boosting, and what else is made of trees, with the library's own answers.

    python make_sklearn_meta.py 1.9.1 tests/corpus/sklearn_meta/1.9.1

Cases and files are as make_sklearn.py writes them; see there.
"""
import sys

import make_sklearn
from make_sklearn import *  # noqa: F401,F403
from make_sklearn import with_gaps

from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (AdaBoostClassifier, AdaBoostRegressor, BaggingClassifier, BaggingRegressor, IsolationForest,
                              RandomTreesEmbedding, StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor)
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.preprocessing import MaxAbsScaler, PowerTransformer, QuantileTransformer

if VERSION < (1, 0):
    from sklearn.experimental import enable_hist_gradient_boosting  # noqa: F401
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

make_sklearn.default_container = lambda name: "joblib:zlib" if zlib.crc32(name.encode()) % 8 else "pickle"  # small files

WORDS, FLAGS = (IRIS[0], FLOWERS), (CANCER[0], CANCER[1].astype(bool))
GAPPED = (IRIS[0], np.array([-5, 7, 1000000007])[IRIS[1]])
TWO_WORDS = (CANCER[0][::3], TUMOURS[::3])
SMALL = (IRIS[0][::2], FLOWERS[::2])
BASE = "estimator" if VERSION >= (1, 2) else "base_estimator"
LABELS = (IRIS[1][:, None] == np.arange(3)).astype(int) | (IRIS[0][:, [0, 1, 2]] > [6.2, 3.3, 5.2]).astype(int)
KINDS = np.column_stack([FLOWERS, np.where(IRIS[0][:, 0] > 5.8, "long", "short")]).astype(object)
NUMBERS = np.column_stack([IRIS[1], (IRIS[0][:, 1] > 3).astype(int) * 3, np.round(IRIS[0][:, 2]).astype(int)])


def logreg(**params):
    params.setdefault("max_iter", 300)
    return LogisticRegression(**params)


def stump(depth=1, **params):
    return DecisionTreeClassifier(max_depth=depth, random_state=0, **params)


def linear_log():
    return SGDClassifier(random_state=0, max_iter=50, loss="log_loss" if VERSION >= (1, 1) else "log")


def base(model):
    return {BASE: model}


def several_outputs():
    some = IRIS[0], NUMBERS
    names = IRIS[0], KINDS
    add("dtree_outputs", lambda: fitted(DecisionTreeClassifier(max_depth=4, random_state=0), some))
    add("dtree_outputs_words", lambda: fitted(DecisionTreeClassifier(max_depth=3, random_state=0), names))
    add("dtree_outputs_weighted", lambda: Case(DecisionTreeClassifier(max_depth=3, random_state=0).fit(
        IRIS[0], NUMBERS, sample_weight=np.linspace(0.1, 3, len(NUMBERS))), ask(IRIS[0])))
    add("dtree_multilabel", lambda: fitted(DecisionTreeClassifier(max_depth=3, random_state=0), (IRIS[0], LABELS)))
    add("extratree_outputs", lambda: fitted(ExtraTreeClassifier(max_depth=5, random_state=0), some))
    add("forest_outputs", lambda: fitted(RandomForestClassifier(n_estimators=4, max_depth=2, random_state=0), some))
    add("forest_outputs_words", lambda: fitted(RandomForestClassifier(n_estimators=5, max_depth=3, random_state=0), names))
    add("forest_multilabel", lambda: fitted(RandomForestClassifier(n_estimators=6, max_depth=3, random_state=0), (IRIS[0], LABELS)))
    add("extratrees_outputs", lambda: fitted(ExtraTreesClassifier(n_estimators=7, max_depth=4, random_state=0), some))
    add("extratrees_multilabel_balanced", lambda: fitted(ExtraTreesClassifier(
        n_estimators=7, max_depth=4, random_state=0, class_weight="balanced"), (IRIS[0], LABELS)))
    add("forest_one_class", lambda: fitted(RandomForestClassifier(n_estimators=3, random_state=0), (IRIS[0], np.full(150, "only"))))


def random_trees():
    def isolation(data=WINE, **params):
        params.setdefault("n_estimators", 5)
        params.setdefault("max_samples", 24)
        return lambda: Case(IsolationForest(random_state=0, **params).fit(data[0]), np.vstack([data[0][:18], ask(data[0])]))
    add("isolation", isolation())
    add("isolation_contamination", isolation(contamination=0.1))
    add("isolation_contamination_exact", isolation((WINE[0][:101], None), contamination=0.1))
    add("isolation_contamination_third", isolation((IRIS[0][:91], None), contamination=0.3))
    add("isolation_features", isolation(max_features=3))
    add("isolation_features_share", isolation(max_features=0.6, bootstrap=True))
    add("isolation_auto_samples", isolation((WINE[0][:60], None), max_samples="auto", n_estimators=5))
    add("isolation_share_samples", isolation(max_samples=0.3))
    add("isolation_two_samples", isolation(max_samples=2, n_estimators=30))
    add("isolation_one_feature", isolation((WINE[0][:, [3]], None)))
    add("isolation_gaps", lambda: Case(IsolationForest(n_estimators=5, max_samples=30, random_state=0).fit(with_gaps(WINE[0])),
                                       with_gaps(WINE[0][:25], seed=9)), since=(1, 6))
    add("isolation_table", lambda: Case(IsolationForest(n_estimators=4, max_samples=30, random_state=0).fit(
        TABLE[["siblings", "pclass"]]), ask_table(["siblings", "pclass"])), since=(1, 0))
    add("isolation_pipe", lambda: Case(make_pipeline(StandardScaler(), IsolationForest(
        n_estimators=4, max_samples=30, random_state=0)).fit(WINE[0]), ask(WINE[0])))

    def embedding(**params):
        return lambda: Case(RandomTreesEmbedding(n_estimators=5, random_state=0, **params).fit(WINE[0]), ask(WINE[0]))
    add("embedding", embedding())
    add("embedding_dense", embedding(sparse_output=False, max_depth=3))
    add("embedding_leaves", embedding(max_leaf_nodes=9))
    add("embedding_logreg", lambda: Case(make_pipeline(RandomTreesEmbedding(
        n_estimators=6, max_depth=3, random_state=0), logreg()).fit(*WINE), ask(WINE[0])))


def hist_boosting():
    def boosted_(kind, data, **params):
        params.setdefault("max_iter", 4)
        params.setdefault("max_leaf_nodes", 5)
        params.setdefault("random_state", 0)
        return lambda: Case(kind(**params).fit(*data), np.vstack([ask(data[0]), data[0][:12]]))

    def classify(data, **params):
        return boosted_(HistGradientBoostingClassifier, data, **params)

    def regress(data, **params):
        return boosted_(HistGradientBoostingRegressor, data, **params)
    add("hgb_binary", classify(CANCER))
    add("hgb_words", classify(WORDS))
    add("hgb_bools", classify(FLAGS, max_depth=2))
    add("hgb_gapped_labels", classify(GAPPED, learning_rate=0.5))
    add("hgb_early_stopping", classify(CANCER, max_iter=40, **(
        dict(n_iter_no_change=3, scoring="loss") if VERSION < (0, 23) else dict(early_stopping=True, n_iter_no_change=3))))
    add("hgb_binary_crossentropy", classify(CANCER, loss="binary_crossentropy"), until=(1, 2))
    add("hgb_categorical_crossentropy", classify(WORDS, loss="categorical_crossentropy"), until=(1, 2))
    add("hgb_auto", classify(CANCER, loss="auto"), until=(1, 2))
    add("hgb_no_iteration_left", classify(CANCER, max_iter=1, min_samples_leaf=400))
    add("hgb_few_bins", classify(WINE, max_bins=6))
    add("hgb_class_weight", classify(WORDS, class_weight="balanced"), since=(1, 2))
    add("hgb_weighted", lambda: Case(HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(
        *WINE, sample_weight=np.linspace(0.2, 2, len(WINE[1]))), ask(WINE[0])), since=(0, 23))
    add("hgb_reg", regress(DIABETES))
    add("hgb_reg_l2", regress(DIABETES, l2_regularization=2.5, max_depth=3, min_samples_leaf=5))
    add("hgb_reg_absolute", regress(DIABETES, loss="absolute_error" if VERSION >= (1, 0) else "least_absolute_deviation"))
    add("hgb_reg_old_name", regress(DIABETES, loss="least_squares"), until=(1, 1))
    add("hgb_reg_poisson", regress(DIABETES, loss="poisson"), since=(0, 23))
    add("hgb_reg_gamma", regress(DIABETES, loss="gamma"), since=(1, 3))
    add("hgb_reg_quantile", regress(DIABETES, loss="quantile", quantile=0.8), since=(1, 1))
    add("hgb_reg_monotonic", regress(DIABETES, monotonic_cst=[1, 0, -1, 0, 0, 0]), since=(0, 23))
    add("hgb_f32", regress((DIABETES[0].astype("f4"), DIABETES[1])))

    def gaps(kind, data):
        X = with_gaps(data[0])
        X[5, 1], X[6, 1], X[7, 0] = np.inf, -np.inf, np.inf
        return lambda: Case(kind(max_iter=4, max_leaf_nodes=6, random_state=0).fit(X, data[1]), with_gaps(
            np.vstack([ask(data[0]), data[0][:12]]), seed=8))
    add("hgb_gaps", gaps(HistGradientBoostingClassifier, WINE))
    add("hgb_reg_gaps", gaps(HistGradientBoostingRegressor, DIABETES))

    rng = np.random.RandomState(4)
    codes = np.column_stack([rng.randint(0, 12, 300), rng.normal(size=300), rng.choice([0, 3, 9, 40, 200], 300), rng.normal(size=300)]).astype(float)
    target = np.sin(codes[:, 0] * 2.3) + 0.3 * codes[:, 1] + np.cos(codes[:, 2]) + 0.1 * rng.normal(size=300)
    missing = codes.copy()
    missing[rng.rand(300) < 0.1, 0] = np.nan
    asked = np.vstack([codes[:20], missing[:20], [[99, 0, 3, 0], [np.nan, np.nan, np.nan, np.nan], [11, 1, 41, 1], [3, -9, 250, 2]]])
    if VERSION >= (1, 3):  # negative codes: missing, from here on
        asked = np.vstack([asked, [[-1, 0, -3, 0], [2, 0.1, -0.5, 0]]])

    def categories(kind, X, y, **params):
        return lambda: Case(kind(max_iter=5, max_leaf_nodes=8, min_samples_leaf=5, random_state=0, **params).fit(X, y), asked)
    add("hgb_reg_categories", categories(HistGradientBoostingRegressor, codes, target, categorical_features=[0, 2]), since=(0, 24))
    add("hgb_reg_categories_mask", categories(HistGradientBoostingRegressor, missing, target,
                                              categorical_features=[True, False, True, False]), since=(0, 24))
    add("hgb_categories", categories(HistGradientBoostingClassifier, missing, (target > 0).astype(int), categorical_features=[0]), since=(0, 24))
    add("hgb_categories_multi", categories(HistGradientBoostingClassifier, codes, np.array(["a", "b", "c"])[np.digitize(target, [-0.4, 0.6])],
                                           categorical_features=[2, 0]), since=(0, 24))

    def table(kind, y, columns, **params):
        def build():
            X, asks = TABLE[columns].copy(), ask_table(columns)
            for name in columns:
                if X[name].dtype.kind not in "fiub":
                    known = [v for v in pd.unique(X[name]) if isinstance(v, str)]
                    X[name] = pd.Categorical(X[name], categories=known)
                    asks[name] = pd.Categorical([v if v in known else None for v in asks[name]], categories=known)
            return Case(kind(max_iter=4, max_leaf_nodes=6, random_state=0, **params).fit(X, y), asks)
        return build
    add("hgb_table", table(HistGradientBoostingClassifier, SURVIVED, ["sex", "age", "port", "fare", "deck"],
                           categorical_features="from_dtype"), since=(1, 4))
    add("hgb_reg_table", table(HistGradientBoostingRegressor, TABLE["fare"].fillna(10.0), ["age", "deck", "pclass", "title"],
                               categorical_features="from_dtype"), since=(1, 4))
    add("hgb_table_names", table(HistGradientBoostingClassifier, SURVIVED, ["age", "sex", "pclass"],
                                 categorical_features=["sex", "pclass"]), since=(1, 4))
    add("hgb_table_numbers", lambda: Case(HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(
        TABLE[["age", "fare", "pclass"]], SURVIVED), ask_table(["age", "fare", "pclass"])), since=(1, 0))
    add("hgb_pipe_ordinal", lambda: Case(make_pipeline(ColumnTransformer(
        [("o", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), ["sex"])], remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=5, random_state=0, categorical_features=[0])).fit(
            TABLE[["sex", "age", "fare"]], SURVIVED), ask_table(["sex", "age", "fare"])), since=(1, 0))


def voting():
    def members():
        return [("a", logreg()), ("b", stump(3)), ("c", RandomForestClassifier(n_estimators=4, max_depth=2, random_state=0))]
    for name, data in (("", WINE), ("_words", WORDS), ("_binary", TWO_WORDS), ("_gapped", GAPPED)):
        add("voting_hard" + name, lambda data=data: fitted(VotingClassifier(members()), data))
        add("voting_soft" + name, lambda data=data: fitted(VotingClassifier(members(), voting="soft"), data))
    add("voting_hard_weights", lambda: fitted(VotingClassifier(members(), weights=[1, 2.5, 0.5]), WORDS))
    add("voting_soft_weights", lambda: fitted(VotingClassifier(members(), voting="soft", weights=[1, 2.5, 0.5]), WORDS))
    add("voting_dropped", lambda: fitted(VotingClassifier(
        [("x", "drop")] + members(), voting="soft", weights=[9, 1, 2.5, 0.5]), WORDS))
    add("voting_hard_dropped", lambda: fitted(VotingClassifier(members() + [("x", "drop")], weights=[3, 1, 1, 7]), WORDS))
    add("voting_pipes", lambda: fitted(VotingClassifier(
        [("p", make_pipeline(StandardScaler(), logreg())), ("q", make_pipeline(MinMaxScaler(), stump(2)))], voting="soft"), WORDS))
    add("voting_transform_soft", lambda: fitted(make_pipeline(VotingClassifier(members(), voting="soft"), Ridge()), WINE))
    add("voting_transform_hard", lambda: fitted(make_pipeline(VotingClassifier(members()), Ridge()), WORDS[:1] + (IRIS[1],)))
    add("voting_table", lambda: Case(VotingClassifier(
        [("a", make_pipeline(ColumnTransformer([("n", SimpleImputer(), ["age", "fare"]), ("s", OneHotEncoder(handle_unknown="ignore"), ["sex"])]),
                             logreg())),
         ("b", make_pipeline(ColumnTransformer([("n", SimpleImputer(), ["fare", "pclass"])]), stump(3)))], voting="soft").fit(
            TABLE[["sex", "age", "fare", "pclass"]], SURVIVED), ask_table(["sex", "age", "fare", "pclass"])), since=(1, 0))
    some = [("a", LinearRegression()), ("b", DecisionTreeRegressor(max_depth=3, random_state=0)), ("c", Ridge())]
    add("votingreg", lambda: fitted(VotingRegressor(some), DIABETES))
    add("votingreg_weights", lambda: fitted(VotingRegressor(some, weights=[1, 2, 0.3]), DIABETES))
    add("votingreg_dropped", lambda: fitted(VotingRegressor(some + [("x", "drop")], weights=[1, 2, 0.3, 9]), DIABETES))
    add("votingreg_transform", lambda: fitted(make_pipeline(VotingRegressor(some), Lasso(alpha=0.1)), DIABETES))


def stacking():
    def members():
        return [("a", logreg()), ("b", stump(2)), ("c", RidgeClassifier()),
                ("d", GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=0))]

    def stack(data, **params):
        params.setdefault("final_estimator", logreg())
        params.setdefault("cv", 3)
        return lambda: fitted(StackingClassifier(members(), **params), data)
    add("stacking", stack(WINE))
    add("stacking_words", stack(WORDS))
    add("stacking_binary", stack(TWO_WORDS))
    add("stacking_bools", stack(FLAGS))
    add("stacking_passthrough", stack(WORDS, passthrough=True))
    add("stacking_predict", stack(WORDS, stack_method="predict"))
    add("stacking_trees", stack(WORDS, final_estimator=RandomForestClassifier(n_estimators=5, max_depth=2, random_state=0)))
    add("stacking_ridge", stack(TWO_WORDS, final_estimator=RidgeClassifier()))
    add("stacking_gboost", stack(WORDS, final_estimator=GradientBoostingClassifier(n_estimators=4, max_depth=2, random_state=0)))
    add("stacking_decision", lambda: fitted(StackingClassifier([members()[0], members()[2]], stack_method="decision_function", cv=3,
                                                               final_estimator=logreg()), WORDS))
    add("stacking_proba", lambda: fitted(StackingClassifier(members()[:2], stack_method="predict_proba", cv=3,
                                                            final_estimator=logreg()), TWO_WORDS))
    add("stacking_dropped", lambda: fitted(StackingClassifier(members()[:2] + [("x", "drop")], cv=3, final_estimator=logreg()), WORDS))
    add("stacking_default", lambda: fitted(StackingClassifier(members()[:2]), CANCER))
    add("stacking_prefit", lambda: fitted(StackingClassifier(
        [(name, model.fit(*WORDS)) for name, model in members()], cv="prefit", final_estimator=logreg()), WORDS), since=(1, 1))
    add("stacking_transform", lambda: fitted(make_pipeline(StackingClassifier(members(), cv=3, final_estimator=logreg()), Ridge()), WINE))
    add("stacking_multilabel", lambda: fitted(StackingClassifier(
        [("a", RandomForestClassifier(n_estimators=3, max_depth=3, random_state=0)), ("b", DecisionTreeClassifier(max_depth=2, random_state=0))],
        final_estimator=RandomForestClassifier(n_estimators=3, max_depth=3, random_state=0), cv=3), (IRIS[0], LABELS)), since=(1, 2))
    some = [("a", LinearRegression()), ("b", DecisionTreeRegressor(max_depth=3, random_state=0))]
    add("stackingreg", lambda: fitted(StackingRegressor(some, cv=3), DIABETES))
    add("stackingreg_passthrough", lambda: fitted(StackingRegressor(some, Lasso(alpha=0.1), cv=3, passthrough=True), DIABETES))
    add("stackingreg_forest", lambda: fitted(StackingRegressor(
        some + [("x", "drop")], RandomForestRegressor(n_estimators=3, max_depth=3, random_state=0), cv=3), DIABETES))
    add("stackingreg_transform", lambda: fitted(make_pipeline(StackingRegressor(some, cv=3), Ridge()), DIABETES))


def bagging():
    def bag(model, data, **params):
        params.setdefault("n_estimators", 5)
        return lambda: fitted(BaggingClassifier(random_state=0, **dict(params, **base(model))), data)
    add("bagging", bag(stump(3), WINE))
    add("bagging_default", lambda: fitted(BaggingClassifier(n_estimators=3, random_state=0), SMALL))
    add("bagging_words", bag(logreg(), WORDS))
    add("bagging_features", bag(stump(3), WORDS, max_features=2))
    add("bagging_features_twice", bag(logreg(), WORDS, max_features=1.0, bootstrap_features=True))
    add("bagging_votes", bag(RidgeClassifier(), WORDS))
    add("bagging_votes_binary", bag(RidgeClassifier(), TWO_WORDS, max_features=0.5, max_samples=0.3))
    add("bagging_bools", bag(logreg(), FLAGS, bootstrap=False, max_samples=0.5))
    add("bagging_lost_class", lambda: fitted(BaggingClassifier(n_estimators=8, max_samples=4, random_state=3, **base(stump(2))), GAPPED))
    add("bagging_pipes", bag(make_pipeline(StandardScaler(), logreg()), WORDS, max_features=3))
    add("bagging_gboost", bag(GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=0), TWO_WORDS, n_estimators=2))
    add("bagging_gaps", lambda: Case(BaggingClassifier(n_estimators=4, random_state=0, **base(
        make_pipeline(SimpleImputer(), stump(2)))).fit(with_gaps(WINE[0]), WINE[1]), with_gaps(WINE[0][:12], seed=5)))

    def bagreg(model, data, **params):
        return lambda: fitted(BaggingRegressor(n_estimators=4, random_state=0, **dict(params, **base(model))), data)
    add("baggingreg", bagreg(DecisionTreeRegressor(max_depth=3), DIABETES))
    add("baggingreg_features", bagreg(LinearRegression(), DIABETES, max_features=0.5))
    add("baggingreg_targets", bagreg(DecisionTreeRegressor(max_depth=3), several_targets()))
    add("baggingreg_default", lambda: fitted(BaggingRegressor(n_estimators=2, max_samples=0.05, random_state=0), DIABETES))


def boosting():
    def ada(model, data, **params):
        params.setdefault("n_estimators", 6)
        return lambda: fitted(AdaBoostClassifier(random_state=0, **dict(params, **base(model))), data)
    for algorithm in (("SAMME", "SAMME.R") if VERSION < (1, 6) else ("SAMME",)):
        how = {"algorithm": algorithm} if VERSION < (1, 6) else {}
        name = "ada_" + algorithm.lower().replace(".", "_")
        add(name, ada(stump(), WINE, **how))
        add(name + "_binary", ada(stump(), TWO_WORDS, **how))
        add(name + "_words", ada(stump(2), WORDS, learning_rate=0.5, **how))
        add(name + "_bools", ada(stump(), FLAGS, **how))
        add(name + "_logreg", ada(logreg(), WORDS, n_estimators=3, **how))
        add(name + "_perfect", ada(DecisionTreeClassifier(random_state=0), GAPPED, **how))
    add("ada_default", lambda: fitted(AdaBoostClassifier(n_estimators=5, random_state=0), WORDS))
    for loss in ("linear", "square", "exponential"):
        add("adareg_" + loss, lambda loss=loss: fitted(AdaBoostRegressor(
            n_estimators=6, loss=loss, random_state=0, **base(DecisionTreeRegressor(max_depth=3))), DIABETES))
    add("adareg_even", lambda: fitted(AdaBoostRegressor(n_estimators=5, random_state=1, **base(LinearRegression())), DIABETES))

    def grown_(kind, data, **params):
        return lambda: fitted(kind(n_estimators=4, max_depth=2, random_state=0, **params), data)
    add("gboost_exponential", grown_(GradientBoostingClassifier, TWO_WORDS, loss="exponential"))
    add("gboost_zero", grown_(GradientBoostingClassifier, WORDS, init="zero"))
    add("gboost_zero_exponential", grown_(GradientBoostingClassifier, TWO_WORDS, init="zero", loss="exponential"))
    add("gboost_init_forest", grown_(GradientBoostingClassifier, WORDS, init=RandomForestClassifier(n_estimators=3, max_depth=2, random_state=0)))
    add("gboost_init_tree", grown_(GradientBoostingClassifier, TWO_WORDS, init=stump(2)))
    add("gboost_init_dummy", grown_(GradientBoostingClassifier, WORDS, init=DummyClassifier(strategy="prior")))
    for loss, extra in (("huber", {}), ("quantile", {"alpha": 0.3}), ("absolute_error" if VERSION >= (1, 0) else "lad", {})):
        add("gboostreg_" + loss, grown_(GradientBoostingRegressor, DIABETES, loss=loss, **extra))
    add("gboostreg_zero", grown_(GradientBoostingRegressor, DIABETES, init="zero"))
    add("gboostreg_init_tree", grown_(GradientBoostingRegressor, DIABETES, init=DecisionTreeRegressor(max_depth=2, random_state=0)))
    add("gboostreg_init_median", grown_(GradientBoostingRegressor, DIABETES, init=DummyRegressor(strategy="quantile", quantile=0.2)))


def calibrated():
    def calibrate(model, data, **params):
        params.setdefault("cv", 3)
        return lambda: fitted(CalibratedClassifierCV(model, **params), data)
    for method in ("sigmoid", "isotonic"):
        add("calibrated_" + method, calibrate(RidgeClassifier(), WINE, method=method))
        add("calibrated_binary_" + method, calibrate(RidgeClassifier(), TWO_WORDS, method=method))
        add("calibrated_trees_" + method, calibrate(stump(3), WORDS, method=method))
        add("calibrated_trees_binary_" + method, calibrate(stump(3), TWO_WORDS, method=method))
        add("calibrated_gboost_" + method, calibrate(GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=0), GAPPED, method=method))
        add("calibrated_single_" + method, calibrate(logreg(), WORDS, method=method, ensemble=False), since=(0, 24))
        add("calibrated_single_binary_" + method, calibrate(stump(2), FLAGS, method=method, ensemble=False), since=(0, 24))
        add("calibrated_prefit_" + method, lambda method=method: fitted(CalibratedClassifierCV(
            RidgeClassifier().fit(*TWO_WORDS), method=method, cv="prefit"), TWO_WORDS), until=(1, 7))
        add("calibrated_prefit_multi_" + method, lambda method=method: fitted(CalibratedClassifierCV(
            stump(2).fit(*WORDS), method=method, cv="prefit"), WORDS), until=(1, 7))

        def frozen(method):
            from sklearn.frozen import FrozenEstimator
            return fitted(CalibratedClassifierCV(FrozenEstimator(stump(2).fit(*WORDS)), method=method), WORDS)
        add("calibrated_frozen_" + method, lambda method=method: frozen(method), since=(1, 6))
    add("calibrated_default", lambda: fitted(CalibratedClassifierCV(cv=3), SMALL))
    add("calibrated_pipe", calibrate(make_pipeline(StandardScaler(), SGDClassifier(random_state=0)), WORDS))
    add("calibrated_temperature", calibrate(logreg(), WORDS, method="temperature"), since=(1, 8))
    add("calibrated_temperature_binary", calibrate(RidgeClassifier(), CANCER, method="temperature"), since=(1, 8))
    add("calibrated_temperature_trees", calibrate(stump(3), WINE, method="temperature"), since=(1, 8))
    add("calibrated_temperature_trees_binary", calibrate(stump(3), TWO_WORDS, method="temperature", ensemble=False), since=(1, 8))


def made_of_two():
    for name, data in (("", WINE), ("_words", WORDS), ("_binary", TWO_WORDS), ("_gapped", GAPPED)):
        for kind, model in (("logreg", logreg), ("ridge", RidgeClassifier), ("tree", lambda: stump(2)),
                            ("gboost", lambda: GradientBoostingClassifier(n_estimators=2, max_depth=2, random_state=0)),
                            ("linear", LinearRegression)):
            if kind in ("linear", "gboost") and name not in ("", "_binary"):
                continue
            if not (kind == "linear" and name == "_binary"):  # two classes by a regressor: no label binarizer of two columns
                add("ovr_%s%s" % (kind, name), lambda data=data, model=model: fitted(OneVsRestClassifier(model()), data))
            add("ovo_%s%s" % (kind, name), lambda data=data, model=model: fitted(OneVsOneClassifier(model()), data))
            if kind != "linear":
                add("code_%s%s" % (kind, name), lambda data=data, model=model: fitted(
                    OutputCodeClassifier(model(), code_size=2.5, random_state=0), data))
    labels = IRIS[0], LABELS
    add("ovr_multilabel", lambda: fitted(OneVsRestClassifier(logreg()), labels))
    add("ovr_multilabel_trees", lambda: fitted(OneVsRestClassifier(stump(2)), labels))
    add("ovr_multilabel_ridge", lambda: fitted(OneVsRestClassifier(RidgeClassifier()), labels))
    constant = LABELS.copy()
    constant[:, 1] = 1
    constant[:, 2] = 0
    add("ovr_multilabel_constant", lambda: fitted(OneVsRestClassifier(logreg()), (IRIS[0], constant)))
    add("ovr_multilabel_constant_first", lambda: fitted(OneVsRestClassifier(stump(2)), (IRIS[0], constant[:, ::-1])))


def several():
    def multi(model, Y):
        return lambda: fitted(MultiOutputClassifier(model), (IRIS[0], Y))
    add("multiout", multi(logreg(), NUMBERS))
    add("multiout_trees", multi(stump(3), NUMBERS))
    add("multiout_ridge", multi(RidgeClassifier(), NUMBERS))
    add("multiout_labels", multi(logreg(), LABELS))
    add("multiout_words", multi(stump(2), KINDS.astype(str)))
    add("multioutreg", lambda: fitted(MultiOutputRegressor(GradientBoostingRegressor(
        n_estimators=3, max_depth=2, random_state=0)), several_targets()))
    add("multioutreg_ridge", lambda: fitted(MultiOutputRegressor(Ridge()), several_targets()))

    def chain(model, Y=LABELS, **params):
        return lambda: fitted(ClassifierChain(model, random_state=0, **params), (IRIS[0], Y))
    add("chain", chain(logreg()))
    add("chain_order", chain(logreg(), order=[2, 0, 1]))
    add("chain_random", chain(stump(3), order="random"))
    add("chain_cv", chain(logreg(), cv=3))
    add("chain_ridge", chain(RidgeClassifier(), order=[1, 2, 0]))
    if VERSION >= (1, 5):
        for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
            add("chain_by_" + method, chain(logreg(), chain_method=method, order=[2, 1, 0]))
    add("chain_tuple_order", chain(logreg(), order=(2, 0, 1)), since=(1, 2))
    add("regchain", lambda: fitted(RegressorChain(Ridge()), several_targets()))
    add("regchain_order", lambda: fitted(RegressorChain(DecisionTreeRegressor(max_depth=3, random_state=0), order=[2, 0, 1]), several_targets()))
    add("regchain_cv", lambda: fitted(RegressorChain(LinearRegression(), order="random", cv=3, random_state=3), several_targets()))


def searches():
    grid = {"C": [0.1, 1.0]}
    add("grid", lambda: fitted(GridSearchCV(logreg(), grid, cv=3), WORDS))
    add("grid_trees", lambda: fitted(GridSearchCV(stump(), {"max_depth": [1, 3]}, cv=3), WINE))
    add("grid_reg", lambda: fitted(GridSearchCV(Ridge(), {"alpha": [0.1, 9.0]}, cv=3), DIABETES))
    add("grid_by_name", lambda: fitted(GridSearchCV(logreg(), grid, cv=3, scoring=["accuracy", "f1_macro"], refit="f1_macro"), WORDS))
    add("grid_pipe", lambda: fitted(GridSearchCV(make_pipeline(StandardScaler(), logreg()), {"logisticregression__C": [0.1, 1.0]}, cv=3), WORDS))
    add("grid_in_pipe", lambda: fitted(make_pipeline(StandardScaler(), GridSearchCV(logreg(), grid, cv=3)), WORDS))
    add("grid_steps", lambda: fitted(GridSearchCV(
        Pipeline([("s", StandardScaler()), ("m", logreg())]), {"s": ["passthrough", MinMaxScaler()], "m__C": [0.5]}, cv=3), WORDS))
    add("random", lambda: fitted(RandomizedSearchCV(Lasso(), {"alpha": [0.1, 0.5, 2.0]}, n_iter=2, cv=3, random_state=0), DIABETES))
    add("grid_table", lambda: Case(GridSearchCV(Pipeline([
        ("prep", ColumnTransformer([("n", SimpleImputer(), ["age", "fare"]), ("s", OneHotEncoder(handle_unknown="ignore"), ["sex"])])),
        ("model", logreg())]), {"model__C": [0.1, 1.0]}, cv=3).fit(TABLE[["sex", "age", "fare"]], SURVIVED), ask_table(["sex", "age", "fare"])))
    add("grid_forest", lambda: fitted(GridSearchCV(RandomForestClassifier(n_estimators=4, random_state=0), {"max_depth": [1, 3]}, cv=3), WORDS))

    def halving(kind, **params):
        from sklearn.experimental import enable_halving_search_cv  # noqa: F401
        import sklearn.model_selection as selection
        return fitted(getattr(selection, kind)(logreg(), {"C": [0.1, 1.0, 5.0]}, cv=3, random_state=0, **params), WORDS)
    add("halving_grid", lambda: halving("HalvingGridSearchCV"), since=(0, 24))
    add("halving_random", lambda: halving("HalvingRandomSearchCV", n_candidates=3), since=(0, 24))

    def self_trained(model, data, hidden):
        from sklearn.semi_supervised import SelfTrainingClassifier
        y = np.array(data[1], copy=True)
        y[np.random.RandomState(0).rand(len(y)) < 0.3] = hidden
        return fitted(SelfTrainingClassifier(model), (data[0], y))
    add("selftrained", lambda: self_trained(logreg(), IRIS, -1), since=(0, 24))
    add("selftrained_trees", lambda: self_trained(stump(3), WINE, -1), since=(0, 24))
    add("selftrained_binary", lambda: self_trained(make_pipeline(StandardScaler(), logreg()), CANCER, -1), since=(0, 24))

    def frozen(model):
        from sklearn.frozen import FrozenEstimator
        return FrozenEstimator(model)
    add("frozen", lambda: Case(frozen(logreg().fit(*WORDS)), ask(IRIS[0])), since=(1, 6))
    add("frozen_in_pipe", lambda: fitted(make_pipeline(frozen(StandardScaler().fit(IRIS[0])), stump(2)), WORDS), since=(1, 6))
    add("frozen_reg", lambda: Case(frozen(Ridge().fit(*DIABETES)), ask(DIABETES[0])), since=(1, 6))

    def threshold(model, data, **params):
        from sklearn.model_selection import FixedThresholdClassifier
        return fitted(FixedThresholdClassifier(model, **params), data)
    add("threshold", lambda: threshold(logreg(), CANCER, threshold=0.8), since=(1, 5))
    add("threshold_auto", lambda: threshold(logreg(), TWO_WORDS), since=(1, 5))
    add("threshold_words", lambda: threshold(stump(3), TWO_WORDS, threshold=0.3, pos_label="benign"), since=(1, 5))
    add("threshold_decision", lambda: threshold(logreg(), CANCER, threshold=0.7, response_method="decision_function", pos_label=0), since=(1, 5))
    add("threshold_ridge", lambda: threshold(RidgeClassifier(), FLAGS, threshold=-0.2), since=(1, 5))

    def prefit_threshold():
        from sklearn.model_selection import FixedThresholdClassifier
        return Case(FixedThresholdClassifier(frozen(logreg().fit(*CANCER)), threshold=0.9).fit(*CANCER), ask(CANCER[0]))
    add("threshold_frozen", prefit_threshold, since=(1, 6))

    def tuned(model, data, **params):
        from sklearn.model_selection import TunedThresholdClassifierCV
        return fitted(TunedThresholdClassifierCV(model, thresholds=20, cv=3, random_state=0, **params), data)
    add("tuned", lambda: tuned(logreg(), CANCER), since=(1, 5))
    add("tuned_f1", lambda: tuned(stump(3), CANCER, scoring="f1"), since=(1, 5))
    add("tuned_decision", lambda: tuned(logreg(), FLAGS, response_method="decision_function"), since=(1, 5))

    def tuned_scorer():
        from sklearn.metrics import f1_score, make_scorer
        return tuned(logreg(), TWO_WORDS, scoring=make_scorer(f1_score, pos_label="benign"))
    add("tuned_pos_label", tuned_scorer, since=(1, 5))


def targets():
    X, y = DIABETES
    model = DecisionTreeRegressor(max_depth=3, random_state=0)

    def target(data=DIABETES, regressor=None, **params):
        return lambda: fitted(TransformedTargetRegressor(regressor or LinearRegression(), **params), data)
    add("target", target())
    add("target_log1p", target(func=np.log1p, inverse_func=np.expm1))
    add("target_log", target(func=np.log, inverse_func=np.exp, regressor=model))
    add("target_sqrt", target(func=np.sqrt, inverse_func=np.square))
    add("target_standard", target(transformer=StandardScaler()))
    add("target_standard_no_mean", target(transformer=StandardScaler(with_mean=False)))
    add("target_minmax", target(transformer=MinMaxScaler(feature_range=(-1, 3))))
    add("target_maxabs", target(transformer=MaxAbsScaler()))
    add("target_robust", target(transformer=RobustScaler()))
    add("target_power", target(transformer=PowerTransformer()))
    add("target_power_raw", target(transformer=PowerTransformer(standardize=False), regressor=model))
    add("target_boxcox", target(transformer=PowerTransformer(method="box-cox")))
    add("target_power_negative", target((X, 50 - y), transformer=PowerTransformer()))
    add("target_quantile", target(transformer=QuantileTransformer(n_quantiles=20)))
    add("target_quantile_normal", target(transformer=QuantileTransformer(n_quantiles=20, output_distribution="normal")))
    add("target_function", target(transformer=FunctionTransformer(np.log1p, np.expm1)))
    add("target_pipe", target(transformer=make_pipeline(FunctionTransformer(np.log, np.exp, validate=True), StandardScaler())))
    add("target_several", target(several_targets(), transformer=StandardScaler()))
    add("target_several_power", target(several_targets(), transformer=PowerTransformer()))
    add("target_column", target((X, y[:, None]), transformer=StandardScaler()))
    add("target_in_pipe", lambda: fitted(make_pipeline(StandardScaler(), TransformedTargetRegressor(
        Ridge(), func=np.log1p, inverse_func=np.expm1)), DIABETES))
    add("target_of_pipe", target(regressor=make_pipeline(StandardScaler(), Ridge()), func=np.log1p, inverse_func=np.expm1))
    add("target_grid", lambda: fitted(GridSearchCV(TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
                                                   {"regressor__alpha": [0.1, 1.0]}, cv=3), DIABETES))


def nested():
    add("nest_voting_of_calibrated", lambda: fitted(VotingClassifier(
        [("c", CalibratedClassifierCV(RidgeClassifier(), cv=3)), ("b", BaggingClassifier(n_estimators=3, random_state=0, **base(stump(2))))],
        voting="soft"), WORDS))
    add("nest_stack_of_grids", lambda: fitted(StackingClassifier(
        [("g", GridSearchCV(logreg(), {"C": [0.1, 1.0]}, cv=3)), ("h", HistGradientBoostingClassifier(max_iter=3, random_state=0))],
        final_estimator=AdaBoostClassifier(n_estimators=3, random_state=0), cv=3), WORDS))
    add("nest_ovr_of_ada", lambda: fitted(OneVsRestClassifier(AdaBoostClassifier(n_estimators=3, random_state=0)), WORDS))
    add("nest_calibrated_ada", lambda: fitted(CalibratedClassifierCV(AdaBoostClassifier(n_estimators=3, random_state=0), cv=3), WORDS))
    add("nest_calibrated_hgb", lambda: fitted(CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=3, random_state=0), cv=3), WORDS))
    add("nest_calibrated_bagging", lambda: fitted(CalibratedClassifierCV(BaggingClassifier(
        n_estimators=3, random_state=0, **base(logreg())), cv=3), WORDS))
    add("nest_multiout_of_voting", lambda: fitted(MultiOutputClassifier(VotingClassifier(
        [("a", logreg()), ("b", stump(2))], voting="soft")), (IRIS[0], NUMBERS)))
    add("nest_ada_of_forest", lambda: fitted(AdaBoostClassifier(n_estimators=2, random_state=0, **base(
        RandomForestClassifier(n_estimators=2, max_depth=2, random_state=0))), WORDS))
    add("nest_code_of_hgb", lambda: fitted(OutputCodeClassifier(HistGradientBoostingClassifier(max_iter=2, random_state=0), random_state=0), WORDS))
    add("nest_regchain_of_voting", lambda: fitted(RegressorChain(VotingRegressor(
        [("a", LinearRegression()), ("b", DecisionTreeRegressor(max_depth=2, random_state=0))])), several_targets()))
    add("nest_bagging_of_target", lambda: fitted(BaggingRegressor(n_estimators=2, random_state=0, **base(
        TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp))), DIABETES))
    add("nest_adareg_of_ridge_pipe", lambda: fitted(AdaBoostRegressor(n_estimators=4, random_state=0, **base(
        make_pipeline(StandardScaler(), Ridge()))), DIABETES))


FAMILIES = (several_outputs, random_trees, hist_boosting, voting, stacking, bagging, boosting, calibrated, made_of_two, several, searches,
            targets, nested)


def drop_large(root):
    """What the repository keeps of a version: the newest nearly whole, older ones without their larger files. (--all keeps all.)"""
    limit = 12000 if VERSION >= (1, 9) else 3600
    with io.open(os.path.join(root, "cases.json"), encoding="utf-8") as stream:
        about = json.load(stream)
    kept = []
    for made in about["cases"]:
        folder = os.path.join(root, made["case"])
        if sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)) <= limit:
            kept.append(made)
        else:
            shutil.rmtree(folder)
    about["cases"] = kept
    with io.open(os.path.join(root, "cases.json"), "w", encoding="utf-8") as out:
        out.write(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], families=FAMILIES)
    if "--all" not in sys.argv:
        drop_large(sys.argv[2])
