import pandas as pd
import torch
from sklearn.model_selection import train_test_split
from torch import nn

CONFIG = {"hidden": [8, 6], "dropout": [0.2, 0.1], "n_epochs": 20}
cat_cols = ["job", "education", "month"]
cont_cols = ["age", "balance", "duration", "campaign"]


class TabularModel(nn.Module):
    def __init__(self, embedding_sizes, n_cont, hidden, dropout, out_size=1):
        super().__init__()
        self.embeddings = nn.ModuleList([nn.Embedding(c, s) for c, s in embedding_sizes])
        n_emb = sum(e.embedding_dim for e in self.embeddings)
        self.bn_cont = nn.BatchNorm1d(n_cont)
        sizes = [n_emb + n_cont] + hidden
        layers = []
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
            layers += [nn.Linear(a, b), nn.ReLU(inplace=True), nn.BatchNorm1d(b), nn.Dropout(dropout[i])]
        layers.append(nn.Linear(sizes[-1], out_size))
        self.layers = nn.Sequential(*layers)

    def forward(self, x_cat, x_cont):
        x = torch.cat([e(x_cat[:, i]) for i, e in enumerate(self.embeddings)], 1)
        x = torch.cat([x, self.bn_cont(x_cont)], 1)
        return torch.sigmoid(self.layers(x)).squeeze(-1)


if __name__ == "__main__":
    df = pd.read_csv("bank.csv", sep=";")
    train, test = train_test_split(df, test_size=0.2)
    embedding_sizes = [(df[c].nunique(), min(50, (df[c].nunique() + 1) // 2)) for c in cat_cols]
    model = TabularModel(embedding_sizes, len(cont_cols), CONFIG["hidden"], CONFIG["dropout"])
    torch.save(model.state_dict(), "bank.pth")
