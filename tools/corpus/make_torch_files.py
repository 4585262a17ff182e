#!/usr/bin/env python3
"""Files of PyTorch as containers: what torch.save, torch.jit.save and safetensors write, with what PyTorch reads back from them.

    make_torch_files.py OUT [--others DIR]

Writes OUT/<torch's version>/<case>.<extension> and OUT/<torch's version>/expected.json. Run it once in an environment of each torch version (1.4.0,
1.12.1); the safetensors cases need safetensors. --others: files of newer versions that this torch can read, which are copied with their answers.
expected.json: case -> {"file", "entry", "tensors": {name: [dtype, sizes, hex]}, "modules": [[path, class]]} or {"file", "refused": [words]}.
"""
import argparse
import collections
import io
import json
import pathlib
import pickle
import shutil
import zipfile

import numpy as np
import torch
from torch import nn

OLD = tuple(int(v) for v in torch.__version__.split("+")[0].split(".")[:2]) < (1, 6)


class Net(nn.Module):
    def __init__(self, width=3):
        super(Net, self).__init__()
        self.width = width
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(8, width)
        self.scale = nn.Parameter(torch.tensor([0.5]))
        self.empty = None
        self.register_parameter("bias", None)

    def forward(self, x):
        return self.head(self.features(x)) * self.scale


class Scripted(nn.Module):
    def __init__(self):
        super(Scripted, self).__init__()
        self.head = nn.Linear(4, 2)
        self.sizes = [1, 2, 3]
        self.names = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0])}

    def forward(self, x):
        y = self.head(x)
        if y.sum() > 0:
            y = y + torch.tensor([1.0, -1.0])
        return y * float(self.sizes[0]) + self.names["b"]


class Shifted(nn.Module):
    def forward(self, x):
        return x + torch.tensor([1.5, -1.5])


def hexed(tensor):
    t = tensor.detach().contiguous()
    if t.dtype == torch.bfloat16:
        bits = (t.to(torch.float32).numpy().view(np.uint32) >> 16).astype("<u2")
        return bits.tobytes().hex()
    return t.numpy().tobytes().hex()


def answer(tensors):
    return {name: [str(t.dtype).replace("torch.", ""), list(t.shape), hexed(t)] for name, t in tensors.items()}


def modules(root):
    return [[name, type(m).__module__ + "." + type(m).__name__] for name, m in named_modules(root, "")]


def named_modules(m, prefix):  # PyTorch's own leaves out a module that is there twice
    yield prefix, m
    for name, child in m._modules.items():
        if child is not None:
            for found in named_modules(child, prefix + "." + name if prefix else name):
                yield found


def every_dtype():
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    shared = torch.arange(10, dtype=torch.int64)
    out = collections.OrderedDict()
    for name in ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"):
        out[name] = (torch.arange(6).reshape(2, 3) % (2 if name == "bool" else 100)).to(getattr(torch, name))
    out["transposed"] = base.permute(2, 0, 1)
    out["sliced"] = base[:, 1:, ::2]
    out["expanded"] = torch.tensor([1.5, 2.5]).reshape(2, 1).expand(2, 4)
    out["number"] = torch.tensor(7.25)
    out["none"] = torch.zeros(0, 3)
    out["head"], out["tail"] = shared[:4], shared[6:]
    out["row"] = base.transpose(0, 2)[1:2]
    return out


class Maker:
    def __init__(self, out):
        self.out = out
        self.expected = {}
        out.mkdir(parents=True, exist_ok=True)

    def note(self, case, file, **what):
        self.expected[case] = dict(file=file, **what)

    def save(self, case, value, tensors, entry="", kinds=("", "_legacy"), **more):
        for kind in kinds:
            file = case + kind + ".pt"
            torch.save(value, str(self.out / file), _use_new_zipfile_serialization=kind == "")
            self.note(case + kind, file, entry=entry, tensors=answer(tensors), **more)

    def refuse(self, case, value, *words):
        torch.save(value, str(self.out / (case + ".pt")))
        self.note(case, case + ".pt", refused=list(words))


def make_saved(make):
    torch.manual_seed(1)
    net = Net().eval()
    state = net.state_dict()
    make.save("state_dict", state, state)
    make.save("module", net, state, modules=modules(net))
    make.save("dtypes", every_dtype(), every_dtype())
    parallel = nn.DataParallel(Net())
    make.save("parallel", parallel, parallel.module.state_dict(), modules=modules(parallel))
    make.save("parallel_state", parallel.state_dict(), parallel.module.state_dict(), kinds=("",))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.zeros(1, 1, 2, 2)).sum().backward()
    optimizer.step()
    checkpoint = {"epoch": np.int64(3), "best": np.float64(0.25), "model_state_dict": net.state_dict(), "optimizer_state_dict": optimizer.state_dict(),
                  "mean": torch.tensor([1.0]), "device": torch.device("cpu"), "dtype": torch.float32, "size": torch.Size([1, 2])}
    make.save("checkpoint", checkpoint, net.state_dict(), "model_state_dict")
    gan = {"generator": nn.Linear(2, 3).state_dict(), "discriminator": nn.Linear(3, 1).state_dict()}
    make.save("gan", gan, gan["generator"], "generator", kinds=("",))
    make.expected["gan"]["several"] = ["generator", "discriminator"]
    light = {"state_dict": collections.OrderedDict(("model." + k, v) for k, v in net.state_dict().items()), "pytorch-lightning_version": "1.9.0",
             "optimizer_states": [optimizer.state_dict()], "lr_schedulers": [], "hyper_parameters": {"width": 3}}
    make.save("lightning", light, light["state_dict"], "state_dict", kinds=("",))
    make.expected["lightning"]["prefix"] = "model."
    file = "protocol4%s.pt" % ("_legacy" if OLD else "")
    torch.save(state, str(make.out / file), pickle_protocol=4)
    make.note("protocol4", file, entry="", tensors=answer(state))
    with open(str(make.out / "plain.pkl"), "wb") as f:
        pickle.dump(state, f, protocol=4)
    make.note("plain", "plain.pkl", entry="", tensors=answer(state))
    for case, words in (("complex", ["complex"]), ("sparse", ["sparse", "to_dense"]), ("quantized", ["quantized"])):
        if OLD and case == "complex":
            continue
        tensor = {"complex": lambda: torch.tensor([1.0, 2.0], dtype=torch.complex64), "sparse": lambda: torch.eye(3).to_sparse(),
                  "quantized": lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)}[case]()
        make.refuse(case, collections.OrderedDict(weight=tensor), *words)
    if not OLD:
        marked = torch.arange(4.0)
        marked.origin = "here"  # a tensor with an attribute of its own
        make.save("attribute", {"weight": marked}, {"weight": marked}, kinds=("",))


def make_scripted(make):
    torch.manual_seed(2)
    model = torch.jit.script(Scripted().eval())
    torch.jit.save(model, str(make.out / "scripted.pt"))
    state = {k: v for k, v in model.state_dict().items()}
    make.note("scripted", "scripted.pt", script=True, tensors=answer(state))
    traced = torch.jit.trace(Net().eval(), torch.ones(1, 1, 2, 2))
    torch.jit.save(traced, str(make.out / "traced.pt"))
    make.note("traced", "traced.pt", script=True, tensors=answer(traced.state_dict()))
    shifted = torch.jit.trace(Shifted(), torch.ones(1, 2))  # the test knows its constant
    torch.jit.save(shifted, str(make.out / "shifted.pt"))


# What this machine's torch can't write: the same file from a big-endian machine, and torch.export's older layout.
def make_by_hand(make):
    state = every_dtype()
    buffer = io.BytesIO()
    torch.save(state, buffer)
    source = zipfile.ZipFile(buffer)
    widths = {}
    for t in state.values():
        widths.setdefault(t.storage().data_ptr(), t.element_size())
    order = list(collections.OrderedDict((t.storage().data_ptr(), t.element_size()) for t in state.values()).values())
    with zipfile.ZipFile(str(make.out / "big_endian.pt"), "w") as z:
        for name in source.namelist():
            data = source.read(name)
            if "/data/" in name:
                width = order[int(name.rsplit("/", 1)[1])]
                data = np.frombuffer(data, "<u%d" % width).byteswap().tobytes()
            z.writestr(name, data)
        z.writestr(source.namelist()[0].split("/")[0] + "/byteorder", "big")
    make.note("big_endian", "big_endian.pt", entry="", tensors=answer(state))
    weights = {"head.weight": torch.ones(2, 3), "head.bias": torch.arange(2.0)}
    with zipfile.ZipFile(str(make.out / "old_export.pt2"), "w") as z:
        z.writestr("serialized_exported_program.json", json.dumps({"graph_module": {}, "schema_version": 1}))
        for name, value in (("serialized_state_dict.pt", weights), ("serialized_constants.pt", {"lifted_tensor_0": torch.tensor([2])})):
            part = io.BytesIO()
            torch.save(value, part)
            z.writestr(name, part.getvalue())
        z.writestr("version", "5.1")
    make.note("old_export", "old_export.pt2", export=True, tensors=answer(weights))


def make_safetensors(make):
    try:
        from safetensors.torch import save_file
    except ImportError:
        return
    tensors = {k: v.contiguous().clone() for k, v in every_dtype().items()}
    save_file(tensors, str(make.out / "dtypes.safetensors"), metadata={"format": "pt"})
    make.note("safetensors", "dtypes.safetensors", safetensors=True, tensors=answer(tensors))


def copy_others(make, folder):
    for source in sorted(folder.iterdir()):
        case = source.stem + "_" + source.suffix[1:]
        shutil.copyfile(str(source), str(make.out / source.name))
        if source.suffix == ".pt2":
            config = json.loads(zipfile.ZipFile(str(source)).read("_model/data/weights/model_weights_config.json"))["config"]
            make.note(case, source.name, export=True, names=sorted(config))
            continue
        try:
            state = torch.jit.load(str(source)).state_dict()
            make.note(case, source.name, script=True, tensors=answer(state))
        except RuntimeError:
            state = torch.load(str(source), map_location="cpu")
            entry = "model_state_dict" if "model_state_dict" in state else ""
            make.note(case, source.name, entry=entry, tensors=answer(state[entry] if entry else state))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--others", type=pathlib.Path)
    parser.add_argument("--as-version")
    args = parser.parse_args()
    make = Maker(args.out / (args.as_version or torch.__version__.split("+")[0]))
    if args.others:
        copy_others(make, args.others)
    else:
        make_saved(make)
        make_scripted(make)
        if not OLD:
            make_by_hand(make)
            make_safetensors(make)
    text = ",\n".join('%s: %s' % (json.dumps(k), json.dumps(v, sort_keys=True)) for k, v in sorted(make.expected.items()))
    (make.out / "expected.json").write_text("{\n" + text + "\n}\n")


if __name__ == "__main__":
    main()
