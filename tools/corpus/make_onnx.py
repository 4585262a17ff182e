"""Writes the good ONNX cases of the corpus with onnxruntime's own answers.

    python make_onnx.py tests/corpus/onnx

A case is a folder with model.onnx, input.json and expected.json. expected.json has kind "onnx" and every output under the name that the
graph gives it; float32 is written as the double that it is. A sequence of maps, which is how skl2onnx's ZipMap answers, is written as
the plain [N, classes] array behind it.
"""
import io
import json
import math
import os
import shutil
import sys

import numpy as np
import onnx
import onnxruntime
import skl2onnx
import sklearn
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn, to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

F, D, I, S, B = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.STRING, TensorProto.BOOL
RNG = np.random.RandomState(20)
CASES = []


def case(build):
    CASES.append((build.__name__, build))
    return build


def io_value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def weights(name, *shape, dtype=np.float32):
    return numpy_helper.from_array(RNG.normal(size=shape).astype(dtype), name)


def held(name, values, dtype):
    return numpy_helper.from_array(np.array(values, dtype=dtype), name)


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, **attributes)


def model(nodes, inputs, outputs, initializers=(), opset=17, ir=8, ml=None, functions=(), imports=()):
    graph = helper.make_graph(list(nodes), "net", inputs, outputs, list(initializers))
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid("ai.onnx.ml", ml)] if ml else []) + list(imports)
    made = helper.make_model(graph, opset_imports=opsets, ir_version=ir, functions=list(functions), producer_name="corpus")
    onnx.checker.check_model(made)
    return made


def normal(*shape, dtype=np.float32):
    return np.round(RNG.normal(size=shape), 4).astype(dtype)


# ---------------------------------------------------------------------------------------------- nets

def mlp(opset=17, ir=8):
    nodes = [node("Gemm", ["x", "w1", "b1"], ["h"]), node("Relu", ["h"], ["r"]), node("Gemm", ["r", "w2", "b2"], ["z"]),
             node("Softmax", ["z"], ["probabilities"], axis=1)]
    return model(nodes, [io_value("x", F, ["batch", 4])], [io_value("probabilities", F, ["batch", 3])],
                 [weights("w1", 4, 8), weights("b1", 8), weights("w2", 8, 3), weights("b2", 3)], opset, ir)


@case
def mlp_dynamic_batch():
    return mlp(), {"x": np.vstack([normal(10, 4), [[0, 0, 0, 0], [1e6, -1e6, 3, 1]]]).astype("f4")}


@case
def mlp_opset_7():
    return mlp(7, 4), {"x": normal(5, 4)}


@case
def mlp_newest_opset():
    for opset in range(onnx.defs.onnx_opset_version(), 17, -1):
        made = mlp(opset, 10)
        try:
            session(made)
        except Exception:
            continue
        return made, {"x": normal(5, 4)}


@case
def mlp_weights_are_inputs():
    made = mlp(8, 4)
    made.ir_version = 3
    for weight in made.graph.initializer:  # IR 3 lists every weight as an input too
        made.graph.input.append(io_value(weight.name, F, list(weight.dims)))
    return made, {"x": normal(4, 4)}


@case
def mlp_unknown_dims():
    made = mlp()
    made.graph.input[0].CopyFrom(io_value("x", F, [None, None]))
    made.graph.output[0].CopyFrom(io_value("probabilities", F, [None, None]))
    return made, {"x": normal(4, 4)}


@case
def conv_fixed_batch():
    nodes = [node("Conv", ["image", "k", "kb"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]), node("Relu", ["c"], ["r"]),
             node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]), node("GlobalAveragePool", ["p"], ["g"]),
             node("Flatten", ["g"], ["f"]), node("Gemm", ["f", "w", "b"], ["scores"])]
    made = model(nodes, [io_value("image", F, [1, 3, 8, 8])], [io_value("scores", F, [1, 5])],
                 [weights("k", 4, 3, 3, 3), weights("kb", 4), weights("w", 4, 5), weights("b", 5)])
    return made, {"image": normal(1, 3, 8, 8)}


@case
def conv_fixed_batch_of_two():
    nodes = [node("Conv", ["image", "k"], ["c"], kernel_shape=[3, 3]), node("ReduceMax", ["c"], ["top"], axes=[2, 3], keepdims=0)]
    return model(nodes, [io_value("image", F, [2, 1, 6, 6])], [io_value("top", F, [2, 2])], [weights("k", 2, 1, 3, 3)]), {"image": normal(2, 1, 6, 6)}


@case
def conv_uint8_image():
    nodes = [node("Cast", ["pixels"], ["f"], to=F), node("Transpose", ["f"], ["t"], perm=[0, 3, 1, 2]), node("Div", ["t", "full"], ["n"]),
             node("Conv", ["n", "k"], ["c"], kernel_shape=[3, 3]), node("GlobalMaxPool", ["c"], ["m"]), node("Flatten", ["m"], ["scores"])]
    made = model(nodes, [io_value("pixels", TensorProto.UINT8, ["n", 6, 6, 3])], [io_value("scores", F, ["n", 2])],
                 [held("full", 255, "f4"), weights("k", 2, 3, 3, 3)])
    return made, {"pixels": RNG.randint(0, 256, (3, 6, 6, 3)).astype(np.uint8)}


@case
def lstm_two_dynamic_dims():
    nodes = [node("Transpose", ["series"], ["t"], perm=[1, 0, 2]), node("LSTM", ["t", "w", "r", "b"], ["", "last"], hidden_size=4),
             node("Squeeze", ["last", "zero"], ["state"])]
    made = model(nodes, [io_value("series", F, ["n", "steps", 2])], [io_value("state", F, ["n", 4])],
                 [weights("w", 1, 16, 2), weights("r", 1, 16, 4), weights("b", 1, 32), held("zero", [0], "i8")])
    return made, {"series": normal(3, 7, 2)}


@case
def token_ids():
    nodes = [node("Gather", ["table", "ids"], ["e"], axis=0), node("ReduceMean", ["e"], ["m"], axes=[1], keepdims=0), node("MatMul", ["m", "w"], ["logits"])]
    made = model(nodes, [io_value("ids", I, ["n", 5])], [io_value("logits", F, ["n", 2])], [weights("table", 20, 6), weights("w", 6, 2)])
    return made, {"ids": RNG.randint(0, 20, (6, 5))}


@case
def regression_f64():
    nodes = [node("Sub", ["x", "mean"], ["c"]), node("Div", ["c", "scale"], ["s"]), node("MatMul", ["s", "w"], ["m"]), node("Add", ["m", "b"], ["y"])]
    made = model(nodes, [io_value("x", D, ["n", 3])], [io_value("y", D, ["n", 1])],
                 [weights("mean", 3, dtype="f8"), held("scale", [1.0, 1e-7, 3e5], "f8"), weights("w", 3, 1, dtype="f8"), weights("b", 1, dtype="f8")])
    return made, {"x": np.vstack([RNG.normal(size=(6, 3)), [[1.6e9, 1e-9, 1e12]]])}


@case
def half_precision():
    nodes = [node("MatMul", ["x", "w"], ["m"]), node("Relu", ["m"], ["y"])]
    made = model(nodes, [io_value("x", TensorProto.FLOAT16, ["n", 3])], [io_value("y", TensorProto.FLOAT16, ["n", 2])], [weights("w", 3, 2, dtype="f2")])
    return made, {"x": normal(4, 3, dtype=np.float16)}


@case
def quantized():
    nodes = [node("DynamicQuantizeLinear", ["x"], ["q", "qs", "qz"]), node("MatMulInteger", ["q", "w", "qz", "wz"], ["i"]), node("Cast", ["i"], ["f"], to=F),
             node("Mul", ["qs", "ws"], ["s"]), node("Mul", ["f", "s"], ["y"])]
    made = model(nodes, [io_value("x", F, ["n", 4])], [io_value("y", F, ["n", 3])],
                 [held("w", RNG.randint(-127, 128, (4, 3)), "i1"), held("wz", 0, "i1"), held("ws", 0.01, "f4")])
    return made, {"x": normal(5, 4)}


# ---------------------------------------------------------------------------------------------- types, several inputs and outputs

@case
def string_label_encoder():
    encoder = node("LabelEncoder", ["colour"], ["code"], domain="ai.onnx.ml", keys_strings=["red", "green", "bl\u00fce"], values_int64s=[1, 2, 3], default_int64=-1)
    made = model([encoder], [io_value("colour", S, ["n", 1])], [io_value("code", I, ["n", 1])], ml=2)
    return made, {"colour": np.array([["green"], ["bl\u00fce"], ["pink"], [""], ["red"]], dtype=object)}


@case
def string_output():
    nodes = [node("ArgMax", ["x"], ["i"], axis=1, keepdims=0),
             node("LabelEncoder", ["i"], ["label"], domain="ai.onnx.ml", keys_int64s=[0, 1, 2], values_strings=["low", "mid", "h\u00f6ch"], default_string="?")]
    return model(nodes, [io_value("x", F, ["n", 3])], [io_value("label", S, ["n"])], ml=2), {"x": normal(6, 3)}


@case
def two_inputs_two_outputs():
    nodes = [node("Cast", ["count"], ["c"], to=F), node("Mul", ["x", "c"], ["scaled"]), node("ReduceSum", ["scaled", "one"], ["total"], keepdims=0)]
    made = model(nodes, [io_value("x", F, ["n", 3]), io_value("count", I, ["n", 1])], [io_value("scaled", F, ["n", 3]), io_value("total", F, ["n"])],
                 [held("one", [1], "i8")])
    return made, {"x": normal(4, 3), "count": np.array([[1], [-2], [0], [1000000]])}


@case
def bools():
    nodes = [node("Not", ["flag"], ["inverse"]), node("Greater", ["x", "limit"], ["above"])]
    made = model(nodes, [io_value("flag", B, ["n"]), io_value("x", F, ["n"])], [io_value("inverse", B, ["n"]), io_value("above", B, ["n"])], [held("limit", 0.5, "f4")])
    return made, {"flag": np.array([True, False, True]), "x": np.array([0.5, 0.6, -1], "f4")}


@case
def small_integers():
    nodes = [node("Cast", ["a"], ["ca"], to=TensorProto.INT32), node("Add", ["ca", "b"], ["sum"])]
    made = model(nodes, [io_value("a", TensorProto.INT8, ["n"]), io_value("b", TensorProto.INT32, ["n"])], [io_value("sum", TensorProto.INT32, ["n"])])
    return made, {"a": np.array([-128, 127, 0], "i1"), "b": np.array([2 ** 31 - 200, 5, -7], "i4")}


@case
def big_integers():
    made = model([node("Sub", ["a", "one"], ["less"])], [io_value("a", I, ["n"])], [io_value("less", I, ["n"])], [held("one", 1, "i8")])
    return made, {"a": np.array([2 ** 53 + 1, 2 ** 63 - 1, -2 ** 63 + 1, 0])}


@case
def not_finite():
    made = model([node("Log", ["x"], ["y"])], [io_value("x", F, ["n"])], [io_value("y", F, ["n"])])
    return made, {"x": np.array([1, 0, -1, np.nan, 2], "f4")}


@case
def scalars():
    made = model([node("Mul", ["a", "b"], ["product"])], [io_value("a", D, []), io_value("b", D, [])], [io_value("product", D, [])])
    return made, {"a": np.array(1.5), "b": np.array(-0.1)}


@case
def odd_names():
    made = model([node("Neg", ["serving_default_input:0"], ["StatefulPartitionedCall/dense/\u00e9:0"])],
                 [io_value("serving_default_input:0", F, ["n", 2])], [io_value("StatefulPartitionedCall/dense/\u00e9:0", F, ["n", 2])])
    return made, {"serving_default_input:0": normal(3, 2)}


@case
def metadata():
    made = mlp()
    helper.set_model_props(made, {"author": "someone", "licence": "Apache-2.0", "note": "\u00fcber \u2713", "empty": ""})
    made.doc_string, made.graph.doc_string, made.model_version, made.domain = "A small net", "the graph", 42, "example.org"
    made.graph.input[0].doc_string = "four measurements"
    return made, {"x": normal(3, 4)}


# ---------------------------------------------------------------------------------------------- subgraphs and functions

@case
def if_branches():
    yes = helper.make_graph([node("Mul", ["x", "two"], ["a"])], "yes", [], [io_value("a", F, None)])
    no = helper.make_graph([node("Neg", ["x"], ["b"])], "no", [], [io_value("b", F, None)])
    nodes = [node("ReduceSum", ["x"], ["s"], keepdims=0), node("Greater", ["s", "zero"], ["c"]), node("If", ["c"], ["y"], then_branch=yes, else_branch=no)]
    made = model(nodes, [io_value("x", F, ["n", 2])], [io_value("y", F, ["n", 2])], [held("two", 2, "f4"), held("zero", 0, "f4")])
    return made, {"x": np.array([[1, 2], [3, -9]], "f4")}


def counting_body():
    nodes = [node("Identity", ["go"], ["go_on"]), node("Cast", ["i"], ["f"], to=F), node("Add", ["v", "f"], ["v_out"]), node("Identity", ["v_out"], ["step"])]
    return helper.make_graph(nodes, "body", [io_value("i", I, []), io_value("go", B, []), io_value("v", F, None)],
                             [io_value("go_on", B, []), io_value("v_out", F, None), io_value("step", F, None)])


@case
def loop_sum():
    nodes = [node("Loop", ["times", "", "x"], ["last", "steps"], body=counting_body())]
    made = model(nodes, [io_value("x", F, ["n"]), io_value("times", I, [])], [io_value("last", F, ["n"]), io_value("steps", F, ["times", "n"])])
    return made, {"x": np.array([0.5, -1, 100], "f4"), "times": np.array(4)}


@case
def if_nested_in_loop():
    yes = helper.make_graph([node("Add", ["v", "one"], ["a"])], "yes", [], [io_value("a", F, None)])
    no = helper.make_graph([node("Mul", ["v", "one"], ["b"])], "no", [], [io_value("b", F, None)])
    body = helper.make_graph([node("Identity", ["go"], ["go_on"]), node("Mod", ["i", "two"], ["odd"]), node("Cast", ["odd"], ["is_odd"], to=B),
                              node("If", ["is_odd"], ["v_out"], then_branch=yes, else_branch=no)], "body",
                             [io_value("i", I, []), io_value("go", B, []), io_value("v", F, None)], [io_value("go_on", B, []), io_value("v_out", F, None)])
    made = model([node("Loop", ["five", "", "x"], ["y"], body=body)], [io_value("x", F, ["n", 2])], [io_value("y", F, ["n", 2])],
                 [held("five", 5, "i8"), held("two", 2, "i8"), held("one", 1, "f4")])
    return made, {"x": normal(3, 2)}


@case
def local_function():
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    double = helper.make_function("own", "Double", ["a"], ["b"], [node("Add", ["a", "a"], ["b"])], imports)
    leaky = helper.make_function("own", "Leaky", ["a"], ["b"], [node("Double", ["a"], ["d"], domain="own"), helper_attribute_node()], imports, ["slope"])
    made = model([node("Leaky", ["x"], ["y"], domain="own", slope=0.25)], [io_value("x", F, ["n", 2])], [io_value("y", F, ["n", 2])],
                 functions=[double, leaky], imports=[helper.make_opsetid("own", 1)], ir=8)
    return made, {"x": normal(4, 2)}


def helper_attribute_node():
    made = node("LeakyRelu", ["d"], ["b"])
    reference = made.attribute.add()
    reference.name, reference.ref_attr_name, reference.type = "alpha", "slope", onnx.AttributeProto.FLOAT
    return made


# ---------------------------------------------------------------------------------------------- classical models

@case
def tree_ensemble_v5_f64():
    one = lambda name, kind, data: helper.make_tensor(name, kind, [len(data)], data)
    trees = node("TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1, tree_roots=[0], nodes_featureids=[0, 1], nodes_modes=one("m", TensorProto.UINT8, [0, 0]),
                 nodes_splits=one("s", D, [0.1, -1e-9]), nodes_truenodeids=[0, 1], nodes_trueleafs=[1, 1], nodes_falsenodeids=[1, 2], nodes_falseleafs=[0, 1],
                 nodes_missing_value_tracks_true=[1, 0], leaf_targetids=[0, 0, 0], leaf_weights=one("w", D, [1 / 3, 2e10, -0.7]), aggregate_function=1, post_transform=0)
    made = model([trees], [io_value("x", D, ["n", 2])], [io_value("y", D, ["n", 1])], opset=21, ir=10, ml=5)
    return made, {"x": np.array([[0.1, 0], [np.nextafter(0.1, 1), -1e-9], [0.2, 0], [np.nan, 1], [5, np.nan]])}


def iris_words():
    X, y = load_iris(return_X_y=True)
    return X.astype("f4"), np.array(["setosa", "versicolor", "virginica"])[y]


def skl(estimator, X, **options):
    return to_onnx(estimator, X[:1], target_opset=17, options={id(estimator): options} if options else None)


@case
def skl_logreg_zipmap():
    X, y = iris_words()
    return skl(LogisticRegression(max_iter=500).fit(X, y), X), {"X": X[::13]}


@case
def skl_logreg_int_zipmap():
    X, y = load_iris(return_X_y=True)
    X = X.astype("f4")
    return skl(LogisticRegression(max_iter=500).fit(X, y), X), {"X": X[::13]}


@case
def skl_logreg_no_zipmap():
    X, y = iris_words()
    return skl(LogisticRegression(max_iter=500).fit(X, y), X, zipmap=False), {"X": X[::13]}


@case
def skl_forest_no_zipmap():
    X, y = iris_words()
    return skl(RandomForestClassifier(n_estimators=5, max_depth=3, random_state=0).fit(X, y), X, zipmap=False), {"X": X[::11]}


@case
def skl_gboost_regressor():
    X, y = load_diabetes(return_X_y=True)
    X = X[:, :4].astype("f4")
    return skl(GradientBoostingRegressor(n_estimators=8, max_depth=2, random_state=0).fit(X, y), X), {"X": X[::40]}


@case
def skl_columns():
    ages, port = np.round(RNG.uniform(1, 70, (60, 1)), 1), RNG.choice(["S", "C", "Q"], (60, 1)).astype(object)
    table = np.hstack([ages.astype(object), port])
    pipe = make_pipeline(ColumnTransformer([("n", StandardScaler(), [0]), ("s", OneHotEncoder(handle_unknown="ignore"), [1])]), LogisticRegression())
    pipe.fit(table, (ages.ravel() > 30) ^ (port.ravel() == "Q"))
    initial = [("age", FloatTensorType([None, 1])), ("port", StringTensorType([None, 1]))]
    made = convert_sklearn(pipe, initial_types=initial, target_opset=17, options={"zipmap": False})
    return made, {"age": ages[:6].astype("f4"), "port": np.array([["S"], ["Q"], ["C"], ["X"], ["S"], [""]], dtype=object)}


# ---------------------------------------------------------------------------------------------- writing

def session(made):
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    return onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])


def plain(value):
    if isinstance(value, np.ndarray):
        return [plain(part) for part in value] if value.ndim else plain(value[()])
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, dict):  # one row of ZipMap
        return [plain(part) for part in value.values()]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return str(value)


def body_of(inputs):
    if len(inputs) == 1:
        (only,) = inputs.values()
        return {"instances": plain(only)}
    return {"inputs": {name: plain(value) for name, value in inputs.items()}}


def inputs_of(body, like):
    def back(values, array):
        if array.dtype == object:
            return np.array(values, dtype=object)
        return np.array([np.nan if v is None else v for v in np.ravel(np.array(values, dtype=object))], dtype=array.dtype).reshape(array.shape)
    if "instances" in body:
        return {name: back(body["instances"], array) for name, array in like.items()}
    return {name: back(body["inputs"][name], array) for name, array in like.items()}


def answer(made, inputs):
    running = session(made)
    values = running.run(None, inputs)
    return dict({"kind": "onnx"}, **{out.name: plain(value) for out, value in zip(running.get_outputs(), values)})


def write_case(name, build, root):
    made, inputs = build()
    folder = os.path.join(root, name)
    os.makedirs(folder)
    with open(os.path.join(folder, "model.onnx"), "wb") as out:
        out.write(made.SerializeToString())
    body, expected = body_of(inputs), answer(made, inputs)
    for file_name, value in (("input.json", body), ("expected.json", expected)):
        with io.open(os.path.join(folder, file_name), "w", encoding="utf-8") as out:
            out.write(json.dumps(value, ensure_ascii=False) + "\n")
    with io.open(os.path.join(folder, "input.json"), encoding="utf-8") as stream:
        again = inputs_of(json.load(stream), inputs)
    if answer(onnx.load(os.path.join(folder, "model.onnx")), again) != expected:
        raise AssertionError("the file read back answers something else: " + name)
    operators = sorted({one.op_type for one in made.graph.node})
    return {"case": name, "container": "onnx", "file": "model.onnx", "kind": "onnx", "operators": operators,
            "opset": {one.domain or "ai.onnx": one.version for one in made.opset_import}}


def main(root):
    if os.path.isdir(root):
        shutil.rmtree(root)
    os.makedirs(root)
    made = [write_case(name, build, root) for name, build in CASES]
    about = {"library": "onnx", "version": onnx.__version__, "onnxruntime": onnxruntime.__version__, "skl2onnx": skl2onnx.__version__,
             "scikit-learn": sklearn.__version__, "numpy": np.__version__, "cases": made}
    with io.open(os.path.join(root, "cases.json"), "w", encoding="utf-8") as out:
        out.write(json.dumps(about, indent=1) + "\n")
    print("onnx: %d cases" % len(made))


if __name__ == "__main__":
    main(sys.argv[1])
