"""The Hessian of a classifier's loss times a vector: 784-256-256-10, tanh, mean cross-entropy over a batch.

  jax_fwd_rev     jit; forward over reverse
  jax_rev_rev     jit; reverse over reverse
  torch_rev_rev   eager; autograd twice
"""

import data
from workload import Workload, leaves, product

WIDTHS = [784, 256, 256, 10]


def inputs(args) -> tuple:
    """Layers, a direction for each of their arrays, images and labels."""
    layers = data.layers(WIDTHS, args.dtype)
    along = [data.between(-1.0, 1.0, 300 + i, p.shape).astype(p.dtype) for i, p in enumerate(leaves(layers))]
    images = data.between(0.0, 1.0, 42, (args.points, WIDTHS[0])).astype(data.DTYPES[args.dtype])
    return layers, along, images, (WIDTHS[-1] * data.unit(43, args.points)).astype("int64")


def jax_step(args):
    """The compiled step, how to read its answer, and the library's version."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", args.dtype == "f64")

    def loss(parameters, images, labels):
        h = images
        for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2]):
            h = jnp.tanh(h @ weight + bias)
        scores = jax.nn.log_softmax(h @ parameters[-2] + parameters[-1])
        return -jnp.mean(jnp.take_along_axis(scores, labels[:, None], 1))

    gradient = jax.grad(loss)

    def forward_over_reverse(parameters, along, *batch):
        return jax.jvp(lambda p: gradient(p, *batch), (parameters,), (along,))[1]

    def reverse_over_reverse(parameters, along, *batch):
        return jax.grad(lambda p: sum(map(jnp.vdot, gradient(p, *batch), along)))(parameters)

    step = jax.jit(forward_over_reverse if args.impl == "jax_fwd_rev" else reverse_over_reverse)
    layers, along, images, labels = inputs(args)
    arguments = jax.tree.map(jnp.asarray, (leaves(layers), along, images, labels.astype("int32")))
    return lambda: jax.block_until_ready(step(*arguments)), lambda products: data.answer(0.0, products), f"jax {jax.__version__}"


def torch_step(args):
    """The step, how to read its answer, and the library's version."""
    import torch

    torch.set_num_threads(args.threads)
    layers, along, images, labels = inputs(args)
    parameters = tuple(torch.from_numpy(p).requires_grad_() for p in leaves(layers))
    along, images, labels = tuple(map(torch.from_numpy, along)), torch.from_numpy(images), torch.from_numpy(labels)

    def loss(*p):
        h = images
        for weight, bias in zip(p[:-2:2], p[1:-2:2]):
            h = torch.tanh(torch.addmm(bias, h, weight))
        return torch.nn.functional.cross_entropy(torch.addmm(p[-1], h, p[-2]), labels)

    def step():
        gradient = torch.autograd.grad(loss(*parameters), parameters, create_graph=True)
        return torch.autograd.grad(gradient, parameters, along)

    return step, lambda products: data.answer(0.0, products), f"torch {torch.__version__}"


def matmul_flops(case) -> dict:
    """The operations of the products, by x W + b with tangents x', W': forward x W, x' W and x W', in reverse two for the cotangent of x, one
    for that of x' and two for that of W. The images have neither tangent nor cotangent, which leaves three in the first layer."""
    first, *rest = [fan_in * fan_out for fan_in, fan_out in zip(WIDTHS, WIDTHS[1:])]
    return {"work": "fma", "amount": 2.0 * case["points"] * (3 * first + 8 * sum(rest))}


WORKLOAD = Workload(
    name="hvp",
    title="Hessian-vector product of a classifier, 784-256-256-10",
    cases=product(dtype=["f32"], points=[4096, 256], threads=[2]) + product(dtype=["f64"], points=[4096], threads=[2]),
    quick=product(dtype=["f32"], points=[256], threads=[2]),
    peers={"jax_fwd_rev": jax_step, "jax_rev_rev": jax_step, "torch_rev_rev": torch_step},
    counted="images",
    limit=matmul_flops,
)

if __name__ == "__main__":
    WORKLOAD.main()
