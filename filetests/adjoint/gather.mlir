// test: adjoint
// The transpose of a gather is a scatter_add, and the transpose of that a gather.
tgraph.module @m {
  %x = tgraph.arg : tensor<?x3xf64>
  %i = tgraph.arg : tensor<5xi64>
  %y = tgraph.gather %x, %i {axis = 0}
  %z = tgraph.sin %y
  tgraph.return %z
}
tgraph.adjoint @m wrt(%x) -> @m_grad
tgraph.adjoint @m_grad wrt(%z_bar) -> @m_again
// expect:
// tgraph.module @m_grad {
//   %x = tgraph.arg : tensor<?x3xf64>
//   %i = tgraph.arg : tensor<5xi64>
//   %z_bar = tgraph.arg : tensor<5x3xf64>
//   %y = tgraph.gather %x, %i {axis = 0} : tensor<5x3xf64>
//   %cos = tgraph.cos %y : tensor<5x3xf64>
//   %y_bar = tgraph.mul %z_bar, %cos : tensor<5x3xf64>
//   %scatter_add = tgraph.scatter_add %y_bar, %i, %x {axis = 0} : tensor<?x3xf64>
//   tgraph.return %scatter_add : tensor<?x3xf64>
// }
//
// tgraph.module @m_again {
//   %x = tgraph.arg : tensor<?x3xf64>
//   %i = tgraph.arg : tensor<5xi64>
//   %z_bar = tgraph.arg : tensor<5x3xf64>
//   %y0_bar = tgraph.arg : tensor<?x3xf64>
//   %y = tgraph.gather %x, %i {axis = 0} : tensor<5x3xf64>
//   %cos = tgraph.cos %y : tensor<5x3xf64>
//   %y_bar_bar = tgraph.gather %y0_bar, %i {axis = 0} : tensor<5x3xf64>
//   %mul = tgraph.mul %cos, %y_bar_bar : tensor<5x3xf64>
//   tgraph.return %mul : tensor<5x3xf64>
// }
