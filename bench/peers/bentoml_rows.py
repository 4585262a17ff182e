"""BentoML and scikit-learn: one service.
    BENCH_MODEL=model.pkl bentoml serve bentoml_rows:Rows"""
import os

import bentoml
import joblib


@bentoml.service(workers=int(os.environ.get("BENCH_WORKERS", "1")), traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Rows:
    def __init__(self):
        self.model = joblib.load(os.environ["BENCH_MODEL"])

    @bentoml.api
    def predict(self, instances: list[list[float]]) -> list[list[float]]:
        return self.model.predict_proba(instances).tolist()
