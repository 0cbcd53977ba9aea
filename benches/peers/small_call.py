"""What a call costs when there is hardly anything to compute: the sum of tanh(a x + b) x over a few numbers, and its gradient by x.

  jax             jit; the call of the compiled function
  torch_eager     autograd
  torch_compile   torch.compile of torch.func's gradient
"""

import data
from workload import Workload, product


def inputs(args) -> list:
    """x, a and b."""
    return [data.between(-1.0, 1.0, seed, (args.points,)).astype(data.DTYPES[args.dtype]) for seed in range(60, 63)]


def answer(result) -> dict[str, float]:
    return data.answer(result[0], [result[1]])


def jax_step(args):
    """The compiled step, how to read its answer, and the library's version."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", args.dtype == "f64")
    step = jax.jit(jax.value_and_grad(lambda x, a, b: jnp.sum(jnp.tanh(a * x + b) * x)))
    arrays = [jnp.asarray(array) for array in inputs(args)]
    return lambda: jax.block_until_ready(step(*arrays)), answer, f"jax {jax.__version__}"


def torch_step(args):
    """The step, how to read its answer, and the library's version."""
    import torch

    torch.set_num_threads(args.threads)
    x, a, b = map(torch.from_numpy, inputs(args))
    value = lambda x: torch.sum(torch.tanh(a * x + b) * x)
    if args.impl == "torch_compile":
        compiled = torch.compile(torch.func.grad_and_value(value))
        return lambda: compiled(x)[::-1], answer, f"torch {torch.__version__}"
    x.requires_grad_()

    def step():
        y = value(x)
        return y.detach(), torch.autograd.grad(y, x)[0]

    return step, answer, f"torch {torch.__version__}"


WORKLOAD = Workload(
    name="small_call",
    title="A call on a few numbers",
    cases=product(dtype=["f64"], points=[10, 1000], threads=[1]),
    quick=product(dtype=["f64"], points=[10], threads=[1]),
    peers={"jax": jax_step, "torch_eager": torch_step, "torch_compile": torch_step},
    # Compiling takes PyTorch seconds, and saves nothing that more numbers would show.
    skips=lambda peer, case: peer == "torch_compile" and case["points"] > 10,
    counted="numbers",
    unit="µs",
    scale=1e6,
)

if __name__ == "__main__":
    WORKLOAD.main()
