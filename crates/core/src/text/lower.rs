//! Lowering: the syntax tree to a program. Names become values, types are inferred and compared
//! with those written, and modules are taken in an order in which a callee stands before its calls.
//!
//! An error poisons the values it should have defined; what uses them is not reported again. Where
//! types are written, the values live on with those, so that later errors still show.

use super::parser::shortened;
use super::statement::Body;
use super::tree::{Action, File, Module, Name, Span};
use crate::ad::{problems, statements};
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

/// What a call can name: a module of the file, or the targets of a statement. A statement is carried out
/// here only if a module calls what it makes.
#[derive(Clone, Copy)]
enum Item<'f, 'a> {
    Module(&'f Module<'a>),
    Statement(&'f Transform),
}

impl<'f, 'a> Item<'f, 'a> {
    /// The names of what must be lowered before, and where they stand.
    fn needs(self) -> Vec<(&'f str, Span)> {
        match self {
            Item::Module(module) => calls(module).map(|name| (name.text, name.span)).collect(),
            Item::Statement(statement) => {
                let span = match statement.location {
                    Location::Text { start, end } => Span { start: start as usize, end: end as usize },
                    _ => Span { start: 0, end: 0 },
                };
                vec![(&statement.source, span)]
            }
        }
    }

    fn name(self) -> &'f str {
        match self {
            Item::Module(module) => module.name.map_or("", |name| name.text),
            Item::Statement(statement) => &statement.target,
        }
    }
}

/// The modules lowered so far.
pub(super) struct Modules<'f, 'a> {
    file: &'f File<'a>,
    pub source: &'f Source,
    /// Modules, then statements.
    items: Vec<Item<'f, 'a>>,
    /// The first item of each name.
    by_name: HashMap<&'f str, usize>,
    graphs: HashMap<&'f str, Arc<Graph>>,
    /// Depth of calls and number of operations with calls written out.
    sizes: Vec<(usize, usize)>,
    /// Operations of all calls so far, written out.
    spent: Cell<usize>,
}

pub(super) fn lower(file: &File, source: &Source) -> Lowered {
    let mut errors = Vec::new();
    let mut modules = Modules::new(file, source, &mut errors);
    let mut program = Program { transforms: file.transforms.clone(), ..Program::default() };
    let mut broken = HashSet::new();
    for i in modules.order(&mut errors) {
        let names: Vec<&str> = match modules.items[i] {
            Item::Module(module) => module.name.iter().map(|name| name.text).collect(),
            Item::Statement(statement) => statement.targets().collect(),
        };
        let graphs = modules.lower(i, &mut errors);
        for (k, name) in names.into_iter().enumerate() {
            // A second module of one name has been reported.
            let is_first = modules.by_name.get(name) == Some(&i);
            match (graphs.get(k), modules.items[i]) {
                (None, Item::Module(_)) => {
                    broken.insert(name.to_string());
                }
                (Some(graph), item) if is_first => {
                    let list = match item {
                        Item::Module(_) => &mut program.modules,
                        Item::Statement(_) => &mut program.made,
                    };
                    list.insert(name.to_string(), graph.clone());
                    modules.graphs.insert(name, graph.clone());
                }
                _ => {}
            }
        }
    }
    Lowered { program, errors, broken }
}

/// The calls in `module`, in order.
fn calls<'m, 'a>(module: &'m Module<'a>) -> impl Iterator<Item = Name<'a>> + 'm {
    module.statements.iter().filter_map(|statement| match &statement.action {
        Action::Call { callee, .. } => Some(*callee),
        _ => None,
    })
}

impl<'f, 'a> Modules<'f, 'a> {
    fn new(file: &'f File<'a>, source: &'f Source, errors: &mut Vec<Diagnostic>) -> Modules<'f, 'a> {
        let mut by_name: HashMap<&str, usize> = HashMap::new();
        for (i, name) in file.modules.iter().enumerate().filter_map(|(i, module)| Some((i, module.name?))) {
            match by_name.get(name.text) {
                None => {
                    by_name.insert(name.text, i);
                }
                Some(_) => {
                    let message = format!("a module's name must be new, got @{} again", name.text);
                    errors.push(Diagnostic::new("module-1", message).at(name.span));
                }
            }
        }
        let statements = file.transforms.iter().map(Item::Statement);
        let items: Vec<Item> = file.modules.iter().map(Item::Module).chain(statements).collect();
        for (k, statement) in file.transforms.iter().enumerate() {
            for target in statement.targets() {
                by_name.entry(target).or_insert(file.modules.len() + k);
            }
        }
        let sizes = vec![(0, 0); items.len()];
        Modules { file, source, items, by_name, graphs: HashMap::new(), sizes, spent: Cell::new(0) }
    }

    /// Every module and what modules call of statements, callees first, else as written. Reports cycles.
    fn order(&self, errors: &mut Vec<Diagnostic>) -> Vec<usize> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let needs: Vec<Vec<(&str, Span)>> = self.items.iter().map(|item| item.needs()).collect();
        let mut marks = vec![Mark::New; self.items.len()];
        let mut order = Vec::with_capacity(self.items.len());
        for root in 0..self.file.modules.len() {
            // The items being visited, each with its next need.
            let mut path = vec![(root, 0)];
            if marks[root] != Mark::New {
                continue;
            }
            marks[root] = Mark::Open;
            while let Some((item, next)) = path.last_mut() {
                let Some(&(name, span)) = needs[*item].get(*next) else {
                    marks[*item] = Mark::Done;
                    order.push(*item);
                    path.pop();
                    continue;
                };
                *next += 1;
                let Some(&callee) = self.by_name.get(name) else {
                    continue;
                };
                match marks[callee] {
                    Mark::Done => {}
                    Mark::New => {
                        marks[callee] = Mark::Open;
                        path.push((callee, 0));
                    }
                    Mark::Open => {
                        let from = path.iter().position(|&(item, _)| item == callee).unwrap_or(0);
                        let cycle: Vec<&str> =
                            path[from..].iter().map(|&(item, _)| self.items[item].name()).collect();
                        errors.push(cyclic(name, span, &cycle));
                    }
                }
            }
        }
        order
    }

    /// Lowers item `i`, after what it needs; gives nothing where it is broken.
    fn lower(&mut self, i: usize, errors: &mut Vec<Diagnostic>) -> Vec<Arc<Graph>> {
        let graphs = match self.items[i] {
            Item::Module(module) => {
                let graph = Body::new(self, module, errors).lower().filter(|_| module.name.is_some());
                graph.into_iter().collect()
            }
            Item::Statement(statement) => self.carry_out(statement, errors),
        };
        let (mut depth, mut size) = (0, graphs.iter().map(|graph| graph.nodes().len()).sum::<usize>());
        for callee in self.items[i].needs().iter().filter_map(|(name, _)| self.by_name.get(name)) {
            depth = depth.max(self.sizes[*callee].0 + 1);
            size = size.saturating_add(self.sizes[*callee].1);
        }
        if !graphs.is_empty() {
            self.sizes[i] = (depth, size);
        }
        graphs.into_iter().map(Arc::new).collect()
    }

    /// What `statement` makes, or nothing and what is wrong with it.
    fn carry_out(&self, statement: &Transform, errors: &mut Vec<Diagnostic>) -> Vec<Graph> {
        let Some(source) = self.graphs.get(statement.source.as_str()) else {
            if !self.by_name.contains_key(statement.source.as_str()) {
                errors.push(problems::no_source(statement).diagnostic(statement));
            }
            return vec![];
        };
        let problems = problems::of_form(statement).into_iter().chain(problems::of_source(statement, source));
        let problems: Vec<Diagnostic> = problems.map(|problem| problem.diagnostic(statement)).collect();
        if !problems.is_empty() {
            errors.extend(problems);
            return vec![];
        }
        statements::carry_out(statement, source).unwrap_or_else(|error| {
            errors.push(error.into());
            vec![]
        })
    }

    /// The module called `name`.
    pub fn callee(&self, name: &str) -> Callee<'_> {
        match self.by_name.get(name) {
            None => Callee::Unknown,
            Some(_) => self.graphs.get(name).map_or(Callee::Broken, Callee::Ready),
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
        let known = (suggest == Suggest::Yes).then(|| nearest(callee.text, self.by_name.keys().copied()));
        match known.flatten() {
            Some(known) => diagnostic.help(format!("a module with a similar name is @{known}")),
            None => diagnostic,
        }
    }
}

fn cyclic(name: &str, span: Span, cycle: &[&str]) -> Diagnostic {
    const SHOWN_MAX: usize = 8;
    let mut path: Vec<String> =
        cycle.iter().take(SHOWN_MAX).map(|name| format!("@{}", shortened(name))).collect();
    if cycle.len() > SHOWN_MAX {
        path.push("…".into());
    }
    path.push(format!("@{}", shortened(name)));
    let message = format!("a module must not call itself, got the cycle {}", path.join(" -> "));
    Diagnostic::new("module-4", message).at(span)
}
