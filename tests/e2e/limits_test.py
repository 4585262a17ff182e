"""Limits by user, key and model, of requests, rows, bytes and concurrent ones: what is refused, what it says, and that it lasts."""
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from support import IRIS, PROGRAM, Server, ServerCase, model_file, wait_for

ROW = [5.1, 3.5, 1.4, 0.2]
REDIS = shutil.which("redis-server") or shutil.which("valkey-server")


ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("SLIPWAY_")}


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, **more)


def rows(n):
    return {"instances": [ROW] * n}


def per_hour(amount, burst=None):
    return {"amount": amount, "per": "hour", "burst": burst or amount}


class LimitCase(ServerCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.flags)
        cls.admin = cls.server.register("root@example.org", cls.server.setup_token)
        cls.token = cls.server.register("ada@example.org")
        cls.key = cls.server.key(cls.token)
        answer = cls.server.upload(model_file(IRIS), cls.key, name="iris")
        assert answer.status in (200, 201), answer.body
        cls.model = answer.json["id"]

    def new_key(self, **more):
        answer = self.server.call("POST", "/api/keys", {"name": "test", **more}, self.token)
        self.assertEqual(answer.status, 201, answer.body)
        return answer.json["id"], answer.json["key"]

    def ask(self, key, n=1, status=200, model=None):
        answer = self.server.predict(model or self.model, rows(n), key)
        self.assertEqual(answer.status, status, answer.body[:500])
        return answer

    def refused(self, answer, name, retry=True):
        document = self.problem(answer, 429)
        self.assertEqual(document["type"], "/errors/rate-limited")
        self.assertIn(f'"{name}"', document["detail"])
        self.assertNotIn("errors", document)
        self.assertTrue(answer.headers["ratelimit"].startswith(f'"{name}";r='), answer.headers)
        self.assertTrue(answer.headers["ratelimit-policy"].startswith(f'"{name}";q='), answer.headers)
        if retry:
            self.assertGreater(int(answer.headers["retry-after"]), 0)
        return document

    def pid(self):
        self.ask(self.key)
        return self.server.call("GET", "/api/models/" + self.model, credential=self.token).json["runtime"]["pid"]


class ByKey(LimitCase):
    def test_without_limits_there_are_no_headers(self):
        answer = self.ask(self.key)
        self.assertNotIn("ratelimit", answer.headers)
        self.assertNotIn("ratelimit-policy", answer.headers)

    def test_requests(self):
        _, key = self.new_key(limits={"requests": per_hour(60, 3)})
        left = [self.ask(key).headers for _ in range(3)]
        self.assertEqual([h["ratelimit"].split(";")[1] for h in left], ["r=2", "r=1", "r=0"])
        self.assertEqual(left[0]["ratelimit-policy"], '"key-requests";q=3;w=180')
        answer = self.ask(key, status=429)
        document = self.refused(answer, "key-requests")
        self.assertIn("of this key is reached: 60 requests a hour, 3 at once; try again in ", document["detail"])
        self.assertIn(";t=" + answer.headers["retry-after"], answer.headers["ratelimit"])
        self.ask(self.key)

    def test_every_protocol_obeys(self):
        flat = {"inputs": [{"name": "numbers", "shape": [1, 4], "datatype": "FP64", "data": ROW}]}
        for path, document in ((f"/api/predict/{self.model}", rows(1)), ("/v2/models/iris/infer", flat), ("/v1/models/iris:predict", rows(1)),
                               ("/invocations", rows(1)), ("/models/iris/invocations", rows(1))):
            _, key = self.new_key(limits={"requests": per_hour(60, 1)})
            answer = self.server.call("POST", path, document, key)
            self.assertEqual(answer.status, 200, (path, answer.body))
            self.assertEqual(answer.headers["ratelimit"].split(";")[:2], ['"key-requests"', "r=0"])
            self.refused(self.server.call("POST", path, document, key), "key-requests")
            self.refused(self.server.call("POST", path, b"not json", key), "key-requests")  # before the body is looked at

    def test_rows_are_counted_by_every_protocol(self):
        flat = {"inputs": [{"name": "numbers", "shape": [6, 4], "datatype": "FP64", "data": ROW * 6}]}
        _, key = self.new_key(limits={"rows": per_hour(10)})
        for path, document in ((f"/api/predict/{self.model}", rows(6)), ("/v2/models/iris/infer", flat), ("/v1/models/iris:predict", rows(6)),
                               ("/invocations", rows(6))):
            _, key = self.new_key(limits={"rows": per_hour(10)})
            self.assertEqual(self.server.call("POST", path, document, key).status, 200)
            self.refused(self.server.call("POST", path, document, key), "key-rows")

    def test_rows_and_what_is_refused_uses_nothing(self):
        _, key = self.new_key(limits={"rows": per_hour(10), "requests": per_hour(60, 5)})
        self.ask(key, 8)
        for _ in range(10):
            self.refused(self.ask(key, 3, 429), "key-rows")
        self.ask(key, 2)
        answer = self.ask(key, 11, 429)
        document = self.refused(answer, "key-rows", retry=False)
        self.assertIn("more rows than may come at once", document["detail"])
        self.assertNotIn("retry-after", answer.headers)

    def test_bytes(self):
        size = len(json.dumps(rows(1)))
        _, key = self.new_key(limits={"bytes": per_hour(3 * size)})
        self.assertIn(f';q={3 * size};qu="content-bytes";w=3600', self.ask(key).headers["ratelimit-policy"])
        self.ask(key)
        self.refused(self.ask(key, 2, 429), "key-bytes")
        self.ask(key)
        self.refused(self.ask(key, 1, 429), "key-bytes")

    def test_an_owner_changes_a_keys_limits_and_a_restart_keeps_them(self):
        key_id, key = self.new_key(limits={"requests": per_hour(60, 1)})
        self.ask(key)
        self.ask(key, status=429)
        answer = self.server.call("PATCH", "/api/keys/" + key_id, {"limits": {"requests": per_hour(60, 2), "concurrent": 9}}, self.token)
        self.assertEqual(answer.json["limits"], {"requests": per_hour(60, 2), "concurrent": 9})
        self.ask(key)
        self.ask(key, status=429)
        self.server.stop()
        self.server.start()
        self.ask(key)
        self.ask(key)
        self.refused(self.ask(key, status=429), "key-requests")
        listed = {k["id"]: k["limits"] for k in self.server.call("GET", "/api/keys", credential=self.token).json["items"]}
        self.assertEqual(listed[key_id], {"requests": per_hour(60, 2), "concurrent": 9})
        self.assertEqual(self.server.call("PATCH", "/api/keys/" + key_id, {"limits": {}}, self.token).json["limits"], {})
        for _ in range(5):
            self.ask(key)

    def test_limits_that_make_no_sense_are_refused_by_name(self):
        for limits, pointer in (({"requests": {"amount": -1, "per": "hour"}}, "#/limits/requests/amount"), ({"rows": {"amount": 1}}, "#/limits/rows/per"),
                                ({"cats": 1}, "#/limits"), ("much", "#/limits"), ({"concurrent": "two"}, "#/limits/concurrent")):
            self.problem(self.server.call("POST", "/api/keys", {"name": "test", "limits": limits}, self.token), 422, pointer)
        key_id, key = self.new_key()
        self.problem(self.server.call("PATCH", "/api/keys/" + key_id, {"limits": {}}, key), 403)
        self.problem(self.server.call("PATCH", "/api/keys/" + key_id, {"limits": {}}, self.admin), 404)


class Concurrent(LimitCase):
    def setUp(self):
        _, self.limited = self.new_key(limits={"concurrent": 1})
        self.cell = self.pid()

    def begin(self, headers=None):
        """A request whose answer waits: its model's process is stopped."""
        os.kill(self.cell, signal.SIGSTOP)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(
            self.server.call("POST", f"/api/predict/{self.model}", rows(1), self.limited, headers=headers or {})))
        thread.start()
        answer = self.second()
        self.assertIn("1 requests at the same time", answer.json["detail"])
        self.assertEqual(answer.headers["retry-after"], "1")
        self.assertEqual(answer.headers["ratelimit-policy"], '"key-concurrent";q=1;qu="concurrent-requests"')
        return thread, answers

    def second(self):
        """Another request while the first is under way."""
        def under_way():
            now = self.server.call("GET", "/api/models/" + self.model, credential=self.token).json["runtime"]
            return now["waiting"] + now["running"] > 0
        self.assertTrue(wait_for(under_way))
        answer = self.ask(self.limited, status=429)
        self.refused(answer, "key-concurrent")
        return answer

    def free_again(self):
        self.assertTrue(wait_for(lambda: self.server.predict(self.model, rows(1), self.limited).status == 200))

    def test_a_place_is_free_after_the_answer(self):
        thread, answers = self.begin()
        os.kill(self.cell, signal.SIGCONT)
        thread.join()
        self.assertEqual(answers[0].status, 200)
        self.assertEqual(self.ask(self.limited).headers["ratelimit"], '"key-concurrent";r=0')

    def test_a_place_is_free_after_a_crash(self):
        thread, answers = self.begin()
        os.kill(self.cell, signal.SIGKILL)
        thread.join()
        self.assertIn(answers[0].status, (200, 503))  # another process may have run it
        self.free_again()

    def test_a_place_is_free_after_a_deadline(self):
        thread, answers = self.begin({"X-Request-Timeout": "1500ms"})
        thread.join()
        self.assertEqual(answers[0].status, 504)
        self.free_again()

    def test_a_place_is_free_after_the_client_left(self):
        os.kill(self.cell, signal.SIGSTOP)
        body = json.dumps(rows(1)).encode()
        with socket.create_connection(("127.0.0.1", self.server.port)) as s:
            s.sendall(f"POST /api/predict/{self.model} HTTP/1.1\r\nHost: x\r\nX-API-Key: {self.limited}\r\nContent-Type: application/json\r\n"
                      f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            self.second()
            time.sleep(0.2)  # a connection that is closed at once may only be closed on one side
        ask = lambda: self.server.call("POST", f"/api/predict/{self.model}", rows(1), self.limited, headers={"X-Request-Timeout": "300ms"})
        self.assertTrue(wait_for(lambda: ask().status != 429), "at once: the model's process is still stopped")
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.cell, signal.SIGCONT)
        self.free_again()

    def test_to_make_a_job_is_a_request(self):
        _, key = self.new_key(limits={"requests": {"amount": 2, "per": "hour"}})
        make = lambda: self.server.request("POST", f"/api/models/{self.model}/jobs", "\n".join(["[5.1,3.5,1.4,0.2]"] * 10),
                                           {"Content-Type": "application/x-ndjson", "Authorization": "Bearer " + key})
        self.assertEqual([make().status for _ in range(2)], [201, 201])
        self.refused(make(), "key-requests")

    def test_a_job_is_as_slow_as_its_limits_say(self):
        _, key = self.new_key(limits={"rows": {"amount": 200, "per": "second", "burst": 100}})
        _, other = self.new_key()
        submit = lambda credential: self.server.request("POST", f"/api/models/{self.model}/jobs", "\n".join(["[5.1,3.5,1.4,0.2]"] * 500),
                                                        {"Content-Type": "application/x-ndjson", "Authorization": "Bearer " + credential})
        state = lambda made: self.server.call("GET", "/api/jobs/" + made.json["id"], credential=self.token).json
        began = time.monotonic()
        slow, quick = submit(key), submit(other)
        self.assertEqual((slow.status, quick.status), (201, 201), slow.body)
        self.assertTrue(wait_for(lambda: state(quick)["status"] == "done"))
        self.assertTrue(wait_for(lambda: state(slow)["status"] == "done"))
        self.assertGreater(time.monotonic() - began, 1.9, "100 rows at once, then 200 a second")
        self.assertEqual(state(slow)["rows_done"], 500)

    def test_a_place_is_free_after_a_bad_body(self):
        for _ in range(5):
            self.assertEqual(self.server.call("POST", f"/api/predict/{self.model}", {"instances": [[1]]}, self.limited).status, 422)
        self.ask(self.limited)


class ByModelAndUser(LimitCase):
    def set_model(self, document, credential=None, status=200):
        answer = self.server.call("PATCH", "/api/models/" + self.model, {"limits": document}, credential or self.token)
        self.assertEqual(answer.status, status, answer.body)
        return answer

    def test_by_model_all_callers_together(self):
        self.addCleanup(self.set_model, {})
        answer = self.set_model({"requests": per_hour(60, 2), "per_key": {"rows": per_hour(5)}})
        self.assertEqual(answer.json["limits"], {"requests": per_hour(60, 2), "per_key": {"rows": per_hour(5)}})
        _, first = self.new_key()
        _, second = self.new_key()
        self.refused(self.ask(first, 6, 429), "key-on-model-rows", retry=False)
        self.ask(first, 5)
        self.refused(self.ask(first, 1, 429), "key-on-model-rows")
        self.ask(second, 5)
        self.refused(self.ask(self.key, 1, 429), "model-requests")
        self.server.stop()
        self.server.start()
        self.ask(first, 5)
        self.refused(self.ask(first, 1, 429), "key-on-model-rows")

    def test_a_key_cant_loosen_what_limits_it(self):
        self.problem(self.set_model({"requests": 0}, self.key, 403), 403)
        self.assertEqual(self.server.call("PATCH", "/api/models/" + self.model, {"description": "d"}, self.key).status, 200)

    def test_by_user_all_keys_together_by_an_administrator(self):
        user = self.server.call("GET", "/api/auth/me", credential=self.token).json["id"]
        path = f"/api/users/{user}/limits"
        self.addCleanup(lambda: self.server.call("PUT", path, {}, self.admin))
        self.problem(self.server.call("PUT", path, {}, self.token), 403)
        self.problem(self.server.call("PUT", "/api/users/usr_nobody/limits", {}, self.admin), 404)
        answer = self.server.call("PUT", path, {"requests": per_hour(60, 2)}, self.admin)
        self.assertEqual((answer.status, answer.json), (200, {"requests": per_hour(60, 2)}))
        self.assertEqual(self.server.call("GET", path, credential=self.admin).json, answer.json)
        self.ask(self.new_key()[1])
        self.ask(self.token)
        self.refused(self.ask(self.new_key(limits={"requests": 0})[1], status=429), "user-requests")

    def test_by_user_from_the_command_line_beside_the_server(self):
        token = self.server.register("eve@example.org")
        key = self.server.key(token)
        model = self.server.upload(model_file(IRIS), key, name="eves").json["id"]
        command = [str(PROGRAM), "user", "limits", "eve@example.org", "--data", str(self.server.data)]
        run([*command, "--set", "requests=60/h:1, concurrent=3"], check=True)
        wait_for(lambda: self.server.predict(model, rows(1), key).status == 429)
        self.refused(self.server.predict(model, rows(1), key), "user-requests")
        shown = run([*command, "--json"], check=True).stdout
        self.assertEqual(json.loads(shown)["limits"], {"requests": per_hour(60, 1), "concurrent": 3})
        run([*command, "--set", "none"], check=True)
        self.assertTrue(wait_for(lambda: self.server.predict(model, rows(1), key).status == 200))
        wrong = run([*command, "--set", "cats=3"])
        self.assertNotEqual(wrong.returncode, 0)
        self.assertIn("cats=3", wrong.stderr)


class Defaults(LimitCase):
    flags = ("--limits.user", "requests=600/h:6", "--limits.key", "requests=600/h:2,concurrent=4", "--limits.model", "rows=1000/h",
             "--limits.key_on_model", "bytes=1M/h")

    def test_every_one_has_them_unless_it_has_its_own(self):
        answer = self.ask(self.key)
        names = [item.split(";")[0] for item in answer.headers["ratelimit"].split(", ")]
        self.assertEqual(sorted(names), ['"key-concurrent"', '"key-on-model-bytes"', '"key-requests"', '"model-rows"', '"user-requests"'])
        for policy in ('"user-requests";q=6;w=36', '"key-requests";q=2;w=12', '"model-rows";q=1000;qu="rows";w=3600',
                       '"key-on-model-bytes";q=1048576;qu="content-bytes";w=3600'):
            self.assertIn(policy, answer.headers["ratelimit-policy"])
        self.ask(self.key)
        self.refused(self.ask(self.key, status=429), "key-requests")
        _, free = self.new_key(limits={"requests": 0})
        for _ in range(4):
            self.ask(free)
        self.refused(self.ask(free, status=429), "user-requests")
        metrics = self.server.request("GET", "/metrics").body.decode()
        self.assertIn('slipway_limited_total{subject="key",quantity="requests"} 1', metrics)

    def test_settings_that_make_no_sense_end_the_start(self):
        for flags, word in ((("--limits.user", "cats=1/s"), "limits.user"), (("--limits.store", "http://x"), "limits.store"),
                            (("--limits.store", "redis://me:secret@x"), "limits.store_password_file"),
                            (("--limits.when_store_fails", "panic"), "limits.when_store_fails")):
            with tempfile.TemporaryDirectory() as data:
                done = run([str(PROGRAM), "serve", "--listen", "127.0.0.1:0", "--data", data + "/d", *flags])
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(word, done.stderr)
            self.assertNotIn("secret", done.stderr)


class Redis:
    """A redis-server of this test's own, on a socket in its directory."""

    def __init__(self, password=None):
        self.directory = Path(tempfile.mkdtemp(prefix="slipway-redis-"))
        self.socket = self.directory / "redis.sock"
        self.password = password
        self.process = None
        self.start()

    def start(self):
        command = [REDIS, "--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no", "--dir", str(self.directory)]
        if self.password:
            command += ["--requirepass", self.password]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for(self.answers)

    def answers(self):
        try:
            return self.command("PING")
        except OSError:
            return None

    def command(self, *words):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.socket))
            lines = [f"AUTH {self.password}"] if self.password else []
            s.sendall(("\r\n".join([*lines, " ".join(words), "QUIT"]) + "\r\n").encode())
            return b"".join(iter(lambda: s.recv(65536), b"")).decode()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


@unittest.skipUnless(REDIS, "no redis-server here")
class Shared(unittest.TestCase):
    def two(self, redis, *flags, password_file=None):
        """Two servers of the same accounts and models, as replicas are."""
        flags = ("--limits.store", f"unix://{redis.socket}", *flags)
        if password_file:
            flags += ("--limits.store_password_file", str(password_file))
        first = Server(*flags)
        self.addCleanup(first.close)
        self.token = first.register("ada@example.org")
        key = first.server_key = first.key(self.token)
        model = first.upload(model_file(IRIS), key, name="iris").json["id"]
        first.stop()
        data = Path(tempfile.mkdtemp(prefix="slipway-e2e-"))
        self.addCleanup(shutil.rmtree, data, True)
        shutil.copytree(first.data, data, dirs_exist_ok=True)
        first.start()
        second = Server(*flags, data=data)
        self.addCleanup(second.close)
        for server in (first, second):
            self.assertTrue(wait_for(lambda s=server: self.up(s)))
        return first, second, key, model

    def up(self, server):
        return "\nslipway_limit_store_up 1" in server.request("GET", "/metrics").body.decode()

    def redis(self, **more):
        redis = Redis(**more)
        self.addCleanup(redis.close)
        return redis

    def lost(self, server, model, key, headers):
        with contextlib.suppress(OSError, http.client.HTTPException):
            server.call("POST", f"/api/predict/{model}", rows(1), key, headers=headers)

    def allowed(self, server, key, model, times, n=1):
        answers = [server.predict(model, rows(n), key) for _ in range(times)]
        self.assertTrue({a.status for a in answers} <= {200, 429}, {a.status for a in answers})
        return sum(a.status == 200 for a in answers)

    def test_two_servers_share_one_limit_and_do_without_when_it_is_away(self):
        redis = self.redis()
        first, second, key, model = self.two(redis, "--limits.key", "requests=10/h", "--limits.store_timeout_ms", "2000")
        self.assertEqual(self.allowed(first, key, model, 6), 6)
        answer = second.predict(model, rows(1), key)
        self.assertEqual((answer.status, answer.headers["ratelimit"].split(";")[1]), (200, "r=3"))
        self.assertEqual(self.allowed(second, key, model, 8), 3)
        self.assertEqual(self.allowed(first, key, model, 8), 0)
        self.assertIn("slipway:key-requests:key_", redis.command("KEYS *"))

        token = self.token  # a login counts as a key of its own: fresh
        self.assertEqual(self.allowed(first, token, model, 8), 8)
        redis.kill()
        self.assertEqual(self.allowed(second, token, model, 15), 10, "by itself")
        self.assertEqual(self.allowed(first, token, model, 15), 2, "what it knew stays true")
        self.assertTrue(wait_for(lambda: not self.up(first)))
        self.assertIn("limits.store_away", first.log_text())
        self.assertNotIn("unanswered_total 0\n", first.request("GET", "/metrics").body.decode())

        redis.start()
        for server in (first, second):
            self.assertTrue(wait_for(lambda s=server: self.up(s)))
        self.assertGreaterEqual(first.log_text().count("limits.store_used"), 2)
        key_id = first.call("GET", "/api/keys", credential=token).json["items"][0]["id"]
        for server in (first, second):
            server.call("PATCH", "/api/keys/" + key_id, {"limits": {"rows": per_hour(20), "requests": 0}}, server.login("ada@example.org"))
        self.assertEqual(self.allowed(first, key, model, 1, 12), 1)
        self.assertEqual(self.allowed(second, key, model, 1, 12), 0, "together again")
        self.assertEqual(self.allowed(second, key, model, 1, 8), 1)

    def test_an_emptied_script_cache_is_filled_again(self):
        redis = self.redis()
        first, second, key, model = self.two(redis, "--limits.key", "requests=4/h", "--limits.store_timeout_ms", "2000")
        self.assertEqual(self.allowed(first, key, model, 2), 2)
        redis.command("SCRIPT FLUSH SYNC")
        self.assertEqual(self.allowed(second, key, model, 4), 2)

    def test_concurrent_ones_are_shared_and_a_dead_servers_places_end(self):
        redis = self.redis(password="a-secret-word")
        with tempfile.TemporaryDirectory() as directory:
            secret = Path(directory) / "password"
            secret.write_text("a-secret-word\n")
            secret.chmod(0o600)
            first, second, key, model = self.two(redis, "--limits.key", "concurrent=1", "--limits.store_timeout_ms", "2000", password_file=secret)
            self.assertEqual(self.allowed(first, key, model, 3), 3)
            pid = first.call("GET", "/api/models/" + model, credential=self.token).json["runtime"]["pid"]
            os.kill(pid, signal.SIGSTOP)
            thread = threading.Thread(target=lambda: first.predict(model, rows(1), key))
            thread.start()
            self.assertTrue(wait_for(lambda: "key-concurrent" in redis.command("KEYS *")))
            answer = second.predict(model, rows(1), key)
            self.assertEqual(answer.status, 429, answer.body)
            self.assertIn('"key-concurrent"', answer.json["detail"])
            os.kill(pid, signal.SIGCONT)
            thread.join()
            self.assertTrue(wait_for(lambda: second.predict(model, rows(1), key).status == 200))
            self.assertTrue(wait_for(lambda: "key-concurrent" not in redis.command("KEYS *")), "given back")

            os.kill(pid, signal.SIGSTOP)
            hurried = {"X-Request-Timeout": "300ms"}  # the lease is that long, and some seconds
            thread = threading.Thread(target=self.lost, args=(first, model, key, hurried))
            thread.start()
            self.assertTrue(wait_for(lambda: "key-concurrent" in redis.command("KEYS *")))
            first.kill()
            thread.join()
            self.assertEqual(second.predict(model, rows(1), key).status, 429)
            self.assertTrue(wait_for(lambda: second.predict(model, rows(1), key).status == 200, 30), "the dead server's place has ended")
            self.assertNotIn("a-secret-word", first.log_text())

    def test_away_from_the_start_it_refuses_or_allows_when_told_to(self):
        for word, status in (("refuse", 503), ("allow", 200), ("local", 200)):
            server = Server("--limits.store", "unix:///nowhere/redis.sock", "--limits.key", "requests=10/h:1", "--limits.when_store_fails", word)
            try:
                token = server.register("ada@example.org")
                model = server.upload(model_file(IRIS), token, name="iris").json["id"]
                answer = server.predict(model, rows(1), token)
                self.assertEqual(answer.status, status, answer.body)
                if status == 503:
                    self.assertEqual(answer.headers["retry-after"], "1")
                self.assertEqual(server.predict(model, rows(1), token).status, {"refuse": 503, "allow": 200, "local": 429}[word])
            finally:
                server.close()


if __name__ == "__main__":
    unittest.main()
