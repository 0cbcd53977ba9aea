"""How a peer is run: its cores, its samples, its one line of JSON. Imports no numeric library, so that `confine` can come first."""

import argparse
import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable

# A sample is at least this long: enough that reading the clock and the scheduler's figures is nothing beside it.
SAMPLE_MIN_S = 0.01
# What is not timed after a first call: other processes' ends, threads' first wakes, clocks that rise.
WARM_UP_S = 0.2


def arguments(workload: str, implementations: list[str], options: dict) -> argparse.Namespace:
    """The command line that every workload has, and Tessera's own benchmark programs too; `options` are the workload's, with a value each."""
    parser = argparse.ArgumentParser(prog=f"{workload}.py", description=sys.modules["__main__"].__doc__)
    parser.add_argument("--impl", choices=implementations, default=implementations[0])
    defaults = {"points": 10_000, "dtype": "f64", "threads": 1} | {k: v for k, v in options.items() if k not in ("points", "dtype", "threads")}
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    parser.add_argument("--samples", type=int, default=7, help="samples to take, after calls for 0.2 s that are not timed")
    parser.add_argument("--seconds", type=float, default=10.0, help="stop sampling after this time, with 3 samples at least")
    parser.add_argument("--json", action="store_true", help="one line of JSON (the only form there is)")
    args = parser.parse_args()
    args.options = list(defaults)
    return args


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


def timed(step: Callable[[], object], calls: int) -> dict[str, float]:
    """One sample: the time of a call, as the mean over `calls` of them."""
    (cpu_before, waited_before), start = scheduled(), time.perf_counter()
    for _ in range(calls):
        step()
    elapsed = time.perf_counter() - start
    cpu, waited = scheduled()
    return {"seconds": elapsed / calls, "cpu_s": (cpu - cpu_before) / calls, "waited_s": (waited - waited_before) / calls}


def first(step: Callable[[], object]) -> tuple[float, object]:
    """Seconds of a first call, and what it returns."""
    start = time.perf_counter()
    result = step()
    return time.perf_counter() - start, result


def sample(step: Callable[[], object], count: int, seconds: float) -> list[dict[str, float]]:
    """Samples of calls of `step`, which returns when its result is there. Raw: the statistics are the report's."""
    warm = time.perf_counter() + WARM_UP_S
    while (call := timed(step, 1)["seconds"]) and time.perf_counter() < warm:
        pass
    calls = math.ceil(SAMPLE_MIN_S / call)
    taken: list[dict[str, float]] = []
    end = time.perf_counter() + seconds
    while len(taken) < count and (len(taken) < 3 or time.perf_counter() < end):
        taken.append(timed(step, calls))
    return taken


def resident_mib() -> float:
    """Resident memory now."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 2**20


def emit(workload: str, args: argparse.Namespace, **measured) -> None:
    """Prints the record of `benches/README.md`."""
    record = {"workload": workload, "impl": args.impl} | {name: getattr(args, name) for name in args.options}
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(record | measured | {"peak_mib": round(peak_mib, 1)}), flush=True)
