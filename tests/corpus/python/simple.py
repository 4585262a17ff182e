pass
import a
import a.b.c
import a as b, c.d as e
from a import b
from a.b import c as d, e
from a import (b, c as d,)
from a import *
from . import a
from .. import b
from ... import c
from .... import d
from .a.b import c
from ...a import d
del a
del a, b.c, d[0]
del (a, b), [c]
del (a), b,
assert a
assert a, b
assert (a, b)
raise
raise a
raise a from b
raise a(b) from None
a; b; c
def f():
    global a
    global b, c
    def g():
        nonlocal d, e
    return
    return 1
    return a, *b
    return (a, b)
