//! A program: modules by name, and the transformations asked for by statements.

use super::builder::{Builder, inputs_bound};
use super::{Graph, Location};
use crate::ops::Violation;
use indexmap::IndexMap;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What a transformation statement asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransformKind {
    /// `tgraph.adjoint`: reverse mode.
    Adjoint,
    /// `tgraph.jvp`: forward mode.
    Jvp,
    /// `tgraph.hvp`: reverse over forward.
    Hvp,
}

impl TransformKind {
    /// Every kind.
    pub const ALL: [TransformKind; 3] = [TransformKind::Adjoint, TransformKind::Jvp, TransformKind::Hvp];

    /// The statement's word, without `tgraph.`.
    pub fn name(self) -> &'static str {
        match self {
            TransformKind::Adjoint => "adjoint",
            TransformKind::Jvp => "jvp",
            TransformKind::Hvp => "hvp",
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
    /// Names of the new direction inputs (`dir(%v)` of hvp), without `%`; one for each of `wrt`.
    pub dir: Vec<String>,
    /// The module it makes, without `@`.
    pub target: String,
    /// Where it stands.
    pub location: Location,
}

/// Modules and transformation statements, in the order written.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Modules by name; a module stands after those it calls.
    pub modules: IndexMap<String, Arc<Graph>>,
    /// Transformations not yet carried out, in order; one may name the target of an earlier one.
    pub transforms: Vec<Transform>,
}

impl Program {
    /// Adds `graph` under its name, and before it, each under a name of its own, the graphs that it applies and that
    /// are not here yet. Equal graphs become one module. Targets of transformations keep their names.
    ///
    /// # Errors
    /// If an operation breaks a constraint, which none of a verified graph does.
    pub fn insert(&mut self, graph: Graph) -> Result<Arc<Graph>, Violation> {
        let known = self.modules.values().map(|module| (module.digest().to_string(), module.clone()));
        let targets = self.transforms.iter().map(|transform| transform.target.clone());
        let reserved = targets.chain([graph.name.clone()]).collect();
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
        let mut b = Builder::verbatim(&graph.name);
        let inputs = b.copy_inputs(graph);
        let mut map = inputs_bound(graph, &inputs);
        b.rebuild(
            graph,
            &mut map,
            |_| true,
            |b, node, operands| {
                let regions = node.op.regions().iter().map(|region| self.module_of(region));
                let regions = regions.collect::<Result<Vec<_>, _>>()?;
                let op = node.op.with_regions(regions).unwrap_or_else(|| node.op.clone());
                b.push(op, operands)
            },
        )?;
        Ok(b.finish(graph.outputs().iter().map(|v| map[v.index()].expect("defined")).collect()))
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
