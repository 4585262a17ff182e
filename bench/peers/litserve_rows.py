"""LitServe and scikit-learn.    BENCH_MODEL=model.pkl python litserve_rows.py PORT"""
import os
import sys

import joblib
import litserve
import numpy as np


class Rows(litserve.LitAPI):
    def setup(self, device):
        self.model = joblib.load(os.environ["BENCH_MODEL"])

    def decode_request(self, request):
        return request["instances"]

    def batch(self, inputs):
        self.counts = [len(rows) for rows in inputs]
        return np.concatenate(inputs)

    def predict(self, rows):
        return self.model.predict_proba(rows)

    def unbatch(self, output):
        return np.split(output, np.cumsum(self.counts)[:-1])

    def encode_response(self, output):
        return {"probabilities": output.tolist()}


if __name__ == "__main__":
    api = Rows(max_batch_size=int(os.environ.get("BENCH_BATCH", "64")), batch_timeout=0.001)
    litserve.LitServer(api, accelerator="cpu", workers_per_device=1).run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False, generate_client_file=False)
