"""Bratu's problem, -lap u = theta e^u on the unit square, u = 0 outside, by the five-point stencil on size x size interior points, matrix-free.

`cg` is one linear equation with the Jacobian at a given u, by plain conjugate gradients until the residual is 1e-10 of the right-hand side (1e-5 in f32); its
figure is the time of one iteration. `solve` is the whole problem by Newton's method from 0 and the gradient of |u|^2 / 2 by theta.

  jax_hand    the loop of conjugate gradients as one writes it
  lineax_cg   lineax.CG
  jaxopt_cg   jaxopt.linear_solve.solve_cg (jax.scipy.sparse.linalg.cg)
"""

import data
from workload import Workload, product, times


def configured(args):
    import jax

    jax.config.update("jax_enable_x64", args.dtype == "f64")
    return jax


def field(n: int):
    """theta at the interior points."""
    import numpy as np

    wave = np.sin(2 * np.pi * np.arange(1, n + 1) / (n + 1))
    return 1 + 0.5 * wave[:, None] * wave[None, :]


def laplacian(v):
    """-h^2 lap v."""
    import jax.numpy as jnp

    p = jnp.pad(v, 1)
    return 4 * v - p[:-2, 1:-1] - p[2:, 1:-1] - p[1:-1, :-2] - p[1:-1, 2:]


def cg_hand(args):
    """Plain conjugate gradients: the solution and the number of iterations."""
    import jax.numpy as jnp
    from jax import lax

    def solve(product, b, tol):
        def body(state):
            x, r, p, rr, k = state
            q = product(p)
            alpha = rr / jnp.vdot(p, q)
            x, r = x + alpha * p, r - alpha * q
            next = jnp.vdot(r, r)
            return x, r, r + (next / rr) * p, next, k + 1

        bb = jnp.vdot(b, b)
        x, _, _, _, k = lax.while_loop(lambda s: (s[3] > tol**2 * bb) & (s[4] < 20_000), body, (jnp.zeros_like(b), b, b, bb, 0))
        return x, k

    return solve, ""


def cg_lineax(args):
    """lineax's conjugate gradients, whose norm is set to be that of the others."""
    import jax
    import jax.numpy as jnp
    import lineax

    def solve(product, b, tol):
        operator = lineax.FunctionLinearOperator(product, jax.eval_shape(lambda: b), lineax.positive_semidefinite_tag)
        size = jnp.linalg.norm(b)
        solver = lineax.CG(rtol=0.0, atol=tol, norm=lambda r: jnp.linalg.norm(r), stabilise_every=None, max_steps=20_000)
        solution = lineax.linear_solve(operator, b / size, solver, throw=False)
        return solution.value * size, solution.stats["num_steps"]

    return solve, f" lineax {lineax.__version__}"


def cg_jaxopt(args):
    """jaxopt's conjugate gradients, which do not say how many they were: -1."""
    import importlib.metadata

    import jaxopt

    def solve(product, b, tol):
        return jaxopt.linear_solve.solve_cg(product, b, tol=tol, maxiter=20_000), -1

    return solve, f" jaxopt {importlib.metadata.version('jaxopt')}"


SOLVERS = {"jax_hand": cg_hand, "lineax_cg": cg_lineax, "jaxopt_cg": cg_jaxopt}


def linear(args, jax, cg):
    """The compiled solution of one linear equation, its input, and how to read its answer."""
    import jax.numpy as jnp

    n = args.size
    dtype = data.DTYPES[args.dtype]
    b, u = (data.between(low, high, seed, (n, n)).astype(dtype) for low, high, seed in ((0.5, 1.5, 83), (0.0, 0.1, 84)))
    tol, h2 = (1e-10 if args.dtype == "f64" else 1e-5), 1.0 / (n + 1) ** 2

    def solve(b, theta, u, cg=cg):
        weight = h2 * theta * jnp.exp(u)
        x, steps = cg(lambda v: laplacian(v) - weight * v, b, tol)
        return jnp.sum(x * x), x, steps

    operands = [jnp.asarray(x) for x in (b, field(n).astype(dtype), u)]
    step = jax.jit(solve)

    def answer(result):
        steps = int(result[2])
        if steps < 0:
            steps = int(jax.jit(lambda *x: solve(*x, cg=cg_hand(args)[0]))(*operands)[2])
        return data.answer(result[0], [result[1]]) | {"steps": steps}

    return lambda: jax.block_until_ready(step(*operands)), answer


def newton(args, jax, cg):
    """The compiled whole problem with its gradient, and how to read its answer."""
    import jax.numpy as jnp
    from jax import lax

    n = args.size
    tol, inner = (1e-10, 1e-12) if args.dtype == "f64" else (1e-5, 1e-6)
    h2 = 1.0 / (n + 1) ** 2
    residual = lambda u, theta: laplacian(u) - h2 * theta * jnp.exp(u)

    def step_to(u, theta, rhs, tol):
        weight = h2 * theta * jnp.exp(u)
        return cg(lambda v: laplacian(v) - weight * v, rhs, tol)[0]

    def solve(theta):
        def body(state):
            u, f, k, _ = state
            u = u - step_to(u, theta, f, inner)
            f = residual(u, theta)
            return u, f, k + 1, jnp.linalg.norm(f)

        u = jnp.zeros_like(theta)
        f = residual(u, theta)
        size = jnp.linalg.norm(f)
        u = lax.while_loop(lambda s: (s[3] > tol * size) & (s[2] < 30), body, (u, f, 0, size))[0]
        gradient = step_to(u, theta, u, inner) * h2 * jnp.exp(u)
        return 0.5 * jnp.sum(u * u), gradient

    theta = jnp.asarray(field(n).astype(data.DTYPES[args.dtype]))
    step = jax.jit(solve)
    return lambda: jax.block_until_ready(step(theta)), lambda result: data.answer(result[0], [result[1]]) | {"steps": 1}


def peer(args):
    """The step of a peer, how to read its answer, and the library's version."""
    jax = configured(args)
    cg, version = SOLVERS[args.impl](args)
    step, answer = (linear if args.task == "cg" else newton)(args, jax, cg)
    return step, answer, f"jax {jax.__version__}{version}"


WORKLOAD = Workload(
    name="bratu",
    title="Conjugate gradients with the Jacobian of Bratu's problem, an iteration",
    cases=product(task=["cg"], size=[512], dtype=["f64", "f32"], threads=[1, 2]) + product(task=["solve"], size=[256], dtype=["f64"], threads=[1, 2]),
    quick=product(task=["cg"], size=[128], dtype=["f64"], threads=[1]),
    peers=dict.fromkeys(SOLVERS, peer),
    # Solutions are exact to the solvers' tolerance only.
    tolerance={"f64": 1e-6, "f32": 2e-2},
    values=lambda record: [seconds / (record.get("steps") or 1) for seconds in times(record)],
    unit="µs",
    scale=1e6,
    seconds=1.0,
)

if __name__ == "__main__":
    WORKLOAD.main()
