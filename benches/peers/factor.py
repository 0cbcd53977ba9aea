"""Cholesky and LU factors of one matrix, by LAPACK as each library has it.

The matrix is random in [-1, 1); for Cholesky only its lower triangle is read, and its diagonal is 2n. The answer's loss is the result's first element, its gradient
the result: L, or L and U packed in one matrix.

  scipy   scipy.linalg.lapack: ?potrf, ?getrf (OpenBLAS), on a matrix stored by columns, so that nothing is transposed; the operand is kept, as Tessera keeps it
"""

import data
from workload import Workload, difference_by_norm, product


def operand(args):
    import numpy as np

    n = args.size
    a = data.between(-1.0, 1.0, 11, (n, n))
    if args.kind == "cholesky":
        np.fill_diagonal(a, 2.0 * n)
    return np.asfortranarray(a.astype(data.DTYPES[args.dtype]))


def answer(result) -> dict[str, float]:
    import numpy as np

    result = np.ascontiguousarray(result)
    return data.answer(result.ravel()[0], [result])


def scipy_step(args):
    """The factorisation, how to read its answer, and the library's version."""
    import scipy
    from scipy.linalg import get_lapack_funcs

    a = operand(args)
    if args.kind == "cholesky":
        (potrf,) = get_lapack_funcs(("potrf",), (a,))
        step = lambda: potrf(a, lower=1, clean=1)[0]
    else:
        (getrf,) = get_lapack_funcs(("getrf",), (a,))
        step = lambda: getrf(a)[0]
    return step, answer, f"scipy {scipy.__version__}"


def flops(case) -> dict:
    return {"work": "fma", "amount": case["size"] ** 3 * (1 / 3 if case["kind"] == "cholesky" else 2 / 3)}


def sizes(*size: int, kind=("cholesky", "lu"), dtype=("f64",), threads=(1, 2)) -> list[dict]:
    return product(size=size, kind=kind, dtype=dtype, threads=threads)


WORKLOAD = Workload(
    name="factor",
    title="Cholesky and LU factors",
    cases=sizes(512, 1024, 2048) + sizes(1024, dtype=("f32",)),
    quick=sizes(1024, threads=(2,)),
    peers={"scipy": scipy_step},
    tolerance={"f64": 1e-10, "f32": 1e-2},
    difference=difference_by_norm,
    limit=flops,
    seconds=0.3,
)

if __name__ == "__main__":
    WORKLOAD.main()
