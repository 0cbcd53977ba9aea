"""Factors of one matrix, by LAPACK as each library has it.

The matrix is random in [-1, 1); for Cholesky only its lower triangle is read, and its diagonal is 2n. The answer's loss is the result's first element, its gradient
the result: L, or L and U packed in one matrix, |R|, the eigenvalues of the symmetric matrix with this lower triangle, or the singular values; vectors are computed too.

  scipy   scipy.linalg.lapack: ?potrf, ?getrf, ?geqrf with ?orgqr, ?syevd, ?gesdd (OpenBLAS), on a matrix stored by columns, so that nothing is transposed; the operand is kept, as Tessera keeps it
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
    elif args.kind == "qr":
        import numpy as np

        geqrf, orgqr = get_lapack_funcs(("geqrf", "orgqr"), (a,))
        room = int(geqrf(a, lwork=-1)[2][0])

        def step():
            packed, tau, _, _ = geqrf(a, lwork=room)
            r = np.triu(packed)
            return orgqr(packed, tau, lwork=room)[0], r

        return step, lambda result: answer(np.abs(result[1])), f"scipy {scipy.__version__}"
    elif args.kind == "eigh":
        step = lambda: scipy.linalg.eigh(a, driver="evd", check_finite=False)
        return step, lambda result: answer(result[0]), f"scipy {scipy.__version__}"
    elif args.kind == "svd":
        step = lambda: scipy.linalg.svd(a, full_matrices=False, check_finite=False)
        return step, lambda result: answer(result[1]), f"scipy {scipy.__version__}"
    else:
        (getrf,) = get_lapack_funcs(("getrf",), (a,))
        step = lambda: getrf(a)[0]
    return step, answer, f"scipy {scipy.__version__}"


def flops(case) -> dict:
    least = {"cholesky": 1 / 6, "lu": 1 / 3, "qr": 4 / 3, "eigh": 4 / 3, "svd": 4 / 3}
    return {"work": "fma", "amount": 2 * least[case["kind"]] * case["size"] ** 3}


def sizes(*size: int, kind=("cholesky", "lu"), dtype=("f64",), threads=(1, 2)) -> list[dict]:
    return product(size=size, kind=kind, dtype=dtype, threads=threads)


WORKLOAD = Workload(
    name="factor",
    title="Factors of a matrix",
    cases=sizes(512, 1024, 2048) + sizes(512, 1024, 2048, dtype=("f32",)) + sizes(128, 512, kind=("qr", "eigh", "svd"), threads=(1,)),
    quick=sizes(1024, threads=(2,)),
    peers={"scipy": scipy_step},
    tolerance={"f64": 1e-10, "f32": 1e-2},
    difference=difference_by_norm,
    limit=flops,
    seconds=0.3,
)

if __name__ == "__main__":
    WORKLOAD.main()
