"""Writes tests/corpus/manifest.json: every good case with its path, library, version, estimators and the file's SHA-256.

    python make_manifest.py tests/corpus

The generators leave a cases.json beside the cases they made; it is taken into the manifest and removed, and what the manifest knew
about other versions stays. A case without its three files, or a folder that nothing describes, is an error.
"""
import hashlib
import io
import json
import os
import sys


def read(path):
    with io.open(path, encoding="utf-8") as stream:
        return json.load(stream)


def fresh_entries(root, folder):
    about = read(os.path.join(root, folder, "cases.json"))
    for case in about["cases"]:
        path = "/".join((folder, case["case"], case["file"]))
        with open(os.path.join(root, path), "rb") as stream:
            digest = hashlib.sha256(stream.read()).hexdigest()
        entry = {"path": path, "sha256": digest, "library": about["library"], "version": about["version"]}
        entry.update({key: value for key, value in case.items() if key not in ("case", "file")})
        yield entry


def folders_with_cases(root):
    return sorted(os.path.relpath(at, root).replace(os.sep, "/") for at, _, files in os.walk(root) if "cases.json" in files)


def check(root, entries):
    described = {os.path.dirname(entry["path"]) for entry in entries}
    found = set()
    for family in sorted(set(os.listdir(root)) - {"hostile"}):
        for at, _, files in os.walk(os.path.join(root, family)):
            if "files.json" in files or any(name.startswith("model.") for name in files):
                found.add(os.path.relpath(at, root).replace(os.sep, "/"))
                missing = {"input.json", "expected.json"} - set(files)
                if missing:
                    raise SystemExit("%s lacks %s" % (at, sorted(missing)))
    if described != found:
        raise SystemExit("described but absent, or the other way: %s" % sorted(described ^ found))


def main(root):
    path = os.path.join(root, "manifest.json")
    old = read(path) if os.path.exists(path) else {"environments": {}, "cases": []}
    environments, cases = old["environments"], old["cases"]
    for folder in folders_with_cases(root):
        about = read(os.path.join(root, folder, "cases.json"))
        environments[folder] = {key: value for key, value in about.items() if key != "cases"}
        cases = [case for case in cases if not case["path"].startswith(folder + "/")]
        cases.extend(fresh_entries(root, folder))
        os.remove(os.path.join(root, folder, "cases.json"))
    cases.sort(key=lambda case: case["path"])
    check(root, cases)
    with io.open(path, "w", encoding="utf-8") as out:
        out.write('{\n"environments": {\n')
        out.write(",\n".join("%s: %s" % (json.dumps(name), json.dumps(environments[name])) for name in sorted(environments)))
        out.write('\n},\n"cases": [\n')
        out.write(",\n".join(json.dumps(case) for case in cases))
        out.write("\n]\n}\n")
    print("manifest: %d cases" % len(cases))


if __name__ == "__main__":
    main(sys.argv[1])
