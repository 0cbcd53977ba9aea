// test: pass collapse
// Products with the same weights, and with the same factor, are one of a sum; %c and %d are not, for %b and %y are used elsewhere.
tgraph.module @m {
  %x, %y, %s = tgraph.arg, tgraph.arg, tgraph.arg : tensor<8x16xf64>
  %w = tgraph.arg : tensor<16x16xf64>
  %sx = tgraph.mul %s, %x
  %sy = tgraph.mul %y, %s
  %a = tgraph.matmul %sx, %w
  %b = tgraph.matmul %sy, %w
  %z = tgraph.sub %a, %b
  tgraph.return %z
}
tgraph.module @kept {
  %x, %y = tgraph.arg, tgraph.arg : tensor<8x16xf64>
  %w = tgraph.arg : tensor<16x16xf64>
  %a = tgraph.matmul %x, %w
  %b = tgraph.matmul %y, %w
  %z = tgraph.add %a, %b
  tgraph.return %z, %b
}
// Taken apart, -(x + x) s y - (y + y) s y is -2 times s y (x + y).
tgraph.module @products {
  %x, %y, %s = tgraph.arg, tgraph.arg, tgraph.arg : tensor<8xf32>
  %x2 = tgraph.add %x, %x
  %sy = tgraph.mul %s, %y
  %first = tgraph.mul %x2, %sy
  %y2 = tgraph.add %y, %y
  %ys = tgraph.mul %y2, %s
  %second = tgraph.mul %ys, %y
  %less = tgraph.neg %first
  %z = tgraph.sub %less, %second
  tgraph.return %z
}
// A map that makes its argument smaller is pulled where more can be pulled behind it.
tgraph.module @fields {
  %x, %y = tgraph.arg, tgraph.arg : tensor<8x16xf64>
  %w = tgraph.arg : tensor<16x2xf64>
  %f = tgraph.matmul %x, %w
  %g = tgraph.matmul %y, %w
  %f0 = tgraph.slice %f {starts = [0, 0], limits = [-1, 1]}
  %f1 = tgraph.slice %f {starts = [0, 1], limits = [-1, 2]}
  %g0 = tgraph.slice %g {starts = [0, 0], limits = [-1, 1]}
  %g1 = tgraph.slice %g {starts = [0, 1], limits = [-1, 2]}
  %s0 = tgraph.add %f0, %g0
  %s1 = tgraph.add %f1, %g1
  tgraph.return %s0, %s1
}
tgraph.module @slices {
  %x, %y = tgraph.arg, tgraph.arg : tensor<8x16xf64>
  %a = tgraph.slice %x {starts = [0, 0], limits = [-1, 1]}
  %b = tgraph.slice %y {starts = [0, 0], limits = [-1, 1]}
  %z = tgraph.add %a, %b
  tgraph.return %z
}
// What looks alike and is not one map: of another dtype, of another shape, and one that is linear in all operands together.
tgraph.module @apart {
  %a, %b = tgraph.arg, tgraph.arg : tensor<8xf32>
  %c = tgraph.arg : tensor<1x3xf64>
  %d = tgraph.arg : tensor<8x3xf64>
  %e, %f, %g = tgraph.arg, tgraph.arg, tgraph.arg : tensor<8xf64>
  %a64 = tgraph.convert %a {to = "f64"}
  %b64 = tgraph.convert %b {to = "f64"}
  %ab = tgraph.add %a64, %b64
  %c2 = tgraph.broadcast %c {dims = [1, 2], shape = [2, 8, 3]}
  %d2 = tgraph.broadcast %d {dims = [1, 2], shape = [2, 8, 3]}
  %cd = tgraph.add %c2, %d2
  %eg = tgraph.concat %e, %g {axis = 0}
  %fg = tgraph.concat %f, %g {axis = 0}
  %egfg = tgraph.add %eg, %fg
  tgraph.return %ab, %cd, %egfg
}
// expect:
// tgraph.module @m {
//   %x = tgraph.arg : tensor<8x16xf64>
//   %y = tgraph.arg : tensor<8x16xf64>
//   %s = tgraph.arg : tensor<8x16xf64>
//   %w = tgraph.arg : tensor<16x16xf64>
//   %sub = tgraph.sub %x, %y : tensor<8x16xf64>
//   %mul = tgraph.mul %s, %sub : tensor<8x16xf64>
//   %matmul = tgraph.matmul %mul, %w : tensor<8x16xf64>
//   tgraph.return %matmul : tensor<8x16xf64>
// }
//
// tgraph.module @kept {
//   %x = tgraph.arg : tensor<8x16xf64>
//   %y = tgraph.arg : tensor<8x16xf64>
//   %w = tgraph.arg : tensor<16x16xf64>
//   %a = tgraph.matmul %x, %w : tensor<8x16xf64>
//   %b = tgraph.matmul %y, %w : tensor<8x16xf64>
//   %z = tgraph.add %a, %b : tensor<8x16xf64>
//   tgraph.return %z, %b : tensor<8x16xf64>, tensor<8x16xf64>
// }
//
// tgraph.module @products {
//   %x = tgraph.arg : tensor<8xf32>
//   %y = tgraph.arg : tensor<8xf32>
//   %s = tgraph.arg : tensor<8xf32>
//   %add = tgraph.add %x, %y : tensor<8xf32>
//   %mul = tgraph.mul %s, %add : tensor<8xf32>
//   %mul_1 = tgraph.mul %y, %mul : tensor<8xf32>
//   %add_1 = tgraph.add %mul_1, %mul_1 : tensor<8xf32>
//   %neg = tgraph.neg %add_1 : tensor<8xf32>
//   tgraph.return %neg : tensor<8xf32>
// }
//
// tgraph.module @fields {
//   %x = tgraph.arg : tensor<8x16xf64>
//   %y = tgraph.arg : tensor<8x16xf64>
//   %w = tgraph.arg : tensor<16x2xf64>
//   %add = tgraph.add %x, %y : tensor<8x16xf64>
//   %matmul = tgraph.matmul %add, %w : tensor<8x2xf64>
//   %slice = tgraph.slice %matmul {starts = [0, 0], limits = [-1, 1]} : tensor<8x2xf64> -> tensor<8x1xf64>
//   %slice_1 = tgraph.slice %matmul {starts = [0, 1], limits = [-1, 2]} : tensor<8x2xf64> -> tensor<8x1xf64>
//   tgraph.return %slice, %slice_1 : tensor<8x1xf64>, tensor<8x1xf64>
// }
//
// tgraph.module @slices {
//   %x = tgraph.arg : tensor<8x16xf64>
//   %y = tgraph.arg : tensor<8x16xf64>
//   %a = tgraph.slice %x {starts = [0, 0], limits = [-1, 1]} : tensor<8x16xf64> -> tensor<8x1xf64>
//   %b = tgraph.slice %y {starts = [0, 0], limits = [-1, 1]} : tensor<8x16xf64> -> tensor<8x1xf64>
//   %z = tgraph.add %a, %b : tensor<8x1xf64>
//   tgraph.return %z : tensor<8x1xf64>
// }
//
// tgraph.module @apart {
//   %a = tgraph.arg : tensor<8xf32>
//   %b = tgraph.arg : tensor<8xf32>
//   %c = tgraph.arg : tensor<1x3xf64>
//   %d = tgraph.arg : tensor<8x3xf64>
//   %e = tgraph.arg : tensor<8xf64>
//   %f = tgraph.arg : tensor<8xf64>
//   %g = tgraph.arg : tensor<8xf64>
//   %a64 = tgraph.convert %a {to = "f64"} : tensor<8xf32> -> tensor<8xf64>
//   %b64 = tgraph.convert %b {to = "f64"} : tensor<8xf32> -> tensor<8xf64>
//   %ab = tgraph.add %a64, %b64 : tensor<8xf64>
//   %c2 = tgraph.broadcast %c {dims = [1, 2], shape = [2, 8, 3]} : tensor<1x3xf64> -> tensor<2x8x3xf64>
//   %d2 = tgraph.broadcast %d {dims = [1, 2], shape = [2, 8, 3]} : tensor<8x3xf64> -> tensor<2x8x3xf64>
//   %cd = tgraph.add %c2, %d2 : tensor<2x8x3xf64>
//   %eg = tgraph.concat %e, %g {axis = 0} : tensor<16xf64>
//   %fg = tgraph.concat %f, %g {axis = 0} : tensor<16xf64>
//   %egfg = tgraph.add %eg, %fg : tensor<16xf64>
//   tgraph.return %ab, %cd, %egfg : tensor<8xf64>, tensor<2x8x3xf64>, tensor<16xf64>
// }
