//! `scan`: a module applied over and over, along the rows of its operands.
//!
//! The body takes the carried values, a row of each sequence and the constants; it returns the carried values
//! of the next round and a row of each result:
//!
//! ```text
//! c, y[i] = body(c, x[i], k)    for i = 0, 1, …, or from the last to the first
//! ```
//!
//! The tangent of a scan is a scan of the body's tangent. Its adjoint is a scan that keeps what the body's adjoint
//! needs and a scan in the other direction; see `reverse.rs`.

mod divide;
mod keep;
mod merge;
mod policy;
mod reverse;

pub use keep::Keep;

use super::region::{
    Inputs, batched, carried, check_operands, list, merged, natural, one_region, operand_types, outputs_for,
    pick, reached, spread,
};
use super::*;
use crate::ad::{self, AdError};
use crate::ir::{Attribute, Extent};
use crate::tensor::{copy_elements, copy_range};

pub(super) const ENTRY: Entry = Entry {
    name: "scan",
    summary: "applies a module over and over: to the carried values, a row of each sequence and the constants; it returns the carried \
              values of the next round and a row of each result. Operands are the first carried values, the sequences and the constants; \
              results are the last carried values and the stacked rows. `carries` and `rows` count carried values and sequences, \
              `length` is the number of rounds where no sequence gives it, `reverse` runs from the last row to the first, and `keep` says what \
              the adjoint keeps: `all` (if nothing is written), `recompute`, `periodic(N)`, `revolve(N)`, or names of values",
    example: "%last, %path = tgraph.scan @step(%first, %forces, %mass) {carries = 1, rows = 1} : tensor<3xf64>, tensor<?x3xf64>",
    constraints: &[
        Constraint {
            id: "scan-1",
            law: "a scan names one module; its attributes are the integers `carries`, `rows` and `length`, of at least 0, the truth value \
                  `reverse`, and `keep`",
            mend: "write `tgraph.scan @step(%first, %rows) {carries = 1, rows = 1}`",
        },
        Constraint {
            id: "scan-2",
            law: "a scan has as many operands as its module has inputs, of which `carries` + `rows` are no more",
            mend: "pass the first carried values, then the sequences, then the constants",
        },
        Constraint {
            id: "scan-3",
            law: "operand types agree with the module's input types; a sequence has a leading axis more",
            mend: "convert or reshape the operand that differs",
        },
        Constraint {
            id: "scan-4",
            law: "the module's first outputs are the carried values of the next round, with the types of the first inputs; it has one or more \
                  outputs",
            mend: "return the carried values first, in order",
        },
        Constraint {
            id: "scan-5",
            law: "the number of rounds is known: from `length` or the leading extents of the sequences, which agree",
            mend: "write `length = 100`, or pass a sequence",
        },
        Constraint {
            id: "scan-6",
            law: "`keep` is `all`, `recompute`, `periodic(N)`, `revolve(N)`, or names of values of the module, each with `%`, and blanks between",
            mend: "correct the policy; none means `all`",
        },
    ],
    parse: |_, attributes, _, regions| Ok(Arc::new(Scan::read(attributes, regions)?)),
};

impl Scan {
    /// The scan of these attributes.
    fn read(attributes: &Attributes, regions: &[Arc<Graph>]) -> Result<Scan, Violation> {
        let name = "scan";
        only(name, "scan-1", attributes, &["carries", "rows", "length", "reverse", "keep"])?;
        let count = |attribute| natural(name, "scan-1", attributes, attribute);
        let scan = Scan {
            body: one_region(name, "scan-1", regions)?,
            carries: count("carries")?.unwrap_or(0),
            rows: count("rows")?.unwrap_or(0),
            length: count("length")?,
            reverse: attributes.flag("reverse").unwrap_or(false),
            keep: Keep::read(name, "scan-6", attributes)?,
        };
        scan.keep().check(name, "scan-6", scan.body())?;
        Ok(scan)
    }
}

/// A loop over rows: see [`Scan::new`].
#[derive(Clone, Debug)]
pub struct Scan {
    body: [Arc<Graph>; 1],
    carries: usize,
    rows: usize,
    length: Option<usize>,
    reverse: bool,
    keep: Option<Keep>,
}

impl Scan {
    /// A scan of `body` with so many carried values and sequences, from the first row to the last.
    pub fn new(body: Arc<Graph>, carries: usize, rows: usize) -> Scan {
        Scan { body: [body], carries, rows, length: None, reverse: false, keep: None }
    }

    /// With so many rounds.
    pub fn length(self, length: usize) -> Scan {
        Scan { length: Some(length), ..self }
    }

    /// From the last row to the first, if `reverse`.
    pub fn reversed(self, reverse: bool) -> Scan {
        Scan { reverse, ..self }
    }

    /// With a policy for its adjoint.
    pub fn keeping(self, keep: Keep) -> Scan {
        Scan { keep: Some(keep), ..self }
    }

    fn body(&self) -> &Graph {
        &self.body[0]
    }

    fn keep(&self) -> &Keep {
        self.keep.as_ref().unwrap_or(&Keep::All)
    }

    /// The number of rounds, for operands of these types.
    fn rounds(&self, x: &[&Type]) -> Result<Extent, Violation> {
        let mut length = self.length.map(Extent::Static);
        for (i, x) in x.iter().enumerate().skip(self.carries).take(self.rows) {
            let Some(&extent) = x.shape.first() else {
                let got = format!("operand {i} of scan is a sequence and must have a leading axis, got {x}");
                return Err(Violation::new("scan-3", got));
            };
            if length.is_some_and(|length| !length.agrees(extent)) {
                let got = format!(
                    "sequences of scan must have {} rows, got {x} for operand {i}",
                    length.unwrap_or(Extent::Dynamic)
                );
                return Err(Violation::new("scan-5", got));
            }
            length = Some(length.map_or(extent, |length| length.merge(extent)));
        }
        length.ok_or_else(|| {
            let got = "scan must have a `length` or a sequence, got neither";
            Violation::new("scan-5", got).help("write `{length = 100}`")
        })
    }

    /// The type of each operand as the body sees it.
    fn inner(&self, x: &[&Type]) -> Vec<Type> {
        let is_sequence = |i: usize| (self.carries..self.carries + self.rows).contains(&i);
        x.iter()
            .enumerate()
            .map(|(i, x)| Type { dtype: x.dtype, shape: x.shape[usize::from(is_sequence(i))..].to_vec() })
            .collect()
    }
}

impl Rule for Scan {
    fn name(&self) -> &'static str {
        "scan"
    }

    fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::new()
            .with("carries", Attribute::Int(self.carries as i64))
            .with("rows", Attribute::Int(self.rows as i64));
        if let Some(length) = self.length {
            attributes.insert("length".into(), Attribute::Int(length as i64));
        }
        if self.reverse {
            attributes.insert("reverse".into(), Attribute::Bool(true));
        }
        if let Some(keep) = &self.keep {
            attributes.insert("keep".into(), Attribute::Text(keep.to_string()));
        }
        attributes
    }

    fn regions(&self) -> &[Arc<Graph>] {
        &self.body
    }

    fn with_regions(&self, regions: Vec<Arc<Graph>>) -> Option<Op> {
        let body = <[Arc<Graph>; 1]>::try_from(regions).ok()?;
        let keep = self.keep.as_ref().map(|keep| keep.inherited(&body[0]));
        Some(Arc::new(Scan { body, keep, ..self.clone() }))
    }

    fn with_reports(&self, b: &mut Builder, x: &[Value], regions: Vec<Arc<Graph>>) -> Option<Vec<Value>> {
        b.push(self.with_regions(regions)?, x).ok()
    }

    fn region_inputs(&self, x: &[&Type]) -> Vec<Vec<Type>> {
        vec![self.inner(x)]
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        self.keep().check_form("scan", "scan-6")?;
        let inputs = self.body().inputs().len();
        if self.carries.saturating_add(self.rows) > inputs {
            let got = format!(
                "carries and rows of scan must be at most the {inputs} inputs of @{}, got {} and {}",
                self.body().name,
                self.carries,
                self.rows
            );
            return Err(Violation::new("scan-2", got));
        }
        let rounds = self.rounds(x)?;
        let types = self.inner(x);
        check_operands("scan", self.body(), &types.iter().collect::<Vec<_>>(), "scan-2", "scan-3")?;
        let mut results = outputs_for(self.body(), &types)?;
        let carries = &types[..self.carries];
        let fits = results.len() >= carries.len() && carries.iter().zip(&results).all(|(c, y)| c.agrees(y));
        if !fits || results.is_empty() {
            let (want, got) = (list(carries), list(&results));
            let got = format!("the body of scan must return the carried values ({want}) first, got {got}");
            return Err(Violation::new("scan-4", got));
        }
        for (j, result) in results.iter_mut().enumerate() {
            match carries.get(j) {
                Some(carry) => *result = merged(carry, result),
                None => result.shape.insert(0, rounds),
            }
        }
        Ok(results)
    }

    fn evaluate_with(&self, x: &[&Tensor], run: Run) -> Vec<Tensor> {
        let types: Vec<Type> = x.iter().map(|x| x.ty()).collect();
        let types: Vec<&Type> = types.iter().collect();
        let rounds = self.rounds(&types).ok().and_then(Extent::known).expect("verified");
        let (sequences, constants) = x[self.carries..].split_at(self.rows);
        let mut carry: Vec<Tensor> = x[..self.carries].iter().map(|&x| x.clone()).collect();
        let mut rows: Vec<Tensor> =
            sequences.iter().map(|x| Tensor::zeros(x.dtype(), &x.shape()[1..])).collect();
        let mut stacks: Vec<Tensor> = Vec::new();
        for round in 0..rounds {
            let i = if self.reverse { rounds - 1 - round } else { round };
            for (row, sequence) in rows.iter_mut().zip(sequences) {
                let len = row.len();
                copy_range(row.data_mut(), sequence.data(), i * len..(i + 1) * len);
            }
            let inputs: Vec<&Tensor> = carry.iter().chain(&rows).chain(constants.iter().copied()).collect();
            let mut outputs = run(0, &inputs);
            let made = outputs.split_off(self.carries);
            carry = outputs;
            if round == 0 {
                let stack = |row: &Tensor| {
                    let shape = std::iter::once(rounds).chain(row.shape().iter().copied());
                    Tensor::zeros(row.dtype(), shape.collect::<Vec<_>>())
                };
                stacks = made.iter().map(stack).collect();
            }
            for (stack, row) in stacks.iter_mut().zip(&made) {
                copy_elements(stack.data_mut(), row.data(), i * row.len());
            }
        }
        if rounds == 0 {
            let results = self.infer(&types).expect("verified");
            stacks = results[self.carries..]
                .iter()
                .map(|ty| Tensor::zeros(ty.dtype, ty.static_shape().expect("types of tensors")))
                .collect();
        }
        carry.into_iter().chain(stacks).collect()
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let (c, s) = (self.carries, self.carries + self.rows);
        let (over, _) = carried(self.body(), c, x.over, reached);
        // The rounds lead, then the positions.
        let exchanged = |b: &mut Builder, v: Value| {
            let axes: Vec<usize> = [1, 0].into_iter().chain(2..b.ty(v).ndim()).collect();
            b.transpose(v, &axes)
        };
        let mut operands = x.x.to_vec();
        for i in 0..s {
            match (over[i], x.over[i]) {
                (true, false) => operands[i] = b.repeat(x.x[i], x.lead())?,
                (true, true) if i >= c => operands[i] = exchanged(b, x.x[i]),
                _ => {}
            }
        }
        let types = operand_types(b, &operands);
        let types = self.inner(&types.iter().collect::<Vec<_>>());
        let mut all = over[..c].to_vec();
        all.resize(self.body().outputs().len(), true);
        let (body, _) = batched(self.body(), &types, &over, &all)?;
        let scan = self.with_regions(vec![Arc::new(body)]).expect("one region");
        let results = b.push(scan, &operands)?.into_iter().enumerate();
        let with_axis = results.map(|(j, y)| match over[..c].get(j) {
            Some(false) => b.repeat(y, x.lead()),
            Some(true) => Ok(y),
            None => Ok(exchanged(b, y)),
        });
        with_axis.collect()
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Structured(self)
    }

    fn merge(&self, graph: &Graph, x: &[Value], other: &dyn Rule, y: &[Value]) -> Option<Merged> {
        let other = Scan::read(&other.attributes(), other.regions()).ok()?;
        merge::merge(graph, self, x, &other, y)
    }

    fn kernel(&self) -> Kernel<'_> {
        let Scan { carries, rows, length, reverse, .. } = *self;
        Kernel::Scan { carries, rows, length, reverse }
    }
}

impl Structured for Scan {
    fn depends(&self, active: &[bool]) -> Vec<bool> {
        let (inputs, outputs) = carried(self.body(), self.carries, active, ad::dependence);
        inputs[..self.carries].iter().chain(&outputs[self.carries..]).copied().collect()
    }

    fn differential(
        &self,
        b: &mut Builder,
        x: &[Value],
        _: &[Value],
        dx: &[Option<Value>],
    ) -> Result<Vec<Option<Value>>, AdError> {
        let given: Vec<bool> = dx.iter().map(Option::is_some).collect();
        let (active, outputs) = carried(self.body(), self.carries, &given, ad::dependence);
        let mut parts = Parts::of(self, x);
        // The tangents stand behind what they belong to; carried ones may begin at zero.
        let (c, s) = (self.carries, self.carries + self.rows);
        for (values, range) in
            [(&mut parts.carries, 0..c), (&mut parts.rows, c..s), (&mut parts.constants, s..x.len())]
        {
            for i in range.filter(|&i| active[i]) {
                values.push(dx[i].unwrap_or_else(|| b.zeros_like(x[i])));
            }
        }
        let body = self.tangent_body(&active, &outputs[c..])?;
        let tangents = active[..c].iter().filter(|a| **a).count();
        let wanted: Vec<bool> = (0..body.outputs().len()).map(|k| k >= c).collect();
        let mut results = parts.scan(b, self.clone(), body, &wanted).into_iter().flatten();
        let carried: Vec<Value> = results.by_ref().take(tangents).collect();
        let mut dy = spread(carried, &active[..c]);
        dy.extend(spread(results, &outputs[c..]));
        Ok(dy)
    }

    fn adjoint(
        &self,
        b: &mut Builder,
        x: &[Value],
        _: &[Value],
        dy: &[Option<Cotangent>],
        wanted: &[bool],
    ) -> Result<Vec<Option<Cotangent>>, AdError> {
        reverse::adjoint(self, b, x, dy, wanted)
    }

    fn divide(&self, b: &mut Builder, x: &[Value], moves: &[bool]) -> Option<Vec<Value>> {
        divide::divide(self, b, x, moves)
    }
}

/// The type of a row of `ty` for each round.
fn stacked(ty: &Type, rounds: Extent) -> Type {
    let shape = std::iter::once(rounds).chain(ty.shape.iter().copied());
    Type::new(ty.dtype, shape)
}

impl Scan {
    /// The body that carries tangents: of inputs (carried, tangents of these, rows, tangents, constants, tangents).
    fn tangent_body(&self, active: &[bool], rows: &[bool]) -> Result<Graph, AdError> {
        let (c, s, body) = (self.carries, self.carries + self.rows, self.body());
        let mut inputs = Inputs::new(body, "jvp");
        let mut tangents = Vec::new();
        for range in [0..c, c..s, s..active.len()] {
            inputs.copy(body, range.clone());
            for i in range.filter(|&i| active[i]) {
                tangents.push(inputs.beside(inputs.primal[i], |name| format!("d{name}")));
            }
        }
        let Inputs { mut b, primal } = inputs;
        let outputs = b.inline(body, &primal).expect("regions were verified");
        let wanted: Vec<bool> = active[..c].iter().chain(rows).copied().collect();
        let roots = pick(&outputs, &wanted);
        let dy = ad::forward(&mut b, &roots, &pick(&primal, active), &tangents)?;
        let dy = dy.into_iter().zip(&roots).map(|(dy, &y)| dy.unwrap_or_else(|| b.zeros_like(y)));
        let dy: Vec<Value> = dy.collect();
        Ok(b.finish(outputs[..c].iter().copied().chain(dy).collect()))
    }
}

/// The operands of a scan by what they are.
#[derive(Clone, Debug, Default)]
struct Parts {
    carries: Vec<Value>,
    rows: Vec<Value>,
    constants: Vec<Value>,
}

impl Parts {
    /// The operands `x` of `scan`, or inputs of its body.
    fn of(scan: &Scan, x: &[Value]) -> Parts {
        let (carries, rest) = x.split_at(scan.carries);
        let (rows, constants) = rest.split_at(scan.rows);
        Parts { carries: carries.to_vec(), rows: rows.to_vec(), constants: constants.to_vec() }
    }

    /// The operands for which `wanted`, of all in their order, holds.
    fn picked(&self, wanted: &[bool]) -> Parts {
        let (carries, rest) = wanted.split_at(self.carries.len());
        let (rows, constants) = rest.split_at(self.rows.len());
        Parts {
            carries: pick(&self.carries, carries),
            rows: pick(&self.rows, rows),
            constants: pick(&self.constants, constants),
        }
    }

    fn all(&self) -> Vec<Value> {
        [&self.carries[..], &self.rows, &self.constants].concat()
    }

    /// Appends the scan of `body` over these operands, with the direction, length and policy of `like`: the results
    /// for which `wanted` holds. What they do not need is left out.
    fn scan(&self, b: &mut Builder, like: Scan, body: Graph, wanted: &[bool]) -> Vec<Option<Value>> {
        if !wanted.contains(&true) {
            return vec![None; wanted.len()];
        }
        let c = self.carries.len();
        let outputs = body.outputs();
        let inputs = body.input_values();
        // A carried value is needed if its result is, or the next round's needed ones.
        let mut needed = wanted.to_vec();
        let mut used;
        loop {
            used = body.reaches(&pick(outputs, &needed));
            let grown: Vec<usize> = (0..c).filter(|&j| used[inputs[j].index()] && !needed[j]).collect();
            if grown.is_empty() {
                break;
            }
            grown.into_iter().for_each(|j| needed[j] = true);
        }
        let mut takes: Vec<bool> =
            (0..inputs.len()).map(|i| if i < c { needed[i] } else { used[inputs[i].index()] }).collect();
        // Something must say how many rounds there are.
        let rows = c..c + self.rows.len();
        if like.length.is_none() && !takes[rows.clone()].contains(&true) {
            takes[c] = true;
        }
        let body = body.extract(&body.name, &pick(&inputs, &takes), &pick(outputs, &needed));
        let count = |range: std::ops::Range<usize>| takes[range].iter().filter(|t| **t).count();
        let keep = like.keep.as_ref().map(|keep| keep.inherited(&body));
        let scan = Scan { body: [Arc::new(body)], carries: count(0..c), rows: count(rows), keep, ..like };
        let results =
            b.push(Arc::new(scan), &pick(&self.all(), &takes)).expect("types follow from the scan's");
        let results = spread(results, &needed);
        results.into_iter().zip(wanted).map(|(value, &wanted)| value.filter(|_| wanted)).collect()
    }
}
