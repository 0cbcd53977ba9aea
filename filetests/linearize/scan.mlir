// test: linearize
// test: run @at u=0.5 f=[0.1, 0.2, 0.3] k=2.0
// The rounds run once and leave the slope of each as rows: the linear module has no sine in it.
tgraph.module @step {
  %u = tgraph.arg : f64
  %f = tgraph.arg : f64
  %k = tgraph.arg : f64
  %ku = tgraph.mul %k, %u
  %s = tgraph.sin %ku
  %next = tgraph.add %s, %f
  tgraph.return %next, %s
}
tgraph.module @walk {
  %u = tgraph.arg : f64
  %f = tgraph.arg : tensor<?xf64>
  %k = tgraph.arg : f64
  %end, %path = tgraph.scan @step(%u, %f, %k) {carries = 1, rows = 1}
  tgraph.return %end, %path
}
tgraph.linearize @walk wrt(%u, %k) -> @at, @linear
// expect:
// > linearize
// tgraph.module @step_jvp_record {
//   %u = tgraph.arg : f64
//   %f = tgraph.arg : f64
//   %k = tgraph.arg : f64
//   %ku = tgraph.mul %u, %k : f64
//   %s = tgraph.sin %ku : f64
//   %next = tgraph.add %f, %s : f64
//   %cos = tgraph.cos %ku : f64
//   tgraph.return %next, %u, %cos : f64, f64, f64
// }
//
// tgraph.module @at {
//   %u = tgraph.arg : f64
//   %f = tgraph.arg : tensor<?xf64>
//   %k = tgraph.arg : f64
//   %end, %path = tgraph.scan @step(%u, %f, %k) {carries = 1, rows = 1} : f64, tensor<?xf64>
//   %scan, %r1, %r2 = tgraph.scan @step_jvp_record(%u, %f, %k) {carries = 1, rows = 1} : f64, tensor<?xf64>, tensor<?xf64>
//   tgraph.return %end, %path, %k, %r1, %r2 : f64, tensor<?xf64>, f64, tensor<?xf64>, tensor<?xf64>
// }
//
// tgraph.module @step_jvp_follow {
//   %du = tgraph.arg : f64
//   %u = tgraph.arg : f64
//   %x = tgraph.arg : f64
//   %k = tgraph.arg : f64
//   %dk = tgraph.arg : f64
//   %mul = tgraph.mul %du, %k : f64
//   %mul_1 = tgraph.mul %u, %dk : f64
//   %dku = tgraph.add %mul, %mul_1 : f64
//   %ds = tgraph.mul %x, %dku : f64
//   tgraph.return %ds, %ds : f64, f64
// }
//
// tgraph.module @linear {
//   %k = tgraph.arg : f64
//   %r1 = tgraph.arg : tensor<?xf64>
//   %r2 = tgraph.arg : tensor<?xf64>
//   %du = tgraph.arg : f64
//   %dk = tgraph.arg : f64
//   %dend, %dpath = tgraph.scan @step_jvp_follow(%du, %r1, %r2, %k, %dk) {carries = 1, rows = 2} : f64, tensor<?xf64>
//   tgraph.return %dend, %dpath : f64, tensor<?xf64>
// }
// > run @at u=0.5 f=[0.1, 0.2, 0.3] k=2.0
// 1.0434665578395788 : f64
// [0.8414709848078965, 0.9516768313469446, 0.7434665578395788] : tensor<3xf64>
// 2.0 : f64
// [0.5, 0.9414709848078965, 1.1516768313469445] : tensor<3xf64>
// [0.5403023058681398, -0.3071013003512671, -0.6687731135251836] : tensor<3xf64>
