"""Measures, in one run on one machine: the release program on a data directory of its own, beside its yardsticks (a bare Boost.Beast echo, ONNX Runtime alone in a loop,
scikit-learn's own predict_proba) and, with --peers, beside other servers. Rounds alternate, so that a slow minute of the machine hits everybody; the tables show
medians. Markdown on stdout; --write also leaves the page, its plots and the numbers as JSON."""
import argparse
import datetime
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import compare
import footprint
import forests
import goals
import overview
import peers
import report
from measure import CORES, HERE, placements, say
from slipway import Server


def machine():
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1)) / 2**20
    system = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text()).group(1)
    return {"cpu": cpu.group(1) if cpu else platform.machine(), "cores": len(CORES), "memory_gb": round(memory), "system": f"{system}, Linux {platform.release()}"}


def commit():
    out = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True)
    return out.stdout.strip() or "unknown"


class Run:
    """Collects what is measured; each section is printed when it is there."""

    def __init__(self, arguments):
        how = {"rounds": arguments.rounds, "seconds": arguments.seconds, "command": "./dev bench" + " --peers" * arguments.peers + " --write docs/benchmarks"}
        self.result = {"date": datetime.date.today().isoformat(), "commit": commit(), "machine": machine(), "how": how, "sections": [], "comparisons": [],
                       "footprint": [], "versions": []}
        print(report.heading(self.result), flush=True)

    def add(self, section):
        self.result["sections"].append(section)
        print(report.markdown(section), flush=True)

    def add_comparisons(self, results):
        self.result["comparisons"] += results
        self.add(compare.shown(results))


def contenders(server, key, models, build, work, with_peers, run):
    """Yardsticks first: the tables count from the first row."""
    out = [compare.Yardstick("echo", "bare Boost.Beast echo", build / "bench_echo", work),
           compare.Yardstick("http_echo", "our HTTP layer, echo", build / "bench_http_echo", work), compare.Slipway(server, key, models, work)]
    if with_peers:
        there, absent = compare.others(work)
        out += there
        run.result["versions"] = [[one.title, one.peer.version(), one.peer.form] for one in there] + [[title, "not installable here", ""] for title in absent]
    return out


def comparisons(run, everybody, inputs, arguments, build):
    for task in [t for t in inputs.models if t in arguments.tasks]:
        for placement in placements():
            loop = (lambda seconds, p=placement: compare.ort_loop(build, inputs.models["image"], p, seconds)) if task == "image" else None
            run.add_comparisons(compare.comparison(everybody, task, inputs, placement, arguments.rounds, arguments.seconds, loop))


def measure(run, arguments, work):
    build = peers.BUILD = arguments.build.resolve()
    with open(work / "server.log", "wb") as log:
        server = Server(build, work / "data", log)
        try:
            first_start = server.start()
            key = server.sign_up()
            fitted = forests.make(work, arguments.sklearn) if arguments.sklearn else None
            inputs = compare.make_inputs(build, work, fitted, "image" in arguments.tasks)
            models = {task: server.push(path, key) for task, path in inputs.models.items()}
            run.add(overview.measure(server, key, models["rows"], first_start))
            everybody = contenders(server, key, models, build, work, arguments.peers, run)
            comparisons(run, everybody, inputs, arguments, build)
            if arguments.peers and not arguments.skip_footprint:
                run.result["footprint"] = footprint.measure(everybody, inputs, arguments.rounds)
                run.add(footprint.shown(run.result["footprint"]))
            if fitted and not arguments.skip_batches:
                server.start()
                run.add(forests.measure(server, build, fitted, key, models["forest"], arguments.rounds, arguments.seconds, arguments.sklearn))
            run.add(goals.shown(run.result, {one.key: one.title for one in everybody}))
        finally:
            server.stop()


def stop_by_signal(signal_number, _):
    """As an exception, so that every server that was started is ended."""
    raise SystemExit(128 + signal_number)


def main():
    signal.signal(signal.SIGTERM, stop_by_signal)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="of each comparison")
    parser.add_argument("--build", type=Path, default=HERE.parent / "build" / "release")
    parser.add_argument("--tasks", nargs="*", choices=compare.TASKS, default=list(compare.TASKS), help="only these comparisons")
    parser.add_argument("--skip-footprint", action="store_true", help="no start times and memory of the other servers")
    parser.add_argument("--skip-batches", action="store_true", help="no forests beside scikit-learn's batches")
    parser.add_argument("--sklearn", type=Path, help="a Python with scikit-learn; without it the forests are left out")
    parser.add_argument("--peers", action="store_true", help="other servers too; installs them under build/deps/peers where they are not yet")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="also as FOLDER/README.md, plots and results.json")
    parser.add_argument("--overload", action="store_true", help="only that: twice the capacity, and a flood beside a polite key (overload.py)")
    parser.add_argument("--endurance", action="store_true", help="only that: many models and many deaths (endurance.py; needs --sklearn)")
    parser.add_argument("--networks", action="store_true", help="only that: PyTorch's networks beside its own ONNX export (networks.py; installs PyTorch)")
    arguments = parser.parse_args()
    alone = [name for name in ("overload", "endurance", "networks") if getattr(arguments, name)]
    for name in alone:  # programs of their own
        more = ["--sklearn", str(arguments.sklearn)] if arguments.sklearn and name != "networks" else []
        subprocess.run([sys.executable, HERE / f"{name}.py", "--build", str(arguments.build), *more], check=True)
    if alone:
        return
    for tool in ("wrk", "taskset"):
        if shutil.which(tool) is None:
            raise SystemExit(f"bench: {tool} is missing (./dev bench installs it)")
    if arguments.peers:
        peers.install()
    else:
        say("bench: without --peers the other servers are left out")
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    run = Run(arguments)
    work = Path(tempfile.mkdtemp(prefix="slipway-bench-"))  # kept when something goes wrong: the servers' logs are in it
    measure(run, arguments, work)
    if arguments.write:
        report.write(run.result, arguments.write)
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
