"""Tessera and its peers side by side: the same inputs, the same answers, then the times.

Runs every implementation in a process of its own, one after the other, and that whole round several times (A B C A B C …), so that a
machine that slows down slows everybody down. Refuses to compare times where the answers differ. Prints Markdown.

  benches/peers/.venv/bin/python benches/peers/compare.py --points 10000 --threads 1,2
  benches/peers/.venv/bin/python benches/peers/compare.py --peers-only        without Tessera
"""

import argparse
import datetime
import importlib.util
import itertools
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median

import measure

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORKLOADS = {"pinn_step": ["jax_natural", "jax_taylor", "torch_natural", "torch_taylor"]}
# Relative to the reference; g·v is held against |g|, since it may cancel. The peers among each other: 3e-7 in f32.
TOLERANCE = {"f64": 1e-10, "f32": 1e-5}
QUIET = 0.03


def arguments() -> argparse.Namespace:
    split = lambda kind: lambda text: [kind(word) for word in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", choices=list(WORKLOADS), default="pinn_step")
    parser.add_argument("--impl", type=split(str), help="which peers (default: all that are installed)")
    parser.add_argument("--points", type=split(int), default=[10_000])
    parser.add_argument("--dtype", type=split(str), default=["f64"])
    parser.add_argument("--threads", type=split(int), default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=7, help="timed calls in one process")
    parser.add_argument("--seconds", type=float, default=6.0, help="time for them in one process")
    parser.add_argument("--peers-only", action="store_true")
    return parser.parse_args()


def installed(peers: list[str]) -> list[str]:
    """Those of `peers` whose library is in this Python."""
    return [peer for peer in peers if importlib.util.find_spec(peer.split("_")[0])]


def build_tessera(workload: str) -> list[str]:
    """Builds Tessera's own program for a workload; its command."""
    cargo = ["cargo", "build", "--release", "--locked", "--quiet", "-p", "tessera-bench", "--bin", workload]
    if subprocess.run(cargo, cwd=ROOT).returncode:
        raise SystemExit(f"error: cannot build tessera's {workload}; --peers-only goes without it")
    return [str(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / workload)]


def run(command: list[str], case: dict, args: argparse.Namespace) -> dict:
    """One process of one implementation: its record."""
    options = {**case, "samples": args.samples, "seconds": args.seconds}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    cores = measure.cores(case["threads"])
    done = subprocess.run(
        [*command, *words, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=HERE,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"error: {' '.join([*command, *words])} ended with {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def check_answer(record: dict, reference: dict) -> None:
    """Ends the comparison where two implementations did not compute the same thing."""
    tolerance = TOLERANCE[record["dtype"]]
    for name, scale in (("loss", "loss"), ("gnorm", "gnorm"), ("gdot", "gnorm")):
        difference = abs(record[name] - reference[name])
        if not difference <= tolerance * abs(reference[scale]):
            raise SystemExit(
                f"error: {name} of {record['impl']} must agree with {reference['impl']} to {tolerance:g} of {scale}, "
                f"got {record[name]!r} and {reference[name]!r} ({record['dtype']}, {record['points']} points)"
            )


def is_quiet(sample: dict, threads: int) -> bool:
    """Whether the machine left us alone: our threads hardly waited for a core, or had all of their cores all the time."""
    seconds = sample["seconds"]
    return sample["waited_s"] < QUIET * seconds or sample["cpu_s"] > (1 - QUIET) * threads * seconds


def summary(records: list[dict]) -> dict:
    """Median time over the quiet samples of all rounds (over all of them where fewer than 3 were quiet), and each round's own median."""
    threads = records[0]["threads"]
    rounds = [[s["seconds"] for s in r["samples"]] for r in records]
    everything = [s for r in records for s in r["samples"]]
    quiet = [s["seconds"] for s in everything if is_quiet(s, threads)]
    used = quiet if len(quiet) >= 3 else [s["seconds"] for s in everything]
    return {
        "median_s": median(used),
        "best_s": min(s["seconds"] for s in everything),
        "quiet": f"{len(quiet)}/{len(everything)}",
        "rounds": [median(r) for r in rounds],
        "first_s": median(r["first_s"] for r in records),
        "peak_mib": max(r["peak_mib"] for r in records),
    }


def machine() -> str:
    """What the figures were measured on."""
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    cores = len(os.sched_getaffinity(0))
    today = datetime.date.today().isoformat()
    return f"{model}, {cores} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.release()}; {today}, commit {commit or 'unknown'}"


def main() -> None:
    args = arguments()
    peers = args.impl or installed(WORKLOADS[args.workload])
    commands = {} if args.peers_only else {"tessera": build_tessera(args.workload)}
    commands |= {peer: [sys.executable, f"{args.workload}.py", "--impl", peer] for peer in peers}
    versions: dict[str, str] = {}
    table = []
    for dtype, points, threads in itertools.product(args.dtype, args.points, args.threads):
        case = {"points": points, "dtype": dtype, "threads": threads}
        records: dict[str, list[dict]] = {name: [] for name in commands}
        reference = None
        for _ in range(args.rounds):
            for name, command in commands.items():
                record = run(command, case, args)
                reference = reference or record
                check_answer(record, reference)
                records[name].append(record)
                versions[name] = record["version"]
        sums = {name: summary(of) for name, of in records.items()}
        ours = sums.get("tessera")
        for name, s in sums.items():
            ratio = f"{median(t / o for t, o in zip(s['rounds'], ours['rounds'])):.2f}×" if ours else "–"
            table.append(
                f"| {dtype} | {points} | {threads} | {name} | {1e3 * s['median_s']:.1f} | {1e3 * s['best_s']:.1f} "
                f"| {ratio} | {s['first_s']:.2f} | {s['peak_mib']:.0f} | {s['quiet']} |"
            )
    print(f"**{args.workload}.** {machine()}.")
    print(f"Versions: {', '.join(dict.fromkeys(versions.values()))}; Python {platform.python_version()}.\n")
    print("| dtype | points | threads | program | step ms | best ms | time / tessera's | first step s | peak MiB | quiet samples |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    print("\n".join(table))


if __name__ == "__main__":
    main()
