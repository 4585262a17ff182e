"""login, push, models, predict, keys, rm and user against a real server."""
import json
import os
import pty
import signal
import stat
import subprocess
import time
import unittest

from support import IRIS, PASSWORD, PROGRAM, CliTest, Server

MODEL = os.path.join(IRIS, "model.pkl")
INPUT = os.path.join(IRIS, "input.json")


class WithServer(CliTest):
    def setUp(self):
        super().setUp()
        self.data = os.path.join(self.folder, "data")
        self.expect(0, "user", "add", "ada@example.org", "--admin", "--password-stdin", "--data", self.data, stdin=PASSWORD + "\n")
        self.server = Server(self)

    def log_in(self):
        return self.expect(0, "login", self.server.url, "--email", "ada@example.org", "--password-stdin", stdin=PASSWORD + "\n")

    def credentials(self):
        path = os.path.join(self.folder, "config", "slipway", "credentials.json")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding="utf-8") as f:
            return json.load(f)

    def test_from_login_to_rm(self):
        self.assertEqual(self.log_in().out, "")
        ran = self.expect(0, "push", MODEL, "--name", "iris", "--description", "three kinds", "--tag", "a,b", "--tag", "c", "--json")
        self.assertEqual(ran.err, "")
        model = ran.json()
        self.assertEqual((model["name"], model["status"], model["description"], model["tags"]), ("iris", "ready", "three kinds", ["a,b", "c"]))

        self.assertEqual([m["id"] for m in self.expect(0, "models", "--json").json()], [model["id"]])
        self.assertIn("iris", self.expect(0, "ls").out)
        self.assertEqual(self.expect(0, "models", "--quiet").out, model["id"] + "\n")
        self.assertEqual(self.expect(0, "models", "iris", "--json").json()["id"], model["id"])

        with open(os.path.join(IRIS, "expected.json"), encoding="utf-8") as f:
            expected = json.load(f)
        for name in ("iris", model["id"]):
            answer = self.expect(0, "predict", name, "-i", INPUT).json()
            self.assertEqual(answer["model_id"], model["id"])
            self.assert_close(answer["outputs"]["probabilities"], expected["probabilities"])
        self.assertEqual(answer["outputs"]["label"], expected["label"])
        there = self.expect(0, "predict", "iris", "-i", INPUT).json()["outputs"]
        self.assertEqual(there, self.expect(0, "predict", MODEL, "-i", INPUT).json()["outputs"])

        self.assertIn('did you mean "iris"?', self.expect(1, "predict", "iriss", "-i", INPUT).err)
        self.assertIn("--yes", self.expect(2, "rm", "iris").err)
        self.expect(0, "rm", "iris", "--yes")
        self.assertEqual(self.expect(0, "models", "--json").json(), [])
        self.assertEqual(json.loads(self.expect(1, "rm", model["id"], "--yes", "--json").err)["status"], 404)

    def test_push_prints_the_endpoint_and_a_curl_line_that_works(self):
        self.log_in()
        ran = self.expect(0, "push", MODEL)
        self.assertIn("ready", ran.out)
        self.assertIn("/api/predict/", ran.out)
        line = next(line for line in ran.err.split("\n") if line.startswith("curl "))
        key = self.credentials()["key"]
        done = subprocess.run(["sh", "-c", line], capture_output=True, env={**os.environ, "SLIPWAY_KEY": key})
        self.assertIn("predictions", json.loads(done.stdout))
        identity = self.expect(0, "push", MODEL, "--quiet").out.strip()
        self.assertRegex(identity, r"^mdl_[0-9a-z]{26}$")
        with open(MODEL, "rb") as f:
            self.expect(0, "push", "-", "--name", "from stdin", stdin=f.read())

    def test_a_refused_model_is_told_with_its_reason(self):
        self.log_in()
        path = self.write("evil.pkl", b"cos\nsystem\n(S'touch proof'\ntR.")
        ran = self.expect(1, "push", path)
        self.assertIn("os.system", ran.err)
        self.assertEqual(ran.out, "")
        problem = json.loads(self.expect(1, "push", path, "--json").err)
        self.assertEqual((problem["type"], problem["status"]), ("/errors/model-refused", 422))
        self.assertIn("request_id", problem)

    def test_a_wrong_password_keeps_nothing(self):
        ran = self.expect(1, "login", self.server.url, "--email", "ada@example.org", "--password-stdin", stdin="not this one at all\n")
        self.assertNotIn("not this one", ran.err)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "config", "slipway")))
        self.assertIn("--password-stdin", self.expect(1, "login", self.server.url, "--email", "ada@example.org").err)

    def test_logging_in_again_replaces_the_key(self):
        self.log_in()
        first = self.credentials()
        self.assertEqual(first["url"], self.server.url)
        self.log_in()
        second = self.credentials()
        self.assertNotEqual(first["key_id"], second["key_id"])
        keys = self.expect(0, "keys", "--json").json()
        self.assertEqual([k["id"] for k in keys], [second["key_id"]])
        self.assertTrue(keys[0]["name"].startswith("cli@"))
        days = (time.mktime(time.strptime(keys[0]["expires_at"][:10], "%Y-%m-%d")) - time.time()) / 86400
        self.assertTrue(88 < days < 91, days)
        self.expect(1, "models", env={"SLIPWAY_URL": self.server.url, "SLIPWAY_KEY": first["key"]})

    def test_keys_are_made_used_rotated_and_revoked(self):
        self.log_in()
        made = self.expect(0, "keys", "new", "ci", "--scope", "predict", "--scope", "models:read", "--days", "3", "--password-stdin", "--json", stdin=PASSWORD).json()
        self.assertEqual(made["scopes"], ["predict", "models:read"])
        env = {"SLIPWAY_URL": self.server.url, "SLIPWAY_KEY": made["key"], "XDG_CONFIG_HOME": os.path.join(self.folder, "none")}
        self.expect(0, "models", env=env)
        self.assertIn("scope", self.expect(1, "push", MODEL, env=env).err)
        rotated = self.expect(0, "keys", "rotate", made["id"], "--password-stdin", stdin=PASSWORD)
        self.assertEqual(len(rotated.out.split()), 1)
        self.expect(1, "models", env=env)
        env["SLIPWAY_KEY"] = rotated.out.strip()
        self.expect(0, "models", env=env)
        current = next(k for k in self.expect(0, "keys", "list", "--json").json() if k["name"] == "ci")
        self.expect(0, "keys", "revoke", current["id"], "--password-stdin", stdin=PASSWORD)
        self.expect(1, "models", env=env)

    def test_a_key_can_be_kept_from_stdin(self):
        self.log_in()
        key = self.credentials()["key"]
        os.unlink(os.path.join(self.folder, "config", "slipway", "credentials.json"))
        self.expect(1, "login", self.server.url, "--key-stdin", stdin="slw_live_wrong")
        self.expect(0, "login", self.server.url + "/", "--key-stdin", stdin=key + "\n")
        self.expect(0, "models")

    def test_the_kept_key_goes_to_its_own_server_only(self):
        self.log_in()
        ran = self.expect(1, "models", "--url", "http://127.0.0.1:9")
        self.assertIn("no key for http://127.0.0.1:9", ran.err)
        self.assertIn("serve", self.expect(1, "models", env={"SLIPWAY_URL": "http://127.0.0.1:9", "SLIPWAY_KEY": "k"}).err)

    def test_users_are_managed_beside_a_running_server(self):
        self.expect(0, "user", "add", "bob@example.org", "--password-stdin", "--data", self.data, stdin=PASSWORD)
        log_in = ["login", self.server.url, "--email", "bob@example.org", "--password-stdin"]
        self.expect(0, *log_in, stdin=PASSWORD)
        users = {u["email"]: u for u in self.expect(0, "user", "list", "--json", "--data", self.data).json()}
        self.assertEqual((users["ada@example.org"]["role"], users["bob@example.org"]["role"]), ("admin", "user"))
        self.expect(0, "user", "reset", "bob@example.org", "--password-stdin", "--data", self.data, stdin="another phrase of mine")
        self.expect(1, *log_in, stdin=PASSWORD)
        self.expect(0, *log_in, stdin="another phrase of mine")
        self.expect(0, "user", "disable", "bob@example.org", "--data", self.data)
        self.expect(1, *log_in, stdin="another phrase of mine")

    def test_it_asks_on_a_terminal_without_echo_and_for_the_name_before_deleting(self):
        said = self.talk(["login", self.server.url], [("E-mail:", "ada@example.org"), ("Password:", PASSWORD)])
        self.assertIn("logged in", said)
        self.assertNotIn(PASSWORD, said)
        self.expect(0, "push", MODEL, "--name", "iris")
        self.assertIn("nothing was deleted", self.talk(["rm", "iris"], [("go on:", "no")], code=1))
        self.assertIn("deleted iris", self.talk(["rm", "iris"], [("go on:", "iris")]))

    def test_ctrl_c_at_a_question_ends_with_130(self):
        self.talk(["login", self.server.url, "--email", "ada@example.org"], [("Password:", None)], code=130)

    def talk(self, words, dialogue, code=0):
        master, slave = pty.openpty()
        process = subprocess.Popen([PROGRAM, *words], stdin=slave, stdout=slave, stderr=slave, cwd=self.folder, env=self.environment({"TERM": "xterm"}), start_new_session=True)
        os.close(slave)
        said = ""
        for question, answer in [*dialogue, (None, None)]:
            heard = ""
            while question is None or question not in heard:
                try:
                    chunk = os.read(master, 4096).decode(errors="replace")
                except OSError:
                    break
                heard += chunk
                if not chunk:
                    break
            said += heard
            if answer is not None:
                os.write(master, answer.encode() + b"\n")
            elif question is not None:
                process.send_signal(signal.SIGINT)
        os.close(master)
        self.assertEqual(process.wait(30), code, said)
        return said


class Serving(CliTest):
    def test_it_says_where_it_is_and_drains_on_sigterm(self):
        server = Server(self)
        rest = b""
        while b"data" not in rest.lower():
            rest += server.process.stdout.readline()
        self.assertIn(b"/start#", rest)
        self.assertEqual(stat.S_IMODE(os.stat(server.data).st_mode), 0o700)
        self.assertIn(server.stop(), (0, 143))

    def test_a_second_server_on_the_same_data_is_refused(self):
        server = Server(self)
        ran = self.run_cli("serve", "--data", server.data, "--listen", "127.0.0.1:0")
        self.assertEqual(ran.code, 1, ran.err)
        self.assertIn("use", ran.err)


if __name__ == "__main__":
    unittest.main()
