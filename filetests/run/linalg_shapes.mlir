// test: run @wide a=[[1, 2, 2], [0, 3, 4]] b=[[9], [25]]
// test: run @wide_grad a=[[1, 2, 2], [0, 3, 4]] b=[[9], [25]]
// test: run @deficient a=[[1, 2], [2, 4], [3, 6]] b=[[1], [2], [4]]
// test: run @deficient_grad a=[[1, 2], [2, 4], [3, 6]] b=[[1], [2], [4]]
// test: run @zero a=[[0, 0], [0, 0], [0, 0]]
// Fewer rows than columns: R is low, the singular values are as many as the rows, and `lstsq` gives the shortest solution.
tgraph.module @wide {
  %a = tgraph.arg : tensor<2x3xf64>
  %b = tgraph.arg : tensor<2x1xf64>
  %q, %r, %full = tgraph.qr %a
  %u, %s, %v, %info = tgraph.svd %a
  %x = tgraph.lstsq %a, %b
  %y = tgraph.lstsq %a, %b {tol = 1e-10}
  tgraph.return %q, %r, %s, %x, %y
}
tgraph.module @length {
  %a = tgraph.arg : tensor<2x3xf64>
  %b = tgraph.arg : tensor<2x1xf64>
  %x = tgraph.lstsq %a, %b
  %square = tgraph.mul %x, %x
  %y = tgraph.reduce %square {op = "sum"}
  tgraph.return %y
}
tgraph.adjoint @length wrt(%a, %b) -> @wide_grad
// Columns that depend on each other: with `tol` the shortest of the many best solutions, and its gradient.
tgraph.module @deficient {
  %a = tgraph.arg : tensor<3x2xf64>
  %b = tgraph.arg : tensor<3x1xf64>
  %x = tgraph.lstsq %a, %b {tol = 1e-10}
  %p = tgraph.pinv %a
  tgraph.return %x, %p
}
tgraph.module @size {
  %a = tgraph.arg : tensor<3x2xf64>
  %b = tgraph.arg : tensor<3x1xf64>
  %x = tgraph.lstsq %a, %b {tol = 1e-10}
  %square = tgraph.mul %x, %x
  %y = tgraph.reduce %square {op = "sum"}
  tgraph.return %y
}
tgraph.adjoint @size wrt(%a, %b) -> @deficient_grad
tgraph.module @zero {
  %a = tgraph.arg : tensor<3x2xf64>
  %p = tgraph.pinv %a
  tgraph.return %p
}
