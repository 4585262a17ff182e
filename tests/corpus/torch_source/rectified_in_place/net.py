# A residual block that begins with an activation in place: the sum sees its result.
import torch
from torch import nn
import torch.nn.functional as F


class Residual(nn.Module):
    def __init__(self, channels, hidden):
        super().__init__()
        self.block = nn.Sequential(nn.ReLU(True), nn.Conv2d(channels, hidden, 3, padding=1), nn.ReLU(True), nn.Conv2d(hidden, channels, 1))

    def forward(self, x):
        return x + self.block(x)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 4, stride=2, padding=1)
        self.layers = nn.ModuleList()
        for _ in range(2):
            self.layers += [Residual(4, 6)]

    def forward(self, x):
        x = self.conv(x)
        for layer in self.layers:
            x = layer(x)
        y = F.leaky_relu(x, 0.2, inplace=True)
        return y, x
