import torch
from torch import nn


def bands(count):
    made = [lambda x: x]
    for k in range(count):
        for wave in (torch.sin, torch.cos):
            made.append(lambda x, wave=wave, k=k: wave(2.0 ** k * x))

    def offset(x, by=count):
        return x - by

    made.append(offset)
    return made


class Field(nn.Module):
    def __init__(self, width=12, count=3):
        super().__init__()
        self.bands = bands(count)
        self.net = nn.Sequential(nn.Linear(2 * len(self.bands), width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, points):
        return self.net(torch.cat([f(points) for f in self.bands], dim=-1)).squeeze(-1)
