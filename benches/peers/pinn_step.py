"""One step of a physics-informed network: the mean squared residual over a batch and its gradient by all parameters.

Networks have widths coordinates-64-64-64-64-fields and tanh. Problems:

  burgers                u_t + u u_x - (0.01/pi) u_xx
  navier_stokes          steady and plane, fields u, v, p of (x, y): momentum with viscosity 0.01, and the divergence
  kuramoto_sivashinsky   u_t + u u_x + u_xx + u_xxxx
  poisson                the Laplacian in ten coordinates + pi^2 sum sin(pi x_i)
  adam                   burgers, and the update of all parameters by Adam
  sixth                  the sixth derivative of the field in the second coordinate, and nothing else

Forms of the derivatives in the coordinates:

  jax_natural     jit; by nested jvp, the form one writes first
  jax_taylor      jit; Taylor series in each coordinate carried through the layers, derived by hand; of poisson one series of the Laplacian
  jax_folx        jit; poisson by the forward Laplacian of folx
  torch_natural   eager; by autograd, again and again
  torch_taylor    torch.compile; as jax_taylor
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import data
from workload import Workload, loss_and_gradient, product

NU = 0.01 / math.pi
BETAS, RATE, EPSILON = (0.9, 0.999), 1e-3, 1e-8


@dataclass(frozen=True)
class Problem:
    """An equation: its fields, how often it differentiates by each coordinate, its points, its residuals.

    `residuals(f, d)` has the fields (points × fields) and `d[i][k - 1]`, their derivative of order k by coordinate i; `source`, of NumPy
    points, is what stands in the one residual beside them.
    """

    fields: int
    orders: tuple[int, ...]
    points: Callable
    residuals: Callable
    source: Callable | None = None

    @property
    def widths(self) -> list[int]:
        return [len(self.orders), 64, 64, 64, 64, self.fields]


def navier_stokes(f, d):
    (f_x, f_xx), (f_y, f_yy) = d
    at = lambda array, i: array[:, i : i + 1]
    u, v, lap = at(f, 0), at(f, 1), f_xx + f_yy
    momentum = lambda i, p_slope: u * at(f_x, i) + v * at(f_y, i) + p_slope - 0.01 * at(lap, i)
    return [momentum(0, at(f_x, 2)), momentum(1, at(f_y, 2)), at(f_x, 0) + at(f_y, 1)]


def burgers(u, d):
    (u_t,), (u_x, u_xx) = d
    return [u_t + u * u_x - NU * u_xx]


def kuramoto_sivashinsky(u, d):
    (u_t,), (u_x, u_xx, _, u_xxxx) = d
    return [u_t + u * u_x + u_xx + u_xxxx]


def sine_of(points):
    """sin(pi x), by NumPy."""
    import numpy as np

    return np.sin(math.pi * points)


PROBLEMS = {
    "burgers": Problem(1, (1, 2), data.space_time_points, burgers),
    "navier_stokes": Problem(3, (2, 2), data.cube_points, navier_stokes),
    "kuramoto_sivashinsky": Problem(1, (1, 4), data.space_time_points, kuramoto_sivashinsky),
    "sixth": Problem(1, (0, 6), data.space_time_points, lambda u, d: [d[1][5]]),
}
PROBLEMS["poisson"] = Problem(
    1,
    (2,) * 10,
    lambda count, dtype: data.cube_points(count, dtype, 10),
    lambda u, d: [sum(second for _, second in d)],
    lambda points: math.pi**2 * sine_of(points).sum(axis=1, keepdims=True),
)
PROBLEMS["adam"] = PROBLEMS["burgers"]


def network(tanh, layers, points):
    """The fields at every point; for arrays of either library."""
    h = points
    for weight, bias in layers[:-1]:
        h = tanh(h @ weight + bias)
    weight, bias = layers[-1]
    return h @ weight + bias


def tanh_series(y, slope, z):
    """Taylor coefficients 1, 2, … of y = tanh(z) from those of z (None is zero), given y and its slope s = 1 - y².

    From y' = s z':  k y_k = Σ j z_j s_(k-j), and s_k = -Σ y_i y_(k-i).
    """
    ys, ss = [y], [slope]
    for k in range(1, len(z) + 1):
        terms = [ss[k - j] * z[j - 1] if j == k else (j / k) * ss[k - j] * z[j - 1] for j in range(1, k + 1) if z[j - 1] is not None]
        ys.append(sum(terms[1:], terms[0]))
        if k < len(z):
            pairs = [-2 * ys[i] * ys[k - i] for i in range((k + 1) // 2)] + ([-ys[k // 2] * ys[k // 2]] if k % 2 == 0 else [])
            ss.append(sum(pairs[1:], pairs[0]))
    return ys[1:]


def by_hand(tanh, layers, points, orders):
    """The fields and their derivatives at every point, for arrays of either library."""
    (weight, bias), *rest = layers
    z = points @ weight + bias
    # Before the first tanh a coordinate's slope is a row of the weights, the same at every point; the rest is zero.
    series = [[weight[i], *[None] * (order - 1)][:order] for i, order in enumerate(orders)]
    for weight, bias in rest:
        y = tanh(z)
        slope = 1 - y * y
        z = y @ weight + bias
        series = [[c @ weight for c in tanh_series(y, slope, coefficients)] for coefficients in series]
    return z, [[math.factorial(k) * c if k > 1 else c for k, c in enumerate(s, 1)] for s in series]


def laplacian_by_hand(tanh, layers, points):
    """The Laplacian of the field: the value, a slope for each coordinate and the sum of the second derivatives go through the layers."""
    (weight, bias), *rest = layers
    z, slopes, laplacian = points @ weight + bias, list(weight), None
    for weight, bias in rest:
        y = tanh(z)
        slope = 1 - y * y
        curve = -2 * y * slope * sum(g * g for g in slopes)
        laplacian = (curve if laplacian is None else curve + slope * laplacian) @ weight
        slopes = [(slope * g) @ weight for g in slopes]
        z = y @ weight + bias
    return z, [(None, laplacian)]


def loss_of(problem, fields, derivatives, source=None):
    """The sum of the mean squared residuals."""
    residuals = problem.residuals(fields, derivatives)
    squares = [(r**2).mean() for r in (residuals if source is None else [residuals[0] + source])]
    return sum(squares[1:], squares[0])


def jax_step(args):
    """The compiled step, how to read its answer, and the library's version."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", args.dtype == "f64")
    problem = PROBLEMS[args.problem]

    def natural(layers, points):
        def tower(i, order):
            along = jnp.zeros_like(points).at[:, i].set(1)
            f = lambda at: (network(jnp.tanh, layers, at),)
            for _ in range(order):
                f = lambda at, f=f: (lambda values, tangents: (*values, tangents[-1]))(*jax.jvp(f, (at,), (along,)))
            return f(points)

        towers = [tower(i, order) for i, order in enumerate(problem.orders)]
        return towers[1][0], [tower[1:] for tower in towers]

    def taylor(layers, points):
        if args.problem == "poisson":
            return laplacian_by_hand(jnp.tanh, layers, points)
        return by_hand(jnp.tanh, layers, points, problem.orders)

    def forward_laplacian(layers, points):
        import folx

        of_point = folx.forward_laplacian(lambda point: network(jnp.tanh, layers, point)[0])
        return None, [(None, jax.vmap(lambda point: of_point(point).laplacian)(points)[:, None])]

    parts = {"jax_natural": natural, "jax_taylor": taylor, "jax_folx": forward_laplacian}[args.impl]
    raw = problem.points(args.points, args.dtype)
    source = None if problem.source is None else jnp.asarray(problem.source(raw))
    gradient = jax.value_and_grad(lambda layers, points: loss_of(problem, *parts(layers, points), source))
    layers = jax.tree.map(jnp.asarray, data.layers(problem.widths, args.dtype))
    points = jnp.asarray(raw)
    version = f"jax {jax.__version__}"
    if args.problem != "adam":
        step = jax.jit(gradient)
        return lambda: jax.block_until_ready(step(layers, points)), lambda r: data.answer(r[0], jax.tree.leaves(r[1])), version

    def update(theta, mean, square, count, points):
        loss, g = gradient(theta, points)
        count += 1
        mean = jax.tree.map(lambda m, g: BETAS[0] * m + (1 - BETAS[0]) * g, mean, g)
        square = jax.tree.map(lambda v, g: BETAS[1] * v + (1 - BETAS[1]) * (g * g), square, g)
        c1, c2 = (1 - beta**count for beta in BETAS)
        change = lambda p, m, v: p - RATE * (m / c1) / (jnp.sqrt(v / c2) + EPSILON)
        return (jax.tree.map(change, theta, mean, square), mean, square, count), loss

    compiled = jax.jit(update, donate_argnums=(0, 1, 2, 3))
    zeros = lambda: jax.tree.map(jnp.zeros_like, layers)
    state = [(layers, zeros(), zeros(), jnp.zeros((), points.dtype))]

    def step():
        state[0], loss = compiled(*state[0], points)
        return loss, jax.block_until_ready(state[0])[:3]

    return step, lambda r: data.answer(r[0], jax.tree.leaves(r[1])), version


def torch_step(args):
    """The step, how to read its answer, and the library's version."""
    import torch

    torch.set_num_threads(args.threads)
    problem = PROBLEMS[args.problem]
    layers = [tuple(torch.from_numpy(a).requires_grad_() for a in layer) for layer in data.layers(problem.widths, args.dtype)]
    parameters = [a for layer in layers for a in layer]
    points = torch.from_numpy(problem.points(args.points, args.dtype))

    def natural(layers, points):
        coordinates = [points[:, i : i + 1].detach().requires_grad_() for i in (0, 1)]
        fields = network(torch.tanh, layers, torch.cat(coordinates, 1))

        def slope(y, by):
            parts = [torch.autograd.grad(c, by, torch.ones_like(c), create_graph=True)[0] for c in y.split(1, dim=1)]
            return torch.cat(parts, 1) if len(parts) > 1 else parts[0]

        derivatives = []
        for by, order in zip(coordinates, problem.orders):
            tower = [fields]
            for _ in range(order):
                tower.append(slope(tower[-1], by))
            derivatives.append(tower[1:])
        return fields, derivatives

    if args.impl == "torch_natural":
        loss = lambda: loss_of(problem, *natural(layers, points))
    else:
        compiled = torch.compile(lambda layers, points: loss_of(problem, *by_hand(torch.tanh, layers, points, problem.orders)))
        loss = lambda: compiled(layers, points)

    def gradient_step():
        # Where u itself has no part in a residual, the last bias has no gradient.
        value = loss()
        return value, torch.autograd.grad(value, parameters, allow_unused=True, materialize_grads=True)

    optimiser = torch.optim.Adam(parameters, lr=RATE, betas=BETAS, eps=EPSILON, fused=True)

    def adam_step():
        optimiser.zero_grad()
        value = loss()
        value.backward()
        optimiser.step()
        moments = [[optimiser.state[p][name] for p in parameters] for name in ("exp_avg", "exp_avg_sq")]
        return value, [parameters, *moments]

    detached = lambda tree: [detached(part) for part in tree] if isinstance(tree, list | tuple) else tree.detach().numpy()
    answer = lambda result: loss_and_gradient((result[0].detach(), detached(result[1])))
    return adam_step if args.problem == "adam" else gradient_step, answer, f"torch {torch.__version__}"


def matmul_flops(case) -> dict:
    """The operations of the step's matrix products: for each stream (the value and each derivative) through each layer one product
    forward and two in reverse; through the first layer, where derivatives are rows of the weights, of the value only, and one in reverse."""
    problem = PROBLEMS[case["problem"]]
    first, *rest = [fan_in * fan_out for fan_in, fan_out in zip(problem.widths, problem.widths[1:])]
    streams = 1 + (len(problem.orders) + 1 if case["problem"] == "poisson" else sum(problem.orders))
    return {"work": "fma", "amount": 2.0 * case["points"] * (2 * first + 3 * streams * sum(rest))}


WORKLOAD = Workload(
    name="pinn_step",
    title="A step of a physics-informed network",
    cases=product(problem=["burgers"], dtype=["f64", "f32"], points=[10_000], threads=[2, 1])
    + product(problem=["burgers"], dtype=["f64"], points=[100_000, 1_000], threads=[2, 1])
    + product(problem=["navier_stokes", "kuramoto_sivashinsky", "poisson", "adam"], dtype=["f64"], points=[10_000], threads=[2]),
    quick=product(problem=["burgers"], dtype=["f64"], points=[10_000], threads=[1, 2]),
    peers={"jax_natural": jax_step, "jax_taylor": jax_step, "jax_folx": jax_step, "torch_natural": torch_step, "torch_taylor": torch_step},
    # PyTorch takes half a minute to compile the one form, and is slow at the other already at second order.
    skips=lambda peer, case: peer == "jax_folx"
    and case["problem"] != "poisson"
    or peer.startswith("torch")
    and (case["problem"], case["points"]) != ("burgers", 10_000),
    rounds=lambda case: 1 if case["points"] > 10_000 else 2,
    limit=matmul_flops,
)

if __name__ == "__main__":
    WORKLOAD.main()
