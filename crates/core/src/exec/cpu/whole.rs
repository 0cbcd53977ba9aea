//! Nodes that run whole: those with a kernel use all threads, the others are evaluated as the law says.

use super::reduce::Reduce;
use super::{factor, gemm};
use crate::numerics::dispatch::Level;
use crate::ops::{Kernel, Reduction, Rule};
use crate::tensor::Tensor;

/// The results of an operation.
pub(super) fn run(
    level: Level,
    pool: Option<&rayon::ThreadPool>,
    op: &dyn Rule,
    operands: &[&Tensor],
) -> Vec<Tensor> {
    let reduce = Reduce { level, pool };
    match op.kernel() {
        Kernel::Matmul(matmul) if matmul.strong.is_none() => {
            let [a, b] = [operands[0], operands[1]];
            let e = matmul.extents(a.shape(), b.shape());
            let mut shape = a.shape()[..a.ndim() - 2].to_vec();
            shape.extend([e.m, e.n]);
            vec![gemm::matmul(level, pool, matmul, e, a, b).reshaped(shape)]
        }
        Kernel::Reduce { reduction, axes: &[axis], stable } if reduction != Reduction::Mean => {
            vec![reduce.reduce(reduction, stable, operands[0], axis)]
        }
        Kernel::Decompose(decomposition) => factor::decompose(level, pool, decomposition, operands[0]),
        Kernel::Factor(factor) => factor::run(level, pool, factor, operands),
        Kernel::Dot { stable } => vec![reduce.dot(stable, operands[0], operands[1])],
        _ => op.evaluate(operands),
    }
}
