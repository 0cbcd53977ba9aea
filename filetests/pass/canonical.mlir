// test: pass canonical
// Only what has the same bits for every operand is simplified: x - 0, x * 1 and a double minus are,
// x + 0 is not, because -0 + 0 is +0.
tgraph.module @m {
  %x = tgraph.arg : f64
  %zero = tgraph.constant {value = 0.0} : f64
  %one = tgraph.constant {value = 1.0} : f64
  %a = tgraph.sub %x, %zero
  %b = tgraph.mul %one, %a
  %c = tgraph.neg %b
  %d = tgraph.neg %c
  %e = tgraph.add %d, %zero
  %f = tgraph.mul %e, %x
  tgraph.return %b, %d, %e, %f
}
// expect:
// tgraph.module @m {
//   %x = tgraph.arg : f64
//   %zero = tgraph.constant {value = 0.0} : f64
//   %one = tgraph.constant {value = 1.0} : f64
//   %c = tgraph.neg %x : f64
//   %e = tgraph.add %x, %zero : f64
//   %f = tgraph.mul %x, %e : f64
//   tgraph.return %x, %x, %e, %f : f64, f64, f64, f64
// }
