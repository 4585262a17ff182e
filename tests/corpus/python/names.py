größe = 1
日本語 = größe + 2
_, __, _a1, a_b, A9 = x
print_ = exec_ = None
match = case = type = _
match, case = case, match
match[0] = case.type
match(a, b).c
match * a
match: int = 1
print(match)
type = type(type)
