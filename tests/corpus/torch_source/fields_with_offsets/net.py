import numpy as np
import torch


class Features(torch.nn.Module):
    def __init__(self, field_dims, dim):
        super().__init__()
        self.embedding = torch.nn.Embedding(sum(field_dims), dim)
        self.offsets = np.array((0, *np.cumsum(field_dims)[:-1]), dtype=np.int64)

    def forward(self, x):
        x = x + x.new_tensor(self.offsets).unsqueeze(0)
        return self.embedding(x)


class FactorizationMachine(torch.nn.Module):
    def __init__(self, field_dims, embed_dim, mlp_dims):
        super().__init__()
        self.embedding = Features(field_dims, embed_dim)
        self.linear = Features(field_dims, 1)
        self.width = len(field_dims) * embed_dim
        layers, n = [], self.width
        for m in mlp_dims:
            layers += [torch.nn.Linear(n, m), torch.nn.BatchNorm1d(m), torch.nn.ReLU(), torch.nn.Dropout(0.2)]
            n = m
        self.mlp = torch.nn.Sequential(*layers, torch.nn.Linear(n, 1))

    def forward(self, x):
        e = self.embedding(x)
        pairs = 0.5 * (e.sum(dim=1) ** 2 - (e ** 2).sum(dim=1)).sum(dim=1, keepdim=True)
        y = self.linear(x).sum(dim=1) + pairs + self.mlp(e.view(-1, self.width))
        return torch.sigmoid(y.squeeze(1))


field_dims = [5, 7, 3]
model = FactorizationMachine(field_dims, embed_dim=4, mlp_dims=(6, 4))
