// test: adjoint
// The walk u ← k u + f[i]: the adjoint keeps the carried values, and runs from the last row to the first.
tgraph.module @step {
  %u = tgraph.arg : f64
  %f = tgraph.arg : f64
  %k = tgraph.arg : f64
  %ku = tgraph.mul %k, %u
  %next = tgraph.add %ku, %f
  tgraph.return %next
}
tgraph.module @walk {
  %u = tgraph.arg : f64
  %f = tgraph.arg : tensor<?xf64>
  %k = tgraph.arg : f64
  %last = tgraph.scan @step(%u, %f, %k) {carries = 1, rows = 1}
  tgraph.return %last
}
tgraph.adjoint @walk wrt(%u, %f, %k) -> @walk_grad
// expect:
// tgraph.module @step_record {
//   %u = tgraph.arg : f64
//   %f = tgraph.arg : f64
//   %k = tgraph.arg : f64
//   %ku = tgraph.mul %u, %k : f64
//   %next = tgraph.add %f, %ku : f64
//   tgraph.return %next, %u : f64, f64
// }
//
// tgraph.module @step_undo {
//   %next_bar = tgraph.arg : f64
//   %k_sum = tgraph.arg : f64
//   %u = tgraph.arg : f64
//   %k = tgraph.arg : f64
//   %mul = tgraph.mul %next_bar, %k : f64
//   %mul_1 = tgraph.mul %next_bar, %u : f64
//   %add = tgraph.add %k_sum, %mul_1 : f64
//   tgraph.return %mul, %add, %next_bar : f64, f64, f64
// }
//
// tgraph.module @walk_grad {
//   %u = tgraph.arg : f64
//   %f = tgraph.arg : tensor<?xf64>
//   %k = tgraph.arg : f64
//   %last_bar = tgraph.constant {value = 1.0} : f64
//   %constant = tgraph.constant {value = 0.0} : f64
//   %scan, %scan_1 = tgraph.scan @step_record(%u, %f, %k) {carries = 1, rows = 1} : f64, tensor<?xf64>
//   %scan_2, %scan_3, %scan_4 = tgraph.scan @step_undo(%last_bar, %constant, %scan_1, %k) {carries = 2, rows = 1, reverse = true} : f64, f64, tensor<?xf64>
//   tgraph.return %scan_2, %scan_4, %scan_3 : f64, tensor<?xf64>, f64
// }
