import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Sentiment(nn.Module):
    def __init__(self, vocab, dim, hidden, classes):
        super().__init__()
        self.embedding = nn.Embedding(vocab, dim, padding_idx=0)
        self.lstm = nn.LSTM(dim, hidden, num_layers=2, bidirectional=True)
        self.gru = nn.GRU(2 * hidden, hidden, batch_first=True)
        self.fc = nn.Linear(4 * hidden, classes)

    def forward(self, text, text_lengths):
        packed = pack_padded_sequence(self.embedding(text), text_lengths.cpu(), enforce_sorted=False)
        steps, (hidden, _) = self.lstm(packed)
        steps, lengths = pad_packed_sequence(steps, batch_first=True)
        _, last = self.gru(pack_padded_sequence(steps, lengths.tolist(), batch_first=True, enforce_sorted=False))
        return self.fc(torch.cat([hidden[-2], hidden[-1], last[0], steps.max(1).values[:, : last.size(2)]], 1))
