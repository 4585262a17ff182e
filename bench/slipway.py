"""The release program on a data directory of its own, as a server that the bench starts, signs up at and pushes models to."""
import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from measure import CORES, call_json, end, proportional_mb, resident_mb

PASSWORD = "a phrase for the benchmark"


class Server:
    def __init__(self, build, data, log):
        self.build, self.data, self.log = build, data, log
        self.flags = []  # of serve, beside its address and its data
        self.process = None

    def start(self, cores=None):
        """Seconds until /readyz says yes."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SLIPWAY_")}
        begin = time.monotonic()
        argv = ["taskset", "-c", ",".join(map(str, cores or CORES)), str(self.build / "slipway"), "serve", "--listen", "127.0.0.1:0", "--data", str(self.data), *self.flags]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=self.log, env=environment, text=True, start_new_session=True)
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
        end(self.process, 40)
        self.process.stdout.close()
        self.process = None

    def memory(self):
        """(the server's resident MB, proportional MB of it and its children)"""
        return resident_mb(self.process.pid), proportional_mb(self.process.pid)

    def sign_up_token(self):
        account = {"email": "bench@example.org", "password": PASSWORD}
        call_json(self.url + "/api/auth/register", json.dumps({**account, "setup_token": self.setup_token}).encode())
        return call_json(self.url + "/api/auth/login", json.dumps(account).encode())["access_token"]

    def make_key(self, token, name):
        return call_json(self.url + "/api/keys", json.dumps({"name": name}).encode(), key=token)["key"]

    def sign_up(self):
        return self.make_key(self.sign_up_token(), "bench")

    def push(self, path, key):
        path = Path(path)
        boundary = uuid.uuid4().hex
        head = (f'--{boundary}\r\nContent-Disposition: form-data; name="name"\r\n\r\n{path.stem}\r\n--{boundary}\r\n'
                f'Content-Disposition: form-data; name="file"; filename="{path.name}"\r\nContent-Type: application/octet-stream\r\n\r\n')
        body = head.encode() + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        return call_json(self.url + "/api/models/upload?wait=true", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}, key)["id"]
