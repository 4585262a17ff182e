"""A real server on a free port with a data directory of its own, and a client that speaks plain HTTP to it."""
import http.client
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
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("SLIPWAY_PROGRAM", ROOT / "build" / "release" / "slipway"))
CORPUS = ROOT / "tests" / "corpus"
# The program was built with sanitizers (which ones): their runtime opens files, maps terabytes and counts as a model's memory.
SANITIZED = os.environ.get("SLIPWAY_SANITIZED", "")
needs_the_sandbox = unittest.skipIf(SANITIZED, "the sandbox is relaxed in sanitizer builds")
measures_memory = unittest.skipIf(SANITIZED, "a sanitizer's shadow memory is counted with the models'")
PASSWORD = "a phrase of my own"
IRIS = CORPUS / "sklearn" / "1.9.1" / "iris_pipeline"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


def model_file(case: Path) -> Path:
    return next(p for p in case.iterdir() if p.stem == "model")


class Server:
    def __init__(self, *flags, data=None, listen="127.0.0.1:0"):
        self.keep_data = data is not None
        self.data = Path(data) if data else Path(tempfile.mkdtemp(prefix="slipway-e2e-"))
        self.flags = flags
        self.listen = listen
        self.process = None
        self.start()

    def start(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SLIPWAY_")}
        self.log = open(self.data.parent / (self.data.name + ".log"), "ab")
        self.process = subprocess.Popen(
            self.command(), stdout=subprocess.PIPE, stderr=self.log, env=environment, text=True)
        lines = []
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError("the server ended: " + "".join(lines) + self.log_text()[-2000:])
            lines.append(line)
            if line.startswith("Data:"):
                break
        text = "".join(lines)
        self.port = int(re.search(r"http://127\.0\.0\.1:(\d+)", text).group(1))
        grpc = re.search(r"gRPC +127\.0\.0\.1:(\d+)", text)
        self.grpc_port = int(grpc.group(1)) if grpc else None
        link = re.search(r"/start#(\w+)", text)
        self.setup_token = link.group(1) if link else None
        self.url = f"http://127.0.0.1:{self.port}"

    def command(self):
        return [str(PROGRAM), "serve", "--listen", self.listen, "--data", str(self.data), *self.flags]

    def log_text(self):
        return Path(self.log.name).read_text(errors="replace")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=40)
        self.process.stdout.close()
        self.log.close()
        return code

    def close(self):
        if self.process.poll() is None:
            self.stop()
        self.process.stdout.close()
        self.log.close()
        if not self.keep_data:
            shutil.rmtree(self.data, ignore_errors=True)
            Path(self.log.name).unlink(missing_ok=True)

    def request(self, method, path, body=None, headers=None, timeout=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def call(self, method, path, document=None, credential=None, **more):
        headers = {}
        body = None
        if document is not None:
            body = document if isinstance(document, (bytes, str)) else json.dumps(document)
            headers["Content-Type"] = "application/json"
        if credential:
            headers["Authorization"] = "Bearer " + credential
        headers.update(more.pop("headers", {}))
        return self.request(method, path, body, headers, **more)

    def upload(self, path, credential, wait=True, name=None, filename=None, to="/api/models/upload", content=None):
        boundary = uuid.uuid4().hex
        content = Path(path).read_bytes() if content is None else content
        parts = b""
        if name is not None:
            parts += f'--{boundary}\r\nContent-Disposition: form-data; name="name"\r\n\r\n{name}\r\n'.encode()
        filename = filename or Path(path).name
        parts += (f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
                  "Content-Type: application/octet-stream\r\n\r\n").encode()
        body = parts + content + f"\r\n--{boundary}--\r\n".encode()
        return self.request("POST", to + ("?wait=true" if wait else ""), body,
                            {"Content-Type": f"multipart/form-data; boundary={boundary}", "Authorization": "Bearer " + credential}, timeout=150)

    def register(self, email, setup_token=None):
        document = {"email": email, "password": PASSWORD}
        if setup_token:
            document["setup_token"] = setup_token
        answer = self.call("POST", "/api/auth/register", document)
        assert answer.status == 201, answer.body
        return self.login(email)

    def login(self, email):
        answer = self.call("POST", "/api/auth/login", {"email": email, "password": PASSWORD})
        assert answer.status == 200, answer.body
        return answer.json["access_token"]

    def key(self, token, **more):
        answer = self.call("POST", "/api/keys", {"name": "test", **more}, token)
        assert answer.status == 201, answer.body
        return answer.json["key"]

    def predict(self, model_id, document, credential):
        return self.call("POST", f"/api/predict/{model_id}", document, credential)


class ServerCase(unittest.TestCase):
    """One server for all tests of a class; each class has a user and a key."""
    flags = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.flags)
        cls.token = cls.server.register("ada@example.org")
        cls.key = cls.server.key(cls.token)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def problem(self, answer, status, pointer=None):
        """An RFC 9457 document, with nothing in it that belongs to the server alone."""
        self.assertEqual(answer.status, status, answer.body[:600])
        self.assertEqual(answer.headers["content-type"], "application/problem+json", answer.body[:300])
        document = answer.json
        for member in ("type", "title", "status", "detail", "request_id"):
            self.assertIn(member, document)
        self.assertEqual(document["status"], status)
        self.assertLess(len(answer.body), 8000)
        for secret in (str(self.server.data), "/usr/", "/home", "/root", ".cpp", "terminate called", "std::"):
            self.assertNotIn(secret, answer.body.decode())
        if pointer is not None:
            self.assertIn(pointer, [e["pointer"] for e in document.get("errors", [])], document)
        return document


def same(got, expected):
    """Whether two answers are equal: numbers to 1e-9 relative, everything else exactly."""
    if isinstance(expected, list):
        return isinstance(got, list) and len(got) == len(expected) and all(map(same, got, expected))
    if isinstance(expected, bool) or isinstance(got, bool):
        return got is expected
    if isinstance(expected, (int, float)) and isinstance(got, (int, float)):
        return math.isclose(got, expected, rel_tol=1e-9, abs_tol=1e-12)
    return got == expected


def children(pid):
    """Of all its threads: a child belongs to the thread that forked it."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(p) for p in path.read_text().split()]
        except FileNotFoundError:
            pass
    return found


def wait_for(condition, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    return condition()
