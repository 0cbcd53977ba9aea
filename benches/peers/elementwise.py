"""Elementary functions over arrays that stay in cache, one thread: nanoseconds per element, and errors.

  elementwise.py --impl jax --dtype f64 --json       one library: a line of JSON a function
  elementwise.py --compare [--dtype f64] [--rounds 5]  Tessera and all libraries in turn, as a Markdown table

Two figures a function: `call_ns`, the time of a call on 16384 elements by their number, and `element_ns`, what each of 32768 further
elements costs, so that a library whose calls are dear is not held against one whose calls are cheap by that alone. The comparison takes
results from every implementation and measures their errors against 160 bits of mpmath, in units in the last place of the true value.
"""

import argparse
import itertools
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import data
import measure

# Where the first and the second argument lie: as in benches/src/bin/elementwise.rs.
CASES = {
    "copy": ((-1.0, 1.0),),
    "exp": ((-20.0, 20.0),),
    "expm1": ((-2.0, 2.0),),
    "log": ((1e-6, 100.0),),
    "log1p": ((-0.9, 10.0),),
    "sin": ((-10.0, 10.0),),
    "cos": ((-10.0, 10.0),),
    "tanh": ((-4.0, 4.0),),
    "sigmoid": ((-10.0, 10.0),),
    "erf": ((-4.0, 4.0),),
    "pow": ((0.1, 10.0), (-5.0, 5.0)),
}
SIZES = (16_384, 49_152)
PEERS = ("numpy", "torch", "jax")


def inputs(function: str, dtype: str, count: int) -> list:
    """The arguments: any implementation's."""
    cases = zip(CASES[function], itertools.count(9))
    return [data.between(low, high, seed, (count,)).astype(data.DTYPES[dtype]) for (low, high), seed in cases]


def numpy_call(function: str, arrays: list):
    """A call of NumPy, or of SciPy for what it lacks, that writes to an array of its own; its version."""
    import numpy
    import scipy.special

    special = {"erf": scipy.special.erf, "sigmoid": scipy.special.expit, "copy": numpy.positive, "pow": numpy.power}
    f = special.get(function) or getattr(numpy, function)
    out = numpy.empty_like(arrays[0])
    return lambda: f(*arrays, out=out), f"numpy {numpy.__version__}, scipy {scipy.__version__}"


def torch_call(function: str, arrays: list):
    """The same of PyTorch."""
    import torch

    torch.set_num_threads(1)
    tensors = [torch.from_numpy(array) for array in arrays]
    out = torch.empty_like(tensors[0])
    if function == "copy":
        return lambda: out.copy_(tensors[0]), f"torch {torch.__version__}"
    f = getattr(torch, function)
    return lambda: f(*tensors, out=out), f"torch {torch.__version__}"


def jax_call(function: str, arrays: list):
    """The same of JAX, compiled; each call has a new result."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", arrays[0].dtype == "f8")
    special = {"erf": jax.scipy.special.erf, "sigmoid": jax.nn.sigmoid, "copy": jnp.copy, "pow": jnp.power}
    f = jax.jit(special.get(function) or getattr(jnp, function))
    tensors = [jnp.asarray(array) for array in arrays]
    return lambda: f(*tensors).block_until_ready(), f"jax {jax.__version__}"


def best(seconds: float, call) -> float:
    """The shortest time of a call, over samples of about 0.2 ms each."""

    def sample(calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        return (time.perf_counter() - start) / calls

    sample(3)
    calls = math.ceil(2e-4 / sample(3))
    shortest, end = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        shortest = min(shortest, sample(calls))
    return shortest


def measure_peer(args: argparse.Namespace) -> None:
    """Prints the records of one library."""
    measure.confine(1)
    import numpy

    make = {"numpy": numpy_call, "torch": torch_call, "jax": jax_call}[args.impl]
    for function in CASES:
        times = []
        for count in SIZES:
            call, version = make(function, inputs(function, args.dtype, count))
            times.append(best(args.seconds, call))
            if args.values:
                numpy.asarray(call()).tofile(Path(args.values) / f"{args.impl}-{function}")
        record = {"workload": "elementwise", "impl": args.impl, "version": version, "function": function, "dtype": args.dtype, "threads": 1}
        record |= {"elements": SIZES[0], "call_ns": 1e9 * times[0] / SIZES[0], "element_ns": 1e9 * (times[1] - times[0]) / (SIZES[1] - SIZES[0])}
        print(json.dumps(record), flush=True)


def worst_ulp(function: str, dtype: str, folder: Path, names: list[str]) -> dict[str, float]:
    """The largest error of each implementation's results on the 49152 arguments, in units in the last place of the true value."""
    import mpmath
    import numpy

    mpmath.mp.prec = 160
    f = {"sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)), "copy": lambda x: x, "pow": mpmath.power}.get(function) or getattr(mpmath, function)
    digits, lowest = {"f64": (53, -1074), "f32": (24, -149)}[dtype]
    true = [f(*map(mpmath.mpf, x)) for x in zip(*(a.tolist() for a in inputs(function, dtype, SIZES[1])))]
    worst = {}
    for name in names:
        path = folder / f"{name}-{function}"
        if not path.exists():
            continue
        results = numpy.fromfile(path, data.DTYPES[dtype]).tolist()
        unit = lambda y: mpmath.ldexp(1, max(mpmath.frexp(y)[1] - digits, lowest))
        worst[name] = float(max(abs(mpmath.mpf(y) - t) / unit(t) for y, t in zip(results, true)))
    return worst


def records_of(command: list[str]) -> list[dict]:
    """What one process printed, held to one core."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, preexec_fn=lambda: os.sched_setaffinity(0, measure.cores(1)))
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(args: argparse.Namespace) -> None:
    """Runs everybody in turn and prints the table; a ratio is the median over the rounds."""
    root = Path(__file__).resolve().parent.parent.parent
    build = ["cargo", "build", "--release", "--locked", "--quiet", "-p", "tessera-bench", "--bin", "elementwise"]
    subprocess.run(build, cwd=root, check=True)
    ours = str(Path(os.environ.get("CARGO_TARGET_DIR", root / "target")) / "release" / "elementwise")
    with tempfile.TemporaryDirectory() as folder:
        options = ["--dtype", args.dtype, "--seconds", str(args.seconds), "--values", folder, "--json"]
        commands = [[ours, *options]] + [[sys.executable, __file__, "--impl", peer, *options] for peer in PEERS]
        times: dict[tuple[str, str], list[dict]] = {}
        for _ in range(args.rounds):
            for record in itertools.chain.from_iterable(map(records_of, commands)):
                times.setdefault((record["function"], record["impl"]), []).append(record)
        names = ["tessera_map", "tessera_graph", *PEERS]
        errors = {function: worst_ulp(function, args.dtype, Path(folder), names) for function in CASES}
    versions = dict.fromkeys(record["version"] for runs in times.values() for record in runs)
    print(f"{platform.machine()}, {', '.join(versions)}; {args.dtype}, {args.rounds} rounds.\n")
    print("| function | implementation | ns, call | ns, element | fastest peer / it, call | …, element | worst ULP |")
    print("|---|---|---|---|---|---|---|")
    for function in CASES:
        fastest = {key: [min(of) for of in zip(*([r[key] for r in times[function, peer]] for peer in PEERS))] for key in ("call_ns", "element_ns")}
        for name in names:
            runs = times.get((function, name))
            if not runs:
                continue
            figures = {key: [r[key] for r in runs] for key in fastest}
            speed = {key: median(f / t for f, t in zip(fastest[key], figures[key])) for key in fastest}
            row = [f"{median(figures[key]):.2f}" for key in fastest] + [f"{speed[key]:.2f}×" for key in fastest]
            print(f"| {function} | {name} | {' | '.join(row)} | {errors[function][name]:.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--impl", choices=PEERS, default=PEERS[0])
    parser.add_argument("--dtype", choices=["f32", "f64"], default="f64")
    parser.add_argument("--seconds", type=float, default=0.15, help="for each function and size")
    parser.add_argument("--values", help="a folder for the results")
    parser.add_argument("--json", action="store_true", help="one line of JSON a function (the only form of one library)")
    parser.add_argument("--compare", action="store_true", help="everybody in turn")
    parser.add_argument("--rounds", type=int, default=5, help="of the comparison")
    args = parser.parse_args()
    compare(args) if args.compare else measure_peer(args)


if __name__ == "__main__":
    main()
