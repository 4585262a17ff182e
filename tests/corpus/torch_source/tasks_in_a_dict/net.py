from typing import Dict
import torch
import torch.nn as nn

TASKS = {"age": 1, "gender": 2, "race": 5}
ACT = nn.ModuleDict if False else None

class MultiTask(nn.Module):
    def __init__(self, in_dim: int, tasks: Dict[str, int] = TASKS, act: str = 'lrelu'):
        super().__init__()
        self.activations = nn.ModuleDict([
            ['lrelu', nn.LeakyReLU(0.2)],
            ['relu', nn.ReLU()],
            ['prelu', nn.PReLU()],
        ])
        self.trunk = nn.Sequential(nn.Linear(in_dim, 16), self.activations[act], nn.LayerNorm(16))
        self.heads = nn.ModuleDict({k: nn.Linear(16, v) for k, v in tasks.items()})
        self.tasks = list(tasks.keys())
    def forward(self, x):
        h = self.trunk(x)
        out = {}
        for name, head in self.heads.items():
            out[name] = head(h) if name == 'age' else torch.log_softmax(head(h), dim=1)
        return out
