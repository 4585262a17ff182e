"""A small net as people write it."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class Block(nn.Module):
    expansion: int = 4

    def __init__(self, inputs, planes, stride=1, norm=None):
        super().__init__()
        if norm is None:
            norm = nn.BatchNorm2d
        self.conv = nn.Conv2d(inputs, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn = norm(planes)
        self.shortcut = nn.Sequential() if stride == 1 else nn.Sequential(nn.Conv2d(inputs, planes, 1, stride), norm(planes))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn(self.conv(x)), inplace=True)
        out += self.shortcut(x)
        return F.relu(out)


class Net(nn.Module):
    def __init__(self, *, classes: int = 10, widths=(16, 32, 64)):
        super(Net, self).__init__()
        self.stem = nn.Conv2d(3, widths[0], 3)
        self.blocks = nn.ModuleList([Block(a, b) for a, b in zip(widths[:-1], widths[1:])])
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x):
        x = self.stem(x)
        for i, block in enumerate(self.blocks):
            x = block(x) if i % 2 == 0 else x + block(x)
        x = x.mean(dim=[2, 3])
        return self.head(torch.flatten(x, 1))


if __name__ == "__main__":
    print(Net()(torch.zeros(1, 3, 32, 32)).shape)
