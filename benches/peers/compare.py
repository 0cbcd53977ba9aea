"""Tessera and its peers side by side: the same inputs, the same answers, then the times.

Runs every implementation in a process of its own, one after the other, and that whole round several times (A B C A B C …), so that a
machine that slows down slows everybody down. Gives no times where the answers differ. Prints Markdown; says on standard error how far it is.
Interrupted, it prints the cases it has ended; with --record their raw figures are kept, of which report.py makes the tables.

  compare.py                                        every workload, all its cases
  compare.py --quick                                every workload, one or two cases each
  compare.py --workload pinn_step --case points=1000,10000 dtype=f64
  compare.py --peers-only                           without Tessera
"""

import argparse
import datetime
import importlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import measure
import report
from workload import Workload, product

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TIMEOUT_S = 300
# In the order of the run and of the report, the most important first. Each is a file here that declares `WORKLOAD`.
WORKLOADS = ["pinn_step", "compile", "memory", "attention", "hvp", "matmul", "factor", "reduce", "elementwise", "small_call", "small_solve", "bratu"]


def arguments() -> argparse.Namespace:
    names = lambda text: text.split(",")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", type=names, default=WORKLOADS, help=f"of {', '.join(WORKLOADS)}")
    parser.add_argument("--quick", action="store_true", help="few cases, one round")
    parser.add_argument("--case", nargs="+", metavar="NAME=VALUE,…", help="these options instead of the workload's own cases")
    parser.add_argument("--impl", type=names, help="which peers (default: all that are installed)")
    parser.add_argument("--rounds", type=int, help="times that all programs of a case are run")
    parser.add_argument("--samples", type=int, default=7, help="in one process")
    parser.add_argument("--peers-only", action="store_true")
    parser.add_argument("--record", action="store_true", help="keep the figures in benches/record/ and bring docs/performance.md up to date")
    return parser.parse_args()


def load(name: str) -> Workload:
    """The declaration in the file of a workload."""
    if not (HERE / f"{name}.py").exists():
        raise SystemExit(f"error: --workload must be of {', '.join(WORKLOADS)}, got {name}")
    return importlib.import_module(name).WORKLOAD


def cases_of(workload: Workload, args: argparse.Namespace) -> list[dict]:
    """The cases to run: on a machine with fewer cores than a case has threads it is left out."""
    cases = workload.quick if args.quick else workload.cases
    if args.case:
        options = dict(word.split("=", 1) for word in args.case)
        if unknown := options.keys() - cases[0].keys():
            raise SystemExit(f"error: --case must name options of {workload.name} ({', '.join(cases[0])}), got {', '.join(unknown)}")
        chosen = {name: [type(value)(word) for word in options[name].split(",")] if name in options else [value] for name, value in cases[0].items()}
        cases = product(**chosen)
    return [case for case in cases if case["threads"] <= len(os.sched_getaffinity(0))]


def rounds(args: argparse.Namespace, workload: Workload, case: dict) -> int:
    """How many times all programs of a case are run."""
    return args.rounds or (1 if args.quick else workload.rounds(case))


def build(names: set[str]) -> Path:
    """Builds Tessera's own programs; the folder where they are."""
    cargo = ["cargo", "build", "--release", "--locked", "--quiet", "-p", "tessera-bench"]
    print("building Tessera's programs", file=sys.stderr)
    if subprocess.run([*cargo, *(word for name in sorted(names) for word in ("--bin", name))], cwd=ROOT).returncode:
        raise SystemExit("error: cannot build Tessera's programs; --peers-only goes without them")
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"


def commands(workload: Workload, case: dict, peers: list[str], programs: Path | None) -> dict[str, list[str]]:
    """What is run for a case: Tessera's forms, the limit of the machine, the peers."""
    words = lambda options: [word for name, value in options.items() for word in (f"--{name}", str(value))]
    found = {}
    if programs:
        own = str(programs / (workload.program or workload.name))
        found |= {name: [own, *words(case), *words(options)] for name, options in workload.forms.items()}
        if limit := workload.limit(case):
            sized = {name: case[name] for name in ("points", "dtype", "threads") if name in case}
            found["limit"] = [str(programs / "machine"), *words(sized), *words(limit)]
    script = [sys.executable, f"{workload.name}.py"]
    return found | {peer: [*script, "--impl", peer, *words(case)] for peer in peers if not workload.skips(peer, case)}


def run(command: list[str], threads: int, samples: int, seconds: float) -> list[dict]:
    """One process of one implementation: its records."""
    cores = measure.cores(threads)
    command = [*command, "--samples", str(samples), "--seconds", str(seconds), "--json"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=HERE, timeout=TIMEOUT_S, preexec_fn=lambda: os.sched_setaffinity(0, cores)
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{' '.join(command)} must end within {TIMEOUT_S} s") from None
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}\n{done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), platform.machine())
    level = next((name for flag, name in (("avx512dq", "AVX-512"), ("avx2", "AVX2")) if f" {flag} " in info), "no AVX2")
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    describe = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    commit = subprocess.run(describe, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return {
        "machine": f"{model}, {len(os.sched_getaffinity(0))} cores, {level}, {memory_gib:.0f} GiB, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "date": datetime.date.today().isoformat(),
        "commit": commit or "unknown",
    }


class Comparison:
    """Runs cases and keeps every record, one line each."""

    def __init__(self, args: argparse.Namespace, total: int):
        self.args, self.lines, self.total = args, [machine()], total
        self.done, self.start, self.faults = 0, time.monotonic(), []

    def case(self, workload: Workload, case: dict, programs: dict[str, list[str]]) -> None:
        """All rounds of one case. A program that fails, or whose answer differs from the first one's, gives no figures for it."""
        references: dict[tuple, dict] = {}
        kept: dict[str, list[dict]] = {name: [] for name in programs}
        for turn in range(rounds(self.args, workload, case)):
            for name in list(kept):
                self.done += 1
                seconds = workload.seconds / (2 if self.args.quick else 1)
                try:
                    records = run(programs[name], case["threads"], self.args.samples, seconds)
                except RuntimeError as error:
                    self.fault(workload, case, name, str(error), kept)
                    continue
                for record in records:
                    reference = references.setdefault(tuple(record.get(key) for key in workload.keys), record)
                    tolerance = workload.tolerance and name != "limit" and workload.tolerance[case["dtype"]]
                    if tolerance and (difference := workload.difference(record, reference, tolerance)):
                        self.fault(workload, case, name, f"differs from {reference['impl']}: {difference}", kept)
                        break
                    kept[name].append({**record, "workload": workload.name, "case": case, "round": turn})
                else:
                    self.progress(workload, case, name, records)
        self.lines.extend(record for records in kept.values() for record in records)

    def fault(self, workload: Workload, case: dict, name: str, what: str, kept: dict) -> None:
        self.faults.append(f"{workload.name}, {report.spelled(workload, case)}, {name}: {what}")
        print(f"error: {self.faults[-1]}", file=sys.stderr)
        del kept[name]

    def progress(self, workload: Workload, case: dict, name: str, records: list[dict]) -> None:
        figure = median(value for record in records for value in workload.values(record))
        minutes = (time.monotonic() - self.start) / 60
        ahead = minutes / self.done * (self.total - self.done)
        print(
            f"[{self.done}/{self.total}, {minutes:.0f} min, about {ahead:.0f} to go] {workload.name} {report.spelled(workload, case)}: "
            f"{name} {report.figure(figure * workload.scale)} {workload.unit}",
            file=sys.stderr,
        )


def main() -> None:
    args = arguments()
    workloads = [load(name) for name in args.workload]
    programs = None if args.peers_only else build({w.program or w.name for w in workloads} | {"machine"})
    plan = []
    for workload in workloads:
        peers = [peer for peer in workload.peers if peer in args.impl] if args.impl else workload.installed()
        plan += [(workload, case, commands(workload, case, peers, programs)) for case in cases_of(workload, args)]
    comparison = Comparison(args, sum(len(found) * rounds(args, workload, case) for workload, case, found in plan))
    # `kill` ends a run as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for workload, case, found in plan:
            comparison.case(workload, case, found)
            if args.record:
                report.save(comparison.lines)
    except KeyboardInterrupt:
        comparison.faults.append(f"interrupted after {comparison.done} of {comparison.total} programs")
    else:
        if args.record:
            report.keep(comparison.lines, workloads)
    print(report.markdown(comparison.lines, workloads))
    if comparison.faults:
        raise SystemExit("error: not everything could be compared\n" + "\n".join(comparison.faults))


if __name__ == "__main__":
    main()
