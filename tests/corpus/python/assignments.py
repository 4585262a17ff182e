a = 1
a = b = c = d
a, b = c
a, *b = c
(a, b), [c, d] = e
[a, (b, *c)] = d
a.b = c[d] = e
a.b.c, d[0][1:2] = f
*a, = b
a = b, c
a = *b, c
a = yield_
a += 1; a -= 1; a *= 1; a /= 1; a //= 1; a %= 1; a **= 1; a @= 1; a <<= 1; a >>= 1; a &= 1; a |= 1; a ^= 1
a.b += 1
a[b] += c, d
x: int
x: int = 1
x.y: List[int] = []
x[0]: "str" = a, b
(x): int = 3
x: int if a else b = 2
() = []
def f():
    a = yield b
    a = b = yield
    a += yield c
    x: int = yield
