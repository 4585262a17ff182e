if a:
    b
if a:
    b
else:
    c
if a:
    b
elif c:
    d
elif e:
    f
else:
    g
if a:
    b
else:
    if c:
        d
    else:
        e
if (n := f(a)) > 1:
    pass
if n := f(a):
    pass
if a: b
elif c: d; e
else: f
