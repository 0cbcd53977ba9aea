// test: pass
// All passes until nothing changes: constants are computed, calls are of the new modules, and the
// gradient is what the statement made of the module as written.
tgraph.module @half {
  %x = tgraph.arg : f64
  %one = tgraph.constant {value = 1.0} : f64
  %two = tgraph.add %one, %one
  %unused = tgraph.exp %two
  %y = tgraph.div %x, %two
  tgraph.return %y
}
tgraph.module @m {
  %x = tgraph.arg : f64
  %a = tgraph.call @half(%x)
  %b = tgraph.call @half(%x)
  %y = tgraph.mul %a, %b
  tgraph.return %y
}
tgraph.adjoint @m wrt(%x) -> @grad
// expect:
// tgraph.module @half {
//   %x = tgraph.arg : f64
//   %two = tgraph.constant {value = 2.0} : f64
//   %y = tgraph.div %x, %two : f64
//   tgraph.return %y : f64
// }
//
// tgraph.module @m {
//   %x = tgraph.arg : f64
//   %two = tgraph.constant {value = 2.0} : f64
//   %y = tgraph.div %x, %two : f64
//   %y_1 = tgraph.mul %y, %y : f64
//   tgraph.return %y_1 : f64
// }
//
// tgraph.module @grad {
//   %x = tgraph.arg : f64
//   %two = tgraph.constant {value = 2.0} : f64
//   %y = tgraph.div %x, %two : f64
//   %y_bar = tgraph.add %y, %y : f64
//   %constant = tgraph.constant {value = 0.5} : f64
//   %mul = tgraph.mul %y_bar, %constant : f64
//   tgraph.return %mul : f64
// }
