"""The bench's result as a page: sections of text and tables, kept as JSON, printed as Markdown, and with plots as docs/benchmarks/README.md.
    report.py FOLDER      writes FOLDER/README.md and its plots from FOLDER/results.json"""
import json
import sys
from pathlib import Path

import plot


def section(title, *parts):
    """Parts: a string is a paragraph, a table() a table."""
    return {"title": title, "parts": list(parts)}


def table(columns, rows):
    """Columns named with a leading '>' are numbers."""
    return {"columns": columns, "rows": [[str(cell) for cell in row] for row in rows]}


def markdown(one):
    """A section."""
    out = [f"## {one['title']}\n"]
    for part in one["parts"]:
        if isinstance(part, str):
            out.append(part + "\n")
            continue
        lines = ["| " + " | ".join(c.lstrip(">") for c in part["columns"]) + " |",
                 "| " + " | ".join("---:" if c.startswith(">") else "---" for c in part["columns"]) + " |"]
        lines += ["| " + " | ".join(row) + " |" for row in part["rows"]]
        out.append("\n".join(lines) + "\n")
    return "\n".join(out)


def heading(result):
    machine, how = result["machine"], result["how"]
    return (f"# slipway bench\n\n{result['date']}, commit {result['commit']}: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}. "
            f"Medians of {how['rounds']} rounds of {how['seconds']} s; rounds alternate between the contenders.\n")


def repeat(result):
    lines = ["## Repeat it\n", f"    {result['how']['command']}\n",
             "It installs what it needs (the other servers pinned, in virtual environments under `build/deps/peers`), takes about twenty minutes, and needs the machine "
             "for itself. `./dev bench` without `--peers` leaves the others out. This page and its plots are written by `bench/report.py` from `results.json`.\n"]
    if result.get("versions"):
        lines.append(markdown(section("Versions", table(["what", "version", "form"], result["versions"]))))
    return "\n".join(lines)


def write(result, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    page = [heading(result)]
    if (folder / "notes.md").exists():
        page.append("Where the time goes and why some goals are missed: [notes.md](notes.md).\n")
    plots = plot.write_all(result, folder)
    for one in result["sections"]:
        page.append(markdown(one))
        page += [f"![{title}]({name})\n" for name, title, after in plots if after == one["title"]]
    page.append(repeat(result))
    (folder / "README.md").write_text("\n".join(page))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    write(json.loads((target / "results.json").read_text()), target)
