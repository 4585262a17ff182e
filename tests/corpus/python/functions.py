def a(): pass
def b(x, y): pass
def c(x, y=1, *z, k, l=2, **m): pass
def d(x, /): pass
def e(x, y=1, /, z=2, *, k, l=3): pass
def f(*, k): pass
def g(*args): pass
def h(**kwargs): pass
def i(x: int, y: "str" = "a", *z: int, k: List[int] = [], **m: Any) -> None: pass
def j(x, y,): pass
def k(*args, **kwargs,): pass
def l(*args: *Ts): pass
def m() -> (yield_): return lambda x: x
def n(
    x,  # first
    y=(1,
       2),
):
    """Doc."""
    def inner(z):
        return x + z
    return inner
def o[T](x: T) -> T: pass
def p[T: int, *Ts, **P](x): pass
def match(type, case, _): pass
