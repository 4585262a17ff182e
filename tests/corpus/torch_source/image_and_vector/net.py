import torch
import torch.nn as nn
from typing import Dict

class MultiInputExtractor(nn.Module):
    def __init__(self, obs_shapes: Dict[str, tuple], feat: int = 16):
        super().__init__()
        ext = {}
        total = 0
        for key, shape in obs_shapes.items():
            if key == "image":
                ext[key] = nn.Sequential(nn.Conv2d(shape[0], 4, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
                total += 4 * 4
            else:
                ext[key] = nn.Linear(shape[0], feat)
                total += feat
        self.ext = nn.ModuleDict(ext)
        self.out = total
    def forward(self, obs):
        return torch.cat([m(obs[k]) for k, m in self.ext.items()], dim=1)

OBS = {"image": (3, 20, 20), "vec": (5,)}

class Policy(nn.Module):
    def __init__(self, n_act=4):
        super().__init__()
        self.fe = MultiInputExtractor(OBS)
        self.pi = nn.Sequential(nn.Linear(self.fe.out, 32), nn.Tanh(), nn.Linear(32, n_act))
        self.v = nn.Sequential(nn.Linear(self.fe.out, 32), nn.Tanh(), nn.Linear(32, 1))
    def forward(self, image: torch.Tensor, vec: torch.Tensor):
        f = self.fe({"image": image, "vec": vec})
        return {"logits": self.pi(f), "value": self.v(f)}
