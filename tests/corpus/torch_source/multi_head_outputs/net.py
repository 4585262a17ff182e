import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

class AgeGender(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 2, 1), nn.Hardswish(), nn.AvgPool2d(2))
        self.age = nn.Linear(width * 16, 1)
        self.gender = nn.Linear(width * 16, 2)
        self.temperature = nn.Parameter(torch.ones([]) * 2)

    def forward(self, x):
        h = torch.flatten(self.stem(x), 1)
        return {"age": self.age(h).clamp(min=0), "gender": (self.gender(h) / self.temperature).softmax(-1)}

