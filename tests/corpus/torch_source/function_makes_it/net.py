import torch
from torch import nn


def block(n_in, n_out, drop):
    return [nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.ReLU(), nn.Dropout(drop)]


def make_net(n_features, n_classes, width=16, depth=2, drop=0.1):
    layers = block(n_features, width, drop)
    for _ in range(depth - 1):
        layers += block(width, width, drop)
    return nn.Sequential(*layers, nn.Linear(width, n_classes))


if __name__ == "__main__":
    net = make_net(10, 2)
    print(net)
