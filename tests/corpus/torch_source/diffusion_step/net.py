import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor
from typing import List

class FiLM(nn.Module):
    def __init__(self, cond: int, ch: int):
        super().__init__()
        self.to_scale_shift = nn.Linear(cond, ch * 2)
    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        gamma, beta = self.to_scale_shift(c).chunk(2, dim=-1)
        return torch.addcmul(beta[..., None, None], x, 1 + gamma[..., None, None])

class TimeEmbedding(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim
        self.mlp = nn.Sequential(nn.Linear(dim, dim * 4), nn.SiLU(), nn.Linear(dim * 4, dim))
    def forward(self, t: Tensor) -> Tensor:
        half = self.dim // 2
        import math
        freqs = torch.exp(-math.log(10_000) * torch.arange(half, dtype=torch.float32, device=t.device) / half)
        args = t[:, None].float() * freqs[None]
        return self.mlp(torch.cat([torch.cos(args), torch.sin(args)], dim=-1))

class DiffusionUNet(nn.Module):
    def __init__(self, channels: List[int] = [8, 16], t_dim: int = 12, groups: int = 4):
        super().__init__()
        self.time = TimeEmbedding(t_dim)
        self.inp = nn.Conv2d(1, channels[0], 3, padding=1)
        self.downs = nn.ModuleList([])
        for a, b in zip(channels, channels[1:] + channels[-1:]):
            self.downs.append(nn.ModuleList([nn.GroupNorm(groups, a), nn.Conv2d(a, b, 3, 2, 1), FiLM(t_dim, b)]))
        self.ups = nn.ModuleList([])
        for a, b in zip(channels[::-1], [channels[-1]] + channels[:1]):
            self.ups.append(nn.ModuleList([nn.ConvTranspose2d(channels[-1], b, 4, 2, 1), FiLM(t_dim, b)]))
        self.out = nn.Conv2d(channels[0], 1, 1)
    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        temb = self.time(t)
        x = self.inp(x)
        skips = []
        for norm, conv, film in self.downs:
            skips.append(x)
            x = F.silu(film(conv(norm(x)), temb))
        for (up, film), skip in zip(self.ups, reversed(skips)):
            x = film(up(x), temb) + skip
        return self.out(x)
