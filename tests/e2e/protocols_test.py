"""Predictions in the forms that clients of other servers speak. The shapes are those of the public specifications; that real clients
take them is tried by tools/clients."""
import gzip
import json
import struct
import time
import unittest
import zlib

from support import CORPUS, IRIS, ServerCase, model_file, same

TITANIC = CORPUS / "sklearn" / "1.9.1" / "titanic_logreg"
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]


class Protocols(ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.iris = cls.server.upload(model_file(IRIS), cls.key, name="iris").json
        cls.titanic = cls.server.upload(model_file(TITANIC), cls.key, name="titanic").json
        answer = cls.server.predict(cls.iris["id"], {"instances": ROWS}, cls.key)
        assert answer.status == 200, answer.body
        cls.label = answer.json["outputs"]["label"]
        cls.probabilities = answer.json["outputs"]["probabilities"]

    def ask(self, method, path, document=None, headers=None, body=None, status=200):
        if document is not None:
            body = json.dumps(document)
        answer = self.server.request(method, path, body, {"Authorization": "Bearer " + self.key, **(headers or {})})
        self.assertEqual(answer.status, status, answer.body[:500])
        return answer

    def infer_body(self, **more):
        flat = [v for row in ROWS for v in row]
        return {"id": "42", "inputs": [{"name": "numbers", "shape": [2, 4], "datatype": "FP64", "data": flat, **more}]}


class OpenInference(Protocols):
    def test_the_server_and_its_health_need_no_credentials(self):
        for path, key in (("/v2", "name"), ("/v2/health/live", "live"), ("/v2/health/ready", "ready")):
            answer = self.server.request("GET", path)
            self.assertEqual(answer.status, 200)
            self.assertIn(key, answer.json)

    def test_metadata_by_name_and_by_id_and_with_the_version(self):
        for path in ("/v2/models/iris", "/v2/models/" + self.iris["id"], "/v2/models/iris/versions/1"):
            got = self.ask("GET", path).json
            self.assertEqual(got["name"], "iris")
            self.assertEqual(got["versions"], ["1"])
            self.assertEqual(got["inputs"], [{"name": "numbers", "datatype": "FP64", "shape": [-1, 4]}])
            self.assertEqual([o["name"] for o in got["outputs"]], ["label", "probabilities"])
        self.assertTrue(self.ask("GET", "/v2/models/iris/ready").json["ready"])
        self.assertEqual(self.ask("GET", "/v2/models").json["models"], ["iris", "titanic"])
        for path in ("/v2/models/nothing", "/v2/models/iris/versions/7"):
            self.assertIn("error", self.ask("GET", path, status=404).json)

    def test_infer_with_json_needs_no_content_type(self):
        got = self.ask("POST", "/v2/models/iris/infer", self.infer_body()).json
        self.assertEqual((got["model_name"], got["model_version"], got["id"]), ("iris", "1", "42"))
        label, probabilities = got["outputs"]
        self.assertEqual(label["data"], self.label)
        self.assertEqual(probabilities["shape"], [2, 3])
        self.assertEqual(probabilities["data"], [v for row in self.probabilities for v in row], "the very same numbers")

    def test_infer_with_raw_tensors(self):
        raw = struct.pack("<8f", *[v for row in ROWS for v in row])
        head = json.dumps({"inputs": [{"name": "numbers", "shape": [2, 4], "datatype": "FP32", "parameters": {"binary_data_size": len(raw)}}],
                           "parameters": {"binary_data_output": True}}).encode()
        answer = self.ask("POST", "/v2/models/iris/infer", body=head + raw,
                          headers={"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"})
        self.assertEqual(answer.headers["content-type"], "application/octet-stream")
        length = int(answer.headers["inference-header-content-length"])
        document, rest = json.loads(answer.body[:length]), answer.body[length:]
        sizes = [o["parameters"]["binary_data_size"] for o in document["outputs"]]
        self.assertEqual(sum(sizes), len(rest))
        self.assertEqual(list(struct.unpack("<2q", rest[:16])), self.label)
        self.assertTrue(all(abs(a - b) < 1e-5 for a, b in zip(struct.unpack("<6d", rest[16:]), [v for row in self.probabilities for v in row])))

    def test_a_raw_body_is_one_row(self):
        answer = self.ask("POST", "/v2/models/iris/infer", body=struct.pack("<4d", *ROWS[0]), headers={"Inference-Header-Content-Length": "0"})
        length = int(answer.headers["inference-header-content-length"])
        self.assertEqual(json.loads(answer.body[:length])["outputs"][0]["shape"], [1])
        self.assertEqual(struct.unpack("<q", answer.body[length:length + 8])[0], self.label[0])

    def test_columns_of_a_table_are_taken_by_their_names(self):
        records = json.loads((TITANIC / "input.json").read_text())["dataframe_records"][:3]
        expected = self.server.predict(self.titanic["id"], {"dataframe_records": records}, self.key).json["outputs"]
        inputs = []
        for feature in self.titanic["features"]:
            values = [r[feature["name"]] for r in records]
            inputs.append({"name": feature["name"], "shape": [3], "datatype": "BYTES" if feature["type"] == "text" else "FP64", "data": values})
        got = self.ask("POST", "/v2/models/titanic/infer", {"inputs": inputs}).json
        self.assertEqual(got["outputs"][0]["data"], expected["label"])

    def test_the_outputs_that_are_wanted_and_their_classes(self):
        body = {**self.infer_body(), "outputs": [{"name": "probabilities", "parameters": {"classification": 1}}]}
        outputs = self.ask("POST", "/v2/models/iris/infer", body).json["outputs"]
        self.assertEqual(len(outputs), 1)
        self.assertEqual(outputs[0]["shape"], [2, 1])
        self.assertEqual([text.split(":")[1:] for text in outputs[0]["data"]], [["0", "0"], ["2", "2"]])

    def test_what_is_wrong_is_a_400_that_names_it(self):
        for change, word in (({"shape": [2, 3]}, "shape"), ({"shape": [1, 4]}, "values"), ({"datatype": "FP8"}, "datatype"),
                             ({"data": [1, 2, 3, 4, 5, 6, 7, "x"]}, "data/7"), ({"data": [1, 2, 3, 4, 5, 6, 7, None]}, "missing"),
                             ({"name": "numbers", "data": None}, "data")):
            body = self.infer_body(**change)
            answer = self.ask("POST", "/v2/models/iris/infer", body, status=400)
            self.assertIn(word, answer.json["error"])
            self.problem(answer, 400)
        for text in ("", "{", "[]", '{"inputs":[]}', "nonsense"):
            self.assertIn("error", self.ask("POST", "/v2/models/iris/infer", body=text, status=400).json)
        for header in ("-1", "x", "100000"):
            self.ask("POST", "/v2/models/iris/infer", self.infer_body(), headers={"Inference-Header-Content-Length": header}, status=400)

    def test_compressed_bodies(self):
        plain = json.dumps(self.infer_body()).encode()
        for coding, packed in (("gzip", gzip.compress(plain)), ("deflate", zlib.compress(plain))):
            got = self.ask("POST", "/v2/models/iris/infer", body=packed, headers={"Content-Encoding": coding}).json
            self.assertEqual(got["outputs"][0]["data"], self.label)
        self.ask("POST", "/v2/models/iris/infer", body=plain, headers={"Content-Encoding": "gzip"}, status=400)
        self.ask("POST", "/v2/models/iris/infer", body=plain, headers={"Content-Encoding": "br"}, status=415)
        self.ask("POST", "/v2/models/iris/infer", body=gzip.compress(b" " * (100 << 20)), headers={"Content-Encoding": "gzip"}, status=413)

    def test_configuration_statistics_and_repository(self):
        config = self.ask("GET", "/v2/models/iris/config").json
        self.assertGreater(config["max_batch_size"], 0)
        self.assertEqual(config["input"], [{"name": "numbers", "data_type": "TYPE_FP64", "dims": [4]}])
        self.ask("POST", "/v2/models/iris/infer", self.infer_body())
        stats = self.ask("GET", "/v2/models/iris/stats").json["model_stats"][0]
        self.assertGreater(stats["inference_stats"]["success"]["count"], 0)
        self.assertGreater(stats["inference_stats"]["compute_infer"]["ns"], 0)
        self.assertLess(abs(stats["last_inference"] / 1000 - time.time()), 60)
        self.assertEqual([s["name"] for s in self.ask("GET", "/v2/models/stats").json["model_stats"]], ["iris", "titanic"])
        self.assertEqual(self.ask("POST", "/v2/repository/index").json[0], {"name": "iris", "version": "1", "state": "READY", "reason": ""})
        self.ask("POST", "/v2/repository/index", {"ready": "yes"}, status=400)
        self.ask("POST", "/v2/repository/models/iris/load")
        self.assertTrue(self.ask("GET", "/api/models/" + self.iris["id"]).json["runtime"]["loaded"])
        self.ask("POST", "/v2/repository/models/iris/unload")
        for _ in range(100):
            if not self.ask("GET", "/api/models/" + self.iris["id"]).json["runtime"]["loaded"]:
                break
            time.sleep(0.02)
        else:
            self.fail("it stays loaded")
        self.ask("POST", "/v2/models/iris/infer", self.infer_body())


class TensorFlowServing(Protocols):
    def test_status_and_metadata(self):
        status = self.ask("GET", "/v1/models/iris").json
        self.assertEqual(status["model_version_status"][0]["state"], "AVAILABLE")
        self.assertEqual((status["name"], status["ready"]), ("iris", True))
        self.assertEqual(self.ask("GET", "/v1/models").json, {"models": ["iris", "titanic"]})
        signature = self.ask("GET", "/v1/models/iris/metadata").json["metadata"]["signature_def"]["signature_def"]["serving_default"]
        self.assertEqual(signature["inputs"]["numbers"]["dtype"], "DT_DOUBLE")

    def test_rows_and_columns(self):
        rows = self.ask("POST", "/v1/models/iris:predict", {"signature_name": "serving_default", "instances": ROWS}).json["predictions"]
        self.assertTrue(same(rows, [{"label": a, "probabilities": p} for a, p in zip(self.label, self.probabilities)]))
        columns = self.ask("POST", "/v1/models/iris/versions/1:predict", {"inputs": {"numbers": ROWS}}).json["outputs"]
        self.assertTrue(same(columns, {"label": self.label, "probabilities": self.probabilities}))

    def test_refusals(self):
        self.assertIn("error", self.ask("POST", "/v1/models/nothing:predict", {"instances": ROWS}, status=404).json)
        self.assertIn("error", self.ask("POST", "/v1/models/iris:predict", {"instances": [[1, 2]]}, status=400).json)
        self.ask("POST", "/v1/models/iris:classify", {"examples": []}, status=405)
        self.assertIn("error", self.server.request("POST", "/v1/models/iris:predict", "{}").json, "401 too")


class Scoring(Protocols):
    def test_every_form_gives_what_predict_gives(self):
        features = [f["name"] for f in self.iris["features"]]
        records = [dict(zip(features, row)) for row in ROWS]
        csv = ",".join(features) + "\n" + "\n".join(",".join(map(str, row)) for row in ROWS) + "\n"
        kind = {"Content-Type": "application/json"}
        for form in ({"dataframe_split": {"columns": features, "data": ROWS}}, {"dataframe_records": records}, {"instances": ROWS},
                     {"inputs": {f: [r[f] for r in records] for f in features}, "params": {}}):
            self.assertEqual(self.ask("POST", "/models/iris/invocations", form, headers=kind).json, {"predictions": self.label})
        self.assertEqual(self.ask("POST", "/models/iris/invoke", body=csv, headers={"Content-Type": "text/csv; charset=utf-8"}).json["predictions"], self.label)
        proba = self.ask("POST", "/models/iris/invocations", {"instances": ROWS, "params": {"predict_method": "predict_proba"}}, headers=kind).json
        self.assertTrue(same(proba["predictions"], self.probabilities))

    def test_a_default_model_must_be_clear(self):
        kind = {"Content-Type": "application/json"}
        refused = self.ask("POST", "/invocations", {"instances": ROWS}, headers=kind, status=404)
        self.assertIn("name one", refused.json["message"])
        named = self.ask("POST", "/invocations", {"instances": ROWS}, headers={**kind, "X-Amzn-SageMaker-Target-Model": "iris",
                                                                             "X-Amzn-SageMaker-Custom-Attributes": "trace=1"})
        self.assertEqual(named.json["predictions"], self.label)
        self.assertEqual(named.headers["x-amzn-sagemaker-custom-attributes"], "trace=1")

    def test_probes_and_refusals(self):
        for path in ("/ping", "/health"):
            self.assertEqual(self.server.request("GET", path).status, 200)
        self.assertRegex(self.server.request("GET", "/version").body.decode(), r"^\d+\.\d+")
        self.ask("GET", "/models/iris/ping")
        bad = self.ask("POST", "/models/iris/invocations", {"instances": [[1]]}, headers={"Content-Type": "application/json"}, status=400).json
        self.assertEqual(bad["error_code"], "BAD_REQUEST")
        self.ask("POST", "/models/iris/invocations", {"instances": ROWS}, headers={"Content-Type": "application/xml"}, status=415)


class Terms(Protocols):
    def test_when_and_how_urgent(self):
        path, body = f"/api/predict/{self.iris['id']}", {"instances": ROWS}
        kind = {"Content-Type": "application/json"}
        for good in ("2", "0.5", "500ms", "2s"):
            self.ask("POST", path, body, headers={**kind, "X-Request-Timeout": good})
        for good in ("high", "normal", "low"):
            self.ask("POST", path, body, headers={**kind, "X-Request-Priority": good})
        for bad in ("", "0", "-1", "soon", "1h"):
            answer = self.ask("POST", path, body, headers={**kind, "X-Request-Timeout": bad}, status=400)
            self.problem(answer, 400, "X-Request-Timeout")
        self.problem(self.ask("POST", path + "?timeout=x", body, headers=kind, status=400), 400, "timeout")
        self.problem(self.ask("POST", path, body, headers={**kind, "X-Request-Priority": "vip"}, status=400), 400, "X-Request-Priority")

    def test_two_models_of_one_name_are_told_apart_by_id(self):
        first = self.server.upload(model_file(IRIS), self.key, name="twin").json
        self.ask("GET", "/v2/models/twin")
        second = self.server.upload(model_file(IRIS), self.key, name="twin").json
        conflict = self.ask("GET", "/v2/models/twin", status=409).json
        self.assertIn(first["id"], conflict["error"])
        self.ask("PATCH", "/api/models/" + second["id"], {"name": "other"}, headers={"Content-Type": "application/json"})
        self.ask("GET", "/v2/models/twin")
        self.ask("GET", "/v2/models/other")
        for model in (first, second):
            self.ask("DELETE", "/api/models/" + model["id"], status=204)
        self.ask("GET", "/v2/models/twin", status=404)


if __name__ == "__main__":
    unittest.main(verbosity=2)
