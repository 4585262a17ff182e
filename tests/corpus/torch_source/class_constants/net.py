import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def times(backcast, forecast):
    t = np.linspace(-backcast, forecast, backcast + forecast)
    return t[:backcast] / backcast, t[backcast:] / forecast


class Trend(nn.Module):
    def __init__(self, units, thetas, backcast, forecast):
        super().__init__()
        self.fc = nn.Linear(backcast, units)
        self.theta_b = self.theta_f = nn.Linear(units, thetas, bias=False)
        self.past, self.future = times(backcast, forecast)

    def polynomial(self, theta, t):
        p = theta.shape[-1]
        return theta.mm(torch.tensor(np.array([t ** i for i in range(p)])).float())

    def forward(self, x):
        x = F.relu(self.fc(x))
        return self.polynomial(self.theta_b(x), self.past), self.polynomial(self.theta_f(x), self.future)


class Generic(Trend):
    def __init__(self, units, thetas, backcast, forecast):
        super().__init__(units, thetas, backcast, forecast)
        self.out_b = nn.Linear(thetas, backcast)
        self.out_f = nn.Linear(thetas, forecast)

    def forward(self, x):
        x = F.relu(self.fc(x))
        return self.out_b(self.theta_b(x)), self.out_f(self.theta_f(x))


class NBeats(nn.Module):
    TREND = 'trend'
    GENERIC = 'generic'

    def __init__(self, stacks=(TREND, GENERIC), blocks=2, forecast=3, backcast=8, units=6, thetas=3):
        super().__init__()
        self.forecast = forecast
        self.parameters = []
        self.stacks = nn.ModuleList([nn.ModuleList([(Trend if s == NBeats.TREND else Generic)(units, thetas, backcast, forecast)
                                                    for _ in range(blocks)]) for s in stacks])
        del self.parameters

    def forward(self, backcast):
        forecast = torch.zeros(size=(backcast.size()[0], self.forecast))
        for stack in range(len(self.stacks)):
            for block in range(len(self.stacks[stack])):
                b, f = self.stacks[stack][block](backcast)
                backcast = backcast - b
                forecast = forecast + f
        return backcast, forecast
