//! A program: modules by name, and the transformations asked for by statements.

use super::{Graph, Location};
use crate::ops::Violation;
use indexmap::IndexMap;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What a transformation statement asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransformKind {
    /// `tgraph.adjoint`: reverse mode, the gradient alone.
    Adjoint,
    /// `tgraph.vjp`: reverse mode with a cotangent for every output, the outputs beside the gradient.
    Vjp,
    /// `tgraph.jvp`: forward mode.
    Jvp,
    /// `tgraph.hvp`: second derivatives along a direction.
    Hvp,
    /// `tgraph.jmp`: the gradient, and its derivative along many directions at once.
    Jmp,
    /// `tgraph.jacobian`: every first derivative.
    Jacobian,
    /// `tgraph.hessian`: every second derivative.
    Hessian,
    /// `tgraph.linearize`: the outputs with what their derivative needs, and the derivative as a linear module.
    Linearize,
    /// `tgraph.taylor`: coefficients along one direction.
    Taylor,
    /// `tgraph.vmap`: the same for every position along a new axis of some inputs.
    Vmap,
}

/// A part of a statement behind its source, such as `wrt(%x)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clause {
    /// `wrt(%x)`: inputs to differentiate with respect to.
    Wrt,
    /// `over(%x)`: inputs that get a leading axis.
    Over,
    /// `dir(%v)`: names of new inputs, the directions.
    Dir,
    /// `seed(%w)`: names of new inputs, the cotangents of the outputs.
    Seed,
    /// `size(8)`: the extent of the new axis; `?` if left out.
    Size,
    /// `mode(forward)` or `mode(reverse)`.
    Mode,
    /// `order(4)`: the highest coefficient.
    Order,
}

impl Clause {
    /// Every clause, in the order printed.
    pub const ALL: [Clause; 7] =
        [Clause::Wrt, Clause::Over, Clause::Dir, Clause::Seed, Clause::Size, Clause::Mode, Clause::Order];

    /// The word before the parenthesis.
    pub fn name(self) -> &'static str {
        match self {
            Clause::Wrt => "wrt",
            Clause::Over => "over",
            Clause::Dir => "dir",
            Clause::Seed => "seed",
            Clause::Size => "size",
            Clause::Mode => "mode",
            Clause::Order => "order",
        }
    }
}

/// Which way dense derivatives are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A column at a time: best where inputs are fewer than outputs.
    Forward,
    /// A row at a time: best where outputs are fewer than inputs.
    Reverse,
}

impl Mode {
    /// Both modes.
    pub const ALL: [Mode; 2] = [Mode::Forward, Mode::Reverse];

    /// The word in the IR's text.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Forward => "forward",
            Mode::Reverse => "reverse",
        }
    }
}

impl TransformKind {
    /// Every kind.
    pub const ALL: [TransformKind; 10] = [
        TransformKind::Adjoint,
        TransformKind::Vjp,
        TransformKind::Jvp,
        TransformKind::Hvp,
        TransformKind::Jmp,
        TransformKind::Jacobian,
        TransformKind::Hessian,
        TransformKind::Linearize,
        TransformKind::Taylor,
        TransformKind::Vmap,
    ];

    /// The statement's word, without `tgraph.`.
    pub fn name(self) -> &'static str {
        match self {
            TransformKind::Adjoint => "adjoint",
            TransformKind::Vjp => "vjp",
            TransformKind::Jvp => "jvp",
            TransformKind::Hvp => "hvp",
            TransformKind::Jmp => "jmp",
            TransformKind::Jacobian => "jacobian",
            TransformKind::Hessian => "hessian",
            TransformKind::Linearize => "linearize",
            TransformKind::Taylor => "taylor",
            TransformKind::Vmap => "vmap",
        }
    }

    /// The clause that names inputs of the source, which every statement has.
    pub fn subject(self) -> Clause {
        if self == TransformKind::Vmap { Clause::Over } else { Clause::Wrt }
    }

    /// The clauses that a statement may have beside its subject.
    pub fn options(self) -> &'static [Clause] {
        match self {
            TransformKind::Adjoint | TransformKind::Jvp | TransformKind::Linearize => &[],
            TransformKind::Vjp => &[Clause::Seed],
            TransformKind::Hvp => &[Clause::Dir],
            TransformKind::Jmp => &[Clause::Dir, Clause::Seed, Clause::Size],
            TransformKind::Jacobian | TransformKind::Hessian => &[Clause::Mode],
            TransformKind::Taylor => &[Clause::Order],
            TransformKind::Vmap => &[Clause::Size],
        }
    }
}

/// A statement such as `tgraph.adjoint @m wrt(%x) -> @m_grad`.
#[derive(Clone, Debug, PartialEq)]
pub struct Transform {
    /// Which transformation.
    pub kind: TransformKind,
    /// The module it is applied to, without `@`.
    pub source: String,
    /// Inputs to differentiate with respect to, without `%`.
    pub wrt: Vec<String>,
    /// Inputs that get a leading axis, without `%`.
    pub over: Vec<String>,
    /// Names of the new direction inputs, without `%`; one for each of `wrt`.
    pub dir: Vec<String>,
    /// Names of the new cotangent inputs, without `%`; one for each output, or none for names made from theirs.
    pub seed: Vec<String>,
    /// The extent of the new leading axis; `None` is `?`.
    pub size: Option<usize>,
    /// How dense derivatives are built; `None` is by their sizes.
    pub mode: Option<Mode>,
    /// The highest coefficient of a Taylor expansion.
    pub order: Option<usize>,
    /// The module it makes, without `@`.
    pub target: String,
    /// The second module that `linearize` makes, the linear one.
    pub linear: Option<String>,
    /// Where it stands.
    pub location: Location,
}

impl Transform {
    /// The statement without clauses.
    pub fn new(kind: TransformKind, source: &str, target: &str) -> Transform {
        Transform {
            kind,
            source: source.to_string(),
            wrt: vec![],
            over: vec![],
            dir: vec![],
            seed: vec![],
            size: None,
            mode: None,
            order: None,
            target: target.to_string(),
            linear: None,
            location: Location::Derived,
        }
    }

    /// The names in a clause of names.
    pub fn names(&self, clause: Clause) -> &[String] {
        match clause {
            Clause::Wrt => &self.wrt,
            Clause::Over => &self.over,
            Clause::Dir => &self.dir,
            Clause::Seed => &self.seed,
            Clause::Size | Clause::Mode | Clause::Order => &[],
        }
    }

    /// Whether the statement has the clause.
    pub fn has(&self, clause: Clause) -> bool {
        match clause {
            Clause::Size => self.size.is_some(),
            Clause::Mode => self.mode.is_some(),
            Clause::Order => self.order.is_some(),
            names => !self.names(names).is_empty(),
        }
    }

    /// The modules it makes.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.target).chain(&self.linear).map(String::as_str)
    }
}

/// Modules and transformation statements, in the order written.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Modules by name; a module stands after those it calls.
    pub modules: IndexMap<String, Arc<Graph>>,
    /// Transformations not yet carried out, in order; one may name the target of an earlier one.
    pub transforms: Vec<Transform>,
    /// What statements make whose target a module calls: made when the text was read, since the call's
    /// types follow from it. They are not among `modules` before the statements are carried out.
    pub made: IndexMap<String, Arc<Graph>>,
}

impl Program {
    /// Adds `graph` under its name, and before it, each under a name of its own, the graphs that it applies and that
    /// are not here yet. Equal graphs become one module. Targets of transformations keep their names.
    ///
    /// # Errors
    /// If an operation breaks a constraint, which none of a verified graph does.
    pub fn insert(&mut self, graph: Graph) -> Result<Arc<Graph>, Violation> {
        self.insert_among(graph, std::iter::empty())
    }

    /// As [`Program::insert`]; modules called `names`, too, are yet to come and keep their names.
    pub(crate) fn insert_among(
        &mut self,
        graph: Graph,
        names: impl Iterator<Item = String>,
    ) -> Result<Arc<Graph>, Violation> {
        let here = self.modules.values().chain(self.made.values());
        let known = here.map(|module| (module.digest().to_string(), module.clone()));
        let targets = self.transforms.iter().map(|transform| transform.target.clone());
        let reserved = targets.chain(names).chain([graph.name.clone()]).collect();
        let mut linker = Linker { known: known.collect(), reserved, modules: &mut self.modules };
        let graph = Arc::new(linker.linked(&graph)?);
        self.modules.insert(graph.name.clone(), graph.clone());
        Ok(graph)
    }
}

/// Makes modules of the graphs that others apply.
struct Linker<'p> {
    modules: &'p mut IndexMap<String, Arc<Graph>>,
    /// Modules by their digest.
    known: HashMap<String, Arc<Graph>>,
    /// Names that are kept for others.
    reserved: HashSet<String>,
}

impl Linker<'_> {
    /// `graph` with modules in the place of the graphs that it applies.
    fn linked(&mut self, graph: &Graph) -> Result<Graph, Violation> {
        graph.relinked(|region| self.module_of(region))
    }

    fn module_of(&mut self, region: &Arc<Graph>) -> Result<Arc<Graph>, Violation> {
        if let Some(module) = self.known.get(region.digest()) {
            return Ok(module.clone());
        }
        let mut graph = self.linked(region)?;
        let numbered = (1..).map(|k| format!("{}_{k}", region.name));
        let mut names = std::iter::once(region.name.clone()).chain(numbered);
        let free = |name: &String| !self.modules.contains_key(name) && !self.reserved.contains(name);
        graph.name = names.find(free).expect("numbers do not end");
        let module = Arc::new(graph);
        self.modules.insert(module.name.clone(), module.clone());
        self.known.insert(region.digest().to_string(), module.clone());
        Ok(module)
    }
}
