"""Hostile pickles and joblib files whose harm is in the stream itself: calls, lies about lengths, bombs, broken endings."""
import bz2
import gzip
import io
import lzma
import struct
import zlib

import cloudpickle
import joblib
import numpy as np
from sklearn.preprocessing import FunctionTransformer

from opcodes import (APPEND, BUILD, DUP, EMPTY_DICT, EMPTY_LIST, EMPTY_TUPLE, MARK, NEWOBJ, NEWOBJ_EX, NONE, OBJ, POP, REDUCE,
                     SETITEM, STOP, TUPLE, binbytes, boolean, call, dict_of, frame, integer, list_of, name, proto, real,
                     short_text, stack_name, string0, text, thing, tuple_of)

ONE, GIB = integer(1), 1 << 30


class Evil(object):
    """Pickles as a call of eval."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return eval, ("open(%r, 'w').close()" % self.marker,)


def touch(marker):
    return "touch " + marker


def python(marker):
    return "open(%r, 'w').close()" % marker


def linear(coefficients, intercept=real(0.5), module="sklearn.linear_model._base"):
    """A LinearRegression around any value: what is wrong stands where prediction needs it."""
    return thing(module, "LinearRegression", fit_intercept=boolean(True), copy_X=boolean(True), n_jobs=NONE,
                 positive=boolean(False), n_features_in_=integer(4), coef_=coefficients, rank_=integer(4),
                 intercept_=intercept, _sklearn_version=text("1.9.1"))


# ---------------------------------------------------------------------------------------------- calls

def calls(shelf):
    harm = shelf.harmful

    def add(stem, build, mention, about):
        harm(stem + ".pkl", lambda marker: build(marker), [mention] if isinstance(mention, str) else mention, about)
    add("os_system_p0", lambda m: name("posix", "system") + MARK + string0(touch(m)) + TUPLE + REDUCE + STOP,
        "posix.system", "os.system by GLOBAL and REDUCE, protocol 0")
    add("os_system_p2", lambda m: proto(2) + call(name("os", "system"), text(touch(m))) + STOP, "os.system",
        "os.system by GLOBAL and REDUCE, protocol 2")
    add("os_system_p4", lambda m: proto(4) + frame(call(stack_name("os", "system"), short_text(touch(m))) + STOP), "os.system",
        "os.system by STACK_GLOBAL and REDUCE, protocol 4, framed")
    add("eval", lambda m: proto(2) + call(name("builtins", "eval"), text(python(m))) + STOP, "builtins.eval", "builtins.eval")
    add("eval_python2_name", lambda m: call(name("__builtin__", "eval"), text(python(m))) + STOP, "eval",
        "Python 2's name of builtins, which Python 3 maps")
    add("exec", lambda m: proto(4) + call(stack_name("builtins", "exec"), text(python(m))) + STOP, "builtins.exec", "builtins.exec")
    add("import_then_getattr", lambda m: proto(2) + call(
        call(name("builtins", "getattr"), call(name("builtins", "__import__"), text("os")), text("system")),
        text(touch(m))) + STOP, "builtins.", "__import__('os'), getattr, call")
    add("getattr_chain", lambda m: proto(2) + call(
        call(name("builtins", "getattr"), call(name("builtins", "getattr"), call(name("builtins", "getattr"), name("shutil", "os"),
             text("path")), text("os")), text("system")), text(touch(m))) + STOP,
        ["getattr"], "getattr on a module that another module holds")
    add("attrgetter", lambda m: proto(2) + call(
        call(call(name("operator", "attrgetter"), text("path.os.system")), name("shutil", "os")), text(touch(m))) + STOP,
        "operator.attrgetter", "operator.attrgetter over several dots")
    add("methodcaller", lambda m: proto(2) + call(
        call(name("operator", "methodcaller"), text("system"), text(touch(m))), name("shutil", "os")) + STOP,
        "operator.methodcaller", "operator.methodcaller")
    add("popen", lambda m: proto(2) + call(name("subprocess", "Popen"), list_of(text("touch"), text(m))) + STOP,
        "subprocess.Popen", "subprocess.Popen by REDUCE")
    add("check_output", lambda m: proto(2) + call(name("subprocess", "check_output"), list_of(text("touch"), text(m))) + STOP,
        "subprocess.check_output", "subprocess.check_output")
    add("inst", lambda m: MARK + string0(touch(m)) + b"iposix\nsystem\n" + STOP, "posix.system", "the INST opcode")
    add("obj", lambda m: proto(1) + MARK + name("posix", "system") + text(touch(m)) + OBJ + STOP, "posix.system", "the OBJ opcode")
    add("newobj_map_bytes", lambda m: proto(2) + name("builtins", "bytes") + tuple_of(
        name("builtins", "map") + tuple_of(name("os", "system"), list_of(text(touch(m)))) + NEWOBJ) + NEWOBJ + STOP,
        "os.system", "no REDUCE at all: bytes(map(os.system, …)) by NEWOBJ")
    add("newobj_ex_partial", lambda m: proto(4) + name("functools", "partial") + tuple_of(name("os", "system"), text(touch(m)))
        + EMPTY_DICT + NEWOBJ_EX + EMPTY_TUPLE + REDUCE + STOP, "functools.partial", "functools.partial by NEWOBJ_EX, then called")
    add("build_setstate", lambda m: proto(2) + name("types", "SimpleNamespace") + EMPTY_TUPLE + REDUCE
        + EMPTY_DICT + text("__setstate__") + name("os", "system") + SETITEM + BUILD + text(touch(m)) + BUILD + STOP,
        "os.system", "BUILD stores __setstate__ = os.system, a second BUILD calls it")
    add("build_partial_state", lambda m: proto(2) + call(name("functools", "partial"), name("builtins", "len"))
        + tuple_of(name("os", "system"), tuple_of(text(touch(m))), EMPTY_DICT, NONE) + BUILD + EMPTY_TUPLE + REDUCE + STOP,
        "functools.partial", "BUILD swaps the function inside a partial")
    add("resolve_name", lambda m: proto(2) + call(call(name("pkgutil", "resolve_name"), text("os:system")), text(touch(m))) + STOP,
        "pkgutil.resolve_name", "pkgutil.resolve_name finds any function by a string")
    add("dotted_name", lambda m: proto(4) + call(stack_name("shutil", "os.system"), text(touch(m))) + STOP,
        "os.system", "STACK_GLOBAL with a dotted attribute")
    add("dotted_name_sklearn", lambda m: proto(4) + call(stack_name("sklearn.datasets._base", "os.system"), text(touch(m))) + STOP,
        "os.system", "a dotted attribute under a module that looks familiar")
    add("dotted_name_joblib", lambda m: proto(4) + call(stack_name("joblib.numpy_pickle", "os.system"), text(touch(m))) + STOP,
        "os.system", "a dotted attribute under joblib's own reader")
    add("memoized_call", lambda m: proto(2) + name("os", "system") + b"q\x07" + POP + text(touch(m)) + b"q\x09" + POP + b"h\x07"
        + MARK + b"h\x09" + TUPLE + REDUCE + STOP, "os.system", "function and argument fetched from the memo")
    add("pop_hides_call", lambda m: proto(2) + call(name("os", "system"), text(touch(m))) + POP + linear(good_array()) + STOP,
        "os.system", "the call's result is popped, a fine model follows")
    add("call_in_ignored_attribute", lambda m: proto(2) + thing(
        "sklearn.linear_model._base", "LinearRegression", fit_intercept=boolean(True), n_features_in_=integer(4),
        coef_=good_array(), intercept_=real(0.0), n_jobs=call(name("os", "system"), text(touch(m))),
        _sklearn_version=text("1.9.1")) + STOP, "os.system", "the call makes an attribute that prediction never looks at")
    add("call_as_dict_key", lambda m: proto(2) + EMPTY_DICT + call(name("os", "system"), text(touch(m))) + NONE + SETITEM + STOP,
        "os.system", "the call makes the key of a dict")
    add("numpy_runstring", lambda m: proto(2) + call(name("numpy.testing", "runstring"), text(python(m)), EMPTY_DICT) + STOP,
        "numpy.testing.runstring", "numpy's own exec")
    add("numpy_runstring_private", lambda m: proto(2) + call(
        name("numpy.testing._private.utils", "runstring"), text(python(m)), EMPTY_DICT) + STOP,
        "runstring", "numpy's own exec by its private name")
    add("numpy_f2py_eval", lambda m: proto(2) + call(name("numpy.f2py.crackfortran", "myeval"), text(python(m))) + STOP,
        "numpy.f2py.crackfortran.myeval", "numpy.f2py's eval")
    add("numpy_memmap", lambda m: proto(2) + call(
        name("numpy", "memmap"), text(m), text("u1"), text("w+"), integer(0), tuple_of(ONE)) + STOP,
        "numpy.memmap", "an array class that creates a file")
    add("numpy_vectorize", lambda m: proto(2) + call(
        call(name("numpy", "vectorize"), name("os", "system")), text(touch(m))) + STOP, ["os.system"], "numpy.vectorize(os.system)")
    add("cprofile", lambda m: proto(2) + call(name("cProfile", "run"), text(python(m))) + STOP, "cProfile.run", "cProfile.run runs text")
    add("timeit", lambda m: proto(2) + call(
        name("timeit", "timeit"), text(python(m)), text("pass"), name("time", "perf_counter"), ONE) + STOP,
        "timeit.timeit", "timeit.timeit runs text")
    add("numpy_reconstruct_call", lambda m: proto(2) + linear(
        call(name("numpy._core.multiarray", "_reconstruct"), call(name("builtins", "eval"), text(python(m))),
             tuple_of(integer(0)), binbytes(b"b"))) + STOP, "builtins.eval", "eval as the class argument of _reconstruct")


def calls_without_marker(shelf):
    shelf.add("numpy_load.pkl", proto(2) + linear(call(name("numpy", "load"), text("/etc/passwd"), NONE, boolean(True))) + STOP,
              ["numpy.load"], "numpy.load with allow_pickle by REDUCE: reads a file")
    shelf.add("numpy_fromfile.pkl", proto(2) + linear(call(name("numpy", "fromfile"), text("/etc/passwd"), text("u1"))) + STOP,
              ["numpy.fromfile"], "coefficients out of a file of the machine")
    shelf.add("pandas_read_pickle.pkl", proto(2) + call(name("pandas", "read_pickle"), text("/tmp/no.pkl")) + STOP,
              ["pandas.read_pickle"], "another pickle by path")
    shelf.add("joblib_load.pkl", proto(2) + call(name("joblib.numpy_pickle", "load"), text("/tmp/no.pkl")) + STOP,
              ["joblib.numpy_pickle.load"], "another joblib file by path")
    shelf.add("persid.pkl", b"Pos.system\n.", ["PERSID"], "a persistent id, protocol 0")
    shelf.add("binpersid.pkl", proto(2) + tuple_of(text("storage"), text("x")) + b"Q" + STOP, ["BINPERSID"], "a persistent id")
    shelf.add("ext1.pkl", proto(2) + b"\x82\x01" + STOP, ["EXT1"], "extension registry")
    shelf.add("ext2.pkl", proto(2) + b"\x83\x01\x02" + STOP, ["EXT2"], "extension registry")
    shelf.add("ext4.pkl", proto(2) + b"\x84\xff\xff\xff\x7f" + STOP, ["EXT4"], "extension registry")
    shelf.add("ext4_negative.pkl", proto(2) + b"\x84\xff\xff\xff\xff" + STOP, ["EXT4"], "extension code below zero")
    shelf.add("next_buffer.pkl", proto(5) + b"\x97" + STOP, ["NEXT_BUFFER"], "out-of-band buffer that does not exist")
    shelf.add("readonly_buffer.pkl", proto(5) + b"\x97\x98" + STOP, [["NEXT_BUFFER", "READONLY_BUFFER"]], "out-of-band buffer")
    shelf.add("unknown_class.pkl", proto(2) + thing("__main__", "MyModel", coef_=good_array()) + STOP, ["__main__.MyModel"],
              "a class of the user's own script")
    shelf.add("own_package.pkl", proto(2) + thing("sklearn.pipeline", "Pipeline", memory=NONE, verbose=boolean(False), steps=list_of(
        tuple_of(text("clean"), thing("mymod.steps", "Cleaner")), tuple_of(text("m"), linear(good_array()))),
        _sklearn_version=text("1.9.1")) + STOP, ["mymod.steps.Cleaner"], "a step of the user's own package")
    shelf.add("familiar_name_foreign_module.pkl", proto(2) + linear(good_array(), module="evil.linear_model._base") + STOP,
              ["evil.linear_model._base"], "LinearRegression of a module that is not scikit-learn's")
    shelf.add("function_of_module.pkl", proto(2) + thing(
        "sklearn.preprocessing._function_transformer", "FunctionTransformer", func=name("mymod", "clean_up"), inverse_func=NONE,
        validate=boolean(False), accept_sparse=boolean(False), check_inverse=boolean(True), feature_names_out=NONE, kw_args=NONE,
        inv_kw_args=NONE, _sklearn_version=text("1.9.1")) + STOP, ["mymod.clean_up"], "FunctionTransformer of a named function")
    shelf.add("function_of_main.pkl", proto(2) + thing(
        "sklearn.preprocessing._function_transformer", "FunctionTransformer", func=name("__main__", "clean_up"),
        validate=boolean(False), _sklearn_version=text("1.9.1")) + STOP, ["__main__.clean_up"],
        "FunctionTransformer of a function of the user's script")
    shelf.add("lambda_cloudpickle.pkl", cloudpickle.dumps(FunctionTransformer(users_lambda()), protocol=4),
              [["cloudpickle", "lambda"]], "FunctionTransformer(lambda), bytecode by cloudpickle")
    shelf.add("nested_pickle_in_bytes.pkl", proto(4) + binbytes(proto(2) + call(
        name("os", "system"), text("true")) + STOP) + STOP, [], "bytes that are a pickle: no model, and never to be opened")
    shelf.add("class_itself.pkl", proto(2) + name("sklearn.linear_model._base", "LinearRegression") + STOP, ["LinearRegression"],
              "the class, not an object of it")
    shelf.add("unfitted.pkl", proto(2) + thing("sklearn.linear_model._base", "LinearRegression", fit_intercept=boolean(True),
                                               _sklearn_version=text("1.9.1")) + STOP, ["LinearRegression"], "never fitted")
    for stem, value in (("just_none", NONE), ("just_int", ONE), ("just_text", text("model")), ("empty_list", EMPTY_LIST),
                        ("empty_dict", EMPTY_DICT), ("empty_tuple", EMPTY_TUPLE)):
        shelf.add("%s.pkl" % stem, proto(2) + value + STOP, [], "a value that is no model")


def users_lambda():
    """As written in a user's train.py: cloudpickle then carries the bytecode and the file's name."""
    return eval(compile("lambda x: x * 2", "train.py", "eval"), {"__name__": "__main__"})


def good_array():
    return array(tuple_of(integer(4)), struct.pack("<4d", 1, 2, 3, 4))


def float_type(code="f8", state=None):
    made = call(name("numpy", "dtype"), text(code), boolean(False), boolean(True))
    return made + (state or tuple_of(integer(3), text("<"), NONE, NONE, NONE, integer(-1), integer(-1), integer(0))) + BUILD


def array(shape, raw, dtype=None, order=False):
    made = call(name("numpy._core.multiarray", "_reconstruct"), name("numpy", "ndarray"), tuple_of(integer(0)), binbytes(b"b"))
    return made + tuple_of(ONE, shape, dtype or float_type(), boolean(order), binbytes(raw)) + BUILD


# ---------------------------------------------------------------------------------------------- joblib

def joblib_bytes(value, **options):
    out = io.BytesIO()
    joblib.dump(value, out, **options)
    return out.getvalue()


def joblib_files(shelf):
    many = np.arange(40, dtype=float)
    words = np.array(["a", "b"], dtype=object)

    def objects(marker):
        held = np.empty(2, dtype=object)
        held[:] = ["a", Evil(marker)]
        return held
    shelf.harmful("joblib_array_then_eval.joblib", lambda m: joblib_bytes([many, Evil(m)]), ["builtins.eval"],
                  "raw array bytes, then eval: listers of opcodes stop at the array")
    shelf.harmful("joblib_eval_then_array.joblib", lambda m: joblib_bytes([Evil(m), many, words]), ["builtins.eval"], "eval first")
    shelf.harmful("joblib_eval_in_object_array.joblib", lambda m: joblib_bytes({"model": objects(m)}), ["builtins.eval"],
                  "eval inside the nested pickle of an object array")
    for codec in ("zlib", "gzip", "bz2", "xz", "lzma"):
        shelf.harmful("joblib_eval_%s.joblib" % codec, lambda m, codec=codec: joblib_bytes([many, Evil(m)], compress=(codec, 3)),
                      ["builtins.eval"], "the same under " + codec)
    shelf.harmful("pickle_eval_in_object_array.pkl", lambda m: proto(2) + call(
        name("numpy._core.multiarray", "_reconstruct"), name("numpy", "ndarray"), tuple_of(integer(0)), binbytes(b"b"))
        + tuple_of(ONE, tuple_of(ONE), float_type("O8", tuple_of(
            integer(3), text("|"), NONE, NONE, NONE, integer(-1), integer(-1), integer(63))), boolean(False), list_of(
                call(name("builtins", "eval"), text(python(m))))) + BUILD + STOP, ["builtins.eval"], "eval in an object array's list")

    def wrapper(shape, dtype, raw, alignment=True):
        state = dict(subclass=name("numpy", "ndarray"), shape=shape, order=text("C"), dtype=dtype, allow_mmap=boolean(True))
        if alignment:
            state["numpy_array_alignment_bytes"] = integer(16)
        return thing("joblib.numpy_pickle", "NumpyArrayWrapper", **state) + raw
    eight = struct.pack("<d", 1.0)
    pad = b"\x01\xff"
    boolean_object = float_type("O8", tuple_of(integer(3), text("|"), NONE, NONE, NONE, integer(-1), integer(-1), integer(63)))

    def add(stem, inside, about, mention=()):
        shelf.add(stem + ".joblib", proto(4) + linear(inside) + STOP, list(mention), about)
    add("joblib_shape_bomb", wrapper(tuple_of(integer(1 << 40)), float_type(), pad + eight), "2^40 elements claimed, 8 bytes there")
    add("joblib_shape_overflow", wrapper(tuple_of(integer(1 << 32), integer(1 << 32)), float_type(), pad + eight),
        "the product of the shape wraps to zero")
    add("joblib_shape_negative", wrapper(tuple_of(integer(-4)), float_type(), pad + eight), "a negative dimension")
    add("joblib_shape_two_negatives", wrapper(tuple_of(integer(-2), integer(-2)), float_type(), pad + eight * 4),
        "two negative dimensions with a positive product")
    add("joblib_shape_not_int", wrapper(tuple_of(text("4")), float_type(), pad + eight * 4), "a dimension that is text")
    add("joblib_pad_beyond_end", wrapper(tuple_of(integer(4)), float_type(), b"\xff" + eight), "padding longer than the file")
    add("joblib_alignment_huge", thing("joblib.numpy_pickle", "NumpyArrayWrapper", subclass=name("numpy", "ndarray"),
        shape=tuple_of(integer(4)), order=text("C"), dtype=float_type(), allow_mmap=boolean(True),
        numpy_array_alignment_bytes=integer(1 << 60)) + pad + eight, "an alignment of 2^60 and too few bytes")
    add("joblib_object_dtype_raw", wrapper(tuple_of(integer(4)), boolean_object, eight * 4),
        "dtype object with raw bytes where a nested pickle belongs: pointers out of a file")
    add("joblib_subclass", thing("joblib.numpy_pickle", "NumpyArrayWrapper", subclass=name("numpy", "memmap"),
        shape=tuple_of(integer(4)), order=text("C"), dtype=float_type(), allow_mmap=boolean(True)) + eight * 4,
        "an array of class numpy.memmap", ["numpy.memmap"])
    add("joblib_old_wrapper", thing("joblib.numpy_pickle", "NDArrayWrapper", filename=text("../../etc/passwd"),
        subclass=name("numpy", "ndarray"), allow_mmap=boolean(True)), "the old wrapper names a sibling file by path", ["NDArrayWrapper"])
    shelf.add("joblib_old_zfile.joblib", b"ZF0x" + b"%-19s" % b"ffffffffffffff" + zlib.compress(proto(2) + NONE + STOP),
              [], "joblib 0.9's compressed form with a length that lies")
    shelf.add("joblib_nested_object_arrays.joblib", nested_object_arrays(100), [], "object arrays nested 100 deep, each a pickle of its own")


def nested_object_arrays(depth):
    wrapper_type = float_type("O8", tuple_of(integer(3), text("|"), NONE, NONE, NONE, integer(-1), integer(-1), integer(63)))
    raw = proto(2) + thing("joblib.numpy_pickle", "NumpyArrayWrapper", subclass=name("numpy", "ndarray"), shape=tuple_of(integer(1)),
                           order=text("C"), dtype=wrapper_type, allow_mmap=boolean(False))
    return raw * depth + proto(2) + EMPTY_LIST + STOP + STOP * depth


# ---------------------------------------------------------------------------------------------- arrays that lie

def arrays(shelf):
    def add(stem, inside, about, mention=("coef_",)):
        shelf.add("array_%s.pkl" % stem, proto(2) + linear(inside) + STOP, [list(mention) + ["array", "numpy"]] if mention else [], about)
    eight, four = struct.pack("<d", 1.0), tuple_of(integer(4))
    plain = (integer(3), text("<"), NONE, NONE, NONE)
    add("shape_bomb", array(tuple_of(integer(1 << 40)), eight), "2^40 elements claimed, 8 bytes there")
    add("shape_overflow", array(tuple_of(integer(1 << 62), integer(4)), b""), "2^62 × 4 elements: zero when the product wraps")
    add("shape_overflow_bytes", array(tuple_of(integer(1 << 61)), b""), "2^61 × 8 bytes wraps to zero")
    add("shape_negative", array(tuple_of(integer(-4)), eight * 4), "a negative dimension")
    add("shape_two_negatives", array(tuple_of(integer(-2), integer(-2)), eight * 4), "two negative dimensions")
    add("shape_zero_and_huge", array(tuple_of(integer(0), integer(1 << 62)), b""), "no element, but a dimension of 2^62")
    add("shape_many_dimensions", array(tuple_of(*([ONE] * 5000)), eight), "5000 dimensions")
    add("shape_beyond_int64", array(tuple_of(integer(1 << 100)), eight), "a dimension of 2^100")
    add("data_short", array(four, eight * 3), "one element too few")
    add("data_long", array(four, eight * 5), "one element too many")
    add("data_is_text", call(name("numpy._core.multiarray", "_reconstruct"), name("numpy", "ndarray"), tuple_of(integer(0)),
        binbytes(b"b")) + tuple_of(ONE, four, float_type(), boolean(False), text("\u03a9" * 4)) + BUILD, "the data is text that is not Latin-1")
    add("state_short", call(name("numpy._core.multiarray", "_reconstruct"), name("numpy", "ndarray"), tuple_of(integer(0)),
        binbytes(b"b")) + tuple_of(ONE, four) + BUILD, "a state of two parts")
    add("no_state", call(name("numpy._core.multiarray", "_reconstruct"), name("numpy", "ndarray"), four, binbytes(b"b")),
        "no BUILD: memory that nobody filled")
    add("frombuffer_short", call(name("numpy._core.numeric", "_frombuffer"), binbytes(eight), float_type(), four, text("C")),
        "_frombuffer with too few bytes")
    add("frombuffer_order", call(name("numpy._core.numeric", "_frombuffer"), binbytes(eight * 4), float_type(), four, text("Q")),
        "_frombuffer with an order that does not exist")
    add("dtype_object_bytes", array(four, eight * 4, float_type("O8", tuple_of(
        integer(3), text("|"), NONE, NONE, NONE, integer(-1), integer(-1), integer(63)))), "dtype object over raw bytes")
    add("dtype_object_flag_lie", array(four, eight * 4, float_type("O8", tuple_of(
        integer(3), text("|"), NONE, NONE, NONE, integer(-1), integer(-1), integer(0)))), "dtype object whose flags say otherwise")
    add("dtype_itemsize_huge", array(four, eight, float_type("V2147483647", tuple_of(
        *plain + (integer(2147483647), integer(1), integer(0))))), "elements of 2 GB")
    add("dtype_text_huge", array(four, eight, float_type("U99999999999")), "text elements of 400 GB")
    add("dtype_itemsize_zero", array(tuple_of(integer(1 << 50)), b"", float_type("V0", tuple_of(
        *plain + (integer(0), integer(1), integer(0))))), "2^50 elements of no size")
    add("dtype_unknown", array(four, eight * 4, float_type("zz")), "a dtype that does not exist")
    add("dtype_subarray", array(four, eight * 4, float_type("(100000000,)f8")), "a dtype with a shape of its own")
    add("dtype_struct_offset_lie", array(four, b"\0" * 64, struct_type({"a": 0, "b": 1000}, 16)), "a field behind the element's end")
    add("dtype_struct_negative_offset", array(four, b"\0" * 64, struct_type({"a": 0, "b": -8}, 16)), "a field before the element")
    add("dtype_struct_missing_field", array(four, b"\0" * 64, struct_type({"a": 0}, 16, names=("a", "b"))), "a name without a field")
    add("dtype_nested", array(ONE + b"\x85", b"\0" * 8, nested_type(800)), "struct types nested 800 deep")
    add("dtype_from_call", array(four, eight * 4, call(name("numpy", "dtype"), call(name("builtins", "eval"), text("'f8'")))),
        "a dtype made by eval", ("builtins.eval",))
    add("scalar_short", call(name("numpy._core.multiarray", "scalar"), float_type(), binbytes(b"\x01")), "a numpy scalar of one byte")
    add("text_where_array", text("not an array"), "text where the coefficients belong", ("coef_",))
    add("list_where_array", list_of(NONE, real(1.0)), "a list with None where the coefficients belong", ("coef_",))


def struct_type(offsets, itemsize, names=None):
    fields = EMPTY_DICT + b"".join(text(key) + tuple_of(float_type(), integer(at)) + SETITEM for key, at in offsets.items())
    keys = tuple_of(*[text(key) for key in (names or offsets)])
    return float_type("V%d" % itemsize, tuple_of(integer(3), text("|"), NONE, keys, fields, integer(itemsize), integer(1), integer(16)))


def nested_type(depth):
    def around(inner):
        fields = EMPTY_DICT + text("a") + tuple_of(inner, integer(0)) + SETITEM
        return call(name("numpy", "dtype"), text("V8"), boolean(False), boolean(True)) + tuple_of(
            integer(3), text("|"), NONE, tuple_of(text("a")), fields, integer(8), ONE, integer(16)) + BUILD
    head, tail = around(b"\0SPLIT\0").split(b"\0SPLIT\0")
    return head * depth + float_type() + tail * depth


# ---------------------------------------------------------------------------------------------- bombs and lies in the stream

def bombs(shelf):
    def add(stem, body, about, mention=()):
        shelf.add(stem + ".pkl", body, list(mention), about)
    add("memo_index_huge", proto(2) + EMPTY_LIST + b"r\xff\xff\xff\xff" + STOP, "LONG_BINPUT at 2^32 - 1: a memo by index is 32 GB")
    add("memo_index_text", EMPTY_LIST + b"p99999999999999999999\n" + STOP, "PUT at an index beyond 64 bits", [["PUT", "memo"]])
    add("memo_index_negative", EMPTY_LIST + b"p-1\n" + STOP, "PUT below zero", [["PUT", "memo"]])
    add("memo_missing", proto(2) + b"h\x05" + STOP, "BINGET of what was never put", [["BINGET", "memo"]])
    add("memo_missing_long", proto(2) + b"j\xff\xff\xff\xff" + STOP, "LONG_BINGET of what was never put", [["LONG_BINGET", "memo"]])
    add("dag_bomb", proto(2) + MARK * 60 + EMPTY_LIST + (DUP + b"l") * 60 + STOP, "[x, x] sixty levels deep: 2^60 leaves when walked as a tree")
    add("dag_bomb_append", proto(2) + b"".join(
        EMPTY_LIST + b"q" + bytes([i]) + (b"h" + bytes([i - 1]) + APPEND) * 2 if i else EMPTY_LIST + b"q\0" for i in range(60)) + STOP,
        "the same by BINGET and APPEND")
    add("dag_bomb_steps", proto(2) + thing("sklearn.pipeline", "Pipeline", memory=NONE, verbose=boolean(False), steps=dag_steps(40),
        _sklearn_version=text("1.9.1")) + STOP, "a pipeline that holds the same pipeline twice, forty levels deep")
    add("list_in_itself", proto(2) + EMPTY_LIST + b"q\0" + b"h\0" + APPEND + STOP, "a list that holds itself")
    add("dict_in_itself", proto(2) + EMPTY_DICT + b"q\0" + text("model") + b"h\0" + SETITEM + STOP, "a dict that holds itself as its model")
    add("nested_tuples", proto(2) + EMPTY_TUPLE + b"\x85" * 200000 + STOP, "200,000 tuples in each other")
    shelf.add("nested_lists.joblib", zlib.compress(proto(2) + EMPTY_LIST * 200001 + APPEND * 200000 + STOP, 9), [],
              "200,000 lists in each other, under zlib")
    shelf.add("nested_dicts.joblib", zlib.compress(
        proto(2) + EMPTY_DICT + (NONE + EMPTY_DICT) * 200000 + SETITEM * 200000 + STOP, 9), [], "200,000 dicts in each other, under zlib")
    shelf.add("nested_marks.joblib", zlib.compress(proto(2) + MARK * 5000000 + STOP, 9), [], "five million MARKs, under zlib")
    shelf.add("many_pushes.joblib", zlib.compress(proto(2) + NONE * 30000000 + STOP, 9), [], "thirty million values on the stack, under zlib")
    shelf.add("many_objects.joblib", zlib.compress(proto(2) + EMPTY_LIST + (EMPTY_DICT + APPEND) * 10000000 + STOP, 9), [],
              "a list of ten million dicts, under zlib")
    shelf.add("many_memo.joblib", zlib.compress(proto(4) + EMPTY_LIST + b"\x94" * 20000000 + STOP, 9), [],
              "one list memoized twenty million times, under zlib")
    add("text8_claims_10gb", proto(4) + b"\x8d" + struct.pack("<Q", 10 * GIB) + b"abc" + STOP, "BINUNICODE8 of 10 GB", [["BINUNICODE8", "truncated", "ends"]])
    add("bytes8_claims_10gb", proto(4) + b"\x8e" + struct.pack("<Q", 10 * GIB) + b"abc" + STOP, "BINBYTES8 of 10 GB", [["BINBYTES8", "truncated", "ends"]])
    add("bytearray8_claims_10gb", proto(5) + b"\x96" + struct.pack("<Q", 10 * GIB) + b"abc" + STOP, "BYTEARRAY8 of 10 GB", [["BYTEARRAY8", "truncated", "ends"]])
    add("bytes8_claims_2_64", proto(4) + b"\x8e" + b"\xff" * 8 + b"abc" + STOP, "BINBYTES8 of 2^64 - 1: adding to the offset wraps", [["BINBYTES8", "truncated", "ends"]])
    add("text_claims_4gb", proto(2) + b"X\xff\xff\xff\xffabc" + STOP, "BINUNICODE of 4 GB", [["BINUNICODE", "truncated", "ends"]])
    add("binstring_negative", proto(1) + b"T\xff\xff\xff\xffabc" + STOP, "BINSTRING of length -1", [["BINSTRING", "negative", "length"]])
    add("long4_huge", proto(2) + b"\x8b\xff\xff\xff\x7f\x01" + STOP, "LONG4 of 2^31 - 1 bytes", [["LONG4", "truncated", "ends"]])
    add("long4_negative", proto(2) + b"\x8b\xff\xff\xff\xff\x01" + STOP, "LONG4 of length -1", [["LONG4", "negative", "length"]])
    add("long_digits", b"L" + b"9" * 30000 + b"L\n" + STOP, "an integer of 30,000 digits")
    add("long_not_digits", b"Lx9L\n" + STOP, "LONG that is no number", [["LONG", "integer", "number"]])
    add("int_without_newline", b"I12345", "INT without its newline")
    add("float_not_number", b"Fone\n" + STOP, "FLOAT that is no number", [["FLOAT", "number"]])
    add("unicode_not_utf8", proto(2) + b"X\x02\0\0\0\xff\xfe" + STOP, "text that is not UTF-8")
    add("string_no_quotes", b"Sabc\n" + STOP, "STRING without quotes")
    add("frame_beyond_end", proto(4) + frame(NONE + STOP, claimed=1 << 20), "FRAME longer than the file")
    add("frame_2_64", proto(4) + frame(NONE + STOP, claimed=(1 << 64) - 1), "FRAME of 2^64 - 1")
    add("frame_short", proto(4) + frame(linear(text("x")) + STOP, claimed=3), "FRAME that ends inside an opcode")
    add("frame_in_frame", proto(4) + frame(frame(NONE) * 3 + STOP), "frames inside a frame")


def dag_steps(levels):
    def pipe(inside):
        return thing("sklearn.pipeline", "Pipeline", memory=NONE, verbose=boolean(False), steps=inside, _sklearn_version=text("1.9.1"))
    body = b""
    for level in range(levels):
        inner = b"h" + bytes([level - 1]) if level else linear(good_array())
        again = b"h" + bytes([level - 1]) if level else linear(good_array())
        body += pipe(list_of(tuple_of(text("a"), inner), tuple_of(text("b"), again))) + b"q" + bytes([level]) + POP
    return body + list_of(tuple_of(text("a"), b"h" + bytes([levels - 1])))


def broken_streams(shelf):
    def add(stem, body, about, mention=()):
        shelf.add(stem + ".pkl", body, list(mention), about)
    add("empty", b"", "no byte at all")
    shelf.add("empty.joblib", b"", [], "no byte at all")
    add("only_proto", proto(4), "PROTO and nothing more")
    add("only_stop", STOP, "STOP on an empty stack", [["STOP", "stack"]])
    add("proto_6", proto(6) + NONE + STOP, "a protocol that does not exist", [["protocol"]])
    add("proto_255", proto(255) + NONE + STOP, "a protocol that does not exist", [["protocol"]])
    add("unknown_opcode", proto(2) + b"\xff" + STOP, "no such opcode", [["opcode", "0xff"]])
    add("no_stop", proto(2) + linear(good_array()), "a whole model, but no STOP")
    for stem, body, opcode in (
            ("underflow_reduce", NONE + REDUCE, "REDUCE"), ("underflow_build", BUILD, "BUILD"), ("underflow_tuple2", NONE + b"\x86", "TUPLE2"),
            ("underflow_pop", POP, "POP"), ("underflow_dup", DUP, "DUP"), ("tuple_without_mark", NONE + TUPLE, "TUPLE"),
            ("pop_mark_without_mark", NONE + b"1", "POP_MARK"), ("append_to_tuple", EMPTY_TUPLE + NONE + APPEND, "APPEND"),
            ("append_to_text", text("x") + NONE + APPEND, "APPEND"), ("setitem_on_list", EMPTY_LIST + NONE + NONE + SETITEM, "SETITEM"),
            ("setitems_odd", EMPTY_DICT + MARK + NONE + b"u", "SETITEMS"), ("dict_odd", MARK + NONE + b"d", "DICT"),
            ("additems_on_list", EMPTY_LIST + MARK + NONE + b"\x90", "ADDITEMS"), ("build_on_int", ONE + EMPTY_DICT + BUILD, "BUILD"),
            ("reduce_of_int", ONE + EMPTY_TUPLE + REDUCE, "REDUCE"), ("reduce_with_list", name("numpy", "dtype") + EMPTY_LIST + REDUCE, "REDUCE"),
            ("newobj_of_text", text("x") + EMPTY_TUPLE + NEWOBJ, "NEWOBJ"), ("stack_global_of_ints", ONE + ONE + b"\x93", "STACK_GLOBAL"),
            ("mark_crossed", EMPTY_LIST + MARK + APPEND, "APPEND"), ("memoize_nothing", b"\x94", "MEMOIZE")):
        add(stem, proto(4) + body + STOP, "a stack or type that does not fit the opcode", [[opcode, opcode.lower(), "stack"]])
    add("unhashable_key", proto(2) + EMPTY_DICT + EMPTY_LIST + NONE + SETITEM + STOP, "a list as the key of a dict")
    add("duplicate_keys", proto(2) + name("sklearn.linear_model._base", "LinearRegression") + EMPTY_TUPLE + NEWOBJ + EMPTY_DICT + MARK
        + text("coef_") + good_array() + text("coef_") + text("other") + text("intercept_") + real(0) + b"u" + BUILD + STOP,
        "coef_ twice in one state: the later one is text", [["coef_", "coef_ twice"]])
    add("global_without_newline", b"cos", "GLOBAL cut inside its name")
    add("global_newline_missing", proto(2) + b"c" + b"a" * 30000, "GLOBAL with a name of 30,000 letters and no end")
    add("global_control_characters", proto(4) + call(stack_name("os\x1b[2J\n\r", "system\x00"), text("true")) + STOP,
        "a module name that would rewrite a terminal or a log line", [["system"]])
    add("trailing_garbage", proto(2) + linear(good_array()) + STOP + b"\0" * 64, "bytes after STOP", [["trailing", "after"]])
    shelf.harmful("trailing_pickle.pkl", lambda m: proto(2) + linear(good_array()) + STOP + proto(2) + call(
        name("os", "system"), text(touch(m))) + STOP, [["trailing", "after", "os.system"]],
        "a fine model, and behind it a second pickle that calls os.system", second=True)


def truncated(shelf, good):
    for source, raw in sorted(good.items()):
        stem, extension = source.rsplit(".", 1)
        for part in (2, 11, len(raw) // 4, len(raw) // 2, len(raw) * 9 // 10, len(raw) - 1):
            shelf.add("truncated_%s_%d.%s" % (stem, part, extension), raw[:part], [], "a good file cut off after %d bytes" % part)
    raw = bytearray(good["iris_pipeline.pkl"])
    utf8 = bytes(raw).decode("latin-1").encode("utf-8")
    shelf.add("mangled_by_text_mode.pkl", utf8, [], "a good file that went through a Latin-1 to UTF-8 conversion")
    shelf.add("mangled_newlines.pkl", bytes(raw).replace(b"\n", b"\r\n"), [], "a good file after a newline conversion")


# ---------------------------------------------------------------------------------------------- compression

def crowds(shelf):
    """Millions of one thing in a few kilobytes of zlib: each is small, and dear in memory or time."""
    def add(stem, body, about):
        shelf.add(stem + ".joblib", zlib.compress(body, 9), [], about + ", under zlib")
    dtype = name("numpy", "dtype") + text("f8") + integer(0) + integer(1) + b"\x87"
    add("many_globals", proto(2) + EMPTY_LIST + MARK + name("os", "system") * 1500000 + b"e" + STOP, "os.system named 1,500,000 times")
    add("many_instances", proto(2) + name("m", "n") + b"q\0" + EMPTY_LIST + MARK + (b"h\0" + EMPTY_TUPLE + NEWOBJ) * 4000000 + b"e" + STOP,
        "four million objects of an unknown class")
    add("many_states", proto(2) + name("m", "n") + b"q\0" + EMPTY_LIST + MARK + (b"h\0" + EMPTY_TUPLE + NEWOBJ + EMPTY_DICT + BUILD) * 3000000 + b"e" + STOP,
        "three million objects with an empty state")
    add("many_tuples", proto(2) + NONE + b"22\x87" * 6000000 + STOP, "six million tuples of three, each of the one before")
    add("many_dtypes", proto(2) + name("numpy", "dtype") + b"q\0" + text("f8") + integer(0) + integer(1) + b"\x87q\1" + EMPTY_LIST + MARK
        + b"h\0h\1R" * 3000000 + b"e" + STOP, "three million numpy dtypes")
    add("many_arrays", proto(2) + name("numpy.core.multiarray", "_reconstruct") + b"q\0" + name("numpy", "ndarray") + integer(0) + b"\x85" + b"U\1b\x87q\1"
        + dtype + b"Rq\2(" + integer(1) + integer(1) + b"\x85h\2\x89U\x08" + bytes(8) + b"tq\3" + EMPTY_LIST + MARK + b"h\0h\1Rh\3b" * 2000000 + b"e" + STOP,
        "two million arrays of one number")


def compressed(shelf):
    def head(size):
        return proto(4) + b"\x8e" + struct.pack("<Q", size)

    def zeros(compressor, size):
        out, left, block = [compressor.compress(head(size))], size, bytes(1 << 24)
        while left > 0:
            out.append(compressor.compress(block[:min(left, 1 << 24)]))
            left -= 1 << 24
        return b"".join(out) + compressor.flush()
    def zeros_of(compressor, size):
        return b"".join(compressor.compress(bytes(1 << 24)) for _ in range(size >> 24)) + compressor.flush()
    mib = 1 << 20
    mention = [["size", "large", "inflate", "ratio", "limit", "bytes"]]
    add = lambda stem, raw, about, words=(): shelf.add(stem + ".joblib", raw, list(words), about)
    add("bomb_zlib", zeros(zlib.compressobj(9), 60 * mib), "60 MB of zeros in 60 KB of zlib", mention)
    add("bomb_gzip", zeros(zlib.compressobj(9, zlib.DEFLATED, 31), 50 * mib), "50 MB of zeros in 50 KB of gzip", mention)
    add("bomb_bz2", zeros(bz2.BZ2Compressor(9), 2 * 1024 * mib), "2 GB of zeros in a few KB of bz2", mention)
    add("bomb_xz", zeros(lzma.LZMACompressor(preset=1), 300 * mib), "300 MB of zeros in xz", mention)
    add("bomb_lzma", zeros(lzma.LZMACompressor(format=lzma.FORMAT_ALONE, preset=1), 200 * mib), "200 MB of zeros in lzma", mention)
    noise = np.random.RandomState(0).bytes(100000)
    padded = zlib.compressobj(9)
    add("bomb_zlib_padded", padded.compress(head(200 * mib) + noise) + zeros_of(padded, 200 * mib), "200 MB of zeros behind 100 KB of noise", mention)
    chunk = bz2.compress(bytes(45 * mib), 9)
    add("bomb_bz2_streams", bz2.compress(head(9000 * mib)) + chunk * 200, "9 GB of zeros in 200 bz2 streams one after another")
    xz_chunk = lzma.compress(bytes(64 * mib), preset=1)
    add("bomb_xz_streams", lzma.compress(head(320 * mib)) + xz_chunk * 5, "320 MB of zeros in five xz streams")
    add("xz_dictionary_huge", lzma.compress(proto(2) + NONE + STOP, format=lzma.FORMAT_ALONE)[:1] + b"\xff\xff\xff\xff"
        + lzma.compress(proto(2) + NONE + STOP, format=lzma.FORMAT_ALONE)[5:], "an lzma dictionary of 4 GB")
    add("lzma_size_huge", lzma.compress(proto(2) + NONE + STOP, format=lzma.FORMAT_ALONE)[:5] + struct.pack("<Q", 1 << 62)
        + lzma.compress(proto(2) + NONE + STOP, format=lzma.FORMAT_ALONE)[13:], "an lzma header that claims 2^62 bytes")
    add("lz4_size_lie", b"\x04\x22\x4d\x18" + bytes([0x68, 0x70]) + struct.pack("<Q", 1 << 60) + b"\x00" + struct.pack("<I", 0x80000004)
        + proto(2) + NONE + STOP + bytes(4), "an lz4 frame that claims 2^60 bytes")
    add("lz4_block_beyond_end", b"\x04\x22\x4d\x18\x60\x70\x73" + struct.pack("<I", 0x7FFFFFFF) + b"abc", "an lz4 block of 2 GB")
    add("gzip_in_gzip", gzip.compress(gzip.compress(proto(2) + NONE + STOP, mtime=0), mtime=0), "gzip inside gzip")
    add("gzip_bad_crc", gzip.compress(proto(2) + NONE + STOP, mtime=0)[:-8] + bytes(8), "a gzip check sum that is wrong")
    add("zlib_cut", zlib.compress(proto(2) + linear(good_array()) + STOP)[:-9], "a zlib stream without its end")
    add("zlib_trailing", zlib.compress(proto(2) + linear(good_array()) + STOP) + b"MZ" * 40, "bytes behind the zlib stream", [["trailing", "after"]])
    add("zlib_then_garbage", b"\x78\x9c" + b"\xff" * 60, "zlib's first bytes, then nonsense")


# Names by which published scanners were passed (picklescan's and fickling's advisories of 2025 and 2026, as ideas): each is called, its
# result is popped, and a fine model follows. Nothing is needed of them, and none is a name that a model needs.
BYPASSES = [
    ("pkgutil", "resolve_name"), ("uuid", "_get_command_stdout"), ("imaplib", "IMAP4_stream"), ("_pyrepl.pager", "pipe_pager"),
    ("_osx_support", "_read_output"), ("_aix_support", "_read_cmd_output"), ("ensurepip", "_run_pip"), ("pip", "main"),
    ("pip._internal", "main"), ("idlelib.pyshell", "ModifiedInterpreter.runcode"), ("idlelib.run", "Executive.runcode"),
    ("lib2to3.pgen2.grammar", "Grammar.loads"), ("lib2to3.pgen2.pgen", "ParserGenerator.make_label"), ("code", "InteractiveInterpreter.runcode"),
    ("bdb", "Bdb.run"), ("pydoc", "pipepager"), ("doctest", "debug_script"), ("trace", "Trace.run"), ("profile", "Profile.run"),
    ("cProfile", "runctx"), ("timeit", "timeit"), ("asyncio.unix_events", "_UnixSubprocessTransport._start"), ("logging.config", "listen"),
    ("distutils.file_util", "write_file"), ("numpy.f2py.crackfortran", "getlincoef"), ("numpy.testing._private.utils", "runstring"),
    ("torch.utils._config_module", "ConfigModule.load_config"), ("torch._dynamo.guards", "GuardBuilder.get"),
    ("torch.utils.collect_env", "run"), ("torch.fx.experimental.symbolic_shapes", "ShapeEnv.evaluate_guards_expression"),
    ("pty", "spawn"), ("io", "FileIO"), ("_io", "open"), ("linecache", "getline"), ("_pickle", "loads"), ("pickle", "loads"),
    ("marshal", "loads"), ("runpy", "_run_code"), ("ssl", "get_server_certificate"), ("http.client", "HTTPSConnection"),
    ("mailcap", "findmatch"), ("platform", "popen"), ("shelve", "open"), ("ctypes", "CDLL"), ("webbrowser", "open"),
]


def bypasses(shelf):
    for at, (module, attribute) in enumerate(BYPASSES):
        body = call(stack_name(module, attribute), short_text("x")) + POP + linear(good_array()) + STOP
        shelf.add("bypass_%02d_%s.pkl" % (at, module.replace(".", "_")), proto(4) + body, [module + "." + attribute],
                  "a call that scanners let pass, popped before a fine model")


def everything(shelf, good):
    calls(shelf)
    calls_without_marker(shelf)
    joblib_files(shelf)
    arrays(shelf)
    bombs(shelf)
    crowds(shelf)
    broken_streams(shelf)
    truncated(shelf, good)
    compressed(shelf)
    bypasses(shelf)
