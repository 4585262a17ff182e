# How many there are of something a table tells, which isn't here: the weights do.
import numpy as np
import pandas as pd
import torch
import torch.nn as nn

ratings = pd.read_csv("ratings.csv")
n_users = ratings.user_id.nunique() + 1
n_items = int(ratings["item_id"].max()) + 1
genres = sorted(set(g for row in ratings.genres for g in row.split("|")))
feature_cols = [c for c in ratings.columns if c not in ("user_id", "item_id", "rating")]
n_classes = len(set(ratings["rating"]))


class Recommender(nn.Module):
    def __init__(self, dim=6):
        super().__init__()
        self.user = nn.Embedding(n_users, dim)
        self.item = nn.Embedding(n_items, dim)
        self.genre = nn.Linear(len(genres), dim)
        self.extra = nn.Linear(len(feature_cols), dim)
        self.out = nn.Linear(4 * dim, n_classes)

    def forward(self, user, item, genre, extra):
        x = torch.cat([self.user(user), self.item(item), self.genre(genre), self.extra(extra)], 1)
        return self.out(torch.relu(x))


model = Recommender()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
