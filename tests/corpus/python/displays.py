(), (a,), (a, b), (a, b,), a, (a), ((a, b), c)
[], [a], [a, b,], [*a, *b], [[1, 2], [3]]
{a}, {a, b}, {*a, b}
{}, {a: b}, {a: b, **c, d: e,}, {**a}, {**a, 'b': lambda: c}
x = *a, b
x = a,
return_ = [a, (b, {c: [d]})]
{1: 2 if a else b, (yield_): {c}}
