//! From operations in static single assignment to the steps of a group.
//!
//! Operations are emitted in their order, but for two liberties. A chain goes on with the first
//! operation that reads its accumulator and whose other operands are there. A product that only an
//! addition or subtraction reads waits for it, and becomes part of its link.

use super::chain::{Link, has_link};
use super::{CHUNK, Constant, Group, Operand, Step};
use crate::exec::cpu::schedule::{Buffer, Place};
use crate::numerics::lanes::Real;
use crate::ops::{Direction, Function};

/// What an operation reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::exec::cpu) enum Source {
    /// The result of an operation of the group.
    Value(usize),
    /// A buffer of the tile.
    Memory(Buffer),
    /// A constant of the group.
    Constant(usize),
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Function(Function),
    Compare(Direction),
    Select,
    Copy,
    Vector(usize),
    Column(Buffer),
}

struct Operation {
    action: Action,
    sources: Vec<Source>,
    /// The buffer that the result is needed in.
    target: Option<Buffer>,
}

/// Builds a [`Group`].
pub(in crate::exec::cpu) struct GroupBuilder<T> {
    width: usize,
    constants: Vec<Constant<T>>,
    operations: Vec<Operation>,
    sources: Vec<(Place<T>, Source)>,
}

impl<T: Real> GroupBuilder<T> {
    pub fn new(width: usize) -> GroupBuilder<T> {
        GroupBuilder { width, constants: Vec::new(), operations: Vec::new(), sources: Vec::new() }
    }

    /// The source that reads `place`.
    pub fn source(&mut self, place: Place<T>) -> Source {
        if let Some((_, source)) = self.sources.iter().find(|(known, _)| *known == place) {
            return *source;
        }
        let source = match place {
            Place::Rows { of, .. } => Source::Memory(of),
            Place::Number(number) => self.constant(Constant::Number(number)),
            Place::Vector { index, .. } if CHUNK.is_multiple_of(self.width) => {
                self.constant(Constant::Vector(index))
            }
            Place::Vector { index, .. } => self.push(Action::Vector(index), &[], None),
            Place::Column { of, .. } => self.push(Action::Column(of), &[], None),
            Place::Slot(_) => unreachable!("groups read elements of one type"),
        };
        self.sources.push((place, source));
        source
    }

    fn constant(&mut self, constant: Constant<T>) -> Source {
        self.constants.push(constant);
        Source::Constant(self.constants.len() - 1)
    }

    pub fn function(&mut self, function: Function, sources: &[Source], target: Option<Buffer>) -> Source {
        self.push(Action::Function(function), sources, target)
    }

    pub fn compare(&mut self, direction: Direction, x: Source, y: Source, target: Option<Buffer>) -> Source {
        self.push(Action::Compare(direction), &[x, y], target)
    }

    pub fn select(&mut self, mask: Source, x: Source, y: Source, target: Option<Buffer>) -> Source {
        self.push(Action::Select, &[mask, x, y], target)
    }

    pub fn copy(&mut self, source: Source, target: Buffer) {
        self.push(Action::Copy, &[source], Some(target));
    }

    fn push(&mut self, action: Action, sources: &[Source], target: Option<Buffer>) -> Source {
        self.operations.push(Operation { action, sources: sources.to_vec(), target });
        Source::Value(self.operations.len() - 1)
    }

    /// The group.
    pub fn finish(self) -> Group<T> {
        let constants = self.constants.len();
        let mut emitter = Emitter::new(&self.operations, constants);
        emitter.run();
        let (steps, registers) = (emitter.steps, emitter.registers);
        Group { width: self.width, steps, constants: self.constants, registers }
    }
}

/// An operand of a link: a value that is there, or a product that is made on the way.
#[derive(Clone, Copy)]
enum Term {
    Ready(Source),
    Product(usize),
}

struct Emitter<'a> {
    operations: &'a [Operation],
    steps: Vec<Step>,
    registers: usize,
    free: Vec<usize>,
    /// How often each result is still to be read.
    uses: Vec<usize>,
    emitted: Vec<bool>,
    /// Where results that were written lie.
    places: Vec<Option<Operand>>,
}

impl Emitter<'_> {
    fn new(operations: &[Operation], constants: usize) -> Emitter<'_> {
        let mut uses = vec![0; operations.len()];
        for source in operations.iter().flat_map(|operation| &operation.sources) {
            if let Source::Value(i) = *source {
                uses[i] += 1;
            }
        }
        Emitter {
            operations,
            steps: Vec::new(),
            registers: constants,
            free: Vec::new(),
            uses,
            emitted: vec![false; operations.len()],
            places: vec![None; operations.len()],
        }
    }

    fn run(&mut self) {
        for i in 0..self.operations.len() {
            if self.emitted[i] || self.waits(i) {
                continue;
            }
            match self.operations[i].action {
                Action::Function(function) if has_link(function) => self.chain(i),
                _ => self.step(i),
            }
        }
    }

    /// The function of operation `i`, if chains have a link for it.
    fn link(&self, i: usize) -> Option<Function> {
        match self.operations[i].action {
            Action::Function(function) if has_link(function) => Some(function),
            _ => None,
        }
    }

    /// Whether operation `i` is a product that only one addition or subtraction reads.
    fn waits(&self, i: usize) -> bool {
        let operation = &self.operations[i];
        let single = self.uses[i] == 1 && operation.target.is_none();
        single && self.link(i) == Some(Function::Mul) && {
            let user = self.readers(i).next().expect("used once");
            matches!(self.link(user), Some(Function::Add | Function::Sub))
        }
    }

    /// Operations that read the result of `i`.
    fn readers(&self, i: usize) -> impl Iterator<Item = usize> {
        let reads = move |o: &Operation| o.sources.contains(&Source::Value(i));
        (i + 1..self.operations.len()).filter(move |&j| reads(&self.operations[j]))
    }

    /// A source as an operand of a link that is emitted now; nothing if it is not there yet.
    fn term(&self, source: Source) -> Option<Term> {
        match source {
            Source::Value(i) if self.places[i].is_none() => {
                let ready = |s: &Source| !matches!(*s, Source::Value(j) if self.places[j].is_none());
                let made = !self.emitted[i] && self.waits(i) && self.operations[i].sources.iter().all(ready);
                made.then_some(Term::Product(i))
            }
            source => Some(Term::Ready(source)),
        }
    }

    /// Reads a source: its register is free afterwards if nobody reads it again.
    fn read(&mut self, source: Source) -> Operand {
        match source {
            Source::Memory(buffer) => Operand::Memory(buffer),
            Source::Constant(register) => Operand::Register(register),
            Source::Value(i) => {
                let operand = self.places[i].expect("written before it is read");
                self.uses[i] -= 1;
                if let (Operand::Register(register), 0) = (operand, self.uses[i]) {
                    self.free.push(register);
                }
                operand
            }
        }
    }

    /// The operands of a product that waited.
    fn product(&mut self, i: usize) -> (Operand, Operand) {
        self.emitted[i] = true;
        let [x, y] = self.operations[i].sources[..] else { unreachable!("products have two operands") };
        (self.read(x), self.read(y))
    }

    /// Where the result of `i` is written.
    fn target(&mut self, i: usize) -> Operand {
        let operand = match self.operations[i].target {
            Some(buffer) => Operand::Memory(buffer),
            None => Operand::Register(self.free.pop().unwrap_or_else(|| {
                self.registers += 1;
                self.registers - 1
            })),
        };
        self.places[i] = Some(operand);
        operand
    }

    /// Emits an operation that is a step of its own.
    fn step(&mut self, i: usize) {
        self.emitted[i] = true;
        // The target is taken before operands are freed: no step writes where it reads.
        let y = self.target(i);
        let operation = &self.operations[i];
        let x: Vec<Operand> = operation.sources.iter().map(|&source| self.read(source)).collect();
        let second = x.get(1).or(x.first()).copied();
        self.steps.push(match operation.action {
            Action::Function(function) => Step::Function(function, [x[0], second.expect("has operands")], y),
            Action::Compare(direction) => Step::Compare(direction, [x[0], x[1]], y),
            Action::Select => Step::Select([x[0], x[1], x[2]], y),
            Action::Copy => Step::Chain(vec![Link::Load(x[0]), Link::Store(y)]),
            Action::Vector(index) => Step::Vector(index, y),
            Action::Column(buffer) => Step::Column(buffer, y),
        });
    }

    /// Emits a chain that starts with operation `head`.
    fn chain(&mut self, head: usize) {
        let mut links = self.head(head);
        let mut last = head;
        loop {
            self.emitted[last] = true;
            let next = self.readers(last).find_map(|i| {
                let function = self.link(i).filter(|_| !self.emitted[i])?;
                let own = Source::Value(last);
                match self.operations[i].sources[..] {
                    [_] => Some((i, function, None)),
                    [x, y] if x == own && y == own => Some((i, function, None)),
                    [x, y] if x == own => Some((i, function, Some((true, self.term(y)?)))),
                    [x, _] => Some((i, function, Some((false, self.term(x)?)))),
                    _ => None,
                }
            });
            let Some((i, function, other)) = next else { break };
            let squared = other.is_none() && self.operations[i].sources.len() == 2;
            if self.uses[last] > 1 || self.operations[last].target.is_some() {
                let y = self.target(last);
                links.push(Link::Store(y));
            }
            let accumulated = self.places[last];
            links.push(match other {
                None if squared => {
                    let x = self.read(Source::Value(last));
                    self.read(Source::Value(last));
                    Link::join(function, true, x)
                }
                None => Link::apply(function),
                Some((left, term)) => self.join(function, left, term),
            });
            if !squared {
                match accumulated {
                    Some(_) => drop(self.read(Source::Value(last))),
                    None => self.uses[last] -= 1,
                }
            }
            last = i;
        }
        if self.places[last].is_none() {
            let y = self.target(last);
            links.push(Link::Store(y));
        }
        self.steps.push(Step::Chain(links));
    }

    /// The link that joins another operand to the accumulators, which are the `left` operand or the right one.
    fn join(&mut self, function: Function, left: bool, term: Term) -> Link {
        match term {
            Term::Ready(x) => {
                let x = self.read(x);
                Link::join(function, left, x)
            }
            Term::Product(i) => {
                let (x, y) = self.product(i);
                match (function, left) {
                    (Function::Add, _) => Link::AddProduct(x, y),
                    (_, true) => Link::SubtractProduct(x, y),
                    (_, false) => Link::FromProduct(x, y),
                }
            }
        }
    }

    /// The links of the first operation of a chain.
    fn head(&mut self, i: usize) -> Vec<Link> {
        let function = self.link(i).expect("heads of chains have links");
        let sources = self.operations[i].sources.clone();
        let mut terms = sources.iter().map(|&s| self.term(s).expect("what comes before is there"));
        match (terms.next().expect("has operands"), terms.next()) {
            (Term::Ready(x), None) => vec![Link::Load(self.read(x)), Link::apply(function)],
            (Term::Ready(x), Some(term)) => {
                vec![Link::Load(self.read(x)), self.join(function, true, term)]
            }
            (product, Some(Term::Ready(y))) => {
                vec![Link::Load(self.read(y)), self.join(function, false, product)]
            }
            (Term::Product(p), Some(term)) => {
                let (x, y) = self.product(p);
                vec![Link::Load(x), Link::Multiply(y), self.join(function, true, term)]
            }
            (Term::Product(_), None) => unreachable!("products wait for operations of two operands"),
        }
    }
}
