//! The promise: one digest, whatever the number of threads, the SIMD level and the tile size.

use tessera::numerics::dispatch::Level;
use tessera::{ANY, Backend, F64, Function, Options, Tensor, Trace};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let trace = Trace::new("sum");
    let x = trace.input("x", F64, [ANY]);
    let y = ((3.0 * x).sin() * x.exp()).tanh();
    let [gradient] = y.sum().gradient([x]);
    let graph = trace.graph([y.sum(), (gradient * gradient).sum()])?;

    let x = Tensor::new([100_000], (0..100_000).map(|i| (i as f64).sqrt() - 150.0).collect());
    let digest = |backend| -> Result<String, tessera::CallError> {
        let results = Function::new(graph.clone(), backend).call(&[&x])?;
        Ok(results.iter().map(Tensor::digest).collect())
    };
    let law = digest(Backend::Reference)?;
    println!("reference interpreter   {}…", &law[..16]);
    for level in Level::available() {
        for (threads, tile_rows) in [(1, None), (2, Some(16)), (7, Some(100))] {
            let options = Options { threads, level: Some(level), tile_rows };
            let got = digest(Backend::Cpu(options))?;
            println!("{level:8} {threads} threads      {}…", &got[..16]);
            assert_eq!(got, law);
        }
    }
    Ok(())
}
