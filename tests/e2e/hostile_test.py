"""Hostile files over real HTTP: refused with the reason, no side effect, the server unharmed."""
import json
import os
import time
import unittest
from pathlib import Path

from support import CORPUS, IRIS, ServerCase, model_file

MANIFEST = json.loads((CORPUS / "hostile" / "manifest.json").read_text())
ENTRIES = MANIFEST


class Hostile(ServerCase):
    flags = ("--models.import_timeout_ms", "20s", "--inference.timeout_ms", "5s")

    def test_every_hostile_file_is_refused_and_nothing_of_it_runs(self):
        # Each file has an exact test in the importers; over HTTP a third of them, another third each day of the year, is enough.
        part = int(os.environ.get("SLIPWAY_TEST_PART", time.localtime().tm_yday)) % 3
        served = []
        for index, entry in enumerate(ENTRIES):
            if index % 3 != part and entry.get("stage") != "run" and not entry.get("marker"):
                continue
            name = entry["file"]
            with self.subTest(file=name):
                marker = entry.get("marker")
                if marker:
                    Path(marker).unlink(missing_ok=True)
                start = time.monotonic()
                answer = self.server.upload(CORPUS / "hostile" / name, self.key, filename=name)
                took = time.monotonic() - start
                if marker:
                    self.assertFalse(Path(marker).exists(), "the file's code ran")
                if answer.status == 201:
                    served.append(name)
                    continue
                problem = self.problem(answer, 422)
                self.assertLess(took, 25)
                for mention in entry.get("must_mention", []):
                    wanted = mention if isinstance(mention, list) else [mention]
                    self.assertTrue(any(w.lower() in problem["detail"].lower() for w in wanted), (wanted, problem["detail"]))
        self.assertEqual(served, [])
        good = self.server.upload(model_file(IRIS), self.key)
        self.assertEqual(good.status, 201, "the server goes on")

    def test_names_are_labels_and_never_paths(self):
        for name in ("../../../etc/passwd", "..\\..\\x.pkl", "/etc/shadow", "a\u202egpj.pkl", "x" * 5000, "%2e%2e%2f", "con", "<script>alert(1)</script>"):
            answer = self.server.upload(model_file(IRIS), self.key, filename=name.encode("utf-8", "replace").decode("latin-1", "replace"), name="n")
            self.assertIn(answer.status, (201, 400), answer.body[:200])
            if answer.status == 201:
                self.assertNotIn("/", answer.json["filename"])
                self.assertLessEqual(len(answer.json["filename"].encode()), 210)


if __name__ == "__main__":
    unittest.main(verbosity=2)
