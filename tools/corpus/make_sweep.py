"""Every estimator that all_estimators() names and that predicts, transforms or scores, with default parameters, the parameter sets of
scikit-learn's own checks, and data that no other script uses. scikit-learn 1.6 or newer. Not committed: run it, then

    SLIPWAY_PARITY_DIR=OUT build/release/parity_test --gtest_filter='*more_*'

    python make_sweep.py 1.9.1 OUT/sweep/1.9.1
"""
import sys

from sklearn.utils import all_estimators, get_tags
from sklearn.utils._test_common import instance_generator as instances

from make_sklearn import *  # noqa: F403

WITHOUT_ANSWER = "nothing to serve: it neither predicts, transforms nor scores new rows"


def with_arguments():
    from sklearn import (calibration, ensemble, feature_selection, frozen, linear_model, model_selection, multiclass, multioutput,
                         naive_bayes, preprocessing, semi_supervised, tree, decomposition)
    lr, ridge = linear_model.LogisticRegression(max_iter=500), linear_model.Ridge()
    nb, dt = naive_bayes.GaussianNB(), tree.DecisionTreeClassifier(max_depth=3, random_state=0)
    named = [("lr", lr), ("nb", nb), ("dt", dt)]
    regressors = [("ridge", ridge), ("dt", tree.DecisionTreeRegressor(max_depth=3, random_state=0))]
    return {
        "ClassifierChain": [dict(estimator=lr)], "RegressorChain": [dict(estimator=ridge)],
        "MultiOutputClassifier": [dict(estimator=lr), dict(estimator=dt)], "MultiOutputRegressor": [dict(estimator=ridge)],
        "OneVsOneClassifier": [dict(estimator=lr), dict(estimator=nb)], "OneVsRestClassifier": [dict(estimator=lr), dict(estimator=nb)],
        "OutputCodeClassifier": [dict(estimator=lr, random_state=0)],
        "VotingClassifier": [dict(estimators=named), dict(estimators=named, voting="soft", weights=[1, 2, 3])],
        "VotingRegressor": [dict(estimators=regressors), dict(estimators=regressors, weights=[1, 3])],
        "StackingClassifier": [dict(estimators=named), dict(estimators=named, passthrough=True)],
        "StackingRegressor": [dict(estimators=regressors), dict(estimators=regressors, passthrough=True)],
        "SelfTrainingClassifier": [dict(estimator=nb)],
        "FixedThresholdClassifier": [dict(estimator=lr, threshold=0.3)], "TunedThresholdClassifierCV": [dict(estimator=lr, cv=3)],
        "GridSearchCV": [dict(estimator=lr, param_grid={"C": [0.1, 1]}), dict(estimator=ridge, param_grid={"alpha": [0.1, 1]})],
        "RandomizedSearchCV": [dict(estimator=lr, param_distributions={"C": [0.1, 1]}, n_iter=2)],
        "HalvingGridSearchCV": [dict(estimator=ridge, param_grid={"alpha": [0.1, 1]})],
        "HalvingRandomSearchCV": [dict(estimator=ridge, param_distributions={"alpha": [0.1, 1]})],
        "RFE": [dict(estimator=lr), dict(estimator=ridge, n_features_to_select=2)], "RFECV": [dict(estimator=lr)],
        "SelectFromModel": [dict(estimator=lr), dict(estimator=ensemble.RandomForestClassifier(5, random_state=0), threshold="median")],
        "SequentialFeatureSelector": [dict(estimator=ridge)],
        "SparseCoder": [dict(dictionary=np.random.RandomState(0).randn(8, 5))],
        "FrozenEstimator": [dict(estimator=lr.fit(*PLAIN)), dict(estimator=preprocessing.StandardScaler().fit(PLAIN[0]))],
        "FeatureUnion": [dict(transformer_list=[("scale", preprocessing.StandardScaler()), ("pca", decomposition.PCA(2))])],
        "Pipeline": [dict(steps=[("scale", preprocessing.StandardScaler()), ("lr", lr)])],
        "ColumnTransformer": [dict(transformers=[("a", preprocessing.StandardScaler(), [0, 2]), ("b", preprocessing.MinMaxScaler(), [1])])],
        "LocalOutlierFactor": [dict(novelty=True)],
        "TransformedTargetRegressor": [dict(), dict(regressor=ridge, func=np.log1p, inverse_func=np.expm1)],
    }


def make_plain():
    rng = np.random.RandomState(20261125)
    X = np.round(rng.gamma(2.0, 1.5, size=(90, 5)) * [1, 10, 0.1, 3, 1] - [0, 3, 0, 2, 1], 4)
    score = X[:, 0] - 0.1 * X[:, 1] + 3 * X[:, 2] + 0.2 * rng.randn(90)
    return X, np.digitize(score, np.quantile(score, [0.4, 0.75]))


PLAIN = make_plain()


def data_for(model, name):
    """X and y as the estimator's tags ask for them."""
    tags = get_tags(model)
    X, y = PLAIN
    if tags.input_tags.positive_only or name in ("AdditiveChi2Sampler", "SkewedChi2Sampler", "LatentDirichletAllocation"):
        X = np.abs(X)
    if name in ("BernoulliRBM",):
        X = np.clip(X / X.max(axis=0), 0, 1)
    if name in ("CategoricalNB",):
        X = np.digitize(X, [0.5, 1.5, 4]).astype(float)
    kind = tags.estimator_type
    target = y
    if kind == "regressor":
        target = np.round(np.abs(X[:, 0] * 2 + X[:, 3]) + 0.5, 3)
    if tags.target_tags.positive_only:
        target = np.abs(target) + 1
    if kind == "classifier" and not tags.classifier_tags.multi_class or name in ("FixedThresholdClassifier", "TunedThresholdClassifierCV"):
        target = (y > 0).astype(int)
    if not tags.target_tags.single_output or name in ("MultiOutputRegressor", "RegressorChain", "CCA", "PLSCanonical", "PLSSVD"):
        target = np.column_stack([target, np.round(np.sqrt(np.abs(X[:, 1])), 3)])
    if name.startswith("MultiTask"):
        target = np.column_stack([X[:, 0] + X[:, 1], X[:, 2] - X[:, 3]])
    if name == "MultiOutputClassifier":
        target = np.column_stack([y, (X[:, 0] > 2).astype(int)])
    if name == "ClassifierChain":
        target = np.column_stack([(y > 0).astype(int), (X[:, 0] > 2).astype(int), (X[:, 1] > 8).astype(int)])
    if name == "IsotonicRegression":
        X = X[:, 0]
    return X, target


DOCUMENTS = ["The quick brown fox — naïve café!", "jumps over the lazy dog's back", "Ünïcödé İstanbul straße 123 a b cd", "",
             "fox fox dog; the THE The", "numbers 12.5 and under_scores", "日本語 テキスト and English"]


def special(name, model):
    rng = np.random.RandomState(7)
    if name in ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer"):
        return Case(model.fit(DOCUMENTS), DOCUMENTS + ["unseen words fox"])
    if name == "DictVectorizer":
        rows = [{"a": 1.5, "city": "Rome"}, {"a": 2.0, "b": 3.0}, {"city": "Oslo", "b": -1.0}]
        return Case(model.fit(rows), rows + [{"city": "Paris", "c": 4.0}])
    if name == "FeatureHasher":
        rows = [{"a": 1.5, "city": 2.0}, {"a": 2.0, "b": 3.0}, {"é": -1.0}]
        return Case(model.fit(rows), rows)
    if name in ("LabelEncoder", "LabelBinarizer"):
        return Case(model.fit(["b", "a", "c", "a"]), np.array([["a"], ["c"], ["b"]], dtype=object).ravel()) if False else None
    if name in ("OneHotEncoder", "OrdinalEncoder"):
        X = np.array([["a", "x"], ["b", "y"], ["a", "z"]], dtype=object)
        return Case(model.fit(X), X)
    if name == "TargetEncoder":
        X = np.array([["a", "b", "c"][i % 3] for i in range(90)], dtype=object)[:, None]
        return Case(model.fit(X, PLAIN[1] > 0), X[:9])
    if name in ("KernelCenterer",):
        K = PLAIN[0] @ PLAIN[0].T
        return Case(model.fit(K[:20, :20]), K[20:30, :20])
    if name == "PatchExtractor":
        return None
    return None


def sweep():
    given = with_arguments()
    for name, Estimator in all_estimators():
        sets = given.get(name) or [{}]
        try:
            models = [Estimator(**params) for params in sets]
        except TypeError:
            models = []
        if name not in given:
            try:
                models += list(instances._construct_instances(Estimator))
            except Exception:
                pass
        for params in instances.PER_ESTIMATOR_CHECK_PARAMS.get(Estimator, {}).values():
            for one in params if isinstance(params, list) else [params]:
                try:
                    models.append(Estimator(**dict(sets[0], **one)))
                except TypeError:
                    pass
        seen = set()
        for at, model in enumerate(models):
            if "random_state" in model.get_params():
                model.set_params(random_state=at)
            if repr(model.get_params()) in seen:
                continue
            seen.add(repr(model.get_params()))
            add("%s_%d" % (name, at), lambda name=name, model=model: build(name, model))


def build(name, model):
    made = special(name, model)
    if made is not None:
        return made
    X, y = data_for(model, name)
    if name == "FrozenEstimator":
        return Case(model, np.round(X[:12] * 1.01, 4))
    model.fit(X, y)
    if not any(hasattr(model, method) for method in ("predict", "transform", "score_samples")):
        raise TypeError(WITHOUT_ANSWER)
    asked = np.round(X[::7] * 1.013 + 0.001, 4)
    if get_tags(model).input_tags.positive_only or X.min() >= 0:
        asked = np.abs(asked)
    if name == "CategoricalNB":
        asked = X[::7]
    if name == "BernoulliRBM":
        asked = np.clip(asked, 0, 1)
    return Case(model, asked[:, None] if asked.ndim == 1 else asked)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], families=(sweep,))
