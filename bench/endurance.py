"""What many models and many deaths do to who asks (bench/run.py --endurance calls it; alone: endurance.py --sklearn PYTHON).

Three hundred small models of several kinds, memory for thirty, calls by Zipf's law: every request must be answered with the library's own numbers, the cells'
memory must stay at the budget, and a model that is loaded for a request must not keep it waiting. Then a cell is killed every second for a minute under
load: only what runs in it may be answered 503, and who asks another model must not notice."""
import argparse
import bisect
import http.client
import itertools
import json
import os
import random
import re
import signal
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from urllib.parse import urlparse

from measure import HERE, call_json as call, row, say
from slipway import Server

MODELS, FIT = 300, 30
VICTIM, OTHER = "005", "000"  # a forest, a logistic regression


class Asked:
    """One request as its caller saw it."""
    __slots__ = ("model", "due", "end", "status", "right")

    def __init__(self, model, due, end, status, right):
        self.model, self.due, self.end, self.status, self.right = model, due, end, status, right

    @property
    def ms(self):
        return (self.end - self.due) * 1000


class Client:
    """A caller with one connection. Status 0: no answer at all, the request is lost."""

    def __init__(self, server, key):
        self.at = urlparse(server.url)
        self.headers = {"Content-Type": "application/json", "Authorization": "Bearer " + key}
        self.connection = None

    def ask(self, model, due=None):
        due = due or time.time()
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.at.hostname, self.at.port, timeout=60)
            self.connection.request("POST", "/api/predict/" + model["id"], model["body"], self.headers)
            answer = self.connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection = None
            return Asked(model["id"], due, time.time(), 0, False)
        end = time.time()
        return Asked(model["id"], due, end, answer.status, answer.status == 200 and is_right(model, json.loads(body)))


def is_right(model, answer):
    got = answer["predictions"][0]
    if isinstance(got, dict):
        got = got[model["field"]] if model["field"] else next(iter(got.values()))
    expected = model["value"]
    pairs = zip(got, expected, strict=True) if isinstance(expected, list) else [(got, expected)]
    return all(abs(a - b) <= 1e-9 * abs(b) + 1e-12 for a, b in pairs)


class Memory:
    """The proportional memory of all cells, looked at four times a second from outside."""

    def __init__(self, server):
        self.server, self.seen, self.cells, self.over = server, [], [], threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def watch(self):
        while not self.over.wait(0.25):
            sizes = [size for size in map(pss, cells_of(self.server.process.pid)) if size]
            self.seen.append(sum(sizes))
            self.cells.append(len(sizes))


def pss(pid):
    try:
        return int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M).group(1)) * 1024
    except (OSError, AttributeError):
        return 0  # gone meanwhile


def children(pid):
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in path.read_text().split()]
        except OSError:
            pass
    return found


def cells_of(server_pid):
    return [cell for launcher in children(server_pid) for cell in children(launcher)]


def metric(server, name):
    with urllib.request.urlopen(server.url + "/metrics", timeout=10) as answer:
        found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.M)
    return float(found.group(1)) if found else 0.0


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))] if values else float("nan")


def runtime(server, key, model):
    return call(f"{server.url}/api/models/{model['id']}", key=key)["runtime"]


def push_all(server, key, folder):
    def push(path):
        return {"id": server.push(path, key), **read_case(path.with_suffix(".json"))}
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(push, sorted(folder.glob("*.pkl"))))


def read_case(path):
    case = json.loads(path.read_text())
    return {**case, "body": json.dumps(case["body"])}


class Zipf:
    """Rank r is drawn with a weight of 1/r; which model has which rank has nothing to do with its kind."""

    def __init__(self, models, seed=1):
        self.random = random.Random(seed)
        self.models = self.random.sample(models, len(models))
        self.sums = list(itertools.accumulate(1 / rank for rank in range(1, len(models) + 1)))

    def draw(self):
        return self.models[bisect.bisect(self.sums, self.random.random() * self.sums[-1])]


def paced(server, key, zipf, rate, seconds, callers=48):
    """Calls at random moments, so many a second whatever the answers do; latency counts from the moment the call was due."""
    start, due, plan = time.time() + 0.2, 0.0, []
    while due < seconds:
        due += zipf.random.expovariate(rate)
        plan.append((start + due, zipf.draw()))
    turns = iter(plan)
    lock = threading.Lock()

    def caller():
        client, seen = Client(server, key), []
        while True:
            with lock:
                turn = next(turns, None)
            if turn is None:
                return seen
            time.sleep(max(0.0, turn[0] - time.time()))
            seen.append(client.ask(turn[1], turn[0]))
    with ThreadPoolExecutor(callers) as pool:
        return [asked for future in [pool.submit(caller) for _ in range(callers)] for asked in future.result()]


def pressed(server, key, draw, seconds, callers):
    """Callers who ask again as soon as they are answered."""
    end = time.time() + seconds

    def caller():
        client, seen = Client(server, key), []
        while time.time() < end:
            seen.append(client.ask(draw()))
        return seen
    with ThreadPoolExecutor(callers) as pool:
        return [asked for future in [pool.submit(caller) for _ in range(callers)] for asked in future.result()]


def loads_told(log, since):
    """(version, when it was in memory) of each load that the server's log tells from there on."""
    with open(log.name, "rb") as lines:
        lines.seek(since)
        for line in lines:
            if b'"model.loaded"' in line:
                entry = json.loads(line)
                yield entry["model"], datetime.fromisoformat(entry["time"].replace("Z", "+00:00")).timestamp()


def cold_latencies(asked, loads):
    """Of the requests whose model came into memory while they waited."""
    at = {}
    for model, when in loads:
        at.setdefault(model, []).append(when)
    return [a.ms for a in asked if a.status == 200 and any(a.due <= when <= a.end + 0.001 for when in at.get(a.model, ()))]


def counts(asked):
    found = {}
    for a in asked:
        found[a.status] = found.get(a.status, 0) + 1
    return ", ".join(f"{number:,} x {status or 'no answer'}" for status, number in sorted(found.items(), reverse=True))


def table_row(name, asked, seconds, loads, memory, budget):
    cold = cold_latencies(asked, loads)
    wrong = sum(a.status == 200 and not a.right for a in asked)
    row(name, f"{len(asked) / seconds:.0f}", counts(asked) + (f"; {wrong} wrong" if wrong else ""), f"{percentile([a.ms for a in asked], 50):.1f}",
        f"{len(loads) / seconds:.1f}", f"{percentile(cold, 50):.0f}", f"{percentile(cold, 99):.0f}",
        f"{statistics.mean(memory.seen) / budget * 100:.0f} %", f"{max(memory.seen) / budget * 100:.0f} %", f"{max(memory.cells)}")


def many_models(server, key, folder, seconds, rates):
    say(f"endurance: pushing {MODELS} models")
    begin = time.monotonic()
    models = push_all(server, key, folder)
    pushed_s = time.monotonic() - begin
    since = os.path.getsize(server.log.name)
    for _ in range(2):
        for model in models:
            asked = Client(server, key).ask(model)
            if not asked.right:
                raise SystemExit(f"endurance: {model['id']} answers {asked.status}, or not what scikit-learn does")
    time.sleep(2)  # each cell is measured once a second
    with Memory(server) as memory:
        time.sleep(1)
    all_loaded = memory.seen[-1]
    # The log names versions: they were loaded in the order of their first calls.
    versions = dict(zip((version for version, _ in loads_told(server.log, since)), (model["id"] for model in models), strict=True))
    rss, _ = server.memory()
    server.stop()
    server.start()
    zipf = Zipf(models)
    for model in zipf.random.sample(models, FIT) * 2:
        Client(server, key).ask(model)
    time.sleep(2)
    with Memory(server) as memory:
        time.sleep(1)
    budget = memory.seen[-1]
    server.stop()
    server.flags = ["--inference.memory_bytes", str(budget)]
    server.start()
    print(f"\n## {MODELS} models, memory for {FIT}, calls by Zipf's law\n\n{MODELS} scikit-learn models of 13 kinds, pushed in {pushed_s:.0f} s; "
          f"with all of them in memory the cells have {all_loaded / 1e6:.0f} MB, the server {rss:.0f} MB resident. Budget: what {FIT} of them need, "
          f"{budget / 1e6:.0f} MB. Every answer is compared with scikit-learn's; a request is cold when its model was loaded for it.\n", flush=True)
    row("calls", "calls/s", "answers", "p50 ms", "loads/s", "cold p50 ms", "cold p99 ms", "memory, mean of the budget", "most", "cells at most")
    row("---", "---:", "---", "---:", "---:", "---:", "---:", "---:", "---:", "---:")
    lock = threading.Lock()

    def draw():
        with lock:
            return zipf.draw()
    runs = [(f"{rate}/s, at random moments", lambda rate=rate: paced(server, key, zipf, rate, seconds)) for rate in rates]
    runs.append(("16 callers, each as fast as it is answered", lambda: pressed(server, key, draw, seconds, 16)))
    for name, run in runs:
        say(f"endurance: {name}")
        since = os.path.getsize(server.log.name)
        with Memory(server) as memory:
            asked = run()
        loads = [(versions[version], when) for version, when in loads_told(server.log, since)]
        table_row(name, asked, seconds, loads, memory, budget)


class Killer:
    """Kills the model's cell (SIGKILL, from outside) at every interval."""

    def __init__(self, server, key, model, every_s):
        self.server, self.key, self.model, self.every_s = server, key, model, every_s
        self.times, self.over = [], threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def run(self):
        while not self.over.wait(self.every_s):
            pid = runtime(self.server, self.key, self.model)["pid"]
            if pid > 0:
                self.times.append(time.time())
                os.kill(pid, signal.SIGKILL)


def kills(server, key, folder, seconds, every_s=1.0, callers=4):
    server.stop()
    server.flags = []
    server.start()
    cases = [json.loads((folder / f"{name}.json").read_text()) for name in (VICTIM, OTHER)]
    cases[0]["body"]["instances"] *= 500  # a run takes a while, so that kills hit some
    victim, other = ({**case, "id": server.push(folder / f"{name}.pkl", key), "body": json.dumps(case["body"])}
                     for name, case in zip((VICTIM, OTHER), cases))
    print(f"\n## A model's cell killed every {every_s:g} s for {seconds} s, {callers} callers on it and {callers} on another model\n", flush=True)
    row("whose callers", "calls/s", "answers", "p50 ms", "p99 ms", "longest ms")
    row("---", "---:", "---", "---:", "---:", "---:")
    say("endurance: kills")

    def both(seconds):
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(pressed, server, key, lambda model=model: model, seconds, callers) for model in (victim, other)]
            return [future.result() for future in futures]
    calm = both(min(10, seconds))
    with Killer(server, key, victim, every_s) as killer:
        hit = both(seconds)
    for name, asked, took in (("both, without kills", calm[0] + calm[1], min(10, seconds)), ("the killed model's", hit[0], seconds), ("the other's", hit[1], seconds)):
        times = [a.ms for a in asked]
        row(name, f"{len(asked) / took:.0f}", counts(asked), f"{percentile(times, 50):.2f}", f"{percentile(times, 99):.2f}", f"{max(times):.0f}")
    good = sorted(a.end for a in hit[0] if a.status == 200)
    back = [(good[i] - at) * 1000 for at in killer.times if (i := bisect.bisect(good, at + 0.003)) < len(good)]
    print(f"\n{len(killer.times)} kills, {sum(a.status == 503 for a in hit[0])} answers of 503 ({callers} requests at most are in the cell at a time); "
          f"{metric(server, 'slipway_model_quarantines_total'):.0f} times a model was sent to rest. The model's next answer after a kill: "
          f"median {statistics.median(back):.0f} ms, longest {max(back):.0f} ms.", flush=True)


def measure(build, work, python, seconds=30, kill_seconds=60, rates=(20, 50)):
    folder = work / "many"
    if not folder.exists():
        say("endurance: scikit-learn fits the models")
        subprocess.run([python, HERE / "small_models.py", folder, str(MODELS)], check=True)
    with open(work / "endurance.log", "wb") as log:
        server = Server(build, work / "endurance", log)
        try:
            server.start()
            key = server.sign_up()
            many_models(server, key, folder, seconds, rates)
            kills(server, key, folder, kill_seconds)
        finally:
            server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sklearn", type=Path, required=True, help="a Python with scikit-learn")
    parser.add_argument("--build", type=Path, default=HERE.parent / "build" / "release")
    parser.add_argument("--work", type=Path, help="a folder for the models and the data; made when missing, kept")
    parser.add_argument("--seconds", type=int, default=30, help="of each load on many models")
    parser.add_argument("--kill-seconds", type=int, default=60)
    arguments = parser.parse_args()
    if arguments.work:
        arguments.work.mkdir(parents=True, exist_ok=True)
        return measure(arguments.build.resolve(), arguments.work.resolve(), arguments.sklearn, arguments.seconds, arguments.kill_seconds)
    with tempfile.TemporaryDirectory(prefix="slipway-endurance-") as work:
        measure(arguments.build.resolve(), Path(work), arguments.sklearn, arguments.seconds, arguments.kill_seconds)


if __name__ == "__main__":
    main()
