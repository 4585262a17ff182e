import math
import torch, torchaudio
import torch.nn as nn
import torch.nn.functional as F
from typing import Optional, Tuple

class AttentiveStatPool(nn.Module):
    def __init__(self, c: int, bottleneck: int = 8):
        super().__init__()
        self.tdnn = nn.Conv1d(c, bottleneck, 1)
        self.proj = nn.Conv1d(bottleneck, c, 1)
    def forward(self, x):
        a = torch.softmax(self.proj(torch.tanh(self.tdnn(x))), dim=2)
        mean = torch.sum(a * x, dim=2)
        var = torch.sum(a * x ** 2, dim=2) - mean ** 2
        return torch.cat([mean, var.clamp(min=1e-9).sqrt()], dim=1)

class Res2Block(nn.Module):
    def __init__(self, c, scale=4, k=3, d=1):
        super().__init__()
        assert c % scale == 0
        self.scale, self.w = scale, c // scale
        self.convs = nn.ModuleList([nn.Conv1d(self.w, self.w, k, padding=d * (k - 1) // 2, dilation=d) for _ in range(scale - 1)])
    def forward(self, x):
        xs = torch.split(x, self.w, dim=1)
        out = []
        for i, xi in enumerate(xs):
            if i == 0:
                out.append(xi)
                continue
            y = self.convs[i - 1](xi if i == 1 else xi + y)
            out.append(F.relu(y))
        return torch.cat(out, 1)

class SpeakerNet(nn.Module):
    def __init__(self, n_mels: int = 20, c: int = 16, emb: int = 12, dropout: Optional[float] = None) -> None:
        super().__init__()
        self.inorm = nn.InstanceNorm1d(n_mels)
        self.inp = nn.Conv1d(n_mels, c, 5, padding=2)
        self.layers = nn.Sequential(*[Res2Block(c, d=d) for d in (1, 2, 3)])
        self.pool = AttentiveStatPool(c)
        self.bn = nn.BatchNorm1d(2 * c)
        self.fc = nn.Linear(2 * c, emb)
        self.drop = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, feats: torch.Tensor) -> torch.Tensor:
        x = (feats + 1e-6).log()
        x = self.inorm(x)
        x = F.relu(self.inp(x))
        x = x + self.layers(x)
        x = self.fc(self.drop(self.bn(self.pool(x))))
        return F.normalize(x, p=2, dim=-1)
