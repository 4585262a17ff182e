a + b * c - d / e // f % g @ h
a ** b ** c, -a ** -b, (-a) ** b, await_ ** 2
a | b ^ c & d << e >> f
a < b <= c == d != e > f >= g
a is b, a is not b, a in b, a not in b, not a in b, not not a
a or b and not c or d, (a or b) or c, a and (b and c)
(a < b) < c
a if b else c if d else e
x = a if b else (c if d else e)
(a + b) * c, (a, b)[0], (a).b, (a)(b)
~a & ~b, not a == b, -(-a), +-~a
lambda: 0
lambda x, *y, z=1, **k: (x, y, z, k)
lambda x, /, y, *, z: x if y else lambda: z
a @ b @ c
