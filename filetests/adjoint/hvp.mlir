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
//   %y = tgraph.mul %x, %x : tensor<3xf64>
//   %y3 = tgraph.mul %x, %y : tensor<3xf64>
//   %z = tgraph.reduce %y3 {op = "sum", axes = [0]} : tensor<3xf64> -> f64
//   %mul = tgraph.mul %x, %v : tensor<3xf64>
//   %add = tgraph.add %mul, %mul : tensor<3xf64>
//   %mul_1 = tgraph.mul %y, %v : tensor<3xf64>
//   %mul_2 = tgraph.mul %x, %add : tensor<3xf64>
//   %add_1 = tgraph.add %mul_1, %mul_2 : tensor<3xf64>
//   %reduce = tgraph.reduce %add_1 {op = "sum", axes = [0]} : tensor<3xf64> -> f64
//   %constant = tgraph.constant {value = 1.0} : f64
//   %broadcast = tgraph.broadcast %constant {dims = [], shape = [3]} : f64 -> tensor<3xf64>
//   %add_2 = tgraph.add %x, %x : tensor<3xf64>
//   %mul_3 = tgraph.mul %v, %add_2 : tensor<3xf64>
//   %add_3 = tgraph.add %add, %mul_3 : tensor<3xf64>
//   %add_4 = tgraph.add %add, %add_3 : tensor<3xf64>
//   tgraph.return %add_4 : tensor<3xf64>
// }
