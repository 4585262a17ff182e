"""What a person meets first: how soon the server is there, what it takes when idle, how long the first prediction takes."""
import json
import time

from measure import HERE, call_json, median, proportional_mb, resident_mb
from report import section, table


def cold_prediction(server, key, model):
    """Milliseconds of the first prediction after a start, and of the second."""
    body = (HERE / "models" / "breast_cancer_row.json").read_bytes()
    times = []
    for _ in range(2):
        begin = time.monotonic()
        answer = call_json(f"{server.url}/api/predict/{model}", body, key=key)
        times.append((time.monotonic() - begin) * 1000)
    expected = json.loads((HERE / "models" / "breast_cancer_answer.json").read_text())
    got = answer["predictions"][0]
    if got["label"] != expected["label"] or any(abs(a - b) > 1e-9 * abs(b) for a, b in zip(got["probabilities"], expected["probabilities"])):
        raise SystemExit(f"bench: the model answers {got}, scikit-learn {expected}")
    return times


def measure(server, key, model, first_start):
    starts, colds, warms = [], [], []
    for i in range(3):
        server.stop()
        starts.append(server.start())
        if i == 0:
            time.sleep(1)
            rss, pss = resident_mb(server.process.pid), proportional_mb(server.process.pid)
        cold, warm = cold_prediction(server, key, model)
        colds.append(cold)
        warms.append(warm)
    return section("slipway alone", table(["what", ">measured", ">goal"], [
        ["first start (makes keys and database), until ready", f"{first_start * 1000:.0f} ms", ""],
        ["start, until ready", f"{median(starts) * 1000:.0f} ms", "< 500 ms"],
        ["idle server, resident", f"{rss:.1f} MB", "< 60 MB"],
        ["idle server and launcher, proportional", f"{pss:.1f} MB", ""],
        ["first prediction of a cold small model", f"{median(colds):.1f} ms", "< 100 ms"],
        ["the second", f"{median(warms):.1f} ms", ""]]))
