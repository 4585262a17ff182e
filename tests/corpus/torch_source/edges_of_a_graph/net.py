import torch
import torch.nn as nn


class Conv(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.lin = nn.Linear(n_in, n_out)

    def forward(self, x, edge_index):
        loops = torch.arange(x.size(0)).unsqueeze(0).repeat(2, 1)
        row, col = torch.cat([edge_index, loops], dim=1)
        deg = torch.zeros(x.size(0)).scatter_add_(0, col, torch.ones(col.size(0)))
        norm = deg.pow(-0.5)
        norm[norm == float("inf")] = 0
        x = self.lin(x)
        return torch.zeros_like(x).index_add_(0, col, (norm[row] * norm[col]).view(-1, 1) * x[row])


class Gcn(nn.Module):
    def __init__(self, n_in=5, hidden=6, n_out=2):
        super().__init__()
        self.conv1 = Conv(n_in, hidden)
        self.conv2 = Conv(hidden, n_out)

    def forward(self, x, edge_index):
        return self.conv2(self.conv1(x, edge_index).relu(), edge_index).log_softmax(-1)
