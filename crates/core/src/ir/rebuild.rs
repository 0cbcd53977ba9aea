//! Graphs copied node by node: what inlining, batching, lowering and passes share.

use super::{Builder, Graph, Node, Value};
use crate::ops::Violation;
use std::sync::Arc;

impl Builder {
    /// Copies `graph` with its inputs bound to `inputs`, giving its outputs.
    ///
    /// # Errors
    /// The constraint that an operation breaks on inputs of other types than the graph's own.
    pub fn inline(&mut self, graph: &Graph, inputs: &[Value]) -> Result<Vec<Value>, Violation> {
        self.inline_by(graph, inputs, copied)
    }

    /// The same, where `each` gives the new results of a node from its new operands.
    pub(crate) fn inline_by(
        &mut self,
        graph: &Graph,
        inputs: &[Value],
        each: impl FnMut(&mut Builder, &Node, &[Value]) -> Result<Vec<Value>, Violation>,
    ) -> Result<Vec<Value>, Violation> {
        let live = graph.live();
        let needed = |node: &Node| node.results.iter().any(|r| live[r.index()]);
        let mut map = inputs_bound(graph, inputs);
        self.rebuild(graph, &mut map, needed, each)?;
        Ok(graph.outputs().iter().map(|v| map[v.index()].expect("live")).collect())
    }

    /// Walks the nodes of `graph` that are `needed`, in order, and lets `each` give the new results of
    /// one from its new operands; names go over. `map` has the new value of each value, where it is known.
    pub(crate) fn rebuild(
        &mut self,
        graph: &Graph,
        map: &mut [Option<Value>],
        needed: impl Fn(&Node) -> bool,
        mut each: impl FnMut(&mut Builder, &Node, &[Value]) -> Result<Vec<Value>, Violation>,
    ) -> Result<(), Violation> {
        for node in graph.nodes().iter().filter(|node| needed(node)) {
            let operands: Vec<Value> =
                node.operands.iter().map(|v| map[v.index()].expect("operands precede uses")).collect();
            let results = each(self.at(node.location), node, &operands)?;
            for (&old, new) in node.results.iter().zip(results) {
                let new = *map[old.index()].get_or_insert(new);
                if let (Some(name), None) = (graph.name(old), self.graph().name(new)) {
                    self.set_name(new, name);
                }
            }
        }
        Ok(())
    }
}

impl Graph {
    /// The graph whose nodes, dead ones too, are exactly what `each` makes of the nodes of this one, given the operands in the
    /// new graph.
    pub(crate) fn rebuilt(
        &self,
        each: impl FnMut(&mut Builder, &Node, &[Value]) -> Result<Vec<Value>, Violation>,
    ) -> Result<Graph, Violation> {
        let mut b = Builder::verbatim(&self.name);
        let inputs = b.copy_inputs(self);
        let mut map = inputs_bound(self, &inputs);
        b.rebuild(self, &mut map, |_| true, each)?;
        Ok(b.finish(self.outputs().iter().map(|v| map[v.index()].expect("defined")).collect()))
    }

    /// This graph with the definitions of those operations for which `is_chosen` holds and which are defined by others in
    /// their places, over and over.
    pub(crate) fn expanded(&self, is_chosen: impl Fn(&Node) -> bool) -> Result<Graph, Violation> {
        let mut graph = self.clone();
        loop {
            let mut expanded = false;
            graph = graph.rebuilt(|b, node, operands| {
                match is_chosen(node).then(|| node.op.expand(b, operands)).flatten() {
                    Some(results) => {
                        expanded = true;
                        Ok(results)
                    }
                    None => copied(b, node, operands),
                }
            })?;
            if !expanded {
                return Ok(graph);
            }
        }
    }

    /// This graph with others, which give the same bits, in the place of those that its operations hold.
    pub(crate) fn relinked(
        &self,
        mut region: impl FnMut(&Arc<Graph>) -> Result<Arc<Graph>, Violation>,
    ) -> Result<Graph, Violation> {
        self.rebuilt(|b, node, operands| {
            let regions = node.op.regions().iter().map(&mut region).collect::<Result<_, _>>()?;
            b.push(node.op.with_same_regions(regions).unwrap_or_else(|| node.op.clone()), operands)
        })
    }
}

/// The node itself.
pub(crate) fn copied(b: &mut Builder, node: &Node, operands: &[Value]) -> Result<Vec<Value>, Violation> {
    b.push(node.op.clone(), operands)
}

/// The new value of each value of `graph` as far as its inputs, bound to `inputs`, say.
pub(crate) fn inputs_bound(graph: &Graph, inputs: &[Value]) -> Vec<Option<Value>> {
    let mut map = vec![None; graph.value_count()];
    for (input, &value) in graph.inputs().iter().zip(inputs) {
        map[input.value.index()] = Some(value);
    }
    map
}
