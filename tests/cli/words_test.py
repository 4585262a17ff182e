"""Words, flags, help and settings: what the program says before it does anything."""
import json
import os
import pty
import subprocess
import unittest

from support import PROGRAM, CliTest

COMMANDS = ["serve", "doctor", "config", "user", "inspect", "convert", "predict", "login", "push", "models", "rm", "keys", "version", "completion", "help"]


class Words(CliTest):
    def test_alone_it_shows_an_overview_on_stdout(self):
        ran = self.expect(0)
        for command in COMMANDS:
            self.assertIn(f"  {command}", ran.out)
        self.assertEqual(ran.err, "")

    def test_a_mistyped_command_is_told_the_nearest(self):
        ran = self.expect(2, "sreve")
        self.assertIn('did you mean "serve"?', ran.err)
        self.assertEqual(ran.out, "")

    def test_a_mistyped_subcommand_is_told_the_nearest(self):
        self.assertIn('did you mean "list"?', self.expect(2, "user", "lst").err)
        self.assertIn('did you mean "revoke"?', self.expect(2, "keys", "revok", "x").err)

    def test_a_mistyped_option_is_told_the_nearest(self):
        self.assertIn('did you mean "--json"?', self.expect(2, "models", "--jsno").err)
        self.assertIn('did you mean "--server.listen"?', self.expect(2, "config", "--server.listn", "x").err)

    def test_missing_and_surplus_arguments_are_wrong_usage(self):
        for words in (["inspect"], ["predict", "x.pkl"], ["convert", "x.pkl"], ["rm"], ["push"], ["login"], ["user"], ["user", "add"], ["completion", "tcsh"], ["models", "a", "b"]):
            ran = self.expect(2, *words)
            self.assertEqual(ran.out, "")
            self.assertIn("--help", ran.err)

    def test_every_command_has_help_with_examples_first(self):
        for command in COMMANDS:
            for words in ([command, "--help"], ["help", command]):
                ran = self.expect(0, *words)
                self.assertEqual(ran.err, "")
                self.assertLess(ran.out.index("Examples"), ran.out.index("Options"), command)
                self.assertIn(f"slipway {command}", ran.out)
                self.assertNotIn("```", ran.out)

    def test_help_of_subcommands_is_there(self):
        for words in (["keys", "new", "--help"], ["user", "add", "--help"]):
            self.assertIn("--password-stdin", self.expect(0, *words).out)

    def test_help_has_topics(self):
        self.assertIn("SLIPWAY_KEY", self.expect(0, "help", "environment").out)
        self.assertIn("143", self.expect(0, "help", "exit-codes").out)
        self.assertIn("dataframe_split", self.expect(0, "help", "formats").out)
        self.assertIn('did you mean "formats"?', self.expect(2, "help", "formts").err)

    def test_what_is_not_there_yet_says_so_and_fails(self):
        for words in (["logs"], ["stats"], ["migrate"], ["backup", "x"], ["restore", "x"], ["keys", "rotate-master"]):
            ran = self.expect(1, *words)
            self.assertIn("not there yet", ran.err)
            self.assertEqual(ran.out, "")

    def test_version(self):
        self.assertRegex(self.expect(0, "--version").out, r"^slipway \d+\.\d+\.\d+\n")
        document = self.expect(0, "version", "--json").json()
        self.assertRegex(document["onnxruntime"], r"^1\.\d+\.\d+")

    def test_errors_with_json_are_a_problem_document_on_stderr(self):
        ran = self.expect(1, "models", "--json")
        problem = json.loads(ran.err)
        self.assertEqual((problem["type"], problem["status"]), ("/errors/unauthenticated", 401))
        self.assertEqual(ran.out, "")
        self.assertEqual(json.loads(self.expect(2, "models", "--json", "--nonsense").err)["status"], 400)

    def test_completion_scripts_are_sound(self):
        script = self.expect(0, "completion", "bash").out
        self.assertEqual(subprocess.run(["bash", "-n"], input=script.encode()).returncode, 0)
        asked = script + '\nCOMP_WORDS=(slipway pre); COMP_CWORD=1; _slipway; echo "${COMPREPLY[@]}"\nCOMP_WORDS=(slipway keys ro); COMP_CWORD=2; _slipway; echo "${COMPREPLY[@]}"\n'
        done = subprocess.run(["bash"], input=asked.encode(), capture_output=True)
        self.assertEqual(done.stdout.decode().split("\n")[:2], ["predict", "rotate rotate-master"])
        for shell in ("zsh", "fish"):
            self.assertIn("predict", self.expect(0, "completion", shell).out)

    def test_a_full_disk_is_an_error_and_a_closed_pipe_is_not(self):
        with open("/dev/full", "wb") as full:
            self.assertEqual(subprocess.run([PROGRAM, "version"], stdout=full, stderr=subprocess.PIPE, env=self.environment()).returncode, 1)
        reader, writer = os.pipe()
        os.close(reader)
        self.assertEqual(subprocess.run([PROGRAM, "version"], stdout=writer, stderr=subprocess.PIPE, env=self.environment()).returncode, 0)
        os.close(writer)


class Settings(CliTest):
    def origins(self, *words, env=None):
        return {line["key"]: line for line in self.expect(0, "config", "--json", *words, env=env).json()}

    def test_flags_win_over_environment_over_file_over_default(self):
        self.write("slipway.toml", "[limits]\nburst = 7\nrequests_per_minute = 8\n\n[log]\nlevel = \"warn\"\n")
        found = self.origins("--limits.burst", "9", env={"SLIPWAY_LIMITS_REQUESTS_PER_MINUTE": "10"})
        self.assertEqual((found["limits.burst"]["value"], found["limits.burst"]["origin"]), (9, "flag"))
        self.assertEqual((found["limits.requests_per_minute"]["value"], found["limits.requests_per_minute"]["origin"]), (10, "SLIPWAY_LIMITS_REQUESTS_PER_MINUTE"))
        self.assertEqual((found["log.level"]["value"], found["log.level"]["origin"]), ("warn", "slipway.toml:6"))
        self.assertEqual(found["log.format"]["origin"], "default")

    def test_the_short_forms_and_a_named_file(self):
        path = self.write("other.toml", "[server]\nbody_bytes_max = \"2M\"\n")
        found = self.origins("--config", path, "--data", "d", "--listen", "127.0.0.1:1")
        self.assertEqual(found["server.body_bytes_max"]["value"], 2 << 20)
        self.assertEqual(found["storage.data_dir"]["value"], "d")
        self.assertEqual(found["server.listen"]["value"], "127.0.0.1:1")
        self.assertEqual(self.origins(env={"SLIPWAY_CONFIG": path})["server.body_bytes_max"]["value"], 2 << 20)

    def test_unknown_and_wrong_settings_are_wrong_usage(self):
        self.write("slipway.toml", "[server]\nlistn = \"x\"\n")
        err = self.expect(2, "config").err
        self.assertIn("slipway.toml:2", err)
        self.assertIn("server.listen", err)
        os.unlink(os.path.join(self.folder, "slipway.toml"))
        self.assertIn("SLIPWAY_LIMITS_BURST", self.expect(2, "config", env={"SLIPWAY_LIMITS_BRUST": "1"}).err)
        self.assertIn("between", self.expect(2, "serve", "--server.worker_threads", "100000").err)
        self.assertIn("can't be read", self.expect(2, "serve", "--config", "absent.toml").err)

    def test_the_example_is_a_file_that_changes_nothing(self):
        example = self.expect(0, "config", "--example").out
        self.write("slipway.toml", example)
        self.assertEqual(self.expect(0, "config", "--changed", "--json").json(), [])

    def test_colour_is_for_terminals_only(self):
        self.assertNotIn("\x1b", self.expect(0, "config").out)
        self.assertIn("\x1b[1m", self.on_terminal({"TERM": "xterm"}))
        self.assertNotIn("\x1b[1m", self.on_terminal({"TERM": "xterm", "NO_COLOR": "1"}))
        self.assertNotIn("\x1b[1m", self.on_terminal({"TERM": "dumb"}))

    def on_terminal(self, env):
        master, slave = pty.openpty()
        done = subprocess.Popen([PROGRAM, "config", "--changed"], stdout=slave, stderr=slave, cwd=self.folder, env=self.environment(env))
        os.close(slave)
        text = b""
        try:
            while chunk := os.read(master, 4096):
                text += chunk
        except OSError:
            pass
        os.close(master)
        self.assertEqual(done.wait(), 0)
        return text.decode()


if __name__ == "__main__":
    unittest.main()
