"""The embedded pages in a real browser: the first administrator's page from end to end, and how every page looks and behaves."""
import unittest

from browser import Browser
from support import PASSWORD, Server

PAGES = ("/", "/start", "/errors", "/errors/model-refused")


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = cls.enterClassContext(Browser()) if hasattr(cls, "enterClassContext") else Browser().__enter__()

    @classmethod
    def tearDownClass(cls):
        if not hasattr(cls, "enterClassContext"):
            cls.browser.__exit__()

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)
        self.browser.looks()
        self.browser.complaints()

    def submit(self, email, password):
        self.browser.type("#email", email)
        self.browser.type("#password", password)
        self.browser.click("#submit")

    def no_complaints(self, statuses=()):
        """Nothing in the console but the failed requests that the test provoked."""
        left = [c for c in self.browser.complaints() if not any(f"status of {s}" in c for s in statuses)]
        self.assertEqual(left, [])

    def test_the_first_administrator_is_made_and_can_log_in(self):
        b = self.browser
        b.open(f"{self.server.url}/start#{self.server.setup_token}")
        self.assertEqual(b.run("return document.title"), "First administrator · slipway")
        self.assertNotIn(self.server.setup_token, b.run("return location.href"))  # nor in the history
        bottom, top = b.run("const at = (id) => document.getElementById(id).getBoundingClientRect();"
                            "return [at('password').bottom, at('submit').top]")
        self.assertGreater(top, bottom)  # under the field, where it stays when an error comes between
        b.screenshot("start")

        b.click("#submit")  # with nothing filled in
        self.assertEqual(b.text("#email-error"), "Enter an e-mail address.")
        self.assertEqual(b.run("return document.activeElement.id"), "email")
        b.screenshot("start-empty")

        self.submit("ada@example.org", "too short")
        self.assertRegex(b.wait(lambda: b.text("#password-error")), "^Must have at least 15 characters.*[.]$")
        self.assertEqual(b.run("return document.getElementById('password').getAttribute('aria-invalid')"), "true")
        self.assertEqual(b.run("return document.activeElement.id"), "password")
        b.screenshot("start-wrong-password")
        self.no_complaints(statuses=(422,))

        self.submit("not an address", PASSWORD)
        self.assertTrue(b.wait(lambda: b.text("#email-error")))
        self.assertEqual(b.text("#password-error"), "")  # the one before is no longer true
        self.no_complaints(statuses=(422,))

        self.submit("ada@example.org", PASSWORD)
        b.wait(lambda: "The account is there" in b.text("main"))
        self.assertNotIn("Create the account", b.text("main"))
        self.assertIn("You can log in as ada@example.org", b.text("#next"))
        self.assertIn(self.server.url, b.text("#next pre"))  # this server's address, not the example's
        self.assertEqual(b.run("return document.getElementById('password').value"), "")
        b.screenshot("start-done")
        self.no_complaints()

        token = self.server.login("ada@example.org")
        me = self.server.call("GET", "/api/auth/me", credential=token).json
        self.assertEqual((me["email"], me["role"]), ("ada@example.org", "admin"))

    def test_a_used_link_says_so(self):
        b = self.browser
        link = f"{self.server.url}/start#{self.server.setup_token}"
        self.server.register("ada@example.org", self.server.setup_token)
        b.open(link)
        self.submit("eve@example.org", PASSWORD)
        said = b.wait(lambda: b.text("#alert"))
        self.assertRegex(said, "^The first-run link is not valid any more; .*[.]$")
        self.assertEqual(said.count("link"), 1)  # said once, not in two wordings
        b.screenshot("start-used-link")
        self.no_complaints(statuses=(400, 401, 403, 409, 422))
        self.assertEqual(self.server.call("POST", "/api/auth/login", {"email": "eve@example.org", "password": PASSWORD}).status, 401)

    def test_without_its_link_the_page_says_where_it_is(self):
        b = self.browser
        b.open(f"{self.server.url}/start")
        self.assertIn("the link that the server printed", b.text("#alert"))
        self.assertNotIn("Create the account", b.text("main"))
        b.screenshot("start-no-link")
        self.no_complaints()

    def test_a_server_that_is_gone_is_said(self):
        b = self.browser
        b.open(f"{self.server.url}/start#{self.server.setup_token}")
        self.server.kill()
        self.submit("ada@example.org", PASSWORD)
        self.assertIn("can't be reached", b.wait(lambda: b.text("#alert")))
        self.assertFalse(b.run("return document.getElementById('submit').disabled"))  # to try again

    def test_every_page_fits_narrow_screens_and_dark_ones_and_offends_no_policy(self):
        b = self.browser
        for path in PAGES:
            token = "#" + self.server.setup_token if path == "/start" else ""
            for name, look in {"": {}, "-dark": {"dark": True}, "-narrow": {"width": 360}}.items():
                with self.subTest(path + name):
                    b.looks(**look)
                    b.open(self.server.url + path + token)
                    b.screenshot("page" + path.replace("/", "-") + name)
                    self.assertLessEqual(b.run("return document.documentElement.scrollWidth"), look.get("width", 1024))
                    text, ground = b.run("const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]")
                    brightness = lambda colour: sum(map(float, colour[colour.index("(") + 1:-1].split(",")[:3]))
                    self.assertEqual(brightness(text) > brightness(ground), look.get("dark", False))
                    self.assertEqual(len(b.run("return [...document.querySelectorAll('h1')]")), 1)
                    self.no_complaints()


if __name__ == "__main__":
    unittest.main(verbosity=2)
