// Architectures of torchvision in the language of models' sources, written from their papers: names of parameters are those of torchvision's
// files. Densely connected and mobile networks.
#include "slipway/importers/torch/architectures.hpp"

namespace slipway::importers::torch {

std::string_view mobile_architectures() {
  static constexpr std::string_view kText = R"py(# --- densely connected networks

class _Dense(Module):
    def __init__(self, inputs, growth):
        self.norm1 = BatchNorm2d(inputs)
        self.conv1 = Conv2d(inputs, 4 * growth, 1, bias=False)
        self.norm2 = BatchNorm2d(4 * growth)
        self.conv2 = Conv2d(4 * growth, growth, 3, padding=1, bias=False)
    def forward(self, x):
        y = self.conv1(F.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(F.relu(self.norm2(y)))], 1)

class _Thinning(Module):
    def __init__(self, inputs, outputs):
        self.norm = BatchNorm2d(inputs)
        self.conv = Conv2d(inputs, outputs, 1, bias=False)
    def forward(self, x):
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2, 2)

class DenseNet(Module):
    def __init__(self, growth, blocks, channels, num_classes):
        features = Sequential()
        features.add_module('conv0', Conv2d(3, channels, 7, 2, 3, bias=False))
        features.add_module('norm0', BatchNorm2d(channels))
        features.add_module('relu0', ReLU())
        features.add_module('pool0', MaxPool2d(3, 2, 1))
        for i, count in enumerate(blocks):
            block = Sequential()
            for j in range(count):
                block.add_module('denselayer' + str(j + 1), _Dense(channels + j * growth, growth))
            features.add_module('denseblock' + str(i + 1), block)
            channels = channels + count * growth
            if i < 3:
                features.add_module('transition' + str(i + 1), _Thinning(channels, channels // 2))
                channels = channels // 2
        features.add_module('norm5', BatchNorm2d(channels))
        self.features = features
        self.classifier = Linear(channels, num_classes)
    def forward(self, x):
        return self.classifier(F.relu(self.features(x)).mean((2, 3)))

def densenet121(num_classes=1000):
    return DenseNet(32, [6, 12, 24, 16], 64, num_classes)
def densenet161(num_classes=1000):
    return DenseNet(48, [6, 12, 36, 24], 96, num_classes)
def densenet169(num_classes=1000):
    return DenseNet(32, [6, 12, 32, 32], 64, num_classes)
def densenet201(num_classes=1000):
    return DenseNet(32, [6, 12, 48, 32], 64, num_classes)

# --- mobile networks

class _Pooled(Module):
    def __init__(self, features, classifier, pooling=True):
        self.features = features
        if pooling:
            self.avgpool = AdaptiveAvgPool2d(1)
        self.classifier = classifier
    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))

def mobilenet_v2(num_classes=1000):
    layers = [_conv_norm(3, 32, 3, 2, 1, ReLU6)]
    channels = 32
    for ratio, width, count, first in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
        for i in range(count):
            stride = first if i == 0 else 1
            wide = channels * ratio
            parts = [_conv_norm(channels, wide, 1, 1, 1, ReLU6)] if ratio > 1 else []
            parts += [_conv_norm(wide, wide, 3, stride, wide, ReLU6), Conv2d(wide, width, 1, bias=False), BatchNorm2d(width)]
            layers.append(_Sum('conv', parts, stride == 1 and channels == width))
            channels = width
    layers.append(_conv_norm(channels, 1280, 1, 1, 1, ReLU6))
    net = _Pooled(Sequential(*layers), Sequential(Dropout(0.2), Linear(1280, num_classes)), False)
    net.last_channel = 1280
    return net

def _mobilenet_v3(plan, last, num_classes):
    layers = [_conv_norm(3, 16, 3, 2, 1, Hardswish, 0.001)]
    channels = 16
    for kernel, wide, width, squeeze, swish, stride in plan:
        act = Hardswish if swish else ReLU
        parts = [_conv_norm(channels, wide, 1, 1, 1, act, 0.001)] if wide != channels else []
        parts.append(_conv_norm(wide, wide, kernel, stride, wide, act, 0.001))
        if squeeze:
            parts.append(_Excitation(wide, _multiple(wide // 4), ReLU, Hardsigmoid))
        parts.append(_conv_norm(wide, width, 1, 1, 1, None, 0.001))
        layers.append(_Sum('block', parts, stride == 1 and channels == width))
        channels = width
    layers.append(_conv_norm(channels, 6 * channels, 1, 1, 1, Hardswish, 0.001))
    return _Pooled(Sequential(*layers), Sequential(Linear(6 * channels, last), Hardswish(), Dropout(0.2), Linear(last, num_classes)))

def mobilenet_v3_small(num_classes=1000):
    return _mobilenet_v3([(3, 16, 16, True, False, 2), (3, 72, 24, False, False, 2), (3, 88, 24, False, False, 1), (5, 96, 40, True, True, 2),
                          (5, 240, 40, True, True, 1), (5, 240, 40, True, True, 1), (5, 120, 48, True, True, 1), (5, 144, 48, True, True, 1),
                          (5, 288, 96, True, True, 2), (5, 576, 96, True, True, 1), (5, 576, 96, True, True, 1)], 1024, num_classes)
def mobilenet_v3_large(num_classes=1000):
    return _mobilenet_v3([(3, 16, 16, False, False, 1), (3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1), (5, 72, 40, True, False, 2),
                          (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1), (3, 240, 80, False, True, 2), (3, 200, 80, False, True, 1),
                          (3, 184, 80, False, True, 1), (3, 184, 80, False, True, 1), (3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1),
                          (5, 672, 160, True, True, 2), (5, 960, 160, True, True, 1), (5, 960, 160, True, True, 1)], 1280, num_classes)

def _efficientnet(plan, last, eps, num_classes):
    channels = plan[0][4]
    layers = [_conv_norm(3, channels, 3, 2, 1, SiLU, eps)]
    for fused, ratio, kernel, first, inputs, width, count in plan:
        stage = []
        for i in range(count):
            stride = first if i == 0 else 1
            wide = _multiple(channels * ratio)
            if fused and wide == channels:
                parts = [_conv_norm(channels, width, kernel, stride, 1, SiLU, eps)]
            elif fused:
                parts = [_conv_norm(channels, wide, kernel, stride, 1, SiLU, eps), _conv_norm(wide, width, 1, 1, 1, None, eps)]
            else:
                parts = [_conv_norm(channels, wide, 1, 1, 1, SiLU, eps)] if wide != channels else []
                parts += [_conv_norm(wide, wide, kernel, stride, wide, SiLU, eps), _Excitation(wide, max(1, channels // 4), SiLU, Sigmoid),
                          _conv_norm(wide, width, 1, 1, 1, None, eps)]
            stage.append(_Sum('block', parts, stride == 1 and channels == width))
            channels = width
        layers.append(Sequential(*stage))
    last = 4 * channels if last is None else last
    layers.append(_conv_norm(channels, last, 1, 1, 1, SiLU, eps))
    return _Pooled(Sequential(*layers), Sequential(Dropout(), Linear(last, num_classes)))

def _scaled(width, depth, eps, num_classes):
    plan = []
    for ratio, kernel, stride, inputs, outputs, count in [(1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3),
                                                          (6, 5, 1, 80, 112, 3), (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1)]:
        plan.append((False, ratio, kernel, stride, _multiple(inputs * width), _multiple(outputs * width), math.ceil(count * depth)))
    return _efficientnet(plan, None, eps, num_classes)

def efficientnet_b0(num_classes=1000):
    return _scaled(1.0, 1.0, 1e-5, num_classes)
def efficientnet_b1(num_classes=1000):
    return _scaled(1.0, 1.1, 1e-5, num_classes)
def efficientnet_b2(num_classes=1000):
    return _scaled(1.1, 1.2, 1e-5, num_classes)
def efficientnet_b3(num_classes=1000):
    return _scaled(1.2, 1.4, 1e-5, num_classes)
def efficientnet_b4(num_classes=1000):
    return _scaled(1.4, 1.8, 1e-5, num_classes)
def efficientnet_b5(num_classes=1000):
    return _scaled(1.6, 2.2, 1e-3, num_classes)
def efficientnet_b6(num_classes=1000):
    return _scaled(1.8, 2.6, 1e-3, num_classes)
def efficientnet_b7(num_classes=1000):
    return _scaled(2.0, 3.1, 1e-3, num_classes)
def efficientnet_v2_s(num_classes=1000):
    return _efficientnet([(True, 1, 3, 1, 24, 24, 2), (True, 4, 3, 2, 24, 48, 4), (True, 4, 3, 2, 48, 64, 4), (False, 4, 3, 2, 64, 128, 6),
                          (False, 6, 3, 1, 128, 160, 9), (False, 6, 3, 2, 160, 256, 15)], 1280, 1e-3, num_classes)
def efficientnet_v2_m(num_classes=1000):
    return _efficientnet([(True, 1, 3, 1, 24, 24, 3), (True, 4, 3, 2, 24, 48, 5), (True, 4, 3, 2, 48, 80, 5), (False, 4, 3, 2, 80, 160, 7),
                          (False, 6, 3, 1, 160, 176, 14), (False, 6, 3, 2, 176, 304, 18), (False, 6, 3, 1, 304, 512, 5)], 1280, 1e-3, num_classes)
def efficientnet_v2_l(num_classes=1000):
    return _efficientnet([(True, 1, 3, 1, 32, 32, 4), (True, 4, 3, 2, 32, 64, 7), (True, 4, 3, 2, 64, 96, 7), (False, 4, 3, 2, 96, 192, 10),
                          (False, 6, 3, 1, 192, 224, 19), (False, 6, 3, 2, 224, 384, 25), (False, 6, 3, 1, 384, 640, 7)], 1280, 1e-3, num_classes)

def _mnasnet(alpha, num_classes):
    depths = [_multiple(d * alpha) for d in [32, 16, 24, 40, 80, 96, 192, 320]]
    first, second = depths[0], depths[1]
    layers = [Conv2d(3, first, 3, 2, 1, bias=False), BatchNorm2d(first), ReLU(), Conv2d(first, first, 3, 1, 1, groups=first, bias=False),
              BatchNorm2d(first), ReLU(), Conv2d(first, second, 1, bias=False), BatchNorm2d(second)]
    channels = second
    for width, plan in zip(depths[2:], [(3, 2, 3, 3), (5, 2, 3, 3), (5, 2, 6, 3), (3, 1, 6, 2), (5, 2, 6, 4), (3, 1, 6, 1)]):
        kernel, first_stride, ratio, count = plan
        stack = []
        for i in range(count):
            stride = first_stride if i == 0 else 1
            wide = channels * ratio
            parts = [Conv2d(channels, wide, 1, bias=False), BatchNorm2d(wide), ReLU(),
                     Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False), BatchNorm2d(wide), ReLU(),
                     Conv2d(wide, width, 1, bias=False), BatchNorm2d(width)]
            stack.append(_Sum('layers', parts, stride == 1 and channels == width))
            channels = width
        layers.append(Sequential(*stack))
    layers += [Conv2d(channels, 1280, 1, bias=False), BatchNorm2d(1280), ReLU()]
    net = _Layers()
    net.layers = Sequential(*layers)
    net.classifier = Sequential(Dropout(0.2), Linear(1280, num_classes))
    return net

class _Layers(Module):
    def forward(self, x):
        return self.classifier(self.layers(x).mean((2, 3)))

def mnasnet0_5(num_classes=1000):
    return _mnasnet(0.5, num_classes)
def mnasnet0_75(num_classes=1000):
    return _mnasnet(0.75, num_classes)
def mnasnet1_0(num_classes=1000):
    return _mnasnet(1.0, num_classes)
def mnasnet1_3(num_classes=1000):
    return _mnasnet(1.3, num_classes)

class _Shuffled(Module):
    def __init__(self, inputs, outputs, stride):
        half = outputs // 2
        self.halved = stride == 1
        def deep(channels):
            return [Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False), BatchNorm2d(channels)]
        def point(channels):
            return [Conv2d(channels, half, 1, bias=False), BatchNorm2d(half), ReLU()]
        if not self.halved:
            self.branch1 = Sequential(*deep(inputs), *point(inputs))
        self.branch2 = Sequential(*point(half if self.halved else inputs), *deep(half), *point(half))
    def forward(self, x):
        left, right = x.chunk(2, 1) if self.halved else (x, x)
        if not self.halved:
            left = self.branch1(left)
        y = torch.stack([left, self.branch2(right)], 2)
        return y.flatten(1, 2)

class ShuffleNetV2(Module):
    def __init__(self, widths, last, num_classes):
        self.conv1 = _conv_norm(3, 24, 3, 2, 1, ReLU)
        self.maxpool = MaxPool2d(3, 2, 1)
        channels = 24
        for stage, width, count in zip([2, 3, 4], widths, [4, 8, 4]):
            layers = []
            for i in range(count):
                layers.append(_Shuffled(channels, width, 2 if i == 0 else 1))
                channels = width
            setattr(self, 'stage' + str(stage), Sequential(*layers))
        self.conv5 = _conv_norm(channels, last, 1, 1, 1, ReLU)
        self.fc = Linear(last, num_classes)
    def forward(self, x):
        x = self.maxpool(self.conv1(x))
        return self.fc(self.conv5(self.stage4(self.stage3(self.stage2(x)))).mean((2, 3)))

def shufflenet_v2_x0_5(num_classes=1000):
    return ShuffleNetV2([48, 96, 192], 1024, num_classes)
def shufflenet_v2_x1_0(num_classes=1000):
    return ShuffleNetV2([116, 232, 464], 1024, num_classes)
def shufflenet_v2_x1_5(num_classes=1000):
    return ShuffleNetV2([176, 352, 704], 1024, num_classes)
def shufflenet_v2_x2_0(num_classes=1000):
    return ShuffleNetV2([244, 488, 976], 2048, num_classes)
)py";
  return kText;
}

}  // namespace slipway::importers::torch
