for a in b:
    c
for a, b in c, d:
    break
else:
    e
for a, in b: pass
for (a, *b), c.d, e[0] in f: pass
for *a, b in c: pass
for a in *b, c: pass
for a in lambda: b, c: pass
for x in a if b else c: pass
while a:
    continue
else:
    b
while a := b: c
while True: pass
