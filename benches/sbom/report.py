"""The figures as Markdown tables, between two marks in docs/benchmarks.md."""

import re

from jobs import TABLES
from place import PINS, REPOSITORY, say

PAGE = REPOSITORY / "docs" / "benchmarks.md"
BEGIN = "<!-- written by `benches/sbom/run report`: begin -->"
END = "<!-- end -->"
NAMES = {"cargo": "Rust", "golang": "Go", "pypi": "Python"}


def write(scores, times):
    text = PAGE.read_text()
    if BEGIN not in text or END not in text:
        raise RuntimeError(f"{PAGE} has no marks")
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    PAGE.write_text("\n".join([before + BEGIN, "", *tables(scores, times), END + after]))
    say(f"written: {PAGE}")


def tables(scores, times):
    versions = (f"{name} {pin['version'].removeprefix('v')}" for name, pin in PINS["peers"].items())
    yield f"Peers: {', '.join(versions)}."
    yield ""
    for table, title in TABLES.items():
        rows = of_table(scores, table)
        if rows:
            yield f"**{title}**: what is right"
            yield ""
            yield from what_is_right(rows)
            yield ""
        rows = of_table(times, table)
        if rows:
            yield f"**{title}**: time and memory"
            yield ""
            yield from how_fast(rows)
            yield ""


def of_table(figures, table):
    """Tree by tree, prov first."""
    trees = list(PINS["trees"])

    def order(key):
        tree, _, tool = key.split("/")
        return (trees.index(tree), tool != "prov", tool)

    return {key: figures[key] for key in sorted(figures, key=order) if key.split("/")[1] == table}


def what_is_right(rows):
    yield "| tree | tool | recall | precision | edges: recall | edges: precision | from root | reachable | purl | licences | hashes | twice | schema faults | sbomaudit |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    for key, row in rows.items():
        tree, _, tool = key.split("/")
        if "failed" in row:
            yield f"| {tree} | {tool} | failed: no document |" + " |" * 11
            continue
        by = {NAMES[kind]: value for kind, value in row["licences_by"].items() if value is not None}
        licences = ", ".join(f"{name} {share(value)}" for name, value in by.items())
        if row["licences_evident"] != row["licences"]:
            licences += f"; with evidence {share(row['licences_evident'])}"
        cells = [
            tree, tool, f"{share(row['recall'])} of {row['truth']}", f"{share(row['precision'])} of {row['components']}",
            share(row["edges_recall"]), share(row["edges_precision"]), row["root_edges"], share(row["reachable"]),
            share(row["purl"]), licences, share(row["hashes"]), row["duplicates"],
            "not judged" if row["faults"] is None else row["faults"],
            "not judged" if row["sbomaudit"] is None else "{} of {}".format(row["sbomaudit"][0], sum(row["sbomaudit"])),
        ]
        yield f"| {' | '.join(map(str, cells))} |"


def how_fast(rows):
    yield "| tree | tool | wall time | CPU time | peak memory | wall ÷ prov's | CPU ÷ prov's |"
    yield "|---|---|---|---|---|---|---|"
    for key, row in rows.items():
        tree, table, tool = key.split("/")
        prov = rows.get(f"{tree}/{table}/prov")
        ratio = lambda name: f"{row[name] / prov[name]:.1f}" if prov and tool != "prov" else "1"
        cells = [
            tree, tool, seconds(row["wall"]), seconds(row["cpu"]), f"{row['memory'] / 1e6:.0f} MB",
            ratio("wall"), ratio("cpu"),
        ]
        yield f"| {' | '.join(cells)} |"


def share(value):
    if value is None:
        return "–"
    # Rounded down, so that only what is whole is 100 %.
    return f"{int(value * 1000) / 10:g} %"


def seconds(value):
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def audit(text):
    """The summary of sbomaudit: checks passed and failed."""
    found = [re.search(rf"Checks {word} (\d+)", text) for word in ("passed", "failed")]
    return [int(each.group(1)) for each in found] if all(found) else None
