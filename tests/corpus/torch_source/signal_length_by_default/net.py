# The length of a signal that a layer behind convolutions was made for: the call doesn't tell it, the default does.
import numpy as np
import torch
import torch.nn as nn


class MaxNormConv(nn.Conv2d):
    def __init__(self, *args, max_norm=1, **kwargs):
        self.max_norm = max_norm
        super(MaxNormConv, self).__init__(*args, **kwargs)

    def forward(self, x):
        self.weight.data = torch.renorm(self.weight.data, p=2, dim=0, maxnorm=self.max_norm)
        return super(MaxNormConv, self).forward(x)


class EEG(nn.Module):
    def __init__(self, n_classes=3, channels=5, samples=67, F1=2, D=2):
        super().__init__()
        self.blocks = nn.Sequential(
            nn.Conv2d(1, F1, (1, 7), padding=(0, 3), bias=False), nn.BatchNorm2d(F1),
            MaxNormConv(F1, F1 * D, (channels, 1), groups=F1, bias=False), nn.ELU(), nn.AvgPool2d((1, 4), stride=4), nn.Dropout(0.5))
        size = self.blocks(torch.rand(1, 1, channels, samples)).shape[2:]
        self.classifier = nn.Linear(F1 * D * size[1], n_classes)

    def forward(self, x):
        x = self.blocks(x)
        return self.classifier(x.view(x.size()[0], -1))


def train(X, y):
    net = EEG(n_classes=len(np.unique(y)), channels=X.shape[1], samples=X.shape[2])
    torch.save(net.state_dict(), "eeg.pt")
