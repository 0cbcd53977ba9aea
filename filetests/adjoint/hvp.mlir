// test: hvp
tgraph.module @m {
  %x = tgraph.arg : tensor<3xf64>
  %y = tgraph.mul %x, %x
  %y3 = tgraph.mul %y, %x
  %z = tgraph.reduce %y3 {op = "sum"}
  tgraph.return %z
}
tgraph.hvp @m wrt(%x) dir(%v) -> @m_hvp
// expect:
// tgraph.module @m_hvp {
//   %x, %v = tgraph.arg, tgraph.tangent : tensor<3xf64>
//   %mul = tgraph.mul %x, %v : tensor<3xf64>
//   %dy = tgraph.add %mul, %mul : tensor<3xf64>
//   %add = tgraph.add %x, %x : tensor<3xf64>
//   %mul_1 = tgraph.mul %v, %add : tensor<3xf64>
//   %add_1 = tgraph.add %dy, %mul_1 : tensor<3xf64>
//   %add_2 = tgraph.add %dy, %add_1 : tensor<3xf64>
//   tgraph.return %add_2 : tensor<3xf64>
// }
