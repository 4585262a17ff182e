"""The small form of bench/endurance.py: many models in little memory, and a model whose process is killed again and again."""
import os
import random
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support import CORPUS, IRIS, ServerCase, children, measures_memory, model_file, wait_for


def resident(pid):
    """Proportional share: what is common to several processes is counted once in their sum."""
    try:
        return int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M).group(1)) * 1024
    except (OSError, AttributeError):
        return 0  # gone meanwhile


class ManyModels(ServerCase):
    BUDGET = 24 << 20
    flags = ("--inference.memory_bytes", str(BUDGET))

    def resident_of_cells(self):
        return sum(resident(cell) for launcher in children(self.server.process.pid) for cell in children(launcher))

    @measures_memory
    def test_no_request_is_lost_and_memory_stays_at_the_budget_when_few_of_many_models_fit(self):
        kinds = [model_file(IRIS), model_file(CORPUS / "sklearn" / "1.9.1" / "forest_multi")]
        models = [self.server.upload(kinds[i % 2], self.key).json for i in range(20)]
        expected = {m["id"]: self.server.predict(m["id"], m["example"], self.key).json["predictions"] for m in models[:2]}
        by_kind = [expected[m["id"]] for m in models[:2]]
        end, seen, over = time.monotonic() + 5, [], threading.Event()

        def watch():
            while not over.wait(0.1):
                seen.append(self.resident_of_cells())

        def call(seed):
            draw, wrong, asked = random.Random(seed), [], 0
            while time.monotonic() < end:
                i = min(int(draw.paretovariate(0.5)) - 1, 1000) % 20
                answer = self.server.predict(models[i]["id"], models[i]["example"], self.key)
                asked += 1
                if answer.status != 200 or answer.json["predictions"] != by_kind[i % 2]:
                    wrong.append((i, answer.status, answer.body[:300]))
            return wrong, asked

        watcher = threading.Thread(target=watch)
        watcher.start()
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(call, range(8)))
        over.set()
        watcher.join()
        self.assertEqual([w for wrong, _ in results for w in wrong], [])
        self.assertGreater(sum(asked for _, asked in results), 50)
        if max(seen) == 0:
            self.skipTest("this user may not read what the cells need")
        self.assertLessEqual(max(seen), 1.1 * self.BUDGET)
        metrics = self.server.request("GET", "/metrics").body.decode()
        self.assertGreater(int(re.search(r"^slipway_model_unloads_total (\d+)", metrics, re.M).group(1)), 20, "they did not all fit")


class Kills(ServerCase):
    def test_kills_from_outside_cost_what_runs_and_never_the_model_nor_anybody_else(self):
        victim = self.server.upload(model_file(IRIS), self.key).json
        other = self.server.upload(model_file(CORPUS / "sklearn" / "1.9.1" / "forest_multi"), self.key).json
        over, seen = threading.Event(), {victim["id"]: [], other["id"]: []}
        callers = 2

        def hammer(model):
            while not over.is_set():
                answer = self.server.predict(model["id"], model["example"], self.key)
                seen[model["id"]].append((answer.status, answer.body[:200]))

        threads = [threading.Thread(target=hammer, args=(model,)) for model in (victim, other) for _ in range(callers)]
        for thread in threads:
            thread.start()
        runtime = lambda: self.server.call("GET", f"/api/models/{victim['id']}", credential=self.key).json["runtime"]
        kills, end = 0, time.monotonic() + 5
        while time.monotonic() < end:
            pid = runtime()["pid"]
            if pid > 0:
                os.kill(pid, signal.SIGKILL)
                kills += 1
            time.sleep(0.2)
        over.set()
        for thread in threads:
            thread.join()
        self.assertGreaterEqual(kills, 8)
        self.assertEqual({a for a in seen[other["id"]] if a[0] != 200}, set())
        lost = [a for a in seen[victim["id"]] if a[0] != 200]
        self.assertEqual([a for a in lost if a[0] != 503 or b"ended while it ran" not in a[1]], [])
        self.assertLessEqual(len(lost), kills * callers)
        self.assertGreater(len(seen[victim["id"]]) - len(lost), kills, "it was there between the kills")
        self.assertTrue(wait_for(lambda: runtime()["crashes"] >= kills))
        self.assertEqual(runtime()["quarantine"], "")
        self.assertEqual(self.server.predict(victim["id"], victim["example"], self.key).status, 200)

    def test_a_model_that_crashes_by_itself_still_gets_a_rest(self):
        model = self.server.upload(model_file(IRIS), self.key).json
        for _ in range(3):
            self.assertEqual(self.server.predict(model["id"], model["example"], self.key).status, 200)
            before = self.server.call("GET", f"/api/models/{model['id']}", credential=self.key).json["runtime"]
            os.kill(before["pid"], signal.SIGSEGV)
            now = lambda: self.server.call("GET", f"/api/models/{model['id']}", credential=self.key).json["runtime"]
            self.assertTrue(wait_for(lambda: now()["crashes"] > before["crashes"]))
        resting = self.server.predict(model["id"], model["example"], self.key)
        self.problem(resting, 503)
        self.assertIn("retry-after", resting.headers)


if __name__ == "__main__":
    import unittest

    unittest.main(verbosity=2)
