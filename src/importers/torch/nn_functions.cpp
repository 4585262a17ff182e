#include <string_view>

#include "slipway/importers/torch/nn_modules.hpp"

// Functions in the Python subset that sources call by the names of torch and einops: norms of weights, patterns of dimensions, quantiles.
namespace slipway::importers::torch {

std::string_view nn_functions_text() {
  static constexpr std::string_view kText = R"py(
# einops: 'b (h w) c -> b c h w'. A side is a list of dimensions, each a list of the axes that it is made of.
def _einops_side(text, rank, named):
    dims = []
    inside = None
    for word in text.replace('(', ' ( ').replace(')', ' ) ').split():
        if word == '(':
            inside = []
        elif word == ')':
            dims.append(inside)
            inside = None
        elif word == '...':
            rest = ['...' + str(i) for i in range(rank)]
            if inside is None:
                for name in rest:
                    dims.append([name])
            else:
                inside += rest
        elif inside is not None:
            inside.append(word)
        elif word == '1':
            dims.append([])
        else:
            dims.append([word])
    return dims

def _einops(x, pattern, sizes, reduction):
    if isinstance(x, (list, tuple)):
        x = torch.stack(x)
    left, right = pattern.split('->')
    rest = 0
    if '...' in left:
        rest = x.dim() - (len(_einops_side(left, 0, sizes)))
    before = _einops_side(left, rest, sizes)
    after = _einops_side(right, rest, sizes)
    if len(before) != x.dim():
        raise ValueError(pattern)
    lengths = {}
    shape = []
    names = []
    for at, group in enumerate(before):
        known = 1
        open = None
        for name in group:
            if name in sizes:
                known = known * sizes[name]
            else:
                open = name
        for name in group:
            lengths[name] = sizes[name] if name != open else (x.size(at) if len(group) == 1 else x.size(at) // known)
            shape.append(lengths[name])
            names.append(name)
    if len(names) != x.dim():
        x = x.reshape(shape)
    wanted = []
    for group in after:
        wanted += group
    gone = [name for name in names if name not in wanted]
    if len(gone) > 0:
        places = [names.index(name) for name in gone]
        if reduction == 'mean':
            x = x.mean(places)
        elif reduction == 'sum':
            x = x.sum(places)
        elif reduction == 'max':
            x = x.amax(places)
        elif reduction == 'min':
            x = x.amin(places)
        else:
            raise ValueError(pattern)
        names = [name for name in names if name in wanted]
    for name in wanted:
        if name not in names:
            lengths[name] = sizes[name] if name in sizes else int(name)
            x = x.unsqueeze(0)
            x = x.expand([lengths[name]] + [-1] * (x.dim() - 1))
            names = [name] + names
    x = x.permute([names.index(name) for name in wanted])
    shape = []
    for group in after:
        length = 1
        for name in group:
            length = length * lengths[name]
        shape.append(length)
    return x.reshape(shape) if len(shape) != x.dim() else x

def _rearrange(tensor, pattern, **sizes):
    return _einops(tensor, pattern, sizes, '')
def _repeat(tensor, pattern, **sizes):
    return _einops(tensor, pattern, sizes, '')
def _reduce(tensor, pattern, reduction, **sizes):
    return _einops(tensor, pattern, sizes, reduction)

# einops.einsum: named axes, the pattern last.
def _named_einsum(*args):
    tensors = args[:-1]
    letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't']
    known = {}
    left, right = args[-1].split('->')
    terms = []
    for side in left.split(',') + [right]:
        term = ''
        for word in side.split():
            if word not in known:
                known[word] = letters[len(known)]
            term = term + known[word]
        terms.append(term)
    return torch.einsum(','.join(terms[:-1]) + '->' + terms[-1], *tensors)

class _Rearrange(Module):
    def __init__(self, pattern, **sizes):
        self.pattern = pattern
        self.sizes = sizes
    def forward(self, x):
        return _einops(x, self.pattern, self.sizes, '')

class _Reduce(Module):
    def __init__(self, pattern, reduction, **sizes):
        self.pattern = pattern
        self.reduction = reduction
        self.sizes = sizes
    def forward(self, x):
        return _einops(x, self.pattern, self.sizes, self.reduction)

def _quantile(input, q, dim=None, keepdim=False):
    if dim is None:
        input = input.flatten()
        dim = 0
    sorted = input.sort(dim)[0]
    at = q * (input.size(dim) - 1)
    low = int(at)
    high = min(low + 1, input.size(dim) - 1)
    first = sorted.narrow(dim, low, 1)
    value = first + (sorted.narrow(dim, high, 1) - first) * (at - low)
    return value if keepdim else value.squeeze(dim)

# The p-norm of a window: the average of powers, times how many there are.
def _lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    k = kernel_size[0] if isinstance(kernel_size, (list, tuple)) else kernel_size
    return (F.avg_pool1d(input ** norm_type, kernel_size, stride, 0, ceil_mode) * k) ** (1.0 / norm_type)

def _lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    k = _pair(kernel_size, 2)
    return (F.avg_pool2d(input ** norm_type, kernel_size, stride, 0, ceil_mode) * (k[0] * k[1])) ** (1.0 / norm_type)

def _logaddexp(input, other):
    return torch.maximum(input, other) + torch.log1p(torch.exp(-torch.abs(input - other)))

def _column_stack(tensors):
    return torch.cat([t.unsqueeze(1) if t.dim() == 1 else t for t in tensors], 1)

def _count_nonzero(input, dim=None):
    found = (input != 0).long()
    return found.sum() if dim is None else found.sum(dim)

def _fans(tensor):
    field = 1
    for size in tensor.shape[2:]:
        field = field * size
    return tensor.size(1) * field, tensor.size(0) * field

def _norm_but(v, dim):
    if dim is None:
        return torch.norm(v)
    sizes = [1] * v.dim()
    sizes[dim] = v.size(dim)
    return v.transpose(0, dim).flatten(1).norm(2, 1).view(*sizes)

def _norm_sizes(v, dim):
    sizes = [1] * v.dim()
    if dim is None:
        return []
    sizes[dim] = v.size(dim)
    return sizes

def _weight_norm(module, name='weight', dim=0):
    v = getattr(module, name)
    delattr(module, name)
    setattr(module, name + '_g', Parameter(_random(_norm_sizes(v, dim))))
    setattr(module, name + '_v', v)
    def calculated():
        direction = getattr(module, name + '_v')
        return direction * (getattr(module, name + '_g') / _norm_but(direction, dim))
    setattr(module, '_computed_' + name, calculated)
    return module

class _WeightNormPair(Module):
    def __init__(self, v, dim):
        self.original0 = Parameter(_random(_norm_sizes(v, dim)))
        self.original1 = v

class _Parametrized(Module):
    pass

def _parametrized_weight_norm(module, name='weight', dim=0):
    v = getattr(module, name)
    delattr(module, name)
    pair = _WeightNormPair(v, dim)
    holder = _Parametrized()
    setattr(holder, name, pair)
    module.parametrizations = holder
    def calculated():
        return pair.original1 * (pair.original0 / _norm_but(pair.original1, dim))
    setattr(module, '_computed_' + name, calculated)
    return module

def _as_matrix(weight, dim):
    return weight.transpose(0, dim).flatten(1)

# With the vectors of the last step of training: eval() takes no further one.
def _spectral_norm(module, name='weight', n_power_iterations=1, eps=1e-12, dim=None):
    weight = getattr(module, name)
    delattr(module, name)
    if dim is None:
        dim = 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0
    matrix = _as_matrix(weight, dim)
    setattr(module, name + '_orig', weight)
    module.register_buffer(name + '_u', _random(matrix.size(0)))
    module.register_buffer(name + '_v', _random(matrix.size(1)))
    def calculated():
        whole = getattr(module, name + '_orig')
        sigma = torch.dot(getattr(module, name + '_u'), torch.mv(_as_matrix(whole, dim), getattr(module, name + '_v')))
        return whole / sigma
    setattr(module, '_computed_' + name, calculated)
    return module

class _SpectralNorm(Module):
    def __init__(self, matrix):
        self.register_buffer('_u', _random(matrix.size(0)))
        self.register_buffer('_v', _random(matrix.size(1)))

class _ParametrizationList(Module):
    pass

def _parametrized_spectral_norm(module, name='weight', n_power_iterations=1, eps=1e-12, dim=None):
    weight = getattr(module, name)
    delattr(module, name)
    if dim is None:
        dim = 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0
    steps = _ParametrizationList()
    steps.original = weight
    steps.add_module('0', _SpectralNorm(_as_matrix(weight, dim)))
    holder = _Parametrized()
    setattr(holder, name, steps)
    module.parametrizations = holder
    def calculated():
        vectors = getattr(steps, '0')
        sigma = torch.dot(vectors._u, torch.mv(_as_matrix(steps.original, dim), vectors._v))
        return steps.original / sigma
    setattr(module, '_computed_' + name, calculated)
    return module
)py";
  return kText;
}

}  // namespace slipway::importers::torch
