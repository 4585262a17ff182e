from dataclasses import dataclass
from typing import Optional, Tuple
import torch
from torch import nn
from torch.nn import CrossEntropyLoss

@dataclass
class TokenClassifierOutput:
    loss: Optional[torch.Tensor] = None
    logits: torch.Tensor = None
    probs: Optional[torch.Tensor] = None

@dataclass
class NerConfig:
    vocab_size: int = 100
    hidden_size: int = 32
    num_labels: int = 9
    kernel_sizes: Tuple[int, ...] = (3, 5)
    dropout: float = 0.1
    use_highway: bool = True

class Highway(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.proj = nn.Linear(size, size)
        self.gate = nn.Linear(size, size)
        nn.init.constant_(self.gate.bias, -2.0)
    def forward(self, x):
        g = self.gate(x).sigmoid()
        return g * self.proj(x).relu() + (1 - g) * x

class NerTagger(nn.Module):
    config_class = NerConfig
    def __init__(self, config: NerConfig):
        super().__init__()
        self.config = config
        self.emb = nn.Embedding(config.vocab_size, config.hidden_size)
        self.convs = nn.ModuleList([nn.Conv1d(config.hidden_size, config.hidden_size // 2, k, padding=k // 2) for k in config.kernel_sizes])
        width = config.hidden_size // 2 * len(config.kernel_sizes)
        self.highway = Highway(width) if config.use_highway else nn.Identity()
        self.drop = nn.Dropout(config.dropout)
        self.out = nn.Linear(width, config.num_labels)
    def forward(self, input_ids, labels=None, return_dict: bool = True):
        x = self.emb(input_ids).transpose(1, 2)
        x = torch.cat([torch.relu(c(x)) for c in self.convs], dim=1).transpose(1, 2)
        logits = self.out(self.drop(self.highway(x)))
        loss = None
        if labels is not None:
            loss_fct = CrossEntropyLoss()
            loss = loss_fct(logits.view(-1, self.config.num_labels), labels.view(-1))
        if not return_dict:
            return (loss, logits) if loss is not None else logits
        return TokenClassifierOutput(loss=loss, logits=logits, probs=logits.softmax(-1)).__dict__
