//! What only moves elements.

use super::{Compiler, Known, Room};
use crate::exec::cpu::flat::{Instruction, NONE, Place, Source};
use crate::ir::{DType, Graph, Node};
use crate::numerics::lanes::Real;
use crate::ops::Kernel;
use crate::tensor::Tensor;
use std::rc::Rc;

impl<T: Real> Compiler<T> {
    /// The result of a node that only moves elements, of operands at `x` in `rooms`.
    pub(super) fn moved(
        &mut self,
        graph: &Graph,
        node: &Node,
        x: &[Place],
        varies: bool,
        rooms: Vec<Rc<Room>>,
    ) -> Option<Known> {
        let y = *node.results.first()?;
        let (ty, operand) = (graph.ty(y), graph.ty(*node.operands.first()?));
        let keeps = match node.op.kernel() {
            Kernel::Reshape => true,
            // Truth values are held as numbers.
            Kernel::Convert => {
                ty.dtype == operand.dtype || (ty.dtype, operand.dtype) == (T::DTYPE, DType::Bool)
            }
            _ => false,
        };
        if keeps {
            return Some(Known { rooms, ..Known::at(x[0], varies) });
        }
        if !node.op.moves() {
            return None;
        }
        // The operation itself says which element goes where: it moves positions, counted from 1, as it moves elements.
        let lanes = if varies { self.lanes } else { 1 };
        let positions: Vec<Tensor> = (x.iter().zip(&node.operands))
            .map(|(place, &v)| {
                let shape = graph.ty(v).static_shape().expect("lowered");
                Tensor::new(shape, (place.at as i64 + 1..).step_by(lanes).take(place.len / lanes).collect())
            })
            .collect();
        let from = node.op.evaluate(&positions.iter().collect::<Vec<_>>()).remove(0);
        let from: Vec<u32> = from.values::<i64>().iter().map(|&at| (at as u32).wrapping_sub(1)).collect();
        let from = of_lanes(&from, lanes);
        if let Some(at) = run_of(&from) {
            let place = Place { kind: x[0].kind, at, len: from.len() };
            return Some(Known { rooms, ..Known::at(place, varies) });
        }
        let known = self.fresh(ty, varies)?;
        let place = known.place.expect("fresh");
        self.list(varies).push(Instruction::Move { from: source(from), y: place });
        Some(known)
    }
}

/// The first of positions that stand one behind the other.
fn run_of(from: &[u32]) -> Option<usize> {
    let (&first, _) = from.split_first()?;
    let follows = |(i, &at): (usize, &u32)| at != NONE && at == first.wrapping_add(i as u32);
    from.iter().enumerate().all(follows).then_some(first as usize)
}

/// Where the elements for `lanes` positions come from, of where those of the first do.
fn of_lanes(from: &[u32], lanes: usize) -> Vec<u32> {
    let each = |&at: &u32| (0..lanes as u32).map(move |lane| if at == NONE { NONE } else { at + lane });
    from.iter().flat_map(each).collect()
}

/// Where the elements come from, in the form that is moved fastest.
pub(super) fn source(from: Vec<u32>) -> Source {
    /// Runs below that are moved element by element.
    const RUN_MIN: usize = 4;
    if !from.contains(&NONE) {
        if from.iter().all(|&at| at == from[0]) {
            return Source::Splat(from[0] as usize);
        }
        // The longest run that divides the whole.
        let lengths = || (RUN_MIN..from.len()).rev().filter(|&len| from.len().is_multiple_of(len));
        let starts = |len: usize| from.iter().step_by(len).copied().collect();
        if let Some(len) = lengths().find(|&len| from.chunks(len).all(|part| run_of(part).is_some())) {
            return Source::Runs { len, starts: starts(len) };
        }
        if let Some(len) =
            lengths().find(|&len| from.chunks(len).all(|part| part.iter().all(|at| *at == part[0])))
        {
            return Source::Repeats { len, of: starts(len) };
        }
        // Where the first column ends, the second one begins beside it.
        let rows = from.iter().position(|&at| at == from[0].wrapping_add(1)).unwrap_or(from.len());
        if rows > 1 && rows < from.len() && from.len().is_multiple_of(rows) {
            let columns = from.len() / rows;
            let is_column = |(j, column): (usize, &[u32])| {
                let expected = |i: usize| from[0] as usize + i * columns + j;
                column.iter().enumerate().all(|(i, &at)| at as usize == expected(i))
            };
            if from.chunks(rows).enumerate().all(is_column) {
                return Source::Columns { at: from[0] as usize, rows, columns };
            }
        }
    }
    Source::Each(from.into())
}
