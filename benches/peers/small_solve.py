"""Small equations solved inside a function, one or a batch of them, and the gradient of their solutions by the implicit function theorem.

`root` is 2 x + tanh(W x) = theta by Newton's method, `fixed_point` x = tanh(W x + theta) by simple iteration, from x = 0; the loss is the sum of
|x|^2 / 2, the gradient is by W and theta. With points=1 there is one equation, with more there are so many vectors theta, under vmap.

  jax_newton   a loop of Newton steps (or of the map), custom_vjp with one linear solve: what one writes by hand
  jaxopt       jaxopt.Broyden, FixedPointIteration, with implicit differentiation by a dense solve
  optimistix   optimistix.Newton, FixedPointIteration, ImplicitAdjoint, by LU
"""

import math

import data
from workload import Workload, loss_and_gradient, product


def inputs(args) -> list:
    """W and theta."""
    n = args.size
    bound = 0.3 * math.sqrt(3.0 / n)
    shape = (args.points, n) if args.points > 1 else (n,)
    return [array.astype(data.DTYPES[args.dtype]) for array in (data.between(-bound, bound, 81, (n, n)), data.between(-1.0, 1.0, 82, shape))]


def tolerance(args) -> float:
    return 1e-10 if args.dtype == "f64" else 1e-5


def step_of(args, solve):
    """The compiled loss and gradient, for a function of W and one theta."""
    import jax
    import jax.numpy as jnp

    over = jax.vmap(solve, (None, 0)) if args.points > 1 else solve
    step = jax.jit(jax.value_and_grad(lambda w, theta: 0.5 * jnp.sum(over(w, theta) ** 2), argnums=(0, 1)))
    arrays = [jnp.asarray(array) for array in inputs(args)]
    return lambda: jax.block_until_ready(step(*arrays))


def equation(args):
    """The residual of a root, or the map of a fixed point, of x, W and theta."""
    import jax.numpy as jnp

    if args.kind == "root":
        return lambda x, w, theta: 2 * x + jnp.tanh(w @ x) - theta
    return lambda x, w, theta: jnp.tanh(w @ x + theta)


def configured(args):
    import jax

    jax.config.update("jax_enable_x64", args.dtype == "f64")
    return jax


def jax_step(args):
    """Loops by hand, an adjoint by hand."""
    jax = configured(args)
    import jax.numpy as jnp

    f, tol, root = equation(args), tolerance(args), args.kind == "root"
    residual = f if root else lambda x, w, theta: f(x, w, theta) - x

    def iterate(w, theta):
        def newton(x):
            return x - jnp.linalg.solve(jax.jacfwd(residual)(x, w, theta), residual(x, w, theta))

        def goes_on(state):
            x, r, target, k = state
            return (jnp.linalg.norm(r) > target) & (k < 1000)

        def body(state):
            x, r, target, k = state
            x = newton(x) if root else x + r
            r = residual(x, w, theta)
            return x, r, target if root else tol * jnp.linalg.norm(x) + 1e-12, k + 1

        x = jnp.zeros_like(theta)
        r = residual(x, w, theta)
        return jax.lax.while_loop(goes_on, body, (x, r, (tol * jnp.linalg.norm(r) + 1e-12) if root else jnp.zeros_like(r[0]), 0))[0]

    @jax.custom_vjp
    def solve(w, theta):
        return iterate(w, theta)

    def backward(kept, cotangent):
        x, w, theta = kept
        multiplier = jnp.linalg.solve(jax.jacfwd(residual)(x, w, theta).T, -cotangent)
        return jax.vjp(lambda w, theta: residual(x, w, theta), w, theta)[1](multiplier)

    solve.defvjp(lambda w, theta: (lambda x: (x, (x, w, theta)))(iterate(w, theta)), backward)
    return step_of(args, solve), loss_and_gradient, f"jax {jax.__version__}"


def jaxopt_step(args):
    """jaxopt's solvers with its implicit differentiation."""
    configured(args)
    import importlib.metadata

    import jax.numpy as jnp
    import jaxopt

    f = equation(args)
    dense = jaxopt.linear_solve.solve_lu
    if args.kind == "root":
        solver = jaxopt.Broyden(fun=f, tol=tolerance(args), maxiter=100, implicit_diff_solve=dense)
    else:
        solver = jaxopt.FixedPointIteration(fixed_point_fun=f, tol=tolerance(args), maxiter=1000, implicit_diff_solve=dense)
    solve = lambda w, theta: solver.run(jnp.zeros_like(theta), w, theta).params
    return step_of(args, solve), loss_and_gradient, f"jaxopt {importlib.metadata.version('jaxopt')}"


def optimistix_step(args):
    """optimistix's solvers with its implicit adjoint."""
    configured(args)
    import jax.numpy as jnp
    import lineax
    import optimistix

    f = equation(args)
    tol = tolerance(args)
    adjoint = optimistix.ImplicitAdjoint(linear_solver=lineax.LU())
    if args.kind == "root":
        solver, find = optimistix.Newton(rtol=tol, atol=tol, linear_solver=lineax.LU()), optimistix.root_find
    else:
        solver, find = optimistix.FixedPointIteration(rtol=tol, atol=tol), optimistix.fixed_point
    function = lambda x, parameters: f(x, *parameters)
    solve = lambda w, theta: find(function, solver, jnp.zeros_like(theta), (w, theta), adjoint=adjoint, max_steps=1000).value
    return step_of(args, solve), loss_and_gradient, f"optimistix {optimistix.__version__}"


WORKLOAD = Workload(
    name="small_solve",
    title="Small equations and the gradient of their solutions",
    cases=product(kind=["root", "fixed_point"], size=[8], dtype=["f64"], points=[1], threads=[1])
    + product(kind=["root", "fixed_point"], size=[8], dtype=["f64", "f32"], points=[10_000], threads=[1, 2]),
    quick=product(kind=["root"], size=[8], dtype=["f64"], points=[1], threads=[1]),
    peers={"jax_newton": jax_step, "jaxopt": jaxopt_step, "optimistix": optimistix_step},
    counted="equations",
    # Solutions are exact to the solvers' tolerance only.
    tolerance={"f64": 1e-8, "f32": 1e-3},
    unit="µs",
    scale=1e6,
)

if __name__ == "__main__":
    WORKLOAD.main()
