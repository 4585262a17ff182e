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
        elif callable(reduction):
            x = reduction(x, dim=places)
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

def _renorm(input, p, dim, maxnorm):
    norms = _norm_but(input, dim) if p == 2 else input.abs().pow(p).transpose(0, dim).flatten(1).sum(1).pow(1.0 / p).view(*_norm_sizes(input, dim))
    return input * torch.where(norms > maxnorm, maxnorm / (norms + 1e-7), torch.ones_like(norms))

def _unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    return torch.im2col(input, _pair(kernel_size, 2), _pair(dilation, 2), _pair(padding, 2), _pair(stride, 2))

def _fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    return torch.col2im(input, _pair(output_size, 2), _pair(kernel_size, 2), _pair(dilation, 2), _pair(padding, 2), _pair(stride, 2))

class Unfold(Module):
    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        self.given = [kernel_size, dilation, padding, stride]
    def forward(self, input):
        return _unfold(input, *self.given)

class Fold(Module):
    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        self.given = [output_size, kernel_size, dilation, padding, stride]
    def forward(self, input):
        return _fold(input, *self.given)

def _unpooled_size(input, n, kernel_size, stride, padding, output_size):
    if output_size is not None:
        return list(output_size)[-n:]
    kernel_size = _pair(kernel_size, n)
    stride = kernel_size if stride is None else _pair(stride, n)
    padding = _pair(padding, n)
    return [(input.size(i + 2) - 1) * stride[i] - 2 * padding[i] + kernel_size[i] for i in range(n)]

def _max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    size = _unpooled_size(input, 1, kernel_size, stride, padding, output_size)
    return torch.max_unpool2d(input.unsqueeze(2), indices.unsqueeze(2), [1] + size).squeeze(2)
def _max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    return torch.max_unpool2d(input, indices, _unpooled_size(input, 2, kernel_size, stride, padding, output_size))
def _max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    return torch.max_unpool3d(input, indices, _unpooled_size(input, 3, kernel_size, stride, padding, output_size))

class MaxUnpool1d(Module):
    def __init__(self, kernel_size, stride=None, padding=0):
        self.given = [kernel_size, stride, padding]
    def forward(self, input, indices, output_size=None):
        return _max_unpool1d(input, indices, *self.given, output_size=output_size)
class MaxUnpool2d(MaxUnpool1d):
    def forward(self, input, indices, output_size=None):
        return _max_unpool2d(input, indices, *self.given, output_size=output_size)
class MaxUnpool3d(MaxUnpool1d):
    def forward(self, input, indices, output_size=None):
        return _max_unpool3d(input, indices, *self.given, output_size=output_size)

# torchvision.transforms of tensors.
def _image_resize(img, size, interpolation='bilinear', max_size=None, antialias=True):
    if max_size is not None:
        raise NotImplementedError("resize with max_size")
    if isinstance(size, int) or len(size) == 1:
        short = size if isinstance(size, int) else size[0]
        h, w = img.shape[-2], img.shape[-1]
        size = [short, short * w // h] if h <= w else [short * h // w, short]
    x = img if img.dim() == 4 else img.unsqueeze(0)
    if interpolation == 'nearest':
        x = F.interpolate(x, size=list(size), mode='nearest')
    elif interpolation == 'bicubic':
        x = torch._upsample_bicubic2d_aa(x, list(size), False) if antialias else F.interpolate(x, size=list(size), mode='bicubic')
    else:
        x = torch._upsample_bilinear2d_aa(x, list(size), False) if antialias else F.interpolate(x, size=list(size), mode='bilinear')
    return x if img.dim() == 4 else x.squeeze(0)

def _image_center_crop(img, output_size):
    size = [output_size, output_size] if isinstance(output_size, int) else list(output_size)
    if len(size) == 1:
        size = [size[0], size[0]]
    places = []
    for more in [img.shape[-2] - size[0], img.shape[-1] - size[1]]:  # half of it, rounded to the even one
        places.append(more // 4 * 2 + max(more % 4 - 1, 0))
    return img[..., places[0]:places[0] + size[0], places[1]:places[1] + size[1]]

def _image_normalize(tensor, mean, std, inplace=False):
    mean = torch.as_tensor(mean, dtype=torch.float32)
    std = torch.as_tensor(std, dtype=torch.float32)
    return (tensor - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)

def _image_rgb_to_grayscale(img, num_output_channels=1):
    r, g, b = img.unbind(-3)
    grey = (0.2989 * r + 0.587 * g + 0.114 * b).unsqueeze(-3)
    return torch.cat([grey] * num_output_channels, -3) if num_output_channels > 1 else grey

def _image_hflip(img):
    return img.flip(-1)
def _image_vflip(img):
    return img.flip(-2)

class _ImageResize(Module):
    def __init__(self, size, interpolation='bilinear', max_size=None, antialias=True):
        self.given = [size, interpolation, max_size, antialias]
    def forward(self, img):
        return _image_resize(img, *self.given)

class _ImageCenterCrop(Module):
    def __init__(self, size):
        self.size = size
    def forward(self, img):
        return _image_center_crop(img, self.size)

class _ImageNormalize(Module):
    def __init__(self, mean, std, inplace=False):
        self.mean = mean
        self.std = std
    def forward(self, tensor):
        return _image_normalize(tensor, self.mean, self.std)

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
