// test: jvp
// The module of section 4.2 of the guide, and what section 4.3 makes of it.
tgraph.module @m {
  %x = tgraph.arg : tensor<?xf32>
  %y = tgraph.exp %x : tensor<?xf32>
  tgraph.return %y : tensor<?xf32>
}
tgraph.jvp @m wrt(%x) -> @m_jvp
// expect:
// tgraph.module @m_jvp {
//   %x, %dx = tgraph.arg, tgraph.tangent : tensor<?xf32>
//   %y = tgraph.exp %x : tensor<?xf32>
//   %dy = tgraph.mul %dx, %y : tensor<?xf32>
//   tgraph.return %y, %dy : tensor<?xf32>, tensor<?xf32>
// }
