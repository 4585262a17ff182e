"""PyTorch weights with the source of their class, over real HTTP: both files in one upload, the class by its field, and what is refused."""
import json
import unittest
import uuid

from support import CORPUS, ServerCase

CASES = CORPUS / "torch_source"


def close(got, want, scale=None):
    if scale is None:
        flat = []

        def walk(v):
            [walk(x) for x in v] if isinstance(v, list) else flat.append(abs(v))
        walk(want)
        scale = max(flat)
    if isinstance(want, list):
        return len(got) == len(want) and all(close(g, w, scale) for g, w in zip(got, want))
    return abs(got - want) <= 1e-5 * scale


class TorchSource(ServerCase):
    def upload_files(self, files, **fields):
        boundary = uuid.uuid4().hex
        body = b""
        for name, value in fields.items():
            body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, content in files:
            body += (f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
                     "Content-Type: application/octet-stream\r\n\r\n").encode() + content + b"\r\n"
        body += f"--{boundary}--\r\n".encode()
        return self.server.request("POST", "/api/models/upload?wait=true", body,
                                   {"Content-Type": f"multipart/form-data; boundary={boundary}", "Authorization": "Bearer " + self.key}, timeout=150)

    def files_of(self, case):
        return [(name, (CASES / case / name).read_bytes()) for name in json.loads((CASES / case / "files.json").read_text())["files"]]

    def test_weights_and_source_are_served(self):
        for case in ("lstm_embedding", "autoencoder", "vit", "vae", "legacy_module"):
            with self.subTest(case=case):
                uploaded = self.upload_files(self.files_of(case))
                self.assertEqual(uploaded.status, 201, uploaded.body[:600])
                answer = self.server.predict(uploaded.json["id"], (CASES / case / "input.json").read_bytes(), self.key)
                self.assertEqual(answer.status, 200, answer.body[:400])
                for output, values in json.loads((CASES / case / "expected.json").read_text()).items():
                    if output != "kind":
                        self.assertTrue(close(answer.json["outputs"][output], values), output)

    def test_the_class_is_a_field_of_the_form(self):
        uploaded = self.upload_files(self.files_of("gan_generator"), **{"class": "Generator"})
        self.assertEqual(uploaded.status, 201, uploaded.body[:600])
        wrong = self.upload_files(self.files_of("gan_generator"), **{"class": "Discriminator"})
        self.assertEqual(wrong.status, 422)
        self.assertIn("Discriminator", wrong.json["detail"])

    def test_weights_alone_are_told_what_is_missing(self):
        refused = self.upload_files(self.files_of("mnist_cnn")[:1])
        self.assertEqual(refused.status, 422)
        for words in ("conv1.weight 4×1×3×3", "8 tensors", "source", "torch.jit.save"):
            self.assertIn(words, refused.json["detail"])

    def test_the_source_of_another_network_is_refused(self):
        files = self.files_of("mnist_cnn")[:1] + self.files_of("dqn")[1:]
        refused = self.upload_files(files)
        self.assertEqual(refused.status, 422)
        self.assertIn("no class of the source fits", refused.json["detail"])

    def test_what_the_source_would_do_is_not_done(self):
        weights, (name, source) = self.files_of("dqn")
        hostile = b"import os\nos.system('rm -rf /tmp/nothing')\n" + source
        self.assertEqual(self.upload_files([weights, (name, hostile)]).status, 201)
        forward = source.replace(b"x = F.relu(self.layer1(x))", b"os.remove('x'); x = F.relu(self.layer1(x))")
        refused = self.upload_files([weights, (name, b"import os\n" + forward)])
        self.assertEqual(refused.status, 422)
        self.assertIn("os.remove", refused.json["detail"])
        self.assertIn("line", refused.json["detail"])

    def test_sources_that_would_never_end_are_refused(self):
        weights = self.files_of("dqn")[0]
        head = "import torch.nn as nn\nclass DQN(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        for body, words in (("l = []\n        l.append(l)\n        str(l)", "holds itself"), ("while True:\n            pass", "turns"),
                            ("self.__init__()", "deep"), ("l = [0]\n        for i in range(99):\n            l = l + l", "1000000 items")):
            with self.subTest(body=body):
                source = head + "        " + body + "\n    def forward(self, x):\n        return x\n"
                refused = self.upload_files([weights, ("net.py", source.encode())])
                self.assertEqual(refused.status, 422, refused.body[:300])
                self.assertIn(words, refused.json["detail"])


if __name__ == "__main__":
    unittest.main()
