"""Horizontal bars as SVG, one file a comparison; bars of very different length are drawn on a logarithmic scale."""
import math
from html import escape

WIDTH, LABEL, BAR, GAP, TOP = 760, 270, 18, 8, 46
OURS, OTHERS, YARDSTICK = "#1f6feb", "#9aa4b2", "#d0d7de"
YARDSTICKS = {"echo", "http_echo", "loop"}


def bars(path, title, unit, rows):
    """rows: (key, label, value)"""
    values = [value for _, _, value in rows]
    logarithmic = max(values) / min(values) > 20
    floor = 10 ** math.floor(math.log10(min(values))) if logarithmic else 0
    room = WIDTH - LABEL - 90

    def length(value):
        if logarithmic:
            return room * math.log10(max(value / floor, 1.02)) / math.log10(max(values) / floor)
        return room * value / max(values)
    height = TOP + len(rows) * (BAR + GAP) + 8
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
           f'<text x="8" y="18" font-size="14" font-weight="bold">{escape(title)}</text>',
           f'<text x="8" y="35" fill="#57606a">{escape(unit)}{", logarithmic scale" if logarithmic else ""}</text>']
    for i, (key, label, value) in enumerate(rows):
        y = TOP + i * (BAR + GAP)
        colour = OURS if key == "slipway" else YARDSTICK if key in YARDSTICKS else OTHERS
        shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        out += [f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(label)}</text>',
                f'<rect x="{LABEL}" y="{y}" width="{length(value):.1f}" height="{BAR}" fill="{colour}"/>',
                f'<text x="{LABEL + length(value) + 6:.1f}" y="{y + 13}">{shown}</text>']
    path.write_text("\n".join([*out, "</svg>\n"]))


def write_all(result, folder):
    """(file, title, title of the section that it belongs to), of every comparison and of starts and memory"""
    made = []

    def draw(name, title, unit, rows, after):
        if len(rows) > 1:
            bars(folder / name, title, unit, rows)
            made.append((name, title, after))
    for c in result.get("comparisons", []):
        name = f"{c['task']}-{c['placement']}-{c['connections']}"
        if c["connections"] == 1:
            rows = [(r["key"], r["title"], r["p50_ms"]) for r in c["rows"] if r["p50_ms"]]
            draw(f"{name}.svg", c["title"], "median milliseconds, less is better", sorted(rows, key=lambda r: r[2]), c["section"])
        else:
            rows = [(r["key"], r["title"], r["rate"]) for r in c["rows"]]
            draw(f"{name}.svg", c["title"], "requests a second, more is better", sorted(rows, key=lambda r: -r[2]), c["section"])
    for field, unit in (("memory_mb", "MB, idle after a first answer"), ("start_s", "seconds from the start to the first right answer")):
        rows = [(r["key"], r["title"], r[field]) for r in result.get("footprint", [])]
        draw(f"{field}.svg", {"memory_mb": "Memory", "start_s": "Start"}[field], unit + ", less is better", sorted(rows, key=lambda r: r[2]), "Start and memory")
    return made
