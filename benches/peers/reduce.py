"""Sums and dot products of long vectors, and a matrix's rows and columns summed.

  numpy   ndarray.sum, max; numpy.dot (its BLAS)
  torch   Tensor.sum, max; torch.dot
  jax     jit of jnp.sum, max, dot

`points` are the elements of the operand, `operation` says what is computed of them. The answer's loss is the (first) result.
"""

import data
from workload import Workload, product


def vector(seed: int, count: int, dtype: str):
    """`unit(seed, 1..count)`, in pieces, so that it takes little memory beside itself."""
    import numpy as np

    x = np.empty(count, data.DTYPES[dtype])
    for start in range(0, count, 1 << 22):
        # A stream may be entered anywhere: element i + s of one stream is element i of the seed that is s steps on.
        part = (seed + start * 0x9E3779B97F4A7C15) % 2**64
        x[start : start + (1 << 22)] = data.unit(part, min(1 << 22, count - start))
    return x


def operands(args) -> tuple[list, int | None]:
    """The operands, and the axis that is reduced."""
    arrays = [vector(seed, args.points, args.dtype) for seed in ((5, 6) if args.operation == "dot" else (5,))]
    axis = {"rows": 1, "columns": 0}.get(args.operation)
    return [x if axis is None else x.reshape(-1, 1000) for x in arrays], axis


def answer(result) -> dict[str, float]:
    import numpy as np

    return data.answer(np.asarray(result).ravel()[0], [np.zeros(0)])


def numpy_step(args):
    """The call, how to read its answer, and the library's version."""
    import numpy as np

    (x, *y), axis = operands(args)
    forms = {"dot": lambda: np.dot(x, *y), "max": x.max}
    return forms.get(args.operation, lambda: x.sum(axis)), answer, f"numpy {np.__version__}"


def torch_step(args):
    """The same of PyTorch."""
    import torch

    torch.set_num_threads(args.threads)
    arrays, axis = operands(args)
    x, *y = map(torch.from_numpy, arrays)
    forms = {"dot": lambda: torch.dot(x, *y), "max": x.max}
    return forms.get(args.operation, x.sum if axis is None else lambda: x.sum(axis)), answer, f"torch {torch.__version__}"


def jax_step(args):
    """The same of JAX."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", args.dtype == "f64")
    arrays, axis = operands(args)
    arrays = [jnp.asarray(x) for x in arrays]
    compiled = jax.jit({"dot": jnp.dot, "max": jnp.max}.get(args.operation, lambda x: jnp.sum(x, axis)))
    return lambda: compiled(*arrays).block_until_ready(), answer, f"jax {jax.__version__}"


def bytes_read(case) -> dict:
    operands = 2 if case["operation"] == "dot" else 1
    return {"work": "read", "amount": float(operands * case["points"] * int(case["dtype"][1:]) // 8)}


WORKLOAD = Workload(
    name="reduce",
    title="Sums and dot products",
    cases=product(operation=["sum", "dot"], points=[10_000, 1_000_000], dtype=["f64"], threads=[1])
    + product(operation=["sum", "dot"], points=[100_000_000], dtype=["f64"], threads=[2]),
    quick=product(operation=["sum"], points=[1_000_000], dtype=["f64"], threads=[1]),
    peers={"numpy": numpy_step, "torch": torch_step, "jax": jax_step},
    # The same with the roundings made good, which no peer offers.
    forms={"tessera": {}, "tessera_kahan": {"stable": "kahan"}},
    limit=bytes_read,
    counted="elements",
    unit="µs",
    scale=1e6,
    # Making the longest operands takes longer than all samples.
    rounds=lambda case: 1 if case["points"] > 10_000_000 else 2,
    seconds=0.3,
)

if __name__ == "__main__":
    WORKLOAD.main()
