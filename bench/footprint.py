"""How soon each server is there and what memory it takes."""
import time

import compare
from measure import CORES, median, placements, proportional_mb
from report import section, table


def measure(contenders, inputs, rounds):
    """Start until the first right answer, and memory after it, with the small model on all cores."""
    placement, out = placements()[-1], []
    for one in contenders:
        if isinstance(one, compare.Yardstick):
            continue
        seconds, memory = [], []
        for _ in range(rounds):
            try:
                begin = time.monotonic()
                took = one.start("rows", inputs, placement) or time.monotonic() - begin
                seconds.append(took)
                one.question("rows", inputs).check(one.url, one.title, one.expected("rows", inputs))
                time.sleep(1)
                memory.append(proportional_mb(one.pid()))
            finally:
                one.stop()
        out.append({"key": one.key, "title": one.title, "start_s": median(seconds), "memory_mb": median(memory)})
    return out


def shown(rows):
    ours = next(r for r in rows if r["key"] == "slipway")
    return section("Start and memory", f"With the small model, {len(CORES)} cores: until the first right answer; then, idle, memory of all its processes (shared pages once).",
                   table(["server", ">start s", ">memory MB", ">memory, slipway = 1"],
                         [[r["title"], f"{r['start_s']:.2f}", f"{r['memory_mb']:.0f}", f"{r['memory_mb'] / ours['memory_mb']:.1f}"] for r in rows]))
