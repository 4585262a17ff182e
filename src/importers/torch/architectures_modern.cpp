// Architectures of torchvision in the language of models' sources, written from their papers: names of parameters are those of torchvision's
// files. Transformers, what convolutions took from them, and regular networks.
#include "slipway/importers/torch/architectures.hpp"

namespace slipway::importers::torch {

std::string_view modern_architectures() {
  static constexpr std::string_view kText = R"py(# --- transformers and what they taught convolutions

class _ChannelNorm(LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

class _Permute(Module):
    def __init__(self, order):
        self.order = order
    def forward(self, x):
        return x.permute(self.order)

class _ConvNextBlock(Module):
    def __init__(self, width):
        self.layer_scale = Parameter(torch.ones(width, 1, 1))
        self.block = Sequential(Conv2d(width, width, 7, padding=3, groups=width), _Permute([0, 2, 3, 1]), LayerNorm(width, eps=1e-6),
                                Linear(width, 4 * width), GELU(), Linear(4 * width, width), _Permute([0, 3, 1, 2]))
    def forward(self, x):
        return x + self.layer_scale * self.block(x)

def _convnext(widths, counts, num_classes):
    layers = [Sequential(Conv2d(3, widths[0], 4, 4), _ChannelNorm(widths[0], eps=1e-6))]
    for i in range(4):
        if i > 0:
            layers.append(Sequential(_ChannelNorm(widths[i - 1], eps=1e-6), Conv2d(widths[i - 1], widths[i], 2, 2)))
        layers.append(Sequential(*[_ConvNextBlock(widths[i]) for _ in range(counts[i])]))
    net = _ConvNext()
    net.features = Sequential(*layers)
    net.avgpool = AdaptiveAvgPool2d(1)
    net.classifier = Sequential(_ChannelNorm(widths[3], eps=1e-6), Flatten(1), Linear(widths[3], num_classes))
    return net

class _ConvNext(Module):
    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3), keepdim=True))

def convnext_tiny(num_classes=1000):
    return _convnext([96, 192, 384, 768], [3, 3, 9, 3], num_classes)
def convnext_small(num_classes=1000):
    return _convnext([96, 192, 384, 768], [3, 3, 27, 3], num_classes)
def convnext_base(num_classes=1000):
    return _convnext([128, 256, 512, 1024], [3, 3, 27, 3], num_classes)
def convnext_large(num_classes=1000):
    return _convnext([192, 384, 768, 1536], [3, 3, 27, 3], num_classes)

class _EncoderLayer(Module):
    def __init__(self, width, heads, hidden):
        self.ln_1 = LayerNorm(width, eps=1e-6)
        self.self_attention = MultiheadAttention(width, heads, batch_first=True)
        self.ln_2 = LayerNorm(width, eps=1e-6)
        self.mlp = Sequential(Linear(width, hidden), GELU(), Dropout(0.0), Linear(hidden, width), Dropout(0.0))
    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.self_attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))

class _Encoder(Module):
    def __init__(self, tokens, count, width, heads, hidden):
        self.pos_embedding = Parameter(torch.zeros(1, tokens, width))
        layers = Sequential()
        for i in range(count):
            layers.add_module('encoder_layer_' + str(i), _EncoderLayer(width, heads, hidden))
        self.layers = layers
        self.ln = LayerNorm(width, eps=1e-6)
    def forward(self, x):
        return self.ln(self.layers(x + self.pos_embedding))

class VisionTransformer(Module):
    def __init__(self, image_size, patch, count, heads, width, hidden, num_classes):
        self.class_token = Parameter(torch.zeros(1, 1, width))
        self.conv_proj = Conv2d(3, width, patch, patch)
        self.encoder = _Encoder((image_size // patch) ** 2 + 1, count, width, heads, hidden)
        self.heads = Sequential()
        self.heads.add_module('head', Linear(width, num_classes))
        self.image_size = image_size
    def forward(self, x):
        assert x.size(2) == self.image_size
        assert x.size(3) == self.image_size
        x = self.conv_proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.size(0), -1, -1), x], 1)
        return self.heads(self.encoder(x)[:, 0])

def vit_b_16(num_classes=1000, image_size=224):
    return VisionTransformer(image_size, 16, 12, 12, 768, 3072, num_classes)
def vit_b_32(num_classes=1000, image_size=224):
    return VisionTransformer(image_size, 32, 12, 12, 768, 3072, num_classes)
def vit_l_16(num_classes=1000, image_size=224):
    return VisionTransformer(image_size, 16, 24, 16, 1024, 4096, num_classes)
def vit_l_32(num_classes=1000, image_size=224):
    return VisionTransformer(image_size, 32, 24, 16, 1024, 4096, num_classes)
def vit_h_14(num_classes=1000, image_size=224):
    return VisionTransformer(image_size, 14, 32, 16, 1280, 5120, num_classes)

# --- regular networks

class _RegularBlock(Module):
    def __init__(self, inputs, width, stride, group, squeeze):
        if stride > 1 or inputs != width:
            self.proj = _conv_norm(inputs, width, 1, stride)
        f = Sequential()
        f.add_module('a', _conv_norm(inputs, width, 1, 1, 1, ReLU))
        f.add_module('b', _conv_norm(width, width, 3, stride, width // group, ReLU))
        if squeeze:
            f.add_module('se', _Excitation(width, int(round(0.25 * inputs)), ReLU, Sigmoid))
        f.add_module('c', _conv_norm(width, width, 1))
        self.f = f
    def forward(self, x):
        return F.relu((self.proj(x) if hasattr(self, 'proj') else x) + self.f(x))

# Widths grow along a line, quantised to powers of `factor`, a whole number of groups each.
def _regular_stages(depth, start, slope, factor, group):
    widths = []
    for i in range(depth):
        step = round(math.log((start + slope * i) / start) / math.log(factor))
        widths.append(int(round(start * factor ** step / 8)) * 8)
    stages = []
    for w in widths:
        if len(stages) > 0 and stages[-1][0] == w:
            stages[-1][1] = stages[-1][1] + 1
        else:
            stages.append([w, 1])
    out = []
    for w, count in stages:
        g = min(group, w)
        out.append((_multiple(w, g), count, g))
    return out

class RegNet(Module):
    def __init__(self, depth, start, slope, factor, group, squeeze, num_classes):
        self.stem = _conv_norm(3, 32, 3, 2, 1, ReLU)
        trunk = Sequential()
        channels = 32
        for i, stage in enumerate(_regular_stages(depth, start, slope, factor, group)):
            width, count, groups = stage
            blocks = Sequential()
            for j in range(count):
                blocks.add_module('block' + str(i + 1) + '-' + str(j), _RegularBlock(channels, width, 2 if j == 0 else 1, groups, squeeze))
                channels = width
            trunk.add_module('block' + str(i + 1), blocks)
        self.trunk_output = trunk
        self.fc = Linear(channels, num_classes)
    def forward(self, x):
        return self.fc(self.trunk_output(self.stem(x)).mean((2, 3)))

def regnet_y_400mf(num_classes=1000):
    return RegNet(16, 48, 27.89, 2.09, 8, True, num_classes)
def regnet_y_800mf(num_classes=1000):
    return RegNet(14, 56, 38.84, 2.4, 16, True, num_classes)
def regnet_y_1_6gf(num_classes=1000):
    return RegNet(27, 48, 20.71, 2.65, 24, True, num_classes)
def regnet_y_3_2gf(num_classes=1000):
    return RegNet(21, 80, 42.63, 2.66, 24, True, num_classes)
def regnet_y_8gf(num_classes=1000):
    return RegNet(17, 192, 76.82, 2.19, 56, True, num_classes)
def regnet_y_16gf(num_classes=1000):
    return RegNet(18, 200, 106.23, 2.48, 112, True, num_classes)
def regnet_y_32gf(num_classes=1000):
    return RegNet(20, 232, 115.89, 2.53, 232, True, num_classes)
def regnet_x_400mf(num_classes=1000):
    return RegNet(22, 24, 24.48, 2.54, 16, False, num_classes)
def regnet_x_800mf(num_classes=1000):
    return RegNet(16, 56, 35.73, 2.28, 16, False, num_classes)
def regnet_x_1_6gf(num_classes=1000):
    return RegNet(18, 80, 34.01, 2.25, 24, False, num_classes)
def regnet_x_3_2gf(num_classes=1000):
    return RegNet(25, 88, 26.31, 2.25, 48, False, num_classes)
def regnet_x_8gf(num_classes=1000):
    return RegNet(23, 80, 49.56, 2.88, 120, False, num_classes)
def regnet_x_16gf(num_classes=1000):
    return RegNet(22, 216, 55.59, 2.1, 128, False, num_classes)
def regnet_x_32gf(num_classes=1000):
    return RegNet(23, 320, 69.86, 2.0, 168, False, num_classes)
)py";
  return kText;
}

}  // namespace slipway::importers::torch
