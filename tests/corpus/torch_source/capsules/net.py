import torch
import torch.nn as nn
import torch.nn.functional as F


def squash(x):
    norm = (x ** 2).sum(-1, keepdim=True)
    return norm * x / ((1. + norm) * torch.sqrt(norm))


class Capsules(nn.Module):
    def __init__(self, capsules=3, routes=8, n_in=2, n_out=4):
        super().__init__()
        self.routes, self.capsules = routes, capsules
        self.conv = nn.Conv2d(1, n_in * 2, 3, stride=2)
        self.W = nn.Parameter(torch.randn(1, routes, capsules, n_out, n_in))
        for name, p in self.named_parameters():
            if p.data.ndimension() > 1:
                nn.init.xavier_uniform_(p.data)

    def forward(self, x):
        batch_size = x.size(0)
        u = squash(self.conv(x).view(batch_size, self.routes, -1))
        u = torch.stack([u] * self.capsules, dim=2).unsqueeze(4)
        u_hat = torch.matmul(torch.cat([self.W] * batch_size, dim=0), u)
        b = torch.zeros(batch_size, self.routes, self.capsules, 1)
        for i in range(2):
            c = F.softmax(b, dim=1).unsqueeze(4)
            v = squash((c * u_hat).sum(dim=1, keepdim=True).squeeze(-1)).unsqueeze(-1)
            if i == 0:
                b = b + torch.matmul(u_hat.transpose(3, 4), torch.cat([v] * self.routes, dim=1)).squeeze(4)
        return torch.sqrt((v ** 2).sum(3)).squeeze(-1).squeeze(1)
