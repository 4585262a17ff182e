import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

class NCF(nn.Module):
    def __init__(self, num_users, num_items, dim):
        super().__init__()
        self.user = nn.Embedding(num_users, dim)
        self.item = nn.Embedding(num_items, dim)
        self.user_bias = nn.Embedding(num_users, 1)
        self.mlp = nn.Sequential(nn.Linear(2 * dim, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, user, item):
        u, i = self.user(user), self.item(item)
        x = torch.cat([u, i], dim=-1)
        return self.mlp(x).squeeze(-1) + (u * i).sum(1) + self.user_bias(user).squeeze()

