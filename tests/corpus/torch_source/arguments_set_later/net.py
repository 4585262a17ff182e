import argparse
import torch
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument("--dim", type=int, default=8)
parser.add_argument("--widths", type=str, default="2,3")
parser.add_argument("--act", default="gelu", choices=["relu", "gelu"])
args = parser.parse_args()
args.widths = [int(w) for w in args.widths.split(",")]
args.vocab = 30
args.classes = 4


class Net(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.embed = nn.Embedding(args.vocab, args.dim)
        self.convs = nn.ModuleList([nn.Conv1d(args.dim, 6, w) for w in args.widths])
        self.act = nn.GELU() if args.act == "gelu" else nn.ReLU()
        self.out = nn.Linear(6 * len(args.widths), args.classes)

    def forward(self, text):
        x = self.embed(text).transpose(1, 2)
        x = [self.act(conv(x)).max(dim=2)[0] for conv in self.convs]
        return self.out(torch.cat(x, dim=1))


model = Net(args)
