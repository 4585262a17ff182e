"""SIGTERM: readiness goes first, then the listening socket, then what runs is finished, then the process, with 0."""
import http.client
import json
import signal
import socket
import time
import unittest

from support import IRIS, Server, model_file, wait_for


class Drain(unittest.TestCase):
    def serve(self, notice_ms, timeout_ms):
        server = Server("--server.drain_notice_ms", str(notice_ms), "--server.drain_timeout_ms", str(timeout_ms))
        self.addCleanup(server.close)
        self.key = server.key(server.register("ada@example.org"))
        self.model = server.upload(model_file(IRIS), self.key).json
        return server

    def half_a_request(self, server):
        """A prediction whose body has come to its middle; answers the socket and the rest."""
        body = json.dumps(self.model["example"]).encode()
        head = (f"POST /api/predict/{self.model['id']} HTTP/1.1\r\nHost: x\r\nX-API-Key: {self.key}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        self.addCleanup(connection.close)
        connection.sendall(head + body[: len(body) // 2])
        time.sleep(0.2)
        return connection, body[len(body) // 2:]

    def refused(self, server):
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
        except ConnectionRefusedError:
            return True
        return False

    def test_readiness_goes_first_then_the_socket_then_what_runs_then_the_process(self):
        server = self.serve(1500, 20000)
        self.assertEqual(server.call("GET", "/readyz").status, 200)
        running, rest = self.half_a_request(server)
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        self.assertTrue(wait_for(lambda: server.call("GET", "/readyz").status == 503, 1))
        ready = server.call("GET", "/readyz")
        self.assertEqual(ready.json["status"], "draining")
        self.assertEqual(server.call("GET", "/healthz").status, 200)  # it lives: no reason to kill it
        # Within the notice new connections are taken and served; their answers ask the client to go elsewhere next time.
        answer = server.predict(self.model["id"], self.model["example"], self.key)
        self.assertEqual((answer.status, answer.headers.get("connection")), (200, "close"))
        self.assertTrue(wait_for(lambda: self.refused(server), 10))
        self.assertGreaterEqual(time.monotonic() - begun, 1.4)
        time.sleep(0.3)
        self.assertIsNone(server.process.poll())  # a request is still running
        running.sendall(rest)
        answer = http.client.HTTPResponse(running)
        answer.begin()
        self.assertEqual((answer.status, answer.getheader("Connection")), (200, "close"))
        self.assertEqual(len(json.loads(answer.read())["predictions"]), 1)
        self.assertEqual(server.process.wait(timeout=10), 0)

    def test_what_never_ends_is_waited_for_no_longer_than_the_setting_says(self):
        server = self.serve(0, 700)
        self.half_a_request(server)
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(timeout=15), 0)
        self.assertGreaterEqual(time.monotonic() - begun, 0.6)

    def test_without_connections_it_ends_right_after_the_notice(self):
        server = self.serve(300, 20000)
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(timeout=15), 0)
        self.assertGreaterEqual(time.monotonic() - begun, 0.3)
        self.assertLess(time.monotonic() - begun, 10)

    def test_a_second_signal_waits_for_nothing(self):
        server = self.serve(60000, 20000)
        server.process.send_signal(signal.SIGTERM)
        self.assertTrue(wait_for(lambda: server.call("GET", "/readyz").status == 503, 2))
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(timeout=5), 128 + signal.SIGTERM)


if __name__ == "__main__":
    unittest.main(verbosity=2)
