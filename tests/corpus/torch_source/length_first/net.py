import torch
import torch.nn as nn


class Tagger(nn.Module):
    """Sequences as [length, batch, features], as nn.LSTM takes them by default."""

    def __init__(self, n_in=3, hidden=6, n_tags=4):
        super().__init__()
        self.hidden = hidden
        self.lstm = nn.LSTM(n_in, hidden)
        self.out = nn.Linear(hidden, n_tags)

    def forward(self, steps):
        batch = steps.size(1)
        h0 = torch.zeros(1, batch, self.hidden, dtype=steps.dtype)
        c0 = torch.zeros(1, batch, self.hidden, dtype=steps.dtype)
        seen, _ = self.lstm(steps, (h0, c0))
        return self.out(seen)
