# -*- coding: utf-8 -*-
"""Модель для классификации временных рядов."""
import abc
import logging
from abc import abstractmethod
from typing import Dict, List, Optional, Union

import torch
import torch.nn as nn

logger = logging.getLogger(__name__)
MODELS = {}


def register(name):
    def deco(cls):
        MODELS[name] = cls
        return cls
    return deco


class BaseModel(nn.Module):
    """Базовый класс."""

    def __init__(self, n_features: int, n_classes: int, **kwargs):
        super().__init__()
        self.n_features = n_features
        self.n_classes = n_classes
        self._build(**kwargs)

    @abstractmethod
    def _build(self, **kwargs):
        raise NotImplementedError

    @property
    def device(self):
        return next(self.parameters()).device

    def __str__(self):
        n = sum([p.numel() for p in self.parameters() if p.requires_grad])
        return super().__str__() + '\nTrainable parameters: {}'.format(n)


class NormMixin:
    def _norm(self, x: torch.Tensor) -> torch.Tensor:
        mu = x.mean(dim=1, keepdim=True)
        sd = x.std(dim=1, keepdim=True, unbiased=False)
        return (x - mu) / (sd + 1e-5)


@register("conv_gru")
class ConvGRU(NormMixin, BaseModel):
    def _build(self, hidden: int = 12, kernel: int = 3, bidirectional: bool = True):
        self.conv = nn.Conv1d(self.n_features, hidden, kernel, padding=kernel // 2)
        self.rnn = nn.GRU(hidden, hidden, num_layers=2, batch_first=True, bidirectional=bidirectional, dropout=0.3)
        self.attn = nn.Linear(hidden * (2 if bidirectional else 1), 1)
        self.head = nn.Linear(hidden * (2 if bidirectional else 1), self.n_classes)

    def forward(self, x: torch.Tensor) -> Dict[str, torch.Tensor]:
        logger.debug("in %s", x.shape)
        x = self._norm(x)
        h = self.conv(x.transpose(1, 2)).relu().transpose(1, 2)
        h, _ = self.rnn(h)
        w = torch.softmax(self.attn(h), dim=1)
        ctx = (w * h).sum(dim=1)
        return dict(logits=self.head(ctx), weights=w.squeeze(-1))
