//! Attention and its gradient: softmax(Q Kᵀ) V, reverse mode, against a central difference.

use tessera::{F64, Tensor, Trace};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (rows, keys, d) = (4, 5, 3);
    let trace = Trace::new("attention");
    let q = trace.input("q", F64, [rows, d]);
    let k = trace.input("k", F64, [keys, d]);
    let v = trace.input("v", F64, [keys, d]);
    let output = q.matmul(k.transpose()).softmax().matmul(v);
    let loss = (output * output).sum();
    let [dq, dk, dv] = loss.gradient([q, k, v]);
    let step = trace.compile([loss, dq, dk, dv])?;

    let some = |rows: usize, phase: f64| {
        Tensor::new([rows, d], (0..rows * d).map(|i| (phase + 1.7 * i as f64).sin()).collect::<Vec<f64>>())
    };
    let mut inputs = [some(rows, 0.1), some(keys, 0.2), some(keys, 0.3)];
    let results = step.call(&inputs.each_ref())?;
    let h = 1e-5;
    for (argument, gradient) in results[1..].iter().enumerate() {
        let mut loss_at = |x: f64| -> Result<f64, tessera::CallError> {
            inputs[argument].values_mut::<f64>()[4] += x;
            let loss = step.call(&inputs.each_ref())?[0].values::<f64>()[0];
            inputs[argument].values_mut::<f64>()[4] -= x;
            Ok(loss)
        };
        let difference = (loss_at(h)? - loss_at(-h)?) / (2.0 * h);
        let exact = gradient.values::<f64>()[4];
        println!("argument {argument}: derivative {exact:+.9}, difference {difference:+.9}");
        assert!((exact - difference).abs() < 1e-8);
    }
    Ok(())
}
