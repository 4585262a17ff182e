"""Every route of the router's own table, as a stranger and as somebody else."""
import unittest

from support import IRIS, ServerCase, model_file

# Routes that anyone may call; each has its reason in its declaration. A new one must be added here on purpose.
OPEN = {("POST", "/api/auth/" + name) for name in ("register", "login", "refresh", "logout", "verify-email", "forgot-password", "reset-password")}
OPEN |= {("GET", path) for path in ("/healthz", "/readyz", "/metrics", "/api/openapi.json", "/v2", "/v2/health/live", "/v2/health/ready",
                                    "/ping", "/health", "/version")}


class EveryRoute(ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.server.upload(model_file(IRIS), cls.key).json
        cls.key_id = cls.server.call("GET", "/api/keys", credential=cls.token).json["items"][0]["id"]
        admin = cls.server.register("root@example.org", cls.server.setup_token)
        cls.table = [(r["method"], r["pattern"], r["access"]) for r in cls.server.call("GET", "/api/routes", credential=admin).json["items"]]
        cls.stranger_token = cls.server.register("eve@example.org")
        cls.stranger_key = cls.server.key(cls.stranger_token)

    def path(self, pattern):
        identity = self.key_id if pattern.startswith("/api/keys") else self.model["id"]
        parts = []
        for part in pattern.split("/"):
            parts.append({":id": identity, ":modelId": self.model["id"], ":version": "1", ":model": self.model["id"],
                          ":model:predict": self.model["id"] + ":predict", ":version:predict": "1:predict"}.get(part, "x" if part[:1] in (":", "*") else part))
        return "/".join(parts)

    def body(self, method, pattern):
        if method in ("GET", "DELETE"):
            return None, {}
        if pattern.endswith("/upload") or pattern.endswith("/versions"):
            return (b'--b\r\nContent-Disposition: form-data; name="file"; filename="m.pkl"\r\n\r\nx\r\n--b--\r\n', {"Content-Type": "multipart/form-data; boundary=b"})
        if pattern.endswith("/jobs"):
            return b"a,b\n1,2\n", {"Content-Type": "text/csv"}
        return b"{}", {"Content-Type": "application/json"}

    def test_there_are_routes_and_the_open_ones_are_the_known_ones(self):
        self.assertGreater(len(self.table), 20)
        opened = {(m, p) for m, p, access in self.table if access == "anyone" and (p.startswith("/api") or p.startswith("/v") or (m, p) in OPEN)}
        self.assertEqual(opened, OPEN)

    def test_no_route_answers_without_credentials_or_with_bad_ones(self):
        for method, pattern, access in self.table:
            if access == "anyone":
                continue
            body, headers = self.body(method, pattern)
            for bad in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}, {"X-API-Key": self.key[:-1] + ("a" if self.key[-1] != "a" else "b")},
                        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}, {"Authorization": "Bearer " + self.token, "X-API-Key": self.key}):
                with self.subTest(method=method, pattern=pattern, credential=bad):
                    answer = self.server.request(method, self.path(pattern), body, {**headers, **bad})
                    self.problem(answer, 401)
                    self.assertIn("www-authenticate", answer.headers)

    def test_a_foreign_users_things_are_not_found(self):
        for method, pattern, access in self.table:
            if access == "anyone" or ":" not in pattern or pattern == "/v2/repository/:repository/index":  # that lists one's own
                continue
            body, headers = self.body(method, pattern)
            for credential in (self.stranger_token, self.stranger_key):
                with self.subTest(method=method, pattern=pattern):
                    answer = self.server.request(method, self.path(pattern), body, {**headers, "Authorization": "Bearer " + credential})
                    self.assertIn(answer.status, (403, 404), answer.body[:300])
                    self.assertNotIn(self.model["sha256"], answer.body.decode())
        self.assertEqual(self.server.predict(self.model["id"], self.model["example"], self.key).status, 200, "the owner's model is untouched")
        self.assertEqual(self.server.call("GET", "/api/models", credential=self.stranger_key).json["items"], [])

    def test_admin_routes_are_closed_to_users(self):
        for method, pattern, access in self.table:
            if access == "admin":
                body, headers = self.body(method, pattern)
                self.problem(self.server.request(method, self.path(pattern), body, {**headers, "Authorization": "Bearer " + self.token}), 403)


if __name__ == "__main__":
    unittest.main(verbosity=2)
