import torch as t
import torch.nn as nn

class MyGRUCell(nn.Module):
    def __init__(self, n_in, n_h):
        nn.Module.__init__(self)
        self.n_h = n_h
        self.Wz = nn.Linear(n_in + n_h, n_h)
        self.Wr = nn.Linear(n_in + n_h, n_h)
        self.Wh = nn.Linear(n_in + n_h, n_h)

    def forward(self, x, h):
        xh = t.cat((x, h), -1)
        z, r = t.sigmoid(self.Wz(xh)), t.sigmoid(self.Wr(xh))
        n = t.tanh(self.Wh(t.cat((x, r * h), -1)))
        return (1. - z) * h + z * n

class SumNet(nn.Module):
    SEQ = 8
    def __init__(self, n_in=3, n_h=12):
        nn.Module.__init__(self)
        self.cell = MyGRUCell(n_in, n_h)
        self.register_buffer('h_init', t.zeros(1, n_h))
        self.head = nn.Sequential(nn.Linear(n_h, n_h), nn.Hardtanh(-2, 2), nn.Linear(n_h, 1))

    def forward(self, x):
        B, L, _ = x.shape
        assert L == self.SEQ
        h = self.h_init.repeat(B, 1)
        hs = []
        for step in range(L):
            h = self.cell(x[:, step], h)
            hs += [h]
        return self.head(t.stack(hs, 1)).squeeze(-1)
