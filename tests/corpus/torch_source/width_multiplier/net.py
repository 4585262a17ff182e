import torch.nn as nn


def _make_divisible(v, divisor=8):
    new_v = max(divisor, int(v + divisor / 2) // divisor * divisor)
    if new_v < 0.9 * v:
        new_v += divisor
    return new_v


class Net(nn.Module):
    cfg = [(32, 2), (48, 2)]

    def __init__(self, num_classes=1000, width_mult=1.0):
        super().__init__()
        c = _make_divisible(32 * width_mult)
        layers = [nn.Conv2d(3, c, 3, 2, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU6(inplace=True)]
        for out, stride in self.cfg:
            out = _make_divisible(out * width_mult)
            layers += [nn.Conv2d(c, c, 3, stride, 1, groups=c, bias=False), nn.Conv2d(c, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU6()]
            c = out
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(c, num_classes)

    def forward(self, x):
        return self.classifier(self.features(x).mean([2, 3]))


def net(**kwargs):
    return Net(**kwargs)
