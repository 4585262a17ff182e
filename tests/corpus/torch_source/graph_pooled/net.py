import torch
import torch.nn as nn
import torch.nn.functional as F


class Sage(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.rel = nn.Linear(n_in, n_out, bias=False)
        self.root = nn.Linear(n_in, n_out)

    def forward(self, x, adj):
        near = torch.matmul(adj, x) / adj.sum(dim=-1, keepdim=True).clamp(min=1)
        return F.relu(F.normalize(self.rel(near) + self.root(x), dim=-1))


class Pool(nn.Module):
    def __init__(self, feat=4, hidden=6, clusters=3, classes=2):
        super().__init__()
        self.embed = Sage(feat, hidden)
        self.assign = Sage(feat, clusters)
        self.last = Sage(hidden, hidden)
        self.out = nn.Linear(hidden, classes)

    def forward(self, x, adj):
        s = torch.softmax(self.assign(x, adj), dim=-1)
        z = s.transpose(1, 2) @ self.embed(x, adj)
        adj = torch.einsum("bni,bnm,bmj->bij", s, adj, s)
        return self.out(self.last(z, adj).mean(dim=1))
