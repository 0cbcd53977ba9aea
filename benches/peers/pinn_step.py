"""One step of a Burgers PINN: the mean squared residual over a batch, and its gradient by all parameters.

Network (t, x) -> u of widths 2-64-64-64-64-1 with tanh; residual r = u_t + u u_x - nu u_xx with nu = 0.01 / pi.

  jax_natural     jit; derivatives in t and x by nested jvp, the form one writes first
  jax_taylor      jit; u, u_t, u_x and u_xx carried through the layers by hand
  torch_natural   eager; derivatives by autograd, twice
  torch_taylor    torch.compile; as jax_taylor
"""

import math
import time

import data
import measure

WIDTHS = [2, 64, 64, 64, 64, 1]
NU = 0.01 / math.pi


def network(tanh, layers, points):
    """u at every point; for arrays of either library."""
    h = points
    for weight, bias in layers[:-1]:
        h = tanh(h @ weight + bias)
    weight, bias = layers[-1]
    return h @ weight + bias


def by_hand(tanh, layers, points):
    """u, u_t, u_x, u_xx at every point, for arrays of either library.

    Through h = tanh(z) with s = 1 - h²:  h' = s z',  h'' = s z'' - 2 h s z'².  Before the first tanh z' is a
    row of the weights, the same at every point, and z'' is zero.
    """
    (weight, bias), *rest = layers
    z, z_t, z_x, z_xx = points @ weight + bias, weight[0], weight[1], None
    for weight, bias in rest:
        h = tanh(z)
        slope = 1 - h * h
        curve = -2 * h * slope * (z_x * z_x)
        h_xx = curve if z_xx is None else slope * z_xx + curve
        z, z_t, z_x, z_xx = h @ weight + bias, (slope * z_t) @ weight, (slope * z_x) @ weight, h_xx @ weight
    return z, z_t, z_x, z_xx


def loss_of(u, u_t, u_x, u_xx):
    """Mean squared residual."""
    return ((u_t + u * u_x - NU * u_xx) ** 2).mean()


def jax_step(args):
    """The compiled step, how to read its answer, and the library's version."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", args.dtype == "f64")

    def natural(layers, points):
        along_t = jnp.zeros_like(points).at[:, 0].set(1)
        along_x = jnp.zeros_like(points).at[:, 1].set(1)
        u_of = lambda at: network(jnp.tanh, layers, at)
        with_u_x = lambda at: jax.jvp(u_of, (at,), (along_x,))
        (u, u_x), (_, u_xx) = jax.jvp(with_u_x, (points,), (along_x,))
        _, u_t = jax.jvp(u_of, (points,), (along_t,))
        return u, u_t, u_x, u_xx

    parts = natural if args.impl == "jax_natural" else lambda layers, points: by_hand(jnp.tanh, layers, points)
    step = jax.jit(jax.value_and_grad(lambda layers, points: loss_of(*parts(layers, points))))
    layers = jax.tree.map(jnp.asarray, data.layers(WIDTHS, args.dtype))
    points = jnp.asarray(data.space_time_points(args.points, args.dtype))
    answer = lambda result: data.answer(result[0], jax.tree.leaves(result[1]))
    return lambda: jax.block_until_ready(step(layers, points)), answer, f"jax {jax.__version__}"


def torch_step(args):
    """The step, how to read its answer, and the library's version."""
    import torch

    torch.set_num_threads(args.threads)
    layers = [tuple(torch.from_numpy(a).requires_grad_() for a in layer) for layer in data.layers(WIDTHS, args.dtype)]
    parameters = [a for layer in layers for a in layer]
    points = torch.from_numpy(data.space_time_points(args.points, args.dtype))

    def natural(layers, points):
        t, x = (points[:, i : i + 1].detach().requires_grad_() for i in (0, 1))
        slope = lambda y, by: torch.autograd.grad(y, by, torch.ones_like(y), create_graph=True)
        u = network(torch.tanh, layers, torch.cat([t, x], 1))
        u_t, u_x = slope(u, (t, x))
        return u, u_t, u_x, slope(u_x, (x,))[0]

    if args.impl == "torch_natural":
        loss = lambda: loss_of(*natural(layers, points))
    else:
        compiled = torch.compile(lambda layers, points: loss_of(*by_hand(torch.tanh, layers, points)))
        loss = lambda: compiled(layers, points)

    def step():
        # The last bias is in no derivative, and where u itself has no part in r it would have no gradient.
        value = loss()
        return value, torch.autograd.grad(value, parameters, allow_unused=True, materialize_grads=True)

    answer = lambda result: data.answer(result[0].detach(), [g.numpy() for g in result[1]])
    return step, answer, f"torch {torch.__version__}"


def main():
    args = measure.arguments("pinn_step", ["jax_natural", "jax_taylor", "torch_natural", "torch_taylor"])
    measure.confine(args.threads)
    step, answer, version = (jax_step if args.impl.startswith("jax") else torch_step)(args)
    start = time.perf_counter()
    result = step()
    first_s = time.perf_counter() - start
    samples = measure.sample(step, args.samples, args.seconds)
    measure.emit("pinn_step", args, version=version, first_s=first_s, samples=samples, **answer(result))


if __name__ == "__main__":
    main()
