"""torch_networks.py FOLDER: torchvision's networks as PyTorch saves and exports them, the question and PyTorch's answer. Random weights: only speed is asked here."""
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
import torchvision

warnings.filterwarnings("ignore")
folder = Path(sys.argv[1])
torch.manual_seed(7)
for name in ("resnet50", "mobilenet_v2"):
    net = getattr(torchvision.models, name)(weights=None).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after a training; fresh ones would let the numbers die out
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    image = torch.rand(1, 3, 224, 224)
    two, batch = image.repeat(2, 1, 1, 1), {0: torch.export.Dim("batch")}
    torch.jit.trace(net, image).save(folder / f"{name}.pt")
    torch.export.save(torch.export.export(net, (two,), dynamic_shapes=(batch,)), folder / f"{name}.pt2")
    torch.onnx.export(net, (two,), folder / f"{name}.onnx", dynamo=True, dynamic_shapes=(batch,), external_data=False, verbose=False)
    np.save(folder / f"{name}.npy", image.numpy())
    np.save(folder / f"{name}.answer.npy", net(image).detach().numpy())
