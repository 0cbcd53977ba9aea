//! Loops and choices: jumps, and what loops carry.

use super::{Compiler, Known, Values, outputs};
use crate::exec::cpu::flat::{Instruction, Kind, Place, Row};
use crate::ir::{DType, Graph, Node};
use crate::numerics::lanes::Real;

impl<T: Real> Compiler<T> {
    /// Copies of `from` where a loop carries them, all at once: none is overwritten before it is read. Where positions are `active` or not, those that
    /// are not keep what they carry.
    pub(super) fn carry(&mut self, from: &[Place], to: &[Place], active: Option<usize>, varies: bool) {
        let overlaps = |x: &Place, y: &Place| x.kind == y.kind && x.at < y.at + y.len && y.at < x.at + x.len;
        let from: Vec<Place> = (from.iter().zip(to))
            .map(|(x, own)| {
                if x == own || !to.iter().any(|y| overlaps(x, y)) {
                    return *x;
                }
                let copy = self.allot(x.kind, x.len);
                self.list(varies).push(Instruction::Copy(vec![(*x, copy)]));
                copy
            })
            .collect();
        let copies: Vec<(Place, Place)> =
            from.into_iter().zip(to.iter().copied()).filter(|(x, y)| x != y).collect();
        match active {
            _ if copies.is_empty() => {}
            Some(active) => self.instructions.push(Instruction::Keep { active, copies }),
            None => self.list(varies).push(Instruction::Copy(copies)),
        }
    }

    /// Where the outputs of a graph are whose nodes have all been added: for each position, if `varies`.
    pub(super) fn outputs(&mut self, graph: &Graph, values: &Values, varies: bool) -> Vec<Place> {
        let known = outputs(graph, values).into_iter();
        known.map(|mut known| if varies { self.spread(&mut known) } else { self.place(&mut known) }).collect()
    }

    /// The place of each of `known`.
    pub(super) fn places(&mut self, known: &mut [Known]) -> Vec<Place> {
        known.iter_mut().map(|known| self.place(known)).collect()
    }

    /// Places of their own for values that a loop carries, with their first values: for each position, if they vary.
    pub(super) fn carried(&mut self, first: &mut [Known], varies: bool) -> Vec<Place> {
        let from: Vec<Place> = first
            .iter_mut()
            .map(|known| if varies { self.spread(known) } else { self.place(known) })
            .collect();
        let to: Vec<Place> = from.iter().map(|x| self.allot(x.kind, x.len)).collect();
        self.carry(&from, &to, None, varies);
        to
    }

    /// Lets the instruction at `at` of those of values that vary, or do not, go to here.
    pub(super) fn land(&mut self, at: usize, varies: bool) {
        let list = self.list(varies);
        let here = list.len();
        match &mut list[at] {
            Instruction::Jump { to }
            | Instruction::Unless { to, .. }
            | Instruction::UnlessAny { to, .. }
            | Instruction::Round { to, .. } => *to = here,
            _ => unreachable!("only jumps land"),
        }
    }

    /// The carried values of a loop with a condition, and of `max` rounds at most.
    pub(super) fn repeat(
        &mut self,
        node: &Node,
        carries: usize,
        max: Option<usize>,
        mut inputs: Vec<Known>,
    ) -> Option<Vec<Known>> {
        let [condition, body] = node.op.regions() else { return None };
        self.places(&mut inputs);
        let varies = inputs.iter().any(|input| input.varies);
        if self.lanes > 1 && !varies && max.is_none() {
            // What positions share is done whether one of them comes to it or not.
            return None;
        }
        let carried = self.carried(&mut inputs[..carries], varies);
        for (input, &place) in inputs.iter_mut().zip(&carried) {
            *input = Known::at(place, varies);
        }
        let outside = self.active;
        let active = varies.then(|| {
            let ones = outside.unwrap_or_else(|| {
                let ones = self.allot(Kind::Number, self.lanes);
                self.numbers[ones.at..].fill(T::ONE);
                ones.at
            });
            let place = |at: usize| Place { kind: Kind::Number, at, len: self.lanes };
            let (from, own) = (place(ones), self.allot(Kind::Number, self.lanes));
            self.instructions.push(Instruction::Copy(vec![(from, own)]));
            own.at
        });
        let counter = self.allot(Kind::Integer, 1).at;
        if max.is_some() {
            self.list(varies).push(Instruction::Begin { counter });
        }
        let mut values: Values = vec![None; body.value_count()];
        let left = self.fixed(body, carries, &inputs, &mut values)?;
        // Every round reads them.
        let _fixed = values.clone();
        let start = self.list(varies).len();
        if let Some(rounds) = max {
            self.list(varies).push(Instruction::Round { counter, rounds, to: 0 });
        }
        self.active = active.or(outside);
        let mut holds = self.graph(condition, inputs.clone())?.remove(0);
        let leave = match active {
            Some(active) => {
                let holds = self.spread(&mut holds).at;
                self.instructions.push(Instruction::UnlessAny { holds, active, to: 0 });
                self.instructions.len() - 1
            }
            None => {
                let holds = self.place(&mut holds).at;
                self.list(false).push(Instruction::Unless { holds, to: 0 });
                self.list(false).len() - 1
            }
        };
        self.nodes(body, &body.input_values(), inputs, left, &mut values)?;
        self.active = outside;
        let outputs = self.outputs(body, &values, varies);
        self.carry(&outputs, &carried, active, varies);
        self.list(varies).push(Instruction::Jump { to: start });
        self.land(leave, varies);
        if max.is_some() {
            self.land(start, varies);
        }
        Some(carried.into_iter().map(|place| Known::at(place, varies)).collect())
    }

    /// The carried values and stacks of a loop over `rounds` rows.
    pub(super) fn scan(
        &mut self,
        graph: &Graph,
        node: &Node,
        [carries, rows, rounds]: [usize; 3],
        reverse: bool,
        mut inputs: Vec<Known>,
    ) -> Option<Vec<Known>> {
        let [body] = node.op.regions() else { return None };
        self.places(&mut inputs);
        let varies = inputs.iter().any(|input| input.varies);
        let carried = self.carried(&mut inputs[..carries], varies);
        // Rows of a sequence are not the same in each round, so they vary if anything does.
        let mut place = |known: &mut Known| if varies { self.spread(known) } else { self.place(known) };
        let sequences: Vec<Place> = inputs[carries..carries + rows].iter_mut().map(&mut place).collect();
        let mut stacks: Vec<Known> = (node.results[carries..].iter())
            .map(|&v| self.fresh(graph.ty(v), varies))
            .collect::<Option<_>>()?;
        let rows_of = self.places(&mut stacks);
        let counter = self.allot(Kind::Integer, 1).at;
        let row = |of: Place| Row { sequence: of.at, counter, rounds, reverse };
        let mut values: Values = vec![None; body.value_count()];
        let left = self.fixed(body, carries + rows, &inputs, &mut values)?;
        // Every round reads them.
        let _fixed = values.clone();
        self.list(varies).push(Instruction::Begin { counter });
        let start = self.list(varies).len();
        self.list(varies).push(Instruction::Round { counter, rounds, to: 0 });
        for (i, input) in inputs[..carries + rows].iter_mut().enumerate() {
            *input = match carried.get(i) {
                Some(&carried) => Known::at(carried, varies),
                None => {
                    let sequence = sequences[i - carries];
                    let y = self.allot(sequence.kind, sequence.len / rounds);
                    self.list(varies).push(Instruction::Take { row: row(sequence), y });
                    Known::at(y, varies)
                }
            };
        }
        self.nodes(body, &body.input_values(), inputs, left, &mut values)?;
        let outputs = self.outputs(body, &values, varies);
        for (&x, &stack) in outputs[carries..].iter().zip(&rows_of) {
            self.list(varies).push(Instruction::Put { x, row: row(stack) });
        }
        self.carry(&outputs[..carries], &carried, None, varies);
        self.list(varies).push(Instruction::Jump { to: start });
        self.land(start, varies);
        Some(carried.into_iter().map(|place| Known::at(place, varies)).chain(stacks).collect())
    }

    /// The results of the branch that a predicate chooses.
    pub(super) fn choice(
        &mut self,
        graph: &Graph,
        node: &Node,
        mut inputs: Vec<Known>,
        values: &mut Values,
    ) -> Option<Vec<Known>> {
        let each_its_own = values[node.operands[0].index()].as_ref().is_some_and(|known| known.varies);
        if each_its_own || graph.ty(node.operands[0]).dtype == DType::U64 {
            return None;
        }
        let predicate = self.operand(values, node.operands[0], false);
        self.places(&mut inputs);
        let varies = inputs.iter().any(|input| input.varies);
        let mut results: Vec<Known> =
            node.results.iter().map(|&v| self.fresh(graph.ty(v), varies)).collect::<Option<_>>()?;
        let chosen = self.places(&mut results);
        let choose = self.list(varies).len();
        self.list(varies).push(Instruction::Choose { predicate, branches: Vec::new() });
        let (mut branches, mut ends) = (Vec::new(), Vec::new());
        for branch in node.op.regions() {
            branches.push(self.list(varies).len());
            let mut outputs = self.graph(branch, inputs.clone())?;
            let outputs: Vec<Place> = (outputs.iter_mut())
                .map(|known| if varies { self.spread(known) } else { self.place(known) })
                .collect();
            self.carry(&outputs, &chosen, None, varies);
            ends.push(self.list(varies).len());
            self.list(varies).push(Instruction::Jump { to: 0 });
        }
        ends.into_iter().for_each(|end| self.land(end, varies));
        self.list(varies)[choose] = Instruction::Choose { predicate, branches };
        Some(results)
    }
}
