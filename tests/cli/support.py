"""Runs the built program in a folder and an environment of its own."""
import json
import math
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.environ.get("SLIPWAY_PROGRAM", "build/release/slipway")
CORPUS = os.environ.get("SLIPWAY_CORPUS", "tests/corpus")
IRIS = os.path.join(CORPUS, "sklearn", "1.9.1", "iris_pipeline")
PASSWORD = "a phrase of my own"


class Ran:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        return json.loads(self.out)


class CliTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="slipway-cli-")
        self.addCleanup(shutil.rmtree, self.folder)

    def environment(self, more=None):
        # SLIPWAY_PROGRAM and the like are the test's own and no settings: they must not reach the program.
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SLIPWAY_") and k not in ("XDG_CONFIG_HOME", "NO_COLOR")}
        return {**kept, "XDG_CONFIG_HOME": os.path.join(self.folder, "config"), "HOME": self.folder, **(more or {})}

    def run_cli(self, *arguments, stdin="", env=None, raw=False):
        data = stdin if isinstance(stdin, bytes) else stdin.encode()
        done = subprocess.run([PROGRAM, *arguments], input=data, capture_output=True, timeout=120, cwd=self.folder, env=self.environment(env))
        return Ran(done.returncode, done.stdout if raw else done.stdout.decode(), done.stderr.decode())

    def expect(self, code, *arguments, **options):
        ran = self.run_cli(*arguments, **options)
        self.assertEqual(ran.code, code, f"{arguments}\nstdout: {ran.out[:2000]!r}\nstderr: {ran.err[:2000]}")
        return ran

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        return path

    def assert_close(self, got, wanted, place=""):
        if isinstance(wanted, list):
            self.assertIsInstance(got, list, place)
            self.assertEqual(len(got), len(wanted), place)
            for i, (g, w) in enumerate(zip(got, wanted)):
                self.assert_close(g, w, f"{place}[{i}]")
        elif isinstance(wanted, float):
            self.assertTrue(math.isclose(got, wanted, rel_tol=1e-9, abs_tol=1e-300), f"{place}: {got!r} is not {wanted!r}")
        else:
            self.assertEqual(got, wanted, place)


class Server:
    """A real `slipway serve` on a free port."""

    def __init__(self, test, *arguments):
        self.data = os.path.join(test.folder, "data")
        self.log = open(os.path.join(test.folder, "serve.err"), "wb")
        self.process = subprocess.Popen([PROGRAM, "serve", "--data", self.data, "--listen", "127.0.0.1:0", *arguments], stdout=subprocess.PIPE, stderr=self.log,
                                        cwd=test.folder, env=test.environment())
        test.addCleanup(self.stop)
        first = self.process.stdout.readline().decode()
        found = re.search(r"http://127\.0\.0\.1:\d+", first)
        test.assertIsNotNone(found, f"no URL on the first line: {first!r}")
        self.url = found.group(0)

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self.log.close()
        return self.process.returncode
