"""Elementary functions over arrays that stay in cache, one record a function.

  numpy   NumPy's, or SciPy's for what it lacks; writes to the same array again and again
  torch   so does this
  jax     jit; each call has a new result

How near the results are to the true values is another matter:

  elementwise.py --compare [--dtype f32]      the largest error of each implementation, as a Markdown table
"""

import argparse
import itertools
import sys
import tempfile
from pathlib import Path

import data
import measure
from workload import Workload, product

# Where the first and the second argument lie: as in benches/src/bin/elementwise.rs.
FUNCTIONS = {
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
# Two arguments and a result in f64 take 768 KiB.
POINTS = 32_768


def inputs(args) -> list:
    """The arguments of any implementation."""
    ranges = zip(FUNCTIONS[args.function], itertools.count(9))
    return [data.between(low, high, seed, (args.points,)).astype(data.DTYPES[args.dtype]) for (low, high), seed in ranges]


def answer(result) -> dict[str, float]:
    return data.answer(0.0, [result])


def numpy_step(args):
    """The call, how to read its answer, and the library's version."""
    import numpy as np

    version = f"numpy {np.__version__}"
    special = {"copy": np.positive, "pow": np.power}
    if args.function in ("erf", "sigmoid"):
        import scipy

        special |= {"erf": scipy.special.erf, "sigmoid": scipy.special.expit}
        version = f"scipy {scipy.__version__}"
    f = special.get(args.function) or getattr(np, args.function)
    arrays = inputs(args)
    out = np.empty_like(arrays[0])
    return lambda: f(*arrays, out=out), answer, version


def torch_step(args):
    """The same of PyTorch."""
    import torch

    torch.set_num_threads(args.threads)
    tensors = [torch.from_numpy(array) for array in inputs(args)]
    out = torch.empty_like(tensors[0])
    version = f"torch {torch.__version__}"
    if args.function == "copy":
        return lambda: out.copy_(tensors[0]), answer, version
    f = getattr(torch, args.function)
    return lambda: f(*tensors, out=out), answer, version


def jax_step(args):
    """The same of JAX."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", args.dtype == "f64")
    special = {"erf": jax.scipy.special.erf, "sigmoid": jax.nn.sigmoid, "copy": jnp.copy, "pow": jnp.power}
    f = jax.jit(special.get(args.function) or getattr(jnp, args.function))
    tensors = [jnp.asarray(array) for array in inputs(args)]
    return lambda: f(*tensors).block_until_ready(), answer, f"jax {jax.__version__}"


WORKLOAD = Workload(
    name="elementwise",
    title="Elementary functions of arrays in cache",
    cases=product(dtype=["f64", "f32"], points=[POINTS], threads=[1]),
    quick=product(dtype=["f64"], points=[POINTS], threads=[1]),
    peers={"numpy": numpy_step, "torch": torch_step, "jax": jax_step},
    forms={"tessera_graph": {"form": "graph"}, "tessera_map": {"form": "map"}},
    rows=[{"function": name} for name in FUNCTIONS],
    # A few units in the last place each; the largest results weigh most.
    tolerance={"f64": 1e-14, "f32": 3e-6},
    counted="elements",
    unit="µs",
    scale=1e6,
    seconds=0.05,
)


def worst_ulp(args, results) -> float:
    """The largest error of results, in units in the last place of the true values: 160 bits of mpmath, which PyTorch brings along."""
    import mpmath

    mpmath.mp.prec = 160
    special = {"sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)), "copy": lambda x: x, "pow": mpmath.power}
    f = special.get(args.function) or getattr(mpmath, args.function)
    digits, lowest = {"f64": (53, -1074), "f32": (24, -149)}[args.dtype]
    unit = lambda y: mpmath.ldexp(1, max(mpmath.frexp(y)[1] - digits, lowest))
    true = (f(*map(mpmath.mpf, x)) for x in zip(*(array.tolist() for array in inputs(args))))
    return float(max(abs(mpmath.mpf(y) - t) / unit(t) for y, t in zip(results.tolist(), true)))


def compare_errors(args) -> None:
    """Prints the errors of all implementations."""
    import compare
    import numpy as np

    program = compare.build({"elementwise"}) / "elementwise"
    peers = WORKLOAD.installed()
    print(f"| function, {args.dtype} | {' | '.join([*WORKLOAD.forms, *peers])} |\n|{'---|' * (1 + len(WORKLOAD.forms) + len(peers))}")
    with tempfile.TemporaryDirectory() as folder:
        for form in WORKLOAD.forms.values():
            options = {"points": args.points, "dtype": args.dtype, "values": folder, **form}
            compare.run([str(program), *(word for name, value in options.items() for word in (f"--{name}", str(value)))], 1, 1, 0.0)
        for args.function in FUNCTIONS:
            paths = {name: Path(folder) / f"{name}-{args.function}" for name in WORKLOAD.forms}
            results = {name: np.fromfile(path, data.DTYPES[args.dtype]) for name, path in paths.items() if path.exists()}
            results |= {peer: np.asarray(WORKLOAD.peers[peer](args)[0]()) for peer in peers}
            errors = [f"{worst_ulp(args, results[name]):.3f}" if name in results else "–" for name in [*WORKLOAD.forms, *peers]]
            print(f"| {args.function} | {' | '.join(errors)} |", flush=True)


if __name__ == "__main__":
    if "--compare" in sys.argv:
        parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--compare", action="store_true", help="the errors instead of a record")
        parser.add_argument("--dtype", choices=list(data.DTYPES), default="f64")
        parser.add_argument("--points", type=int, default=POINTS)
        measure.confine(1)
        compare_errors(parser.parse_args(namespace=argparse.Namespace(threads=1)))
    else:
        WORKLOAD.main()
