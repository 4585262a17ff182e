import torch, torch.nn as nn, torch.nn.functional as F
import librosa

class CausalConv1d(nn.Conv1d):
    def __init__(self, in_channels, out_channels, kernel_size, dilation=1, **kwargs):
        self.left_pad = (kernel_size - 1) * dilation
        super().__init__(in_channels, out_channels, kernel_size, dilation=dilation, **kwargs)
    def forward(self, x):
        x = F.pad(x, (self.left_pad, 0))
        return super().forward(x)

class WaveBlock(nn.Module):
    def __init__(self, channels, skip, dilation):
        super().__init__()
        self.filter = CausalConv1d(channels, channels, 2, dilation=dilation)
        self.gate = CausalConv1d(channels, channels, 2, dilation=dilation)
        self.res = nn.Conv1d(channels, channels, 1)
        self.skip = nn.Conv1d(channels, skip, 1)
    def forward(self, x):
        z = torch.tanh(self.filter(x)) * torch.sigmoid(self.gate(x))
        return (x + self.res(z)) * (0.5 ** 0.5), self.skip(z)

class MiniWaveNet(nn.Module):
    def __init__(self, n_mels=12, channels=8, skip=10, n_classes=5, stacks=2, layers=3):
        super().__init__()
        self.start = nn.Conv1d(n_mels, channels, 1)
        self.blocks = nn.ModuleList()
        for _ in range(stacks):
            for i in range(layers):
                self.blocks.append(WaveBlock(channels, skip, 2 ** i))
        self.glu = nn.Sequential(nn.Conv1d(skip, 2 * skip, 3, padding='same'), nn.GLU(dim=1))
        self.end = nn.Conv1d(skip, n_classes, 1)
    def forward(self, wav):
        h = self.start(wav)
        skips = 0
        for b in self.blocks:
            h, s = b(h)
            skips = skips + s
        y = self.glu(F.relu(skips))
        return self.end(y).mean(dim=-1)
