"""Writes small Keras models with Keras' own answers.

    python make_keras.py VERSION DIR [--keep|--applications] [PATTERN...]

VERSION only names the output in messages; the Keras that is installed does the work (Keras 3 or tf.keras from 2.4 on). A case is a folder
<name>_h5 or <name>_keras with model.h5 or model.keras, input.json and expected.json. Weights are random and seeded. What a version
doesn't have is left out. --keep writes the cases of KEPT only, which are in the repository; --applications writes the nets of
keras.applications instead (with input.npy and expected.npy), which are not.
"""
import fnmatch
import json
import os
import shutil
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import numpy as np
import tensorflow as tf

try:
    import keras as K
    if not K.__version__.startswith("3"):
        raise ImportError
    V3 = True
except ImportError:
    from tensorflow import keras as K
    V3 = False
L = K.layers
RNG = np.random.RandomState(7)
CASES = {}


def case(build):
    CASES[build.__name__] = build
    return build


def add(name, build):
    CASES[name] = build


def normal(*shape):
    return np.round(RNG.normal(size=shape), 3).astype("f4")


def integers(low, high, *shape):
    return RNG.randint(low, high, size=shape).astype("i4")


def seq(shape, *layers, dtype=None):
    m = K.Sequential([K.Input(shape=shape, dtype=dtype)])
    for layer in layers:
        m.add(layer)
    return m


def fun(shapes, build, dtype=None):
    """A functional model: build takes the inputs and gives the outputs. shapes: a list of tuples."""
    inputs = [K.Input(shape=s, dtype=dtype, name="in%d" % i) for i, s in enumerate(shapes)]
    return K.Model(inputs, build(*inputs))


def each(prefix, shape, layers):
    """One Sequential a layer; layers: {name: function that makes it}."""
    for name, make in layers.items():
        add(prefix + "_" + name, lambda make=make: seq(shape, make()))


# ---------------------------------------------------------------------------------------------- dense, activations, reshaping

ACTIVATIONS = ["linear", "relu", "sigmoid", "tanh", "softmax", "hard_sigmoid", "elu", "selu", "gelu", "silu", "swish", "softplus", "softsign",
               "exponential", "relu6", "leaky_relu", "mish", "log_softmax", "celu", "glu", "log_sigmoid", "hard_silu", "hard_swish", "hard_tanh",
               "hard_shrink", "soft_shrink", "tanh_shrink", "squareplus", "sparse_plus", "threshold", "sparsemax", "sparse_sigmoid"]
for a in ACTIVATIONS:
    add("activation_" + a, lambda a=a: seq((6,), L.Dense(6, activation=a), L.Activation(a)))
    add("activation4d_" + a, lambda a=a: seq((5, 5, 2), L.Conv2D(4, 3, activation=a), L.Activation(a), L.Flatten()))

each("layer", (5, 6), {
    "relu": lambda: L.ReLU(), "relu_max": lambda: L.ReLU(max_value=1.0), "relu_all": lambda: L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2),
    "relu_slope": lambda: L.ReLU(negative_slope=0.3), "leaky": lambda: L.LeakyReLU(), "leaky_slope": lambda: L.LeakyReLU(0.05),
    "elu": lambda: L.ELU(alpha=0.7), "prelu": lambda: L.PReLU(), "prelu_shared": lambda: L.PReLU(shared_axes=[1]), "softmax": lambda: L.Softmax(),
    "softmax_axis": lambda: L.Softmax(axis=1), "softmax_two": lambda: L.Softmax(axis=[1, 2]), "thresholded": lambda: L.ThresholdedReLU(theta=0.5),
    "dropout": lambda: L.Dropout(0.5), "noise": lambda: L.GaussianNoise(0.5), "gaussian_dropout": lambda: L.GaussianDropout(0.5),
    "alpha_dropout": lambda: L.AlphaDropout(0.5), "spatial_dropout": lambda: L.SpatialDropout1D(0.5), "regularization": lambda: L.ActivityRegularization(0.1),
    "identity": lambda: L.Identity(), "flatten": lambda: L.Flatten(), "reshape": lambda: L.Reshape((3, 10)), "reshape_free": lambda: L.Reshape((-1, 2)),
    "permute": lambda: L.Permute((2, 1)), "dense3d": lambda: L.Dense(4), "dense_no_bias": lambda: L.Dense(4, use_bias=False),
    "einsum": lambda: L.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d"),
    "einsum_heads": lambda: L.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), activation="relu"),
    "einsum_ellipsis": lambda: L.EinsumDense("...x,xy->...y", output_shape=4, bias_axes="y"),
    "act_object": lambda: L.Dense(4, activation=L.LeakyReLU()), "act_layer": lambda: L.Activation(L.ReLU(max_value=0.5)),
    "batchnorm": lambda: L.BatchNormalization(), "batchnorm_axis": lambda: L.BatchNormalization(axis=1),
    "batchnorm_bare": lambda: L.BatchNormalization(center=False, scale=False, epsilon=0.01), "batchnorm_scale": lambda: L.BatchNormalization(center=False),
    "batchnorm_center": lambda: L.BatchNormalization(scale=False), "layernorm": lambda: L.LayerNormalization(),
    "layernorm_two": lambda: L.LayerNormalization(axis=[1, 2]), "layernorm_axis": lambda: L.LayerNormalization(axis=1),
    "layernorm_bare": lambda: L.LayerNormalization(center=False, scale=False), "layernorm_rms": lambda: L.LayerNormalization(rms_scaling=True),
    "rmsnorm": lambda: L.RMSNormalization(), "unitnorm": lambda: L.UnitNormalization(), "unitnorm_axis": lambda: L.UnitNormalization(axis=1),
    "groupnorm": lambda: L.GroupNormalization(groups=3), "groupnorm_one": lambda: L.GroupNormalization(groups=-1),
    "groupnorm_axis": lambda: L.GroupNormalization(groups=5, axis=1), "rescaling": lambda: L.Rescaling(1 / 255.0, offset=-1.0),
    "rescaling_list": lambda: L.Rescaling([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], offset=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    "normalization": lambda: L.Normalization(axis=-1, mean=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], variance=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    "spectral_dense": lambda: L.SpectralNormalization(L.Dense(4)),
})
each("vector", (6,), {
    "repeat": lambda: L.RepeatVector(4), "reshape_scalar": lambda: L.Reshape((6, 1)), "batchnorm": lambda: L.BatchNormalization(),
    "discretization": lambda: L.Discretization(bin_boundaries=[-0.5, 0.0, 0.7]),
    "discretization_onehot": lambda: L.Discretization(bin_boundaries=[-0.5, 0.0, 0.7], output_mode="multi_hot"),
    "discretization_count": lambda: L.Discretization(bin_boundaries=[-0.5, 0.0, 0.7], output_mode="count"),
})


@case
def dense_flatten_first():
    return seq((4, 3), L.Flatten(), L.Dense(5, activation="relu"), L.Dense(2, activation="softmax"))


@case
def no_input_layer():
    m = K.Sequential([L.Dense(5, activation="relu"), L.Dense(2)])
    m.build((None, 4))
    return m


@case
def input_shape_argument():
    return K.Sequential([L.Dense(5, activation="relu", input_shape=(4,)), L.Dense(2)])


@case
def activation_functions_as_objects():
    return seq((6,), L.Dense(6, activation=K.activations.relu), L.Dense(6, activation=tf.nn.tanh if not V3 else K.ops.tanh), L.Activation(K.activations.gelu))


# ---------------------------------------------------------------------------------------------- convolution and pooling

IMAGE, LINE, VOLUME = (9, 8, 4), (11, 4), (5, 6, 7, 2)
each("conv2d", IMAGE, {
    "valid": lambda: L.Conv2D(6, 3), "same": lambda: L.Conv2D(6, 3, padding="same"), "same_even": lambda: L.Conv2D(6, (2, 4), padding="same"),
    "stride": lambda: L.Conv2D(6, 3, strides=2), "stride_same": lambda: L.Conv2D(6, 3, strides=(2, 3), padding="same"),
    "stride_wide": lambda: L.Conv2D(6, 1, strides=3, padding="same"), "dilation": lambda: L.Conv2D(6, 3, dilation_rate=2),
    "dilation_same": lambda: L.Conv2D(6, 3, dilation_rate=(2, 1), padding="same"), "groups": lambda: L.Conv2D(6, 3, groups=2),
    "no_bias": lambda: L.Conv2D(6, 3, use_bias=False, activation="relu"),
    "depthwise": lambda: L.DepthwiseConv2D(3), "depthwise_more": lambda: L.DepthwiseConv2D(3, depth_multiplier=2, padding="same", strides=2),
    "depthwise_dilation": lambda: L.DepthwiseConv2D(3, dilation_rate=2, use_bias=False, activation="relu"),
    "separable": lambda: L.SeparableConv2D(5, 3), "separable_more": lambda: L.SeparableConv2D(5, 3, padding="same", strides=2, depth_multiplier=2),
    "separable_no_bias": lambda: L.SeparableConv2D(5, 3, use_bias=False, activation="tanh", dilation_rate=2),
    "transpose": lambda: L.Conv2DTranspose(5, 3), "transpose_same": lambda: L.Conv2DTranspose(5, 3, strides=2, padding="same"),
    "transpose_stride": lambda: L.Conv2DTranspose(5, 3, strides=(2, 3)), "transpose_even": lambda: L.Conv2DTranspose(5, 4, strides=2, padding="same"),
    "transpose_output": lambda: L.Conv2DTranspose(5, 3, strides=2, padding="same", output_padding=1),
    "transpose_output_zero": lambda: L.Conv2DTranspose(5, 3, strides=3, padding="same", output_padding=0),
    "transpose_output_valid": lambda: L.Conv2DTranspose(5, 3, strides=2, padding="valid", output_padding=1),
    "transpose_small": lambda: L.Conv2DTranspose(5, 1, strides=3), "transpose_small_same": lambda: L.Conv2DTranspose(5, 2, strides=3, padding="same"),
    "transpose_dilation": lambda: L.Conv2DTranspose(5, 3, dilation_rate=2), "transpose_dilation_same": lambda: L.Conv2DTranspose(5, 3, dilation_rate=2, padding="same"),
    "spectral": lambda: L.SpectralNormalization(L.Conv2D(6, 3)),
})
each("conv1d", LINE, {
    "valid": lambda: L.Conv1D(6, 3), "same": lambda: L.Conv1D(6, 4, padding="same", strides=2), "causal": lambda: L.Conv1D(6, 3, padding="causal"),
    "causal_dilation": lambda: L.Conv1D(6, 3, padding="causal", dilation_rate=2), "causal_stride": lambda: L.Conv1D(6, 3, padding="causal", strides=2),
    "groups": lambda: L.Conv1D(6, 3, groups=2, activation="relu"), "separable": lambda: L.SeparableConv1D(5, 3, padding="same"),
    "separable_causal": lambda: L.SeparableConv1D(5, 3, padding="causal", depth_multiplier=2), "depthwise": lambda: L.DepthwiseConv1D(3, depth_multiplier=2),
    "depthwise_causal": lambda: L.DepthwiseConv1D(3, padding="causal"), "transpose": lambda: L.Conv1DTranspose(5, 3, strides=2),
    "transpose_same": lambda: L.Conv1DTranspose(5, 3, strides=2, padding="same"), "transpose_output": lambda: L.Conv1DTranspose(5, 3, strides=3, padding="same", output_padding=2),
})
each("conv3d", VOLUME, {
    "valid": lambda: L.Conv3D(3, 2), "same": lambda: L.Conv3D(3, 3, padding="same", strides=2), "dilation": lambda: L.Conv3D(3, 2, dilation_rate=2),
    "transpose": lambda: L.Conv3DTranspose(3, 2, strides=2), "transpose_same": lambda: L.Conv3DTranspose(3, 3, strides=2, padding="same"),
})
for kind, shape in (("1D", LINE), ("2D", IMAGE), ("3D", VOLUME)):
    for pool in ("MaxPooling", "AveragePooling"):
        for name, options in {"valid": {}, "same": {"padding": "same"}, "stride": {"pool_size": 3, "strides": 2}, "stride_same": {"pool_size": 3, "strides": 2, "padding": "same"},
                              "stride_one": {"pool_size": 2, "strides": 1, "padding": "same"}}.items():
            add("%s%s_%s" % (pool.lower(), kind.lower(), name), lambda pool=pool, kind=kind, shape=shape, options=options: seq(shape, getattr(L, pool + kind)(**options)))
    for pool in ("GlobalMaxPooling", "GlobalAveragePooling"):
        add("%s%s" % (pool.lower(), kind.lower()), lambda pool=pool, kind=kind, shape=shape: seq(shape, getattr(L, pool + kind)()))
        add("%s%s_keep" % (pool.lower(), kind.lower()), lambda pool=pool, kind=kind, shape=shape: seq(shape, getattr(L, pool + kind)(keepdims=True)))
        add("%s%s_first" % (pool.lower(), kind.lower()),
            lambda pool=pool, kind=kind, shape=shape: seq(shape, getattr(L, pool + kind)(data_format="channels_first")))
    for pool in ("AdaptiveAveragePooling", "AdaptiveMaxPooling"):
        add("%s%s" % (pool.lower(), kind.lower()), lambda pool=pool, kind=kind, shape=shape: seq(shape, getattr(L, pool + kind)(3)))
    n = int(kind[0])
    add("zeropadding%s" % kind.lower(), lambda kind=kind, shape=shape: seq(shape, getattr(L, "ZeroPadding" + kind)(2)))
    add("zeropadding%s_pairs" % kind.lower(), lambda kind=kind, shape=shape, n=n: seq(shape, getattr(L, "ZeroPadding" + kind)((1, 2) if n == 1 else tuple((i, i + 1) for i in range(n)))))
    add("cropping%s" % kind.lower(), lambda kind=kind, shape=shape: seq(shape, getattr(L, "Cropping" + kind)(1)))
    add("cropping%s_pairs" % kind.lower(), lambda kind=kind, shape=shape, n=n: seq(shape, getattr(L, "Cropping" + kind)((1, 2) if n == 1 else tuple((i, 1) for i in range(n)))))
    add("upsampling%s" % kind.lower(), lambda kind=kind, shape=shape, n=n: seq(shape, getattr(L, "UpSampling" + kind)(2 if n == 1 else tuple(range(1, n + 1)))))
for how in ("nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"):
    add("upsampling2d_" + how, lambda how=how: seq(IMAGE, L.UpSampling2D((2, 3), interpolation=how)))
    for h, w in ((14, 17), (4, 5), (9, 16)):
        add("resizing_%s_%d_%d" % (how, h, w), lambda how=how, h=h, w=w: seq(IMAGE, L.Resizing(h, w, interpolation=how)))
each("image", IMAGE, {
    "resizing_crop": lambda: L.Resizing(6, 4, crop_to_aspect_ratio=True), "resizing_crop_up": lambda: L.Resizing(20, 10, crop_to_aspect_ratio=True),
    "resizing_pad": lambda: L.Resizing(6, 4, pad_to_aspect_ratio=True), "resizing_pad_fill": lambda: L.Resizing(5, 12, pad_to_aspect_ratio=True, fill_mode="constant", fill_value=0.5),
    "resizing_antialias": lambda: L.Resizing(4, 5, antialias=True), "center_crop": lambda: L.CenterCrop(5, 4), "center_crop_odd": lambda: L.CenterCrop(4, 5),
    "center_crop_larger": lambda: L.CenterCrop(12, 12),
    "random_flip": lambda: L.RandomFlip(), "random_rotation": lambda: L.RandomRotation(0.2), "random_zoom": lambda: L.RandomZoom(0.2), "random_crop": lambda: L.RandomCrop(5, 4),
    "random_contrast": lambda: L.RandomContrast(0.2), "random_translation": lambda: L.RandomTranslation(0.1, 0.1), "random_brightness": lambda: L.RandomBrightness(0.1),
    "batchnorm": lambda: L.BatchNormalization(), "batchnorm_axis": lambda: L.BatchNormalization(axis=1), "layernorm": lambda: L.LayerNormalization(),
    "layernorm_three": lambda: L.LayerNormalization(axis=[1, 2, 3]), "groupnorm": lambda: L.GroupNormalization(groups=2), "prelu": lambda: L.PReLU(),
    "prelu_shared": lambda: L.PReLU(shared_axes=[1, 2]), "softmax": lambda: L.Softmax(), "softmax_axis": lambda: L.Softmax(axis=1),
    "permute": lambda: L.Permute((3, 1, 2)), "reshape": lambda: L.Reshape((12, 24)), "dense": lambda: L.Dense(3), "spatial_dropout": lambda: L.SpatialDropout2D(0.3),
    "flatten_first": lambda: L.Flatten(data_format="channels_first"), "rescaling": lambda: L.Rescaling(0.5, offset=1.0),
    "normalization": lambda: L.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[1.0, 2.0, 3.0, 4.0]),
    "normalization_all": lambda: L.Normalization(axis=None, mean=1.5, variance=2.0), "normalization_invert": lambda: L.Normalization(mean=1.5, variance=2.0, axis=None, invert=True),
})
each("after_conv", (9, 8, 3), {})
for name, make in {
        "flatten": lambda: [L.Flatten(), L.Dense(3)], "reshape": lambda: [L.Reshape((-1, 4))], "permute": lambda: [L.Permute((3, 1, 2))],
        "softmax": lambda: [L.Softmax()], "softmax_axis": lambda: [L.Softmax(axis=2)], "prelu": lambda: [L.PReLU(shared_axes=[1, 2])], "prelu_all": lambda: [L.PReLU()],
        "dense": lambda: [L.Dense(3)], "layernorm": lambda: [L.LayerNormalization()], "groupnorm": lambda: [L.GroupNormalization(2)], "bn": lambda: [L.BatchNormalization(), L.ReLU(), L.MaxPooling2D()],
        "bn_axis": lambda: [L.BatchNormalization(axis=2)], "global": lambda: [L.GlobalAveragePooling2D(), L.Dense(2)], "unit": lambda: [L.UnitNormalization()],
        "pad": lambda: [L.ZeroPadding2D(((0, 1), (2, 0))), L.DepthwiseConv2D(3), L.Cropping2D(1), L.UpSampling2D()], "rescale": lambda: [L.Rescaling([1.0, 2.0, 3.0, 4.0])],
        "resize": lambda: [L.Resizing(5, 5), L.CenterCrop(3, 3)], "repeat": lambda: [L.GlobalMaxPooling2D(), L.RepeatVector(3)], "rnn": lambda: [L.Reshape((7, 24)), L.LSTM(3)]}.items():
    add("after_conv_" + name, lambda make=make: seq((9, 8, 3), L.Conv2D(4, 3), *make()))

# ---------------------------------------------------------------------------------------------- recurrent layers

CELLS = {"lstm": "LSTM", "gru": "GRU", "rnn": "SimpleRNN"}
for short, cls in CELLS.items():
    def rnn(**options):
        return lambda cls=cls, options=options: seq((7, 3), getattr(L, cls)(4, **options))

    add(short, rnn())
    add(short + "_sequences", rnn(return_sequences=True))
    add(short + "_backwards", rnn(go_backwards=True))
    add(short + "_backwards_sequences", rnn(go_backwards=True, return_sequences=True))
    add(short + "_no_bias", rnn(use_bias=False))
    add(short + "_relu", rnn(activation="relu"))
    add(short + "_dropout", rnn(dropout=0.3, recurrent_dropout=0.2))
    add(short + "_unroll", rnn(unroll=True))
    for a in ("linear", "elu", "softsign", "softplus", "hard_sigmoid", "selu", "gelu", "silu", "leaky_relu", "softmax", "exponential"):
        add("%s_act_%s" % (short, a), rnn(activation=a))
    if short != "rnn":
        add(short + "_hard", rnn(recurrent_activation="hard_sigmoid"))
        add(short + "_gate_relu", rnn(recurrent_activation="relu"))
    if short == "gru":
        add("gru_reset_before", rnn(reset_after=False))
        add("gru_reset_before_no_bias", rnn(reset_after=False, use_bias=False))
        add("gru_no_bias_after", rnn(reset_after=True, use_bias=False))
    add(short + "_state", lambda cls=cls: fun([(7, 3)], lambda x: getattr(L, cls)(4, return_state=True, return_sequences=True)(x)))
    add(short + "_state_last", lambda cls=cls: fun([(7, 3)], lambda x: getattr(L, cls)(4, return_state=True)(x)))
    add(short + "_free_steps", lambda cls=cls: seq((None, 3), getattr(L, cls)(4, return_sequences=True), getattr(L, cls)(4)))
    add(short + "_initial", lambda cls=cls: fun([(7, 3), (4,)] + ([(4,)] if cls == "LSTM" else []), lambda x, *s: getattr(L, cls)(4)(x, initial_state=list(s))))
    add(short + "_cell", lambda cls=cls: seq((7, 3), L.RNN(getattr(L, cls + "Cell")(4), return_sequences=True)))
    add(short + "_stacked_cells", lambda cls=cls: seq((7, 3), L.RNN([getattr(L, cls + "Cell")(4), getattr(L, cls + "Cell")(5)], return_sequences=True)))
    add(short + "_stacked_cells_last", lambda cls=cls: fun([(7, 3)], lambda x: L.RNN(L.StackedRNNCells([getattr(L, cls + "Cell")(4), getattr(L, cls + "Cell")(5)]), return_state=True)(x)))
    for mode in ("concat", "sum", "mul", "ave", None):
        add("bi_%s_%s" % (short, mode), lambda cls=cls, mode=mode: fun([(7, 3)], lambda x: L.Bidirectional(getattr(L, cls)(4), merge_mode=mode)(x)))
        add("bi_%s_%s_sequences" % (short, mode), lambda cls=cls, mode=mode: fun([(7, 3)], lambda x: L.Bidirectional(getattr(L, cls)(4, return_sequences=True), merge_mode=mode)(x)))
    add("bi_%s_state" % short, lambda cls=cls: fun([(7, 3)], lambda x: L.Bidirectional(getattr(L, cls)(4, return_sequences=True, return_state=True))(x)))
    add("bi_%s_own" % short, lambda cls=cls: seq((7, 3), L.Bidirectional(getattr(L, cls)(4, return_sequences=True), backward_layer=getattr(L, cls)(4, activation="relu", return_sequences=True, go_backwards=True))))
    add("bi_%s_backwards" % short, lambda cls=cls: seq((7, 3), L.Bidirectional(getattr(L, cls)(4, return_sequences=True, go_backwards=True))))
    add("bi_%s_stacked" % short, lambda cls=cls: seq((7, 3), L.Bidirectional(getattr(L, cls)(4, return_sequences=True)), L.Bidirectional(getattr(L, cls)(3)), L.Dense(2)))
    for pads in ("right", "left", "scattered"):
        def masked(layer, pads=pads):
            def build():
                m = seq((7,), L.Embedding(9, 3, mask_zero=True), layer(), dtype="int32")
                ids = integers(1, 9, 5, 7)
                ids[0, :] = 0
                for i, n in ((1, 3), (2, 6), (3, 1)):
                    if pads == "right": ids[i, n:] = 0
                    if pads == "left": ids[i, :7 - n] = 0
                    if pads == "scattered": ids[i, RNG.permutation(7)[n:]] = 0
                return m, [ids]
            return build
        add("masked_%s_%s" % (short, pads), masked(lambda cls=cls: getattr(L, cls)(4)))
        add("masked_%s_%s_sequences" % (short, pads), masked(lambda cls=cls: getattr(L, cls)(4, return_sequences=True)))
        add("masked_%s_%s_backwards" % (short, pads), masked(lambda cls=cls: getattr(L, cls)(4, return_sequences=True, go_backwards=True)))
        add("masked_%s_%s_zero" % (short, pads), masked(lambda cls=cls: getattr(L, cls)(4, return_sequences=True, **({"zero_output_for_mask": True}))))
        add("masked_bi_%s_%s" % (short, pads), masked(lambda cls=cls: L.Bidirectional(getattr(L, cls)(4))))
        add("masked_bi_%s_%s_sequences" % (short, pads), masked(lambda cls=cls: L.Bidirectional(getattr(L, cls)(4, return_sequences=True))))


def ids_padded(rows, steps, top):
    ids = integers(1, top, rows, steps)
    for i in range(rows):
        ids[i, steps - i:] = 0
    return ids


@case
def masked_stack():
    return seq((7,), L.Embedding(9, 3, mask_zero=True), L.Dropout(0.2), L.LSTM(4, return_sequences=True), L.Dense(3), L.GRU(3), dtype="int32"), [ids_padded(4, 7, 9)]


@case
def masked_average():
    return seq((7,), L.Embedding(9, 3, mask_zero=True), L.GlobalAveragePooling1D(), L.Dense(2), dtype="int32"), [ids_padded(4, 7, 9)]


@case
def masked_max():
    return seq((7,), L.Embedding(9, 3, mask_zero=True), L.GlobalMaxPooling1D(), dtype="int32"), [ids_padded(4, 7, 9)]


@case
def masked_time_distributed():
    return seq((7,), L.Embedding(9, 3, mask_zero=True), L.TimeDistributed(L.Dense(4)), L.LSTM(3), dtype="int32"), [ids_padded(4, 7, 9)]


@case
def masked_add():
    a, b = K.Input((7,), dtype="int32", name="a"), K.Input((7,), dtype="int32", name="b")
    x = L.Add()([L.Embedding(9, 3, mask_zero=True)(a), L.Embedding(9, 3, mask_zero=True)(b)])
    return K.Model([a, b], L.LSTM(3)(x)), [ids_padded(4, 7, 9), ids_padded(4, 7, 9)[::-1].copy()]


@case
def masked_concatenate():
    a, b = K.Input((7,), dtype="int32", name="a"), K.Input((7,), dtype="int32", name="b")
    x = L.Concatenate()([L.Embedding(9, 3, mask_zero=True)(a), L.Embedding(9, 3, mask_zero=True)(b)])
    return K.Model([a, b], L.LSTM(3)(x)), [ids_padded(4, 7, 9), ids_padded(4, 7, 9)[::-1].copy()]


@case
def masked_concatenate_time():
    a, b = K.Input((7,), dtype="int32", name="a"), K.Input((7, 3), name="b")
    x = L.Concatenate(axis=1)([L.Embedding(9, 3, mask_zero=True)(a), b])
    return K.Model([a, b], L.LSTM(3)(x)), [ids_padded(4, 7, 9), normal(4, 7, 3)]


@case
def masked_repeat_decoder():
    return seq((7,), L.Embedding(9, 3, mask_zero=True), L.LSTM(4), L.RepeatVector(5), L.LSTM(4, return_sequences=True), L.TimeDistributed(L.Dense(9, activation="softmax")), dtype="int32"), [ids_padded(4, 7, 9)]


@case
def masking_layer():
    x = normal(4, 7, 3)
    x[0, 2:] = -1
    x[1, :3] = -1
    return seq((7, 3), L.Masking(-1.0), L.LSTM(4), L.Dense(2)), [x]


@case
def masked_state():
    a = K.Input((7,), dtype="int32")
    return K.Model(a, L.GRU(4, return_sequences=True, return_state=True)(L.Embedding(9, 3, mask_zero=True)(a))), [ids_padded(4, 7, 9)]


@case
def encoder_decoder():
    a, b = K.Input((None,), dtype="int32", name="source"), K.Input((None,), dtype="int32", name="target")
    _, h, c = L.LSTM(4, return_state=True)(L.Embedding(9, 3, mask_zero=True)(a))
    y = L.LSTM(4, return_sequences=True)(L.Embedding(8, 3, mask_zero=True)(b), initial_state=[h, c])
    return K.Model([a, b], L.Dense(8, activation="softmax")(y)), [ids_padded(4, 7, 9), ids_padded(4, 5, 8)]


for n, shape in ((1, (4, 6, 2)), (2, (4, 6, 5, 2)), (3, (3, 4, 5, 3, 2))):
    for name, options in {"": {}, "_same": {"padding": "same", "return_sequences": True}, "_backwards": {"go_backwards": True}, "_hard": {"recurrent_activation": "sigmoid", "strides": 2},
                          "_no_bias": {"use_bias": False, "dilation_rate": 2 if n < 3 else 1}}.items():
        add("convlstm%dd%s" % (n, name), lambda n=n, shape=shape, options=options: seq(shape, getattr(L, "ConvLSTM%dD" % n)(3, 2, **options)))
add("convlstm2d_bi", lambda: seq((4, 6, 5, 2), L.Bidirectional(L.ConvLSTM2D(3, 2, return_sequences=True))))
add("convlstm2d_state", lambda: fun([(4, 6, 5, 2)], lambda x: L.ConvLSTM2D(3, 2, return_state=True)(x)))

# ---------------------------------------------------------------------------------------------- attention


def mha(**options):
    def build():
        call = {k: options[k] for k in ("return_attention_scores", "use_causal_mask") if k in options}
        layer = {k: v for k, v in options.items() if k not in call}
        return fun([(5, 6), (4, 6)] if not call.get("use_causal_mask") else [(5, 6), (5, 6)], lambda q, v: L.MultiHeadAttention(2, 3, **layer)(q, v, **call))
    return build


add("mha", mha())
add("mha_scores", mha(return_attention_scores=True))
add("mha_causal", mha(use_causal_mask=True))
add("mha_value_dim", mha(value_dim=5, output_shape=7))
add("mha_no_bias", mha(use_bias=False, dropout=0.1))
add("mha_self", lambda: fun([(5, 6)], lambda x: L.LayerNormalization()(x + L.MultiHeadAttention(2, 3)(x, x))))
add("mha_key", lambda: fun([(5, 6), (4, 6), (4, 6)], lambda q, v, k: L.MultiHeadAttention(2, 3)(q, v, k)))
add("mha_keywords", lambda: fun([(5, 6), (4, 6), (4, 6)], lambda q, v, k: L.MultiHeadAttention(2, 3)(query=q, value=v, key=k)))
add("mha_axes", lambda: fun([(3, 5, 6)], lambda x: L.MultiHeadAttention(2, 3, attention_axes=(2,))(x, x)))
add("mha_2d", lambda: fun([(3, 5, 6)], lambda x: L.MultiHeadAttention(2, 3, attention_axes=(1, 2))(x, x)))
for heads in (1, 2, 4):
    add("gqa_%d" % heads, lambda heads=heads: fun([(5, 6), (4, 6)], lambda q, v: L.GroupQueryAttention(3, 4, heads)(q, v)))
add("gqa_causal", lambda: fun([(5, 6)], lambda q: L.GroupQueryAttention(3, 4, 2, use_bias=False)(q, q, use_causal_mask=True, return_attention_scores=True)))
add("attention", lambda: fun([(5, 6), (4, 6)], lambda q, v: L.Attention()([q, v])))
add("attention_scale", lambda: fun([(5, 6), (4, 6)], lambda q, v: L.Attention(use_scale=True)([q, v])))
add("attention_key", lambda: fun([(5, 6), (4, 3), (4, 6)], lambda q, v, k: L.Attention()([q, v, k])))
add("attention_concat", lambda: fun([(5, 6), (4, 6)], lambda q, v: L.Attention(score_mode="concat")([q, v])))
add("attention_causal", lambda: fun([(5, 6), (5, 6)], lambda q, v: L.Attention()([q, v], use_causal_mask=True)))
add("attention_scores", lambda: fun([(5, 6), (4, 6)], lambda q, v: L.Attention()([q, v], return_attention_scores=True)))
add("additive", lambda: fun([(5, 6), (4, 6)], lambda q, v: L.AdditiveAttention()([q, v])))
add("additive_plain", lambda: fun([(5, 6), (4, 6)], lambda q, v: L.AdditiveAttention(use_scale=False)([q, v])))


@case
def mha_mask_argument():
    q, m = K.Input((5, 6), name="q"), K.Input((5, 5), dtype="bool", name="m")
    mask = RNG.rand(3, 5, 5) > 0.4
    mask[:, :, 0] = True
    return K.Model([q, m], L.MultiHeadAttention(2, 3)(q, q, attention_mask=m)), [normal(3, 5, 6), mask]


@case
def mha_masked():
    a = K.Input((7,), dtype="int32", name="a")
    x = L.Embedding(9, 6, mask_zero=True)(a)
    return K.Model(a, L.GlobalAveragePooling1D()(L.MultiHeadAttention(2, 3)(x, x))), [ids_padded(4, 7, 9)]


@case
def attention_masked():
    a, b = K.Input((7,), dtype="int32", name="a"), K.Input((5,), dtype="int32", name="b")
    e = L.Embedding(9, 6, mask_zero=True)
    return K.Model([a, b], L.Attention()([e(a), e(b)])), [ids_padded(4, 7, 9), ids_padded(4, 5, 9)]


@case
def transformer_block():
    a = K.Input((7,), dtype="int32", name="tokens")
    x = L.Embedding(20, 8)(a)
    y = L.LayerNormalization(epsilon=1e-6)(L.Add()([x, L.Dropout(0.1)(L.MultiHeadAttention(2, 4)(x, x))]))
    z = L.Dense(8)(L.Dense(16, activation="relu")(y))
    y = L.LayerNormalization(epsilon=1e-6)(L.Add()([y, z]))
    return K.Model(a, L.Dense(2, activation="softmax")(L.GlobalAveragePooling1D()(y))), [integers(0, 20, 3, 7)]


# ---------------------------------------------------------------------------------------------- merging

for m in ("Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"):
    add("merge_" + m.lower(), lambda m=m: fun([(4, 3)] * 3, lambda *x: getattr(L, m)()(list(x))))
    add("merge4d_" + m.lower(), lambda m=m: fun([(7, 6, 3)] * 2, lambda *x: getattr(L, m)()([L.Conv2D(3, 2)(v) for v in x])))
    add("merge_broadcast_" + m.lower(), lambda m=m: fun([(4, 3), (3,)] if m != "Concatenate" else [(4, 3), (4, 2)], lambda *x: getattr(L, m)()(list(x))))
    add("merge_mixed_" + m.lower(), lambda m=m: fun([(7, 6, 3), (6, 5, 3)], lambda a, b: getattr(L, m)()([L.Conv2D(3, 2)(a), b])))
add("merge_excite", lambda: fun([(7, 6, 3)], lambda x: L.Multiply()([L.Conv2D(3, 2)(x), L.Reshape((1, 1, 3))(L.Dense(3)(L.GlobalAveragePooling2D()(x)))])))
add("merge_subtract", lambda: fun([(4, 3)] * 2, lambda *x: L.Subtract()(list(x))))
for axis in (1, 2, -2):
    add("concatenate_%d" % axis, lambda axis=axis: fun([(4, 3)] * 2, lambda *x: L.Concatenate(axis=axis)(list(x))))
    add("concatenate4d_%d" % axis, lambda axis=axis: fun([(7, 6, 3)] * 2, lambda *x: L.Concatenate(axis=axis)([L.Conv2D(3, 2)(v) for v in x])))
add("dot", lambda: fun([(4,), (4,)], lambda a, b: L.Dot(1)([a, b])))
add("dot_normalized", lambda: fun([(4,), (4,)], lambda a, b: L.Dot(-1, normalize=True)([a, b])))
add("dot_matrices", lambda: fun([(5, 4), (3, 4)], lambda a, b: L.Dot(2)([a, b])))
add("dot_axes", lambda: fun([(5, 4), (5, 3)], lambda a, b: L.Dot((1, 1))([a, b])))
add("dot_mixed", lambda: fun([(5, 4), (4,)], lambda a, b: L.Dot((2, 1))([a, b])))
add("dot_mixed_other", lambda: fun([(4,), (5, 4)], lambda a, b: L.Dot((1, 2))([a, b])))
add("dot_four", lambda: fun([(5, 4, 2), (5, 3, 2)], lambda a, b: L.Dot((3, 3))([a, b])))

# ---------------------------------------------------------------------------------------------- structure

add("td_dense", lambda: seq((5, 4), L.TimeDistributed(L.Dense(3, activation="relu"))))
add("td_conv", lambda: seq((5, 8, 7, 2), L.TimeDistributed(L.Conv2D(3, 2)), L.TimeDistributed(L.MaxPooling2D()), L.TimeDistributed(L.Flatten()), L.LSTM(3)))
add("td_bn", lambda: seq((5, 4), L.TimeDistributed(L.BatchNormalization())))
add("td_lstm", lambda: seq((5, 4, 3), L.TimeDistributed(L.LSTM(3))))
add("td_free", lambda: seq((None, 4), L.TimeDistributed(L.Dense(3)), L.GRU(2)))


@case
def td_model():
    inner = seq((8, 7, 2), L.Conv2D(3, 2), L.BatchNormalization(), L.Flatten(), L.Dense(4))
    return seq((3, 8, 7, 2), L.TimeDistributed(inner), L.LSTM(3), L.Dense(1))


@case
def td_functional():
    x = K.Input((6,))
    inner = K.Model(x, L.Add()([L.Dense(4)(x), L.Dense(4)(x)]))
    return seq((3, 6), L.TimeDistributed(inner), L.GRU(3))


@case
def nested_sequential():
    a = K.Sequential([K.Input((6,)), L.Dense(5, activation="relu"), L.BatchNormalization(), L.Dense(4)])
    b = K.Sequential([L.Dense(3, activation="relu"), L.Dense(2)])
    return seq((6,), a, L.ReLU(), b)


@case
def nested_first():
    return K.Sequential([seq((8, 7, 2), L.Conv2D(3, 2), L.BatchNormalization()), L.Flatten(), L.Dense(3)])


@case
def nested_functional():
    x = K.Input((8, 7, 2))
    y = L.BatchNormalization()(L.Conv2D(3, 2)(x))
    base = K.Model(x, L.Add()([y, L.Conv2D(3, 1)(y)]), name="base")
    a = K.Input((8, 7, 2))
    return K.Model(a, L.Dense(2)(L.GlobalAveragePooling2D()(base(a))))


@case
def nested_twice():
    x = K.Input((6,))
    inner = K.Model(x, L.Dense(4, activation="tanh")(L.Dense(5)(x)), name="tower")
    a, b = K.Input((6,), name="left"), K.Input((6,), name="right")
    return K.Model([a, b], L.Dot(1)([inner(a), inner(b)]))


@case
def nested_deep():
    m = seq((4,), L.Dense(4))
    for i in range(4):
        m = seq((4,), m, L.Dense(4, activation="relu"), L.BatchNormalization())
    return m


@case
def nested_two_outputs():
    x = K.Input((6,))
    h = L.Dense(5)(x)
    inner = K.Model(x, [L.Dense(4)(h), L.Dense(3)(h)], name="two")
    a = K.Input((6,))
    p, q = inner(a)
    return K.Model(a, [L.Dense(2, name="first")(q), L.Dense(2, name="second")(p)])


@case
def nested_frozen():
    base = seq((8, 7, 2), L.Conv2D(3, 2), L.BatchNormalization(), L.Conv2D(4, 2), L.BatchNormalization())
    base.trainable = False
    return seq((8, 7, 2), base, L.GlobalAveragePooling2D(), L.Dense(2))


@case
def nested_partly_frozen():
    base = seq((8, 7, 2), L.Conv2D(3, 2), L.BatchNormalization(), L.Conv2D(4, 2), L.BatchNormalization())
    for layer in base.layers[:2]:
        layer.trainable = False
    return seq((8, 7, 2), base, L.GlobalAveragePooling2D(), L.Dense(2))


@case
def nested_same_names():
    def tower(n):
        return K.Sequential([K.Input((6,)), L.Dense(n, name="dense"), L.Dense(4, name="out")], name="tower%d" % n)
    a = K.Input((6,))
    return K.Model(a, L.Add()([tower(3)(a), tower(5)(a)]))


@case
def frozen_layers():
    m = seq((6,), L.Dense(5), L.BatchNormalization(), L.Dense(3))
    m.layers[0].trainable = m.layers[1].trainable = False
    return m


@case
def shared_layer():
    d = L.Dense(4, activation="relu")
    return fun([(6,), (6,)], lambda a, b: L.Concatenate()([d(a), d(b), d(a)]))


@case
def layer_called_on_itself():
    d = L.Dense(6, activation="tanh")
    return fun([(6,)], lambda a: d(d(d(a))))


@case
def several_outputs():
    return fun([(6,), (3,)], lambda a, b: [L.Dense(2, name="price")(a), L.Dense(3, activation="softmax", name="klass")(L.Concatenate()([a, b])), L.Dense(1)(b)])


@case
def dict_inputs():
    i = {"age": K.Input((1,), name="age"), "size": K.Input((2,), name="size")}
    return K.Model(i, L.Dense(2)(L.Concatenate()(list(i.values()))))


@case
def dict_outputs():
    a = K.Input((4,), name="a")
    return K.Model(a, {"one": L.Dense(2, name="x1")(a), "two": L.Dense(3, name="x2")(a)})


@case
def output_is_hidden():
    a = K.Input((4,), name="a")
    h = L.Dense(3)(a)
    return K.Model(a, [h, L.Dense(2)(h)])


@case
def cut_out():
    a = K.Input((4,), name="a")
    h = L.Dense(3)(a)
    whole = K.Model(a, L.Dense(2)(h))
    return K.Model(whole.input, whole.layers[1].output)


@case
def autoencoder():
    return seq((8, 8, 1), L.Conv2D(4, 3, strides=2, padding="same", activation="relu"), L.Conv2D(3, 3, strides=2, padding="same", activation="relu"), L.Flatten(), L.Dense(5),
               L.Dense(12), L.Reshape((2, 2, 3)), L.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu"), L.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid"))


@case
def unet():
    a = K.Input((8, 8, 2))
    c = L.Conv2D(4, 3, padding="same", activation="relu")(a)
    d = L.Conv2D(6, 3, padding="same", activation="relu")(L.MaxPooling2D()(c))
    u = L.Concatenate()([L.Conv2DTranspose(4, 2, strides=2)(d), c])
    return K.Model(a, L.Conv2D(2, 1, activation="softmax")(u))


@case
def fully_convolutional():
    return seq((None, None, 3), L.Conv2D(4, 3, padding="same", activation="relu"), L.MaxPooling2D(), L.BatchNormalization(), L.GlobalAveragePooling2D(), L.Dense(2)), [normal(2, 12, 9, 3)]


@case
def channels_first_net():
    return seq((3, 8, 8), L.ZeroPadding2D(1, data_format="channels_first"), L.BatchNormalization(axis=1), L.GlobalAveragePooling2D(data_format="channels_first"))


@case
def channels_first_flatten():
    return seq((3, 8, 8), L.UpSampling2D(2, data_format="channels_first"), L.Cropping2D(2, data_format="channels_first"), L.Flatten(data_format="channels_first"), L.Dense(2))


@case
def half_precision():
    return seq((6,), L.Dense(5, dtype="float16"), L.Dense(3, dtype="float32"))


@case
def mixed_precision():
    return seq((6,), L.Dense(5, dtype="mixed_float16" if V3 else K.mixed_precision.Policy("mixed_float16")), L.Dense(3))


@case
def double_precision():
    return seq((6,), L.Dense(5, dtype="float64"), L.Dense(3, dtype="float64"))


@case
def embedding_plain():
    return seq((7,), L.Embedding(9, 3), L.Flatten(), L.Dense(2), dtype="int32"), [integers(0, 9, 3, 7)]


@case
def embedding_conv():
    return seq((7,), L.Embedding(9, 3), L.Conv1D(4, 3, activation="relu"), L.GlobalMaxPooling1D(), L.Dense(1, activation="sigmoid")), [integers(0, 9, 3, 7)]


@case
def embedding_no_input():
    m = K.Sequential([L.Embedding(9, 3), L.LSTM(4), L.Dense(1)])
    m(np.zeros((1, 7), "i4"))
    return m, [integers(0, 9, 3, 7)]


@case
def names_odd():
    return K.Model(*(lambda a: (a, L.Dense(2, name="out.put")(L.Dense(3, name="hidden_layer-1")(a))))(K.Input((4,), name="x.y")))


# ---------------------------------------------------------------------------------------------- preprocessing


@case
def normalization_adapted():
    n = L.Normalization()
    n.adapt(normal(50, 4) * 3 + 1)
    return seq((4,), n, L.Dense(2))


@case
def normalization_scalar():
    n = L.Normalization(axis=None)
    n.adapt(normal(50, 4) * 3 + 1)
    return seq((4,), n)


@case
def discretization_adapted():
    d = L.Discretization(num_bins=4)
    d.adapt(normal(100, 1))
    return seq((3,), d), [normal(5, 3)]


for mode in ("one_hot", "multi_hot", "count", "binary"):
    add("category_" + mode, lambda mode=mode: (seq((1 if mode == "one_hot" else 5,), L.CategoryEncoding(num_tokens=6, output_mode=mode), dtype="int32"), [integers(0, 6, 4, 1 if mode == "one_hot" else 5)]))


@case
def category_weights():
    a, w = K.Input((4,), dtype="int32", name="ids"), K.Input((4,), name="weights")
    return K.Model([a, w], L.CategoryEncoding(num_tokens=6, output_mode="count")(a, count_weights=w)), [integers(0, 6, 4, 4), normal(4, 4)]


WORDS = np.array([["cat", "dog", "bird"], ["fish", "cat", ""], ["dog", "dog", "[UNK]"]])
for name, options in {"": {}, "_mask": {"mask_token": ""}, "_no_oov": {"num_oov_indices": 0}, "_two_oov": {"num_oov_indices": 2}, "_one_hot": {"output_mode": "one_hot"},
                      "_multi_hot": {"output_mode": "multi_hot"}, "_count": {"output_mode": "count"}, "_tf_idf": {"output_mode": "tf_idf", "idf_weights": [0.3, 1.5, 0.7]}}.items():
    def strings(options=options):
        words = WORDS[:, :1] if options.get("output_mode") == "one_hot" else WORDS
        if options.get("num_oov_indices") == 0:
            words = np.array([["cat", "dog", "bird"], ["dog", "dog", "cat"]])
        return seq((words.shape[1],), L.StringLookup(vocabulary=["cat", "dog", "bird"], **options), dtype="string"), [words]

    def numbers(options=options):
        ids = np.array([[12, 7, 1138], [4, 12, 0], [7, 7, -1]])
        o = dict(options)
        if "mask_token" in o: o["mask_token"] = 0
        if o.get("output_mode") == "one_hot": ids = ids[:, :1]
        if o.get("num_oov_indices") == 0: ids = np.array([[12, 7, 1138], [12, 12, 7]])
        return seq((ids.shape[1],), L.IntegerLookup(vocabulary=[12, 7, 1138], **o), dtype="int64"), [ids]
    add("stringlookup" + name, strings)
    add("integerlookup" + name, numbers)
add("stringlookup_invert", lambda: (seq((3,), L.StringLookup(vocabulary=["cat", "dog", "bird"], invert=True), dtype="int64"), [np.array([[0, 1, 2], [3, 1, 1]])]))
add("stringlookup_pad", lambda: (seq((3,), L.StringLookup(vocabulary=["cat", "dog"], output_mode="multi_hot", max_tokens=8, pad_to_max_tokens=True), dtype="string"), [WORDS]))


@case
def stringlookup_adapted():
    s = L.StringLookup()
    s.adapt(np.array(["cat", "dog", "dog", "bird", "dog", "cat"]))
    return seq((3,), s, L.Embedding(5, 2), dtype="string"), [WORDS]


TEXTS = np.array([["The quick brown fox, the FOX!"], ["jumped over   the lazy dog's \t back"], [""], ["a b c d e f g h i j k the"], ["caf\u00e9 \u00c9COLE na\u00efve fox."]])
for name, options in {"int": {}, "int_length": {"output_sequence_length": 4}, "multi_hot": {"output_mode": "multi_hot"}, "count": {"output_mode": "count"}, "tf_idf": {"output_mode": "tf_idf"},
                      "lower": {"standardize": "lower"}, "strip": {"standardize": "strip_punctuation"}, "none": {"standardize": None}, "chars": {"split": "character", "output_sequence_length": 12},
                      "whole": {"split": None}, "ngrams": {"ngrams": 2}, "ngrams_list": {"ngrams": (1, 3), "output_mode": "count"}, "max_tokens": {"max_tokens": 6, "output_mode": "multi_hot", "pad_to_max_tokens": True}}.items():
    def text(options=options):
        t = L.TextVectorization(**options)
        t.adapt(TEXTS[:, 0])
        return seq((1,), t, dtype="string"), [TEXTS]
    add("text_" + name, text)


@case
def text_classifier():
    t = L.TextVectorization(max_tokens=20, output_sequence_length=6)
    t.adapt(TEXTS[:, 0])
    return seq((1,), t, L.Embedding(20, 4, mask_zero=True), L.LSTM(3), L.Dense(1, activation="sigmoid"), dtype="string"), [TEXTS]


@case
def lookups_by_hash():
    words, numbers = K.Input((3,), dtype="string", name="words"), K.Input((3,), dtype="int64", name="numbers")
    several = L.StringLookup(vocabulary=["cat", "dog"], num_oov_indices=3), L.IntegerLookup(vocabulary=[5, 7], num_oov_indices=2)
    crossed = L.HashedCrossing(num_bins=50)((words[:, :1], numbers[:, :1]))
    return K.Model([words, numbers], [several[0](words), several[1](numbers), crossed]), [WORDS, integers(-9, 9, *WORDS.shape).astype("i8")]


@case
def stringlookup_tf_idf():
    s = L.StringLookup(output_mode="tf_idf")
    s.adapt(np.array([["cat", "dog"], ["dog", "bird"], ["dog", "cat"]]))
    return seq((3,), s, dtype="string"), [WORDS]


@case
def tagger():
    tokens = K.Input((12,), dtype="int32", name="tokens")
    x = L.Bidirectional(L.LSTM(4, return_sequences=True))(L.SpatialDropout1D(0.1)(L.Embedding(20, 4, mask_zero=True)(tokens)))
    return K.Model(tokens, L.TimeDistributed(L.Dense(3, activation="softmax"))(x)), [ids_padded(4, 12, 20)]


@case
def states_of_both_directions():
    tokens = K.Input((7,), dtype="int32", name="tokens")
    y, fh, fc, bh, bc = L.Bidirectional(L.LSTM(3, return_sequences=True, return_state=True))(L.Embedding(20, 4, mask_zero=True)(tokens))
    z = L.LSTM(6, return_sequences=True)(y, initial_state=[L.Concatenate()([fh, bh]), L.Concatenate()([fc, bc])])
    return K.Model(tokens, L.Attention()([z, y])), [ids_padded(4, 7, 20)]


@case
def inner_model_called_twice():
    i, x = K.Input((6,), name="inner"), K.Input((6,), name="x")
    inner = K.Model(i, [L.Dense(2)(i), L.Dense(3)(i)], name="two")
    (a, b), (c, d) = inner(x), inner(L.ReLU()(x))
    return K.Model(x, [L.Concatenate()([a, b]), L.Add()([b, d]), c])


add("cells_of_several_kinds", lambda: seq((7, 3), L.RNN([L.LSTMCell(4), L.GRUCell(3), L.LSTMCell(2)])))
add("lstm_masked_by_steps", lambda: (seq((7,), L.Embedding(9, 3, mask_zero=True), L.LSTM(4, activation="selu", return_sequences=True), dtype="int32"), [ids_padded(4, 7, 9)]))
add("gru_before_by_steps", lambda: seq((None, 3), L.GRU(4, activation="gelu", reset_after=False, go_backwards=True)))
add("hashing", lambda: (seq((3,), L.Hashing(num_bins=7), dtype="string"), [WORDS]))
add("hashing_salt", lambda: (seq((3,), L.Hashing(num_bins=7, salt=42), dtype="string"), [WORDS]))
add("hashing_int", lambda: (seq((3,), L.Hashing(num_bins=7), dtype="int64"), [integers(0, 100, 4, 3)]))
add("hashing_mask", lambda: (seq((3,), L.Hashing(num_bins=7, mask_value=""), dtype="string"), [WORDS]))

# ---------------------------------------------------------------------------------------------- operations on tensors

OPERATORS = {
    "plus": lambda x, y: x + y, "minus": lambda x, y: x - y, "times": lambda x, y: x * y, "over": lambda x, y: x / (y * y + 1.0), "power": lambda x, y: (x * x + 1.0) ** 1.5,
    "negative": lambda x, y: -x, "reverse": lambda x, y: 1.0 - x, "constant": lambda x, y: x * 2.0 + 3.0, "reverse_over": lambda x, y: 2.0 / (y * y + 1.0),
    "slice": lambda x, y: x[:, 1:3], "index": lambda x, y: x[:, -1], "index_inner": lambda x, y: x[:, :, 0], "step": lambda x, y: x[:, ::2, 1:], "ellipsis": lambda x, y: x[..., :2],
    "newaxis": lambda x, y: x[:, None, :, 1], "reversed_slice": lambda x, y: x[:, ::-1],
}
for name, f in OPERATORS.items():
    add("operator_" + name, lambda f=f: fun([(4, 6), (4, 6)], f))
add("operator_constant_array", lambda: fun([(4, 6)], lambda x: x * np.arange(6).astype("f4") + np.ones((4, 1), "f4")))
add("operator_image", lambda: fun([(7, 6, 3)], lambda x: L.Conv2D(3, 2)(x) * 2.0 + L.Conv2D(3, 2)(x)))
add("operator_image_slice", lambda: fun([(7, 6, 3)], lambda x: L.Conv2D(3, 2)(x)[:, 1:4, ::2, :2]))
if V3:
    O = K.ops
    OPS = {
        "relu": lambda x, y: O.relu(x), "relu6": lambda x, y: O.relu6(x), "sigmoid": lambda x, y: O.sigmoid(x), "tanh": lambda x, y: O.tanh(x), "softmax": lambda x, y: O.softmax(x, axis=1),
        "gelu": lambda x, y: O.gelu(x, approximate=True), "silu": lambda x, y: O.silu(x), "leaky_relu": lambda x, y: O.leaky_relu(x, 0.3), "elu": lambda x, y: O.elu(x, alpha=0.5),
        "hard_sigmoid": lambda x, y: O.hard_sigmoid(x), "log_softmax": lambda x, y: O.log_softmax(x), "exp": lambda x, y: O.exp(x), "log": lambda x, y: O.log(x * x + 1.0), "sqrt": lambda x, y: O.sqrt(x * x),
        "square": lambda x, y: O.square(x), "abs": lambda x, y: O.abs(x), "sign": lambda x, y: O.sign(x), "floor": lambda x, y: O.floor(x), "round": lambda x, y: O.round(x), "sin": lambda x, y: O.sin(x),
        "cos": lambda x, y: O.cos(x), "rsqrt": lambda x, y: O.rsqrt(x * x + 1.0), "reciprocal": lambda x, y: O.reciprocal(x * x + 1.0), "log1p": lambda x, y: O.log1p(O.abs(x)), "expm1": lambda x, y: O.expm1(x),
        "mean": lambda x, y: O.mean(x, axis=1), "mean_keep": lambda x, y: O.mean(x, axis=[1, 2], keepdims=True), "sum": lambda x, y: O.sum(x, axis=-1), "max": lambda x, y: O.max(x, axis=1), "min": lambda x, y: O.min(x, axis=2, keepdims=True),
        "prod": lambda x, y: O.prod(x, axis=1), "var": lambda x, y: O.var(x, axis=1), "std": lambda x, y: O.std(x, axis=-1, keepdims=True), "argmax": lambda x, y: O.argmax(x, axis=-1), "argmin": lambda x, y: O.argmin(x, axis=1),
        "logsumexp": lambda x, y: O.logsumexp(x, axis=1), "norm": lambda x, y: O.norm(x, axis=-1), "reshape": lambda x, y: O.reshape(x, (-1, 3, 8)), "transpose": lambda x, y: O.transpose(x, (0, 2, 1)), "swapaxes": lambda x, y: O.swapaxes(x, 1, 2),
        "expand": lambda x, y: O.expand_dims(x, 1), "squeeze": lambda x, y: O.squeeze(O.expand_dims(x, 1), 1), "concatenate": lambda x, y: O.concatenate([x, y], axis=1), "stack": lambda x, y: O.stack([x, y], axis=1),
        "split": lambda x, y: O.split(x, 2, axis=1), "split_at": lambda x, y: O.split(x, [1, 3], axis=2), "matmul": lambda x, y: O.matmul(x, O.transpose(y, (0, 2, 1))), "einsum": lambda x, y: O.einsum("abc,adc->abd", x, y),
        "maximum": lambda x, y: O.maximum(x, y), "minimum": lambda x, y: O.minimum(x, 0.2), "where": lambda x, y: O.where(x > y, x, 0.5), "clip": lambda x, y: O.clip(x, -0.5, 0.5), "cast": lambda x, y: O.cast(x, "int32"),
        "greater": lambda x, y: O.cast(O.greater(x, y), "float32"), "equal": lambda x, y: O.cast(O.equal(O.round(x), O.round(y)), "float32"), "logical": lambda x, y: O.cast(O.logical_and(x > 0, O.logical_not(y > 0)), "float32"),
        "pad": lambda x, y: O.pad(x, ((0, 0), (1, 2), (0, 1))), "tile": lambda x, y: O.tile(x, (1, 2, 1)), "repeat": lambda x, y: O.repeat(x, 2, axis=1), "flip": lambda x, y: O.flip(x, axis=1), "cumsum": lambda x, y: O.cumsum(x, axis=1),
        "roll": lambda x, y: O.roll(x, 1, axis=1), "take": lambda x, y: O.take(x, [2, 0], axis=1), "one_hot": lambda x, y: O.one_hot(O.argmax(x, axis=-1), 6), "normalize": lambda x, y: O.normalize(x, axis=-1),
        "moveaxis": lambda x, y: O.moveaxis(x, 2, 1), "ones_like": lambda x, y: x + O.ones_like(x), "zeros_like": lambda x, y: x + O.zeros_like(y), "top_k": lambda x, y: O.top_k(x, 2), "average_pool": lambda x, y: O.average_pool(x, 2),
        "max_pool": lambda x, y: O.max_pool(x, 2, strides=1, padding="same"), "broadcast": lambda x, y: O.broadcast_to(x[:, :1], (3, 4, 6)), "divide": lambda x, y: O.divide(x, 3.0), "floor_divide": lambda x, y: O.floor_divide(x, 0.7),
        "mod": lambda x, y: O.mod(x, 0.7), "power": lambda x, y: O.power(O.abs(x), 0.5), "absolute": lambda x, y: O.absolute(x), "negative": lambda x, y: O.negative(x), "dot": lambda x, y: O.dot(x, np.ones((6, 2), "f4")), "tensordot": lambda x, y: O.tensordot(x, np.ones((6, 2), "f4"), axes=1),
        "outer_product": lambda x, y: x[:, :, :, None] * y[:, :, None, :], "any": lambda x, y: O.cast(O.any(x > 1, axis=1), "float32"), "all": lambda x, y: O.cast(O.all(x > -1, axis=1), "float32"), "isnan": lambda x, y: O.cast(O.isnan(x), "float32"),
        "erf": lambda x, y: O.erf(x), "ravel": lambda x, y: O.reshape(x, (-1,)), "triu": lambda x, y: O.triu(x), "arctan2": lambda x, y: O.arctan2(x, y), "shape": lambda x, y: O.reshape(x, (O.shape(x)[0], 24)),
        "full_like": lambda x, y: x + O.full_like(x, 2.0), "sort": lambda x, y: O.sort(x, axis=1), "argsort": lambda x, y: O.argsort(x, axis=1), "meshless_arange": lambda x, y: x + O.arange(6, dtype="float32"),
    }
    for name, f in OPS.items():
        add("ops_" + name, lambda f=f: fun([(4, 6), (4, 6)], f))
    add("ops_resize", lambda: fun([(8, 8, 2)], lambda x: O.image.resize(x, (5, 12))))
    add("ops_image_chain", lambda: fun([(8, 8, 2)], lambda x: O.mean(O.relu(L.Conv2D(4, 3)(x)), axis=(1, 2))))
    add("ops_conv", lambda: fun([(8, 8, 2)], lambda x: O.relu(L.BatchNormalization()(L.Conv2D(4, 3)(x))) + L.Conv2D(4, 3)(x)))
else:
    OPS = {
        "relu": lambda x, y: tf.nn.relu(x), "relu6": lambda x, y: tf.nn.relu6(x), "sigmoid": lambda x, y: tf.sigmoid(x), "nn_sigmoid": lambda x, y: tf.nn.sigmoid(x), "tanh": lambda x, y: tf.tanh(x), "softmax": lambda x, y: tf.nn.softmax(x, axis=1), "exp": lambda x, y: tf.exp(x),
        "log": lambda x, y: tf.math.log(x * x + 1.0), "sqrt": lambda x, y: tf.sqrt(x * x), "square": lambda x, y: tf.square(x), "abs": lambda x, y: tf.abs(x), "reduce_mean": lambda x, y: tf.reduce_mean(x, axis=1), "reduce_sum": lambda x, y: tf.reduce_sum(x, axis=-1, keepdims=True),
        "reduce_max": lambda x, y: tf.reduce_max(x, axis=[1, 2]), "concat": lambda x, y: tf.concat([x, y], axis=1), "stack": lambda x, y: tf.stack([x, y], axis=1), "reshape": lambda x, y: tf.reshape(x, [-1, 24]), "transpose": lambda x, y: tf.transpose(x, [0, 2, 1]),
        "expand_dims": lambda x, y: tf.expand_dims(x, 1), "squeeze": lambda x, y: tf.squeeze(tf.expand_dims(x, 1), axis=1), "matmul": lambda x, y: tf.matmul(x, y, transpose_b=True), "maximum": lambda x, y: tf.maximum(x, y), "minimum": lambda x, y: tf.minimum(x, y),
        "clip": lambda x, y: tf.clip_by_value(x, -0.5, 0.5), "cast": lambda x, y: tf.cast(x, tf.int32), "split": lambda x, y: tf.split(x, 2, axis=1), "where": lambda x, y: tf.where(x > y, x, y), "add": lambda x, y: tf.add(x, y), "multiply": lambda x, y: tf.multiply(x, y), "subtract": lambda x, y: tf.subtract(x, 1.0),
        "divide": lambda x, y: tf.divide(x, 3.0), "pow": lambda x, y: tf.pow(tf.abs(x), 0.5), "argmax": lambda x, y: tf.argmax(x, axis=-1), "l2_normalize": lambda x, y: tf.math.l2_normalize(x, axis=-1), "pad": lambda x, y: tf.pad(x, [[0, 0], [1, 2], [0, 1]]), "tile": lambda x, y: tf.tile(x, [1, 2, 1]),
        "gelu": lambda x, y: tf.nn.gelu(x), "silu": lambda x, y: tf.nn.silu(x), "leaky": lambda x, y: tf.nn.leaky_relu(x, alpha=0.1), "one_hot": lambda x, y: tf.one_hot(tf.argmax(x, axis=-1), 6), "einsum": lambda x, y: tf.einsum("abc,adc->abd", x, y), "backend_mean": lambda x, y: K.backend.mean(x, axis=1),
        "backend_sum": lambda x, y: K.backend.sum(x, axis=1), "backend_relu": lambda x, y: K.backend.relu(x), "hard_swish": lambda x, y: x * tf.nn.relu6(x + 3.0) / 6.0, "gather": lambda x, y: tf.gather(x, [2, 0], axis=1), "reverse": lambda x, y: tf.reverse(x, [1]), "cumsum": lambda x, y: tf.cumsum(x, axis=1),
        "shape": lambda x, y: tf.reshape(x, [tf.shape(x)[0], 24]), "image_resize": lambda x, y: tf.image.resize(tf.expand_dims(x, -1), [5, 9]), "softplus": lambda x, y: tf.nn.softplus(x), "rsqrt": lambda x, y: tf.math.rsqrt(x * x + 1.0), "elu": lambda x, y: tf.nn.elu(x), "round": lambda x, y: tf.round(x),
        "reduce_prod": lambda x, y: tf.reduce_prod(x, axis=1), "unstack": lambda x, y: tf.unstack(x, axis=1), "greater": lambda x, y: tf.cast(x > y, tf.float32), "negative": lambda x, y: tf.negative(x), "sign": lambda x, y: tf.sign(x), "identity": lambda x, y: tf.identity(x), "add_n": lambda x, y: tf.add_n([x, y]),
    }
    for name, f in OPS.items():
        add("tf_" + name, lambda f=f: fun([(4, 6), (4, 6)], f))

# ---------------------------------------------------------------------------------------------- what is refused


@case
def refused_lambda():
    return seq((4,), L.Dense(3), L.Lambda(lambda x: x * 2, output_shape=(3,)))


@case
def refused_custom():
    class Doubled(L.Layer):
        def call(self, x):
            return x * 2
    return seq((4,), L.Dense(3), Doubled())


@case
def refused_stateful():
    a = K.Input(batch_shape=(3, 7, 3))
    return K.Model(a, L.LSTM(4, stateful=True)(a))


# ---------------------------------------------------------------------------------------------- writing

APPLICATIONS = ["VGG16", "ResNet50", "ResNet50V2", "InceptionV3", "InceptionResNetV2", "Xception", "MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large", "DenseNet121", "NASNetMobile", "EfficientNetB0",
                "EfficientNetV2B0", "ConvNeXtTiny", "RegNetX002", "ResNetRS50"]


def application(name):
    net = getattr(K.applications, name)
    size = {"InceptionV3": 96, "InceptionResNetV2": 96, "Xception": 96, "NASNetMobile": 224, "VGG16": 64}.get(name, 96)
    model = net(weights=None, input_shape=(size, size, 3), classes=10) if name != "NASNetMobile" else net(weights=None)
    if name == "VGG16":
        model = net(weights=None, input_shape=(size, size, 3), include_top=False, pooling="avg")
    return model, [RNG.rand(2, size, size, 3).astype("f4") * (255 if "Efficient" in name or "MobileNetV3" in name else 1)]


def randomize(model):
    out = []
    for variable, value in zip(model.weights, model.get_weights()):
        name = getattr(variable, "path", variable.name)
        if value.dtype.kind != "f" or "normalization/mean" in name or "count" in name or ("normalization" in name and "batch" not in name and name.endswith("variance")):
            out.append(value)
        elif "variance" in name:
            out.append(RNG.uniform(0.5, 1.5, value.shape).astype(value.dtype))
        else:
            fan = max(1, int(np.prod(value.shape[:-1])))
            out.append((RNG.normal(size=value.shape) * min(0.5, 1.5 / fan ** 0.5) + (1 if name.endswith("gamma") or name.endswith("gamma:0") else 0)).astype(value.dtype))
    model.set_weights(out)


def output_names(model):
    if isinstance(model, K.Sequential):
        return [model.layers[-1].name]
    tensors = tf.nest.flatten(model.outputs)
    return [(t._keras_history.operation if hasattr(t._keras_history, "operation") else t._keras_history.layer).name for t in tensors]


def input_names(model):
    if isinstance(model, K.Sequential) and V3:
        return [model.inputs[0].name]
    return [t._keras_history.operation.name if V3 else t._keras_history.layer.name for t in model.inputs]


def plain(a):
    a = np.asarray(a)
    if a.dtype.kind in "SO":
        a = np.vectorize(lambda v: v.decode() if isinstance(v, bytes) else v, otypes=[object])(a)
    return a.tolist()


def write(out, name, model, inputs, large):
    rows = 1 if large else 3
    if inputs is None:
        inputs = []
        for t in model.inputs:
            shape = [rows] + [5 if d is None else int(d) for d in t.shape[1:]]
            dtype = str(t.dtype if isinstance(t.dtype, str) else t.dtype.name)
            inputs.append(integers(0, 5, *shape) if "int" in dtype else normal(*shape))
    if not name.startswith("refused"):
        randomize(model)
    given = [tf.constant(a) for a in inputs] if any(np.asarray(a).dtype.kind == "U" for a in inputs) else inputs
    call = given[0] if len(given) == 1 else given
    if isinstance(getattr(model, "input", None), dict):
        call = dict(zip(model.input.keys(), given))
    answers = tf.nest.flatten(model(call, training=False))
    answers = [np.asarray(a.to_dense() if hasattr(a, "to_dense") else a) for a in answers]
    names, seen = [], set()
    for n in output_names(model):
        n, k, base = n.replace(".", "_"), 0, n.replace(".", "_")
        while n in seen:
            k += 1
            n = "%s_%d" % (base, k)
        seen.add(n)
        names.append(n)
    for kind in ("h5", "keras"):
        folder = os.path.join(out, name + "_" + kind)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        try:
            model.save(os.path.join(folder, "model." + kind), **({} if V3 else {"include_optimizer": False} if kind == "h5" else {}))
            if os.path.isdir(os.path.join(folder, "model." + kind)):
                raise ValueError("a SavedModel")
            if large and kind == "keras" and not V3:
                raise ValueError("one is enough")
        except Exception as e:
            shutil.rmtree(folder)
            print("  not as", kind, name, str(e).split("\n")[0][:100])
            continue
        if large:
            np.save(os.path.join(folder, "input.npy"), inputs[0])
            np.save(os.path.join(folder, "expected.npy"), answers[0])
            continue
        body = {"inputs": {n.replace(".", "_"): plain(a) for n, a in zip(input_names(model), inputs)}} if len(inputs) > 1 else {"instances": plain(inputs[0])}
        with open(os.path.join(folder, "input.json"), "w") as f:
            json.dump(body, f, separators=(",", ":"))
        with open(os.path.join(folder, "expected.json"), "w") as f:
            json.dump(dict({"kind": "graph"}, **{n: plain(a) for n, a in zip(names, answers)}), f, separators=(",", ":"))


def main():
    flags = [a for a in sys.argv[1:] if a.startswith("--")]
    version, out, *patterns = [a for a in sys.argv[1:] if not a.startswith("--")]
    large = "--applications" in flags
    cases = {"app_" + n: (lambda n=n: application(n)) for n in APPLICATIONS} if large else CASES
    done = 0
    for name, build in cases.items():
        if patterns and not any(fnmatch.fnmatch(name, p) for p in patterns):
            continue
        if "--keep" in flags and name not in KEPT:
            continue
        K.backend.clear_session()
        RNG.seed(sum(name.encode()))
        K.utils.set_random_seed(1) if hasattr(K.utils, "set_random_seed") else tf.random.set_seed(1)
        try:
            made = build()
            model, inputs = made if isinstance(made, tuple) else (made, None)
            write(out, name, model, inputs, large)
            done += 1
        except Exception as e:
            print("  left out", name, type(e).__name__, str(e).split("\n")[0][:100])
    print(version, done, "cases")


KEPT = {
    "activation_hard_sigmoid", "activation_gelu", "layer_relu_all", "layer_batchnorm_bare", "layer_layernorm_two", "layer_layernorm_rms", "layer_groupnorm", "layer_softmax_two",
    "layer_einsum_heads", "layer_prelu_shared", "layer_spectral_dense", "dense_flatten_first", "conv2d_stride_same", "conv2d_depthwise_more", "conv2d_separable_more",
    "conv2d_transpose_output", "conv1d_causal_dilation", "conv3d_same", "maxpooling2d_stride_same", "averagepooling1d_stride_same", "upsampling2d_bilinear", "resizing_bicubic_4_5",
    "resizing_nearest_4_5", "image_resizing_crop", "image_center_crop_odd", "after_conv_flatten", "lstm_backwards_sequences", "gru_reset_before", "gru_state", "rnn_initial",
    "lstm_stacked_cells_last", "bi_gru_mul_sequences", "bi_lstm_state", "masked_lstm_scattered_sequences", "masked_bi_gru_right_sequences", "masked_average", "masked_add", "masked_state",
    "encoder_decoder", "mha_causal", "mha_masked", "mha_mask_argument", "gqa_2", "attention_masked", "additive", "transformer_block", "merge_excite", "concatenate4d_1", "dot_mixed", "td_model",
    "nested_deep", "nested_twice", "nested_two_outputs", "nested_partly_frozen", "layer_called_on_itself", "several_outputs", "unet", "fully_convolutional", "normalization_adapted",
    "category_multi_hot", "stringlookup_mask", "stringlookup_adapted", "integerlookup", "operator_step", "operator_reverse_over", "operator_image", "ops_mean", "ops_split_at", "ops_einsum",
    "ops_where", "ops_shape", "tf_reduce_mean", "tf_where", "tf_matmul", "tf_shape",
    "text_classifier", "text_int", "text_chars", "text_ngrams_list", "text_tf_idf", "text_max_tokens", "lookups_by_hash", "stringlookup_tf_idf", "stringlookup_invert", "hashing_mask",
    "hashing_salt", "tagger", "states_of_both_directions", "inner_model_called_twice", "cells_of_several_kinds", "lstm_masked_by_steps", "gru_before_by_steps", "convlstm1d_backwards",
    "convlstm2d_same", "convlstm2d_state", "convlstm2d_bi", "convlstm3d"}

if __name__ == "__main__":
    main()
