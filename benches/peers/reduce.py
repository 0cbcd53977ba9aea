"""Sums and dot products of long vectors, and a matrix's rows and columns summed.

  numpy   ndarray.sum, max; numpy.dot (its BLAS)
  torch   Tensor.sum, max; torch.dot
  jax     jit of jnp.sum, max, dot

`--points` are the elements of the operand. A step is as many calls as together read ten million elements. The answer's loss is
the (first) result.
"""

import sys
import time

import measure

WORKLOADS = ["sum", "dot", "max", "rows", "columns"]


def workload() -> str:
    """`--workload NAME`, taken off the command line that all programs share."""
    if "--workload" not in sys.argv:
        return "sum"
    at = sys.argv.index("--workload")
    name = sys.argv[at + 1]
    if name not in WORKLOADS:
        raise SystemExit(f"error: --workload must be one of {', '.join(WORKLOADS)}, got {name}")
    del sys.argv[at : at + 2]
    return name


def vector(seed, count, dtype):
    """`unit(seed, 1..count)`, in pieces, so that it takes little memory beside itself."""
    import data
    import numpy as np

    x = np.empty(count, data.DTYPES[dtype])
    for start in range(0, count, 1 << 22):
        # A stream may be entered anywhere: element i + s of one stream is element i of the seed that is s steps on.
        part = (seed + start * 0x9E3779B97F4A7C15) % 2**64
        x[start : start + (1 << 22)] = data.unit(part, min(1 << 22, count - start))
    return x


def call_of(args, name):
    """The call, which returns when its result is there, and the library's version."""
    operands = [vector(seed, args.points, args.dtype) for seed in ((5, 6) if name == "dot" else (5,))]
    if name in ("rows", "columns"):
        operands = [x.reshape(-1, 1000) for x in operands]
    axis = {"rows": 1, "columns": 0}.get(name)
    if args.impl == "numpy":
        import numpy as np

        x = operands[0]
        forms = {"dot": lambda: np.dot(*operands), "max": x.max}
        return forms.get(name, lambda: x.sum(axis)), f"numpy {np.__version__}"
    if args.impl == "torch":
        import torch

        torch.set_num_threads(args.threads)
        tensors = [torch.from_numpy(x) for x in operands]
        x = tensors[0]
        forms = {"dot": lambda: torch.dot(*tensors), "max": x.max}
        return forms.get(name, (lambda: x.sum()) if axis is None else (lambda: x.sum(axis))), f"torch {torch.__version__}"
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", args.dtype == "f64")
    arrays = [jnp.asarray(x) for x in operands]
    forms = {"dot": jnp.dot, "max": jnp.max}
    compiled = jax.jit(forms.get(name, lambda x: jnp.sum(x, axis)))
    return lambda: compiled(*arrays).block_until_ready(), f"jax {jax.__version__}"


def main():
    name = workload()
    args = measure.arguments("reduce", ["numpy", "torch", "jax"])
    measure.confine(args.threads)
    import numpy as np

    call, version = call_of(args, name)
    repeats = max(1, 10_000_000 // args.points)

    def step():
        for _ in range(repeats - 1):
            call()
        return call()

    start = time.perf_counter()
    result = step()
    first_s = time.perf_counter() - start
    samples = measure.sample(step, args.samples, args.seconds)
    loss = float(np.asarray(result).ravel()[0])
    measure.emit(f"reduce_{name}", args, version=version, first_s=first_s, samples=samples, loss=loss, gnorm=0.0, gdot=0.0)


if __name__ == "__main__":
    main()
