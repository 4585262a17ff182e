"""The other servers: how each is installed (pinned, in a virtual environment of its own under build/deps/peers), started, and asked for what slipway is asked for.
Each is given its quickest form that its own documentation offers; what was chosen stands beside it.
    peers.py install      makes what is missing; what can't be installed is left out and named in the report"""
import base64
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

from measure import HERE, Question, free_port, say

HOME = HERE.parent / "build" / "deps" / "peers"
FILES = HERE / "peers"
BUILD = HERE.parent / "build" / "release"  # run.py says which
FLOAT = 1e-5  # engines that compute in 32-bit floats
IMAGE_SHAPE = (1, 3, 224, 224)
OCTETS = {"Content-Type": "application/octet-stream"}


def numbers(data):
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def first_row(key):
    return lambda answer: json.loads(answer)[key][0]


class Peer:
    """One server program. `questions` says what a task (rows, forest, image) is asked with; without an entry the server does not take part in it."""
    name = ""  # of its environment
    title = ""
    form = ""  # what was chosen, for the report

    def python(self):
        return HOME / self.name / "bin" / "python"

    def tool(self, tool):
        return HOME / self.name / "bin" / tool

    def installed(self):
        """With the versions that are pinned now."""
        mark = HOME / self.name / "complete"
        return mark.exists() and mark.read_text() == self.requirements().read_text()

    def requirements(self):
        return FILES / f"{self.name}.txt"

    def pip_flags(self):
        return []

    def install(self):
        folder = HOME / self.name
        shutil.rmtree(folder, ignore_errors=True)
        say(f"bench: installing {self.name}")
        subprocess.run(["/usr/bin/python3", "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:", *self.pip_flags(),
                        "-r", self.requirements()], check=True, stdout=sys.stderr)
        (folder / "complete").write_text(self.requirements().read_text())

    def version(self):
        """Of the server itself: the first line of its requirements."""
        return self.requirements().read_text().splitlines()[0].split("==")[1]

    def prepare(self, task, models, folder, port, cores):
        """Writes what the server reads besides the model."""

    def command(self, task, folder, port, cores):
        raise NotImplementedError

    def environment(self, task, models, cores):
        model = models[task] if task == "image" else models[task].with_suffix(".pkl")
        return {"BENCH_MODEL": str(model), "BENCH_THREADS": str(cores)}

    def question(self, task, inputs):
        """None: takes no part."""
        raise NotImplementedError


def uvicorn(peer, app, port, *flags):
    return [peer.python(), "-m", "uvicorn", "--app-dir", FILES, "--host", "127.0.0.1", "--port", port, *flags, app]


class FastApiSklearn(Peer):
    name, title = "fastapi", "FastAPI + scikit-learn"
    form = "pydantic, a plain function, one process, uvicorn's defaults"

    def command(self, task, folder, port, cores):
        return uvicorn(self, "fastapi_sklearn:app", port)

    def question(self, task, inputs):
        if task == "image":
            return None
        return Question("/predict", inputs[task], lambda a: json.loads(a)["predictions"][0]["probabilities"])


class FastApiOrt(Peer):
    name, title = "fastapi", "FastAPI + ONNX Runtime, tuned"
    form = "orjson, uvloop, httptools, no validation, one process a core, one thread each; images as raw bytes"

    def command(self, task, folder, port, cores):
        return uvicorn(self, "fastapi_ort:app", port, "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning", "--workers", cores)

    def environment(self, task, models, cores):
        return {"BENCH_MODEL": str(models[task].with_suffix(".onnx")), "BENCH_THREADS": "1"}

    def question(self, task, inputs):
        if task == "image":
            return Question("/image", inputs["image"], numbers, OCTETS, FLOAT)
        return Question("/predict", inputs[task], lambda a: json.loads(a)["predictions"][0]["probabilities"], tolerance=FLOAT)


class MlServer(Peer):
    name, title = "mlserver", "MLServer"
    form = "mlserver-sklearn, no worker process, no access log; images as base64 to a runtime with ONNX Runtime"

    def prepare(self, task, models, folder, port, cores):
        settings = {"debug": False, "parallel_workers": 0, "host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
        (folder / "settings.json").write_text(json.dumps(settings))
        model = {"name": "m", "implementation": "mlserver_image.Image"} if task == "image" else \
            {"name": "m", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": str(models[task].with_suffix(".pkl"))}}
        (folder / "model-settings.json").write_text(json.dumps(model))

    def command(self, task, folder, port, cores):
        return [self.tool("mlserver"), "start", folder]

    def environment(self, task, models, cores):
        return {**super().environment(task, models, cores), "PYTHONPATH": str(FILES)}

    def question(self, task, inputs):
        if task == "image":
            tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "parameters": {"content_type": "base64"},
                      "data": [base64.b64encode(inputs["image"]).decode()]}
            body = {"inputs": [tensor]}
        else:
            row = json.loads(inputs[task])["instances"][0]
            body = {"inputs": [{"name": "rows", "shape": [1, len(row)], "datatype": "FP64", "data": row}], "outputs": [{"name": "predict_proba"}]}
        return Question("/v2/models/m/infer", json.dumps(body).encode(), lambda a: json.loads(a)["outputs"][0]["data"],
                        tolerance=FLOAT if task == "image" else 1e-9)


class Mlflow(Peer):
    name, title = "mlflow", "MLflow models serve"
    form = "--env-manager local, one worker a core; images as base64 to a Python function with ONNX Runtime"

    def prepare(self, task, models, folder, port, cores):
        model = models["image"] if task == "image" else models[task].with_suffix(".pkl")
        subprocess.run([self.python(), FILES / "mlflow_save.py", "image" if task == "image" else "rows", model, folder / "saved"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONWARNINGS": "ignore"})

    def command(self, task, folder, port, cores):
        return [self.tool("mlflow"), "models", "serve", "-m", folder / "saved", "--env-manager", "local", "-h", "127.0.0.1", "-p", port, "-w", cores]

    def environment(self, task, models, cores):
        path = f"{HOME / self.name / 'bin'}:{os.environ['PATH']}"  # it starts its server by name
        return {**super().environment(task, models, cores), "PATH": path, "BENCH_THREADS": "1", "GIT_PYTHON_REFRESH": "quiet"}

    def question(self, task, inputs):
        if task == "image":
            body = {"dataframe_records": [{"image": base64.b64encode(inputs["image"]).decode()}]}
        else:
            body = {"inputs": json.loads(inputs[task])["instances"]}
        return Question("/invocations", json.dumps(body).encode(), first_row("predictions"), tolerance=FLOAT if task == "image" else 1e-9)


class BentoMl(Peer):
    name, title = "bentoml", "BentoML"
    form = "one service, one worker a core, no access log; images as the body's bytes, answered as JSON"

    def command(self, task, folder, port, cores):
        service = "bentoml_image:Image" if task == "image" else "bentoml_rows:Rows"
        return [self.tool("bentoml"), "serve", service, "--working-dir", FILES, "--host", "127.0.0.1", "--port", port]

    def environment(self, task, models, cores):
        return {**super().environment(task, models, cores), "BENCH_WORKERS": str(cores), "BENCH_THREADS": "1", "BENTOML_HOME": str(HOME / self.name / "home"),
                "BENTOML_DO_NOT_TRACK": "True"}

    def question(self, task, inputs):
        if task == "image":
            return Question("/image", inputs["image"], json.loads, OCTETS, FLOAT)
        return Question("/predict", inputs[task], lambda a: json.loads(a)[0])


class LitServe(Peer):
    name, title = "litserve", "LitServe"
    form = "its batching for rows; images as a file of a form, answered as bytes"

    def command(self, task, folder, port, cores):
        return [self.python(), FILES / ("litserve_image.py" if task == "image" else "litserve_rows.py"), port]

    def question(self, task, inputs):
        if task != "image":
            return Question("/predict", inputs[task], lambda a: json.loads(a)["probabilities"][0])
        boundary = "b" * 24
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="image"\r\nContent-Type: application/octet-stream\r\n\r\n'
        return Question("/predict", head.encode() + inputs["image"] + f"\r\n--{boundary}--\r\n".encode(), numbers,
                        {"Content-Type": f"multipart/form-data; boundary={boundary}"}, FLOAT)


def tensor_request(name, shape, data):
    """The Open Inference Protocol's binary form: (body, headers)."""
    head = json.dumps({"inputs": [{"name": name, "shape": shape, "datatype": "FP32", "parameters": {"binary_data_size": len(data)}}],
                       "parameters": {"binary_data_output": True}}).encode()
    return head + data, {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}


class Triton(Peer):
    """Triton's server as nvidia-pytriton's wheel brings it: with the Python backend only, so ONNX Runtime comes by a C++ backend of the bench's own."""
    name, title, backend = "triton", "Triton + ONNX Runtime, C++ backend", "bench"
    form = "nvidia-pytriton's server, dynamic batching, rows as flat JSON, images as binary tensors; PyPI has no ONNX Runtime backend: a lean one of ours"

    def pip_flags(self):
        return ["--no-deps"]  # the server alone: PyTriton's client side asks for an older numpy

    def install(self):
        super().install()
        server = self.server()
        python = next((HOME / self.name / "lib").iterdir()).name.removeprefix("python")
        stub = server / "python_backend_stubs" / python / "triton_python_backend_stub"
        shutil.copy(stub, server / "backends" / "python")
        (server / "bin" / "tritonserver").chmod(0o755)

    def server(self):
        return next((HOME / self.name / "lib").glob("python3.*/site-packages/pytriton/tritonserver"))

    def environment(self, task, models, cores):
        packages = self.server().parents[1]
        path = f"{HOME / self.name / 'bin'}:{os.environ['PATH']}"  # by which its Python finds the environment's packages
        return {"LD_LIBRARY_PATH": str(packages / "nvidia_pytriton.libs"), "PATH": path, "BENCH_ORT_LIBRARY": str(next(BUILD.glob("libonnxruntime.so.*")))}

    def prepare(self, task, models, folder, port, cores):
        version = folder / "models" / "m" / "1"
        version.mkdir(parents=True)
        if self.backend == "python":
            shutil.copy(FILES / "triton_model.py", version / "model.py")
        shutil.copy(models[task].with_suffix(".onnx"), version / "model.onnx")
        image = task == "image"
        name, kind, dims = ("image", "FP32", [3, 224, 224]) if image else ("X", "FP32", [30])
        outputs = [("logits", "TYPE_FP32", 1000)] if image else [("label", "TYPE_INT64", 1), ("probabilities", "TYPE_FP32", -1)]
        # The image's graph takes one at a time.
        text = [f'name: "m"\nbackend: "{self.backend}"\nmax_batch_size: {1 if image else 64}\n',
                f'input [{{ name: "{name}" data_type: TYPE_{kind} dims: {dims} }}]\n',
                *(f'output [{{ name: "{n}" data_type: {t} dims: [{d}] }}]\n' for n, t, d in outputs),
                f'instance_group [{{ kind: KIND_CPU count: {cores if image else 1} }}]\n', "" if image else "dynamic_batching { }\n",
                'parameters { key: "threads" value { string_value: "1" } }\n']
        if self.backend == "bench":
            (folder / "backends" / "bench").mkdir(parents=True)
            shutil.copy(BUILD / "libtriton_bench.so", folder / "backends" / "bench")
        (folder / "models" / "m" / "config.pbtxt").write_text("".join(text))

    def command(self, task, folder, port, cores):
        return [self.server() / "bin" / "tritonserver", "--model-repository", folder / "models", "--backend-directory",
                self.server() / "backends" if self.backend == "python" else folder / "backends",
                "--http-address", "127.0.0.1", "--http-port", port, "--allow-grpc", "false", "--allow-metrics", "false", "--backend-config",
                f"python,shm-region-prefix-name=slipway_bench_{port}_"]

    def question(self, task, inputs):
        if task == "image":
            body, headers = tensor_request("image", IMAGE_SHAPE, inputs["image"])
            return Question("/v2/models/m/infer", body, lambda a: numbers(a[-4000:]), headers, FLOAT)
        row = json.loads(inputs[task])["instances"][0]
        body = {"inputs": [{"name": "X", "shape": [1, len(row)], "datatype": "FP32", "data": row}]}
        return Question("/v2/models/m/infer", json.dumps(body).encode(),
                        lambda a: next(o["data"] for o in json.loads(a)["outputs"] if o["name"] == "probabilities"), tolerance=FLOAT)


class TritonPython(Triton):
    title, backend = "Triton + ONNX Runtime, Python backend", "python"
    form = "the same server as its wheel is; dynamic batching"


PEERS = {"fastapi_sklearn": FastApiSklearn(), "fastapi_ort": FastApiOrt(), "mlserver": MlServer(), "mlflow": Mlflow(), "bentoml": BentoMl(),
         "litserve": LitServe(), "triton": Triton(), "triton_python": TritonPython()}


def install():
    for name, peer in PEERS.items():
        if not peer.installed():
            try:
                peer.install()
            except (subprocess.CalledProcessError, OSError, StopIteration) as error:
                say(f"bench: {peer.title} can't be installed here ({error}); it will be left out")


if __name__ == "__main__":
    if sys.argv[1:] != ["install"]:
        raise SystemExit(__doc__)
    install()
