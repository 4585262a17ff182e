// Architectures of torchvision in the language of models' sources, written from their papers: names of parameters are those of torchvision's
// files. Residual networks, chains of convolutions.
#include "slipway/importers/torch/architectures.hpp"

namespace slipway::importers::torch {

std::string_view classic_architectures() {
  static constexpr std::string_view kText =
      R"py(# Children stand in the order of torchvision's: sources take them one by one, list(net.children())[:-1].
import math
import torch
import torch.nn.functional as F
from torch.nn import *

def _multiple(value, of=8):
    near = max(of, int(value + of / 2) // of * of)
    return near + of if near < 0.9 * value else near

def _conv_norm(inputs, outputs, kernel, stride=1, groups=1, act=None, eps=1e-5):
    layers = [Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False), BatchNorm2d(outputs, eps=eps)]
    if act is not None:
        layers.append(act())
    return Sequential(*layers)

class _Excitation(Module):
    def __init__(self, channels, squeezed, act, gate):
        self.fc1 = Conv2d(channels, squeezed, 1)
        self.fc2 = Conv2d(squeezed, channels, 1)
        self.act = act()
        self.gate = gate()
    def forward(self, x):
        return x * self.gate(self.fc2(self.act(self.fc1(x.mean((2, 3), keepdim=True)))))

class _Sum(Module):
    def __init__(self, name, layers, same):
        setattr(self, name, Sequential(*layers))
        self._name = name
        self._same = same
    def forward(self, x):
        y = getattr(self, self._name)(x)
        return x + y if self._same else y

# --- residual networks

class _Residual(Module):
    def __init__(self, inputs, width, outputs, stride, groups, deep):
        if deep:
            self.conv1 = Conv2d(inputs, width, 1, bias=False)
            self.bn1 = BatchNorm2d(width)
            self.conv2 = Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
            self.bn2 = BatchNorm2d(width)
            self.conv3 = Conv2d(width, outputs, 1, bias=False)
            self.bn3 = BatchNorm2d(outputs)
        else:
            self.conv1 = Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = BatchNorm2d(outputs)
            self.conv2 = Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = BatchNorm2d(outputs)
        self.deep = deep
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = Sequential(Conv2d(inputs, outputs, 1, stride, bias=False), BatchNorm2d(outputs))
    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.deep:
            y = self.bn3(self.conv3(F.relu(y)))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))

class ResNet(Module):
    def __init__(self, deep, blocks, groups, base, num_classes):
        self.conv1 = Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = BatchNorm2d(64)
        self.relu = ReLU()
        self.maxpool = MaxPool2d(3, 2, 1)
        channels = 64
        for stage in range(4):
            planes = 64 * 2 ** stage
            outputs = planes * 4 if deep else planes
            layers = []
            for i in range(blocks[stage]):
                stride = 2 if stage > 0 and i == 0 else 1
                layers.append(_Residual(channels, planes * base // 64 * groups, outputs, stride, groups, deep))
                channels = outputs
            setattr(self, 'layer' + str(stage + 1), Sequential(*layers))
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.fc = Linear(channels, num_classes)
    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))

def resnet18(num_classes=1000):
    return ResNet(False, [2, 2, 2, 2], 1, 64, num_classes)
def resnet34(num_classes=1000):
    return ResNet(False, [3, 4, 6, 3], 1, 64, num_classes)
def resnet50(num_classes=1000):
    return ResNet(True, [3, 4, 6, 3], 1, 64, num_classes)
def resnet101(num_classes=1000):
    return ResNet(True, [3, 4, 23, 3], 1, 64, num_classes)
def resnet152(num_classes=1000):
    return ResNet(True, [3, 8, 36, 3], 1, 64, num_classes)
def resnext50_32x4d(num_classes=1000):
    return ResNet(True, [3, 4, 6, 3], 32, 4, num_classes)
def resnext101_32x8d(num_classes=1000):
    return ResNet(True, [3, 4, 23, 3], 32, 8, num_classes)
def resnext101_64x4d(num_classes=1000):
    return ResNet(True, [3, 4, 23, 3], 64, 4, num_classes)
def wide_resnet50_2(num_classes=1000):
    return ResNet(True, [3, 4, 6, 3], 1, 128, num_classes)
def wide_resnet101_2(num_classes=1000):
    return ResNet(True, [3, 4, 23, 3], 1, 128, num_classes)

# As sources derive from them: with the arguments that torchvision's own classes take.
class _OwnBasicBlock(Module):
    expansion = 1
    def __init__(self, inplanes, planes, stride=1, downsample=None, groups=1, base_width=64, dilation=1, norm_layer=None):
        norm_layer = BatchNorm2d if norm_layer is None else norm_layer
        self.conv1 = Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = norm_layer(planes)
        self.relu = ReLU(True)
        self.conv2 = Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride
    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))

class _OwnBottleneck(Module):
    expansion = 4
    def __init__(self, inplanes, planes, stride=1, downsample=None, groups=1, base_width=64, dilation=1, norm_layer=None):
        norm_layer = BatchNorm2d if norm_layer is None else norm_layer
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = Conv2d(inplanes, width, 1, bias=False)
        self.bn1 = norm_layer(width)
        self.conv2 = Conv2d(width, width, 3, stride, dilation, dilation, groups, False)
        self.bn2 = norm_layer(width)
        self.conv3 = Conv2d(width, planes * 4, 1, bias=False)
        self.bn3 = norm_layer(planes * 4)
        self.relu = ReLU(True)
        self.downsample = downsample
        self.stride = stride
    def forward(self, x):
        y = self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))
        return self.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))

class _OwnResNet(Module):
    def __init__(self, block, layers, num_classes=1000, zero_init_residual=False, groups=1, width_per_group=64, replace_stride_with_dilation=None, norm_layer=None):
        self._norm_layer = BatchNorm2d if norm_layer is None else norm_layer
        self.inplanes = 64
        self.dilation = 1
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = self._norm_layer(64)
        self.relu = ReLU(True)
        self.maxpool = MaxPool2d(3, 2, 1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], 2)
        self.layer3 = self._make_layer(block, 256, layers[2], 2)
        self.layer4 = self._make_layer(block, 512, layers[3], 2)
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.fc = Linear(512 * block.expansion, num_classes)
    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        downsample = None
        if stride != 1 or self.inplanes != planes * block.expansion:
            downsample = Sequential(Conv2d(self.inplanes, planes * block.expansion, 1, stride, bias=False), self._norm_layer(planes * block.expansion))
        layers = [block(self.inplanes, planes, stride, downsample, self.groups, self.base_width, self.dilation, self._norm_layer)]
        self.inplanes = planes * block.expansion
        for _ in range(1, blocks):
            layers.append(block(self.inplanes, planes, 1, None, self.groups, self.base_width, self.dilation, self._norm_layer))
        return Sequential(*layers)
    def _forward_impl(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))
    def forward(self, x):
        return self._forward_impl(x)

class _OwnVGG(Module):
    def __init__(self, features, num_classes=1000, init_weights=True, dropout=0.5):
        self.features = features
        self.avgpool = AdaptiveAvgPool2d((7, 7))
        self.classifier = Sequential(Linear(512 * 49, 4096), ReLU(True), Dropout(), Linear(4096, 4096), ReLU(True), Dropout(), Linear(4096, num_classes))
    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))

# --- chains of convolutions

class _Chain(Module):
    def __init__(self, features, side, classifier):
        self.features = features
        self.avgpool = AdaptiveAvgPool2d((side, side))
        self.classifier = classifier
    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))

def _vgg(depths, norm, num_classes):
    layers = []
    channels = 3
    for depth, width in zip(depths, [64, 128, 256, 512, 512]):
        for _ in range(depth):
            layers.append(Conv2d(channels, width, 3, padding=1))
            if norm:
                layers.append(BatchNorm2d(width))
            layers.append(ReLU())
            channels = width
        layers.append(MaxPool2d(2, 2))
    head = Sequential(Linear(512 * 49, 4096), ReLU(), Dropout(), Linear(4096, 4096), ReLU(), Dropout(), Linear(4096, num_classes))
    return _Chain(Sequential(*layers), 7, head)

def vgg11(num_classes=1000):
    return _vgg([1, 1, 2, 2, 2], False, num_classes)
def vgg11_bn(num_classes=1000):
    return _vgg([1, 1, 2, 2, 2], True, num_classes)
def vgg13(num_classes=1000):
    return _vgg([2, 2, 2, 2, 2], False, num_classes)
def vgg13_bn(num_classes=1000):
    return _vgg([2, 2, 2, 2, 2], True, num_classes)
def vgg16(num_classes=1000):
    return _vgg([2, 2, 3, 3, 3], False, num_classes)
def vgg16_bn(num_classes=1000):
    return _vgg([2, 2, 3, 3, 3], True, num_classes)
def vgg19(num_classes=1000):
    return _vgg([2, 2, 4, 4, 4], False, num_classes)
def vgg19_bn(num_classes=1000):
    return _vgg([2, 2, 4, 4, 4], True, num_classes)

def alexnet(num_classes=1000):
    features = Sequential(Conv2d(3, 64, 11, 4, 2), ReLU(), MaxPool2d(3, 2), Conv2d(64, 192, 5, padding=2), ReLU(), MaxPool2d(3, 2),
                          Conv2d(192, 384, 3, padding=1), ReLU(), Conv2d(384, 256, 3, padding=1), ReLU(), Conv2d(256, 256, 3, padding=1), ReLU(),
                          MaxPool2d(3, 2))
    head = Sequential(Dropout(), Linear(256 * 36, 4096), ReLU(), Dropout(), Linear(4096, 4096), ReLU(), Linear(4096, num_classes))
    return _Chain(features, 6, head)

class _Fire(Module):
    def __init__(self, inputs, squeezed, each):
        self.squeeze = Conv2d(inputs, squeezed, 1)
        self.expand1x1 = Conv2d(squeezed, each, 1)
        self.expand3x3 = Conv2d(squeezed, each, 3, padding=1)
    def forward(self, x):
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], 1)

class SqueezeNet(Module):
    # plan: (squeezed, each) of a Fire, or None for pooling
    def __init__(self, first, kernel, plan, num_classes):
        layers = [Conv2d(3, first, kernel, 2), ReLU(), MaxPool2d(3, 2, ceil_mode=True)]
        channels = first
        for step in plan:
            if step is None:
                layers.append(MaxPool2d(3, 2, ceil_mode=True))
            else:
                layers.append(_Fire(channels, step[0], step[1]))
                channels = 2 * step[1]
        self.features = Sequential(*layers)
        self.classifier = Sequential(Dropout(), Conv2d(channels, num_classes, 1), ReLU(), AdaptiveAvgPool2d((1, 1)))
    def forward(self, x):
        return torch.flatten(self.classifier(self.features(x)), 1)

def squeezenet1_0(num_classes=1000):
    return SqueezeNet(96, 7, [(16, 64), (16, 64), (32, 128), None, (32, 128), (48, 192), (48, 192), (64, 256), None, (64, 256)], num_classes)
def squeezenet1_1(num_classes=1000):
    return SqueezeNet(64, 3, [(16, 64), (16, 64), None, (32, 128), (32, 128), None, (48, 192), (48, 192), (64, 256), (64, 256)], num_classes)
)py";
  return kText;
}

}  // namespace slipway::importers::torch
