import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

class UNet(nn.Module):
    def __init__(self, channels=(1, 4, 8), classes=2):
        super().__init__()
        self.enc = nn.ModuleList([self.block(channels[i], channels[i + 1]) for i in range(len(channels) - 1)])
        self.pool = nn.MaxPool2d(2)
        self.bottleneck = self.block(channels[-1], channels[-1] * 2)
        self.ups = nn.ModuleDict()
        for k, c in enumerate(reversed(channels[1:])):
            self.ups[f"up{k}"] = nn.ConvTranspose2d(c * 2, c, 2, stride=2)
            self.ups["conv{}".format(k)] = self.block(c * 2, c)
        self.head = nn.Conv2d(channels[1], classes, 1)

    @staticmethod
    def block(a, b):
        return nn.Sequential(nn.Conv2d(a, b, 3, padding='same'), nn.GroupNorm(2, b), nn.ELU())

    def forward(self, x):
        skips = []
        for e in self.enc:
            x = e(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottleneck(x)
        for k, skip in enumerate(skips[::-1]):
            x = self.ups[f"up{k}"](x)
            x = self.ups["conv%d" % k](torch.cat((skip, x), dim=1))
        return {"logits": self.head(x), "mask": torch.sigmoid(self.head(x))[:, 0]}

