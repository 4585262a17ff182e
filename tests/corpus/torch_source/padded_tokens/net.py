import torch
import torch.nn as nn
import math

PAD_IDX = 0

class Classifier(nn.Module):
    def __init__(self, vocab, d_model=16, nhead=4, layers=2, n_cls=3, maxlen=50):
        super().__init__()
        self.emb = nn.Embedding(vocab, d_model, padding_idx=PAD_IDX)
        self.pos = nn.Parameter(torch.randn(1, maxlen, d_model) * 0.02)
        enc = nn.TransformerEncoderLayer(d_model=d_model, nhead=nhead, dim_feedforward=4 * d_model, dropout=0.1,
                                         activation='gelu', batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(enc, num_layers=layers, norm=nn.LayerNorm(d_model))
        self.cls = nn.Linear(d_model, n_cls)

    def forward(self, tokens):
        mask = tokens == PAD_IDX
        x = self.emb(tokens) * math.sqrt(self.emb.embedding_dim) + self.pos[:, :tokens.size(1)]
        x = self.encoder(x, src_key_padding_mask=mask)
        keep = (~mask).unsqueeze(-1).float()
        x = (x * keep).sum(1) / keep.sum(1).clamp(min=1.0)
        return self.cls(x)

model = Classifier(vocab=1000)
