//! Linear maps pulled through sums.

use tessera_core::ad::forward;
use tessera_core::ir::{Builder, Graph, Value};
use tessera_core::passes::collapse;
use tessera_core::{DType, Type, text};
use tessera_testing::problems::{Pde, mlp};

/// Σ_d u_{x_d x_d} of a network with `hidden` layers of 16 at 8 points, as one writes it.
fn laplacian(dimensions: usize, hidden: usize) -> (Builder, Value) {
    let mut b = Builder::new("laplacian");
    let x: Vec<Value> =
        (0..dimensions).map(|d| b.input(&format!("x{d}"), Type::new(DType::F64, [8, 1]))).collect();
    let widths: Vec<usize> = [vec![dimensions], vec![16; hidden], vec![1]].concat();
    let mut parameters = Vec::new();
    for (layer, pair) in widths.windows(2).enumerate() {
        parameters.push(b.input(&format!("w{layer}"), Type::new(DType::F64, [pair[0], pair[1]])));
        parameters.push(b.input(&format!("b{layer}"), Type::new(DType::F64, [pair[1]])));
    }
    let z = b.concat(&x, 1);
    let u = mlp(&mut b, &parameters, z);
    let mut sum = None;
    for &x in &x {
        let one = b.ones_like(x);
        let slope = forward(&mut b, &[u], &[x], &[one]).unwrap()[0].unwrap();
        let curve = forward(&mut b, &[slope], &[x], &[one]).unwrap()[0].unwrap();
        sum = Some(sum.map_or(curve, |sum| b.add(sum, curve)));
    }
    (b, sum.unwrap())
}

fn count(graph: &Graph, op: &str) -> usize {
    graph.nodes().iter().filter(|node| node.op.name() == op).count()
}

#[test]
fn counts() {
    let (mut b, lap) = laplacian(3, 2);
    eprintln!("{}", text::print_graph(&b.snapshot(vec![lap])));
    let c = collapse(&mut b, &[lap]);
    eprintln!("{}", text::print_graph(&b.snapshot(c)));
    let g = Pde::Poisson.step(DType::F64);
    let live = g.live();
    let mut h = std::collections::BTreeMap::new();
    for n in g.nodes().iter().filter(|n| live[n.results[0].index()]) {
        *h.entry(n.op.name()).or_insert(0) += 1;
    }
    eprintln!("{h:?}");
    panic!();
}
