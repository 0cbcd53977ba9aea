//! From a region of the plan to a tile program.
//!
//! Elementwise operations run late, in groups: all that the next wave of other instructions needs
//! and that is not computed yet becomes one group per row width, whose intermediate values never
//! leave L1. A wave is the set of other operations (products, reductions, moves) whose operands can
//! be had once the waves before it are done. Values that outlive their group get a buffer in the
//! tile's arena, whose space is shared by values that do not live at the same time.

use super::group::{Group, GroupBuilder, Source};
use crate::exec::plan::{Region, constant_of};
use crate::exec::window::Window;
use crate::ir::{DType, Graph, Origin, Type, Value};
use crate::numerics::lanes::Real;
use crate::numerics::tree::BLOCK;
use crate::ops::{Function, Kernel, RowUse};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Bytes of a tile's buffers that stay in L2 beside what all tiles share.
const TILE_BYTES: usize = 1 << 20;

/// What beginning a tile costs, in bytes that could be read meanwhile.
const TILE_BEGIN: usize = 4 << 10;

/// Rows for a tile, at most `most`, of which each takes `row` bytes of buffers, where every tile also passes over `shared` bytes:
/// packed operands, read, and accumulators over the rows, read and written.
///
/// Larger tiles pass over the shared bytes less often; smaller ones keep their buffers in L2, where each byte is used
/// about eight times. Measured on a Xeon with 2 MiB of L2 per core, least time in ms by rows of a tile:
///
/// | | 8 | 16 | 32 | 64 | 128 | 256 |
/// |---|---|---|---|---|---|---|
/// | Burgers step, 10,000 points, f64: row 23.6 KB, shared 1 MB | | 56 | 48 | 55 | | |
/// | attention, 1024 positions, f64: row 33 KB, shared 4 MB | 295 | 245 | 191 | 182 | 193 | 246 |
/// | attention, 4096 positions, f64: row 132 KB, shared 17 MB | 6916 | 3881 | 4036 | 4668 | 4797 | 5502 |
fn tile_rows(row: usize, shared: usize, most: usize) -> usize {
    let cost = |rows: &usize| {
        let (row, rows) = (row as f64, *rows as f64);
        let missed = 1.0 - (TILE_BYTES as f64 / (row * rows)).min(1.0);
        (shared + TILE_BEGIN) as f64 / rows + 8.0 * row * missed
    };
    let sizes = (8..=most).step_by(8).filter(|&rows| rows == 8 || row * rows <= 4 * TILE_BYTES);
    sizes.min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("there is one")
}

/// Bytes of buffers that the rows of a leaf take where nothing is reduced over them: small enough to stay in cache from
/// one operation to the next, and enough work to pay for a leaf's beginning.
const LEAF_BYTES: usize = 32 << 10;

/// Bytes of buffers of a leaf whose rows are single elements, where lines of them are reduced: a whole subtree of the law, a power of two of blocks. Beginning
/// a leaf costs some 0.3 µs, about what a block of 256 elements does.
const LINE_BYTES: usize = 128 << 10;

/// The fewest rows of a leaf: enough for the register blocks of products.
const LEAF_ROWS_MIN: usize = 32;

/// Where a row value lies while a tile runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place<T> {
    /// `rows × width` elements of a buffer.
    Rows { of: Buffer, width: usize },
    /// The same `width` elements in every row: vector `index` of the region.
    Vector { index: usize, width: usize },
    /// The single element of each row of buffer `of`, repeated `width` times.
    Column { of: Buffer, width: usize },
    /// The same number everywhere.
    Number(T),
    /// A tensor of the tile, for values of other element types.
    Slot(usize),
}

/// A buffer with one contiguous run of elements per tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Buffer {
    /// In the arena, from `at · tile_rows`.
    Arena(usize),
    /// The rows of this region input.
    Input(usize),
    /// The rows of this stored value.
    Store(usize),
    /// Where the tile sees this view: in the source itself, or in the arena.
    View(usize),
}

/// One instruction of a tile program. Widths are elements per row.
#[derive(Debug)]
pub(super) enum Instruction<T> {
    /// Elementwise operations.
    Group(Group<T>),
    /// `y[rows × n] = a[rows × k] · packed`.
    Product { a: Buffer, k: usize, packed: usize, n: usize, y: Buffer },
    /// `payload[m × n] += aᵀ[m × rows] · b[rows × n]`, one fma chain per element.
    Contract { a: Buffer, m: usize, b: Buffer, n: usize, payload: usize },
    /// Lanes of law 3 over the rows.
    Lanes { x: Buffer, width: usize, lanes: usize, combiner: Function },
    /// Law 3 over the last axis: one line of `n` per result element, `lines` lines in a row.
    Lines { x: Buffer, n: usize, lines: usize, y: Buffer, combiner: Function },
    /// Dot products over the last axis: as `Lines`, of two buffers.
    Dots { x: [Buffer; 2], n: usize, lines: usize, y: Buffer },
    /// Columns `start..start + width` of rows of `from` elements.
    Columns { x: Buffer, from: usize, start: usize, y: Buffer, width: usize },
    /// A view of a whole value.
    Window { view: Window, at: Seen, width: usize },
    /// Law 3 over all rows of a leaf, which is one tile: of a buffer of single elements, or of the products of two.
    Line { x: [Buffer; 2], dot: bool, payload: usize, combiner: Function },
    /// As `Lanes`, of the products of two buffers of single elements.
    DotLanes { x: [Buffer; 2], lanes: usize },
    /// Parts side by side.
    Concat { parts: Vec<(Buffer, usize)>, y: Buffer, width: usize },
    /// [`crate::ops::Rule::evaluate`] on the tile's rows.
    Opaque { node: usize, operands: Vec<Operand<T>>, y: Place<T> },
    /// Writes rows to stored value `store`, where they were not made in place.
    Store { x: Place<T>, store: usize },
}

/// Where the rows of a view are to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen {
    /// Copied to a buffer.
    Copied(Buffer),
    /// In the source if all of a tile's are there, else copied to the arena; view `index` of the tile says where.
    InPlace { index: usize, at: usize },
}

/// An operand of an opaque instruction.
#[derive(Clone, Debug)]
pub(super) enum Operand<T> {
    /// Rows of a place.
    Rows(Place<T>, Type),
    /// A whole value.
    Whole(Value),
}

/// A reduction over the rows.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub value: Value,
    /// Its shape.
    pub shape: Vec<usize>,
    /// First element in the payload.
    pub at: usize,
    pub len: usize,
    pub combiner: Function,
    /// For law 3: first element among the lane accumulators; `len` lanes each.
    pub lanes: Option<usize>,
}

/// A region, ready to run.
#[derive(Debug)]
pub(super) struct TileProgram<T> {
    pub rows: usize,
    pub tile_rows: usize,
    /// Rows of a leaf: a block of the law, or any number where nothing is reduced over the rows.
    pub leaf_rows: usize,
    /// Elements per row that the arena holds.
    pub arena_width: usize,
    pub inputs: Vec<Value>,
    /// Elements in a row of each input.
    pub input_widths: Vec<usize>,
    pub stores: Vec<Value>,
    /// Their shapes, over all rows.
    pub store_shapes: Vec<Vec<usize>>,
    /// Whole values packed for products: value, stored transposed.
    pub packed: Vec<(Value, bool)>,
    /// Broadcasts of whole values: the node.
    pub vectors: Vec<usize>,
    pub slots: usize,
    /// Views that may lie in their sources: where in the arena they are otherwise.
    pub views: Vec<usize>,
    /// Slots of the region inputs of other element types.
    pub input_slots: Vec<(Value, usize)>,
    pub instructions: Vec<Instruction<T>>,
    pub segments: Vec<Segment>,
    pub payload_len: usize,
    pub lanes_len: usize,
}

fn shape(graph: &Graph, value: Value) -> Vec<usize> {
    graph.ty(value).static_shape().expect("lowered")
}

/// Elements in one row of a value.
fn width(graph: &Graph, value: Value) -> usize {
    shape(graph, value)[1..].iter().product()
}

/// Why an alias has no buffer of its own.
enum Alias {
    Same(Value),
    Column(Value),
    Vector,
}

/// A value that is computed again.
struct Again {
    /// Operations for one value.
    cost: usize,
    /// The last wave in which all that it is made of is held anyway.
    until: usize,
}

/// The most operations that are done again for a value.
const AGAIN_MAX: usize = 3;

struct Scheduler<'a, T> {
    graph: &'a Graph,
    region: &'a Region,
    program: TileProgram<T>,
    places: HashMap<Value, Place<T>>,
    /// Wave in which a node of the region runs.
    wave: BTreeMap<usize, usize>,
    /// Nodes that every group computes again instead of keeping their values.
    again: BTreeMap<usize, Again>,
    arena: Arena,
}

impl<T: Real> TileProgram<T> {
    /// Whether there is work for several threads.
    pub fn has_many_leaves(&self) -> bool {
        self.leaves() > 1
    }

    /// Leaves that the rows make.
    pub fn leaves(&self) -> usize {
        self.rows.div_ceil(self.leaf_rows)
    }

    /// The program of `region`, in tiles of `tile_rows` rows or as many as fit.
    pub fn new(graph: &Graph, region: &Region, tile_rows: Option<usize>) -> TileProgram<T> {
        let program = TileProgram {
            rows: region.rows,
            tile_rows: 0,
            leaf_rows: BLOCK,
            arena_width: 0,
            inputs: region.inputs.clone(),
            input_widths: region.inputs.iter().map(|&v| width(graph, v)).collect(),
            stores: region.stores.clone(),
            store_shapes: region.stores.iter().map(|&v| shape(graph, v)).collect(),
            packed: Vec::new(),
            vectors: Vec::new(),
            slots: 0,
            views: Vec::new(),
            input_slots: Vec::new(),
            instructions: Vec::new(),
            segments: Vec::new(),
            payload_len: 0,
            lanes_len: 0,
        };
        let mut scheduler = Scheduler {
            graph,
            region,
            program,
            places: HashMap::new(),
            wave: BTreeMap::new(),
            again: BTreeMap::new(),
            arena: Arena::default(),
        };
        scheduler.run();
        let mut program = scheduler.program;
        program.arena_width = scheduler.arena.end.max(1);
        let in_place = |v: &&Value| graph.ty(**v).dtype == T::DTYPE;
        let stored: usize = program.stores.iter().filter(in_place).map(|&v| width(graph, v)).sum();
        let row_bytes = (program.arena_width + stored) * size_of::<T>();
        let elements =
            |(v, _): &(Value, bool)| graph.ty(*v).static_shape().expect("lowered").iter().product::<usize>();
        let shared = program.packed.iter().map(elements).sum::<usize>() + 2 * program.payload_len;
        let fitting = 1 << (LEAF_BYTES / row_bytes).max(LEAF_ROWS_MIN).ilog2();
        let most = if program.segments.is_empty() { BLOCK.max(fitting) } else { BLOCK };
        program.tile_rows = match tile_rows {
            Some(rows) => rows.clamp(1, most),
            None => self::tile_rows(row_bytes, shared * size_of::<T>(), most),
        };
        if program.segments.is_empty() {
            program.leaf_rows = fitting.max(program.tile_rows);
        } else if program.instructions.iter().any(|i| matches!(i, Instruction::Line { .. })) {
            let contracts = program.instructions.iter().any(|i| matches!(i, Instruction::Contract { .. }));
            let alone = tile_rows.is_some() || region.sharded || contracts;
            program.leaf_rows =
                if alone { BLOCK } else { (LINE_BYTES / row_bytes).next_power_of_two().max(BLOCK) };
            program.tile_rows = program.leaf_rows;
        }
        program
    }
}

impl<T: Real> Scheduler<'_, T> {
    /// Whether elements of this type are held as `T` in buffers; truth values are 1 and 0.
    fn native(&self, value: Value) -> bool {
        let dtype = self.graph.ty(value).dtype;
        dtype == T::DTYPE || dtype == DType::Bool
    }

    fn is_elementwise(&self, i: usize) -> bool {
        let node = &self.graph.nodes()[i];
        let kernel = matches!(node.op.kernel(), Kernel::Elementwise(_) | Kernel::Select | Kernel::Compare(_));
        kernel && node.operands.iter().chain(&node.results).all(|&v| self.native(v))
    }

    fn alias(&self, i: usize) -> Option<Alias> {
        let node = &self.graph.nodes()[i];
        let y = node.results[0];
        if !self.native(y) {
            return None;
        }
        let x = *node.operands.first()?;
        match node.op.kernel() {
            Kernel::Reshape if self.native(x) => Some(Alias::Same(x)),
            Kernel::Convert
                if self.graph.ty(x).dtype == DType::Bool && self.graph.ty(y).dtype == T::DTYPE =>
            {
                Some(Alias::Same(x))
            }
            Kernel::Broadcast { .. } => match self.uses(i)[0] {
                RowUse::Pointwise if !self.native(x) => None,
                RowUse::Pointwise if width(self.graph, x) == width(self.graph, y) => Some(Alias::Same(x)),
                RowUse::Pointwise if width(self.graph, x) == 1 => Some(Alias::Column(x)),
                RowUse::Pointwise => None,
                _ => Some(Alias::Vector),
            },
            _ => None,
        }
    }

    /// Whether every row is one element, so that a reduction over the rows is one along a line of memory.
    fn is_line(&self) -> bool {
        let values = |&i: &usize| {
            let node = &self.graph.nodes()[i];
            let rows =
                node.operands.iter().zip(self.uses(i)).filter(|(_, usage)| *usage == RowUse::Pointwise);
            rows.map(|(&v, _)| v).chain(node.results.iter().copied().filter(|&y| self.graph.ty(y).ndim() > 0))
        };
        let mut all = self.region.nodes.iter().flat_map(values);
        all.all(|v| self.graph.ty(v).ndim() > 0 && width(self.graph, v) == 1)
    }

    fn uses(&self, i: usize) -> Vec<RowUse> {
        let node = &self.graph.nodes()[i];
        let types: Vec<&Type> = node.operands.iter().map(|&v| self.graph.ty(v)).collect();
        node.op.rows(&types, self.graph.ty(node.results[0])).expect("nodes of a region have rows").operands
    }

    /// The region's node that makes `value` as a row value.
    fn maker(&self, value: Value) -> Option<usize> {
        match self.graph.origin(value) {
            Origin::Node { node, .. } if self.region.nodes.binary_search(&node).is_ok() => Some(node),
            _ => None,
        }
    }

    fn run(&mut self) {
        for (index, &value) in self.region.inputs.iter().enumerate() {
            let place = match self.native(value) {
                true => Place::Rows { of: Buffer::Input(index), width: width(self.graph, value) },
                false => {
                    let slot = self.new_slot();
                    self.program.input_slots.push((value, slot));
                    Place::Slot(slot)
                }
            };
            self.places.insert(value, place);
        }
        self.assign_waves();
        self.choose_again();
        let waves = self.wave.values().max().map_or(0, |w| w + 1);
        // Buffers are freed behind the wave of their last use.
        let last = self.last_uses();
        for wave in 0..waves {
            let nodes: Vec<usize> =
                self.region.nodes.iter().copied().filter(|i| self.wave[i] == wave).collect();
            let (elementwise, others): (Vec<usize>, Vec<usize>) =
                nodes.into_iter().partition(|&i| self.is_elementwise(i));
            let mut by_width: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for i in elementwise {
                by_width.entry(width(self.graph, self.graph.nodes()[i].results[0])).or_default().push(i);
            }
            for (width, members) in by_width {
                self.group(width, &members);
            }
            for i in others {
                self.instruction(i);
            }
            for &value in last.get(&wave).into_iter().flatten() {
                let Some(&Place::Rows { of, width }) = self.places.get(&value) else { continue };
                match of {
                    Buffer::Arena(at) => self.arena.free(at, width),
                    Buffer::View(index) => self.arena.free(self.program.views[index], width),
                    Buffer::Input(_) | Buffer::Store(_) => {}
                }
            }
        }
        self.stores();
    }

    /// Other instructions run as soon as they can, elementwise ones as late as they may.
    fn assign_waves(&mut self) {
        let mut available: HashMap<usize, usize> = HashMap::new();
        for &i in &self.region.nodes {
            let operands = self.graph.nodes()[i].operands.iter().filter_map(|&v| self.maker(v));
            let ready = operands.map(|m| available[&m]).max().unwrap_or(0);
            // Even waves hold groups and what follows them.
            available.insert(i, if self.is_elementwise(i) { ready } else { ready + 1 });
        }
        let final_wave = available.values().max().map_or(0, |w| w + 1);
        for &i in self.region.nodes.iter().rev() {
            if !self.is_elementwise(i) {
                self.wave.insert(i, available[&i]);
                continue;
            }
            let y = self.graph.nodes()[i].results[0];
            let users = self.wave.iter().filter(|(user, _)| self.graph.nodes()[**user].operands.contains(&y));
            let needed = users.map(|(_, &w)| w).min().unwrap_or(final_wave);
            self.wave.insert(i, needed);
        }
    }

    /// The wave in which each value is read for the last time, through aliases too.
    fn last_waves(&self) -> HashMap<Value, usize> {
        let mut last: HashMap<Value, usize> = HashMap::new();
        for &i in self.region.nodes.iter().rev() {
            let node = &self.graph.nodes()[i];
            let mut until = self.wave[&i];
            if let Some(Alias::Same(_) | Alias::Column(_)) = self.alias(i) {
                until = until.max(last.get(&node.results[0]).copied().unwrap_or(0));
            }
            for v in &node.operands {
                let entry = last.entry(*v).or_insert(until);
                *entry = (*entry).max(until);
            }
        }
        last
    }

    /// Values of a few multiplications and additions that only later groups read, of operands that are held until
    /// then, are not kept: computing them again costs less than space in the cache.
    fn choose_again(&mut self) {
        let until = self.last_waves();
        for &i in &self.region.nodes {
            let node = &self.graph.nodes()[i];
            let y = node.results[0];
            let cheap = matches!(
                node.op.kernel(),
                Kernel::Elementwise(Function::Add | Function::Sub | Function::Mul | Function::Neg)
            );
            let mut users =
                self.region.nodes.iter().filter(|user| self.graph.nodes()[**user].operands.contains(&y));
            let only_groups = users.all(|&user| self.is_elementwise(user));
            if !cheap || !self.is_elementwise(i) || !only_groups || self.region.stores.contains(&y) {
                continue;
            }
            let Some(&last) = until.get(&y) else { continue };
            let mut again = Again { cost: 1, until: usize::MAX };
            for v in node.operands.iter().collect::<BTreeSet<_>>() {
                let (cost, held) = match self.maker(*v) {
                    None => (0, usize::MAX),
                    Some(m) => match (self.again.get(&m), self.alias(m)) {
                        (Some(part), _) => (part.cost, part.until),
                        (None, Some(Alias::Vector)) => (0, usize::MAX),
                        (None, _) => (0, until[v]),
                    },
                };
                again.cost += cost;
                again.until = again.until.min(held);
            }
            if again.cost <= AGAIN_MAX && again.until >= last {
                self.again.insert(i, again);
            }
        }
    }

    /// By wave, the values whose buffer is read there for the last time, in order; stored values
    /// live to the end.
    fn last_uses(&self) -> BTreeMap<usize, Vec<Value>> {
        let mut last = self.last_waves();
        // What a store reads, directly or through aliases, is never freed.
        let mut kept: Vec<Value> = self.region.stores.clone();
        while let Some(v) = kept.pop() {
            last.remove(&v);
            if let Some(i) = self.maker(v)
                && let Some(Alias::Same(x) | Alias::Column(x)) = self.alias(i)
            {
                kept.push(x);
            }
        }
        let mut by_wave: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
        for (value, wave) in last {
            let shares = self.maker(value).is_some_and(|i| matches!(self.alias(i), Some(Alias::Same(_))));
            if !shares {
                by_wave.entry(wave).or_default().push(value);
            }
        }
        by_wave.values_mut().for_each(|values| values.sort());
        by_wave
    }

    fn new_slot(&mut self) -> usize {
        self.program.slots += 1;
        self.program.slots - 1
    }

    /// Gives `value` a buffer: its own rows if it is stored as it is held, else one in the arena.
    fn allot(&mut self, value: Value) -> Buffer {
        let width = width(self.graph, value);
        let of = match self.region.stores.iter().position(|&v| v == value) {
            Some(store) if self.graph.ty(value).dtype == T::DTYPE => Buffer::Store(store),
            _ => Buffer::Arena(self.arena.allot(width)),
        };
        self.places.insert(value, Place::Rows { of, width });
        of
    }

    /// The place of an operand: a row value, or a constant of the plan.
    fn place(&self, value: Value) -> Place<T> {
        self.places[&value]
    }

    /// The buffer of `value`, filled now if it is spread or of another kind.
    fn buffer(&mut self, value: Value) -> Buffer {
        match self.place(value) {
            Place::Rows { of, .. } => of,
            place @ (Place::Vector { .. } | Place::Column { .. } | Place::Number(_)) => {
                let mut group = GroupBuilder::new(width(self.graph, value));
                let source = group.source(place);
                let y = self.allot(value);
                group.copy(source, y);
                self.program.instructions.push(Instruction::Group(group.finish()));
                y
            }
            Place::Slot(_) => unreachable!("only opaque instructions take values of other types"),
        }
    }

    fn group(&mut self, width: usize, members: &[usize]) {
        let mut group = GroupBuilder::new(width);
        let mut sources = HashMap::new();
        for &i in members {
            if self.again.contains_key(&i) {
                continue;
            }
            let y = self.graph.nodes()[i].results[0];
            let user_outside =
                |&user: &usize| self.graph.nodes()[user].operands.contains(&y) && !members.contains(&user);
            let escapes = self.region.stores.contains(&y) || self.region.nodes.iter().any(user_outside);
            let target = escapes.then(|| self.allot(y));
            self.operation(i, target, &mut group, &mut sources);
        }
        self.program.instructions.push(Instruction::Group(group.finish()));
    }

    /// Adds node `i` to a group, after those of its operands that are computed again.
    fn operation(
        &self,
        i: usize,
        target: Option<Buffer>,
        group: &mut GroupBuilder<T>,
        sources: &mut HashMap<Value, Source>,
    ) {
        let node = &self.graph.nodes()[i];
        let operands: Vec<Source> = (node.operands.iter())
            .map(|&v| {
                if let Some(m) = self.maker(v).filter(|m| self.again.contains_key(m))
                    && !sources.contains_key(&v)
                {
                    self.operation(m, None, group, sources);
                }
                sources.get(&v).copied().unwrap_or_else(|| group.source(self.places[&v]))
            })
            .collect();
        let source = match node.op.kernel() {
            Kernel::Elementwise(function) => group.function(function, &operands, target),
            Kernel::Compare(direction) => group.compare(direction, operands[0], operands[1], target),
            Kernel::Select => group.select(operands[0], operands[1], operands[2], target),
            _ => unreachable!("elementwise kernels only"),
        };
        sources.insert(node.results[0], source);
    }

    fn instruction(&mut self, i: usize) {
        let node = &self.graph.nodes()[i];
        let y = node.results[0];
        if let Some(alias) = self.alias(i) {
            let place = match alias {
                Alias::Same(x) => self.place(x),
                Alias::Column(x) => match self.place(x) {
                    number @ Place::Number(_) => number,
                    _ => Place::Column { of: self.buffer(x), width: width(self.graph, y) },
                },
                Alias::Vector => self.vector(i),
            };
            self.places.insert(y, place);
        } else if !self.native_instruction(i) {
            self.opaque(i);
        }
    }

    /// A whole value repeated in every row.
    fn vector(&mut self, i: usize) -> Place<T> {
        let node = &self.graph.nodes()[i];
        if let Some(constant) = constant_of(self.graph, node.operands[0])
            && constant.len() == 1
            && constant.dtype() == T::DTYPE
        {
            return Place::Number(constant.values::<T>()[0]);
        }
        self.program.vectors.push(i);
        Place::Vector { index: self.program.vectors.len() - 1, width: width(self.graph, node.results[0]) }
    }

    /// Adds an instruction that has a kernel; false if there is none for node `i`.
    fn native_instruction(&mut self, i: usize) -> bool {
        let node = &self.graph.nodes()[i];
        let y = node.results[0];
        let in_buffers = |s: &Self, v: Value| {
            s.graph.ty(v).dtype == T::DTYPE && !matches!(s.places.get(&v), Some(Place::Slot(_)))
        };
        if self.graph.ty(y).dtype != T::DTYPE {
            return false;
        }
        let row_operands: Vec<Value> = {
            let uses = self.uses(i);
            (0..uses.len()).filter(|&k| uses[k] == RowUse::Pointwise).map(|k| node.operands[k]).collect()
        };
        if !row_operands.iter().all(|&v| in_buffers(self, v)) {
            return false;
        }
        let ndim = self.graph.ty(node.operands[0]).ndim();
        match node.op.kernel() {
            Kernel::Matmul(op) if op.strong.is_none() && ndim == 2 && !op.transpose_a => {
                let (a, k) = (self.buffer(node.operands[0]), width(self.graph, node.operands[0]));
                let key = (node.operands[1], op.transpose_b);
                let packed = match self.program.packed.iter().position(|p| *p == key) {
                    Some(packed) => packed,
                    None => {
                        self.program.packed.push(key);
                        self.program.packed.len() - 1
                    }
                };
                let (n, y) = (width(self.graph, y), self.allot(y));
                self.program.instructions.push(Instruction::Product { a, k, packed, n, y });
            }
            Kernel::Matmul(op) if op.strong.is_none() && ndim == 2 && !op.transpose_b => {
                let (a, b) = (self.buffer(node.operands[0]), self.buffer(node.operands[1]));
                let (m, n) = (width(self.graph, node.operands[0]), width(self.graph, node.operands[1]));
                let payload = self.segment(y, m * n, Function::Add, false);
                self.program.instructions.push(Instruction::Contract { a, m, b, n, payload });
            }
            _ if let Some(view) = Window::of(self.graph, i) => {
                let (width, of) = (width(self.graph, y), self.allot(y));
                let at = match of {
                    Buffer::Arena(at) if view.keeps_lines(self.graph) => {
                        let index = self.program.views.len();
                        self.program.views.push(at);
                        self.places.insert(y, Place::Rows { of: Buffer::View(index), width });
                        Seen::InPlace { index, at }
                    }
                    _ => Seen::Copied(of),
                };
                self.program.instructions.push(Instruction::Window { view, at, width });
            }
            Kernel::Reduce { reduction, axes: [0], .. } if self.is_line() => {
                let x = self.buffer(node.operands[0]);
                let combiner = reduction.combiner();
                let payload = self.segment(y, 1, combiner, false);
                self.program.instructions.push(Instruction::Line {
                    x: [x; 2],
                    dot: false,
                    payload,
                    combiner,
                });
            }
            Kernel::Dot { .. } if ndim == 1 => {
                let x = [self.buffer(node.operands[0]), self.buffer(node.operands[1])];
                let (lanes, combiner) = (self.program.lanes_len, Function::Add);
                let line = self.is_line();
                let payload = self.segment(y, 1, combiner, !line);
                self.program.instructions.push(match line {
                    true => Instruction::Line { x, dot: true, payload, combiner },
                    false => Instruction::DotLanes { x, lanes },
                });
            }
            Kernel::Reduce { reduction, axes: [0], .. } => {
                let (x, width) = (self.buffer(node.operands[0]), width(self.graph, node.operands[0]));
                let combiner = reduction.combiner();
                let lanes = self.program.lanes_len;
                self.segment(y, width, combiner, true);
                self.program.instructions.push(Instruction::Lanes { x, width, lanes, combiner });
            }
            Kernel::Reduce { reduction, axes: [axis], .. } if axis + 1 == ndim => {
                let x = self.buffer(node.operands[0]);
                let shape = self.graph.ty(node.operands[0]).static_shape().expect("lowered");
                let (n, lines) = (shape[*axis], shape[1..*axis].iter().product());
                let y = self.allot(y);
                let combiner = reduction.combiner();
                self.program.instructions.push(Instruction::Lines { x, n, lines, y, combiner });
            }
            Kernel::Dot { .. } => {
                let x = [self.buffer(node.operands[0]), self.buffer(node.operands[1])];
                let shape = self.graph.ty(node.operands[0]).static_shape().expect("lowered");
                let (n, lines) = (shape[ndim - 1], shape[1..ndim - 1].iter().product());
                let y = self.allot(y);
                self.program.instructions.push(Instruction::Dots { x, n, lines, y });
            }
            Kernel::Columns { start } => {
                let (x, from) = (self.buffer(node.operands[0]), width(self.graph, node.operands[0]));
                let (width, y) = (width(self.graph, y), self.allot(y));
                self.program.instructions.push(Instruction::Columns { x, from, start, y, width });
            }
            Kernel::ConcatColumns if ndim == 2 => {
                let parts = node.operands.iter().map(|&v| (self.buffer(v), width(self.graph, v))).collect();
                let (width, y) = (width(self.graph, y), self.allot(y));
                self.program.instructions.push(Instruction::Concat { parts, y, width });
            }
            _ => return false,
        }
        true
    }

    fn segment(&mut self, value: Value, len: usize, combiner: Function, lanes: bool) -> usize {
        let at = self.program.payload_len;
        self.program.payload_len += len;
        let lanes = lanes.then(|| {
            self.program.lanes_len += len * T::LAW_LANES;
            self.program.lanes_len - len * T::LAW_LANES
        });
        self.program.segments.push(Segment {
            value,
            shape: shape(self.graph, value),
            at,
            len,
            combiner,
            lanes,
        });
        at
    }

    fn opaque(&mut self, i: usize) {
        let node = &self.graph.nodes()[i];
        let uses = self.uses(i);
        let operands = (0..uses.len())
            .map(|k| match uses[k] {
                RowUse::Pointwise => {
                    let v = node.operands[k];
                    Operand::Rows(self.place(v), self.graph.ty(v).clone())
                }
                RowUse::Whole | RowUse::Shape => Operand::Whole(node.operands[k]),
            })
            .collect();
        let y = node.results[0];
        let place = match self.native(y) {
            true => Place::Rows { of: self.allot(y), width: width(self.graph, y) },
            false => Place::Slot(self.new_slot()),
        };
        self.places.insert(y, place);
        self.program.instructions.push(Instruction::Opaque { node: i, operands, y: place });
    }

    fn stores(&mut self) {
        for (store, &value) in self.region.stores.iter().enumerate() {
            let x = match self.place(value) {
                place @ (Place::Slot(_) | Place::Rows { .. }) => place,
                _ => Place::Rows { of: self.buffer(value), width: width(self.graph, value) },
            };
            if !matches!(x, Place::Rows { of: Buffer::Store(own), .. } if own == store) {
                self.program.instructions.push(Instruction::Store { x, store });
            }
        }
    }
}

/// Space in the arena, in elements per row.
#[derive(Default)]
struct Arena {
    free: Vec<(usize, usize)>,
    end: usize,
}

impl Arena {
    fn allot(&mut self, width: usize) -> usize {
        let fits = self.free.iter().enumerate().filter(|(_, (_, size))| *size >= width);
        if let Some((i, &(at, size))) = fits.min_by_key(|(_, (_, size))| *size) {
            self.free.swap_remove(i);
            if size > width {
                self.free.push((at + width, size - width));
            }
            return at;
        }
        self.end += width;
        self.end - width
    }

    fn free(&mut self, at: usize, width: usize) {
        let (mut at, mut width) = (at, width);
        // Neighbours become one.
        while let Some(i) = self.free.iter().position(|&(a, w)| a + w == at || at + width == a) {
            let (a, w) = self.free.swap_remove(i);
            at = at.min(a);
            width += w;
        }
        self.free.push((at, width));
    }
}
