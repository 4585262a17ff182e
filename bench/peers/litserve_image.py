"""LitServe and ONNX Runtime: the image comes as a file of a form.    BENCH_MODEL=model.onnx BENCH_THREADS=1 python litserve_image.py PORT"""
import os
import sys

import litserve
import numpy as np
import onnxruntime
from fastapi import Response


class Image(litserve.LitAPI):
    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("BENCH_THREADS", "1"))
        self.session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options)

    def decode_request(self, request):
        return np.frombuffer(request["image"].file.read(), dtype=np.float32).reshape(1, 3, 224, 224)

    def predict(self, values):
        return self.session.run(None, {"image": values})[0]

    def encode_response(self, output):
        return Response(output.tobytes(), media_type="application/octet-stream")


if __name__ == "__main__":
    litserve.LitServer(Image(), accelerator="cpu", workers_per_device=1).run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False, generate_client_file=False)
