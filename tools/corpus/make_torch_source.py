#!/usr/bin/env python3
"""Pairs of PyTorch weights and source as students and researchers write them, with the library's own answers.

    make_torch_source.py OUT [--only NAME]

Every case is a folder: model.* (weights), net.py or net.ipynb, input.json, expected.json, files.json (for tests/parity) and args.json (words for
`slipway predict`). The sources are those committed under tests/corpus/torch_source: they stand once, there. Their statements are run one by one
with stubs for libraries that aren't installed; training that fails for want of data is passed over.
"""
import argparse, ast, importlib.abc, importlib.machinery, json, os, pathlib, shutil, sys, tempfile, types
from unittest.mock import MagicMock
import numpy as np
import torch

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "tests/corpus/torch_source"
CASES = {}
HEAD = "import math\nimport numpy as np\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n"


def case(name, build, inputs, *, args=(), save="state_dict", legacy=False, said=None, source=None):
    """build: the expression that makes the network; inputs: a dict of arrays; said: what the checkpoint says beside its weights; source: of a
    case whose file needs none."""
    CASES[name] = dict(build=build, inputs=inputs, args=list(args), save=save, legacy=legacy, said=said or {}, source=source)


def rnd(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def ids(high, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, high, shape)


case("mlp", "MLP()", {"x": rnd(4, 10)})
case("mlp_sizes_unknown", "MLP([7, 12, 9, 2])", {"x": rnd(3, 7)})
case("mnist_cnn", "Net()", {"x": rnd(2, 1, 28, 28)})
case("cnn_sequential", "CNN(num_classes=5)", {"x": rnd(2, 3, 32, 32)})
case("resnet_blocks", "ResNet(BasicBlock, [2, 1, 1], num_classes=4)", {"x": rnd(2, 3, 32, 32)}, save="parallel")
case("unet", "UNet(3, 1)", {"x": rnd(1, 3, 34, 34)})
case("unet_dict", "UNet()", {"x": rnd(1, 1, 32, 32)}, save="checkpoint")
case("lstm_embedding", "SentimentLSTM(50, 8, 12, 1, 2, True, 0.3)", {"text": ids(50, 3, 9)})
case("gru_unknown", "GRUNet(6, 10, 3, 2)", {"x": rnd(2, 5, 6)})
case("rnn_cell", "Model()", {"x": rnd(2, 4, 3)})
case("textcnn", "TextCNN(40, 6, 5, [2, 3, 4], 3, 0.5)", {"text": ids(40, 2, 11)})
case("transformer_encoder", "TransformerModel(30, 8, 2, 16, 2)", {"src": ids(30, 2, 7)})
case("positional_not_saved", "Encoder()", {"x": rnd(2, 6, 8)})
case("gpt", "GPT(GPTConfig(vocab_size=20, n_layer=2, n_head=2, n_embd=8, block_size=12))", {"idx": ids(20, 2, 12)})
case("autoencoder", "Autoencoder()", {"x": rnd(2, 1, 28, 28)})
case("vae", "VAE()", {"x": rnd(3, 1, 6, 6)})
case("gan_generator", "Generator()", {"z": rnd(2, 10)}, args=["--class", "Generator"])
case("dcgan_discriminator", "Discriminator(1)", {"input": rnd(2, 3, 32, 32)})
case("dqn", "DQN(4, 2)", {"x": rnd(3, 4)})
case("dueling_atari", "DuelingDQN((4, 36, 36), 3)", {"x": rnd(1, 4, 36, 36)})
case("se_attention", "SENet()", {"x": rnd(2, 3, 12, 12)})
case("siamese", "SiameseNetwork()", {"input1": rnd(2, 1, 20, 20, seed=1), "input2": rnd(2, 1, 20, 20, seed=2)})
case("recommender", "NCF(12, 9, 4)", {"user": ids(12, 5, seed=1), "item": ids(9, 5, seed=2)}, save="checkpoint_args")
case("pickled_module", "Classifier(6, 3)", {"x": rnd(2, 6)}, save="module")
case("legacy_module", "Net(5)", {"x": rnd(2, 5)}, save="module", legacy=True, source="""
class Net(nn.Module):
    def __init__(self, n_in):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(n_in, 6)
        self.fc2 = nn.Linear(6, 2)

    def forward(self, x):
        x = F.tanh(self.fc1(x))
        return self.fc2(x)
""")
case("sequential_script", "nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))", {"input": rnd(2, 4)}, save="module", source="""
""")
case("vit", "ViT(image_size=16, patch_size=4, num_classes=5, dim=8, depth=2, heads=2)", {"img": rnd(2, 3, 16, 16)})
case("mha_cross", "Cross()", {"x": rnd(2, 5, 8, seed=1), "memory": rnd(2, 7, 8, seed=2)})
case("timeseries_tcn", "TCN(2, 3, [4, 5])", {"x": rnd(2, 2, 12)})
case("densenet_names", "DenseNet()", {"x": rnd(2, 3, 8, 8)}, save="safetensors")
case("multi_head_outputs", "AgeGender()", {"x": rnd(2, 3, 16, 16)}, save="lightning")
case("seq2seq_instances", "Seq2Seq(Encoder(12, 6, 8), Decoder(12, 6, 8))", {"src": ids(12, 2, 5)})
case("causal_wavenet", "MiniWaveNet()", {"wav": rnd(2, 12, 30)})
case("runge_kutta_steps", "Classifier(6, 3)", {"x": rnd(4, 6)})
case("base_class_and_mixin", "ConvGRU(5, 3)", {"x": rnd(2, 20, 5)})
case("global_constants", "CNN()", {"x": rnd(2, 1, 48, 48)}, save="checkpoint")
case("widths_nowhere", "Net(8, 2, 10)", {"x": rnd(2, 3, 32, 32)})
case("recommender_notebook", "NeuMF(20, 30)", {"user_ids": ids(20, 3), "item_ids": ids(30, 3, seed=1)})
case("rotary_transformer", "Llama()", {"tokens": ids(32, 2, 6)}, save="safetensors")
case("tasks_in_a_dict", "MultiTask(9)", {"x": rnd(3, 9)})
case("mixture_of_experts", "SoftMoE()", {"x": rnd(5, 12)})
case("speaker_embedding", "SpeakerNet()", {"feats": np.abs(rnd(2, 20, 33)) + 0.1})
case("dense_graph", "MolNet()", {"x": rnd(2, 5, 6), "A": (rnd(2, 5, 5, seed=3) > 0).astype(np.float32)})
case("padded_tokens", "Classifier(44)", {"tokens": ids(44, 3, 8)})
case("own_cell_unrolled", "SumNet()", {"x": rnd(3, 8, 3)})
case("spectral_norm", "ProjectionDiscriminator()", {"img": rnd(2, 3, 16, 16), "y": ids(5, 2)})
case("factorisation_machine", "DeepFM()", {"sparse": ids(20, 4, 3), "dense": rnd(4, 5)})
case("configured_by_checkpoint", "NerTagger(NerConfig(vocab_size=50, hidden_size=16, num_labels=5))", {"input_ids": ids(50, 2, 8)}, save="checkpoint", said={"config": {"vocab_size": 50, "hidden_size": 16, "num_labels": 5}})
case("notebook_vae", "VAE()", {"x": rnd(2, 8, 12)})
case("diffusion_step", "DiffusionUNet()", {"x": rnd(2, 1, 16, 16), "t": ids(40, 2)})
case("deep_ensemble", "DeepEnsemble()", {"x": rnd(4, 6)})
case("settings_in_a_bag", "ResNet1d(SimpleNamespace(model=SimpleNamespace(width=6, layers=[2, 1], n_class=4)))", {"x": rnd(2, 2, 100)})
case("image_and_vector", "Policy()", {"image": rnd(2, 3, 20, 20), "vec": rnd(2, 5)})
case("frequencies_by_lambdas", "Field()", {"points": rnd(4, 2)})
case("length_first", "Tagger()", {"steps": rnd(5, 2, 3)})
case("function_makes_it", "make_net(6, 3)", {"input": rnd(4, 6)})
case("arguments_set_later", "Net(types.SimpleNamespace(vocab=30, dim=8, widths=[2, 3], classes=4, act='gelu'))", {"text": ids(30, 2, 9)})
case("sizes_of_an_environment", "Agent(Env())", {"obs": rnd(3, 8)})
case("switch_told_by_names", "Net(4, 3, 'wide', True)", {"x": rnd(3, 4)})

case("joined_inputs", "Critic(7, 2)", {"state": rnd(3, 7), "action": rnd(3, 2, seed=1)})
case("goal_conditioned", "GoalNet(5, 3, 4, 6)", {"state": rnd(4, 5), "goal": rnd(4, 3, seed=1), "step": rnd(4, 1, seed=2)})
case("hyperparameters_saved", "Attributes(base=4)", {"x": rnd(2, 3, 12, 12)}, save="lightning_own", said={"in_channels": 3, "base": 4, "emotions": 7, "lr": 0.001})
case("fields_with_offsets", "model", {"x": np.stack([ids(n, 4, seed=n) for n in (5, 7, 3)], 1)})
case("columns_embedded", "TabularModel([(6, 3), (4, 2), (5, 3)], 4, [8, 6], [0.2, 0.1])", {"x_cat": ids(4, 5, 3), "x_cont": rnd(5, 4)})
case("generator_beside", "generator", {"noise": rnd(3, 6), "labels": ids(4, 3)}, args=["--class", "Generator"], save="beside")
case("characters_of_a_file", "LanguageModel()", {"idx": ids(11, 2, 6)})
case("lazy_layers", "LateFusion(12)", {"image": rnd(2, 3, 13, 16), "caption": ids(12, 2, 5)})
case("width_multiplier", "net(num_classes=3, width_mult=0.25)", {"x": rnd(2, 3, 16, 16)})
case("capsules", "Capsules()", {"x": rnd(3, 1, 6, 6)})
case("gates_by_hand", "WeatherModel()", {"x": rnd(3, 6, 3)})
case("class_constants", "NBeats()", {"backcast": rnd(3, 8)})
case("fourier_layers", "FNO()", {"x": rnd(2, 14, 2)})
case("rectified_in_place", "Encoder()", {"x": rnd(2, 1, 8, 10)})
case("bag_of_instances", "Attention()", {"x": rnd(1, 6, 1, 8, 8)})
case("columns_counted", "Recommender()", {"user": ids(9, 4), "item": ids(7, 4, seed=1), "genre": rnd(4, 5), "extra": rnd(4, 3, seed=2)})
case("signal_length_by_default", "EEG()", {"x": rnd(2, 1, 5, 67)})
case("signal_length_by_weights", "CNN1d(50, 3)", {"x": rnd(2, 1, 50)})
case("keywords_handed_on", "small(n_classes=3, first=6)", {"x": rnd(4, 6)})
case("sizes_adapted", "UNet()", {"x": rnd(1, 2, 9, 14)})
case("height_squeezed", "CRNN()", {"x": rnd(2, 1, 24, 17)})
case("losses_beside", "Classifier(torch.ones(3))", {"x": rnd(5, 6)})
case("mask_left_out", "Intent()", {"input_ids": ids(40, 2, 5)})
case("mask_given", "Intent()", {"input_ids": ids(40, 2, 5), "attention_mask": (np.arange(5) < np.array([[5], [3]])).astype(np.int64)})
case("packed_by_lengths", "Sentiment(30, 5, 4, 3)", {"text": np.where(np.arange(6)[:, None] < np.array([[4, 6, 2]]), ids(29, 6, 3) + 1, 0), "text_lengths": np.array([4, 6, 2])})
case("experts_by_masks", "Net()", {"x": 2 * rnd(5, 6)}, args=["--arg", "k=2"])
case("steps_of_a_request", "Scan(ModelArgs(d_model=6, vocab_size=21))", {"ids": ids(21, 2, 5)})
case("losses_and_densities", "Vae()", {"x": rnd(4, 6)})
case("complex_numbers", "Spectral()", {"x": rnd(2, 6, 8)})
case("edges_of_a_graph", "Gcn()", {"x": rnd(5, 5), "edge_index": np.array([[0, 1, 2, 3], [1, 0, 3, 4]])})
case("attention_over_neighbours", "Gat()", {"x": rnd(4, 5), "adj": (rnd(4, 4) > 0).astype(np.float32) + np.eye(4, dtype=np.float32)})
case("graph_pooled", "Pool()", {"x": rnd(2, 7, 4), "adj": (rnd(2, 7, 7) > 0).astype(np.float32)})


class Env:  # what gym would give
    observation_space, action_space = types.SimpleNamespace(shape=(8,)), types.SimpleNamespace(n=4)



class LightningModule(torch.nn.Module):  # as far as a network needs it
    def save_hyperparameters(self):
        given = sys._getframe(1).f_locals
        self.hparams = types.SimpleNamespace(**{k: v for k, v in given.items() if k not in ("self", "__class__", "kwargs")}, **given.get("kwargs", {}))


class Stub(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name == "LightningModule":
            return LightningModule
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock(name=name)


class Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Whatever a source imports that isn't installed."""
    WANTED = {"matplotlib", "pandas", "tqdm", "wandb", "pytorch_lightning", "torchmetrics", "PIL", "cv2", "gym", "sklearn", "pretty_midi", "torchaudio", "easydict",
              "utils", "data", "config"}

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if name.split(".")[0] in self.WANTED else None

    def create_module(self, spec):
        return Stub(spec.name)

    def exec_module(self, module):
        pass


def python_of(path):
    if path.suffix == ".py":
        return path.read_text()
    cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    lines = [line.rstrip("\n") for c in cells for line in c["source"] + ["\n"]]
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)


def names_of(name, text):
    module = types.ModuleType(f"net_{name}")
    sys.modules[module.__name__] = module
    module.__dict__.update(np=np, torch=torch, nn=torch.nn, argparse=argparse, types=types, SimpleNamespace=types.SimpleNamespace, Env=Env)
    path = pathlib.Path(tempfile.mkdtemp()) / f"{name}.py"  # torch.save before 1.6 keeps the text of a class
    path.write_text(text)
    module.__file__ = str(path)
    argv, sys.argv = sys.argv, sys.argv[:1]
    for statement in ast.parse(text).body:
        try:
            exec(compile(ast.Module([statement], []), str(path), "exec"), module.__dict__)
        except (Exception, SystemExit):
            if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
                raise
    sys.argv = argv
    return module.__dict__


def flat(result, name, out):
    """The outputs as slipway names them: output, output_0, ..., or the keys of a dict."""
    if torch.is_tensor(result):
        out[name] = result.detach().numpy()
    elif isinstance(result, dict):
        for key, value in result.items():
            flat(value, key, out)
    elif isinstance(result, (tuple, list)):
        for i, value in enumerate(result):
            flat(value, f"{name}_{i}", out)


def make(name, c, out):
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    known = next((p for p in (SOURCES / name / "net.py", SOURCES / name / "net.ipynb") if p.exists()), None)
    names = names_of(name, HEAD + c["source"] if known is None else python_of(known))
    torch.manual_seed(3)
    names.setdefault("vocab_size", 11)  # of a text that isn't here
    if name == "columns_counted":  # of a table
        names.update(n_users=9, n_items=7, genres="abcde", feature_cols="abc", n_classes=3)
    net = eval(c["build"], names).eval()
    inputs = {k: torch.from_numpy(v) for k, v in c["inputs"].items()}
    with torch.no_grad():
        net(*[t.clone() for t in inputs.values()])  # layers that take their sizes from it
    for key, tensor in net.state_dict().items():  # running statistics that are not the initial ones
        if key.endswith("running_mean"):
            tensor.normal_(0, 0.3)
        if key.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
    with torch.no_grad():
        results = {}
        flat(net(*inputs.values()), "output", results)
    state = net.state_dict()
    suffix = {"safetensors": "safetensors", "lightning": "ckpt", "lightning_own": "ckpt"}.get(c["save"], "pth")
    target = folder / f"model.{suffix}"
    old = {"_use_new_zipfile_serialization": False} if c["legacy"] else {}
    if c["save"] == "state_dict":
        torch.save(state, target, **old)
    elif c["save"] == "parallel":
        torch.save({"module." + k: v for k, v in state.items()}, target)
    elif c["save"] == "checkpoint":
        optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
        for p in net.parameters():
            p.grad = torch.zeros_like(p)
        optimiser.step()
        torch.save({**c["said"], "epoch": 7, "model_state_dict": net.state_dict(), "optimizer_state_dict": optimiser.state_dict(), "loss": 0.25}, target)
    elif c["save"] == "checkpoint_args":
        torch.save({"state_dict": state, "hyper_parameters": {"num_users": 12, "num_items": 9, "dim": 4}, "args": argparse.Namespace(lr=0.1)}, target)
    elif c["save"] == "lightning":
        torch.save({"epoch": 1, "global_step": 3, "state_dict": {"model." + k: v for k, v in state.items()}, "hyper_parameters": {"lr": 0.1}}, target)
    elif c["save"] == "lightning_own":
        torch.save({"epoch": 1, "pytorch-lightning_version": "2.1.0", "state_dict": state, "hyper_parameters": c["said"]}, target)
    elif c["save"] == "beside":
        torch.save({"generator": state, "discriminator": names["discriminator"].state_dict(), "epoch": 199}, target)
    elif c["save"] == "module":
        torch.save(net, target, **old)
    elif c["save"] == "safetensors":
        header, offset, body = {}, 0, b""
        for key, tensor in state.items():
            data = tensor.numpy().tobytes()
            kind = {torch.float32: "F32", torch.int64: "I64"}[tensor.dtype]
            header[key] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [offset, offset + len(data)]}
            offset, body = offset + len(data), body + data
        head = json.dumps(header).encode()
        head += b" " * (-len(head) % 8)
        target.write_bytes(len(head).to_bytes(8, "little") + head + body)
    args = []
    if known is not None:
        if known.parent.resolve() != folder.resolve():
            shutil.copy(known, folder / known.name)
        args = ["--source", known.name]
    (folder / "args.json").write_text(json.dumps(args + c["args"]))
    wish = ";class=" + c["args"][1] if c["args"][:1] == ["--class"] else ""
    (folder / "files.json").write_text(json.dumps({"files": [target.name] + args[1:], "entry": wish}))
    (folder / "input.json").write_text(json.dumps({"inputs": {k: v.tolist() for k, v in c["inputs"].items()}}))
    (folder / "expected.json").write_text(json.dumps({"kind": "graph", **{k: v.tolist() for k, v in results.items()}}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--only")
    options = parser.parse_args()
    sys.meta_path.append(Absent())
    out = options.out.resolve()
    os.chdir(tempfile.mkdtemp())  # sources save their weights where they run
    for name, c in CASES.items():
        if options.only in (None, name):
            make(name, c, out)
            print(name)
