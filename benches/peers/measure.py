"""How a peer is run: its cores, its samples, its one line of JSON. Imports no numeric library, so that `confine` can come first."""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable


def arguments(workload: str, implementations: list[str]) -> argparse.Namespace:
    """The command line that every workload has, and Tessera's own benchmark programs too."""
    parser = argparse.ArgumentParser(prog=f"{workload}.py", description=sys.modules["__main__"].__doc__)
    parser.add_argument("--impl", choices=implementations, default=implementations[0])
    parser.add_argument("--points", type=int, default=10_000, help="rows of the batch")
    parser.add_argument("--dtype", choices=["f32", "f64"], default="f64")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=int, default=7, help="calls to time, after two that are not")
    parser.add_argument("--seconds", type=float, default=10.0, help="stop sampling after this time, with 3 samples at least")
    parser.add_argument("--json", action="store_true", help="one line of JSON (the only form there is)")
    return parser.parse_args()


def cores(threads: int) -> set[int]:
    """The cores for `threads` threads: the last ones we may use, since the first serves most interrupts."""
    allowed = sorted(os.sched_getaffinity(0))
    if threads > len(allowed):
        raise SystemExit(f"error: --threads must be at most the {len(allowed)} cores at hand, got {threads}")
    return set(allowed[-threads:])


def confine(threads: int) -> None:
    """Holds this process to `threads` cores and tells every library so. XLA heeds nothing but the cores."""
    os.sched_setaffinity(0, cores(threads))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC"):
        os.environ[name] = str(threads)
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def scheduled() -> tuple[float, float]:
    """Seconds that this process's living threads were on a core, and that they were ready and had none."""
    on_core = waiting = 0
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/schedstat") as stat:
                figures = stat.read().split()
        except FileNotFoundError:
            continue  # The thread ended between the two calls.
        on_core += int(figures[0])
        waiting += int(figures[1])
    return on_core * 1e-9, waiting * 1e-9


def sample(step: Callable[[], object], count: int, seconds: float) -> list[dict[str, float]]:
    """Times `count` calls of `step`, which returns when its result is there. Raw: the statistics are compare.py's."""
    step()
    taken: list[dict[str, float]] = []
    end = time.perf_counter() + seconds
    while len(taken) < count and (len(taken) < 3 or time.perf_counter() < end):
        (cpu_before, waited_before), start = scheduled(), time.perf_counter()
        step()
        elapsed = time.perf_counter() - start
        cpu, waited = scheduled()
        taken.append({"seconds": elapsed, "cpu_s": cpu - cpu_before, "waited_s": waited - waited_before})
    return taken


def emit(workload: str, args: argparse.Namespace, **measured) -> None:
    """Prints the record of `benches/README.md`."""
    record = {"workload": workload, "impl": args.impl, "points": args.points, "dtype": args.dtype, "threads": args.threads}
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(record | measured | {"peak_mib": round(peak_mib, 1)}), flush=True)
