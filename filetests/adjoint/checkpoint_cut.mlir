// test: adjoint
// Of 100×64 numbers at every step only the 100 are kept that they are spread from: the product is not run again, all else is.
tgraph.module @layer {
  %x = tgraph.arg : tensor<100x8xf64>
  %w = tgraph.arg : tensor<8x1xf64>
  %y = tgraph.matmul %x, %w
  %z = tgraph.broadcast %y {dims = [0, 1], shape = [100, 64]}
  %a = tgraph.sin %z
  %b = tgraph.exp %a
  %c = tgraph.mul %a, %b
  %s = tgraph.reduce %c {op = "sum"}
  tgraph.return %s
}
tgraph.module @cut {
  %x = tgraph.arg : tensor<100x8xf64>
  %w = tgraph.arg : tensor<8x1xf64>
  %s = tgraph.checkpoint @layer(%x, %w) {keep = "cut"}
  %q = tgraph.mul %s, %s
  tgraph.return %q
}
tgraph.adjoint @cut wrt(%w) -> @cut_grad
// expect:
// tgraph.module @layer_adjoint {
//   %x = tgraph.arg : tensor<100x8xf64>
//   %y = tgraph.arg : tensor<100x1xf64>
//   %s_bar = tgraph.arg : f64
//   %z = tgraph.broadcast %y {dims = [0, 1], shape = [100, 64]} : tensor<100x1xf64> -> tensor<100x64xf64>
//   %a = tgraph.sin %z : tensor<100x64xf64>
//   %b = tgraph.exp %a : tensor<100x64xf64>
//   %c_bar = tgraph.broadcast %s_bar {dims = [], shape = [100, 64]} : f64 -> tensor<100x64xf64>
//   %mul = tgraph.mul %b, %c_bar : tensor<100x64xf64>
//   %b_bar = tgraph.mul %a, %c_bar : tensor<100x64xf64>
//   %mul_1 = tgraph.mul %b, %b_bar : tensor<100x64xf64>
//   %a_bar = tgraph.add %mul, %mul_1 : tensor<100x64xf64>
//   %cos = tgraph.cos %z : tensor<100x64xf64>
//   %z_bar = tgraph.mul %a_bar, %cos : tensor<100x64xf64>
//   %reduce = tgraph.reduce %z_bar {op = "sum", axes = [1]} : tensor<100x64xf64> -> tensor<100xf64>
//   %y_bar = tgraph.reshape %reduce {shape = [100, 1]} : tensor<100xf64> -> tensor<100x1xf64>
//   %matmul = tgraph.matmul %x, %y_bar {transpose_a = true} : tensor<8x1xf64>
//   tgraph.return %matmul : tensor<8x1xf64>
// }
//
// tgraph.module @cut_grad {
//   %x = tgraph.arg : tensor<100x8xf64>
//   %w = tgraph.arg : tensor<8x1xf64>
//   %s = tgraph.checkpoint @layer(%x, %w) {keep = "cut"} : f64
//   %s_bar = tgraph.add %s, %s : f64
//   %y = tgraph.matmul %x, %w : tensor<100x1xf64>
//   %checkpoint = tgraph.checkpoint @layer_adjoint(%x, %y, %s_bar) : tensor<8x1xf64>
//   tgraph.return %checkpoint : tensor<8x1xf64>
// }
