"""Saves a model as `mlflow models serve` takes it.
    mlflow_save.py rows MODEL.pkl FOLDER       scikit-learn's flavour, answering predict_proba
    mlflow_save.py image MODEL.onnx FOLDER     a Python function with ONNX Runtime, the image as base64 (quicker than 150,528 numbers as JSON)"""
import base64
import os
import pickle
import sys
from pathlib import Path

import mlflow
import numpy as np


class Image(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("BENCH_THREADS", "1"))
        self.session = onnxruntime.InferenceSession(context.artifacts["onnx"], options)

    def predict(self, context, model_input, params=None):
        data = base64.b64decode(model_input["image"].iloc[0])
        return self.session.run(None, {"image": np.frombuffer(data, dtype=np.float32).reshape(1, 3, 224, 224)})[0]


if __name__ == "__main__":
    kind, model, folder = sys.argv[1:]
    if kind == "rows":
        mlflow.sklearn.save_model(pickle.loads(Path(model).read_bytes()), folder, pyfunc_predict_fn="predict_proba", pip_requirements=["scikit-learn"],
                                  serialization_format="cloudpickle")
    else:
        mlflow.pyfunc.save_model(folder, python_model=Image(), artifacts={"onnx": model}, pip_requirements=["onnxruntime"])
