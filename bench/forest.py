"""What the forests of the bench need of scikit-learn: runs in the venv that ./dev bench makes.
    forest.py make FOLDER [forest]   the forests (or that one), a batch of rows and the library's own answers
    forest.py answer FOLDER          reads lines "FOREST ROWS SECONDS JOBS", writes the median milliseconds of predict_proba"""
import json
import pickle
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

LARGE_BYTES = 100_000_000


def make(folder, only=None):
    x, y = make_classification(20_000, 30, n_informative=15, n_classes=3, flip_y=0.1, random_state=0)
    rows = x[:1000] + np.random.RandomState(1).normal(scale=0.3, size=(1000, 30))
    forest = RandomForestClassifier(100, max_depth=12, n_jobs=-1, random_state=0).fit(x, y).set_params(n_jobs=None)
    (folder / "forest.pkl").write_bytes(pickle.dumps(forest, protocol=4))
    models = {"forest": forest}
    if only is None:
        models["deep"] = make_deep(folder, x, y)
    np.save(folder / "rows.npy", rows)
    for name, model in models.items():
        answer = {"label": model.predict(rows).tolist(), "probabilities": model.predict_proba(rows).tolist()}
        (folder / f"{name}_answer.json").write_text(json.dumps(answer))
    (folder / "row.json").write_text(json.dumps({"instances": [rows[0].tolist()]}))


def make_deep(folder, x, y):
    deep = RandomForestClassifier(40, max_features=3, n_jobs=-1, random_state=0).fit(x, y)
    while len(pickle.dumps(deep, protocol=4)) < LARGE_BYTES:  # grown until it is large enough
        missing = LARGE_BYTES / len(pickle.dumps(deep, protocol=4))
        deep.set_params(n_estimators=int(len(deep.estimators_) * missing) + 1, warm_start=True).fit(x, y)
    deep.set_params(n_jobs=None, warm_start=False)
    (folder / "deep.pkl").write_bytes(pickle.dumps(deep, protocol=4))
    return deep


def answer(folder):
    models = {name: pickle.loads((folder / f"{name}.pkl").read_bytes()) for name in ("forest", "deep")}
    rows = np.load(folder / "rows.npy")
    for line in sys.stdin:
        name, count, seconds, jobs = line.split()
        model, x = models[name], rows[:int(count)]
        model.set_params(n_jobs=int(jobs))
        model.predict_proba(x)
        times, end = [], time.perf_counter() + float(seconds)
        while time.perf_counter() < end:
            begin = time.perf_counter()
            model.predict_proba(x)
            times.append(time.perf_counter() - begin)
        print(statistics.median(times) * 1000, flush=True)


if __name__ == "__main__":
    {"make": make, "answer": answer}[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
