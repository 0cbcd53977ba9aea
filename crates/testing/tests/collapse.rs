//! Linear maps pulled through sums: how many operations are left, the same values, and nothing touched where there is nothing to pull.

use tessera_core::ad::check::{Options, draw_inputs};
use tessera_core::ad::{self, backward, forward, series};
use tessera_core::exec::{Backend, Function};
use tessera_core::ir::{Builder, Graph, Program, Value};
use tessera_core::passes::{collapse, pass};
use tessera_core::verify::verify;
use tessera_core::{DType, Extent, Tensor, Type, text};
use tessera_testing::generate::numbered;
use tessera_testing::problems::mlp;

/// A network with hidden layers of 16 at 8 points, whose coordinates are columns of their own.
struct Field {
    coordinates: Vec<Value>,
    parameters: Vec<Value>,
    value: Value,
}

impl Field {
    fn new(b: &mut Builder, dimensions: usize, hidden: usize) -> Field {
        let input = |b: &mut Builder, name: String, shape: &[usize]| {
            b.input(&name, Type::new(DType::F64, shape.iter().copied()))
        };
        let coordinates: Vec<Value> = (0..dimensions).map(|d| input(b, format!("x{d}"), &[8, 1])).collect();
        let widths: Vec<usize> = [vec![dimensions], vec![16; hidden], vec![1]].concat();
        let mut parameters = Vec::new();
        for (layer, pair) in widths.windows(2).enumerate() {
            parameters.push(input(b, format!("w{layer}"), pair));
            parameters.push(input(b, format!("b{layer}"), &pair[1..]));
        }
        let z = b.concat(&coordinates, 1);
        let value = mlp(b, &parameters, z);
        Field { coordinates, parameters, value }
    }

    fn along(&self, b: &mut Builder, y: Value, d: usize) -> Value {
        let one = b.ones_like(self.coordinates[d]);
        forward(b, &[y], &[self.coordinates[d]], &[one]).unwrap()[0].unwrap()
    }

    /// Σ_d of the second derivative of `y` along coordinate d, by nested forward mode.
    fn laplacian(&self, b: &mut Builder, y: Value) -> Value {
        let second = |d| {
            let slope = self.along(b, y, d);
            self.along(b, slope, d)
        };
        let curves: Vec<Value> = (0..self.coordinates.len()).map(second).collect();
        curves.into_iter().reduce(|sum, curve| b.add(sum, curve)).unwrap()
    }

    /// The same by Taylor mode.
    fn laplacian_of_series(&self, b: &mut Builder) -> Value {
        let second = |&x: &Value| {
            let path = vec![Some(b.ones_like(x))];
            series(b, &[self.value], &[x], &[path], 2).unwrap()[0][1].unwrap()
        };
        let halves: Vec<Value> = self.coordinates.iter().map(second).collect();
        let half = halves.into_iter().reduce(|sum, curve| b.add(sum, curve)).unwrap();
        b.add(half, half)
    }
}

fn count(graph: &Graph, op: &str) -> usize {
    graph.nodes().iter().filter(|node| node.op.name() == op).count()
}

fn run(graph: &Graph, inputs: &[Tensor]) -> Vec<Tensor> {
    Function::new(graph.clone(), Backend::Reference).call(&inputs.iter().collect::<Vec<_>>()).unwrap()
}

/// That both graphs give the same but for rounding.
fn assert_close(collapsed: &Graph, graph: &Graph) {
    let inputs = draw_inputs(graph, &Options::default());
    for (got, want) in run(collapsed, &inputs).iter().zip(run(graph, &inputs)) {
        let (got, want) = (got.values::<f64>(), want.values::<f64>());
        let size = want.iter().fold(0.0, |size: f64, x| size.max(x.abs()));
        let near = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-12 * size;
        assert!(got.iter().zip(want).all(near), "@{}: want {want:?}, got {got:?}", graph.name);
    }
}

#[test]
fn a_laplacian_takes_one_stream_more_than_its_gradient() {
    for (dimensions, hidden) in [(1, 3), (2, 1), (3, 4), (10, 4)] {
        for nested in [true, false] {
            let mut b = Builder::new("laplacian");
            let field = Field::new(&mut b, dimensions, hidden);
            let laplacian = match nested {
                true => field.laplacian(&mut b, field.value),
                false => field.laplacian_of_series(&mut b),
            };
            let graph = b.snapshot(vec![laplacian]);
            let collapsed = collapse(&mut b, &[laplacian]);
            let collapsed = b.snapshot(collapsed);
            // Value and slopes in the first layer, the sum of the curvatures besides in the hidden ones, and that alone in the last.
            let products = (1 + dimensions) + (hidden - 1) * (1 + dimensions + 1) + 1;
            assert_eq!(count(&collapsed, "matmul"), products, "{dimensions} dimensions, {hidden} layers");
            assert_close(&collapsed, &graph);
        }
    }
}

#[test]
fn a_direction_costs_three_elementwise_operations_a_layer() {
    let nodes = |dimensions| {
        let mut b = Builder::new("laplacian");
        let field = Field::new(&mut b, dimensions, 3);
        let laplacian = field.laplacian(&mut b, field.value);
        let collapsed = collapse(&mut b, &[laplacian]);
        let collapsed = b.snapshot(collapsed);
        ["add", "mul", "neg", "sub"].map(|op| count(&collapsed, op)).iter().sum::<usize>()
    };
    // In two layers z_d to h_d, h_d z_d and its sum over d; in the last z_d² and its sum.
    assert_eq!(nodes(7) - nodes(6), 2 * 3 + 2);
}

#[test]
fn gradients_and_higher_operators_collapse_to_the_same_values() {
    let mut b = Builder::new("operators");
    let field = Field::new(&mut b, 2, 2);
    let laplacian = field.laplacian(&mut b, field.value);
    let bilaplacian = field.laplacian(&mut b, laplacian);
    let roots = [laplacian, bilaplacian];
    let before = count(&b.snapshot(roots.to_vec()), "matmul");
    let collapsed = collapse(&mut b, &roots);
    assert!(count(&b.snapshot(collapsed.clone()), "matmul") < before);
    let [graph, collapsed] = [roots.to_vec(), collapsed].map(|roots| {
        let mut outputs = roots.clone();
        for root in roots {
            let square = b.mul(root, root);
            let loss = b.sum_all(square);
            let seed = b.ones_like(loss);
            let gradient = backward(&mut b, &[loss], &[seed], &field.parameters).unwrap();
            outputs.extend(gradient.into_iter().flatten());
        }
        b.snapshot(outputs)
    });
    assert_close(&collapsed, &graph);
}

#[test]
fn what_has_nothing_to_pull_is_left_as_it_is() {
    let mut b = Builder::new("burgers");
    let field = Field::new(&mut b, 2, 4);
    let u = field.value;
    let [u_t, u_x] = [0, 1].map(|d| field.along(&mut b, u, d));
    let u_xx = field.along(&mut b, u_x, 1);
    let nu = b.full_like(u, 0.01);
    let (advection, diffusion) = (b.mul(u, u_x), b.mul(nu, u_xx));
    let sum = b.add(u_t, advection);
    let residual = b.sub(sum, diffusion);
    assert_eq!(collapse(&mut b, &[residual]), [residual]);
    // A Laplacian of which a part is also needed by itself is not: u_yy has its own stream.
    let u_tt = field.along(&mut b, u_t, 0);
    let laplacian = b.add(u_tt, u_xx);
    assert_eq!(collapse(&mut b, &[laplacian, u_xx, u_x, u_t]), [laplacian, u_xx, u_x, u_t]);
    assert_ne!(collapse(&mut b, &[laplacian, u_x, u_t]), [laplacian, u_x, u_t]);
}

#[test]
fn long_sums_and_deep_graphs_take_time_in_proportion() {
    let mut b = Builder::new("deep");
    let ty = Type::new(DType::F64, [2]);
    let [x, w] = ["x", "w"].map(|name| b.input(name, ty.clone()));
    let mut sum = x;
    for i in 0..100_000 {
        let factor = b.full_like(x, f64::from(i) + 2.0);
        let term = b.mul(w, factor);
        sum = b.add(sum, term);
    }
    let mut deep = sum;
    for _ in 0..100_000 {
        deep = b.tanh(deep);
        deep = b.sub(deep, x);
    }
    let start = std::time::Instant::now();
    let collapsed = collapse(&mut b, &[deep]);
    assert_ne!(collapsed, [deep]);
    assert!(start.elapsed().as_secs() < 60, "took {:?}", start.elapsed());
    assert_eq!(count(&b.snapshot(collapsed), "mul"), 1);
}

/// Two ways to each of many levels are 2^100 terms, if one writes them out.
#[test]
fn what_doubles_at_every_level_stays_small() {
    for twice in [Builder::add, Builder::mul, Builder::sub] {
        let mut b = Builder::new("doubled");
        let [x, w] = ["x", "w"].map(|name| b.input(name, Type::new(DType::F64, [2])));
        let doubled = (0..100).fold(x, |y, _| twice(&mut b, y, y));
        let (first, second) = (b.mul(doubled, w), b.mul(x, w));
        let sum = b.add(first, second);
        let graph = b.snapshot(vec![sum]);
        let collapsed = collapse(&mut b, &[sum]);
        let collapsed = b.snapshot(collapsed);
        assert!(collapsed.nodes().len() < graph.nodes().len());
        assert_close(&collapsed, &graph);
    }
}

/// A collapsed program verifies, and has the same results but for rounding.
#[test]
fn random_programs_stay_programs() {
    let (mut compared, mut collapsed) = (0, 0);
    for k in 0..600 {
        for graph in numbered(k).modules.values() {
            let Some(graph) = curvatures(graph) else { continue };
            let mut program = Program::default();
            program.insert(graph.clone()).unwrap();
            let new = pass("collapse").unwrap().run(&program).unwrap();
            assert!(verify(&new).is_ok(), "{}", text::print(&program));
            let new = &new.modules[&graph.name];
            let inputs = draw_inputs(&graph, &Options { range: Some((0.3, 0.9)), ..Options::default() });
            let arguments: Vec<&Tensor> = inputs.iter().collect();
            let call = |graph: Graph| Function::new(graph, Backend::Reference).call(&arguments);
            // Not every `?` can be what is drawn.
            let Ok(want) = call(graph.clone()) else { continue };
            let got = call(Graph::clone(new)).unwrap();
            collapsed += usize::from(new.nodes().len() < graph.nodes().len());
            for (want, got) in want.iter().zip(&got).filter(|(want, _)| want.dtype() == DType::F64) {
                for (want, got) in want.values::<f64>().iter().zip(got.values::<f64>()) {
                    let near = (want - got).abs() <= 1e-9 * want.abs().max(1.0) || !want.is_finite();
                    assert!(near, "want {want}, got {got}\n{}", text::print_graph(&graph));
                    compared += usize::from(want.is_finite());
                }
            }
        }
    }
    assert!(compared > 700 && collapsed > 15, "{compared} elements compared, {collapsed} programs collapsed");
}

/// The sum of the second derivatives of each float output of `source` along every float input by itself, and along all. Nothing
/// where they cannot be had.
fn curvatures(source: &Graph) -> Option<Graph> {
    let mut b = Builder::new("curvatures");
    let x = b.copy_inputs(source);
    let outputs = b.inline(source, &x).unwrap();
    let wrt: Vec<Value> = x.into_iter().filter(|&x| b.ty(x).dtype.is_float()).collect();
    let mut sums = Vec::new();
    let floats: Vec<Value> = outputs.into_iter().filter(|&y| b.ty(y).dtype.is_float()).collect();
    for y in floats {
        let mut sum = y;
        for direction in wrt.iter().map(std::slice::from_ref).chain([&wrt[..]]) {
            let ones: Vec<Value> = direction.iter().map(|&x| b.ones_like(x)).collect();
            let slope = forward(&mut b, &[y], direction, &ones).ok()?[0];
            let Some(slope) = slope else { continue };
            if let Some(curvature) = forward(&mut b, &[slope], direction, &ones).ok()?[0] {
                sum = b.add(sum, curvature);
            }
        }
        sums.push(sum);
    }
    (!sums.is_empty()).then(|| b.snapshot(sums))
}

/// The Laplacian of a network of `dimensions` coordinates at 8 points, by a batch of directions: the statement `derivative` gives second
/// derivatives along one direction, the batch puts those along all unit vectors on a leading axis, and a sum takes them together.
fn batched_laplacian(dimensions: usize, hidden: usize, taylor: bool) -> (Graph, Graph) {
    let widths: Vec<usize> = [vec![dimensions], vec![16; hidden], vec![1]].concat();
    let mut b = Builder::new("u");
    let x = b.input("x", Type::new(DType::F64, [8, dimensions]));
    let mut parameters = Vec::new();
    for (layer, pair) in widths.windows(2).enumerate() {
        parameters.push(b.input(&format!("w{layer}"), Type::new(DType::F64, pair.iter().copied())));
        parameters.push(b.input(&format!("b{layer}"), Type::new(DType::F64, [pair[1]])));
    }
    let u = mlp(&mut b, &parameters, x);
    let u = b.finish(vec![u]);
    let second = match taylor {
        true => ad::taylor(&u, &u.input_values()[..1], 2).unwrap(),
        false => ad::hvp(&u, &u.input_values()[..1], &["dx".into()]).unwrap(),
    };
    let direction = second.input_named("dx").unwrap();
    let all = ad::vmap(&second, &[direction], Extent::Static(dimensions)).unwrap();
    let mut b = Builder::new("laplacian");
    let inputs = b.copy_inputs(&u);
    let unit = |d: usize| (0..dimensions).map(move |k| if k == d { 1.0 } else { 0.0 });
    let units: Vec<f64> = (0..dimensions).flat_map(unit).collect();
    let units = b.constant(Tensor::new([dimensions, dimensions], units));
    let units = b.broadcast(units, &[0, 2], &[dimensions, 8, dimensions]);
    let curves = b.inline(&all, &[inputs, vec![units]].concat()).unwrap();
    let sum = b.sum(*curves.last().unwrap(), &[0]);
    let laplacian = if taylor { b.add(sum, sum) } else { sum };
    let graph = b.snapshot(vec![laplacian]);
    let collapsed = collapse(&mut b, &[laplacian]);
    (graph, b.snapshot(collapsed))
}

/// The rows that go through products with weights.
fn rows_multiplied(graph: &Graph) -> usize {
    let products = graph.nodes().iter().filter(|node| node.op.name() == "matmul");
    let rows = |value: Value| graph.ty(value).static_shape().unwrap().iter().rev().skip(1).product::<usize>();
    products.map(|node| rows(node.results[0])).sum()
}

#[test]
fn a_sum_over_directions_takes_one_stream_more_than_the_gradient() {
    for (dimensions, hidden) in [(2, 1), (3, 2), (10, 4)] {
        for taylor in [true, false] {
            let (graph, collapsed) = batched_laplacian(dimensions, hidden, taylor);
            let streams = (1 + dimensions) + (hidden - 1) * (1 + dimensions + 1) + 1;
            assert_eq!(rows_multiplied(&collapsed), 8 * streams, "{dimensions} dimensions, {hidden} layers");
            assert!(rows_multiplied(&graph) > 8 * streams);
            assert_close(&collapsed, &graph);
        }
    }
}
