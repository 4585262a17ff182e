"""Writes tests/corpus/hostile: files that must be refused, and manifest.json that says what a good refusal mentions.

    python make_hostile.py tests/corpus           writes them
    python make_hostile.py tests/corpus --prove   loads each file that claims harm with Python's own loader, in a process of its own, and
                                                  checks that the harm happens: a marker file /tmp/slipway-pwned-<name>, removed afterwards

Run by tools/corpus/run.sh in the venv of the ONNX cases, after the scikit-learn cases are there.
"""
import json
import os
import shutil
import subprocess
import sys

import hostile_code
import hostile_models
import hostile_onnx
import hostile_pickle
import hostile_skops

LOAD = """
import bz2, pickle, sys
path, second = sys.argv[1], sys.argv[2] == "second"
if path.endswith(".joblib"):
    import joblib
    joblib.load(path)
else:
    stream = open(path, "rb")
    pickle.load(stream)
    if second:
        pickle.load(stream)
"""


class Shelf(object):
    """Collects the files and their manifest."""

    def __init__(self, folder):
        self.folder = folder
        self.entries = []

    def add(self, file_name, raw, must_mention, about, stage="import", **more):
        if any(entry["file"] == file_name for entry in self.entries):
            raise ValueError("twice: " + file_name)
        with open(os.path.join(self.folder, file_name), "wb") as out:
            out.write(raw)
        self.entries.append(dict({"file": file_name, "stage": stage, "must_mention": must_mention, "about": about}, **more))

    def harmful(self, file_name, build, must_mention, about, second=False):
        marker = marker_of(file_name)
        more = {"marker": marker}
        if second:
            more["second_pickle"] = True
        self.add(file_name, build(marker), must_mention, about, **more)

    def write_manifest(self):
        self.entries.sort(key=lambda entry: entry["file"])
        with open(os.path.join(self.folder, "manifest.json"), "w", encoding="utf-8") as out:
            out.write("[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in self.entries) + "\n]\n")


def marker_of(file_name):
    return "/tmp/slipway-pwned-" + file_name.rsplit(".", 1)[0]


def good_files(root):
    sources = {"iris_pipeline.pkl": "sklearn/1.9.1/iris_pipeline/model.pkl",
               "gboost.joblib": "sklearn/1.9.1/gboost_init_zero/model.joblib",
               "old_protocol.pkl": "sklearn/1.9.1/container_pickle_p0_table/model.pkl"}
    return {name: open(os.path.join(root, path), "rb").read() for name, path in sources.items()}


def write(root):
    folder = os.path.join(root, "hostile")
    if os.path.isdir(folder):
        shutil.rmtree(folder)
    os.makedirs(folder)
    shelf = Shelf(folder)
    hostile_pickle.everything(shelf, good_files(root))
    hostile_models.everything(shelf)
    hostile_onnx.everything(shelf)
    hostile_skops.everything(shelf)
    hostile_code.everything(shelf)
    shelf.write_manifest()
    total = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
    print("hostile: %d files, %d bytes" % (len(shelf.entries), total))


def prove(root):
    folder = os.path.join(root, "hostile")
    failed = []
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as stream:
        entries = [entry for entry in json.load(stream) if "marker" in entry]
    for entry in entries:
        if os.path.exists(entry["marker"]):
            os.remove(entry["marker"])
        subprocess.run([sys.executable, "-c", LOAD, os.path.join(folder, entry["file"]),
                        "second" if entry.get("second_pickle") else "one"], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        if not os.path.exists(entry["marker"]):
            failed.append(entry["file"])
        else:
            os.remove(entry["marker"])
    print("proved %d of %d harmful files; harmless: %s" % (len(entries) - len(failed), len(entries), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(prove(sys.argv[1]) if "--prove" in sys.argv else write(sys.argv[1]))
