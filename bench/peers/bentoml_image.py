"""BentoML and ONNX Runtime: the request's body is the image's bytes, which BentoML hands over as a file.
    BENCH_MODEL=model.onnx BENCH_THREADS=1 bentoml serve bentoml_image:Image"""
import os
from pathlib import Path

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=int(os.environ.get("BENCH_WORKERS", "1")), traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Image:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("BENCH_THREADS", "1"))
        self.session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options)

    @bentoml.api
    def image(self, file: Path, /) -> list[float]:
        values = np.fromfile(file, dtype=np.float32).reshape(1, 3, 224, 224)
        return self.session.run(None, {"image": values})[0][0].tolist()
