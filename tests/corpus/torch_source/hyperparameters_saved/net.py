import pytorch_lightning as pl
import torch
import torch.nn as nn
import torch.nn.functional as F


class Attributes(pl.LightningModule):
    def __init__(self, in_channels=3, base=32, emotions=7, lr=1e-3, **kwargs):
        super().__init__()
        self.save_hyperparameters()
        base = self.hparams.base
        self.encoder = nn.Sequential(
            nn.Conv2d(self.hparams.in_channels, base, 3, padding=1), nn.GroupNorm(2, base), nn.SiLU(), nn.MaxPool2d(2),
            nn.Conv2d(base, base * 2, 3), nn.SiLU(), nn.LPPool2d(2, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.heads = nn.ModuleDict({"emotion": nn.Linear(base * 2, emotions), "age": nn.Linear(base * 2, 1)})

    def forward(self, x):
        z = self.encoder(x)
        return {name: head(z) for name, head in self.heads.items()}

    def training_step(self, batch, batch_idx):
        x, y = batch
        out = self(x)
        loss = F.cross_entropy(out["emotion"], y["emotion"]) + F.l1_loss(out["age"].squeeze(1), y["age"])
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.hparams.lr)
