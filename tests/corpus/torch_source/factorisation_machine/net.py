from collections import namedtuple
import torch
import torch.nn as nn

SparseFeat = namedtuple('SparseFeat', ['name', 'vocab', 'dim'])
FEATURES = [SparseFeat('user', 20, 4), SparseFeat('item', 30, 4), SparseFeat('hour', 24, 4)]

class FM(nn.Module):
    def forward(self, x):
        square_of_sum = torch.pow(torch.sum(x, dim=1, keepdim=True), 2)
        sum_of_square = torch.sum(x * x, dim=1, keepdim=True)
        return 0.5 * torch.sum(square_of_sum - sum_of_square, dim=2, keepdim=False)

class DeepFM(nn.Module):
    def __init__(self, features=FEATURES, n_dense=5, hidden=(16, 8)):
        super().__init__()
        self.features = features
        self.emb = nn.ModuleDict({f.name: nn.Embedding(f.vocab, f.dim) for f in features})
        self.lin = nn.ModuleDict({f.name: nn.Embedding(f.vocab, 1) for f in features})
        self.dense_lin = nn.Linear(n_dense, 1, bias=False)
        self.fm = FM()
        dims = [sum(f.dim for f in features) + n_dense] + list(hidden)
        self.dnn = nn.Sequential()
        for i, (a, b) in enumerate(zip(dims[:-1], dims[1:])):
            self.dnn.add_module('linear_%d' % i, nn.Linear(a, b))
            self.dnn.add_module('act_%d' % i, nn.Dropout(0.1) if i % 2 else nn.ReLU())
        self.last = nn.Linear(hidden[-1], 1, bias=False)
        self.bias = nn.Parameter(torch.zeros((1,)))
    def forward(self, sparse, dense):
        es = [self.emb[f.name](sparse[:, i]).unsqueeze(1) for i, f in enumerate(self.features)]
        first = sum(self.lin[f.name](sparse[:, i]) for i, f in enumerate(self.features)) + self.dense_lin(dense)
        x = torch.cat(es, dim=1)
        deep = self.dnn(torch.cat([x.flatten(start_dim=1), dense], dim=-1))
        return torch.sigmoid(first + self.fm(x) + self.last(deep) + self.bias)
