#!/usr/bin/env python3
"""check_torchvision.py SLIPWAY [NAME...]: weights alone of torchvision's classification networks, with random weights, seven classes.

Every network's state_dict is saved without its source, answered by `slipway predict`, and compared with torchvision's own answer. Without names:
all that slipway knows. Nothing is downloaded; the largest need some GB. Needs torch and torchvision (0.29 was used).
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torchvision

from check_examples import report

SIDE = 224
KNOWN = pathlib.Path(__file__).resolve().parents[2] / "src/importers/torch/architectures.cpp"


def network(name):
    torch.manual_seed(1)
    net = getattr(torchvision.models, name)(weights=None, num_classes=7).eval()
    for key, tensor in net.named_parameters():
        if not tensor.detach().any():  # heads that begin with zeros tell nothing
            torch.nn.init.normal_(tensor, std=0.02)
        if key.endswith("layer_scale"):
            torch.nn.init.uniform_(tensor, 0.1, 0.5)
    for key, tensor in net.state_dict().items():
        if key.endswith("running_mean"):
            tensor.normal_(0, 0.1)
        if key.endswith("running_var"):
            tensor.uniform_(0.8, 1.2)
    return net


def difference(slipway, name):
    net, images = network(name), torch.rand(2, 3, SIDE, SIDE)
    with torch.no_grad():
        want = net(images).numpy()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        torch.save(net.state_dict(), folder / "weights.pth")
        np.save(folder / "images.npy", images.numpy())
        run = subprocess.run([slipway, "predict", "weights.pth", "-i", "images.npy"], cwd=folder, capture_output=True, text=True, timeout=600)
    if run.returncode != 0:
        raise ValueError(run.stderr.strip()[-300:])
    got = np.array(next(iter(json.loads(run.stdout)["outputs"].values())))
    return float(np.abs(got - want).max() / np.abs(want).max())


def main():
    slipway = str(pathlib.Path(sys.argv[1]).resolve())
    names = sys.argv[2:] or re.findall(r'^    \{"(\w+)",', KNOWN.read_text(), re.M)
    return report({name: name for name in names}, lambda name: difference(slipway, name))


if __name__ == "__main__":
    sys.exit(main())
