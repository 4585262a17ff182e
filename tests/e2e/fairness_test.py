"""A key that floods beside one that asks now and then: over many connections, without waiting for answers, without taking notice of them."""
import json
import re
import socket
import threading
import time
import unittest

from support import IRIS, Server, ServerCase, model_file

ROW = {"instances": [[5.1, 3.5, 1.4, 0.2]]}


def request(model, key):
    body = json.dumps(ROW)
    return (f"POST /api/predict/{model} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


class Flood:
    """Each connection sends its requests one behind the other, all at once."""

    def __init__(self, server, model, key, connections, each):
        self.each, self.text = each, request(model, key)
        self.statuses, self.without_retry_after, self.lock = {}, 0, threading.Lock()
        self.threads = [threading.Thread(target=self.one, args=(server.port,)) for _ in range(connections)]
        for thread in self.threads:
            thread.start()

    def one(self, port):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
            threading.Thread(target=lambda: s.sendall(self.text * self.each), daemon=True).start()
            got, answers = b"", 0
            while answers < self.each:
                block = s.recv(65536)
                if not block:
                    break
                got += block
                while (end := got.find(b"\r\n\r\n")) >= 0:
                    head = got[:end]
                    length = int(re.search(rb"Content-Length: (\d+)", head).group(1))
                    if len(got) < end + 4 + length:
                        break
                    got = got[end + 4 + length:]
                    answers += 1
                    status = int(head[9:12])
                    with self.lock:
                        self.statuses[status] = self.statuses.get(status, 0) + 1
                        self.without_retry_after += status in (429, 503) and b"Retry-After: " not in head

    def finish(self):
        for thread in self.threads:
            thread.join()


class FairnessTest(ServerCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        token = cls.server.register("ada@example.org", cls.server.setup_token)
        cls.polite = cls.server.key(token)
        cls.flood = cls.server.key(token)
        cls.limited = cls.server.key(token, limits={"requests": {"amount": 1, "per": "hour"}})
        answer = cls.server.upload(model_file(IRIS), cls.polite)
        assert answer.status in (200, 201), answer.body
        cls.model = answer.json["id"]

    def held_back(self):
        text = self.server.request("GET", "/metrics").body.decode()
        return int(re.search(r"^slipway_http_held_back_total (\d+)", text, re.M).group(1))

    def ask_politely_until(self, flood):
        """Milliseconds of each answer, while the other's threads run."""
        times = []
        while any(t.is_alive() for t in flood.threads):
            begin = time.monotonic()
            answer = self.server.predict(self.model, ROW, self.polite)
            times.append((time.monotonic() - begin) * 1000)
            self.assertEqual(answer.status, 200, answer.body)
            time.sleep(0.01)
        flood.finish()
        return sorted(times)

    def test_a_caller_that_is_refused_and_takes_no_notice_is_answered_slowly_and_others_at_once(self):
        self.server.predict(self.model, ROW, self.limited)
        self.server.predict(self.model, ROW, self.polite)
        before, begin = self.held_back(), time.monotonic()
        flood = Flood(self.server, self.model, self.limited, connections=16, each=250)
        times = self.ask_politely_until(flood)
        took = time.monotonic() - begin
        self.assertEqual(flood.statuses, {429: 4000})
        self.assertEqual(flood.without_retry_after, 0)
        self.assertGreater(self.held_back() - before, 100)
        self.assertGreater(took, 0.8, "thousands of refusals a second are not held back")
        self.assertLess(times[len(times) // 2], 200, times)

    def test_a_caller_that_asks_for_much_loses_no_request_and_pushes_nobody_out(self):
        self.server.predict(self.model, ROW, self.flood)
        self.server.predict(self.model, ROW, self.polite)
        flood = Flood(self.server, self.model, self.flood, connections=32, each=400)
        times = self.ask_politely_until(flood)
        self.assertEqual(sum(flood.statuses.values()), 32 * 400)
        self.assertLessEqual(set(flood.statuses), {200, 503})
        self.assertEqual(flood.without_retry_after, 0)
        self.assertLess(times[len(times) // 2], 200, times)

    def test_a_stranger_without_a_valid_key_is_answered_slowly_and_others_at_once(self):
        self.server.predict(self.model, ROW, self.polite)
        before = self.held_back()
        flood = Flood(self.server, self.model, "nobody's", connections=16, each=250)
        times = self.ask_politely_until(flood)
        self.assertEqual(flood.statuses, {401: 4000})
        self.assertGreater(self.held_back() - before, 100)
        self.assertLess(times[len(times) // 2], 200, times)

    def test_a_caller_alone_is_never_held_back(self):
        time.sleep(1.2)  # the others' second is over
        before = self.held_back()
        flood = Flood(self.server, self.model, self.flood, connections=16, each=200)
        flood.finish()
        self.assertEqual(set(flood.statuses), {200})
        self.assertEqual(self.held_back(), before)


if __name__ == "__main__":
    unittest.main()
