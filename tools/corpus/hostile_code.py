"""Honest files that carry the user's own code by value, as cloudpickle and dill write it: refused by the code's name and place."""
import io
import types

import cloudpickle
import dill
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

SOURCE = """
from sklearn.base import BaseEstimator, TransformerMixin

def clean_up(X):
    return X * 2

shift = lambda X: X + 1

class Cleaner(BaseEstimator, TransformerMixin):
    def fit(self, X, y=None):
        self.mean_ = X.mean(0)
        return self

    def transform(self, X):
        return X - self.mean_
"""


def everything(shelf):
    script = types.ModuleType("__main__")
    exec(compile(SOURCE, "train.py", "exec"), script.__dict__)
    X, y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
    for library in (cloudpickle, dill):
        def add(stem, value, mention, about, library=library):
            out = io.BytesIO()
            library.dump(value, out)
            shelf.add("code_%s_%s.pkl" % (library.__name__, stem), out.getvalue(), mention, about)
        add("function", make_pipeline(FunctionTransformer(script.clean_up), LogisticRegression()).fit(X, y),
            ["clean_up", "steps[0][1].func", "line 4", "numpy.log1p"], "a function of the script in a FunctionTransformer")
        add("lambda", make_pipeline(FunctionTransformer(script.shift), LogisticRegression()).fit(X, y),
            ["lambda", "steps[0][1].func", "line 7"], "a lambda in a FunctionTransformer")
        add("class", make_pipeline(script.Cleaner(), LogisticRegression()).fit(X, y),
            ["Cleaner", "steps[0][1]", "ONNX"], "a transformer that the script defines")
        add("estimator", {"model": script.Cleaner().fit(X)}, ["Cleaner"], "such a transformer alone in a dict")
