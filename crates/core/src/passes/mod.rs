//! Passes: programs in, programs out. But for [`REWRITES`] they are exact, that is, results keep their bits (law 10).
//!
//! Each pass is a sweep over a graph that rebuilds it node by node. What a pass may do to an
//! operation the operation itself says ([`Rule::expand`](crate::ops::Rule::expand),
//! [`Rule::simplify`](crate::ops::Rule::simplify)), or follows from values being immutable.
//! [`Builder::new`](crate::ir::Builder::new) does all but `expand` while a graph is built, which is what keeps derivatives
//! small; here the same steps stand by name, for programs that were written.
//!
//! ```
//! use tessera_core::diagnostic::Source;
//! use tessera_core::{passes, text};
//! let source = Source::new("m.mlir", "\
//! tgraph.module @m {
//!   %x = tgraph.arg : f64
//!   %a = tgraph.sin %x
//!   %b = tgraph.sin %x
//!   %y = tgraph.add %a, %b
//!   tgraph.return %y
//! }
//! ");
//! let program = passes::pipeline(&text::check(&source).unwrap()).unwrap();
//! assert_eq!(program.modules["m"].nodes().len(), 2);
//! ```

mod canonical;
mod collapse;
mod dead;
mod expand;
mod fold;
mod share;

pub use collapse::collapse;

use crate::ir::{Graph, Program};
use crate::ops::Violation;
use std::collections::HashMap;
use std::sync::Arc;

/// A pass.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Its name, for `tessera opt --pass`.
    pub name: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    graph: fn(&Graph) -> Result<Graph, Violation>,
}

/// Every exact pass, in the order of the pipeline.
pub const PASSES: &[Pass] = &[
    Pass {
        name: "expand",
        summary: "write out calls and operations that are defined by others",
        graph: expand::expand,
    },
    Pass {
        name: "canonical",
        summary: "simplify single operations (x · 1, − − x), order operands of commutative ones",
        graph: canonical::canonical,
    },
    Pass { name: "fold", summary: "compute operations on constants by the reference", graph: fold::fold },
    Pass {
        name: "share",
        summary: "keep one of several equal operations on the same operands",
        graph: share::share,
    },
    Pass { name: "dead", summary: "drop operations that no output needs", graph: dead::dead },
];

/// Passes that change rounding (law 10): how a program is built, never part of how it is run.
pub const REWRITES: &[Pass] = &[Pass {
    name: "collapse",
    summary: "pull linear maps through sums, L(a) + L(b) = L(a + b), so that a Laplacian takes fewer streams",
    graph: collapse::pass,
}];

/// The pass called `name`, exact or a rewrite.
pub fn pass(name: &str) -> Option<&'static Pass> {
    PASSES.iter().chain(REWRITES).find(|pass| pass.name == name)
}

impl Pass {
    /// The pass on every module of `program`, with modules for the graphs that it makes, such as the loop of an expanded solver; statements stay as they are.
    ///
    /// # Errors
    /// If a module breaks a constraint, which no verified program does.
    pub fn run(&self, program: &Program) -> Result<Program, Violation> {
        let mut out = Program { modules: Default::default(), ..program.clone() };
        // Callees stand before their callers, so their new form is known when a call is met.
        let mut renewed: HashMap<*const Graph, Arc<Graph>> = HashMap::new();
        for graph in program.modules.values() {
            let linked = relinked(graph, &renewed)?;
            let new = (self.graph)(linked.as_ref().unwrap_or(graph))?;
            let new = out.insert_among(new, program.modules.keys().cloned())?;
            renewed.insert(Arc::as_ptr(graph), new);
        }
        Ok(out)
    }
}

/// All exact passes, in order, again and again until nothing changes.
///
/// # Errors
/// As [`Pass::run`].
pub fn pipeline(program: &Program) -> Result<Program, Violation> {
    let mut program = program.clone();
    let mut text = crate::text::print(&program);
    loop {
        for pass in PASSES {
            program = pass.run(&program)?;
        }
        let next = crate::text::print(&program);
        if next == text {
            return Ok(program);
        }
        text = next;
    }
}

/// `graph` with calls of the new form of each module, if it calls any.
fn relinked(graph: &Graph, renewed: &HashMap<*const Graph, Arc<Graph>>) -> Result<Option<Graph>, Violation> {
    let new_region = |region: &Arc<Graph>| renewed.get(&Arc::as_ptr(region)).unwrap_or(region).clone();
    if graph.nodes().iter().all(|node| node.op.regions().is_empty()) {
        return Ok(None);
    }
    // Not `relinked`: a pass may change rounding.
    let new = graph.rebuilt(|b, node, operands| {
        let regions = node.op.regions().iter().map(new_region).collect();
        b.push(node.op.with_regions(regions).unwrap_or_else(|| node.op.clone()), operands)
    });
    new.map(Some)
}
