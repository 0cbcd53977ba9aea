//! Two scans over the same values as one: a loop and its tangent, or a loop and the one that keeps values for its
//! adjoint, which compute the same carried values.

use super::*;

/// Values of each kind that two scans read, each once: those of the first, then those that only the second reads.
struct Union {
    values: Vec<Value>,
    /// For each value of the second, its position.
    second: Vec<usize>,
}

impl Union {
    fn of(first: &[Value], second: &[Value]) -> Union {
        let mut values = first.to_vec();
        let mut position = |v: &Value| {
            values.iter().position(|known| known == v).unwrap_or_else(|| {
                values.push(*v);
                values.len() - 1
            })
        };
        let second = second.iter().map(&mut position).collect();
        Union { values, second }
    }
}

/// One scan that gives the results of `first` over `x` and of `second` over `y`, if one carries all that the other does.
pub(super) fn merge(graph: &Graph, first: &Scan, x: &[Value], second: &Scan, y: &[Value]) -> Option<Merged> {
    let rounds = |scan: &Scan, x: &[Value]| {
        let types: Vec<&Type> = x.iter().map(|&v| graph.ty(v)).collect();
        scan.rounds(&types).ok().and_then(Extent::known)
    };
    if first.reverse != second.reverse || rounds(first, x)? != rounds(second, y)? {
        return None;
    }
    let (mine, other) = (Parts::of(first, x), Parts::of(second, y));
    // Carried values that begin as the same; those that do not stay the same are taken from the list until all do.
    let mut pairs: Vec<Option<usize>> =
        other.carries.iter().map(|v| mine.carries.iter().position(|own| own == v)).collect();
    let smaller = first.carries.min(second.carries);
    let (rows, constants) =
        (Union::of(&mine.rows, &other.rows), Union::of(&mine.constants, &other.constants));
    loop {
        if smaller == 0 || pairs.iter().flatten().count() < smaller {
            return None;
        }
        let body = Body::new(graph, [first, second], [x, y], &pairs, &rows, &constants);
        let same = |j: usize| pairs[j].filter(|&i| body.outputs[0][i] == body.outputs[1][j]);
        let next: Vec<Option<usize>> = (0..pairs.len()).map(same).collect();
        if next == pairs {
            let single = (0..pairs.len()).filter(|&j| pairs[j].is_none()).map(|j| other.carries[j]);
            let carries: Vec<Value> = mine.carries.iter().copied().chain(single).collect();
            let operands = Parts { carries, rows: rows.values, constants: constants.values };
            return Some(body.merged(first, second, operands, &pairs));
        }
        pairs = next;
    }
}

/// The body of both.
struct Body {
    b: Builder,
    /// The outputs of each of the two.
    outputs: [Vec<Value>; 2],
}

impl Body {
    fn new(
        graph: &Graph,
        scans: [&Scan; 2],
        operands: [&[Value]; 2],
        pairs: &[Option<usize>],
        rows: &Union,
        constants: &Union,
    ) -> Body {
        let mut b = Builder::new(&scans[0].body().name);
        let mut inputs = |scan: &Scan, which: &mut dyn Iterator<Item = usize>| -> Vec<Value> {
            let body = scan.body();
            let input = |i: usize| body.inputs()[i].value;
            which
                .map(|i| b.fresh_input(body.name(input(i)).unwrap_or("x"), body.ty(input(i)).clone()))
                .collect()
        };
        let [first, second] = scans;
        let own = inputs(first, &mut (0..first.carries));
        let single = inputs(second, &mut (0..second.carries).filter(|&j| pairs[j].is_none()));
        let mut single = single.into_iter();
        let others: Vec<Value> = pairs
            .iter()
            .map(|pair| pair.map_or_else(|| single.next().expect("one each"), |i| own[i]))
            .collect();
        let mut shared = |union: &Union, leading: usize| -> Vec<Value> {
            let input = |&v: &Value| {
                let Type { dtype, shape } = graph.ty(v);
                let ty = Type { dtype: *dtype, shape: shape[leading..].to_vec() };
                b.fresh_input(graph.name(v).unwrap_or("x"), ty)
            };
            union.values.iter().map(input).collect()
        };
        let (row_inputs, constant_inputs) = (shared(rows, 1), shared(constants, 0));
        let of = |inputs: &[Value], which: &[usize]| which.iter().map(|&i| inputs[i]).collect::<Vec<_>>();
        let rest = |count: usize| operands[0].len() - first.carries - count;
        let x = [&own[..], &row_inputs[..first.rows], &constant_inputs[..rest(first.rows)]].concat();
        let y = [others, of(&row_inputs, &rows.second), of(&constant_inputs, &constants.second)].concat();
        let mut inline = |scan: &Scan, x: &[Value]| b.inline(scan.body(), x).expect("regions were verified");
        let outputs = [inline(first, &x), inline(second, &y)];
        Body { b, outputs }
    }

    fn merged(self, first: &Scan, second: &Scan, parts: Parts, pairs: &[Option<usize>]) -> Merged {
        let [mine, other] = self.outputs;
        let mut results = mine[..first.carries].to_vec();
        let mut theirs = Vec::new();
        for (j, pair) in pairs.iter().enumerate() {
            theirs.push(pair.unwrap_or(results.len()));
            if pair.is_none() {
                results.push(other[j]);
            }
        }
        let carries = results.len();
        let stacked = Union::of(&mine[first.carries..], &other[second.carries..]);
        let own = (0..first.carries).chain((first.carries..mine.len()).map(|k| carries + k - first.carries));
        theirs.extend(stacked.second.iter().map(|k| carries + k));
        results.extend(stacked.values);
        let scan = Scan {
            body: [Arc::new(self.b.finish(results))],
            carries,
            rows: parts.rows.len(),
            length: first.length.or(second.length),
            keep: None,
            ..first.clone()
        };
        Merged { op: Arc::new(scan), operands: parts.all(), results: [own.collect(), theirs] }
    }
}
