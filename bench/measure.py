"""What every part of the bench measures with: processes on chosen cores, requests, wrk, memory."""
import json
import math
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORES = sorted(os.sched_getaffinity(0))


def say(text):
    print(text, file=sys.stderr, flush=True)


def row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def call(url, body=None, headers=None, key=None, method=None, timeout=120):
    """The answer's bytes; anything but success ends the bench."""
    headers = dict(headers or {})
    if key:
        headers["Authorization"] = f"Bearer {key}"
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise SystemExit(f"bench: {url} answered {error.code}: {error.read()[:500]!r}") from None


def call_json(url, body=None, headers=None, key=None, method=None):
    return json.loads(call(url, body, headers, key, method) or b"null")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def median(values):
    return statistics.median(values)


def medians(rows):
    return [statistics.median(column) for column in zip(*rows)]


# --- processes ---


@dataclass(frozen=True)
class Placement:
    """Which cores the client and the server may use."""
    name: str
    title: str
    client: tuple
    server: tuple

    def command(self, cores, argv):
        return ["taskset", "-c", ",".join(map(str, cores)), *map(str, argv)]


def placements():
    everybody = Placement("shared", f"client and server share {len(CORES)} cores", tuple(CORES), tuple(CORES))
    if len(CORES) < 2:
        return [everybody]
    return [Placement("apart", "the client has a core, the server has another", (CORES[0],), (CORES[-1],)), everybody]


def family(pid):
    """A process and everything below it."""
    pids = [pid]
    for p in pids:
        try:
            for task in Path(f"/proc/{p}/task").iterdir():
                pids += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            pass  # ended meanwhile
    return pids


def cpu_seconds(pid):
    """Of a process and everything below it, so far."""
    ticks = 0
    for p in family(pid):
        try:
            fields = Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def proportional_mb(pid):
    """Memory of a process and everything below it; a page that several share counts once."""
    kb = 0
    for p in family(pid):
        try:
            kb += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{p}/smaps_rollup").read_text(), re.M).group(1))
        except (OSError, AttributeError):
            return math.nan  # not ours to read
    return kb / 1024


def resident_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def end(process, seconds=20):
    """Ends a process that leads its own group, and what it started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(process.pid, signal.SIGKILL)  # whatever of it is left
    except ProcessLookupError:
        pass
    process.wait()


# --- requests ---


@dataclass
class Question:
    """A request that is sent again and again, and how its answer is read."""
    path: str
    body: bytes
    read: object  # bytes -> list of numbers
    headers: dict = field(default_factory=lambda: {"Content-Type": "application/json"})
    tolerance: float = 1e-9

    def check(self, url, title, expected):
        """Wrong numbers end the bench."""
        answer = call(url + self.path, self.body, self.headers)
        try:
            got = [float(v) for v in self.read(answer)]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise SystemExit(f"bench: {title} answered {answer[:300]!r}: {error!r}") from None
        if len(got) != len(expected) or any(not abs(a - b) <= self.tolerance * max(1.0, abs(b)) for a, b in zip(got, expected)):
            raise SystemExit(f"bench: {title} answered {got[:4]}…, expected {expected[:4]}…")


@dataclass
class Load:
    """What one run of wrk saw."""
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float  # of the server and its children, a request


def wrk(question, url, connections, seconds, pid, cores=None):
    """Asks from `connections` at once. A refusal, an error or a broken connection ends the bench: a server that refuses is quick at it."""
    with tempfile.TemporaryDirectory(prefix="slipway-wrk-") as folder:
        body, headers = Path(folder) / "body", Path(folder) / "headers"
        body.write_bytes(question.body)
        headers.write_text("".join(f"{name}: {value}\n" for name, value in question.headers.items()))
        argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "--latency", "-s", HERE / "post.lua", url + question.path]
        argv = ["taskset", "-c", ",".join(map(str, cores or CORES)), *map(str, argv)]
        before = cpu_seconds(pid)
        out = subprocess.run(argv, env={**os.environ, "BENCH_BODY": str(body), "BENCH_HEADERS": str(headers)}, capture_output=True, text=True,
                             check=True).stdout
        used = cpu_seconds(pid) - before
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", out)
    if bad:
        raise SystemExit(f"bench: {url}{question.path}: not all answers were good: {bad.group(0)}")
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}

    def percentile(p):
        found = re.search(rf"{p}%\s+([\d.]+)(us|ms|s|m)\b", out)
        return float(found.group(1)) * scale[found.group(2)] if found else math.nan
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    if requests == 0:
        raise SystemExit(f"bench: {url}{question.path} answered nothing in {seconds} s")
    return Load(float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), percentile(50), percentile(99), used * 1e6 / requests)


def await_answer(process, url, question, title, log, seconds=60):
    """Until the first answer that is no error."""
    deadline = time.monotonic() + seconds
    while True:
        request = urllib.request.Request(url + question.path, data=question.body, headers=question.headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                answer.read()
                return
        except urllib.error.HTTPError as error:
            if time.monotonic() > deadline:  # some listen before the model is there, and call that 400, 404 or 503
                raise SystemExit(f"bench: {title} answered {error.code}: {error.read()[:300]!r}; see {log}") from None
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"bench: {title} does not answer; see {log}") from None
        time.sleep(0.005)
