"""From a program's description to its first result: tracing, differentiating, compiling, and one call on 1,000 points.

The problems are pinn_step.py's. Each figure is of a process of its own. Imports, inputs and what a library starts before its first
operation are not counted; nothing is kept from process to process.

  jax_natural    by nested jvp
  jax_taylor     Taylor series carried through the layers, derived by hand
  torch_taylor   the same with torch.compile
"""

import os

import pinn_step
from workload import Workload, product


def jax_step(args):
    """That of pinn_step.py, when JAX has run something."""
    import jax

    jax.block_until_ready(jax.numpy.zeros(1) + 1)
    return pinn_step.jax_step(args)


def torch_step(args):
    """That of pinn_step.py, without the compiler's cache."""
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
    return pinn_step.torch_step(args)


WORKLOAD = Workload(
    name="compile",
    title="From a program to its first result",
    cases=product(problem=["burgers", "sixth"], dtype=["f64"], points=[1_000], threads=[2]),
    quick=product(problem=["burgers"], dtype=["f64"], points=[1_000], threads=[2]),
    peers={"jax_natural": jax_step, "jax_taylor": jax_step, "torch_taylor": torch_step},
    forms={"tessera": {"from": "builder"}, "tessera_text": {"from": "text"}},
    # PyTorch's compiler takes a good part of a minute for a sixth derivative.
    skips=lambda peer, case: peer == "torch_taylor" and case["problem"] == "sixth",
    values=lambda record: [record["first_s"]],
    # A first call is the figure; what differs between two of them is nothing beside the ratios.
    rounds=lambda case: 1,
    seconds=0.0,
)

if __name__ == "__main__":
    WORKLOAD.main()
