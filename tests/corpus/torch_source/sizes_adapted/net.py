import torch
import torch.nn as nn
import torchvision.transforms.functional as TF

DATASET = "slices"
if DATASET == "photos":
    channels = 3
elif DATASET == "slices":
    channels = 2
else:
    channels = 1


class Up(nn.Module):
    def __init__(self, order="cbr"):
        super().__init__()
        layers = []
        for i, letter in enumerate(order):
            if letter == "c":
                layers.append(nn.Conv2d(8, 4, 3, padding=1, bias="b" not in order))
            elif letter == "b":
                layers.append(nn.BatchNorm2d(4 if i > order.index("c") else 8))
            else:
                layers.append(nn.ReLU(inplace=True))
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.conv = nn.Sequential(*layers)

    def forward(self, x, skip):
        x = self.up(x)
        if x.shape != skip.shape:
            x = TF.resize(x, size=skip.shape[2:])
        return self.conv(torch.cat((skip, x), dim=1))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(channels, 4, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.bottom = nn.Conv2d(4, 8, 3, padding=1)
        self.up = Up()
        self.out = nn.Conv2d(4, 1, 1)

    def forward(self, x):
        skip = torch.relu(self.down(x))
        return self.out(self.up(torch.relu(self.bottom(self.pool(skip))), skip))
