//! Lowering: the syntax tree to a program. Names become values, types are inferred and compared
//! with those written, and modules are taken in an order in which a callee stands before its calls.
//!
//! An error poisons the values it should have defined; what uses them is not reported again. Where
//! types are written, the values live on with those, so that later errors still show.

use super::parser::shortened;
use super::statement::Body;
use super::tree::{Action, File, Module, Name};
use crate::diagnostic::{Diagnostic, Source, nearest};
use crate::ir::{Graph, Location, Program, Transform};
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Calls nest no deeper than this; see `module-5`.
const CALL_DEPTH_MAX: usize = 64;
/// Operations of all calls of a program, written out; see `module-5`.
const EXPANDED_NODES_MAX: usize = 1 << 22;

/// A program, as much of it as is right, and what is wrong with the rest.
pub(super) struct Lowered {
    pub program: Program,
    pub errors: Vec<Diagnostic>,
    /// Modules that are written but not in the program, for their errors.
    pub broken: HashSet<String>,
}

/// A module that can be called.
pub(super) enum Callee<'c> {
    /// This graph.
    Ready(&'c Arc<Graph>),
    /// One with errors of its own, or part of a cycle; the error has been reported.
    Broken,
    /// No module has the name.
    Unknown,
}

/// Whether to look for similar names, which takes time.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Suggest {
    Yes,
    No,
}

/// The modules lowered so far.
pub(super) struct Modules<'f, 'a> {
    file: &'f File<'a>,
    pub source: &'f Source,
    /// The first module of each name.
    by_name: HashMap<&'a str, usize>,
    graphs: Vec<Option<Arc<Graph>>>,
    /// Depth of calls and number of operations with calls written out.
    sizes: Vec<(usize, usize)>,
    /// Operations of all calls so far, written out.
    spent: Cell<usize>,
}

pub(super) fn lower(file: &File, source: &Source) -> Lowered {
    let mut errors = Vec::new();
    let mut modules = Modules {
        file,
        source,
        by_name: HashMap::new(),
        graphs: vec![None; file.modules.len()],
        sizes: vec![(0, 0); file.modules.len()],
        spent: Cell::new(0),
    };
    for (i, module) in file.modules.iter().enumerate() {
        let Some(name) = module.name else { continue };
        match modules.by_name.get(name.text) {
            None => {
                modules.by_name.insert(name.text, i);
            }
            Some(_) => {
                let message = format!("a module's name must be new, got @{} again", name.text);
                errors.push(Diagnostic::new("module-1", message).at(name.span));
            }
        }
    }
    let mut program = Program::default();
    let mut broken = HashSet::new();
    for i in modules.order(&mut errors) {
        modules.lower(i, &mut errors);
        let Some(name) = file.modules[i].name else {
            continue;
        };
        match &modules.graphs[i] {
            Some(graph) if modules.by_name[name.text] == i => {
                program.modules.insert(name.text.to_string(), graph.clone());
            }
            Some(_) => {}
            None => {
                broken.insert(name.text.to_string());
            }
        }
    }
    let texts = |names: &[Name]| names.iter().map(|name| name.text.to_string()).collect();
    program.transforms.extend(file.transforms.iter().map(|t| Transform {
        kind: t.kind,
        source: t.source.text.to_string(),
        wrt: texts(&t.wrt),
        dir: texts(&t.dir),
        target: t.target.text.to_string(),
        location: Location::Text { start: t.span.start as u32, end: t.span.end as u32 },
    }));
    Lowered { program, errors, broken }
}

/// The modules that `module` applies, in order.
fn calls<'m, 'a>(module: &'m Module<'a>) -> impl Iterator<Item = Name<'a>> + 'm {
    module.statements.iter().flat_map(|statement| match &statement.action {
        Action::Op { modules, .. } => modules.iter().copied(),
        _ => [].iter().copied(),
    })
}

impl<'f, 'a> Modules<'f, 'a> {
    /// Every module, callees first, else as written. Reports cycles.
    fn order(&self, errors: &mut Vec<Diagnostic>) -> Vec<usize> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let count = self.file.modules.len();
        let callees: Vec<Vec<Name>> = self.file.modules.iter().map(|m| calls(m).collect()).collect();
        let mut marks = vec![Mark::New; count];
        let mut order = Vec::with_capacity(count);
        for root in 0..count {
            // The modules being visited, each with its next call.
            let mut path = vec![(root, 0)];
            if marks[root] != Mark::New {
                continue;
            }
            marks[root] = Mark::Open;
            while let Some((module, next)) = path.last_mut() {
                let Some(call) = callees[*module].get(*next) else {
                    marks[*module] = Mark::Done;
                    order.push(*module);
                    path.pop();
                    continue;
                };
                *next += 1;
                let Some(&callee) = self.by_name.get(call.text) else {
                    continue;
                };
                match marks[callee] {
                    Mark::Done => {}
                    Mark::New => {
                        marks[callee] = Mark::Open;
                        path.push((callee, 0));
                    }
                    Mark::Open => {
                        let from = path.iter().position(|&(m, _)| m == callee).unwrap_or(0);
                        let name = |m: usize| self.file.modules[m].name.map_or("", |name| name.text);
                        let cycle: Vec<&str> = path[from..].iter().map(|&(m, _)| name(m)).collect();
                        errors.push(cyclic(*call, &cycle));
                    }
                }
            }
        }
        order
    }

    /// Lowers module `i`, whose callees have been.
    fn lower(&mut self, i: usize, errors: &mut Vec<Diagnostic>) {
        let module = &self.file.modules[i];
        if let Some(graph) = Body::new(self, module, errors).lower().filter(|_| module.name.is_some()) {
            let called = calls(module).filter_map(|name| self.by_name.get(name.text));
            let (mut depth, mut size) = (0, graph.nodes().len());
            for &callee in called {
                depth = depth.max(self.sizes[callee].0 + 1);
                size = size.saturating_add(self.sizes[callee].1);
            }
            self.sizes[i] = (depth, size);
            self.graphs[i] = Some(Arc::new(graph));
        }
    }

    /// The module called `name`.
    pub fn callee(&self, name: &str) -> Callee<'_> {
        match self.by_name.get(name) {
            None => Callee::Unknown,
            Some(&i) => self.graphs[i].as_ref().map_or(Callee::Broken, Callee::Ready),
        }
    }

    /// Why one more call of `callee` must not be, if so.
    pub fn too_large(&self, callee: &str) -> Option<Diagnostic> {
        let (depth, size) = self.sizes[*self.by_name.get(callee)?];
        if depth >= CALL_DEPTH_MAX {
            let message = format!("calls must nest at most {CALL_DEPTH_MAX} deep, got {}", depth + 1);
            return Some(Diagnostic::new("module-5", message));
        }
        let total = self.spent.get().saturating_add(size);
        if total > EXPANDED_NODES_MAX {
            let message = format!(
                "the calls of a program, written out, must have at most {EXPANDED_NODES_MAX} operations, got {total}"
            );
            return Some(Diagnostic::new("module-5", message));
        }
        self.spent.set(total);
        None
    }

    /// The error for a call of a module that is not there.
    pub fn unknown(&self, callee: Name, suggest: Suggest) -> Diagnostic {
        let got = shortened(callee.text);
        let diagnostic =
            Diagnostic::new("module-3", format!("a call must name a module, got @{got}")).at(callee.span);
        if self.file.transforms.iter().any(|t| t.target.text == callee.text) {
            return diagnostic.note(format!("@{got} is made by a transformation, which text cannot call"));
        }
        let known = (suggest == Suggest::Yes).then(|| nearest(callee.text, self.by_name.keys().copied()));
        match known.flatten() {
            Some(known) => diagnostic.help(format!("a module with a similar name is @{known}")),
            None => diagnostic,
        }
    }
}

fn cyclic(call: Name, cycle: &[&str]) -> Diagnostic {
    const SHOWN_MAX: usize = 8;
    let mut path: Vec<String> =
        cycle.iter().take(SHOWN_MAX).map(|name| format!("@{}", shortened(name))).collect();
    if cycle.len() > SHOWN_MAX {
        path.push("…".into());
    }
    path.push(format!("@{}", shortened(call.text)));
    let message = format!("a module must not call itself, got the cycle {}", path.join(" -> "));
    Diagnostic::new("module-4", message).at(call.span)
}
