#!/usr/bin/env python3
"""Writes the seeds of fuzz/corpus that are made by hand: one small file a form that its reader knows.

    python3 tools/corpus/make_fuzz.py

Those of pickle and compression were made with the libraries; import and onnx are small files of tests/corpus. What a run of the
fuzz targets adds is merged in by hand (fuzz/run.sh says how).
"""
import json
import pathlib
import struct

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "fuzz" / "corpus"
SEED = b"\x02\x00\x00\x00"  # even: default limits; how the bytes are cut

HEADS = {
    "get": b"GET /api/models?limit=2&after=%20x HTTP/1.1\r\nHost: h:1\r\nAuthorization: Bearer abc\r\n\r\nrest",
    "post": b"POST /api/predict/m HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 12\r\n"
            b"Expect: 100-continue\r\nX-Request-Id: a\r\n\r\n",
    "chunked": b"PUT / HTTP/1.1\r\nhost:h\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\nConnection: close, x\r\n\r\n",
    "old": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "absolute": b"GET http://h:8080/a?b HTTP/1.1\r\nHost: H:8080\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
    "smuggling": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n",
    "bare_lf": b"GET / HTTP/1.1\nHost: h\n\n",
    "long_method": b"M" * 140 + b" / HTTP/1.1\r\nHost: h\r\n\r\n",
}
CHUNKED = {
    "plain": b"5\r\nhello\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\nGET",
    "extension": b"3;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n",
    "trailers": b"1\r\na\r\n0\r\nDigest: x\r\nB: \r\n\r\n",
    "no_size": b"\r\n", "too_long": b"fffffffffffffff0\r\n", "bare_lf": b"1\na\n0\n\n", "cut": b"8\r\nabc",
}
TYPE = b"multipart/form-data; boundary=x-1\n"
MULTIPART = {
    "file": TYPE + b"--x-1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".pkl\"\r\n"
            b"Content-Type: application/octet-stream\r\n\r\nab\r\n--x-\r\n-c\r\n--x-1--\r\n",
    "fields": TYPE + b"preamble\r\n--x-1\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x-1 \t\r\n"
              b"content-disposition: form-data; name=\"b\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\r\n--x-1--epilogue",
    "quoted_boundary": b"Multipart/Form-Data; charset=utf-8; boundary=\"a b\"\n--a b\r\nContent-Disposition: form-data; name=n\r\n\r\nv\r\n--a b--",
    "repeating": b"multipart/form-data; boundary=--\n----\r\nContent-Disposition: form-data; name=n\r\n\r\n--\r\n---\r\n------",
    "other_type": b"text/plain\n--x", "no_boundary": b"multipart/form-data\n--x",
}
ROWS = b'{"age":30.5,"income":1000,"member":true,"visits":4,"city":"Oslo","note":"\\u00e9\\ud83d\\ude00"}'


def npy(descr, shape, data, version=1, order=False):
    header = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape!r}, }}".encode()
    size = "<H" if version == 1 else "<I"
    header += b" " * (-(len(header) + 9 + struct.calcsize(size)) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(size, len(header)) + header + data


PORT = {"name": "X", "dtype": "float64", "shape": [-1, 1]}
SCHEMA = {"kind": "regressor", "features": [{"name": "a", "type": "number", "input": "X", "column": 0}], "inputs": [PORT],
          "outputs": [{"name": "y", "dtype": "float64", "shape": [-1]}], "named_features": True, "batched": True,
          "rows_independent": True, "classes": []}
RICH = {"kind": "classifier",
        "features": [{"name": "a", "type": "text", "input": "T", "column": 0, "nullable": True, "categories": ["x", "y"], "closed": True},
                     {"name": "b", "type": "integer", "input": "", "column": 0, "typical": 1.5, "min": 0, "max": 9}],
        "inputs": [{"name": "T", "dtype": "string", "shape": [-1, 1]}],
        "outputs": [{"name": "p", "dtype": "float32", "shape": [-1, 2]}, {"name": "q", "dtype": "int64", "shape": [], "any_rank": True}],
        "named_features": True, "batched": True, "rows_independent": False, "classes": [1, "two", True]}
ANY = {"kind": "graph", "inputs": [{"name": "b", "dtype": "bool", "shape": [], "any_rank": True}], "outputs": [{"name": "y", "dtype": "bool", "shape": [-1]}],
       "batched": True}
TENSOR = {"kind": "graph", "inputs": [{"name": "t", "dtype": "float16", "shape": [2, -1]}], "outputs": [{"name": "y", "dtype": "bool", "shape": []}]}


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def body(form, schema, content):
    return form + (schema if isinstance(schema, bytes) else compact(schema)) + b"\n" + content


CODEC = {
    "records": body(b"j", b"0", b'{"instances":[' + ROWS + b',[null,-0.5,0,5,null,"",1]]}'),
    "dataframe_records": body(b"j", b"0", b'{"dataframe_records":[' + ROWS + b"]}"),
    "dataframe_split": body(b"j", b"1", b'{"dataframe_split":{"columns":["x2","x0","x1"],"index":[0],"data":[[1,NaN,1e400]]}}'),
    "inputs_columns": body(b"j", b"0", b'{"inputs":{"age":[1],"income":[2],"member":[1],"visits":[0],"city":["Bergen"],"note":["n"]}}'),
    "inputs_matrix": body(b"j", b"1", b'{"inputs":[[1,2,3],[4,5,6]]}'),
    "bytes": body(b"j", b"3", b'{"instances":[[1,255,256],[-1,0.5,Infinity]]}'),
    "tensors": body(b"j", b"4", b'{"inputs":{"a":[[[1,2,3],[4,5,6]]],"b":[7]}}'),
    "tensor_instances": body(b"j", b"4", b'{"instances":[{"a":[[1,2,3],[4,5,6]],"b":7}]}'),
    "image": body(b"j", b"5", b'{"inputs":[[[1,2],[3,4]]]}'),
    "texts": body(b"j", b"6", b'{"inputs":{"t":[["a","b"]],"f":[true]}}'),
    "halves": body(b"j", b"7", b'{"inputs":{"h":[[1.5,65504]],"g":[[]],"u":[18446744073709551615]}}'),
    "own_schema": body(b"j", SCHEMA, b'{"instances":[[1],[2]]}'),
    "rich_schema": body(b"j", RICH, b'{"instances":[{"a":"x"},{"a":null,"b":3}]}'),
    "tensor_schema": body(b"j", TENSOR, b'{"inputs":[[1],[2]]}'),
    "single_value": body(b"j", ANY, b'{"inputs":{"b":true}}'),
    "npy_single_value": body(b"n", ANY, npy("|b1", (), b"\2")),
    "npy_booleans": body(b"n", ANY, npy("|b1", (3,), b"\0\1\x80")),
    "csv": body(b"c", b"0", b"age,income,member,visits,city,note\n30.5,1e3,true,4,Oslo,\"a \"\"b\"\",\nc\"\n,1,0,5,,\n"),
    "csv_no_head": body(b"c", b"1", b"1,2,3\r\n4,nan,inf\r\n"),
    "csv_open_quote": body(b"c", b"1", b"x0,x1,x2\n\"1,2,3"),
    "npy": body(b"n", b"1", npy("<f8", (2, 3), struct.pack("<6d", *range(6)))),
    "npy_fortran": body(b"n", b"1", npy("<f4", (2, 3), struct.pack("<6f", *range(6)), order=True)),
    "npy_big_endian": body(b"n", b"3", npy(">i8", (1, 3), struct.pack(">3q", 1, 2, 300), version=2)),
    "npy_vector": body(b"n", b"2", npy("|b1", (3,), b"\0\1\2", version=3)),
    "npy_bomb": body(b"n", b"1", npy("<f8", (1 << 40, 3), b"")),
    "npy_texts": body(b"n", b"6", npy("<U2", (1, 2), struct.pack("<4I", 97, 98, 99, 0))),
}


def head(dtype, dims, offset, size):
    return struct.pack("<BBHIQQ8q", dtype, len(dims), 0, 0, offset, size, *(list(dims) + [0] * (8 - len(dims))))


def payload(*tensors):
    """tensors: (dtype, dims, data)"""
    at, heads, data = 8 + 88 * len(tensors), b"", b""
    start = at
    for dtype, dims, content in tensors:
        pad = -at % 64
        data += b"\0" * pad + content
        at += pad
        heads += head(dtype, dims, at, len(content))
        at += len(content)
    assert start + len(data) == at
    return struct.pack("<II", len(tensors), 0) + heads + data


WIRE = {
    "none": payload(),
    "doubles": payload((11, (2, 1), struct.pack("<2d", 1, 2))),
    "texts": payload((8, (3,), struct.pack("<3I", 1, 0, 2) + b"abc"), (9, (2,), b"\0\7")),
    "empty": payload((1, (0, 3), b""), (7, (), struct.pack("<q", 5))),
    "text_beyond": payload((8, (1,), struct.pack("<I", 99) + b"a")),
    "shape_overflow": payload((11, (1 << 32, 1 << 32), b"\0" * 8)),
    "rank_9": struct.pack("<II", 1, 0) + b"\x0b\x09" + b"\0" * 86,
    "hello": struct.pack("<Ii8B", 16, 3, 1, 1, 1, 1, 0, 0, 0, 0),
    "exited": struct.pack("<IiQ", 18, 9, 7),
}

REPORT = {"format": "pickle", "producer": "scikit-learn 1.9.1", "title": "Ridge", "contents": ["a"], "warnings": []}


def artifact(schema, example, report, onnx):
    parts = [compact(schema), compact(example), compact(report)]
    out = b"SLIPWAY\1"
    at = 72
    for part in parts:
        out += struct.pack("<QQ", at, len(part))
        at += len(part)
    start = -(-at // 64) * 64
    out += struct.pack("<QQ", start, len(onnx)) + b"".join(parts)
    return out + b"\0" * (start - at) + onnx


def answer(value, rest=b""):
    text = compact(value)
    return b"SLPWANS1" + struct.pack("<I", len(text)) + text + rest


EXAMPLE = {"instances": [{"a": 1}]}
ANSWER = {
    "artifact": artifact(SCHEMA, EXAMPLE, REPORT, b"onnx"),
    "ok": answer({"ok": True, "report": REPORT, "schema": SCHEMA}, artifact(SCHEMA, EXAMPLE, REPORT, b"onnx")),
    "inspected": answer({"ok": True, "report": REPORT, "schema": RICH}),
    "refusal": answer({"ok": False, "refusal": "not a model", "report": REPORT}),
    "refusal_without_reason": answer({"ok": False, "refusal": "", "report": REPORT}),
    "tensors": answer({"ok": True, "report": REPORT, "schema": TENSOR}),
    "command": compact({"entry": "a[0]", "bytes_max": 1024, "inspect_only": True}),
}

RING = {
    # acquire(40 bytes, loop 0); submit; complete; take; release
    "round": bytes([0, 40, 0, 1, 0, 1, 0, 0, 7, 0, 0, 2, 0, 3, 0, 0]),
    # acquire in the arena; submit; the answer's place is changed; complete; take; change it again; read
    "moved_answer": bytes([0, 0, 40, 2, 1, 1, 0, 1, 6, 0, 2]) + bytes(8) + bytes([1, 2, 0, 0]) + bytes(8) + bytes([0, 4, 1, 7, 1, 0, 2, 1, 6, 0, 2])
                    + bytes([255] * 8) + bytes([1, 2, 0, 0]) + bytes([255] * 8) + bytes([0, 4, 1, 11, 3, 0, 0]),
    "foreign_slot": bytes([7, 0, 2, 2, 0]),
    "overrun": bytes([7, 0, 0, 7, 0, 0, 7, 0, 0, 7, 0, 0, 7, 0, 0, 2, 0]),
    "message": bytes([9, 2, 255, 255, 255, 255, 3, 7, 8, 0, 10]),
    "cancel": bytes([0, 4, 0, 1, 1, 1, 0, 0, 4, 0, 8, 1, 7, 1, 0, 2, 1]),
}


def write(target, seeds, prefix=b""):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in seeds.items():
        (folder / name).write_bytes(prefix + content)


write("request_head", HEADS, SEED)
write("request_head", {"narrow": b"\x01\0\0\0" + HEADS["post"]})
write("chunked", CHUNKED, SEED)
write("multipart", MULTIPART, SEED)
write("request_codec", CODEC)
write("wire", WIRE)
write("answer", ANSWER)
write("ring", RING)
