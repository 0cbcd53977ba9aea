"""From the raw records of a run to tables: all figures for benches/record/, the ratios for docs/performance.md, and its picture.

  report.py benches/record/2026-11-22-2717de2.jsonl     writes the tables and the picture of that run again
"""

import json
import sys
from pathlib import Path
from statistics import median

import chart
from workload import Workload, is_quiet

ROOT = Path(__file__).resolve().parent.parent.parent
RECORD = ROOT / "benches" / "record"
DOCUMENT = ROOT / "docs" / "performance.md"
PICTURE = DOCUMENT.with_suffix(".svg")
CAPTION = "Time, or memory, of the best peer as a multiple of Tessera's"
BEGIN, END = "<!-- figures: written by benches/peers/report.py -->", "<!-- end of figures -->"


class Row:
    """What was measured of one case: the records of each implementation, round by round."""

    def __init__(self, workload: Workload, label: dict):
        self.workload, self.label = workload, label
        self.records: dict[str, list[dict]] = {}

    @property
    def own(self) -> str | None:
        """Tessera's first form, or none where it was left out."""
        return next((name for name in self.workload.forms if name in self.records), None)

    @property
    def peers(self) -> list[str]:
        return [name for name in self.records if name in self.workload.peers]

    def values(self, name: str) -> list[float]:
        return [value for record in self.records[name] for value in self.workload.values(record)]

    def median(self, name: str) -> float:
        return self.workload.scale * median(self.values(name))

    def ratio(self, name: str) -> float | None:
        """How many times Tessera's figure this one's is: the median over the rounds, each of which has both."""
        if self.own is None:
            return None
        by_round = lambda of: {r["round"]: median(self.workload.values(r)) for r in self.records[of]}
        own = by_round(self.own)
        return median(value / own[turn] for turn, value in by_round(name).items() if turn in own)

    def fastest(self) -> str | None:
        """The peer that comes closest."""
        return min(self.peers, key=self.ratio, default=None) if self.own else None


def rows_of(lines: list[dict], workload: Workload) -> list[Row]:
    """A workload's rows, in the order of its cases."""
    rows: dict[str, Row] = {}
    for record in lines[1:]:
        if record["workload"] == workload.name:
            label = {**record["case"], **{key: record[key] for key in workload.keys}}
            row = rows.setdefault(json.dumps(label), Row(workload, label))
            row.records.setdefault(record["impl"], []).append(record)
    return list(rows.values())


def figure(value: float) -> str:
    """Three significant digits, without an exponent."""
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:,.{digits}f}"


def spelled(workload: Workload, case: dict) -> str:
    """A case in a few words."""
    words = {"points": lambda v: f"{v:,} {workload.counted}", "threads": lambda v: f"{v} thread" + "s" * (v != 1)}
    return ", ".join(words.get(name, named)(value) for name, value in case.items())


def named(value) -> str:
    return str(value).replace("_", "-")


def table(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def quiet(records: list[dict]) -> tuple[int, int]:
    """How many samples were quiet, and how many there are."""
    samples = [is_quiet(s, record["threads"]) for record in records for s in record.get("samples", [])]
    return sum(samples), len(samples)


def versions(lines: list[dict]) -> str:
    return ", ".join(dict.fromkeys(record["version"] for record in lines[1:]))


def details(row: Row) -> list[list[str]]:
    """A line for each implementation, with everything."""
    body = []
    for name, records in row.records.items():
        ratio = row.ratio(name)
        body.append([
            *(str(value) for value in row.label.values()), name, figure(row.median(name)), figure(row.workload.scale * min(row.values(name))),
            "–" if ratio is None else f"{figure(ratio)}×",
            *(f"{median(r[key] for r in records):{form}}" if key in records[0] else "–" for key, form in (("first_s", ".3f"), ("peak_mib", ".0f"))),
            "/".join(map(str, quiet(records))),
        ])  # fmt: skip
    return body


def markdown(lines: list[dict], workloads: list[Workload]) -> str:
    """Everything that was measured, as Markdown."""
    run = lines[0]
    parts = [f"{run['machine']}; {run['date']}, commit {run['commit']}.\nVersions: {versions(lines)}; Python {run['python']}."]
    for workload in workloads:
        if rows := rows_of(lines, workload):
            head = [*rows[0].label, "program", workload.unit, "best", "to tessera's", "first call s", "peak MiB", "quiet samples"]
            parts.append(f"**{workload.title}** (`{workload.name}`)\n\n{table(head, [line for row in rows for line in details(row)])}")
    return "\n\n".join(parts)


def ratios(rows: list[Row]) -> str:
    """A line for each case: Tessera's figure, and how many times that each peer's is."""
    workload = rows[0].workload
    forms = [name for name in workload.forms if any(name in row.records for row in rows)]
    peers = [name for name in workload.peers if any(name in row.records for row in rows)]
    limited = any("limit" in row.records for row in rows)
    head = [*(workload.counted if name == "points" else name for name in rows[0].label), *(f"{name}, {workload.unit}" for name in forms), *(["share of peak"] if limited else []), *peers]
    body = []
    for row in rows:
        share = [f"{100 * row.ratio('limit'):.0f} %" if "limit" in row.records else "–"] if limited else []
        own = [figure(row.median(name)) if name in row.records else "–" for name in forms]
        times = [f"{figure(row.ratio(name))}×" if name in row.records else "–" for name in peers]
        label = [f"{v:,}" if isinstance(v, int) else named(v) for v in row.label.values()]
        body.append([*label, *own, *share, *times])
    return table(head, body)


def bars(rows: list[Row]) -> list[chart.Bar]:
    """The picture's bars of a workload: of cases that differ in threads alone the one with the most."""
    case = lambda row: json.dumps({**row.label, "threads": None})
    most = {case(row): row for row in sorted(rows, key=lambda row: row.label["threads"])}
    shown = [row for row in rows if row is most[case(row)] and row.fastest()]
    options = [name for name in rows[0].label if name != "threads"]
    differ = [name for name in options if len({str(row.label[name]) for row in shown}) > 1] or options
    label = lambda row: spelled(row.workload, {name: row.label[name] for name in differ})
    return [chart.Bar(label(row), row.ratio(row.fastest()), row.fastest()) for row in shown]


def save(lines: list[dict]) -> Path:
    """Writes the raw record of a run; where it is."""
    path = RECORD / f"{lines[0]['date']}-{lines[0]['commit']}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def keep(lines: list[dict], workloads: list[Workload]) -> None:
    """Writes the record of a run, the figures of docs/performance.md and its picture."""
    run, path = lines[0], save(lines)
    path.with_suffix(".md").write_text(f"# Benchmarks, {run['date']}\n\nColumns: `benches/README.md`.\n\n{markdown(lines, workloads)}\n")
    measured = [rows for workload in workloads if (rows := [row for row in rows_of(lines, workload) if row.own])]
    tables = "\n\n".join(f"**{rows[0].workload.title}** (`{rows[0].workload.name}`)\n\n{ratios(rows)}" for rows in measured)
    of_samples = "{} of {} samples were quiet".format(*quiet(lines[1:]))
    source = f"From [this record](../{path.with_suffix('.md').relative_to(ROOT)}): {run['machine']}; {run['date']}, commit {run['commit']}; {versions(lines)}; {of_samples}."
    before, rest = DOCUMENT.read_text().split(BEGIN)
    _, after = rest.split(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n![{CAPTION}]({PICTURE.name})\n\n{source}\n\n{tables}\n\n{END}{after}")
    groups = [(rows[0].workload.title, shown) for rows in measured if (shown := bars(rows))]
    PICTURE.write_text(chart.picture(CAPTION, groups))


def main() -> None:
    """Writes the tables of a kept run again."""
    import compare

    lines = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    keep(lines, [compare.load(name) for name in compare.WORKLOADS])


if __name__ == "__main__":
    main()
