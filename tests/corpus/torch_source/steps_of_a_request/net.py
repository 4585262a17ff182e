import math
import random
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class ModelArgs:
    d_model: int
    vocab_size: int
    d_state: int = 4
    pad_to: int = 8

    def __post_init__(self):
        self.d_inner = 2 * self.d_model
        self.dt_rank = math.ceil(self.d_model / 4)
        if self.vocab_size % self.pad_to != 0:
            self.vocab_size += self.pad_to - self.vocab_size % self.pad_to


class Scan(nn.Module):
    def __init__(self, args: ModelArgs):
        super().__init__()
        self.args = args
        self.embedding = nn.Embedding(args.vocab_size, args.d_model)
        self.in_proj = nn.Linear(args.d_model, args.d_inner)
        self.rates = nn.Linear(args.d_inner, args.dt_rank)
        self.dt = nn.Linear(args.dt_rank, args.d_inner)
        self.a = nn.Parameter(torch.randn(args.d_inner, args.d_state))
        self.out = nn.Linear(args.d_inner, args.vocab_size)

    def forward(self, ids, teacher_forcing_ratio=0.5):
        if not self.training:
            teacher_forcing_ratio = 0.0
        u = self.in_proj(self.embedding(ids))
        b, l, d = u.shape
        decay = torch.exp(-F.softplus(self.dt(self.rates(u))).unsqueeze(-1) * self.a.exp())
        x = torch.zeros(b, d, self.args.d_state, device=u.device)
        outputs = torch.zeros(l, b, d)
        for t in range(l):
            x = decay[:, t] * x + u[:, t].unsqueeze(-1)
            forced = random.random() < teacher_forcing_ratio
            outputs[t] = u[:, t] if forced else x.sum(-1)
        doubled = torch.stack([outputs[t] * 2 for t in range(l)], dim=1)
        return self.out(doubled)
