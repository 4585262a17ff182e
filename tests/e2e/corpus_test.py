"""The corpus over real HTTP: the answers of the libraries that wrote the files. Every case has its own parity test (tests/parity); here
each version is asked for a sample, upload to prediction, and each kind of container once."""
import json
import unittest

from support import CORPUS, ServerCase, model_file, same

EVERY = 12  # of each version's cases


class Corpus(ServerCase):
    def check(self, case):
        uploaded = self.server.upload(model_file(case), self.key)
        self.assertEqual(uploaded.status, 201, (case, uploaded.body[:400]))
        model = uploaded.json
        answer = self.server.predict(model["id"], (case / "input.json").read_bytes(), self.key)
        self.assertEqual(answer.status, 200, (case, answer.body[:400]))
        for output, values in json.loads((case / "expected.json").read_text()).items():
            if output != "kind":
                self.assertTrue(same(answer.json["outputs"][output], values), (case, output))
        self.assertEqual(self.server.call("DELETE", f"/api/models/{model['id']}", credential=self.key).status, 204)

    def test_scikit_learn_files_of_every_version(self):
        skip = ("_table", "onehot_bool_column", "gboost_reg_init_linear", "gboost_init_logreg_multi", "function_identity")  # see tests/parity
        for version in sorted((CORPUS / "sklearn").iterdir()):
            cases = [c for c in sorted(version.iterdir()) if c.is_dir() and not any(s in c.name for s in skip)]
            for case in cases[:: max(1, len(cases) // EVERY)]:
                with self.subTest(version=version.name, case=case.name):
                    self.check(case)

    def test_every_container(self):
        for case in sorted((CORPUS / "sklearn" / "1.9.1").glob("container_*")):
            with self.subTest(case=case.name):
                self.check(case)


class Onnx(ServerCase):
    def test_onnx_files(self):
        for case in sorted((CORPUS / "onnx").iterdir()):
            if not case.is_dir():
                continue
            with self.subTest(case=case.name):
                uploaded = self.server.upload(model_file(case), self.key)
                self.assertEqual(uploaded.status, 201, uploaded.body[:400])
                answer = self.server.predict(uploaded.json["id"], (case / "input.json").read_bytes(), self.key)
                self.assertEqual(answer.status, 200, answer.body[:400])
                for output, values in json.loads((case / "expected.json").read_text()).items():
                    if output != "kind":
                        self.assertTrue(close(answer.json["outputs"][output], values), output)


def close(got, expected):
    """float32 graphs: to 1e-5; the rest exactly."""
    if isinstance(expected, list):
        return isinstance(got, list) and len(got) == len(expected) and all(map(close, got, expected))
    if isinstance(expected, float) and isinstance(got, (int, float)):
        return abs(got - expected) <= 1e-5 * max(1.0, abs(expected))
    return got == expected


if __name__ == "__main__":
    unittest.main(verbosity=2)
