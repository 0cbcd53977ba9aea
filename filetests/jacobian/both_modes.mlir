// test: jacobian
// test: run @by_columns x=[1.0, 2.0] a=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
// test: run @by_rows x=[1.0, 2.0] a=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
// test: run @any_J x=[1.0, 2.0]
// y = A x² : ∂y/∂x = 2 A diag x, ∂y/∂A has four axes.
tgraph.module @m {
  %x = tgraph.arg : tensor<2xf64>
  %a = tgraph.arg : tensor<3x2xf64>
  %sq = tgraph.mul %x, %x
  %column = tgraph.reshape %sq {shape = [2, 1]}
  %p = tgraph.matmul %a, %column
  %y = tgraph.reshape %p {shape = [3]}
  tgraph.return %y
}
tgraph.jacobian @m wrt(%x, %a) mode(forward) -> @by_columns
tgraph.jacobian @m wrt(%x, %a) mode(reverse) -> @by_rows
tgraph.module @any {
  %x = tgraph.arg : tensor<?xf64>
  %y = tgraph.sin %x
  tgraph.return %y
}
tgraph.jacobian @any wrt(%x) -> @any_J
// expect:
// > jacobian
// tgraph.module @by_columns {
//   %x = tgraph.arg : tensor<2xf64>
//   %a = tgraph.arg : tensor<3x2xf64>
//   %sq = tgraph.mul %x, %x : tensor<2xf64>
//   %column = tgraph.reshape %sq {shape = [2, 1]} : tensor<2xf64> -> tensor<2x1xf64>
//   %broadcast = tgraph.broadcast %x {dims = [1], shape = [2, 2]} : tensor<2xf64> -> tensor<2x2xf64>
//   %iota = tgraph.iota {axis = 0} : tensor<2xi64>
//   %broadcast_1 = tgraph.broadcast %iota {dims = [0], shape = [2, 2]} : tensor<2xi64> -> tensor<2x2xi64>
//   %broadcast_2 = tgraph.broadcast %iota {dims = [1], shape = [2, 2]} : tensor<2xi64> -> tensor<2x2xi64>
//   %compare = tgraph.compare %broadcast_1, %broadcast_2 {direction = "eq"} : tensor<2x2xbool>
//   %convert = tgraph.convert %compare {to = "f64"} : tensor<2x2xbool> -> tensor<2x2xf64>
//   %mul = tgraph.mul %broadcast, %convert : tensor<2x2xf64>
//   %dsq = tgraph.add %mul, %mul : tensor<2x2xf64>
//   %dcolumn = tgraph.reshape %dsq {shape = [2, 2, 1]} : tensor<2x2xf64> -> tensor<2x2x1xf64>
//   %reshape = tgraph.reshape %dcolumn {shape = [2, 2]} : tensor<2x2x1xf64> -> tensor<2x2xf64>
//   %matmul = tgraph.matmul %reshape, %a {transpose_b = true} : tensor<2x3xf64>
//   %dp = tgraph.reshape %matmul {shape = [2, 3, 1]} : tensor<2x3xf64> -> tensor<2x3x1xf64>
//   %dy = tgraph.reshape %dp {shape = [2, 3]} : tensor<2x3x1xf64> -> tensor<2x3xf64>
//   %iota_1 = tgraph.iota {axis = 0} : tensor<6xi64>
//   %broadcast_3 = tgraph.broadcast %iota_1 {dims = [0], shape = [6, 6]} : tensor<6xi64> -> tensor<6x6xi64>
//   %broadcast_4 = tgraph.broadcast %iota_1 {dims = [1], shape = [6, 6]} : tensor<6xi64> -> tensor<6x6xi64>
//   %compare_1 = tgraph.compare %broadcast_3, %broadcast_4 {direction = "eq"} : tensor<6x6xbool>
//   %convert_1 = tgraph.convert %compare_1 {to = "f64"} : tensor<6x6xbool> -> tensor<6x6xf64>
//   %reshape_1 = tgraph.reshape %convert_1 {shape = [6, 3, 2]} : tensor<6x6xf64> -> tensor<6x3x2xf64>
//   %reshape_2 = tgraph.reshape %reshape_1 {shape = [18, 2]} : tensor<6x3x2xf64> -> tensor<18x2xf64>
//   %matmul_1 = tgraph.matmul %reshape_2, %column : tensor<18x1xf64>
//   %dp_1 = tgraph.reshape %matmul_1 {shape = [6, 3, 1]} : tensor<18x1xf64> -> tensor<6x3x1xf64>
//   %dy_1 = tgraph.reshape %dp_1 {shape = [6, 3]} : tensor<6x3x1xf64> -> tensor<6x3xf64>
//   %dy_dx = tgraph.transpose %dy {permutation = [1, 0]} : tensor<2x3xf64> -> tensor<3x2xf64>
//   %transpose = tgraph.transpose %dy_1 {permutation = [1, 0]} : tensor<6x3xf64> -> tensor<3x6xf64>
//   %dy_da = tgraph.reshape %transpose {shape = [3, 3, 2]} : tensor<3x6xf64> -> tensor<3x3x2xf64>
//   tgraph.return %dy_dx, %dy_da : tensor<3x2xf64>, tensor<3x3x2xf64>
// }
//
// tgraph.module @by_rows {
//   %x = tgraph.arg : tensor<2xf64>
//   %a = tgraph.arg : tensor<3x2xf64>
//   %sq = tgraph.mul %x, %x : tensor<2xf64>
//   %column = tgraph.reshape %sq {shape = [2, 1]} : tensor<2xf64> -> tensor<2x1xf64>
//   %iota = tgraph.iota {axis = 0} : tensor<3xi64>
//   %broadcast = tgraph.broadcast %iota {dims = [0], shape = [3, 3]} : tensor<3xi64> -> tensor<3x3xi64>
//   %broadcast_1 = tgraph.broadcast %iota {dims = [1], shape = [3, 3]} : tensor<3xi64> -> tensor<3x3xi64>
//   %compare = tgraph.compare %broadcast, %broadcast_1 {direction = "eq"} : tensor<3x3xbool>
//   %convert = tgraph.convert %compare {to = "f64"} : tensor<3x3xbool> -> tensor<3x3xf64>
//   %p_bar = tgraph.reshape %convert {shape = [3, 3, 1]} : tensor<3x3xf64> -> tensor<3x3x1xf64>
//   %reshape = tgraph.reshape %p_bar {shape = [9, 1]} : tensor<3x3x1xf64> -> tensor<9x1xf64>
//   %matmul = tgraph.matmul %reshape, %column {transpose_b = true} : tensor<9x2xf64>
//   %dy_da = tgraph.reshape %matmul {shape = [3, 3, 2]} : tensor<9x2xf64> -> tensor<3x3x2xf64>
//   %reshape_1 = tgraph.reshape %p_bar {shape = [3, 3]} : tensor<3x3x1xf64> -> tensor<3x3xf64>
//   %matmul_1 = tgraph.matmul %reshape_1, %a : tensor<3x2xf64>
//   %column_bar = tgraph.reshape %matmul_1 {shape = [3, 2, 1]} : tensor<3x2xf64> -> tensor<3x2x1xf64>
//   %sq_bar = tgraph.reshape %column_bar {shape = [3, 2]} : tensor<3x2x1xf64> -> tensor<3x2xf64>
//   %broadcast_2 = tgraph.broadcast %x {dims = [1], shape = [3, 2]} : tensor<2xf64> -> tensor<3x2xf64>
//   %mul = tgraph.mul %sq_bar, %broadcast_2 : tensor<3x2xf64>
//   %dy_dx = tgraph.add %mul, %mul : tensor<3x2xf64>
//   tgraph.return %dy_dx, %dy_da : tensor<3x2xf64>, tensor<3x3x2xf64>
// }
//
// tgraph.module @any_J {
//   %x = tgraph.arg : tensor<?xf64>
//   %reshape = tgraph.reshape %x {shape = [-1]} : tensor<?xf64>
//   %repeat = tgraph.repeat %reshape, %reshape {axis = 0} : tensor<?x?xf64>
//   %iota = tgraph.iota %repeat {axis = 0} : tensor<?x?xf64> -> tensor<?x?xi64>
//   %iota_1 = tgraph.iota %repeat {axis = 1} : tensor<?x?xf64> -> tensor<?x?xi64>
//   %compare = tgraph.compare %iota, %iota_1 {direction = "eq"} : tensor<?x?xbool>
//   %convert = tgraph.convert %compare {to = "f64"} : tensor<?x?xbool> -> tensor<?x?xf64>
//   %cos = tgraph.cos %x : tensor<?xf64>
//   %repeat_1 = tgraph.repeat %cos, %convert {axis = 0} : tensor<?x?xf64>
//   %dy = tgraph.mul %convert, %repeat_1 : tensor<?x?xf64>
//   %dy_dx = tgraph.transpose %dy {permutation = [1, 0]} : tensor<?x?xf64>
//   tgraph.return %dy_dx : tensor<?x?xf64>
// }
// > run @by_columns x=[1.0, 2.0] a=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
// [[2.0, 8.0], [6.0, 16.0], [10.0, 24.0]] : tensor<3x2xf64>
// [[[1.0, 4.0], [0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 4.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0], [1.0, 4.0]]] : tensor<3x3x2xf64>
// > run @by_rows x=[1.0, 2.0] a=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
// [[2.0, 8.0], [6.0, 16.0], [10.0, 24.0]] : tensor<3x2xf64>
// [[[1.0, 4.0], [0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 4.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0], [1.0, 4.0]]] : tensor<3x3x2xf64>
// > run @any_J x=[1.0, 2.0]
// [[0.5403023058681398, 0.0], [-0.0, -0.4161468365471424]] : tensor<2x2xf64>
