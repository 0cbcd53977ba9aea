// test: vjp
// test: run @pull x=[1.0, 2.0] w=[1.0, 0.0] s=0.0
// test: run @pull x=[1.0, 2.0] w=[0.0, 1.0] s=0.0
// test: run @pull x=[1.0, 2.0] w=[0.0, 0.0] s=2.0
// A cotangent for every output, scalars included, under names of one's own or those of the outputs.
tgraph.module @m {
  %x = tgraph.arg : tensor<2xf64>
  %y = tgraph.mul %x, %x
  %z = tgraph.reduce %y {op = "sum"}
  tgraph.return %y, %z
}
tgraph.vjp @m wrt(%x) seed(%w, %s) -> @pull
tgraph.vjp @m wrt(%x) -> @m_vjp
// expect:
// > vjp
// tgraph.module @pull {
//   %x = tgraph.arg : tensor<2xf64>
//   %w = tgraph.arg : tensor<2xf64>
//   %s = tgraph.arg : f64
//   %y = tgraph.mul %x, %x : tensor<2xf64>
//   %z = tgraph.reduce %y {op = "sum", axes = [0]} : tensor<2xf64> -> f64
//   %broadcast = tgraph.broadcast %s {dims = [], shape = [2]} : f64 -> tensor<2xf64>
//   %y_bar = tgraph.add %w, %broadcast : tensor<2xf64>
//   %mul = tgraph.mul %x, %y_bar : tensor<2xf64>
//   %add = tgraph.add %mul, %mul : tensor<2xf64>
//   tgraph.return %y, %z, %add : tensor<2xf64>, f64, tensor<2xf64>
// }
//
// tgraph.module @m_vjp {
//   %x = tgraph.arg : tensor<2xf64>
//   %y_bar = tgraph.arg : tensor<2xf64>
//   %z_bar = tgraph.arg : f64
//   %y = tgraph.mul %x, %x : tensor<2xf64>
//   %z = tgraph.reduce %y {op = "sum", axes = [0]} : tensor<2xf64> -> f64
//   %broadcast = tgraph.broadcast %z_bar {dims = [], shape = [2]} : f64 -> tensor<2xf64>
//   %y_bar_1 = tgraph.add %y_bar, %broadcast : tensor<2xf64>
//   %mul = tgraph.mul %x, %y_bar_1 : tensor<2xf64>
//   %add = tgraph.add %mul, %mul : tensor<2xf64>
//   tgraph.return %y, %z, %add : tensor<2xf64>, f64, tensor<2xf64>
// }
// > run @pull x=[1.0, 2.0] w=[1.0, 0.0] s=0.0
// [1.0, 4.0] : tensor<2xf64>
// 5.0 : f64
// [2.0, 0.0] : tensor<2xf64>
// > run @pull x=[1.0, 2.0] w=[0.0, 1.0] s=0.0
// [1.0, 4.0] : tensor<2xf64>
// 5.0 : f64
// [0.0, 4.0] : tensor<2xf64>
// > run @pull x=[1.0, 2.0] w=[0.0, 0.0] s=2.0
// [1.0, 4.0] : tensor<2xf64>
// 5.0 : f64
// [4.0, 8.0] : tensor<2xf64>
