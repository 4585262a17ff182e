"""Many small scikit-learn models of several kinds, each with a request and the library's own answer: runs in the venv that ./dev bench makes.
    small_models.py FOLDER COUNT      writes NNN.pkl and NNN.json (body, field and values expected) for each"""
import json
import pickle
import sys
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingRegressor, IsolationForest, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

KINDS = [
    lambda seed: LogisticRegression(max_iter=1000),
    lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    lambda seed: Ridge(alpha=1 + seed),
    lambda seed: make_pipeline(PolynomialFeatures(2), StandardScaler(), Ridge()),
    lambda seed: DecisionTreeClassifier(max_depth=8, random_state=seed),
    lambda seed: RandomForestClassifier(20, max_depth=6, random_state=seed),
    lambda seed: GradientBoostingRegressor(n_estimators=50, random_state=seed),
    lambda seed: IsolationForest(n_estimators=50, random_state=seed),
    lambda seed: GaussianNB(),
    lambda seed: KNeighborsClassifier(3),
    lambda seed: SVC(gamma=0.1),
    lambda seed: MLPRegressor(hidden_layer_sizes=(16,), max_iter=50, random_state=seed),
    lambda seed: KMeans(5, n_init=1, random_state=seed),
]


def answer_of(model, rows):
    """The field that the server answers with (or none: the prediction is the value itself), and the library's values."""
    if hasattr(model, "predict_proba"):
        return "probabilities", model.predict_proba(rows)
    if isinstance(model, IsolationForest):
        return "score", model.decision_function(rows)
    if isinstance(model, SVC):
        return "scores", model.decision_function(rows)
    return None, model.predict(rows)


def main(folder, count):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        features = 6 + i % 11
        x, y = make_classification(400, features, n_informative=5, n_redundant=0, n_classes=3, random_state=i)
        model = KINDS[i % len(KINDS)](i)
        model.fit(x, y)
        (folder / f"{i:03}.pkl").write_bytes(pickle.dumps(model, protocol=4))
        row = x[i % 400:i % 400 + 1] + np.random.RandomState(i).normal(scale=0.01, size=(1, features))
        field, values = answer_of(model, row)
        (folder / f"{i:03}.json").write_text(json.dumps({"body": {"instances": row.tolist()}, "field": field, "value": np.asarray(values)[0].tolist()}))


if __name__ == "__main__":
    import warnings

    warnings.filterwarnings("ignore", category=UserWarning)  # 50 rounds don't fit a perceptron well: no matter here
    main(Path(sys.argv[1]), int(sys.argv[2]))
