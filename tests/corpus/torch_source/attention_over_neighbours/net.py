import torch
import torch.nn as nn
import torch.nn.functional as F


class Layer(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.W = nn.Parameter(torch.empty(n_in, n_out))
        self.a = nn.Parameter(torch.empty(2 * n_out, 1))
        nn.init.xavier_uniform_(self.W)
        nn.init.xavier_uniform_(self.a)
        self.n_out = n_out

    def forward(self, h, adj):
        h = torch.matmul(h, self.W)
        n = h.size(0)
        pairs = torch.cat([h.repeat_interleave(n, dim=0), h.repeat(n, 1)], dim=1).view(n, n, 2 * self.n_out)
        e = F.leaky_relu(torch.matmul(pairs, self.a).squeeze(2), 0.2)
        attention = F.softmax(torch.where(adj > 0, e, -9e15 * torch.ones_like(e)), dim=1)
        return torch.matmul(attention, h)


class Gat(nn.Module):
    def __init__(self, n_in=5, hidden=4, classes=3, heads=2):
        super().__init__()
        self.heads = nn.ModuleList([Layer(n_in, hidden) for _ in range(heads)])
        self.out = Layer(hidden * heads, classes)

    def forward(self, x, adj):
        x = torch.cat([F.elu(head(x, adj)) for head in self.heads], dim=1)
        return F.log_softmax(self.out(x, adj), dim=1)
