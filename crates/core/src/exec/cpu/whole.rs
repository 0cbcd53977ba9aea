//! Nodes that run whole: those with a kernel use all threads, the others are evaluated as the law says.

use super::reduce::Reduce;
use super::{factor, gemm, stable};
use crate::numerics::dispatch::Level;
use crate::numerics::parallel;
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
            vec![gemm::matmul(level, pool, matmul, e, a, b).reshaped(matmul.shape(e, a.shape()))]
        }
        Kernel::StableMatmul(matmul) => {
            let e = matmul.extents(operands[0].shape(), operands[1].shape());
            let y = stable::matmul(&reduce, matmul, e, operands[0], operands[1]);
            vec![y.reshaped(matmul.shape(e, operands[0].shape()))]
        }
        Kernel::Reduce { reduction, axes: &[axis], stable } if reduction != Reduction::Mean => {
            vec![reduce.reduce(reduction, stable, operands[0], axis)]
        }
        Kernel::Factor(factor) => factor::run(level, pool, factor, operands),
        Kernel::Decompose(decomposition) => factor::decompose(level, pool, decomposition, operands[0]),
        Kernel::Dot { stable } => vec![reduce.dot(stable, operands[0], operands[1])],
        // What can be shared is: `numerics::parallel` asks whether it runs in a pool.
        _ => match pool {
            Some(pool) if operands.iter().any(|x| parallel::is_large(x.len())) => {
                pool.install(|| op.evaluate(operands))
            }
            _ => op.evaluate(operands),
        },
    }
}
