# Of a spectrogram that pooling leaves one row of: which height that needs is looked for.
import torch
from torch import nn

N_MELS = 24


class CRNN(nn.Module):
    def __init__(self, n_class=4):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(1 if i == 0 else 5, 5, 3, padding=1) for i in range(3)])
        self.pools = nn.ModuleList([nn.MaxPool2d(p) for p in [(2, 2), (3, 2), (4, 1)]])
        self.gru = nn.GRU(5, 6, batch_first=True)
        self.out = nn.Linear(6, n_class)

    def forward(self, x):
        for conv, pool in zip(self.convs, self.pools):
            x = pool(torch.relu(conv(x)))
        x = x.squeeze(2).permute(0, 2, 1)
        x, _ = self.gru(x)
        return self.out(x[:, -1])
