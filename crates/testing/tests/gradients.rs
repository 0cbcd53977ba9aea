//! The check of derivatives accepts what is right: every smooth operation, at both precisions.

use tessera_core::ad::check::{Options, Verdict, check_gradients};
use tessera_core::ir::Value;
use tessera_testing::samples;

#[test]
fn right_derivatives_pass_for_every_operation() {
    let (mut agree, mut unclear) = (0, 0);
    for sample in samples::all().into_iter().filter(|sample| sample.smooth) {
        let graph = &sample.graph;
        if !graph.output_types().iter().all(|ty| ty.dtype.is_float()) {
            continue;
        }
        let inputs = graph.inputs().iter().map(|input| input.value);
        let wrt: Vec<Value> = inputs.filter(|&v| graph.ty(v).dtype.is_float()).collect();
        for seed in 0..3 {
            let options = Options { seed, elements_max: 16, ..Options::default() };
            let report = check_gradients(graph, &wrt, &sample.inputs(seed, 4), &options).unwrap();
            assert!(report.passed(), "{}\n{report}", sample.what);
            for check in &report.checks {
                match check.verdict() {
                    Verdict::Agrees => agree += 1,
                    _ => unclear += 1,
                }
            }
        }
    }
    // What cannot be judged is the exception: kinks, and values that round coarsely.
    assert!(agree > 20 * unclear, "{agree} agree, {unclear} are unclear");
}
