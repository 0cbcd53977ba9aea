// test: vmap
// test: run @rows x=[[1.0, 2.0], [3.0, 4.0]]
// A call batches through the module that it calls; the batch of a batch; the gradient of a batch.
tgraph.module @square {
  %x = tgraph.arg : tensor<?xf64>
  %y = tgraph.mul %x, %x
  tgraph.return %y
}
tgraph.module @norm {
  %x = tgraph.arg : tensor<?xf64>
  %y = tgraph.call @square(%x)
  %s = tgraph.reduce %y {op = "sum"}
  %r = tgraph.sqrt %s
  tgraph.return %r
}
tgraph.vmap @norm over(%x) -> @rows
tgraph.vmap @rows over(%x) size(5) -> @blocks
tgraph.vjp @rows wrt(%x) seed(%w) -> @rows_vjp
// expect:
// > vmap
// tgraph.module @rows {
//   %x = tgraph.arg : tensor<?x?xf64>
//   %y = tgraph.mul %x, %x : tensor<?x?xf64>
//   %s = tgraph.reduce %y {op = "sum", axes = [1]} : tensor<?x?xf64> -> tensor<?xf64>
//   %r = tgraph.sqrt %s : tensor<?xf64>
//   tgraph.return %r : tensor<?xf64>
// }
//
// tgraph.module @blocks {
//   %x = tgraph.arg : tensor<5x?x?xf64>
//   %y = tgraph.mul %x, %x : tensor<5x?x?xf64>
//   %s = tgraph.reduce %y {op = "sum", axes = [2]} : tensor<5x?x?xf64> -> tensor<5x?xf64>
//   %r = tgraph.sqrt %s : tensor<5x?xf64>
//   tgraph.return %r : tensor<5x?xf64>
// }
// > run @rows x=[[1.0, 2.0], [3.0, 4.0]]
// [2.23606797749979, 5.0] : tensor<2xf64>
