"""Several files, or several objects in one file, become one model: over HTTP, with the originals kept."""
import hashlib
import io
import json
import tarfile
import unittest
import uuid

from support import CORPUS, IRIS, ServerCase, Server, model_file, same

CASES = CORPUS / "containers" / "1.9.1"


def form(parts):
    """[(field, file name or None, bytes)] as a multipart body."""
    boundary = uuid.uuid4().hex
    body = b""
    for field, name, content in parts:
        more = "" if name is None else f'; filename="{name}"\r\nContent-Type: application/octet-stream'
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"{more}\r\n\r\n'.encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


class Containers(ServerCase):
    def push(self, case, names, query="", fields=(), to="/api/models/upload"):
        files = [("file", name, (CASES / case / name).read_bytes()) for name in names]
        body, headers = form([(k, None, v.encode()) for k, v in fields] + files)
        return self.server.request("POST", f"{to}?wait=true{query}", body, {**headers, "Authorization": "Bearer " + self.key}, timeout=150)

    def assert_answers(self, model_id, case):
        expected = json.loads((CASES / case / "expected.json").read_text())
        answer = self.server.predict(model_id, json.loads((CASES / case / "input.json").read_text()), self.key)
        self.assertEqual(answer.status, 200, answer.body[:500])
        for name, wanted in expected.items():
            if name != "kind":
                self.assertTrue(same(answer.json["outputs"][name], wanted), name)

    def get(self, path):
        return self.server.request("GET", path, None, {"Authorization": "Bearer " + self.key})

    def test_several_files_answer_as_the_library_and_are_kept(self):
        names = ["columns.pkl", "scaler.pkl", "model.pkl", "encoder.pkl"]
        answer = self.push("files_decoded_and_named", names)
        self.assertEqual(answer.status, 201, answer.body)
        model = answer.json
        self.assertEqual([f["name"] for f in model["files"]], names)
        contents = {name: (CASES / "files_decoded_and_named" / name).read_bytes() for name in names}
        for file in model["files"]:
            self.assertEqual(file["sha256"], hashlib.sha256(contents[file["name"]]).hexdigest())
            self.assertEqual(file["size"], len(contents[file["name"]]))
        self.assertEqual(model["size"], sum(map(len, contents.values())))
        self.assertEqual(model["classes"], sorted(model["classes"]))
        self.assert_answers(model["id"], "files_decoded_and_named")

        whole = self.get(f"/api/models/{model['id']}/file")
        self.assertEqual((whole.status, whole.headers["content-type"]), (200, "application/x-tar"))
        with tarfile.open(fileobj=io.BytesIO(whole.body)) as archive:
            self.assertEqual(archive.getnames(), names)
            for name in names:
                self.assertEqual(archive.extractfile(name).read(), contents[name])
        one = self.get(f"/api/models/{model['id']}/file?name=model.pkl")
        self.assertEqual(one.body, contents["model.pkl"])
        self.assertEqual(self.get(f"/api/models/{model['id']}/file?name=absent").status, 404)
        versions = self.get(f"/api/models/{model['id']}/versions").json["items"]
        self.assertEqual(versions[0]["files"], model["files"])

    def test_the_order_is_suggested(self):
        answer = self.push("files_wrong_order", ["encoder.pkl", "model.joblib", "scaler.joblib"])
        self.assertEqual(answer.status, 201, answer.body)
        self.assertIn("scaler.joblib, model.joblib", " ".join(answer.json["warnings"]))
        self.assert_answers(answer.json["id"], "files_wrong_order")

    def test_a_dict_asks_which_and_chains(self):
        refused = self.push("dict_chained", ["bundle.pkl"])
        problem = self.problem(refused, 422)
        for part in ("?entry=model", "--entry scaler,model"):
            self.assertIn(part, problem["detail"])
        for more in ({"query": "&entry=scaler,model"}, {"fields": [("entry", "scaler,model")]}):
            answer = self.push("dict_chained", ["bundle.pkl"], **more)
            self.assertEqual(answer.status, 201, answer.body)
            self.assertEqual(answer.json["entry"], "scaler,model")
            self.assert_answers(answer.json["id"], "dict_chained")
        alone = self.push("dict_chained", ["bundle.pkl"], query="&entry=model")
        self.assertEqual(alone.status, 201, alone.body)
        self.assertEqual([o["path"] for o in alone.json["objects"]], ["model", "scaler", "columns"])
        # A new version by the same way.
        version = self.push("dict_chained", ["bundle.pkl"], query="&entry=scaler,model", to=f"/api/models/{alone.json['id']}/versions")
        self.assertEqual(version.status, 201, version.body)

    def test_a_refused_upload_keeps_what_is_inside(self):
        body, headers = form([("file", "bundle.pkl", (CASES / "dict_chained" / "bundle.pkl").read_bytes())])
        started = self.server.request("POST", "/api/models/upload", body, {**headers, "Authorization": "Bearer " + self.key})
        self.assertEqual(started.status, 201)
        from support import wait_for
        model = wait_for(lambda: (lambda m: m if m["status"] == "refused" else None)(self.get("/api/models/" + started.json["id"]).json))
        self.assertIn("several estimators", model["reason"])
        self.assertEqual(model["objects"][0]["features"], 4)

    def test_skops_files_are_read(self):
        for case in ("skops_titanic_logreg", "skops_gboost_multi"):
            answer = self.push(case, ["model.skops"])
            self.assertEqual(answer.status, 201, answer.body)
            self.assertIn("skops", answer.json["format"])
            self.assert_answers(answer.json["id"], case)

    def test_too_many_files_and_empty_ones_are_told(self):
        content = model_file(IRIS).read_bytes()
        body, headers = form([("file", f"m{i}.pkl", content) for i in range(17)])
        self.problem(self.server.request("POST", "/api/models/upload?wait=true", body, {**headers, "Authorization": "Bearer " + self.key}), 422)
        body, headers = form([("file", "a.pkl", content), ("file", "b.pkl", b"")])
        self.problem(self.server.request("POST", "/api/models/upload?wait=true", body, {**headers, "Authorization": "Bearer " + self.key}), 422)


class Restart(unittest.TestCase):
    def test_several_files_are_there_after_a_kill(self):
        server = Server()
        try:
            token = server.register("ada@example.org")
            key = server.key(token)
            names = ["scaler.pkl", "model.pkl"]
            body, headers = form([("file", n, (CASES / "files_scaler_model" / n).read_bytes()) for n in names])
            model = server.request("POST", "/api/models/upload?wait=true", body, {**headers, "Authorization": "Bearer " + key}, timeout=150).json
            server.kill()
            server.start()
            request = json.loads((CASES / "files_scaler_model" / "input.json").read_text())
            self.assertEqual(server.predict(model["id"], request, key).status, 200)
            again = server.request("GET", f"/api/models/{model['id']}/file?name=scaler.pkl", None, {"Authorization": "Bearer " + key})
            self.assertEqual(again.body, (CASES / "files_scaler_model" / "scaler.pkl").read_bytes())
        finally:
            server.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
