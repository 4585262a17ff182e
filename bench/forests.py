"""Large forests: how long an import takes, and batches beside scikit-learn's own predict_proba. scikit-learn runs in a process of its own (forest.py)."""
import json
import os
import subprocess
import time

from measure import CORES, HERE, Question, call_json, median, say, wrk
from report import section, table

NPY = {"Content-Type": "application/x-npy"}
JSON = {"Content-Type": "application/json"}


class Library:
    """scikit-learn, asked one measurement at a time."""

    def __init__(self, python, folder):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen([python, HERE / "forest.py", "answer", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=environment, text=True)

    def milliseconds(self, forest, rows, seconds, jobs):
        self.process.stdin.write(f"{forest} {rows} {seconds} {jobs}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def make(work, python):
    folder = work / "forests"
    folder.mkdir()
    say("bench: scikit-learn fits the forests")
    subprocess.run([python, HERE / "forest.py", "make", folder], check=True)
    return folder


def check_answers(url, folder, name, key):
    answers = call_json(url, (folder / "rows.npy").read_bytes(), NPY, key)["predictions"]
    expected = json.loads((folder / f"{name}_answer.json").read_text())
    for got, label, probabilities in zip(answers, expected["label"], expected["probabilities"], strict=True):
        if got["label"] != label or any(abs(a - b) > 1e-9 * abs(b) for a, b in zip(got["probabilities"], probabilities, strict=True)):
            raise SystemExit(f"bench: {name} answers {got}, scikit-learn {label}, {probabilities}")


def imports(server, build, folder, key, rounds):
    """(model id, rows of the table)"""
    size = (folder / "deep.pkl").stat().st_size / 1e6
    uploads, inspections = [], []
    for _ in range(rounds):
        begin = time.monotonic()
        subprocess.run([build / "slipway", "inspect", folder / "deep.pkl"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        inspections.append(time.monotonic() - begin)
        begin = time.monotonic()
        model = server.push(folder / "deep.pkl", key)
        uploads.append(time.monotonic() - begin)
    return model, [[f"slipway inspect of a {size:.0f} MB forest", f"{median(inspections):.2f} s", "< 3 s"],
                   ["its upload over HTTP, until ready", f"{median(uploads):.2f} s", "< 3 s"]]


def batch(server, library, folder, name, title, model, key, count, goal, rounds, seconds):
    """A row: slipway's whole request over HTTP beside the call alone."""
    body, headers = ((folder / "rows.npy").read_bytes(), NPY) if count > 1 else ((folder / "row.json").read_bytes(), JSON)
    question = Question(f"/api/predict/{model}", body, None, {**headers, "Authorization": f"Bearer {key}"})
    theirs, ours = {jobs: [] for jobs in sorted({1, len(CORES)})}, []
    for _ in range(rounds):
        for jobs, times in theirs.items():
            times.append(library.milliseconds(name, count, seconds, jobs))
        ours.append(wrk(question, server.url, 1, seconds, server.process.pid).p50_ms)
    jobs, best = min(((jobs, median(times)) for jobs, times in theirs.items()), key=lambda pair: pair[1])
    mine = median(ours)
    return [title, count, f"{best:.2f}", jobs, f"{mine:.2f}", f"{best / mine:.1f}", goal]


def measure(server, build, folder, key, small, rounds, seconds, python):
    """`small`: the pushed forest.pkl."""
    deep, imported = imports(server, build, folder, key, rounds)
    library, rows = Library(python, folder), []
    try:
        size = (folder / "deep.pkl").stat().st_size / 1e6
        for name, model, title, goals in (("forest", small, "100 trees, depth 12, 30 features", {1000: "1.0", 1: "20"}),
                                          ("deep", deep, f"{size:.0f} MB, unlimited depth", {1000: "1.0", 1: ""})):
            check_answers(f"{server.url}/api/predict/{model}", folder, name, key)
            rows += [batch(server, library, folder, name, title, model, key, count, goal, rounds, seconds) for count, goal in goals.items()]
    finally:
        library.stop()
    return section("Random forests: import, and batches beside scikit-learn's predict_proba", table(["what", ">measured", ">goal"], imported),
                   f"slipway's times are of whole requests over HTTP, one connection, {len(CORES)} cores; scikit-learn's of the call alone, with the better n_jobs.",
                   table(["forest", ">rows", ">scikit-learn ms", ">n_jobs", ">slipway ms", ">times as fast", ">goal"], rows))
