// Networks as timm.create_model makes them, in the language of models' sources, written from the papers: names of parameters are those of timm's
// files. For sources that make one; weights alone are not matched with them.
#include "slipway/importers/torch/architectures.hpp"

namespace slipway::importers::torch {

std::string_view timm_architectures() {
  static constexpr std::string_view kText = R"py(
def _timm_pool(kind):
    if kind == 'avg':
        return Sequential(AdaptiveAvgPool2d(1), Flatten(1))
    if kind == 'max':
        return Sequential(AdaptiveMaxPool2d(1), Flatten(1))
    if kind == '' or kind is None:
        return Identity()
    raise NotImplementedError("timm's pooling " + str(kind))

class _TimmNetwork(Module):
    def _head(self, name, features, num_classes, global_pool):
        self._classifier = name
        self.num_features = features
        self.num_classes = num_classes
        self.global_pool = _timm_pool(global_pool)
        setattr(self, name, Identity() if num_classes == 0 else Linear(features, num_classes))
    def get_classifier(self):
        return getattr(self, self._classifier)
    def reset_classifier(self, num_classes, global_pool='avg'):
        self._head(self._classifier, self.num_features, num_classes, global_pool)
    def forward_head(self, x, pre_logits=False):
        x = self.global_pool(x)
        return x if pre_logits else getattr(self, self._classifier)(x)
    def forward(self, x):
        return self.forward_head(self.forward_features(x))

class _TimmResNet(_TimmNetwork):
    def __init__(self, deep, blocks, groups, base, num_classes, in_chans, global_pool):
        self.conv1 = Conv2d(in_chans, 64, 7, 2, 3, bias=False)
        self.bn1 = BatchNorm2d(64)
        self.act1 = ReLU()
        self.maxpool = MaxPool2d(3, 2, 1)
        channels = 64
        for stage in range(4):
            planes = 64 * 2 ** stage
            outputs = planes * 4 if deep else planes
            layers = []
            for i in range(blocks[stage]):
                layers.append(_Residual(channels, planes * base // 64 * groups, outputs, 2 if stage > 0 and i == 0 else 1, groups, deep))
                channels = outputs
            setattr(self, 'layer' + str(stage + 1), Sequential(*layers))
        self._head('fc', channels, num_classes, global_pool)
    def forward_features(self, x):
        x = self.maxpool(self.act1(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))

# Padded as TensorFlow does: more behind than before where it isn't even.
class _TimmSame(Conv2d):
    def forward(self, x):
        pads = []
        for i in [1, 0]:
            size = x.size(i + 2)
            more = max(((size + self.stride[i] - 1) // self.stride[i] - 1) * self.stride[i] + self.kernel_size[i] - size, 0)
            pads += [more // 2, more - more // 2]
        return F.conv2d(F.pad(x, pads), self.weight, self.bias, self.stride, 0, 1, self.groups)

def _timm_conv(same, inputs, outputs, kernel, stride=1, groups=1):
    if same and stride > 1:
        return _TimmSame(inputs, outputs, kernel, stride, 0, groups=groups, bias=False)
    return Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)

class _TimmSqueeze(Module):
    def __init__(self, channels, squeezed):
        self.conv_reduce = Conv2d(channels, squeezed, 1)
        self.conv_expand = Conv2d(squeezed, channels, 1)
    def forward(self, x):
        return x * torch.sigmoid(self.conv_expand(F.silu(self.conv_reduce(x.mean((2, 3), keepdim=True)))))

class _TimmBlock(Module):
    def __init__(self, same, eps, inputs, outputs, kernel, stride, ratio):
        wide = inputs * ratio
        self.ratio = ratio
        self.skip = stride == 1 and inputs == outputs
        squeeze = _TimmSqueeze(wide, int(round(inputs * 0.25)))
        if ratio == 1:
            self.conv_dw = _timm_conv(same, inputs, inputs, kernel, stride, inputs)
            self.bn1 = BatchNorm2d(inputs, eps=eps)
            self.se = squeeze
            self.conv_pw = Conv2d(inputs, outputs, 1, bias=False)
            self.bn2 = BatchNorm2d(outputs, eps=eps)
        else:
            self.conv_pw = Conv2d(inputs, wide, 1, bias=False)
            self.bn1 = BatchNorm2d(wide, eps=eps)
            self.conv_dw = _timm_conv(same, wide, wide, kernel, stride, wide)
            self.bn2 = BatchNorm2d(wide, eps=eps)
            self.se = squeeze
            self.conv_pwl = Conv2d(wide, outputs, 1, bias=False)
            self.bn3 = BatchNorm2d(outputs, eps=eps)
    def forward(self, x):
        if self.ratio == 1:
            y = self.bn2(self.conv_pw(self.se(F.silu(self.bn1(self.conv_dw(x))))))
        else:
            y = F.silu(self.bn1(self.conv_pw(x)))
            y = self.bn3(self.conv_pwl(self.se(F.silu(self.bn2(self.conv_dw(y))))))
        return x + y if self.skip else y

class _TimmEfficientNet(_TimmNetwork):
    def __init__(self, same, width, depth, num_classes, in_chans, global_pool):
        eps = 1e-3 if same else 1e-5
        channels = _multiple(32 * width)
        self.conv_stem = _timm_conv(same, in_chans, channels, 3, 2)
        self.bn1 = BatchNorm2d(channels, eps=eps)
        stages = []
        for ratio, outputs, count, stride, kernel in [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)]:
            outputs = _multiple(outputs * width)
            layers = []
            for i in range(math.ceil(count * depth)):
                layers.append(_TimmBlock(same, eps, channels, outputs, kernel, stride if i == 0 else 1, ratio))
                channels = outputs
            stages.append(Sequential(*layers))
        self.blocks = Sequential(*stages)
        last = _multiple(1280 * width)
        self.conv_head = Conv2d(channels, last, 1, bias=False)
        self.bn2 = BatchNorm2d(last, eps=eps)
        self._head('classifier', last, num_classes, global_pool)
    def forward_features(self, x):
        x = self.blocks(F.silu(self.bn1(self.conv_stem(x))))
        return F.silu(self.bn2(self.conv_head(x)))

def _timm_create_model(model_name, pretrained=False, num_classes=1000, in_chans=3, global_pool='avg', features_only=False, drop_rate=0.0, drop_path_rate=0.0, **more):
    name = model_name.split('.')[0].replace('_ns', '').replace('_ap', '')
    residual = {'resnet18': (False, [2, 2, 2, 2], 1, 64), 'resnet34': (False, [3, 4, 6, 3], 1, 64), 'resnet50': (True, [3, 4, 6, 3], 1, 64),
                'resnet101': (True, [3, 4, 23, 3], 1, 64), 'resnet152': (True, [3, 8, 36, 3], 1, 64), 'resnext50_32x4d': (True, [3, 4, 6, 3], 32, 4),
                'wide_resnet50_2': (True, [3, 4, 6, 3], 1, 128), 'wide_resnet101_2': (True, [3, 4, 23, 3], 1, 128)}
    efficient = {'b0': (1.0, 1.0), 'b1': (1.0, 1.1), 'b2': (1.1, 1.2), 'b3': (1.2, 1.4), 'b4': (1.4, 1.8), 'b5': (1.6, 2.2), 'b6': (1.8, 2.6), 'b7': (2.0, 3.1)}
    if not features_only and name in residual:
        return _TimmResNet(*residual[name], num_classes, in_chans, global_pool)
    if not features_only and 'efficientnet_' in name and name.split('efficientnet_')[-1] in efficient:
        return _TimmEfficientNet(name.startswith('tf_'), *efficient[name.split('efficientnet_')[-1]], num_classes, in_chans, global_pool)
    raise NotImplementedError("timm's " + model_name + ": write it out in the source, or export the model where timm is")
)py";
  return kText;
}

}  // namespace slipway::importers::torch
