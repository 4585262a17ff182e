"""What happens when more is asked than can be done. What run.py --overload does, and a program of its own:
    overload.py [--build DIR] [--only tiny|forest|resnet] [--sklearn PYTHON] [--seconds N]

For each model: its capacity (a closed loop), then 0.9 of it and twice of it offered in an open loop (slipway_load: latency counts from when a
request was due), then a polite key beside one that floods over many connections and takes no notice of any answer. The load generator has a
core of its own; the server, its cells included, has the others."""
import argparse
import array
import json
import math
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from measure import HERE, cpu_seconds, row
from slipway import Server

FLOOD_CONNECTIONS = 64


def cores():
    """(those of the load generator, those of the server)"""
    have = sorted(os.sched_getaffinity(0))
    return ({have[0]}, set(have[1:])) if len(have) > 1 else (set(have), set(have))


class Load:
    def __init__(self, build, server, path, body, content_type, on):
        self.build, self.server, self.path, self.body, self.content_type, self.on = build, server, path, body, content_type, on

    def one(self, name, key, **more):
        settings = {"name": name, "key": key, "body": self.body, "type": self.content_type, **more}
        return ",".join(f"{k}={v}" for k, v in settings.items())

    def run(self, seconds, *classes):
        """The generator's document, and beside it the server's CPU seconds a second and its resident MB: at the begin, the most, at the end."""
        port = self.server.url.rpartition(":")[2]
        command = ["taskset", "-c", ",".join(map(str, self.on)), self.build / "slipway_load", port, self.path, str(seconds), *classes]
        pid = self.server.process.pid
        before, memory, over = cpu_seconds(pid), [self.server.memory()[0]], threading.Event()

        def watch():
            while not over.wait(1):
                memory.append(self.server.memory()[0])

        watcher = threading.Thread(target=watch)
        watcher.start()
        begin = time.monotonic()
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30)
        finally:
            over.set()
            watcher.join()
        if done.returncode != 0:
            raise SystemExit("bench: " + done.stderr)
        document = json.loads(done.stdout)
        document["cpu"] = (cpu_seconds(pid) - before) / (time.monotonic() - begin)
        memory.append(self.server.memory()[0])
        document["memory"] = (memory[0], max(memory), memory[-1])
        return document


def milliseconds(part, percentile="p99"):
    value = part["ms"].get(percentile)
    return "" if value is None else f"{value:.2f}"


def overload_table(load, key, capacity, seconds, connections, arrivals):
    tables = {}
    print(f"\nOpen loop, {arrivals} arrivals over {connections} connections, latency from when a request was due:\n")
    row("offered", "s", "requests due", "accepted/s", "p50 ms", "p99 ms", "max ms", "refused/s", "p50 ms", "p99 ms", "max ms", "without Retry-After",
            "other answers", "unanswered", "resident MB, first, most, last")
    row(*["---:"] * 15)
    for share, long in ((0.9, min(seconds, 20)), (2.0, seconds)):
        got = load.run(long, load.one("all", key, rate=f"{capacity * share:.1f}", connections=connections, arrivals=arrivals))
        one = tables[share] = got["all"]
        accepted, refused = one["accepted"], one["refused"]
        row(f"{share} x capacity", str(long), str(one["due"]), f"{accepted['per_second']:.1f}", milliseconds(accepted, "p50"), milliseconds(accepted),
                milliseconds(accepted, "max"), f"{refused['per_second']:.1f}", milliseconds(refused, "p50"), milliseconds(refused),
                milliseconds(refused, "max"), str(one["refused_without_retry_after"]), str(one["failed"]["count"]),
                str(one["unanswered"] + one["unsent"] + one["broken"]), ", ".join(f"{m:.1f}" for m in got["memory"]))
        time.sleep(2)
    calm, hot = (tables[share]["accepted"]["ms"].get("p99", float("nan")) for share in (0.9, 2.0))
    print(f"\naccepted p99 at twice the capacity / at 0.9 of it: **{hot / calm:.2f}** (goal: at most 2); "
          f"refused p99 {milliseconds(tables[2.0]['refused']) or '-'} ms (goal: below 5)\n")


def flood_table(load, polite_key, flood_key, rate, seconds):
    polite = load.one("polite", polite_key, rate=f"{rate:.1f}", connections=64, arrivals="poisson")
    flood = load.one("flood", flood_key, rate=0, connections=FLOOD_CONNECTIONS)
    print(f"\nA polite key ({rate:.0f} requests/s, Poisson arrivals), alone and beside a key that floods over {FLOOD_CONNECTIONS} connections:\n")
    row("", "polite answers/s", "p50 ms", "p90 ms", "p99 ms", "max ms", "not 200", "flood answers/s", "flood refused/s", "cores in use")
    row("---", *["---:"] * 9)
    p99 = []
    for title, classes in (("alone", (polite,)), ("beside the flood", (polite, flood))):
        got = load.run(seconds, *classes)
        one, other = got["polite"], got.get("flood")
        p99.append(one["accepted"]["ms"].get("p99", float("nan")))
        row(title, f"{one['accepted']['per_second']:.1f}", *(milliseconds(one["accepted"], p) for p in ("p50", "p90", "p99", "max")),
                str(one["refused"]["count"] + one["failed"]["count"] + one["unanswered"] + one["unsent"] + one["broken"]),
                f"{other['accepted']['per_second']:.1f}" if other else "", f"{other['refused']['per_second']:.1f}" if other else "", f"{got['cpu']:.2f}")
        time.sleep(2)
    print(f"\npolite p99 beside the flood / alone: **{p99[1] / p99[0]:.2f}** (goal: at most 1.3)\n")


def write_image(path):
    """[1, 3, 224, 224] float32 as npy, every value 0.5."""
    shape = (1, 3, 224, 224)
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape!r}, }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    values = array.array("f", [0.5] * math.prod(shape))
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + values.tobytes())


def models(build, work, python, only):
    """(title, file, body, content type)"""
    if only in (None, "tiny"):
        yield "30-feature logistic regression, one row", HERE / "models" / "breast_cancer_logreg.pkl", HERE / "models" / "breast_cancer_row.json", "application/json"
    if only in (None, "forest") and python:
        folder = work / "forests"
        folder.mkdir()
        subprocess.run([python, HERE / "forest.py", "make", folder, "forest"], check=True)
        yield "forest, 100 trees of depth 12, 1,000 rows", folder / "forest.pkl", folder / "rows.npy", "application/x-npy"
    if only in (None, "resnet"):
        onnx, image = work / "resnet18_sized.onnx", work / "image.npy"
        subprocess.run([build / "bench_make_resnet", onnx, "1"], check=True)
        write_image(image)
        yield "ResNet-18-sized graph, one image", onnx, image, "application/x-npy"


def section(build, work, seconds, python=None, only=None, arrivals="poisson", share=0.1):
    client, served = cores()
    print(f"\n## Overload: the load generator on core {sorted(client)}, the server on {sorted(served)}")
    for title, file, body, content_type in models(build, work, python, only):
        with open(work / "overload.log", "ab") as log, tempfile.TemporaryDirectory(dir=work) as data:
            server = Server(build, Path(data), log)
            try:
                server.start(sorted(served))
                token = server.sign_up_token()
                keys = [server.make_key(token, name) for name in ("polite", "flood")]
                model = server.push(file, keys[0])
                load = Load(build, server, f"/api/predict/{model}", body, content_type, client)
                load.run(3, load.one("all", keys[0], rate=0, connections=4))  # loads it, and more cells
                got = load.run(4, load.one("all", keys[0], rate=0, connections=32))
                capacity = got["all"]["accepted"]["per_second"]
                print(f"\n### {title}\n\nCapacity, 32 connections in a closed loop: {capacity:.1f} requests/s, p99 {milliseconds(got['all']['accepted'])} ms.")
                time.sleep(2)
                overload_table(load, keys[0], capacity, seconds, 256, arrivals)
                flood_table(load, keys[0], keys[1], capacity * share, min(seconds, 20))
            finally:
                server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=HERE.parent / "build" / "release")
    parser.add_argument("--seconds", type=int, default=60, help="of twice the capacity; the rest takes 20 at most")
    parser.add_argument("--sklearn", type=Path, help="a Python with scikit-learn; without it the forest is left out")
    parser.add_argument("--only", choices=("tiny", "forest", "resnet"))
    parser.add_argument("--arrivals", choices=("constant", "poisson"), default="poisson")
    parser.add_argument("--share", type=float, default=0.1, help="of the capacity, that the polite key asks for")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slipway-overload-") as work:
        section(arguments.build.resolve(), Path(work), arguments.seconds, arguments.sklearn, arguments.only, arguments.arrivals, arguments.share)


if __name__ == "__main__":
    main()
