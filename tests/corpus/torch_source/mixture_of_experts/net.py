import torch
import torch.nn as nn
import torch.nn.functional as F

class Expert(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Linear(h, d))
    def forward(self, x): return self.net(x)

class SoftMoE(nn.Module):
    """Mixture of experts, dense: every expert computes, top-k gates choose."""
    def __init__(self, d=12, h=16, n_experts=4, k=2, n_out=3):
        super().__init__()
        self.k, self.n_experts = k, n_experts
        self.gate = nn.Linear(d, n_experts, bias=False)
        self.experts = nn.ModuleList(Expert(d, h) for _ in range(n_experts))
        self.out = nn.Linear(d, n_out)
    def forward(self, x):
        logits = self.gate(x)
        top_v, top_i = logits.topk(self.k, dim=-1)
        sparse = torch.full_like(logits, float("-inf")).scatter(-1, top_i, top_v)
        gates = F.softmax(sparse, dim=-1)
        stacked = torch.stack([e(x) for e in self.experts], dim=1)
        y = torch.einsum('be,bed->bd', gates, stacked)
        return self.out(y), gates
