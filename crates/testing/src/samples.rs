//! For every operation of the table: small graphs that apply it, for the tests that must hold for
//! all operations.

mod linalg;
mod more;
mod solvers;
mod structured;
pub use structured::{policies, step};

use crate::data::between;
use std::sync::Arc;
use tessera_core::ir::{Builder, Extent, Graph, Value};
use tessera_core::ops::{self, Direction, Dot, Function, Matmul, Reduce, Reduction, Rule, Stable};
use tessera_core::{DType, Tensor, Type};

/// One operation applied to inputs of fixed types.
pub struct Sample {
    /// The operation's IR word.
    pub op: &'static str,
    /// What is special about this sample.
    pub what: String,
    /// The graph: its outputs are the operation's results.
    pub graph: Graph,
    /// Where each input lies, for functions with a restricted domain: low and high.
    pub range: (f64, f64),
    /// Whether derivatives exist around almost every point of the range.
    pub smooth: bool,
}

impl Sample {
    /// Inputs for the graph: numbers from the range, integers and truth values from them.
    pub fn inputs(&self, seed: u64, rows: usize) -> Vec<Tensor> {
        let types = self.graph.input_types();
        let input = |(i, ty): (usize, &&Type)| {
            let shape: Vec<usize> = ty.shape.iter().map(|e| e.known().unwrap_or(rows)).collect();
            let (low, high) = match ty.dtype {
                DType::F64 | DType::F32 => self.range,
                DType::Bool => (-1.0, 1.0),
                DType::U64 | DType::U32 => (0.0, 4.0),
                DType::I64 | DType::I32 => (-4.0, 4.0),
            };
            let x = between(low, high, seed + i as u64, &shape);
            let x = match ty.dtype {
                DType::Bool => {
                    Tensor::new(shape, x.values::<f64>().iter().map(|&x| (x > 0.0) as u8 as f64).collect())
                }
                // Labels must be classes.
                dtype if dtype.is_integer() && self.op == "cross_entropy" => {
                    Tensor::new(shape, x.values::<f64>().iter().map(|x| x.abs().min(2.0)).collect())
                }
                _ => x,
            };
            ops::Convert { to: ty.dtype }.evaluate(&[&x]).remove(0)
        };
        types.iter().enumerate().map(input).collect()
    }
}

fn any(dtype: DType, rest: &[usize]) -> Type {
    Type::new(dtype, std::iter::once(Extent::Dynamic).chain(rest.iter().map(|&n| Extent::Static(n))))
}

struct Samples(Vec<Sample>);

impl Samples {
    fn add(
        &mut self,
        op: &'static str,
        what: &str,
        inputs: &[Type],
        range: (f64, f64),
        smooth: bool,
        build: impl FnOnce(&mut Builder, &[Value]) -> Value,
    ) {
        self.add_results(op, what, inputs, range, smooth, |b, x| vec![build(b, x)]);
    }

    /// The same of an operation with several results.
    fn add_results(
        &mut self,
        op: &'static str,
        what: &str,
        inputs: &[Type],
        range: (f64, f64),
        smooth: bool,
        build: impl FnOnce(&mut Builder, &[Value]) -> Vec<Value>,
    ) {
        let mut b = Builder::verbatim(op);
        let x: Vec<Value> =
            inputs.iter().enumerate().map(|(i, ty)| b.input(&format!("x{i}"), ty.clone())).collect();
        let y = build(&mut b, &x);
        let types: Vec<String> = inputs.iter().map(Type::to_string).collect();
        let what = format!("{op} {what} of {}", types.join(", "));
        self.0.push(Sample { op, what, graph: b.finish(y), range, smooth });
    }
}

/// Samples of every operation, for all element types it takes.
pub fn all() -> Vec<Sample> {
    let mut s = Samples(Vec::new());
    more::masks(&mut s);
    for dtype in DType::ALL {
        elementwise(&mut s, dtype);
        moves(&mut s, dtype);
        more::indexing(&mut s, dtype);
        if dtype != DType::Bool {
            reductions(&mut s, dtype);
            more::sums(&mut s, dtype);
        }
        if dtype.is_float() {
            composites(&mut s, dtype);
            more::contractions(&mut s, dtype);
            more::draws(&mut s, dtype);
            linalg::add(&mut s, dtype);
            structured::add(&mut s, dtype);
            solvers::add(&mut s, dtype);
        }
    }
    s.0
}

fn elementwise(s: &mut Samples, dtype: DType) {
    for function in Function::all().filter(|f| f.accepts(dtype)) {
        let range = match function {
            Function::Log | Function::Sqrt | Function::Pow | Function::Div | Function::Atan2 => (0.3, 2.5),
            Function::Log1p => (-0.7, 2.5),
            _ => (-2.5, 2.5),
        };
        for ty in [any(dtype, &[3]), any(dtype, &[]), Type::scalar(dtype)] {
            let inputs = vec![ty; function.arity()];
            s.add(function.name(), "", &inputs, range, dtype.is_float(), |b, x| b.elementwise(function, x));
        }
    }
    let row = any(dtype, &[3]);
    for direction in Direction::ALL {
        s.add("compare", direction.name(), &[row.clone(), row.clone()], (-2.0, 2.0), false, |b, x| {
            b.compare(direction, x[0], x[1])
        });
    }
    for to in DType::ALL {
        let smooth = dtype == DType::F64 && to == DType::F64;
        s.add("convert", to.name(), std::slice::from_ref(&row), (-3.0, 3.0), smooth, |b, x| {
            b.convert(x[0], to)
        });
    }
    let mask = row.with_dtype(DType::Bool);
    s.add("select", "", &[mask, row.clone(), row.clone()], (-2.0, 2.0), dtype.is_float(), |b, x| {
        b.select(x[0], x[1], x[2])
    });
    if dtype != DType::Bool {
        for name in ["ones_like", "zeros_like"] {
            let entry = ops::entry(name).expect("in the table");
            let op = (entry.parse)(name, &Default::default(), &[], &[]).expect("no attributes");
            s.add(name, "", std::slice::from_ref(&row), (-1.0, 1.0), dtype.is_float(), |b, x| b.apply(op, x));
        }
        s.add("iota", "", std::slice::from_ref(&row), (-1.0, 1.0), false, |b, x| b.iota_like(x[0], dtype, 1));
        for axis in [0, 1] {
            let what = format!("of an operand along {axis}");
            s.add("iota", &what, std::slice::from_ref(&row), (-1.0, 1.0), false, |b, x| {
                b.apply(Arc::new(ops::Iota::like(dtype, axis)), x)
            });
        }
    }
}

fn moves(s: &mut Samples, dtype: DType) {
    let smooth = dtype.is_float();
    let range = (-2.0, 2.0);
    let row = any(dtype, &[4]);
    s.add("constant", "", std::slice::from_ref(&row), range, smooth, |b, x| {
        let c = b.constant(
            ops::Convert { to: dtype }.evaluate(&[&Tensor::new([4], vec![1.0, 0.0, 2.0, 1.0])]).remove(0),
        );
        let c = b.broadcast_like(c, &[1], x[0]);
        let mask = b.compare(Direction::Ne, c, x[0]);
        b.select(mask, x[0], c)
    });
    s.add("broadcast", "row", &[Type::new(dtype, [4]), row.clone()], range, smooth, |b, x| {
        b.broadcast_like(x[0], &[1], x[1])
    });
    s.add("broadcast", "column", &[any(dtype, &[]), row.clone()], range, smooth, |b, x| {
        b.broadcast_like(x[0], &[0], x[1])
    });
    s.add("broadcast", "unit column", &[any(dtype, &[1]), row.clone()], range, smooth, |b, x| {
        b.broadcast_like(x[0], &[0, 1], x[1])
    });
    s.add("broadcast", "middle", &[any(dtype, &[2]), any(dtype, &[3, 2])], range, smooth, |b, x| {
        b.broadcast_like(x[0], &[0, 2], x[1])
    });
    s.add("reshape", "in rows", &[any(dtype, &[2, 3])], range, smooth, |b, x| b.reshape(x[0], &[-1, 6]));
    s.add("reshape", "across rows", std::slice::from_ref(&row), range, smooth, |b, x| b.reshape(x[0], &[-1]));
    s.add("reshape", "behind rows", &[any(dtype, &[2, 3])], range, smooth, |b, x| {
        b.apply(Arc::new(ops::Reshape { shape: Some(vec![-1, 1]), keep: 1 }), x)
    });
    for (axis, of) in [(0, 0), (1, 1)] {
        let inputs = [Type::new(dtype, [4]), row.clone()];
        s.add("repeat", &format!("along {axis} of {of}"), &inputs, range, smooth, |b, x| {
            b.apply(Arc::new(ops::Repeat { axis, of }), x)
        });
    }
    s.add("transpose", "rows", std::slice::from_ref(&row), range, smooth, |b, x| {
        b.apply(Arc::new(ops::Transpose { permutation: vec![1, 0] }), x)
    });
    s.add("transpose", "in rows", &[any(dtype, &[2, 3])], range, smooth, |b, x| {
        b.apply(Arc::new(ops::Transpose { permutation: vec![0, 2, 1] }), x)
    });
    s.add("slice", "columns", std::slice::from_ref(&row), range, smooth, |b, x| b.slice(x[0], 1, 1..3));
    s.add("slice", "rows", std::slice::from_ref(&row), range, smooth, |b, x| b.slice(x[0], 0, 0..1));
    s.add("slice", "strided", &[Type::new(dtype, [5, 7])], range, smooth, |b, x| {
        let slice = ops::Slice { starts: vec![0, 1], limits: vec![None, Some(6)], strides: vec![2, 2] };
        b.apply(Arc::new(slice), x)
    });
    s.add("pad", "columns", std::slice::from_ref(&row), range, smooth, |b, x| {
        b.apply(Arc::new(ops::Pad { low: vec![0, 1], high: vec![0, 2], interior: vec![0, 1] }), x)
    });
    s.add("pad", "rows", &[Type::new(dtype, [3, 2])], range, smooth, |b, x| {
        b.apply(Arc::new(ops::Pad { low: vec![1, 0], high: vec![2, 0], interior: vec![1, 0] }), x)
    });
    s.add("pad", "open rows", std::slice::from_ref(&row), range, smooth, |b, x| {
        b.apply(Arc::new(ops::Pad { low: vec![1, 0], high: vec![3, 0], interior: vec![1, 0] }), x)
    });
    s.add("slice", "as many rows", &[any(dtype, &[4]), Type::new(dtype, [1, 2])], range, smooth, |b, x| {
        let slice = ops::Slice { starts: vec![0, 1], limits: vec![None, None], strides: vec![1, 2] };
        b.apply(Arc::new(slice), x)
    });
    s.add("concat", "columns", &[row.clone(), any(dtype, &[1])], range, smooth, |b, x| b.concat(x, 1));
    s.add("concat", "rows", &[Type::new(dtype, [2, 3]), any(dtype, &[3])], range, smooth, |b, x| {
        b.concat(x, 0)
    });
}

fn reductions(s: &mut Samples, dtype: DType) {
    for reduction in Reduction::ALL {
        if reduction == Reduction::Mean && !dtype.is_float() {
            continue;
        }
        for axes in [vec![0], vec![1], vec![0, 1], vec![0, 1, 2], vec![2]] {
            let what = format!("{} over {axes:?}", reduction.name());
            // The derivative of a product asks for static extents.
            let ty = match reduction {
                Reduction::Prod => Type::new(dtype, [5, 3, 2]),
                _ => any(dtype, &[3, 2]),
            };
            s.add("reduce", &what, &[ty], (-2.0, 2.0), dtype.is_float(), |b, x| {
                b.reduce(reduction, x[0], &axes)
            });
        }
    }
    if dtype.is_float() {
        for stable in Stable::ALL {
            for reduction in [Reduction::Sum, Reduction::Mean] {
                let op = Reduce { reduction, axes: Some(vec![0, 2]), stable: Some(stable) };
                let what = format!("{} {} over [0, 2]", stable.name(), reduction.name());
                s.add("reduce", &what, &[any(dtype, &[3, 2])], (-2.0, 2.0), true, |b, x| {
                    b.apply(Arc::new(op), x)
                });
            }
            for rest in [&[][..], &[3], &[2, 3]] {
                let inputs = [any(dtype, rest), any(dtype, rest)];
                s.add("dot", stable.name(), &inputs, (-2.0, 2.0), true, |b, x| {
                    b.apply(Arc::new(Dot { stable: Some(stable) }), x)
                });
            }
        }
    }
    s.add("size", "", &[any(dtype, &[3])], (-1.0, 1.0), false, |b, x| {
        b.apply(Arc::new(ops::Size { axes: None }), x)
    });
}

fn composites(s: &mut Samples, dtype: DType) {
    let range = (-2.0, 2.0);
    let shape = |r: usize, c: usize| Type::new(dtype, [r, c]);
    for (transpose_a, transpose_b) in [(false, false), (true, false), (false, true), (true, true)] {
        let op = Matmul { transpose_a, transpose_b, strong: None, stable: None };
        let what = format!("a {transpose_a} b {transpose_b}");
        let left = if transpose_a { any(dtype, &[5]) } else { any(dtype, &[3]) };
        let right = match (transpose_a, transpose_b) {
            (false, false) => shape(3, 4),
            (false, true) => shape(4, 3),
            (true, false) => any(dtype, &[4]),
            (true, true) => Type::new(dtype, [Extent::Static(4), Extent::Dynamic]),
        };
        s.add("matmul", &what, &[left, right], range, true, |b, x| b.apply(Arc::new(op), x));
    }
    for strong in [0, 1] {
        let op = Matmul { strong: Some(strong), ..Matmul::default() };
        s.add(
            "matmul",
            &format!("strong {strong}"),
            &[any(dtype, &[3]), shape(3, 2)],
            range,
            true,
            |b, x| b.apply(Arc::new(op), x),
        );
    }
    for stable in Stable::ALL {
        for strong in [None, Some(1)] {
            let op = Matmul { strong, stable: Some(stable), ..Matmul::default() };
            let what = format!("{}{}", stable.name(), strong.map_or("", |_| " strong 1"));
            s.add("matmul", &what, &[any(dtype, &[3]), shape(3, 2)], range, true, |b, x| {
                b.apply(Arc::new(op), x)
            });
        }
        let op = Matmul { stable: Some(stable), transpose_a: true, ..Matmul::default() };
        let (what, long) = (format!("{} over many", stable.name()), [any(dtype, &[7]), any(dtype, &[3])]);
        s.add("matmul", &what, &long, range, true, |b, x| b.apply(Arc::new(op), x));
    }
    let batch = [any(dtype, &[2, 3]), any(dtype, &[3, 4])];
    s.add("matmul", "batched", &batch, range, true, |b, x| b.matmul(x[0], x[1]));
    s.add("matmul", "long", &[any(dtype, &[600]), shape(600, 3)], range, false, |b, x| b.matmul(x[0], x[1]));
    s.add("softmax", "", &[any(dtype, &[4])], range, true, |b, x| b.apply(Arc::new(ops::Softmax), x));
    s.add("logsumexp", "", &[any(dtype, &[4])], range, true, |b, x| b.apply(Arc::new(ops::LogSumExp), x));
    for labels in [DType::I64, DType::U32] {
        s.add("cross_entropy", "", &[any(dtype, &[3]), any(labels, &[])], range, true, |b, x| {
            b.apply(Arc::new(ops::CrossEntropy), x)
        });
    }
}
