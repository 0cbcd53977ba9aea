//! The adjoint of a scan: rounds undone, the last one first.
//!
//! One round's adjoint is the adjoint of the body's graph, cut in two: `record` runs the round and gives the values
//! that the adjoint keeps, `undo` takes these and the cotangents. The cotangent of a constant is carried: each
//! round adds its contribution, the last round first, whatever the policy, so that no policy shows in the bits.

use super::*;

/// A round, and how it is undone.
pub(super) struct Round {
    /// The scan, whose direction and length others take over.
    pub like: Scan,
    /// (c, x, k) → (c).
    pub advance: Graph,
    /// (c, x, k) → (c, kept).
    pub record: Graph,
    /// (cotangents of c, then of k; cotangents of y, kept, x; k) → (cotangents of c, then of k; of x).
    pub undo: Graph,
    /// For each carried value, whether its cotangent is guarded, if there is one.
    carries: Vec<Option<bool>>,
    /// The same for each sequence.
    rows: Vec<Option<bool>>,
    /// The same for each constant.
    constants: Vec<Option<bool>>,
}

/// What stands at the beginning of rounds that are undone.
#[derive(Clone)]
pub(super) struct State {
    /// Operands of the rounds.
    pub parts: Parts,
    /// Cotangents behind the last of these rounds: of carried values, then of constants.
    pub cotangents: Vec<Value>,
    /// Cotangents of the rows of results.
    pub dy: Vec<Value>,
}

/// What is known when rounds are undone: cotangents of carried values and constants, and rows of those of sequences.
pub(super) type Undone = (Vec<Value>, Vec<Value>);

pub(super) fn adjoint(
    scan: &Scan,
    b: &mut Builder,
    x: &[Value],
    dy: &[Option<Cotangent>],
    wanted: &[bool],
) -> Result<Vec<Option<Cotangent>>, AdError> {
    let round = Round::new(scan, dy, wanted)?;
    round.check_stacks(b, x)?;
    let parts = Parts::of(scan, x);
    let mut cotangents = Vec::new();
    for (j, &carry) in parts.carries.iter().enumerate().filter(|(j, _)| round.carries[*j].is_some()) {
        cotangents.push(dy[j].map_or_else(|| b.zeros_like(carry), |dy| dy.value));
    }
    for (&k, _) in parts.constants.iter().zip(&round.constants).filter(|(_, live)| live.is_some()) {
        cotangents.push(b.zeros_like(k));
    }
    let rows = dy[scan.carries..].iter().flatten().map(|dy| dy.value).collect();
    let state = State { parts, cotangents, dy: rows };
    let (cotangents, rows) = policy::undo(&round, b, state)?;
    // In the order of the operands: carried values, sequences, constants.
    let carried = round.carries.iter().flatten().count();
    let values = cotangents[..carried].iter().chain(&rows).chain(&cotangents[carried..]).copied();
    let guarded: Vec<Option<bool>> = [&round.carries[..], &round.rows, &round.constants].concat();
    let live: Vec<bool> = guarded.iter().map(Option::is_some).collect();
    let values = spread(values, &live).into_iter().zip(guarded).zip(wanted);
    Ok(values
        .map(|((value, guarded), &wanted)| {
            Some(Cotangent { value: value?, guarded: guarded? }).filter(|_| wanted)
        })
        .collect())
}

/// The body's graph with its adjoint, before it is cut.
struct Differentiated {
    b: Builder,
    primal: Vec<Value>,
    /// The body's outputs.
    outputs: Vec<Value>,
    /// Inputs: cotangents of carried values, and of rows of results.
    carried: Vec<Value>,
    dy: Vec<Value>,
    /// Cotangents of the body's inputs.
    dx: Vec<Option<Cotangent>>,
}

impl Differentiated {
    /// With a cotangent for each output that has one; it says whether that is guarded.
    fn new(body: &Graph, carries: usize, dy: &[Option<bool>], active: &[bool]) -> Result<Self, AdError> {
        let mut inputs = Inputs::new(body, "adjoint");
        inputs.copy(body, 0..body.inputs().len());
        let outputs = inputs.b.inline(body, &inputs.primal).expect("regions were verified");
        let (mut roots, mut seeds) = (Vec::new(), Vec::new());
        for (&y, guarded) in outputs.iter().zip(dy) {
            let Some(guarded) = *guarded else { continue };
            roots.push(y);
            seeds.push(Cotangent { value: inputs.beside(y, |name| format!("{name}_bar")), guarded });
        }
        let Inputs { mut b, primal } = inputs;
        let dx = ad::backward_guarded(&mut b, &roots, &seeds, &pick(&primal, active))?;
        let dx = spread(dx, active).into_iter().map(Option::flatten).collect();
        let mut carried: Vec<Value> = seeds.iter().map(|seed| seed.value).collect();
        let dy = carried.split_off(dy[..carries].iter().flatten().count());
        Ok(Differentiated { b, primal, outputs, carried, dy, dx })
    }
}

impl Round {
    fn new(scan: &Scan, dy: &[Option<Cotangent>], wanted: &[bool]) -> Result<Round, AdError> {
        let (active, _) = carried(scan.body(), scan.carries, wanted, ad::dependence);
        let mut seeds: Vec<Option<bool>> = dy.iter().map(|dy| dy.map(|dy| dy.guarded)).collect();
        for j in (0..scan.carries).filter(|&j| !active[j]) {
            seeds[j] = None;
        }
        // Which carried values have cotangents, and guarded ones, follows from the rounds behind.
        loop {
            let round = Differentiated::new(scan.body(), scan.carries, &seeds, &active)?;
            let next = |j: usize| match (seeds[j], round.dx[j]) {
                (seed, None) => seed,
                (seed, Some(dx)) => Some(seed.unwrap_or(true) && dx.guarded),
            };
            let changed: Vec<(usize, Option<bool>)> =
                (0..scan.carries).map(|j| (j, next(j))).filter(|(j, next)| *next != seeds[*j]).collect();
            if changed.is_empty() {
                return Ok(Round::cut(scan, round, &seeds));
            }
            changed.into_iter().for_each(|(j, next)| seeds[j] = next);
        }
    }

    /// That what rounds keep is not too large for all of them.
    fn check_stacks(&self, b: &Builder, x: &[Value]) -> Result<(), AdError> {
        let types: Vec<&Type> = x.iter().map(|&v| b.ty(v)).collect();
        let rounds = self.like.rounds(&types).expect("verified");
        for ty in self.record.output_types() {
            stacked(ty, rounds).check_extents().map_err(|violation| AdError {
                message: format!("what a scan keeps for its adjoint: {}", violation.message),
                ..AdError::from(violation)
            })?;
        }
        Ok(())
    }

    fn cut(scan: &Scan, round: Differentiated, seeds: &[Option<bool>]) -> Round {
        let (c, s) = (scan.carries, scan.carries + scan.rows);
        let Differentiated { mut b, primal, outputs, carried, dy, dx } = round;
        let guarded =
            |range: std::ops::Range<usize>| dx[range].iter().map(|dx| dx.map(|dx| dx.guarded)).collect();
        let (rows, constants) = (guarded(c..s), guarded(s..primal.len()));
        let mut results = Vec::new();
        for j in (0..c).filter(|&j| seeds[j].is_some()) {
            results.push(dx[j].map_or_else(|| b.zeros_like(primal[j]), |dx| dx.value));
        }
        let mut sums = Vec::new();
        for (i, dx) in dx.iter().enumerate().skip(s).filter_map(|(i, dx)| dx.map(|dx| (i, dx))) {
            let name = format!("{}_sum", b.graph().name(primal[i]).unwrap_or("x"));
            let ty = b.ty(primal[i]).clone();
            let sum = b.fresh_input(&name, ty);
            results.push(b.add(sum, dx.value));
            sums.push(sum);
        }
        results.extend(dx[c..s].iter().flatten().map(|dx| dx.value));
        let graph = b.finish(results);
        let cotangents = [&carried[..], &sums].concat();
        let backward = [&cotangents[..], &dy].concat();
        let kept = kept(&graph, scan.keep(), graph.outputs(), [&primal[..c], &primal[c..s]], &backward);
        let name = |what: &str| format!("{}_{what}", scan.body().name);
        let advanced = &outputs[..c];
        let sources = [&cotangents[..], &dy, &kept, &primal[c..]].concat();
        Round {
            like: scan.clone(),
            advance: graph.extract(&name("advance"), &primal, advanced),
            record: graph.extract(&name("record"), &primal, &[advanced, &kept].concat()),
            undo: graph.extract(&name("undo"), &sources, graph.outputs()),
            carries: seeds[..c].to_vec(),
            rows,
            constants,
        }
    }

    /// Runs the rounds, keeps what is to be kept, and undoes them.
    pub fn undo_kept(&self, b: &mut Builder, state: &State, length: Option<usize>) -> Undone {
        let like = |reverse| Scan { length, reverse, ..self.like.clone() };
        let State { parts, cotangents, dy } = state;
        let c = parts.carries.len();
        let record: Vec<bool> = (0..self.record.outputs().len()).map(|k| k >= c).collect();
        let kept: Vec<Value> = parts
            .scan(b, like(self.like.reverse), self.record.clone(), &record)
            .into_iter()
            .flatten()
            .collect();
        let undo = Parts {
            carries: cotangents.clone(),
            rows: [&dy[..], &kept, &parts.rows].concat(),
            constants: parts.constants.clone(),
        };
        let all = vec![true; self.undo.outputs().len()];
        let mut results: Vec<Value> =
            undo.scan(b, like(!self.like.reverse), self.undo.clone(), &all).into_iter().flatten().collect();
        let rows = results.split_off(cotangents.len());
        (results, rows)
    }

    /// The carried values behind the rounds of `parts`.
    pub fn advance(&self, b: &mut Builder, parts: &Parts, length: Option<usize>) -> Vec<Value> {
        let like = Scan { length, keep: None, ..self.like.clone() };
        let all = vec![true; parts.carries.len()];
        parts.scan(b, like, self.advance.clone(), &all).into_iter().flatten().collect()
    }
}

/// Values of `graph` that a round keeps for the time when `targets` are computed: going up from these, the first that the
/// policy keeps, and the carried values, on which the others depend. Rows and constants are at hand, and so is what
/// is made of constants alone; what depends on values of `later` is not there yet.
pub(super) fn kept(
    graph: &Graph,
    keep: &Keep,
    targets: &[Value],
    [carries, rows]: [&[Value]; 2],
    later: &[Value],
) -> Vec<Value> {
    let varying = graph.reached_from(&[carries, rows].concat());
    let later = graph.reached_from(later);
    let mut seen = vec![false; graph.value_count()];
    let mut kept = Vec::new();
    let mut pending = targets.to_vec();
    while let Some(value) = pending.pop() {
        if std::mem::replace(&mut seen[value.index()], true) {
            continue;
        }
        let now = varying[value.index()] && !later[value.index()];
        if carries.contains(&value) || (now && keep.keeps(graph, value)) {
            kept.push(value);
        } else if let Some(node) = graph.node_of(value) {
            pending.extend(&node.operands);
        }
    }
    kept.sort();
    kept
}
