// test: print
// Section 3.4 of the autodiff guide, verbatim.
tgraph.module @m_grad {
  %x = tgraph.arg : tensor<?xf32>
  %dy = tgraph.ones_like %x
  %cosx = tgraph.cos %x
  %dx = tgraph.mul %dy, %cosx
  tgraph.return %dx
}
// expect:
// tgraph.module @m_grad {
//   %x = tgraph.arg : tensor<?xf32>
//   %dy = tgraph.ones_like %x : tensor<?xf32>
//   %cosx = tgraph.cos %x : tensor<?xf32>
//   %dx = tgraph.mul %dy, %cosx : tensor<?xf32>
//   tgraph.return %dx : tensor<?xf32>
// }
