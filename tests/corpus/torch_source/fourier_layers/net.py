import torch
import torch.nn as nn


class SpectralConv1d(nn.Module):
    def __init__(self, channels, modes):
        super().__init__()
        self.channels = channels
        self.modes = modes
        self.weights_re = nn.Parameter(torch.rand(channels, channels, modes) / channels)
        self.weights_im = nn.Parameter(torch.rand(channels, channels, modes) / channels)

    def forward(self, x):
        batch = x.shape[0]
        x_ft = torch.fft.rfft(x)
        out_ft = torch.zeros(batch, self.channels, x.size(-1) // 2 + 1, device=x.device, dtype=torch.cfloat)
        weights = torch.complex(self.weights_re, self.weights_im)
        out_ft[:, :, : self.modes] = torch.einsum("bix,iox->box", x_ft[:, :, : self.modes], weights)
        out_ft *= 0.5
        return torch.fft.irfft(out_ft, n=x.size(-1)), x_ft.abs().mean(-1)


class FNO(nn.Module):
    def __init__(self, width=6, modes=4):
        super().__init__()
        self.lift = nn.Linear(2, width)
        self.spectral = SpectralConv1d(width, modes)
        self.local = nn.Conv1d(width, width, 1)
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        x = self.lift(x).permute(0, 2, 1)
        mixed, energy = self.spectral(x)
        x = torch.relu(mixed + self.local(x)).permute(0, 2, 1)
        return self.head(x), energy
