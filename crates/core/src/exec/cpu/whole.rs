//! Nodes that run whole: those with a kernel use all threads, the others are evaluated as the law says.

use super::Engine;
use super::reduce::Reduce;
use crate::ir::Node;
use crate::ops::{Kernel, Reduction};
use crate::tensor::Tensor;

/// The results of `node`.
pub(super) fn run(engine: &Engine, node: &Node, operands: &[&Tensor]) -> Vec<Tensor> {
    let reduce = Reduce { level: engine.level, pool: engine.pool.as_deref() };
    match node.op.kernel() {
        Kernel::Reduce { reduction, axes: &[axis], stable } if reduction != Reduction::Mean => {
            vec![reduce.reduce(reduction, stable, operands[0], axis)]
        }
        Kernel::Dot { stable } => vec![reduce.dot(stable, operands[0], operands[1])],
        _ => node.op.evaluate(operands),
    }
}
