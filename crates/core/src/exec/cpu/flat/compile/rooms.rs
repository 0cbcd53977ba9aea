//! Where values stand in the arena, and when their room is free for others.
//!
//! A value has its room for as long as something that is still to be compiled may read it; the next value of its size gets it then, so that less memory is at
//! work. Instructions run in the order in which they are made, but for loops: what a loop reads of what was made before it keeps its room until the loop has ended. What
//! is written only once has its room for good: constants, and what positions share.

use super::{Compiler, Known};
use crate::exec::cpu::flat::{Kind, Place, elements};
use crate::ir::Type;
use crate::numerics::lanes::Real;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Rooms that nothing stands in, where they begin, by their kind and size.
type Free = Rc<RefCell<HashMap<(Kind, usize), Vec<usize>>>>;

/// A room that a value stands in.
pub(super) struct Room {
    place: Place,
    free: Free,
}

impl Drop for Room {
    fn drop(&mut self) {
        let Place { kind, at, len } = self.place;
        self.free.borrow_mut().entry((kind, len)).or_default().push(at);
    }
}

/// The rooms of an arena.
#[derive(Default)]
pub(super) struct Rooms {
    free: Free,
}

impl<T: Real> Compiler<T> {
    /// Room for `len` elements, for good. What fills a cache line begins with one.
    pub(super) fn allot(&mut self, kind: Kind, len: usize) -> Place {
        let line = 64 / size_of::<T>();
        let at = match kind {
            Kind::Number if len >= line => self.numbers.len().next_multiple_of(line),
            Kind::Number => self.numbers.len(),
            Kind::Integer => self.integers.len(),
        };
        match kind {
            Kind::Number => self.numbers.resize(at + len, T::ZERO),
            Kind::Integer => self.integers.resize(at + len, 0),
        }
        Place { kind, at, len }
    }

    /// A value of `len` elements in a room of its own.
    pub(super) fn settle(&mut self, kind: Kind, len: usize, varies: bool) -> Known {
        if !varies && self.lanes > 1 {
            return Known::at(self.allot(kind, len), varies);
        }
        let free = self.rooms.free.borrow_mut().get_mut(&(kind, len)).and_then(Vec::pop);
        let place = free.map_or_else(|| self.allot(kind, len), |at| Place { kind, at, len });
        let room = Room { place, free: self.rooms.free.clone() };
        Known { rooms: vec![Rc::new(room)], ..Known::at(place, varies) }
    }

    /// A value of a type in a room of its own.
    pub(super) fn fresh(&mut self, ty: &Type, varies: bool) -> Option<Known> {
        let lanes = if varies { self.lanes } else { 1 };
        Some(self.settle(Kind::of(ty.dtype), elements(ty)? * lanes, varies))
    }
}
