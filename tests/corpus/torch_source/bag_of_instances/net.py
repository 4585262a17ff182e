# Multiple instance learning: one bag at a time, [1, instances, features].
import torch
import torch.nn as nn


class Attention(nn.Module):
    def __init__(self):
        super(Attention, self).__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 3, kernel_size=3), nn.ReLU(), nn.MaxPool2d(2, stride=2))
        self.embed = nn.Sequential(nn.Linear(3 * 3 * 3, 5), nn.ReLU())
        self.attention = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1))
        self.classifier = nn.Sequential(nn.Linear(5, 1), nn.Sigmoid())

    def forward(self, x):
        x = x.squeeze(0)
        H = self.features(x)
        H = H.view(-1, 3 * 3 * 3)
        H = self.embed(H)
        A = torch.softmax(self.attention(H).transpose(1, 0), dim=1)
        M = torch.mm(A, H)
        return self.classifier(M), A
