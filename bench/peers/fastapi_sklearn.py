"""FastAPI and scikit-learn as people write it: validated by pydantic, a plain function in FastAPI's thread pool.
    BENCH_MODEL=model.pkl uvicorn fastapi_sklearn:app"""
import os

import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = joblib.load(os.environ["BENCH_MODEL"])


class Rows(BaseModel):
    instances: list[list[float]]


@app.post("/predict")
def predict(rows: Rows):
    # One call for both outputs: label and probabilities by separate calls would cost the forest twice.
    probabilities = model.predict_proba(np.asarray(rows.instances))
    labels = model.classes_[probabilities.argmax(axis=1)]
    return {"predictions": [{"label": int(label), "probabilities": p} for label, p in zip(labels, probabilities.tolist())]}
