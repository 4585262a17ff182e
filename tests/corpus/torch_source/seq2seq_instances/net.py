import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

class Encoder(nn.Module):
    def __init__(self, vocab, emb, hid):
        super().__init__()
        self.emb = nn.Embedding(vocab, emb)
        self.rnn = nn.GRU(emb, hid, batch_first=True)
    def forward(self, src):
        return self.rnn(self.emb(src))[1]

class Decoder(nn.Module):
    def __init__(self, vocab, emb, hid):
        super().__init__()
        self.emb = nn.Embedding(vocab, emb)
        self.rnn = nn.GRU(emb, hid, batch_first=True)
        self.out = nn.Linear(hid, vocab)
    def forward(self, token, hidden):
        o, hidden = self.rnn(self.emb(token), hidden)
        return self.out(o), hidden

class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, max_len=4):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.max_len = max_len
    def forward(self, src):
        hidden = self.encoder(src)
        token = src[:, :1]
        outputs = []
        for t in range(self.max_len):
            logits, hidden = self.decoder(token, hidden)
            outputs.append(logits)
            token = logits.argmax(-1)
        return torch.cat(outputs, dim=1)


enc = Encoder(12, 6, 8)
dec = Decoder(12, 6, 8)
model = Seq2Seq(enc, dec)
