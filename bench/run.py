"""Starts the release program on a data directory of its own, pushes a small and a large model, and measures them beside their yardsticks:
a bare Boost.Beast echo server with the same bodies, ONNX Runtime alone in a loop, scikit-learn's own predict_proba. Rounds alternate, so that a slow minute of the
machine hits both sides; the tables show medians."""
import argparse
import array
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODELS = HERE / "models"
PASSWORD = "a phrase for the benchmark"


def say(text):
    print(text, file=sys.stderr, flush=True)


def call(url, body=None, content_type="application/json", key=None, method=None):
    headers = {"Content-Type": content_type} if body is not None else {}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raise SystemExit(f"bench: {url} answered {error.code}: {error.read()[:500]!r}") from None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def family(pid):
    """A process and everything below it."""
    pids = [pid]
    for p in pids:
        for task in Path(f"/proc/{p}/task").iterdir():
            pids += [int(child) for child in (task / "children").read_text().split()]
    return pids


def cpu_seconds(pid):
    """Of a process and everything below it, so far."""
    ticks = 0
    for p in family(pid):
        fields = Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Server:
    def __init__(self, build, data, log):
        self.build, self.data, self.log = build, data, log
        self.process = None

    def start(self):
        """Seconds until /readyz says yes."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SLIPWAY_")}
        begin = time.monotonic()
        self.process = subprocess.Popen([self.build / "slipway", "serve", "--listen", "127.0.0.1:0", "--data", str(self.data)],
                                        stdout=subprocess.PIPE, stderr=self.log, env=environment, text=True)
        text = ""
        while "Data:" not in text:
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit(f"bench: the server ended at its start; see {self.log.name}")
            text += line
        self.url = re.search(r"http://127\.0\.0\.1:\d+", text).group(0)
        link = re.search(r"/start#(\w+)", text)
        self.setup_token = link.group(1) if link else None
        while True:
            try:
                with urllib.request.urlopen(self.url + "/readyz", timeout=5):
                    return time.monotonic() - begin
            except (urllib.error.HTTPError, OSError):
                if time.monotonic() - begin > 30:
                    raise SystemExit("bench: the server is not ready after 30 s") from None
                time.sleep(0.005)

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def memory(self):
        """(the server's resident MB, proportional MB of it and its children)."""
        pids = family(self.process.pid)
        rss = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pids[0]}/status").read_text()).group(1)) / 1024
        pss = 0
        for pid in pids:
            try:
                pss += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M).group(1)) / 1024
            except (OSError, AttributeError):
                pss = float("nan")  # not ours to read
        return rss, pss

    def sign_up_token(self):
        account = {"email": "bench@example.org", "password": PASSWORD}
        call(self.url + "/api/auth/register", json.dumps({**account, "setup_token": self.setup_token}).encode())
        return call(self.url + "/api/auth/login", json.dumps(account).encode())["access_token"]

    def make_key(self, token, name):
        return call(self.url + "/api/keys", json.dumps({"name": name}).encode(), key=token)["key"]

    def sign_up(self):
        return self.make_key(self.sign_up_token(), "bench")

    def push(self, path, key):
        boundary = uuid.uuid4().hex
        head = (f'--{boundary}\r\nContent-Disposition: form-data; name="name"\r\n\r\n{path.stem}\r\n--{boundary}\r\n'
                f'Content-Disposition: form-data; name="file"; filename="{path.name}"\r\nContent-Type: application/octet-stream\r\n\r\n')
        body = head.encode() + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        return call(self.url + "/api/models/upload?wait=true", body, f"multipart/form-data; boundary={boundary}", key)["id"]


def wrk(url, connections, seconds, body, content_type, key, pid):
    """(requests a second, p50 ms, p99 ms, CPU microseconds a request of process pid and its children)"""
    before = cpu_seconds(pid)
    environment = {**os.environ, "BENCH_BODY": str(body), "BENCH_TYPE": content_type, "BENCH_KEY": key}
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "--latency", "-s", str(HERE / "post.lua"), url],
                         env=environment, capture_output=True, text=True, check=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", out)
    if bad:
        say(f"bench: not all answers were good: {bad.group(0)}")
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}

    def percentile(p):
        found = re.search(rf"{p}%\s+([\d.]+)(us|ms|s)\b", out)
        return float(found.group(1)) * scale[found.group(2)] if found else float("nan")
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    cpu = (cpu_seconds(pid) - before) * 1e6 / max(1, requests)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), percentile(50), percentile(99), cpu


def medians(rows):
    return [statistics.median(column) for column in zip(*rows)]


def row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def small_model(server, build, key, model, rounds, seconds):
    threads = os.cpu_count() or 1
    ports = {"bare Boost.Beast echo": free_port(), "our HTTP layer, echo": free_port()}
    programs = [subprocess.Popen([build / name, str(port), str(threads)]) for name, port in zip(("bench_echo", "bench_http_echo"), ports.values())]
    body = MODELS / "breast_cancer_row.json"
    targets = {name: (f"http://127.0.0.1:{port}/api/predict/{model}", program.pid) for (name, port), program in zip(ports.items(), programs)}
    targets["slipway, 30-feature logistic regression"] = (f"{server.url}/api/predict/{model}", server.process.pid)
    try:
        time.sleep(0.3)
        print(f"\n## Small model: the same {body.stat().st_size}-byte bodies, wrk with one thread, {threads} cores for everybody\n")
        print("wrk takes its share of the same cores, so a quick server's rate is also wrk's; the CPU time a request takes in the server and "
              "its children is not.\n")
        row("connections", "server", "requests/s", "p50 ms", "p99 ms", "of the echo", "CPU us/request")
        row("---:", "---", "---:", "---:", "---:", "---:", "---:")
        for connections in (64, 1):
            results = {name: [] for name in targets}
            for _ in range(rounds):
                for name, (url, pid) in targets.items():
                    results[name].append(wrk(url, connections, seconds, body, "application/json", key, pid))
            base = None
            for name, rows in results.items():
                rate, p50, p99, cpu = medians(rows)
                base = base or rate
                row(str(connections), name, f"{rate:,.0f}", f"{p50:.3f}", f"{p99:.3f}", f"{rate / base:.2f}", f"{cpu:.1f}")
    finally:
        for program in programs:
            program.kill()
            program.wait()


def npy(path, shape):
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {tuple(shape)!r}, }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    count = 1
    for d in shape:
        count *= d
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + array.array("f", [0.5] * count).tobytes())


def large_model(server, build, work, key, rounds, seconds):
    onnx, image = work / "resnet18_sized.onnx", work / "image.npy"
    subprocess.run([build / "bench_make_resnet", onnx, "1"], check=True)
    npy(image, (1, 3, 224, 224))
    say("bench: pushing the ResNet-18-sized model")
    model = server.push(onnx, key)
    library = next(build.glob("libonnxruntime.so.*"))
    url = f"{server.url}/api/predict/{model}"
    loop, served = [], {1: [], 2: [], 4: []}
    pid = server.process.pid
    wrk(url, 1, 1, image, "application/x-npy", key, pid)  # loads it
    for _ in range(rounds):
        loop.append(float(subprocess.run([build / "bench_ort_loop", library, onnx, str(seconds)], capture_output=True, text=True, check=True).stdout))
        for connections, rows in served.items():
            rows.append(wrk(url, connections, seconds, image, "application/x-npy", key, pid))
    base = statistics.median(loop)
    print(f"\n## ResNet-18-sized graph ({onnx.stat().st_size / 1e6:.0f} MB), one image a request, {image.stat().st_size // 1000} kB npy bodies\n")
    row("what", "runs/s", "p50 ms", "p99 ms", "of the loop")
    row("---", "---:", "---:", "---:", "---:")
    row("ONNX Runtime alone, in-process loop", f"{base:.1f}", f"{1000 / base:.2f}", "", "1.00")
    for connections, rows in served.items():
        rate, p50, p99, _ = medians(rows)
        row(f"slipway, {connections} connection{'s' if connections > 1 else ''}", f"{rate:.1f}", f"{p50:.2f}", f"{p99:.2f}", f"{rate / base:.2f}")


class Library:
    """scikit-learn in a process of its own, asked one measurement at a time."""

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


def check_answers(url, folder, name, key):
    answers = call(url, (folder / "rows.npy").read_bytes(), "application/x-npy", key)["predictions"]
    expected = json.loads((folder / f"{name}_answer.json").read_text())
    for got, label, probabilities in zip(answers, expected["label"], expected["probabilities"], strict=True):
        if got["label"] != label or any(abs(a - b) > 1e-9 * abs(b) for a, b in zip(got["probabilities"], probabilities, strict=True)):
            raise SystemExit(f"bench: {name} answers {got}, scikit-learn {label}, {probabilities}")


def forests(server, build, work, key, rounds, seconds, python):
    folder = work / "forests"
    folder.mkdir()
    say("bench: scikit-learn fits the forests")
    subprocess.run([python, HERE / "forest.py", "make", folder], check=True)
    cores = os.cpu_count() or 1
    size = (folder / "deep.pkl").stat().st_size / 1e6
    imports, inspections, models = [], [], {}
    for _ in range(rounds):
        begin = time.monotonic()
        subprocess.run([build / "slipway", "inspect", folder / "deep.pkl"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        inspections.append(time.monotonic() - begin)
        begin = time.monotonic()
        models["deep"] = server.push(folder / "deep.pkl", key)
        imports.append(time.monotonic() - begin)
    models["forest"] = server.push(folder / "forest.pkl", key)
    print(f"\n## Random forests: import, and batches beside scikit-learn's predict_proba, {cores} cores for everybody\n")
    row("what", "measured", "goal")
    row("---", "---:", "---:")
    row(f"slipway inspect of a {size:.0f} MB forest", f"{statistics.median(inspections):.2f} s", "< 3 s")
    row("its upload over HTTP, until ready", f"{statistics.median(imports):.2f} s", "< 3 s")
    print("\nslipway's times are of whole requests over HTTP, one connection; scikit-learn's of the call alone, with the better n_jobs.\n")
    row("forest", "rows", "scikit-learn ms", "n_jobs", "slipway ms", "times as fast", "goal")
    row("---", "---:", "---:", "---:", "---:", "---:", "---:")
    library = Library(python, folder)
    try:
        for name, title, goals in (("forest", "100 trees, depth 12, 30 features", {1000: "1.0", 1: "20"}),
                                   ("deep", f"{size:.0f} MB, unlimited depth", {1000: "1.0", 1: ""})):
            url = f"{server.url}/api/predict/{models[name]}"
            check_answers(url, folder, name, key)
            for rows, goal in goals.items():
                body, kind = (folder / "rows.npy", "application/x-npy") if rows > 1 else (folder / "row.json", "application/json")
                theirs, ours = {jobs: [] for jobs in sorted({1, cores})}, []
                for _ in range(rounds):
                    for jobs, times in theirs.items():
                        times.append(library.milliseconds(name, rows, seconds, jobs))
                    ours.append(wrk(url, 1, seconds, body, kind, key, server.process.pid)[1])
                jobs, best = min(((jobs, statistics.median(times)) for jobs, times in theirs.items()), key=lambda pair: pair[1])
                mine = statistics.median(ours)
                row(title, str(rows), f"{best:.2f}", str(jobs), f"{mine:.2f}", f"{best / mine:.1f}", goal)
    finally:
        library.stop()


def cold_prediction(server, key, model):
    """Milliseconds of the first prediction after a start, and of the second."""
    body = (MODELS / "breast_cancer_row.json").read_bytes()
    times = []
    for _ in range(2):
        begin = time.monotonic()
        answer = call(f"{server.url}/api/predict/{model}", body, key=key)
        times.append((time.monotonic() - begin) * 1000)
    expected = json.loads((MODELS / "breast_cancer_answer.json").read_text())
    got = answer["predictions"][0]
    if got["label"] != expected["label"] or any(abs(a - b) > 1e-9 * abs(b) for a, b in zip(got["probabilities"], expected["probabilities"])):
        raise SystemExit(f"bench: the model answers {got}, scikit-learn {expected}")
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="of each comparison")
    parser.add_argument("--build", type=Path, default=HERE.parent / "build" / "release")
    parser.add_argument("--skip-resnet", action="store_true")
    parser.add_argument("--overload", action="store_true", help="only that: twice the capacity, and a flood beside a polite key (overload.py)")
    parser.add_argument("--sklearn", type=Path, help="a Python with scikit-learn; without it the forests are left out")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("bench: wrk is missing (./dev bench installs it)")
    work = Path(tempfile.mkdtemp(prefix="slipway-bench-"))
    if arguments.overload:
        import overload
        overload.section(arguments.build.resolve(), work, 60, arguments.sklearn)
        return shutil.rmtree(work)
    with open(work / "server.log", "wb") as log:
        server = Server(arguments.build.resolve(), work / "data", log)
        try:
            first_start = server.start()
            key = server.sign_up()
            model = server.push(MODELS / "breast_cancer_logreg.pkl", key)
            starts, colds, warms = [], [], []
            for i in range(3):
                server.stop()
                starts.append(server.start())
                if i == 0:
                    time.sleep(1)
                    rss, pss = server.memory()
                cold, warm = cold_prediction(server, key, model)
                colds.append(cold)
                warms.append(warm)
            print(f"# slipway bench\n\n{os.cpu_count()} cores, {arguments.rounds} rounds of {arguments.seconds} s, medians\n")
            row("what", "measured", "goal")
            row("---", "---:", "---:")
            row("first start (makes keys and database), until ready", f"{first_start * 1000:.0f} ms", "")
            row("start, until ready", f"{statistics.median(starts) * 1000:.0f} ms", "< 500 ms")
            row("idle server, resident", f"{rss:.1f} MB", "< 60 MB")
            row("idle server and launcher, proportional", f"{pss:.1f} MB", "")
            row("first prediction of a cold small model", f"{statistics.median(colds):.1f} ms", "< 100 ms")
            row("the second", f"{statistics.median(warms):.1f} ms", "")
            small_model(server, arguments.build.resolve(), key, model, arguments.rounds, arguments.seconds)
            if not arguments.skip_resnet:
                large_model(server, arguments.build.resolve(), work, key, arguments.rounds, arguments.seconds)
            if arguments.sklearn:
                forests(server, arguments.build.resolve(), work, key, arguments.rounds, arguments.seconds, arguments.sklearn)
        finally:
            server.stop()
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
