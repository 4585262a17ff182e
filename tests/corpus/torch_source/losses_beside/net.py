# A loss whose weights of classes are among those of the file, and one that the network answers with.
import torch
import torch.nn as nn
import torch.nn.functional as F
from data import class_weights


class Quantizer(nn.Module):
    def __init__(self, n, dim):
        super().__init__()
        self.codes = nn.Embedding(n, dim)

    def forward(self, x):
        distances = x.pow(2).sum(1, keepdim=True) + self.codes.weight.pow(2).sum(1) - 2 * x @ self.codes.weight.t()
        at = distances.argmin(1).unsqueeze(1)
        one_hot = torch.zeros(at.shape[0], self.codes.num_embeddings, device=x.device)
        one_hot.scatter_(1, at, 1)
        q = one_hot @ self.codes.weight
        loss = F.mse_loss(q, x.detach()) + 0.25 * F.mse_loss(q.detach(), x) + F.smooth_l1_loss(q, x) + F.kl_div(q.log_softmax(1), x.softmax(1), reduction="batchmean")
        return x + (q - x).detach(), loss


class Classifier(nn.Module):
    def __init__(self, weight=None):
        super().__init__()
        self.criterion = nn.CrossEntropyLoss(weight=weight)
        self.binary = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([2.0]))
        self.body = nn.Linear(6, 4)
        self.quantizer = Quantizer(7, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        z, loss = self.quantizer(self.body(x))
        return self.head(z), loss


if __name__ == "__main__":
    model = Classifier(class_weights())
