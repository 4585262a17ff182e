"""slipway beside its yardsticks (a bare echo, ONNX Runtime alone in a loop) and beside other servers, on the same requests. A task is a model with a request:
rows (logistic regression, 30 features), forest (100 trees), image (ResNet-18's size). Everybody's answer is checked before and after it is measured."""
import json
import os
import signal
import struct
import subprocess
import time
from dataclasses import dataclass

from measure import HERE, Question, await_answer, call, end, family, free_port, median, medians, say, wrk
from peers import IMAGE_SHAPE, PEERS, numbers, tensor_request
from report import section, table

TASKS = {"rows": ("Small model: logistic regression, 30 features, one row as JSON", (64, 1)),
         "forest": ("Random forest: 100 trees of depth 12, 30 features, one row as JSON", (64,)),
         "image": ("ResNet-18-sized graph: one image (1x3x224x224, 602 kB), each server in its quickest form", (8,))}


@dataclass
class Inputs:
    """What is asked and what is right, a task."""
    models: dict    # task -> file (.pkl, and .onnx beside it; the image's is .onnx)
    bodies: dict    # task -> the JSON of slipway's own form, or the image's bytes
    expected: dict  # task -> numbers


class Contender:
    def __init__(self, key, title, work):
        self.key, self.title, self.work = key, title, work
        self.process = None

    def takes_part(self, task, inputs):
        return self.question(task, inputs) is not None

    def expected(self, task, inputs):
        return inputs.expected[task]

    def launch(self, argv, placement, environment=None, folder=None):
        self.log = self.work / f"{self.key}.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(placement.command(placement.server, argv), stdout=log, stderr=log, start_new_session=True, cwd=folder,
                                            env={**os.environ, **(environment or {})})

    def pid(self):
        return self.process.pid

    def stop(self):
        if self.process is not None:
            self.thaw()
            end(self.process)
            self.process = None

    def signal(self, what):
        for pid in family(self.pid()):
            try:
                os.kill(pid, what)
            except ProcessLookupError:
                pass

    def freeze(self):
        """While others are measured: some servers poll, which would cost the others' time."""

    def thaw(self):
        pass


class Yardstick(Contender):
    """A program of our own that answers a request with its body."""

    def __init__(self, key, title, program, work):
        super().__init__(key, title, work)
        self.program = program

    def question(self, task, inputs):
        return Question("/api/predict/x", inputs.bodies[task], lambda a: json.loads(a)["instances"][0],
                        {"Content-Type": "application/json", "Authorization": "Bearer x"}) if task == "rows" else None

    def expected(self, task, inputs):
        return json.loads(inputs.bodies[task])["instances"][0]

    def start(self, task, inputs, placement):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.launch([self.program, port, len(placement.server)], placement)
        await_answer(self.process, self.url, self.question(task, inputs), self.title, self.log)


class Slipway(Contender):
    def __init__(self, server, key, models, work):
        super().__init__("slipway", "slipway", work)
        self.server, self.api_key, self.models = server, key, models

    def question(self, task, inputs):
        model = self.models[task]
        key = {"Authorization": f"Bearer {self.api_key}"}
        if task == "image":
            body, headers = tensor_request("image", IMAGE_SHAPE, inputs.bodies[task])
            return Question(f"/v2/models/{model}/infer", body, lambda a: numbers(a[-4000:]), {**headers, **key}, 1e-5)
        return Question(f"/api/predict/{model}", inputs.bodies[task], lambda a: json.loads(a)["predictions"][0]["probabilities"],
                        {"Content-Type": "application/json", **key})

    def start(self, task, inputs, placement):
        self.server.stop()
        self.server.start(placement.server)
        self.url = self.server.url
        question = self.question(task, inputs)
        call(self.url + question.path, question.body, question.headers)

    def pid(self):
        return self.server.process.pid

    def stop(self):
        self.server.stop()


class Other(Contender):
    def __init__(self, key, peer, work):
        super().__init__(key, peer.title, work)
        self.peer = peer

    def question(self, task, inputs):
        return self.peer.question(task, inputs.bodies)

    def start(self, task, inputs, placement):
        folder = self.work / f"{self.key}-{task}-{time.monotonic_ns()}"
        folder.mkdir()
        port, cores = free_port(), len(placement.server)
        self.url = f"http://127.0.0.1:{port}"
        self.peer.prepare(task, inputs.models, folder, port, cores)
        begin = time.monotonic()
        self.launch(self.peer.command(task, folder, port, cores), placement, self.peer.environment(task, inputs.models, cores), folder)
        await_answer(self.process, self.url, self.question(task, inputs), self.title, self.log)
        return time.monotonic() - begin

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)


def others(work):
    """(those that are installed, the titles of those that are not)"""
    there = [Other(key, peer, work) for key, peer in PEERS.items() if peer.installed()]
    return there, [peer.title for peer in PEERS.values() if not peer.installed()]


def library(build):
    return next(build.glob("libonnxruntime.so.*"))


def ort_loop(build, onnx, placement, seconds):
    threads = len(placement.server)
    argv = placement.command(placement.server, [build / "bench_ort_loop", library(build), onnx, seconds, threads])
    return float(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)


def load(one, task, inputs, placement, connections, seconds):
    """The right answer is awaited before and after: then what wrk left behind when it hung up is done, and costs nobody else's time."""
    question = one.question(task, inputs)
    question.check(one.url, one.title, one.expected(task, inputs))
    seen = wrk(question, one.url, connections, seconds, one.pid(), placement.client)
    question.check(one.url, one.title, one.expected(task, inputs))
    return seen


def measure(contenders, task, inputs, placement, rounds, seconds, loop=None):
    """{connections: {key: [Load]}}, and the loop's rates"""
    connections = TASKS[task][1]
    results, loops = {c: {one.key: [] for one in contenders} for c in connections}, []
    try:
        for one in contenders:
            say(f"bench: {task}, {placement.name}: starting {one.title}")
            one.start(task, inputs, placement)
            load(one, task, inputs, placement, connections[0], 2)  # warm
            one.freeze()
        for _ in range(rounds):
            if loop:
                loops.append(loop(seconds))
            for one in contenders:
                one.thaw()
                for c in connections:
                    results[c][one.key].append(load(one, task, inputs, placement, c, seconds))
                one.freeze()
    finally:
        for one in contenders:
            one.stop()
    return results, loops


def comparison(contenders, task, inputs, placement, rounds, seconds, loop=None):
    """As many results as the task has numbers of connections."""
    taking_part = [one for one in contenders if one.takes_part(task, inputs)]
    results, loops = measure(taking_part, task, inputs, placement, rounds, seconds, loop)
    out = []
    for connections, by_key in results.items():
        rows = []
        if loops:
            rows.append({"key": "loop", "title": "ONNX Runtime alone, in-process loop", "rate": median(loops), "p50_ms": 1000 / median(loops), "p99_ms": None,
                         "cpu_us": None, "rounds": loops})
        for one in taking_part:
            rate, p50, p99, cpu = medians([(load.rate, load.p50_ms, load.p99_ms, load.cpu_us) for load in by_key[one.key]])
            rows.append({"key": one.key, "title": one.title, "rate": rate, "p50_ms": p50, "p99_ms": p99, "cpu_us": cpu,
                         "rounds": [load.rate for load in by_key[one.key]]})
        out.append({"task": task, "placement": placement.name, "connections": connections, "section": f"{TASKS[task][0]}; {placement.title}",
                    "title": f"{TASKS[task][0].split(':')[0]}, {connections} connection{'s' if connections > 1 else ''}, {placement.title}", "rows": rows})
    return out


def number(value, digits=3):
    return "" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.{digits}g}" if value < 100 else f"{value:.0f}"


def shown(results):
    """The section of one task in one placement."""
    parts = []
    for result in results:
        ours = next(r for r in result["rows"] if r["key"] == "slipway")
        columns = ["server", ">requests/s", ">p50 ms", ">p99 ms", ">CPU us/request", ">slipway is x times as fast"]
        rows = [[r["title"], number(r["rate"]), number(r["p50_ms"]), number(r["p99_ms"]), number(r["cpu_us"]),
                 "" if r is ours else f"{ours['rate'] / r['rate']:.3g}"] for r in result["rows"]]
        parts += [f"{result['connections']} connection{'s' if result['connections'] > 1 else ''}:", table(columns, rows)]
    return section(results[0]["section"], *parts)


def make_image(build, work):
    """(graph, pixels, the right answer)"""
    graph = work / "image.onnx"
    subprocess.run([build / "bench_make_resnet", graph, "1"], check=True)
    state, pixels = 1, []
    for _ in range(3 * 224 * 224):  # the same in every run
        state = (state * 1103515245 + 12345) % (1 << 31)
        pixels.append(state / (1 << 30) - 1.0)
    (work / "image.f32").write_bytes(struct.pack(f"<{len(pixels)}f", *pixels))
    subprocess.run([build / "bench_ort_loop", library(build), graph, "0.1", "1", work / "image.f32", work / "logits.f32"], check=True, stdout=subprocess.DEVNULL)
    return graph, (work / "image.f32").read_bytes(), numbers((work / "logits.f32").read_bytes())


def make_inputs(build, work, forests, image):
    """Model files and requests; ONNX files for those that read nothing else come from skl2onnx, where FastAPI's environment is installed."""
    models, bodies, expected = {}, {}, {}
    models["rows"] = work / "rows.pkl"
    models["rows"].write_bytes((HERE / "models" / "breast_cancer_logreg.pkl").read_bytes())
    bodies["rows"] = (HERE / "models" / "breast_cancer_row.json").read_bytes()
    expected["rows"] = json.loads((HERE / "models" / "breast_cancer_answer.json").read_text())["probabilities"]
    if forests:
        models["forest"] = forests / "forest.pkl"
        bodies["forest"] = (forests / "row.json").read_bytes()
        expected["forest"] = json.loads((forests / "forest_answer.json").read_text())["probabilities"][0]
    if image:
        models["image"], bodies["image"], expected["image"] = make_image(build, work)
    fastapi = PEERS["fastapi_ort"]
    if fastapi.installed():
        for task in ("rows", *(["forest"] if forests else [])):
            subprocess.run([fastapi.python(), HERE / "peers" / "to_onnx.py", models[task], models[task].with_suffix(".onnx")], check=True)
    return Inputs(models, bodies, expected)
