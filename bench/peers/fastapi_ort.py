"""FastAPI and ONNX Runtime tuned by hand: no validation beyond the array's shape, orjson both ways, one thread a process, no hop to a thread pool.
    BENCH_MODEL=model.onnx BENCH_THREADS=1 uvicorn --loop uvloop --http httptools --no-access-log fastapi_ort:app"""
import os

import numpy as np
import onnxruntime
import orjson
from fastapi import FastAPI, Request, Response

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ.get("BENCH_THREADS", "1"))
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options)
name = session.get_inputs()[0].name
app = FastAPI()


@app.post("/predict")
async def predict(request: Request):
    rows = np.array(orjson.loads(await request.body())["instances"], dtype=np.float32)
    labels, probabilities = session.run(None, {name: rows})
    predictions = [{"label": label, "probabilities": p} for label, p in zip(labels.tolist(), probabilities.tolist())]
    return Response(orjson.dumps({"predictions": predictions}), media_type="application/json")


@app.post("/image")
async def image(request: Request):
    values = np.frombuffer(await request.body(), dtype=np.float32).reshape(1, 3, 224, 224)
    return Response(session.run(None, {name: values})[0].tobytes(), media_type="application/octet-stream")
