//! What a plan holds in memory, as it runs: the most bytes at any time, and of which values they are.
//!
//! Counted are the values that are stored whole, from the step that makes them to the last that reads them; not counted are
//! arguments, which are the caller's, and buffers for tiles, which do not grow with the number of rows.

use super::plan::{Plan, Step};
use crate::ir::{Graph, Type, Value};
use crate::text::{self, Form};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// A value that is held.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// Its name in the printed plan.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Its size.
    pub bytes: usize,
    /// What makes it.
    pub made_by: String,
    /// What reads it last, which is why it is kept.
    pub read_by: String,
}

/// The moment when a plan holds the most.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// The graph's name.
    pub graph: String,
    /// Bytes, those inside of the step included.
    pub bytes: usize,
    /// What is done at the moment.
    pub step: String,
    /// What is held, the largest first.
    pub held: Vec<Held>,
    /// The same of a graph that the step runs.
    pub inside: Option<Box<Memory>>,
}

impl Memory {
    /// Of `plan`, run once.
    pub fn of(plan: &Plan) -> Memory {
        Memory::with_known(plan, &mut HashMap::new())
    }

    fn with_known(plan: &Plan, known: &mut HashMap<*const Plan, Memory>) -> Memory {
        if let Some(memory) = known.get(&std::ptr::from_ref(plan)) {
            return memory.clone();
        }
        let graph = &plan.graph;
        let size = |value: Value| bytes(graph.ty(value));
        let spent = plan.spent();
        let (mut live, mut total) = (HashSet::new(), 0);
        let mut most: Option<(usize, usize, HashSet<Value>, Option<Memory>)> = None;
        for (i, step) in plan.steps.iter().enumerate() {
            let made = step.writes(graph).into_iter().filter(|&value| live.insert(value)).collect::<Vec<_>>();
            total += made.into_iter().map(size).sum::<usize>();
            let inside =
                step.plans().map(|plan| Memory::with_known(plan, known)).max_by_key(|inside| inside.bytes);
            let now = total + inside.as_ref().map_or(0, |inside| inside.bytes);
            if most.as_ref().is_none_or(|(bytes, ..)| now > *bytes) {
                most = Some((now, i, live.clone(), inside));
            }
            total -=
                spent[i].iter().filter(|value| live.remove(value)).map(|&value| size(value)).sum::<usize>();
        }
        let (bytes, step, live, inside) = most.unwrap_or_default();
        let memory = Memory {
            graph: graph.name.clone(),
            bytes,
            step: plan.steps.get(step).map_or("nothing".into(), |step| describe(step, graph)),
            held: held(plan, live),
            inside: inside.filter(|inside| inside.bytes > 0).map(Box::new),
        };
        known.insert(std::ptr::from_ref(plan), memory.clone());
        memory
    }
}

fn held(plan: &Plan, live: HashSet<Value>) -> Vec<Held> {
    let graph = &plan.graph;
    let names = text::names(graph, Form::Guide);
    let find = |mut steps: Box<dyn Iterator<Item = &Step> + '_>, value, reads: bool| {
        let of = |step: &Step| if reads { step.reads(graph) } else { step.writes(graph) };
        steps.find(|step| of(step).contains(&value)).map(|step| describe(step, graph))
    };
    let is_output = |value: &Value| graph.outputs().contains(value);
    let mut held: Vec<Held> = live
        .into_iter()
        .map(|value| Held {
            name: names[value.index()].clone(),
            ty: graph.ty(value).clone(),
            bytes: bytes(graph.ty(value)),
            made_by: find(Box::new(plan.steps.iter()), value, false).unwrap_or_default(),
            read_by: match is_output(&value) {
                true => "the caller".into(),
                false => find(Box::new(plan.steps.iter().rev()), value, true).unwrap_or("nothing".into()),
            },
        })
        .collect();
    held.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    held
}

fn bytes(ty: &Type) -> usize {
    ty.static_shape().map_or(0, |shape| shape.iter().product::<usize>() * ty.dtype.size())
}

fn describe(step: &Step, graph: &Graph) -> String {
    let op = |node: usize| graph.nodes()[node].op.name();
    match step {
        Step::Whole(node) => op(*node).to_string(),
        Step::Product(product) => op(product.node).to_string(),
        Step::Region(region) => format!("a region of {} rows", region.rows),
        Step::Batch(batch) => format!("a plan for each of {} positions", batch.count),
        Step::Nested(nested) => {
            let names: Vec<String> =
                nested.plans.iter().map(|plan| format!("@{}", plan.graph.name)).collect();
            format!("{} of {}", op(nested.node), names.join(", "))
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "@{} holds at most {} bytes, at {}", self.graph, self.bytes, self.step)?;
        for Held { name, ty, bytes, made_by, read_by } in &self.held {
            writeln!(f, "  {bytes:>12} bytes  %{name} {ty}: made by {made_by}, kept for {read_by}")?;
        }
        match &self.inside {
            Some(inside) => inside.to_string().lines().try_for_each(|line| writeln!(f, "  | {line}")),
            None => Ok(()),
        }
    }
}
