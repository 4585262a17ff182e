import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

class Cross(nn.Module):
    def __init__(self, d=8, heads=2):
        super().__init__()
        self.attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.decoder = nn.TransformerDecoderLayer(d, heads, 10, batch_first=True)
        self.drop = nn.Dropout()

    def forward(self, x, memory):
        a, w = self.attn(x, memory, memory)
        return self.decoder(x + self.drop(a), memory), w

