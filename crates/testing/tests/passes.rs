//! Exact passes keep every bit and every law, for random programs and for every operation.

use proptest::prelude::*;
use std::sync::Arc;
use tessera_core::Tensor;
use tessera_core::ad::check::{Options, draw_inputs};
use tessera_core::diagnostic::Source;
use tessera_core::exec::{Backend, Function};
use tessera_core::ir::{Graph, Program};
use tessera_core::passes::{PASSES, pipeline};
use tessera_core::text;
use tessera_core::verify::verify;
use tessera_testing::generate::{self, Choices};
use tessera_testing::samples;

/// The outputs of `graph` by the reference, where its `?` extents allow any.
fn run(graph: &Arc<Graph>, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
    Function::new(graph.clone(), Backend::Reference).call(&inputs.iter().collect::<Vec<_>>()).ok()
}

fn inputs(graph: &Graph) -> Vec<Tensor> {
    draw_inputs(graph, &Options { range: Some((-2.0, 2.0)), ..Options::default() })
}

/// What is not the same in `new`, which a pass made of `old`.
fn difference(old: &Program, new: &Program) -> Option<String> {
    if let Err(errors) = verify(new) {
        return Some(format!("{errors:?}"));
    }
    for (name, graph) in &old.modules {
        let inputs = inputs(graph);
        let Some(want) = run(graph, &inputs) else { continue };
        let Some(got) = run(&new.modules[name], &inputs) else {
            return Some(format!("@{name} must still accept its arguments"));
        };
        if want.len() != got.len() || want.iter().zip(&got).any(|(want, got)| !want.same_bits(got)) {
            return Some(format!("@{name} must have the results {want:?}, got {got:?}"));
        }
    }
    None
}

proptest! {
    #[test]
    fn passes_preserve_bits(numbers in proptest::collection::vec(any::<u32>(), 0..300)) {
        let program = generate::program(&mut Choices::new(&numbers));
        for pass in PASSES {
            let new = pass.run(&program).unwrap();
            prop_assert_eq!(difference(&program, &new), None, "{}:\n{}", pass.name, text::print(&program));
        }
        let new = pipeline(&program).unwrap();
        prop_assert_eq!(difference(&program, &new), None, "pipeline:\n{}", text::print(&program));
        prop_assert_eq!(text::print(&pipeline(&new).unwrap()), text::print(&new));
    }
}

#[test]
fn what_a_pass_makes_gets_a_name_of_its_own() {
    let source = "
tgraph.module @half {
  %x = tgraph.arg : f64
  %c = tgraph.constant {value = 0.5} : f64
  %y = tgraph.mul %c, %x
  tgraph.return %y
}
tgraph.module @g {
  %x = tgraph.arg : f64
  %y, %status, %iterations, %residual = tgraph.fixed_point @half(%x)
  tgraph.return %y, %iterations
}
tgraph.module @fixed_point {
  %x = tgraph.arg : f64
  %y = tgraph.exp %x
  tgraph.return %y
}
tgraph.vmap @g over(%x) -> @d
tgraph.module @h {
  %x = tgraph.arg : f64
  %y = tgraph.call @fixed_point(%x)
  %xs = tgraph.reshape %x {shape = [1]}
  %z, %iterations = tgraph.call @d(%xs)
  tgraph.return %y, %z
}
";
    let program = text::parse(&Source::new("names", source)).unwrap();
    for pass in PASSES {
        let new = pass.run(&program).unwrap();
        assert_eq!(difference(&program, &new), None, "{}", pass.name);
        let again = text::parse(&Source::new("again", text::print(&new))).unwrap();
        assert_eq!(difference(&program, &again), None, "{}", pass.name);
    }
    let expanded = PASSES.iter().find(|pass| pass.name == "expand").unwrap().run(&program).unwrap();
    let names: Vec<&String> = expanded.modules.keys().collect();
    assert!(names.len() > program.modules.len(), "the loop of @g must be among {names:?}");
}

#[test]
fn the_pipeline_preserves_bits_of_every_operation() {
    for sample in samples::all() {
        let mut program = Program::default();
        let name = sample.graph.name.clone();
        program.modules.insert(name.clone(), Arc::new(sample.graph.clone()));
        let new = pipeline(&program).unwrap();
        for rows in [1, 5, 300] {
            let inputs = sample.inputs(7, rows);
            let want = run(&program.modules[&name], &inputs).unwrap();
            let got = run(&new.modules[&name], &inputs).unwrap();
            assert!(want.iter().zip(&got).all(|(want, got)| want.same_bits(got)), "{}", sample.what);
        }
    }
}
