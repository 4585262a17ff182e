@a
def f(): pass
@a.b.c
@d(e, f=1)
class G:
    @property
    def h(self): return self._h
    @h.setter
    def h(self, v): self._h = v
    @staticmethod

    # between
    async def i(): pass
@a[0]
@(lambda f: f)
@(x := y)
def j(): pass
@torch.jit.script
def k(x: torch.Tensor): return x
