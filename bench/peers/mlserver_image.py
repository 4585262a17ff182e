"""A runtime for MLServer with ONNX Runtime: over HTTP MLServer takes tensors as JSON or as base64, the second of which is quicker."""
import os

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Image(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("BENCH_THREADS", "1"))
        self.session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        data = Base64Codec.decode_input(payload.inputs[0])[0]
        logits = self.session.run(None, {"image": np.frombuffer(data, dtype=np.float32).reshape(1, 3, 224, 224)})[0]
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("logits", logits)])
