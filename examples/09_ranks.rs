//! Ranks: a loss over a hundred thousand points, shared by however many processes `mpirun` starts, with the bits of one.
//!
//! ```text
//! cargo build --example 09_ranks --features mpi
//! mpirun -n 4 target/debug/examples/09_ranks
//! mpirun -n 4 target/debug/examples/09_ranks wave.h5    # keeps the residuals of all points, too
//! ```

use tessera::checkpoint::{self, Checkpoint, Rows};
use tessera::{ANY, F64, Sharding, Tensor, Trace};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Fit a sin(b t) to a wave: the graph is that of one process.
    let trace = Trace::new("wave");
    let [a, b] = ["a", "b"].map(|name| trace.input(name, F64, [0usize; 0]));
    let [t, y] = ["t", "y"].map(|name| trace.input(name, F64, [ANY]));
    let error = a * (b * t).sin() - y;
    let loss = (error * error).mean();
    let [da, db] = loss.gradient([a, b]);

    // What is different on ranks: which inputs are sharded, and that each rank makes its own rows of them.
    let points = 100_000;
    let ranks = tessera::ranks::start()?;
    let sharding = Sharding::new(ranks.communicator.clone()).rows("t", points).rows("y", points);
    let own: Vec<f64> = sharding.range(points).map(|i| i as f64 / points as f64).collect();
    let step = trace.compile_sharded([loss, a - 0.1 * da, b - 0.1 * db, error], ranks.backend(), sharding)?;

    let y = Tensor::new([own.len()], own.iter().map(|t| 2.0 * (3.0 * t).sin()).collect());
    let t = Tensor::new([own.len()], own);
    let (mut a, mut b) = (Tensor::scalar(1.5), Tensor::scalar(2.5));
    let (mut loss, mut residuals) = (f64::INFINITY, Tensor::zeros(F64, [0]));
    for _ in 0..200 {
        let results = step.call(&[&a, &b, &t, &y])?;
        loss = results[0].values::<f64>()[0];
        [a, b, residuals] = [1, 2, 3].map(|i| results[i].clone());
    }

    // Each rank has the residuals of its own points; together they write those of all, in order.
    if let Some(path) = std::env::args_os().nth(1) {
        let run = Checkpoint::new(0, "", "");
        let all = Rows { path: "residuals", rows: points, own: &residuals };
        checkpoint::write_sharded(path.as_ref(), &run, &[all], &*ranks.communicator, checkpoint::KEEP)?;
    }
    let digests = [&a, &b].map(|x| x.digest()[..16].to_string());
    if ranks.communicator.rank() == 0 {
        let (a, b) = (a.values::<f64>()[0], b.values::<f64>()[0]);
        println!("{} ranks: a = {a:.6}, b = {b:.6}, loss = {loss:.1e}", ranks.communicator.size());
        println!("digests {} {}", digests[0], digests[1]);
    }
    assert!(loss < 1e-2);
    Ok(())
}
