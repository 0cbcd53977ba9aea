// test: run @rows x=[[1, 2], [3, 4], [5, 6]] i=[2, -1, 0, 2, 7]
// test: run @rows_grad x=[[1, 2], [3, 4], [5, 6]] i=[2, -1, 0, 2, 7]
// test: run @windows x=[1, 2, 3, 4] u=[10, 20] k=9
// test: run @windows x=[1, 2, 3, 4] u=[10, 20] k=-9
// test: run @windows_grad x=[1, 2, 3, 4] u=[10, 20] k=1
// test: run @order x=[3, nan, -0.0, 0.0, -inf, 3]
// test: run @order_grad x=[3, 5, -0.0, 0.0, -1, 3]
// test: run @sums x=[1, 2, 3, 4, 5]
// An index outside takes no row, and its transpose adds nothing; a window is moved inside; NaN is sorted last; equal
// elements keep their order.
tgraph.module @rows {
  %x = tgraph.arg : tensor<?x2xf64>
  %i = tgraph.arg : tensor<?xi64>
  %y = tgraph.gather %x, %i {axis = 0}
  %s = tgraph.scatter_add %y, %i {axis = 0, extent = 4}
  %h = tgraph.one_hot %i {extent = 3, to = "f64"}
  tgraph.return %y, %s, %h
}
tgraph.module @rows_square {
  %x = tgraph.arg : tensor<?x2xf64>
  %i = tgraph.arg : tensor<?xi64>
  %y = tgraph.gather %x, %i {axis = 0}
  %z = tgraph.mul %y, %y
  %l = tgraph.reduce %z {op = "sum"}
  tgraph.return %l
}
tgraph.adjoint @rows_square wrt(%x) -> @rows_grad
tgraph.module @windows {
  %x = tgraph.arg : tensor<?xf64>
  %u = tgraph.arg : tensor<2xf64>
  %k = tgraph.arg : i64
  %y = tgraph.dynamic_slice %x, %k {axis = 0, size = 2}
  %z = tgraph.dynamic_update_slice %x, %u, %k {axis = 0}
  tgraph.return %y, %z
}
tgraph.module @windows_square {
  %x = tgraph.arg : tensor<?xf64>
  %u = tgraph.arg : tensor<2xf64>
  %k = tgraph.arg : i64
  %z = tgraph.dynamic_update_slice %x, %u, %k {axis = 0}
  %y = tgraph.mul %z, %z
  %l = tgraph.reduce %y {op = "sum"}
  tgraph.return %l
}
tgraph.adjoint @windows_square wrt(%x, %u) -> @windows_grad
tgraph.module @order {
  %x = tgraph.arg : tensor<?xf64>
  %s = tgraph.sort %x {axis = 0}
  %i = tgraph.argsort %x {axis = 0}
  %r = tgraph.reverse %x {axes = [0]}
  %a = tgraph.argmax %x {axis = 0}
  %b = tgraph.argmin %x {axis = 0}
  tgraph.return %s, %i, %r, %a, %b
}
tgraph.module @order_weighted {
  %x = tgraph.arg : tensor<6xf64>
  %s = tgraph.sort %x {axis = 0}
  %w = tgraph.iota {axis = 0} : tensor<6xf64>
  %y = tgraph.mul %s, %w
  %l = tgraph.reduce %y {op = "sum"}
  tgraph.return %l
}
tgraph.adjoint @order_weighted wrt(%x) -> @order_grad
tgraph.module @sums {
  %x = tgraph.arg : tensor<?xf64>
  %a = tgraph.cumsum %x {axis = 0}
  %b = tgraph.cumsum %x {axis = 0, reverse = true}
  tgraph.return %a, %b
}
// expect:
// > run @rows x=[[1, 2], [3, 4], [5, 6]] i=[2, -1, 0, 2, 7]
// [[5.0, 6.0], [0.0, 0.0], [1.0, 2.0], [5.0, 6.0], [0.0, 0.0]] : tensor<5x2xf64>
// [[1.0, 2.0], [0.0, 0.0], [10.0, 12.0], [0.0, 0.0]] : tensor<4x2xf64>
// [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]] : tensor<5x3xf64>
// > run @rows_grad x=[[1, 2], [3, 4], [5, 6]] i=[2, -1, 0, 2, 7]
// [[2.0, 4.0], [0.0, 0.0], [20.0, 24.0]] : tensor<3x2xf64>
// > run @windows x=[1, 2, 3, 4] u=[10, 20] k=9
// [3.0, 4.0] : tensor<2xf64>
// [1.0, 2.0, 10.0, 20.0] : tensor<4xf64>
// > run @windows x=[1, 2, 3, 4] u=[10, 20] k=-9
// [1.0, 2.0] : tensor<2xf64>
// [10.0, 20.0, 3.0, 4.0] : tensor<4xf64>
// > run @windows_grad x=[1, 2, 3, 4] u=[10, 20] k=1
// [2.0, 0.0, 0.0, 8.0] : tensor<4xf64>
// [20.0, 40.0] : tensor<2xf64>
// > run @order x=[3, nan, -0.0, 0.0, -inf, 3]
// [-inf, -0.0, 0.0, 3.0, 3.0, nan] : tensor<6xf64>
// [4, 2, 3, 0, 5, 1] : tensor<6xi64>
// [3.0, -inf, 0.0, -0.0, nan, 3.0] : tensor<6xf64>
// 1 : i64
// 1 : i64
// > run @order_grad x=[3, 5, -0.0, 0.0, -1, 3]
// [3.0, 5.0, 1.0, 2.0, 0.0, 4.0] : tensor<6xf64>
// > run @sums x=[1, 2, 3, 4, 5]
// [1.0, 3.0, 6.0, 10.0, 15.0] : tensor<5xf64>
// [15.0, 14.0, 12.0, 9.0, 5.0] : tensor<5xf64>
