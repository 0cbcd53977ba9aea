// test: vmap
// test: run @layer_rows x=[[[1.0, 2.0]], [[3.0, 4.0]]] w=[[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]] b=[0.0, 1.0, 2.0]
// One row through a layer; then many, with the weights shared.
tgraph.module @layer {
  %x = tgraph.arg : tensor<1x2xf64>
  %w = tgraph.arg : tensor<2x3xf64>
  %b = tgraph.arg : tensor<3xf64>
  %z = tgraph.matmul %x, %w
  %bias = tgraph.broadcast %b {dims = [1], shape = [1, 3]}
  %a = tgraph.add %z, %bias
  %scale = tgraph.exp %b
  tgraph.return %a, %scale
}
tgraph.vmap @layer over(%x) size(2) -> @layer_rows
tgraph.vmap @layer over(%x) -> @layer_any
// expect:
// > vmap
// tgraph.module @layer_rows {
//   %x = tgraph.arg : tensor<2x1x2xf64>
//   %w = tgraph.arg : tensor<2x3xf64>
//   %b = tgraph.arg : tensor<3xf64>
//   %reshape = tgraph.reshape %x {shape = [2, 2]} : tensor<2x1x2xf64> -> tensor<2x2xf64>
//   %matmul = tgraph.matmul %reshape, %w : tensor<2x3xf64>
//   %z = tgraph.reshape %matmul {shape = [2, 1, 3]} : tensor<2x3xf64> -> tensor<2x1x3xf64>
//   %bias = tgraph.broadcast %b {dims = [1], shape = [1, 3]} : tensor<3xf64> -> tensor<1x3xf64>
//   %broadcast = tgraph.broadcast %bias {dims = [1, 2], shape = [2, 1, 3]} : tensor<1x3xf64> -> tensor<2x1x3xf64>
//   %a = tgraph.add %z, %broadcast : tensor<2x1x3xf64>
//   %scale = tgraph.exp %b : tensor<3xf64>
//   %broadcast_1 = tgraph.broadcast %scale {dims = [1], shape = [2, 3]} : tensor<3xf64> -> tensor<2x3xf64>
//   tgraph.return %a, %broadcast_1 : tensor<2x1x3xf64>, tensor<2x3xf64>
// }
//
// tgraph.module @layer_any {
//   %x = tgraph.arg : tensor<?x1x2xf64>
//   %w = tgraph.arg : tensor<2x3xf64>
//   %b = tgraph.arg : tensor<3xf64>
//   %repeat = tgraph.repeat %w, %x {axis = 0} : tensor<?x2x3xf64>
//   %z = tgraph.matmul %x, %repeat : tensor<?x1x3xf64>
//   %bias = tgraph.broadcast %b {dims = [1], shape = [1, 3]} : tensor<3xf64> -> tensor<1x3xf64>
//   %repeat_1 = tgraph.repeat %bias, %z {axis = 0} : tensor<?x1x3xf64>
//   %a = tgraph.add %z, %repeat_1 : tensor<?x1x3xf64>
//   %scale = tgraph.exp %b : tensor<3xf64>
//   %repeat_2 = tgraph.repeat %scale, %x {axis = 0} : tensor<?x3xf64>
//   tgraph.return %a, %repeat_2 : tensor<?x1x3xf64>, tensor<?x3xf64>
// }
// > run @layer_rows x=[[[1.0, 2.0]], [[3.0, 4.0]]] w=[[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]] b=[0.0, 1.0, 2.0]
// [[[1.0, 2.5, 4.0]], [[3.0, 4.5, 6.0]]] : tensor<2x1x3xf64>
// [[1.0, 2.718281828459045, 7.38905609893065], [1.0, 2.718281828459045, 7.38905609893065]] : tensor<2x3xf64>
