import torch
from torch import nn
from torch.nn import functional as F

class SE(nn.Module):
    def __init__(self, ch, r=4):
        super().__init__()
        self.fc1 = nn.Conv2d(ch, ch // r, 1)
        self.fc2 = nn.Conv2d(ch // r, ch, 1)
    def forward(self, x):
        s = F.adaptive_avg_pool2d(x, 1)
        return x * torch.sigmoid(self.fc2(F.silu(self.fc1(s))))

class Block(nn.Module):
    def __init__(self, cin, cout, stride, groups):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(cin, cout, 1, bias=False), nn.GroupNorm(2, cout), nn.SiLU(),
            nn.Conv2d(cout, cout, 3, stride, 1, groups=groups, bias=False), nn.GroupNorm(2, cout), nn.SiLU(),
            nn.Conv2d(cout, cout, 1, bias=False), nn.GroupNorm(2, cout), SE(cout))
        self.skip = nn.Identity() if stride == 1 and cin == cout else nn.Conv2d(cin, cout, 1, stride)
    def forward(self, x):
        return F.silu(self.skip(x) + self.body(x))

class Net(nn.Module):
    def __init__(self, width, depth, num_classes):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 1, 1)
        stages = []
        cin = width
        for i in range(3):
            blocks = []
            for j in range(depth):
                blocks.append(Block(cin, width * 2 ** i, 2 if (i > 0 and j == 0) else 1, groups=4))
                cin = width * 2 ** i
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(cin, num_classes)
    def forward(self, x):
        x = self.stages(self.stem(x))
        return self.head(x.mean((-2, -1)))
