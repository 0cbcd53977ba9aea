// test: print
// Section 4.3 of the autodiff guide, verbatim.
tgraph.module @m_jvp {
  %x, %dx = tgraph.arg, tgraph.tangent : tensor<?xf32>
  %y = tgraph.exp %x
  %dy = tgraph.mul %y, %dx
  tgraph.return %y, %dy
}
// expect:
// tgraph.module @m_jvp {
//   %x, %dx = tgraph.arg, tgraph.tangent : tensor<?xf32>
//   %y = tgraph.exp %x : tensor<?xf32>
//   %dy = tgraph.mul %y, %dx : tensor<?xf32>
//   tgraph.return %y, %dy : tensor<?xf32>, tensor<?xf32>
// }
