import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

class DuelingDQN(nn.Module):
    def __init__(self, input_shape, num_actions):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(input_shape[0], 4, kernel_size=8, stride=4), nn.ReLU(), nn.Conv2d(4, 6, kernel_size=4, stride=2), nn.ReLU())
        conv_out_size = self._get_conv_out(input_shape)
        self.advantage = nn.Sequential(nn.Linear(conv_out_size, 8), nn.ReLU(), nn.Linear(8, num_actions))
        self.value = nn.Sequential(nn.Linear(conv_out_size, 8), nn.ReLU(), nn.Linear(8, 1))

    def _get_conv_out(self, shape):
        o = self.conv(torch.zeros(1, *shape))
        return int(np.prod(o.size()))

    def forward(self, x):
        conv_out = self.conv(x).view(x.size()[0], -1)
        advantage, value = self.advantage(conv_out), self.value(conv_out)
        return value + advantage - advantage.mean(1, keepdim=True)

model = DuelingDQN((4, 36, 36), 3)
