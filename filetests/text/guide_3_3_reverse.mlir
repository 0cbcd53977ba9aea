// test: print
// Section 3.3 of the autodiff guide, verbatim.
tgraph.module @m {
  %x = tgraph.arg : tensor<?xf32>
  %y = tgraph.sin %x : tensor<?xf32>
  %z = tgraph.reduce %y {op = "sum"} : tensor<?xf32> -> f32
  tgraph.return %z : f32
}

// Autodiff pass (reverse mode)
tgraph.adjoint @m wrt(%x) -> @m_grad
// expect:
// tgraph.module @m {
//   %x = tgraph.arg : tensor<?xf32>
//   %y = tgraph.sin %x : tensor<?xf32>
//   %z = tgraph.reduce %y {op = "sum"} : tensor<?xf32> -> f32
//   tgraph.return %z : f32
// }
//
// tgraph.adjoint @m wrt(%x) -> @m_grad
