from typing import Optional

import torch
import torch.nn as nn
import torch.nn.functional as F


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x, mask: Optional[torch.Tensor] = None):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) * (d // self.heads) ** -0.5
        if mask is not None:
            scores = scores.masked_fill(mask[:, None, None, :] == 0, float("-inf"))
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d))


class Intent(nn.Module):
    def __init__(self, vocab=40, dim=8, heads=2, labels=3):
        super().__init__()
        self.words = nn.Embedding(vocab, dim)
        self.types = nn.Embedding(2, dim)
        self.attention = Attention(dim, heads)
        self.head = nn.Linear(dim, labels)

    def forward(self, input_ids, attention_mask=None, token_type_ids=None, labels=None):
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(input_ids)
        x = self.words(input_ids) + self.types(token_type_ids)
        x = x + self.attention(x, attention_mask)
        logits = self.head(x[:, 0])
        if labels is not None:
            return F.cross_entropy(logits, labels), logits
        return {"logits": logits}
