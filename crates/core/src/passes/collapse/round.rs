//! One sweep from some roots down: what is a sum is taken apart, grouped by maps, and made anew.

use super::terms::{Map, Reader, Term, View, added};
use crate::ir::{Builder, Origin, Value};
use indexmap::IndexMap;
use std::collections::{HashMap, HashSet};

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Item {
    /// A value of the graph before.
    Value(Value),
    /// The sum of this number, of arguments of a map.
    Sum(usize),
}

/// How.
#[derive(Clone, Debug)]
enum Plan {
    /// It is there.
    Input,
    /// By the same node, of what its operands have become.
    Node(usize),
    /// By adding parts.
    Sum(Vec<Part>),
}

/// A part of a sum.
#[derive(Clone, Debug)]
enum Part {
    Term(Term),
    /// `times` a map of a sum.
    Map {
        times: i64,
        map: Map,
        sum: usize,
    },
}

pub(super) struct Round<'b> {
    b: &'b mut Builder,
    reader: Reader,
    /// What each [`Item::Sum`] adds.
    sums: Vec<Vec<Term>>,
    /// Sums inside of others in which there is nothing to pull.
    plain: HashSet<Value>,
    plans: HashMap<Item, Plan>,
    made: HashMap<Item, Value>,
}

impl<'b> Round<'b> {
    pub fn new(b: &'b mut Builder, roots: &[Value]) -> Round<'b> {
        let reader = Reader::new(b.graph(), roots);
        let (sums, plain, plans, made) = Default::default();
        Round { b, reader, sums, plain, plans, made }
    }

    /// What the roots become.
    pub fn run(mut self, roots: &[Value]) -> Vec<Value> {
        roots.iter().map(|&root| self.make(Item::Value(root))).collect()
    }

    /// Makes `item` after what it is made of; without recursion, for graphs of any depth.
    fn make(&mut self, item: Item) -> Value {
        let mut stack = vec![item];
        while let Some(&top) = stack.last() {
            if self.made.contains_key(&top) {
                stack.pop();
                continue;
            }
            let plan = match self.plans.remove(&top) {
                Some(plan) => plan,
                None => self.plan(top),
            };
            let waiting = stack.len();
            stack.extend(self.needs(&plan).into_iter().filter(|need| !self.made.contains_key(need)));
            if stack.len() > waiting {
                self.plans.insert(top, plan);
            } else {
                self.carry_out(top, plan);
            }
        }
        self.made[&item]
    }

    fn plan(&mut self, item: Item) -> Plan {
        let value = match item {
            Item::Sum(sum) => {
                let (terms, _) = self.reader.open(self.b.graph(), self.sums[sum].clone());
                return Plan::Sum(self.parts(terms));
            }
            Item::Value(value) => value,
        };
        let Origin::Node { node, .. } = self.b.graph().origin(value) else { return Plan::Input };
        if !self.plain.contains(&value)
            && let Some((terms, opened)) = self.reader.sum(self.b.graph(), value)
        {
            let parts = self.parts(terms);
            if parts.iter().any(|part| matches!(part, Part::Map { .. })) {
                return Plan::Sum(parts);
            }
            self.plain.extend(opened);
        }
        Plan::Node(node)
    }

    /// `terms`, where two or more that are one map of different arguments are the map of a sum. The map that most terms share is pulled first.
    fn parts(&mut self, terms: Vec<Term>) -> Vec<Part> {
        let views: Vec<_> = terms.iter().map(|term| self.reader.views(self.b.graph(), term)).collect();
        let mut groups: IndexMap<&str, Vec<(usize, &View)>> = IndexMap::new();
        for (i, view) in
            views.iter().enumerate().flat_map(|(i, views)| views.iter().map(move |view| (i, view)))
        {
            let group = groups.entry(&view.key).or_default();
            // A square is the same map of either operand.
            if group.last().is_none_or(|(last, _)| *last != i) {
                group.push((i, view));
            }
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        let mut parts: Vec<Option<Part>> = terms.into_iter().map(|term| Some(Part::Term(term))).collect();
        let mut is_pulled = vec![false; parts.len()];
        for mut group in groups {
            group.retain(|(i, _)| !is_pulled[*i]);
            if group.len() < 2 {
                continue;
            }
            let mut arguments: Vec<Term> = group.iter().map(|(_, view)| view.argument.clone()).collect();
            let times = common_factor(&mut arguments);
            for (i, _) in &group {
                (parts[*i], is_pulled[*i]) = (None, true);
            }
            parts[group[0].0] = Some(Part::Map { times, map: group[0].1.map, sum: self.sums.len() });
            self.sums.push(arguments);
        }
        parts.into_iter().flatten().collect()
    }

    /// What must be there before `plan` is carried out.
    fn needs(&self, plan: &Plan) -> Vec<Item> {
        match plan {
            Plan::Input => vec![],
            Plan::Node(node) => {
                self.b.graph().nodes()[*node].operands.iter().map(|&x| Item::Value(x)).collect()
            }
            Plan::Sum(parts) => parts.iter().flat_map(|part| self.needs_of_part(part)).collect(),
        }
    }

    fn needs_of_part(&self, part: &Part) -> Vec<Item> {
        match part {
            Part::Term(term) => term.factors.iter().map(|&x| Item::Value(x)).collect(),
            Part::Map { map: Map::Factor { factor, .. }, sum, .. } => {
                vec![Item::Value(*factor), Item::Sum(*sum)]
            }
            Part::Map { map: Map::Node { node, operand }, sum, .. } => {
                let operands = self.b.graph().nodes()[*node].operands.iter().enumerate();
                let others = operands.filter(|(i, _)| i != operand).map(|(_, &x)| Item::Value(x));
                others.chain([Item::Sum(*sum)]).collect()
            }
        }
    }

    fn carry_out(&mut self, item: Item, plan: Plan) {
        match (plan, item) {
            (Plan::Sum(mut parts), _) => {
                // Begun with what is added, a sum needs no negation.
                parts.sort_by_key(|part| part.times() < 0);
                let mut total = None;
                for part in parts {
                    let value = self.part(&part);
                    total = Some(added(self.b, total, part.times(), value));
                }
                self.made.insert(item, total.expect("a sum has terms"));
            }
            (Plan::Node(node), _) => self.renew(node),
            (Plan::Input, Item::Value(input)) => {
                self.made.insert(item, input);
            }
            (Plan::Input, Item::Sum(_)) => unreachable!("a sum is no input"),
        }
    }

    /// Node `node` of what its operands have become.
    fn renew(&mut self, node: usize) {
        let node = self.b.graph().nodes()[node].clone();
        let operands: Vec<Value> = node.operands.iter().map(|&x| self.made[&Item::Value(x)]).collect();
        for (before, after) in node.results.iter().zip(super::renewed(self.b, &node, &operands)) {
            self.made.insert(Item::Value(*before), after);
        }
    }

    /// A part without its `times`.
    fn part(&mut self, part: &Part) -> Value {
        let (by, operands) = match part {
            Part::Term(Term { by: None, factors, .. }) => return self.made[&Item::Value(factors[0])],
            Part::Term(Term { by: Some(by), factors, .. }) => {
                (*by, factors.iter().map(|&x| self.made[&Item::Value(x)]).collect())
            }
            Part::Map { map: Map::Factor { factor, by }, sum, .. } => {
                (*by, vec![self.made[&Item::Value(*factor)], self.made[&Item::Sum(*sum)]])
            }
            Part::Map { map: Map::Node { node, operand }, sum, .. } => {
                let node = self.b.graph().nodes()[*node].clone();
                let made = |(i, x)| self.made[&if i == *operand { Item::Sum(*sum) } else { Item::Value(x) }];
                let operands: Vec<Value> = node.operands.iter().copied().enumerate().map(made).collect();
                return self.b.at(node.location).apply(node.op, &operands);
            }
        };
        let node = self.b.graph().nodes()[by].clone();
        let product =
            operands.into_iter().reduce(|x, y| self.b.at(node.location).apply(node.op.clone(), &[x, y]));
        product.expect("a product has factors")
    }
}

impl Part {
    fn times(&self) -> i64 {
        match self {
            Part::Term(term) => term.times,
            Part::Map { times, .. } => *times,
        }
    }
}

/// Takes out the integer that all terms are multiples of, negative if all are.
fn common_factor(terms: &mut [Term]) -> i64 {
    let gcd = |mut a: i64, mut b: i64| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let size = terms.iter().map(|term| term.times.abs()).fold(0, gcd);
    let factor = if terms.iter().all(|term| term.times < 0) { -size } else { size };
    terms.iter_mut().for_each(|term| term.times /= factor);
    factor
}
