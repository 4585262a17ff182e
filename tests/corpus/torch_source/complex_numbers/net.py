import torch
import torch.nn as nn


def frequencies(dim, end, theta=10000.0):
    freqs = 1.0 / (theta ** (torch.arange(0, dim, 2)[: (dim // 2)].float() / dim))
    freqs = torch.outer(torch.arange(end), freqs).float()
    return torch.polar(torch.ones_like(freqs), freqs)


class Spectral(nn.Module):
    def __init__(self, dim=8, steps=6):
        super().__init__()
        self.proj = nn.Linear(dim, dim)
        self.freqs = frequencies(dim, 32)
        self.out = nn.Linear(dim, 3)

    def forward(self, x):
        q = self.proj(x)
        turned = torch.view_as_complex(q.float().reshape(*q.shape[:-1], -1, 2)) * self.freqs[: x.size(1)]
        q = torch.view_as_real(turned).flatten(2)
        mixed = torch.fft.fft(torch.fft.fft(q, dim=-1), dim=-2).real
        spectrum = torch.fft.rfft(x, dim=1)
        corr = torch.fft.irfft(spectrum * torch.conj(torch.fft.rfft(q, dim=1)), n=x.size(1), dim=1)
        return self.out(mixed + corr + torch.abs(spectrum).mean(1, keepdim=True))
