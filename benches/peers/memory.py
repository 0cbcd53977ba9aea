"""The memory that a step of pinn_step.py takes beyond its inputs: peak resident memory, less what was resident before the first call.

Where JAX and PyTorch would need tens of gigabytes, Tessera is measured alone.
"""

import pinn_step
from workload import Workload, product

WORKLOAD = Workload(
    name="memory",
    title="Memory of a step",
    cases=product(problem=["burgers"], dtype=["f64"], points=[10_000, 100_000, 1_000_000], threads=[2]),
    quick=product(problem=["burgers"], dtype=["f64"], points=[10_000], threads=[2]),
    peers={name: pinn_step.WORKLOAD.peers[name] for name in ("jax_natural", "jax_taylor", "torch_taylor")},
    skips=lambda peer, case: case["points"] > (10_000 if peer == "torch_taylor" else 100_000),
    program="pinn_step",
    values=lambda record: [record["peak_mib"] - record["base_mib"]],
    unit="MiB",
    scale=1.0,
    rounds=lambda case: 1,
    seconds=0.0,
)

if __name__ == "__main__":
    WORKLOAD.main()
