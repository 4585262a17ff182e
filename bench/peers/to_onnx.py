"""A pickle of scikit-learn's as ONNX, by skl2onnx with its usual options: 32-bit floats, probabilities as a tensor.    to_onnx.py MODEL.pkl MODEL.onnx"""
import pickle
import sys
from pathlib import Path

from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

model = pickle.loads(Path(sys.argv[1]).read_bytes())
onnx = to_onnx(model, initial_types=[("X", FloatTensorType([None, model.n_features_in_]))], options={"zipmap": False})
Path(sys.argv[2]).write_bytes(onnx.SerializeToString())
