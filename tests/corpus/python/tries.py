try:
    a
except:
    b
try:
    a
except A:
    b
except (B, C) as e:
    c
except D.e() as f: d
else:
    g
finally:
    h
try: a
finally: b
try:
    try:
        a
    except A: pass
except B: pass
try:
    a
except* A as e:
    b
except *(B, C):
    d
