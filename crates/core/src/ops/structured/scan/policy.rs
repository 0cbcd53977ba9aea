//! The order in which the rounds of a scan are run again and undone, by its policy.

use super::reverse::{Round, State, Undone};
use super::*;
use std::collections::HashMap;
use std::ops::Range;

/// The cotangents of everything before the rounds, from those behind them.
pub(super) fn undo(round: &Round, b: &mut Builder, state: State) -> Result<Undone, AdError> {
    let length = round.like.length;
    match *round.like.keep() {
        Keep::Periodic(every) => {
            let rounds = known_rounds(round, b, &state)?;
            Ok(periodic(round, b, &state, rounds, every))
        }
        Keep::Revolve(snapshots) => {
            let rounds = known_rounds(round, b, &state)?;
            if repeats(rounds, snapshots).is_none() || depth(rounds, snapshots) > DEPTH_MAX {
                return Err(too_few(rounds, snapshots));
            }
            Ok(Revolve { round, graphs: HashMap::new() }.apart(b, &state, rounds, snapshots))
        }
        Keep::All | Keep::Recompute | Keep::Names(_) => Ok(round.undo_kept(b, &state, length)),
    }
}

/// The number of rounds, which a schedule has to know.
fn known_rounds(round: &Round, b: &Builder, state: &State) -> Result<usize, AdError> {
    let operands = state.parts.all();
    let types: Vec<&Type> = operands.iter().map(|&v| b.ty(v)).collect();
    let sequences = state.parts.rows.iter().chain(&state.dy);
    let is_static = sequences.into_iter().all(|&v| b.ty(v).static_shape().is_some());
    let rounds = round.like.rounds(&types).ok().and_then(Extent::known).filter(|_| is_static);
    rounds.ok_or_else(|| {
        let (keep, types) = (round.like.keep(), list(types));
        let got =
            format!("a scan that keeps \"{keep}\" must have static sequences, got a `?` extent in {types}");
        AdError::new("ad-9", got)
    })
}

fn too_few(rounds: usize, snapshots: usize) -> AdError {
    let got = format!(
        "revolve must run no round again more than {REPEATS_MAX} times and have no more than {DEPTH_MAX} graphs within each other, got \
         {rounds} rounds with {snapshots} snapshots; write another number, or `periodic`"
    );
    AdError::new("ad-10", got)
}

// ------------------------------------------------------------------------------------------ rows

/// Which of `total` rows the `rounds` rounds are, as the scan runs.
fn in_order(scan: &Scan, total: usize, rounds: Range<usize>) -> Range<usize> {
    match scan.reverse {
        false => rounds,
        true => total - rounds.end..total - rounds.start,
    }
}

fn take(scan: &Scan, b: &mut Builder, values: &[Value], total: usize, rounds: Range<usize>) -> Vec<Value> {
    if rounds == (0..total) {
        return values.to_vec();
    }
    values.iter().map(|&v| b.slice(v, 0, in_order(scan, total, rounds.clone()))).collect()
}

/// Rows of earlier and of later rounds, together.
fn join(scan: &Scan, b: &mut Builder, earlier: Vec<Value>, later: Vec<Value>) -> Vec<Value> {
    let pairs = earlier.into_iter().zip(later);
    pairs.map(|(x, y)| b.concat(&if scan.reverse { [y, x] } else { [x, y] }, 0)).collect()
}

/// `values` with their leading axes replaced.
fn with_leading(b: &mut Builder, values: &[Value], axes: usize, leading: &[usize]) -> Vec<Value> {
    let mut shaped = Vec::new();
    for &v in values {
        let shape = b.ty(v).static_shape().expect("`known_rounds` asked for it");
        let shape: Vec<i64> = leading.iter().chain(&shape[axes..]).map(|&n| n as i64).collect();
        shaped.push(b.reshape(v, &shape));
    }
    shaped
}

/// Inputs of a graph, like values of another.
fn inputs_like(inner: &mut Builder, outer: &Builder, values: &[Value], leading: usize) -> Vec<Value> {
    let mut inputs = Vec::new();
    for &v in values {
        let Type { dtype, shape } = outer.ty(v);
        let ty = Type { dtype: *dtype, shape: shape[leading..].to_vec() };
        inputs.push(inner.fresh_input(outer.graph().name(v).unwrap_or("x"), ty));
    }
    inputs
}

// -------------------------------------------------------------------------------------- periodic

/// Keeps the carried values at the beginning of each segment of `every` rounds; undoes segment by segment.
fn periodic(round: &Round, b: &mut Builder, state: &State, rounds: usize, every: usize) -> Undone {
    let (scan, segments) = (&round.like, rounds / every);
    let main = segments * every;
    if segments < 2 {
        return round.undo_kept(b, state, scan.length.map(|_| rounds));
    }
    let of = |b: &mut Builder, values: &[Value]| {
        let values = take(scan, b, values, rounds, 0..main);
        with_leading(b, &values, 1, &[segments, every])
    };
    let State { parts, cotangents, dy } = state;
    let inner = Parts { rows: of(b, &parts.rows), ..parts.clone() };
    let dy_main = of(b, dy);
    let c = parts.carries.len();
    let like = Scan { length: Some(segments), keep: None, ..scan.clone() };
    let ends = segment_starts(round, b, &inner, every);
    let wanted: Vec<bool> = (0..2 * c).map(|k| k >= c || main < rounds).collect();
    let results = inner.scan(b, like.clone(), ends, &wanted);
    let starts: Vec<Value> = results[c..].iter().map(|v| v.expect("wanted")).collect();
    // The rounds behind the last whole segment are undone first.
    let (mut cotangents, mut later) = (cotangents.clone(), None);
    if main < rounds {
        let rest = State {
            parts: Parts {
                carries: results[..c].iter().map(|v| v.expect("wanted")).collect(),
                rows: take(scan, b, &parts.rows, rounds, main..rounds),
                constants: parts.constants.clone(),
            },
            cotangents,
            dy: take(scan, b, dy, rounds, main..rounds),
        };
        let (before, rows) = round.undo_kept(b, &rest, Some(rounds - main));
        (cotangents, later) = (before, Some(rows));
    }
    let undo = segment_undo(
        round,
        b,
        &State { parts: inner.clone(), cotangents: cotangents.clone(), dy: dy_main.clone() },
        &starts,
        every,
    );
    let carried = cotangents.len();
    let outer = Parts {
        carries: cotangents,
        rows: [&starts[..], &dy_main, &inner.rows].concat(),
        constants: parts.constants.clone(),
    };
    let all = vec![true; undo.outputs().len()];
    let results = outer.scan(b, like.reversed(!scan.reverse), undo, &all);
    let mut results: Vec<Value> = results.into_iter().flatten().collect();
    let rows = results.split_off(carried);
    let rows = with_leading(b, &rows, 2, &[main]);
    (
        results,
        match later {
            Some(later) => join(scan, b, rows, later),
            None => rows,
        },
    )
}

/// (c, rows of a segment, k) → (c behind it, c before it).
fn segment_starts(round: &Round, outer: &Builder, parts: &Parts, every: usize) -> Graph {
    let mut b = Builder::new(&format!("{}_segment", round.advance.name));
    let inner = Parts {
        carries: inputs_like(&mut b, outer, &parts.carries, 0),
        rows: inputs_like(&mut b, outer, &parts.rows, 1),
        constants: inputs_like(&mut b, outer, &parts.constants, 0),
    };
    let ends = round.advance(&mut b, &inner, Some(every));
    b.finish([&ends[..], &inner.carries].concat())
}

/// (cotangents; c before the segment, cotangents of its rows of y, its rows of x; k) → (cotangents; of rows of x).
fn segment_undo(round: &Round, outer: &Builder, state: &State, starts: &[Value], every: usize) -> Graph {
    let mut b = Builder::new(&format!("{}_segment", round.undo.name));
    let cotangents = inputs_like(&mut b, outer, &state.cotangents, 0);
    let carries = inputs_like(&mut b, outer, starts, 1);
    let dy = inputs_like(&mut b, outer, &state.dy, 1);
    let rows = inputs_like(&mut b, outer, &state.parts.rows, 1);
    let constants = inputs_like(&mut b, outer, &state.parts.constants, 0);
    let inner = State { parts: Parts { carries, rows, constants }, cotangents, dy };
    let (cotangents, rows) = round.undo_kept(&mut b, &inner, Some(every));
    b.finish([cotangents, rows].concat())
}

// --------------------------------------------------------------------------------------- revolve

/// The binomial schedule. The graphs that undo so many rounds with so many snapshots stand within each other, apart from
/// the graph around them, so that what they hold lives no longer than they run.
struct Revolve<'r> {
    round: &'r Round,
    graphs: HashMap<(usize, usize), Arc<Graph>>,
}

impl Revolve<'_> {
    /// Undoes `rounds` rounds with `snapshots` sets of carried values at a time, the first of them included.
    fn undo(&mut self, b: &mut Builder, state: &State, rounds: usize, snapshots: usize) -> Undone {
        let (round, scan) = (self.round, &self.round.like);
        if rounds <= 1 {
            return round.undo_kept(b, state, scan.length.map(|_| rounds));
        }
        if snapshots >= rounds - 1 {
            // The carried values of every round are kept; what else a round needs is computed again.
            return periodic(round, b, state, rounds, 1);
        }
        let first = split(rounds, snapshots);
        let part =
            |b: &mut Builder, carries: Vec<Value>, cotangents: Vec<Value>, range: Range<usize>| State {
                parts: Parts {
                    carries,
                    rows: take(scan, b, &state.parts.rows, rounds, range.clone()),
                    constants: state.parts.constants.clone(),
                },
                cotangents,
                dy: take(scan, b, &state.dy, rounds, range),
            };
        let earlier = part(b, state.parts.carries.clone(), Vec::new(), 0..first);
        let middle = round.advance(b, &earlier.parts, Some(first));
        let later = part(b, middle, state.cotangents.clone(), first..rounds);
        let (cotangents, later) = self.apart(b, &later, rounds - first, (snapshots - 1).max(1));
        let earlier = State { cotangents, ..earlier };
        // A single round stands apart, too, so that no other loop over it is merged with it.
        let (cotangents, rows) = match first {
            1 => self.apart(b, &earlier, first, snapshots),
            _ => self.undo(b, &earlier, first, snapshots),
        };
        (cotangents, join(scan, b, rows, later))
    }

    /// The same in a graph of its own.
    fn apart(&mut self, b: &mut Builder, state: &State, rounds: usize, snapshots: usize) -> Undone {
        let graph = match self.graphs.get(&(rounds, snapshots)) {
            Some(graph) => graph.clone(),
            None => {
                let mut inner = Builder::new(&format!("{}_{rounds}_{snapshots}", self.round.undo.name));
                let mut like = |values: &[Value]| inputs_like(&mut inner, b, values, 0);
                let parts = Parts {
                    carries: like(&state.parts.carries),
                    rows: like(&state.parts.rows),
                    constants: like(&state.parts.constants),
                };
                let inside = State { parts, cotangents: like(&state.cotangents), dy: like(&state.dy) };
                let (cotangents, rows) = self.undo(&mut inner, &inside, rounds, snapshots);
                let graph = Arc::new(inner.finish([cotangents, rows].concat()));
                self.graphs.insert((rounds, snapshots), graph.clone());
                graph
            }
        };
        let operands = [state.parts.all(), state.cotangents.clone(), state.dy.clone()].concat();
        let mut results = b.push(Arc::new(Checkpoint::new(graph)), &operands).expect("types are the graph's");
        let rows = results.split_off(state.cotangents.len());
        (results, rows)
    }
}

/// The largest number of times that a schedule may run a round again.
const REPEATS_MAX: usize = 256;

/// The most graphs of a schedule that may stand within each other: each takes stack where it is made, planned and run.
const DEPTH_MAX: usize = 128;

/// How many graphs of the schedule stand within each other.
fn depth(rounds: usize, snapshots: usize) -> usize {
    let (mut rounds, mut snapshots, mut depth) = (rounds, snapshots, 1);
    while depth <= DEPTH_MAX && rounds > 1 && snapshots < rounds - 1 {
        rounds -= split(rounds, snapshots);
        snapshots = (snapshots - 1).max(1);
        depth += 1;
    }
    depth
}

/// How often a round runs again at most, with so many snapshots: the least r for which C(s + r, s) ≥ `rounds`.
fn repeats(rounds: usize, snapshots: usize) -> Option<usize> {
    (0..=REPEATS_MAX).find(|&r| binomial(snapshots, r) >= rounds)
}

/// How many of `rounds` rounds to run before the next snapshot: the most of the choices after which, all in all, the
/// fewest rounds run again (Griewank and Walther 2000, proposition 1; β(s, r) = C(s + r, s)). So fewer graphs stand within
/// each other.
fn split(rounds: usize, snapshots: usize) -> usize {
    let repeats = repeats(rounds, snapshots).expect("`undo` asked for it").max(1);
    // The first part has one repetition less; the rest has one snapshot less.
    let rest = binomial(snapshots - 1, repeats - 1);
    binomial(snapshots, repeats - 1).min(rounds.saturating_sub(rest)).clamp(1, rounds - 1)
}

/// C(s + r, s), or the largest number.
fn binomial(s: usize, r: usize) -> usize {
    let (few, many) = (s.min(r), s.max(r));
    (1..=few).try_fold(1usize, |c, i| Some(c.checked_mul(many.checked_add(i)?)? / i)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds that run again, by the schedule; and the fewest that any schedule can have.
    fn counted(
        rounds: usize,
        snapshots: usize,
        best: bool,
        known: &mut HashMap<(usize, usize), usize>,
    ) -> usize {
        if rounds <= 1 {
            return 0;
        }
        if let Some(&count) = known.get(&(rounds, snapshots)) {
            return count;
        }
        let mut cost = |first: usize| {
            let later = if snapshots > 1 {
                counted(rounds - first, snapshots - 1, best, known)
            } else if rounds - first > 1 {
                return usize::MAX;
            } else {
                0
            };
            first.saturating_add(later).saturating_add(counted(first, snapshots, best, known))
        };
        let count = match best {
            true => (1..rounds).map(cost).min().expect("one or more"),
            false => cost(split(rounds, snapshots)),
        };
        known.insert((rounds, snapshots), count);
        count
    }

    #[test]
    fn the_schedule_runs_as_few_rounds_again_as_any() {
        let (mut schedule, mut least) = (HashMap::new(), HashMap::new());
        for snapshots in 1..8 {
            for rounds in 1..90 {
                let got = counted(rounds, snapshots, false, &mut schedule);
                assert_eq!(got, counted(rounds, snapshots, true, &mut least), "{rounds} rounds, {snapshots}");
                // t(l, s) = r l − β(s + 1, r − 1).
                let r = repeats(rounds, snapshots).unwrap();
                let formula = if r == 0 { 0 } else { r * rounds - binomial(snapshots + 1, r - 1) };
                assert_eq!(got, formula, "{rounds} rounds, {snapshots} snapshots");
            }
        }
    }
}
