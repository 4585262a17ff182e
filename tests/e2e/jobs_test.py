"""Files that a model scores row by row, while nobody waits on a connection."""
import array
import contextlib
import csv
import http.client
import io
import json
import random
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from support import CORPUS, IRIS, PROGRAM, Server, ServerCase, model_file, same, wait_for

TITANIC = CORPUS / "sklearn" / "1.9.1" / "titanic_logreg"
CSV, NDJSON, NPY = "text/csv", "application/x-ndjson", "application/x-npy"


def npy(rows):
    width = len(rows[0])
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({len(rows)}, {width}), }}"
    head += " " * (-(11 + len(head)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + array.array("d", [v for r in rows for v in r]).tobytes()


def cell(value):
    return "" if value is None else f'"{value}"' if isinstance(value, str) else str(value)


def csv_of(columns, rows):
    return ",".join(columns) + "\n" + "".join(",".join(cell(v) for v in row) + "\n" for row in rows)


def text(value):
    """A value of a prediction's JSON as a cell of the result."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


class JobsCase(ServerCase):
    flags = ("--inference.threads", "1")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.iris = cls.server.upload(model_file(IRIS), cls.key, name="iris").json
        cls.columns = [f["name"] for f in cls.iris["features"]]
        cls.classes = [text(c) for c in cls.iris["classes"]]
        cls.rows = [[4.3 + i % 36 / 10, 2 + i % 24 / 10, 1 + i % 59 / 10, 0.1 + i % 25 / 10] for i in range(150)]

    def submit(self, body, content_type, query="", model=None, credential=None, headers=None):
        return self.server.request("POST", f"/api/models/{(model or self.iris)['id']}/jobs{query}", body,
                                   {"Content-Type": content_type, "Authorization": "Bearer " + (credential or self.key), **(headers or {})}, timeout=120)

    def job(self, identity):
        answer = self.server.call("GET", f"/api/jobs/{identity}", credential=self.key)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    def ended(self, submitted, seconds=120):
        self.assertEqual(submitted.status, 201, submitted.body)
        return wait_for(lambda: (lambda j: j if j["status"] in ("done", "failed", "cancelled") else None)(self.job(submitted.json["id"])), seconds)

    def result(self, job, **headers):
        return self.server.request("GET", f"/api/jobs/{job['id']}/result", headers={"Authorization": "Bearer " + self.key, **headers}, timeout=120)

    def done(self, submitted, seconds=120):
        job = self.ended(submitted, seconds)
        self.assertEqual(job["status"], "done", job)
        answer = self.result(job)
        self.assertEqual(answer.status, 200, answer.body[:300])
        self.assertEqual(job["result"]["size"], len(answer.body))
        return job, answer.body

    def predictions(self, rows, model=None):
        answer = self.server.predict((model or self.iris)["id"], {"instances": rows}, self.key)
        self.assertEqual(answer.status, 200, answer.body[:500])
        return answer.json["predictions"]

    def csv_as_expected(self, body, expected, classes, before=0):
        table = list(csv.reader(io.StringIO(body.decode())))
        self.assertEqual(table[0][before:], ["label"] + [f"probabilities_{c}" for c in classes])
        self.assertEqual(len(table) - 1, len(expected))
        for line, row in zip(table[1:], expected):
            self.assertEqual(line[before:], [text(row["label"])] + [text(p) for p in row["probabilities"]])

    def repeats(self, body, unit, count):
        """The result of a file in which `unit` stands again and again. Sums depend on how many rows are run together, in their last digit."""
        lines = body.decode().splitlines()
        self.assertEqual(len(lines), count + 1)
        for i, row in enumerate(self.predictions(unit)):
            for line in set(lines[1 + i::len(unit)]):
                got = [json.loads(cell) for cell in line.split(",")]
                self.assertTrue(same(got, [row["label"], *row["probabilities"]]), (i, line, row))


class EveryFormat(JobsCase):
    def test_csv_json_lines_and_npy_give_what_predict_gives(self):
        expected = self.predictions(self.rows)
        classes = self.classes
        job, body = self.done(self.submit(csv_of(self.columns, self.rows), CSV))
        self.csv_as_expected(body, expected, classes)
        self.assertEqual((job["rows_done"], job["rows_failed"], job["bytes_done"]), (len(self.rows), 0, job["bytes_total"]))
        lines = "\n".join(json.dumps(r if i % 2 else dict(zip(self.columns, r))) for i, r in enumerate(self.rows))
        _, body = self.done(self.submit(lines, NDJSON))
        self.assertEqual([json.loads(line) for line in body.decode().splitlines()], expected)
        job, body = self.done(self.submit(npy(self.rows), NPY))
        self.assertEqual(job["result_format"], "ndjson")  # two outputs are no one array
        self.assertEqual([json.loads(line) for line in body.decode().splitlines()], expected)
        _, body = self.done(self.submit(npy(self.rows), NPY, "?format=csv"))
        self.csv_as_expected(body, expected, classes)
        _, body = self.done(self.submit(csv_of(self.columns, self.rows), CSV, headers={"Accept": NDJSON}))
        self.assertEqual([json.loads(line) for line in body.decode().splitlines()], expected)

    def test_a_regressors_npy_comes_back_as_npy(self):
        case = next(c for c in sorted((CORPUS / "sklearn" / "1.9.1").iterdir()) if "ridge" in c.name or "linreg" in c.name or "diabetes" in c.name)
        model = self.server.upload(model_file(case), self.key).json
        width = len(model["features"])
        rows = [[(i * 7 + c) % 11 / 10 for c in range(width)] for i in range(500)]
        expected = self.predictions(rows, model)
        job, body = self.done(self.submit(npy(rows), NPY, model=model))
        self.assertEqual(job["result_format"], "npy", case)
        self.assertTrue(body.startswith(b"\x93NUMPY\x01\x00"))
        start = 10 + struct.unpack("<H", body[8:10])[0]
        self.assertIn(b"'shape': (500,", body[:start])
        wide = b"<f8" in body[:start]
        got = array.array("d" if wide else "f", body[start:]).tolist()
        flat = [v[0] if isinstance(v, list) else v for v in expected]
        self.assertTrue(got == flat if wide else all(abs(a - b) <= 1e-6 * max(1, abs(b)) for a, b in zip(got, flat)))

    def test_a_table_with_texts_and_gaps_and_its_input_beside_it(self):
        model = self.server.upload(model_file(TITANIC), self.key).json
        records = json.loads((TITANIC / "input.json").read_text())["dataframe_records"]
        columns = [f["name"] for f in model["features"]]
        expected = self.predictions(records, model)
        classes = [text(c) for c in model.get("classes") or [0, 1]]
        sent = csv_of(columns, [[r[c] for c in columns] for r in records])
        _, body = self.done(self.submit(sent, CSV, model=model))
        self.csv_as_expected(body, expected, classes)
        _, body = self.done(self.submit(sent.replace("\n", "\r\n").rstrip("\r\n"), CSV, "?include_input=true", model=model))
        self.csv_as_expected(body, expected, classes, before=len(columns))
        self.assertEqual([line[:len(columns)] for line in csv.reader(io.StringIO(body.decode()))], list(csv.reader(io.StringIO(sent))))

    def test_what_cannot_be_done_is_refused_at_once(self):
        for query, pointer in (("?format=parquet", "format"), ("?format=npy", "format"), ("?on_error=ignore", "on_error"), ("?include_input=yes", "include_input"),
                               ("?format=ndjson&include_input=true", "include_input")):
            with self.subTest(query):
                self.problem(self.submit(csv_of(self.columns, self.rows), CSV, query), 400, pointer)
        self.problem(self.submit(b"{}", "application/json"), 415)
        self.problem(self.submit(b"", CSV), 422)
        self.problem(self.server.request("GET", "/api/jobs/job_00000000000000000000000000/result", headers={"X-API-Key": self.key}), 404)

    def test_a_file_that_does_not_fit_fails_with_the_reason(self):
        for body, kind, wanted in (("a,b\n1,2\n", CSV, "a"), ("\n\n", CSV, "empty"), (csv_of(self.columns, []), CSV, "no rows"), ("[1]], \"x\": [[2]\n", NDJSON, "line 1"),
                                   (b"nonsense", NPY, "npy"), (npy(self.rows)[:-8], NPY, "shape")):
            with self.subTest(wanted):
                job = self.ended(self.submit(body, kind))
                self.assertEqual(job["status"], "failed")
                self.assertIn(wanted, json.dumps(job["error"]))
                self.problem(self.result(job), 409)


class Wrong(JobsCase):
    def wrong_csv(self):
        rows = [list(r) for r in self.rows * 20]
        rows[700][1] = "wide"
        rows[1500] = rows[1500][:2]
        rows[1501][0] = 'say "x"\nagain'.replace('"', '""')
        return rows, csv_of(self.columns, rows)

    def test_a_wrong_row_fails_the_job_with_its_line_and_field(self):
        _, body = self.wrong_csv()
        job = self.ended(self.submit(body, CSV))
        self.assertEqual(job["status"], "failed")
        self.assertEqual(job["error"]["errors"][0]["pointer"], f"line 702, {self.columns[1]}", job["error"])
        lines = [json.dumps(r) for r in self.rows]
        lines[17] = json.dumps({**dict(zip(self.columns, self.rows[17])), self.columns[2]: True and "x"})
        job = self.ended(self.submit("\n".join(lines), NDJSON))
        self.assertEqual(job["error"]["errors"][0]["pointer"], f"line 18, {self.columns[2]}", job["error"])

    def test_skipped_rows_are_empty_and_counted(self):
        rows, body = self.wrong_csv()
        wrong = (700, 1500, 1501)
        expected = self.predictions([r for i, r in enumerate(rows) if i not in wrong])
        job, result = self.done(self.submit(body, CSV, "?on_error=skip"))
        self.assertEqual((job["rows_done"], job["rows_failed"]), (len(rows), 3))
        self.assertEqual([e["line"] for e in job["row_errors"]], [702, 1502, 1503])
        table = list(csv.reader(io.StringIO(result.decode())))[1:]
        self.assertEqual(len(table), len(rows))
        self.assertEqual([i for i, line in enumerate(table) if line == [""] * 4], list(wrong))
        self.assertTrue([line[0] for i, line in enumerate(table) if i not in wrong] == [text(p["label"]) for p in expected])
        lines = [json.dumps(r) for r in self.rows]
        lines[0] = "not json"
        _, result = self.done(self.submit("\n".join(lines), NDJSON, "?on_error=skip"))
        got = [json.loads(line) for line in result.decode().splitlines()]
        self.assertEqual(got, [None] + self.predictions(self.rows[1:]))

    def test_a_file_of_wrong_rows_only_fails_also_when_they_are_skipped(self):
        job = self.ended(self.submit(csv_of(self.columns, [["x"] * 4] * 3000), CSV, "?on_error=skip"))
        self.assertEqual(job["status"], "failed")
        self.assertIn("none of the first", job["error"]["detail"])


class Large(JobsCase):
    flags = ("--jobs.running_max", "1")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.count = 200_000
        cls.unit = cls.rows[:100]
        cls.big = csv_of(cls.columns, [cls.unit[i % 100] for i in range(cls.count)])
        cls.lines = {}

    def check_big(self, body):
        self.repeats(body, self.unit, self.count)

    def test_a_large_file_beside_requests_with_range_download_and_events(self):
        submitted = self.submit(self.big, CSV)
        self.assertEqual(submitted.status, 201, submitted.body)
        identity = submitted.json["id"]
        events = []
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)
        connection.request("GET", f"/api/jobs/{identity}/events", headers={"X-API-Key": self.key})
        response = connection.getresponse()
        self.assertEqual(response.getheader("content-type"), "text/event-stream")
        listener = threading.Thread(target=lambda: events.append(response.read().decode()))
        listener.start()
        slowest = 0
        asked = 0
        while self.job(identity)["status"] in ("queued", "running"):
            began = time.monotonic()
            self.predictions(self.rows[:1])
            slowest = max(slowest, time.monotonic() - began)
            asked += 1
        self.assertGreater(asked, 0)
        self.assertLess(slowest, 5)  # coarse on purpose: the machine may be busy
        listener.join(60)
        connection.close()
        job, body = self.done(submitted)
        self.check_big(body)
        heard = [dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":")) for block in events[0].split("\n\n") if "data" in block]
        self.assertEqual(heard[-1]["event"], "end")
        self.assertEqual(json.loads(heard[-1]["data"])["status"], "done")
        done = [json.loads(e["data"])["rows_done"] for e in heard]
        self.assertEqual(done, sorted(done))
        self.assertEqual(done[-1], self.count)
        again = self.server.request("GET", f"/api/jobs/{identity}/events", headers={"X-API-Key": self.key})
        self.assertIn(b"event: end", again.body)
        self.assertEqual(self.server.request("GET", f"/api/jobs/{identity}/events", headers={"X-API-Key": self.key, "Last-Event-ID": "end"}).status, 204)
        # ranges
        whole = self.result(job)
        etag = whole.headers["etag"]
        part = self.result(job, Range="bytes=1000-1999")
        self.assertEqual((part.status, part.body), (206, body[1000:2000]))
        self.assertEqual(part.headers["content-range"], f"bytes 1000-1999/{len(body)}")
        self.assertEqual(self.result(job, Range=f"bytes={len(body) - 5}-").body, body[-5:])
        self.assertEqual(self.result(job, Range="bytes=-7").body, body[-7:])
        self.assertEqual(self.result(job, Range="bytes=5-9", **{"If-Range": etag}).status, 206)
        self.assertEqual(self.result(job, Range="bytes=5-9", **{"If-Range": '"other"'}).status, 200)
        beyond = self.result(job, Range=f"bytes={len(body)}-")
        self.assertEqual((beyond.status, beyond.headers["content-range"]), (416, f"bytes */{len(body)}"))
        self.assertEqual(self.result(job, **{"If-None-Match": etag}).status, 304)

    def test_a_job_ends_on_the_version_it_began_with(self):
        model = self.server.upload(model_file(IRIS), self.key).json
        path = f"/api/models/{model['id']}"
        jobs = [self.submit(self.big, CSV, model=model), self.submit(self.big, CSV, model=model)]  # the second waits for the first
        self.assertEqual(self.server.upload(model_file(IRIS), self.key, to=path + "/versions").status, 201)
        promoted = self.server.call("POST", path + "/versions/2/promote", credential=self.key)
        self.assertIn(promoted.status, (200, 204), promoted.body)
        for submitted in jobs:
            job, body = self.done(submitted)
            self.assertEqual(job["version"], 1)
            self.check_big(body)
        self.assertEqual(self.done(self.submit(csv_of(self.columns, self.rows), CSV, model=model))[0]["version"], 2)

    def test_listeners_hold_no_worker(self):
        identity = self.submit(self.big, CSV).json["id"]
        request = f"GET /api/jobs/{identity}/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {self.key}\r\nConnection: close\r\n\r\n".encode()
        lines = [socket.create_connection(("127.0.0.1", self.server.port), timeout=60) for _ in range(60)]
        for line in lines:
            line.sendall(request)
        self.assertEqual(self.job(identity)["id"], identity)  # there are four workers
        lines.pop().close()
        for line in lines:
            heard = b""
            while block := line.recv(65536):
                heard += block
            line.close()
            self.assertIn(b"event: end", heard)

    def test_cancel_and_remove_say_which(self):
        first = self.submit(self.big, CSV).json
        second = self.submit(csv_of(self.columns, self.rows), CSV).json  # one at a time: it waits
        for job in (second, first):
            answer = self.server.call("DELETE", f"/api/jobs/{job['id']}", credential=self.key)
            self.assertEqual((answer.status, answer.json["outcome"]), (200, "cancelled"))
            self.assertEqual(self.job(job["id"])["status"], "cancelled")
            self.problem(self.server.request("GET", f"/api/jobs/{job['id']}/result", headers={"X-API-Key": self.key}), 409)
        blobs = self.server.data / "blobs"
        models = 2 * len(self.server.call("GET", "/api/models", credential=self.key).json["items"])
        done = [j for j in self.server.call("GET", "/api/jobs?status=done", credential=self.key).json["items"]]
        self.assertTrue(wait_for(lambda: len(list(blobs.iterdir())) <= models + 20 * len(done) and self.no_inputs()), list(blobs.iterdir()))
        for job in (second, first):
            answer = self.server.call("DELETE", f"/api/jobs/{job['id']}", credential=self.key)
            self.assertEqual((answer.status, answer.json["outcome"]), (200, "removed"))
            self.problem(self.server.call("GET", f"/api/jobs/{job['id']}", credential=self.key), 404)

    def no_inputs(self):
        return all(p.stat().st_size < len(self.big) // 2 or p.stat().st_size > len(self.big) * 1.2 for p in (self.server.data / "blobs").iterdir())

    def test_the_command_line_scores_a_file_and_lists_jobs(self):
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "big.csv", Path(folder) / "out.csv"
            source.write_text(self.big)
            run = lambda *words: subprocess.run([str(PROGRAM), *words], capture_output=True, text=True, timeout=120, env=self.environment(folder))
            ran = run("predict", "iris", "-i", str(source), "-o", str(target), "--job")
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.check_big(target.read_bytes())
            listed = run("jobs", "--json")
            self.assertEqual(listed.returncode, 0, listed.stderr)
            job = json.loads(listed.stdout)[0]
            self.assertEqual(job["status"], "done")
            self.assertEqual(json.loads(run("jobs", job["id"], "--json").stdout)["id"], job["id"])
            self.assertEqual(run("jobs", "cancel", job["id"]).returncode, 0)
            self.assertEqual(run("jobs", job["id"]).returncode, 1)

    def environment(self, folder, url=None):
        return {"HOME": folder, "SLIPWAY_URL": url or self.server.url, "SLIPWAY_KEY": self.key, "PATH": "/usr/bin:/bin"}

    def test_ctrl_c_cancels_the_job(self):
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "big.csv", Path(folder) / "out.csv"
            source.write_text(self.big * 2)  # a second header among the rows: it must be cancelled long before, or fail there
            ran = subprocess.Popen([str(PROGRAM), "predict", "iris", "-i", str(source), "-o", str(target), "--job"], stderr=subprocess.PIPE, text=True,
                                   env=self.environment(folder))
            identity = ran.stderr.readline().split()[1].rstrip(";")
            ran.send_signal(signal.SIGINT)
            said = ran.stderr.read()
            ran.stderr.close()
            self.assertEqual(ran.wait(60), 130, said)
            self.assertEqual(self.job(identity)["status"], "cancelled", said)
            self.assertEqual(list(Path(folder).glob("out*")), [])

    def test_a_download_that_breaks_off_goes_on_where_it_was(self):
        with CuttingProxy(self.server.port) as proxy, tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "big.csv", Path(folder) / "out.csv"
            source.write_text(self.big)
            ran = subprocess.run([str(PROGRAM), "predict", "iris", "-i", str(source), "-o", str(target), "--job"], capture_output=True, text=True,
                                 timeout=120, env=self.environment(folder, f"http://127.0.0.1:{proxy.port}"))
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.assertGreaterEqual(proxy.cuts, 2)
            self.check_big(target.read_bytes())


class CuttingProxy:
    """Passes bytes on, and breaks a result's download off twice."""

    def __enter__(self):
        return self

    def __init__(self, port):
        self.to, self.cuts = port, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to))
            state = {"result": False}
            threading.Thread(target=self.there, args=(client, server, state), daemon=True).start()
            threading.Thread(target=self.back, args=(server, client, state), daemon=True).start()

    def there(self, client, server, state):
        with client, server:
            while block := self.read(client):
                state["result"] = state["result"] or (block.startswith(b"GET ") and b"/result " in block)
                server.sendall(block)

    def back(self, server, client, state):
        passed = 0
        while block := self.read(server):
            if state["result"] and self.cuts < 2 and passed > 500_000:
                self.cuts += 1
                for end in (client, server):
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
                return
            passed += len(block) if state["result"] else 0
            client.sendall(block)

    @staticmethod
    def read(end):
        try:
            return end.recv(65536)
        except OSError:
            return b""


class Strangers(JobsCase):
    flags = ("--jobs.per_user_max", "1", "--jobs.running_max", "1")

    def test_a_job_is_its_owners_and_goes_with_the_model(self):
        model = self.server.upload(model_file(IRIS), self.key, name="short").json
        job, _ = self.done(self.submit(csv_of(self.columns, self.rows), CSV, model=model))
        other = self.server.key(self.server.register("eve@example.org"))
        for method, path in (("GET", ""), ("GET", "/events"), ("GET", "/result"), ("DELETE", "")):
            self.problem(self.server.call(method, f"/api/jobs/{job['id']}{path}", credential=other), 404)
        self.assertEqual(self.server.call("GET", "/api/jobs", credential=other).json["items"], [])
        self.problem(self.submit(csv_of(self.columns, self.rows), CSV, model=model, credential=other), 404)
        limited = self.server.key(self.token, models=[self.iris["id"]])
        self.problem(self.server.call("GET", f"/api/jobs/{job['id']}", credential=limited), 404)
        self.assertEqual(self.server.call("DELETE", f"/api/models/{model['id']}", credential=self.key).status, 204)
        self.problem(self.server.call("GET", f"/api/jobs/{job['id']}", credential=self.key), 404)

    def test_jobs_of_a_user_have_a_limit_and_pages(self):
        seen = []
        for _ in range(3):
            seen.append(self.ended(self.submit(csv_of(self.columns, self.rows), CSV))["id"])
        big = csv_of(self.columns, [self.rows[i % 100] for i in range(200_000)])
        running = self.submit(big, CSV)
        self.problem(self.submit(csv_of(self.columns, self.rows), CSV), 429)
        self.server.call("DELETE", f"/api/jobs/{running.json['id']}", credential=self.key)
        first = self.server.call("GET", f"/api/jobs?limit=2&status=done&model_id={self.iris['id']}", credential=self.key).json
        self.assertEqual([j["id"] for j in first["items"]], seen[:0:-1])
        second = self.server.call("GET", f"/api/jobs?limit=2&status=done&model_id={self.iris['id']}&cursor={first['next']}", credential=self.key).json
        self.assertEqual(([j["id"] for j in second["items"]], second["next"]), (seen[:1], None))


class Restarts(JobsCase):
    def test_a_job_goes_on_after_the_server_was_killed(self):
        count = 1_000_000
        header, rows = csv_of(self.columns, self.rows[:100]).split("\n", 1)
        blobs = lambda: len(list((self.server.data / "blobs").iterdir()))
        before = blobs()
        job = self.submit(header + "\n" + rows * (count // 100), CSV).json
        self.assertTrue(wait_for(lambda: self.job(job["id"])["rows_done"] > 5000))
        self.server.kill()  # before any of the result is on disk: it begins again
        self.server.start()
        self.assertTrue(wait_for(lambda: blobs() > before + 1, 60))  # beside the input a part of the result
        self.server.kill()
        self.server.start()
        again = self.job(job["id"])
        self.assertGreater(again["rows_done"], 100_000, again)  # it goes on behind that part
        ended = wait_for(lambda: (lambda j: j if j["status"] == "done" else None)(self.job(job["id"])), 200)
        self.assertEqual((ended["status"], ended["rows_done"]), ("done", count), ended)
        self.repeats(self.result(ended).body, self.rows[:100], count)
        self.assertEqual(self.server.call("DELETE", f"/api/jobs/{job['id']}", credential=self.key).status, 200)
        self.assertEqual(blobs(), before)

    def test_an_upload_that_broke_off_leaves_nothing(self):
        before = {p.name for p in (self.server.data / "blobs").iterdir()}
        for end in ("close", "kill"):
            line = socket.create_connection(("127.0.0.1", self.server.port), timeout=30)
            line.sendall((f"POST /api/models/{self.iris['id']}/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nAuthorization: Bearer {self.key}\r\n"
                          f"Content-Length: 100000\r\n\r\n{','.join(self.columns)}\n").encode())
            time.sleep(0.3)
            if end == "kill":
                self.server.kill()
                self.server.start()
            line.close()
        self.assertTrue(wait_for(lambda: {p.name for p in (self.server.data / "blobs").iterdir()} == before))
        self.assertNotIn("receiving", json.dumps(self.server.call("GET", "/api/jobs", credential=self.key).json))


class Crashes(JobsCase):
    def test_kills_at_any_instant_lose_no_job_and_leave_no_orphan(self):
        random.seed(5)
        header, rows = csv_of(self.columns, self.rows[:100]).split("\n", 1)
        body = header + "\n" + rows * 1500
        blobs = lambda: {p.name for p in (self.server.data / "blobs").iterdir()}
        before, acknowledged = blobs(), []

        def client(cancels):
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = self.submit(body, CSV)
                if answer.status == 201:
                    acknowledged.append(answer.json["id"])
                if cancels and acknowledged:
                    self.server.call("DELETE", f"/api/jobs/{random.choice(acknowledged)}", credential=self.key)

        for i in range(9):
            thread = threading.Thread(target=client, args=(i % 3 == 0,))
            thread.start()
            time.sleep(random.uniform(0.02, 0.6))
            self.server.kill()
            thread.join()
            self.server.start()
        items = self.server.call("GET", "/api/jobs?limit=200", credential=self.key).json["items"]
        for identity in (item["id"] for item in items):
            job = wait_for(lambda: (lambda j: j if j["status"] in ("done", "cancelled") else None)(self.job(identity)), 100)
            self.assertTrue(job, self.job(identity))
            if job["status"] == "done":
                self.repeats(self.result(job).body, self.rows[:100], 150_000)
            self.assertEqual(self.server.call("DELETE", f"/api/jobs/{identity}", credential=self.key).status, 200)
        self.assertTrue(wait_for(lambda: blobs() == before, 30), blobs() - before)


class Retention(JobsCase):
    flags = ("--jobs.retention_ms", "1500")

    def test_a_job_that_is_over_goes_after_a_while_with_its_result(self):
        before = len(list((self.server.data / "blobs").iterdir()))
        submitted = self.submit(csv_of(self.columns, self.rows), CSV)
        path = f"/api/jobs/{submitted.json['id']}"
        self.assertTrue(wait_for(lambda: self.server.call("GET", path, credential=self.key).status == 404, 30))
        self.assertTrue(wait_for(lambda: len(list((self.server.data / "blobs").iterdir())) == before))


if __name__ == "__main__":
    unittest.main(verbosity=2)
