#include "slipway/importers/torch/nn_modules.hpp"

#include <string>

namespace slipway::importers::torch {
namespace {

constexpr std::string_view kContainers = R"py(
import torch
import torch.nn.functional as F
import math

class Module:
    pass

class Identity(Module):
    def __init__(self, *args, **kwargs):
        pass
    def forward(self, input):
        return input

class Sequential(Module):
    def __init__(self, *args):
        if len(args) == 1 and isinstance(args[0], dict):
            for key, module in args[0].items():
                self.add_module(key, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)
    def forward(self, input):
        for module in self.children():
            input = module(input)
        return input
    def append(self, module):
        self.add_module(str(len(self.children())), module)
        return self
    def extend(self, modules):
        for module in modules:
            self.append(module)
        return self
    def __iter__(self):
        return self.children()
    def __len__(self):
        return len(self.children())
    def __getitem__(self, *at):
        if len(at) == 1:
            return self.children()[at[0]]
        return self.__class__(*self.children()[at[0]:at[1]:at[2]])
    def __setitem__(self, at, module):
        setattr(self, self._child_names()[at], module)
    def __iadd__(self, modules):
        return self.extend(modules)
    def __add__(self, modules):
        return Sequential(*self.children(), *modules)
    def pop(self, at=-1):
        names = self._child_names()
        module = getattr(self, names[at])
        delattr(self, names[at])
        return module
    def insert(self, index, module):
        all = self.children()
        all.insert(index, module)
        for i, each in enumerate(all):
            self.add_module(str(i), each)
        return self

# None has its place in a list, too.
class ModuleList(Module):
    _count = 0
    def __init__(self, modules=None):
        self._count = 0
        if modules is not None:
            self.extend(modules)
    def _all(self):
        return [getattr(self, str(i)) for i in range(self._count)]
    def append(self, module):
        self.add_module(str(self._count), module)
        self._count = self._count + 1
        return self
    def extend(self, modules):
        for module in modules:
            self.append(module)
        return self
    def insert(self, index, module):
        all = self._all()
        all.insert(index, module)
        self._count = len(all)
        for i, each in enumerate(all):
            self.add_module(str(i), each)
    def __iter__(self):
        return self._all()
    def __len__(self):
        return self._count
    def __getitem__(self, *at):
        if len(at) == 1:
            return self._all()[at[0]]
        return ModuleList(self._all()[at[0]:at[1]:at[2]])
    def __setitem__(self, at, module):
        self.add_module(str(at if at >= 0 else at + self._count), module)
    def __iadd__(self, modules):
        return self.extend(modules)
    def __add__(self, modules):
        return ModuleList(self._all() + [module for module in modules])
    def pop(self, at=-1):
        all = self._all()
        module = all[at]
        self._count = 0
        for i in range(len(all)):
            delattr(self, str(i))
        self.extend(all[:at] + (all[at:][1:]))
        return module

class ModuleDict(Module):
    def __init__(self, modules=None):
        if modules is not None:
            self.update(modules)
    def update(self, modules):
        for key, module in dict(modules).items():
            self.add_module(key, module)
    def keys(self):
        return self._child_names()
    def values(self):
        return self.children()
    def items(self):
        return self.named_children()
    def __iter__(self):
        return self._child_names()
    def __len__(self):
        return len(self.children())
    def __contains__(self, key):
        return key in self._child_names()
    def __getitem__(self, key):
        return getattr(self, key)
    def __setitem__(self, key, module):
        self.add_module(key, module)

class ParameterList(Module):
    def __init__(self, values=None):
        self._count = 0
        if values is not None:
            self.extend(values)
    def append(self, value):
        self.register_parameter(str(self._count), value)
        self._count = self._count + 1
        return self
    def extend(self, values):
        for value in values:
            self.append(value)
        return self
    def __iter__(self):
        return [getattr(self, str(i)) for i in range(self._count)]
    def __len__(self):
        return self._count
    def __getitem__(self, at):
        return getattr(self, str(at if at >= 0 else at + self._count))

class ParameterDict(Module):
    def __init__(self, values=None):
        if values is not None:
            for key, value in values.items():
                self.register_parameter(key, value)
    def __getitem__(self, key):
        return getattr(self, key)
    def __setitem__(self, key, value):
        self.register_parameter(key, value)
)py";

constexpr std::string_view kLayers = R"py(
def _pair(value, n):
    if isinstance(value, (tuple, list)):
        return tuple(value)
    return tuple([value] * n)

class Linear(Module):
    weight = None
    bias = None
    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(_random(out_features, in_features))
        self.bias = Parameter(_random(out_features)) if bias else None
    def forward(self, input):
        return F.linear(input, self.weight, self.bias)

class LazyLinear(Linear):
    def __init__(self, out_features, bias=True, device=None, dtype=None):
        super().__init__(_lazy_size(), out_features, bias)

class NonDynamicallyQuantizableLinear(Linear):
    pass

class Bilinear(Module):
    def __init__(self, in1_features, in2_features, out_features, bias=True, device=None, dtype=None):
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = Parameter(_random(out_features, in1_features, in2_features))
        self.bias = Parameter(_random(out_features)) if bias else None
    def forward(self, input1, input2):
        return F.bilinear(input1, input2, self.weight, self.bias)

class _Conv(Module):
    weight = None
    bias = None
    padding_mode = 'zeros'
    def _setup(self, n, transposed, in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation, groups, bias, padding_mode):
        self.n = n
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _pair(kernel_size, n)
        self.stride = _pair(stride, n)
        self.padding = padding if isinstance(padding, str) else _pair(padding, n)
        self.output_padding = _pair(output_padding, n)
        self.dilation = _pair(dilation, n)
        self.groups = groups
        self.padding_mode = padding_mode
        if transposed:
            self.weight = Parameter(_random(in_channels, out_channels // groups, *self.kernel_size))
        else:
            self.weight = Parameter(_random(out_channels, in_channels // groups, *self.kernel_size))
        self.bias = Parameter(_random(out_channels)) if bias else None
    def _padded(self, input):
        sides = []
        for i in range(self.n - 1, -1, -1):
            if self.padding == 'same':
                total = self.dilation[i] * (self.kernel_size[i] - 1)
                sides = sides + [total // 2, total - total // 2]
            elif self.padding == 'valid':
                sides = sides + [0, 0]
            else:
                sides = sides + [self.padding[i], self.padding[i]]
        return F.pad(input, sides, self.padding_mode)

class Conv1d(_Conv):
    n = 1
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, padding_mode='zeros', device=None, dtype=None):
        self._setup(1, False, in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias, padding_mode)
    def forward(self, input):
        if self.padding_mode != 'zeros':
            return F.conv1d(self._padded(input), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return F.conv1d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

class Conv2d(_Conv):
    n = 2
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, padding_mode='zeros', device=None, dtype=None):
        self._setup(2, False, in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias, padding_mode)
    def forward(self, input):
        if self.padding_mode != 'zeros':
            return F.conv2d(self._padded(input), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return F.conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

class Conv3d(_Conv):
    n = 3
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, padding_mode='zeros', device=None, dtype=None):
        self._setup(3, False, in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias, padding_mode)
    def forward(self, input):
        if self.padding_mode != 'zeros':
            return F.conv3d(self._padded(input), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return F.conv3d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

class ConvTranspose1d(_Conv):
    n = 1
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1, padding_mode='zeros', device=None, dtype=None):
        self._setup(1, True, in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation, groups, bias, padding_mode)
    def forward(self, input):
        return F.conv_transpose1d(input, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation)

class ConvTranspose2d(_Conv):
    n = 2
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1, padding_mode='zeros', device=None, dtype=None):
        self._setup(2, True, in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation, groups, bias, padding_mode)
    def forward(self, input):
        return F.conv_transpose2d(input, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation)

class ConvTranspose3d(_Conv):
    n = 3
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1, padding_mode='zeros', device=None, dtype=None):
        self._setup(3, True, in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation, groups, bias, padding_mode)
    def forward(self, input):
        return F.conv_transpose3d(input, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation)

class _BatchNorm(Module):
    weight = None
    bias = None
    running_mean = None
    running_var = None
    track_running_stats = True
    def __init__(self, num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, device=None, dtype=None):
        self.num_features = num_features
        self.eps = eps
        self.track_running_stats = track_running_stats
        self.weight = Parameter(_random(num_features)) if affine else None
        self.bias = Parameter(_random(num_features)) if affine else None
        if track_running_stats:
            self.register_buffer('running_mean', _random(num_features))
            self.register_buffer('running_var', _random(num_features))
            self.register_buffer('num_batches_tracked', torch.tensor(0))
    def forward(self, input):
        if not self.track_running_stats:
            raise NotImplementedError("batch norm by the statistics of the batch: track_running_stats=False")
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)

class BatchNorm1d(_BatchNorm):
    pass
class BatchNorm2d(_BatchNorm):
    pass
class BatchNorm3d(_BatchNorm):
    pass
class SyncBatchNorm(_BatchNorm):
    pass

class _InstanceNorm(Module):
    weight = None
    bias = None
    running_mean = None
    running_var = None
    def __init__(self, num_features, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False, device=None, dtype=None):
        self.num_features = num_features
        self.eps = eps
        self.track_running_stats = track_running_stats
        self.weight = Parameter(_random(num_features)) if affine else None
        self.bias = Parameter(_random(num_features)) if affine else None
        self.running_mean = None
        self.running_var = None
        if track_running_stats:
            self.register_buffer('running_mean', _random(num_features))
            self.register_buffer('running_var', _random(num_features))
            self.register_buffer('num_batches_tracked', torch.tensor(0))
    def forward(self, input):
        return F.instance_norm(input, self.running_mean, self.running_var, self.weight, self.bias, not self.track_running_stats, 0.0, self.eps)

class InstanceNorm1d(_InstanceNorm):
    pass
class InstanceNorm2d(_InstanceNorm):
    pass
class InstanceNorm3d(_InstanceNorm):
    pass

class LayerNorm(Module):
    weight = None
    bias = None
    def __init__(self, normalized_shape, eps=1e-05, elementwise_affine=True, bias=True, device=None, dtype=None):
        self.normalized_shape = _pair(normalized_shape, 1)
        self.eps = eps
        self.weight = Parameter(_random(*self.normalized_shape)) if elementwise_affine else None
        self.bias = Parameter(_random(*self.normalized_shape)) if elementwise_affine and bias else None
    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

class RMSNorm(Module):
    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, device=None, dtype=None):
        self.normalized_shape = _pair(normalized_shape, 1)
        self.eps = eps
        self.weight = Parameter(_random(*self.normalized_shape)) if elementwise_affine else None
    def forward(self, input):
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

class GroupNorm(Module):
    weight = None
    bias = None
    def __init__(self, num_groups, num_channels, eps=1e-05, affine=True, device=None, dtype=None):
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.weight = Parameter(_random(num_channels)) if affine else None
        self.bias = Parameter(_random(num_channels)) if affine else None
    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

class LocalResponseNorm(Module):
    def __init__(self, size, alpha=0.0001, beta=0.75, k=1.0):
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k
    def forward(self, input):
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

class Embedding(Module):
    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False, _weight=None, _freeze=False, device=None, dtype=None):
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        self.weight = Parameter(_random(num_embeddings, embedding_dim))
    @classmethod
    def from_pretrained(cls, embeddings, freeze=True, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
        made = cls(embeddings.size(0), embeddings.size(1), padding_idx)
        return made
    def forward(self, input):
        return F.embedding(input, self.weight)

class EmbeddingBag(Module):
    def __init__(self, num_embeddings, embedding_dim, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, mode='mean', sparse=False, include_last_offset=False, padding_idx=None):
        self.mode = mode
        self.weight = Parameter(_random(num_embeddings, embedding_dim))
    def forward(self, input, offsets=None):
        if offsets is not None:
            raise NotImplementedError("EmbeddingBag with offsets")
        found = F.embedding(input, self.weight)
        if self.mode == 'sum':
            return found.sum(1)
        if self.mode == 'max':
            return found.max(1)[0]
        return found.mean(1)

class Flatten(Module):
    def __init__(self, start_dim=1, end_dim=-1):
        self.start_dim = start_dim
        self.end_dim = end_dim
    def forward(self, input):
        return torch.flatten(input, self.start_dim, self.end_dim)

class Unflatten(Module):
    def __init__(self, dim, unflattened_size):
        self.dim = dim
        self.unflattened_size = unflattened_size
    def forward(self, input):
        return input.unflatten(self.dim, self.unflattened_size)

class Dropout(Module):
    def __init__(self, p=0.5, inplace=False):
        self.p = p
    def forward(self, input):
        return input
class Dropout1d(Dropout):
    pass
class Dropout2d(Dropout):
    pass
class Dropout3d(Dropout):
    pass
class AlphaDropout(Dropout):
    pass
class FeatureAlphaDropout(Dropout):
    pass

class Upsample(Module):
    def __init__(self, size=None, scale_factor=None, mode='nearest', align_corners=None, recompute_scale_factor=None):
        self.size = size
        self.scale_factor = scale_factor
        self.mode = mode
        self.align_corners = align_corners
    def forward(self, input):
        return F.interpolate(input, self.size, self.scale_factor, self.mode, self.align_corners)

class UpsamplingNearest2d(Upsample):
    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, 'nearest')
class UpsamplingBilinear2d(Upsample):
    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, 'bilinear', True)

class PixelShuffle(Module):
    def __init__(self, upscale_factor):
        self.upscale_factor = upscale_factor
    def forward(self, input):
        return F.pixel_shuffle(input, self.upscale_factor)
class PixelUnshuffle(Module):
    def __init__(self, downscale_factor):
        self.downscale_factor = downscale_factor
    def forward(self, input):
        return F.pixel_unshuffle(input, self.downscale_factor)
class ChannelShuffle(Module):
    def __init__(self, groups):
        self.groups = groups
    def forward(self, input):
        return F.channel_shuffle(input, self.groups)

class CosineSimilarity(Module):
    def __init__(self, dim=1, eps=1e-08):
        self.dim = dim
        self.eps = eps
    def forward(self, x1, x2):
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
class PairwiseDistance(Module):
    def __init__(self, p=2.0, eps=1e-06, keepdim=False):
        self.p = p
        self.eps = eps
        self.keepdim = keepdim
    def forward(self, x1, x2):
        return F.pairwise_distance(x1, x2, self.p, self.eps, self.keepdim)

class LazyConv1d(Conv1d):
    def __init__(self, out_channels, kernel_size, **more):
        super().__init__(_lazy_size(), out_channels, kernel_size, **more)

class LazyConv2d(Conv2d):
    def __init__(self, out_channels, kernel_size, *rest, **more):
        super().__init__(_lazy_size(), out_channels, kernel_size, *rest, **more)

class LazyBatchNorm1d(BatchNorm1d):
    def __init__(self, *rest, **more):
        super().__init__(_lazy_size(), *rest, **more)

class LazyBatchNorm2d(BatchNorm2d):
    def __init__(self, *rest, **more):
        super().__init__(_lazy_size(), *rest, **more)

class LPPool1d(Module):
    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        self.given = (norm_type, kernel_size, stride, ceil_mode)
    def forward(self, input):
        return _lp_pool1d(input, *self.given)

class LPPool2d(LPPool1d):
    def forward(self, input):
        return _lp_pool2d(input, *self.given)

class _Pad(Module):
    n = 1
    mode = 'constant'
    def __init__(self, padding, value=0.0):
        self.padding = _pair(padding, 2 * self.n)
        self.value = value
    def forward(self, input):
        if self.mode == 'constant':
            return F.pad(input, self.padding, 'constant', self.value)
        return F.pad(input, self.padding, self.mode)
)py";

// What differs in names and numbers only is written by a loop.
void add_padding(std::string& out) {
  for (const auto& [name, mode] : {std::pair("ConstantPad", "constant"),
                                   {"ZeroPad", "constant"},
                                   {"ReflectionPad", "reflect"},
                                   {"ReplicationPad", "replicate"},
                                   {"CircularPad", "circular"}}) {
    for (const char* n : {"1", "2", "3"}) out += std::string("class ") + name + n + "d(_Pad):\n    n = " + n + "\n    mode = '" + mode + "'\n";
  }
}

void add_pooling(std::string& out) {
  for (const char* n : {"1", "2", "3"}) {
    const std::string d = std::string(n) + "d";
    out +=
        "class MaxPool" + d +
        "(Module):\n"
        "    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False):\n"
        "        self.kernel_size = kernel_size\n        self.stride = stride\n        self.padding = padding\n"
        "        self.dilation = dilation\n        self.return_indices = return_indices\n        self.ceil_mode = ceil_mode\n"
        "    def forward(self, input):\n"
        "        return F.max_pool" +
        d +
        "(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices)\n"
        "class AvgPool" +
        d +
        "(Module):\n"
        "    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):\n"
        "        self.kernel_size = kernel_size\n        self.stride = stride\n        self.padding = padding\n"
        "        self.ceil_mode = ceil_mode\n        self.count_include_pad = count_include_pad\n        self.divisor_override = divisor_override\n"
        "    def forward(self, input):\n"
        "        return F.avg_pool" +
        d + "(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)\n";
    for (const std::string kind : {"Avg", "Max"}) {
      out += "class Adaptive" + kind + "Pool" + d +
             "(Module):\n    def __init__(self, output_size, return_indices=False):\n"
             "        self.output_size = output_size\n    def forward(self, input):\n        return F.adaptive_" +
             (kind == "Avg" ? "avg" : "max") + "_pool" + d + "(input, self.output_size)\n";
    }
  }
}

struct Activation {
  const char* name;
  const char* parameters;  // "negative_slope=0.01": of __init__, and handed to the function in this order
  const char* function;
  bool in_place = false;  // the function takes the argument inplace
};
constexpr Activation kActivations[] = {
    {"ReLU", "", "relu", true},
    {"ReLU6", "", "relu6", true},
    {"Sigmoid", "", "sigmoid"},
    {"Tanh", "", "tanh"},
    {"SELU", "", "selu", true},
    {"SiLU", "", "silu", true},
    {"Mish", "", "mish", true},
    {"Hardswish", "", "hardswish", true},
    {"Hardsigmoid", "", "hardsigmoid", true},
    {"LogSigmoid", "", "logsigmoid"},
    {"Softsign", "", "softsign"},
    {"Tanhshrink", "", "tanhshrink"},
    {"LeakyReLU", "negative_slope=0.01", "leaky_relu", true},
    {"ELU", "alpha=1.0", "elu", true},
    {"CELU", "alpha=1.0", "celu", true},
    {"Hardshrink", "lambd=0.5", "hardshrink"},
    {"Softshrink", "lambd=0.5", "softshrink"},
    {"Softplus", "beta=1.0, threshold=20.0", "softplus"},
    {"Hardtanh", "min_val=-1.0, max_val=1.0", "hardtanh", true},
    {"Threshold", "threshold, value", "threshold", true},
    {"RReLU", "lower=0.125, upper=0.3333333333333333", "rrelu", true},
    {"Softmax", "dim=None", "softmax"},
    {"LogSoftmax", "dim=None", "log_softmax"},
    {"Softmin", "dim=-1", "softmin"},
    {"GLU", "dim=-1", "glu"},
};

void add_activations(std::string& out) {
  for (const Activation& a : kActivations) {
    std::string body, given;
    std::string_view rest = a.parameters;
    while (!rest.empty()) {
      const std::string_view part = rest.substr(0, rest.find(", "));
      rest = part.size() == rest.size() ? std::string_view() : rest.substr(part.size() + 2);
      const std::string name(part.substr(0, part.find('=')));
      body += "        self." + name + " = " + name + "\n";
      given += ", self." + name;
    }
    if (a.in_place) {
      body += "        self.inplace = inplace\n";
      given += ", inplace=self.inplace";
    }
    if (body.empty()) body = "        pass\n";
    const std::string parameters = *a.parameters == 0 ? "" : std::string(", ") + a.parameters;
    out += std::string("class ") + a.name + "(Module):\n    inplace = False\n    def __init__(self" + parameters + ", inplace=False):\n" + body +
           "    def forward(self, input):\n        return F." + a.function + "(input" + given + ")\n";
  }
  out += R"py(
class GELU(Module):
    approximate = 'none'
    def __init__(self, approximate='none'):
        self.approximate = approximate
    def forward(self, input):
        return F.gelu(input, approximate=self.approximate)
class PReLU(Module):
    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        self.num_parameters = num_parameters
        self.weight = Parameter(_random(num_parameters))
    def forward(self, input):
        return F.prelu(input, self.weight)
class Softmax2d(Module):
    def forward(self, input):
        return F.softmax(input, -3)
)py";
}

constexpr std::string_view kRecurrent = R"py(
# Sequences of different lengths: here they keep their padding, [steps, rows, ...], and each row's number of steps goes beside them.
class PackedSequence:
    def __init__(self, padded, lengths):
        self.padded = padded
        self.lengths = lengths
    def to(self, *args, **kwargs):
        return self
    def cpu(self):
        return self

def _pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    if not isinstance(lengths, torch.Tensor):
        lengths = torch.tensor(lengths)
    if lengths.dim() != 1 or lengths.is_floating_point():
        raise ValueError('lengths are whole numbers, one for each sequence')
    return PackedSequence(input.transpose(0, 1) if batch_first else input, lengths)

# As long as the longest of them, which need not be all that there is of padding.
def _pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    padded = sequence.padded
    steps = padded.size(0)
    if total_length is None:
        padded = padded[:int(sequence.lengths.max())]
        steps = padded.size(0)
    elif total_length != steps:
        raise NotImplementedError('a total_length other than that of the input')
    inside = torch.arange(steps).unsqueeze(1) < sequence.lengths.unsqueeze(0)
    while inside.dim() < padded.dim():
        inside = inside.unsqueeze(-1)
    padded = torch.where(inside, padded, torch.full_like(padded, padding_value))
    return padded.transpose(0, 1) if batch_first else padded, sequence.lengths.to(torch.int64)

class _Recurrent(Module):
    def _setup(self, gates, input_size, hidden_size, num_layers, bias, batch_first, bidirectional, proj_size):
        if proj_size != 0:
            raise NotImplementedError("proj_size")
        self._gates = gates
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.bidirectional = bidirectional
        directions = ['', '_reverse'] if bidirectional else ['']
        self.directions = len(directions)
        self._names = []
        for layer in range(num_layers):
            for direction in directions:
                inputs = input_size if layer == 0 else hidden_size * len(directions)
                end = '_l' + str(layer) + direction
                self._add('weight_ih' + end, gates * hidden_size, inputs)
                self._add('weight_hh' + end, gates * hidden_size, hidden_size)
                if bias:
                    self._add('bias_ih' + end, gates * hidden_size)
                    self._add('bias_hh' + end, gates * hidden_size)
    def _add(self, name, *size):
        self._names.append(name)
        setattr(self, name, Parameter(_random(*size)))
    def _weights(self):
        return [getattr(self, name) for name in self._names]
    def flatten_parameters(self):
        pass
    # What the operators take: steps, [steps, rows, ...] of packed ones, and their lengths.
    def _run(self, run, input, hx):
        packed = isinstance(input, PackedSequence)
        steps = input.padded if packed else input
        first = self.batch_first and not packed
        if hx is None:
            count = self.num_layers * self.directions
            sizes = [count, self.hidden_size] if steps.dim() == 2 else [count, steps.size(0 if first else 1), self.hidden_size]
            hx = torch.zeros(*sizes)
            if self._gates == 4:
                hx = (hx, hx)
        if self._gates == 4:
            hx = [hx[0], hx[1]]
        lengths = input.lengths if packed else None
        result = run(steps, hx, self._weights(), self.bias, self.num_layers, 0.0, False, self.bidirectional, first, lengths)
        output = PackedSequence(result[0], input.lengths) if packed else result[0]
        return output, result[1:]

class LSTM(_Recurrent):
    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False, proj_size=0, device=None, dtype=None):
        self._setup(4, input_size, hidden_size, num_layers, bias, batch_first, bidirectional, proj_size)
    def forward(self, input, hx=None):
        output, state = self._run(torch.lstm, input, hx)
        return output, (state[0], state[1])

class GRU(_Recurrent):
    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False, device=None, dtype=None):
        self._setup(3, input_size, hidden_size, num_layers, bias, batch_first, bidirectional, 0)
    def forward(self, input, hx=None):
        output, state = self._run(torch.gru, input, hx)
        return output, state[0]

class RNN(_Recurrent):
    def __init__(self, input_size, hidden_size, num_layers=1, nonlinearity='tanh', bias=True, batch_first=False, dropout=0.0, bidirectional=False, device=None, dtype=None):
        self.nonlinearity = nonlinearity
        self._setup(1, input_size, hidden_size, num_layers, bias, batch_first, bidirectional, 0)
    def forward(self, input, hx=None):
        output, state = self._run(torch.rnn_relu if self.nonlinearity == 'relu' else torch.rnn_tanh, input, hx)
        return output, state[0]

class _Cell(Module):
    def _setup(self, gates, input_size, hidden_size, bias):
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.weight_ih = Parameter(_random(gates * hidden_size, input_size))
        self.weight_hh = Parameter(_random(gates * hidden_size, hidden_size))
        self.bias_ih = Parameter(_random(gates * hidden_size)) if bias else None
        self.bias_hh = Parameter(_random(gates * hidden_size)) if bias else None
    def _zeros(self, input):
        if input.dim() == 1:
            return torch.zeros(self.hidden_size)
        return torch.zeros(input.size(0), self.hidden_size)

class LSTMCell(_Cell):
    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        self._setup(4, input_size, hidden_size, bias)
    def forward(self, input, hx=None):
        if hx is None:
            zeros = self._zeros(input)
            hx = (zeros, zeros)
        gates = F.linear(input, self.weight_ih, self.bias_ih) + F.linear(hx[0], self.weight_hh, self.bias_hh)
        i, f, g, o = gates.chunk(4, -1)
        c = torch.sigmoid(f) * hx[1] + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

class GRUCell(_Cell):
    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        self._setup(3, input_size, hidden_size, bias)
    def forward(self, input, hx=None):
        if hx is None:
            hx = self._zeros(input)
        ir, iz, inn = F.linear(input, self.weight_ih, self.bias_ih).chunk(3, -1)
        hr, hz, hn = F.linear(hx, self.weight_hh, self.bias_hh).chunk(3, -1)
        r = torch.sigmoid(ir + hr)
        z = torch.sigmoid(iz + hz)
        n = torch.tanh(inn + r * hn)
        return (1 - z) * n + z * hx

class RNNCell(_Cell):
    def __init__(self, input_size, hidden_size, bias=True, nonlinearity='tanh', device=None, dtype=None):
        self.nonlinearity = nonlinearity
        self._setup(1, input_size, hidden_size, bias)
    def forward(self, input, hx=None):
        if hx is None:
            hx = self._zeros(input)
        sum = F.linear(input, self.weight_ih, self.bias_ih) + F.linear(hx, self.weight_hh, self.bias_hh)
        return F.relu(sum) if self.nonlinearity == 'relu' else torch.tanh(sum)

)py";

constexpr std::string_view kTransformers = R"py(
class MultiheadAttention(Module):
    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False, add_zero_attn=False, kdim=None, vdim=None, batch_first=False, device=None, dtype=None):
        if add_bias_kv or add_zero_attn:
            raise NotImplementedError("add_bias_kv and add_zero_attn")
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        self._same = (kdim is None or kdim == embed_dim) and (vdim is None or vdim == embed_dim)
        if self._same:
            self.in_proj_weight = Parameter(_random(3 * embed_dim, embed_dim))
        else:
            self.q_proj_weight = Parameter(_random(embed_dim, embed_dim))
            self.k_proj_weight = Parameter(_random(embed_dim, embed_dim if kdim is None else kdim))
            self.v_proj_weight = Parameter(_random(embed_dim, embed_dim if vdim is None else vdim))
        self.in_proj_bias = Parameter(_random(3 * embed_dim)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias)
    def _project(self, input, part, separate):
        size = self.embed_dim
        weight = self.in_proj_weight[part * size:(part + 1) * size] if self._same else separate
        bias = None if self.in_proj_bias is None else self.in_proj_bias[part * size:(part + 1) * size]
        projected = F.linear(input, weight, bias)
        return projected.reshape(projected.size(0), projected.size(1), self.num_heads, self.head_dim).transpose(1, 2)
    def forward(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None, average_attn_weights=True, is_causal=False):
        one = query.dim() == 2
        if (query.dim() != 2 and query.dim() != 3) or key.dim() != query.dim() or value.dim() != query.dim():
            raise ValueError("attention of a tensor that isn't [batch, length, features]")
        if one:
            _no_rows()
            query, key, value = query.unsqueeze(0), key.unsqueeze(0), value.unsqueeze(0)
            if key_padding_mask is not None:
                key_padding_mask = key_padding_mask.unsqueeze(0)
        elif not self.batch_first:
            _sequence_first(query)
            query, key, value = query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1)
        q = self._project(query, 0, None if self._same else self.q_proj_weight)
        k = self._project(key, 1, None if self._same else self.k_proj_weight)
        v = self._project(value, 2, None if self._same else self.v_proj_weight)
        scores = (q / math.sqrt(self.head_dim)) @ k.transpose(-2, -1)
        if attn_mask is not None:
            if attn_mask.dim() == 3:
                attn_mask = attn_mask.reshape(-1, self.num_heads, attn_mask.size(1), attn_mask.size(2))
            if attn_mask.dtype == torch.bool:
                scores = scores.masked_fill(attn_mask, float('-inf'))
            else:
                scores = scores + attn_mask
        if key_padding_mask is not None:
            mask = key_padding_mask.unsqueeze(1).unsqueeze(2)
            if key_padding_mask.dtype == torch.bool:
                scores = scores.masked_fill(mask, float('-inf'))
            else:
                scores = scores + mask
        weights = torch.softmax(scores, -1)
        mixed = (weights @ v).transpose(1, 2)
        output = self.out_proj(mixed.reshape(mixed.size(0), mixed.size(1), self.embed_dim))
        if average_attn_weights:
            weights = weights.mean(1)
        if one:
            output, weights = output.squeeze(0), weights.squeeze(0)
        elif not self.batch_first:
            output = output.transpose(0, 1)
        return output, (weights if need_weights else None)

def _activation(given):
    if given == 'relu':
        return F.relu
    if given == 'gelu':
        return F.gelu
    return given

class TransformerEncoderLayer(Module):
    def __init__(self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation='relu', layer_norm_eps=1e-05, batch_first=False, norm_first=False, bias=True, device=None, dtype=None):
        self.self_attn = MultiheadAttention(d_model, nhead, bias=bias, batch_first=batch_first)
        self.linear1 = Linear(d_model, dim_feedforward, bias)
        self.linear2 = Linear(dim_feedforward, d_model, bias)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.activation = _activation(activation)
    def _attend(self, x, mask, padding):
        return self.self_attn(x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False)[0]
    def _feed(self, x):
        return self.linear2(self.activation(self.linear1(x)))
    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        x = src
        if self.norm_first:
            x = x + self._attend(self.norm1(x), src_mask, src_key_padding_mask)
            return x + self._feed(self.norm2(x))
        x = self.norm1(x + self._attend(x, src_mask, src_key_padding_mask))
        return self.norm2(x + self._feed(x))

class TransformerEncoder(Module):
    def __init__(self, encoder_layer, num_layers, norm=None, enable_nested_tensor=True, mask_check=True):
        self.layers = ModuleList([_clone(encoder_layer) for i in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm
    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=None):
        for layer in self.layers:
            src = layer(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask)
        return src if self.norm is None else self.norm(src)

class TransformerDecoderLayer(Module):
    def __init__(self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation='relu', layer_norm_eps=1e-05, batch_first=False, norm_first=False, bias=True, device=None, dtype=None):
        self.self_attn = MultiheadAttention(d_model, nhead, bias=bias, batch_first=batch_first)
        self.multihead_attn = MultiheadAttention(d_model, nhead, bias=bias, batch_first=batch_first)
        self.linear1 = Linear(d_model, dim_feedforward, bias)
        self.linear2 = Linear(dim_feedforward, d_model, bias)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.activation = _activation(activation)
    def _attend(self, x, mask, padding):
        return self.self_attn(x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False)[0]
    def _cross(self, x, memory, mask, padding):
        return self.multihead_attn(x, memory, memory, attn_mask=mask, key_padding_mask=padding, need_weights=False)[0]
    def _feed(self, x):
        return self.linear2(self.activation(self.linear1(x)))
    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None, tgt_is_causal=False, memory_is_causal=False):
        x = tgt
        if self.norm_first:
            x = x + self._attend(self.norm1(x), tgt_mask, tgt_key_padding_mask)
            x = x + self._cross(self.norm2(x), memory, memory_mask, memory_key_padding_mask)
            return x + self._feed(self.norm3(x))
        x = self.norm1(x + self._attend(x, tgt_mask, tgt_key_padding_mask))
        x = self.norm2(x + self._cross(x, memory, memory_mask, memory_key_padding_mask))
        return self.norm3(x + self._feed(x))

class TransformerDecoder(Module):
    def __init__(self, decoder_layer, num_layers, norm=None):
        self.layers = ModuleList([_clone(decoder_layer) for i in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm
    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None, tgt_is_causal=None, memory_is_causal=False):
        for layer in self.layers:
            tgt = layer(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        return tgt if self.norm is None else self.norm(tgt)

class Transformer(Module):
    def __init__(self, d_model=512, nhead=8, num_encoder_layers=6, num_decoder_layers=6, dim_feedforward=2048, dropout=0.1, activation='relu', custom_encoder=None, custom_decoder=None, layer_norm_eps=1e-05, batch_first=False, norm_first=False, bias=True, device=None, dtype=None):
        encoder_layer = TransformerEncoderLayer(d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        decoder_layer = TransformerDecoderLayer(d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        self.encoder = TransformerEncoder(encoder_layer, num_encoder_layers, LayerNorm(d_model, layer_norm_eps, bias=bias))
        self.decoder = TransformerDecoder(decoder_layer, num_decoder_layers, LayerNorm(d_model, layer_norm_eps, bias=bias))
        self.batch_first = batch_first
    @staticmethod
    def generate_square_subsequent_mask(sz, device=None, dtype=None):
        return torch.triu(torch.full((sz, sz), float('-inf')), diagonal=1)
    def forward(self, src, tgt, src_mask=None, tgt_mask=None, memory_mask=None, src_key_padding_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None, src_is_causal=None, tgt_is_causal=None, memory_is_causal=False):
        memory = self.encoder(src, src_mask, src_key_padding_mask)
        return self.decoder(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
)py";

}  // namespace

std::string_view nn_modules_text() {
  static const std::string text = [] {
    std::string all(kContainers);
    all += kLayers;
    add_padding(all);
    add_pooling(all);
    add_activations(all);
    all += kRecurrent;
    all += kTransformers;
    for (const std::string_view more : {nn_functions_text(), nn_losses_text(), nn_distributions_text(), nn_complex_text()}) all += more;
    return all;
  }();
  return text;
}

}  // namespace slipway::importers::torch
