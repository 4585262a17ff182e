import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical, Independent, Normal, kl_divergence


class Vae(nn.Module):
    def __init__(self, n_in=6, n_hidden=8, n_latent=3):
        super().__init__()
        self.enc = nn.Linear(n_in, n_hidden)
        self.stats = nn.Linear(n_hidden, 2 * n_latent)
        self.dec = nn.Sequential(nn.Linear(n_latent, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_in))
        self.policy = nn.Linear(n_latent, 4)
        self.smooth = nn.SmoothL1Loss()

    def forward(self, x):
        mu, log_std = self.stats(torch.tanh(self.enc(x))).chunk(2, dim=-1)
        posterior = Normal(mu, log_std.exp())
        kl = kl_divergence(posterior, Normal(torch.zeros_like(mu), torch.ones_like(mu))).sum(-1)
        z = posterior.rsample() if self.training else posterior.mean
        recon = self.dec(z)
        choice = Categorical(logits=self.policy(z))
        return {
            "recon": recon,
            "kl": kl,
            "mse": F.mse_loss(recon, x, reduction="none").mean(-1),
            "smooth": self.smooth(recon, x),
            "log_prob": Independent(posterior, 1).log_prob(z + 0.1),
            "entropy": choice.entropy() + choice.log_prob(choice.probs.argmax(-1)),
        }
