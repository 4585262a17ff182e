async def f(x):
    await x
    y = await f(x) ** 2
    -await x
    return await x.y(z)
    async for a, b in c:
        d
    else:
        e
    async with a as b, c:
        d
    async with (a as b, c as d): pass
    yield x
    await (await x)
    lambda: await_
    [await x for x in y]
@d
async def g(): pass
