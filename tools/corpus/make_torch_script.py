#!/usr/bin/env python3
"""Small networks as torch.jit.trace, torch.jit.script and torch.export save them, with PyTorch's own answers.

    make_torch_script.py OUT

Writes OUT/<network>_<form>/{model.pt or model.pt2, files.json, input.json, expected.json}; forms: traced, scripted, exported, exported_rows (any
number of rows). Run with PyTorch 2.15.0. A form that PyTorch itself can't make is left out, and named.
"""
import inspect
import json
import pathlib
import shutil
import sys
import zipfile
from typing import Dict

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(11)


class EmbeddingBags(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = nn.EmbeddingBag(12, 3, mode="mean")
        self.largest = nn.EmbeddingBag(12, 3, mode="max")
        self.total = nn.EmbeddingBag(12, 3, mode="sum")
        self.padded = nn.EmbeddingBag(12, 3, mode="mean", padding_idx=0)

    def forward(self, ids, weights):
        return self.mean(ids), self.largest(ids), self.total(ids, per_sample_weights=weights), self.padded(ids)


class BagsOfAnyLength(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(12, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, ids, offsets):
        return self.head(self.bag(ids, offsets))


class CellOverTime(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(3, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        h = torch.zeros(x.size(0), 4)
        c = torch.zeros(x.size(0), 4)
        for t in range(x.size(1)):
            h, c = self.cell(x[:, t], (h, c))
        return self.head(h)


class StepsKept(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(3, 4)

    def forward(self, x):
        h = torch.zeros(x.size(0), 4)
        outs = []
        for t in range(x.size(1)):
            h = self.cell(x[:, t], h)
            outs.append(h)
        return torch.stack(outs, 1), torch.cat(outs, dim=1)[:, :4], outs[-1]


class StepsWritten(nn.Module):
    def forward(self, x):
        x = x.permute(0, 2, 1).permute(0, 2, 1)  # of three dimensions
        y = torch.zeros_like(x)
        level = x[:, 0] * 0.0
        for t in range(x.size(1)):
            level = 0.7 * level + 0.3 * x[:, t]
            y[:, t] = level
        return y


class DecisionInALoop(nn.Module):
    """A gate that looks at the values of a state, as the tutorial of TorchScript has it."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, xs):
        xs = xs.permute(0, 2, 1).permute(0, 2, 1)  # of three dimensions
        h = torch.zeros(3, 4)
        for i in range(xs.size(0)):
            s = self.linear(xs[i]) + h
            if s.sum() > 0:
                g = s
            else:
                g = -s
            h = torch.tanh(g)
        return h


class Windows(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(18, 18)
        self.unfold = nn.Unfold(3, stride=2, padding=1)
        self.fold = nn.Fold((6, 6), 3, stride=2, padding=1)
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.unpool = nn.MaxUnpool2d(2)
        self.circle = nn.Conv2d(2, 1, 3, padding=1, padding_mode="circular")

    def forward(self, x):
        y = self.fold(self.mix(self.unfold(x).transpose(1, 2)).transpose(1, 2))
        values, places = self.pool(y)
        return self.unpool(values, places), F.adaptive_max_pool2d(y, (2, 3)), self.circle(y), F.interpolate(y, scale_factor=1.5, mode="nearest-exact")


class Spatial(nn.Module):
    def __init__(self):
        super().__init__()
        self.theta = nn.Linear(2, 6)

    def forward(self, x):
        theta = self.theta(x.mean((2, 3))).view(-1, 2, 3) + torch.tensor([[1.0, 0, 0], [0, 1, 0]])
        return F.grid_sample(x, F.affine_grid(theta, x.size(), align_corners=False), align_corners=False)


class Ranks(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(6, 4, max_norm=1.0)
        self.register_buffer("bounds", torch.linspace(-1, 1, 5))
        self.linear = nn.Linear(7, 7)

    def forward(self, x):
        x = self.linear(x)
        ids = torch.bucketize(x, self.bounds)
        median, at = x.median(1)
        return (self.table(ids).sum(1), torch.searchsorted(self.bounds, x, right=True), x.cumprod(1), median, at, x.kthvalue(2, 1)[0], x.quantile(0.3, 1),
                torch.logaddexp(x, -x), torch.tensor_split(x, 3, dim=1)[0])


class Products(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, 2))
        self.normed = nn.utils.weight_norm(nn.Linear(4, 3))

    def forward(self, x):  # [N, 3, 4]
        t = torch.tensordot(x, self.weight, dims=([2, 1], [0, 1]))
        d = torch.diagonal(x.permute(0, 1, 2), dim1=1, dim2=2)
        return (t, torch.kron(torch.eye(2), torch.ones(1, 2)) @ x[:, 0].unsqueeze(-1), torch.diag_embed(d),
                torch.linalg.cross(x[..., :3], x[..., 1:]), self.normed(x), torch.linalg.norm(x, ord=1, dim=2))


class EdgesOfAGraph(nn.Module):
    """Whole numbers beside features: the edges, from and to, of a graph of any number of nodes."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x, edges):
        start, end = edges[0], edges[1]
        h = torch.relu(self.first(x))
        degree = torch.zeros(h.size(0)).index_add(0, end, torch.ones(end.size(0))).clamp(min=1)
        sums = torch.zeros_like(h).index_add_(0, end, h[start])
        return F.log_softmax(self.second(h + sums / degree.unsqueeze(1)), 1)


class PairsOfFeatures(nn.Module):
    """Rows of features that look like sequences on the way."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 5)

    def forward(self, x):
        h = self.linear(x)
        return torch.tril(h.unsqueeze(1) * h.unsqueeze(2)), torch.cumsum(h, 1), h.flip(1)


class Spectra(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 21)
        self.real, self.imaginary = nn.Parameter(torch.randn(5, 5)), nn.Parameter(torch.randn(5, 5))

    def forward(self, x):
        x = self.linear(x)
        f = torch.fft.rfft(x, norm="ortho")
        long = torch.fft.rfft(x.repeat(1, 100))  # 2,100 values: not by one matrix
        square = torch.fft.fft2(x.unsqueeze(1) * x.unsqueeze(2))
        kept = torch.zeros_like(square)
        kept[:, :5, -5:] = square[:, :5, -5:] * torch.complex(self.real, self.imaginary)
        return (torch.fft.irfft(f * torch.conj(f), n=21), long.abs()[:, ::100], torch.fft.irfft(long, n=2100)[:, 30:40],
                torch.fft.ifft2(torch.cat((kept, square / (square + 7)), 1)).abs().mean(2), torch.view_as_real(torch.polar(f.abs(), x[:, :11])))


class Signal(nn.Module):
    """Of any length."""

    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.hann_window(16))
        self.head = nn.Conv1d(9, 3, 3)

    def forward(self, x):
        z = torch.stft(x, 16, hop_length=4, window=self.window, return_complex=True)
        f = torch.fft.rfft(x)
        return self.head(torch.log(z.abs() ** 2 + 1)).mean(-1), torch.fft.irfft(f.real - f, n=x.size(1)), torch.fft.fft(x, norm="forward").imag


class NamedAnswers(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleDict({"label": nn.Linear(3, 2), "size": nn.Linear(3, 1)})

    def forward(self, x: torch.Tensor) -> Dict[str, torch.Tensor]:
        out: Dict[str, torch.Tensor] = {}
        for name, head in self.heads.items():
            out[name] = head(x)
        return out


def without_places(path):
    """The archive without where its source lay on the machine that wrote it: nobody needs it for an answer."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            if name.endswith(".debug_pkl"):
                continue
            if name.endswith(".json"):
                content = json.dumps(forgotten(json.loads(content))).encode()
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)


def forgotten(value):
    if isinstance(value, dict):
        return {k: ("" if k in ("stack_trace", "nn_module_stack", "from_node", "source_fn_stack") else forgotten(v)) for k, v in value.items()}
    return [forgotten(v) for v in value] if isinstance(value, list) else value


def cases():
    ids = torch.tensor([[1, 5, 0, 2], [3, 3, 11, 0], [0, 0, 0, 0]])
    return {
        "embedding_bags": (EmbeddingBags(), (ids, torch.rand(3, 4))),
        "bags_of_any_length": (BagsOfAnyLength(), (torch.tensor([1, 2, 3, 4, 11, 0]), torch.tensor([0, 2, 2, 5]))),
        "cell_over_time": (CellOverTime(), (torch.randn(2, 5, 3),)),
        "steps_kept": (StepsKept(), (torch.randn(2, 5, 3),)),
        "steps_written": (StepsWritten(), (torch.randn(2, 5, 3),)),
        "decision_in_a_loop": (DecisionInALoop(), (torch.randn(5, 3, 4),)),
        "windows": (Windows(), (torch.randn(2, 2, 6, 6),)),
        "spatial": (Spatial(), (torch.randn(2, 2, 6, 6),)),
        "ranks": (Ranks(), (torch.randn(3, 7),)),
        "edges_of_a_graph": (EdgesOfAGraph(), (torch.randn(5, 4), torch.tensor([[0, 1, 2, 4, 3, 0], [1, 2, 0, 1, 3, 4]]))),
        "pairs_of_features": (PairsOfFeatures(), (torch.randn(3, 5),)),
        "spectra": (Spectra(), (torch.randn(2, 5),)),
        "signal": (Signal(), (torch.randn(2, 50),)),
        "named_answers": (NamedAnswers(), (torch.randn(2, 3),)),
        "products": (Products(), (torch.randn(2, 3, 4),)),
    }


def main():
    out = pathlib.Path(sys.argv[1])
    rows = torch.export.Dim("rows", min=2, max=64)
    forms = {
        "traced": ("pt", lambda net, given, path: torch.jit.trace(net, given, check_trace=False, strict=False).save(path)),
        "scripted": ("pt", lambda net, given, path: torch.jit.script(net).save(path)),
        "exported": ("pt2", lambda net, given, path: torch.export.save(torch.export.export(net, given), path)),
        "exported_rows": ("pt2", lambda net, given, path: torch.export.save(
            torch.export.export(net, given, dynamic_shapes=tuple({0: rows} for _ in given)), path)),
    }
    for name, (net, given) in cases().items():
        net.eval()
        with torch.no_grad():
            answer = net(*given)
        outputs = {"output": answer} if torch.is_tensor(answer) else {f"output_{i}": t for i, t in enumerate(answer)}
        if isinstance(answer, dict):
            outputs = answer
        for form, (extension, save) in forms.items():
            if isinstance(answer, dict) and form.startswith("exported"):
                continue  # an exported graph has no names for them
            folder = out / f"{name}_{form}"
            folder.mkdir(parents=True, exist_ok=True)
            try:
                save(net, given, str(folder / f"model.{extension}"))
            except Exception as e:  # what it can't make, it says in many ways
                print(f"no {folder.name}: {str(e).strip().splitlines()[0][:120]}")
                shutil.rmtree(folder)
                continue
            without_places(folder / f"model.{extension}")
            names = inspect.signature(net.forward).parameters
            (folder / "files.json").write_text(json.dumps({"files": [f"model.{extension}"], "entry": ""}))
            (folder / "input.json").write_text(json.dumps({"inputs": {n: t.tolist() for n, t in zip(names, given)}}))
            (folder / "expected.json").write_text(json.dumps({"kind": "graph", **{n: t.tolist() for n, t in outputs.items()}}))


if __name__ == "__main__":
    main()
