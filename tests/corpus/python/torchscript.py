op_version_set = 1
class Net(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  __annotations__ = []
  __annotations__["0"] = __torch__.torch.nn.modules.linear.___torch_mangle_3.Linear
  weight : Tensor
  training : bool
  _is_full_backward_hook : NoneType
  scale : Final[float] = 1.0000000000000001e-05
  def forward(self: __torch__.torch.nn.Module,
    x: Tensor,
    h: Optional[Tensor]=None) -> Tuple[Tensor, Tensor]:
    _0 = getattr(self, "0")
    if torch.__is__(h, None):
      y = annotate(Optional[Tensor], None)
    else:
      y = unchecked_cast(Tensor, h)
    _1, _2, = (_0).forward(x, ops.prim.NumToTensor(torch.size(x, 0)), )
    a = [CONSTANTS.c0, float("inf"), -9223372036854775807, 1.]
    i = 0
    _3 = True
    while _3:
      i, _3 = torch.add(i, 1), torch.lt(i, 3)
    for _4 in range(torch.len(annotate(List[int], []))):
      ops.prim.RaiseException("Expected {}", "builtins.ValueError")
    return (torch.add(_1, _2, alpha=1), torch.to(x, dtype=6, device=torch.device("cpu")))
def relu(input: Tensor,
    inplace: bool=False) -> Tensor:
  return torch.relu(input)
