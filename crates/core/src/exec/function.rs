//! A graph made ready to be called: arguments checked, shapes bound, an engine chosen.

use super::cpu::{self, Options};
use super::merge::merge;
use super::plan::Plan;
use super::reference;
use super::shard::{ShardError, Sharding};
use crate::ir::{Builder, Extent, Graph, Node, Type, Value};
use crate::ops::Violation;
use crate::tensor::Tensor;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

/// Which engine runs a graph. All give the same bits.
#[derive(Clone, Debug)]
pub enum Backend {
    /// The law in slow, plain code.
    Reference,
    /// Tiles of rows in cache, SIMD, threads.
    Cpu(Options),
}

impl Default for Backend {
    fn default() -> Backend {
        Backend::Cpu(Options::default())
    }
}

/// A graph that an engine has prepared for arguments of fixed shapes.
pub trait Executable: Send + Sync {
    /// The outputs for arguments of the types it was prepared for. **Collective** where inputs are sharded.
    fn run(&self, inputs: &[&Tensor]) -> Vec<Tensor>;

    /// Whether a rank gets only its own rows of an output. All others every rank gets whole, with the same bits.
    fn is_sharded(&self, _output: usize) -> bool {
        false
    }
}

/// Arguments that do not fit a graph.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CallError {
    /// Too few or too many arguments.
    #[error("@{graph} must be called with {want} arguments ({names}), got {got}")]
    Count {
        /// The graph's name.
        graph: String,
        /// How many it takes.
        want: usize,
        /// Their names.
        names: String,
        /// How many were given.
        got: usize,
    },
    /// An argument of another type.
    #[error("argument %{name} of @{graph} must be {want}, got {got}")]
    Type {
        /// The graph's name.
        graph: String,
        /// The argument's name.
        name: String,
        /// The input's type.
        want: Type,
        /// The argument's type.
        got: Type,
    },
    /// `?` extents that do not fit together.
    #[error("the arguments of @{graph} must fit together: {cause}")]
    Shapes {
        /// The graph's name.
        graph: String,
        /// The constraint that breaks.
        cause: Violation,
    },
    /// What cannot be sharded.
    #[error("@{graph} cannot be sharded: {cause}")]
    Shard {
        /// The graph's name.
        graph: String,
        /// Why.
        cause: ShardError,
    },
    /// A value that no allocation can hold.
    #[error("a value of @{graph} must fit into memory, got {ty}, {bytes} bytes")]
    Memory {
        /// The graph's name.
        graph: String,
        /// The value's type.
        ty: Type,
        /// Its size.
        bytes: usize,
    },
}

/// Checks arguments against the inputs of `graph`.
pub fn check_arguments(graph: &Graph, inputs: &[&Tensor]) -> Result<(), CallError> {
    let types: Vec<Type> = inputs.iter().map(|x| x.ty()).collect();
    check_types(graph, &types)
}

/// Checks the arguments' types against the inputs of `graph`.
fn check_types(graph: &Graph, inputs: &[Type]) -> Result<(), CallError> {
    let name = |v: Value| graph.name(v).unwrap_or("?").to_string();
    if inputs.len() != graph.inputs().len() {
        let names: Vec<String> = graph.inputs().iter().map(|i| format!("%{}", name(i.value))).collect();
        return Err(CallError::Count {
            graph: graph.name.clone(),
            want: graph.inputs().len(),
            names: names.join(", "),
            got: inputs.len(),
        });
    }
    for (input, got) in graph.inputs().iter().zip(inputs) {
        let want = graph.ty(input.value);
        if !want.agrees(got) {
            let (graph, name) = (graph.name.clone(), name(input.value));
            return Err(CallError::Type { graph, name, want: want.clone(), got: got.clone() });
        }
    }
    Ok(())
}

/// `graph` for inputs of these static types: every extent bound, operations that are defined by
/// others expanded, equal nodes shared, loops over the same values merged, dead nodes gone; so too the graphs that it applies. Bits are those of `graph`.
pub fn lower(graph: &Graph, types: &[Type]) -> Result<Graph, Violation> {
    Lowering::default().lower(graph, types)
}

/// Lowered graphs that others apply: one for each of them and each list of input types.
#[derive(Default)]
struct Lowering {
    /// With the graph itself, whose address is part of the key.
    known: HashMap<Key, (Arc<Graph>, Arc<Graph>)>,
}

/// A graph, by its address, and the types of its inputs.
type Key = (*const Graph, Vec<Type>);

impl Lowering {
    fn lower(&mut self, graph: &Graph, types: &[Type]) -> Result<Graph, Violation> {
        let mut lowered = pass(graph, types)?.0;
        loop {
            let (next, expanded) = pass(&lowered, types)?;
            lowered = next;
            if !expanded {
                break;
            }
        }
        match lowered.nodes().iter().all(|node| node.op.regions().is_empty()) {
            true => Ok(lowered),
            false => self.lower_regions(&merge(lowered)?, types),
        }
    }

    fn lower_regions(&mut self, graph: &Graph, types: &[Type]) -> Result<Graph, Violation> {
        bound(graph, types, |b, node, operands| {
            let operand_types: Vec<&Type> = operands.iter().map(|&v| b.ty(v)).collect();
            let inputs = node.op.region_inputs(&operand_types);
            let regions = node.op.regions().iter().zip(inputs).map(|(region, types)| {
                let key = (Arc::as_ptr(region), types);
                if let Some((_, lowered)) = self.known.get(&key) {
                    return Ok(lowered.clone());
                }
                let lowered = Arc::new(self.lower(region, &key.1)?);
                self.known.insert(key, (region.clone(), lowered.clone()));
                Ok(lowered)
            });
            let regions = regions.collect::<Result<Vec<_>, _>>()?;
            let op = node.op.with_same_regions(regions).unwrap_or_else(|| node.op.clone());
            b.push(op, operands)
        })
    }
}

/// Binds extents and expands operations once; whether one was expanded.
fn pass(graph: &Graph, types: &[Type]) -> Result<(Graph, bool), Violation> {
    let mut expanded = false;
    let graph = bound(graph, types, |b, node, operands| {
        let types: Vec<&Type> = operands.iter().map(|&v| b.ty(v)).collect();
        let results = node.op.infer(&types)?;
        keeps_types(graph, node, &types, &results)?;
        match node.op.expand(b, operands) {
            Some(results) => {
                expanded = true;
                Ok(results)
            }
            None => b.push(node.op.clone(), operands),
        }
    })?;
    Ok((graph, expanded))
}

/// That the types which were inferred when `graph` was built still hold with all extents bound: what follows, a derivative above all, was built on them.
fn keeps_types(graph: &Graph, node: &Node, operands: &[&Type], results: &[Type]) -> Result<(), Violation> {
    for (ty, &result) in results.iter().zip(&node.results) {
        let built = graph.ty(result);
        if !built.agrees(ty) {
            let operands: Vec<String> = operands.iter().map(|ty| ty.to_string()).collect();
            let message = format!(
                "{} must have a result of the type {built} that it had when its operands were open, got {ty} for {}",
                node.op.name(),
                operands.join(", ")
            );
            return Err(
                Violation::new("type-5", message).help("write the extents where the input is declared")
            );
        }
    }
    Ok(())
}

/// The live part of `graph` for inputs of `types`, with the results that `each` gives.
fn bound(
    graph: &Graph,
    types: &[Type],
    each: impl FnMut(&mut Builder, &Node, &[Value]) -> Result<Vec<Value>, Violation>,
) -> Result<Graph, Violation> {
    let mut b = Builder::new(&graph.name);
    let name = |v: Value| graph.name(v).unwrap_or("");
    let inputs: Vec<Value> =
        graph.inputs().iter().zip(types).map(|(input, ty)| b.input(name(input.value), ty.clone())).collect();
    let outputs = b.inline_by(graph, &inputs, each)?;
    Ok(b.finish(outputs))
}

/// A graph that can be called with tensors.
///
/// The first call with arguments of new shapes prepares the graph for them; later calls reuse it.
pub struct Function {
    graph: Arc<Graph>,
    backend: Backend,
    sharding: Option<Sharding>,
    prepared: Mutex<HashMap<Shapes, Arc<dyn Executable>>>,
}

/// Bytes of a value below which the allocator is not asked beforehand: 64 MiB.
const MEMORY_SURE: usize = 64 << 20;

/// The shapes of all arguments.
type Shapes = Vec<Vec<usize>>;

impl Function {
    /// `graph` on `backend`.
    pub fn new(graph: impl Into<Arc<Graph>>, backend: Backend) -> Function {
        Function { graph: graph.into(), backend, sharding: None, prepared: Mutex::new(HashMap::new()) }
    }

    /// `graph` on `backend`, sharded over ranks: of each input that `sharding` names, a call takes this rank's rows
    /// ([`Sharding::range`]). Outputs made row by row of such inputs are this rank's rows again; all others, reductions over
    /// the rows among them, are whole, with the bits of one process that has all rows.
    pub fn sharded(graph: impl Into<Arc<Graph>>, backend: Backend, sharding: Sharding) -> Function {
        Function { sharding: Some(sharding), ..Function::new(graph, backend) }
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The outputs for `inputs`. **Collective** if the function is sharded.
    ///
    /// # Errors
    /// If the arguments do not fit, or the graph cannot be sharded as asked.
    pub fn call(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>, CallError> {
        Ok(self.prepare(inputs)?.run(inputs))
    }

    fn shard_error(&self, cause: ShardError) -> CallError {
        CallError::Shard { graph: self.graph.name.clone(), cause }
    }

    /// The types of arguments, with the extents of all ranks.
    fn types(&self, inputs: &[&Tensor]) -> Result<Vec<Type>, CallError> {
        let Some(sharding) = &self.sharding else { return Ok(inputs.iter().map(|x| x.ty()).collect()) };
        let names = self.graph.inputs().iter().map(|input| self.graph.name(input.value).unwrap_or(""));
        let names = names.chain(std::iter::repeat(""));
        let types = names.zip(inputs).map(|(name, x)| sharding.global(name, x));
        types.collect::<Result<_, _>>().map_err(|cause| self.shard_error(cause))
    }

    /// The plan of the lowered graph, whose values fit into memory.
    fn plan(&self, lowered: Graph, threads: usize) -> Result<Plan, CallError> {
        let Some(sharding) = &self.sharding else { return Ok(Plan::new(lowered, threads)) };
        let inputs = sharding.inputs(&lowered).map_err(|cause| self.shard_error(cause))?;
        Plan::sharded(lowered, threads, &inputs).map_err(|cause| self.shard_error(cause))
    }

    /// Refuses values that the allocator refuses, which would otherwise end the process.
    fn check_memory<'a>(&self, types: impl Iterator<Item = &'a Type>) -> Result<(), CallError> {
        for ty in types {
            let elements: usize = ty.static_shape().expect("lowered").iter().product();
            let bytes = elements.saturating_mul(ty.dtype.size());
            if bytes > MEMORY_SURE && Vec::<u8>::new().try_reserve_exact(bytes).is_err() {
                return Err(CallError::Memory { graph: self.graph.name.clone(), ty: ty.clone(), bytes });
            }
        }
        Ok(())
    }

    /// The graph prepared for arguments of the shapes of `inputs`.
    pub fn prepare(&self, inputs: &[&Tensor]) -> Result<Arc<dyn Executable>, CallError> {
        let types = self.types(inputs)?;
        check_types(&self.graph, &types)?;
        let shapes: Shapes = inputs.iter().map(|x| x.shape().to_vec()).collect();
        if let Some(ready) = self.prepared.lock().expect("no panic while held").get(&shapes) {
            return Ok(ready.clone());
        }
        let shapes_error = |cause| CallError::Shapes { graph: self.graph.name.clone(), cause };
        let lowered = lower(&self.graph, &types).map_err(shapes_error)?;
        debug_assert!(lowered.output_types().iter().all(|t| !t.shape.contains(&Extent::Dynamic)));
        let ready: Arc<dyn Executable> = match &self.backend {
            // The reference runs the graph as written, so that it also checks the lowering.
            Backend::Reference => {
                let size = self.sharding.as_ref().map_or(1, |sharding| sharding.communicator().size());
                if size > 1 {
                    return Err(self.shard_error(ShardError::Reference { size }));
                }
                let (mut graphs, mut seen) = (vec![&lowered], HashSet::new());
                while let Some(graph) = graphs.pop() {
                    let results = graph.nodes().iter().flat_map(|node| &node.results);
                    self.check_memory(results.map(|&v| graph.ty(v)))?;
                    let regions = graph.nodes().iter().flat_map(|node| node.op.regions()).map(Arc::as_ref);
                    graphs.extend(regions.filter(|&region| seen.insert(std::ptr::from_ref(region))));
                }
                Arc::new(Interpreted(self.graph.clone()))
            }
            Backend::Cpu(options) => {
                let plan = self.plan(lowered, options.threads())?;
                let (mut plans, mut seen) = (vec![&plan], HashSet::new());
                while let Some(plan) = plans.pop() {
                    let whole = plan.stored().filter(|v| !plan.sharded[v.index()]);
                    self.check_memory(whole.map(|v| plan.graph.ty(v)))?;
                    plans.extend(plan.nested().filter(|&plan| seen.insert(std::ptr::from_ref(plan))));
                }
                match &self.sharding {
                    Some(sharding) => Arc::new(cpu::Engine::sharded(plan, options.clone(), sharding)),
                    None => Arc::new(cpu::Engine::new(plan, options.clone())),
                }
            }
        };
        self.prepared.lock().expect("no panic while held").insert(shapes, ready.clone());
        Ok(ready)
    }
}

struct Interpreted(Arc<Graph>);

impl Executable for Interpreted {
    fn run(&self, inputs: &[&Tensor]) -> Vec<Tensor> {
        reference::run(&self.0, inputs)
    }
}
