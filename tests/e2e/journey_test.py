"""From a file to a prediction, as a person does it."""
import json
import unittest

from support import CORPUS, IRIS, Server, ServerCase, model_file, same, wait_for


class Journey(ServerCase):
    def test_iris_is_served_with_scikit_learns_own_numbers(self):
        uploaded = self.server.upload(model_file(IRIS), self.key, name="iris")
        self.assertEqual(uploaded.status, 201, uploaded.body)
        model = uploaded.json
        self.assertEqual((model["status"], model["name"]), ("ready", "iris"))
        self.assertEqual(model["endpoint_url"], f"{self.server.url}/api/predict/{model['id']}")
        self.assertEqual(model["size"], model_file(IRIS).stat().st_size)
        for member in ("format", "sha256", "inputs", "outputs"):
            self.assertTrue(model[member], member)
        request = json.loads((IRIS / "input.json").read_text())
        expected = json.loads((IRIS / "expected.json").read_text())
        answer = self.server.predict(model["id"], request, self.key)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(set(answer.json), {"model_id", "version", "predictions", "outputs", "request_id"})
        for output, values in expected.items():
            if output != "kind":
                self.assertTrue(same(answer.json["outputs"][output], values), output)
        self.assertEqual(len(answer.json["predictions"]), len(request["instances"]))
        self.assertEqual(answer.json["predictions"][0]["label"], expected["label"][0])

    def test_the_models_own_example_is_answered(self):
        model = self.server.upload(model_file(IRIS), self.key).json
        answer = self.server.predict(model["id"], model["example"], self.key)
        self.assertEqual(answer.status, 200, answer.body)

    def test_every_form_of_input_gives_the_same_answer(self):
        case = CORPUS / "sklearn" / "1.9.1" / "titanic_logreg"
        model = self.server.upload(model_file(case), self.key).json
        records = [r for r in json.loads((case / "input.json").read_text())["dataframe_records"]]
        columns = [f["name"] for f in model["features"]]
        forms = [
            {"dataframe_records": records},
            {"instances": records},
            {"instances": [[r[c] for c in columns] for r in records]},
            {"dataframe_split": {"columns": columns, "data": [[r[c] for c in columns] for r in records]}},
        ]
        answers = [self.server.predict(model["id"], form, self.key) for form in forms]
        cells = lambda r: ",".join("" if r[c] is None else str(r[c]) for c in columns)
        csv = "\r\n".join([",".join(columns)] + [cells(r) for r in records]) + "\r\n"
        answers.append(self.server.request("POST", f"/api/predict/{model['id']}", csv, {"Content-Type": "text/csv", "X-API-Key": self.key}))
        for answer in answers:
            self.assertEqual(answer.status, 200, answer.body[:500])
            self.assertTrue(same(answer.json["predictions"][0]["probabilities"], answers[0].json["predictions"][0]["probabilities"]))
            self.assertEqual(answer.json["outputs"]["label"], answers[0].json["outputs"]["label"])

    def test_upload_without_waiting_is_acknowledged_and_becomes_ready(self):
        model = self.server.upload(model_file(IRIS), self.key, wait=False)
        self.assertEqual(model.status, 201, model.body)
        path = f"/api/models/{model.json['id']}"
        self.assertTrue(wait_for(lambda: self.server.call("GET", path, credential=self.key).json["status"] == "ready"))

    def test_a_model_is_listed_edited_downloaded_and_deleted(self):
        model = self.server.upload(model_file(IRIS), self.key, name="short-lived").json
        path = f"/api/models/{model['id']}"
        listed = self.server.call("GET", "/api/models?q=short-l", credential=self.key).json
        self.assertEqual([m["id"] for m in listed["items"]], [model["id"]])
        changed = self.server.call("PATCH", path, {"description": "three kinds", "tags": ["flowers"]}, self.key)
        self.assertEqual((changed.json["description"], changed.json["tags"], changed.json["name"]), ("three kinds", ["flowers"], "short-lived"))
        self.assertEqual(self.server.call("GET", path + "/file", credential=self.key).body, model_file(IRIS).read_bytes())
        self.assertEqual(self.server.call("DELETE", path, credential=self.key).status, 204)
        self.problem(self.server.call("GET", path, credential=self.key), 404)
        self.problem(self.server.predict(model["id"], model["example"], self.key), 404)

    def test_a_model_carries_the_certificate_of_its_import(self):
        model = self.server.upload(model_file(IRIS), self.key, name="certified").json
        certificate = model["certificate"]
        self.assertGreater(certificate["rows"], 20)
        self.assertEqual(certificate["label_flips"], 0)
        self.assertLess(certificate["largest_difference"], 1e-12)

    def test_pickles_and_the_libraries_own_files_are_certified(self):
        for case in ("sklearn_meta/1.9.1/hgb_gaps", "sklearn_neighbors/1.9.1/knn_iris_uniform_brute", "sklearn_meta/1.9.1/calibrated_default",
                     "boosting/3.4.1/xgb_native_json_reg", "boosting/3.4.1/lgb_native_reg", "boosting/3.4.1/cat_native"):
            if not (CORPUS / case).is_dir():
                self.fail(f"no such case: {case}")
            certificate = self.server.upload(model_file(CORPUS / case), self.key).json["certificate"]
            self.assertGreater(certificate.get("rows", 0), 20, (case, certificate))
            self.assertEqual(certificate["label_flips"], 0, case)

    def test_pages_go_through_all_models_once(self):
        for _ in range(5):
            self.server.upload(model_file(IRIS), self.key, name="paged")
        seen, cursor = [], ""
        while True:
            page = self.server.call("GET", f"/api/models?q=paged&limit=2{cursor}", credential=self.key).json
            seen += [m["id"] for m in page["items"]]
            if page["next"] is None:
                break
            cursor = "&cursor=" + page["next"]
        self.assertEqual(len(seen), 5)
        self.assertEqual(len(set(seen)), 5)

    def test_a_second_version_waits_until_it_is_promoted(self):
        model = self.server.upload(model_file(IRIS), self.key, name="versioned").json
        base = f"/api/models/{model['id']}"
        second = self.server.upload(model_file(IRIS), self.key, to=base + "/versions")
        self.assertEqual(second.status, 201, second.body)
        self.assertEqual(self.server.predict(model["id"], model["example"], self.key).json["version"], 1)
        promoted = self.server.call("POST", base + "/versions/2/promote", credential=self.key)
        self.assertEqual(promoted.json["version"], 2, promoted.body)
        self.assertEqual(self.server.predict(model["id"], model["example"], self.key).json["version"], 2)
        versions = self.server.call("GET", base + "/versions", credential=self.key).json
        self.assertEqual([v["version"] for v in versions["items"]], [2, 1])
        self.problem(self.server.call("POST", base + "/versions/3/promote", credential=self.key), 404)


class Restart(unittest.TestCase):
    def test_models_accounts_and_keys_survive_a_restart_and_a_kill(self):
        server = Server()
        try:
            self.assertIsNotNone(server.setup_token)
            token = server.register("root@example.org", server.setup_token)
            self.assertEqual(server.call("GET", "/api/auth/me", credential=token).json["role"], "admin")
            key = server.key(token)
            model = server.upload(model_file(IRIS), key).json
            self.assertEqual(server.stop(), 0)
            server.start()
            self.assertIsNone(server.setup_token, "an administrator exists: no link any more")
            self.assertEqual(server.predict(model["id"], model["example"], key).status, 200)
            server.kill()
            server.start()
            self.assertEqual(server.predict(model["id"], model["example"], key).status, 200)
            self.assertEqual(server.call("GET", "/api/auth/me", credential=server.login("root@example.org")).status, 200)
        finally:
            server.close()

    def test_the_setup_link_works_once(self):
        server = Server("--accounts.registration", "closed")
        try:
            document = {"email": "a@example.org", "password": "a phrase of my own"}
            self.assertEqual(server.call("POST", "/api/auth/register", document).status, 403)
            self.assertEqual(server.call("POST", "/api/auth/register", {**document, "setup_token": "wrong"}).status, 403)
            self.assertEqual(server.call("POST", "/api/auth/register", {**document, "setup_token": server.setup_token}).status, 201)
            document["email"] = "b@example.org"
            self.assertEqual(server.call("POST", "/api/auth/register", {**document, "setup_token": server.setup_token}).status, 403)
        finally:
            server.close()

    def test_a_second_server_on_the_same_data_is_refused(self):
        server = Server()
        try:
            with self.assertRaisesRegex(RuntimeError, "in use|another"):
                Server(data=server.data)
        finally:
            server.close()

    def test_nothing_that_was_uploaded_is_on_the_disk_in_clear(self):
        server = Server()
        try:
            token = server.register("ada@example.org")
            key = server.key(token)
            server.upload(model_file(IRIS), key)
            content = model_file(IRIS).read_bytes()
            marks = [content[i:i + 32] for i in range(0, len(content) - 32, 64)] + [b"LogisticRegression", key.encode()]
            server.stop()
            for path in server.data.rglob("*"):
                if path.is_file():
                    stored = path.read_bytes()
                    for mark in marks[:-2] + [key.encode()]:
                        self.assertNotIn(mark, stored, path)
        finally:
            server.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
