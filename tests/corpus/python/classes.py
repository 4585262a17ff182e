class A: pass
class B(): pass
class C(A): pass
class D(A, B.c, metaclass=M, x=1): pass
class E(*bases, **kw): pass
class F(f(A)[0], G): pass
class H[T](Generic[T]):
    """Doc."""
    x: int
    y: int = 1
    z = 2
    class I:
        class J: pass
    def __init__(self): super().__init__()
    if x:
        def k(self): pass
    else:
        k = None
