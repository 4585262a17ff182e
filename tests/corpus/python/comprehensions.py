[x for x in y]
[x for x in y if x if not z]
[(x, y) for x, in a for (y, *z) in b if x]
{x for x in y}
{x: y for x, y in z.items()}
(x for x in y)
f(x for x in y)
f((x for x in y), 1)
sum(x for x in y if x)
[x for x in (lambda: y)()]
[[x for x in y] for y in z]
[a.b for a.b in c]
[x for x in a or b if c and d]
[y := 1, *z]
[(y := f(x)) for x in z]
async def f():
    return [x async for x in y], [await x for x in y], {x async for x in y if await x}
