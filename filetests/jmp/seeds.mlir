// test: jmp
// test: run @m_jmp x=[1.0, 2.0] a=3.0 w=[1.0, 1.0] v=[[1.0, 0.0]] da=[0.0]
// Of outputs that are no scalar: their vector-Jacobian product, and its derivatives.
tgraph.module @m {
  %x = tgraph.arg : tensor<2xf64>
  %a = tgraph.arg : f64
  %as = tgraph.broadcast %a {dims = [], shape = [2]}
  %sq = tgraph.mul %x, %x
  %y = tgraph.mul %sq, %as
  tgraph.return %y
}
tgraph.jmp @m wrt(%x, %a) dir(%v, %da) seed(%w) size(1) -> @m_jmp
// expect:
// > jmp
// tgraph.module @m_jmp {
//   %x = tgraph.arg : tensor<2xf64>
//   %a = tgraph.arg : f64
//   %w = tgraph.arg : tensor<2xf64>
//   %v = tgraph.arg : tensor<1x2xf64>
//   %da = tgraph.arg : tensor<1xf64>
//   %as = tgraph.broadcast %a {dims = [], shape = [2]} : f64 -> tensor<2xf64>
//   %sq = tgraph.mul %x, %x : tensor<2xf64>
//   %as_bar = tgraph.mul %w, %sq : tensor<2xf64>
//   %sq_bar = tgraph.mul %w, %as : tensor<2xf64>
//   %mul = tgraph.mul %x, %sq_bar : tensor<2xf64>
//   %reduce = tgraph.reduce %as_bar {op = "sum", axes = [0]} : tensor<2xf64> -> f64
//   %add = tgraph.add %mul, %mul : tensor<2xf64>
//   %das = tgraph.broadcast %da {dims = [0], shape = [1, 2]} : tensor<1xf64> -> tensor<1x2xf64>
//   %broadcast = tgraph.broadcast %x {dims = [1], shape = [1, 2]} : tensor<2xf64> -> tensor<1x2xf64>
//   %mul_1 = tgraph.mul %v, %broadcast : tensor<1x2xf64>
//   %dsq = tgraph.add %mul_1, %mul_1 : tensor<1x2xf64>
//   %broadcast_1 = tgraph.broadcast %w {dims = [1], shape = [1, 2]} : tensor<2xf64> -> tensor<1x2xf64>
//   %das_bar = tgraph.mul %dsq, %broadcast_1 : tensor<1x2xf64>
//   %dsq_bar = tgraph.mul %das, %broadcast_1 : tensor<1x2xf64>
//   %broadcast_2 = tgraph.broadcast %sq_bar {dims = [1], shape = [1, 2]} : tensor<2xf64> -> tensor<1x2xf64>
//   %mul_2 = tgraph.mul %v, %broadcast_2 : tensor<1x2xf64>
//   %mul_3 = tgraph.mul %broadcast, %dsq_bar : tensor<1x2xf64>
//   %add_1 = tgraph.add %mul_2, %mul_3 : tensor<1x2xf64>
//   %reduce_1 = tgraph.reduce %das_bar {op = "sum", axes = [1]} : tensor<1x2xf64> -> tensor<1xf64>
//   %add_2 = tgraph.add %add_1, %add_1 : tensor<1x2xf64>
//   tgraph.return %add, %add_2, %reduce, %reduce_1 : tensor<2xf64>, tensor<1x2xf64>, f64, tensor<1xf64>
// }
// > run @m_jmp x=[1.0, 2.0] a=3.0 w=[1.0, 1.0] v=[[1.0, 0.0]] da=[0.0]
// [6.0, 12.0] : tensor<2xf64>
// [[6.0, 0.0]] : tensor<1x2xf64>
// 5.0 : f64
// [2.0] : tensor<1xf64>
