"""inspect, convert, predict and doctor: model files without a server, against the corpus and its own answers."""
import csv
import io
import json
import os
import struct
import unittest

from support import CORPUS, IRIS, CliTest

CASES = ["sklearn/0.22.2/iris_pipeline", "sklearn/1.9.1/iris_pipeline", "sklearn/1.9.1/titanic_forest", "sklearn/1.2.2/titanic_forest"]


def model_of(folder):
    return next(os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.startswith("model."))


def read(path):
    with open(path, "rb") as f:
        return f.read()


def npy(rows):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }" % (len(rows), len(rows[0]))
    header += " " * ((-len(header) - 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + b"".join(struct.pack("<d", v) for row in rows for v in row)


class Local(CliTest):
    def setUp(self):
        super().setUp()
        self.model = model_of(IRIS)
        self.input = os.path.join(IRIS, "input.json")
        self.expected = json.loads(read(os.path.join(IRIS, "expected.json")))

    def assert_answer(self, answer, expected):
        for name, wanted in expected.items():
            if name != "kind":
                self.assert_close(answer["outputs"][name], wanted, name)

    def test_predictions_equal_the_librarys_own(self):
        for case in CASES:
            folder = os.path.join(CORPUS, case)
            if not os.path.isdir(folder):
                continue
            with self.subTest(case):
                ran = self.expect(0, "predict", model_of(folder), "-i", os.path.join(folder, "input.json"))
                self.assert_answer(ran.json(), json.loads(read(os.path.join(folder, "expected.json"))))
                self.assertEqual(len(ran.json()["predictions"]), len(ran.json()["outputs"]["label"]))
                self.assertEqual(ran.err, "")

    def test_input_comes_in_every_form_from_files_and_stdin(self):
        rows = json.loads(read(self.input))["instances"]
        table = "x0,x1,x2,x3\n" + "".join(",".join(repr(v) for v in row) + "\n" for row in rows)
        for name, content in {"rows.csv": table, "rows.npy": npy(rows), "rows.json": json.dumps(rows)}.items():
            with self.subTest(name):
                path = self.write(name, content)
                self.assert_answer(self.expect(0, "predict", self.model, "-i", path).json(), self.expected)
                self.assert_answer(self.expect(0, "predict", self.model, "-i", "-", stdin=read(path)).json(), self.expected)

    def test_the_model_may_come_from_stdin(self):
        self.assert_answer(self.expect(0, "predict", "-", "-i", self.input, stdin=read(self.model)).json(), self.expected)
        self.assertIn("stdin", self.expect(1, "predict", "-", "-i", "-").err)

    def test_output_goes_where_its_suffix_says(self):
        out = os.path.join(self.folder, "out.csv")
        ran = self.expect(0, "predict", self.model, "-i", self.input, "-o", out)
        self.assertEqual(ran.out, "")
        table = list(csv.reader(io.StringIO(read(out).decode())))
        self.assertEqual(table[0], ["label", "probabilities_0", "probabilities_1", "probabilities_2"])
        self.assert_close([int(row[0]) for row in table[1:]], self.expected["label"])
        self.assert_close([[float(v) for v in row[1:]] for row in table[1:]], self.expected["probabilities"])

        out = os.path.join(self.folder, "out.npy")
        self.expect(0, "predict", self.model, "-i", self.input, "-o", out, "--output", "probabilities")
        raw = read(out)
        size = struct.unpack("<H", raw[8:10])[0]
        self.assertEqual((10 + size) % 64, 0)
        self.assertIn(b"'<f8'", raw[10 : 10 + size])
        flat = [v for row in self.expected["probabilities"] for v in row]
        self.assert_close(list(struct.unpack(f"<{len(flat)}d", raw[10 + size :])), flat)
        self.assertIn("probabilities", self.expect(1, "predict", self.model, "-i", self.input, "-o", out).err)  # two outputs, none chosen
        self.assertIn(".csv", self.expect(2, "predict", self.model, "-i", self.input, "-o", "out.xlsx").err)

    def test_a_wrong_value_is_told_with_its_place(self):
        path = self.write("bad.json", '{"instances": [[1, 2, "three", 4]]}')
        ran = self.expect(1, "predict", self.model, "-i", path, "--json")
        problem = json.loads(ran.err)
        self.assertEqual(problem["status"], 422)
        self.assertTrue(problem["errors"][0]["pointer"].startswith("#/instances/0/"), problem)
        self.assertEqual(ran.out, "")

    def test_inspect_tells_what_is_inside(self):
        ran = self.expect(0, "inspect", self.model)
        for part in ("scikit-learn", "Pipeline", "LogisticRegression", "classifier", "probabilities"):
            self.assertIn(part, ran.out)
        self.assertIn("next:", ran.err)
        ran = self.expect(0, "inspect", "--json", self.model)
        self.assertEqual(ran.err, "")
        document = ran.json()
        self.assertEqual((document["servable"], document["refusal"], document["kind"]), (True, None, "classifier"))
        self.assertEqual([port["name"] for port in document["outputs"]], ["label", "probabilities"])
        self.assertRegex(document["version"], r"^1\.9\.1")

    def test_converted_models_answer_the_same(self):
        out = os.path.join(self.folder, "iris.onnx")
        ran = self.expect(0, "convert", self.model, "-o", out)
        self.assertEqual(ran.out, "")
        self.assertEqual(sorted(os.listdir(self.folder)), ["iris.onnx"])
        self.assertEqual(self.expect(0, "convert", self.model, "-o", "-", raw=True).out, read(out))
        document = self.expect(0, "inspect", "--json", out).json()
        self.assertEqual((document["format"].lower(), document["servable"]), ("onnx", True))
        # As plain ONNX its inputs are the graph's own, by name.
        rows = json.loads(read(self.input))["instances"]
        inputs = {port["name"]: rows if len(document["inputs"]) == 1 else [[row[i]] for row in rows] for i, port in enumerate(document["inputs"])}
        answer = self.expect(0, "predict", out, "-i", "-", stdin=json.dumps({"inputs": inputs})).json()
        self.assert_answer(answer, self.expected)

    def test_forests_are_converted_to_standard_operators_unless_told_otherwise(self):
        forest = os.path.join(CORPUS, "sklearn", "1.9.1", "forest_binary", "model.joblib")
        for words, own in (([], False), (["--own-operators"], True)):
            out = os.path.join(self.folder, "forest.onnx")
            ran = self.expect(0, "convert", forest, "-o", out, *words)
            self.assertEqual("libslipway_ops.so" in ran.err, own)
            with open(out, "rb") as f:
                graph = f.read()
            self.assertEqual((b"TreeSum" in graph, b"TreeEnsemble" in graph), (own, not own))

    def test_several_files_and_objects_become_one_model(self):
        for case in ("files_scaler_model", "files_wrong_order", "files_three_steps", "dict_chained", "files_from_dicts", "skops_iris_pipeline"):
            folder = os.path.join(CORPUS, "containers", "1.9.1", case)
            with self.subTest(case):
                words, entry = [model_of(folder)] if case.startswith("skops") else [], ""
                if not words:
                    given = json.loads(read(os.path.join(folder, "files.json")))
                    words, entry = [os.path.join(folder, name) for name in given["files"]], given["entry"]
                more = ["--entry", entry] if entry else []
                request, expected = os.path.join(folder, "input.json"), json.loads(read(os.path.join(folder, "expected.json")))
                self.assert_answer(self.expect(0, "predict", *words, *more, "-i", request).json(), expected)
                self.assertTrue(self.expect(0, "inspect", "--json", *words, *more).json()["servable"])
                self.expect(0, "convert", *words, *more, "-o", "out.onnx")

    def test_inspect_shows_the_objects_and_the_choices(self):
        bundle = os.path.join(CORPUS, "containers", "1.9.1", "dict_chained", "bundle.pkl")
        document = self.expect(1, "inspect", "--json", bundle).json()
        self.assertEqual([o["path"] for o in document["objects"]], ["model", "scaler", "columns"])
        self.assertIn("--entry scaler,model", document["refusal"])
        ran = self.expect(1, "inspect", bundle)
        self.assertIn("scaler: sklearn.preprocessing._data.StandardScaler, 4 features", ran.out)

    def test_the_whole_hostile_corpus_of_pickles_is_refused_with_its_reason(self):
        with open(os.path.join(CORPUS, "hostile", "manifest.json"), encoding="utf-8") as f:
            manifest = json.load(f)
        cases = manifest if isinstance(manifest, list) else manifest.get("cases", manifest.get("files", []))
        cases = [case for case in cases if case.get("stage", "import") == "import"]  # others are legal until they run
        self.assertTrue(cases)
        # A few of each kind: every file is tried by the importers' own tests.
        for case in cases[:: max(1, len(cases) // 25)]:
            path = os.path.join(CORPUS, case["path"] if "path" in case else os.path.join("hostile", case["file"]))
            with self.subTest(path):
                if not os.path.exists(path):
                    self.skipTest("not in this checkout")
                ran = self.run_cli("inspect", path, "--json")
                convert = self.run_cli("convert", path, "-o", "out.onnx")
                self.assertEqual(convert.code, 1, convert.err)
                self.assertEqual(os.listdir(self.folder), [])
                self.assertGreater(len(convert.err), 10)
                if ran.out:
                    self.assertEqual(ran.json()["servable"], ran.code == 0)

    def test_a_pickle_that_would_call_is_refused_by_name(self):
        path = self.write("evil.pkl", b"cos\nsystem\n(S'touch proof'\ntR.")
        ran = self.expect(1, "inspect", path)
        self.assertIn("os.system", ran.out)
        problem = json.loads(self.expect(1, "predict", path, "-i", self.input, "--json").err)
        self.assertEqual(problem["type"], "/errors/model-refused")
        self.assertIn("os.system", problem["detail"])
        self.assertEqual(os.listdir(self.folder), ["evil.pkl"])

    def test_names_in_a_file_cannot_write_to_the_terminal(self):
        path = self.write("escape.pkl", b"c\x1b[31mos\nsys\x1b]0;x\x07tem\n.")
        ran = self.expect(1, "inspect", path)
        self.assertNotIn("\x1b", ran.out + ran.err)

    def test_files_that_are_not_there_are_told(self):
        self.assertIn("absent.pkl", self.expect(1, "inspect", "absent.pkl").err)
        self.assertIn("absent.pkl", self.expect(1, "predict", "absent.pkl", "-i", self.input).err)
        self.assertIn("absent.json", self.expect(1, "predict", self.model, "-i", "absent.json").err)
        self.assertIn("directory", self.expect(1, "inspect", self.folder).err)
        self.assertIn("empty", self.expect(1, "inspect", self.write("empty.pkl", "")).err)

    def test_doctor_runs_a_model(self):
        ran = self.run_cli("doctor", "--json", "--data", os.path.join(self.folder, "data"), "--listen", "127.0.0.1:0")
        checks = {line["check"]: line for line in ran.json()}
        self.assertEqual(checks["cells"]["outcome"], "good", checks["cells"])
        self.assertEqual(checks["ONNX Runtime"]["outcome"], "good")
        self.assertEqual(ran.code, 1 if any(line["outcome"] == "bad" for line in checks.values()) else 0)
        self.assertEqual(ran.err, "")
        self.assertIn("cells", self.run_cli("doctor", "--data", os.path.join(self.folder, "data")).out)

    def test_doctor_finds_a_key_that_others_can_read(self):
        os.mkdir(os.path.join(self.folder, "data"), 0o700)
        key = self.write("data/master.key", "00" * 32 + "\n")
        os.chmod(key, 0o644)
        checks = {line["check"]: line for line in self.expect(1, "doctor", "--json", "--data", "data").json()}
        self.assertEqual(checks["master key"]["outcome"], "bad")
        self.assertIn("chmod", checks["master key"]["remedy"])


if __name__ == "__main__":
    unittest.main()
