f(), f(a), f(a, b,), f(a=1), f(a, b=1, **c), f(*a), f(*a, b, *c, d=1, *e, **f, g=2)
f(a)(b)(c), a.b.c(d).e[f](g)
f(*a or b, **c or d)
f(a if b else c, lambda x: x, not d, x=lambda: 0)
f(a := 1, b)
f(  # a comment
    a,
)
print("x", file=sys.stderr)
print
exec("x")
match(a), case(b), type(c), match.x, type.y
