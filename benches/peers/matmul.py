"""Matrix products: op(A) op(B) by each library's own product, alone or as a batch.

`shape` is rows x contracted x columns; `stored` says of A and of B whether they lie as they are multiplied (n) or transposed (t); `batch` is how
many products, 0 for two plain matrices. The answer's loss is the result's first element, its gradient the result.

  numpy   numpy.matmul (OpenBLAS)
  torch   torch.matmul (MKL)
"""

import data
from workload import Workload, difference_by_norm, product


def operands(args) -> list:
    """A and B as they are stored."""
    m, k, n = map(int, args.shape.split("x"))
    leading = (args.batch,) if args.batch else ()
    shapes = ((m, k), (k, n))
    stored = (shape[::-1] if kind == "t" else shape for shape, kind in zip(shapes, args.stored))
    return [data.between(-1.0, 1.0, seed, leading + shape).astype(data.DTYPES[args.dtype]) for seed, shape in zip((11, 12), stored)]


def answer(result) -> dict[str, float]:
    import numpy as np

    result = np.asarray(result)
    return data.answer(result.ravel()[0], [result])


def numpy_step(args):
    """The product, how to read its answer, and the library's version."""
    import numpy as np

    a, b = (np.swapaxes(x, -1, -2) if kind == "t" else x for x, kind in zip(operands(args), args.stored))
    return lambda: np.matmul(a, b), answer, f"numpy {np.__version__}"


def torch_step(args):
    """The same of PyTorch."""
    import torch

    torch.set_num_threads(args.threads)
    a, b = (torch.from_numpy(x) for x in operands(args))
    a, b = (x.transpose(-1, -2) if kind == "t" else x for x, kind in zip((a, b), args.stored))
    return lambda: torch.matmul(a, b), answer, f"torch {torch.__version__}"


def flops(case) -> dict:
    m, k, n = map(int, case["shape"].split("x"))
    return {"work": "fma", "amount": 2.0 * max(1, case["batch"]) * m * k * n}


def squares(*sizes: int, **options) -> list[dict]:
    return shapes([f"{n}x{n}x{n}" for n in sizes], **options)


def shapes(shape: list[str], stored="nn", batch=0, dtype=("f64", "f32"), threads=(2,)) -> list[dict]:
    return product(shape=shape, stored=[stored], batch=[batch], dtype=dtype, threads=threads)


WORKLOAD = Workload(
    name="matmul",
    title="Matrix products",
    cases=squares(1024, threads=(2, 1))
    + squares(128, 512, 2048)
    + shapes(["10000x64x64"], threads=(2, 1))
    + shapes(["64x100000x64"], "tn", threads=(2, 1))
    + squares(512, stored="nt", dtype=["f64"])
    + squares(512, stored="tn", dtype=["f64"])
    + shapes(["128x64x128"], batch=16, dtype=["f32"])
    + squares(128, 512, 2048, dtype=["f64"], threads=[1]),
    quick=squares(1024, dtype=["f64"], threads=[1, 2]),
    peers={"numpy": numpy_step, "torch": torch_step},
    tolerance={"f64": 1e-13, "f32": 1e-5},
    difference=difference_by_norm,
    limit=flops,
    seconds=0.3,
)

if __name__ == "__main__":
    WORKLOAD.main()
