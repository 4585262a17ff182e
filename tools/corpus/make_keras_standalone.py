"""Writes small models of the Keras that stood alone (2.2, 2.3), where it answers otherwise than TensorFlow's, with its own answers.

    python make_keras_standalone.py DIR

Made with keras 2.3.1 and tensorflow 1.15.5 (Python 3.7, h5py < 3, protobuf < 3.21). The layout of a case is make_keras.py's.
"""
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
from keras import backend, layers as L
from keras.models import Model, Sequential

RNG = np.random.RandomState(3)


def masked_bidirectional():
    tokens = L.Input((9,), name="tokens")
    x = L.Bidirectional(L.LSTM(5, return_sequences=True))(L.Embedding(20, 6, mask_zero=True)(tokens))
    ids = RNG.randint(1, 20, (3, 9))
    for row in range(3):
        ids[row, 9 - row:] = 0
    return Model(tokens, L.TimeDistributed(L.Dense(4, activation="softmax"))(x)), ids


def upsampling_bilinear():
    return Sequential([L.UpSampling2D((2, 3), interpolation="bilinear", input_shape=(5, 6, 2))]), RNG.normal(size=(2, 5, 6, 2))


def locally_connected1d():
    return Sequential([L.LocallyConnected1D(4, 3, strides=2, input_shape=(8, 2), use_bias=False)]), RNG.normal(size=(2, 8, 2))


def locally_connected2d():
    return Sequential([L.LocallyConnected2D(3, (3, 2), strides=(2, 1), input_shape=(8, 7, 2), activation="relu")]), RNG.normal(size=(2, 8, 7, 2))


def main():
    for build in (masked_bidirectional, upsampling_bilinear, locally_connected1d, locally_connected2d):
        backend.clear_session()
        model, x = build()
        for layer in model.layers:
            layer.set_weights([w + RNG.normal(0, 0.2, w.shape) for w in layer.get_weights()])
        x = np.round(x.astype("f4"), 3) if x.dtype.kind == "f" else x
        folder = os.path.join(sys.argv[1], build.__name__ + "_h5")
        os.makedirs(folder, exist_ok=True)
        model.save(os.path.join(folder, "model.h5"))
        with open(os.path.join(folder, "input.json"), "w") as f:
            json.dump({"instances": x.tolist()}, f, separators=(",", ":"))
        with open(os.path.join(folder, "expected.json"), "w") as f:
            json.dump({"kind": "graph", model.layers[-1].name: model.predict(x).astype("f8").tolist()}, f, separators=(",", ":"))


if __name__ == "__main__":
    main()
