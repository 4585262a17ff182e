before = 1
match x:
    case 1:
        a = 1
    case [_, *rest] if rest:
        pass
    case {"a": b, **c} | None: d
type X = int
type Y[T] = list[T]
class A:
    def f(self, x):
        match x.y, z:
            case _: return 1
        return 2
    match = 3
    def g(self): return self.match
after = 2
