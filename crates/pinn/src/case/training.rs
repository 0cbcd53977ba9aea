//! The network, the stages of its training, and what the result is scored against.

use super::read::{Declared, optional};
use super::reader::{Table, Value};
use super::{Activation, Checkpoints, Network, Optimiser, Reference, Schedule, Solution};
use crate::diagnostic::{Diagnostic, list};
use crate::exact::burgers;
use crate::expression::{Expr, Node, Scope, Symbol, parse};

const COUNT_MAX: u64 = 1 << 48;

/// Files kept before the newest, at most.
pub const KEEP_MAX: u16 = 1000;

/// The table `[network]`; its seed is the case's unless it has one.
pub fn network(value: &Value, seed: Option<u64>) -> Option<Network> {
    const WIDTH_MAX: u64 = 1 << 16;
    let table = value.table("[network]")?;
    let kind = optional(&table, "kind", (), |value| value.choice(&[("mlp", ())]));
    let hidden = table.required("hidden").and_then(|value| {
        let widths = value.list()?;
        if widths.is_empty() {
            return value.wrong("a list of at least one width", "an empty list");
        }
        let widths: Vec<_> = widths.iter().map(|width| width.integer(1..=WIDTH_MAX)).collect();
        widths.into_iter().map(|width| width.map(|w| w as usize)).collect::<Option<Vec<_>>>()
    });
    let activations = [("tanh", Activation::Tanh), ("sin", Activation::Sin)];
    let activation = optional(&table, "activation", Activation::Tanh, |value| value.choice(&activations));
    let seed = match table.optional("seed") {
        Some(value) => value.integer(0..=i64::MAX as u64),
        None => seed,
    };
    table.finish();
    kind?;
    Some(Network { hidden: hidden?, activation: activation?, seed: seed? })
}

/// The tables `[[optimiser]]`.
pub fn optimisers(top: &Table) -> Option<Vec<Optimiser>> {
    let value = top.required("optimiser")?;
    if value.is_table() {
        let error = value.error("a list of tables", "a table");
        value.reader.report(error.help("write the header as [[optimiser]]"));
        return None;
    }
    let stages = value.list()?;
    if stages.is_empty() {
        return value.wrong("a list of at least one stage", "an empty list");
    }
    let stages: Vec<Option<Optimiser>> = stages.iter().map(optimiser).collect();
    stages.into_iter().collect()
}

fn optimiser(value: &Value) -> Option<Optimiser> {
    #[derive(Clone, Copy)]
    enum Kind {
        Adam,
        Lbfgs,
    }
    let table = value.table("[[optimiser]]")?;
    let kinds = [("adam", Kind::Adam), ("lbfgs", Kind::Lbfgs)];
    let kind = table.required("kind").and_then(|value| value.choice(&kinds))?;
    let steps = table.required("steps").and_then(|value| value.integer(1..=COUNT_MAX));
    let stage = match kind {
        Kind::Adam => adam(&table, steps),
        Kind::Lbfgs => lbfgs(&table, steps),
    };
    table.finish();
    stage
}

fn adam(table: &Table, steps: Option<u64>) -> Option<Optimiser> {
    let learning_rate = table.required("learning_rate").and_then(|value| value.positive());
    let schedule = optional(table, "schedule", Schedule::Constant, schedule);
    let betas = optional(table, "betas", [0.9, 0.999], |value| {
        let list = value.list()?;
        let [first, second] = list.as_slice() else {
            return value.wrong("two numbers", &list.len().to_string());
        };
        Some([fraction(first)?, fraction(second)?])
    });
    let epsilon = optional(table, "epsilon", 1e-8, Value::positive);
    let resample_every =
        optional(table, "resample_every", None, |value| value.integer(1..=COUNT_MAX).map(Some));
    Some(Optimiser::Adam {
        steps: steps?,
        learning_rate: learning_rate?,
        schedule: schedule?,
        betas: betas?,
        epsilon: epsilon?,
        resample_every: resample_every?,
    })
}

/// A number above 0 and below 1.
fn fraction(value: &Value) -> Option<f64> {
    let x = value.positive()?;
    if x < 1.0 { Some(x) } else { value.wrong("less than 1", &x.to_string()) }
}

fn schedule(value: &Value) -> Option<Schedule> {
    let table = value.table("schedule")?;
    let kinds = [("constant", 0), ("exponential", 1), ("cosine", 2)];
    let kind = table.required("kind").and_then(|value| value.choice(&kinds))?;
    let factor = || match table.required("factor") {
        Some(value) => fraction(&value),
        None => None,
    };
    let schedule = match kind {
        0 => Some(Schedule::Constant),
        1 => {
            let factor = factor();
            let every = table.required("every").and_then(|value| value.integer(1..=COUNT_MAX));
            factor.zip(every).map(|(factor, every)| Schedule::Exponential { factor, every })
        }
        _ => factor().map(|factor| Schedule::Cosine { factor }),
    };
    table.finish();
    schedule
}

fn lbfgs(table: &Table, steps: Option<u64>) -> Option<Optimiser> {
    let history = optional(table, "history", 50, |value| value.integer(1..=10_000));
    let wolfe = optional(table, "wolfe", (1e-4, 0.9), |value| {
        let table = value.table("wolfe")?;
        let decrease = optional(&table, "decrease", 1e-4, fraction);
        let curvature = optional(&table, "curvature", 0.9, fraction);
        table.finish();
        let (c1, c2) = decrease.zip(curvature)?;
        if c1 < c2 {
            return Some((c1, c2));
        }
        value.wrong("constants with decrease < curvature", &format!("{c1} and {c2}"))
    });
    let evaluations_max = optional(table, "evaluations_max", 25, |value| value.integer(1..=10_000));
    let tolerance = optional(table, "tolerance", 0.0, |value| {
        let x = value.number(&Scope::default(), &[])?;
        if x >= 0.0 { Some(x) } else { value.wrong("at least 0", &x.to_string()) }
    });
    let resample_every =
        optional(table, "resample_every", None, |value| value.integer(1..=COUNT_MAX).map(Some));
    let (decrease, curvature) = wolfe?;
    Some(Optimiser::Lbfgs {
        steps: steps?,
        history: history? as usize,
        decrease,
        curvature,
        evaluations_max: evaluations_max?,
        tolerance: tolerance?,
        resample_every: resample_every?,
    })
}

/// The table `[checkpoint]`: steps between checkpoints.
pub fn checkpoint(value: &Value) -> Option<Checkpoints> {
    let table = value.table("[checkpoint]")?;
    let default = Checkpoints::default();
    let every = optional(&table, "every", default.every, |value| value.integer(1..=COUNT_MAX));
    let keep = optional(&table, "keep", default.keep, |value| {
        value.integer(0..=KEEP_MAX.into()).and_then(|keep| u32::try_from(keep).ok()).map(Some)
    });
    table.finish();
    Some(Checkpoints { every: every?, keep: keep? })
}

/// The table `[reference]`.
pub fn reference(value: &Value, declared: &Declared) -> Option<Reference> {
    let table = value.table("[reference]")?;
    let parameters = optional(&table, "parameters", Vec::new(), |value| truths(value, declared));
    let solution = match table.optional("solution") {
        Some(value) if value.is_text() => builtin(&table, &value, declared).map(Some),
        Some(value) => expressions(&value, declared, parameters.as_deref().unwrap_or_default()).map(Some),
        None => Some(None),
    };
    let grid = match table.optional("grid") {
        Some(value) => grid(&value, declared),
        None if matches!(solution, Some(Some(_))) => {
            table.required("grid").and_then(|value| grid(&value, declared))
        }
        None => Some(Vec::new()),
    };
    table.finish();
    Some(Reference { solution: solution?, grid: grid?, parameters: parameters? })
}

/// True values of trainable parameters.
fn truths(value: &Value, declared: &Declared) -> Option<Vec<(usize, f64)>> {
    let mut truths = Vec::new();
    let mut good = true;
    for (name, value) in value.table("parameters")?.pairs() {
        let trainable = || declared.parameters.iter().filter(|parameter| parameter.trainable);
        let Some(i) = declared.parameters.iter().position(|p| p.trainable && p.name == name) else {
            let known = list(trainable().map(|parameter| parameter.name.as_str()), "or");
            let message = format!("true value must be for a trainable parameter, {known}, got `{name}`");
            value.reader.report(Diagnostic::new("case-field", message, value.key));
            good = false;
            continue;
        };
        match declared.constant(&value) {
            Some(x) => truths.push((i, x)),
            None => good = false,
        }
    }
    good.then_some(truths)
}

fn builtin(table: &Table, value: &Value, declared: &Declared) -> Option<Solution> {
    value.choice(&[("burgers-cole-hopf", ())])?;
    let viscosity = table.required("viscosity")?;
    let nu = declared.constant(&viscosity)?;
    let range = burgers::viscosities();
    if !range.contains(&nu) {
        let must = format!("from {} to {}", range.start(), range.end());
        return viscosity.wrong(&must, &nu.to_string());
    }
    let interval = |name| {
        let coordinate = declared.coordinates.iter().find(|c| c.name == name)?;
        Some((coordinate.low, coordinate.high))
    };
    let fits = match (interval("t"), interval("x")) {
        (Some((start, end)), Some((left, right))) => {
            start >= 0.0 && end <= burgers::TIME_MAX && -1.0 <= left && right <= 1.0
        }
        _ => false,
    };
    if !fits || declared.scope.unknowns.len() != 1 || declared.coordinates.len() != 2 {
        let must = "for one unknown of `t` within [0, 100] and `x` within [-1, 1]";
        return value.wrong(must, "another domain");
    }
    Some(Solution::BurgersColeHopf { viscosity: nu })
}

fn expressions(value: &Value, declared: &Declared, truths: &[(usize, f64)]) -> Option<Solution> {
    let scope = Scope { unknowns: Vec::new(), ..declared.scope.clone() };
    let table = value.table("solution")?;
    let names = &declared.scope.unknowns;
    let mut all: Vec<Option<Expr>> = vec![None; names.len()];
    for (name, value) in table.pairs() {
        let Some(i) = names.iter().position(|unknown| unknown == name) else {
            let known = list(names.iter().map(String::as_str), "or");
            let message = format!("solution must be for {known}, got `{name}`");
            value.reader.report(Diagnostic::new("case-field", message, value.key));
            continue;
        };
        all[i] = value.text().and_then(|text| {
            let expr = text.parse(&scope, parse)?;
            let unknown_value = |node: &Node| match node {
                Node::Symbol(Symbol::Parameter(i)) => {
                    declared.parameters[*i].trainable && truths.iter().all(|(j, _)| j != i)
                }
                _ => false,
            };
            let Some(part) = expr.find(unknown_value) else {
                return Some(expr);
            };
            let message = "solution must have parameters of known value, got a trainable one";
            let span = text.place(part.span.clone());
            let error = Diagnostic::new("case-value", message, span);
            let help = "give its true value in `parameters` of [reference]";
            text.value.reader.report(error.help(help));
            None
        });
    }
    let missing: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| table.pairs().all(|(n, _)| n != *name)).collect();
    if !missing.is_empty() {
        return value
            .wrong("a table with a text for every unknown", &format!("none for {}", list(missing, "and")));
    }
    all.into_iter().collect::<Option<Vec<Expr>>>().map(Solution::Expressions)
}

fn grid(value: &Value, declared: &Declared) -> Option<Vec<u64>> {
    const EXTENT_MAX: u64 = 1 << 20;
    let names = &declared.scope.coordinates;
    let mut extents = vec![None; names.len()];
    for (name, value) in value.table("grid")?.pairs() {
        match names.iter().position(|known| known == name) {
            Some(i) => extents[i] = value.integer(2..=EXTENT_MAX),
            None => {
                let known = list(names.iter().map(String::as_str), "or");
                let message = format!("grid must be over {known}, got `{name}`");
                value.reader.report(Diagnostic::new("case-field", message, value.key));
            }
        }
    }
    let table = value.table("grid")?;
    let missing: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| table.pairs().all(|(n, _)| n != *name)).collect();
    if !missing.is_empty() {
        return value.wrong(
            "a table with a number for every coordinate",
            &format!("none for {}", list(missing, "and")),
        );
    }
    extents.into_iter().collect()
}
