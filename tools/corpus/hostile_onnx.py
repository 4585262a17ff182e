"""Hostile ONNX files: references to other files, lies about sizes, circles, bombs that only a run sets off, broken protobuf."""
import struct

from onnx import AttributeProto, ModelProto, TensorProto, helper

F, I = TensorProto.FLOAT, TensorProto.INT64


def value(name, kind=F, shape=("n", 2)):
    return helper.make_tensor_value_info(name, kind, list(shape))


def model(nodes, inputs=None, outputs=None, initializers=(), opset=17, ml=None, functions=(), imports=(), ir=8):
    graph = helper.make_graph(list(nodes), "g", inputs if inputs is not None else [value("x")],
                              outputs if outputs is not None else [value("y")], list(initializers))
    opsets = [helper.make_opsetid("", opset)] if opset is not None else []
    if ml:
        opsets.append(helper.make_opsetid("ai.onnx.ml", ml))
    opsets += [helper.make_opsetid(domain, version) for domain, version in imports]
    return helper.make_model(graph, opset_imports=opsets, functions=list(functions), ir_version=ir, producer_name="corpus")


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, **attributes)


def external(name, location, offset=None, length=None, dims=(1, 2)):
    tensor = TensorProto(name=name, data_type=F, dims=list(dims), data_location=TensorProto.EXTERNAL)
    pairs = [("location", location)] + ([("offset", str(offset))] if offset is not None else [])
    for key, text in pairs + ([("length", str(length))] if length is not None else []):
        tensor.external_data.add(key=key, value=text)
    return tensor


def raw(name, dims, data, kind=F):
    return TensorProto(name=name, data_type=kind, dims=list(dims), raw_data=data)


ADD = [node("Add", ["x", "w"], ["y"])]


def external_data(shelf, add):
    mention = [["external", "External"]]
    for stem, location, more in [
            ("relative", "secret.bin", {}), ("parent", "../../../../etc/passwd", {}), ("absolute", "/etc/passwd", {"length": 8}),
            ("memory_address", "*/_ORT_MEM_ADDR_/*", {"offset": 4096, "length": 8}), ("huge_offset", "w.bin", {"offset": 2 ** 63 - 1}),
            ("negative_offset", "w.bin", {"offset": -8, "length": 8}), ("proc", "/proc/self/environ", {"length": 8}),
            ("own_file", "model.onnx", {"offset": 0, "length": 8}), ("url", "http://127.0.0.1:9/w.bin", {}), ("empty", "", {}),
            ("nul", "w.bin\0.safe", {})]:
        add("external_" + stem, model(ADD, initializers=[external("w", location, **more)]), mention, "a weight outside the file: %r" % location)
    add("external_in_constant", model([node("Constant", [], ["w"], value=external("w", "/etc/passwd"))] + ADD), mention,
        "a Constant node's tensor outside the file")
    branch = helper.make_graph([node("Identity", ["w"], ["b"])], "branch", [], [value("b", shape=(1, 2))], [external("w", "/etc/passwd")])
    yes = node("Constant", [], ["c"], value=helper.make_tensor("c", TensorProto.BOOL, [], [True]))
    add("external_in_branch", model([yes, node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)]), mention,
        "a weight of a branch outside the file")
    function = helper.make_function("f", "F", ["a"], ["b"], [node("Constant", [], ["w"], value=external("w", "/etc/passwd")),
                                    node("Add", ["a", "w"], ["b"])], [helper.make_opsetid("", 17)])
    add("external_in_function", model([node("F", ["x"], ["y"], domain="f")], functions=[function], imports=[("f", 1)]), mention,
        "a function's weight outside the file")


def names_and_versions(shelf, add):
    add("custom_domain", model([node("Backdoor", ["x"], ["y"], domain="evil.ops")], imports=[("evil.ops", 1)]), ["evil.ops"], "an operator of a foreign domain")
    add("custom_domain_python", model([node("PyOp", ["x"], ["y"], domain="ai.onnx.contrib")], imports=[("ai.onnx.contrib", 1)]), ["ai.onnx.contrib"], "Python code as an operator")
    add("domain_not_imported", model([node("Backdoor", ["x"], ["y"], domain="evil.ops")]), ["evil.ops"], "a domain that the file does not import")
    add("unknown_operator", model([node("NoSuchOperator", ["x"], ["y"])]), ["NoSuchOperator"], "no such operator")
    add("opset_6", model([node("Relu", ["x"], ["y"])], opset=6), [["opset", "6"]], "older than any supported opset")
    add("opset_999", model([node("Relu", ["x"], ["y"])], opset=999), [["opset", "999"]], "an opset of the future")
    add("opset_negative", model([node("Relu", ["x"], ["y"])], opset=-1), [["opset"]], "an opset below zero")
    add("opset_missing", model([node("Relu", ["x"], ["y"])], opset=None), [["opset"]], "no opset import")
    add("opset_twice", model([node("Relu", ["x"], ["y"])], imports=[("", 7)]), [["opset", "twice"]], "two opsets for one domain")
    add("operator_too_new", model([node("Gelu", ["x"], ["y"])], opset=13), ["Gelu"], "an operator that this opset does not have")
    add("ir_version_999", model([node("Relu", ["x"], ["y"])], ir=999), [], "an IR version of the future")


def shapes_of_graphs(shelf, add):
    add("cycle", model([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])]), [["cycle", "order", "a", "b"]], "two nodes feed each other")
    add("node_feeds_itself", model([node("Add", ["x", "y"], ["y"])]), [], "a node feeds itself")
    add("undefined_input", model([node("Add", ["x", "ghost"], ["y"])]), ["ghost"], "a value that nothing makes")
    add("output_not_made", model([node("Relu", ["x"], ["z"])]), ["y"], "an output that nothing makes")
    add("made_twice", model([node("Relu", ["x"], ["y"]), node("Sigmoid", ["x"], ["y"])]), ["y"], "two nodes make one value")
    add("no_outputs", model([node("Relu", ["x"], ["y"])], outputs=[]), [["output"]], "no output")
    empty = ModelProto(ir_version=8)
    empty.opset_import.add(domain="", version=17)
    add("no_graph", empty, [["graph"]], "a model without a graph")
    add("initializer_twice", model(ADD, initializers=[raw("w", [2], b"\0" * 8), raw("w", [2], b"\1" * 8)]), ["w"], "two weights of one name")
    add("inputs_twice", model([node("Add", ["x", "x"], ["y"])], inputs=[value("x"), value("x")]), ["x"], "two inputs of one name")
    add("too_many_inputs", model([node("Relu", ["x", "x", "x"], ["y"])]), ["Relu"], "three inputs for an operator of one")
    add("attribute_type", model([node("Softmax", ["x"], ["y"], axis="last")]), [["Softmax", "axis"]], "an attribute of the wrong type")
    add("types_mixed", model(ADD, initializers=[raw("w", [2], b"\0" * 16, I)]), [["Add", "type"]], "int64 added to float")
    shelf.add("onnx_nested_if_200.onnx", nested_ifs(200), [["nest", "depth", "deep", "If"]], "200 If operators inside each other")


def field(number, data):
    return bytes([number << 3 | 2]) + varint(len(data)) + data


def nested_ifs(depth):
    """Written by hand: the library itself refuses to nest this deep."""
    other = AttributeProto(name="else_branch", type=AttributeProto.GRAPH)
    other.g.CopyFrom(helper.make_graph([node("Identity", ["x"], ["e"])], "e", [], [value("e")]))
    yes = helper.make_tensor("c", TensorProto.BOOL, [], [True])
    graph = helper.make_graph([node("Relu", ["x"], ["b0"])], "g", [], [value("b0")]).SerializeToString()
    for level in range(1, depth + 1):
        branch = AttributeProto(name="then_branch", type=AttributeProto.GRAPH).SerializeToString() + field(6, graph)
        choice = node("If", ["c"], ["b%d" % level]).SerializeToString() + field(5, other.SerializeToString()) + field(5, branch)
        around = helper.make_graph([node("Constant", [], ["c"], value=yes)], "g", [], [value("b%d" % level)])
        graph = around.SerializeToString() + field(1, choice)
    last = helper.make_graph([], "g", [value("x")], [value("y")]).SerializeToString()
    whole = ModelProto(ir_version=8)
    whole.opset_import.add(domain="", version=17)
    top = last + graph_nodes(graph) + field(1, node("Identity", ["b%d" % depth], ["y"]).SerializeToString())
    return whole.SerializeToString() + field(7, top)


def graph_nodes(graph):
    """Only the nodes (field 1) of a serialized graph."""
    out, at = b"", 0
    while at < len(graph):
        tag, at = graph[at], at + 1
        size = shift = 0
        while True:
            byte, at = graph[at], at + 1
            size, shift = size | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        if tag == 0x0a:
            out += field(1, graph[at:at + size])
        at += size
    return out


def functions(shelf, add):
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]

    def function(name, *nodes):
        return helper.make_function("f", name, ["a"], ["b"], list(nodes), imports)
    called = [node("F0", ["x"], ["y"], domain="f")]
    mention = [["F0", "function", "recurs"]]
    add("function_recursion", model(called, functions=[function("F0", node("F0", ["a"], ["b"], domain="f"))], imports=[("f", 1)]), mention, "a function calls itself")
    add("function_recursion_mutual", model(called, functions=[
        function("F0", node("F1", ["a"], ["b"], domain="f")), function("F1", node("F0", ["a"], ["b"], domain="f"))], imports=[("f", 1)]), mention, "two functions call each other")
    doubling = [function("F%d" % i, node("F%d" % (i + 1), ["a"], ["t"], domain="f"), node("F%d" % (i + 1), ["t"], ["b"], domain="f")) for i in range(40)]
    add("function_doubling", model(called, functions=doubling + [function("F40", node("Relu", ["a"], ["b"]))], imports=[("f", 1)]), [["function", "nodes", "inlin", "large"]], "forty functions, each calls the next twice: 2^40 nodes when inlined")
    chain = [function("F%d" % i, node("F%d" % (i + 1), ["a"], ["b"], domain="f")) for i in range(500)]
    add("function_chain", model(called, functions=chain + [function("F500", node("Relu", ["a"], ["b"]))], imports=[("f", 1)]), [["function", "depth", "deep"]], "500 functions deep")
    add("function_shadows_operator", model([node("Relu", ["x"], ["y"])], functions=[helper.make_function(
        "", "Relu", ["a"], ["b"], [node("Neg", ["a"], ["b"])], [helper.make_opsetid("", 17)])]), [["Relu", "function"]], "a function that takes the place of Relu")


def tensors(shelf, add):
    mention = [["w", "initializer", "tensor"]]
    for stem, tensor, about in [
            ("short", raw("w", [2], b"\0" * 7), "7 bytes for two floats"), ("long", raw("w", [2], b"\0" * 400), "400 bytes for two floats"),
            ("empty", TensorProto(name="w", data_type=F, dims=[2]), "no data for two floats"),
            ("dims_huge", raw("w", [2 ** 40], b"\0" * 8), "2^40 floats claimed"),
            ("dims_overflow", raw("w", [2 ** 32, 2 ** 32], b""), "2^64 floats: zero when the product wraps"),
            ("dims_overflow_bytes", raw("w", [2 ** 62], b""), "2^62 floats: zero bytes when the product wraps"),
            ("dims_negative", raw("w", [-2], b"\0" * 8), "a negative dimension"), ("dims_two_negatives", raw("w", [-1, -2], b"\0" * 8), "two negative dimensions"),
            ("dims_many", raw("w", [1] * 4000, b"\0" * 4), "4000 dimensions"),
            ("type_zero", raw("w", [2], b"\0" * 8, 0), "no element type"), ("type_unknown", raw("w", [2], b"\0" * 8, 99), "an element type that does not exist"),
            ("text_raw", raw("w", [2], b"\0" * 8, TensorProto.STRING), "text as raw bytes"),
            ("float_data_short", TensorProto(name="w", data_type=F, dims=[2, 2], float_data=[1.0]), "one float_data for four"),
            ("wrong_field", TensorProto(name="w", data_type=F, dims=[2], int64_data=[1, 2]), "floats in the field for int64"),
            ("two_fields", TensorProto(name="w", data_type=F, dims=[2], float_data=[1, 2], raw_data=b"\0" * 8), "floats given twice"),
            ("segment", TensorProto(name="w", data_type=F, dims=[2], raw_data=b"\0" * 8, segment=TensorProto.Segment(begin=0, end=2 ** 60)), "a segment of 2^60"),
            ]:
        add("tensor_" + stem, model(ADD, initializers=[tensor]), mention, about)
    sparse = model(ADD)
    made = sparse.graph.sparse_initializer.add(dims=[1, 2])
    made.values.CopyFrom(helper.make_tensor("w", F, [1], [1.0]))
    made.indices.CopyFrom(helper.make_tensor("i", I, [1], [10 ** 9]))
    add("sparse_index_out_of_range", sparse, [["sparse", "w"]], "a sparse weight at index 10^9 of 2")


def forest(**changes):
    tree = dict(nodes_treeids=[0] * 3, nodes_nodeids=[0, 1, 2], nodes_featureids=[0, 0, 0], nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
                nodes_values=[0.5, 0.0, 0.0], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0], nodes_missing_value_tracks_true=[0] * 3,
                target_ids=[0, 0], target_nodeids=[1, 2], target_treeids=[0, 0], target_weights=[1.0, 2.0], n_targets=1)
    tree.update(changes)
    return model([node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **tree)], outputs=[value("y", shape=("n", 1))], ml=3)


def forest5(**changes):
    one = lambda name, kind, data: helper.make_tensor(name, kind, [len(data)], data)
    tree = dict(n_targets=1, tree_roots=[0], nodes_featureids=[0], nodes_modes=one("m", TensorProto.UINT8, [0]),
                nodes_splits=one("s", F, [0.5]), nodes_truenodeids=[0], nodes_trueleafs=[1], nodes_falsenodeids=[1], nodes_falseleafs=[1],
                leaf_targetids=[0, 0], leaf_weights=one("w", F, [1.0, 2.0]), aggregate_function=1, post_transform=0)
    tree.update(changes)
    return model([node("TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", **tree)], outputs=[value("y", shape=("n", 1))], ml=5, opset=21, ir=10)


def classical(shelf, add):
    mention = [["TreeEnsembleRegressor", "tree"]]
    for stem, changes, about in [
            ("cycle", dict(nodes_modes=["BRANCH_LEQ"] * 3, nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0]), "children that lead to the root"),
            ("self_loop", dict(nodes_truenodeids=[0, 0, 0]), "a node is its own child"),
            ("child_out_of_range", dict(nodes_truenodeids=[700, 0, 0]), "a child that does not exist"),
            ("child_negative", dict(nodes_truenodeids=[-3, 0, 0]), "a child below zero"),
            ("feature_out_of_range", dict(nodes_featureids=[10 ** 6, 0, 0]), "feature 10^6 of 2"),
            ("feature_negative", dict(nodes_featureids=[-1, 0, 0]), "a feature below zero"),
            ("lengths", dict(nodes_values=[0.5]), "fewer thresholds than nodes"),
            ("mode_unknown", dict(nodes_modes=["BRANCH_XX", "LEAF", "LEAF"]), "a comparison that does not exist"),
            ("target_out_of_range", dict(target_ids=[0, 10 ** 6]), "target 10^6 of 1"),
            ("target_node", dict(target_nodeids=[1, 9]), "a weight at a node that does not exist"),
            ("targets_huge", dict(n_targets=2 ** 40), "2^40 targets"), ("targets_negative", dict(n_targets=-1), "fewer than no targets"),
            ("nodes_twice", dict(nodes_nodeids=[0, 1, 1]), "two nodes of one number")]:
        late = stem in ("feature_out_of_range", "targets_huge")  # the runtime notices no earlier than at the first run
        add("trees_" + stem, forest(**changes), mention, about, stage="run" if late else "import")
    for stem, changes, about in [
            ("root", dict(tree_roots=[9]), "a root that does not exist"), ("cycle", dict(nodes_trueleafs=[0]), "the root is its own child"),
            ("leaf", dict(nodes_truenodeids=[99]), "a leaf that does not exist"), ("target", dict(leaf_targetids=[0, 99]), "a target that does not exist"),
            ("leaf_negative", dict(nodes_falsenodeids=[-1]), "a leaf below zero"), ("feature", dict(nodes_featureids=[-4]), "a feature below zero"),
            ("lengths", dict(nodes_falseleafs=[1, 1, 1]), "lists of different lengths"),
            ("mode", dict(nodes_modes=helper.make_tensor("m", TensorProto.UINT8, [1], [77])), "a comparison that does not exist")]:
        add("trees5_" + stem, forest5(**changes), [["TreeEnsemble", "tree"]], about)
    ml = lambda op, outputs=None, **a: model([node(op, ["x"], ["y"], domain="ai.onnx.ml", **a)], outputs=outputs, ml=3)
    add("linear_short", ml("LinearRegressor", coefficients=[1.0], intercepts=[0.0], targets=1000), ["LinearRegressor"], "one coefficient for a thousand targets", stage="run")
    add("svm_short", model([node("SVMClassifier", ["x"], ["l", "y"], domain="ai.onnx.ml", classlabels_ints=[0, 1], coefficients=[1.0], kernel_params=[1.0, 0.0, 3.0],
        kernel_type="RBF", rho=[0.1], support_vectors=[1.0], vectors_per_class=[1000, 1000])], ml=3, outputs=[value("l", I, ("n",)), value("y")]), ["SVMClassifier"], "one support vector where 2000 are counted")
    add("scaler_short", ml("Scaler", offset=[0.0, 0.0, 0.0], scale=[1.0]), ["Scaler"], "three offsets and one scale")
    add("label_encoder_lengths", model([node("LabelEncoder", ["x"], ["y"], domain="ai.onnx.ml", keys_floats=[1.0, 2.0, 3.0], values_floats=[1.0])], ml=3), ["LabelEncoder"], "three keys and one value")
    add("tfidf_out_of_range", model([node("TfIdfVectorizer", ["x"], ["y"], mode="TF", min_gram_length=1, max_gram_length=1, max_skip_count=0, ngram_counts=[0],
        ngram_indexes=[2 ** 40], pool_int64s=[5])], inputs=[value("x", I)]), ["TfIdfVectorizer"], "an output column 2^40", stage="run")


def run_time(shelf, add):
    """Legal graphs: they load, and their first run never ends or asks for more memory than there is."""
    def run(stem, made, about):
        add("run_" + stem, made, [], about, stage="run")
    int_constant = lambda name, data, shape=None: node("Constant", [], [name], value=helper.make_tensor(name, I, [len(data)] if shape is None else shape, data))
    out = value("y", shape=())
    total = [node("ReduceSum", ["big"], ["s"], keepdims=0), node("ReduceSum", ["x"], ["t"], keepdims=0), node("Add", ["s", "t"], ["y"])]
    huge = int_constant("shape", [2 ** 38])
    run("constant_of_shape", model([huge, node("ConstantOfShape", ["shape"], ["big"])] + total, outputs=[out]), "a tensor of 2^38 zeros: 1 TB")
    run("shape_from_input", model([node("Cast", ["x"], ["n"], to=I), node("Reshape", ["n", "one"], ["flat"]), node("ReduceMax", ["flat"], ["m"], keepdims=1),
        int_constant("k", [2 ** 36]), node("Add", ["m", "k"], ["shape"]), node("ConstantOfShape", ["shape"], ["big"])] + total,
        initializers=[helper.make_tensor("one", I, [1], [-1])], outputs=[out]), "the size depends on the input, so that nothing can fold it")
    run("range", model([node("ReduceSum", ["x"], ["t"], keepdims=0), node("Constant", [], ["zero"], value=helper.make_tensor("z", F, [], [0.0])),
        node("Constant", [], ["far"], value=helper.make_tensor("f", F, [], [1e12])), node("Constant", [], ["step"], value=helper.make_tensor("o", F, [], [1.0])),
        node("Add", ["far", "t"], ["limit"]), node("Range", ["zero", "limit", "step"], ["big"]), node("ReduceSum", ["big"], ["y"], keepdims=0)], outputs=[out]), "a range to 10^12")
    run("tile", model([int_constant("times", [2 ** 20, 2 ** 20]), node("Tile", ["x", "times"], ["big"])] + total, outputs=[out]), "2^20 × 2^20 copies of the input")
    body = helper.make_graph([node("Identity", ["cond"], ["cond_out"]), node("Add", ["v", "v"], ["v_out"])], "body",
                             [value("i", I, ()), value("cond", TensorProto.BOOL, ()), value("v")], [value("cond_out", TensorProto.BOOL, ()), value("v_out")])
    forever = [int_constant("trips", [2 ** 63 - 1], []), node("Constant", [], ["go"], value=helper.make_tensor("go", TensorProto.BOOL, [], [True]))]
    run("infinite_loop", model(forever + [node("Loop", ["trips", "go", "x"], ["y"], body=body)]), "a Loop of 2^63 - 1 rounds")
    growing = helper.make_graph([node("Identity", ["cond"], ["cond_out"]), node("Concat", ["v", "v"], ["v_out"], axis=0)], "body",
                                [value("i", I, ()), value("cond", TensorProto.BOOL, ()), value("v")], [value("cond_out", TensorProto.BOOL, ()), value("v_out")])
    run("growing_loop", model(forever + [node("Loop", ["trips", "go", "x"], ["big"], body=growing)] + total, outputs=[out]), "a Loop that doubles its tensor each round")
    big = int_constant("shape", [14000, 14000])
    squares = [big, node("Cast", ["x"], ["xf"], to=F), node("ReduceSum", ["xf"], ["seed"], keepdims=0), node("ConstantOfShape", ["shape"], ["z"]), node("Add", ["z", "seed"], ["m0"])]
    squares += [node("MatMul", ["m%d" % i, "m%d" % i], ["m%d" % (i + 1)]) for i in range(20)] + [node("ReduceSum", ["m20"], ["y"], keepdims=0)]
    run("long_matmul", model(squares, outputs=[out]), "MatMuls of 14,000 × 14,000: one kernel runs longer than any deadline")


def broken_protobuf(shelf, add):
    good = model(ADD, initializers=[raw("w", [2], struct.pack("<2f", 1, 2))]).SerializeToString()
    blob = lambda stem, data, mention, about: shelf.add("onnx_%s.onnx" % stem, data, mention, about)
    for part in (1, 9, len(good) // 2, len(good) - 1):
        blob("truncated_%d" % part, good[:part], [], "cut off after %d bytes" % part)
    blob("empty", b"", [], "no byte at all")
    blob("trailing_garbage", good + b"\xff" * 40, [], "bytes that are no field at the end")
    blob("text", b"this is not a model\n" * 20, [], "text")
    blob("length_4gb", b"\x08\x08\x3a\xff\xff\xff\xff\x0f" + good, [], "a graph that claims 4 GB")
    blob("length_2_63", b"\x08\x08\x3a" + b"\xff" * 8 + b"\x7f" + good, [], "a graph that claims 2^63 - 1 bytes")
    blob("varint_long", b"\x08" + b"\xff" * 40, [], "a number of forty bytes")
    blob("groups", b"\x3b" * 20000, [], "20,000 groups opened")
    blob("field_zero", b"\x00\x01" + good, [], "a field of number 0")
    blob("graph_is_number", b"\x08\x08\x38\x05", [], "a graph that is a number")
    deep = b""
    for _ in range(3000):  # GraphProto.node (1) . attribute (5) . g (6), each around the one before
        attribute = b"\x32" + varint(len(deep)) + deep
        inside = b"\x2a" + varint(len(attribute)) + attribute
        deep = b"\x0a" + varint(len(inside)) + inside
    blob("nested_3000", b"\x08\x08\x3a" + varint(len(deep)) + deep, [], "graphs nested 3000 deep in attributes")
    blob("not_utf8", good.replace(b"corpus", b"\xff\xfe\xfd\xfc\xfb\xfa").replace(b"Add", b"\xc3\x28d"), [], "an operator name that is not UTF-8")
    blob("terminal_codes", model([node("No\x1b[2J\r\nSuch", ["x"], ["y"])]).SerializeToString(), ["Such"], "an operator name that would rewrite a terminal or a log line")
    blob("long_name", model([node("A" * 5000, ["x"], ["y"])]).SerializeToString(), ["AAAA"], "an operator name of 5,000 letters")
    blob("is_a_pickle", b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.", ["os.system"], "a pickle under the name of an ONNX file")
    shelf.add("onnx_in_zip.onnx", zip_of({"model.onnx": good}), [["zip", "archive", "format"]], "a zip archive that holds a model")


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def zip_of(files):
    import io
    import zipfile
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def everything(shelf):
    def add(stem, made, mention, about, stage="import"):
        shelf.add("onnx_%s.onnx" % stem, made.SerializeToString(), mention, about, stage=stage)
    for family in (external_data, names_and_versions, shapes_of_graphs, functions, tensors, classical, run_time, broken_protobuf):
        family(shelf, add)
