"""Hostile .skops files: archives with two readings, and trees that name what must not be called or point where nothing is."""
import io
import json
import struct
import zipfile

import numpy as np


def node(loader, module="builtins", name="str", **more):
    return dict({"__class__": name, "__module__": module, "__loader__": loader}, **more)


def value(v):
    return node("JsonNode", content=json.dumps(v), is_json=True)


def mapping(**entries):
    return node("DictNode", name="dict", content=entries, key_types=node("ListNode", name="list", content=[node("TypeNode") for _ in entries]))


def linear(coefficients):
    return node("ObjectNode", "sklearn.linear_model._base", "LinearRegression", content=mapping(
        coef_=coefficients, intercept_=value(0.5), n_features_in_=value(4), _sklearn_version=value("1.9.1")))


def npy(array, **options):
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


def array(file_name):
    return node("NdArrayNode", "numpy", "ndarray", type="numpy", file=file_name)


def archive(tree, files=(), compression=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as z:
        for file_name, raw in files:
            z.writestr(zipfile.ZipInfo(file_name), raw, compression)
        z.writestr(zipfile.ZipInfo("schema.json"), tree if isinstance(tree, (bytes, str)) else json.dumps(tree), compression)
    return out.getvalue()


def good():
    return archive(linear(array("c.npy")), [("c.npy", npy(np.arange(4.0)))])


def bent(raw, at, new):
    return raw[:at] + new + raw[at + len(new):]


def everything(shelf):
    def add(stem, raw, mention, about):
        shelf.add("skops_" + stem + ".skops", raw, mention, about)
    raw = good()
    directory = raw.rindex(b"PK\x01\x02")  # of schema.json, the last entry
    local = raw.index(b"PK\x03\x04", 4)
    add("trailing", raw + b"more", [], "bytes behind the archive")
    add("prefix", b"PK\x03\x04" + raw, [], "bytes before the archive")
    add("local_name", bent(raw, local + 30, b"Schema"), ["schema.json", "local header"], "another name in the local header")
    add("local_flags", bent(raw, local + 6, b"\x08"), ["flags"], "another flag in the local header (scanners read one, loaders the other)")
    add("encrypted", bent(bent(raw, local + 6, b"\x01"), directory + 8, b"\x01"), ["encrypted"], "said to be encrypted")
    add("bad_crc", bent(raw, local + 30 + len("schema.json") + 3, b"X"), ["CRC"], "content that the CRC contradicts")
    add("method", bent(bent(raw, local + 8, b"\x0c"), directory + 10, b"\x0c"), ["method 12"], "bzip2 within the zip")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("schema.json", json.dumps(linear(value(1))))
        z.writestr("schema.json", json.dumps(node("TypeNode", "os", "system")))
    add("twice", out.getvalue(), ["schema.json", "twice"], "two schema.json: which one is read?")
    add("path", archive(linear(array("../c.npy")), [("../c.npy", npy(np.arange(4.0)))]), ["../c.npy"], "an entry that climbs")
    add("bomb", archive(b"[" + b" " * 200000000 + b"]", compression=zipfile.ZIP_DEFLATED), [], "200 MB of blanks")
    bomb = archive(linear(array("c.npy")), [("c.npy", npy(np.zeros(3000000)))], zipfile.ZIP_DEFLATED)
    size = struct.pack("<I", 0xFFFFFFF0)
    add("size_lie", bomb.replace(struct.pack("<I", 24000128), size), [], "an entry that claims 4 GB")
    add("deep", archive('{"__class__":"list","__module__":"builtins","__loader__":"ListNode","content":[' * 3000), [], "3000 lists in lists")
    add("double_key", archive('{"__class__":"str","__class__":"int","__module__":"builtins","__loader__":"JsonNode","content":"1"}'),
        ["__class__", "twice"], "a key twice in one object")
    add("cached_nothing", archive(linear(node("CachedNode", __id__=7))), ["CachedNode"], "a reference to nothing")
    add("file_missing", archive(linear(array("gone.npy"))), ["gone.npy"], "an array that isn't there")
    add("npy_pickle", archive(linear(array("c.npy")), [("c.npy", npy(np.array([{"a": 1}], dtype=object), allow_pickle=True))]),
        ["pickle"], "an array of objects: a pickle within the .npy")
    add("npy_short", archive(linear(array("c.npy")), [("c.npy", npy(np.arange(4.0))[:-8])]), ["bytes"], "an array shorter than its shape")
    add("npy_negative", archive(linear(array("c.npy")), [("c.npy", npy(np.arange(4.0)).replace(b"(4,)", b"(-4)"))]), [], "a negative dimension")
    add("npy_header", archive(linear(array("c.npy")), [("c.npy", npy(np.arange(4.0)).replace(b"'<f8'", b"exit()"))]), ["header"],
        "a header that numpy's safe_eval would look at")
    add("os_system", archive(node("FunctionNode", "os", "system")), ["os.system"], "a function node that names os.system")
    add("os_system_v0", archive(dict(node("FunctionNode", "numpy", "ufunc", content={"module_path": "posix", "function": "system"}), protocol=0)),
        ["posix.system"], "the old protocol's function node, past the trusted types (CVE-2025-54412)")
    add("method_node", archive(node("MethodNode", "builtins", "str", content={"func": "format", "obj": node("TypeNode", "os", "system")})),
        ["os.system"], "a method node whose object is something else (CVE-2025-54413)")
    add("operator", archive(node("OperatorFuncNode", "operator", "methodcaller", attrs=node("TupleNode", name="tuple", content=[value("system")]))),
        ["operator.methodcaller"], "operator.methodcaller (CVE-2025-54413)")
    add("reduce_eval", archive(node("ConstructorFromReduceNode", "builtins", "eval", content=node("TupleNode", name="tuple", content=[value("1+1")]))),
        ["builtins.eval"], "a constructor node that is eval")
    add("hidden_eval", archive(node("ObjectNode", "sklearn.linear_model._base", "LinearRegression", content=mapping(
        coef_=array("c.npy"), intercept_=value(0.5), n_features_in_=value(4), _sklearn_version=value("1.9.1"),
        extra=node("TypeNode", "builtins", "eval"))), [("c.npy", npy(np.arange(4.0)))]), ["builtins.eval"], "a fine model with eval in an attribute")
    add("protocol", archive(dict(linear(value(1)), protocol=99)), ["protocol 99"], "a protocol from the future")
    add("no_schema", archive("null").replace(b"schema.json", b"schema.jsoN"), [], "no schema")
    add("joblib_inside", b"\x80\x04" + raw, [], "a pickle's first bytes before a zip: skops' silent fallback to joblib")
