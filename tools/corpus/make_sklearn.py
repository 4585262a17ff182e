"""Trains the scikit-learn half of the corpus and writes it with the library's own answers.

Runs unchanged under every version from 0.22.2 to 1.9.1 (Python 3.6 … 3.13), seeded:

    python make_sklearn.py 1.9.1 tests/corpus/sklearn/1.9.1

A case is a folder with model.pkl or model.joblib, input.json (the body of a prediction request) and expected.json (the answer in
double precision, outputs named as the public contract names them). Every case is read back from its own three files and predicted
again before it counts. CORE cases are made in every version, FULL ones in the five versions of FULL_VERSIONS.
cases.json beside the folders says what is in each file.
"""
import io
import json
import math
import os
import pickle
import platform
import re
import shutil
import sys
import traceback
import warnings
import zlib

import joblib
import numpy as np
import pandas as pd
import scipy
import scipy.sparse
import sklearn
from sklearn import datasets
from sklearn.base import BaseEstimator, is_classifier, is_outlier_detector, is_regressor
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import (ExtraTreesClassifier, ExtraTreesRegressor, GradientBoostingClassifier,
                              GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge, RidgeClassifier,
                                  SGDClassifier, SGDRegressor)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (FunctionTransformer, MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler,
                                   StandardScaler)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

warnings.simplefilter("ignore")

VERSION = tuple(int(part) for part in re.match(r"(\d+)\.(\d+)", sklearn.__version__).groups())
FULL_VERSIONS = {(0, 22), (0, 24), (1, 2), (1, 5), (1, 9)}
CONTAINER_VERSIONS = {(0, 24), (1, 9)}
CASES = []


# ---------------------------------------------------------------------------------------------- registry

class Case(object):
    """A fitted model, the request asked of it, and how the file is written."""

    def __init__(self, model, request, null=np.nan, container=None):
        self.model = model
        self.request = request
        self.null = null            # what JSON's null stands for in columns of strings: NaN or None
        self.container = container


def case(name, full=False, since=(0, 0), until=(9, 9), only=None):
    """Registers a builder under a case name, for the versions that can make it."""
    def register(build):
        if full and VERSION not in FULL_VERSIONS:
            return build
        if only is not None and VERSION not in only:
            return build
        if since <= VERSION <= until:
            CASES.append((name, build))
        return build
    return register


def add(name, build, **when):
    case(name, **when)(build)


# ---------------------------------------------------------------------------------------------- data

def seeded(name):
    return np.random.RandomState(zlib.crc32(name.encode()) & 0x7FFFFFFF)


def load(name, columns=None):
    data = getattr(datasets, "load_" + name)()
    X, y = data.data, data.target
    if name == "diabetes":
        X = np.round(X, 5)
    if columns is not None:
        X = X[:, columns]
    return np.ascontiguousarray(X), y


IRIS = load("iris")
WINE = load("wine", [0, 1, 4, 6, 9, 11, 12])
CANCER = load("breast_cancer", [0, 1, 3, 7, 20, 21, 24, 27])
DIABETES = load("diabetes", [0, 1, 2, 3, 6, 8])
FLOWERS = np.array(["setosa", "versicolor", "vir\u00adginica \u00e9"])[IRIS[1]]
TUMOURS = np.array(["malignant", "benign"])[CANCER[1]]


def several_targets():
    X, y = DIABETES
    return X, np.column_stack([y, 300 - y + 40 * X[:, 2], np.sqrt(y)])


def ask(X, seed=1, rows=10, wild=True):
    """Request rows: some as trained, some between, some far outside."""
    rng = np.random.RandomState(seed)
    at = rng.permutation(len(X))
    out = [X[i] for i in at[:rows - 4]]
    spread = X.std(axis=0)
    out += [np.round(X[i] + rng.normal(size=X.shape[1]) * spread, 6) for i in at[rows - 4:rows]]
    if wild:
        out += [np.zeros(X.shape[1]), X[at[0]] * 1e3, -X[at[1]], np.round(X[at[2]], 2) * 1e6]
    return np.array(out, dtype=float)


def at_thresholds(model, X):
    """Rows that sit on a split, one double above it and one float32 above it: where rounding decides the branch."""
    trees = getattr(model, "estimators_", [model])
    tree = np.ravel(np.array(trees, dtype=object))[0].tree_
    out = []
    for node in np.flatnonzero(tree.children_left >= 0)[:4]:
        at, feature = tree.threshold[node], tree.feature[node]
        for value in (at, np.nextafter(at, np.inf), float(np.nextafter(np.float32(at), np.float32(np.inf)))):
            row = np.array(X[int(node) * 7 % len(X)], dtype=float)
            row[feature] = value
            out.append(row)
    return np.vstack([ask(X, rows=8)] + out)


def with_gaps(X, seed=3, share=0.15, columns=None):
    X = np.array(X, dtype=float)
    gaps = np.random.RandomState(seed).rand(*X.shape) < share
    if columns is not None:
        keep = np.ones(X.shape[1], dtype=bool)
        keep[columns] = False
        gaps[:, keep] = False
    X[gaps] = np.nan
    return X


def passengers(n=240, seed=7):
    """A table as in the well-known exercise: numbers with gaps, strings with gaps, and an outcome that depends on them."""
    rng = np.random.RandomState(seed)
    sex = rng.choice(["male", "female"], n, p=[0.6, 0.4])
    pclass = rng.choice([1, 2, 3], n, p=[0.25, 0.25, 0.5])
    age = np.round(rng.gamma(6, 5, n), 1)
    fare = np.round(np.exp(rng.normal(4.2 - 0.7 * pclass, 0.6)), 4)
    siblings = rng.poisson(0.5, n)
    port = rng.choice(["S", "C", "Q"], n, p=[0.7, 0.2, 0.1]).astype(object)
    deck = rng.choice(["A", "B", "C", "D"], n).astype(object)
    title = rng.choice(["Mr", "Mrs", "Miss", "Dr", u"Se\u00f1or", u"\u5148\u751f"], n, p=[.5, .2, .2, .04, .03, .03])
    y = (1.6 * (sex == "female") - 0.5 * pclass - 0.02 * age + 0.01 * fare + rng.normal(size=n) > 0.2).astype(int)
    age[rng.rand(n) < 0.2] = np.nan
    fare[rng.rand(n) < 0.03] = np.nan
    port[rng.rand(n) < 0.05] = np.nan
    deck[rng.rand(n) < 0.6] = np.nan
    table = pd.DataFrame({"pclass": pclass, "sex": sex, "age": age, "siblings": siblings, "fare": fare, "port": port,
                          "deck": deck, "title": title})
    return table, y


TABLE, SURVIVED = passengers()
NUMERIC = ["age", "fare", "siblings"]
STRINGS = ["sex", "port", "deck"]


def ask_table(columns, unknown=True, rows=16, gaps=True):
    asked = passengers(rows, seed=11)[0][columns].copy()
    if not gaps:
        for column in columns:
            known = TABLE[column].dropna()
            asked[column] = asked[column].where(asked[column].notna(), known.iloc[0])
    if unknown:
        for column, value in (("port", "Z"), ("title", "Captain"), ("sex", ""), ("deck", "a")):
            if column in columns:
                asked.loc[2, column] = value
    if "fare" in columns:
        asked.loc[3, "fare"] = 512329.25
        asked.loc[4, "fare"] = -1e7
    return asked


# ---------------------------------------------------------------------------------------------- answers and JSON

def plain(value):
    if value is None or value is getattr(pd, "NA", None):
        return None
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return str(value)


def nested(values):
    if scipy.sparse.issparse(values):
        values = values.toarray()
    values = np.asarray(values)
    if values.ndim == 1:
        return [plain(v) for v in values]
    return [[plain(v) for v in row] for row in values]


def answer(model, X):
    """The library's own answer, in the names of the contract."""
    if not hasattr(model, "predict"):
        if hasattr(model, "transform"):
            return {"kind": "transformer", "transformed": nested(model.transform(X))}
        return {"kind": "density", "score": nested(model.score_samples(X))}
    if is_classifier(model):
        return classifier_answer(model, X)
    if hasattr(model, "score_samples") and hasattr(model, "predict_proba"):  # mixtures
        return {"kind": "density", "score": nested(model.score_samples(X)), "cluster": nested(model.predict(X)),
                "probabilities": nested(model.predict_proba(X))}
    if is_outlier_detector(model):
        out = {"kind": "outlier_detector", "label": nested(model.predict(X))}
        if hasattr(model, "decision_function"):
            out["score"] = nested(model.decision_function(X))
        return out
    if is_regressor(model):
        return {"kind": "regressor", "prediction": nested(model.predict(X))}
    return {"kind": "clusterer", "cluster": nested(model.predict(X))}


def classifier_answer(model, X):
    out = {"kind": "classifier", "label": nested(model.predict(X))}
    if hasattr(model, "predict_proba"):
        probabilities = model.predict_proba(X)
        if isinstance(probabilities, list):  # several outputs a row: their classes differ
            out.update(("probabilities_%d" % i, nested(p)) for i, p in enumerate(probabilities))
        else:
            out["probabilities"] = nested(probabilities)
    elif hasattr(model, "decision_function"):
        out["scores"] = nested(model.decision_function(X))
    return out


def request_body(X):
    if isinstance(X, list):  # texts or dicts
        return {"instances": X}
    if isinstance(X, pd.DataFrame):
        names = list(X.columns)
        records = []
        for at, row in enumerate(zip(*[X[name] for name in names])):
            pairs = list(zip(names, [plain(v) for v in row]))
            records.append(dict(pairs if at % 3 else pairs[::-1]))  # the order of keys means nothing
        return {"dataframe_records": records}
    return {"instances": [[plain(v) for v in row] for row in X]}


def read_body(body, like, null):
    """The request as a caller of scikit-learn would build it from the JSON."""
    if isinstance(like, pd.DataFrame):
        columns = {}
        for name in like.columns:
            values = [record[name] for record in body["dataframe_records"]]
            if like[name].dtype.kind in "fiub":
                columns[name] = pd.Series([np.nan if v is None else v for v in values], dtype=like[name].dtype)
            else:
                columns[name] = pd.Series([null if v is None else v for v in values], dtype=like[name].dtype)
        return pd.DataFrame(columns, columns=list(like.columns))
    rows = body["instances"]
    if isinstance(like, list):
        return rows
    if like.dtype == object:
        out = np.empty((len(rows), len(rows[0])), dtype=object)
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                out[i, j] = null if value is None else value
        return out
    return np.array([[np.nan if v is None else v for v in row] for row in rows], dtype=like.dtype)


def same(a, b):
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


# ---------------------------------------------------------------------------------------------- files

def default_container(name):
    return "joblib" if zlib.crc32(name.encode()) % 5 < 2 else "pickle"


def write_model(model, container, folder):
    """Returns the file name. A container is 'pickle[:protocol]', 'joblib[:codec[:level]]', 'joblib:protocol2' or 'cloudpickle'."""
    kind, _, detail = container.partition(":")
    path = os.path.join(folder, {"joblib": "model.joblib", "skops": "model.skops"}.get(kind, "model.pkl"))
    if kind == "pickle":
        with open(path, "wb") as out:
            pickle.dump(model, out, protocol=int(detail)) if detail else pickle.dump(model, out)
    elif kind == "cloudpickle":
        import cloudpickle
        with open(path, "wb") as out:
            cloudpickle.dump(model, out)
    elif kind == "skops":
        import skops.io
        skops.io.dump(model, path)
    elif detail == "protocol2":
        joblib.dump(model, path, protocol=2)
    elif detail:
        joblib.dump(model, path, compress=(detail, 3))
    else:
        joblib.dump(model, path)
    return path


def read_model(path, container):
    if container.startswith("joblib"):
        return joblib.load(path)
    if container == "skops":
        import skops.io
        return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    with open(path, "rb") as stream:
        return pickle.load(stream)


def estimators_in(model):
    found, waiting = set(), [model]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseEstimator):
            found.add(type(one).__name__)
            waiting.extend(one.get_params(deep=False).values())
        elif isinstance(one, (list, tuple)):
            waiting.extend(one)
    return sorted(found)


def write_case(name, build, root):
    made = build()
    container = made.container or default_container(name)
    folder = os.path.join(root, name)
    os.makedirs(folder)
    path = write_model(made.model, container, folder)
    body, expected = request_body(made.request), answer(made.model, made.request)
    for file_name, value in (("input.json", body), ("expected.json", expected)):
        with io.open(os.path.join(folder, file_name), "w", encoding="utf-8") as out:
            out.write(json.dumps(value, ensure_ascii=False) + "\n")
    with io.open(os.path.join(folder, "input.json"), encoding="utf-8") as stream:
        again = read_body(json.load(stream), made.request, made.null)
    fresh = answer(read_model(path, container), again)
    with io.open(os.path.join(folder, "expected.json"), encoding="utf-8") as stream:
        if not same(json.load(stream), fresh):
            raise AssertionError("the file read back answers something else")
    return {"case": name, "container": container, "file": os.path.basename(path), "kind": expected["kind"],
            "estimators": estimators_in(made.model)}


# ---------------------------------------------------------------------------------------------- linear models

def fitted(model, data, rows=10, wild=True):
    X, y = data
    return Case(model.fit(X, y), ask(X, rows=rows, wild=wild))


def linear_regressors():
    add("linreg", lambda: fitted(LinearRegression(), DIABETES))
    add("linreg_multi", lambda: fitted(LinearRegression(), several_targets()))
    add("linreg_no_intercept", lambda: fitted(LinearRegression(fit_intercept=False), DIABETES), full=True)
    add("linreg_positive", lambda: fitted(LinearRegression(positive=True), DIABETES), full=True, since=(0, 24))
    add("linreg_column_target", lambda: fitted(LinearRegression(), (DIABETES[0], DIABETES[1][:, None])), full=True)
    add("linreg_one_feature", lambda: fitted(LinearRegression(), (DIABETES[0][:, [2]], DIABETES[1])), full=True)
    add("linreg_f32", lambda: fitted(LinearRegression(), (IRIS[0].astype("f4")[:, :3], IRIS[0][:, 3].astype("f4"))),
        full=True, only={(1, 2), (1, 9)})
    add("linreg_table", lambda: Case(
        LinearRegression().fit(TABLE[["siblings", "pclass"]], SURVIVED), ask_table(["siblings", "pclass"])))
    add("ridge", lambda: fitted(Ridge(alpha=0.7), DIABETES))
    add("ridge_multi", lambda: fitted(Ridge(alpha=np.array([0.1, 1.0, 10.0])), several_targets()), full=True)
    add("ridge_svd", lambda: fitted(Ridge(solver="svd"), WINE), full=True)
    add("lasso", lambda: fitted(Lasso(alpha=0.3), DIABETES))
    add("lasso_multi", lambda: fitted(Lasso(alpha=0.1), several_targets()), full=True)
    add("lasso_all_zero", lambda: fitted(Lasso(alpha=1e6), DIABETES), full=True)
    add("elasticnet", lambda: fitted(ElasticNet(alpha=0.01, l1_ratio=0.3), DIABETES))
    add("elasticnet_no_intercept", lambda: fitted(ElasticNet(alpha=0.01, fit_intercept=False), WINE), full=True)
    add("sgd_reg", lambda: fitted(SGDRegressor(random_state=0, max_iter=200), scaled(DIABETES)))
    add("sgd_reg_huber_averaged", lambda: fitted(
        SGDRegressor(loss="huber", average=True, random_state=0, max_iter=200), scaled(DIABETES)), full=True)
    add("sgd_reg_epsilon", lambda: fitted(
        SGDRegressor(loss="epsilon_insensitive", penalty="l1", random_state=0, max_iter=200), scaled(DIABETES)), full=True)


def scaled(data):
    X = data[0]
    return np.round((X - X.mean(axis=0)) / X.std(axis=0), 5), data[1]


def logistic(data, **params):
    params.setdefault("max_iter", 200)
    params.setdefault("C", 0.5)
    return fitted(LogisticRegression(**params), data)


def logistic_regressions():
    multi, two = scaled(IRIS), scaled(CANCER)
    words, tumours = (multi[0], FLOWERS), (two[0], TUMOURS)
    flags = (two[0], two[1].astype(bool))
    gaps = (multi[0], np.array([-5, 7, 1000000007])[multi[1]])
    fractions = (two[0], np.array([1.0, 2.0])[two[1]])
    add("logreg_binary", lambda: logistic(two))
    add("logreg_multi", lambda: logistic(multi))
    add("logreg_raw_units", lambda: logistic(IRIS, max_iter=500))
    add("logreg_strings", lambda: logistic(words))
    add("logreg_binary_strings", lambda: logistic(tumours), full=True)
    add("logreg_bools", lambda: logistic(flags))
    add("logreg_int_gaps", lambda: logistic(gaps), full=True)
    add("logreg_float_labels", lambda: logistic(fractions), full=True)
    add("logreg_no_intercept", lambda: logistic(multi, fit_intercept=False), full=True)
    add("logreg_newton", lambda: logistic(multi, solver="newton-cg"), full=True)
    add("logreg_saga_binary", lambda: logistic(two, solver="saga", random_state=0), full=True)
    add("logreg_saga_multi", lambda: logistic(words, solver="saga", random_state=0), full=True)
    add("logreg_newton_cholesky", lambda: logistic(multi, solver="newton-cholesky"), since=(1, 2))
    add("logreg_newton_cholesky_binary", lambda: logistic(two, solver="newton-cholesky"), full=True, since=(1, 2))
    add("logreg_liblinear_binary", lambda: logistic(two, solver="liblinear"))
    add("logreg_liblinear_multi", lambda: logistic(words, solver="liblinear"), until=(1, 7))
    add("logreg_ovr", lambda: logistic(multi, multi_class="ovr"), until=(1, 7))
    add("logreg_ovr_binary", lambda: logistic(two, multi_class="ovr"), full=True, until=(1, 7))
    add("logreg_multinomial", lambda: logistic(words, multi_class="multinomial"), until=(1, 7))
    add("logreg_multinomial_binary", lambda: logistic(two, multi_class="multinomial"), until=(1, 7))
    add("logreg_multinomial_binary_strings", lambda: logistic(tumours, multi_class="multinomial"), full=True, until=(1, 7))
    add("logreg_auto_liblinear", lambda: logistic(multi, multi_class="auto", solver="liblinear"), full=True, until=(1, 7))


def other_linear_classifiers():
    multi, two = scaled(IRIS), scaled(CANCER)
    words, flags = (multi[0], FLOWERS), (two[0], two[1].astype(bool))
    log = "log_loss" if VERSION >= (1, 1) else "log"
    add("ridgeclf_binary", lambda: fitted(RidgeClassifier(), two))
    add("ridgeclf_multi", lambda: fitted(RidgeClassifier(alpha=2.0), words))
    add("ridgeclf_bools", lambda: fitted(RidgeClassifier(), flags), full=True)

    def sgd(data, **params):
        return fitted(SGDClassifier(random_state=0, max_iter=100, **params), data)
    add("sgd_log_binary", lambda: sgd(two, loss=log))
    add("sgd_log_multi", lambda: sgd(words, loss=log))
    add("sgd_log_old_name", lambda: sgd(multi, loss="log"), full=True, since=(1, 1), until=(1, 2))
    add("sgd_hinge_binary", lambda: sgd(two))
    add("sgd_hinge_multi", lambda: sgd(words))
    add("sgd_modhuber_binary", lambda: sgd(flags, loss="modified_huber"))
    add("sgd_modhuber_multi", lambda: sgd(multi, loss="modified_huber"))
    add("sgd_squared_hinge", lambda: sgd(multi, loss="squared_hinge"), full=True)
    add("sgd_perceptron_loss", lambda: sgd(two, loss="perceptron", penalty="l1"), full=True)
    add("sgd_averaged", lambda: sgd(multi, loss=log, average=True), full=True)


# ---------------------------------------------------------------------------------------------- trees

def grown(model, data):
    X, y = data
    model.fit(X, y)
    return Case(model, at_thresholds(model, X))


def grown_with_gaps(model, data, columns=None):
    X = with_gaps(data[0], columns=columns)
    model.fit(X, data[1])
    asked = ask(X[~np.isnan(X).any(axis=1)], rows=10)
    asked[:8][np.random.RandomState(5).rand(8, X.shape[1]) < 0.35] = np.nan
    asked[8] = np.nan
    return Case(model, asked)


def trees():
    words, flags = (IRIS[0], FLOWERS), (CANCER[0], CANCER[1].astype(bool))
    some = several_targets()
    add("dtree_multi", lambda: grown(DecisionTreeClassifier(random_state=0), WINE))
    add("dtree_strings", lambda: grown(DecisionTreeClassifier(max_depth=3, random_state=0), words))
    add("dtree_bools", lambda: grown(DecisionTreeClassifier(max_depth=4, random_state=0), flags), full=True)
    add("dtree_entropy_weighted", lambda: grown(DecisionTreeClassifier(
        criterion="entropy", class_weight={0: 1, 1: 3.5, 2: 0.2}, max_depth=3, random_state=0), IRIS), full=True)
    add("dtree_leaf_limit", lambda: grown(DecisionTreeClassifier(max_leaf_nodes=9, random_state=0), CANCER), full=True)
    add("dtree_stump", lambda: grown(DecisionTreeClassifier(max_depth=1, random_state=0), IRIS), full=True)
    add("dtree_single_leaf", lambda: fitted(DecisionTreeClassifier(min_samples_split=10000), IRIS), full=True)
    add("dtree_one_class", lambda: fitted(DecisionTreeClassifier(), (IRIS[0], np.full(150, 3))), full=True)
    add("dtree_reg", lambda: grown(DecisionTreeRegressor(max_depth=5, random_state=0), DIABETES))
    add("dtree_reg_multi", lambda: grown(DecisionTreeRegressor(max_depth=4, random_state=0), some))
    add("dtree_reg_column_target", lambda: grown(
        DecisionTreeRegressor(max_depth=3, random_state=0), (DIABETES[0], DIABETES[1][:, None])), full=True)
    add("dtree_nan", lambda: grown_with_gaps(DecisionTreeClassifier(max_depth=5, random_state=0), CANCER), since=(1, 3))
    add("dtree_nan_two_columns", lambda: grown_with_gaps(
        DecisionTreeClassifier(max_depth=5, random_state=0), CANCER, [0, 4]), full=True, since=(1, 3))
    add("dtree_nan_only_asked", lambda: grown_with_gaps(
        DecisionTreeClassifier(max_depth=4, random_state=0), WINE, []), full=True, since=(1, 3))
    add("dtree_reg_nan", lambda: grown_with_gaps(DecisionTreeRegressor(max_depth=5, random_state=0), DIABETES), since=(1, 3))
    add("extratree", lambda: grown(ExtraTreeClassifier(max_depth=5, random_state=0), words))
    add("extratree_reg", lambda: grown(ExtraTreeRegressor(max_depth=5, random_state=0), DIABETES), full=True)
    add("extratree_nan", lambda: grown_with_gaps(ExtraTreeClassifier(max_depth=5, random_state=0), CANCER), full=True,
        since=(1, 6))


def forests():
    words, flags = (IRIS[0], FLOWERS), (CANCER[0], CANCER[1].astype(bool))
    gaps = (WINE[0], np.array([-1, 4, 70])[WINE[1]])
    some, small = several_targets(), dict(n_estimators=10, max_depth=3, random_state=0)
    add("forest_binary", lambda: grown(RandomForestClassifier(**small), CANCER))
    add("forest_multi", lambda: grown(RandomForestClassifier(n_estimators=8, random_state=0), WINE))
    add("forest_strings", lambda: grown(RandomForestClassifier(**small), words))
    add("forest_bools", lambda: grown(RandomForestClassifier(**small), flags), full=True)
    add("forest_int_gaps", lambda: grown(RandomForestClassifier(**small), gaps), full=True)
    add("forest_oob_weighted", lambda: grown(RandomForestClassifier(
        n_estimators=20, max_depth=2, oob_score=True, class_weight="balanced", random_state=0), IRIS), full=True)
    add("forest_no_bootstrap", lambda: grown(RandomForestClassifier(bootstrap=False, **small), IRIS), full=True)
    add("forest_reg", lambda: grown(RandomForestRegressor(**small), DIABETES))
    add("forest_reg_multi", lambda: grown(RandomForestRegressor(
        n_estimators=10, max_depth=3, random_state=0), some), full=True)
    add("forest_nan", lambda: grown_with_gaps(RandomForestClassifier(**small), CANCER), since=(1, 4))
    add("forest_reg_nan", lambda: grown_with_gaps(RandomForestRegressor(**small), DIABETES), full=True, since=(1, 4))
    add("extratrees", lambda: grown(ExtraTreesClassifier(**small), words))
    add("extratrees_binary", lambda: grown(ExtraTreesClassifier(**small), CANCER), full=True)
    add("extratrees_reg", lambda: grown(ExtraTreesRegressor(**small), DIABETES), full=True)
    add("extratrees_reg_multi", lambda: grown(ExtraTreesRegressor(
        n_estimators=10, max_depth=3, random_state=0), some), full=True)
    add("extratrees_nan", lambda: grown_with_gaps(ExtraTreesClassifier(**small), CANCER), since=(1, 6))
    add("extratrees_reg_nan", lambda: grown_with_gaps(ExtraTreesRegressor(**small), DIABETES), full=True, since=(1, 6))

    def table():
        columns = ["pclass", "siblings"]
        return Case(RandomForestClassifier(**small).fit(TABLE[columns], SURVIVED), ask_table(columns))
    add("forest_table", table, full=True)


def boosted():
    words, flags = (IRIS[0], FLOWERS), (CANCER[0], CANCER[1].astype(bool))
    tumours = (CANCER[0], TUMOURS)

    def clf(data, **params):
        params = dict(dict(n_estimators=8, max_depth=2, random_state=0), **params)
        return grown(GradientBoostingClassifier(**params), data)

    def reg(data=DIABETES, **params):
        params = dict(dict(n_estimators=8, max_depth=2, random_state=0), **params)
        return grown(GradientBoostingRegressor(**params), data)
    absolute = "absolute_error" if VERSION >= (1, 0) else "lad"
    add("gboost_binary", lambda: clf(CANCER))
    add("gboost_multi", lambda: clf(words, n_estimators=4))
    add("gboost_bools", lambda: clf(flags), full=True)
    add("gboost_exponential", lambda: clf(tumours, loss="exponential"))
    add("gboost_init_zero", lambda: clf(CANCER, init="zero"), full=True)
    add("gboost_init_zero_multi", lambda: clf(words, n_estimators=3, init="zero"), full=True)
    add("gboost_init_zero_exponential", lambda: clf(CANCER, init="zero", loss="exponential"), full=True)
    add("gboost_init_forest", lambda: clf(CANCER, init=DecisionTreeClassifier(max_depth=2, random_state=0)), full=True)
    add("gboost_init_logreg_multi", lambda: clf(
        scaled(IRIS), n_estimators=3, init=LogisticRegression(C=0.01, max_iter=500)), full=True)
    add("gboost_early_stop", lambda: clf(WINE, n_estimators=12, max_depth=1, n_iter_no_change=3, subsample=0.7), full=True)
    add("gboost_reg", lambda: reg())
    add("gboost_reg_huber", lambda: reg(loss="huber"))
    add("gboost_reg_quantile", lambda: reg(loss="quantile", alpha=0.8), full=True)
    add("gboost_reg_absolute", lambda: reg(loss=absolute), full=True)
    add("gboost_reg_init_zero", lambda: reg(init="zero"), full=True)
    add("gboost_reg_init_linear", lambda: reg(init=LinearRegression()), full=True)
    add("gboost_reg_slow", lambda: reg(learning_rate=0.01, subsample=0.5, max_features=2), full=True)


# ---------------------------------------------------------------------------------------------- transformers

def scalers():
    gaps = with_gaps(WINE[0])
    flat = np.column_stack([IRIS[0], np.full(150, 2.5), np.zeros(150)])

    def scale(scaler, X=WINE[0]):
        scaler.fit(X)
        asked = ask(X[~np.isnan(X).any(axis=1)], rows=8)
        if np.isnan(X).any():
            asked[0, 0] = asked[3, 2] = np.nan
        return Case(scaler, asked)
    add("standard", lambda: scale(StandardScaler()))
    add("standard_no_mean", lambda: scale(StandardScaler(with_mean=False)))
    add("standard_no_std", lambda: scale(StandardScaler(with_std=False)))
    add("standard_neither", lambda: scale(StandardScaler(with_mean=False, with_std=False)), full=True)
    add("standard_nan", lambda: scale(StandardScaler(), gaps), full=True)
    add("standard_flat_columns", lambda: scale(StandardScaler(), flat), full=True)
    add("standard_table", lambda: Case(
        StandardScaler().fit(TABLE[["age", "fare"]]), ask_table(["age", "fare"])), full=True)
    add("minmax", lambda: scale(MinMaxScaler()))
    add("minmax_range", lambda: scale(MinMaxScaler(feature_range=(-2, 5))))
    add("minmax_clip", lambda: scale(MinMaxScaler(feature_range=(0, 3), clip=True)), since=(0, 24))
    add("minmax_clip_nan", lambda: scale(MinMaxScaler(clip=True), gaps), full=True, since=(0, 24))
    add("minmax_flat_columns", lambda: scale(MinMaxScaler(), flat), full=True)
    add("robust", lambda: scale(RobustScaler()))
    add("robust_no_center", lambda: scale(RobustScaler(with_centering=False)))
    add("robust_no_scale", lambda: scale(RobustScaler(with_scaling=False)), full=True)
    add("robust_neither", lambda: scale(RobustScaler(with_scaling=False, with_centering=False)), full=True)
    add("robust_quantiles_nan", lambda: scale(RobustScaler(quantile_range=(10, 70)), gaps), full=True)
    add("robust_unit_variance", lambda: scale(RobustScaler(unit_variance=True)), full=True, since=(0, 24))


def objects(rows):
    out = np.empty((len(rows), len(rows[0])), dtype=object)
    for i, row in enumerate(rows):
        out[i] = row
    return out


def imputers():
    gaps = with_gaps(np.round(WINE[0][:, :5]), share=0.2)
    asked = gaps[10:20].copy()
    asked[4] = np.nan
    asked[5] *= 1e6
    some = with_gaps(WINE[0][:, :5], columns=[1, 3], share=0.2)
    empty = gaps.copy()
    empty[:, 2] = np.nan
    minus = np.where(np.isnan(gaps), -1, gaps).astype(int)
    nan = np.nan
    words = objects([["a", "x"], ["b", "y"], ["b", nan], [nan, "x"], ["c", "x"], ["b", u"\u00fc"]])
    asked_words = objects([["a", nan], [nan, "y"], [nan, nan], ["new", "x"], ["", u"\u00fc"]])

    def impute(X=gaps, ask_for=asked, null=np.nan, **params):
        return Case(SimpleImputer(**params).fit(X), ask_for, null=null)
    add("impute_mean", lambda: impute())
    add("impute_median", lambda: impute(strategy="median"))
    add("impute_most_frequent", lambda: impute(strategy="most_frequent"))
    add("impute_constant", lambda: impute(strategy="constant", fill_value=-7.5))
    add("impute_constant_default", lambda: impute(strategy="constant"), full=True)
    add("impute_strings_most_frequent", lambda: impute(words, asked_words, strategy="most_frequent"))
    add("impute_strings_constant", lambda: impute(words, asked_words, strategy="constant", fill_value="gap"))
    add("impute_strings_constant_default", lambda: impute(words, asked_words, strategy="constant"), full=True)
    add("impute_strings_none", lambda: impute(
        objects([["a", "x"], ["b", None], ["b", "y"], [None, "y"]]), objects([[None, "x"], ["q", None], ["a", "y"]]),
        null=None, strategy="most_frequent", missing_values=None), full=True)
    add("impute_strings_mark", lambda: impute(
        objects([["a", "?"], ["b", "y"], ["b", "y"], ["?", "x"]]), objects([["?", "x"], ["q", "?"], ["a", "y"]]),
        strategy="most_frequent", missing_values="?"), full=True)
    add("impute_indicator", lambda: impute(strategy="median", add_indicator=True))
    add("impute_indicator_some", lambda: impute(some, asked, add_indicator=True), full=True)
    add("impute_indicator_none_seen", lambda: impute(WINE[0][:, :5], asked, add_indicator=True), full=True)
    add("impute_indicator_strings", lambda: impute(
        words, asked_words, strategy="most_frequent", add_indicator=True), full=True)
    add("impute_empty_column", lambda: impute(empty))
    add("impute_empty_column_indicator", lambda: impute(empty, strategy="median", add_indicator=True), full=True)
    add("impute_empty_column_constant", lambda: impute(empty, strategy="constant", fill_value=3), full=True)
    add("impute_empty_column_kept", lambda: impute(empty, keep_empty_features=True), full=True, since=(1, 2))
    add("impute_minus_one", lambda: impute(minus, minus[10:20], missing_values=-1))
    add("impute_minus_one_indicator", lambda: impute(
        minus, minus[10:20], missing_values=-1, strategy="most_frequent", add_indicator=True), full=True)
    add("impute_zero", lambda: impute(minus + 1, (minus + 1)[10:20], missing_values=0), full=True)
    add("impute_table", lambda: Case(
        SimpleImputer().fit(TABLE[["age", "fare"]]), ask_table(["age", "fare"])), full=True)
    add("impute_table_strings", lambda: Case(
        SimpleImputer(strategy="most_frequent").fit(TABLE[["port", "deck"]]), ask_table(["port", "deck"])))


def dense(**params):
    params["sparse_output" if VERSION >= (1, 2) else "sparse"] = False
    return OneHotEncoder(**params)


def one_hot():
    nan = np.nan
    words = objects([["a", "x"], ["b", "y"], ["b", "x"], [u"\u00e9", "z"], ["a", "x"], ["B", ""]] * 3 + [["rare", "x"]])
    known = objects([["b", ""], [u"\u00e9", "z"], ["rare", "y"], ["a", "x"]])
    strange = objects([["b", "new"], ["A", "z"], ["a ", "y"], ["", ""]] + ([[nan, "x"]] if VERSION >= (0, 24) else []))
    two = objects([["m", "x"], ["f", "y"], ["f", "z"], ["m", "z"]])
    ints = np.array([[1, 100], [2, -5], [3, 100], [1, 7000000000], [2, -5]])
    floats = np.array([[1.0, 0.5], [2.5, nan], [nan, 0.5], [1.0, 1e300], [2.5, 0.1]])
    ordered = [["z", "y", "x"], [3, 1, 2]]
    mixed = objects([["x", 1], ["y", 2], ["z", 3], ["x", 2]])
    table = TABLE[["sex", "pclass", "title"]]

    def encode(encoder, X=words, asked=known, null=np.nan):
        return Case(encoder.fit(X), asked, null=null)
    add("onehot_strings", lambda: encode(OneHotEncoder()))
    add("onehot_ignore", lambda: encode(OneHotEncoder(handle_unknown="ignore"), asked=np.vstack([known, strange])))
    add("onehot_dense", lambda: encode(dense(handle_unknown="ignore"), asked=np.vstack([known, strange])), full=True)
    add("onehot_ints", lambda: encode(
        OneHotEncoder(handle_unknown="ignore"), ints, np.array([[3, -5], [4, 100], [1, 7000000000], [2, 0]])))
    add("onehot_int_output", lambda: encode(OneHotEncoder(dtype=np.int32), ints, ints[:3]), full=True)
    add("onehot_floats", lambda: encode(OneHotEncoder(handle_unknown="ignore"), np.array([[0.1], [0.30000000000000004], [2e10]]),
        np.array([[0.1], [0.3], [0.30000000000000004], [2e10], [-1e9]])), full=True)
    add("onehot_float_nan", lambda: encode(OneHotEncoder(), floats, floats[::-1].copy()), since=(0, 24))
    add("onehot_float_nan_ignore", lambda: encode(OneHotEncoder(handle_unknown="ignore"), floats,
        np.array([[nan, nan], [1.0, 0.1], [7.0, 1e300]])), full=True, since=(0, 24))
    add("onehot_none", lambda: encode(OneHotEncoder(), objects([["a", None], [None, "x"], ["b", "x"]]),
        objects([[None, None], ["b", "x"], ["a", None]]), null=None), since=(0, 24))
    add("onehot_string_nan", lambda: encode(OneHotEncoder(handle_unknown="ignore"), objects([["a"], [nan], ["b"]]),
        objects([[nan], ["b"], ["c"], ["a"]])), full=True, since=(0, 24))
    add("onehot_drop_first", lambda: encode(OneHotEncoder(drop="first")))
    add("onehot_drop_if_binary", lambda: encode(OneHotEncoder(drop="if_binary"), two, two), since=(0, 23))
    add("onehot_drop_list", lambda: encode(OneHotEncoder(drop=["b", "z"])), full=True)
    add("onehot_drop_first_ignore", lambda: encode(OneHotEncoder(drop="first", handle_unknown="ignore"),
        asked=np.vstack([known, strange[:4]])), full=True, since=(1, 0))
    add("onehot_given", lambda: encode(OneHotEncoder(categories=[["z", "x", "y"], [3, 1, 2]]), mixed, mixed[::-1].copy()), full=True)
    add("onehot_given_unused", lambda: encode(OneHotEncoder(categories=[np.array([1, 2, 9]), np.array([-5, 100, 7000000000])],
        handle_unknown="ignore"), np.array([[1, 100], [2, -5]]), np.array([[9, 7000000000], [3, -5]])), full=True)
    add("onehot_min_frequency", lambda: encode(OneHotEncoder(min_frequency=4, handle_unknown="infrequent_if_exist"),
        asked=np.vstack([known, strange[:4]])), since=(1, 1))
    add("onehot_min_frequency_share", lambda: encode(OneHotEncoder(min_frequency=0.3, handle_unknown="ignore"),
        asked=np.vstack([known, strange[:4]])), full=True, since=(1, 1))
    add("onehot_max_categories", lambda: encode(OneHotEncoder(max_categories=3, handle_unknown="infrequent_if_exist"),
        asked=np.vstack([known, strange[:4]])), full=True, since=(1, 1))
    add("onehot_infrequent_drop_first", lambda: encode(OneHotEncoder(min_frequency=4, drop="first"), asked=known),
        full=True, since=(1, 1))
    add("onehot_infrequent_ints", lambda: encode(OneHotEncoder(min_frequency=2, handle_unknown="infrequent_if_exist"), ints,
        np.array([[3, -5], [4, 100], [1, 7000000000], [2, 0]])), full=True, since=(1, 1))
    add("onehot_infrequent_none_exist", lambda: encode(OneHotEncoder(min_frequency=1, handle_unknown="infrequent_if_exist"),
        asked=np.vstack([known, strange[:4]])), full=True, since=(1, 1))
    add("onehot_warn", lambda: encode(OneHotEncoder(min_frequency=4, handle_unknown="warn"),
        asked=np.vstack([known, strange[:4]])), full=True, since=(1, 6))
    add("onehot_table", lambda: Case(OneHotEncoder(handle_unknown="ignore").fit(table),
                                     ask_table(["sex", "pclass", "title"])))
    add("onehot_bool_column", lambda: Case(
        OneHotEncoder().fit(TABLE[["pclass"]].assign(alone=TABLE["siblings"] == 0)),
        ask_table(["pclass", "siblings"]).assign(alone=lambda t: t["siblings"] == 0)[["pclass", "alone"]]), full=True)


def ordinal():
    nan = np.nan
    words = objects([["low", "x"], ["mid", "y"], ["high", "x"], ["mid", u"\u00df"]] * 3 + [["odd", "x"]])
    known = objects([["high", u"\u00df"], ["low", "y"], ["mid", "x"]])
    strange = np.vstack([known, objects([["", "x"], ["LOW", "q"]])])
    gaps = objects([["low", nan], [nan, "y"], ["high", "x"]])
    floats = np.array([[1.0, 5.0], [2.0, nan], [nan, 7.0]])
    unknown = dict(handle_unknown="use_encoded_value")

    def encode(X=words, asked=known, null=np.nan, **params):
        return Case(OrdinalEncoder(**params).fit(X), asked, null=null)
    add("ordinal_strings", lambda: encode())
    add("ordinal_given", lambda: encode(categories=[["low", "mid", "high", "odd"], ["y", "x", u"\u00df"]]), full=True)
    add("ordinal_ints", lambda: encode(np.array([[3], [-2], [40]]), np.array([[40], [3], [-2]])), full=True)
    add("ordinal_int_output", lambda: encode(dtype=np.int64), full=True)
    add("ordinal_unknown", lambda: encode(asked=strange, unknown_value=-1, **unknown), since=(0, 24))
    add("ordinal_unknown_nan", lambda: encode(asked=strange, unknown_value=nan, **unknown), full=True, since=(0, 24))
    add("ordinal_nan", lambda: encode(gaps, gaps[::-1].copy()), since=(1, 0))
    add("ordinal_float_nan", lambda: encode(floats, np.array([[nan, nan], [2.0, 7.0], [9.0, 5.0]]), unknown_value=-1,
                                            **unknown), full=True, since=(1, 0))
    add("ordinal_none", lambda: encode(objects([["a", None], [None, "x"]]), objects([[None, None], ["a", "x"]]), null=None),
        full=True, since=(1, 0))
    add("ordinal_encoded_missing", lambda: encode(gaps, np.vstack([gaps, objects([["new", nan]])]), unknown_value=-1,
                                                  encoded_missing_value=-2, **unknown), since=(1, 1))
    add("ordinal_min_frequency", lambda: encode(asked=strange, min_frequency=3, unknown_value=99, **unknown), full=True,
        since=(1, 3))
    add("ordinal_max_categories", lambda: encode(max_categories=2), full=True, since=(1, 3))
    add("ordinal_table", lambda: Case(OrdinalEncoder().fit(TABLE[["pclass", "sex"]]),
                                      ask_table(["pclass", "sex"], unknown=False)), full=True)


def columns():
    table = TABLE[["pclass", "sex", "age", "siblings", "fare", "port"]]
    asked = ask_table(list(table.columns))
    every = list(table.columns)
    tidy = ask_table(every, unknown=False, gaps=False)
    full_table = table.copy()
    for name in every:
        full_table[name] = full_table[name].where(full_table[name].notna(), TABLE[name].dropna().iloc[0])
    hot = lambda: OneHotEncoder(handle_unknown="ignore")
    fill = lambda **p: SimpleImputer(strategy="most_frequent", **p)
    X, Xask = WINE[0], ask(WINE[0], rows=8)

    def split(entries, data=table, ask_for=asked, **params):
        return Case(ColumnTransformer(entries, **params).fit(data), ask_for)
    add("columns_names", lambda: split([("hot", hot(), ["sex"]), ("num", SimpleImputer(), ["fare", "age"])]))
    add("columns_numbers", lambda: split([("a", StandardScaler(), [5, 0]), ("b", MinMaxScaler(), [2])], X, Xask))
    add("columns_negative", lambda: split([("a", StandardScaler(), [-1, 0]), ("b", MinMaxScaler(), [-3])], X, Xask), full=True)
    add("columns_slice", lambda: split(
        [("a", StandardScaler(), slice(0, 3)), ("b", "passthrough", slice(5, None))], X, Xask))
    add("columns_slice_names", lambda: split(
        [("a", SimpleImputer(), slice("age", "fare")), ("b", hot(), slice("pclass", "sex"))]), full=True)
    add("columns_mask", lambda: split([("a", RobustScaler(), np.array([True, False] * 3 + [True])),
                                       ("b", MinMaxScaler(), [False, True] + [False] * 5)], X, Xask))
    add("columns_selector", lambda: split([("num", SimpleImputer(), make_column_selector(dtype_include=np.number)),
                                           ("str", hot(), make_column_selector(dtype_exclude=np.number))],
                                          full_table, tidy))
    add("columns_selector_pattern", lambda: split(
        [("f", SimpleImputer(), make_column_selector(pattern="^(fare|age)$"))]), full=True)
    add("columns_remainder_pass", lambda: split(
        [("hot", hot(), ["port", "sex"])], full_table, tidy, remainder="passthrough"))
    add("columns_remainder_pass_numbers", lambda: split(
        [("a", StandardScaler(), [4, 1])], X, Xask, remainder="passthrough"), full=True)
    add("columns_remainder_pass_mask", lambda: split(
        [("a", StandardScaler(), np.array([False, True, False, True, False, False, False]))], X, Xask,
        remainder="passthrough"), full=True)
    add("columns_remainder_estimator", lambda: split(
        [("hot", hot(), ["sex", "port"])], full_table, tidy, remainder=StandardScaler()))
    add("columns_pass_and_drop", lambda: split(
        [("keep", "passthrough", ["siblings", "pclass"]), ("hot", hot(), ["sex"]), ("gone", "drop", ["age"])],
        full_table, tidy, remainder="drop"))
    add("columns_scalar_drop", lambda: split(
        [("gone", "drop", "sex"), ("gone_too", "drop", "port"), ("num", SimpleImputer(), ["age"])],
        remainder="passthrough"), full=True)
    add("columns_empty_list", lambda: split(
        [("none", StandardScaler(), []), ("num", SimpleImputer(), ["age", "fare"])]), full=True)
    add("columns_twice", lambda: split(
        [("a", StandardScaler(), ["pclass", "siblings"]), ("b", MinMaxScaler(), ["siblings"])]), full=True)
    add("columns_weights", lambda: split(
        [("a", StandardScaler(), [0, 1]), ("b", MinMaxScaler(), [2, 3])], X, Xask,
        transformer_weights={"a": 0.5, "b": -3.0}), full=True)
    add("columns_nested", lambda: split(
        [("inner", ColumnTransformer([("i", SimpleImputer(), ["age"]), ("h", hot(), ["sex"])]), ["sex", "age", "pclass"]),
         ("fare", SimpleImputer(strategy="median"), ["fare"])]), full=True)
    add("columns_pipeline_inside", lambda: split(
        [("n", make_pipeline(SimpleImputer(), StandardScaler()), ["fare", "age"]),
         ("s", make_pipeline(fill(), hot()), ["port", "sex"])]))
    add("columns_objects", lambda: split(
        [("n", make_pipeline(SimpleImputer(), StandardScaler()), [2, 4]), ("s", hot(), [1])],
        table.to_numpy(dtype=object), asked.to_numpy(dtype=object)), full=True)
    add("columns_pandas_output", lambda: Case(ColumnTransformer(
        [("n", SimpleImputer(), ["fare", "age"]), ("h", dense(handle_unknown="ignore"), ["sex"])],
        remainder="drop").set_output(transform="pandas").fit(table), asked), full=True, since=(1, 2))
    add("columns_plain_names", lambda: Case(ColumnTransformer(
        [("n", SimpleImputer(), ["fare", "age"]), ("p", "passthrough", ["pclass"])],
        verbose_feature_names_out=False).fit(table), asked), full=True, since=(1, 0))


def identity():
    add("function_identity", lambda: Case(FunctionTransformer().fit(IRIS[0]), ask(IRIS[0])))
    add("function_identity_validate", lambda: Case(FunctionTransformer(validate=True).fit(IRIS[0]), ask(IRIS[0])), full=True)
    add("function_identity_table", lambda: Case(
        FunctionTransformer().fit(TABLE[["age", "sex"]]), ask_table(["age", "sex"])), full=True)


# ---------------------------------------------------------------------------------------------- pipelines

def preprocess(encoder=None, numeric=NUMERIC, strings=STRINGS, remainder="drop"):
    encoder = encoder or OneHotEncoder(handle_unknown="ignore")
    return ColumnTransformer([
        ("num", Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())]), numeric),
        ("cat", Pipeline([("impute", SimpleImputer(strategy="most_frequent")), ("encode", encoder)]), strings),
    ], remainder=remainder)


def tables():
    used = ["pclass"] + NUMERIC + STRINGS
    words = np.array(["lost", "saved"])[SURVIVED]

    def on_table(model, y=SURVIVED, encoder=None, columns=used, unknown=True, **params):
        pipe = Pipeline([("prep", preprocess(encoder, **params)), ("model", model)])
        return Case(pipe.fit(TABLE[columns], y), ask_table(columns, unknown=unknown))
    small = dict(n_estimators=10, max_depth=3, random_state=0)
    add("titanic_logreg", lambda: on_table(LogisticRegression(max_iter=500)))
    add("titanic_forest", lambda: on_table(RandomForestClassifier(**small)))
    add("titanic_strings_bools", lambda: on_table(
        LogisticRegression(max_iter=500), SURVIVED.astype(bool), strings=["sex", "title"], columns=list(TABLE.columns)),
        full=True)
    add("titanic_gboost", lambda: on_table(
        GradientBoostingClassifier(n_estimators=15, max_depth=2, random_state=0), words), full=True)
    add("titanic_drop_first", lambda: on_table(
        LogisticRegression(max_iter=500), words, OneHotEncoder(drop="first"), unknown=False), full=True)
    add("titanic_infrequent", lambda: on_table(
        LogisticRegression(max_iter=500), words, OneHotEncoder(min_frequency=40, handle_unknown="infrequent_if_exist"),
        strings=STRINGS + ["title"], columns=used + ["title"]), since=(1, 1))
    add("titanic_ordinal_forest", lambda: on_table(
        ExtraTreesClassifier(**small), words,
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)), since=(0, 24))
    add("titanic_remainder", lambda: on_table(RidgeClassifier(), remainder="passthrough"), full=True)
    add("titanic_sgd", lambda: on_table(SGDClassifier(random_state=0, loss="modified_huber"), words), full=True)
    add("titanic_dtree_unused_columns", lambda: on_table(
        DecisionTreeClassifier(max_depth=5, random_state=0), columns=list(TABLE.columns)))
    add("titanic_fare", lambda: Case(
        Pipeline([("prep", preprocess(numeric=["age"], strings=["sex", "deck"])), ("model", Ridge())]).fit(
            TABLE[["age", "sex", "deck"]], TABLE["fare"].fillna(10.0)), ask_table(["age", "sex", "deck"])))
    add("titanic_selectors", lambda: Case(
        Pipeline([("prep", ColumnTransformer([
            ("num", SimpleImputer(add_indicator=True), make_column_selector(dtype_include=np.number)),
            ("cat", OneHotEncoder(handle_unknown="ignore"), ["sex"])])),
            ("model", RandomForestClassifier(**small))]).fit(TABLE[["sex", "age", "fare", "pclass"]], words),
        ask_table(["sex", "age", "fare", "pclass"])), full=True)
    add("titanic_rows", lambda: Case(
        Pipeline([("prep", preprocess(numeric=[1, 2], strings=[0, 3])), ("model", LogisticRegression(max_iter=500))]).fit(
            TABLE[["sex", "age", "fare", "port"]].to_numpy(dtype=object), words),
        ask_table(["sex", "age", "fare", "port"]).to_numpy(dtype=object)))


def pipelines():
    gaps = with_gaps(WINE[0])
    asked = ask(WINE[0], rows=8)
    asked[1, 2] = asked[2, 0] = np.nan
    add("iris_pipeline", lambda: Case(
        Pipeline([("scale", StandardScaler()), ("model", LogisticRegression(max_iter=200))]).fit(*IRIS), ask(IRIS[0]),
        container="pickle"))
    add("pipe_passthrough", lambda: Case(Pipeline(
        [("a", "passthrough"), ("b", StandardScaler()), ("c", Ridge())]).fit(*DIABETES), ask(DIABETES[0])))
    add("pipe_none", lambda: Case(Pipeline(
        [("a", MinMaxScaler()), ("b", None), ("c", Lasso(alpha=0.1))]).fit(*DIABETES), ask(DIABETES[0])), full=True)
    add("pipe_last_passthrough", lambda: Case(Pipeline(
        [("a", MinMaxScaler()), ("b", "passthrough")]).fit(*DIABETES), ask(DIABETES[0])), full=True)
    add("pipe_impute_scale_ridge", lambda: Case(
        make_pipeline(SimpleImputer(add_indicator=True), RobustScaler(), RidgeClassifier()).fit(gaps, WINE[1]), asked))
    add("pipe_transform", lambda: Case(
        make_pipeline(SimpleImputer(strategy="median"), MinMaxScaler(), StandardScaler()).fit(gaps), asked))
    add("pipe_in_pipe", lambda: Case(make_pipeline(
        make_pipeline(SimpleImputer(), make_pipeline(StandardScaler(), FunctionTransformer())),
        ElasticNet(alpha=0.01)).fit(gaps, WINE[1].astype(float)), asked), full=True)
    add("pipe_scale_tree", lambda: Case(make_pipeline(
        StandardScaler(), ExtraTreesRegressor(n_estimators=10, max_depth=3, random_state=0)).fit(*DIABETES), ask(DIABETES[0])))
    add("pipe_gboost", lambda: Case(make_pipeline(
        MinMaxScaler(), GradientBoostingClassifier(n_estimators=5, max_depth=2, random_state=0)).fit(
            IRIS[0], FLOWERS), ask(IRIS[0])), full=True)
    add("pipe_columns_twice", lambda: Case(make_pipeline(
        ColumnTransformer([("a", SimpleImputer(), [0, 1, 2])], remainder="passthrough"),
        SimpleImputer(strategy="constant", fill_value=0.5),
        ColumnTransformer([("b", StandardScaler(), slice(2, 6))], remainder="drop"),
        SGDRegressor(random_state=0)).fit(gaps, WINE[1].astype(float)), asked), full=True)


def containers():
    """The same kind of model in every wrapping: only the bytes around it differ."""
    words = ["pickle:%d" % protocol for protocol in range(min(5, pickle.HIGHEST_PROTOCOL) + 1)]
    words += ["joblib", "joblib:zlib", "joblib:gzip", "joblib:bz2", "joblib:xz", "joblib:lzma", "joblib:lz4",
              "joblib:protocol2", "cloudpickle"]

    def forest(container):
        X, y = IRIS
        model = Pipeline([("scale", StandardScaler()),
                          ("model", RandomForestClassifier(n_estimators=5, max_depth=3, random_state=0))]).fit(X, FLOWERS)
        return lambda: Case(model, ask(X, rows=8), container=container)

    def table(container):
        pipe = Pipeline([("prep", preprocess()), ("model", LogisticRegression(max_iter=500))])
        columns = ["pclass"] + NUMERIC + STRINGS
        return lambda: Case(pipe.fit(TABLE[columns], SURVIVED), ask_table(columns), container=container)

    for container in words:
        name = container.replace(":", "_").replace("pickle_", "pickle_p")
        if VERSION in CONTAINER_VERSIONS or container in ("joblib:zlib", "pickle:2"):
            add("container_" + name, forest(container))
        if VERSION in CONTAINER_VERSIONS and container not in ("pickle:1", "pickle:4", "joblib:bz2", "joblib:lzma"):
            add("container_" + name + "_table", table(container))


# ---------------------------------------------------------------------------------------------- main

FAMILIES = (linear_regressors, logistic_regressions, other_linear_classifiers, trees, forests, boosted, scalers, imputers, one_hot,
            ordinal, columns, identity, tables, pipelines, containers)


def main(version, root, families=FAMILIES, library="scikit-learn"):
    if not sklearn.__version__.startswith(version) and library == "scikit-learn":
        raise SystemExit("this is scikit-learn %s, not %s" % (sklearn.__version__, version))
    for family in families:
        family()
    if os.path.isdir(root):
        shutil.rmtree(root)
    os.makedirs(root)
    made, failed = [], []
    for name, build in CASES:
        try:
            made.append(write_case(name, build, root))
        except Exception:
            failed.append(name)
            shutil.rmtree(os.path.join(root, name), ignore_errors=True)
            sys.stderr.write("%s %s\n%s\n" % (sklearn.__version__, name, traceback.format_exc(limit=-3)))
    about = {"library": library, "version": version if library != "scikit-learn" else sklearn.__version__,
             "python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__, "pandas": pd.__version__,
             "joblib": joblib.__version__, "cases": made}
    with io.open(os.path.join(root, "cases.json"), "w", encoding="utf-8") as out:
        out.write(json.dumps(about, indent=1) + "\n")
    print("%s %s: %d cases, %d failed %s" % (library, version, len(made), len(failed), " ".join(failed)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
