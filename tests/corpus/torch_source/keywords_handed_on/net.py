import torch.nn as nn
from config import load_config


class Net(nn.Module):
    def __init__(self, widths, n_classes=1000, act=nn.ReLU, first=3):
        super().__init__()
        layers = []
        for width in widths:
            layers += [nn.Linear(first, width), act()]
            first = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(first, n_classes)

    def forward(self, x):
        return self.head(self.body(x))


def small(**kwargs):
    return Net([4, 5], act=nn.Tanh, **kwargs)


def large(**kwargs):
    return Net([8, 8, 8], **kwargs)


MODELS = {"small": small, "large": large}


def build(cfg):
    return MODELS[cfg.name](n_classes=cfg.n_classes, first=cfg.inputs)


if __name__ == "__main__":
    model = build(load_config())
