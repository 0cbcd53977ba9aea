"""Attention of eight heads of 64 and its gradient: softmax(Q K^T / sqrt 64) V, its product with G summed, by Q, K and V.

  jax            jit; as the formula stands
  torch_sdpa     torch.nn.functional.scaled_dot_product_attention
"""

import data
from workload import Workload, difference_by_norm, loss_and_gradient, product

HEADS, WIDTH = 8, 64


def inputs(args) -> list:
    """Q, K, V and G."""
    return [data.between(-1.0, 1.0, seed, (HEADS, args.points, WIDTH)).astype(data.DTYPES[args.dtype]) for seed in range(20, 24)]


def jax_step(args):
    """The compiled step, how to read its answer, and the library's version."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", args.dtype == "f64")

    def weighted(q, k, v, g):
        scores = jnp.einsum("hid,hjd->hij", q, k) * WIDTH**-0.5
        return jnp.sum((jax.nn.softmax(scores, axis=-1) @ v) * g)

    step = jax.jit(jax.value_and_grad(weighted, (0, 1, 2)))
    arrays = [jnp.asarray(a) for a in inputs(args)]
    return lambda: jax.block_until_ready(step(*arrays)), loss_and_gradient, f"jax {jax.__version__}"


def torch_step(args):
    """The step, how to read its answer, and the library's version."""
    import torch

    torch.set_num_threads(args.threads)
    q, k, v, g = map(torch.from_numpy, inputs(args))
    wrt = [x.requires_grad_() for x in (q, k, v)]

    def step():
        output = torch.nn.functional.scaled_dot_product_attention(q[None], k[None], v[None])[0]
        value = torch.sum(output * g)
        return value.detach(), torch.autograd.grad(value, wrt)

    return step, loss_and_gradient, f"torch {torch.__version__}"


def matmul_flops(case) -> dict:
    """The operations of two products forward and four in reverse."""
    return {"work": "fma", "amount": 12.0 * HEADS * WIDTH * case["points"] ** 2}


WORKLOAD = Workload(
    name="attention",
    title="Attention and its gradient, 8 heads of 64",
    cases=product(dtype=["f32", "f64"], points=[1024], threads=[2, 1]) + product(dtype=["f32"], points=[4096, 256], threads=[2]),
    quick=product(dtype=["f32"], points=[512], threads=[2]),
    peers={"jax": jax_step, "torch_sdpa": torch_step},
    difference=difference_by_norm,
    counted="positions",
    limit=matmul_flops,
    rounds=lambda case: 1 if case["points"] > 1024 else 2,
)

if __name__ == "__main__":
    WORKLOAD.main()
