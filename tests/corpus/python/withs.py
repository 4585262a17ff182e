with a: pass
with a as b: pass
with a as b, c as d, e: pass
with (a): pass
with (a, b): pass
with (a, b) as c: pass
with (a as b): pass
with (a as b, c, d as e,): pass
with (a), (b): pass
with (a).b as c: pass
with (yield_): pass
with (a, b)[0] as c: pass
with (a for a in b) as c: pass
with (a := b): pass
with (a if b else c) as d: pass
with a as (b, c): pass
with a as [b, *c]: pass
with a as b.c, d as e[0]: pass
with open(a) as b, \
     open(c) as d:
    e
def f():
    with (yield): pass
    with (yield a) as b: pass
