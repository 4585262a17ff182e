def f():
    yield
    yield a
    yield a, b
    yield *a, b
    yield from a
    x = yield
    x = yield a, b
    x = y = yield from a
    (yield)
    (yield a) + 1
    f((yield), (yield a))
    [(yield)]
    return (yield from a)
    lambda: (yield)
