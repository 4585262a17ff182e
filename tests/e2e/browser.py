"""A headless Chromium by W3C WebDriver, which is plain HTTP and JSON: what the pages' tests need of it, and no more."""
import base64
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the name that the standard gives to a reference
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1024,900")


class Browser:
    """Use as a context. A missing program is an error, never a skipped test: ./dev test installs it."""

    def __enter__(self):
        driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
        if not driver or not chromium:
            raise RuntimeError("chromium and chromedriver are needed: ./dev test installs the packages chromium and chromium-driver")
        self.profile = tempfile.mkdtemp(prefix="slipway-browser-")
        # A process group of its own: the browser's children go with it.
        self.driver = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        for line in self.driver.stdout:
            started = re.search(r"started successfully on port (\d+)", line)
            if started:
                self.port = int(started.group(1))
                break
        else:
            raise RuntimeError("chromedriver did not start")
        options = {"binary": chromium, "args": [*FLAGS, "--user-data-dir=" + self.profile]}
        capabilities = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        try:
            self.session = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})["sessionId"]
        except Exception:
            self.end_driver()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.command("DELETE", "")
        finally:
            self.end_driver()

    def end_driver(self):
        try:
            os.killpg(self.driver.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.driver.wait()
        self.driver.stdout.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def ask(self, method, path, document=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        try:
            connection.request(method, path, None if method != "POST" else json.dumps(document or {}), {"Content-Type": "application/json"})
            value = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(value, dict) and "error" in value:
            raise RuntimeError(f"{method} {path}: {value['error']}: {value['message'][:400]}")
        return value

    def command(self, method, path, document=None):
        return self.ask(method, f"/session/{self.session}{path}", document)

    def open(self, url):
        self.command("POST", "/url", {"url": "about:blank"})  # the same path with another fragment would be no new page
        self.command("POST", "/url", {"url": url})

    def run(self, script, *args):
        return self.command("POST", "/execute/sync", {"script": script, "args": list(args)})

    def find(self, selector):
        return self.command("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def type(self, selector, text):
        element = self.find(selector)
        self.command("POST", f"/element/{element}/clear")
        self.command("POST", f"/element/{element}/value", {"text": text})

    def click(self, selector):
        self.command("POST", f"/element/{self.find(selector)}/click")

    def text(self, selector):
        """As a person sees it: nothing of what is hidden."""
        return self.command("GET", f"/element/{self.find(selector)}/text")

    def wait(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.1)
        raise AssertionError("the page did not come to that: " + self.text("main"))

    def devtools(self, name, **params):
        return self.command("POST", "/goog/cdp/execute", {"cmd": name, "params": params})

    def looks(self, width=None, dark=False):
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        if width is None:
            self.devtools("Emulation.clearDeviceMetricsOverride")
        else:
            self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=780, deviceScaleFactor=1, mobile=True)

    def complaints(self):
        """What the console got since it was asked last: script errors, what the page's policy forbade, answers of 400 and more."""
        return [entry["message"] for entry in self.command("POST", "/se/log", {"type": "browser"}) if entry["level"] != "INFO"]

    def screenshot(self, name):
        """Written only where somebody wants to look: SLIPWAY_SCREENSHOTS names a directory."""
        place = os.environ.get("SLIPWAY_SCREENSHOTS")
        if place:
            Path(place).mkdir(parents=True, exist_ok=True)
            shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=True)["data"]
            (Path(place) / (name + ".png")).write_bytes(base64.b64decode(shot))
