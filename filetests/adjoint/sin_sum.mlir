// test: adjoint
// The module of section 3.3 of the guide.
tgraph.module @m {
  %x = tgraph.arg : tensor<?xf32>
  %y = tgraph.sin %x : tensor<?xf32>
  %z = tgraph.reduce %y {op = "sum"} : tensor<?xf32> -> f32
  tgraph.return %z : f32
}
tgraph.adjoint @m wrt(%x) -> @m_grad
// expect:
// tgraph.module @m_grad {
//   %x = tgraph.arg : tensor<?xf32>
//   %cos = tgraph.cos %x : tensor<?xf32>
//   tgraph.return %cos : tensor<?xf32>
// }
