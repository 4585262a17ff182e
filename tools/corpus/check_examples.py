#!/usr/bin/env python3
"""check_examples.py SLIPWAY FOLDER...: predicts every example folder and compares with the library's own answer.

A folder holds model files (`model.*`, or those named by `files.json`; `args.json`: words that go with them), a request (`input.json`, or
`input.npy`), and the library's answer: `expected.json`, or `expected.npy` for one output. Printed a folder: the largest difference relative to
the largest number of the answer, or what went wrong; last, how many agree to TOLERANCE. Needs numpy alone.
"""
import json
import pathlib
import subprocess
import sys

import numpy as np

TOLERANCE = 1e-4


def command_line(folder: pathlib.Path) -> list[str]:
    """Names inside the folder, and the words that go with them; a source that `--source` names is not given twice."""
    words = json.loads((folder / "args.json").read_text()) if (folder / "args.json").exists() else []
    listed = folder / "files.json"
    if listed.exists():
        names = json.loads(listed.read_text())["files"]
    else:
        names = sorted(p.name for p in folder.iterdir() if p.stem not in ("input", "expected", "args", "files"))
    names.sort(key=lambda n: n.endswith((".py", ".ipynb")))  # weights first
    return [n for n in names if n not in words] + words


def expected_outputs(folder: pathlib.Path) -> dict:
    whole = folder / "expected.npy"
    if whole.exists():
        return {"": np.load(whole)}
    answer = json.loads((folder / "expected.json").read_text())
    answer = answer.get("outputs", answer) if isinstance(answer, dict) else {"": answer}
    return {name: value for name, value in answer.items() if name != "kind"}


def difference(got, want) -> float:
    want = np.asarray(want, dtype=object if isinstance(want, str) else None)
    got = np.asarray(got)
    if want.shape != got.shape:
        raise ValueError(f"shape {list(got.shape)}, not {list(want.shape)}")
    if want.dtype.kind in "OUS" or got.dtype.kind in "OUS":
        return 0.0 if (got.astype(str) == want.astype(str)).all() else np.inf
    want, got = want.astype(float), got.astype(float)
    if not (np.isfinite(want) == np.isfinite(got)).all():
        return np.inf
    finite = np.isfinite(want)
    if not finite.any():
        return 0.0
    return float(np.abs(got - want)[finite].max() / max(np.abs(want[finite]).max(), 1e-30))


def check(slipway: str, folder: pathlib.Path) -> float:
    request = next(n for n in ("input.json", "input.npy") if (folder / n).exists())
    run = subprocess.run([slipway, "predict", *command_line(folder), "-i", request], cwd=folder, capture_output=True, text=True, timeout=300)
    if run.returncode != 0:
        raise ValueError(run.stderr.strip().replace("\n", " | ")[:400] or f"exit {run.returncode}")
    outputs = json.loads(run.stdout)["outputs"]
    want = expected_outputs(folder)
    if len(want) != len(outputs):
        raise ValueError(f"outputs {list(outputs)}, not {list(want)}")
    pairs = list(zip(want, outputs)) if set(want) != set(outputs) else [(n, n) for n in want]
    return max(difference(outputs[theirs], want[ours]) for ours, theirs in pairs)


def report(cases: dict, check_one) -> int:
    """A line a case; `check_one` gives its difference. The exit code: 0 when all agree."""
    agree = 0
    for name, case in cases.items():
        try:
            worst = check_one(case)
            agree += worst <= TOLERANCE
            print(f"{'ok  ' if worst <= TOLERANCE else 'BAD '} {name}  {worst:.1e}", flush=True)
        except (ValueError, KeyError, StopIteration, subprocess.TimeoutExpired) as e:
            print(f"FAIL {name}  {e}", flush=True)
    print(f"{agree} of {len(cases)} agree to {TOLERANCE:g}")
    return 0 if agree == len(cases) else 1


def main() -> int:
    slipway, folders = str(pathlib.Path(sys.argv[1]).resolve()), [pathlib.Path(f) for f in sys.argv[2:]]
    return report({f"{f.parent.name}/{f.name}": f for f in folders}, lambda folder: check(slipway, folder))


if __name__ == "__main__":
    sys.exit(main())
