"""A few lines of pickle assembler: every function returns the bytes of one value, as its opcodes would be written."""
import struct

STOP, MARK, POP, DUP, TUPLE, REDUCE, BUILD, NEWOBJ, NEWOBJ_EX, OBJ = b".", b"(", b"0", b"2", b"t", b"R", b"b", b"\x81", b"\x92", b"o"
EMPTY_LIST, EMPTY_TUPLE, EMPTY_DICT, APPEND, SETITEM, NONE = b"]", b")", b"}", b"a", b"s", b"N"


def proto(number):
    return b"\x80" + bytes([number])


def frame(body, claimed=None):
    return b"\x95" + struct.pack("<Q", len(body) if claimed is None else claimed) + body


def text(value):
    """BINUNICODE; needs protocol 1."""
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def short_text(value):
    """SHORT_BINUNICODE; needs protocol 4."""
    raw = value.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


def string0(value):
    """STRING, protocol 0."""
    return b"S'" + value.encode() + b"'\n"


def binbytes(raw):
    return b"B" + struct.pack("<I", len(raw)) + raw


def integer(value):
    if 0 <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def real(value):
    return b"G" + struct.pack(">d", value)


def boolean(value):
    return b"\x88" if value else b"\x89"


def name(module, attribute):
    """GLOBAL."""
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


def stack_name(module, attribute):
    """STACK_GLOBAL."""
    return short_text(module) + short_text(attribute) + b"\x93"


def tuple_of(*items):
    return MARK + b"".join(items) + TUPLE


def list_of(*items):
    return EMPTY_LIST + MARK + b"".join(items) + b"e"


def dict_of(**items):
    return EMPTY_DICT + MARK + b"".join(text(key) + value for key, value in items.items()) + b"u"


def call(function, *arguments):
    return function + tuple_of(*arguments) + REDUCE


def thing(module, class_name, **state):
    """An object as object.__reduce_ex__(2) writes it."""
    return name(module, class_name) + EMPTY_TUPLE + NEWOBJ + dict_of(**state) + BUILD
