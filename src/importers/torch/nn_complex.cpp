#include <string_view>

#include "slipway/importers/torch/nn_modules.hpp"

// Complex tensors in the Python subset, as pairs of real ones: rotary embeddings written with torch.polar, and torch.fft, as products with the
// matrices of the transform.
namespace slipway::importers::torch {

std::string_view nn_complex_text() {
  static constexpr std::string_view kText = R"py(
def _parts(value):
    if isinstance(value, _Complex):
        return value.real, value.imag
    return value, None

class _Complex:
    def __init__(self, real, imag):
        self.real = real
        self.imag = imag
    def __mul__(self, other):
        a, b = _parts(other)
        if b is None:
            return _Complex(self.real * a, self.imag * a)
        return _Complex(self.real * a - self.imag * b, self.real * b + self.imag * a)
    def __rmul__(self, other):
        return self.__mul__(other)
    def __add__(self, other):
        a, b = _parts(other)
        return _Complex(self.real + a, self.imag if b is None else self.imag + b)
    def __radd__(self, other):
        return self.__add__(other)
    def __sub__(self, other):
        a, b = _parts(other)
        return _Complex(self.real - a, self.imag if b is None else self.imag - b)
    def __rsub__(self, other):
        return _Complex(other - self.real, 0 - self.imag)
    def __truediv__(self, other):
        a, b = _parts(other)
        if b is None:
            return _Complex(self.real / a, self.imag / a)
        length = a * a + b * b
        return _Complex((self.real * a + self.imag * b) / length, (self.imag * a - self.real * b) / length)
    def __matmul__(self, other):
        a, b = _parts(other)
        if b is None:
            return _Complex(self.real @ a, self.imag @ a)
        return _Complex(self.real @ a - self.imag @ b, self.real @ b + self.imag @ a)
    def conj(self):
        return _Complex(self.real, 0 - self.imag)
    def abs(self):
        return torch.sqrt(self.real * self.real + self.imag * self.imag)
    def angle(self):
        return torch.atan2(self.imag, self.real)
    def is_complex(self):
        return True
    def to(self, *args, **kwargs):
        return self
    def size(self, *at):
        return self.real.size(*at)
    def dim(self):
        return self.real.dim()
    @property
    def shape(self):
        return self.real.shape
    @property
    def ndim(self):
        return self.real.ndim
    @property
    def device(self):
        return None
    @property
    def dtype(self):
        return self.real.dtype
    def _both(self, name, args, kwargs):
        return _Complex(getattr(self.real, name)(*args, **kwargs), getattr(self.imag, name)(*args, **kwargs))
    def sum(self, *args, **kwargs):
        return self._both('sum', args, kwargs)
    def mean(self, *args, **kwargs):
        return self._both('mean', args, kwargs)
    def view(self, *args, **kwargs):
        return self._both('view', args, kwargs)
    def reshape(self, *args, **kwargs):
        return self._both('reshape', args, kwargs)
    def flatten(self, *args, **kwargs):
        return self._both('flatten', args, kwargs)
    def transpose(self, *args, **kwargs):
        return self._both('transpose', args, kwargs)
    def permute(self, *args, **kwargs):
        return self._both('permute', args, kwargs)
    def unsqueeze(self, *args, **kwargs):
        return self._both('unsqueeze', args, kwargs)
    def squeeze(self, *args, **kwargs):
        return self._both('squeeze', args, kwargs)
    def expand(self, *args, **kwargs):
        return self._both('expand', args, kwargs)
    def repeat(self, *args, **kwargs):
        return self._both('repeat', args, kwargs)
    def contiguous(self):
        return self
    def clone(self):
        return self
    def detach(self):
        return self

def _polar(abs, angle):
    return _Complex(abs * torch.cos(angle), abs * torch.sin(angle))
def _complex(real, imag):
    return _Complex(real, imag)
def _view_as_complex(input):
    return _Complex(input[..., 0], input[..., 1])
def _view_as_real(input):
    return torch.stack([input.real, input.imag], -1)
def _real(input):
    return input.real if isinstance(input, _Complex) else input
def _imag(input):
    return input.imag
def _conj(input):
    return input.conj() if isinstance(input, _Complex) else input
def _abs(input):
    return input.abs()
def _angle(input):
    return input.angle()

# exp(2 pi i j k / n): the product j k is kept below n first, whole numbers as they are.
def _turns(rows, columns, n):
    turns = (torch.arange(rows).unsqueeze(1) * torch.arange(columns).unsqueeze(0)) % n
    angles = turns.to(torch.float64) * (2 * math.pi) / n
    return torch.cos(angles).to(torch.float32), torch.sin(angles).to(torch.float32)

def _fft_scale(n, norm, inverse):
    if norm == 'ortho':
        return 1 / math.sqrt(n)
    if norm == 'forward':
        return 1.0 if inverse else 1 / n
    return 1 / n if inverse else 1.0

def _fft_sized(part, n, dim):
    length = part.size(dim)
    if n is None or n == length:
        return part
    if n < length:
        return part.narrow(dim, 0, n)
    sizes = list(part.shape)
    sizes[dim] = n - length
    return torch.cat([part, torch.zeros(sizes)], dim)

def _fft_along(input, n, dim, norm, inverse, half):
    a, b = _parts(input)
    a = _fft_sized(a, n, dim).transpose(dim, -1)
    size = a.size(-1)
    cos, sin = _turns(size, size // 2 + 1 if half else size, size)
    if not inverse:
        sin = 0 - sin
    real, imag = a @ cos, a @ sin
    if b is not None:
        b = _fft_sized(b, n, dim).transpose(dim, -1)
        real, imag = real - b @ sin, imag + b @ cos
    scale = _fft_scale(size, norm, inverse)
    return _Complex((real * scale).transpose(dim, -1), (imag * scale).transpose(dim, -1))

def _fft_fft(input, n=None, dim=-1, norm=None):
    return _fft_along(input, n, dim, norm, False, False)
def _fft_ifft(input, n=None, dim=-1, norm=None):
    return _fft_along(input, n, dim, norm, True, False)
def _fft_rfft(input, n=None, dim=-1, norm=None):
    return _fft_along(input, n, dim, norm, False, True)

# Of half a spectrum: every place but the first and, of an even number of steps, the last stands for two.
def _fft_irfft(input, n=None, dim=-1, norm=None):
    a, b = _parts(input)
    a = a.transpose(dim, -1)
    if n is None:
        n = 2 * (a.size(-1) - 1)
    kept = n // 2 + 1
    a = _fft_sized(a, kept, -1)
    cos, sin = _turns(kept, n, n)
    places = torch.arange(kept)
    once = (places == 0) | (places * 2 == n)
    times = torch.where(once, torch.ones_like(places), torch.ones_like(places) * 2).to(torch.float32).unsqueeze(1)
    out = a @ (cos * times)
    if b is not None:
        out = out - _fft_sized(b.transpose(dim, -1), kept, -1) @ (sin * times)
    return (out * _fft_scale(n, norm, True)).transpose(dim, -1)

def _fft_dims(input, dim, count):
    if dim is None:
        return [i - input.dim() for i in range(input.dim())] if count is None else [i - count for i in range(count)]
    return dim
def _fft_fftn(input, s=None, dim=None, norm=None):
    for i, d in enumerate(_fft_dims(input, dim, None)):
        input = _fft_fft(input, None if s is None else s[i], d, norm)
    return input
def _fft_ifftn(input, s=None, dim=None, norm=None):
    for i, d in enumerate(_fft_dims(input, dim, None)):
        input = _fft_ifft(input, None if s is None else s[i], d, norm)
    return input
def _fft_fft2(input, s=None, dim=(-2, -1), norm=None):
    return _fft_fftn(input, s, dim, norm)
def _fft_ifft2(input, s=None, dim=(-2, -1), norm=None):
    return _fft_ifftn(input, s, dim, norm)
def _fft_rfft2(input, s=None, dim=(-2, -1), norm=None):
    half = _fft_rfft(input, None if s is None else s[1], dim[1], norm)
    return _fft_fft(half, None if s is None else s[0], dim[0], norm)
def _fft_irfft2(input, s=None, dim=(-2, -1), norm=None):
    rows = _fft_ifft(input, None if s is None else s[0], dim[0], norm)
    return _fft_irfft(rows, None if s is None else s[1], dim[1], norm)
def _fft_fftfreq(n, d=1.0):
    places = torch.arange(n)
    return torch.where(places * 2 < n, places, places - n).to(torch.float32) / (n * d)
def _fft_rfftfreq(n, d=1.0):
    return torch.arange(n // 2 + 1).to(torch.float32) / (n * d)
)py";
  return kText;
}

}  // namespace slipway::importers::torch
