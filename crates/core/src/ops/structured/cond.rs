//! `cond`: one of several modules, chosen when the graph runs. Only that one runs.

use super::region::{
    any, batched, check_operands, choose, cotangents, first, list, marked_only, may_be_long, merged,
    operand_types, outputs_for, pick, reached, spread, tangents, without_unused,
};
use super::*;
use crate::ad::{AdError, dependence, divided, residuals};
use crate::ir::DType;
use crate::tensor::Data;

pub(super) const ENTRY: Entry = Entry {
    name: "cond",
    summary: "applies one of its modules to the operands behind the first, which chooses it: true the first and false the second, or an \
              integer the module of that position, clamped to those there are",
    example: "%y = tgraph.cond @then, @else(%p, %x) : tensor<?xf64>",
    constraints: &[
        Constraint {
            id: "cond-1",
            law: "a cond names two modules or more, which have the same inputs, and has no attributes",
            mend: "give both modules the same `tgraph.arg`s; one may leave some unused",
        },
        Constraint {
            id: "cond-2",
            law: "the first operand is a scalar: bool for two modules, or an integer",
            mend: "compare scalars, or reduce a mask with `tgraph.all` or `tgraph.any`",
        },
        Constraint {
            id: "cond-3",
            law: "the operands behind the first are as many as the modules have inputs",
            mend: "pass one value for each `tgraph.arg`, in order, behind the predicate",
        },
        Constraint {
            id: "cond-4",
            law: "operand types agree with the modules' input types",
            mend: "convert or reshape the operand that differs",
        },
        Constraint {
            id: "cond-5",
            law: "all modules return values of the same types",
            mend: "return values of the same number, dtypes and shapes from each module",
        },
    ],
    parse: |name, attributes, _, regions| {
        only(name, "cond-1", attributes, &[])?;
        Ok(Arc::new(Cond::new(regions.to_vec())?))
    },
};

/// One of several modules, chosen by a scalar.
#[derive(Debug)]
pub struct Cond {
    branches: Vec<Arc<Graph>>,
}

impl Cond {
    /// A choice among `branches`, which have the same inputs: by a bool, true for the first of two, or by position.
    ///
    /// # Errors
    /// `cond-1` if there are fewer than two.
    pub fn new(branches: Vec<Arc<Graph>>) -> Result<Cond, Violation> {
        if branches.len() < 2 {
            let got = format!("cond must name two modules or more, got {}", branches.len());
            return Err(Violation::new("cond-1", got).help("write `tgraph.cond @then, @else(%p, %x)`"));
        }
        Ok(Cond { branches })
    }

    /// The position of the branch that `predicate` chooses.
    fn choice(&self, predicate: &Tensor) -> usize {
        let last = self.branches.len() - 1;
        let index = match predicate.data() {
            Data::Bool(p) => usize::from(!p[0]),
            Data::I64(i) => i[0].clamp(0, last as i64) as usize,
            Data::I32(i) => i64::from(i[0]).clamp(0, last as i64) as usize,
            Data::U64(i) => i[0].min(last as u64) as usize,
            Data::U32(i) => (i[0] as usize).min(last),
            Data::F64(_) | Data::F32(_) => unreachable!("cond-2"),
        };
        index.min(last)
    }

    /// For a predicate that all positions share. Every result has the batch axis.
    fn batch_chosen(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let types = operand_types(b, &x.x[1..]);
        let all = vec![true; self.branches[0].outputs().len()];
        let branches = self.branches.iter().map(|g| Ok(Arc::new(batched(g, &types, &x.over[1..], &all)?.0)));
        b.push(Arc::new(Cond { branches: branches.collect::<Result<_, Violation>>()? }), x.x)
    }

    /// For a predicate of each position's own, in as many rounds as there are branches: a round applies the branch that the first
    /// position left chooses, for all that choose it too, and later rounds run only where a position is left.
    fn batch_in_rounds(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let choice = self.positions(b, x.x[0]);
        let (mut operands, mut over) = (x.x[1..].to_vec(), x.over[1..].to_vec());
        if !over.contains(&true) {
            (operands[0], over[0]) = (b.repeat(operands[0], choice)?, true);
        }
        let left = b.compare(Direction::Eq, choice, choice);
        let Choosing { mut left, mut results, .. } =
            self.round(b, choice, left, &Batch { x: &operands, over: &over })?;
        for _ in 1..self.branches.len() {
            let state = [&[left], &results[..]].concat();
            let more = any(b, left);
            let x = [&[more], &state[..], &[choice], &operands].concat();
            let types = operand_types(b, &x[1..]);
            let branches = vec![self.next_round(&types, &over)?, first_inputs(&types, state.len())];
            let next = b.push(Arc::new(Cond { branches }), &x)?;
            (left, results) = (next[0], next[1..].to_vec());
        }
        Ok(results)
    }

    /// (which are left, results, choices, operands) → the first two after one more round.
    fn next_round(&self, types: &[Type], over: &[bool]) -> Result<Arc<Graph>, Violation> {
        let mut b = Builder::new("next_choice");
        let x: Vec<Value> = types.iter().map(|ty| b.fresh_input("x", ty.clone())).collect();
        let (state, rest) = x.split_at(x.len() - over.len() - 1);
        let Choosing { left, mask, results } =
            self.round(&mut b, rest[0], state[0], &Batch { x: &rest[1..], over })?;
        let mut outputs = vec![left];
        for (yes, &no) in results.into_iter().zip(&state[1..]) {
            outputs.push(choose(&mut b, mask, yes, no)?);
        }
        Ok(Arc::new(b.finish(outputs)))
    }

    /// The branch that the first position of `left` chooses, for all of them that choose it.
    fn round(&self, b: &mut Builder, choice: Value, left: Value, x: &Batch) -> Result<Choosing, Violation> {
        let first = first(b, left);
        let own = b.push(Arc::new(Gather::new(0, 0)), &[choice, first])?[0];
        let spread = b.repeat(own, choice)?;
        let same = b.compare(Direction::Eq, choice, spread);
        let mask = b.elementwise(Function::And, &[left, same]);
        let operands = [&[own], &marked_only(b, mask, x)?[..]].concat();
        let over = [&[false], x.over].concat();
        let results = self.batch_chosen(b, &Batch { x: &operands, over: &over })?;
        Ok(Choosing { left: b.elementwise(Function::Xor, &[left, mask]), mask, results })
    }

    /// The position of the branch that each element of `predicate` chooses.
    fn positions(&self, b: &mut Builder, predicate: Value) -> Value {
        let index = match b.ty(predicate).dtype {
            DType::Bool => b.elementwise(Function::Not, &[predicate]),
            _ => {
                let last = b.full_like(predicate, (self.branches.len() - 1) as f64);
                let zero = b.zeros_like(predicate);
                let index = b.max(predicate, zero);
                b.min(index, last)
            }
        };
        b.convert(index, DType::I64)
    }

    /// The same choice among `graphs`, if they have outputs.
    fn apply(b: &mut Builder, predicate: Value, graphs: Vec<Graph>, operands: &[Value]) -> Vec<Value> {
        if graphs[0].outputs().is_empty() {
            return Vec::new();
        }
        let (branches, operands) = without_unused(graphs, operands);
        let operands: Vec<Value> = std::iter::once(predicate).chain(operands).collect();
        b.push(Arc::new(Cond { branches }), &operands).expect("types follow from the modules'")
    }
}

/// A round of [`Cond::batch_in_rounds`].
struct Choosing {
    /// The positions whose branch has not been applied.
    left: Value,
    /// Those for which it was applied in this round, and
    mask: Value,
    /// its results, which are theirs alone.
    results: Vec<Value>,
}

/// The identity on inputs of `types`, of which only the first `count` are returned.
fn first_inputs(types: &[Type], count: usize) -> Arc<Graph> {
    let mut b = Builder::new("all_chosen");
    let x: Vec<Value> = types.iter().map(|ty| b.fresh_input("x", ty.clone())).collect();
    Arc::new(b.finish(x[..count].to_vec()))
}

impl Rule for Cond {
    fn name(&self) -> &'static str {
        "cond"
    }

    fn regions(&self) -> &[Arc<Graph>] {
        &self.branches
    }

    fn with_regions(&self, regions: Vec<Arc<Graph>>) -> Option<Op> {
        Some(Arc::new(Cond::new(regions).ok()?))
    }

    fn with_reports(&self, b: &mut Builder, x: &[Value], regions: Vec<Arc<Graph>>) -> Option<Vec<Value>> {
        b.push(self.with_regions(regions)?, x).ok()
    }

    fn region_inputs(&self, x: &[&Type]) -> Vec<Vec<Type>> {
        let inputs: Vec<Type> = x.iter().skip(1).map(|&ty| ty.clone()).collect();
        vec![inputs; self.branches.len()]
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let Some((&predicate, x)) = x.split_first() else {
            return Err(Violation::new("cond-3", "cond must have a predicate, got no operand"));
        };
        let chooses = match predicate.dtype {
            DType::Bool => self.branches.len() == 2,
            dtype => dtype.is_integer(),
        };
        if predicate.ndim() > 0 || !chooses {
            let want = if self.branches.len() == 2 { "a bool or an integer" } else { "an integer" };
            return Err(Violation::new(
                "cond-2",
                format!("the first operand of cond must be a scalar, {want}, got {predicate}"),
            ));
        }
        let first = &self.branches[0];
        let types: Vec<Type> = x.iter().map(|&ty| ty.clone()).collect();
        check_operands("cond", first, x, "cond-3", "cond-4")?;
        let mut results = outputs_for(first, &types)?;
        for other in &self.branches[1..] {
            if other.inputs().len() != first.inputs().len() {
                let got = format!(
                    "the modules of cond must have the same inputs, got @{}({}) and @{}({})",
                    first.name,
                    list(first.input_types()),
                    other.name,
                    list(other.input_types())
                );
                return Err(Violation::new("cond-1", got));
            }
            check_operands("cond", other, x, "cond-3", "cond-4")?;
            let outputs = outputs_for(other, &types)?;
            let same =
                outputs.len() == results.len() && outputs.iter().zip(&results).all(|(a, b)| a.agrees(b));
            if !same {
                let (want, got) = (list(&results), list(&outputs));
                let got = format!("the modules of cond must return the same types, got {want} and {got}");
                return Err(Violation::new("cond-5", got));
            }
            results = results.iter().zip(&outputs).map(|(a, b)| merged(a, b)).collect();
        }
        Ok(results)
    }

    fn evaluate_with(&self, x: &[&Tensor], run: Run) -> Vec<Tensor> {
        run(self.choice(x[0]), &x[1..])
    }

    /// One choice for all positions is a choice. Of a choice for each, all branches are computed and their results chosen from;
    /// those that may be long only where they are chosen.
    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        if !x.over[0] {
            return self.batch_chosen(b, x);
        }
        if self.branches.iter().any(|branch| may_be_long(branch)) && x.x.len() > 1 {
            return self.batch_in_rounds(b, x);
        }
        let (predicate, operands) = (x.x[0], Batch { x: &x.x[1..], over: &x.over[1..] });
        let mut results: Vec<Value> = Vec::new();
        for (k, branch) in self.branches.iter().enumerate().rev() {
            let outputs = b.inline_batched(branch, &operands)?;
            let outputs =
                outputs.into_iter().map(|(y, over)| if over { Ok(y) } else { b.repeat(y, predicate) });
            let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
            if results.is_empty() {
                results = outputs;
                continue;
            }
            let chosen = match b.ty(predicate).dtype {
                DType::Bool => predicate,
                _ => {
                    let k = b.full_like(predicate, k as f64);
                    b.compare(Direction::Le, predicate, k)
                }
            };
            let pairs = outputs.into_iter().zip(results);
            results = pairs.map(|(yes, no)| choose(b, chosen, yes, no)).collect::<Result<_, _>>()?;
        }
        Ok(results)
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Structured(self)
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Choice
    }
}

impl Structured for Cond {
    fn depends(&self, active: &[bool]) -> Vec<bool> {
        let each: Vec<Vec<bool>> = self.branches.iter().map(|g| dependence(g, &active[1..])).collect();
        (0..each[0].len()).map(|k| each.iter().any(|depends| depends[k])).collect()
    }

    fn differential(
        &self,
        b: &mut Builder,
        x: &[Value],
        _: &[Value],
        dx: &[Option<Value>],
    ) -> Result<Vec<Option<Value>>, AdError> {
        let active: Vec<bool> = dx.iter().map(Option::is_some).collect();
        let wanted = self.depends(&active);
        let graphs = self.branches.iter().map(|g| tangents(g, &active[1..], &wanted));
        let graphs = graphs.collect::<Result<Vec<_>, _>>()?;
        let operands: Vec<Value> = x[1..].iter().copied().chain(dx.iter().copied().flatten()).collect();
        Ok(spread(Cond::apply(b, x[0], graphs, &operands), &wanted))
    }

    fn adjoint(
        &self,
        b: &mut Builder,
        x: &[Value],
        _: &[Value],
        dy: &[Option<Cotangent>],
        wanted: &[bool],
    ) -> Result<Vec<Option<Cotangent>>, AdError> {
        let branches = self.branches.iter().map(|g| cotangents(g, dy, &wanted[1..]));
        let branches = branches.collect::<Result<Vec<_>, _>>()?;
        let operands: Vec<Value> =
            x[1..].iter().copied().chain(dy.iter().flatten().map(|dy| dy.value)).collect();
        // A cotangent is guarded if it is in every branch, where a zero is.
        let count = branches[0].1.len();
        let guarded: Vec<bool> =
            (0..count).map(|k| branches.iter().all(|(_, guarded)| guarded[k].unwrap_or(true))).collect();
        let graphs = branches.into_iter().map(|(graph, _)| graph).collect();
        let dx = Cond::apply(b, x[0], graphs, &operands);
        let dx = dx.into_iter().zip(guarded).map(|(value, guarded)| Cotangent { value, guarded });
        Ok(spread(dx, wanted))
    }

    fn divide(&self, b: &mut Builder, x: &[Value], moves: &[bool]) -> Option<Vec<Value>> {
        let (&predicate, x) = x.split_first()?;
        let (&chosen_late, moves) = moves.split_first()?;
        let Halves { moves: outputs, slots, records, follows } =
            if chosen_late { None } else { Halves::new(&self.branches, moves) }?;
        let at_rest: Vec<bool> = moves.iter().map(|moves| !moves).collect();
        let mut results = Cond::apply(b, predicate, records, &pick(x, &at_rest));
        let kept = results.split_off(results.len() - slots);
        let mut moved = Cond::apply(b, predicate, follows, &[x, &kept].concat()).into_iter();
        let mut results = results.into_iter();
        outputs.iter().map(|&moves| if moves { moved.next() } else { results.next() }).collect()
    }
}

/// The branches in two graphs each: what does not move, and what does.
struct Halves {
    /// For each output, whether it moves in some branch.
    moves: Vec<bool>,
    /// How many values a choice hands over: of each type as many as one branch needs.
    slots: usize,
    /// (inputs that do not move) → (outputs that do not move, slots).
    records: Vec<Graph>,
    /// (inputs, slots) → (outputs that move).
    follows: Vec<Graph>,
}

impl Halves {
    /// Nothing if nothing is to be handed over, or something of which the branches that do not have it do not know the shape.
    fn new(branches: &[Arc<Graph>], moving: &[bool]) -> Option<Halves> {
        let mut branches: Vec<Graph> = branches.iter().map(|branch| divided(branch, moving)).collect();
        let reached: Vec<Vec<bool>> = branches.iter().map(|branch| reached(branch, moving)).collect();
        let count = branches[0].outputs().len();
        let moves: Vec<bool> = (0..count).map(|k| reached.iter().any(|moves| moves[k])).collect();
        let at_rest: Vec<bool> = moves.iter().map(|moves| !moves).collect();
        let (mut slots, mut needs, mut resting) = (Vec::new(), Vec::new(), Vec::new());
        for branch in &mut branches {
            let inputs = branch.input_values();
            let outputs = branch.outputs().to_vec();
            branch.set_outputs(pick(&outputs, &moves));
            let needed =
                residuals(branch, &pick(&inputs, moving)).into_iter().filter(|v| !inputs.contains(v));
            let needed: Vec<Value> = needed.collect();
            needs.push(in_slots(&mut slots, branch, &needed)?);
            resting.push(pick(&outputs, &at_rest));
        }
        if slots.is_empty() && !at_rest.contains(&true) {
            return None;
        }
        let (records, follows) = (branches.iter().zip(&needs).zip(&resting))
            .map(|((branch, needs), resting)| {
                (record(branch, moving, resting, needs, &slots), follow(branch, needs, &slots))
            })
            .unzip();
        Some(Halves { moves, slots: slots.len(), records, follows })
    }
}

/// For each of `slots`, some of them new, the one of `values` that goes there.
fn in_slots(slots: &mut Vec<Type>, branch: &Graph, values: &[Value]) -> Option<Vec<Option<Value>>> {
    let mut of: Vec<Option<Value>> = vec![None; slots.len()];
    for &value in values {
        let ty = branch.ty(value);
        ty.static_shape()?;
        let place = (0..slots.len()).find(|&i| of[i].is_none() && slots[i] == *ty).unwrap_or_else(|| {
            slots.push(ty.clone());
            of.push(None);
            slots.len() - 1
        });
        of[place] = Some(value);
    }
    Some(of)
}

/// `branch` as far as `resting` and what it `needs`, with zeros in the slots that other branches use.
fn record(
    branch: &Graph,
    moving: &[bool],
    resting: &[Value],
    needs: &[Option<Value>],
    slots: &[Type],
) -> Graph {
    let at_rest: Vec<bool> = moving.iter().map(|moves| !moves).collect();
    let needed: Vec<Value> = needs.iter().copied().flatten().collect();
    let sources = pick(&branch.input_values(), &at_rest);
    let own = branch.extract(&format!("{}_record", branch.name), &sources, &[resting, &needed].concat());
    let mut b = Builder::new(&own.name);
    let x = b.copy_inputs(&own);
    let mut outputs = b.inline(&own, &x).expect("types are as before");
    let mut made = outputs.split_off(resting.len()).into_iter();
    for (i, ty) in slots.iter().enumerate() {
        let value = needs.get(i).copied().flatten().and_then(|_| made.next());
        outputs.push(value.unwrap_or_else(|| {
            let zero = b.number(ty.dtype, 0.0);
            b.broadcast(zero, &[], &ty.static_shape().expect("`in_slots` asked for it"))
        }));
    }
    b.finish(outputs)
}

/// What `branch` does with its inputs and what it needs in its slots.
fn follow(branch: &Graph, needs: &[Option<Value>], slots: &[Type]) -> Graph {
    let needed: Vec<Value> = needs.iter().copied().flatten().collect();
    let sources = [branch.input_values(), needed].concat();
    let own = branch.extract(&format!("{}_follow", branch.name), &sources, branch.outputs());
    let mut b = Builder::new(&own.name);
    let mut x: Vec<Value> = Vec::new();
    for input in &own.inputs()[..branch.inputs().len()] {
        x.push(b.fresh_input(own.name(input.value).unwrap_or("x"), own.ty(input.value).clone()));
    }
    for (i, ty) in slots.iter().enumerate() {
        let slot = b.fresh_input("kept", ty.clone());
        if needs.get(i).is_some_and(Option::is_some) {
            x.push(slot);
        }
    }
    let outputs = b.inline(&own, &x).expect("types are as before");
    b.finish(outputs)
}
