import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import spectral_norm

class ResDBlock(nn.Module):
    def __init__(self, cin, cout, downsample=True):
        super().__init__()
        self.c1 = spectral_norm(nn.Conv2d(cin, cout, 3, 1, 1))
        self.c2 = spectral_norm(nn.Conv2d(cout, cout, 3, 1, 1))
        self.sc = spectral_norm(nn.Conv2d(cin, cout, 1)) if (cin != cout or downsample) else None
        self.down = downsample
    def forward(self, x):
        h = self.c1(F.relu(x))
        h = self.c2(F.relu(h))
        if self.down:
            h = F.avg_pool2d(h, 2)
        s = x
        if self.sc is not None:
            s = self.sc(s)
            if self.down:
                s = F.avg_pool2d(s, 2)
        return h + s

class ProjectionDiscriminator(nn.Module):
    def __init__(self, num_classes=5, ch=8):
        super().__init__()
        self.num_classes = num_classes
        self.blocks = nn.Sequential(ResDBlock(3, ch), ResDBlock(ch, ch * 2), ResDBlock(ch * 2, ch * 2, False))
        self.lin = spectral_norm(nn.Linear(ch * 2, 1))
        self.emb = spectral_norm(nn.Embedding(num_classes, ch * 2))
    def forward(self, img, y):
        h = F.relu(self.blocks(img)).sum(dim=(2, 3))
        out = self.lin(h)
        out = out + torch.sum(self.emb(y) * h, dim=1, keepdim=True)
        return out
