import torch
from torch import nn
from copy import deepcopy

class Member(nn.Module):
    def __init__(self, n_in, n_hidden):
        super().__init__()
        self.body = nn.Sequential()
        sizes = [n_in] + n_hidden
        for i in range(len(sizes) - 1):
            self.body.append(nn.Linear(sizes[i], sizes[i + 1]))
            self.body.append(nn.Softsign())
        self.mu = nn.Linear(sizes[-1], 1)
        self.logvar = nn.Linear(sizes[-1], 1)
    def forward(self, x):
        h = self.body(x)
        return self.mu(h), self.logvar(h).clamp(-6, 4)

class DeepEnsemble(nn.Module):
    def __init__(self, n_members=3, n_in=6, n_hidden=[12, 12], x_mean=None, x_std=None):
        super().__init__()
        base = Member(n_in, n_hidden)
        self.members = nn.ModuleList([deepcopy(base) for _ in range(n_members)])
        self.register_buffer("x_mean", torch.zeros(n_in) if x_mean is None else x_mean)
        self.register_buffer("x_std", torch.ones(n_in) if x_std is None else x_std)
    def forward(self, x):
        x = (x - self.x_mean) / self.x_std
        outs = [m(x) for m in self.members]
        mus = torch.stack([o[0] for o in outs])
        vars_ = torch.stack([o[1].exp() for o in outs])
        mu = mus.mean(0)
        var = (vars_ + mus ** 2).mean(dim=0) - mu ** 2
        return {"mean": mu.squeeze(-1), "std": var.clamp_min(1e-8).sqrt().squeeze(-1), "lo": torch.quantile(mus, 0.25, dim=0).squeeze(-1)}
