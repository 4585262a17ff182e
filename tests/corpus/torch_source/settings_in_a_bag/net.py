#!/usr/bin/env python
# coding: utf-8
import sys, os, json
import torch, torch.nn as nn
from easydict import EasyDict as edict
sys.path.append('..')
from utils.metrics import AverageMeter

cfg = edict()
cfg.model = edict()
cfg.model.width = 6
cfg.model.layers = [2, 1]
cfg.model.n_class = 4
cfg.lr = 1e-3

class Basic1d(nn.Module):
    def __init__(self, cin, cout, stride=1, drop=0.1):
        super().__init__()
        self.conv1 = nn.Conv1d(cin, cout, 7, stride=stride, padding=3, bias=False)
        self.bn1 = nn.BatchNorm1d(cout)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(drop)
        self.conv2 = nn.Conv1d(cout, cout, 7, padding=3, bias=False)
        self.bn2 = nn.BatchNorm1d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(nn.Conv1d(cin, cout, 1, stride, bias=False), nn.BatchNorm1d(cout))
    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(self.dropout(out)))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)

class ResNet1d(nn.Module):
    def __init__(self, opt):
        super(ResNet1d, self).__init__()
        self.inplanes = opt.model.width
        self.conv1 = nn.Conv1d(2, self.inplanes, 15, 2, 7, bias=False)
        self.maxpool = nn.MaxPool1d(kernel_size=3, stride=2, padding=1)
        for i, n in enumerate(opt.model.layers, 1):
            setattr(self, f'layer{i}', self._make(opt.model.width * 2 ** (i - 1), n, 1 if i == 1 else 2))
        self.n_layers = len(opt.model.layers)
        self.avgpool = nn.AdaptiveAvgPool1d(1)
        self.maxp = nn.AdaptiveMaxPool1d(1)
        self.fc = nn.Linear(self.inplanes * 2, opt.model.n_class)
    def _make(self, planes, n, stride):
        layers = []
        for k in range(n):
            layers.append(Basic1d(self.inplanes, planes, stride if k == 0 else 1))
            self.inplanes = planes
        return nn.Sequential(*layers)
    def forward(self, x):
        x = self.maxpool(torch.relu(self.conv1(x)))
        for i in range(1, self.n_layers + 1):
            x = getattr(self, 'layer%d' % i)(x)
        x = torch.cat((self.avgpool(x), self.maxp(x)), dim=1)
        return self.fc(x.view(x.size(0), -1))

if __name__ == '__main__':
    net = ResNet1d(cfg)
    torch.save({'state_dict': net.state_dict(), 'cfg': dict(cfg)}, 'ck.pth')
