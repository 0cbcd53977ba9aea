// test: pass expand
// Calls and operations that are defined by others are written out, a call inside a call too.
tgraph.module @square {
  %x = tgraph.arg : tensor<?xf64>
  %y = tgraph.mul %x, %x
  tgraph.return %y
}
tgraph.module @fourth {
  %x = tgraph.arg : tensor<?xf64>
  %y = tgraph.call @square(%x)
  %z = tgraph.call @square(%y)
  tgraph.return %z
}
tgraph.module @weights {
  %x = tgraph.arg : tensor<?xf64>
  %y = tgraph.call @fourth(%x)
  %p = tgraph.softmax %y
  tgraph.return %p
}
// expect:
// tgraph.module @square {
//   %x = tgraph.arg : tensor<?xf64>
//   %y = tgraph.mul %x, %x : tensor<?xf64>
//   tgraph.return %y : tensor<?xf64>
// }
//
// tgraph.module @fourth {
//   %x = tgraph.arg : tensor<?xf64>
//   %y = tgraph.mul %x, %x : tensor<?xf64>
//   %y_1 = tgraph.mul %y, %y : tensor<?xf64>
//   tgraph.return %y_1 : tensor<?xf64>
// }
//
// tgraph.module @weights {
//   %x = tgraph.arg : tensor<?xf64>
//   %y = tgraph.mul %x, %x : tensor<?xf64>
//   %y_1 = tgraph.mul %y, %y : tensor<?xf64>
//   %reduce = tgraph.reduce %y_1 {op = "max", axes = [0]} : tensor<?xf64> -> f64
//   %broadcast = tgraph.broadcast %reduce, %y_1 {dims = []} : tensor<?xf64>
//   %sub = tgraph.sub %y_1, %broadcast : tensor<?xf64>
//   %exp = tgraph.exp %sub : tensor<?xf64>
//   %reduce_1 = tgraph.reduce %exp {op = "sum", axes = [0]} : tensor<?xf64> -> f64
//   %broadcast_1 = tgraph.broadcast %reduce_1, %y_1 {dims = []} : tensor<?xf64>
//   %p = tgraph.div %exp, %broadcast_1 : tensor<?xf64>
//   tgraph.return %p : tensor<?xf64>
// }
