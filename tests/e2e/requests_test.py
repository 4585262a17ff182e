"""Bad requests: each answered with what is wrong and where, and nothing else."""
import json
import unittest

from support import CORPUS, IRIS, ServerCase, model_file


class BadPredictions(ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.iris = cls.server.upload(model_file(IRIS), cls.key).json
        case = CORPUS / "sklearn" / "1.9.1" / "titanic_logreg"
        cls.titanic = cls.server.upload(model_file(case), cls.key).json
        cls.record = json.loads((case / "input.json").read_text())["dataframe_records"][0]

    def ask(self, document, model=None):
        return self.server.predict((model or self.iris)["id"], document, self.key)

    def test_what_is_not_json_is_a_400(self):
        for text in ("", "{", "[1,2", '{"instances":[[1,2,3,4]]', '{"instances":[[1,2,3,4]]}x', "\x00", '{"instances":' + "[" * 5000):
            self.problem(self.ask(text), 400)

    def test_the_wrong_shape_names_the_row(self):
        self.problem(self.ask({"instances": [[1, 2, 3, 4], [1, 2, 3]]}), 422, "#/instances/1")
        self.problem(self.ask({"instances": [[1, 2, 3, 4, 5]]}), 422, "#/instances/0")
        self.problem(self.ask({"instances": []}), 422)
        self.problem(self.ask({"instances": {}}), 422)
        self.problem(self.ask({}), 422)
        self.problem(self.ask([]), 422)

    def test_a_text_for_a_number_names_the_cell(self):
        problem = self.problem(self.ask({"instances": [[1, 2, "three", 4]]}), 422, "#/instances/0/2")
        self.assertIn("number", json.dumps(problem["errors"]))

    def test_a_missing_and_an_unknown_feature_are_named(self):
        missing = {k: v for k, v in self.record.items() if k != "age"}
        problem = self.problem(self.ask({"instances": [missing]}, self.titanic), 422)
        self.assertIn("age", json.dumps(problem["errors"]))
        problem = self.problem(self.ask({"instances": [{**self.record, "agee": 3}]}, self.titanic), 422)
        self.assertIn("agee", json.dumps(problem["errors"]))

    def test_a_number_where_a_text_belongs_is_refused(self):
        text = next(f["name"] for f in self.titanic["features"] if f["type"] == "text")
        self.problem(self.ask({"instances": [{**self.record, text: 5}]}, self.titanic), 422, f"#/instances/0/{text}")

    def test_a_gap_where_the_model_takes_none_is_refused(self):
        self.problem(self.ask({"instances": [[1, None, 3, 4]]}), 422, "#/instances/0/1")

    def test_long_values_are_not_echoed(self):
        answer = self.ask({"instances": [[1, 2, "x" * 100_000, 4]]})
        self.problem(answer, 422)
        self.assertNotIn(b"x" * 100, answer.body)

    def test_the_wrong_content_type_is_a_415_that_says_what_is_taken(self):
        for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data"):
            answer = self.server.request("POST", f"/api/predict/{self.iris['id']}", "{}", {"Content-Type": kind, "X-API-Key": self.key})
            self.problem(answer, 415)
            self.assertIn("application/json", str(answer.headers))

    def test_too_big_is_a_413_before_it_is_read(self):
        answer = self.server.request("POST", f"/api/predict/{self.iris['id']}", b"", {"Content-Type": "application/json", "X-API-Key": self.key, "Content-Length": str(10**12)})
        self.problem(answer, 413)

    def test_unknown_and_strange_model_ids_are_404(self):
        for model in ("mdl_00000000000000000000000000", "nope", "..%2f..%2fetc", "%00", "a" * 500):
            self.problem(self.server.call("POST", f"/api/predict/{model}", {"instances": [[1]]}, self.key), 404)

    def test_the_wrong_method_is_a_405_with_allow(self):
        answer = self.server.call("GET", f"/api/predict/{self.iris['id']}", credential=self.key)
        self.problem(answer, 405)
        self.assertIn("POST", answer.headers["allow"])


class LargeAnswers(ServerCase):
    flags = ("--predictions.answer_bytes_max", "6000")

    def test_an_answer_beyond_the_limit_is_a_413_that_says_how_large_it_is_in_every_protocol(self):
        model = self.server.upload(model_file(IRIS), self.key, name="iris").json
        rows = [[5.1, 3.5, 1.4, 0.2]] * 100
        tensor = {"name": "numbers", "shape": [100, 4], "datatype": "FP64", "data": sum(rows, [])}
        asks = {f"/api/predict/{model['id']}": {"instances": rows}, "/v1/models/iris:predict": {"instances": rows},
                "/v2/models/iris/infer": {"inputs": [tensor]}}
        for path, document in asks.items():
            answer = self.problem(self.server.call("POST", path, document, self.key), 413)
            self.assertIn("400 values", answer["detail"])
            self.assertIn("6000 bytes (predictions.answer_bytes_max)", answer["detail"])
        self.assertEqual(self.server.predict(model["id"], {"instances": rows[:20]}, self.key).status, 200)
        # What is asked for counts: one of the outputs, or all of them in binary.
        wanted = {"inputs": [tensor], "outputs": [{"name": "label"}]}
        self.assertEqual(self.server.call("POST", "/v2/models/iris/infer", wanted, self.key).status, 200)
        binary = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
        self.assertEqual(self.server.call("POST", "/v2/models/iris/infer", binary, self.key).status, 200)
        answer = self.server.call("POST", "/invocations", {"instances": rows}, self.key)
        self.assertEqual(answer.status, 200, "labels only")


class BadAccounts(ServerCase):
    def test_registration_names_every_wrong_field(self):
        for document, pointer in (({"email": "nobody", "password": "a phrase of my own"}, "#/email"), ({"email": "x@example.org", "password": "short"}, "#/password"),
                                  ({"email": "x@example.org"}, "#/password"), ({"email": 5, "password": "a phrase of my own"}, "#/email"),
                                  ({"email": "x@example.org", "password": "a phrase of my own", "admin": True}, "#/admin")):
            self.problem(self.server.call("POST", "/api/auth/register", document), 422, pointer)
        self.problem(self.server.call("POST", "/api/auth/register", {"email": "ADA@example.org", "password": "a phrase of my own"}), 409, "#/email")

    def test_wrong_passwords_and_unknown_addresses_are_told_alike(self):
        wrong = self.problem(self.server.call("POST", "/api/auth/login", {"email": "ada@example.org", "password": "not the phrase"}), 401)
        unknown = self.problem(self.server.call("POST", "/api/auth/login", {"email": "eve@example.org", "password": "not the phrase"}), 401)
        wrong.pop("request_id"), unknown.pop("request_id")
        self.assertEqual(wrong, unknown)

    def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_session(self):
        pair = self.server.call("POST", "/api/auth/login", {"email": "ada@example.org", "password": "a phrase of my own"}).json
        second = self.server.call("POST", "/api/auth/refresh", {"refresh_token": pair["refresh_token"]})
        self.assertEqual(second.status, 200)
        self.problem(self.server.call("POST", "/api/auth/refresh", {"refresh_token": pair["refresh_token"]}), 401)
        self.problem(self.server.call("POST", "/api/auth/refresh", {"refresh_token": second.json["refresh_token"]}), 401)

    def test_a_new_password_ends_all_sessions(self):
        token = self.server.register("bob@example.org")
        answer = self.server.call("PATCH", "/api/auth/me", {"current_password": "wrong", "new_password": "another phrase of mine"}, token)
        self.problem(answer, 422, "#/current_password")
        answer = self.server.call("PATCH", "/api/auth/me", {"current_password": "a phrase of my own", "new_password": "another phrase of mine"}, token)
        self.assertEqual(answer.status, 200, answer.body)
        self.problem(self.server.call("GET", "/api/auth/me", credential=token), 401)

    def test_too_many_failed_logins_are_slowed_down(self):
        self.server.register("carl@example.org")
        for _ in range(10):
            self.server.call("POST", "/api/auth/login", {"email": "carl@example.org", "password": "wrong"})
        answer = self.server.call("POST", "/api/auth/login", {"email": "carl@example.org", "password": "a phrase of my own"})
        self.problem(answer, 429)
        self.assertGreater(int(answer.headers["retry-after"]), 0)


class Keys(ServerCase):
    def test_a_key_is_shown_once_works_and_can_be_ended_and_rotated(self):
        made = self.server.call("POST", "/api/keys", {"name": "laptop"}, self.token).json
        listed = self.server.call("GET", "/api/keys", credential=self.token)
        self.assertNotIn(made["key"], listed.body.decode())
        self.assertIn(made["id"], [k["id"] for k in listed.json["items"]])
        self.assertEqual(self.server.request("GET", "/api/models", headers={"X-API-Key": made["key"]}).status, 200)
        for at in (12, 30, len(made["key"]) - 1):  # nothing but the whole text, also when it was seen before
            other = made["key"][:at] + ("A" if made["key"][at] != "A" else "B") + made["key"][at + 1:]
            self.problem(self.server.call("GET", "/api/models", credential=other), 401)
        self.assertEqual(self.server.call("GET", "/api/models", credential=made["key"]).status, 200)
        rotated = self.server.call("POST", f"/api/keys/{made['id']}/rotate", credential=self.token).json
        self.problem(self.server.call("GET", "/api/models", credential=made["key"]), 401)
        self.assertEqual(self.server.call("GET", "/api/models", credential=rotated["key"]).status, 200)
        self.assertEqual(self.server.call("DELETE", f"/api/keys/{made['id']}", credential=self.token).status, 204)
        self.problem(self.server.call("GET", "/api/models", credential=rotated["key"]), 401)

    def test_a_key_may_do_what_its_scopes_say(self):
        predict_only = self.server.key(self.token, scopes=["predict"])
        self.problem(self.server.call("GET", "/api/models", credential=predict_only), 403)
        self.problem(self.server.upload(model_file(IRIS), predict_only), 403)
        model = self.server.upload(model_file(IRIS), self.key).json
        self.assertEqual(self.server.predict(model["id"], model["example"], predict_only).status, 200)
        other = self.server.upload(model_file(IRIS), self.key).json
        bound = self.server.key(self.token, models=[other["id"]])
        self.problem(self.server.predict(model["id"], model["example"], bound), 404)
        self.assertEqual(self.server.predict(other["id"], other["example"], bound).status, 200)

    def test_a_key_makes_no_keys(self):
        self.problem(self.server.call("POST", "/api/keys", {"name": "x"}, self.key), 403)

    def test_wrong_wishes_are_named(self):
        self.problem(self.server.call("POST", "/api/keys", {"name": ""}, self.token), 422, "#/name")
        self.problem(self.server.call("POST", "/api/keys", {"name": "x", "scopes": ["admin"]}, self.token), 422, "#/scopes/0")
        self.problem(self.server.call("POST", "/api/keys", {"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, self.token), 422, "#/expires_at")


class Limits(ServerCase):
    flags = ("--limits.requests_per_minute", "60", "--limits.burst", "3")

    def test_beyond_the_burst_is_a_429_that_says_when(self):
        model = self.server.upload(model_file(IRIS), self.key).json
        answers = [self.server.predict(model["id"], model["example"], self.key) for _ in range(6)]
        self.assertEqual([a.status for a in answers[:3]], [200] * 3)
        self.assertIn('"key-requests";r=', answers[0].headers["ratelimit"])
        refused = next(a for a in answers if a.status != 200)
        self.problem(refused, 429)
        self.assertGreaterEqual(int(refused.headers["retry-after"]), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
