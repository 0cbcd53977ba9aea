//! Graphs of small values run as one list of instructions over one arena: with the bits of the law, and of tiles.

use tessera_core::diagnostic::Source;
use tessera_core::exec::cpu::{Engine, Options};
use tessera_core::exec::plan::Plan;
use tessera_core::exec::{Backend, Executable, Function, lower};
use tessera_core::numerics::dispatch::Level;
use tessera_core::{Tensor, Type, ad, text};
use tessera_testing::data::between;

/// Modules of which the last is run, their floats written `T`, and the seeds of whose inputs are counted from 1.
const PROGRAMS: &[(&str, &str)] = &[
    (
        "carried values change places",
        "tgraph.module @goes_on {
  %n = tgraph.arg : i64
  %a, %b = tgraph.arg, tgraph.arg : tensor<3xT>
  %most = tgraph.constant {value = 7} : i64
  %holds = tgraph.compare %n, %most {direction = \"lt\"}
  tgraph.return %holds
}
tgraph.module @fibonacci {
  %n = tgraph.arg : i64
  %a, %b = tgraph.arg, tgraph.arg : tensor<3xT>
  %one = tgraph.constant {value = 1} : i64
  %next = tgraph.add %n, %one
  %sum = tgraph.add %a, %b
  tgraph.return %next, %b, %sum
}
tgraph.module @swap {
  %n = tgraph.arg : i64
  %a, %b = tgraph.arg, tgraph.arg : tensor<3xT>
  %one = tgraph.constant {value = 1} : i64
  %next = tgraph.add %n, %one
  tgraph.return %next, %b, %a
}
tgraph.module @main {
  %a, %b = tgraph.arg, tgraph.arg : tensor<3xT>
  %zero = tgraph.constant {value = 0} : i64
  %n, %x, %y = tgraph.while @goes_on, @fibonacci(%zero, %a, %b) {carries = 3}
  %m, %u, %v = tgraph.while @goes_on, @swap(%zero, %x, %y) {carries = 3, max = 5}
  %k, %w, %z = tgraph.while @goes_on, @swap(%n, %u, %v) {carries = 3}
  tgraph.return %n, %m, %k, %x, %y, %u, %v, %w, %z
}",
    ),
    (
        "a loop inside a loop, with work that stays and a choice",
        "tgraph.module @inner_goes_on {
  %i = tgraph.arg : i64
  %x = tgraph.arg : tensor<4xT>
  %w = tgraph.arg : tensor<4x4xT>
  %two = tgraph.constant {value = 2} : i64
  %holds = tgraph.compare %i, %two {direction = \"le\"}
  tgraph.return %holds
}
tgraph.module @inner {
  %i = tgraph.arg : i64
  %x = tgraph.arg : tensor<4xT>
  %w = tgraph.arg : tensor<4x4xT>
  %one = tgraph.constant {value = 1} : i64
  %next = tgraph.add %i, %one
  %column = tgraph.reshape %x {shape = [4, 1]}
  %square = tgraph.matmul %w, %w {transpose_a = true}
  %moved = tgraph.matmul %square, %column
  %y = tgraph.reshape %moved {shape = [4]}
  %z = tgraph.tanh %y
  tgraph.return %next, %z
}
tgraph.module @double {
  %x = tgraph.arg : tensor<4xT>
  %y = tgraph.add %x, %x
  tgraph.return %y
}
tgraph.module @same {
  %x = tgraph.arg : tensor<4xT>
  tgraph.return %x
}
tgraph.module @outer {
  %x = tgraph.arg : tensor<4xT>
  %row = tgraph.arg : tensor<4xT>
  %w = tgraph.arg : tensor<4x4xT>
  %zero = tgraph.constant {value = 0} : i64
  %sum = tgraph.add %x, %row
  %n, %y = tgraph.while @inner_goes_on, @inner(%zero, %sum, %w) {carries = 2}
  %size = tgraph.reduce %y {op = \"sum\"}
  %none = tgraph.constant {value = 0} : T
  %up = tgraph.compare %size, %none {direction = \"gt\"}
  %z = tgraph.cond @double, @same(%up, %y)
  tgraph.return %z, %size, %n
}
tgraph.module @main {
  %x = tgraph.arg : tensor<4xT>
  %rows = tgraph.arg : tensor<5x4xT>
  %w = tgraph.arg : tensor<4x4xT>
  %last, %sizes, %counts = tgraph.scan @outer(%x, %rows, %w) {carries = 1, rows = 1}
  %back, %sizes_back, %counts_back = tgraph.scan @outer(%last, %rows, %w) {carries = 1, rows = 1, reverse = true}
  tgraph.return %last, %sizes, %counts, %back, %sizes_back, %counts_back
}",
    ),
    (
        "a carried value is a part of another, and of what comes in",
        "tgraph.module @shift {
  %x = tgraph.arg : tensor<6xT>
  %head = tgraph.arg : tensor<2xT>
  %row = tgraph.arg : T
  %new = tgraph.slice %x {starts = [1], limits = [3]}
  %rest = tgraph.slice %x {starts = [2], limits = [6]}
  %moved = tgraph.concat %rest, %head {axis = 0}
  tgraph.return %moved, %new, %x, %head
}
tgraph.module @main {
  %x = tgraph.arg : tensor<6xT>
  %rows = tgraph.arg : tensor<4xT>
  %head = tgraph.slice %x {starts = [4], limits = [6]}
  %a, %b, %all, %heads = tgraph.scan @shift(%x, %head, %rows) {carries = 2, rows = 1}
  tgraph.return %a, %b, %all, %heads, %x
}",
    ),
    (
        "choices by number, nearest for one outside",
        "tgraph.module @zeroth {
  %x, %y = tgraph.arg, tgraph.arg : tensor<2xT>
  tgraph.return %y, %x
}
tgraph.module @first {
  %x, %y = tgraph.arg, tgraph.arg : tensor<2xT>
  %z = tgraph.mul %x, %y
  tgraph.return %z, %z
}
tgraph.module @second {
  %x, %y = tgraph.arg, tgraph.arg : tensor<2xT>
  %z = tgraph.exp %x
  tgraph.return %x, %z
}
tgraph.module @main {
  %x, %y = tgraph.arg, tgraph.arg : tensor<2xT>
  %below = tgraph.constant {value = -3} : i64
  %beyond = tgraph.constant {value = 9} : i32
  %middle = tgraph.constant {value = 1} : u32
  %five = tgraph.constant {value = 5} : T
  %element = tgraph.slice %x {starts = [0], limits = [1]}
  %scalar = tgraph.reshape %element {shape = []}
  %size = tgraph.mul %scalar, %five
  %whole = tgraph.convert %size {to = \"i64\"}
  %a, %b = tgraph.cond @zeroth, @first, @second(%below, %x, %y)
  %c, %d = tgraph.cond @zeroth, @first, @second(%beyond, %a, %b)
  %e, %f = tgraph.cond @zeroth, @first, @second(%middle, %c, %d)
  %g, %h = tgraph.cond @zeroth, @first, @second(%whole, %e, %f)
  tgraph.return %a, %b, %c, %d, %e, %f, %g, %h, %whole
}",
    ),
    (
        "elements move, repeat and are left out",
        "tgraph.module @main {
  %x = tgraph.arg : tensor<3x4xT>
  %i = tgraph.constant {value = [2, -1, 0, 7, 2]} : tensor<5xi64>
  %rows = tgraph.gather %x, %i
  %flags = tgraph.constant {value = [true, false, true]} : tensor<3xbool>
  %masks = tgraph.broadcast %flags {dims = [0], shape = [3, 4]}
  %zeros = tgraph.zeros_like %x
  %chosen = tgraph.select %masks, %x, %zeros
  %turned = tgraph.transpose %chosen {permutation = [1, 0]}
  %wide = tgraph.pad %turned {low = [1, 0], high = [0, 2]}
  %back = tgraph.reverse %wide {axes = [1]}
  %column = tgraph.slice %x {starts = [0, 1], limits = [3, 2]}
  %sums = tgraph.reduce %x {op = \"sum\", axes = [0]}
  %products = tgraph.reduce %x {op = \"prod\", axes = [1]}
  %most = tgraph.reduce %x {op = \"max\", axes = [0]}
  %order = tgraph.argsort %sums {axis = 0}
  %sorted = tgraph.gather %sums, %order
  %numbers = tgraph.convert %order {to = \"T\"}
  %spread = tgraph.broadcast %products {dims = [0], shape = [3, 5]}
  %small = tgraph.convert %order {to = \"u32\"}
  %bits = tgraph.shift_left %small, %small
  %any = tgraph.any %masks
  tgraph.return %rows, %back, %column, %sums, %products, %most, %sorted, %numbers, %spread, %bits, %any
}",
    ),
    (
        "products of every orientation, and with one row or column",
        "tgraph.module @main {
  %a = tgraph.arg : tensor<9x5xT>
  %b = tgraph.arg : tensor<5x3xT>
  %c = tgraph.arg : tensor<9x1xT>
  %r = tgraph.arg : tensor<1x5xT>
  %many = tgraph.arg : tensor<3x2x4xT>
  %ab = tgraph.matmul %a, %b
  %ba = tgraph.matmul %b, %a {transpose_a = true, transpose_b = true}
  %aa = tgraph.matmul %a, %a {transpose_a = true}
  %outer = tgraph.matmul %a, %a {transpose_b = true}
  %ac = tgraph.matmul %a, %c {transpose_a = true}
  %ca = tgraph.matmul %c, %a {transpose_a = true}
  %ar = tgraph.matmul %a, %r {transpose_b = true}
  %ra = tgraph.matmul %r, %a {transpose_b = true}
  %cr = tgraph.matmul %c, %r
  %rc = tgraph.matmul %r, %c {transpose_a = true, transpose_b = true}
  %turned = tgraph.matmul %many, %many {transpose_a = true}
  %square = tgraph.matmul %many, %many {transpose_b = true}
  %flat = tgraph.transpose %a {permutation = [1, 0]}
  %lines = tgraph.dot %a, %a
  %few = tgraph.dot %b, %b
  %one = tgraph.dot %r, %r
  tgraph.return %ab, %ba, %aa, %outer, %ac, %ca, %ar, %ra, %cr, %rc, %turned, %square, %flat, %lines, %few, %one
}",
    ),
    (
        "factors, solutions and what has no kernel",
        "tgraph.module @main {
  %a = tgraph.arg : tensor<2x5x5xT>
  %b = tgraph.arg : tensor<2x5x3xT>
  %lu, %rows, %info = tgraph.lu %a
  %x = tgraph.solve %a, %b
  %y = tgraph.triangular_solve %a, %b {upper = true, transpose = true}
  %square = tgraph.matmul %a, %a {transpose_b = true}
  %l, %sound = tgraph.cholesky %square
  %q, %r, %full = tgraph.qr %a
  %c = tgraph.cumsum %b {axis = 1}
  %d = tgraph.det %a
  %strong = tgraph.matmul %a, %b {strong = 0}
  tgraph.return %lu, %rows, %info, %x, %y, %l, %sound, %q, %r, %c, %d, %strong
}",
    ),
];

/// Modules @one, a batch of which over %x is run.
const BATCHES: &[(&str, &str)] = &[
    (
        "a count of its own at each position, and a loop inside that would not end for those that are done",
        "tgraph.module @goes_on {
  %n, %k = tgraph.arg, tgraph.arg : i64
  %x, %w = tgraph.arg, tgraph.arg : tensor<3xT>
  %sum = tgraph.reduce %x {op = \"sum\"}
  %most = tgraph.constant {value = 3} : T
  %holds = tgraph.compare %sum, %most {direction = \"lt\"}
  %k_most = tgraph.constant {value = 40} : i64
  %few = tgraph.compare %n, %k_most {direction = \"lt\"}
  %both = tgraph.and %holds, %few
  tgraph.return %both
}
tgraph.module @inner_goes_on {
  %i = tgraph.arg : i64
  %x, %start = tgraph.arg, tgraph.arg : tensor<3xT>
  %two = tgraph.constant {value = 2} : i64
  %largest = tgraph.reduce %x {op = \"max\"}
  %one = tgraph.constant {value = 1} : T
  %small = tgraph.compare %largest, %one {direction = \"lt\"}
  %few = tgraph.compare %i, %two {direction = \"le\"}
  %both = tgraph.and %small, %few
  %sum = tgraph.reduce %start {op = \"sum\"}
  %most = tgraph.constant {value = 3} : T
  %never_ends = tgraph.compare %sum, %most {direction = \"ge\"}
  %either = tgraph.or %both, %never_ends
  tgraph.return %either
}
tgraph.module @inner {
  %i = tgraph.arg : i64
  %x, %start = tgraph.arg, tgraph.arg : tensor<3xT>
  %one = tgraph.constant {value = 1} : i64
  %next = tgraph.add %i, %one
  %y = tgraph.exp %x
  tgraph.return %next, %y
}
tgraph.module @outer {
  %n, %k = tgraph.arg, tgraph.arg : i64
  %x, %w = tgraph.arg, tgraph.arg : tensor<3xT>
  %one = tgraph.constant {value = 1} : i64
  %zero = tgraph.constant {value = 0} : i64
  %next = tgraph.add %n, %one
  %i, %y = tgraph.while @inner_goes_on, @inner(%zero, %x, %x) {carries = 2}
  %all = tgraph.add %k, %i
  %sine = tgraph.sin %w
  %z = tgraph.mul %y, %sine
  %step = tgraph.add %x, %z
  tgraph.return %next, %all, %step
}
tgraph.module @one {
  %x = tgraph.arg : tensor<3xT>
  %w = tgraph.arg : tensor<3xT>
  %zero = tgraph.constant {value = 0} : i64
  %n, %k, %y = tgraph.while @goes_on, @outer(%zero, %zero, %x, %w) {carries = 3}
  tgraph.return %n, %k, %y
}",
    ),
    (
        "factors with rows that change places, solutions, products of all kinds, picked elements",
        "tgraph.module @goes_on {
  %a, %x = tgraph.arg, tgraph.arg : tensor<4x4xT>
  %w = tgraph.arg : tensor<4x4xT>
  %norm = tgraph.norm %x
  %large = tgraph.constant {value = 30} : T
  %holds = tgraph.compare %norm, %large {direction = \"lt\"}
  tgraph.return %holds
}
tgraph.module @step {
  %a, %x = tgraph.arg, tgraph.arg : tensor<4x4xT>
  %w = tgraph.arg : tensor<4x4xT>
  %lu, %rows, %info = tgraph.lu %x
  %signs = tgraph.sign %x
  %tied, %tied_rows, %tied_info = tgraph.lu %signs
  %order = tgraph.gather %a, %rows
  %y = tgraph.triangular_solve %lu, %order {unit = true}
  %z = tgraph.triangular_solve %lu, %y {upper = true, transpose = true}
  %shared_left = tgraph.matmul %w, %z
  %shared_right = tgraph.matmul %z, %w {transpose_b = true}
  %own = tgraph.matmul %z, %a {transpose_a = true}
  %columns = tgraph.reduce %z {op = \"min\", axes = [0]}
  %spread = tgraph.broadcast %columns {dims = [1], shape = [4, 4]}
  %turned = tgraph.transpose %spread {permutation = [1, 0]}
  %products = tgraph.mul %own, %turned
  %dots = tgraph.dot %z, %a
  %wide = tgraph.broadcast %dots {dims = [0], shape = [4, 4]}
  %zero = tgraph.zeros_like %info
  %status = tgraph.compare %info, %zero {direction = \"ne\"}
  %singular = tgraph.broadcast %status {dims = [], shape = [4, 4]}
  %sums = tgraph.add %shared_left, %shared_right
  %more = tgraph.add %products, %wide
  %next = tgraph.add %sums, %more
  %far = tgraph.add %x, %next
  %grown = tgraph.add %far, %x
  %new = tgraph.select %singular, %x, %grown
  %both = tgraph.add %lu, %tied
  tgraph.return %both, %new
}
tgraph.module @one {
  %x = tgraph.arg : tensor<4x4xT>
  %w = tgraph.arg : tensor<4x4xT>
  %lu, %y = tgraph.while @goes_on, @step(%x, %x, %w) {carries = 2, max = 6}
  tgraph.return %lu, %y
}",
    ),
    (
        "Newton's method with its line search",
        "tgraph.module @f {
  %x = tgraph.arg : tensor<3xT>
  %w = tgraph.arg : tensor<3x3xT>
  %theta = tgraph.arg : tensor<3xT>
  %column = tgraph.reshape %x {shape = [3, 1]}
  %product = tgraph.matmul %w, %column
  %wx = tgraph.reshape %product {shape = [3]}
  %y = tgraph.tanh %wx
  %cube = tgraph.mul %x, %x
  %large = tgraph.mul %cube, %x
  %sum = tgraph.add %large, %y
  %f = tgraph.sub %sum, %theta
  tgraph.return %f
}
tgraph.module @one {
  %x = tgraph.arg : tensor<3xT>
  %w = tgraph.arg : tensor<3x3xT>
  %start = tgraph.ones_like %x
  %y, %status, %iterations, %residual = tgraph.root @f(%start, %w, %x) {tol = 1e-5}
  tgraph.return %y, %status, %iterations, %residual
}",
    ),
    (
        "several rows of a position, times a matrix that all share, flattened and back",
        "tgraph.module @one {
  %x = tgraph.arg : tensor<9x5xT>
  %w = tgraph.arg : tensor<5x9xT>
  %p = tgraph.matmul %x, %w
  %flat = tgraph.reshape %p {shape = [81]}
  %half = tgraph.constant {value = 0.5} : T
  %halves = tgraph.broadcast %half {dims = [], shape = [81]}
  %scaled = tgraph.mul %flat, %halves
  %sine = tgraph.sin %scaled
  %s = tgraph.reshape %sine {shape = [9, 9]}
  %own = tgraph.matmul %s, %x {transpose_a = true}
  %a = tgraph.slice %own {starts = [0, 0], limits = [5, 5]}
  %back = tgraph.matmul %s, %w {transpose_b = true}
  %b = tgraph.slice %back {starts = [2, 0], limits = [7, 5]}
  %lu, %rows, %info = tgraph.lu %a
  %order = tgraph.gather %b, %rows
  %y = tgraph.triangular_solve %lu, %order {unit = true}
  %first = tgraph.slice %y {starts = [0, 0], limits = [1, 5]}
  %line = tgraph.matmul %first, %w
  %v = tgraph.reshape %line {shape = [9]}
  %column = tgraph.reshape %line {shape = [9, 1]}
  %left = tgraph.matmul %w, %column
  %wide = tgraph.matmul %w, %s {transpose_b = true}
  %short = tgraph.reshape %first {shape = [5, 1]}
  %right = tgraph.matmul %x, %short
  tgraph.return %y, %v, %left, %wide, %right, %info
}",
    ),
    (
        "what positions share, in a loop: loops, choices and rows of a sequence",
        "tgraph.module @goes_on {
  %n = tgraph.arg : i64
  %x = tgraph.arg : tensor<4xT>
  %w = tgraph.arg : tensor<4x4xT>
  %sum = tgraph.reduce %x {op = \"sum\"}
  %most = tgraph.constant {value = 2.5} : T
  %large = tgraph.compare %sum, %most {direction = \"lt\"}
  %five = tgraph.constant {value = 5} : i64
  %few = tgraph.compare %n, %five {direction = \"lt\"}
  %both = tgraph.and %large, %few
  tgraph.return %both
}
tgraph.module @pass {
  %v, %row = tgraph.arg, tgraph.arg : tensor<4xT>
  %y = tgraph.mul %v, %row
  %z = tgraph.add %y, %row
  tgraph.return %z, %y
}
tgraph.module @few {
  %i = tgraph.arg : i64
  %v = tgraph.arg : tensor<4xT>
  %three = tgraph.constant {value = 3} : i64
  %holds = tgraph.compare %i, %three {direction = \"lt\"}
  tgraph.return %holds
}
tgraph.module @sine {
  %i = tgraph.arg : i64
  %v = tgraph.arg : tensor<4xT>
  %one = tgraph.constant {value = 1} : i64
  %next = tgraph.add %i, %one
  %y = tgraph.sin %v
  tgraph.return %next, %y
}
tgraph.module @with_shared {
  %v, %shared = tgraph.arg, tgraph.arg : tensor<4xT>
  %square = tgraph.mul %shared, %shared
  %y = tgraph.add %v, %square
  tgraph.return %y
}
tgraph.module @without {
  %v, %shared = tgraph.arg, tgraph.arg : tensor<4xT>
  %y = tgraph.neg %v
  tgraph.return %y
}
tgraph.module @step {
  %n = tgraph.arg : i64
  %x = tgraph.arg : tensor<4xT>
  %w = tgraph.arg : tensor<4x4xT>
  %one = tgraph.constant {value = 1} : i64
  %zero = tgraph.constant {value = 0} : i64
  %next = tgraph.add %n, %one
  %last, %all = tgraph.scan @pass(%x, %w) {carries = 1, rows = 1, reverse = true}
  %start = tgraph.reduce %w {op = \"sum\", axes = [0]}
  %shared, %shared_all = tgraph.scan @pass(%start, %w) {carries = 1, rows = 1}
  %i, %wave = tgraph.while @few, @sine(%zero, %shared) {carries = 2, max = 2}
  %none = tgraph.constant {value = 0.0} : T
  %size = tgraph.reduce %wave {op = \"sum\"}
  %up = tgraph.compare %size, %none {direction = \"gt\"}
  %chosen = tgraph.cond @with_shared, @without(%up, %last, %wave)
  %turned = tgraph.cond @without, @with_shared(%up, %chosen, %wave)
  %sums = tgraph.reduce %all {op = \"sum\", axes = [0]}
  %sum = tgraph.add %turned, %sums
  %y = tgraph.tanh %sum
  %grown = tgraph.add %y, %x
  %twice = tgraph.matmul %w, %w
  %column = tgraph.reshape %grown {shape = [4, 1]}
  %product = tgraph.matmul %twice, %column
  %z = tgraph.reshape %product {shape = [4]}
  %new = tgraph.add %grown, %z
  tgraph.return %next, %new
}
tgraph.module @one {
  %x = tgraph.arg : tensor<4xT>
  %w = tgraph.arg : tensor<4x4xT>
  %zero = tgraph.constant {value = 0} : i64
  %n, %y = tgraph.while @goes_on, @step(%zero, %x, %w) {carries = 2}
  tgraph.return %n, %y
}",
    ),
];

#[test]
fn positions_side_by_side_have_the_bits_of_the_law() {
    for dtype in ["f64", "f32"] {
        for &(what, source) in BATCHES {
            let source = format!("{source}\ntgraph.vmap @one over(%x) -> @all\n");
            let source = typed(&source, dtype);
            let program =
                text::check(&Source::new("flat.mlir", &source)).unwrap_or_else(|e| panic!("{what}: {e}"));
            let program = ad::expand(&program).unwrap_or_else(|e| panic!("{what}: {e:?}"));
            let graph = program.modules["all"].clone();
            let reference = Function::new(graph.clone(), Backend::Reference);
            for count in [1, 16, 33, 400] {
                let types: Vec<Type> = (graph.input_types().into_iter().zip([true, false]))
                    .map(|(ty, over)| {
                        let own = ty.shape[usize::from(over)..].iter().map(|e| e.known().unwrap());
                        let lead = over.then_some(count);
                        Type::new(ty.dtype, lead.into_iter().chain(own))
                    })
                    .collect();
                let inputs: Vec<Tensor> = drawn(&types, 1);
                let inputs: Vec<&Tensor> = inputs.iter().collect();
                let want = reference.call(&inputs).unwrap();
                let lowered = lower(&graph, &types).unwrap();
                for level in Level::available() {
                    for threads in [1, 3] {
                        let options = |tile_rows| Options { threads, level: Some(level), tile_rows };
                        let engine =
                            |tile_rows| Engine::new(Plan::new(lowered.clone(), threads), options(tile_rows));
                        let (lanes, tiles) = (engine(None), engine(Some(16)));
                        let is_small = lanes.is_flat() && count < 400;
                        assert!(is_small || lanes.side_by_side() == 1, "{what}, {count}");
                        assert_eq!(tiles.side_by_side(), 0);
                        for (name, engine) in [("lanes", lanes), ("tiles", tiles)] {
                            let got = engine.run(&inputs);
                            assert!(
                                same(&want, &got),
                                "{what}, {dtype}, {count} positions, {level}, {threads} threads, {name}"
                            );
                        }
                    }
                }
            }
        }
    }
}

/// A source with its floats of this type.
fn typed(source: &str, dtype: &str) -> String {
    let source = source.replace("xT>", &format!("x{dtype}>")).replace("\"T\"", &format!("\"{dtype}\""));
    source.replace(": T", &format!(": {dtype}"))
}

fn drawn(types: &[Type], seed: u64) -> Vec<Tensor> {
    let draw = |(ty, seed): (&Type, u64)| {
        let x = between(-1.5, 1.5, seed, &ty.static_shape().unwrap());
        tessera_testing::problems::rounded(x, ty.dtype)
    };
    types.iter().zip(seed..).map(draw).collect()
}

fn same(want: &[Tensor], got: &[Tensor]) -> bool {
    want.len() == got.len() && want.iter().zip(got).all(|(want, got)| want.same_bits(got))
}

#[test]
fn small_programs_have_the_bits_of_the_law_and_of_tiles() {
    for dtype in ["f64", "f32"] {
        for (what, source) in PROGRAMS {
            let source = typed(source, dtype);
            let program =
                text::parse(&Source::new("flat.mlir", &source)).unwrap_or_else(|e| panic!("{what}: {e}"));
            let graph = program.modules["main"].clone();
            let types: Vec<Type> = graph.input_types().into_iter().cloned().collect();
            let lowered = lower(&graph, &types).unwrap();
            for level in Level::available() {
                let options = |tile_rows| Options { threads: 1, level: Some(level), tile_rows };
                let engine = |tile_rows| Engine::new(Plan::new(lowered.clone(), 1), options(tile_rows));
                let (flat, tiles) = (engine(None), engine(Some(2)));
                assert!(flat.is_flat() && !tiles.is_flat(), "{what}");
                let reference = Function::new(graph.clone(), Backend::Reference);
                // The second call finds what the first one left.
                for seed in [1, 100] {
                    let inputs = drawn(&types, seed);
                    let inputs: Vec<&Tensor> = inputs.iter().collect();
                    let want = reference.call(&inputs).unwrap();
                    for (name, got) in [("flat", flat.run(&inputs)), ("tiles", tiles.run(&inputs))] {
                        assert!(same(&want, &got), "{what}, {dtype}, {level}, {name}:\n{want:?}\n{got:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn large_values_and_mixed_floats_are_not_flat() {
    let is_flat = |source: &str| {
        let program = text::parse(&Source::new("flat.mlir", source)).unwrap();
        let graph = &program.modules["f"];
        let types: Vec<Type> = graph.input_types().into_iter().cloned().collect();
        Engine::new(Plan::new(lower(graph, &types).unwrap(), 1), Options::default()).is_flat()
    };
    let of = |ty: &str| {
        format!("tgraph.module @f {{\n  %x = tgraph.arg : {ty}\n  %y = tgraph.sin %x\n  tgraph.return %y\n}}")
    };
    assert!(is_flat(&of("tensor<1024xf64>")));
    assert!(!is_flat(&of("tensor<1025xf64>")));
    assert!(!is_flat(&of("tensor<0x4xf64>")));
    let mixed = "tgraph.module @f {\n  %x = tgraph.arg : tensor<3xf64>\n  %y = tgraph.convert %x {to = \"f32\"}\n  tgraph.return %y\n}";
    assert!(!is_flat(mixed));
}
