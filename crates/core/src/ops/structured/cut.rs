//! What a graph's second part should take from its first: the values of fewest bytes from which all that it needs can be had again by
//! cheap operations alone. It is a minimum cut, found as a maximum flow (E. A. Dinic, Soviet Math. Doklady 11, 1970).
//!
//! Every value is an edge of its bytes. Flow enters where an operation is too dear to run again and leaves where a value is needed;
//! through cheap operations it runs unhindered. Inputs are there anyway and let nothing in. Of several minimum cuts the one nearest to
//! what is needed is taken, which leaves the least to be computed again.

use super::*;
use crate::ir::{Extent, Node};
use std::collections::VecDeque;

/// What a `?` extent counts as where nobody says.
pub(super) const DYNAMIC_EXTENT: u64 = 1024;

/// The values of `graph`, no inputs, that are to be kept so that `needed` can be computed from them and the inputs by cheap
/// operations, in their order. A `?` counts as `extent`.
pub(super) fn minimum_cut(graph: &Graph, needed: &[Value], extent: u64) -> Vec<Value> {
    let count = graph.value_count();
    let (source, sink) = (2 * count, 2 * count + 1);
    let mut network = Network::new(2 * count + 2);
    let reaches = graph.reaches(needed);
    let is_needed = |node: &&Node| node.results.iter().any(|r| reaches[r.index()]);
    let made = || graph.nodes().iter().filter(is_needed);
    for node in made() {
        for result in &node.results {
            network.edge(2 * result.index(), 2 * result.index() + 1, bytes(graph.ty(*result), extent));
            if !node.op.kernel().is_cheap() {
                network.edge(source, 2 * result.index(), UNLIMITED);
                continue;
            }
            for operand in &node.operands {
                network.edge(2 * operand.index() + 1, 2 * result.index(), UNLIMITED);
            }
        }
    }
    for value in needed {
        network.edge(2 * value.index() + 1, sink, UNLIMITED);
    }
    let behind = network.behind_minimum_cut(source, sink);
    let is_cut = |v: &Value| behind[2 * v.index() + 1] && !behind[2 * v.index()];
    made().flat_map(|node| node.results.iter().copied()).filter(is_cut).collect()
}

fn bytes(ty: &Type, dynamic: u64) -> u64 {
    let extent = |e: &Extent| e.known().map_or(dynamic, |n| n as u64);
    ty.shape.iter().map(extent).fold(ty.dtype.size() as u64, u64::saturating_mul).min(UNLIMITED / 4)
}

/// More than all values together.
const UNLIMITED: u64 = u64::MAX / 4;

/// A network of edges with capacities; edge e ^ 1 is edge e backwards.
struct Network {
    edges: Vec<Edge>,
    /// The edges that leave each node.
    leaving: Vec<Vec<usize>>,
}

struct Edge {
    to: usize,
    capacity: u64,
}

impl Network {
    fn new(nodes: usize) -> Network {
        Network { edges: Vec::new(), leaving: vec![Vec::new(); nodes] }
    }

    fn edge(&mut self, from: usize, to: usize, capacity: u64) {
        for (from, to, capacity) in [(from, to, capacity), (to, from, 0)] {
            self.leaving[from].push(self.edges.len());
            self.edges.push(Edge { to, capacity });
        }
    }

    /// The nodes from which `sink` can still be reached after a maximum flow.
    fn behind_minimum_cut(&mut self, source: usize, sink: usize) -> Vec<bool> {
        loop {
            // Distances to the sink along what is left.
            let distances = self.distances(sink);
            if distances[source].is_none() {
                return distances.iter().map(Option::is_some).collect();
            }
            self.block(source, sink, distances);
        }
    }

    /// How many edges with capacity it takes to `sink`.
    fn distances(&self, sink: usize) -> Vec<Option<usize>> {
        let mut distances = vec![None; self.leaving.len()];
        let mut queue = VecDeque::from([(sink, 0)]);
        distances[sink] = Some(0);
        while let Some((node, distance)) = queue.pop_front() {
            for &edge in &self.leaving[node] {
                let from = self.edges[edge].to;
                if self.edges[edge ^ 1].capacity > 0 && distances[from].is_none() {
                    distances[from] = Some(distance + 1);
                    queue.push_back((from, distance + 1));
                }
            }
        }
        distances
    }

    /// Sends flow along shortest paths until none is left.
    fn block(&mut self, source: usize, sink: usize, mut distances: Vec<Option<usize>>) {
        let mut next = vec![0; self.leaving.len()];
        let mut path: Vec<usize> = Vec::new();
        loop {
            let node = path.last().map_or(source, |&edge| self.edges[edge].to);
            if node == sink {
                let flow = path.iter().map(|&e| self.edges[e].capacity).min().expect("source is not sink");
                for &edge in &path {
                    self.edges[edge].capacity -= flow;
                    self.edges[edge ^ 1].capacity += flow;
                }
                let full = path.iter().position(|&e| self.edges[e].capacity == 0).expect("the smallest");
                path.truncate(full);
                continue;
            }
            let closer = distances[node].and_then(|d| d.checked_sub(1));
            let is_open = |&&e: &&usize| {
                self.edges[e].capacity > 0 && closer.is_some() && distances[self.edges[e].to] == closer
            };
            let open = self.leaving[node][next[node]..].iter().position(|e| is_open(&e));
            match (open, path.pop()) {
                (Some(skipped), last) => {
                    next[node] += skipped;
                    path.extend(last);
                    path.push(self.leaving[node][next[node]]);
                }
                // A dead end: nothing leads here any more.
                (None, Some(_)) => distances[node] = None,
                (None, None) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::DType;

    /// A product of 100 numbers, spread to 100×64 and taken through three functions: its 800 bytes are kept, of 3 × 51,200.
    #[test]
    fn the_cut_is_where_the_graph_is_thin() {
        let mut b = Builder::new("spread");
        let [x, w] =
            [("x", [100, 8]), ("w", [8, 1])].map(|(name, shape)| b.input(name, Type::new(DType::F64, shape)));
        let y = b.matmul(x, w);
        let spread = b.broadcast(y, &[0, 1], &[100, 64]);
        let [a, c] = [b.sin(spread), b.cos(spread)];
        let d = b.mul(a, c);
        let e = b.exp(d);
        let graph = b.finish(vec![e]);
        assert_eq!(minimum_cut(&graph, &[a, c, d, e], DYNAMIC_EXTENT), [y]);
        // What is needed itself is as cheap as what it is made of.
        assert_eq!(minimum_cut(&graph, &[spread], DYNAMIC_EXTENT), [y]);
        assert_eq!(minimum_cut(&graph, &[x], DYNAMIC_EXTENT), []);
    }

    /// Of a line of 4096 numbers, repeated over ? rows, two columns: which is smaller follows from what ? counts as.
    #[test]
    fn the_cut_follows_from_what_an_open_extent_counts_as() {
        let mut b = Builder::new("open");
        let x = b.input("x", Type::new(DType::F64, [Extent::Dynamic, Extent::Static(4096)]));
        let w = b.input("w", Type::new(DType::F64, [64, 64]));
        let product = b.matmul(w, w);
        let line = b.reshape(product, &[4096]);
        let rows = b.broadcast_like(line, &[1], x);
        let columns = b.slice(rows, 1, 0..2);
        let graph = b.finish(vec![columns]);
        assert_eq!(minimum_cut(&graph, &[columns], 10), [columns]);
        assert_eq!(minimum_cut(&graph, &[columns], 1_000_000), [line]);
    }

    /// Two products meet: as few values are kept as can be, and those that leave the least to do.
    #[test]
    fn the_cut_lies_as_near_as_it_can() {
        let mut b = Builder::new("sum");
        let x = b.input("x", Type::new(DType::F64, [4, 4]));
        let square = b.matmul(x, x);
        let cube = b.matmul(square, x);
        let a = b.sin(cube);
        let sum = b.add(a, square);
        let c = b.tanh(sum);
        let graph = b.finish(vec![c]);
        assert_eq!(minimum_cut(&graph, &[c], DYNAMIC_EXTENT), [c]);
        assert_eq!(minimum_cut(&graph, &[square], DYNAMIC_EXTENT), [square]);
        assert_eq!(minimum_cut(&graph, &[sum, c], DYNAMIC_EXTENT), [sum]);
        assert_eq!(minimum_cut(&graph, &[a, sum, c], DYNAMIC_EXTENT), [a, sum]);
        assert_eq!(minimum_cut(&graph, &[a, cube], DYNAMIC_EXTENT), [cube]);
    }
}
