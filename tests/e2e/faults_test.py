"""Faults that are the server's own: none makes a refusal of a good file, and all is well once they are over, without a restart."""
import os
import resource
import shutil
import subprocess
import time
import unittest
from pathlib import Path

from support import IRIS, Server, ServerCase, model_file, wait_for

ROOM = "12m"


def namespaces_work():
    probe = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    return probe.returncode == 0


class SmallDisk(Server):
    """Its data directory is a small tmpfs of its own, in a mount namespace."""

    def command(self):
        mount = f'mount -t tmpfs -o size={ROOM},mode=0700 none "$0" && exec "$@"'
        return ["unshare", "-m", "sh", "-c", mount, str(self.data), *super().command()]

    @property
    def seen(self):
        """The data directory as the server sees it."""
        return Path(f"/proc/{self.process.pid}/root{self.data}")

    def fill(self, leave):
        self.free()
        room = shutil.disk_usage(self.seen).free
        with open(self.seen / "filler", "wb") as file:
            file.write(b"\0" * max(0, room - leave))

    def free(self):
        (self.seen / "filler").unlink(missing_ok=True)

    def blobs(self):
        return sorted(os.listdir(self.seen / "blobs"))


@unittest.skipUnless(namespaces_work(), "needs the right to mount in a namespace")
class DiskFull(ServerCase):
    @classmethod
    def setUpClass(cls):
        cls.server = SmallDisk("--storage.free_bytes_min", "0", "--models.import_retry_ms", "100")
        cls.token = cls.server.register("ada@example.org")
        cls.key = cls.server.key(cls.token)
        cls.model = cls.server.upload(model_file(IRIS), cls.key).json
        assert cls.model["status"] == "ready", cls.model

    def setUp(self):
        self.addCleanup(self.server.free)

    def models(self):
        return self.server.call("GET", "/api/models", credential=self.key).json["items"]

    def predicts(self):
        return self.server.predict(self.model["id"], self.model["example"], self.key).status == 200

    def test_an_upload_that_does_not_fit_is_answered_507_and_leaves_nothing(self):
        before = self.server.blobs()
        self.server.fill(leave=300_000)
        answer = self.server.upload("big.pkl", self.key, content=b"\x80\x04" + b"x" * 3_000_000)
        document = self.problem(answer, 507)
        self.assertEqual(document["type"], "/errors/storage-full")
        self.assertTrue(self.predicts())
        self.server.free()
        self.assertTrue(wait_for(lambda: self.server.blobs() == before))
        self.assertEqual(len(self.models()), 1)
        again = self.server.upload(model_file(IRIS), self.key)
        self.assertEqual((again.status, again.json["status"]), (201, "ready"))
        self.assertEqual(self.server.call("DELETE", f"/api/models/{again.json['id']}", credential=self.key).status, 204)

    def test_whatever_little_room_there_was_all_that_was_taken_is_ready_once_there_is_more(self):
        taken = []
        for leave in (0, 4_096, 12_000, 20_000, 40_000, 80_000, 160_000, 320_000):
            self.server.fill(leave)
            answer = self.server.upload(model_file(IRIS), self.key)
            if answer.status == 201:
                self.assertIn(answer.json["status"], ("importing", "ready"), answer.json)
                if "reason" in answer.json:  # not where the disk was too full for that as well
                    self.assertIn("fault of the server, not of the file", answer.json["reason"])
                taken.append(answer.json["id"])
            else:
                self.problem(answer, 507)
            self.assertTrue(self.predicts())
            self.server.free()
            status = lambda id: self.server.call("GET", f"/api/models/{id}", credential=self.key).json["status"]
            self.assertTrue(wait_for(lambda: all(status(id) == "ready" for id in taken), 40), leave)
        self.assertEqual({m["id"] for m in self.models()} - {self.model["id"]}, set(taken))
        # No blob without a model: a file and an artifact each.
        self.assertTrue(wait_for(lambda: len(self.server.blobs()) == 2 * len(self.models())))
        for id in taken:
            self.assertEqual(self.server.call("DELETE", f"/api/models/{id}", credential=self.key).status, 204)
        self.assertEqual(len(self.server.blobs()), 2)


class OutOfDescriptors(ServerCase):
    flags = ("--models.import_retry_ms", "100")

    def test_what_was_taken_is_ready_once_there_are_descriptors_again(self):
        self.assertEqual(self.server.upload(model_file(IRIS), self.key).json["status"], "ready")
        pid = self.server.process.pid
        most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        self.addCleanup(lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, most))
        time.sleep(0.5)  # until the import's own are closed
        highest = max(map(int, os.listdir(f"/proc/{pid}/fd")))
        seen = set()
        for more in (3, 4, 5, 6):  # one is the connection's
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + more, most[1]))
            answer = self.server.upload(model_file(IRIS), self.key)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, most)
            if answer.status == 201:
                seen.add(answer.json["status"])
            else:
                self.problem(answer, 500)
            models = lambda: self.server.call("GET", "/api/models", credential=self.key).json["items"]
            self.assertTrue(wait_for(lambda: all(m["status"] == "ready" for m in models()), 30))
        self.assertLessEqual(seen, {"importing", "ready"})
        self.assertIn("importing", seen)  # else nothing was tried here


if __name__ == "__main__":
    unittest.main(verbosity=2)
