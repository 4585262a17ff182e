"""The gRPC port of the real program: where it is, when there is none, and how it ends. What is said on it is tested in src/platform/rpc, and by
the real clients in tools/clients."""
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from support import PROGRAM, Server

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"  # an empty SETTINGS frame


def speaks_http2(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        s.sendall(PREFACE)
        head = s.recv(9)
        return len(head) == 9 and head[3] == 4  # the server's SETTINGS


class Grpc(unittest.TestCase):
    def serve(self, *flags, **more):
        server = Server(*flags, **more)
        self.addCleanup(server.close)
        return server

    def taken(self):
        """A port that somebody has, with a free one before it."""
        while True:
            holder = socket.socket()
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            try:
                with socket.socket() as free:
                    free.bind(("127.0.0.1", port - 1))
            except OSError:
                holder.close()
                continue
            self.addCleanup(holder.close)
            return port

    def test_it_is_told_and_answers(self):
        server = self.serve()
        self.assertTrue(speaks_http2(server.grpc_port))
        self.assertEqual(server.call("GET", "/readyz").status, 200)

    def test_it_can_be_off(self):
        self.assertIsNone(self.serve("--server.grpc_listen", "off").grpc_port)

    def test_a_taken_port_by_default_is_no_reason_not_to_serve(self):
        port = self.taken()
        server = self.serve(listen=f"127.0.0.1:{port - 1}")
        self.assertIsNone(server.grpc_port)
        self.assertEqual(server.call("GET", "/readyz").status, 200)
        self.assertIn("grpc.not_served", server.log_text())
        self.assertIn(f"127.0.0.1:{port}", server.log_text())

    def test_a_taken_port_that_was_asked_for_is(self):
        port = self.taken()
        with tempfile.TemporaryDirectory() as data:
            ended = subprocess.run([str(PROGRAM), "serve", "--listen", "127.0.0.1:0", "--data", data + "/d", "--server.grpc_listen", f"127.0.0.1:{port}"],
                                   capture_output=True, text=True, timeout=60,
                                   env={k: v for k, v in os.environ.items() if not k.startswith("SLIPWAY_")})
        self.assertEqual(ended.returncode, 1, ended)
        self.assertIn("server.grpc_listen", ended.stderr)
        self.assertIn(f"127.0.0.1:{port}", ended.stderr)

    def test_a_mute_connection_holds_up_the_end_no_longer_than_the_drain_may_last(self):
        server = self.serve("--server.drain_timeout_ms", "1s")
        with socket.create_connection(("127.0.0.1", server.grpc_port), timeout=20) as s:
            s.sendall(PREFACE)
            s.recv(9)
            begun = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(timeout=60), 0)
            self.assertLess(time.monotonic() - begun, 15)


if __name__ == "__main__":
    unittest.main()
