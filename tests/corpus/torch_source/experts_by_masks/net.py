import torch
import torch.nn as nn
import torch.nn.functional as F


class Experts(nn.Module):
    def __init__(self, dim, count, k):
        super().__init__()
        self.gate = nn.Linear(dim, count, bias=False)
        self.experts = nn.ModuleList([nn.Sequential(nn.Linear(dim, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim)) for _ in range(count)])
        self.k = k

    def forward(self, x):
        weights, chosen = torch.topk(self.gate(x), self.k)
        weights = F.softmax(weights, dim=-1)
        out = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            row, place = torch.where(chosen == i)
            if row.numel() == 0:
                continue
            out[row] += weights[row, place, None] * expert(x[row])
        for i in range(2):
            mask = (chosen == i).any(dim=-1)
            if not mask.any():
                continue
            out[mask] = out[mask] * 2 + self.experts[i](x[mask])
        return out


class Net(nn.Module):
    def __init__(self, dim=6, count=4, k=2):
        super().__init__()
        self.moe = Experts(dim, count, k)
        self.head = nn.Linear(dim, 2)

    def forward(self, x):
        y = x + self.moe(x)
        if (y > 3).any():
            y = y.clamp(max=3)
        return self.head(y)
