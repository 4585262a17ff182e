"""ONNX Runtime in Triton's Python backend, which is the only one in the wheel of nvidia-pytriton; Triton batches what waits."""
import json
from pathlib import Path

import numpy as np
import onnxruntime
import triton_python_backend_utils as utils


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(config["parameters"]["threads"]["string_value"])
        self.session = onnxruntime.InferenceSession(str(Path(args["model_repository"]) / args["model_version"] / "model.onnx"), options)
        self.input = self.session.get_inputs()[0].name
        self.outputs = [o["name"] for o in config["output"]]

    def execute(self, requests):
        arrays = [utils.get_input_tensor_by_name(r, self.input).as_numpy() for r in requests]
        ends = np.cumsum([len(a) for a in arrays])[:-1]
        answers = self.session.run(self.outputs, {self.input: np.concatenate(arrays) if len(arrays) > 1 else arrays[0]})
        parts = zip(*(np.split(a.reshape(len(a), -1), ends) for a in answers))
        return [utils.InferenceResponse([utils.Tensor(n, p) for n, p in zip(self.outputs, part)]) for part in parts]
