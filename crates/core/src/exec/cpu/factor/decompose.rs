//! Factorisations that are one sequence of operations: threads share the matrices of a batch.

use crate::exec::cpu::gemm::GRAIN;
use crate::numerics::dispatch::Level;
use crate::ops::Decomposition;
use crate::tensor::{Tensor, copy_elements};
use rayon::prelude::*;

/// The results for each matrix of `x`.
pub(in super::super) fn decompose(
    level: Level,
    pool: Option<&rayon::ThreadPool>,
    decomposition: Decomposition,
    x: &Tensor,
) -> Vec<Tensor> {
    let (batch, matrix) = x.shape().split_at(x.ndim() - 2);
    let count: usize = batch.iter().product();
    let work = matrix[0] * matrix[1] * matrix[1];
    let Some(pool) = pool.filter(|_| count > 1 && count * work > GRAIN / 8) else {
        return decomposition.run(level, x);
    };
    let flat = x.clone().reshaped([&[count], matrix].concat());
    let chunk = count.div_ceil(4 * pool.current_num_threads());
    let starts: Vec<usize> = (0..count).step_by(chunk).collect();
    let parts: Vec<Vec<Tensor>> = pool.install(|| {
        let part = |&start: &usize| decomposition.run(level, &flat.rows(start..count.min(start + chunk)));
        starts.par_iter().map(part).collect()
    });
    let joined = |result: usize| {
        let first = &parts[0][result];
        let mut whole = Tensor::zeros(first.dtype(), [&[count], &first.shape()[1..]].concat());
        let mut at = 0;
        for part in &parts {
            copy_elements(whole.data_mut(), part[result].data(), at);
            at += part[result].len();
        }
        let shape = [batch, &first.shape()[1..]].concat();
        whole.reshaped(shape)
    };
    (0..parts[0].len()).map(joined).collect()
}
