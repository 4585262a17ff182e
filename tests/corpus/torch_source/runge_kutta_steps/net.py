import torch
import torch.nn as nn

STEPS = 8
T_END = 1.0

class ODEFunc(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim + 1, hidden), nn.Softplus(), nn.Linear(hidden, dim))
        self.nfe = 0

    def forward(self, t, y):
        self.nfe += 1
        tt = torch.ones_like(y[:, :1]) * t
        return self.net(torch.cat([tt, y], dim=1))

class NeuralODE(nn.Module):
    def __init__(self, func, method='rk4'):
        super().__init__()
        self.func = func
        self.method = method

    def step(self, t, y, h):
        if self.method == 'euler':
            return y + h * self.func(t, y)
        elif self.method == 'rk4':
            k1 = self.func(t, y)
            k2 = self.func(t + h / 2, y + h / 2 * k1)
            k3 = self.func(t + h / 2, y + h / 2 * k2)
            k4 = self.func(t + h, y + h * k3)
            return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        else:
            raise NotImplementedError(self.method)

    def forward(self, y0):
        h = T_END / STEPS
        t, y = 0.0, y0
        while t < T_END - 1e-6:
            y = self.step(t, y, h)
            t += h
        return y

class Classifier(nn.Module):
    def __init__(self, n_in, n_out, width=10, hidden=16):
        super().__init__()
        self.inp = nn.Linear(n_in, width)
        self.ode = NeuralODE(ODEFunc(width, hidden))
        self.out = nn.Linear(width, n_out)

    def forward(self, x):
        return self.out(self.ode(torch.tanh(self.inp(x)))).softmax(-1)
