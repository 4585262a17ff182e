"""What was promised, beside what was reached."""
from report import section, table

OTHERS = {"fastapi_sklearn": 20, "fastapi_ort": 6, "mlserver": 100, "mlflow": 100, "bentoml": 100, "litserve": 100, "triton": 2.5}


def find(result, task, placement, connections):
    for c in result["comparisons"]:
        if (c["task"], c["placement"], c["connections"]) == (task, placement, connections):
            return {r["key"]: r for r in c["rows"]}
    return {}


def goals():
    """(what, task, connections, of whom, quantity, at least or at most, goal)"""
    out = [("small model, 64 connections: requests/s, of the bare echo's", "rows", 64, "echo", "rate", ">=", 0.6)]
    out += [("small model, 64 connections: times as fast as {}", "rows", 64, key, "rate", ">=", goal) for key, goal in OTHERS.items()]
    out += [("small model, 1 connection: p50, of {}'s", "rows", 1, key, "p50_ms", "<=", goal) for key, goal in (("echo", 1.5), ("triton", 0.7))]
    out += [("forest, 64 connections: times as fast as {}", "forest", 64, key, "rate", ">=", goal) for key, goal in (("triton", 2), ("fastapi_sklearn", 100))]
    out += [("image, 8 connections: runs/s, of {}", "image", 8, "loop", "rate", ">=", 0.95)]
    out += [("image, 8 connections: times as fast as {}", "image", 8, key, "rate", ">=", 1) for key in (*OTHERS, "triton_python") if key != "fastapi_sklearn"]
    return out


def reached(result, goal, placement):
    """None where it was not measured."""
    _, task, connections, key, quantity, _, _ = goal
    rows = find(result, task, placement, connections)
    return rows["slipway"][quantity] / rows[key][quantity] if key in rows and "slipway" in rows else None


def shown(result, titles):
    names = list(dict.fromkeys(c["placement"] for c in result["comparisons"]))
    titles = {**titles, "loop": "the in-process loop"}
    rows = []
    for goal in [g for g in goals() if g[3] in titles and g[1] in {c["task"] for c in result["comparisons"]}]:
        text, _, _, key, _, sense, wanted = goal
        values = [reached(result, goal, name) for name in names]
        cells = []
        for value in values:
            met = value is not None and (value >= wanted if sense == ">=" else value <= wanted)
            cells.append("not measured" if value is None else f"{value:.3g} {'✓' if met else '✗'}")
        rows.append([text.format(titles[key]), f"{sense} {wanted:g}", *cells])
    heads = {"apart": ">reached, cores apart", "shared": ">reached, cores shared"}
    return section("Goals", table(["what", ">goal", *(heads[name] for name in names)], rows))
