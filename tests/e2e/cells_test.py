"""What happens when a model's process dies, is hung, or must make room: its callers notice, nobody else does."""
import os
import signal
import threading
import time
import unittest
from pathlib import Path

from support import CORPUS, IRIS, Server, ServerCase, measures_memory, model_file, needs_the_sandbox, wait_for


def children(pid):
    """Of all its threads: a child belongs to the thread that forked it."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(p) for p in path.read_text().split()]
        except FileNotFoundError:
            pass
    return found


def status_of(pid):
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


class Cells(ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.server.upload(model_file(IRIS), cls.key).json
        cls.other = cls.server.upload(model_file(CORPUS / "sklearn" / "1.9.1" / "forest_multi"), cls.key).json

    def ask(self, model=None):
        model = model or self.model
        return self.server.predict(model["id"], model["example"], self.key)

    def launcher(self):
        return children(self.server.process.pid)[0]

    def cells(self):
        return [c for c in children(self.launcher())]

    @needs_the_sandbox
    def test_a_cell_has_no_file_no_socket_and_no_way_out(self):
        self.assertEqual(self.ask().status, 200)
        cells = wait_for(self.cells)
        self.assertTrue(cells)
        for cell in cells:
            facts = status_of(cell)
            self.assertEqual(facts["Seccomp"].strip(), "2")
            self.assertEqual(facts["NoNewPrivs"].strip(), "1")
            self.assertEqual(facts["CapEff"].strip(), "0" * 16)
            for fd in os.listdir(f"/proc/{cell}/fd"):
                target = os.readlink(f"/proc/{cell}/fd/{fd}")
                self.assertRegex(target, r"^(/memfd:|anon_inode:|/dev/null|pipe:)", f"descriptor {fd}")
            environment = Path(f"/proc/{cell}/environ").read_bytes()
            self.assertNotIn(b"SLIPWAY_", environment)

    def test_telemetry_is_off_and_nothing_is_written_outside_the_data_directory(self):
        self.assertIn(b"ORT_DISABLE_TELEMETRY=1", Path(f"/proc/{self.launcher()}/environ").read_bytes())
        for place in (Path.home() / ".cache" / "onnxruntime", Path("/tmp/onnxruntime.db"), Path("/tmp/deviceid")):
            self.assertFalse(place.exists(), place)
        for pid in [self.server.process.pid, self.launcher()]:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                target = os.readlink(f"/proc/{pid}/fd/{fd}")
                if target.startswith("/") and not target.startswith(("/memfd:", "/dev/", "/proc/")):
                    self.assertTrue(target.startswith(str(self.server.data)), target)

    def test_a_killed_cell_is_replaced_and_others_never_notice(self):
        self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.ask(self.other).status, 200)
        stop = threading.Event()
        seen = {"other": [], "victim": []}

        def hammer(name, model):
            while not stop.is_set():
                seen[name].append(self.ask(model).status)

        threads = [threading.Thread(target=hammer, args=("victim", self.model)), threading.Thread(target=hammer, args=("other", self.other))]
        for thread in threads:
            thread.start()
        for _ in range(2):
            time.sleep(0.4)
            os.kill(self.pid_of(self.model), signal.SIGKILL)
        time.sleep(0.5)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(set(seen["other"]), {200})
        self.assertLessEqual(set(seen["victim"]), {200, 503})
        self.assertLess(seen["victim"].count(503), 10)
        self.assertEqual(self.ask().status, 200)

    def pid_of(self, model):
        return wait_for(lambda: self.server.call("GET", f"/api/models/{model['id']}", credential=self.key).json["runtime"]["pid"])

    def test_a_killed_launcher_comes_back(self):
        self.assertEqual(self.ask().status, 200)
        old = self.launcher()
        os.kill(old, signal.SIGKILL)
        self.assertTrue(wait_for(lambda: old not in children(self.server.process.pid) and children(self.server.process.pid)))
        self.assertTrue(wait_for(lambda: self.ask().status == 200, 20))
        self.assertEqual(self.server.request("GET", "/readyz").status, 200)
        self.assertEqual(self.server.upload(model_file(IRIS), self.key).status, 201)

    def test_a_stopped_cell_costs_its_callers_a_504_and_is_replaced(self):
        server = Server("--inference.timeout_ms", "1s")
        try:
            key = server.key(server.register("a@example.org"))
            model = server.upload(model_file(IRIS), key).json
            self.assertEqual(server.predict(model["id"], model["example"], key).status, 200)
            pid = server.call("GET", f"/api/models/{model['id']}", credential=key).json["runtime"]["pid"]
            os.kill(pid, signal.SIGSTOP)
            start = time.monotonic()
            answer = server.predict(model["id"], model["example"], key)
            self.assertEqual(answer.status, 504, answer.body)
            self.assertLess(time.monotonic() - start, 3)
            self.assertTrue(wait_for(lambda: server.predict(model["id"], model["example"], key).status == 200))
        finally:
            server.close()


class Memory(ServerCase):
    flags = ("--inference.memory_bytes", "24M")

    @measures_memory
    def test_the_least_recently_used_model_makes_room_and_comes_back(self):
        models = [self.server.upload(model_file(IRIS), self.key).json for _ in range(6)]
        for _ in range(2):
            for model in models:
                self.assertEqual(self.server.predict(model["id"], model["example"], self.key).status, 200)
        runtime = lambda m: self.server.call("GET", f"/api/models/{m['id']}", credential=self.key).json["runtime"]
        self.assertTrue(wait_for(lambda: sum(runtime(m)["resident_bytes"] for m in models if runtime(m)["loaded"]) <= 32 << 20))
        self.assertLess(sum(runtime(m)["loaded"] for m in models), 6)
        self.assertGreater(max(runtime(m)["cold_starts"] for m in models), 1)


class Residence(unittest.TestCase):
    def test_a_warm_model_is_in_memory_before_its_first_request_also_after_a_crash_and_a_restart(self):
        server = Server()
        try:
            token = server.register("a@example.org")
            key = server.key(token)
            model = server.upload(model_file(IRIS), key).json
            path = f"/api/models/{model['id']}"
            runtime = lambda: server.call("GET", path, credential=key).json["runtime"]
            self.assertEqual(server.call("PATCH", path, {"residence": "forever"}, key).status, 422)
            self.assertEqual(server.call("PATCH", path, {"residence": "pinned"}, key).status, 403, "for administrators")
            self.assertEqual(server.call("PATCH", path, {"residence": "warm"}, key).json["residence"], "warm")
            self.assertTrue(wait_for(lambda: runtime()["loaded"]))
            os.kill(runtime()["pid"], signal.SIGKILL)
            self.assertTrue(wait_for(lambda: runtime()["crashes"] == 1 and runtime()["loaded"]))
            server.stop()
            server.start()
            self.assertTrue(wait_for(lambda: runtime()["loaded"]))
            listed = server.call("GET", "/api/models", credential=key).json["items"][0]
            self.assertTrue(listed["runtime"]["loaded"])
        finally:
            server.close()


class Batching(ServerCase):
    def test_a_batching_window_gathers_requests_and_is_kept(self):
        model = self.server.upload(model_file(IRIS), self.key, name="gathers").json
        path = f"/api/models/{model['id']}"
        self.assertEqual(model["batch_window"], 0)
        for wrong in (-1, 1001, 1.5, "20", True):
            self.problem(self.server.call("PATCH", path, {"batch_window": wrong}, self.key), 422, "#/batch_window")
        self.assertEqual(self.server.call("PATCH", path, {"batch_window": 400}, self.key).json["batch_window"], 400)
        config = self.server.call("GET", "/v2/models/gathers/config", credential=self.key).json
        self.assertEqual(config["dynamic_batching"], {"max_queue_delay_microseconds": 400_000})
        stats = lambda: self.server.call("GET", "/v2/models/gathers/stats", credential=self.key).json["model_stats"][0]
        self.server.predict(model["id"], model["example"], self.key)
        before, began, answers = stats(), time.monotonic(), []
        threads = [threading.Thread(target=lambda: answers.append(self.server.predict(model["id"], model["example"], self.key).status)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [200] * 8)
        self.assertGreater(time.monotonic() - began, 0.39)
        after = stats()
        self.assertLess(after["execution_count"] - before["execution_count"], 4, "eight requests in a run or two")
        self.assertEqual(after["inference_stats"]["success"]["count"] - before["inference_stats"]["success"]["count"], 8)
        self.server.stop()
        self.server.start()
        self.assertEqual(self.server.call("GET", path, credential=self.key).json["batch_window"], 400)
        began = time.monotonic()
        self.assertEqual(self.server.call("PATCH", path, {"batch_window": 0}, self.key).json["batch_window"], 0)
        self.assertEqual(self.server.predict(model["id"], model["example"], self.key).status, 200)

    def test_a_model_whose_rows_cant_be_joined_says_so(self):
        for path in sorted((CORPUS / "onnx").rglob("*.onnx")):
            model = self.server.upload(path, self.key)
            if model.status != 201 or model.json["status"] != "ready":
                continue
            answer = self.server.call("PATCH", f"/api/models/{model.json['id']}", {"batch_window": 20}, self.key)
            if answer.status == 422:
                self.problem(answer, 422, "#/batch_window")
                self.assertEqual(self.server.call("PATCH", f"/api/models/{model.json['id']}", {"batch_window": 0}, self.key).status, 200)
                return
        self.fail("the corpus has no such model")


class Promotion(ServerCase):
    def test_no_request_is_lost_while_versions_take_turns(self):
        model = self.server.upload(model_file(IRIS), self.key).json
        other = CORPUS / "sklearn" / "1.9.1" / "iris_pipeline"
        added = self.server.upload(model_file(other), self.key, to=f"/api/models/{model['id']}/versions")
        self.assertIn(added.status, (200, 201), added.body[:300])
        stop, answers = threading.Event(), []

        def hammer():
            while not stop.is_set():
                answer = self.server.predict(model["id"], model["example"], self.key)
                answers.append((answer.status, answer.json.get("version"), answer.body[:200]))

        threads = [threading.Thread(target=hammer) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for number in (1, 2) * 6:
                promoted = self.server.call("POST", f"/api/models/{model['id']}/versions/{number}/promote", credential=self.key)
                self.assertEqual(promoted.status, 200, promoted.body[:300])
                time.sleep(0.05)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual([a for a in answers if a[0] != 200], [])
        self.assertEqual({a[1] for a in answers}, {1, 2})


class Drain(unittest.TestCase):
    def test_sigterm_finishes_what_runs_and_refuses_nothing_that_was_taken(self):
        server = Server()
        try:
            key = server.key(server.register("a@example.org"))
            model = server.upload(model_file(IRIS), key).json
            server.predict(model["id"], model["example"], key)
            bad, done = [], []

            def hammer():
                while True:
                    try:
                        answer = server.predict(model["id"], model["example"], key)
                    except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError) as error:
                        # Not taken: refused, or still in the listening socket's backlog when that was closed.
                        done.append(type(error).__name__)
                        return
                    except Exception as error:
                        bad.append(repr(error))
                        return
                    if answer.status != 200:
                        bad.append(answer.status)
                        return

            threads = [threading.Thread(target=hammer) for _ in range(8)]
            for thread in threads:
                thread.start()
            time.sleep(0.5)
            self.assertEqual(server.stop(), 0)
            for thread in threads:
                thread.join()
            self.assertEqual(bad, [])
        finally:
            server.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
