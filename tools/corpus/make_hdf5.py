#!/usr/bin/env python3
"""make_hdf5.py OUT [SEEDS]: small HDF5 files as h5py writes them, and beside each what h5py reads from it (<name>.json).

Needs h5py, numpy and ml_dtypes; run with h5py 3.16.0 (HDF5 2.0.0), numpy 2.4.6. The JSON has, for each object by its path, "attributes",
"children" of groups, and of datasets "dtype", "shape" and "data": the elements' little-endian bytes in hexadecimal (their CRC-32 behind
"crc32:" where they are many), or a list of texts. "refused": what the reader says to whoever asks for the data or the link.
"""
import json
import pathlib
import sys
import zlib

import h5py
import ml_dtypes
import numpy as np



def texts(array):
    return [t.decode() if isinstance(t, bytes) else str(t) for t in np.asarray(array).reshape(-1).tolist()]


def value(v):
    """An attribute's or a dataset's value as the expectation has it."""
    if isinstance(v, h5py.Empty):
        return {"dtype": "string" if v.dtype.kind in "SO" else v.dtype.name, "shape": [0], "data": [] if v.dtype.kind in "SO" else ""}
    a = np.asarray(v)
    if a.dtype.kind in "OSU":
        return {"dtype": "string", "shape": list(a.shape), "data": texts(a)}
    little = a.astype(a.dtype.newbyteorder("<"), copy=False) if a.dtype.kind in "iuf" else a
    hexed = little.tobytes().hex()
    if len(hexed) > 4096:
        hexed = f"crc32:{zlib.crc32(little.tobytes())}"
    return {"dtype": a.dtype.name, "shape": list(a.shape), "data": hexed}


def expectation(path, refused=(), values=None):
    out = {}

    def visit(name, obj):
        e = {"attributes": {k: value(v) for k, v in obj.attrs.items()}}
        if isinstance(obj, h5py.Group):
            e["children"] = sorted(obj.keys())
        elif name in refused:
            e["refused"] = refused[name]
        else:
            e.update(values[name] if values and name in values else value(obj[()]))
        out[name] = e
        if isinstance(obj, h5py.Group):
            for k in obj.keys():
                child = (name if name != "/" else "") + "/" + k
                if child in refused and not isinstance(obj.get(k, getlink=True), h5py.HardLink):
                    out[child] = {"refused": refused[child]}
                else:
                    visit(child, obj[k])

    with h5py.File(path, "r") as f:
        visit("/", f)
    return out


def rng():
    return np.random.default_rng(7)


def kinds(f):
    """Every readable type, both byte orders, and shapes from nothing to three dimensions."""
    r = rng()
    for t in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"):
        a = (r.normal(size=(3, 5)) * 50).astype(t)
        f.create_dataset("little/" + t, data=a.astype("<" + t))
        f.create_dataset("big/" + t, data=a.astype(">" + t))
    f["bool"] = np.array([True, False, True])
    f["scalar"] = np.float32(1.5)
    f["scalar_text"] = "späte Gäste"
    f["empty"] = np.zeros((0, 4), "f4")
    f["none"] = h5py.Empty("f4")
    f["cube"] = r.normal(size=(2, 3, 4)).astype("f4")
    f["vlen"] = np.array(["", "a", "ß€", "x" * 300], dtype=h5py.string_dtype())
    f["fixed"] = np.array([b"kernel:0", b"bias", b""], dtype="S8")
    padded = h5py.h5t.C_S1.copy()
    padded.set_size(5)
    padded.set_strpad(h5py.h5t.STR_SPACEPAD)
    d = h5py.h5d.create(f.id, b"spaces", padded, h5py.h5s.create_simple((2,)))
    d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([b"ab   ", b"abcde"]), mtype=padded)
    f.create_dataset("filled", (4,), dtype="<i4", fillvalue=-7)
    f.create_dataset("unwritten", (2, 2), dtype=">f8", fillvalue=2.5)


KINDS = {"/spaces": {"dtype": "string", "shape": [2], "data": ["ab", "abcde"]}}  # h5py leaves the spaces where they are


def attributes(f):
    """The attributes that Keras writes, and their neighbours."""
    f.attrs["keras_version"] = "3.15.1"
    f.attrs["backend"] = np.bytes_(b"tensorflow")
    f.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"name": "ä" * 400}})
    f.attrs["layer_names"] = np.array([b"dense", b"dense_1", b"a_longer_name"])
    f.attrs["texts"] = ["one", "", "drei"]
    f.attrs["no_names"] = []
    f.attrs["number"] = 3
    f.attrs["floats"] = np.linspace(0, 1, 5)
    f.attrs["flag"] = True
    f.attrs["big"] = np.array([1, 2, 3], ">i2")
    f.attrs["nothing"] = h5py.Empty("S4")
    f.create_dataset("x", data=[1.0]).attrs["unit"] = "m"


def chunked(f):
    r = rng()
    a = r.normal(size=(7, 11)).astype("f4")
    f.create_dataset("plain", data=a, chunks=(3, 4))
    f.create_dataset("gzip", data=a, chunks=(3, 4), compression="gzip")
    f.create_dataset("all", data=a, chunks=(3, 4), compression="gzip", shuffle=True, fletcher32=True)
    f.create_dataset("shuffled_big", data=a.astype(">f8"), chunks=(2, 11), shuffle=True, compression=9)
    f.create_dataset("sums", data=np.arange(33, dtype="u1"), chunks=(11,), fletcher32=True)
    f.create_dataset("one", data=a, chunks=(7, 11))
    f.create_dataset("one_packed", data=a, chunks=(7, 11), compression="gzip", shuffle=True)
    f.create_dataset("roomy", data=a, chunks=(3, 4), maxshape=(20, 20), compression="gzip")
    f.create_dataset("grows", data=a, chunks=(3, 4), maxshape=(None, None))
    f.create_dataset("grows_packed", data=a, chunks=(3, 4), maxshape=(None, None), compression="gzip")
    f.create_dataset("many", data=np.arange(3000, dtype="i4"), chunks=(2,))
    f.create_dataset("many_packed", data=np.arange(600, dtype="i4").reshape(20, 30), chunks=(1, 2), compression="gzip")
    f.create_dataset("texts", data=np.array(["a", "bc", ""] * 5, dtype=h5py.string_dtype()), chunks=(4,), compression="gzip")
    sparse = f.create_dataset("sparse", (40, 40), dtype="i2", chunks=(5, 5), fillvalue=9)
    sparse[12, 13] = 1
    sparse[39, 0:3] = 2
    f.create_dataset("unwritten", (6,), dtype="f4", chunks=(2,))
    f.create_dataset("four", data=r.normal(size=(3, 2, 5, 4)).astype("f2"), chunks=(2, 2, 2, 3), compression="gzip")
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((4,))
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    early = h5py.h5d.create(f.id, b"early", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((10,)), plist)
    early.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(10, dtype="i4"))


def compact(f):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    d = h5py.h5d.create(f.id, b"compact", h5py.h5t.IEEE_F64BE, h5py.h5s.create_simple((3,)), plist)
    d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([1.0, -2.0, 0.5]))


def wide(f):
    """Many links and many attributes: nodes split, and new files move them into heaps."""
    for i in range(400):
        f.create_dataset(f"many/vars_{i}", data=np.int32(i))
    for i in range(60):
        f["many"].attrs[f"attribute_{i}"] = f"value {i} " + "x" * (i * 7)
    f["few/a"] = 1
    f["few/b"] = 2
    f["few/same"] = f["few/a"]  # two names of one dataset


def huge_attribute(f):
    f.attrs["long"] = np.arange(9000, dtype="<i8") if f.libver[0] != "earliest" else np.arange(4000, dtype="<i8")
    for i in range(12):
        f.attrs[f"middle_{i}"] = np.full(700, i, "<i8")


def deep(f):
    group = f
    for i in range(120):
        group = group.create_group("g")
    group["end"] = np.arange(3)


def edited(f):
    """Files that were changed: freed space, continued headers, datasets that shrank and grew; unfiltered chunks at the edge."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((3, 4))
    plist.set_deflate(4)
    d = h5py.h5d.create(f.id, b"edges", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((7, 9)), plist)
    d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(63, dtype="f4").reshape(7, 9))
    d = f.create_dataset("resized", data=np.arange(100.0).reshape(10, 10), chunks=(3, 3), maxshape=(None, None), compression="gzip")
    d.resize((4, 5))
    d.resize((8, 4))
    f.create_dataset("sum_then_gzip", data=np.arange(50.0), chunks=(7,), fletcher32=True, compression="gzip")
    for i in range(20):
        f[f"t{i}"] = np.arange(i)
    for i in range(0, 20, 3):
        del f[f"t{i}"]
    x = f["t1"]
    for i in range(7):
        x.attrs[f"x{i}"] = "v" * i * 9
    del x.attrs["x3"]
    f["é/ü"] = 1


def bomb(f):
    f.create_dataset("zeros", shape=(1 << 26,), dtype="u1", chunks=(1 << 26,), compression=9)[...] = 0


def echo(path):
    """2,000 elements that are one text of 60,000 characters: a small file that asks for 120 MB."""
    with h5py.File(path, "w") as f:
        f.create_dataset("x", data=np.array(["a" * 60000] + ["b"] * 1999, dtype=h5py.string_dtype()))
        at = f["x"].id.get_offset()
    data = bytearray(path.read_bytes())
    data[at:at + 16 * 2000] = data[at:at + 16] * 2000
    path.write_bytes(data)


def other(f):
    """What is named and refused."""
    f["compound"] = np.zeros(2, [("a", "f4"), ("b", "i8")])
    f["sequence"] = 0
    del f["sequence"]
    f.create_dataset("sequence", (1,), dtype=h5py.vlen_dtype("i4"))
    f["committed"] = np.dtype("f4")
    f.create_dataset("of_committed", (2,), dtype=f["committed"])
    f["soft"] = h5py.SoftLink("/compound")
    f["outside"] = h5py.ExternalLink("other.h5", "/x")
    f.create_dataset("elsewhere", (2,), dtype="f4", external=[("/etc/hostname", 0, 8)])
    f.create_dataset("lzf", data=np.arange(100), chunks=(50,), compression="lzf")
    f.create_dataset("array", (1,), dtype=np.dtype(("f4", (2,))))


OTHER = {"/compound": "compound values are not read", "/sequence": "sequences of variable length are not read",
         "/committed": "no dataset", "/of_committed": "committed one", "/soft": "soft link", "/outside": "external link",
         "/elsewhere": "another file", "/lzf": "the filter 32000 (lzf) is not read", "/array": "arrays are not read"}


def newest(f):
    """What only files of the newer forms can hold."""
    f.create_dataset("endless", data=np.arange(10), chunks=(2,), maxshape=(None,))
    layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
    layout[:2] = h5py.VirtualSource("elsewhere.h5", "x", shape=(2,))
    f.create_virtual_dataset("virtual", layout)


def bfloat(f):
    a = np.array([1.0, -2.5, 3.25], ml_dtypes.bfloat16)
    d = f.create_dataset("keras", data=a)
    d.attrs["dtype"] = "bfloat16"
    f.create_dataset("opaque", data=a)
    t = h5py.h5t.IEEE_F16LE.copy()
    t.set_fields(15, 7, 8, 0, 7)
    t.set_ebias(127)
    d = h5py.h5d.create(f.id, b"real", t, h5py.h5s.create_simple((3,)))
    d.write(h5py.h5s.ALL, h5py.h5s.ALL, a.view("u2"), mtype=t)


BFLOAT = {"dtype": "bfloat16", "shape": [3], "data": np.array([1.0, -2.5, 3.25], ml_dtypes.bfloat16).tobytes().hex()}


def write(out, name, fill, refused=(), values=None, **options):
    path = out / (name + ".h5")
    path.unlink(missing_ok=True)
    with h5py.File(path, "w", **options) as f:
        fill(f)
    lines = [json.dumps(k) + ": " + json.dumps(v, ensure_ascii=False, sort_keys=True) for k, v in expectation(path, refused, values).items()]
    (out / (name + ".json")).write_text("{\n" + ",\n".join(lines) + "\n}\n")


def seed(f):
    """One of everything, as small as it gets, for the fuzzer."""
    f.attrs["layer_names"] = [b"dense", b"b"]
    f.attrs["config"] = "{}"
    f.create_dataset("g/x", data=np.arange(3, dtype=">f4"))
    f.create_dataset("p", data=np.arange(4, dtype="i2"), chunks=(2,))
    f.create_dataset("z", data=np.arange(4, dtype="i4"), chunks=(3,), compression="gzip", shuffle=True, fletcher32=True)
    f["v"] = np.array(["a", "bc"], dtype=h5py.string_dtype())
    f["t"] = np.array([True])


def seed_chunks(f):
    f.create_dataset("one", data=np.arange(4, dtype="i4"), chunks=(4,), compression="gzip")
    f.create_dataset("b", data=np.arange(4, dtype="i4").reshape(2, 2), chunks=(1, 2), maxshape=(None, None))
    f.create_dataset("c", data=np.arange(4, dtype="i4").reshape(2, 2), chunks=(1, 2), maxshape=(None, None), compression="gzip")


def seed_dense(f):
    for i in range(60):
        f.create_group(f"group_{i}")
    for i in range(9):
        f.attrs[f"a{i}"] = i


def main():
    out = pathlib.Path(sys.argv[1])
    (out / "hostile").mkdir(parents=True, exist_ok=True)
    for fill in (kinds, attributes, chunked, compact, wide, huge_attribute, deep, edited):
        for name, bounds in (("earliest", ("earliest", "v108")), ("latest", "latest")):
            write(out, f"{fill.__name__}_{name}", fill, values=KINDS, libver=bounds)
    write(out, "kinds_v108", kinds, values=KINDS, libver=("v108", "v108"))
    write(out, "chunked_v110", chunked, libver=("v110", "v110"))
    with h5py.File(out / "hostile" / "bomb.h5", "w") as f:
        bomb(f)
    echo(out / "hostile" / "echo.h5")
    write(out, "other", other, OTHER)
    write(out, "bfloat", bfloat, {"/opaque": "opaque bytes are not read"}, {"/keras": BFLOAT, "/real": BFLOAT})
    write(out, "newest", newest, {"/endless": "extensible array", "/virtual": "virtual dataset"}, libver="latest")
    write(out, "userblock", compact, userblock_size=1024)
    write(out, "userblock_latest", compact, userblock_size=512, libver="latest")
    write(out, "ordered", wide, track_order=True)
    for fill in (seed, seed_chunks, seed_dense) if len(sys.argv) > 2 else ():
        for name, bounds in (("earliest", ("earliest", "v108")), ("latest", "latest"))[fill is seed_dense:]:
            with h5py.File(pathlib.Path(sys.argv[2]) / f"{fill.__name__}_{name}.h5", "w", libver=bounds) as f:
                fill(f)


if __name__ == "__main__":
    main()
