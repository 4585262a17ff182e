import torch
import torch.nn as nn


class ManualGRU(nn.Module):
    """GRU written by hand, to study the gates."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        for gate in ("z", "r", "h"):
            setattr(self, f"W_{gate}", nn.Parameter(torch.Tensor(input_size, hidden_size)))
            setattr(self, f"U_{gate}", nn.Parameter(torch.Tensor(hidden_size, hidden_size)))
            setattr(self, f"b_{gate}", nn.Parameter(torch.Tensor(hidden_size)))
        self.init_weights()

    def init_weights(self):
        for name, p in self.named_parameters():
            if p.data.ndimension() >= 2:
                nn.init.xavier_uniform_(p.data)
            else:
                nn.init.zeros_(p.data)

    def forward(self, x, h=None):
        bs, seq_len, _ = x.size()
        if h is None:
            h = torch.zeros(bs, self.hidden_size).to(x.device)
        out = []
        for t in range(seq_len):
            x_t = x[:, t, :]
            z = torch.sigmoid(x_t @ self.W_z + h @ self.U_z + self.b_z)
            r = torch.sigmoid(x_t @ self.W_r + h @ self.U_r + self.b_r)
            n = torch.tanh(x_t @ self.W_h + (r * h) @ self.U_h + self.b_h)
            h = (1 - z) * h + z * n
            out.append(h.unsqueeze(1))
        return torch.cat(out, dim=1), h


class WeatherModel(nn.Module):
    SEQ_LEN = 6

    def __init__(self, n_features=3, hidden=4, horizon=2):
        super().__init__()
        self.rnn = ManualGRU(n_features, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.fc = nn.Linear(hidden * self.SEQ_LEN, horizon)

    def forward(self, x):
        out, h = self.rnn(x)
        return self.fc(self.norm(out).reshape(x.size(0), -1))
