//! A scan cut in two where only some of its operands move: one runs what does not move and stacks what the other needs of it.
//!
//! The values that are stacked are those that the policy has an adjoint keep, so that the linear part of a linearised loop holds what
//! its adjoint would. A schedule (`periodic`, `revolve`) keeps rounds, not values: such a scan stays one.

use super::reverse::kept;
use super::*;
use crate::ad::divided;

/// See [`Structured::divide`].
pub(super) fn divide(scan: &Scan, b: &mut Builder, x: &[Value], moves: &[bool]) -> Option<Vec<Value>> {
    if matches!(scan.keep(), Keep::Periodic(_) | Keep::Revolve(_)) {
        return None;
    }
    let types = operand_types(b, x);
    let rounds = scan.rounds(&types.iter().collect::<Vec<_>>()).expect("verified");
    let halves = Halves::new(scan, moves)?;
    let knows_rounds =
        rounds.known().is_some() || halves.moving[scan.carries..][..scan.rows].contains(&false);
    if !knows_rounds || !halves.stacks_fit(rounds) {
        return None;
    }
    let like = Scan { length: rounds.known(), ..scan.clone() };
    let own: Vec<bool> = halves.moving.iter().map(|moves| !moves).collect();
    let parts = Parts::of(scan, x);
    let at_rest = parts.picked(&own);
    let mut results = at_rest.scan(b, like.clone(), halves.record, &vec![true; halves.recorded]);
    let stacks = results.split_off(halves.recorded - halves.kept);
    let moved = parts.picked(&halves.moving);
    let moved = Parts {
        carries: moved.carries,
        rows: [moved.rows, at_rest.rows, stacks.into_iter().flatten().collect()].concat(),
        constants: parts.constants,
    };
    let count = halves.moves.iter().filter(|moves| **moves).count();
    let mut moved = moved.scan(b, like, halves.follow, &vec![true; count]).into_iter();
    let mut results = results.into_iter();
    let of = |&moves: &bool| if moves { moved.next() } else { results.next() };
    halves.moves.iter().map(of).map(Option::flatten).collect()
}

/// A round in two graphs.
struct Halves {
    /// For each input of the body, whether it moves in some round.
    moving: Vec<bool>,
    /// For each output, whether it does.
    moves: Vec<bool>,
    /// (c, x, k that do not move) → (c, y that do not move, kept).
    record: Graph,
    /// How many outputs that has.
    recorded: usize,
    /// And how many of them are kept.
    kept: usize,
    /// (c that moves; x that moves, x that does not, kept; k) → (c, y that move).
    follow: Graph,
}

impl Halves {
    /// Nothing if there is nothing to do that does not move.
    fn new(scan: &Scan, moves: &[bool]) -> Option<Halves> {
        let (c, s) = (scan.carries, scan.carries + scan.rows);
        let reached_when_divided = |body: &Graph, moves: &[bool]| reached(&divided(body, moves), moves);
        let (moving, _) = carried(scan.body(), c, moves, reached_when_divided);
        let body = divided(scan.body(), &moving);
        let inputs = body.input_values();
        let moved = body.reached_from(&pick(&inputs, &moving));
        let outputs = body.outputs();
        let moves: Vec<bool> = outputs
            .iter()
            .enumerate()
            .map(|(k, y)| if k < c { moving[k] } else { moved[y.index()] })
            .collect();
        let own: Vec<bool> = moving.iter().map(|moves| !moves).collect();
        let at_rest: Vec<bool> = moves.iter().map(|moves| !moves).collect();
        let [carries, rows] = [0..c, c..s].map(|range| pick(&inputs[range.clone()], &own[range]));
        let follows = pick(outputs, &moves);
        let kept = kept(&body, scan.keep(), &follows, [&carries, &rows], &pick(&inputs, &moving));
        let recorded = [pick(outputs, &at_rest), kept.clone()].concat();
        let name = |what: &str| format!("{}_{what}", scan.body().name);
        let moved_rows = pick(&inputs[c..s], &moving[c..s]);
        let sources =
            [&pick(&inputs[..c], &moving[..c])[..], &moved_rows, &rows, &kept, &inputs[s..]].concat();
        let follow = body.extract(&name("follow"), &sources, &follows);
        let record = body.extract(&name("record"), &pick(&inputs, &own), &recorded);
        (!recorded.is_empty()).then_some(Halves {
            moving,
            moves,
            record,
            recorded: recorded.len(),
            kept: kept.len(),
            follow,
        })
    }

    /// Whether what is kept is not too large for all rounds.
    fn stacks_fit(&self, rounds: Extent) -> bool {
        let types = self.record.output_types();
        types[self.recorded - self.kept..].iter().all(|ty| stacked(ty, rounds).check_extents().is_ok())
    }
}
