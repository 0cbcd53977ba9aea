// test: run @systems a=[[0, 2], [4, 1]] b=[[2], [6]]
// test: run @systems a=[[1, 2], [2, 4]] b=[[2], [6]]
// test: run @systems_grad a=[[0, 2], [4, 1]] b=[[2], [6]]
// test: run @covariance k=[[4, 9], [2, 5]]
// test: run @covariance k=[[4, 9], [2, 1]]
// test: run @covariance_grad k=[[4, 9], [2, 5]]
// test: run @fit a=[[1, 0], [1, 1], [1, 2]] b=[[1], [3], [5]]
// test: run @spectrum a=[[2, 9], [0, 3]] t=[[3, 0], [0, -4], [0, 0]]
// Pivots exchange rows; a singular matrix has factors and a status, and its solution is not finite; the upper triangle of a symmetric
// matrix is not read, and gets no gradient.
tgraph.module @systems {
  %a = tgraph.arg : tensor<2x2xf64>
  %b = tgraph.arg : tensor<2x1xf64>
  %f, %rows, %info = tgraph.lu %a
  %x = tgraph.solve %a, %b
  %y = tgraph.solve %a, %b {transpose = true}
  %d = tgraph.det %a
  %log, %sign = tgraph.slogdet %a
  tgraph.return %f, %rows, %info, %x, %y, %d, %sign
}
tgraph.module @first {
  %a = tgraph.arg : tensor<2x2xf64>
  %b = tgraph.arg : tensor<2x1xf64>
  %x = tgraph.solve %a, %b
  %s = tgraph.reduce %x {op = "sum"}
  tgraph.return %s
}
tgraph.adjoint @first wrt(%a, %b) -> @systems_grad
tgraph.module @covariance {
  %k = tgraph.arg : tensor<2x2xf64>
  %l, %info = tgraph.cholesky %k
  %i = tgraph.inverse %k {structure = "positive_definite"}
  %log = tgraph.logdet %k
  tgraph.return %l, %info, %i, %log
}
tgraph.module @log {
  %k = tgraph.arg : tensor<2x2xf64>
  %log = tgraph.logdet %k
  tgraph.return %log
}
tgraph.adjoint @log wrt(%k) -> @covariance_grad
tgraph.module @fit {
  %a = tgraph.arg : tensor<?x2xf64>
  %b = tgraph.arg : tensor<?x1xf64>
  %x = tgraph.lstsq %a, %b
  %q, %r, %info = tgraph.qr %a
  %back = tgraph.triangular_solve %r, %x {upper = true}
  tgraph.return %x, %info, %back
}
tgraph.module @spectrum {
  %a = tgraph.arg : tensor<2x2xf64>
  %t = tgraph.arg : tensor<3x2xf64>
  %w, %v, %info = tgraph.eigh %a
  %u, %s, %z, %done = tgraph.svd %t
  tgraph.return %w, %v, %info, %u, %s, %z, %done
}
// expect:
// > run @systems a=[[0, 2], [4, 1]] b=[[2], [6]]
// [[4.0, 1.0], [0.0, 2.0]] : tensor<2x2xf64>
// [1, 0] : tensor<2xi64>
// 0 : i64
// [[1.25], [1.0]] : tensor<2x1xf64>
// [[2.75], [0.5]] : tensor<2x1xf64>
// -8.0 : f64
// -1.0 : f64
// > run @systems a=[[1, 2], [2, 4]] b=[[2], [6]]
// [[2.0, 4.0], [0.5, 0.0]] : tensor<2x2xf64>
// [1, 0] : tensor<2xi64>
// 2 : i64
// [[inf], [-inf]] : tensor<2x1xf64>
// [[inf], [-inf]] : tensor<2x1xf64>
// -0.0 : f64
// -0.0 : f64
// > run @systems_grad a=[[0, 2], [4, 1]] b=[[2], [6]]
// [[-0.46875, -0.375], [-0.3125, -0.25]] : tensor<2x2xf64>
// [[0.375], [0.25]] : tensor<2x1xf64>
// > run @covariance k=[[4, 9], [2, 5]]
// [[2.0, 0.0], [1.0, 2.0]] : tensor<2x2xf64>
// 0 : i64
// [[0.3125, -0.125], [-0.125, 0.25]] : tensor<2x2xf64>
// 2.772588722239781 : f64
// > run @covariance k=[[4, 9], [2, 1]]
// [[2.0, 0.0], [1.0, nan]] : tensor<2x2xf64>
// 2 : i64
// [[nan, nan], [nan, nan]] : tensor<2x2xf64>
// nan : f64
// > run @covariance_grad k=[[4, 9], [2, 5]]
// [[0.3125, 0.0], [-0.25, 0.25]] : tensor<2x2xf64>
// > run @fit a=[[1, 0], [1, 1], [1, 2]] b=[[1], [3], [5]]
// [[0.9999999999999997], [2.0000000000000004]] : tensor<2x1xf64>
// 0 : i64
// [[0.8368632931834701], [-1.4142135623730956]] : tensor<2x1xf64>
// > run @spectrum a=[[2, 9], [0, 3]] t=[[3, 0], [0, -4], [0, 0]]
// [2.0, 3.0] : tensor<2xf64>
// [[1.0, 0.0], [0.0, 1.0]] : tensor<2x2xf64>
// 0 : i64
// [[0.0, -1.0], [-1.0, 0.0], [0.0, 0.0]] : tensor<3x2xf64>
// [4.0, 3.0] : tensor<2xf64>
// [[0.0, -1.0], [1.0, 0.0]] : tensor<2x2xf64>
// 0 : i64
