"""Writes docs/exactness.md: estimator x version x exactness, from a run of the parity tests.

    build/release/parity_test --gtest_filter='*AnswersAsTheLibraryDoes*' --gtest_output=json:run.json
    python3 tools/corpus/exactness.py run.json > docs/exactness.md

SLIPWAY_PARITY_DIR adds folders that aren't committed (all versions of every group). A case counts for every estimator in it; its
version is its folder's; its estimators are those of the manifest or of the cases.json beside it.
"""
import collections
import json
import os
import re
import sys

HEAD = """# Exactness: estimator by version

Made by `tools/corpus/exactness.py` from a run of the parity tests: each cell is the number of files of that library version that hold the
estimator and answered as the library did (labels equal, numbers to 1e-9 relative), and the largest relative difference among them where
it isn't 0. Every file was written by the real library, in the version named, and asked with its own request; nothing here is computed
from slipway's own arithmetic alone. A file counts for each estimator inside it. *n refused* are files that are refused by name.
"""


def cases_below(folder, found):
    path = os.path.join(folder, "cases.json")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as stream:
            for case in json.load(stream)["cases"]:
                found[os.path.join(folder, case["case"])] = case["estimators"]


def estimators_of(folders):
    corpus = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "corpus")
    found = {}
    with open(os.path.join(corpus, "manifest.json"), encoding="utf-8") as stream:
        for case in json.load(stream)["cases"]:
            found[os.path.normpath(os.path.join(corpus, os.path.dirname(case["path"])))] = case.get("estimators", [])
    for parent in {os.path.dirname(folder) for folder in folders}:
        cases_below(parent, found)
    return {os.path.realpath(path): names for path, names in found.items()}


def version_key(version):
    return [int(part) for part in re.findall(r"\d+", version)]


def main(run):
    with open(run, encoding="utf-8") as stream:
        tests = [test for suite in json.load(stream)["testsuites"] for test in suite["testsuite"]]
    done = [test for test in tests if "case" in test or test.get("failures")]
    estimators = estimators_of([test["case"] for test in done if "case" in test])
    table = collections.defaultdict(lambda: collections.defaultdict(list))
    for test in done:
        folder = os.path.realpath(test.get("case", ""))
        group = os.path.basename(os.path.dirname(os.path.dirname(folder)))
        version = os.path.basename(os.path.dirname(folder))
        failed = bool(test.get("failures"))
        for name in estimators.get(folder, []):
            table["scikit-learn" if group.startswith("sklearn") else group, name][version].append(
                None if failed else float(test["largest_relative_difference"]))
    print(HEAD)
    for library in sorted({key[0] for key in table}, key=lambda name: (name != "scikit-learn", name)):
        rows = {name: cells for (of, name), cells in table.items() if of == library}
        versions = sorted({version for cells in rows.values() for version in cells}, key=version_key)
        files = sum(len(cell) for cells in rows.values() for cell in cells.values())
        print("## %s\n\n%d estimators, %d answers.\n" % (library, len(rows), files))
        print("| estimator | %s |\n|---|%s" % (" | ".join(versions), "---|" * len(versions)))
        for name in sorted(rows):
            print("| %s | %s |" % (name, " | ".join(cell(rows[name].get(version)) for version in versions)))
        print()


def cell(differences):
    if not differences:
        return ""
    failed = sum(1 for d in differences if d is None)
    largest = max([d for d in differences if d is not None] or [0])
    text = str(len(differences) - failed)
    if largest:
        text += " (%.0e)" % largest
    return text + (", **%d differ**" % failed if failed else "")


if __name__ == "__main__":
    main(sys.argv[1])
