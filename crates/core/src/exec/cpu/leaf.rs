//! Running a tile program: one block of rows is a leaf, done tile by tile; leaves merge along the
//! law's tree.

use super::Slot;
use super::aligned::Aligned;
use super::group::{CHUNK, RunGroup};
use super::product::{Begin, Contract, Pack, Packed, Product};
use super::reduce::Reduce;
use super::schedule::{Buffer, Instruction, Operand, Place, Seen, Segment, TileProgram};
use super::whole;
use crate::exec::shard::Shard;
use crate::exec::window::Window;
use crate::ir::{DType, Graph, Value};
use crate::memory::room;
use crate::numerics::dispatch::{Kernel, Level, dispatch};
use crate::numerics::lanes::{Lanes, Real, Simd};
use crate::numerics::reduce::line::lines as lines_of;
use crate::numerics::reduce::{Max, Min, Prod, Sum};
use crate::numerics::tree;
use crate::ops::{Function, Kernel as Form, Rule};
use crate::tensor::{Tensor, copy_elements};
use std::borrow::Cow;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Mutex;

/// A region bound to its operands.
pub(super) struct Region<'a, T> {
    program: &'a TileProgram<T>,
    graph: &'a Graph,
    slots: &'a [Slot<'a>],
    level: Level,
    inputs: Vec<Rows<T>>,
    /// Truth values of inputs, as 1 and 0.
    #[expect(dead_code, reason = "inputs point into them")]
    masks: Vec<Vec<T>>,
    packed: Vec<Packed<T>>,
    vectors: Vec<Vec<T>>,
    stores: Vec<Rows<T>>,
    stored: Vec<Stored<T>>,
    spare: &'a Spare<T>,
    /// This rank's part of the rows, where it has not all.
    shard: Option<&'a Shard>,
}

/// Elements of rows of the region, those of a row side by side; none where they are of another type.
#[derive(Clone, Copy)]
struct Rows<T> {
    start: *mut T,
    width: usize,
    /// The first row that is there: not 0 where only this rank's are.
    first: usize,
}

// SAFETY: inputs are only read, and every tile writes its own rows of stored values.
unsafe impl<T: Real> Send for Rows<T> {}
// SAFETY: as above.
unsafe impl<T: Real> Sync for Rows<T> {}

/// A stored value under construction.
enum Stored<T> {
    /// Tiles write its rows where they are.
    Native(Vec<T>),
    /// Another element type: tiles copy their rows.
    Other(Mutex<Tensor>),
}

/// Where the buffers of a tile are.
pub(super) struct Buffers<'a, T> {
    arena: *mut T,
    tile_rows: usize,
    /// The tile's first row.
    row: usize,
    inputs: &'a [Rows<T>],
    stores: &'a [Rows<T>],
    /// Where the views are.
    views: *mut usize,
}

impl<T: Real> Buffers<'_, T> {
    /// Buffers of one row in an arena alone.
    pub fn of_arena(arena: *mut T) -> Self {
        Buffers { arena, tile_rows: 1, row: 0, inputs: &[], stores: &[], views: std::ptr::null_mut() }
    }

    /// The start of the tile's elements. Inputs must not be written.
    #[inline(always)]
    pub fn start(&self, buffer: Buffer) -> *mut T {
        let row = |rows: &Rows<T>| rows.start.wrapping_add((self.row - rows.first) * rows.width);
        match buffer {
            Buffer::Arena(at) => self.arena.wrapping_add(at * self.tile_rows),
            Buffer::Input(index) => row(&self.inputs[index]),
            Buffer::Store(index) => row(&self.stores[index]),
            // SAFETY: there is a pointer for each view of the program.
            Buffer::View(index) => unsafe { std::ptr::with_exposed_provenance_mut(*self.views.add(index)) },
        }
    }
}

/// Buffers that nobody uses now: what one leaf, and one call, leaves for the next.
#[derive(Default)]
pub(super) struct Spare<T> {
    workspaces: Mutex<Vec<Workspace<T>>>,
    payloads: Mutex<Vec<Aligned<T>>>,
    packed: Mutex<Vec<Packed<T>>>,
}

/// Takes what lies on top.
fn take<B>(buffers: &Mutex<Vec<B>>) -> Option<B> {
    buffers.lock().expect("no panic while held").pop()
}

/// Puts something back.
fn give<B>(buffers: &Mutex<Vec<B>>, buffer: B) {
    buffers.lock().expect("no panic while held").push(buffer);
}

/// Buffers of one thread.
struct Workspace<T> {
    arena: Aligned<T>,
    registers: Aligned<T>,
    lanes: Aligned<T>,
    scratch: Aligned<T>,
    tensors: Vec<Option<Tensor>>,
    /// Addresses of views, which mean something within a tile only.
    views: Vec<usize>,
}

/// The number that passes every other operand of `combiner` through unchanged.
fn missing<T: Real>(combiner: Function) -> T {
    match combiner {
        Function::Mul => T::ONE,
        Function::Max => -T::ONE / T::ZERO,
        Function::Min => T::ONE / T::ZERO,
        _ => -T::ZERO,
    }
}

/// `x[i] = combiner(x[i], y[i])`.
struct Combine<'a, T> {
    combiner: Function,
    x: &'a mut [T],
    y: &'a [T],
}

impl<T: Real> Kernel for Combine<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        macro_rules! combine {
            ($function:expr) => {{
                let mut x = self.x.chunks_exact_mut(<T::Vector<S> as Lanes>::WIDTH);
                let mut y = self.y.chunks_exact(<T::Vector<S> as Lanes>::WIDTH);
                for (x, y) in (&mut x).zip(&mut y) {
                    // SAFETY: both chunks hold WIDTH elements.
                    unsafe {
                        let sum = $function
                            .value(T::Vector::<S>::load(x.as_ptr()), T::Vector::<S>::load(y.as_ptr()));
                        sum.store(x.as_mut_ptr());
                    }
                }
                for (x, y) in x.into_remainder().iter_mut().zip(y.remainder()) {
                    *x = $function.value(*x, *y);
                }
            }};
        }
        match self.combiner {
            Function::Mul => combine!(Function::Mul),
            Function::Max => combine!(Function::Max),
            Function::Min => combine!(Function::Min),
            _ => combine!(Function::Add),
        }
    }
}

impl<'a, T: Real> Region<'a, T> {
    pub fn new(
        program: &'a TileProgram<T>,
        spare: &'a Spare<T>,
        graph: &'a Graph,
        slots: &'a [Slot<'a>],
        level: Level,
        sharding: Option<(&'a Shard, &[bool])>,
    ) -> Self {
        let shard = sharding.map(|(shard, _)| shard);
        let first = |v: &Value| match sharding {
            Some((shard, sharded)) if sharded[v.index()] => shard.rows.start,
            _ => 0,
        };
        let mask = |b: &bool| if *b { T::ONE } else { T::ZERO };
        let mut masks = Vec::new();
        let inputs = program.inputs.iter().zip(&program.input_widths).map(|(v, &width)| {
            let tensor = slots[v.index()].get();
            let start = match tensor.dtype() {
                DType::Bool => {
                    masks.push(tensor.values::<bool>().iter().map(mask).collect::<Vec<T>>());
                    masks.last().expect("just pushed").as_ptr()
                }
                dtype if dtype == T::DTYPE => tensor.values::<T>().as_ptr(),
                _ => std::ptr::null(),
            };
            Rows { start: start.cast_mut(), width, first: first(v) }
        });
        let inputs = inputs.collect();
        let packed = program.packed.iter().map(|&(v, transposed)| {
            let tensor = slots[v.index()].get();
            let (r, c) = (tensor.shape()[0], tensor.shape()[1]);
            let (k, n) = if transposed { (c, r) } else { (r, c) };
            let mut packed = take(&spare.packed).unwrap_or_default();
            dispatch(level, Pack { b: tensor.values::<T>(), k, n, transposed, into: &mut packed });
            packed
        });
        let (stores, stored) = program
            .stores
            .iter()
            .zip(&program.store_shapes)
            .map(|(v, shape)| {
                let (ty, width, first) = (graph.ty(*v), shape[1..].iter().product(), first(v));
                let mut shape = shape.clone();
                shape[0] = shard.map_or(shape[0], |shard| shard.rows.len());
                if ty.dtype != T::DTYPE {
                    let tensor = Mutex::new(Tensor::zeros(ty.dtype, shape));
                    return (Rows { start: std::ptr::null_mut(), width, first }, Stored::Other(tensor));
                }
                let mut elements = room(shape[0] * width);
                (Rows { start: elements.as_mut_ptr(), width, first }, Stored::Native(elements))
            })
            .unzip();
        Region {
            inputs,
            masks,
            packed: packed.collect(),
            vectors: program.vectors.iter().map(|&i| vector(graph, slots, i)).collect(),
            stores,
            stored,
            spare,
            program,
            graph,
            slots,
            level,
            shard,
        }
    }

    /// The rows that are run here: all, or this rank's.
    fn rows(&self) -> Range<usize> {
        self.shard.map_or(0..self.program.rows, |shard| shard.rows.clone())
    }

    /// Runs all leaves, giving stored values and reductions. **Collective** where the rows are sharded.
    pub fn run(self, pool: Option<&rayon::ThreadPool>) -> Vec<(Value, Tensor)> {
        let rows = self.rows().len();
        let leaves = rows.div_ceil(self.program.leaf_rows);
        let run = |leaves: Range<usize>| match pool {
            _ if leaves.is_empty() => None,
            Some(pool) if leaves.len() > 1 => Some(pool.install(|| self.subtree(leaves, true))),
            _ => Some(self.subtree(leaves, false)),
        };
        let payload = match self.shard {
            Some(shard) if !self.program.segments.is_empty() => {
                let leaf = self.program.leaf_rows;
                let leaves = |rows: Range<usize>| rows.start / leaf..rows.end.div_ceil(leaf);
                let partials = shard.subtrees().filter_map(|rows| run(leaves(rows)));
                self.joined(shard, partials.collect())
            }
            _ => run(0..leaves),
        };
        let mut results = Vec::new();
        for segment in &self.program.segments {
            let values = match &payload {
                Some(payload) => payload[segment.at..segment.at + segment.len].to_vec(),
                None => {
                    let empty = if segment.combiner == Function::Mul { T::ONE } else { T::ZERO };
                    vec![empty; segment.len]
                }
            };
            results.push((segment.value, Tensor::new(segment.shape.clone(), values)));
        }
        if let Some(payload) = payload {
            give(&self.spare.payloads, payload);
        }
        self.packed.into_iter().for_each(|packed| give(&self.spare.packed, packed));
        let stores = self.program.stores.iter().zip(&self.program.store_shapes);
        for ((&value, shape), stored) in stores.zip(self.stored) {
            let tensor = match stored {
                Stored::Native(mut elements) => {
                    let mut shape = shape.clone();
                    shape[0] = rows;
                    // SAFETY: the tiles have written the elements of all rows.
                    unsafe { elements.set_len(shape.iter().product()) };
                    Tensor::new(shape, elements)
                }
                Stored::Other(tensor) => tensor.into_inner().expect("no panic while held"),
            };
            results.push((value, tensor));
        }
        results
    }

    /// **Collective.** The reductions over all ranks' rows, of those over this rank's subtrees.
    fn joined(&self, shard: &Shard, mut partials: Vec<Aligned<T>>) -> Option<Aligned<T>> {
        if self.program.rows == 0 {
            return None;
        }
        let mut payload = Aligned::zeros(self.program.payload_len);
        let mut slices: Vec<&mut [T]> = partials.iter_mut().map(|partial| &mut **partial).collect();
        let join = |range: Range<usize>, x: &mut [T], y: &[T]| self.join(range, x, y);
        let done = shard.allreduce.run(&*shard.communicator, &mut slices, 1, &mut payload, join);
        done.expect("one payload for each subtree");
        partials.into_iter().for_each(|partial| give(&self.spare.payloads, partial));
        Some(payload)
    }

    /// Joins the elements `range` of two payloads, the left one in place.
    fn join(&self, range: Range<usize>, left: &mut [T], right: &[T]) {
        for &Segment { at, len, combiner, .. } in &self.program.segments {
            let (from, to) = (at.max(range.start), (at + len).min(range.end));
            if from < to {
                let part = from - range.start..to - range.start;
                let (x, y) = (&mut left[part.clone()], &right[part]);
                dispatch(self.level, Combine { combiner, x, y });
            }
        }
    }

    /// The subtree over `leaves`, counted from the first one that is run here: one, or the two subtrees of the law.
    fn subtree(&self, leaves: Range<usize>, parallel: bool) -> Aligned<T> {
        if leaves.len() == 1 {
            let (Range { start, end }, rows) = (self.rows(), self.program.leaf_rows);
            return self.leaf(start + leaves.start * rows..end.min(start + leaves.end * rows));
        }
        let middle = leaves.start + tree::split(leaves.len());
        let (left, right) = (leaves.start..middle, middle..leaves.end);
        let (mut left, right) = match parallel {
            true => rayon::join(|| self.subtree(left, true), || self.subtree(right, true)),
            false => (self.subtree(left, false), self.subtree(right, false)),
        };
        self.join(0..self.program.payload_len, &mut left, &right);
        give(&self.spare.payloads, right);
        left
    }

    fn workspace(&self) -> Workspace<T> {
        take(&self.spare.workspaces).unwrap_or_else(|| {
            let program = self.program;
            let count =
                |f: &dyn Fn(&Instruction<T>) -> usize| program.instructions.iter().map(f).max().unwrap_or(0);
            let registers = count(&|i| if let Instruction::Group(group) = i { group.registers } else { 0 });
            let scratch = count(&|i| match i {
                Instruction::Product { k, n, .. } => Product::<T>::scratch_len(program.tile_rows, *k, *n),
                _ => 0,
            });
            Workspace {
                arena: Aligned::zeros(program.arena_width * program.tile_rows),
                registers: Aligned::zeros(registers * CHUNK),
                lanes: Aligned::zeros(program.lanes_len),
                scratch: Aligned::zeros(scratch),
                tensors: vec![None; program.slots],
                views: vec![0; program.views.len()],
            }
        })
    }

    /// The rows of a leaf, tile by tile.
    fn leaf(&self, range: Range<usize>) -> Aligned<T> {
        let program = self.program;
        let mut payload = take(&self.spare.payloads).unwrap_or_default();
        // Every element is written: by the first tile, or from the lanes.
        payload.resize(program.payload_len);
        let mut work = self.workspace();
        for segment in &program.segments {
            if let Some(at) = segment.lanes {
                work.lanes[at..at + segment.len * T::LAW_LANES].fill(missing(segment.combiner));
            }
        }
        let mut row = range.start;
        while row < range.end {
            let rows = row..range.end.min(row + program.tile_rows);
            row = rows.end;
            let buffers = Buffers {
                arena: work.arena.as_mut_ptr(),
                tile_rows: program.tile_rows,
                row: rows.start,
                inputs: &self.inputs,
                stores: &self.stores,
                views: work.views.as_mut_ptr(),
            };
            Tile {
                region: self,
                work: &mut work,
                payload: &mut payload,
                offset: rows.start - range.start,
                rows,
                buffers,
            }
            .run();
        }
        for segment in &program.segments {
            let Some(at) = segment.lanes else { continue };
            let lanes = &mut work.lanes[at..at + segment.len * T::LAW_LANES];
            let mut half = T::LAW_LANES / 2;
            while half > 0 {
                let (x, y) = lanes[..2 * half * segment.len].split_at_mut(half * segment.len);
                dispatch(self.level, Combine { combiner: segment.combiner, x, y });
                half /= 2;
            }
            payload[segment.at..segment.at + segment.len].copy_from_slice(&lanes[..segment.len]);
        }
        give(&self.spare.workspaces, work);
        payload
    }
}

/// One row of a broadcast whose operand is whole.
fn vector<T: Real>(graph: &Graph, slots: &[Slot], node: usize) -> Vec<T> {
    let node = &graph.nodes()[node];
    let Form::Broadcast { dims } = node.op.kernel() else { unreachable!("vectors are broadcasts") };
    let mut x = slots[node.operands[0].index()].get().clone();
    if x.len() == 1 && x.dtype() == T::DTYPE {
        let row = graph.ty(node.results[0]).shape[1..].iter().map(|extent| extent.known().expect("lowered"));
        return vec![x.values::<T>()[0]; row.product()];
    }
    let mut dims = dims.to_vec();
    if dims.first() == Some(&0) {
        dims.remove(0);
        x = x.clone().reshaped(x.shape()[1..].to_vec());
    }
    let shape = graph.ty(node.results[0]).static_shape().expect("lowered")[1..].to_vec();
    let dims: Vec<usize> = dims.iter().map(|d| d - 1).collect();
    let own = crate::tensor::strides(x.shape());
    let mut steps = vec![0; shape.len()];
    for (axis, &dim) in dims.iter().enumerate() {
        steps[dim] = if x.shape()[axis] == 1 { 0 } else { own[axis] };
    }
    let row = x.gathered(&shape, &steps, 0);
    match row.dtype() {
        DType::Bool => row.values::<bool>().iter().map(|&b| if b { T::ONE } else { T::ZERO }).collect(),
        _ => row.values::<T>().to_vec(),
    }
}

/// Law 3 over lines of n terms, at least 1, which stand one behind the other.
pub(super) fn reduce_lines<T: Real>(level: Level, combiner: Function, x: &[T], n: usize, y: &mut [T]) {
    match combiner {
        Function::Mul => lines_of(level, [x], n, y, PhantomData::<Prod>),
        Function::Max => lines_of(level, [x], n, y, PhantomData::<Max>),
        Function::Min => lines_of(level, [x], n, y, PhantomData::<Min>),
        _ => lines_of(level, [x], n, y, PhantomData::<Sum>),
    }
}

/// One tile of a leaf.
struct Tile<'a, 'r, T> {
    region: &'a Region<'r, T>,
    work: &'a mut Workspace<T>,
    payload: &'a mut [T],
    /// First row within the leaf.
    offset: usize,
    /// Rows of the region.
    rows: Range<usize>,
    buffers: Buffers<'a, T>,
}

impl<T: Real> Tile<'_, '_, T> {
    fn run(mut self) {
        for (value, slot) in &self.region.program.input_slots {
            let index = self.region.program.inputs.iter().position(|v| v == value).expect("an input");
            let first = self.region.inputs[index].first;
            let rows = self.rows.start - first..self.rows.end - first;
            self.work.tensors[*slot] = Some(self.region.slots[value.index()].get().rows(rows));
        }
        for instruction in &self.region.program.instructions {
            self.instruction(instruction);
        }
    }

    /// `width` elements of every row of a buffer.
    fn elements(&self, buffer: Buffer, width: usize) -> &[T] {
        // SAFETY: buffers hold `width` elements for each row of the tile, written before they are read; inputs outlive the region.
        unsafe { std::slice::from_raw_parts(self.buffers.start(buffer), width * self.rows.len()) }
    }

    fn instruction(&mut self, instruction: &Instruction<T>) {
        let (level, rows) = (self.region.level, self.rows.len());
        match instruction {
            Instruction::Group(group) => dispatch(
                level,
                RunGroup {
                    level,
                    group,
                    rows,
                    buffers: &self.buffers,
                    vectors: &self.region.vectors,
                    registers: self.work.registers.as_mut_ptr(),
                },
            ),
            Instruction::Product { a, packed, y, .. } => {
                let (a, y) = (self.buffers.start(*a), self.buffers.start(*y));
                let scratch = self.work.scratch.as_mut_ptr();
                dispatch(level, Product { a, rows, b: &self.region.packed[*packed], y, scratch });
            }
            Instruction::Contract { a, m, b, n, payload } => {
                let (a, b) = (self.buffers.start(*a), self.buffers.start(*b));
                let begin = if self.offset == 0 { Begin::Zero } else { Begin::Target };
                let sums = self.payload[*payload..].as_mut_ptr();
                dispatch(level, Contract { a, m: *m, b, n: *n, rows, begin, sums });
            }
            Instruction::Lanes { x, width, lanes, combiner } => self.lanes(*x, *width, *lanes, *combiner),
            Instruction::Lines { x, n, lines, y, combiner } => self.lines(*x, *n, *lines, *y, *combiner),
            Instruction::Dots { x, n, lines, y } => self.dots(*x, *n, *lines, *y),
            Instruction::Columns { x, from, start, y, width } => {
                let (x, y) = (self.buffers.start(*x), self.buffers.start(*y));
                for row in 0..rows {
                    // SAFETY: the columns lie inside both buffers, which do not overlap.
                    unsafe {
                        std::ptr::copy_nonoverlapping(x.add(row * from + start), y.add(row * width), *width)
                    };
                }
            }
            Instruction::Concat { parts, y, width } => {
                let mut column = 0;
                for (part, own) in parts {
                    let (x, y) = (self.buffers.start(*part), self.buffers.start(*y));
                    for row in 0..rows {
                        // SAFETY: as above.
                        unsafe {
                            std::ptr::copy_nonoverlapping(x.add(row * own), y.add(row * width + column), *own)
                        };
                    }
                    column += own;
                }
            }
            Instruction::Window { view, at, width } => self.window(view, *at, *width),
            Instruction::Line { x, dot, payload, combiner } => {
                self.payload[*payload] = self.line(*x, *dot, *combiner);
            }
            Instruction::DotLanes { x, lanes } => {
                let [x, y] = x.map(|x| self.elements(x, 1).as_ptr());
                // SAFETY: both buffers hold an element for each row of the tile.
                let [x, y] = [x, y].map(|x| unsafe { std::slice::from_raw_parts(x, rows) });
                let lanes = &mut self.work.lanes[*lanes..][..T::LAW_LANES];
                for (row, (x, y)) in x.iter().zip(y).enumerate() {
                    let lane = &mut lanes[(self.offset + row) % T::LAW_LANES];
                    *lane = x.fma(*y, *lane);
                }
            }
            Instruction::Opaque { node, operands, y } => self.opaque(*node, operands, *y),
            Instruction::Store { x, store } => self.store(*x, *store),
        }
    }

    /// Adds rows to the lanes of law 3: row r of the block goes to lane r mod L.
    fn lanes(&mut self, x: Buffer, width: usize, lanes: usize, combiner: Function) {
        let (level, rows) = (self.region.level, self.rows.len());
        let x = self.buffers.start(x);
        let mut row = 0;
        while row < rows {
            let lane = (self.offset + row) % T::LAW_LANES;
            let run = (T::LAW_LANES - lane).min(rows - row);
            // SAFETY: `run` rows of `width` elements are left in the tile.
            let y = unsafe { std::slice::from_raw_parts(x.add(row * width), run * width) };
            let at = lanes + lane * width;
            let x = &mut self.work.lanes[at..at + run * width];
            dispatch(level, Combine { combiner, x, y });
            row += run;
        }
    }

    /// Law 3 over all rows of the tile.
    fn line(&self, x: [Buffer; 2], dot: bool, combiner: Function) -> T {
        let (level, [x, other]) = (self.region.level, x.map(|x| self.elements(x, 1)));
        let (n, y) = (x.len(), &mut [T::ZERO]);
        match dot {
            true => lines_of(level, [x, other], n, y, PhantomData::<Sum>),
            false => reduce_lines(level, combiner, x, n, y),
        }
        y[0]
    }

    /// Copies the rows of a view, with +0 where its source has no elements.
    fn window(&self, view: &Window, at: Seen, width: usize) {
        let source = self.region.slots[view.source.index()].get();
        let steps = crate::tensor::strides(source.shape());
        let (x, last) = (source.values::<T>(), view.inside.len() - 1);
        let y = match at {
            Seen::Copied(y) => self.buffers.start(y),
            Seen::InPlace { index, at } => {
                let inside = view.inside[0].start <= self.rows.start && self.rows.end <= view.inside[0].end;
                let first = (self.rows.start as isize + view.offset[0]) as usize;
                let start = match inside {
                    true => x[first * steps[0]..].as_ptr().cast_mut(),
                    false => self.buffers.start(Buffer::Arena(at)),
                };
                // SAFETY: there is a pointer for each view of the program.
                unsafe { *self.buffers.views.add(index) = start.expose_provenance() };
                if inside {
                    return;
                }
                start
            }
        };
        let line = &view.shape;
        for (at, row) in self.rows.clone().enumerate() {
            for k in 0..width / line[last].max(1) {
                // SAFETY: the buffer holds `width` elements for each row of the tile, and is no input.
                let y =
                    unsafe { std::slice::from_raw_parts_mut(y.add(at * width + k * line[last]), line[last]) };
                // The index along each axis but the last, from the last of them to the first.
                let (mut rest, mut start, mut inside) = (k, 0, view.inside[0].contains(&row));
                for axis in (1..last).rev() {
                    let index = rest % line[axis];
                    rest /= line[axis];
                    inside &= view.inside[axis].contains(&index);
                    start += (index as isize + view.offset[axis]) * steps[axis] as isize;
                }
                let columns = if inside { view.inside[last].clone() } else { 0..0 };
                start += (row as isize + view.offset[0]) * steps[0] as isize
                    + columns.start as isize
                    + view.offset[last];
                y[..columns.start].fill(T::ZERO);
                y[columns.end..].fill(T::ZERO);
                if !columns.is_empty() {
                    y[columns.clone()].copy_from_slice(&x[start as usize..][..columns.len()]);
                }
            }
        }
    }

    fn lines(&mut self, x: Buffer, n: usize, lines: usize, y: Buffer, combiner: Function) {
        let (level, count) = (self.region.level, lines * self.rows.len());
        let target = self.buffers.start(y);
        let x = self.elements(x, n * lines);
        // SAFETY: the result's buffer holds `lines` elements per row and is not the operand's.
        let y = unsafe { std::slice::from_raw_parts_mut(target, count) };
        match n {
            0 => y.fill(if combiner == Function::Mul { T::ONE } else { T::ZERO }),
            _ => reduce_lines(level, combiner, x, n, y),
        }
    }

    fn dots(&mut self, x: [Buffer; 2], n: usize, lines: usize, y: Buffer) {
        let (level, count) = (self.region.level, lines * self.rows.len());
        let target = self.buffers.start(y);
        let x = x.map(|x| self.elements(x, n * lines));
        // SAFETY: the result's buffer holds `lines` elements per row and is no operand's.
        let y = unsafe { std::slice::from_raw_parts_mut(target, count) };
        match n {
            0 => y.fill(T::ZERO),
            _ => lines_of(level, x, n, y, PhantomData::<Sum>),
        }
    }

    /// The elements of a place as a tensor of the tile's rows.
    fn gather(&self, place: Place<T>, ty: &crate::ir::Type) -> Cow<'_, Tensor> {
        let mut shape = ty.static_shape().expect("lowered");
        shape[0] = self.rows.len();
        let width: usize = shape[1..].iter().product();
        let values: Vec<T> = match place {
            Place::Rows { of, .. } => self.elements(of, width).to_vec(),
            Place::Vector { index, .. } => self.region.vectors[index].repeat(self.rows.len()),
            Place::Column { of, .. } => {
                let column = self.elements(of, 1);
                column.iter().flat_map(|&x| std::iter::repeat_n(x, width)).collect()
            }
            Place::Number(number) => vec![number; width * self.rows.len()],
            Place::Slot(slot) => {
                return Cow::Borrowed(self.work.tensors[slot].as_ref().expect("written before it is read"));
            }
        };
        Cow::Owned(match ty.dtype {
            DType::Bool => Tensor::new(shape, values.iter().map(|&x| x != T::ZERO).collect()),
            _ => Tensor::new(shape, values),
        })
    }

    /// The result of an operation by [`crate::ops::Rule::evaluate`], on the tile's rows.
    fn evaluated(&self, op: &dyn Rule, operands: &[Operand<T>]) -> Tensor {
        let rows: Vec<Option<Cow<Tensor>>> = operands
            .iter()
            .map(|operand| match operand {
                Operand::Rows(place, ty) => Some(self.gather(*place, ty)),
                Operand::Whole(_) => None,
            })
            .collect();
        let tensors: Vec<&Tensor> = operands
            .iter()
            .zip(&rows)
            .map(|(operand, rows)| match (operand, rows) {
                (Operand::Whole(value), _) => self.region.slots[value.index()].get(),
                (_, rows) => rows.as_deref().expect("gathered"),
            })
            .collect();
        whole::run(&Reduce { level: self.region.level, pool: None, shard: None }, op, &tensors).remove(0)
    }

    fn opaque(&mut self, node: usize, operands: &[Operand<T>], y: Place<T>) {
        let node = &self.region.graph.nodes()[node];
        let op = node.op.for_rows(self.rows.len());
        let op = op.as_ref().unwrap_or(&node.op);
        let result = self.evaluated(&**op, operands);
        match y {
            Place::Slot(slot) => self.work.tensors[slot] = Some(result),
            Place::Rows { of, width } => {
                let fits = result.len() == self.rows.len() * width;
                assert!(fits, "`{}` must give the type that its `infer` says", op.name());
                let target = self.buffers.start(of);
                // SAFETY: the buffer holds as many elements as the result has.
                let y = unsafe { std::slice::from_raw_parts_mut(target, result.len()) };
                match result.dtype() {
                    DType::Bool => {
                        for (y, &b) in y.iter_mut().zip(result.values::<bool>()) {
                            *y = if b { T::ONE } else { T::ZERO };
                        }
                    }
                    _ => y.copy_from_slice(result.values::<T>()),
                }
            }
            _ => unreachable!("results are written to the arena or to a slot"),
        }
    }

    fn store(&mut self, x: Place<T>, store: usize) {
        let ty = self.region.graph.ty(self.region.program.stores[store]);
        let width = self.region.stores[store].width;
        match &self.region.stored[store] {
            Stored::Native(_) => {
                let Place::Rows { of, .. } = x else { unreachable!("numbers of this type have a buffer") };
                let (x, y) = (self.elements(of, width), self.buffers.start(Buffer::Store(store)));
                // SAFETY: the tile's rows of the stored value are no other buffer's.
                unsafe { std::ptr::copy_nonoverlapping(x.as_ptr(), y, x.len()) };
            }
            Stored::Other(tensor) => {
                let rows = self.gather(x, ty);
                let mut tensor = tensor.lock().expect("no panic while held");
                let first = self.region.stores[store].first;
                copy_elements(tensor.data_mut(), rows.data(), (self.rows.start - first) * width);
            }
        }
    }
}
