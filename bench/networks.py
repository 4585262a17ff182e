"""PyTorch's networks, served: images a second over HTTP beside the file that PyTorch's own exporter makes, run by ONNX Runtime alone in a loop on the same cores.
What run.py --networks does, and a program of its own:
    networks.py [--build DIR] [--rounds N] [--seconds N]"""
import argparse
import json
import struct
import subprocess
import tempfile
from pathlib import Path

import compare
import peers
from measure import HERE, Question, median, placements, row, say, wrk
from slipway import Server

NETWORKS = ("resnet50", "mobilenet_v2")
CONNECTIONS = 8


class Torch(peers.Peer):
    name, title = "torch", "PyTorch"


def floats(npy):
    """Of a version 1 npy of float32."""
    head = 10 + struct.unpack("<H", npy[8:10])[0]
    return peers.numbers(npy[head:])


def question(folder, name, model, key):
    body = (folder / f"{name}.npy").read_bytes()
    first = lambda answer: next(iter(json.loads(answer)["outputs"].values()))[0]
    return Question(f"/api/predict/{model}", body, first, {"Content-Type": "application/x-npy", "Authorization": f"Bearer {key}"}, tolerance=1e-4)


def section(build, rounds, seconds):
    torch = Torch()
    if not torch.installed():
        torch.install()
    with tempfile.TemporaryDirectory(prefix="slipway-networks-") as work:
        folder = Path(work)
        say("bench: PyTorch writes its networks")
        subprocess.run([torch.python(), peers.FILES / "torch_networks.py", folder], check=True, capture_output=True)
        print(f"\n## PyTorch's networks, {CONNECTIONS} connections, one image a request (602 kB)\n")
        row("network", "cores", "served: traced `.pt`", "served: exported `.pt2`", "the loop: PyTorch's ONNX export", "best served / loop")
        row("---", "---", "---:", "---:", "---:", "---:")
        with open(folder / "server.log", "wb") as log:
            server = Server(build, folder / "data", log)
            try:
                server.start()
                key = server.sign_up()
                for name in NETWORKS:
                    expected = floats((folder / f"{name}.answer.npy").read_bytes())
                    asked = {form: question(folder, name, server.push(folder / f"{name}.{form}", key), key) for form in ("pt", "pt2")}
                    for one in asked.values():
                        one.check(server.url, name, expected)
                    for placement in placements():
                        rates = {"pt": [], "pt2": [], "loop": []}
                        server.stop()
                        server.start(placement.server)
                        for _ in range(rounds):
                            for form, one in asked.items():
                                one.check(server.url, name, expected)
                                rates[form].append(wrk(one, server.url, CONNECTIONS, seconds, server.process.pid, placement.client).rate)
                            rates["loop"].append(compare.ort_loop(build, folder / f"{name}.onnx", placement, seconds))
                        pt, pt2, loop = (median(rates[form]) for form in ("pt", "pt2", "loop"))
                        row(name, placement.name, f"{pt:.1f}/s", f"{pt2:.1f}/s", f"{loop:.1f}/s", f"{max(pt, pt2) / loop:.3f}")
            finally:
                server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=HERE.parent / "build" / "release")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement")
    arguments = parser.parse_args()
    section(arguments.build.resolve(), arguments.rounds, arguments.seconds)


if __name__ == "__main__":
    main()
