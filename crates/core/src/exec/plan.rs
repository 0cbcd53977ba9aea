//! The plan: which part of a graph runs over which rows, and in what order. Plain data, the
//! contract between the heart and every engine.
//!
//! A *region* is a set of nodes over one row extent that can run row tile by row tile; its
//! reductions over rows are finished by law 3's and law 4's tree. Nodes that belong to no region
//! run whole. A region's row values that others need are stored; all else lives in a tile only.
//! A value that costs little (a broadcast) is computed again where a later region needs it.

use super::batch;
use super::shard::{self, Flow, ShardError};
use super::window::Window;
use crate::ir::{DType, Graph, Node, Origin, Value};
use crate::numerics::tree::{self, BLOCK};
use crate::ops::{Kernel, RowUse, Rows};
use crate::tensor::Tensor;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

pub use super::batch::Batch;

/// Nodes that run over the same rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// The row extent.
    pub rows: usize,
    /// The float type of its kernels: f64 where a value has it, else f32.
    pub dtype: DType,
    /// Positions in the graph's nodes, ascending; the last to use a value stand last.
    pub nodes: Vec<usize>,
    /// Row values from outside: graph inputs and values stored before.
    pub inputs: Vec<Value>,
    /// Values needed whole, such as weights.
    pub whole: Vec<Value>,
    /// Row values that are stored because an output or a later step needs them.
    pub stores: Vec<Value>,
    /// Nodes that reduce over the rows.
    pub reductions: Vec<usize>,
    /// Whether a rank runs its own rows only: of inputs that are sharded it has no others, and what it stores is sharded.
    pub sharded: bool,
}

/// A matrix product that runs whole, its operands and its result seen through reshapes, which move no element.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// Position in the graph's nodes.
    pub node: usize,
    /// Values that hold the operands' elements.
    pub operands: [Value; 2],
    /// The value that takes the result's elements.
    pub result: Value,
}

/// A node with regions, each of which has a plan of its own.
#[derive(Clone, Debug)]
pub struct Nested {
    /// Position in the graph's nodes.
    pub node: usize,
    /// The plans of its regions.
    pub plans: Vec<Arc<Plan>>,
}

/// How a node that stands in no region works on this rank's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnRows {
    /// The row extent over all ranks.
    pub extent: usize,
    /// Whether it reduces over them, or gives as many.
    pub reduced: bool,
}

/// One step of a plan.
#[derive(Clone, Debug)]
pub enum Step {
    /// A node that runs whole.
    Whole(usize),
    /// A region that is nothing but a matrix product.
    Product(Product),
    /// A region.
    Region(Region),
    /// A graph that runs once for each position along an axis.
    Batch(Batch),
    /// A node that runs graphs: a loop, a choice.
    Nested(Nested),
}

/// The steps of a graph, in order.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The lowered graph: static shapes, no composite operations.
    pub graph: Graph,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// For each value, whether a rank holds its own rows of it only.
    pub sharded: Vec<bool>,
}

/// How a node takes part in rows.
#[derive(Clone)]
struct Class {
    rows: Option<Rows>,
    extent: usize,
    level: usize,
    /// The positions of the batch that it belongs to, apart from regions over the same rows.
    batched: Option<usize>,
    /// Whether it runs over this rank's rows, apart from regions over all rows.
    sharded: bool,
}

impl Class {
    /// Whether it may stand in one region with another over the same rows.
    fn joins(&self, other: &Class) -> bool {
        self.batched == other.batched && self.sharded == other.sharded
    }
}

impl Step {
    /// The values that it reads.
    pub fn reads(&self, graph: &Graph) -> Vec<Value> {
        let operands = |&node: &usize| graph.nodes()[node].operands.iter().copied();
        match self {
            Step::Whole(node) | Step::Nested(Nested { node, .. }) => operands(node).collect(),
            Step::Product(product) => product.operands.to_vec(),
            Step::Region(region) => region.nodes.iter().flat_map(|&i| Window::reads(graph, i)).collect(),
            Step::Batch(batch) => batch.rows.iter().chain(&batch.whole).copied().collect(),
        }
    }

    /// The values that it makes and stores whole.
    pub fn writes(&self, graph: &Graph) -> Vec<Value> {
        let results = |node: usize| graph.nodes()[node].results.iter().copied();
        match self {
            Step::Whole(node) | Step::Nested(Nested { node, .. }) => results(*node).collect(),
            Step::Product(product) => vec![product.result],
            Step::Region(region) => region
                .stores
                .iter()
                .copied()
                .chain(region.reductions.iter().flat_map(|&i| results(i)))
                .collect(),
            Step::Batch(batch) => batch.stores.clone(),
        }
    }

    /// The plans that it runs.
    pub fn plans(&self) -> impl Iterator<Item = &Plan> {
        let (batch, nested) = match self {
            Step::Batch(batch) => (Some(&*batch.plan), &[][..]),
            Step::Nested(nested) => (None, &nested.plans[..]),
            _ => (None, &[][..]),
        };
        batch.into_iter().chain(nested.iter().map(Arc::as_ref))
    }
}

impl Plan {
    /// The plan of a lowered graph for so many threads.
    pub fn new(graph: Graph, threads: usize) -> Plan {
        let flow = Flow::new(&graph, &[]);
        Plan::with_regions(graph, threads, flow, &mut HashMap::new())
    }

    /// The plan of a lowered graph, for its extents over all ranks, of which `inputs` are sharded.
    ///
    /// # Errors
    /// If an operation needs all rows of a sharded value.
    pub fn sharded(graph: Graph, threads: usize, inputs: &[Value]) -> Result<Plan, ShardError> {
        let flow = Flow::new(&graph, inputs);
        let plan = Plan::with_regions(graph, threads, flow, &mut HashMap::new());
        plan.check_sharded()?;
        Ok(plan)
    }

    /// What node `i` does with this rank's rows, if it stands in no region, works on some and can.
    pub fn own_rows(&self, i: usize) -> Option<OwnRows> {
        let node = &self.graph.nodes()[i];
        let is_sharded = |v: &Value| self.sharded[v.index()];
        let reduced = shard::reduces(&self.graph, i)
            .filter(|_| node.operands.iter().chain(&node.results).any(is_sharded))?;
        let extent = self.graph.ty(node.operands[0]).shape.first()?.known()?;
        Some(OwnRows { extent, reduced })
    }

    /// That no step needs all rows of a sharded value.
    fn check_sharded(&self) -> Result<(), ShardError> {
        for step in &self.steps {
            let needed = match step {
                Step::Region(region) if region.sharded => region.whole.clone(),
                Step::Whole(node) if self.own_rows(*node).is_some() => continue,
                _ => step.reads(&self.graph),
            };
            let Some(&value) = needed.iter().find(|v| self.sharded[v.index()]) else { continue };
            let nodes = match step {
                Step::Whole(node) | Step::Nested(Nested { node, .. }) => std::slice::from_ref(node),
                Step::Product(product) => std::slice::from_ref(&product.node),
                Step::Region(region) => &region.nodes,
                Step::Batch(_) => unreachable!("no batch is sharded"),
            };
            let uses = |&&i: &&usize| {
                self.graph.nodes()[i].operands.contains(&value)
                    || Window::reads(&self.graph, i).contains(&value)
            };
            let node = nodes.iter().find(uses).expect("it is read by one of them");
            let names = crate::text::names(&self.graph, crate::text::Form::Guide);
            let (op, operand) = (self.graph.nodes()[*node].op.name(), names[value.index()].to_string());
            return Err(ShardError::Whole { op, operand, ty: self.graph.ty(value).clone() });
        }
        Ok(())
    }

    /// The plan of a graph; `known` are those of graphs that others apply, made once for each.
    fn with_regions(
        graph: Graph,
        threads: usize,
        flow: Flow,
        known: &mut HashMap<*const Graph, Arc<Plan>>,
    ) -> Plan {
        let mut steps = Vec::new();
        let (classes, users) = (classify_all(&graph, threads, &flow), users(&graph));
        let levels = classes.iter().map(|c| c.level + 1).max().unwrap_or(0);
        for level in 0..levels {
            let here = |i: &usize| classes[*i].level == level;
            let nodes: Vec<usize> = (0..classes.len()).filter(here).collect();
            steps.extend(nodes.iter().filter(|&&i| classes[i].rows.is_none()).map(|&i| Step::Whole(i)));
            for members in components(&graph, &classes, &nodes) {
                steps.push(step(&graph, &classes, &users, &members));
            }
        }
        let mut plan = Plan { graph, steps, sharded: flow.values };
        plan.drop_unused();
        plan.specialise(&classes, threads);
        plan.nest(threads, known);
        plan
    }

    /// Nodes that apply graphs get the plans of these.
    fn nest(&mut self, threads: usize, known: &mut HashMap<*const Graph, Arc<Plan>>) {
        for step in &mut self.steps {
            let &mut Step::Whole(node) = step else { continue };
            let regions = self.graph.nodes()[node].op.regions();
            if regions.is_empty() {
                continue;
            }
            let mut plans = Vec::with_capacity(regions.len());
            for region in regions {
                let plan = match known.get(&Arc::as_ptr(region)) {
                    Some(plan) => plan.clone(),
                    None => {
                        let flow = Flow::new(region, &[]);
                        Arc::new(Plan::with_regions(region.as_ref().clone(), threads, flow, known))
                    }
                };
                known.insert(Arc::as_ptr(region), plan.clone());
                plans.push(plan);
            }
            *step = Step::Nested(Nested { node, plans });
        }
    }

    /// The plans inside its steps.
    pub fn nested(&self) -> impl Iterator<Item = &Plan> {
        self.steps.iter().flat_map(Step::plans)
    }

    /// The values that are held whole: results of whole nodes, of reductions, and stored row values.
    pub fn stored(&self) -> impl Iterator<Item = Value> {
        self.steps.iter().flat_map(|step| step.writes(&self.graph))
    }

    /// For each step the values that no later step reads and that are no outputs.
    pub fn spent(&self) -> Vec<Vec<Value>> {
        let mut seen: HashSet<Value> = self.graph.outputs().iter().copied().collect();
        let mut spent: Vec<Vec<Value>> = (self.steps.iter().rev())
            .map(|step| {
                let values = step.reads(&self.graph).into_iter().chain(step.writes(&self.graph));
                values.filter(|&v| seen.insert(v)).collect()
            })
            .collect();
        spent.reverse();
        spent
    }

    /// Regions that are one matrix product run whole; regions of batched nodes become batches.
    fn specialise(&mut self, classes: &[Class], threads: usize) {
        for step in &mut self.steps {
            let Step::Region(region) = step else { continue };
            if region.sharded {
                continue;
            }
            if let Some(product) = region.product(&self.graph) {
                *step = Step::Product(product);
            } else if region.nodes.iter().any(|&i| classes[i].batched.is_some()) {
                *step = Step::Batch(Batch::new(&self.graph, region.clone(), threads));
            }
        }
    }

    /// Regions of cheap values that every user computes again are not needed.
    fn drop_unused(&mut self) {
        let mut needed: BTreeSet<Value> = self.graph.outputs().iter().copied().collect();
        for i in (0..self.steps.len()).rev() {
            let keep = match &mut self.steps[i] {
                Step::Whole(node) => {
                    let node = &self.graph.nodes()[*node];
                    let keep = node.results.iter().any(|r| needed.contains(r));
                    if keep {
                        needed.extend(&node.operands);
                    }
                    keep
                }
                Step::Product(_) | Step::Batch(_) | Step::Nested(_) => unreachable!("made of what is left"),
                Step::Region(region) => {
                    region.stores.retain(|v| needed.contains(v));
                    let keep = !region.stores.is_empty() || !region.reductions.is_empty();
                    if keep {
                        region.prune(&self.graph);
                        needed.extend(region.inputs.iter().chain(&region.whole));
                    }
                    keep
                }
            };
            if !keep {
                self.steps.remove(i);
            }
        }
    }
}

impl Region {
    /// Drops nodes that no store and no reduction needs.
    fn prune(&mut self, graph: &Graph) {
        let mut needed: BTreeSet<Value> = self.stores.iter().copied().collect();
        let mut keep = Vec::new();
        for &i in self.nodes.iter().rev() {
            let node = &graph.nodes()[i];
            if self.reductions.contains(&i) || node.results.iter().any(|r| needed.contains(r)) {
                needed.extend(Window::reads(graph, i));
                keep.push(i);
            }
        }
        keep.reverse();
        self.nodes = keep;
        self.inputs.retain(|v| needed.contains(v));
        self.whole.retain(|v| needed.contains(v));
    }

    /// The matrix product that this region is, if it is nothing else.
    fn product(&self, graph: &Graph) -> Option<Product> {
        let kernel = |i: usize| graph.nodes()[i].op.kernel();
        let (products, others): (Vec<usize>, Vec<usize>) =
            self.nodes.iter().partition(|&&i| matches!(kernel(i), Kernel::Matmul(op) if op.strong.is_none()));
        let (&[node], true) = (&products[..], others.iter().all(|&i| matches!(kernel(i), Kernel::Reshape)))
        else {
            return None;
        };
        let source = |mut value: Value| {
            while let Origin::Node { node, .. } = graph.origin(value)
                && others.contains(&node)
            {
                value = graph.nodes()[node].operands[0];
            }
            value
        };
        let own = graph.nodes()[node].results[0];
        let result = match (&self.stores[..], &self.reductions[..]) {
            (&[stored], []) if source(stored) == own => stored,
            ([], &[reduction]) if reduction == node => own,
            _ => return None,
        };
        let &[a, b] = &graph.nodes()[node].operands[..] else { return None };
        Some(Product { node, operands: [source(a), source(b)], result })
    }
}

fn class_of<'a>(graph: &Graph, classes: &'a [Class], value: Value) -> Option<&'a Class> {
    match graph.origin(value) {
        Origin::Input(_) => None,
        Origin::Node { node, .. } => classes.get(node),
    }
}

/// Whether a reduction of values that lie whole in memory is faster whole than row by row, even where what uses it could
/// share its tiles: if a region would be one block, which is one thread's, or has no kernel for the axis.
fn prefers_whole(graph: &Graph, node: &Node) -> bool {
    let ndim = |node: &Node| graph.ty(node.operands[0]).ndim();
    let few = || graph.ty(node.results[0]).shape.first().is_none_or(|rows| rows.known() <= Some(BLOCK));
    match node.op.kernel() {
        Kernel::Reduce { axes, .. } => few() || axes.iter().any(|axis| axis + 1 < ndim(node)),
        Kernel::Dot { .. } => few(),
        _ => false,
    }
}

/// The step for linked nodes of one level: a reduction that is linked with nothing runs whole.
fn step(graph: &Graph, classes: &[Class], users: &[Vec<usize>], members: &[usize]) -> Step {
    match members {
        &[only]
            if !classes[only].sharded
                && matches!(graph.nodes()[only].op.kernel(), Kernel::Reduce { .. } | Kernel::Dot { .. }) =>
        {
            Step::Whole(only)
        }
        _ => Step::Region(region(graph, classes, users, members)),
    }
}

/// Classes in which every reduction over rows has the float type of its region, so that the
/// region's kernels can do it; any other reduction runs whole. So do large products of regions that
/// are too few blocks for the threads: they can share one product, not one block.
fn classify_all(graph: &Graph, threads: usize, flow: &Flow) -> Vec<Class> {
    let mut whole = BTreeSet::new();
    loop {
        let classes = classify(graph, &whole, flow);
        let levels = classes.iter().map(|c| c.level + 1).max().unwrap_or(0);
        let before = whole.len();
        for level in 0..levels {
            let nodes: Vec<usize> = (0..classes.len()).filter(|&i| classes[i].level == level).collect();
            for members in components(graph, &classes, &nodes) {
                let dtype = float_type(graph, &members);
                let few = 2 * tree::blocks(classes[members[0]].extent) <= threads;
                whole.extend(members.into_iter().filter(|&i| {
                    let result = graph.nodes()[i].results[0];
                    let reduced = classes[i].rows.as_ref().is_some_and(|r| r.reduced);
                    ((reduced || Window::of(graph, i).is_some()) && graph.ty(result).dtype != dtype)
                        || (few && !classes[i].sharded && is_large_product(graph, i))
                }));
            }
        }
        if whole.len() == before {
            return classes;
        }
    }
}

/// Whether node `i` is a product of matrices with work for several threads.
fn is_large_product(graph: &Graph, i: usize) -> bool {
    let node = &graph.nodes()[i];
    let Kernel::Matmul(op) = node.op.kernel() else { return false };
    let shape = |v: Value| graph.ty(v).static_shape().expect("lowered");
    let [a, b] = [shape(node.operands[0]), shape(node.operands[1])];
    let e = op.extents(&a, &b);
    a.len() == 2 && op.strong.is_none() && e.m * e.k * e.n >= 1 << 23
}

fn classify(graph: &Graph, whole: &BTreeSet<usize>, flow: &Flow) -> Vec<Class> {
    let mut classes: Vec<Class> = Vec::with_capacity(graph.nodes().len());
    let batched = batch::members(graph);
    for (i, node) in graph.nodes().iter().enumerate() {
        let types: Vec<_> = node.operands.iter().map(|&v| graph.ty(v)).collect();
        let y = graph.ty(node.results[0]);
        let sharded = flow.nodes[i];
        let in_batch = batched[i].filter(|_| !sharded && !whole.contains(&i));
        let rows = match in_batch.and_then(|positions| batch::at_one_position(graph, i, positions)) {
            Some((_, operands)) => Some(Rows { operands, reduced: false }),
            None => (node.results.len() == 1).then(|| node.op.rows(&types, y)).flatten(),
        };
        let rows = rows.filter(|rows| (rows.reduced || y.ndim() > 0) && !whole.contains(&i));
        let leading = |value: Value| graph.ty(value).shape.first().and_then(|e| e.known());
        let made_whole = |&v: &Value| class_of(graph, &classes, v).is_none_or(|class| class.rows.is_none());
        let rows = rows.filter(|_| {
            sharded
                || in_batch.is_some()
                || !(node.operands.iter().all(made_whole) && prefers_whole(graph, node))
        });
        let extent = rows.as_ref().and_then(|rows| {
            if in_batch.is_some() {
                return in_batch;
            }
            let pointwise = rows.operands.iter().position(|&r| r == RowUse::Pointwise);
            if rows.reduced { leading(node.operands[pointwise?]) } else { leading(node.results[0]) }
        });
        let rows = rows.filter(|_| extent.is_some());
        let mut own = Class { rows, extent: extent.unwrap_or(0), level: 0, batched: in_batch, sharded };
        for (k, &operand) in node.operands.iter().enumerate() {
            let usage = own.rows.as_ref().map_or(RowUse::Whole, |rows| rows.operands[k]);
            let Some(class) = class_of(graph, &classes, operand) else { continue };
            let after = match (&class.rows, usage) {
                (_, RowUse::Shape) => 0,
                (None, _) => class.level,
                (Some(made), RowUse::Pointwise) if !made.reduced && class.joins(&own) => class.level,
                (Some(_), _) => class.level + 1,
            };
            own.level = own.level.max(after);
        }
        classes.push(own);
    }
    delay(graph, &mut classes);
    classes
}

/// Moves row values to the level of their first use. A value whose uses all wait for a small region (a
/// weight that is reshaped, a parameter that is broadcast) would otherwise be made before it and stored,
/// and with it all that it is made of. Reductions stay where they are, so what they need stays too.
fn delay(graph: &Graph, classes: &mut [Class]) {
    let mut latest: Vec<Option<usize>> = vec![None; classes.len()];
    for (i, node) in graph.nodes().iter().enumerate().rev() {
        let made_in_rows = |class: &Class| class.rows.as_ref().is_some_and(|rows| !rows.reduced);
        let is_output = node.results.iter().any(|r| graph.outputs().contains(r));
        if let (Some(latest), true, false) = (latest[i], made_in_rows(&classes[i]), is_output) {
            classes[i].level = latest;
        }
        let level = classes[i].level;
        for (k, &operand) in node.operands.iter().enumerate() {
            let Origin::Node { node: maker, .. } = graph.origin(operand) else { continue };
            let usage = classes[i].rows.as_ref().map_or(RowUse::Whole, |rows| rows.operands[k]);
            let bound = match usage {
                RowUse::Shape => continue,
                RowUse::Pointwise if made_in_rows(&classes[maker]) && classes[maker].joins(&classes[i]) => {
                    level
                }
                _ if made_in_rows(&classes[maker]) => level - 1,
                _ => continue,
            };
            latest[maker] = Some(latest[maker].map_or(bound, |latest| latest.min(bound)));
        }
    }
}

/// The operands of node `i` that are row values, made in rows.
fn row_operands<'a>(graph: &'a Graph, classes: &'a [Class], i: usize) -> impl Iterator<Item = Value> + 'a {
    let rows = classes[i].rows.as_ref();
    let node = &graph.nodes()[i];
    node.operands.iter().enumerate().filter_map(move |(k, &v)| {
        rows.is_some_and(|rows| rows.operands[k] == RowUse::Pointwise).then_some(v)
    })
}

/// Sets of nodes of one level that are linked through row values.
fn components(graph: &Graph, classes: &[Class], nodes: &[usize]) -> Vec<Vec<usize>> {
    let mut root: BTreeMap<usize, usize> =
        nodes.iter().filter(|&&i| classes[i].rows.is_some()).map(|&i| (i, i)).collect();
    fn find(root: &BTreeMap<usize, usize>, mut i: usize) -> usize {
        while root[&i] != i {
            i = root[&i];
        }
        i
    }
    for &i in nodes.iter().filter(|&&i| classes[i].rows.is_some()) {
        for v in row_operands(graph, classes, i) {
            if let Origin::Node { node, .. } = graph.origin(v)
                && root.contains_key(&node)
                && classes[node].rows.as_ref().is_some_and(|rows| !rows.reduced)
                && classes[node].joins(&classes[i])
            {
                let (a, b) = (find(&root, i), find(&root, node));
                root.insert(a.max(b), a.min(b));
            }
        }
    }
    let mut sets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &i in root.keys() {
        sets.entry(find(&root, i)).or_default().push(i);
    }
    sets.into_values().collect()
}

/// Whether computing a row value again costs no more than reading it.
fn is_cheap(graph: &Graph, value: Value) -> Option<usize> {
    let Origin::Node { node, .. } = graph.origin(value) else { return None };
    matches!(graph.nodes()[node].op.kernel(), Kernel::Broadcast { .. }).then_some(node)
}

fn region(graph: &Graph, classes: &[Class], users: &[Vec<usize>], members: &[usize]) -> Region {
    let mut nodes: BTreeSet<usize> = members.iter().copied().collect();
    let (mut inputs, mut whole) = (BTreeSet::new(), BTreeSet::new());
    let mut queue: Vec<usize> = members.to_vec();
    while let Some(i) = queue.pop() {
        let rows = classes[i].rows.as_ref().expect("members have rows");
        for (k, &v) in graph.nodes()[i].operands.iter().enumerate() {
            let inside = match graph.origin(v) {
                Origin::Node { node, .. } => {
                    nodes.contains(&node) && classes[node].rows.as_ref().is_some_and(|r| !r.reduced)
                }
                Origin::Input(_) => false,
            };
            match rows.operands[k] {
                RowUse::Shape => {}
                RowUse::Whole => {
                    whole.insert(Window::of(graph, i).map_or(v, |window| window.source));
                }
                RowUse::Pointwise if inside => {}
                RowUse::Pointwise => match is_cheap(graph, v) {
                    Some(node) if classes[node].rows.is_some() && classes[node].joins(&classes[i]) => {
                        nodes.insert(node);
                        queue.push(node);
                    }
                    _ => {
                        inputs.insert(v);
                    }
                },
            }
        }
    }
    let reductions: Vec<usize> =
        nodes.iter().copied().filter(|&i| classes[i].rows.as_ref().is_some_and(|r| r.reduced)).collect();
    let stores = members
        .iter()
        .filter(|i| !reductions.contains(i))
        .flat_map(|&i| graph.nodes()[i].results.iter().copied())
        .filter(|&v| is_used_outside(graph, classes, users, v, members))
        .collect();
    Region {
        rows: classes[members[0]].extent,
        dtype: float_type(graph, &nodes),
        nodes: nodes.into_iter().collect(),
        inputs: inputs.into_iter().collect(),
        whole: whole.into_iter().collect(),
        stores,
        reductions,
        sharded: classes[members[0]].sharded,
    }
}

/// For each value, the nodes that read it.
pub(super) fn users(graph: &Graph) -> Vec<Vec<usize>> {
    let mut users = vec![Vec::new(); graph.value_count()];
    for (i, node) in graph.nodes().iter().enumerate() {
        node.operands.iter().for_each(|v| users[v.index()].push(i));
    }
    users
}

/// Whether an output or a node beyond `members`, which ascend, needs a value's elements: itself, or to
/// compute a cheap member again that is made of them.
fn is_used_outside(
    graph: &Graph,
    classes: &[Class],
    users: &[Vec<usize>],
    value: Value,
    members: &[usize],
) -> bool {
    graph.outputs().contains(&value)
        || users[value.index()].iter().any(|&i| {
            let usage = |k: usize| classes[i].rows.as_ref().map_or(RowUse::Whole, |rows| rows.operands[k]);
            let mut operands = graph.nodes()[i].operands.iter().enumerate();
            let is_read = operands.any(|(k, &v)| v == value && usage(k) != RowUse::Shape);
            let result = graph.nodes()[i].results[0];
            let is_inside = members.binary_search(&i).is_ok();
            let made_again = || {
                is_cheap(graph, result).is_some() && is_used_outside(graph, classes, users, result, members)
            };
            is_read && (!is_inside || made_again())
        })
}

/// The float type of the kernels for `nodes`: f64 where a value has it, else f32.
fn float_type<'a>(graph: &Graph, nodes: impl IntoIterator<Item = &'a usize>) -> DType {
    let values = |&i: &usize| {
        let node = &graph.nodes()[i];
        node.operands.iter().chain(&node.results)
    };
    let wide = nodes.into_iter().flat_map(values).any(|&v| graph.ty(v).dtype == DType::F64);
    if wide { DType::F64 } else { DType::F32 }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = crate::text::names(&self.graph, crate::text::Form::Guide);
        let names = |values: &[Value]| {
            let names: Vec<String> =
                values.iter().map(|v| format!("%{} {}", all[v.index()], self.graph.ty(*v))).collect();
            names.join(", ")
        };
        for (number, step) in self.steps.iter().enumerate() {
            match step {
                Step::Whole(i) => writeln!(f, "step {number}: {} whole", self.graph.nodes()[*i].op.name())?,
                Step::Product(product) => {
                    writeln!(f, "step {number}: product of {} whole", names(&product.operands))?;
                    writeln!(f, "  stores {}", names(&[product.result]))?;
                }
                Step::Region(r) => {
                    let rows = if r.sharded { "sharded rows" } else { "rows" };
                    writeln!(f, "step {number}: region of {} {rows}, {} nodes", r.rows, r.nodes.len())?;
                    writeln!(f, "  reads rows of {}", names(&r.inputs))?;
                    writeln!(f, "  needs whole {}", names(&r.whole))?;
                    if !r.stores.is_empty() {
                        writeln!(f, "  stores {}", names(&r.stores))?;
                    }
                    let reduced: Vec<Value> =
                        r.reductions.iter().map(|&i| self.graph.nodes()[i].results[0]).collect();
                    if !reduced.is_empty() {
                        writeln!(f, "  reduces to {}", names(&reduced))?;
                    }
                }
                Step::Nested(nested) => {
                    let node = &self.graph.nodes()[nested.node];
                    writeln!(f, "step {number}: {} of plans", node.op.name())?;
                    writeln!(f, "  stores {}", names(&node.results))?;
                    for plan in &nested.plans {
                        writeln!(f, "  plan of @{}", plan.graph.name)?;
                        for line in plan.to_string().lines() {
                            writeln!(f, "  | {line}")?;
                        }
                    }
                }
                Step::Batch(batch) => {
                    writeln!(f, "step {number}: a plan for each of {} positions", batch.count)?;
                    writeln!(f, "  takes parts of {}", names(&batch.rows))?;
                    writeln!(f, "  needs whole {}", names(&batch.whole))?;
                    writeln!(f, "  stores {}", names(&batch.stores))?;
                    for line in batch.plan.to_string().lines() {
                        writeln!(f, "  | {line}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A whole value that is known when the plan is made.
pub fn constant_of(graph: &Graph, value: Value) -> Option<&Tensor> {
    match graph.node_of(value)?.op.kernel() {
        Kernel::Constant(tensor) => Some(tensor),
        _ => None,
    }
}
