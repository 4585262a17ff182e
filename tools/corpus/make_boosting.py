"""Trains the boosting part of the corpus: XGBoost, LightGBM and CatBoost models, pickled and in their own formats.

    python make_boosting.py 3.4.1 tests/corpus/boosting/3.4.1 [a regular expression that names of cases match]

The version is XGBoost's; which LightGBM, CatBoost and scikit-learn stand beside it is in cases.json. Cases are made where the libraries
of the environment know the parameters they use. Layout and checks are make_sklearn's.
"""
import re

import make_sklearn
from make_sklearn import *  # noqa: F401,F403
from sklearn.model_selection import GridSearchCV


try:
    import xgboost as xgb
except ImportError:
    xgb = None
try:
    import lightgbm as lgb
except ImportError:
    lgb = None
try:
    import catboost as cat
except ImportError:
    cat = None


def parts(module):
    return tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", module.__version__).groups()) if module else (0, 0)


TREES = int(os.environ.get("BOOSTING_TREES", "1"))  # more of them for a sweep that isn't committed
XGB, LGB, CAT = parts(xgb), parts(lgb), parts(cat)
PLAIN_ANSWER, PLAIN_WRITE, PLAIN_READ = make_sklearn.answer, make_sklearn.write_model, make_sklearn.read_model


# ---------------------------------------------------------------------------------------------- answers of bare boosters

def labelled(probabilities):
    probabilities = np.asarray(probabilities)
    if probabilities.ndim == 1:
        probabilities = np.vstack((1.0 - probabilities, probabilities)).T
        label = (probabilities[:, 1] > 0.5).astype(int)
    else:
        label = np.argmax(probabilities, axis=1)
    return {"kind": "classifier", "label": nested(label), "probabilities": nested(probabilities)}


def xgb_objective(booster):
    if XGB < (1, 0):
        return getattr(booster, "objective_for_corpus", "")
    return json.loads(booster.save_config())["learner"]["objective"]["name"]


def answer(model, X):
    name = type(model).__module__.split(".")[0] + "." + type(model).__name__
    if name == "xgboost.Booster":
        out = model.predict(xgb.DMatrix(X, **({"enable_categorical": True} if isinstance(X, pd.DataFrame) and XGB >= (1, 3) else {})))
        if xgb_objective(model) in ("binary:logistic", "multi:softprob"):
            return labelled(out)
        return {"kind": "regressor", "prediction": nested(out)}
    if name == "lightgbm.Booster":
        out = model.predict(X)
        if getattr(model, "params_for_corpus", "") in ("binary", "multiclass", "multiclassova"):
            return labelled(out)
        return {"kind": "regressor", "prediction": nested(out)}
    if name == "catboost.CatBoost":
        out = model.predict(X)
        loss = model.get_all_params().get("loss_function") if CAT >= (0, 23) else model.get_params()["loss_function"]
        if loss in ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll"):
            return labelled(model.predict(X, prediction_type="Probability")[:, 1] if loss == "Logloss" else model.predict(X, prediction_type="Probability"))
        return {"kind": "regressor", "prediction": nested(out)}
    if name.endswith("Ranker") or name.endswith("CatBoostRegressor"):
        return {"kind": "regressor", "prediction": nested(model.predict(X))}
    if name == "catboost.CatBoostClassifier":
        label = np.asarray(model.predict(X))
        label = label[:, 0] if label.ndim == 2 and label.shape[1] == 1 else label
        if label.dtype.kind in "Of" and all(isinstance(v, (float, np.floating)) and v == int(v) for v in label.ravel()):
            label = label.astype(int)  # whole numbers, which some versions give as floats
        if label.dtype.kind == "U" and set(label.ravel()) <= {"True", "False"}:
            label = label == "True"
        return {"kind": "classifier", "label": nested(label), "probabilities": nested(model.predict_proba(X))}
    if name.startswith("xgboost") and is_classifier(model):
        label = np.asarray(model.predict(X))
        if label.ndim == 2:  # several labels a row: 0.0 and 1.0
            return {"kind": "classifier", "label": nested(label.astype(int)), "probabilities": nested(model.predict_proba(X))}
    return PLAIN_ANSWER(model, X)


# ---------------------------------------------------------------------------------------------- files of their own formats

NATIVE = {"json": "model.json", "ubj": "model.ubj", "bin": "model.bin", "txt": "model.txt", "cbm": "model.cbm"}


def booster_of(model):
    for way in ("get_booster", "booster_"):
        if hasattr(model, way):
            found = getattr(model, way)
            return found() if callable(found) else found
    return model


def write_model(model, container, folder):
    kind, _, how = container.partition(":")
    if kind != "native":
        return PLAIN_WRITE(model, container, folder)
    path = os.path.join(folder, NATIVE[how])
    saved = path if how != "bin" or XGB < (2, 1) else path.replace(".bin", ".deprecated")
    if how == "bin" and (1, 6) <= XGB < (2, 1):
        saved = path
    (booster_of(model) if how == "txt" else model).save_model(saved)
    if how == "txt":
        LAST[0] = getattr(booster_of(model), "params_for_corpus", LAST[0])
    if saved != path:
        os.rename(saved, path)
    return path


def read_model(path, container):
    kind, _, how = container.partition(":")
    if kind != "native":
        model = PLAIN_READ(path, container)
        if type(model).__module__.startswith("xgboost") and type(model).__name__ == "Booster":
            model.objective_for_corpus = LAST[0]
        if type(model).__module__.startswith("lightgbm") and type(model).__name__ == "Booster":
            model.params_for_corpus = LAST[0]
        return model
    if how == "txt":
        model = lgb.Booster(model_file=path)
        model.params_for_corpus = LAST[0]
        return model
    model = type(LAST[1])()
    model.load_model(path)
    if hasattr(LAST[1], "objective_for_corpus"):
        model.objective_for_corpus = LAST[0]
    return model


LAST = ["", None]  # the objective and the model of the case being written


def remember(case_made, objective=""):
    LAST[0], LAST[1] = objective, case_made.model
    return case_made


# Boosters are large for what they tell: most are packed.
make_sklearn.default_container = lambda name: "joblib:zlib" if zlib.crc32(name.encode()) % 4 else "pickle"
# Boosters are large for what they tell: most are packed.
make_sklearn.default_container = lambda name: "joblib:zlib" if zlib.crc32(name.encode()) % 4 else "pickle"
make_sklearn.answer, make_sklearn.write_model, make_sklearn.read_model = answer, write_model, read_model


# ---------------------------------------------------------------------------------------------- data

def table_of_categories(n=160, seed=5, numbers=True):
    """Numbers, text categories and whole-number categories, with gaps; the outcome depends on all of them."""
    rng = np.random.RandomState(seed)
    blue = "blue" if XGB == (3, 1) else u"bl\u00fce"  # 3.1 cuts such letters off
    colour = rng.choice(["red", "green", blue, "black", "white"], n)
    shop = rng.choice([10, 20, 35, 70, 71, 90], n)
    size = np.round(rng.gamma(3, 2, n), 3)
    y = (colour == "red") * 2.0 - (colour == "white") + np.isin(shop, [20, 71]) * 1.5 + np.sin(size) + rng.normal(size=n) * 0.2
    size[rng.rand(n) < 0.1] = np.nan
    table = pd.DataFrame({"size": size, "colour": pd.Categorical(colour, categories=["black", blue, "green", "red", "white"]),
                          "shop": pd.Categorical(shop, categories=[10, 20, 35, 70, 71, 90])})
    table.loc[table.index[::13], "colour"] = None
    if not numbers:
        table = table.drop(columns=["shop"])
    return table, y


def near(X, rows=12, gaps=False, seed=1):
    asked = ask(X, rows=rows, seed=seed)
    if gaps:
        asked[:rows][np.random.RandomState(4).rand(rows, X.shape[1]) < 0.3] = np.nan
        asked[rows - 1] = np.nan
    return asked


def boosted(model, data, gaps=False, objective="", container=None, **fit):
    X, y = data
    if gaps:
        X = with_gaps(X)
    model.fit(X, y, **fit)
    return remember(Case(model, near(data[0], gaps=gaps), container=container), objective)


def stopped(model, data, classes=False, rounds=2, **kwargs):
    """Fitted with early stopping on a set where it stops early."""
    X, y = data
    at = np.random.RandomState(0).permutation(len(X))
    a, b = at[:len(X) // 2], at[len(X) // 2:]
    noise = np.random.RandomState(1).permutation(len(b))
    watched = y[b][noise]
    model.fit(X[a], y[a], eval_set=[(X[b], watched)], **kwargs)
    return remember(Case(model, near(X)))


POSITIVE = (DIABETES[0], np.round(DIABETES[1] / 50.0, 2))
SEVERAL = several_targets()
LABELS2 = (IRIS[0], np.column_stack([IRIS[1] == 1, IRIS[0][:, 0] > 5.8, IRIS[0][:, 1] > 3]).astype(int))


# ---------------------------------------------------------------------------------------------- XGBoost

def xgboost_cases():
    if xgb is None:
        return
    R, C = xgb.XGBRegressor, xgb.XGBClassifier
    few = dict(n_estimators=4 * TREES, max_depth=3)
    words = XGB < (1, 6)  # later ones take 0 ... n-1 only
    flowers = (IRIS[0], FLOWERS) if words else IRIS
    tumours = (CANCER[0], TUMOURS) if words else CANCER
    gaps = (IRIS[0], np.array([-5, 7, 1000])[IRIS[1]]) if words else IRIS

    add("xgb_reg", lambda: boosted(R(**few), DIABETES))
    add("xgb_reg_gaps", lambda: boosted(R(n_estimators=8 * TREES, max_depth=5), DIABETES, gaps=True))
    add("xgb_reg_base", lambda: boosted(R(base_score=0.25, **few), DIABETES))
    add("xgb_reg_missing", lambda: boosted(R(missing=0.0, **few), (np.round(DIABETES[0], 1), DIABETES[1])))
    add("xgb_binary", lambda: boosted(C(**few), tumours))
    add("xgb_binary_gaps", lambda: boosted(C(n_estimators=8 * TREES, max_depth=4, base_score=0.3), tumours, gaps=True))
    add("xgb_multi", lambda: boosted(C(**few), flowers))
    add("xgb_multi_numbers", lambda: boosted(C(n_estimators=4 * TREES, subsample=0.7, max_depth=4), gaps, gaps=True))
    add("xgb_bools", lambda: boosted(C(**few), (CANCER[0], CANCER[1].astype(bool))))
    add("xgb_dart", lambda: boosted(R(booster="dart", n_estimators=8 * TREES, max_depth=3), DIABETES))
    if XGB >= (1, 0):
        add("xgb_dart_drop", lambda: boosted(R(booster="dart", n_estimators=8 * TREES, max_depth=3, rate_drop=0.3, skip_drop=0.2), DIABETES))
        add("xgb_dart_multi", lambda: boosted(C(booster="dart", n_estimators=5 * TREES, max_depth=3, rate_drop=0.4), flowers, gaps=True))
    add("xgb_linear", lambda: boosted(R(booster="gblinear", n_estimators=20), DIABETES, gaps=True))
    add("xgb_linear_multi", lambda: boosted(C(booster="gblinear", n_estimators=10), flowers))
    add("xgb_rf", lambda: boosted(xgb.XGBRFRegressor(n_estimators=5 * TREES, max_depth=4), DIABETES))
    add("xgb_rf_classifier", lambda: boosted(xgb.XGBRFClassifier(n_estimators=5 * TREES, max_depth=4), flowers))
    add("xgb_forest_rounds", lambda: boosted(C(n_estimators=3, num_parallel_tree=2, subsample=0.6, max_depth=3) if XGB >= (1, 0) else C(**few), flowers))
    for objective in ("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "reg:logistic", "reg:squaredlogerror", "reg:pseudohubererror",
                      "reg:absoluteerror", "survival:aft", "binary:logitraw", "binary:hinge", "rank:pairwise"):
        if objective in ("reg:squaredlogerror",) and XGB < (1, 0) or objective in ("reg:pseudohubererror", "survival:aft") and XGB < (1, 2):
            continue
        if objective == "reg:absoluteerror" and XGB < (1, 7) or objective == "survival:aft" or objective.startswith("rank"):
            continue
        data = POSITIVE
        if objective in ("reg:logistic", "binary:logitraw", "binary:hinge"):
            data = CANCER
        add("xgb_" + objective.replace(":", "_"), lambda objective=objective, data=data: boosted(R(objective=objective, **few), data))
    add("xgb_classifier_logitraw", lambda: boosted(C(objective="binary:logitraw", **few), tumours))
    add("xgb_classifier_hinge", lambda: boosted(C(objective="binary:hinge", **few), tumours))
    if XGB >= (2, 0):
        add("xgb_quantiles", lambda: boosted(R(objective="reg:quantileerror", quantile_alpha=np.array([0.1, 0.5, 0.9]), **few), DIABETES))
    if XGB >= (1, 6):
        add("xgb_softmax", lambda: boosted(C(objective="multi:softmax", **few), IRIS))
        add("xgb_targets", lambda: boosted(R(**few), SEVERAL))
        add("xgb_labels", lambda: boosted(C(**few), LABELS2))
    if XGB >= (2, 0):
        add("xgb_vector_leaves", lambda: boosted(R(multi_strategy="multi_output_tree", tree_method="hist", **few), SEVERAL, gaps=True))
        add("xgb_vector_classifier", lambda: boosted(C(multi_strategy="multi_output_tree", tree_method="hist", **few), IRIS))
    if XGB >= (1, 5):
        method = dict(tree_method="hist" if XGB >= (1, 6) else "gpu_hist", enable_categorical=True)
        for name, options in (("partition", dict(max_cat_to_onehot=1)), ("onehot", dict(max_cat_to_onehot=50))):
            if XGB < (1, 6):
                continue
            add("xgb_cat_" + name, lambda options=options: categories(R(n_estimators=10, max_depth=4, **dict(method, **options))))
    early = dict(n_estimators=40, max_depth=4, learning_rate=0.5)
    if XGB >= (1, 6):
        add("xgb_stopped", lambda: stopped(R(early_stopping_rounds=3, **early), DIABETES, verbose=False))
        add("xgb_stopped_multi", lambda: stopped(C(early_stopping_rounds=3, num_parallel_tree=2, **early), IRIS, verbose=False))
    else:
        add("xgb_stopped", lambda: stopped(R(**early), DIABETES, early_stopping_rounds=3, verbose=False))
        add("xgb_stopped_multi", lambda: stopped(C(**early), IRIS, early_stopping_rounds=3, verbose=False))
    add("xgb_ranker", lambda: ranked())
    add("xgb_table", lambda: on_frame(R(**few)))
    add("xgb_pipeline", lambda: boosted(make_pipeline(StandardScaler(), C(**few)), tumours))
    add("xgb_grid", lambda: boosted(GridSearchCV(R(**few), {"max_depth": [2, 3]}, cv=2), DIABETES)) if VERSION >= (9, 0) else None
    for name, data, params in (("binary", CANCER, {"objective": "binary:logistic"}), ("multi", IRIS, {"objective": "multi:softprob", "num_class": 3}),
                               ("reg", DIABETES, {"objective": "reg:squarederror", "eta": 0.4}), ("poisson", POSITIVE, {"objective": "count:poisson"})):
        add("xgb_booster_" + name, lambda data=data, params=params: bare(data, params))
        add("xgb_native_bin_" + name, lambda data=data, params=params: bare(data, params, "native:bin")) if XGB < (3, 1) else None
        if XGB >= (1, 0):
            add("xgb_native_json_" + name, lambda data=data, params=params: bare(data, params, "native:json"))
        if XGB >= (1, 6):
            add("xgb_native_ubj_" + name, lambda data=data, params=params: bare(data, params, "native:ubj"))
    if XGB >= (1, 0):
        add("xgb_wrapper_json_classes", lambda: boosted(C(**few), flowers, container="native:json"))
        add("xgb_wrapper_json", lambda: boosted(R(**few), DIABETES, container="native:json"))
        add("xgb_native_dart", lambda: bare(DIABETES, {"booster": "dart", "rate_drop": 0.3}, "native:json"))
        add("xgb_native_linear", lambda: bare(DIABETES, {"booster": "gblinear"}, "native:json"))
    if XGB < (3, 1):
        add("xgb_native_bin_dart", lambda: bare(DIABETES, {"booster": "dart", "rate_drop": 0.3}, "native:bin")) if XGB >= (1, 0) else None
        add("xgb_native_bin_linear", lambda: bare(DIABETES, {"booster": "gblinear"}, "native:bin"))


def bare(data, params, container=None):
    X, y = data
    booster = xgb.train(dict(params, max_depth=3), xgb.DMatrix(X, label=y), num_boost_round=4 * TREES)
    booster.objective_for_corpus = params.get("objective", "")
    return remember(Case(booster, near(X), container=container), params.get("objective", ""))


def ranked():
    X, y = DIABETES
    model = xgb.XGBRanker(n_estimators=6, max_depth=3) if XGB < (2, 0) else xgb.XGBRanker(n_estimators=6, max_depth=3, lambdarank_pair_method="topk")
    levels = np.digitize(y, [100, 180, 250])
    if XGB >= (2, 0):
        model.fit(X, levels, qid=np.repeat(np.arange(len(X) // 13), 13)[:len(X)])
    else:
        model.fit(X[:440], levels[:440], group=[44] * 10)
    return remember(Case(model, near(X)))


def on_frame(model):
    table, y = table_of_categories()
    table = pd.DataFrame({"size": table["size"], "shop": table["shop"].astype(int), "half": np.round(table["size"] / 2, 1)})
    model.fit(table, y)
    return remember(Case(model, table.iloc[:10].copy()))


def categories(model, seed=9, container=None, **fit):
    table, y = table_of_categories()
    if XGB < (3, 1) and type(model).__module__.startswith("xgboost"):  # the file holds no categories: requests give codes
        codes = table.copy()
        for name in ("colour", "shop"):
            codes[name] = codes[name].cat.codes.astype(float).where(table[name].notna())
        model.fit(table, y)
        return remember(CodesCase(model, codes.iloc[:24], table.iloc[:24]))
    model.fit(table, y, **fit)
    asked = table_of_categories(24, seed)[0]
    return remember(Case(model, asked, container=container))


class CodesCase(Case):
    """Asked in codes; the library, which wants the categories it was trained with, is asked by a matrix of codes."""

    def __init__(self, model, codes, table):
        Case.__init__(self, model, codes.reset_index(drop=True))


# ---------------------------------------------------------------------------------------------- LightGBM

def lightgbm_cases():
    if lgb is None:
        return
    R, C = lgb.LGBMRegressor, lgb.LGBMClassifier
    few = dict(n_estimators=4 * TREES, num_leaves=7, min_child_samples=5)
    count = (DIABETES[0], np.round(DIABETES[1] / 50.0))
    sparse = (np.where(np.random.RandomState(3).rand(*DIABETES[0].shape) < 0.4, 0.0, DIABETES[0]), DIABETES[1])
    share = (CANCER[0], np.clip(CANCER[0][:, 0] / 30.0, 0, 1))

    add("lgb_reg", lambda: boosted(R(**few), DIABETES))
    add("lgb_reg_gaps", lambda: boosted(R(n_estimators=6 * TREES, num_leaves=12, min_child_samples=5), DIABETES, gaps=True))
    add("lgb_gaps_unseen", lambda: unseen_gaps(R(**few)))
    add("lgb_zero_missing", lambda: boosted(R(zero_as_missing=True, **few), sparse, gaps=True))
    add("lgb_no_missing", lambda: boosted(R(use_missing=False, **few), DIABETES, gaps=True))
    add("lgb_binary", lambda: boosted(C(**few), (CANCER[0], TUMOURS)))
    add("lgb_binary_sigmoid", lambda: boosted(C(sigmoid=0.7, is_unbalance=True, **few), CANCER, gaps=True))
    add("lgb_bools", lambda: boosted(C(**few), (CANCER[0], CANCER[1].astype(bool))))
    add("lgb_multi", lambda: boosted(C(**few), (IRIS[0], FLOWERS)))
    add("lgb_multi_numbers", lambda: boosted(C(n_estimators=4 * TREES, num_leaves=8, min_child_samples=5), (IRIS[0], np.array([-5, 7, 1000])[IRIS[1]]), gaps=True))
    add("lgb_ova", lambda: boosted(C(objective="multiclassova", sigmoid=1.3, **few), (IRIS[0], FLOWERS)))
    add("lgb_rf", lambda: boosted(R(boosting_type="rf", bagging_freq=1, bagging_fraction=0.6, **few), DIABETES))
    add("lgb_rf_classifier", lambda: boosted(C(boosting_type="rf", bagging_freq=1, bagging_fraction=0.6, **few), (IRIS[0], FLOWERS)))
    add("lgb_dart", lambda: boosted(R(boosting_type="dart", drop_rate=0.4, **few), DIABETES))
    add("lgb_goss", lambda: boosted(C(boosting_type="goss", **few), CANCER))
    for objective in ("regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie"):
        data = count if objective in ("poisson",) else POSITIVE
        add("lgb_" + objective, lambda objective=objective, data=data: boosted(R(objective=objective, **few), data))
    add("lgb_sqrt", lambda: boosted(R(reg_sqrt=True, **few), DIABETES))
    add("lgb_cross_entropy", lambda: boosted(R(objective="cross_entropy", **few), share))
    add("lgb_cross_entropy_lambda", lambda: boosted(R(objective="cross_entropy_lambda", **few), share))
    if LGB >= (3, 2):
        add("lgb_linear", lambda: boosted(R(linear_tree=True, **few), DIABETES, gaps=True))
        add("lgb_linear_binary", lambda: boosted(C(linear_tree=True, **few), CANCER))
    cats = dict(n_estimators=12, num_leaves=9, min_child_samples=4, min_data_per_group=4, cat_smooth=1.0)
    add("lgb_cat", lambda: categories(R(**cats)))
    add("lgb_cat_onehot", lambda: categories(R(max_cat_to_onehot=50, **cats)))
    add("lgb_cat_numbers", lambda: coded_categories(R(**cats)))
    add("lgb_cat_native", lambda: categories(R(**cats), container="native:txt"))
    add("lgb_constant", lambda: boosted(R(**few), (DIABETES[0], np.full(len(DIABETES[1]), 3.5))))
    add("lgb_ranker", lambda: lgb_ranked())
    add("lgb_table", lambda: on_frame(R(**few)))
    add("lgb_pipeline", lambda: boosted(make_pipeline(StandardScaler(), C(**few)), (IRIS[0], FLOWERS)))
    add("lgb_stopped", lambda: lgb_stopped(R(n_estimators=60, learning_rate=0.5, min_child_samples=5), DIABETES))
    add("lgb_stopped_multi", lambda: lgb_stopped(C(n_estimators=60, learning_rate=0.5, min_child_samples=5), IRIS))
    add("lgb_wrapper_txt", lambda: boosted(R(**few), DIABETES, container="native:txt"))
    for name, data, params in (("binary", CANCER, {"objective": "binary"}), ("multi", IRIS, {"objective": "multiclass", "num_class": 3}),
                               ("ova", IRIS, {"objective": "multiclassova", "num_class": 3}),
                               ("reg", DIABETES, {"objective": "regression"}), ("poisson", count, {"objective": "poisson"})):
        add("lgb_booster_" + name, lambda data=data, params=params: lgb_bare(data, params))
        add("lgb_native_" + name, lambda data=data, params=params: lgb_bare(data, params, "native:txt"))


def lgb_bare(data, params, container=None):
    X, y = data
    booster = lgb.train(dict(params, num_leaves=7, min_data_in_leaf=5, verbose=-1), lgb.Dataset(X, label=y), num_boost_round=4 * TREES)
    booster.params_for_corpus = params["objective"]
    return remember(Case(booster, near(X), container=container), params["objective"])


def unseen_gaps(model):
    """Missing values where there were none: they count as zero."""
    X, y = DIABETES
    model.fit(X, y)
    return remember(Case(model, near(X, gaps=True)))


def lgb_ranked():
    X, y = DIABETES
    model = lgb.LGBMRanker(n_estimators=6, num_leaves=7, min_child_samples=5)
    model.fit(X[:440], np.digitize(y[:440], [100, 180, 250]), group=[44] * 10)
    return remember(Case(model, near(X)))


def lgb_stopped(model, data):
    if LGB >= (4, 0):
        return stopped(model, data, callbacks=[lgb.early_stopping(3, verbose=False)])
    return stopped(model, data, early_stopping_rounds=3, verbose=False)


def coded_categories(model):
    """Categories as whole numbers in an array, some unknown, fractional, negative or missing when asked."""
    table, y = table_of_categories()
    X = np.column_stack([table["size"], table["colour"].cat.codes.replace({-1: np.nan}), table["shop"].astype(float)])
    model.fit(X, y, categorical_feature=[1, 2])
    asked = np.array(X[:16])
    asked[:8, 1] = [-1, 7, 2.7, np.nan, 1e9, 3e10, -0.5, 0.99]
    asked[8:12, 2] = [20.9, 33, -4, np.nan]
    return remember(Case(model, asked))


# ---------------------------------------------------------------------------------------------- CatBoost

def catboost_cases():
    if cat is None:
        return
    R, C = cat.CatBoostRegressor, cat.CatBoostClassifier
    few = dict(iterations=5 * TREES, depth=3, verbose=0, allow_writing_files=False, thread_count=1)
    add("cat_reg", lambda: boosted(R(**few), DIABETES))
    add("cat_reg_gaps", lambda: boosted(R(**few), DIABETES, gaps=True))
    add("cat_reg_gaps_high", lambda: boosted(R(nan_mode="Max", **few), DIABETES, gaps=True))
    add("cat_binary", lambda: boosted(C(**few), (CANCER[0], TUMOURS)))
    add("cat_binary_numbers", lambda: boosted(C(**few), (CANCER[0], CANCER[1] * 3 - 1)))
    add("cat_bools", lambda: boosted(C(**few), (CANCER[0], CANCER[1].astype(bool))))
    add("cat_half_labels", lambda: boosted(C(**few), (CANCER[0], CANCER[1] * 1.5 + 0.25))) if CAT >= (1, 0) else None
    add("cat_cross_entropy", lambda: boosted(C(loss_function="CrossEntropy", **few), CANCER))
    add("cat_multi", lambda: boosted(C(**few), (IRIS[0], FLOWERS)))
    add("cat_multi_numbers", lambda: boosted(C(**few), (IRIS[0], np.array([-5, 7, 1000])[IRIS[1]])))
    add("cat_ova", lambda: boosted(C(loss_function="MultiClassOneVsAll", **few), (IRIS[0], FLOWERS)))
    for loss in ("MAE", "Quantile:alpha=0.3", "LogLinQuantile", "MAPE", "Poisson", "Tweedie:variance_power=1.5", "Huber:delta=1.0",
                 "Lq:q=2.5", "Expectile:alpha=0.3", "RMSEWithUncertainty", "MultiRMSE"):
        if loss.startswith("Tweedie") and CAT < (0, 24) or loss.startswith("RMSEW") and CAT < (0, 25) or loss == "MultiRMSE" and CAT < (0, 22):
            continue
        if loss.split(":")[0] in ("Huber", "Expectile") and CAT < (0, 22):
            continue
        data = SEVERAL if loss == "MultiRMSE" else POSITIVE
        add("cat_" + loss.split(":")[0].lower(), lambda loss=loss, data=data: boosted(R(loss_function=loss, **few), data))
    if CAT >= (1, 0):
        add("cat_labels", lambda: boosted(C(loss_function="MultiLogloss", **few), LABELS2))
    if CAT >= (0, 21):
        add("cat_lossguide", lambda: boosted(R(grow_policy="Lossguide", **few), DIABETES, gaps=True))
        add("cat_depthwise_multi", lambda: boosted(C(grow_policy="Depthwise", **few), (IRIS[0], FLOWERS)))
    add("cat_words", lambda: with_words(R(**few)))
    add("cat_words_onehot", lambda: with_words(R(one_hot_max_size=20, **few)))
    add("cat_words_binary", lambda: with_words(C(**few), classes=True))
    add("cat_words_multi", lambda: with_words(C(**few), classes=3))
    add("cat_words_deep", lambda: with_words(R(iterations=20, depth=5, max_ctr_complexity=3, verbose=0, allow_writing_files=False)))
    for kind in ("Buckets", "BinarizedTargetMeanValue", "Counter"):
        add("cat_words_" + kind.lower(), lambda kind=kind: with_words(C(simple_ctr=[kind], combinations_ctr=[kind], **few), classes=3))
    add("cat_native_words", lambda: with_words(C(**few), classes=True, container="native:cbm"))
    add("cat_native", lambda: boosted(R(**few), DIABETES, container="native:cbm"))
    add("cat_native_multi", lambda: boosted(C(**few), (IRIS[0], FLOWERS), container="native:cbm"))
    add("cat_base", lambda: boosted(cat.CatBoost(dict(few, loss_function="RMSE")), DIABETES))
    add("cat_base_binary", lambda: boosted(cat.CatBoost(dict(few, loss_function="Logloss")), CANCER))
    add("cat_pipeline", lambda: boosted(make_pipeline(StandardScaler(), R(**few)), DIABETES))


def with_words(model, classes=0, container=None):
    """Categories as texts and as whole numbers; unknown and long ones when asked."""
    def texts(table):
        out = table.copy()
        out["colour"] = np.where(table["colour"].isna(), "none at all, which is a text of more than sixty-four bytes: yes", table["colour"].astype(object)).astype(object)
        out["shop"] = table["shop"].astype(int)
        out["code"] = (out["colour"] + " / " + out["shop"].astype(str)).astype(object)
        return out
    table, y = table_of_categories(300)
    if classes:
        y = np.where(y > 0.8, "high", "low") if classes is True else np.digitize(y, [0, 1.2])
    model.fit(texts(table), y, cat_features=["colour", "shop", "code"] if CAT >= (0, 22) else [1, 2, 3])
    asked = texts(table_of_categories(20, seed=8)[0])
    asked.loc[3, "colour"] = "purple"
    asked.loc[4, "shop"] = 12345
    asked.loc[5, "code"] = ""
    asked.loc[6, "code"] = "a" * 200
    return remember(Case(model, asked, container=container))


def chosen():
    """Keeps the cases that were asked for: old versions are committed where they differ only."""
    if len(sys.argv) > 3:
        CASES[:] = [c for c in CASES if re.match(sys.argv[3], c[0])]


FAMILIES = [xgboost_cases, lightgbm_cases, catboost_cases, chosen]

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], families=FAMILIES, library="XGBoost")
